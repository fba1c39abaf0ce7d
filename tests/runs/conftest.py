"""Sweeps of cheap runs as processes of their own, which can be killed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout

import qhelpers.papers
from qhelpers.runs import execution, experiment, papers, records
from qhelpers.runs.locks import Locks

#: On a full machine everything takes many times longer; a test waits this many seconds for what takes a few.
PATIENCE = 240


#: A paper of tests: its runs need NumPy alone and a hundredth of a second.
OWN = str(Path(__file__).parent / "papers")


@pytest.fixture(autouse=True, scope="module")
def counting():
    """Add the papers of tests, for this process and those that it starts, to the end of a file.

    A folder without ``__init__.py`` is no package to pytest: what is made for a package would stay to the end of all tests.
    """
    before = os.environ.get("QHELPERS_MORE_PAPERS")
    os.environ["QHELPERS_MORE_PAPERS"] = OWN
    qhelpers.papers.__path__.append(OWN)
    papers.papers.cache_clear()
    yield
    qhelpers.papers.__path__.remove(OWN)
    papers.papers.cache_clear()
    del os.environ["QHELPERS_MORE_PAPERS"]
    if before is not None:
        os.environ["QHELPERS_MORE_PAPERS"] = before


class Sweep:
    """A sweep of cheap runs, its records, and the processes that make them."""

    def __init__(self, home: Path, seeds: int, name: str, **only: str) -> None:
        self.home, self.seeds, self.name, self.only = home, seeds, name, only
        self.folder = home / "build" / "records"
        self.file = self.folder / name / "runs.jsonl"
        self.jobs = execution.jobs(experiment.get(name), "quick", "twin", seeds, **only)
        self.processes = []

    def start(self, *arguments):
        """Begin or resume the sweep, in a process group of its own."""
        command = [sys.executable, "-m", "qhelpers.runs", "run", self.name, "--profile", "quick", "--source", "twin"]
        command += [word for key, value in self.only.items() for word in ("--only", f"{key}={value}")]
        command += ["--seeds", str(self.seeds), *arguments]
        environment = os.environ | {"QHELPERS_RECORDS": str(self.home / "records")}
        process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def wait_for(self, n_lines, process):
        """Wait until so many runs are recorded, or the process has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.lines() < n_lines and process.poll() is None:
            assert time.monotonic() < deadline, f"{self.lines()} of {n_lines} runs after {PATIENCE} s"
            time.sleep(0.01)

    def pause(self, process):
        """Stop a process in the midst of its runs, while it does not write a record (others would wait for that)."""
        self.wait_for(self.lines() + 1, process)
        while True:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # all its threads
            assert process.poll() is None, "the sweep ended before it could be stopped"
            with contextlib.suppress(Timeout), FileLock(self.file.parent / ".lock", timeout=0):
                return
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)

    def end(self, process):
        """Wait for the end of a process; returns its exit code, output and errors."""
        output, errors = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in errors, errors
        return process.returncode, output, errors

    def lines(self):
        """Number of whole lines recorded so far."""
        return sum(path.read_bytes().count(b"\n") for path in self.file.parent.glob("runs*.jsonl"))

    def whole(self):
        """All records so far: each once, those that keep arrays with them. A torn last line is passed over."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = records.read(self.name, self.folder)
        assert len({record.id for record in found}) == len(found), "a run is recorded twice"
        network = [one for one in found if one.config["model"].startswith("qnn") and one.config["regime"] == "300+300"]
        assert all(one.arrays() for one in [*network, *(one for one in found if one.config.get("n") == 10)])
        return found

    def complete(self):
        """Every run is recorded once, and nothing half-written is left; returns metrics by id."""
        found = self.whole()
        assert {record.id for record in found} == {execution.run_id(job) for job in self.jobs}
        left = {path.name for path in self.file.parent.iterdir() if path.suffix != ".npz"}
        assert {name for name in left if not re.fullmatch(r"runs(-\d+)?\.(jsonl|torn)", name)} <= {".lock", ".locks"}
        Locks(self.file.parent).mend()
        assert list((self.file.parent / ".locks").iterdir()) == [], "somebody still holds a run"
        return {record.id: record.metrics for record in found}

    @staticmethod
    def group(process):
        """Processes that a process has started and that are alive, itself among them."""
        found = []
        for one in psutil.process_iter():
            try:
                if os.getpgid(one.pid) == process.pid and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        return found

    def workers(self, process):
        """Processes that make the runs of a process."""
        found = []
        for one in self.group(process):
            with contextlib.suppress(psutil.NoSuchProcess):  # others come and go while a process starts
                if any("spawn_main" in part for part in one.cmdline()):
                    found.append(one)
        return found

    def gone(self, process):
        """Wait until nothing that a process had started is alive."""
        deadline = time.monotonic() + PATIENCE
        while left := self.group(process):
            assert time.monotonic() < deadline, f"still alive: {left}"
            time.sleep(0.05)


@pytest.fixture
def sweep(tmp_path):
    """Make a sweep: ``sweep(seeds=40, home=folder)``, or one of another experiment; what still runs at the end is killed."""
    made = []

    def make(seeds=40, name="counting", home=tmp_path, **only):
        made.append(Sweep(home, seeds, name, **only))
        return made[-1]

    yield make
    for one in made:
        for process in one.processes:
            for member in one.group(process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            process.communicate()

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

from qhelpers.runs import execution, experiment, records
from qhelpers.runs.locks import Claims

#: On a full machine everything takes many times longer; a test waits this many seconds for what takes a few.
PATIENCE = 240


class Sweep:
    """A sweep of runs on twins that take some hundredths of a second, its records, and the processes that make them."""

    def __init__(self, home: Path, seeds: int, model: str) -> None:
        self.home, self.seeds, self.model = home, seeds, model
        self.folder = home / "build" / "records"
        self.file = self.folder / "low-energy" / "runs.jsonl"
        self.jobs = execution.jobs(experiment.get("low-energy"), "quick", "twin", seeds, model=model)
        self.processes = []

    def start(self, *arguments):
        """Begin or resume the sweep, in a process group of its own."""
        command = [sys.executable, "-m", "qhelpers.runs", "run", "low-energy", "--profile", "quick", "--source", "twin"]
        command += ["--only", f"model={self.model}", "--seeds", str(self.seeds), *arguments]
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
        """All records so far: each once, a network's of the main regime with its arrays. A torn last line is passed over."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = records.read("low-energy", self.folder)
        assert len({record.id for record in found}) == len(found), "a run is recorded twice"
        kept = [one for one in found if one.config["model"].startswith("qnn") and one.config["regime"] == "300+300"]
        assert all(len(record.arrays()["test_scores"]) for record in kept)
        return found

    def complete(self):
        """Every run is recorded once, and nothing half-written is left; returns metrics by id."""
        found = self.whole()
        assert {record.id for record in found} == {execution.run_id(job) for job in self.jobs}
        left = {path.name for path in self.file.parent.iterdir() if path.suffix != ".npz"}
        assert {name for name in left if not re.fullmatch(r"runs(-\d+)?\.(jsonl|torn)", name)} <= {".lock", ".claims"}
        Claims(self.file.parent).mend()
        assert list((self.file.parent / ".claims").iterdir()) == [], "somebody still holds a run"
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
    """Make a sweep: ``sweep(seeds=40, model="lda", home=folder)``; what still runs at the end is killed."""
    made = []

    def make(seeds=40, model="lda", home=tmp_path):
        made.append(Sweep(home, seeds, model))
        return made[-1]

    yield make
    for one in made:
        for process in one.processes:
            for member in one.group(process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            process.communicate()

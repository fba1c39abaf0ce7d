"""A sweep on a Dask cluster of real processes: the same numbers, a worker or the scheduler killed, nobody there at all."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import qhelpers
from qhelpers.runs import execution, records
from qhelpers.runs.cluster import ClusterError, _check

pytest.importorskip("distributed", reason="distributed is not installed; pip install 'qhelpers[cluster]'")
pytestmark = pytest.mark.timeout(900)
PATIENCE = 240


class Cluster:
    """A scheduler and its workers, each a process of its own on this machine."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.processes = {}
        self.begin("scheduler", "dask_scheduler", "--port", "0", "--scheduler-file", str(self.file))
        self.wait(lambda: self.file.exists() and self.file.read_text().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def begin(self, name, what, *arguments, cwd=None, **variables):
        """Start a process of the cluster; what it says goes to a file."""
        command = [sys.executable, "-m", f"distributed.cli.{what}", "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        with open(self.file.with_name(f"{name}.log"), "wb") as log:
            process = subprocess.Popen([*command, *arguments], cwd=cwd, env=os.environ | variables, stdout=log, stderr=log)
        self.processes[name] = process
        return process

    def add(self, name, threads=1, **variables):
        """Start a worker and wait until it has registered."""
        arguments = ["--no-nanny", "--nthreads", str(threads), "--name", name]
        process = self.begin(name, "dask_worker", self.address, *arguments, **variables)
        self.wait(lambda: "Registered to" in self.file.with_name(f"{name}.log").read_text())
        return process

    @staticmethod
    def wait(what):
        """Wait for a condition."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler without workers."""
    made = Cluster(tmp_path)
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()


def made(errors):
    """Number of runs that were recorded, as the progress bar says."""
    return len(re.findall(r"accuracy [\d.]+ in [\d.]+ s", errors))


def test_a_worker_dies_and_the_numbers_are_those_of_a_serial_run(cluster, sweep):
    first, _ = cluster.add("first"), cluster.add("second")
    spread = sweep(seeds=6)
    process = spread.start("--scheduler", cluster.address)
    spread.wait_for(10, process)
    first.kill()
    code, output, errors = spread.end(process)
    assert code == 0, errors
    assert f"{len(spread.jobs)} runs recorded" in output
    assert made(errors) == len(spread.jobs), "a run was made twice, or not at all"
    metrics = spread.complete()
    for job in spread.jobs[::10]:
        record, _ = execution.execute(job)
        assert metrics[record.id] == record.metrics


def test_networks_and_their_arrays_are_those_of_a_serial_run(cluster, sweep):
    cluster.add("only")
    spread = sweep(seeds=1, name="low-energy", model="qnn-p")
    spread.jobs = [job for job in spread.jobs if job.config["regime"] == "300+300"]
    code, _, errors = spread.end(spread.start("--scheduler", cluster.address, "--only", "regime=300+300"))
    assert code == 0, errors
    spread.complete()
    for record in records.read("low-energy", spread.folder)[:2]:
        job = next(job for job in spread.jobs if execution.run_id(job) == record.id)
        serial, arrays = execution.execute(job)
        assert (serial.metrics, serial.confusion, serial.chosen) == (record.metrics, record.confusion, record.chosen)
        kept = record.arrays()
        assert kept.keys() == arrays.keys()
        assert all((kept[name] == arrays[name].astype(kept[name].dtype)).all() for name in kept)


def test_a_cluster_and_this_machine_share_the_runs(cluster, sweep):
    cluster.add("only")
    shared = sweep(seeds=8)
    both = [shared.start("--scheduler", cluster.address), shared.start("--workers", "1")]
    ends = [shared.end(process) for process in both]
    assert [code for code, _, _ in ends] == [0, 0]
    assert sum(made(errors) for _, _, errors in ends) == len(shared.jobs)
    shared.complete()


def test_the_scheduler_dies_and_another_one_goes_on(cluster, sweep):
    cluster.add("only")
    cut = sweep(seeds=20)
    process = cut.start("--scheduler", cluster.address)
    cut.wait_for(10, process)
    cluster.processes["scheduler"].kill()
    code, _, errors = cut.end(process)
    assert code == 1
    assert f"error: the Dask scheduler at {cluster.address} was lost" in errors
    kept = cut.whole()
    assert 10 <= len(kept) < len(cut.jobs)
    assert cut.end(cut.start("--workers", "2"))[0] == 0
    assert cut.whole()[: len(kept)] == kept
    cut.complete()


def test_ctrl_c_ends_the_command_and_leaves_the_cluster(cluster, sweep):
    cluster.add("only")
    cut = sweep(seeds=30)
    process = cut.start("--scheduler", cluster.address)
    cut.wait_for(10, process)
    process.send_signal(signal.SIGINT)
    code, _, errors = cut.end(process)
    assert code == 130
    assert "Interrupted. Every run that ended is recorded" in errors
    kept = cut.whole()
    assert cut.end(cut.start("--scheduler", cluster.address))[0] == 0
    assert cut.whole()[: len(kept)] == kept
    cut.complete()


def test_what_a_cluster_cannot_do_is_one_sentence(cluster, sweep, tmp_path):
    one = sweep(seeds=1)

    def refused(*arguments):
        code, _, errors = one.end(one.start(*arguments))
        return code, errors.strip().splitlines()[-1]

    code, said = refused("--scheduler", cluster.address)
    assert code == 1
    assert f"has no workers; start some with: dask worker {cluster.address} --nthreads 1" in said
    many = cluster.add("many", threads=2)
    code, said = refused("--scheduler", cluster.address)
    assert code == 1
    assert "has 2 threads; allowed is one" in said
    many.kill()
    many.wait()
    older = tmp_path / "older"
    shutil.copytree(Path(qhelpers.__file__).parent, older / "qhelpers")
    (older / "qhelpers" / "energy.py").write_text("# as it was before\n")
    cluster.add("older", cwd=older)
    code, said = refused("--scheduler", cluster.address)
    assert code == 1
    assert re.search(r"worker tcp://\S+ differs in code: .* there, .* here; make them the same", said)
    assert one.lines() == 0


def test_a_worker_without_the_package_is_one_sentence():
    missing = ModuleNotFoundError("No module named 'qhelpers'")
    client = SimpleNamespace(nthreads=lambda: {"tcp://w:1": 1}, run=lambda *_, **__: {"tcp://w:1": missing})
    with pytest.raises(ClusterError, match=r"tcp://w:1 cannot make these runs \(ModuleNotFoundError: .*\); install qhelpers"):
        _check(client, "tcp://s:1", {})


@pytest.mark.needs_data("occupancy", "ton_iot_gps")
def test_a_worker_without_the_data_is_one_sentence(cluster, sweep, tmp_path):
    cluster.add("bare", QHELPERS_DATA=str(tmp_path / "nothing"), QHELPERS_HOME=str(tmp_path / "nothing"))
    one = sweep(seeds=1, name="low-energy", model="lda")
    code, _, errors = one.end(one.start("--scheduler", cluster.address, "--source", "real"))
    assert code == 1
    assert re.search(r"worker tcp://\S+ differs in data set \w+: missing \(.*\) there, [0-9a-f]{64} here", errors)
    assert one.lines() == 0


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [
        ("tcp://127.0.0.1:9", 1, "error: no Dask scheduler answers at tcp://127.0.0.1:9"),
        ("127.0.0.1:8786", 2, "error: --scheduler '127.0.0.1:8786' is no address; allowed is"),
        ("tcp://", 2, "is no address"),
        ("http://127.0.0.1:8787", 2, "is no address"),
        ("tcp://127.0.0.1:scheduler", 2, "is no address"),
        ("", 2, "is no address"),
    ],
)
def test_an_address_where_nobody_answers_is_one_sentence(sweep, address, code, message):
    one = sweep(seeds=1)
    found, _, errors = one.end(one.start("--scheduler", address))
    assert (found, one.lines()) == (code, 0)
    assert message in errors.strip().splitlines()[-1]
    assert errors.count("error:") == 1


def test_workers_here_and_a_scheduler_exclude_each_other(sweep):
    one = sweep(seeds=1)
    code, _, errors = one.end(one.start("--scheduler", "tcp://127.0.0.1:9", "--workers", "2"))
    assert code == 2
    assert "2 workers were given with a scheduler" in errors

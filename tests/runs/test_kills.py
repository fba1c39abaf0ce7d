"""Sweeps outlive kills at random moments, share their work, and say in a sentence what a disk or a folder refuses."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from qhelpers.runs import execution, records
from qhelpers.runs.locks import Locks

pytestmark = pytest.mark.timeout(900)


def made(errors):
    """Number of runs that a process says to have made."""
    return len(re.findall(r"accuracy [\d.]+ in [\d.]+ s", errors))


def kill_again_and_again(sweep, times, draw):
    """Kill a sweep, all its processes, or one of its workers, each time at a random moment; then let it end."""
    before, kinds = [], {"parent": 0, "all": 0, "worker": 0}
    for _ in range(times):
        process = sweep.start("--workers", "2")
        if draw.random() < 0.8:  # else it may be killed while it still starts
            sweep.wait_for(sweep.lines() + draw.randint(1, min(20, len(sweep.jobs) // (2 * times))), process)
            time.sleep(draw.uniform(0, 0.1))
        else:
            time.sleep(draw.uniform(0, 1))
        assert process.poll() is None, "the sweep is too short for so many kills"
        kind = draw.choice(list(kinds))
        kinds[kind] += 1
        if kind == "all":
            os.killpg(process.pid, signal.SIGKILL)
        elif kind == "parent":
            process.kill()
        else:
            draw.choice(sweep.workers(process) or [process]).kill()
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL or (process.returncode, "a process died" in errors) == (1, True), errors
        sweep.gone(process)
        found = sweep.whole()
        assert found[: len(before)] == before, "a record was lost or changed"
        before = found
    code, output, _ = sweep.end(sweep.start("--workers", "2"))
    assert code == 0
    assert f"{len(before)} of {len(sweep.jobs)} runs recorded" in output
    assert f"{len(sweep.jobs) - len(before)} runs recorded" in output
    return sweep.complete()


@pytest.mark.parametrize(("times", "sweeps"), [(8, {"seeds": 40}), (1, {"seeds": 15, "name": "low-energy", "model": "lda"})])
def test_kills_lose_nothing_and_double_nothing(sweep, times, sweeps):
    """On runs of NumPy alone, and on those of a paper; many more runs than the kills need, however fast the machine is."""
    killed = sweep(**sweeps)
    metrics = kill_again_and_again(killed, times, random.Random(10))
    for job in killed.jobs[::80]:  # and the numbers are those of a run that nobody disturbed
        record, _ = execution.execute(job)
        assert metrics[record.id] == record.metrics


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("model", "seeds"), [("lda", 150), ("qnn-p", 20)])
def test_a_hundred_kills_lose_nothing_and_double_nothing(sweep, model, seeds):
    kill_again_and_again(sweep(seeds=seeds, name="low-energy", model=model), 50, random.Random(100))


WRITER = """
import dataclasses, sys
from pathlib import Path
import numpy as np
from qhelpers.runs import records
folder = Path(sys.argv[1])
first = records.Record(id="", experiment="trial", version="1", config={"data": "occupancy"}, seed=0, source="real",
    fingerprint="f", profile="laptop", metrics={}, confusion={}, chosen={"trials": list(range(2000))}, seconds=0.0,
    cpu_seconds=0.0, train_seconds=0.0, peak_memory_mb=0.0, cpu="", versions={}, finished="")
records.mend("trial", folder)
start = len(records.recorded("trial", folder))
print("ready", flush=True)
for number in range(start, start + 100_000):
    records.append(dataclasses.replace(first, id=f"{number:016x}"), {"numbers": np.full(20_000, number)}, folder)
    print(number, flush=True)
"""


def test_a_writer_killed_in_mid_write_leaves_whole_records(tmp_path):
    draw, told = random.Random(1), -1
    for _ in range(15):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0, 0.4))
        process.kill()
        numbers = process.communicate()[0].split("\n")[:-1]
        told = int(numbers[-1]) if numbers else told
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a torn last line
            found = records.read("trial", tmp_path)
        assert [int(record.id, 16) for record in found] == list(range(len(found)))
        assert len(found) > told, "a run that was told to be recorded is not there"
        assert all((record.arrays()["numbers"] == int(record.id, 16)).all() for record in found[-20:])
    records.mend("trial", tmp_path)
    assert not list((tmp_path / "trial").glob("*.part"))


def test_two_processes_share_the_runs(sweep):
    shared = sweep(seeds=12)
    first = shared.start("--workers", "1")
    shared.pause(first)  # until the other one has begun: either may be slow to start
    second = shared.start("--workers", "1")
    shared.wait_for(shared.lines() + 1, second)
    first.send_signal(signal.SIGCONT)
    ends = [shared.end(process) for process in (first, second)]
    assert [code for code, _, _ in ends] == [0, 0]
    shared.complete()
    each = [made(errors) for _, _, errors in ends]
    assert sum(each) == len(shared.jobs), "a run was made twice, or not at all"
    assert min(each) > len(shared.jobs) / 10, f"they made {each}"


def test_what_a_killed_process_was_at_the_other_one_makes(sweep):
    shared = sweep(seeds=12)
    first = shared.start("--workers", "1")
    shared.wait_for(20, first)
    shared.pause(first)
    before = shared.whole()
    second = shared.start("--workers", "1")
    shared.wait_for(len(before) + 20, second)
    first.kill()
    code, _, errors = shared.end(second)
    assert code == 0
    assert made(errors) == len(shared.jobs) - len(before)
    shared.complete()


def test_three_processes_and_kills_at_random(sweep):
    shared, draw = sweep(seeds=12), random.Random(3)
    for round_ in range(2):
        several = [shared.start("--workers", "1") for _ in range(3)]
        shared.wait_for(30 * (round_ + 1), several[0])
        for process in draw.sample(several, 2):
            process.kill()
        for process in several:
            process.communicate()
        shared.whole()
    assert shared.end(shared.start())[0] == 0
    shared.complete()


def test_locks_of_killed_processes_are_cleared_away_and_those_of_others_respected(sweep):
    one = sweep(seeds=1)
    held = Locks(one.file.parent)
    left = one.file.parent / ".locks" / execution.run_id(one.jobs[0])
    assert held.take(left.name)
    left.with_name("0123456789abcdef").touch()  # as a process leaves that is killed behind its record
    waiting = one.start("--workers", "1")
    one.wait_for(len(one.jobs) - 1, waiting)
    while [path.name for path in left.parent.iterdir()] != [left.name]:
        assert waiting.poll() is None, "it did not wait for the run that is held"
        time.sleep(0.01)
    held.drop_all()
    assert one.end(waiting)[0] == 0
    one.complete()


def test_a_full_disk_is_a_sentence_and_what_was_recorded_is_kept(sweep, small_disk):
    disk = small_disk("size=128k")
    full = sweep(seeds=16, home=disk.path)
    code, _, errors = full.end(full.start("--workers", "2"))
    assert code == 1
    assert re.search(r"error: cannot write records to .*counting \(No space left on device\); make room", errors)
    kept = full.whole()
    assert 0 < len(kept) < len(full.jobs)
    assert not list(full.file.parent.glob("*.part"))
    assert full.file.read_bytes().endswith(b"\n"), "a line was left half-written"
    assert full.end(full.start())[0] == 1
    assert full.whole() == kept
    disk.remount("size=20m")
    assert full.end(full.start())[0] == 0
    assert full.whole()[: len(kept)] == kept
    full.complete()


def test_a_disk_that_fills_at_any_byte_leaves_whole_lines(small_disk, one_record):
    disk = small_disk("size=128k")
    file, filler = disk.path / "trial" / "runs.jsonl", disk.path / "filler"
    refused = 0
    for number in range(40):
        filler.unlink(missing_ok=True)
        records.append(replace(one_record, id=f"{number:016x}"), {}, disk.path)
        before = records.read("trial", disk.path)
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
            while stream.write(
                b"x" * 1024
            ):  # the file system's last page is that of the records, filled to another byte each time
                pass
        long = replace(one_record, id=f"{number + 1000:016x}", chosen={"trials": ["x" * 100] * 50})
        with contextlib.suppress(records.NotRecorded):
            records.append(long, {"numbers": np.arange(100)} if number % 2 else {}, disk.path)
            continue
        refused += 1
        assert records.read("trial", disk.path) == before
        assert file.read_bytes().endswith(b"\n")
        assert not list(file.parent.glob("*.part"))
    assert refused > 30


def test_a_read_only_folder_is_a_sentence(sweep, small_disk):
    disk = small_disk("size=2000k")
    closed = sweep(seeds=1, home=disk.path)
    assert closed.end(closed.start())[0] == 0
    kept = closed.whole()
    disk.remount("ro")
    closed.seeds = 2
    code, _, errors = closed.end(closed.start())
    assert code == 1
    assert re.search(r"error: cannot write records to .*counting \(Read-only file system\); make room or the folder", errors)
    assert closed.whole() == kept


def test_a_folder_of_another_user_is_a_sentence(sweep, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; the read-only file system stands for it")
    (tmp_path / "build").mkdir(mode=0o500)
    closed = sweep(seeds=1)
    code, _, errors = closed.end(closed.start())
    assert code == 1
    assert "Permission denied" in errors


def test_a_stopped_process_does_not_hold_the_others_for_ever(sweep, monkeypatch, tmp_path, one_record):
    monkeypatch.setattr(records, "LOCK_SECONDS", 0.2)
    (tmp_path / "trial").mkdir()
    with FileLock(tmp_path / "trial" / ".lock"), pytest.raises(records.NotRecorded, match=r"another process has held .*\.lock"):
        records.append(one_record, {}, tmp_path)
    records.append(one_record, {}, tmp_path)
    assert len(records.read("trial", tmp_path)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "0 workers; allowed is 1 or more"),
        (["--workers", "-3"], "-3 workers; allowed is 1 or more"),
    ],
)
def test_a_wrong_number_of_workers_is_a_sentence(sweep, arguments, message):
    code, _, errors = (one := sweep(seeds=1)).end(one.start(*arguments))
    assert code == 2
    assert message in errors

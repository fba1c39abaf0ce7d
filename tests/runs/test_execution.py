"""Experiments resume, run in parallel, and say what is wrong in a sentence."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from filelock import FileLock

from qhelpers import datasets
from qhelpers.runs import execution, experiment, records
from qhelpers.runs.__main__ import main

CHEAP = ["--profile", "quick", "--source", "twin", "--only", "model=majority"]
ONLY = ["--profile", "quick", "--source", "twin", "--only", "model=lda", "--only", "regime=300"]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("QHELPERS_RECORDS", str(tmp_path / "records"))
    return tmp_path / "build" / "records"


def test_quick_run_records_and_resumes(folder, capsys):
    assert main(["run", "low-energy", *ONLY, "--seeds", "1", "--workers", "1"]) == 0
    first = records.read("low-energy", folder)
    assert len(first) == 2 and {r.config["model"] for r in first} == {"lda"}
    assert all(r.source == "twin" and 0.5 < r.metrics["accuracy"] <= 1 for r in first)
    assert main(["run", "low-energy", *ONLY, "--seeds", "2", "--workers", "2"]) == 0
    again = records.read("low-energy", folder)
    assert again[:2] == first and sorted(r.seed for r in again) == [0] * 2 + [1] * 2
    assert "2 of 4 runs recorded" in capsys.readouterr().out
    assert main(["run", "low-energy", *ONLY, "--seeds", "2"]) == 0
    assert "0 to make" in capsys.readouterr().out
    assert records.read("low-energy", folder) == again
    assert not records.experiments(folder.parent.parent / "records"), "a twin never reaches the committed folder"


def test_a_run_is_a_function_of_its_seed(folder):
    job = execution.jobs(experiment.get("low-energy"), "quick", "twin", 1, model="qnn-p", data="occupancy", regime="300+300")[0]
    (one, arrays), (two, _) = execution.execute(job), execution.execute(job)
    assert one.metrics == two.metrics and one.id == two.id
    assert len(arrays["test_scores"]) == 300 and len(one.chosen["trials"]) == 3
    assert one.chosen["epochs"] == len(arrays["loss"])
    other, _ = execution.execute(execution.Job(job.experiment, job.config, 1, job.source, job.profile))
    assert other.id != one.id and other.chosen["trials"] != one.chosen["trials"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "low-enrgy"], "experiment 'low-enrgy' is unknown; there are: "),
        (["run", "low-energy", "--profile", "huge"], "profile 'huge' is unknown; allowed are: quick, laptop, paper"),
        (["run", "low-energy", "--source", "fake"], "source 'fake' is unknown; allowed are: twin, real"),
        (["run", "low-energy", "--seeds", "0"], "0 seeds; allowed is 1 or more"),
        (["run", "low-energy", "--only", "model"], "is not KEY=VALUE"),
        (["run", "low-energy", "--only", "model=vqe"], "no config of low-energy has"),
        (["run", "all", "--only", "model=vqe"], "low-energy, "),
        (["status", "nothing"], "experiment 'nothing' is unknown"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(folder, capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_missing_data_is_a_sentence_and_exit_code_2(folder, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("QHELPERS_DATA", str(tmp_path))
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path))
    execution._fingerprint.cache_clear()
    execution._load.cache_clear()
    assert main(["run", "low-energy", "--only", "model=lda"]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_foreign_line_is_a_sentence_and_exit_code_2(folder, capsys):
    (folder / "low-energy").mkdir(parents=True)
    (folder / "low-energy" / "runs.jsonl").write_text("hello\n")
    assert main(["run", "low-energy", *ONLY]) == 2
    assert "line 1 is no record ('hello')" in capsys.readouterr().err


def test_list_names_what_there_is(capsys):
    assert main(["list"]) == 0
    assert "low-energy" in (text := capsys.readouterr().out) and "qnn-h" in text and "laptop" in text


@pytest.mark.parametrize("module", ["qhelpers.runs", "qhelpers.ledger"])
def test_a_pipe_that_nobody_reads_any_more_is_no_error(module):
    """More lines than a pipe holds, of which one is read."""
    process = subprocess.Popen([sys.executable, "-m", module, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.stdout.close()
    assert (process.wait(timeout=240), process.stderr.read()) == (0, b"")


def test_a_column_left_out_can_be_asked_for(folder, capsys):
    assert main(["run", "splits", *CHEAP, "--only", "without=Light", "--workers", "1"]) == 0
    found = records.read("splits", folder)
    assert [r.config["split"] for r in found] == ["random", "official test1", "official test2"]
    assert all(r.config["without"] == ["Light"] and r.config["model"] == "majority" for r in found)
    told = capsys.readouterr()
    assert "data occupancy split random without Light model majority, seed 0" in told.err
    assert "official test2 Light" in " ".join(told.out.split())
    assert not list(folder.rglob("*.npz"))


def test_several_experiments_say_their_cost_before_any_runs(folder, capsys):
    chosen = [*CHEAP, "--seeds", "1", "--only", "data=occupancy"]
    assert main(["run", "splits", "low-energy", *chosen, "--workers", "1"]) == 0
    text = capsys.readouterr().out
    assert text.index("low-energy: 0 of 6 runs") < text.index("6 runs recorded\n")
    assert records.experiments(folder) == ["low-energy", "splits"]
    assert main(["status", *CHEAP, "--seeds", "1", "--only", "split=random"]) == 0
    text = capsys.readouterr().out
    assert "splits: 2 of 4 runs recorded" in text and "low-energy" not in text, "it has no such config"


def test_all_means_every_experiment(folder, capsys):
    assert main(["run", "all", "--profile", "quick", "--source", "twin", "--seeds", "1", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert [line.partition(":")[0] for line in text.splitlines() if "runs recorded in" in line] == experiment.names()


def test_packing_by_command_changes_no_record(folder, monkeypatch, capsys, one_record):
    committed = folder.parent.parent / "records"
    records.append(one_record, {}, committed)
    (committed.parent / "notebooks").mkdir()
    assert main(["pack"]) == 0
    assert [path.name for path in (committed / "trial").glob("runs*")] == ["runs.jsonl.xz"]
    assert records.read("trial", committed) == [one_record]
    assert main(["pack", "nothing"]) == 2
    assert "no records of nothing; there are: trial" in capsys.readouterr().err


def test_dry_run_says_the_cost_and_makes_nothing(folder, capsys):
    assert main(["run", "low-energy", *ONLY, "--dry-run"]) == 0
    assert "minutes of one core" in capsys.readouterr().out
    assert not folder.exists()


def test_asking_what_is_left_loads_no_data(folder, monkeypatch, capsys):
    def load(*arguments, **options):
        raise AssertionError("data were loaded to say what is left")

    monkeypatch.setattr(datasets, "load", load)
    execution._load.cache_clear()
    execution._fingerprint.cache_clear()
    assert main(["status", "low-energy", "--profile", "quick", "--source", "twin"]) == 0
    assert main(["run", "low-energy", *ONLY, "--dry-run"]) == 0
    assert "runs recorded in" in capsys.readouterr().out


def test_ctrl_c_leaves_whole_records_and_the_next_run_goes_on(sweep):
    cut = sweep(seeds=20)
    process = cut.start("--workers", "2")
    cut.wait_for(3, process)
    with FileLock(cut.file.parent / ".lock"):  # nobody is writing: a line that is not yet safe on disk would be taken back
        os.killpg(process.pid, signal.SIGINT)
    code, _, errors = cut.end(process)
    assert code == 130, errors
    assert "Interrupted. Every run that ended is recorded" in errors
    kept = cut.whole()
    assert 3 <= len(kept) < len(cut.jobs)
    assert cut.end(cut.start("--workers", "2"))[0] == 0
    assert cut.whole()[: len(kept)] == kept
    cut.complete()


def test_a_killed_training_goes_on_from_its_checkpoint(sweep, monkeypatch, tmp_path):
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "home"))
    one = sweep(seeds=1, name="long-count")
    file = execution.scratch(execution.run_id(one.jobs[0])) / "count.npy"
    process = one.start("--workers", "1")
    deadline = time.monotonic() + 240
    while not (file.exists() and int(np.load(file)) >= 3) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    one.gone(process)
    assert one.lines() == 0
    assert one.end(one.start("--workers", "1"))[0] == 0
    (record,) = records.read("long-count", one.folder)
    assert 3 <= record.chosen["begun"] < 20, "it began anew"
    assert not file.parent.exists(), "the scratch folder outlives its run"
    assert record.large_weights()["w"].tolist() == [0.0]
    assert not list(one.folder.rglob("*.npz")), "large weights stay outside of the records"
    next((tmp_path / "home" / "weights").iterdir()).unlink()
    with pytest.raises(records.RecordsError, match=rf"make them again with: python -m qhelpers.runs again {record.id}"):
        record.large_weights()


def test_one_seed_of_every_config_can_come_before_the_next_seed():
    found = experiment.get("counting")
    by_config = execution.jobs(found, "quick", "twin", 2)
    by_seed = execution.jobs(dataclasses.replace(found, order="seed"), "quick", "twin", 2)
    assert [job.seed for job in by_config] == [0, 1] * 16
    assert [job.seed for job in by_seed] == [0] * 16 + [1] * 16
    assert sorted(map(str, by_seed)) == sorted(map(str, by_config))


def test_a_run_reads_the_data_sets_that_its_experiment_names(monkeypatch):
    seen = []
    both = dataclasses.replace(
        experiment.get("counting"),
        function=lambda config, seed, *read: seen.append([one.name for one in read]) or experiment.Outcome({"accuracy": 1.0}),
        data=lambda config: tuple(config["sets"]),
    )
    monkeypatch.setattr(execution, "get", lambda name: both)
    sets = ["occupancy", "ton_iot_gps"]
    jobs = [execution.Job("counting", {"sets": named}, 0, "twin", "quick") for named in ([], sets[:1], sets[1:], sets)]
    prints = [execution.fingerprint(job) for job in jobs]
    assert prints[0] == "" and len(set(prints)) == 4
    assert prints[1] == datasets.load("occupancy", source="twin").fingerprint
    found, _ = execution.execute(jobs[3])
    assert seen == [sets] and found.fingerprint == prints[3] and found.confusion == {}


def test_runs_on_a_graphics_card_come_one_at_a_time_or_are_refused(monkeypatch):
    torch = pytest.importorskip("torch")
    needs = dataclasses.replace(experiment.get("counting"), needs=lambda config: experiment.Needs(device="cuda"))
    monkeypatch.setattr(execution, "get", lambda name: needs)
    job = execution.Job("counting", {}, 0, "twin", "quick")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"need a graphics card \(CUDA\), and torch finds none"):
        execution.processes([job])
    for workers in (None, 2):  # whatever was asked for; a cluster's machines may have one
        with pytest.raises(ValueError, match="need a graphics card"):
            execution._here(workers, [job])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert execution.processes([job]) == 1


def test_another_version_of_an_experiment_is_another_run(monkeypatch):
    found = experiment.get("low-energy")
    (job, *_) = execution.jobs(found, "quick", "twin", 1, model="lda", data="occupancy", regime="300")
    before = execution.run_id(job)
    monkeypatch.setattr(execution, "get", lambda _: dataclasses.replace(found, version=found.version + "x"))
    assert execution.run_id(job) != before


def test_nothing_to_run_is_no_error(folder):
    assert list(execution.run([], folder)) == []


def test_a_run_that_fails_is_named_and_stops_no_other(folder):
    good = execution.jobs(experiment.get("low-energy"), "quick", "twin", 2, model="lda", data="occupancy", regime="300")
    bad = execution.Job("low-energy", good[0].config | {"model": "vqe"}, 7, "twin", "quick")
    kept = []
    with pytest.raises(
        experiment.RunsFailed, match=r"1 of 3 runs failed(.|\n)*model vqe, seed 7: ValueError: model 'vqe' is unknown"
    ):
        kept.extend(execution.run([good[0], bad, good[1]], folder, workers=1))
    assert sorted(record.seed for record in records.read("low-energy", folder)) == [0, 1]


@pytest.mark.parametrize(
    ("seconds", "workers", "overhead", "wall"),
    [
        ([1, 1, 1, 1], 2, 0, 2),
        ([3, 1, 1, 1], 2, 0, 3),
        ([1, 1, 4], 2, 0, 5),
        ([2, 5], 8, 0.5, 5.5),
        ([], 3, 1, 0),
        ([1] * 7, 1, 1, 14),
    ],
)
def test_a_sweep_ends_with_its_last_worker(seconds, workers, overhead, wall):
    assert execution.makespan(seconds, workers, overhead) == wall


def test_cost_is_what_was_measured_for_this_code_else_the_estimate(folder, one_record):
    found = experiment.get("low-energy")
    jobs = execution.jobs(found, "quick", "twin", 1, model="lda", data="occupancy")
    common = {"experiment": "low-energy", "config": jobs[0].config}
    for number, (version, seconds) in enumerate([(found.version, 3.0), (found.version, 5.0), ("0", 900.0)]):
        made = dataclasses.replace(one_record, id=f"{number:016x}", version=version, cpu_seconds=seconds, **common)
        records.append(made, {}, folder)
    assert execution.cost(jobs[:2], folder) == [4.0, found.estimate(jobs[1].config)]


@pytest.mark.parametrize(("cores", "free", "each", "fit"), [(4, 64, 1, 4), (64, 6.5, 1, 6), (2, 0.3, 1, 1), (8, 9, 2.5, 3)])
def test_as_many_processes_as_cores_and_memory_allow(monkeypatch, cores, free, each, fit):
    monkeypatch.setattr(execution, "cpu_count", lambda: cores)
    memory = execution.psutil.virtual_memory()._replace(available=int(free * 2**30))
    monkeypatch.setattr(execution.psutil, "virtual_memory", lambda: memory)
    needs = dataclasses.replace(experiment.get("counting"), needs=lambda config: experiment.Needs(memory_gb=each))
    monkeypatch.setattr(execution, "get", lambda name: needs)
    assert execution.processes([execution.Job("counting", {}, 0, "twin", "quick")]) == fit

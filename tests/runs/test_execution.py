"""Experiments resume, run in parallel, and say what is wrong in a sentence."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.low_energy.experiments import tables
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


@pytest.mark.parametrize("regime", tables.REGIMES)
def test_models_of_a_comparison_share_rows_and_never_test_what_they_trained_on(regime):
    dataset = datasets.load("occupancy", source="twin", n=4000)
    by_seed = []
    for seed in (0, 1):
        shared = {"data": "occupancy", "regime": regime}
        network = {"model": "qnn-p", "entangler": "chain", "max_epochs": 2, "learning_rates": [0.1]}
        first, second = (tables.fitted(model | shared, seed, dataset) for model in ({"model": "lda"}, network))
        assert np.array_equal(first.train, second.train) and np.array_equal(first.test, second.test)
        assert not set(first.train) & set(first.test)
        by_seed.append(first.test)
    assert np.array_equal(*by_seed) == (regime == "official")


def test_the_regimes_are_what_they_are_called():
    dataset = datasets.load("occupancy", source="twin", n=4000)
    drawn = {regime: tables.draw(dataset, regime, np.random.default_rng(0), 4) for regime in tables.REGIMES}
    assert {dataset.official[row] for row in drawn["official"][0]} == {"train"}
    assert {dataset.official[row] for row in drawn["official"][1]} == {"test1", "test2"}
    assert sum(map(len, drawn["official"])) == sum(map(len, drawn["everything"])) == len(dataset)
    assert dataset.y[np.concatenate(drawn["balanced"])].mean() == 0.5
    train, test = drawn["time blocks"]
    assert len(train) == 300 and len(test) == 400 and dataset.y[train].mean() == 0.5
    inside = (dataset.time >= dataset.time[test].min()) & (dataset.time <= dataset.time[test].max())
    assert inside.sum() == 400, "the tenth that is tested is one stretch of time"


def test_the_lamp_stands_first_only_where_it_should_and_a_clock_sees_no_sensor():
    dataset = datasets.load("occupancy", source="twin", n=400)
    light = dataset.X["Light"].to_numpy()
    for model, place in (("qnn-p", 2), ("qnn-p-lamp", 0), ("qnn-p-separable-lamp", 0)):
        X = tables.columns({"model": model, "data": "occupancy"}, dataset)
        assert X.shape[1] == 4 and np.array_equal(X[:, place], light)
    assert tables.columns({"model": "date-alone", "data": "occupancy"}, dataset).shape == (400, 1)
    hours = tables.columns({"model": "hour-alone", "data": "occupancy"}, dataset)
    assert set(hours[:, 0]) <= set(range(24)) and set(hours[:, 1]) <= set(range(7))


def test_a_classical_model_tunes_as_often_as_a_network_and_not_on_its_test_rows():
    dataset = datasets.load("occupancy", source="twin", n=4000)
    shared = {"data": "occupancy", "regime": "300+300"}
    found = tables.fitted({"model": "random-fourier"} | shared, 0, dataset)
    assert set(found.chosen) == {"gamma"} and len(found.model.cv_results_["params"]) == len(tables.LEARNING_RATES)
    labels = dataset.y.copy()
    labels[found.test] = 1 - labels[found.test]  # whatever the test rows say, the model is the same
    other = tables.fitted({"model": "random-fourier"} | shared, 0, dataclasses.replace(dataset, y=labels))
    if np.array_equal(other.train, found.train):
        assert np.array_equal(other.model.predict(found.X), found.model.predict(found.X))


def test_training_and_test_rows_are_balanced_and_apart():
    dataset = datasets.load("occupancy", source="twin")
    for regime, sizes in (("300+300", (300, 300)), ("300", (240, 60))):
        train, test = tables.draw(dataset, regime, np.random.default_rng(0))
        assert (len(train), len(test)) == sizes and not set(train) & set(test)
        assert dataset.y[train].mean() == dataset.y[test].mean() == 0.5
    with pytest.raises(ValueError, match="regime 'all' is unknown; allowed are 300\\+300, 300"):
        tables.draw(dataset, "all", np.random.default_rng(0))


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
    execution._dataset.cache_clear()
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
    cells = len(tables.REGIMES)
    assert text.index(f"low-energy: 0 of {cells} runs") < text.index("6 runs recorded\n")
    assert records.experiments(folder) == ["low-energy", "splits"]
    assert main(["status", *CHEAP, "--seeds", "1", "--only", "split=random"]) == 0
    text = capsys.readouterr().out
    assert "splits: 2 of 4 runs recorded" in text and "low-energy" not in text, "it has no such config"


def test_all_means_every_experiment(folder, capsys):
    assert main(["run", "all", "--profile", "quick", "--source", "twin", "--seeds", "1", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert [line.partition(":")[0] for line in text.splitlines() if "runs recorded in" in line] == experiment.names()


def test_dry_run_says_the_cost_and_makes_nothing(folder, capsys):
    assert main(["run", "low-energy", *ONLY, "--dry-run"]) == 0
    assert "minutes of one core" in capsys.readouterr().out
    assert not folder.exists()


def test_ctrl_c_leaves_whole_records_and_the_next_run_goes_on(folder, tmp_path):
    command = [sys.executable, "-m", "qhelpers.runs", "run", "low-energy", "--profile", "quick", "--source", "twin"]
    command += ["--only", "model=random-forest", "--seeds", "40", "--workers", "2"]
    environment = os.environ | {"QHELPERS_RECORDS": str(tmp_path / "records"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    file = folder / "low-energy" / "runs.jsonl"
    deadline = time.monotonic() + 240
    while not (file.exists() and file.read_bytes().count(b"\n") >= 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130, errors.decode()
    assert b"Interrupted. Every run that ended is recorded" in errors
    assert b"Traceback" not in errors
    kept = records.read("low-energy", folder)
    assert 3 <= len(kept) < 160
    assert (
        main(["run", "low-energy", "--profile", "quick", "--source", "twin", "--only", "model=random-forest", "--seeds", "3"])
        == 0
    )
    after = records.read("low-energy", folder)
    assert after[: len(kept)] == kept and len({r.id for r in after}) == len(after)


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


@pytest.mark.parametrize(("cores", "free", "fit"), [(4, 64, 4), (64, 6.5, 6), (2, 0.3, 1)])
def test_as_many_processes_as_cores_and_memory_allow(monkeypatch, cores, free, fit):
    monkeypatch.setattr(execution, "cpu_count", lambda: cores)
    memory = execution.psutil.virtual_memory()._replace(available=int(free * 2**30))
    monkeypatch.setattr(execution.psutil, "virtual_memory", lambda: memory)
    assert execution.processes() == fit

"""Experiments resume, run in parallel, and say what is wrong in a sentence."""

import os
import signal
import subprocess
import sys
import time

import pytest

from qhelpers.runs import execution, experiment, records
from qhelpers.runs.__main__ import main

CHEAP = ["--profile", "quick", "--source", "twin", "--only", "model=majority"]
ONLY = ["--profile", "quick", "--source", "twin", "--only", "model=lda"]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("QHELPERS_RECORDS", str(tmp_path / "records"))
    return tmp_path / "build" / "records"


def test_quick_run_records_and_resumes(folder, capsys):
    assert main(["run", "low-energy", *ONLY, "--seeds", "1", "--workers", "1"]) == 0
    first = records.read("low-energy", folder)
    assert len(first) == 4 and {r.config["model"] for r in first} == {"lda"}
    assert all(r.source == "twin" and 0.5 < r.metrics["accuracy"] <= 1 for r in first)
    assert main(["run", "low-energy", *ONLY, "--seeds", "2", "--workers", "2"]) == 0
    again = records.read("low-energy", folder)
    assert again[:4] == first and sorted(r.seed for r in again) == [0] * 4 + [1] * 4
    assert "4 of 8 runs recorded" in capsys.readouterr().out
    assert main(["run", "low-energy", *ONLY, "--seeds", "2"]) == 0
    assert "0 to make" in capsys.readouterr().out
    assert records.read("low-energy", folder) == again
    assert not records.experiments(folder.parent.parent / "records"), "a twin never reaches the committed folder"


def test_a_run_is_a_function_of_its_seed(folder):
    job = execution.jobs(experiment.get("low-energy"), "quick", "twin", 1, model="qnn-p", data="occupancy", regime="300")[0]
    (one, arrays), (two, _) = execution.execute(job), execution.execute(job)
    assert one.metrics == two.metrics and one.id == two.id
    assert len(arrays["test_scores"]) == 60 and len(one.chosen["trials"]) == 3
    assert one.chosen["epochs"] == len(arrays["loss"])
    other, _ = execution.execute(execution.Job(job.experiment, job.config, 1, job.source, job.profile))
    assert other.id != one.id and other.chosen["trials"] != one.chosen["trials"]


def test_models_of_a_comparison_share_subsample_and_split(folder):
    pairs = [("lda", {}), ("qnn-p", {"entangler": "ring"})]
    rows = []
    for model, extra in pairs:
        job = execution.jobs(
            experiment.get("low-energy"), "quick", "twin", 1, model=model, data="ton_iot_gps", regime="300", **extra
        )[0]
        rows.append(execution.execute(job)[1]["test_rows"])
    assert (rows[0] == rows[1]).all()


def test_training_and_test_rows_are_balanced_and_apart():
    import numpy as np

    from qhelpers import datasets
    from qhelpers.runs.low_energy import draw

    dataset = datasets.load("occupancy", source="twin")
    for regime, sizes in (("300+300", (300, 300)), ("300", (240, 60))):
        train, test = draw(dataset, regime, np.random.default_rng(0))
        assert (len(train), len(test)) == sizes and not set(train) & set(test)
        assert dataset.y[train].mean() == dataset.y[test].mean() == 0.5
    with pytest.raises(ValueError, match="regime 'all' is unknown; allowed are 300\\+300, 300"):
        draw(dataset, "all", np.random.default_rng(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "low-enrgy"], "experiment 'low-enrgy' is unknown; there are: low-energy"),
        (["run", "low-energy", "--profile", "huge"], "profile 'huge' is unknown; allowed are: quick, laptop, paper"),
        (["run", "low-energy", "--source", "fake"], "source 'fake' is unknown; allowed are: twin, real"),
        (["run", "low-energy", "--seeds", "0"], "0 seeds; allowed is 1 or more"),
        (["run", "low-energy", "--only", "model"], "is not KEY=VALUE"),
        (["run", "low-energy", "--only", "model=vqe"], "no config of low-energy has"),
        (["run", "all", "--only", "model=vqe"], "no config of low-energy, splits has"),
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


def test_all_experiments_say_their_cost_before_any_runs(folder, capsys):
    assert main(["run", "all", *CHEAP, "--seeds", "1", "--only", "data=occupancy", "--workers", "1"]) == 0
    text = capsys.readouterr().out
    assert text.index("splits: 0 of 6 runs") < text.index("2 runs recorded\n") < text.index("6 runs recorded\n")
    assert records.experiments(folder) == ["low-energy", "splits"]
    assert main(["status", *CHEAP, "--seeds", "1", "--only", "split=random"]) == 0
    text = capsys.readouterr().out
    assert "splits: 2 of 4 runs recorded" in text and "low-energy" not in text, "it has no such config"


def test_several_experiments_by_name(folder, capsys):
    assert main(["run", "splits", "low-energy", *CHEAP, "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert text.index("splits: 0 of 12") < text.index("low-energy: 0 of 12")


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
    deadline = time.monotonic() + 90
    while not (file.exists() and file.read_bytes().count(b"\n") >= 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
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

import json

import pytest

from qhelpers.ledger import claims
from qhelpers.ledger.__main__ import main

# The command is asked in this process: a start of Python costs more than what is tested.


@pytest.fixture(autouse=True)
def _no_records(monkeypatch, tmp_path):
    monkeypatch.setenv("QHELPERS_RECORDS", str(tmp_path / "records"))


def test_scoreboard(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "Paper 1: Optimizing Low-Energy" in out
    assert "cannot hold" in out
    assert "fall by chance" in out


def test_json_has_one_object_a_claim(capsys):
    from qhelpers import ledger

    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in found] == [claim.id for claim in ledger.claims()]
    needed = {"id", "paper", "where", "quantity", "printed", "measured", "n_seeds", "verdict", "failed_checks"}
    assert all(needed <= set(one) for one in found)


def test_show(capsys):
    assert main(["show", "1.T2.qnn-p.f1"]) == 0
    out = capsys.readouterr().out
    assert "1.T2.qnn-p.f1: cannot hold" in out
    assert "harmonic mean" in out
    assert main(["--json", "show", "1.T2.qnn-p.f1"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "cannot hold"


def test_list(capsys):
    assert main(["list"]) == 0
    assert "1.T1.qnn-p.f1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("--precision 0.93 --recall 0.94 --f1 0.95", 1, "f1-from-precision-recall"),
        ("--precision 0.94 --recall 0.96 --f1 0.95", 0, "All possible."),
        ("--precision 0.70 --recall 0.76 --f1 0.58", 0, "not under every reading"),
        ("--precision 0.70 --recall 0.76 --f1 0.58 --average binary", 1, "Impossible"),
        ("--rmse 11.23 --mae 12.49", 1, "mae-at-most-rmse"),
        ("--rmse 11.23 --mae 8.49 --mse 126.1", 0, "All possible."),
        ("--precision 0.7646 --recall 0.6303 --accuracy 0.71", 0, "All possible."),
        ("--precision 0.7646 --recall 0.6303 --accuracy 0.71 --average binary --positives 150 --negatives 150", 1, "Impossible"),
        ("--fps 300 --latency 7.9ms", 0, "Implausible"),
        ("--p 0.01 --n 5", 0, "smallest-p"),
        ("--t=-2.5 --n 5 --p 0.067", 0, "All possible"),
    ],
)
def test_numbers_of_ones_own(capsys, arguments, code, says):
    assert main(["check", *arguments.split()]) == code
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("show 1.T1.qnnp.f1", "near are 1.T1.qnn-p.f1"),
        ("show nonsense", f"{len(claims('1'))} of paper 1"),
        ("--paper 7", "claims of paper 1"),
        ("check", "give numbers"),
        ("check --f1 0.9 --recall 0.9 --runs 0", "at least 1"),
        ("check --f1 many --recall 0.9", "allowed are forms like"),
        ("check --f1 0.9 --recall 0.9 --positives 3", "give both"),
        ("check --f1 0.9 --recall 0.9 --positives 0 --negatives 3", "at least 1"),
        ("check missing.yaml", "cannot read"),
        ("check missing.yaml --f1 0.9", "not both"),
        ("check --beauty 3", "unrecognized arguments"),
        ("frobnicate", "invalid choice"),
    ],
)
def test_bad_usage(capsys, arguments, says):
    assert main(arguments.split()) == 2
    assert says in capsys.readouterr().err


def test_a_file_keeps_its_digits(capsys, tmp_path):
    path = tmp_path / "mine.yaml"
    # Read as numbers, 0.90 would be 0.9 and pass.
    path.write_text("rows:\n  mine: {precision: 0.90, recall: 0.90, f1: 0.93}\n")
    assert main(["check", str(path)]) == 1
    path.write_text("rows:\n  mine: {precision: 0.9, recall: 0.9, f1: 0.93}\n")
    assert main(["check", str(path)]) == 0
    capsys.readouterr()
    path.write_text("rows:\n  a: {mse: 100.0, rse: 0.250}\n  b: {mse: 100.0, rse: 0.300}\n")
    assert main(["check", str(path), "--json"]) == 1
    assert "one-variance" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "needs 'rows'"),
        ("rows: 3", "map a name to numbers"),
        ("rows: {a: {beauty: 3}}", "unknown quantity"),
        ("rows: {a: {accuracy: many}}", "allowed are forms like"),
        ("rows: {a: {accuracy: 0.9}}\naverages: median", "list of binary"),
        ("rows: {a: {accuracy: 0.9}}\ntest_sets: [{positives: few}]", "whole numbers"),
        ("rows: {a: {accuracy: 0.9}}\ncolour: red", "may have"),
        ("rows: {a: [", "no YAML"),
    ],
)
def test_a_bad_file(capsys, tmp_path, text, says):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert main(["check", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_a_foreign_line_in_the_records_is_named(capsys, monkeypatch, tmp_path):
    folder = tmp_path / "records" / "low-energy"
    folder.mkdir(parents=True)
    (folder / "runs.jsonl").write_text("not a record\n{}\n")
    assert main([]) == 1
    assert "line 1" in capsys.readouterr().err


def test_help_describes_the_command(capsys):
    assert main(["check", "--help"]) == 0
    assert "Exit code" in capsys.readouterr().out

import json
from xml.etree import ElementTree

import pytest

from qhelpers.ledger import check, claims
from qhelpers.ledger.__main__ import main
from qhelpers.ledger.tables import QUANTITIES, Stated, read_csv, recognised, typed

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
        ("--rmse 0.5 --variance 1.0 --r2 0.10", 1, "r2-from-errors"),
        ("--f-statistic 2.35 --df-between 2 --df-within 28 --p .001", 1, "p-from-f"),
        ("--accuracy 0.519 --points 28", 1, "no confusion matrix with 28 rows"),
        ("--accuracy 0.519 --positives 10 --negatives 18", 1, "no confusion matrix with 10 positives"),
        ("--t 2.2 --p .9", 1, "any df"),
        ("--f1 0.9", 3, "Nothing was compared"),
        ("--precision 0.9 --recall 0.8", 3, "precision was not compared with anything; would be with f1"),
        ("--precision 0.94 --recall 0.96 --f1 0.95 --fps 30", 0, "fps was not compared with anything; would be with latency"),
        ("--precision 0.94 --recall 0.96 --accuracy 0.95", 0, "at least 91 test rows"),
        ("--acc 94.1 --sensitivity 0.94", 3, "accuracy 94.1 is read as 94.1 %"),
        ("--rmse 11.23 --mse 130.0", 1, "one test set"),
        ("--rmse 11.23 --mse 130.0 --runs 5", 0, "whether the text means mean over runs"),
        ("--rmse 11.23 --mse 130.0 --folds 5", 0, "not under every reading"),
        ("--t -2.20 --df 14 --p .045", 0, "2-sided"),
        ("--t −2.20 --df 15 --n 15", 1, "degrees-of-freedom"),
        ("--t 2.20 --df 14 --p 1.6×10^-6", 1, "p 1.6e-6 cannot be"),
        ("--p 0.01 --n 5 --test wilcoxon", 1, "smallest-p"),
        ("--cliffs-delta 0.40 --magnitude large", 1, "by convention 0.474 to 1"),
        ("--recall 0.60 --specificity 0.70 --auc 0.95 --average binary", 1, "auc-and-operating-point"),
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


def test_a_stated_test_set_leaves_no_room_for_means_unless_they_are_stated(capsys):
    """mlscorecheck's own example: 530 positives and 902 negatives give no accuracy of 0.92 beside these."""
    row = [
        "--accuracy",
        "0.92",
        "--recall",
        "0.22",
        "--specificity",
        "0.86",
        "--f1",
        "0.3",
        "--positives",
        "530",
        "--negatives",
        "902",
    ]
    assert main(["check", *row]) == 1
    assert "macro, 530 positives" in capsys.readouterr().out
    assert main(["check", *row, "--folds", "10"]) == 0
    assert "means over classes, folds or runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "quantity", "reads", "remark"),
    [
        ("94.1", "accuracy", "94.1%", "read as 94.1 %"),
        ("1", "accuracy", "1", None),
        ("1.000", "f1", "1.000", None),
        ("94,1 %", "accuracy", "94.1 %", "decimal comma"),
        ("0,951", "accuracy", "0.951", "decimal comma"),
        ("1,000", "points", "1,000", None),
        ("1,000", "rmse", "1,000", None),
        ("1,5", "rmse", "1.5", "decimal comma"),
        ("1.6×10^-6", "p", "1.6e-6", None),
        ("1.6 x 10−6", "p", "1.6e-6", None),
        ("3·10⁻⁴", "p", "3e-4", None),
        ("p<.001", "p", "<.001", None),
        ("<= 0.05", "p", "≤ 0.05", None),
        ("−2.5", "t", "-2.5", None),
        ("t = −2.5", "t", "-2.5", None),
        ("**0.95**", "f1", "0.95", None),
        ("93 per cent", "recall", "93%", None),
        ("7.9 ms", "latency", "7.9 ms", None),
        ("-0.33", "mcc", "-0.33", None),
    ],
)
def test_numbers_as_people_type_them(text, quantity, reads, remark):
    plain, told = typed(text, quantity)
    assert plain == reads
    assert (told is None) == (remark is None) and (remark or "") in (told or "")


@pytest.mark.parametrize("text", ["", "many", "1,00,0", "0.9.5", "--", "<"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="allowed are forms like"):
        typed(text, "rmse")


@pytest.mark.parametrize("quantity", check.PARTNERS)
def test_what_is_said_to_tie_a_number_does(capsys, quantity):
    """Each number is named alone; with what it is said to need, it is compared."""
    values = dict.fromkeys(check.PARTNERS, "0.5") | dict.fromkeys(
        ("n", "points", "df_within", "n_1", "n_2", "calls", "reads"), "12"
    )
    values |= {"df_between": "2", "m": "3", "updates": "4", "df": "11", "beta": "2"}
    alone = {quantity: values[quantity]}
    assert main(["check", *(word for name, text in alone.items() for word in (f"--{name.replace('_', '-')}", text))]) == 3
    assert f"{quantity} was not compared with anything" in capsys.readouterr().out
    both = alone | {name: values[name] for name in check.PARTNERS[quantity]}
    assert main(["check", *(word for name, text in both.items() for word in (f"--{name.replace('_', '-')}", text))]) != 3
    assert "not compared" not in capsys.readouterr().out


def test_every_number_that_can_be_tied_says_how():
    never = {"mape", "rse", "overhead", "windows", "parameters", "count", "total", "difference", "ratio"}
    never |= {
        "relative_change",
        "relative_reduction",
        "accuracy_sd",
        "mae_sd",
        "attribution",
        "frequency",
        "fidelity",
        "mape_sd",
        "rse_sd",
        "bias_sd",
    }
    assert set(QUANTITIES) - set(check.PARTNERS) == never


TABLE = """\
Model; Test Acc. (%); Precision; Sensitivity; F1-score; Latency (ms); Notes
ours; 94,1; 0.93; 0.94; 0.95; 7.9; best
theirs; 90.2; 0.91 ± 0.02; 0.90; 0.90; —; x
"""


def test_a_table_as_csv(capsys, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "column 'Notes' is not recognised" in out
    assert "ours: F1 0.95 cannot be" in out
    assert "theirs: precision 0.91 ± 0.02 is read as a mean over runs" in out
    assert "ours latency was not compared" in out
    table = read_csv(path, Stated())
    assert table.rows["ours"] == {"accuracy": "94.1%", "precision": "0.93", "recall": "0.94", "f1": "0.95", "latency": "7.9 ms"}
    path.write_text("model,positives,negatives,accuracy,MAE\na,10,18,0.519,0.5\nb,10,18,0.536,\n")
    assert main(["check", "--json", str(path)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["numbers"] for one in found["checks"] if one["verdict"] == "impossible"] == [["a.accuracy"]]
    assert list(found["not_compared"]) == ["a.mae"]


COLUMNS = {"R²": "r2", "R^2": "r2", "F1-Score ↑": "f1", "AUROC": "auc", "Balanced accuracy": "balanced_accuracy", "p-value": "p"}
COLUMNS |= {"Prec.": "precision", "MCC": "mcc", "n": "n", "Test acc": "accuracy", "RMSE [m]": "rmse", "F0.5": "f_beta"}


@pytest.mark.parametrize(("header", "quantity"), COLUMNS.items())
def test_columns_are_recognised(header, quantity):
    assert recognised(header)[0] == quantity
    assert recognised("Epochs") is None
    assert recognised("F2") == ("f_beta", {"beta": "2"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("accuracy\n", "a header and at least one row"),
        ("a,b\n1,2\n", "none of the columns"),
        ("model,f1\nx,many\n", "forms like"),
    ],
)
def test_a_bad_csv(capsys, tmp_path, text, says):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["check", str(path)]) == 2
    assert says in capsys.readouterr().err


PAPER = """\
title: a paper
tables:
  Table 1:
    test_set: {positives: 10, negatives: 18}
    rows: {ours: {accuracy: 0.519}, theirs: {accuracy: 0.536}}
  Table 2:
    folds: 10
    rows: {ours: {rmse: 11.23, mse: 130.0}, theirs: {rmse: 10.23, mse: 120.0, auc: 0.9}}
"""


def test_the_yaml_of_a_paper(capsys, tmp_path):
    path = tmp_path / "paper.yaml"
    path.write_text(PAPER)
    report = tmp_path / "report.xml"
    assert main(["check", str(path), "--junit", str(report)]) == 1
    out = capsys.readouterr().out
    assert "FAILS     confusion-matrix" in out and "Table 1.ours: accuracy 0.519" in out
    suite = ElementTree.parse(report).getroot()
    assert {name: suite.get(name) for name in ("failures", "skipped", "errors")} == {
        "failures": "1",
        "skipped": "1",
        "errors": "0",
    }
    assert int(suite.get("tests")) == len(suite)
    (failure,) = suite.iter("failure")
    assert failure.get("type") == "impossible" and "0.519" in failure.text
    path.write_text(PAPER.replace("0.519", "0.536"))
    assert main(["check", str(path)]) == 0
    # What the command line says goes before the file.
    assert main(["check", str(path), "--positives", "10", "--negatives", "17"]) == 1


def test_one_word_is_enough(capsys):
    from qhelpers.cli import main as qhelpers

    row = ["--precision", "0.93", "--recall", "0.94", "--f1", "0.95"]
    assert qhelpers(["check", *row]) == qhelpers(["ledger", "check", *row]) == 1
    first, second = capsys.readouterr().out.split("Impossible:")[:2]
    assert first.strip() == second.partition("\n")[2].strip()
    assert qhelpers(["check", "--help"]) == 0
    assert "3: nothing was compared" in capsys.readouterr().out


def test_nothing_compared_is_neither_true_nor_false(capsys):
    assert main(["check", "--json", "--f1", "0.9"]) == 3
    assert json.loads(capsys.readouterr().out)["possible"] is None


def test_a_foreign_line_in_the_records_is_named(capsys, monkeypatch, tmp_path):
    folder = tmp_path / "records" / "low-energy"
    folder.mkdir(parents=True)
    (folder / "runs.jsonl").write_text("not a record\n{}\n")
    assert main([]) == 1
    assert "line 1" in capsys.readouterr().err


def test_help_describes_the_command(capsys):
    assert main(["check", "--help"]) == 0
    assert "Exit code" in capsys.readouterr().out

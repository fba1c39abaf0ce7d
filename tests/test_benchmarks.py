"""The speed benchmark: what it compares is one function, and its table hides nothing."""

import importlib
import json
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def scripts():
    """The benchmark's modules, which are no package: `rows`, `peers`, `run`."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield Namespace(**{name: importlib.import_module(name) for name in ("rows", "peers", "run")})
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in ("rows", "peers", "run"):
            sys.modules.pop(name, None)


def pins(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in found}


def test_peers_are_pinned_and_share_what_the_book_has():
    peers, book = pins(BENCHMARKS / "peers.lock"), pins(ROOT / "requirements.lock")
    assert all(re.fullmatch(r"==[^+]+", specifier) for specifier in peers.values())
    assert {name: peers[name] for name in peers if name in book} == {name: book[name] for name in peers if name in book}
    assert set(pins(BENCHMARKS / "peers.in")) <= set(peers)


def test_every_peer_names_packages_that_are_pinned(scripts):
    locked = pins(BENCHMARKS / "peers.lock")
    for peer in scripts.peers.PEERS.values():
        assert set(peer.packages) <= set(locked)


def test_rows_are_those_of_the_papers(scripts):
    rows = scripts.rows.ROWS
    assert {name: row.n_weights for name, row in rows.items() if not row.further} == {
        "1": 24, "1b": 24, "2": 72, "2b": 72, "3": 40, "3p": 40, "4": 4, "seeds": 24
    }  # fmt: skip
    assert [sum(gate.name == "cx" for gate in rows[name].gates()) for name in ("1", "2", "3", "4")] == [9, 18, 27, 1]
    inputs, targets = scripts.rows.data(rows["2b"], 10_000)
    assert inputs.shape == (10_000, 4) and targets.shape == (10_000, 4) and set(targets.ravel()) == {-1, 1}


@pytest.mark.parametrize("name", ["2", "4", "p", "r4", "z", "t"])
def test_the_reference_agrees_with_pennylane(scripts, name):
    row = scripts.rows.ROWS[name]
    step = scripts.peers.pennylane(row)
    found = step(*step.arrays(*scripts.rows.data(row, scripts.rows.CHECKED)))
    (found["weight_gradient"],) = found["weight_gradient"]
    assert scripts.rows.disagreement(row, found) < 1e-6


def test_a_wrong_result_is_seen(scripts):
    row = scripts.rows.ROWS["4"]
    right = scripts.rows.expected(row)
    assert scripts.rows.disagreement(row, right) == 0
    wrong = right | {"weight_gradient": right["weight_gradient"] + 1e-3}
    assert scripts.rows.disagreement(row, wrong) == pytest.approx(1e-3)
    assert scripts.rows.disagreement(row, {"outputs": right["outputs"]}) == np.inf


def cell(median, **further):
    timed = {"median": median, "quartiles": [median, median], "steps": 3, "seconds": 1.0}
    return {"set_up": 0.1, "note": "", "versions": {}, "difference": 1e-7, "rounds": [timed | further]}


def test_the_table_has_a_number_or_a_reason(scripts):
    run = scripts.run
    options = Namespace(rounds=1, seconds=1, shrink=1)
    good = {"1": {"ours": cell(0.001), "pennylane": cell(0.02), "torq": cell(0.004), "qiskit": {"reason": "does not import"}}}
    assert run.failures(good) == []
    page = run.page(good, options)
    (line,) = [line for line in page.splitlines() if line.startswith("| 1 | QNN-P")]
    assert line.endswith("| 1.00 ms | 20.0 ms | 4.00 ms | (a) | 4.0 |  | 20 |")
    assert "(a) does not import" in page

    unexplained = run.failures({"1": {"ours": cell(0.001), "torq": {}}})
    assert unexplained == ["row 1, torq: neither a number nor a reason"]
    assert run.failures({"1": {"ours": {"reason": "does not import"}}})
    assert run.failures({"1": {"torq": {"reason": "computes something else", "wrong": True}}})


def test_scaling_needs_proportion(scripts):
    run = scripts.run
    kept = run.best(cell(9.0, scaled_from=[16, 32], growth=1.1))
    assert run.entry(cell(9.0, scaled_from=[16, 32], growth=1.1), {}) == "≈ 9,000 ms" and kept["median"] == 9.0
    refused = cell(9.0, scaled_from=[16, 32], growth=1.9)
    assert run.best(refused) is None and "proportion" in run.reason(refused)


def test_one_cell_from_end_to_end(scripts, tmp_path, monkeypatch, capsys):
    run = scripts.run
    monkeypatch.setattr(run, "CELLS", tmp_path / "cells")
    monkeypatch.setattr(run, "PEERS_HOME", tmp_path / "peers")
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.md")
    # deepquantum is no part of the book's own environment: it has a reason, not a number.
    code = run.main(["--quick", "--rows", "4", "--peers", "pennylane,deepquantum", "--python", sys.executable])
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert re.search(r"\| 4 \| QNN-Q.* \| [\d.]+ ms \| \(a\) \|", printed) and "No module named 'deepquantum'" in printed
    assert not (tmp_path / "results.md").exists() and not (tmp_path / "cells").exists()

    # All there is, so that the page is written.
    monkeypatch.setattr(run, "ROWS", {"4": scripts.rows.ROWS["4"]})
    monkeypatch.setattr(run, "PEERS", {name: scripts.peers.PEERS[name] for name in ("ours", "pennylane")})
    monkeypatch.setattr(run, "ROUNDS", 1)
    assert run.main(["--python", sys.executable]) == 0, capsys.readouterr()
    assert "| 4 | QNN-Q" in (tmp_path / "results.md").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]["4"]
    assert found["ours"]["product"]["n_terms"] == 4 and found["pennylane"]["difference"] < 1e-6


def test_an_interrupted_run_goes_on(scripts, tmp_path, monkeypatch):
    run, row = scripts.run, scripts.rows.ROWS["1"]
    monkeypatch.setattr(run, "CELLS", tmp_path)
    options = Namespace(
        rounds=1, seconds=0.1, shrink=1, python=Path("nowhere"), rows=["1"], peers=["torq"], quick=True, fresh=False
    )
    run.prepare(options)
    run.save(row, "torq", cell(0.004))
    run.prepare(options)
    assert run.measure(row, ["torq"], options) == {"torq": json.loads(run.path_of(row, "torq").read_text())}
    options.peers = ["torq", "qiskit"]
    run.prepare(options)
    assert run.load(row, "torq") == {}


def test_an_unknown_row_is_refused():
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--rows", "9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and "no row 9; there are 1, 1b, 2" in done.stderr

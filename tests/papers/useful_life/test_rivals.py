"""Sentences that compare QAQL with its rivals follow the records, from whichever experiment these come: on forged ones."""

import dataclasses
import json

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.ledger import judgement
from qhelpers.ledger.evidence import Evidence
from qhelpers.ledger.predicates import terms

BOOK = ledger.paper("3")
SETS = ("cmapss_fd001", "cmapss_fd002", "cmapss_fd003", "cmapss_fd004", "device_failure")
OURS = ("qaql-here", "qaql-one-read")
RIVALS = tuple(name for name, one in BOOK.experiments.items() if one == "useful-life-baselines" and name not in OURS)


def write(folder, model, centres, sd=0.3, n=30, **more):
    """Forged records of a model: its RMSE by data set, other errors in proportion, the same on all sets that are not named."""
    config, experiment = dict(BOOK.models[model]) | more, BOOK.experiments[model]
    path = folder / experiment / "runs.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for data in SETS:
        centre = centres.get(data, centres["all"])
        # Crooked numbers, each of its own: no two models scatter alike.
        rng = np.random.default_rng([len(data), int(data[-1] == "4"), *map(ord, model + str(more))])
        for seed in range(n):
            rmse = centre + sd * rng.standard_normal()
            metrics = {"rmse": rmse, "mse": rmse**2, "mae": 0.7 * rmse, "mape": 2 * rmse, "rse": rmse, "mbd": 0.1 * rmse}
            metrics |= {"late_rmse": centres.get("late", 1.0) * rmse, "ms_per_prediction": 3.0}
            line = {
                "id": f"{len(lines)}{model}{more}",
                "experiment": experiment,
                "version": "1",
                "config": config | {"data": data},
            }
            line |= {"seed": seed, "source": "real", "fingerprint": "0" * 64, "profile": "laptop", "metrics": metrics}
            line |= {"confusion": None, "chosen": {}, "seconds": 2.0, "cpu_seconds": 2.0, "train_seconds": 1.5}
            line |= {"peak_memory_mb": 1.0, "cpu": "a processor", "versions": {}, "finished": "2026-01-01T00:00:00+00:00"}
            lines.append(json.dumps(line))
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


def judged(folder, *ids):
    """Verdicts on some claims, without what the paper's other numbers say of them."""
    asked = [ledger.claim(name) for name in ids]
    wanted = {*ids, *(one.of[part] for one in asked for part in ("first", "second") if part in one.of)}
    some = dataclasses.replace(BOOK, claims=tuple(one for one in BOOK.claims if one.id in wanted))
    found = {one.id: one for one in judgement.judge(some, [], Evidence(folder))}
    return [found[name] for name in ids]


def qaql(folder, centres, **more):
    """QAQL by each reading of its text."""
    for selector in ("lowest-of-1000", "one-read"):
        for initial in ("zero", "random", "pessimistic"):
            write(folder, "qaql", centres, selector=selector, init=initial, **more)


ORDERS = (
    "3.highlights.order.outperforms",
    "3.results.order.tracks",
    "3.results.order.strongest",
    "3.results.order.fleet",
    "3.results.order.significant",
    "3.tests.order.significant",
    "3.tests.cliff",
    "3.results.order.pronounced",
    "3.subsets.order.lowest",
)


def test_all_of_them_hold_where_the_paper_is_right(tmp_path):
    gains = {"all": 20.0, "device_failure": 10.0}
    qaql(tmp_path, gains)
    for name in RIVALS:
        write(tmp_path, name, {"all": 26.0, "device_failure": 16.0})
    assert {one.id: one.verdict for one in judged(tmp_path, *ORDERS)} == dict.fromkeys(ORDERS, "holds")


def test_one_better_rival_refutes_what_is_said_of_all(tmp_path):
    qaql(tmp_path, {"all": 20.0})
    for name in RIVALS:
        write(tmp_path, name, {"all": 15.0 if name == "gru" else 26.0}, n=30 if name == "gru" else 5)
    found = dict(zip(ORDERS, judged(tmp_path, *ORDERS), strict=True))
    for name in (
        "3.highlights.order.outperforms",
        "3.results.order.strongest",
        "3.results.order.fleet",
        "3.subsets.order.lowest",
    ):
        assert found[name].verdict == "falls short", name
    # Of the quantum ones there are five runs, too few for a test; so are the Transformer's.
    assert {found[name].verdict for name in ("3.results.order.tracks", "3.tests.cliff")} == {"inconclusive"}


def test_what_differs_the_other_way_is_significant_and_no_improvement(tmp_path):
    qaql(tmp_path, {"all": 30.0})
    for name in ("transformer", "quantum-vql"):
        write(tmp_path, name, {"all": 15.0})
    improvement, differs, effect = judged(tmp_path, "3.results.order.significant", *ORDERS[5:7])
    assert improvement.verdict == "falls short" and differs.verdict == effect.verdict == "holds under some readings"
    assert "δ = −1.00" in effect.sentence


@pytest.mark.parametrize(("ours", "expected"), [(0.1, "holds"), (1.0, "falls short")])
def test_the_lowest_variance_is_that_over_runs(tmp_path, ours, expected):
    qaql(tmp_path, {"all": 20.0}, sd=ours)
    for name in RIVALS:
        write(tmp_path, name, {"all": 20.0}, sd=0.4)
    found = judged(tmp_path, "3.tests.order.variance", "3.intro.order.rq2")
    asks_for_episodes_too = "pending" if expected == "holds" else expected
    assert [one.verdict for one in found] == [expected, asks_for_episodes_too]


@pytest.mark.parametrize(("ours", "expected"), [(15.0, 0.44), (30.0, -1.25)])
def test_reductions_are_worked_out_run_by_run(tmp_path, ours, expected):
    qaql(tmp_path, {"all": ours})
    for name in ("transformer", "quantum-vql"):
        write(tmp_path, name, {"all": 20.0})
    ids = ("3.results.transformer.reduction", "3.results.vql.fd001.reduction", "3.results.vql.fleet.reduction")
    found = judged(tmp_path, *ids)
    assert [one.measured for one in found] == pytest.approx([expected] * 3, abs=0.05)
    # Printed are 45, 21 and 33 %.
    assert [one.verdict for one in found] == (["holds", "exceeded", "exceeded"] if ours < 20 else ["falls short"] * 3)


@pytest.mark.parametrize(("ours", "theirs", "expected"), [(0.5, 1.0, "holds"), (1.0, 0.5, "falls short")])
def test_the_end_of_a_life_is_where_the_gain_is_largest(tmp_path, ours, theirs, expected):
    for name in OURS:
        write(tmp_path, name, {"all": 20.0, "late": ours})
    for name in RIVALS:
        write(tmp_path, name, {"all": 21.0, "late": theirs})
    assert judged(tmp_path, "3.results.order.late")[0].verdict == expected


def test_cells_of_a_row_are_measured_by_the_experiment_of_its_model(tmp_path):
    write(tmp_path, "transformer", {"all": 28.13}, sd=0.01)
    rmse, mae, other = judged(
        tmp_path, *(f"3.T6.cmapss_fd001.{name}" for name in ("transformer.rmse", "transformer.mae", "gru.rmse"))
    )
    assert (rmse.verdict, rmse.n_seeds, mae.verdict, other.verdict) == ("holds", 30, "exceeded", "pending")


def test_a_time_elsewhere_is_the_nearest_thing_and_decides_nothing(tmp_path):
    write(tmp_path, "qaql-here", {"all": 20.0})
    (found,) = judged(tmp_path, "3.setup.prediction")
    assert found.verdict == "not measurable" and found.nearest["measured"] == pytest.approx(0.003)


def test_rivals_are_all_that_a_sentence_on_fourteen_speaks_of():
    (predicate,) = next(one.predicates for one in BOOK.claims if one.id == "3.highlights.order.outperforms")
    named = {dict(term.config)["model"] for term in terms(predicate)}
    assert named == {"qaql", *RIVALS} and len(RIVALS) == 14

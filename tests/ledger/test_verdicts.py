"""The verdict table, cell by cell, on made-up claims and records; and what must never move a verdict."""

import json
import subprocess
import sys

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.ledger import VERDICTS, counting, judgement, statements
from qhelpers.ledger.checks import check_claims
from qhelpers.ledger.evidence import Evidence, Sample
from qhelpers.ledger.specifications import Specifications

HEAD = """
paper: "9"
title: Made up
names: {net: Net, plain: Plain, rooms: Rooms}
tables: {Table I: {row: model, columns: {precision: P, recall: R, f1: F, accuracy: A}, data: rooms}}
protocol: {runs: 1, averages: [binary, mean]}
groups: {others: [plain]}
controls: [{model: net, control: net-without, without: the ingredient}]
"""
READINGS = """
readings:
  - why: sizes are open
    options: [{name: large, config: {regime: large}}, {name: small, config: {regime: small}}]
"""


def entry(name, printed, quantity="accuracy", model="net", **more):
    made = {"id": f"9.{name}", "where": f"Table I, row {model}", "printed": printed, "quantity": quantity}
    made["of"] = {"model": model, "data": "rooms", "split": "test"}
    made["measured_by"] = {"experiment": "made-up", "config": {"model": model, "data": "rooms"}}
    return made | more


def record(seed, model="net", source="real", profile="laptop", finished="2026-01-01T00:00:00+00:00", regime="large", **metrics):
    config = {"model": model, "data": "rooms", "regime": regime, "learning_rates": [0.1, 0.2]}
    name = f"{abs(hash((seed, model, source, profile, finished, regime, tuple(metrics.items())))):016x}"
    return {
        "id": name,
        "experiment": "made-up",
        "version": "1",
        "config": config,
        "seed": seed,
        "source": source,
        "fingerprint": "0" * 64,
        "profile": profile,
        "metrics": metrics,
        "confusion": {"tp": 1, "fp": 1, "fn": 1, "tn": 1},
        "chosen": {},
        "seconds": 2.0,
        "cpu_seconds": 2.0,
        "train_seconds": 1.5,
        "peak_memory_mb": 100.0,
        "cpu": "a processor",
        "versions": {},
        "finished": finished,
    }


def write(folder, lines):
    for line in lines:
        path = folder / line["experiment"] / "runs.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def judge(folder, entries, head=HEAD):
    book = statements.parse(head + "\nclaims: " + json.dumps(entries))
    found = judgement.judge(book, check_claims(book), Evidence(folder))
    assert all(one.verdict in VERDICTS and one.sentence for one in found)
    return found


def scores(mean, sd, n=20, metric="accuracy", seed=0, **more):
    noise = np.random.default_rng(seed).normal(size=n)
    values = mean + sd * (noise - noise.mean()) / noise.std(ddof=1)
    return [record(i, **{metric: float(value)}, **more) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("printed", "mean", "sd", "n", "expected"),
    [
        ("0.95", 0.95, 0.01, 20, "holds"),
        ("0.95", 0.935, 0.01, 20, "holds"),
        ("0.95", 0.90, 0.01, 20, "falls short"),
        ("0.80", 0.95, 0.01, 20, "exceeded"),
        ("0.90", 0.90, 0.03, 20, "inconclusive"),
        ("0.50", 0.90, 0.03, 20, "exceeded"),
        ("0.95", 0.95, 0.001, 3, "holds"),
        ("0.95", 0.95, 0.001, 2, "pending"),
        ("0.95", 0.95, 0.01, 0, "pending"),
    ],
)
def test_a_number_against_its_prediction_interval(tmp_path, printed, mean, sd, n, expected):
    write(tmp_path, scores(mean, sd, n) if n else [])
    (found,) = judge(tmp_path, [entry("a", printed)])
    assert found.verdict == expected
    assert found.n_seeds == n
    assert found.k == 1
    assert len(found.record_ids) == n
    if n:
        assert found.measured == pytest.approx(mean)
        assert found.sd == pytest.approx(sd)
    if n >= 3:
        assert (found.p < 0.05) == (expected in ("exceeded", "falls short"))


def test_the_rounding_interval_counts_not_the_digits(tmp_path):
    write(tmp_path, scores(0.9440, 0.0001, 20))
    short, held = judge(tmp_path, [entry("a", "0.95"), entry("b", "0.94")])
    assert (short.verdict, held.verdict) == ("falls short", "holds")
    coarse, percent = judge(tmp_path, [entry("a", "0.9"), entry("b", "94%")])
    assert (coarse.verdict, percent.verdict) == ("holds", "holds")


def test_more_runs_of_the_paper_narrow_the_interval(tmp_path):
    write(tmp_path, scores(0.95, 0.01))
    (once,) = judge(tmp_path, [entry("a", "0.93")])
    (often,) = judge(tmp_path, [entry("a", "0.93")], HEAD.replace("runs: 1", "runs: 30"))
    assert (once.verdict, often.verdict, often.k) == ("holds", "exceeded", 30)


def test_for_an_error_less_is_better(tmp_path):
    write(tmp_path, scores(10.0, 0.2, metric="rmse") + scores(10.0, 0.2, metric="rmse", model="plain"))
    better, worse = judge(tmp_path, [entry("a", "15.0", "rmse"), entry("b", "5.0", "rmse", model="plain")])
    assert (better.verdict, worse.verdict) == ("exceeded", "falls short")
    (wide,) = judge(tmp_path / "wide", [entry("a", "10.0", "rmse")])
    assert wide.verdict == "pending"
    write(tmp_path / "wide", scores(10.0, 1.5, metric="rmse"))
    (wide,) = judge(tmp_path / "wide", [entry("a", "10.0", "rmse")])
    assert wide.verdict == "inconclusive"


def test_holds_for_another_reason(tmp_path):
    write(tmp_path, scores(0.95, 0.01) + scores(0.955, 0.01, model="net-without"))
    (found,) = judge(tmp_path, [entry("a", "0.95")])
    assert found.verdict == "holds, for another reason"
    assert "net-without, which is without the ingredient" in found.sentence


@pytest.mark.parametrize(("mean", "said"), [(0.99, "better over"), (0.955, "as good within"), (0.94, "as good within")])
def test_a_control_that_is_as_good_or_better_is_the_other_reason(tmp_path, mean, said):
    """Better by more than the margin is not equivalent, and all the more a reason."""
    write(tmp_path, scores(0.935, 0.01) + scores(mean, 0.002, seed=1, model="net-without"))
    (found,) = judge(tmp_path, [entry("a", "0.94")])
    assert found.verdict == "holds, for another reason"
    assert said in found.sentence


def test_for_an_error_a_control_is_as_good_if_it_is_no_larger(tmp_path):
    write(tmp_path, scores(10.0, 0.2, metric="rmse") + scores(5.0, 0.2, seed=1, model="net-without", metric="rmse"))
    assert judge(tmp_path, [entry("a", "10.0", "rmse")])[0].verdict == "holds, for another reason"
    write(tmp_path / "worse", scores(10.0, 0.2, metric="rmse") + scores(15.0, 0.2, model="net-without", metric="rmse"))
    assert judge(tmp_path / "worse", [entry("a", "10.0", "rmse")])[0].verdict == "holds"


@pytest.mark.parametrize(("mean", "n"), [(0.85, 20), (0.955, 8)])
def test_a_control_that_differs_or_has_few_pairs_explains_nothing(tmp_path, mean, n):
    write(tmp_path, scores(0.95, 0.01) + scores(mean, 0.01, n, model="net-without"))
    (found,) = judge(tmp_path, [entry("a", "0.95")])
    assert found.verdict == "holds"


def test_cannot_hold_ties_the_numbers_and_only_them(tmp_path):
    write(tmp_path, scores(0.94, 0.01))
    row = [
        entry(q, printed, q) for q, printed in (("precision", "0.93"), ("recall", "0.94"), ("f1", "0.95"), ("accuracy", "0.94"))
    ]
    found = judge(tmp_path, row)
    assert [one.verdict for one in found] == ["cannot hold"] * 3 + ["holds"]
    assert set(found[0].failed_checks) == {"f1-from-precision-recall", "confusion-matrix"}
    assert "none of them alone is called wrong" in found[0].sentence
    assert found[0].assumptions


def test_what_one_reading_allows_is_doubted_not_condemned(tmp_path):
    row = [entry(q, printed, q) for q, printed in (("precision", "0.70"), ("recall", "0.76"), ("f1", "0.58"))]
    found = judge(tmp_path, row)
    assert [one.verdict for one in found] == ["pending"] * 3
    assert found[0].failed_checks == ()
    assert any("harmonic mean" in doubt for doubt in found[0].doubts)
    strict = judge(tmp_path, row, HEAD.replace("[binary, mean]", "[binary]"))
    assert [one.verdict for one in strict] == ["cannot hold"] * 3


def test_implausible_with_its_probability(tmp_path):
    entries = [entry("a", "300", "fps"), entry("b", "7.9 ms", "latency")]
    found = judge(tmp_path, entries)
    assert [one.verdict for one in found] == ["implausible"] * 2
    assert found[0].probability == 0.0


def test_not_measurable_with_the_nearest_thing_set_apart(tmp_path):
    claim = entry("a", "1 min", "runtime", needs="the authors' hardware")
    (without,) = judge(tmp_path, [claim])
    assert (without.verdict, without.nearest) == ("not measurable", None)
    write(tmp_path, scores(0.95, 0.01, 5))
    (found,) = judge(tmp_path, [claim])
    assert found.verdict == "not measurable"
    assert found.measured is None
    assert found.nearest["measured"] == pytest.approx(1.5)
    assert found.nearest["n_seeds"] == 5
    assert "1.5" in found.sentence


def test_lost_and_pending(tmp_path):
    lost, awaited = judge(tmp_path, [entry("a", None), entry("b", "0.9", awaits="chapter 9")])
    assert (lost.verdict, awaited.verdict) == ("lost", "pending")
    assert "chapter 9" in awaited.sentence


def test_a_count_is_counted(tmp_path):
    count = {
        "id": "9.n",
        "where": "Abstract",
        "printed": "six",
        "quantity": "count",
        "of": {"things": "maps", "members": list("abcdef")},
    }
    assert judge(tmp_path, [count])[0].verdict == "holds"
    count["of"]["members"] = list("abcde")
    assert judge(tmp_path, [count])[0].verdict == "cannot hold"


def test_a_number_holds_under_another_reading_and_the_main_one_is_shown(tmp_path):
    write(tmp_path, scores(0.80, 0.01, regime="large") + scores(0.95, 0.01, regime="small"))
    (found,) = judge(tmp_path, [entry("a", "0.95")], HEAD + READINGS)
    assert found.verdict == "holds under some readings"
    assert {one.reading: one.verdict for one in found.readings} == {"large": "falls short", "small": "holds"}
    assert "It holds under small." in found.sentence and "large: falls short" in found.sentence
    assert found.measured == pytest.approx(0.80)
    assert found.assumptions == ("sizes are open: large",)
    (main,) = judge(tmp_path, [entry("a", "0.80")], HEAD + READINGS)
    assert (main.verdict, main.measured) == ("holds", pytest.approx(0.80))


def test_a_claim_is_refuted_only_if_it_is_under_every_reading(tmp_path):
    write(tmp_path, scores(0.80, 0.01, regime="large") + scores(0.84, 0.07, regime="small"))
    (found,) = judge(tmp_path, [entry("a", "0.95")], HEAD + READINGS)
    assert {one.reading: one.verdict for one in found.readings} == {"large": "falls short", "small": "inconclusive"}
    assert found.verdict == "inconclusive"
    assert found.measured == pytest.approx(0.80)


def test_a_reading_that_is_only_begun_hides_no_other(tmp_path):
    write(tmp_path, scores(0.80, 0.01, 2, regime="large") + scores(0.95, 0.01, regime="small"))
    (found,) = judge(tmp_path, [entry("a", "0.95")], HEAD + READINGS)
    assert (found.verdict, found.reading, found.n_seeds) == ("holds", "small", 20)


COLLAPSE = HEAD.replace("runs: 1,", "runs: 1, collapse: {models: [net], metric: accuracy, below: 0.6, at_most: 0.1},")


def test_a_collapsed_training_is_a_fact_of_its_own(tmp_path):
    lines = scores(0.95, 0.004)
    lines[3]["metrics"]["accuracy"] = 0.5
    write(tmp_path, lines)
    (without,) = judge(tmp_path, [entry("a", "0.95")])
    assert without.verdict == "inconclusive"
    (found,) = judge(tmp_path, [entry("a", "0.95")], COLLAPSE)
    assert found.verdict == "holds"
    assert "1 of 20 trainings failed" in found.sentence
    assert (found.n_seeds, found.readings[0].collapsed) == (20, 1)
    assert found.measured == pytest.approx(without.measured)


@pytest.mark.parametrize(("collapsed", "spread"), [(3, 0.004), (1, 0.2)])
def test_what_happens_often_or_is_a_low_tail_is_no_collapse(tmp_path, collapsed, spread):
    lines = scores(0.75, spread / 2)
    for line in lines:
        line["metrics"]["accuracy"] = max(line["metrics"]["accuracy"], 0.61)
    for line in lines[:collapsed]:
        line["metrics"]["accuracy"] = 0.59
    write(tmp_path, lines)
    (found,) = judge(tmp_path, [entry("a", "0.75")], COLLAPSE)
    assert found.readings[0].collapsed == 0
    assert "failed" not in found.sentence


PROTOCOLS = """
protocols:
  experiment: searched
  keys: [data, rows]
  data: {rooms: [rooms, rooms-2]}
  rows: {all nets: [net]}
"""


def searched(counts, rows, seed, data="rooms", folder=None):
    """A record of one draw under one protocol: confusion counts of one model on one set of columns."""
    line = record(seed, accuracy=0.5)
    line["experiment"], line["config"] = "searched", {"data": data, "rows": rows}
    line["id"] = f"{abs(hash((rows, seed, data))):016x}"
    line["chosen"] = {"features": ["all"], "models": ["net"]}
    write(folder, [line])
    np.savez(folder / "searched" / f"{line['id']}.npz", counts=np.array(counts).reshape(1, 1, 1, 4))


def made_protocols(folder, accuracy, rows, n=5, spread=1):
    for seed in range(n):
        right = round(500 * accuracy) + spread * (seed - n // 2)
        searched([right, 500 - right, 500 - right, right], rows, seed, folder=folder)


def test_a_protocol_that_was_searched_afterwards_is_a_reading(tmp_path):
    write(tmp_path, scores(0.80, 0.01))
    made_protocols(tmp_path, 0.95, "few")
    made_protocols(tmp_path, 0.70, "many")
    held, refuted = judge(tmp_path, [entry("a", "0.95"), entry("b", "0.90")], HEAD + PROTOCOLS)
    assert held.verdict == "holds under some readings"
    assert "searched afterwards" in held.sentence and "rows: few" in held.sentence
    assert (held.searched.tried, held.searched.measured) == (6, pytest.approx(0.95))  # two, with three averages each
    assert held.searched.holding == 3
    assert held.measured == pytest.approx(0.80), "what is shown is the main reading"
    assert refuted.verdict == "falls short"
    assert "Nor does it meet" in refuted.sentence
    assert counting.chance([held])["refuted"] == 0 and counting.chance([refuted])["refuted"] == 1
    (main,) = judge(tmp_path, [entry("a", "0.80")], HEAD + PROTOCOLS)
    assert main.verdict == "holds"


def test_a_protocol_too_wide_or_of_too_few_draws_saves_nothing(tmp_path):
    write(tmp_path, scores(0.80, 0.01))
    made_protocols(tmp_path, 0.90, "wide", spread=30)
    made_protocols(tmp_path, 0.95, "few draws", n=2)
    (found,) = judge(tmp_path, [entry("a", "0.95")], HEAD + PROTOCOLS)
    assert (found.verdict, found.searched) == ("falls short", None)


def test_one_protocol_for_a_whole_row_is_counted(tmp_path):
    made_protocols(tmp_path, 0.95, "few")
    made_protocols(tmp_path, 0.70, "many")
    cells = [
        entry(q, printed, q) for q, printed in (("precision", "0.95"), ("recall", "0.95"), ("f1", "0.70"), ("accuracy", "0.50"))
    ]
    book = statements.parse(HEAD + PROTOCOLS + "\nclaims: " + json.dumps(cells))
    row, group, everything = Specifications(book, Evidence(tmp_path)).explained()
    assert (row.cells, row.explained, row.cell_by_cell) == (4, 2, 3)
    assert "rows: few" in row.protocol
    assert group.rows == "all nets" and group[2:5] == everything[2:5] == row[2:5]


def test_twins_quick_runs_and_other_models_never_count(tmp_path):
    perfect = [
        record(seed, accuracy=1.0, source=source, profile=profile)
        for seed in range(20)
        for source, profile in (("twin", "laptop"), ("twin", "quick"), ("real", "quick"))
    ]
    write(tmp_path, perfect)
    assert judge(tmp_path, [entry("a", "1.00")])[0].verdict == "pending"
    write(tmp_path, scores(0.9, 0.01))
    assert judge(tmp_path, [entry("a", "1.00")])[0].measured == pytest.approx(0.9)


def test_the_latest_run_of_a_seed_counts_once(tmp_path):
    write(tmp_path, scores(0.9, 0.01) + scores(0.95, 0.01, finished="2026-02-01T00:00:00+00:00", seed=1))
    (found,) = judge(tmp_path, [entry("a", "0.95")])
    assert found.n_seeds == 20
    assert found.measured == pytest.approx(0.95)


# orderings


@pytest.mark.parametrize(("above", "expected"), [(20, "holds"), (12, "inconclusive"), (1, "falls short")])
def test_a_sentence_that_reports_one_run_is_judged_by_single_runs(tmp_path, above, expected):
    """Ahead by a point in most runs, far behind in none: the mean is ahead for certain, one run is not."""
    gaps = [0.02] * above + [-0.001] * (20 - above)
    write(tmp_path, [record(i, accuracy=0.9 + gap) for i, gap in enumerate(gaps)])
    write(tmp_path, [record(i, model="plain", accuracy=0.9) for i in range(20)])
    (mean,) = judge(tmp_path, [ordering()])
    (single,) = judge(tmp_path, [ordering() | {"single": True}])
    assert single.verdict == expected
    assert single.measured == mean.readings[0].in_runs == pytest.approx(above / 20)
    assert f"{above / 20:.0%} of single runs" in mean.sentence
    assert single.p == pytest.approx((above + 1) / 21)
    if above == 12:
        assert mean.verdict == "holds"


def test_sentences_are_counted_where_false_discoveries_are_controlled(tmp_path):
    write(tmp_path, scores(0.80, 0.01) + scores(0.95, 0.01, model="plain", seed=1))
    found = judge(tmp_path, [ordering(), entry("a", "0.95")])
    assert [one.verdict for one in found] == ["falls short", "falls short"]
    assert counting.chance(found) == {"tested": 2, "refuted": 2, "refuted_fdr": 2, "expected_by_chance": 0.1}


def ordering(**predicate):
    one = {
        "reading": "plainly",
        "holds": "beats",
        "better": "net",
        "than": ["others"],
        "metrics": ["accuracy"],
        "data": ["rooms"],
    }
    return {
        "id": "9.order",
        "where": "Section I",
        "printed": "is best",
        "quantity": "performance",
        "kind": "ordering",
        "measured_by": {"experiment": "made-up"},
        "predicates": [one | predicate],
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [(0.95, 0.90, "holds"), (0.90, 0.95, "falls short"), (0.9505, 0.95, "inconclusive")]
)
def test_an_ordering_must_hold_in_95_percent_of_bootstraps(tmp_path, ours, theirs, expected):
    write(tmp_path, scores(ours, 0.02, 9) + scores(theirs, 0.02, 9, model="plain", seed=1))
    (found,) = judge(tmp_path, [ordering()])
    assert found.verdict == expected
    assert found.n_seeds == 9
    assert 0 <= found.measured <= 1


def test_an_ordering_is_paired_by_seed(tmp_path):
    # The same noise in both: unpaired, a difference of 0.005 would drown in a spread of 0.05.
    write(tmp_path, scores(0.905, 0.05, 9) + scores(0.90, 0.05, 9, model="plain"))
    assert judge(tmp_path, [ordering()])[0].verdict == "holds"


def test_an_ordering_over_fewer_than_nine_pairs_is_an_estimate(tmp_path):
    write(tmp_path, scores(0.95, 0.01, 8) + scores(0.90, 0.01, 8, model="plain"))
    (found,) = judge(tmp_path, [ordering()])
    assert (found.verdict, found.measured) == ("inconclusive", 1.0)
    assert "Below 9 pairs this is an estimate, no test." in found.sentence


def test_an_ordering_waits_for_all_that_it_compares(tmp_path):
    write(tmp_path, scores(0.95, 0.01, 9) + scores(0.90, 0.01, 2, model="plain"))
    (found,) = judge(tmp_path, [ordering()])
    assert found.verdict == "pending"
    assert "accuracy of rooms, plain" in found.sentence


NET, ROOMS = {"model": "net"}, {"data": ["rooms"]}


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ({"holds": "beats", "better": "net", "than": ["plain"]}, "holds"),
        ({"holds": "beats", "better": "plain", "than": ["net"]}, "falls short"),
        ({"holds": "beats", "better": ["net"]}, "holds"),
        ({"holds": "beats", "than": ["plain", "net"], "at_least": 1}, "holds"),
        ({"holds": "beats", "than": ["plain", "net"], "at_least": 2}, "falls short"),
        ({"holds": "bound", "config": NET, "metrics": ["abs([accuracy] - [recall])"], "at_most": 0.05}, "holds"),
        ({"holds": "bound", "config": NET, "metrics": ["abs([accuracy] - [recall])"], "at_most": 0.01}, "falls short"),
        ({"holds": "bound", "config": NET, "metrics": ["[accuracy] - [recall]"], "more_than": 0.02}, "holds"),
        ({"holds": "bound", "config": NET, "metrics": ["[accuracy] - [recall]"], "more_than": 0.04}, "falls short"),
        ({"holds": "ranked", "metric": "abs([accuracy] - [recall])", "higher": ["net"], "lower": ["plain"]}, "holds"),
        (
            {"holds": "beats", "and": [{"holds": "beats", "better": "plain", "than": ["net"], "metrics": ["accuracy"]} | ROOMS]},
            "falls short",
        ),
        (
            {"holds": "beats", "and": [{"holds": "beats", "better": "net", "than": ["plain"], "metrics": ["recall"]} | ROOMS]},
            "holds",
        ),
    ],
)
def test_forms_of_predicates(tmp_path, predicate, expected):
    for model, accuracy, recall in (("net", 0.95, 0.92), ("plain", 0.90, 0.89)):
        noise = np.random.default_rng(len(model)).normal(0, 0.001, 9)
        write(tmp_path, [record(i, model=model, accuracy=accuracy + e, recall=recall + e) for i, e in enumerate(noise)])
    assert judge(tmp_path, [ordering(**predicate)])[0].verdict == expected


def compared(reading, **predicate):
    """A comparison of metrics of the made-up experiment."""
    one = ordering()
    one["predicates"] = [{"reading": reading, "config": {"model": "net", "data": "rooms"}} | predicate]
    return one


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ({"holds": "bound", "metrics": ["high", "low"], "at_least": 0.6}, "holds"),
        ({"holds": "bound", "metrics": ["high", "low"], "at_least": 0.8}, "falls short"),
        ({"holds": "bound", "metrics": ["high"], "at_most": 0.95}, "holds"),
        ({"holds": "bound", "metrics": ["high"], "at_most": 0.85}, "falls short"),
        ({"holds": "drop", "start": "high", "metrics": ["low"], "at_most": 0.25}, "holds"),
        ({"holds": "drop", "start": "high", "metrics": ["low"], "at_most": 0.15}, "falls short"),
        ({"holds": "drop", "start": "high", "metrics": ["low"], "at_least": 0.15}, "holds"),
        ({"holds": "drop", "start": "high", "metrics": ["low"], "at_least": 0.25}, "falls short"),
        ({"holds": "ranked", "higher": ["high"], "lower": ["middle", "low"]}, "holds"),
        ({"holds": "ranked", "higher": ["high", "low"], "lower": ["middle"]}, "falls short"),
        ({"holds": "ranked", "higher": ["high"], "lower": ["low"], "by": 0.25}, "falls short"),
        ({"holds": "ranked", "metric": "high", "higher": ["net"], "lower": ["plain"]}, "holds"),
        ({"holds": "ranked", "metric": "high", "higher": ["plain"], "lower": ["net"]}, "falls short"),
        (
            {"holds": "ranked", "higher": [{"model": "net", "metric": "low"}], "lower": [{"model": "plain", "metric": "low"}]},
            "holds",
        ),
        ({"holds": "monotone", "metrics": ["low", "middle", "high"], "direction": "rising", "within": 0.0}, "holds"),
        ({"holds": "monotone", "metrics": ["low", "high", "middle"], "direction": "rising", "within": 0.0}, "falls short"),
        ({"holds": "monotone", "metrics": ["low", "high", "middle"], "direction": "rising", "within": 0.15}, "holds"),
        ({"holds": "monotone", "metrics": ["high", "middle", "low"], "direction": "falling", "within": 0.0}, "holds"),
        ({"holds": "bound", "metrics": ["[low] / [high]"], "at_most": 0.8}, "holds"),
        ({"holds": "bound", "metrics": ["[low] / [high]"], "at_least": 0.8}, "falls short"),
        ({"holds": "bound", "metrics": ["abs([low] - [middle])", "abs([low] - [high])"], "at_most": 0.25}, "holds"),
        ({"holds": "bound", "metrics": ["abs([low] - [middle])", "abs([low] - [high])"], "at_most": 0.15}, "falls short"),
    ],
)
def test_forms_that_compare_any_metrics(tmp_path, predicate, expected):
    noise = np.random.default_rng(0).normal(0, 0.002, (9, 6))
    for seed, e in enumerate(noise):
        write(tmp_path, [record(seed, low=0.7 + e[0], middle=0.8 + e[1], high=0.9 + e[2])])
        write(tmp_path, [record(seed, model="plain", low=0.6 + e[3], middle=0.7 + e[4], high=0.8 + e[5])])
    (found,) = judge(tmp_path, [compared("plainly", **predicate)])
    assert found.verdict == expected
    assert found.readings[0].shown and "Means: " in found.sentence


def test_a_predicate_without_a_limit_is_refused(tmp_path):
    write(tmp_path, scores(0.9, 0.01))
    with pytest.raises(ValueError, match="at_least, at_most or more_than"):
        judge(tmp_path, [compared("plainly", holds="bound", metrics=["accuracy"])])


def test_each_makes_one_reading_of_every_value(tmp_path):
    for seed in range(9):
        write(tmp_path, [record(seed, **{"drop.gate": 0.1 + seed / 1000, "drop.end": 0.0})])
    claim = compared("noise at {place}", each={"place": ["gate", "end"]}, holds="bound", metrics=["drop.{place}"], at_least=0.05)
    (found,) = judge(tmp_path, [claim])
    assert {one.reading: one.verdict for one in found.readings} == {"noise at gate": "holds", "noise at end": "falls short"}
    assert found.verdict == "holds under some readings"
    assert "(noise at gate)" in found.sentence and "1 of 2 readings" in found.sentence


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [
        (0.85, 0.85, "holds"),
        (0.85, 0.95, "holds under some readings"),
        (0.95, 0.95, "falls short"),
        (0.9005, 0.9005, "inconclusive"),
        (0.9005, 0.95, "inconclusive"),
        (0.9005, 0.85, "holds under some readings"),
        (0.85, None, "holds"),
        (None, None, "pending"),
    ],
)
def test_an_ordering_holds_only_if_it_does_under_each_reading(tmp_path, small, large, expected):
    for regime, theirs in (("small", small), ("large", large)):
        if theirs is not None:
            write(tmp_path, scores(0.90, 0.02, 9, regime=regime))
            write(tmp_path, scores(theirs, 0.02, 9, model="plain", seed=1, regime=regime))
    (found,) = judge(tmp_path, [ordering()], HEAD + READINGS)
    assert found.verdict == expected


def test_an_ordering_waits_for_a_meaning_of_which_nothing_was_run(tmp_path):
    write(tmp_path, scores(0.95, 0.01, 9) + scores(0.90, 0.01, 9, model="plain"))
    two = ordering()
    two["predicates"].append({"reading": "by recall", **{k: v for k, v in two["predicates"][0].items() if k != "reading"}})
    two["predicates"][1]["metrics"] = ["recall"]
    assert judge(tmp_path, [two])[0].verdict == "pending"


@pytest.mark.parametrize(("kind", "expected"), [("procedure", "cannot hold"), ("ordering", "inconclusive")])
def test_one_run_that_breaks_an_identity_is_enough(tmp_path, kind, expected):
    for seed, value in enumerate((0.0, 0.0, 0.1)):
        write(tmp_path, [record(seed, disagreement=value)])
    claim = compared("as printed", holds="bound", metrics=["disagreement"], at_most=0.001, exact=True) | {"kind": kind}
    assert judge(tmp_path, [claim])[0].verdict == expected
    write(tmp_path / "right", [record(seed, disagreement=1e-9) for seed in range(3)])
    assert judge(tmp_path / "right", [claim])[0].verdict == "holds"
    write(tmp_path / "few", [record(seed, disagreement=0.0) for seed in range(2)])
    assert judge(tmp_path / "few", [claim])[0].verdict == "pending"


@pytest.mark.parametrize(("difference", "expected"), [(0.0130, "holds"), (0.0055, "inconclusive"), (-0.0130, "falls short")])
def test_an_ordering_is_judged_at_95_and_5_percent(tmp_path, difference, expected):
    """Nine pairs whose difference has a spread of 0.02, its mean one of 0.0067: it is two of them, or less than one."""
    noise = np.random.default_rng(3).normal(size=9)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    write(tmp_path, [record(i, accuracy=0.9 + difference + 0.02 * e) for i, e in enumerate(noise)])
    write(tmp_path, [record(i, model="plain", accuracy=0.9) for i in range(9)])
    (found,) = judge(tmp_path, [ordering()])
    assert found.verdict == expected
    assert (found.measured >= 0.95, found.measured <= 0.05) == (expected == "holds", expected == "falls short")


def test_thresholds_of_an_ordering_are_those_stated():
    assert judgement.LEVEL == 0.95
    assert judgement.FEWEST_PAIRS == 9


def test_a_reading_does_not_undo_what_the_claim_fixes(tmp_path):
    write(tmp_path, scores(0.95, 0.01, 9, regime="large") + scores(0.90, 0.01, 9, regime="small"))
    claim = compared("large above small", holds="ranked", metric="accuracy", key="regime", higher=["large"], lower=["small"])
    (found,) = judge(tmp_path, [claim], HEAD + READINGS)
    assert (found.verdict, len(found.readings)) == ("holds", 1)


def test_an_entry_given_as_none_must_be_lacking(tmp_path):
    lines = scores(0.95, 0.01, 9)
    odd = scores(0.2, 0.01, 9, finished="2030-01-01T00:00:00+00:00")
    for line in odd:
        line["config"]["order"] = "lamp first"
    write(tmp_path, lines + odd)
    config = {"model": "net", "data": "rooms"}
    plain = compared("plain", holds="bound", metrics=["accuracy"], at_least=0.9, config=config | {"order": None})
    mixed = compared("mixed", holds="bound", metrics=["accuracy"], at_least=0.9)
    assert judge(tmp_path, [plain])[0].verdict == "holds"
    assert judge(tmp_path, [mixed])[0].verdict == "falls short"


def test_a_size_is_found_in_the_lists_of_a_record(tmp_path):
    lines = [record(seed, accuracy=0.5) for seed in range(9)]
    for line in lines:
        line["chosen"] = {"n": [20, 300], "accuracy": [0.6, 0.9]}
    write(tmp_path, lines)
    (found,) = judge(tmp_path, [compared("drop", holds="drop", start="accuracy.300", metrics=["accuracy.20"], at_least=0.29)])
    assert found.verdict == "holds"


def test_the_training_score_of_a_control_explains_nothing(tmp_path):
    """The guard of `_control`: how well a control is trained says nothing about the claim on training."""
    write(
        tmp_path, scores(0.95, 0.01, metric="train_accuracy") + scores(0.95, 0.01, model="net-without", metric="train_accuracy")
    )
    (found,) = judge(tmp_path, [entry("a", "0.95", of={"model": "net", "data": "rooms", "split": "train"})])
    assert (found.measured, found.verdict) == (pytest.approx(0.95), "holds")


def test_prints_that_contradict_each_other_are_each_measured(tmp_path):
    """However many copies one of them has: nobody votes on what is true."""
    write(tmp_path, scores(0.90, 0.01))
    for prints in (["0.95", "0.95", "0.90"], ["0.95", "0.90"], ["0.95", "0.90", "0.90"]):
        found = judge(tmp_path, [entry(f"p{i}", printed) for i, printed in enumerate(prints)])
        assert [one.verdict for one in found] == ["holds" if one == "0.90" else "falls short" for one in prints]
        assert all("contradicts itself" in one.sentence and one.failed_checks == ("same-number",) for one in found)


def test_a_setting_is_compared_with_what_ran(tmp_path):
    for seed in range(3):
        write(tmp_path, [record(seed, qubits=4.0)])
    of = {"id": "9.q", "where": "Section I", "quantity": "setting", "of": {"of": "qubits"}}
    by = {"measured_by": {"experiment": "made-up", "config": {"model": "net"}, "metric": "qubits"}}
    (right,) = judge(tmp_path, [of | by | {"printed": "four"}])
    (wrong,) = judge(tmp_path, [of | by | {"printed": "3"}])
    assert (right.verdict, right.sentence) == ("holds", "What ran here has 4, as printed (3 runs).")
    assert wrong.verdict in ("exceeded", "falls short")
    assert counting.chance([right, wrong])["tested"] == 0


def test_what_no_seed_can_change_says_so(tmp_path):
    write(tmp_path, [record(seed, p=0.8) for seed in range(3)])
    (small,), (large,) = (judge(tmp_path, [entry("x.p", printed, "p")]) for printed in ("0.001", "0.8"))
    assert (small.verdict, large.verdict) == ("falls short", "holds"), "a p-value above the printed one is the worse one"
    said = "Measured 0.8 in each of 3 runs, not the printed 0.001: there is nothing in it that a seed could change."
    assert small.sentence == said
    write(tmp_path, [record(seed, accuracy=0.8) for seed in range(3)])
    (score,) = judge(tmp_path, [entry("x.score", "0.8")])
    assert "over 3 seeds" in score.sentence, "scores are drawn, and can all be the same by chance"


def test_a_result_that_is_printed_twice_is_tested_once(tmp_path):
    write(tmp_path, scores(0.80, 0.01))
    found = judge(tmp_path, [entry("a", "0.95"), entry("b", "0.95"), entry("c", "0.80", of={"model": "net", "data": "rooms"})])
    assert counting.chance(found) == {"tested": 2, "refuted": 1, "refuted_fdr": 1, "expected_by_chance": 0.1}


def test_a_sentence_that_the_tables_contradict_cannot_hold(tmp_path):
    numbers = [entry("a", "0.90"), entry("b", "0.95", model="plain")]
    assert judge(tmp_path, [*numbers, ordering()])[-1].verdict == "cannot hold"
    two = ordering()
    two["predicates"].append({"reading": "not of scores", "holds": "unprinted"})
    assert judge(tmp_path, [*numbers, two])[-1].verdict == "pending"


# paper 1 and its records


def low_energy(n=4):
    """Records of every model of paper 1 with plausible scores."""
    rng = np.random.default_rng(0)
    names = [name for name in statements.paper("1").names if name not in ("occupancy", "ton_iot_gps")]
    lines = []
    for model in [*names, "qnn-p-separable"]:
        for data in ("occupancy", "ton_iot_gps"):
            for regime in ("300+300", "300"):
                entanglers = {"qnn-p": ["chain", "ring"], "qnn-p-separable": ["none"]}.get(model, [None])
                for entangler in entanglers:
                    for seed in range(n):
                        metrics = {
                            k: float(rng.normal(0.9, 0.02)) for k in ("accuracy", "precision", "recall", "f1", "train_accuracy")
                        }
                        line = record(seed, model=model, regime=regime, **metrics)
                        line["experiment"] = "low-energy"
                        line["config"] |= {"data": data} | ({"entangler": entangler} if entangler else {})
                        line["id"] = f"{len(lines):016x}"
                        lines.append(line)
    return lines


def as_perfect(line, **change):
    return (
        line
        | {"metrics": dict.fromkeys(line["metrics"], 1.0), "id": "f" + line["id"][1:], "finished": "2030-01-01T00:00:00+00:00"}
        | change
    )


@pytest.mark.parametrize("change", [{"source": "twin"}, {"profile": "quick"}, {"source": "twin", "profile": "quick"}])
def test_a_twins_perfect_score_moves_no_verdict(tmp_path, change):
    lines = low_energy()
    write(tmp_path, lines)
    before = ledger.verdicts("1", tmp_path)
    assert len({one.verdict for one in before}) > 4
    write(tmp_path, [as_perfect(line, **change) for line in lines] + [as_perfect(lines[0], seed=99, **change)])
    assert ledger.verdicts("1", tmp_path) == before


def test_a_real_perfect_score_does_move_verdicts(tmp_path):
    """The test above could not fail if nothing were read."""
    lines = low_energy()
    write(tmp_path, lines)
    before = ledger.verdicts("1", tmp_path)
    write(tmp_path, [as_perfect(line) for line in lines])
    assert ledger.verdicts("1", tmp_path) != before


def test_twice_the_records_are_judged_by_twice_the_work(tmp_path, calls):
    ledger.verdicts("1", tmp_path / "empty")  # imports and checks, which are done once
    work = {}
    for n in (20, 40):
        write(tmp_path, low_energy(n))
        with calls() as counted:
            found = ledger.verdicts("1", tmp_path)
        work[n] = counted()
    assert work[40] < 2.2 * work[20]
    assert sum(one.n_seeds == 40 for one in found) > 50


def test_one_verdict_is_that_of_all(tmp_path):
    write(tmp_path, low_energy())
    alone = ledger.verdict("1.T1.qda.f1", tmp_path)
    together = next(one for one in ledger.verdicts("1", tmp_path) if one.id == "1.T1.qda.f1")
    assert (alone.verdict, alone.measured, alone.readings) == (together.verdict, together.measured, together.readings)
    assert set(together.doubts) <= set(alone.doubts)


def test_known_verdicts_of_paper_1_without_records(tmp_path):
    found = {one.id: one for one in ledger.verdicts("1", tmp_path)}
    assert found["1.T2.qnn-p.f1"].verdict == "cannot hold"
    assert found["1.T1.qnn-p.accuracy"].failed_checks == ("same-number",)
    assert found["1.T2.lda.f1"].verdict == "implausible"
    assert 0 < found["1.T2.lda.f1"].probability < 0.01
    assert found["1.T1.lda.f1"].verdict == "pending"
    assert found["1.T1.qnn-q.runtime"].verdict == "not measurable"
    assert found["1.noise.bit-flip-sharp"].verdict == "pending"
    assert found["1.abstract.count.noise-models"].verdict == "holds"
    assert any("contradicts" in doubt for doubt in found["1.abstract.order.efficiency"].doubts)


def noise_record(seed, data, entangler, drops):
    """A record as of the experiment ``noise``: what each channel costs, by place."""
    channels = ("bit_flip", "phase_flip", "bit_phase_flip", "depolarizing", "phase_damping", "amplitude_damping")
    metrics = {"accuracy": 0.93}
    for place in ("gate", "layer", "end"):
        costs = {channel: drops(channel, place) + seed / 10000 for channel in channels}
        for channel, cost in costs.items():
            metrics |= {
                f"mean.{channel}.{place}": 0.93 - cost,
                f"low_drop.{channel}.{place}": cost,
                f"steepest.{channel}.{place}": cost,
                f"lowest.{channel}.{place}": 0.93 - cost,
            }
        metrics[f"low_accuracy.{place}"] = 0.93 - sum(costs.values()) / len(costs)
    made = record(seed, model="qnn-p", **metrics)
    made["config"] = {"model": "qnn-p", "data": data, "entangler": entangler, "regime": "300+300"}
    return made | {"experiment": "noise", "id": f"{seed:02}-{data}-{entangler}"}


def noise_verdicts(folder, drops):
    places = [(data, entangler) for data in ("occupancy", "ton_iot_gps") for entangler in ("chain", "ring")]
    write(folder, [noise_record(seed, data, entangler, drops) for seed in range(9) for data, entangler in places])
    return {one.id: one for one in ledger.verdicts("1", folder)}


def test_sentences_on_noise_follow_the_records(tmp_path):
    def as_the_paper_says(channel, place):
        return {"depolarizing": 0.02, "amplitude_damping": 0.03, "phase_damping": 0.06}.get(channel, 0.2)

    found = noise_verdicts(tmp_path / "paper", as_the_paper_says)
    ours = ("resilient", "depolarizing-gradual", "amplitude-damping", "flips-sensitive", "flips-low-noise", "bit-flip-sharp")
    for name in (*ours, "phase-damping-moderate", "suited"):
        assert found[f"1.noise.{name}"].verdict == "holds", name
        assert len(found[f"1.noise.{name}"].readings) in (6, 12)
    assert found["1.abstract.noise.robust"].verdict == "falls short"

    def as_theory_says(channel, place):
        return 0.0 if place == "end" else as_the_paper_says(channel, place)

    found = noise_verdicts(tmp_path / "theory", as_theory_says)
    assert found["1.noise.flips-low-noise"].verdict == "holds under some readings"
    assert found["1.noise.depolarizing-gradual"].verdict == "holds"
    assert found["1.abstract.noise.robust"].verdict == "holds under some readings"
    assert {one.verdict for one in found["1.noise.bit-flip-sharp"].readings if "at end" in one.reading} == {"falls short"}

    found = noise_verdicts(tmp_path / "upside-down", lambda channel, place: 0.25 - as_the_paper_says(channel, place))
    for name in ("resilient", "depolarizing-gradual", "amplitude-damping", "flips-sensitive", "bit-flip-sharp", "suited"):
        assert found[f"1.noise.{name}"].verdict == "falls short", name


def test_what_words_alone_mean_is_a_reading_of_a_procedure(tmp_path):
    write(tmp_path, [record(seed, disagreement=0.5) for seed in range(3)])
    claim = compared("as printed", holds="bound", metrics=["disagreement"], at_most=0.001, exact=True) | {"kind": "procedure"}
    assert judge(tmp_path, [claim])[0].verdict == "cannot hold"
    claim["predicates"].append({"reading": "a schematic", "holds": "unprinted"})
    (found,) = judge(tmp_path, [claim])
    assert found.verdict == "holds under some readings" and "(a schematic)" in found.sentence
    claim["predicates"].pop(0)
    assert judge(tmp_path, [claim])[0].verdict == "holds"


def test_a_number_of_points_is_judged_by_the_sizes_that_rows_allow(tmp_path):
    def points(row):
        cells = [entry(q, printed, q) for q, printed in zip(("precision", "recall", "f1", "accuracy"), row, strict=True)]
        claim = {"id": "9.p", "where": "Section I", "printed": "60", "quantity": "points", "of": {"tables": ["Table I"]}}
        return judge(tmp_path, [*cells, claim])[-1]

    fits = points(("0.86", "0.83", "0.85", "0.85"))  # 25 of 30 found, 4 false: 60 rows
    assert [one.verdict for one in fits.readings] == ["holds", "cannot hold", "inconclusive"]
    assert fits.verdict == "holds under some readings"
    none = points(("0.81", "0.68", "0.73", "0.80"))
    assert (none.verdict, none.sort) == ("inconclusive", "counts and settings")
    assert "none gives Net in Table I" in none.sentence


#: Papers of which a part is not yet run, so that claims may await it.
UNFINISHED: set[str] = set()


def test_an_unfinished_paper_has_claims_that_wait():
    assert {number for number in ledger.papers() if any(claim.awaits for claim in ledger.claims(number))} == UNFINISHED


@pytest.mark.parametrize("number", ledger.papers())
def test_no_claim_waits_for_a_chapter(number):
    """Every claim names what measures it, what it would need, or is counted in the text."""
    for claim in ledger.claims(number):
        if number in UNFINISHED and claim.awaits:
            continue
        assert claim.awaits is None, claim.id
        known = {"members", "first", "works_out"} & claim.of.keys() or claim.quantity == "points"
        assert claim.measured_by or claim.needs or known, claim.id
        if claim.kind != "number":
            assert claim.predicates or claim.needs, claim.id


def test_scoreboard_counts_every_claim_by_sort_and_states_chance(tmp_path):
    write(tmp_path, low_energy())
    board = ledger.scoreboard(tmp_path)
    assert list(board.index) == [(number, sort) for number in ledger.papers() for sort in statements.SORTS]
    assert (board[list(VERDICTS)].sum(axis=1) == board["claims"]).all()
    for number in ledger.papers():
        assert board.loc[number, "claims"].sum() == len(ledger.claims(number))
    results = board.loc["1", "results"]
    assert results["holds"] + results["holds, for another reason"] <= results["measured"] <= results["claims"]
    assert results["measured"] == results["claims"] - results["not measurable"] - results["lost"] - results["pending"]
    chance = counting.chance(ledger.verdicts("1", tmp_path))
    assert chance["expected_by_chance"] == pytest.approx(0.05 * chance["tested"], abs=0.01)
    assert 0 <= chance["refuted_fdr"] <= chance["refuted"] <= chance["tested"]


def test_a_setting_in_words_is_judged_by_its_predicate_and_counted_among_settings(tmp_path):
    claim = {
        "id": "9.s",
        "where": "Section I",
        "printed": "Adam",
        "quantity": "setting",
        "kind": "setting",
        "measured_by": {"experiment": "made-up"},
        "predicates": [{"reading": "as it is", "holds": "bound", "metrics": ["same"], "at_least": 1, "exact": True}],
    }
    write(tmp_path, [record(i, same=1.0) for i in range(3)])
    (held,) = judge(tmp_path, [claim])
    assert (held.verdict, held.sort) == ("holds", "counts and settings")
    write(tmp_path / "other", [record(i, same=0.0) for i in range(3)])
    (other,) = judge(tmp_path / "other", [claim])
    assert other.verdict == "falls short"


def test_what_only_another_file_can_decide_has_the_nearest_measurement_beside_it(tmp_path):
    write(tmp_path, scores(0.95, 0.01))
    (found,) = judge(tmp_path, [entry("a", "0.99", needs="the whole file")])
    assert found.verdict == "not measurable"
    assert found.sentence.startswith(
        "It needs the whole file. Nearest, and no substitute: 0.95 ± 0.01 share on rooms over 20 seeds"
    )


def test_a_number_that_is_one_of_several_results_must_agree_with_one(tmp_path):
    def of(split):
        return {"model": "net", "split": split}

    cells = [
        entry("v", "0.9993", "auc", where="Section I", of=of("validation")),
        entry("t", "0.9977", "auc", where="Section I", of=of("test")),
    ]
    open_ = entry("c", "98.77%", "auc", where="Section II", of=of(["validation", "test"]))
    found = judge(tmp_path, [*cells, open_])
    assert [one.failed_checks for one in found] == [("same-number",)] * 3
    assert "98.77% is none of 0.9993 (9.v), 0.9977 (9.t)" in found[2].sentence
    assert found[2].result == "auc, model net, split validation or test"
    agreeing = judge(tmp_path, [*cells, {**open_, "printed": "99.77%"}])
    assert [one.failed_checks for one in agreeing] == [()] * 3
    elsewhere = judge(tmp_path, [*cells, {**open_, "of": {"model": "plain", "split": ["validation", "test"]}}])
    assert [one.failed_checks for one in elsewhere] == [()] * 3


def test_a_loss_above_that_of_a_constant_is_a_doubt_until_no_class_balance_explains_it(tmp_path):
    rate = "base_rates: [{name: rare, positives: 7, negatives: 93}"
    loss = entry("l", "0.30", "cross_entropy")
    alone = HEAD.replace("averages", rate + "], averages")
    (one,) = judge(tmp_path, [loss], alone)
    assert (one.verdict, one.failed_checks) == ("implausible", ("cross-entropy-base-rate",))
    (one,) = judge(tmp_path, [{**loss, "printed": "0.25"}], alone)
    assert one.doubts == ()
    (one,) = judge(tmp_path, [loss], HEAD.replace("averages", rate + ", {name: even, positives: 1, negatives: 1}], averages"))
    assert (one.verdict, one.failed_checks) == ("pending", ())
    assert "cross-entropy-base-rate (rare)" in one.doubts[0]


def test_a_spread_over_runs_is_judged_by_the_spread_of_ours(tmp_path):
    values = 20 + 0.3 * np.random.default_rng(0).normal(size=30)
    write(tmp_path, [record(i, rmse=value) for i, value in enumerate(values)])
    found = [
        judge(tmp_path, [entry("s", printed, "rmse_sd")], HEAD.replace("runs: 1", "runs: 30"))[0]
        for printed in ("0.30", "0.05", "2.10")
    ]
    assert [one.verdict for one in found] == ["holds", "falls short", "exceeded"]
    assert "the spread of 30 runs" in found[0].sentence


def test_what_is_worked_out_from_two_numbers_is_so_for_each_seed(tmp_path):
    write(tmp_path, [record(i, rmse=20.0 + i / 10, worse=(20.0 + i / 10) * 1.34) for i in range(10)])
    first, second = entry("a", "26.8", "rmse", where="Section I"), entry("b", "20.0", "rmse", where="Section I")
    first["of"] = first["of"] | {"model": "worse"}
    first["measured_by"] = first["measured_by"] | {"metric": "worse"}
    derived = {"where": "Section I", "of": {"first": "9.a", "second": "9.b"}}
    change = {"id": "9.c", "printed": "34%", "quantity": "relative_change", **derived}
    wrong = {"id": "9.d", "printed": "50%", "quantity": "relative_reduction", **derived}
    found = judge(tmp_path, [first, second, change, wrong])
    assert (found[2].verdict, found[2].measured) == ("holds", pytest.approx(0.34))
    assert (found[3].verdict, found[3].failed_checks) == ("cannot hold", ("relative-change",))


def test_a_model_stands_for_what_records_call_it(tmp_path):
    write(tmp_path, scores(0.80, 0.01, regime="large"))
    named = HEAD + "\nmodels: {anything: {model: net, regime: large}, other: {model: net, regime: small}}"
    measured = [{"experiment": "made-up", "config": {"model": name, "data": "rooms"}} for name in ("anything", "other")]
    found = judge(tmp_path, [entry(f"m{i}", "0.80", measured_by=one) for i, one in enumerate(measured)], named)
    assert [one.verdict for one in found] == ["holds", "pending"]


SEVERAL = (
    HEAD.replace("others: [plain]", "others: [plain, plainer]")
    + """
models:
  net: {experiment: made-up, model: net}
  plain: {experiment: elsewhere, model: flat}
  plainer: {experiment: elsewhere, model: plainer}
  control: {experiment: elsewhere, model: flat}
readings:
  - why: sizes are open
    experiments: [made-up]
    options: [{name: large, config: {regime: large}}, {name: small, config: {regime: small}}]
"""
)


def elsewhere(lines):
    return [{**line, "experiment": "elsewhere"} for line in lines]


def test_a_sentence_may_compare_models_of_two_experiments(tmp_path):
    """The reading of one experiment leaves the records of the other alone."""
    write(tmp_path, scores(0.95, 0.02, 9) + elsewhere(scores(0.90, 0.02, 9, model="flat", seed=1, regime="any")))
    (found,) = judge(tmp_path, [ordering(than=["plain"])], SEVERAL)
    assert {one.reading: one.verdict for one in found.readings} == {"plainly; large": "holds", "plainly; small": "pending"}
    assert (found.verdict, found.n_seeds) == ("holds", 9)


def test_a_reduction_may_be_of_models_of_two_experiments(tmp_path):
    write(tmp_path, scores(4.0, 0.1, metric="mse") + elsewhere(scores(8.0, 0.1, metric="mse", model="flat")))
    first = entry("a", "4.0", "mse", measured_by={"experiment": "made-up", "config": {"model": "net", "data": "rooms"}})
    second = entry("b", "8.0", "mse", "plain", measured_by={"experiment": "elsewhere", "config": {"model": "plain"}})
    less = {"id": "9.c", "where": "Section I", "printed": "50%", "quantity": "relative_reduction"}
    found = judge(tmp_path, [first, second, less | {"of": {"first": "9.a", "second": "9.b"}}], SEVERAL)
    assert (found[2].verdict, found[2].measured) == ("holds", pytest.approx(0.5, abs=0.01))


def test_a_control_may_be_of_another_experiment(tmp_path):
    head = SEVERAL.replace("control: net-without", "control: control")
    write(tmp_path, scores(0.95, 0.01) + elsewhere(scores(0.951, 0.01, model="flat", seed=1)))
    (found,) = judge(tmp_path, [entry("a", "0.95")], head)
    assert found.verdict == "holds, for another reason" and "without the ingredient" in found.sentence


@pytest.mark.parametrize(("beaten", "expected"), [(0.97, "falls short"), (0.90, "inconclusive")])
def test_those_with_enough_runs_refute_what_is_said_of_all(tmp_path, beaten, expected):
    """Five runs of the one are no test, twenty of the other are: by it the sentence may fall, and cannot hold."""
    ours, many = scores(0.95, 0.01), elsewhere(scores(beaten, 0.01, model="flat", seed=1))
    write(tmp_path, ours + many + elsewhere(scores(0.90, 0.01, 5, model="plainer", seed=2)))
    (found,) = judge(tmp_path, [ordering()], SEVERAL)
    assert found.verdict == expected and found.n_seeds == (20 if expected == "falls short" else 5)
    assert ("too few runs for a test have plainer" in found.sentence) == (expected == "falls short")


def test_one_that_was_not_run_saves_no_sentence_that_another_refutes(tmp_path):
    write(tmp_path, scores(0.95, 0.01) + elsewhere(scores(0.97, 0.01, model="flat", seed=1)))
    assert judge(tmp_path, [ordering()], SEVERAL)[0].verdict == "falls short"
    write(tmp_path, elsewhere(scores(0.90, 0.01, 2, model="flat", seed=1, finished="2026-02-01T00:00:00+00:00")))
    assert judge(tmp_path, [ordering(better="plain", than=["plainer"])], SEVERAL)[0].verdict == "pending"


@pytest.mark.parametrize(("ours", "theirs", "expected"), [(0.01, 0.05, "holds"), (0.05, 0.01, "falls short")])
def test_spreads_over_runs_can_be_compared(tmp_path, ours, theirs, expected):
    write(tmp_path, scores(0.9, ours) + scores(0.9, theirs, model="plain", seed=1))
    wider = ordering(holds="ranked", metric="accuracy_sd", higher=["plain"], lower=["net"])
    (found,) = judge(tmp_path, [wider])
    assert found.verdict == expected and "single runs" not in found.sentence
    assert dict(found.readings[0].shown)["accuracy_sd of rooms, net"] == pytest.approx(ours)
    assert found.readings[0].in_runs is None


@pytest.mark.parametrize(
    ("ours", "theirs", "n", "more", "expected"),
    [
        (0.95, 0.90, 20, {}, "holds"),
        (0.90, 0.95, 20, {}, "falls short"),
        (0.90, 0.95, 20, {"two_sided": True}, "holds"),
        (0.901, 0.90, 20, {}, "falls short"),
        (0.95, 0.90, 8, {}, "inconclusive"),
        (0.95, 0.90, 20, {"effect": 0.85}, "holds"),
        (0.91, 0.90, 20, {}, "holds"),
        (0.91, 0.90, 20, {"effect": 0.85}, "falls short"),
        (0.90, 0.95, 20, {"effect": 0.85}, "falls short"),
    ],
)
def test_what_is_called_significant_is_tested_by_signed_ranks(tmp_path, ours, theirs, n, more, expected):
    write(tmp_path, scores(ours, 0.01, n) + scores(theirs, 0.01, n, model="plain", seed=1))
    (found,) = judge(tmp_path, [ordering(holds="significant", **more)])
    assert found.verdict == expected and "p = " in found.sentence and "δ = " in found.sentence


def test_for_an_error_a_significant_gain_is_a_lower_one(tmp_path):
    write(tmp_path, scores(4.0, 0.1, metric="rmse") + scores(5.0, 0.1, metric="rmse", model="plain", seed=1))
    (found,) = judge(tmp_path, [ordering(holds="significant", metrics=["rmse"], effect=0.85)])
    assert found.verdict == "holds" and "δ = +1.00" in found.sentence


def test_only_what_fails_under_every_reading_counts_as_refuted(tmp_path):
    write(tmp_path, scores(0.80, 0.01, regime="large") + scores(0.86, 0.06, regime="small"))
    (open_,) = judge(tmp_path, [entry("a", "0.95")], HEAD + READINGS)
    assert open_.verdict == "inconclusive"
    assert counting.chance([open_])["refuted"] == 0
    assert counting.chance([open_])["tested"] == 1
    (closed,) = judge(tmp_path, [entry("a", "0.20")], HEAD + READINGS)
    assert counting.chance([closed]) == {"tested": 1, "refuted": 1, "refuted_fdr": 1, "expected_by_chance": 0.05}


def test_a_reading_that_nobody_ran_keeps_no_claim_from_being_refuted(tmp_path):
    write(tmp_path, scores(0.80, 0.01, regime="large"))
    (one,) = judge(tmp_path, [entry("a", "0.20")], HEAD + READINGS)
    assert [reading.p is None for reading in one.readings].count(True) == 1
    assert counting.chance([one]) == {"tested": 1, "refuted": 1, "refuted_fdr": 1, "expected_by_chance": 0.05}


def test_true_claims_with_several_readings_are_refuted_no_more_often_than_stated():
    """Only one reading is what the paper did; the other is far off and precise."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(400):
        *ours, theirs = rng.normal(0.7, 0.04, 11)
        about = {"model": "net", "data": "rooms", "split": "test", "result": i}
        one = entry(f"n{i}", f"{min(max(theirs, 0), 1):.4f}", of=about)
        claim = statements.parse(HEAD + READINGS + "\nclaims: " + json.dumps([one]))
        evidence = Evidence()
        config = (("data", "rooms"), ("model", "net"))
        for regime, values in (("small", ours), ("large", rng.normal(0.4, 0.01, 10))):
            key = ("made-up", frozenset((*config, ("regime", regime))), "accuracy")
            evidence._samples[key] = Sample(tuple(range(10)), np.array(values), tuple("abcdefghij"))
        for regime in ("small", "large"):
            key = ("made-up", frozenset((("data", "rooms"), ("model", "net-without"), ("regime", regime))), "accuracy")
            evidence._samples[key] = Sample((), np.array([]), ())
        found += judgement.judge(claim, [], evidence)
    counts = counting.chance(found)
    assert counts["expected_by_chance"] == 20
    assert 8 <= counts["refuted"] <= 34
    assert sum(one.verdict in ("falls short", "exceeded") for one in found) == counts["refuted"]


def test_unknown_papers_and_claims_are_named():
    with pytest.raises(ValueError, match="claims of paper 1"):
        ledger.verdicts("12")
    with pytest.raises(ValueError, match=r"near are 1\.T1\.qnn-p\.f1"):
        ledger.claim("1.T1.qnnp.f1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"printed": 0.95}, "quote it"),
        ({"printed": "about 0.9"}, "allowed are forms like"),
        ({"quantity": "goodness"}, "unknown quantity"),
        ({"kind": "rumour"}, "number, ordering, procedure"),
        ({"colour": "red"}, "unknown keys"),
        ({"predicates": [{"reading": "a", "holds": "bound", "at_most": "1e-6"}]}, "at_most.*is no number"),
    ],
)
def test_a_bad_entry_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        statements.parse(HEAD + "\nclaims: " + json.dumps([entry("a", "0.95") | change]))


def test_an_id_is_used_once():
    with pytest.raises(ValueError, match="twice"):
        statements.parse(HEAD + "\nclaims: " + json.dumps([entry("a", "0.95"), entry("a", "0.95")]))


def test_importing_the_ledger_loads_nothing_heavy():
    heavy = ("torch", "pennylane", "qiskit", "sklearn", "scipy", "mlscorecheck", "statsmodels")
    code = f"import sys, qhelpers.ledger; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

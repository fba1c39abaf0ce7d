"""What the means alone would call equal is no reason, and a refutation counts only below the false-discovery level."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.ledger import counting, judgement, statements
from qhelpers.ledger.evidence import Evidence, Sample

HEAD = """
paper: "9"
title: Made up
names: {net: Net, rooms: Rooms}
tables: {Table I: {row: model, columns: {accuracy: A}, data: rooms}}
protocol: {runs: 1, averages: [binary, mean]}
controls: [{model: net, control: net-without, without: the ingredient}]
"""


def scores(mean, sd, n=20, seed=0):
    noise = np.random.default_rng(seed).normal(size=n)
    return mean + sd * (noise - noise.mean()) / noise.std(ddof=1)


@pytest.mark.parametrize(("spread", "expected"), [(0.01, "holds, for another reason"), (0.2, "holds")])
def test_a_control_explains_a_result_only_where_its_spread_lets_it(spread, expected):
    """The control's mean lies two points below, within the margin of five, each time."""
    claim = {"id": "9.a", "where": "Table I, row Net", "printed": "0.95", "quantity": "accuracy"}
    claim["of"] = {"model": "net", "data": "rooms", "split": "test"}
    claim["measured_by"] = {"experiment": "made-up", "config": {"model": "net", "data": "rooms"}}
    evidence = Evidence()
    for model, values in (("net", scores(0.95, 0.01)), ("net-without", scores(0.93, spread, seed=1))):
        key = ("made-up", frozenset((("data", "rooms"), ("model", model))), "accuracy")
        evidence._samples[key] = Sample(tuple(range(20)), values, tuple("abcdefghijklmnopqrst"))
    (found,) = judgement.judge(statements.parse(HEAD + "\nclaims: " + json.dumps([claim])), [], evidence)
    assert found.verdict == expected


def test_false_discoveries_are_held_at_five_percent():
    """Ten results; Benjamini and Hochberg make 0.001, 0.008, 0.013 and 0.03 into 0.01, 0.04, 0.043 and 0.075."""
    ps = [0.001, 0.008, 0.013, 0.03] + [0.5] * 6
    found = [
        SimpleNamespace(
            paper="9",
            id=f"9.{i}",
            result="",
            searched=None,
            p=p,
            verdict="falls short" if p < 0.05 else "holds",
            readings=[SimpleNamespace(p=p, verdict="falls short" if p < 0.05 else "holds")],
        )
        for i, p in enumerate(ps)
    ]
    counts = counting.chance(found)
    assert (counts["tested"], counts["refuted"], counts["refuted_fdr"]) == (10, 4, 3)


def test_sentences_are_counted():
    def verdict(name, sort="sentences"):
        return ledger.Verdict("3.a", "3", "", "performance", "words", name, sort)

    some = [*map(verdict, ["holds", "holds", "falls short", "pending", "not measurable"]), verdict("holds", "results")]
    assert counting.sentences_judged(some, "a quantum annealer") == (
        "Of 5 sentences 1 need a quantum annealer and 1 wait for runs. Of the other 3: 2 “holds”, 1 “falls short”."
    )
    assert (
        counting.sentences_judged(some[:3], "a quantum annealer")
        == "Of 3 sentences all could be judged: 2 “holds”, 1 “falls short”."
    )

"""What the means alone would call equal is no reason, and a refutation counts only below the false-discovery level."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.ledger import counting, judgement, statements
from qhelpers.ledger.evidence import Evidence, Sample
from qhelpers.verdicts import VERBS, VERDICTS

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


def verdict(name, sort="sentences", reconstructed=False):
    return ledger.Verdict("3.a", "3", "", "performance", "words", name, sort, reconstructed=reconstructed)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "No sentence compares."),
        (["holds"], "Of 1 sentence all could be judged: 1 holds."),
        (["holds", "holds", "falls short"], "Of 3 sentences all could be judged: 2 hold, 1 falls short."),
        (["pending", "not measurable"], "Of 2 sentences 1 needs a chip and 1 waits for runs."),
        (["holds"] + 2 * ["pending"], "Of 3 sentences 2 wait for runs. Of the other 1, 1 holds."),
        (
            2 * ["falls short"] + 2 * ["not measurable"] + ["exceeded"],
            "Of 5 sentences 2 need a chip. Of the other 3, 2 fall short, 1 was printed too low.",
        ),
    ],
)
def test_sentences_are_counted(names, said):
    assert counting.sentences_judged([*map(verdict, names), verdict("holds", "results")], "a chip") == said


def test_a_count_agrees_with_each_verdict():
    assert set(VERBS) == set(VERDICTS)
    for name, (one, several) in VERBS.items():
        assert counting.told([verdict(name)]) == f"1 {one}" and counting.told([verdict(name)] * 2) == f"2 {several}"
        assert re.match(r"(is|was|falls|holds|waits|cannot) ?", one) and not re.match(r"(is|was|falls|holds|waits)\b", several)


@pytest.mark.parametrize(("n", "noun", "verbs"), [(1, "value", "holds falls was is"), (2, "values", "hold fall were are")])
def test_measured_values_are_counted(n, noun, verbs):
    holds, falls, was, is_ = verbs.split()
    names = ["holds", "holds under some readings", "falls short", "exceeded", "implausible", "cannot hold"]
    found = [verdict(name, "results") for name in names] * n
    said, more = (
        re.sub("<[^>]+>", "", counting.measured_values(some)) for some in (found, [*found, verdict("inconclusive", "results")])
    )
    assert said == (
        f"Of {6 * n} measured values {n} {holds} as the paper describes the experiment. {n} more {holds} under another reading "
        f"of the text, {n} of those only under a protocol that was searched for afterwards. {n} {falls} short, {n} {was} "
        f"printed too low, {n} cannot hold together, and {n} {is_} implausible."
    )
    assert more.endswith(f"together, {n} {is_} implausible, and 1 our runs could not have refuted.")
    few = re.sub("<[^>]+>", "", counting.measured_values([verdict("falls short", "results")] * n))
    assert few.startswith(f"Of {n} measured {noun} 0 hold as") and f"{n} {falls} short, 0 were printed" in few


def test_rebuilt_formulas_are_counted_apart():
    built = [verdict(name, "equations", True) for name in ("holds", "holds", "holds under some readings", "cannot hold")]
    assert counting.rebuilt([verdict("holds"), *built[2:]]) == ""
    assert counting.told([verdict("holds"), *built[:1]]) == (
        "2 hold (1 of those that hold is a rebuilt formula, since the printed one could not be read)"
    )
    assert counting.rebuilt(built) == "2 of those that hold are rebuilt formulas, since the printed ones could not be read"
    assert counting.tally(built)["equations"].total() == 4


def test_a_formula_of_which_the_text_has_only_the_number_is_marked():
    lost = [claim for claim in ledger.claims() if re.fullmatch(r"\(\d+\)", claim.printed or "")]
    assert len(lost) == 22 and all(claim.reconstructed for claim in lost)
    marked = {claim.id: claim for claim in ledger.claims() if claim.reconstructed}
    words = {name: claim.printed for name, claim in marked.items() if claim not in lost}
    signs = (" ,", " .", " in |", "FD003 FD002 FD004", "$[21]^4$")
    assert len(words) == 5 and all(any(sign in one for sign in signs) for one in words.values())

"""The forms of a predicate on numbers whose answer is plain, and metrics that a claims file combines."""

import numpy as np
import pytest

from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.predicates import combined, contrasts, evaluate, terms, without

SCORES = {"a": {"precision": 0.9, "recall": 0.8}, "b": {"precision": 0.7, "recall": 0.85}, "c": {"precision": 0.6, "recall": 0.5}}


def ask(term):
    return np.array([SCORES[dict(term.config)["model"]][term.metric]])


def holds(**predicate):
    return bool(evaluate(predicate, ask)[0])


@pytest.mark.parametrize(
    ("predicate", "truth"),
    [
        ({"holds": "beats", "better": "a", "than": ("b", "c"), "metrics": ("precision",)}, True),
        ({"holds": "beats", "better": "a", "than": ("b", "c"), "metrics": ("precision", "recall")}, False),
        ({"holds": "beats", "better": "a", "than": ("b", "c"), "metrics": ("precision", "recall"), "at_least": 1}, True),
        ({"holds": "beats", "better": ("a", "b"), "than": ("c",), "metrics": ("precision", "recall")}, True),
        ({"holds": "beats", "better": ("a", "c"), "than": ("b",), "metrics": ("precision",)}, False),
        ({"holds": "ranked", "metric": "recall", "higher": ("b",), "lower": ("a", "c")}, True),
        ({"holds": "ranked", "metric": "recall", "higher": ("b",), "lower": ("a",), "by": 0.1}, False),
        ({"holds": "ranked", "metric": "abs([precision] - [recall])", "higher": ("b",), "lower": ("a", "c")}, True),
        ({"holds": "bound", "config": {"model": "a"}, "metrics": ("[precision] - [recall]",), "more_than": 0.1}, False),
        ({"holds": "bound", "config": {"model": "a"}, "metrics": ("[precision] - [recall]",), "at_least": 0.1}, True),
        ({"holds": "bound", "config": {"model": "b"}, "metrics": ("[recall] / [precision]",), "at_most": 1.2}, False),
        ({"holds": "drop", "key": "model", "metric": "recall", "start": "b", "metrics": ("a",), "at_most": 0.05}, True),
        ({"holds": "monotone", "metric": "precision", "metrics": ("a", "b", "c"), "direction": "falling", "within": 0}, True),
        ({"holds": "monotone", "metric": "recall", "metrics": ("a", "b", "c"), "direction": "falling", "within": 0.01}, False),
    ],
)
def test_each_form(predicate, truth):
    assert holds(**predicate) == truth
    further = {"holds": "bound", "config": {"model": "c"}, "metrics": ("recall",), "at_least": 0.6}
    assert not holds(**predicate, **{"and": (further,)}), "what must hold with it does not"
    assert {term.metric for term in terms(predicate | {"and": (further,)})} >= {"recall"}


def test_nothing_said_of_scores_is_contradicted_by_none():
    assert evaluate({"holds": "unprinted"}, ask) is True and terms({"holds": "unprinted"}) == []


@pytest.mark.parametrize("form", ["close", "order", "all_beat"])
def test_an_unknown_form_lists_what_there_is(form):
    with pytest.raises(ValueError, match=rf"unknown form of predicate '{form}'; choose one of beats, ranked, bound"):
        evaluate({"holds": form}, ask)


def test_no_limit_is_said():
    with pytest.raises(ValueError, match="has no limit; give at_least, at_most or more_than"):
        holds(holds="bound", config={"model": "a"}, metrics=("recall",))


@pytest.mark.parametrize(
    ("text", "value"),
    [("x", 2.0), ("[x]", 2.0), ("abs([x] - [y.5])", 3.0), ("2 * [x] + [y.5] / 5", 5.0)],
)
def test_metrics_are_combined(text, value):
    known = {"x": 2.0, "y.5": 5.0}
    assert combined(text, known.__getitem__) == value


def test_printed_numbers_are_combined_as_intervals():
    found = combined("abs([p] - [r])", {"p": Interval(0.895, 0.905), "r": Interval(0.905, 0.915)}.__getitem__)
    assert (found.lo, found.hi) == pytest.approx((0.0, 0.02))


@pytest.mark.parametrize(
    "text",
    ["[x].real", "__import__('os').system([x])", "[x] - -1", "[x] ** 2", "[x] if [x] else 1", "open([x])", "[x] +", "'[x]'"],
)
def test_nothing_else_is_computed(text):
    with pytest.raises(ValueError, match=r"is no metric|cannot be read"):
        combined(text, lambda name: 1.0)


@pytest.mark.parametrize(("theirs", "expected"), [(20.0, True), (10.5, False)])
def test_a_metric_may_be_that_of_another_model(theirs, expected):
    """A gain as a share of another model's error, compared between two data sets."""
    scores = {("net", "rooms"): 10.0, ("net", "halls"): 10.0, ("plain", "rooms"): theirs, ("plain", "halls"): 12.0}
    more = {"holds": "ranked", "metric": "1 - [mse] / [mse of plain]", "key": "data", "config": {"model": "net"}}

    def ask(term):
        place = dict(term.config)
        assert term.metric == "mse"
        return np.array([scores[place["model"], place["data"]]])

    assert evaluate(more | {"higher": ["rooms"], "lower": ["halls"]}, ask) == expected


def test_what_is_left_of_a_sentence_without_some_models_follows_from_it():
    many = {"holds": "beats", "reading": "so", "better": "a", "than": ("b", "c"), "metrics": ["mse"]}
    many["and"] = [{"holds": "ranked", "metric": "mse", "higher": ("c",), "lower": ("a",)}]
    assert without(many, {"b"})["better"] == "a"  # one name stays one
    assert without(many, {"b"})["than"] == ("c",) and without(many, {"b"})["and"]
    assert without(many, {"c"})["than"] == ("b",) and not without(many, {"c"})["and"]
    assert without(many, {"b", "c"}) is None and without(many, {"a"}) is None
    # Of "at least one of them" nothing follows for fewer.
    assert without({**many, "at_least": 1, "and": []}, {"b"}) is None
    only = without({**many, "better": "d"}, {"d"})
    assert (only["holds"], only["reading"], only["and"]) == ("ranked", "so", [])


def test_a_contrast_is_a_signed_rank_test_and_a_cliffs_delta():
    said = {"holds": "significant", "better": "a", "than": ["b"], "metrics": ["rmse"], "data": ["rooms"]}
    runs = {"a": np.arange(10.0), "b": np.arange(10.0) + 20}
    (one,) = contrasts(said, lambda term: runs[dict(term.config)["model"]])
    assert (one.of, one.p, one.delta) == ("rmse against b on rooms", 0.5**10, 1.0)
    (other,) = contrasts(said | {"better": "b", "than": ["a"]}, lambda term: runs[dict(term.config)["model"]])
    assert other.p == 1.0 and other.delta == -1.0
    (same,) = contrasts(said, lambda term: runs["a"])
    assert same.p == 1.0 and same.delta == 0.0

"""Sentences that compare, as predicates over scores: of records (arrays over bootstraps) or of printed numbers (intervals)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.quantities import GLOSSARY

# The forms that a predicate can take; see `evaluate`.
FORMS = ("beats", "all_beat", "order", "close", "close_data", "gap", "balanced", "unprinted")

Score = np.ndarray | Interval
Truth = np.ndarray | bool


class Term(NamedTuple):
    """One score that a predicate needs."""

    model: str
    data: str
    metric: str


def terms(predicate: Mapping[str, Any]) -> list[Term]:
    """All scores that a predicate compares, without repetition."""
    asked: dict[Term, None] = {}

    def note(model: str, data: str, metric: str) -> Interval:
        asked[Term(model, data, metric)] = None
        return Interval(0.0, 0.0)

    evaluate(predicate, note)
    return list(asked)


def evaluate(predicate: Mapping[str, Any], score: Callable[[str, str, str], Score]) -> Truth:
    """Whether a predicate holds.

    Forms (``holds``), for every data set named:

    - ``beats``: ``better`` above each of ``than`` in all ``metrics``, or above at least ``at_least`` of them;
    - ``all_beat``: the same for each of several models in ``better``;
    - ``order``: each of ``models`` above the next;
    - ``close``: the two ``metrics`` of ``model`` differ by at most ``within``;
    - ``close_data``: each of ``metrics`` differs by at most ``within`` between the two data sets;
    - ``gap``: the first of two ``metrics`` above the second by at least ``by``;
    - ``balanced``: two ``metrics`` closer for ``model`` than for ``than``, and its ``scores`` under those of ``below``;
    - ``unprinted``: says nothing about scores, so that no score can contradict it.

    Parameters
    ----------
    predicate : mapping
        As in a claims file.
    score : callable
        Takes model, data and metric. Arrays are compared entry by entry; intervals ask whether the relation is possible, so
        that a tie within the rounding passes.

    Returns
    -------
    bool or ndarray of bool

    Raises
    ------
    ValueError
        If the form is unknown.
    """
    form = predicate["holds"]
    if form not in FORMS:
        raise ValueError(f"unknown form of predicate {form!r}; choose one of {', '.join(FORMS)}")
    if form == "unprinted":
        return True
    parts: list[Truth] = []
    for data in predicate["data"]:
        if form in ("beats", "all_beat"):
            winners = predicate["better"] if form == "all_beat" else [predicate["better"]]
            parts += [_beats(predicate, winner, data, score) for winner in winners]
        elif form == "order":
            models = predicate["models"]
            for better, worse in itertools.pairwise(models):
                parts += [_above(score(better, data, m), score(worse, data, m), m) for m in predicate["metrics"]]
        elif form == "close":
            first, second = (score(predicate["model"], data, metric) for metric in predicate["metrics"])
            parts.append(_close(first, second, predicate["within"]))
        elif form == "gap":
            first, second = (score(predicate["model"], data, metric) for metric in predicate["metrics"])
            parts.append(_possible(first - second, predicate["by"]))
        elif form == "balanced":
            parts.append(_balanced(predicate, data, score))
    if form == "close_data":
        one, other = predicate["data"]
        model = predicate["model"]
        parts = [_close(score(model, one, m), score(model, other, m), predicate["within"]) for m in predicate["metrics"]]
    return _all(parts)


def _beats(predicate: Mapping[str, Any], winner: str, data: str, score: Callable[[str, str, str], Score]) -> Truth:
    beaten = [
        _all([_above(score(winner, data, metric), score(other, data, metric), metric) for metric in predicate["metrics"]])
        for other in predicate["than"]
    ]
    needed = predicate.get("at_least")
    if needed is None:
        return _all(beaten)
    count = sum(np.asarray(one, dtype=int) for one in beaten)
    enough = np.asarray(count >= needed)
    return enough if enough.ndim else bool(enough)


def _balanced(predicate: Mapping[str, Any], data: str, score: Callable[[str, str, str], Score]) -> Truth:
    first, second = predicate["metrics"]
    model, other, below = predicate["model"], predicate["than"], predicate["below"]
    own = abs(score(model, data, first) - score(model, data, second))
    others = abs(score(other, data, first) - score(other, data, second))
    smaller = _possible(others - own, 0.0)
    under = [_above(score(below, data, metric), score(model, data, metric), metric) for metric in predicate["scores"]]
    return _all([smaller, *under])


def _above(better: Score, worse: Score, metric: str) -> Truth:
    lower = GLOSSARY.get(metric) is not None and GLOSSARY[metric].better == "lower"
    return _possible(worse - better if lower else better - worse, 0.0)


def _possible(difference: Score, by: float) -> Truth:
    """Above ``by`` where it is measured (at least, for a positive ``by``); possibly so where it is printed."""
    if isinstance(difference, Interval):
        return Interval(by, by).at_most(difference)
    return difference >= by if by > 0 else difference > 0


def _close(first: Score, second: Score, within: float) -> Truth:
    distance = abs(first - second)
    if isinstance(distance, Interval):
        return distance.at_most(within)
    return distance <= within + 1e-12


def _all(parts: list[Truth]) -> Truth:
    if any(isinstance(part, np.ndarray) for part in parts):
        return np.logical_and.reduce([np.asarray(part) for part in parts])
    return all(bool(part) for part in parts)

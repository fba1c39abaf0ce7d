"""Sentences that compare, as predicates over scores: of records (arrays over bootstraps) or of printed numbers (intervals)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.quantities import GLOSSARY

# The forms that a predicate can take; see `evaluate`. Those of the first line compare models, those of the second any metrics.
FORMS = ("beats", "all_beat", "order", "close", "close_data", "gap", "balanced", "unprinted")
FORMS_OF_METRICS = ("bound", "drop", "ranked", "monotone", "ratio", "alike")

Score = np.ndarray | Interval
Truth = np.ndarray | bool


class Term(NamedTuple):
    """One score that a predicate needs: a metric, and entries of the config of the records that measure it."""

    config: tuple[tuple[str, Any], ...]
    metric: str

    @classmethod
    def at(cls, config: Mapping[str, Any], metric: str) -> Term:
        """Term of a config given as a mapping."""
        return cls(tuple(sorted(config.items())), metric)

    def __str__(self) -> str:
        place = ", ".join(str(value) for _, value in self.config if value is not None)
        return f"{self.metric} of {place}" if place else self.metric


Ask = Callable[[Term], Score]


def terms(predicate: Mapping[str, Any]) -> list[Term]:
    """All scores that a predicate compares, without repetition."""
    asked: dict[Term, None] = {}

    def note(term: Term) -> Interval:
        asked[term] = None
        return Interval(0.0, 0.0)

    evaluate(predicate, note)
    return list(asked)


def evaluate(predicate: Mapping[str, Any], ask: Ask) -> Truth:
    """Whether a predicate holds.

    Forms (``holds``) that compare models, for every data set named:

    - ``beats``: ``better`` above each of ``than`` in all ``metrics``, or above at least ``at_least`` of them;
    - ``all_beat``: the same for each of several models in ``better``;
    - ``order``: each of ``models`` above the next;
    - ``close``: the two ``metrics`` of ``model`` differ by at most ``within``;
    - ``close_data``: each of ``metrics`` differs by at most ``within`` between the two data sets;
    - ``gap``: the first of two ``metrics`` above the second by at least ``by``;
    - ``balanced``: two ``metrics`` closer for ``model`` than for ``than``, and its ``scores`` under those of ``below``;
    - ``unprinted``: says nothing about scores, so that no score can contradict it.

    Forms that compare any metrics of any experiment, under ``config``, for every data set named if some are. What they compare
    is a metric's name, or a mapping with ``metric`` and further entries of a config; where the predicate has one ``metric`` for
    all, it is the values of one entry of the config (``key``, the model by default):

    - ``bound``: each of ``metrics`` is ``at_least`` or ``at_most`` a number;
    - ``drop``: ``start`` less each of ``metrics`` is ``at_least`` or ``at_most`` a number;
    - ``ranked``: each of ``higher`` above each of ``lower`` (``by`` so much; 0 by default);
    - ``monotone``: ``metrics`` never fall, or never rise (``direction``: rising, falling), by more than ``within``;
    - ``ratio``: the first of two ``metrics`` over the second is ``at_least`` or ``at_most`` a number;
    - ``alike``: all ``metrics`` differ from the first by at most ``within``.

    Parameters
    ----------
    predicate : mapping
        As in a claims file.
    ask : callable
        Takes a `Term`. Arrays are compared entry by entry; intervals ask whether the relation is possible, so that a tie
        within the rounding passes.

    Returns
    -------
    bool or ndarray of bool

    Raises
    ------
    ValueError
        If the form is unknown.
    """
    form = predicate["holds"]
    if form in FORMS_OF_METRICS:
        places = [{"data": data} for data in predicate["data"]] if "data" in predicate else [{}]
        return _all([_FORMS_OF_METRICS[form](predicate, _asking(predicate, place, ask)) for place in places])
    if form not in FORMS:
        raise ValueError(f"unknown form of predicate {form!r}; choose one of {', '.join((*FORMS, *FORMS_OF_METRICS))}")
    if form == "unprinted":
        return True

    def score(model: str, data: str, metric: str) -> Score:
        return ask(Term.at({"model": model, "data": data}, metric))

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


def _asking(predicate: Mapping[str, Any], place: Mapping[str, Any], ask: Ask) -> Callable[[Any], Score]:
    """How a form asks for what it compares, see `evaluate`."""

    def item(named: Any) -> Score:
        if isinstance(named, Mapping):
            entries = {"metric": predicate.get("metric"), **named}
        elif "metric" in predicate:
            entries = {"metric": predicate["metric"], predicate.get("key", "model"): named}
        else:
            entries = {"metric": named}
        metric = str(entries.pop("metric"))
        return ask(Term.at({**predicate.get("config", {}), **place, **entries}, metric))

    return item


def _bound(predicate: Mapping[str, Any], item: Callable[[Any], Score]) -> Truth:
    return _all([_limited(item(one), predicate) for one in predicate["metrics"]])


def _drop(predicate: Mapping[str, Any], item: Callable[[Any], Score]) -> Truth:
    return _all([_limited(item(predicate["start"]) - item(one), predicate) for one in predicate["metrics"]])


def _ranked(predicate: Mapping[str, Any], item: Callable[[Any], Score]) -> Truth:
    pairs = itertools.product(predicate["higher"], predicate["lower"])
    return _all([_possible(item(high) - item(low), predicate.get("by", 0.0)) for high, low in pairs])


def _monotone(predicate: Mapping[str, Any], item: Callable[[Any], Score]) -> Truth:
    sign = {"rising": 1.0, "falling": -1.0}[predicate["direction"]]
    steps = itertools.pairwise(predicate["metrics"])
    return _all([_at_least((item(late) - item(early)) * sign, -predicate["within"]) for early, late in steps])


def _ratio(predicate: Mapping[str, Any], item: Callable[[Any], Score]) -> Truth:
    first, second = predicate["metrics"]
    return _limited(item(first) / item(second), predicate)


def _alike(predicate: Mapping[str, Any], item: Callable[[Any], Score]) -> Truth:
    first, *others = predicate["metrics"]
    return _all([_close(item(first), item(one), predicate["within"]) for one in others])


_FORMS_OF_METRICS: dict[str, Callable[[Mapping[str, Any], Callable[[Any], Score]], Truth]] = {
    "bound": _bound,
    "drop": _drop,
    "ranked": _ranked,
    "monotone": _monotone,
    "ratio": _ratio,
    "alike": _alike,
}


def _limited(value: Score, predicate: Mapping[str, Any]) -> Truth:
    limits = []
    if "at_least" in predicate:
        limits.append(_at_least(value, predicate["at_least"]))
    if "at_most" in predicate:
        limits.append(_at_least(-value, -predicate["at_most"]))
    if not limits:
        raise ValueError(f"the predicate {predicate.get('reading')!r} has no limit; give at_least or at_most")
    return _all(limits)


def _at_least(value: Score, limit: float) -> Truth:
    """At least a number, up to floating-point noise; possibly so where it is printed."""
    if isinstance(value, Interval):
        return Interval(limit, limit).at_most(value)
    return value >= limit - 1e-12


def _close(first: Score, second: Score, within: float) -> Truth:
    distance = abs(first - second)
    if isinstance(distance, Interval):
        return distance.at_most(within)
    return distance <= within + 1e-12


def _all(parts: Sequence[Truth]) -> Truth:
    if any(isinstance(part, np.ndarray) for part in parts):
        return np.logical_and.reduce([np.asarray(part) for part in parts])
    return all(bool(part) for part in parts)

"""Sentences that compare, as predicates over scores: of records (arrays over bootstraps) or of printed numbers (intervals)."""

from __future__ import annotations

import ast
import itertools
import operator
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.quantities import GLOSSARY

Score = np.ndarray | Interval
Truth = np.ndarray | bool

#: Where a paper says "significant" and no level.
SIGNIFICANT = 0.05
#: Numbers closer than this are the same but for floating-point noise.
ROUNDING = 1e-12


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
#: How a form asks for what it compares, see `evaluate`.
Item = Callable[[Any], Score]


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

    What is compared is a metric's name, or a mapping with ``metric`` and further entries of a config; where the predicate has
    one ``metric`` for all, it is the values of one entry of the config (``key``, the model by default). All is compared under
    ``config``, for every data set named in ``data`` if some are. A metric may be made of several, see `combined`. Forms
    (``holds``):

    - ``beats``: the model ``better``, or each of several, above each of ``than`` in all ``metrics`` (below, where lower is
      better), or above at least ``at_least`` of them;
    - ``ranked``: each of ``higher`` above each of ``lower`` (``by`` so much; 0 by default), whichever side is the good one;
    - ``bound``: each of ``metrics`` is ``at_least``, ``at_most`` or ``more_than`` a number;
    - ``drop``: the same of ``start`` less each of ``metrics``;
    - ``monotone``: ``metrics`` never fall, or never rise (``direction``: rising, falling), by more than ``within``;
    - ``significant``: ``better`` differs from each of ``than`` in all ``metrics`` by a signed-rank test over paired runs, and to
      the good side unless it is ``two_sided``; where ``effect`` is given, Cliff's δ is more than that (see `contrasts`). Printed
      means say nothing on it;
    - ``unprinted``: says nothing about scores, so that no score can contradict it.

    A metric's name with ``_sd`` at its end is its spread over runs.

    Further predicates in ``and`` must hold with it.

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
    if form not in _FORMS:
        raise ValueError(f"unknown form of predicate {form!r}; choose one of {', '.join(_FORMS)}")
    places = [{"data": data} for data in predicate["data"]] if "data" in predicate else [{}]
    own = [_FORMS[form](predicate, _asking(predicate, place, ask)) for place in places]
    return _all([*own, *(evaluate(further, ask) for further in predicate.get("and", ()))])


def combined(metric: str, score: Callable[[str], Score]) -> Score:
    """Value of a metric, or of some that are combined: names in brackets, + - * / and abs, as ``abs([precision] - [recall])``.

    In a predicate ``[mse of plain]`` is that of another model on the same data.

    Parameters
    ----------
    metric : str
        As in a claims file.
    score : callable
        ``score(name)``: an array or an interval.

    Raises
    ------
    ValueError
        If it says anything else.
    """
    if "[" not in metric:
        return score(metric)
    names = list(dict.fromkeys(re.findall(r"\[([^\]]+)\]", metric)))
    text = re.sub(r"\[([^\]]+)\]", lambda match: f"_{names.index(match[1])}", metric)

    def value(node: ast.AST) -> Any:
        match node:
            case ast.BinOp(left, operation, right) if type(operation) in _OPERATIONS:
                return _OPERATIONS[type(operation)](value(left), value(right))
            case ast.Call(ast.Name("abs"), [inner], []):
                return abs(value(inner))
            case ast.Name(name) if re.fullmatch(r"_\d+", name):
                return score(names[int(name[1:])])
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError(f"{metric!r} is no metric; allowed are names in brackets, numbers, + - * / and abs: write it of these")

    try:
        return value(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"{metric!r} cannot be read ({error.msg}); write it like 'abs([precision] - [recall])'") from None


_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _beats(predicate: Mapping[str, Any], item: Item) -> Truth:
    winners = predicate["better"]
    return _all([_beats_all(predicate, winner, item) for winner in ([winners] if isinstance(winners, str) else winners)])


def _beats_all(predicate: Mapping[str, Any], winner: str, item: Item) -> Truth:
    def score(model: str, metric: str) -> Score:
        return item({"model": model, "metric": metric})

    beaten = [
        _all([_above(score(winner, metric), score(other, metric), metric) for metric in predicate["metrics"]])
        for other in predicate["than"]
    ]
    needed = predicate.get("at_least")
    if needed is None:
        return _all(beaten)
    count = sum(np.asarray(one, dtype=int) for one in beaten)
    enough = np.asarray(count >= needed)
    return enough if enough.ndim else bool(enough)


def _above(better: Score, worse: Score, metric: str) -> Truth:
    lower = GLOSSARY.get(metric) is not None and GLOSSARY[metric].better == "lower"
    return _possible(worse - better if lower else better - worse, 0.0)


def _possible(difference: Score, by: float) -> Truth:
    """Above ``by`` where it is measured (at least, for a positive ``by``); possibly so where it is printed."""
    if isinstance(difference, Interval):
        return Interval(by, by).at_most(difference)
    return difference >= by if by > 0 else difference > 0


def _asking(predicate: Mapping[str, Any], place: Mapping[str, Any], ask: Ask) -> Item:
    """What a form asks with: the predicate's config and place are filled in."""

    def item(named: Any) -> Score:
        if isinstance(named, Mapping):
            entries = {"metric": predicate.get("metric"), **named}
        elif "metric" in predicate:
            entries = {"metric": predicate["metric"], predicate.get("key", "model"): named}
        else:
            entries = {"metric": named}
        metric = str(entries.pop("metric"))
        config = {**predicate.get("config", {}), **place, **entries}

        def score(name: str) -> Score:
            name, _, other = name.partition(" of ")
            return ask(Term.at(config | ({"model": other} if other else {}), name))

        return combined(metric, score)

    return item


class Contrast(NamedTuple):
    """Two models over the same runs: what is compared, p of the signed-rank test, and Cliff's δ, positive on the good side."""

    of: str
    p: float
    delta: float


def contrasts(predicate: Mapping[str, Any], ask: Ask) -> list[Contrast]:
    """All comparisons of a predicate of the form ``significant``, where ``ask`` gives the runs of a `Term` as an array."""
    places = [{"data": data} for data in predicate["data"]] if "data" in predicate else [{}]
    return [one for place in places for one in _contrasts(predicate, _asking(predicate, place, ask), place.get("data", ""))]


def _contrasts(predicate: Mapping[str, Any], item: Item, place: str = "") -> list[Contrast]:
    from scipy import stats

    found = []
    side = "two-sided" if predicate.get("two_sided") else "greater"
    for other, metric in itertools.product(predicate["than"], predicate["metrics"]):
        ours, theirs = (item({"model": name, "metric": metric}) for name in (predicate["better"], other))
        if isinstance(ours, Interval) or isinstance(theirs, Interval):
            continue
        sign = -1.0 if metric in GLOSSARY and GLOSSARY[metric].better == "lower" else 1.0
        p = float(stats.wilcoxon(sign * (ours - theirs), alternative=side).pvalue) if np.any(ours != theirs) else 1.0
        delta = float(np.sign(sign * np.subtract.outer(ours, theirs)).mean())
        found.append(Contrast(f"{metric} against {other}{f' on {place}' if place else ''}", p, delta))
    return found


def _significant(predicate: Mapping[str, Any], item: Item) -> Truth:
    least = predicate.get("effect")
    return all(
        one.p < SIGNIFICANT and (least is None or (abs(one.delta) if predicate.get("two_sided") else one.delta) > least)
        for one in _contrasts(predicate, item)
    )


def without(predicate: Mapping[str, Any], models: Container[str]) -> dict[str, Any] | None:
    """A weaker predicate, which follows from the one given: nothing is said of some models; None where nothing is left.

    Parameters
    ----------
    predicate : mapping
        As in a claims file.
    models : container of str
        Those that are left out.
    """
    further = [one for one in (without(each, models) for each in predicate.get("and", ())) if one is not None]
    kept = {key: value for key, value in predicate.items() if key != "and"}
    for side in ("better", "than", "higher", "lower"):
        if isinstance(kept.get(side), str):
            kept[side] = kept[side] if kept[side] not in models else ()
        elif side in kept:
            kept[side] = tuple(name for name in kept[side] if not isinstance(name, str) or name not in models)
    sided = any(side in kept for side in ("than", "higher"))
    if not sided or "at_least" in kept or not all(kept[side] for side in ("better", "than", "higher", "lower") if side in kept):
        return {"reading": predicate.get("reading"), **further[0], "and": further[1:]} if further else None
    return {**kept, "and": further}


def _bound(predicate: Mapping[str, Any], item: Item) -> Truth:
    return _all([_limited(item(one), predicate) for one in predicate["metrics"]])


def _drop(predicate: Mapping[str, Any], item: Item) -> Truth:
    return _all([_limited(item(predicate["start"]) - item(one), predicate) for one in predicate["metrics"]])


def _ranked(predicate: Mapping[str, Any], item: Item) -> Truth:
    pairs = itertools.product(predicate["higher"], predicate["lower"])
    return _all([_possible(item(high) - item(low), predicate.get("by", 0.0)) for high, low in pairs])


def _monotone(predicate: Mapping[str, Any], item: Item) -> Truth:
    sign = {"rising": 1.0, "falling": -1.0}[predicate["direction"]]
    steps = itertools.pairwise(predicate["metrics"])
    return _all([_at_least((item(late) - item(early)) * sign, -predicate["within"]) for early, late in steps])


_FORMS: dict[str, Callable[[Mapping[str, Any], Item], Truth]] = {
    "beats": _beats,
    "ranked": _ranked,
    "bound": _bound,
    "drop": _drop,
    "monotone": _monotone,
    "significant": _significant,
    "unprinted": lambda predicate, item: True,
}


def _limited(value: Score, predicate: Mapping[str, Any]) -> Truth:
    limits = []
    if "at_least" in predicate:
        limits.append(_at_least(value, predicate["at_least"]))
    if "at_most" in predicate:
        limits.append(_at_least(-value, -predicate["at_most"]))
    if "more_than" in predicate:
        limits.append(_possible(value - predicate["more_than"] - ROUNDING, 0.0))
    if not limits:
        raise ValueError(f"the predicate {predicate.get('reading')!r} has no limit; give at_least, at_most or more_than")
    return _all(limits)


def _at_least(value: Score, limit: float) -> Truth:
    """At least a number, up to floating-point noise; possibly so where it is printed."""
    if isinstance(value, Interval):
        return Interval(limit, limit).at_most(value)
    return value >= limit - ROUNDING


def _all(parts: Sequence[Truth]) -> Truth:
    if any(isinstance(part, np.ndarray) for part in parts):
        return np.logical_and.reduce([np.asarray(part) for part in parts])
    return all(bool(part) for part in parts)

"""Which confusion matrices of two classes give a row of printed metrics: with given counts, of a given size, or of any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from qhelpers.ledger.intervals import Interval

Array = np.ndarray[Any, np.dtype[Any]]
AVERAGES = ("binary", "macro", "weighted")
#: Matrices that are tried one by one, and boxes that are looked at, before the answer is "not decided".
MOST, MOST_BOXES = 5_000_000, 100_000
#: Largest test set that `smallest` looks at.
LARGEST = 400
_SLACK = 1e-9


class Undecided(Exception):
    """There are too many matrices to try."""


def metrics(tp: Array, fp: Array, fn: Array, tn: Array, average: str = "binary", beta: float = 1.0) -> dict[str, Array]:
    """Metrics of confusion matrices; where a denominator is zero the metric is 0, as in scikit-learn.

    Parameters
    ----------
    tp, fp, fn, tn : ndarray
        Counts, of one shape.
    average : {"binary", "macro", "weighted"}
        Precision, recall, specificity, F1 and F-beta of the positive class, or their means over both classes, unweighted or
        weighted by the classes' rows.
    beta : float
        Of F-beta.

    Returns
    -------
    dict of str to ndarray
        By name of the glossary.
    """
    positives, negatives = tp + fn, tn + fp
    rows = positives + negatives
    recall, specificity = _ratio(tp, positives), _ratio(tn, negatives)
    of_class = [
        (_ratio(a, a + b), mine, theirs, _f(a, b, c, 1.0), _f(a, b, c, beta))
        for a, b, c, mine, theirs in ((tp, fp, fn, recall, specificity), (tn, fn, fp, specificity, recall))
    ]
    weight: Any = {"binary": 1.0, "macro": 0.5, "weighted": _ratio(positives, rows)}[average]
    means = [weight * first + (1 - weight) * second for first, second in zip(*of_class, strict=True)]
    spread = np.sqrt(1.0 * (tp + fp) * positives * negatives * (tn + fn))
    return dict(zip(("precision", "recall", "specificity", "f1", "f_beta"), means, strict=True)) | {
        "accuracy": _ratio(tp + tn, rows),
        "balanced_accuracy": (recall + specificity) / 2,
        "mcc": _ratio(1.0 * tp * tn - 1.0 * fp * fn, spread),
    }


def of_counts(
    intervals: Mapping[str, Interval], positives: int, negatives: int, average: str = "binary", beta: float = 1.0
) -> tuple[Array, Array]:
    """True positives and true negatives of all matrices with given class counts whose metrics lie in intervals.

    Parameters
    ----------
    intervals : mapping of str to Interval
        By metric.
    positives, negatives : int
        Rows of each class.
    average, beta
        As in :func:`metrics`.

    Raises
    ------
    Undecided
        If more than `MOST` matrices would have to be tried.
    """
    tp = np.arange(positives + 1)
    found = _fitting(intervals, np.full_like(tp, positives), np.full_like(tp, negatives), tp, average, beta)
    return found[1], found[2]


def of_size(intervals: Mapping[str, Interval], rows: int, beta: float = 1.0) -> dict[str, int] | None:
    """A matrix of so many rows, both classes among them, whose metrics lie in intervals; None if there is none.

    Parameters
    ----------
    intervals : mapping of str to Interval
        By metric of the positive class.
    rows : int
        Test rows.
    beta : float
        Of F-beta.

    Raises
    ------
    Undecided
        If more than `MOST` matrices would have to be tried.
    """
    shares = intervals.get("accuracy")
    if shares is not None and np.floor(shares.hi * rows + _SLACK) < np.ceil(shares.lo * rows - _SLACK):
        return None
    if rows**2 > 2 * MOST:
        raise Undecided
    for positives in _blocks(rows):
        counts = positives + 1
        right = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        positives = np.repeat(positives, counts)
        p, a, d = _fitting(intervals, positives, rows - positives, right, "binary", beta)
        if len(p):
            tp, fn, tn = int(a[0]), int(p[0] - a[0]), int(d[0])
            return {"tp": tp, "fp": rows - tp - fn - tn, "fn": fn, "tn": tn}
    return None


def smallest(intervals: Mapping[str, Interval], beta: float = 1.0) -> dict[str, int] | None:
    """The smallest matrix, up to `LARGEST` rows, whose metrics lie in intervals; None if all are larger."""
    for rows in range(2, LARGEST + 1):
        found = of_size(intervals, rows, beta)
        if found is not None:
            return found
    return None


def of_any_size(intervals: Mapping[str, Interval], share: Interval, beta: float = 1.0) -> bool:
    """Whether shares of right answers in both classes exist whose metrics lie in intervals, at some share of positives.

    Recall, specificity and the share of positives span a cube. Over a box in it each metric has bounds, so that a box in
    which one of them misses its interval is dropped, and the rest are halved until none is left or a centre fits. Beside
    the metrics, ``auc`` may be given: a ROC curve that only rises and passes through the point leaves an area of at least
    recall × specificity and at most 1 − (1 − recall)(1 − specificity).

    Parameters
    ----------
    intervals : mapping of str to Interval
        By metric of the positive class.
    share : Interval
        Shares of positives that are tried.
    beta : float
        Of F-beta.

    Raises
    ------
    Undecided
        If more than `MOST_BOXES` boxes would have to be looked at.
    """
    sides = [intervals.get("recall", Interval(0, 1)), intervals.get("specificity", Interval(0, 1)), share]
    low, high = (np.array([[getattr(side, end) for side in sides]], dtype=float) for end in ("lo", "hi"))
    looked = 0
    while len(low):
        looked += len(low)
        if looked > MOST_BOXES:
            raise Undecided
        middle = (low + high) / 2
        possible, fits = np.ones(len(low), dtype=bool), np.ones(len(low), dtype=bool)
        for name, interval in intervals.items():
            least, most = _bounds(name, low, high, beta)
            possible &= (least <= interval.hi + _SLACK) & (most >= interval.lo - _SLACK)
            least, most = _bounds(name, middle, middle, beta)
            fits &= (least <= interval.hi + _SLACK) & (most >= interval.lo - _SLACK)
        if fits.any():
            return True
        low, high, middle = low[possible], high[possible], middle[possible]
        rows, side = np.arange(len(low)), (high - low).argmax(axis=1)
        left, right = high.copy(), low.copy()
        left[rows, side] = right[rows, side] = middle[rows, side]
        low, high = np.concatenate([low, right]), np.concatenate([left, high])
    return False


def _fitting(
    intervals: Mapping[str, Interval], positives: Array, negatives: Array, tp: Array, average: str, beta: float
) -> tuple[Array, Array, Array]:
    """(positives, tp, tn) of the matrices that fit, among those with given positives, negatives and true positives."""
    rows, fn = positives + negatives, positives - tp
    least, most = np.zeros(len(tp)), negatives.astype(float)

    def right(low: Array, high: Array) -> None:
        """Bounds on the true negatives."""
        np.maximum(least, low, out=least)
        np.minimum(most, high, out=most)

    # What is linear in the true negatives leaves few of them to try.
    alike = {"binary": {}, "macro": {"recall": "balanced_accuracy", "specificity": "balanced_accuracy"}}
    named = alike.get(average, {"recall": "accuracy"})
    for metric, interval in intervals.items():
        lo, hi, name = interval.lo, interval.hi, named.get(metric, metric)
        if name == "accuracy":
            right(lo * rows - tp, hi * rows - tp)
        elif name == "balanced_accuracy":
            right(negatives * (2 * lo - tp / positives), negatives * (2 * hi - tp / positives))
        elif average == "binary" and name == "recall":
            outside = (tp < lo * positives - _SLACK * rows) | (tp > hi * positives + _SLACK * rows)
            most[outside] = -1
        elif average == "binary" and name == "specificity":
            right(lo * negatives, hi * negatives)
        elif average == "binary" and name in ("precision", "f1", "f_beta") and lo > 0:
            square = {"precision": 0.0, "f1": 1.0}.get(name, beta**2)
            false = [(1 + square) * tp * (1 / bound - 1) - square * fn for bound in (hi, lo)]
            right(negatives - false[1], negatives - false[0])
    least, most = np.ceil(least - _SLACK * rows).astype(np.int64), np.floor(most + _SLACK * rows).astype(np.int64)
    counts = np.maximum(most - least + 1, 0)
    total = int(counts.sum())
    if total > MOST:
        raise Undecided
    tn = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(least, counts)
    positives, negatives, tp = (np.repeat(one, counts) for one in (positives, negatives, tp))
    values = metrics(tp, negatives - tn, positives - tp, tn, average, beta)
    fits = np.ones(total, dtype=bool)
    for metric, interval in intervals.items():
        fits &= (values[metric] >= interval.lo - _SLACK) & (values[metric] <= interval.hi + _SLACK)
    return positives[fits], tp[fits], tn[fits]


def _bounds(name: str, low: Array, high: Array, beta: float) -> tuple[Array, Array]:
    """Least and most of a metric over boxes of (recall, specificity, share of positives)."""
    (r0, s0, q0), (r1, s1, q1) = low.T, high.T
    if name == "recall":
        return r0, r1
    if name == "specificity":
        return s0, s1
    if name == "balanced_accuracy":
        return (r0 + s0) / 2, (r1 + s1) / 2
    if name == "auc":
        return r0 * s0, 1 - (1 - r1) * (1 - s1)
    if name == "accuracy":  # linear in the share of positives
        return (
            np.minimum(q0 * r0 + (1 - q0) * s0, q1 * r0 + (1 - q1) * s0),
            np.maximum(q0 * r1 + (1 - q0) * s1, q1 * r1 + (1 - q1) * s1),
        )
    if name in ("precision", "f1", "f_beta"):  # rise with all three
        square = {"precision": 0.0, "f1": 1.0}.get(name, beta**2)
        ends = []
        for r, s, q in ((r0, s0, q0), (r1, s1, q1)):
            top = (1 + square) * q * r
            ends.append(_ratio(top, top + square * q * (1 - r) + (1 - q) * (1 - s)))
        return ends[0], ends[1]
    # Matthews correlation: rises with recall and specificity; the share of positives within bounds of its own.
    ends = []
    own = _product(q0, q1)
    for r, s, least in ((r0, s0, True), (r1, s1, False)):
        informed = r + s - 1
        predicted = _product(*np.sort([q * r + (1 - q) * (1 - s) for q in (q0, q1)], axis=0))
        factors = zip(own, predicted[::-1], strict=True)
        small, large = (np.sqrt(np.divide(a, b, out=np.full_like(a, np.inf), where=b > 0)) for a, b in factors)
        factor = np.where((informed >= 0) == least, small, large)
        ends.append(np.where(informed == 0, 0.0, informed * np.minimum(factor, 1e9)))
    return np.maximum(ends[0], -1.0), np.minimum(ends[1], 1.0)


def _product(x0: Array, x1: Array) -> tuple[Array, Array]:
    """Least and most of x(1 − x) between x0 and x1."""
    ends = np.array([x0 * (1 - x0), x1 * (1 - x1)])
    return ends.min(axis=0), np.where((x0 < 0.5) & (x1 > 0.5), 0.25, ends.max(axis=0))


def _blocks(rows: int) -> Iterator[Array]:
    """Numbers of positives from 1 to rows − 1, few enough at a time."""
    step = max(1, MOST // (4 * (rows + 1)))
    for start in range(1, rows, step):
        yield np.arange(start, min(rows, start + step))


def _ratio(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom > 0)


def _f(tp: Array, fp: Array, fn: Array, beta: float) -> Array:
    top = (1 + beta**2) * tp
    return _ratio(top, top + beta**2 * fn + fp)

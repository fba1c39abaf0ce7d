"""Checks 1 to 4: precision, recall, F1 and accuracy against each other and against a test set."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.ledger.checks.result import LEVEL, CheckResult, Printed, read, show, under_roundings
from qhelpers.ledger.intervals import Interval

AVERAGES = ("binary", "macro", "mean")
MATRIX_METRICS = ("precision", "recall", "f1", "accuracy", "specificity", "balanced_accuracy", "mcc")
_MLSCORECHECK = {
    "precision": "ppv",
    "recall": "sens",
    "f1": "f1p",
    "accuracy": "acc",
    "specificity": "spec",
    "balanced_accuracy": "bacc",
    "mcc": "mcc",
}
_ASSUMED = {
    "binary": "precision, recall and F1 of the positive class on one test set",
    "macro": "unweighted means over both classes on one test set",
    "mean": "means of precision, recall and F1 over classes, folds or runs",
}
# Share of a class below which a linear programme's answer would be an empty class.
_SMALLEST = 1e-4


def f1_from_precision_recall(precision: Printed, recall: Printed, f1: Printed, average: str = "binary") -> CheckResult:
    """Check 1: F1 against precision and recall.

    Binary: F1 is their harmonic mean. For any mean, over classes, folds or runs, only P + R − 1 ≤ F1 ≤ 2PR/(P + R) holds,
    since the harmonic mean is concave.

    Parameters
    ----------
    precision, recall, f1 : str, float or Interval
        As printed, shares of one.
    average : {"binary", "macro", "mean"}
        Which of the two rules applies; ``macro`` and ``mean`` share the second.

    Returns
    -------
    CheckResult
        An identity.

    Raises
    ------
    ValueError
        If the average is unknown.
    """
    _known_average(average)

    def test(rounding: str) -> tuple[bool, str]:
        p, r, f = (read(value, rounding, name) for value, name in ((precision, "precision"), (recall, "recall"), (f1, "f1")))
        harmonic = Interval(_harmonic(p.lo, r.lo), _harmonic(p.hi, r.hi))
        if average == "binary":
            passed = f.meets(harmonic)
            bound = f"the harmonic mean of precision and recall lies in {_short(harmonic)}"
        else:
            bounds = Interval(max(0.0, p.lo + r.lo - 1), harmonic.hi)
            passed = f.meets(bounds)
            bound = f"a mean of harmonic means lies in {_short(bounds)}"
        verdict = "agrees" if passed else "cannot be"
        return passed, f"F1 {show(f1)} {verdict} with precision {show(precision)} and recall {show(recall)}: {bound}"

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(1, "f1-from-precision-recall", "identity", passed, sentence, average, (_ASSUMED[average],), rounding)


def confusion_matrix(
    row: Mapping[str, Printed],
    *,
    positives: int | None = None,
    negatives: int | None = None,
    average: str = "binary",
) -> CheckResult:
    """Check 2: whether one confusion matrix rounds to all metrics of a row.

    With class counts given, all integer matrices are tried (binary: by ``mlscorecheck``). Without them, a linear programme
    over the shares of true positives, false positives and false negatives answers for all sizes and balances at once.

    Parameters
    ----------
    row : mapping of str to printed number
        Any of accuracy, precision, recall, F1, specificity; with class counts also balanced accuracy and MCC.
    positives, negatives : int, optional
        Class counts of the test set, both or none.
    average : {"binary", "macro", "mean"}
        ``macro`` needs class counts; under ``mean`` no single matrix is asked for and only the bounds of check 1 hold.

    Returns
    -------
    CheckResult
        An identity; ``details`` holds a matrix or the possible share of positives, and for a failure the smallest sets of
        metrics that exclude each other (``conflict``) and the rearrangements that would be possible (``rearranged``).

    Raises
    ------
    ValueError
        If only one class count is given, one is below 1, or ``macro`` lacks them.
    """
    _known_average(average)
    metrics = {name: row[name] for name in MATRIX_METRICS if name in row}
    sized = positives is not None and negatives is not None
    if (positives is None) != (negatives is None) or (sized and min(positives or 0, negatives or 0) < 1):
        raise ValueError(f"class counts given: {positives} and {negatives}; give both as numbers of at least 1, or none")
    if average == "macro" and not sized:
        raise ValueError("macro averages need class counts; give positives and negatives, or use average='mean' for the bounds")
    size = f"{positives} positives and {negatives} negatives" if sized else "any size and balance"
    found: dict[str, Any] = {}

    def test(rounding: str) -> tuple[bool, str]:
        intervals = {name: read(value, rounding, name) for name, value in metrics.items()}
        found.update(_find(intervals, positives, negatives, average))
        shown = ", ".join(f"{name} {show(value)}" for name, value in metrics.items())
        if average == "mean":
            verb = "not excluded" if found["possible"] else "cannot be, not even"
            return found["possible"], f"{shown}: {verb} as means over classes, folds or runs"
        if found["possible"]:
            return True, f"{shown}: possible with {size}{_where(found)}"
        return False, f"{shown}: no confusion matrix with {size} gives these"

    passed, sentence, rounding = under_roundings(test)
    details = {key: value for key, value in found.items() if key != "possible"}
    if not passed and average != "mean":
        details["conflict"] = conflicts(metrics, positives=positives, negatives=negatives, average=average)
        details["rearranged"] = rearrangements(metrics, positives=positives, negatives=negatives, average=average)
        sentence += f"; in conflict: {' or '.join(' with '.join(names) for names in details['conflict'])}"
        if details["rearranged"]:
            first = details["rearranged"][0]
            sentence += f"; possible if the cells are {first['how']}: " + ", ".join(f"{k} {v}" for k, v in first["row"].items())
    if average == "mean":
        name, assumed = "mean", [_ASSUMED[average]]
    else:
        name, assumed = f"{average}, {size}", [_ASSUMED[average], f"test set of {size}"]
    return CheckResult(2, "confusion-matrix", "identity", passed, sentence, name, tuple(assumed), rounding, details=details)


def conflicts(
    row: Mapping[str, Printed], *, positives: int | None = None, negatives: int | None = None, average: str = "binary"
) -> list[tuple[str, ...]]:
    """Smallest sets of metrics of a row that exclude each other, even if a number was truncated."""
    names = [name for name in MATRIX_METRICS if name in row]
    for count in range(1, len(names) + 1):
        failing = [
            chosen
            for chosen in itertools.combinations(names, count)
            if not _find({n: read(row[n], "either", n) for n in chosen}, positives, negatives, average)["possible"]
        ]
        if failing:
            return failing
    return []


def rearrangements(
    row: Mapping[str, Printed], *, positives: int | None = None, negatives: int | None = None, average: str = "binary"
) -> list[dict[str, Any]]:
    """Rotations and swaps of a row's cells under which a confusion matrix exists (part of check 3).

    Returns
    -------
    list of dict
        ``how`` in words and ``row``, the rearranged cells; empty where none helps.
    """
    names = [name for name in MATRIX_METRICS if name in row]
    cells = [row[name] for name in names]
    tried: list[tuple[str, list[Printed]]] = []
    for shift in range(1, len(cells)):
        places = "one place" if shift == 1 else f"{shift} places"
        tried.append((f"rotated to the left by {places}", cells[shift:] + cells[:shift]))
    for i, j in itertools.combinations(range(len(cells)), 2):
        swapped = list(cells)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        tried.append((f"swapped, {names[i]} with {names[j]}", swapped))
    possible = []
    for how, order in tried:
        candidate = dict(zip(names, order, strict=True))
        intervals = {name: read(value, "rounded", name) for name, value in candidate.items()}
        if order != cells and _find(intervals, positives, negatives, average)["possible"]:
            possible.append({"how": how, "row": {name: show(value) for name, value in candidate.items()}})
    return possible


def one_test_set(rows: Mapping[str, Mapping[str, Printed]]) -> CheckResult:
    """Check 3: whether one share of positives serves all rows of a table.

    Rows that no confusion matrix gives are set aside and named.

    Parameters
    ----------
    rows : mapping of str to row
        At least two rows, each with two or more of accuracy, precision, recall, F1, specificity.

    Returns
    -------
    CheckResult
        Of the kind ``other``; ``details["share"]`` holds each row's interval of the share of positives, ``common`` what all
        allow, ``excluded`` a smallest set of rows whose removal would leave a common share.
    """
    found: dict[str, Any] = {}

    def test(rounding: str) -> tuple[bool, str]:
        shares: dict[str, Interval] = {}
        impossible = []
        for name, row in rows.items():
            intervals = {metric: read(value, rounding, metric) for metric, value in row.items() if metric in MATRIX_METRICS}
            answer = _find(intervals, None, None, "binary")
            if answer["possible"]:
                shares[name] = answer["share"]
            else:
                impossible.append(name)
        common, outside = _common(shares)
        found.update(share=shares, impossible=impossible, common=common, excluded=outside)
        aside = f" (set aside as impossible: {', '.join(impossible)})" if impossible else ""
        if not shares:
            return True, f"no row is possible, so nothing can be compared{aside}"
        if not outside:
            return True, f"one share of positives in {_short(common)} serves all {len(shares)} rows{aside}"
        ranges = ", ".join(f"{name} {_short(shares[name])}" for name in outside)
        return False, (
            f"no one share of positives serves all rows; {len(shares) - len(outside)} of {len(shares)} agree on "
            f"{_short(common)}, but not {ranges}{aside}"
        )

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(
        3,
        "one-test-set",
        "other",
        passed,
        sentence,
        "one test set for all rows",
        ("all rows come from one test set", _ASSUMED["binary"]),
        rounding,
        probability=1.0 if passed else 0.0,
        details=found,
    )


def against_trivial_rules(accuracy: Printed, counts: Sequence[int]) -> CheckResult:
    """Check 4: an accuracy against always naming the largest class.

    Parameters
    ----------
    accuracy : str, float or Interval
        As printed.
    counts : sequence of int
        Test rows of each class.

    Returns
    -------
    CheckResult
        Of the kind ``other``; its probability is that of a score so low from a model as good as the rule.

    Raises
    ------
    ValueError
        If there are fewer than two classes or no rows.
    """
    from scipy import stats

    size = int(sum(counts))
    if len(counts) < 2 or min(counts) < 0 or size < 1:
        raise ValueError(f"class counts given: {list(counts)}; give the rows of at least two classes")
    majority = max(counts) / size
    found: dict[str, float] = {}

    def test(rounding: str) -> tuple[bool, str]:
        right = int(np.floor(read(accuracy, rounding, "accuracy").hi * size + 1e-9))
        found["probability"] = float(stats.binom.cdf(right, size, majority))
        passed = found["probability"] >= LEVEL
        side = "is not below" if passed else "lies below"
        return passed, f"accuracy {show(accuracy)} {side} {majority:.3f}, what always naming the largest class reaches"

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(
        4,
        "against-trivial-rules",
        "other",
        passed,
        sentence,
        f"{size} test rows",
        (f"class counts {', '.join(map(str, counts))}", "test rows are independent"),
        rounding,
        probability=found["probability"],
        details={"majority": majority},
    )


def _find(intervals: Mapping[str, Interval], positives: int | None, negatives: int | None, average: str) -> dict[str, Any]:
    """Whether some matrix fits, and one example or the share of positives."""
    if average == "mean":
        if not {"precision", "recall", "f1"} <= set(intervals):
            return {"possible": True}
        check = f1_from_precision_recall(intervals["precision"], intervals["recall"], intervals["f1"], "mean")
        return {"possible": check.passed}
    if positives is None or negatives is None:
        return _find_share(intervals)
    if average == "macro":
        return _find_macro(intervals, positives, negatives)
    return _find_sized(intervals, positives, negatives)


def _find_sized(intervals: Mapping[str, Interval], positives: int, negatives: int) -> dict[str, Any]:
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)
    binary = require("mlscorecheck.check.binary", "statistics")
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)  # its import sets the level anew
    answer = binary.check_1_testset_no_kfold(
        testset={"p": positives, "n": negatives},
        scores={_MLSCORECHECK[name]: interval.mid for name, interval in intervals.items()},
        eps={_MLSCORECHECK[name]: interval.width / 2 for name, interval in intervals.items()},
        numerical_tolerance=1e-9,
    )
    if answer["inconsistency"]:
        return {"possible": False}
    evidence = answer.get("evidence") or {}
    if {"tp", "tn"} <= set(evidence):
        tp, tn = int(evidence["tp"]), int(evidence["tn"])
        return {"possible": True, "matrix": {"tp": tp, "fp": negatives - tn, "fn": positives - tp, "tn": tn}}
    return {"possible": True}


def _find_macro(intervals: Mapping[str, Interval], positives: int, negatives: int) -> dict[str, Any]:
    tp, tn = np.meshgrid(np.arange(positives + 1.0), np.arange(negatives + 1.0), indexing="ij")
    fn, fp = positives - tp, negatives - tn

    def share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.divide(a, a + b, out=np.zeros_like(a), where=a + b > 0)

    values = {
        "precision": (share(tp, fp) + share(tn, fn)) / 2,
        "recall": (share(tp, fn) + share(tn, fp)) / 2,
        "f1": (share(2 * tp, fp + fn) + share(2 * tn, fp + fn)) / 2,
        "accuracy": (tp + tn) / (positives + negatives),
        "specificity": (share(tp, fn) + share(tn, fp)) / 2,
        "balanced_accuracy": (share(tp, fn) + share(tn, fp)) / 2,
    }
    fits = np.ones_like(tp, dtype=bool)
    for name, interval in intervals.items():
        if name in values:
            fits &= (values[name] >= interval.lo - 1e-9) & (values[name] <= interval.hi + 1e-9)
    if not fits.any():
        return {"possible": False}
    i, j = (int(index[0]) for index in np.nonzero(fits))
    return {"possible": True, "matrix": {"tp": i, "fp": negatives - j, "fn": positives - i, "tn": j}}


def _find_share(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Linear programme over x = (TP, FP, FN) as shares of all rows; TN is the rest.

    Every metric lo ≤ a·x + a0 over b·x + b0 ≤ hi is a pair of linear inequalities, so that the set of matrices is a polytope
    and the share of positives an interval. A polytope with rational corners holds a rational point, hence integers of
    some size.
    """
    from scipy.optimize import linprog

    # numerator and denominator as coefficients of (TP, FP, FN, 1)
    ratios = {
        "precision": ((1, 0, 0, 0), (1, 1, 0, 0)),
        "recall": ((1, 0, 0, 0), (1, 0, 1, 0)),
        "f1": ((2, 0, 0, 0), (2, 1, 1, 0)),
        "accuracy": ((0, -1, -1, 1), (0, 0, 0, 1)),
        "specificity": ((-1, -1, -1, 1), (-1, 0, -1, 1)),
    }
    left, right = (
        [[1.0, 1.0, 1.0], [-1.0, -1.0, 0.0], [-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]],
        [1.0, -_SMALLEST, -_SMALLEST, 1 - _SMALLEST],
    )
    for name, interval in intervals.items():
        if name not in ratios:
            continue
        top, bottom = (np.array(part, dtype=float) for part in ratios[name])
        for sign, bound in ((1.0, interval.hi), (-1.0, interval.lo)):
            row = sign * (top - bound * bottom)
            left.append(list(row[:3]))
            right.append(-row[3] + 1e-10)
    ends = []
    for direction in (1.0, -1.0):
        answer = linprog([direction, 0.0, direction], A_ub=left, b_ub=right, bounds=(0, 1), method="highs")
        if not answer.success:
            return {"possible": False}
        ends.append(abs(float(answer.fun)))
    return {"possible": True, "share": Interval(min(ends), max(ends))}


def _common(shares: Mapping[str, Interval]) -> tuple[Interval, list[str]]:
    """The share that most rows allow, and the rows that do not."""
    if not shares:
        return Interval(0.0, 1.0), []
    points = sorted({bound for interval in shares.values() for bound in (interval.lo, interval.hi)})
    best = max(points, key=lambda point: sum(interval.meets(point) for interval in shares.values()))
    inside = [interval for interval in shares.values() if interval.meets(best)]
    lo, hi = max(interval.lo for interval in inside), min(interval.hi for interval in inside)
    return Interval(min(lo, hi), max(lo, hi)), [name for name, interval in shares.items() if not interval.meets(best)]


def _where(found: Mapping[str, Any]) -> str:
    if "matrix" in found:
        return " (for instance " + ", ".join(f"{key.upper()} {value}" for key, value in found["matrix"].items()) + ")"
    if "share" in found:
        return f" (share of positives in {_short(found['share'])})"
    return ""


def _harmonic(p: float, r: float) -> float:
    return 2 * p * r / (p + r) if p + r > 0 else 0.0


def _short(interval: Interval) -> str:
    return f"[{interval.lo:.3f}, {interval.hi:.3f}]"


def _known_average(average: str) -> None:
    if average not in AVERAGES:
        raise ValueError(f"unknown average {average!r}; choose one of {', '.join(AVERAGES)}")


def own_test_sets(result: CheckResult) -> CheckResult:
    """The reading beside :func:`one_test_set`: each row has a test set of its own, which excludes nothing."""
    return replace(
        result,
        passed=True,
        sentence="each row may have a test set of its own",
        reading="each row its own test set",
        assumptions=("each row comes from a test set of its own",),
        probability=1.0,
    )

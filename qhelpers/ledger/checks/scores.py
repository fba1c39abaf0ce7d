"""Checks 1 to 4: precision, recall, F1 and accuracy against each other and against a test set."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.ledger.checks import matrices
from qhelpers.ledger.checks.result import LEVEL, CheckResult, Printed, certain, judged, read, show, under_roundings
from qhelpers.ledger.intervals import Interval

AVERAGES = (*matrices.AVERAGES, "mean")
MATRIX_METRICS = ("precision", "recall", "f1", "f_beta", "accuracy", "specificity", "balanced_accuracy", "mcc")
#: Metrics that differ with what they are averages over.
AVERAGED = frozenset(("precision", "recall", "f1", "f_beta", "specificity"))
_MLSCORECHECK = {
    "precision": "ppv",
    "recall": "sens",
    "f1": "f1p",
    "f_beta": "fbp",
    "accuracy": "acc",
    "specificity": "spec",
    "balanced_accuracy": "bacc",
    "mcc": "mcc",
}
_ASSUMED = {
    "binary": "precision, recall and F1 of the positive class on one test set",
    "macro": "unweighted means over both classes on one test set",
    "weighted": "means over both classes, weighted by their rows, on one test set",
    "mean": "means of precision, recall and F1 over classes, folds or runs",
}
# Share of a class below which a linear programme's answer would be an empty class.
_SMALLEST = 1e-4


def f1_from_precision_recall(
    precision: Printed, recall: Printed, f1: Printed, average: str = "binary", beta: float = 1.0
) -> CheckResult:
    """Check 1: F1, or F-beta, against precision and recall.

    Binary: it is their harmonic mean, in which recall weighs β² times as much. For any mean, over classes, folds or runs, only
    P + R − 1 ≤ F ≤ that harmonic mean holds, since the harmonic mean is concave.

    Parameters
    ----------
    precision, recall, f1 : str, float or Interval
        As printed, shares of one.
    average : {"binary", "macro", "weighted", "mean"}
        Which of the two rules applies; all but ``binary`` share the second.
    beta : float
        Of F-beta; 1 is F1.

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
    name = "F1" if beta == 1 else f"F{beta:g}"

    def test(rounding: str) -> tuple[bool, str]:
        p, r, f = (read(value, rounding, metric) for value, metric in ((precision, "precision"), (recall, "recall"), (f1, "f1")))
        harmonic = Interval(_harmonic(p.lo, r.lo, beta), _harmonic(p.hi, r.hi, beta))
        if average == "binary":
            passed = f.meets(harmonic)
            bound = f"the harmonic mean of precision and recall lies in {_short(harmonic)}"
        else:
            bounds = Interval(max(0.0, p.lo + r.lo - 1), harmonic.hi)
            passed = f.meets(bounds)
            bound = f"a mean of harmonic means lies in {_short(bounds)}"
        verdict = "agrees" if passed else "cannot be"
        return passed, f"{name} {show(f1)} {verdict} with precision {show(precision)} and recall {show(recall)}: {bound}"

    check = f"{'f1' if beta == 1 else 'f-beta'}-from-precision-recall"
    return judged(1, check, "identity", test, average, (_ASSUMED[average],))


def confusion_matrix(
    row: Mapping[str, Printed],
    *,
    positives: int | None = None,
    negatives: int | None = None,
    points: int | None = None,
    average: str = "binary",
) -> CheckResult:
    """Check 2: whether one confusion matrix rounds to all metrics of a row.

    With class counts given, all integer matrices are tried (where they are too many, by ``mlscorecheck``), with a size alone
    those of every balance. Without them, a linear programme over the shares of true positives, false positives and false
    negatives answers for all sizes and balances at once; balanced accuracy and Matthews' correlation are bounded over boxes.

    Parameters
    ----------
    row : mapping of str to printed number
        Any of accuracy, precision, recall, F1, F-beta (with ``beta``), specificity, balanced accuracy and MCC.
    positives, negatives : int, optional
        Class counts of the test set, both or none.
    points : int, optional
        Test rows, where the class counts are not known.
    average : {"binary", "macro", "weighted", "mean"}
        ``macro`` and ``weighted`` are means over the two classes and need their counts; under ``mean`` no single matrix is
        asked for and only the bounds of check 1 and what is linear must hold.

    Returns
    -------
    CheckResult
        An identity; ``details`` holds a matrix or the possible share of positives, and for a failure of one class or
        of means the smallest sets of metrics that exclude each other (``conflict``), of one class also the rearrangements that
        would be possible (``rearranged``).

    Raises
    ------
    ValueError
        If only one class count is given, one is below 1, or a mean over the classes lacks them.
    """
    _known_average(average)
    beta, metrics = _metrics_of(row)
    sized = positives is not None and negatives is not None
    if (positives is None) != (negatives is None) or (sized and min(positives or 0, negatives or 0) < 1):
        raise ValueError(f"class counts given: {positives} and {negatives}; give both as numbers of at least 1, or none")
    if points is not None and points < 2:
        raise ValueError(f"{points} test rows given; two classes need at least 2")
    if average in ("macro", "weighted") and not sized:
        raise ValueError(
            f"{average} averages need class counts; give positives and negatives, or use average='mean' for the bounds"
        )
    if sized:
        size = f"{positives} positives and {negatives} negatives"
    else:
        size = "any size and balance" if points is None else f"{points} rows of any balance"
    test_set = _TestSet(positives, negatives, points, average, beta)
    found: dict[str, Any] = {}

    def test(rounding: str) -> tuple[bool, str]:
        intervals = {name: read(value, rounding, name) for name, value in metrics.items()}
        found.clear()
        found.update(_find(intervals, test_set))
        shown = ", ".join(f"{name} {show(value)}" for name, value in metrics.items())
        if average == "mean":
            verb = "not excluded" if found["possible"] else "cannot be, not even"
            return found["possible"], f"{shown}: {verb} as means over classes, folds or runs"
        if found["possible"]:
            return True, f"{shown}: {'not decided' if found.get('undecided') else 'possible'} with {size}{_where(found)}"
        return False, f"{shown}: no confusion matrix with {size} gives {'these' if len(metrics) > 1 else 'this'}"

    passed, sentence, rounding = under_roundings(test)
    details = {key: value for key, value in found.items() if key != "possible"}
    if not passed and average in ("binary", "mean"):
        details["conflict"] = _conflicts(metrics, test_set)
    if not passed and average == "binary":
        details["rearranged"] = _rearrangements(metrics, test_set)
        if len(metrics) > 1:
            sentence += f"; in conflict: {' or '.join(' with '.join(names) for names in details['conflict'])}"
        if details["rearranged"]:
            first = details["rearranged"][0]
            sentence += f"; possible if the cells are {first['how']}: " + ", ".join(f"{k} {v}" for k, v in first["row"].items())
    if average == "mean":
        name, assumed = "mean", [_ASSUMED[average]]
    else:
        name, assumed = f"{average}, {size}", [_ASSUMED[average], f"test set of {size}"]
    return CheckResult(2, "confusion-matrix", "identity", passed, sentence, name, tuple(assumed), rounding, details=details)


def auc_and_operating_point(
    row: Mapping[str, Printed], *, positives: int | None = None, negatives: int | None = None, average: str = "binary"
) -> CheckResult:
    """Check 2: the area under a ROC curve against the one point of it that the other metrics are.

    A curve that only rises and passes through (1 − specificity, recall) has an area of at least recall × specificity and at
    most 1 − (1 − recall)(1 − specificity).

    Parameters
    ----------
    row : mapping of str to printed number
        ``auc`` beside metrics of a confusion matrix.
    positives, negatives : int, optional
        Class counts of the test set, both or none.
    average : {"binary", "macro", "weighted", "mean"}
        As in :func:`confusion_matrix`. Under ``mean`` only recall + specificity − 1 ≤ AUC ≤ recall + specificity holds.

    Returns
    -------
    CheckResult
        An identity where the other metrics come from a threshold on the scores that the area belongs to.
    """
    beta, metrics = _metrics_of(row)
    test_set = _TestSet(positives, negatives, None, average, beta)

    def test(rounding: str) -> tuple[bool, str]:
        intervals = {name: read(value, rounding, name) for name, value in metrics.items()}
        auc = read(row["auc"], rounding, "auc")
        passed = _auc_fits(auc, intervals, test_set)
        shown = ", ".join(f"{name} {show(value)}" for name, value in metrics.items())
        return passed, f"AUC {show(row['auc'])} {'is possible' if passed else 'cannot be'} beside {shown}"

    size = "any size and balance" if positives is None else f"{positives} positives and {negatives} negatives"
    name = "mean" if average == "mean" else f"{average}, {size}"
    assumed = (_ASSUMED[average], "the other metrics come from one threshold on the scores whose area this is")
    return judged(2, "auc-and-operating-point", "identity", test, name, assumed)


def tied(row: Mapping[str, Printed]) -> set[str]:
    """The metrics of a row without a known test set that could have excluded each other, had one been another number."""
    beta, metrics = _metrics_of(row)
    known = {name: read(value, "either", name) for name, value in metrics.items()}
    test_set = _TestSet(beta=beta)
    others = [Interval(value, value) for value in (0.001, 0.3, 0.7, 0.999)]
    found: set[str] = set()
    for name, value in itertools.product(metrics, others):
        if name not in found and not _find({**known, name: value}, test_set)["possible"]:
            found.update(itertools.chain.from_iterable(_conflicts({**known, name: value}, test_set)))
    if "auc" in row and not all(_auc_fits(value, known, test_set) for value in others):
        found |= {"auc", *metrics}
    return found


def smallest_test_set(row: Mapping[str, Printed]) -> tuple[dict[str, int] | None, Interval] | None:
    """What a row says of the test set that it does not name.

    Parameters
    ----------
    row : mapping of str to printed number
        With metrics of the positive class.

    Returns
    -------
    matrix : dict of str to int, or None
        The smallest confusion matrix that rounds to the row; None where all have more than `matrices.LARGEST` rows.
    share : Interval
        The shares of positives that the row allows.

    None where no matrix gives the row.
    """
    beta, metrics = _metrics_of(row)
    intervals = {name: read(value, "rounded", name) for name, value in metrics.items()}
    test_set = _TestSet(beta=beta)
    found: dict[str, Any] = _find(intervals, test_set) if intervals else {"possible": False}
    if not found["possible"]:
        return None
    share: Interval = found["share"]
    return matrices.smallest(intervals, test_set.beta), share


@dataclass(frozen=True)
class _TestSet:
    """What is known of the test set, and of what the metrics are means."""

    positives: int | None = None
    negatives: int | None = None
    points: int | None = None
    average: str = "binary"
    beta: float = 1.0


def _conflicts(row: Mapping[str, Printed], test_set: _TestSet) -> list[tuple[str, ...]]:
    """Smallest sets of metrics of a row that exclude each other, even if a number was truncated."""
    for count in range(1, len(row) + 1):
        failing = [
            chosen
            for chosen in itertools.combinations(row, count)
            if not _find({n: read(row[n], "either", n) for n in chosen}, test_set)["possible"]
        ]
        if failing:
            return failing
    return []


def _rearrangements(row: Mapping[str, Printed], test_set: _TestSet) -> list[dict[str, Any]]:
    """Rotations and swaps of a row's cells under which a confusion matrix exists (part of check 3).

    Returns
    -------
    list of dict
        ``how`` in words and ``row``, the rearranged cells; empty where none helps.
    """
    names, cells = list(row), list(row.values())
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
        if order != cells and _find(intervals, test_set)["possible"]:
            possible.append({"how": how, "row": {name: show(value) for name, value in candidate.items()}})
    return possible


def one_test_set(rows: Mapping[str, Mapping[str, Printed]]) -> CheckResult:
    """Check 3: whether one share of positives serves all rows of a table.

    Rows that no confusion matrix gives are set aside and named.

    Parameters
    ----------
    rows : mapping of str to row
        At least two rows, each with two or more of the metrics of :func:`confusion_matrix`.

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
            beta, metrics = _metrics_of(row)
            intervals = {metric: read(row[metric], rounding, metric) for metric in row if metric in metrics}
            answer = _find(intervals, _TestSet(beta=beta))
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

    assumed = ("all rows come from one test set", _ASSUMED["binary"])
    return certain(judged(3, "one-test-set", "other", test, "one test set for all rows", assumed, found))


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

    assumed = (f"class counts {', '.join(map(str, counts))}", "test rows are independent")
    result = judged(4, "against-trivial-rules", "other", test, f"{size} test rows", assumed, {"majority": majority})
    return replace(result, probability=found["probability"])


def _find(intervals: Mapping[str, Interval], test_set: _TestSet) -> dict[str, Any]:
    """Whether some matrix fits, and one example or the share of positives."""
    try:
        if test_set.average == "mean":
            return {"possible": _mean_fits(intervals, test_set)}
        if test_set.positives is not None and test_set.negatives is not None:
            counts = test_set.positives, test_set.negatives
            try:
                tp, tn = matrices.of_counts(intervals, *counts, test_set.average, test_set.beta)
            except matrices.Undecided:
                if test_set.average != "binary":
                    raise
                return _find_sized(intervals, *counts, test_set.beta)
            if not len(tp):
                return {"possible": False}
            found = {"tp": int(tp[0]), "fp": counts[1] - int(tn[0]), "fn": counts[0] - int(tp[0]), "tn": int(tn[0])}
            return {"possible": True, "matrix": found}
        if test_set.points is not None:
            matrix = matrices.of_size(intervals, test_set.points, test_set.beta)
            return {"possible": False} if matrix is None else {"possible": True, "matrix": matrix}
        answer = _find_share(intervals, test_set.beta)
        if answer["possible"] and {"balanced_accuracy", "mcc"} & set(intervals):
            answer["possible"] = matrices.of_any_size(intervals, answer["share"], test_set.beta)
        return answer
    except matrices.Undecided:
        return {"possible": True, "undecided": True, "share": Interval(0.0, 1.0)}


def _mean_fits(intervals: Mapping[str, Interval], test_set: _TestSet) -> bool:
    """What must hold for means over classes, folds or runs alike."""
    if {"precision", "recall"} <= set(intervals):
        for name, beta in (("f1", 1.0), ("f_beta", test_set.beta)):
            if name in intervals:
                pair = (intervals["precision"], intervals["recall"])
                if not f1_from_precision_recall(*pair, intervals[name], "mean", beta).passed:
                    return False
    if {"recall", "specificity", "balanced_accuracy"} <= set(intervals):
        both = (intervals["recall"] + intervals["specificity"]) * 0.5
        if not both.meets(intervals["balanced_accuracy"]):
            return False
    if test_set.points is not None and "accuracy" in intervals:  # a share of the rows, whatever the classes
        return matrices.of_size({"accuracy": intervals["accuracy"]}, test_set.points) is not None
    return True


def _auc_fits(auc: Interval, intervals: Mapping[str, Interval], test_set: _TestSet) -> bool:
    if test_set.average == "mean":
        if not {"recall", "specificity"} <= set(intervals):
            return True
        both = intervals["recall"] + intervals["specificity"]
        return auc.meets(Interval(max(0.0, both.lo - 1), max(0.0, both.hi)))
    try:
        if test_set.positives is None or test_set.negatives is None:
            share = Interval(_SMALLEST, 1 - _SMALLEST)
            alone = matrices.of_any_size(intervals, share, test_set.beta)
            return not alone or matrices.of_any_size({**intervals, "auc": auc}, share, test_set.beta)
        tp, tn = matrices.of_counts(intervals, test_set.positives, test_set.negatives, test_set.average, test_set.beta)
    except matrices.Undecided:
        return True
    recall, specificity = tp / test_set.positives, tn / test_set.negatives
    least, most = recall * specificity, 1 - (1 - recall) * (1 - specificity)
    return not len(tp) or bool(((least <= auc.hi + 1e-9) & (most >= auc.lo - 1e-9)).any())


def _find_sized(intervals: Mapping[str, Interval], positives: int, negatives: int, beta: float) -> dict[str, Any]:
    """By ``mlscorecheck``, which goes through intervals where there are too many matrices to try.

    It excludes nothing that is possible; but a metric that is undefined agrees with any number there, and Matthews'
    correlation and F-beta are held to less than their last digit, so that it comes second.
    """
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)
    binary = require("mlscorecheck.check.binary", "statistics")
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)  # its import sets the level anew
    weighted = {"beta_positive": Interval(beta, beta)} if "f_beta" in intervals else {}
    given = {_MLSCORECHECK[name]: interval for name, interval in intervals.items()} | weighted
    answer = binary.check_1_testset_no_kfold(
        testset={"p": positives, "n": negatives},
        scores={name: interval.mid for name, interval in given.items()},
        eps={name: interval.width / 2 for name, interval in given.items()},
        numerical_tolerance=1e-9,
    )
    if answer["inconsistency"]:
        return {"possible": False}
    evidence = answer.get("evidence") or {}
    if {"tp", "tn"} <= set(evidence):
        tp, tn = int(evidence["tp"]), int(evidence["tn"])
        return {"possible": True, "matrix": {"tp": tp, "fp": negatives - tn, "fn": positives - tp, "tn": tn}}
    return {"possible": True}


def _find_share(intervals: Mapping[str, Interval], beta: float) -> dict[str, Any]:
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
        "f_beta": ((1 + beta**2, 0, 0, 0), (1 + beta**2, 1, beta**2, 0)),
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


def _harmonic(p: float, r: float, beta: float) -> float:
    return (1 + beta**2) * p * r / (beta**2 * p + r) if p + r > 0 else 0.0


def _short(interval: Interval) -> str:
    return f"[{interval.lo:.3f}, {interval.hi:.3f}]"


def _metrics_of(row: Mapping[str, Printed]) -> tuple[float, dict[str, Printed]]:
    """β of a row and its metrics of one matrix; F-beta is none of them where β is not told."""
    metrics = {name: row[name] for name in MATRIX_METRICS if name in row and (name != "f_beta" or "beta" in row)}
    return read(row["beta"], "rounded").mid if "beta" in row else 1.0, metrics


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

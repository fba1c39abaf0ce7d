"""Checks 7, 8, 10 and 12: counts and sums, one number in two places, speed, and rows that are too much alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qhelpers.ledger.checks.result import LEVEL, CheckResult, Printed, certain, judged, read, show
from qhelpers.ledger.intervals import Interval, as_interval

# Metrics that others of the same row determine: they count once when coincidences are weighed.
_DETERMINED = {"f1": ("precision", "recall"), "mse": ("rmse",)}
# What is measured on one set of predictions.
_TOGETHER = {
    "scores": ("precision", "recall", "f1", "f_beta", "accuracy", "specificity", "balanced_accuracy", "mcc", "auc"),
    "errors": ("rmse", "mse", "mae", "mape", "rse", "r2", "bias"),
}


def count_of(printed: Printed, expected: int, what: str) -> CheckResult:
    """Check 7: a printed count against what is listed or follows from the description.

    Parameters
    ----------
    printed : str, int or Interval
        The count as printed.
    expected : int
        Number of things listed.
    what : str
        What is counted.

    Returns
    -------
    CheckResult
        An identity.
    """
    passed = as_interval(printed).meets(float(expected))
    sentence = f"{show(printed)} {what} printed, {expected} {'found' if passed else 'found instead'}"
    return CheckResult(7, "count", "identity", passed, sentence, "as listed", (f"the list of {what} is complete",))


def total_of(printed: Printed, parts: Mapping[str, Printed], reading: str = "as listed") -> CheckResult:
    """Check 7: rows of a table against its total.

    Parameters
    ----------
    printed : str, float or Interval
        The total as printed.
    parts : mapping of str to printed number
        Its parts; one that is not printed is an interval from zero on.
    reading : str
        What the parts are.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        total = sum((read(part, rounding) for part in parts.values()), start=Interval(0.0, 0.0))
        passed = read(printed, rounding).meets(total)
        verb = "agrees" if passed else "cannot be"
        return passed, f"total {show(printed)} {verb} with the sum of {', '.join(parts)}, which lies in {total}"

    return judged(7, "total", "identity", test, reading, ("the parts are complete and do not overlap",))


def dense_parameters(widths: Sequence[int], bias: bool = True) -> int:
    """Parameters of a dense network with given layer widths (for :func:`count_of`)."""
    return sum((a + bias) * b for a, b in itertools.pairwise(widths))


def attention_parameters(channels: int, reduction: int, kernel: int, bias: bool = False) -> int:
    """Parameters of channel and spatial attention in one block: a shared network of two layers, and one convolution.

    Parameters
    ----------
    channels, reduction : int
        Width of the block, and how much narrower the hidden layer is.
    kernel : int
        Side of the convolution over the mean and the maximum of the channels.
    bias : bool
        In both layers and the convolution.

    References
    ----------
    Woo, S. and others (2018). CBAM: Convolutional block attention module. European Conference on Computer Vision.
    """
    hidden = channels // reduction
    return dense_parameters([channels, hidden, channels], bias) + 2 * kernel**2 + bias


def parameters_of(parts: Sequence[Mapping[str, Any]]) -> int:
    """Parameters of some parts of a network, as a claims file describes them.

    Parameters
    ----------
    parts : sequence of mapping
        Each with one key: ``dense`` (widths), ``attention`` (arguments of `attention_parameters`), ``norm`` (channels, each
        with a scale and a shift), or ``free`` (a number of them). Beside it ``times``, how often the part is there (1), and of
        a dense part ``bias``.

    Raises
    ------
    ValueError
        If a part is none of these.
    """
    total = 0
    for part in parts:
        match dict(part):
            case {"dense": widths, **rest}:
                own = dense_parameters(widths, rest.get("bias", True))
            case {"attention": about}:
                own = attention_parameters(**about)
            case {"norm": channels}:
                own = 2 * int(channels)
            case {"free": number}:
                own = int(number)
            case _:
                raise ValueError(f"the part {part!r} is unknown; allowed are dense, attention, norm and free")
        total += own * int(part.get("times", 1))
    return total


def rise_of(before: Printed, after: Printed, added: int, reading: str = "as described") -> CheckResult:
    """Check 7: the parameters of a model are those of the model before it and of what was added to it.

    Parameters
    ----------
    before, after : str, float or Interval
        Parameters of both models as printed.
    added : int
        Parameters of what was added, see `parameters_of`.
    reading : str
        What was added, as the text is read.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        rise = read(after, rounding, "parameters") - read(before, rounding, "parameters")
        passed = rise.meets(float(added))
        verb = "can be" if passed else "cannot be"
        found = f"{rise.lo / 1e6:.4g} to {rise.hi / 1e6:.4g} million parameters"
        return passed, f"{show(before)} and {show(after)} differ by {found}: {verb} the {added:,} of what was added ({reading})"

    assumed = (f"what was added is: {reading}", "nothing else was changed")
    return judged(7, "parameters-added", "identity", test, reading, assumed)


def worked_out(printed: Printed, work: Callable[[str], Interval], reading: str) -> CheckResult:
    """Check 7: a number that follows from others of the text by the arithmetic that the text describes.

    Parameters
    ----------
    printed : str, float or Interval
        The number as printed.
    work : callable
        Takes the rounding, returns what the others give.
    reading : str
        The arithmetic in words, as the text is read.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        expected = work(rounding)
        passed = read(printed, rounding).meets(expected)
        verb = "follows" if passed else "does not follow"
        return passed, f"{show(printed)} {verb} from {reading}, which gives {show(expected)}"

    return judged(7, "worked-out", "identity", test, reading, (f"the text means: {reading}",))


def window_count(printed: Printed, length: int, window: int, step: int) -> CheckResult:
    """Check 7: the number of windows that a record gives.

    Parameters
    ----------
    printed : str, int or Interval
        Number of windows as printed.
    length, window, step : int
        Points of the record, of a window, and from one window to the next.

    Returns
    -------
    CheckResult
        An identity.

    Raises
    ------
    ValueError
        If one of the three is below 1.
    """
    if min(length, window, step) < 1:
        raise ValueError(f"length, window and step given: {length}, {window}, {step}; all must be at least 1")
    expected = 0 if length < window else (length - window) // step + 1
    result = count_of(printed, expected, f"windows of {window} points every {step} in {length}")
    return CheckResult(
        7, "window-count", "identity", result.passed, result.sentence, "whole windows", ("only whole windows count",)
    )


def dimensions_agree(output: int, input_: int, where: str) -> CheckResult:
    """Check 7: what one part puts out has the size that the next takes in."""
    passed = output == input_
    sentence = f"{where}: {output} values go out, {input_} go in"
    return CheckResult(7, "dimensions", "identity", passed, sentence, "as described", ("nothing lies between the two parts",))


def same_number(prints: Mapping[str, Printed]) -> CheckResult:
    """Check 8: the same quantity, printed in several places, agrees.

    Parameters
    ----------
    prints : mapping of str to printed number
        At least two places and what each prints, possibly with different numbers of decimals.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        intervals = {name: read(value, rounding) for name, value in prints.items()}
        passed = all(a.meets(b) for a, b in itertools.combinations(intervals.values(), 2))
        shown = ", ".join(f"{show(value)} ({name})" for name, value in prints.items())
        return passed, f"{'one number serves' if passed else 'no one number serves'} {shown}"

    return judged(8, "same-number", "identity", test, "one result, printed several times", ("all name one result",))


def one_of(printed: Printed, others: Mapping[str, Printed]) -> CheckResult:
    """Check 8: a number that is one of several results, the text does not say which, agrees with one of them.

    Parameters
    ----------
    printed : str, float or Interval
        The number as printed.
    others : mapping of str to printed number
        The results that it may be, by place.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        found = [name for name, value in others.items() if read(value, rounding).meets(read(printed, rounding))]
        shown = ", ".join(f"{show(value)} ({name})" for name, value in others.items())
        return bool(found), f"{show(printed)} is {'one' if found else 'none'} of {shown}"

    assumed = ("it is one of the results that are printed elsewhere",)
    return judged(8, "same-number", "identity", test, "one of several results", assumed)


def difference_of(printed: Printed, first: Printed, second: Printed) -> CheckResult:
    """Check 8: a difference in the text follows from the two numbers (``"+4.7 pp"`` is given as ``"4.7%"``)."""
    return _derived("difference", printed, first, second)


def ratio_of(printed: Printed, first: Printed, second: Printed) -> CheckResult:
    """Check 8: a ratio in the text ("1.4 times slower") follows from the two numbers."""
    return _derived("ratio", printed, first, second)


def relative_change_of(printed: Printed, new: Printed, old: Printed) -> CheckResult:
    """Check 8: a relative change ("34 % less") follows from the two numbers, as a share of the old one."""
    return _derived("relative change", printed, new, old)


def frames_and_latency(fps: Printed, latency: Printed) -> CheckResult:
    """Check 10: frames a second are the inverse of the time for one frame.

    Parameters
    ----------
    fps : str, float or Interval
        Frames a second.
    latency : str, float or Interval
        Seconds, or with a unit (``"7.9 ms"``).

    Returns
    -------
    CheckResult
        Of the kind ``other``: with several frames in flight the two may differ.
    """

    def test(rounding: str) -> tuple[bool, str]:
        product = read(fps, rounding) * read(latency, rounding)
        passed = product.meets(1.0)
        return passed, f"frames/s × latency lies in {product} and {'can' if passed else 'cannot'} be 1"

    assumed = ("frames are handled one at a time",)
    return certain(judged(10, "frames-and-latency", "other", test, "one after the other", assumed))


def runtime_from_calls(runtime: Printed, calls: Printed, time_per_call: Printed) -> CheckResult:
    """Check 10: a run takes at least its calls times the time of a call.

    Parameters
    ----------
    runtime, time_per_call : str, float or Interval
        Seconds, or with a unit.
    calls : str, int or Interval
        Number of calls.

    Returns
    -------
    CheckResult
        Of the kind ``other``.
    """
    return _at_least(
        "runtime-from-calls", runtime, {"calls": calls, "time a call": time_per_call}, "calls run one after the other"
    )


def training_time(runtime: Printed, reads: Printed, updates: Printed, time_per_read: Printed) -> CheckResult:
    """Check 10: training takes at least reads × updates × the time of a read."""
    factors = {"reads": reads, "updates": updates, "time a read": time_per_read}
    return _at_least("training-time", runtime, factors, "reads run one after the other and nothing is left out of the time")


def repeated_rows(rows: Mapping[str, Mapping[str, Printed]]) -> CheckResult:
    """Check 12: two rows of a table that repeat each other more closely than separate measurements can.

    How often two cells of a column are equal is taken from the table itself. Scores of one set of predictions are not measured
    apart, nor are errors of one set of residuals: of each kind only the column counts whose cells are equal least often. The
    probability is that of at least one repetition among all pairs of rows.

    Parameters
    ----------
    rows : mapping of str to row
        At least two rows.

    Returns
    -------
    CheckResult
        Of the kind ``other``; ``details["pairs"]`` names the rows that repeat.
    """
    metrics = _shared_metrics(rows)
    names = list(rows)
    pairs = list(itertools.combinations(names, 2))
    equal = {metric: sum(_same(rows[a][metric], rows[b][metric]) for a, b in pairs) for metric in metrics}
    repeated = [(a, b) for a, b in pairs if metrics and all(_same(rows[a][m], rows[b][m]) for m in metrics)]
    rarest: dict[str, float] = {}
    for metric in metrics:
        kind = next((name for name, among in _TOGETHER.items() if metric in among), metric)
        rarest[kind] = min(rarest.get(kind, 1.0), (equal[metric] + 1) / (len(pairs) + 1))
    chance = math.prod(rarest.values())
    return _alike("repeated-rows", repeated, chance, len(pairs), [f"{a} repeats {b}" for a, b in repeated], metrics)


def shifted_rows(rows: Mapping[str, Mapping[str, Printed]]) -> CheckResult:
    """Check 12: a row that is another one, shifted by some columns; one with equal cells is a shift of itself and left out.

    Parameters
    ----------
    rows : mapping of str to row
        At least two rows with the same columns in the order of the table.

    Returns
    -------
    CheckResult
        Of the kind ``other``; ``details["pairs"]`` names the rows and how far one is shifted.
    """
    columns = [metric for metric in next(iter(rows.values())) if all(metric in row for row in rows.values())]
    names = list(rows)
    found, sentences, cases, matches, cells = [], [], 0, 0, 0
    for a, b in itertools.permutations(names, 2):
        left = [rows[a][metric] for metric in columns]
        right = [rows[b][metric] for metric in columns]
        for shift in range(1, len(columns)):
            cases += 1
            same = [_same(x, y) for x, y in zip(left, right[shift:] + right[:shift], strict=True)]
            if all(same) and len(set(left)) == len(left):
                if (b, a) not in found:
                    found.append((a, b))
                    places = "one place" if shift == 1 else f"{shift} places"
                    sentences.append(
                        f"the cells of {a} are those of {b}, all moved by {places} to the left (the first to the end)"
                    )
            else:
                matches, cells = matches + sum(same), cells + len(same)
    # A copy shifted from a to b is also one from b to a: only unordered pairs are separate cases.
    independent = _shared_metrics(rows)
    chance = ((matches + 1) / (cells + 1)) ** max(len(independent), 1)
    return _alike("shifted-rows", found, chance, cases // 2, sentences, independent)


def multiples(first: Mapping[str, Printed], second: Mapping[str, Printed], names: tuple[str, str]) -> CheckResult:
    """Check 12: one column that is a multiple of another throughout, of columns that were measured apart.

    Scores of one model on one test set are not, and honest ones often are nearly multiples.

    Parameters
    ----------
    first, second : mapping of str to printed number
        The two columns by row; rows of both count.
    names : tuple of str
        Names of the columns.

    Returns
    -------
    CheckResult
        Of the kind ``other``; needs at least four rows, else it passes. The probability is that of such agreement if the
        ratio of each further row fell anywhere within the spread of the first column.
    """
    rows = [row for row in first if row in second]
    ratios = {row: as_interval(first[row]) / as_interval(second[row]) for row in rows}
    values = [as_interval(first[row]).mid for row in rows]
    spread = max(values) - min(values) if values else 0.0
    scale = max((abs(value) for value in values), default=0.0)
    common = len(rows) >= 4 and max(r.lo for r in ratios.values()) <= min(r.hi for r in ratios.values())
    probability = 1.0
    if common and scale > 0:
        for row in rows[1:]:
            relative = ratios[row].width / max(abs(ratios[row].mid), 1e-300)
            probability *= min(1.0, relative / max(spread / scale, 1e-300))
    passed = not common or probability >= LEVEL
    sentence = (
        f"{names[0]} and {names[1]} {'are no multiples of one another' if passed else 'are multiples of one another in all rows'}"
    )
    if common:
        sentence += f" (ratio between {max(r.lo for r in ratios.values()):.4g} and {min(r.hi for r in ratios.values()):.4g})"
    assumed = ("the columns were measured separately",)
    return CheckResult(12, "multiples", "other", passed, sentence, "separate measurements", assumed, probability=probability)


def copied_cells(
    first: Mapping[str, Mapping[str, Printed]], second: Mapping[str, Mapping[str, Printed]], names: tuple[str, str]
) -> CheckResult:
    """Check 12: two tables of one shape, on different data, of which one repeats whole rows or columns of the other.

    How often cells of a column agree by chance is taken from those of different rows. Metrics that others of the row determine
    are left out.

    Parameters
    ----------
    first, second : mapping of str to row
        The tables; rows and columns that both have count.
    names : tuple of str
        Names of the tables.

    Returns
    -------
    CheckResult
        Of the kind ``other``; ``details["cells"]`` names what is repeated as (row, column).
    """
    from scipy import stats

    rows = [row for row in first if row in second]
    columns = _shared_metrics({row: {c: v for c, v in first[row].items() if c in second[row]} for row in rows})
    pairs = list(itertools.permutations(rows, 2))
    chance = {c: (sum(_same(first[a][c], second[b][c]) for a, b in pairs) + 1) / (len(pairs) + 2) for c in columns}
    of_a_row = math.prod(chance.values())
    equal_rows = [row for row in rows if columns and all(_same(first[row][c], second[row][c]) for c in columns)]
    equal_columns = [c for c in columns if len(rows) > 2 and all(_same(first[row][c], second[row][c]) for row in rows)]
    probability = 1.0
    if equal_rows:
        probability = float(stats.binom.sf(len(equal_rows) - 1, len(rows), of_a_row))
    for column in equal_columns:
        probability = min(probability, len(columns) * chance[column] ** len(rows))
    passed = probability >= LEVEL
    cells = [(row, column) for row in rows for column in columns if row in equal_rows or column in equal_columns]
    if cells:
        what = [f"row {row}" for row in equal_rows] + [f"column {column}" for column in equal_columns]
        sentence = f"{names[1]} repeats {', '.join(what)} of {names[0]}, by chance with probability {probability:.2g}"
    else:
        sentence = f"{names[1]} repeats no row or column of {names[0]}"
    assumed = ("the tables were measured separately, on different data",)
    return CheckResult(
        12,
        "copied-cells",
        "other",
        passed,
        sentence,
        "separate measurements",
        assumed,
        probability=probability,
        details={"cells": cells},
    )


def _derived(how: str, printed: Printed, first: Printed, second: Printed) -> CheckResult:
    def test(rounding: str) -> tuple[bool, str]:
        a, b = read(first, rounding), read(second, rounding)
        expected = {"difference": lambda: a - b, "ratio": lambda: a / b, "relative change": lambda: a / b - 1}[how]()
        value = read(printed, rounding)
        passed = value.meets(expected) or (how == "relative change" and value.meets(abs(expected)))
        verb = "follows" if passed else "does not follow"
        return passed, f"{how} {show(printed)} {verb} from {show(first)} and {show(second)}, which give {expected}"

    assumed = ("it was worked out from these two numbers before they were rounded",)
    return judged(8, how.replace(" ", "-"), "identity", test, "from the printed numbers", assumed)


def _at_least(check: str, runtime: Printed, factors: Mapping[str, Printed], assumed: str) -> CheckResult:
    def test(rounding: str) -> tuple[bool, str]:
        least = math.prod((read(value, rounding) for value in factors.values()), start=Interval(1.0, 1.0))
        passed = least.at_most(read(runtime, rounding))
        shown = " × ".join(f"{show(value)} {name}" for name, value in factors.items())
        return passed, f"{show(runtime)} {'leaves room for' if passed else 'is shorter than'} {shown} = {least} s"

    return certain(judged(10, check, "other", test, "one after the other", (assumed,)))


def _same(a: Printed, b: Printed) -> bool:
    """Printed to the same letter; at a full or empty score coincidence says nothing."""
    return a == b and as_interval(a).mid not in (0.0, 1.0)


def _shared_metrics(rows: Mapping[str, Mapping[str, Printed]]) -> list[str]:
    shared = [metric for metric in next(iter(rows.values()), {}) if all(metric in row for row in rows.values())]
    return [metric for metric in shared if not all(other in shared for other in _DETERMINED.get(metric, ("",)))]


def _alike(
    check: str, found: Sequence[tuple[str, str]], chance: float, cases: int, sentences: Sequence[str], metrics: Sequence[str]
) -> CheckResult:
    probability = -math.expm1(cases * math.log1p(-min(chance, 1 - 1e-12))) if found else 1.0
    passed = not found or probability >= LEVEL
    unique = list(dict.fromkeys(sentences))
    if found:
        sentence = f"{'; '.join(unique)}; by chance in some pair with probability {probability:.2g}"
    else:
        sentence = "no two rows are alike in all columns"
    assumed = (
        "the rows were measured separately",
        f"weighed over {', '.join(metrics)}, whose cells agree by chance as often as in the table",
    )
    return CheckResult(
        12,
        check,
        "other",
        passed,
        sentence,
        "separate measurements",
        assumed,
        probability=probability,
        details={"pairs": list(found)},
    )

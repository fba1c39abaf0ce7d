"""Checks 9 and 11: test statistics, intervals and information."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from qhelpers.ledger.checks.result import CheckResult, Printed, judged, read, show
from qhelpers.ledger.intervals import Interval

Group = tuple[Printed, Printed, Printed]


def t_from_effect(t: Printed, d: Printed, n: Printed) -> CheckResult:
    """Check 9: t = d·√n in a paired test.

    Parameters
    ----------
    t, d : str, float or Interval
        Statistic and standardised mean difference as printed; signs do not matter.
    n : str, int or Interval
        Number of pairs.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        expected = abs(read(d, rounding)) * read(n, rounding, "n").sqrt()
        passed = abs(read(t, rounding)).meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"t {show(t)} {verb} with d {show(d)} over {show(n)} pairs, which give {expected}"

    assumed = ("paired test", "d is the mean difference over the spread of the differences")
    return judged(9, "t-from-effect", "identity", test, "paired", assumed)


def d_of_pairs(d: Printed, t: Printed, n: Printed, mean: Printed, sd: Printed) -> CheckResult:
    """Check 9: d of a paired test over the spread of both groups, one of which is printed.

    The paired t gives the spread of the differences, mean·√n/t. The other group's spread is no further from the printed one
    than that, whatever the correlation; d is over the root of the mean of both variances.

    Parameters
    ----------
    d, t : str, float or Interval
        As printed; signs do not matter.
    n : str, int or Interval
        Number of pairs.
    mean : str, float or Interval
        Mean difference.
    sd : str, float or Interval
        Spread of one group over the same runs, n − 1 in the denominator.

    Returns
    -------
    CheckResult
        An identity, and of the same name as `t_from_effect`: another reading of what d is.
    """

    def test(rounding: str) -> tuple[bool, str]:
        centre, own = abs(read(mean, rounding)), read(sd, rounding, "sd_1")
        spread = centre * read(n, rounding, "n").sqrt() / abs(read(t, rounding))
        other = Interval(max(0.0, spread.lo - own.hi, own.lo - spread.hi), spread.hi + own.hi)
        expected = centre / ((own.squared() + other.squared()) * 0.5).sqrt()
        passed = abs(read(d, rounding)).meets(expected)
        verb = "agrees" if passed else "cannot be"
        told = f"t {show(t)} over {show(n)} pairs and a spread of {show(sd)} in one group"
        return passed, f"d {show(d)} {verb} with {told}, which give {expected}"

    reading = "over the spread of both groups"
    assumed = ("paired test", "d is the mean difference over the root of the mean of both variances")
    return judged(9, "t-from-effect", "identity", test, reading, assumed)


def t_from_interval(t: Printed, low: Printed, high: Printed, n: Printed, level: float = 0.95) -> list[CheckResult]:
    """Check 9: t against the confidence interval of the same difference, whose half is a quantile times the standard error.

    Parameters
    ----------
    t, low, high : str, float or Interval
        As printed; the sign of t does not matter.
    n : str, int or Interval
        Number of pairs, or of runs in each of two groups.
    level : float
        Confidence level.

    Returns
    -------
    list of CheckResult
        Identities: by the quantile of a paired test, of two groups, and of the normal distribution.
    """
    from scipy import stats

    pairs = round(read(n, "rounded", "n").mid)
    quantiles = {"paired": stats.t.ppf((1 + level) / 2, max(pairs - 1, 1)), "normal": stats.norm.ppf((1 + level) / 2)}
    quantiles["two groups"] = stats.t.ppf((1 + level) / 2, max(2 * pairs - 2, 1))
    results = []
    for reading, quantile in quantiles.items():

        def test(rounding: str, quantile: float = float(quantile)) -> tuple[bool, str]:
            ends = read(low, rounding), read(high, rounding)
            half = (ends[1] - ends[0]) * 0.5
            expected = abs((ends[0] + ends[1]) * 0.5) * quantile / Interval(max(half.lo, 0.0), max(half.hi, 0.0))
            passed = abs(read(t, rounding)).meets(expected)
            verb = "agrees" if passed else "cannot be"
            return passed, f"t {show(t)} {verb} with the interval {show(low)} to {show(high)}, which gives {expected}"

        assumed = (f"{level:.0%} interval of the same difference", f"quantile: {reading}, {quantile:.3f}")
        results.append(judged(9, "t-from-interval", "identity", test, reading, assumed))
    return results


def bonferroni_from_t(adjusted: Printed, t: Printed, n: Printed, m: int, sides: int = 2) -> CheckResult:
    """Check 9: the corrected p-value is m times that of a paired t; an identity."""
    from scipy import stats

    def test(rounding: str) -> tuple[bool, str]:
        statistic, df = abs(read(t, rounding)), read(n, rounding, "n").mid - 1
        ends = [min(1.0, m * sides * float(stats.t.sf(value, df))) for value in (statistic.hi, statistic.lo)]
        expected = Interval(*ends)
        passed = read(adjusted, rounding, "p_adjusted").meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"corrected p {show(adjusted)} {verb} with t {show(t)} over {show(n)} pairs in {m} tests, {expected}"

    reading = f"{m} paired tests, {sides}-sided"
    return judged(9, "bonferroni-from-t", "identity", test, reading, (reading,))


def t_from_differences(t: Printed, mean: Printed, sd: Printed, n: Printed) -> CheckResult:
    """Check 9: t = mean/(sd/√n) of the paired differences; an identity."""

    def test(rounding: str) -> tuple[bool, str]:
        error = read(sd, rounding, "sd_difference") / read(n, rounding, "n").sqrt()
        expected = abs(read(mean, rounding)) / error
        passed = abs(read(t, rounding)).meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"t {show(t)} {verb} with differences of {show(mean)} ± {show(sd)} over {show(n)} pairs: {expected}"

    return judged(9, "t-from-differences", "identity", test, "paired", ("paired test",))


def p_from_t(p: Printed, t: Printed, df: Printed | None = None, sides: int = 2, reading: str = "paired") -> CheckResult:
    """Check 9: p from t and its degrees of freedom.

    Parameters
    ----------
    p, t : str, float or Interval
        As printed; ``"< 0.001"`` is one-sided.
    df : str, float or Interval, optional
        Degrees of freedom; without them, any number from 1 on.
    sides : {1, 2}
        Two-sided, or one-sided on the side on which the effect lies.
    reading : str
        What the degrees of freedom follow from.

    Returns
    -------
    CheckResult
        An identity.
    """
    from scipy import stats

    def test(rounding: str) -> tuple[bool, str]:
        statistic = abs(read(t, rounding))
        degrees = Interval(1.0, math.inf) if df is None else read(df, rounding, "df")
        corners = [stats.t.sf(x, n) for x in (statistic.lo, statistic.hi) for n in (max(degrees.lo, 1e-9), degrees.hi)]
        expected = Interval(min(1.0, sides * float(min(corners))), min(1.0, sides * float(max(corners))))
        passed = read(p, rounding, "p").meets(expected)
        verb = "agrees" if passed else "cannot be"
        told = "any" if df is None else f"{show(df)}"
        return passed, f"p {show(p)} {verb} with t {show(t)} at {told} degrees of freedom, which give {expected}"

    side = "2-sided" if sides == 2 else "1-sided, on the side of the effect"
    return judged(9, "p-from-t", "identity", test, f"{reading}, {side}", (f"t test, {reading}", side))


def p_from_f(p: Printed, f: Printed, df_between: Printed, df_within: Printed) -> CheckResult:
    """Check 9: p from F and its degrees of freedom, the upper tail; an identity."""
    from scipy import stats

    def test(rounding: str) -> tuple[bool, str]:
        statistic = read(f, rounding, "f_statistic")
        degrees = [read(df_between, "rounded").mid, read(df_within, "rounded").mid]
        expected = Interval(float(stats.f.sf(statistic.hi, *degrees)), float(stats.f.sf(max(statistic.lo, 0.0), *degrees)))
        passed = read(p, rounding, "p").meets(expected)
        verb = "agrees" if passed else "cannot be"
        shown = f"F({show(df_between)}, {show(df_within)}) = {show(f)}"
        return passed, f"p {show(p)} {verb} with {shown}, which gives {expected}"

    return judged(9, "p-from-f", "identity", test, "upper tail", ("F test, upper tail",))


def degrees_of_freedom(df: Printed, sizes: Sequence[Printed]) -> CheckResult:
    """Check 9: the degrees of freedom of a t test against what it was made of.

    Parameters
    ----------
    df : str, float or Interval
        As printed.
    sizes : sequence of printed number
        The number of pairs, or the members of both groups.

    Returns
    -------
    CheckResult
        An identity: n − 1 for pairs; for two groups n₁ + n₂ − 2, or for Welch's test from min(n₁, n₂) − 1 up to that.
    """
    members = [read(size, "rounded", "n") for size in sizes]
    paired = len(members) == 1
    most = sum(members, start=Interval(0.0, 0.0)) - len(members)
    least = most if paired else Interval(min(one.lo for one in members) - 1, most.hi)

    def test(rounding: str) -> tuple[bool, str]:
        expected = Interval(least.lo, most.hi)
        passed = read(df, rounding, "df").meets(expected)
        verb = "agree" if passed else "cannot be"
        shown = " and ".join(show(size) for size in sizes)
        what = "pairs" if paired else "members"
        return passed, f"{show(df)} degrees of freedom {verb} with {shown} {what}, which give {expected}"

    reading = "paired" if paired else "two groups, pooled or Welch"
    return judged(9, "degrees-of-freedom", "identity", test, reading, (f"t test, {reading}",))


def t_from_groups(t: Printed, first: Group, second: Group, welch: bool) -> CheckResult:
    """Check 9: t of two groups from their means, spreads and sizes.

    Parameters
    ----------
    t : str, float or Interval
        As printed; its sign does not matter.
    first, second : (mean, sd, n)
        As printed; spreads with n − 1 in the denominator.
    welch : bool
        Each group keeps its own variance, instead of one that is pooled.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        difference = read(first[0], rounding) - read(second[0], rounding)
        (v1, n1), (v2, n2) = ((read(sd, rounding, "sd_1").squared(), read(n, rounding, "n").mid) for _, sd, n in (first, second))
        if welch:
            error = (v1 * (1 / n1) + v2 * (1 / n2)).sqrt()
        else:
            error = ((v1 * (n1 - 1) + v2 * (n2 - 1)) * ((1 / n1 + 1 / n2) / (n1 + n2 - 2))).sqrt()
        expected = abs(difference) / error
        passed = abs(read(t, rounding)).meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"t {show(t)} {verb} with groups of {_group(first)} and {_group(second)}: {expected}"

    reading = "two groups, Welch" if welch else "two groups, pooled"
    return judged(9, "t-from-groups", "identity", test, reading, (f"t test, {reading}",))


def d_of_groups(d: Printed, row: Mapping[str, Printed]) -> list[CheckResult]:
    """Check 9: the standardised difference of two groups, from their means and spreads, else from t.

    Parameters
    ----------
    d : str, float or Interval
        As printed; its sign does not matter.
    row : mapping of str to printed number
        ``n_1`` and ``n_2`` beside the means and spreads of both groups, or beside ``t``.

    Returns
    -------
    list of CheckResult
        An identity under each of the spreads that are in use, with or without Hedges' correction.
    """
    n1, n2 = (read(row[name], "rounded", name).mid for name in ("n_1", "n_2"))
    hedges = Interval(1 - 3 / (4 * (n1 + n2 - 2) - 1), 1.0)
    spreads: dict[str, Callable[[str], Interval]] = {}
    if {"mean_1", "sd_1", "mean_2", "sd_2"} <= set(row):

        def variances(rounding: str) -> list[Interval]:
            return [read(row[name], rounding, name).squared() for name in ("sd_1", "sd_2")]

        def by(spread: Callable[[Interval, Interval], Interval]) -> Callable[[str], Interval]:
            return lambda how: abs(read(row["mean_1"], how) - read(row["mean_2"], how)) / spread(*variances(how)).sqrt()

        spreads["the pooled spread"] = by(lambda a, b: (a * (n1 - 1) + b * (n2 - 1)) / (n1 + n2 - 2))
        spreads["the mean of both variances"] = by(lambda a, b: (a + b) * 0.5)
        spreads["the spread of the first group"] = by(lambda a, _: a)
        spreads["the spread of the second group"] = by(lambda _, b: b)
    elif "t" in row:
        spreads["the pooled spread, t pooled"] = lambda how: abs(read(row["t"], how)) * math.sqrt(1 / n1 + 1 / n2)
        if min(n1, n2) > 1:  # between all the variance in one group and all in the other
            ends = sorted(math.sqrt((n1 + n2 - 2) / (n * (n - 1))) for n in (n1, n2))
            spreads["the pooled spread, t by Welch"] = lambda how: abs(read(row["t"], how)) * Interval(*ends)
        spreads["2t/√df"] = lambda how: abs(read(row["t"], how)) * (2 / math.sqrt(n1 + n2 - 2))
    results = []
    for spread, of in spreads.items():

        def test(rounding: str, of: Callable[[str], Interval] = of) -> tuple[bool, str]:
            expected = of(rounding)
            expected = Interval(expected.lo * hedges.lo, expected.hi)
            passed = abs(read(d, rounding)).meets(expected)
            return passed, f"d {show(d)} {'agrees' if passed else 'cannot be'} with the two groups, which give {expected}"

        assumed = (f"d by {spread}", "with or without Hedges' correction")
        results.append(judged(9, "d-of-groups", "identity", test, f"by {spread}", assumed))
    return results


def estimate_in_interval(estimate: Printed, low: Printed, high: Printed) -> CheckResult:
    """Check 9: a confidence interval holds its own estimate.

    Parameters
    ----------
    estimate, low, high : str, float or Interval
        As printed.

    Returns
    -------
    CheckResult
        An identity for t, Wald, Wilson, exact and likelihood intervals; percentiles of a bootstrap may miss a biased estimate.
    """

    def test(rounding: str) -> tuple[bool, str]:
        ends = read(low, rounding).lo, read(high, rounding).hi
        passed = ends[0] <= ends[1] and read(estimate, rounding).meets(Interval(*ends))
        verb = "holds" if passed else "does not hold"
        return passed, f"the interval {show(low)} to {show(high)} {verb} its estimate {show(estimate)}"

    assumed = ("an interval around its estimate, no percentiles of a bootstrap",)
    return judged(9, "estimate-in-interval", "identity", test, "as printed", assumed)


def proportion_of(share: Printed, rows: int, what: str = "proportion", runs: int = 1) -> CheckResult:
    """Check 2 for one number: a share of n rows is a whole number of them.

    Parameters
    ----------
    share : str, float or Interval
        As printed.
    rows : int
        Rows that it is a share of.
    what : str
        Name of the share.
    runs : int
        Runs on those rows of which it is the mean.

    Returns
    -------
    CheckResult
        An identity.

    Raises
    ------
    ValueError
        If there are no rows or no runs.
    """
    if rows < 1 or runs < 1:
        raise ValueError(f"{rows} rows and {runs} runs given; both must be at least 1")
    whole = rows * runs

    def test(rounding: str) -> tuple[bool, str]:
        interval = read(share, rounding, "proportion")
        first = math.ceil(interval.lo * whole - 1e-9)
        passed = first <= interval.hi * whole + 1e-9
        if passed:
            return True, f"{what} {show(share)} can be {first} of {whole}"
        below, above = (first - 1) / whole, first / whole
        return False, f"{what} {show(share)} is no whole number of {whole}: next are {below:.5g} and {above:.5g}"

    reading = f"{rows} rows" if runs == 1 else f"mean over {runs} runs on {rows} rows"
    return judged(2, "whole-number", "identity", test, reading, (reading,))


#: Least magnitude of each word for Cliff's δ (Romano and others 2006).
CLIFF = {"negligible": 0.0, "small": 0.147, "medium": 0.33, "large": 0.474}


def cliffs_word(delta: Printed, word: str) -> CheckResult:
    """Check 9: the word that goes with Cliff's δ by convention.

    Parameters
    ----------
    delta : str, float or Interval
        As printed.
    word : {"negligible", "small", "medium", "large"}
        As printed.

    Returns
    -------
    CheckResult
        An identity under the convention.

    Raises
    ------
    ValueError
        If the word is none of them.

    References
    ----------
    Romano, J. and others (2006). Appropriate statistics for ordinal level data. Annual meeting of the Florida Association of
    Institutional Research.
    """
    words = list(CLIFF)
    if word not in words:
        raise ValueError(f"{word!r} is no word for Cliff's δ; choose one of {', '.join(words)}")
    least = CLIFF[word]
    most = CLIFF[words[words.index(word) + 1]] if word != words[-1] else 1.0

    def test(rounding: str) -> tuple[bool, str]:
        passed = abs(read(delta, rounding, "cliffs_delta")).meets(Interval(least, most))
        verb = "is" if passed else "is not"
        return passed, f"Cliff's δ {show(delta)} {verb} {word}, by convention {least:g} to {most:g}"

    assumed = ("negligible below 0.147, small below 0.33, medium below 0.474",)
    return judged(9, "cliffs-word", "identity", test, "by convention", assumed)


def cliffs_threshold(least: Printed, word: str) -> CheckResult:
    """Check 9: from which Cliff's δ on a word is used; an identity under the convention of `CLIFF`."""
    if word not in CLIFF:
        raise ValueError(f"{word!r} is no word for Cliff's δ; choose one of {', '.join(CLIFF)}")

    def test(rounding: str) -> tuple[bool, str]:
        passed = read(least, rounding, "cliffs_delta").meets(CLIFF[word])
        return passed, f"a Cliff's δ is called {word} from {CLIFF[word]:g} on by convention, printed is {show(least)}"

    assumed = (f"{word} from {CLIFF[word]:g} on",)
    return judged(9, "cliffs-word", "identity", test, "the least that has this word", assumed)


def cliffs_delta_of(delta: Printed, n_1: int, n_2: int) -> CheckResult:
    """Check 9: Cliff's δ of two groups is a whole number of their n₁·n₂ pairs; an identity."""
    pairs = n_1 * n_2

    def test(rounding: str) -> tuple[bool, str]:
        interval = read(delta, rounding, "cliffs_delta")
        passed = math.ceil(interval.lo * pairs - 1e-9) <= interval.hi * pairs + 1e-9
        verb = "can be" if passed else "is no"
        return passed, f"Cliff's δ {show(delta)} {verb} whole number of {pairs} pairs"

    assumed = (f"groups of {n_1} and {n_2}, each member against each",)
    return judged(9, "cliffs-delta", "identity", test, "two groups", assumed)


def smallest_p(p: Printed, n: Printed, sides: int = 2, exact: bool = True) -> CheckResult:
    """Check 9: a rank or sign test of n pairs cannot give less than sides/2ⁿ.

    Parameters
    ----------
    p : str, float or Interval
        As printed.
    n : str, int or Interval
        Number of pairs.
    sides : {1, 2}
        One- or two-sided test.
    exact : bool
        Exact Wilcoxon, sign and permutation tests; else Wilcoxon's test by the normal distribution, which reaches less.

    Returns
    -------
    CheckResult
        An identity.
    """
    from scipy import stats

    def test(rounding: str) -> tuple[bool, str]:
        pairs = read(n, rounding, "n").hi
        least = min(1.0, sides * 0.5**pairs)
        if not exact:
            z = pairs * (pairs + 1) / 4 / math.sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24)
            least = min(least, sides * float(stats.norm.sf(z)))
        passed = Interval(least, 1.0).meets(read(p, rounding, "p"))
        return (
            passed,
            f"p {show(p)} {'is not below' if passed else 'is below'} {least:.4g}, the smallest that {show(n)} pairs allow",
        )

    which = "exact rank, sign or permutation test" if exact else "Wilcoxon's test by the normal distribution"
    assumed = (which, f"{sides}-sided")
    return judged(9, "smallest-p", "identity", test, f"{which}, {sides}-sided", assumed)


def unnamed_test(p: Printed, n: Printed) -> CheckResult:
    """Check 9, the reading that nothing contradicts: where no test is named, a parametric one can give any p-value.

    Parameters
    ----------
    p, n : str, int, float or Interval
        As printed.
    """
    sentence = f"p {show(p)} from {show(n)} pairs is possible for a test that assumes a distribution; none is named"
    return CheckResult(9, "smallest-p", "identity", True, sentence, "a test that assumes a distribution", ("no test is named",))


def bonferroni(p: Printed, adjusted: Printed, m: int) -> CheckResult:
    """Check 9: the corrected p-value is min(1, m·p); an identity."""

    def test(rounding: str) -> tuple[bool, str]:
        product = read(p, rounding, "p") * m
        expected = Interval(min(1.0, product.lo), min(1.0, product.hi))
        passed = read(adjusted, rounding, "p_adjusted").meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"corrected p {show(adjusted)} {verb} with {m} times {show(p)}, {expected}"

    return judged(9, "bonferroni", "identity", test, f"{m} tests", (f"family of {m} tests",))


def eta_from_f(eta_squared: Printed, f: Printed, df_between: int, df_within: int) -> CheckResult:
    """Check 9: η² = F·df₁/(F·df₁ + df₂) in a one-way analysis of variance; an identity."""

    def test(rounding: str) -> tuple[bool, str]:
        statistic = read(f, rounding, "f_statistic")
        shares = (1 - df_within / (value * df_between + df_within) for value in (statistic.lo, statistic.hi))
        expected = Interval(*shares)
        passed = read(eta_squared, rounding, "eta_squared").meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"η² {show(eta_squared)} {verb} with F({df_between}, {df_within}) = {show(f)}, which gives {expected}"

    return judged(9, "eta-from-f", "identity", test, "one-way", ("one-way analysis of variance",))


def f_from_groups(f: Printed, groups: Sequence[tuple[Printed, Printed, int]]) -> CheckResult:
    """Check 9: F against the group means, spreads and sizes of the same table.

    Parameters
    ----------
    f : str, float or Interval
        Statistic as printed.
    groups : sequence of (mean, sd, n)
        As printed; spreads with n − 1 in the denominator.

    Returns
    -------
    CheckResult
        An identity; the range of F over all means within their rounding is found by bounded optimisation.

    Raises
    ------
    ValueError
        If there are fewer than two groups or one has fewer than two members.
    """
    from scipy import optimize

    sizes = np.array([n for _, _, n in groups], dtype=float)
    if len(groups) < 2 or sizes.min() < 2:
        raise ValueError(
            f"groups of sizes {[int(n) for n in sizes]} given; an F needs at least two groups of at least two members"
        )

    def test(rounding: str) -> tuple[bool, str]:
        means = [read(mean, rounding) for mean, _, _ in groups]
        within = sum(
            (read(sd, rounding, "sd_difference").squared() * (n - 1) for _, sd, n in groups), start=Interval(0.0, 0.0)
        ) / float(sizes.sum() - len(groups))

        def between(x: np.ndarray) -> float:
            return float((sizes * (x - np.average(x, weights=sizes)) ** 2).sum() / (len(groups) - 1))

        box = [(one.lo, one.hi) for one in means]
        start = np.array([one.mid for one in means])
        lowest = min(between(start), float(optimize.minimize(between, start, bounds=box, method="L-BFGS-B").fun))
        # A convex function is largest at a corner; beyond 12 groups the corners nearest to the extremes are tried.
        highest = max(between(np.array(corner)) for corner in _corners(box))
        expected = Interval(lowest, highest) / within
        passed = read(f, rounding, "f_statistic").meets(expected)
        return (
            passed,
            f"F {show(f)} {'agrees' if passed else 'cannot be'} with the groups' means and spreads, which give {expected}",
        )

    assumed = ("one-way analysis of variance", "spreads with n − 1 in the denominator")
    return judged(9, "f-from-groups", "identity", test, "one-way", assumed)


def interval_from_differences(
    low: Printed, high: Printed, mean: Printed, sd: Printed, n: Printed, level: float = 0.95
) -> CheckResult:
    """Check 9: a confidence interval is mean ± t·sd/√n of the paired differences.

    Parameters
    ----------
    low, high, mean, sd : str, float or Interval
        As printed.
    n : str, int or Interval
        Number of pairs.
    level : float
        Confidence level.

    Returns
    -------
    CheckResult
        An identity; both the t and the normal quantile are allowed.
    """
    from scipy import stats

    def test(rounding: str) -> tuple[bool, str]:
        count, centre = read(n, rounding, "n"), read(mean, rounding)
        error = read(sd, rounding, "sd_difference") / count.sqrt()
        quantiles = [float(stats.t.ppf((1 + level) / 2, max(count.lo - 1, 1))), float(stats.norm.ppf((1 + level) / 2))]
        passed = any(
            read(low, rounding).meets(centre - error * quantile) and read(high, rounding).meets(centre + error * quantile)
            for quantile in quantiles
        )
        expected = f"{centre - error * quantiles[0]} to {centre + error * quantiles[0]}"
        verb = "agrees" if passed else "cannot be"
        return (
            passed,
            f"interval {show(low)} to {show(high)} {verb} with {show(mean)} ± {show(sd)} over {show(n)} pairs: {expected}",
        )

    assumed = (f"{level:.0%} interval of the mean of paired differences", "t or normal quantile")
    return judged(9, "interval-from-differences", "identity", test, "paired", assumed)


def cross_entropy_accuracy(cross_entropy: Printed, accuracy: Printed) -> CheckResult:
    """Check 11: a mean binary cross-entropy is at least (1 − accuracy)·ln 2, since each wrong row costs at least ln 2.

    Parameters
    ----------
    cross_entropy : str, float or Interval
        In nats a row.
    accuracy : str, float or Interval
        Over the same rows, with the threshold at one half.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        least = (1 - read(accuracy, rounding, "accuracy").hi) * math.log(2)
        passed = Interval(least, math.inf).meets(read(cross_entropy, rounding, "cross_entropy"))
        verb = "is not below" if passed else "is below"
        return passed, f"cross-entropy {show(cross_entropy)} {verb} {least:.4g}, the least with accuracy {show(accuracy)}"

    assumed = ("two classes, natural logarithm", "accuracy at threshold one half over the same rows")
    return judged(11, "cross-entropy-accuracy", "identity", test, "binary", assumed)


def cross_entropy_base_rate(cross_entropy: Printed, base_rate: Printed) -> CheckResult:
    """Check 11: a trained model's cross-entropy is not above the entropy of the base rate.

    Parameters
    ----------
    cross_entropy : str, float or Interval
        In nats a row.
    base_rate : str, float or Interval
        Share of positives.

    Returns
    -------
    CheckResult
        Of the kind ``other``: a model may be worse than a constant, but then it has learned nothing. No probability is
        attached.
    """

    def test(rounding: str) -> tuple[bool, str]:
        share = read(base_rate, rounding, "base_rate")
        ends = [_entropy(share.lo), _entropy(share.hi)] + ([_entropy(0.5)] if share.meets(0.5) else [])
        passed = read(cross_entropy, rounding, "cross_entropy").at_most(max(ends))
        verb = "is not above" if passed else "is above"
        return passed, f"cross-entropy {show(cross_entropy)} {verb} {max(ends):.4g}, that of always predicting the base rate"

    assumed = ("two classes, natural logarithm", "a trained model is no worse than a constant")
    return judged(11, "cross-entropy-base-rate", "other", test, "binary", assumed)


def cross_entropy_of_bounded_output(cross_entropy: Printed, low: float = -1.0, high: float = 1.0) -> CheckResult:
    """Check 11: the range of a cross-entropy whose logit is an expectation between two bounds.

    Parameters
    ----------
    cross_entropy : str, float or Interval
        Mean of ln(1 + exp(∓z)) in nats a row.
    low, high : float
        Range of the logit z; −1 and 1 for a Pauli expectation without scale or offset.

    Returns
    -------
    CheckResult
        An identity.

    Raises
    ------
    ValueError
        If ``low`` is not below ``high``.
    """
    if not low < high:
        raise ValueError(f"the range of the logit is given as {low} to {high}; it needs low < high")

    def test(rounding: str) -> tuple[bool, str]:
        losses = [math.log1p(math.exp(sign * z)) for sign in (1, -1) for z in (low, high)]
        possible = Interval(min(losses), max(losses))
        passed = read(cross_entropy, rounding, "cross_entropy").meets(possible)
        verb = "can be reached" if passed else "cannot be reached"
        return (
            passed,
            f"cross-entropy {show(cross_entropy)} {verb} by a logit between {low:g} and {high:g}, whose range is {possible}",
        )

    assumed = (f"the logit lies between {low:g} and {high:g}, with no scale or offset after it",)
    return judged(11, "cross-entropy-of-bounded-output", "identity", test, "bounded logit", assumed)


def all_statistics(row: Mapping[str, Printed], test: str | None = None) -> list[CheckResult]:
    """All of check 9 that the printed quantities of a row allow, the p-value under each of its readings.

    Parameters
    ----------
    row : mapping of str to printed number
        By quantity of the glossary; ``magnitude`` is the word for Cliff's δ.
    test : {"t", "wilcoxon", "sign", "permutation"}, optional
        The test that a p-value beside a number of pairs comes from; where none is named, one that assumes a distribution can
        give any.
    """
    results: list[CheckResult] = []

    def has(*names: str) -> bool:
        return all(name in row for name in names)

    def ties(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in row)

    def add(names: tuple[str, ...], *found: CheckResult) -> None:
        results.extend(one.tie(names) for one in found)

    groups = [(row[f"mean_{i}"], row[f"sd_{i}"], row[f"n_{i}"]) for i in (1, 2) if has(f"mean_{i}", f"sd_{i}", f"n_{i}")]
    if has("t", "d", "n"):
        add(("t", "d", "n"), t_from_effect(row["t"], row["d"], row["n"]))
        if has("estimate", "sd_1"):
            add(("t", "d", "n"), d_of_pairs(row["d"], row["t"], row["n"], row["estimate"], row["sd_1"]))
    if has("t", "ci_low", "ci_high", "n"):
        add(("t", "ci_low", "ci_high", "n"), *t_from_interval(row["t"], row["ci_low"], row["ci_high"], row["n"]))
    if has("t", "mean_difference", "sd_difference", "n"):
        found = t_from_differences(row["t"], row["mean_difference"], row["sd_difference"], row["n"])
        add(("t", "mean_difference", "sd_difference", "n"), found)
    if len(groups) == 2 and has("t"):
        add(("t", *_GROUPS), *(t_from_groups(row["t"], groups[0], groups[1], welch) for welch in (False, True)))
    if has("d", "n_1", "n_2"):
        names = ties("d", *_GROUPS) if len(groups) == 2 else ties("d", "t", "n_1", "n_2")
        add(names, *d_of_groups(row["d"], row))
    if has("df", "n"):
        add(("df", "n"), degrees_of_freedom(row["df"], [row["n"]]))
    elif has("df", "n_1", "n_2"):
        add(("df", "n_1", "n_2"), degrees_of_freedom(row["df"], [row["n_1"], row["n_2"]]))
    results += _p_values(row, test)
    if has("p", "p_adjusted", "m"):
        found = bonferroni(row["p"], row["p_adjusted"], round(read(row["m"], "rounded").mid))
        add(("p", "p_adjusted", "m"), found)
    if has("t", "n", "p_adjusted", "m"):
        tests = round(read(row["m"], "rounded").mid)
        found_both = [bonferroni_from_t(row["p_adjusted"], row["t"], row["n"], tests, sides) for sides in (2, 1)]
        add(("p_adjusted", "t", "n", "m"), *found_both)
    if has("f_statistic", "df_between", "df_within"):
        f, *degrees = (row[name] for name in ("f_statistic", "df_between", "df_within"))
        if has("eta_squared"):
            whole = [round(read(one, "rounded").mid) for one in degrees]
            add(("eta_squared", "f_statistic", "df_between", "df_within"), eta_from_f(row["eta_squared"], f, *whole))
        if has("p"):
            add(("p", "f_statistic", "df_between", "df_within"), p_from_f(row["p"], f, *degrees))
    if has("ci_low", "ci_high", "mean_difference", "sd_difference", "n"):
        effect = (row["mean_difference"], row["sd_difference"], row["n"])
        found = interval_from_differences(row["ci_low"], row["ci_high"], *effect)
        add(("ci_low", "ci_high", "mean_difference", "sd_difference", "n"), found)
    for name in ties("estimate", "mean_difference"):
        if has("ci_low", "ci_high"):
            add((name, "ci_low", "ci_high"), estimate_in_interval(row[name], row["ci_low"], row["ci_high"]))
    if has("cliffs_delta", "magnitude"):
        add(("cliffs_delta", "magnitude"), cliffs_word(row["cliffs_delta"], str(row["magnitude"])))
    if has("cliffs_delta", "n_1", "n_2"):
        sizes = [round(read(row[name], "rounded").mid) for name in ("n_1", "n_2")]
        add(("cliffs_delta", "n_1", "n_2"), cliffs_delta_of(row["cliffs_delta"], *sizes))
    return results


_GROUPS = ("mean_1", "sd_1", "n_1", "mean_2", "sd_2", "n_2")


def _p_values(row: Mapping[str, Printed], test: str | None) -> list[CheckResult]:
    """A p-value against t, or against the number of pairs."""
    if "p" not in row:
        return []
    p = row["p"]
    if "t" in row:
        names: tuple[str, ...] = ("p", "t")
        df: Printed | None = None
        reading = "any df"
        if "df" in row:
            names, df, reading = ("p", "t", "df"), row["df"], "df as printed"
        elif "n" in row:
            names, df, reading = ("p", "t", "n"), read(row["n"], "rounded", "n") - 1, "paired"
        elif {"n_1", "n_2"} <= set(row):
            sizes = [read(row[name], "rounded", "n") for name in ("n_1", "n_2")]
            df = Interval(min(one.lo for one in sizes) - 1, sizes[0].hi + sizes[1].hi - 2)
            names, reading = ("p", "t", "n_1", "n_2"), "two groups, pooled or Welch"
        return [p_from_t(p, row["t"], df, sides, reading).tie(names) for sides in (2, 1)]
    if "n" not in row:
        return []
    results = [smallest_p(p, row["n"], sides) for sides in (2, 1)]
    if test == "wilcoxon":
        results += [smallest_p(p, row["n"], sides, exact=False) for sides in (2, 1)]
    elif test in (None, "t"):
        results.append(unnamed_test(p, row["n"]))
    return [one.tie(("p", "n")) for one in results]


def _group(group: Group) -> str:
    return f"{show(group[0])} ± {show(group[1])} (n = {show(group[2])})"


def _corners(box: Sequence[tuple[float, float]]) -> list[tuple[float, ...]]:
    """Corners of a box, all of them up to 12 sides; beyond, those that a threshold on the centres gives."""
    import itertools

    if len(box) <= 12:
        return list(itertools.product(*box))
    order = sorted(range(len(box)), key=lambda i: sum(box[i]))
    corners = []
    for cut in range(len(box) + 1):
        low = set(order[:cut])
        corners.append(tuple(side[0] if i in low else side[1] for i, side in enumerate(box)))
    return corners


def _entropy(share: float) -> float:
    return -sum(q * math.log(q) for q in (share, 1 - share) if q > 0)

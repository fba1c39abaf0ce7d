"""Checks 9 and 11: test statistics, intervals and information."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qhelpers.ledger.checks.result import CheckResult, Printed, read, show, under_roundings
from qhelpers.ledger.intervals import Interval


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

    passed, sentence, rounding = under_roundings(test)
    assumed = ("paired test", "d is the mean difference over the spread of the differences")
    return CheckResult(9, "t-from-effect", "identity", passed, sentence, "paired", assumed, rounding)


def t_from_differences(t: Printed, mean: Printed, sd: Printed, n: Printed) -> CheckResult:
    """Check 9: t = mean/(sd/√n) of the paired differences; an identity."""

    def test(rounding: str) -> tuple[bool, str]:
        error = read(sd, rounding, "sd_difference") / read(n, rounding, "n").sqrt()
        expected = abs(read(mean, rounding)) / error
        passed = abs(read(t, rounding)).meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"t {show(t)} {verb} with differences of {show(mean)} ± {show(sd)} over {show(n)} pairs: {expected}"

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(9, "t-from-differences", "identity", passed, sentence, "paired", ("paired test",), rounding)


def p_from_t(p: Printed, t: Printed, n: Printed, sides: int = 2) -> CheckResult:
    """Check 9: p from t with n − 1 degrees of freedom.

    Parameters
    ----------
    p, t : str, float or Interval
        As printed; ``"< 0.001"`` is one-sided.
    n : str, int or Interval
        Number of pairs.
    sides : {1, 2}
        One- or two-sided test.

    Returns
    -------
    CheckResult
        An identity.
    """
    from scipy import stats

    def test(rounding: str) -> tuple[bool, str]:
        statistic, df = abs(read(t, rounding)), read(n, rounding, "n") - 1
        expected = Interval(
            float(min(1.0, sides * stats.t.sf(statistic.hi, df.hi))), float(min(1.0, sides * stats.t.sf(statistic.lo, df.lo)))
        )
        passed = read(p, rounding, "p").meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"p {show(p)} {verb} with t {show(t)} over {show(n)} pairs, which give {expected}"

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(
        9, "p-from-t", "identity", passed, sentence, f"{sides}-sided", ("paired t test", f"{sides}-sided"), rounding
    )


def smallest_p(p: Printed, n: Printed, sides: int = 2) -> CheckResult:
    """Check 9: a rank or sign test of n pairs cannot give less than sides/2ⁿ.

    Parameters
    ----------
    p : str, float or Interval
        As printed.
    n : str, int or Interval
        Number of pairs.
    sides : {1, 2}
        One- or two-sided test.

    Returns
    -------
    CheckResult
        An identity for exact Wilcoxon, sign and permutation tests.
    """

    def test(rounding: str) -> tuple[bool, str]:
        least = min(1.0, sides * 0.5 ** read(n, rounding, "n").hi)
        passed = Interval(least, 1.0).meets(read(p, rounding, "p"))
        return (
            passed,
            f"p {show(p)} {'is not below' if passed else 'is below'} {least:.4g}, the smallest that {show(n)} pairs allow",
        )

    passed, sentence, rounding = under_roundings(test)
    assumed = ("exact rank, sign or permutation test", f"{sides}-sided")
    return CheckResult(9, "smallest-p", "identity", passed, sentence, "exact test of pairs", assumed, rounding)


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

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(9, "bonferroni", "identity", passed, sentence, f"{m} tests", (f"family of {m} tests",), rounding)


def eta_from_f(eta_squared: Printed, f: Printed, df_between: int, df_within: int) -> CheckResult:
    """Check 9: η² = F·df₁/(F·df₁ + df₂) in a one-way analysis of variance; an identity."""

    def test(rounding: str) -> tuple[bool, str]:
        statistic = read(f, rounding, "f_statistic")
        shares = (1 - df_within / (value * df_between + df_within) for value in (statistic.lo, statistic.hi))
        expected = Interval(*shares)
        passed = read(eta_squared, rounding, "eta_squared").meets(expected)
        verb = "agrees" if passed else "cannot be"
        return passed, f"η² {show(eta_squared)} {verb} with F({df_between}, {df_within}) = {show(f)}, which gives {expected}"

    passed, sentence, rounding = under_roundings(test)
    return CheckResult(9, "eta-from-f", "identity", passed, sentence, "one-way", ("one-way analysis of variance",), rounding)


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

    passed, sentence, rounding = under_roundings(test)
    assumed = ("one-way analysis of variance", "spreads with n − 1 in the denominator")
    return CheckResult(9, "f-from-groups", "identity", passed, sentence, "one-way", assumed, rounding)


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

    passed, sentence, rounding = under_roundings(test)
    assumed = (f"{level:.0%} interval of the mean of paired differences", "t or normal quantile")
    return CheckResult(9, "interval-from-differences", "identity", passed, sentence, "paired", assumed, rounding)


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

    passed, sentence, rounding = under_roundings(test)
    assumed = ("two classes, natural logarithm", "accuracy at threshold one half over the same rows")
    return CheckResult(11, "cross-entropy-accuracy", "identity", passed, sentence, "binary", assumed, rounding)


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

    passed, sentence, rounding = under_roundings(test)
    assumed = ("two classes, natural logarithm", "a trained model is no worse than a constant")
    return CheckResult(11, "cross-entropy-base-rate", "other", passed, sentence, "binary", assumed, rounding)


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

    passed, sentence, rounding = under_roundings(test)
    assumed = (f"the logit lies between {low:g} and {high:g}, with no scale or offset after it",)
    return CheckResult(11, "cross-entropy-of-bounded-output", "identity", passed, sentence, "bounded logit", assumed, rounding)


def all_statistics(row: Mapping[str, Printed]) -> list[CheckResult]:
    """All of check 9 that the printed quantities of a row allow, the p-value under each of its readings."""
    results = []
    has = row.keys().__contains__
    if all(map(has, ("t", "d", "n"))):
        results.append(t_from_effect(row["t"], row["d"], row["n"]))
    if all(map(has, ("t", "mean_difference", "sd_difference", "n"))):
        results.append(t_from_differences(row["t"], row["mean_difference"], row["sd_difference"], row["n"]))
    if all(map(has, ("p", "t", "n"))):
        results += [p_from_t(row["p"], row["t"], row["n"], sides) for sides in (2, 1)]
    elif all(map(has, ("p", "n"))):
        results += [*(smallest_p(row["p"], row["n"], sides) for sides in (2, 1)), unnamed_test(row["p"], row["n"])]
    if all(map(has, ("p", "p_adjusted", "m"))):
        results.append(bonferroni(row["p"], row["p_adjusted"], round(read(row["m"], "rounded").mid)))
    if all(map(has, ("eta_squared", "f_statistic", "df_between", "df_within"))):
        degrees = [round(read(row[name], "rounded").mid) for name in ("df_between", "df_within")]
        results.append(eta_from_f(row["eta_squared"], row["f_statistic"], *degrees))
    if all(map(has, ("ci_low", "ci_high", "mean_difference", "sd_difference", "n"))):
        effect = (row["mean_difference"], row["sd_difference"], row["n"])
        results.append(interval_from_differences(row["ci_low"], row["ci_high"], *effect))
    return results


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

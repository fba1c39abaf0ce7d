"""Comparing models: intervals, tests for re-splits of the same data, equivalence, and families of tests.

Scores over draws from the same file are not independent where the draws have rows in common. All tests here take the share of
test rows that two draws have in common, measured by `shared_rows`; `bootstrap` resamples whole units (days, devices, engines)
where rows of one unit depend on each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from qhelpers._extras import require

# Below this many pairs LEDGER's rule is: estimates and intervals, no test.
SMALLEST_TEST = 9


@dataclass(frozen=True)
class Test:
    """Outcome of a paired test.

    Attributes
    ----------
    difference : float
        Mean of first minus second.
    statistic, p : float
        t statistic and two-sided p-value.
    low, high : float
        Confidence interval of the difference.
    n : int
        Number of pairs.
    """

    # pytest takes classes of this name for tests unless told otherwise.
    __test__ = False

    difference: float
    statistic: float
    p: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Equivalence:
    """Outcome of two one-sided tests.

    Attributes
    ----------
    difference : float
        Mean of first minus second.
    p : float
        The larger of the two one-sided p-values.
    margin : float
        Differences within ± margin count as none.
    equivalent : bool
        Whether ``p`` is below the level.
    n : int
        Number of pairs.
    """

    difference: float
    p: float
    margin: float
    equivalent: bool
    n: int


@dataclass(frozen=True)
class Prediction:
    """Where the result of further runs should lie.

    Attributes
    ----------
    lo, hi : float
        The interval, in the unit of the values.
    p : float
        Two-sided probability of a result as far out as the nearest number of a printed interval; 1 where none was given.
    method : {"ranks", "t", "t of arcsine roots"}
        How it came about.
    """

    lo: float
    hi: float
    p: float
    method: str


def runs_for_ranks(level: float = 0.95) -> int:
    """Number of runs that a rank-based interval for one more run needs: 39 for 95 %.

    Among n + 1 runs that can be exchanged, the last is the smallest or the largest with probability 2/(n + 1).
    """
    _check_level(level)
    return math.ceil(2 / (1 - level) - 1e-9) - 1


def prediction(
    values: ArrayLike,
    k: int = 1,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
    printed: tuple[float, float] | None = None,
) -> Prediction:
    """Interval in which the mean of k further runs lies.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        Results of our runs, at least two.
    k : int
        Number of runs behind the number that is to be compared.
    level : float
        Coverage.
    bounds : tuple of float, optional
        Smallest and largest value that there can be, as 0 and 1 of a score. A bounded score is lopsided near its end: the
        interval for one run (``k = 1``) is then between ranks, if there are `runs_for_ranks` runs, and else mean ± t·s·√(1 + 1/n)
        of arcsine roots, which make the scatter of a share about the same everywhere. Without bounds, or for a mean of several
        runs, it is mean ± t·s·√(1/k + 1/n).
    printed : tuple of float, optional
        Ends of the rounding interval of a printed number, for `Prediction.p`.

    Returns
    -------
    Prediction

    Raises
    ------
    ValueError
        For fewer than two values, k below 1, a level outside (0, 1), or values that are not finite or outside the bounds.

    Notes
    -----
    The interval of our own mean would shrink to a point with n and condemn honest papers.
    """
    x = _finite(values, "values", least=2)
    if k < 1:
        raise ValueError(f"k is {k}; it counts runs and must be at least 1")
    _check_level(level)
    if bounds is not None and (x.min() < bounds[0] - 1e-9 or x.max() > bounds[1] + 1e-9):
        raise ValueError(f"values lie between {x.min():g} and {x.max():g}; with the bounds given, {bounds}, none can be outside")
    n, low, high = len(x), *(printed or (-math.inf, math.inf))
    if bounds is not None and k == 1 and n >= runs_for_ranks(level):
        r = math.floor((n + 1) * (1 - level) / 2 + 1e-9)
        ordered = np.sort(x)
        outer = min(int((x >= low - 1e-12).sum()), int((x <= high + 1e-12).sum()))
        return Prediction(float(ordered[r - 1]), float(ordered[-r]), min(1.0, 2 * (outer + 1) / (n + 1)), "ranks")
    rooted = bounds is not None and k == 1
    ends = bounds if rooted and bounds else None
    z = roots(x, ends)
    mean, error = float(z.mean()), float(z.std(ddof=1)) * math.sqrt(1 / k + 1 / n)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    lo, hi = (float(one) for one in from_roots(np.array([mean - half, mean + half]), ends))
    nearest = roots(np.clip([low, high], *ends) if ends else np.array([low, high]), ends)
    distance = max(0.0, nearest[0] - mean, mean - nearest[1])
    p = float(2 * stats.t.sf(distance / error, n - 1)) if error > 0 else float(distance <= 1e-12)
    return Prediction(lo, hi, p, "t of arcsine roots" if rooted else "t")


def predicted_spread(values: ArrayLike, k: int, level: float = 0.95, printed: tuple[float, float] | None = None) -> Prediction:
    """Interval in which the standard deviation of k further runs lies, n − 1 in the denominator of both.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        Results of our runs, at least two.
    k : int
        Number of runs behind the printed spread, at least two.
    level, printed
        As in `prediction`.

    Raises
    ------
    ValueError
        As in `prediction`.

    Notes
    -----
    The ratio of two variances of normal runs follows F with k − 1 and n − 1 degrees of freedom.
    """
    x = _finite(values, "values", least=2)
    if k < 2:
        raise ValueError(f"k is {k}; a spread needs at least 2 runs")
    _check_level(level)
    ratio, sd = stats.f(k - 1, len(x) - 1), float(x.std(ddof=1))
    lo, hi = (sd * math.sqrt(ratio.ppf((1 + side * level) / 2)) for side in (-1, 1))
    low, high = printed or (0.0, math.inf)
    if sd == 0:
        return Prediction(0.0, 0.0, float(low <= 0), "F")
    p = 2 * min(ratio.cdf((high / sd) ** 2), ratio.sf((low / sd) ** 2))
    return Prediction(lo, hi, min(1.0, float(p)), "F")


def roots(values: ArrayLike, bounds: tuple[float, float] | None) -> np.ndarray:
    """Arcsine of the square root of shares, which lie between two bounds; the values themselves without bounds."""
    x = np.asarray(values, dtype=float)
    return x if bounds is None else np.arcsin(np.sqrt(np.clip((x - bounds[0]) / (bounds[1] - bounds[0]), 0, 1)))


def from_roots(values: ArrayLike, bounds: tuple[float, float] | None) -> np.ndarray:
    """Inverse of `roots`; what lies beyond an end is that end."""
    z = np.asarray(values, dtype=float)
    return z if bounds is None else bounds[0] + (bounds[1] - bounds[0]) * np.sin(np.clip(z, 0, np.pi / 2)) ** 2


def held_out(values: ArrayLike, level: float = 0.95, bounds: tuple[float, float] | None = None) -> tuple[int, int, int]:
    """How often a run lies outside the interval that the other runs give: below, above, and the number of runs asked.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        At least three.
    level, bounds
        As in `prediction`.
    """
    x = _finite(values, "values", least=3)
    found = [prediction(np.delete(x, i), 1, level, bounds) for i in range(len(x))]
    below = sum(value < one.lo - 1e-12 for value, one in zip(x, found, strict=True))
    return int(below), int(sum(value > one.hi + 1e-12 for value, one in zip(x, found, strict=True))), len(x)


def bootstrap(
    values: ArrayLike,
    units: ArrayLike | None = None,
    *,
    statistic: Callable[[np.ndarray], float] = np.mean,
    n_resamples: int = 2000,
    level: float = 0.95,
    random_state: int | np.random.Generator = 0,
) -> tuple[float, float]:
    """Percentile interval from resampling whole units.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        One value a row, such as 1 for a right and 0 for a wrong prediction.
    units : array-like of shape (n_rows,), optional
        What must be resampled together: day, device, engine. Rows are their own units by default.
    statistic : callable
        Of the resampled values.
    n_resamples : int
        Number of bootstraps.
    level : float
        Coverage.
    random_state : int or numpy.random.Generator
        Source of randomness.

    Returns
    -------
    lo, hi : float
        In the unit of the statistic.

    Raises
    ------
    ValueError
        If lengths differ, there are fewer than two units, or the level lies outside (0, 1).
    """
    x = _finite(values, "values", least=2)
    _check_level(level)
    names = np.arange(len(x)) if units is None else np.asarray(units)
    if len(names) != len(x):
        raise ValueError(f"{len(x)} values and {len(names)} units given; give one unit for each value")
    _, numbers = np.unique(names, return_inverse=True)
    count = int(numbers.max()) + 1
    if count < 2:
        raise ValueError("all values belong to one unit; a bootstrap by unit needs at least two")
    rng = np.random.default_rng(random_state)
    members = [np.flatnonzero(numbers == unit) for unit in range(count)]
    draws = [statistic(x[np.concatenate([members[unit] for unit in rng.integers(0, count, count)])]) for _ in range(n_resamples)]
    lo, hi = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(lo), float(hi)


def shared_rows(tests: Iterable[ArrayLike]) -> float:
    """Share of its test rows that a draw has in common with another one, the mean over all pairs of draws.

    Parameters
    ----------
    tests : iterable of array-like of int
        Row numbers that each draw tests on, without repetition.

    Returns
    -------
    float
        Between 0 and 1; of many random splits of one set, the share that is tested (0.2 for 80/20).

    Raises
    ------
    ValueError
        For fewer than two draws, or one without rows.
    """
    draws = [frozenset(np.asarray(rows).tolist()) for rows in tests]
    if len(draws) < 2 or not all(draws):
        raise ValueError(f"{len(draws)} draws given, none of them may be empty; give the test rows of at least two draws")
    return float(np.mean([len(one & other) / len(one) for one, other in itertools.permutations(draws, 2)]))


def corrected_t_test(first: ArrayLike, second: ArrayLike, shared: float, level: float = 0.95) -> Test:
    """Paired t test for scores over draws that have rows in common, with the variance of Nadeau and Bengio.

    Parameters
    ----------
    first, second : array-like of shape (n_draws,)
        Scores of two models on the same draws.
    shared : float
        Share of test rows that two draws have in common, see `shared_rows`: the correlation of their scores. 0 gives the plain
        paired test, 0.2 Nadeau and Bengio's for 80/20 splits of one set.
    level : float
        Of the confidence interval.

    Returns
    -------
    Test

    Raises
    ------
    ValueError
        For fewer than nine pairs (give estimates and `prediction` there), unequal lengths, or a share outside [0, 1).

    Notes
    -----
    Nadeau and Bengio write the correction as test over training rows, n2/n1. It comes from a correlation of n2/(n1 + n2), which
    is the share of test rows in common where each draw splits one and the same set; small draws from a large file have less.

    References
    ----------
    Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.
    """
    difference = _pairs(first, second)
    mean, low, high = paired_interval(first, second, shared, level)
    n, statistic = len(difference), _statistic(mean, _error(difference, shared))
    return Test(mean, statistic, float(2 * stats.t.sf(abs(statistic), n - 1)), low, high, n)


def paired_interval(first: ArrayLike, second: ArrayLike, shared: float, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of first minus second with the interval of `corrected_t_test`; of as few as two pairs, where there is no test.

    Parameters
    ----------
    first, second, shared, level
        As in `corrected_t_test`.

    Returns
    -------
    mean, low, high : float

    Raises
    ------
    ValueError
        For fewer than two pairs, unequal lengths, or a share outside [0, 1).
    """
    x, y = _finite(first, "first", least=2), _finite(second, "second", least=2)
    _same_length(x, y)
    _check_level(level)
    difference = x - y
    mean, error = float(difference.mean()), _error(difference, shared)
    half = float(stats.t.ppf((1 + level) / 2, len(difference) - 1)) * error
    return mean, mean - half, mean + half


def bayesian_comparison(first: ArrayLike, second: ArrayLike, margin: float, shared: float) -> tuple[float, float, float]:
    """Posterior probabilities that the first is better, that both are practically equal, that the second is better.

    Parameters
    ----------
    first, second : array-like of shape (n_scores,)
        Scores of two models on the same draws, higher is better.
    margin : float
        Region of practical equivalence.
    shared : float
        As in `corrected_t_test`.

    Returns
    -------
    first_better, equal, second_better : float
        They add up to 1.

    Raises
    ------
    ValueError
        If the lengths differ, the margin is not positive, or the share lies outside [0, 1).

    Notes
    -----
    The correlated t test of ``baycomp``, which takes the correlation from a number of folds only; a test holds the two together.

    References
    ----------
    Benavoli, A., Corani, G., Demšar, J. and Zaffalon, M. (2017). Time for a change: a tutorial for comparing multiple
    classifiers through Bayesian analysis. Journal of Machine Learning Research 18(77), 1-36.
    """
    x, y = _finite(first, "first", least=2), _finite(second, "second", least=2)
    _same_length(x, y)
    _check_margin(margin)
    difference = x - y
    mean, error = float(difference.mean()), _error(difference, shared)
    below, above = (
        float(stats.t.cdf(_statistic(limit - mean, error), len(difference) - 1)) if error > 0 else float(mean <= limit)
        for limit in (-margin, margin)
    )
    return 1 - above, above - below, below


def equivalence(first: ArrayLike, second: ArrayLike, margin: float, shared: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided paired t tests: are two models equivalent within a margin stated beforehand?

    Parameters
    ----------
    first, second : array-like of shape (n_pairs,)
        Scores at the same seeds.
    margin : float
        Differences within ± margin count as none.
    shared : float
        As in `corrected_t_test`.
    alpha : float
        Level.

    Returns
    -------
    Equivalence

    Raises
    ------
    ValueError
        For fewer than nine pairs, unequal lengths, a margin that is not positive, or a share outside [0, 1).

    References
    ----------
    Schuirmann, D. J. (1987). Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680.
    """
    difference = _pairs(first, second)
    _check_margin(margin)
    p = max(_below(-difference, margin, shared), _below(difference, margin, shared))
    return Equivalence(float(difference.mean()), p, margin, p < alpha, len(difference))


def non_inferiority(first: ArrayLike, second: ArrayLike, margin: float, shared: float, alpha: float = 0.05) -> Equivalence:
    """One-sided paired t test: is the first as good as the second within a margin stated beforehand, or better?

    Parameters
    ----------
    first, second, margin, shared, alpha
        As in `equivalence`; higher scores are better.

    Returns
    -------
    Equivalence
        ``equivalent`` means: at most the margin worse.

    Raises
    ------
    ValueError
        As `equivalence`.
    """
    difference = _pairs(first, second)
    _check_margin(margin)
    p = _below(-difference, margin, shared)
    return Equivalence(float(difference.mean()), p, margin, p < alpha, len(difference))


def _error(difference: np.ndarray, shared: float) -> float:
    """Standard error of a mean difference over draws whose scores correlate as their shared rows do."""
    if not 0 <= shared < 1:
        raise ValueError(f"shared is {shared}; it is the share of test rows that two draws have in common, from 0 to below 1")
    spread = float(difference.var(ddof=1)) if np.ptp(difference) else 0.0
    return math.sqrt((1 / len(difference) + shared / (1 - shared)) * spread)


def _statistic(mean: float, error: float) -> float:
    return mean / error if error > 0 else (math.copysign(math.inf, mean) if mean else 0.0)


def _below(difference: np.ndarray, margin: float, shared: float) -> float:
    """p-value of the hypothesis that the mean difference is at least a margin."""
    gap = float(difference.mean()) - margin
    error = _error(difference, shared)
    if error == 0:  # no spread: the test is decided by the one value
        return 0.0 if gap < 0 else 1.0
    return float(stats.t.cdf(gap / error, len(difference) - 1))


def holm(p_values: ArrayLike) -> np.ndarray:
    """p-values corrected so that the chance of any false positive in the family stays below the level.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        All tests that are read together.

    Returns
    -------
    ndarray of shape (n_tests,)
        In the given order.

    References
    ----------
    Holm, S. (1979). Scandinavian Journal of Statistics 6, 65-70.
    """
    return _corrected(p_values, "holm")


def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """p-values corrected so that the expected share of false among all discoveries stays below the level.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        All tests that are counted together.

    Returns
    -------
    ndarray of shape (n_tests,)
        In the given order.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Journal of the Royal Statistical Society B 57, 289-300.
    """
    return _corrected(p_values, "fdr_bh")


def _corrected(p_values: ArrayLike, method: str) -> np.ndarray:
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or ((p < 0) | (p > 1) | np.isnan(p)).any():
        raise ValueError("p-values must be a list of numbers between 0 and 1; give the uncorrected ones")
    if not len(p):
        return p
    multitest: Any = require("statsmodels.stats.multitest", "statistics")
    return np.asarray(multitest.multipletests(p, method=method)[1])


def _finite(values: ArrayLike, name: str, least: int) -> np.ndarray:
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or len(x) < least or not np.isfinite(x).all():
        raise ValueError(f"{name} has shape {x.shape}; it must be a list of at least {least} finite numbers")
    return x


def _same_length(x: np.ndarray, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise ValueError(f"{len(x)} and {len(y)} scores given; pairs need the same seeds or splits for both")


def _pairs(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    x, y = _finite(first, "first", least=1), _finite(second, "second", least=1)
    _same_length(x, y)
    if len(x) < SMALLEST_TEST:
        raise ValueError(f"{len(x)} pairs given; below {SMALLEST_TEST} give estimates and intervals, no test")
    return x - y


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must lie between 0 and 1, for instance 0.95")


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise ValueError(f"margin is {margin}; it must be positive and stated beforehand")

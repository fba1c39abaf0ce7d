"""How warm a sampler is, and how far what it draws is from a softmax."""

from __future__ import annotations

from math import exp, floor, lgamma, log, log1p

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhelpers.qubo.build import Floats, checked_costs


def softmax(costs: ArrayLike, temperature: float) -> Floats:
    """Return probabilities ∝ exp(-cost / temperature) along the last axis."""
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; it is above 0")
    array = checked_costs(costs)
    weights = np.exp(-(array - array.min(axis=-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def effective_temperature(bqm: dimod.BinaryQuadraticModel, sampleset: dimod.SampleSet) -> float:
    """Return the temperature at which single flips would be as frequent as in these reads (maximum pseudo-likelihood).

    It is `dwave.system.temperatures.maximum_pseudolikelihood_temperature` with the energies brought to the order of 1 first,
    so that it finds its root whatever the unit of the costs. A one-hot model's flips lead out of the one-hot states: what is
    measured is how often the constraint is broken and by which bit. `matched_temperature` measures the choice among bins.

    Parameters
    ----------
    bqm : dimod.BinaryQuadraticModel
    sampleset : dimod.SampleSet
        Reads of this model, of bits or spins.

    Returns
    -------
    float
        In the unit of the energies; 0.0 where every read is a local minimum, which says "too cold to measure".
    """
    from dwave.system.temperatures import maximum_pseudolikelihood_temperature

    if not len(sampleset):
        raise ValueError("the sample set is empty; ask for at least one read")
    spins = bqm.spin
    unit = float(max(np.abs([*spins.linear.values(), *spins.quadratic.values()]), default=0.0))
    if unit == 0.0:
        raise ValueError("the model has no bias: at every temperature it gives the same reads")
    scaled = bqm.copy()
    scaled.scale(1.0 / unit)
    sampleset = sampleset.aggregate().change_vartype(bqm.vartype, inplace=False)  # else taken to be of the model's kind, unseen
    found, _ = maximum_pseudolikelihood_temperature(scaled, sampleset, optimize_method="bisect", T_bracket=(1e-6, 1e6))
    return unit * abs(float(found))


def matched_temperature(costs: ArrayLike, actions: ArrayLike) -> float:
    """Return the temperature of the softmax under which the drawn actions are most likely.

    The likelihood is largest where the mean cost of the draws is what the softmax expects.

    Parameters
    ----------
    costs : array_like of shape (n_bins,) or (n, n_bins)
        One row for all draws, or one a draw.
    actions : array_like of int of shape (n,)
        Bins that were drawn; entries of -1 (reads that were not one-hot) are left out.

    Returns
    -------
    float
        0.0 where every draw is of lowest cost, inf where the draws cost no less than bins taken blindly.
    """
    drawn = np.asarray(actions, dtype=np.int64)
    rows = np.broadcast_to(checked_costs(costs), (len(drawn), np.shape(costs)[-1]))[drawn >= 0]
    drawn = drawn[drawn >= 0]
    if not len(drawn):
        raise ValueError("no read is one-hot: there is no draw to match a temperature to")
    mean = float(rows[np.arange(len(drawn)), drawn].mean())
    unit = float(np.ptp(rows, axis=1).max())
    if mean <= rows.min(axis=1).mean() + 1e-12 * unit:
        return 0.0
    if mean >= rows.mean():
        return float("inf")
    rows = rows[:1] if np.ndim(costs) == 1 else rows
    low, high = log(unit) - 15.0, log(unit) + 15.0
    for _ in range(60):
        middle = (low + high) / 2
        expected = float((softmax(rows, exp(middle)) * rows).sum(axis=1).mean())
        low, high = (low, middle) if expected > mean else (middle, high)
    return exp((low + high) / 2)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Return half the sum of absolute differences of two distributions; counts are brought to a sum of 1."""
    one, other = (np.asarray(values, dtype=float) for values in (p, q))
    for values in (one, other):
        if values.ndim != 1 or values.shape != one.shape or not (values >= 0).all() or not 0 < values.sum() < np.inf:
            raise ValueError("a distribution has one number a bin, none below 0 and not all 0; both have as many bins")
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)


def noise_floor(probabilities: ArrayLike, n_reads: int) -> float:
    """Return the expected total variation of n reads of this very distribution from it.

    Exact: each count is binomial, and the mean absolute deviation of a binomial is 2 m C(n, m) p^m (1 - p)^(n - m + 1) with
    m = ⌊np⌋ + 1 (De Moivre).

    Parameters
    ----------
    probabilities : array_like of shape (n_bins,)
    n_reads : int

    Returns
    -------
    float
    """
    if n_reads < 1:
        raise ValueError(f"{n_reads} reads; a distribution is drawn from at least once")
    p: NDArray[np.float64] = np.asarray(probabilities, dtype=float)
    if p.ndim != 1 or not (p >= 0).all() or abs(p.sum() - 1) > 1e-9:
        raise ValueError("probabilities are not below 0 and sum to 1")
    total = 0.0
    for one in p[(p > 0) & (p < 1)]:
        m = min(floor(n_reads * one) + 1, n_reads)
        choose = lgamma(n_reads + 1) - lgamma(m + 1) - lgamma(n_reads - m + 1)
        total += 2 * m * exp(choose + m * log(one) + (n_reads - m + 1) * log1p(-one))
    return total / n_reads / 2

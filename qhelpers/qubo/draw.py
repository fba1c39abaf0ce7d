"""Draws of actions without an annealer, as fast as a table can be read: softmax, lowest of many reads, lowest cost, ε-greedy.

A softmax at an annealer's effective temperature stands in for the annealer. The compiled functions of one row (`softmax_one`,
`lowest_of_reads_one`, `lowest_one`, `epsilon_one`) can be called inside another compiled loop. Numba keeps what it has compiled
until the file it is in changes: after a change here, a loop in another file that calls them has to be compiled anew by hand
(delete its ``__pycache__``).
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from qhelpers.qubo.build import checked_costs

# mypy: allow-untyped-defs, allow-untyped-calls

#: What to do with equal costs, by name, as the compiled functions know it.
TIES = {"first": 0, "last": 1, "random": 2}

_compiled: Any = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def softmax_one(costs, beta, uniform, weights):
    """Draw a bin with probability ∝ exp(-beta cost); `uniform` in [0, 1), `weights` (n_bins,) is room to work in."""
    lowest = costs[0]
    for k in range(1, len(costs)):
        lowest = min(lowest, costs[k])
    total = 0.0
    for k in range(len(costs)):
        weights[k] = exp(-beta * (costs[k] - lowest))
        total += weights[k]
    left, chosen = uniform * total, 0
    for k in range(len(costs)):
        if weights[k] > 0.0:
            chosen = k
            left -= weights[k]
            if left < 0.0:
                break
    return chosen


@_compiled
def lowest_one(costs, ties, uniform):
    """Return the bin of lowest cost; of equals the first (0), the last (1) or, by `uniform` in [0, 1), any (2)."""
    lowest, n_equal, chosen = costs[0], 1, 0
    for k in range(1, len(costs)):
        if costs[k] < lowest:
            lowest, n_equal, chosen = costs[k], 1, k
        elif costs[k] == lowest:
            n_equal += 1
            if ties == 1:
                chosen = k
    if ties == 2 and n_equal > 1:
        wanted = int(uniform * n_equal)
        for k in range(len(costs)):
            if costs[k] == lowest:
                if wanted == 0:
                    return k
                wanted -= 1
    return chosen


@_compiled
def lowest_of_reads_one(costs, beta, n_reads, uniform, second, weights):
    """Return the bin of lowest cost among `n_reads` draws of `softmax_one`; of equals any, by `second` in [0, 1).

    The draws need not be made: none of n is below a cost with the probability that one is not, to the power of n.
    """
    lowest = costs[0]
    for k in range(1, len(costs)):
        lowest = min(lowest, costs[k])
    total = 0.0
    for k in range(len(costs)):
        weights[k] = exp(-beta * (costs[k] - lowest))
        total += weights[k]
    chosen = lowest
    while True:
        after, at_least = np.inf, 0.0
        for k in range(len(costs)):
            if costs[k] > chosen:
                at_least += weights[k]
                after = min(after, costs[k])
        left = at_least / total
        if after == np.inf or left <= 0.0 or not left**n_reads > uniform:
            break
        chosen = after
    n_equal = 0
    for k in range(len(costs)):
        n_equal += costs[k] == chosen
    wanted = int(second * n_equal)
    for k in range(len(costs)):
        if costs[k] == chosen:
            if wanted == 0:
                return k
            wanted -= 1
    return 0


@_compiled
def epsilon_one(costs, epsilon, ties, explore, uniform):
    """Return any bin where `explore` < epsilon, else that of lowest cost; both numbers uniform in [0, 1)."""
    return int(uniform * len(costs)) if explore < epsilon else lowest_one(costs, ties, uniform)


@_compiled
def _softmax(costs, beta, uniform, out):
    weights = np.empty(costs.shape[1])
    for i in range(len(costs)):
        out[i] = softmax_one(costs[i], beta, uniform[i], weights)


@_compiled
def _lowest_of_reads(costs, beta, n_reads, uniform, second, out):
    weights = np.empty(costs.shape[1])
    for i in range(len(costs)):
        out[i] = lowest_of_reads_one(costs[i], beta, n_reads, uniform[i], second[i], weights)


@_compiled
def _epsilon(costs, epsilon, ties, explore, uniform, out):
    for i in range(len(costs)):
        out[i] = epsilon_one(costs[i], epsilon, ties, explore[i], uniform[i])


def _rows(costs: ArrayLike, ties: str = "first") -> tuple[NDArray[np.float64], NDArray[np.int64], bool]:
    """Return rows of costs, room for a draw of each, and whether one row was given."""
    if ties not in TIES:
        raise ValueError(f"no rule {ties!r} for equal costs; there are: {', '.join(TIES)}")
    array = checked_costs(costs)
    rows = np.ascontiguousarray(np.atleast_2d(array))
    return rows, np.empty(len(rows), dtype=np.int64), array.ndim == 1


def draw_softmax(costs: ArrayLike, temperature: float, rng: np.random.Generator | int | None = None) -> Any:
    """Draw one bin a row with probability ∝ exp(-cost / temperature), by the inverse of the distribution function.

    Parameters
    ----------
    costs : array_like of shape (n_bins,) or (n, n_bins)
    temperature : float
        In the unit of the costs; above 0.
    rng : numpy.random.Generator, int or None
        One uniform number a row is taken from it.

    Returns
    -------
    int or ndarray of shape (n,)

    Raises
    ------
    ValueError
        If a cost is not finite, or the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; it is above 0 (draw_lowest is the limit)")
    rows, out, single = _rows(costs)
    _softmax(rows, 1.0 / temperature, np.random.default_rng(rng).random(len(rows)), out)
    return int(out[0]) if single else out


def draw_lowest_of_reads(costs: ArrayLike, temperature: float, n_reads: int, rng: np.random.Generator | int | None = None) -> Any:
    """Draw one bin a row: that of lowest cost among `n_reads` draws of `draw_softmax`, none of which is made.

    Parameters
    ----------
    costs : array_like of shape (n_bins,) or (n, n_bins)
    temperature : float
        In the unit of the costs; above 0.
    n_reads : int
        At least 1.
    rng : numpy.random.Generator, int or None
        Two uniform numbers a row are taken from it; of equal costs any is drawn.

    Returns
    -------
    int or ndarray of shape (n,)

    Raises
    ------
    ValueError
        If a cost is not finite, the temperature is not above 0, or there is no read.
    """
    if not temperature > 0 or n_reads < 1:
        raise ValueError(f"temperature {temperature}, {n_reads} reads; the one is above 0, the others at least 1")
    rows, out, single = _rows(costs)
    uniform, second = np.random.default_rng(rng).random((2, len(rows)))
    _lowest_of_reads(rows, 1.0 / temperature, float(n_reads), uniform, second, out)
    return int(out[0]) if single else out


def draw_lowest(costs: ArrayLike, ties: str = "first", rng: np.random.Generator | int | None = None) -> Any:
    """Return the bin of lowest cost a row; of equals the ``"first"``, the ``"last"`` or a ``"random"`` one."""
    return draw_epsilon_greedy(costs, 0.0, ties, rng)


def draw_epsilon_greedy(
    costs: ArrayLike, epsilon: float, ties: str = "first", rng: np.random.Generator | int | None = None
) -> Any:
    """Return any bin with probability epsilon, else that of lowest cost; `ties` as in `draw_lowest`.

    Parameters
    ----------
    costs : array_like of shape (n_bins,) or (n, n_bins)
    epsilon : float
        Between 0 and 1.
    ties : {"first", "last", "random"}
    rng : numpy.random.Generator, int or None
        Two uniform numbers a row are taken from it.

    Returns
    -------
    int or ndarray of shape (n,)
    """
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon}; it is a probability, between 0 and 1")
    rows, out, single = _rows(costs, ties)
    explore, uniform = np.random.default_rng(rng).random((2, len(rows)))
    _epsilon(rows, epsilon, TIES[ties], explore, uniform, out)
    return int(out[0]) if single else out

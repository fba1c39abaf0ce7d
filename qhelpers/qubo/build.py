"""The choice of one of n bins as a quadratic model of n bits.

Bin k has bit x_k and costs c_k. What is minimised is Σ c_k x_k + A (Σ x_k - 1)², where the penalty A makes exactly one bit 1
(Lucas 2014; Glover et al. 2019). Since x² = x, this is a model with linear biases c_k - A, one bias 2A for all pairs, and the
constant A. The constant is kept: the energy of bin k is then its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class PenaltyError(ValueError):
    """A penalty at or below the bound from which on one bit alone is cheapest."""


def checked_costs(costs: ArrayLike, batched: bool = False) -> Floats:
    """Return costs as an array of floats (n_bins,) or (n, n_bins).

    Raises
    ------
    ValueError
        If they are of another shape, of fewer than two bins, or not finite.
    """
    array = np.asarray(costs, dtype=float)
    wanted = (2,) if batched else (1, 2)
    if array.ndim not in wanted or array.shape[-1] < 2:
        shapes = "(n, n_bins)" if batched else "(n_bins,) or (n, n_bins)"
        raise ValueError(f"costs are of shape {array.shape}; wanted is {shapes} with at least two bins")
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{wrong.sum()} of {array.size} costs are NaN or infinite, the first at {place}; a cost is minus an action's value: "
            "look for a value that diverged"
        )
    return array


def penalty_bound(costs: ArrayLike) -> Any:
    """Return the largest penalty at which one bit alone is not yet the only optimum: max(0, c₁, -c₂) of the sorted costs.

    No bit costs A, against c₁. Of m bits, each after the first adds at least c₂ and together they add A (m - 1)², which is
    least favourable for m = 2. A penalty above the largest absolute cost is therefore always enough. Above the *spread* of the
    costs is not: costs of -10 and -9.5 need more than 9.5.

    Parameters
    ----------
    costs : array_like of shape (n_bins,) or (n, n_bins)

    Returns
    -------
    float or ndarray of shape (n,)
    """
    array = checked_costs(costs)
    lowest = np.partition(array, 1, axis=-1)
    bound = np.maximum(0.0, np.maximum(lowest[..., 0], -lowest[..., 1]))
    return float(bound) if array.ndim == 1 else bound


def scaled_penalty(costs: ArrayLike, factor: float = 2.0) -> Any:
    """Return a penalty that follows the costs: `factor` times the largest absolute cost, and 1 where all costs are zero.

    Parameters
    ----------
    costs : array_like of shape (n_bins,) or (n, n_bins)
    factor : float
        Above 1, so that the penalty is above its bound whatever the costs.

    Returns
    -------
    float or ndarray of shape (n,)
    """
    if not 1.0 < factor < np.inf:
        raise ValueError(f"the factor is {factor}; above 1 the penalty is above its bound whatever the costs")
    array = checked_costs(costs)
    largest = np.abs(array).max(axis=-1)
    penalty = np.where(largest > 0, factor * largest, 1.0)
    return float(penalty) if array.ndim == 1 else penalty


def _checked_penalties(costs: Floats, penalties: ArrayLike | None, allow_below: bool) -> Floats:
    """Return a penalty a row of costs (n, n_bins), refused where it is not above its bound."""
    if penalties is None:
        return np.asarray(scaled_penalty(costs), dtype=float)
    given = np.broadcast_to(np.asarray(penalties, dtype=float), len(costs)).copy()
    if not (np.isfinite(given) & (given > 0)).all():
        raise PenaltyError(f"a penalty is a positive number, not {given[~(np.isfinite(given) & (given > 0))][0]}")
    bound = penalty_bound(costs)
    below = np.flatnonzero(given <= bound)
    if len(below) and not allow_below:
        row = below[0]
        raise PenaltyError(
            f"penalty {given[row]:g} is not above {bound[row]:g}, the bound for row {row} of {len(costs)}: no bin, or two, would "
            "cost no more than the best one. scaled_penalty(costs) gives one that is; allow_below=True builds this model anyway"
        )
    return given


@dataclass(frozen=True)
class OneHotModels:
    """n one-hot models of n_bins bits as arrays; ``models[i]`` is one of them as dimod has it.

    Attributes
    ----------
    costs : ndarray of shape (n, n_bins)
        What a bin costs.
    penalties : ndarray of shape (n,)
        Weight of the squared deviation from one bit.
    """

    costs: Floats
    penalties: Floats

    @property
    def linear(self) -> Floats:
        """Linear biases (n, n_bins)."""
        return self.costs - self.penalties[:, None]

    @property
    def quadratic(self) -> Floats:
        """The bias (n,) that all pairs of a model share."""
        return 2.0 * self.penalties

    def ising(self) -> tuple[Floats, Floats, Floats]:
        """Return the models of spins s = 2x - 1: fields (n, n_bins), the coupling (n,) of all pairs, the constant (n,)."""
        n_bins = self.costs.shape[1]
        fields = self.costs / 2 + (self.penalties * (n_bins - 2) / 2)[:, None]
        constant = self.costs.sum(axis=1) / 2 + self.penalties * (1 - n_bins / 2 + n_bins * (n_bins - 1) / 4)
        return fields, self.penalties / 2, constant

    def __len__(self) -> int:
        return len(self.costs)

    def __getitem__(self, index: int) -> dimod.BinaryQuadraticModel:
        first, second = np.triu_indices(self.costs.shape[1], 1)
        pairs = np.full(len(first), self.quadratic[index])
        return dimod.BinaryQuadraticModel.from_numpy_vectors(
            self.linear[index], (first, second, pairs), float(self.penalties[index]), dimod.BINARY
        )


def one_hot_models(costs: ArrayLike, penalties: ArrayLike | None = None, allow_below: bool = False) -> OneHotModels:
    """Build the models of many cost vectors in one call.

    Parameters
    ----------
    costs : array_like of shape (n, n_bins)
        For instance minus the values of the actions in n states.
    penalties : float or array_like of shape (n,), optional
        By default `scaled_penalty` of each row.
    allow_below : bool
        Take penalties at or below `penalty_bound`, to see what they do.

    Returns
    -------
    OneHotModels

    Raises
    ------
    ValueError
        If a cost is not finite.
    PenaltyError
        If a penalty is not above its bound.
    """
    array = checked_costs(costs, batched=True)
    return OneHotModels(array, _checked_penalties(array, penalties, allow_below))


def one_hot_bqm(costs: ArrayLike, penalty: float | None = None, allow_below: bool = False) -> dimod.BinaryQuadraticModel:
    """Build the model of one cost vector (n_bins,), with variables 0 to n_bins - 1; parameters as in `one_hot_models`.

    >>> from qhelpers.qubo import get_sampler, one_hot_bqm
    >>> print(get_sampler("exact").sample(one_hot_bqm([0.25, -0.5, 0.0])).first.energy)
    -0.5
    """
    return one_hot_models(np.asarray(costs, dtype=float)[None], penalty, allow_below)[0]


@dataclass(frozen=True)
class Reads:
    """What a sample set says about bins, one entry a read, in the order of the reads.

    Attributes
    ----------
    actions : ndarray of shape (n_reads,)
        The one bin whose bit is 1; -1 where none is or several are.
    energies : ndarray of shape (n_reads,)
    n_bins : int
    """

    actions: NDArray[np.int64]
    energies: Floats
    n_bins: int

    @property
    def n_reads(self) -> int:
        """Number of reads."""
        return len(self.actions)

    @property
    def n_infeasible(self) -> int:
        """Number of reads with no bit or several."""
        return int((self.actions < 0).sum())

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each bin was read (n_bins,)."""
        return np.bincount(self.actions[self.actions >= 0], minlength=self.n_bins)

    @property
    def lowest(self) -> int:
        """The bin of the one-hot read with the lowest energy, the first of equals; -1 where no read is one-hot."""
        valid = np.flatnonzero(self.actions >= 0)
        return int(self.actions[valid[np.argmin(self.energies[valid])]]) if len(valid) else -1

    @property
    def first(self) -> int:
        """The bin of the first one-hot read: one draw; -1 where no read is one-hot."""
        valid = self.actions[self.actions >= 0]
        return int(valid[0]) if len(valid) else -1


def decode(sampleset: dimod.SampleSet) -> Reads:
    """Read the bins out of a sample set of bits or spins whose variables are 0 to n_bins - 1.

    Parameters
    ----------
    sampleset : dimod.SampleSet
        Rows that stand for several reads count as many.

    Returns
    -------
    Reads

    Raises
    ------
    ValueError
        If the variables are others, or there is no read.
    """
    n_bins = len(sampleset.variables)
    if set(sampleset.variables) != set(range(n_bins)) or n_bins < 2:
        raise ValueError(f"the variables are {list(sampleset.variables)}; a choice among bins has variables 0 to n_bins - 1")
    record = sampleset.record
    if not len(record):
        raise ValueError("the sample set is empty; ask for at least one read")
    bits = record.sample[:, [sampleset.variables.index(k) for k in range(n_bins)]] > 0
    actions = np.where(bits.sum(axis=1) == 1, bits.argmax(axis=1), -1)
    times = record.num_occurrences
    return Reads(np.repeat(actions, times), np.repeat(np.asarray(record.energy, dtype=float), times), n_bins)

"""Several assets, one crew, one budget: a decision whose QUBO is not one-hot (paper 3, section 4.8).

Each bit says whether an asset is done in a slot. Bits are tied to each other four ways: an asset is done once at most, a slot has
so many places, all jobs share a budget, and two assets of a site in the same slot share a set-up. `to_bqm` is the QUBO,
`exact` the same as a mixed-integer programme for HiGHS, `greedy` a rule that any planner knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.stats import norm

import qhelpers.qubo  # noqa: F401  (says what to install where dimod is missing)
from qhelpers.papers.useful_life.maintenance import PRICES, Prices
from qhelpers.papers.useful_life.windows import Array

import dimod  # isort: skip

Bits = NDArray[np.bool_]
#: Weights of an unbalanced penalty, in units of the weight of a balanced one (Montañez-Barrera et al., 2022).
UNBALANCED = (0.96, 0.0331)


@dataclass(frozen=True)
class Crew:
    """What can be done when, and what it saves against doing nothing.

    Attributes
    ----------
    saving : ndarray of shape (n_assets, n_slots)
        In units of a planned replacement; below 0 where doing it is worse than leaving it.
    hours, site : ndarray of int, shape (n_assets,)
    places, budget : int
        Assets a slot, hours in all.
    shared : float
        What each pair of a site saves that is done in the same slot.
    """

    saving: Array
    hours: NDArray[np.int64]
    site: NDArray[np.int64]
    places: int
    budget: int
    shared: float

    def __post_init__(self) -> None:
        n = len(self.saving)
        if self.saving.ndim != 2 or self.hours.shape != (n,) or self.site.shape != (n,) or not np.isfinite(self.saving).all():
            raise ValueError(
                f"savings of shape {self.saving.shape}, {self.hours.shape} hours and {self.site.shape} sites; allowed are finite "
                "numbers, a row an asset and a column a slot, and hours and a site for each asset"
            )
        if self.places < 1 or self.budget < 1 or self.shared < 0 or (self.hours < 1).any():
            raise ValueError(
                f"places={self.places}, budget={self.budget}, shared={self.shared}, hours from {self.hours.min()}; allowed are "
                "at least one place, hours of at least 1, and a set-up that saves 0 or more"
            )

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Pairs of assets of one site, shape (n_pairs, 2)."""
        return np.argwhere(np.triu(self.site[:, None] == self.site, 1))

    def saved(self, done: ArrayLike) -> Any:
        """What plans save, shape (...) from bits of shape (..., n_assets, n_slots)."""
        x = np.asarray(done, bool)
        first, second = self.pairs.T
        together = (x[..., first, :] & x[..., second, :]).sum(axis=(-2, -1))
        return (self.saving * x).sum(axis=(-2, -1)) + self.shared * together

    def feasible(self, done: ArrayLike) -> Any:
        """Whether plans keep all three rules."""
        x = np.asarray(done, bool)
        once = (x.sum(axis=-1) <= 1).all(axis=-1)
        fits = (x.sum(axis=-2) <= self.places).all(axis=-1)
        return once & fits & (x.sum(axis=-1) @ self.hours <= self.budget)


def draw(
    forecast: ArrayLike,
    rmse: float,
    n_assets: int,
    n_slots: int,
    rng: np.random.Generator,
    *,
    step: int = 10,
    life: float = 200.0,
    shared: float = 0.3,
    prices: Prices = PRICES,
) -> Crew:
    """Draw an instance from forecasts (deviation D3.74).

    Parameters
    ----------
    forecast : array-like
        Of assets at some moment, in cycles; `n_assets` of them are drawn.
    rmse : float
        Error of the forecasts.
    n_assets, n_slots : int
        Slot `t`, from 1, is after `step` times `t` cycles.
    rng : numpy.random.Generator
    life : float
        Cycles over which a replacement pays: as much of it is lost with each forecast cycle that is thrown away.
    """
    known = np.asarray(forecast, float)
    if not (rmse > 0 and n_slots >= 1 and 2 <= n_assets <= len(known)):
        raise ValueError(
            f"rmse={rmse}, n_assets={n_assets}, n_slots={n_slots} with {len(known)} forecasts; allowed are an error above 0, at "
            "least one slot, and from 2 assets to as many as there are forecasts"
        )
    left = rng.choice(known, n_assets, replace=False)[:, None]
    at = step * np.arange(1, n_slots + 1)
    fails = norm.cdf((at - left) / rmse)
    saving = prices.failure * (fails[:, -1:] - fails) - prices.replace * np.maximum(left - at, 0) / life
    hours = rng.integers(1, 4, n_assets)
    places, budget = -(-n_assets // (3 * n_slots)), max(int(hours.sum()) // 3, 3)
    return Crew(saving, hours, rng.permutation(n_assets) // 4, places, budget, shared)


def penalty(crew: Crew) -> float:
    """Return a weight at which no broken rule pays: just above the most that one bit can add to what is saved."""
    partners = np.minimum((crew.site[:, None] == crew.site).sum(axis=1) - 1, len(crew.site))
    most = crew.saving.max(axis=1) + crew.shared * partners
    return 1.01 * max(float(most.max()), 1e-6)


def to_bqm(crew: Crew, how: Literal["slack", "unbalanced"] = "slack", weight: float | None = None) -> dimod.BinaryQuadraticModel:
    """Build the QUBO; variables are (asset, slot), and slack bits where there are some.

    Parameters
    ----------
    crew : Crew
    how : {"slack", "unbalanced"}
        Slack bits turn crew and budget into equations, and the optimum stays what it was. Unbalanced penalties need none and
        are asymmetric parabolas, so that the optimum can move.
    weight : float, optional
        Of all penalties; by default `penalty`, which keeps the optimum.
    """
    if how not in ("slack", "unbalanced"):
        raise ValueError(f"how={how!r} was given; allowed are 'slack' and 'unbalanced'")
    n_assets, n_slots = crew.saving.shape
    heavy = penalty(crew) if weight is None else weight
    given: Any = heavy if how == "slack" else tuple(heavy * part for part in UNBALANCED)
    bqm = dimod.BinaryQuadraticModel(dimod.BINARY)
    for i in range(n_assets):
        for t in range(n_slots):
            bqm.add_linear((i, t), -crew.saving[i, t])
            for later in range(t + 1, n_slots):  # once at most
                bqm.add_quadratic((i, t), (i, later), heavy)
    for i, j in crew.pairs.tolist():
        for t in range(n_slots):
            bqm.add_quadratic((i, t), (j, t), -crew.shared)
    for t in range(n_slots):
        places = [((i, t), 1) for i in range(n_assets)]
        bqm.add_linear_inequality_constraint(places, given, f"crew {t}", lb=0, ub=crew.places, penalization_method=how)
    hours = [((i, t), int(crew.hours[i])) for i in range(n_assets) for t in range(n_slots)]
    bqm.add_linear_inequality_constraint(hours, given, "budget", lb=0, ub=crew.budget, penalization_method=how)
    return bqm


def plans(crew: Crew, sampleset: dimod.SampleSet) -> Bits:
    """Plans of the reads, shape (n_reads, n_assets, n_slots), slack bits left out."""
    n_assets, n_slots = crew.saving.shape
    places = [sampleset.variables.index((i, t)) for i in range(n_assets) for t in range(n_slots)]
    reads = np.repeat(sampleset.record.sample[:, places] > 0, sampleset.record.num_occurrences, axis=0)
    return reads.reshape(-1, n_assets, n_slots)


def greedy(crew: Crew, start: ArrayLike | None = None) -> Bits:
    """Return the plan that takes the best job that still fits, one after the other, until none saves anything.

    Parameters
    ----------
    crew : Crew
    start : array-like of bool, shape (n_assets, n_slots), optional
        A plan to mend first: while it breaks a rule, the job that saves least of those that break one is dropped.
    """
    x = np.zeros(crew.saving.shape, bool) if start is None else np.array(start, bool)
    friends = crew.site[:, None] == crew.site
    np.fill_diagonal(friends, False)

    def worth() -> Array:
        return crew.saving + crew.shared * (friends @ x.astype(float))

    while not crew.feasible(x):
        over = (x.sum(axis=1) > 1)[:, None] | (x.sum(axis=0) > crew.places) | (x.sum(axis=1) @ crew.hours > crew.budget)
        x[np.unravel_index(np.where(x & over, worth(), np.inf).argmin(), x.shape)] = False
    while True:
        used = x.sum(axis=1)
        fits = (used == 0)[:, None] & (x.sum(axis=0) < crew.places) & (crew.hours + used @ crew.hours <= crew.budget)[:, None]
        add = np.where(fits, worth(), -np.inf)
        best = np.unravel_index(add.argmax(), x.shape)
        if add[best] <= 0:
            return x
        x[best] = True


def exact(crew: Crew, time_limit: float = 60.0) -> tuple[Bits, float]:
    """Find the best plan with HiGHS (`scipy.optimize.milp`).

    A pair that shares a set-up is a variable of its own, at most as large as each of its two bits.

    Returns
    -------
    plan : ndarray of bool, shape (n_assets, n_slots)
    bound : float
        No plan saves more; the same as `plan` saves where the optimum was proven within the limit.

    Raises
    ------
    RuntimeError
        If not one plan was found within the limit.
    """
    n_assets, n_slots = crew.saving.shape
    n, first, second = n_assets * n_slots, *crew.pairs.T
    slots = np.arange(n_slots)
    one, two = ((side[:, None] * n_slots + slots).ravel() for side in (first, second))
    together = n + np.arange(len(one))
    asset, slot = np.divmod(np.arange(n), n_slots)
    m = len(one)
    rows = np.r_[asset, n_assets + slot, np.full(n, n_assets + n_slots)]
    rows = np.r_[rows, np.tile(n_assets + n_slots + 1 + np.arange(2 * m), 2)]
    columns = np.r_[np.tile(np.arange(n), 3), together, together, one, two]
    entries = np.r_[np.ones(2 * n), crew.hours[asset], np.ones(2 * m), -np.ones(2 * m)]
    limits = np.r_[np.ones(n_assets), np.full(n_slots, crew.places), crew.budget, np.zeros(2 * m)]
    found = milp(
        -np.r_[crew.saving.ravel(), np.full(m, crew.shared)],
        integrality=np.r_[np.ones(n), np.zeros(m)],
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(coo_array((entries, (rows, columns)), (len(limits), n + m)).tocsr(), ub=limits),
        options={"time_limit": time_limit, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise RuntimeError(f"HiGHS found no plan within {time_limit} s ({found.message}); allow it more time")
    return found.x[:n].reshape(n_assets, n_slots) > 0.5, -float(found.mip_dual_bound)

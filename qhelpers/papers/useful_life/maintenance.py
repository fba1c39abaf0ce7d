"""The maintenance decision as control: run on, inspect or replace, with a bill (paper 3, section 5, third limitation).

Lives are records of engines that were followed to their failure, each cycle with a forecast of what remains. The long-run cost a
cycle of a rule that begins anew with each engine is the mean cost of a life over its mean length (renewal reward). `Workshop` is
the same as a Gymnasium environment: what is done decides which engine runs next, and what is known of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhelpers._extras import require
from qhelpers.papers.useful_life.windows import CAP, Array, Windows

require("gymnasium", "control")

import gymnasium as gym  # noqa: E402

from qhelpers.qubo.draw import TIES, epsilon_one, lowest_of_reads_one, lowest_one, softmax_one  # noqa: E402

Seen = NDArray[np.float32]
Policy = Callable[[Seen], int]
DEFER, INSPECT, REPLACE = range(3)
#: Rules that can pick an action while a table is learned; those of `qaql.RULES`.
SELECTORS = ("argmax", "epsilon-greedy", "softmax", "one-read", "lowest-of-1000", "uniform")
#: Width of a bin of the remaining life, in cycles, in the table of a learner.
BIN = 5


@dataclass(frozen=True)
class Prices:
    """What is paid, in units of a planned replacement (deviation D3.70): a failure has its replacement in it."""

    replace: float = 1.0
    failure: float = 10.0
    inspect: float = 0.05


PRICES = Prices()


@dataclass(frozen=True)
class Lives:
    """Lives that end in a failure, one after the other; ``len()`` is their number.

    Attributes
    ----------
    edges : ndarray of int, shape (n_lives + 1,)
        Life `k` has the rows from ``edges[k]`` to before ``edges[k + 1]``.
    age, remaining, forecast : ndarray of shape (n_rows,)
        Cycles flown, cycles that remain (0 in a life's last row), and what a forecast says of these.
    """

    edges: NDArray[np.int64]
    age: Array
    remaining: Array
    forecast: Array

    def __post_init__(self) -> None:
        rows = [len(self.age), len(self.remaining), len(self.forecast)]
        if rows != [self.edges[-1]] * 3 or (np.diff(self.edges) < 2).any():
            raise ValueError(
                f"{rows} ages, remaining lives and forecasts were given for {self.edges[-1]} rows; allowed is one of each a row, "
                "and at least two rows a life. Cut them alike."
            )
        alive = self.remaining[self.edges[1:] - 1] != 0
        if alive.any() or not np.isfinite(self.forecast).all():
            raise ValueError(
                f"{alive.sum()} of {len(self)} lives do not end in a failure, or a forecast is no number; allowed are lives with "
                "nothing left in their last row, and finite forecasts. Leave out what was not followed to its end."
            )

    @classmethod
    def of(cls, windows: Windows, forecast: ArrayLike, life: ArrayLike) -> Lives:
        """Lives of the units of some windows, in their order.

        Parameters
        ----------
        windows : Windows
            Of units that were followed to their failure.
        forecast : array-like of shape (n_windows,)
        life : array-like
            Of each unit of the data set (``Series.life``).
        """
        edges = np.r_[0, np.flatnonzero(np.diff(windows.unit)) + 1, len(windows)]
        age = np.asarray(life, float)[windows.unit] - windows.remaining
        return cls(edges, age, windows.remaining, np.asarray(forecast, float))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def length(self) -> Array:
        """Cycles of each life, shape (n_lives,)."""
        return self.age[self.edges[1:] - 1]


def left_by_threshold(lives: Lives, thresholds: ArrayLike) -> Array:
    """Cycles left at the first row whose forecast is a threshold or less: there the engine is replaced.

    Returns
    -------
    ndarray of shape (n_thresholds, n_lives)
        0 where the engine failed before, or in that row.
    """
    asked = np.atleast_1d(np.asarray(thresholds, float))
    left = np.zeros((len(asked), len(lives)))
    for k, (begin, end) in enumerate(zip(lives.edges[:-1], lives.edges[1:], strict=True)):
        lowest = np.minimum.accumulate(lives.forecast[begin:end])
        row = np.searchsorted(-lowest, -asked)
        left[:, k] = np.r_[lives.remaining[begin:end], 0.0][row]
    return left


def left_by_age(lives: Lives, ages: ArrayLike) -> Array:
    """Cycles left where an engine is replaced at an age, shape ``(n_ages, n_lives)``; 0 where it failed by then."""
    return np.maximum(lives.length - np.atleast_1d(np.asarray(ages, float))[:, None], 0.0)


def bill(lives: Lives, left: ArrayLike, prices: Prices = PRICES) -> dict[str, Any]:
    """What a rule costs in the long run, from what it left of each life.

    Parameters
    ----------
    lives : Lives
    left : array-like of shape (..., n_lives)
        Cycles that were left when the engine was replaced; 0 is a failure.
    prices : Prices

    Returns
    -------
    dict of str to float or ndarray
        ``cost`` a cycle: mean cost of a life over its mean length; ``paid`` and ``cycles``, of which it is the ratio; ``failed``:
        share of lives; ``thrown``: mean cycles left in those that did not fail (0 if all did).
    """
    stopped = np.asarray(left, float)
    failed = stopped <= 0
    paid = np.where(failed, prices.failure, prices.replace).sum(axis=-1)
    cycles = (lives.length - stopped).sum(axis=-1)
    thrown = stopped.sum(axis=-1) / np.maximum((~failed).sum(axis=-1), 1)
    return {"cost": paid / cycles, "paid": paid, "cycles": cycles, "failed": failed.mean(axis=-1), "thrown": thrown}


def cheapest(lives: Lives, asked: ArrayLike, left: Array, prices: Prices = PRICES) -> float:
    """Return the threshold or age with the lowest bill on some lives; of equals the middle one."""
    cost = bill(lives, left, prices)["cost"]
    best = np.flatnonzero(cost <= cost.min() * (1 + 1e-12))
    return float(np.asarray(asked)[best[len(best) // 2]])


def noisy(lives: Lives, rmse: float, kind: Literal["each cycle", "each engine"], rng: np.random.Generator) -> Lives:
    """Lives whose forecast is the truth, capped as all labels are, and a normal error of a given root mean square.

    Parameters
    ----------
    lives : Lives
    rmse : float
    kind : {"each cycle", "each engine"}
        Whether the error is drawn anew each cycle, or once for a whole life (deviation D3.72).
    rng : numpy.random.Generator
    """
    if kind not in ("each cycle", "each engine") or not rmse >= 0:
        raise ValueError(f"kind={kind!r}, rmse={rmse!r}; allowed are 'each cycle', 'each engine', and an error of 0 or more")
    size = np.diff(lives.edges)
    error = rng.standard_normal(size.sum()) if kind == "each cycle" else np.repeat(rng.standard_normal(len(lives)), size)
    return Lives(lives.edges, lives.age, lives.remaining, np.minimum(lives.remaining, CAP) + rmse * error)


class Workshop(gym.Env[Seen, np.int64]):
    """One engine after the other: each step is a cycle that is flown, or a replacement.

    Actions: 0 defer, fly the next cycle; 1 inspect, and then fly it; 2 replace, and begin with another engine. An engine that
    reaches its last row has failed, and another one follows. An inspection says what remains, to within `inspection`. The reward
    is minus the cost.

    Parameters
    ----------
    lives : Lives
        Engines come in an order that is drawn anew each time that all have been used.
    prices : Prices
    inspection : float
        Standard deviation of the logarithm of what an inspection says.
    horizon : int
        Steps of an episode, after which it is truncated; it never terminates.

    Attributes
    ----------
    ended : list of float
        Cycles that each engine had left when it went, since the last reset; 0 is a failure.

    Notes
    -----
    An observation is (age, forecast, whether the engine was inspected, what the last inspection said less the cycles since);
    forecasts are cut to 0 and the cap. ``info`` says how an engine ended: ``left``, the cycles that it had left, 0 after a
    failure. An engine enters at its first window, and its age is what it has flown by then.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, lives: Lives, prices: Prices = PRICES, inspection: float = 0.2, horizon: int = 2000) -> None:
        if not inspection >= 0 or horizon < 1:
            raise ValueError(f"inspection={inspection!r}, horizon={horizon!r}; allowed are 0 or more, and at least 1 step")
        self.lives = lives
        self.prices = prices
        self.inspection = inspection
        self.horizon = horizon
        high = np.array([lives.age.max(), CAP, 1, CAP], np.float32)
        self.observation_space = gym.spaces.Box(np.zeros(4, np.float32), high)
        self.action_space = gym.spaces.Discrete(3)
        self._forecast = np.clip(lives.forecast, 0, CAP)
        self._order: list[int] = []
        self.ended: list[float] = []

    def _next_engine(self) -> None:
        if not self._order:
            self._order = self.np_random.permutation(len(self.lives)).tolist()
        self.engine = self._order.pop()
        self._row, self._told, self._inspected = int(self.lives.edges[self.engine]), 0.0, False

    def _seen(self) -> Seen:
        row = self._row
        seen = (self.lives.age[row], self._forecast[row], self._inspected, min(max(self._told, 0.0), CAP))
        return np.array(seen, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, dict[str, Any]]:
        """Begin with the first of the engines, in an order drawn anew."""
        super().reset(seed=seed)
        self._order, self.ended = [], []
        self._steps = 0
        self._next_engine()
        return self._seen(), {}

    def step(self, action: np.int64 | int) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """Do one of the three things; what happens to the engine follows from it."""
        cost, info = 0.0, {}
        self._steps += 1
        if action == REPLACE:
            cost, info = self.prices.replace, {"engine": self.engine, "left": float(self.lives.remaining[self._row])}
            self._next_engine()
        else:
            if action == INSPECT:
                cost = self.prices.inspect
                self._inspected = True
                self._told = float(self.lives.remaining[self._row] * np.exp(self.inspection * self.np_random.standard_normal()))
            self._row += 1
            self._told -= 1
            if self.lives.remaining[self._row] <= 0:
                cost += self.prices.failure
                info = {"engine": self.engine, "left": 0.0}
                self._next_engine()
        if info:
            self.ended.append(info["left"])
        return self._seen(), -cost, False, self._steps >= self.horizon, info


def run_out(workshop: Workshop, policy: Policy, seed: int = 0) -> dict[str, float]:
    """Follow a policy until each engine has been replaced or has failed once.

    Returns
    -------
    dict of str to float
        As `bill` has them, inspections paid for; and ``inspections``, how many there were for an engine.
    """
    seen, _ = workshop.reset(seed=seed)
    left, inspections = np.full(len(workshop.lives), np.nan), 0
    while np.isnan(left).any():
        action = policy(seen)
        inspections += action == INSPECT
        seen, _, _, _, info = workshop.step(action)
        if info:
            left[info["engine"]] = info["left"]
    found = bill(workshop.lives, left, workshop.prices)
    found["paid"] += inspections * workshop.prices.inspect
    found["cost"] = found["paid"] / found["cycles"]
    return {name: float(value) for name, value in found.items()} | {"inspections": inspections / len(left)}


def two_thresholds(inspect: float, replace: float) -> Policy:
    """Inspect once the forecast is low; then replace when the inspection, less the cycles since, says so."""

    def policy(seen: Seen) -> int:
        if seen[2]:
            return REPLACE if seen[3] <= replace else DEFER
        return INSPECT if seen[1] <= inspect else DEFER

    return policy


def state_of(seen: Seen) -> int:
    """Row of a learner's table: what remains by the inspection, if there was one, else by the forecast, in bins of `BIN`."""
    n_bins = CAP // BIN
    inspected = int(seen[2])
    return inspected * n_bins + min(int(seen[2 + inspected] if inspected else seen[1]) // BIN, n_bins - 1)


def greedy_in(values: Array) -> Policy:
    """Policy that takes the best action of a table, the first of equals."""
    best = values.argmax(axis=1)
    return lambda seen: int(best[state_of(seen)])


def learn(
    workshop: Workshop,
    selector: str = "lowest-of-1000",
    *,
    n_steps: int = 100_000,
    discount: float = 0.99,
    keep: tuple[int, ...] = (),
    seed: int = 0,
) -> dict[int, Array]:
    """Q-learning as QAQL does it, with any rule in the annealer's place, now that actions matter (deviation D3.73).

    Parameters
    ----------
    workshop : Workshop
    selector : str
        One of `SELECTORS`.
    n_steps : int
    discount : float
        That of Table 3, as the learning rate.
    keep : tuple of int
        Steps after which the table is kept.
    seed : int

    Returns
    -------
    dict of int to ndarray of shape (50, 3)
        Tables after the steps of `keep`, and after the last one.
    """
    if selector not in SELECTORS:
        raise ValueError(f"selector {selector!r} is unknown; allowed are {', '.join(SELECTORS)}")
    values, kept = np.zeros((2 * (CAP // BIN), 3)), {}
    rng, weights = np.random.default_rng(seed), np.empty(3)
    warm = 0.1 if selector == "softmax" else 0.35  # in units of a replacement; of stand-ins in those of the largest value
    ties = TIES["random"]
    seen, _ = workshop.reset(seed=seed)
    s = state_of(seen)
    for done in range(1, n_steps + 1):
        q, (one, two) = values[s], rng.random(2)
        costs = -q  # Eq. 16
        beta = 1 / (warm * (np.abs(costs).max() or 1.0)) if selector in ("one-read", "lowest-of-1000") else 1 / warm
        if selector == "argmax":
            a = lowest_one(costs, ties, one)
        elif selector == "epsilon-greedy":
            a = epsilon_one(costs, max(0.05, 1 - 0.95 * done / (0.8 * n_steps)), ties, one, two)
        elif selector == "lowest-of-1000":
            a = lowest_of_reads_one(costs, beta, 1000.0, one, two, weights)
        else:
            a = int(one * 3) if selector == "uniform" else softmax_one(costs, beta, one, weights)
        seen, reward, _, _, _ = workshop.step(a)
        after = state_of(seen)
        q[a] += 0.10 * (reward + discount * values[after].max() - q[a])
        s = after
        if done in keep or done == n_steps:
            kept[done] = values.copy()
    return kept

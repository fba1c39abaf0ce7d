"""Algorithm 1 with a small network in the place of the table: what paper 3 expects to lower the error (sections 4.10 and 5).

The states of `QAQL` are groups of windows; here a network reads the window itself and gives the values of all actions, as in a
deep Q-network: transitions are kept and learned from in batches, and what is to come is valued by a copy of the network that
follows it now and then. What picks the action is what picks it in `QAQL`. Two controls learn from the same batches and pick
nothing: the network of values that is told the rewards of all actions, and a network that is told the label.

A batch of 64 is so small that torch spends most of its time between operations; a network of two hidden layers and Adam are
compiled here instead, in thirty lines, and a test sets them beside torch's own. `ValueNetwork.as_torch` gives torch the trained
network.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from qhelpers._extras import require
from qhelpers.papers.useful_life.qaql import RULES, trajectories
from qhelpers.papers.useful_life.windows import Array, Windows
from qhelpers.qubo import draw_epsilon_greedy, draw_lowest, draw_lowest_of_reads, draw_softmax
from qhelpers.qubo.draw import TIES

# mypy: allow-untyped-defs, allow-untyped-calls

Integers = NDArray[np.int64]
Singles = NDArray[np.float32]
ZERO = np.float32(0)

#: What a batch tells the network: the reward of the action that was taken, those of all actions, or the label.
TOLD = ("one reward", "all rewards", "label")


@njit(cache=True)
def _layers(w, n_in, n_hidden):
    """Weights and biases of three layers in one vector, as views."""
    a = n_in * n_hidden
    b = a + n_hidden
    c = b + n_hidden * n_hidden
    d = c + n_hidden
    n_out = (len(w) - d) // (n_hidden + 1)
    e = d + n_hidden * n_out
    first, second, third = w[:a].reshape(n_in, n_hidden), w[b:c].reshape(n_hidden, n_hidden), w[d:e].reshape(n_hidden, n_out)
    return first, w[a:b], second, w[c:d], third, w[e:]


@njit(cache=True)
def _values(w, n_hidden, x):
    """Outputs for the rows of x, two layers of rectified units between."""
    first, a, second, b, third, c = _layers(w, x.shape[1], n_hidden)
    return np.maximum(np.maximum(x @ first + a, ZERO) @ second + b, ZERO) @ third + c


@njit(cache=True)
def _step(w, moments, n_hidden, x, target, taken, rate, n_before):
    """One step of Adam on the mean squared error, of one output a row or (none taken) of all; `w` and `moments` are changed."""
    first, a, second, b, third, c = _layers(w, x.shape[1], n_hidden)
    one = np.maximum(x @ first + a, ZERO)
    two = np.maximum(one @ second + b, ZERO)
    error = two @ third + c - target
    if len(taken):
        for i in range(len(error)):
            kept = error[i, taken[i]]
            error[i] = ZERO
            error[i, taken[i]] = kept
        error *= np.float32(2 / len(error))
    else:
        error *= np.float32(2 / error.size)
    g = np.empty_like(w)
    of_first, of_a, of_second, of_b, of_third, of_c = _layers(g, x.shape[1], n_hidden)
    of_third[:], of_c[:] = two.T @ error, error.sum(axis=0)
    back = (error @ third.T) * (two > ZERO)
    of_second[:], of_b[:] = one.T @ back, back.sum(axis=0)
    back = (back @ second.T) * (one > ZERO)
    of_first[:], of_a[:] = x.T @ back, back.sum(axis=0)
    mean, square = 1 - 0.9 ** (n_before + 1), 1 - 0.999 ** (n_before + 1)
    for i in range(len(w)):
        moments[0, i] += np.float32(0.1) * (g[i] - moments[0, i])
        moments[1, i] += np.float32(0.001) * (g[i] * g[i] - moments[1, i])
        w[i] -= rate * (moments[0, i] / mean) / (np.sqrt(moments[1, i] / square) + 1e-8)


def walks(edges: Integers, n_actors: int, n_steps: int, rng: np.random.Generator) -> Integers:
    """Return the window at which each actor is at each step, shape (n_steps // n_actors, n_actors).

    Parameters
    ----------
    edges : ndarray of int
        As `trajectories` has them.
    n_actors : int
        Each goes along a record to its end, then takes the next that nobody has taken; then all are shuffled anew.
    n_steps : int
        Of all actors together.
    rng : numpy.random.Generator
    """
    n_rounds = n_steps // n_actors
    lengths = np.diff(edges)
    at = np.empty((n_actors, n_rounds), np.int64)
    free, left = np.zeros(n_actors, np.int64), list[int]()
    while free.min() < n_rounds:
        who = int(free.argmin())
        left = left or rng.permutation(len(lengths)).tolist()
        record = left.pop()
        start, n = int(free[who]), int(min(lengths[record], n_rounds - free[who]))
        at[who, start : start + n] = edges[record] + np.arange(n)
        free[who] += n
    return np.ascontiguousarray(at.T)


@dataclass(eq=False, repr=False)
class ValueNetwork(RegressorMixin, BaseEstimator):
    """A deep Q-network of what remains of a life, with any rule of `QAQL` in the annealer's place (deviations D3.66, D3.67).

    Parameters
    ----------
    selector, ties, temperature, n_reads, epsilons, discount, td, n_actions
        As of `QAQL`, a name for `selector`; one draw a step. ε falls over a share of the steps.
    told : {"one reward", "all rewards", "label"}
        What is learned from: the reward of the action taken; as a control, the rewards of all actions; or the label itself, by a
        network of one output. Nothing is picked in the last two.
    n_hidden : int
        Units of each of two hidden layers; rectified. The first one reads the whole window, each feature standardised.
    pool : int
        Rows that are averaged before they are read, so that 30 rows become six; a divisor of a window's length.
    n_steps : int
        Transitions in all; 110,544 are eight episodes along eighty engines of FD001.
    n_actors : int
        Records that are gone along at once, one window each at a step.
    every, batch_size : int
        Transitions for each update, and of how many it learns, drawn from all so far (Table 3: batches of 64).
    follow : int
        Updates after which the copy that values the next state becomes the network again.
    learning_rate : float
        Of Adam.
    random_state : int
        Of weights, walks, batches and draws; the walks, batches and first weights of all selectors are the same.

    Attributes
    ----------
    weights_ : ndarray of float32
        Of all layers, one after another.
    centres_ : ndarray of shape (n_actions,)
        As of `QAQL`.
    chosen_ : ndarray of int, shape (n_actions,)
        How often each action was taken.
    n_updates_ : int
    """

    selector: str = "lowest-of-reads"
    _: KW_ONLY
    ties: Literal["first", "last", "random"] = "random"
    temperature: float = 0.35
    n_reads: int = 1000
    epsilons: tuple[float, float, float] = (1.0, 0.05, 0.8)
    discount: float = 0.99
    td: bool = True
    n_actions: int = 16
    told: Literal["one reward", "all rewards", "label"] = "one reward"
    n_hidden: int = 64
    pool: int = 5
    n_steps: int = 110_544
    n_actors: int = 16
    every: int = 16
    batch_size: int = 64
    follow: int = 50
    learning_rate: float = 1e-3
    random_state: int = 0

    def _check(self) -> None:
        allowed = [
            ("selector", self.selector in RULES, f"one of {', '.join(RULES)}"),
            ("ties", self.ties in TIES, ", ".join(TIES)),
            ("told", self.told in TOLD, ", ".join(TOLD)),
            ("temperature", self.temperature > 0, "above 0"),
            ("n_reads", self.n_reads >= 1, "at least 1"),
            ("discount", 0 <= self.discount < 1, "from 0 to below 1"),
            ("n_actions", self.n_actions >= 2, "at least 2"),
            ("n_hidden", self.n_hidden >= 1, "at least 1"),
            ("n_actors", self.n_actors >= 1, "at least 1"),
            ("n_steps", self.n_steps >= self.n_actors, "at least one step of each actor"),
            ("every", self.every >= 1 and self.n_actors % self.every == 0, "a divisor of n_actors"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("follow", self.follow >= 1, "at least 1"),
            ("learning_rate", self.learning_rate > 0, "above 0"),
        ]
        for name, fine, what in allowed:
            if not fine:
                raise ValueError(f"{name}={getattr(self, name)!r} was given; allowed is {what}. Change it.")

    def choose(self, values: Array, share: float, rng: np.random.Generator) -> Integers:
        """Pick an action a row of values, one draw each.

        Parameters
        ----------
        values : ndarray of shape (n, n_actions)
        share : float
            Of the steps that are done.
        rng : numpy.random.Generator

        Returns
        -------
        ndarray of int, shape (n,)
        """
        costs = -np.asarray(values, float)  # Eq. 16
        largest = np.abs(costs).max(axis=1, keepdims=True)
        unit = costs / np.where(largest > 0, largest, 1.0)  # an annealer's temperature is in units of the largest cost
        first, last, over = self.epsilons
        picked: Any
        if self.selector == "argmax":
            picked = draw_lowest(costs, self.ties, rng)
        elif self.selector == "epsilon-greedy":
            picked = draw_epsilon_greedy(costs, max(last, first + (last - first) * share / over), self.ties, rng)
        elif self.selector == "softmax":
            picked = draw_softmax(costs, self.temperature, rng)
        elif self.selector == "one-read":
            picked = draw_softmax(unit, self.temperature, rng)
        elif self.selector == "lowest-of-reads":
            picked = draw_lowest_of_reads(unit, self.temperature, self.n_reads, rng)
        else:
            picked = rng.integers(self.n_actions, size=len(costs))
        return np.asarray(picked, np.int64)

    def _inputs(self, X: Windows) -> Singles:
        """What the network reads of each window: means of a few rows at a time, standardised; (n_windows, means x features)."""
        rows = np.array_split(np.arange(len(X)), -(-len(X) // 4096))
        shape = (-1, X.length // self.pool, self.pool, X.values.shape[1])
        means = np.concatenate([X.take(part).reshape(shape).mean(axis=2) for part in rows])
        found: Singles = ((means - self._mean) / self._spread).reshape(len(X), -1).astype(np.float32)
        return found

    def _first_weights(self, n_in: int, n_out: int) -> Singles:
        """Uniform, up to one over the root of what a unit reads, as torch has it."""
        rng = np.random.default_rng([self.random_state, 3])
        h = self.n_hidden
        drawn = [rng.uniform(-1, 1, (a + 1) * b) / np.sqrt(a) for a, b in ((n_in, h), (h, h), (h, n_out))]
        return np.concatenate(drawn).astype(np.float32)

    def fit(self, X: Windows, y: None = None) -> ValueNetwork:
        """Learn from training windows, whose labels are in them.

        Parameters
        ----------
        X : Windows
            Of whole records.
        y
            Not used.
        """
        self._check()
        if self.pool < 1 or X.length % self.pool:
            raise ValueError(
                f"pool={self.pool!r} was given; allowed is a divisor of {X.length}, the rows of a window. Change it."
            )
        way, mix, rng = (np.random.default_rng([self.random_state, k]) for k in range(3))
        self._n_means = X.length // self.pool
        seen = X.values[np.unique(X.last)]
        self._mean, spread = seen.mean(axis=0), seen.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        self.highest_ = float(X.y.max())
        self.centres_: Array = (np.arange(self.n_actions) + 0.5) * self.highest_ / self.n_actions
        rewards = -(((self.centres_ - X.y[:, None]) / self.highest_) ** 2)  # Eqs. 9 and 10, for each action
        aims = (X.y[:, None] / self.highest_ if self.told == "label" else rewards).astype(np.float32)
        edges = trajectories(X)
        goes_on = np.ones(len(X), bool)
        goes_on[edges[1:] - 1] = False
        acts, looks_ahead = self.told == "one reward", self.td and self.told != "label"
        gamma = np.where(goes_on, self.discount, 0.0).astype(np.float32)[:, None]
        inputs = self._inputs(X)
        self.weights_ = w = self._first_weights(inputs.shape[1], aims.shape[1])
        moments, copied = np.zeros((2, len(w)), np.float32), w.copy()
        at = walks(edges, self.n_actors, self.n_steps, way)
        taken = np.zeros(at.shape, np.int64)
        nothing = np.empty(0, np.int64)
        self.n_updates_ = 0
        for k, now in enumerate(at):
            if acts:
                taken[k] = self.choose(_values(w, self.n_hidden, inputs[now]), k / len(at), rng)
            for _ in range(self.n_actors // self.every):
                picked = mix.integers((k + 1) * self.n_actors, size=self.batch_size)
                t = at.ravel()[picked]
                aim = aims[t]
                if looks_ahead:
                    after = np.minimum(t + 1, len(X) - 1)  # after a last window nothing counts: its gamma is 0
                    aim = aim + gamma[t] * _values(copied, self.n_hidden, inputs[after]).max(axis=1, keepdims=True)
                a = taken.ravel()[picked] if acts else nothing
                _step(w, moments, self.n_hidden, inputs[t], aim, a, self.learning_rate, self.n_updates_)
                self.n_updates_ += 1
                if self.n_updates_ % self.follow == 0:
                    copied[:] = w
        self.chosen_: Integers = np.bincount(taken.ravel(), minlength=self.n_actions) * acts
        return self

    def outputs(self, X: Windows) -> Array:
        """What the network gives for each window: values of shape (n_windows, n_actions), or (n_windows, 1) for a label."""
        return np.asarray(_values(self.weights_, self.n_hidden, self._inputs(X)), float)

    def as_torch(self) -> Any:
        """The trained network as a `torch.nn.Sequential`, which reads what `outputs` makes of windows."""
        torch = require("torch", "engine")
        parts = _layers(self.weights_, self._mean.size * self._n_means, self.n_hidden)
        layers = []
        for weight, bias in zip(parts[::2], parts[1::2], strict=True):
            layer = torch.nn.Linear(*weight.shape)
            layer.load_state_dict({"weight": torch.tensor(weight.T.copy()), "bias": torch.tensor(bias)})
            layers += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    def predict(self, X: Windows) -> Array:
        """Return the remaining life of each window: the centre of the best action, or what a network of labels says."""
        found = self.outputs(X)
        if self.told == "label":
            return found[:, 0] * self.highest_
        best: Array = self.centres_[found.argmax(axis=1)]
        return best

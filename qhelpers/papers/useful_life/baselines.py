"""What stands beside QAQL: the paper's seven classical baselines (Tables 6 and 11) and six that it lacks.

The paper names its baselines by a word and a citation. What was built for each word is deviation D3.50, what was added D3.51; the
settings in `CLASSICAL` were chosen once, on FD001, by the recorded trials of `TRIALS` (D3.52). All learn from `Windows` and
predict the label, clipped to between 0 and the largest label that they were shown.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from qhelpers._extras import require
from qhelpers.evaluation import group_split
from qhelpers.papers.useful_life.qaql import QAQL, trajectories
from qhelpers.papers.useful_life.windows import Array, Windows

# mypy: allow-untyped-defs, allow-untyped-calls

#: Windows that a regression learns from, at most: of more, each k-th is taken (D3.53).
MOST = 5_000
CHUNK = 4096


def thinned(windows: Windows, most: int = MOST) -> Windows:
    """Every k-th window, with the least k that leaves at most `most`; neighbours differ by one row of thirty."""
    return windows.only(np.arange(0, len(windows), -(-len(windows) // most)))


def inner_split(windows: Windows, seed: int) -> tuple[Windows, Windows]:
    """Split training windows by unit: four fifths to learn from, a fifth to stop or choose by."""
    learn, inner = group_split(np.unique(windows.unit), 0.2, np.random.default_rng([seed, 1]))
    units = np.unique(windows.unit)
    return windows.of(units[learn]), windows.of(units[inner])


def chunks(n: int) -> list[NDArray[np.int64]]:
    """Numbers from 0 to before n, in parts of at most `CHUNK`."""
    return np.array_split(np.arange(n), -(-n // CHUNK))


def last_row(windows: Windows) -> Array:
    """What is read now, shape ``(n_windows, n_features)``."""
    return windows.rows


def statistics(windows: Windows) -> Array:
    """Last row, mean and standard deviation over each window, side by side, shape ``(n_windows, 3 n_features)``."""
    parts = (windows.take(part) for part in chunks(len(windows)))
    return np.vstack([np.hstack([some[:, -1], some.mean(axis=1), some.std(axis=1)]) for some in parts])


@dataclass(eq=False, repr=False)
class Tabular(RegressorMixin, BaseEstimator):
    """A model of scikit-learn on a row of numbers a window.

    Parameters
    ----------
    model : estimator
        Behind a StandardScaler.
    look : callable
        ``look(windows)`` -> those numbers: `last_row` or `statistics`.
    most : int
        As in `thinned`.
    """

    model: Any
    look: Callable[[Windows], Array] = statistics
    most: int = MOST

    def fit(self, X: Windows, y: None = None) -> Tabular:
        """Learn from training windows, whose labels are in them."""
        few = thinned(X, self.most)
        self.highest_ = float(X.y.max())
        self.model_ = make_pipeline(StandardScaler(), clone(self.model)).fit(self.look(few), few.y)
        return self

    def predict(self, X: Windows) -> Array:
        """Return the remaining life of each window, shape ``(n_windows,)``."""
        return np.clip(self.model_.predict(self.look(X)), 0, self.highest_)


class Recurrent(nn.Module):
    """A recurrent layer, whose last states are summed up by a linear one."""

    def __init__(self, kind: str, n_features: int, hidden: int) -> None:
        super().__init__()
        two_ways = kind == "bi-lstm"
        layer: Any = nn.LSTM if two_ways else nn.GRU
        self.layer = layer(n_features, hidden, batch_first=True, bidirectional=two_ways)
        self.out = nn.Linear(hidden * (1 + two_ways), 1)

    def forward(self, x):
        """From windows, shape ``(n, length, n_features)``, to ``(n, 1)``."""
        states = self.layer(x)[1]
        states = states[0] if isinstance(states, tuple) else states
        return self.out(states.transpose(0, 1).flatten(1))


class Attention(nn.Module):
    """A Transformer encoder of one layer with two heads, and the mean over its rows."""

    def __init__(self, length: int, n_features: int, hidden: int) -> None:
        super().__init__()
        self.into = nn.Linear(n_features, hidden)
        self.place = nn.Parameter(0.02 * torch.randn(length, hidden))
        layer = nn.TransformerEncoderLayer(hidden, 2, 2 * hidden, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        """From windows, shape ``(n, length, n_features)``, to ``(n, 1)``."""
        return self.out(self.encoder(self.into(x) + self.place).mean(dim=1))


class Convolution(nn.Module):
    """Three convolutions along time, then a hidden layer."""

    def __init__(self, length: int, n_features: int, hidden: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (n_features, hidden, hidden):
            layers += [nn.Conv1d(width, hidden, 5, padding=2), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(hidden * length, hidden), nn.ReLU())
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        """From windows, shape ``(n, length, n_features)``, to ``(n, 1)``."""
        return self.out(self.layers(x.transpose(1, 2)))


class Straight(nn.Module):
    """A linear function of all rows of the window."""

    def __init__(self, length: int, n_features: int) -> None:
        super().__init__()
        self.out = nn.Linear(length * n_features, 1)

    def forward(self, x):
        """From windows, shape ``(n, length, n_features)``, to ``(n, 1)``."""
        return self.out(x.flatten(1))


#: What `Net` builds of (length, n_features, hidden).
NETS: dict[str, Callable[[int, int, int], Any]] = {
    "bi-lstm": lambda length, n_features, hidden: Recurrent("bi-lstm", n_features, hidden),
    "gru": lambda length, n_features, hidden: Recurrent("gru", n_features, hidden),
    "transformer": Attention,
    "cnn": Convolution,
    "sgd": lambda length, n_features, hidden: Straight(length, n_features),
}


@dataclass(eq=False, repr=False)
class Net(RegressorMixin, BaseEstimator):
    """A network trained on squared errors, which stops by the error on a fifth of the training units.

    Parameters
    ----------
    kind : str
        A key of `NETS`. ``"sgd"`` is trained by stochastic gradient descent with momentum .9, all others by Adam.
    hidden : int
        Width; not used by ``"sgd"``.
    learning_rate : float
    epochs : int
        The most.
    patience : int or None
        Epochs without a lower inner error after which it stops, and goes back to the best one; None never stops, and keeps the
        last.
    batch_size, most : int
        `most` as in `thinned`.
    random_state : int
        Of the inner split, of first weights and of batches.

    Attributes
    ----------
    history_ : list of float
        RMSE on the inner units after each epoch.
    watched_ : ndarray of shape (n_epochs, n_watched)
        Predictions of what was watched after each epoch.
    epoch_ : int
        Which one is kept, from 1.
    """

    kind: str = "gru"
    _: KW_ONLY
    hidden: int = 32
    learning_rate: float = 1e-3
    epochs: int = 30
    patience: int | None = 5
    batch_size: int = 256
    most: int = MOST
    random_state: int = 0

    def fit(self, X: Windows, y: None = None, *, watch: Windows | None = None) -> Net:
        """Learn from training windows of at least two units; nothing is learned from `watch`.

        Raises
        ------
        ValueError
            If the kind is unknown, or all windows are of one unit.
        """
        if self.kind not in NETS:
            raise ValueError(f"kind={self.kind!r} was given; allowed are {', '.join(NETS)}. Pass one of them.")
        if len(np.unique(X.unit)) < 2:
            raise ValueError("windows of one unit were given; allowed are two or more, for a fifth of them says when to stop.")
        learn, inner = inner_split(thinned(X, self.most), self.random_state)
        self.highest_ = float(X.y.max())
        self.scaler_ = StandardScaler().fit(learn.rows)
        shown = self._scaled(learn)
        labels = torch.as_tensor(learn.y / self.highest_, dtype=torch.float32)
        self.history_: list[float] = []
        watched: list[Array] = []
        best, since = np.inf, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.net_ = NETS[self.kind](X.length, X.values.shape[1], self.hidden)
            nn.init.constant_(self.net_.out.bias, float(labels.mean()))
            step: torch.optim.Optimizer = torch.optim.Adam(self.net_.parameters(), self.learning_rate)
            if self.kind == "sgd":
                step = torch.optim.SGD(self.net_.parameters(), self.learning_rate, momentum=0.9)
            kept = copy.deepcopy(self.net_.state_dict())
            for epoch in range(self.epochs):
                self.net_.train()
                for batch in torch.randperm(len(learn)).split(self.batch_size):
                    step.zero_grad()
                    error = self.net_(shown[batch])[:, 0] - labels[batch]
                    (error**2).mean().backward()
                    nn.utils.clip_grad_norm_(self.net_.parameters(), 1.0)
                    step.step()
                self.history_.append(float(np.sqrt(np.mean((self.predict(inner) - inner.y) ** 2))))
                if watch is not None:
                    watched.append(self.predict(watch))
                since += 1
                if self.history_[-1] < best or self.patience is None:
                    best, since, self.epoch_ = self.history_[-1], 0, epoch + 1
                    kept = copy.deepcopy(self.net_.state_dict())
                if self.patience is not None and since >= self.patience:
                    break
        self.net_.load_state_dict(kept)
        self.watched_ = np.array(watched)
        return self

    def _scaled(self, windows: Windows) -> Any:
        some = windows.X
        rows = self.scaler_.transform(some.reshape(-1, some.shape[2]))
        return torch.as_tensor(rows.reshape(some.shape), dtype=torch.float32)

    def predict(self, X: Windows) -> Array:
        """Return the remaining life of each window, shape ``(n_windows,)``."""
        self.net_.eval()
        with torch.no_grad():
            parts = [self.net_(self._scaled(X.only(part)))[:, 0].numpy() for part in chunks(len(X))]
        return np.clip(np.concatenate(parts).astype(float) * self.highest_, 0, self.highest_)


def environment(seen: Array, rewards: Array, edges: NDArray[np.int64]) -> Any:
    """A Gymnasium environment that goes along a record drawn anew each time, whatever is done (section 3).

    Parameters
    ----------
    seen : ndarray of shape (n_windows, n_observed)
    rewards : ndarray of shape (n_windows, n_actions)
        What each action would earn.
    edges : ndarray of int
        Where the records begin, as `trajectories` has them.
    """
    gymnasium = require("gymnasium", "control")

    class Walk(gymnasium.Env):  # type: ignore[name-defined]
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, seen.shape[1:], np.float32)
        action_space = gymnasium.spaces.Discrete(rewards.shape[1])

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            j = int(self.np_random.integers(len(edges) - 1))
            self.t, self.end = int(edges[j]), int(edges[j + 1])
            return seen[self.t], {}

        def step(self, action):
            earned = float(rewards[self.t, int(action)])
            self.t += 1
            over = self.t == self.end
            return seen[self.t - over], earned, over, False, {}

    return Walk()


@dataclass(eq=False, repr=False)
class Agent(RegressorMixin, BaseEstimator):
    """DQN or PPO of Stable-Baselines3, which guess one of equal bins of the remaining life (Eqs. 9, 10 and 22).

    Parameters
    ----------
    kind : {"dqn", "ppo"}
    learning_rate, discount : float
    n_steps : int
        Windows that are guessed while it learns.
    n_actions : int
    random_state : int
    """

    kind: Literal["dqn", "ppo"] = "dqn"
    _: KW_ONLY
    learning_rate: float = 1e-3
    discount: float = 0.99
    n_steps: int = 20_000
    n_actions: int = 16
    random_state: int = 0

    def fit(self, X: Windows, y: None = None) -> Agent:
        """Learn by trial along the training records.

        Raises
        ------
        ValueError
            If the kind is unknown.
        """
        if self.kind not in ("dqn", "ppo"):
            raise ValueError(f"kind={self.kind!r} was given; allowed are 'dqn' and 'ppo'. Pass one of the two.")
        library = require("stable_baselines3", "control")
        highest = float(X.y.max())
        self.centres_ = (np.arange(self.n_actions) + 0.5) * highest / self.n_actions
        rewards = -(((self.centres_ - X.y[:, None]) / highest) ** 2)
        look = statistics(X)
        self.scaler_ = StandardScaler().fit(look)
        seen = self.scaler_.transform(look).astype(np.float32)
        given: dict[str, Any] = {"learning_rate": self.learning_rate, "gamma": self.discount, "seed": self.random_state}
        if self.kind == "dqn":  # batches and ε of Table 3; its buffer's size is lost, and all is kept
            given |= {"buffer_size": self.n_steps, "learning_starts": 1000, "batch_size": 64, "target_update_interval": 1000}
            given |= {"exploration_initial_eps": 1.0, "exploration_final_eps": 0.05, "exploration_fraction": 0.8}
        else:
            given |= {"n_steps": 2000, "batch_size": 250}
        learner = library.DQN if self.kind == "dqn" else library.PPO
        with torch.random.fork_rng(devices=[]):
            walk = environment(seen, rewards, trajectories(X))
            self.agent_ = learner("MlpPolicy", walk, device="cpu", **given).learn(self.n_steps)
        return self

    def predict(self, X: Windows) -> Array:
        """Return the remaining life of each window: the centre of the action that is preferred."""
        seen = self.scaler_.transform(statistics(X)).astype(np.float32)
        chosen: Array = self.centres_[self.agent_.predict(seen, deterministic=True)[0]]
        return chosen


def _pairs(**values: tuple[Any, Any]) -> list[dict[str, Any]]:
    (one, first), (two, second) = values.items()
    return [{one: a, two: b} for a in first for b in second]


def _net(kind: str) -> Callable[[Mapping[str, Any], int], Any]:
    return lambda given, seed: Net(kind, **given, random_state=seed)


#: What is built of settings and a seed: the paper's seven, then those that it lacks.
FAMILIES: dict[str, Callable[[Mapping[str, Any], int], Any]] = {
    "bi-lstm": _net("bi-lstm"),
    "gru": _net("gru"),
    "sgd": _net("sgd"),
    "sarsa": lambda given, seed: QAQL("epsilon-greedy", target="taken", **given, random_state=seed),
    "dqn": lambda given, seed: Agent("dqn", **given, random_state=seed),
    "ppo": lambda given, seed: Agent("ppo", **given, random_state=seed),
    "transformer": _net("transformer"),
    "mean": lambda given, seed: Tabular(DummyRegressor(), last_row, most=10**9),
    "last-cycle": lambda given, seed: Tabular(LinearRegression(), last_row),
    "ridge": lambda given, seed: Tabular(Ridge(**given)),
    "random-forest": lambda given, seed: Tabular(RandomForestRegressor(100, **given, random_state=seed)),
    "gradient-boosting": lambda given, seed: Tabular(HistGradientBoostingRegressor(**given, random_state=seed)),
    "cnn": _net("cnn"),
}
#: Four settings of each that has any, tried once on FD001 (D3.52).
TRIALS: dict[str, list[dict[str, Any]]] = {
    "ridge": [{"alpha": alpha} for alpha in (0.1, 10.0, 1000.0, 10_000.0)],
    "gradient-boosting": _pairs(learning_rate=(0.03, 0.1), max_leaf_nodes=(7, 31)),
    "random-forest": _pairs(max_features=(0.2, 0.5), min_samples_leaf=(3, 20)),
    "sgd": _pairs(learning_rate=(1e-3, 1e-2), batch_size=(64, 256)),
    "sarsa": _pairs(learning_rate=(0.03, 0.1), discount=(0.5, 0.99)),
    **{kind: _pairs(learning_rate=(1e-3, 3e-3), hidden=(16, 32)) for kind in ("gru", "cnn", "bi-lstm", "transformer")},
    **{kind: _pairs(learning_rate=(3e-4, 1e-3), discount=(0.5, 0.99)) for kind in ("dqn", "ppo")},
}
#: What won, as `useful-life-tuning` recorded it.
CHOSEN: dict[str, dict[str, Any]] = {
    "ridge": {"alpha": 0.1},
    "gradient-boosting": {"learning_rate": 0.1, "max_leaf_nodes": 31},
    "random-forest": {"max_features": 0.2, "min_samples_leaf": 3},
    "sgd": {"learning_rate": 1e-3, "batch_size": 64},
    "sarsa": {"learning_rate": 0.1, "discount": 0.5},
    "gru": {"learning_rate": 3e-3, "hidden": 16},
    "cnn": {"learning_rate": 1e-3, "hidden": 16},
    "bi-lstm": {"learning_rate": 1e-3, "hidden": 32},
    "transformer": {"learning_rate": 3e-3, "hidden": 32},
    "dqn": {"learning_rate": 3e-4, "discount": 0.5},
    "ppo": {"learning_rate": 1e-3, "discount": 0.5},
}


def baseline(name: str, random_state: int = 0) -> Any:
    """Build one of `FAMILIES` with the settings that were chosen.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists all.
    """
    if name not in FAMILIES:
        raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(FAMILIES)}")
    return FAMILIES[name](CHOSEN.get(name, {}), random_state)

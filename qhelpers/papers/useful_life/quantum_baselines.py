"""Seven quantum baselines of remaining life, of which paper 3 prints the names (Table 7); each is a reading (deviation D3.57).

All see the mean of each feature over a window, as the table of QAQL does, and the LSTM those of each five rows. A circuit is
a `qhelpers.circuits.QuantumLayer`, exact, with gradients. Learning is counted in gradient steps instead of epochs, so that a fit
costs the same on every set. `QUANTUM` has all of them by name, with what was tuned (deviation D3.58).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from tqdm.auto import tqdm

from qhelpers._extras import require
from qhelpers.circuits import QuantumLayer
from qhelpers.papers.useful_life.qaql import window_means
from qhelpers.papers.useful_life.windows import Array, Windows

# mypy: allow-untyped-calls

BATCH = 64
N_ACTIONS = 16
DISCOUNT = 0.99
#: First and last ε, and over which share of the updates it falls (Table 3).
EPSILONS = (1.0, 0.05, 0.8)
#: Smallest values of parameters; None is above 0, and what is not named is at least 1.
LEAST: dict[str, int | None] = {"n_qubits": 2, "n_clusters": 2, "n_individuals": 2, "random_state": 0, "momentum": 0}
LEAST |= {"learning_rate": None, "output_rate": None}


def ring(n_qubits: int) -> list[tuple[int, int]]:
    """Return pairs of neighbours on a ring; two qubits are one pair."""
    return [(q, (q + 1) % n_qubits) for q in range(n_qubits if n_qubits > 2 else n_qubits - 1)]


def words(n_qubits: int, pairs: Sequence[tuple[int, int]] = (), letter: str = "Z") -> list[str]:
    """Return Pauli words: a letter on each qubit, and then on each pair."""
    places = [(q,) for q in range(n_qubits)] + list(pairs)
    return ["".join(letter if q in place else "I" for q in range(n_qubits)) for place in places]


def circuit(n_qubits: int, n_layers: int, measured: Sequence[str], *, again: bool = False) -> QuantumLayer:
    """Make a circuit: RX of the inputs, then layers of RY and RZ on each qubit and a ring of CZ.

    Parameters
    ----------
    n_qubits, n_layers : int
    measured : sequence of str
        Pauli words.
    again : bool
        Whether the data are read anew before each layer, from ``n_layers * n_qubits`` inputs; else once, from ``n_qubits``.

    Returns
    -------
    QuantumLayer
        In double precision, weights of shape (n_layers + 1, n_qubits, 2), the last row without a ring, drawn from [-π, π].
    """

    qml = require("pennylane", "circuits")

    def function(inputs: Any, weights: Any) -> Any:
        for layer in range(n_layers + 1):
            for q in range(n_qubits):
                if layer == 0 or (again and layer < n_layers):
                    qml.RX(inputs[..., layer * n_qubits + q], q)
            for q in range(n_qubits):
                qml.RY(weights[layer, q, 0], q)
                qml.RZ(weights[layer, q, 1], q)
            for pair in ring(n_qubits) if layer < n_layers else []:
                qml.CZ(pair)
        return [qml.expval(qml.pauli.string_to_pauli_word(word)) for word in measured]

    shape = {"weights": (n_layers + 1, n_qubits, 2)}
    return QuantumLayer(function, shape, lambda w: nn.init.uniform_(w, -np.pi, np.pi)).double()


@dataclass(eq=False, repr=False)
class _Regressor(RegressorMixin, BaseEstimator):
    """What all seven share: what they see of a window, checks, seeds, and gradient steps.

    Parameters
    ----------
    random_state : int
        Of first weights and everything that is drawn.

    Attributes
    ----------
    highest_ : float
        Largest training label, in which all others are counted.
    """

    _: KW_ONLY
    random_state: int = 0

    def fit(self, X: Windows, y: None = None) -> Any:
        """Learn from training windows, of which the labels are a part; `y` is not used."""
        for name, value in self.get_params().items():
            least = LEAST.get(name, 1)
            if not (value > 0 if least is None else value >= least):
                allowed = "above 0" if least is None else f"at least {least}"
                raise ValueError(f"{name}={value!r} was given; allowed is {allowed}. Change it.")
        if len(X) < BATCH:
            raise ValueError(f"{len(X)} windows were given; allowed are {BATCH} or more, those of a batch. Pass more.")
        if not np.isfinite(X.y).all() or X.y.max() <= 0:
            raise ValueError("labels that are no number, or none above 0, were given; allowed are finite ones. Leave others out.")
        self.highest_ = float(X.y.max())
        self.n_features_in_ = X.values.shape[1]
        self._rng = np.random.default_rng(self.random_state)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self._learn(X, X.y / self.highest_)
        del self._rng
        return self

    def predict(self, X: Windows) -> Array:
        """Return the remaining life of each window."""
        check_is_fitted(self, "highest_")
        if X.values.shape[1] != self.n_features_in_:
            raise ValueError(
                f"windows of {X.values.shape[1]} features were given; allowed are {self.n_features_in_}, as in fit. "
                "Prepare both alike."
            )
        with torch.no_grad():
            return self.highest_ * np.asarray(self._predict(X), float)

    def _learn(self, X: Windows, y: Array) -> None:
        raise NotImplementedError

    def _predict(self, X: Windows) -> Any:
        return self.network_(self._encoded(X))[:, 0]

    def _components(self, X: Windows, n_components: int) -> None:
        """Learn what `_encoded` returns: whitened principal components of the means, or with 0 the means, standardised."""
        means = window_means(X)
        if n_components > means.shape[1]:
            raise ValueError(f"n_qubits={n_components} was given; allowed are {means.shape[1]}, one a feature. Pass fewer.")
        reduced = [PCA(n_components, whiten=True, svd_solver="full")] if n_components else []
        self.encoding_ = make_pipeline(StandardScaler(), *reduced).fit(means)

    def _encoded(self, X: Windows) -> Tensor:
        return torch.as_tensor(self.encoding_.transform(window_means(X)))

    def _sample(self, X: Windows, y: Array, n_windows: int) -> tuple[Tensor, Tensor]:
        """Return some windows, encoded as angles, and their labels."""
        drawn = np.sort(self._rng.permutation(len(X))[:n_windows])
        return torch.arctan(self._encoded(X.only(drawn))), torch.as_tensor(y[drawn])

    def _descend(self, n_steps: int, optimiser: Any, loss: Callable[[int], Tensor]) -> None:
        for step in tqdm(range(n_steps), desc=type(self).__name__, leave=False):
            optimiser.zero_grad()
            loss(step).backward()
            optimiser.step()

    def _descend_on_batches(self, inputs: Callable[[NDArray[np.int64]], Tensor], y: Array, n_steps: int, optimiser: Any) -> None:
        labels = torch.as_tensor(y)

        def loss(step: int) -> Tensor:
            drawn = self._rng.integers(len(y), size=BATCH)
            return nn.functional.mse_loss(self.network_(inputs(drawn))[:, 0], labels[drawn])

        self._descend(n_steps, optimiser, loss)


class _Applied(nn.Module):
    """A function without weights, in a row of layers."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def half(x: Tensor) -> Tensor:
    """Take an expectation value from [-1, 1] to [0, 1]."""
    return (1 + x) / 2


def probability_of_zero(rows: Array, centres: Array) -> Array:
    """Return how often the test of an inner product of amplitudes gives 0, shape (n_rows, n_centres): (1 + cos) / 2.

    Half of a state is a row, the other half a centre; a Hadamard on the qubit that tells them apart makes them interfere.
    """
    lengths = np.linalg.norm(rows, axis=1)[:, None] * np.linalg.norm(centres, axis=1)
    return np.clip((1 + rows @ centres.T / np.maximum(lengths, 1e-300)) / 2, 0, 1)


@dataclass(eq=False, repr=False)
class QuantumDecisionTree(_Regressor):
    """Des-q (Kumar et al. 2025): a tree that splits by k-means, whose distances are inner products from shots.

    Parameters
    ----------
    n_clusters : int
        Children of a node, at most.
    depth : int
    n_shots : int
        Of each inner product.
    n_rounds : int
        Of k-means.
    min_windows : int
        Fewest windows of a node.
    """

    n_clusters: int = 2
    depth: int = 6
    _: KW_ONLY
    n_shots: int = 1024
    n_rounds: int = 10
    min_windows: int = 50

    def _learn(self, X: Windows, y: Array) -> None:
        self._components(X, 0)
        rows = self._encoded(X).numpy()
        spread = rows.std(axis=0) * y.std()
        together = ((rows - rows.mean(axis=0)) * (y - y.mean())[:, None]).mean(axis=0)
        self.importance_ = np.abs(np.divide(together, spread, out=np.zeros_like(spread), where=spread > 1e-9))
        self._progress = tqdm(total=len(X), desc=type(self).__name__, leave=False)
        self.tree_ = self._grow(rows * np.sqrt(self.importance_), y, self.depth)
        self._progress.close()
        del self._progress

    def _distances(self, rows: Array, centres: Array) -> Array:
        """Squared distances less the square of the row, from shots."""
        zeros = self._rng.binomial(self.n_shots, probability_of_zero(rows, centres))
        cosine = 2 * zeros / self.n_shots - 1
        length = np.linalg.norm(centres, axis=1)
        return length**2 - 2 * np.linalg.norm(rows, axis=1)[:, None] * length * cosine

    def _grow(self, rows: Array, y: Array, depth: int) -> Any:
        """Return a leaf, which is a number, or centres and what hangs on each."""
        if depth and len(rows) >= max(2 * self.min_windows, self.n_clusters):
            centres = rows[self._rng.choice(len(rows), self.n_clusters, replace=False)]
            for _ in range(self.n_rounds):
                nearest = self._distances(rows, centres).argmin(axis=1)
                used = np.unique(nearest)
                centres = np.array([rows[nearest == k].mean(axis=0) for k in used])
            nearest = self._distances(rows, centres).argmin(axis=1)
            counts = np.bincount(nearest, minlength=len(centres))
            if len(centres) > 1 and counts.min() >= self.min_windows:
                return centres, [self._grow(rows[nearest == k], y[nearest == k], depth - 1) for k in range(len(centres))]
        self._progress.update(len(rows))
        return float(y.mean())

    def _predict(self, X: Windows) -> Array:
        found = np.empty(len(X))

        def go_down(node: Any, rows: Array, places: NDArray[np.int64]) -> None:
            if isinstance(node, float):
                found[places] = node
                return
            centres, children = node
            nearest = ((rows[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
            for k, child in enumerate(children):
                go_down(child, rows[nearest == k], places[nearest == k])

        go_down(self.tree_, self._encoded(X).numpy() * np.sqrt(self.importance_), np.arange(len(X)))
        return found


class _Cell(nn.Module):
    """An LSTM whose four gates are circuits, followed by a linear map of its last hidden state."""

    def __init__(self, n_features: int, n_qubits: int, n_layers: int) -> None:
        super().__init__()
        self.n_qubits = n_qubits
        self.reads = nn.ModuleList(nn.Linear(n_features + n_qubits, n_qubits, dtype=torch.float64) for _ in range(4))
        self.gates = nn.ModuleList(circuit(n_qubits, n_layers, words(n_qubits)) for _ in range(4))
        self.answer = nn.Linear(n_qubits, 1, dtype=torch.float64)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = cell = rows.new_zeros(len(rows), self.n_qubits)
        for row in rows.unbind(1):
            both = torch.cat([row, hidden], 1)
            forget, write, new, out = (gate(torch.arctan(read(both))) for read, gate in zip(self.reads, self.gates, strict=True))
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(write) * torch.tanh(new)
            hidden = torch.sigmoid(out) * torch.tanh(cell)
        found: Tensor = self.answer(hidden)
        return found


@dataclass(eq=False, repr=False)
class QuantumLSTM(_Regressor):
    """An LSTM with four circuits for gates (Padha and Sahoo 2024).

    Parameters
    ----------
    learning_rate : float
        Of Adam.
    n_layers, n_qubits : int
        Of each gate; the hidden state is as wide as it has qubits.
    every : int
        Rows that are averaged to one, counted from the last of a window.
    n_steps : int
    """

    learning_rate: float = 0.01
    n_layers: int = 1
    _: KW_ONLY
    n_qubits: int = 4
    every: int = 5
    n_steps: int = 1000

    def _rows(self, X: Windows) -> Tensor:
        n_rows = X.length // self.every
        rows = X.X[:, -n_rows * self.every :].reshape(len(X), n_rows, self.every, -1).mean(axis=2)
        return torch.as_tensor((rows - self.mean_) / self.scale_)

    def _learn(self, X: Windows, y: Array) -> None:
        if self.every > X.length:
            raise ValueError(f"every={self.every} was given; allowed are {X.length}, the rows of a window. Pass fewer.")
        self.mean_, spread = X.rows.mean(axis=0), X.rows.std(axis=0)
        self.scale_ = np.where(spread > 1e-9, spread, 1.0)
        self.network_ = _Cell(self.n_features_in_, self.n_qubits, self.n_layers)
        optimiser = torch.optim.Adam(self.network_.parameters(), self.learning_rate)
        self._descend_on_batches(lambda drawn: self._rows(X.only(drawn)), y, self.n_steps, optimiser)

    def _predict(self, X: Windows) -> Any:
        parts = np.array_split(np.arange(len(X)), max(1, len(X) // 2000))
        return torch.cat([self.network_(self._rows(X.only(part)))[:, 0] for part in parts])


@dataclass(eq=False, repr=False)
class QuantumSGD(_Regressor):
    """A circuit whose first qubit's Z from -1 to 1 is the label, by plain gradient descent with momentum (Gandhudi et al. 2023).

    Parameters
    ----------
    learning_rate : float
    n_qubits, n_layers : int
    momentum : float
    n_steps : int
    """

    learning_rate: float = 0.03
    n_qubits: int = 4
    n_layers: int = 2
    _: KW_ONLY
    momentum: float = 0.9
    n_steps: int = 3000

    def _learn(self, X: Windows, y: Array) -> None:
        self._components(X, self.n_qubits)
        measured = circuit(self.n_qubits, self.n_layers, words(self.n_qubits)[:1])
        self.network_ = nn.Sequential(_Applied(torch.arctan), measured, _Applied(half))
        seen = self._encoded(X)
        optimiser = torch.optim.SGD(self.network_.parameters(), self.learning_rate, self.momentum)
        self._descend_on_batches(lambda drawn: seen[drawn], y, self.n_steps, optimiser)


@dataclass(eq=False, repr=False)
class QuantumEigensolver(_Regressor):
    """The energy of a trained Ising Hamiltonian after a trained circuit (named after VQE; Hossain et al. 2026 do chemistry).

    Parameters
    ----------
    n_qubits, n_layers : int
    n_windows : int
        Windows that are drawn for the fit.
    n_steps : int
        Of L-BFGS, at most.
    """

    n_qubits: int = 4
    n_layers: int = 2
    _: KW_ONLY
    n_windows: int = 2000
    n_steps: int = 150

    def _learn(self, X: Windows, y: Array) -> None:
        self._components(X, self.n_qubits)
        terms = words(self.n_qubits, ring(self.n_qubits)) + words(self.n_qubits, letter="X")
        coefficients = nn.Linear(len(terms), 1, dtype=torch.float64)
        self.network_ = nn.Sequential(_Applied(torch.arctan), circuit(self.n_qubits, self.n_layers, terms), coefficients)
        seen, labels = self._sample(X, y, self.n_windows)
        weights, inner = list(self.network_.parameters()), self.network_[1:]

        def loss(values: Array) -> tuple[float, Array]:
            nn.utils.vector_to_parameters(torch.as_tensor(values), weights)
            self.network_.zero_grad()
            error = nn.functional.mse_loss(inner(seen)[:, 0], labels)
            error.backward()
            return error.item(), np.concatenate([w.grad.numpy().ravel() for w in weights if w.grad is not None])

        start = nn.utils.parameters_to_vector(weights).detach().numpy().copy()
        with tqdm(total=self.n_steps, desc=type(self).__name__, leave=False) as bar:
            options = {"maxiter": self.n_steps}
            found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options, callback=lambda _: bar.update() and None)
        nn.utils.vector_to_parameters(torch.as_tensor(found.x), weights)


@dataclass(eq=False, repr=False)
class QuantumAOA(_Regressor):
    """QAOA's alternation of cost and mixer, its angles found by a genetic algorithm (Acampora et al. 2023).

    The cost of a window holds its features as fields, and a ring of couplings of 1; what is measured are its terms, which a ridge
    regression weighs, anew for each individual.

    Parameters
    ----------
    n_qubits : int
    n_layers : int
        p: times that cost and mixer alternate.
    n_individuals, n_generations : int
    n_windows : int
        Windows that are drawn for the fit.
    """

    n_qubits: int = 4
    n_layers: int = 4
    _: KW_ONLY
    n_individuals: int = 24
    n_generations: int = 30
    n_windows: int = 1000

    def _circuit(self) -> QuantumLayer:
        qml = require("pennylane", "circuits")
        n = self.n_qubits
        terms = words(n, ring(n))

        def function(inputs: Any, weights: Any) -> Any:
            for q in range(n):
                qml.Hadamard(q)
            for cost, mixer in weights:
                for q in range(n):
                    qml.RZ(2 * cost * inputs[..., q], q)
                for pair in ring(n):
                    qml.IsingZZ(2 * cost, pair)
                for q in range(n):
                    qml.RX(2 * mixer, q)
            return [qml.expval(qml.pauli.string_to_pauli_word(word)) for word in terms]

        return QuantumLayer(function, {"weights": (self.n_layers, 2)}).double()

    def _measured(self, inputs: Tensor, angles: Array) -> Array:
        with torch.no_grad():
            self.network_.weights.copy_(torch.as_tensor(angles).reshape(-1, 2))
            found: Array = self.network_(inputs).numpy()
        return found

    def _learn(self, X: Windows, y: Array) -> None:
        self._components(X, self.n_qubits)
        self.network_ = self._circuit()
        seen, labels = self._sample(X, y, self.n_windows)

        def error(angles: Array) -> float:
            terms = self._measured(seen, angles)
            return float(np.mean((Ridge(1e-3).fit(terms, labels).predict(terms) - labels.numpy()) ** 2))

        rng, size = self._rng, self.n_individuals
        people = rng.uniform(-np.pi / 2, np.pi / 2, (size, 2 * self.n_layers))
        errors = np.array([error(one) for one in people])
        for _ in tqdm(range(self.n_generations), desc=type(self).__name__, leave=False):
            one, other = (rng.integers(size, size=(size, 3)) for _ in range(2))  # tournaments of three
            parents = [people[drawn[np.arange(size), errors[drawn].argmin(axis=1)]] for drawn in (one, other)]
            children = np.where(rng.random(people.shape) < 0.5, *parents)
            children += rng.normal(0, 0.2, people.shape) * (rng.random(people.shape) < 0.3)
            children[0] = people[errors.argmin()]
            people, errors = children, np.r_[errors.min(), [error(child) for child in children[1:]]]
        self.angles_ = people[errors.argmin()]
        self.answer_ = Ridge(1e-3).fit(self._measured(seen, self.angles_), labels)

    def _predict(self, X: Windows) -> Any:
        return self.answer_.predict(self._measured(torch.arctan(self._encoded(X)), self.angles_))


@dataclass(eq=False, repr=False)
class _QLearner(_Regressor):
    """Q-learning of sixteen bins with a network: walks as those of `QAQL`, a replay of all transitions, a second network.

    Parameters
    ----------
    n_steps : int
        Updates, along `n_episodes` walks.
    n_episodes : int
    renewed : int
        Updates from one renewal of the second network to the next.
    """

    _: KW_ONLY
    n_steps: int = 6000
    n_episodes: int = 8
    renewed: int = 100

    def _built(self, X: Windows) -> tuple[nn.Module, list[dict[str, Any]]]:
        """Return the network from what `_encoded` gives to sixteen values, and groups of its weights for Adam."""
        raise NotImplementedError

    def _learn(self, X: Windows, y: Array) -> None:
        self.network_, groups = self._built(X)
        seen, edges = self._encoded(X), np.r_[0, np.flatnonzero(np.diff(X.first)) + 1, len(X)]  # unbroken records
        last = np.isin(np.arange(len(X)), edges[1:] - 1)
        self.centres_ = (np.arange(N_ACTIONS) + 0.5) / N_ACTIONS
        orders = [self._rng.permutation(len(edges) - 1) for _ in range(self.n_episodes)]
        walk = np.concatenate([np.arange(edges[j], edges[j + 1]) for order in orders for j in order])
        actions = np.empty(len(walk), np.int64)
        n_steps = min(self.n_steps, len(walk))
        until = np.linspace(0, len(walk), n_steps + 1).astype(int)
        targets = copy.deepcopy(self.network_)
        first, final, share = EPSILONS

        def loss(step: int) -> Tensor:
            if step % self.renewed == 0:
                targets.load_state_dict(self.network_.state_dict())
            now = walk[until[step] : until[step + 1]]
            epsilon = max(final, first + (final - first) * step / (share * n_steps))
            with torch.no_grad():
                best = self.network_(seen[now]).argmax(1).numpy()
                tried = np.where(self._rng.random(len(now)) < epsilon, self._rng.integers(N_ACTIONS, size=len(now)), best)
                actions[until[step] : until[step + 1]] = tried
                drawn = self._rng.integers(until[step + 1], size=BATCH)
                at, action = walk[drawn], actions[drawn]
                coming = targets(seen[np.minimum(at + 1, len(X) - 1)]).max(1).values
                reward = -((self.centres_[action] - y[at]) ** 2)
                wanted = torch.as_tensor(reward) + DISCOUNT * torch.as_tensor(~last[at]) * coming
            values = self.network_(seen[at]).gather(1, torch.as_tensor(action)[:, None])[:, 0]
            return nn.functional.mse_loss(values, wanted)

        self._descend(n_steps, torch.optim.Adam(groups), loss)

    def _predict(self, X: Windows) -> Array:
        best: Array = self.centres_[self.network_(self._encoded(X)).argmax(1).numpy()]
        return best


@dataclass(eq=False, repr=False)
class QuantumDQN(_QLearner):
    """A circuit between two linear layers that gives sixteen values (Ansere et al. 2023).

    Parameters
    ----------
    learning_rate : float
        Of Adam.
    n_qubits, n_layers : int
    """

    learning_rate: float = 0.003
    n_qubits: int = 4
    n_layers: int = 2

    def _built(self, X: Windows) -> tuple[nn.Module, list[dict[str, Any]]]:
        self._components(X, 0)
        n = self.n_qubits
        first = nn.Linear(self.n_features_in_, n, dtype=torch.float64)
        final = nn.Linear(n, N_ACTIONS, dtype=torch.float64)
        network = nn.Sequential(first, _Applied(torch.arctan), circuit(n, self.n_layers, words(n)), final)
        return network, [{"params": list(network.parameters()), "lr": self.learning_rate}]


class _Reuploading(nn.Module):
    """Skolik's circuit: data scaled anew for each layer, observables times trainable weights."""

    def __init__(self, n_qubits: int, n_layers: int) -> None:
        super().__init__()
        observables = [*words(n_qubits, list(combinations(range(n_qubits), 2))), "Z" * n_qubits]
        self.circuit = circuit(n_qubits, n_layers, observables, again=True)
        self.scale = nn.Parameter(torch.ones(n_layers, n_qubits, dtype=torch.float64))
        self.weight = nn.Parameter(-torch.ones(len(observables), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        angles = torch.arctan(self.scale * x[:, None]).flatten(1)
        return self.weight * half(self.circuit(angles))


@dataclass(eq=False, repr=False)
class QuantumVQL(_QLearner):
    """A circuit of five qubits, read anew before each layer, whose sixteen observables are the values (Skolik et al. 2022).

    Parameters
    ----------
    learning_rate, output_rate : float
        Of Adam (AMSGrad): of circuit and scales, and of the weights of observables.
    n_layers : int
    """

    learning_rate: float = 0.003
    output_rate: float = 0.1
    n_layers: int = 3

    def _built(self, X: Windows) -> tuple[nn.Module, list[dict[str, Any]]]:
        self._components(X, 5)
        network = _Reuploading(5, self.n_layers)
        slow, fast = [*network.circuit.parameters(), network.scale], [network.weight]
        groups = [(slow, self.learning_rate), (fast, self.output_rate)]
        return network, [{"params": weights, "lr": rate, "amsgrad": True} for weights, rate in groups]


#: The rows of Table 7, as functions of a seed.
QUANTUM: dict[str, Callable[[int], Any]] = {
    "quantum-decision-tree": lambda seed: QuantumDecisionTree(4, 3, random_state=seed),
    "quantum-lstm": lambda seed: QuantumLSTM(0.03, 1, random_state=seed),
    "quantum-sgd": lambda seed: QuantumSGD(0.1, 4, 2, random_state=seed),
    "quantum-eigensolver": lambda seed: QuantumEigensolver(4, 1, random_state=seed),
    "quantum-aoa": lambda seed: QuantumAOA(4, 4, random_state=seed),
    "quantum-dqn": lambda seed: QuantumDQN(0.01, 6, 3, random_state=seed),
    "quantum-vql": lambda seed: QuantumVQL(0.003, n_layers=5, random_state=seed),
}

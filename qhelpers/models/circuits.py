"""A scikit-learn classifier around any circuit of `qhelpers.circuits`: what changes is the circuit, or how it is trained."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhelpers._extras import require
from qhelpers.circuits import VariationalCircuit
from qhelpers.circuits.low_energy import qnn_p_circuit
from qhelpers.models.low_energy import _QuantumClassifier, circuit_module

Array = NDArray[np.float64]

#: How a circuit is trained: the paper's Algorithm 1 (``all``) and Algorithm 2 (``sample``).
RECIPES = ("all", "sample")


class CircuitClassifier(_QuantumClassifier):
    r"""Any circuit with one expectation value, trained by either recipe of the low-energy paper.

    Features are standardised. Where the circuit reads fewer, their principal components are standardised again (D1.5); where it
    reads more, the features are repeated (D1.2).

    Parameters
    ----------
    circuit : VariationalCircuit, optional
        With one observable (``"first"`` or ``"parity"``); QNN-P's chain of four qubits by default.
    recipe : {"all", "sample"}, default="all"
        ``all``: squared error against ±1, all samples make one update (Algorithm 1). ``sample``: the expectation value is the
        logit of a cross-entropy, an update a sample, in the order given (Algorithm 2).
    start : tuple of float, default=(0, 2π)
        The first weights are drawn uniformly from this interval: by default as PennyLane's TorchLayer does; Qiskit's
        TorchConnector takes (-1, 1).
    epochs : int, default=100
        Passes over the samples.
    learning_rate : float, default=0.1
        Step of Adam (β₁ = 0.9, β₂ = 0.999).
    engine : {"fast", "pennylane", "qiskit"}, default="fast"
        What computes the circuit, see `qhelpers.models.low_energy.circuit_module`.
    random_state : int, RandomState or None
        Draws the first weights.
    progress : bool, default=False
        Show a progress bar.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit
    >>> X, y = make_blobs(60, centers=2, random_state=0)
    >>> circuit = VariationalCircuit(Encoding("RY", 2), Ansatz("RealAmplitudes", 2, 1))
    >>> CircuitClassifier(circuit, epochs=40, random_state=0).fit(X, y).score(X, y) > 0.8
    True
    """

    def __init__(
        self,
        circuit: VariationalCircuit | None = None,
        recipe: str = "all",
        start: tuple[float, float] = (0.0, 2 * np.pi),
        epochs: int = 100,
        learning_rate: float = 0.1,
        engine: str = "fast",
        random_state: Any = None,
        progress: bool = False,
    ) -> None:
        self.circuit = circuit
        self.recipe = recipe
        self.start = start
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.engine = engine
        self.random_state = random_state
        self.progress = progress

    @property
    def _built(self) -> VariationalCircuit:
        circuit = qnn_p_circuit(4, 4, 3, "chain") if self.circuit is None else self.circuit
        if circuit.observable == "each":
            raise ValueError("the circuit measures each qubit; a classifier of two classes needs one number: 'first' or 'parity'")
        return circuit

    @property
    def _batch(self) -> Literal["all", "one"]:  # type: ignore[override]
        if self.recipe not in RECIPES:
            raise ValueError(f"recipe={self.recipe!r} is unknown; allowed are {', '.join(map(repr, RECIPES))}")
        return "all" if self.recipe == "all" else "one"

    @property
    def _dtype(self) -> Any:
        return require("torch", "circuits").float64

    def _loss(self, output: Any, signs: Any) -> Any:  # type: ignore[override]
        if self.recipe == "all":
            return ((output - signs) ** 2).mean()
        return super()._loss(output, signs)

    def _probability(self, output: Array) -> Array:  # type: ignore[override]
        return (1 + output) / 2 if self.recipe == "all" else super()._probability(output)

    def _preparation(self, n_features: int) -> Any:
        wide = n_features > self._built.n_features
        reduced = [PCA(self._built.n_features, svd_solver="full"), StandardScaler()] if wide else []
        return make_pipeline(StandardScaler(), *reduced)

    def _encode(self, features: Array) -> Array:
        return np.take(features, np.arange(self._built.n_features) % features.shape[1], axis=1)

    def _module(self, n_inputs: int, seed: int) -> Any:
        torch = require("torch", "circuits")
        first = torch.as_tensor(np.random.default_rng(seed).uniform(*self.start, self._built.weight_shape))
        return circuit_module(self._built, self.engine, first).double()

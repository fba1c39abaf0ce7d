"""The three quantum networks of the low-energy IoT paper as scikit-learn classifiers.

* `QNNPClassifier`: in the paper PennyLane's; angle encoding, RY-RX layers, squared error on ⟨Z₀⟩ (Section II-D, Algorithm 1).
* `QNNQClassifier`: in the paper Qiskit's; Z feature map and RealAmplitudes, cross-entropy, an update a sample (Algorithm 2).
* `QNNHClassifier`: a small classical network in front of the same circuit (II-F, Algorithm 3).

Each runs on the engine of `qhelpers.circuits` (``engine="fast"``) or, with the same circuit, first weights and updates, in
PennyLane (TorchLayer) or Qiskit (TorchConnector around EstimatorQNN).

All three standardise their features; where there are more than qubits, they keep as many principal components and standardise
those again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhelpers._extras import require
from qhelpers.circuits import NoiseModel
from qhelpers.models.quantum import QuantumClassifier, circuit_module, repeat_columns, squared_error
from qhelpers.papers.low_energy.circuits import qnn_p_circuit, qnn_q_circuit

Array = NDArray[np.float64]


def fill_qubits(features: Array, n_qubits: int, fill: str) -> Array:
    """Return what the qubits read: the features alone (``"idle"``) or again and again until no qubit is left (``"repeat"``)."""
    if fill not in ("idle", "repeat"):
        raise ValueError(f"fill={fill!r} is unknown; allowed are 'idle' and 'repeat'")
    return features if fill == "idle" else repeat_columns(features, n_qubits)


@dataclass(eq=False, repr=False, kw_only=True)
class QNNPClassifier(QuantumClassifier):
    r"""QNN-P: a circuit whose :math:`\langle Z_0 \rangle` is fitted to labels ±1 (Eqs. 12-21, Algorithm 1).

    All samples make one update. The weights are drawn once, uniformly from [0, 2π), not anew in each iteration as line 9 of
    Algorithm 1 says.

    Parameters
    ----------
    n_qubits : int, default=4
        Width of the circuit.
    n_layers : int, default=3
        Layers of RY, RX and CNOTs.
    entangler : {"chain", "ring", "none"}, default="chain"
        Which CNOTs follow the rotations; the paper does not say. ``"none"`` is the separable circuit.
    fill : {"idle", "repeat"}, default="idle"
        What the qubits beyond the features read: nothing, or the features again.
    epochs, learning_rate, engine, random_state, progress
        As for `QuantumClassifier`; by default 100 epochs at a rate of 0.1. The paper's engine is ``"pennylane"``.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> X, y = make_blobs(60, centers=2, random_state=0)
    >>> QNNPClassifier(epochs=20, random_state=0).fit(X, y).score(X, y) > 0.8
    True
    """

    _batch = "all"

    n_qubits: int = 4
    n_layers: int = 3
    entangler: str = "chain"
    fill: str = "idle"

    @property
    def _dtype(self) -> Any:
        return require("torch", "circuits").float64

    @staticmethod
    def _loss(output: Array, signs: Array) -> tuple[float, Array]:
        return squared_error(output, signs)

    @staticmethod
    def _probability(output: Array) -> Array:
        return (1 + output) / 2

    def _encode(self, features: Array) -> Array:
        return fill_qubits(features, self.n_qubits, self.fill)

    def _module(self, n_inputs: int, seed: int) -> Any:
        torch = require("torch", "circuits")
        circuit = qnn_p_circuit(n_inputs, self.n_qubits, self.n_layers, self.entangler)
        generator = torch.Generator().manual_seed(seed)
        first = torch.nn.init.uniform_(torch.empty(circuit.weight_shape), 0, 2 * np.pi, generator=generator)
        return circuit_module(circuit, self.engine, first).double()


@dataclass(eq=False, repr=False, kw_only=True)
class QNNQClassifier(QuantumClassifier):
    """QNN-Q: a circuit of Qiskit's library, an update a sample (Algorithm 2).

    Z feature map, RealAmplitudes, Qiskit's default observable (Z on every qubit); its expectation value, between -1 and 1, is
    taken as the logit of a binary cross-entropy, as the paper does. Samples come in the order given, in training and in testing.

    Whatever the weights, a sample and its mirror image get the same output, f(x) = f(-x) with x standardised: turning the
    sign of every input conjugates the state, RealAmplitudes and the observable are real, and an expectation value does not see
    the conjugation. Two classes on opposite sides of the mean are one to it (hence the tag ``poor_score``).

    Parameters
    ----------
    n_qubits : int, default=2
        Width of the circuit.
    map_reps, ansatz_reps : int, default=1
        Repetitions of feature map and ansatz; the paper leaves them open.
    epochs, learning_rate, engine, random_state, progress
        As for `QuantumClassifier`; by default 5 epochs at a rate of 0.03. The paper's engine is ``"qiskit"``.
        The first weights are drawn uniformly from [-1, 1).
    """

    _batch = "one"

    n_qubits: int = 2
    map_reps: int = 1
    ansatz_reps: int = 1
    epochs: int = 5
    learning_rate: float = 0.03

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = type(self) is QNNQClassifier
        return tags

    def _module(self, n_inputs: int, seed: int) -> Any:
        torch = require("torch", "circuits")
        circuit = qnn_q_circuit(n_inputs, self.n_qubits, self.map_reps, self.ansatz_reps)
        drawn = np.random.default_rng(seed).uniform(-1, 1, circuit.weight_shape)
        return circuit_module(circuit, self.engine, torch.as_tensor(drawn, dtype=torch.float32))


@dataclass(eq=False, repr=False, kw_only=True)
class QNNHClassifier(QNNQClassifier):
    """QNN-H: a classical network, QNN-Q's circuit and a last linear unit, trained together (Algorithm 3, Figure 2c).

    The paper names a CNN and draws a dense input layer and hidden layer; a row of two to five numbers has nothing to convolve, so
    the network is dense: features, `hidden` ReLU units, one number a qubit, the circuit, one logit. All features enter; no PCA.

    Parameters
    ----------
    hidden : int, default=8
        Units of the hidden layer.
    circuit : bool, default=True
        False takes the circuit out and leaves all else: what the classical part does alone.
    n_qubits, map_reps, ansatz_reps, epochs, learning_rate, engine, random_state, progress
        As for `QNNQClassifier`.
    """

    hidden: int = 8
    circuit: bool = True

    def _preparation(self, n_features: int) -> Any:
        return make_pipeline(StandardScaler())

    def _module(self, n_inputs: int, seed: int) -> Any:
        torch = require("torch", "circuits")
        middle = [super()._module(self.n_qubits, seed)] if self.circuit else []
        if self.circuit and self.engine != "qiskit":  # one number a sample, not a list of one
            middle.append(torch.nn.Unflatten(0, (-1, 1)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = [
                torch.nn.Linear(n_inputs, self.hidden),
                torch.nn.ReLU(),
                torch.nn.Linear(self.hidden, self.n_qubits),
            ]
            return torch.nn.Sequential(*before, *middle, torch.nn.Linear(1 if self.circuit else self.n_qubits, 1))


@dataclass(eq=False, repr=False)
class NoisyQNNPClassifier(QNNPClassifier):
    """QNN-P trained, and tested, with noise in its circuit.

    Parameters
    ----------
    noise : NoiseModel, optional
        None trains `QNNPClassifier` itself.
    n_qubits, n_layers, entangler, fill, epochs, learning_rate, engine, random_state, progress
        As for `QNNPClassifier`; only the engine ``"fast"`` has noise.
    """

    noise: NoiseModel | None = None

    def _module(self, n_inputs: int, seed: int) -> Any:
        if self.engine != "fast":
            raise ValueError(f"engine={self.engine!r} has no noise; allowed is 'fast'")
        return super()._module(n_inputs, seed).with_noise(self.noise)

"""The features that a circuit computes, without the training of the circuit: its trigonometric terms, and itself at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from qhelpers._extras import require
from qhelpers.circuits.low_energy import qnn_p_circuit

Array = NDArray[np.float64]


def fill_qubits(features: Array, n_qubits: int, fill: str) -> Array:
    """Return what the qubits read: the features alone (``"idle"``) or again and again until no qubit is left (``"repeat"``)."""
    if fill not in ("idle", "repeat"):
        raise ValueError(f"fill={fill!r} is unknown; allowed are 'idle' and 'repeat'")
    if fill == "idle":
        return features
    return np.take(features, np.arange(n_qubits) % features.shape[1], axis=1)


def _layer(n_features: int, n_qubits: int, n_layers: int, entangler: str, random: Any) -> Any:
    torch = require("torch", "circuits")
    from qhelpers.circuits.layer import QuantumLayer

    circuit = qnn_p_circuit(n_features, n_qubits, n_layers, entangler)
    first = torch.as_tensor(random.uniform(0, 2 * np.pi, circuit.weight_shape))
    shapes, start = {"weights": circuit.weight_shape}, {"weights": first}
    return QuantumLayer(circuit.pennylane(), shapes, init_method=start, n_inputs=n_features).double()


class TrigonometricFeatures(TransformerMixin, BaseEstimator):
    """Every product of sines and cosines that QNN-P's output can contain, a column each.

    A circuit is a sum of these with coefficients that its weights tie to each other. A linear model on the columns has the
    same functions and more: its coefficients are free, and fitting them is convex.

    Parameters
    ----------
    n_qubits : int, default=4
        Width of the circuit, at least the number of features.
    n_layers : int, default=3
        Layers of RY, RX and CNOTs.
    entangler : {"chain", "ring", "none"}, default="ring"
        Which CNOTs follow the rotations; they decide which terms there are.
    fill : {"idle", "repeat"}, default="idle"
        What the qubits beyond the features read: nothing, or the features again.

    Attributes
    ----------
    n_terms_ : int
        Columns, the constant left out.

    Examples
    --------
    >>> TrigonometricFeatures(entangler="chain").fit_transform(np.zeros((2, 4))).shape
    (2, 20)
    """

    def __init__(self, n_qubits: int = 4, n_layers: int = 3, entangler: str = "ring", fill: str = "idle") -> None:
        self.n_qubits = n_qubits
        self.n_layers = n_layers
        self.entangler = entangler
        self.fill = fill

    def fit(self, X: ArrayLike, y: Any = None) -> TrigonometricFeatures:
        """Read the circuit; of `X`, the angles in radians, only the number of columns counts."""
        features = fill_qubits(validate_data(self, X), self.n_qubits, self.fill)
        # which terms there are does not depend on the weights, as long as none of them is special
        random = np.random.default_rng(0)
        self.surrogate_ = _layer(features.shape[1], self.n_qubits, self.n_layers, self.entangler, random).surrogate()
        self.n_terms_ = int((self.surrogate_.factors != 0).any(1).sum())
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Value of each term at angles `X` (n_samples, n_features), shape (n_samples, n_terms)."""
        check_is_fitted(self, "surrogate_")
        torch = require("torch", "circuits")
        checked = validate_data(self, X, reset=False, dtype=np.float64)
        angles = torch.as_tensor(fill_qubits(checked, self.n_qubits, self.fill))
        terms: Array = self.surrogate_.terms(angles)[:, (self.surrogate_.factors != 0).any(1)].numpy()
        return terms


class RandomCircuitFeature(TransformerMixin, BaseEstimator):
    """Output of QNN-P with weights that are drawn once and never trained, one column.

    Parameters
    ----------
    n_qubits, n_layers, entangler, fill
        As in `TrigonometricFeatures`.
    random_state : int, RandomState or None
        Draws the weights, uniformly from [0, 2π).
    """

    def __init__(
        self, n_qubits: int = 4, n_layers: int = 3, entangler: str = "chain", fill: str = "idle", random_state: Any = None
    ) -> None:
        self.n_qubits = n_qubits
        self.n_layers = n_layers
        self.entangler = entangler
        self.fill = fill
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> RandomCircuitFeature:
        """Draw the weights; of `X`, the angles in radians, only the number of columns counts."""
        features = fill_qubits(validate_data(self, X), self.n_qubits, self.fill)
        random = check_random_state(self.random_state)
        self.layer_ = _layer(features.shape[1], self.n_qubits, self.n_layers, self.entangler, random)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Return ⟨Z₀⟩ at angles `X` (n_samples, n_features), shape (n_samples, 1)."""
        check_is_fitted(self, "layer_")
        torch = require("torch", "circuits")
        checked = validate_data(self, X, reset=False, dtype=np.float64)
        angles = torch.as_tensor(fill_qubits(checked, self.n_qubits, self.fill))
        with torch.no_grad():
            output: Array = self.layer_(angles).reshape(-1, 1).numpy()
        return output

"""The features that a circuit computes, without the training of the circuit: its trigonometric terms, and itself at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from qhelpers._extras import require
from qhelpers.circuits import VariationalCircuit
from qhelpers.models.quantum import angle_circuit, repeat_columns

Array = NDArray[np.float64]


def _layer(circuit: VariationalCircuit, random: Any) -> Any:
    """The circuit with weights drawn uniformly from [0, 2π)."""
    torch = require("torch", "circuits")
    from qhelpers.circuits.layer import QuantumLayer

    start = {"weights": torch.as_tensor(random.uniform(0, 2 * np.pi, circuit.weight_shape))}
    shapes = {"weights": circuit.weight_shape}
    return QuantumLayer(circuit.pennylane(), shapes, init_method=start, n_inputs=circuit.n_features).double()


class _CircuitFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What both transformers share: the circuit, and angles for all of its inputs."""

    circuit: VariationalCircuit | None

    def _circuit_for(self, n_features: int) -> VariationalCircuit:
        circuit = angle_circuit(n_features) if self.circuit is None else self.circuit
        if circuit.observable == "each":
            raise ValueError("the circuit measures each qubit; allowed is one number, 'first' or 'parity': choose one of them")
        if n_features > circuit.n_features:
            raise ValueError(
                f"X has {n_features} features and the circuit {circuit.n_features} inputs; give a circuit that reads them all, "
                "or fewer features"
            )
        return circuit

    def _angles(self, X: ArrayLike) -> Any:
        torch = require("torch", "circuits")
        checked = validate_data(self, X, reset=False, dtype=np.float64)
        return torch.as_tensor(repeat_columns(checked, self._circuit_for(checked.shape[1]).n_features))


class TrigonometricFeatures(_CircuitFeatures):
    """Every product of sines and cosines that a circuit's output can contain, a column each.

    A circuit is a sum of these with coefficients that its weights tie to each other. A linear model on the columns has the
    same functions and more: its coefficients are free, and fitting them is convex.

    Parameters
    ----------
    circuit : VariationalCircuit, optional
        With one observable (``"first"`` or ``"parity"``), whose data make a product state. Where it reads more than there are
        features, these are repeated. By default `qhelpers.models.quantum.angle_circuit` of as many features as there are.

    Attributes
    ----------
    n_terms_ : int
        Columns, the constant left out.

    Raises
    ------
    ValueError
        When fitted, if the circuit reads fewer than there are features, or measures each qubit.

    Examples
    --------
    >>> TrigonometricFeatures().fit_transform(np.zeros((2, 4))).shape
    (2, 80)
    """

    def __init__(self, circuit: VariationalCircuit | None = None) -> None:
        self.circuit = circuit

    def fit(self, X: ArrayLike, y: Any = None) -> TrigonometricFeatures:
        """Read the circuit; of `X`, the angles in radians, only the number of columns counts."""
        circuit = self._circuit_for(validate_data(self, X).shape[1])
        # which terms there are does not depend on the weights, as long as none of them is special
        self.surrogate_ = _layer(circuit, np.random.default_rng(0)).surrogate()
        self.n_terms_ = self._n_features_out = int((self.surrogate_.factors != 0).any(1).sum())
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Value of each term at angles `X` (n_samples, n_features), shape (n_samples, n_terms)."""
        check_is_fitted(self, "surrogate_")
        terms: Array = self.surrogate_.terms(self._angles(X))[:, (self.surrogate_.factors != 0).any(1)].numpy()
        return terms


class RandomCircuitFeature(_CircuitFeatures):
    """Output of a circuit with weights that are drawn once and never trained, one column.

    Parameters
    ----------
    circuit : VariationalCircuit, optional
        As in `TrigonometricFeatures`.
    random_state : int, RandomState or None
        Draws the weights, uniformly from [0, 2π).
    """

    def __init__(self, circuit: VariationalCircuit | None = None, random_state: Any = None) -> None:
        self.circuit = circuit
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> RandomCircuitFeature:
        """Draw the weights; of `X`, the angles in radians, only the number of columns counts."""
        circuit = self._circuit_for(validate_data(self, X).shape[1])
        self.layer_ = _layer(circuit, check_random_state(self.random_state))
        self._n_features_out = 1
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Output at angles `X` (n_samples, n_features), shape (n_samples, 1)."""
        check_is_fitted(self, "layer_")
        torch = require("torch", "circuits")
        with torch.no_grad():
            output: Array = self.layer_(self._angles(X)).reshape(-1, 1).numpy()
        return output

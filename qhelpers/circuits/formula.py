"""A trained circuit as the short formula that it is, for a reader, a page or a program without any quantum code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhelpers.circuits.layer import QuantumLayer

Array = NDArray[np.float64]

_POWERS = {0: "", 1: "", 2: "²", 3: "³", 4: "⁴"}


@dataclass(frozen=True)
class Formula:
    """A sum of products of sines and cosines of standardised sensors, one output.

    output = Σ_t coefficients[t] Π_s cos(z_s)^powers[t, s, 0] sin(z_s)^powers[t, s, 1], with z = (x - mean) / scale in radians.

    Attributes
    ----------
    names : tuple of str
        Sensors.
    mean, scale : ndarray of shape (n_sensors,)
        In the sensors' units.
    powers : ndarray of int of shape (n_terms, n_sensors, 2)
    coefficients : ndarray of shape (n_terms,)
        Largest first.
    seen : ndarray of bool of shape (n_sensors,)
        Whether the measurement can see the sensor at all, whatever the weights.
    n_weights, n_live : int
        Weights of the circuit, and how many of them the measurement can see.
    """

    names: tuple[str, ...]
    mean: Array
    scale: Array
    powers: NDArray[np.int64]
    coefficients: Array
    seen: NDArray[np.bool_]
    n_weights: int
    n_live: int

    def terms(self, X: ArrayLike) -> Array:
        """Value of each term's product at readings `X` (n_samples, n_sensors), shape (n_samples, n_terms)."""
        angles = (np.asarray(X, dtype=float) - self.mean) / self.scale
        waves = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        found: Array = np.prod(waves[:, None] ** self.powers, axis=(2, 3))
        return found

    def __call__(self, X: ArrayLike) -> Array:
        """Output at readings `X` (n_samples, n_sensors) in the sensors' units, shape (n_samples,)."""
        found: Array = self.terms(X) @ self.coefficients
        return found

    def text(self, term: int, symbols: Sequence[str] | None = None) -> str:
        """Return a term's product as text, for instance ``cos T · sin² L``."""
        parts = []
        for symbol, powers in zip(symbols or self.names, self.powers[term], strict=True):
            parts += [f"{wave}{_POWERS[int(p)]} {symbol}" for wave, p in zip(("cos", "sin"), powers, strict=True) if p]
        return " · ".join(parts) or "1"


def formula_of(layer: QuantumLayer, names: Sequence[str], mean: ArrayLike, scale: ArrayLike) -> Formula:
    """Return the formula that a layer computes with its present weights.

    Parameters
    ----------
    layer : QuantumLayer
        One expectation value; its angles are its inputs.
    names : sequence of str
        Sensors. Inputs read one after the other, and again from the first.
    mean, scale : array-like of shape (n_sensors,)
        How readings become inputs: (x - mean) / scale.

    Returns
    -------
    Formula
        Terms that are equal because inputs read the same sensor are added up.

    Raises
    ------
    ValueError
        If the layer has several outputs, or turns a qubit by something else than an input.
    """
    surrogate = layer.surrogate()
    coefficients = surrogate.coefficients.detach().numpy()
    rates, offset = surrogate.rates.numpy(), surrogate.offset.numpy()
    if coefficients.shape[1] != 1:
        raise ValueError(f"the layer has {coefficients.shape[1]} outputs; a formula has one: measure one expectation value")
    if np.abs(offset).max() > 0 or not ((rates == 1).sum(1) == 1).all() or np.abs(rates).sum() != len(rates):
        raise ValueError("an angle of the layer is not one input as it is; a formula is written for RY(x), RX(x) or RZ(x)")
    reads = np.arange(rates.shape[1]) % len(names)
    sums: dict[bytes, float] = {}
    shape = (len(names), 2)
    for row, value in zip(surrogate.factors.numpy(), coefficients[:, 0], strict=True):
        powers = np.zeros(shape, np.int64)
        for place, factor in enumerate(row):
            if factor:
                powers[reads[rates[place].argmax()], factor - 1] += 1
        sums[powers.tobytes()] = sums.get(powers.tobytes(), 0.0) + float(value)
    order = sorted(sums, key=lambda key: -abs(sums[key]))
    cone = layer.light_cone()
    seen = np.zeros(len(names), bool)
    seen[reads[cone.inputs[0]]] = True
    return Formula(
        names=tuple(names),
        mean=np.asarray(mean, dtype=float),
        scale=np.asarray(scale, dtype=float),
        powers=np.array([np.frombuffer(key, np.int64).reshape(shape) for key in order]),
        coefficients=np.array([sums[key] for key in order]),
        seen=seen,
        n_weights=cone.weights.shape[1],
        n_live=int(cone.weights[0].sum()),
    )

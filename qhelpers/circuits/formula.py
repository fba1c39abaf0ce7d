"""A trained circuit as the short formula that it is, for a reader, a page or a program without any quantum code.

`formula_of` takes it from a layer and from the scaling of its inputs; `live_markup` puts some of them on a page of the site,
where ``book/_static/circuit-live.js`` lets the reader move the sensors.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from qhelpers.circuits.layer import QuantumLayer
from qhelpers.circuits.low_energy import qnn_p_circuit

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


def formula_of(
    layer: QuantumLayer, names: Sequence[str], mean: ArrayLike, scale: ArrayLike, columns: Sequence[int] | None = None
) -> Formula:
    """Return the formula that a layer computes with its present weights.

    Parameters
    ----------
    layer : QuantumLayer
        One expectation value; its angles are its inputs.
    names : sequence of str
        Sensors.
    mean, scale : array-like of shape (n_sensors,)
        How readings become inputs: (x - mean) / scale.
    columns : sequence of int, optional
        Which sensor each input reads; by default one after the other, and again from the first.

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
    reads = np.arange(rates.shape[1]) % len(names) if columns is None else np.asarray(columns)
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


def qnn_p_layer(entangler: str, weights: ArrayLike) -> QuantumLayer:
    """QNN-P's circuit with given weights (n_layers, n_qubits, 2), a qubit an input, for instance as a record holds them."""
    values = torch.as_tensor(np.asarray(weights, dtype=float))
    n_layers, n_qubits, _ = values.shape
    circuit = qnn_p_circuit(n_qubits, n_qubits, n_layers, entangler)
    start = {"weights": values}
    return QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, start, n_inputs=n_qubits).double()


def qnn_p_formula(names: Sequence[str], entangler: str, arrays: Mapping[str, Any]) -> Formula:
    """Return the formula of a trained QNN-P from the arrays of its record.

    Parameters
    ----------
    names : sequence of str
        Sensors, in the order of the features; they are repeated until no qubit is left.
    entangler : {"chain", "ring", "none"}
    arrays : mapping
        ``weights.weights``, ``scaler_mean``, ``scaler_scale``.
    """
    layer = qnn_p_layer(entangler, arrays["weights.weights"])
    return formula_of(layer, names, arrays["scaler_mean"], arrays["scaler_scale"])


@dataclass(frozen=True)
class Sensor:
    """A slider: symbol in formulas, unit, and the readings that it reaches."""

    name: str
    symbol: str
    unit: str
    low: float
    high: float
    step: float

    @classmethod
    def of(cls, name: str, symbol: str, unit: str, readings: ArrayLike, n_steps: int = 500) -> Sensor:
        """Slider over the middle 99 % of readings, in about `n_steps` round steps."""
        low, high = np.quantile(np.asarray(readings, dtype=float), [0.005, 0.995])
        rough = (high - low) / n_steps
        power = 10.0 ** np.floor(np.log10(rough))
        step = float(power * min((1, 2, 5, 10), key=lambda digit: abs(digit * power - rough)))
        first, last = (float(np.round(whole(x / step) * step, 9)) for whole, x in ((np.floor, low), (np.ceil, high)))
        return cls(name, symbol, unit, first, last, step)


@dataclass(frozen=True)
class Task:
    """What a page shows of one data set.

    Attributes
    ----------
    name : str
        For the reader, for instance ``"the room"``.
    classes : (str, str)
        What outputs below and above 0 mean.
    sensors : sequence of Sensor
    formulas : mapping of str to Formula
        By name of the CNOTs' arrangement.
    about : mapping of str to str
        A sentence on each formula.
    records : mapping of str to str
        Id of the record that each formula comes from.
    train, test : tuple of (array-like of shape (n, n_sensors), array-like of shape (n,))
        Readings and labels 0 and 1 that the page fits coefficients to, and tests them on.
    """

    name: str
    classes: tuple[str, str]
    sensors: Sequence[Sensor]
    formulas: Mapping[str, Formula]
    about: Mapping[str, str]
    records: Mapping[str, str]
    train: tuple[ArrayLike, ArrayLike]
    test: tuple[ArrayLike, ArrayLike]

    def presets_of_classes(self) -> dict[str, list[float]]:
        """Settings of the sliders: the median readings of each class."""
        X, y = np.asarray(self.train[0], dtype=float), np.asarray(self.train[1])
        return {name: _settings(self.sensors, np.median(X[y == label], axis=0)) for label, name in enumerate(self.classes)}


def _settings(sensors: Sequence[Sensor], values: Array) -> list[float]:
    """Return what sliders can show of values."""
    steps = [round((min(max(v, s.low), s.high) - s.low) / s.step) for s, v in zip(sensors, values, strict=True)]
    return [round(s.low + n * s.step, 9) for s, n in zip(sensors, steps, strict=True)]


def _points(points: tuple[ArrayLike, ArrayLike]) -> dict[str, Any]:
    X, y = np.asarray(points[0], dtype=float), np.asarray(points[1])
    return {"X": [[float(f"{v:.6g}") for v in row] for row in X], "y": [int(label) for label in y]}


def _task(task: Task) -> dict[str, Any]:
    formulas = {
        kind: {
            "about": task.about[kind],
            "record": task.records[kind],
            "mean": one.mean.tolist(),
            "scale": one.scale.tolist(),
            "seen": one.seen.tolist(),
            "weights": [one.n_live, one.n_weights],
            "powers": one.powers.reshape(len(one.powers), -1).tolist(),
            "coefficients": one.coefficients.tolist(),
        }
        for kind, one in task.formulas.items()
    }
    return {
        "name": task.name,
        "classes": list(task.classes),
        "sensors": [vars(sensor) for sensor in task.sensors],
        "presets": task.presets_of_classes(),
        "formulas": formulas,
        "train": _points(task.train),
        "test": _points(task.test),
    }


def live_markup(tasks: Sequence[Task], data: str, n_terms: int = 12) -> str:
    """Return the HTML of a page's live formulas: what the script reads, and what is shown without it.

    Parameters
    ----------
    tasks : sequence of Task
    data : str
        Where the points for fitting come from, for instance ``"the synthetic twin"``.
    n_terms : int, default=12
        Terms a formula in the table that is shown where no script runs.
    """
    text = json.dumps({"data": data, "tasks": [_task(task) for task in tasks]}, separators=(",", ":"), ensure_ascii=False)
    tables = "".join(_static(task, kind, n_terms) for task in tasks for kind in task.formulas)
    return (
        '<div class="qh-live"><script type="application/json">' + text.replace("</", "<\\/") + "</script>"
        '<div class="qh-live-static"><p>On the site, with scripts allowed, sliders stand here and the formulas move. Without, '
        "these are the same formulas: each sensor's reading is standardised to an angle in radians, and the output is the sum of "
        f"the terms, each times its coefficient; above 0 is the second class. Shown are the {n_terms} largest terms of each.</p>"
        f"{tables}</div></div>"
    )


def _static(task: Task, kind: str, n_terms: int) -> str:
    formula = task.formulas[kind]
    symbols = [sensor.symbol for sensor in task.sensors]
    angles = "; ".join(
        f"{sensor.symbol} = ({sensor.name} − {mean:.4g}) / {scale:.4g} in {sensor.unit}"
        + ("" if seen else ", which cannot reach the output")
        for sensor, mean, scale, seen in zip(task.sensors, formula.mean, formula.scale, formula.seen, strict=True)
    )
    rows = "".join(
        f'<tr><td>{html.escape(formula.text(t, symbols))}</td><td class="num">{_signed(formula.coefficients[t])}</td></tr>'
        for t in range(min(n_terms, len(formula.coefficients)))
    )
    count = f"{len(formula.coefficients)} terms"
    caption = html.escape(f"{task.name}, {kind}, {count}: {task.classes[0]} below 0, {task.classes[1]} above. {angles}.")
    label = html.escape(f"{task.name}, {kind}: the largest terms", quote=True)
    return (
        f'<div class="qh-table" tabindex="0" role="region" aria-label="{label}"><table><caption>{caption}</caption><thead><tr>'
        f'<th scope="col">term</th><th scope="col">coefficient</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")

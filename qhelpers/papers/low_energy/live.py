"""A trained QNN-P as a formula that a page runs: ``book/_static/circuit-live.js`` lets the reader move the sensors."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from qhelpers.circuits.formula import Formula, formula_of
from qhelpers.circuits.layer import QuantumLayer
from qhelpers.papers.low_energy.circuits import qnn_p_circuit

Array = NDArray[np.float64]


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


def live_markup(tasks: Sequence[Task], data: str, n_terms: int = 12, brief: bool = False) -> str:
    """Return the HTML of a page's live formulas: what the script reads, and what is shown without it.

    Parameters
    ----------
    tasks : sequence of Task
    data : str
        Where the points for fitting come from, for instance ``"the synthetic twin"``.
    n_terms : int, default=12
        Terms a formula in the table that is shown where no script runs.
    brief : bool
        Sliders and the answer alone: without the terms, and without rows to fit them to.
    """
    given = [_task(task) for task in tasks]
    if brief:
        given = [{name: value for name, value in task.items() if name not in ("train", "test")} for task in given]
    text = json.dumps({"data": data, "tasks": given}, separators=(",", ":"), ensure_ascii=False)
    tables = "".join(_static(task, kind, n_terms) for task in tasks for kind in task.formulas)
    return (
        f'<div class="qh-live"{" data-brief" if brief else ""}><script type="application/json">'
        + text.replace("</", "<\\/")
        + "</script>"
        '<div class="qh-live-static"><p>On the site, with scripts allowed, sliders stand here and the formulas move. Without, '
        "these are the same formulas: each sensor's reading is standardised to an angle in radians, and the output is the sum of "
        f"the terms, each times its coefficient; above 0 is the second class. Shown are the {n_terms} largest terms of each.</p>"
        f"{tables}</div></div>"
    )


def front() -> str:
    """The best network of the paper with the median accuracy on the room, as a chain and as a ring, for the book's first page.

    Weights are recorded ones, trained on the real data; the reach of sliders and typical readings are the twin's.
    """
    from qhelpers import datasets
    from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw
    from qhelpers.runs import records

    known = datasets.load("occupancy", source="twin", seed=0)
    rows, _ = draw(known, "300+300", np.random.default_rng(0))  # those that chapter 1.4 takes its typical readings from
    names, symbols = FEATURES["occupancy"], ("T", "H", "L", "C")
    runs, about = {}, {}
    for kind in ("chain", "ring"):
        wanted = {"model": "qnn-p", "data": "occupancy", "regime": "300+300", "entangler": kind}
        ranked = sorted(
            records.select(records.measured("low-energy"), **wanted), key=lambda run: (run.metrics["accuracy"], run.seed)
        )
        runs[kind] = ranked[len(ranked) // 2]
        about[kind] = f"Median of {len(ranked)} trainings: accuracy {runs[kind].metrics['accuracy']:.3f}."
    task = Task(
        "the room",
        tuple(known.meaning.values()),
        [Sensor.of(n.replace("CO2", "CO₂"), s, known.units[n], known.X[n]) for n, s in zip(names, symbols, strict=True)],
        {kind: qnn_p_formula(names, kind, run.arrays()) for kind, run in runs.items()},
        about,
        {kind: run.id for kind, run in runs.items()},
        (known.X[names].to_numpy()[rows], known.y[rows]),
        (known.X[names].to_numpy()[:0], known.y[:0]),
    )
    return live_markup([task], "the synthetic twin", n_terms=6, brief=True)


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

"""Experiment of paper 1: what training and 1,000 predictions cost in processor seconds, and what is counted beside them.

Only seconds of this processor are measured. Watt-hours and grams are estimates (`qhelpers.energy`), and so is the time on a
quantum computer, at the rates that its makers state.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from qhelpers import energy
from qhelpers.circuits import VariationalCircuit
from qhelpers.circuits.export_c import CFunction, export_c, has_compiler
from qhelpers.datasets import Dataset
from qhelpers.evaluation import binary_metrics, confusion_counts
from qhelpers.papers.low_energy.circuits import qnn_p_circuit, qnn_q_circuit
from qhelpers.papers.low_energy.controls import TRIALS
from qhelpers.papers.low_energy.experiments import tables
from qhelpers.papers.low_energy.experiments.tables import (
    CLASSICAL,
    EPOCHS,
    LEARNING_RATES,
    Fitted,
    fitted,
    of_paper,
    scores,
)
from qhelpers.runs.experiment import Outcome

DATA = ("occupancy", "ton_iot_gps")
#: The paper's own software for each of its networks.
LITERAL = {"qnn-p": "pennylane", "qnn-q": "qiskit", "qnn-h": "qiskit"}
#: Beside the networks: the nine of the paper's tables, one rule, and a convex fit of the circuit's own terms.
PLAIN = ("majority", "one-threshold", *CLASSICAL, "trigonometric-chain", "trigonometric-ring")
#: The trained circuit in C, by the type of its arithmetic.
FIRMWARE = {"c-float32": "float32", "c-int16": "int16"}
#: Lowest and highest reading of each sensor's 16-bit converter.
SPANS = {
    "Temperature": (0.0, 50.0),
    "Humidity": (0.0, 100.0),
    "Light": (0.0, 2000.0),
    "CO2": (0.0, 2500.0),
    "latitude": (0.0, 600.0),
    "longitude": (0.0, 600.0),
}
#: A mean decision error from a finite number of shots that is accepted.
DECISION_ERROR = 0.01
MOST_SHOTS = 1_000_001
N_PREDICTIONS = 1000
#: Calls with one row each that are timed; the cost of 1,000 is scaled from them.
N_SINGLE = 50
#: Literal networks are timed on so many samples and epochs, and twice as many; an epoch costs the difference.
LITERAL_SHARE = {"pennylane": (300, 10), "qiskit": (60, 1)}


def cpu_seconds(call: Callable[[], Any], at_least: float = 0.1) -> float:
    """Processor seconds of a call: it is repeated until `at_least` seconds are spent, and the mean is taken."""
    n, start = 0, time.process_time()
    while (spent := time.process_time() - start) < at_least or not n:
        call()
        n += 1
    return spent / n


def decision_error(z: ArrayLike, shots: int, threshold: float = 0.0) -> float:
    """Mean chance that the sign of the mean of `shots` measurements of ±1 differs from that of their expectation values.

    Parameters
    ----------
    z : array-like of shape (n_samples,)
        Exact expectation values.
    shots : int
    threshold : float, default=0
        Where the decision is made. At or below it is one class, above it the other.
    """
    values = np.clip(np.asarray(z, float), -1, 1)
    below = binom.cdf(np.floor(shots * (1 + threshold) / 2 + 1e-9), shots, (1 + values) / 2)
    return float(np.where(values > threshold, below, 1 - below).mean())


def shots_for(z: ArrayLike, error: float = DECISION_ERROR, threshold: float = 0.0) -> float:
    """Smallest odd number of shots with a mean `decision_error` below `error`; NaN if a million is not enough."""
    if decision_error(z, MOST_SHOTS, threshold) >= error:
        return float("nan")
    low, high = 0, 1  # numbers 2k + 1: `high` will do
    while decision_error(z, 2 * high + 1, threshold) >= error:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decision_error(z, 2 * middle + 1, threshold) < error else (middle, high)
    return 1.0 if decision_error(z, 1, threshold) < error else 2.0 * high + 1


def compiled(circuit: VariationalCircuit, machine: energy.QuantumMachine) -> list[tuple[str, tuple[int, ...]]]:
    """Gates of a circuit with their qubits in a machine's own set, by Qiskit's transpiler at level 3."""
    from qiskit import transpile
    from qiskit.transpiler import CouplingMap
    from qiskit.transpiler.passes import RemoveBarriers

    plain = RemoveBarriers()(circuit.qiskit()[0])
    line = CouplingMap.from_line(circuit.n_qubits) if machine.linear else None
    built = transpile(plain, basis_gates=list(machine.gates), coupling_map=line, optimization_level=3, seed_transpiler=0)
    return [(gate.operation.name, tuple(built.find_bit(qubit).index for qubit in gate.qubits)) for gate in built.data]


def _depth(operations: list[tuple[str, tuple[int, ...]]]) -> int:
    """Layers of gates that take time."""
    ready: dict[int, int] = {}
    for name, qubits in operations:
        if name != "rz":
            ready |= dict.fromkeys(qubits, 1 + max(ready.get(qubit, 0) for qubit in qubits))
    return max(ready.values(), default=0)


def circuit_of(model: Any) -> VariationalCircuit:
    """Circuit of a fitted network, which takes its angles from features or from the layers before it."""
    if hasattr(model, "entangler"):
        return qnn_p_circuit(min(model.n_inputs_, model.n_qubits), model.n_qubits, model.n_layers, model.entangler)
    n_inputs = model.n_qubits if hasattr(model, "hidden") else model.n_inputs_
    return qnn_q_circuit(n_inputs, model.n_qubits, model.map_reps, model.ansatz_reps)


def expectations(found: Fitted) -> tuple[NDArray[np.float64], float]:
    """Exact expectation values of the test rows, and the one at which the network decides.

    QNN-H puts a linear unit behind its circuit, logit = a z + b, so that it decides at z = -b/a.
    """
    logits = scores(found, found.test)
    if not hasattr(found.model, "hidden"):
        return logits, 0.0
    last = found.model.module_[-1]
    slope, offset = float(last.weight.detach()[0, 0]), float(last.bias.detach()[0])
    return (logits - offset) / slope, -offset / slope


def c_function(model: Any, names: Sequence[str], number: str, units: Mapping[str, str] | None = None) -> CFunction:
    """Write a fitted QNN-P or QNN-Q as a C function of its readings, with its scaler folded in.

    Parameters
    ----------
    model : QNNPClassifier or QNNQClassifier
        Fitted, on the engine ``"fast"``.
    names : list of str
        Columns that it was fitted on; each has a span in `SPANS`.
    number : {"float32", "int16"}
    units : mapping of str to str, optional
        Units of the columns, for the comment above the function.
    """
    scaler = model.preparation_[0]

    def inputs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        prepared: NDArray[np.float64] = model._encode(model.preparation_.transform(rows))
        return prepared

    steps = scaler.mean_ + np.diag(scaler.scale_)
    gain = (inputs(steps) - inputs(scaler.mean_[None])).T / scaler.scale_
    return export_c(
        model.module_.surrogate(),
        gain,
        scaler.mean_,
        names=[f"{name} ({units[name]})" if units else name for name in names],
        number=number,
        spans=[SPANS[name] for name in names],
        name=type(model).__name__.removesuffix("Classifier").lower(),
    )


#: Who computes, by the entry ``engine``; plain models have none.
FAMILIES = {
    "pennylane": "paper's software",
    "qiskit": "paper's software",
    "fast": "this book's engine",
    "c-float32": "C function",
    "c-int16": "C function",
}


def label(config: Mapping[str, Any]) -> str:
    """What chapters call the model of a config."""
    if "engine" not in config:
        return str(config["model"]).replace("-", " ")
    network = config["model"].upper() + (f", {config['entangler']}" if "entangler" in config else "")
    return f"{network} ({config['engine'].removeprefix('c-')})" if config["engine"] in FIRMWARE else network


def family(config: Mapping[str, Any]) -> str:
    """Who computes it: the paper's software, this book's engine, scikit-learn, or the C function."""
    return FAMILIES[config["engine"]] if "engine" in config else "scikit-learn"


def quartiles(records: Sequence[Any], metric: str) -> pd.DataFrame:
    """Median and quartiles over repeats, a row a model: ``label``, ``family``, ``n``, ``low``, ``median``, ``high``."""
    found: dict[tuple[str, str], list[float]] = {}
    for record in records:
        if metric in record.metrics:
            found.setdefault((family(record.config), label(record.config)), []).append(record.metrics[metric])
    rows = []
    for (who, name), values in found.items():
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        rows.append({"label": name, "family": who, "n": len(values), "low": low, "median": median, "high": high})
    return pd.DataFrame(rows)


def _quietly_fit(model: Any, X: NDArray[Any], y: NDArray[Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def _rows(found: Fitted, seed: int) -> NDArray[np.float64]:
    """1,000 rows that were not trained on."""
    others = np.setdiff1d(np.arange(len(found.y)), found.train)
    rng = np.random.default_rng([seed, 1])
    return found.X[rng.choice(others, N_PREDICTIONS, replace=len(others) < N_PREDICTIONS)]


def _predictions(model: Any, rows: NDArray[np.float64]) -> dict[str, float]:
    """Seconds of 1,000 predictions in one call, and row by row, as a sensor sends them."""
    model.predict(rows[:2])  # what a first call sets up is not counted
    single = rows[:N_SINGLE, None, :]
    return {
        "predict_cpu_seconds_per_1000": cpu_seconds(lambda: model.predict(rows)),
        "predict_single_cpu_seconds_per_1000": cpu_seconds(lambda: [model.predict(row) for row in single])
        * N_PREDICTIONS
        / len(single),
    }


def _fast(config: Mapping[str, Any], seed: int, dataset: Dataset, found: Fitted, tuned: float) -> dict[str, float]:
    """Seconds of a model that is trained here as it is; `tuned` is what drawing, tuning and training took together."""
    X, y = found.X[found.train], found.y[found.train]
    searched = config["model"] in TRIALS  # three values on an inner split, then the best on all
    model = found.model.best_estimator_ if searched else found.model
    alone = cpu_seconds(lambda: _quietly_fit(clone(model), X, y))
    if searched or "learning_rates" in config:
        tuned -= cpu_seconds(lambda: tables.draw(dataset, config["regime"], np.random.default_rng(0)))
    else:
        tuned = alone
    return {"train_cpu_seconds": alone, "train_tuned_cpu_seconds": max(alone, tuned)} | _predictions(
        found.model, _rows(found, seed)
    )


def literal_twin(found: Fitted, engine: str, n_samples: int, epochs: int) -> Any:
    """The network of `found` in the paper's software: trained a little there, then with the weights of `found`."""
    rows = np.concatenate([found.train[found.y[found.train] == label][: n_samples // 2] for label in (0, 1)])
    twin = clone(found.model).set_params(engine=engine, epochs=epochs).fit(found.X[rows], found.y[rows])
    for target, source in zip(twin.module_.parameters(), found.model.module_.parameters(), strict=True):
        target.data.copy_(source.data.reshape(target.shape))
    twin.preparation_ = found.model.preparation_
    return twin


def _literal(config: Mapping[str, Any], seed: int, found: Fitted) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds of a network in the paper's software, scaled from a few epochs: each is as long as the next."""
    engine = config["engine"]
    n_samples, epochs = LITERAL_SHARE[engine]
    literal_twin(found, engine, 4, 1)  # what a first call sets up is not counted
    short = cpu_seconds(lambda: literal_twin(found, engine, n_samples, epochs), at_least=0.0)
    long = cpu_seconds(lambda: literal_twin(found, engine, n_samples, 2 * epochs), at_least=0.0)
    by_sample = engine == "qiskit"  # an update a sample; PennyLane takes all at once
    epoch = (long - short) / epochs * (len(found.train) / n_samples if by_sample else 1)
    start = max(0.0, short - (long - short))
    twin = literal_twin(found, engine, n_samples, epochs)
    n_validation = len(found.train) // 5
    validation = cpu_seconds(lambda: twin.decision_function(found.X[found.train[:n_validation]]), at_least=0.0)
    trial = start + config["max_epochs"] * (epoch * (0.8 if by_sample else 1) + validation)
    alone = start + found.chosen["epochs"] * epoch
    rows = found.X[found.test]
    difference = float(np.abs(twin.decision_function(rows[:50]) - found.model.decision_function(rows[:50])).max())
    seconds = {
        "train_cpu_seconds": alone,
        "train_tuned_cpu_seconds": alone + len(config["learning_rates"]) * trial,
        "epoch_cpu_seconds": epoch,
        "difference_from_fast": difference,
    } | _predictions(twin, _rows(found, seed))
    return seconds, {"measured_samples": n_samples, "measured_epochs": 3 * epochs}


def quantum_counts(config: Mapping[str, Any], found: Fitted) -> dict[str, float]:
    """Executions, shots, gates and time of a network on quantum computers at stated rates; nothing of it is measured.

    An execution is a circuit with its angles; it takes as many shots as `shots_for` says. The parameter shift (Eq. 19) runs two
    for each weight of the circuit, sample and epoch; where layers stand before the circuit, two for each of its inputs as well.
    """
    circuit = circuit_of(found.model)
    n_weights = int(np.prod(circuit.weight_shape))
    shifted = n_weights + (circuit.n_features if hasattr(found.model, "hidden") else 0)
    n_train, epochs = len(found.train), found.chosen["epochs"]
    z, threshold = expectations(found)
    shots = shots_for(z, threshold=threshold)
    trials = len(config["learning_rates"]) * config["max_epochs"]
    counts = {
        "circuit_weights": n_weights,
        "executions_train": 2 * shifted * n_train * epochs,
        "executions_train_forward": n_train * epochs,
        "executions_train_tuned": (2 * shifted + 1) * n_train * (epochs + 0.8 * trials) + 0.2 * n_train * trials,
        "executions_predict_per_1000": N_PREDICTIONS,
        "shots": shots,
        "median_abs_z": float(np.median(np.abs(z - threshold))),
    }
    for machine in energy.MACHINES:
        gates = compiled(circuit, machine)
        if machine is energy.SUPERCONDUCTING:
            counts["gates_1q"] = sum(len(qubits) == 1 and name != "rz" for name, qubits in gates)
            counts["gates_virtual"] = sum(name == "rz" for name, _ in gates)
            counts["gates_2q"] = sum(len(qubits) == 2 for _, qubits in gates)
            counts["depth"] = _depth(gates)
        key = machine.name.replace(" ", "_")
        shot = machine.shot_seconds(gates)
        training = counts["executions_train"] + counts["executions_train_forward"]
        counts[f"{key}_shot_seconds"] = shot
        counts[f"{key}_train_seconds"] = training * shots * shot
        counts[f"{key}_predict_seconds_per_1000"] = N_PREDICTIONS * shots * shot
        for part in ("train_{}", "predict_{}_per_1000"):
            seconds = counts[f"{key}_{part.format('seconds')}"]
            counts[f"{key}_{part.format('wh')}"] = seconds * machine.watts / energy.JOULES_PER_WATT_HOUR
    return {name: float(value) for name, value in counts.items() if not np.isnan(value)}


def _firmware(config: Mapping[str, Any], seed: int, found: Fitted) -> tuple[dict[str, float], NDArray[np.int64]]:
    """Cost of the C function and how far it is from the circuit, on every row of the data set; and its decisions on the test."""
    function = c_function(found.model, tables.FEATURES[config["data"]], FIRMWARE[config["engine"]])
    call = function.compile()
    labels, outputs = call(found.X)
    exact = found.model.decision_function(found.X)
    counts = function.counts(_rows(found, seed))
    seconds = cpu_seconds(lambda: call.raw(counts))
    metrics = {
        "predict_cpu_seconds_per_1000": seconds,
        "predict_single_cpu_seconds_per_1000": seconds,
        "terms": function.n_terms,
        "multiply_adds": function.multiply_adds,
        "constant_bytes": function.constant_bytes,
        "max_difference": float(np.abs(outputs - exact).max()),
        "max_difference_test": float(np.abs(outputs - exact)[found.test].max()),
        "agreement": float(np.mean(labels == (exact > 0))),
        "agreement_test": float(np.mean(labels[found.test] == (exact > 0)[found.test])),
        "rows": len(found.X),
    }
    for target in ("host", "cortex-m4", "cortex-m0plus"):
        if has_compiler(target):
            metrics[f"object_bytes_{target.replace('-', '_')}"] = function.object_size(target)
    if has_compiler("cortex-m4"):
        metrics["instructions_cortex_m4"] = function.instructions("cortex-m4")
        cost = energy.microcontroller_watt_hours(metrics["instructions_cortex_m4"] * N_PREDICTIONS)
        metrics["microcontroller_wh_per_1000"] = cost
    return {name: float(value) for name, value in metrics.items()}, labels[found.test].astype(np.int64)


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Measure one model.

    Parameters
    ----------
    config : mapping
        As of the experiment ``low-energy``, with ``engine`` ``"fast"``, ``"pennylane"`` or ``"qiskit"`` for networks, or a key of
        `FIRMWARE` for the trained QNN-P in C.
    seed : int
        Decides rows and weights, as there.
    dataset : Dataset

    Returns
    -------
    Outcome
        ``metrics``: accuracy on the test rows, ``train_cpu_seconds`` (final training), ``train_tuned_cpu_seconds`` (with the
        search for learning rate and epochs), ``predict_cpu_seconds_per_1000`` (one call), and with ``predict_single`` a call a
        row; the same in ``wh`` and ``gco2`` (world's mean); for networks `quantum_counts`.
    """
    engine = config.get("engine", "fast")
    plain = dict(config) | ({"engine": "fast"} if "engine" in config else {})
    fitted(plain | ({"max_epochs": 1} if "max_epochs" in plain else {}), seed, dataset)  # a first call's set-up is not counted
    start = time.process_time()
    found = fitted(plain, seed, dataset)
    tuned = time.process_time() - start
    predicted = found.model.predict(found.X[found.test])
    chosen: dict[str, Any] = {key: found.chosen[key] for key in ("learning_rate", "epochs") if key in found.chosen}
    if engine in FIRMWARE:
        metrics, predicted = _firmware(config, seed, found)
    elif engine == "fast":
        metrics = _fast(plain, seed, dataset, found, tuned)
    else:
        metrics, scaled = _literal(config, seed, found)
        chosen |= scaled
    watts, intensity = energy.watts_per_core(), energy.carbon_intensity()
    for name in [name for name in metrics if "cpu_seconds" in name and name.startswith(("train", "predict"))]:
        spent = energy.watt_hours(metrics[name], watts.value)
        metrics[name.replace("cpu_seconds", "wh")] = spent
        metrics[name.replace("cpu_seconds", "gco2")] = spent * intensity.value / 1000
    if engine not in FIRMWARE and "learning_rates" in config:
        metrics |= quantum_counts(config, found)
    metrics["accuracy"] = binary_metrics(found.y[found.test], predicted)["accuracy"]
    chosen["constants"] = {one.name: [one.value, one.unit, one.source] for one in (watts, intensity)}
    return Outcome(metrics, confusion_counts(found.y[found.test], predicted), chosen, metrics.get("train_cpu_seconds", 0.0))


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every model on both data sets; a seed is one more repeat."""
    repeats = 1 if profile == "quick" else 5
    entries: list[dict[str, Any]] = []
    budget = {"learning_rates": list(LEARNING_RATES)}
    for data in DATA:
        cell = {"data": data, "regime": "300+300"}
        entries += [{"model": model} | cell for model in PLAIN]
        for kind in ("chain", "ring"):
            base = {"model": "qnn-p", "entangler": kind, "max_epochs": EPOCHS[profile]["qnn-p"]} | cell | budget
            entries += [base | {"engine": engine} for engine in ("fast", *FIRMWARE, LITERAL["qnn-p"])]
        for model in ("qnn-q", "qnn-h"):
            base = {"model": model, "max_epochs": EPOCHS[profile][model]} | cell | budget
            entries += [base | {"engine": engine} for engine in ("fast", LITERAL[model])]
    return [(entry, repeats) for entry in entries]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if "max_epochs" not in config:
        return 1.0
    if config["model"] == "qnn-p":
        return 2.0 if config["engine"] == "pennylane" else 1.0
    return 0.4 * config["max_epochs"] + (8.0 if config["engine"] == "qiskit" else 1.0)


EXPERIMENT = of_paper(
    name="energy",
    version="1",
    about="paper 1: processor seconds of training and prediction, circuit executions, and the trained circuit in C",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="predict_cpu_seconds_per_1000",
    times=lambda config: r"metrics\.(epoch|train|predict)(_tuned|_single)?_(cpu_seconds|wh|gco2)(_per_1000)?",
)

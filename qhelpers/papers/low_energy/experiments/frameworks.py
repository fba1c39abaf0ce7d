"""Is it the framework? Circuit, recipe of training and library, which the low-energy paper changes together, changed one by one.

The paper's QNN-P is a circuit, trained by all samples at once on a squared error, in PennyLane; its QNN-Q another circuit,
trained a sample at a time on a cross-entropy, in Qiskit. It credits the difference to PennyLane (Section III-D).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from qhelpers.circuits import VariationalCircuit
from qhelpers.datasets import Dataset
from qhelpers.evaluation import Test, balanced_subsample, binary_metrics, confusion_counts, corrected_t_test
from qhelpers.models import tune
from qhelpers.models.quantum import ENGINES, CircuitClassifier
from qhelpers.papers.low_energy.circuits import qnn_p_circuit, qnn_q_circuit
from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw, of_paper
from qhelpers.runs.experiment import Outcome

#: Circuits with their observable and width, by the names of chapters; the features are prepared as the circuit needs them.
CIRCUITS = {"qnn-p, chain": "P", "qnn-p, ring": "P", "qnn-q": "Q"}
#: QNN-P's recipe (Algorithm 1, first weights as PennyLane draws them) and QNN-Q's (Algorithm 2, as Qiskit draws them).
RECIPES: dict[str, dict[str, Any]] = {
    "P": {"recipe": "all", "start": (0.0, 2 * np.pi)},
    "Q": {"recipe": "sample", "start": (-1.0, 1.0)},
}
LEARNING_RATES = (0.01, 0.03, 0.1)
#: The most epochs that are tried: updates of all samples, and passes over them, as in `tables`.
EPOCHS = {"quick": {"P": 60, "Q": 2}, "laptop": {"P": 200, "Q": 10}}
EPOCHS["paper"] = EPOCHS["laptop"]


def circuit(name: str) -> VariationalCircuit:
    """Circuit of a name in `CIRCUITS`: QNN-P's of four qubits (Eqs. 12-17) or QNN-Q's of two (Eqs. 6-10)."""
    if name not in CIRCUITS:
        raise ValueError(f"circuit {name!r} is unknown; allowed are {', '.join(map(repr, CIRCUITS))}")
    if name == "qnn-q":
        return qnn_q_circuit(2, 2)
    return qnn_p_circuit(4, 4, 3, name.removeprefix("qnn-p, "))


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train one circuit by one recipe; or the same first weights by the same updates in every library.

    Parameters
    ----------
    config : mapping
        ``data``, ``circuit`` (of `CIRCUITS`), ``recipe`` (of `RECIPES`), ``max_epochs``, ``learning_rates``. With
        ``compare: "libraries"`` also ``n_samples``: as many of the training samples, balanced; nothing is tuned there.
    seed : int
        Spawns samples, inner split and weights as in `tables`, so that scores are paired with those records.
    dataset : Dataset

    Returns
    -------
    Outcome
        Of a comparison of libraries: ``accuracy`` (test, fast engine), ``loss_gap.<library>`` and ``output_gap.<library>``: the
        largest differences of the losses over the epochs and of the test outputs from the fast engine's, and
        ``decisions.<library>``: how many test decisions differ.
    """
    subsample, inner, weights = np.random.SeedSequence(seed).spawn(3)
    train, test = draw(dataset, "300+300", np.random.default_rng(subsample))
    X, y = dataset.X[FEATURES[config["data"]]].to_numpy(float), dataset.y
    model = CircuitClassifier(
        circuit(config["circuit"]),
        **RECIPES[config["recipe"]],
        epochs=config["max_epochs"],
        learning_rate=config["learning_rates"][-1],
        random_state=int(weights.generate_state(1)[0] // 2),
    )
    if config.get("compare") == "libraries":
        rows = balanced_subsample(
            y, config["n_samples"], np.random.default_rng(inner), exclude=np.delete(np.arange(len(y)), train)
        )
        return _libraries(model, X[rows], y[rows], X[test], y[test])
    model, trials = tune(model, config["learning_rates"], X[train], y[train], np.random.default_rng(inner))
    start = time.perf_counter()
    model.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    scores = model.decision_function(X[test])
    predicted = (scores > 0).astype(int)
    metrics = binary_metrics(y[test], predicted, scores) | {"train_accuracy": float(model.score(X[train], y[train]))}
    chosen = {"learning_rate": model.learning_rate, "epochs": model.epochs, "trials": trials}
    return Outcome(metrics, confusion_counts(y[test], predicted), chosen, seconds)


def _libraries(model: CircuitClassifier, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> Outcome:
    losses, outputs, seconds = {}, {}, {}
    for engine in ENGINES:
        model.set_params(engine=engine)
        start = time.perf_counter()
        losses[engine] = np.array(model.fit(X, y).history_["loss"])
        seconds[engine] = time.perf_counter() - start
        outputs[engine] = model.decision_function(X_test)
    predicted = (outputs["fast"] > 0).astype(int)
    metrics = {"accuracy": float(np.mean(predicted == y_test))}
    for library in ENGINES[1:]:
        metrics |= {
            f"loss_gap.{library}": float(np.abs(losses[library] - losses["fast"]).max()),
            f"output_gap.{library}": float(np.abs(outputs[library] - outputs["fast"]).max()),
            f"decisions.{library}": float(np.sum((outputs[library] > 0) != (outputs["fast"] > 0))),
        }
    chosen = {f"loss.{engine}": [float(one) for one in curve] for engine, curve in losses.items()}
    return Outcome(metrics, confusion_counts(y_test, predicted), chosen | {"seconds": seconds}, seconds["fast"])


class Parts(NamedTuple):
    """A difference between two networks, taken apart.

    Attributes
    ----------
    total, circuit, recipe : Test
        QNN-P as a whole less QNN-Q as a whole; of it the circuit's part (mean over both recipes) and the recipe's (mean over both
        circuits). The parts add up to the total.
    """

    total: Test
    circuit: Test
    recipe: Test


def parts(accuracy: Mapping[tuple[str, str], Sequence[float]], entangler: str = "chain", *, shared: float) -> Parts:
    """Take the difference between QNN-P and QNN-Q apart.

    Parameters
    ----------
    accuracy : mapping of (circuit, recipe) to sequence of float
        Test accuracies in the order of the same seeds; at least nine.
    entangler : {"chain", "ring"}
        Of QNN-P's circuit.
    shared : float
        Share of test rows that two draws have in common, see `qhelpers.evaluation.shared_rows`.

    Returns
    -------
    Parts
        With intervals of the corrected resampled t test.
    """
    cells = {
        (one, recipe): np.asarray(accuracy[name, recipe], float)
        for one, name in (("P", f"qnn-p, {entangler}"), ("Q", "qnn-q"))
        for recipe in RECIPES
    }
    pp, pq, qp, qq = (cells[one] for one in (("P", "P"), ("P", "Q"), ("Q", "P"), ("Q", "Q")))
    pairs = ((pp, qq), ((pp + pq) / 2, (qp + qq) / 2), ((pp + qp) / 2, (pq + qq) / 2))
    return Parts(*(corrected_t_test(first, second, shared) for first, second in pairs))


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each circuit by each recipe, 20 seeds; and the libraries side by side on few samples, for they are slow."""
    quick, entries = profile == "quick", []
    for data in ("occupancy", "ton_iot_gps"):
        for name in CIRCUITS:
            for recipe in RECIPES:
                cell = {"data": data, "circuit": name, "recipe": recipe}
                budget = {"max_epochs": EPOCHS[profile][recipe], "learning_rates": list(LEARNING_RATES)}
                entries.append((cell | budget, 1 if quick else 20))
    for name in ("qnn-p, chain", "qnn-q"):
        for recipe in RECIPES:
            cell = {"data": "occupancy", "circuit": name, "recipe": recipe, "compare": "libraries"}
            budget = {"max_epochs": 2 if quick else 5, "learning_rates": [0.1], "n_samples": 6 if quick else 20}
            entries.append((cell | budget, 1 if quick else 3))
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if config.get("compare"):
        return 1.0 + 0.05 * config["n_samples"] * config["max_epochs"]
    updates = config["max_epochs"] * (1 if config["recipe"] == "P" else 300)
    return 0.0006 * updates * (0.8 * len(config["learning_rates"]) + 0.7)


EXPERIMENT = of_paper(
    name="frameworks",
    version="1",
    about="circuit, recipe of training and library changed one by one: what makes QNN-P better than QNN-Q?",
    function=run,
    grid=grid,
    estimate=estimate,
    times=lambda config: r"chosen\.seconds\..*",
)

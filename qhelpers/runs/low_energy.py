"""Experiment of paper 1: its three networks, their controls and its classical models on 300 balanced points."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Dataset
from qhelpers.evaluation import balanced_subsample, binary_metrics, confusion_counts, stratified_split
from qhelpers.models import QNNHClassifier, QNNPClassifier, QNNQClassifier, baseline, tune
from qhelpers.runs.experiment import Experiment, Outcome

FEATURES = {
    "occupancy": ["Temperature", "Humidity", "Light", "CO2"],
    "ton_iot_gps": ["latitude", "longitude"],
    "ton_iot_gps_38960": ["latitude", "longitude"],
}
REGIMES = ("300+300", "300")
LEARNING_RATES = (0.01, 0.03, 0.1)
EPOCHS = {
    "quick": {"qnn-p": 60, "qnn-q": 3, "qnn-h": 3},
    "laptop": {"qnn-p": 200, "qnn-q": 10, "qnn-h": 10},
}
EPOCHS["paper"] = EPOCHS["laptop"]
#: Two controls and the nine classical models of Tables I and II, by their names in `qhelpers.models.BASELINES`.
CLASSICAL = (
    "majority",
    "one-threshold",
    "svm-linear",
    "logistic-regression",
    "lda",
    "ridge",
    "qda",
    "naive-bayes",
    "gradient-boosting",
    "random-forest",
    "decision-tree",
)
#: What chapters call the networks of the paper, and the controls beside them.
NETWORKS = {
    "QNN-P, chain": {"model": "qnn-p", "entangler": "chain"},
    "QNN-P, ring": {"model": "qnn-p", "entangler": "ring"},
    "QNN-Q": {"model": "qnn-q"},
    "QNN-H": {"model": "qnn-h"},
}
CONTROLS = {
    "QNN-P without CNOTs": {"model": "qnn-p-separable"},
    "QNN-H without circuit": {"model": "qnn-h-classical"},
    "logistic regression": {"model": "logistic-regression"},
    "one threshold": {"model": "one-threshold"},
    "majority": {"model": "majority"},
}
ENTANGLERS = {"qnn-p": ("chain", "ring"), "qnn-p-separable": ("none",)}


def draw(dataset: Dataset, regime: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and testing, balanced (deviation D1.1).

    Parameters
    ----------
    dataset : Dataset
        Where rows are drawn from.
    regime : {"300+300", "300"}
        300 balanced rows for training and 300 others, balanced, for testing; or 300 in all, a fifth of them for testing.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.
    """
    if regime not in REGIMES:
        raise ValueError(f"regime {regime!r} is unknown; allowed are {', '.join(REGIMES)}")
    rows = balanced_subsample(dataset.y, 300, rng)
    if regime == "300+300":
        return rows, balanced_subsample(dataset.y, 300, rng, exclude=rows)
    train, test = stratified_split(dataset.y[rows], 0.2, rng)
    return rows[train], rows[test]


def build(config: Mapping[str, Any], random_state: int) -> Any:
    """Unfitted model of a config (deviations D1.2, D1.3)."""
    model = config["model"]
    networks = {"qnn-q": QNNQClassifier, "qnn-h": QNNHClassifier}
    if model in CLASSICAL:
        return baseline(model, random_state)
    if model in ENTANGLERS:
        budget = {"epochs": config["max_epochs"], "random_state": random_state}
        return QNNPClassifier(entangler=config["entangler"], fill="repeat", **budget)
    if model == "qnn-h-classical":
        return QNNHClassifier(circuit=False, epochs=config["max_epochs"], random_state=random_state)
    if model in networks:
        return networks[model](epochs=config["max_epochs"], random_state=random_state)
    allowed = (*ENTANGLERS, *networks, "qnn-h-classical", *CLASSICAL)
    raise ValueError(f"model {model!r} is unknown; allowed are {', '.join(allowed)}")


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train and test one model.

    One seed spawns subsample and split (shared by all models of a comparison), the inner split, and the first weights.

    Parameters
    ----------
    config : mapping
        ``model``, ``data``, ``regime``; for networks ``max_epochs`` and ``learning_rates``; for QNN-P ``entangler``.
    seed : int
        Seed of the run.
    dataset : Dataset
        The data set that ``config["data"]`` names.

    Returns
    -------
    Outcome
    """
    subsample, inner, weights = np.random.SeedSequence(seed).spawn(3)
    train, test = draw(dataset, config["regime"], np.random.default_rng(subsample))
    X, y = dataset.X[FEATURES[config["data"]]].to_numpy(float), dataset.y
    model = build(config, int(weights.generate_state(1)[0] // 2))
    chosen: dict[str, Any] = {}
    if "learning_rates" in config:
        model, trials = tune(model, config["learning_rates"], X[train], y[train], np.random.default_rng(inner))
        chosen = {"learning_rate": model.learning_rate, "epochs": model.epochs, "trials": trials}
    start = time.perf_counter()
    model.fit(X[train], y[train])
    train_seconds = time.perf_counter() - start
    predicted = model.predict(X[test])
    decide = getattr(model, "decision_function", None) or (lambda rows: model.predict_proba(rows)[:, 1])
    scores = decide(X[test])
    metrics = binary_metrics(y[test], predicted, scores)
    metrics["train_accuracy"] = float(np.mean(model.predict(X[train]) == y[train]))
    arrays = {"test_rows": test, "test_scores": scores, "test_labels": y[test].astype(np.int8)}
    if "learning_rates" in config:
        arrays |= {name: np.array(curve) for name, curve in model.history_.items()}
        arrays |= {f"weights.{name}": value.numpy() for name, value in model.module_.state_dict().items()}
        scaler = model.preparation_[0]
        arrays |= {"scaler_mean": scaler.mean_, "scaler_scale": scaler.scale_}
    return Outcome(metrics, confusion_counts(y[test], predicted), chosen, train_seconds, arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Configs of a profile with their number of seeds: the quick models first, the literal Qiskit networks last."""
    few = profile == "quick"
    entries: list[tuple[dict[str, Any], int]] = []
    budget = {"learning_rates": list(LEARNING_RATES)}
    cells = [{"data": data, "regime": regime} for regime in REGIMES for data in ("occupancy", "ton_iot_gps")]
    for cell in cells:
        entries += [({"model": model} | cell, 3 if few else 20) for model in CLASSICAL]
    for model, entanglers in ENTANGLERS.items():
        for entangler in entanglers:
            for cell in cells:
                config = {"model": model, "entangler": entangler, "max_epochs": EPOCHS[profile]["qnn-p"]} | cell | budget
                entries.append((config, 2 if few else 20))
    for cell in cells:
        config = {"model": "qnn-h-classical", "max_epochs": EPOCHS[profile]["qnn-h"]} | cell | budget
        entries.append((config, 2 if few else 20))
    for cell in cells:
        for model in ("qnn-q", "qnn-h"):
            entries.append(({"model": model, "max_epochs": EPOCHS[profile][model]} | cell | budget, 1 if few else 5))
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly: 7 ms an update in either library, less than 1 ms without a circuit."""
    if "max_epochs" not in config:
        return 0.2
    samples = 300 if config["regime"] == "300+300" else 240
    updates = config["max_epochs"] * (1 if config["model"].startswith("qnn-p") else samples)
    step = 0.0004 if config["model"] == "qnn-h-classical" else 0.007
    return step * updates * (0.8 * len(config["learning_rates"]) + 0.7)


EXPERIMENT = Experiment(
    name="low-energy",
    version="1",
    about="paper 1: three quantum networks, controls and nine classical models on 300 balanced points",
    function=run,
    grid=grid,
    estimate=estimate,
)

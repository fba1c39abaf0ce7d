"""Experiment of paper 1: its three networks, their controls and its classical models, on 300 points and on all."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from qhelpers.datasets import Dataset
from qhelpers.evaluation import (
    balanced_subsample,
    binary_metrics,
    confusion_counts,
    official_split,
    random_split,
    stratified_split,
    time_block_split,
)
from qhelpers.models import tune
from qhelpers.papers.low_energy.controls import TRIALS, control, tuned_control
from qhelpers.papers.low_energy.models import QNNHClassifier, QNNPClassifier, QNNQClassifier
from qhelpers.runs.experiment import Experiment, Outcome
from qhelpers.runs.records import spell

FEATURES = {
    "occupancy": ["Temperature", "Humidity", "Light", "CO2"],
    "ton_iot_gps": ["latitude", "longitude"],
    "ton_iot_gps_38960": ["latitude", "longitude"],
}
#: Rows for training and testing, see `draw`. On the first three a model trains on 300 rows or less.
REGIMES = ("300+300", "300", "time blocks", "balanced", "everything", "official")
SMALL = REGIMES[:3]
N_BLOCKS = 10
#: An experiment of this paper: how its runs are told apart, in the order in which that is printed; the budget, which many share,
#: comes last.
_TOLD = ("data", "regime", "split", "without", "model", "entangler")
of_paper = functools.partial(Experiment, told=_TOLD, told_last=("max_epochs", "learning_rates"))
#: Learning rate and epochs are chosen on so many training rows at most.
TUNING_ROWS = 2000
LEARNING_RATES = (0.01, 0.03, 0.1)
#: Most epochs that are tried; an epoch is one update of QNN-P, and one a sample of the others.
EPOCHS = {"quick": {"qnn-p": 60, "qnn-q": 3, "qnn-h": 3}, "laptop": {"qnn-p": 200, "qnn-q": 10, "qnn-h": 10}}
EPOCHS["paper"] = EPOCHS["laptop"]
#: The nine classical models of Tables I and II, by their names in `qhelpers.papers.low_energy.controls.MODELS`.
CLASSICAL = (
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
#: Models of one column that the paper leaves out for good reason: when a row was measured, and at which hour of the week.
CLOCKS = ("date-alone", "hour-alone")
#: Controls without a network, and what chapters call them.
RULES = {
    "majority": "majority",
    "one threshold": "one-threshold",
    "three questions": "three-questions",
    "date alone": "date-alone",
    "hour alone": "hour-alone",
    "nearest neighbours": "nearest-neighbour",
    "small MLP": "mlp",
    "random Fourier": "random-fourier",
    "chain's terms, free": "trigonometric-chain",
    "ring's terms, free": "trigonometric-ring",
    "chain, never trained": "frozen-chain",
    "ring, never trained": "frozen-ring",
}
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
#: CNOTs of QNN-P and its variants. In ``-lamp`` ones the lamp stands on the qubit that is measured, not the temperature.
ENTANGLERS = {
    "qnn-p": ("chain", "ring"),
    "qnn-p-separable": ("none",),
    "qnn-p-lamp": ("chain",),
    "qnn-p-separable-lamp": ("none",),
}
_NETWORKS: dict[str, Any] = {"qnn-q": QNNQClassifier, "qnn-h": QNNHClassifier}
#: Models whose curves, scores and weights are kept beside their records.
WITH_ARRAYS = ("qnn-p", "qnn-p-separable", "qnn-q", "qnn-h")


@dataclass(frozen=True)
class Fitted:
    """A trained model with its data.

    Attributes
    ----------
    model : estimator
    X : ndarray of shape (n_rows, n_features)
        What the model reads, of all rows of the data set.
    y : ndarray of shape (n_rows,)
        Labels 0 and 1.
    train, test : ndarray of int
        Row numbers.
    chosen : dict
        What the inner split chose, with its trials.
    train_seconds : float
        Wall clock of the final training.
    """

    model: Any
    X: NDArray[np.float64]
    y: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    chosen: dict[str, Any]
    train_seconds: float


def draw(dataset: Dataset, regime: str, rng: np.random.Generator, block: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and testing (deviation D1.1).

    Parameters
    ----------
    dataset : Dataset
        Where rows are drawn from.
    regime : str
        ``"300+300"``: 300 balanced rows for training and 300 others, balanced, for testing. ``"300"``: 300 balanced rows in
        all, a fifth of them for testing. ``"time blocks"``: 300 balanced rows of nine tenths of time, all rows of the other
        tenth. ``"everything"``: 70 % and 30 % of all rows. ``"balanced"``: of all rows of the rarer class and as many of the
        other. ``"official"``: the official training file and both official test files.
    rng : numpy.random.Generator
        Source of randomness.
    block : int, default=0
        Which tenth of time is tested.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.
    """
    if regime not in REGIMES:
        raise ValueError(f"regime {regime!r} is unknown; allowed are {', '.join(REGIMES)}")
    if regime == "official":
        train, first = official_split(dataset.official, test="test1")
        return train, np.concatenate([first, official_split(dataset.official, test="test2")[1]])
    if regime == "everything":
        return random_split(len(dataset), 0.3, rng)
    if regime == "time blocks":
        _, test = time_block_split(dataset.time, N_BLOCKS, block)
        return balanced_subsample(dataset.y, 300, rng, exclude=test), test
    if regime == "balanced":
        rows = balanced_subsample(dataset.y, 2 * int(np.bincount(dataset.y).min()), rng)
        train, test = stratified_split(dataset.y[rows], 0.3, rng)
        return rows[train], rows[test]
    rows = balanced_subsample(dataset.y, 300, rng)
    if regime == "300+300":
        return rows, balanced_subsample(dataset.y, 300, rng, exclude=rows)
    train, test = stratified_split(dataset.y[rows], 0.2, rng)
    return rows[train], rows[test]


def columns(config: Mapping[str, Any], dataset: Dataset) -> NDArray[np.float64]:
    """What the model of a config reads, shape (n_rows, n_columns): sensors in their units, or seconds, or hour and weekday."""
    names = FEATURES[config["data"]]
    if config["model"] not in CLOCKS:
        lamp_first = sorted(names, key=lambda name: name != "Light") if config["model"].endswith("-lamp") else names
        found: NDArray[np.float64] = dataset.X[lamp_first].to_numpy(float)
        return found
    seconds = dataset.time.astype("datetime64[s]").astype(float)
    if config["model"] == "date-alone":
        return seconds[:, None]
    return np.column_stack([seconds // 3600 % 24, seconds // 86400 % 7])


def build(config: Mapping[str, Any], random_state: int, inner_split: int = 0) -> Any:
    """Unfitted model of a config (deviations D1.2, D1.3)."""
    model = config["model"]
    if model in TRIALS:
        return tuned_control(model, random_state, inner_split)
    if model in CLASSICAL or model in RULES.values():
        return control("decision-tree" if model in CLOCKS else model, random_state)
    budget = {"epochs": config.get("max_epochs"), "random_state": random_state, "engine": config.get("engine", "fast")}
    if model in ENTANGLERS:
        return QNNPClassifier(entangler=config["entangler"], fill="repeat", **budget)
    if model == "qnn-h-classical":
        return QNNHClassifier(circuit=False, **budget)
    if model in _NETWORKS:
        return _NETWORKS[model](**budget)
    allowed = (*ENTANGLERS, *_NETWORKS, "qnn-h-classical", *CLASSICAL, *RULES.values())
    raise ValueError(f"model {model!r} is unknown; allowed are {', '.join(allowed)}")


def fitted(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Fitted:
    """Draw rows, choose what is to be chosen on an inner split, and train on all training rows.

    One seed spawns subsample and split (shared by all models of a comparison), the inner split, and the first weights.

    Parameters
    ----------
    config : mapping
        ``model``, ``data``, ``regime``; for networks ``max_epochs``, ``learning_rates`` and ``engine``; for QNN-P ``entangler``.
    seed : int
        Seed of the run; its last digit also names the tenth of time that is tested in the regime ``"time blocks"``.
    dataset : Dataset
        The data set that ``config["data"]`` names.

    Returns
    -------
    Fitted
    """
    subsample, inner, weights = np.random.SeedSequence(seed).spawn(3)
    train, test = draw(dataset, config["regime"], np.random.default_rng(subsample), seed % N_BLOCKS)
    X, y = columns(config, dataset), dataset.y
    model = build(config, int(weights.generate_state(1)[0] // 2), int(inner.generate_state(1)[0] // 2))
    chosen: dict[str, Any] = {}
    if "learning_rates" in config:
        rng = np.random.default_rng(inner)
        rows = train if len(train) <= TUNING_ROWS else train[stratified_split(y[train], TUNING_ROWS, rng)[1]]
        model, trials = tune(model, config["learning_rates"], X[rows], y[rows], rng)
        chosen = {"learning_rate": model.learning_rate, "epochs": model.epochs, "trials": trials}
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # to be out of epochs is part of the comparison
        model.fit(X[train], y[train])
    train_seconds = time.perf_counter() - start
    if config["model"] in TRIALS:
        chosen = {name.rpartition("__")[2]: value for name, value in model.best_params_.items()}
        train_seconds = model.refit_time_
    return Fitted(model, X, y, train, test, chosen, train_seconds)


def scores(found: Fitted, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the model states for rows, shape (n_rows,), the larger the more it leans to class 1."""
    if hasattr(found.model, "decision_function"):
        return np.asarray(found.model.decision_function(found.X[rows]))
    return np.asarray(found.model.predict_proba(found.X[rows])[:, 1])


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train and test one model; parameters as for `fitted`."""
    found = fitted(config, seed, dataset)
    model, X, y, test = found.model, found.X, found.y, found.test
    predicted, decided = model.predict(X[test]), scores(found, test)
    metrics = binary_metrics(y[test], predicted, decided)
    metrics["train_accuracy"] = float(np.mean(model.predict(X[found.train]) == y[found.train]))
    arrays: dict[str, Any] = {}
    if config["model"] in WITH_ARRAYS and config["regime"] == "300+300":
        arrays = {"test_rows": test, "test_scores": decided, "test_labels": y[test].astype(np.int8)}
        arrays |= {name: np.array(curve) for name, curve in model.history_.items()}
        arrays |= {f"weights.{name}": value.numpy() for name, value in model.module_.state_dict().items()}
        scaler = model.preparation_[0]
        arrays |= {"scaler_mean": scaler.mean_, "scaler_scale": scaler.scale_}
    return Outcome(metrics, confusion_counts(y[test], predicted), found.chosen, found.train_seconds, arrays)


def _cells() -> list[dict[str, str]]:
    """Regimes and data, those of the verdicts first; the tracker's second edition under two of them."""
    data = {"official": ("occupancy",), "300+300": tuple(FEATURES), "everything": tuple(FEATURES)}
    return [{"data": name, "regime": regime} for regime in REGIMES for name in data.get(regime, tuple(FEATURES)[:2])]


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Configs of a profile with their number of seeds: regime by regime, quick models first."""
    entries: list[tuple[dict[str, Any], int]] = []
    for cell in _cells():
        small = cell["regime"] in SMALL
        if profile == "quick":
            n_plain, n_networks = (3, 2) if small else (1, 1)
        else:
            n_plain, n_networks = (20, 20) if small else (3, 3)
        if profile != "quick" and cell["regime"] == "time blocks":
            n_plain = n_networks = N_BLOCKS  # each tenth once
        for model in (*RULES.values(), *CLASSICAL):
            slow = not small and model in ("svm-linear", "mlp")  # minutes a run
            entries.append(({"model": model} | cell, 1 if slow else n_plain))
        budget = {"learning_rates": list(LEARNING_RATES), "engine": "fast"} | cell
        for model, entanglers in ENTANGLERS.items():
            if model.endswith("-lamp") and cell["data"] != "occupancy":
                continue
            for entangler in entanglers:
                config = {"model": model, "entangler": entangler, "max_epochs": EPOCHS[profile]["qnn-p"]} | budget
                entries.append((config, n_networks))
        for model in ("qnn-h-classical", "qnn-q", "qnn-h"):
            epochs = EPOCHS[profile][model.removesuffix("-classical")] if small else 1
            entries.append(({"model": model, "max_epochs": epochs} | budget, n_networks))
    return entries


def configs(profile: str = "laptop", **wanted: Any) -> list[dict[str, Any]]:
    """Configs of the grid with these entries, for instance ``model="qnn-p", data="occupancy", regime="300+300"``."""
    found = [config for config, _ in grid(profile)]
    return [config for config in found if all(spell(config.get(key)) == spell(value) for key, value in wanted.items())]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    large = config["regime"] not in SMALL
    if "max_epochs" not in config:
        slow = {"svm-linear": 15.0, "mlp": 15.0, "gradient-boosting": 2.0, "random-forest": 3.0}
        return slow.get(config["model"], 0.5) if large else 0.15
    if config["model"].startswith("qnn-p"):
        return 6.0 if large else 0.5
    step = {"qnn-q": 0.0003, "qnn-h": 0.0005, "qnn-h-classical": 0.0003}[config["model"]]
    n_tuned, n_trained = (0.8 * TUNING_ROWS, 20_000) if large else (240, 300)
    return step * config["max_epochs"] * (len(config["learning_rates"]) * n_tuned + n_trained)


EXPERIMENT = of_paper(
    name="low-energy",
    version="2",
    about="paper 1: three quantum networks, controls and nine classical models on 300 balanced points, on all, and by time",
    function=run,
    grid=grid,
    estimate=estimate,
)

"""The detector at work: how fast it answers, what a replayed stream brings, and how far an attack must move to pass.

Three questions, one a run. Speed and evasion are asked of the 999 genuine rows of WUSTL-IIoT-2021, streams of those and of
TON_IoT Modbus, whose registers are random numbers: there a stream can bring false alarms and chance hits, and nothing else.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot import FAMILIES, FEATURES
from qhelpers.evaluation import binary_metrics, confusion_counts, interleaved_split, refuse_empty, stratified_split
from qhelpers.models import baseline
from qhelpers.papers.threats.controls import control
from qhelpers.papers.threats.evasion import REACHES, nearest_passes
from qhelpers.papers.threats.export import OnnxClassifier, export_onnx
from qhelpers.papers.threats.model import PureHQMLClassifier
from qhelpers.papers.threats.rows import ArrayRows, statistics
from qhelpers.papers.threats.stream import Detector, Drift, in_time, replay
from qhelpers.runs.experiment import Experiment, Outcome, knows

MODELS = ("pure-hqml", "pure-hqml-without-circuit", "logistic-regression", "random-forest", "one-threshold")
#: The same network in other software: its ONNX file, and the libraries that the paper names.
SOFTWARE = ("pure-hqml-onnx", "pure-hqml-literal")
#: Rows of a batch, so that ten epochs are some 200 updates on both sets (D2.71).
BATCH = {"wustl_iiot_999": 32, "ton_iot_modbus": 1024}
N_FEATURES = 10
#: Share of the genuine rows that is tested on, and of normal Modbus rows that may raise an alarm.
TEST, BUDGET = 0.3, 0.01
#: Flows that are asked about one at a time, and blocks of 1,024.
N_ONE, N_BLOCKS = 500, 10


def trained(name: str, X: NDArray[Any], y: NDArray[Any], seed: int, batch_size: int) -> Any:
    """Train a model of `MODELS`, or what `SOFTWARE` computes by other means."""
    if name.startswith("pure-hqml"):
        network = "pure-hqml" if name in SOFTWARE else name
        return control(network, n_features=X.shape[1], batch_size=batch_size, random_state=seed).fit(X, y)
    return baseline(name, seed).fit(X, y)


def split(dataset: Dataset, seed: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], list[str]]:
    """Training rows, test rows and the columns that models see, chosen on the training rows."""
    if dataset.name == "ton_iot_modbus":
        return *interleaved_split(dataset.time, 50, 5, seed % 5), list(dataset.X)
    assert dataset.family is not None
    train, test = stratified_split([FAMILIES.index(name) for name in dataset.family], TEST, rng)
    scores = statistics(ArrayRows(dataset.X[list(FEATURES)].to_numpy()[train], dataset.y[train])).f_scores
    return train, test, [FEATURES[k] for k in np.sort(np.argsort(-scores, kind="stable")[:N_FEATURES])]


@knows(question=("evasion", "speed", "stream"))
def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Ask one question.

    Parameters
    ----------
    config : mapping
        ``question``: ``"evasion"`` of all `MODELS` at once, on the same forms of the same attacks; ``"speed"`` or ``"stream"`` of
        one ``model``.
    seed : int
        Of the split, the models and the forms.
    dataset : Dataset

    Returns
    -------
    Outcome
        See `evasion`, `speed` and `stream`.
    """
    questions = {"evasion": evasion, "speed": speed, "stream": stream}
    rows, weights, drawn = np.random.SeedSequence(seed).spawn(3)
    train, test, columns = split(dataset, seed, np.random.default_rng(rows))
    refuse_empty(dataset.y, train, test)
    state, rng = int(weights.generate_state(1)[0] // 2), np.random.default_rng(drawn)
    outcome: Outcome = questions[config["question"]](config, dataset, train, test, columns, state, rng)
    return outcome


def evasion(
    config: Mapping[str, Any], dataset: Dataset, train: Any, test: Any, columns: list[str], state: int, rng: Any
) -> Outcome:
    """How many attacks pass, and how far they move for it.

    Of attacks in the test part that all models find: ``n_attacks``, and for each model and reach ``passed`` (the share of which
    some form raises no alarm) and ``within_one`` (one that is at most one standard deviation away); the distance of each attack
    as an array, infinite where none passes. And ``accuracy`` and ``recall`` of each model before, with the ``false_alarm_rate``
    of Pure-HQML; as chosen the features, and the one that the threshold reads.
    """
    X, y = dataset.X[list(FEATURES)], dataset.y
    inputs = X[columns].to_numpy()
    deviation = inputs[train].std(0)
    metrics: dict[str, float] = {}
    detectors, found = {}, np.ones(len(test), bool)
    for name in MODELS:
        model = trained(name, inputs[train], y[train], state, BATCH[dataset.name])
        detectors[name] = Detector(model, X[columns].iloc[train])
        said = detectors[name].scores(inputs[test]) > detectors[name].threshold
        scored = binary_metrics(y[test], said)
        metrics |= {f"{name}.{key}": scored[key] for key in ("accuracy", "recall")}
        if name == "pure-hqml":
            metrics["false_alarm_rate"] = float(said[y[test] == 0].mean())
        found &= said
    attacks = np.asarray(test)[found & (y[test] == 1)]
    normal = X.iloc[train][y[train] == 0]
    metrics["n_attacks"] = float(len(attacks))
    arrays: dict[str, NDArray[Any]] = {"attacks": attacks}
    start, spread = int(rng.integers(2**32)), pd.Series(deviation, columns)
    for reach in REACHES:
        for name, one in detectors.items():
            ask = functools.partial(_alarms, one, columns)
            far = nearest_passes(X.iloc[attacks], normal, ask, spread, np.random.default_rng(start), reach)
            arrays[f"{name}.{reach}"] = far
            metrics[f"{name}.{reach}.passed"] = float(np.isfinite(far).mean())
            metrics[f"{name}.{reach}.within_one"] = float((far <= 1).mean())
    asks = columns[int(np.argmax(detectors["one-threshold"].model[-1].feature_importances_))]
    return Outcome(metrics, chosen={"features": columns, "one-threshold": asks}, arrays=arrays)


def _alarms(detector: Detector, columns: list[str], flows: pd.DataFrame) -> NDArray[np.bool_]:
    """Which flows a model takes for attacks."""
    said: NDArray[np.bool_] = detector.scores(flows[columns].to_numpy()) > detector.threshold
    return said


def speed(
    config: Mapping[str, Any], dataset: Dataset, train: Any, test: Any, columns: list[str], state: int, rng: Any
) -> Outcome:
    """Seconds from a flow's ten numbers to its verdict, checks of the detector included, on one core.

    ``one_p50_cpu_ms`` and ``one_p99_cpu_ms``, processor milliseconds of flows that come one at a time, ``one_p99_wall_ms`` the
    same by the clock on the wall; ``flows_per_cpu_second`` in blocks of 1,024. ``gap``: the largest difference of a score to
    ``decision_function`` (of the network in other software), and ``false_alarm_rate``, both of a hundred test rows.
    """
    inputs = dataset.X[columns].to_numpy()
    model = trained(config["model"], inputs[train], dataset.y[train], state, BATCH[dataset.name])
    metrics: dict[str, float] = {}
    n_one, n_blocks = N_ONE, N_BLOCKS
    few = test[:100]
    if config["model"] in SOFTWARE:
        other = in_onnx(model) if config["model"] == "pure-hqml-onnx" else literally(model)
        metrics["gap"] = float(np.abs(other.decision_function(inputs[few]) - model.decision_function(inputs[few])).max())
        model = other
        if config["model"] == "pure-hqml-literal":
            n_one, n_blocks = 100, 1
    detector = Detector(model, dataset.X[columns].iloc[train])
    said = detector.scores(inputs[few]) > detector.threshold
    metrics["false_alarm_rate"] = float(said[dataset.y[few] == 0].mean())
    flows = np.resize(inputs[test], (1024, inputs.shape[1]))
    detector.judge(flows[:1])  # a first call's set-up is not counted
    detector.judge(flows[:64])
    wall, cpu = np.zeros(n_one), np.zeros(n_one)
    for k in range(n_one):
        one, before, started = flows[k : k + 1], time.process_time_ns(), time.perf_counter_ns()
        detector.judge(one)
        wall[k], cpu[k] = time.perf_counter_ns() - started, time.process_time_ns() - before
    start = time.process_time()
    for _ in range(n_blocks):
        detector.judge(flows)
    metrics |= {
        "flows_per_cpu_second": n_blocks * len(flows) / (time.process_time() - start),
        "one_p50_cpu_ms": float(np.quantile(cpu, 0.5)) / 1e6,
        "one_p99_cpu_ms": float(np.quantile(cpu, 0.99)) / 1e6,
        "one_p99_wall_ms": float(np.quantile(wall, 0.99)) / 1e6,
        "judged": float(detector.counts["flows"]),
    }
    return Outcome(metrics)


def in_onnx(model: PureHQMLClassifier) -> OnnxClassifier:
    """The same network by its ONNX file."""
    with tempfile.TemporaryDirectory() as folder:
        return OnnxClassifier(export_onnx(model, Path(folder) / "pure-hqml.onnx"))


def literally(model: PureHQMLClassifier) -> PureHQMLClassifier:
    """The same network, its circuit computed by EstimatorQNN and TorchConnector, in single precision."""
    other = PureHQMLClassifier(**model.get_params() | {"engine": "qiskit"})
    other.__dict__.update({name: value for name, value in vars(model).items() if name.endswith("_") and name != "module_"})
    other.module_ = other.network(len(model.selected_))
    other.module_.load_state_dict(model.module_.state_dict())
    return other


def stream(
    config: Mapping[str, Any], dataset: Dataset, train: Any, test: Any, columns: list[str], state: int, rng: Any
) -> Outcome:
    """Replay the test rows in the order of their times.

    ``normal`` and ``attacks``, flows that came; ``false_alarms`` and ``missed``; ``false_alarm_rate`` of normal flows and
    ``alarm_rate_in_attacks``; ``changes``, how often ADWIN noticed a change of the model's scores, ``changes_features`` of a
    feature, ``changes_shuffled`` and ``changes_features_shuffled`` the same in random order, and
    ``changes_features_unrepeated`` without flows whose features are those of the flow before.
    """
    inputs, y = dataset.X[columns].to_numpy(), dataset.y
    learn, threshold = train, None
    if dataset.name == "ton_iot_modbus":  # the threshold is set where the model has not learned
        inner, held = interleaved_split(dataset.time[train], 40, 4, 3)
        learn, check = train[inner], train[held]
    model = trained(config["model"], inputs[learn], y[learn], state, BATCH[dataset.name])
    detector = Detector(model, dataset.X[columns].iloc[learn])
    if dataset.name == "ton_iot_modbus":
        detector.threshold = threshold = float(np.quantile(detector.scores(inputs[check][y[check] == 0]), 1 - BUDGET))
    rows = in_time(dataset, test)
    blocks = list(replay(dataset, detector, test, block=256))
    alarms = np.concatenate([block.judged.alarms for block in blocks]) != ""
    scores = np.concatenate([block.judged.scores for block in blocks])
    usual, truth = detector.scores(inputs[learn]), y[rows] == 1
    shuffled = rng.permutation(len(rows))
    flows = inputs[rows]
    orders = {"": flows, "_shuffled": flows[shuffled], "_unrepeated": flows[np.r_[True, (flows[1:] != flows[:-1]).any(1)]]}
    count = {
        "normal": (~truth).sum(), "attacks": truth.sum(), "false_alarms": (alarms & ~truth).sum(),
        "missed": (~alarms & truth).sum(), "changes": len(Drift(usual).update(scores)),
        "changes_shuffled": len(Drift(usual).update(scores[shuffled])),
    }  # fmt: skip
    for name, ordered in orders.items():
        found = (Drift(inputs[learn, k]).update(ordered[:, k]) for k in range(len(columns)))
        count[f"changes_features{name}"] = sum(map(len, found))
    metrics = {name: float(value) for name, value in count.items()}
    metrics |= {name: float(detector.counts[name]) for name in ("unreadable", "impossible", "unseen")}
    metrics |= {
        "false_alarm_rate": float(alarms[~truth].mean()),
        "alarm_rate_in_attacks": float(alarms[truth].mean()),
    }
    chosen = {} if threshold is None else {"threshold": threshold}
    return Outcome(metrics, confusion_counts(truth, alarms), chosen)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Evasion of all models at once; speed and streams of each."""
    quick = profile == "quick"
    sample, modbus = {"data": "wustl_iiot_999"}, {"data": "ton_iot_modbus"}
    entries: list[tuple[dict[str, Any], int]] = [(sample | {"question": "evasion"}, 1 if quick else 10)]
    entries += [(sample | {"question": "speed", "model": name}, 1) for name in MODELS + SOFTWARE]
    entries += [(sample | {"question": "stream", "model": name}, 1 if quick else 10) for name in MODELS]
    entries += [(modbus | {"question": "stream", "model": name}, 1 if quick else 5) for name in MODELS]
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    return {"evasion": 60.0, "speed": 5.0, "stream": 5.0}[config["question"]]


EXPERIMENT = Experiment(
    name="threats-at-work",
    version="1",
    about="paper 2: seconds an answer takes, streams replayed, and how far an attack must move to pass",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="false_alarm_rate",
    times=lambda config: r"metrics\.(flows_per_cpu_second|one_p\d+_(cpu|wall)_ms)",
    told=("data", "question", "model"),
    order="seed",
)

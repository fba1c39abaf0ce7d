"""Pure-HQML, its controls and plain models at equal budgets, on 999 rows of the paper's file and on all of TON_IoT Modbus.

Splits, settings that are tried, and number of runs are deviations D2.50 to D2.53, fixed before a score was seen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot import FEATURES
from qhelpers.evaluation import (
    binary_metrics,
    confusion_counts,
    family_split,
    interleaved_split,
    refuse_empty,
    stratified_split,
)
from qhelpers.models import baseline
from qhelpers.papers.threats.controls import NETWORKS, control
from qhelpers.papers.threats.rows import ArrayRows, statistics
from qhelpers.runs.experiment import Experiment, Outcome

SPLITS = ("random", "blocks", "family")
#: Shares of the validation part and of the test part; the rest is trained on.
SHARE = 0.15
#: Contiguous blocks of time, and folds of every twentieth block; three folds are tested on and three validate.
N_BLOCKS, N_FOLDS, N_HELD_OUT = 100, 20, 3
#: Three settings a model, of which the validation part chooses one; a rule without settings has none.
TRIALS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "logistic-regression": ("logisticregression__C", (0.01, 1.0, 100.0)),
    "random-forest": ("randomforestclassifier__min_samples_leaf", (1, 5, 25)),
    "gradient-boosting": ("gradientboostingclassifier__learning_rate", (0.03, 0.1, 0.3)),
    "nearest-neighbour": ("kneighborsclassifier__n_neighbors", (1, 5, 25)),
} | dict.fromkeys(NETWORKS, ("learning_rate", (0.001, 0.01, 0.1)))
RULES = ("majority", "one-threshold")
MODELS = (*NETWORKS, *(name for name in TRIALS if name not in NETWORKS), *RULES)
#: Rows that make an update of a network: those of the larger set are more.
BATCH = {"wustl_iiot_999": 32, "ton_iot_modbus": 1024}
#: Models whose scores are kept, for curves; and those that are asked about a family that they never met.
KEPT = ("pure-hqml", "logistic-regression")
ASKED = ("pure-hqml", "random-forest")
#: Networks that are trained on Modbus too, by split: those that a claim is judged by.
ASKED_OF_MODBUS = {
    "random": (
        "pure-hqml",
        "pure-hqml-without-circuit",
        "pure-hqml-without-network",
        "pure-hqml-separable",
        "factorization-machine",
    ),
    "blocks": ("pure-hqml", "pure-hqml-without-circuit", "pure-hqml-separable"),
}

Indices = NDArray[np.int64]


class Parts(NamedTuple):
    """Row numbers of a split."""

    train: Indices
    validation: Indices
    test: Indices


def parts(dataset: Dataset, config: Mapping[str, Any], rng: np.random.Generator) -> Parts:
    """Training, validation and test rows (D2.50).

    Parameters
    ----------
    dataset : Dataset
    config : mapping
        ``split``: ``"random"``, stratified by class; ``"blocks"`` of time; or ``"family"``, where no row of the family
        ``left_out`` is trained on.
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        If the split is unknown, or a part lacks a class.
    """
    if config["split"] not in SPLITS:
        raise ValueError(f"split {config['split']!r} is unknown; allowed are {', '.join(SPLITS)}")
    if config["split"] == "blocks":
        drawn = rng.permutation(N_FOLDS)[: 2 * N_HELD_OUT].tolist()
        held = [interleaved_split(dataset.time, N_BLOCKS, N_FOLDS, fold)[1] for fold in drawn]
        test, validation = np.concatenate(held[:N_HELD_OUT]), np.concatenate(held[N_HELD_OUT:])
        train = np.setdiff1d(np.arange(len(dataset)), np.concatenate(held))
    else:
        if config["split"] == "family":
            assert dataset.family is not None
            rest, test = family_split(dataset.family, config["left_out"], 2 * SHARE, rng)
        else:
            rest, test = stratified_split(dataset.y, SHARE, rng)
        inner, held_out = stratified_split(dataset.y[rest], SHARE / (1 - SHARE), rng)
        train, validation = rest[inner], rest[held_out]
    refuse_empty(dataset.y, train, test)
    refuse_empty(dataset.y, train, validation)
    return Parts(train, validation, test)


def table(dataset: Dataset) -> NDArray[np.float64]:
    """The columns that leak no clock and no address, as numbers."""
    columns = [name for name in dataset.X if dataset.name == "ton_iot_modbus" or name in FEATURES]
    return dataset.X[columns].to_numpy(float)


class Trained(NamedTuple):
    """A model, the columns that it reads, its setting, and processor seconds of its training."""

    model: Any
    columns: Indices
    setting: Any
    seconds: float

    def positive(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of an attack, shape (n_rows,)."""
        probability: NDArray[np.float64] = self.model.predict_proba(X[:, self.columns])[:, 1]
        return probability


def trained(config: Mapping[str, Any], X: NDArray[np.float64], y: Indices, part: Parts, state: int) -> Trained:
    """Train with each of three settings, and keep that of the highest validation accuracy, then lowest loss (D2.51).

    Parameters
    ----------
    config : mapping
        ``model`` of `MODELS`, ``data``, ``features``: how many the F-test keeps of the training rows, or ``"all"``; further
        arguments of a network under ``arguments``.
    X, y : ndarray
        All rows.
    part : Parts
    state : int
        Seed of the model.
    """
    name = config["model"]
    if name not in MODELS:
        raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(MODELS)}")
    n_features = X.shape[1] if config["features"] == "all" else config["features"]
    found = statistics(ArrayRows(X[part.train], y[part.train]))
    columns = np.sort(np.argsort(-found.f_scores, kind="stable")[:n_features])
    rows, labels = X[np.ix_(part.train, columns)], y[part.train]
    candidates = []
    argument, settings = TRIALS.get(name, ("", (None,)))
    for setting in settings:
        if name in NETWORKS:
            given = {"n_features": n_features, "batch_size": BATCH[config["data"]], "random_state": state}
            model: Any = control(name, **given | config.get("arguments", {}))
        else:
            model = baseline(name, state)
        if argument:
            model.set_params(**{argument: setting})
        start = time.process_time()
        one = Trained(model.fit(rows, labels), columns, setting, time.process_time() - start)
        p = one.positive(X[part.validation])
        accuracy = float(np.mean((p > 0.5) == y[part.validation]))
        candidates.append((-accuracy, log_loss(y[part.validation], p, labels=[0, 1]), one))
    return min(candidates, key=lambda candidate: candidate[:2])[2]


def n_parameters(model: Any) -> int | None:
    """How many numbers a model trains; None where that is no question to ask of it."""
    if hasattr(model, "module_"):
        return sum(one.numel() for one in model.module_.parameters() if one.requires_grad)
    last = model[-1]
    return last.coef_.size + last.intercept_.size if hasattr(last, "coef_") else None


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train one model and test it.

    Parameters
    ----------
    config : mapping
        As in `parts` and `trained`.
    seed : int
        Of the split, which all models share, and of the model.
    dataset : Dataset
        The one that ``config["data"]`` names.

    Returns
    -------
    Outcome
        Scores of the test part, ``cross_entropy`` (nats), of the other parts with their names before them; ``recall_FAMILY``;
        ``parameters``; ``train_cpu_seconds`` of one training, ``predict_cpu_seconds_per_1000`` rows; of a network
        ``logit_linear_r2``: share of the variance of its logit over the test rows that a linear function of its inputs explains.
    """
    draw, weights = np.random.SeedSequence(seed).spawn(2)
    X, y = table(dataset), dataset.y
    part = parts(dataset, config, np.random.default_rng(draw))
    one = trained(config, X, y, part, int(weights.generate_state(1)[0] // 2))
    metrics: dict[str, float] = {}
    for name, rows in zip(("train_", "validation_", ""), part, strict=True):
        p = one.positive(X[rows])
        guessed = (p > 0.5).astype(int)
        scores = binary_metrics(y[rows], guessed, p)
        metrics |= {name + key: scores[key] for key in (("accuracy", "auc") if name else scores)}
        metrics[name + "cross_entropy"] = float(log_loss(y[rows], p, labels=[0, 1]))
        kept = {name + "labels": y[rows].astype("int8"), name + "scores": p.astype("float32")}
        if name:
            curves = kept if name == "validation_" else {}
    metrics |= _by_family(dataset, part.test, guessed)
    size = n_parameters(one.model)
    metrics |= {} if size is None else {"parameters": size}
    many = np.resize(np.arange(len(part.test)), max(5000, len(part.test)))
    start = time.process_time()
    one.positive(X[part.test[many]])
    metrics["predict_cpu_seconds_per_1000"] = (time.process_time() - start) / len(many) * 1000
    metrics["train_cpu_seconds"] = one.seconds
    if config["model"] in NETWORKS:
        inputs, logits = one.model.inputs(X[part.test][:, one.columns]), one.model.decision_function(X[part.test][:, one.columns])
        metrics["logit_linear_r2"] = float(LinearRegression().fit(inputs, logits).score(inputs, logits))
    arrays: dict[str, Any] = {}
    if config["data"] == "wustl_iiot_999" and config["split"] == "random" and config["model"] in KEPT:
        arrays = curves | {f"test_{name}": values for name, values in kept.items()}
    if config["model"] == "majority":
        arrays = {"test_rows": part.test.astype("int32")}
    chosen = {"setting": one.setting, "columns": one.columns.tolist()}
    return Outcome(metrics, confusion_counts(y[part.test], guessed), chosen, one.seconds, arrays)


def _by_family(dataset: Dataset, rows: Indices, guessed: Indices) -> dict[str, float]:
    assert dataset.family is not None
    families = np.asarray(dataset.family)[rows]
    return {
        f"recall_{name}": float(guessed[families == name].mean()) for name in sorted(set(families[dataset.y[rows] == 1].tolist()))
    }


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """All models on both sets and both splits; then families that are left out, for those of `ASKED`."""
    quick = profile == "quick"
    entries: list[tuple[dict[str, Any], int]] = []
    for model in MODELS:
        for split in SPLITS[:2]:
            whole = {"model": model, "split": split}
            n_seeds = 2 if quick else 20 if split == "random" else 10
            if not model.endswith("behind-layer"):
                entries.append(({"data": "wustl_iiot_999"} | whole | {"features": 10}, n_seeds))
            if model not in NETWORKS or model in ASKED_OF_MODBUS[split]:
                entries.append(({"data": "ton_iot_modbus"} | whole | {"features": "all"}, 1 if quick else 10))
            if model not in NETWORKS:
                entries.append(({"data": "wustl_iiot_999"} | whole | {"features": "all"}, n_seeds))
            elif model.endswith("behind-layer") and split == "random":
                sizes = ({"features": size} for size in (5, 10, "all"))
                entries += [({"data": "wustl_iiot_999"} | whole | size, 2 if quick else 10) for size in sizes]
    families = {"ton_iot_modbus": ("backdoor", "injection", "password", "scanning", "xss"), "wustl_iiot_999": ("DoS", "Reconn")}
    for data, names in families.items():
        for left_out in names[:1] if quick else names:
            for model in ASKED:
                place = {"data": data, "split": "family", "left_out": left_out, "model": model}
                entries.append((place | {"features": 10 if data == "wustl_iiot_999" else "all"}, 1 if quick else 3))
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if config["model"] in NETWORKS:
        return 18.0 if config["data"] == "ton_iot_modbus" else 7.0
    slow = {"random-forest": 15.0, "gradient-boosting": 15.0}.get(config["model"], 1.0)
    return slow if config["data"] == "ton_iot_modbus" else slow / 10


EXPERIMENT = Experiment(
    name="threats-scores",
    version="1",
    about="paper 2: Pure-HQML, its controls and plain models at equal budgets, on real rows at random, by time and by family",
    function=run,
    grid=grid,
    estimate=estimate,
    told=("data", "split", "left_out", "features", "model"),
    times=lambda config: r"metrics\.(train_cpu_seconds|predict_cpu_seconds_per_1000)",
)

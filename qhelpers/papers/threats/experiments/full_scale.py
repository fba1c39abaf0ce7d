"""What the whole data set costs: Pure-HQML trained on 70 % of 1,194,464 rows, and how cost grows with rows and qubits.

And what the paper's own software would take: the literal network on a few hundred rows, which must compute the same.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import log_loss

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot import FEATURES
from qhelpers.evaluation import binary_metrics, confusion_counts
from qhelpers.papers.threats.model import PureHQMLClassifier
from qhelpers.papers.threats.rows import ParquetRows, write_rows
from qhelpers.runs.experiment import Experiment, Needs, Outcome

#: 70 % of the official file.
ALL = 836_124
#: Share of rows that are tested on; no training sees them, however many rows it takes.
TEST = 0.15
#: Batch and learning rate: ours, and a usual one for small batches, with as much learning for each row.
BATCHES = {"large": (1024, 0.03), "small": (32, 0.03 / 32)}


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train on so many rows from a Parquet file, or compare with the literal network.

    Parameters
    ----------
    config : mapping
        ``observable``, ``n_qubits`` (and features), ``n_rows`` of training, ``epochs``, ``batch`` of `BATCHES`; with
        ``compare: "literal"`` only ``observable``, ``n_qubits`` and ``n_rows``.
    seed : int
        Spawns the split and the weights.
    dataset : Dataset

    Returns
    -------
    Outcome
        Scores on the test rows, ``loss`` (of them) and ``train_loss`` (of the last epoch), ``train_cpu_seconds`` (the F-test
        and all epochs) and ``predict_cpu_seconds``. Of a comparison: `qhelpers.papers.threats.as_printed.compare`'s gaps and
        seconds, and ``literal_full_cpu_seconds``: as many seconds a row for ten epochs of `ALL` rows.
    """
    split, weights = np.random.SeedSequence(seed).spawn(2)
    state = int(weights.generate_state(1)[0] // 2)
    if config.get("compare") == "literal":
        from qhelpers.papers.threats.as_printed import compare

        X, y = scaled_rows(dataset, config["n_rows"], config["n_qubits"])
        gaps, losses = compare(X, y, observable=config["observable"], seed=state)
        gaps["literal_full_cpu_seconds"] = gaps["literal_cpu_seconds"] / len(X) * ALL * 10
        return Outcome(gaps, arrays=losses)
    order = np.random.default_rng(split).permutation(len(dataset))
    n_test = round(TEST * len(dataset))
    train, test = order[n_test : n_test + config["n_rows"]], order[:n_test]
    if len(train) < config["n_rows"]:
        raise ValueError(f"n_rows is {config['n_rows']}; allowed are 1 to {len(order) - n_test} of {len(order)} rows")
    batch_size, learning_rate = BATCHES[config["batch"]]
    model = PureHQMLClassifier(
        n_features=config["n_qubits"], observable=config["observable"], epochs=config["epochs"], batch_size=batch_size,
        learning_rate=learning_rate, random_state=state,
    )  # fmt: skip
    X = dataset.X[list(FEATURES)]
    clone(model).set_params(epochs=1).fit(X.loc[train[:2000]], dataset.y[train[:2000]])  # a first call's set-up is not counted
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.parquet"
        write_rows(path, X.loc[train], dataset.y[train])
        wall, cpu = time.perf_counter(), time.process_time()
        model.fit_rows(ParquetRows(path))
        seconds, spent = time.perf_counter() - wall, time.process_time() - cpu
    cpu = time.process_time()
    scores = model.decision_function(X.loc[test])
    costs = {"train_cpu_seconds": spent, "predict_cpu_seconds": time.process_time() - cpu}
    y, predicted = dataset.y[test], (scores > 0).astype(int)
    loss = {"loss": float(log_loss(y, 1 / (1 + np.exp(-scores)), labels=[0, 1])), "train_loss": model.history_["loss"][-1]}
    chosen = {"features": [FEATURES[k] for k in model.selected_]}
    arrays = {name: np.array(curve) for name, curve in model.history_.items()}
    return Outcome(binary_metrics(y, predicted, scores) | loss | costs, confusion_counts(y, predicted), chosen, seconds, arrays)


def scaled_rows(dataset: Dataset, n_rows: int, n_features: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The first rows of a set as the network reads them, features selected and scaled over those rows; and their labels."""
    X, y = dataset.X[list(FEATURES)][:n_rows], dataset.y[:n_rows]
    return PureHQMLClassifier(n_features, branch="none", epochs=1).fit(X, y).inputs(X).numpy(), y


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """All rows for ten epochs with small and large batches; one epoch of more and more rows, and of more and more qubits."""
    quick = profile == "quick"
    whole, sample = {"data": "wustl_iiot"}, {"data": "wustl_iiot_999"}
    entries: list[tuple[dict[str, Any], int]] = []
    for observable in ("first", "parity"):
        base = {"model": "pure-hqml", "observable": observable, "n_qubits": 10}
        for n_qubits, n_rows in ((4, 32),) if quick else ((4, 64), (6, 64), (8, 64), (10, 320)):
            entries.append((sample | base | {"compare": "literal", "n_qubits": n_qubits, "n_rows": n_rows}, 1))
        trained = {"epochs": 1, "batch": "large"}
        entries.append((sample | base | trained | {"n_rows": 600}, 1))
        if quick:
            continue
        entries += [(whole | base | trained | {"n_rows": n}, 1) for n in (1_000, 10_000, 100_000, 1_000_000)]
        entries += [(whole | base | trained | {"n_rows": 100_000, "n_qubits": n}, 1) for n in (4, 6, 8, 12)]
        entries.append((whole | base | {"epochs": 10, "batch": "large", "n_rows": ALL}, 3))
        if observable == "first":
            entries.append((whole | base | {"epochs": 10, "batch": "small", "n_rows": ALL}, 3))
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if config.get("compare") == "literal":
        return 0.03 * config["n_rows"] * config["n_qubits"]
    step = {"large": 1.0, "small": 0.7}[config["batch"]] + (2.5 * config["n_qubits"] if config["observable"] == "parity" else 0)
    return 5 + config["epochs"] * (config["n_rows"] / BATCHES[config["batch"]][0] * step / 1000 + 1e-6 * config["n_rows"])


EXPERIMENT = Experiment(
    name="threats-scale",
    version="1",
    about="paper 2: time and memory of Pure-HQML on all rows, from 1,000 to a million rows, from 4 to 12 qubits, and literally",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="train_cpu_seconds",
    told=("data", "model", "compare", "observable", "n_qubits"),
    times=lambda config: r"metrics\.((train|predict)_cpu_seconds|literal_(full_)?cpu_seconds)",
    needs=lambda config: Needs(memory_gb=3.0 if config["data"] == "wustl_iiot" else 1.0),
    keeps=("real", "twin"),
)

"""What each leak is worth: a score from a clock, an address or a packet number alone, beside the columns that a model may see.

Rows are split in two ways, 70 to 30 both times: drawn at random, or as stretches of time. So the difference between the two is
what neighbours in time give away, and the difference between two sets of columns is what a column gives away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot import COLUMNS, DROPPED, FEATURES
from qhelpers.evaluation import binary_metrics, confusion_counts, group_split, refuse_empty, stratified_split
from qhelpers.models import baseline
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: Sets of columns of the flows, by what pages call them. ``Traffic`` names the attack: it is a label, and in none of them.
FLOWS: dict[str, tuple[str, ...]] = {
    "all 47": COLUMNS,
    "the publisher's 41": tuple(name for name in COLUMNS if name not in DROPPED),
    "our 40": FEATURES,
    "both ports": ("Sport", "Dport"),
} | {name: (name,) for name in ("StartTime", "IdleTime", "SrcAddr", "DstAddr", "sIpId", "dIpId", "Sport")}
#: And of the Modbus readings, whose file has a date and a time, and an order of rows.
READINGS = ("the four registers", "time", "place in the file")
SPLITS = ("rows", "stretches")
#: A forest only where there are several columns: of one column it makes what a tree makes.
MODELS = ("one-threshold", "logistic-regression", "decision-tree", "random-forest")
TEST, N_STRETCHES = 0.3, 100


def inputs(dataset: Dataset, columns: str) -> NDArray[np.float64]:
    """Columns of a set by what pages call them, shape ``(n_rows, n_columns)``.

    Raises
    ------
    ValueError
        If the set has no such columns.
    """
    if dataset.name == "ton_iot_modbus":
        if columns == "the four registers":
            return dataset.X.to_numpy()
        if columns == "time":
            return dataset.time.astype("datetime64[s]").astype(float)[:, None]
        if columns == "place in the file":
            return np.arange(len(dataset), dtype=float)[:, None]
    elif columns in FLOWS:
        return dataset.X[list(FLOWS[columns])].to_numpy()
    allowed = READINGS if dataset.name == "ton_iot_modbus" else tuple(FLOWS)
    raise ValueError(f"columns {columns!r} are unknown in {dataset.name}; allowed are {', '.join(allowed)}")


def split(dataset: Dataset, kind: str, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training and test rows: drawn one by one, with the shares of the classes, or as stretches of as many rows in time order.

    Raises
    ------
    ValueError
        If a part lacks a class.
    """
    if kind == "rows":
        train, test = stratified_split(dataset.y, TEST, rng)
    else:
        stretch = np.empty(len(dataset), int)
        order = np.argsort(dataset.time, kind="stable")
        stretch[order] = np.arange(len(order)) * N_STRETCHES // len(order)
        train, test = group_split(stretch, TEST, rng)
    refuse_empty(dataset.y, train, test)
    return train, test


@knows(split=SPLITS)
def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train a plain model on some columns, and test it on rows or stretches that it has not seen.

    Parameters
    ----------
    config : mapping
        ``columns``, of `FLOWS` or `READINGS`; ``split``, of `SPLITS`; ``model``, of `MODELS`.
    seed : int
        Of the split, which all models and columns share, and of the model.
    dataset : Dataset
        ``wustl_iiot_999`` or ``ton_iot_modbus``.

    Returns
    -------
    Outcome
        Scores on the test rows.

    Raises
    ------
    ValueError
        If columns, split or model are unknown.
    """
    parts, weights = np.random.SeedSequence(seed).spawn(2)
    train, test = split(dataset, config["split"], np.random.default_rng(parts))
    X, y = inputs(dataset, config["columns"]), dataset.y
    model = baseline(config["model"], int(weights.generate_state(1)[0] // 2))
    start = time.perf_counter()
    model.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    said = model.predict(X[test])
    metrics = binary_metrics(y[test], said, model.predict_proba(X[test])[:, 1])
    return Outcome(metrics, confusion_counts(y[test], said), train_seconds=seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every set of columns, split and model, ten seeds."""
    n_seeds = 2 if profile == "quick" else 10
    several = ("all 47", "the publisher's 41", "our 40", "both ports", "the four registers")
    return [
        ({"data": data, "columns": columns, "split": kind, "model": model}, n_seeds)
        for data, every in (("wustl_iiot_999", tuple(FLOWS)), ("ton_iot_modbus", READINGS))
        for columns in every
        for kind in SPLITS
        for model in MODELS
        if model != "random-forest" or columns in several
    ]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    slow = {"random-forest": 25.0, "decision-tree": 0.7}.get(config["model"], 0.2)
    return slow if config["data"] == "ton_iot_modbus" else 0.02 * slow


EXPERIMENT = Experiment(
    name="threats-leaks",
    version="1",
    about="what a clock, an address, a port or a packet number alone is worth, on rows at random and on stretches of time",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="mcc",
    told=("data", "columns", "split", "model"),
)

"""Experiment on splits: the same ordinary models on rows drawn at random, and on splits that keep neighbours in time together."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qhelpers.datasets import Dataset
from qhelpers.evaluation import binary_metrics, confusion_counts, late_split, official_split, random_split, time_block_split
from qhelpers.models import baseline
from qhelpers.papers.low_energy.experiments.tables import of_paper
from qhelpers.runs.experiment import Outcome

if TYPE_CHECKING:
    import pandas as pd

#: Splits of a set with official files, and of one whose rows have types.
OFFICIAL = ("random", "official test1", "official test2")
TIMED = ("random", "time blocks", "later part")
SPLITS = tuple(dict.fromkeys(OFFICIAL + TIMED))
TEST_SIZE = 0.3
N_BLOCKS = 10
#: Models from blunt to supple: what chapters call them, and their names in `qhelpers.models.BASELINES`.
MODELS = {
    "majority": "majority",
    "one threshold": "one-threshold",
    "logistic regression": "logistic-regression",
    "1 nearest neighbour": "nearest-neighbour",
    "random forest": "random-forest",
}
#: Data, splits and columns left out, as recorded.
CASES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("occupancy", OFFICIAL, ()),
    ("occupancy", OFFICIAL, ("Light",)),
    ("ton_iot_gps", TIMED, ()),
    ("ton_iot_gps_38960", TIMED, ()),
)


def parts(dataset: Dataset, split: str, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test rows of a split; several pairs where its parts are tested in turn.

    Parameters
    ----------
    dataset : Dataset
        Where rows come from.
    split : str
        ``"random"``: 30 % of all rows for testing. ``"official test1"``, ``"official test2"``: that file, after training on
        the official training file. ``"time blocks"``: contiguous tenths of time in turn, after training on the other nine.
        ``"later part"``: of each type the last 30 % of its rows in time.
    rng : numpy.random.Generator
        Source of the random split.

    Returns
    -------
    list of (train, test)
        Row numbers.

    Raises
    ------
    ValueError
        If there is no such split, or the data set has neither the files nor the types that it needs.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; allowed are {', '.join(SPLITS)}")
    if split == "random":
        return [random_split(len(dataset), TEST_SIZE, rng)]
    if split == "time blocks":
        return [time_block_split(dataset.time, N_BLOCKS, block) for block in range(N_BLOCKS)]
    if split == "later part":
        if dataset.family is None:
            raise ValueError(f"{dataset.name} has no types; choose another split: {', '.join(_splits_of(dataset))}")
        return [late_split(dataset.time, dataset.family, TEST_SIZE)]
    return [official_split(dataset.official, test=split.removeprefix("official "))]


def run(config: Mapping[str, Any], seed: int, dataset: Dataset, *, n_trees: int | None = None) -> Outcome:
    """Train and test one model on one split.

    The predictions of all parts of a split are scored together, so that every test row weighs alike.

    Parameters
    ----------
    config : mapping
        ``data``, ``split`` (see `parts`), ``model`` (a value of `MODELS`), ``without``: columns that the model does not see.
    seed : int
        Of the random split, shared by all models, and of the model.
    dataset : Dataset
        The data set that ``config["data"]`` names.
    n_trees : int, optional
        Size of the forest; by default scikit-learn's.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If the split or the model is unknown, or a column to leave out is not there.
    """
    if unknown := [column for column in config["without"] if column not in dataset.X.columns]:
        raise ValueError(f"{dataset.name} has no column {', '.join(unknown)}; it has {', '.join(dataset.X.columns)}")
    X, y = dataset.X.drop(columns=list(config["without"])).to_numpy(float), dataset.y
    rows, weights = np.random.SeedSequence(seed).spawn(2)
    model = baseline(config["model"], int(weights.generate_state(1)[0] // 2))
    if n_trees is not None and config["model"] == "random-forest":
        model.set_params(randomforestclassifier__n_estimators=n_trees)
    tested, guesses, right, n_trained, train_seconds = [], [], 0, 0, 0.0
    for train, test in parts(dataset, config["split"], np.random.default_rng(rows)):
        start = time.perf_counter()
        model.fit(X[train], y[train])
        train_seconds += time.perf_counter() - start
        tested.append(y[test])
        guesses.append(model.predict(X[test]))
        right += int(np.sum(model.predict(X[train]) == y[train]))
        n_trained += len(train)
    true, predicted = np.concatenate(tested), np.concatenate(guesses)
    metrics = binary_metrics(true, predicted) | {"train_accuracy": right / n_trained}
    return Outcome(metrics, confusion_counts(true, predicted), train_seconds=train_seconds)


def scores(dataset: Dataset, seed: int = 0, *, without: tuple[str, ...] = (), n_trees: int | None = None) -> pd.DataFrame:
    """Accuracy of every model on every split that a data set allows.

    Parameters
    ----------
    dataset : Dataset
        Any with labels and times; official files and types allow more splits.
    seed : int
        As in `run`.
    without : tuple of str
        Columns that the models do not see.
    n_trees : int, optional
        Size of the forest; by default scikit-learn's.

    Returns
    -------
    pandas.DataFrame
        A row a split, a column a model of `MODELS`.
    """
    import pandas as pd

    rows = []
    for split in _splits_of(dataset):
        for model in MODELS.values():
            config = {"data": dataset.name, "split": split, "model": model, "without": list(without)}
            rows.append(config | run(config, seed, dataset, n_trees=n_trees).metrics)
    return table(pd.DataFrame(rows))


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy over seeds, in the layout of `scores`.

    Parameters
    ----------
    runs : pandas.DataFrame
        A row a run with ``split``, ``model`` and ``accuracy``, for instance from `qhelpers.runs.records.frame`.

    Returns
    -------
    pandas.DataFrame
        A row a split, a column a model of `MODELS`, as far as there are any.
    """
    mean = runs.pivot_table(index="split", columns="model", values="accuracy")
    mean = mean.reindex(index=[s for s in SPLITS if s in mean.index], columns=[m for m in MODELS.values() if m in mean])
    return mean.rename(columns={name: label for label, name in MODELS.items()}).rename_axis(columns=None)


def _splits_of(dataset: Dataset) -> tuple[str, ...]:
    if dataset.official is not None:
        return OFFICIAL
    return TIMED if dataset.family is not None else TIMED[:2]


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Configs of a profile with their number of seeds: only a random split differs from seed to seed."""
    n_random = 1 if profile == "quick" else 5
    return [
        ({"data": data, "split": split, "model": model, "without": list(without)}, n_random if split == "random" else 1)
        for model in MODELS.values()
        for data, splits, without in CASES
        for split in splits
    ]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly: a forest takes 4 s on tens of thousands of rows."""
    fit = 4.0 if config["model"] == "random-forest" else 0.05
    return fit * (N_BLOCKS if config["split"] == "time blocks" else 1)


EXPERIMENT = of_paper(
    name="splits",
    version="1",
    about="ordinary models on random rows and on rows from another time, all rows of a set",
    function=run,
    grid=grid,
    estimate=estimate,
)

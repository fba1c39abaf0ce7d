"""How a set fools a classifier: the same models on a random split and on splits that keep neighbours in time together.

What this measures on the official files is kept in ``records/data``; make it anew with
``python -m qhelpers.datasets.traps records/data``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Dataset, names
from qhelpers.datasets.comparison import summary
from qhelpers.datasets.loading import load

#: Models from blunt to supple, as `split_scores` names them.
MODELS = ("one threshold", "logistic regression", "1 nearest neighbour", "random forest")


def splits(data: Dataset, seed: int = 0, *, n_blocks: int = 10) -> Iterator[tuple[str, np.ndarray]]:
    """Ways to choose test rows, each with a boolean mask of them; a way may come several times, with other rows.

    ``"random"``: 30 % of all rows. Sets with official files: ``"official test1"`` and ``"official test2"``. Sets with
    types: ``"time blocks"``, contiguous tenths of time in turn, and ``"later part"``, of each type the last 30 % of
    its time.

    Parameters
    ----------
    data : Dataset
    seed : int
        Of the random split.
    n_blocks : int
        Number of time blocks.

    Yields
    ------
    name : str
    test : numpy.ndarray of shape (n_rows,)
    """
    n_rows = len(data)
    yield "random", np.isin(np.arange(n_rows), np.random.default_rng(seed).permutation(n_rows)[: int(0.3 * n_rows)])
    if data.official is not None:
        yield "official test1", data.official == "test1"
        yield "official test2", data.official == "test2"
        return
    order = np.argsort(data.time, kind="stable")
    for block in np.array_split(order, n_blocks):
        yield "time blocks", np.isin(np.arange(n_rows), block)
    if data.family is not None:
        late = np.zeros(n_rows, bool)
        for kind in np.unique(data.family):
            rows = order[data.family[order] == kind]
            late[rows[int(0.7 * len(rows)) :]] = True
        yield "later part", late


def split_scores(data: Dataset, seed: int = 0, *, without: tuple[str, ...] = (), n_trees: int = 8) -> pd.DataFrame:
    """Accuracy of four ordinary models on every way to split.

    Official test files are predicted after training on the official training file; every other test part after
    training on all other rows. Several parts of one way count by their rows.

    Parameters
    ----------
    data : Dataset
    seed : int
        Of the random split and of the forest.
    without : tuple of str
        Columns that the models do not see.
    n_trees : int
        Size of the forest.

    Returns
    -------
    pandas.DataFrame
        A row a split, a column a model of `MODELS`; ``majority`` is the score of the training part's commoner class.
    """
    X = data.X.drop(columns=list(without)).to_numpy()
    right: dict[str, dict[str, float]] = {}
    rows: dict[str, int] = {}
    for name, test in splits(data, seed):
        train = data.official == "train" if name.startswith("official") and data.official is not None else ~test
        scores = {"majority": float(np.mean(data.y[test] == round(data.y[train].mean())))}
        for label, model in _models(seed, n_trees).items():
            scores[label] = float(model.fit(X[train], data.y[train]).score(X[test], data.y[test]))
        kept = right.setdefault(name, dict.fromkeys(scores, 0.0))
        for label, score in scores.items():
            kept[label] += score * int(test.sum())
        rows[name] = rows.get(name, 0) + int(test.sum())
    table = pd.DataFrame.from_dict(right, orient="index").div(pd.Series(rows), axis=0)
    table.index.name = "split"
    return table


def _models(seed: int, n_trees: int) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    models = (
        DecisionTreeClassifier(max_depth=1, random_state=seed),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        make_pipeline(StandardScaler(), KNeighborsClassifier(1)),
        RandomForestClassifier(n_trees, random_state=seed),
    )
    return dict(zip(MODELS, models, strict=True))


def recorded(folder: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was measured on the official files of a set: its `summary`, and its `split_scores`.

    Parameters
    ----------
    folder : Path
        Folder that `main` wrote to.
    name : str
        One of `qhelpers.datasets.names`.

    Returns
    -------
    summary, scores : pandas.DataFrame
        `scores` has the index levels ``without`` (the columns left out, or empty) and ``split``.

    Raises
    ------
    FileNotFoundError
        If the folder does not hold them.
    """
    columns = pd.read_csv(folder / f"{name}-summary.csv", index_col=0)
    scores = pd.read_csv(folder / f"{name}-splits.csv", keep_default_na=False, index_col=["without", "split"])
    return columns, scores


def main(folder: Path) -> None:
    """Measure every set for the records; needs the official files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        data = load(name)
        summary(data).to_csv(folder / f"{name}-summary.csv", float_format="%.8g", lineterminator="\n")
        scores = {left: split_scores(data, without=left) for left in ((), ("Light",)) if set(left) <= set(data.X.columns)}
        table = pd.concat({", ".join(left): score for left, score in scores.items()}, names=["without"])
        table.to_csv(folder / f"{name}-splits.csv", float_format="%.6f", lineterminator="\n")
        print(f"{name}: {len(data):,} rows, {data.fingerprint}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("records/data"))

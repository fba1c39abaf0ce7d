"""Set two data sets side by side, column by column: how near is a twin to the real thing?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Dataset, DatasetError

STATISTICS = ("mean", "sd", "5 %", "25 %", "50 %", "75 %", "95 %", "share of zeros", "lag-1 autocorrelation", "AUC alone")


def summary(data: Dataset) -> pd.DataFrame:
    """Statistics of each feature and of the label.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    pandas.DataFrame of shape (n_features + 1, 10)
        A row a column of `data`, the last one ``label``; columns as in `STATISTICS`. The lag-1 autocorrelation is
        that of rows in time order, pairs within one group only. ``AUC alone`` is the area under the ROC curve of
        this column as a score for label 1, ties counted as one half; below 0.5 means that low values speak for 1.
    """
    table = data.X.assign(label=data.y.astype(float))
    order = np.argsort(data.time, kind="stable")
    together = data.groups[order][1:] == data.groups[order][:-1]
    rows = {}
    for column in table.columns:
        values = table[column].to_numpy()
        ordered = values[order]
        rows[column] = [
            values.mean(),
            values.std(ddof=1),
            *np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]),
            float(np.mean(values == 0)),
            _correlation(ordered[:-1][together], ordered[1:][together]),
            auc(values, data.y) if column != "label" else np.nan,
        ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(STATISTICS))


def compare(a: Dataset, b: Dataset) -> pd.DataFrame:
    """Statistics of two data sets with the same columns, side by side.

    Parameters
    ----------
    a, b : Dataset
        For instance a twin and the real data.

    Returns
    -------
    pandas.DataFrame
        Rows ``(column, statistic)``, columns the sources of `a` and `b` (``"twin"``, ``"real"``; with ``" a"`` and
        ``" b"`` after it where both are the same) and ``difference``: b minus a, for mean, sd and quantiles in
        standard deviations of `a`, for the other statistics as it is.

    Raises
    ------
    ValueError
        If the two do not have the same columns.
    """
    if list(a.X.columns) != list(b.X.columns):
        raise ValueError(
            f"{a.name} has the columns {list(a.X.columns)} and {b.name} has {list(b.X.columns)}; "
            "allowed are two sets with the same columns. Compare a set with its own twin."
        )
    labels = (a.source, b.source) if a.source != b.source else (f"{a.source} a", f"{b.source} b")
    one, two = summary(a), summary(b)
    pair = pd.DataFrame({labels[0]: one.stack(future_stack=True), labels[1]: two.stack(future_stack=True)})
    pair.index.names = ["column", "statistic"]
    scaled = one.columns.isin([*STATISTICS[:7]])
    unit = pd.DataFrame(np.where(scaled, one[["sd"]].to_numpy(), 1.0), index=one.index, columns=one.columns)
    pair["difference"] = (pair[labels[1]] - pair[labels[0]]) / unit.stack(future_stack=True)
    return pair


def record_summary(folder: Path, data: Dataset) -> Path:
    """Write the `summary` of a set to a file that `recorded_summary` reads; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data.name}.csv"
    summary(data).to_csv(path, float_format="%.8g", lineterminator="\n")
    return path


def recorded_summary(folder: Path, name: str) -> pd.DataFrame:
    """`summary` of the official files of a set, as recorded.

    Parameters
    ----------
    folder : Path
        ``data-summary`` among the records.
    name : str
        One of `qhelpers.datasets.names`.

    Returns
    -------
    pandas.DataFrame
        As from `summary`.

    Raises
    ------
    DatasetError
        If it is not there.
    """
    path = folder / f"{name}.csv"
    if not path.exists():
        raise DatasetError(f"{path} does not exist; make it with: python -m qhelpers.datasets summary --folder {folder}")
    return pd.read_csv(path, index_col=0)


def auc(score: np.ndarray, y: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted as one half; NaN where one class is missing."""
    positive = int(y.sum())
    if positive in (0, len(y)):
        return float("nan")
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[y == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(y) - positive)))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])

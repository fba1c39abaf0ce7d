"""Set two data sets side by side, column by column: how near is a twin to the real thing?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Dataset, DatasetError, Head, Series, Signals

STATISTICS = ("mean", "sd", "5 %", "25 %", "50 %", "75 %", "95 %", "share of zeros", "lag-1 autocorrelation", "AUC alone")


def summary(data: Head) -> pd.DataFrame:
    """Statistics of each feature and of the label.

    Parameters
    ----------
    data : Dataset, Series or Signals
        Of a `Series` every row counts, its label is the remaining life, which censored units do not have. Of `Signals` each
        recording counts by its length in seconds, its rate, and the mean, standard deviation and kurtosis of its channels.

    Returns
    -------
    pandas.DataFrame of shape (n_features + 1, 10)
        A row a column of `data`, the last one ``label`` where there is one; columns as in `STATISTICS`. The lag-1
        autocorrelation is that of rows in time order, pairs within one group only. ``AUC alone`` is the area under the ROC
        curve of this column as a score for labels above 0, ties counted as one half; below 0.5 means that low values speak
        for them, NaN that the label is no class.
    """
    table, y, groups, order = _laid_out(data)
    if y is not None:
        table = table.assign(label=y.astype(float))
    together = groups[order][1:] == groups[order][:-1]
    above = (y > 0).astype(int) if y is not None and y.dtype.kind == "i" else None
    rows = {}
    for column in table.columns:
        ordered = table[column].to_numpy()[order]
        there = table[column].notna().to_numpy()
        values = table[column].to_numpy()[there]
        rows[column] = [
            values.mean(),
            values.std(ddof=1) if np.ptp(values) else 0.0,  # of a constant, rounding would leave a little
            *np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]),
            float(np.mean(values == 0)),
            _correlation(ordered[:-1][together], ordered[1:][together]),
            auc(values, above[there]) if above is not None and column != "label" else np.nan,
        ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(STATISTICS))


def _laid_out(data: Head) -> tuple[pd.DataFrame, np.ndarray | None, np.ndarray, np.ndarray]:
    """What is summarised, a row an observation: features, label, what each row belongs to, and the order in time."""
    if isinstance(data, Dataset):
        return data.X, data.y, data.groups, np.argsort(data.time, kind="stable")
    if isinstance(data, Series):
        return data.X, data.remaining, data.unit, np.arange(len(data.X))
    assert isinstance(data, Signals)
    rows = [{"seconds": len(one) / rate, "rate": rate} for one, rate in zip(data.recordings, data.rate, strict=True)]
    for row, one in zip(rows, data.recordings, strict=True):
        for name, values in zip(data.channels, one.T, strict=True):
            apart = values - values.mean()
            row |= {
                f"{name} mean": values.mean(),
                f"{name} sd": values.std(),
                f"{name} kurtosis": (apart**4).mean() / ((apart**2).mean() ** 2 or np.nan),
            }
    return pd.DataFrame(rows), data.y, data.groups, np.arange(len(data))


def compare(a: Head, b: Head) -> pd.DataFrame:
    """Statistics of two data sets with the same columns, side by side.

    Parameters
    ----------
    a, b : Dataset, Series or Signals
        For instance a twin and the real data.

    Returns
    -------
    pandas.DataFrame
        Rows ``(column, statistic)``, columns the sources of `a` and `b` (``"twin"``, ``"real"``; with ``" a"`` and
        ``" b"`` after it where both are the same) and ``difference``: b minus a, for mean, sd and quantiles in
        standard deviations of `a` (as it is where a column is constant there), for the other statistics as it is.

    Raises
    ------
    ValueError
        If the two do not have the same columns.
    """
    one, two = summary(a), summary(b)
    if list(one.index) != list(two.index):
        raise ValueError(
            f"{a.name} has the columns {list(one.index)} and {b.name} has {list(two.index)}; "
            "allowed are two sets with the same columns. Compare a set with its own twin."
        )
    labels = (a.source, b.source) if a.source != b.source else (f"{a.source} a", f"{b.source} b")
    pair = pd.DataFrame({labels[0]: one.stack(future_stack=True), labels[1]: two.stack(future_stack=True)})
    pair.index.names = ["column", "statistic"]
    scaled = one.columns.isin([*STATISTICS[:7]])
    unit = pd.DataFrame(np.where(scaled, one[["sd"]].replace(0, 1).to_numpy(), 1.0), index=one.index, columns=one.columns)
    pair["difference"] = (pair[labels[1]] - pair[labels[0]]) / unit.stack(future_stack=True)
    return pair


def record_summary(folder: Path, data: Head) -> Path:
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
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])

"""Rows for a training: a table in memory, or a Parquet file of which no more than a block is in memory at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import StandardScaler

from qhelpers._extras import require
from qhelpers.datasets import DatasetError

Array = NDArray[np.float64]

#: Rows that a Parquet file holds in one group, and that are in memory at a time.
BLOCK = 65_536
#: Column of the labels in a Parquet file.
LABEL = "Target"
#: Version of what `write_rows` writes.
FORMAT = "1"
_MARK = "qhelpers-rows"


class Rows(Protocol):
    """What a training asks of its rows.

    Attributes
    ----------
    columns : sequence of str
        Names of the features.
    """

    columns: Sequence[str]

    def blocks(
        self, chosen: Sequence[int] | None = None, random: np.random.Generator | None = None
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield features (n_rows, n_chosen) and labels (n_rows,), block after block; blocks in random order with `random`."""


class ArrayRows:
    """A table in memory, or mapped into it: one block.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
    y : array of shape (n_rows,)
    """

    def __init__(self, X: NDArray[Any], y: NDArray[Any]) -> None:
        self.X, self.y = X, y
        self.columns: Sequence[str] = [str(k) for k in range(X.shape[1])]

    def blocks(
        self, chosen: Sequence[int] | None = None, random: np.random.Generator | None = None
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield the table."""
        yield self.X if chosen is None else self.X[:, chosen], self.y


class ParquetRows:
    """Rows of a Parquet file, read anew in every pass, a block at a time and only the columns that are asked for.

    A batch never spans two blocks, so that the file should hold its rows in random order, as `write_rows` can bring them into.

    Parameters
    ----------
    path : path-like
    label : str, default="Target"
        The column of the labels.
    columns : sequence of str, optional
        The features; by default all columns but the label.

    Raises
    ------
    DatasetError
        If the file is no Parquet file or is cut, lacks a column, has no rows, or was written by another version of `write_rows`.
    """

    def __init__(self, path: str | Path, label: str = LABEL, columns: Sequence[str] | None = None) -> None:
        pl = require("polars", "experiments")
        self.path, self.label = Path(path), label
        try:
            written = pl.read_parquet_metadata(self.path).get(_MARK, FORMAT)
            self._stamp, self._table = _stamp(self.path), pl.scan_parquet(self.path)
            schema = self._table.collect_schema()
            self.n_rows = int(self._table.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DatasetError(f"{self.path} cannot be read as Parquet ({error}); write it again with write_rows") from error
        if written != FORMAT:
            raise DatasetError(
                f"{self.path} was written in version {written} of the rows; allowed is {FORMAT}: write it again with write_rows"
            )
        self.columns: Sequence[str] = [name for name in schema.names() if name != label] if columns is None else list(columns)
        if label in self.columns:
            raise DatasetError(f"{label!r} is the label; leave it out of columns, or name another as label")
        if missing := [name for name in (*self.columns, label) if name not in schema]:
            raise DatasetError(f"{self.path} has no column {', '.join(missing)}; it has {', '.join(schema.names())}")
        if words := [name for name in self.columns if not (schema[name].is_numeric() or schema[name] == pl.Boolean)]:
            raise DatasetError(f"{self.path}: {', '.join(words)} hold no numbers; leave them out with columns=[...]")
        if not self.n_rows:
            raise DatasetError(f"{self.path} holds no rows; write the rows of a fold that has some")

    def blocks(
        self, chosen: Sequence[int] | None = None, random: np.random.Generator | None = None
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield the blocks."""
        names = [*(self.columns if chosen is None else [self.columns[k] for k in chosen]), self.label]
        starts = np.arange(0, self.n_rows, BLOCK)
        for start in (starts if random is None else random.permutation(starts)).tolist():
            if _stamp(self.path) != self._stamp:
                raise DatasetError(f"{self.path} was changed or removed during the training; write it again, and begin anew")
            block = self._table.slice(start, BLOCK).select(names).collect()
            yield block.drop(self.label).to_numpy().astype(float, copy=False), block[self.label].to_numpy()


def _stamp(path: Path) -> tuple[int, int] | None:
    """Length and time of change of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def write_rows(path: str | Path, X: pd.DataFrame, y: ArrayLike, order: np.random.Generator | None = None) -> None:
    """Write features and labels as a Parquet file for `ParquetRows`.

    Parameters
    ----------
    path : path-like
    X : DataFrame of shape (n_rows, n_features)
    y : array-like of shape (n_rows,)
    order : Generator, optional
        Brings the rows into random order first.

    Raises
    ------
    ValueError
        If a feature has the label's name.
    """
    pl = require("polars", "experiments")
    if LABEL in X.columns:
        raise ValueError(f"a feature is called {LABEL!r}, as the labels are; leave that column out")
    table = pl.DataFrame({str(name): X[name].to_numpy() for name in X} | {LABEL: np.asarray(y)})
    if order is not None:
        table = table[order.permutation(len(table))]
    unfinished = Path(path).with_name(Path(path).name + ".part")
    table.write_parquet(unfinished, row_group_size=BLOCK, metadata={_MARK: FORMAT})
    unfinished.replace(path)


class Statistics(NamedTuple):
    """What one pass over the rows finds: of each class (n_classes, n_features), of all (n_features,)."""

    classes: NDArray[Any]
    counts: NDArray[np.int64]
    means: Array
    variances: Array
    low: Array
    high: Array
    fingerprint: str

    @property
    def mean(self) -> Array:
        """Mean of each feature."""
        mean: Array = self.counts @ self.means / self.counts.sum()
        return mean

    @property
    def between(self) -> Array:
        """Sum of squares between the classes."""
        between: Array = self.counts @ (self.means - self.mean) ** 2
        return between

    @property
    def deviation(self) -> Array:
        """Standard deviation of each feature."""
        deviation: Array = np.sqrt((self.counts @ self.variances + self.between) / self.counts.sum())
        return deviation

    @property
    def f_scores(self) -> Array:
        """ANOVA F of each feature, as `sklearn.feature_selection.f_classif`; 0 for a constant."""
        n, k = self.counts.sum(), len(self.classes)
        within = self.counts @ self.variances / max(1, n - k)
        between = self.between / max(1, k - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(between > 0, between / within, 0.0)


def statistics(rows: Rows) -> Statistics:
    """Read all rows once.

    Raises
    ------
    ValueError
        If a feature is missing or infinite somewhere, or there are no rows.
    """
    found: dict[Any, StandardScaler] = {}
    low, high = np.full(len(rows.columns), np.inf), np.full(len(rows.columns), -np.inf)
    sums = []
    for X, y in rows.blocks():
        if strange := [name for name, fine in zip(rows.columns, np.isfinite(X).all(0), strict=True) if not fine]:
            raise ValueError(f"{', '.join(strange)}: missing or infinite values; drop those rows, or fill them first")
        low, high = np.minimum(low, X.min(0)), np.maximum(high, X.max(0))
        labels = []
        for label in np.unique(y).tolist():
            mine = y == label
            found.setdefault(label, StandardScaler()).partial_fit(X[mine].astype(float))
            labels.append((label, zlib.crc32(np.packbits(mine).data)))
        sums.append((len(X), zlib.crc32(np.ascontiguousarray(X).data), *labels))
    if not found:
        raise ValueError("there are no rows; a training needs some of each class")
    classes = sorted(found)
    each = [found[label] for label in classes]
    return Statistics(
        np.array(classes), np.array([one.n_samples_seen_ for one in each], np.int64), np.array([one.mean_ for one in each]),
        np.array([one.var_ for one in each]), low, high, repr(sums),
    )  # fmt: skip

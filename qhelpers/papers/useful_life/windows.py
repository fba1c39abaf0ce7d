"""Windows of an engine's cycles with what remains of its life (paper 3, sections 4.1, 4.3 and 4.7).

Engines of the NASA C-MAPSS sets as the paper prepares them: seven sensors dropped, 14 sensors and 3 settings scaled by the
training engines alone, windows of 30 cycles that move by one, labels of at most 125, four of five engines for training. In sets
with six regimes the sensors are scaled within each, and the regime is appended. Beside it the protocol that the sets were
published with, a prediction after the last cycle of each test engine, which the paper does not use and most others do.
`qhelpers.papers.useful_life.fleet` does the same for the fleet of devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from qhelpers.datasets import Series
from qhelpers.datasets.cmapss import SENSORS, SETTINGS
from qhelpers.evaluation import group_split, random_split

Array = NDArray[np.float64]
Short = Literal["error", "drop", "pad"]

#: Sensors that the paper drops, for they are constant, or nearly, in FD001.
DROPPED = tuple(f"sensor{number}" for number in (1, 5, 6, 10, 16, 18, 19))
KEPT = tuple(name for name in SENSORS if name not in DROPPED)
#: The 17 numbers of a state; where there are six regimes, six more say which one it is in.
FEATURES = (*KEPT, *SETTINGS)
WINDOW = 30
CAP = 125
TEST_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of rows that follow one another, each labelled with what remains after its last row; ``len()`` is their number.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
        All rows, scaled; windows are cut from them when they are asked for.
    features : tuple of str
        Names of its columns.
    first, last : ndarray of int, shape (n_windows,)
        The row with which a window's unit (or an unbroken stretch of it) begins, and the row that the window ends with. Where
        fewer than `length` rows lie between them, the first one is repeated.
    length : int
        Rows a window.
    unit : ndarray of int, shape (n_windows,)
        Which unit of the data set it is of.
    remaining : ndarray of shape (n_windows,)
        What remains, in cycles or days, without a cap; NaN where a failure was never seen.
    y : ndarray of shape (n_windows,)
        The label: `remaining` with a cap, or whatever stands in its place.
    """

    values: Array = field(repr=False)
    features: tuple[str, ...] = field(repr=False)
    first: NDArray[np.int64] = field(repr=False)
    last: NDArray[np.int64] = field(repr=False)
    length: int
    unit: NDArray[np.int64] = field(repr=False)
    remaining: Array = field(repr=False)
    y: Array = field(repr=False)

    def __len__(self) -> int:
        return len(self.last)

    def take(self, which: ArrayLike) -> Array:
        """Some windows, by number or by a mask, shape ``(n, length, n_features)``."""
        chosen = np.arange(len(self))[np.asarray(which)]
        rows = self.last[chosen, None] + np.arange(1 - self.length, 1)
        return self.values[np.maximum(rows, self.first[chosen, None])]

    @property
    def X(self) -> Array:
        """All windows, shape ``(n_windows, length, n_features)``."""
        return self.take(np.arange(len(self)))

    @property
    def rows(self) -> Array:
        """The last row of each window, shape ``(n_windows, n_features)``."""
        return self.values[self.last]

    def only(self, which: ArrayLike) -> Windows:
        """Some of the windows, by number or by a mask; they share the rows."""
        chosen = np.arange(len(self))[np.asarray(which)]
        own = {name: getattr(self, name)[chosen] for name in ("first", "last", "unit", "remaining", "y")}
        return replace(self, **own)

    def of(self, units: ArrayLike) -> Windows:
        """The windows of some units."""
        return self.only(np.isin(self.unit, units))


def count_windows(lengths: ArrayLike, window: int = WINDOW) -> int:
    """How many windows units of these lengths give, one from each row on that leaves room for it.

    Parameters
    ----------
    lengths : array-like of int
        Rows of each unit.
    window : int
        Rows a window.
    """
    return int(np.maximum(np.asarray(lengths) - window + 1, 0).sum())


def cut(edges: ArrayLike, window: int = WINDOW, *, short: Short = "error", names: Sequence[str] = ()) -> NDArray[np.int64]:
    """Where the windows of all units end.

    Parameters
    ----------
    edges : array-like of int
        As of a `Series`: unit `k` has the rows from ``edges[k]`` to before ``edges[k + 1]``.
    window : int
        Rows a window.
    short : {"error", "drop", "pad"}
        What becomes of a unit that is shorter than a window: it is refused, left out, or gives one window that ends with its
        last row and begins with its first one, repeated.
    names : sequence of str
        Of the units, for the message.

    Returns
    -------
    ndarray of int, shape (n_windows, 2)
        Unit and last row of each window, in the order of units and rows.

    Raises
    ------
    ValueError
        If `short` is none of these, or is "error" and a unit is shorter than a window.
    """
    if short not in ("error", "drop", "pad"):
        raise ValueError(f"short={short!r} was given; allowed are 'error', 'drop' and 'pad'. Pass one of them.")
    begin = np.asarray(edges)[:-1]
    end = np.asarray(edges)[1:]
    lacking = np.flatnonzero(end - begin < window)
    if len(lacking) and short == "error":
        k = int(lacking[0])
        called = names[k] if len(names) else f"number {k}"
        raise ValueError(
            f"unit {called} has {end[k] - begin[k]} rows ({len(lacking)} such units); allowed are {window}, those of a window. "
            "Choose a shorter window, short='drop' to leave such units out, or short='pad' to repeat their first row."
        )
    start = begin + window - 1
    if short == "pad":
        start = np.minimum(start, end - 1)
    counts = np.maximum(end - start, 0)
    unit = np.repeat(np.arange(len(begin)), counts)
    return np.c_[unit, np.arange(counts.sum()) - (np.cumsum(counts) - counts)[unit] + start[unit]]


class Scaler:
    """Min-max scaling of settings and sensors, of the sensors within each regime where there are several (section 4.7).

    With six regimes a sensor says first of all where the engine flies. There, regimes are the clusters of the settings (k-means,
    each setting in standard deviations), numbered by altitude; each has a scale of its own, and the row says which it is in. A
    column that does not move becomes 0; what lies outside of the range of the training part is not cut.

    Parameters
    ----------
    n_regimes : int
        1 for the paper's scaling of FD001 and FD003, 6 for that of FD002 and FD004.
    random_state : int
        Seed of k-means.
    context : bool
        Whether the regime is appended, as a column a regime that is 1 inside of it and 0 elsewhere; nothing is where
        there is only one.
    """

    def __init__(self, n_regimes: int = 1, random_state: int = 0, *, context: bool = True) -> None:
        self.n_regimes = n_regimes
        self.random_state = random_state
        self.context = context

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns: `FEATURES`, and ``regime1`` (the lowest altitude) to the last where they are appended."""
        appended = self.n_regimes if self.context and self.n_regimes > 1 else 0
        return (*FEATURES, *(f"regime{k + 1}" for k in range(appended)))

    def fit(self, X: pd.DataFrame) -> Scaler:
        """Learn regimes and ranges from the rows of the training part."""
        settings = X[list(SETTINGS)].to_numpy()
        if self.n_regimes > len(np.unique(settings.round(1), axis=0)):
            raise ValueError(
                f"n_regimes={self.n_regimes} was given; allowed are no more than the settings that occur. "
                "Pass 1 for a set with one regime, 6 for FD002 and FD004."
            )
        self.settings_ = MinMaxScaler().fit(settings)
        self.standard_ = StandardScaler().fit(settings)
        self.clusters_ = KMeans(self.n_regimes, n_init=10, random_state=self.random_state).fit(self.standard_.transform(settings))
        self.number_ = np.argsort(np.argsort(self.clusters_.cluster_centers_[:, 0]))
        sensors, regime = X[list(KEPT)].to_numpy(), self.number_[self.clusters_.labels_]
        self.sensors_ = [MinMaxScaler().fit(sensors[regime == k]) for k in range(self.n_regimes)]
        return self

    def regime(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Which regime each row is in, from 0; one that was not in the training part counts as the nearest that was."""
        return self.number_[self.clusters_.predict(self.standard_.transform(X[list(SETTINGS)].to_numpy()))]

    def transform(self, X: pd.DataFrame) -> Array:
        """Scaled rows, shape ``(n_rows, 17)``, or 23 with six regimes appended; columns as in `features`."""
        scaled = np.empty((len(X), len(self.features)))
        sensors, regime = X[list(KEPT)].to_numpy(), self.regime(X)
        for k, scaler in enumerate(self.sensors_):
            if (inside := regime == k).any():
                scaled[inside, : len(KEPT)] = scaler.transform(sensors[inside])
        scaled[:, len(KEPT) : len(FEATURES)] = self.settings_.transform(X[list(SETTINGS)].to_numpy())
        scaled[:, len(FEATURES) :] = np.eye(self.n_regimes)[regime, : scaled.shape[1] - len(FEATURES)]
        return scaled


def regimes_of(data: Series) -> int:
    """How many regimes a set has: 6 where the engines fly at several altitudes, else 1."""
    return 6 if float(np.ptp(data.X["setting1"])) > 1 else 1


def units_of(data: Series, part: str) -> NDArray[np.int64]:
    """Units of an official part, ``"train"`` or ``"test"``."""
    if data.official is None or not (data.official == part).any():
        raise ValueError(f"{data.name} has no official part {part!r}; allowed is a C-MAPSS set, with 'train' or 'test'.")
    return np.flatnonzero(data.official == part)


def as_printed(
    data: Series,
    seed: int,
    *,
    window: int = WINDOW,
    cap: float | None = CAP,
    regimes: int | None = None,
    context: bool = True,
    short: Short = "error",
) -> tuple[Windows, Windows]:
    """Training and test windows as in section 4.3: a fifth of the engines of the training file is held out.

    Parameters
    ----------
    data : Series
        One of the C-MAPSS sets.
    seed : int
        Draws the engines that are held out.
    window : int
        Cycles a window.
    cap : float or None
        Largest label, in cycles.
    regimes : int, optional
        Of the `Scaler`; by default as many as the set has (`regimes_of`), as in section 4.7.
    context : bool
        Whether the regime is appended to each row where there are several, so that it has 23 features instead of 17.
    short : {"error", "drop", "pad"}
        As in `cut`. No training engine of the official sets is shorter than 128 cycles.

    Returns
    -------
    train, test : Windows
    """
    units = units_of(data, "train")
    train, test = (units[part] for part in group_split(units, TEST_SHARE, np.random.default_rng(seed)))
    scaler = _fitted(data, train, regimes, seed, context)
    windows = _windows(data, scaler, window, cap, short, units)
    return windows.of(train), windows.of(test)


def official(
    data: Series,
    seed: int = 0,
    *,
    window: int = WINDOW,
    cap: float | None = CAP,
    regimes: int | None = None,
    context: bool = True,
) -> tuple[Windows, Windows]:
    """Training windows of all training engines, and one window a test engine, which ends with its last cycle.

    A test engine that is shorter than a window (6 in FD002, 11 in FD004, of 30 cycles) has its first cycle repeated, for each of
    them is to be predicted.

    Parameters
    ----------
    data, window, cap, regimes, context
        As in `as_printed`. `Windows.remaining` of the test engines is the label without a cap.
    seed : int
        Of k-means.

    Returns
    -------
    train, test : Windows
    """
    train, test = units_of(data, "train"), units_of(data, "test")
    scaler = _fitted(data, train, regimes, seed, context)
    last = _windows(data, scaler, window, cap, "pad", test)
    return _windows(data, scaler, window, cap, "error", train), last.only(np.r_[last.unit[1:] != last.unit[:-1], True])


def _fitted(data: Series, units: NDArray[np.int64], regimes: int | None, seed: int, context: bool) -> Scaler:
    scaler = Scaler(regimes_of(data) if regimes is None else regimes, seed, context=context)
    return scaler.fit(data.X[np.isin(data.unit, units)])


def _windows(data: Series, scaler: Scaler, window: int, cap: float | None, short: Short, units: NDArray[np.int64]) -> Windows:
    """Windows of some units. The rows that they are cut from are those of all, so that they can be told apart by their unit."""
    keep = np.isin(np.arange(len(data)), units)
    lengths = np.diff(data.edges)[keep]
    place, last = cut(np.r_[0, np.cumsum(lengths)], window, short=short, names=data.groups[keep].tolist()).T
    unit = units[place]
    last = last - (np.cumsum(lengths) - lengths)[place] + data.edges[unit]
    remaining = data.remaining[last]
    return Windows(
        values=scaler.transform(data.X),
        features=scaler.features,
        first=data.edges[unit],
        last=last,
        length=window,
        unit=unit,
        remaining=remaining,
        y=remaining if cap is None else np.minimum(remaining, cap),
    )


def phm08(remaining: ArrayLike, predicted: ArrayLike) -> float:
    """Score of the 2008 challenge: exponential in the error, worse for a failure that comes earlier than predicted.

    Parameters
    ----------
    remaining, predicted : array-like of shape (n,)
        Cycles.

    Returns
    -------
    float
        Sum of exp(-d/13) - 1 where d = predicted - remaining is negative, of exp(d/10) - 1 elsewhere; 0 is perfect.
    """
    late = np.asarray(predicted, float) - np.asarray(remaining, float)
    return float(np.expm1(np.where(late < 0, -late / 13, late / 10)).sum())


def official_scores(remaining: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Scores of one prediction a test engine, against labels as they are and with a cap, `CAP`.

    Parameters
    ----------
    remaining, predicted : array-like of shape (n_engines,)
        Cycles; `remaining` without a cap.

    Returns
    -------
    dict of str to float
        ``rmse``, ``phm08`` and the same with ``capped`` before it.

    Raises
    ------
    ValueError
        If the two do not have one length, or hold something that is no number.
    """
    y, p = np.asarray(remaining, float), np.asarray(predicted, float)
    if y.ndim != 1 or y.shape != p.shape or not (np.isfinite(y).all() and np.isfinite(p).all()):
        raise ValueError(
            f"shapes {y.shape} and {p.shape} were given; allowed are two rows of finite numbers, one an engine each."
        )
    low = np.minimum(y, CAP)
    return {
        "rmse": float(np.sqrt(np.mean((p - y) ** 2))),
        "phm08": phm08(y, p),
        "capped rmse": float(np.sqrt(np.mean((p - low) ** 2))),
        "capped phm08": phm08(low, p),
    }


def overlap_leak(windows: Windows, seed: int, *, components: int | None = 20) -> dict[str, float]:
    """What a random split of overlapping windows gives away: the nearest window's label, by random and by unit.

    Parameters
    ----------
    windows : Windows
        Of several units. Only their sensors are looked at: the settings of FD001 are noise that hides the nearest window.
    seed : int
        Draws both splits.
    components : int or None
        Principal components of a window (fitted to the training part), between which the nearest is looked for; None for the mean
        of each column over the window, from which the noise of single rows is gone.

    Returns
    -------
    dict of str to float
        ``random`` and ``by unit``: RMSE of one nearest neighbour; ``shared rows``: share of test windows of the random split
        whose neighbour one row before or after is in the training part.
    """
    found = {}
    splits = {
        "random": random_split(len(windows), TEST_SHARE, np.random.default_rng(seed)),
        "by unit": group_split(windows.unit, TEST_SHARE, np.random.default_rng(seed)),
    }
    places = [windows.features.index(name) for name in KEPT]
    whole = replace(windows, values=windows.values[:, places]).X
    flat = whole.mean(axis=1) if components is None else whole.reshape(len(windows), -1)
    for name, (train, test) in splits.items():
        look = "passthrough" if components is None else PCA(components, svd_solver="randomized", random_state=seed)
        nearest = make_pipeline(look, KNeighborsRegressor(1)).fit(flat[train], windows.y[train])
        error = nearest.predict(flat[test]) - windows.y[test]
        found[name] = float(np.sqrt(np.mean(error**2)))
    train, test = splits["random"]
    known = np.zeros(len(windows) + 2, bool)
    known[train + 1] = True
    same = np.r_[False, (np.diff(windows.unit) == 0) & (np.diff(windows.last) == 1), False]
    found["shared rows"] = float(np.mean((known[test] & same[test]) | (known[test + 2] & same[test + 1])))
    return found

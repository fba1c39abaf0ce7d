"""A detector at work: flows come in blocks, each gets a verdict, and what cannot be judged is said, not dropped (D2.70).

Between a classifier and a plant's network stand the things that a test set has not: a value that is missing, a count below zero,
a protocol that training never met, columns in another order, a stream that stops.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qhelpers._extras import require
from qhelpers.datasets import Dataset

Array = NDArray[np.float64]

#: Why an alarm is raised, the first that holds: the model's score; a value that is missing or infinite; a number that no flow can
#: have; a category that training has not met.
ALARMS = ("attack", "unreadable", "impossible", "unseen")
#: Columns that are a name in the form of a number: a value between two of theirs means nothing.
CATEGORIES = ("Proto",)
#: Largest number that a column can hold, where there is one: two bytes for a port, one for a time to live.
LARGEST = {"Sport": 65_535, "Dport": 65_535, "sTtl": 255, "dTtl": 255}


class StreamStopped(Exception):
    """No flow has come for too long, or the stream ended before it should; the message says when the last one was."""


class Judged(NamedTuple):
    """What a detector says of some flows, each of shape (n_flows,).

    Attributes
    ----------
    scores : ndarray
        Of the model; nan where a flow is unreadable.
    alarms : ndarray of str
        One of `ALARMS`, or empty.
    """

    scores: Array
    alarms: NDArray[np.str_]


class Block(NamedTuple):
    """Flows of a stream, judged.

    Attributes
    ----------
    time : ndarray of shape (n_flows,)
        Of the flows.
    judged : Judged
    """

    time: NDArray[Any]
    judged: Judged


class Detector:
    """A fitted classifier that judges flows by name of column and says what it cannot judge.

    Parameters
    ----------
    model : classifier
        Fitted; with a ``decision_function``, or else a ``predict_proba``.
    trained_on : DataFrame of shape (n_flows, n_features)
        The flows of its training: their columns, in this order, and the categories that it has met.
    threshold : float, optional
        The score above which a flow is an attack; by default 0, or a probability of one half.

    Attributes
    ----------
    counts : dict of str to int
        How many flows were judged, as ``"flows"``, and how many raised each of `ALARMS`.
    """

    def __init__(self, model: Any, trained_on: pd.DataFrame, threshold: float | None = None) -> None:
        self.model, self.columns = model, [str(name) for name in trained_on]
        self._by_score = hasattr(model, "decision_function")
        self.threshold = (0.0 if self._by_score else 0.5) if threshold is None else threshold
        self._named = hasattr(model, "feature_names_in_")
        places = {name: place for place, name in enumerate(self.columns)}
        self._most = np.array([LARGEST.get(name, np.inf) for name in self.columns])
        self._known = {places[name]: np.unique(trained_on[name]) for name in CATEGORIES if name in places}
        self.counts = dict.fromkeys(("flows", *ALARMS), 0)

    def judge(self, flows: pd.DataFrame | NDArray[Any]) -> Judged:
        """Judge flows.

        Parameters
        ----------
        flows : DataFrame or array of shape (n_flows, n_features)
            The columns of a DataFrame are taken by name, in whatever order, and others are left aside; an array has exactly those
            of the training, in its order.

        Returns
        -------
        Judged

        Raises
        ------
        ValueError
            If a column is missing or stands there twice, an array has another number of columns, or a column holds no numbers.
        """
        values = self._ordered(flows)
        alarms = np.full(len(values), "", "U10")
        unreadable = ~np.isfinite(values).all(1)
        with np.errstate(invalid="ignore"):
            impossible = ((values < 0) | (values > self._most)).any(1)
        unseen = np.zeros(len(values), bool)
        for place, known in self._known.items():
            unseen |= ~np.isin(values[:, place], known)
        scores = np.full(len(values), np.nan)
        if not unreadable.all():
            scores[~unreadable] = self.scores(values[~unreadable])
        for name, mine in (
            ("unseen", unseen), ("impossible", impossible), ("unreadable", unreadable), ("attack", scores > self.threshold),
        ):  # fmt: skip
            alarms[mine] = name
        self.counts["flows"] += len(values)
        for name in ALARMS:
            self.counts[name] += int((alarms == name).sum())
        return Judged(scores, alarms)

    def scores(self, values: Array) -> Array:
        """The model's scores of finite values, columns as in training, shape (n_flows,)."""
        given = pd.DataFrame(values, columns=self.columns) if self._named else values
        found = self.model.decision_function(given) if self._by_score else self.model.predict_proba(given)[:, 1]
        return np.asarray(found, float)

    def _ordered(self, flows: Any) -> Array:
        if isinstance(flows, pd.DataFrame):
            names = [str(name) for name in flows]
            if missing := [name for name in self.columns if name not in names]:
                raise ValueError(f"the flows have no column {', '.join(missing)}; the model needs {', '.join(self.columns)}")
            if twice := sorted({name for name in self.columns if names.count(name) > 1}):
                raise ValueError(f"{', '.join(twice)} stands there more than once; leave one of each")
            flows = flows if names == self.columns else flows.set_axis(names, axis=1)[self.columns]
        elif np.ndim(flows) != 2 or np.shape(flows)[1] != len(self.columns):
            raise ValueError(
                f"the flows have shape {np.shape(flows)}; allowed is (n_flows, {len(self.columns)}), the columns as in training: "
                "give a DataFrame to have them taken by name"
            )
        try:
            return np.asarray(flows, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"a column holds no numbers ({error}); give numbers, and nan for what is missing") from error


def watch(
    source: Iterable[tuple[ArrayLike, pd.DataFrame]], detector: Detector, patience: float = 60.0, until: Any = None
) -> Iterator[Block]:
    """Judge blocks of flows as they come, until the stream stops.

    A plant's stream has no end. One that ends is as much a fault as one that stalls, and nobody is watching from then on.

    Parameters
    ----------
    source : iterable of (times, flows)
        Times of shape (n_flows,), flows as for `Detector.judge`.
    detector : Detector
    patience : float, default=60
        Seconds to wait for the next block.
    until : time, optional
        The time up to which flows are expected, where there is such a time: the stream may end at or after it.

    Yields
    ------
    Block

    Raises
    ------
    StreamStopped
        If nothing comes for `patience` seconds, or the source ends before `until`.
    """
    end, waiting, n_flows, last = object(), queue.Queue[Any](maxsize=1), 0, None

    def read() -> None:
        try:
            for one in source:
                waiting.put(one)
            waiting.put(end)
        except Exception as error:  # it is raised where the blocks are read
            waiting.put(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        told = f"after {n_flows:,} flows, the last of {last}" if n_flows else "before its first flow"
        try:
            block = waiting.get(timeout=patience)
        except queue.Empty:
            raise StreamStopped(
                f"the stream stopped {told}: nothing came for {patience:g} s. From then on nobody watches: look at the sensor"
            ) from None
        if isinstance(block, Exception):
            raise block
        if block is end:
            if until is None or last is None or last < until:
                raise StreamStopped(f"the stream ended {told}. From then on nobody watches: look at the sensor")
            return
        times = np.asarray(block[0])
        if len(times):
            n_flows, last = n_flows + len(times), times.max()
        yield Block(times, detector.judge(block[1]))


def replay(dataset: Dataset, detector: Detector, rows: ArrayLike | None = None, block: int = 1024) -> Iterator[Block]:
    """Judge rows of a set in the order of their times, as if they came now.

    Parameters
    ----------
    dataset : Dataset
    detector : Detector
    rows : array-like of int, optional
        Which; by default all.
    block : int, default=1024
        Flows that come together.

    Yields
    ------
    Block
    """
    chosen = in_time(dataset, rows)
    parts = [chosen[start : start + block] for start in range(0, len(chosen), block)]
    return watch(((dataset.time[part], dataset.X.iloc[part]) for part in parts), detector, until=dataset.time[chosen[-1]])


def in_time(dataset: Dataset, rows: ArrayLike | None = None) -> NDArray[np.int64]:
    """Rows of a set, by default all, in the order of their times."""
    chosen = np.arange(len(dataset)) if rows is None else np.asarray(rows)
    ordered: NDArray[np.int64] = chosen[np.argsort(dataset.time[chosen], kind="stable")]
    return ordered


class Drift:
    """ADWIN [1] of the library river, on one number a flow: where does its mean change?

    Parameters
    ----------
    usual : array-like of shape (n_flows,)
        The same number in the training: each is taken as its place among these, from 0 to 1, for ADWIN's bounds hold there.

    Attributes
    ----------
    found : list of int
        At which numbers, from 0 on, a change was noticed.

    References
    ----------
    .. [1] A. Bifet, R. Gavaldà, Learning from time-changing data with adaptive windowing, SIAM Data Mining 2007.
    """

    def __init__(self, usual: ArrayLike) -> None:
        self._usual = np.sort(np.asarray(usual, float))
        self._adwin = require("river.drift", "drift").ADWIN(delta=0.002)
        self.found: list[int] = []
        self._n = 0

    def update(self, numbers: ArrayLike) -> list[int]:
        """Take numbers in the order of their times; nan is passed over. Return `found`."""
        given = np.asarray(numbers, float)
        place = (np.searchsorted(self._usual, given) + np.searchsorted(self._usual, given, "right")) / (2 * len(self._usual))
        for one, fine in zip(place.tolist(), np.isfinite(given).tolist(), strict=True):
            if fine:
                self._adwin.update(one)
                if self._adwin.drift_detected:
                    self.found.append(self._n)
            self._n += 1
        return self.found

"""Windows of the fleet of devices as paper 3 prepares them (section 4.3), what leaks there, measured, and a fair version.

As printed: short gaps filled forward, each device scaled by its own smallest and largest reading, six features of the nine
streams, windows of 30 days, labels of at most 90 days. Three things tell more than a sensor could:

- the scale of a device is that of its whole record, so that a counter is 1 on its last day (`leak_of_scaling`);
- a record mostly ends with the failure, so that whatever knows the end of the record knows the failure (`leak_of_the_end`);
- a device that never failed has one label throughout, whatever it shows, and most of these only vanished (`censoring`).

The fair version (`fair`) scales by the past alone, and keeps the devices that failed apart from those that did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from qhelpers.datasets import Series
from qhelpers.datasets.comparison import auc
from qhelpers.evaluation import group_split
from qhelpers.papers.useful_life.windows import TEST_SHARE, WINDOW, Array, Windows, cut

Scaling = Literal["life", "past"]
Streams = Literal["in all", "each"]
Healthy = Literal["cap", "longest", "left out"]

CAP = 90
#: "Less than three consecutive missing days" are filled.
FILLED = 2
#: Readings whose standard score is beyond this are out of band. The number is lost in the paper's text.
OUT_OF_BAND = 3.0
#: The six features, in the order of the text.
ENGINEERED = (
    "mean of 7 days",
    "deviation of 7 days",
    "slope of 14 days",
    "change since the day before",
    "days out of band",
    "weekday",
)


@dataclass(frozen=True)
class Days:
    """The fleet, a row a day: short gaps filled, cut at longer ones, and at the failure; ``edges`` are those of the stretches.

    Attributes
    ----------
    values : ndarray of shape (n_rows, 9)
        Readings.
    day : ndarray of int
        Age of the device, from 1.
    date : ndarray of datetime64
        Calendar day.
    unit, edges : ndarray of int
        Device of each row; first row of each stretch of days without a hole, and the number of rows.
    remaining : ndarray
        Days to the failure, 0 on its day; NaN in devices that were not seen to fail.
    """

    values: Array
    day: NDArray[np.int64]
    date: NDArray[np.datetime64]
    unit: NDArray[np.int64]
    edges: NDArray[np.int64]
    remaining: Array


def days(data: Series, filled: int = FILLED) -> Days:
    """Fill gaps of up to `filled` days with the reading before, and cut the record at longer ones and behind the failure.

    Raises
    ------
    ValueError
        If the data have no calendar, as a set of engines.
    """
    if data.time is None:
        raise ValueError(f"{data.name} has no calendar days; allowed is the fleet of devices. Use as_printed of windows instead.")
    unit = data.unit
    rows = np.flatnonzero(data.cycle <= data.life[unit])
    step = np.r_[np.diff(data.cycle[rows]), 0]
    goes_on = np.r_[unit[rows][1:] == unit[rows][:-1], False]
    times = np.where(goes_on & (step <= filled + 1), np.maximum(step, 1), 1)
    source = np.repeat(rows, times)
    later = np.arange(len(source)) - np.repeat(np.cumsum(times) - times, times)
    day, who = data.cycle[source] + later, unit[source]
    new = np.r_[True, (who[1:] != who[:-1]) | (np.diff(day) != 1)]
    return Days(
        values=data.X.to_numpy()[source],
        day=day,
        date=data.time[source].astype("datetime64[D]") + later,
        unit=who,
        edges=np.r_[np.flatnonzero(new), len(source)],
        remaining=np.where(data.censored[who], np.nan, data.life[who] - day),
    )


def scaled(values: Array, unit: NDArray[np.int64], how: Scaling) -> Array:
    """Min-max scaling of each device by itself: by its whole record, as printed, or by what was seen of it so far.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_streams)
        Rows of a device one after another, in the order of time.
    unit : ndarray of shape (n_rows,)
        Device of each row.
    how : {"life", "past"}
        Which rows of a device set the scale of a row: all, or those up to it.

    Returns
    -------
    ndarray of the shape of `values`
        In [0, 1]; 0 where nothing has moved.
    """
    if how not in ("life", "past"):
        raise ValueError(f"scaling={how!r} was given; allowed are 'life', as printed, and 'past'. Pass one of the two.")
    low, high = np.empty_like(values), np.empty_like(values)
    for rows in _pieces(unit):
        if how == "life":
            low[rows], high[rows] = values[rows].min(axis=0), values[rows].max(axis=0)
        else:
            low[rows], high[rows] = np.minimum.accumulate(values[rows]), np.maximum.accumulate(values[rows])
    span = high - low
    return np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)


def engineered(told: Days, values: Array, how: Scaling) -> tuple[Array, tuple[str, ...]]:
    """The six features of each stream: what is 9 x 5 columns and the weekday, which is the same for all nine.

    Parameters
    ----------
    told : Days
        Where stretches begin and end.
    values : ndarray of shape (n_rows, 9)
        Scaled readings. Before a stretch begins its first reading counts, so that each day has all features.
    how : {"life", "past"}
        Which readings of a device say what is out of band: all (as printed), or those up to the day.

    Returns
    -------
    columns : ndarray of shape (n_rows, 46)
    names : tuple of str
    """
    n_streams = values.shape[1]
    found = np.empty((5, len(values), n_streams))
    ages = np.arange(14) - 6.5
    for start, stop in pairwise(told.edges.tolist()):
        inside = values[start:stop]
        fortnight = sliding_window_view(np.pad(inside, ((13, 0), (0, 0)), mode="edge"), 14, axis=0)
        week = fortnight[..., -7:]
        found[0, start:stop], found[1, start:stop] = week.mean(axis=-1), week.std(axis=-1)
        found[2, start:stop] = fortnight @ (ages / (ages @ ages))
        found[3, start:stop] = np.diff(inside, axis=0, prepend=inside[:1])
    for rows in _pieces(told.unit):
        found[4, rows] = np.cumsum(_out_of_band(values[rows], how), axis=0)
    weekday = (told.date.astype("int64") + 3) % 7 / 6  # 1 January 1970 was a Thursday
    names = [f"{feature} of stream {stream + 1}" for feature in ENGINEERED[:5] for stream in range(n_streams)]
    return np.c_[found.transpose(1, 0, 2).reshape(len(values), -1), weekday], (*names, ENGINEERED[5])


def _out_of_band(values: Array, how: Scaling) -> NDArray[np.bool_]:
    if how == "life":
        mean, sd = values.mean(axis=0), values.std(axis=0)
    else:
        seen = np.arange(1, len(values) + 1)[:, None]
        mean = np.cumsum(values, axis=0) / seen
        sd = np.sqrt(np.maximum(np.cumsum(values**2, axis=0) / seen - mean**2, 0))
    return np.abs(values - mean) > np.maximum(OUT_OF_BAND * sd, 1e-9)


def _pieces(unit: NDArray[np.int64]) -> list[slice]:
    """Rows of each unit, one after another."""
    edges = [0, *(np.flatnonzero(np.diff(unit)) + 1).tolist(), len(unit)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def fleet_windows(
    data: Series,
    *,
    scaling: Scaling = "life",
    streams: Streams = "in all",
    healthy: Healthy = "cap",
    cap: float | None = CAP,
    window: int = WINDOW,
) -> Windows:
    """All windows of the fleet.

    Parameters
    ----------
    data : Series
        The fleet of devices.
    scaling : {"life", "past"}
        As in `scaled`, and what is out of band with it.
    streams : {"in all", "each"}
        The nine streams and six features in all, which are means over the streams (a sum of the days out of band): 15 columns, as
        the paper's table of settings has it. Or six features of each, as its text has it: 55 columns, the weekday counted once.
    healthy : {"cap", "longest", "left out"}
        Label of a device that was not seen to fail: `cap` (section 4.3), the longest record of the fleet (section 4.1), or none:
        its windows are left out.
    cap : float or None
        Largest label, of devices that failed too.
    window : int
        Days a window. A stretch of fewer days gives none.

    Returns
    -------
    Windows
        Unit: number of the device in `data`; ``remaining`` is NaN for devices that were not seen to fail.

    Raises
    ------
    ValueError
        If an argument is none of those allowed.
    """
    if streams not in ("in all", "each"):
        raise ValueError(f"streams={streams!r} was given; allowed are 'in all' and 'each'. Pass one of the two.")
    if healthy not in ("cap", "longest", "left out") or (healthy == "cap" and cap is None):
        raise ValueError(
            f"healthy={healthy!r} was given with cap={cap}; allowed are 'cap' with a number of days, 'longest' and 'left out': "
            "a device without a failure has no label of its own. Pass one of the three."
        )
    told = days(data)
    values = scaled(told.values, told.unit, scaling)
    six, names = engineered(told, values, scaling)
    if streams == "in all":
        parts = six[:, :-1].reshape(len(six), 5, -1)
        six = np.c_[parts[:, :4].mean(axis=2), parts[:, 4].sum(axis=1), six[:, -1]]
        names = ENGINEERED
    stretch, last = cut(told.edges, window, short="drop").T
    unit, remaining = told.unit[last], told.remaining[last]
    found = Windows(
        values=np.c_[values, six],
        features=(*data.X.columns, *names),
        first=told.edges[stretch],
        last=last,
        length=window,
        unit=unit,
        remaining=remaining,
        y=_labels(remaining, cap, healthy, int(told.day.max())),
    )
    return found.only(~np.isnan(remaining)) if healthy == "left out" else found


def _labels(remaining: Array, cap: float | None, healthy: Healthy, longest: int) -> Array:
    label = remaining if cap is None else np.minimum(remaining, cap)
    return np.where(np.isnan(remaining), longest if healthy == "longest" else float(cap or 0), label)


def as_printed(data: Series, seed: int, *, streams: Streams = "in all", healthy: Healthy = "cap") -> tuple[Windows, Windows]:
    """Training and test windows as in section 4.3: a fifth of all devices is held out, each is scaled by its whole record.

    With ``healthy="longest"``, section 4.1, no label has a cap.
    """
    windows = fleet_windows(data, streams=streams, healthy=healthy, cap=None if healthy == "longest" else CAP)
    return _split(windows, np.arange(len(data)), seed)


def fair(data: Series, seed: int) -> tuple[Windows, Windows]:
    """Training and test windows that leak nothing: scaled by the past, of devices that failed, a fifth of these held out.

    What the other devices showed is in `fleet_windows`, where ``remaining`` is NaN.

    Raises
    ------
    ValueError
        If fewer than two devices failed.
    """
    failed = np.flatnonzero(~data.censored)
    if len(failed) < 2:
        raise ValueError(
            f"{len(failed)} devices of {data.name} failed; allowed are two or more, one to learn from and one to be tested on. "
            "Take a larger fleet."
        )
    return _split(fleet_windows(data, scaling="past", healthy="left out"), failed, seed)


def _split(windows: Windows, units: NDArray[np.int64], seed: int) -> tuple[Windows, Windows]:
    train, test = group_split(units, TEST_SHARE, np.random.default_rng(seed))
    return windows.of(units[train]), windows.of(units[test])


def leak_of_the_end(data: Series) -> dict[str, float]:
    """How well "this is the last record of the device" finds failures, without a look at any reading.

    Returns
    -------
    dict of str to float
        ``recall`` and ``precision`` of that rule, and ``AUC`` of the number of records that are still to come.
    """
    row = np.arange(len(data.X))
    left = data.edges[1:][data.unit] - 1 - row
    failure = _failures(data)
    last = left == 0
    return {
        "recall": float(np.mean(last[failure])),
        "precision": float(np.mean(failure[last])),
        "AUC": auc(-left, failure.astype(int)),
    }


def leak_of_scaling(data: Series) -> dict[str, float]:
    """How well one counter, attribute 6, tells the row of the failure from all others: as read, and under both scalings.

    Returns
    -------
    dict of str to float
        AUC ``raw``, ``life`` and ``past``; and the share of failure rows, and of all others, that are 1 under ``life``:
        ``at 1, failure`` and ``at 1, others``.
    """
    values, failure = data.X[["attribute6"]].to_numpy(), _failures(data)
    life, past = (scaled(values, data.unit, how)[:, 0] for how in ("life", "past"))
    y = failure.astype(int)
    return {
        "raw": auc(values[:, 0], y),
        "life": auc(life, y),
        "past": auc(past, y),
        "at 1, failure": float(np.mean(life[failure] == 1)),
        "at 1, others": float(np.mean(life[~failure] == 1)),
    }


def _failures(data: Series) -> NDArray[np.bool_]:
    return (data.cycle == data.life[data.unit]) & ~data.censored[data.unit]


def leak_of_labels(windows: Windows) -> dict[str, float]:
    """What is known of the labels without a look at any reading.

    Returns
    -------
    dict of str to float
        ``share healthy``: windows of devices that were not seen to fail, which all have one label; ``share at the largest``:
        windows with the largest label; ``RMSE of the mean``; ``RMSE of healthy or not``: of the mean label of either kind.
    """
    healthy = np.isnan(windows.remaining)
    means = np.where(healthy, *(windows.y[kind].mean() if kind.any() else 0.0 for kind in (healthy, ~healthy)))
    return {
        "share healthy": float(healthy.mean()),
        "share at the largest": float(np.mean(windows.y == windows.y.max())),
        "RMSE of the mean": float(windows.y.std()),
        "RMSE of healthy or not": float(np.sqrt(np.mean((windows.y - means) ** 2))),
    }


def censoring(data: Series) -> dict[str, int]:
    """How the records of the devices end.

    Returns
    -------
    dict of str to int
        Devices that ``failed``, and of these ``go on``; of the others, those that are ``seen to the end`` of the calendar, and
        those that ``vanish``; ``on ten days``: how many of these vanish on the ten days on which most do.
    """
    if data.time is None:
        raise ValueError(f"{data.name} has no calendar days; allowed is the fleet of devices.")
    last = data.time[data.edges[1:] - 1]
    to_the_end = data.censored & (last == last.max())
    gone = data.censored & ~to_the_end
    counts = np.unique(last[gone], return_counts=True)[1]
    return {
        "failed": int((~data.censored).sum()),
        "go on": int((data.cycle[data.edges[1:] - 1] > data.life).sum()),
        "seen to the end": int(to_the_end.sum()),
        "vanish": int(gone.sum()),
        "on ten days": int(np.sort(counts)[-10:].sum()),
    }

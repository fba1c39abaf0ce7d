"""Bearings that run to failure on one shaft (University of Cincinnati, IMS, given out by NASA): loaders and twins.

Three tests of four bearings each, a snapshot of a second every ten minutes. Two sets are made of them:

- ``ims``: snapshots as they were recorded. Five of the 9,464 were to be had: three of healthy bearings, and two from after a
  shutdown, when nothing turns; ``stopped`` marks these.
- ``ims_statistics``: six statistics of each channel in every snapshot, as series that end with their test.

What fools a reader: a snapshot is told to be a second at 20 kHz and holds 20,480 samples, and the hum of the mains that is left
after a shutdown lies at 60 cycles a snapshot: it is a second at 20,480 Hz. The last snapshots of the second and third test are
from after the shutdown. The publisher's readme says 4,448 snapshots for the third test; there are 6,324, and the fault is seen
in the last 230 only. What is normal and what is a fault in between is nobody's label: there are no classes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, Series, Signals, register
from qhelpers.datasets.bearing_twin import Told, record
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import Column, Layout, decimal, read_table, times, whole

RATE, SPEED, LOAD = 20_480.0, 2_000 / 60, 6_000.0
SAMPLES = 20_480
#: Two sensors a bearing in the first test, one in the others: then the column of the second is NaN.
CHANNELS = tuple(f"bearing{k} {axis}" for k in range(1, 5) for axis in "xy")
#: Snapshots from after a shutdown, by their names.
STOPPED = ("2004.02.19.06.12.39", "2004.02.19.06.22.39", "2004.04.18.02.42.55")
_TABS = Layout("\t", header=False)
_FIRST = ("2003.10.22.12.06.24", "2004.02.12.10.32.39", "2004.03.04.09.27.46")


# --- snapshots ---------------------------------------------------------------------------------------------------


def _parse(files: dict[str, Found]) -> Arrays:
    return _put_together(list(files), [_read(name, found) for name, found in files.items()])


def _read(name: str, found: Found) -> np.ndarray:
    """Samples of shape ``(n_samples, 8)``."""
    places = list(range(8)) if _test(name) == 1 else list(range(0, 8, 2))
    columns = [decimal(CHANNELS[place]) for place in places]
    values = np.full((found.lines, 8), np.nan, "float32")
    for block in read_table(found, columns, layout=_TABS):
        large = np.abs([block[column.name] for column in columns]) > np.finfo("float32").max
        block.refuse(*((column.name, bad, column.allowed) for column, bad in zip(columns, large, strict=True)))
        for place, column in zip(places, columns, strict=True):
            values[block.rows, place] = block[column.name]
    return values


def _test(name: str) -> int:
    """Which test a snapshot is of, by the time in its name."""
    return sum(name >= first for first in _FIRST)


def _time(name: str) -> np.datetime64:
    day, clock = name[:10].replace(".", "-"), name[11:].replace(".", ":")
    return np.datetime64(f"{day}T{clock}", "s")


def _put_together(names: list[str], recordings: list[np.ndarray]) -> Arrays:
    test = np.array([_test(name) for name in names])
    began = np.array([_time(_FIRST[one - 1]) for one in test])
    return Arrays(
        recordings=tuple(recordings),
        channels=CHANNELS,
        rate=np.full(len(names), RATE),
        y=None,
        groups=np.array([f"test {one}" for one in test], "U6"),
        labels=np.array(names, "U19"),
        about=pd.DataFrame(
            {
                "speed": np.where(np.isin(names, STOPPED), 0.0, SPEED),
                "load": np.full(len(names), LOAD),
                "seconds": (np.array([_time(name) for name in names]) - began).astype(float),
                "stopped": np.isin(names, STOPPED).astype(float),
            }
        ),
    )


# Level of a channel while the shaft turns, in g, and after; the converter's step, to three decimals.
_LEVEL, _HUM = 0.08, 0.002
_SNAPSHOTS = ("2003.10.22.12.06.24", "2004.02.12.10.32.39", "2004.02.12.10.42.39", "2004.02.19.06.22.39", "2004.04.18.02.42.55")


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """Healthy bearings, and the hum of the mains after a shutdown."""
    names = [_SNAPSHOTS[k % len(_SNAPSHOTS)] for k in range(n)]
    told = [
        Told(
            bearing=f"test {_test(name)}",
            rate=RATE,
            speed=SPEED,
            fault="normal",
            order=None,
            cage=14.78 / SPEED,
            level=_LEVEL,
            offset=-0.09 if _test(name) == 1 else -0.01,
            far=(1.0,) * 8,
        )
        for name in names
    ]
    recordings = record(told, SAMPLES / RATE, 4_000.0, rng)
    hum = 0.0025 * np.sin(2 * np.pi * 60 * np.arange(SAMPLES) / RATE)
    for name, values in zip(names, recordings, strict=True):
        if name in STOPPED:
            values[:] = hum[:, None] + 0.001 * rng.standard_normal(values.shape)
        np.round(values, 3, out=values)
        if _test(name) > 1:
            values[:, 1::2] = np.nan
    return _put_together(names, recordings)


# --- statistics of every snapshot --------------------------------------------------------------------------------

#: The columns of ``X`` of ``ims_statistics``; kurtosis is the excess over that of noise.
STATISTICS = ("rms", "mean", "std", "max", "kurt", "skew")
#: How many snapshots each test has, and which of its bearings failed (the first seen outer race, inner race, roller).
SNAPSHOTS = {1: 2156, 2: 984, 3: 6324}
FAILED = {1: {3: "inner race", 4: "roller"}, 2: {1: "outer race"}, 3: {3: "outer race"}}


def statistics(x: np.ndarray) -> np.ndarray:
    """The six statistics of one channel of one snapshot, in the order of `STATISTICS`.

    Parameters
    ----------
    x : array-like of shape (n_samples,)
        In g.

    Returns
    -------
    numpy.ndarray of shape (6,)
        Root mean square, mean, standard deviation and largest magnitude in g; excess kurtosis and skewness.
    """
    x = np.asarray(x, float)
    apart = x - x.mean()
    sd = apart.std()
    moments = (apart**4).mean() / sd**4 - 3, (apart**3).mean() / sd**3
    return np.array([np.sqrt((x**2).mean()), x.mean(), sd, np.abs(x).max(), *moments])


def _channels(test: int) -> list[str]:
    return [f"Bearing{k}_ch{axis}" for k in range(1, 5) for axis in ((1, 2) if test == 1 else (1,))]


def _parse_statistics(files: dict[str, Found]) -> Arrays:
    parts = [_table(int(name[4]), found) for name, found in files.items()]
    return _together(parts) if len(files) == len(SNAPSHOTS) else Arrays()


def _table(test: int, found: Found) -> tuple[int, np.ndarray, np.ndarray]:
    """Test, values of shape ``(n_channels, n_snapshots, 6)``, and the time of each snapshot."""
    readings = [decimal(f"{channel}_{one}") for channel in _channels(test) for one in STATISTICS]
    stamp = Column(
        "timestamp", "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", "S19", "a time such as 2003-10-22 12:06:24"
    )
    name = Column("filename", r"[0-9]{4}(?:\.[0-9]{2}){5}", "S19", "a name such as 2003.10.22.12.06.24")
    values, when = np.empty((found.rows, len(readings))), np.empty(found.rows, "datetime64[s]")
    for block in read_table(found, [whole("file_index"), stamp, name, *readings]):
        now = times(block["timestamp"])
        before = np.r_[when[block.rows.start - 1 : block.rows.start] if block.rows.start else now[:1], now[:-1]]
        later = now > before
        later[0] |= block.rows.start == 0
        same = np.char.replace(np.char.replace(np.char.replace(block["timestamp"], b"-", b"."), b":", b"."), b" ", b".")
        block.refuse(
            (
                "file_index",
                block["file_index"] != np.arange(block.rows.start, block.rows.stop),
                "the number of the line, from 0 on",
            ),
            ("timestamp", np.isnat(now), stamp.allowed),
            ("timestamp", ~np.isnat(now) & ~np.isnat(before) & ~later, "a time after that of the line before"),
            ("filename", block["filename"] != same, "the time in another spelling"),
        )
        values[block.rows] = np.stack([block[column.name] for column in readings], axis=1)
        when[block.rows] = now
    return test, values.reshape(found.rows, -1, len(STATISTICS)).swapaxes(0, 1), when


def _together(parts: list[tuple[int, np.ndarray, np.ndarray]]) -> Arrays:
    """One unit a channel; those of bearings that failed end with their life, the others are censored."""
    names = [(test, channel) for test, *_ in parts for channel in _channels(test)]
    lengths = [values.shape[1] for _, values, _ in parts for _ in range(len(values))]
    failed = np.array([int(channel[7]) in FAILED[test] for test, channel in names])
    return Arrays(
        X=pd.DataFrame(np.concatenate([values.reshape(-1, len(STATISTICS)) for _, values, _ in parts]), columns=list(STATISTICS)),
        cycle=np.concatenate([np.arange(1, length + 1) for length in lengths]),
        edges=np.r_[0, np.cumsum(lengths)],
        life=np.array(lengths, "int64"),
        censored=~failed,
        time=np.concatenate([when for _, values, when in parts for _ in range(len(values))]),
        groups=np.array([f"test {test} bearing {channel[7]}" for test, channel in names], "U16"),
    )


def _twin_statistics(n: int, rng: np.random.Generator) -> Arrays:
    """Levels that stand still, and in bearings that fail grow towards the end; nothing after a shutdown."""
    official = [(test, values, when) for test in SNAPSHOTS for values, when in [_grown(test, rng)]]
    whole_set = _together(official)
    if n == len(whole_set["life"]):
        return whole_set
    rows = [np.arange(*whole_set["edges"][k % 16 : k % 16 + 2]) for k in _chosen(n)]
    units = [k % 16 for k in _chosen(n)]
    return Arrays(
        X=whole_set["X"].iloc[np.concatenate(rows)].reset_index(drop=True),
        cycle=whole_set["cycle"][np.concatenate(rows)],
        edges=np.r_[0, np.cumsum([len(one) for one in rows])],
        time=whole_set["time"][np.concatenate(rows)],
        **{name: whole_set[name][units] for name in ("life", "censored", "groups")},
    )


def _chosen(n: int) -> list[int]:
    return [k * 16 // n for k in range(n)] if n < 16 else list(range(n))


def _grown(test: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n, channels = SNAPSHOTS[test], _channels(test)
    when = _time(_FIRST[test - 1]) + 600 * np.arange(n)
    values = np.empty((len(channels), n, len(STATISTICS)))
    for k, channel in enumerate(channels):
        grown = (
            np.exp(np.log(8) * np.clip((np.arange(n) / n - 0.7) / 0.3, 0, None) ** 2) if int(channel[7]) in FAILED[test] else 1.0
        )
        sd = 0.08 * np.exp(rng.normal(0, 0.2)) * grown * np.exp(rng.normal(0, 0.03, n))
        mean = (-0.09 if test == 1 else -0.005) + rng.normal(0, 0.002, n)
        kurt = 0.6 + 3 * (np.asarray(grown) - 1) + np.abs(rng.normal(0, 0.3, n))
        ended = np.arange(n) >= n - sum(_test(name) == test for name in STOPPED)
        sd, mean = np.where(ended, 0.002, sd), np.where(ended, 0.0, mean)
        values[k] = np.stack([np.hypot(sd, mean), mean, sd, sd * (5 + rng.random(n)), kurt, rng.normal(0.05, 0.05, n)], axis=1)
    return values, when


_PAGE = "https://www.nasa.gov/intelligent-systems-division/discovery-and-systems-health/pcoe/pcoe-data-set-repository/"
_LICENCE = "a data set of a university, given out by a US government agency; to be checked at the source"
_CITATION = (
    "H. Qiu, J. Lee, J. Lin, G. Yu: Wavelet filter-based weak signature detection method and its application on rolling "
    "element bearing prognostics. Journal of Sound and Vibration 289, 2006. doi:10.1016/j.jsv.2005.03.007"
)
register(
    Entry(
        name="ims",
        title="Snapshots of four bearings on a shaft, of one second, 5 of 9,464 (IMS)",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the set called “Bearings” and put its files, unpacked, into the data home",
        licence=_LICENCE,
        citation=_CITATION,
        units={**dict.fromkeys(CHANNELS, "g"), "speed": "Hz", "load": "lb", "seconds": "s", "stopped": "1: after a shutdown"},
        meaning={},
        parse=_parse,
        twin=_twin,
        twin_size=5,
        twin_minimum=3,
        twin_version=1,
        loader_version=1,
        body=Signals,
        parts=True,
    )
)
register(
    Entry(
        name="ims_statistics",
        title="Twelve bearings on three shafts until one or two of each fail, statistics of 9,464 snapshots (IMS)",
        page=_PAGE,
        by_hand=f"open {_PAGE} and take the set called “Bearings”: `qhelpers.datasets.ims.statistics` makes of its snapshots "
        "what these tables hold, which go around in public repositories",
        licence=_LICENCE,
        citation=_CITATION,
        units={"rms": "g", "mean": "g", "std": "g", "max": "g", "kurt": "", "skew": ""},
        meaning={},
        parse=_parse_statistics,
        twin=_twin_statistics,
        twin_size=16,
        twin_minimum=16,
        twin_version=1,
        loader_version=1,
        body=Series,
    )
)

"""Bearings overloaded until they fail (PRONOSTIA, FEMTO-ST, the IEEE PHM 2012 challenge): loader and twin.

Each file is a tenth of a second, taken every ten seconds, of two accelerations at 25.6 kHz. The set holds 2,998 of the 7,534
files of the six learning bearings: two whole (1_2 and 3_1), of the others every second to eighth, and the last one of each. `y`
is what remains of a bearing's life, in seconds. What fools a reader:

- all files of a bearing are one run: a split by file tests on neighbours;
- the column of microseconds holds the same texts in every file, it is no time stamp; the number of the file is;
- exponents are written ``e+05`` or ``e+005``; one bearing of the test set, 1_4, is written with semicolons (`snapshot` reads it);
- the run is told to stop at 20 g; two bearings pass that early and go on, one never gets there;
- levels at failure differ by a factor of six: no fixed level is a label.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, Signals, register
from qhelpers.datasets.bearing_twin import Told, record
from qhelpers.datasets.files import Beginning, Found
from qhelpers.datasets.tables import Layout, decimal, read_table, whole

RATE, SAMPLES, EVERY = 25_600.0, 2_560, 10.0
CHANNELS = ("horizontal", "vertical")
#: Speed in Hz and load in N by operating condition.
CONDITIONS = {1: (30.0, 4_000.0), 2: (27.5, 4_200.0), 3: (25.0, 5_000.0)}
#: Files of each learning bearing in the official set: its life in tens of seconds.
LIVES = {"Bearing1_1": 2803, "Bearing1_2": 871, "Bearing2_1": 911, "Bearing2_2": 797, "Bearing3_1": 515, "Bearing3_2": 1637}
_COLUMNS = (whole("hour"), whole("minute"), whole("second"), decimal("microsecond"), *map(decimal, CHANNELS))
_COMMAS, _SEMICOLONS = Layout(header=False), Layout(";", header=False)
_LARGEST = float(np.finfo("float32").max)


def snapshot(path: Path) -> np.ndarray:
    """One file of the challenge's archive, of any of its bearings.

    Parameters
    ----------
    path : Path
        An ``acc_xxxxx.csv``. Where its folder is called ``Bearing1_4``, fields may be separated by semicolons, as there.

    Returns
    -------
    numpy.ndarray of shape (n_samples, 2)
        ``float32``, in g: horizontal and vertical.

    Raises
    ------
    DatasetError
        With the line that breaks a rule.
    """
    path = Path(path)
    raw = path.read_bytes()
    found = Beginning(path, None, hashlib.sha256(raw).hexdigest(), len(raw), raw.count(b"\n"), raw)
    return _read(path.parent.name, found)


def _parse(files: dict[str, Found]) -> Arrays:
    return _put_together(list(files), [_read(name.partition("/")[0], found) for name, found in files.items()])


def _read(bearing: str, found: Found) -> np.ndarray:
    """Samples of shape ``(n_samples, 2)``."""
    first = found.beginning().text.partition(b"\n")[0]
    layout = _SEMICOLONS if bearing == "Bearing1_4" and b";" in first else _COMMAS
    values = np.empty((found.lines, 2), "float32")
    for block in read_table(found, _COLUMNS, layout=layout):
        block.refuse(
            ("hour", block["hour"] > 23, "an hour of the day"),
            ("minute", block["minute"] > 59, "a minute of the hour"),
            ("second", block["second"] > 59, "a second of the minute"),
            *((channel, np.abs(block[channel]) > _LARGEST, "a finite number") for channel in CHANNELS),
        )
        for place, channel in enumerate(CHANNELS):
            values[block.rows, place] = block[channel]
    return values


def _number(name: str) -> int:
    return int(re.findall("[0-9]+", name)[-1])


def _put_together(names: list[str], recordings: list[np.ndarray]) -> Arrays:
    bearings = [name.partition("/")[0] for name in names]
    number = np.array([_number(name) for name in names])
    speed, load = np.array([CONDITIONS[int(one[7])] for one in bearings]).T
    return Arrays(
        recordings=tuple(recordings),
        channels=CHANNELS,
        rate=np.full(len(names), RATE),
        y=EVERY * (np.array([LIVES[one] for one in bearings]) - number),
        groups=np.array(bearings, "U10"),
        labels=np.array(names, "U24"),
        about=pd.DataFrame(
            {
                "speed": speed,
                "load": load,
                "seconds": EVERY * (number - 1.0),
                "peak": [float(np.abs(one).max()) for one in recordings],
            }
        ),
    )


# --- the twin ----------------------------------------------------------------------------------------------------
#
# Level at the beginning and at the end, and which part of life passes before it grows, read off the real ones.
_LEVELS = {"Bearing1_1": (0.42, 5.6, 0.5), "Bearing1_2": (0.38, 2.2, 0.9), "Bearing2_1": (0.4, 2.0, 0.95)}
_LEVELS |= {"Bearing2_2": (0.4, 2.0, 0.3), "Bearing3_1": (0.45, 0.86, 0.9), "Bearing3_2": (0.4, 1.2, 0.8)}
_SHARE = {"Bearing1_1": 4, "Bearing1_2": 1, "Bearing2_1": 3, "Bearing2_2": 2, "Bearing3_1": 1, "Bearing3_2": 8}


def _official() -> list[str]:
    """Names of the files of the set: the first of some, and always the last."""
    names = []
    for bearing, step in _SHARE.items():
        numbers = sorted({*range(1, LIVES[bearing] + 1, step), LIVES[bearing]})
        names += [f"{bearing}/acc_{number:05d}.csv" for number in numbers]
    return names


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """Level and impulses grow at the end of each life, at another pace and to another height in each bearing."""
    official = _official()
    size = len(official)
    if n < size:
        names = [official[k * (size - 1) // (n - 1)] for k in range(n)]
    else:
        names = [official[k % size] for k in range(n)]
    told = []
    for name in names:
        bearing = name.partition("/")[0]
        speed, _ = CONDITIONS[int(bearing[7])]
        first, last, late = _LEVELS[bearing]
        age = _number(name) / LIVES[bearing]
        grown = max(age - late, 0.0) / (1 - late)
        told.append(
            Told(
                bearing=bearing,
                rate=RATE,
                speed=speed,
                fault="outer",
                order=168.3 / 30,
                cage=0.43,
                level=float(first * (last / first) ** grown * np.exp(rng.normal(0, 0.05))),
                step=0.001,
                snr=-15.0 + 20.0 * grown,
                far=(1.0, 0.8),
            )
        )
    return _put_together(names, record(told, SAMPLES / RATE, 4_500.0, rng))


_PAGE = "https://www.nasa.gov/intelligent-systems-division/discovery-and-systems-health/pcoe/pcoe-data-set-repository/"
register(
    Entry(
        name="pronostia",
        title="Six bearings overloaded until they fail, 2,998 of 7,534 snapshots (PRONOSTIA, IEEE PHM 2012)",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the set called “FEMTO Bearing” and put its learning set, with its folders, into the "
        "data home",
        licence="none stated that is known; to be checked at the source",
        citation="P. Nectoux et al.: PRONOSTIA: an experimental platform for bearings accelerated degradation tests. IEEE "
        "International Conference on Prognostics and Health Management, 2012",
        units={**dict.fromkeys(CHANNELS, "g"), "speed": "Hz", "load": "N", "seconds": "s since its first file", "peak": "g"},
        meaning={},
        parse=_parse,
        twin=_twin,
        twin_size=2998,
        twin_minimum=24,
        twin_version=1,
        loader_version=1,
        body=Signals,
        parts=True,
    )
)

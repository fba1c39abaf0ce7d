"""Bearings with a fault on one race under varying load (MFPT society, 2013): loader and twin.

Fourteen recordings of three seconds: seven loads of one bearing with an outer race's fault, seven of one with an inner race's.
What fools a reader: level, kurtosis and offset separate the two file by file; the load is written as a word. The society's
archive also holds three healthy recordings and three more of the outer race, at 97,656 Hz. These were not to be had and are no
part of the set; their rate would tell them.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, DatasetError, Entry, Signals, register
from qhelpers.datasets.bearing_twin import Told, record
from qhelpers.datasets.files import Found
from qhelpers.datasets.matlab import number, pick, same, samples, variables

#: Samples a second, and turns of the shaft a second, as the files say themselves.
RATE, SPEED = 48_828.0, 25.0
INNER, OUTER = 2, 3
MEANING = {INNER: "inner", OUTER: "outer"}
LOADS = {INNER: (0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0), OUTER: (25.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0)}
_FIELDS = ("sr", "rate", "load", "gs")


def _parse(files: dict[str, Found]) -> Arrays:
    return _put_together(list(files), [_read(name, found) for name, found in files.items()])


def _read(name: str, found: Found) -> np.ndarray:
    """Samples of shape ``(n_samples, 1)``; rate, speed and load must be what the name says."""
    told = pick(found, variables(found), "bearing")
    if not isinstance(told, np.ndarray) or told.size != 1 or not told.dtype.names or set(_FIELDS) - set(told.dtype.names):
        given = list(told.dtype.names) if isinstance(told, np.ndarray) and told.dtype.names else "no fields"
        raise DatasetError(f"{found}: bearing has {given}; needed are {list(_FIELDS)}. Fetch the file again.")
    one = {field: told.ravel()[0][field] for field in _FIELDS}
    same(found, "sr", one["sr"], RATE, "samples a second")
    same(found, "rate", one["rate"], SPEED, "turns a second")
    same(found, "load", number(found, "load", one["load"]), _load(name), "lb")
    return samples(found, "gs", one["gs"])[:, None]


def _class(name: str) -> int:
    return INNER if name.startswith("Inner") else OUTER


def _load(name: str) -> float:
    return LOADS[_class(name)][int(re.findall("[0-9]", name)[0]) - 1]


def _put_together(names: list[str], recordings: list[np.ndarray]) -> Arrays:
    y = np.array([_class(name) for name in names], "int64")
    return Arrays(
        recordings=tuple(recordings),
        channels=("gs",),
        rate=np.full(len(names), RATE),
        y=y,
        groups=np.array([MEANING[int(one)] for one in y], "U5"),
        labels=np.array(names, "U28"),
        about=pd.DataFrame({"speed": np.full(len(names), SPEED), "load": [_load(name) for name in names]}),
    )


_ORDERS = {INNER: 118.88 / 25, OUTER: 81.12 / 25}


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """One second a recording. The inner race is louder, always, as there."""
    names = [f"{kind}RaceFault_vload_{k}.mat" for kind in ("Inner", "Outer") for k in range(1, 8)]
    names = [names[k * 14 // n if n < 14 else k % 14] for k in range(n)]
    told = [
        Told(
            bearing=MEANING[_class(name)],
            rate=RATE,
            speed=SPEED,
            fault=MEANING[_class(name)],
            order=_ORDERS[_class(name)],
            cage=10.14 / 25,
            level=float(rng.uniform(1.75, 2.1) if _class(name) == INNER else rng.uniform(0.82, 1.45)),
            offset=(-0.23 if _class(name) == INNER else -0.19) + 0.0001 * _load(name),
            snr=6.0,
        )
        for name in names
    ]
    return _put_together(names, record(told, 1.0, 4_000.0, rng))


_PAGE = "https://www.mfpt.org/fault-data-sets/"
register(
    Entry(
        name="mfpt",
        title="Bearings with a fault on the inner or the outer race, seven loads each, 14 recordings (MFPT society)",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the archive and put it, packed or not, into the data home",
        licence="none stated that is known; to be checked at the source",
        citation="E. Bechhoefer: Condition based maintenance fault database for testing of diagnostic and prognostics "
        "algorithms. MFPT Society, 2013",
        units={"gs": "g", "speed": "Hz", "load": "lb"},
        meaning=MEANING,
        parse=_parse,
        twin=_twin,
        twin_size=14,
        twin_minimum=2,
        twin_version=1,
        loader_version=1,
        body=Signals,
        first_lines=False,
        parts=True,
    )
)

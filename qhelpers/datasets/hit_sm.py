"""Bearings with cut races on two rigs (Harbin Institute of Technology, HIT-SM): loader and twin.

Two rigs, a healthy bearing on each and six with a cut of 2, 5 or 8 degrees in the inner or the outer race, three speeds, five
seconds a file. What fools a reader:

- variables are called differently from file to file (``inside2d_600_1``, ``z10_2``, ``VarName6``, ``V0``): each holds one array,
  which is taken;
- units differ by file and are not told: some are a hundred times larger than others, and offsets are of two kinds.
  "Normal or faulty" is decided by them, so only inner against outer race is a fair question, and only without level or mean.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, DatasetError, Entry, Signals, register
from qhelpers.datasets.bearing_twin import Told, record
from qhelpers.datasets.files import Found
from qhelpers.datasets.matlab import samples, variables

RATE = 51_200.0
#: Folders of the two rigs, and their short names.
RIGS = {"Self-built dataset": "self-built", "SpectraQuest MFS dataset": "MFS"}
NORMAL, INNER, OUTER = 0, 2, 3
MEANING = {NORMAL: "normal", INNER: "inner", OUTER: "outer"}
#: Official names: rig, fault and degrees, revolutions a minute.
_NAME = re.compile(r"(?P<rig>[^/]+)/(?P<fault>Normal|IR|OR)(?P<degrees>[258]?)_(?P<rpm>600|900|1200)\.mat")
_FAULTS = {"Normal": NORMAL, "IR": INNER, "OR": OUTER}


def _parse(files: dict[str, Found]) -> Arrays:
    return _put_together(list(files), [_read(found) for found in files.values()])


def _read(found: Found) -> np.ndarray:
    """The only array of a file, of shape ``(n_samples, 1)``, whatever it is called."""
    told = variables(found)
    if len(told) != 1:
        raise DatasetError(
            f"{found}: it has the variables {', '.join(map(repr, list(told)[:8])) or 'none'}; allowed is one. Is it another file "
            "under this name? Fetch it again, or take the official one."
        )
    ((name, value),) = told.items()
    return samples(found, name, value)[:, None]


def _told(name: str) -> dict[str, str]:
    found = _NAME.fullmatch(name)
    assert found is not None, name
    return found.groupdict()


def _put_together(names: list[str], recordings: list[np.ndarray]) -> Arrays:
    told = [_told(name) for name in names]
    return Arrays(
        recordings=tuple(recordings),
        channels=("vertical",),
        rate=np.full(len(names), RATE),
        y=np.array([_FAULTS[one["fault"]] for one in told], "int64"),
        groups=np.array([f"{RIGS[one['rig']]} {one['fault']}{one['degrees']}" for one in told], "U17"),
        labels=np.array(names, "U40"),
        about=pd.DataFrame(
            {
                "speed": [float(one["rpm"]) / 60 for one in told],
                "fault_size": [float(one["degrees"] or 0) for one in told],
                "self_built": [float(one["rig"].startswith("Self")) for one in told],
            }
        ),
    )


# Level of a bearing's files by rig, read off the real ones: which unit they are in.
_LEVEL = {("self-built", "5"): 0.05, ("self-built", ""): 0.01, ("MFS", ""): 0.00032}
_ORDERS = {NORMAL: None, INNER: 5.4152, OUTER: 3.5848}


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """One second a recording; level and offset by file as there."""
    names = [f"{rig}/{fault}_{rpm}.mat" for rig in RIGS for fault in _ALL for rpm in (1200, 600, 900)]
    names = [names[k * len(names) // n if n < len(names) else k % len(names)] for k in range(n)]
    recordings = record([_recording(name, rng) for name in names], 1.0, 5_000.0, rng)
    return _put_together(names, recordings)


_ALL = ("Normal", *(f"{race}R{degrees}" for degrees in (2, 5, 8) for race in "IO"))


def _recording(name: str, rng: np.random.Generator) -> Told:
    one = _told(name)
    rig, fault, five = RIGS[one["rig"]], _FAULTS[one["fault"]], one["degrees"] == "5"
    level = _LEVEL.get((rig, one["degrees"]), 0.0006 if rig == "self-built" else 0.05)
    return Told(
        bearing=f"{rig} {one['fault']}{one['degrees']}",
        rate=RATE,
        speed=float(one["rpm"]) / 60,
        fault=MEANING[fault],
        order=_ORDERS[fault],
        cage=0.3983,
        level=level * float(np.exp(rng.normal(0, 0.1))) * float(one["rpm"]) / 900,
        offset=0.000265 if five or rig == "MFS" else 0.00054,
        snr=None if fault == NORMAL else 5.0,
    )


_PAGE = "https://github.com/hitwzc/Bearing-datasets"
register(
    Entry(
        name="hit_sm",
        title="Bearings with cut races on two rigs, three speeds, 42 recordings (Harbin Institute of Technology, HIT-SM)",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the repository as an archive and put it, packed or not, into the data home",
        licence="“publicly available and can be used by anyone”, says its page; no licence file; to be checked at the source",
        citation="Bearing data sets of the sensing and measurement laboratory, School of Mechatronics Engineering, Harbin "
        "Institute of Technology",
        units={
            "vertical": "not told, differs by file",
            "speed": "Hz",
            "fault_size": "degrees",
            "self_built": "1: self-built; 0: MFS",
        },
        meaning=MEANING,
        parse=_parse,
        twin=_twin,
        twin_size=42,
        twin_minimum=14,
        twin_version=1,
        loader_version=1,
        body=Signals,
        first_lines=False,
        parts=True,
    )
)

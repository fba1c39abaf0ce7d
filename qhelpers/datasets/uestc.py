"""Four bearings without load at two speeds (University of Electronic Science and Technology of China, UESTC): loader and twin.

One bearing a class (normal, inner race, outer race, ball), 800 and 1,400 rpm, 20 kHz, thirteen seconds a file: the first of five
that are one recording at the source. Each class is one bearing and one level, so nothing can be learned on this set that does not
name the bearing: it is for testing what was learned elsewhere. Speeds are nominal, the real ones lie above.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, Signals, register
from qhelpers.datasets.bearing_twin import Told, record
from qhelpers.datasets.files import Found
from qhelpers.datasets.matlab import pick, same, samples, variables

RATE = 20_000.0
MEANING = {0: "normal", 1: "ball", 2: "inner", 3: "outer"}
_CLASSES = {"N": 0, "B": 1, "I": 2, "O": 3}


def _parse(files: dict[str, Found]) -> Arrays:
    return _put_together(list(files), [_read(found) for found in files.values()])


def _read(found: Found) -> np.ndarray:
    """Samples of shape ``(n_samples, 1)``; the file's own rate and count must be right."""
    told = variables(found)
    same(found, "SampleFrequency", pick(found, told, "SampleFrequency"), RATE, "samples a second")
    x = samples(found, "Data", pick(found, told, "Data"))
    same(found, "Datacount", pick(found, told, "Datacount"), len(x), "samples")
    return x[:, None]


def _put_together(names: list[str], recordings: list[np.ndarray]) -> Arrays:
    y = np.array([_CLASSES[name[0]] for name in names], "int64")
    return Arrays(
        recordings=tuple(recordings),
        channels=("acceleration",),
        rate=np.full(len(names), RATE),
        y=y,
        groups=np.array([MEANING[int(one)] for one in y], "U6"),
        labels=np.array(names, "U12"),
        about=pd.DataFrame({"speed": [float(name.split("_")[1]) / 60 for name in names]}),
    )


# Level at the lower and the higher speed, orders as measured: the geometry of this bearing is not told.
_LEVEL = {"N": (0.008, 0.021), "B": (0.057, 0.142), "I": (0.39, 0.85), "O": (0.27, 0.73)}
_ORDERS = {"N": None, "B": 3.9, "I": 4.87, "O": 3.05}


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """One second a recording; the level names the class, as there."""
    names = [f"{kind}_{rpm}_1.mat" for rpm in (1400, 800) for kind in _CLASSES]
    names = [names[k % len(names)] for k in range(n)]
    told = [
        Told(
            bearing=name[0],
            rate=RATE,
            speed=float(name.split("_")[1]) / 60 * float(rng.uniform(1.0, 1.03)),
            fault=MEANING[_CLASSES[name[0]]],
            order=_ORDERS[name[0]],
            cage=0.39,
            level=_LEVEL[name[0]]["1400" in name],
            offset=-0.0007,
            snr={"N": None, "B": -3.0}.get(name[0], 6.0),
        )
        for name in names
    ]
    return _put_together(names, record(told, 1.0, 3_500.0, rng))


_PAGE = "https://github.com/ChangLiu2024/UESTC-Bearing-Dataset"
register(
    Entry(
        name="uestc",
        title="Four bearings without load at two speeds, 8 recordings (UESTC, part 1 of 5)",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the repository as an archive and put it, packed or not, into the data home",
        licence="open, with a citation, says its page; no licence file; to be checked at the source",
        citation="C. Liu et al.: A new target domain one-class learning bearing fault detection framework. IEEE Sensors Journal, "
        "2025. doi:10.1109/JSEN.2025.3635217",
        units={"acceleration": "not told", "speed": "Hz"},
        meaning=MEANING,
        parse=_parse,
        twin=_twin,
        twin_size=8,
        twin_minimum=4,
        twin_version=1,
        loader_version=1,
        body=Signals,
        first_lines=False,
        parts=True,
    )
)

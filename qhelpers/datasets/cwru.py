"""Seeded bearing faults on a motor's test stand (Case Western Reserve University): loader and twin.

Each recording is a MATLAB file with a number for a name; which fault it is stands on the publisher's pages only, and here in
`RECORDED`. What fools a reader of these files, and what is made of it:

- variables are called ``X118_DE_time`` after the file's number, but not in ten files, and some files hold more than their own:
  the name is known file by file, never guessed;
- the normal recordings 97 and 100 are sampled at 48 kHz, though mostly filed with those at 12 kHz: `rate` says 48,000;
- 279 says 1,732 rpm, its shaft turns at 1,774: `about` has both, and ``speed`` is the nominal one there (`WRONG_SPEED`);
- 310 is at 0 hp and 309 at 1 hp;
- the step of the converter, the offset and the level name some of the classes by themselves; nothing is done about that here.

Of 100 only its last three quarters were to be had, put in order from pieces. The whole file is taken in its place if its
SHA-256 is accepted. 98 and 99, the normal recordings at 1 and 2 hp, are no part of the set.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, DatasetError, Entry, Signals, register
from qhelpers.datasets.bearing_twin import Told, record
from qhelpers.datasets.files import Found
from qhelpers.datasets.matlab import number, pick, samples, variables

#: Sensors at the drive end, the fan end and the base; where a file lacks one, the column is NaN.
CHANNELS = ("DE", "FE", "BA")
#: Nominal speed by load in hp, revolutions a minute.
NOMINAL = (1797.0, 1772.0, 1750.0, 1730.0)
#: Files whose field of the speed is wrong, and what their shaft's line says, revolutions a minute.
WRONG_SPEED = {"279.mat": 1773.9}
#: Part of its nominal value that a field of the speed may be off.
_OFF = 0.03
NORMAL, BALL, INNER, OUTER = range(4)
MEANING = {NORMAL: "normal", BALL: "ball", INNER: "inner", OUTER: "outer"}


class Recorded(NamedTuple):
    """What a file is a recording of.

    Attributes
    ----------
    fault : str
        ``"normal"``, ``"ball"``, ``"inner"`` or ``"outer"``.
    end : str
        Where the bearing sits, ``"drive"`` or ``"fan"``; the sensor beside it has the same letter.
    size : float
        Diameter of the fault in inches, 0 where there is none.
    position : int
        Hour of the clock at which an outer race's fault sits, with the load at 6; 0 for others.
    load : int
        Of the motor, in hp.
    rate : float
        Samples a second.
    name : str
        What stands before ``_DE_time`` in the names of its variables.
    """

    fault: str
    end: str
    size: float
    position: int
    load: int
    rate: float
    name: str

    @property
    def bearing(self) -> str:
        """One physical bearing: where it sits, what is wrong with it, and how much.

        An outer ring struck at 3, 6 and 12 o'clock counts as one: nobody says that there were several.
        """
        return "normal" if self.fault == "normal" else f"{self.end} {self.fault} {self.size:.3f}"

    @property
    def channels(self) -> tuple[str, ...]:
        """Which of `CHANNELS` its file has; the files of the largest faults lack the field of the speed too."""
        return CHANNELS[: 1 if self.size == 0.028 else 2 if self.rate == 48_000.0 else 3]


def _recorded() -> dict[str, Recorded]:
    """All recordings by file name, from tables of first numbers: the four loads follow one another."""
    table = {
        "97.mat": Recorded("normal", "drive", 0.0, 0, 0, 48_000.0, "X097"),
        "100.mat": Recorded("normal", "drive", 0.0, 0, 3, 48_000.0, "X100"),
    }

    def add(numbers: list[int], fault: str, end: str, size: float, position: int = 0, rate: float = 12_000.0) -> None:
        for load, one in enumerate(numbers):
            if one:
                table[f"{one}.mat"] = Recorded(fault, end, size, position, load, rate, f"X{_NAMED.get(one, one):03d}")

    def four(first: int) -> list[int]:
        return list(range(first, first + 4))

    for size, inner, ball, six in ((0.007, 105, 118, 130), (0.014, 169, 185, 197), (0.021, 209, 222, 234)):
        add(four(inner), "inner", "drive", size)
        add(four(ball), "ball", "drive", size)
        add(four(six), "outer", "drive", size, 6)
    add(four(144), "outer", "drive", 0.007, 3)
    add([156, 158, 159, 160], "outer", "drive", 0.007, 12)
    add(four(246), "outer", "drive", 0.021, 3)
    add(four(258), "outer", "drive", 0.021, 12)
    add(four(3001), "inner", "drive", 0.028)
    add(four(3005), "ball", "drive", 0.028)

    for size, inner, ball, six in ((0.007, 109, 122, 135), (0.014, 174, 189, 201), (0.021, 213, 226, 238)):
        add([inner], "inner", "drive", size, rate=48_000.0)
        add([ball], "ball", "drive", size, rate=48_000.0)
        add([six], "outer", "drive", size, 6, rate=48_000.0)
    for size, three, twelve in ((0.007, 148, 161), (0.021, 250, 262)):
        add([three], "outer", "drive", size, 3, rate=48_000.0)
        add([twelve], "outer", "drive", size, 12, rate=48_000.0)

    for size, inner, ball in ((0.007, 278, 282), (0.014, 274, 286), (0.021, 270, 290)):
        add(four(inner), "inner", "fan", size)
        add(four(ball), "ball", "fan", size)
    add(four(294), "outer", "fan", 0.007, 6)
    add([313], "outer", "fan", 0.014, 6)
    add([315], "outer", "fan", 0.021, 6)
    add(four(298), "outer", "fan", 0.007, 3)
    add([310, 309, 311, 312], "outer", "fan", 0.014, 3)
    add([0, 316, 317, 318], "outer", "fan", 0.021, 3)
    add([302, 305, 306, 307], "outer", "fan", 0.007, 12)
    return dict(sorted(table.items(), key=lambda one: (one[1].fault != "normal", int(one[0][:-4]))))


#: Files whose variables carry another number than the file.
_NAMED = {174: 173, 3001: 56, 3002: 57, 3003: 58, 3004: 59, 3005: 48, 3006: 49, 3007: 50, 3008: 51}
#: What each file is a recording of, by its name.
RECORDED = _recorded()


def _parse(files: dict[str, Found]) -> Arrays:
    parts = [_read(name, found) for name, found in files.items()]
    return _put_together(list(files), [one for one, _ in parts], np.array([rpm for _, rpm in parts]) / 60)


def _read(name: str, found: Found) -> tuple[np.ndarray, float]:
    """Samples of shape ``(n_samples, 3)``, and the speed that the file says, in revolutions a minute, or NaN."""
    told, own = variables(found), RECORDED[name]
    parts = {}
    for channel in own.channels:
        variable = f"{own.name}_{channel}_time"
        parts[channel] = samples(found, variable, pick(found, told, variable))
    if len({len(one) for one in parts.values()}) > 1:
        given = ", ".join(f"{channel} {len(one):,}" for channel, one in parts.items())
        raise DatasetError(
            f"{found}: its channels are of unequal length ({given} samples); allowed is one length. Fetch it again."
        )
    missing = np.full(len(parts["DE"]), np.nan, "float32")
    return np.stack([parts.get(channel, missing) for channel in CHANNELS], axis=1), _speed(found, told, own)


def _speed(found: Found, told: dict[str, Any], own: Recorded) -> float:
    if own.channels == CHANNELS[:1]:
        return float("nan")
    nominal = NOMINAL[own.load]
    rpm = number(found, f"{own.name}RPM", pick(found, told, f"{own.name}RPM"))
    if not abs(rpm / nominal - 1) <= _OFF:
        raise DatasetError(
            f"{found}: {own.name}RPM is {rpm:g}; allowed at {own.load} hp is {nominal:g}, {_OFF:.0%} more or less. Is it another "
            "file under this name? Fetch it again, or take the official one."
        )
    return rpm


def _put_together(names: list[str], recordings: list[np.ndarray], in_file: np.ndarray) -> Arrays:
    """All arrays of the set; `in_file` is the speed that each file says, in Hz, or NaN."""
    told = [RECORDED[name] for name in names]
    nominal = np.array([NOMINAL[one.load] for one in told]) / 60
    trusted = ~np.isnan(in_file) & ~np.isin(names, list(WRONG_SPEED))
    first = [one[:, 0] for one in recordings]
    return Arrays(
        recordings=tuple(recordings),
        channels=CHANNELS,
        rate=np.array([one.rate for one in told]),
        y=np.array([list(MEANING.values()).index(one.fault) for one in told], "int64"),
        groups=np.array([one.bearing for one in told], "U17"),
        labels=np.array(names, "U8"),
        about=pd.DataFrame(
            {
                "speed": np.where(trusted, in_file, nominal),
                "speed_nominal": nominal,
                "speed_in_file": in_file,
                "load": [float(one.load) for one in told],
                "fault_size": [one.size for one in told],
                "position": [float(one.position) for one in told],
                "fan_end": [float(one.end == "fan") for one in told],
                "at_the_ends": [float(np.sum((one == one.min()) | (one == one.max()))) for one in first],
            }
        ),
    )


# --- the twin ----------------------------------------------------------------------------------------------------
#
# Round numbers read off the real files: level of the drive end's sensor by class and size, in g; step of the converter.
_LEVEL = {("inner", 0.007): 0.28, ("inner", 0.014): 0.18, ("inner", 0.021): 0.5, ("inner", 0.028): 0.9}
_LEVEL |= {("ball", 0.007): 0.14, ("ball", 0.014): 0.14, ("ball", 0.021): 0.13, ("ball", 0.028): 2.0}
_LEVEL |= {("outer", 0.007): 0.62, ("outer", 0.014): 0.1, ("outer", 0.021): 0.55}
_STEP = {("normal", 0.0): 2.0862e-4, ("outer", 0.014): 4.06e-5, ("inner", 0.021): 4.061e-4, ("outer", 0.021): 4.061e-4}
_STEP |= {("inner", 0.028): 4.069e-4, ("ball", 0.028): 8.138e-4}
_SNR = {"inner": 6.0, "outer": 8.0, "ball": -3.0, "normal": None}
_ORDERS = {  # fault, cage; of the bearings at the two ends
    "drive": {"inner": 5.4152, "outer": 3.5848, "ball": 4.7135, "normal": None, "cage": 0.3983},
    "fan": {"inner": 4.9469, "outer": 3.053, "ball": 3.9874, "normal": None, "cage": 0.3817},
}


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """One second of each recording; each bearing has a resonance of its own."""
    files = list(RECORDED)
    names = [files[k * len(files) // n if n < len(files) else k % len(files)] for k in range(n)]
    told = [RECORDED[name] for name in names]
    speed = np.array([NOMINAL[one.load] for one in told]) / 60
    speed *= 1 + rng.uniform(-0.003, 0.003, n)
    in_file = np.where([one.size == 0.028 for one in told], np.nan, np.rint(speed * 60) / 60)
    recordings = record(
        [
            Told(
                bearing=one.bearing,
                rate=one.rate,
                speed=float(hz),
                fault=one.fault,
                order=_ORDERS[one.end][one.fault],
                cage=_ORDERS[one.end]["cage"] or 0.0,
                level=_LEVEL.get((one.fault, one.size), 0.073),
                offset=0.0126 if one.load == 0 else 0.004,
                step=_STEP.get((one.fault, one.size), 1.624e-4),
                snr=_SNR[one.fault],
                far=(1.0, 0.5, 0.3) if one.end == "drive" else (0.5, 1.0, 0.3),
            )
            for one, hz in zip(told, speed, strict=True)
        ],
        seconds=1.0,
        resonance=3_300.0,
        rng=rng,
    )
    for one, values in zip(told, recordings, strict=True):
        values[:, len(one.channels) :] = np.nan
    # The field of the speed is wrong in one file, here as there.
    in_file = np.where(np.isin(names, list(WRONG_SPEED)), NOMINAL[3] / 60, in_file)
    return _put_together(names, recordings, in_file)


_PAGE = "https://engineering.case.edu/bearingdatacenter/download-data-file"
register(
    Entry(
        name="cwru",
        title="Bearings with seeded faults at a motor's two ends, 120 recordings (Case Western Reserve University)",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the files by their numbers (all, or those you want) and put them into the data home",
        licence="none stated that is known; to be checked at the source",
        citation="K. A. Loparo: Bearing data center. Case Western Reserve University",
        units={
            **dict.fromkeys(CHANNELS, "g"),
            **dict.fromkeys(("speed", "speed_nominal", "speed_in_file"), "Hz"),
            "load": "hp",
            "fault_size": "in",
            "position": "o'clock, load at 6; 0: none",
            "fan_end": "1: fan end; 0: drive end",
            "at_the_ends": "samples of DE at its lowest or highest value; 2: not saturated",
        },
        meaning=MEANING,
        parse=_parse,
        twin=_twin,
        twin_size=len(RECORDED),
        twin_minimum=12,
        twin_version=2,
        loader_version=2,
        body=Signals,
        first_lines=False,
        parts=True,
    )
)

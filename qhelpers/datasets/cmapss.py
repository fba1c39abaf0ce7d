"""Simulated turbofan engines that run to failure (NASA C-MAPSS, FD001 to FD004): loader, checks and twins.

A. Saxena, K. Goebel, D. Simon, N. Eklund, International Conference on Prognostics and Health Management, 2008.

Four sets are read by the same code. The units of each are the engines of its training file, followed to their failure, and
behind them those of its test file, whose record ends before; what they had left stands in the file of labels. The publisher's
readme says 248 training and 249 test engines for FD004; the files hold 249 and 248.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, DatasetError, Entry, Series, register
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import BLANKS, decimal, read_table, whole

SETTINGS = ("setting1", "setting2", "setting3")
SENSORS = tuple(f"sensor{number}" for number in range(1, 22))
#: The columns of ``X``. The files have no header; names are the readme's, in one word.
COLUMNS = (*SETTINGS, *SENSORS)
#: What the sensors stand for, by their symbols in Table 2 of the paper above.
SYMBOLS = (
    *("T2", "T24", "T30", "T50", "P2", "P15", "P30", "Nf", "Nc", "epr", "Ps30", "phi", "NRf", "NRc", "BPR"),
    *("farB", "htBleed", "Nf_dmd", "PCNfR_dmd", "W31", "W32"),
)
_TABLE = (whole("unit"), whole("cycle"), *map(decimal, COLUMNS))
_LABELS = (whole("RUL"),)


def _parse(files: dict[str, Found]) -> Arrays:
    """Training file, test file, and what the test engines had left; one of them alone is only checked."""
    parts = [_engines(found) for name, found in files.items() if not name.startswith("RUL")]
    labels = [_labels(found) for name, found in files.items() if name.startswith("RUL")]
    if len(files) < 3:
        return Arrays()
    counts = [len(edges) - 1 for _, _, edges in parts]
    if len(labels[0]) != counts[1]:
        _, test, rul = files.values()
        raise DatasetError(
            f"{rul}, line 1: it holds {len(labels[0]):,} labels, and {test} {counts[1]:,} engines; they do not go together, "
            "allowed is one label an engine. Take all files from the same archive."
        )
    return _put_together(
        np.concatenate([values for values, _, _ in parts], axis=1),
        np.concatenate([cycle for _, cycle, _ in parts]),
        np.r_[parts[0][2], parts[0][2][-1] + parts[1][2][1:]],
        np.r_[np.zeros(counts[0], "int64"), labels[0]],
        counts,
    )


def _engines(found: Found) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Readings of shape ``(24, n_rows)``, cycles, and the edges of the engines in one file."""
    values = np.empty((len(COLUMNS), found.lines))
    unit, cycle = np.empty(found.lines, "int64"), np.empty(found.lines, "int64")
    last = (0, 0)
    for block in read_table(found, _TABLE, layout=BLANKS):
        before = [np.r_[end, block[name][:-1]] for end, name in zip(last, ("unit", "cycle"), strict=True)]
        new = block["unit"] != before[0]
        block.refuse(
            ("unit", new & (block["unit"] != before[0] + 1), "the engine of the line before, or the next one"),
            ("cycle", block["cycle"] != np.where(new, 1, before[1] + 1), "1 in an engine's first line, then one more a line"),
        )
        values[:, block.rows] = [block[name] for name in COLUMNS]
        unit[block.rows], cycle[block.rows] = block["unit"], block["cycle"]
        last = (int(block["unit"][-1]), int(block["cycle"][-1]))
    return values, cycle, np.r_[0, np.flatnonzero(np.diff(unit)) + 1, len(unit)]


def _labels(found: Found) -> np.ndarray:
    return np.concatenate([block["RUL"] for block in read_table(found, _LABELS, layout=BLANKS)])


def _put_together(values: np.ndarray, cycle: np.ndarray, edges: np.ndarray, left: np.ndarray, counts: list[int]) -> Arrays:
    """All arrays of a set; `left` is what remains of each engine's life behind its last row."""
    names = [f"{part} {number + 1:04d}" for part, count in zip(("train", "test"), counts, strict=True) for number in range(count)]
    return Arrays(
        X=pd.DataFrame(values.T, columns=list(COLUMNS), copy=False),
        cycle=cycle,
        edges=edges,
        life=cycle[edges[1:] - 1] + left,
        censored=np.zeros(len(left), bool),
        groups=np.array(names, "U10"),
        official=np.repeat(np.array(["train", "test"], "U5"), counts),
    )


# --- the twins: engines that wear faster and faster ---------------------------------------------------------------
#
# Round numbers read off the real files. Six regimes: altitude [kft], Mach number, throttle [%]; what a healthy engine shows
# in each, sensor by sensor. Some sets know the first regime only; where there are six, each cycle draws its own.
_REGIMES = np.array([(0, 0, 100), (10, 0.25, 100), (20, 0.7, 100), (25, 0.62, 60), (35, 0.84, 100), (42, 0.84, 100)])
_SHARES = (0.15, 0.15, 0.15, 0.15, 0.15, 0.25)
_HEALTHY = np.hstack(
    [
        [
            (518.67, 642.2, 1585.5, 1400.6, 14.62, 21.61, 554.1, 2388.03, 9055.6, 1.3, 47.28),
            (489.05, 604.5, 1497.5, 1303.5, 10.52, 15.49, 394.8, 2318.9, 8778.2, 1.26, 45.25),
            (491.19, 607.2, 1481.0, 1246.0, 9.35, 13.65, 334.7, 2323.9, 8722.2, 1.08, 44.22),
            (462.54, 536.6, 1259.0, 1044.5, 7.05, 9.02, 175.6, 1915.3, 8009.1, 0.94, 36.6),
            (449.44, 555.4, 1362.5, 1125.0, 5.48, 8.0, 194.6, 2223.0, 8348.7, 1.02, 41.76),
            (445.0, 549.4, 1350.1, 1120.9, 3.91, 5.71, 138.7, 2211.9, 8320.0, 1.02, 41.92),
        ],
        [
            (522.0, 2388.03, 8137.6, 8.41, 0.03, 391.9, 2388, 100, 38.97, 23.38),
            (371.8, 2388.06, 8131.0, 8.63, 0.03, 368.5, 2319, 100, 28.63, 17.18),
            (315.1, 2388.04, 8061.5, 9.2, 0.02, 364.2, 2324, 100, 24.53, 14.72),
            (164.6, 2028.24, 7873.8, 10.87, 0.02, 306.4, 1915, 84.93, 14.31, 8.59),
            (183.1, 2388.04, 8067.7, 9.3, 0.02, 333.1, 2223, 100, 14.88, 8.93),
            (130.6, 2388.01, 8084.3, 9.34, 0.02, 329.9, 2212, 100, 10.62, 6.37),
        ],
    ]
)
# At sea level: noise of a reading, how far engines differ when they are new, and what has changed at failure, by fault mode
# (compressor, fan). The two core speeds (sensors 9 and 14) go up in some engines and down in others.
_NOISE = [0, 0.33, 4.3, 4.5, 0, 0.002, 0.5, 0.05, 4.5, 0, 0.14, 0.4, 0.05, 3.5, 0.02, 0, 1.0, 0, 0, 0.11, 0.065]
_APART = [0, 0.1, 1.2, 2.5, 0, 0, 0.35, 0.03, 6, 0, 0.1, 0.3, 0.03, 6, 0.01, 0, 0.4, 0, 0, 0.06, 0.035]
_WORN = np.array(
    [
        [0, 1.4, 16, 28, 0, 0, -2.7, 0.19, 42, 0, 0.85, -2.3, 0.19, 29, 0.11, 0, 4.2, 0, 0, -0.53, -0.32],
        [0, 1.35, 21, 30, 0, -0.005, 15, 0.62, 75, 0.016, 1.05, 14.5, 0.62, 59, -0.16, 0, 5.5, 0, 0, 0.61, 0.37],
    ]
)
_CORE_SPEEDS, _CORE_SPREAD = [8, 13], np.array([[52, 47], [8, 7]])  # places; how far their change differs, by fault mode
_DECIMALS = [2] * 14 + [4, 2, 0, 0, 2, 2, 4]
_LATE = 60  # cycles before the end at which wear is a third of what it ends with
_SEEN = ([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], [0.15, 0.33, 0.46, 0.63, 0.83, 0.92, 0.97])  # share of a test engine's life


def _twin(n: int, rng: np.random.Generator, *, counts: tuple[int, int], regimes: int, faults: int) -> Arrays:
    """Engines of lognormal life: wear grows exponentially towards its end and moves most sensors, up or down by fault mode."""
    trained = min(max(round(n * counts[0] / sum(counts)), 1), n - 1)
    mean, sd = (5.31, 0.21) if faults == 1 else (5.46, 0.29)
    life = np.clip(np.exp(rng.normal(mean, sd, n)), 128, 545).astype("int64")
    left = np.clip(np.rint(life * (1 - np.interp(rng.random(n), *_SEEN))), 6, 195).astype("int64")
    left = np.where(np.arange(n) < trained, 0, np.minimum(left, life - 19))
    rows = life - left
    edges = np.r_[0, np.cumsum(rows)]
    unit = np.repeat(np.arange(n), rows)
    cycle = np.arange(edges[-1]) - edges[unit] + 1

    fault = (rng.random(n) < 0.45).astype(int) * (faults - 1)
    worn = _WORN[fault]
    worn[:, _CORE_SPEEDS] += rng.standard_normal((n, 1)) * _CORE_SPREAD[fault]
    new = rng.standard_normal((n, len(SENSORS))) * _APART
    new[:, 5] -= 0.03 * fault  # the bypass pressure is a little lower from the start
    late = _LATE * np.exp(rng.normal(0, 0.2, n))
    wear = np.exp((cycle - life[unit]) / late[unit])

    regime = rng.choice(6, len(unit), p=_SHARES) if regimes == 6 else np.zeros(len(unit), int)
    scale = _HEALTHY[regime] / _HEALTHY[0]
    values = _HEALTHY[regime] + scale * (new[unit] + wear[:, None] * worn[unit])
    values += rng.standard_normal(values.shape) * _NOISE * np.sqrt(scale)
    settings = _REGIMES[regime] + rng.normal(0, 1, (len(unit), 3)) * (0.0022, 0.0003, 0)
    for place, decimals in enumerate(_DECIMALS):
        values[:, place] = values[:, place].round(decimals)
    return _put_together(np.c_[settings.round(4), values].T.copy(), cycle, edges, left, [trained, n - trained])


_PAGE = "https://data.nasa.gov/dataset/c-mapss-aircraft-engine-simulator-data"
_SENSOR_UNITS = (
    *("°R", "°R", "°R", "°R", "psi", "psi", "psi", "rpm", "rpm", "", "psi", "pps/psi", "rpm", "rpm", ""),
    *("", "", "rpm", "%", "lb/s", "lb/s"),
)
_UNITS = {"setting1": "1000 ft", "setting2": "", "setting3": "%"} | dict(zip(SENSORS, _SENSOR_UNITS, strict=True))
_HOW = {1: "one regime", 6: "six regimes"}, {1: "one fault mode", 2: "two fault modes"}


def _entry(number: int, counts: tuple[int, int], regimes: int, faults: int) -> Entry:
    name = f"cmapss_fd00{number}"
    return Entry(
        name=name,
        title=f"Turbofan engines that run to failure, {_HOW[0][regimes]}, {_HOW[1][faults]} (C-MAPSS FD00{number})",
        page=_PAGE,
        by_hand=f"open {_PAGE}, take the archive CMAPSSData.zip and put it, packed or not, into the data home",
        licence="a work of the US government, in the public domain (to be checked at the source)",
        citation="A. Saxena, K. Goebel, D. Simon, N. Eklund: Damage propagation modeling for aircraft engine run-to-failure "
        "simulation. International Conference on Prognostics and Health Management, 2008. doi:10.1109/PHM.2008.4711414",
        units=_UNITS,
        meaning={},
        parse=_parse,
        twin=partial(_twin, counts=counts, regimes=regimes, faults=faults),
        twin_size=sum(counts),
        twin_minimum=10,
        twin_version=1,
        loader_version=1,
        body=Series,
    )


# FD001 to FD004: training and test engines, regimes, fault modes.
for _number, _told in enumerate([((100, 100), 1, 1), ((260, 259), 6, 1), ((100, 100), 1, 2), ((249, 248), 6, 2)], start=1):
    register(_entry(_number, *_told))

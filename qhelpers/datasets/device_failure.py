"""A fleet of connected devices, a row of nine counters a day, 106 failures (``device_failure.csv``): loader and twin.

The file goes around as an exercise of unknown origin, in editions. The one that most use, with 1,169 devices (edition B), has two
broken rows that the older one with 1,168 devices (A) has not. Both are taken as they are, but for one thing that is said here:

- a device name holds the byte 0xFF (``W1F1DA5`` and a y with two dots, one row): it stays a device of its own;
- the row of one device and day is there twice, as a copy of the row above (`COPIED`): the copy is left out, for a day of a
  device has one reading.

A second failure of one device, or rows that do not follow one another by date and name, are refused. The copy on Kaggle that
papers cite was not to be had whole; it is edition B in another form, with a few changed cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, Series, register
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import Column, each, one_of, read_table, whole

#: The columns of ``X``: daily readings without a meaning that is known; all but the first are near to counters.
COLUMNS = tuple(f"attribute{number}" for number in range(1, 10))
#: Device and day of the one row that stands in the file twice.
COPIED = ("S1F0R4Q8", "2015-07-10")
_UNENDED = "3530828f3e7ac2d637baf748233d0bbf474319254ce78b55de7e390b9378ff5a"  # predictive_maintenance.csv: no last line end

_ISO = Column("date", "[0-9]{4}-[0-9]{2}-[0-9]{2}", "S10", "a date such as 2015-01-31")
_SLASHED = Column("date", "[0-9]{1,2}/[0-9]{1,2}/(?:20)?[0-9]{2}", "S10", "a date such as 1/31/15")
_NAME = "[A-Z][0-9]F[0-9][0-9A-Z]{4}"
_DEVICES = "a name such as S1F01085, or the broken one"
_FAILURE = one_of("failure", ("0", "1"))


class _Ended(Found):
    """A file that is known to lack its last line end, with it."""

    def blocks(self) -> Iterator[bytes]:
        yield from super().blocks()
        yield b"\r\n"


def _parse(files: dict[str, Found]) -> Arrays:
    """Any form of the file; rows are put in the order of device, then date."""
    (found,) = files.values()
    if found.sha256 == _UNENDED:
        found = _Ended(found.path, found.member, found.sha256, found.size, found.lines + 1)
    slashed = b"metric1" in found.beginning().text.partition(b"\n")[0]
    # The odd byte of one name is Latin-1 in one form, UTF-8 in the other.
    broken, coding = ("\\xc3\\xbf", "utf-8") if slashed else ("\\xff", "latin-1")
    device = Column("device", f"(?:{_NAME}|W1F1DA5{broken})", "S9", _DEVICES, quoted=True)
    readings = [f"metric{number}" if slashed else f"attribute{number}" for number in range(1, 10)]
    columns = (_SLASHED if slashed else _ISO, device, _FAILURE, *map(whole, readings))
    values = np.empty((found.rows, len(readings)))
    date, name = np.empty(found.rows, "datetime64[D]"), np.empty(found.rows, "U8")
    failed, kept = np.zeros(found.rows, bool), np.ones(found.rows, bool)
    last: np.ndarray | None = None
    for block in read_table(found, columns):
        now, who = _dates(block["date"], slashed=slashed), np.char.decode(block["device"], coding)
        start = block.rows.start
        day = np.r_[date[start - 1 : start] if start else now[:1], now[:-1]]
        same = np.r_[name[start - 1 : start] if start else [""], who[:-1]]
        above = np.concatenate([block.values[:1] if last is None else last, block.values[:-1]])
        copy = (block.values == above) & (who == same) & (who == COPIED[0]) & (now == np.datetime64(COPIED[1]))
        fails = (block["failure"] == b"1") & ~copy
        before = set(name[:start][failed[:start]].tolist())
        block.refuse(
            ("date", np.isnat(now), columns[0].allowed),
            ("date", now < day, "that of the line before, or a later one"),
            ("device", (now == day) & (who <= same) & ~copy, "one whose name comes after that of the line before, on one day"),
            ("failure", _repeated(who, fails, before), "0 of a device that has failed once"),
        )
        values[block.rows] = np.stack([block[column] for column in readings], axis=1)
        date[block.rows], name[block.rows], failed[block.rows], kept[block.rows] = now, who, fails, ~copy
        last = block.values[-1:]
    order = np.flatnonzero(kept)
    order = order[np.lexsort((date[order], name[order]))]
    return _put_together(values[order], date[order], name[order], failed[order])


def _repeated(who: np.ndarray, fails: np.ndarray, before: set[str]) -> np.ndarray:
    """Which rows are a failure of a device that has failed before."""
    again = np.zeros(len(who), bool)
    for row in np.flatnonzero(fails):
        again[row] = str(who[row]) in before
        before.add(str(who[row]))
    return again


def _dates(texts: np.ndarray, *, slashed: bool) -> np.ndarray:
    return each(texts, _month_first if slashed else _iso, np.datetime64("NaT", "D"))


def _iso(text: bytes) -> np.datetime64:
    return np.datetime64(text.decode(), "D")


def _month_first(text: bytes) -> np.datetime64:
    month, day, year = map(int, re.findall(rb"[0-9]+", text))
    return np.datetime64(f"{year % 100 + 2000}-{month:02d}-{day:02d}", "D")


def _put_together(values: np.ndarray, date: np.ndarray, name: np.ndarray, failed: np.ndarray) -> Arrays:
    """All arrays of the set from rows in the order of device, then date."""
    edges = np.r_[0, np.flatnonzero(name[1:] != name[:-1]) + 1, len(name)]
    unit = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    cycle = (date - date[edges[:-1]][unit]).astype("int64") + 1
    life, censored = cycle[edges[1:] - 1].copy(), np.ones(len(edges) - 1, bool)
    life[unit[failed]], censored[unit[failed]] = cycle[failed], False
    return Arrays(
        X=pd.DataFrame(np.asfortranarray(values), columns=list(COLUMNS), copy=False),
        cycle=cycle,
        edges=edges,
        life=life,
        censored=censored,
        groups=name[edges[:-1]],
        time=date,
    )


# --- the twin: counters of devices most of which vanish before anything happens -----------------------------------
#
# Round numbers read off the real file. Days after 1 January on which healthy devices are last seen, and how many: most leave
# in batches. Failures by month, for those that fail.
_LAST = {4: 106, 5: 205, 6: 42, 12: 23, 18: 8, 47: 31, 81: 37, 83: 64, 85: 72, 95: 42, 96: 31, 105: 31, 130: 47, 141: 6}
_LAST |= {223: 34, 225: 30, 231: 39, 239: 37, 244: 34, 284: 29, 291: 40, 294: 37, 305: 31}
_FAILING, _MONTHS = 106 / 1169, (24, 14, 9, 9, 21, 6, 16, 4, 0, 3)
_PREFIXES = {"S1F0": 391, "S1F1": 139, "W1F0": 282, "W1F1": 138, "Z1F0": 149, "Z1F1": 67, "Z1F2": 3}
_START = np.datetime64("2015-01-01", "D")
# Columns 2, 3, 4, 5, 7, 9: share of devices that start above zero, and above what (its median, its spread as of a lognormal);
# share of days on which one counts up, and by how much; share of failing devices in which it jumps before, and by how much.
_COUNTERS = {
    1: ((0.08, 800, 2.2), (0.006, 24, 1.6), (0.3, 2000, 2.2)),
    2: ((0.075, 4, 2.0), (0.0002, 7, 1.5), (0.02, 10, 1.0)),
    3: ((0.12, 4, 1.5), (0.0012, 5, 1.2), (0.4, 12, 1.6)),
    4: ((1.0, 9, 0.8), (0.0034, 1, 0.3), (0.0, 1, 1.0)),
    6: ((0.022, 12, 1.0), (0.0002, 8, 1.0), (0.33, 20, 1.4)),
    8: ((0.24, 3, 1.6), (0.0006, 1, 1.0), (0.05, 3, 1.0)),
}
_BEFORE = 12  # days before a failure, on average, of such a jump


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """Devices that start together and leave in batches; about one of eleven fails, and half of these show it in a counter."""
    fails = np.isin(np.arange(n), rng.permutation(n)[: min(max(round(n * _FAILING), 1), n - 1)])
    weights = np.array(list(_LAST.values())) / sum(_LAST.values())
    end = rng.choice(list(_LAST), n, p=weights)
    months = rng.choice(len(_MONTHS), n, p=np.array(_MONTHS) / sum(_MONTHS))
    failure = np.clip((months * 30.4 + rng.uniform(0, 30, n)).astype(int), 4, 298)
    end = np.where(fails, failure, end)
    end = np.where(fails & (rng.random(n) < 0.05), np.minimum(end + rng.integers(1, 30, n), 305), end)
    start = np.where(rng.random(n) < 0.005, np.minimum(125, end - 3), 0)
    # A hole in the record of some; the first and the last day, and that of the failure, are always there.
    hole, length = start + 2 + (rng.random(n) * np.maximum(end - start - 3, 0)).astype(int), rng.geometric(1 / 40, n)
    length = np.where(rng.random(n) < 0.17, length, 0)

    unit = np.repeat(np.arange(n), end - start + 1)
    day = np.arange(len(unit)) - np.r_[0, np.cumsum(end - start + 1)][unit] + start[unit]
    failed = fails[unit] & (day == failure[unit])
    values = np.empty((len(unit), len(COLUMNS)))
    values[:, 0] = rng.integers(0, 244_140_480 // 8, len(unit)) * 8
    for place, (begin, step, jump) in _COUNTERS.items():
        values[:, place] = _counter(unit, day, failure, fails, begin, step, jump, rng)
    values[:, 4] = np.minimum(values[:, 4], 98)
    began = np.where(rng.random(n) < 0.07, 24, np.maximum(rng.normal(255_000, 80_000, n), 8).round())
    values[:, 5] = began[unit] + _since_start(np.rint(rng.exponential(725, len(unit))) * (rng.random(len(unit)) < 0.4), unit)
    values[:, 7] = values[:, 6]
    there = (day <= hole[unit]) | (day > hole[unit] + length[unit]) | (day == end[unit]) | failed
    names = _names(n, rng)
    order = np.flatnonzero(there)
    order = order[np.argsort(names[unit[order]], kind="stable")]
    return _put_together(values[order], _START + day[order], names[unit[order]], failed[order])


def _counter(
    unit: np.ndarray,
    day: np.ndarray,
    failure: np.ndarray,
    fails: np.ndarray,
    begin: tuple[float, float, float],
    step: tuple[float, float, float],
    jump: tuple[float, float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """A counter that stands still most of the time; in some failing devices it jumps a few days before."""

    def drawn(told: tuple[float, float, float], size: int) -> np.ndarray:
        share, median, spread = told
        amount = np.maximum(np.rint(median * np.exp(rng.normal(0, spread, size))), 1)
        return np.minimum(amount, 65_000) * (rng.random(size) < share)

    first, jumps = drawn(begin, len(failure)), drawn(jump, len(failure)) * fails
    restless = (first > 0) | (rng.random(len(failure)) < 0.02)  # only some devices count at all
    often = (step[0] / max(float(restless.mean()), 0.01), *step[1:])
    when = failure - np.floor(rng.exponential(_BEFORE, len(failure)))
    counted = drawn(often, len(unit)) * restless[unit]
    return first[unit] + _since_start(counted, unit) + jumps[unit] * (day >= when[unit])


def _since_start(steps: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Sum of the steps of a unit behind its first row."""
    total = np.cumsum(steps)
    first = np.flatnonzero(np.r_[True, unit[1:] != unit[:-1]])
    return total - total[first][unit]


def _names(n: int, rng: np.random.Generator) -> np.ndarray:
    """Names as the official ones are, all different."""
    digits = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    numbers = rng.choice(36**4, n, replace=False)
    ends = ["".join(four) for four in digits[numbers[:, None] // 36 ** np.arange(3, -1, -1) % 36]]
    weights = np.array(list(_PREFIXES.values())) / sum(_PREFIXES.values())
    return np.char.add(rng.choice(list(_PREFIXES), n, p=weights), ends).astype("U8")


_PAGE = "https://www.kaggle.com/datasets/hiimanshuagarwal/predictive-maintenance-dataset"
register(
    Entry(
        name="device_failure",
        title="A fleet of 1,169 devices, nine counters a day, 106 failures, 124,494 rows (edition B)",
        page=_PAGE,
        by_hand="find device_failure.csv of 6,856,222 bytes and 1,169 devices, which goes around in public repositories, and put "
        f"it, packed or not, into the data home; or take that of {_PAGE}, call it device_failure.csv and accept its SHA-256",
        licence="none known for the original; that of the copy on Kaggle is to be checked at the source",
        citation="H. Agarwal: Predictive maintenance dataset. Kaggle. Its origin is an exercise, device_failure.csv, of unknown "
        "author",
        units=dict.fromkeys(COLUMNS, ""),
        meaning={},
        parse=_parse,
        twin=_twin,
        twin_size=1169,
        twin_minimum=30,
        twin_version=1,
        loader_version=1,
        body=Series,
    )
)

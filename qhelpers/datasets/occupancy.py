"""Occupancy of an office room from five sensors, a reading a minute (UCI 357): loader, checks and twin.

L. M. Candanedo, V. Feldheim, Energy and Buildings 112 (2016) 28-39.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, DatasetError, Entry, register
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import Column, decimal, fields_below, one_of, read_table, times, whole

FEATURES = ("Temperature", "Humidity", "Light", "CO2", "HumidityRatio")
_POOLED = "Occupancy.csv"

# In time order: the first test file lies before the training file. Rows, first time, length in minutes.
_PARTS = {
    "datatest.txt": ("test1", 2665, "2015-02-02 14:19:00"),
    "datatraining.txt": ("train", 8143, "2015-02-04 17:51:00"),
    "datatest2.txt": ("test2", 9752, "2015-02-11 14:48:00"),
}
_SIZE = sum(rows for _, rows, _ in _PARTS.values())


_DATE = "a time such as 2015-02-04 17:51:00"
_TABLE = (
    Column("date", r"[0-9]{4}(?:-[0-9]{2}){2} [0-9]{2}(?::[0-9]{2}){2}", "S19", _DATE, quoted=True),
    *(decimal(name) for name in FEATURES),
    one_of("Occupancy", ("0", "1")),
)
# The official files hold eight fields below seven names: the first, a row number, has none.
_NUMBERED = (whole("row", quoted=True, unnamed=True), *_TABLE)


def _parse(files: dict[str, Found]) -> Arrays:
    """The three official files one after another in time order, or one of the known or accepted forms."""
    edges = np.cumsum([0, *(found.rows for found in files.values())]).tolist()
    values = np.empty((len(FEATURES), edges[-1]))
    time = np.empty(edges[-1], "datetime64[s]")
    y = np.empty(edges[-1], "int64")
    for found, inside in zip(files.values(), map(slice, edges, edges[1:]), strict=True):
        _one_file(found, _columns(found), values[:, inside], time[inside], y[inside])
        if inside.start and time[inside.start] <= time[inside.start - 1]:
            raise DatasetError(
                f"{found}, line 2: date is {str(time[inside.start])!r}; the files {', '.join(files)} overlap in time, allowed "
                "are files that follow one another. Was an edition accepted for the wrong file? Fetch the official ones with "
                "`make data`."
            )
    parts = [_PARTS[name][0] for name in files if name != _POOLED]
    return Arrays(
        X=pd.DataFrame(values.T, columns=list(FEATURES), copy=False),
        y=y,
        groups=_calendar_day(time),
        time=time,
        official=np.repeat(np.array(parts, "U5"), np.diff(edges)) if parts else None,
    )


def _columns(found: Found) -> Sequence[Column]:
    """With row numbers, as in the official files; without in the pooled one and in such as were saved again without them."""
    return _TABLE if fields_below(found) == len(_TABLE) else _NUMBERED


def _one_file(found: Found, columns: Sequence[Column], values: np.ndarray, time: np.ndarray, y: np.ndarray) -> None:
    """Fill arrays with one file, block by block; what has to follow from row to row is checked across blocks too."""
    last_time, last_row = None, None
    for block in read_table(found, columns):
        now = times(block["date"])
        before = np.r_[now[0] - 1 if last_time is None else last_time, now[:-1]]
        rules = [("date", np.isnat(now), _DATE), ("date", now <= before, "a time after the one in the line before")]
        rules += [(name, block[name] < 0, "a number of at least 0") for name in ("Humidity", "Light", "CO2", "HumidityRatio")]
        if columns is _NUMBERED:
            row = block["row"]
            before = np.r_[row[0] - 1 if last_row is None else last_row, row[:-1]]
            rules.append(("row", row != before + 1, "the row number that follows the one before"))
            last_row = row[-1]
        block.refuse(*rules)
        last_time = now[-1]
        values[:, block.rows] = [block[column] for column in FEATURES]
        time[block.rows] = now
        y[block.rows] = block["Occupancy"] == b"1"


def _calendar_day(time: np.ndarray) -> np.ndarray:
    days = np.empty(len(time), "U10")
    days[:] = time.astype("datetime64[D]")
    return days


# --- the twin: a small model of the room -------------------------------------------------------------------------
#
# One line a day from 2 February on, round numbers read off the real course; repeated where the twin is longer.
# Night: temperature [°C], humidity ratio [g/kg], CO2 [ppm] at 06:00. Day: what full sun adds to the temperature [°C] and
# to the light [lx]; what people add to temperature [°C], humidity ratio [g/kg] and CO2 [ppm]. Hours: arrival, and the
# start and end of a long absence. From the eleventh day on (the third file) CO2 rises without people: ventilation changed.
_DAYS = np.array(
    # night T, W, CO2 | sun T, sun lx | people T, W, CO2 | arrival, away from, to
    [
        (20.6, 3.4, 440, 1.5, 130, 2.2, 1.3, 850, 7.7, 0, 0),
        (20.3, 3.3, 440, 1.4, 200, 1.7, 1.4, 950, 7.6, 0, 0),
        (20.5, 3.6, 470, 3.6, 330, 1.6, 1.3, 850, 7.6, 0, 0),
        (20.9, 3.5, 440, 0.4, 100, 1.6, 1.1, 700, 7.7, 0, 0),
        (20.2, 2.8, 435, 0.5, 80, 1.6, 0.5, 470, 7.7, 0, 0),
        (19.7, 2.8, 437, 3.7, 330, 0.0, 0.0, 0, 7.7, 0, 0),
        (19.3, 4.2, 437, 1.3, 150, 0.0, 0.0, 0, 7.7, 0, 0),
        (19.4, 3.8, 450, 0.6, 60, 2.2, 2.3, 1350, 8.7, 0, 0),
        (20.2, 4.8, 455, 0.3, 40, 1.4, 0.8, 600, 8.6, 0, 0),
        (20.5, 4.7, 480, 0.3, 40, 1.5, 0.6, 550, 8.6, 0, 0),
        (20.5, 3.6, 540, 3.0, 260, 1.5, 0.7, 380, 8.5, 10.6, 16.2),
        (20.8, 3.9, 570, 2.4, 360, 1.2, 0.6, 110, 9.0, 0, 0),
        (19.7, 5.2, 503, 1.3, 90, 0.0, 0.0, 0, 8.7, 0, 0),
        (20.0, 4.9, 540, 3.4, 180, 0.0, 0.0, 0, 8.7, 0, 0),
        (20.3, 3.9, 800, 0.3, 80, 1.5, 0.5, 230, 8.7, 0, 0),
        (20.1, 4.4, 760, 0.3, 50, 1.8, 0.8, 520, 8.6, 0, 0),
        (20.8, 4.0, 1450, 0.2, 40, 1.0, 0.6, 350, 9.1, 0, 0),
    ]
)
_START = np.datetime64("2015-02-02T00:00:00")


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """Three stretches of minutes with the official holes between them; fewer rows thin them evenly, more lengthen them."""
    rows = _shares(n)
    lengths = [max(own, part[1]) for own, part in zip(rows, _PARTS.values(), strict=True)]
    starts = _starts(lengths)
    minutes = int(starts[-1] + lengths[-1])
    room = _room(minutes, rng)
    kept = [start + np.linspace(0, length - 1, own).astype(int) for start, length, own in zip(starts, lengths, rows, strict=True)]
    where = np.concatenate(kept)
    table = room.iloc[where]
    # Steps of 59, 61, 60, 60, 60 s, as in the official files.
    in_part = where - np.repeat(starts, rows)
    time = _START + where * np.timedelta64(60, "s") - (in_part % 5 == 1) * np.timedelta64(1, "s")
    return Arrays(
        X=table[list(FEATURES)].reset_index(drop=True),
        y=table["y"].to_numpy(),
        groups=_calendar_day(time),
        time=time,
        official=np.repeat([part for part, _, _ in _PARTS.values()], rows).astype("U5"),
    )


def _shares(n: int) -> list[int]:
    """`n` rows divided among the three files as officially, exact in sum."""
    edges = np.round(np.cumsum([0, *(part[1] for part in _PARTS.values())]) * (n / _SIZE)).astype(int)
    return np.diff(edges).tolist()


def _starts(lengths: list[int]) -> list[int]:
    """First minute of each file, counted from midnight of 2 February; the holes between them are the official ones."""
    official = [int((np.datetime64(part[2]) - _START) / np.timedelta64(60, "s")) for part in _PARTS.values()]
    longer = np.cumsum([0, *(own - part[1] for own, part in zip(lengths, _PARTS.values(), strict=True))])
    return [start + int(extra) for start, extra in zip(official, longer[:-1], strict=True)]


def _room(minutes: int, rng: np.random.Generator) -> pd.DataFrame:
    """The room, minute by minute: who is in it, what lamps and sun do, and what the sensors make of it."""
    n_days = -(-minutes // 1440) + 1
    day, minute = np.divmod(np.arange(n_days * 1440), 1440)
    hour = minute / 60
    plan = _DAYS[np.arange(n_days) % len(_DAYS)]
    sun_t, sun_lx, people_t, people_w, people_c = plan[day, 3:8].T

    present, lamps = _presence(plan, rng)
    sun = np.clip(np.sin(np.pi * (hour - 7.6) / 9.6), 0, None) * (hour < 17.2)
    clouds = np.exp(_drift(len(day), 0.15, 20, rng) + _drift(len(day), 0.12, 2, rng))
    daylight = np.minimum(sun_lx * sun * clouds * 0.95, 900)
    flash = rng.random(len(day)) < np.where((sun_t > 2) & (np.abs(hour - 9.7) < 0.12), 0.15, 0)
    light = np.where(lamps, 425 + rng.normal(0, 7, len(day)) + 0.5 * daylight, daylight)
    light = np.where(flash, light + rng.uniform(300, 1100, len(day)), light)
    light = np.where((light < 4) | (~lamps & (sun == 0)), 0, light)
    switching = np.r_[False, lamps[1:] != lamps[:-1]]  # a minute's mean over the moment of switching
    light = np.where(switching, light + rng.uniform(0.1, 0.9, len(day)) * (np.r_[0, light[:-1]] - light), light)

    at_six = np.arange(n_days) * 1440 + 360
    base_t, base_w, base_c = (np.interp(np.arange(len(day)), at_six, plan[:, column]) for column in (0, 1, 2))
    temperature = base_t + _slow(sun_t * sun * 1.15, 100) + _slow(people_t * present, 150) + _drift(len(day), 0.12, 300, rng)
    ratio = base_w + _slow(people_w * present, 120) + _drift(len(day), 0.12, 400, rng)
    people = np.exp(_drift(len(day), 0.25, 120, rng))  # how many there are
    carbon = base_c + _slow(people_c * present * people, 70) + _drift(len(day), 6, 30, rng)
    restless = base_c > 900  # the last night: strong swings in an empty room
    carbon = carbon + restless * _drift(len(day), 130, 15, rng)

    temperature = _mean_of_readings(temperature + rng.normal(0, 0.01, len(day)), 0.1, rng)
    vapour = _PRESSURE * ratio / (622 + ratio)
    humidity = _mean_of_readings(100 * vapour / _saturation(temperature), 0.1, rng)
    return pd.DataFrame(
        {
            "Temperature": temperature,
            "Humidity": humidity,
            "Light": _mean_of_readings(light, 1, rng),
            "CO2": _mean_of_readings(carbon + rng.normal(0, 2.5, len(day)), 1, rng),
            "HumidityRatio": _humidity_ratio(temperature, humidity),
            "y": present.astype("int64"),
        }
    )


def _presence(plan: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Minutes with somebody in the room, and minutes with the lamps on, both as booleans."""
    present = np.zeros(len(plan) * 1440, bool)
    lamps = present.copy()
    weekend = np.is_busday(_START.astype("datetime64[D]") + np.arange(len(plan)), weekmask="Sat Sun")
    for number, day in enumerate(plan):
        if weekend[number]:
            continue
        midnight = 1440 * number
        arrival, lunch, leaving = rng.normal((60 * day[8], 785, 1083), (4, 6, 2)).astype(int)
        present[midnight + arrival : midnight + leaving] = True
        lamps[midnight + arrival : midnight + leaving] = True
        for start, stop in ((lunch, lunch + int(rng.integers(22, 32))), (int(60 * day[9]), int(60 * day[10]))):
            present[midnight + start : midnight + stop] = False
            lamps[midnight + start : midnight + stop - int(rng.integers(2, 9))] = False  # lit before somebody sits down
        for _ in range(rng.poisson(4)):  # somebody steps out and leaves the lamps on
            start = int(rng.integers(arrival + 5, leaving))
            present[midnight + start : midnight + start + int(rng.integers(1, 8))] = False
    lamps |= present
    return present, lamps


def _slow(drive: np.ndarray, minutes: float) -> np.ndarray:
    """Answer of a first-order lag (a wall, a volume of air) with this time constant."""
    return pd.Series(drive).ewm(alpha=1 - np.exp(-1 / minutes), adjust=False).mean().to_numpy()


def _drift(length: int, sd: float, minutes: float, rng: np.random.Generator) -> np.ndarray:
    """Stationary first-order noise with standard deviation `sd` and correlation time `minutes`."""
    keep = np.exp(-1 / minutes)
    return _slow(rng.standard_normal(length), minutes) * sd * np.sqrt((1 + keep) / (1 - keep))


def _mean_of_readings(values: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """What a minute shows: the mean of one to four readings, each rounded to the sensor's step."""
    readings = rng.choice([1, 2, 3, 4], size=len(values), p=[0.6, 0.2, 0.1, 0.1])
    return np.round(values / step * readings) / readings * step


_PRESSURE = 101_325.0  # Pa


def _saturation(temperature: np.ndarray) -> np.ndarray:
    """Vapour pressure of saturated air [Pa] at a temperature [°C] (Magnus formula)."""
    return 611.2 * np.exp(17.62 * temperature / (243.12 + temperature))


def _humidity_ratio(temperature: np.ndarray, humidity: np.ndarray) -> np.ndarray:
    """Water per dry air [kg/kg] from temperature [°C] and relative humidity [%]: computed, not measured."""
    vapour = _saturation(temperature) * humidity / 100
    return 0.622 * vapour / (_PRESSURE - vapour)


register(
    Entry(
        name="occupancy",
        title="Occupancy of an office room, five sensors, a reading a minute (UCI 357)",
        page="https://archive.ics.uci.edu/dataset/357/occupancy+detection",
        url="https://archive.ics.uci.edu/static/public/357/occupancy+detection.zip",
        by_hand="download the archive from the page and put it, packed or not, into the data home",
        licence="CC BY 4.0 (to be checked at the source)",
        citation="L. M. Candanedo, V. Feldheim: Accurate occupancy detection of an office room from light, temperature, "
        "humidity and CO2 measurements using statistical learning models. Energy and Buildings 112 (2016) 28-39. "
        "doi:10.1016/j.enbuild.2015.11.071",
        units={"Temperature": "°C", "Humidity": "%", "Light": "lx", "CO2": "ppm", "HumidityRatio": "kg/kg"},
        meaning={0: "empty", 1: "occupied"},
        parse=_parse,
        twin=_twin,
        twin_size=_SIZE,
        twin_minimum=100,
        twin_version=1,
        loader_version=1,
    )
)

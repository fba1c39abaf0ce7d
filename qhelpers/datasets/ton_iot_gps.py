"""GPS tracker of the TON_IoT testbed (UNSW Canberra), normal running and seven kinds of attack: loader, checks, twin.

A. Alsaedi, N. Moustafa, Z. Tari, A. Mahmood, A. Anwar, IEEE Access 8 (2020) 165130-165150.

Two editions of the train/test file are public. They hold the same attacks and differ in their normal rows only, so a
result has to say which one it used: ``ton_iot_gps`` (58,960 rows) or ``ton_iot_gps_38960``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, register
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import Column, decimal, each, one_of, read_table, spelled, whole

FEATURES = ("latitude", "longitude")
TYPES = ("normal", "scanning", "injection", "ddos", "password", "xss", "ransomware", "backdoor")
_CLOCK = np.timedelta64(-7, "h")  # date and time are this far from ts, which is UTC
_PAUSE = np.timedelta64(1, "h")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(
    files: dict[str, Found], *, readings: Sequence[Column], types: Sequence[str], stamped: bool, most: float = np.inf
) -> Arrays:
    """One official file of the testbed's telemetry; every set of it has this form.

    Parameters
    ----------
    files : dict of str to Found
        The one file.
    readings : sequence of Column
        What the device tells: the columns between time and label.
    types : sequence of str
        Words of the last column, the first of them ``"normal"``.
    stamped : bool
        Whether the file has the column ts (of the GPS tracker: the edition of 58,960 rows).
    most : float
        Largest reading that is allowed.
    """
    (found,) = files.values()
    values = np.empty((len(readings), found.rows))
    time = np.empty(found.rows, "datetime64[s]")
    kind = np.empty(found.rows, "int8")  # place in types: words for each row are made only when the file is closed
    for block in read_table(found, _table(readings, types, stamped), bom=True):
        day = each(block["date"], _day, np.datetime64("NaT", "D"))
        now = day + each(block["time"], _clock, np.timedelta64(0, "s"))
        which = np.argmax(block["type"][:, None] == np.array(types, "S"), axis=1)
        rules = [
            ("date", np.isnat(day), "a day such as 25-Apr-19"),
            ("label", (block["label"] == b"1") != (which > 0), "0 where type is normal, and 1 elsewhere"),
            *((column.name, block[column.name] > most, f"at most {most:,}") for column in readings),
        ]
        if stamped:
            apart = block["ts"].astype("datetime64[s]") + _CLOCK != now
            rules.append(("ts", apart, "the Unix time seven hours ahead of date and time"))
        block.refuse(*rules)
        values[:, block.rows] = [block[column.name] for column in readings]
        time[block.rows] = now
        kind[block.rows] = which
    return Arrays(
        X=pd.DataFrame(values.T, columns=[column.name for column in readings], copy=False),
        y=(kind > 0).astype("int64"),
        groups=sessions(time, kind, types),
        time=time,
        family=spelled(kind, np.array(types, "U10")),
    )


def _table(readings: Sequence[Column], types: Sequence[str], stamped: bool) -> tuple[Column, ...]:
    # Dates and times carry a blank on each side in some blocks of rows (" 1-Apr-19", " 18:31:39 ") and none in others.
    return (
        *((whole("ts"),) if stamped else ()),
        Column("date", rf" ?[0-9]{{1,2}}-(?:{'|'.join(_MONTHS)})-[0-6][0-9] ?", "S11", "a day such as 25-Apr-19"),
        Column("time", r" ?(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] ?", "S10", "a time such as 18:31:39"),
        *readings,
        one_of("label", ("0", "1")),
        one_of("type", types),
    )


def _day(text: bytes) -> np.datetime64:
    day, month, year = text.decode().strip().split("-")
    return np.datetime64(f"20{year}-{_MONTHS.index(month) + 1:02d}-{int(day):02d}", "D")


def _clock(text: bytes) -> np.timedelta64:
    hours, minutes, seconds = map(int, text.split(b":"))
    return np.timedelta64(3600 * hours + 60 * minutes + seconds, "s")


def sessions(time: np.ndarray, kind: np.ndarray, types: Sequence[str]) -> np.ndarray:
    """Name of the session of each row: rows of one type that follow one another in time without a pause of an hour.

    `kind` holds places in `types`.
    """
    order = np.argsort(time, kind="stable")
    session = np.empty(len(time), "int32")
    names: list[str] = []
    last: dict[int, np.datetime64] = {}
    count: dict[int, int] = {}
    before = None
    change = np.r_[True, (kind[order][1:] != kind[order][:-1]) | (np.diff(time[order]) > _PAUSE)]
    for rows in np.split(order, np.flatnonzero(change)[1:]):
        this = int(kind[rows[0]])
        if this != before or time[rows[0]] - last[this] > _PAUSE:
            count[this] = count.get(this, 0) + 1
            names.append(f"{types[this]} {count[this]}")
        session[rows] = len(names) - 1
        last[this], before = time[rows[-1]], this
    del order
    return spelled(session, np.array(names, f"U{max(13, *map(len, names))}"))


# --- the twin: the trackers of the testbed -----------------------------------------------------------------------
#
# In the official file every tracker behaves like a script: it starts at latitude 0 and longitude 10 and, about every five
# seconds, adds to each a small positive number, 0.05 on average and never above 0.2 (spread like 0.2 times two uniform
# random numbers). So both rise together for as long as it runs, to latitudes that no map
# has, and only their difference wanders. In the normal sessions of 31 March and 2 April one more tracker starts every
# second, which is why most normal rows lie near the start, and dozens fall into one second.
_SPEED = 0.0093  # degrees a second
_STEP = 0.05  # degrees: mean of one such number
_BEAT = _STEP / _SPEED  # seconds between two of them
_STEP_SD = _STEP * np.sqrt(7) / 3
_CROWD_BEAT = 5  # seconds, in a crowd


@dataclass(frozen=True)
class _Piece:
    """A stretch of rows in the order of the file.

    ``blocks`` is the place among the runs of one type in the edition of 58,960 and of 38,960 rows (0: not in it);
    ``trackers`` holds latitude and longitude minus latitude of each tracker at the start, None for a crowd that
    began `seconds` earlier; ``jitter`` spreads the rows in time (in steps).
    """

    kind: str
    blocks: tuple[int, int]
    rows: int
    start: str
    stop: str
    trackers: tuple[tuple[float, float], ...] | None
    seconds: int = 0
    jitter: float = 1.0


_PIECES = (
    _Piece("ddos", (1, 1), 728, "04-25 18:31:39", "04-25 19:10:46", ((116.5, 15.6), (121.7, 13.3)), jitter=0.2),
    _Piece("backdoor", (2, 2), 5000, "04-28 08:57:17", "04-28 11:44:04", ((61.1, 13.8), (36.2, 10.4), (33.2, 10.4))),
    _Piece("ddos", (3, 3), 594, "04-25 19:10:49", "04-25 19:38:18", ((137.1, 16.0), (143.5, 13.3)), jitter=0.2),
    _Piece(
        "injection",
        (4, 4),
        2903,
        "04-25 08:52:56",
        "04-25 09:43:35",
        ((101.0, 9.8), (82.0, 8.6), (44.7, 9.4), (45.5, 10.2), (67.7, 6.4)),
    ),
    _Piece("normal", (5, 5), 1400, "03-31 12:41:05", "03-31 12:41:31", None, 253),
    _Piece("ddos", (6, 6), 617, "04-25 19:38:21", "04-25 20:09:30", ((151.3, 16.9), (158.6, 13.3)), jitter=0.2),
    _Piece("ddos", (6, 6), 234, "04-25 20:13:20", "04-25 21:05:38", ((170.9, 18.1), (177.3, 12.4)), jitter=0.2),
    _Piece("ddos", (6, 6), 553, "04-26 06:46:51", "04-26 07:33:52", ((504.4, 22.3), (523.2, 6.6))),
    _Piece("ddos", (6, 6), 2274, "04-25 14:42:34", "04-25 16:30:16", ((0.0, 10.0), (-5.0, 10.0)), jitter=0.2),
    _Piece("injection", (7, 7), 93, "04-25 10:13:53", "04-25 10:15:11", ((7.5, 10.2), (89.1, 9.5), (109.3, 8.2), (144.5, 9.7))),
    _Piece(
        "injection",
        (7, 7),
        2004,
        "04-25 08:16:24",
        "04-25 08:52:53",
        ((81.2, 10.6), (61.9, 10.0), (25.4, 10.1), (25.9, 8.9), (48.1, 7.5)),
    ),
    _Piece("normal", (8, 8), 4890, "03-31 12:43:48", "03-31 12:44:43", None, 416),
    _Piece("password", (9, 9), 3553, "04-26 13:39:51", "04-26 16:33:00", ((0.0, 10.0), (-1.5, 10.0)), jitter=0.5),
    _Piece("password", (9, 9), 1200, "04-26 16:33:01", "04-26 16:55:22", ((92.0, 10.2), (89.5, 5.6), (0.0, 10.0), (-1.0, 10.0))),
    _Piece(
        "password",
        (9, 9),
        247,
        "04-26 18:28:26",
        "04-26 18:34:29",
        ((62.6, 9.3), (155.9, 6.6), (153.0, 9.2), (59.7, 13.1), (59.1, 10.5)),
    ),
    _Piece(
        "ransomware",
        (10, 10),
        2833,
        "04-28 03:54:31",
        "04-28 05:27:26",
        ((0.0, 10.0), (-8.0, 10.0), (-16.5, 10.0), (-21.0, 10.0)),
    ),
    _Piece("scanning", (11, 11), 550, "04-23 20:20:29", "04-23 23:53:52", ((128.6, 9.6),), jitter=0.1),
    _Piece("xss", (12, 12), 577, "04-27 04:57:51", "04-27 05:40:52", ((0.0, 10.0), (-0.7, 10.0))),
    _Piece("normal", (13, 8), 57, "03-31 12:41:32", "03-31 12:41:32", None, 280),
    _Piece("normal", (13, 8), 780, "03-31 12:44:44", "03-31 12:44:52", None, 472),
    _Piece("normal", (13, 8), 898, "04-01 14:56:37", "04-01 15:22:32", ((0.0, 10.0), (-1.8, 10.0)), jitter=0.2),
    _Piece("normal", (13, 8), 2880, "04-01 17:02:36", "04-01 18:22:35", ((69.9, 12.6), (66.3, 8.0), (69.4, 11.5)), jitter=0.2),
    _Piece("normal", (13, 8), 4095, "03-31 12:36:52", "03-31 12:40:11", None, 0),
    _Piece("normal", (13, 0), 1544, "04-01 18:22:37", "04-01 19:05:29", ((112.0, 12.0), (109.0, 6.8), (114.0, 12.0)), jitter=0.2),
    _Piece("normal", (13, 0), 9475, "03-31 12:41:33", "03-31 12:43:47", None, 281),
    _Piece("normal", (13, 0), 2420, "03-31 12:40:12", "03-31 12:41:04", None, 200),
    _Piece("normal", (13, 0), 1544, "04-01 22:05:33", "04-01 22:48:26", ((235.7, 3.7), (230.0, 13.6), (235.0, 5.0)), jitter=0.2),
    _Piece("normal", (13, 0), 5017, "04-02 04:00:01", "04-02 04:02:08", None, 143),
)


def _twin(n: int, rng: np.random.Generator, *, edition: int) -> Arrays:
    """Trackers as the testbed runs them; `edition` 0 or 1. With their own sizes, both editions share all common rows."""
    streams = rng.spawn(len(_PIECES) + 2)
    density = max(1, -(-n // _SIZES[edition]))  # trackers a second: one, more only in a larger twin
    crowds = {"03-31": _crowd(500, density, streams[-1]), "04-02": _crowd(500, density, streams[-2])}
    inside = [number for number, piece in enumerate(_PIECES) if piece.blocks[edition]]
    inside.sort(key=lambda number: _PIECES[number].blocks[edition])
    edges = np.cumsum([0, *(_PIECES[number].rows for number in inside)])
    counts = np.diff(np.round(edges * (n / edges[-1])).astype(int))
    parts = []
    for number, count in zip(inside, counts, strict=True):
        piece = _PIECES[number]
        if piece.trackers is None:
            rows = _from_crowd(piece, int(count), *crowds[piece.start[:5]])
        else:
            rows = _from_trackers(piece, int(count), streams[number])
        parts.append(rows.assign(kind=piece.kind))
    table = pd.concat(parts, ignore_index=True)
    time = table["time"].to_numpy().astype("datetime64[s]")
    family = table["kind"].to_numpy(dtype="U10")
    return Arrays(
        X=table[list(FEATURES)],
        y=(family != "normal").astype("int64"),
        groups=sessions(time, table["kind"].map(TYPES.index).to_numpy(), TYPES),
        time=time,
        family=family,
    )


def _from_trackers(piece: _Piece, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of a few trackers in turn. A latitude below 0 at the start of the piece means that it starts later."""
    assert piece.trackers is not None
    start, stop = _ends(piece)
    seconds = float((stop - start) / np.timedelta64(1, "s"))
    step = seconds / max(count - 1, 1)
    at = np.sort(np.clip(np.arange(count) * step + rng.normal(0, piece.jitter * step, count), 0, seconds))
    who = np.arange(count) % len(piece.trackers)
    latitude, offset = np.empty(count), np.empty(count)
    for number, (first, gap) in enumerate(piece.trackers):
        begin = max(0.0, -first / _SPEED)
        mine = np.flatnonzero((who == number) & (at >= begin))
        # a tracker that has not started yet leaves its turn to the first one
        who[(who == number) & (at < begin)] = 0
        if number == 0:
            continue
        latitude[mine], offset[mine] = _walk(at[mine] - begin, max(first, 0.0), gap, rng)
    mine = np.flatnonzero(who == 0)
    latitude[mine], offset[mine] = _walk(at[mine], *piece.trackers[0], rng)
    return pd.DataFrame({"time": start + at.astype("timedelta64[s]"), "latitude": latitude, "longitude": latitude + offset})


def _walk(at: np.ndarray, first: float, gap: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Latitude, and longitude minus latitude, of one tracker at these seconds after its start."""
    passed = np.diff(at, prepend=at[:1])
    sd = _STEP_SD * np.sqrt(passed / _BEAT)
    wander, apart = np.cumsum(rng.standard_normal((2, len(at))) * sd, axis=1)
    fresh = first == 0.0
    latitude = np.maximum(first + _SPEED * (at - at[:1] * fresh) + wander, 0.0)
    return latitude, np.maximum(gap + apart * np.sqrt(2), 10.0 - latitude if fresh else 0.0)


def _crowd(seconds: int, density: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude after 0, 1, 2, ... beats, shape ``(seconds, density, beats)``: `density` trackers a second."""
    steps = 4 * _STEP * rng.random((2, 2, seconds, density, seconds // _CROWD_BEAT)).prod(axis=0)
    steps[:, :, 0, 0] = 0  # the first one of a second reports where it starts
    latitude, longitude = np.cumsum(steps, axis=-1)
    return latitude, longitude + 10


def _from_crowd(piece: _Piece, count: int, latitude: np.ndarray, longitude: np.ndarray) -> pd.DataFrame:
    """Rows of all trackers of a crowd, second by second, the oldest tracker first, thinned evenly to `count`."""
    start, stop = _ends(piece)
    which = []
    for second in range(int((stop - start) / np.timedelta64(1, "s")) + 1):
        elapsed = piece.seconds + second
        beats = np.repeat(np.arange(elapsed // _CROWD_BEAT, -1, -1), latitude.shape[1])
        twin = np.tile(np.arange(latitude.shape[1]), len(beats) // latitude.shape[1])
        which.append(np.stack([np.full(len(beats), second), elapsed - beats * _CROWD_BEAT, twin, beats]))
    rows = np.concatenate(which, axis=1)
    second, started, twin, beats = rows[:, np.floor(np.arange(count) * (rows.shape[1] / max(count, 1))).astype(int)]
    return pd.DataFrame(
        {
            "time": start + second.astype("timedelta64[s]"),
            "latitude": latitude[started, twin, beats],
            "longitude": longitude[started, twin, beats],
        }
    )


def _ends(piece: _Piece) -> tuple[np.datetime64, np.datetime64]:
    start, stop = (np.datetime64(f"2019-{clock.replace(' ', 'T')}") for clock in (piece.start, piece.stop))
    return start, stop


#: The publisher's page, licence and citation, the same for all sets of the testbed.
PAGE = "https://research.unsw.edu.au/projects/toniot-datasets"
_NAMES = ("ton_iot_gps", "ton_iot_gps_38960")
_SIZES = (58_960, 38_960)
LICENCE = "free for academic use with citation, other use by arrangement with the authors (to be checked at the source)"
CITATION = (
    "A. Alsaedi, N. Moustafa, Z. Tari, A. Mahmood, A. Anwar: TON_IoT telemetry dataset: a new generation dataset of IoT and "
    "IIoT for data-driven intrusion detection systems. IEEE Access 8 (2020) 165130-165150. doi:10.1109/ACCESS.2020.3022862"
)


def _entry(edition: int) -> Entry:
    rows = f"{_SIZES[edition]:,} rows"
    return Entry(
        name=_NAMES[edition],
        title=f"GPS tracker of the TON_IoT testbed, train/test file, edition of {rows}",
        page=PAGE,
        by_hand=f"open {PAGE}, follow its link to the shared folder, take Train_Test_IoT_GPS_Tracker.csv from the train/test "
        f"sets of IoT devices (the edition of {rows}; both are about), "
        "and put it, under any name, packed or not, into the data home",
        licence=LICENCE,
        citation=CITATION,
        units={"latitude": "°", "longitude": "°"},
        meaning={0: "normal", 1: "attack"},
        parse=partial(parse, readings=tuple(map(decimal, FEATURES)), types=TYPES, stamped=edition == 0),
        twin=partial(_twin, edition=edition),
        twin_size=_SIZES[edition],
        twin_minimum=200,
        twin_version=1,
        loader_version=1,
    )


register(_entry(0))
register(_entry(1))

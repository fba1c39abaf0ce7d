"""Flows of an industrial testbed under attack (WUSTL-IIoT-2021): loader, checks, and which of its columns leak.

M. Zolanvari, M. A. Teixeira, L. Gupta, K. M. Khan, R. Jain, Washington University in St. Louis, 2021.

Two sets are read by the same code: ``wustl_iiot``, the official file of 1,194,464 flows, and ``wustl_iiot_999``, its first 999,
which are a random sample of it, for the file is shuffled. `qhelpers.datasets.wustl_iiot_twin` makes their twins.
"""

from __future__ import annotations

import ipaddress
import re

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, register
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import Column, decimal, each, one_of, read_table, spelled, times, whole
from qhelpers.datasets.wustl_iiot_twin import twin

#: The official header, without the labels Traffic and Target: all columns of ``X``.
COLUMNS = (
    *("StartTime", "LastTime", "SrcAddr", "DstAddr", "Mean", "Sport", "Dport", "SrcPkts"),
    *("DstPkts", "TotPkts", "DstBytes", "SrcBytes", "TotBytes", "SrcLoad", "DstLoad", "Load"),
    *("SrcRate", "DstRate", "Rate", "SrcLoss", "DstLoss", "Loss", "pLoss", "SrcJitter"),
    *("DstJitter", "SIntPkt", "DIntPkt", "Proto", "Dur", "TcpRtt", "IdleTime", "Sum"),
    *("Min", "Max", "sDSb", "sTtl", "dTtl", "sIpId", "dIpId", "SAppBytes"),
    *("DAppBytes", "TotAppByte", "SynAck", "RunTime", "sTos", "SrcJitAct", "DstJitAct"),
)
#: What ``family`` holds; all but the first are attacks.
FAMILIES = ("normal", "DoS", "Reconn", "CommInj", "Backdoor")
#: The six columns that the publisher advises to drop.
DROPPED = ("StartTime", "LastTime", "SrcAddr", "DstAddr", "sIpId", "dIpId")
#: Columns that tell when a flow was: the third is a Unix time in float32, whatever its name says.
CLOCKS = ("StartTime", "LastTime", "IdleTime")
#: Columns that tell who sent a flow, or where to.
ADDRESSES = ("SrcAddr", "DstAddr")
#: The publisher's six and the clock that they leave in.
LEAKS = (*DROPPED, "IdleTime")
#: The forty columns that leak no clock, address or packet number.
FEATURES = tuple(name for name in COLUMNS if name not in LEAKS)

_DECIMAL = {
    *("SrcLoad", "DstLoad", "Load", "SrcRate", "DstRate", "Rate", "pLoss", "SrcJitter", "DstJitter", "SIntPkt", "DIntPkt"),
    *("Dur", "TcpRtt", "Sum", "Min", "Max", "SynAck", "RunTime", "SrcJitAct", "DstJitAct"),
}
_TIME = "a time such as 2019-08-19 12:23:28 or 8/19/2019 12:23"
_ISO = r"[0-9]{4}(?:-[0-9]{2}){2} [0-9]{2}(?::[0-9]{2}){2}"
_SLASHED = r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
_ADDRESS = "an IPv4, IPv6 or MAC address, or a whole number as in the few broken rows"


def _column(name: str) -> Column:
    if name in CLOCKS[:2]:
        return Column(name, f"(?:{_ISO}|{_SLASHED})", "S19", _TIME)
    if name in ADDRESSES:
        return Column(name, "[0-9A-Fa-f:.]{1,39}", "S39", _ADDRESS)
    return decimal(name) if name in _DECIMAL else whole(name)


_TABLE = (*map(_column, COLUMNS), one_of("Traffic", FAMILIES), one_of("Target", ("0", "1")))
_NUMBERS = tuple(name for name in COLUMNS if name not in (*CLOCKS[:2], *ADDRESSES))


def _parse(files: dict[str, Found]) -> Arrays:
    """The official file, or one saved again by a spreadsheet, with a byte order mark and times cut to the minute."""
    (found,) = files.values()
    values = np.empty((len(COLUMNS), found.rows))
    family = np.empty(found.rows, "int8")
    places = [COLUMNS.index(name) for name in _NUMBERS]
    for block in read_table(found, _TABLE, bom=True):
        clocks = {name: _times(block[name]) for name in CLOCKS[:2]}
        addresses = {name: each(block[name], address_number, np.float64(np.nan)) for name in ADDRESSES}
        which = np.argmax(block["Traffic"][:, None] == np.array(FAMILIES, "S"), axis=1)
        block.refuse(
            *((name, np.isnat(time), _TIME) for name, time in clocks.items()),
            *((name, np.isnan(number), _ADDRESS) for name, number in addresses.items()),
            *((name, block[name] < 0, "a number of at least 0") for name in _NUMBERS if name in _DECIMAL),
            ("Target", (block["Target"] == b"1") != (which > 0), "0 where Traffic is normal, and 1 elsewhere"),
        )
        for name, time in clocks.items():
            values[COLUMNS.index(name), block.rows] = time.astype("int64")
        for name, number in addresses.items():
            values[COLUMNS.index(name), block.rows] = number
        for place, name in zip(places, _NUMBERS, strict=True):
            values[place, block.rows] = block[name]
        family[block.rows] = which
    return labelled(values, family)


def labelled(values: np.ndarray, family: np.ndarray) -> Arrays:
    """All arrays of the set from its columns, of shape ``(47, n_rows)``, and the place of each row's family in `FAMILIES`."""
    time = values[0].astype("int64").astype("datetime64[s]")
    tens = values[0].astype("int64") % 86_400 // 600
    slots = np.array([f"{k // 6:02d}:{k % 6}0" for k in range(144)])
    return Arrays(
        X=pd.DataFrame(values.T, columns=list(COLUMNS), copy=False),
        y=(family > 0).astype("int64"),
        groups=spelled(tens, slots),
        time=time,
        family=spelled(family, np.array(FAMILIES, "U8")),
    )


def _times(texts: np.ndarray) -> np.ndarray:
    """Times in the form of the first of them; what is in the other form becomes NaT, as does what is no time."""
    return each(texts, _slashed, np.datetime64("NaT", "s")) if b"/" in texts[0] else times(texts)


def _slashed(text: bytes) -> np.datetime64:
    month, day, year, hour, minute, *second = map(int, re.findall(rb"[0-9]+", text))
    if b"/" not in text:
        raise ValueError
    return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{sum(second):02d}", "s")


def address_number(text: bytes) -> float:
    """An address as the number that ``X`` holds of it.

    Parameters
    ----------
    text : bytes
        IPv4 and MAC addresses become their 32 or 48 bits read as one number, IPv6 addresses the last 48 of their bits, a whole
        number (there are such, in a few hundred broken rows) stays what it is.

    Returns
    -------
    float
        Whole, below 2 to the 48.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if re.fullmatch(rb"[0-9]{1,14}", text):
        return float(text)
    if re.fullmatch(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}", text):
        return float(int(text.replace(b":", b""), 16))
    return float(int(ipaddress.ip_address(text.decode())) % (1 << 48))


_PAGE = "https://www.cse.wustl.edu/~jain/iiot2/index.html"
_UNITS = (
    dict.fromkeys(COLUMNS, "")
    | dict.fromkeys(CLOCKS, "s since 1970")
    | dict.fromkeys(("SrcPkts", "DstPkts", "TotPkts", "SrcLoss", "DstLoss", "Loss"), "packets")
    | dict.fromkeys(("SrcBytes", "DstBytes", "TotBytes", "SAppBytes", "DAppBytes", "TotAppByte"), "B")
    | dict.fromkeys(("SrcLoad", "DstLoad", "Load"), "bit/s")
    | dict.fromkeys(("SrcRate", "DstRate", "Rate"), "packets/s")
    | dict.fromkeys(("SrcJitter", "DstJitter", "SIntPkt", "DIntPkt", "SrcJitAct", "DstJitAct"), "ms")
    | dict.fromkeys(("Mean", "Dur", "TcpRtt", "Sum", "Min", "Max", "SynAck", "RunTime"), "s")
    | {"pLoss": "%"}
)


def _entry(name: str, title: str, by_hand: str, size: int, minimum: int) -> Entry:
    return Entry(
        name=name,
        title=title,
        page=_PAGE,
        by_hand=by_hand,
        licence="none stated by the publisher, who asks for citation (to be checked at the source)",
        citation="M. Zolanvari, L. Gupta, K. M. Khan, R. Jain: WUSTL-IIOT-2021 dataset for IIoT cybersecurity research. "
        "Washington University in St. Louis, 2021. doi:10.21227/yftq-n229",
        units=_UNITS,
        meaning={0: "normal", 1: "attack"},
        parse=_parse,
        twin=lambda n, rng: labelled(*twin(n, rng)),
        twin_size=size,
        twin_minimum=minimum,
        twin_version=1,
        loader_version=1,
    )


register(
    _entry(
        "wustl_iiot",
        "Flows of an industrial testbed under attack, 1,194,464 rows (WUSTL-IIoT-2021)",
        f"open {_PAGE}, or the copy on Kaggle, take the archive of 106 MB and put it, packed or not, into the data home",
        1_194_464,
        100,
    )
)
register(
    _entry(
        "wustl_iiot_999",
        "The first 999 rows of WUSTL-IIoT-2021, which is shuffled: a random sample",
        f"take the official file from {_PAGE}, and from it the header and the first 999 rows, line ends LF, numbers as Python "
        "writes them (or a public copy saved again by Excel, which is known by its hash)",
        999,
        100,
    )
)

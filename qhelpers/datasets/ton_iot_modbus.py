"""Modbus registers of the TON_IoT testbed (UNSW Canberra), normal running and five kinds of attack: loader, checks, twin.

A. Alsaedi, N. Moustafa, Z. Tari, A. Mahmood, A. Anwar, IEEE Access 8 (2020) 165130-165150.

The four registers are random numbers, drawn anew every few readings, under attack as at other times. So nothing about an attack
can be learned from them; but each four of numbers occurs in rows of one type only, and whoever has seen one of these rows knows
the others.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry, register
from qhelpers.datasets.tables import whole
from qhelpers.datasets.ton_iot_gps import CITATION, LICENCE, PAGE, parse, sessions

FEATURES = ("FC1_Read_Input_Register", "FC2_Read_Discrete_Value", "FC3_Read_Holding_Register", "FC4_Read_Coil")
TYPES = ("normal", "scanning", "injection", "password", "xss", "backdoor")
_LARGEST = 65_535
_SIZE = 51_106

# --- the twin: registers that hold random numbers ----------------------------------------------------------------
#
# Stretches of one type in the order of the official file: type, rows, first and last second (of 2019, date and time as in the
# file); then how often, of a hundred readings in a row, the four numbers are new.
_STRETCHES = (
    ("injection", 728, "04-25T09:14:00", "04-25T09:27:45"),
    ("backdoor", 3654, "04-28T10:24:16", "04-28T12:40:18"),
    ("backdoor", 701, "04-28T09:36:40", "04-28T10:00:12"),
    ("backdoor", 645, "04-28T06:59:38", "04-28T07:56:32"),
    ("injection", 62, "04-25T09:15:32", "04-25T09:16:35"),
    ("injection", 91, "04-25T09:27:46", "04-25T09:29:17"),
    ("normal", 5419, "03-31T12:40:58", "03-31T12:44:02"),
    ("injection", 3001, "04-25T09:29:17", "04-25T10:15:11"),
    ("injection", 3, "04-25T07:49:13", "04-25T08:04:07"),
    ("injection", 1115, "04-25T08:16:31", "04-25T08:37:09"),
    ("normal", 284, "03-31T12:41:15", "03-31T12:43:07"),
    ("password", 2337, "04-26T13:39:51", "04-26T15:31:55"),
    ("password", 55, "04-26T23:56:07", "04-26T23:57:32"),
    ("password", 2608, "04-26T18:36:47", "04-26T19:39:18"),
    ("scanning", 502, "04-23T20:20:32", "04-23T23:26:44"),
    ("scanning", 27, "04-23T23:49:29", "04-23T23:53:30"),
    ("xss", 545, "04-27T05:00:30", "04-27T05:40:52"),
    ("xss", 32, "04-27T04:57:51", "04-27T05:00:16"),
    ("normal", 9723, "03-31T12:41:17", "03-31T12:44:51"),
    ("normal", 960, "04-01T14:56:37", "04-01T15:24:16"),
    ("normal", 7748, "03-31T12:36:52", "03-31T12:43:04"),
    ("normal", 830, "04-01T15:24:17", "04-01T15:47:20"),
    ("normal", 888, "04-01T18:16:05", "04-01T18:40:44"),
    ("normal", 695, "04-02T04:02:10", "04-02T04:02:23"),
    ("normal", 765, "04-02T14:15:29", "04-02T14:37:31"),
    ("normal", 2293, "04-01T21:34:10", "04-01T22:37:51"),
    ("normal", 5353, "04-01T15:47:21", "04-01T18:16:03"),
    ("normal", 42, "04-01T22:37:52", "04-01T22:39:01"),
)
_NEW = {"normal": 25, "scanning": 56, "injection": 27, "password": 34, "xss": 43, "backdoor": 31}


def _twin(n: int, rng: np.random.Generator) -> Arrays:
    """Stretches as in the official file, shorter or longer; their times lie evenly, their registers hold what was drawn last."""
    kinds, rows, starts, stops = zip(*_STRETCHES, strict=True)
    counts = np.diff(np.round(np.cumsum([0, *rows]) * (n / _SIZE)).astype(int))
    times = []
    for count, start, stop in zip(counts, starts, stops, strict=True):
        first, last = (np.datetime64(f"2019-{clock}", "s").astype("int64") for clock in (start, stop))
        times.append(np.linspace(first, last, count).astype("int64").astype("datetime64[s]"))
    kind = np.repeat([TYPES.index(name) for name in kinds], counts)
    new = rng.random(n) < np.array([_NEW[name] / 100 for name in TYPES])[kind]
    new[np.r_[0, np.cumsum(counts)[:-1]][counts > 0]] = True
    drawn = rng.integers(_LARGEST + 1, size=(int(new.sum()), len(FEATURES)))
    time = np.concatenate(times)
    return Arrays(
        X=pd.DataFrame(drawn[np.cumsum(new) - 1].astype(float), columns=list(FEATURES)),
        y=(kind > 0).astype("int64"),
        groups=sessions(time, kind, TYPES),
        time=time,
        family=np.array(TYPES, "U10")[kind],
    )


register(
    Entry(
        name="ton_iot_modbus",
        title="Modbus registers of the TON_IoT testbed, train/test file, 51,106 rows",
        page=PAGE,
        by_hand=f"open {PAGE}, follow its link to the shared folder, take Train_Test_IoT_Modbus.csv from the train/test sets of "
        "IoT devices and put it, under any name, packed or not, into the data home",
        licence=LICENCE,
        citation=CITATION,
        units=dict.fromkeys(FEATURES, ""),
        meaning={0: "normal", 1: "attack"},
        parse=partial(parse, readings=tuple(map(whole, FEATURES)), types=TYPES, stamped=True, most=_LARGEST),
        twin=_twin,
        twin_size=_SIZE,
        twin_minimum=200,
        twin_version=1,
        loader_version=1,
    )
)

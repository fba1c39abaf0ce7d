"""TON_IoT Modbus: the loader's rules, the facts of the official file, its traps, and the twin's."""

import csv
import io
from datetime import datetime

import contract
import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from qhelpers.datasets.ton_iot_modbus import FEATURES
from qhelpers.evaluation import late_split, random_split

NAME, FILE = "ton_iot_modbus", "Train_Test_IoT_Modbus.csv"
HEADER = f"\ufeffts,date,time,{','.join(FEATURES)},label,type"
ROWS = [
    "1556208840,25-Apr-19, 09:14:00 ,49389,52921,25770,13625,1,injection",
    "1554061012,31-Mar-19,12:36:52,0,65535,7,12,0,normal",
    "1556433000,27-Apr-19,23:30:00,1,2,3,4,1,backdoor",
]


def small(rows=ROWS):
    return {FILE: ("\r\n".join([HEADER, *rows]) + "\r\n").encode()}


def holds(data, content):
    """Rows of time, label, type and registers, read as simply as can be."""
    (raw,) = content.values()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    times = [datetime.strptime(f"{row['date'].strip()} {row['time'].strip()}", "%d-%b-%y %H:%M:%S") for row in rows]
    assert data.time.tolist() == times
    assert data.y.tolist() == [int(row["label"]) for row in rows] and data.family.tolist() == [row["type"] for row in rows]
    assert data.X.to_numpy().tolist() == [[float(row[name]) for name in FEATURES] for row in rows]


def near(table, _):
    registers = table.drop(index="label")
    assert registers.drop(columns="50 %").abs().max().max() < 0.06  # of a standard deviation
    assert registers["50 %"].abs().max() < 0.12
    assert table.loc["label"].dropna().abs().max() < 1e-3


# --- what the contract asks for ----------------------------------------------------------------------------------


def nearest(data, split):
    train, test = split
    X = data.X.to_numpy()
    return KNeighborsClassifier(1).fit(X[train], data.y[train]).score(X[test], data.y[test])


def the_label_is_the_time(data):
    return data.time[data.y == 0].max() < data.time[data.y == 1].min()


def registers_are_random_numbers(data):
    return data.X.corr().to_numpy()[~np.eye(4, dtype=bool)].max() < 0.05 and data.X.std().between(18_000, 20_000).all()


def rows_with_the_same_registers_share_their_type(data):
    types = data.X.assign(family=data.family).groupby(list(FEATURES))["family"].nunique()
    return len(types) < 0.3 * len(data) and (types > 1).sum() <= 1


def a_random_split_asks_what_was_learned_by_heart(data):
    by_heart = nearest(data, random_split(len(data), 0.3, np.random.default_rng(0)))
    return by_heart > 0.9 and nearest(data, late_split(data.time, data.family, 0.3)) < 0.69 < by_heart


FACTS = contract.Facts(
    name=NAME,
    small=small,
    holds=holds,
    traps=(
        the_label_is_the_time,
        registers_are_random_numbers,
        rows_with_the_same_registers_share_their_type,
        a_random_split_asks_what_was_learned_by_heart,
    ),
    parsed="1:8bc749b97f60c0fe92bbabc0e9e12cceedd0684157b8411bdd61c7d0df34b269",
    near=near,
)


class TestTwin(contract.Twin):
    facts = FACTS


class TestFiles(contract.Files):
    facts = FACTS


@pytest.mark.needs_data(NAME)
class TestOfficial(contract.Official):
    facts = FACTS


# --- the loader's rules, and the facts of the official file ------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1,2,3,4", "1,2,3,65536", "line 4: FC4_Read_Coil is '65536'; allowed is at most 65,535"),
        ("1,2,3,4", "1,2,3.5,4", "line 4: FC3_Read_Holding_Register is '3.5'; allowed is a whole number"),
        ("1,backdoor", "1,ddos", "line 4: type is 'ddos'; allowed is normal, scanning"),
        ("1,backdoor", "0,backdoor", "line 4: label is '0'; allowed is 0 where type is normal"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, old, new, message):
    error, _ = contract.refused(FACTS, folder, small([*ROWS[:2], ROWS[2].replace(old, new)]))
    assert f"{FILE}, {message}" in error[2]


@pytest.mark.needs_data(NAME)
def test_rows_and_types(official):
    data = official(NAME)
    counts = pd.Series(data.family).value_counts().to_dict()
    assert counts == {
        "normal": 35_000,
        "injection": 5000,
        "backdoor": 5000,
        "password": 5000,
        "xss": 577,
        "scanning": 529,
    }
    assert len(data) == 51_106 and len(data.X.drop_duplicates()) == 13_862

"""The fleet of devices: the loader's rules, the facts of the official file in all its forms, their traps, and the twin's."""

import csv
import io
from datetime import datetime

import contract
import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.datasets import base
from qhelpers.datasets.comparison import auc
from qhelpers.datasets.device_failure import COLUMNS, COPIED

NAME, FILE = "device_failure", "device_failure.csv"
HEADER = ",".join(f'"{name}"' for name in ("date", "device", "failure", *COLUMNS))
ROWS = [
    '2015-01-01,"S1F01085",0,215630672,56,0,52,6,407438,0,0,7',
    '2015-01-01,"Z1F0QLC1",0,8,0,0,0,10,351431,0,0,0',
    '2015-01-02,"S1F01085",1,1650864,56,0,52,6,407438,8,8,7',
    '2015-01-03,"Z1F0QLC1",0,16,0,0,0,10,351431,0,0,0',
    '2015-01-05,"S1F01085",0,24,56,0,52,6,407438,8,8,7',
]
COPY = '2015-07-10,"S1F0R4Q8",0,192721392,0,0,0,8,213700,0,0,0'


def small(rows=ROWS):
    return {FILE: ("\n".join([HEADER, *rows]) + "\n").encode()}


def holds(data, content):
    """Devices with their rows, read as simply as can be; the copy is told by its name and day."""
    (raw,) = content.values()
    devices = {}
    for row in csv.DictReader(io.StringIO(raw.decode("latin-1"), newline="")):
        if [row["device"], row["date"]] != [*COPIED] or row not in devices.get(row["device"], []):
            devices.setdefault(row["device"], []).append(row)
    assert data.groups.tolist() == sorted(devices)
    for k, name in enumerate(data.groups.tolist()):
        rows = devices[name]
        days = [datetime.fromisoformat(row["date"]) for row in rows]
        age = [(day - days[0]).days + 1 for day in days]
        failed = [one for one, row in zip(age, rows, strict=True) if row["failure"] == "1"]
        assert data.time[data.rows(k)].astype("datetime64[s]").tolist() == days and data.cycle[data.rows(k)].tolist() == age
        assert data.X.to_numpy()[data.rows(k)].tolist() == [[float(row[column]) for column in COLUMNS] for row in rows]
        assert (data.life[k], data.censored[k]) == ((failed[0], False) if failed else (age[-1], True))


# --- traps -------------------------------------------------------------------------------------------------------


def failures(data):
    return (data.cycle == data.life[data.unit]) & ~data.censored[data.unit]


def failures_are_rare(data):
    return 0.0005 < failures(data).mean() < 0.0015 and 0.08 < np.mean(~data.censored) < 0.1


def most_devices_vanish_in_batches(data):
    last = data.time[data.edges[1:] - 1][data.censored]
    _, counts = np.unique(last, return_counts=True)
    return np.sort(counts)[-10:].sum() > 0.55 * len(last)


def the_last_record_finds_the_failures(data):
    last = np.isin(np.arange(len(data.X)), data.edges[1:] - 1)
    return last[failures(data)].mean() > 0.85 and failures(data)[last].mean() < 0.1


def two_columns_are_one(data):
    return (data.X["attribute7"] == data.X["attribute8"]).all()


def rows_are_not_days(data):
    steps = np.delete(np.diff(data.cycle), data.edges[1:-1] - 1)
    return 100 < np.sum(steps > 1) < 400 and steps[steps > 1].mean() > 15


def counters_hardly_ever_fall(data):
    inside = np.delete(np.diff(data.X.to_numpy(), axis=0), data.edges[1:-1] - 1, axis=0)
    return (inside[:, 1:] >= 0).mean() > 0.999


def a_scale_from_the_whole_life_gives_the_end_away(data):
    X, unit = data.X["attribute6"], data.unit
    own = X.groupby(unit)
    span = (own.transform("max") - own.transform("min")).replace(0, np.inf)
    y = failures(data).astype(int)
    return auc(X.to_numpy(), y) < 0.6 and auc(((X - own.transform("min")) / span).to_numpy(), y) > 0.9


def near(table, _):
    assert table.drop(index="label").drop(columns="AUC alone")[["25 %", "50 %", "75 %"]].abs().max().max() < 0.5
    assert table["share of zeros"].abs().max() < 0.1 and table.loc["label", ["mean", "sd", "50 %"]].abs().max() < 0.3


FACTS = contract.Facts(
    name=NAME,
    small=small,
    holds=holds,
    traps=(
        failures_are_rare,
        most_devices_vanish_in_batches,
        the_last_record_finds_the_failures,
        two_columns_are_one,
        rows_are_not_days,
        counters_hardly_ever_fall,
        a_scale_from_the_whole_life_gives_the_end_away,
    ),
    parsed="1:b7b99a62cc4b6d9e3691bceefdfc8c5dd02a3dd60607bd9e8e0e9148cf04f4e4",
    near=near,
    named=False,
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
    ("row", "old", "new", "message"),
    [
        (2, "2015-01-02", "2015-02-30", "line 4: date is '2015-02-30'; allowed is a date such as 2015-01-31"),
        (2, "2015-01-02", "2014-12-31", "line 4: date is '2014-12-31'; allowed is that of the line before, or a later one"),
        (1, "Z1F0QLC1", "S1F01085", "line 3: device is '\"S1F01085\"'; allowed is one whose name comes after"),
        (1, "Z1F0QLC1", "A1F0QLC1", "line 3: device is '\"A1F0QLC1\"'; allowed is one whose name comes after"),
        (1, "Z1F0QLC1", "Z1F0QL", "line 3: device is '\"Z1F0QL\"'; allowed is a name such as S1F01085"),
        (4, '"S1F01085",0', '"S1F01085",1', "line 6: failure is '1'; allowed is 0 of a device that has failed once"),
        (4, ",24,", ",24.5,", "line 6: attribute1 is '24.5'; allowed is a whole number"),
        (4, ",24,", ",", "line 6: 11 fields; allowed are 12"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, row, old, new, message):
    rows = [*ROWS]
    assert rows[row].count(old) == 1
    rows[row] = rows[row].replace(old, new)
    error, _ = contract.refused(FACTS, folder, small(rows))
    assert f"{FILE}, {message}" in error[2]


def test_only_the_known_copy_is_left_out(folder):
    _, data = contract.refused(FACTS, folder, small([*ROWS, COPY, COPY]))
    holds(data, small([*ROWS, COPY, COPY]))
    assert len(data.X) == 6
    for rows in ([*ROWS, COPY, COPY.replace(",8,", ",9,")], [*ROWS[:1], *ROWS], [*ROWS, *[COPY.replace("-10", "-11")] * 2]):
        error, _ = contract.refused(FACTS, folder, small(rows))
        assert "device is" in error[2]


def test_the_broken_name_stays_a_device_of_its_own(folder):
    rows = [*ROWS, ROWS[4].replace("S1F01085", "W1F1DA55"), ROWS[4].replace("S1F01085", "W1F1DA5\xff")]
    raw = small(rows)[FILE].decode().encode("latin-1")
    _, data = contract.refused(FACTS, folder, {FILE: raw})
    assert data.groups.tolist() == ["S1F01085", "W1F1DA55", "W1F1DA5\xff", "Z1F0QLC1"]
    error, _ = contract.refused(FACTS, folder, {FILE: raw.replace(b"W1F1DA5\xff", b"W1F1DA6\xff")})
    assert "line 8: device is" in error[2] and "or the broken one" in error[2]


def test_the_other_form_is_read_to_the_same(folder):
    """Columns called metric, dates with slashes, the broken name in UTF-8, CRLF."""
    lines = [HEADER.replace("attribute", "metric").replace('"', "")]
    for row in [*ROWS, ROWS[4].replace("S1F01085", "W1F1DA5\xff")]:
        date, _, rest = row.replace('"', "").partition(",")
        year, month, day = map(int, date.split("-"))
        lines.append(f"{month}/{day}/{year % 100},{rest}")
    other = ("\r\n".join(lines) + "\r\n").encode()
    _, one = contract.refused(FACTS, folder, {FILE: other})
    (folder / FILE).unlink()
    raw = small([*ROWS, ROWS[4].replace("S1F01085", "W1F1DA5\xff")])[FILE].decode().encode("latin-1")
    _, two = contract.refused(FACTS, folder, {FILE: raw})
    assert contract.digest(one) == contract.digest(two)
    error, _ = contract.refused(FACTS, folder, {FILE: other.replace(b"1/5/15", b"13/5/15")})
    assert "date is '13/5/15'; allowed is a date such as 1/31/15" in error[2]


@pytest.mark.needs_data(NAME)
def test_facts_of_the_fleet(official):
    data = official(NAME)
    assert (len(data), len(data.X), int((~data.censored).sum())) == (1169, 124_494 - 1, 106)
    lengths = np.diff(data.edges)
    assert (lengths.min(), np.median(lengths), lengths.max()) == (1, 84, 304)
    assert (str(data.time.min()), str(data.time.max())) == ("2015-01-01", "2015-11-02") and len(np.unique(data.time)) == 304
    goes_on = ~data.censored & (data.cycle[data.edges[1:] - 1] > data.life)
    assert data.groups[goes_on].tolist() == ["S1F0GPFZ", "S1F136J0", "W1F0KCP2", "W1F0M35B", "W1F11ZG9"]
    assert np.sum(data.remaining < 0) == 47
    assert lengths[data.groups == "W1F1DA5\xff"].tolist() == [1] and lengths[data.groups == "W1F1DA55"] > 1


@pytest.mark.needs_data(NAME)
def test_the_file_called_predictive_maintenance_holds_the_same(official, monkeypatch):
    monkeypatch.setattr(datasets.loading, "keep", lambda *_: None)
    known = {one.what[:22]: one.sha256 for one in base.entry(NAME).variants}["predictive_maintenance"]
    try:
        other = datasets.load(NAME, accept=known)
    except datasets.DatasetError as error:
        pytest.skip(f"needs predictive_maintenance.csv: {error}")
    assert contract.digest(other) == contract.digest(official(NAME)) and other.fingerprint == known

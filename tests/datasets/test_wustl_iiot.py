"""WUSTL-IIoT-2021: the loader's rules, facts of the first 999 rows and of the whole file, traps, and the twin's."""

import csv
import hashlib
import io
import ipaddress
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import contract
import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from qhelpers import datasets
from qhelpers.datasets import wustl_iiot, wustl_iiot_twin
from qhelpers.datasets.files import Found
from qhelpers.datasets.tables import read_table
from qhelpers.datasets.wustl_iiot import COLUMNS, FEATURES, LEAKS, address_number
from qhelpers.datasets.wustl_iiot_fit import fit

FULL, SAMPLE = "wustl_iiot", "wustl_iiot_999"
HEADER = ",".join([*COLUMNS, "Traffic", "Target"])

# An invented exchange of ten packets with eight.
EXCHANGE = {
    "StartTime": "2019-08-19 12:00:00",
    "LastTime": "2019-08-19 12:00:01",
    "SrcAddr": "192.168.0.20",
    "DstAddr": "192.168.0.2",
    **dict.fromkeys(COLUMNS[4:], "7"),
    "Dur": "0.05",
    "SrcLoad": "87000.5",
    "pLoss": "1.25e1",
    "Traffic": "normal",
    "Target": "0",
}


def line(**changed):
    return ",".join((EXCHANGE | changed).values())


LINES = [
    line(),
    line(SrcAddr="01:80:c2:00:00:0e", DstAddr="fe80::9bc:3b2b:78d3:855c", Traffic="DoS", Target="1"),
    line(SrcAddr="0", IdleTime="0", Dur="429016.6"),
    line(StartTime="2019-08-19 13:10:00", LastTime="2019-08-19 13:10:00", Traffic="Backdoor", Target="1"),
]


def file(lines, ending="\n", mark="", header=HEADER):
    return (mark + ending.join([header, *lines]) + ending).encode()


def clock(text):
    form = "%m/%d/%Y %H:%M" if "/" in text else "%Y-%m-%d %H:%M:%S"
    return datetime.strptime(text + ":00" if text.count(":") == 1 and "-" in text else text, form)


def address(text):
    if text.isdigit():
        return int(text)
    if text.count(":") == 5 and "::" not in text and len(text) == 17:
        return int(text.replace(":", ""), 16)
    return int(ipaddress.ip_address(text)) & 0xFFFF_FFFF_FFFF


def holds(data, content):
    """All columns, read as simply as can be."""
    (raw,) = content.values()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert data.time.tolist() == [clock(row["StartTime"]) for row in rows]
    for name in COLUMNS:
        read = float
        if name in ("StartTime", "LastTime"):
            read = lambda text: clock(text).replace(tzinfo=UTC).timestamp()  # noqa: E731
        elif name in ("SrcAddr", "DstAddr"):
            read = address
        assert data.X[name].tolist() == [read(row[name]) for row in rows], name
    assert data.family.tolist() == [row["Traffic"] for row in rows]
    assert data.y.tolist() == [int(row["Target"]) for row in rows]


# --- what the contract asks for ----------------------------------------------------------------------------------


def spearman(a, b):
    return np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1]


def the_idle_time_is_a_clock(data):
    set_ = data.X[data.X["IdleTime"] > 0]
    return spearman(set_["IdleTime"], set_["StartTime"]) > 0.9999 and (set_["IdleTime"] % 128 == 0).all()


def rows_are_shuffled(data):
    return abs(spearman(np.arange(len(data)), data.X["StartTime"])) < 0.1


def the_sender_tells_the_class(data):
    return not set(data.X["SrcAddr"][data.y == 0]) & set(data.X["SrcAddr"][data.y == 1])


def attacks_are_what_nobody_answered(data):
    return np.mean((data.X["dTtl"] == 0) == data.y) > 0.96


def most_rows_are_one_exchange(data):
    exchange = ["SrcPkts", "DstPkts", "SrcBytes", "DstBytes", "Dport", "sTtl", "dTtl", "pLoss"]
    return data.X.groupby(exchange).size().max() > 0.7 * len(data)


def floods_are_one_block_of_time(data):
    when = data.X["StartTime"][data.family == "DoS"] % 86_400
    return when.min() > 12.2 * 3600 and when.max() < 13.2 * 3600


def the_late_rows_hold_no_attack(data):
    late = np.argsort(data.time, kind="stable")[-int(0.29 * len(data)) :]
    return not data.y[late].any()


def columns_repeat_one_another(data):
    X = data.X
    same = all((X["Sum"] == X[name]).all() for name in ("Min", "Max", "RunTime"))
    sums = X["TotPkts"] == X["SrcPkts"] + X["DstPkts"]
    return same and sums.mean() > 0.999


def accuracy_says_little(data):
    return 0.9 < np.mean(data.y == 0) < 0.95


TRAPS = (
    the_idle_time_is_a_clock,
    rows_are_shuffled,
    the_sender_tells_the_class,
    attacks_are_what_nobody_answered,
    most_rows_are_one_exchange,
    floods_are_one_block_of_time,
    the_late_rows_hold_no_attack,
    columns_repeat_one_another,
    accuracy_says_little,
)


def near(table, _):
    assert table[["25 %", "75 %"]].drop(index=["DstJitter", "SrcJitter"]).abs().max().max() < 0.2  # of a standard deviation
    assert table["share of zeros"].abs().max() < 0.03 and table["AUC alone"].abs().max() < 0.25
    assert table.loc["label", "mean"] < 0.1


FACTS_999 = contract.Facts(
    name=SAMPLE,
    small=lambda: {"wustl_iiot_2021_first999.csv": file(LINES)},
    holds=holds,
    traps=TRAPS,
    parsed="1:5565fb9f86d18d983c4287f7e612c0ad85aeba3435e5af7895688e2d5fbf008a",
    near=near,
)
FACTS = replace(FACTS_999, name=FULL, small=lambda: {"wustl_iiot_2021.csv": file(LINES)}, parsed="", near=None)


class TestTwin999(contract.Twin):
    facts = FACTS_999

    def test_it_can_be_compared(self, records):
        """A hundred flows are too few: some columns are constant then, as two are in the genuine 999."""
        one, other = (self.load(n=5000, seed=seed) for seed in (0, 1))
        assert np.isfinite(datasets.compare(one, other)["difference"].unstack("statistic")["mean"]).drop(["sDSb", "sTos"]).all()
        recorded, twin = datasets.recorded_summary(records, SAMPLE), datasets.summary(one)
        assert list(recorded.columns) == list(twin.columns) and list(recorded.index) == list(twin.index)


class TestFiles999(contract.Files):
    facts = FACTS_999


@pytest.mark.needs_data(SAMPLE)
class TestOfficial999(contract.Official):
    facts = FACTS_999

    def test_twin_and_real_have_one_schema(self, real):
        contract.well_formed(real, 999)
        twin = datasets.load(SAMPLE, source="twin")
        one, other = dict(contract.arrays(real)), dict(contract.arrays(twin))
        assert {name: value.dtype for name, value in one.items()} == {name: value.dtype for name, value in other.items()}
        assert set(real.groups) == set(twin.groups)


class TestFiles(contract.Files):
    facts = FACTS


@pytest.mark.slow
class TestTwin(contract.Twin):
    facts = FACTS

    def test_it_can_be_compared(self):
        """What is known of the whole file is what others published: `test_the_whole_twin_is_near_what_was_published`."""


@pytest.mark.slow
@pytest.mark.needs_data(FULL)
class TestOfficial(contract.Official):
    facts = FACTS
    test_the_recorded_summary_is_what_they_give = None  # the whole file was not to be had

    def test_they_are_parsed_to_what_they_were(self, real):
        table = wustl_iiot_twin.beside_published(real.X)
        np.testing.assert_allclose(table["here"], table["published"], rtol=1e-5)
        counts = pd.Series(real.family).value_counts().to_dict()
        assert counts == {"normal": 1_107_448, "DoS": 78_305, "Reconn": 8240, "CommInj": 259, "Backdoor": 212}


# --- the loader's rules ------------------------------------------------------------------------------------------


def refused(folder, raw):
    error, _ = contract.refused(FACTS, folder, {"wustl_iiot_2021.csv": raw})
    return error[2]


def test_columns_by_what_they_give_away():
    assert len(COLUMNS) == 47 and len(FEATURES) == 40 and not set(FEATURES) & set(LEAKS)
    assert set(COLUMNS) == {*FEATURES, *LEAKS} and set(wustl_iiot.CLOCKS) | set(wustl_iiot.ADDRESSES) <= set(LEAKS)


def test_saved_by_a_spreadsheet(folder):
    """A byte order mark, CRLF, times cut to the minute."""
    rows = [line(StartTime="8/19/2019 9:05", LastTime="8/19/2019 9:06"), line(Traffic="DoS", Target="1")]
    rows[1] = rows[1].replace("2019-08-19 12:00:00", "8/19/2019 12:00").replace("2019-08-19 12:00:01", "8/19/2019 12:00")
    content = {"wustl_iiot_2021.csv": file(rows, "\r\n", "\ufeff")}
    error, data = contract.refused(FACTS, folder, content)
    assert error is None
    holds(data, content)
    assert data.groups.tolist() == ["09:00", "12:00"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Traffic": "Botnet"}, "Traffic is 'Botnet'; allowed is normal, DoS, Reconn, CommInj or Backdoor"),
        ({"Target": "1"}, "Target is '1'; allowed is 0 where Traffic is normal, and 1 elsewhere"),
        ({"StartTime": "2019-08-32 12:00:00"}, "StartTime is '2019-08-32 12:00:00'; allowed is a time such as"),
        ({"LastTime": "8/19/2019 25:00"}, "LastTime is '8/19/2019 25:00'; allowed is a time such as"),
        ({"SrcAddr": "192.168.0.300"}, "SrcAddr is '192.168.0.300'; allowed is an IPv4, IPv6 or MAC address"),
        ({"Dur": "inf"}, "Dur is 'inf'; allowed is a finite number"),
        ({"Dur": "-0.5"}, "Dur is '-0.5'; allowed is a number of at least 0"),
        ({"SrcPkts": "2.5"}, "SrcPkts is '2.5'; allowed is a whole number"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, changed, message):
    assert f"wustl_iiot_2021.csv, line 3: {message}" in refused(folder, file([line(), line(**changed)]))


def test_columns_in_another_order(folder):
    names, values = list(EXCHANGE), list(EXCHANGE.values())
    names.append(names.pop(names.index("IdleTime")))
    text = refused(folder, file([",".join([*values[:30], *values[31:], values[30]])], header=",".join(names)))
    assert "line 1: the header is" in text and "Its columns stand in another order" in text


def test_what_a_spreadsheet_cut_is_refused(folder):
    """Asked for or not, before a row is parsed."""
    raw = file([line()] * ((1 << 20) - 1))
    text = refused(folder, raw)
    assert "line 1048576: it is the last one, and 1,048,576 is the most that a spreadsheet holds" in text
    with pytest.raises(datasets.DatasetError, match=r"cannot be read in the place of the official one: line 1048576: .*was cut"):
        datasets.load(FULL)
    for lines in ((1 << 20) - 1, (1 << 20) + 2):
        found = Found(folder / "wustl_iiot_2021.csv", None, "0" * 64, 0, lines)
        with pytest.raises(datasets.DatasetError, match="changed while it was read"):
            next(read_table(found, wustl_iiot._TABLE))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"192.168.0.20", 3_232_235_540.0),
        (b"01:80:c2:00:00:0e", 1_652_522_221_582.0),
        (b"fe80::9bc:3b2b:78d3:855c", 0x3B2B_78D3_855C),
        (b"0", 0.0),
    ],
)
def test_addresses_as_numbers(text, number):
    assert address_number(text) == number < 2**48
    for wrong in (text + b":", b":" + text, text + b".1"):
        with pytest.raises(ValueError, match="address"):
            address_number(wrong)


# --- the genuine rows --------------------------------------------------------------------------------------------


@pytest.mark.needs_data(SAMPLE)
def test_facts_of_the_sample(official):
    data = official(SAMPLE)
    assert pd.Series(data.family).value_counts().to_dict() == {"normal": 924, "DoS": 70, "Reconn": 5}
    assert (data.X["Dport"][data.y == 0] == 502).sum() == 909
    assert not data.X.duplicated().any()
    stump = data.X["sTtl"] >= 129
    assert (stump & (data.y == 1)).sum() == 63 and not (stump & (data.y == 0)).any()


@pytest.mark.needs_data(SAMPLE)
def test_idle_time_inside_the_flood_alone_finds_all_of_it(official):
    """92 rows lie in its range of IdleTime, 70 of them DoS, none of it missed; a tree sees it at once."""
    data = official(SAMPLE)
    idle, flood = data.X["IdleTime"], data.family == "DoS"
    assert idle.between(idle[flood].min(), idle[flood].max()).sum() == 92
    assert DecisionTreeClassifier(max_depth=2).fit(data.X[["IdleTime"]], flood).score(data.X[["IdleTime"]], flood) > 0.97


@pytest.mark.needs_data(SAMPLE)
def test_the_edition_of_excel_differs_by_rounding_and_seconds(official, folder):
    data = official(SAMPLE)
    lines = []
    for row in data.X.itertuples():
        begun, ended = (f"{pd.Timestamp(one, unit='s'):%-m/%-d/%Y %-H:%M}" for one in (row.StartTime, row.LastTime))
        numbers = [str(ipaddress.ip_address(int(row.SrcAddr))) if row.SrcAddr < 2**32 else "0", "0"]
        rest = [
            f"{value:.10g}" if name in wustl_iiot._DECIMAL else f"{value:.0f}"
            for name, value in zip(COLUMNS[4:], row[5:], strict=True)
        ]
        lines.append(",".join([begun, ended, *numbers, *rest, data.family[row.Index], str(data.y[row.Index])]))
    error, again = contract.refused(FACTS_999, folder, {"wustl_iiot_2021_first999.csv": file(lines, "\r\n", "\ufeff")})
    assert error is None
    assert (data.time.astype("datetime64[m]") == again.time).all()
    np.testing.assert_allclose(again.X[list(FEATURES)], data.X[list(FEATURES)], rtol=1e-9)


# --- the twin ----------------------------------------------------------------------------------------------------


TENTH = 119_446


@pytest.fixture(scope="module")
def tenth():
    return datasets.load(FULL, source="twin", n=TENTH)


def test_a_tenth_of_the_twin_is_near_what_was_published(tenth):
    """Quartiles and means are near; what is not is told on the page by this table."""
    table = wustl_iiot_twin.beside_published(tenth.X)
    assert table.shape == (43, 16)
    assert table["difference", "mean"].abs().max() < 0.1
    quartiles = ["25 %", "50 %", "75 %"]
    apart = (table["here"][quartiles] - table["published"][quartiles]).abs()
    assert (apart.max(axis=1) < 0.2 * table["published"]["sd"]).all()
    assert (table["here"]["max"] <= table["published"]["max"] * (1 + 1e-6)).all()


@pytest.mark.parametrize(("n", "share"), [(TENTH, 10), pytest.param(1_194_464, 1, marks=pytest.mark.slow)])
def test_counts_and_the_order_of_families_are_the_official_ones(tenth, n, share):
    start = time.perf_counter()
    data = tenth if n == TENTH else datasets.load(FULL, source="twin")
    assert time.perf_counter() - start < 60
    counts = pd.Series(data.family).value_counts()
    official = pd.Series({"normal": 1_107_448, "DoS": 78_305, "Reconn": 8240, "CommInj": 259, "Backdoor": 212})
    assert (counts - official / share).abs().max() < 1 and counts.sum() == n
    assert (data.X["SrcAddr"] == 0).sum() == round(423 / share)
    family = data.family[np.argsort(data.X["StartTime"], kind="stable")]
    known = {"Reconn": (223_774, 304_165), "DoS": (462_214, 569_850)}
    known |= {"CommInj": (660_454, 725_261), "Backdoor": (763_580, 839_171)}
    for name, where in known.items():  # of a small family a tenth may leave out its first and last rows
        edges, near = np.flatnonzero(family == name)[[0, -1]], n * (0.02 if counts[name] < 100 else 0.001)
        np.testing.assert_allclose(edges, np.array(where) / share, atol=near)
    first, last = np.flatnonzero(family == "DoS")[[0, -1]]
    assert 0.71 < np.mean(family[first:last] == "DoS") < 0.75


def test_sums_and_repeats(tenth):
    X = tenth.X[tenth.X["SrcAddr"] > 0]
    assert all((X["Sum"] == X[name]).all() for name in ("Min", "Max", "RunTime", "Dur"))
    for total, one, other in (("TotPkts", "SrcPkts", "DstPkts"), ("Loss", "SrcLoss", "DstLoss")):
        assert (X[total] == X[one] + X[other]).mean() > 0.9999
    assert (X["TotPkts"] > 0).all()
    X = X[(X["TotPkts"] < 1000) & (X["Loss"] < 10)]
    np.testing.assert_allclose(X["pLoss"], 100 * X["Loss"] / (X["TotPkts"] + X["Loss"]), atol=1e-5)
    X = X[X["Load"] < 5e8]  # above, loads are cut off at the published largest
    np.testing.assert_allclose(X["Load"], X["SrcLoad"] + X["DstLoad"], rtol=1e-6)


def test_invented_families_are_named_and_nothing_else_is_missing():
    assert wustl_iiot_twin.INVENTED == ("CommInj", "Backdoor")
    sample = datasets.load(SAMPLE, source="twin", n=2000)
    known = wustl_iiot_twin.fitted()
    with pytest.raises(ValueError, match="no rows of DoS; each family but CommInj and Backdoor needs one"):
        fit(sample.X[sample.family != "DoS"], sample.family[sample.family != "DoS"], known)


@pytest.mark.needs_data(SAMPLE)
def test_what_the_twin_is_drawn_from_is_what_is_fitted(official):
    data = official(SAMPLE)
    known = wustl_iiot_twin.fitted()
    again = json.loads(json.dumps(fit(data.X, data.family, known)))
    assert {name: value for name, value in again.items() if name != "kinds"}.keys() == known.keys() - {"kinds"}
    assert again == known


TIMED = """
import json, resource, sys, time
from dataclasses import replace
from qhelpers import datasets
from qhelpers.datasets import base
from qhelpers.datasets.base import OfficialFile
base._REGISTRY["wustl_iiot"] = replace(base.entry("wustl_iiot"), files=(OfficialFile(*json.loads(sys.argv[1])),), variants=())
start = time.process_time()
data = datasets.load("wustl_iiot")
first = time.process_time() - start
again = time.perf_counter()
datasets.load("wustl_iiot")
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([len(data), first, time.perf_counter() - again, used]))
"""


@pytest.mark.slow
def test_a_file_of_the_official_size_loads_in_twenty_seconds_and_two_gigabytes(folder):
    few = datasets.load(FULL, source="twin", n=20_000)
    X = few.X.drop(columns=list(COLUMNS[:4])).to_numpy().tolist()
    numbers = [f"{'{:.6f}' if name in wustl_iiot._DECIMAL else '{:.0f}'}" for name in COLUMNS[4:]]
    form = ",".join(["2019-08-19 12:00:00", "2019-08-19 12:00:01", "192.168.0.20", "192.168.0.2", *numbers, "{}", "{}"])
    lines = [form.format(*row, kind, y) for row, kind, y in zip(X, few.family, few.y, strict=True)]
    raw = file((lines * 60)[:1_194_464])
    assert len(raw) > 400_000_000
    (folder / "wustl_iiot_2021.csv").write_bytes(raw)
    meta = ["wustl_iiot_2021.csv", len(raw), hashlib.sha256(raw).hexdigest()]
    done = subprocess.run([sys.executable, "-c", TIMED, json.dumps(meta)], capture_output=True, text=True, check=True)
    rows, first, again, memory = json.loads(done.stdout)
    print(f"{len(raw) / 1e6:.0f} MB: {first:.1f} s of CPU, again {again:.2f} s, {memory / 1e9:.2f} GB")
    assert rows == 1_194_464 and first < 20 and again < 2 and memory < 2e9

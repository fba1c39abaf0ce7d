"""Occupancy: the loader's rules, the facts of the official files, their traps, and the twin's."""

import csv
import hashlib
import io
import re
from datetime import datetime

import contract
import numpy as np
import pandas as pd
import pytest
from faults import FAULTS
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from qhelpers import datasets
from qhelpers.datasets.comparison import auc
from qhelpers.datasets.files import find

PARTS = ("test1", "train", "test2")
HEADER = '"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"'
needs_data = pytest.mark.needs_data("occupancy")


def part(data, name):
    return data.X[data.official == name], data.y[data.official == name]


def light_rule(data, name, threshold=364.5):
    X, y = part(data, name)
    return np.mean((X["Light"] > threshold) == y)


def scores(model, data, columns=None):
    """Accuracy on test1 and test2 after fitting on train, and on a random 30 % of all rows."""
    X = data.X if columns is None else data.X[columns]
    train = data.official == "train"
    model.fit(X[train], data.y[train])
    official = [model.score(X[data.official == name], data.y[data.official == name]) for name in ("test1", "test2")]
    a, b, c, d = train_test_split(X, data.y, test_size=0.3, random_state=0, stratify=data.y)
    return [*official, model.fit(a, c).score(b, d)]


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def neighbour():
    return make_pipeline(StandardScaler(), KNeighborsClassifier(1))


def humidity_ratio(X):
    saturation = 611.2 * np.exp(17.62 * X["Temperature"] / (243.12 + X["Temperature"]))
    vapour = saturation * X["Humidity"] / 100
    return 0.622 * vapour / (101_325 - vapour)


# --- what the contract asks for ----------------------------------------------------------------------------------


def one_threshold_on_light_nearly_decides(data):
    return all(0.965 < light_rule(data, name) < 0.998 for name in PARTS)


def the_first_test_file_lies_before_training(data):
    return list(dict.fromkeys(data.official)) == list(PARTS) and (np.diff(data.time) > np.timedelta64(0, "s")).all()


def nobody_comes_at_the_weekend(data):
    weekend = np.is_busday(data.time.astype("datetime64[D]"), weekmask="Sat Sun")
    return weekend.any() and data.y[weekend].sum() == 0


def the_label_hardly_ever_changes(data):
    return 50 < np.abs(np.diff(data.y)).sum() < 200


def the_humidity_ratio_is_no_fifth_sensor(data):
    return np.abs(data.X["HumidityRatio"] / humidity_ratio(data.X) - 1).max() < 0.004


def a_random_split_hides_the_collapse_without_light(data):
    """At random nearly perfect, on the official parts far below, on the second one below the majority of 0.79."""
    test1, test2, random = scores(neighbour(), data, [column for column in data.X if column != "Light"])
    return random > 0.96 and test1 < 0.85 and test2 < 0.70


def small():
    """Small good files in the official forms, by name."""
    starts = {
        "datatest.txt": ("2015-02-02 23:57", 98),
        "datatraining.txt": ("2015-02-04 17:51", 1),
        "datatest2.txt": ("2015-02-11 14:48", 1),
    }
    files = {}
    for name, (start, first) in starts.items():
        quote = "" if name == "datatest2.txt" else '"'
        rows = [
            f'"{first + k}",{quote}{time}{quote},23.1{k},27.2,{400.5 * (k % 2)},{700 + k}.25,0.00479298817650{k},{k % 2}'
            for k, time in enumerate(pd.date_range(start, periods=5, freq="60s"))
        ]
        files[name] = ("\n".join([HEADER, *rows]) + "\n").encode()
    return files


def holds(data, content):
    """Rows of time, label and numbers, read as simply as can be."""
    rows = [row for raw in content.values() for row in list(csv.reader(io.StringIO(raw.decode(), newline="")))[1:]]
    assert data.time.tolist() == [datetime.strptime(row[-7], "%Y-%m-%d %H:%M:%S") for row in rows]
    assert data.y.tolist() == [int(row[-1]) for row in rows]
    np.testing.assert_array_equal(data.X.to_numpy(), np.array([row[-6:-1] for row in rows], float))


def near(table, real):
    quantiles = table[["mean", "sd", "5 %", "25 %", "50 %", "75 %", "95 %"]].drop(index="label")
    assert quantiles.abs().max().max() < 0.5  # of a standard deviation
    assert table.loc["label", "mean"] * real.y.std() == pytest.approx(0, abs=0.02)
    assert table["share of zeros"].abs().max() < 0.03
    assert table["lag-1 autocorrelation"].abs().max() < 0.02
    assert table["AUC alone"].abs().max() < 0.12


FACTS = contract.Facts(
    name="occupancy",
    small=small,
    holds=holds,
    traps=(
        one_threshold_on_light_nearly_decides,
        the_first_test_file_lies_before_training,
        nobody_comes_at_the_weekend,
        the_label_hardly_ever_changes,
        the_humidity_ratio_is_no_fifth_sensor,
        a_random_split_hides_the_collapse_without_light,
    ),
    parsed="1:8198a146253c679454de990d0d2fa748abedadcb8dc5fdb9f46d396d7ab6c4b5",
    near=near,
    unfit="overlap in time",
)


class TestTwin(contract.Twin):
    facts = FACTS


class TestFiles(contract.Files):
    facts = FACTS


@needs_data
class TestOfficial(contract.Official):
    facts = FACTS


# --- the loader's rules, on small files --------------------------------------------------------------------------


def test_accepted_files_are_joined_in_time_order(folder):
    hashes = contract.write(folder, small())
    with pytest.raises(datasets.DatasetError, match="unknown edition"):
        datasets.load("occupancy")
    data = datasets.load("occupancy", accept=hashes)
    assert data.official.tolist() == ["test1"] * 5 + ["train"] * 5 + ["test2"] * 5
    assert data.X.columns.tolist() == ["Temperature", "Humidity", "Light", "CO2", "HumidityRatio"]
    assert data.y.tolist() == [0, 1, 0, 1, 0] * 3
    assert data.time[5] == np.datetime64("2015-02-04T17:51:00")
    assert data.groups[5] == "2015-02-04"
    assert data.fingerprint == hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def test_one_accepted_file_is_not_enough(folder):
    hashes = contract.write(folder, small())
    with pytest.raises(datasets.DatasetError, match=r"datatraining.txt, datatest2.txt not found"):
        datasets.load("occupancy", accept=hashes[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"2015-02-04 17:53:00"', '"2015-02-04 17:51:30"', r"line 4: date is .* after the one in the line before"),
        ('"2015-02-04 17:53:00"', '"04/02/2015 17:53"', r"line 4: date is .* a time such as 2015-02-04 17:51:00"),
        (",702.25,", ",?,", r"line 4: CO2 is '\?'; allowed is a finite number"),
        (",702.25,", ",-1,", r"line 4: CO2 is '-1'; allowed is a number of at least 0"),
        ('6502,0\n"4"', '6502,2\n"4"', r"line 4: Occupancy is '2'; allowed is 0 or 1"),
        ('"3",', '"7",', r"line 4: row is '\"7\"'; allowed is the row number"),
        ('"3",', "", r"line 4: 7 fields; allowed are 8"),
        ("CO2", "CO", r"line 1: the header is"),
        ("2015-02-04 17:53:00", "2015-02-30 17:53:00", "line 4: date is .*2015-02-30 17:53:00.*; allowed is a time such as"),
        (",702.25,", ",1e400,", "line 4: CO2 is '1e400'; allowed is a finite number"),
        (",702.25,", ",702,25,", "line 4: 9 fields; allowed are 8"),
        ('"3",', '"3.0",', r"line 4: row is '\"3\.0\"'; allowed is a whole number"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, old, new, message):
    content = small()
    text = content["datatraining.txt"].decode()
    assert text.count(old) == 1
    error, _ = contract.refused(FACTS, folder, content | {"datatraining.txt": text.replace(old, new).encode()})
    assert re.search(r"datatraining\.txt, " + message, error[2])


def test_files_that_overlap_in_time_are_refused(folder):
    content = small()
    later = content["datatest2.txt"].replace(b"2015-02-11 14:", b"2015-02-04 17:")
    error, _ = contract.refused(FACTS, folder, content | {"datatest2.txt": later})
    assert "overlap in time" in error[2]


# --- the official files ------------------------------------------------------------------------------------------


@needs_data
def test_form_of_the_official_files(official_files):
    raw = official_files("occupancy")
    assert list(raw) == ["datatest.txt", "datatraining.txt", "datatest2.txt"]
    for content in raw.values():
        assert b"\r" not in content and content.endswith(b"\n") and content.isascii()
        rows = content.decode().splitlines()
        assert rows[0] == HEADER and rows[0].count(",") == 6
        assert {row.count(",") for row in rows[1:]} == {7}  # eight fields below seven names
    quoted = {name: content.decode().splitlines()[1].split(",")[1].startswith('"') for name, content in raw.items()}
    assert quoted == {"datatest.txt": True, "datatraining.txt": True, "datatest2.txt": False}
    number = {n: [int(line.split(",")[0].strip('"')) for line in c.decode().splitlines()[1:]] for n, c in raw.items()}
    assert {n: (v[0], v[-1]) for n, v in number.items()} == {
        "datatest.txt": (140, 2804),
        "datatraining.txt": (1, 8143),
        "datatest2.txt": (1, 9752),
    }


@needs_data
def test_rows_times_and_labels(official):
    data = official("occupancy")
    assert len(data) == 20_560 and data.y.sum() == 4_750
    expected = {
        "test1": (2_665, 972, "2015-02-02T14:19:00", "2015-02-04T10:43:00"),
        "train": (8_143, 1_729, "2015-02-04T17:51:00", "2015-02-10T09:33:00"),
        "test2": (9_752, 2_049, "2015-02-11T14:48:00", "2015-02-18T09:19:00"),
    }
    for name, (rows, occupied, first, last) in expected.items():
        inside = data.official == name
        assert (inside.sum(), data.y[inside].sum()) == (rows, occupied)
        assert (str(data.time[inside][0]), str(data.time[inside][-1])) == (first, last)


@needs_data
def test_a_reading_a_minute_and_the_first_test_file_before_training(official):
    data = official("occupancy")
    assert (np.diff(data.time) > np.timedelta64(0, "s")).all()
    assert list(dict.fromkeys(data.official)) == list(PARTS)
    for name in PARTS:
        steps = np.diff(data.time[data.official == name]).astype(int)
        assert set(steps) == {59, 60, 61}
        shares = [np.mean(steps == seconds) for seconds in (59, 60, 61)]
        assert shares == pytest.approx([0.2, 0.6, 0.2], abs=0.001)
    change = np.flatnonzero(data.official[1:] != data.official[:-1])
    holes = (data.time[change + 1] - data.time[change]).astype("timedelta64[m]").astype(int)
    assert holes.tolist() == [7 * 60 + 8, 29 * 60 + 15]


@needs_data
def test_duplicates_switches_weekends_and_nights(official):
    data = official("occupancy")
    table = data.X.assign(y=data.y, time=data.time)
    assert not table.duplicated().any() and not table["time"].duplicated().any()
    found = {}
    for name in PARTS:
        X, y = part(data, name)
        features = list(data.X.columns)
        both = X.assign(y=y)
        assert both.groupby(features)["y"].nunique().max() == 1  # never two labels for the same readings
        found[name] = (
            int(both.duplicated().sum()),
            int(np.abs(np.diff(y)).sum()),
            round(100 * float((X["Light"] == 0).mean()), 1),
        )
    assert found == {"test1": (82, 26, 60.6), "train": (867, 40, 63.4), "test2": (488, 48, 61.5)}
    weekend = np.is_busday(data.time.astype("datetime64[D]"), weekmask="Sat Sun")
    assert weekend.sum() == 4 * 1440 and data.y[weekend].sum() == 0


@needs_data
def test_one_threshold_on_light_nearly_decides(official):
    data = official("occupancy")
    wrong = {name: round((1 - light_rule(data, name)) * len(part(data, name)[1])) for name in PARTS}
    assert wrong == {"test1": 57, "train": 99, "test2": 67}
    rounded = {name: round(100 * float(light_rule(data, name)), 2) for name in PARTS}
    assert rounded == {"test1": 97.86, "train": 98.78, "test2": 99.31}
    at_300 = {name: round(100 * float(light_rule(data, name, 300)), 2) for name in PARTS}
    assert at_300 == {"test1": 97.90, "train": 97.11, "test2": 98.62}
    areas = {name: round(auc(part(data, name)[0]["Light"].to_numpy(), part(data, name)[1]), 4) for name in PARTS}
    assert areas == {"test1": 0.9903, "train": 0.9904, "test2": 0.9963}
    majority = {name: round(100 * float(1 - part(data, name)[1].mean()), 2) for name in PARTS}
    assert majority == {"test1": 63.53, "train": 78.77, "test2": 78.99}
    X, y = part(data, "train")
    stump = DecisionTreeClassifier(max_depth=1).fit(X[["Light"]], y)
    assert stump.tree_.threshold[0] == pytest.approx(364.5, abs=1)


@needs_data
def test_the_clock_alone_knows_a_lot(official):
    data = official("occupancy")
    hour = (data.time - data.time.astype("datetime64[D]")).astype(int) // 3600
    weekend = np.is_busday(data.time.astype("datetime64[D]"), weekmask="Sat Sun").astype(int)
    found = []
    for key in (hour, 2 * hour + weekend):
        train = pd.Series(data.y[data.official == "train"]).groupby(key[data.official == "train"]).mean() > 0.5
        guess = pd.Series(key).map(train).fillna(False).to_numpy().astype(int)
        found.append(
            [round(100 * float((guess == data.y)[data.official == name].mean()), 1) for name in ("train", "test1", "test2")]
        )
    assert found == [[84.2, 91.4, 84.9], [96.7, 95.1, 92.9]]


@needs_data
def test_single_features(official):
    data = official("occupancy")
    X, y = part(data, "train")
    found = {}
    for column in ("Temperature", "CO2", "Humidity"):
        stump = DecisionTreeClassifier(max_depth=1).fit(X[[column]], y)
        found[column] = [round(100 * stump.score(part(data, n)[0][[column]], part(data, n)[1]), 1) for n in ("test1", "test2")]
    assert found == {"Temperature": [84.0, 86.3], "CO2": [84.9, 58.7], "Humidity": [63.5, 62.3]}


@needs_data
def test_a_random_split_hides_the_collapse_without_light(official):
    data = official("occupancy")
    blind = [column for column in data.X if column != "Light"]
    assert scores(logistic(), data) == pytest.approx([0.977, 0.985, 0.988], abs=0.002)
    assert scores(neighbour(), data) == pytest.approx([0.898, 0.933, 0.993], abs=0.002)
    assert scores(logistic(), data, blind) == pytest.approx([0.882, 0.763, 0.821], abs=0.006)
    assert scores(neighbour(), data, blind) == pytest.approx([0.733, 0.508, 0.983], abs=0.004)


@needs_data
@pytest.mark.slow
def test_a_random_split_hides_the_collapse_of_a_forest_too(official):
    data = official("occupancy")
    forest = RandomForestClassifier(50, random_state=0)
    assert scores(forest, data) == pytest.approx([0.949, 0.973, 0.993], abs=0.04)
    blind = [column for column in data.X if column != "Light"]
    assert scores(forest, data, blind) == pytest.approx([0.685, 0.334, 0.984], abs=0.04)


@needs_data
def test_line_ends_and_the_pooled_file_are_known_by_name(official, official_files, folder):
    real = official("occupancy")
    hashes = []
    for name, content in official_files("occupancy").items():
        changed = content.replace(b"\n", b"\r\n")
        (folder / name).write_bytes(changed)
        hashes.append(hashlib.sha256(changed).hexdigest())
    with pytest.raises(datasets.DatasetError, match=r"known variant: datatest2\.txt: the same values with CRLF line ends"):
        datasets.load("occupancy")
    data = datasets.load("occupancy", accept=hashes)
    assert data.X.equals(real.X) and (data.official == real.official).all()
    assert data.fingerprint != real.fingerprint


@needs_data
def test_the_pooled_file_holds_the_same_rows(official):
    real = official("occupancy")
    variants = [variant for variant in datasets.entry("occupancy").variants if variant.instead_of_all]
    accepted = frozenset({variants[0].sha256})
    try:
        find(datasets.entry("occupancy"), accepted)
    except datasets.DatasetError as error:
        pytest.skip(f"the pooled Occupancy.csv is not at hand: {error}")
    pooled = datasets.load("occupancy", accept=variants[0].sha256)
    assert pooled.official is None
    assert (pooled.time == real.time).all() and (pooled.y == real.y).all()
    assert np.abs(pooled.X - real.X).to_numpy().max() < 1e-15
    assert pooled.fingerprint == variants[0].sha256


@needs_data
@pytest.mark.parametrize("rounds", [4, pytest.param(250, marks=pytest.mark.slow)])
def test_the_pooled_file_with_one_fault(official_files, folder, rounds):
    """The pooled file has no name of an official one: changed, it is not even to be accepted."""
    parts = official_files("occupancy")
    lines = [raw.decode().splitlines()[1:] for raw in parts.values()]
    rng = np.random.default_rng(rounds)
    raw = ("a,b\n" + "\n".join(",".join(line.split(",")[1:]) for part in lines for line in part) + "\n").encode()
    pooled = next(variant.sha256 for variant in datasets.entry("occupancy").variants if variant.instead_of_all)
    assert hashlib.sha256(raw).hexdigest() != pooled
    for _ in range(rounds):
        kind = sorted(FAULTS)[rng.integers(len(FAULTS))]
        fault = FAULTS[kind](raw, rng.random(), rng.bytes(2), int(rng.integers(1, 12)))
        (folder / "Occupancy.csv").write_bytes(fault)
        for accept in (None, pooled, hashlib.sha256(fault).hexdigest()):
            with pytest.raises(datasets.DatasetError, match=r"not found|no file with this content"):
                datasets.load("occupancy", accept=accept)


@needs_data
def test_official_files_under_each_others_names(official, official_files, folder):
    """Content decides: with swapped names they load as before."""
    raw = official_files("occupancy")
    contract.write(folder, dict(zip(raw, [*list(raw.values())[1:], next(iter(raw.values()))], strict=True)))
    assert contract.digest(datasets.load("occupancy")) == contract.digest(official("occupancy"))


def test_both_outcomes_occur(folder):
    """A changed digit cannot be noticed in an accepted file; a changed form is."""
    content, name = small(), "datatest2.txt"
    for new, ended in ((b"27.3", "loaded"), (b"27.3_0", "refused")):
        fault = content[name].replace(b"27.2", new, 1)
        assert contract.outcome(FACTS, folder, content, name, fault) == ended


# --- the twin ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[0, 1, 2])
def twin(request):
    return datasets.load("occupancy", source="twin", seed=request.param)


def test_twin_has_the_official_files_and_holes(twin):
    assert [int((twin.official == name).sum()) for name in PARTS] == [2_665, 8_143, 9_752]
    assert [str(twin.time[twin.official == name][0]) for name in PARTS] == [
        "2015-02-02T14:19:00",
        "2015-02-04T17:51:00",
        "2015-02-11T14:48:00",
    ]
    assert (np.diff(twin.time) > np.timedelta64(0, "s")).all()
    steps = np.diff(twin.time[twin.official == "train"]).astype(int)
    assert [np.mean(steps == seconds) for seconds in (59, 60, 61)] == pytest.approx([0.2, 0.6, 0.2], abs=0.001)


def test_twin_keeps_people_and_light(twin):
    assert 0.2 < twin.y.mean() < 0.26
    hour = (twin.time - twin.time.astype("datetime64[D]")).astype(int) / 3600
    night = (hour < 7) | (hour > 18.5)
    assert (twin.X["Light"][night] == 0).all() and twin.y[night].sum() == 0
    assert (twin.X["Light"] == 0).mean() == pytest.approx(0.62, abs=0.03)
    for name in PARTS:
        assert auc(part(twin, name)[0]["Light"].to_numpy(), part(twin, name)[1]) > 0.97


def test_twin_is_easy_for_a_line_with_light(twin):
    assert min(scores(logistic(), twin)) > 0.9


def test_twin_hides_the_collapse_of_a_forest_too():
    twin = datasets.load("occupancy", source="twin", seed=0)
    blind = [column for column in twin.X if column != "Light"]
    test1, test2, random = scores(RandomForestClassifier(10, random_state=0), twin, blind)
    assert random > 0.96 and test1 < 0.85 and test2 < 0.70


def test_the_humidity_ratio_of_the_twin_is_computed(twin):
    assert np.abs(twin.X["HumidityRatio"] / humidity_ratio(twin.X) - 1).max() < 1e-9


@pytest.mark.parametrize("n", [100, 3_000, 60_000])
def test_twin_of_another_size_keeps_balance_and_order(n):
    data = datasets.load("occupancy", source="twin", n=n)
    assert (np.diff(data.time) > np.timedelta64(0, "s")).all()
    assert list(dict.fromkeys(data.official)) == list(PARTS)
    assert (data.official == "train").mean() == pytest.approx(8_143 / 20_560, abs=0.01)
    assert 0.15 < data.y.mean() < 0.32

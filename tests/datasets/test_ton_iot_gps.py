"""TON_IoT GPS tracker: the loader's rules, the facts of both official editions, their traps, and the twin's."""

import csv
import hashlib
import io
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import contract
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from qhelpers import datasets

FULL, SMALL = "ton_iot_gps", "ton_iot_gps_38960"
BOTH = pytest.mark.parametrize("name", [FULL, SMALL])
NAMES = {FULL: "Train_Test_IoT_GPS_Tracker.csv", SMALL: "Train_Test_IoT_GPS_Tracker_38960.csv"}
ATTACKS = {"backdoor": 5000, "ddos": 5000, "injection": 5000, "password": 5000, "ransomware": 2833, "xss": 577, "scanning": 550}
needs_data = pytest.mark.needs_data(FULL, SMALL)


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression())


def neighbour():
    return make_pipeline(StandardScaler(), KNeighborsClassifier(1))


def forest():
    return RandomForestClassifier(8, random_state=0)


def tree():
    return DecisionTreeClassifier(max_depth=8, random_state=0)


def stump(data):
    found = DecisionTreeClassifier(max_depth=1).fit(data.X[["latitude"]], data.y)
    return found.tree_.threshold[0], found.score(data.X[["latitude"]], data.y)


def by_random_split(model, data):
    a, b, c, d = train_test_split(data.X.to_numpy(), data.y, test_size=0.3, random_state=0, stratify=data.y)
    return model.fit(a, c).score(b, d)


def by_left_out(model, data, part):
    """Accuracy over all rows when each part in turn is left out of training."""
    X, right = data.X.to_numpy(), 0
    for one in np.unique(part):
        test = part == one
        right += model.fit(X[~test], data.y[~test]).score(X[test], data.y[test]) * test.sum()
    return right / len(data)


def blocks(data, count=10):
    place = np.empty(len(data), int)
    place[np.argsort(data.time, kind="stable")] = np.arange(len(data)) * count // len(data)
    return place


def days(data):
    return data.time.astype("datetime64[D]").astype(int)


def forward(model, data):
    """Within each type the first 70 % of time for training, the rest for testing."""
    order = np.argsort(data.time, kind="stable")
    test = np.zeros(len(data), bool)
    for kind in np.unique(data.family):
        rows = order[data.family[order] == kind]
        test[rows[int(0.7 * len(rows)) :]] = True
    X = data.X.to_numpy()
    return model.fit(X[~test], data.y[~test]).score(X[test], data.y[test])


def seconds_shared(data, reach=0):
    """Share of test rows of a random split with a training row at most `reach` seconds away."""
    train, test = train_test_split(np.arange(len(data)), test_size=0.3, random_state=0, stratify=data.y)
    known = np.unique(data.time[train].astype("int64"))
    asked = data.time[test].astype("int64")
    place = np.searchsorted(known, asked)
    near = np.minimum(np.abs(known[np.maximum(place - 1, 0)] - asked), np.abs(known[np.minimum(place, len(known) - 1)] - asked))
    return np.mean(near <= reach)


def runs(data):
    return int((data.family[1:] != data.family[:-1]).sum()) + 1


# --- what the contract asks for ----------------------------------------------------------------------------------


def the_label_is_the_time(data):
    return data.time[data.y == 0].max() < data.time[data.y == 1].min()


def no_day_holds_both_labels(data):
    return pd.Series(data.y).groupby(days(data)).nunique().max() == 1


def each_type_has_a_time_of_its_own(data):
    kinds = [data.time[data.family == kind] for kind in np.unique(data.family)]
    return all(before[1] < after[0] for before, after in pairwise(sorted((time.min(), time.max()) for time in kinds)))


def the_file_is_not_in_time_order(data):
    return (np.diff(data.time) < np.timedelta64(0, "s")).any()


def coordinates_are_a_drift(data):
    return np.corrcoef(data.X["latitude"], data.X["longitude"])[0, 1] > 0.99 and data.X["latitude"].max() > 500


def a_threshold_on_latitude_goes_far(data):
    return np.mean((data.X["latitude"] > 4.39) == data.y) > 0.85


def rows_of_the_test_have_a_training_row_in_the_same_second(data):
    return seconds_shared(data) > 0.4


def a_random_split_promises_what_the_next_hours_do_not_keep(data):
    return by_random_split(neighbour(), data) - forward(neighbour(), data) > 0.2


ROWS = [
    "1556242299,25-Apr-19, 18:31:39 ,116.5217044,132.1625042,1,ddos",
    "1554061012, 31-Mar-19,12:36:52,0,10,0,normal",
    "1554141600,1-Apr-19,11:00:00,1.5,11.25,0,normal",
]
HEADER = "\ufeffts,date,time,latitude,longitude,label,type"


def small(name):
    """A small good file in the official form, by its name."""
    lines = [HEADER, *ROWS, "1556433000,27-Apr-19,23:30:00,33.25,4.75E+01,1,backdoor"]
    if name == SMALL:
        lines = ["\ufeff" + HEADER.split(",", 1)[1], *(line.split(",", 1)[1] for line in lines[1:])]
    return {NAMES[name]: ("\r\n".join(lines) + "\r\n").encode()}


def holds(data, content):
    """Rows of time, label, type and coordinates, read as simply as can be."""
    (raw,) = content.values()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    times = [datetime.strptime(f"{row['date'].strip()} {row['time'].strip()}", "%d-%b-%y %H:%M:%S") for row in rows]
    assert data.time.tolist() == times
    assert data.y.tolist() == [int(row["label"]) for row in rows] and data.family.tolist() == [row["type"] for row in rows]
    assert data.X.to_numpy().tolist() == [[float(row["latitude"]), float(row["longitude"])] for row in rows]


def near(table, _):
    quantiles = table[["mean", "sd", "5 %", "25 %", "50 %", "75 %", "95 %"]].drop(index="label")
    assert quantiles.abs().max().max() < 0.15  # of a standard deviation
    assert table.loc["label"].dropna().abs().max() < 1e-3
    assert table["share of zeros"].abs().max() < 0.002
    assert table["lag-1 autocorrelation"].abs().max() < 0.01
    assert table["AUC alone"].abs().max() < 0.02


FACTS = contract.Facts(
    name=FULL,
    small=lambda: small(FULL),
    holds=holds,
    traps=(
        the_label_is_the_time,
        no_day_holds_both_labels,
        each_type_has_a_time_of_its_own,
        the_file_is_not_in_time_order,
        coordinates_are_a_drift,
        a_threshold_on_latitude_goes_far,
        rows_of_the_test_have_a_training_row_in_the_same_second,
        a_random_split_promises_what_the_next_hours_do_not_keep,
    ),
    parsed="1:81f01428d1bc5cb09a74e57bace3544bd55b335519e8492032b920f01106a69f",
    near=near,
)
FACTS_38960 = replace(
    FACTS,
    name=SMALL,
    small=lambda: small(SMALL),
    parsed="1:e9e8c40e83dd1ce96330983b3aed31b8cd3cd4f6c6fabd5c88900b1d1663f0b4",
)


class TestTwin(contract.Twin):
    facts = FACTS


class TestFiles(contract.Files):
    facts = FACTS


@pytest.mark.needs_data(FULL)
class TestOfficial(contract.Official):
    facts = FACTS


class TestTwin38960(contract.Twin):
    facts = FACTS_38960


class TestFiles38960(contract.Files):
    facts = FACTS_38960


@pytest.mark.needs_data(SMALL)
class TestOfficial38960(contract.Official):
    facts = FACTS_38960


# --- the loader's rules, on small files --------------------------------------------------------------------------


def write(folder, rows=ROWS, header=HEADER):
    raw = ("\r\n".join([header, *rows]) + "\r\n").encode()
    (folder / NAMES[FULL]).write_bytes(raw)
    return hashlib.sha256(raw).hexdigest()


def test_accepted_file(folder):
    digest = write(folder)
    data = datasets.load(FULL, accept=digest)
    assert data.X.to_dict("list") == {"latitude": [116.5217044, 0.0, 1.5], "longitude": [132.1625042, 10.0, 11.25]}
    assert data.y.tolist() == [1, 0, 0] and data.family.tolist() == ["ddos", "normal", "normal"]
    assert data.time.astype(str).tolist() == ["2019-04-25T18:31:39", "2019-03-31T12:36:52", "2019-04-01T11:00:00"]
    assert data.groups.tolist() == ["ddos 1", "normal 1", "normal 2"]
    assert data.fingerprint == digest and data.official is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1-Apr-19,11", "2019-04-01,11", "line 4: date is '2019-04-01'; allowed is a day such as 25-Apr-19"),
        ("1.5,", "north,", "line 4: latitude is 'north'; allowed is a finite number"),
        ("11.25,0,", "11.25,2,", "line 4: label is '2'; allowed is 0 or 1"),
        ("11.25,0,", "11.25,1,", "line 4: label is '1'; allowed is 0 where type is normal"),
        ("0,normal", "0,quiet", "line 4: type is 'quiet'; allowed is normal, scanning"),
        ("1554141600", "1554134400", "line 4: ts is '1554134400'; allowed is the Unix time seven hours ahead"),
        (",normal", "", "line 4: 6 fields; allowed are 7"),
        ("1554141600", "1554141600.7", "line 4: ts is '1554141600.7'; allowed is a whole number"),
        ("1-Apr-19", "31-Apr-19", "line 4: date is '31-Apr-19'; allowed is a day such as 25-Apr-19"),
        ("1-Apr-19", "1-apr-19", "line 4: date is '1-apr-19'; allowed is a day"),
        ("11:00:00", "11:60:00", "line 4: time is '11:60:00'; allowed is a time"),
        ("0,normal", "attack,normal", "line 4: label is 'attack'; allowed is 0 or 1"),
        ("1.5,", "1.5\0,", r"line 4: latitude is '1.5\\x00'"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, old, new, message):
    assert old in ROWS[2]
    digest = write(folder, [*ROWS[:2], ROWS[2].replace(old, new)])
    with pytest.raises(datasets.DatasetError, match=rf"Tracker\.csv, {message}"):
        datasets.load(FULL, accept=digest)


def test_the_other_edition_is_not_taken_for_this_one(folder):
    digest = write(folder, [row.split(",", 1)[1] for row in ROWS], HEADER.replace("ts,", ""))
    with pytest.raises(datasets.DatasetError, match=r"line 1: the header is .* It lacks 'ts'\. Is it another data set"):
        datasets.load(FULL, accept=digest)
    with pytest.raises(
        datasets.DatasetError, match=r"unknown edition .* cannot be read in the place of the official one: line 1: "
    ):
        datasets.load(FULL)


def test_a_hundred_sessions_of_a_kind_keep_their_names(folder):
    """ "ransomware 100" is longer than the official names of sessions, and is not cut to "ransomware 10"."""
    times = [datetime(2019, 4, 1) + k * pd.Timedelta("2h") for k in range(101)]
    lines = [f"{t:%d-%b-%y},{t:%H:%M:%S},1,2,1,ransomware" for t in times]
    raw = ("\r\n".join([HEADER.replace("ts,", ""), *lines]) + "\r\n").encode()
    groups = datasets.load(SMALL, accept=contract.write(folder, {NAMES[SMALL]: raw})).groups
    assert groups[-1] == "ransomware 101" and len(set(groups)) == 101


@pytest.mark.parametrize("name", [FULL, SMALL])
def test_both_outcomes_occur(folder, name):
    """A changed digit cannot be noticed in an accepted file; a changed form is."""
    content, changed = small(name), NAMES[name]
    for new, ended in ((b"116.6", "loaded"), (b"116.6_0", "refused")):
        fault = content[changed].replace(b"116.5", new, 1)
        assert contract.outcome(FACTS if name == FULL else FACTS_38960, folder, content, changed, fault) == ended


# --- the official files ------------------------------------------------------------------------------------------


@needs_data
@BOTH
def test_form_of_the_official_file(name, official_files):
    (content,) = official_files(name).values()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\n") == content.count(b"\r\n") == len(content.splitlines())
    first = content.decode("utf-8-sig").splitlines()[0]
    assert first == ("ts," if name == FULL else "") + "date,time,latitude,longitude,label,type"
    clocks = [line.split(",")[-5] for line in content.decode("utf-8-sig").splitlines()[1:]]
    padded = np.mean([clock != clock.strip() for clock in clocks])
    assert 0.4 < padded < 0.6 and " 18:31:39 " in clocks


@needs_data
@BOTH
def test_rows_and_types(name, official):
    data = official(name)
    counts = pd.Series(data.family).value_counts().to_dict()
    assert counts == {"normal": 35_000 if name == FULL else 15_000, **ATTACKS}
    assert len(data) == (58_960 if name == FULL else 38_960) and data.y.sum() == 23_960
    assert ((data.family != "normal") == data.y).all()
    assert runs(data) == (13 if name == FULL else 12)
    assert (np.diff(data.time) < np.timedelta64(0, "s")).any()  # the file is not in time order


@needs_data
def test_ts_is_seven_hours_ahead_of_date_and_time(official, official_files):
    (content,) = official_files(FULL).values()
    ts = np.array([int(line.split(",")[0]) for line in content.decode("utf-8-sig").splitlines()[1:]])
    assert np.unique(ts - official(FULL).time.astype("int64")).tolist() == [7 * 3600]


@needs_data
def test_the_smaller_edition_lies_inside_the_larger(official):
    full, small = (official(n).X.assign(t=official(n).time, kind=official(n).family) for n in (FULL, SMALL))
    assert len(full.merge(small, on=list(full.columns))) == len(small)
    left = full[full["kind"] != "normal"].reset_index(drop=True)
    assert left.equals(small[small["kind"] != "normal"].reset_index(drop=True))


@needs_data
@BOTH
def test_the_label_is_the_time(name, official):
    data = official(name)
    normal, attack = data.time[data.y == 0], data.time[data.y == 1]
    assert str(normal.min()) == "2019-03-31T12:36:52"
    assert str(normal.max()) == ("2019-04-02T04:02:08" if name == FULL else "2019-04-01T18:22:35")
    assert str(attack.min())[:10] == "2019-04-23" and str(attack.max())[:10] == "2019-04-28"
    assert pd.Series(data.y).groupby(days(data)).nunique().max() == 1  # so the date alone is right in every row
    ordered = data.y[np.argsort(data.time, kind="stable")]
    assert np.abs(np.diff(ordered)).sum() == 1
    assert ordered[int(0.7 * len(data)) :].min() == 1  # the last 30 % hold attacks only
    spans = sorted(
        (data.time[data.family == kind].min(), data.time[data.family == kind].max()) for kind in np.unique(data.family)
    )
    assert all(before[1] < after[0] for before, after in pairwise(spans))


@needs_data
def test_coordinates_are_a_drift(official):
    data = official(FULL)
    latitude, longitude = data.X["latitude"], data.X["longitude"]
    assert np.corrcoef(latitude, longitude)[0, 1] == pytest.approx(0.9996, abs=5e-5)
    assert (longitude - latitude).mean() == pytest.approx(10.1, abs=0.05)
    assert (longitude - latitude).std() == pytest.approx(2.2, abs=0.05)
    assert ((latitude > 90).sum(), (longitude > 180).sum(), (latitude == 0).sum()) == (12_034, 2_982, 620)
    assert longitude[latitude == 0].between(9.9, 10.1).all()
    assert (latitude.min(), int(latitude.max()), int(longitude.max())) == (0, 549, 555)
    span = latitude.groupby(data.family).agg(["min", "max"]).round().astype(int).to_numpy().tolist()
    assert dict(zip(sorted(set(data.family)), span, strict=True)) == {
        "backdoor": [33, 150],
        "ddos": [0, 549],
        "injection": [8, 145],
        "normal": [0, 260],
        "password": [0, 159],
        "ransomware": [0, 51],
        "scanning": [129, 247],
        "xss": [0, 24],
    }


@needs_data
def test_several_rows_a_second(official):
    data = official(FULL)
    still = [np.mean(np.diff(np.sort(data.time[data.y == label])).astype(int) == 0) for label in (0, 1)]
    assert [round(100 * share) for share in still] == [79, 19]
    assert round(100 * np.mean(np.diff(np.sort(data.time)).astype(int) == 0)) == 54
    each = pd.Series(data.time).value_counts()
    assert (round(each.mean(), 1), each.max()) == (2.2, 106)


@needs_data
@pytest.mark.parametrize(("name", "pairs"), [(FULL, 619), (SMALL, 303)])
def test_duplicates(name, pairs, official):
    data = official(name)
    assert not data.X.assign(time=data.time, y=data.y).duplicated().any()
    assert data.X.duplicated().sum() == pairs
    assert (data.X.assign(y=data.y).groupby(["latitude", "longitude"])["y"].nunique() == 2).sum() == 1


@needs_data
@pytest.mark.parametrize(("name", "expected"), [(FULL, [0.584, 0.987]), (SMALL, [0.446, 0.981])])
def test_a_random_split_leaks_by_time(name, expected, official):
    assert [seconds_shared(official(name), reach) for reach in (0, 5)] == pytest.approx(expected, abs=0.005)


@needs_data
@pytest.mark.parametrize(("name", "threshold", "accuracy"), [(FULL, 4.39, 0.870), (SMALL, 4.39, 0.882)])
def test_one_threshold(name, threshold, accuracy, official):
    data = official(name)
    assert np.mean((data.X["latitude"] > threshold) == data.y) == pytest.approx(accuracy, abs=0.001)
    if name == FULL:
        assert stump(data) == pytest.approx((4.39, 0.870), abs=0.005)
    assert 1 - data.y.mean() == pytest.approx(0.594 if name == FULL else 0.385, abs=0.0005)


@needs_data
@pytest.mark.parametrize(("model", "expected"), [(forest, 0.962), (neighbour, 0.954), (tree, 0.899), (logistic, 0.673)])
def test_random_split(model, expected, official):
    assert by_random_split(model(), official(FULL)) == pytest.approx(expected, abs=0.006)


@needs_data
@pytest.mark.parametrize(
    ("model", "in_blocks", "by_day", "ahead"),
    [
        pytest.param(forest, 0.807, 0.727, 0.661, marks=pytest.mark.slow),
        (neighbour, 0.790, 0.705, 0.655),
        pytest.param(tree, 0.833, 0.732, 0.666, marks=pytest.mark.slow),
    ],
)
def test_honest_splits(model, in_blocks, by_day, ahead, official):
    data = official(FULL)
    assert by_left_out(model(), data, blocks(data)) == pytest.approx(in_blocks, abs=0.015)
    assert by_left_out(model(), data, days(data)) == pytest.approx(by_day, abs=0.015)
    assert forward(model(), data) == pytest.approx(ahead, abs=0.015)


@needs_data
def test_honest_splits_of_simple_models(official):
    data = official(FULL)
    assert by_left_out(logistic(), data, blocks(data)) == pytest.approx(0.598, abs=0.005)
    assert by_left_out(DecisionTreeClassifier(max_depth=1), data, blocks(data)) == pytest.approx(0.859, abs=0.005)


@needs_data
@pytest.mark.parametrize(
    ("model", "at_random", "in_blocks", "by_day", "ahead"),
    [
        pytest.param(forest, 0.948, 0.805, 0.564, 0.674, marks=pytest.mark.slow),
        (neighbour, 0.939, 0.777, 0.579, 0.671),
    ],
)
def test_splits_of_the_smaller_edition(model, at_random, in_blocks, by_day, ahead, official):
    data = official(SMALL)
    assert by_random_split(model(), data) == pytest.approx(at_random, abs=0.009)
    assert by_left_out(model(), data, blocks(data)) == pytest.approx(in_blocks, abs=0.012)
    assert by_left_out(model(), data, days(data)) == pytest.approx(by_day, abs=0.015)
    assert forward(model(), data) == pytest.approx(ahead, abs=0.012)


@needs_data
def test_changed_line_ends_are_known_by_name(official, official_files, folder):
    (content,) = official_files(FULL).values()
    changed = content.replace(b"\r\n", b"\n")
    digest = hashlib.sha256(changed).hexdigest()
    assert digest.startswith("eacf3898")
    (folder / "gps.csv").write_bytes(changed)
    with pytest.raises(datasets.DatasetError, match="known variant: the same values, line ends changed from CRLF to LF"):
        datasets.load(FULL)
    data = datasets.load(FULL, accept=digest)
    assert data.X.equals(official(FULL).X) and data.fingerprint == digest


@needs_data
def test_the_smaller_edition_under_the_name_of_the_larger(official, official_files, folder):
    (content,) = official_files(SMALL).values()
    (folder / NAMES[FULL]).write_bytes(content)
    assert contract.digest(datasets.load(SMALL)) == contract.digest(official(SMALL))
    with pytest.raises(datasets.DatasetError, match=r"the edition of 38,960 rows\. .* load\('ton_iot_gps_38960'\)"):
        datasets.load(FULL)
    with pytest.raises(datasets.DatasetError, match=r"a form of another data set: .* Load it with load\('ton_iot_gps_38960'\)\."):
        datasets.load(FULL, accept=hashlib.sha256(content).hexdigest())
    changed = content.replace(b"\r\n", b"\n")  # a known variant of the other edition
    (folder / NAMES[FULL]).write_bytes(changed)
    sha = hashlib.sha256(changed).hexdigest()
    with pytest.raises(datasets.DatasetError, match=rf"is a form of another data set: .* load\('{SMALL}', accept='{sha}'\)"):
        datasets.load(FULL)
    with pytest.raises(datasets.DatasetError, match=rf"accept names a form of another data set: .* accept='{sha}'\)\."):
        datasets.load(FULL, accept=sha)
    assert len(datasets.load(SMALL, accept=sha)) == 38_960


@needs_data
def test_the_larger_edition_under_the_name_of_the_smaller(official, official_files, folder):
    (content,) = official_files(FULL).values()
    (folder / NAMES[SMALL]).write_bytes(content)
    assert contract.digest(datasets.load(FULL)) == contract.digest(official(FULL))
    with pytest.raises(datasets.DatasetError, match=r"the edition of 58,960 rows\. .* load\('ton_iot_gps'\)"):
        datasets.load(SMALL)


# --- the twin ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[0, 1, 2])
def twin(request):
    return datasets.load(FULL, source="twin", seed=request.param)


@pytest.mark.parametrize("name", [FULL, SMALL])
def test_twin_has_the_official_counts_and_blocks(name):
    data = datasets.load(name, source="twin")
    assert pd.Series(data.family).value_counts().to_dict() == {"normal": 35_000 if name == FULL else 15_000, **ATTACKS}
    assert runs(data) == (13 if name == FULL else 12)
    assert (np.diff(data.time) < np.timedelta64(0, "s")).any()


def test_the_smaller_twin_lies_inside_the_larger():
    full, small = (datasets.load(n, source="twin", seed=4) for n in (FULL, SMALL))
    full, small = (data.X.assign(t=data.time, kind=data.family) for data in (full, small))
    assert len(full.merge(small, on=list(full.columns))) == len(small)


def test_twin_sessions_hold_one_type(twin):
    assert pd.Series(twin.family).groupby(twin.groups).nunique().max() == 1


def test_twin_coordinates_are_a_drift(twin):
    latitude, longitude = twin.X["latitude"], twin.X["longitude"]
    assert np.corrcoef(latitude, longitude)[0, 1] > 0.999
    assert (longitude - latitude).mean() == pytest.approx(10.1, abs=0.5)
    assert latitude.min() == 0 and 500 < latitude.max() < 600
    assert (latitude == 0).sum() == pytest.approx(620, abs=40)
    assert (longitude[latitude == 0] == 10).mean() > 0.98
    each = pd.Series(twin.time).value_counts()
    assert 1.8 < each.mean() < 2.6 and 80 < each.max() < 120
    assert not twin.X.assign(time=twin.time).duplicated().any()


def test_twin_threshold(twin):
    threshold, accuracy = stump(twin)
    assert 4 < threshold < 5.2 and accuracy == pytest.approx(0.87, abs=0.01)
    assert by_random_split(logistic(), twin) == pytest.approx(0.67, abs=0.03)
    assert seconds_shared(twin) > 0.5


def test_twin_models():
    twin = datasets.load(FULL, source="twin", seed=0)
    at_random = by_random_split(neighbour(), twin)
    assert at_random > 0.92
    assert at_random - by_left_out(neighbour(), twin, blocks(twin)) > 0.1


@pytest.mark.parametrize("n", [200, 2_000, 150_000])
def test_twin_of_another_size_keeps_every_type(n):
    data = datasets.load(FULL, source="twin", n=n)
    assert set(data.family) == {"normal", *ATTACKS}
    assert data.y.mean() == pytest.approx(0.406, abs=0.01)
    assert not data.X.assign(time=data.time).duplicated().any()

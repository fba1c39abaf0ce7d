"""C-MAPSS: the loader's rules, the facts of the official files, their traps, and those of the twins."""

from dataclasses import replace

import contract
import numpy as np
import pytest
from matfiles import Same, SameTwin

from qhelpers import datasets
from qhelpers.datasets.cmapss import COLUMNS, SENSORS, SETTINGS, SYMBOLS

LINE = "-0.0007 -0.0004 100.0 518.67 641.82 1589.70 1400.60 14.62 21.61 554.36 2388.06 9046.19 1.30 47.47 521.66 2388.02"
LINE += " 8138.62 8.4195 0.03 392 2388 100.00 39.06 23.4190"
LENGTHS = {"train": (3, 2, 4), "test": (2, 3)}


def engines(lengths):
    """Lines as the official ones, with two blanks at their end; the first setting tells them apart."""
    rows = [f"{k} {c} {k}.{c:03d}{LINE[7:]}  \n" for k, length in enumerate(lengths, start=1) for c in range(1, length + 1)]
    return "".join(rows).encode()


def small(number):
    files = {f"{part}_FD00{number}.txt": engines(lengths) for part, lengths in LENGTHS.items()}
    return files | {f"RUL_FD00{number}.txt": b"112 \n9 \n"}


def holds(data, content):
    """Rows as simply as can be: split at blanks."""
    train, test, labels = (np.array([line.split() for line in raw.decode().splitlines()], float) for raw in content.values())
    rows = np.concatenate([train, test])
    assert (data.X.to_numpy() == rows[:, 2:]).all() and (data.cycle == rows[:, 1]).all()
    n_train = int(train[-1, 0])
    assert (data.unit + 1 - n_train * (data.official[data.unit] == "test") == rows[:, 0]).all()
    last = data.cycle[data.edges[1:] - 1]
    assert ((data.life - last)[:n_train] == 0).all() and (data.life - last)[n_train:].tolist() == labels[:, 0].tolist()


# --- traps -------------------------------------------------------------------------------------------------------


def the_age_tells_much_of_what_remains(data):
    return np.corrcoef(data.cycle, data.remaining)[0, 1] < -0.35


def records_for_testing_end_before_the_failure(data):
    left = data.remaining[data.edges[1:] - 1]
    return (left[data.official == "train"] == 0).all() and (left[data.official == "test"] >= 6).all()


def some_have_more_left_than_the_usual_cap(data):
    left = data.remaining[data.edges[1:] - 1][data.official == "test"]
    return 0.05 < np.mean(left > 125) < 0.4


def best_sensor(data, X):
    return max(abs(np.corrcoef(column, data.remaining)[0, 1]) for column in X.T if np.ptp(column) > 0)


def by_regime(data):
    """Sensors less their mean in each regime."""
    X, regime = data.X[list(SENSORS)].to_numpy().copy(), data.X["setting1"].round().to_numpy()
    for one in np.unique(regime):
        X[regime == one] -= X[regime == one].mean(axis=0)
    return X


def seven_columns_do_not_move(data):
    still = data.X.columns[np.ptp(data.X.to_numpy(), axis=0) == 0]
    return set(still) >= {"setting3", "sensor1", "sensor5", "sensor16", "sensor18", "sensor19"}


def a_sensor_tells_first_where_the_engine_flies(data):
    raw = best_sensor(data, data.X[list(SENSORS)].to_numpy())
    regimes = len(np.unique(data.X["setting1"].round()))
    return regimes == 6 and raw < 0.15 and best_sensor(data, by_regime(data)) > 0.35


def flow_ratio_at_the_end(data):
    """How sensor 12 has changed between an engine's first and last cycles, in the training part, less its regime's mean."""
    moved, values = [], by_regime(data)[:, SENSORS.index("sensor12")] / data.X["sensor12"].to_numpy()
    for k in np.flatnonzero(data.official == "train"):
        own = values[data.rows(k)]
        moved.append(own[-15:].mean() - own[:40].mean())
    return np.array(moved)


def one_fault_moves_a_sensor_one_way(data):
    return np.mean(flow_ratio_at_the_end(data) < 0) > 0.97


def two_faults_move_a_sensor_both_ways(data):
    return 0.3 < np.mean(flow_ratio_at_the_end(data) > 0.005) < 0.6


COMMON = (
    the_age_tells_much_of_what_remains,
    records_for_testing_end_before_the_failure,
    some_have_more_left_than_the_usual_cap,
)


def near(table, _):
    readings = table.drop(index="label").drop(columns=["AUC alone", "25 %", "75 %"])  # quartiles lie between two regimes
    assert readings.drop(columns=["5 %", "50 %", "95 %"]).abs().max().max() < 0.5 and readings.abs().max().max() < 1.0
    assert table.loc["label", ["mean", "sd"]].abs().max() < 0.2


FACTS = {
    1: contract.Facts(
        name="cmapss_fd001",
        small=lambda: small(1),
        holds=holds,
        traps=(*COMMON, seven_columns_do_not_move, one_fault_moves_a_sensor_one_way),
        parsed="1:add12cf709e284b7e5c80f2519b3168e78345424dfce12f0f78c360b8617cea6",
        near=near,
        header=False,
    )
}
FACTS[2] = replace(
    FACTS[1],
    name="cmapss_fd002",
    small=lambda: small(2),
    parsed="1:fff21817896b514b0eb930b226d56e9e730d7f6ba876ace9a7d72eb06b58edd2",
    traps=(*COMMON, a_sensor_tells_first_where_the_engine_flies, one_fault_moves_a_sensor_one_way),
)
FACTS[3] = replace(
    FACTS[1],
    name="cmapss_fd003",
    small=lambda: small(3),
    parsed="1:9ffa634e71baf0074a7bc22a59d9eb2349a8b3a954e1289e42480fb011e79161",
    traps=(*COMMON, seven_columns_do_not_move, two_faults_move_a_sensor_both_ways),
)
FACTS[4] = replace(
    FACTS[1],
    name="cmapss_fd004",
    small=lambda: small(4),
    parsed="1:e35febe707a988aa748ad47ac24815c8142e5bf9c731708cacbcfab68c545698",
    traps=(*COMMON, a_sensor_tells_first_where_the_engine_flies, two_faults_move_a_sensor_both_ways),
)


class TestTwin1(contract.Twin):
    facts = FACTS[1]


class OfOne(SameTwin):
    @pytest.mark.parametrize("seed", [0])
    def test_its_traps_are_there(self, seed):
        super().test_its_traps_are_there(seed)


class TestTwin2(OfOne, contract.Twin):
    facts = FACTS[2]


class TestTwin3(OfOne, contract.Twin):
    facts = FACTS[3]


class TestTwin4(OfOne, contract.Twin):
    facts = FACTS[4]


class TestFiles1(contract.Files):
    facts = FACTS[1]


class SameForm(Same):
    test_a_file_of_another_kind = None


class TestFiles2(SameForm, contract.Files):
    facts = FACTS[2]


class TestFiles3(SameForm, contract.Files):
    facts = FACTS[3]


class TestFiles4(SameForm, contract.Files):
    facts = FACTS[4]


@pytest.mark.needs_data("cmapss_fd001")
class TestOfficial1(contract.Official):
    facts = FACTS[1]


class Quick:
    """What differs from set to set; how files are found and kept is tried on the first."""

    test_they_are_known_under_any_name = None
    test_a_second_load_parses_nothing_and_gives_the_same = None
    test_with_one_fault_they_are_refused_or_it_is_harmless = None

    @pytest.mark.parametrize("seed", [0])
    def test_the_twin_is_near(self, real, seed):
        super().test_the_twin_is_near(real, seed)


@pytest.mark.needs_data("cmapss_fd002")
class TestOfficial2(Quick, contract.Official):
    facts = FACTS[2]


@pytest.mark.needs_data("cmapss_fd003")
class TestOfficial3(Quick, contract.Official):
    facts = FACTS[3]


@pytest.mark.needs_data("cmapss_fd004")
class TestOfficial4(Quick, contract.Official):
    facts = FACTS[4]


# --- the loader's rules, and the facts of the official files -----------------------------------------------------


def test_columns_are_the_readmes():
    assert len(COLUMNS) == 24 and COLUMNS[:3] == SETTINGS and len(SYMBOLS) == len(SENSORS) == 21
    assert set(datasets.entry("cmapss_fd001").units) == set(COLUMNS)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "train_FD001.txt",
            b"2 1 2.001",
            b"3 1 2.001",
            "line 4: unit is '3'; allowed is the engine of the line before, or the next",
        ),
        ("train_FD001.txt", b"2 2 2.002", b"2 3 2.002", "line 5: cycle is '3'; allowed is 1 in an engine's first line, then one"),
        ("train_FD001.txt", b"1 1 1.001", b"1 2 1.001", "line 1: cycle is '2'"),
        ("test_FD001.txt", b"1 2 1.002", b"1 2 nan", "line 2: setting1 is 'nan'; allowed is a finite number"),
        ("test_FD001.txt", b"1 2 1.002", b"1 2 1e400", "line 2: setting1 is '1e400'; allowed is a finite number"),
        ("test_FD001.txt", b"1 2 1.002", b"1 2", "line 2: 25 fields; allowed are 26. Was the file cut or edited?"),
        ("test_FD001.txt", b"2 3 2.003", b"2 3 2.003 7", "line 5: 27 fields; allowed are 26"),
        ("test_FD001.txt", b"1 2 1.002", b"1  2 1.002", "line 2: 27 fields; allowed are 26"),
        ("RUL_FD001.txt", b"9 \n", b"-9 \n", "line 2: RUL is '-9'; allowed is a whole number"),
        ("RUL_FD001.txt", b"9 \n", b"9", "line 2: the line starts with '9' and has no line end"),
        ("RUL_FD001.txt", b"9 \n", b"", "line 1: it holds 1 labels, and "),
        ("RUL_FD001.txt", b"9 \n", b"9 \n8 \n", "2 engines; they do not go together"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, name, old, new, message):
    content = small(1)
    assert content[name].count(old) == 1
    error, _ = contract.refused(FACTS[1], folder, content | {name: content[name].replace(old, new)})
    assert error[0] == name and message in error[2]


def test_a_file_that_was_cut_is_refused_at_its_last_line(folder):
    content = small(1)
    error, _ = contract.refused(FACTS[1], folder, content | {"train_FD001.txt": content["train_FD001.txt"][:-20]})
    assert "train_FD001.txt, line 9: the line starts with" in error[2] and "Was the file cut?" in error[2]


def test_missing_labels_are_named(folder):
    hashes = contract.write(folder, {name: raw for name, raw in small(1).items() if not name.startswith("RUL")})
    with pytest.raises(datasets.DatasetError, match=r"cmapss_fd001: RUL_FD001\.txt not found in the official form"):
        datasets.load("cmapss_fd001", accept=hashes)


def test_line_ends_and_the_blanks_before_them_do_not_matter(folder):
    content = small(1)
    other = {name: raw.replace(b"  \n", b"\n").replace(b"\n", b"\r\n") for name, raw in content.items()}
    _, one = contract.refused(FACTS[1], folder, content)
    _, two = contract.refused(FACTS[1], folder, other)
    assert contract.digest(one) == contract.digest(two)


OFFICIAL = {  # rows, engines, shortest, longest; of the training file, then of the test file; labels above 125, their mean
    1: ((20_631, 100, 128, 362), (13_096, 100, 31, 303), 11, 75.52),
    2: ((53_759, 260, 128, 378), (33_991, 259, 21, 367), 57, 81.19),
    3: ((24_720, 100, 145, 525), (16_596, 100, 38, 475), 15, 75.32),
    4: ((61_249, 249, 128, 543), (41_214, 248, 19, 486), 67, 86.55),
}


@pytest.mark.needs_data("cmapss_fd001", "cmapss_fd002", "cmapss_fd003", "cmapss_fd004")
@pytest.mark.parametrize("number", OFFICIAL)
def test_rows_engines_and_labels(official, number):
    data, (*parts, above, mean) = official(f"cmapss_fd00{number}"), OFFICIAL[number]
    for part, told in zip(("train", "test"), parts, strict=True):
        rows = np.diff(data.edges)[data.official == part]
        assert (rows.sum(), len(rows), rows.min(), rows.max()) == told
    left = data.remaining[data.edges[1:] - 1][data.official == "test"]
    assert np.sum(left > 125) == above and left.mean() == pytest.approx(mean, abs=0.005)


@pytest.mark.needs_data("cmapss_fd001", "cmapss_fd003")
def test_what_does_not_move(official):
    X = official("cmapss_fd001").X
    train = X[: OFFICIAL[1][0][0]]
    assert {name for name in COLUMNS if np.ptp(train[name]) == 0} == {"setting3", *(f"sensor{k}" for k in (1, 5, 10, 16, 18, 19))}
    assert train["sensor6"].nunique() == 2 and official("cmapss_fd003").X[: OFFICIAL[3][0][0]]["sensor10"].nunique() == 4

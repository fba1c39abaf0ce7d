"""The harmonised benchmark: classes that exist, windows at 12 kHz, splits that hold out what they say, printed counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.papers.bearings import benchmark
from qhelpers.papers.bearings.benchmark import CLASSES, HEALTHY, PROTOCOLS, Windows, splits
from qhelpers.papers.bearings.experiments import data as experiment


@pytest.fixture(scope="module")
def cwru():
    return datasets.load("cwru", source="twin", seed=1)


@pytest.fixture(scope="module")
def drive(cwru):
    return benchmark.windows(cwru, "cwru-drive")


@pytest.fixture(scope="module")
def rig():
    return datasets.load("hit_sm", source="twin", seed=1)


# --- classes -----------------------------------------------------------------------------------------------------


def test_which_class_exists_where():
    table = benchmark.available()
    assert list(table.columns) == list(CLASSES) and len(CLASSES) == 8
    somewhere = (table != benchmark.NONE).any()
    assert list(table.columns[~somewhere]) == ["Shaft Misalignment", "Lubrication Failure"]
    labelled = (table == benchmark.LABELLED).any()
    assert list(table.columns[labelled]) == ["Normal", "Ball Fault", "Inner Race", "Outer Race"]
    assert (table.loc["cwru"] == benchmark.LABELLED).sum() == 4


@pytest.mark.parametrize("name", ["cwru", "mfpt", "hit_sm", "uestc", "ims", "pronostia"])
def test_what_is_labelled_is_what_the_loaders_give(name):
    """A set without labels is nowhere called labelled; one with labels has just these."""
    has = {CLASSES[benchmark.UNIFIED[kind]] for kind in datasets.entry(name).meaning.values()}
    assert {one for one, how in benchmark.AVAILABLE[name].items() if how == benchmark.LABELLED} == has


def test_eight_classes_of_cwru_are_never_the_unified_ones():
    found = benchmark.labellings(8)
    assert len(found) > 100 and all(len(classes) == 8 for _, classes in found)
    assert not any(set(classes) <= {"normal", "ball", "inner", "outer"} for _, classes in found)
    # The usual ten: three kinds in three sizes, and normal.
    usual = {"normal", *(f"{kind} {size}" for kind in ("ball", "inner", "outer") for size in (0.007, 0.014, 0.021))}
    assert usual in [set(classes) for _, classes in benchmark.labellings(10)]
    assert {"normal", "ball", "inner", "outer"} in [set(classes) for _, classes in benchmark.labellings(4)]


# --- windows -----------------------------------------------------------------------------------------------------


def test_windows_are_at_12_khz_whatever_the_rate(cwru, drive):
    assert drive.x.shape == (len(drive), 512) and drive.x.dtype == np.float32
    one_second = 1 + (12_000 - 512) // 256
    assert set(pd.Series(drive.recording).value_counts()) == {one_second}
    assert set(drive.recording) & {"109.mat", "270.mat"} == set() and set(HEALTHY) <= set(drive.recording)
    assert len(set(drive.recording)) == 62 and set(drive.y) == {0, 1, 2, 3}
    assert len(set(drive.bearing)) == 12  # eleven faulty ones, and the healthy one
    first = drive[drive.recording == "105.mat"]
    (k,) = np.flatnonzero(cwru.labels == "105.mat")
    assert np.array_equal(first.x[3], cwru.recordings[k][3 * 256 : 3 * 256 + 512, 0])


def test_the_fan_end_is_heard_by_its_own_sensor(cwru):
    fan = benchmark.windows(cwru, "cwru-fan")
    (k,) = np.flatnonzero(cwru.labels == "270.mat")
    assert np.array_equal(fan[fan.recording == "270.mat"].x[0], cwru.recordings[k][:512, 1])
    assert len(set(fan.bearing)) == 10 and benchmark.channel_of("cwru-fan") == "FE"


def changed(data, label, values):
    (k,) = np.flatnonzero(data.labels == label)
    parts = [values if number == k else one for number, one in enumerate(data.recordings)]
    return replace(data, recordings=tuple(parts))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((500, 3), "f4"), "a signal that never changes"),
        (np.full((6000, 3), np.nan, "f4"), "18000 of 18000|6000 of 6000 samples are NaN"),
        (
            np.random.default_rng(0).normal(size=(511, 3)).astype("f4"),
            "a recording of 511 samples is shorter than a window of 512",
        ),
    ],
)
def test_what_cannot_be_cut_is_refused_by_its_name(cwru, values, message):
    with pytest.raises(ValueError, match=rf"cwru, 105\.mat: .*({message})"):
        benchmark.windows(changed(cwru, "105.mat", values), "cwru-drive")


def test_a_rate_below_12_khz_is_refused_by_name(cwru):
    slow = replace(cwru, rate=np.where(cwru.y == 0, 8_000.0, cwru.rate))
    with pytest.raises(ValueError, match=r"cwru, 97\.mat: 8000 samples a second cannot become 12000"):
        benchmark.windows(slow, "cwru-drive")


@pytest.mark.parametrize("machine", ["mfpt", "paderborn"])
def test_machines_that_are_not_of_the_set(cwru, machine):
    with pytest.raises(ValueError, match=f"machine '{machine}' of the data set cwru; allowed are cwru-drive, cwru-fan"):
        benchmark.windows(cwru, machine)


# --- splits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_parts_do_not_overlap_and_hold_every_class(drive, protocol):
    found = list(splits(drive, protocol, seed=3))
    assert len(found) == {"random": 1, "folds": 5, "size": 4, "bearing": 11}[protocol]
    for one in found:
        rows = np.concatenate([one.train, one.validation, one.test])
        assert len(set(rows.tolist())) == len(rows)
        assert set(drive.y[one.test]) <= set(drive.y[one.train]) == set(drive.y[one.validation]) == {0, 1, 2, 3}
    same = list(splits(drive, protocol, seed=3))
    other = list(splits(drive, protocol, seed=4))
    assert all(np.array_equal(a.train, b.train) for a, b in zip(found, same, strict=True))
    assert not all(np.array_equal(a.train, b.train) for a, b in zip(found, other, strict=True))


def test_random_parts_are_70_15_15_and_stratified(drive):
    (one,) = splits(drive, "random")
    shares = [len(part) / len(drive) for part in (one.train, one.validation, one.test)]
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.002)
    for kind in range(4):
        assert np.mean(drive.y[one.test] == kind) == pytest.approx(np.mean(drive.y == kind), abs=0.002)
    assert benchmark.neighbours(drive, one) > 0.8


def test_every_window_is_tested_once_in_five_folds(drive):
    tested = np.concatenate([one.test for one in splits(drive, "folds")])
    assert np.array_equal(np.sort(tested), np.arange(len(drive)))


@pytest.mark.parametrize("protocol", ["size", "bearing"])
def test_what_is_held_out_is_no_bearing_of_training(drive, protocol):
    """The healthy bearing alone is on both sides, by another recording at another load."""
    for one in splits(drive, protocol):
        known = np.r_[one.train, one.validation]
        assert set(drive.bearing[known]) & set(drive.bearing[one.test]) == {"cwru-drive normal"}
        assert not set(drive.recording[known]) & set(drive.recording[one.test])
        assert HEALTHY[0] in drive.recording[known] and HEALTHY[1] in drive.recording[one.test]
        faulty = drive.y[one.test] > 0
        held = set((drive.size.round(4).astype(str) if protocol == "size" else drive.bearing)[one.test[faulty]])
        assert held == {one.held_out} and benchmark.neighbours(drive, one) == 0


def test_a_split_by_bearing_means_something_on_the_twin(drive):
    """A tree on the level of a few bands knows a window's neighbours, and other bearings less well."""
    from sklearn.tree import DecisionTreeClassifier

    bands = np.log(np.abs(np.fft.rfft(drive.x, axis=1))[:, 1:].reshape(len(drive), 16, 16).mean(axis=2) + 1e-9)
    score = {}
    for protocol in ("folds", "bearing"):
        right = []
        for one in splits(drive, protocol):
            tree = DecisionTreeClassifier(random_state=0).fit(bands[one.train], drive.y[one.train])
            faulty = one.test[drive.y[one.test] > 0]
            right.append(np.mean(tree.predict(bands[faulty]) == drive.y[faulty]))
        score[protocol] = np.mean(right)
    assert score["folds"] > 0.8 and score["bearing"] < score["folds"] - 0.2


def test_a_healthy_bearing_that_is_the_only_one_cannot_be_held_out(rig):
    some = benchmark.windows(rig, "hit-mfs")
    assert [one.held_out for one in splits(some, "size")] == ["2.0", "5.0", "8.0"]
    assert all(set(some.y[one.test]) == {2, 3} for one in splits(some, "size"))
    with pytest.raises(
        ValueError, match=r"'bearing', hit-mfs MFS Normal held out: Normal is in the test part and has fewer than two"
    ):
        list(splits(some, "bearing"))


def a_few(**changed):
    y = np.repeat([0, 1, 2], 12)
    told = {
        "x": np.zeros((36, 512), "f4"),
        "y": y,
        "bearing": np.char.add("b", y.astype(str)),
        "recording": np.char.add("r", y.astype(str)),
        "size": y.astype(float),
        "place": np.tile(np.arange(12), 3),
    }
    return Windows(**(told | changed))


@pytest.mark.parametrize(
    ("some", "protocol", "message"),
    [
        (a_few(), "days", "protocol 'days' is unknown; allowed are random, folds, size, bearing"),
        (
            a_few(y=np.r_[[3], np.repeat([0, 1], [17, 18])]),
            "random",
            "Outer Race: fewer than ten windows; allowed are ten of each",
        ),
        (a_few(y=np.r_[[3], np.repeat([0, 1], [17, 18])]), "folds", "Outer Race: fewer than ten windows"),
        (a_few(size=np.r_[np.nan, np.ones(35)]), "size", "no fault size is told of r0; protocol 'size' needs it: take 'bearing'"),
        (a_few(size=np.ones(36)), "size", "protocol 'size': all windows are of one size; two are needed"),
        (a_few(), "bearing", "b0 held out: Normal is in the test part and has fewer than two windows to train on"),
        (a_few(), "size", "1.0 held out: Ball Fault is in the test part and has fewer than two windows to train on"),
        (
            a_few(recording=np.repeat(["97.mat", "a", "b"], 12)),
            "size",
            "of the healthy recordings 97.mat and 100.mat only one is there",
        ),
    ],
)
def test_splits_that_cannot_be_made(some, protocol, message):
    with pytest.raises(ValueError, match=message):
        list(splits(some, protocol))


def test_a_budget_takes_the_rare_classes_whole(drive):
    some = benchmark.balanced(drive, 600, seed=0)
    assert len(some) == 600 and np.bincount(some.y)[0] == np.sum(drive.y == 0) == 90 and np.ptp(np.bincount(some.y)[1:]) <= 1
    assert not np.array_equal(some.x, benchmark.balanced(drive, 600, seed=1).x)
    with pytest.raises(ValueError, match=r"0 windows of \d+; allowed are 1 to"):
        benchmark.balanced(drive, 0, seed=0)


def test_machines_can_be_put_together(drive, rig):
    both = benchmark.together([drive, benchmark.windows(rig, "hit-own")])
    assert len(set(both.bearing)) == 19 and both.x.shape[1] == 512


# --- printed counts ----------------------------------------------------------------------------------------------


def test_table_2_does_not_add_up():
    found = benchmark.sums()
    assert found["rows"] == 15_520 + 6_000 + 984 + 26_944 + 2_156 == 51_604
    assert found["missing"] == 5_560 and found["left for IMS"] == 6_544 and found["sets in the table"] == 5
    from qhelpers.datasets.ims import SNAPSHOTS

    # The count of files printed for IMS is that of its second test; that printed for PRONOSTIA is that of IMS's first.
    assert benchmark.PRINTED["ims"] == SNAPSHOTS[2] and benchmark.PRINTED["pronostia"] == SNAPSHOTS[1]


def test_counts_of_windows():
    assert [benchmark.n_windows(samples) for samples in (511, 512, 767, 768, 243_938)] == [0, 1, 1, 2, 951]


@pytest.mark.needs_data("cwru")
def test_no_regular_choice_of_files_gives_the_printed_count():
    data = datasets.load("cwru")
    found = list(benchmark.choices(data))
    count = {(c.sizes, c.faults, c.positions, c.loads, c.normals, c.hop): c.count for c in found}
    three, all_four, kinds = (0.007, 0.014, 0.021), (0, 1, 2, 3), ("inner", "ball", "outer")
    assert count[three[:1], kinds, (6,), all_four, "none", 256] == 5_700
    assert count[three, kinds, (6,), all_four, "none", 256] == 17_098
    assert count[three, kinds, (6, 3, 12), all_four, "none", 256] == 24_704
    assert (
        count[three, kinds, (6, 3, 12), all_four, "none", 512]
        < 15_679
        == count[three, kinds, (6, 3, 12), all_four, "as they are", 512]
    )
    assert len(found) > 20_000 and 15_520 not in count.values()


@pytest.mark.needs_data("mfpt", "cwru")
def test_counts_at_12_khz():
    assert len(benchmark.windows(datasets.load("mfpt"), "mfpt")) == 1_946
    drive = benchmark.windows(datasets.load("cwru"), "cwru-drive")
    of = pd.Series(drive.recording).value_counts()
    assert (of["97.mat"], of["100.mat"]) == (237, 354) and len(drive) - 591 == 28_478


# --- the experiment ----------------------------------------------------------------------------------------------


def test_the_experiment_counts_what_is_there(cwru):
    found = experiment.run({"what": "counts"}, 0, cwru).metrics
    assert (found["recordings"], found["groups"], found["classes"]) == (120, 21, 4)
    assert (found["lowest_rate"], found["highest_rate"]) == (12_000, 48_000) and found["recordings_normal"] == 2
    assert found["windows_12k"] == 120 * 45 < found["windows"]
    assert experiment.run({"what": "counts"}, 0, datasets.load("ims", source="twin")).metrics["classes"] == 0


def test_one_number_names_the_class_of_random_windows(cwru):
    told = {"what": "leak", "machine": "cwru-drive"}
    scores = {
        (feature, protocol): experiment.run(told | {"feature": feature, "protocol": protocol}, 0, cwru).metrics
        for feature in experiment.FEATURES
        for protocol in ("folds", "size")
    }
    assert scores["step", "folds"]["recall_normal"] == 1 and scores["level", "folds"]["accuracy"] > 2 * 0.25
    assert scores["level", "size"]["accuracy"] < scores["level", "folds"]["accuracy"] - 0.15
    assert all(one["neighbours"] == 0 for (_, protocol), one in scores.items() if protocol == "size")


def test_the_smallest_step_of_a_recording_is_found():
    rng = np.random.default_rng(0)
    x = (rng.integers(-300, 300, 4000) * 1.624e-4).astype("f4")
    assert experiment.step(x) == pytest.approx(1.624e-4, rel=1e-3)


def test_its_grid_is_whole():
    grid = [config for config, _ in experiment.grid("laptop")]
    assert len(grid) == 37 and {config["data"] for config in grid if config["what"] == "counts"} == set(experiment.SETS)
    assert {config["machine"] for config in grid if config["what"] == "leak"} == set(benchmark.MACHINES)
    assert len(experiment.grid("quick")) < len(grid)

"""Splits keep what they promise."""

import numpy as np
import pytest

from qhelpers import evaluation as ev

Y = np.array([0] * 70 + [1] * 30)


def rng():
    return np.random.default_rng(3)


def disjoint_and_complete(train, test, n):
    return sorted([*train, *test]) == list(range(n))


def test_random_and_stratified_splits_cover_all_rows_once():
    for train, test in (ev.random_split(100, 0.2, rng()), ev.stratified_split(Y, 0.2, rng())):
        assert disjoint_and_complete(train, test, 100) and len(test) == 20
    assert Y[ev.stratified_split(Y, 0.2, rng())[1]].sum() == 6


def test_splits_follow_the_generator():
    assert not np.array_equal(ev.random_split(100, 0.2, rng())[1], ev.random_split(100, 0.2, np.random.default_rng(4))[1])
    assert np.array_equal(ev.random_split(100, 0.2, rng())[1], ev.random_split(100, 0.2, rng())[1])


def test_time_block_is_contiguous_whatever_the_row_order():
    time = rng().permutation(100)
    train, test = ev.time_block_split(time, 5, 2)
    assert disjoint_and_complete(train, test, 100)
    assert sorted(time[test]) == list(range(40, 60))


@pytest.mark.parametrize(("n_blocks", "held_out"), [(1, 0), (5, 5), (5, -1), (101, 0)])
def test_time_block_numbers_must_fit(n_blocks, held_out):
    with pytest.raises(ValueError, match="allowed are 2 to 100 blocks"):
        ev.time_block_split(np.arange(100), n_blocks, held_out)


def test_late_split_takes_the_end_of_each_type():
    time = rng().permutation(100)
    family = np.array(["calm"] * 60 + ["storm"] * 40)
    train, test = ev.late_split(time, family, 0.3)
    assert disjoint_and_complete(train, test, 100)
    for kind, n_test in (("calm", 18), ("storm", 12)):
        before, after = time[train][family[train] == kind], time[test][family[test] == kind]
        assert len(after) == n_test and before.max() < after.min()
        assert list(after) == sorted(after)


@pytest.mark.parametrize("test_size", [0, 1, -0.1, 30])
def test_late_split_takes_a_share(test_size):
    with pytest.raises(ValueError, match="allowed is a share between 0 and 1"):
        ev.late_split(np.arange(9), ["a"] * 9, test_size)


def test_groups_are_never_divided():
    groups = np.repeat(np.arange(10), 10)
    train, test = ev.group_split(groups, 0.3, rng())
    assert not set(groups[train]) & set(groups[test]) and len(set(groups[test])) == 3


def test_official_parts():
    official = np.array(["test1"] * 3 + ["train"] * 4 + ["test2"] * 2)
    train, test = ev.official_split(official)
    assert list(train) == [3, 4, 5, 6] and list(test) == [0, 1, 2, 7, 8]
    assert list(ev.official_split(official, test="test2")[1]) == [7, 8]
    with pytest.raises(ValueError, match="no official split"):
        ev.official_split(None)
    with pytest.raises(ValueError, match="there are: test1, test2, train"):
        ev.official_split(official, test="validation")


def test_balanced_subsample_halves_classes_and_respects_exclusion():
    first = ev.balanced_subsample(Y, 40, rng())
    assert len(set(first)) == 40 and Y[first].sum() == 20
    second = ev.balanced_subsample(Y, 20, rng(), exclude=first)
    assert not set(first) & set(second) and Y[second].sum() == 10
    assert 0 < Y[first[:20]].sum() < 20, "the order is random, not class by class"


def test_balanced_subsample_says_what_is_wrong():
    with pytest.raises(ValueError, match="class 1 has 30 rows left, 40 are wanted"):
        ev.balanced_subsample(Y, 80, rng())
    with pytest.raises(ValueError, match="even number of rows of two classes"):
        ev.balanced_subsample(Y, 41, rng())
    with pytest.raises(ValueError, match="1 classes"):
        ev.balanced_subsample(np.zeros(9), 4, rng())


def test_interleaved_folds_cover_all_rows_once_and_are_blocks_of_time():
    time = rng().permutation(103)
    folds = [ev.interleaved_split(time, 10, 3, fold) for fold in range(3)]
    assert all(disjoint_and_complete(*fold, 103) for fold in folds)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(103))
    apart = np.diff(np.sort(time[folds[1][1]]))
    assert (apart > 1).sum() == 2 and apart.max() > 20  # three blocks


def test_an_attack_that_only_one_cut_holds_is_in_every_part_of_an_interleaved_split():
    y = np.zeros(1000, int)
    y[400:600] = 1
    for fold in range(4):
        train, test = ev.interleaved_split(np.arange(1000), 40, 4, fold)
        assert y[train].sum() == 150 and y[test].sum() == 50


@pytest.mark.parametrize(("n_blocks", "n_folds", "held_out"), [(10, 1, 0), (2, 3, 0), (10, 3, 3), (10, 3, -1), (101, 3, 0)])
def test_interleaved_numbers_must_fit(n_blocks, n_folds, held_out):
    with pytest.raises(ValueError, match="no more blocks than rows: choose other numbers"):
        ev.interleaved_split(np.arange(100), n_blocks, n_folds, held_out)


FAMILY = np.array(["normal"] * 60 + ["DoS"] * 30 + ["Reconn"] * 10)


def test_a_family_is_left_out_of_training_alone():
    train, test = ev.family_split(FAMILY, "Reconn", 0.25, rng())
    assert disjoint_and_complete(train, test, 100)
    assert sorted(FAMILY[test].tolist()) == ["Reconn"] * 10 + ["normal"] * 15
    assert (FAMILY[train] == "DoS").sum() == 30


@pytest.mark.parametrize(
    ("family", "held_out"), [(FAMILY, "xss"), (FAMILY, "normal"), (FAMILY[:90], "DoS"), (FAMILY[60:], "DoS")]
)
def test_a_family_that_cannot_be_left_out(family, held_out):
    with pytest.raises(ValueError, match="allowed is one of two or more families of attacks, and usual rows"):
        ev.family_split(family, held_out, 0.25, rng())


def test_empty_parts_and_missing_classes_are_refused():
    ev.refuse_empty(Y, *ev.random_split(100, 0.2, rng()))
    with pytest.raises(ValueError, match="the test part has no rows"):
        ev.refuse_empty(Y, np.arange(100), np.array([], int))
    with pytest.raises(ValueError, match="training has no row of class 1; a model needs rows of each"):
        ev.refuse_empty(Y, np.arange(70), np.arange(70, 100))

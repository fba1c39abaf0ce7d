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

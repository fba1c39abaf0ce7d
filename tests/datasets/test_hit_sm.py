"""HIT-SM's bearings: whatever their variable is called, and units that decide what is normal."""

import contract
import numpy as np
import pytest
from matfiles import NOISE, Large, Same, SameTwin, mat, read
from sklearn.tree import DecisionTreeClassifier

from qhelpers import datasets

SOME = {"Self-built dataset/IR2_600.mat": "inside2d_600_1", "SpectraQuest MFS dataset/Normal_1200.mat": "VarName5"}


def small():
    return {name: mat(**{variable: NOISE[k]}) for k, (name, variable) in enumerate(SOME.items())}


def holds(data, content):
    for k, (name, raw) in enumerate(content.items()):
        (x,) = read(raw).values()
        assert np.array_equal(data.recordings[k], x.astype("f4").reshape(-1, 1)) and data.labels[k] == name


def units(data):
    """Level and offset of each file, on a scale of powers of ten."""
    return np.array([[np.log10(one.std()), np.log10(abs(one.mean()))] for one in data.recordings])


def the_unit_tells_normal_from_faulty(data):
    """On each rig, level and offset of a file alone tell which bearings are healthy."""
    told = [data.about["self_built"] == rig for rig in (0, 1)]
    return all(
        DecisionTreeClassifier(max_depth=3, random_state=0)
        .fit(units(data)[k], data.y[k] == 0)
        .score(units(data)[k], data.y[k] == 0)
        == 1
        for k in told
    )


def units_differ_by_file(data):
    inner = np.array([one.std() for one in data.recordings])[data.y == 2]
    return inner.max() / inner.min() > 50


def offsets_are_of_two_kinds(data):
    offset = np.array([one.mean() for one in data.recordings])
    return np.mean((offset > 2e-4) & (offset < 3.5e-4)) > 0.3 and np.mean((offset > 4.5e-4) & (offset < 6.5e-4)) > 0.3


def three_speeds_are_one_bearing(data):
    return len(set(data.groups)) == 14 and all(np.sum(data.groups == one) == 3 for one in set(data.groups))


FACTS = contract.Facts(
    name="hit_sm",
    small=small,
    holds=holds,
    traps=(the_unit_tells_normal_from_faulty, units_differ_by_file, offsets_are_of_two_kinds, three_speeds_are_one_bearing),
    parsed="1:26cda25e97d97561b3786e8f1d8f2ade50f961b1edbe4663bd687f6441bba411",
    lines=False,
    some=True,
)


class TestTwin(SameTwin, contract.Twin):
    facts = FACTS


class TestFiles(Same, contract.Files):
    facts = FACTS


@pytest.mark.needs_data("hit_sm")
class TestOfficial(Large, contract.Official):
    facts = FACTS


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"a": NOISE[0], "b": NOISE[1]}, "it has the variables 'a', 'b'; allowed is one"),
        ({}, "it has the variables none; allowed is one"),
        ({"a": np.full(600, 1.0)}, r"a is constant \(1\)"),
    ],
)
def test_what_a_file_may_not_hold(folder, told, message):
    name = next(iter(SOME))
    hashes = contract.write(folder, {name: mat(**told)})
    with pytest.raises(datasets.DatasetError, match=rf"IR2_600\.mat: {message}"):
        datasets.load("hit_sm", accept=hashes, only=name)


@pytest.mark.needs_data("hit_sm")
def test_the_official_files(official):
    data = official("hit_sm")
    assert {len(one) for one in data.recordings} == {262_144} and set(data.rate) == {51_200.0}
    level, offset = np.array([[one.std(), one.mean()] for one in data.recordings]).T
    built, size = data.about["self_built"] == 1, data.about["fault_size"]
    assert level[built & size.isin([2, 8])].min() >= 0.0003 and level[built & size.isin([2, 8])].max() < 0.00105
    assert level[built & (size == 5)].min() > 0.017 and level[built & (size == 5)].max() < 0.107
    assert level[~built & (data.y == 0)].max() < 0.0004 and level[~built & (data.y > 0)].min() > 0.016
    assert offset[built & (size == 5)].max() < 0.0003 < 0.0005 < offset[built & size.isin([2, 8])].min()

"""UESTC's bearings: rate and count are checked, and the level names each class."""

import contract
import numpy as np
import pytest
from matfiles import NOISE, Large, Same, mat, read

from qhelpers import datasets

SOME = ["B_800_1.mat", "N_1400_1.mat"]


def told(**changed):
    return {"Datacount": 600.0, "Linecount": 1.0, "SampleFrequency": 20_000.0, "StartTime": "00:00", "Data": NOISE[0]} | changed


def small():
    return {name: mat(**told(Data=NOISE[k])) for k, name in enumerate(SOME)}


def holds(data, content):
    for k, (name, raw) in enumerate(content.items()):
        one = read(raw)
        assert np.array_equal(data.recordings[k], one["Data"].astype("f4").reshape(-1, 1)) and data.labels[k] == name
        assert data.rate[k] == one["SampleFrequency"].item()


def the_level_names_the_class(data):
    level = np.array([one.std() for one in data.recordings])
    normal, ball, race = (level[np.isin(data.y, kind)] for kind in ([0], [1], [2, 3]))
    return normal.max() < 0.03 < 0.05 < ball.min() and ball.max() < 0.15 < 0.25 < race.min()


def a_class_is_one_bearing(data):
    return len(set(data.groups)) == len(set(zip(data.groups, data.y, strict=True))) == 4


FACTS = contract.Facts(
    name="uestc",
    small=small,
    holds=holds,
    traps=(the_level_names_the_class, a_class_is_one_bearing),
    parsed="1:97b63ad37caa0529f63061d8f074af4f87f557097c077f34d9105f58482d6a76",
    lines=False,
    some=True,
)


class TestTwin(contract.Twin):
    facts = FACTS


class TestFiles(Same, contract.Files):
    facts = FACTS


@pytest.mark.needs_data("uestc")
class TestOfficial(Large, contract.Official):
    facts = FACTS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (told(SampleFrequency=12_000.0), "SampleFrequency is 12000 samples a second; allowed is 20000 samples a second"),
        (told(Datacount=599.0), "Datacount is 599 samples; allowed is 600 samples"),
        ({"Data": NOISE[0]}, "it has the variables 'Data'; needed is 'SampleFrequency'"),
    ],
)
def test_what_a_file_may_not_hold(folder, content, message):
    hashes = contract.write(folder, {"B_800_1.mat": mat(**content)})
    with pytest.raises(datasets.DatasetError, match=rf"B_800_1\.mat: {message}"):
        datasets.load("uestc", accept=hashes, only="B_800_1.mat")


@pytest.mark.needs_data("uestc")
def test_the_official_files(official):
    data = official("uestc")
    assert {len(one) for one in data.recordings} == {262_144} and sorted(set(data.about["speed"] * 60)) == [800, 1400]

"""MFPT's bearings: what the files say of themselves is checked, and what tells the class though no bearing does."""

import contract
import numpy as np
import pytest
from matfiles import NOISE, Large, Same, SameTwin, mat, read

from qhelpers import datasets

SOME = {"InnerRaceFault_vload_1.mat": "0", "OuterRaceFault_vload_2.mat": "50"}


def bearing(**changed):
    return {"bearing": {"sr": 48828.0, "rate": 25.0, "load": "50", "gs": NOISE[0][:, None]} | changed}


def small():
    return {name: mat(**bearing(load=load, gs=NOISE[k][:, None])) for k, (name, load) in enumerate(SOME.items())}


def holds(data, content):
    for k, (name, raw) in enumerate(content.items()):
        told = read(raw)["bearing"][0, 0]
        assert np.array_equal(data.recordings[k], told["gs"].astype("f4")) and data.labels[k] == name
        assert data.rate[k] == float(told["sr"].item()) and data.about["load"][k] == float(told["load"].item())


def level(data):
    return np.array([one.std() for one in data.recordings])


def the_level_separates_the_races(data):
    return level(data)[data.y == 2].min() > level(data)[data.y == 3].max()


def the_offset_separates_the_races(data):
    offset = np.array([one.mean() for one in data.recordings])
    return np.mean(offset[data.y == 2]) < np.mean(offset[data.y == 3]) < -0.1


def each_race_is_one_bearing(data):
    return sorted(set(data.groups)) == ["inner", "outer"]


FACTS = contract.Facts(
    name="mfpt",
    small=small,
    holds=holds,
    traps=(the_level_separates_the_races, the_offset_separates_the_races, each_race_is_one_bearing),
    parsed="1:1268eb44cd7fff8ac67f0cec666f16ddf12fc4dd10e3ed1a683122dcfd0dca1d",
    lines=False,
    some=True,
)


class TestTwin(SameTwin, contract.Twin):
    facts = FACTS


class TestFiles(Same, contract.Files):
    facts = FACTS


@pytest.mark.needs_data("mfpt")
class TestOfficial(Large, contract.Official):
    facts = FACTS


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (bearing(sr=97656.0), "sr is 97656 samples a second; allowed is 48828 samples a second"),
        (bearing(rate=24.0), "rate is 24 turns a second; allowed is 25"),
        (bearing(load="100"), "load is 100 lb; allowed is 50 lb"),
        (bearing(load="heavy"), "load is .*; allowed is one number"),
        (bearing(gs=np.zeros((600, 1))), r"gs is constant \(0\)"),
        ({"gs": NOISE[0]}, "it has the variables 'gs'; needed is 'bearing'"),
        ({"bearing": NOISE[0]}, "bearing has no fields; needed are"),
        ({"bearing": {"sr": 48828.0}}, r"bearing has \['sr'\]; needed are \['sr', 'rate', 'load', 'gs'\]"),
    ],
)
def test_what_a_file_may_not_hold(folder, told, message):
    name = "OuterRaceFault_vload_2.mat"
    hashes = contract.write(folder, {name: mat(**told)})
    with pytest.raises(datasets.DatasetError, match=rf"{name}: {message}"):
        datasets.load("mfpt", accept=hashes, only=name)


@pytest.mark.needs_data("mfpt")
def test_the_official_files(official):
    data = official("mfpt")
    assert {len(one) for one in data.recordings} == {146_484} and sum(
        1 + (len(one) - 512) // 256 for one in data.recordings
    ) == 7_994
    assert data.about["load"][data.y == 3].tolist() == [25, 50, 100, 150, 200, 250, 300]
    assert data.about["load"][data.y == 2].tolist() == [0, 50, 100, 150, 200, 250, 300]
    assert level(data)[data.y == 2].min() == pytest.approx(1.73, abs=0.01)
    assert level(data)[data.y == 3].max() == pytest.approx(1.50, abs=0.01)

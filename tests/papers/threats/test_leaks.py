"""What a leak is worth: the columns that are asked, the two splits, and a leak that is found where one was planted."""

from dataclasses import replace

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.datasets.wustl_iiot import CLOCKS, LEAKS
from qhelpers.papers.threats.experiments import leaks


@pytest.fixture(scope="module")
def flows():
    return datasets.load("wustl_iiot_999", source="twin", n=2000, seed=1)


@pytest.fixture(scope="module")
def readings():
    return datasets.load("ton_iot_modbus", source="twin", n=4000, seed=1)


def test_what_the_columns_hold(flows, readings):
    assert "Traffic" not in {name for names in leaks.FLOWS.values() for name in names}
    assert not set(leaks.FLOWS["our 40"]) & {*LEAKS, *CLOCKS} and "IdleTime" in leaks.FLOWS["the publisher's 41"]
    assert {name: leaks.inputs(flows, name).shape[1] for name in ("all 47", "the publisher's 41", "our 40", "SrcAddr")} == {
        "all 47": 47, "the publisher's 41": 41, "our 40": 40, "SrcAddr": 1,
    }  # fmt: skip
    assert [leaks.inputs(readings, name).shape for name in leaks.READINGS] == [(4000, 4), (4000, 1), (4000, 1)]
    for dataset, name in ((flows, "time"), (readings, "IdleTime")):
        with pytest.raises(ValueError, match=rf"columns '{name}' are unknown in {dataset.name}; allowed are"):
            leaks.inputs(dataset, name)


def test_stretches_are_held_out_whole_and_both_splits_are_of_one_size(readings):
    sizes = set()
    for kind in leaks.SPLITS:
        train, test = leaks.split(readings, kind, np.random.default_rng(3))
        sizes.add(len(test))
        assert sorted([*train, *test]) == list(range(4000))
        inside = np.zeros(4000, int)
        inside[test] = 1
        changes = (np.diff(inside[np.argsort(readings.time, kind="stable")]) != 0).sum()
        assert changes <= 60 if kind == "stretches" else changes > 1000
    assert sizes == {1200}


def test_numbers_that_repeat_are_looked_up_on_rows_and_not_on_stretches(readings):
    def score(kind, columns="the four registers"):
        config = {"columns": columns, "split": kind, "model": "decision-tree"}
        return leaks.run(config, 2, readings).metrics["mcc"]

    # of forty rows that follow one another in time the first and the last have neighbours in training
    assert score("rows") > 0.8 and abs(score("stretches")) < 0.3
    assert min(score(kind, "time") for kind in leaks.SPLITS) > 0.95
    assert score("rows") == score("rows")


def test_a_planted_leak_is_worth_all_there_is(flows):
    planted = replace(flows, X=flows.X.assign(sIpId=flows.y.astype(float)))
    config = {"columns": "sIpId", "split": "stretches", "model": "one-threshold"}
    assert leaks.run(config, 1, planted).metrics["mcc"] == 1 > leaks.run(config, 1, flows).metrics["mcc"]

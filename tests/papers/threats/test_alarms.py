"""Detectors at a budget of false alarms: thresholds that no test row sets, and the floor of a small sample."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.threats.experiments import alarms


def test_an_hour_of_normal_traffic():
    """The whole file: 1,107,448 normal flows in seven hours of its clock; TON_IoT Modbus: bursts on three days."""
    flows = datasets.load("wustl_iiot_999", source="twin", n=3000, seed=0)
    assert alarms.normal_rows_per_hour(flows) == pytest.approx(1_107_448 / 7.04, rel=0.02)
    registers = datasets.load("ton_iot_modbus", source="twin", n=3000, seed=0)
    days = (registers.time.max() - registers.time.min()) / np.timedelta64(1, "h")
    assert alarms.normal_rows_per_hour(registers) > 20 * (registers.y == 0).sum() / days


def test_budgets_above_the_floor_and_no_others():
    registers = datasets.load("ton_iot_modbus", source="twin", n=3000, seed=0)
    place = {"data": "ton_iot_modbus", "split": "blocks", "features": "all"}
    found = alarms.run(place | {"model": "logistic-regression"}, 1, registers).metrics
    for budget in alarms.BUDGETS:
        assert (f"{budget}.recall" in found) == (budget >= found["lowest_rate"])
    assert found["lowest_rate"] < 1000
    assert 0 <= found["1000.false_alarms_per_hour"] <= found["rows_per_hour"]
    assert 0 <= found["1000.episodes_missed"] <= found["1000.episodes"]
    flows = datasets.load("wustl_iiot_999", source="twin", n=999, seed=1)
    sampled = alarms.run(
        {"data": "wustl_iiot_999", "split": "random", "features": 5, "model": "logistic-regression"}, 0, flows
    ).metrics
    assert sampled["lowest_rate"] > 1000 and not any(name.endswith(".recall") for name in sampled)
    assert sampled["auc"] > 0.9 and sampled["cost.100"] <= 1.5

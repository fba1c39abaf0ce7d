"""Bins, networks and costs: what their grids hold, arithmetic by hand, and orders of growth of forged times."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from qhelpers.papers.useful_life.experiments import bins, cost, networks, tables
from qhelpers.papers.useful_life.value_network import ValueNetwork

FD001 = "cmapss_fd001"


def test_grids_hold_what_the_deviations_say():
    for module, runs, seeds in ((bins, 2520, {30}), (networks, 295, {5, 10})):
        entries = module.grid("laptop")
        assert sum(n for _, n in entries) == runs and {n for _, n in entries} == seeds
        assert 0 < len(module.grid("quick")) < len(entries) / 2
    assert [config["over"] for config, _ in cost.grid("laptop")] == ["bins", "reads", "windows"]


def test_the_nearest_centre_by_hand():
    values = np.array([0.0, 24.9, 25.1, 99.0, 100.0, 130.0, -4.0])
    assert bins.nearest_centre(values, 100.0, 4).tolist() == [12.5, 12.5, 37.5, 87.5, 87.5, 87.5, 12.5]
    evenly = np.linspace(0, 100, 100_001)
    for n in bins.BINS:  # labels that lie everywhere miss the centre by the width over the root of 12
        floor = np.sqrt(np.mean((bins.nearest_centre(evenly, 100.0, n) - evenly) ** 2))
        assert floor == pytest.approx(100 / n / np.sqrt(12), rel=1e-3)


def test_finer_bins_lower_the_floor_and_the_limit_comes_to_the_mean(engines):
    at = {"data": FD001, "selector": bins.LIMIT, "td": True}
    found = [bins.run(at | {"n_actions": n}, 1, engines).metrics for n in bins.BINS]
    floors = [one["floor_rmse"] for one in found]
    assert all(a > b for a, b in itertools.pairwise(floors)) and floors[0] / floors[-1] > 20
    assert len({one["state_rmse"] for one in found}) == 1
    assert found[-1]["rmse"] == pytest.approx(found[-1]["state_rmse"], rel=0.005)
    assert found[0]["rmse"] > found[0]["state_rmse"]


def test_sixteen_bins_are_the_main_table(engines):
    config = {"data": FD001, "selector": "one-read", "td": True}
    ours = bins.run(config | {"n_actions": 16}, 2, engines).metrics
    theirs = tables.run(config | {"protocol": "printed", "init": "zero", "episodes": 8}, 2, engines).metrics
    assert ours["rmse"] == theirs["rmse"]
    for wrong in ({"selector": "softmax", "n_actions": 16}, {"selector": "argmax", "n_actions": 1}):
        with pytest.raises(ValueError, match="all-rewards"):
            bins.run(config | wrong, 0, engines)


def test_a_network_is_what_its_config_says(engines, monkeypatch):
    seen = []

    def fit(self, X):
        seen.append(self.get_params())
        self.chosen_, self.n_updates_, self.highest_ = np.array([1, 3]), 2, 1.0
        return self

    monkeypatch.setattr(ValueNetwork, "fit", fit)
    monkeypatch.setattr(ValueNetwork, "predict", lambda self, X: np.full(len(X), 60.0))
    place = {"data": FD001, "protocol": "printed"}
    one = networks.run(place | {"selector": "lowest-of-1000", "td": True}, 4, engines).metrics
    networks.run(place | {"selector": "label", "td": False}, 4, engines)
    assert (seen[0]["selector"], seen[0]["td"], seen[0]["random_state"]) == ("lowest-of-reads", True, 4)
    assert seen[1]["told"] == "label" and one["tried"] == 0.75 and one["updates"] == 2
    test = tables.parts(engines, 4, "printed")[1]
    assert one["rmse"] == pytest.approx(np.sqrt(np.mean((test.y - 60) ** 2)))


def test_orders_of_growth_of_forged_times():
    sizes = np.array([4, 8, 16, 32, 64, 128])
    for order in (0, 1, 2):
        assert cost.growth(sizes, 3e-6 * sizes.astype(float) ** order) == pytest.approx(order)
    forged = dict(zip(sizes.tolist(), (1e-3 + 1e-7 * sizes**2.0).tolist(), strict=True))
    metrics = cost.told({"model": forged})
    assert metrics["model_seconds.128"] == forged[128]
    assert metrics["model_growth"] < metrics["model_growth_of_the_largest"] < 2
    assert metrics["steepest_growth"] == metrics["model_growth_of_the_largest"]
    pattern = cost.EXPERIMENT.times({})
    assert all(re.fullmatch(pattern, f"metrics.{name}") for name in metrics)
    assert not re.fullmatch(pattern, "metrics.couplings.128")
    for wrong in (([4], [1.0]), ([4, 8], [1.0, 0.0]), ([4, 8], [1.0]), ([4, 4], [1.0, 1.0])):
        with pytest.raises(ValueError, match="two sizes or more"):
            cost.growth(*wrong)


def test_what_is_counted_of_a_cost(monkeypatch, engines):
    monkeypatch.setattr(cost, "quickest", lambda call, repeats=7: (call(), 1e-3)[1])
    monkeypatch.setattr(cost, "N_VECTORS", 10)
    train, _, states = tables.prepared(engines, 0, "printed")
    found = cost.over_bins(train, states, (4, 8))
    assert (found["couplings.4"], found["couplings.8"]) == (6, 28)
    assert found["modelled_call.4"] <= found["modelled_call.8"] and 0 <= found["modelled_call_order"] < 0.5
    assert found["read_seconds.8"] == 1e-3 / cost.N_READS and found["update_argmax_growth"] == pytest.approx(0)
    reads = cost.over_reads((1, 10))
    assert reads["modelled_call.10"] > reads["modelled_call.1"] and "drawn_growth" in reads
    windows = cost.over_windows(train, states, (20, 40))
    assert sum(name.startswith("argmax_seconds.") for name in windows) == 2


def test_the_shortest_of_several_calls_counts(monkeypatch):
    ticks = iter([0.0, 5.0, 5.0, 6.0, 6.0, 9.0])
    calls = []
    monkeypatch.setattr(cost.time, "process_time", lambda: next(ticks))
    assert cost.quickest(lambda: calls.append(1), repeats=3) == 1.0 and len(calls) == 4

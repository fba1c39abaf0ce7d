"""QAQL's experiments: what their grids hold, what a run measures, and that its stand-ins are what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life.experiments import annealers, maps, tables
from qhelpers.papers.useful_life.qaql import QAQL

USUAL = {"data": "cmapss_fd001", "protocol": "printed", "init": "zero", "td": True, "episodes": 8}


def test_grids_hold_what_the_deviations_say():
    entries = tables.grid("laptop")
    assert sum(n for _, n in entries) == 4800 and {n for _, n in entries} == {30}
    assert {config["data"] for config, _ in entries} == {*tables.ENGINES, tables.FLEET}
    for module in (tables, maps):
        assert 0 < len(module.grid("quick")) < len(module.grid("laptop")) / 5


def test_a_run_measures_both_protocols_and_is_the_same_for_a_seed(engines):
    one, again = (tables.run(USUAL | {"selector": "one-read"}, 1, engines).metrics for _ in range(2))
    assert one == again and {"mse", "rmse", "mae", "mape", "rse", "mbd", "official_rmse", "official_phm08"} <= set(one)
    assert one["rmse"] ** 2 == pytest.approx(one["mse"]) and one["mae"] <= one["rmse"] and 0 < one["entropy"] < np.log(16)
    other = tables.run(USUAL | {"selector": "one-read"}, 2, engines).metrics
    assert other["rmse"] != one["rmse"]
    mean = tables.run(USUAL | {"selector": "mean"}, 1, engines).metrics
    train, test = tables.parts(engines, 1, "printed")
    assert mean["rmse"] == pytest.approx(np.sqrt(np.mean((test.y - train.y.mean()) ** 2)))
    state = tables.run(USUAL | {"selector": "mean-of-state"}, 1, engines).metrics
    assert state["rmse"] < mean["rmse"] and "updates" not in state


def test_one_episode_has_no_official_score_and_an_eighth_of_the_updates(engines):
    short = tables.run(USUAL | {"selector": "uniform", "episodes": 1}, 0, engines).metrics
    whole = tables.run(USUAL | {"selector": "uniform"}, 0, engines).metrics
    assert "official_rmse" not in short and 8 * short["updates"] == whole["updates"]


def test_the_fleet_has_a_fair_protocol(engines):
    fleet = datasets.load("device_failure", source="twin")
    fair, printed = (tables.parts(fleet, 0, name) for name in ("fair", "printed"))
    assert len(fair[0]) < len(printed[0]) and not np.isnan(fair[0].remaining).any()
    assert set(tables.run({**USUAL, "data": "device_failure", "protocol": "fair", "selector": "uniform"}, 0, fleet).metrics) >= {
        "rmse",
        "entropy",
    }


def test_maps_change_what_they_name(engines, monkeypatch):
    seen = []
    real = QAQL.fit
    monkeypatch.setattr(QAQL, "fit", lambda self, *a, **k: (seen.append(self.get_params()), real(self, *a, **k))[1])
    place = {"data": "cmapss_fd001", "selector": "one-read"}
    maps.run(place | {"map": "table", "n_states": 16, "n_actions": 8}, 0, engines)
    maps.run(place | {"switch": "states along one axis"}, 0, engines)
    assert (seen[0]["n_states"], seen[0]["n_actions"]) == (16, 8) and seen[1]["state"] == "index"


def test_a_sampler_is_asked_at_every_update(engines, monkeypatch):
    monkeypatch.setattr(annealers, "N_UPDATES", 30)
    place = {"data": "cmapss_fd001"}
    drawn = annealers.run(place | {"sampler": "simulated-annealing", "reading": "first"}, 0, engines).metrics
    assert drawn["infeasible"] == 0 == drawn["blind"] and drawn["rmse"] > 0
    stand_in = annealers.run(place | {"selector": "one-read"}, 0, engines).metrics
    assert set(drawn) - set(stand_in) == {"infeasible", "blind"}

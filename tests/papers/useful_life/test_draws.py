"""What is measured of draws: costs of states, temperatures that are given back, the lowest of n reads."""

import numpy as np
import pytest

from qhelpers.datasets import load
from qhelpers.papers.useful_life.experiments import draws

TWIN = load("cmapss_fd001", "twin", seed=0)


def measured(**changes):
    config = {"costs": "reward", "sampler": "boltzmann", "factor": 2.0, "n_sweeps": 0, "schedule": "default"} | changes
    return draws.run(config, 0, TWIN)


def test_costs_of_states_are_errors_and_bootstrapping_adds_the_same_to_each():
    costs = draws.state_costs(TWIN, 0)
    reward, value = costs["reward"], costs["value"]
    assert reward.shape == value.shape == (16, 16)
    assert (reward > 0).all()
    assert np.ptp(value - reward, axis=1).max() < 1e-12
    assert (value.mean(axis=1) > reward.mean(axis=1)).all()
    best = reward.argmin(axis=1)
    assert best[0] == 15  # young engines: the cap
    assert best[0] > best[7] > best[-1]


def test_the_temperature_of_independent_draws_is_given_back():
    outcome = measured()
    metrics = outcome.metrics
    assert metrics["temperature"] == pytest.approx(draws.CHECK, rel=0.05)
    assert metrics["variation"] < 1.3 * metrics["noise"]
    assert metrics["infeasible"] == metrics["chain_breaks"] == 0
    assert metrics["lowest_is_greedy"] == 1
    assert outcome.arrays["counts"].sum() == 16 * draws.N_READS
    assert 2 < metrics["entropy"] < np.log(16)


def test_a_temperature_that_is_held_is_given_back_by_flips_and_by_choices(monkeypatch):
    monkeypatch.setattr(draws, "N_STATES", 2)
    metrics = measured(sampler="simulated-annealing", schedule="held", n_sweeps=60).metrics
    assert metrics["flip_temperature"] == pytest.approx(draws.HELD, rel=0.03)
    assert metrics["temperature"] == pytest.approx(draws.HELD, rel=0.25)
    assert metrics["infeasible"] > 0


def test_the_simulated_chip_reports_its_chains_and_is_warmer(monkeypatch):
    monkeypatch.setattr(draws, "N_STATES", 2)
    chip = measured(sampler="mock-qpu", n_sweeps=20).metrics
    plain = measured(sampler="simulated-annealing", n_sweeps=20).metrics
    assert chip["chain_breaks"] > 0
    assert chip["infeasible"] > plain["infeasible"]
    assert chip["temperature"] > plain["temperature"]


def test_a_larger_penalty_makes_draws_warmer(monkeypatch):
    monkeypatch.setattr(draws, "N_STATES", 3)
    low, high = (measured(sampler="simulated-annealing", n_sweeps=50, factor=factor).metrics for factor in (1.05, 8.0))
    assert low["temperature"] < high["temperature"] / 2
    assert low["entropy"] < high["entropy"]


def test_the_lowest_of_n_reads_is_counted_in_groups():
    costs = np.array([1.0, 0.0, 2.0])
    found = draws.lowest_of(np.array([0, 1, 2, -1, 0, 0, 0, 0, 1, 0]), costs)
    assert found.tolist() == [0.2, 0.4, 0.5 + 0.5, 1.0]

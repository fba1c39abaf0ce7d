"""Equations of paper 3: what theory says of each, and that something else would be seen."""

import numpy as np
import pytest

from qhelpers.papers.useful_life.experiments import equations
from qhelpers.qubo import one_hot_bqm, penalty_bound

TINY = 1e-9


def found(name, seed=0):
    return equations.EXPERIMENT.function({"equation": name}, seed).metrics


@pytest.mark.parametrize("name", [name for name in equations.EQUATIONS if name != "adiabatic"])
def test_each_sentence_holds(name):
    metrics = found(name)
    assert metrics["difference"] == next(iter(metrics.values())) < TINY
    assert metrics == found(name)
    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())


def test_the_model_is_sixteen_bits_that_are_all_coupled_alike():
    metrics = found("one-hot-energy")
    assert (metrics["variables"], metrics["couplings"], metrics["coupling_spread"]) == (16, 120, 0)


def test_energies_are_those_of_dimod_and_a_wrong_coefficient_would_be_seen(monkeypatch):
    costs, penalties = np.array([[0.3, 0.1, 0.7]]), np.array([2.0])
    bqm = one_hot_bqm(costs[0], 2.0)
    assert np.allclose(equations.energies(costs, penalties)[:, 0], bqm.energies(equations.strings(3)))
    quadratic = equations.one_hot_models.__globals__["OneHotModels"].quadratic.fget
    monkeypatch.setattr(equations.one_hot_models.__globals__["OneHotModels"], "quadratic", property(lambda m: quadratic(m) / 2))
    assert found("expansion")["difference"] > 0.1


def test_a_penalty_that_is_too_small_is_seen():
    costs = np.array([[0.5, 0.7, 0.9]])
    assert penalty_bound(costs[0]) == 0.5
    assert equations.not_greedy(costs, np.array([0.51])) == 0
    assert equations.not_greedy(costs, np.array([0.49])) == 1  # no bit is cheaper than the cheapest
    metrics = found("bound")
    assert (metrics["above_least.not_greedy"], metrics["below_least.not_greedy"]) == (0, 1)
    assert metrics["spread.not_greedy"] > 0.1
    assert 0 < metrics["least_of_table"] < 0.5


def test_all_bins_of_a_table_of_zeros_are_lowest():
    assert found("ground-state")["zero_table_states"] == equations.N_BINS


def test_sixteen_bins_cannot_come_nearer_than_their_width_allows():
    metrics = found("decoded")
    assert metrics["bin_width"] == 7.8125
    assert metrics["floor_rmse"] == pytest.approx(7.8125 / np.sqrt(12), rel=0.01)


def test_values_factorise_once_solved_and_not_while_learned():
    metrics = found("value-factorises")
    assert metrics["solved.not_greedy"] == 0
    assert metrics["learned.spread"] > 0.1


def test_a_mean_label_is_predicted_and_no_median():
    assert found("reward")["not_nearest_to_median"] > 0.1


def test_slow_is_surer_than_fast_and_a_narrow_gap_takes_longer():
    gap, wide = equations.anneal(np.array([0.0, 0.5, 1.0]), (0.1, 5.0, 100.0))
    narrow_gap, narrow = equations.anneal(np.array([0.0, 0.02, 1.0]), (100.0,))
    assert wide["probability.0.1"] == pytest.approx(1 / 8, abs=0.01)
    assert wide["probability.0.1"] < wide["probability.5"] < wide["probability.100"]
    assert wide["probability.100"] > 0.99 > narrow["probability.100"] + 0.2
    assert narrow_gap < gap


def test_what_the_longest_time_lacks_is_the_difference(monkeypatch):
    monkeypatch.setattr(equations, "TIMES", (0.1, 1.0))
    metrics = found("adiabatic")
    assert metrics["difference"] == equations.NEAR_ONE - metrics["probability.1"] > 0.5

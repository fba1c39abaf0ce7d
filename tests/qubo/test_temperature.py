"""Temperatures that are given back, total variation, and the noise of so many reads."""

import dimod
import numpy as np
import pytest

from qhelpers.qubo import (
    Schedule,
    decode,
    draw_softmax,
    effective_temperature,
    get_sampler,
    matched_temperature,
    noise_floor,
    one_hot_bqm,
    softmax,
    total_variation,
)

COSTS = np.random.default_rng(1).uniform(-1, 0, 16)


def test_a_temperature_that_is_held_is_given_back():
    bqm = one_hot_bqm(COSTS)
    sampler = get_sampler("simulated-annealing", schedule=Schedule.held(0.7, 100), num_reads=4000, seed=0)
    drawn = sampler.sample(bqm)
    assert 0.68 < effective_temperature(bqm, drawn) < 0.72
    reads = decode(drawn)
    expected = softmax(COSTS, 0.7)
    floor = noise_floor(expected, reads.n_reads - reads.n_infeasible)
    assert total_variation(reads.counts, expected) < 1.5 * floor


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e5])
def test_the_unit_of_the_costs_does_not_matter(unit):
    bqm = one_hot_bqm(unit * COSTS[:8])
    drawn = get_sampler("boltzmann", temperature=0.4 * unit, one_hot=False, num_reads=3000, seed=0).sample(bqm)
    assert effective_temperature(bqm, drawn) == pytest.approx(0.4 * unit, rel=0.05)
    spins = drawn.change_vartype("SPIN", inplace=False)
    assert effective_temperature(bqm, spins) == pytest.approx(effective_temperature(bqm, drawn))
    actions = draw_softmax(np.tile(unit * COSTS, (4000, 1)), 0.4 * unit, 0)
    assert matched_temperature(unit * COSTS, actions) == pytest.approx(0.4 * unit, rel=0.15)


def test_what_is_too_cold_or_too_hot_to_measure_is_said():
    bqm = one_hot_bqm(COSTS[:6])
    assert effective_temperature(bqm, get_sampler("exact").sample(bqm)) == 0.0
    assert matched_temperature(COSTS, [COSTS.argmin()] * 5) == 0.0
    assert matched_temperature(COSTS, [COSTS.argmax(), -1]) == np.inf
    with pytest.raises(ValueError, match="no read is one-hot"):
        matched_temperature(COSTS, [-1, -1])
    flat = dimod.BinaryQuadraticModel({0: 0.0, 1: 0.0}, {}, "SPIN")
    with pytest.raises(ValueError, match="no bias"):
        effective_temperature(flat, dimod.ExactSolver().sample(flat))


def test_a_temperature_is_matched_over_many_cost_vectors():
    rows = np.random.default_rng(2).normal(size=(6000, 16))
    assert matched_temperature(rows, draw_softmax(rows, 0.7, 5)) == pytest.approx(0.7, rel=0.05)


def test_the_noise_floor_is_the_mean_of_what_is_drawn():
    p = softmax(COSTS, 0.3)
    rng = np.random.default_rng(0)
    drawn = [total_variation(rng.multinomial(200, p), p) for _ in range(3000)]
    assert noise_floor(p, 200) == pytest.approx(np.mean(drawn), rel=0.02)
    assert noise_floor([0.5, 0.5], 1) == 0.5
    assert noise_floor([1.0, 0.0], 10) == 0.0


def test_total_variation_is_between_zero_and_one():
    assert total_variation([3, 1], [0.75, 0.25]) == 0.0
    assert total_variation([1, 0], [0, 7]) == 1.0
    for wrong in ([0, 0], [1, -1], [np.nan, 1], [1, 2, 3]):
        with pytest.raises(ValueError, match="a distribution has"):
            total_variation(wrong, [0.5, 0.5])
    with pytest.raises(ValueError, match="sum to 1"):
        noise_floor([0.5, 0.6], 10)
    with pytest.raises(ValueError, match="0 reads"):
        noise_floor([0.5, 0.5], 0)
    with pytest.raises(ValueError, match="above 0"):
        softmax(COSTS, 0.0)

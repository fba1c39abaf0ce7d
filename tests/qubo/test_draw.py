"""Draws without an annealer: the right distribution, ties by rule, the same for the same seed."""

import numpy as np
import pytest

from qhelpers.qubo import (
    draw_epsilon_greedy,
    draw_lowest,
    draw_lowest_of_reads,
    draw_softmax,
    noise_floor,
    softmax,
    total_variation,
)
from qhelpers.qubo.draw import softmax_one

COSTS = np.random.default_rng(1).uniform(-1, 0, 16)


@pytest.mark.parametrize("temperature", [0.05, 0.7, 1e6])
def test_a_softmax_is_drawn(temperature):
    n = 40_000
    drawn = draw_softmax(np.tile(COSTS, (n, 1)), temperature, 1)
    expected = softmax(COSTS, temperature)
    assert total_variation(np.bincount(drawn, minlength=16), expected) < 1.6 * noise_floor(expected, n)


def test_each_row_has_its_own_distribution():
    costs = np.zeros((3, 4))
    costs[[0, 1, 2], [2, 0, 3]] = -100.0
    assert draw_softmax(costs, 1.0, 0).tolist() == [2, 0, 3]
    assert draw_softmax(costs[1], 1.0, 0) == 0


def test_a_bin_without_weight_is_never_drawn():
    room = np.empty(3)
    for uniform in (0.0, 0.5, np.nextafter(1.0, 0.0)):
        assert softmax_one(np.array([1e9, 0.0, 1e9]), 1.0, uniform, room) == 1


def test_equal_costs_go_by_their_rule():
    costs = np.tile([0.0, -1.0, 0.0, -1.0, -1.0], (6000, 1))
    assert set(draw_lowest(costs)) == {1}
    assert set(draw_lowest(costs, "last")) == {4}
    found = np.bincount(draw_lowest(costs, "random", 0), minlength=5)
    assert found[[0, 2]].sum() == 0 and np.abs(found[[1, 3, 4]] / 6000 - 1 / 3).max() < 0.03
    np.testing.assert_array_equal(draw_lowest(np.random.default_rng(3).normal(size=(50, 16))),
                                  np.random.default_rng(3).normal(size=(50, 16)).argmin(axis=1))  # fmt: skip
    assert draw_lowest([3.0, 1.0, 2.0]) == 1


def test_epsilon_is_how_often_it_explores():
    drawn = np.bincount(draw_epsilon_greedy(np.tile(COSTS, (20_000, 1)), 0.32, rng=0), minlength=16) / 20_000
    expected = np.full(16, 0.32 / 16)
    expected[COSTS.argmin()] += 0.68
    assert np.abs(drawn - expected).max() < 0.012
    assert draw_epsilon_greedy(COSTS, 0.0) == COSTS.argmin()


def test_a_seed_says_what_is_drawn():
    costs = np.random.default_rng(0).normal(size=(100, 16))
    rng = np.random.default_rng(4)
    first = draw_softmax(costs, 1.0, rng)
    assert first.tolist() == draw_softmax(costs, 1.0, 4).tolist() != draw_softmax(costs, 1.0, rng).tolist()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: draw_softmax([[0.0, np.nan]], 1.0), r"NaN or infinite, the first at \(0, 1\)"),
        (lambda: draw_softmax(COSTS, 0.0), "above 0"),
        (lambda: draw_softmax(COSTS, np.nan), "above 0"),
        (lambda: draw_lowest(COSTS, "any"), "no rule 'any' for equal costs; there are: first, last, random"),
        (lambda: draw_epsilon_greedy(COSTS, 1.5), "epsilon is 1.5"),
        (lambda: draw_lowest([1.0]), "at least two bins"),
    ],
)
def test_what_is_asked_wrongly_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("n_reads", [1, 3, 1000])
def test_the_lowest_of_many_reads_is_drawn_without_making_them(n_reads):
    n = 20_000
    drawn = draw_lowest_of_reads(np.tile(COSTS, (n, 1)), 0.7, n_reads, 1)
    reads = np.random.default_rng(0).choice(16, (n, min(n_reads, 50)), p=softmax(COSTS, 0.7))
    order = COSTS.argsort()
    at_least = np.cumsum(softmax(COSTS, 0.7)[order][::-1])[::-1] ** n_reads
    expected = np.empty(16)
    expected[order] = at_least - np.r_[at_least[1:], 0.0]
    assert total_variation(np.bincount(drawn, minlength=16), expected) < 1.6 * noise_floor(expected, n)
    if n_reads <= 50:
        made = order[np.argsort(order)[reads].min(axis=1)]
        assert total_variation(np.bincount(made, minlength=16), expected) < 1.6 * noise_floor(expected, n)


def test_equal_costs_of_the_lowest_read_are_drawn_alike():
    found = np.bincount(draw_lowest_of_reads(np.zeros((8000, 4)), 0.3, 1000, 0), minlength=4)
    assert np.abs(found / 8000 - 0.25).max() < 0.03
    with pytest.raises(ValueError, match="at least 1"):
        draw_lowest_of_reads(COSTS, 0.3, 0)

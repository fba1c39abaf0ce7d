"""One-hot models: energies, the bound of the penalty, spins, many at once, and what reads say."""

import itertools

import dimod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhelpers.qubo import PenaltyError, decode, one_hot_bqm, one_hot_models, penalty_bound, scaled_penalty

STATES = np.array(list(itertools.product((0, 1), repeat=5)))
ONE_HOT = STATES.sum(axis=1) == 1


def energies(costs, penalty):
    return STATES @ costs + penalty * (STATES.sum(axis=1) - 1) ** 2


def test_energies_are_those_of_the_definition():
    costs = np.array([0.4, -1.2, 0.1, 2.0, -0.3])
    bqm = one_hot_bqm(costs, 3.0)
    np.testing.assert_allclose(bqm.energies((STATES, range(5))), energies(costs, 3.0), atol=1e-12)
    assert bqm.vartype is dimod.BINARY and len(bqm.quadratic) == 10
    assert bqm.energy(dict(enumerate([0, 1, 0, 0, 0]))) == pytest.approx(-1.2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=5, max_size=5))
def test_the_bound_is_the_tightest(whole):
    costs = np.array(whole, dtype=float)
    bound = penalty_bound(costs)
    above = energies(costs, bound + 0.01)
    assert above[ONE_HOT].min() < above[~ONE_HOT].min()
    if bound > 0:
        at = energies(costs, bound)
        assert at[~ONE_HOT].min() <= at[ONE_HOT].min()
    assert scaled_penalty(costs) > bound
    assert bound <= np.abs(costs).max()


def test_a_penalty_at_its_bound_is_refused_by_name():
    with pytest.raises(PenaltyError, match=r"penalty 9\.5 is not above 9\.5, the bound for row 1 of 2"):
        one_hot_models([[0.1, 0.2], [-10.0, -9.5]], 9.5)
    assert one_hot_models([[-10.0, -9.5]], 0.6, allow_below=True).penalties[0] == 0.6  # above the spread, and yet too little
    with pytest.raises(PenaltyError, match="positive number, not nan"):
        one_hot_bqm([1.0, 2.0], np.nan)
    with pytest.raises(PenaltyError, match="positive number, not 0"):
        one_hot_bqm([0.0, 0.0], 0.0)
    with pytest.raises(ValueError, match="factor is 1"):
        scaled_penalty([1.0, 2.0], 1.0)


def test_a_penalty_follows_its_costs():
    costs = np.array([[0.0, 0.0, 0.0], [1.0, -4.0, 2.0]])
    assert scaled_penalty(costs).tolist() == [1.0, 8.0]
    assert scaled_penalty(costs[1], 1.5) == 6.0
    assert one_hot_models(costs).penalties.tolist() == [1.0, 8.0]


def test_many_models_are_those_built_one_by_one():
    costs = np.random.default_rng(0).normal(size=(7, 16))
    models = one_hot_models(costs)
    assert len(models) == 7
    fields, couplings, constants = models.ising()
    for i in range(7):
        dimod.testing.assert_bqm_almost_equal(models[i], one_hot_bqm(costs[i]))
        spins = models[i].spin
        np.testing.assert_allclose([spins.linear[k] for k in range(16)], fields[i])
        np.testing.assert_allclose(list(spins.quadratic.values()), couplings[i])
        assert spins.offset == pytest.approx(constants[i])
        np.testing.assert_allclose([models[i].linear[k] for k in range(16)], models.linear[i])
        assert set(models[i].quadratic.values()) == {models.quadratic[i]}


def test_building_many_does_not_cost_a_call_each(calls):
    costs = np.random.default_rng(0).normal(size=(1000, 16))
    with calls() as together:
        one_hot_models(costs)
    with calls() as ten:
        for row in costs[:10]:
            one_hot_bqm(row)
    assert 100 * ten() > 10 * together()
    assert together() < ten()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_costs_that_are_no_numbers_are_refused(wrong):
    costs = np.zeros((3, 16))
    costs[2, 5] = wrong
    for refused in (lambda: one_hot_models(costs), lambda: penalty_bound(costs), lambda: one_hot_bqm(costs[2])):
        with pytest.raises(ValueError, match=r"costs are NaN or infinite, the first at \(.*5\).*diverged"):
            refused()


@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (2, 2, 2)])
def test_costs_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="wanted is"):
        penalty_bound(np.zeros(shape))
    with pytest.raises(ValueError, match="wanted is"):
        one_hot_models(np.zeros(shape))


def test_reads_are_decoded_in_order_and_counted():
    rows = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]])
    sampleset = dimod.SampleSet.from_samples((rows, [2, 0, 1]), "BINARY", [2.0, 9.0, 0.5, 1.0], num_occurrences=[2, 1, 1, 1])
    reads = decode(sampleset)
    assert reads.actions.tolist() == [0, 0, -1, -1, 2]
    assert (reads.n_reads, reads.n_infeasible, reads.lowest, reads.first) == (5, 2, 2, 0)
    assert reads.counts.tolist() == [2, 0, 1]
    as_spins = decode(sampleset.change_vartype("SPIN", inplace=False))
    assert as_spins.actions.tolist() == reads.actions.tolist()
    none = decode(dimod.SampleSet.from_samples(np.ones((2, 3), dtype=int), "BINARY", [0.0, 0.0]))
    assert (none.lowest, none.first, none.n_infeasible) == (-1, -1, 2)


def test_what_cannot_be_decoded_is_refused():
    with pytest.raises(ValueError, match="variables are"):
        decode(dimod.SampleSet.from_samples([{"a": 1, "b": 0}], "BINARY", [0.0]))
    with pytest.raises(ValueError, match="empty"):
        decode(dimod.SampleSet.from_samples((np.empty((0, 3), dtype=int), range(3)), "BINARY", []))

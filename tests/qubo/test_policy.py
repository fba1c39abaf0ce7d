"""A policy in the place of argmax: arrays, tensors, an environment, reads that are not one-hot."""

import doctest

import dimod
import numpy as np
import pytest
import torch

from qhelpers.qubo import AnnealedPolicy, build, get_sampler, policy


@pytest.mark.parametrize("module", [build, policy])
def test_the_examples_run(module):
    done = doctest.testmod(module)
    assert done.attempted >= 2 and done.failed == 0


def test_it_takes_what_argmax_takes():
    values = np.random.default_rng(0).normal(size=(3, 6))
    greedy = AnnealedPolicy(get_sampler("exact"))
    assert greedy(values[0]) == values[0].argmax()
    assert type(greedy(values[0])) is int
    np.testing.assert_array_equal(greedy(values), values.argmax(axis=1))
    assert greedy(values.tolist()[1]) == values[1].argmax()
    tensor = torch.tensor(values, dtype=torch.float32, requires_grad=True)
    found = greedy(tensor)
    assert found.dtype == torch.int64 and found.tolist() == values.argmax(axis=1).tolist()
    assert greedy(tensor[0]).shape == tensor[0].argmax(dim=-1).shape == ()
    assert greedy.n_choices == 10


def test_one_draw_explores_and_the_lowest_of_many_does_not():
    values = np.linspace(0.0, 1.0, 6)
    draw = AnnealedPolicy(get_sampler("boltzmann", temperature=0.5, seed=0), reading="first", num_reads=1)
    assert len({draw(values) for _ in range(60)}) >= 4
    assert (draw.n_choices, draw.n_reads, draw.n_infeasible) == (60, 60, 0)
    lowest = AnnealedPolicy(get_sampler("boltzmann", temperature=0.5, seed=0), num_reads=200)
    assert {lowest(values) for _ in range(10)} == {5}


class Broken(dimod.Sampler):
    """Sets every bit."""

    parameters = properties = {}

    def sample(self, bqm, **parameters):
        return dimod.SampleSet.from_samples_bqm(dict.fromkeys(bqm.variables, 1), bqm)


def test_where_no_read_is_one_hot_the_action_is_blind_and_counted():
    blind = AnnealedPolicy(Broken(), seed=0)
    assert {blind(np.zeros(4)) for _ in range(60)} == {0, 1, 2, 3}
    assert (blind.n_blind, blind.n_infeasible, blind.n_reads) == (60, 60, 60)


def test_what_is_asked_wrongly_is_refused():
    exact = get_sampler("exact")
    for call, said in (
        (lambda: AnnealedPolicy(exact, reading="best"), "no reading 'best'; there are: lowest, first"),
        (lambda: AnnealedPolicy(exact, num_reads=0), "at least one read"),
        (lambda: AnnealedPolicy(exact, penalty_factor=1.0), "factor is 1"),
        (lambda: AnnealedPolicy(exact)([0.0, float("nan")]), "diverged"),
    ):
        with pytest.raises(ValueError, match=said):
            call()

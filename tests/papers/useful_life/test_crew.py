"""The crew's QUBO: its ground state against every plan and HiGHS, the greedy rule, what a chip has room for, what is refused."""

from __future__ import annotations

import itertools

import dimod
import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life import crew
from qhelpers.papers.useful_life.experiments import crew as experiment


def drawn(seed, n_assets=5, n_slots=2):
    rng = np.random.default_rng(seed)
    return crew.draw(rng.uniform(0, 60, 50), 12.0, n_assets, n_slots, rng)


def every_plan(problem):
    """Plans in which an asset is done once at most, all of them."""
    n_assets, n_slots = problem.saving.shape
    when = np.array(list(itertools.product(range(n_slots + 1), repeat=n_assets)))
    return when[:, :, None] == np.arange(n_slots)


@pytest.mark.parametrize("seed", range(6))
def test_ground_state_brute_force_and_highs_agree(seed):
    problem = drawn(seed)
    plans = every_plan(problem)
    best = problem.saved(plans[problem.feasible(plans)]).max()
    found, bound = crew.exact(problem)
    assert problem.feasible(found)
    assert problem.saved(found) == pytest.approx(best)
    assert bound == pytest.approx(best)
    lowest = dimod.ExactSolver().sample(crew.to_bqm(problem)).lowest(atol=1e-9)
    ground = crew.plans(problem, lowest)
    assert problem.feasible(ground).all()
    assert lowest.first.energy == pytest.approx(-best)
    np.testing.assert_allclose(problem.saved(ground), best)


@pytest.mark.parametrize("seed", range(6))
def test_greedy_is_feasible_and_mends_what_is_not(seed):
    problem = drawn(seed, 12, 4)
    plan = crew.greedy(problem)
    assert problem.feasible(plan)
    best, _ = crew.exact(problem)
    assert 0 < problem.saved(plan) <= problem.saved(best) + 1e-9
    mended = crew.greedy(problem, np.ones((12, 4), bool))
    assert problem.feasible(mended)
    np.testing.assert_array_equal(crew.greedy(problem, best), best)


def test_rules_and_savings_by_hand():
    saving = np.array([[1.0, 2.0], [3.0, -1.0], [1.0, 1.0]])
    problem = crew.Crew(saving, np.array([1, 2, 3]), np.array([0, 0, 1]), places=2, budget=4, shared=0.5)
    plan = np.zeros((3, 2), bool)
    plan[0, 0] = plan[1, 0] = True
    assert problem.saved(plan) == 4.5
    assert problem.feasible(plan)
    twice, dear = plan.copy(), plan.copy()
    twice[0, 1] = dear[2, 1] = True
    crowded = np.array([[True, False]] * 3)
    assert not problem.feasible(np.array([twice, dear, crowded])).any()
    assert problem.saved(crew.exact(problem)[0]) == 5.0  # one now and the other later, without the shared set-up


def test_a_light_penalty_moves_the_ground_state_and_the_unbalanced_one_needs_no_slack():
    problem = drawn(0)
    light = dimod.ExactSolver().sample(crew.to_bqm(problem, weight=0.05 * crew.penalty(problem)))
    assert not problem.feasible(crew.plans(problem, light.truncate(1))).all()
    assert crew.to_bqm(problem, "unbalanced").num_variables == problem.saving.size
    assert crew.to_bqm(problem).num_variables > problem.saving.size


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crew.to_bqm(drawn(0), "none"), "how='none'"),
        (lambda: crew.draw(np.ones(3), 1.0, 4, 2, np.random.default_rng(0)), "n_assets=4, n_slots=2 with 3 forecasts"),
        (lambda: crew.draw(np.ones(3), 0.0, 2, 2, np.random.default_rng(0)), "rmse=0.0"),
        (lambda: crew.Crew(np.ones(3), np.ones(3, int), np.ones(3, int), 1, 1, 0.0), "savings of shape"),
        (lambda: crew.Crew(np.ones((3, 2)), np.ones(3, int), np.ones(3, int), 0, 1, 0.0), "places=0"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_run_of_the_smallest_size(monkeypatch):
    few = {name: experiment.METHODS[name] for name in ("annealing", "annealing_light")}
    monkeypatch.setattr(experiment, "METHODS", few)
    data = datasets.load("cmapss_fd001", source="twin", seed=0)
    found = experiment.run({"data": "cmapss_fd001", "assets": 4, "slots": 2}, 0, data).metrics
    assert found["proven"] == 1
    assert 0 <= found["greedy_saved"] <= 1 + 1e-9
    assert found["annealing_saved"] == pytest.approx(1)
    assert found["variables"] > 8


def test_a_plan_that_saves_nothing_is_the_whole_of_nothing():
    assert experiment.share(0.0, 0.0) == 1
    assert experiment.share(0.5, 2.0) == pytest.approx(0.25)


def test_room_on_a_chip():
    found = experiment.run({"variables": 12}, 0).metrics
    assert found["qubits"] >= 12 * found["longest_chain"] / 2
    assert found["modelled_call"] > 0.02

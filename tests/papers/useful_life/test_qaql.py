"""QAQL: Algorithm 1 by hand, compiled and step by step alike, every switch, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life.experiments import tables
from qhelpers.papers.useful_life.qaql import INITIAL, QAQL, RULES, States, trajectories
from qhelpers.papers.useful_life.windows import Windows, as_printed
from qhelpers.qubo import AnnealedPolicy, get_sampler


@pytest.fixture(scope="module")
def parts():
    return as_printed(datasets.load("cmapss_fd001", source="twin"), 0)


@pytest.fixture(scope="module")
def train(parts):
    return parts[0].of(np.unique(parts[0].unit)[:6])


@pytest.fixture(scope="module")
def states(train):
    return States(n_states=20).fit(train)


def record(labels, unit=None):
    """Windows of one row, whose reading is their label."""
    y = np.asarray(labels, float)
    unit = np.zeros(len(y), int) if unit is None else np.asarray(unit)
    rows = np.arange(len(y))
    return Windows(values=y[:, None], features=("x",), first=rows, last=rows, length=1, unit=unit, remaining=y, y=y)


def test_one_episode_by_hand():
    windows = record([4.0, 0.0])
    agent = QAQL("argmax", ties="first", n_actions=2, n_states=2, n_episodes=1, learning_rate=0.5, discount=0.9).fit(windows)
    first, second = agent.states_.of(windows)
    assert agent.centres_.tolist() == [1.0, 3.0]
    # bin 1.0 is taken in both, for all values are 0: errors of 3 and of 1 in a range of 4, nothing learned yet of the next state
    assert agent.values_[first].tolist() == [0.5 * -((3 / 4) ** 2), 0.0]
    assert agent.values_[second].tolist() == [0.5 * -((1 / 4) ** 2), 0.0]
    agent.set_params(n_episodes=2).fit(windows)
    # now bin 3.0 looks best in both; the next state's best is 0
    assert agent.values_[first].tolist() == [0.5 * -((3 / 4) ** 2), 0.5 * -((1 / 4) ** 2)]
    agent.set_params(n_episodes=3).fit(windows)
    # its best is now -1/32, and bin 3.0 the better one in the first state
    assert agent.values_[first, 1] == pytest.approx(-1 / 32 + 0.5 * (-1 / 16 + 0.9 * -1 / 32 + 1 / 32), abs=1e-15)
    assert agent.predict(windows).tolist() == [3.0, 1.0]


@pytest.mark.parametrize("td", [True, False])
@pytest.mark.parametrize("initial", INITIAL)
def test_compiled_and_step_by_step_agree(train, states, td, initial):
    given = {"td": td, "initial": initial, "n_episodes": 2, "random_state": 3}
    compiled = QAQL("argmax", ties="first", **given).fit(train, states=states)
    by_step = QAQL(np.argmax, **given).fit(train, states=states)
    np.testing.assert_allclose(compiled.values_, by_step.values_, rtol=1e-12)
    np.testing.assert_array_equal(compiled.chosen_, by_step.chosen_)


def test_an_annealer_at_the_lowest_of_its_reads_is_the_argmax(train, states):
    given = {"initial": "random", "max_updates": 40, "random_state": 1}
    policy = AnnealedPolicy(get_sampler("simulated-annealing", n_sweeps=50, seed=0), num_reads=200)
    annealed = QAQL(policy, **given).fit(train, states=states)
    assert annealed.n_updates_ == 40 == policy.n_choices
    np.testing.assert_array_equal(annealed.values_, QAQL("argmax", **given).fit(train, states=states).values_)
    np.testing.assert_array_equal(annealed.values_, QAQL("lowest-of-reads", **given).fit(train, states=states).values_)


def test_learning_goes_where_the_full_table_would(parts):
    train, test = parts
    found = States(n_states=50).fit(train)
    table = tables.guess("mean-of-state", train, test, found)
    agent = QAQL("uniform", td=False, n_states=50, learning_rate=0.02).fit(train, states=found)
    assert np.sqrt(np.mean((agent.predict(test) - table) ** 2)) < 125 / 16


@pytest.mark.parametrize("selector", RULES)
def test_every_rule_is_drawn_alike_for_a_seed_and_tries_what_it_says(train, states, selector):
    one, two, other = (QAQL(selector, random_state=seed, n_episodes=3).fit(train, states=states) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.values_, two.values_)
    assert (one.chosen_ != other.chosen_).any() and one.n_updates_ == 3 * len(train) == one.chosen_.sum()
    assert one.n_episodes_ == 3 and np.isfinite(one.values_).all()


def test_switches(train, states):
    whole = QAQL("uniform", n_episodes=2).fit(train, states=states)
    single = QAQL("uniform", n_episodes=2, whole=False).fit(train, states=states)
    lengths = np.diff(trajectories(train))
    assert len(lengths) == 6 and whole.n_updates_ == 2 * len(train)
    assert single.n_updates_ in {a + b for a in lengths for b in lengths}
    replayed = QAQL("uniform", td=False, replay=16, n_episodes=2).fit(train, states=states)
    once = QAQL("uniform", td=False, n_episodes=2).fit(train, states=states)
    table = tables.guess("mean-of-state", train, train, states)
    assert replayed.n_updates_ == whole.n_updates_
    assert np.std(replayed.predict(train) - table) < np.std(once.predict(train) - table)
    assert QAQL("uniform", tolerance=10.0, td=False).fit(train, states=states).n_episodes_ == 1
    assert QAQL("uniform", max_updates=7).fit(train, states=states).n_updates_ == 7


def test_exploration_of_table_3_falls(train, states):
    early = QAQL("epsilon-greedy", n_episodes=1).fit(train, states=states)
    always = QAQL("epsilon-greedy", n_episodes=1, epsilons=(1.0, 1.0, 0.8)).fit(train, states=states)
    never = QAQL("epsilon-greedy", n_episodes=1, epsilons=(0.0, 0.0, 0.8), initial="pessimistic").fit(train, states=states)
    spread = [np.mean(one.chosen_.max(axis=1) / one.chosen_.sum(axis=1)) for one in (always, early, never)]
    assert spread[0] < spread[2] and spread[1] < spread[2]


@pytest.mark.parametrize("kind", ["means", "last row", "index"])
def test_states_are_of_the_window_alone(parts, kind):
    train, test = parts
    found = States(kind, 30).fit(train)
    seen = found.of(test)
    assert seen.shape == (len(test),) and seen.min() >= 0 and seen.max() < 30
    np.testing.assert_array_equal(found.of(test.only(np.arange(5, 9))), seen[5:9])
    if kind == "index":
        assert np.ptp(np.bincount(found.of(train), minlength=30)) <= 2
    if kind == "means":
        np.testing.assert_allclose(found._features(test.only([3, 77])), test.only([3, 77]).X.mean(axis=1), atol=1e-9)


def test_records_with_holes_are_apart():
    windows = record([3.0, 2.0, 9.0, 8.0], unit=[0, 0, 1, 1])
    assert trajectories(windows).tolist() == [0, 2, 4]
    assert trajectories(windows.only([0, 1, 3])).tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"selector": "annealer"}, "lowest-of-reads"),
        ({"initial": "ones"}, "pessimistic"),
        ({"temperature": 0.0}, "above 0"),
        ({"discount": 1.0}, "below 1"),
        ({"learning_rate": 0.0}, "at most 1"),
        ({"n_actions": 1}, "at least 2"),
        ({"selector": np.argmax, "replay": 4}, "rule of the table"),
        ({"n_states": 10_000}, "as many windows"),
        ({"state": "first row"}, "last row"),
    ],
)
def test_what_is_refused(train, wrong, named):
    with pytest.raises(ValueError, match=named):
        QAQL(**wrong).fit(train)


def test_an_experiment_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="official"):
        tables.parts(datasets.load("cmapss_fd001", source="twin"), 0, "fair")

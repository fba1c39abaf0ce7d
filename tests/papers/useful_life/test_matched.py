"""Matched entropy: entropies against draws that are counted, equal ones found, full information by hand, what a table can do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from qhelpers.papers.useful_life import matched, qaql
from qhelpers.papers.useful_life.experiments import entropy as experiment
from qhelpers.papers.useful_life.qaql import QAQL, RULES, States
from qhelpers.papers.useful_life.windows import as_printed
from qhelpers.qubo import draw_epsilon_greedy, draw_lowest, draw_lowest_of_reads, draw_softmax
from qhelpers.qubo.draw import TIES

COSTS = np.array([0.3, 0.0, 0.7, 0.0, 0.3, 1.0])
N = 40_000


@pytest.fixture(scope="module")
def parts(engines):
    train, test = as_printed(engines, 0)
    return train.of(np.unique(train.unit)[:8]), test


@pytest.fixture(scope="module")
def states(parts):
    return States(n_states=20).fit(parts[0])


def chances(rule, ties="random", epsilon=0.3, beta=2.0, n_reads=7.0):
    out = np.empty(len(COSTS))
    qaql._chances(COSTS, RULES[rule], TIES[ties], epsilon, beta, n_reads, out)
    return out


@pytest.mark.parametrize(
    ("found", "draw"),
    [
        (chances("one-read"), lambda rows, rng: draw_softmax(rows, 0.5, rng)),
        (chances("lowest-of-reads"), lambda rows, rng: draw_lowest_of_reads(rows, 0.5, 7, rng)),
        (chances("lowest-of-reads", n_reads=2.0), lambda rows, rng: draw_lowest_of_reads(rows, 0.5, 2, rng)),
        *((chances("argmax", ties), lambda rows, rng, ties=ties: draw_lowest(rows, ties, rng)) for ties in TIES),
        *(
            (chances("epsilon-greedy", ties), lambda rows, rng, ties=ties: draw_epsilon_greedy(rows, 0.3, ties, rng))
            for ties in TIES
        ),
        (chances("uniform"), lambda rows, rng: rng.integers(len(COSTS), size=N)),
    ],
)
def test_chances_are_what_is_drawn(found, draw):
    counted = np.bincount(draw(np.tile(COSTS, (N, 1)), np.random.default_rng(0)), minlength=len(COSTS)) / N
    assert found.sum() == pytest.approx(1, abs=1e-12) and np.abs(found - counted).max() < 4 * np.sqrt(0.25 / N)
    assert entropy(found) == pytest.approx(entropy(counted), abs=0.01)


def test_the_lowest_of_given_reads_is_distributed_as_counted():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(len(COSTS)))
    reads = rng.choice(len(COSTS), p=p, size=(N, 3))
    lowest = COSTS[reads].min(axis=1)
    found = matched.lowest_of_chances(COSTS, p, 3)
    for cost in np.unique(COSTS):
        assert found[cost == COSTS].sum() == pytest.approx(np.mean(lowest == cost), abs=0.01)
    softmax = np.exp(-2 * COSTS) / np.exp(-2 * COSTS).sum()
    np.testing.assert_allclose(matched.lowest_of_chances(COSTS, softmax, 7), chances("lowest-of-reads"), atol=1e-12)
    np.testing.assert_allclose(matched.lowest_of_chances(np.stack([COSTS, -COSTS]), np.stack([p, p]), 1)[0].sum(), 1)
    with pytest.raises(ValueError, match="one shape"):
        matched.lowest_of_chances(COSTS, p[:-1], 3)


@pytest.mark.parametrize("td", [True, False])
def test_the_entropy_of_a_training_is_the_mean_of_its_draws(parts, states, td):
    train = parts[0]
    given = {"td": td, "random_state": 4, "n_episodes": 1}
    seen = []

    def first_of_equals(values):
        seen.append(np.log((values == values.max()).sum()))
        return int(values.argmax())

    QAQL(first_of_equals, **given).fit(train, states=states)
    told = QAQL("argmax", ties="first", tell=True, **given).fit(train, states=states)
    assert told.draw_entropy_ == 0 and np.mean(seen) > 0
    blind = QAQL("uniform", tell=True, **given).fit(train, states=states)
    assert blind.draw_entropy_ == pytest.approx(np.log(16))
    one = QAQL("lowest-of-reads", n_reads=3, tell=True, **given).fit(train, states=states)
    other = QAQL("lowest-of-reads", n_reads=3, **given).fit(train, states=states)
    np.testing.assert_array_equal(one.values_, other.values_)  # no draw is changed
    # of one state and one step, by hand: all values are 0
    assert QAQL("argmax", ties="random", tell=True, max_updates=1).fit(train, states=states).draw_entropy_ == np.log(16)
    with pytest.raises(ValueError, match="nobody knows"):
        QAQL(np.argmax, tell=True).fit(train)


@pytest.mark.parametrize("selector", ["softmax", "epsilon-greedy"])
@pytest.mark.parametrize("target", [0.5, 1.6, 2.5, np.log(16)])
def test_entropies_are_matched_within_tolerance(parts, states, selector, target):
    agent = matched.matched(selector, target, parts[0], states, n_episodes=3)
    assert agent.draw_entropy_ == pytest.approx(target, abs=matched.TOLERANCE)


@pytest.mark.parametrize(("selector", "target"), [("argmax", 1.0), ("softmax", 3.0), ("softmax", -0.1)])
def test_what_cannot_be_matched_is_refused(parts, states, selector, target):
    with pytest.raises(ValueError, match=r"from 0 to 2\.773"):
        matched.matched(selector, target, parts[0], states)


@pytest.mark.parametrize("td", [True, False])
def test_full_information_by_hand(parts, states, td):
    train = parts[0].of(np.unique(parts[0].unit)[:1])
    agent = matched.FullInformation("uniform", td=td, n_episodes=2).fit(train, states=states)
    q, seen = np.zeros((20, 16)), states.of(train)
    for _ in range(2):
        for t in range(len(train)):
            after = q[seen[t + 1]].max() if td and t + 1 < len(train) else 0.0
            reward = -(((agent.centres_ - train.y[t]) / train.y.max()) ** 2)
            q[seen[t]] += 0.1 * (reward + 0.99 * after - q[seen[t]])
    np.testing.assert_allclose(agent.values_, q, atol=1e-12)
    assert agent.n_updates_ == 2 * 16 * len(train)


def test_with_full_information_temporal_difference_changes_no_prediction(parts, states):
    train, test = parts
    one, other = (matched.FullInformation("uniform", td=td).fit(train, states=states) for td in (True, False))
    assert np.abs(one.values_ - other.values_).max() > 0.1
    np.testing.assert_allclose(np.diff(one.values_, axis=1), np.diff(other.values_, axis=1), atol=1e-12)
    np.testing.assert_array_equal(one.predict(test), other.predict(test))


def test_what_a_table_can_do_is_the_best_of_all_tables(parts, states):
    train, test = parts
    found = matched.limits(train, test, states)
    centres = (np.arange(16) + 0.5) * train.y.max() / 16
    for name, windows in (("best-bin", train), ("oracle-bin", test)):
        where, guessed = states.of(windows), found[name]
        for state in np.unique(states.of(test)):
            if (where == state).any():
                errors = [np.sum((centre - windows.y[where == state]) ** 2) for centre in centres]
                assert set(guessed[states.of(test) == state]) == {centres[np.argmin(errors)]}
    rmse = {name: np.sqrt(np.mean((one - test.y) ** 2)) for name, one in found.items()}
    assert rmse["nearest-bin"] < rmse["oracle-bin"] < min(rmse["best-bin"], rmse["state-mean"])


def test_floors_by_arithmetic():
    even = matched.floors(np.linspace(0, 125, 100_001))
    assert even["counted"] == pytest.approx(even["even"], rel=1e-3) and even["even"] == pytest.approx(125 / 16 / 12**0.5)
    capped = np.r_[np.linspace(0, 125, 100_001), np.full(100_000, 125.0)]
    found = matched.floors(capped)
    assert found["counted"] == pytest.approx(found["mixed"], rel=1e-3) and found["share"] == pytest.approx(0.5, abs=1e-4)
    assert found["even"] < found["mixed"] < found["at the cap"] == pytest.approx(125 / 32)


def test_a_share_is_a_mean_of_differences_and_its_interval_is_of_units():
    units, windows = [np.array([3, 5]), np.array([5, 9])], [np.array([2, 1]), np.array([1, 4])]
    one, other = [np.array([8.0, 4.0]), np.array([4.0, 16.0])], [np.array([2.0, 1.0]), np.array([1.0, 4.0])]
    mean, low, high, n_units = matched.share(units, windows, one, other)
    assert (mean, n_units) == (pytest.approx(1.0), 3) and low == pytest.approx(
        1.0
    ) == high  # every unit's error is twice as large
    apart = matched.share(units, windows, one, [np.array([8.0, 1.0]), np.array([1.0, 16.0])])
    assert apart[1] == pytest.approx(0, abs=1e-9) and apart[2] > apart[0] > 0


def test_a_run_holds_all_learners(engines, parts, states, monkeypatch):
    monkeypatch.setattr(experiment, "prepared", lambda *_: (*parts, states))  # few engines, few states
    monkeypatch.setattr(experiment, "TEMPERATURES", {experiment.ENGINES: (0.35,)})
    monkeypatch.setattr(experiment, "READS", {experiment.ENGINES: (10, 1000)})
    outcome = experiment.run({"data": "cmapss_fd001", "protocol": "printed", "td": False}, 0, engines)
    names = experiment.learners(experiment.ENGINES)
    assert outcome.arrays["squared"].shape == (len(names), len(outcome.arrays["unit"]))
    total = outcome.arrays["windows"].sum()
    for name, squared in zip(names, outcome.arrays["squared"], strict=True):
        assert np.sqrt(squared.sum() / total) == pytest.approx(outcome.metrics[f"{name}.rmse"], rel=1e-9)
    for point in experiment.points(experiment.ENGINES):
        told = [outcome.metrics[f"{point}.{learner}.entropy"] for learner in experiment.LEARNERS]
        assert np.ptp(told) <= 2 * matched.TOLERANCE


@pytest.mark.parametrize("n_reads", [1, 3, 1000])
def test_a_softmax_of_given_entropy_is_found(n_reads):
    rng = np.random.default_rng(2)
    for costs in (rng.random(16), np.repeat(rng.random(8), 2), 1e-6 * rng.random(16), np.zeros(16)):
        wanted, found = np.empty(16), np.empty(16)
        beta = 2.0 / max(np.abs(costs).max(), 1e-300)
        qaql._chances(costs, RULES["lowest-of-reads"], 2, 0.0, beta, float(n_reads), wanted)
        matched._equal_softmax(costs, entropy(wanted), found)
        assert entropy(found) == pytest.approx(entropy(wanted), abs=1e-6)
        assert n_reads > 1 or found == pytest.approx(wanted, abs=1e-6)  # of one read it is that read


def test_equal_in_each_state_is_no_other_rule_for_one_read(parts, states):
    given = {"n_episodes": 1, "random_state": 3, "tell": True}
    one = QAQL("one-read", **given).fit(parts[0], states=states)
    same = matched.EqualInEachState("one-read", **given).fit(parts[0], states=states)
    assert same.draw_entropy_ == pytest.approx(one.draw_entropy_, abs=1e-3)
    assert np.mean(same.chosen_ == one.chosen_) > 0.9
    colder = matched.EqualInEachState("lowest-of-reads", n_reads=10, **given).fit(parts[0], states=states)
    assert colder.draw_entropy_ < one.draw_entropy_ - 0.5


def test_a_run_equal_in_each_state(engines, parts, states, monkeypatch):
    monkeypatch.setattr(experiment, "prepared", lambda *_: (*parts, states))
    monkeypatch.setattr(experiment, "READS", {experiment.ENGINES: (3, 1000)})
    place = {"data": "cmapss_fd001", "equal": "in each state", "split": "printed"}
    outcome = experiment.run(place, 0, engines)
    names = experiment.pairs(experiment.ENGINES)
    assert names == ["n3.annealer", "n3.softmax", "n1000.annealer", "n1000.softmax"]
    errors = np.sqrt(outcome.arrays["squared"].sum(axis=1) / outcome.arrays["windows"].sum())
    assert errors == pytest.approx([outcome.metrics[f"{name}.rmse"] for name in names], rel=1e-9)


def test_a_sampler_is_matched_and_looked_at(engines, monkeypatch):
    monkeypatch.setattr(experiment, "N_UPDATES", 60)
    monkeypatch.setattr(experiment, "N_PROBES", 100)
    place = {"data": "cmapss_fd001", "sampler": "simulated-annealing", "factor": 2.0, "n_sweeps": 20, "n_reads": 2}
    metrics = experiment.run(place, 0, engines).metrics
    assert metrics["infeasible"] == 0 < metrics["annealer.entropy"] < np.log(16)
    assert metrics["softmax.rmse"] > 0 and metrics["rmse"] == metrics["annealer.rmse"]


def test_the_grid_is_what_the_deviations_say():
    entries = experiment.grid("laptop")
    assert (
        sum(n for config, n in entries if "td" in config) == 140 and sum(n for config, n in entries if "sampler" in config) == 18
    )
    assert len(experiment.points(experiment.ENGINES)) == 10 and len(experiment.points(experiment.FLEET)) == 6
    assert [n for config, n in entries if "equal" in config] == [30, 30, 10]
    assert len(experiment.grid("quick")) == 4

"""The baselines of paper 3: each learns something real, alike for a seed; SARSA by hand; environment, intervals, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life import baselines
from qhelpers.papers.useful_life.baselines import (
    CHOSEN,
    FAMILIES,
    TRIALS,
    Agent,
    Net,
    baseline,
    environment,
    inner_split,
)
from qhelpers.papers.useful_life.experiments import baselines as table
from qhelpers.papers.useful_life.experiments import intervals
from qhelpers.papers.useful_life.qaql import QAQL, trajectories
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.runs import records

#: What makes each quick, and able to learn from few windows.
QUICK = {
    **{kind: {"hidden": 8, "epochs": 4, "learning_rate": 1e-2, "batch_size": 32} for kind in baselines.NETS},
    "sgd": {"epochs": 10, "learning_rate": 1e-2, "batch_size": 32},
    "sarsa": {"n_states": 20, "discount": 0.5},
    "dqn": {"n_steps": 2000, "discount": 0.5, "learning_rate": 3e-3},
    "ppo": {"n_steps": 4000, "discount": 0.5, "learning_rate": 5e-3},
    "random-forest": {"n_estimators": 10},
    "gradient-boosting": {"max_iter": 20},
}


def easy(n_units=12, life=40, length=6, seed=0):
    """Units of which one reading says what remains, with noise, and another says nothing."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_units), life)
    left = np.tile(np.arange(life)[::-1], n_units).astype(float)
    values = np.c_[left / life + 0.1 * rng.normal(size=len(left)), rng.normal(size=len(left))]
    rows = np.arange(len(left))
    ends = rows[rows % life >= length - 1]
    return Windows(
        values=values,
        features=("worn", "noise"),
        first=unit[ends] * life,
        last=ends,
        length=length,
        unit=unit[ends],
        remaining=left[ends],
        y=left[ends],
    )


def quick(name, seed=0):
    model = baseline(name, seed)
    given = QUICK.get(name, {})
    if name in ("random-forest", "gradient-boosting"):
        model.model.set_params(**given)
        return model
    return model.set_params(**given)


@pytest.fixture(scope="module")
def parts():
    windows = easy()
    return windows.of(range(9)), windows.of(range(9, 12))


@pytest.mark.parametrize("name", FAMILIES)
def test_each_learns_something_real_and_the_same_for_a_seed(parts, name):
    train, test = parts
    predicted = quick(name).fit(train).predict(test)
    assert predicted.shape == (len(test),)
    assert predicted.min() >= 0 and predicted.max() <= train.y.max()
    error, of_mean = (np.sqrt(np.mean((one - test.y) ** 2)) for one in (predicted, train.y.mean()))
    if name == "mean":
        assert error == of_mean
    else:
        assert error < 0.75 * of_mean
    if name not in ("dqn", "ppo"):  # these take longest; they are seeded by their library, tested below
        np.testing.assert_array_equal(quick(name).fit(train).predict(test), predicted)


def test_agents_are_alike_for_a_seed_and_differ_between_seeds(parts):
    train, test = parts
    one, again, other = (Agent("dqn", n_steps=1050, random_state=seed).fit(train).predict(test) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_random_numbers_of_others_are_left_alone(parts):
    import torch

    state = torch.random.get_rng_state()
    Net("gru", hidden=2, epochs=1).fit(parts[0])
    Agent("dqn", n_steps=20).fit(parts[0])
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_net_keeps_its_best_epoch_and_watching_changes_nothing(parts):
    train, test = parts
    given = {"hidden": 8, "epochs": 6, "learning_rate": 0.05, "batch_size": 32}
    plain, watched = Net("gru", **given).fit(train), Net("gru", **given).fit(train, watch=test)
    assert plain.history_ == watched.history_
    assert plain.epoch_ == np.argmin(plain.history_) + 1
    np.testing.assert_array_equal(plain.predict(test), watched.watched_[plain.epoch_ - 1])
    last = Net("gru", **given, patience=None).fit(train, watch=test)
    assert last.epoch_ == 6 == len(last.history_)
    np.testing.assert_array_equal(last.predict(test), last.watched_[-1])


def test_a_net_stops_when_it_gains_nothing(parts):
    net = Net("sgd", learning_rate=0.0, epochs=20, patience=2).fit(parts[0])
    assert len(net.history_) == 3 and net.epoch_ == 1


def test_inner_units_are_not_learned_from(parts):
    learn, inner = inner_split(parts[0], 3)
    assert not set(learn.unit) & set(inner.unit)
    assert len(learn) + len(inner) == len(parts[0])
    assert len(np.unique(inner.unit)) == 2


def test_thinned_takes_each_kth(parts):
    few = baselines.thinned(parts[0], 100)
    assert len(few) <= 100
    assert (np.diff(few.last)[np.diff(few.unit) == 0] == 4).all()
    assert len(baselines.thinned(parts[0], len(parts[0]))) == len(parts[0])


def test_statistics_by_hand(parts):
    some = parts[1].only([0, 50])
    row = baselines.statistics(some)[1]
    window = some.X[1]
    np.testing.assert_allclose(row, np.r_[window[-1], window.mean(axis=0), window.std(axis=0)])


def test_sarsa_by_hand():
    rows = np.arange(3)
    y = np.array([4.0, 2.0, 0.0])
    windows = Windows(values=y[:, None], features=("x",), first=rows * 0, last=rows, length=1, unit=rows * 0, remaining=y, y=y)
    given = {"ties": "first", "n_actions": 2, "n_states": 3, "learning_rate": 0.5, "discount": 0.9}
    agent = QAQL("argmax", target="taken", n_episodes=1, **given).fit(windows)
    first, second, third = agent.states_.of(windows)
    assert agent.values_[[first, second, third], 0].tolist() == [0.5 * -9 / 16, 0.5 * -1 / 16, 0.5 * -1 / 16]
    agent.set_params(n_episodes=2).fit(windows)  # the other bin, of centre 3; the next action is untried wherever it is chosen
    assert agent.values_[[first, second, third], 1].tolist() == [0.5 * -1 / 16, 0.5 * -1 / 16, 0.5 * -9 / 16]
    agent.set_params(n_episodes=3).fit(windows)  # first: bin 3; second: a tie, bin 1; third: bin 1, which is better
    q = -1 / 32
    assert agent.values_[first, 1] == pytest.approx(q + 0.5 * (-1 / 16 + 0.9 * q - q), abs=1e-15)
    assert agent.values_[second, 0] == pytest.approx(q + 0.5 * (-1 / 16 + 0.9 * q - q), abs=1e-15)
    assert agent.values_[third, 0] == pytest.approx(q + 0.5 * (-1 / 16 - q), abs=1e-15)


@pytest.mark.parametrize("given", [{"selector": np.argmax}, {"replay": 4}, {"target": "next"}])
def test_sarsa_is_refused_where_it_is_not_built(parts, given):
    with pytest.raises(ValueError, match=r"target=.*allowed is 'best'; or 'taken'"):
        QAQL(**{"target": "taken", "n_states": 5} | given).fit(parts[0])


def test_the_environment_goes_on_whatever_is_done(parts):
    from stable_baselines3.common.env_checker import check_env

    train = parts[0]
    rewards = -np.abs(train.y[:, None] - np.arange(4))
    walk = environment(baselines.statistics(train).astype(np.float32), rewards, trajectories(train))
    check_env(walk)
    for action in (0, 3):
        walk.reset(seed=1)
        start, earned, over = walk.t, [], False
        while not over:
            _, reward, over, cut, _ = walk.step(action)
            earned.append(reward)
            assert not cut
        np.testing.assert_array_equal(earned, rewards[start : start + 35, action])


def test_wrong_names_are_refused(parts):
    with pytest.raises(ValueError, match="allowed are bi-lstm"):
        baseline("perceptron")
    with pytest.raises(ValueError, match="allowed are bi-lstm"):
        Net("perceptron").fit(parts[0])
    with pytest.raises(ValueError, match="allowed are 'dqn' and 'ppo'"):
        Agent("a2c").fit(parts[0])
    with pytest.raises(ValueError, match="windows of one unit"):
        Net().fit(parts[0].of([0]))


# --- the experiments --------------------------------------------------------------------------------------------------


def test_what_was_chosen_is_what_the_recorded_trials_say():
    recorded = records.measured("useful-life-tuning")
    for name, trials in TRIALS.items():
        errors = {one.config["trial"]: one.metrics["rmse"] for one in recorded if one.config["model"] == name}
        assert len(errors) == len(trials) == 4, name
        assert CHOSEN[name] == trials[min(errors, key=errors.__getitem__) - 1], name


def test_a_run_on_the_twin_scores_late_windows_and_official_engines():
    twin = datasets.load("cmapss_fd001", source="twin")
    metrics = table.run({"data": "cmapss_fd001", "protocol": "printed", "model": "last-cycle"}, 0, twin).metrics
    constant = table.run({"data": "cmapss_fd001", "protocol": "printed", "model": "mean"}, 0, twin).metrics
    assert metrics["rmse"] < constant["rmse"] and metrics["late_rmse"] < constant["late_rmse"]
    assert metrics["official_rmse"] < constant["official_rmse"]
    assert metrics["ms_per_prediction"] > 0
    train, test = table.prepared(twin, 0, "printed")[:2]
    inside = table.late(test, twin)
    assert (test.remaining[inside] <= 0.3 * twin.life[test.unit[inside]]).all()
    assert constant["late_mbd"] == pytest.approx(train.y.mean() - test.y[inside].mean(), abs=1e-9)


def test_every_model_of_the_table_is_in_the_grid_with_its_number_of_seeds():
    grid = table.grid("laptop")
    seeds = {(config["model"], config["data"], config["protocol"]): n for config, n in grid}
    assert {name for name, *_ in seeds} == set(table.MODELS)
    for data in ("cmapss_fd001", "device_failure"):
        assert seeds["transformer", data, "printed"] == 30 and seeds["gru", data, "printed"] == 10
    assert seeds["transformer", "cmapss_fd004", "printed"] == seeds["gru", "device_failure", "fair"] == 10
    assert len(grid) == 6 * len(table.MODELS)


def test_intervals_cover_what_they_promise_of_what_is_alike():
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 100, 4000)
    seen = truth + rng.normal(0, 5, 4000)
    low, high = intervals.interval(seen[:2000], truth[:2000], seen[2000:], 125.0)
    covered = np.mean((low <= truth[2000:]) & (truth[2000:] <= high))
    assert covered == pytest.approx(0.9, abs=0.02)
    assert np.median(high - low) == pytest.approx(2 * 5 * 1.645, rel=0.05)
    low, high = intervals.interval(np.zeros(11), np.arange(11.0), np.array([1.0, 124.0]), 125.0)
    assert low.tolist() == [0, 114] and high.tolist() == [11, 125]
    with pytest.raises(ValueError, match="allowed are 11 or more"):
        intervals.interval(np.zeros(10), np.zeros(10), np.zeros(1), 125.0)


def test_intervals_of_a_run_by_windows_and_by_engines():
    twin = datasets.load("cmapss_fd001", source="twin")
    for how in ("windows", "engines"):
        metrics = intervals.run({"data": "cmapss_fd001", "model": "ridge", "calibrated_by": how}, 0, twin).metrics
        assert 0.5 < metrics["covered"] <= 1 and 0 < metrics["width"] < 125
        assert metrics["lowest_engine"] <= metrics["covered"]

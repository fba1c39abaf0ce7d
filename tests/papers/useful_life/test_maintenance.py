"""The workshop: Gymnasium's check, the bill against closed forms, rules and environment alike, what is learned and refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env

from qhelpers import datasets
from qhelpers.papers.useful_life import maintenance as m
from qhelpers.papers.useful_life.experiments import maintenance as experiment
from qhelpers.papers.useful_life.windows import as_printed


def lives_of(lengths, forecast=None, first=1):
    """Lives of these lengths, seen from a cycle on; forecasts are the truth unless others are given."""
    age = np.concatenate([np.arange(first, n + 1) for n in lengths]).astype(float)
    remaining = np.concatenate([n - np.arange(first, n + 1) for n in lengths]).astype(float)
    edges = np.r_[0, np.cumsum([n + 1 - first for n in lengths])]
    return m.Lives(edges, age, remaining, remaining if forecast is None else np.asarray(forecast, float))


@pytest.fixture(scope="module")
def twin():
    data = datasets.load("cmapss_fd001", source="twin", n=60, seed=1)
    train, test = as_printed(data, 1)
    told = experiment.forecast("ridge", train, test, 1)
    return m.Lives.of(test, told, data.life)


@pytest.mark.filterwarnings("ignore:.*alternative render modes.*")
def test_gymnasium_finds_nothing_wrong(twin):
    check_env(m.Workshop(twin))


@pytest.mark.parametrize("age", [5, 40, 80])
def test_the_bill_of_an_age_is_the_closed_form_of_a_geometric_life(age):
    survival = 1 - 1 / 60
    lengths = np.random.default_rng(0).geometric(1 - survival, 20_000) + 1
    lives = lives_of(lengths)
    found = m.bill(lives, m.left_by_age(lives, age)[0])
    # a life is 1 + a geometric one: it is beyond `age` with chance survival ** (age - 1)
    beyond = survival ** (age - 1)
    cost = beyond * 1 + (1 - beyond) * 10
    cycles = 1 + (1 - beyond) * survival / (1 - survival) / survival
    assert found["cost"] == pytest.approx(cost / cycles, rel=0.03)
    assert found["failed"] == pytest.approx(1 - beyond, abs=0.01)


def test_a_threshold_by_hand():
    lives = lives_of([4, 3], forecast=[9, 2, 5, 0, 9, 9, 1])
    left = m.left_by_threshold(lives, [1, 2, 9])
    assert left.tolist() == [[0, 0], [2, 0], [3, 2]]  # a forecast that is low in the last row only comes too late
    found = m.bill(lives, left)
    assert found["paid"].tolist() == [20, 11, 2]
    assert found["cycles"].tolist() == [7, 5, 2]
    assert found["failed"].tolist() == [1, 0.5, 0]
    assert found["thrown"].tolist() == [0, 2, 2.5]
    assert m.cheapest(lives, [1, 2, 9], left) == 9


def test_the_environment_pays_what_the_rule_pays(twin):
    for threshold in (0, 20, 60):
        by_hand = m.bill(twin, m.left_by_threshold(twin, threshold)[0])
        played = m.run_out(m.Workshop(twin), lambda seen, at=threshold: m.REPLACE if seen[1] <= at else m.DEFER)
        for name in ("cost", "paid", "failed", "thrown"):
            assert played[name] == pytest.approx(float(by_hand[name]))


def test_what_is_done_decides_what_comes():
    workshop = m.Workshop(lives_of([3, 3]), inspection=0.0)
    seen, _ = workshop.reset(seed=0)
    assert seen.tolist() == [1, 2, 0, 0]
    seen, reward, *_ = workshop.step(m.INSPECT)
    assert (seen.tolist(), reward) == ([2, 1, 1, 1], -0.05)
    first = workshop.engine
    seen, reward, terminated, truncated, info = workshop.step(m.DEFER)
    assert (seen.tolist(), reward, terminated, truncated, info) == (
        [1, 2, 0, 0],
        -10,
        False,
        False,
        {"engine": first, "left": 0.0},
    )
    assert workshop.engine != first
    *_, info = workshop.step(m.REPLACE)
    assert info["left"] == 2
    assert workshop.ended == [0.0, 2.0]


def test_an_inspection_that_knows_beats_a_forecast_that_does_not(twin):
    blind = m.noisy(twin, 40, "each engine", np.random.default_rng(0))
    asked = np.arange(125)
    alone = m.bill(blind, m.left_by_threshold(blind, asked))["cost"].min()
    inspected = m.run_out(m.Workshop(blind, inspection=0.0), m.two_thresholds(125, 1))
    assert inspected["inspections"] == 1
    assert inspected["cost"] < alone


def test_noise_has_the_size_that_was_asked(twin):
    truth = m.noisy(twin, 0, "each cycle", np.random.default_rng(0)).forecast
    assert truth.max() == 125
    error = m.noisy(twin, 10, "each cycle", np.random.default_rng(0)).forecast - truth
    assert error.std() == pytest.approx(10, rel=0.1)
    error = m.noisy(twin, 10, "each engine", np.random.default_rng(0)).forecast - truth
    assert len(np.unique(error.round(9))) == len(twin)


def test_the_table_learns_to_replace_in_time():
    lives = lives_of([40, 45, 50, 55])
    workshop = m.Workshop(lives)
    kept = m.learn(workshop, "epsilon-greedy", n_steps=12_000, keep=(100,))
    assert sorted(kept) == [100, 12_000]
    found = m.run_out(workshop, m.greedy_in(kept[12_000]))
    assert found["failed"] == 0
    assert found["cost"] < m.bill(lives, np.zeros(4))["cost"] / 3


def test_blind_choices_never_see_an_old_engine():
    old = {}
    for selector in ("uniform", "argmax", "one-read", "softmax", "lowest-of-1000"):
        workshop = m.Workshop(lives_of([60] * 4))
        m.learn(workshop, selector, n_steps=1500)
        old[selector] = np.mean(np.array(workshop.ended) < 10)
    assert old["uniform"] < 0.02
    assert old["uniform"] < old["argmax"]


def test_records_that_go_on_are_left_out():
    data = datasets.load("cmapss_fd001", source="twin", n=20, seed=0)
    train, _ = as_printed(data, 0)
    cut = train.only(~((train.unit == train.unit[0]) & (train.remaining < 5)))
    assert set(np.unique(experiment.to_the_end(cut).unit)) == set(np.unique(train.unit)) - {train.unit[0]}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m.Lives(np.array([0, 2]), np.ones(2), np.ones(2), np.ones(2)), "1 of 1 lives do not end in a failure"),
        (lambda: m.Lives(np.array([0, 3]), np.ones(2), np.ones(2), np.ones(2)), "for 3 rows"),
        (lambda: m.noisy(lives_of([3]), 1.0, "daily", np.random.default_rng(0)), "kind='daily'"),
        (lambda: m.Workshop(lives_of([3]), horizon=0), "horizon=0"),
        (lambda: m.learn(m.Workshop(lives_of([3])), "greedy"), "selector 'greedy' is unknown"),
        (lambda: experiment.forecast("oracle", None, None, 0), "forecast 'oracle' is unknown"),
        (lambda: experiment.run({"part": "all"}, 0), "part 'all' is unknown"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_runs_of_each_part(monkeypatch):
    monkeypatch.setattr(experiment, "TWIN_SIZE", 40)
    monkeypatch.setattr(experiment, "STEPS", (50, 100, 300))
    place = {"data": "twin", "forecast": "ridge"}
    ruled = experiment.run(place | {"part": "rules"}, 0)
    assert ruled.arrays["failed"].shape == experiment.SHOWN.shape
    assert (np.diff(ruled.arrays["failed"]) <= 0).all()
    truth = experiment.run({"part": "rules", "data": "twin", "forecast": "truth"}, 0).metrics
    noise = experiment.run({"part": "noise", "data": "twin", "forecast": "truth", "kind": "each cycle", "error": 0}, 0).metrics
    assert (truth["threshold"], truth["thrown"], truth["failed"]) == (1, 1, 0)
    assert noise["cost"] == truth["cost"] < ruled.metrics["cost"]
    never = experiment.run({"part": "rules", "data": "twin", "forecast": "never"}, 0).metrics
    age = experiment.run({"part": "rules", "data": "twin", "forecast": "age"}, 0).metrics
    assert never["failed"] == 1
    assert truth["cost"] < age["cost"] < never["cost"]
    learned = experiment.run({"part": "learn", "data": "twin", "selector": "argmax", "discount": 0.99}, 0).metrics
    assert learned["cost"] == learned["cost_300"]

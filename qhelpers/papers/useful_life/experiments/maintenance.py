"""What a forecast is worth when engines are replaced by it, and what Q-learning makes of the same decision (D3.70 to D3.73)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV

from qhelpers import datasets
from qhelpers._extras import require
from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life import maintenance
from qhelpers.papers.useful_life.experiments import tables
from qhelpers.papers.useful_life.maintenance import Lives, Workshop, bill, cheapest, left_by_age, left_by_threshold, run_out
from qhelpers.papers.useful_life.qaql import QAQL, States
from qhelpers.papers.useful_life.windows import Array, Windows
from qhelpers.runs.experiment import Experiment, Outcome, knows

TWIN, ENGINES = "twin", "cmapss_fd001"
#: Engines of the twin, half of which run to failure.
TWIN_SIZE = 400
FORECASTS = ("lowest-of-1000", "one-read", "uniform", "mean-of-state", "ridge", "forest")
#: Rules that see no reading: replace at an age, never, or one cycle before the end.
RULES = ("age", "never", "truth")
ERRORS = (0, 2, 5, 10, 15, 20, 30, 40)
KINDS = ("each cycle", "each engine")
STEPS = (6_000, 20_000, 60_000)
#: Of the deep network, whose steps take thirty times as long.
DEEP_STEPS = 20_000
DISCOUNTS = (0.99, 0.999)
N_FOLDS = 4
#: Thresholds whose failures and cycles thrown away are kept.
SHOWN = np.arange(0, 125, 5)

_made: dict[tuple[Any, ...], Any] = {}


def _kept(key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """What was made for a key: the last few are kept, since several configs of a seed share them."""
    if key not in _made:
        while len(_made) > 30:
            _made.pop(next(iter(_made)))
        _made[key] = make()
    return _made[key]


def features(windows: Windows) -> Array:
    """Mean and last row of each window."""
    return np.hstack([windows.X.mean(axis=1), windows.rows])


def forecast(name: str, train: Windows, test: Windows, seed: int) -> Array:
    """Predict what remains in `test`, by a model that learned from `train`."""
    if name == "ridge":
        found: Array = RidgeCV(np.logspace(-3, 3, 7)).fit(features(train), train.y).predict(features(test))
        return found.clip(0, train.y.max())
    if name == "forest":
        model = RandomForestRegressor(50, min_samples_leaf=10, max_features=1 / 3, n_jobs=1, random_state=seed)
        some = train.only(np.arange(0, len(train), 4))
        return np.asarray(model.fit(features(some), some.y).predict(features(test)))
    if name not in FORECASTS:
        raise ValueError(f"forecast {name!r} is unknown; allowed are {', '.join(FORECASTS)}")
    states = _kept(("states", seed, train.unit.tobytes()), lambda: States("means", 100, seed).fit(train))
    if name == "mean-of-state":
        return tables.guess(name, train, test, states)
    return QAQL(**tables.SELECTORS[name] | {"random_state": seed}).fit(train, states=states).predict(test)


def crossed(name: str, train: Windows, seed: int) -> Array:
    """Predict each training unit by a model that learned from three fourths of the others (deviation D3.71)."""
    units = np.random.default_rng(seed).permutation(np.unique(train.unit))
    found = np.empty(len(train))
    for part in np.array_split(units, N_FOLDS):
        inside = np.isin(train.unit, part)
        found[inside] = forecast(name, train.only(~inside), train.only(inside), seed)
    return found


def to_the_end(windows: Windows) -> Windows:
    """Windows of units whose record goes on, without a hole, to the failure."""
    last = np.r_[np.flatnonzero(np.diff(windows.unit)), len(windows) - 1]
    ended = windows.unit[last[windows.remaining[last] == 0]]
    units, counts = np.unique(windows.unit, return_counts=True)
    return windows.of(np.intersect1d(ended, units[counts > 1]))


def lives(engines: str, name: str, seed: int, dataset: Series | None) -> tuple[Lives, Lives, dict[str, float]]:
    """Training and held-out lives with their forecasts, and the errors of the latter; the last few are kept."""

    def parts() -> tuple[Windows, Windows, Any]:
        data = datasets.load(ENGINES, source="twin", n=TWIN_SIZE, seed=seed) if dataset is None else dataset
        assert isinstance(data, Series)
        train, test = tables.parts(data, seed, "fair" if engines == tables.FLEET else "printed")
        return to_the_end(train), to_the_end(test), data.life

    def forecast_lives() -> tuple[Lives, Lives, dict[str, float]]:
        train, test, life = _kept(("parts", engines, seed, id(dataset)), parts)
        known, told = train.remaining, test.remaining
        if name not in RULES:
            known, told = crossed(name, train, seed), forecast(name, train, test, seed)
        return Lives.of(train, known, life), Lives.of(test, told, life), regression_metrics(test.y, told)

    found: tuple[Lives, Lives, dict[str, float]] = _kept(("lives", engines, seed, name, id(dataset)), forecast_lives)
    return found


def by_rule(config: Mapping[str, Any], seed: int, dataset: Series | None) -> Outcome:
    """Choose a threshold (or an age) on training lives, and pay for it on others."""
    name = config["forecast"]
    train, test, scores = lives(config["data"], name, seed, dataset)
    metrics = {"rmse": scores["rmse"]}
    if config["part"] == "noise":
        rng = np.random.default_rng([seed, 1])
        train, test = (maintenance.noisy(one, config["error"], config["kind"], rng) for one in (train, test))
        metrics = {"rmse": float(config["error"])}
    by = left_by_age if name == "age" else left_by_threshold
    asked = {"age": np.unique(train.age), "never": np.array([-1.0])}.get(name, np.arange(float(maintenance.CAP)))
    metrics["threshold"] = cheapest(train, asked, by(train, asked))
    found = bill(test, by(test, metrics["threshold"])[0])
    arrays = {}
    if config["part"] == "rules" and name not in ("age", "never"):
        shown = bill(test, left_by_threshold(test, SHOWN))
        arrays = {key: shown[key].astype(np.float32) for key in ("failed", "thrown")}
    return Outcome(metrics | {key: float(value) for key, value in found.items()}, arrays=arrays)


def by_inspection(config: Mapping[str, Any], seed: int, dataset: Series | None) -> Outcome:
    """Choose when to inspect and when to replace then, on training lives."""
    train, test, scores = lives(config["data"], config["forecast"], seed, dataset)
    pairs = [(first, then) for first in (20, 40, 60, 80, 100) for then in (2, 5, 10, 15, 20)]
    known = Workshop(train)
    costs = [run_out(known, maintenance.two_thresholds(*pair), seed)["cost"] for pair in pairs]
    first, then = pairs[int(np.argmin(costs))]
    found = run_out(Workshop(test), maintenance.two_thresholds(first, then), seed)
    return Outcome({"rmse": scores["rmse"], "threshold": float(first), "then": float(then)} | found)


def by_learning(config: Mapping[str, Any], seed: int, dataset: Series | None) -> Outcome:
    """Learn on training lives with ridge's forecasts; pay for the best actions on others."""
    train, test, _ = lives(config["data"], "ridge", seed, dataset)
    known, other = Workshop(train), Workshop(test)
    if config["selector"] == "dqn":
        return Outcome(_deep(known, other, config["discount"], seed))
    kept = maintenance.learn(known, config["selector"], n_steps=STEPS[-1], discount=config["discount"], keep=STEPS, seed=seed)
    metrics = {"engines_used": float(len(known.ended)), "left_in_training": float(np.mean(known.ended))}
    for done, values in kept.items():
        found = run_out(other, maintenance.greedy_in(values), seed)
        metrics |= {f"cost_{done}": found["cost"], f"paid_{done}": found["paid"], f"cycles_{done}": found["cycles"]}
    return Outcome(metrics | found)


def _deep(known: Workshop, other: Workshop, discount: float, seed: int) -> dict[str, float]:
    """The same with a deep Q-network of Stable-Baselines3, as it comes."""
    sb3 = require("stable_baselines3", "control")
    wrappers = require("gymnasium.wrappers", "control")
    require("torch", "engine").set_num_threads(1)
    model = sb3.DQN("MlpPolicy", wrappers.RescaleObservation(known, 0.0, 1.0), gamma=discount, seed=seed, device="cpu")
    model.learn(DEEP_STEPS)
    scale = np.array([known.lives.age.max(), maintenance.CAP, 1, maintenance.CAP])
    return run_out(other, lambda seen: int(model.predict(np.minimum(seen / scale, 1), deterministic=True)[0]), seed)


@knows(part=("rules", "noise", "inspection", "learn"))
def run(config: Mapping[str, Any], seed: int, dataset: Series | None = None) -> Outcome:
    """Measure one rule or learner.

    Parameters
    ----------
    config : mapping
        ``part``: ``"rules"``, ``"noise"``, ``"inspection"`` or ``"learn"``; ``data``: a data set, or ``"twin"``; ``forecast``,
        of `FORECASTS` or `RULES`; ``kind`` and ``error`` of noise; ``selector`` and ``discount`` of a learner.
    seed : int
        Draws the held-out units, the twin, and all that is learned.

    Returns
    -------
    Outcome
        On held-out units, what `qhelpers.papers.useful_life.maintenance.bill` has; ``rmse`` of their forecasts; the chosen
        ``threshold``. Arrays of a rule: ``failed`` and ``thrown`` at the thresholds `SHOWN`.
    """
    parts = {"rules": by_rule, "noise": by_rule, "inspection": by_inspection, "learn": by_learning}
    return parts[config["part"]](config, seed, dataset)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Rules and forecasts on three sets, noise on two, and learners on the twin."""
    quick = profile == "quick"
    entries: list[tuple[dict[str, Any], int]] = []
    for engines in (ENGINES, tables.FLEET, TWIN):
        n_seeds = 10 if engines == TWIN else 20
        place = {"part": "rules", "data": engines}
        entries += [(place | {"forecast": name}, n_seeds) for name in (*RULES, *FORECASTS)]
        if engines != tables.FLEET:
            place = {"part": "noise", "data": engines, "forecast": "truth"}
            entries += [(place | {"kind": kind, "error": error}, n_seeds) for kind in KINDS for error in ERRORS]
    place = {"part": "learn", "data": TWIN}
    entries += [(place | {"selector": how, "discount": gamma}, 10) for gamma in DISCOUNTS for how in maintenance.SELECTORS]
    entries.append(({"part": "inspection", "data": TWIN, "forecast": "ridge"}, 10))
    entries.append((place | {"selector": "dqn", "discount": DISCOUNTS[0]}, 3))
    return [(entry, 1) for entry, _ in entries[:9:3]] if quick else entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if config["part"] == "learn":
        return 40.0 if config["selector"] == "dqn" else 4.0
    if config["part"] == "rules":
        return 10.0 if config["forecast"] == "forest" else 2.0
    return 0.5 if config["part"] == "noise" else 8.0


EXPERIMENT = Experiment(
    name="useful-life-maintenance",
    version="1",
    about="paper 3: run on, inspect or replace: the long-run cost of forecasts, rules and learners, on engines, twin and fleet",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="cost",
    data=lambda config: () if config["data"] == TWIN else (config["data"],),
    told=("part", "data", "forecast", "selector"),
    order="seed",
)

"""Everything that stands beside QAQL, on engines and devices (Tables 4, 6, 7 and 11 of paper 3).

What was built, tuned and counted are deviations D3.50 to D3.58, fixed before a score was seen.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life import windows
from qhelpers.papers.useful_life.baselines import FAMILIES, baseline
from qhelpers.papers.useful_life.experiments.tables import ENGINES, FLEET, SELECTORS, prepared
from qhelpers.papers.useful_life.experiments.trajectories import LATE
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.papers.useful_life.quantum_baselines import QUANTUM
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: QAQL by both readings, for its errors late in life and its times.
READINGS = {"qaql": "lowest-of-1000", "qaql-one-read": "one-read"}
#: Every model by name, built of a seed; what it learns from and predicts are `Windows`.
MODELS: dict[str, Callable[[int], Any]] = {
    **{name: functools.partial(baseline, name) for name in FAMILIES},
    **QUANTUM,
    **{
        name: lambda seed, rule=rule: QAQL(**SELECTORS[rule], random_state=seed)  # type: ignore[misc]
        for name, rule in READINGS.items()
    },
}
#: Run with thirty seeds on FD001 and on the printed fleet; all else with ten (D3.54).
MANY = ("mean", "last-cycle", "ridge", "random-forest", "gradient-boosting", "transformer", "quantum-vql", *READINGS)
#: Processor seconds of a run, roughly, where it is more than two.
SECONDS = {
    "sgd": 8.0,
    "random-forest": 7.0,
    "cnn": 15.0,
    "gru": 20.0,
    "bi-lstm": 40.0,
    "transformer": 40.0,
    "dqn": 60.0,
    "ppo": 60.0,
}
SECONDS |= {"quantum-lstm": 45.0, "quantum-dqn": 65.0, "quantum-vql": 65.0, "quantum-sgd": 10.0, "quantum-aoa": 10.0}


def late(test: Windows, dataset: Series) -> np.ndarray:
    """Which windows end in the last 30 % of the life of their unit; none of a unit that was not seen to fail."""
    found: np.ndarray = test.remaining <= LATE * dataset.life[test.unit]
    return found


def milliseconds(model: Any, test: Windows, n: int = 30) -> float:
    """Median time of a prediction on one core, one window at a time."""
    took = []
    for number in np.linspace(0, len(test) - 1, n).astype(int):
        rows, none = test.take([number])[0], np.zeros(1, np.int64)  # the window and no other row of its set
        one = replace(test.only([number]), values=rows, first=none, last=none + len(rows) - 1)
        start = time.process_time()
        model.predict(one)
        took.append(time.process_time() - start)
    return 1000 * float(np.median(took))


@knows(model=MODELS)
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train and test one model.

    Parameters
    ----------
    config : mapping
        ``data``; ``protocol``: ``"printed"`` or, of the fleet, ``"fair"``; ``model``, a key of `MODELS`.
    seed : int
        Draws the held-out units, and everything that is learned.

    Returns
    -------
    Outcome
        Scores per window of the held-out units as `regression_metrics` has them, ``late_rmse`` and ``late_mbd`` of those in the
        last 30 % of a life; of engines also the official scores, as in `useful-life-qaql`; ``ms_per_prediction``.
    """
    build = MODELS[config["model"]]
    train, test, _ = prepared(dataset, seed, config["protocol"])
    start = time.process_time()
    model = build(seed).fit(train)
    seconds = time.process_time() - start
    predicted = model.predict(test)
    metrics = regression_metrics(test.y, predicted)
    if (inside := late(test, dataset)).any():
        scores = regression_metrics(test.y[inside], predicted[inside])
        metrics |= {"late_rmse": scores["rmse"], "late_mbd": scores["mbd"]}
    metrics["ms_per_prediction"] = milliseconds(model, test)
    if dataset.name != FLEET:
        train, test, _ = prepared(dataset, seed, "official")
        scores = windows.official_scores(test.remaining, build(seed).fit(train).predict(test))
        metrics |= {f"official_{name.replace(' ', '_')}": value for name, value in scores.items()}
    return Outcome(metrics, train_seconds=seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every model on five sets and on the fair fleet."""
    main = [{"data": name, "protocol": "printed"} for name in (ENGINES[0], FLEET)]
    other = [{"data": FLEET, "protocol": "fair"}, *({"data": name, "protocol": "printed"} for name in ENGINES[1:])]
    if profile == "quick":
        return [(main[0] | {"model": name}, 1) for name in ("mean", "last-cycle", "ridge", "gradient-boosting")]
    entries = [(place | {"model": name}, 30 if name in MANY else 10) for place in main for name in MODELS]
    return entries + [(place | {"model": name}, 10) for place in other for name in MODELS]


EXPERIMENT = Experiment(
    name="useful-life-baselines",
    version="2",
    about="paper 3: fourteen baselines and those that were missing, on four sets of engines and on the fleet",
    function=run,
    grid=grid,
    estimate=lambda config: SECONDS.get(config["model"], 2.0),
    headline="rmse",
    times=lambda config: r"metrics\.ms_per_prediction",
    told=("data", "protocol", "model"),
    order="seed",
)

"""Detectors at a budget of false alarms, as those who run a plant ask: what is missed, and how late is what is found?

Deviation D2.54: false alarms are counted per hour of normal traffic that was observed; the threshold comes from validation rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot_twin import fitted
from qhelpers.evaluation import (
    alarm_threshold,
    at_alarm_budget,
    cost_threshold,
    lowest_rate,
    observed_hours,
    probability_metrics,
    ranking_metrics,
)
from qhelpers.papers.threats.experiments import scores
from qhelpers.runs.experiment import Experiment, Outcome

#: False alarms an hour that are allowed, and how much a missed attack costs where a false alarm costs 1.
BUDGETS = (10, 100, 1000)
COSTS = (10, 100)
MODELS = ("pure-hqml", "logistic-regression", "random-forest")


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train as `qhelpers.papers.threats.experiments.scores.run` does, and set thresholds on the validation part.

    Returns
    -------
    Outcome
        ``rows_per_hour`` of normal traffic and ``lowest_rate``, false alarms an hour below which the validation rows can set no
        threshold; for each budget above it all of `qhelpers.evaluation.at_alarm_budget`, as ``100.recall``; ``cost.10``: cost a
        test row at the threshold that was cheapest on validation rows, over the cost at one half; ``cost.10.threshold``;
        ranking and calibration of the test rows.
    """
    draw, weights = np.random.SeedSequence(seed).spawn(2)
    X, y = scores.table(dataset), dataset.y
    part = scores.parts(dataset, config, np.random.default_rng(draw))
    one = scores.trained(config, X, y, part, int(weights.generate_state(1)[0] // 2))
    assert dataset.family is not None
    assert dataset.time is not None
    rate = normal_rows_per_hour(dataset)
    validation, test = (one.positive(X[rows]) for rows in (part.validation, part.test))
    usual = validation[y[part.validation] == 0]
    metrics: dict[str, float] = {"rows_per_hour": rate, "lowest_rate": lowest_rate(len(usual), rate)}
    families, times = np.asarray(dataset.family)[part.test], np.asarray(dataset.time)[part.test]
    for budget in BUDGETS:
        if budget >= metrics["lowest_rate"]:
            found = at_alarm_budget(test, families, times, alarm_threshold(usual, budget, rate), rate)
            metrics |= {f"{budget}.{name}": value for name, value in found.items()}
    truth = y[part.test]
    for cost in COSTS:
        threshold = cost_threshold(validation, y[part.validation], cost, 1)
        chosen, half = (_cost(test > cut, truth, cost) for cut in (threshold, 0.5))
        metrics[f"cost.{cost}"] = chosen / half if half else float(chosen > 0)
        metrics[f"cost.{cost}.threshold"] = float(np.clip(threshold, 0, 1))
    metrics |= ranking_metrics(truth, test) | probability_metrics(truth, test)
    return Outcome(metrics, chosen={"setting": one.setting})


def normal_rows_per_hour(dataset: Dataset) -> float:
    """Normal rows in an hour of traffic; of the 999 rows, a sample, those that the publisher counted."""
    assert dataset.time is not None
    if dataset.name == "ton_iot_modbus":
        return int((dataset.y == 0).sum()) / observed_hours(dataset.time, dataset.y == 0)
    hours = float((dataset.time.max() - dataset.time.min()) / np.timedelta64(1, "h"))
    return float(fitted()["families"]["normal"]) / hours


def _cost(alarm: np.ndarray, truth: np.ndarray, missed: float) -> float:
    return float(missed * ((truth == 1) & ~alarm).sum() + ((truth == 0) & alarm).sum())


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Modbus at random and by time, the 999 rows at random, where so few normal rows set a floor."""
    places = (
        {"data": "ton_iot_modbus", "split": "blocks", "features": "all"},
        {"data": "ton_iot_modbus", "split": "random", "features": "all"},
        {"data": "wustl_iiot_999", "split": "random", "features": 10},
    )
    return [(place | {"model": model}, 1 if profile == "quick" else 5) for place in places for model in MODELS]


EXPERIMENT = Experiment(
    name="threats-alarms",
    version="1",
    about="paper 2: what detectors miss, and how late they are, at 10, 100 and 1,000 false alarms an hour",
    function=run,
    grid=grid,
    estimate=scores.estimate,
    headline="average_precision",
    told=("data", "split", "model"),
)

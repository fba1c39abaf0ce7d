"""Alarm budgets, delays and costs, counted by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from qhelpers.evaluation import (
    alarm_threshold,
    at_alarm_budget,
    calibration_error,
    cost_threshold,
    episodes,
    lowest_rate,
    observed_hours,
    probability_metrics,
    ranking_metrics,
)


def test_only_time_within_bursts_of_usual_rows_counts():
    # two bursts of 60 and 30 s, a day apart, out of order; an attack in between adds nothing
    seconds = np.array([86_430, 0, 30, 60, 40_000, 86_400])
    usual = np.array([1, 1, 1, 1, 0, 1])
    assert observed_hours(seconds, usual) == pytest.approx(90 / 3600)
    assert observed_hours(np.datetime64("2019-04-01T00:00:00") + seconds.astype("timedelta64[s]"), usual) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="choose a longer gap"):
        observed_hours(seconds, usual, gap=10)


@pytest.mark.parametrize("per_hour", [10, 100, 1000])
def test_a_threshold_keeps_its_budget_on_the_rows_it_was_set_on(per_hour):
    scores = np.random.default_rng(0).normal(size=5000)
    threshold = alarm_threshold(scores, per_hour, rows_per_hour=6000)
    assert (scores > threshold).sum() == per_hour * 5000 // 6000
    tied = np.round(scores, 1)
    assert (tied > alarm_threshold(tied, per_hour, 6000)).mean() * 6000 <= per_hour
    assert alarm_threshold(scores, 6000, 6000) == -np.inf


def test_a_rate_that_the_rows_cannot_hold_is_refused():
    assert lowest_rate(924, 158_000) == pytest.approx(171, abs=0.5)
    assert alarm_threshold([0.1, 0.2, 0.4], lowest_rate(3, 70), 70) == 0.2
    with pytest.raises(ValueError, match="allowed are 171 or more, for 924 usual rows at 158,000 an hour"):
        alarm_threshold(np.arange(924), 100, 158_000)
    with pytest.raises(ValueError, match="1 of 2 scores are not finite"):
        alarm_threshold([0.1, np.nan], 100, 100)


FAMILY = np.array(["normal", "xss", "xss", "xss", "dos", "normal", "xss", "xss", "dos"])
TIME = np.array([0.0, 10, 20, 30, 15, 35, 500, 510, 600])
SCORES = np.array([0.9, 0.1, 0.2, 0.8, 0.3, 0.1, 0.7, 0.1, 0.2])


def test_what_is_missed_and_how_late_the_others_are_found():
    values = at_alarm_budget(SCORES, FAMILY, TIME, 0.5, rows_per_hour=1000)
    assert [rows.tolist() for rows in episodes(TIME, FAMILY)] == [[4], [8], [1, 2, 3], [6, 7]]
    assert values == {
        "false_alarms_per_hour": 500, "recall": 2 / 7, "recall_dos": 0, "recall_xss": 2 / 5, "episodes": 4, "episodes_missed": 2,
        "episodes_dos": 2, "episodes_missed_dos": 2, "episodes_xss": 2, "episodes_missed_xss": 0, "delay_seconds_median": 10,
        "delay_seconds_worst": 20, "delay_rows_median": 1, "delay_rows_worst": 2,
    }  # fmt: skip


def test_nothing_found_has_no_delay_and_no_attack_is_an_error():
    values = at_alarm_budget(SCORES, FAMILY, TIME, np.inf, 1000)
    assert values["episodes_missed"] == 4 and not [name for name in values if name.startswith("delay")]
    with pytest.raises(ValueError, match="0 attacks"):
        at_alarm_budget(SCORES[:1], FAMILY[:1], TIME[:1], 0.5, 1000)
    with pytest.raises(ValueError, match="8 scores"):
        at_alarm_budget(SCORES[:8], FAMILY, TIME, 0.5, 1000)


@pytest.mark.parametrize("costs", [(1, 1), (50, 1), (1, 50)])
def test_no_other_threshold_costs_less(costs):
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=300)
    scores = np.round(rng.normal(size=300) + y, 2)

    def cost(alarm):
        return costs[0] * ((y == 1) & ~alarm).sum() + costs[1] * ((y == 0) & alarm).sum()

    least = min(cost(scores >= threshold) for threshold in roc_curve(y, scores, drop_intermediate=False)[2])
    assert cost(scores > cost_threshold(scores, y, *costs)) == least
    assert cost_threshold(scores, 1 - np.zeros(300), 1, 1) == -np.inf and cost_threshold(scores, y, 0, 1) == np.inf
    assert cost_threshold([0.2, 0.6], [0, 1], 1, 1) == pytest.approx(0.4)


def test_calibration_error_is_the_mean_distance_from_the_curve_of_scikit_learn():
    rng = np.random.default_rng(2)
    p = rng.random(1000)
    y = (rng.random(1000) < p**2).astype(int)
    share, mean = calibration_curve(y, p, n_bins=10, strategy="quantile")
    assert calibration_error(y, p) == pytest.approx(np.abs(share - mean).mean())  # bins of equal size
    assert calibration_error(y, np.full(1000, y.mean())) == pytest.approx(0)
    assert calibration_error(y, 1 - y) == 1
    values = probability_metrics([0, 1], [0.5, 0.5])
    assert values == pytest.approx({"log_loss": np.log(2), "brier": 0.25, "calibration_error": 0})


def test_ranking_of_all_rows():
    assert ranking_metrics([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx({"auc": 3 / 4, "average_precision": 5 / 6})
    with pytest.raises(ValueError, match="choose another test part"):
        ranking_metrics([1, 1], [0.1, 0.2])

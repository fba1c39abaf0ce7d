"""What is counted, scored and asked of the data of paper 3."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life import fleet, windows
from qhelpers.papers.useful_life.experiments import data as experiment


@pytest.fixture(scope="module")
def six_regimes():
    return datasets.load("cmapss_fd002", "twin", n=24, seed=1)


@pytest.fixture(scope="module")
def devices():
    return datasets.load("device_failure", "twin", n=120, seed=2)


def counted(data, seed=0):
    found = {name: experiment.run({"data": data.name, "count": name}, seed, data) for name in experiment.counts(data.name)}
    return {name: outcome.metrics["value"] for name, outcome in found.items()}


def test_counts_of_engines(six_regimes):
    told, train = counted(six_regimes), windows.as_printed(six_regimes, 0)[0]
    lengths = np.diff(six_regimes.edges)[six_regimes.official == "train"]
    assert told["rows"] == lengths.sum() and told["units"] == len(lengths) == len(six_regimes) - told["test_units"]
    assert (told["sensors"], told["settings"], told["regimes"], told["features"]) == (21, 3, 6, 23)
    assert told["windows_all"] == lengths.sum() - 29 * len(lengths) and told["windows_train"] == len(train)


@pytest.mark.needs_data("cmapss_fd001", "cmapss_fd003", "device_failure")
def test_counts_of_the_official_files():
    told = counted(datasets.load("cmapss_fd001"))
    expected = {"rows": 20_631, "units": 100, "test_units": 100, "features": 17, "dropped_constant": 7, "windows_all": 17_731}
    assert {name: told[name] for name in expected} == expected
    assert counted(datasets.load("cmapss_fd003"))["dropped_constant"] == 5  # sensors 6 and 10 move there (D3.5)
    told = counted(datasets.load("device_failure"))
    assert (told["rows"], told["units"], told["failures"], told["sensors"]) == (124_494, 1169, 106, 9)
    assert told["positive_rate"] == 106 / 124_494


@pytest.mark.parametrize("rule", experiment.RULES)
def test_rules_are_least_squares(six_regimes, rule):
    """A rule that is fitted to more of what it may know cannot be further off on the rows that it is fitted to."""
    train, test = windows.as_printed(six_regimes, 3)
    X = {"mean": np.empty((len(six_regimes.X), 0)), "cycle": six_regimes.cycle[:, None], "linear": train.values}[rule]
    X = np.c_[np.ones(len(X)), X]
    weights = np.linalg.lstsq(X[train.last], train.y, rcond=None)[0]
    error = X[test.last] @ weights - test.y
    told = experiment.scores(rule, six_regimes, 3)
    assert told["rmse"] == pytest.approx(np.sqrt(np.mean(error**2))) and told["mae"] == pytest.approx(np.mean(np.abs(error)))
    assert told["test_variance"] == pytest.approx(test.y.var()) and {"official_rmse", "official_phm08"} < set(told)
    assert experiment.run({"data": "cmapss_fd002", "rule": rule}, 3, six_regimes).metrics["value"] == told["rmse"]


def test_rules_of_the_fleet(devices):
    train, test = fleet.as_printed(devices, 0)
    fails = ~np.isnan(test.remaining)
    guess = np.where(fails, train.y[~np.isnan(train.remaining)].mean(), 90)
    told = {rule: experiment.scores(rule, devices, 0) for rule in (*experiment.RULES, "healthy")}
    assert told["healthy"]["rmse"] == pytest.approx(np.sqrt(np.mean((guess - test.y) ** 2)))
    assert told["healthy"]["rmse"] < told["mean"]["rmse"]
    assert "official_rmse" not in told["mean"] and told["cycle"]["rmse"] != told["mean"]["rmse"]
    with pytest.raises(ValueError, match="rule 'healthy' is unknown for cmapss_fd001; allowed are mean, cycle, linear"):
        experiment.scores("healthy", datasets.load("cmapss_fd001", "twin", n=10), 0)


def test_leaks_are_asked_under_the_names_of_the_grid(six_regimes, devices):
    asked = {(config["data"], config["leak"]) for config, _ in experiment.grid("laptop") if "leak" in config}
    assert asked == {("cmapss_fd001", "overlap"), *((devices.name, one) for one in ("scaling", "end", "labels", "censoring"))}
    told = {one: experiment.run({"data": name, "leak": one}, 0, devices).metrics for name, one in asked if name == devices.name}
    assert told["scaling"]["life"] > told["scaling"]["past"] and told["end"]["recall"] > 0.5
    assert told["labels"]["RMSE of healthy or not"] < told["labels"]["RMSE of the mean"] and told["censoring"]["vanish"] > 0
    overlap = experiment.run({"data": "cmapss_fd001", "leak": "overlap"}, 0, six_regimes).metrics
    assert overlap["means, random"] < 0.5 * overlap["means, by unit"] and overlap["value"] == overlap["random"]

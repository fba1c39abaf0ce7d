"""The tables' experiment: what is drawn, what models see, and that nothing is tuned on what is tested."""

import dataclasses

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.low_energy.experiments import tables


@pytest.mark.parametrize("regime", tables.REGIMES)
def test_models_of_a_comparison_share_rows_and_never_test_what_they_trained_on(regime):
    dataset = datasets.load("occupancy", source="twin", n=4000)
    by_seed = []
    for seed in (0, 1):
        shared = {"data": "occupancy", "regime": regime}
        network = {"model": "qnn-p", "entangler": "chain", "max_epochs": 2, "learning_rates": [0.1]}
        first, second = (tables.fitted(model | shared, seed, dataset) for model in ({"model": "lda"}, network))
        assert np.array_equal(first.train, second.train) and np.array_equal(first.test, second.test)
        assert not set(first.train) & set(first.test)
        by_seed.append(first.test)
    assert np.array_equal(*by_seed) == (regime == "official")


def test_the_regimes_are_what_they_are_called():
    dataset = datasets.load("occupancy", source="twin", n=4000)
    drawn = {regime: tables.draw(dataset, regime, np.random.default_rng(0), 4) for regime in tables.REGIMES}
    assert {dataset.official[row] for row in drawn["official"][0]} == {"train"}
    assert {dataset.official[row] for row in drawn["official"][1]} == {"test1", "test2"}
    assert sum(map(len, drawn["official"])) == sum(map(len, drawn["everything"])) == len(dataset)
    assert dataset.y[np.concatenate(drawn["balanced"])].mean() == 0.5
    train, test = drawn["time blocks"]
    assert len(train) == 300 and len(test) == 400 and dataset.y[train].mean() == 0.5
    inside = (dataset.time >= dataset.time[test].min()) & (dataset.time <= dataset.time[test].max())
    assert inside.sum() == 400, "the tenth that is tested is one stretch of time"


def test_the_lamp_stands_first_only_where_it_should_and_a_clock_sees_no_sensor():
    dataset = datasets.load("occupancy", source="twin", n=400)
    light = dataset.X["Light"].to_numpy()
    for model, place in (("qnn-p", 2), ("qnn-p-lamp", 0), ("qnn-p-separable-lamp", 0)):
        X = tables.columns({"model": model, "data": "occupancy"}, dataset)
        assert X.shape[1] == 4 and np.array_equal(X[:, place], light)
    assert tables.columns({"model": "date-alone", "data": "occupancy"}, dataset).shape == (400, 1)
    hours = tables.columns({"model": "hour-alone", "data": "occupancy"}, dataset)
    assert set(hours[:, 0]) <= set(range(24)) and set(hours[:, 1]) <= set(range(7))


def test_a_classical_model_tunes_as_often_as_a_network_and_not_on_its_test_rows():
    dataset = datasets.load("occupancy", source="twin", n=4000)
    shared = {"data": "occupancy", "regime": "300+300"}
    found = tables.fitted({"model": "random-fourier"} | shared, 0, dataset)
    assert set(found.chosen) == {"gamma"} and len(found.model.cv_results_["params"]) == len(tables.LEARNING_RATES)
    labels = dataset.y.copy()
    labels[found.test] = 1 - labels[found.test]  # whatever the test rows say, the model is the same
    other = tables.fitted({"model": "random-fourier"} | shared, 0, dataclasses.replace(dataset, y=labels))
    if np.array_equal(other.train, found.train):
        assert np.array_equal(other.model.predict(found.X), found.model.predict(found.X))


def test_training_and_test_rows_are_balanced_and_apart():
    dataset = datasets.load("occupancy", source="twin")
    for regime, sizes in (("300+300", (300, 300)), ("300", (240, 60))):
        train, test = tables.draw(dataset, regime, np.random.default_rng(0))
        assert (len(train), len(test)) == sizes and not set(train) & set(test)
        assert dataset.y[train].mean() == dataset.y[test].mean() == 0.5
    with pytest.raises(ValueError, match="regime 'all' is unknown; allowed are 300\\+300, 300"):
        tables.draw(dataset, "all", np.random.default_rng(0))

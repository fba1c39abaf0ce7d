"""Scores against their definitions, worked out here from the counts."""

import numpy as np
import pytest
from sklearn import metrics as sk

from qhelpers.evaluation import binary_metrics, confusion_counts, regression_metrics

TRUE = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
PREDICTED = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])


def test_counts():
    assert confusion_counts(TRUE, PREDICTED) == {"tp": 3, "fp": 2, "fn": 1, "tn": 4}


def test_scores_follow_from_the_counts():
    scores = binary_metrics(TRUE, PREDICTED, PREDICTED + 0.1 * TRUE)
    precision, recall = 3 / 5, 3 / 4
    assert scores["accuracy"] == pytest.approx(0.7)
    assert scores["precision"] == pytest.approx(precision)
    assert scores["recall"] == pytest.approx(recall)
    assert scores["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert scores["balanced_accuracy"] == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert scores["mcc"] == pytest.approx((3 * 4 - 2 * 1) / np.sqrt(5 * 4 * 6 * 5))
    # pairs (positive, negative) ranked right: 3 positives at 1.1 beat all 6, the one at 0.1 beats the 4 at 0
    assert scores["auc"] == pytest.approx((18 + 4) / 24)


def test_nothing_predicted_positive_scores_zero_not_nan():
    scores = binary_metrics(TRUE, np.zeros(10, dtype=int))
    assert scores["precision"] == scores["f1"] == 0 and "auc" not in scores


def test_one_class_in_the_test_has_no_auc():
    assert "auc" not in binary_metrics(np.ones(3, dtype=int), np.ones(3, dtype=int), np.arange(3))


def test_a_regression_is_scored_as_scikit_learn_does_where_it_does():
    rng = np.random.default_rng(0)
    y, p = rng.uniform(1, 125, 200), rng.uniform(1, 125, 200)
    found = regression_metrics(y, p)
    assert found["mse"] == pytest.approx(sk.mean_squared_error(y, p)) and found["rmse"] == pytest.approx(found["mse"] ** 0.5)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, p))
    assert found["mape"] == pytest.approx(100 * sk.mean_absolute_percentage_error(y, p))
    assert found["rse"] == pytest.approx(100 * (1 - sk.r2_score(y, p)))
    assert found["mbd"] == pytest.approx(p.mean() - y.mean())
    with_zero = regression_metrics(np.r_[0.0, y], np.r_[9.0, p])
    assert with_zero["mape"] == pytest.approx(found["mape"]) and with_zero["mse"] != found["mse"]
    assert np.isnan(regression_metrics([0.0, 0.0], [1.0, 1.0])["mape"]) and np.isnan(regression_metrics([2.0], [1.0])["rse"])
    for wrong in ((y, p[:-1]), (y, p * np.nan), ([], [])):
        with pytest.raises(ValueError, match="finite numbers"):
            regression_metrics(*wrong)

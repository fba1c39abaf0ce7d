"""Tuning sees the training samples only and chooses by the validation loss."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from qhelpers.models import BASELINES, baseline, tune
from qhelpers.papers.low_energy.models import QNNPClassifier

X, Y = make_blobs(50, n_features=2, centers=[[-2, 0], [2, 1]], random_state=5)


def test_choice_is_the_lowest_validation_loss():
    model, trials = tune(QNNPClassifier(epochs=20, random_state=0), (1e-6, 0.1), X, Y, np.random.default_rng(0))
    assert [t["learning_rate"] for t in trials] == [1e-6, 0.1]
    best = min(trials, key=lambda t: t["val_loss"])
    assert best["learning_rate"] == 0.1, "a rate that does not move cannot win"
    assert (model.learning_rate, model.epochs) == (best["learning_rate"], best["epochs"])
    assert 1 <= model.epochs <= 20 and not hasattr(model, "module_")


def test_inner_split_follows_the_generator():
    results = [tune(QNNPClassifier(epochs=2, random_state=0), (0.1,), X, Y, np.random.default_rng(s))[1] for s in (0, 0, 1)]
    assert results[0] == results[1] != results[2]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", BASELINES)
def test_baselines_learn_two_blobs(name):
    score = baseline(name).fit(X, Y).score(X, Y)
    if name == "majority":
        assert score == 0.5
    else:  # a circuit that is never trained need not turn the right way
        assert score > (0.5 if name.startswith("frozen") else 0.9)


def test_unknown_baseline_lists_all():
    with pytest.raises(ValueError, match="'xgboost' is unknown; allowed are majority, one-threshold"):
        baseline("xgboost")

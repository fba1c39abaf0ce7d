"""Controls of the paper's networks: the models that it leaves out, and as many trials as the networks have."""

import numpy as np
import pytest

from qhelpers.models import baseline
from qhelpers.papers.low_energy.controls import MODELS, TRIALS, control, tuned_control
from qhelpers.papers.low_energy.experiments.tables import LEARNING_RATES

X = np.random.default_rng(3).normal(size=(100, 4))
Y = (np.cos(X[:, 0]) * np.sin(X[:, 1]) > 0).astype(int)


@pytest.mark.parametrize("name", MODELS)
def test_each_learns(name):
    assert control(name, 0).fit(X, Y).score(X, Y) > (0.5 if name in ("majority", "qda") else 0.52)


def test_a_tuned_control_has_three_trials_on_one_inner_split():
    found = tuned_control("trigonometric-ring", 0, 1).fit(X, Y)
    assert len(found.cv_results_["params"]) == 3 and found.n_splits_ == 1
    assert found.score(X, Y) > baseline("logistic-regression").fit(X, Y).score(X, Y) + 0.1
    assert all(len(values) == len(LEARNING_RATES) for trials in TRIALS.values() for values in trials.values())


def test_an_unknown_name_lists_the_controls_too():
    with pytest.raises(ValueError, match=r"model 'xgboost' is unknown; allowed are majority, .*frozen-ring"):
        control("xgboost")

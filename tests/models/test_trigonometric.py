"""A circuit's terms with free coefficients contain the circuit; the circuit at random is the circuit."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhelpers.models import RandomCircuitFeature, TrigonometricFeatures, baseline, tuned_baseline
from qhelpers.papers.low_energy.models import QNNPClassifier

RANDOM = np.random.default_rng(3)


SMALL = {"n_qubits": 10, "n_layers": 1, "entangler": "none"}  # scikit-learn tries ten features


@parametrize_with_checks([TrigonometricFeatures(**SMALL), RandomCircuitFeature(**SMALL, random_state=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("entangler", "n_terms"), [("chain", 20), ("ring", 80), ("none", 2)])
@pytest.mark.parametrize("n_features", [2, 4])
def test_any_circuit_is_a_line_in_its_terms(entangler, n_terms, n_features):
    X = RANDOM.normal(size=(400, n_features))
    y = (X[:, 0] > 0).astype(int)
    fill = "repeat" if n_features == 2 else "idle"
    network = QNNPClassifier(entangler=entangler, fill=fill, epochs=3, random_state=1).fit(X, y)
    angles = network.preparation_.transform(X)
    columns = TrigonometricFeatures(entangler=entangler, fill=fill).fit_transform(angles)
    assert columns.shape == (400, n_terms)
    free = LinearRegression().fit(columns, network.decision_function(X))
    np.testing.assert_allclose(free.predict(columns), network.decision_function(X), atol=1e-9)


def test_a_chains_terms_do_not_contain_a_ring():
    X = RANDOM.normal(size=(400, 4))
    network = QNNPClassifier(entangler="ring", epochs=1, random_state=1).fit(X, (X[:, 3] > 0).astype(int))
    columns = TrigonometricFeatures(entangler="chain").fit_transform(network.preparation_.transform(X))
    free = LinearRegression().fit(columns, network.decision_function(X))
    assert np.abs(free.predict(columns) - network.decision_function(X)).max() > 0.1


def test_random_circuit_differs_by_seed_and_is_bounded():
    X = RANDOM.normal(size=(50, 4))
    first, again, other = (RandomCircuitFeature(random_state=seed).fit_transform(X) for seed in (0, 0, 1))
    assert first.shape == (50, 1) and np.abs(first).max() <= 1
    assert np.array_equal(first, again) and not np.allclose(first, other)


def test_unknown_fill_is_named():
    with pytest.raises(ValueError, match="fill='again' is unknown"):
        TrigonometricFeatures(fill="again").fit(np.zeros((3, 2)))


def test_tuned_baseline_has_three_trials_on_one_inner_split():
    X = RANDOM.normal(size=(100, 4))
    y = (np.cos(X[:, 0]) * np.sin(X[:, 1]) > 0).astype(int)
    found = tuned_baseline("trigonometric-ring", 0, 1).fit(X, y)
    assert len(found.cv_results_["params"]) == 3 and found.n_splits_ == 1
    assert found.score(X, y) > baseline("logistic-regression").fit(X, y).score(X, y) + 0.1

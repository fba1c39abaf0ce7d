"""A circuit's terms with free coefficients contain the circuit; the circuit at random is the circuit; both are transformers."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit
from qhelpers.models import CircuitClassifier, RandomCircuitFeature, TrigonometricFeatures, baseline, tuned
from qhelpers.models.quantum import angle_circuit

RANDOM = np.random.default_rng(3)


def circuit(entanglement, n_qubits=4, n_layers=3, observable="first"):
    return VariationalCircuit(Encoding("RY", n_qubits), Ansatz("RY-RX", n_qubits, n_layers, entanglement), observable)


WIDE = circuit("none", 10, 1)  # scikit-learn tries ten features


@parametrize_with_checks([TrigonometricFeatures(WIDE), RandomCircuitFeature(WIDE, random_state=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("entanglement", "n_terms"), [("linear", 20), ("ring", 80), ("none", 2)])
@pytest.mark.parametrize("n_features", [2, 4])
def test_any_circuit_is_a_line_in_its_terms(entanglement, n_terms, n_features):
    X = RANDOM.normal(size=(400, n_features))
    network = CircuitClassifier(circuit(entanglement), epochs=3, random_state=1).fit(X, (X[:, 0] > 0).astype(int))
    columns = TrigonometricFeatures(circuit(entanglement)).fit_transform(network.preparation_.transform(X))
    assert columns.shape == (400, n_terms)
    free = LinearRegression().fit(columns, network.decision_function(X))
    np.testing.assert_allclose(free.predict(columns), network.decision_function(X), atol=1e-9)


def test_a_chains_terms_do_not_contain_a_ring():
    X = RANDOM.normal(size=(400, 4))
    network = CircuitClassifier(circuit("ring"), epochs=1, random_state=1).fit(X, (X[:, 3] > 0).astype(int))
    columns = TrigonometricFeatures(circuit("linear")).fit_transform(network.preparation_.transform(X))
    free = LinearRegression().fit(columns, network.decision_function(X))
    assert np.abs(free.predict(columns) - network.decision_function(X)).max() > 0.1


def test_random_circuit_differs_by_seed_and_is_bounded():
    X = RANDOM.normal(size=(50, 4))
    first, again, other = (RandomCircuitFeature(circuit("linear"), random_state=seed).fit_transform(X) for seed in (0, 0, 1))
    assert first.shape == (50, 1) and np.abs(first).max() <= 1
    assert np.array_equal(first, again) and not np.allclose(first, other)


@pytest.mark.parametrize("transformer", [TrigonometricFeatures(), RandomCircuitFeature(random_state=0)])
def test_columns_have_names_and_a_pipeline_can_ask_for_a_table(transformer):
    X = RANDOM.normal(size=(9, 3))
    steps = make_pipeline(StandardScaler(), transformer).set_output(transform="pandas")
    found = steps.fit_transform(X)
    name = type(transformer).__name__.lower()
    assert list(found.columns) == [f"{name}{k}" for k in range(found.shape[1])] == list(steps.get_feature_names_out())
    np.testing.assert_array_equal(found, steps.set_output(transform="default").fit_transform(X))


def test_without_a_circuit_it_is_a_ring_of_a_qubit_a_feature():
    X = RANDOM.normal(size=(5, 3))
    np.testing.assert_array_equal(
        TrigonometricFeatures().fit_transform(X), TrigonometricFeatures(angle_circuit(3)).fit_transform(X)
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (circuit("linear", 2), "X has 3 features and the circuit 2 inputs"),
        (circuit("linear", observable="each"), "measures each"),
    ],
)
def test_a_circuit_that_does_not_fit_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        TrigonometricFeatures(wrong).fit(np.zeros((3, 3)))


def test_a_tuned_model_has_its_trials_on_one_inner_split():
    X = RANDOM.normal(size=(100, 4))
    y = (np.cos(X[:, 0]) * np.sin(X[:, 1]) > 0).astype(int)
    forest = baseline("random-forest", 0)
    found = tuned(forest, {"randomforestclassifier__max_depth": [1, 5]}, 1).fit(X, y)
    assert len(found.cv_results_["params"]) == 2 and found.n_splits_ == 1
    assert found.score(X, y) > baseline("logistic-regression").fit(X, y).score(X, y) + 0.1

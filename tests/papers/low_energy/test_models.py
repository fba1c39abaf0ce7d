"""The three networks follow scikit-learn's contract and run on the fast engine and in the libraries of the paper alike."""

import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit_machine_learning.neural_networks import EstimatorQNN
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhelpers.papers.low_energy.models import QNNHClassifier, QNNPClassifier, QNNQClassifier

SMALL = [QNNPClassifier(epochs=30), QNNQClassifier(epochs=1), QNNHClassifier(epochs=2)]
X, Y = make_blobs(40, n_features=2, centers=2, random_state=5)


@parametrize_with_checks(SMALL)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_qnn_p_calls_pennylane_once_an_epoch(monkeypatch):
    calls = []
    original = qml.QNode.__call__

    def counted(self, *args, **kwargs):
        calls.append(np.shape(kwargs.get("inputs", args[0] if args else None)))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(qml.QNode, "__call__", counted)
    model = QNNPClassifier(epochs=7, engine="pennylane", random_state=0).fit(X, Y)
    assert calls == [(40, 2)] * 7
    model.predict(X[:5])
    assert calls[7:] == [(5, 2)]


@pytest.mark.parametrize("network", [QNNQClassifier, QNNHClassifier])
def test_qiskit_networks_make_an_update_a_sample(monkeypatch, network):
    calls = {"forward": [], "backward": []}
    for name in calls:
        original = getattr(EstimatorQNN, name)

        def counted(self, inputs, weights, name=name, original=original):
            calls[name].append(len(np.atleast_2d(inputs)))
            return original(self, inputs, weights)

        monkeypatch.setattr(EstimatorQNN, name, counted)
    steps = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *args: (steps.append(1), step(self, *args))[1])
    network(epochs=2, engine="qiskit", random_state=0).fit(X[:10], Y[:10])
    assert calls == {"forward": [1] * 20, "backward": [1] * 20}
    assert len(steps) == 20


def test_first_epoch_of_qnn_p_is_an_adam_step_on_the_mean_squared_error():
    """Worked out with PennyLane and NumPy alone: Eqs. 18, 20, 21 with β₁ = 0.9, β₂ = 0.999."""
    model = QNNPClassifier(epochs=1, learning_rate=0.05, random_state=3).fit(X, Y)
    first = QNNPClassifier(epochs=1, learning_rate=1e-300, random_state=3).fit(X, Y).module_.weights.detach().numpy()
    inputs = (X - X.mean(0)) / X.std(0)
    signs = np.where(Y == 1, 1.0, -1.0)
    from qhelpers.papers.low_energy.circuits import angle_ry_rx_circuit

    node = qml.QNode(angle_ry_rx_circuit(2, 4, "chain"), qml.device("default.qubit", wires=4))

    def loss(weights):
        return float(np.mean((node(inputs, weights) - signs) ** 2))

    gradient = np.zeros_like(first)
    for index in np.ndindex(*first.shape):
        shift = np.zeros_like(first)
        shift[index] = 1e-6
        gradient[index] = (loss(first + shift) - loss(first - shift)) / 2e-6
    moved = first - model.module_.weights.detach().numpy()
    live = np.abs(gradient) > 1e-4
    # bias-corrected first step of Adam: the learning rate times the sign, but for epsilon
    np.testing.assert_allclose(moved[live], 0.05 * np.sign(gradient[live]), rtol=1e-3)
    assert model.history_["loss"] == [pytest.approx(loss(first), abs=1e-9)]


def test_qnn_q_does_not_see_the_sign_of_its_inputs():
    model = QNNQClassifier(epochs=1, random_state=1).fit(X, Y)
    centre = X.mean(0)
    np.testing.assert_allclose(model.decision_function(X), model.decision_function(2 * centre - X), atol=1e-5)
    assert np.ptp(model.decision_function(X)) > 0.01, "it does see something"


@pytest.mark.parametrize(
    ("network", "literal", "epochs", "samples", "close"),
    [
        (QNNPClassifier, "pennylane", 20, 40, 1e-12),
        (QNNPClassifier, "qiskit", 2, 6, 1e-6),  # Qiskit's connector works in single precision
        (QNNQClassifier, "qiskit", 2, 20, 1e-6),
        (QNNQClassifier, "pennylane", 2, 20, 1e-6),
        (QNNHClassifier, "qiskit", 2, 20, 1e-6),
        (QNNHClassifier, "pennylane", 2, 20, 1e-6),
    ],
)
def test_engines_agree_step_for_step(network, literal, epochs, samples, close):
    order = np.random.default_rng(0).permutation(len(X))[:samples]
    common = {"epochs": epochs, "learning_rate": 0.05, "random_state": 4}
    fast, slow = (network(engine=engine, **common).fit(X[order], Y[order]) for engine in ("fast", literal))
    np.testing.assert_allclose(fast.history_["loss"], slow.history_["loss"], rtol=0, atol=close)
    assert fast.history_["accuracy"] == slow.history_["accuracy"]
    np.testing.assert_allclose(fast.decision_function(X), slow.decision_function(X), rtol=0, atol=10 * close)
    for ours, theirs in zip(fast.module_.parameters(), slow.module_.parameters(), strict=True):
        # Where a weight has no effect, Adam makes steps of the literal stack's rounding errors.
        np.testing.assert_allclose(ours.detach().reshape(-1), theirs.detach().reshape(-1), rtol=0, atol=1e-5)
    assert fast.history_["loss"][0] != fast.history_["loss"][-1]


@pytest.mark.parametrize("engine", ["pennylane", "qiskit"])
def test_literal_networks_travel_too(engine):
    model = QNNQClassifier(epochs=1, engine=engine, random_state=0).fit(X[:8], Y[:8])
    np.testing.assert_array_equal(model.decision_function(X[:4]), pickle.loads(pickle.dumps(model)).decision_function(X[:4]))


@pytest.mark.parametrize("network", SMALL, ids=lambda e: type(e).__name__)
def test_pickled_networks_predict_the_same(network):
    model = clone(network).set_params(random_state=0).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.decision_function(X), again.decision_function(X))


def test_qnn_h_without_its_circuit_is_a_classical_network(monkeypatch):
    monkeypatch.setattr(EstimatorQNN, "forward", lambda *args: pytest.fail("Qiskit was called"))
    model = QNNHClassifier(circuit=False, epochs=10, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.7
    with_circuit = QNNHClassifier(engine="qiskit", epochs=1, random_state=0)._module(2, seed=0)
    without = QNNHClassifier(circuit=False, random_state=0)._module(2, seed=0)
    shapes = [[tuple(weight.shape) for weight in module.parameters()] for module in (with_circuit, without)]
    assert shapes[0][:4] == shapes[1][:4] and shapes[0][4:] == [(4,), (1, 1), (1,)] and shapes[1][4:] == [(1, 2), (1,)]


@pytest.mark.parametrize("n_features", [1, 3, 4, 6])
def test_any_number_of_features(n_features):
    features, labels = make_classification(
        40, n_features=n_features, n_informative=n_features, n_redundant=0, n_clusters_per_class=1, random_state=0
    )
    model = QNNPClassifier(epochs=1, random_state=0).fit(features, labels)
    assert model.n_inputs_ == min(n_features, 4)
    assert len(model.preparation_) == (3 if n_features > 4 else 1)
    assert QNNQClassifier(epochs=1, random_state=0).fit(features[:4], [0, 1, 0, 1]).n_inputs_ == min(n_features, 2)


def test_repeat_fills_the_qubits_with_the_features_again():
    model = QNNPClassifier(epochs=1, fill="repeat", random_state=0).fit(X, Y)
    assert model.n_inputs_ == 4
    encoded = model._tensor(X).numpy()
    np.testing.assert_array_equal(encoded[:, :2], encoded[:, 2:])


def test_separable_twin_reads_one_feature():
    features, labels = make_blobs(40, n_features=4, centers=2, random_state=5)
    model = QNNPClassifier(entangler="none", epochs=2, random_state=0).fit(features, labels)
    other = features.copy()
    other[:, 1:] += 3
    np.testing.assert_allclose(model.decision_function(features), model.decision_function(other), atol=1e-12)


def test_validation_samples_are_scored_and_not_trained_on():
    plain = QNNPClassifier(epochs=4, random_state=0).fit(X[:30], Y[:30])
    scored = QNNPClassifier(epochs=4, random_state=0).fit(X[:30], Y[:30], X_val=X[30:], y_val=Y[30:])
    np.testing.assert_array_equal(plain.decision_function(X), scored.decision_function(X))
    assert len(scored.history_["val_loss"]) == 4 and "val_loss" not in plain.history_
    assert scored.history_["val_accuracy"][-1] == scored.score(X[30:], Y[30:])


@pytest.mark.parametrize(
    ("model", "labels", "message"),
    [
        (QNNPClassifier(epochs=0), Y, "at least 1 epoch"),
        (QNNPClassifier(learning_rate=0), Y, "a rate above 0"),
        (QNNPClassifier(fill="zero"), Y, "allowed are 'idle' and 'repeat'"),
        (QNNPClassifier(engine="cirq"), Y, "allowed are 'fast', 'pennylane', 'qiskit'"),
        (QNNPClassifier(entangler="star"), Y, "allowed are chain, ring, none"),
        (QNNQClassifier(), np.arange(40) % 3, "Only binary classification is supported"),
        (QNNQClassifier(), np.zeros(40), "samples of 2 classes"),
    ],
)
def test_bad_input_says_what_is_allowed(model, labels, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, labels)


def test_global_randomness_is_neither_read_nor_moved():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = QNNHClassifier(epochs=1, random_state=0).fit(X[:6], Y[:6]).decision_function(X)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(99)
    np.testing.assert_array_equal(first, QNNHClassifier(epochs=1, random_state=0).fit(X[:6], Y[:6]).decision_function(X))

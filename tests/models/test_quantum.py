"""A classifier around any circuit: scikit-learn's contract, the paper's networks as special cases, both recipes."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit
from qhelpers.models.quantum import CircuitClassifier
from qhelpers.papers.low_energy.circuits import qnn_p_circuit, qnn_q_circuit
from qhelpers.papers.low_energy.models import QNNPClassifier, QNNQClassifier

X, Y = make_blobs(40, n_features=2, centers=2, random_state=5)
SMALL = VariationalCircuit(Encoding("RY", 2), Ansatz("RealAmplitudes", 2, 1))


@parametrize_with_checks([CircuitClassifier(epochs=30), CircuitClassifier(SMALL, recipe="sample", epochs=3, learning_rate=0.03)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_with_the_paper_s_circuits_it_is_the_paper_s_networks():
    """Put the same first weights into both: every epoch's loss agrees."""
    wide = np.column_stack([X, X[:, ::-1] ** 2])
    pairs = [
        (
            QNNPClassifier(fill="repeat", epochs=5, random_state=1),
            CircuitClassifier(qnn_p_circuit(4, 4, 3, "chain"), epochs=5),
            1e-12,
        ),
        (QNNQClassifier(epochs=2, random_state=1), CircuitClassifier(qnn_q_circuit(2, 2), recipe="sample", epochs=2), 1e-5),
    ]
    for known, general, close in pairs:
        for features in (X, wide):
            known.fit(features, Y)
            first = known._module(known.n_inputs_, int(np.random.RandomState(1).randint(2**31 - 1)))
            general._module = lambda n, seed, first=first: first.double()
            general.set_params(learning_rate=known.learning_rate).fit(features, Y)
            np.testing.assert_allclose(general.history_["loss"], known.history_["loss"], rtol=0, atol=close)
            assert general.history_["loss"][0] != general.history_["loss"][-1]
            np.testing.assert_allclose(
                general.decision_function(features), known.decision_function(features), rtol=0, atol=10 * close
            )


@pytest.mark.parametrize("recipe", ["all", "sample"])
@pytest.mark.parametrize(("library", "close"), [("pennylane", 1e-12), ("qiskit", 1e-6)])
def test_libraries_train_the_same_network(recipe, library, close):
    models = [
        CircuitClassifier(SMALL, recipe=recipe, epochs=2, random_state=0, engine=engine).fit(X[:10], Y[:10])
        for engine in ("fast", library)
    ]
    losses = [model.history_["loss"] for model in models]
    np.testing.assert_allclose(*losses, rtol=0, atol=close)
    np.testing.assert_allclose(*(model.decision_function(X) for model in models), rtol=0, atol=10 * close)


def test_first_weights_are_drawn_from_the_interval_and_a_kept_circuit_is_not_changed():
    first = [
        CircuitClassifier(SMALL, epochs=1, learning_rate=1e-9, random_state=s, start=(2.0, 2.5)).fit(X, Y) for s in (0, 1, 0)
    ]
    weights = [model.module_.weights.detach().numpy().copy() for model in first]
    assert all((w > 1.99).all() and (w < 2.51).all() for w in weights)
    np.testing.assert_array_equal(weights[0], weights[2])
    assert (weights[0] != weights[1]).all()
    assert first[0].module_.weights.data_ptr() != first[1].module_.weights.data_ptr()


def test_the_recipe_sets_loss_updates_and_probabilities(monkeypatch):
    steps = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *args: (steps.append(1), step(self, *args))[1])
    batch = CircuitClassifier(SMALL, epochs=3, learning_rate=1e-9, random_state=0).fit(X, Y)
    assert len(steps) == 3
    one = CircuitClassifier(SMALL, recipe="sample", epochs=3, learning_rate=1e-9, random_state=0).fit(X, Y)
    assert len(steps) == 3 + 3 * len(X)
    output, signs = batch.decision_function(X), 2 * Y - 1
    assert batch.history_["loss"][0] == pytest.approx(np.mean((output - signs) ** 2), abs=1e-6)
    assert one.history_["loss"][0] == pytest.approx(np.mean(np.log1p(np.exp(-signs * output))), abs=1e-6)
    np.testing.assert_allclose(batch.predict_proba(X)[:, 1], (1 + output) / 2, atol=1e-6)
    np.testing.assert_allclose(one.predict_proba(X)[:, 1], 1 / (1 + np.exp(-output)), atol=1e-6)


def test_it_travels_and_speaks_up():
    model = CircuitClassifier(SMALL, epochs=2, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).decision_function(X), model.decision_function(X))
    with pytest.raises(ValueError, match="recipe='slow' is unknown; allowed are 'all', 'sample'"):
        CircuitClassifier(SMALL, recipe="slow").fit(X, Y)
    each = VariationalCircuit(Encoding("RY", 2), Ansatz("RY-RX", 2, 1), "each")
    with pytest.raises(ValueError, match="needs one number"):
        CircuitClassifier(each).fit(X, Y)

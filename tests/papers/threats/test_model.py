"""Pure-HQML follows scikit-learn's contract, computes what its parts say, and goes on after a kill as if nothing had been."""

import pickle
import types

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhelpers.papers.threats.controls import NETWORKS, control, inputs_seen
from qhelpers.papers.threats.model import ALLOWED, OBSERVABLES, FactorizationMachine, PureHQMLClassifier
from qhelpers.papers.threats.rows import ArrayRows

X, Y = make_classification(300, 8, n_informative=4, n_redundant=1, n_clusters_per_class=1, weights=[0.8], random_state=2)
X = X * [1, 1, 5, 1, 0.1, 1, 1, 100] + [0, 3, 0, 0, 0, 0, 0, 1000]
SMALL = {"n_features": 4, "observable": "first", "batch_size": 32, "epochs": 3, "random_state": 0}


@parametrize_with_checks(
    [PureHQMLClassifier(observable="first", ansatz_reps=1, epochs=12, batch_size=16, learning_rate=0.15)],
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# --- the parts -------------------------------------------------------------------------------------------------------


def test_features_are_those_of_the_f_test_on_the_training_rows():
    model = PureHQMLClassifier(**SMALL).fit(X, Y)
    np.testing.assert_allclose(model.f_scores_, f_classif(X, Y)[0], rtol=1e-9)
    np.testing.assert_array_equal(model.selected_, SelectKBest(f_classif, k=4).fit(X, Y).get_support(indices=True))
    ranked = PureHQMLClassifier(**SMALL, order="score").fit(X, Y).selected_
    assert sorted(ranked) == list(model.selected_) and (np.diff(model.f_scores_[ranked]) <= 0).all()


def test_a_constant_feature_has_no_f_and_a_perfect_one_the_highest():
    features = np.column_stack([np.full(len(X), 7.0), X[:, :3], Y])
    model = PureHQMLClassifier(**SMALL | {"n_features": 1}).fit(features, Y)
    assert model.f_scores_[0] == 0 and model.selected_.tolist() == [4]


@pytest.mark.parametrize(("scaling", "beside"), [("standard", StandardScaler()), ("minmax", MinMaxScaler())])
def test_scaling_is_that_of_the_library(scaling, beside):
    model = PureHQMLClassifier(**SMALL, scaling=scaling).fit(X, Y)
    np.testing.assert_allclose(model.inputs(X), beside.fit_transform(X[:, model.selected_]), atol=1e-9)


def test_a_logit_is_made_of_the_layer_and_the_circuit():
    model = PureHQMLClassifier(**SMALL).fit(X, Y)
    inputs, network = model.inputs(X), model.module_
    with torch.no_grad():
        linear, circuit = network.front(inputs)[:, 0], network.branch(inputs).reshape(-1)
        by_hand = network.output.weight[0, 0] * linear + network.output.weight[0, 1] * circuit + network.output.bias
    np.testing.assert_allclose(model.decision_function(X), by_hand, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-by_hand.numpy())), atol=1e-12)


def test_a_factorization_machine_has_a_term_a_pair():
    torch.manual_seed(0)
    machine = FactorizationMachine(5, 3).double()
    x = torch.randn(7, 5, dtype=torch.double)
    pairs = sum((machine.factors[i] @ machine.factors[j]) * x[:, i] * x[:, j] for i in range(5) for j in range(i + 1, 5))
    torch.testing.assert_close(machine(x)[:, 0], machine.linear(x)[:, 0] + pairs)


def test_without_its_circuit_it_is_a_logistic_regression():
    ours = control("pure-hqml-without-circuit", **SMALL | {"epochs": 150, "learning_rate": 0.03}).fit(X, Y)
    plain = LogisticRegression(C=1e6).fit(ours.inputs(X), Y)
    scores = plain.decision_function(ours.inputs(X))
    assert np.corrcoef(ours.decision_function(X), scores)[0, 1] > 0.999


@pytest.mark.parametrize("name", NETWORKS)
def test_controls_train_what_they_should(name):
    model = control(name, **SMALL).fit(X, Y)
    first = model.network(4, np.random.RandomState(0).randint(2**31 - 1))
    moved = {
        part: any(not torch.equal(a.float(), b) for a, b in zip(now.parameters(), then.parameters(), strict=True))
        for (part, now), (_, then) in zip(model.module_.named_children(), first.named_children(), strict=True)
    }
    assert moved.get("front", name == "pure-hqml-without-network") and moved["output"]
    assert moved.get("branch") == {
        "pure-hqml-without-circuit": None,
        "factorization-machine": None,
        "pure-hqml-frozen": False,
    }.get(name, True)
    if name == "pure-hqml-separable":
        kinds = {gate.operation.num_qubits for gate in model.circuit(4).qiskit()[0].data if gate.operation.name != "barrier"}
        assert kinds == {1}
    if name == "pure-hqml-equal-weights":
        weights = [
            sum(w.numel() for w in one.parameters()) for one in (model.module_.branch, PureHQMLClassifier().network(4).branch)
        ]
        assert 0.8 * weights[1] <= weights[0] <= weights[1]


def test_which_inputs_an_observable_can_see():
    seen = inputs_seen(10, ansatz_reps=3)
    assert seen.loc["first"].to_numpy().nonzero()[0].tolist() == [0, 1, 2, 3]
    assert seen.loc[["last", "sum", "parity", "each"]].to_numpy().all()
    assert inputs_seen(10, ansatz_reps=1).loc["first"].sum() == 2
    assert inputs_seen(4, entanglement="none").loc["last"].tolist() == [False, False, False, True]
    # and a network's own gradient says the same
    network = PureHQMLClassifier(observable="first").network(10, 1)
    x = torch.randn(20, 10, requires_grad=True)
    network.branch(x).sum().backward()
    assert (x.grad.abs().sum(0) > 0).tolist() == seen.loc["first"].tolist()


@pytest.mark.parametrize("observable", OBSERVABLES)
def test_the_circuit_does_not_see_the_sign_of_its_inputs(observable):
    """Feature map conjugated, all else real."""
    branch = PureHQMLClassifier(observable=observable).network(4, 0).branch
    x = torch.randn(9, 4)
    torch.testing.assert_close(branch(x), branch(-x))
    assert branch(x).std() > 1e-3


def test_losses_are_what_they_are_called():
    plain = PureHQMLClassifier(**SMALL).fit(X, Y, X, Y)
    assert plain.history_["val_loss"][-1] == pytest.approx(log_loss(Y, plain.predict_proba(X)), abs=1e-5)
    assert plain.history_["val_accuracy"][-1] == pytest.approx(plain.score(X, Y))
    twice = PureHQMLClassifier(**SMALL, loss="twice").fit(X, Y, X, Y)
    again = 1 / (1 + np.exp(-twice.predict_proba(X)[:, 1]))
    assert twice.history_["val_loss"][-1] == pytest.approx(log_loss(Y, again), abs=1e-5)
    balanced = PureHQMLClassifier(**SMALL, class_weight="balanced").fit(X, Y, X, Y)
    weights = (len(Y) / (2 * np.bincount(Y)))[Y]
    expected = np.mean(weights * -np.log(np.where(Y, *balanced.predict_proba(X).T[::-1])))
    assert balanced.history_["val_loss"][-1] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "arguments", [{"feeds": "layer"}, {"observable": "each"}, {"feature_map": "ZZ"}, {"feature_map": "RY", "width": 3}]
)
def test_other_readings_of_the_text_train_too(arguments):
    model = PureHQMLClassifier(**SMALL | arguments).fit(X, Y)
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    if "feeds" in arguments:
        assert model.module_.front.out_features == 4


def test_a_pickled_network_says_the_same():
    model = PureHQMLClassifier(**SMALL).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))


def test_qiskit_trains_the_same_network():
    arguments = SMALL | {"n_features": 3, "ansatz_reps": 1, "epochs": 1, "batch_size": 8}
    ours, theirs = (PureHQMLClassifier(**arguments, engine=name).fit(X[:24], Y[:24]) for name in ("fast", "qiskit"))
    assert ours.history_["loss"] == pytest.approx(theirs.history_["loss"], abs=1e-6)
    np.testing.assert_allclose(ours.decision_function(X[:9]), theirs.decision_function(X[:9]), atol=1e-5)


# --- interruption ----------------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def killed_after(monkeypatch, epochs):
    """Let training stop in the middle of the epoch after so many."""
    original, calls = PureHQMLClassifier._pass, []

    def once(self, rows, random=None, optimiser=None):
        if optimiser is not None:
            calls.append(1)
            if len(calls) > epochs:
                original(self, rows, random, optimiser)
                raise Killed
        return original(self, rows, random, optimiser)

    monkeypatch.setattr(PureHQMLClassifier, "_pass", once)


@pytest.mark.parametrize("random_state", [0, None])
def test_a_killed_training_ends_as_one_that_was_not(tmp_path, monkeypatch, random_state):
    arguments = SMALL | {"epochs": 4, "random_state": random_state, "checkpoint": tmp_path / "a"}
    with monkeypatch.context() as patched:
        killed_after(patched, 2)
        stopped = PureHQMLClassifier(**arguments)
        with pytest.raises(Killed):
            stopped.fit(X, Y, X[:50], Y[:50])
    assert stopped.score(X, Y) > 0.5, "what it has learned so far can be used"
    seed = torch.load(tmp_path / "a" / "epoch.pt")["seed"]
    resumed = PureHQMLClassifier(**arguments).fit(X, Y, X[:50], Y[:50])
    if random_state is None:
        drawn = types.SimpleNamespace(randint=lambda high: seed)
        monkeypatch.setattr("qhelpers.papers.threats.model.check_random_state", lambda given: drawn)
    whole = PureHQMLClassifier(**arguments | {"checkpoint": None, "random_state": 0}).fit(X, Y, X[:50], Y[:50])
    assert resumed.history_ == whole.history_
    np.testing.assert_array_equal(resumed.decision_function(X), whole.decision_function(X))
    more = PureHQMLClassifier(**arguments | {"epochs": 5}).fit(X, Y, X[:50], Y[:50])
    assert more.history_["loss"][:4] == whole.history_["loss"] and len(more.history_["loss"]) == 5


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    arguments = SMALL | {"checkpoint": tmp_path}
    PureHQMLClassifier(**arguments).fit(X, Y)
    for other, rows, reason in (
        ({"learning_rate": 0.02}, X, "a training with other rows or arguments"),
        ({}, X + 1e-3, "a training with other rows or arguments"),
        ({"random_state": 1}, X, "a training with another random_state"),
        ({"epochs": 2}, X, "a training of 3 epochs, more than 2"),
    ):
        with pytest.raises(ValueError, match=f"holds {reason}; remove that folder, or name another"):
            PureHQMLClassifier(**arguments | other).fit(rows, Y)
    with pytest.raises(ValueError, match="a training with other rows or arguments"):
        PureHQMLClassifier(**arguments).fit(X, Y, X, Y)  # its history has no validation
    whole = (tmp_path / "epoch.pt").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no state"):
        (tmp_path / "epoch.pt").write_bytes(damaged)
        with pytest.raises(ValueError, match="holds a damaged state"):
            PureHQMLClassifier(**arguments).fit(X, Y)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALLOWED)
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} 'odd' is unknown; allowed are "):
        PureHQMLClassifier(**SMALL | {name: "odd"}).fit(X, Y)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"epochs": 0}, "epochs is 0; allowed are whole numbers from 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"n_features": 0}, "n_features is 0"),
        (
            {"class_weight": {2: 1.0}},
            r"The classes, \[0, 1\], are not in class_weight",
        ),
        ({"class_weight": "odd"}, "The 'class_weight' parameter .* Got 'odd' instead"),
        ({"learning_rate": 0}, "learning_rate is 0; allowed are numbers above 0"),
        ({"front": "factorization", "feeds": "layer"}, "an output a qubit, which front='factorization' has not"),
        ({"front": "none", "branch": "none"}, "front and branch are both 'none'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        PureHQMLClassifier(**SMALL | arguments).fit(X, Y)


def test_a_training_without_attacks_is_refused():
    with pytest.raises(ValueError, match=r"The labels hold 1 class.*give rows of two: normal traffic and attacks"):
        PureHQMLClassifier(**SMALL).fit(X, np.zeros(len(X), int))


def test_labels_that_the_training_never_had_are_refused():
    with pytest.raises(ValueError, match=r"labels \[2\] stand for nothing; the training has \[0, 1\]"):
        PureHQMLClassifier(**SMALL).fit(X, Y, X[:5], [0, 1, 2, 0, 1])


def test_a_stream_that_stops_is_refused():
    class Stopping(ArrayRows):
        passes = 0

        def blocks(self, chosen=None, random=None):
            self.passes += 1
            for features, labels in super().blocks(chosen, random):
                end = 100 if self.passes == 3 else None
                yield features[:end], labels[:end]

    with pytest.raises(ValueError, match="the rows stopped after 100 of 300; give all of them in every pass"):
        PureHQMLClassifier(**SMALL).fit_rows(Stopping(X, Y))


def test_columns_in_another_order_are_refused():
    table = pd.DataFrame(X, columns=list("abcdefgh"))
    model = PureHQMLClassifier(**SMALL).fit(table, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[list("hgfedcba")])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_flows_with_no_finite_value_are_refused(value):
    strange = X.copy()
    strange[3, 2] = value
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        PureHQMLClassifier(**SMALL).fit(strange, Y)

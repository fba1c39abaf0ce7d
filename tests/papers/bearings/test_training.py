"""QEML-Net as a classifier: scikit-learn's contract on features, images end to end, and a training that goes on after a kill."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhelpers.models.checkpoint import Checkpoint
from qhelpers.papers.bearings import training
from qhelpers.papers.bearings.model import LAMBDAS
from qhelpers.papers.bearings.training import QEMLNetClassifier

X, Y = make_classification(120, 10, n_informative=5, n_classes=3, n_clusters_per_class=1, class_sep=2.0, random_state=1)
FEW = {"epochs": 3, "batch_size": 40, "random_state": 0}


def stripes(n, side=16, seed=0):
    """Images of lying, standing or no stripes, in noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    wave = np.tile(np.where(np.arange(side) % 4 < 2, 1.0, -1.0), (side, 1))
    images = np.stack([(wave, wave.T, 0 * wave)[k] for k in y])[:, None] + 0.3 * rng.normal(size=(n, 2, side, side))
    return images.astype("float32"), y


@parametrize_with_checks([QEMLNetClassifier(epochs=8, batch_size=16, learning_rate=0.01)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_images_are_learned_end_to_end_in_half_precision():
    images, y = stripes(48)
    model = QEMLNetClassifier(epochs=4, batch_size=16, random_state=0).fit(images, y, *stripes(6, seed=1))
    assert model.module_.backbone is not None
    history = model.history_
    assert history["loss"][-1] < history["loss"][0]
    assert len(history["val_accuracy"]) == 4
    output = model.outputs(images[:5])
    assert output.q.shape == (5, 4) and output.h.shape == (5, 512) and output.logits.dtype == torch.float32
    features = model.features(images[:5])
    assert features.shape == (5, 2048)
    with torch.no_grad():
        np.testing.assert_allclose(model.module_.head(torch.as_tensor(features)).logits, output.logits, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(images[:5]).sum(1), 1)
    # a sample's answer does not depend on its neighbours
    np.testing.assert_allclose(model.decision_function(images[:1]), model.decision_function(images[:5])[:1], atol=1e-4)
    with pytest.raises(ValueError, match=r"(?s)shape \(2, 32, 32\).*had \(2, 16, 16\)"):
        model.predict(stripes(3, side=32)[0])


def test_features_are_scaled_by_the_training_samples():
    model = QEMLNetClassifier(**FEW).fit(X, Y)
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(model._inputs(X[:7]), scaler.transform(X[:7]), atol=1e-4)
    with pytest.raises(ValueError, match="no backbone; fit it on images"):
        model.features(X)


def test_the_step_falls_along_half_a_cosine(monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def noted(self, *arguments):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    QEMLNetClassifier(**FEW, learning_rate=0.01).fit(X, Y)
    np.testing.assert_allclose(rates, 0.005 * (1 + np.cos(np.pi * np.arange(9) / 9)))


def test_an_epoch_sees_every_sample_once_and_no_batch_of_one(monkeypatch):
    seen = []
    monkeypatch.setattr(
        training, "loss", lambda head, out, y, lam: (seen.append(y.tolist()), training_loss(head, out, y, lam))[1]
    )
    QEMLNetClassifier(epochs=1, batch_size=17, random_state=0).fit(X[:35], Y[:35])
    assert sorted(label for part in seen for label in part) == sorted(Y[:35].tolist())
    assert [len(part) for part in seen] == [12, 12, 11]


training_loss = training.loss


def test_a_training_that_was_killed_ends_as_one_that_was_not(tmp_path, monkeypatch):
    whole = QEMLNetClassifier(**FEW).fit(X, Y, X[:9], Y[:9])
    epoch = QEMLNetClassifier._epoch

    def killed(self, inputs, targets, rng, number, optimiser):
        if number == 2:
            raise KeyboardInterrupt
        return epoch(self, inputs, targets, rng, number, optimiser)

    model = QEMLNetClassifier(**FEW, checkpoint=tmp_path)
    monkeypatch.setattr(QEMLNetClassifier, "_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, X[:9], Y[:9])
    assert [path.name for path in tmp_path.iterdir()] == ["epoch.pt"]
    begun = []
    monkeypatch.setattr(QEMLNetClassifier, "_epoch", lambda *given: (begun.append(given[4]), epoch(*given))[1])
    again = clone(model).fit(X, Y, X[:9], Y[:9])
    assert begun == [2]
    assert again.history_ == whole.history_
    np.testing.assert_array_equal(again.decision_function(X), whole.decision_function(X))


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    QEMLNetClassifier(**FEW, checkpoint=tmp_path).fit(X, Y)
    for other in (FEW | {"branch": "none"}, FEW | {"epochs": 4}, FEW | {"lambdas": (1.0, 0.0, 0.0)}):
        with pytest.raises(ValueError, match="holds a training with other rows or arguments; remove that folder"):
            QEMLNetClassifier(**other, checkpoint=tmp_path).fit(X, Y)
    with pytest.raises(ValueError, match="other rows"):
        QEMLNetClassifier(**FEW, checkpoint=tmp_path).fit(X[:60], Y[:60])
    with pytest.raises(ValueError, match="another random_state"):
        QEMLNetClassifier(**FEW | {"random_state": 1}, checkpoint=tmp_path).fit(X, Y)
    (tmp_path / "epoch.pt").write_bytes(b"half of it")
    with pytest.raises(ValueError, match="a damaged state"):
        QEMLNetClassifier(**FEW, checkpoint=tmp_path).fit(X, Y)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path):
    small, large = torch.nn.Linear(2, 3), torch.nn.Linear(2, 4)
    kept = Checkpoint(tmp_path, "same")
    kept.save(small, torch.optim.Adam(small.parameters()), {"loss": [1.0]}, 0)
    with pytest.raises(ValueError, match=r"a network of another shape \(size mismatch for bias"):
        kept.restore(kept.load(1, 0), large, torch.optim.Adam(large.parameters()))


def test_the_same_seed_is_the_same_network_and_a_pickle_says_the_same():
    one, two = (QEMLNetClassifier(**FEW).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(one.decision_function(X), two.decision_function(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).predict(X), one.predict(X))
    other = QEMLNetClassifier(**FEW | {"random_state": 1}).fit(X, Y)
    assert not np.allclose(one.decision_function(X), other.decision_function(X))


def test_frozen_angles_stay_and_others_move():
    moved = {}
    for branch in ("circuit", "frozen"):
        model = QEMLNetClassifier(**FEW, branch=branch).fit(X, Y)
        first = model.network(3, (10,), int(np.random.RandomState(0).randint(2**31 - 1)))
        moved[branch] = not torch.equal(first.head.circuit.weights, model.module_.head.circuit.weights)
    assert moved == {"circuit": True, "frozen": False}


def test_the_loss_that_is_noted_is_made_of_its_parts():
    history = QEMLNetClassifier(**FEW | {"epochs": 1, "batch_size": 120}).fit(X, Y).history_
    parts = [history["cross_entropy"][0], history["reconstruction"][0], 1 - history["fidelity"][0]]
    assert history["loss"][0] == pytest.approx(np.dot(LAMBDAS, parts), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"epochs": 0}, "epochs is 0; allowed are whole numbers"),
        ({"batch_size": 1.5}, "batch_size is 1.5"),
        ({"learning_rate": 0}, "numbers above 0"),
        ({"precision": "float16"}, "allowed are float32, bfloat16"),
        ({"lambdas": (0.0, 0.5, 0.5)}, "allowed are three numbers from 0"),
        ({"lambdas": (0.5, 0.5)}, "allowed are three numbers from 0"),
        ({"branch": "quantum"}, "branch 'quantum' is unknown"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        QEMLNetClassifier(**FEW | arguments).fit(X, Y)


def test_samples_that_are_no_images_are_refused():
    with pytest.raises(ValueError, match="sides of 16 or more"):
        QEMLNetClassifier(**FEW).fit(np.zeros((6, 1, 8, 8)), np.arange(6) % 2)
    with pytest.raises(ValueError, match=r"\(6, 4, 4\); allowed are images"):
        QEMLNetClassifier(**FEW).fit(np.zeros((6, 4, 4)), np.arange(6) % 2)
    images, y = stripes(6)
    images[2, 0, 3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        QEMLNetClassifier(**FEW).fit(images, y)
    with pytest.raises(ValueError, match=r"validation holds \[7\]"):
        QEMLNetClassifier(**FEW).fit(X, Y, X[:2], [0, 7])

"""Three questions to the quantum layer: the bounds hold, the controls are what they are called, noise is what it is elsewhere."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from qhelpers.circuits import NoiseModel
from qhelpers.papers.bearings.experiments import network, questions, weights
from qhelpers.papers.bearings.model import HybridHead, Output
from qhelpers.papers.bearings.training import QEMLNetClassifier
from tests.papers.bearings.test_network import made_up, pairs


def states(n, rng):
    psi = rng.normal(size=(n, 16)) + 1j * rng.normal(size=(n, 16))
    return psi / np.linalg.norm(psi, axis=1, keepdims=True)


def near(target, n, rng):
    """States around a target, some of them close to it."""
    psi = target + rng.uniform(0, 1, (n, 1)) ** 2 * states(n, rng)
    return psi / np.linalg.norm(psi, axis=1, keepdims=True)


def z(psi):
    return np.abs(psi) ** 2 @ questions.SIGNS


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_no_state_is_farther_from_a_basis_state_than_its_fidelity_allows():
    rng = np.random.default_rng(0)
    psi = near(np.eye(16)[6], 4000, rng)
    fidelity = np.abs(psi[:, 6]) ** 2
    gaps = (1 - questions.SIGNS[6] * z(psi)).max(1)
    room = np.array([questions.room(one) for one in fidelity])
    assert (gaps <= room + 1e-12).all()
    edge = np.sqrt(0.962) * np.eye(16)[6] + np.sqrt(0.038) * np.eye(16)[9]  # all four bits differ: the bound is met
    assert 1 - questions.SIGNS[6] * z(edge[None])[0] == pytest.approx([questions.room(0.962)] * 4)
    assert (1 - questions.SIGNS[6] * z(psi)).mean(0).max() <= questions.room(fidelity.mean())
    assert (z(psi).std(0) <= questions.room_for_spread(fidelity.mean())).all()


def test_no_state_is_farther_from_any_state_than_its_fidelity_allows():
    rng = np.random.default_rng(1)
    for target in states(20, rng):
        psi = near(target, 500, rng)
        fidelity = np.abs(psi @ target.conj()) ** 2
        room = np.array([questions.room(one, basis=False) for one in fidelity])
        assert (np.abs(z(psi) - z(target[None])).max(1) <= room + 1e-6).all()


def test_two_windows_in_a_hundred_that_flip_are_as_far_spread_as_is_possible():
    q = np.r_[np.ones(98), -np.ones(2)]
    assert q.std() == pytest.approx(questions.room_for_spread(0.98))
    with pytest.raises(ValueError, match=r"a fidelity of 1.2; allowed are 0 to 1"):
        questions.room(1.2)


def test_a_curve_stays_from_the_epoch_after_its_last_fall():
    assert questions.stays([0.2, 0.96, 0.9, 0.97, 0.98], 0.95) == 4
    assert questions.stays([0.96, 0.97], 0.95) == 1
    assert np.isnan(questions.stays([0.96, 0.94], 0.95))


# --- the controls ----------------------------------------------------------------------------------------------------


def test_the_free_fit_begins_as_a_circuit_and_its_coefficients_are_trained():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 40)
    X = (rng.normal(size=(40, 12)) + y[:, None]).astype("float32")
    free, bound = (kind(random_state=0, epochs=2, batch_size=20) for kind in (questions.FreeFit, QEMLNetClassifier))
    first = free.network(3, (12,), 5)
    with torch.no_grad():
        rows = torch.as_tensor(X)
        torch.testing.assert_close(first(rows).q, bound.network(3, (12,), 5)(rows).q, atol=1e-5, rtol=0)
    coefficients = dict(first.head.circuit.named_parameters())
    assert {name: tuple(one.shape) for name, one in coefficients.items()} == {"coefficients": (80, 4)}  # the constant is 0
    fitted = free.fit(X, y)
    begun = fitted.network(3, (12,), int(np.random.RandomState(0).randint(2**31 - 1)))
    assert (fitted.module_.head.circuit.coefficients - begun.head.circuit.coefficients).abs().min() > 0
    assert np.isnan(fitted.history_["fidelity"]).all()


def test_what_is_said_is_found_where_it_is_and_nowhere_else():
    rng = np.random.default_rng(0)
    y, truth = np.repeat([0, 1, 2, 3], 50), np.repeat([0, 1, 2, 3], 30)
    corners = torch.tensor([[1.0, 1, 1, -1], [1, -1, 1, 1], [-1, 1, 1, 1], [-1, -1, 1, 1]])
    linear = nn.Linear(4 + 6, 4)
    model = SimpleNamespace(classes_=np.arange(4), module_=SimpleNamespace(head=SimpleNamespace(classifier=linear)))

    def made(labels, reads):
        noise = torch.as_tensor(rng.normal(0, 0.05, (len(labels), 4)), dtype=torch.float32)
        h = torch.zeros(len(labels), 6)
        h[range(len(labels)), labels] = 1.0
        with torch.no_grad():
            linear.bias.zero_()
            linear.weight.zero_()
            linear.weight[:, :4] = corners if reads == "q" else 0
            linear.weight[:, 4:8] = torch.eye(4) if reads == "h" else 0
        return Output(torch.zeros(len(labels), 4), h, None, corners[labels] + noise, None)

    by_q = questions.said(model, made(y, "q"), made(truth, "q"), y, truth, rng)
    assert by_q["alone"] == 1.0
    assert by_q["shuffled"] == pytest.approx(0.25, abs=0.08)
    assert by_q["mean"] == 0.25
    by_h = questions.said(model, made(y, "h"), made(truth, "h"), y, truth, rng)
    assert [by_h[key] for key in ("alone", "shuffled", "mean")] == [1.0, 1.0, 1.0]
    assert by_h["q_sd"] == pytest.approx(float(corners[truth].std(0, correction=0).mean()), abs=0.02)


def test_windows_of_a_size_that_is_held_out_train_no_head(monkeypatch):
    of = made_up(400)
    monkeypatch.setattr(network, "windows", lambda data, size: of)
    monkeypatch.setattr(QEMLNetClassifier, "fit", lambda self, X, y: self)
    for split in network.SPLITS:
        _, some, part = weights.trained({"split": split, "size": 32, "epochs": 1}, 1, None, None)
        assert not pairs(some) & (pairs(part.train) | pairs(part.test))
        if split == "fault-size-out":
            assert not set(some.recording) & set(part.test.recording)
        assert len(some) > 400


# --- noise -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trained():
    torch.manual_seed(3)
    head = HybridHead(12, 4, "circuit", True, "class").double().eval()
    model = SimpleNamespace(classes_=np.arange(4), module_=SimpleNamespace(head=head))
    with torch.no_grad():
        return model, head, head(torch.randn(30, 12, dtype=torch.float64))


def test_shares_of_outcomes_are_those_of_the_circuit_with_and_without_noise(trained):
    _, head, output = trained
    for noise in (None, NoiseModel("depolarizing", 0.02)):
        with torch.no_grad():
            shares = questions.probabilities(head, noise).double()(output.v).numpy()
            expected = head.circuit.with_noise(noise)(output.v).numpy()
        np.testing.assert_allclose(shares @ questions.SIGNS, expected, atol=1e-6)
        np.testing.assert_allclose(shares.sum(1), 1)
    with torch.no_grad():
        pure = questions.probabilities(head).double()(output.v).numpy()
    y = torch.arange(30) % 4
    np.testing.assert_allclose(pure[range(30), y], head.fidelity(output.v, y).detach(), atol=1e-6)


def test_no_noise_and_many_shots_change_nothing_and_much_noise_levels_all(trained, monkeypatch):
    model, _, output = trained
    monkeypatch.setattr(questions, "STRENGTHS", (0.0, 0.75))
    monkeypatch.setattr(questions, "SHOTS", (1, 10**8))
    y = np.arange(30) % 4
    found = questions.under_noise(model, output, y, np.random.default_rng(0))
    assert found["gate_q"][0] < 1e-6
    assert found["gate_q"][1] == pytest.approx(float(output.q.abs().mean()), abs=1e-3)  # all of it is gone
    assert found["gate_fidelity"][1] == pytest.approx(1 / 16, abs=1e-3)
    assert found["gate_changed"][0] == 0
    assert found["shot_q"][1] < 1e-3 < found["shot_q"][0]
    assert found["shot_changed"][1] == 0


# --- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_asks_every_head(monkeypatch):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 30))

    def drawn(n):
        y = np.arange(n) % 4
        return SimpleNamespace(x=(rng.normal(size=(n, 30)) + centres[y]).astype("float32"), y=y)

    parts = SimpleNamespace(features=lambda x: x), drawn(80), SimpleNamespace(test=drawn(40))
    monkeypatch.setattr(weights, "trained", lambda *_: parts)
    chosen = {name: questions.PLACES[name] for name in ("circuit", "none", "layers_0")}
    monkeypatch.setattr(questions, "PLACES", chosen)
    found = questions.run({"heads": 2, "long": 2}, 0, None)
    assert found.arrays["accuracy"].shape == (3, 2)
    assert np.isnan(found.arrays["alone"]).tolist() == [[False, False], [True, True], [False, False]]
    assert found.metrics["accuracy_none"] == pytest.approx(found.arrays["accuracy"][1].mean())
    assert found.metrics["bound"] == pytest.approx(0.076)
    for name in questions.LONG:
        assert len(found.arrays[f"long_{name}_curve_fidelity"]) == 2
        assert found.metrics[f"long_{name}_gap"] <= found.metrics[f"long_{name}_largest_gap"] + 1e-9
    gap, fidelity = found.metrics["long_zero_gap"], found.metrics["long_zero_fidelity"]
    assert gap <= questions.room(fidelity) + 1e-6

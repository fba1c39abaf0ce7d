"""Noise in the trained QNN-P: what theory says about a channel before the read-out, decisions from shots, and the sentences."""

import types

import numpy as np
import pytest
import torch
from scipy.stats import binom

from qhelpers import datasets, ledger
from qhelpers.circuits import CHANNELS, NoiseModel, QuantumLayer, analytic_z, with_noise
from qhelpers.models.mitigation import Cut, chance_positive, decision_accuracy, fit_cut, repeated, sampled
from qhelpers.papers.low_energy.circuits import qnn_p_circuit
from qhelpers.papers.low_energy.experiments import noise_in_testing, noise_in_training, tables
from qhelpers.papers.low_energy.models import NoisyQNNPClassifier, QNNPClassifier

ROOM = datasets.load("occupancy", source="twin", n=2000)
HALF = noise_in_testing.STRENGTHS.index(0.5)
THREE_QUARTERS = noise_in_testing.STRENGTHS.index(0.75)


def config(data="occupancy", entangler="ring", **changes):
    (found,) = tables.configs("quick", model="qnn-p", data=data, regime="300+300", entangler=entangler)
    return found | {"max_epochs": 40, "learning_rates": [0.1]} | changes


@pytest.fixture(scope="module")
def network():
    return tables.fitted(config(), 0, ROOM)


@pytest.fixture(scope="module")
def outcome():
    return noise_in_testing.run(config(), 0, ROOM)


def place(channel, insertion):
    return CHANNELS.index(channel), noise_in_testing.INSERTIONS.index(insertion)


def test_without_noise_it_is_the_network_of_the_table(outcome):
    table = tables.run(config(), 0, ROOM)
    assert outcome.metrics["accuracy"] == round(table.metrics["accuracy"], 6)
    assert outcome.confusion == table.confusion
    np.testing.assert_allclose(outcome.arrays["accuracy"][:, :, 0], table.metrics["accuracy"], atol=1e-6)


def test_a_pauli_channel_before_the_read_out_changes_no_decision_below_one_half(outcome):
    changed = outcome.arrays["changed"]
    for channel, until in (("bit_flip", HALF), ("bit_phase_flip", HALF), ("depolarizing", THREE_QUARTERS)):
        curve = changed[place(channel, "end")]
        assert (curve[:until] == 0).all()
        assert curve[until] == 0.5  # nothing is left of the output: a toss
        assert (curve[until + 1 :] == 1).all()  # every sign is turned
    for channel in ("phase_flip", "phase_damping"):
        assert (changed[place(channel, "end")] == 0).all()
    damped = outcome.arrays["accuracy"][place("amplitude_damping", "end")]
    assert changed[place("amplitude_damping", "end")][HALF] > 0.3
    assert (damped[HALF + 1 :] == 0.5).all()  # all samples are called positive, and the test set is balanced


def test_inside_the_circuit_a_pauli_channel_does_change_decisions_below_one_half(outcome):
    before = outcome.arrays["changed"][:, :2, 1:HALF]
    assert (before.max(axis=(1, 2)) > 0.01).any()


def test_the_end_is_what_the_formulas_say(outcome):
    np.testing.assert_array_equal(
        outcome.arrays["analytic"], outcome.arrays["accuracy"][:, noise_in_testing.INSERTIONS.index("end")]
    )


def test_amplitude_damping_pulls_up(network):
    X = network.X[network.test]
    plain = noise_in_testing.noisy_outputs(network.model, X, None)
    damped = noise_in_testing.noisy_outputs(network.model, X, NoiseModel("amplitude_damping", 0.3, "end"))
    assert (damped > plain).all()
    np.testing.assert_allclose(damped, analytic_z("amplitude_damping", 0.3, plain), atol=1e-12)
    moved = (plain <= 0) & (damped > 0)
    assert moved.any() and (plain[moved] > -0.3 / 0.7).all()


@pytest.mark.parametrize("insertion", noise_in_testing.INSERTIONS)
def test_outputs_are_those_of_default_mixed(network, insertion):
    qml = pytest.importorskip("pennylane")
    model = network.model
    circuit = qnn_p_circuit(4, 4, 3, "ring").pennylane()
    x = model._tensor(network.X[network.test[:3]]).numpy()
    for channel in ("bit_flip", "amplitude_damping"):
        struck = NoiseModel(channel, 0.15, insertion)
        node = qml.QNode(with_noise(circuit, struck), qml.device("default.mixed", wires=4))
        expected = [float(node(one, model.module_.weights.detach().numpy())) for one in x]
        found = noise_in_testing.noisy_outputs(model, network.X[network.test[:3]], struck)
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_chances_are_those_of_counting():
    z = np.array([-0.3, 0.0, 0.2, 1.0])
    for shots, cut in ((7, Cut()), (10, Cut()), (10, Cut(0.2, 1)), (10, Cut(-0.35, -1))):
        k = np.arange(shots + 1)
        side = cut.sign * (2 * k / shots - 1 - cut.threshold)
        side[np.abs(side) < 1e-9] = 0
        expected = [(binom.pmf(k, shots, (1 + one) / 2) * (1 + np.sign(side)) / 2).sum() for one in z]
        np.testing.assert_allclose(chance_positive(z, cut, shots), expected, atol=1e-12)
    np.testing.assert_array_equal(chance_positive(z), [0, 0.5, 1, 1])
    assert decision_accuracy(z, [0, 1, 1, 1]) == 0.875


def test_the_decision_error_is_what_sampling_gives(network):
    X, struck = network.X[network.test], NoiseModel("depolarizing", 0.1, "gate")
    exact = noise_in_testing.noisy_outputs(network.model, X, None) > 0
    chance = chance_positive(noise_in_testing.noisy_outputs(network.model, X, struck), shots=101)
    expected = np.abs(chance - exact).mean()
    circuit = qnn_p_circuit(4, 4, 3, "ring")
    weights = {"weights": network.model.module_.weights.detach()}
    shots = QuantumLayer(circuit.pennylane(), {"weights": (3, 4, 2)}, weights, n_inputs=4, noise=struck, shots=101).double()
    torch.manual_seed(0)
    with torch.no_grad():
        inputs = network.model._tensor(X)
        drawn = np.array([((shots(inputs).numpy() > 0) != exact).mean() for _ in range(200)])
    assert abs(drawn.mean() - expected) < 4 * drawn.std() / np.sqrt(200)
    assert expected > 0.005


def test_noise_costs_shots(outcome):
    error = outcome.arrays["decision_error"]
    assert error.shape == (len(noise_in_testing.SHOTS), 6, 3, 21)
    flip = error[(slice(None), *place("bit_flip", "end"))]
    assert (np.diff(flip[:, 1:HALF], axis=0) <= 0).all()  # more shots, fewer errors
    assert (np.diff(flip[:, : HALF + 1], axis=1) >= -1e-3).all()  # more noise, more errors
    # the output is shrunk by 1 - 2p, so that p = 0.45 takes about 100 times as many shots as none
    few, many = (noise_in_testing.SHOTS.index(shots) for shots in (100, 10_000))
    assert flip[few, 0] == pytest.approx(flip[many, noise_in_testing.STRENGTHS.index(0.45)], abs=0.02)


def test_a_cut_is_fitted_to_training_samples():
    z, y = np.array([0.1, 0.2, 0.6, 0.9]), np.array([0, 0, 1, 1])
    assert fit_cut(z, y) == pytest.approx(Cut(0.4, 1))
    assert fit_cut(-z, y) == pytest.approx(Cut(-0.4, -1))
    assert fit_cut(np.array([-0.1, -0.2, 0.6, 0.9]), y) == Cut(0.0, 1)  # what was trained wins among equals
    assert decision_accuracy(z, y, fit_cut(z, y)) == 1
    assert fit_cut(np.zeros(4), y).sign == 1  # nothing to be learned


def test_a_refitted_cut_brings_back_what_a_turned_sign_took(outcome):
    flip = place("bit_flip", "end")
    assert outcome.arrays["accuracy"][flip][-1] < 0.2 < 0.8 < outcome.arrays["threshold"][flip][-1]
    assert outcome.arrays["threshold"][flip][HALF] == 0.5  # and not what is gone


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_repeated_is_one_of_its_kind(channel):
    from qhelpers.circuits import pauli_transfer

    for strength in (0.05, 0.6, 1.0):
        three = repeated(NoiseModel(channel, strength, "end"), 3)
        expected = np.linalg.matrix_power(pauli_transfer(channel, strength), 3)
        np.testing.assert_allclose(pauli_transfer(channel, three.strength), expected, atol=1e-7)


def holding(**curves):
    """Sentences of the paper that hold in one run of which these are the curves, noise at each gate."""
    accuracy = np.full((6, 3, 21), 0.9)
    for channel, curve in curves.items():
        accuracy[CHANNELS.index(channel)] = curve
    run = types.SimpleNamespace(metrics=noise_in_testing.scalars(accuracy, accuracy))
    names = [claim.id for claim in ledger.claims("1") if (claim.measured_by or {}).get("experiment") == "noise"]
    found = {}
    for name in names:
        each = [held[0] for reading, held in ledger.holds_in(name, [run]).items() if reading.endswith("noise at gate")]
        if each:
            found[name] = all(each)
    return {name for name, holds in found.items() if holds}, set(found)


def test_the_sentences_hold_where_the_curves_say_so():
    falling = np.maximum(0.5, 0.9 - np.arange(21) * 0.08)
    slow, moderate = np.linspace(0.9, 0.82, 21), np.linspace(0.9, 0.7, 21)
    robust = {"1.abstract.noise.robust", "1.intro.noise.resilience", "1.noise.order.robustness", "1.conclusion.noise.robust"}
    paper, every = holding(
        bit_flip=np.where(np.arange(21) > 1, 0.5, 0.9), phase_flip=falling, bit_phase_flip=falling, phase_damping=moderate,
        depolarizing=slow, amplitude_damping=slow,
    )  # fmt: skip
    assert len(every) > 10 and not paper & robust
    assert {name for name in every - paper if name.startswith("1.noise.")} <= robust
    quiet, _ = holding()
    assert {"1.noise.depolarizing-gradual", "1.noise.amplitude-damping", *robust} & every <= quiet
    assert not quiet & {"1.noise.resilient", "1.noise.flips-sensitive", "1.noise.flips-low-noise", "1.noise.bit-flip-sharp"}
    exactly, _ = holding(bit_flip=0.9 - 0.05 * (np.arange(21) > 1), phase_flip=falling, bit_phase_flip=falling)
    assert "1.noise.flips-low-noise" not in exactly  # five points are not more than five points


def test_metrics_say_what_the_arrays_say(outcome):
    curve = outcome.arrays["accuracy"][place("bit_flip", "layer")]
    assert outcome.metrics["accuracy.bit_flip.layer.0.25"] == curve[5]
    assert outcome.metrics["mean.bit_flip.layer"] == pytest.approx(curve.mean(), abs=1e-5)
    assert all(0 <= value <= 1 or "drop" in name for name, value in outcome.metrics.items())
    assert len(outcome.metrics) == len(set(outcome.metrics))


def test_the_noisy_network_is_the_same_network(network):
    X, y = network.X[network.train], network.y[network.train]
    settings = {"entangler": "chain", "epochs": 3, "random_state": 5}
    plain = QNNPClassifier(**settings).fit(X, y)
    same = NoisyQNNPClassifier(**settings).fit(X, y)
    np.testing.assert_array_equal(plain.decision_function(X), same.decision_function(X))
    other = NoisyQNNPClassifier(NoiseModel("bit_flip", 0.2, "layer"), **settings).fit(X, y)
    assert np.abs(other.decision_function(X) - same.decision_function(X)).max() > 0.01
    again = NoisyQNNPClassifier(**settings).fit(X, y)  # and the layer read once is not trained by others
    np.testing.assert_array_equal(again.decision_function(X), same.decision_function(X))
    with pytest.raises(ValueError, match="has no noise"):
        NoisyQNNPClassifier(engine="qiskit", **settings).fit(X, y)


def test_phase_noise_before_the_read_out_trains_the_same_network(monkeypatch):
    monkeypatch.setattr(noise_in_training, "LEVELS", (0.05, 1.0))
    found = noise_in_training.run(config(max_epochs=15), 1, ROOM)
    accuracy, before = found.arrays["accuracy"], found.arrays["before"]
    end = noise_in_training.INSERTIONS.index("end")
    for channel in ("phase_flip", "phase_damping"):
        np.testing.assert_allclose(accuracy[CHANNELS.index(channel), end], found.metrics["accuracy"], atol=1e-6)
    flip = CHANNELS.index("bit_flip")
    assert before[flip, end, 1] == pytest.approx(1 - found.metrics["accuracy"], abs=1e-6)
    assert accuracy[flip, end, 1] > 0.7  # a certain flip is learned away
    assert set(found.metrics) >= {"accuracy", "accuracy.bit_flip.end.1.00", "accuracy.depolarizing.layer.0.05"}


def test_sampled_outputs_scatter_about_the_exact_ones():
    drawn = sampled(np.full(20_000, 0.4), 50, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.4, abs=0.004)
    assert drawn.std() == pytest.approx(np.sqrt((1 - 0.16) / 50), rel=0.03)

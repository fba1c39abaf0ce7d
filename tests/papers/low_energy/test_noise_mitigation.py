"""Zero-noise extrapolation is PennyLane's, to the letter, and says what it costs."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.circuits import CHANNELS, NoiseModel, kraus
from qhelpers.models.mitigation import EXTRAPOLATIONS, SCALE_FACTORS, extrapolate, folded_layer, without_barriers
from qhelpers.papers.low_energy.circuits import qnn_p_circuit
from qhelpers.papers.low_energy.experiments import noise_in_testing, noise_mitigation, tables

ROOM = datasets.load("occupancy", source="twin", n=2000)


def config(entangler="chain"):
    (found,) = tables.configs("quick", model="qnn-p", data="occupancy", regime="300+300", entangler=entangler)
    return found | {"max_epochs": 40, "learning_rates": [0.1]}


@pytest.fixture(scope="module")
def network():
    return tables.fitted(config(), 0, ROOM)


def literal(circuit, struck, method):
    """PennyLane's own way: a noisy device, `mitigate_with_zne`, `fold_global`."""
    qml = pytest.importorskip("pennylane")
    operators = kraus(struck.channel, struck.strength)

    def strike(op, **_):
        for wire in op.wires:
            qml.QubitChannel(operators, wires=wire)

    model = qml.NoiseModel({qml.noise.wires_in(range(circuit.n_qubits)): strike})
    device = qml.add_noise(qml.device("default.mixed", wires=circuit.n_qubits), model)
    node = qml.QNode(without_barriers(circuit), device)
    fit, options = {
        "linear": (qml.noise.poly_extrapolate, {"order": 1}),
        "richardson": (qml.noise.richardson_extrapolate, {}),
        "exponential": (qml.noise.exponential_extrapolate, {"asymptote": 0.0}),
    }[method]
    scales = [float(scale) for scale in SCALE_FACTORS]
    return qml.noise.mitigate_with_zne(node, scales, qml.noise.fold_global, fit, extrapolate_kwargs=options)


@pytest.mark.parametrize("entangler", ["chain", "ring"])
@pytest.mark.parametrize("channel", ["bit_flip", "depolarizing", "amplitude_damping"])
def test_extrapolation_is_pennylanes(entangler, channel):
    circuit = qnn_p_circuit(4, 4, 3, entangler)
    rng = np.random.default_rng(1)
    inputs, weights = rng.normal(size=(2, 4)), rng.uniform(0, 2 * np.pi, circuit.weight_shape)
    struck = NoiseModel(channel, 0.02, "gate")
    import torch

    x = torch.as_tensor(inputs)
    layers = [folded_layer(circuit, torch.as_tensor(weights), scale).with_noise(struck) for scale in SCALE_FACTORS]
    values = [layer(x).detach().numpy() for layer in layers]
    for method in EXTRAPOLATIONS:
        expected = [float(literal(circuit, struck, method)(one, weights)) for one in inputs]
        np.testing.assert_allclose(extrapolate(method, values), expected, atol=1e-8)


def test_extrapolations_by_hand():
    values = [np.array([0.9, -0.2]), np.array([0.6, -0.1]), np.array([0.4, -0.05])]
    np.testing.assert_allclose(extrapolate("richardson", values), [3 * 0.9 - 3 * 0.6 + 0.4, -0.6 + 0.3 - 0.05], atol=1e-9)
    np.testing.assert_allclose(extrapolate("linear", values), [np.polyfit((1, 2, 3), (0.9, 0.6, 0.4), 1)[1], -0.8 / 3], atol=1e-2)
    np.testing.assert_allclose(extrapolate("exponential", values)[1], -0.4, atol=1e-6)
    with pytest.raises(ValueError, match="allowed are linear, richardson, exponential"):
        extrapolate("cubic", values)


def test_the_exponential_decides_as_the_line_does():
    values = list(np.random.default_rng(3).uniform(-1, 1, (3, 500)))
    np.testing.assert_array_equal(np.sign(extrapolate("exponential", values)), np.sign(extrapolate("linear", values)))


def test_folding_once_is_the_circuit_itself(network):
    scaled = noise_mitigation.scaled_outputs(network.model, network.X[network.test])
    struck = NoiseModel("bit_flip", 0.05, "gate")
    folded, repeated = scaled("folded", struck), scaled("repeated", struck)
    np.testing.assert_allclose(
        folded[0], noise_in_testing.noisy_outputs(network.model, network.X[network.test], struck), atol=1e-12
    )
    np.testing.assert_allclose(folded[0], repeated[0], atol=1e-12)
    assert np.abs(folded[0]).mean() > np.abs(folded[1]).mean() > np.abs(folded[2]).mean()
    assert np.abs(folded[2] - repeated[2]).max() > 1e-4  # two ways to have three times the noise
    quiet = scaled("folded", NoiseModel("bit_flip", 0.0, "gate"))
    np.testing.assert_allclose(quiet, np.broadcast_to(quiet[0], quiet.shape), atol=1e-9)


def test_extrapolation_mends_the_output_and_costs_shots(network):
    rng = np.random.default_rng(0)
    X, labels = network.X[network.test], network.y[network.test]
    exact = noise_in_testing.noisy_outputs(network.model, X, None)
    scaled = noise_mitigation.scaled_outputs(network.model, X)
    found = noise_mitigation.judge(scaled("repeated", NoiseModel("bit_flip", 0.05, "end")), exact, labels, rng)
    none, linear, richardson, exponential = range(4)
    assert found["error"][none] > 4 * found["error"][richardson] > found["error"][exponential]
    assert found["accuracy"][none] == found["accuracy"][richardson]  # the decisions were right all the time
    assert found["decision_error"][none] < found["decision_error"][linear] < found["decision_error"][richardson]
    still = noise_mitigation.judge(np.array([exact] * 3), exact, labels, rng)
    np.testing.assert_allclose(still["error"], 0, atol=1e-8)


def test_shots_are_shared_to_the_last():
    assert noise_mitigation.split_shots(1000) == [334, 333, 333]
    assert sum(noise_mitigation.split_shots(10)) == 10


def test_a_run_holds_every_case():
    found = noise_mitigation.run(config("ring"), 0, ROOM)
    shape = len(noise_mitigation.CASES), len(CHANNELS), len(noise_mitigation.STRENGTHS), len(noise_mitigation.METHODS)
    names = ("error", "accuracy", "error_shots", "accuracy_shots", "decision_error")
    assert all(found.arrays[name].shape == shape for name in names)
    assert all(np.isfinite(found.arrays[name]).all() for name in names)
    end = noise_mitigation.CASES.index(("repeated", "end"))
    quiet = found.arrays["error"][end, CHANNELS.index("phase_flip")]
    assert quiet.max() == 0
    assert {"accuracy", "shots.accuracy", "decision_error.none", "decision_error.richardson"} <= set(found.metrics)

"""Noise and shots in a QuantumLayer, against default.mixed, Aer and the laws of chance."""

import functools

import numpy as np
import pennylane as qml
import pytest
import random_circuits as drawing
import torch
from hypothesis import given
from hypothesis import strategies as st
from qiskit import transpile
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from torch.func import functional_call, grad, vmap

from qhelpers.circuits import CHANNELS, Ansatz, Encoding, NoiseModel, QuantumLayer, VariationalCircuit
from qhelpers.circuits.engine import PATHS
from qhelpers.circuits.noise import INSERTIONS, analytic_z, noisy_qiskit, with_noise

STRENGTHS = (0.0, 0.3, 1.0)
EXACT = 1e-10


def layered(inputs, weights):
    """Three qubits, the data first, two layers with a barrier behind each."""
    for q in range(3):
        qml.RY(inputs[..., q], q)
    for layer in range(2):
        for q in range(3):
            qml.Rot(weights[layer, q, 0], weights[layer, q, 1], 0.4, wires=q)
        qml.CNOT([0, 1])
        qml.CZ([1, 2])
        qml.Barrier(range(3))
    qml.RX(weights[0, 0, 0], 1)
    return [qml.expval(qml.Z(0)), qml.expval(0.5 * qml.X(1) @ qml.Z(2) + qml.Y(0)), qml.probs(wires=[2, 0])]


def reuploading(inputs, weights):
    """Two qubits, data also after entangling gates and in them."""
    for layer in range(2):
        for q in range(2):
            qml.RX(inputs[..., q] + weights[layer, q, 0], q)
            qml.RZ(weights[layer, q, 1], q)
        qml.IsingXX(inputs[..., 2] * 0.5, wires=[0, 1])
        qml.Hadamard(1)
        qml.Barrier(range(2))
    return [qml.expval(qml.Z(1)), qml.expval(qml.Y(0) @ qml.X(1)), qml.probs(wires=[0])]


def points(n_samples=2):
    rng = np.random.default_rng(4)
    return rng.uniform(-2, 2, (n_samples, 3)), rng.uniform(0, 6, (2, 3, 2))


def exact(circuit, model, x, w, wires):
    """default.mixed with NumPy's numbers: through torch it is good to 5e-8 only."""
    node = qml.QNode(with_noise(circuit, model), qml.device("default.mixed", wires=wires), interface="numpy")
    return np.array([np.hstack([np.atleast_1d(one) for one in node(sample, w)]) for sample in x])


@functools.cache
def read(circuit, path, compiled):
    return QuantumLayer(circuit, {"weights": (2, 3, 2)}, n_inputs=3, path=path, compiled=compiled)


def layers(circuit, model):
    """On every path that is possible: (name, layer). They are read once, and their noise is exchanged."""
    reasons = read(circuit, "auto", None)
    reasons.noise = model
    for path in PATHS:
        for compiled in (True, False):
            if path not in reasons.engine().reasons():
                layer = read(circuit, path, compiled)
                layer.noise = model
                yield f"{path}, {compiled}", layer


@pytest.mark.parametrize("insertion", INSERTIONS)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("circuit", "paths"), [(layered, {"terms", "train", "density"}), (reuploading, {"density"})])
def test_noise_is_that_of_default_mixed(circuit, paths, channel, insertion):
    x, w = points(1)
    inputs, weights = torch.as_tensor(x), torch.as_tensor(w)
    for strength in STRENGTHS:
        model = NoiseModel(channel, strength, insertion)
        expected = exact(circuit, model, x, w, 3 if circuit is layered else 2)
        tried = set()
        for name, layer in layers(circuit, model):
            found = functional_call(layer, {"weights": weights}, (inputs,)).numpy()
            np.testing.assert_allclose(found, expected, atol=EXACT, rtol=0, err_msg=f"{name} at {strength}")
            tried.add(name.split(",")[0])
        assert tried == paths


@st.composite
def models(draw):
    return NoiseModel(draw(st.sampled_from(CHANNELS)), draw(st.sampled_from((0.05, 0.4, 0.9))), draw(st.sampled_from(INSERTIONS)))


@drawing.modest(24)
@given(drawing.circuits(max_qubits=3, max_gates=7, barriers=True), models())
def test_noise_in_random_circuits(drawn, model):
    if model.insertion == "layer" and not any(name == "barrier" for name, *_ in drawn.gates):
        with pytest.raises(ValueError, match="barrier"):
            drawn.layer(noise=model)(torch.zeros(1, drawing.N_INPUTS))
        return
    x, w = drawing.point(2)
    node = with_noise(drawn.node("default.mixed", "numpy"), model)
    with np.errstate(all="ignore"):
        expected = np.array([np.hstack([np.atleast_1d(one) for one in node(sample, w.numpy())]) for sample in x.numpy()])
    device = qml.device("default.mixed", wires=drawn.n_qubits)
    shapes = {"weights": drawing.N_WEIGHTS}
    clean = qml.QNode(drawn.pennylane(), device)
    reasons = QuantumLayer(clean, shapes, n_inputs=drawing.N_INPUTS, noise=model).engine().reasons()
    for path in PATHS:
        if path in reasons:
            continue
        slopes = []
        for compiled in (True, False):
            layer = QuantumLayer(clean, shapes, n_inputs=drawing.N_INPUTS, noise=model, path=path, compiled=compiled)
            values, *slope = drawing.graded(lambda x, w, layer=layer: functional_call(layer, {"weights": w}, (x,)), x, w)
            np.testing.assert_allclose(values, expected, atol=EXACT, rtol=0, err_msg=f"{path}, compiled={compiled}")
            slopes.append(slope)
        for one, other in zip(*slopes, strict=True):
            torch.testing.assert_close(one, other, atol=EXACT, rtol=0)


def of_qiskit(insertion):
    circuit = VariationalCircuit(Encoding("ZZ", 2, 1, "full"), Ansatz("EfficientSU2", 2, 1, "linear"))
    built, inputs, weights = circuit.qiskit()
    if insertion == "layer":
        built.barrier()
        built.rx(0.4, 0)
        built.barrier()
    return built, inputs, weights


@pytest.mark.parametrize("insertion", INSERTIONS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_noise_is_that_of_aer(channel, insertion):
    circuit, inputs, weights = of_qiskit(insertion)
    model = NoiseModel(channel, 0.13, insertion)
    operators = [SparsePauliOp("IZ"), SparsePauliOp(["XY", "ZZ"], [0.5, 1.0])]
    values = np.linspace(-1, 2, len(weights))
    layer = QuantumLayer.from_qiskit(
        circuit, input_params=inputs, weight_params=weights, observables=operators, initial_weights=values, noise=model
    ).double()
    x = np.array([0.4, -0.9])
    bound = noisy_qiskit(
        circuit.assign_parameters(dict(zip([*inputs, *weights], [*x, *layer.weight.tolist()], strict=True))), model
    )
    bound.save_density_matrix()
    simulator = AerSimulator(method="density_matrix")
    rho = simulator.run(transpile(bound, simulator, optimization_level=0)).result().data()["density_matrix"]
    expected = [rho.expectation_value(one).real for one in operators]
    np.testing.assert_allclose(layer(torch.as_tensor(x)).detach(), expected, atol=EXACT, rtol=0)


@pytest.mark.parametrize("channel", CHANNELS)
def test_one_qubit_by_the_rules_of_the_paper(channel):
    def circuit(inputs):
        qml.RX(inputs[..., 0], 0)
        return qml.expval(qml.Z(0))

    x = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    for strength in np.linspace(0, 1, 21):
        layer = QuantumLayer(circuit, {}, n_inputs=1, noise=NoiseModel(channel, strength, "end"))
        torch.testing.assert_close(layer(x), analytic_z(channel, strength, torch.cos(x[:, 0])), atol=1e-12, rtol=0)


@pytest.mark.parametrize("channel", ["depolarizing", "amplitude_damping", "phase_damping"])
@pytest.mark.parametrize("circuit", [layered, reuploading])
def test_gradients_under_noise(circuit, channel):
    """Against plain torch, and that against differences."""
    x, w = (torch.as_tensor(part) for part in points(3))
    for insertion in INSERTIONS:
        found = {}
        for name, layer in layers(circuit, NoiseModel(channel, 0.2, insertion)):

            def function(x, w, layer=layer):
                return functional_call(layer, {"weights": w}, (x,))

            found[name] = drawing.graded(function, x, w)
            if name == "density, False":
                mixture = torch.cos(torch.arange(found[name][0].numel(), dtype=x.dtype) + 1).reshape(found[name][0].shape)
                step = torch.zeros_like(w)
                step[0, 1, 1] = 1e-5
                difference = ((function(x, w + step) - function(x, w - step)) * mixture).sum() / 2e-5
                assert float(found[name][2][0, 1, 1]) == pytest.approx(float(difference), abs=1e-8)
        for name, one in found.items():
            for part, expected in zip(one, found["density, False"], strict=True):
                torch.testing.assert_close(part, expected, atol=EXACT, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("path", ["terms", "train", "density"])
def test_twenty_seeds_under_noise(path):
    model = NoiseModel("amplitude_damping", 0.2, "gate")
    layer = QuantumLayer(layered, {"weights": (2, 3, 2)}, n_inputs=3, noise=model, path=path)
    x = torch.as_tensor(points(3)[0])
    stack = torch.rand(20, 2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 6

    def loss(weights):
        return (functional_call(layer, {"weights": weights}, (x,)) ** 2).sum()

    found = vmap(grad(loss))(stack)
    torch.testing.assert_close(found, torch.stack([grad(loss)(weights) for weights in stack]), atol=EXACT, rtol=0)


def test_noise_can_be_exchanged_after_training():
    layer = QuantumLayer(layered, {"weights": (2, 3, 2)}, n_inputs=3)
    x = torch.as_tensor(points()[0])
    clean = layer(x)
    layer.noise = NoiseModel("depolarizing", 0.3, "end")
    noisy = QuantumLayer(layered, {"weights": (2, 3, 2)}, n_inputs=3, noise=layer.noise)
    noisy.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), noisy(x))
    assert (layer(x) - clean).abs().max() > 0.01
    layer.noise = None
    torch.testing.assert_close(layer(x), clean)


def test_wide_circuits_under_noise():
    """Eight qubits, damped term by term: no density matrix of them is needed."""
    circuit = VariationalCircuit(Encoding("RY", 8), Ansatz("RY-RX", 8, 1, "linear"), "each")
    model = NoiseModel("depolarizing", 0.1, "gate")
    x = np.random.default_rng(0).uniform(-1, 1, (1, 8))
    layers_of = {
        path: QuantumLayer(
            circuit.pennylane(), {"weights": circuit.weight_shape}, {"weights": torch.ones(circuit.weight_shape)},
            n_inputs=8, noise=model, path=path,
        )
        for path in ("terms", "train")
    }  # fmt: skip
    found = {path: layer(torch.as_tensor(x)).detach() for path, layer in layers_of.items()}
    torch.testing.assert_close(found["terms"], found["train"], atol=EXACT, rtol=0)
    expected = exact(circuit.pennylane(), model, x, np.ones(circuit.weight_shape), 8)
    np.testing.assert_allclose(found["terms"], expected, atol=EXACT, rtol=0)


def test_layers_need_barriers():
    circuit = VariationalCircuit(Encoding("RY", 2), Ansatz("RY-RX", 2, 1, "linear"))

    def flat(inputs, weights):
        qml.RY(inputs[..., 0], 0)
        return qml.expval(qml.Z(0))

    with pytest.raises(
        ValueError, match=r"no barrier; put qml\.Barrier\(\) .* after each layer, or choose insertion='gate' or 'end'"
    ):
        QuantumLayer(flat, {"weights": 1}, n_inputs=1, noise=NoiseModel("bit_flip", 0.1, "layer"))
    built, inputs, weights = circuit.qiskit()
    bare = built.copy()
    bare.data = [one for one in bare.data if one.operation.name != "barrier"]
    with pytest.raises(ValueError, match=r"circuit\.barrier\(\)"):
        QuantumLayer.from_qiskit(
            bare, input_params=inputs, weight_params=weights, noise=NoiseModel("bit_flip", 0.1, "layer")
        )(torch.zeros(1, 2))  # fmt: skip


# --- shots -----------------------------------------------------------------------------------------------------------

SHOTS, REPEATS = 50, 4000


def words(inputs, weights):
    for q in range(2):
        qml.RY(inputs[..., q], q)
        qml.RX(weights[q], q)
    qml.CNOT([0, 1])
    return [qml.expval(qml.Z(0)), qml.expval(qml.X(0) @ qml.Z(1)), qml.expval(0.5 * qml.Z(1) - 2.0 * qml.Y(0))]


def chances(inputs, weights):
    words(inputs, weights)
    return [qml.expval(qml.Z(0)), qml.probs(wires=[0, 1]), qml.probs(wires=[1])]


def repeated(circuit, **options):
    """Draws (REPEATS, n_outputs) at one point, and the exact values."""
    start = {"weights": torch.tensor([0.6, 1.1])}
    torch.manual_seed(5)
    x = torch.tensor([[0.5, 1.3]], dtype=torch.float64).expand(REPEATS, 2)
    drawn = QuantumLayer(circuit, {"weights": 2}, start, shots=SHOTS, **options)(x).detach()
    return drawn, QuantumLayer(circuit, {"weights": 2}, start, **options)(x[0]).detach()


@pytest.mark.parametrize("path", ["terms", "state"])
def test_shots_of_words(path):
    drawn, exact_values = repeated(words, path=path)
    separate = repeated(lambda inputs, weights: [*words(inputs, weights)[:2], qml.expval(qml.Z(1)), qml.expval(qml.Y(0))])[1]
    each = (1 - separate**2) / SHOTS
    variance = torch.stack([each[0], each[1], 0.25 * each[2] + 4.0 * each[3]])
    deviation = (drawn.mean(0) - exact_values) / (variance / REPEATS).sqrt()
    assert deviation.abs().max() < 4
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.12)
    assert set((drawn[:, 0] * SHOTS).round().int().tolist()) <= set(range(-SHOTS, SHOTS + 1, 2))  # each shot is +1 or -1
    torch.testing.assert_close(drawn[:, 0] * SHOTS, (drawn[:, 0] * SHOTS).round(), atol=1e-9, rtol=0)


def test_shots_of_probabilities():
    drawn, exact_values = repeated(chances)
    for first, last in ((1, 5), (5, 7)):
        part, p = drawn[:, first:last], exact_values[first:last]
        counts = part * SHOTS
        torch.testing.assert_close(counts, counts.round(), atol=1e-9, rtol=0)
        assert (counts > -1e-9).all()
        torch.testing.assert_close(part.sum(1), torch.ones(REPEATS, dtype=torch.float64))
        assert ((part.mean(0) - p) / (p * (1 - p) / SHOTS / REPEATS).sqrt()).abs().max() < 4
        expected = (torch.diag(p) - p[:, None] * p) / SHOTS
        found = torch.cov(part.T)
        assert (found - expected).abs().max() < 0.1 * expected.abs().max()


def test_gradients_with_shots_are_exact():
    start = {"weights": torch.tensor([0.6, 1.1])}
    x = torch.tensor([[0.5, 1.3], [0.1, -2.0]], dtype=torch.float64)
    for circuit in (words, chances):
        found = []
        for shots in (None, 10):
            layer, inputs = QuantumLayer(circuit, {"weights": 2}, start, shots=shots).double(), x.clone().requires_grad_()
            (layer(inputs) * torch.arange(1.0, 1 + layer(x).shape[1])).sum().backward()
            found.append((inputs.grad, layer.weights.grad))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=0)


def test_shots_and_noise_together():
    model = NoiseModel("depolarizing", 0.3, "end")
    drawn, exact_values = repeated(words, noise=model)
    clean = repeated(words)[1]
    assert (drawn.mean(0) - exact_values).abs().max() < 0.03 < (clean - exact_values).abs().max()


def test_certain_outcomes_have_no_variance():
    layer = QuantumLayer(words, {"weights": 2}, torch.nn.init.zeros_, shots=7)
    assert torch.equal(layer(torch.zeros(5, 2))[:, 0], torch.ones(5))


def test_shots_are_drawn_anew_and_by_seed():
    layer = QuantumLayer(words, {"weights": 2}, shots=20)
    x = torch.rand(30, 2)
    torch.manual_seed(1)
    first, second = layer(x), layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first) and not torch.equal(first, second)
    assert first.dtype == torch.float32 and layer(x[0]).shape == (3,)

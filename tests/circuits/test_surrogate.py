"""The trigonometric sum is the circuit; what a circuit can see and learn; its states."""

import functools
import math
import subprocess
import sys

import numpy as np
import onnxruntime
import pennylane as qml
import pytest
import random_circuits as drawing
import torch
from hypothesis import given
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes, z_feature_map
from qiskit.quantum_info import Statevector
from torch.func import functional_call

from qhelpers.circuits import CHANNELS, Ansatz, Encoding, NoiseModel, QuantumLayer, UnsupportedCircuitError, VariationalCircuit
from qhelpers.circuits.analysis import gradients
from qhelpers.papers.low_energy.circuits import angle_ry_rx_circuit

#: The factors of words under a channel are 1 - 2η and the like.
DIAGONAL = [channel for channel in CHANNELS if channel != "amplitude_damping"]


def layer_of(circuit, dtype=torch.float64, **options):
    torch.manual_seed(0)
    return QuantumLayer(
        circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=circuit.n_features, **options
    ).to(dtype)  # fmt: skip


def qnn_p(entangler, **options):
    torch.manual_seed(0)
    return QuantumLayer(angle_ry_rx_circuit(4, 4, entangler), {"weights": (3, 4, 2)}, n_inputs=4, **options)


#: Circuits that encode each feature once, and (the last three) more often.
CIRCUITS = {
    "chain": VariationalCircuit(Encoding("RY", 4), Ansatz("RY-RX", 4, 3, "linear")),
    "ring": VariationalCircuit(Encoding("RY", 4), Ansatz("RY-RX", 4, 3, "ring"), "each"),
    "rx": VariationalCircuit(Encoding("RX", 3), Ansatz("RZ-RY-RX", 4, 2, "full"), "parity"),
    "z": VariationalCircuit(Encoding("Z", 3, 1), Ansatz("RealAmplitudes", 3, 2, "full"), "parity"),
    "z twice": VariationalCircuit(Encoding("Z", 2, 2), Ansatz("RealAmplitudes", 2, 2, "full"), "each"),
    "separable": VariationalCircuit(Encoding("RY", 4), Ansatz("RY-RX", 4, 2, "none"), "each"),
}


def reuploading(inputs, weights):
    """Data between entangling layers, scaled, shifted and mixed with a weight."""
    for layer in range(2):
        for q in range(2):
            qml.RX(inputs[..., q] * (layer + 1) + 0.2, q)
            qml.RY(weights[layer, q], q)
        qml.CNOT([0, 1])
    qml.RZ(inputs[..., 0] - inputs[..., 1] + weights[0, 0], 0)
    qml.RY(0.4, 0)
    return [qml.expval(qml.Z(0)), qml.expval(qml.X(0) @ qml.Y(1)), qml.probs(wires=[1])]


def some_inputs(n_inputs, n_samples=40, dtype=torch.float64):
    return (torch.rand(n_samples, n_inputs, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 6 - 3).to(dtype)


def surrogates(dtype=torch.float64):
    for name, circuit in CIRCUITS.items():
        yield name, layer_of(circuit, dtype)
    torch.manual_seed(0)
    yield "re-uploading", QuantumLayer(reuploading, {"weights": (2, 2)}, n_inputs=2).to(dtype)


# --- the sum ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_the_surrogate_is_the_circuit(dtype, tolerance):
    for name, layer in surrogates(dtype):
        surrogate = layer.surrogate()
        x = some_inputs(layer.n_inputs, dtype=dtype)
        found, expected = surrogate(x), layer(x)
        assert found.shape == expected.shape and found.dtype == dtype, name
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=0, msg=lambda text, name=name: f"{name}: {text}")
        assert surrogate(x.reshape(4, 10, -1)).shape == layer(x.reshape(4, 10, -1)).shape
        assert surrogate(x[0]).shape == layer(x[0]).shape


@drawing.modest(15)
@given(
    drawing.circuits(max_qubits=3, max_gates=6, kinds=("constant", "quarter", "weight", "weights", "input", "scaled", "mixed"))
)
def test_surrogates_of_random_circuits(drawn):
    layer = drawn.layer().double()
    x, w = drawing.point(6)
    with torch.no_grad():
        layer.weights.copy_(w)
    refused = ""
    try:
        surrogate = layer.surrogate()
    except UnsupportedCircuitError as error:
        refused = str(error)
    if refused:
        assert "not a linear function" in refused
        assert any(kind in ("squares", "sine") for _, _, angles in drawn.gates for kind, *_ in angles)
        return
    torch.testing.assert_close(surrogate(x), layer(x), atol=1e-12, rtol=0)
    if len(surrogate.factors) < 300:
        frequencies(surrogate, x)


def test_gradients_of_a_surrogate():
    layer = layer_of(CIRCUITS["rx"])
    surrogate = layer.surrogate()
    x = some_inputs(3).requires_grad_()
    found, expected = (torch.autograd.grad(one(x).square().sum(), x)[0] for one in (surrogate, layer))
    torch.testing.assert_close(found, expected, atol=1e-11, rtol=0)
    surrogate(x).sum().backward()
    assert surrogate.coefficients.grad.shape == surrogate.coefficients.shape


def test_a_surrogate_is_fixed_when_it_is_made():
    layer = layer_of(CIRCUITS["chain"])
    surrogate, x = layer.surrogate(), some_inputs(4)
    before = layer(x).detach()
    with torch.no_grad():
        layer.weights.add_(0.3)
    torch.testing.assert_close(surrogate(x), before, atol=1e-12, rtol=0)
    assert (layer(x) - before).abs().max() > 0.01


def test_the_columns_of_a_linear_model():
    surrogate = layer_of(CIRCUITS["ring"]).surrogate()
    x = some_inputs(4)
    terms = surrogate.terms(x)
    assert terms.shape == (40, len(surrogate.coefficients))
    torch.testing.assert_close(terms @ surrogate.coefficients, surrogate(x))


def test_no_quantum_code_in_a_surrogate(tmp_path):
    layer = layer_of(CIRCUITS["chain"])
    x = some_inputs(4)
    torch.save({"surrogate": layer.surrogate(), "x": x, "expected": layer(x).detach()}, tmp_path / "file.pt")
    code = (
        "import sys, torch; held = torch.load(sys.argv[1], weights_only=False)\n"
        "torch.testing.assert_close(held['surrogate'](held['x']).detach(), held['expected'])\n"
        "print({'pennylane', 'qiskit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "file.pt"], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


# --- tables ----------------------------------------------------------------------------------------------------------


def frequencies(surrogate, x):
    """Check the table of frequencies against the surrogate at points x."""
    table = surrogate.table(form="frequencies")
    waves = table[[f"x{i}" for i in range(x.shape[1])]].to_numpy(dtype=float) if len(table) else np.zeros((0, x.shape[1]))
    phases = x.numpy() @ waves.T
    outputs = surrogate(x).detach().reshape(len(x), -1)
    for k in range(outputs.shape[1]):
        label = "" if outputs.shape[1] == 1 else f" {k}"
        cos, sin = (table[name + label].to_numpy() if len(table) else np.zeros(0) for name in ("cos", "sin"))
        np.testing.assert_allclose(np.cos(phases) @ cos + np.sin(phases) @ sin, outputs[:, k], atol=1e-10, rtol=0)
    return table


def test_the_table_of_frequencies():
    for name, layer in surrogates():
        surrogate = layer.surrogate()
        table = frequencies(surrogate, some_inputs(layer.n_inputs, 10))
        waves = table[[f"x{i}" for i in range(layer.n_inputs)]].to_numpy()
        assert len({tuple(row) for row in waves}) == len(waves), name
        assert not any(row[np.flatnonzero(row)[0]] < 0 for row in waves if row.any()), name


def test_the_table_of_products():
    """The text of each term, computed as Python, gives the outputs."""
    for _, layer in surrogates():
        surrogate = layer.surrogate()
        table = surrogate.table([f"x{i}" for i in range(layer.n_inputs)])
        assert len(table) == len(surrogate.coefficients)
        columns = [name for name in table if name.startswith("coefficient")]
        sizes = table[columns].abs().max(axis=1).to_numpy()
        assert (np.diff(sizes) <= 1e-15).all()
        x = some_inputs(layer.n_inputs, 3)
        outputs = surrogate(x).detach().reshape(3, -1).numpy()
        for row, expected in zip(x.tolist(), outputs, strict=True):
            names = {f"x{i}": value for i, value in enumerate(row)} | {"cos": math.cos, "sin": math.sin}
            products = [eval(_as_python(term), {"__builtins__": {}}, names) for term in table["term"]]
            np.testing.assert_allclose(np.array(products) @ table[columns].to_numpy(), expected, atol=2e-3)  # offsets: 4 digits


def _as_python(term):
    """cos(2 x0 + 0.2) sin(x1) → cos(2*x0 + 0.2)*sin(x1)."""
    for i in range(4):
        term = term.replace(f" x{i}", f"*x{i}").replace(f"+*x{i}", f"+x{i}").replace(f"-*x{i}", f"-x{i}")
    return term.replace(") ", ")*")


def test_names_and_forms_of_tables():
    surrogate = layer_of(CIRCUITS["chain"]).surrogate()
    names = ["light", "noise", "heat", "cold"]
    text = " ".join(surrogate.table(names)["term"])
    assert "cos(light)" in text and "x0" not in text
    assert list(surrogate.table(names, form="frequencies"))[:4] == names
    with pytest.raises(ValueError, match="2 names for 4 inputs; give one name an input"):
        surrogate.table(["a", "b"])
    with pytest.raises(ValueError, match="form='series' is unknown; allowed are 'products' and 'frequencies'"):
        surrogate.table(form="series")


# --- noise in the sum ------------------------------------------------------------------------------------------------


@functools.cache
def read(name):
    return layer_of(CIRCUITS[name])


@pytest.mark.parametrize("channel", DIAGONAL)
@pytest.mark.parametrize("strength", [0.0, 0.13, 0.75, 1.0])
def test_noise_before_the_measurement(channel, strength):
    for name in ("chain", "ring", "z twice"):
        layer = read(name)
        layer.noise = None
        surrogate, x = layer.surrogate(), some_inputs(layer.n_inputs, 8)
        layer.noise = NoiseModel(channel, strength, "end")
        torch.testing.assert_close(surrogate.under(channel, strength)(x), layer(x), atol=1e-12, rtol=0)


def test_noise_that_is_no_factor_of_a_term():
    surrogate = layer_of(CIRCUITS["chain"]).surrogate()
    with pytest.raises(ValueError, match=r"amplitude_damping adds terms, .*use QuantumLayer\(\.\.\., noise="):
        surrogate.under("amplitude_damping", 0.1)
    with pytest.raises(ValueError, match=r"strength 1\.5 of bit_flip; allowed is one number from 0"):
        surrogate.under("bit_flip", 1.5)
    probabilities = QuantumLayer(reuploading, {"weights": (2, 2)}, n_inputs=2).surrogate()
    with pytest.raises(ValueError, match="different factors"):
        probabilities.under("depolarizing", 0.1)
    with pytest.raises(ValueError, match=r"the layer has noise; take the surrogate of the layer without it, and \.under"):
        qnn_p("chain", noise=NoiseModel("bit_flip", 0.1)).surrogate()


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chain", "ring", "z twice"])
def test_onnx(name, tmp_path):
    layer = layer_of(CIRCUITS[name], torch.float32)
    path = layer.export_onnx(tmp_path / "layer.onnx")
    assert path == tmp_path / "layer.onnx" and [file.name for file in tmp_path.iterdir()] == ["layer.onnx"]
    session = onnxruntime.InferenceSession(path)
    for n_samples in (1, 7, 1000):
        x = some_inputs(layer.n_inputs, n_samples, torch.float32)
        (found,) = session.run(None, {"inputs": x.numpy()})
        expected = layer(x).detach().numpy()
        assert found.shape == expected.shape and found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-6, rtol=0)
    layer.surrogate().export_onnx(str(path))  # over an old file


# --- what is refused -------------------------------------------------------------------------------------------------


def test_too_many_terms():
    wide = VariationalCircuit(Encoding("RY", 10), Ansatz("RZ-RY-RX", 10, 2, "ring"), "parity")
    with pytest.raises(
        UnsupportedCircuitError, match=r"the trigonometric sum has [\d,]+ terms; .* up to 6,561 \(3\^8\): use the layer"
    ):
        layer_of(wide).surrogate()

    def often(inputs):
        for _ in range(9):
            qml.RX(inputs[..., 0], 0)
            qml.CNOT([0, 1])
            qml.RY(0.3, 0)
        return qml.expval(qml.Z(0))

    with pytest.raises(UnsupportedCircuitError, match=r"19,683 terms; .* or a circuit with fewer rotations by data"):
        QuantumLayer(often, {}, n_inputs=1).surrogate()


def test_angles_that_are_not_linear():
    zz = VariationalCircuit(Encoding("ZZ", 2, 1, "full"), Ansatz("RealAmplitudes", 2, 1, "linear"))
    with pytest.raises(UnsupportedCircuitError, match=r"not a linear function of the inputs .*needs angles a·x \+ b"):
        layer_of(zz).surrogate()


# --- light cone and capacity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entangler", "inputs", "n_weights", "n_terms"), [("chain", [0, 1, 2], 10, 20), ("ring", [0, 1, 2, 3], 22, 80)]
)
def test_what_qnn_p_sees(entangler, inputs, n_weights, n_terms):
    layer = qnn_p(entangler)
    cone = layer.light_cone()
    assert cone.exact and np.flatnonzero(cone.inputs[0]).tolist() == inputs and cone.weights.sum() == n_weights
    assert str(cone) == f"output 0: inputs {', '.join(map(str, inputs))} (of 4), {n_weights} of 24 weights"
    capacity = layer.capacity()
    assert capacity.n_weights == 24 and capacity.n_terms == n_terms == layer.plan().n_terms
    assert len(capacity.idle) == 24 - n_weights and capacity.rank <= n_weights
    assert set(capacity.idle) == {name for name, seen in zip(cone.names, cone.weights[0], strict=True) if not seen}


def test_what_separable_circuits_see():
    layer = layer_of(CIRCUITS["separable"])
    cone = layer.light_cone()
    np.testing.assert_array_equal(cone.inputs, np.eye(4, dtype=bool))
    assert cone.weights.sum() == cone.weights.any(0).sum()  # no weight is seen twice


def test_light_cones_of_the_circuits_are_tight():
    """Every input and weight in the cone has a gradient somewhere, none outside has one anywhere."""
    for name, layer in [*surrogates(), ("qnn-p chain", qnn_p("chain")), ("qnn-p ring", qnn_p("ring"))]:
        cone = layer.light_cone()
        assert cone.exact, name
        seen = [gradients(layer.engine(), torch.Generator().manual_seed(k)) for k in range(3)]
        np.testing.assert_array_equal(cone.inputs, np.any([one[0] for one in seen], axis=0), err_msg=name)
        np.testing.assert_array_equal(cone.weights, np.any([one[1] for one in seen], axis=0), err_msg=name)


@drawing.modest(12)
@given(drawing.circuits(max_qubits=4, max_gates=10))
def test_no_gradient_outside_a_light_cone(drawn):
    layer = drawn.layer()
    cone = layer.light_cone()
    assert cone.exact and cone.inputs.shape[1] == drawing.N_INPUTS and cone.weights.shape[1] == drawing.N_WEIGHTS
    for k in range(2):
        inputs, weights = gradients(layer.engine(), torch.Generator().manual_seed(k), threshold=1e-11)
        assert not (inputs & ~cone.inputs).any() and not (weights & ~cone.weights).any()


def numeric_rank(layer, n_samples=80):
    """Rank of the Jacobian of outputs at random inputs, by autograd."""
    w = torch.rand_like(layer.flat_weights().detach().double(), generator=None) * 6
    x = some_inputs(layer.n_inputs, n_samples)
    (name,) = layer.weight_shapes
    shape = layer.weight_shapes[name]
    rows = torch.autograd.functional.jacobian(lambda w: functional_call(layer, {name: w.reshape(shape)}, (x,)).reshape(-1), w)
    return int(torch.linalg.matrix_rank(rows, rtol=1e-9))


def test_capacity_is_the_rank_of_the_jacobian():
    torch.manual_seed(1)
    for name, layer in [*surrogates(), ("qnn-p chain", qnn_p("chain"))]:
        capacity = layer.capacity()
        assert capacity.rank == numeric_rank(layer), name
        assert capacity.n_weights == layer.flat_weights().numel()
        assert capacity.rank <= capacity.n_weights - len(capacity.idle)


def test_names_of_weights():
    def circuit(inputs, angle, table):
        qml.RX(inputs[..., 0] + angle, 0)
        qml.RY(table[0, 1], 0)
        return qml.expval(qml.Z(0))

    layer = QuantumLayer(circuit, {"angle": 1, "table": (1, 2)}, n_inputs=1)
    assert layer.weight_names() == ("angle", "table[0, 0]", "table[0, 1]")
    assert layer.capacity().idle == ("table[0, 0]",)


# --- states ----------------------------------------------------------------------------------------------------------


@drawing.modest(15)
@given(drawing.circuits())
def test_states_are_pennylanes(drawn):
    layer = QuantumLayer(drawn.node(), {"weights": drawing.N_WEIGHTS}, n_inputs=drawing.N_INPUTS).double()
    x, w = drawing.point(2)
    with torch.no_grad():
        layer.weights.copy_(w)
    found = layer.state(x).detach().numpy()
    assert found.shape == (2, 2**drawn.n_qubits)
    device = qml.device("default.qubit", wires=drawn.n_qubits)
    for row, sample in zip(found, x, strict=True):
        script = qml.tape.make_qscript(drawn.pennylane(tensors=True))(sample, w)
        (expected,) = qml.execute([qml.tape.QuantumScript(script.operations, [qml.state()])], device)
        assert abs(np.vdot(np.asarray(expected), row)) == pytest.approx(1, abs=1e-12)
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-12)


def test_states_are_in_qiskits_order():
    encoding, ansatz = z_feature_map(3, reps=1), real_amplitudes(3, reps=1)
    circuit = encoding.compose(ansatz)
    inputs, weights = list(encoding.parameters), list(ansatz.parameters)
    values = np.linspace(-1, 2, 6)
    layer = QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, initial_weights=values).double()
    x = np.array([0.3, -0.8, 1.4])
    bound = dict(zip([*inputs, *weights], [*x, *layer.weight.tolist()], strict=True))
    expected = Statevector(circuit.assign_parameters(bound)).data
    assert abs(np.vdot(expected, layer.state(torch.as_tensor(x)).detach())) == pytest.approx(1, abs=1e-12)


def test_fidelity():
    layer = layer_of(CIRCUITS["rx"])
    x = some_inputs(3, 4)
    psi = layer.state(x).detach()
    torch.testing.assert_close(layer.fidelity(psi, x), torch.ones(4, dtype=torch.float64))
    target = psi[0]
    expected = (psi @ target.conj()).abs() ** 2
    found = layer.fidelity(target, x)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    assert layer.fidelity(target, x[1]).shape == () and layer.fidelity(target, x.reshape(2, 2, 3)).shape == (2, 2)
    phase = torch.exp(torch.tensor(0.7j, dtype=torch.complex128))
    torch.testing.assert_close(layer.fidelity(phase * target, x), found)
    slope = torch.autograd.grad(found.sum(), layer.weights)[0]
    shift = torch.zeros_like(layer.weights)
    shift.view(-1)[2] = 1e-5
    values = [
        functional_fidelity(layer, target, x, layer.weights.detach() + sign * shift).sum() for sign in (1, -1)
    ]  # fmt: skip
    assert float(slope.reshape(-1)[2]) == pytest.approx(float(values[0] - values[1]) / 2e-5, abs=1e-7)


def functional_fidelity(layer, target, x, weights):
    before = layer.weights.detach().clone()
    with torch.no_grad():
        layer.weights.copy_(weights)
        found = layer.fidelity(target, x)
        layer.weights.copy_(before)
    return found


def test_targets_that_are_no_states():
    layer = layer_of(CIRCUITS["rx"])
    x = some_inputs(3, 2)
    with pytest.raises(ValueError, match="the target has 8 amplitudes; the circuit's states have 16"):
        layer.fidelity(torch.ones(8), x)
    with pytest.raises(ValueError, match="the target's norm is 4; a state has norm 1: divide by it"):
        layer.fidelity(torch.ones(16), x)
    noisy = layer_of(CIRCUITS["rx"], noise=NoiseModel("bit_flip", 0.1, "end"))
    with pytest.raises(ValueError, match="with noise there is no state vector"):
        noisy.state(x)


def test_a_surrogate_of_a_circuit_of_qiskit():
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.ry(x[0], 0)
    circuit.rx(2 * x[1] + 0.3, 1)
    circuit.rzz(w[0], 0, 1)
    circuit.ry(w[1] + x[0], 1)
    layer = QuantumLayer.from_qiskit(circuit, input_params=x, weight_params=w).double()
    inputs = some_inputs(2)
    torch.testing.assert_close(layer.surrogate()(inputs), layer(inputs), atol=1e-12, rtol=0)

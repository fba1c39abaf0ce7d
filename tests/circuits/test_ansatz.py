"""Encodings and ansätze: the same in PennyLane and Qiskit, as Qiskit's own library has them, with twins that are separable."""

import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit.library import efficient_su2, real_amplitudes, z_feature_map, zz_feature_map
from qiskit.quantum_info import Operator, Statevector

from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit, draw, entangling_pairs, resource_table, resources
from qhelpers.circuits.ansatz import ANSATZE, OBSERVABLES
from qhelpers.circuits.encodings import ENCODINGS, ENTANGLEMENTS

QISKIT_PATTERNS = ("full", "linear", "reverse_linear", "circular")


def encoding(name, n_features, reps=1, entanglement="full"):
    return Encoding(name, n_features, reps, entanglement if name.startswith("ZZ") else "none")


def bound(circuit, parameters, values):
    return circuit.assign_parameters(dict(zip(parameters, np.ravel(values), strict=True)))


def values(circuit, rng, batch=()):
    return rng.normal(0, 2, (*batch, circuit.n_features)), rng.uniform(0, 2 * np.pi, circuit.weight_shape)


def in_qiskit(circuit, x, weights):
    """State, its first qubit the most significant as in PennyLane, and expectation values."""
    built, inputs, params = circuit.qiskit()
    state = Statevector(bound(built, [*inputs, *params], [*x, *weights.ravel()]))
    return state.reverse_qargs().data, [state.expectation_value(one).real for one in circuit.qiskit_observables()]


def in_pennylane(circuit, x, weights):
    device = qml.device("default.qubit", wires=circuit.n_qubits)
    script = qml.tape.make_qscript(circuit.pennylane())(x, weights)
    (state,) = qml.execute([qml.tape.QuantumScript(script.operations, [qml.state()])], device)
    found = qml.QNode(circuit.pennylane(), device)(x, weights)
    return state, found


# --- one circuit in two libraries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_qubits", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ENCODINGS)
def test_the_libraries_agree(name, n_qubits):
    """Every encoding, ansatz and pattern; the observable and the number of features take turns."""
    rng = np.random.default_rng(n_qubits)
    turn = 0
    for ansatz in ANSATZE:
        for pattern in ENTANGLEMENTS:
            turn += 1
            part = encoding(name, 1 + turn % n_qubits, 1 + turn % 2, pattern)
            circuit = VariationalCircuit(part, Ansatz(ansatz, n_qubits, 1 + turn % 2, pattern), OBSERVABLES[turn % 3])
            x, weights = values(circuit, rng)
            state, expectations = in_qiskit(circuit, x, weights)
            ours, outputs = in_pennylane(circuit, x, weights)
            np.testing.assert_allclose(ours, state, atol=1e-10)
            np.testing.assert_allclose(np.ravel(outputs), expectations, atol=1e-10)
            assert isinstance(outputs, list) == (circuit.observable == "each")


@st.composite
def circuits(draw_):
    n_qubits = draw_(st.integers(1, 4))
    pattern = st.sampled_from(ENTANGLEMENTS)
    reps = st.integers(1, 3)
    hyphened = st.lists(st.sampled_from(["RX", "RY", "RZ"]), min_size=1, max_size=4).map("-".join)
    return VariationalCircuit(
        encoding(draw_(st.sampled_from(ENCODINGS)), draw_(st.integers(1, n_qubits)), draw_(reps), draw_(pattern)),
        Ansatz(draw_(st.sampled_from(ANSATZE) | hyphened), n_qubits, draw_(reps), draw_(pattern)),
        draw_(st.sampled_from(OBSERVABLES)),
    )


@settings(max_examples=60, deadline=None)
@given(circuit=circuits(), seed=st.integers(0, 2**32 - 1))
def test_the_libraries_agree_on_any_circuit(circuit, seed):
    x, weights = values(circuit, np.random.default_rng(seed))
    state, expectations = in_qiskit(circuit, x, weights)
    ours, outputs = in_pennylane(circuit, x, weights)
    np.testing.assert_allclose(ours, state, atol=1e-10)
    np.testing.assert_allclose(np.ravel(outputs), expectations, atol=1e-10)
    assert resources(circuit.n_features, circuit.n_qubits, circuit.pennylane(), circuit.weight_shape) == resources(
        circuit.n_features, circuit.n_qubits, circuit.qiskit()[0], circuit.weight_shape
    )


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_batch_is_its_rows(name):
    circuit = VariationalCircuit(encoding(name, 3, 2), Ansatz("EfficientSU2", 3, 1, "ring"), "each")
    x, weights = values(circuit, np.random.default_rng(0), (5,))
    node = qml.QNode(circuit.pennylane(), qml.device("default.qubit", wires=3))
    rows = [node(row, weights) for row in x]
    np.testing.assert_allclose(np.transpose(node(x, weights)), rows, atol=1e-12)


def test_gradients_pass_through_torchlayer():
    torch = pytest.importorskip("torch")
    circuit = VariationalCircuit(Encoding("ZZ", 2), Ansatz("RZ-RY-RX", 3, 2, "circular"), "each")
    node = qml.QNode(circuit.pennylane(), qml.device("default.qubit", wires=3), interface="torch", diff_method="backprop")
    layer = qml.qnn.TorchLayer(node, {"weights": circuit.weight_shape}).double()
    x = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    out = layer(x)
    out[:, 0].sum().backward()
    assert out.shape == (4, 3)
    assert x.grad.abs().min() > 0 and layer.weights.grad.shape == (2, 3, 3)


# --- as in Qiskit's library -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_qubits", [1, 2, 3, 4])
@pytest.mark.parametrize("pattern", QISKIT_PATTERNS)
def test_qiskits_ansatz(n_qubits, pattern):
    rng = np.random.default_rng(0)
    for name, function in (("RealAmplitudes", real_amplitudes), ("EfficientSU2", efficient_su2)):
        ansatz = Ansatz(name, n_qubits, 2, pattern)
        theirs = function(n_qubits, reps=2, entanglement=pattern)
        weights = rng.uniform(0, 2 * np.pi, ansatz.n_weights)
        expected = Operator(bound(theirs, theirs.parameters, weights)).data
        np.testing.assert_allclose(Operator(bound(*ansatz.qiskit(), weights)).data, expected, atol=1e-10)


@pytest.mark.parametrize("reps", [1, 2])
@pytest.mark.parametrize("n_features", [1, 2, 3, 4])
def test_qiskits_feature_maps(n_features, reps):
    x = np.random.default_rng(0).normal(0, 2, n_features)
    # Qiskit gives no ZZ map of one feature.
    cases = [("ZZ", pattern) for pattern in QISKIT_PATTERNS if n_features > 1] + [("Z", None)]
    for name, pattern in cases:
        ours = Encoding(name, n_features, reps, pattern)
        theirs = z_feature_map(n_features, reps) if name == "Z" else zz_feature_map(n_features, reps, pattern)
        expected = Operator(bound(theirs, theirs.parameters, x)).data
        np.testing.assert_allclose(Operator(bound(*ours.qiskit(), x)).data, expected, atol=1e-10)


def test_the_product_as_printed():
    x = np.array([0.3, -1.2, 0.7])
    theirs = zz_feature_map(3, 1, "full", data_map_func=lambda x: np.prod(list(x)))
    expected = Operator(bound(theirs, theirs.parameters, x)).data
    np.testing.assert_allclose(Operator(bound(*Encoding("ZZ-product", 3).qiskit(), x)).data, expected, atol=1e-10)


@pytest.mark.parametrize("axis", "XYZ")
def test_angles_as_pennylane_has_them(axis):
    x = np.array([0.3, -1.2, 0.7])
    theirs = qml.matrix(qml.AngleEmbedding, wire_order=range(3))(x, range(3), axis)
    np.testing.assert_allclose(qml.matrix(Encoding(f"R{axis}", 3).pennylane, wire_order=range(3))(x), theirs, atol=1e-12)


# --- pairs, twins, layers ---------------------------------------------------------------------------------------------


def test_pairs():
    assert entangling_pairs(4, "full") == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert entangling_pairs(4, "linear") == [(0, 1), (1, 2), (2, 3)]
    assert entangling_pairs(4, "reverse_linear") == [(2, 3), (1, 2), (0, 1)]
    assert entangling_pairs(4, "circular") == [(3, 0), (0, 1), (1, 2), (2, 3)]
    assert entangling_pairs(4, "ring") == [(0, 1), (1, 2), (2, 3), (3, 0)]
    assert entangling_pairs(4, "none") == []
    for pattern in ENTANGLEMENTS:
        assert entangling_pairs(1, pattern) == []
        assert entangling_pairs(2, pattern) == ([] if pattern == "none" else [(0, 1)])


@settings(max_examples=40, deadline=None)
@given(circuit=circuits(), seed=st.integers(0, 2**32 - 1))
def test_a_separable_twin_has_the_same_weights_and_no_entanglement(circuit, seed):
    twin = circuit.separable
    counts = [resources(one.n_features, one.n_qubits, one.qiskit()[0], one.weight_shape) for one in (twin, circuit)]
    assert counts[0]["two-qubit gates"] == 0
    assert twin.weight_shape == circuit.weight_shape
    if not circuit.encoding.name.startswith("ZZ"):
        assert counts[0]["one-qubit gates"] == counts[1]["one-qubit gates"]
    x, weights = values(twin, np.random.default_rng(seed))
    state = in_qiskit(twin, x, weights)[0].reshape([2] * twin.n_qubits)
    for qubit in range(twin.n_qubits):
        matrix = np.moveaxis(state, qubit, 0).reshape(2, -1)
        assert np.linalg.svd(matrix, compute_uv=False)[1:] == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("name", ANSATZE)
def test_each_row_of_weights_ends_with_a_barrier(name):
    ansatz = Ansatz(name, 3, 2)
    layers = ansatz.weight_shape[0]
    assert layers == (3 if name in ("RealAmplitudes", "EfficientSU2") else 2)
    qiskit = [instruction.operation.name for instruction in ansatz.qiskit()[0].data]
    pennylane = [one.name for one in qml.tape.make_qscript(ansatz.pennylane)(np.zeros(ansatz.weight_shape)).operations]
    for names, barrier in ((qiskit, "barrier"), (pennylane, "Barrier")):
        assert names.count(barrier) == layers and names[-1] == barrier
    assert len(ansatz.qiskit()[1]) == ansatz.n_weights == np.prod(ansatz.weight_shape)


@pytest.mark.parametrize("observable", OBSERVABLES)
def test_measuring_adds_no_gate(observable):
    circuit = VariationalCircuit(Encoding("RY", 3), Ansatz("RY-RX", 3, 1), observable)
    script = qml.tape.make_qscript(circuit.pennylane())(np.zeros(3), np.zeros((1, 3, 2)))
    assert [one.name for one in script.operations] == ["RY"] * 3 + ["RY", "RX"] * 3 + ["CNOT"] * 2 + ["Barrier"]
    assert len(script.measurements) == len(circuit.qiskit_observables()) == (3 if observable == "each" else 1)


def test_weights_of_the_papers():
    assert Ansatz("RY-RX", 4, 3).weight_shape == (3, 4, 2)  # QNN-P
    assert Ansatz("RealAmplitudes", 2, 1).n_weights == 4  # QNN-Q
    # QEML-Net prints 96; the three rotations that it names give 72, four would give 96.
    assert Ansatz("RZ-RY-RX", 4, 6).n_weights == 72
    assert Ansatz("RZ-RY-RX-RZ", 4, 6).n_weights == 96


# --- counts and drawings ----------------------------------------------------------------------------------------------


def test_resource_table():
    table = resource_table(4, reps=2)
    assert list(table) == ["part", "name", "entanglement", "qubits", "weights", "one-qubit gates", "two-qubit gates", "depth"]
    assert set(table["name"]) == {*ENCODINGS, *ANSATZE}
    assert not table.duplicated(["name", "entanglement"]).any()
    assert (table[table.entanglement == "none"]["two-qubit gates"] == 0).all()
    row = table[(table["name"] == "RealAmplitudes") & (table.entanglement == "linear")].iloc[0]
    assert (row.weights, row["one-qubit gates"], row["two-qubit gates"]) == (12, 12, 6)
    assert row.depth == real_amplitudes(4, "linear", reps=2).depth(), "a barrier holds no gate back"
    row = table[(table["name"] == "ZZ") & (table.entanglement == "full")].iloc[0]
    assert (row["one-qubit gates"], row["two-qubit gates"]) == (2 * (8 + 6), 2 * 12)


@pytest.mark.parametrize("framework", ["pennylane", "qiskit"])
def test_drawings(framework):
    circuit = VariationalCircuit(Encoding("ZZ", 2), Ansatz("RealAmplitudes", 3, 1, "ring"), "each")
    before = dict(plt.rcParams)
    names = {"pennylane": [], "qiskit": ["θ[0]"]}[framework]
    for given_, words in (((), names), (([0.25, 1.0], np.full((2, 3), 0.7)), ["0.7"])):
        figure = draw(circuit, framework, *given_)
        text = " ".join(one.get_text() for axes in figure.axes for one in axes.texts)
        assert all(word in text.replace("$", "").replace("\\theta", "θ") for word in words), text
        plt.close(figure)
    assert dict(plt.rcParams) == before


# --- bad input --------------------------------------------------------------------------------------------------------

NAMED = VariationalCircuit(Encoding("RY", 2), Ansatz("RY-RX", 3, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: entangling_pairs(3, "star"), "entanglement 'star' is unknown; allowed are full, linear, .*none"),
        (lambda: entangling_pairs(0, "full"), "n_qubits is 0; allowed are whole numbers from 1"),
        (lambda: Encoding("amplitude", 3), "encoding 'amplitude' is unknown; allowed are RX, .*ZZ-product"),
        (lambda: Encoding("RY", 3, entanglement="full"), "'RY' has no two-qubit gates, but entanglement='full' was given"),
        (lambda: Encoding("ZZ", 3, entanglement="star"), "entanglement 'star' is unknown"),
        (lambda: Encoding("Z", 3, reps=0), "reps is 0"),
        (lambda: Encoding("Z", 2.0), "n_features is 2.0; allowed are whole numbers"),
        (lambda: Ansatz("TwoLocal", 3, 1), "ansatz 'TwoLocal' is unknown; allowed are RealAmplitudes, .*joined by hyphens"),
        (lambda: Ansatz("RY-H", 3, 1), "ansatz 'RY-H' is unknown"),
        (lambda: Ansatz("", 3, 1), "ansatz '' is unknown"),
        (lambda: Ansatz("RY-RX", 3, 1, "chain"), "entanglement 'chain' is unknown"),
        (lambda: Ansatz("RY-RX", 3, 0), "reps is 0"),
        (lambda: VariationalCircuit(Encoding("RY", 4), Ansatz("RY-RX", 3, 1)), "4 features for 3 qubits; allowed are 1 to 3"),
        (
            lambda: VariationalCircuit(Encoding("RY", 3), Ansatz("RY-RX", 3, 1), "X"),
            "observable 'X' is unknown; allowed are first",
        ),
        (lambda: NAMED.pennylane()(np.zeros(3), np.zeros((1, 3, 2))), r"inputs have shape \(3,\); allowed are \(2,\)"),
        (lambda: NAMED.pennylane()(np.zeros((2, 2, 2)), np.zeros((1, 3, 2))), r"inputs have shape \(2, 2, 2\)"),
        (lambda: NAMED.pennylane()(np.zeros(2), np.zeros(6)), r"weights have shape \(6,\); allowed is \(1, 3, 2\)"),
        (lambda: draw(NAMED, "cirq"), "framework 'cirq' is unknown; allowed are pennylane, qiskit"),
        (lambda: draw(NAMED, inputs=[0, 1]), "only one of inputs and weights was given; give both"),
        (lambda: draw(NAMED, "qiskit", np.zeros((5, 2)), np.zeros((1, 3, 2))), r"\(5, 2\) and \(1, 3, 2\); allowed are \(2,\)"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()

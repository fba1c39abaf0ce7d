"""The circuits are the paper's, gate by gate, and compute what its equations say."""

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, z_feature_map
from qiskit.quantum_info import SparsePauliOp, Statevector

from qhelpers.circuits import resources
from qhelpers.papers.low_energy.circuits import angle_ry_rx_circuit, cnot_pairs, qnn_q_circuit

RY = lambda t: np.array([[np.cos(t / 2), -np.sin(t / 2)], [np.sin(t / 2), np.cos(t / 2)]])  # noqa: E731 - Eq. 6
RX = lambda t: np.array([[np.cos(t / 2), -1j * np.sin(t / 2)], [-1j * np.sin(t / 2), np.cos(t / 2)]])  # noqa: E731
H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
PHASE = lambda t: np.diag([1, np.exp(1j * t)])  # noqa: E731
Z = np.diag([1.0, -1.0])


def kron(*matrices):
    result = np.eye(1)
    for matrix in matrices:
        result = np.kron(result, matrix)
    return result


def cnot(n, control, target):
    zero, one, flip = np.diag([1, 0]), np.diag([0, 1]), np.array([[0, 1], [1, 0]])
    left = [np.eye(2)] * n
    right = [np.eye(2)] * n
    left[control], right[control], right[target] = zero, one, flip
    return kron(*left) + kron(*right)


def test_pairs():
    assert cnot_pairs(4, "chain") == [(0, 1), (1, 2), (2, 3)]
    assert cnot_pairs(4, "ring") == [(0, 1), (1, 2), (2, 3), (3, 0)]
    assert cnot_pairs(2, "ring") == [(0, 1)]
    assert cnot_pairs(4, "none") == []
    for make in (lambda: cnot_pairs(4, "star"), lambda: angle_ry_rx_circuit(4, 4, "linear")):
        with pytest.raises(ValueError, match="is unknown; allowed are chain, ring, none"):
            make()


@pytest.mark.parametrize("entangler", ["chain", "ring", "none"])
def test_qnn_p_against_matrices(entangler):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=4), rng.uniform(0, 2 * np.pi, (3, 4, 2))
    state = kron(*[RY(t) for t in x])[:, 0]
    for layer in weights:
        state = kron(*[RX(phi) @ RY(theta) for theta, phi in layer]) @ state
        for control, target in cnot_pairs(4, entangler):
            state = cnot(4, control, target) @ state
    expected = np.real(state.conj() @ kron(Z, np.eye(8)) @ state)
    node = qml.QNode(angle_ry_rx_circuit(4, 4, entangler), qml.device("default.qubit", wires=4))
    assert float(node(x, weights)) == pytest.approx(expected, abs=1e-12)


def test_qnn_q_against_matrices():
    rng = np.random.default_rng(1)
    x, theta = rng.normal(size=2), rng.uniform(-1, 1, 4)
    state = kron(*[PHASE(2 * t) @ H for t in x])[:, 0]
    state = kron(RY(theta[0]), RY(theta[1])) @ state
    state = kron(RY(theta[2]), RY(theta[3])) @ cnot(2, 0, 1) @ state
    expected = np.real(state.conj() @ kron(Z, Z) @ state)
    circuit, inputs, weights = qnn_q_circuit(2, 2).qiskit()
    bound = circuit.assign_parameters(dict(zip([*inputs, *weights], [*x, *theta], strict=True)))
    assert Statevector(bound).expectation_value(SparsePauliOp("ZZ")).real == pytest.approx(expected, abs=1e-12)


def test_fewer_features_leave_qubits_idle():
    _circuit, inputs, weights = qnn_q_circuit(1, 2).qiskit()
    assert len(inputs) == 1 and len(weights) == 4
    node = qml.QNode(angle_ry_rx_circuit(2, 4, "ring"), qml.device("default.qubit", wires=4))
    assert np.ndim(node(np.zeros(2), np.zeros((3, 4, 2)))) == 0


def test_qnn_q_is_built_of_qiskits_parts():
    circuit, inputs, weights = qnn_q_circuit(2, 3, 2, 2).qiskit()
    theirs = QuantumCircuit(3).compose(z_feature_map(2, reps=2), range(2)).compose(real_amplitudes(3, "linear", reps=2))
    assert [one.name for one in (*inputs, *weights)] == [f"x[{i}]" for i in range(2)] + [f"θ[{i}]" for i in range(9)]
    drawn = np.random.default_rng(2).normal(size=11)
    ours = circuit.assign_parameters(dict(zip([*inputs, *weights], drawn, strict=True)))
    named = {parameter.name: parameter for parameter in theirs.parameters}
    expected = theirs.assign_parameters({named[one.name]: value for one, value in zip([*inputs, *weights], drawn, strict=True)})
    np.testing.assert_allclose(Statevector(ours).data, Statevector(expected).data, atol=1e-12)


@pytest.mark.parametrize("make", [lambda n: angle_ry_rx_circuit(n, 4, "chain"), lambda n: qnn_q_circuit(n, 4).qiskit()])
@pytest.mark.parametrize("n_features", [0, 5])
def test_widths_must_fit(make, n_features):
    with pytest.raises(ValueError, match=f"{n_features} features for 4 qubits; allowed are 1 to 4"):
        make(n_features)


def test_resources():
    chain = resources(4, 4, angle_ry_rx_circuit(4, 4, "chain"), (3, 4, 2))
    assert chain == {
        "qubits": 4,
        "features": 4,
        "weights": 24,
        "one-qubit gates": 28,
        "two-qubit gates": 9,
        "depth": chain["depth"],
    }
    assert resources(4, 4, angle_ry_rx_circuit(4, 4, "none"), (3, 4, 2))["depth"] == 7
    circuit, _, weights = qnn_q_circuit(2, 2).qiskit()
    small = resources(2, 2, circuit, (len(weights),))
    assert (small["weights"], small["one-qubit gates"], small["two-qubit gates"], small["depth"]) == (4, 8, 1, 5)

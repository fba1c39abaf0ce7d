"""A circuit read by its own gates is the circuit that PennyLane builds of it."""

import numpy as np
import pytest
import torch

from qhelpers.circuits import Ansatz, Encoding, QuantumLayer, VariationalCircuit

CASES = [
    ("RX", "RealAmplitudes", "linear", "first", 1),
    ("RY", "EfficientSU2", "full", "each", 3),
    ("RZ", "RY-RX", "ring", "parity", 2),
    ("Z", "RZ-RY-RX", "none", "first", 3),
    ("ZZ", "RX", "circular", "each", 2),
    ("ZZ-product", "RY-RX", "reverse_linear", "parity", 3),
]


@pytest.mark.parametrize(("encoding", "ansatz", "entanglement", "observable", "n_features"), CASES)
def test_reading_is_that_of_its_pennylane_function(encoding, ansatz, entanglement, observable, n_features):
    circuit = VariationalCircuit(Encoding(encoding, n_features, 2), Ansatz(ansatz, 3, 2, entanglement), observable)
    ours = QuantumLayer.from_circuit(circuit)
    theirs = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, {"weights": ours.weights.detach().clone()})
    x = torch.linspace(-2, 2, 4 * n_features, dtype=torch.float64).reshape(4, n_features)
    torch.testing.assert_close(ours(x), theirs(x), atol=0, rtol=0)
    one, other = ours.circuit(), theirs.circuit()
    assert (one.events, one.n_qubits, one.n_inputs, one.n_weights) == (other.events, 3, n_features, other.n_weights)
    assert one.observables.words == other.observables.words and one.observables.scalar == other.observables.scalar
    for name in ("constant", "by_input", "by_weight"):
        np.testing.assert_array_equal(getattr(one.angles, name), getattr(other.angles, name))
    assert one.angles.reads == other.angles.reads


def test_weights_are_drawn_as_in_the_constructor():
    circuit = VariationalCircuit(Encoding("RY", 2), Ansatz("RY-RX", 2, 1))
    torch.manual_seed(3)
    ours = QuantumLayer.from_circuit(circuit)
    torch.manual_seed(3)
    theirs = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape})
    assert torch.equal(ours.weights, theirs.weights)
    assert QuantumLayer.from_circuit(circuit, init_method=torch.nn.init.zeros_).weights.abs().sum() == 0
    ours.load_state_dict(theirs.state_dict())

"""Every gate is, up to a global phase, the matrix of its namesake in Qiskit or PennyLane."""

import dense
import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from qhelpers.circuits.gates import GATES, inverse, phase
from qhelpers.circuits.read_pennylane import NAMES as IN_PENNYLANE
from qhelpers.circuits.read_qiskit import NAMES as IN_QISKIT

ANGLES = (0.37, -1.2, 2.9)
IN_QISKIT_TOO = {ours: theirs for theirs, ours in IN_QISKIT.items()}


def references(name, angles):
    """Matrices of the gate of this name, by framework; the first wire is the most significant."""
    standard, found = get_standard_gate_name_mapping(), {}
    gate = standard.get(name) or standard.get(IN_QISKIT_TOO.get(name))
    if gate is not None:
        found["qiskit"] = Operator(gate.base_class(*angles)).reverse_qargs().data
    for theirs in sorted(theirs for theirs, ours in IN_PENNYLANE.items() if ours == name):
        kind = getattr(qml, theirs, None)
        if kind is not None and hasattr(kind, "compute_matrix"):
            found[theirs] = kind(*angles, wires=range(kind.num_wires or 1)).matrix()
    return found


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_its_namesake(name):
    n_wires, n_angles, build = GATES[name]
    angles = ANGLES[:n_angles]
    expected = references(name, angles)
    assert expected, f"{name} is in neither framework under a name that the readers know"
    found = dense.product(build(range(n_wires), *angles), n_wires)
    for framework, matrix in expected.items():
        assert dense.distance(found, matrix) < 1e-12, framework


@pytest.mark.parametrize("name", GATES)
def test_a_gate_acts_on_the_wires_it_is_given_in_their_order(name):
    n_wires, n_angles, build = GATES[name]
    wires = (3, 1, 0)[:n_wires]
    found = dense.product(build(wires, *ANGLES[:n_angles]), 4)
    small = dense.product(build(range(n_wires), *ANGLES[:n_angles]), n_wires)
    expected = qml.math.expand_matrix(small, wires=wires, wire_order=range(4))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", GATES)
def test_the_inverse_undoes_a_gate(name):
    n_wires, n_angles, build = GATES[name]
    turns = build(range(n_wires), *ANGLES[:n_angles])
    np.testing.assert_allclose(dense.product([*turns, *inverse(turns)], n_wires), np.eye(2**n_wires), atol=1e-12)


@pytest.mark.parametrize("name", [name for name, (_, n_angles, _) in GATES.items() if n_angles])
def test_angles_may_be_tensors(name):
    n_wires, n_angles, build = GATES[name]
    plain = build(range(n_wires), *ANGLES[:n_angles])
    tensors = build(range(n_wires), *torch.tensor(ANGLES[:n_angles], dtype=torch.float64))
    assert [turn[:2] for turn in plain] == [turn[:2] for turn in tensors]
    assert [float(turn[2]) for turn in tensors] == pytest.approx([float(turn[2]) for turn in plain], abs=1e-15)


@pytest.mark.parametrize("letters", ["Z", "X", "ZZ", "ZX", "YX", "ZZZY", "XYZZ"])
def test_a_phase_stands_where_every_letter_is_minus_one(letters):
    n = len(letters)
    projector = np.eye(2**n, dtype=complex)
    for place, letter in enumerate(letters):
        spread = "I" * place + letter + "I" * (n - place - 1)
        projector = (projector - dense.word(spread, projector)) / 2
    expected = np.eye(2**n) + (np.exp(0.7j) - 1) * projector
    assert dense.distance(dense.product(phase(letters, range(n), 0.7), n), expected) < 1e-12

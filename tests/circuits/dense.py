"""The oracle: a circuit that was read, as a matrix. Slow and short on purpose."""

import numpy as np
import torch

from qhelpers.circuits.tracing import Rotation


def word(letters, matrix):
    """A Pauli word times a matrix or a vector; the first letter is the most significant qubit."""
    rows = np.arange(len(matrix))
    flipped, factor = rows, np.ones(len(matrix), dtype=complex)
    for place, letter in enumerate(reversed(letters)):
        sign = 1 - 2 * ((rows >> place) & 1)
        if letter in "XY":
            flipped = flipped ^ (1 << place)
        factor = factor * {"I": 1, "X": 1, "Y": -1j * sign, "Z": sign}[letter]
    return factor.reshape(-1, *[1] * (matrix.ndim - 1)) * matrix[flipped]


def product(turns, n_qubits):
    """The matrix of rotations (letters, wires, angle), wire 0 most significant."""
    matrix = np.eye(2**n_qubits, dtype=complex)
    for letters, wires, angle in turns:
        spread = ["I"] * n_qubits
        for letter, wire in zip(letters, wires, strict=True):
            assert spread[wire] == "I", f"{letters} acts twice on wire {wire}"
            spread[wire] = letter
        half = float(angle) / 2
        matrix = np.cos(half) * matrix - 1j * np.sin(half) * word(spread, matrix)
    return matrix


def angles(circuit, inputs=(), weights=()):
    """All angles of a circuit at these inputs and weights."""
    x, w = (torch.as_tensor(np.asarray(part, dtype=np.float64)) for part in (inputs, weights))
    assert x.shape == (circuit.n_inputs,) and w.shape == (circuit.n_weights,)
    table = circuit.angles
    found = table.constant + table.by_input @ x.numpy() + table.by_weight @ w.numpy()
    if table.general is not None:
        found[table.general_places] = table.general(x, w).detach().numpy()
    return found


def unitary(circuit, inputs=(), weights=()):
    """The matrix of a circuit, qubit 0 most significant; in Qiskit's order for a circuit read from Qiskit."""
    values = angles(circuit, inputs, weights)
    turns = [(event.letters, event.wires, values[event.angle]) for event in circuit.events if isinstance(event, Rotation)]
    matrix = product(turns, circuit.n_qubits)
    return reversed_qubits(matrix) if circuit.little_endian else matrix


def reversed_qubits(matrix):
    """The same operator with the qubits in the opposite order."""
    n = len(matrix).bit_length() - 1
    axes = [*range(n)[::-1], *range(n, 2 * n)[::-1]]
    return matrix.reshape([2] * (2 * n)).transpose(axes).reshape(matrix.shape)


def outputs(circuit, inputs=(), weights=()):
    """The expectation values that a circuit returns."""
    values = angles(circuit, inputs, weights)
    turns = [(event.letters, event.wires, values[event.angle]) for event in circuit.events if isinstance(event, Rotation)]
    state = product(turns, circuit.n_qubits)[:, 0]
    words = np.array([np.vdot(state, word(letters, state)).real for letters in circuit.observables.words])
    return words @ circuit.observables.matrix


def distance(found, expected):
    """The largest difference of two matrices' entries, up to a global phase."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    overlap = np.vdot(found, expected)
    size = abs(overlap)
    return np.abs(found * (overlap / size if size > 1e-12 else 1) - expected).max()

"""What the paper prints of its channels, and what is lost in Eq. 32."""

import numpy as np
import pytest

from qhelpers.circuits import CHANNELS, kraus
from qhelpers.papers.low_energy import as_printed

PAULIS = (np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1]))


def lost_trace(operators):
    """The largest entry of the sum of K†K less the identity: 0 for a channel."""
    return np.abs(sum(one.conj().T @ one for one in operators) - np.eye(2)).max()


def test_what_is_printed():
    p = 0.3
    ket = np.eye(2)
    printed = {
        "bit_flip": [np.sqrt(1 - p) * PAULIS[0], np.sqrt(p) * PAULIS[1]],  # Eq. 22
        "phase_flip": [np.sqrt(1 - p) * PAULIS[0], np.sqrt(p) * PAULIS[3]],  # Eq. 24
        "bit_phase_flip": [np.sqrt(1 - p) * PAULIS[0], np.sqrt(p) * PAULIS[2]],  # Eq. 26
        "depolarizing": [np.sqrt(1 - p) * PAULIS[0], *(np.sqrt(p / 3) * pauli for pauli in PAULIS[1:])],  # Eq. 28
        "phase_damping": [np.diag([1, np.sqrt(1 - p)]), np.diag([0, np.sqrt(p)])],  # Eq. 30
        "amplitude_damping": [
            np.sqrt(1 - p) * np.outer(ket[1], ket[1]),
            np.sqrt(p) * np.outer(ket[0], ket[1]),
        ],  # Eq. 32
    }
    assert set(printed) == set(CHANNELS)
    for channel, operators in printed.items():
        ours = as_printed.kraus_operators(channel, p)
        assert len(ours) == len(operators) and all(k.shape == (2, 2) and k.dtype == complex for k in ours)
        np.testing.assert_allclose(ours, operators, atol=1e-15)
        if channel == "amplitude_damping":
            lost = sum(k.conj().T @ k for k in ours) - np.eye(2)
            np.testing.assert_allclose(lost, np.diag([-1, 0]), atol=1e-15)  # all that is in the ground state
            assert [lost_trace(as_printed.kraus_operators(channel, s)) for s in (0, p, 1)] == pytest.approx([1, 1, 1])
        else:
            np.testing.assert_array_equal(ours, kraus(channel, p))
            assert lost_trace(ours) < 1e-15

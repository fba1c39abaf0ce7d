"""The circuits of the low-energy IoT paper: QNN-P in PennyLane (Eqs. 12-17), QNN-Q and QNN-H in Qiskit (Eqs. 6-10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qhelpers.circuits.ansatz import Ansatz, VariationalCircuit
from qhelpers.circuits.encodings import Encoding, check_width, entangling_pairs

__all__ = [
    "ENTANGLERS",
    "angle_ry_rx_circuit",
    "cnot_pairs",
    "qnn_p_circuit",
    "qnn_q_circuit",
]

#: Names of this paper's runs and their records. ``chain`` is what is called ``linear`` elsewhere.
ENTANGLERS = ("chain", "ring", "none")


def _entanglement(entangler: str) -> str:
    if entangler not in ENTANGLERS:
        raise ValueError(f"entangler {entangler!r} is unknown; allowed are {', '.join(ENTANGLERS)}")
    return "linear" if entangler == "chain" else entangler


def cnot_pairs(n_qubits: int, entangler: str) -> list[tuple[int, int]]:
    """Control and target of each CNOT of a layer, in the order of application.

    Parameters
    ----------
    n_qubits : int
        Number of qubits.
    entangler : {"chain", "ring", "none"}
        ``chain``: 0-1, 1-2, ...; ``ring``: the chain and then last-0; ``none``: no entangling gate (the separable circuit).

    Returns
    -------
    list of (int, int)
        Pairs (control, target).

    Raises
    ------
    ValueError
        If the entangler is unknown.
    """
    return entangling_pairs(n_qubits, _entanglement(entangler))


def qnn_p_circuit(n_features: int, n_qubits: int, n_layers: int, entangler: str) -> VariationalCircuit:
    """QNN-P's circuit for either framework: RY encoding, layers of RY, RX and CNOTs, Z on the first qubit (Eqs. 12-17).

    Parameters
    ----------
    n_features : int
        Number of inputs, at most `n_qubits`; qubits beyond them read nothing.
    n_qubits, n_layers : int
    entangler : {"chain", "ring", "none"}
        See `cnot_pairs`.
    """
    check_width(n_features, n_qubits)
    return VariationalCircuit(Encoding("RY", n_features), Ansatz("RY-RX", n_qubits, n_layers, _entanglement(entangler)))


def qnn_q_circuit(n_features: int, n_qubits: int, map_reps: int = 1, ansatz_reps: int = 1) -> VariationalCircuit:
    """QNN-Q's circuit for either framework: Z feature map, RealAmplitudes, Z on every qubit (Eqs. 6-10).

    Parameters
    ----------
    n_features : int
        Number of inputs, at most `n_qubits`; qubits beyond them start the ansatz in the state 0.
    n_qubits : int
    map_reps, ansatz_reps : int
        Repetitions of the feature map and of the ansatz (which ends with one more rotation layer).
    """
    check_width(n_features, n_qubits)
    encoding = Encoding("Z", n_features, map_reps)
    return VariationalCircuit(encoding, Ansatz("RealAmplitudes", n_qubits, ansatz_reps), "parity")


def angle_ry_rx_circuit(n_features: int, n_qubits: int, entangler: str) -> Callable[[Any, Any], Any]:
    r"""QNN-P's circuit as a PennyLane quantum function ``circuit(inputs, weights)`` that returns :math:`\langle Z_0 \rangle`.

    Feature *i* turns qubit *i* by :math:`R_Y(x_i)` (Eq. 12); each layer applies :math:`R_X(\phi) R_Y(\theta)` to every qubit
    (Eq. 13, RY first) and then the CNOTs.

    Parameters
    ----------
    n_features : int
        Number of inputs, at most `n_qubits`; qubits beyond them read nothing.
    n_qubits : int
        Number of qubits.
    entangler : {"chain", "ring", "none"}
        See `cnot_pairs`.

    Returns
    -------
    callable
        ``inputs`` has shape (n_features,) or (batch, n_features), ``weights`` (n_layers, n_qubits, 2): angles of RY and RX.
    """
    qnn_p_circuit(n_features, n_qubits, 1, entangler)  # complains at once

    def circuit(inputs: Any, weights: Any) -> Any:
        return qnn_p_circuit(n_features, n_qubits, len(weights), entangler).pennylane()(inputs, weights)

    return circuit

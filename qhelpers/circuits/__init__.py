"""Circuits of the papers in PennyLane and Qiskit."""

from qhelpers.circuits.ansatz import (
    Ansatz,
    VariationalCircuit,
    draw,
    resource_table,
    resources,
)
from qhelpers.circuits.encodings import Encoding, entangling_pairs
from qhelpers.circuits.low_energy import ENTANGLERS, angle_ry_rx_circuit, cnot_pairs, z_real_amplitudes_circuit

__all__ = [
    "ENTANGLERS",
    "Ansatz",
    "Encoding",
    "VariationalCircuit",
    "angle_ry_rx_circuit",
    "cnot_pairs",
    "draw",
    "entangling_pairs",
    "resource_table",
    "resources",
    "z_real_amplitudes_circuit",
]

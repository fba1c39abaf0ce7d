"""Circuits of the papers in PennyLane and Qiskit."""

from qhelpers.circuits.low_energy import (
    ENTANGLERS,
    angle_ry_rx_circuit,
    cnot_pairs,
    resources,
    z_real_amplitudes_circuit,
)

__all__ = ["ENTANGLERS", "angle_ry_rx_circuit", "cnot_pairs", "resources", "z_real_amplitudes_circuit"]

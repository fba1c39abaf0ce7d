"""Encodings and ansätze in PennyLane and Qiskit, and the engine that computes circuits fast."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qhelpers._extras import require
from qhelpers.circuits.ansatz import (
    Ansatz,
    VariationalCircuit,
    draw,
    resource_table,
    resources,
)
from qhelpers.circuits.encodings import Encoding, entangling_pairs
from qhelpers.circuits.noise import CHANNELS, NoiseModel, analytic_z, kraus, noisy_qiskit, pauli_transfer, with_noise
from qhelpers.circuits.tracing import UnsupportedCircuitError

if TYPE_CHECKING:
    from qhelpers.circuits.engine import Plan
    from qhelpers.circuits.layer import Evaluation, QuantumLayer
    from qhelpers.circuits.surrogate import Surrogate

__all__ = [
    "CHANNELS",
    "Ansatz",
    "Encoding",
    "Evaluation",
    "NoiseModel",
    "Plan",
    "QuantumLayer",
    "Surrogate",
    "UnsupportedCircuitError",
    "VariationalCircuit",
    "analytic_z",
    "draw",
    "entangling_pairs",
    "kraus",
    "noisy_qiskit",
    "pauli_transfer",
    "resource_table",
    "resources",
    "with_noise",
]
#: Names that need torch, imported when they are first asked for.
_LATER = {"Evaluation": "layer", "Plan": "engine", "QuantumLayer": "layer", "Surrogate": "surrogate"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        require("torch", "engine")
        return getattr(import_module(f"qhelpers.circuits.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

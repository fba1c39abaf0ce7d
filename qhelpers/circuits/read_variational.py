"""From a `VariationalCircuit` to rotations, without the libraries that it can also be built in."""

from __future__ import annotations

from typing import Any

import numpy as np

from qhelpers.circuits.ansatz import VariationalCircuit
from qhelpers.circuits.gates import GATES
from qhelpers.circuits.observables import collect
from qhelpers.circuits.tracing import Circuit, Recorder, read_angles


def read_variational(circuit: VariationalCircuit) -> Circuit:
    """Read a circuit of an encoding and an ansatz; the result is that of reading its PennyLane function."""
    n = circuit.n_qubits

    def run(inputs: Any, tensors: list[Any]) -> Recorder:
        recorder = Recorder()
        features = [inputs[..., k] for k in range(circuit.n_features)]
        weights = (tensors[0][index] for index in np.ndindex(*circuit.weight_shape))
        for part in (circuit.encoding.gates(features), circuit.ansatz.gates(weights)):
            for name, qubits, angle in part:
                if name == "barrier":
                    recorder.end_layer(qubits)
                else:
                    recorder.add(GATES[name.lower()][2](qubits, *(() if angle is None else (angle,))), qubits)
        return recorder

    recorder, angles = read_angles(run, circuit.n_features, [circuit.weight_shape])
    words = {
        "first": ["Z" + "I" * (n - 1)],
        "each": ["I" * k + "Z" + "I" * (n - 1 - k) for k in range(n)],
        "parity": ["Z" * n],
    }[circuit.observable]
    observables = collect([{word: 1.0} for word in words], scalar=circuit.observable != "each")
    return Circuit(n, circuit.n_features, circuit.ansatz.n_weights, recorder.events, angles, observables)

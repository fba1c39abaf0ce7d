"""The circuits of the low-energy IoT paper: QNN-P in PennyLane (Eqs. 12-17), QNN-Q and QNN-H in Qiskit (Eqs. 6-10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qhelpers._extras import require

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

ENTANGLERS = ("chain", "ring", "none")


def cnot_pairs(n_qubits: int, entangler: str) -> list[tuple[int, int]]:
    """Control and target of each CNOT of a layer, in the order of application.

    Parameters
    ----------
    n_qubits : int
        Number of qubits.
    entangler : {"chain", "ring", "none"}
        ``chain``: 0-1, 1-2, ...; ``ring``: the chain and then last-0; ``none``: no entangling gate (separable twin).

    Returns
    -------
    list of (int, int)
        Pairs (control, target).

    Raises
    ------
    ValueError
        If the entangler is unknown.
    """
    if entangler not in ENTANGLERS:
        raise ValueError(f"entangler {entangler!r} is unknown; allowed are {', '.join(ENTANGLERS)}")
    if entangler == "none":
        return []
    chain = [(qubit, qubit + 1) for qubit in range(n_qubits - 1)]
    return [*chain, (n_qubits - 1, 0)] if entangler == "ring" and n_qubits > 2 else chain


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
    if not 1 <= n_features <= n_qubits:
        raise ValueError(
            f"{n_features} features for {n_qubits} qubits; allowed are 1 to {n_qubits}: reduce them, by PCA for instance"
        )
    qml = require("pennylane", "circuits")
    pairs = cnot_pairs(n_qubits, entangler)

    def circuit(inputs: Any, weights: Any) -> Any:
        qml.AngleEmbedding(inputs, wires=range(n_features), rotation="Y")
        for layer in weights:
            for qubit in range(n_qubits):
                qml.RY(layer[qubit, 0], wires=qubit)
                qml.RX(layer[qubit, 1], wires=qubit)
            for pair in pairs:
                qml.CNOT(wires=pair)
        return qml.expval(qml.PauliZ(0))

    return circuit


def z_real_amplitudes_circuit(
    n_features: int, n_qubits: int, map_reps: int = 1, ansatz_reps: int = 1
) -> tuple[QuantumCircuit, list[Any], list[Any]]:
    """QNN-Q's circuit in Qiskit: Z feature map (Eq. 10, H first), then RealAmplitudes with linear entanglement (Eq. 8).

    Parameters
    ----------
    n_features : int
        Number of inputs, at most `n_qubits`; qubits beyond them start the ansatz in the state 0.
    n_qubits : int
        Number of qubits.
    map_reps, ansatz_reps : int
        Repetitions of the feature map and of the ansatz (which ends with one more rotation layer).

    Returns
    -------
    circuit : qiskit.QuantumCircuit
    input_params, weight_params : list of qiskit.circuit.Parameter
        In the order of the features and of the weights.
    """
    if not 1 <= n_features <= n_qubits:
        raise ValueError(
            f"{n_features} features for {n_qubits} qubits; allowed are 1 to {n_qubits}: reduce them, by PCA for instance"
        )
    library = require("qiskit.circuit.library", "circuits")
    feature_map = library.z_feature_map(n_features, reps=map_reps)
    ansatz = library.real_amplitudes(n_qubits, reps=ansatz_reps, entanglement="linear")
    circuit = require("qiskit", "circuits").QuantumCircuit(n_qubits)
    circuit.compose(feature_map, qubits=range(n_features), inplace=True)
    circuit.compose(ansatz, inplace=True)
    return circuit, list(feature_map.parameters), list(ansatz.parameters)


def resources(
    n_features: int, n_qubits: int, circuit: Callable[[Any, Any], Any] | QuantumCircuit, weight_shape: tuple[int, ...]
) -> dict[str, int]:
    """Count what a circuit needs.

    Parameters
    ----------
    n_features, n_qubits : int
        Width of the input and of the register.
    circuit : callable or qiskit.QuantumCircuit
        As returned by `angle_ry_rx_circuit` or `z_real_amplitudes_circuit`.
    weight_shape : tuple of int
        Shape of the weights.

    Returns
    -------
    dict
        ``qubits``, ``features``, ``weights``, ``one-qubit gates``, ``two-qubit gates``, ``depth``.
    """
    import numpy as np

    if callable(circuit):
        qml = require("pennylane", "circuits")
        script = qml.tape.make_qscript(circuit)(np.zeros(n_features), np.zeros(weight_shape))
        (tape,), _ = qml.transforms.decompose(script, gate_set={"RX", "RY", "CNOT"})
        widths, depth = [len(op.wires) for op in tape.operations], tape.graph.get_depth()
    else:
        widths, depth = [len(instruction.qubits) for instruction in circuit.data], circuit.depth()
    return {
        "qubits": n_qubits,
        "features": n_features,
        "weights": int(np.prod(weight_shape)),
        "one-qubit gates": widths.count(1),
        "two-qubit gates": widths.count(2),
        "depth": int(depth),
    }

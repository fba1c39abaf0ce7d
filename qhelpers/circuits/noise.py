r"""Six noise channels of one qubit, and where they strike a circuit.

One strength :math:`\eta \in [0, 1]` a channel: the probability of an error for the flips and for depolarizing, the loss of an
excited or of a coherent qubit for the dampings. Two conventions to know when comparing:

* depolarizing applies X, Y and Z with probability :math:`\eta/3` each. That is PennyLane's
  ``DepolarizingChannel(eta)`` and Qiskit Aer's ``depolarizing_error(4 * eta / 3, 1)``; the qubit is fully mixed at
  :math:`\eta = 3/4`, and beyond it :math:`\langle Z \rangle` changes its sign.
* phase damping keeps a coherence of :math:`\sqrt{1 - \lambda}`: it is the phase flip of probability
  :math:`(1 - \sqrt{1 - \lambda})/2`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qhelpers._extras import require

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

CHANNELS = ("bit_flip", "phase_flip", "bit_phase_flip", "depolarizing", "phase_damping", "amplitude_damping")
INSERTIONS = ("gate", "layer", "end")

_Matrix = npt.NDArray[np.complex128]
_IDENTITY: _Matrix = np.eye(2, dtype=complex)
_X: _Matrix = np.array([[0, 1], [1, 0]], dtype=complex)
_Y: _Matrix = np.array([[0, -1j], [1j, 0]], dtype=complex)
_Z: _Matrix = np.diag([1, -1]).astype(complex)
_FLIPS = {"bit_flip": _X, "phase_flip": _Z, "bit_phase_flip": _Y}


def _checked(channel: str, strength: float) -> float:
    """Strength as a float, once channel and strength are known to be allowed."""
    if channel not in CHANNELS:
        raise ValueError(f"channel {channel!r} is unknown; allowed are {', '.join(CHANNELS)}")
    try:
        value = float(strength)
    except (TypeError, ValueError):
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"strength {strength!r} of {channel}; allowed is one number from 0 (no noise) to 1")
    return value


@dataclass(frozen=True)
class NoiseModel:
    """One channel at one strength, and where it strikes.

    Parameters
    ----------
    channel : str
        One of `CHANNELS`.
    strength : float
        From 0 (no noise) to 1.
    insertion : {"gate", "layer", "end"}
        ``gate``: on each qubit of a gate, after it. A gate is an operation as it stands once templates are expanded: a
        general rotation is one, a CNOT strikes both its qubits; identities, global phases, prepared states and barriers
        are none. ``layer``: on every qubit at each barrier, which marks the end of a layer; gates behind the last barrier
        stay without noise. ``end``: on every qubit once, just before the measurement.

    Raises
    ------
    ValueError
        If a name is unknown or the strength is not a number in [0, 1].
    """

    channel: str
    strength: float
    insertion: str = "gate"

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", _checked(self.channel, self.strength))
        if self.insertion not in INSERTIONS:
            raise ValueError(f"insertion {self.insertion!r} is unknown; allowed are {', '.join(INSERTIONS)}")


def kraus(channel: str, strength: float) -> list[_Matrix]:
    r"""Kraus operators of a channel: :math:`\rho \mapsto \sum_k E_k \rho E_k^\dagger`.

    Parameters
    ----------
    channel : str
        One of `CHANNELS`.
    strength : float
        From 0 to 1.

    Returns
    -------
    list of ndarray of shape (2, 2), complex
        :math:`E_0`, which leaves most as it is, first; also those that are zero at this strength.

    Raises
    ------
    ValueError
        If the channel is unknown or the strength is not a number in [0, 1].
    """
    p = _checked(channel, strength)
    keep, strike = math.sqrt(1 - p), math.sqrt(p)
    if channel in _FLIPS:
        return [keep * _IDENTITY, strike * _FLIPS[channel]]
    if channel == "depolarizing":
        return [keep * _IDENTITY, *(math.sqrt(p / 3) * pauli for pauli in (_X, _Y, _Z))]
    survives = np.diag([1.0, keep]).astype(complex)
    if channel == "phase_damping":
        return [survives, np.diag([0, strike]).astype(complex)]
    return [survives, strike * np.array([[0, 1], [0, 0]], dtype=complex)]


def pauli_transfer(channel: str, strength: float) -> npt.NDArray[np.float64]:
    r"""Pauli transfer matrix :math:`R_{ij} = \mathrm{Tr}(P_i\,\mathcal{E}(P_j))/2` in the basis I, X, Y, Z.

    It acts on states (Schrödinger picture); its transpose acts on observables.

    Parameters
    ----------
    channel, strength
        See `kraus`.

    Returns
    -------
    ndarray of shape (4, 4)
        Diagonal but for amplitude damping, which moves I to Z: ``R[3, 0]`` is the strength.
    """
    paulis = np.stack([_IDENTITY, _X, _Y, _Z])
    operators = np.stack(kraus(channel, strength))
    after = np.einsum("kab,jbc,kdc->jad", operators, paulis, operators.conj())
    return np.einsum("iab,jba->ij", paulis, after).real / 2


def analytic_z(channel: str, strength: float, z: Any) -> Any:
    r""":math:`\langle Z \rangle` of a qubit after a channel, from its value before.

    Parameters
    ----------
    channel, strength
        See `kraus`.
    z : float, array or tensor
        Expectation values before the channel.

    Returns
    -------
    float, array or tensor
        :math:`(1-2\eta)z` for bit flip and bit-phase flip, :math:`z` for phase flip and phase damping,
        :math:`(1-4\eta/3)z` for depolarizing, :math:`(1-\beta)z + \beta` for amplitude damping.
    """
    p = _checked(channel, strength)
    if channel == "amplitude_damping":
        return (1 - p) * z + p
    return {"bit_flip": 1 - 2 * p, "bit_phase_flip": 1 - 2 * p, "depolarizing": 1 - 4 * p / 3}.get(channel, 1.0) * z


def _no_layers() -> ValueError:
    return ValueError(
        "insertion 'layer' in a circuit without a barrier; end each layer with a barrier, or choose insertion 'gate' or 'end'"
    )


def with_noise(circuit: Callable[..., Any], model: NoiseModel) -> Callable[..., Any]:
    """Put noise into a PennyLane circuit.

    Templates are expanded until only gates are left, channels are inserted as `NoiseModel` says, barriers are dropped.
    The channels are ``QubitChannel`` with the operators of `kraus`: PennyLane's own classes add 1e-14 under each root, which
    leaves a coherence of 1e-7 where a damping of strength 1 leaves none. States that are prepared, not computed by gates
    (``StatePrep``, ``BasisState`` and the embeddings derived from them), and channels already there get no noise.

    Parameters
    ----------
    circuit : callable
        PennyLane quantum function, or a QNode on ``default.mixed``.
    model : NoiseModel
        Channel, strength and place. Every qubit means every wire that the circuit names, its measurements included.

    Returns
    -------
    callable
        Quantum function or QNode with the same arguments.

    Raises
    ------
    ValueError
        If `circuit` or `model` is something else; when called, if the circuit measures before its end, or has no barrier
        and the insertion is ``layer``.
    """
    if not callable(circuit):
        raise ValueError(
            f"circuit is {type(circuit).__name__}; allowed are PennyLane quantum functions and QNodes"
            " (for circuits of Qiskit there is noisy_qiskit)"
        )
    _check_model(model)
    qml = require("pennylane", "circuits")
    operators = kraus(model.channel, model.strength)

    def noisy(tape: Any) -> tuple[list[Any], Callable[[Any], Any]]:
        operations, layers = [], 0
        with qml.QueuingManager.stop_recording():
            for operation in (gate for given in tape.operations for gate in _pennylane_gates(qml, given)):
                if isinstance(operation, qml.Barrier):
                    layers += 1
                    struck = tape.wires if model.insertion == "layer" else []
                else:
                    operations.append(operation)
                    struck = operation.wires if model.insertion == "gate" and _is_pennylane_gate(qml, operation) else []
                operations += [qml.QubitChannel(operators, wires=wire) for wire in struck]
            if model.insertion == "end":
                operations += [qml.QubitChannel(operators, wires=wire) for wire in tape.wires]
        if model.insertion == "layer" and layers == 0:
            raise _no_layers()
        return [tape.copy(operations=operations)], lambda results: results[0]

    return qml.transform(noisy)(circuit)


def _pennylane_gates(qml: Any, operation: Any) -> Iterator[Any]:
    """Expand templates, also inverted, controlled or repeated ones, and products of operators, down to gates."""
    if operation.name in ("MidMeasureMP", "MidMeasure") or isinstance(operation, qml.ops.Conditional):
        raise ValueError("the circuit measures before its end; noise is for circuits that measure at the end: drop qml.measure")
    inner = _bare(qml, operation)
    if isinstance(inner, qml.Barrier):
        yield inner
    elif is_composite(qml, operation):
        for part in operation.decomposition():
            yield from _pennylane_gates(qml, part)
    else:
        yield operation


def _bare(qml: Any, operation: Any) -> Any:
    while isinstance(operation, qml.ops.Adjoint | qml.ops.Controlled | qml.ops.Pow):
        operation = operation.base
    return operation


def is_composite(qml: Any, operation: Any) -> bool:
    """Whether an operation of PennyLane is made of gates (a template, a product), rather than a gate or a prepared state."""
    inner = _bare(qml, operation)
    if isinstance(inner, qml.operation.StatePrepBase | qml.Snapshot):
        return False
    if isinstance(inner, qml.ops.Prod) or hasattr(qml.templates, type(inner).__name__):
        return True
    return bool(inner.has_decomposition and not inner.has_matrix)


def _is_pennylane_gate(qml: Any, operation: Any) -> bool:
    """Whether an operation is a gate that noise follows."""
    while isinstance(operation, qml.ops.Adjoint):
        operation = operation.base
    silent = (qml.Identity, qml.GlobalPhase, qml.Snapshot, qml.operation.StatePrepBase, qml.operation.Channel)
    return not isinstance(operation, silent)


def noisy_qiskit(circuit: QuantumCircuit, model: NoiseModel) -> QuantumCircuit:
    """Put noise into a Qiskit circuit, for instance for Aer's ``density_matrix`` method.

    Composite instructions are replaced by their definitions until only standard gates, unitary matrices and controlled
    ones of these are left; channels are inserted as `NoiseModel` says, with the same meaning as in `with_noise`; barriers are
    dropped. The channels are Aer's own errors, appended as instructions; prepared states, delays and channels already there
    get no noise. Gates that Aer does not know (a controlled rotation about X, for instance) are left for
    ``transpile(..., optimization_level=0)``, which keeps the noise where it is.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
        With or without parameters, measurements and instructions that save a result, both at the end only.
    model : NoiseModel
        Channel, strength and place. Every qubit means every qubit of `circuit`.

    Returns
    -------
    qiskit.QuantumCircuit
        A new circuit on the same registers.

    Raises
    ------
    ValueError
        If `circuit` or `model` is something else; if the circuit measures before its end, holds an instruction that cannot
        be reduced to gates, or has no barrier and the insertion is ``layer``.
    """
    qiskit = require("qiskit", "circuits")
    if not isinstance(circuit, qiskit.QuantumCircuit):
        raise ValueError(
            f"circuit is {type(circuit).__name__}; allowed is qiskit.QuantumCircuit (for PennyLane there is with_noise)"
        )
    _check_model(model)
    error = _aer_error(model)
    noisy = circuit.copy_empty_like()
    layers, ended = 0, False

    def strike(qubits: Any) -> None:
        for qubit in qubits:
            noisy.append(error, [qubit])

    for operation, qubits, clbits in _qiskit_gates(circuit, circuit.qubits, circuit.clbits):
        if operation.name == "barrier":
            if not ended:
                layers += 1
                strike(circuit.qubits if model.insertion == "layer" else [])
            continue
        reads = operation.name == "measure" or operation.name.startswith("save_")
        if ended and not reads:
            raise ValueError(f"{operation.name} after a measurement; measure and save at the end of the circuit only")
        if reads and not ended:
            ended = True
            strike(circuit.qubits if model.insertion == "end" else [])
        noisy.append(operation, qubits, clbits)
        if model.insertion == "gate" and _is_qiskit_gate(operation):
            strike(qubits)
    if model.insertion == "end" and not ended:
        strike(circuit.qubits)
    if model.insertion == "layer" and layers == 0:
        raise _no_layers()
    return noisy


# Instructions that are neither gates nor made of gates: no noise follows them.
_NO_GATES_IN_QISKIT = (
    "barrier",
    "measure",
    "id",
    "global_phase",
    "delay",
    "initialize",
    "state_preparation",
    "kraus",
    "superop",
    "quantum_channel",
)


def _qiskit_gates(circuit: Any, qubits: Any, clbits: Any) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    """Instructions of a circuit on the given bits, composites expanded by their definitions."""
    outer = dict(zip([*circuit.qubits, *circuit.clbits], [*qubits, *clbits], strict=True))
    for instruction in circuit.data:
        operation = instruction.operation
        on_qubits, on_clbits = [outer[bit] for bit in instruction.qubits], [outer[bit] for bit in instruction.clbits]
        kept = operation.name in _NO_GATES_IN_QISKIT or operation.name.startswith("save_")
        if kept or _is_qiskit_gate(operation):
            yield operation, on_qubits, on_clbits
        elif getattr(operation, "definition", None) is not None and not getattr(operation, "blocks", ()):
            yield from _qiskit_gates(operation.definition, on_qubits, on_clbits)
        else:
            raise ValueError(
                f"instruction {operation.name!r} cannot be reduced to gates; allowed are gates, composites of gates, barriers and"
                " measurements at the end: replace it"
            )


def _is_qiskit_gate(operation: Any) -> bool:
    """Whether an operation is one gate: a standard one, a unitary matrix, or a controlled one of these."""
    if operation.name in _NO_GATES_IN_QISKIT:
        return False
    kind = getattr(operation, "base_class", type(operation))
    if kind.__module__.startswith("qiskit.circuit.library.standard_gates") or operation.name == "unitary":
        return True
    base = getattr(operation, "base_gate", None)
    return base is not None and _is_qiskit_gate(base)


def _aer_error(model: NoiseModel) -> Any:
    """The channel as an error of Qiskit Aer."""
    aer = require("qiskit_aer.noise", "circuits")
    p = model.strength
    if model.channel in _FLIPS:
        letter = {"bit_flip": "X", "phase_flip": "Z", "bit_phase_flip": "Y"}[model.channel]
        return aer.pauli_error([(letter, p), ("I", 1 - p)])
    if model.channel == "depolarizing":
        return aer.depolarizing_error(4 * p / 3, 1)
    return getattr(aer, f"{model.channel}_error")(p)


def _check_model(model: Any) -> None:
    if not isinstance(model, NoiseModel):
        raise ValueError(f"model is {model!r}; allowed is a NoiseModel, for instance NoiseModel('bit_flip', 0.1)")

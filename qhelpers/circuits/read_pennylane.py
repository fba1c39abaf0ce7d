"""From a PennyLane quantum function to rotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.circuits.gates import GATES, Turn, inverse, phase
from qhelpers.circuits.tracing import Circuit, Observables, Recorder, UnsupportedCircuitError, read_angles

#: PennyLane's operation → name in `GATES`.
NAMES = {
    "Identity": "id", "PauliX": "x", "PauliY": "y", "PauliZ": "z", "Hadamard": "h", "S": "s", "T": "t", "SX": "sx",
    "RX": "rx", "RY": "ry", "RZ": "rz", "PhaseShift": "p", "U1": "p", "U2": "u2", "U3": "u3", "Rot": "rot",
    "CNOT": "cx", "CY": "cy", "CZ": "cz", "SWAP": "swap", "ISWAP": "iswap", "SISWAP": "siswap", "SQISW": "siswap",
    "ControlledPhaseShift": "cp", "CPhase": "cp", "CRX": "crx", "CRY": "cry", "CRZ": "crz", "IsingXX": "rxx", "IsingYY": "ryy",
    "IsingZZ": "rzz", "IsingXY": "rxy", "Toffoli": "ccx", "CCZ": "ccz", "CSWAP": "cswap",
}  # fmt: skip
#: Operations without effect on what the engine computes (a global phase, a marker).
SILENT = {"GlobalPhase", "Identity", "Snapshot", "WireCut"}
#: Measurements other than these are refused by name.
_MEASUREMENTS = "qml.expval of Pauli words, their sums and Hermitian or Projector observables, and qml.probs"
#: Words of this many qubits are the most that probabilities are made of.
MAX_PROBABILITY_QUBITS = 8


def read_pennylane(
    circuit: Callable[..., Any],
    n_inputs: int,
    weight_shapes: Mapping[str, tuple[int, ...]],
    input_name: str = "inputs",
    wires: Any = None,
) -> Circuit:
    """Read a quantum function ``circuit(inputs, **weights)``.

    Parameters
    ----------
    circuit : callable
        A PennyLane quantum function that returns measurements; it is called with inputs of shape (n_inputs,), or (1, n_inputs)
        if it does not work with the former.
    n_inputs : int
    weight_shapes : mapping of str to tuple of int
    input_name : str, default="inputs"
    wires : sequence, optional
        Order of the wires; by default 0, 1, ... for integers, else the order of first use.

    Raises
    ------
    UnsupportedCircuitError
        If an operation or a measurement is not supported, or the circuit depends on the values of its arguments.
    """
    qml = require("pennylane", "circuits")
    names = list(weight_shapes)
    held: dict[str, Any] = {}

    def tape(inputs: Any, weights: list[Any]) -> Any:
        with qml.queuing.AnnotatedQueue() as queue:
            returned = circuit(**{input_name: inputs}, **dict(zip(names, weights, strict=True)))
        return qml.tape.QuantumScript.from_queue(queue), returned

    def run(inputs: Any, weights: list[Any]) -> Recorder:
        try:
            script, returned = tape(inputs, weights)
        except (IndexError, TypeError) as error:
            if inputs.ndim != 1 or not held.get("single", True):
                raise
            try:
                script, returned = tape(inputs.unsqueeze(0), weights)
            except Exception:
                raise error from None
        order = _wire_order(script, wires)
        held.setdefault("observables", []).append(_observables(returned, order))
        held["order"] = order
        recorder = Recorder()
        for operation in script.operations:
            try:
                _record(operation, order, recorder)
            except UnsupportedCircuitError:
                raise
            except Exception as error:  # each decomposition fails in its own way where it wants numbers
                if not _has_tensors(operation):
                    raise
                raise UnsupportedCircuitError(
                    f"{operation.name} decomposes in a way that depends on the values of its parameters, and these are inputs or "
                    f"weights ({error}); write it in gates, or use PennyLane's own layer"
                ) from error
        return recorder

    recorder, angles = read_angles(run, n_inputs, list(weight_shapes.values()))
    order, (observables, *others) = held["order"], held["observables"]
    if any(one.words != observables.words or not np.allclose(one.matrix, observables.matrix) for one in others):
        raise _weighted_observable()
    n_weights = int(sum(np.prod(shape) for shape in weight_shapes.values()))
    return Circuit(len(order), n_inputs, n_weights, recorder.events, angles, observables)


def _wire_order(script: Any, wires: Any) -> dict[Any, int]:
    used = list(script.wires)
    if wires is not None:
        missing = [wire for wire in used if wire not in list(wires)]
        if missing:
            raise ValueError(f"the circuit uses wires {missing}, the device has {list(wires)}; give the device all of them")
        used = list(wires)
    elif all(isinstance(wire, (int, np.integer)) for wire in used):
        used = list(range(max(used, default=0) + 1))
    return {wire: place for place, wire in enumerate(used)}


def _record(operation: Any, order: Mapping[Any, int], recorder: Recorder, inside: tuple[str, ...] = ()) -> None:
    """Add an operation to the recorder, template by template down to gates."""
    qml = require("pennylane", "circuits")
    wires = tuple(order[wire] for wire in operation.wires)
    base = operation
    while isinstance(base, qml.ops.Adjoint):
        base = base.base
    if operation.name == "Barrier":
        recorder.end_layer(wires or tuple(order.values()))
    elif base.name in SILENT:
        return
    elif isinstance(base, qml.operation.StatePrepBase):  # no gate to a noise model
        recorder.add(_expanded(operation, order, inside), ())
    elif _is_composite(operation):
        for part in _parts(operation, inside):
            _record(part, order, recorder, (*inside, operation.name))
    else:
        recorder.add(_expanded(operation, order, inside), wires)


def _is_composite(operation: Any) -> bool:
    """Whether an operation is made of gates (a template, a product), rather than a gate."""
    qml = require("pennylane", "circuits")
    while isinstance(operation, (qml.ops.Adjoint, qml.ops.Controlled, qml.ops.Pow)):
        operation = operation.base
    if isinstance(operation, qml.operation.StatePrepBase):
        return False
    if isinstance(operation, qml.ops.Prod) or hasattr(qml.templates, type(operation).__name__):
        return True
    return not operation.has_matrix and operation.has_decomposition


def _expanded(operation: Any, order: Mapping[Any, int], inside: tuple[str, ...]) -> list[Turn]:
    """Return an operation as rotations, through as many decompositions as it takes."""
    if operation.name in SILENT or operation.name == "Barrier":
        return []
    turns = turns_of(operation, order)
    if turns is None:
        _refuse(operation, _shown(operation, inside))
        turns = None if operation.has_decomposition else _generated(operation, order)
    if turns is not None:
        return turns
    return [turn for part in _parts(operation, inside) for turn in _expanded(part, order, (*inside, operation.name))]


def turns_of(operation: Any, order: Mapping[Any, int]) -> list[Turn] | None:
    """Return the rotations of one of PennyLane's gates, or None where it has to be decomposed first."""
    qml = require("pennylane", "circuits")
    wires = tuple(order[wire] for wire in operation.wires)
    name = NAMES.get(operation.name)
    if name is not None and type(operation).__module__.startswith("pennylane."):  # not a user's own operation of that name
        return GATES[name][2](wires, *operation.data)
    if operation.name == "PauliRot":
        word = operation.hyperparameters["pauli_word"]
        kept = [(letter, wire) for letter, wire in zip(word, wires, strict=True) if letter != "I"]
        return [("".join(letter for letter, _ in kept), tuple(wire for _, wire in kept), operation.data[0])] if kept else []
    if isinstance(operation, qml.ops.op_math.Exp):
        coefficient = _imaginary(operation)
        sentence = operation.base.pauli_rep
        return None if sentence is None or coefficient is None else _evolution(sentence, -2.0 * coefficient, order)
    if operation.name == "MultiRZ":
        return [("Z" * len(wires), wires, operation.data[0])]
    if operation.name == "MultiControlledX" and len(wires) <= 8:
        values = operation.hyperparameters["control_values"]
        flips = [turn for wire, value in zip(wires, values, strict=False) if not value for turn in GATES["x"][2]((wire,))]
        return [*flips, *phase("Z" * (len(wires) - 1) + "X", wires, pi), *inverse(flips)]
    if operation.name.startswith("Adjoint(") and hasattr(operation, "base"):
        turns = turns_of(operation.base, order)
        return None if turns is None else inverse(turns)
    return None


def _shown(operation: Any, inside: tuple[str, ...]) -> str:
    kind = type(operation).__name__
    shown = operation.name if kind == operation.name else f"{operation.name} ({kind})"
    return f"{shown} inside {' inside '.join(reversed(inside))}" if inside else shown


def _refuse(operation: Any, shown: str) -> None:
    """Raise where an operation is of a kind that the engine does not compute."""
    qml = require("pennylane", "circuits")
    kind = type(operation).__name__
    if kind in ("MidMeasure", "PauliMeasure", "Conditional"):
        raise UnsupportedCircuitError(
            f"{shown} is a measurement inside the circuit (or depends on one); the engine computes unitary circuits: use "
            "qml.defer_measurements, or PennyLane's own layer"
        )
    if kind in ("Allocate", "Deallocate"):
        raise UnsupportedCircuitError(f"{shown} takes wires while the circuit runs; give it wires of its own (work_wires=)")
    if isinstance(operation, qml.operation.Channel):
        raise UnsupportedCircuitError(
            f"{shown} is a noise channel inside the circuit; give the layer noise=NoiseModel(channel, strength, insertion) "
            "instead"
        )
    if isinstance(operation, (qml.operation.CVOperation, qml.operation.CVObservable)) or ".qutrit" in type(operation).__module__:
        raise UnsupportedCircuitError(f"{shown} is not an operation of qubits; the engine computes qubits only")
    if isinstance(operation, qml.operation.StatePrepBase) and _has_tensors(operation):
        raise UnsupportedCircuitError(
            f"{shown} prepares a state by its amplitudes, which is not a sequence of rotations of the inputs; use an encoding by "
            "angles (qml.AngleEmbedding), or PennyLane's own layer"
        )


def _parts(operation: Any, inside: tuple[str, ...] = ()) -> list[Any]:
    """Return what an operation decomposes into; raise where the engine has no way to compute it."""
    qml = require("pennylane", "circuits")
    shown = _shown(operation, inside)
    _refuse(operation, shown)
    if operation.has_decomposition:
        try:
            with qml.queuing.QueuingManager.stop_recording():
                return list(operation.decomposition())
        except (NotImplementedError, qml.operation.DecompositionUndefinedError):
            pass
    matrix = None if _has_tensors(operation) or len(operation.wires) > 2 else _matrix(operation)
    if matrix is not None:
        if not np.allclose(matrix @ matrix.conj().T, np.eye(len(matrix)), atol=1e-8):
            raise UnsupportedCircuitError(f"{shown} is not unitary, so it is no gate; measure it, or leave it out of the circuit")
        with qml.queuing.QueuingManager.stop_recording():
            if len(operation.wires) == 1:
                return list(qml.ops.one_qubit_decomposition(matrix, operation.wires[0], rotations="ZYZ"))
            return list(qml.ops.two_qubit_decomposition(matrix, operation.wires))
    raise UnsupportedCircuitError(
        f"{shown} on {len(operation.wires)} wires has no decomposition into gates of one to three qubits; write it in such "
        "gates, or use PennyLane's own layer"
    )


def _evolution(sentence: Any, angle: Any, order: Mapping[Any, int]) -> list[Turn] | None:
    """Return exp(-i angle/2 G) as rotations where the Pauli words of G commute and have numbers for coefficients, else None."""
    words = [(word, complex(value)) for word, value in sentence.items() if word and not _is_tensor(value)]
    if len(words) != sum(1 for word in sentence if word) or any(abs(value.imag) > 1e-12 for _, value in words):
        return None
    if any(not one.commutes_with(other) for one, _ in words for other, _ in words):
        return None
    return [
        ("".join(word.values()), tuple(order[wire] for wire in word), angle * value.real)
        for word, value in words
        if abs(value) > 1e-14
    ]


def _generated(operation: Any, order: Mapping[Any, int]) -> list[Turn] | None:
    """Return a gate of one angle as rotations, if it has a generator whose Pauli words commute."""
    qml = require("pennylane", "circuits")
    if not isinstance(operation, qml.operation.Operation) or operation.num_params != 1 or not operation.has_generator:
        return None
    with qml.queuing.QueuingManager.stop_recording():
        generator = operation.generator()
        if len(generator.wires) > MAX_PROBABILITY_QUBITS:
            return None
        matrix = np.asarray(qml.matrix(generator, wire_order=operation.wires))
        sentence = qml.pauli_decompose(matrix, wire_order=operation.wires, pauli=True)
    return _evolution(sentence, -2.0 * operation.data[0], order)


def _matrix(operation: Any) -> Any:
    qml = require("pennylane", "circuits")
    try:
        return np.asarray(qml.matrix(operation), dtype=complex)
    except qml.operation.MatrixUndefinedError:
        return None


def _imaginary(exponential: Any) -> Any:
    """Return c of exp(i c G), or None if the coefficient has a real part."""
    qml = require("pennylane", "circuits")
    if isinstance(exponential, qml.ops.Evolution):
        return -exponential.param
    coefficient = exponential.coeff
    if not _is_tensor(coefficient):
        return coefficient.imag if abs(complex(coefficient).real) < 1e-12 else None
    if not coefficient.is_complex():
        return None
    try:
        real = abs(float(coefficient.real))
    except RuntimeError:  # a symbol; the run on numbers, which follows, comes here with one
        real = 0.0
    return coefficient.imag if real < 1e-12 else None


def _is_tensor(value: Any) -> bool:
    return isinstance(value, require("torch", "circuits").Tensor)


def _has_tensors(operation: Any) -> bool:
    return any(_is_tensor(value) for value in operation.data)


def _observables(returned: Any, order: Mapping[Any, int]) -> Observables:
    """Turn what the quantum function returns into sums of Pauli words."""
    listed = returned if isinstance(returned, (list, tuple)) else [returned]
    columns: list[dict[str, float]] = []
    ranges: list[tuple[int, int]] = []
    for measurement in listed:
        kind = type(measurement).__name__
        if kind == "ExpectationMP" and measurement.obs is not None:
            columns.append(_expectation(measurement.obs, order))
        elif kind == "ProbabilityMP":
            if measurement.obs is not None:
                raise UnsupportedCircuitError(
                    "qml.probs(op=...) is not supported; rotate the qubits yourself and use qml.probs(wires=...)"
                )
            start = len(columns)
            columns.extend(_probabilities([order[wire] for wire in measurement.wires] or list(order.values()), len(order)))
            ranges.append((start, len(columns)))
        else:
            raise UnsupportedCircuitError(f"the circuit returns {kind or measurement}; allowed are {_MEASUREMENTS}")
    scalar = not isinstance(returned, (list, tuple)) and type(returned).__name__ == "ExpectationMP"
    return collect(columns, scalar, tuple(ranges))


def collect(columns: list[dict[str, float]], scalar: bool, probabilities: tuple[tuple[int, int], ...] = ()) -> Observables:
    """Put outputs, each a dictionary word → coefficient, into one matrix."""
    words = tuple(dict.fromkeys(word for column in columns for word in column))
    matrix = np.zeros((len(words), len(columns)))
    for k, column in enumerate(columns):
        for word, value in column.items():
            matrix[words.index(word), k] = value
    return Observables(words, matrix, scalar, probabilities)


def _expectation(observable: Any, order: Mapping[Any, int]) -> dict[str, float]:
    qml = require("pennylane", "circuits")
    sentence = observable.pauli_rep
    if sentence is None:
        if not observable.has_matrix or len(observable.wires) > MAX_PROBABILITY_QUBITS:
            raise UnsupportedCircuitError(
                f"the observable {observable.name} has no form as a sum of Pauli words; measure Pauli words"
            )
        try:
            matrix = np.asarray(qml.matrix(observable))
        except RuntimeError as error:
            raise _weighted_observable() from error
        sentence = qml.pauli_decompose(matrix, wire_order=observable.wires, pauli=True)
    found: dict[str, float] = {}
    for word, coefficient in sentence.items():
        letters = ["I"] * len(order)
        for wire, letter in word.items():
            letters[order[wire]] = letter
        try:
            value = complex(coefficient)
        except (RuntimeError, TypeError) as error:
            raise _weighted_observable() from error
        if abs(value.imag) > 1e-12:
            raise UnsupportedCircuitError(f"the observable {observable} is not Hermitian: its coefficients have to be real")
        found["".join(letters)] = found.get("".join(letters), 0.0) + value.real
    return found


def _weighted_observable() -> UnsupportedCircuitError:
    return UnsupportedCircuitError(
        "a coefficient of an observable depends on inputs or weights; return the Pauli words and combine them after the layer"
    )


def _probabilities(wires: list[int], n_qubits: int) -> list[dict[str, float]]:
    if len(wires) > MAX_PROBABILITY_QUBITS:
        raise UnsupportedCircuitError(
            f"qml.probs of {len(wires)} qubits are {2 ** len(wires):,} outputs; allowed are {MAX_PROBABILITY_QUBITS} qubits: "
            "measure fewer, or take layer.state(inputs).abs() ** 2"
        )
    columns = []
    for outcome in range(2 ** len(wires)):
        column = {}
        for chosen in range(2 ** len(wires)):
            letters = ["I"] * n_qubits
            sign = 1
            for place, wire in enumerate(wires):
                bit = 1 << (len(wires) - 1 - place)
                if chosen & bit:
                    letters[wire] = "Z"
                    sign = -sign if outcome & bit else sign
            column["".join(letters)] = sign / 2 ** len(wires)
        columns.append(column)
    return columns

"""From a PennyLane quantum function to rotations."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import pi
from threading import Lock, local
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.circuits.gates import GATES, Turn, inverse, phase
from qhelpers.circuits.noise import is_composite
from qhelpers.circuits.observables import MAX_PROBABILITY_QUBITS, returned_observables, weighted_observable
from qhelpers.circuits.tracing import (
    Amplitudes,
    Bits,
    Circuit,
    LengthError,
    Recorder,
    UnsupportedCircuitError,
    read_angles,
)

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
#: Measurements inside a circuit, and what depends on them.
_INSIDE = ("MidMeasure", "MidMeasureMP", "PauliMeasure", "Conditional")


def read_pennylane(
    circuit: Callable[..., Any],
    n_inputs: int,
    weight_shapes: Mapping[str, tuple[int, ...]],
    input_name: str = "inputs",
) -> Circuit:
    """Read a QNode or a quantum function ``circuit(inputs, **weights)``.

    Parameters
    ----------
    circuit : QNode or callable
        Its transforms are applied, mid-circuit measurements deferred. It is called with inputs of shape (n_inputs,), or
        (1, n_inputs) if it does not work with the former. The wires are in the device's order; without one, as PennyLane takes
        them: 0, 1, ... where they are these, else in the order of first use.
    n_inputs : int
    weight_shapes : mapping of str to tuple of int
    input_name : str, default="inputs"

    Raises
    ------
    UnsupportedCircuitError
        If an operation, a measurement, a transform or the device is not supported, or the circuit depends on the values of its
        arguments.
    """
    qml = require("pennylane", "circuits")
    from qhelpers.circuits import symbols

    names = list(weight_shapes)
    held: dict[str, Any] = {}
    node = circuit if isinstance(circuit, qml.QNode) else None
    function = circuit if node is None else node.func
    wires = None if node is None else list(check_node(node).wires or []) or None
    #: A state that stands first is taken as it is, where PennyLane does not take it apart for its derivatives.
    whole = node is None or (node.device.name in ("default.qubit", "default.mixed") and node.diff_method in ("best", "backprop"))

    def tape(inputs: Any, weights: list[Any]) -> Any:
        with _measurements_counted(), qml.queuing.AnnotatedQueue() as queue:
            returned = function(**{input_name: inputs}, **dict(zip(names, weights, strict=True)))
        script = made = qml.tape.QuantumScript.from_queue(queue)
        if node is not None and len(node.compile_pipeline):
            made = _transformed(node, made)
        if any(type(one).__name__ in _INSIDE for one in made.operations):
            before, made = set(made.wires), _deferred(made)
            held["extra"] = [wire for wire in made.wires if wire not in before]
        if made is not script:  # the same measurements, perhaps of other observables
            returned = type(returned)(made.measurements) if isinstance(returned, (list, tuple)) else made.measurements[0]
        return made, returned

    def run(inputs: Any, weights: list[Any]) -> Recorder:
        with _states_taken():
            return record(inputs, weights)

    def record(inputs: Any, weights: list[Any]) -> Recorder:
        try:
            try:
                script, returned = tape(inputs, weights)
            except symbols.CannotReadError as error:
                raise _by_name(error) from error
        except (IndexError, TypeError) as error:
            if inputs.ndim != 1 or not held.get("single", True):
                raise
            try:
                script, returned = tape(inputs.unsqueeze(0), weights)
            except Exception:
                raise error from None
        order = _wire_order(script, wires, held.get("extra", ()))
        held.setdefault("observables", []).append(returned_observables(returned, order))
        held["order"] = order
        recorder = Recorder()
        for operation in script.operations:
            try:
                with symbols.trusting():
                    _record(operation, order, recorder, first=whole and operation is script.operations[0])
            except UnsupportedCircuitError:
                raise
            except Exception as error:  # each decomposition fails in its own way where it wants numbers
                if not _has_tensors(operation):
                    raise
                raise UnsupportedCircuitError(
                    f"{operation.name} decomposes in a way that depends on the values of its parameters, and these are inputs or "
                    "weights; write it in gates, or use PennyLane's own layer"
                ) from error
        return recorder

    recorder, angles = read_angles(run, n_inputs, list(weight_shapes.values()), batches=True)
    order, (observables, *others) = held["order"], held["observables"]
    if any(one.words != observables.words or not np.allclose(one.matrix, observables.matrix) for one in others):
        raise weighted_observable()
    n_weights = angles.by_weight.shape[1]
    bits = []
    for one in recorder.bits:
        places = list(one.places)
        if not angles.is_constant[places].all():
            bits.append(one)
        elif not set(angles.constant[places]) <= {0, 1}:
            raise ValueError(f"{one.name} of {angles.constant[places].tolist()}; a basis state is made of 0 and 1")
    return Circuit(
        len(order), n_inputs, n_weights, recorder.events, angles, observables, deferred="extra" in held,
        amplitudes=recorder.amplitudes, bits=bits,
    )  # fmt: skip


#: PennyLane's devices that compute what the circuit says, exactly.
_EXACT = {"default.qubit", "default.mixed", "reference.qubit", "lightning.qubit", "lightning.kokkos", "lightning.gpu"}
#: Ways to differentiate that give the derivative, not a draw of it.
_EXACTLY = {"best", "backprop", "adjoint", "parameter-shift", "hadamard", "finite-diff", "device"}


def check_node(node: Any) -> Any:
    """Return the device of a QNode if what it computes are the exact values and gradients of its circuit.

    Raises
    ------
    UnsupportedCircuitError
        If the device adds something to the circuit, or its gradients are drawn at random.
    """
    device, name = node.device, getattr(node.device, "name", type(node.device).__name__)
    if hasattr(device, "_original_device"):
        transform = getattr(device, "transform", None)
        shown = getattr(getattr(transform, "tape_transform", transform), "__name__", "a transform")
        raise UnsupportedCircuitError(
            f"the device {name} carries the transform {shown}, which changes every circuit that it runs; give the layer a device "
            "without it (noise as noise=NoiseModel(channel, strength, insertion)), or use PennyLane's own layer"
        )
    if name not in _EXACT or not type(device).__module__.startswith(("pennylane.", "pennylane_lightning.")):
        raise UnsupportedCircuitError(
            f"the device {name} ({type(device).__module__}) is not known to compute the circuit exactly; allowed are "
            f"{', '.join(sorted(_EXACT))}, or the quantum function itself"
        )
    if getattr(device, "readout_err", None):
        raise UnsupportedCircuitError(
            f"the device {name} has read-out errors (readout_prob={device.readout_err}), which the engine does not compute; "
            "take a device without them, or PennyLane's own layer"
        )
    if node.diff_method not in _EXACTLY:  # None gives none at all
        shown = getattr(node.diff_method, "__name__", node.diff_method)
        raise UnsupportedCircuitError(
            f"diff_method={shown!r} gives other gradients than those of the circuit's exact values, which the engine computes; "
            f"allowed are {', '.join(sorted(_EXACTLY))}"
        )
    return device


def _transformed(node: Any, script: Any) -> Any:
    """Return what a QNode runs after its transforms, where that is one circuit and its results are the circuit's."""
    qml = require("pennylane", "circuits")
    from qhelpers.circuits import symbols

    pipeline = node.compile_pipeline
    shown = ", ".join(str(getattr(getattr(one, "tape_transform", one), "__name__", one)) for one in pipeline)
    params = script.get_parameters(trainable_only=False)
    script.trainable_params = qml.math.get_trainable_indices(params)
    several = len(script.measurements) > 1
    try:
        with symbols.trusting():
            tapes, finish = pipeline((script,))
        result = tuple(object() for _ in script.measurements) if several else object()
        same = len(tapes) == 1 and len(tapes[0].measurements) == len(script.measurements)
        finished: Any = finish((result,))[0] if same else None
        same = same and (finished is result or (several and tuple(finished) == result))
    except UnsupportedCircuitError:
        raise
    except Exception as error:  # each transform fails in its own way on what it cannot look at
        raise UnsupportedCircuitError(
            f"the QNode's transforms ({shown}) look at the values of inputs or weights, or work on results; the engine runs one "
            "circuit for all values: leave them out, or use PennyLane's own layer"
        ) from error
    if not same:
        raise UnsupportedCircuitError(
            f"the QNode's transforms ({shown}) make several circuits of one, or compute with their results; the engine runs one "
            "circuit: leave them out, or use PennyLane's own layer"
        )
    return tapes[0]


@contextlib.contextmanager
def _measurements_counted() -> Iterator[None]:
    """Give mid-circuit measurements numbers for names: PennyLane sorts by them, and draws them at random."""
    counter = itertools.count()
    modules: list[Any] = [sys.modules.get(f"pennylane.ops.mid_measure.{name}") for name in ("mid_measure", "pauli_measure")]
    named = [module for module in modules if hasattr(module, "uuid")]
    before = [module.uuid for module in named]
    for module in named:
        module.uuid = types.SimpleNamespace(uuid4=lambda: f"{next(counter):032d}")
    try:
        yield
    finally:
        for module, one in zip(named, before, strict=True):
            module.uuid = one


def _deferred(script: Any) -> Any:
    """Return a circuit with its measurements at the end (the principle of deferred measurement)."""
    qml = require("pennylane", "circuits")
    for operation in script.operations:
        if getattr(operation, "postselect", None) is not None:
            raise UnsupportedCircuitError(
                "a mid-circuit measurement with postselect= throws samples away, and the engine computes all of them; use "
                "PennyLane's own layer"
            )
    if any(not one.wires and one.obs is None and getattr(one, "mv", None) is None for one in script.measurements):
        raise UnsupportedCircuitError(
            "a measurement of all wires beside mid-circuit measurements, which take wires of their own; name the wires that are "
            "measured"
        )
    try:
        (found,), _ = qml.defer_measurements(script)
    except Exception as error:  # PennyLane's reasons are many
        raise UnsupportedCircuitError(
            "the mid-circuit measurements cannot be deferred to the end (qml.defer_measurements); use PennyLane's own layer"
        ) from error
    return found


def _by_name(error: Exception) -> Exception:
    """Name the operation in whose making a value was asked for, if it was made by one of PennyLane's."""
    qml = require("pennylane", "circuits")
    frame = error.__traceback__
    name = None
    while frame is not None:
        owner = frame.tb_frame.f_locals.get("self")
        if name is None and isinstance(owner, qml.operation.Operator):
            name = type(owner).__name__
        frame = frame.tb_next
    if name in ("LinearCombination", "Hamiltonian"):
        return weighted_observable()
    if name is None:
        return error
    return UnsupportedCircuitError(
        f"{name} wants the values of its parameters while the circuit is read, and these are inputs or weights; encode inputs by "
        "angles (qml.AngleEmbedding) or amplitudes (qml.AmplitudeEmbedding), or use PennyLane's own layer"
    )


def _wire_order(script: Any, wires: Any, extra: Sequence[Any] = ()) -> dict[Any, int]:
    used = list(script.wires)
    if wires is not None:
        missing = [wire for wire in used if wire not in wires and wire not in extra]
        if missing:
            raise ValueError(f"the circuit uses wires {missing}, the device has {list(wires)}; give the device all of them")
        used = [*wires, *(wire for wire in used if wire not in wires)]
    elif set(used) == set(range(len(used))):
        used = sorted(used)
    return {wire: place for place, wire in enumerate(used)}


class _Reading(local):
    depth = 0


#: Whether a thread reads a circuit; how many do.
_READING, _READERS = _Reading(), [0]
_LOCK = Lock()
#: What the classes are made by otherwise.
_ORIGINALS: dict[Any, Any] = {}


@contextlib.contextmanager
def _states_taken() -> Iterator[None]:
    """Let PennyLane's preparations take tensors as they are, in this thread; they would look at their values."""
    qml = require("pennylane", "circuits")

    def taking(kind: Any, tensor_of: Callable[[Any, Any], Any]) -> Any:
        original = kind.__init__

        @functools.wraps(original)
        def take(self: Any, state: Any, wires: Any, *rest: Any, **options: Any) -> None:
            if _READING.depth and kind is qml.BasisState and isinstance(state, list) and any(map(_is_tensor, state)):
                state = qml.math.stack(state)
            if _READING.depth and kind is qml.StatePrep and isinstance(state, (list, tuple)) and any(map(_is_tensor, state)):
                raise UnsupportedCircuitError(
                    f"{type(self).__name__} of a list of tensors, of which PennyLane would mix the samples of a batch; join them "
                    "by torch.stack(..., -1)"
                )
            if not _READING.depth or not _is_tensor(state):
                return original(self, state, wires, *rest, **options)
            n = len(qml.wires.Wires(wires))
            stand_in = np.zeros(n, int) if kind is qml.BasisState else np.eye(1, 2**n)[0]
            original(self, stand_in, wires, *rest, **options)
            self.data = (tensor_of(self, state),)
            return None

        return take

    with _LOCK:
        _READERS[0] += 1
        if _READERS[0] == 1:
            _ORIGINALS.update({kind: kind.__init__ for kind in (qml.StatePrep, qml.BasisState)})
            qml.StatePrep.__init__ = taking(qml.StatePrep, _padded)
            qml.BasisState.__init__ = taking(qml.BasisState, _a_bit_a_wire)
    _READING.depth += 1
    try:
        yield
    finally:
        _READING.depth -= 1
        with _LOCK:
            _READERS[0] -= 1
            while not _READERS[0] and _ORIGINALS:
                kind, original = _ORIGINALS.popitem()
                kind.__init__ = original


def _padded(operation: Any, state: Any) -> Any:
    """Return amplitudes (2^n,) or (n_samples, 2^n), padded as PennyLane does; it checks norms and divides by them later."""
    qml = require("pennylane", "circuits")
    name, n, padding = type(operation).__name__, len(operation.wires), operation.hyperparameters["pad_with"]
    if state.ndim not in (1, 2):
        raise LengthError(f"{name} takes amplitudes of shape (n,) or (n_samples, n); got {tuple(state.shape)}")
    missing = 2**n - state.shape[-1]
    if missing < 0 or (missing and padding is None):
        hint = "use more wires" if missing < 0 else "use fewer wires, or pad_with=0.0 for the missing ones"
        raise LengthError(f"{name} on {n} wires takes {2**n} amplitudes; got {state.shape[-1]}: {hint}")
    if not missing:
        return state
    row = [padding] * missing
    return qml.math.hstack([state, qml.math.convert_like(row if state.ndim == 1 else [row] * len(state), state)])


def _a_bit_a_wire(operation: Any, state: Any) -> Any:
    """Return bits (n,) or (n_samples, n)."""
    name, n = type(operation).__name__, len(operation.wires)
    if state.ndim == 0:
        raise UnsupportedCircuitError(f"{name} of one whole number made of a tensor; give it a 0 or 1 for each wire")
    if state.ndim > 2 or state.shape[-1] != n:
        raise LengthError(f"{name} on {n} wires takes as many numbers, 0 or 1; got shape {tuple(state.shape)}")
    return state


def _prepare(operation: Any, order: Mapping[Any, int], recorder: Recorder, inside: tuple[str, ...], first: bool) -> None:
    """Add a state that a tensor gives."""
    qml, torch = require("pennylane", "circuits"), require("torch", "circuits")
    shown, wires, state = _shown(operation, inside), tuple(order[wire] for wire in operation.wires), operation.data[0]
    if isinstance(operation, qml.BasisState):
        recorder.bits.append(Bits(shown, recorder.keep(state.unbind(-1))))
        half_turn, nothing, neither = (torch.tensor(value, dtype=torch.float64) for value in (pi, 0.0, np.nan))
        angles = torch.where(state == 1, half_turn, torch.where(state == 0, nothing, neither))  # no derivatives, as in PennyLane
        recorder.add([("X", (wire,), angle) for wire, angle in zip(wires, angles.unbind(-1), strict=True)], ())
        return
    if recorder.touched & set(wires):
        raise UnsupportedCircuitError(
            f"{shown} stands behind gates on its wires, where PennyLane puts gates of its own in its place; prepare a state "
            "before all gates on its wires, or use PennyLane's own layer"
        )
    real = recorder.keep((state.real if state.is_complex() else state).unbind(-1))
    imag = recorder.keep(state.imag.unbind(-1)) if state.is_complex() else ()
    options = operation.hyperparameters
    normalize = bool(options["normalize"] or options["pad_with"] is not None)
    recorder.amplitudes.append(
        Amplitudes(shown, wires, real, imag, normalize, bool(options["validate_norm"]), by_gates=not first)
    )


def _record(
    operation: Any, order: Mapping[Any, int], recorder: Recorder, inside: tuple[str, ...] = (), first: bool = False
) -> None:
    """Add an operation to the recorder, template by template down to gates; `first` says that nothing stands before it."""
    qml = require("pennylane", "circuits")
    wires = tuple(order[wire] for wire in operation.wires)
    base = operation
    while isinstance(base, qml.ops.Adjoint):
        base = base.base
    if operation.name == "Barrier":
        recorder.end_layer(wires or tuple(order.values()))
    elif base.name in SILENT:
        return
    elif isinstance(operation, (qml.StatePrep, qml.BasisState)) and _has_tensors(operation):
        _prepare(operation, order, recorder, inside, first)
    elif isinstance(base, qml.operation.StatePrepBase):  # no gate to a noise model
        recorder.add(_expanded(operation, order, inside), ())
    elif is_composite(qml, operation):
        for part in _parts(operation, inside):
            _record(part, order, recorder, (*inside, operation.name))
    else:
        recorder.add(_expanded(operation, order, inside), wires)


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
    if kind in _INSIDE:
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
            f"{shown} prepares a state of inputs or weights inside another operation; put it into the circuit as it is, or use "
            "an encoding by angles (qml.AngleEmbedding)"
        )


def _parts(operation: Any, inside: tuple[str, ...] = ()) -> list[Any]:
    """Return what an operation decomposes into; raise where the engine has no way to compute it."""
    qml = require("pennylane", "circuits")
    shown = _shown(operation, inside)
    _refuse(operation, shown)
    refusal = UnsupportedCircuitError(f"{shown} is not unitary, so it is no gate; measure it, or leave it out of the circuit")
    if not _is_unitary(operation):
        raise refusal
    if operation.has_decomposition:
        try:
            with qml.queuing.QueuingManager.stop_recording():
                return list(operation.decomposition())
        except (NotImplementedError, qml.operation.DecompositionUndefinedError):
            pass
    matrix = None if _has_tensors(operation) or len(operation.wires) > 2 else _matrix(operation)
    if matrix is not None:
        if not np.allclose(matrix @ matrix.conj().T, np.eye(len(matrix)), atol=1e-8):
            raise refusal
        with qml.queuing.QueuingManager.stop_recording():
            if len(operation.wires) == 1:
                return list(qml.ops.one_qubit_decomposition(matrix, operation.wires[0], rotations="ZYZ"))
            return list(qml.ops.two_qubit_decomposition(matrix, operation.wires))
    raise UnsupportedCircuitError(
        f"{shown} on {len(operation.wires)} wires has no decomposition into gates of one to three qubits; write it in such "
        "gates, or use PennyLane's own layer"
    )


def _is_unitary(operation: Any) -> bool:
    """Whether an operation that is given by a matrix of its own, or by the diagonal of one, is a gate; others are."""
    torch = require("torch", "circuits")
    with torch._C.DisableTorchFunction():
        own = [one.detach() if isinstance(one, torch.Tensor) else one for one in operation.data]
        arrays = [np.asarray(one, dtype=complex) for one in own if isinstance(one, (np.ndarray, torch.Tensor)) and one.ndim]
    if operation.name.endswith("DiagonalQubitUnitary"):
        return all(np.allclose(np.abs(one), 1, atol=1e-8) for one in arrays)
    if "QubitUnitary" not in operation.name:
        return True
    return all(np.allclose(one @ one.conj().T, np.eye(len(one)), atol=1e-6) for one in arrays)


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

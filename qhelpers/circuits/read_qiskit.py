"""From a Qiskit circuit to rotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import pi
from typing import Any

from numpy import ndarray

from qhelpers._extras import require
from qhelpers.circuits.gates import GATES, Turn, phase
from qhelpers.circuits.noise import _is_qiskit_gate
from qhelpers.circuits.observables import collect
from qhelpers.circuits.read_sampler import read_outcomes, refusal
from qhelpers.circuits.tracing import Circuit, Observables, Recorder, UnsupportedCircuitError, read_angles

#: Standard gates of Qiskit under another name in `GATES`; all others of `GATES` have Qiskit's names.
NAMES = {"u": "u3", "u1": "p", "cu1": "cp"}
#: Controlled gates on this many qubits at most are written as one phase, larger ones by their definition.
MAX_PHASE_QUBITS = 8

_ADVICE = {
    "measure": "drop it (circuit.remove_final_measurements()), since expectation values need none; probabilities (output_shape=) "
    "take measurements at the end",
    "reset": "qubits start in |0⟩ by themselves, so drop one at the beginning; the engine computes unitary circuits",
    "initialize": "it resets qubits; use StatePreparation with fixed amplitudes, or encode inputs by angles (z_feature_map)",
}
#: What sympy calls the functions of a ParameterExpression → what torch calls them.
_FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan", "exp": "exp", "log": "log",
    "Abs": "abs", "sign": "sign",
}  # fmt: skip


def read_qiskit(
    circuit: Any,
    input_params: Any = None,
    weight_params: Any = None,
    observables: Any = None,
    interpret: Callable[[int], Any] | None = None,
    output_shape: Any = None,
) -> Circuit:
    """Read a circuit with parameters for inputs and weights, as EstimatorQNN and SamplerQNN take it.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    input_params, weight_params : sequence of Parameter, optional
        Parameters that are data, and weights, in the order of the columns of the inputs and of the flat weight.
    observables : BaseOperator, str, or list of them, optional
        Measured operators; by default Z on every qubit. Qiskit's order: qubit 0 is the rightmost letter.
    interpret, output_shape : optional
        For probabilities instead, see `read_outcomes`.

    Returns
    -------
    Circuit
        With one weight tensor, of shape (n_weights,).

    Raises
    ------
    TypeError
        If `circuit` is not a QuantumCircuit.
    ValueError
        If the parameter lists do not fit the circuit, an observable is not Hermitian or has another number of qubits, or
        `interpret` and `output_shape` do not fit each other.
    UnsupportedCircuitError
        If an operation is not supported.
    """
    qiskit = require("qiskit", "circuits")
    if not isinstance(circuit, qiskit.QuantumCircuit):
        raise TypeError(f"the circuit is a {type(circuit).__name__}; allowed are a QuantumCircuit, an EstimatorQNN, a SamplerQNN")
    inputs, weights = _parameters(circuit, input_params, weight_params)
    if interpret is None and output_shape is None:
        measured = _observables(circuit, observables)
    elif observables is None:
        circuit, measured = read_outcomes(circuit, interpret, output_shape)
    else:
        raise ValueError("observables= are for expectation values, interpret= and output_shape= for probabilities; give one kind")
    known = {*inputs, *weights}
    compiled: dict[Any, Callable[[Mapping[str, Any]], Any]] = {}

    def run(values: Any, tensors: list[Any]) -> Recorder:
        bound = {parameter.name: values[k] for k, parameter in enumerate(inputs)}
        bound |= {parameter.name: tensors[0][k] for k, parameter in enumerate(weights)}

        def angle(given: Any) -> Any:
            if not isinstance(given, qiskit.circuit.ParameterExpression):
                return float(given)
            if given not in compiled:
                if loose := [one.name for one in given.parameters if one not in known]:
                    raise UnsupportedCircuitError(
                        f"the angle {given} inside a gate's definition holds {', '.join(loose)}, which the circuit does not "
                        "have: make the gate anew (circuit.to_gate()) rather than change its params"
                    )
                compiled[given] = _function(given)
            return compiled[given](bound)

        recorder = Recorder()
        _record(circuit, tuple(range(circuit.num_qubits)), angle, recorder, ())
        return recorder

    recorder, angles = read_angles(run, len(inputs), [(len(weights),)])
    return Circuit(circuit.num_qubits, len(inputs), len(weights), recorder.events, angles, measured, little_endian=True)


def _parameters(circuit: Any, input_params: Any, weight_params: Any) -> tuple[list[Any], list[Any]]:
    """Check both lists against the circuit's parameters."""
    try:
        inputs, weights = list(input_params or []), list(weight_params or [])
    except (TypeError, ValueError) as error:  # one Parameter; an array
        raise TypeError(f"input_params and weight_params are lists of Parameter, or ParameterVector ({error})") from error
    listed = inputs + weights

    def shown(parameters: Any) -> str:
        names = [getattr(parameter, "name", repr(parameter)) for parameter in parameters]
        return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")

    if twice := [parameter for k, parameter in enumerate(listed) if parameter in listed[:k]]:
        raise ValueError(f"parameters given twice: {shown(twice)}; each is one input or one weight")
    if unbound := [parameter for parameter in circuit.parameters if parameter not in listed]:
        raise ValueError(
            f"parameters in neither list: {shown(unbound)}; put each into input_params or weight_params, or bind it with "
            "circuit.assign_parameters"
        )
    if unknown := [parameter for parameter in listed if parameter not in circuit.parameters]:
        raise ValueError(
            f"not parameters of the circuit: {shown(unknown)}; it has {shown(circuit.parameters) or 'none'}: take the lists "
            "from the circuits that this one is composed of"
        )
    return inputs, weights


def _function(expression: Any) -> Callable[[Mapping[str, Any]], Any]:
    """Return an expression of parameters as a function of their values by name."""
    if not expression.parameters:
        number = float(expression)
        return lambda bound: number
    name = str(expression)
    if any(parameter.name == name for parameter in expression.parameters):  # of 0 * x + y, Qiskit's sympify makes x or y
        return lambda bound: bound[name]
    try:
        formula = expression.sympify()
    except (AttributeError, TypeError):  # of 2 ** x, Qiskit makes Python's NotImplemented, and goes on computing with it
        formula = NotImplemented
    if formula is NotImplemented:
        raise UnsupportedCircuitError(
            f"the angle {expression} holds a number to the power of a parameter; write 2 ** x as (log(2) * x).exp()"
        )
    return _torch(formula, str(expression))


def _torch(formula: Any, shown: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return a sympy formula as a function in torch."""
    torch = require("torch", "circuits")
    if formula.is_Symbol:
        name = formula.name
        return lambda bound: bound[name]
    if formula.is_number:
        number = complex(formula)
        if number.imag:
            raise UnsupportedCircuitError(f"the angle {shown} is complex; allowed are real functions of the parameters")
        return lambda bound: number.real
    parts = [_torch(part, shown) for part in formula.args]
    kind = formula.func.__name__
    if kind == "conjugate":
        return parts[0]
    if kind in ("Add", "Mul"):

        def combine(bound: Mapping[str, Any]) -> Any:
            found = parts[0](bound)
            for part in parts[1:]:
                found = found + part(bound) if kind == "Add" else found * part(bound)
            return found

        return combine
    if kind == "Pow":
        return lambda bound: parts[0](bound) ** parts[1](bound)
    if kind in _FUNCTIONS:
        function = getattr(torch, _FUNCTIONS[kind])
        return lambda bound: function(parts[0](bound))
    raise UnsupportedCircuitError(f"the angle {shown} holds {kind}; allowed are + - * / **, {', '.join(_FUNCTIONS)}")


@lru_cache(maxsize=1)
def _standard() -> dict[type, str]:
    """Qiskit's class of a gate → its name in `GATES`."""
    gates = require("qiskit.circuit.library.standard_gates", "circuits")
    named = {name: gate.base_class for name, gate in gates.get_standard_gate_name_mapping().items()}
    return {kind: NAMES.get(name, name) for name, kind in named.items() if NAMES.get(name, name) in GATES}


def _record(
    definition: Any, places: Sequence[int], angle: Callable[[Any], Any], recorder: Recorder, inside: tuple[str, ...]
) -> None:
    """Add the operations of a circuit whose qubits are `places`, composites by their definitions down to gates."""
    library = require("qiskit.circuit.library", "circuits")
    where = {qubit: places[k] for k, qubit in enumerate(definition.qubits)}
    for instruction in definition.data:
        operation, wires = instruction.operation, tuple(where[qubit] for qubit in instruction.qubits)
        if isinstance(operation, library.Barrier):
            recorder.end_layer(wires)
        elif isinstance(operation, library.StatePreparation):  # no gate to a noise model
            recorder.add(_turns(operation, wires, angle, inside), ())
        elif _is_qiskit_gate(operation):
            recorder.add(_turns(operation, wires, angle, inside), wires)
        elif not _is_silent(operation):
            _record(_definition(operation, inside), wires, angle, recorder, (*inside, operation.name))


def _is_silent(operation: Any) -> bool:
    """Whether an operation does nothing to what the engine computes."""
    circuit = require("qiskit.circuit", "circuits")
    library = require("qiskit.circuit.library", "circuits")
    return isinstance(operation, (circuit.Barrier, circuit.Delay, library.IGate, library.GlobalPhaseGate))


def _turns(operation: Any, wires: Sequence[int], angle: Callable[[Any], Any], inside: tuple[str, ...]) -> list[Turn]:
    """Return a gate as rotations."""
    library = require("qiskit.circuit.library", "circuits")
    kind = getattr(operation, "base_class", type(operation))
    # An open control is in the definition only.
    closed = getattr(operation, "ctrl_state", None) in (None, 2 ** getattr(operation, "num_ctrl_qubits", 0) - 1)
    if closed and kind in _standard():
        return GATES[_standard()[kind]][2](wires, *(angle(value) for value in operation.params))
    if closed and len(wires) <= MAX_PHASE_QUBITS:
        if kind in (library.MCXGate, library.C3XGate, library.C4XGate):
            return phase("Z" * (len(wires) - 1) + "X", wires, pi)
        if kind in (library.MCPhaseGate, library.MCU1Gate):
            return phase("Z" * len(wires), wires, angle(operation.params[0]))
    found: list[Turn] = []
    if _is_silent(operation):
        return found
    definition = _definition(operation, inside)
    where = {qubit: wires[k] for k, qubit in enumerate(definition.qubits)}
    for part in definition.data:
        found += _turns(part.operation, tuple(where[qubit] for qubit in part.qubits), angle, (*inside, operation.name))
    return found


def _definition(operation: Any, inside: tuple[str, ...]) -> Any:
    """Return the circuit that an operation stands for; raise where there is none that the engine computes."""
    qiskit = require("qiskit", "circuits")
    library = require("qiskit.circuit.library", "circuits")
    shown = f"{operation.name} ({type(operation).__name__.removeprefix('_Singleton')})"
    if inside:
        shown += f" inside {' inside '.join(reversed(inside))}"
    if isinstance(operation, qiskit.circuit.ControlFlowOp) or getattr(operation, "blocks", None):
        raise UnsupportedCircuitError(
            f"{shown} is control flow; the engine computes circuits without decisions: write out what runs, or use Qiskit's own "
            "layer"
        )
    if operation.name in _ADVICE or operation.name in ("store", "pauli_product_measurement") or operation.num_clbits:
        advice = _ADVICE.get(
            operation.name, "the engine computes unitary circuits without classical bits; use Qiskit's own layer"
        )
        raise UnsupportedCircuitError(f"{shown} is not a gate: {advice}")
    if isinstance(operation, library.PauliEvolutionGate) and not _commutes(operation):
        raise UnsupportedCircuitError(
            f"{shown} evolves under operators that do not commute: a product formula only approximates it; put the formula "
            f'in its place (circuit.decompose("{operation.name}")) if that is what you want'
        )
    try:
        definition = getattr(operation, "definition", None)
    except Exception as error:  # each class fails in its own way, for instance on a parameter where it needs a number
        raise UnsupportedCircuitError(
            f"{shown} cannot be defined by gates ({error}); write it in gates, or use Qiskit's own layer"
        ) from error
    definition = _synthesis(operation) if definition is None else definition
    if definition is None:
        raise UnsupportedCircuitError(f"{shown} has no definition; write it in gates, or use Qiskit's own layer")
    return definition


def _synthesis(operation: Any) -> Any:
    """Return what Qiskit makes of an operation without a definition (a permutation, an annotated one), or None."""
    qiskit = require("qiskit", "circuits")
    circuit = qiskit.QuantumCircuit(operation.num_qubits)
    circuit.append(operation, range(operation.num_qubits))
    try:
        found = require("qiskit.transpiler.passes", "circuits").HighLevelSynthesis()(circuit)
    except qiskit.QiskitError:
        return None
    return None if any(part.operation.name == operation.name for part in found.data) else found


def _commutes(operation: Any) -> bool:
    info = require("qiskit.quantum_info", "circuits")
    given = operation.operator if isinstance(operation.operator, list) else [operation.operator]
    terms = [info.SparsePauliOp.from_sparse_observable(one) if hasattr(one, "bit_terms") else one for one in given]
    paulis = info.SparsePauliOp.sum([info.SparsePauliOp(one) for one in terms]).simplify().paulis
    return all(bool(paulis.commutes(one).all()) for one in paulis)


def _observables(circuit: Any, observables: Any) -> Observables:
    """Turn the measured operators into sums of Pauli words, qubit 0 first."""
    info = require("qiskit.quantum_info", "circuits")
    n_qubits = circuit.num_qubits
    if observables is None:
        virtual = getattr(circuit.layout, "_input_qubit_count", n_qubits)
        return collect([{"Z" * virtual + "I" * (n_qubits - virtual): 1.0}], scalar=False)
    if isinstance(observables, Mapping):  # EstimatorQNN would measure its keys, without the coefficients
        raise ValueError("observables is a dictionary; put it into a list: [{word: coefficient, ...}]")
    listed = list(observables) if isinstance(observables, (list, tuple)) else [observables]
    if not listed:
        raise refusal("observables is an empty list; give one operator at least, or None for Z on every qubit")
    columns = []
    for given in listed:
        try:
            if isinstance(given, str):
                operator = info.SparsePauliOp(given)
            elif isinstance(given, Mapping):
                operator = info.SparsePauliOp.from_list(list(given.items()))
            elif isinstance(given, info.SparseObservable):
                operator = info.SparsePauliOp.from_sparse_observable(given)
            elif isinstance(given, (info.SparsePauliOp, info.Pauli)):
                operator = info.SparsePauliOp(given)
            elif type(given) in (info.Operator, ndarray):
                operator = info.SparsePauliOp.from_operator(info.Operator(given))
            else:
                raise TypeError(f"it is a {type(given).__name__}")
        except Exception as error:  # whatever Qiskit's classes raise on what they cannot read
            raise ValueError(
                f"the observable {given!r} cannot be read ({error}); allowed are SparsePauliOp, SparseObservable, Pauli and "
                "Operator of qiskit.quantum_info, and Pauli words"
            ) from error
        if operator.num_qubits != n_qubits:
            raise ValueError(
                f"the observable {given!r} is on {operator.num_qubits} qubits, the circuit has {n_qubits}; give a letter a qubit"
            )
        column: dict[str, float] = {}
        for word, coefficient in operator.to_list():
            try:
                value = complex(coefficient)
            except TypeError as error:
                raise UnsupportedCircuitError(
                    f"a coefficient of an observable is the parameter {coefficient}; bind it, or measure the Pauli words and "
                    "combine them after the layer"
                ) from error
            if abs(value.imag) > 1e-10 * max(1.0, abs(value)):
                raise ValueError(f"the observable {given!r} is not Hermitian: the coefficient of {word} is {value}, not real")
            column[word[::-1]] = column.get(word[::-1], 0.0) + value.real
        columns.append(column)
    return collect(columns, scalar=False)

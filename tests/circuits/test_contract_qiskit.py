"""What `QuantumLayer.from_qiskit` accepts of Qiskit is what EstimatorQNN and SamplerQNN compute; the rest is refused by name."""

import copy
import pickle

import numpy as np
import pytest
import qiskit.circuit.library as library
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QiskitError, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Gate, Parameter, ParameterVector, Qubit
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp, Statevector, random_unitary
from qiskit.transpiler import CouplingMap
from qiskit_machine_learning import QiskitMachineLearningError
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN

from qhelpers.circuits import QuantumLayer
from qhelpers.circuits.tracing import UnsupportedCircuitError

# --- circuits, registers, layouts, observables, types and shapes drawn at random ------------------------------------------

#: In the order of names w[10] comes before w[2], and "b" before "x[0]".
X, W, OTHER = ParameterVector("x", 12), ParameterVector("w", 12), [Parameter(name) for name in ("b", "pi", "a*x", "θ", "x")]
PARAMETERS = [*X, *W, *OTHER]
FORMULAS = [
    lambda p, q: p,
    lambda p, q: p,
    lambda p, q: 2.5 * p - q / 3 + 0.1,
    lambda p, q: p * q,
    lambda p, q: (np.pi - p) * (np.pi - q),
    lambda p, q: p.sin() * (q / 3).exp(),
    lambda p, q: p**2 - q**3,
    lambda p, q: p - p + q,
    lambda p, q: (1 + p**2) ** 0.5 + 1 / (2 + q.cos()),
    lambda p, q: p.abs() - q.sign() * p.arctan() + (p / 9).arccos(),
    lambda p, q: (q**2 + 1).log() + (p / 9).tan() + p.conjugate(),
    lambda p, q: 0.7,
    lambda p, q: np.float32(-2),
    lambda p, q: 3,
]
STANDARD = {name: gate for name, gate in get_standard_gate_name_mapping().items() if isinstance(gate, Gate) and gate.num_qubits}
FIXED = [
    lambda: library.UnitaryGate(random_unitary(4, seed=3)),
    lambda: library.UnitaryGate(random_unitary(2, seed=4)).control(1, ctrl_state=0),
    lambda: library.StatePreparation([0.6, 0.8j]),
    lambda: library.PermutationGate([1, 0]),
    lambda: library.PauliGate("XY"),
    lambda: library.QFTGate(2),
    lambda: library.DiagonalGate([1, 1j, -1, 1]),
]


@st.composite
def angles(draw):
    p, q = draw(st.sampled_from(PARAMETERS)), draw(st.sampled_from(PARAMETERS))
    return draw(st.sampled_from(FORMULAS))(p, q)


@st.composite
def gates(draw):
    """A gate of Qiskit's library, or one made of it."""
    kind = draw(st.sampled_from(["standard"] * 6 + ["fixed", "evolution"]))
    if kind == "fixed":
        return draw(st.sampled_from(FIXED))()
    if kind == "evolution":
        operator = draw(st.sampled_from([Pauli("XY"), SparsePauliOp(["ZZ", "XX"], [0.3, 0.7]), SparsePauliOp(["ZI", "XX"])]))
        return library.PauliEvolutionGate(operator, draw(angles()))
    gate = STANDARD[draw(st.sampled_from(sorted(STANDARD)))]
    return gate.base_class(*[draw(angles()) for _ in gate.params])


@st.composite
def wrapped(draw):
    try:
        return wrap(draw, draw(gates()))
    except QiskitError:  # Qiskit's own faults
        assume(False)


def wrap(draw, gate):
    """A gate of this gate."""
    how = draw(st.sampled_from(["as it is"] * 3 + ["inverse", "control", "annotated", "power", "repeat", "instruction", "phase"]))
    if how == "inverse":
        return gate.inverse(annotated=draw(st.booleans()))
    if how in ("control", "annotated") and gate.num_qubits < 3:
        return gate.control(1, ctrl_state=draw(st.integers(0, 1)), annotated=how == "annotated")
    if how == "power" and not any(getattr(one, "parameters", None) for one in gate.params):
        return gate.power(draw(st.sampled_from([2, 0.5, -1])))
    if how == "repeat":
        return gate.repeat(2)
    if how in ("instruction", "phase"):
        inner = QuantumCircuit(gate.num_qubits)
        inner.append(gate, range(gate.num_qubits)[::-1])
        if how == "instruction":
            inner.barrier()
            return inner.to_instruction()
        inner.global_phase = draw(angles())
        inner.rx(draw(angles()), 0)
        return inner.to_gate().control(1) if gate.num_qubits < 3 and draw(st.booleans()) else inner.to_gate()
    return gate


@st.composite
def circuits(draw):
    """Up to ten instructions on two to four qubits in one register, several, or none."""
    circuit = QuantumCircuit(*draw(st.sampled_from(
        [[QuantumRegister(3, "q")], [QuantumRegister(1, "b"), QuantumRegister(2, "a")], [[Qubit(), Qubit()], QuantumRegister(2)]]
    )))  # fmt: skip
    n = circuit.num_qubits
    for _ in range(draw(st.integers(1, 10))):
        places = draw(st.permutations(range(n)))
        kind = draw(st.sampled_from(["gate"] * 60 + ["barrier"] * 4 + ["delay"] * 2 + ["phase"] * 4 + ["barrier", "delay", "phase", "reset", "measure", "if", "for", "box", "initialize"]))
        if kind == "gate":
            gate = draw(wrapped())
            if gate.num_qubits <= n:
                circuit.append(gate, places[: gate.num_qubits])
        elif kind == "barrier":
            circuit.barrier(*places[: draw(st.integers(1, n))])
        elif kind == "delay":
            circuit.delay(10, places[0])
        elif kind == "phase":
            circuit.global_phase = draw(angles())
        elif kind == "reset":
            circuit.reset(places[0])
        elif kind == "initialize":
            circuit.initialize([0.6, 0.8], places[0])
        elif kind == "for":
            with circuit.for_loop(range(2)):
                circuit.x(places[0])
        elif kind == "box":
            with circuit.box():
                circuit.rx(draw(angles()), places[0])
        else:
            circuit.add_register(ClassicalRegister(1))
            circuit.measure(places[0], circuit.num_clbits - 1)
            if kind == "if":
                with circuit.if_test((circuit.clbits[-1], 1)):
                    circuit.x(places[1])
    return circuit


def transpiled(circuit, level):
    """The circuit on the qubits of a device, or as it is (None)."""
    if level is None:
        return circuit
    wide = CouplingMap.from_line(circuit.num_qubits + 1)
    layout = list(range(1, circuit.num_qubits + 1))[::-1] if level < 2 else None
    basis = ["rz", "sx", "x", "cx"]
    try:
        return transpile(circuit, None, basis, coupling_map=wide, initial_layout=layout, optimization_level=level, seed_transpiler=7)
    except QiskitError:  # Qiskit's own faults
        assume(False)


@st.composite
def observables(draw, n):
    """Operators on n qubits."""
    word = st.text("IXYZ", min_size=n, max_size=n)
    one = st.one_of(
        st.builds(Pauli, word),
        st.builds(lambda w: Pauli("-" + w), word),
        st.builds(lambda w: Pauli("i" + w), word),
        st.builds(lambda a, b: SparsePauliOp([a, b, a], [0.5, -2, 1.25]), word, word),
        st.builds(lambda a, b: SparsePauliOp([a, b], [0.5 + 0j, 1e-13j]), word, word),
        st.builds(lambda a: SparsePauliOp(a, 1 + 0.5j), word),
        st.builds(lambda a: Operator(SparsePauliOp([a, "Z" * n], [0.5, -2])), word),
        st.builds(lambda a, b: SparseObservable.from_list([(a, 0.5), (b, -1)]), word, word),
    )
    return draw(st.one_of(st.none(), one, st.lists(one, min_size=1, max_size=3), st.lists(word, min_size=1, max_size=2)))


def reference(circuit, inputs, weights, measure, x, w):
    """What `measure` makes of the state at each row of x."""
    found = []
    for row in x:
        values = dict(zip([*inputs, *weights], [*row, *w], strict=True))
        found.append(measure(Statevector(circuit.assign_parameters(values))))
    return np.array(found)


def expectations(observables, n, virtual):
    if observables is None:
        observables = [SparsePauliOp("I" * (n - virtual) + "Z" * virtual)]
    listed = observables if isinstance(observables, list) else [observables]
    listed = [SparsePauliOp(one) if isinstance(one, str) else one for one in listed]
    listed = [SparsePauliOp.from_sparse_observable(one) if isinstance(one, SparseObservable) else one for one in listed]
    return lambda state: [state.expectation_value(one).real for one in listed]


def compare(layer, expected, x, shape, dtype):
    """Hold values, shapes and, along one direction, gradients against a function (x, w) → values of every row."""
    inputs = torch.as_tensor(x, dtype=dtype).reshape(*shape, x.shape[1]).requires_grad_()
    w = layer.weight.detach().double().numpy()
    rows = inputs.detach().double().numpy().reshape(x.shape)
    values = layer(inputs)
    wanted = expected(rows, w)
    assert values.dtype == dtype and values.shape == (*shape, *wanted.shape[1:])
    near = {"atol": 1e-7, "rtol": 1e-6} if dtype == torch.float64 else {"atol": 1e-4, "rtol": 1e-4}
    np.testing.assert_allclose(values.detach().numpy().reshape(wanted.shape), wanted, **near)
    random = np.random.default_rng(5)
    loss, dx, dw = random.normal(size=wanted.shape), random.normal(size=x.shape), random.normal(size=w.shape)
    (values * torch.as_tensor(loss).reshape(values.shape)).sum().backward()
    rates = [torch.zeros(0) if one.grad is None else one.grad for one in (inputs, layer.weight)]  # None: no effect at all
    slope = sum(float(one.reshape(-1).double() @ torch.as_tensor(d).reshape(-1)[: one.numel()]) for one, d in zip(rates, (dx, dw), strict=True))
    eps = 1e-5
    difference = ((expected(rows + eps * dx, w + eps * dw) - expected(rows - eps * dx, w - eps * dw)) * loss).sum() / (2 * eps)
    np.testing.assert_allclose(slope, difference, atol=1e-5 if dtype == torch.float64 else 3e-3, rtol=1e-4)


def right_or_refused(draw):
    circuit = transpiled(draw(circuits()), draw(st.sampled_from([None, None, None, 0, 1, 2, 3])))
    used = draw(st.permutations(list(circuit.parameters)))
    split = draw(st.integers(0, len(used)))
    inputs, weights = used[:split], used[split:]
    shape, dtype = draw(st.sampled_from([(), (1,), (2,), (2, 1)])), draw(st.sampled_from([torch.float64, torch.float32]))
    kind = draw(st.sampled_from(["default", "given", "mapped"]))
    virtual = getattr(circuit.layout, "_input_qubit_count", circuit.num_qubits)
    measured = None if kind == "default" else draw(observables(virtual if kind == "mapped" else circuit.num_qubits))
    if kind == "mapped" and circuit.layout is not None and isinstance(measured, (Pauli, SparsePauliOp, SparseObservable)):
        measured = measured.apply_layout(circuit.layout)
    random = np.random.default_rng(draw(st.integers(0, 100)))
    x, w = random.uniform(-2, 2, (int(np.prod(shape)), len(inputs))), random.uniform(-2, 2, len(weights)).astype(np.float32)
    try:
        layer = QuantumLayer.from_qiskit(
            circuit, input_params=inputs, weight_params=weights, observables=measured, initial_weights=w
        )
    except UnsupportedCircuitError as error:
        return "refused: " + str(error)
    except ValueError as error:
        if "Hermitian" in str(error) or "qubits, the circuit has" in str(error):
            return "refused: " + str(error)
        raise
    import builtins; builtins.LAST = (circuit, inputs, weights, measured, x, w)
    measure = expectations(measured, circuit.num_qubits, virtual)
    compare(layer, lambda x, w: reference(circuit, inputs, weights, measure, x, w), x, shape, dtype)
    return "right"

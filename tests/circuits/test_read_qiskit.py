"""Every gate of Qiskit is read as what Qiskit computes, or is refused by its name; the contract is EstimatorQNN's."""

import dense
import numpy as np
import pytest
import qiskit.circuit
import qiskit.circuit.library as library
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate, Operation, Parameter, ParameterVector
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp, random_unitary
from qiskit.transpiler import CouplingMap
from qiskit_machine_learning.circuit.library import qnn_circuit
from qiskit_machine_learning.neural_networks import EstimatorQNN

from qhelpers.circuits.noise import _is_qiskit_gate, _qiskit_gates
from qhelpers.circuits.read_qiskit import read_qiskit
from qhelpers.circuits.tracing import Mark, UnsupportedCircuitError

RANDOM = np.random.default_rng(11)

# --- every gate ------------------------------------------------------------------------------------------------------


def unitary(n_qubits, seed):
    return random_unitary(2**n_qubits, seed=seed).data


CLBIT = qiskit.circuit.Clbit()
#: Instructions that need more than numbers of qubits and angles.
EXAMPLES = {
    "AndGate": lambda: library.AndGate(2, [1, -1]),
    "AnnotatedOperation": lambda: library.RXGate(0.3).control(2, annotated=True),
    "Barrier": lambda: library.Barrier(3),
    "BitFlipOracleGate": lambda: library.BitFlipOracleGate("(a & b) | ~c"),
    "BitwiseXorGate": lambda: library.BitwiseXorGate(3, 5),
    "BoxOp": lambda: qiskit.circuit.BoxOp(QuantumCircuit(1)),
    "BreakLoopOp": lambda: qiskit.circuit.BreakLoopOp(1, 0),
    "ContinueLoopOp": lambda: qiskit.circuit.ContinueLoopOp(1, 0),
    "ControlFlowOp": None,  # abstract
    "ControlledGate": lambda: library.UGate(0.1, 0.2, 0.3).control(2, ctrl_state=1),
    "Delay": lambda: qiskit.circuit.Delay(10),
    "DiagonalGate": lambda: library.DiagonalGate(np.exp(1j * np.arange(8))),
    "ExactReciprocalGate": lambda: library.ExactReciprocalGate(2, 0.3),
    "ForLoopOp": lambda: qiskit.circuit.ForLoopOp(range(2), None, QuantumCircuit(1)),
    "FullAdderGate": lambda: library.FullAdderGate(1),
    "Gate": lambda: Gate("mine", 2, []),
    "GraphStateGate": lambda: library.GraphStateGate([[0, 1, 1], [1, 0, 0], [1, 0, 0]]),
    "HalfAdderGate": lambda: library.HalfAdderGate(1),
    "HamiltonianGate": lambda: library.HamiltonianGate(np.array([[1, 0.5], [0.5, -1]]), 0.3),
    "IfElseOp": lambda: qiskit.circuit.IfElseOp((CLBIT, 1), QuantumCircuit(1)),
    "Initialize": lambda: library.Initialize([0.6, 0.8]),
    "InnerProductGate": lambda: library.InnerProductGate(2),
    "Instruction": lambda: qiskit.circuit.Instruction("mine", 2, 0, []),
    "IntegerComparatorGate": lambda: library.IntegerComparatorGate(2, 2),
    "Isometry": lambda: library.Isometry(unitary(2, 1)[:, :2], 0, 0),
    "LinearAmplitudeFunctionGate": lambda: library.LinearAmplitudeFunctionGate(2, 0.3, 0.1, (0, 1), (0, 1)),
    "LinearFunction": lambda: library.LinearFunction([[1, 1, 0], [0, 1, 0], [0, 1, 1]]),
    "LinearPauliRotationsGate": lambda: library.LinearPauliRotationsGate(2, 0.3, 0.1),
    "MCGupDiag": lambda: library.MCGupDiag(unitary(1, 2), 2, 0, 0),
    "MCMTGate": lambda: library.MCMTGate(library.RYGate(0.3), 2, 2, ctrl_state=1),
    "MCPhaseGate": lambda: library.MCPhaseGate(0.3, 3),
    "MCU1Gate": lambda: library.MCU1Gate(0.3, 3),
    "MCXGate": lambda: library.MCXGate(5),
    "MCXGrayCode": lambda: library.MCXGrayCode(5),
    "MCXRecursive": lambda: library.MCXRecursive(5),
    "MCXVChain": lambda: library.MCXVChain(4),
    "MSGate": lambda: library.MSGate(3, 0.3),
    "ModularAdderGate": lambda: library.ModularAdderGate(2),
    "MultiplierGate": lambda: library.MultiplierGate(1),
    "OrGate": lambda: library.OrGate(3, [1, 0, -1]),
    "Operation": None,  # abstract
    "PauliEvolutionGate": lambda: library.PauliEvolutionGate(SparsePauliOp(["ZZI", "XXI"], [0.3, 0.7]), 0.4),
    "PauliGate": lambda: library.PauliGate("XYZ"),
    "PauliProductMeasurement": lambda: library.PauliProductMeasurement(Pauli("XZ")),
    "PauliProductRotationGate": lambda: library.PauliProductRotationGate(Pauli("XYZ"), 0.3),
    "PermutationGate": lambda: library.PermutationGate([2, 0, 1]),
    "PhaseOracleGate": lambda: library.PhaseOracleGate("(a & b) | ~c"),
    "PiecewiseChebyshevGate": lambda: library.PiecewiseChebyshevGate(np.sin, 2, degree=2, breakpoints=[1, 3]),
    "PiecewiseLinearPauliRotationsGate": lambda: library.PiecewiseLinearPauliRotationsGate(2, [0, 2], [0.1, 0.3], [0.2, 0.4]),
    "PiecewisePolynomialPauliRotationsGate": lambda: library.PiecewisePolynomialPauliRotationsGate(
        2, [0, 2], [[0.1, 0.3], [0.2]]
    ),
    "PolynomialPauliRotationsGate": lambda: library.PolynomialPauliRotationsGate(2, [0.1, 0.2, 0.3]),
    "QFTGate": lambda: library.QFTGate(3),
    "QuadraticFormGate": lambda: library.QuadraticFormGate(2, [[1, 0], [0, 1]], [1, 0], 1),
    "RVGate": lambda: library.RVGate(0.1, 0.2, 0.3),
    "StatePreparation": lambda: library.StatePreparation([0.6, 0, 0, 0.8j]),
    "Store": lambda: qiskit.circuit.Store(*[qiskit.circuit.classical.expr.lift(CLBIT)] * 2),
    "SwitchCaseOp": lambda: qiskit.circuit.SwitchCaseOp(CLBIT, [(0, QuantumCircuit(1))]),
    "UCGate": lambda: library.UCGate([unitary(1, k) for k in range(4)]),
    "UCPauliRotGate": lambda: library.UCPauliRotGate([0.1, 0.2, 0.3, 0.4], "Y"),
    "UCRXGate": lambda: library.UCRXGate([0.1, 0.2, 0.3, 0.4]),
    "UCRYGate": lambda: library.UCRYGate([0.1, 0.2, 0.3, 0.4]),
    "UCRZGate": lambda: library.UCRZGate([0.1, 0.2, 0.3, 0.4]),
    "UniformSuperpositionGate": lambda: library.UniformSuperpositionGate(3, 2),
    "UnitaryGate": lambda: library.UnitaryGate(unitary(2, 3)),
    "WeightedSumGate": lambda: library.WeightedSumGate(2, [1, 2]),
    "WhileLoopOp": lambda: qiskit.circuit.WhileLoopOp((CLBIT, 1), QuantumCircuit(1)),
}


def kinds():
    """Every instruction class of Qiskit's library, of its mapping of standard gates, and of `qiskit.circuit`."""
    found = {gate.base_class for gate in get_standard_gate_name_mapping().values()}
    for module in (library, library.standard_gates, qiskit.circuit):
        found |= {kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Operation)}
    return sorted(found, key=lambda kind: kind.__name__)


def example(kind):
    """An instruction of this class: by its own table entry, else from as many angles as it takes."""
    if kind.__name__ in EXAMPLES:
        return EXAMPLES[kind.__name__] and EXAMPLES[kind.__name__]()
    for n_angles in range(5):
        try:
            return kind(*[0.3 + 0.4 * k for k in range(n_angles)])
        except TypeError:
            continue
    raise AssertionError(f"give {kind.__name__} an entry in EXAMPLES")


def of(instruction):
    """A circuit of nothing but this instruction."""
    circuit = QuantumCircuit(instruction.num_qubits, instruction.num_clbits)
    circuit.add_bits([CLBIT])
    circuit.append(instruction, range(instruction.num_qubits), range(instruction.num_clbits))
    return circuit


def read_or_refused(circuit, name, *parameters):
    """The circuit, or None where it is refused by this name; any other refusal fails."""
    try:
        return read_qiskit(circuit, *parameters, observables="I" * circuit.num_qubits)
    except UnsupportedCircuitError as error:
        if name in str(error):
            return None
        raise


#: What must never be refused: the standard gates and what circuits of papers are made of.
SUPPORTED = {
    "AnnotatedOperation", "ControlledGate", "DiagonalGate", "HamiltonianGate", "MCMTGate", "MCPhaseGate", "MCXGate", "MSGate",
    "PauliEvolutionGate", "PauliGate", "PermutationGate", "QFTGate", "RVGate", "StatePreparation", "UCGate", "UCRYGate",
    "UnitaryGate",
}  # fmt: skip
SUPPORTED |= {gate.base_class.__name__ for gate in get_standard_gate_name_mapping().values()} - {"Measure", "Reset"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_instruction_is_read_as_qiskits_matrix_or_refused_by_name(kind):
    instruction = example(kind)
    if instruction is None:
        assert kind in (Operation, qiskit.circuit.ControlFlowOp), "only what is abstract has no example"
        return
    assert isinstance(instruction, kind)
    circuit = of(instruction)
    read = read_or_refused(circuit, instruction.name)
    if read is None:
        assert kind.__name__ not in SUPPORTED, "it was supported once"
        return
    assert dense.distance(dense.unitary(read), Operator(circuit).data) < 1e-10


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_the_parameters_of_an_instruction_can_be_weights_or_it_is_refused_by_name(kind):
    instruction = example(kind)
    if instruction is None or not isinstance(instruction, Gate) or isinstance(instruction, library.StatePreparation):
        return
    values = [value for value in instruction.params if isinstance(value, (int, float))]
    if not values or len(values) != len(instruction.params):
        return
    weights = ParameterVector("w", len(values))
    variable = instruction.to_mutable()
    variable.params, variable.definition = list(weights), None
    read = read_or_refused(of(variable), instruction.name, None, weights)
    if read is not None:
        assert dense.distance(dense.unitary(read, [], values), Operator(of(instruction)).data) < 1e-10


def test_a_gate_of_ones_own_is_not_mistaken_for_the_gate_of_its_name():
    for name in ("rx", "id", "barrier", "unitary", "h"):
        inner = QuantumCircuit(1, name=name)
        inner.ry(0.3, 0)
        circuit = of(inner.to_gate())
        assert dense.distance(dense.unitary(read_qiskit(circuit)), Operator(circuit).data) < 1e-12


def test_what_is_inside_another_gate_is_refused_with_both_names():
    inner = QuantumCircuit(1, name="inner")
    inner.append(Gate("secret", 1, []), [0])
    outer = QuantumCircuit(1, name="outer")
    outer.append(inner.to_gate(), [0])
    with pytest.raises(UnsupportedCircuitError, match=r"secret \(Gate\) inside inner inside outer"):
        read_qiskit(of(outer.to_gate()))


def test_an_evolution_that_qiskit_would_only_approximate_is_refused():
    gate = library.PauliEvolutionGate(SparsePauliOp(["ZZ", "XI"]), Parameter("t"))
    circuit = of(gate)
    with pytest.raises(UnsupportedCircuitError, match=r'PauliEvolution.*circuit.decompose\("PauliEvolution"\)'):
        read_qiskit(circuit, None, circuit.parameters)
    formula = circuit.decompose("PauliEvolution")
    read = read_qiskit(formula, None, formula.parameters)
    assert dense.distance(dense.unitary(read, [], [0.4]), Operator(formula.assign_parameters([0.4])).data) < 1e-12


# --- circuits of inputs and weights ----------------------------------------------------------------------------------

X, W = ParameterVector("x", 2), ParameterVector("w", 3)
EXPRESSIONS = [
    X[0],
    2.5 * X[1] - 0.3,
    W[0],
    W[1] + X[0] * 3 - W[2] / 2,
    (np.pi - X[0]) * (np.pi - X[1]),
    (X[0].sin() * (W[0] / 3).exp()),
    W[1] ** 2,
    (1 + X[0] ** 2) ** 0.5,
    1 / (2 + W[0].cos()),
    2.0 - X[1],
    (X[1] / 9).arcsin() + (W[2] / 9).arccos() + W[0].arctan() + (X[0] / 9).tan(),
    (W[1] ** 2 + 1).log() - X[0].abs() + X[1].sign(),
    W[2].conjugate(),
    0.7,
    0,
]
STANDARD = {name: gate for name, gate in get_standard_gate_name_mapping().items() if isinstance(gate, Gate) and gate.num_qubits}


@st.composite
def circuits(draw):
    """Up to twelve standard gates on four qubits, some controlled, inverted, or wrapped in a circuit of their own."""
    circuit = QuantumCircuit(4)
    for _ in range(draw(st.integers(1, 12))):
        gate = STANDARD[draw(st.sampled_from(sorted(STANDARD)))]
        angles = [draw(st.sampled_from(EXPRESSIONS)) for _ in gate.params]
        gate = gate.base_class(*angles)
        wrapper = draw(st.sampled_from(["none", "none", "inverse", "control", "annotated", "circuit"]))
        if wrapper == "inverse":
            gate = gate.inverse()
        elif wrapper in ("control", "annotated") and gate.num_qubits < 3:
            gate = gate.control(1, ctrl_state=draw(st.integers(0, 1)), annotated=wrapper == "annotated")
        elif wrapper == "circuit":
            inner = QuantumCircuit(gate.num_qubits)
            inner.append(gate, range(gate.num_qubits)[::-1])
            gate = inner.to_gate()
        circuit.append(gate, draw(st.permutations(range(4)))[: gate.num_qubits])
    return circuit


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(circuits(), st.integers(0, 1000))
def test_a_random_circuit_is_qiskits(circuit, seed):
    random = np.random.default_rng(seed)
    values = dict(zip([*X, *W], random.normal(size=5), strict=True))
    inputs, weights = [p for p in X if p in circuit.parameters], [p for p in W if p in circuit.parameters]
    read = read_qiskit(circuit, inputs, weights)
    found = dense.unitary(read, [values[p] for p in inputs], [values[p] for p in weights])
    expected = Operator(circuit.assign_parameters({p: values[p] for p in circuit.parameters})).data
    assert dense.distance(found, expected) < 1e-10


def estimator(circuit, inputs, weights, observables, x, w):
    qnn = EstimatorQNN(
        circuit=circuit, input_params=inputs, weight_params=weights, observables=observables, default_precision=0.0
    )
    return qnn.forward(x, w).reshape(-1)


def zz_and_real_amplitudes():
    features, ansatz = library.zz_feature_map(3, reps=2), library.real_amplitudes(3, reps=1)
    return features.compose(ansatz), features.parameters, ansatz.parameters


def reuploading():
    x, w = ParameterVector("x", 2), ParameterVector("w", 6)
    circuit = QuantumCircuit(2)
    for layer in range(2):
        for qubit in range(2):
            circuit.ry(w[3 * layer] * x[qubit] + w[3 * layer + 1], qubit)
        circuit.barrier()
        circuit.crx(w[3 * layer + 2], 0, 1)
        circuit.rz(w[0] / 2, 1)
    return circuit, x, list(w)[::-1]


def without_inputs():
    ansatz = library.efficient_su2(3, reps=1)
    return ansatz, None, ansatz.parameters


def without_weights():
    features = library.z_feature_map(3)
    return features, features.parameters, None


MODELS = {
    "qnn_circuit": lambda: qnn_circuit(feature_map=library.z_feature_map(3), ansatz=library.real_amplitudes(3)),
    "zz": zz_and_real_amplitudes,
    "re-uploading, shared parameters": reuploading,
    "without inputs": without_inputs,
    "without weights": without_weights,
}
OBSERVABLES = {
    "default": lambda n: None,
    "one": lambda n: SparsePauliOp("Z" + "I" * (n - 1)),
    "list": lambda n: [SparsePauliOp("I" * (n - 1) + "Z"), SparsePauliOp(["XY" + "I" * (n - 2), "Z" * n], [0.3, -1.5])],
    "words": lambda n: ["X" + "Z" * (n - 1), "I" * n],
    "pauli": lambda n: [Pauli("Y" + "X" * (n - 1)), Pauli("-" + "Z" * n)],
    "repeated words": lambda n: [SparsePauliOp(["Z" * n, "Z" * n], [0.5, 0.25])],
    "sparse": lambda n: [SparseObservable("X" + "I" * (n - 1)), SparseObservable("Z" * n)],
}


@pytest.mark.parametrize("observables", OBSERVABLES)
@pytest.mark.parametrize("model", MODELS)
def test_the_outputs_are_those_of_estimator_qnn(model, observables):
    circuit, inputs, weights = MODELS[model]()
    measured = OBSERVABLES[observables](circuit.num_qubits)
    x, w = RANDOM.normal(size=len(inputs or [])), RANDOM.normal(size=len(weights or []))
    read = read_qiskit(circuit, inputs, weights, measured)
    expected = estimator(circuit, inputs, weights, measured, x if inputs else None, w if weights else None)
    np.testing.assert_allclose(dense.outputs(read, x, w), expected, atol=1e-10)
    assert read.little_endian and not read.observables.scalar


def test_a_dense_operator_is_an_observable():
    circuit, inputs, weights = reuploading()
    matrix = RANDOM.normal(size=(4, 4))
    matrix = matrix + matrix.T
    x, w = RANDOM.normal(size=2), RANDOM.normal(size=6)
    state = Operator(circuit.assign_parameters({**dict(zip(inputs, x, strict=True)), **dict(zip(weights, w, strict=True))})).data[
        :, 0
    ]
    read = read_qiskit(circuit, inputs, weights, Operator(matrix))
    np.testing.assert_allclose(dense.outputs(read, x, w), [np.vdot(state, matrix @ state).real], atol=1e-10)


def test_projectors_in_a_sparse_observable_are_sums_of_words():
    # No comparison with EstimatorQNN: it takes the + of "+I" for a sign.
    read = read_qiskit(QuantumCircuit(2), observables=SparseObservable("+1"))
    found = dict(zip(read.observables.words, read.observables.matrix[:, 0], strict=True))
    assert found == pytest.approx({"II": 0.25, "IX": 0.25, "ZI": -0.25, "ZX": -0.25})


def test_the_letters_stand_in_our_order():
    circuit = QuantumCircuit(3)
    circuit.rx(Parameter("a"), 2)
    read = read_qiskit(circuit, circuit.parameters, None, SparsePauliOp("XYZ"))
    assert read.observables.words == ("ZYX",)
    assert [event.wires for event in read.events] == [(2,), (2,)]


def test_a_transpiled_circuit_has_estimator_qnns_default_observable():
    circuit, inputs, weights = reuploading()
    wide = transpile(circuit, coupling_map=CouplingMap.from_line(3), initial_layout=[1, 2], basis_gates=["rz", "sx", "cx"])
    x, w = RANDOM.normal(size=2), RANDOM.normal(size=6)
    expected = estimator(wide, inputs, weights, None, x, w)
    np.testing.assert_allclose(dense.outputs(read_qiskit(wide, inputs, weights), x, w), expected, atol=1e-8)


def test_gradients_flow_through_every_function():
    circuit = QuantumCircuit(1)
    for expression in EXPRESSIONS:
        circuit.rz(expression, 0)
    read = read_qiskit(circuit, X, W)
    x, w = torch.tensor([0.3, -0.4], dtype=torch.float64), torch.tensor([0.5, 0.6, -0.7], dtype=torch.float64)
    assert torch.autograd.gradcheck(read.angles.general, (x.requires_grad_(), w.requires_grad_()))
    affine = [k for k in range(len(EXPRESSIONS)) if k not in read.angles.general_places]
    assert affine == [0, 1, 2, 3, 9, 12, 13, 14]
    reads = [read.angles.reads[k] for k in (4, 5)]
    assert reads == [(frozenset({0, 1}), frozenset()), (frozenset({0}), frozenset({0}))]


def test_marks_are_where_noise_strikes():
    circuit, *_ = reuploading()
    circuit.id(0)
    circuit.delay(5, 1)
    circuit.append(library.CUGate(0.1, 0.2, 0.3, 0.4), [1, 0])
    circuit.append(library.QFTGate(2), [0, 1])
    circuit.unitary(unitary(2, 5), [0, 1])
    read = read_qiskit(*marked(circuit))
    found = [(event.kind, event.wires) for event in read.events if isinstance(event, Mark)]
    expected = []
    for operation, qubits, _ in _qiskit_gates(circuit, circuit.qubits, circuit.clbits):
        wires = tuple(circuit.find_bit(qubit).index for qubit in qubits)
        if operation.name == "barrier":
            expected.append(("layer", wires))
        elif _is_qiskit_gate(operation):
            expected.append(("gate", wires))
    assert found == expected


def marked(circuit):
    return circuit, [p for p in circuit.parameters if p.name[0] == "x"], [p for p in circuit.parameters if p.name[0] == "w"]


# --- what is refused -------------------------------------------------------------------------------------------------


def two():
    circuit = QuantumCircuit(2)
    a, b = Parameter("a"), Parameter("b")
    circuit.rx(a, 0)
    circuit.ry(b, 1)
    return circuit, a, b


def test_parameter_lists_have_to_fit_the_circuit():
    circuit, a, b = two()
    other = Parameter("other")
    with pytest.raises(ValueError, match=r"neither list: b.*input_params or weight_params"):
        read_qiskit(circuit, [a], None)
    with pytest.raises(ValueError, match="neither list: a, b"):
        read_qiskit(circuit)
    with pytest.raises(ValueError, match="given twice: a"):
        read_qiskit(circuit, [a], [a, b])
    with pytest.raises(ValueError, match="given twice: b"):
        read_qiskit(circuit, [a], [b, b])
    with pytest.raises(ValueError, match=r"not parameters of the circuit: other; it has a, b"):
        read_qiskit(circuit, [a, other], [b])
    with pytest.raises(ValueError, match="not parameters of the circuit: 'a'"):
        read_qiskit(circuit, ["a", a], [b])
    with pytest.raises(TypeError, match=r"str.*QuantumCircuit"):
        read_qiskit("circuit")


@pytest.mark.parametrize(
    ("observables", "error", "message"),
    [
        ("Z", ValueError, r"on 1 qubits, the circuit has 2"),
        (SparsePauliOp("ZZZ"), ValueError, "on 3 qubits, the circuit has 2"),
        ([], ValueError, "empty list"),
        ("ZQ", ValueError, "cannot be read"),
        (3.5, ValueError, "cannot be read"),
        (SparsePauliOp("ZZ", 1j), ValueError, "not Hermitian"),
        (Operator(np.triu(np.ones((4, 4)))), ValueError, "not Hermitian"),
        (SparsePauliOp(["ZZ"], np.array([Parameter("c")])), UnsupportedCircuitError, r"coefficient.*parameter c"),
    ],
)
def test_a_bad_observable_is_refused(observables, error, message):
    circuit, a, b = two()
    with pytest.raises(error, match=message):
        read_qiskit(circuit, [a], [b], observables)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda circuit: circuit.measure_all(), r"measure .*remove_final_measurements"),
        (lambda circuit: circuit.reset(0), "reset .*unitary"),
        (lambda circuit: circuit.initialize([0.6, 0.8], 0), "initialize .*StatePreparation"),
        (lambda circuit: circuit.append(Gate("opaque", 1, []), [0]), "opaque .*no definition"),
        (lambda circuit: circuit.append(library.HamiltonianGate(np.eye(2), Parameter("a")), [0]), "hamiltonian"),
    ],
)
def test_an_operation_without_rotations_is_refused_with_advice(spoil, message):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    spoil(circuit)
    with pytest.raises(UnsupportedCircuitError, match=message):
        read_qiskit(circuit, circuit.parameters)


def test_control_flow_is_refused_by_name():
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(2)):
        circuit.x(0)
    with pytest.raises(UnsupportedCircuitError, match=r"for_loop .*control flow"):
        read_qiskit(circuit)

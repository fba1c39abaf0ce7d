"""Every operation of PennyLane is read as what PennyLane computes, or is refused by its name."""

import inspect
import warnings

import dense
import numpy as np
import pennylane as qml
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane.templates.core import CollectedSubroutine, Subroutine

from qhelpers.circuits import QuantumLayer
from qhelpers.circuits.engine import Engine
from qhelpers.circuits.noise import _is_pennylane_gate, _pennylane_gates
from qhelpers.circuits.read_pennylane import read_pennylane
from qhelpers.circuits.tracing import Mark, UnsupportedCircuitError

RANDOM = np.random.default_rng(8)


def orthonormal(size, real=False):
    """A random unitary (or orthogonal) matrix."""
    matrix = RANDOM.normal(size=(size, size)) + (0 if real else 1j) * RANDOM.normal(size=(size, size))
    return np.linalg.qr(matrix)[0]


def amplitudes(size):
    vector = RANDOM.normal(size=size) + 1j * RANDOM.normal(size=size)
    return vector / np.linalg.norm(vector)


def block(weights, wires):
    qml.RX(weights[0], wires=wires[0])
    qml.CNOT(wires=wires)


def first_order(time, theta, wires):
    qml.RX(time * theta, wires=wires[0])
    qml.RY(time * 0.3, wires=wires[0])


# --- every operation -------------------------------------------------------------------------------------------------

H1 = qml.dot([0.3, 0.7], [qml.X(0), qml.Z(0) @ qml.Z(1)])
HALF = [0.1, 0.2, 0.3, 0.4]
#: Operations that need more than angles and wires.
EXAMPLES = {
    "AQFT": lambda: qml.AQFT(order=1, wires=range(3)),
    "Adder": lambda: qml.Adder(3, x_wires=[0, 1, 2], mod=8),
    "Adjoint": lambda: qml.adjoint(qml.RX(0.3, 0) @ qml.CNOT([0, 1])),
    "AdjointOperation": lambda: qml.adjoint(qml.Rot(0.1, 0.2, 0.3, 0)),
    "AllSinglesDoubles": lambda: qml.AllSinglesDoubles(
        [0.2, 0.5, 0.7], range(4), np.array([1, 1, 0, 0]), singles=[[0, 2], [1, 3]], doubles=[[0, 1, 2, 3]]
    ),
    "AmplitudeAmplification": lambda: qml.AmplitudeAmplification(
        qml.Hadamard(0) @ qml.RY(0.4, 1), qml.FlipSign([1, 0], wires=[0, 1]), iters=2
    ),
    "AmplitudeEmbedding": lambda: qml.AmplitudeEmbedding(amplitudes(4), [0, 1]),
    "AngleEmbedding": lambda: qml.AngleEmbedding([0.1, 0.2], [0, 1], rotation="Y"),
    "ApproxTimeEvolution": lambda: qml.ApproxTimeEvolution(H1, 0.7, 2),
    "ArbitraryStatePreparation": lambda: qml.ArbitraryStatePreparation(np.linspace(0.1, 1, 6), [0, 1]),
    "ArbitraryUnitary": lambda: qml.ArbitraryUnitary(np.linspace(0.1, 1, 15), [0, 1]),
    "BBQRAM": lambda: qml.BBQRAM([[0], [1]], control_wires=[0], target_wires=[1], work_wires=[2, 3, 4, 5]),
    "BasicEntanglerLayers": lambda: qml.BasicEntanglerLayers([[0.1, 0.2, 0.3]], range(3)),
    "BasisEmbedding": lambda: qml.BasisEmbedding([1, 0, 1], range(3)),
    "BasisRotation": lambda: qml.BasisRotation(range(3), orthonormal(3)),
    "BasisState": lambda: qml.BasisState([1, 0, 1], range(3)),
    "BasisStateProjector": lambda: qml.Projector([1, 0], [0, 1]),
    "BlockEncode": lambda: qml.BlockEncode(np.array([[0.1, 0.2], [0.3, 0.4]]), wires=[0, 1]),
    "CVNeuralNetLayers": lambda: qml.CVNeuralNetLayers(
        *[RANDOM.normal(size=shape) for shape in qml.CVNeuralNetLayers.shape(1, 2)], wires=[0, 1]
    ),
    "ChangeOpBasis": lambda: qml.change_op_basis(qml.Hadamard(0), qml.RZ(0.3, 0), qml.Hadamard(0)),
    "CollectedSubroutine": lambda: CollectedSubroutine("mine", [qml.RX(0.3, 0), qml.CNOT([0, 1])]),
    "CommutingEvolution": lambda: qml.CommutingEvolution(qml.dot([0.3, 0.7], [qml.X(0) @ qml.X(1), qml.Z(0) @ qml.Z(1)]), 0.4),
    "Conditional": lambda: qml.ops.Conditional(qml.measure(0), qml.X(1)),
    "Controlled": lambda: qml.ctrl(qml.RX(0.3, 0) @ qml.Hadamard(1), control=2),
    "ControlledOp": lambda: qml.ctrl(qml.Rot(0.1, 0.2, 0.3, 0), control=[1, 2], control_values=[0, 1]),
    "ControlledQubitUnitary": lambda: qml.ControlledQubitUnitary(orthonormal(2), wires=[0, 1, 2], control_values=[1, 0]),
    "ControlledQutritUnitary": lambda: qml.ControlledQutritUnitary(orthonormal(3), control_wires=[0], wires=[1]),
    "ControlledSequence": lambda: qml.ControlledSequence(qml.RX(0.3, 2), control=[0, 1]),
    "CosineWindow": lambda: qml.CosineWindow([0, 1]),
    "DisplacementEmbedding": lambda: qml.DisplacementEmbedding([0.1, 0.2], [0, 1]),
    "Evolution": lambda: qml.evolve(qml.X(0) @ qml.Z(1), 0.4),
    "Exp": lambda: qml.exp(qml.Y(0) @ qml.Z(1), 0.4j),
    "FABLE": lambda: qml.FABLE(np.array([[0.1, 0.2], [0.3, 0.4]]), wires=range(3)),
    "FermionicDoubleExcitation": lambda: qml.FermionicDoubleExcitation(0.3, wires1=[0, 1], wires2=[2, 3]),
    "FermionicSingleExcitation": lambda: qml.FermionicSingleExcitation(0.3, wires=range(3)),
    "FlipSign": lambda: qml.FlipSign([1, 0, 1], wires=range(3)),
    "GQSP": lambda: qml.GQSP(qml.RZ(0.3, 1), RANDOM.normal(size=(3, 2)), control=0),
    "GateFabric": lambda: qml.GateFabric(np.ones((1, 1, 2)) * 0.3, range(4), init_state=[1, 1, 0, 0], include_pi=True),
    "Hermitian": lambda: qml.Hermitian(np.diag([1.0, 2.0]), 0),
    "HilbertSchmidt": lambda: qml.HilbertSchmidt(qml.RZ(0.3, 0), qml.Hadamard(1)),
    "HybridQRAM": lambda: qml.HybridQRAM(
        [[0], [1], [1], [0]], control_wires=[0, 1], target_wires=[2], work_wires=range(3, 8), k=1
    ),
    "IQP": lambda: qml.IQP([0.3, 0.4], 2, [[[0]], [[0, 1]]]),
    "IQPEmbedding": lambda: qml.IQPEmbedding([0.1, 0.2, 0.3], range(3), n_repeats=2),
    "IntegerComparator": lambda: qml.IntegerComparator(2, wires=range(4)),
    "Interferometer": lambda: qml.Interferometer(
        *[RANDOM.normal(size=shape) for shape in qml.Interferometer.shape(2)], wires=[0, 1]
    ),
    "LinearCombination": lambda: qml.Hamiltonian([0.3, 0.7], [qml.X(0), qml.Z(0)]),
    "LocalHilbertSchmidt": lambda: qml.LocalHilbertSchmidt(qml.CZ([0, 1]), qml.CNOT([2, 3])),
    "MERA": lambda: qml.MERA(range(4), 2, block, 2, RANDOM.normal(size=(5, 2))),
    "MPS": lambda: qml.MPS(range(4), 2, block, 2, RANDOM.normal(size=(3, 2))),
    "MPSPrep": lambda: qml.MPSPrep([np.array([[1.0, 0.0], [0.0, 1.0]]) / np.sqrt(2), np.eye(2)], wires=[1, 2], work_wires=[0]),
    "MultiplexerStatePreparation": lambda: qml.MultiplexerStatePreparation(amplitudes(4), [0, 1]),
    "ModExp": lambda: qml.ModExp(x_wires=[0], output_wires=[1, 2], base=3, work_wires=[3, 4]),
    "MottonenStatePreparation": lambda: qml.MottonenStatePreparation(amplitudes(4), [0, 1]),
    "MultiControlledX": lambda: qml.MultiControlledX(wires=range(5), control_values=[1, 0, 1, 0]),
    "MultiRZ": lambda: qml.MultiRZ(0.3, wires=range(3)),
    "Multiplier": lambda: qml.Multiplier(3, x_wires=[0, 1], mod=4, work_wires=[2, 3]),
    "OutAdder": lambda: qml.OutAdder(x_wires=[0, 1], y_wires=[2, 3], output_wires=[4, 5]),
    "OutMultiplier": lambda: qml.OutMultiplier(x_wires=[0], y_wires=[1, 2], output_wires=[3, 4]),
    "OutPoly": lambda: qml.OutPoly(lambda x, y: x + y, input_registers=[[0], [1]], output_wires=[2, 3]),
    "PCPhase": lambda: qml.PCPhase(0.3, dim=3, wires=[0, 1]),
    "ParticleConservingU1": lambda: qml.ParticleConservingU1(np.ones((1, 2, 2)) * 0.3, range(3), init_state=np.array([1, 0, 0])),
    "ParticleConservingU2": lambda: qml.ParticleConservingU2(np.ones((1, 5)) * 0.3, range(3), init_state=np.array([1, 0, 0])),
    "PauliError": lambda: qml.PauliError("XZ", 0.3, [0, 1]),
    "PauliMeasure": lambda: qml.pauli_measure("XY", [0, 1]).measurements[0],
    "PauliRot": lambda: qml.PauliRot(0.3, "XIYZ", range(4)),
    "Permute": lambda: qml.Permute([2, 0, 1], range(3)),
    "PhaseAdder": lambda: qml.PhaseAdder(3, x_wires=[0, 1, 2], mod=8),
    "Pow": lambda: qml.pow(qml.RX(0.3, 0) @ qml.CNOT([0, 1]), 2),
    "PowOperation": lambda: qml.pow(qml.Hadamard(0), 3),
    "PrepSelPrep": lambda: qml.PrepSelPrep(qml.dot([0.3, 0.7], [qml.X(1), qml.Z(1)]), control=[0]),
    "Prod": lambda: qml.prod(qml.RX(0.3, 0), qml.CNOT([0, 1]), qml.T(1)),
    "Projector": lambda: qml.Projector([1, 0], [0, 1]),
    "QAOAEmbedding": lambda: qml.QAOAEmbedding([0.1, 0.2], RANDOM.normal(size=(2, 3)), [0, 1]),
    "QDrift": lambda: qml.QDrift(H1, 0.4, n=3, seed=1),
    "QROM": lambda: qml.QROM([[0, 1], [1, 1]], control_wires=[0], target_wires=[1, 2], work_wires=None),
    "QROMStatePreparation": lambda: qml.QROMStatePreparation(np.array([0.6, 0.8]), wires=[0], precision_wires=[1, 2]),
    "QSVT": lambda: qml.QSVT(qml.BlockEncode(np.array([[0.1]]), wires=[0]), [qml.PCPhase(0.3, 1, wires=0)] * 2),
    "QuantumMonteCarlo": lambda: qml.QuantumMonteCarlo(HALF, lambda i: i / 4, range(3), range(3, 5)),
    "QuantumPhaseEstimation": lambda: qml.QuantumPhaseEstimation(qml.RZ(0.3, 2), estimation_wires=[0, 1]),
    "Qubitization": lambda: qml.Qubitization(qml.dot([0.3, 0.7], [qml.X(1), qml.Z(1)]), control=[0]),
    "QubitChannel": lambda: qml.QubitChannel([np.eye(2)], 0),
    "QubitUnitary": lambda: qml.QubitUnitary(orthonormal(8), range(3)),
    "DiagonalQubitUnitary": lambda: qml.DiagonalQubitUnitary(np.exp(1j * np.arange(8)), range(3)),
    "QutritBasisState": lambda: qml.QutritBasisState([2, 1], [0, 1]),
    "QutritBasisStatePreparation": lambda: qml.QutritBasisStatePreparation([2, 1], [0, 1]),
    "QutritChannel": lambda: qml.QutritChannel([np.eye(3)], 0),
    "QutritUnitary": lambda: qml.QutritUnitary(orthonormal(3), wires=0),
    "RandomLayers": lambda: qml.RandomLayers(RANDOM.normal(size=(2, 3)), range(3), seed=3),
    "Reflection": lambda: qml.Reflection(qml.prod(qml.RY(0.3, 0), qml.Hadamard(1)), 0.7),
    "SProd": lambda: qml.s_prod(1.0, qml.X(0)),
    "Select": lambda: qml.Select([qml.X(2), qml.RY(0.3, 2), qml.Z(3)], control=[0, 1]),
    "SelectOnlyQRAM": lambda: qml.SelectOnlyQRAM([[0], [1]], control_wires=[0], target_wires=[1]),
    "SelectPauliRot": lambda: qml.SelectPauliRot(HALF, control_wires=[0, 1], target_wire=2, rot_axis="X"),
    "SemiAdder": lambda: qml.SemiAdder(x_wires=[0, 1], y_wires=[2, 3], work_wires=[4]),
    "SimplifiedTwoDesign": lambda: qml.SimplifiedTwoDesign([0.1, 0.2, 0.3], RANDOM.normal(size=(1, 2, 2)), range(3)),
    "Snapshot": lambda: qml.Snapshot(),
    "SparseHamiltonian": lambda: qml.SparseHamiltonian(scipy.sparse.eye(2).tocsr(), 0),
    "SpecialUnitary": lambda: qml.SpecialUnitary(np.linspace(0.1, 1, 15), [0, 1]),
    "SqueezingEmbedding": lambda: qml.SqueezingEmbedding([0.1, 0.2], [0, 1]),
    "StatePrep": lambda: qml.StatePrep(amplitudes(8), range(3)),
    "StronglyEntanglingLayers": lambda: qml.StronglyEntanglingLayers(RANDOM.normal(size=(2, 3, 3)), range(3)),
    "SubroutineOp": lambda: Subroutine(block).operator([0.3], wires=[0, 1]),
    "Sum": lambda: qml.sum(qml.s_prod(0.6, qml.X(0)), qml.s_prod(0.8, qml.Z(0))),
    "SumOfSlatersPrep": lambda: qml.SumOfSlatersPrep(np.array([0.6, 0.8]), wires=[0, 1], indices=[0, 3]),
    "Superposition": lambda: qml.Superposition([0.6, 0.8], [[0, 1], [1, 1]], wires=[0, 1], work_wire=2),
    "SymbolicOp": lambda: qml.ops.op_math.SymbolicOp(qml.X(0)),
    "THermitian": lambda: qml.THermitian(np.eye(3), 0),
    "TritFlip": lambda: qml.TritFlip(0.1, 0.2, 0.3, 0),
    "TTN": lambda: qml.TTN(range(4), 2, block, 2, RANDOM.normal(size=(3, 2))),
    "TmpPauliRot": lambda: qml.ops.qubit.special_unitary.TmpPauliRot(0.3, "XY", [0, 1]),
    "TrotterProduct": lambda: qml.TrotterProduct(H1, 0.4, n=2, order=2),
    "TrotterizedQfunc": lambda: qml.TrotterizedQfunc(0.4, 0.7, qfunc=first_order, n=2, order=2, wires=[0, 1]),
    "TwoLocalSwapNetwork": lambda: qml.templates.TwoLocalSwapNetwork(
        range(3), acquaintances=lambda index, wires, param: qml.CRX(param, wires=index), weights=[0.1, 0.2, 0.3], fermionic=False
    ),
    "UCCSD": lambda: qml.UCCSD(
        [0.2, 0.5], range(4), s_wires=[[0, 1, 2]], d_wires=[[[0, 1], [2, 3]]], init_state=np.array([1, 1, 0, 0])
    ),
    "kUpCCGSD": lambda: qml.kUpCCGSD(np.full((1, 6), 0.3), range(4), k=1, delta_sz=0, init_state=np.array([1, 1, 0, 0])),
}


def kinds():
    """Every class of operators of PennyLane's `ops` and `templates` that is not abstract."""

    def below(kind):
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    rooms = ("pennylane.ops.", "pennylane.templates.")
    found = {one for one in below(qml.operation.Operator) if one.__module__.startswith(rooms) and not inspect.isabstract(one)}
    return sorted(found, key=lambda one: (one.__module__, one.__name__))


def example(kind):
    """An operation of this class: by its own table entry, or from its numbers of angles and wires."""
    if kind.__name__ in EXAMPLES:
        return EXAMPLES[kind.__name__]()
    n_wires = kind.num_wires if isinstance(kind.num_wires, int) else 3
    n_angles = kind.num_params if isinstance(getattr(kind, "num_params", None), int) else 0
    try:
        return kind(*[0.3 + 0.1 * k for k in range(n_angles)], wires=range(n_wires))
    except Exception as error:
        raise AssertionError(f"give {kind.__name__} an entry in EXAMPLES: {error}") from error


def wires_of(operation):
    return list(range(max(map(int, operation.wires), default=0) + 1))


def reference(operation):
    """PennyLane's matrix of an operation, of what it decomposes into where it has none itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = operation if operation.has_matrix else qml.tape.QuantumScript([operation])
        return qml.matrix(given, wire_order=wires_of(operation))


def only(operation):
    """A quantum function that applies this operation."""

    def circuit(inputs):
        qml.apply(operation)
        return qml.expval(qml.Z(0))

    return circuit


def read_or_refused(operation, circuit, shapes):
    """The circuit, or None where it is refused by the name of the operation; any other refusal fails."""
    try:
        return read_pennylane(circuit, 0, shapes)
    except UnsupportedCircuitError as error:
        if type(operation).__name__ in str(error) or operation.name in str(error):
            return None
        raise


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_operation_is_read_as_pennylanes_matrix_or_refused_by_name(kind):
    operation = example(kind)
    if not issubclass(kind, qml.operation.Operation):
        with qml.queuing.AnnotatedQueue() as queue:
            qml.apply(operation)
        if not qml.tape.QuantumScript.from_queue(queue).operations:
            return  # an observable: PennyLane itself leaves it out of a circuit
    circuit = read_or_refused(operation, only(operation), {})
    if circuit is None or kind.__name__ == "MidMeasure":  # deferred, it takes a qubit more: test_measurements_inside_are_deferred
        assert kind.__name__ not in SUPPORTED, "it was supported once"
        return
    assert dense.distance(dense.unitary(circuit), reference(operation)) < 1e-10
    struck = [tuple(gate.wires) for gate in _pennylane_gates(qml, operation) if _is_pennylane_gate(qml, gate)]
    marks = [event.wires for event in circuit.events if isinstance(event, Mark) and event.kind == "gate"]
    if isinstance(operation, qml.operation.Operation) and kind not in (qml.Barrier, qml.WireCut):
        assert [wires for wires in marks if wires] == struck, "noise strikes elsewhere"


#: What must never be refused: the gates and templates that papers are made of.
SUPPORTED = {
    "AngleEmbedding", "BasicEntanglerLayers", "IQPEmbedding", "QAOAEmbedding", "StronglyEntanglingLayers", "SimplifiedTwoDesign",
    "RandomLayers", "QFT", "QubitUnitary", "PauliRot", "MultiRZ", "CNOT", "CRot", "CH", "Rot", "U3", "ECR", "PSWAP", "Toffoli",
    "MultiControlledX", "Adjoint", "Controlled", "Pow", "Prod", "Evolution", "Exp", "DoubleExcitationPlus", "FermionicSWAP",
    "ApproxTimeEvolution", "TrotterProduct", "UCCSD", "BasisState", "MottonenStatePreparation", "ArbitraryUnitary", "MPS", "TTN",
    "DiagonalQubitUnitary", "SelectPauliRot", "GroverOperator", "AllSinglesDoubles", "GateFabric",
}  # fmt: skip


def test_most_of_pennylanes_qubit_operations_are_supported():
    known = {kind.__name__ for kind in kinds()}
    assert known >= SUPPORTED
    assert len(known) > 200


def weighted():
    """Classes whose operations have real parameters that can be weights."""
    for kind in kinds():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            operation = example(kind)
        module = kind.__module__
        if not isinstance(operation, qml.operation.Operation) or any(part in module for part in (".cv", ".qutrit", ".channel")):
            continue
        try:
            data = [np.asarray(value, dtype=np.float64) for value in operation.data if not np.iscomplexobj(value)]
        except (TypeError, ValueError):
            continue
        if data and len(data) == len(operation.data) and kind.__name__ != "StateVectorProjector":
            yield pytest.param(kind, id=kind.__name__)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", list(weighted()))
def test_the_parameters_of_an_operation_can_be_weights_or_it_is_refused_by_name(kind):
    operation = example(kind)
    data = [np.asarray(value, dtype=np.float64) for value in operation.data]
    names = [f"w{k}" for k in range(len(data))]

    def circuit(inputs, **weights):
        with qml.QueuingManager.stop_recording():
            try:
                bound = qml.ops.functions.bind_new_parameters(operation, [weights[name] for name in names])
            except (
                RuntimeError,
                qml.exceptions.QuantumFunctionError,
            ) as error:  # PennyLane's own
                raise UnsupportedCircuitError(f"PennyLane cannot make a {operation.name} of tensors: {error}") from error
        qml.apply(bound)
        return qml.expval(qml.Z(0))

    read = read_or_refused(operation, circuit, {name: value.shape for name, value in zip(names, data, strict=True)})
    if read is None:
        return
    flat = np.concatenate([value.ravel() for value in data])
    if read.amplitudes:  # what it does to any other state than |0…0⟩ is not asked
        (state,) = Engine(read).state(torch.zeros(1, 0).double(), torch.as_tensor(flat)).numpy()
        assert abs(np.vdot(state, reference(operation)[:, 0])) == pytest.approx(1, abs=1e-12)
        return
    assert dense.distance(dense.unitary(read, [], flat), reference(operation)) < 1e-10


# --- circuits of inputs and weights ----------------------------------------------------------------------------------

ANGLE_1 = ["RX", "RY", "RZ", "PhaseShift"]
ANGLE_2 = ["CRX", "CRY", "CRZ", "IsingXX", "IsingXY", "IsingYY", "IsingZZ", "ControlledPhaseShift", "SingleExcitation"]
PLAIN = {
    1: ["Hadamard", "S", "T", "SX", "PauliY"],
    2: ["CNOT", "CY", "CZ", "CH", "SWAP", "ISWAP", "ECR"],
    3: ["Toffoli", "CSWAP"],
}
#: Angles of two inputs x and three weights w, through functions that NumPy and torch have alike.
EXPRESSIONS = [
    lambda x, w, lib: x[0],
    lambda x, w, lib: 2.5 * x[1] - 0.3,
    lambda x, w, lib: w[0],
    lambda x, w, lib: w[1] + x[0] * 3 - w[2] / 2,
    lambda x, w, lib: (np.pi - x[0]) * (np.pi - x[1]),
    lambda x, w, lib: w[2] * x[1],
    lambda x, w, lib: lib.sin(x[0]) * lib.exp(w[0] / 3),
    lambda x, w, lib: w[1] ** 2,
    lambda x, w, lib: 0.7,
]


@st.composite
def programs(draw):
    """Up to twelve gates on three wires: (name, wires, numbers of their expressions, wrapper)."""
    gates = []
    for _ in range(draw(st.integers(1, 12))):
        wires = draw(st.permutations(range(3)))
        name = draw(st.sampled_from([*ANGLE_1, *ANGLE_2, "Rot", "PauliRot", "MultiRZ", *PLAIN[1], *PLAIN[2], *PLAIN[3]]))
        size = (
            1 if name in ANGLE_1 or name in PLAIN[1] or name == "Rot" else 3 if name in [*PLAIN[3], "PauliRot", "MultiRZ"] else 2
        )
        n_angles = 3 if name == "Rot" else 1 if name in [*ANGLE_1, *ANGLE_2, "PauliRot", "MultiRZ"] else 0
        expressions = [draw(st.integers(0, len(EXPRESSIONS) - 1)) for _ in range(n_angles)]
        wrapper = draw(st.sampled_from(["none", "none", "adjoint", "ctrl", "ctrl0"]))
        if size == 3 and wrapper.startswith("ctrl"):
            wrapper = "none"
        gates.append((name, wires, size, expressions, wrapper))
    return gates


def play(gates, x, w, lib):
    for name, wires, size, expressions, wrapper in gates:
        angles = [EXPRESSIONS[k](x, w, lib) for k in expressions]
        extra = ["XYZ"] if name == "PauliRot" else []
        with qml.QueuingManager.stop_recording():
            operation = getattr(qml, name)(*angles, *extra, wires=wires[:size])
            if wrapper == "adjoint":
                operation = qml.adjoint(operation)
            elif wrapper.startswith("ctrl"):
                operation = qml.ctrl(operation, wires[size], control_values=[wrapper == "ctrl"])
        qml.apply(operation)


@settings(max_examples=30, deadline=None)
@given(programs(), st.integers(0, 1000))
def test_a_random_circuit_is_pennylanes(gates, seed):
    random = np.random.default_rng(seed)
    x, w = random.normal(size=2), random.normal(size=3)

    def circuit(inputs, weights):
        play(gates, inputs, weights, torch)
        return qml.expval(qml.Z(0))

    def numbers():
        play(gates, x, w, np)

    read = read_pennylane(qml.QNode(circuit, qml.device("default.qubit", wires=3)), 2, {"weights": (3,)})
    assert dense.distance(dense.unitary(read, x, w), qml.matrix(numbers, wire_order=range(3))()) < 1e-10


def test_several_weight_tensors_templates_and_reuploading():
    shapes = {"scale": (2,), "layers": (2, 2, 3), "last": ()}

    def circuit(inputs, scale, layers, last):
        for layer in layers:
            qml.AngleEmbedding(scale * inputs, wires=range(2), rotation="Y")
            qml.StronglyEntanglingLayers(layer[None], wires=range(2))
        qml.RX(last, wires=1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    x, parts = RANDOM.normal(size=2), [RANDOM.normal(size=shape) for shape in shapes.values()]
    read = read_pennylane(circuit, 2, shapes)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=2))
    found = dense.outputs(read, x, np.concatenate([np.ravel(part) for part in parts]))
    np.testing.assert_allclose(found, node(x, *parts), atol=1e-10)
    assert not read.observables.scalar and not read.little_endian


@pytest.mark.parametrize("index", [lambda x: x[:, 0], lambda x: x[..., 0]])
def test_inputs_may_be_indexed_as_a_batch_or_a_sample(index):
    def circuit(inputs):
        qml.RX(index(inputs), wires=0)
        return qml.expval(qml.Z(0))

    read = read_pennylane(circuit, 2, {})
    assert read.observables.scalar
    np.testing.assert_allclose(dense.outputs(read, [0.4, 9.0]), [np.cos(0.4)], atol=1e-12)
    assert [inputs for inputs, _ in read.angles.reads] == [frozenset({0})]


def test_an_exponential_with_a_weight_is_a_rotation_only_if_it_is_unitary():
    def circuit(inputs, w, factor):
        qml.exp(qml.X(0) @ qml.Z(1), factor * w[0])
        return qml.expval(qml.Z(0))

    read = read_pennylane(lambda inputs, w: circuit(inputs, w, 1j), 0, {"w": (1,)})
    assert dense.distance(dense.unitary(read, [], [0.4]), qml.matrix(qml.exp(qml.X(0) @ qml.Z(1), 0.4j))) < 1e-12
    for factor in (1.0, 0.5 + 1j):
        with pytest.raises(UnsupportedCircuitError, match="Exp"):
            read_pennylane(lambda inputs, w, factor=factor: circuit(inputs, w, factor), 0, {"w": (1,)})


def test_an_operation_of_ones_own_is_not_mistaken_for_the_gate_of_its_name():
    class RX(qml.operation.Operation):
        num_wires, num_params = 1, 1

        @staticmethod
        def compute_decomposition(angle, wires):
            return [qml.RZ(2 * angle, wires=wires)]

    read = read_pennylane(only(RX(0.3, wires=0)), 0, {})
    assert dense.distance(dense.unitary(read), qml.matrix(qml.RZ(0.6, 0))) < 1e-12


def test_wires_have_the_order_of_the_device_or_of_their_names():
    def circuit(inputs):
        qml.RX(inputs[0], wires="b")
        return qml.expval(qml.Z("a") @ qml.Z("b"))

    def on(*wires):
        return qml.QNode(circuit, qml.device("default.qubit", wires=wires))

    assert read_pennylane(on("a", "c", "b"), 1, {}).observables.words == ("ZIZ",)
    assert read_pennylane(circuit, 1, {}).n_qubits == 2
    with pytest.raises(ValueError, match="wires"):
        read_pennylane(on("b"), 1, {})


def test_marks_are_where_noise_strikes():
    def circuit(inputs):
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.CRot(0.1, 0.2, 0.3, wires=[0, 1])
        qml.Identity(0)
        qml.Barrier(wires=range(2))
        qml.adjoint(qml.QFT)(wires=[1])
        return qml.expval(qml.Z(0))

    marks = [event for event in read_pennylane(circuit, 2, {}).events if isinstance(event, Mark)]
    assert [(mark.kind, mark.wires) for mark in marks] == [
        ("gate", (0,)), ("gate", (1,)), ("gate", (0, 1)), ("layer", (0, 1)), ("gate", (1,)),
    ]  # fmt: skip


# --- what is measured ------------------------------------------------------------------------------------------------

MEASUREMENTS = {
    "word": lambda: qml.expval(qml.X(0) @ qml.Y(2)),
    "identity": lambda: qml.expval(qml.Identity(1)),
    "sum": lambda: qml.expval(0.3 * qml.X(0) - 1.5 * (qml.Z(1) @ qml.Z(2)) + 2 * qml.Z(0) + qml.Z(0)),
    "hamiltonian": lambda: qml.expval(qml.Hamiltonian([0.3, -0.7], [qml.Y(1), qml.Z(0) @ qml.X(2)])),
    "product of sums": lambda: qml.expval((qml.X(0) + qml.Z(0)) @ (qml.Z(1) - qml.Y(1))),
    "hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, [2, 0])),
    "projector on a basis state": lambda: qml.expval(qml.Projector([1, 0], [2, 0])),
    "projector on a state": lambda: qml.expval(qml.Projector(np.array([0.6, 0.8j]), [1])),
    "hadamard": lambda: qml.expval(qml.Hadamard(1)),
    "sparse": lambda: qml.expval(qml.SparseHamiltonian(scipy.sparse.csr_matrix(HERMITIAN), [0, 1])),
    "all probabilities": lambda: qml.probs(),
    "probabilities of a subset": lambda: qml.probs(wires=[2, 0]),
    "probabilities in another order": lambda: qml.probs(wires=[1, 2, 0]),
    "list": lambda: [qml.expval(qml.Z(0)), qml.expval(qml.Z(2) @ qml.Z(1))],
    "tuple": lambda: (qml.expval(qml.Z(0)), qml.expval(qml.X(0))),
}
HERMITIAN = (lambda matrix: matrix + matrix.conj().T)(RANDOM.normal(size=(4, 4)) + 1j * RANDOM.normal(size=(4, 4)))


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_gives_what_pennylane_gives(name):
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(3))
        qml.StronglyEntanglingLayers(weights, wires=range(3))
        return MEASUREMENTS[name]()

    x, w = RANDOM.normal(size=3), RANDOM.normal(size=(2, 3, 3))
    read = read_pennylane(circuit, 3, {"weights": w.shape})
    expected = qml.QNode(circuit, qml.device("default.qubit", wires=3))(x, w)
    np.testing.assert_allclose(dense.outputs(read, x, w.ravel()), np.ravel(expected), atol=1e-10)
    assert read.observables.scalar == (np.ndim(expected) == 0)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "name"),
    [
        (lambda: qml.sample(qml.Z(0)), "Sample"),
        (lambda: qml.counts(), "Counts"),
        (lambda: None, "None"),
        (lambda: 3.0, "float"),
    ],
)
def test_another_measurement_is_refused_by_name(measure, name):
    def circuit(inputs):
        qml.RX(inputs[0], wires=0)
        return measure()

    with pytest.raises(UnsupportedCircuitError, match=name):
        read_pennylane(circuit, 1, {})


def bad(operation):
    def circuit(inputs, w):
        operation(inputs, w)
        return qml.expval(qml.Z(0))

    return circuit


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda x, w: qml.RX(x[0] if x[0] > 0.5 else 2 * x[0], wires=0), "depends on the values of its inputs, by an `if`"),
        (lambda x, w: [qml.X(0) for _ in range(int(10 * x[0]))], r"depends on the values of its inputs, by int\(\)"),
        (lambda x, w: qml.RX(float(w[0]), wires=0), r"depends on the values of its weights, by float\(\)"),
        (lambda x, w: qml.RX(x[0].item() * w[0], wires=0), r"depends on the values of its inputs, by \.item\(\)"),
        (lambda x, w: qml.RX(np.sin(w[0].detach().numpy()), wires=0), "values of its weights, by a detour through NumPy"),
        (lambda x, w: qml.RX(x, wires=0), "index the inputs"),
        (lambda x, w: qml.cond(qml.measure(0, postselect=1), qml.X)(1), "postselect"),
        (lambda x, w: qml.ctrl(qml.AmplitudeEmbedding, 1)(x, wires=[0], normalize=True), "AmplitudeEmbedding.*values"),
        (lambda x, w: qml.adjoint(qml.BasisState)(x, wires=[0, 1]), "BasisState.*values"),
        (lambda x, w: qml.BasisState(x[0].int(), wires=[0]), "one whole number"),
        (lambda x, w: qml.StatePrep([x[0], x[1]], wires=[0]), r"StatePrep of a list.*torch\.stack"),
        (lambda x, w: [qml.RX(0.1, wires=0), qml.StatePrep(x, wires=[0])], "StatePrep stands behind gates"),
        (lambda x, w: [qml.StatePrep(x, wires=[0]), qml.StatePrep(x, wires=[0])], "StatePrep stands behind gates"),
        (lambda x, w: qml.DepolarizingChannel(0.1, wires=0), "DepolarizingChannel.*NoiseModel"),
        (lambda x, w: qml.DepolarizingChannel(w[0], wires=0), "DepolarizingChannel.*NoiseModel"),
        (lambda x, w: qml.Displacement(0.1, 0.2, wires=0), "Displacement.*qubits only"),
        (lambda x, w: qml.THadamard(wires=0), "THadamard.*qubits only"),
        (lambda x, w: qml.exp(qml.X(0) + qml.Z(0), 1j * w[0]), "Exp"),
    ],
)
def test_a_circuit_that_the_engine_cannot_compute_is_refused_with_a_reason(operation, message):
    with pytest.raises(UnsupportedCircuitError, match=message):
        read_pennylane(bad(operation), 2, {"w": (2,)})


@pytest.mark.parametrize(
    "observable",
    [
        lambda w: w[0] * qml.Z(0),
        lambda w: qml.Hamiltonian([1.0, w[0]], [qml.X(0), qml.Z(0)]),
        lambda w: qml.Hamiltonian([1.0, float(np.asarray(w.detach())[0])], [qml.X(0), qml.Z(0)]),
        lambda w: qml.Hermitian(torch.diag(w), 0),
    ],
)
def test_a_coefficient_of_an_observable_cannot_be_a_weight(observable):
    def circuit(inputs, w):
        qml.RX(inputs[0], wires=0)
        return qml.expval(observable(w))

    with pytest.raises(UnsupportedCircuitError, match=r"coefficient of an observable|depends on the values"):
        read_pennylane(circuit, 1, {"w": (2,)})


def test_too_many_probabilities_are_refused():
    def circuit(inputs):
        qml.RX(inputs[0], wires=0)
        return qml.probs(wires=range(9))

    with pytest.raises(UnsupportedCircuitError, match="512 outputs"):
        read_pennylane(circuit, 1, {})


def test_an_observable_that_is_not_hermitian_is_refused():
    def circuit(inputs):
        return qml.expval(1j * qml.Z(0))

    with pytest.raises(UnsupportedCircuitError, match="not Hermitian"):
        read_pennylane(circuit, 0, {})


SHRINKING, SPLIT = np.diag([1.0, 0.5]), np.array([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5


@pytest.mark.parametrize(
    "operation",
    [
        lambda: qml.QubitUnitary(SHRINKING, 0),
        lambda: qml.QubitUnitary(torch.as_tensor(SHRINKING), 0),
        lambda: qml.QubitUnitary(np.kron(SPLIT, SHRINKING), [0, 1]),
        lambda: qml.QubitUnitary(np.kron(np.kron(SPLIT, SHRINKING), SPLIT), [0, 1, 2]),
        lambda: qml.ControlledQubitUnitary(SHRINKING, wires=[1, 0]),
        lambda: qml.ctrl(qml.QubitUnitary(SHRINKING, 0), 1),
        lambda: qml.adjoint(qml.QubitUnitary(SHRINKING, 0)),
        lambda: qml.Hermitian(SHRINKING, 0),
        lambda: qml.Projector([0], 0),
    ],
)
def test_what_is_no_gate_is_refused_by_its_name(operation):
    def circuit(inputs, w):
        qml.RX(inputs[..., 0], wires=0)
        operation()
        qml.RY(w[0], wires=1)
        return qml.expval(qml.Z(0))

    with pytest.raises(UnsupportedCircuitError, match="is not unitary, so it is no gate"):
        QuantumLayer(circuit, {"w": (1,)}, n_inputs=1)


@pytest.mark.parametrize(
    "operation",
    [
        lambda: qml.QubitUnitary(torch.as_tensor(SPLIT + 0j), 0),
        lambda: qml.DiagonalQubitUnitary(np.array([1, 1j]), 0),
        lambda: qml.BlockEncode(np.array([[0.3]]), wires=[0, 1]),
        lambda: qml.ctrl(qml.QubitUnitary(SPLIT, 0), 1),
    ],
)
def test_gates_that_are_given_by_a_matrix(operation):
    def circuit(inputs, w):
        qml.RX(inputs[..., 0], wires=0)
        qml.RY(w[0], wires=1)
        operation()
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(1))]

    start = {"w": torch.tensor([0.4])}
    node = qml.QNode(circuit, qml.device("default.qubit", wires=2), diff_method="backprop")
    x = torch.tensor([[0.3], [0.8]], dtype=torch.float64)
    theirs, ours = (kind(node, {"w": (1,)}, start)(x) for kind in (qml.qnn.TorchLayer, QuantumLayer))
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)

"""What `QuantumLayer.from_qiskit` accepts of Qiskit is what EstimatorQNN and SamplerQNN compute; the rest is refused by name."""

import copy
import pickle
import sys

import numpy as np
import pytest
import qiskit.circuit.library as library
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QiskitError, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Gate, Parameter, ParameterVector, Qubit
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp, Statevector, SuperOp, random_unitary
from qiskit.transpiler import CouplingMap
from qiskit_machine_learning import QiskitMachineLearningError
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.gradients import SPSAEstimatorGradient
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.primitives import QMLEstimator, QMLSampler

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
        kind = draw(
            st.sampled_from(
                ["gate"] * 60
                + ["barrier"] * 4
                + ["delay"] * 2
                + ["phase"] * 4
                + ["barrier", "delay", "phase", "reset", "measure", "if", "for", "box", "initialize"]
            )
        )
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
        return transpile(
            circuit, None, basis, coupling_map=wide, initial_layout=layout, optimization_level=level, seed_transpiler=7
        )
    except (QiskitError, TypeError):  # Qiskit's own faults
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
    found, circuit = [], circuit.copy()
    circuit.global_phase = 0  # is not measured, so it need not be bound
    for row in x:
        values = dict(zip([*inputs, *weights], [*row, *w], strict=True))
        found.append(measure(Statevector(circuit.assign_parameters(values, strict=False))))
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
    slope = sum(
        float(one.reshape(-1).double() @ torch.as_tensor(d).reshape(-1)[: one.numel()])
        for one, d in zip(rates, (dx, dw), strict=True)
    )
    eps = 1e-5
    difference = ((expected(rows + eps * dx, w + eps * dw) - expected(rows - eps * dx, w - eps * dw)) * loss).sum() / (2 * eps)
    np.testing.assert_allclose(slope, difference, atol=1e-5 if dtype == torch.float64 else 3e-3, rtol=1e-4)


INTERPRETATIONS = {
    "parity": (lambda outcome: outcome.bit_count() % 2, 2),
    "rest": (lambda outcome: np.int64(outcome % 3), np.int64(3)),
    "tuple": (lambda outcome: (outcome.bit_count() % 2, outcome % 3), (2, 3)),
    "array": (lambda outcome: np.array([outcome % 2]), (2,)),
}


def parity(outcome):
    return outcome.bit_count() % 2


@st.composite
def measured(draw, circuit):
    """The circuit with measurements of some qubits, in an order of their own; the measured qubits, the last bit first."""
    if circuit.layout is not None:
        return circuit, circuit.layout.final_index_layout(filter_ancillas=True)
    how = draw(st.sampled_from(["none", "all", "some", "two registers", "meas"]))
    if how == "none":
        return circuit, list(range(circuit.num_qubits))
    circuit = circuit.copy()
    if how == "all":
        circuit.measure_all()
        return circuit, list(range(circuit.num_qubits))
    qubits = draw(st.permutations(range(circuit.num_qubits)))[: draw(st.integers(1, circuit.num_qubits))]
    if how == "two registers" and len(qubits) > 1:
        registers = [ClassicalRegister(1, "z"), ClassicalRegister(len(qubits) - 1, "a")]
    else:
        registers = [ClassicalRegister(len(qubits), "meas" if how == "meas" else "c")]
    if how == "meas":  # what SamplerQNN looks at if it is there
        registers.insert(0, ClassicalRegister(1, "before"))
        circuit.add_register(*registers)
        circuit.measure(0, 0)
        circuit.measure(qubits, circuit.clbits[1:])
    else:
        circuit.add_register(*registers)
        circuit.measure(qubits, circuit.clbits)
    return circuit, qubits


def distribution(qubits, interpret, output_shape):
    """What SamplerQNN makes of a state by its documentation."""

    def measure(state):
        found = np.zeros(output_shape)
        for outcome, chance in enumerate(state.probabilities(qubits)):
            place = interpret(outcome)
            found[tuple(place) if np.ndim(place) else (place,)] += chance
        return found

    return measure


def right_or_refused(draw):
    circuit = transpiled(draw(circuits()), draw(st.sampled_from([None, None, None, 0, 1, 2, 3])))
    used = draw(st.permutations(list(circuit.parameters)))
    split = draw(st.integers(0, len(used)))
    inputs, weights = used[:split], used[split:]
    shape, dtype = draw(st.sampled_from([(), (1,), (2,), (2, 1)])), draw(st.sampled_from([torch.float64, torch.float32]))
    kind = draw(st.sampled_from(["default", "given", "mapped", "probabilities"]))
    virtual = getattr(circuit.layout, "_input_qubit_count", circuit.num_qubits)
    given, n = circuit, circuit.num_qubits
    if kind == "probabilities":
        assume(not circuit.num_clbits)
        given, qubits = draw(measured(circuit))
        interpret, output_shape = draw(st.sampled_from([(None, 2**virtual), *INTERPRETATIONS.values()]))
        options = {"interpret": interpret, "output_shape": output_shape}
        measure = distribution(qubits, interpret or int, output_shape)
    else:
        operators = None if kind == "default" else draw(observables(virtual if kind == "mapped" else n))
        if kind == "mapped" and circuit.layout is not None and isinstance(operators, (Pauli, SparsePauliOp, SparseObservable)):
            operators = operators.apply_layout(circuit.layout)
        options, measure = {"observables": operators}, expectations(operators, n, virtual)
    random = np.random.default_rng(draw(st.integers(0, 100)))
    x, w = random.uniform(-2, 2, (int(np.prod(shape)), len(inputs))), random.uniform(-2, 2, len(weights)).astype(np.float32)
    try:
        layer = QuantumLayer.from_qiskit(given, input_params=inputs, weight_params=weights, initial_weights=w, **options)
    except UnsupportedCircuitError as error:
        return "refused: " + str(error)
    except ValueError as error:
        if "Hermitian" in str(error) or "qubits, the circuit has" in str(error):
            return "refused: " + str(error)
        raise
    compare(layer, lambda x, w: reference(circuit, inputs, weights, measure, x, w), x, shape, dtype)
    return "right"


HUNT = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, **HUNT)
@given(st.data())
def test_right_or_refused(data):
    right_or_refused(data.draw)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, **HUNT)
@given(st.data())
def test_right_or_refused_at_length(data):
    right_or_refused(data.draw)


# --- against the connector itself -----------------------------------------------------------------------------------------


def small(n=3):
    """A circuit whose parameters are given in another order than by name, some used twice."""
    circuit, x, w = QuantumCircuit(n), ParameterVector("x", 2), ParameterVector("w", 3)
    circuit.ry(x[1] * w[1], 0)
    circuit.h(1)
    circuit.rx(x[0], 2)
    circuit.cx(0, 1)
    circuit.crz(w[0] + x[1], 1, 2)
    circuit.rxx(w[2], 0, 2)
    circuit.ry(w[0] / 2, 1)
    return circuit, [x[1], x[0]], [w[2], w[0], w[1]]


def measured_all():
    circuit, *parameters = small()
    circuit.measure_all()
    return circuit, *parameters


def measured_some():
    circuit, *parameters = small()
    circuit.add_register(ClassicalRegister(1, "spare"), ClassicalRegister(2, "meas"))
    circuit.measure([2, 0], circuit.clbits[1:])
    return circuit, *parameters


WEIGHTS = np.array([0.3, 0.7, -0.4])
SAMPLED = [
    {"interpret": None, "output_shape": 8},
    *({"interpret": one, "output_shape": two} for one, two in INTERPRETATIONS.values()),
]


def step(model, x):
    """Outputs, and the gradients of the weights and the inputs."""
    x = x.clone().requires_grad_()
    model.zero_grad()
    found = model(x)
    weight = torch.as_tensor(np.random.default_rng(3).normal(size=found.shape), dtype=torch.float32)
    (found * weight).sum().backward()
    return [found.detach(), model.weight.grad.clone(), x.grad]


@pytest.mark.parametrize("options", SAMPLED, ids=lambda options: str(options["output_shape"]))
@pytest.mark.parametrize("make", [small, measured_all, measured_some])
def test_probabilities_are_those_of_sampler_qnn(make, options):
    circuit, inputs, weights = make()
    network = SamplerQNN(circuit=circuit, input_params=inputs, weight_params=weights, input_gradients=True, **options)
    theirs, ours = (kind(network, WEIGHTS) for kind in (TorchConnector, QuantumLayer.from_qiskit))
    generator = torch.Generator().manual_seed(4)
    for shape in ((2,), (1, 2), (4, 2), (2, 3, 2)):
        x = torch.rand(shape, generator=generator)
        torch.testing.assert_close(ours(x), theirs(x))
    if isinstance(options["output_shape"], tuple) and len(options["output_shape"]) > 1:
        return  # TorchConnector's gradients of inputs fail there
    x = torch.rand(4, 2, generator=generator)
    for one, other in zip(step(ours, x), step(theirs, x), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("names", [("c",), ("b", "a")])
def test_registers_of_other_names_are_read_for_each_sample(names):
    # SamplerQNN adds up a batch there, so that each sample has the mean of all; one by one it does what we do.
    circuit, inputs, weights = small()
    registers = [ClassicalRegister(3 - len(names) + 1, names[0]), *(ClassicalRegister(1, name) for name in names[1:])]
    circuit.add_register(*registers)
    circuit.measure([1, 2, 0], circuit.clbits)
    network = SamplerQNN(circuit=circuit, input_params=inputs, weight_params=weights)
    theirs, ours = (kind(network, WEIGHTS) for kind in (TorchConnector, QuantumLayer.from_qiskit))
    x = torch.rand(3, 2, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(x), torch.stack([theirs(row) for row in x]))
    assert not torch.allclose(ours(x), theirs(x), atol=1e-3)


def test_shots_are_drawn_as_a_sampler_draws():
    circuit, inputs, weights = small()
    options = {"input_params": inputs, "weight_params": weights, "interpret": parity, "output_shape": 2}
    exact, drawn = (QuantumLayer.from_qiskit(circuit, WEIGHTS, shots=shots, **options) for shots in (None, 400))
    network = SamplerQNN(circuit=circuit, sampler=StatevectorSampler(default_shots=400, seed=np.random.default_rng(3)), **options)
    torch.manual_seed(2)
    x = torch.rand(50, 2)
    for found in (drawn(x), torch.as_tensor(network.forward(x.numpy(), WEIGHTS))):
        errors = (found - exact(x)).detach() / (exact(x).prod(1, keepdim=True) / 400).sqrt()
        torch.testing.assert_close(found.sum(1).float(), torch.ones(50))
        assert 0.7 < float(errors.detach()[:, 0].std()) < 1.3


@pytest.mark.parametrize(
    "observables", [None, SparsePauliOp("ZZI"), [SparsePauliOp("XII"), SparsePauliOp(["IZY", "ZII"], [0.5, -2])]]
)
def test_a_network_takes_the_place_of_its_circuit(observables):
    circuit, inputs, weights = small()
    network = EstimatorQNN(
        circuit=circuit, observables=observables, input_params=inputs, weight_params=weights, input_gradients=True
    )
    theirs, ours = TorchConnector(network, WEIGHTS), QuantumLayer.from_qiskit(network, WEIGHTS)
    x = torch.rand(4, 2, generator=torch.Generator().manual_seed(4))
    for one, other in zip(step(ours, x), step(theirs, x), strict=True):
        torch.testing.assert_close(one, other)
    assert ours.neural_network is network and ours.sparse is False
    assert copy.deepcopy(ours).neural_network is network
    torch.testing.assert_close(pickle.loads(pickle.dumps(ours))(x), ours(x))


def test_a_network_that_is_not_exact_is_refused():
    circuit, inputs, weights = small()
    options = {"circuit": circuit, "input_params": inputs, "weight_params": weights}
    exact = EstimatorQNN(**options, estimator=StatevectorEstimator(), default_precision=0)
    assert QuantumLayer.from_qiskit(exact)(torch.rand(2, 2)).shape == (2, 1)
    for network, name in (
        (EstimatorQNN(**options, estimator=StatevectorEstimator()), "StatevectorEstimator draws at random"),
        (EstimatorQNN(**options, estimator=QMLEstimator(default_precision=0.1)), "QMLEstimator draws at random"),
        (SamplerQNN(**options, sampler=StatevectorSampler()), "StatevectorSampler draws at random"),
        (SamplerQNN(**options, sampler=QMLSampler(shots=10)), "QMLSampler draws at random"),
        (EstimatorQNN(**options, gradient=SPSAEstimatorGradient(QMLEstimator(), 0.1)), "SPSAEstimatorGradient"),
    ):
        with pytest.raises(UnsupportedCircuitError, match=name):
            QuantumLayer.from_qiskit(network)
    with pytest.raises(ValueError, match="has its own parameters and outputs"):
        QuantumLayer.from_qiskit(exact, observables="ZZZ")
    sampler = SamplerQNN(**options)
    sampler._sparse = True  # the library that sparse=True needs is not ours
    with pytest.raises(ValueError, match="sparse outputs"):
        QuantumLayer.from_qiskit(sampler)
    assert QuantumLayer.from_qiskit(sampler, sparse=False)(torch.rand(2, 2)).shape == (2, 8)


# --- what is refused ------------------------------------------------------------------------------------------------------


def measured_twice():
    circuit = QuantumCircuit(1, 2)
    circuit.measure([0, 0], [0, 1])
    return circuit


def measured_in_part():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 1)
    return circuit


def measured_inside():
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    circuit.h(0)
    return circuit


def measured_and_transpiled():
    circuit = QuantumCircuit(2)
    circuit.measure_all()
    return transpile(circuit, coupling_map=CouplingMap.from_line(3), initial_layout=[2, 0])


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (measured_twice, {"output_shape": 2}, "have 2 bits for 1 qubits"),
        (measured_in_part, {"output_shape": 4}, "bit 0 of the classical register 'c' is not measured"),
        (measured_inside, {"output_shape": 4}, "bit 0 of the classical register 'c' is not measured"),
        (measured_and_transpiled, {"output_shape": 4}, "transpile it without measurements"),
        (lambda: QuantumCircuit(17), {"interpret": parity, "output_shape": 2}, "17 bits are measured; allowed are 16"),
        (lambda: QuantumCircuit(9), {"output_shape": 512}, "allowed are 2\\^8 probabilities"),
        (lambda: QuantumCircuit(12), {"output_shape": 4096}, "allowed are 2\\^8 probabilities"),
        (lambda: QuantumCircuit(2), {"output_shape": 3}, "give output_shape=4"),
        (lambda: QuantumCircuit(2), {"output_shape": 0, "interpret": int}, "output_shape is 0"),
        (lambda: QuantumCircuit(2), {"output_shape": 4.0, "interpret": int}, "output_shape is 4.0"),
        (lambda: QuantumCircuit(2), {"output_shape": (), "interpret": int}, "output_shape is ()"),
        (lambda: QuantumCircuit(2), {"interpret": int}, "interpret= needs output_shape="),
        (lambda: QuantumCircuit(2), {"interpret": int, "output_shape": 3}, r"interpret\(3\) is 3"),
        (lambda: QuantumCircuit(2), {"interpret": int, "output_shape": (4, 2)}, r"interpret\(0\) is 0"),
        (lambda: QuantumCircuit(2), {"interpret": float, "output_shape": 4}, r"interpret\(0\) is 0\.0"),
        (lambda: QuantumCircuit(2), {"interpret": lambda outcome: -outcome, "output_shape": 4}, r"interpret\(1\) is -1"),
        (lambda: QuantumCircuit(2), {"interpret": [0, 1].__getitem__, "output_shape": 2}, r"interpret\(2\) fails"),
        (lambda: QuantumCircuit(2), {"output_shape": 4, "observables": "ZZ"}, "give one kind"),
    ],
)
def test_probabilities_that_sampler_qnn_would_not_give_are_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        QuantumLayer.from_qiskit(make(), **options)


def test_parity_of_many_qubits_is_one_word():
    layer = QuantumLayer.from_qiskit(QuantumCircuit(14), interpret=parity, output_shape=2)
    assert set(layer.circuit().observables.words) == {"I" * 14, "Z" * 14}
    with pytest.raises(UnsupportedCircuitError, match="interpret to an int"):
        QuantumLayer.from_qiskit(QuantumCircuit(2), interpret=lambda k: (k % 2, k // 2), output_shape=(2, 2)).surrogate()


@pytest.mark.parametrize(
    "observables", [{"ZI": 0.5, "IZ": 2.0}, Statevector([1, 0, 0, 0]), Operator(np.eye(4)).to_instruction(), SuperOp(np.eye(16))]
)
def test_what_estimator_qnn_does_not_measure_is_refused(observables):
    with pytest.raises(ValueError, match=r"dictionary|cannot be read"):
        QuantumLayer.from_qiskit(QuantumCircuit(2), observables=observables)


@pytest.mark.parametrize(
    "formula", [lambda p: (p - 1).log(), lambda p: (p - 1) ** 0.5, lambda p: (p - 2).arcsin(), lambda p: 1 / (p - 0.5)]
)
def test_an_angle_without_a_real_value_is_refused(formula):
    p, circuit = Parameter("p"), QuantumCircuit(1)
    circuit.ry(formula(p), 0)
    layer = QuantumLayer.from_qiskit(circuit, input_params=[p])
    assert layer(torch.tensor([[1.5]])).isfinite()
    with pytest.raises(ValueError, match="1 of 2 samples leave the range of a function"):
        layer(torch.tensor([[0.5], [1.5]]))


@pytest.mark.parametrize("formula", [lambda p, q: 0 * p + q, lambda p, q: p - p + q, lambda p, q: p * 0 + q])
def test_an_angle_that_is_one_parameter_after_all(formula):
    for _ in range(20):  # Qiskit's sympify takes either of the two, by chance
        p, q, circuit = Parameter("p"), Parameter("q"), QuantumCircuit(1)
        circuit.ry(formula(p, q), 0)
        layer = QuantumLayer.from_qiskit(circuit, input_params=[p, q])
        torch.testing.assert_close(layer(torch.tensor([[0.3, 0.7]])), torch.tensor([[0.7]]).cos())


def test_other_angles_and_lists_are_refused_by_name():
    p = Parameter("p")
    circuit = QuantumCircuit(1)
    circuit.ry(2**p, 0)
    with pytest.raises(UnsupportedCircuitError, match="number to the power of a parameter"):
        QuantumLayer.from_qiskit(circuit, input_params=[p])
    inner, other = QuantumCircuit(1), QuantumCircuit(1)
    inner.ry(p, 0)
    gate = inner.to_gate()
    gate.params = [Parameter("q")]
    other.append(gate, [0])
    with pytest.raises(UnsupportedCircuitError, match="holds p, which the circuit does not have"):
        QuantumLayer.from_qiskit(other, input_params=list(other.parameters))
    with pytest.raises(ValueError, match="no qubits"):
        QuantumLayer.from_qiskit(QuantumCircuit(0))
    with pytest.raises(TypeError, match="lists of Parameter"):
        QuantumLayer.from_qiskit(circuit, input_params=p)


@pytest.mark.parametrize("wrong", ["width", "observables", "shape", "interpret", "sparse"])
def test_errors_are_caught_as_torch_connectors(wrong, monkeypatch):
    circuit, inputs, weights = small()
    options = {"circuit": circuit, "input_params": inputs, "weight_params": weights}

    def provoke(ours):
        if wrong == "width":
            layer = QuantumLayer.from_qiskit(**options) if ours else TorchConnector(EstimatorQNN(**options))
            layer(torch.rand(1, 3))
        elif wrong == "observables":
            QuantumLayer.from_qiskit(**options, observables=[]) if ours else EstimatorQNN(**options, observables=[])
        elif wrong == "sparse":
            network = EstimatorQNN(**options)
            (QuantumLayer.from_qiskit if ours else TorchConnector)(network, sparse=True)
        else:
            given = {"interpret": parity} | ({"output_shape": 0} if wrong == "shape" else {})
            QuantumLayer.from_qiskit(**options, **given) if ours else SamplerQNN(**options, **given)

    with pytest.raises(QiskitMachineLearningError):
        provoke(ours=False)
    with pytest.raises(QiskitMachineLearningError) as caught:
        provoke(ours=True)
    assert isinstance(caught.value, ValueError) and type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)
    monkeypatch.delitem(sys.modules, "qiskit_machine_learning")
    if wrong != "sparse":
        with pytest.raises(ValueError) as caught:
            provoke(ours=True)
        assert type(caught.value) is ValueError

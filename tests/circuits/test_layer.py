"""QuantumLayer keeps the contracts of PennyLane's TorchLayer and of Qiskit's TorchConnector(EstimatorQNN(...))."""

import copy
import io
import math
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes, z_feature_map, zz_feature_map
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.circuit.library import qnn_circuit
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN

from qhelpers.circuits import NoiseModel, QuantumLayer, UnsupportedCircuitError

# --- TorchLayer: every test runs on both -----------------------------------------------------------------------------


def theirs(circuit, weight_shapes, init_method=None):
    if not isinstance(circuit, qml.QNode):
        circuit = qml.QNode(circuit, qml.device("default.qubit", wires=3), diff_method="backprop")
    return qml.qnn.TorchLayer(circuit, weight_shapes, init_method)


def of_a_function(circuit, weight_shapes, init_method=None):
    return QuantumLayer(circuit, weight_shapes, init_method)


def of_a_qnode(circuit, weight_shapes, init_method=None):
    return QuantumLayer(qml.QNode(circuit, qml.device("default.qubit", wires=3)), weight_shapes, init_method)


both = pytest.mark.parametrize("make", [theirs, of_a_function, of_a_qnode])


def body(inputs, first, second):
    qml.AngleEmbedding(inputs, wires=range(3), rotation="Y")
    qml.StronglyEntanglingLayers(first, wires=range(3))
    qml.RX(second, wires=1)


def single(inputs, first, second):
    body(inputs, first, second)
    return qml.expval(qml.Z(0))


def listed(inputs, first, second):
    body(inputs, first, second)
    return [qml.expval(qml.Z(0)), qml.expval(qml.X(1) @ qml.Y(2))]


def one_listed(inputs, first, second):
    body(inputs, first, second)
    return [qml.expval(qml.Z(0))]


def chances(inputs, first, second):
    body(inputs, first, second)
    return qml.probs(wires=[2, 0])


def chances_listed(inputs, first, second):
    body(inputs, first, second)
    return [qml.probs(wires=[0]), qml.expval(qml.Z(1)), qml.probs(wires=[0, 1])]


def summed(inputs, first, second):
    body(inputs, first, second)
    return qml.expval(qml.dot([0.5, -2.0, 0.3], [qml.Z(0), qml.X(1) @ qml.Z(2), qml.Identity(0)]))


SHAPES = {"first": (2, 3, 3), "second": 1}
RETURNS = [(single, ()), (listed, (2,)), (one_listed, (1,)), (chances, (4,)), (chances_listed, (7,)), (summed, ())]


@both
@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 4), (2, 1, 3)])
@pytest.mark.parametrize(("circuit", "outputs"), RETURNS, ids=lambda one: getattr(one, "__name__", None))
def test_shapes(make, circuit, outputs, batch):
    layer = make(circuit, SHAPES)
    for dtype in (torch.float32, torch.float64):
        found = layer(torch.zeros(*batch, 3, dtype=dtype))
        assert found.shape == (*batch, *outputs) and found.dtype == dtype and found.requires_grad


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize(("circuit", "outputs"), RETURNS, ids=lambda one: getattr(one, "__name__", None))
def test_numbers_and_gradients_are_the_same(circuit, outputs, batch):
    expected, layer = theirs(circuit, SHAPES).double(), of_a_function(circuit, SHAPES).double()
    layer.load_state_dict(expected.state_dict())
    x = torch.rand(*batch, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for one in (expected, layer):
        values = one(x)
        (values * torch.cos(torch.arange(values.numel(), dtype=values.dtype)).reshape(values.shape)).sum().backward()
        found.append([values.detach(), x.grad, one.first.grad, one.second.grad])
        x.grad = None
    for ours, other in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, other, atol=1e-12, rtol=0)


@both
def test_parameters_and_where_they_start(make):
    torch.manual_seed(3)
    layer = make(single, SHAPES)
    assert list(layer.state_dict()) == ["first", "second"] == [name for name, _ in layer.named_parameters()]
    assert layer.first.shape == (2, 3, 3) and layer.second.shape == ()
    assert layer.first.dtype == torch.float32
    torch.manual_seed(3)
    expected = torch.nn.init.uniform_(torch.empty(2, 3, 3), b=2 * math.pi)
    torch.testing.assert_close(layer.first.detach(), expected)
    assert 0 <= layer.second < 2 * math.pi


@both
@pytest.mark.parametrize(("size", "shape"), [(3, (3,)), ((3,), (3,)), ([2, 2], (2, 2)), (1, ()), ((1,), (1,)), ((), ())])
def test_ways_to_write_a_shape(make, size, shape):
    def circuit(inputs, weights):
        qml.RX(inputs[..., 0] + weights.sum(), 0)
        return qml.expval(qml.Z(0))

    layer = make(circuit, {"weights": size})
    assert layer.weights.shape == shape
    assert layer(torch.zeros(4, 1)).shape == (4,)


@both
def test_ways_to_initialise(make):
    layer = make(single, SHAPES, torch.nn.init.ones_)
    assert (layer.first == 1).all() and layer.second == 1
    given = torch.arange(18.0).reshape(2, 3, 3)
    layer = make(single, SHAPES, {"first": given, "second": lambda tensor: torch.nn.init.constant_(tensor, 0.5)})
    assert torch.equal(layer.first.detach(), given) and layer.second == 0.5


@both
def test_initialisations_that_do_not_fit(make):
    with pytest.raises(ValueError, match="first"):
        make(single, SHAPES, {"first": torch.zeros(2, 2), "second": torch.tensor(0.0)})
    with pytest.raises((KeyError, ValueError), match="second"):
        make(single, SHAPES, {"first": torch.nn.init.zeros_})


@both
def test_weights_by_keyword(make):
    def circuit(inputs, **weights):
        qml.RX(inputs[..., 0] + weights["b"], 0)
        qml.RY(weights["a"][1], 0)
        return qml.expval(qml.Z(0))

    layer = make(circuit, {"a": 2, "b": 1})
    assert list(layer.state_dict()) == ["a", "b"]
    found = layer(torch.zeros(2, 1))
    torch.testing.assert_close(found, (torch.cos(layer.b) * torch.cos(layer.a[1])).expand(2))


@both
def test_the_order_of_weight_shapes_does_not_matter(make):
    torch.manual_seed(0)
    layer = make(single, dict(reversed(SHAPES.items())))
    other = make(single, SHAPES)
    other.load_state_dict(layer.state_dict())
    x = torch.rand(3, 3)
    torch.testing.assert_close(layer(x), other(x))
    assert list(layer.state_dict()) == ["second", "first"]


@both
def test_inside_a_model(make):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), make(listed, SHAPES), torch.nn.Linear(2, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    x, y = torch.rand(8, 4), torch.rand(8, 1)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert len(list(model.parameters())) == 6
    with torch.no_grad():
        assert not model(x).requires_grad


def test_the_same_training_step_for_step():
    torch.manual_seed(0)
    x, y = torch.rand(8, 3, dtype=torch.float64), torch.rand(8, dtype=torch.float64)
    expected, layer = theirs(single, SHAPES).double(), of_a_function(single, SHAPES).double()
    layer.load_state_dict(expected.state_dict())
    paths = []
    for one in (expected, layer):
        optimizer = torch.optim.Adam(one.parameters(), 0.1)
        losses = []
        for _ in range(6):
            optimizer.zero_grad()
            loss = ((one(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        paths.append(losses)
    np.testing.assert_allclose(paths[0], paths[1], atol=1e-12, rtol=0)


def test_either_loads_the_others_state():
    ours, other = of_a_function(listed, SHAPES), theirs(listed, SHAPES)
    x = torch.rand(4, 3)
    for source, target in ((ours, other), (other, ours)):
        for weight in source.parameters():
            torch.nn.init.uniform_(weight)
        target.load_state_dict(source.state_dict())
        torch.testing.assert_close(target(x), source(x), atol=2e-6, rtol=0)


def test_the_wires_of_a_device_keep_their_order():
    device = qml.device("default.qubit", wires=["b", 3, "a"])

    @qml.qnode(device)
    def circuit(inputs, weights):
        qml.RX(inputs[..., 0], wires="a")
        qml.RY(weights, wires=3)
        qml.CNOT(["a", "b"])
        return [qml.probs(wires=["a", "b"]), qml.expval(qml.Z(3))]

    expected, layer = theirs(circuit, {"weights": 1}), QuantumLayer(circuit, {"weights": 1})
    layer.load_state_dict(expected.state_dict())
    x = torch.rand(4, 1)
    torch.testing.assert_close(layer(x), expected(x), atol=2e-6, rtol=0)
    everything = QuantumLayer(qml.QNode(lambda inputs: (qml.RX(inputs[..., 0], "a"), qml.probs())[1], device), {})
    assert everything(x).shape == (4, 8)
    torch.testing.assert_close(everything(x)[:, 1], torch.sin(x[:, 0] / 2) ** 2)  # "a" is the last bit
    torch.testing.assert_close(everything.state(x).abs() ** 2, everything(x))


# --- copies ----------------------------------------------------------------------------------------------------------


def closure(scale=0.7, **options):
    def circuit(inputs, first, second):
        body(scale * inputs, first, second)
        return qml.expval(qml.Z(0))

    return QuantumLayer(circuit, SHAPES, **options)


def through_a_file(layer):
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda layer: pickle.loads(pickle.dumps(layer)), "torch.save": through_a_file}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize(
    "make",
    [lambda: of_a_function(single, SHAPES), lambda: of_a_qnode(single, SHAPES), lambda: closure(n_inputs=3), closure],
    ids=["function", "qnode", "closure", "closure that has run"],
)
def test_copies(make, way):
    """A closure cannot be pickled; what was read of it can."""
    layer, x = make(), torch.rand(4, 3)
    expected = layer(x)
    copied = COPIES[way](layer)
    assert torch.equal(copied(x), expected)
    assert list(copied.state_dict()) == list(layer.state_dict())
    with torch.no_grad():
        copied.first.add_(1)
    assert torch.equal(layer(x), expected) and not torch.equal(copied(x), expected)
    optimizer = torch.optim.SGD(copied.parameters(), 0.1)
    copied(x).sum().backward()
    optimizer.step()
    assert layer.first.grad is None


def test_copies_of_a_layer_that_has_not_run():
    x = torch.rand(4, 3)
    for make in (closure, lambda: of_a_function(single, SHAPES)):
        layer = make()
        copied = copy.deepcopy(layer)
        torch.testing.assert_close(copied(x), layer(x))
    copied = pickle.loads(pickle.dumps(of_a_function(single, SHAPES)))
    assert copied(x).shape == (4,)
    with pytest.raises(pickle.PicklingError, match="give the layer n_inputs="):  # nothing was read of the closure
        pickle.dumps(closure())


def test_a_copy_keeps_its_options():
    noise = NoiseModel("depolarizing", 0.2, "end")
    layer = closure(n_inputs=3, noise=noise, path="train", compiled=False)
    copied = pickle.loads(pickle.dumps(layer))
    assert copied.noise == noise and copied.plan().path == "train" and not copied.plan().compiled
    x = torch.rand(2, 3)
    torch.testing.assert_close(copied(x), layer(x))


# --- TorchConnector(EstimatorQNN) ------------------------------------------------------------------------------------


def composed(n_qubits=2):
    circuit = QuantumCircuit(n_qubits, name="composed")
    encoding, ansatz = z_feature_map(n_qubits, reps=1), real_amplitudes(n_qubits, reps=1)
    circuit.compose(encoding, inplace=True)
    circuit.compose(ansatz, inplace=True)
    return circuit, list(encoding.parameters), list(ansatz.parameters)


def connector(circuit, *, input_params=None, weight_params=None, observables=None, initial_weights=None):
    network = EstimatorQNN(
        circuit=circuit, input_params=input_params, weight_params=weight_params, observables=observables, input_gradients=True,
        default_precision=0.0,
    )  # fmt: skip
    return TorchConnector(network, initial_weights)


both_of_qiskit = pytest.mark.parametrize("make", [connector, QuantumLayer.from_qiskit])
TWO = [SparsePauliOp("IZ"), SparsePauliOp(["ZI", "XY"], [0.5, -1.5])]


@both_of_qiskit
def test_the_one_parameter(make):
    circuit, inputs, weights = composed()
    torch.manual_seed(0)
    layer = make(circuit, input_params=inputs, weight_params=weights)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer.weight.shape == (4,) and layer.weight.dtype == torch.float32
    torch.manual_seed(0)
    assert torch.equal(layer.weight.detach(), torch.zeros(4).uniform_(-1, 1))
    given = np.array([0.1, 0.2, 0.3, 0.4])
    for values in (given, torch.as_tensor(given)):
        layer = make(circuit, input_params=inputs, weight_params=weights, initial_weights=values)
        torch.testing.assert_close(layer.weight.detach(), torch.as_tensor(given, dtype=torch.float32))


@both_of_qiskit
@pytest.mark.parametrize("observables", [None, SparsePauliOp("ZZ"), TWO, TWO[:1]], ids=["default", "one", "two", "list of one"])
def test_shapes_in_qiskit(make, observables):
    circuit, inputs, weights = composed()
    layer = make(circuit, input_params=inputs, weight_params=weights, observables=observables)
    outputs = len(observables) if isinstance(observables, list) else 1
    assert layer(torch.rand(5, 2)).shape == (5, outputs)
    assert layer(torch.rand(1, 2)).shape == (1, outputs)
    assert layer(torch.rand(2)).shape == (outputs,)
    assert layer(torch.rand(3, 4, 2)).shape == (3, 4, outputs)


def same_in_both(circuit, n_samples=3, **options):
    expected, layer = connector(circuit, **options), QuantumLayer.from_qiskit(circuit, **options)
    layer.load_state_dict(expected.state_dict())
    x = torch.rand(n_samples, len(options["input_params"]), requires_grad=True)
    found = []
    for one in (expected, layer):
        values = one(x)
        (values * torch.cos(torch.arange(values.numel(), dtype=values.dtype)).reshape(values.shape)).sum().backward()
        found.append([values.detach().float(), x.grad, one.weight.grad])
        x.grad = None
    for ours, other in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, other, atol=4e-6, rtol=0)  # theirs are single precision too
    return layer


@pytest.mark.parametrize("observables", [None, TWO], ids=["default", "two"])
def test_numbers_and_gradients_are_qiskits(observables):
    circuit, inputs, weights = composed()
    same_in_both(circuit, input_params=inputs, weight_params=weights, observables=observables)


@pytest.mark.parametrize("name", ["weight", "_weights"])
def test_one_of_qiskits_two_names_is_enough(name):
    circuit, inputs, weights = composed()
    layer = QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights)
    given = torch.tensor([0.1, 0.2, 0.3, 0.4])
    layer.load_state_dict({name: given})
    torch.testing.assert_close(layer.weight.detach(), given)


def test_products_of_inputs_in_qiskit():
    encoding, ansatz = zz_feature_map(2, reps=2), real_amplitudes(2, reps=1)
    circuit = encoding.compose(ansatz)
    same_in_both(circuit, 2, input_params=list(encoding.parameters), weight_params=list(ansatz.parameters))


def test_the_function_that_replaces_qnn_circuit():
    circuit, inputs, weights = qnn_circuit(2)
    layer = same_in_both(circuit, 2, input_params=list(inputs), weight_params=list(weights))
    assert layer.weight.shape == (len(weights),)


@both_of_qiskit
def test_qubit_0_is_the_rightmost_letter(make):
    theta = ParameterVector("theta", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(theta[0], 0)
    circuit.ry(theta[1], 1)
    layer = make(circuit, input_params=theta, observables=[SparsePauliOp("IZ"), SparsePauliOp("ZI")])
    x = torch.tensor([[0.3, 1.1]])
    torch.testing.assert_close(layer(x).float(), torch.cos(x))


@both_of_qiskit
def test_inputs_come_in_the_order_given(make):
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(x[0], 0)
    circuit.rx(x[1], 1)
    layer = make(circuit, input_params=[x[1], x[0]], observables=[SparsePauliOp("IZ")])
    torch.testing.assert_close(layer(torch.tensor([[0.3, 1.1]])).float().flatten(), torch.cos(torch.tensor([1.1])))


@both_of_qiskit
def test_no_inputs_in_qiskit(make):
    ansatz = real_amplitudes(2, reps=1)
    layer = make(ansatz, weight_params=list(ansatz.parameters), initial_weights=np.zeros(4))
    found = layer()
    assert found.numel() == 1 and float(found) == pytest.approx(1.0)


def test_either_loads_the_others_state_in_qiskit():
    circuit, inputs, weights = composed()
    options = {"input_params": inputs, "weight_params": weights}
    ours, other = QuantumLayer.from_qiskit(circuit, **options), connector(circuit, **options)
    x = torch.rand(2, 2)
    assert set(other.state_dict()) == {"weight", "_weights"}  # the same tensor under two names
    for source, target in ((other, ours), (ours, other)):
        torch.nn.init.uniform_(source.weight)
        target.load_state_dict(source.state_dict())
        torch.testing.assert_close(target(x).float(), source(x).float(), atol=2e-6, rtol=0)


@pytest.mark.parametrize("way", COPIES)
def test_copies_of_a_circuit_of_qiskit(way):
    circuit, inputs, weights = composed()
    layer = QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights)
    x = torch.rand(3, 2)
    assert torch.equal(COPIES[way](layer)(x), layer(x))


def test_what_does_not_fit_in_qiskit():
    circuit, inputs, weights = composed()
    with pytest.raises(ValueError, match=r"initial_weights have shape \(3,\); the circuit has 4 weights"):
        QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, initial_weights=np.zeros(3))
    with pytest.raises(ValueError, match="parameters in neither list"):
        QuantumLayer.from_qiskit(circuit, input_params=inputs)
    with pytest.raises(ValueError, match="on 3 qubits, the circuit has 2"):
        QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, observables=SparsePauliOp("ZZZ"))
    layer = QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights)
    with pytest.raises(ValueError, match=r"inputs have 3 columns; .* circuit takes 2"):
        layer(torch.zeros(2, 3))
    with pytest.raises(TypeError, match=r"QuantumCircuit"):
        QuantumLayer.from_qiskit(single)


# --- bad input -------------------------------------------------------------------------------------------------------


def test_inputs_that_are_no_real_numbers():
    layer = of_a_function(single, SHAPES)
    for inputs in (torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.complex64)):
        with pytest.raises(TypeError, match=rf"inputs are {inputs.dtype}; allowed are tensors of floating point"):
            layer(inputs)
    for inputs, name in ((np.ones((2, 3)), "ndarray"), ([[1.0, 2.0, 3.0]], "list")):
        with pytest.raises(TypeError, match=f"inputs are {name}; allowed are tensors"):
            layer(inputs)
    with pytest.raises(ValueError, match=r"inputs have no dimension; allowed is \(\.\.\., n_inputs\)"):
        layer(torch.tensor(1.0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_inputs_that_are_not_finite(value):
    layer = of_a_function(single, SHAPES)
    inputs = torch.ones(6, 3)
    inputs[2, 1] = inputs[4, 0] = value
    with pytest.raises(ValueError, match=r"2 of 6 samples are not finite \(the first is number 2\)"):
        layer(inputs)
    with pytest.raises(ValueError, match=r"2 of 6 samples are not finite \(the first is number 2\)"):
        layer(inputs.reshape(2, 3, 3))
    assert torch.isfinite(layer(torch.full((2, 3), 3e38))).all()  # finite, though their sum is not


def test_inputs_of_another_width():
    def indexed(inputs, weights):
        qml.RX(inputs[..., 0], 0)
        qml.RY(inputs[..., 1] * weights, 0)
        return qml.expval(qml.Z(0))

    layer = QuantumLayer(indexed, {"weights": 1}, n_inputs=2)
    for width in (1, 3):
        with pytest.raises(ValueError, match=rf"inputs have {width} columns; .* circuit takes 2"):
            layer(torch.zeros(2, width))
    with pytest.raises((ValueError, IndexError), match="1"):
        QuantumLayer(indexed, {"weights": 1})(torch.zeros(4, 1))


def test_methods_that_need_the_width():
    layer = of_a_function(single, SHAPES)
    for call in (layer.plan, layer.light_cone, layer.capacity, layer.surrogate, layer.circuit):
        with pytest.raises(ValueError, match=r"the width of the inputs is not known yet; give the layer n_inputs="):
            call()
    layer(torch.zeros(1, 3))
    assert layer.n_inputs == 3 and layer.plan().n_qubits == 3


def test_options_that_are_wrong():
    for shots in (0, -3, 1.5, "many"):
        with pytest.raises(ValueError, match=rf"shots={shots!r}; allowed are whole numbers from 1 on"):
            QuantumLayer(single, SHAPES, shots=shots)
    with pytest.raises(ValueError, match=r"noise is 'bit_flip'; allowed is a NoiseModel"):
        QuantumLayer(single, SHAPES, noise="bit_flip")


def test_what_is_refused_is_refused_at_the_first_batch_or_at_once():
    def measured(inputs):
        qml.measure(0, postselect=1)
        return qml.expval(qml.Z(0))

    layer = QuantumLayer(measured, {})
    with pytest.raises(UnsupportedCircuitError, match="postselect"):
        layer(torch.zeros(1, 2))
    with pytest.raises(UnsupportedCircuitError, match="postselect"):
        QuantumLayer(measured, {}, n_inputs=2)

"""What differs from the layers that QuantumLayer replaces. The book's page of that name is made of the marks in this file.

A mark says beside which layer, what kind of difference (refused: the layer there computes it, this one names it and says what to
do; other: both run, and something is not the same; more: only this one does it), what differs, and why. The test under it runs
both and shows that it is so.
"""

import copy
import importlib.util
import pickle
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate, real_amplitudes, z_feature_map
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN

from qhelpers.circuits import QuantumLayer, UnsupportedCircuitError

ROOT = Path(__file__).resolve().parents[2]
differs = pytest.mark.differs

X = torch.linspace(-1.5, 2, 6, dtype=torch.float64).reshape(3, 2)
W = {"w": (2, 2)}
START = {"w": torch.linspace(0.1, 1.2, 4, dtype=torch.float64).reshape(2, 2)}


def node(measure=lambda: qml.expval(qml.Z(0)), inside=None, device="default.qubit", wires=2, angles=None, **options):
    """A QNode: angles of the inputs, an ansatz, `inside(inputs, w)`, what is measured."""

    def circuit(inputs, w):
        qml.AngleEmbedding(inputs if angles is None else angles(inputs), wires=range(2))
        qml.BasicEntanglerLayers(w, wires=range(2))
        if inside is not None:
            inside(inputs, w)
        return measure()

    device = qml.device(device, wires=wires) if isinstance(device, str) else device
    return qml.QNode(circuit, device, interface="torch", **options)


def both(qnode):
    """PennyLane's layer and ours, with the same weights."""
    return [kind(qnode, W, copy.deepcopy(START)) for kind in (qml.qnn.TorchLayer, QuantumLayer)]


def refused(qnode, match, x=X):
    """PennyLane's layer computes it, ours names it."""
    assert torch.is_tensor(qml.qnn.TorchLayer(qnode, W, copy.deepcopy(START))(x))
    with pytest.raises(UnsupportedCircuitError, match=match):
        QuantumLayer(qnode, W, copy.deepcopy(START))(x)


# --- TorchLayer: refused --------------------------------------------------------------------------------------------------


@differs(
    "TorchLayer",
    "refused",
    "Returning `qml.state`, `qml.density_matrix`, `qml.purity`, an entropy or mutual information",
    "These are no sums of Pauli words; of a state, TorchLayer keeps the real part only. `layer.state(inputs)` gives the whole.",
)
@pytest.mark.parametrize(
    "measure",
    [
        qml.state,
        lambda: qml.density_matrix(0),
        lambda: qml.purity([0]),
        lambda: qml.vn_entropy([0]),
        lambda: qml.mutual_info([0], [1]),
    ],
)
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_measurements_without_pauli_words(measure):
    refused(node(measure), "allowed are qml.expval and qml.var")


@differs(
    "TorchLayer",
    "refused",
    "`qml.probs` of more than eight qubits",
    "The outputs are 2ⁿ, and so are the Pauli words of each. `layer.state(inputs).abs() ** 2` gives them all.",
)
def test_many_probabilities():
    refused(node(lambda: qml.probs(wires=range(9)), wires=9), "allowed are 8 qubits")


@differs(
    "TorchLayer",
    "refused",
    "An observable with a coefficient made of inputs or weights",
    "What is measured is fixed when the circuit is read. Return the words and combine them after the layer.",
)
def test_weighted_observables():
    def circuit(inputs, w):
        qml.AngleEmbedding(inputs, wires=range(2))
        return qml.expval(w[0, 0] * qml.Z(0))

    refused(qml.QNode(circuit, qml.device("default.qubit", wires=2), interface="torch"), "coefficient of an observable")


@differs(
    "TorchLayer",
    "refused",
    "A noise channel inside the circuit (`qml.BitFlip` and its like)",
    "Noise is a property of the layer here: `noise=NoiseModel(channel, strength, insertion)`, of six channels.",
)
def test_channels():
    refused(node(inside=lambda *_: qml.BitFlip(0.1, wires=0), device="default.mixed"), "BitFlip is a noise channel")


@differs(
    "TorchLayer",
    "refused",
    "A device that adds something to the circuit: a noise model, read-out errors, a transform of its own",
    "Outputs would be those of another circuit than the one that is written.",
)
def test_devices_that_add():
    noise = qml.NoiseModel({qml.noise.wires_in([0]): qml.noise.partial_wires(qml.PhaseDamping, 0.1)})
    refused(node(device=qml.add_noise(qml.device("default.mixed", wires=2), noise)), "add_noise")
    refused(node(device=qml.transforms.cancel_inverses(qml.device("default.qubit", wires=2))), "cancel_inverses")
    with pytest.raises(UnsupportedCircuitError, match="read-out errors"):
        QuantumLayer(node(device=qml.device("default.mixed", wires=2, readout_prob=0.1)), W)


@differs(
    "TorchLayer",
    "refused",
    "Any device but PennyLane's exact simulators of qubits",
    "What a plugin, hardware, or a simulator of qutrits or light modes returns is not known to be the circuit's exact value.",
)
def test_other_devices():
    refused(node(device="null.qubit"), "null.qubit")

    def qutrit(inputs, w):
        qml.TRX(inputs[..., 0], wires=0)
        qml.TRY(w[0, 0], wires=0)
        return qml.expval(qml.GellMann(0, 3))

    def light(inputs, w):
        qml.Displacement(inputs[0], w[0, 0], wires=0)
        return qml.expval(qml.QuadX(0))

    refused(qml.QNode(qutrit, qml.device("default.qutrit", wires=1), interface="torch"), "default.qutrit")
    refused(qml.QNode(light, qml.device("default.gaussian", wires=1), interface="torch"), "default.gaussian", X[0])


@qml.transform
def averaged(tape):
    """A user's own, which makes two circuits of one."""
    return [tape, tape], lambda results: 0.5 * (results[0] + results[1])


@differs(
    "TorchLayer",
    "refused",
    "A transform that makes several circuits of one or computes with results (error mitigation, cutting, batches of your own)",
    "The layer computes one circuit. Transforms that give one circuit (`qml.compile`, folding, inserted gates) are applied.",
)
def test_transforms():
    refused(averaged(node()), "averaged")
    theirs, ours = both(qml.compile(node()))
    torch.testing.assert_close(ours(X), theirs(X))


@differs(
    "TorchLayer",
    "refused",
    '`diff_method="spsa"` and `diff_method=None`',
    "Gradients here are those of the exact values. One is drawn at random there, the other is none at all.",
)
@pytest.mark.parametrize("method", ["spsa", None])
def test_gradients_that_are_none(method):
    refused(node(diff_method=method), f"diff_method={method!r}")


@differs(
    "TorchLayer",
    "refused",
    "A mid-circuit measurement with `postselect=`",
    "It throws samples away. Other mid-circuit measurements, `reset=True` and `qml.cond` are deferred to the end.",
)
def test_postselection():
    refused(node(lambda: qml.expval(qml.Z(1)), lambda *_: qml.measure(0, postselect=0), wires=3), "postselect=")


@differs(
    "TorchLayer",
    "refused",
    "Wires taken while the circuit runs (`qml.allocate`)",
    "Give such a part wires of its own.",
)
def test_allocated_wires():
    def inside(*_):
        with qml.allocate(1, state="zero", restored=True) as extra:
            qml.CNOT([0, extra[0]])
            qml.CNOT([0, extra[0]])

    refused(node(inside=inside, wires=None), "Allocate takes wires")


def branch(_, w):
    if w[0, 0] > 0:
        qml.RX(0.3, wires=0)


@differs(
    "TorchLayer",
    "refused",
    "Gates that depend on the values of inputs or weights (`if w[0] > 0`), and inputs taken out of torch (`np.arctan(inputs)`)",
    "A circuit is read once for all values. Any expression in torch may be an angle; `torch.where` chooses between two.",
)
@pytest.mark.filterwarnings("ignore:__array_wrap__")
def test_choices_by_value():
    refused(node(inside=branch), "depends on the values of its weights")
    refused(node(angles=lambda x: torch.as_tensor(np.arctan(x.detach()))), "NumPy")


@differs(
    "TorchLayer",
    "refused",
    "Angles drawn at random inside the circuit",
    "The circuit would be another one in each call. Draw before the layer and pass the result as inputs.",
)
def test_random_angles():
    refused(node(inside=lambda *_: qml.RX(torch.rand(()), wires=0)), "draws at random")


@differs(
    "TorchLayer",
    "refused",
    "Arithmetic across the batch inside the circuit (`inputs / inputs.max()`, `inputs - inputs.mean(0)`)",
    "A sample's result would depend on which others are in its batch. Normalise before the layer.",
)
def test_arithmetic_across_the_batch():
    refused(node(angles=lambda x: x / x.abs().max()), "mixes the samples of a batch")
    refused(node(angles=lambda x: x - x.mean(0)), "mixes the samples of a batch")


@differs(
    "TorchLayer",
    "refused",
    "Inputs that are NaN or infinite, and inputs of whole or complex numbers",
    "There, NaN comes out as NaN, whole numbers cut outputs to whole numbers, and complex ones make them complex.",
)
def test_inputs_that_are_no_angles():
    theirs, ours = both(node())
    gap = torch.tensor([[np.nan, 1.0]], dtype=torch.float64)
    assert theirs(gap).isnan().all()
    with pytest.raises(ValueError, match="1 of 1 samples are not finite"):
        ours(gap)
    for x in (X.long(), X.to(torch.complex128)):
        assert theirs(x).dtype == x.dtype
        with pytest.raises(TypeError, match="allowed are tensors of floating point"):
            ours(x)


@differs(
    "TorchLayer",
    "refused",
    "Batches of another width than the first",
    "The circuit is read for the width that it meets first, or for `n_inputs=`. There, `AngleEmbedding` takes fewer features.",
)
def test_another_width():
    theirs, ours = both(node())
    theirs(X), theirs(X[:, :1]), ours(X)
    with pytest.raises(ValueError, match="inputs have 1 columns; this layer's circuit takes 2"):
        ours(X[:, :1])


@differs(
    "TorchLayer",
    "refused",
    "A step that would take more than `max_memory` bytes, 2 GB unless you say otherwise",
    "The need is known beforehand. There, memory runs out.",
)
def test_memory():
    def circuit(inputs, w):
        for layer in range(3):
            for k in range(10):
                qml.RY(inputs[..., layer % 2], wires=k)
                qml.CRX(w[0, 0], wires=[k, (k + 1) % 10])
        return qml.expval(qml.Z(0))

    qnode = qml.QNode(circuit, qml.device("default.qubit", wires=10), interface="torch")
    wanted = qml.qnn.TorchLayer(qnode, W, copy.deepcopy(START))(X)
    torch.testing.assert_close(QuantumLayer(qnode, W, copy.deepcopy(START))(X), wanted)
    with pytest.raises(ValueError, match=r"10 qubits need .* more than max_memory"):
        QuantumLayer(qnode, W, copy.deepcopy(START), max_memory=1e4)(X)


@differs(
    "TorchLayer",
    "refused",
    "`torch.jit.trace`, `torch.export` and `torch.onnx.export` of the layer",
    "They cannot follow compiled loops. `layer.export_onnx(path)` writes ONNX; `layer.surrogate()` is plain torch.",
)
@pytest.mark.filterwarnings("ignore")
def test_exports_of_torch(tmp_path):
    theirs, ours = both(node())
    torch.jit.trace(theirs, X)
    for export in (
        lambda: torch.jit.trace(ours, X),
        lambda: torch.export.export(ours, (X,)),
        lambda: torch.onnx.export(ours, (X,), tmp_path / "layer.onnx", dynamo=False),
    ):
        with pytest.raises(RuntimeError, match=r"use layer\.export_onnx\(path\)"):
            export()
    ours(X)
    torch.testing.assert_close(torch.jit.trace(ours.surrogate(), X)(X + 1), ours(X + 1))


# --- TorchLayer: other ----------------------------------------------------------------------------------------------------


@differs(
    "TorchLayer",
    "other",
    "The circuit's Python runs while it is read, not in each call",
    "So it is fast. Prints and counters inside say nothing of later calls; `qml.Tracker` counts no executions.",
)
def test_python_runs_once():
    calls = []
    qnode = node(inside=lambda *_: calls.append(1))
    counts = []
    for layer in both(qnode):
        layer(X)
        calls.clear()
        with qml.Tracker(qnode.device) as tracker:
            layer(X)
        counts.append((len(calls), tracker.totals.get("batches", 0)))
    assert counts == [(1, 1), (0, 0)]


@differs(
    "TorchLayer",
    "other",
    "A number that hangs on an object (`self.scale`) keeps the value of the first batch",
    "Tensors, global names and closures are watched, and the circuit is read anew when one changes; attributes are not. Make "
    "what changes a tensor, a weight or an input.",
)
def test_numbers_on_objects():
    held = SimpleNamespace(scale=1.0)
    changed = []
    for layer in both(node(angles=lambda x: x * held.scale)):
        held.scale = 1.0
        first = layer(X)
        held.scale = 2.0
        changed.append(not torch.equal(first, layer(X)))
    assert changed == [True, False]


@differs(
    "TorchLayer",
    "other",
    '`diff_method="finite-diff"` gives the exact gradient',
    "All gradients are those of the exact values, without the error of a finite step.",
)
def test_finite_differences():
    def slope(layer):
        layer(X).sum().backward()
        return layer.w.grad

    exact, *_ = both(node())
    theirs, ours = both(node(diff_method="finite-diff"))
    wanted = slope(exact)
    torch.testing.assert_close(slope(ours), wanted, atol=1e-12, rtol=0)
    assert (slope(theirs) - wanted).abs().max() > 1e-10


@differs(
    "TorchLayer",
    "other",
    "float16 and bfloat16 inputs are computed in float32",
    "There, they are computed in half precision. The result has the type of the inputs in both.",
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_half_precision(dtype):
    x = X.to(dtype)
    layers = [kind(node(), W, {"w": START["w"].float()}) for kind in (qml.qnn.TorchLayer, QuantumLayer)]
    exact = layers[0](x.double())
    theirs, ours = [layer(x) for layer in layers]
    assert ours.dtype == theirs.dtype == dtype
    torch.testing.assert_close(ours, exact.to(dtype), atol=0, rtol=torch.finfo(dtype).eps)
    assert (theirs.double() - exact).abs().max() > (ours.double() - exact).abs().max()


@differs(
    "TorchLayer",
    "other",
    "A QNode with shots is no faster",
    "PennyLane itself runs it, draw for draw. For fast draws take `shots=` of the layer and a QNode without them.",
)
def test_shots():
    qnode = qml.set_shots(node(diff_method="parameter-shift"), 40)
    layer = QuantumLayer(qnode, W, copy.deepcopy(START))
    with qml.Tracker(qnode.device) as tracker:
        drawn = layer(X)
    assert tracker.totals["shots"] == 3 * 40
    torch.testing.assert_close(drawn * 20, (drawn * 20).round())
    own = QuantumLayer(node(), W, copy.deepcopy(START), shots=40)(X)
    torch.testing.assert_close(own * 20, (own * 20).round())


@differs(
    "TorchLayer",
    "other",
    "`isinstance(layer, qml.qnn.TorchLayer)` is false, and `print(layer)` shows the shapes of the weights",
    "It is a class of its own, which does not need PennyLane to be imported.",
)
def test_class_and_name():
    theirs, ours = both(node())
    assert isinstance(theirs, qml.qnn.TorchLayer) and not isinstance(ours, qml.qnn.TorchLayer)
    assert repr(ours) == "QuantumLayer(circuit, w=(2, 2))" != repr(theirs)


# --- TorchLayer: more -----------------------------------------------------------------------------------------------------


@differs(
    "TorchLayer",
    "more",
    "An empty batch gives an empty output and gradients of zero",
    "There it is an error of a reshape, in the last batch of some loaders.",
)
def test_empty_batches():
    theirs, ours = both(node())
    with pytest.raises(RuntimeError, match="cannot reshape"):
        theirs(X[:0])
    ours(X[:0]).sum().backward()
    assert not ours.w.grad.any()


@differs(
    "TorchLayer",
    "more",
    "Second derivatives, whatever the QNode's `diff_method` and device",
    "There, `adjoint` has none, nor has a Lightning device, and parameter shifts need `max_diff=2`.",
)
@pytest.mark.parametrize(
    "options", [{"diff_method": "adjoint"}, {"device": "lightning.qubit"}, {"diff_method": "parameter-shift"}]
)
def test_second_derivatives(options):
    def second(layer):
        slope = torch.autograd.grad(layer(X).sum(), layer.w, create_graph=True)[0]
        return torch.autograd.grad(slope.sum(), layer.w)[0]

    wanted = second(both(node())[0])
    theirs, ours = both(node(**options))
    torch.testing.assert_close(second(ours), wanted)
    with pytest.raises(RuntimeError, match="does not require grad"):
        second(theirs)


@differs(
    "TorchLayer",
    "more",
    "`torch.func.vmap` over stacked weights trains many seeds in one model",
    "There, the weights given to `functional_call` are not used, without a word.",
)
def test_vmap_over_weights():
    stacked = torch.stack([START["w"], 2 * START["w"]])

    def of(layer):
        return torch.func.vmap(lambda w: torch.func.functional_call(layer, {"w": w}, (X,)))(stacked)

    theirs, ours = both(node())
    wanted = torch.stack([qml.qnn.TorchLayer(node(), W, {"w": w.clone()})(X) for w in stacked])
    torch.testing.assert_close(of(ours), wanted)
    assert not torch.allclose(of(theirs), wanted)


@differs(
    "TorchLayer",
    "more",
    "A layer of a circuit that is defined inside a function can be pickled, once it has been read",
    "What was read travels, the function need not. So a layer can go to the workers of a sweep.",
)
def test_pickling():
    theirs, ours = both(node())
    expected = ours(X)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(theirs)
    torch.testing.assert_close(pickle.loads(pickle.dumps(ours))(X), expected)


# --- TorchConnector ---------------------------------------------------------------------------------------------------------


def parts(more=None):
    """A circuit with its input and weight parameters."""
    features, ansatz = z_feature_map(2, reps=1), real_amplitudes(2, reps=1)
    circuit = features.compose(ansatz)
    if more is not None:
        more(circuit)
    return circuit, list(features.parameters), list(ansatz.parameters)


FIRST = np.linspace(0.1, 1, 4)
SINGLE = X.float()


def connector(circuit, inputs, weights, **options):
    """Qiskit's layer."""
    network = EstimatorQNN(circuit=circuit, input_params=inputs, weight_params=weights, **options)
    return TorchConnector(network, initial_weights=FIRST)


def of_qiskit(circuit, inputs, weights, **options):
    """Ours, of the same."""
    return QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, initial_weights=FIRST, **options)


@differs(
    "TorchConnector",
    "refused",
    "`estimator=`, `gradient=`, `pass_manager=` and `default_precision=`",
    "Values and gradients are exact, and the circuit is run as it is written: transpile it before. For draws and noise: `shots=` "
    "and `noise=`.",
)
def test_arguments_of_qiskit():
    circuit, inputs, weights = parts()
    options = {"estimator": None, "gradient": None, "pass_manager": None, "default_precision": 0.1}
    TorchConnector(EstimatorQNN(circuit=circuit, input_params=inputs, weight_params=weights, **options))
    for name in options:
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, **{name: None})


@differs(
    "TorchConnector",
    "refused",
    "A reset inside the circuit, and `initialize`, which begins with one",
    "The layer computes unitary circuits. A reset at the beginning does nothing; `prepare_state` is `initialize` without it.",
)
def test_resets():
    for more in (lambda circuit: circuit.reset(0), lambda circuit: circuit.initialize([0.6, 0.8], 0)):
        assert connector(*parts(more))(SINGLE).shape == (3, 1)
        with pytest.raises(UnsupportedCircuitError, match=r"reset|initialize"):
            of_qiskit(*parts(more))
    prepared = parts(lambda circuit: circuit.prepare_state([0.6, 0.8], 0))
    torch.testing.assert_close(of_qiskit(*prepared)(SINGLE), connector(*prepared)(SINGLE), atol=1e-5, rtol=1e-5)


@differs(
    "TorchConnector",
    "refused",
    "An evolution under operators that do not commute (`PauliEvolutionGate`)",
    "Its matrix is exact there; gates only approximate it. Put the product formula in its place with `circuit.decompose`.",
)
@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
def test_evolutions():
    operator = SparsePauliOp.from_list([("XI", 0.3), ("ZZ", 0.5)])
    given = parts(lambda circuit: circuit.append(PauliEvolutionGate(operator, 0.7), [0, 1]))
    assert connector(*given)(SINGLE).shape == (3, 1)
    with pytest.raises(UnsupportedCircuitError, match="do not commute"):
        of_qiskit(*given)


@differs(
    "TorchConnector",
    "refused",
    "A network whose primitive draws samples, and sparse outputs",
    "Values are exact, and few. `shots=` draws; `from_qiskit` also takes the network's parts.",
)
def test_networks_that_draw():
    circuit, inputs, weights = parts()
    circuit.measure_all()
    options = {"circuit": circuit, "input_params": inputs, "weight_params": weights}
    network = SamplerQNN(**options, sampler=StatevectorSampler(default_shots=100, seed=0))
    assert TorchConnector(network, initial_weights=FIRST)(SINGLE).shape == (3, 4)
    with pytest.raises(UnsupportedCircuitError, match="StatevectorSampler draws at random"):
        QuantumLayer.from_qiskit(network)
    with pytest.raises(ValueError, match="sparse outputs are not supported"):
        QuantumLayer.from_qiskit(SamplerQNN(**options), sparse=True)


@differs(
    "TorchConnector",
    "refused",
    "Inputs of whole numbers",
    "They are most often labels or counts that were not scaled. `inputs.float()` says that they are meant.",
)
def test_whole_numbers():
    assert connector(*parts())(SINGLE.long()).dtype == torch.float32
    with pytest.raises(TypeError, match="allowed are tensors of floating point"):
        of_qiskit(*parts())(SINGLE.long())


@differs(
    "TorchConnector",
    "other",
    "`QuantumLayer.from_qiskit(circuit, ...)` takes the circuit; there needs to be no neural network in between",
    "Nothing is left for it to do. One that is given is `layer.neural_network`. Names in `state_dict()` are the same.",
)
def test_construction():
    theirs, ours = connector(*parts()), of_qiskit(*parts())
    assert getattr(ours, "neural_network", None) is None
    network = theirs.neural_network
    assert isinstance(network, EstimatorQNN) and QuantumLayer.from_qiskit(network).neural_network is network
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())


@differs(
    "TorchConnector",
    "other",
    "Outputs have the type of the inputs",
    "As in TorchLayer. There they are always float32.",
)
def test_types():
    for x in (X, SINGLE.half()):
        assert connector(*parts())(x).dtype == torch.float32
        assert of_qiskit(*parts())(x).dtype == x.dtype


@differs(
    "TorchConnector",
    "other",
    "A SamplerQNN's register may have any name",
    "There, one that is not called `meas` gives every sample the average over the batch.",
)
def test_registers():
    circuit, inputs, weights = parts()
    measured = QuantumCircuit(2, 2).compose(circuit)
    measured.measure([0, 1], [0, 1])
    network = SamplerQNN(circuit=measured, input_params=inputs, weight_params=weights)
    theirs, ours = TorchConnector(network, initial_weights=FIRST), QuantumLayer.from_qiskit(network, initial_weights=FIRST)
    singly = torch.cat([theirs(row[None]) for row in SINGLE])
    torch.testing.assert_close(ours(SINGLE), singly, atol=1e-6, rtol=0)
    torch.testing.assert_close(theirs(SINGLE), singly.mean(0).expand(3, 4), atol=1e-6, rtol=0)


@differs(
    "TorchConnector",
    "other",
    "Gradients of the inputs are always there",
    "They cost little. There, `input_gradients=True` asks for them, and without it layers before the circuit do not train.",
)
def test_gradients_of_inputs():
    slopes = []
    for layer in (connector(*parts()), connector(*parts(), input_gradients=True), of_qiskit(*parts())):
        x = SINGLE.clone().requires_grad_()
        layer(x).sum().backward()
        slopes.append(x.grad)
    assert slopes[0] is None
    torch.testing.assert_close(slopes[2], slopes[1], atol=1e-5, rtol=1e-5)


@differs(
    "TorchConnector",
    "other",
    "Parameters that do not fit are named",
    "Each parameter of the circuit has to be in one of the two lists. There, numbers of parameters are compared.",
)
def test_parameters_that_do_not_fit():
    circuit, inputs, weights = parts()
    with pytest.raises(ValueError, match="Number of circuit parameters"):
        EstimatorQNN(circuit=circuit, input_params=inputs, weight_params=weights[:3])
    with pytest.raises(ValueError, match=re.escape(f"parameters in neither list: {weights[3].name}")):
        QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights[:3])


@differs(
    "TorchConnector",
    "more",
    "Second derivatives, `torch.func.vmap` and empty batches",
    "The layer is made of functions that torch can differentiate again. There, each of the three is an error.",
)
def test_what_torch_asks():
    theirs, ours = connector(*parts()), of_qiskit(*parts())

    def second(layer):
        slope = torch.autograd.grad(layer(SINGLE).sum(), layer.weight, create_graph=True)[0]
        return torch.autograd.grad(slope.sum(), layer.weight)[0]

    for ask in (second, lambda layer: torch.func.vmap(layer)(SINGLE), lambda layer: layer(SINGLE[:0])):
        with pytest.raises((RuntimeError, ValueError)):
            ask(theirs)
        ask(ours)
    torch.testing.assert_close(torch.func.vmap(ours)(SINGLE), theirs(SINGLE), atol=1e-5, rtol=1e-5)


# --- the page ---------------------------------------------------------------------------------------------------------------


def test_the_page_holds_them_all():
    spec = importlib.util.spec_from_file_location("differences", ROOT / "book" / "_ext" / "qhbook" / "differences.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.differences(Path(__file__))
    tests = [test for name, test in globals().items() if name.startswith("test_") and test is not test_the_page_holds_them_all]
    marks = [mark.args for test in tests for mark in test.pytestmark if mark.name == "differs"]
    assert found == marks and len(marks) == len(tests)
    page = (ROOT / "book" / "differences.md").read_text(encoding="utf-8")
    shown = {tuple(words.split()) for words in re.findall(r"^```\{qh-differences\} (.*)$", page, re.MULTILINE)}
    assert shown == {(one.peer, one.kind) for one in found}

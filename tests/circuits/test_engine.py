"""The engine computes what PennyLane and Qiskit compute: values and gradients, on every path, in both precisions."""

import copy
import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pennylane as qml
import pytest
import random_circuits as drawing
import torch
from hypothesis import given
from qiskit_machine_learning.neural_networks import EstimatorQNN
from torch.func import functional_call, grad, grad_and_value, jacrev, vmap

from qhelpers.circuits import (
    Ansatz,
    Encoding,
    NoiseModel,
    QuantumLayer,
    VariationalCircuit,
    analysis,
    angles,
    direct,
    engine,
    kernels,
    prepared,
    states,
)
from qhelpers.circuits.engine import PATHS

#: Strength 0 makes the path of density matrices possible without changing a value.
NO_NOISE = NoiseModel("depolarizing", 0.0, "end")
EXACT = 1e-10


def ways(make):
    """Every path that is possible, compiled and in plain torch: (path, compiled, layer). The circuit is read once for all."""
    read = make()

    def layer(noise, path="auto", compiled=None):
        one = copy.deepcopy(read)  # shares what was read, and nothing that computes
        one.noise, one._path, one._compiled = noise, path, compiled
        return one

    for noise in (None, NO_NOISE):
        possible = [path for path in PATHS if path not in layer(noise).engine().reasons()]
        for path in possible if noise is None else set(possible) & {"density"}:
            for compiled in (True, False):
                yield path, compiled, layer(noise, path, compiled)


def of_weights(layer):
    """A layer as a function of inputs and its one weight tensor."""
    (name,) = layer.weight_shapes
    return lambda x, w: functional_call(layer, {name: w}, (x,))


def close(found, expected, tolerance=EXACT, message=""):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=0, msg=lambda text: f"{message}: {text}")


def all_ways(drawn):
    x, w = drawing.point()
    expected = drawing.in_pennylane(drawn, x, w)
    tried = set()
    for path, compiled, layer in ways(drawn.layer):
        close(drawing.graded(of_weights(layer), x, w), expected, message=f"{path}, compiled={compiled}")
        tried.add(path)
    return tried


# --- against the frameworks ------------------------------------------------------------------------------------------


@drawing.modest(20)
@given(drawing.circuits())
def test_values_and_gradients_are_pennylanes(drawn):
    assert all_ways(drawn) >= {"state", "density"}


@drawing.modest(10)
@given(drawing.circuits(first=True))
def test_data_first_opens_the_paths_of_one_observable(drawn):
    assert all_ways(drawn) >= {"terms", "state", "density"}


QISKIT_GATES = tuple(name for name in drawing.GATES if name not in ("u3", "iswap", "ccx", "cswap", "crx", "cry", "crz", "cp"))


@drawing.modest(12)
@given(
    drawing.circuits(
        max_qubits=3,
        max_gates=6,
        gates=QISKIT_GATES,
        kinds=("weight", "input", "scaled", "mixed", "product"),
        first=False,
        probs=False,
    )
)
def test_values_and_gradients_are_qiskits(drawn):
    """The gradients of EstimatorQNN are parameter shifts, so that circuits are small."""
    turns = (("ry", (0,), (("input", 0, 0, 1.0),)), ("rx", (0,), (("weight", 0, 0, 1.0),)))  # it wants inputs and weights
    words = tuple({word: value or 1.0 for word, value in one.items()} for one in drawn.observables)  # and no zeros
    circuit, inputs, weights, operators = replace(drawn, gates=(*turns, *drawn.gates), observables=words).qiskit()
    network = EstimatorQNN(
        circuit=circuit,
        observables=operators,
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
        default_precision=0.0,
    )
    x, w = (part[..., : len(names)] for part, names in zip(drawing.point(2), (inputs, weights), strict=True))
    values, (by_input, by_weight) = network.forward(x.numpy(), w.numpy()), network.backward(x.numpy(), w.numpy())
    for path in ("auto", "state"):
        layer = QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, observables=operators, path=path)
        function = of_weights(layer)
        jacobians = torch.autograd.functional.jacobian(function, (x, w))
        own = torch.stack([jacobians[0][k, :, k] for k in range(len(x))])
        for found, expected in ((function(x, w).detach(), values), (own, by_input), (jacobians[1], by_weight)):
            np.testing.assert_allclose(found, expected, atol=EXACT, rtol=0)


@drawing.modest(20)
@given(drawing.circuits(probs=False))
def test_the_same_circuit_read_from_either_framework(drawn):
    """All gates and angles, also those that Qiskit's gradients do not take."""
    circuit, inputs, weights, operators = drawn.qiskit()
    x, w = drawing.point()
    theirs = QuantumLayer.from_qiskit(circuit, input_params=inputs, weight_params=weights, observables=operators)
    columns, places = ([int(one.name[2:-1]) for one in names] for names in (inputs, weights))

    def function(x, w):
        return of_weights(theirs)(x[:, columns], w[places])

    close(drawing.graded(function, x, w), drawing.graded(of_weights(drawn.layer()), x, w))


PAPERS = [
    VariationalCircuit(Encoding("RY", 4), Ansatz("RY-RX", 4, 3, "linear")),
    VariationalCircuit(Encoding("Z", 4, 2), Ansatz("RealAmplitudes", 4, 2, "full"), "parity"),
    VariationalCircuit(Encoding("ZZ", 3, 2, "full"), Ansatz("EfficientSU2", 4, 1, "circular"), "each"),
    VariationalCircuit(Encoding("RX", 3), Ansatz("RZ-RY-RX", 4, 2, "ring"), "each"),
]


def points_of(circuit, n_samples, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n_samples, circuit.n_features, generator=generator, dtype=torch.float64) * 2 - 1
    w = torch.rand(*circuit.weight_shape, generator=generator, dtype=torch.float64) * 6
    return x.to(dtype), w.to(dtype)


def layer_of(circuit, **options):
    return QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=circuit.n_features, **options)


@pytest.mark.parametrize("circuit", PAPERS, ids=lambda one: f"{one.encoding.name}-{one.ansatz.name}")
def test_single_precision(circuit):
    x, w = points_of(circuit, 50, dtype=torch.float32)
    expected = drawing.graded(of_weights(layer_of(circuit)), x.double(), w.double())
    for path, compiled, layer in ways(lambda **options: layer_of(circuit, **options)):
        values, by_input, by_weight = drawing.graded(of_weights(layer), x, w)
        assert values.dtype == by_input.dtype == by_weight.dtype == torch.float32
        message = f"{path}, compiled={compiled}"
        # The ZZ map turns by 2(π - x)(π - y), up to 34 radians, which single precision holds to 2e-6 only.
        large = circuit.encoding.name == "ZZ"
        close([values.double()], expected[:1], 8e-6 if large else 2e-6, message)
        close([by_input.double()], expected[1:2], 2e-4 if large else 2e-6, message)
        torch.testing.assert_close(by_weight.double(), expected[2], atol=(2e-4 if large else 2e-6) * len(x) ** 0.5, rtol=2e-6)


@pytest.mark.parametrize("ansatz", ["RealAmplitudes", "RY-RX"])
def test_fourteen_qubits(ansatz):
    """One layer with a chain of CNOTs: the paths agree with each other and with PennyLane."""
    circuit = VariationalCircuit(Encoding("RY", 14), Ansatz(ansatz, 14, 1, "linear"), "parity" if ansatz == "RY-RX" else "each")
    x, w = points_of(circuit, 2)
    layer = layer_of(circuit)
    found = drawing.graded(of_weights(layer), x, w)
    node = qml.QNode(circuit.pennylane(), qml.device("default.qubit", wires=14), diff_method="backprop")

    def theirs(x, w):
        values = node(x, w)
        return torch.stack(values, 1) if isinstance(values, list) else values

    close(found, drawing.graded(theirs, x, w))
    others = [path for path in PATHS if path not in layer.engine().reasons()]
    assert set(others) >= {"terms", "train", "state"}
    for path in others:
        close(drawing.graded(of_weights(layer_of(circuit, path=path)), x, w), found, message=path)


# --- angles and circuits off the beaten track ------------------------------------------------------------------------


def turned(function, observable=qml.Z):
    """A qubit turned about X by a function of its input and weight, and <Z> (or another) of it."""

    def circuit(inputs, weights):
        qml.RX(function(inputs[..., 0], weights[0]), 0)
        return qml.expval(observable(0))

    return circuit


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: torch.relu(x - 3.0),  # flat where the circuit is first read
        lambda x, w: torch.clamp(x, -1.0, 0.05),
        lambda x, w: x * torch.relu(-w),
        lambda x, w: torch.where(x > 2.0, x, w),
        lambda x, w: torch.atan(x) / (1 + w**2),
        lambda x, w: torch.exp(-(x**2)),
        lambda x, w: torch.abs(x) ** 1.5,
        lambda x, w: 2.0 * x - (w + x),  # cancels in part
        lambda x, w: x - x + w,
    ],
)
def test_any_function_of_inputs_and_weights(function):
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)[:, None]
    for weight in (-1.5, 0.8):
        w = torch.tensor([weight], dtype=torch.float64)
        expected = drawing.graded(lambda x, w: torch.cos(function(x[:, 0], w[0])), x, w)
        for path, compiled, layer in ways(
            lambda **options: QuantumLayer(turned(function), {"weights": (1,)}, n_inputs=1, **options)
        ):
            close(drawing.graded(of_weights(layer), x, w), expected, message=f"{path}, compiled={compiled}, weight {weight}")


def alone(*observables):
    def circuit(inputs):
        qml.RX(inputs[..., 0], 0)
        return [qml.expval(one) for one in observables]

    return circuit


def test_outputs_that_are_constants_or_nothing():
    x = torch.tensor([[0.4], [1.2]], dtype=torch.float64)
    circuit = alone(qml.Identity(0), 0.0 * qml.Y(0), qml.X(0), qml.Z(1), qml.Y(0))
    zeros = torch.zeros(2, dtype=torch.float64)
    expected = torch.stack([zeros + 1, zeros, zeros, zeros + 1, -torch.sin(x[:, 0])], 1)
    for path, compiled, layer in ways(lambda **options: QuantumLayer(circuit, {}, n_inputs=1, **options)):
        close([layer(x)], [expected], message=f"{path}, compiled={compiled}")


@pytest.mark.parametrize("angle", [1e-9, -3e-10, np.pi / 2 + 1e-9, np.pi - 1e-9])
def test_almost_a_clifford_gate(angle):
    def circuit(inputs):
        qml.RX(inputs[..., 0], 0)
        qml.RX(angle, 0)
        return qml.expval(qml.Y(0))

    x = torch.tensor([[0.0], [0.3]], dtype=torch.float64)
    found = QuantumLayer(circuit, {}, n_inputs=1)(x)
    torch.testing.assert_close(found, -torch.sin(x[:, 0] + angle), atol=EXACT, rtol=0)


def test_empty_batch():
    for path, compiled, layer in ways(lambda **options: layer_of(PAPERS[3], **options)):
        x = torch.zeros(0, 3, requires_grad=True)
        values = layer(x)
        assert values.shape == (0, 4), (path, compiled)
        values.sum().backward()
        assert x.grad.shape == (0, 3) and not layer.weights.grad.any()


def test_without_inputs():
    def circuit(inputs, weights):
        qml.RY(weights, 0)
        return qml.expval(qml.Z(0))

    layer = QuantumLayer(circuit, {"weights": 1})
    torch.testing.assert_close(layer(), torch.cos(layer.weights))
    assert layer(torch.zeros(3, 0)).shape == (3,)
    assert layer.state().shape == (2,)


def test_large_batches_are_computed_in_parts(monkeypatch):
    monkeypatch.setattr(prepared, "_CHUNK_NUMBERS", 300)
    monkeypatch.setattr(states, "KEPT", 20)
    for circuit in PAPERS:
        x, w = points_of(circuit, 7)
        expected = drawing.graded(of_weights(layer_of(circuit)), x, w)
        for path, compiled, layer in ways(lambda circuit=circuit, **options: layer_of(circuit, **options)):
            close(drawing.graded(of_weights(layer), x, w), expected, message=f"{path}, compiled={compiled}")


@pytest.mark.parametrize("name", sorted(angles._UNARY | set(angles._BINARY)))
def test_compiled_angles_are_torchs(name):
    """Each operation that is compiled, of inputs and weights, beside the same circuit in plain torch."""

    def made(x, w):
        if name in angles._UNARY:
            return getattr(torch, name)(0.3 * x + 0.2 * torch.cos(w) + 0.4)
        return {"+": x.sin() + w.cos(), "*": x * w, "/": x / (2 + w * w), "**": (x * x + 0.1) ** (0.3 * w)}[name]

    def circuit(inputs, w):
        qml.RY(made(inputs[..., 0], w[0]), wires=0)
        qml.CNOT([0, 1])
        qml.RX(made(inputs[..., 1], w[1]) * w[2], wires=1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Y(1))]

    start = {"w": torch.tensor([0.4, -0.7, 1.1], dtype=torch.float64)}
    x = torch.tensor([[0.3, -0.2], [-0.6, 0.9], [0.1, 0.5]], dtype=torch.float64)
    found = []
    for compiled in (True, False):
        layer = QuantumLayer(circuit, {"w": 3}, {"w": start["w"].clone()}, n_inputs=2, compiled=compiled)
        assert (layer.engine().direct(3) is not None) == compiled
        inputs = x.clone().requires_grad_()
        outputs = layer(inputs)
        (outputs * torch.arange(1.0, 7.0).reshape(3, 2)).sum().backward()
        found.append((outputs.detach(), layer.w.grad, inputs.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", [1.0, 1e3, 0.99e6, 1e8])
def test_sines_and_cosines(scale):
    drawn = np.random.default_rng(0).uniform(-scale, scale, 1001)
    sines, cosines = np.empty_like(drawn), np.empty_like(drawn)
    kernels.sin_cos(drawn, sines, cosines)
    np.testing.assert_allclose(sines, np.sin(drawn), rtol=0, atol=5e-16)
    np.testing.assert_allclose(cosines, np.cos(drawn), rtol=0, atol=5e-16)


def test_threads_share_the_samples(monkeypatch):
    monkeypatch.setattr(engine, "LONG", 0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    for circuit, path in [(PAPERS[0], "terms"), *itertools.product(PAPERS, ["state"])]:
        layer = layer_of(circuit, path=path)
        for n_samples in (127, 128, 300):
            x, w = points_of(circuit, n_samples)
            found = drawing.graded(of_weights(layer), x, w)
            assert isinstance(layer.engine().direct(n_samples), direct.Threads) == (n_samples > 127)
            close(found, drawing.graded(of_weights(layer_of(circuit, path=path, compiled=False)), x, w))


# --- transforms of torch.func ----------------------------------------------------------------------------------------

SEEDS = 20


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("path", ["terms", "train", "state", "density"])
def test_twenty_seeds_together(path, compiled):
    circuit = PAPERS[0]
    layer = layer_of(circuit, path=path, compiled=compiled, noise=NO_NOISE if path == "density" else None)
    generator = torch.Generator().manual_seed(1)
    stack = torch.rand(SEEDS, *circuit.weight_shape, generator=generator, dtype=torch.float64) * 6
    x = torch.rand(SEEDS, 7, 4, generator=generator, dtype=torch.float64)

    def loss(weights, inputs):
        return ((functional_call(layer, {"weights": weights}, (inputs,)) - 0.3) ** 2).mean()

    for inputs, dims in ((x, (0, 0)), (x[0], (0, None))):
        each = [inputs[k] if dims[1] == 0 else inputs for k in range(SEEDS)]
        values, slopes = [], []
        for weights, rows in zip(stack, each, strict=True):
            weights = weights.clone().requires_grad_()
            values.append(loss(weights, rows))
            slopes.append(torch.autograd.grad(values[-1], weights)[0])
        expected = torch.stack(slopes), torch.stack(values).detach()
        close([vmap(loss, in_dims=dims)(stack, inputs)], expected[1:])
        close([vmap(grad(loss), in_dims=dims)(stack, inputs)], expected[:1])
        close(vmap(grad_and_value(loss), in_dims=dims)(stack, inputs), expected)
        by_input = vmap(grad(loss, argnums=1), in_dims=dims)(stack, inputs)
        rows = each[2].clone().requires_grad_()
        close([by_input[2]], torch.autograd.grad(loss(stack[2], rows), rows))
    shared = vmap(grad(loss), in_dims=(None, 0))(stack[0], x)
    close([shared[3]], [grad(loss)(stack[0], x[3])])


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("path", ["terms", "train", "state"])
def test_jacobians(path, compiled):
    circuit = PAPERS[3]
    function = of_weights(layer_of(circuit, path=path, compiled=compiled))
    x, w = points_of(circuit, 3)
    expected = torch.autograd.functional.jacobian(lambda x, w: function(x, w), (x, w))
    for argnums in (0, 1):
        close([jacrev(function, argnums=argnums)(x, w)], [expected[argnums]])


@pytest.mark.parametrize("n_inputs", [4, None])
def test_the_first_call_may_be_inside_a_transform(n_inputs):
    circuit = PAPERS[0]
    x, w = points_of(circuit, 3)
    expected = drawing.graded(of_weights(layer_of(circuit)), x, w)

    def fresh():
        layer = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=n_inputs)
        return of_weights(layer)

    mixture = torch.cos(torch.arange(3, dtype=torch.float64) + 1)
    function = fresh()
    close([grad(lambda w: (function(x, w) * mixture).sum())(w)], [expected[2]])
    close([vmap(fresh(), in_dims=(None, 0))(x, w[None])[0]], [expected[0]])


def test_many_samples_and_seeds_together(monkeypatch):
    """Computing in parts and mapping over seeds go together."""
    monkeypatch.setattr(prepared, "_CHUNK_NUMBERS", 100)
    circuit = PAPERS[0]
    x, _ = points_of(circuit, 9)
    stack = torch.rand(3, *circuit.weight_shape, dtype=torch.float64)
    for path in ("terms", "train", "state"):
        for compiled in (True, False):
            function = of_weights(layer_of(circuit, path=path, compiled=compiled))
            found = vmap(grad(lambda w, x, f=function: (f(x, w) ** 2).sum()), in_dims=(0, None))(stack, x)
            w = stack[1].clone().requires_grad_()
            close([found[1]], torch.autograd.grad((function(x, w) ** 2).sum(), w), message=f"{path}, compiled={compiled}")


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("path", ["terms", "train", "state"])
def test_further_derivatives_are_pennylanes(path, compiled):
    circuit = VariationalCircuit(Encoding("RY", 2), Ansatz("RealAmplitudes", 2, 1, "linear"))
    x, w = points_of(circuit, 2)
    node = qml.QNode(circuit.pennylane(), qml.device("default.qubit", wires=2), diff_method="backprop")
    layer = layer_of(circuit, path=path, compiled=compiled)

    def total(w):
        return of_weights(layer)(x, w).sum()

    def theirs(w):
        return node(x, w).sum()

    expected = torch.autograd.functional.hessian(theirs, w)
    for found in (
        torch.autograd.functional.hessian(total, w),
        torch.autograd.functional.hessian(total, w, vectorize=True),
        torch.func.hessian(total)(w),
        torch.func.jacrev(torch.func.grad(total))(w),
    ):
        close([found], [expected])
    close([torch.func.jacfwd(total)(w)], [torch.autograd.functional.jacobian(theirs, w)])
    rows = torch.autograd.functional.jacobian(lambda w: of_weights(layer)(x, w).reshape(-1), w, vectorize=True)
    close([rows], [torch.autograd.functional.jacobian(lambda w: node(x, w).reshape(-1), w)])


# --- memory, other machines ------------------------------------------------------------------------------------------

MEASURE = """
import sys, time, torch
torch.set_num_threads(1)
from qhelpers.circuits import Ansatz, Encoding, QuantumLayer, VariationalCircuit
for case in sys.argv[1:]:
    n, n_samples, path, observable = case.split(",")
    n, n_samples = int(n), int(n_samples)
    circuit = VariationalCircuit(Encoding("RY", n), Ansatz("RY-RX", n, 1 if n > 10 else 2, "linear"), observable)
    layer = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, path=path)
    x = torch.rand(n_samples, n, requires_grad=True)
    start = time.perf_counter()
    layer(x).square().sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().max() > 0
    # Not getrusage: that peak survives exec, so that it would be the test's own.
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1e6
    print(f"{case} on {layer.plan(n_samples).path}: {time.perf_counter() - start:.1f} s, {peak:.3f} GB", flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read as Linux tells it")
@pytest.mark.parametrize(
    "cases",
    [
        ["14,2000,auto,each", "10,100000,train,parity"],
        pytest.param(["14,2000,train,parity", "14,2000,state,each", "10,100000,auto,each"], marks=pytest.mark.slow),
    ],
)
def test_memory(cases):
    """A whole process, with torch and PennyLane in it, stays under 2 GB: forward and backward, gradients of inputs too."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *cases], capture_output=True, text=True, check=False)
    print(done.stdout)
    assert not done.returncode, done.stderr
    peaks = [float(line.split()[-2]) for line in done.stdout.splitlines()]
    assert len(peaks) == len(cases) and max(peaks) < 2, done.stdout


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy as np, torch
from qhelpers.circuits import QuantumLayer, VariationalCircuit, Encoding, Ansatz
found = []
for path in ("terms", "train", "state"):
    circuit = VariationalCircuit(Encoding("RY", 3), Ansatz("RY-RX", 3, 2, "linear"), "each")
    weights = torch.linspace(0, 3, 12, dtype=torch.float64).reshape(circuit.weight_shape)
    layer = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, {"weights": weights}, n_inputs=3, path=path)
    assert not layer.plan().compiled
    x = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()
    values = layer(x)
    values.square().sum().backward()
    found += [values.detach().numpy().ravel(), x.grad.numpy().ravel(), layer.weights.grad.numpy().ravel()]
try:
    QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=3, compiled=True)
except ValueError as error:
    assert "needs numba" in str(error), error
else:
    raise AssertionError("compiled=True without numba")
np.save(sys.argv[1], np.concatenate(found))
"""


def test_without_numba(tmp_path):
    file = tmp_path / "found.npy"
    subprocess.run([sys.executable, "-c", WITHOUT_NUMBA, file], check=True, capture_output=True, text=True)
    circuit = VariationalCircuit(Encoding("RY", 3), Ansatz("RY-RX", 3, 2, "linear"), "each")
    weights = torch.linspace(0, 3, 12, dtype=torch.float64).reshape(circuit.weight_shape)
    expected = []
    for path in ("terms", "train", "state"):
        layer = layer_of(circuit, path=path, compiled=True)
        x, w = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3).requires_grad_(), weights.clone().requires_grad_()
        values = of_weights(layer)(x, w)
        values.square().sum().backward()
        expected += [part.detach().numpy().ravel() for part in (values, x.grad, w.grad)]
    np.testing.assert_allclose(np.load(file), np.concatenate(expected), atol=EXACT, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
@pytest.mark.parametrize("circuit", PAPERS, ids=lambda one: one.encoding.name)
def test_on_a_gpu(circuit):
    x, w = points_of(circuit, 20)
    expected = drawing.graded(of_weights(layer_of(circuit)), x, w)
    for path, compiled, layer in ways(lambda **options: layer_of(circuit, **options)):
        found = drawing.graded(of_weights(layer.cuda()), x.cuda(), w.cuda())
        assert all(one.is_cuda for one in found)
        close([one.cpu() for one in found], expected, message=f"{path}, compiled={compiled}")


# --- plans and bad input ---------------------------------------------------------------------------------------------


def test_the_plan_says_what_and_why():
    layer = layer_of(PAPERS[0])
    plan = layer.plan(300)
    assert plan.path == "terms" and plan.n_qubits == 4 and plan.n_terms == 20
    assert set(plan.costs) == {"terms", "train", "state"} and min(plan.costs, key=plan.costs.get) == plan.path
    assert set(plan.reasons) == {"density"}
    text = str(plan)
    assert text.startswith("terms (") and "20 live terms" in text and "not density: there is no noise" in text
    late = drawing.Drawn(2, (("cx", (0, 1), ()), ("ry", (1,), (("input", 0, 0, 1.0),))), ({"ZZ": 1.0},)).layer().plan()
    assert late.path == "state" and late.n_terms is None
    assert "do not make a product state" in str(late) and "inputs come after gates of two qubits" in str(late)


def test_a_path_that_is_not_possible():
    late = drawing.Drawn(2, (("cx", (0, 1), ()), ("ry", (1,), (("input", 0, 0, 1.0),))), ({"ZZ": 1.0},))
    x = torch.zeros(2, drawing.N_INPUTS)
    for path, reason in (("terms", "product state"), ("train", "gates of two qubits"), ("density", "no noise")):
        with pytest.raises(ValueError, match=rf"path='{path}' is not possible here: .*{reason}.*; take path='auto'"):
            late.layer(path=path)(x)
    with pytest.raises(ValueError, match="path='state' is not possible here: noise makes mixed states"):
        late.layer(path="state", noise=NO_NOISE)(x)
    with pytest.raises(ValueError, match="path='fast' is unknown; allowed are 'auto', 'terms', 'train', 'state', 'density'"):
        late.layer(path="fast")


def test_compiled_needs_numba(monkeypatch):
    monkeypatch.setattr(prepared, "COMPILED", False)
    with pytest.raises(ValueError, match=r"compiled=True needs numba, .* pip install numba, or leave compiled out"):
        layer_of(PAPERS[0], compiled=True)
    assert not layer_of(PAPERS[0]).plan().compiled


def test_more_memory_than_allowed():
    circuit = VariationalCircuit(Encoding("RY", 12), Ansatz("RY-RX", 12, 1, "linear"), "each")
    layer = layer_of(circuit, path="state", max_memory=1e5)
    with pytest.raises(ValueError, match=r"12 qubits need .* GB on the path 'state', more than max_memory=.*use fewer qubits"):
        layer(torch.zeros(2, 12))


def test_a_wide_circuit_with_noise_says_what_to_do():
    def circuit(inputs):
        for q in range(7):
            qml.RY(inputs[..., q], q)
        for q in range(6):
            qml.CNOT([q, q + 1])
        qml.RY(inputs[..., 0], 6)
        return qml.expval(qml.Z(6))

    layer = QuantumLayer(circuit, {}, n_inputs=7, noise=NoiseModel("bit_flip", 0.1))
    with pytest.raises(ValueError, match=r"7 qubits with noise .* up to 6 qubits, not 7; use fewer qubits, or encode all data"):
        layer(torch.zeros(2, 7))


@pytest.mark.parametrize("path", PATHS[:3])
def test_an_output_that_nothing_can_change_has_no_gradient(path):
    def circuit(inputs, weights):
        qml.RX(0.3, wires=0)
        return [qml.expval(qml.PauliZ(0))]

    layer = QuantumLayer(circuit, {"weights": (1,)}, n_inputs=1, path=path)
    found = analysis.gradients(layer.engine(), torch.Generator().manual_seed(0))
    assert not any(one.any() for one in found)

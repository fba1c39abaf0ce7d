"""Right, or refused by name: what PennyLane's TorchLayer computes of a QNode, QuantumLayer computes too, or says why not."""

import copy
import functools
import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhelpers.circuits import NoiseModel, QuantumLayer, UnsupportedCircuitError

W = {"w": (2, 2)}


def two(inputs, w):
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(w, wires=range(2))
    return [qml.expval(qml.Z(0)), qml.expval(qml.X(1))]


def amplitudes(inputs, w):
    qml.AmplitudeEmbedding(inputs, wires=0, normalize=True)
    qml.RX(inputs[..., 1], wires=1)
    return two(inputs, w)


def signs(inputs, w):
    qml.BasisEmbedding((inputs > 0).int(), wires=range(2))
    return two(inputs, w)


def on(circuit, device="default.qubit", wires=2, **options):
    return qml.QNode(circuit, qml.device(device, wires=wires), interface="torch", **options)


def weights(shapes, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype) * 3 for name, shape in shapes.items()}


def points(*shape, seed=1, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype) * 4 - 2


def graded(layer, x):
    """Values and the gradients of a mixture of them to inputs and weights."""
    x = x.clone().requires_grad_()
    values = layer(x)
    mixture = torch.cos(torch.arange(values.numel(), dtype=values.dtype) + 1).reshape(values.shape)
    wanted = [x, *layer.parameters()]
    rates = torch.autograd.grad((values * mixture).sum(), wanted, allow_unused=True, materialize_grads=True)
    return [values.detach(), *rates]


def same(node, shapes, x, *, tolerance=1e-9, **options):
    """Compare with TorchLayer, and return what both give."""
    start = weights(shapes, x.dtype)
    theirs = qml.qnn.TorchLayer(node, shapes, {name: value.clone() for name, value in start.items()})
    ours = QuantumLayer(node, shapes, {name: value.clone() for name, value in start.items()}, **options)
    found, expected = graded(ours, x), graded(theirs, x)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)
    return found


# --- transforms and devices -------------------------------------------------------------------------------------------


@qml.transform
def doubled(tape):
    """A user's own: every rotation twice."""
    operations = [one for one in tape.operations for _ in range(2 if one.num_params else 1)]
    return [tape.copy(operations=operations)], lambda results: results[0]


@qml.transform
def negated(tape):
    """A user's own, which works on results."""
    return [tape], lambda results: -results[0]


def flat(inputs, w):
    for q in range(2):
        qml.RX(inputs[..., q], wires=q)
    for q in range(2):
        qml.RY(w[0, q], wires=q)
        qml.RY(w[1, q], wires=q)
    qml.Hadamard(0)
    qml.Hadamard(0)
    qml.CNOT([0, 1])
    return qml.expval(qml.Z(0) @ qml.X(1))


@pytest.mark.parametrize(
    "transform",
    [doubled, qml.transforms.cancel_inverses, qml.transforms.commute_controlled, qml.compile, qml.defer_measurements],
)
def test_what_a_qnode_runs_is_read_not_what_its_function_says(transform):
    same(transform(on(flat)), W, points(3, 2))


@pytest.mark.parametrize(
    ("transform", "name"),
    [
        (negated, "negated"),
        (functools.partial(qml.noise.insert, op=qml.AmplitudeDamping, op_args=0.2, position="end"), "AmplitudeDamping"),
        (functools.partial(qml.noise.fold_global, scale_factor=3.0), None),
        (
            functools.partial(
                qml.noise.mitigate_with_zne, scale_factors=[1, 3], folding=qml.noise.fold_global,
                extrapolate=qml.noise.poly_extrapolate, extrapolate_kwargs={"order": 1},
            ),
            "mitigate_with_zne",
        ),
        (qml.transforms.split_non_commuting, None),
        (qml.gradients.param_shift, "param_shift"),
    ],
)  # fmt: skip
def test_a_transform_that_makes_something_else_is_refused_by_name(transform, name):
    node = transform(on(flat, "default.mixed"))
    if name is None:  # these give the same circuit, or one of the same values
        same(node, W, points(3, 2))
        return
    with pytest.raises(UnsupportedCircuitError, match=name):
        QuantumLayer(node, W)(points(3, 2))


def test_exact_devices_are_taken_and_other_interfaces_are_not():
    with pytest.raises(ValueError, match="Invalid interface"):
        QuantumLayer(qml.QNode(two, qml.device("default.qubit"), interface="jax"), W)
    for device in ("default.qubit", "default.mixed", "lightning.qubit", "reference.qubit"):
        QuantumLayer(on(two, device), W)(points(3, 2))


def test_a_qnode_with_shots_is_pennylanes():
    node = qml.set_shots(on(two, diff_method="parameter-shift"), 50)
    layer = QuantumLayer(node, W)
    drawn = layer(points(3, 4, 2))
    assert drawn.shape == (3, 4, 2) and torch.allclose(drawn * 25, (drawn * 25).round(), atol=1e-6)
    assert layer(points(2)).shape == (2,)
    tuples = qml.set_shots(returning(lambda: (qml.expval(qml.Z(0)), qml.expval(qml.X(1))), diff_method="parameter-shift"), 50)
    for shape in ((2, 1, 2), (1, 2, 2), (3, 2)):
        assert QuantumLayer(tuples, W)(points(*shape)).shape == qml.qnn.TorchLayer(tuples, W)(points(*shape)).shape


# --- measurements -----------------------------------------------------------------------------------------------------


def returning(measure, **options):
    def circuit(inputs, w):
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.BasicEntanglerLayers(w, wires=range(2))
        return measure()

    return on(circuit, **options)


MEASURES = {
    "variance": lambda: qml.var(qml.Z(0)),
    "variance of a sum": lambda: qml.var(0.5 * qml.X(0) - 1.5 * qml.Z(0) @ qml.Z(1)),
    "variances among others": lambda: [qml.var(qml.Y(1)), qml.expval(qml.Z(0)), qml.var(qml.X(0)), qml.probs(wires=1)],
    "probabilities of a word": lambda: qml.probs(op=qml.X(0) @ qml.Y(1)),
    "probabilities of a matrix": lambda: qml.probs(op=qml.Hermitian(np.array([[1.0, 2 - 1j], [2 + 1j, -0.5]]), wires=1)),
    "a projector": lambda: qml.expval(qml.Projector([1, 0], wires=[0, 1])),
    "a list of one": lambda: [qml.expval(qml.Z(0))],
    "a tuple": lambda: (qml.expval(qml.Z(0)), qml.expval(qml.X(1))),
    "a tuple of one": lambda: (qml.expval(qml.Z(0)),),
    "a tuple of probabilities": lambda: (qml.probs(wires=0), qml.probs(wires=1)),
    "all probabilities": lambda: qml.probs(),
}


@pytest.mark.parametrize("shape", [(3, 2), (2,), (2, 3, 2), (1, 2)])
@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_measurements(measure, shape):
    same(returning(measure), W, points(*shape))


def test_a_tuple_that_pennylane_cannot_stack_is_refused():
    with pytest.raises(UnsupportedCircuitError, match="different widths"):
        QuantumLayer(returning(lambda: (qml.expval(qml.Z(0)), qml.probs(wires=1))), W)(points(3, 2))


def test_wires_without_a_device_are_pennylanes():
    def circuit(inputs, w):
        qml.RX(inputs[..., 0], wires=5)
        qml.RY(w, wires=2)
        return qml.probs()

    same(qml.QNode(circuit, qml.device("default.qubit"), interface="torch"), {"w": ()}, points(3, 1))


def test_measurements_inside_are_deferred():
    def circuit(inputs, w):
        qml.RX(inputs[..., 0], wires=0)
        first = qml.measure(0, reset=True)
        qml.cond(first, qml.RY)(w[0], wires=1)
        qml.RX(w[1], wires=0)
        second = qml.measure(0)
        qml.cond(first & ~second, qml.RX)(0.3, wires=1)
        return [qml.expval(qml.Z(1)), qml.expval(first), qml.probs(wires=[1])]

    same(on(circuit, wires=None), {"w": (2,)}, points(3, 1))
    same(qml.defer_measurements(on(circuit, wires=5)), {"w": (2,)}, points(3, 1))
    with pytest.raises(UnsupportedCircuitError, match="noise beside measurements inside"):
        QuantumLayer(on(circuit), {"w": (2,)}, noise=NoiseModel("bit_flip", 0.1))(points(3, 1))


# --- the circuit and the samples of a batch -----------------------------------------------------------------------------

MIX = torch.tensor([[1.0, 0.5], [-0.5, 1.0]])
LINEAR = torch.nn.Linear(2, 2)

ANGLES = {
    "a constant matrix": lambda x: x @ MIX.to(x),
    "a single constant matrix": lambda x: (x.float() @ MIX).to(x),
    "softmax of features": lambda x: torch.softmax(x, -1),
    "cumulated": lambda x: torch.cumsum(x, -1),
    "clamped": lambda x: torch.clamp(x, -0.5, 0.7),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "normed": lambda x: x / x.norm(dim=-1, keepdim=True),
    "largest": lambda x: x / x.abs().amax(-1, keepdim=True),
    "powers": lambda x: x**3 + 2.0**x,
    "atan2": lambda x: torch.atan2(x, torch.flip(x, [-1]) + 3),
    "in place": lambda x: torch.zeros_like(x).add_(x).mul_(2.0),
    "detached": lambda x: x.detach() * x,
    "polynomial": lambda x: torch.stack([x[..., 0] * x[..., 1], (np.pi - x[..., 0]) * (np.pi - x[..., 1])], -1),
}


@pytest.mark.parametrize("angles", ANGLES.values(), ids=ANGLES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_angles_of_inputs(angles, dtype):
    def circuit(inputs, w):
        made = angles(inputs)
        for q in range(2):
            qml.RY(made[..., q] * w[0, q] + w[1, q], wires=q)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    if dtype == torch.float64:
        same(on(circuit), W, points(4, 2, dtype=dtype), tolerance=1e-6)
        return
    # TorchLayer makes these angles in single precision and is up to 5e-5 from its own result in double: that is the reference.
    start, x = weights(W, dtype), points(4, 2, dtype=dtype)
    theirs = qml.qnn.TorchLayer(on(circuit), W, {name: value.double() for name, value in start.items()})
    ours = QuantumLayer(on(circuit), W, {name: value.clone() for name, value in start.items()})
    expected = graded(theirs, x.detach().double().requires_grad_(x.requires_grad))
    for one, other in zip(graded(ours, x), expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize(
    "statistic",
    [
        lambda x: x / x.max(),
        lambda x: x - x.mean(0),
        lambda x: x - x.mean(),
        lambda x: (x - x.mean(0)) / x.std(0),
        lambda x: torch.softmax(x, 0),
        lambda x: torch.roll(x, 1, 0) if x.ndim > 1 else x,
        lambda x: x * (x.sum() > 5),
        lambda x: torch.stack([x[0], x[1]], -1) if x.ndim == 1 else x[0].expand(x.shape),
    ],
)
def test_a_batch_whose_samples_are_mixed_is_refused(statistic):
    def circuit(inputs, w):
        qml.AngleEmbedding(statistic(inputs), wires=range(2))
        qml.BasicEntanglerLayers(w, wires=range(2))
        return qml.expval(qml.Z(0))

    layer = QuantumLayer(on(circuit), W)
    with pytest.raises(UnsupportedCircuitError, match="mixes the samples of a batch"):
        layer(points(4, 2))


def test_what_depends_on_weights_and_inputs_together_is_read_whole():
    def circuit(inputs, w):
        shares = torch.softmax(torch.cat([inputs, w[0].expand(*inputs.shape[:-1], 2)], -1), -1)
        for k in range(4):
            qml.RY(shares[..., k], wires=k % 2)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    found = same(on(circuit), W, points(3, 2))
    assert (found[1] != 0).all()
    layer = QuantumLayer(on(circuit), W, n_inputs=2)
    assert [reads[0] for reads in layer.circuit().angles.reads[:4]] == [frozenset({0, 1})] * 4


def drawn(inputs, w):
    qml.RX(inputs[..., 0] + np.random.default_rng().normal(), wires=0)
    qml.RY(w[0, 0], wires=0)
    return qml.expval(qml.Z(0))


def drawn_by_torch(inputs, w):
    qml.RX(inputs[..., 0] + torch.rand(()), wires=0)
    return qml.expval(qml.Z(0))


def by_numpy(inputs, w):
    qml.RX(torch.as_tensor(np.arctan(inputs)[..., 0]), wires=0)
    return qml.expval(qml.Z(0))


def prepared(inputs, w):
    qml.MottonenStatePreparation(inputs / inputs.norm(), wires=[0])
    return qml.expval(qml.Z(0))


def continuous(inputs, w):
    qml.Displacement(inputs[..., 0], 0.1, wires=0)
    return qml.expval(qml.Z(0))


def copied(inputs, w):
    qml.RX(torch.tensor(inputs[..., 0]), wires=0)
    return qml.expval(qml.Z(0))


@pytest.mark.parametrize(
    ("circuit", "name"),
    [
        (drawn, "drawn at random"),
        (drawn_by_torch, "draws at random"),
        (by_numpy, "NumPy"),
        (prepared, "MottonenStatePreparation"),
        (continuous, "Displacement"),
        (copied, "cuts gradients"),
    ],
)
def test_a_refusal_names_what_the_user_wrote(circuit, name):
    with pytest.raises(UnsupportedCircuitError, match=name) as caught:
        QuantumLayer(circuit, W, n_inputs=2)
    assert "tensor(" not in str(caught.value) and "proxy" not in str(caught.value).lower()


def test_a_linear_layer_inside_is_trained():
    torch.manual_seed(3)
    inside = torch.nn.Linear(2, 2).double()

    def circuit(inputs, w):
        qml.AngleEmbedding(inside(inputs), wires=range(2))
        qml.BasicEntanglerLayers(w, wires=range(2))
        return [qml.expval(qml.Z(k)) for k in range(2)]

    x, start = points(4, 2), weights(W)
    rates = []
    for kind in (qml.qnn.TorchLayer, QuantumLayer):
        layer = kind(on(circuit), W, {"w": start["w"].clone()})
        inside.zero_grad()
        for _ in range(2):
            layer(x).pow(2).sum().backward()
        rates.append([layer.w.grad, inside.weight.grad.clone(), inside.bias.grad.clone()])
    for one, other in zip(*rates, strict=True):
        torch.testing.assert_close(one, other)


def test_a_tensor_from_outside_that_changes_is_read_anew():
    scale, turn = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)

    def circuit(inputs, w):
        qml.RX(turn, wires=0)
        qml.AngleEmbedding(inputs * scale, wires=range(2))
        qml.BasicEntanglerLayers(w, wires=range(2))
        return qml.expval(qml.Z(0))

    x, start = points(3, 2), weights(W)
    theirs, ours = (kind(on(circuit), W, {"w": start["w"].clone()}) for kind in (qml.qnn.TorchLayer, QuantumLayer))
    torch.testing.assert_close(ours(x), theirs(x))
    scale.mul_(1.5)
    torch.testing.assert_close(ours(x), theirs(x))
    turn.add_(0.5)
    torch.testing.assert_close(ours(x), theirs(x))


# --- states that inputs give ------------------------------------------------------------------------------------------

MIXED = torch.tensor([[1.0, 1.0j], [2.0, 0.3 - 1j]], dtype=torch.complex128)
S = {"w": (1, 3, 3)}


def behind(inputs, w):
    qml.Hadamard(1)
    qml.StatePrep(inputs, wires=[0, 2], normalize=True)
    qml.CNOT([0, 1])


def reuploaded(inputs, w):
    qml.AmplitudeEmbedding(2 * inputs, wires=[0, 2], normalize=True)
    for q in range(3):
        qml.RY(inputs[..., q] * w[0, 0, 0], wires=q)
        qml.CNOT([q, (q + 1) % 3])


def divided(inputs, w):
    qml.AmplitudeEmbedding(inputs[..., :2], wires=[2], normalize=True)
    qml.AmplitudeEmbedding(inputs[..., 2:], wires=[0], normalize=True)


BEGINNINGS = {
    "normalised": lambda x, w: qml.AmplitudeEmbedding(x, wires=[2, 0], normalize=True),
    "padded": lambda x, w: qml.AmplitudeEmbedding(x, wires=[2, 0, 1], pad_with=0.3),
    "padded by an imaginary number": lambda x, w: qml.AmplitudeEmbedding(x[..., :3], wires=[1, 0], pad_with=0.3j),
    "as it is": lambda x, w: qml.StatePrep(x, wires=[0, 2]),
    "complex": lambda x, w: qml.StatePrep(torch.complex(x[..., :2], x[..., 2:]) @ MIXED, wires=[1], normalize=True),
    "computed": lambda x, w: qml.AmplitudeEmbedding(torch.sqrt(torch.softmax(x, -1)), wires=[0, 2]),
    "behind a gate on another wire": behind,
    "and angles of the same inputs": reuploaded,
    "on several wires": divided,
    "of weights": lambda x, w: qml.StatePrep(w[0, 0, :2] + x[..., :2] * w[0, 1, 2], wires=[0], normalize=True),
    "of weights only": lambda x, w: [
        qml.StatePrep(w[0, :2, 1], wires=[0], normalize=True),
        qml.AngleEmbedding(x[..., :3], range(3)),
    ],
    "constant": lambda x, w: [
        qml.StatePrep(torch.tensor([0.6, 0.8]).double(), wires=[0]),
        qml.AngleEmbedding(x[..., :3], range(3)),
    ],
}


def begun(beginning, **options):
    def circuit(inputs, w):
        beginning(inputs, w)
        qml.StronglyEntanglingLayers(w, wires=range(3))
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(1) @ qml.Y(2)), qml.expval(qml.Identity(0)), qml.probs(wires=[2, 1])]

    return on(circuit, wires=3, **options)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_amplitudes_of_inputs(beginning, compiled):
    for shape in ((3, 4), (4,), (1, 4), (2, 2, 4)):
        same(begun(beginning), S, points(*shape), compiled=compiled)
    single = points(3, 4, dtype=torch.float32)
    if beginning not in (BEGINNINGS["complex"], BEGINNINGS["constant"]):  # there PennyLane mixes types
        same(begun(beginning), S, single, tolerance=3e-5, compiled=compiled)


@pytest.mark.parametrize(
    "options", [{}, {"diff_method": "parameter-shift"}, {"device": "default.mixed"}, {"device": "lightning.qubit"}]
)
def test_derivatives_to_amplitudes_of_norm_1_are_those_of_the_way_that_pennylane_goes(options):
    x = points(2, 4)
    unit = x / x.norm(dim=-1, keepdim=True)
    mixed, rows = options.get("device") == "default.mixed", [unit[0], unit, torch.stack([unit[0], 1.5 * unit[1]])]
    for name in ("normalised", "as it is", *(() if mixed else ("behind a gate on another wire",))):  # which it has not
        for row in rows if mixed or not options else rows[:1]:  # the others have derivatives for one sample only
            same(begun(BEGINNINGS[name], **options), S, row, tolerance=1e-6)


def test_basis_states_of_inputs():
    def circuit(inputs, w):
        qml.BasisEmbedding(inputs[..., :2], wires=[2, 0])
        qml.RX(inputs[..., 2], wires=1)
        qml.BasisState(1 - inputs[..., 2:], wires=[0])  # behind a gate: it flips
        qml.StronglyEntanglingLayers(w, wires=range(3))
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(1))]

    rows = torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 1]], dtype=torch.float64)
    for options in ({}, {"compiled": False}, {"path": "state"}, {"path": "train"}):
        parts = [same(on(circuit, wires=3), S, row, **options) for row in rows]  # PennyLane takes one sample at a time
        layer = QuantumLayer(on(circuit, wires=3), S, {"w": weights(S)["w"]}, **options)
        torch.testing.assert_close(layer(rows), torch.stack([values for values, *_ in parts]))
        assert layer(rows[:0]).shape == (0, 2)
    assert (parts[0][1][:2] == 0).all() and parts[0][1][2] != 0
    flipped = QuantumLayer(on(circuit, wires=3), S, {"w": weights(S)["w"]}, noise=NoiseModel("bit_flip", 0.5, "end"))
    torch.testing.assert_close(flipped(rows)[:, 0], torch.zeros(3).double())


def test_what_is_no_state_is_refused_as_pennylane_refuses_it():
    def embedded(**options):
        return lambda x, w: qml.AmplitudeEmbedding(x, wires=[0, 2], **options)

    halves = torch.full((2, 4), 0.5, dtype=torch.float64)
    wrong = halves.clone()
    wrong[1, 0] = 0.7
    for beginning, x, message in (
        (embedded(), wrong, "AmplitudeEmbedding: the amplitudes of sample 1 have norm 1.11.*normalize=True"),
        (embedded(), wrong[1], "sample 0 have norm"),
        (lambda x, w: [qml.RX(0.1, 1), qml.StatePrep(x, wires=[0, 2])], wrong, "StatePrep: the amplitudes of sample 1"),
        (embedded(normalize=True), wrong[:, :3], "takes 4 amplitudes; got 3.*pad_with"),
        (embedded(pad_with=0.0), torch.ones(2, 5), "takes 4 amplitudes; got 5"),
        (lambda x, w: qml.BasisState(x, wires=[0, 2]), torch.ones(3), "BasisState on 2 wires"),
        (lambda x, w: qml.BasisState(x, wires=[0, 2]), torch.tensor([0.0, 0.5]), "BasisState: sample 0 gives 0.5"),
        (lambda x, w: qml.BasisState(x, wires=[0, 2]), torch.tensor([0.0, torch.nan]), "not finite"),
        (lambda x, w: qml.BasisState(torch.tensor([2, 0]), wires=[0, 2]), halves, "BasisState of .*0 and 1"),
    ):
        for layer in (qml.qnn.TorchLayer, QuantumLayer):
            with pytest.raises(ValueError, match=message if layer is QuantumLayer else None):
                layer(begun(beginning), S)(x)
    zero = torch.zeros(2, 4)  # PennyLane returns numbers that are none
    with pytest.raises(ValueError, match="norm 0, which cannot be normalised"):
        QuantumLayer(begun(embedded(normalize=True)), S)(zero)
    stacked = begun(lambda x, w: qml.StatePrep(torch.stack([x[..., 0], x[..., 1]]), wires=[0], normalize=True))
    with pytest.raises(UnsupportedCircuitError, match="mixes the samples"):
        QuantumLayer(stacked, S)(points(2, 2))
    inside = torch.func.vmap(QuantumLayer(begun(embedded()), S))(torch.stack([halves[0], wrong[1]]))
    assert not inside[0].isnan().any() and inside[1].isnan().all()  # where values cannot be looked at


@pytest.mark.parametrize("circuit", [amplitudes, signs])
def test_what_knows_nothing_of_an_initial_state_is_refused(circuit, tmp_path):
    layer = QuantumLayer(on(circuit), W, n_inputs=2)
    name = "AmplitudeEmbedding" if circuit is amplitudes else "BasisEmbedding"
    for ask in (layer.light_cone, layer.capacity, layer.surrogate, lambda: layer.export_onnx(tmp_path / "layer.onnx")):
        with pytest.raises(UnsupportedCircuitError, match=name):
            ask()
    if circuit is amplitudes:
        with pytest.raises(UnsupportedCircuitError, match=r"noise beside a state.*AmplitudeEmbedding"):
            layer.with_noise(NoiseModel("bit_flip", 0.1))(points(3, 2))
        for path in ("terms", "train"):
            with pytest.raises(ValueError, match="begins in a state given by its amplitudes"):
                QuantumLayer(on(circuit), W, path=path)(points(3, 2))
        raw = QuantumLayer(on(lambda inputs, w: [qml.StatePrep(inputs, wires=0), two(inputs, w)][1]), W, shots=10)
        with pytest.raises(ValueError, match="StatePrep: the amplitudes of sample 0"):
            raw(points(3, 2))


def test_states_of_circuits_that_begin_in_one():
    def circuit(inputs, measure):
        qml.AmplitudeEmbedding(inputs, wires=[2, 0], normalize=True)
        qml.RX(0.4, wires=0)
        qml.CNOT([0, 1])
        return measure()

    x = points(3, 4)
    expected = on(functools.partial(circuit, measure=qml.state), wires=3)(x)
    layer = QuantumLayer(on(lambda inputs: circuit(inputs, lambda: qml.expval(qml.Z(0))), wires=3), {})
    torch.testing.assert_close(layer.fidelity(expected, x), torch.ones(3).double())
    torch.manual_seed(0)
    drawn = QuantumLayer(on(lambda inputs: circuit(inputs, lambda: qml.expval(qml.Z(1))), wires=3), {}, shots=40_000)(x)
    torch.testing.assert_close(
        drawn, on(functools.partial(circuit, measure=lambda: qml.expval(qml.Z(1))), wires=3)(x), atol=0.02, rtol=0
    )


def test_further_derivatives_through_an_initial_state():
    def layers(circuit):
        start = weights(W)["w"]
        return [kind(on(circuit), W, {"w": start.clone()}) for kind in (qml.qnn.TorchLayer, QuantumLayer)]

    theirs, ours = layers(amplitudes)
    row = points(2)
    one, other = (torch.autograd.functional.hessian(lambda x, layer=layer: layer(x)[0], row) for layer in (theirs, ours))
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(torch.func.jacrev(ours)(row), torch.autograd.functional.jacobian(theirs, row))
    torch.testing.assert_close(torch.func.jacfwd(ours)(row), torch.autograd.functional.jacobian(theirs, row))
    vectorized = torch.autograd.functional.jacobian(ours, row, vectorize=True)
    torch.testing.assert_close(vectorized, torch.autograd.functional.jacobian(theirs, row))
    x = points(5, 2)
    torch.testing.assert_close(torch.func.vmap(ours)(x), theirs(x))
    each = torch.func.vmap(torch.func.grad(lambda row: ours(row).sum()))(x)
    inputs = x.clone().requires_grad_()
    theirs(inputs).sum().backward()
    torch.testing.assert_close(each, inputs.grad)
    seeds = torch.stack([weights(W, seed=k)["w"] for k in range(3)])
    mapped = torch.func.vmap(lambda w: torch.func.functional_call(ours, {"w": w}, (x,)))(seeds)
    torch.testing.assert_close(mapped[1], QuantumLayer(on(amplitudes), W, {"w": seeds[1]})(x))


@pytest.mark.parametrize("circuit", [amplitudes, signs])
def test_a_layer_with_an_initial_state_travels_and_can_be_compiled_around(circuit):
    x, layer = points(4, 2, dtype=torch.float32), from_pennylane(circuit)
    expected = layer(x)
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), torch.compile(layer, backend="eager")):
        torch.testing.assert_close(other(x), expected)


def test_preparations_of_pennylane_are_as_they_were_after_reading():
    before = qml.StatePrep.__init__, qml.BasisState.__init__

    def faulty(inputs, w):
        qml.AmplitudeEmbedding(inputs, wires=[0], normalize=True)
        raise RuntimeError("of the user's own")

    with pytest.raises(RuntimeError, match="of the user's own"):
        QuantumLayer(faulty, W, n_inputs=2)
    QuantumLayer(amplitudes, W, n_inputs=2)
    assert (qml.StatePrep.__init__, qml.BasisState.__init__) == before


# --- modes of torch ---------------------------------------------------------------------------------------------------

PATHS = [{}, {"compiled": False}, {"path": "state"}, {"path": "terms"}, {"path": "train"}, {"path": "state", "compiled": False}]


def in_double(call):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        call()
    finally:
        torch.set_default_dtype(before)


def on_meta(call):
    before = torch.get_default_device()
    torch.set_default_device("meta")
    try:
        call()
    finally:
        torch.set_default_device(before)


def within(context):
    def run(call):
        with context():
            call()

    return run


FIRST = {
    "no gradients": within(torch.no_grad),
    "inference": within(torch.inference_mode),
    "bfloat16": within(functools.partial(torch.autocast, "cpu", torch.bfloat16)),
    "float16": within(functools.partial(torch.autocast, "cpu", torch.float16)),
    "double": in_double,
    "another device": on_meta,
}


def from_qiskit():
    from qiskit.circuit.library import real_amplitudes, zz_feature_map

    features, ansatz = zz_feature_map(2), real_amplitudes(2)
    start = np.linspace(0.1, 1, ansatz.num_parameters)
    return QuantumLayer.from_qiskit(
        features.compose(ansatz), input_params=features.parameters, weight_params=ansatz.parameters, initial_weights=start
    )


def from_pennylane(circuit=two, **options):
    return QuantumLayer(on(circuit), W, {"w": weights(W, torch.float32)["w"].clone()}, **options)


MAKERS = [functools.partial(from_pennylane, **options) for options in PATHS] + [from_qiskit]
MAKERS += [functools.partial(from_pennylane, circuit, **options) for circuit in (amplitudes, signs) for options in PATHS[:2]]


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("make", MAKERS)
def test_the_first_call_may_come_in_any_mode(make, first):
    x = points(4, 2, dtype=torch.float32)
    expected, layer = graded(make(), x), make()
    first(lambda: layer(x))
    for one, other in zip(graded(layer, x), expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("make", MAKERS)
def test_the_first_call_may_come_in_a_transform(make):
    x = points(4, 2, dtype=torch.float32)
    expected = graded(make(), x)
    for transform in (
        lambda layer: torch.func.vmap(layer)(x),
        lambda layer: torch.func.grad(lambda x: layer(x).sum())(x),
        lambda layer: torch.func.jvp(layer, (x,), (torch.ones_like(x),)),
    ):
        layer = make()
        transform(layer)
        for one, other in zip(graded(layer, x), expected, strict=True):
            torch.testing.assert_close(one, other)


def test_the_first_call_may_come_in_a_forked_process():
    x, layer = points(4, 2, dtype=torch.float32), from_pennylane()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=lambda: there.send([one.numpy() for one in graded(layer, x)]))
    process.start()
    assert here.poll(240)
    found = here.recv()
    process.join()
    for one, other in zip(found, graded(layer, x), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


ELSEWHERE = """
import pickle, sys, torch
layer, x = pickle.loads(sys.stdin.buffer.read())
layer(x).sum().backward()
sys.stdout.buffer.write(pickle.dumps((layer(x).detach().numpy(), layer.w.grad.numpy())))
"""


def test_a_layer_travels_to_a_fresh_process():
    def closure(inputs, w):
        return two(inputs, w)

    x, layer = points(4, 2, dtype=torch.float32), QuantumLayer(closure, W, n_inputs=2)
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], input=pickle.dumps((layer, x)), capture_output=True, check=False)
    assert not done.returncode, done.stderr.decode()
    values, slope = pickle.loads(done.stdout)
    layer(x).sum().backward()
    np.testing.assert_allclose(values, layer(x).detach(), atol=1e-6)
    np.testing.assert_allclose(slope, layer.w.grad, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_inputs_of_low_precision_are_computed_in_single(dtype):
    x = points(5, 2, dtype=dtype)
    layer = from_pennylane()
    theirs = qml.qnn.TorchLayer(on(two), W, {"w": layer.w.detach().clone()})
    found = layer(x)
    assert found.dtype == theirs(x).dtype == dtype
    torch.testing.assert_close(found, layer(x.float()).to(dtype))
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), layer, torch.nn.Linear(2, 1))
    with torch.autocast("cpu", dtype):
        net(points(5, 2, dtype=torch.float32)).sum().backward()
    assert layer.w.grad.abs().sum() > 0


@pytest.mark.parametrize("make", MAKERS)
def test_an_empty_batch_has_gradients_of_zero(make):
    layer = make()
    found = layer(torch.zeros(0, 2))
    assert found.shape[0] == 0
    found.sum().backward()
    assert all(one.grad is not None and not one.grad.any() for one in layer.parameters())


def test_torch_compile_leaves_the_layer_as_it_is():
    layer, x = from_pennylane(), points(4, 2, dtype=torch.float32)
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), layer, torch.nn.Linear(2, 1))
    compiled = torch.compile(net, backend="eager")
    torch.testing.assert_close(compiled(x), net(x))
    compiled(x).sum().backward()
    assert layer.w.grad.abs().sum() > 0


# --- a literal swap ---------------------------------------------------------------------------------------------------


@qml.qnode(qml.device("default.qubit", wires=2), interface="torch")
def decorated(inputs, w):
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(w, wires=range(2))
    return [qml.expval(qml.Z(k)) for k in range(2)]


def test_a_decorated_qnode_travels_before_its_first_batch():
    layer = QuantumLayer(decorated, W)
    x = points(3, 2, dtype=torch.float32)
    for copied_ in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        torch.testing.assert_close(copied_(x), layer(x))
        assert copied_.qnode is decorated


def test_attributes_of_torchlayer():
    layer = QuantumLayer(qnode=decorated, weight_shapes=W)
    x = points(3, 2, dtype=torch.float32)
    assert layer.qnode is decorated and layer.input_arg == "inputs" and layer.device is decorated.device
    assert dict(layer.qnode_weights) == {"w": layer.w} and len(layer.qnode_weights) == 1
    assert "AngleEmbedding" in qml.draw(layer)(x) and qml.draw(layer)(x) == qml.draw(layer.qnode)(x, layer.w)
    assert len(qml.workflow.construct_tape(layer)(x).operations) == 2
    layer.qnode_weights["w"] = torch.zeros(2, 2)
    torch.testing.assert_close(layer(x)[:, 1], torch.cos(x[:, 1]))
    with pytest.raises(KeyError):
        layer.qnode_weights["v"] = torch.zeros(2, 2)
    with pytest.raises(AttributeError):
        layer.nothing  # noqa: B018


def test_what_does_not_fit_is_said_as_torchlayer_says_it():
    for circuit, shapes, kind, message in (
        (lambda x, w: None, W, TypeError, "must include an argument with name"),
        (lambda inputs, w: None, {"inputs": 2, "w": 2}, ValueError, "should not have its dimension specified"),
        (lambda inputs, w: None, {}, ValueError, "Must specify a shape for every non-input parameter"),
        (lambda inputs, w: None, {"w": 2, "v": 2}, ValueError, "Must specify a shape for every non-input parameter"),
        (lambda inputs, *w: None, {}, TypeError, "variable number of positional arguments"),
    ):
        for layer in (qml.qnn.TorchLayer, QuantumLayer):
            with pytest.raises(kind, match=message):
                layer(on(circuit), shapes)
    for layer in (qml.qnn.TorchLayer, QuantumLayer):
        with pytest.raises(KeyError):
            layer(decorated, W, {"v": torch.zeros(2, 2)})


# --- circuits, options, transforms, measurements and shapes drawn at random ----------------------------------------------

ANGLE = st.sampled_from(
    ["x0", "x1", "w0", "w1", "2.5 x0 + w1", "x0 x1", "x1 w0", "atan x0", "x0^2 - x1", "exp(-x1)", "relu x0", "0.7"]
)
FORMULAS = {
    "x0": lambda x, w: x[..., 0],
    "x1": lambda x, w: x[..., 1],
    "w0": lambda x, w: w[0],
    "w1": lambda x, w: w[1],
    "2.5 x0 + w1": lambda x, w: 2.5 * x[..., 0] + w[1],
    "x0 x1": lambda x, w: x[..., 0] * x[..., 1],
    "x1 w0": lambda x, w: x[..., 1] * w[0],
    "atan x0": lambda x, w: torch.arctan(x[..., 0]),
    "x0^2 - x1": lambda x, w: x[..., 0] ** 2 - x[..., 1],
    "exp(-x1)": lambda x, w: torch.exp(-x[..., 1]),
    "relu x0": lambda x, w: torch.relu(x[..., 0]),
    "0.7": lambda x, w: 0.7,
}
GATES = st.one_of(
    st.tuples(st.sampled_from(["RX", "RY", "RZ", "PhaseShift"]), ANGLE, st.permutations(range(3))),
    st.tuples(st.sampled_from(["CRY", "IsingXX", "ControlledPhaseShift"]), ANGLE, st.permutations(range(3))),
    st.tuples(st.sampled_from(["CNOT", "CZ", "SWAP", "Toffoli", "Hadamard", "S"]), st.none(), st.permutations(range(3))),
    st.tuples(st.just("measure"), ANGLE, st.permutations(range(3))),
)
RETURNS = [
    lambda: qml.expval(qml.Z(0)),
    lambda: [qml.expval(qml.X(1) @ qml.Z(2)), qml.expval(0.3 * qml.Y(0) - qml.Z(1))],
    lambda: qml.probs(wires=[2, 0]),
    lambda: [qml.probs(wires=1), qml.var(qml.Y(1) @ qml.X(0))],
    lambda: qml.var(qml.Z(0) + 0.5 * qml.X(2)),
    lambda: (qml.expval(qml.Z(0)), qml.expval(qml.Y(2))),
    lambda: qml.probs(op=qml.Y(1)),
    lambda: qml.purity(wires=[0]),
]
STATES = {
    None: None,
    "normalised": lambda x, w, wires: qml.AmplitudeEmbedding(x, wires=wires[:1], normalize=True),
    "padded": lambda x, w, wires: qml.AmplitudeEmbedding(x, wires=wires[:2], pad_with=0.4),
    "as it is": lambda x, w, wires: qml.StatePrep(x, wires=wires[:1]),
    "computed": lambda x, w, wires: qml.AmplitudeEmbedding(torch.sqrt(torch.softmax(x, -1)), wires=wires[:1]),
    "of weights": lambda x, w, wires: qml.StatePrep(w + x, wires=wires[:1], normalize=True),
    "bits": lambda x, w, wires: qml.BasisState((x > 0).int(), wires=wires[:2]),
}
TRANSFORMS = [
    None, doubled, negated, qml.transforms.cancel_inverses, qml.transforms.merge_rotations, qml.transforms.split_non_commuting,
    qml.transforms.single_qubit_fusion, functools.partial(qml.noise.insert, op=qml.BitFlip, op_args=0.1),
]  # fmt: skip


drawn_alike = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def right_or_refused(gates, begin, measure, transform, shape, dtype, diff_method, wires):
    def circuit(inputs, w):
        for k, (name, angle, places) in enumerate(gates):
            if begin[0] and k == min(begin[1], len(gates) - 1):
                STATES[begin[0]](inputs, w, list(begin[2]))
            if name == "measure":
                qml.cond(qml.measure(places[0]), qml.RX)(FORMULAS[angle](inputs, w), wires=places[1])
                continue
            kind = getattr(qml, name)
            given = [] if angle is None else [FORMULAS[angle](inputs, w)]
            kind(*given, wires=list(places)[: kind.num_wires])
        return measure()

    node = on(circuit, "default.mixed" if "insert" in str(transform) else "default.qubit", wires, diff_method=diff_method)
    node = node if transform is None else transform(node)
    x, shapes = points(*shape, dtype=dtype), {"w": (2,)}
    start = weights(shapes, dtype)
    try:
        found = graded(QuantumLayer(node, shapes, {"w": start["w"].clone()}), x)
    except UnsupportedCircuitError:
        return
    except ValueError:  # amplitudes without norm 1, where PennyLane cannot take them either
        with pytest.raises(Exception):  # noqa: B017
            graded(qml.qnn.TorchLayer(node, shapes, {"w": start["w"].clone()}), x)
        return
    try:
        expected = graded(qml.qnn.TorchLayer(node, shapes, {"w": start["w"].clone()}), x)
    except Exception:
        return  # what PennyLane itself cannot run
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7 if dtype == torch.float64 else 2e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
@settings(drawn_alike, max_examples=100)
@given(
    st.lists(GATES, min_size=1, max_size=6),
    st.tuples(st.sampled_from(list(STATES)), st.sampled_from([0, 0, 0, 0, 1, 2]), st.permutations(range(3))),
    st.sampled_from(RETURNS),
    st.sampled_from(TRANSFORMS),
    st.sampled_from([(3, 2), (2,), (1, 2), (2, 2, 2)]),
    st.sampled_from([torch.float64, torch.float32]),
    st.sampled_from(["backprop", "parameter-shift", "best"]),
    st.sampled_from([3, None]),
)
def test_right_or_refused(gates, begin, measure, transform, shape, dtype, diff_method, wires):
    right_or_refused(gates, begin, measure, transform, shape, dtype, diff_method, wires)


#: Shifts have derivatives for one sample only, and in single precision wrong ones for controlled rotations.
CASES = [
    ((2,), torch.float64, "backprop"),
    ((3, 2), torch.float64, "backprop"),
    ((3, 2), torch.float32, "backprop"),
    ((2,), torch.float64, "parameter-shift"),
]


@pytest.mark.filterwarnings("ignore")
@settings(drawn_alike, max_examples=60)
@given(
    st.lists(GATES, min_size=1, max_size=4),
    st.tuples(st.sampled_from([name for name in STATES if name]), st.sampled_from([0, 0, 0, 1]), st.permutations(range(3))),
    st.sampled_from(RETURNS[:4]),
    st.sampled_from(CASES),
)
def test_states_right_or_refused(gates, begin, measure, case):
    right_or_refused(gates, begin, measure, None, *case, 6)  # some for measurements that are deferred


# --- a step in one call -----------------------------------------------------------------------------------------------


def twice(inputs, w):
    """Inputs between entangling gates, which only state vectors take."""
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.CNOT([0, 1])
    return two(inputs, w)


def scored(outputs):
    """A loss that is no sum over samples, and its derivative."""
    total = float((outputs**2).sum())
    return total**2, 4 * total * outputs


@pytest.mark.parametrize("path", ["terms", "state", "train"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2,), (5, 2), (3, 2, 2)])
def test_value_and_grad_is_autograds(path, dtype, shape):
    layer = QuantumLayer(on(twice if path == "state" else two), W, path=path).to(dtype)
    x = points(*shape, dtype=dtype).detach().requires_grad_()
    found = layer.value_and_grad(x, scored, with_inputs=True)
    grad = layer.w.grad.clone()
    layer.w.grad = None
    outputs = layer(x)
    loss = (outputs**2).sum() ** 2
    loss.backward()
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    assert found.value == pytest.approx(float(loss), rel=tolerance)
    torch.testing.assert_close(torch.as_tensor(found.outputs), outputs.detach(), rtol=0, atol=1e-6)
    torch.testing.assert_close(grad, layer.w.grad, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(torch.as_tensor(found.inputs_grad), x.grad, rtol=tolerance, atol=tolerance)


def test_value_and_grad_writes_over_what_was_there_and_leaves_frozen_weights():
    layer = QuantumLayer(on(two), W)
    x = points(4, 2, dtype=torch.float32)
    layer.value_and_grad(x, scored)
    first, place = layer.w.grad.clone(), layer.w.grad.data_ptr()
    layer.value_and_grad(x, scored)
    torch.testing.assert_close(layer.w.grad, first)
    assert layer.w.grad.data_ptr() == place
    frozen = QuantumLayer(on(two), W)
    frozen.w.requires_grad_(False)
    frozen.value_and_grad(x, scored)
    assert frozen.w.grad is None


def test_value_and_grad_refuses_a_derivative_of_another_shape():
    layer = QuantumLayer(on(two), W)
    with pytest.raises(ValueError, match=r"derivative has shape \(3,\); the outputs have \(4, 2\)"):
        layer.value_and_grad(points(4, 2, dtype=torch.float32), lambda outputs: (0.0, np.zeros(3)))


# --- numbers from outside ---------------------------------------------------------------------------------------------

FACTOR = 1.0
TABLE = [0.5, 1.0]


def scaled_by_globals(inputs, w):
    qml.AngleEmbedding(_times(inputs) + TABLE[0], wires=range(2))
    qml.BasicEntanglerLayers(w, wires=range(2))
    return qml.expval(qml.Z(0))


def _times(x):
    return x * FACTOR


def test_numbers_from_outside_are_watched(monkeypatch):
    """Global names, those of functions that the circuit calls, closures, arrays and lists that change in place."""
    shift, offsets = 0.1, np.array([0.2, 0.3])

    def closed_over(inputs, w):
        qml.AngleEmbedding(inputs + shift + offsets[0], wires=range(2))
        qml.BasicEntanglerLayers(w, wires=range(2))
        return qml.expval(qml.Z(0))

    def change_shift():
        nonlocal shift
        shift = 0.7

    start = weights(W)
    for circuit, changes in (
        (scaled_by_globals, [lambda: monkeypatch.setitem(globals(), "FACTOR", 2.0), lambda: TABLE.__setitem__(0, 0.9)]),
        (closed_over, [change_shift, lambda: offsets.__setitem__(0, 1.5)]),
    ):
        theirs, ours = (
            kind(on(circuit), W, {name: value.clone() for name, value in start.items()})
            for kind in (qml.qnn.TorchLayer, QuantumLayer)
        )
        x = points(3, 2)
        before = ours(x)
        engine = ours.engine()
        torch.testing.assert_close(ours(x), before)
        assert ours.engine() is engine  # read once as long as nothing changes
        for change in changes:
            change()
            found = ours(x)
            assert not torch.allclose(found, before)
            torch.testing.assert_close(found, theirs(x), atol=1e-9, rtol=0)
            before = found

"""The seven quantum baselines: each learns, twice alike; circuits are PennyLane's; what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from qhelpers.papers.useful_life import quantum_baselines as quantum
from qhelpers.papers.useful_life.windows import Windows

qml = pytest.importorskip("pennylane")

SMALL = {
    "quantum-decision-tree": quantum.QuantumDecisionTree(2, 3, min_windows=20),
    "quantum-lstm": quantum.QuantumLSTM(0.1, n_qubits=2, every=2, n_steps=60),
    "quantum-sgd": quantum.QuantumSGD(0.1, 3, 1, n_steps=150),
    "quantum-eigensolver": quantum.QuantumEigensolver(3, 1, n_windows=200, n_steps=40),
    "quantum-aoa": quantum.QuantumAOA(3, 2, n_individuals=6, n_generations=5, n_windows=200),
    "quantum-dqn": quantum.QuantumDQN(0.03, 3, 1, n_steps=300, n_episodes=4, renewed=20),
    "quantum-vql": quantum.QuantumVQL(0.03, n_layers=1, n_steps=500, n_episodes=4, renewed=20),
}


def units(n_units, seed, n_features=6, length=4):
    """Windows of units that wear: each reading goes up or down to the failure, with noise."""
    rng = np.random.default_rng(seed)
    lives = rng.integers(30, 50, n_units)
    remaining = np.concatenate([np.arange(life)[::-1] for life in lives]).astype(float)
    wear = np.exp(-remaining / 15)[:, None] * np.linspace(1, -1, n_features)
    begin = np.repeat(np.r_[0, np.cumsum(lives)[:-1]], lives)
    last = np.flatnonzero(np.arange(len(begin)) - begin >= length - 1)
    return Windows(
        values=wear + rng.normal(0, 0.05, wear.shape), features=tuple("abcdef"[:n_features]), first=begin[last], last=last,
        length=length, unit=np.repeat(np.arange(n_units), lives)[last], remaining=remaining[last], y=remaining[last],
    )  # fmt: skip


TRAIN, TEST = units(8, 0), units(4, 1)


def test_table_7_has_seven():
    assert list(quantum.QUANTUM) == list(SMALL)
    for name, make in quantum.QUANTUM.items():
        assert type(make(3)) is type(SMALL[name]) and make(3).random_state == 3


@pytest.mark.parametrize("name", SMALL)
def test_each_learns_and_twice_alike(name):
    before = torch.get_rng_state()
    one = clone(SMALL[name]).set_params(random_state=1)
    predicted = one.fit(TRAIN).predict(TEST)
    assert torch.equal(before, torch.get_rng_state())
    assert predicted.shape == TEST.y.shape
    of_the_mean = np.sqrt(np.mean((TRAIN.y.mean() - TEST.y) ** 2))
    assert np.sqrt(np.mean((predicted - TEST.y) ** 2)) < 0.75 * of_the_mean
    # a few steps are enough to tell two seeds apart
    few = {"n_steps": 5, "n_generations": 1, "n_rounds": 1}
    short = clone(one).set_params(**{key: value for key, value in few.items() if key in one.get_params()})
    first, again = (clone(short).fit(TRAIN).predict(TEST) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (clone(short).set_params(random_state=2).fit(TRAIN).predict(TEST) != first).any()


@pytest.mark.parametrize("again", [False, True])
def test_a_circuit_and_its_gradients_are_those_of_pennylane(again):
    layer = quantum.circuit(3, 2, ["ZII", "IZZ", "IIX"], again=again)
    node = qml.QNode(layer.qnode, qml.device("default.qubit", wires=3))
    theirs = qml.qnn.TorchLayer(node, layer.weight_shapes, {"weights": layer.weights.detach().clone()}).double()
    found = []
    for one in (layer, theirs):
        x = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(4, 6)[:, : 6 if again else 3].clone().requires_grad_()
        outputs = one(x)
        (outputs * torch.linspace(1, 2, 12).reshape(4, 3)).sum().backward()
        found.append((outputs.detach(), x.grad, one.weights.grad if one is layer else one.qnode_weights["weights"].grad))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-12, rtol=0)


def test_the_alternation_is_that_of_qaoa():
    model = quantum.QuantumAOA(3, 2, n_individuals=4, n_generations=1, n_windows=64).fit(TRAIN)
    x = np.array([0.3, -0.5, 0.8])
    cost = qml.Hamiltonian([*x, 1, 1, 1], [qml.Z(0), qml.Z(1), qml.Z(2), *(qml.Z(a) @ qml.Z(b) for a, b in quantum.ring(3))])
    mixer = qml.qaoa.x_mixer(range(3))

    @qml.qnode(qml.device("default.qubit", wires=3))
    def theirs():
        for q in range(3):
            qml.Hadamard(q)
        for gamma, beta in model.angles_.reshape(2, 2):
            qml.qaoa.cost_layer(gamma, cost)
            qml.qaoa.mixer_layer(beta, mixer)
        return [qml.expval(qml.Z(q)) for q in range(3)]

    found = model._measured(torch.as_tensor(x)[None], model.angles_)[0, :3]
    np.testing.assert_allclose(found, theirs(), atol=1e-12)


def test_gradient_of_re_uploading_by_finite_differences():
    torch.manual_seed(0)
    network = quantum._Reuploading(3, 2)
    x = torch.rand(2, 3, dtype=torch.float64)
    weights = (network.scale, network.weight, network.circuit.weights)

    def values(*given):
        named = zip(("scale", "weight", "circuit.weights"), given, strict=True)
        return torch.func.functional_call(network, dict(named), (x,))

    # six observables and that of all: seven values
    assert values(*weights).shape == (2, 7)
    step = 1e-6
    for number, weight in enumerate(weights):
        (slope,) = torch.autograd.grad(values(*weights).sum(), weight, retain_graph=True)
        place = tuple(size - 1 for size in weight.shape)
        moved = []
        for sign in (1, -1):
            other = [one.detach().clone() for one in weights]
            other[number][place] += sign * step
            moved.append(float(values(*other).sum()))
        assert float(slope[place]) == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-7)


def test_an_inner_product_by_interference_and_from_shots():
    rng = np.random.default_rng(0)
    rows, centres = rng.normal(size=(2, 4)), rng.normal(size=(3, 4))

    @qml.qnode(qml.device("default.qubit", wires=3))
    def test_of(row, centre):
        halves = [row / np.linalg.norm(row), centre / np.linalg.norm(centre)]
        qml.AmplitudeEmbedding(np.concatenate(halves), range(3), normalize=True)
        qml.Hadamard(0)
        return qml.probs(0)

    expected = [[test_of(row, centre)[0] for centre in centres] for row in rows]
    np.testing.assert_allclose(quantum.probability_of_zero(rows, centres), expected, atol=1e-12)
    tree = quantum.QuantumDecisionTree(n_shots=10**8)
    tree._rng = rng
    true = ((rows[:, None] - centres) ** 2).sum(axis=2) - (rows**2).sum(axis=1)[:, None]
    np.testing.assert_allclose(tree._distances(rows, centres), true, atol=5e-3)


def test_later_generations_are_no_worse():
    errors = []
    for n_generations in (1, 6):
        model = quantum.QuantumAOA(3, 2, n_individuals=8, n_generations=n_generations, n_windows=200).fit(TRAIN)
        sample = np.sort(np.random.default_rng(0).permutation(len(TRAIN))[:200])  # as it was drawn
        errors.append(np.mean((model.predict(TRAIN.only(sample)) - TRAIN.y[sample]) ** 2))
    assert errors[1] < errors[0]


def test_a_record_that_ends_has_no_value_after_it(monkeypatch):
    """Records of one window learn nothing of what comes next, whatever it counts for; those that go on do."""
    alone = np.arange(len(TRAIN))
    ended = Windows(
        values=TRAIN.rows, features=TRAIN.features, first=alone, last=alone, length=1, unit=alone, remaining=TRAIN.y, y=TRAIN.y
    )
    agent, found = quantum.QuantumDQN(0.03, 2, 1, n_steps=30, n_episodes=2, renewed=5), []
    for discount in (0.99, 0.0):
        monkeypatch.setattr(quantum, "DISCOUNT", discount)
        found.append([clone(agent).fit(windows).network_[-1].weight.detach().numpy() for windows in (ended, TRAIN)])
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert (found[0][1] != found[1][1]).any()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (quantum.QuantumSGD(0.0), "learning_rate=0.0 .* above 0"),
        (quantum.QuantumEigensolver(1), "n_qubits=1 .* at least 2"),
        (quantum.QuantumAOA(n_generations=0), "n_generations=0 .* at least 1"),
        (quantum.QuantumSGD(n_qubits=7), "n_qubits=7 .* allowed are 6"),
        (quantum.QuantumLSTM(every=5), "every=5 .* allowed are 4"),
    ],
)
def test_parameters_are_refused_by_name(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(TRAIN)


def test_windows_are_refused_with_what_to_do():
    tree = SMALL["quantum-decision-tree"]
    with pytest.raises(ValueError, match=r"63 windows .* allowed are 64 or more"):
        clone(tree).fit(TRAIN.only(range(63)))
    with pytest.raises(ValueError, match="labels that are no number"):
        clone(tree).fit(Windows(**(vars(TRAIN) | {"y": np.where(TRAIN.y > 5, TRAIN.y, np.nan)})))
    with pytest.raises(NotFittedError):
        clone(tree).predict(TEST)
    with pytest.raises(ValueError, match=r"5 features .* allowed are 6"):
        clone(tree).fit(TRAIN).predict(units(4, 1, n_features=5))

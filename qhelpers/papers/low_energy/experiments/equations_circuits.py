"""Equations 1 to 21 of paper 1 without training, as printed beside what they must mean: circuits, losses, Adam, data."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers._extras import require
from qhelpers.circuits import entangling_pairs
from qhelpers.datasets import Dataset
from qhelpers.papers.low_energy import as_printed as printed
from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw

N_QUBITS = 4
CHAIN = entangling_pairs(N_QUBITS, "linear")
#: Rows that the algebra runs on; training takes all 300.
N_ROWS = 24

Metrics = dict[str, float]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """What an equation runs on.

    Attributes
    ----------
    x : ndarray of shape (n_rows, 4)
        Standardised sensors of real rows, in radians; fewer than four are repeated (deviation D1.2).
    labels : ndarray of shape (n_rows,)
        0 and 1.
    rng : numpy.random.Generator
        Draws weights and states.
    dataset : Dataset
    seed : int
    """

    x: Real
    labels: NDArray[np.int64]
    rng: np.random.Generator
    dataset: Dataset
    seed: int

    def weights(self, *shape: int) -> Real:
        """Angles drawn uniformly from [0, 2 pi)."""
        return self.rng.uniform(0, 2 * np.pi, shape)

    def states(self) -> list[Any]:
        """Density matrices of one qubit: the poles, the equator, and each row's first sensor turned by random angles."""
        plus, minus = np.array([1, 1]) / np.sqrt(2), np.array([1, -1]) / np.sqrt(2)
        vectors = [np.array([1, 0]), np.array([0, 1]), plus, minus]
        for value in self.x[:, 0]:
            vectors.append((printed.rz(self.rng.uniform(0, 2 * np.pi)) @ printed.ry(value))[:, 0])
        return [np.outer(vector, vector.conj()) for vector in vectors]


def gap(first: Any, second: Any) -> float:
    """Mean distance of two lists of outputs."""
    return float(np.mean(np.abs(np.asarray(first) - np.asarray(second))))


def beside(as_printed: Any, meant: Any) -> Metrics:
    """First output as printed and as meant, and the mean distance over all."""
    first, second = np.asarray(as_printed, float), np.asarray(meant, float)
    return {"as_printed": float(first.flat[0]), "meant": float(second.flat[0]), "disagreement": gap(first, second)}


def both_orders(run: Callable[[str], Any], meant: Any) -> Metrics:
    """`beside` for a product read as matrices, with the disagreement of both orders."""
    found = {order: run(order) for order in printed.ORDERS}
    return beside(found["matrices"], meant) | {f"disagreement.{order}": gap(found[order], meant) for order in found}


def _outputs(unitaries: Any, states: Any) -> Real:
    return printed.z0(np.array([unitary @ state for unitary, state in zip(unitaries, states, strict=True)]))


def _embedded(case: Case) -> list[Any]:
    return [printed.embedded(row) for row in case.x]


def _library(circuit: Any, n: int) -> Any:
    """Matrix of a Qiskit circuit with qubit 0 leftmost."""
    return np.asarray(require("qiskit.quantum_info", "circuits").Operator(circuit.reverse_bits()).data)


def eq_1(case: Case) -> Metrics:
    """Each row with weights of its own can be fitted; one set of weights for all rows cannot fit them all."""
    from scipy import optimize

    signs = 2.0 * case.labels - 1
    own = []
    for row, sign in zip(case.x, signs, strict=True):  # RY(theta) after RY(x): <Z> = cos(x + theta)
        theta = (0.0 if sign > 0 else np.pi) - row[0]
        own.append((np.cos(row[0] + theta) - sign) ** 2)
    grid = np.linspace(0, 2 * np.pi, 721)
    losses = ((np.cos(case.x[:, :1] + grid) - signs[:, None]) ** 2).mean(0)
    shared = float(losses.min())

    def loss(theta: float) -> float:
        return float(np.mean((np.cos(case.x[:, 0] + theta) - signs) ** 2))

    near = grid[int(losses.argmin())]
    descended = optimize.minimize_scalar(loss, bounds=(near - 0.1, near + 0.1), method="bounded").fun
    found = {"as_printed": float(np.mean(own)), "meant": shared, "disagreement": abs(float(np.mean(own) - shared))}
    return found | {"disagreement.components": abs(float(descended) - shared)}


def eq_2(case: Case) -> Metrics:
    """Layers of QNN-P multiplied as matrices or in order of time; reversing the names of the weights turns one into the other."""
    weights, states = case.weights(3, N_QUBITS, 2), _embedded(case)
    layers = [printed.layer(angles, CHAIN, "matrices") for angles in weights]
    meant = _outputs([printed.product(layers, "time")] * len(states), states)

    def run(order: str) -> Real:
        return _outputs([printed.product(layers, order)] * len(states), states)

    renamed = _outputs([printed.product(layers[::-1], "matrices")] * len(states), states)
    return both_orders(run, meant) | {"renamed": gap(renamed, meant)}


def eq_3(case: Case) -> Metrics:
    """The four scores over all thresholds on one output: the largest of each, and how far one threshold stays below them."""
    output, truth = case.x[:, 0], case.labels == 1
    scores = []
    for threshold in [*np.sort(output), np.inf]:
        said = output >= threshold
        hits = float(np.sum(said & truth))
        precision, recall = hits / max(said.sum(), 1), hits / truth.sum()
        scores.append((precision, recall, 2 * hits / (said.sum() + truth.sum()), float(np.mean(said == truth))))
    table = np.array(scores)
    short = (table.max(0) - table).max(1)
    best = dict(zip(("precision", "recall", "f1", "accuracy"), table.max(0).tolist(), strict=True))
    return {f"best.{name}": value for name, value in best.items()} | {"disagreement": float(short.min())}


def eq_4(case: Case) -> Metrics:
    """A sum of feature maps does not keep the norm."""
    ground = np.eye(2**N_QUBITS)[0]
    vectors = [printed.sum_of_feature_maps(row) @ ground for row in case.x]
    norms = [float(np.vdot(vector, vector).real) for vector in vectors]
    meant = printed.z0(np.array(_embedded(case)))
    return beside(printed.z0(np.array(vectors)), meant) | {"trace": float(np.mean(norms)), "trace_error": gap(norms, 1.0)}


def eq_5(case: Case) -> Metrics:
    """The product over repetitions alone, as Eq. 2, for the rotations and CNOTs of RealAmplitudes."""
    weights, states = case.weights(3, N_QUBITS), _embedded(case)
    layers = [printed.real_amplitudes(angles[None], CHAIN, "time") for angles in weights]
    meant = _outputs([printed.product(layers, "time")] * len(states), states)

    def run(order: str) -> Real:
        return _outputs([printed.product(layers, order)] * len(states), states)

    return both_orders(run, meant)


def eq_6(case: Case) -> Metrics:
    """RY beside the exponential of Y."""
    from scipy import linalg

    found = [gap(printed.ry(angle), linalg.expm(-0.5j * angle * printed.Y)) for angle in case.x[:, 0]]
    return {"as_printed": float(printed.ry(case.x[0, 0])[0, 0].real), "disagreement": max(found)}


def eq_7(case: Case) -> Metrics:
    """CNOT beside the library's."""
    library = require("qiskit.circuit.library", "circuits").CXGate().to_matrix()
    flipped = np.asarray(library)[[0, 2, 1, 3]][:, [0, 2, 1, 3]]  # qubit 0 leftmost
    return {"as_printed": float(printed.cnot(0, 1, 2)[3, 2].real), "disagreement": gap(printed.cnot(0, 1, 2), flipped)}


def eq_8(case: Case) -> Metrics:
    """RealAmplitudes as printed beside the library's, which ends with one more row of rotations."""
    library = require("qiskit.circuit.library", "circuits")
    weights, states = case.weights(3, N_QUBITS), _embedded(case)
    last = case.weights(1, N_QUBITS)
    circuit = library.real_amplitudes(N_QUBITS, reps=3, entanglement="linear")
    whole = np.concatenate([weights, last]).ravel()
    meant = _outputs([_library(circuit.assign_parameters(whole), N_QUBITS)] * len(states), states)
    found = both_orders(lambda order: _outputs([printed.real_amplitudes(weights, CHAIN, order)] * len(states), states), meant)
    still = np.concatenate([weights, 0 * last]).ravel()
    same = _outputs([_library(circuit.assign_parameters(still), N_QUBITS)] * len(states), states)
    mine = _outputs([printed.real_amplitudes(weights, CHAIN, "time")] * len(states), states)
    counts = {"parameters.printed": float(weights.size), "parameters.library": float(circuit.num_parameters)}
    return found | counts | {"without_last": gap(mine, same)}


def eq_9(case: Case) -> Metrics:
    """EfficientSU2 with "some operation" a CNOT, a CZ, nothing; the library's ends with one more row of rotations."""
    library = require("qiskit.circuit.library", "circuits")
    weights, states = case.weights(3, N_QUBITS, 2), _embedded(case)
    circuit = library.efficient_su2(N_QUBITS, reps=3, entanglement="linear")
    whole = np.concatenate([np.moveaxis(weights, 2, 1).ravel(), case.weights(2 * N_QUBITS)])
    meant = _outputs([_library(circuit.assign_parameters(whole), N_QUBITS)] * len(states), states)

    def cz(i: int, j: int, n: int) -> Any:
        turn = printed.on(printed.HADAMARD, j, n)
        return turn @ printed.cnot(i, j, n) @ turn

    operations: dict[str, Any] = {"cnot": printed.cnot, "cz": cz, "none": None}
    outputs = {
        name: _outputs([printed.efficient_su2(weights, CHAIN, "time", operation)] * len(states), states)
        for name, operation in operations.items()
    }
    found = both_orders(
        lambda order: _outputs([printed.efficient_su2(weights, CHAIN, order, printed.cnot)] * len(states), states), meant
    )
    spread = max(gap(a, b) for a, b in itertools.combinations(outputs.values(), 2))
    counts = {"parameters.printed": float(weights.size), "parameters.library": float(circuit.num_parameters)}
    return found | counts | {"undetermined": spread}


def su2(case: Case) -> Metrics:
    """Dimensions that R_y(theta) R_z(phi) reaches: of SU(2), which has three, and of the states from the ground state (two)."""
    theta, phi = case.rng.uniform(0.2, 1.3, 2)

    def rank(of: Callable[[float, float], Any]) -> float:
        step = 1e-5
        parts = [
            (of(theta + step, phi) - of(theta - step, phi)).ravel(),
            (of(theta, phi + step) - of(theta, phi - step)).ravel(),
        ]
        jacobian = np.array([np.concatenate([part.real, part.imag]) for part in parts]) / (2 * step)
        return float(np.linalg.matrix_rank(jacobian, tol=1e-4))

    found = {"as_printed": rank(lambda a, b: printed.product([printed.ry(a), printed.rz(b)], "time")), "meant": 3.0}
    found["disagreement"] = found["meant"] - found["as_printed"]
    for order in printed.ORDERS:

        def state(a: float, b: float, order: str = order) -> Any:
            vector = printed.product([printed.ry(a), printed.rz(b)], order)[:, 0]
            return np.outer(vector, vector.conj())

        found[f"of_states.{order}"] = rank(state)
    return found


def _map_outputs(unitaries: Any, weights: Real, n: int) -> Real:
    """Parity of the qubits after a feature map on the ground state and one block of RealAmplitudes."""
    block = printed.real_amplitudes(weights, entangling_pairs(n, "linear"), "time")
    parity = np.diag(printed.tensor([printed.Z] * n)).real
    states = np.array([block @ unitary[:, 0] for unitary in unitaries])
    values: Real = (np.abs(states) ** 2) @ parity
    return values


def eq_10(case: Case) -> Metrics:
    """The Z feature map beside the library's; read as matrices, one repetition loses the data."""
    library, n = require("qiskit.circuit.library", "circuits").z_feature_map(2, reps=1), 2
    weights, rows = case.weights(2, n), case.x[:, :n]
    meant = _map_outputs([_library(library.assign_parameters(row), n) for row in rows], weights, n)

    def run(order: str) -> Real:
        return _map_outputs([printed.z_feature_map(row, 1, order) for row in rows], weights, n)

    purity = [np.abs(printed.z_feature_map(row, 1, "time")[:, 0].reshape(2, 2)) for row in rows]
    entangled = max(float(np.linalg.svd(np.asarray(p), compute_uv=False)[1]) for p in purity)
    return both_orders(run, meant) | {"spread.matrices": float(np.std(run("matrices"))), "entangled": entangled}


def eq_11(case: Case) -> Metrics:
    """The ZZ feature map beside the library's, with the library's own data map and with the printed product."""
    make, n = require("qiskit.circuit.library", "circuits").zz_feature_map, 2
    weights, rows = case.weights(2, n), case.x[:, :n]

    def outputs(circuit: Any) -> Real:
        return _map_outputs([_library(circuit.assign_parameters(row), n) for row in rows], weights, n)

    def run(order: str) -> Real:
        return _map_outputs([printed.zz_feature_map(row, [(0, 1)], 1, order) for row in rows], weights, n)

    default, product_ = outputs(make(n, reps=1)), outputs(make(n, reps=1, data_map_func=lambda x: functools.reduce(_times, x)))
    found = both_orders(run, default)
    return found | {"disagreement.own_map": gap(run("time"), product_)}


def _times(a: Any, b: Any) -> Any:
    return a * b


def phase_place(case: Case) -> Metrics:
    """The last factor of Eq. 11 beside the sentence that says where its phase stands."""
    weights, rows = case.weights(2, 2), case.x[:, :2]
    start = [printed.tensor([printed.HADAMARD] * 2)] * len(rows)
    turn = [printed.on(printed.phase(2 * a * b), 1, 2) for a, b in rows]
    flip = printed.cnot(0, 1, 2)
    meant = _map_outputs([flip @ one @ flip @ h for one, h in zip(turn, start, strict=True)], weights, 2)
    said = [printed.phase_before_each_cnot(row, 0, 1) @ h for row, h in zip(rows, start, strict=True)]
    return beside(_map_outputs(said, weights, 2), meant)


def eq_12(case: Case) -> Metrics:
    """Angle embedding beside PennyLane's, and its norm."""
    qml = require("pennylane", "circuits")
    wires = range(N_QUBITS)
    library = [np.asarray(qml.matrix(qml.AngleEmbedding(row, wires, rotation="Y"), wire_order=wires))[:, 0] for row in case.x]
    norms = [float(np.vdot(state, state).real) for state in _embedded(case)]
    return {"trace": float(np.mean(norms)), "disagreement": gap(_embedded(case), library)}


def eq_13(case: Case) -> Metrics:
    """Rotations in the two orders, beside RY first, as caption, text and Algorithm 1 list them."""
    weights, states = case.weights(3, N_QUBITS, 2), _embedded(case)

    def run(order: str) -> Real:
        layers = [printed.layer(angles, CHAIN, order) for angles in weights]
        return _outputs([printed.product(layers, "time")] * len(states), states)

    return both_orders(run, run("matrices"))


def one_order(case: Case) -> Metrics:
    """Whether one way to read a product gives both the Z map of Eq. 10 and, of Eq. 13, the RY that text and figure put first."""
    maps, rotations = eq_10(case), eq_13(case)
    worst = {order: max(maps[f"disagreement.{order}"], rotations[f"disagreement.{order}"]) for order in printed.ORDERS}
    return {f"disagreement.{order}": value for order, value in worst.items()} | {"disagreement": min(worst.values())}


def eq_14(case: Case) -> Metrics:
    """The first state: its norm and its expectation value."""
    state = printed.tensor([printed.IDENTITY] * N_QUBITS)[:, 0]
    value = float(printed.z0(state))
    return {"as_printed": value, "trace": float(np.vdot(state, state).real), "disagreement": abs(value - 1)}


def eq_17(case: Case) -> Metrics:
    """The whole of QNN-P, Eqs. 12 to 17, beside PennyLane's."""
    qml = require("pennylane", "circuits")
    from qhelpers.papers.low_energy.circuits import angle_ry_rx_circuit

    weights = case.weights(3, N_QUBITS, 2)
    node = qml.QNode(angle_ry_rx_circuit(N_QUBITS, N_QUBITS, "chain"), qml.device("default.qubit", wires=N_QUBITS))
    layers = [printed.layer(angles, CHAIN, "matrices") for angles in weights]
    mine = _outputs([printed.product(layers, "time")] * len(case.x), _embedded(case))
    return beside(mine, [float(node(row, weights)) for row in case.x])


def eq_20(case: Case) -> Metrics:
    """Adam as printed beside PyTorch's, over fifty gradients."""
    torch = require("torch", "circuits")
    start, gradients = case.rng.normal(size=24), case.rng.normal(size=(50, 24))
    weights = torch.nn.Parameter(torch.tensor(start))
    optimiser = torch.optim.Adam([weights], lr=0.05)
    for gradient in gradients:
        weights.grad = torch.as_tensor(gradient)
        optimiser.step()
    return beside(printed.adam(list(gradients), start, 0.05), weights.detach().numpy())


def features(case: Case) -> Metrics:
    """Features that Section III-A lists beside the qubits of Algorithms 1 and 2, and what principal components can leave."""
    listed = float(len(FEATURES[case.dataset.name]) + (1 if case.dataset.name == "occupancy" else 0))  # humidity ratio
    found: Metrics = {"features": listed, "disagreement": abs(listed - 4.0)}
    for name, qubits in (("four", 4.0), ("two", 2.0)):
        found |= {f"misfit.{name}": abs(listed - qubits), f"misfit_reduced.{name}": max(qubits - listed, 0.0)}
    return found


def balance(case: Case) -> Metrics:
    """Classes in equal numbers, in training and testing."""
    train, test = draw(case.dataset, "300+300", np.random.default_rng(case.seed))
    shares = [float(case.dataset.y[rows].mean()) for rows in (train, test)]
    found = {"points": float(len(train)), "share.train": shares[0], "share.test": shares[1]}
    return found | {"disagreement": max(abs(share - 0.5) for share in shares)}


def depth_under_noise(case: Case) -> Metrics:
    """Spread of QNN-P's output under weak depolarizing noise after each gate, as a share of that without, by number of layers."""
    torch = require("torch", "circuits")
    from qhelpers.circuits import NoiseModel, QuantumLayer
    from qhelpers.papers.low_energy.circuits import angle_ry_rx_circuit

    found: Metrics = {}
    inputs = torch.as_tensor(case.x)
    for n_layers in (1, 3, 6):
        first = {"weights": torch.as_tensor(case.weights(n_layers, N_QUBITS, 2))}
        circuit = angle_ry_rx_circuit(N_QUBITS, N_QUBITS, "chain")
        layer = QuantumLayer(circuit, {"weights": (n_layers, N_QUBITS, 2)}, first, n_inputs=N_QUBITS).double()
        noisy = layer.with_noise(NoiseModel("depolarizing", 0.02, "gate"))
        with torch.no_grad():
            clean, blurred = layer(inputs), noisy(inputs)
        found[f"kept.{n_layers}"] = float(blurred.std() / clean.std())
    return found | {"disagreement": found["kept.1"] - found["kept.6"]}


def sizes(case: Case) -> Metrics:
    """Gates of QNN-P's circuit and seconds of PennyLane's simulation of 24 rows, by layers and by qubits."""
    qml = require("pennylane", "circuits")
    from qhelpers.papers.low_energy.circuits import angle_ry_rx_circuit

    found: Metrics = {}
    shapes = {"layers": [(4, 1), (4, 3), (4, 6)], "qubits": [(2, 3), (4, 3), (8, 3)]}
    for kind, pairs in shapes.items():
        for n_qubits, n_layers in pairs:
            weights = case.weights(n_layers, n_qubits, 2)
            rows = case.x[:, np.arange(n_qubits) % N_QUBITS]
            node = qml.QNode(angle_ry_rx_circuit(n_qubits, n_qubits, "chain"), qml.device("default.qubit", wires=n_qubits))
            node(rows, weights)
            spent = []
            for _ in range(3):
                start = time.process_time()
                node(rows, weights)
                spent.append(time.process_time() - start)
            size = n_layers if kind == "layers" else n_qubits
            found[f"seconds.{kind}.{size}"] = min(spent)
            found[f"gates.{kind}.{size}"] = float(n_qubits + weights.size + n_layers * (n_qubits - 1))
    return found | {"disagreement": found["seconds.layers.1"] - found["seconds.layers.6"]}


def networks(case: Case) -> Metrics:
    """What ran here of what the paper states: qubits, layers, strengths of the noise sweep, points."""
    from qhelpers.papers.low_energy.experiments.noise_in_testing import STRENGTHS
    from qhelpers.papers.low_energy.models import QNNHClassifier, QNNPClassifier, QNNQClassifier

    first = QNNPClassifier()
    (weights,) = first._module(N_QUBITS, 0).parameters()
    train, _ = draw(case.dataset, "300+300", np.random.default_rng(case.seed))
    found = {
        "layers.qnn-p": float(weights.shape[0]),
        "qubits.qnn-p": float(weights.shape[1]),
        "qubits.qnn-q": float(QNNQClassifier().n_qubits),
        "qubits.qnn-h": float(QNNHClassifier().n_qubits),
        "strength.first": float(min(STRENGTHS)),
        "strength.last": float(max(STRENGTHS)),
        "points": float(len(train)),
    }
    return found | {"disagreement": 0.0}

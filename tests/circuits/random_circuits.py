"""Circuits drawn at random, as data that can be built in PennyLane and in Qiskit: shared by the tests of the engine."""

from dataclasses import dataclass

import numpy as np
import pennylane as qml
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qhelpers.circuits import QuantumLayer

N_INPUTS, N_WEIGHTS = 3, 4
#: Numbers in angles and observables; small and few, so that they do not cost the examples their variety.
NUMBERS = (0.7, -1.3, 0.25, 2.0, 1.0)
#: Gate → (PennyLane's operation, Qiskit's method, number of wires, number of angles).
GATES = {
    "rx": (qml.RX, "rx", 1, 1), "ry": (qml.RY, "ry", 1, 1), "rz": (qml.RZ, "rz", 1, 1), "p": (qml.PhaseShift, "p", 1, 1),
    "u3": (qml.U3, "u", 1, 3), "h": (qml.Hadamard, "h", 1, 0), "s": (qml.S, "s", 1, 0), "t": (qml.T, "t", 1, 0),
    "sx": (qml.SX, "sx", 1, 0), "x": (qml.X, "x", 1, 0), "y": (qml.Y, "y", 1, 0), "cx": (qml.CNOT, "cx", 2, 0),
    "cy": (qml.CY, "cy", 2, 0), "cz": (qml.CZ, "cz", 2, 0), "swap": (qml.SWAP, "swap", 2, 0), "iswap": (qml.ISWAP, "iswap", 2, 0),
    "crx": (qml.CRX, "crx", 2, 1), "cry": (qml.CRY, "cry", 2, 1), "crz": (qml.CRZ, "crz", 2, 1),
    "cp": (qml.ControlledPhaseShift, "cp", 2, 1), "rxx": (qml.IsingXX, "rxx", 2, 1), "ryy": (qml.IsingYY, "ryy", 2, 1),
    "rzz": (qml.IsingZZ, "rzz", 2, 1), "ccx": (qml.Toffoli, "ccx", 3, 0), "cswap": (qml.CSWAP, "cswap", 3, 0),
}  # fmt: skip
#: Angles by kind; x and w are what the framework calls inputs and weights, i and j places, c a number.
ANGLES = {
    "constant": lambda x, w, i, j, c: c,
    "quarter": lambda x, w, i, j, c: round(c) * np.pi / 2,
    "weight": lambda x, w, i, j, c: w(i),
    "weights": lambda x, w, i, j, c: w(i) * w(j) - 0.5 * w(i),
    "input": lambda x, w, i, j, c: x(i),
    "scaled": lambda x, w, i, j, c: c * x(i) + 0.3,
    "difference": lambda x, w, i, j, c: x(i) - 2 * x(j),
    "mixed": lambda x, w, i, j, c: w(i) - c * x(j),
    "product": lambda x, w, i, j, c: w(i) * x(j),
    "squares": lambda x, w, i, j, c: (np.pi - x(i)) * (np.pi - x(j)),
    "sine": lambda x, w, i, j, c: c * sine(x(i)),
}


def sine(value):
    if isinstance(value, torch.Tensor):
        return torch.sin(value)
    return np.sin(value) if isinstance(value, (float, np.ndarray)) else value.sin()


@dataclass(frozen=True)
class Drawn:
    """A circuit as data, built in either framework; observables are dictionaries of words, or a tuple of wires for probs."""

    n_qubits: int
    gates: tuple
    observables: tuple
    scalar: bool = False

    def pennylane(self, tensors=False):
        """The circuit as a quantum function; `tensors` turns numbers into tensors, which PennyLane needs beside tensors in U3."""

        def circuit(inputs, weights):
            for name, wires, angles in self.gates:
                if name == "barrier":
                    qml.Barrier(range(self.n_qubits))
                    continue
                values = [ANGLES[kind](lambda k: inputs[..., k], lambda k: weights[k], i, j, c) for kind, i, j, c in angles]
                if tensors:
                    values = [torch.as_tensor(value, dtype=torch.float64) for value in values]
                GATES[name][0](*values, wires=wires)
            found = [measured(one) for one in self.observables]
            return found[0] if self.scalar else found

        return circuit

    def qiskit(self):
        """The circuit and its inputs and weights, those only that it holds (Qiskit wants no others)."""
        x, w = ParameterVector("x", N_INPUTS), ParameterVector("w", N_WEIGHTS)
        circuit = QuantumCircuit(self.n_qubits)
        for name, wires, angles in self.gates:
            if name == "barrier":
                circuit.barrier()
                continue
            values = [ANGLES[kind](lambda k: x[k], lambda k: w[k], i, j, c) for kind, i, j, c in angles]
            getattr(circuit, GATES[name][1])(*values, *wires)
        operators = [
            SparsePauliOp([word[::-1] for word in one], list(one.values())) for one in self.observables if isinstance(one, dict)
        ]
        return circuit, [p for p in x if p in circuit.parameters], [p for p in w if p in circuit.parameters], operators

    def node(self, device="default.qubit", interface="auto"):
        method = "backprop" if device == "default.qubit" else "best"
        circuit = self.pennylane(tensors=interface != "numpy")
        return qml.QNode(circuit, qml.device(device, wires=self.n_qubits), diff_method=method, interface=interface)

    def layer(self, **options):
        return QuantumLayer(self.pennylane(), {"weights": N_WEIGHTS}, n_inputs=N_INPUTS, **options)


def measured(observable):
    if isinstance(observable, tuple):
        return qml.probs(wires=list(observable))
    return qml.expval(qml.dot(list(observable.values()), [qml.pauli.string_to_pauli_word(word) for word in observable]))


def angle(kinds):
    return st.tuples(
        st.sampled_from(kinds),
        st.integers(0, N_INPUTS - 1),
        st.integers(0, N_INPUTS - 1),
        st.sampled_from(NUMBERS),
    )


@st.composite
def circuits(draw, max_qubits=4, max_gates=14, kinds=tuple(ANGLES), gates=tuple(GATES), probs=True, first=None, barriers=False):
    """Circuits with inputs anywhere, or (`first`) with an encoding on each qubit before the gates."""
    n = draw(st.integers(1, max_qubits))
    wires = st.permutations(range(n))
    names = [name for name in gates if GATES[name][2] <= n] + (["barrier"] if barriers else [])
    chosen = []
    first = draw(st.booleans()) if first is None else first
    if first:
        kinds = tuple(kind for kind in kinds if kind in ("constant", "quarter", "weight", "weights"))
        for q in range(n):
            for name in draw(st.lists(st.sampled_from(["h", "rx", "ry", "rz", "p", "t"]), min_size=1, max_size=3)):
                own = [draw(angle(("input", "scaled", "difference", "squares", "sine", "mixed"))) for _ in range(GATES[name][3])]
                chosen.append((name, (q,), tuple(own)))
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=max_gates)):
        if name == "barrier":
            chosen.append((name, (), ()))
            continue
        places = tuple(draw(wires)[: GATES[name][2]])
        chosen.append((name, places, tuple(draw(angle(kinds)) for _ in range(GATES[name][3]))))
    word = st.text("IXYZ", min_size=n, max_size=n)
    one = [st.dictionaries(word, st.sampled_from((*NUMBERS, 0.0)), min_size=1, max_size=3)]
    if probs:
        one.append(st.tuples(wires, st.integers(1, n)).map(lambda pair: tuple(pair[0][: pair[1]])))
    return Drawn(n, tuple(chosen), tuple(draw(st.lists(st.one_of(one), min_size=1, max_size=3))))


def modest(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def point(n_samples=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n_samples, N_INPUTS, generator=generator, dtype=torch.float64) * 6 - 3
    w = torch.rand(N_WEIGHTS, generator=generator, dtype=torch.float64) * 6
    return x.to(dtype), w.to(dtype)


def graded(function, x, w):
    """Values, and the gradients of a random mixture of them to inputs and weights."""
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    values = function(x, w)
    mixture = torch.cos(torch.arange(values.numel(), dtype=values.dtype) + 1).reshape(values.shape)
    total = (values * mixture).sum()
    if not total.requires_grad:
        return values.detach(), torch.zeros_like(x), torch.zeros_like(w)
    return values.detach(), *torch.autograd.grad(total, (x, w), allow_unused=True, materialize_grads=True)


def in_pennylane(drawn, x, w):
    """PennyLane's values (n_samples, n_outputs) and gradients, as of `graded`."""
    node = drawn.node()

    def function(inputs, weights):
        columns = []
        for one, found in zip(drawn.observables, node(inputs, weights), strict=True):
            found = torch.as_tensor(found).reshape(-1, 2 ** len(one) if isinstance(one, tuple) else 1)
            columns.append(found.expand(len(inputs), -1))  # a circuit without inputs has no batch
        return torch.cat(columns, 1)

    return graded(function, x, w)

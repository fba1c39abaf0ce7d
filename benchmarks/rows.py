"""The rows of the speed benchmark: circuits as plain descriptions, their data, and what each must compute.

`expected` is a state vector in NumPy with parameter-shift gradients: slow, in double precision, and independent of every
library that is timed. A time counts only where outputs and gradients agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

#: Samples on which the peers are compared with `expected`.
CHECKED = 8
#: Largest difference in outputs and in gradients of the loss. float32 is good for about 1e-6 here.
TOLERANCE = 1e-5


class Gate(NamedTuple):
    """One gate; its angle is ``scale`` times an input, or times (π - an input)(π - another), or a weight, or there is none."""

    name: str
    qubits: tuple[int, ...]
    source: str | None = None
    index: int = 0
    scale: float = 1.0
    other: int = 0

    def of(self, inputs: Any) -> Any:
        """Return the angle from inputs (..., n_inputs)."""
        if self.source == "pair":
            return self.scale * (np.pi - inputs[..., self.index]) * (np.pi - inputs[..., self.other])
        return self.scale * inputs[..., self.index]


@dataclass(frozen=True)
class Row:
    """A circuit and a batch: an encoding of one feature a qubit, then blocks of rotations and, or not, a chain of CNOTs.

    ``encoding`` names gates with the factor of the input (None: no angle), ``blocks`` pairs (rotations on each qubit,
    whether a chain 0-1, 1-2, ... follows); ``program``, any gates, takes the place of both. ``observables`` are the qubits of
    each product of Z; none for the probabilities of all basis states. ``seeds`` of 0: one set of weights.
    """

    name: str
    work: str
    n_qubits: int
    encoding: tuple[tuple[str, float | None], ...]
    blocks: tuple[tuple[tuple[str, ...], bool], ...]
    observables: tuple[tuple[int, ...], ...]
    batch: int
    input_gradients: bool = False
    seeds: int = 0
    #: The row with the same circuit and a smaller batch: what is scaled for that row holds here too.
    circuit_of: str | None = None
    program: tuple[Gate, ...] = ()
    #: Only the outputs are wanted, no gradients.
    inference: bool = False
    #: Timed in the fast libraries only.
    further: bool = False

    @property
    def n_weights(self) -> int:
        """Number of weights: one a rotation, by block, qubit, rotation."""
        if self.program:
            return sum(gate.source == "weight" for gate in self.program)
        return self.n_qubits * sum(len(rotations) for rotations, _ in self.blocks)

    @property
    def n_outputs(self) -> int:
        """Number of outputs a sample."""
        return len(self.observables) or 2**self.n_qubits

    def chain(self) -> list[tuple[int, int]]:
        """Return control and target of an entangling layer's CNOTs, in order."""
        return [(qubit, qubit + 1) for qubit in range(self.n_qubits - 1)]

    def gates(self) -> Iterator[Gate]:
        """Yield the gates in the order of application."""
        yield from self.program
        if self.program:
            return
        for qubit in range(self.n_qubits):
            for name, scale in self.encoding:
                yield Gate(name, (qubit,)) if scale is None else Gate(name, (qubit,), "input", qubit, scale)
        weight = 0
        for rotations, entangled in self.blocks:
            for qubit in range(self.n_qubits):
                for name in rotations:
                    yield Gate(name, (qubit,), "weight", weight)
                    weight += 1
            if entangled:
                yield from (Gate("cx", pair) for pair in self.chain())


RY = (("ry", 1.0),)
H_P = (("h", None), ("p", 2.0))
QNN_P = Row(
    "1", "QNN-P: 4 qubits, RY, 3 × (RY RX, CNOT chain), ⟨Z₀⟩, batch 300", 4, RY, ((("ry", "rx"), True),) * 3, ((0,),), 300
)
QEML = Row(
    "2",
    "QEML-Net: 4 qubits, RY, 6 × (RZ RY RX, CNOT chain), four ⟨Z⟩, gradients of inputs too, batch 256",
    4,
    RY,
    ((("rz", "ry", "rx"), True),) * 6,
    ((0,), (1,), (2,), (3,)),
    256,
    input_gradients=True,
)
HQML = Row(
    "3",
    "Pure-HQML: 10 qubits, H P(2x), RealAmplitudes 3 repetitions, linear, ⟨Z₀⟩, batch 1,024",
    10,
    H_P,
    (*(((("ry",), True),) * 3), (("ry",), False)),
    ((0,),),
    1024,
)
QNN_Q = Row(
    "4",
    "QNN-Q: 2 qubits, Z map 1 repetition, RealAmplitudes 1 repetition, ⟨ZZ⟩, batch 300",
    2,
    H_P,
    ((("ry",), True), (("ry",), False)),
    ((0, 1),),
    300,
)


def numbered(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Return gates with the weights numbered in their order."""
    listed, weight = [], 0
    for gate in gates:
        listed.append(gate._replace(index=weight) if gate.source == "weight" else gate)
        weight += gate.source == "weight"
    return tuple(listed)


def turn(name: str, qubit: int, source: str | None = "weight", index: int = 0, scale: float = 1.0) -> Gate:
    """Return a gate of one qubit."""
    return Gate(name, (qubit,), source, index, scale)


def ring(n_qubits: int, step: int = 1) -> list[Gate]:
    """Return a ring of CNOTs."""
    return [Gate("cx", (qubit, (qubit + step) % n_qubits)) for qubit in range(n_qubits)]


def re_uploading(n_qubits: int, n_layers: int) -> tuple[Gate, ...]:
    """RY of the inputs, RZ and RY of weights, a ring; again and again."""
    layer = [turn("ry", qubit, "input", qubit) for qubit in range(n_qubits)]
    layer += [turn(name, qubit) for qubit in range(n_qubits) for name in ("rz", "ry")] + ring(n_qubits)
    return numbered(layer * n_layers)


def strongly_entangling(n_qubits: int, n_layers: int) -> tuple[Gate, ...]:
    """PennyLane's StronglyEntanglingLayers after RY of the inputs."""
    gates = [turn("ry", qubit, "input", qubit) for qubit in range(n_qubits)]
    for layer in range(n_layers):
        gates += [turn(name, qubit) for qubit in range(n_qubits) for name in ("rz", "ry", "rz")] + ring(n_qubits, layer + 1)
    return numbered(gates)


def zz_map(n_qubits: int) -> tuple[Gate, ...]:
    """Qiskit's ZZFeatureMap (2 repetitions, full) and RealAmplitudes (1 repetition, linear)."""
    gates: list[Gate] = []
    for _ in range(2):
        for qubit in range(n_qubits):
            gates += [Gate("h", (qubit,)), turn("p", qubit, "input", qubit, 2.0)]
        for a, b in combinations(range(n_qubits), 2):
            gates += [Gate("cx", (a, b)), Gate("p", (b,), "pair", a, 2.0, b), Gate("cx", (a, b))]
    gates += [turn("ry", qubit) for qubit in range(n_qubits)]
    gates += [Gate("cx", (qubit, qubit + 1)) for qubit in range(n_qubits - 1)]
    return numbered(gates + [turn("ry", qubit) for qubit in range(n_qubits)])


def transfer(n_qubits: int, n_layers: int) -> tuple[Gate, ...]:
    """The circuit of PennyLane's transfer learning tutorial: H and RY of the inputs, then CNOTs on even and odd pairs and RY."""
    gates: list[Gate] = []
    for qubit in range(n_qubits):
        gates += [Gate("h", (qubit,)), turn("ry", qubit, "input", qubit)]
    for _ in range(n_layers):
        gates += [Gate("cx", (qubit, qubit + 1)) for first in (0, 1) for qubit in range(first, n_qubits - 1, 2)]
        gates += [turn("ry", qubit) for qubit in range(n_qubits)]
    return numbered(gates)


def further(name: str, work: str, program: tuple[Gate, ...], n_qubits: int, batch: int, **options: Any) -> Row:
    """Return a row beside those of the papers; measured is ⟨Z⟩ of each qubit unless said otherwise."""
    options = {"observables": tuple((qubit,) for qubit in range(n_qubits))} | options
    return Row(name, work, n_qubits, (), (), batch=batch, program=program, further=True, **options)


FOUR = tuple(replace(QNN_P).gates())
ROWS = {
    row.name: row
    for row in (
        QNN_P,
        replace(QNN_P, name="1b", work="the same, batch 10,000", batch=10_000, circuit_of="1"),
        QEML,
        replace(QEML, name="2b", work="the same, batch 10,000", batch=10_000, circuit_of="2"),
        HQML,
        replace(HQML, name="3p", work="the same, ⟨Z…Z⟩ of all ten", observables=(tuple(range(10)),)),
        QNN_Q,
        further("p", "QNN-P's circuit, probabilities of all 16 basis states, batch 300", FOUR, 4, 300, observables=()),
        further("one", "QNN-P's circuit, ⟨Z₀⟩, one sample, outputs only", FOUR, 4, 1, observables=((0,),), inference=True),
        further(
            "t",
            "transfer layer: 4 qubits, H RY, 6 × (CNOTs, RY), four ⟨Z⟩, gradients of inputs too, batch 32",
            transfer(4, 6),
            4,
            32,
            input_gradients=True,
        ),
        further(
            "r4",
            "re-uploading: 4 qubits, 4 × (RY, RZ RY, ring), ⟨Z₀⟩, batch 300",
            re_uploading(4, 4),
            4,
            300,
            observables=((0,),),
        ),
        further("r8", "re-uploading: 8 qubits, 3 layers, eight ⟨Z⟩, batch 256", re_uploading(8, 3), 8, 256),
        further(
            "z",
            "ZZ map (2 repetitions) and RealAmplitudes: 4 qubits, ⟨ZZZZ⟩, batch 300",
            zz_map(4),
            4,
            300,
            observables=((0, 1, 2, 3),),
        ),
        further("s8", "StronglyEntanglingLayers: 8 qubits, 3 layers, eight ⟨Z⟩, batch 256", strongly_entangling(8, 3), 8, 256),
        further("s12", "the same, 12 qubits, twelve ⟨Z⟩", strongly_entangling(12, 3), 12, 256),
        further(
            "w",
            "14 qubits: RY, 2 × (RY, ring), fourteen ⟨Z⟩, batch 32",
            numbered([turn("ry", q, "input", q) for q in range(14)] + ([turn("ry", q) for q in range(14)] + ring(14)) * 2),
            14,
            32,
        ),
        replace(QNN_P, name="seeds", work="QNN-P of row 1 with twenty sets of weights, batch 300", seeds=20),
    )
}


def data(row: Row, n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (n_samples, n_qubits), normal, and targets ±1 (n_samples, outputs), in float32."""
    rng = np.random.default_rng([1, seed])
    inputs = rng.normal(size=(n_samples, row.n_qubits)).astype(np.float32)
    return inputs, rng.choice(np.float32([-1, 1]), (n_samples, row.n_outputs))


def weights(row: Row) -> np.ndarray:
    """Return weights (n_weights,), or (seeds, n_weights), uniform in [0, 2π), in float32."""
    shape = (row.seeds, row.n_weights) if row.seeds else (row.n_weights,)
    return np.random.default_rng(2).uniform(0, 2 * np.pi, shape).astype(np.float32)


def matrix(name: str, angle: Any) -> np.ndarray:
    """Return the 2 × 2 matrix of a one-qubit gate, of shape angle.shape + (2, 2)."""
    angle = np.asarray(angle, dtype=float)
    one, cosine, sine = np.ones_like(angle), np.cos(angle / 2), np.sin(angle / 2)
    entries = {
        "h": (one / 2**0.5, one / 2**0.5, one / 2**0.5, -one / 2**0.5),
        "p": (one, 0 * one, 0 * one, np.exp(1j * angle)),
        "rx": (cosine, -1j * sine, -1j * sine, cosine),
        "ry": (cosine, -sine, sine, cosine),
        "rz": (np.exp(-0.5j * angle), 0 * one, 0 * one, np.exp(0.5j * angle)),
    }[name]
    return np.stack([np.asarray(entry, dtype=complex) for entry in entries], -1).reshape(*angle.shape, 2, 2)


def outputs(row: Row, inputs: np.ndarray, weights: np.ndarray, shift: Callable[[int], float] = lambda gate: 0.0) -> np.ndarray:
    """Return the expectation values (batch, outputs); `shift` adds to the angle of the gate of that number."""
    batch, n_qubits = inputs.shape
    state = np.zeros((batch, *(2,) * n_qubits), dtype=complex)
    state[(slice(None), *(0,) * n_qubits)] = 1
    for number, gate in enumerate(row.gates()):
        axes = [qubit + 1 for qubit in gate.qubits]
        if gate.name == "cx":
            moved = np.moveaxis(state, axes, (0, 1))
            moved[1] = moved[1, ::-1].copy()
            continue
        angle = np.zeros(batch)
        if gate.source is not None:
            angle = np.full(batch, weights[gate.index]) if gate.source == "weight" else gate.of(inputs)
        moved = np.moveaxis(state, axes[0], -1)
        rotated = np.einsum("bij,b...j->b...i", matrix(gate.name, angle + shift(number)), moved)
        state = np.moveaxis(rotated, -1, axes[0])
    probabilities = np.abs(state.reshape(batch, -1)) ** 2
    if not row.observables:
        return probabilities
    bits = np.arange(2**n_qubits)[:, None] >> np.arange(n_qubits - 1, -1, -1) & 1
    signs = [np.prod(1 - 2 * bits[:, list(qubits)], axis=1) for qubits in row.observables]
    return probabilities @ np.stack(signs, axis=1)


@cache
def expected(row: Row) -> dict[str, np.ndarray]:
    """Return ``outputs``, ``weight_gradient`` and, where the row asks, ``input_gradient`` of the mean squared error.

    On `CHECKED` samples; every rotation obeys the parameter-shift rule df/dθ = (f(θ + π/2) - f(θ - π/2)) / 2, and P(θ) is
    RZ(θ) up to a phase. With seeds, outputs and gradients have a first axis of seeds.
    """
    if row.seeds:
        singles = [expected_of(row, one) for one in weights(row)]
        return {name: np.stack([single[name] for single in singles]) for name in singles[0]}
    return expected_of(row, weights(row))


def expected_of(row: Row, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `expected` says, for one set of weights."""
    inputs, targets = data(row, CHECKED)
    found = outputs(row, inputs, weights)
    if row.inference:
        return {"outputs": found}
    slope = 2 * (found - targets) / found.size
    weight_gradient, input_gradient = np.zeros(row.n_weights), np.zeros(inputs.shape)
    for number, gate in enumerate(row.gates()):
        if gate.source is None or (gate.source == "input" and not row.input_gradients):
            continue
        up, down = (
            outputs(row, inputs, weights, lambda other, number=number, step=step: step * (other == number))
            for step in (np.pi / 2, -np.pi / 2)
        )
        by_sample = (slope * (up - down) / 2).sum(axis=1) * gate.scale
        if gate.source == "weight":
            weight_gradient[gate.index] += by_sample.sum()
        else:
            input_gradient[:, gate.index] += by_sample
    answer = {"outputs": found, "weight_gradient": weight_gradient}
    return answer | {"input_gradient": input_gradient} if row.input_gradients else answer


def disagreement(row: Row, found: dict[str, Any]) -> float:
    """Return the largest difference of a peer's outputs and gradients from `expected`; infinite where a shape differs."""
    worst = 0.0
    for name, want in expected(row).items():
        have = np.asarray(found.get(name), dtype=float)
        if have.shape != want.shape or not np.isfinite(have).all():
            return np.inf
        worst = max(worst, float(np.abs(have - want).max()))
    return worst

"""The rows of the speed benchmark: circuits as plain descriptions, their data, and what each must compute.

`expected` is a state vector in NumPy with parameter-shift gradients: slow, in double precision, and independent of every
library that is timed. A time counts only where outputs and gradients agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

#: Samples on which the peers are compared with `expected`.
CHECKED = 8
#: Largest difference in outputs and in gradients of the loss. float32 is good for about 1e-6 here.
TOLERANCE = 1e-5


class Gate(NamedTuple):
    """One gate; its angle is ``scale`` times an input, or a weight, or there is none."""

    name: str
    qubits: tuple[int, ...]
    source: str | None = None
    index: int = 0
    scale: float = 1.0


@dataclass(frozen=True)
class Row:
    """A circuit and a batch: an encoding of one feature a qubit, then blocks of rotations and, or not, a chain of CNOTs.

    ``encoding`` names gates with the factor of the input (None: no angle), ``blocks`` pairs (rotations on each qubit,
    whether a chain 0-1, 1-2, ... follows), ``observables`` the qubits of each product of Z. ``seeds`` of 0: one set of weights.
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

    @property
    def n_weights(self) -> int:
        """Number of weights: one a rotation, by block, qubit, rotation."""
        return self.n_qubits * sum(len(rotations) for rotations, _ in self.blocks)

    def chain(self) -> list[tuple[int, int]]:
        """Return control and target of an entangling layer's CNOTs, in order."""
        return [(qubit, qubit + 1) for qubit in range(self.n_qubits - 1)]

    def gates(self) -> Iterator[Gate]:
        """Yield the gates in the order of application."""
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
        replace(QNN_P, name="seeds", work="QNN-P of row 1 with twenty sets of weights, batch 300", seeds=20),
    )
}


def data(row: Row, n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (n_samples, n_qubits), normal, and targets ±1 (n_samples, outputs), in float32."""
    rng = np.random.default_rng([1, seed])
    inputs = rng.normal(size=(n_samples, row.n_qubits)).astype(np.float32)
    return inputs, rng.choice(np.float32([-1, 1]), (n_samples, len(row.observables)))


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
            angle = gate.scale * inputs[:, gate.index] if gate.source == "input" else np.full(batch, weights[gate.index])
        moved = np.moveaxis(state, axes[0], -1)
        rotated = np.einsum("bij,b...j->b...i", matrix(gate.name, angle + shift(number)), moved)
        state = np.moveaxis(rotated, -1, axes[0])
    probabilities = np.abs(state.reshape(batch, -1)) ** 2
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

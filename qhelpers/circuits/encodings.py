"""How features become a state, which pairs of qubits a layer entangles, and how a list of gates is built in both libraries."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qhelpers._extras import require

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Gate, qubits, angle (None where the gate has none).
Gate = tuple[str, tuple[int, ...], Any]

ENTANGLEMENTS = ("full", "linear", "reverse_linear", "circular", "ring", "none")
ENCODINGS = ("RX", "RY", "RZ", "Z", "ZZ", "ZZ-product")
ROTATIONS = ("RX", "RY", "RZ")


def check_count(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a whole number from 1."""
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 1")


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if value not in tuple(allowed):
        raise ValueError(f"{name} {value!r} is unknown; allowed are {', '.join(allowed)}")


def check_width(n_features: int, n_qubits: int) -> None:
    """Raise ValueError unless each feature has a qubit of its own."""
    if not 1 <= n_features <= n_qubits:
        raise ValueError(
            f"{n_features} features for {n_qubits} qubits; allowed are 1 to {n_qubits}: reduce them, by PCA for instance"
        )


def entangling_pairs(n_qubits: int, entanglement: str) -> list[tuple[int, int]]:
    """Return control and target of each two-qubit gate of a layer, in the order of application.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1; one qubit has no pairs.
    entanglement : str
        As in Qiskit: ``full``, each pair once, 0-1, 0-2, ...; ``linear``: 0-1, 1-2, ...; ``reverse_linear``: the same pairs
        from the last to the first; ``circular``: last-0, then ``linear``. Not in Qiskit: ``ring``, ``linear`` and then last-0;
        ``none``: no pairs (the separable circuit). Two qubits have one pair, 0-1, in all patterns but ``none``.

    Returns
    -------
    list of (int, int)
        Pairs (control, target).

    Raises
    ------
    ValueError
        If the pattern is unknown or there is no qubit.
    """
    check_count("n_qubits", n_qubits)
    check_choice("entanglement", entanglement, ENTANGLEMENTS)
    linear = [(qubit, qubit + 1) for qubit in range(n_qubits - 1)]
    closing = [(n_qubits - 1, 0)] if n_qubits > 2 else []
    return {
        "full": [(one, other) for one in range(n_qubits) for other in range(one + 1, n_qubits)],
        "linear": linear,
        "reverse_linear": linear[::-1],
        "circular": closing + linear,
        "ring": linear + closing,
        "none": [],
    }[entanglement]


def apply_gates(gates: Iterable[Gate]) -> None:
    """Apply the gates within a PennyLane quantum function."""
    qml = require("pennylane", "circuits")
    operations = {"H": qml.Hadamard, "P": qml.PhaseShift, "CX": qml.CNOT, "barrier": qml.Barrier}
    operations |= {name: getattr(qml, name) for name in ROTATIONS}
    for name, qubits, angle in gates:
        operations[name](*(() if angle is None else (angle,)), wires=qubits)


def qiskit_circuit(gates: Iterable[Gate], n_qubits: int) -> QuantumCircuit:
    """Return the gates as a Qiskit circuit."""
    circuit = require("qiskit", "circuits").QuantumCircuit(n_qubits)
    for name, qubits, angle in gates:
        getattr(circuit, name.lower())(*(() if angle is None else (angle,)), *qubits)
    return circuit


def named_parameters(name: str, length: int) -> list[Any]:
    """Return Qiskit's parameters name[0], name[1], ..."""
    return list(require("qiskit.circuit", "circuits").ParameterVector(name, length))


@dataclass(frozen=True)
class Encoding:
    r"""How features become a state: feature *i* acts on qubit *i*.

    Parameters
    ----------
    name : {"RX", "RY", "RZ", "Z", "ZZ", "ZZ-product"}
        ``RX``, ``RY``, ``RZ``: angle encoding, one rotation by :math:`x_i`.
        ``RZ`` changes the state 0 by a phase alone: what it encodes is seen only on qubits turned before.
        ``Z``: H and P(:math:`2x_i`). ``ZZ``: the same, then CX, P(:math:`2(\pi-x_i)(\pi-x_j)`) on the target and CX for
        each pair, as Qiskit has it. ``ZZ-product``: with P(:math:`2x_ix_j`).
    n_features : int
        Number of features.
    reps : int, default=1
        How often the encoding is applied. Qiskit's own default for its maps is 2.
    entanglement : str, optional
        Pairs of ``ZZ`` and ``ZZ-product`` (see `entangling_pairs`), ``"full"`` by default as in Qiskit. All else has none.

    Raises
    ------
    ValueError
        If a name is unknown, a number is below 1, or an encoding without pairs is given some.
    """

    name: str
    n_features: int
    reps: int = 1
    entanglement: str | None = None

    def __post_init__(self) -> None:
        check_choice("encoding", self.name, ENCODINGS)
        check_count("n_features", self.n_features)
        check_count("reps", self.reps)
        pairwise = self.name.startswith("ZZ")
        if self.entanglement is None:
            object.__setattr__(self, "entanglement", "full" if pairwise else "none")
        check_choice("entanglement", self.entanglement, ENTANGLEMENTS)
        if not pairwise and self.entanglement != "none":
            raise ValueError(
                f"encoding {self.name!r} has no two-qubit gates, but entanglement={self.entanglement!r} was given; "
                "allowed is 'none': leave it out, or take 'ZZ'"
            )

    @property
    def separable(self) -> Encoding:
        """The same encoding without two-qubit gates."""
        return replace(self, entanglement="none")

    def gates(self, inputs: Sequence[Any]) -> Iterator[Gate]:
        """Yield gate, qubits and angle, given the features one by one (numbers, batches or symbols)."""
        pairs = entangling_pairs(self.n_features, str(self.entanglement))
        centre = 0 if self.name == "ZZ-product" else math.pi
        for _ in range(self.reps):
            for qubit, value in enumerate(inputs):
                if self.name in ROTATIONS:
                    yield self.name, (qubit,), value
                else:
                    yield "H", (qubit,), None
                    yield "P", (qubit,), 2 * value
            for control, target in pairs:
                angle = 2 * (centre - inputs[control]) * (centre - inputs[target])
                yield "CX", (control, target), None
                yield "P", (target,), angle
                yield "CX", (control, target), None

    def pennylane(self, inputs: Any) -> None:
        """Apply the encoding within a quantum function; `inputs` has shape (n_features,) or (batch, n_features)."""
        shape = tuple(require("pennylane", "circuits").math.shape(inputs))
        if len(shape) not in (1, 2) or shape[-1] != self.n_features:
            raise ValueError(
                f"inputs have shape {shape}; allowed are ({self.n_features},) and (batch, {self.n_features}): "
                "one column for each feature of the encoding"
            )
        apply_gates(self.gates([inputs[..., index] for index in range(self.n_features)]))

    def qiskit(self) -> tuple[QuantumCircuit, list[Any]]:
        """Return the encoding as a Qiskit circuit, and its parameters in the order of the features."""
        inputs = named_parameters("x", self.n_features)
        return qiskit_circuit(self.gates(inputs), self.n_features), inputs

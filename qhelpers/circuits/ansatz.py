"""Encodings and ansätze, written once and built in PennyLane and in Qiskit.

A part is a list of gates over named angles; both builders read that list, so weights mean the same in both libraries: the flat
order of Qiskit's parameters is PennyLane's array of weights read row by row. A circuit's separable form is the same
circuit without its two-qubit gates (``entanglement="none"``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from qhelpers._extras import require
from qhelpers.circuits.encodings import (
    ENCODINGS,
    ENTANGLEMENTS,
    ROTATIONS,
    Encoding,
    Gate,
    apply_gates,
    check_choice,
    check_count,
    check_width,
    entangling_pairs,
    named_parameters,
    qiskit_circuit,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

ANSATZE = ("RealAmplitudes", "EfficientSU2", "RY-RX", "RZ-RY-RX")
OBSERVABLES = ("first", "each", "parity")


@dataclass(frozen=True)
class Ansatz:
    r"""Trainable layers: rotations on every qubit, then CX on each pair.

    Parameters
    ----------
    name : str
        ``RealAmplitudes``: RY; ``EfficientSU2``: RY on all qubits, then RZ on all. As in Qiskit, both end with one more layer
        of rotations without CX. Any of RX, RY, RZ joined by hyphens, in the order of application, without that last layer,
        for instance ``RY-RX`` or ``RZ-RY-RX``.
    n_qubits : int
        Number of qubits.
    reps : int
        Number of times that the pairs are entangled. Qiskit's own default is 3.
    entanglement : str, default="linear"
        See `entangling_pairs`.

    Raises
    ------
    ValueError
        If a name is unknown or a number is below 1.

    Notes
    -----
    Each layer, the last one of rotations alone included, ends with a barrier across all qubits, so there are as many barriers
    as rows of weights.
    """

    name: str
    n_qubits: int
    reps: int
    entanglement: str = "linear"

    def __post_init__(self) -> None:
        if self.name not in ANSATZE and not set(str(self.name).split("-")) <= set(ROTATIONS):
            raise ValueError(
                f"ansatz {self.name!r} is unknown; allowed are {', '.join(ANSATZE)} and other rotations joined by hyphens"
            )
        check_count("n_qubits", self.n_qubits)
        check_count("reps", self.reps)
        check_choice("entanglement", self.entanglement, ENTANGLEMENTS)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights.

        (reps + 1, n_qubits) for RealAmplitudes, (reps + 1, 2, n_qubits) for EfficientSU2 (RY, then RZ) and
        (reps, n_qubits, rotations) for the others: the order in which Qiskit numbers them.
        """
        if self.name == "RealAmplitudes":
            return self.reps + 1, self.n_qubits
        if self.name == "EfficientSU2":
            return self.reps + 1, 2, self.n_qubits
        return self.reps, self.n_qubits, len(self.name.split("-"))

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return math.prod(self.weight_shape)

    @property
    def separable(self) -> Ansatz:
        """The same ansatz without two-qubit gates."""
        return replace(self, entanglement="none")

    def gates(self, weights: Iterable[Any]) -> Iterator[Gate]:
        """Yield gate, qubits and angle, given the weights one by one (numbers or symbols)."""
        qubits, angles = range(self.n_qubits), iter(weights)
        if self.name in ("RealAmplitudes", "EfficientSU2"):
            rotations = [(gate, qubit) for gate in ("RY", "RZ")[: len(self.weight_shape) - 1] for qubit in qubits]
        else:
            rotations = [(gate, qubit) for qubit in qubits for gate in self.name.split("-")]
        pairs = entangling_pairs(self.n_qubits, self.entanglement)
        for layer in range(self.weight_shape[0]):
            for gate, qubit in rotations:
                yield gate, (qubit,), next(angles)
            for pair in pairs if layer < self.reps else []:
                yield "CX", pair, None
            yield "barrier", tuple(qubits), None

    def pennylane(self, weights: Any) -> None:
        """Apply the ansatz within a quantum function; `weights` has shape `weight_shape`."""
        shape = tuple(require("pennylane", "circuits").math.shape(weights))
        if shape != self.weight_shape:
            raise ValueError(
                f"weights have shape {shape}; allowed is {self.weight_shape}, weight_shape of {self}: reshape them, row by row"
            )
        apply_gates(self.gates(weights[index] for index in np.ndindex(*shape)))

    def qiskit(self) -> tuple[QuantumCircuit, list[Any]]:
        """Return the ansatz as a Qiskit circuit, and its parameters in the order of the weights."""
        weights = named_parameters("θ", self.n_weights)
        return qiskit_circuit(self.gates(weights), self.n_qubits), weights


@dataclass(frozen=True)
class VariationalCircuit:
    r"""An encoding, an ansatz and what is measured.

    Parameters
    ----------
    encoding : Encoding
        At most as wide as the ansatz; qubits beyond it read nothing.
    ansatz : Ansatz
    observable : {"first", "each", "parity"}, default="first"
        :math:`\langle Z_0\rangle`; :math:`\langle Z_i\rangle` of each qubit; or :math:`\langle Z\otimes\dots\otimes Z\rangle` of
        all, which is the default of Qiskit's EstimatorQNN.

    Raises
    ------
    ValueError
        If the observable is unknown or there are more features than qubits.
    """

    encoding: Encoding
    ansatz: Ansatz
    observable: str = "first"

    def __post_init__(self) -> None:
        check_width(self.encoding.n_features, self.ansatz.n_qubits)
        check_choice("observable", self.observable, OBSERVABLES)

    @property
    def n_qubits(self) -> int:
        """Number of qubits."""
        return self.ansatz.n_qubits

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.encoding.n_features

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.ansatz.weight_shape

    @property
    def separable(self) -> VariationalCircuit:
        """The separable circuit: the same without two-qubit gates."""
        return replace(self, encoding=self.encoding.separable, ansatz=self.ansatz.separable)

    def pennylane(self) -> Callable[[Any, Any], Any]:
        """Return a PennyLane quantum function ``circuit(inputs, weights)``.

        ``inputs`` has shape (n_features,) or (batch, n_features) and ``weights`` `weight_shape`. It returns one expectation
        value, or for ``each`` a list of them.
        """
        qml = require("pennylane", "circuits")

        def circuit(inputs: Any, weights: Any) -> Any:
            self.encoding.pennylane(inputs)
            self.ansatz.pennylane(weights)
            if self.observable == "each":
                return [qml.expval(qml.PauliZ(qubit)) for qubit in range(self.n_qubits)]
            measured = 1 if self.observable == "first" else self.n_qubits
            return qml.expval(qml.prod(*(qml.PauliZ(qubit) for qubit in range(measured))))

        return circuit

    def qiskit(self) -> tuple[QuantumCircuit, list[Any], list[Any]]:
        """Return the Qiskit circuit without measurement, its input parameters and its weight parameters, in order."""
        encoding, inputs = self.encoding.qiskit()
        ansatz, weights = self.ansatz.qiskit()
        circuit = require("qiskit", "circuits").QuantumCircuit(self.n_qubits)
        circuit.compose(encoding, qubits=range(self.n_features), inplace=True)
        circuit.compose(ansatz, inplace=True)
        return circuit, inputs, weights

    def qiskit_observables(self) -> list[SparsePauliOp]:
        """Return what is measured, in the order of PennyLane's outputs; qubit 0 is the rightmost letter."""
        operator = require("qiskit.quantum_info", "circuits").SparsePauliOp
        n = self.n_qubits
        words = {
            "first": ["I" * (n - 1) + "Z"],
            "each": ["I" * (n - 1 - qubit) + "Z" + "I" * qubit for qubit in range(n)],
            "parity": ["Z" * n],
        }
        return [operator(word) for word in words[self.observable]]


def resources(
    n_features: int, n_qubits: int, circuit: Callable[[Any, Any], Any] | QuantumCircuit, weight_shape: tuple[int, ...]
) -> dict[str, int]:
    """Count what a circuit needs. Barriers count for nothing, nor do they hold gates back.

    Parameters
    ----------
    n_features, n_qubits : int
        Width of the input and of the register.
    circuit : callable or qiskit.QuantumCircuit
        A PennyLane quantum function ``circuit(inputs, weights)``, or a circuit in Qiskit.
    weight_shape : tuple of int
        Shape of the weights.

    Returns
    -------
    dict
        ``qubits``, ``features``, ``weights``, ``one-qubit gates``, ``two-qubit gates``, ``depth``.
    """
    if callable(circuit):
        qml = require("pennylane", "circuits")
        script = qml.tape.make_qscript(circuit)(np.zeros(n_features), np.zeros(weight_shape))
        gate_set = {"RX", "RY", "RZ", "PhaseShift", "Hadamard", "CNOT", "Barrier"}
        (tape,), _ = qml.transforms.decompose(script, gate_set=gate_set)
        wires = [list(operation.wires) for operation in tape.operations if operation.name != "Barrier"]
    else:
        gates = [instruction for instruction in circuit.data if instruction.operation.name != "barrier"]
        wires = [[circuit.find_bit(qubit).index for qubit in gate.qubits] for gate in gates]
    ready: dict[Any, int] = {}
    for touched in wires:
        ready |= dict.fromkeys(touched, 1 + max(ready.get(wire, 0) for wire in touched))
    widths = [len(touched) for touched in wires]
    return {
        "qubits": n_qubits,
        "features": n_features,
        "weights": math.prod(weight_shape),
        "one-qubit gates": widths.count(1),
        "two-qubit gates": widths.count(2),
        "depth": max(ready.values(), default=0),
    }


def resource_table(n_qubits: int = 4, reps: int = 1) -> pd.DataFrame:
    """Count what each encoding and each ansatz needs, under each pattern of entanglement.

    Parameters
    ----------
    n_qubits : int, default=4
        Number of qubits, and of features.
    reps : int, default=1
        Repetitions of each part.

    Returns
    -------
    pandas.DataFrame
        Columns ``part`` (encoding or ansatz), ``name``, ``entanglement``, ``qubits``, ``weights``, ``one-qubit gates``,
        ``two-qubit gates`` and ``depth``; ``none`` is the separable circuit.
    """
    pd = require("pandas", "experiments")
    parts: list[Encoding | Ansatz] = []
    for name in ENCODINGS:
        patterns = ENTANGLEMENTS if name.startswith("ZZ") else ("none",)
        parts += [Encoding(name, n_qubits, reps, pattern) for pattern in patterns]
    parts += [Ansatz(name, n_qubits, reps, pattern) for name in ANSATZE for pattern in ENTANGLEMENTS]
    rows = []
    for part in parts:
        is_ansatz = isinstance(part, Ansatz)
        found = resources(n_qubits, n_qubits, part.qiskit()[0], part.weight_shape if isinstance(part, Ansatz) else (0,))
        del found["features"]
        kind = "ansatz" if is_ansatz else "encoding"
        rows.append({"part": kind, "name": part.name, "entanglement": part.entanglement} | found)
    return pd.DataFrame(rows)


def draw(
    circuit: VariationalCircuit,
    framework: Literal["pennylane", "qiskit"] = "pennylane",
    inputs: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Figure:
    """Draw a circuit in black on white, as the library itself draws it.

    Parameters
    ----------
    circuit : VariationalCircuit
    framework : {"pennylane", "qiskit"}, default="pennylane"
        Which library builds and draws it.
    inputs : array-like of shape (n_features,), optional
    weights : array-like of shape `weight_shape`, optional
        Values to write into the gates, to one decimal. Without both, PennyLane's gates show no angle and Qiskit's show names.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the library is unknown, or one of inputs and weights is missing or misshapen.
    """
    check_choice("framework", framework, ("pennylane", "qiskit"))
    if (inputs is None) != (weights is None):
        raise ValueError("only one of inputs and weights was given; give both, or none for a drawing without numbers")
    shapes = (circuit.n_features,), circuit.weight_shape
    x = np.zeros(shapes[0]) if inputs is None else np.asarray(inputs, float)
    w = np.zeros(shapes[1]) if weights is None else np.asarray(weights, float)
    if (x.shape, w.shape) != shapes:
        raise ValueError(f"inputs and weights have shapes {x.shape} and {w.shape}; allowed are {shapes[0]} and {shapes[1]}")
    if framework == "pennylane":
        qml = require("pennylane", "circuits")
        require("matplotlib", "figures")
        node = qml.QNode(circuit.pennylane(), qml.device("default.qubit", wires=circuit.n_qubits))
        decimals = None if inputs is None else 1
        return qml.draw_mpl(node, style="black_white", level="top", decimals=decimals)(x, w)[0]
    drawn, input_params, weight_params = circuit.qiskit()
    if inputs is not None:
        drawn = drawn.assign_parameters(dict(zip([*input_params, *weight_params], np.round([*x, *w.ravel()], 1), strict=True)))
    return drawn.draw("mpl", style="bw")

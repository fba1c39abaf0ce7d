"""Encodings and ansätze of the papers, written once and built in PennyLane and in Qiskit.

=====================  =========================  =================================  ===================
circuit                encoding                   ansatz                             observable
=====================  =========================  =================================  ===================
QNN-P (low energy)     ``RY``                     ``RY-RX``, 3 repetitions           ``first``
QNN-Q (low energy)     ``Z``                      ``RealAmplitudes``, linear         ``parity``
Pure-HQML (threats)    not named                  ``RealAmplitudes``, linear         not named
QEML-Net (bearings)    ``RY``                     ``RZ-RY-RX``, linear, 6 of them    ``each``
=====================  =========================  =================================  ===================

A part is a list of gates over named angles; both builders read that list, so weights mean the same in both libraries: the flat
order of Qiskit's parameters is PennyLane's array of weights read row by row. The separable twin of a circuit is the same
circuit without its two-qubit gates (``entanglement="none"``).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from qhelpers._extras import require

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.quantum_info import SparsePauliOp

#: Gate, qubits, angle (None where the gate has none).
Gate = tuple[str, tuple[int, ...], Any]

ENTANGLEMENTS = ("full", "linear", "reverse_linear", "circular", "ring", "none")
ENCODINGS = ("RX", "RY", "RZ", "Z", "ZZ", "ZZ-product")
ANSATZE = ("RealAmplitudes", "EfficientSU2", "RY-RX", "RZ-RY-RX")
OBSERVABLES = ("first", "each", "parity")

_ROTATIONS = ("RX", "RY", "RZ")


def _check_count(name: str, value: Any) -> None:
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 1")


def _check_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
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
        ``none``: no pairs (separable twin). Two qubits have one pair, 0-1, in all patterns but ``none``.

    Returns
    -------
    list of (int, int)
        Pairs (control, target).

    Raises
    ------
    ValueError
        If the pattern is unknown or there is no qubit.
    """
    _check_count("n_qubits", n_qubits)
    _check_choice("entanglement", entanglement, ENTANGLEMENTS)
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


def _to_pennylane(gates: Iterable[Gate]) -> None:
    """Apply the gates within a quantum function."""
    qml = require("pennylane", "circuits")
    operations = {"H": qml.Hadamard, "P": qml.PhaseShift, "CX": qml.CNOT, "barrier": qml.Barrier}
    operations |= {name: getattr(qml, name) for name in _ROTATIONS}
    for name, qubits, angle in gates:
        operations[name](*(() if angle is None else (angle,)), wires=qubits)


def _to_qiskit(gates: Iterable[Gate], n_qubits: int) -> QuantumCircuit:
    circuit = require("qiskit", "circuits").QuantumCircuit(n_qubits)
    for name, qubits, angle in gates:
        getattr(circuit, name.lower())(*(() if angle is None else (angle,)), *qubits)
    return circuit


def _parameters(name: str, length: int) -> ParameterVector:
    return require("qiskit.circuit", "circuits").ParameterVector(name, length)


@dataclass(frozen=True)
class Encoding:
    r"""How features become a state: feature *i* acts on qubit *i*.

    Parameters
    ----------
    name : {"RX", "RY", "RZ", "Z", "ZZ", "ZZ-product"}
        ``RX``, ``RY``, ``RZ``: angle encoding, one rotation by :math:`x_i` (``RY``: Eq. 12 of the low-energy paper and Section
        3.4 of QEML-Net). ``RZ`` changes the state 0 by a phase alone: what it encodes is seen only on qubits turned before.
        ``Z``: H and P(:math:`2x_i`) (Eq. 10). ``ZZ``: the same, then CX, P(:math:`2(\pi-x_i)(\pi-x_j)`) on the target and CX for
        each pair, as Qiskit has it. ``ZZ-product``: with P(:math:`2x_ix_j`), as Eq. 11 of the low-energy paper prints it.
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
        _check_choice("encoding", self.name, ENCODINGS)
        _check_count("n_features", self.n_features)
        _check_count("reps", self.reps)
        pairwise = self.name.startswith("ZZ")
        if self.entanglement is None:
            object.__setattr__(self, "entanglement", "full" if pairwise else "none")
        _check_choice("entanglement", self.entanglement, ENTANGLEMENTS)
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
                if self.name in _ROTATIONS:
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
        _to_pennylane(self.gates([inputs[..., index] for index in range(self.n_features)]))

    def qiskit(self) -> tuple[QuantumCircuit, list[Any]]:
        """Return the encoding as a Qiskit circuit, and its parameters in the order of the features."""
        inputs = list(_parameters("x", self.n_features))
        return _to_qiskit(self.gates(inputs), self.n_features), inputs


@dataclass(frozen=True)
class Ansatz:
    r"""Trainable layers: rotations on every qubit, then CX on each pair.

    Parameters
    ----------
    name : str
        ``RealAmplitudes``: RY (Eq. 8 of the low-energy paper); ``EfficientSU2``: RY on all qubits, then RZ on all (Eq. 9). As in
        Qiskit, both end with one more layer of rotations without CX. Any of RX, RY, RZ joined by hyphens, in the order of
        application, without that last layer: ``RY-RX`` (QNN-P, Eq. 13), ``RZ-RY-RX`` (QEML-Net, Section 3.4).
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
        if not set(str(self.name).split("-")) <= set(_ROTATIONS):
            _check_choice("ansatz", self.name, (*ANSATZE, "and other rotations joined by hyphens"))
        _check_count("n_qubits", self.n_qubits)
        _check_count("reps", self.reps)
        _check_choice("entanglement", self.entanglement, ENTANGLEMENTS)

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
        _to_pennylane(self.gates(weights[index] for index in np.ndindex(*shape)))

    def qiskit(self) -> tuple[QuantumCircuit, list[Any]]:
        """Return the ansatz as a Qiskit circuit, and its parameters in the order of the weights."""
        weights = list(_parameters("θ", self.n_weights))
        return _to_qiskit(self.gates(weights), self.n_qubits), weights


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
        _check_choice("observable", self.observable, OBSERVABLES)

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
        """The separable twin: the same circuit without two-qubit gates."""
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
        ``two-qubit gates`` and ``depth``; ``none`` is the separable twin.
    """
    import pandas as pd

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
    _check_choice("framework", framework, ("pennylane", "qiskit"))
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

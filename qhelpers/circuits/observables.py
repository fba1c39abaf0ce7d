"""What is measured as sums of Pauli words: outputs put into one matrix, and what a PennyLane function returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.circuits.tracing import Observables, UnsupportedCircuitError

#: Measurements other than these are refused by name.
_MEASUREMENTS = "qml.expval and qml.var of Pauli words, their sums and Hermitian or Projector observables, and qml.probs"
#: Words of this many qubits are the most that probabilities are made of.
MAX_PROBABILITY_QUBITS = 8


def collect(columns: list[dict[str, float]], scalar: bool, probabilities: tuple[tuple[int, int], ...] = ()) -> Observables:
    """Put outputs, each a dictionary word → coefficient, into one matrix."""
    words = tuple(dict.fromkeys(word for column in columns for word in column))
    matrix = np.zeros((len(words), len(columns)))
    for k, column in enumerate(columns):
        for word, value in column.items():
            matrix[words.index(word), k] = value
    return Observables(words, matrix, scalar, probabilities)


def returned_observables(returned: Any, order: Mapping[Any, int]) -> Observables:
    """Turn what the quantum function returns into sums of Pauli words."""
    listed = returned if isinstance(returned, (list, tuple)) else [returned]
    columns: list[dict[str, float]] = []
    ranges: list[tuple[int, int]] = []
    squared: list[tuple[int, dict[str, float]]] = []
    for measurement in listed:
        kind = type(measurement).__name__
        start = len(columns)
        if kind == "ExpectationMP" and measurement.obs is not None:
            columns.append(_expectation(measurement.obs, order))
        elif kind == "ExpectationMP" and measurement.wires:  # of a measurement inside the circuit, deferred
            columns.append(_diagonal(measurement.eigvals(), [order[wire] for wire in measurement.wires], len(order)))
        elif kind == "VarianceMP" and measurement.obs is not None:
            squared.append((start, _expectation(measurement.obs, order)))
            columns.append(_square(squared[-1][1]))
        elif kind == "ProbabilityMP" and measurement.obs is not None:
            columns.extend(_outcomes(measurement.obs, order))
            ranges.append((start, len(columns)))
        elif kind == "ProbabilityMP":
            columns.extend(_probabilities([order[wire] for wire in measurement.wires] or list(order.values()), len(order)))
            ranges.append((start, len(columns)))
        else:
            raise UnsupportedCircuitError(f"the circuit returns {kind or measurement}; allowed are {_MEASUREMENTS}")
    variances = tuple((column, len(columns) + k) for k, (column, _) in enumerate(squared))
    columns += [mean for _, mean in squared]
    scalar = not isinstance(returned, (list, tuple)) and type(returned).__name__ in ("ExpectationMP", "VarianceMP")
    stacked = isinstance(returned, tuple) and len(returned) > 1 and stacks()
    if stacked and len({last - first for first, last in ranges} | ({1} if len(ranges) < len(listed) else set())) > 1:
        raise UnsupportedCircuitError(
            "the circuit returns a tuple of outputs of different widths, which PennyLane's layer cannot stack; return a list"
        )
    return replace(collect(columns, scalar, tuple(ranges)), variances=variances, stacked=stacked)


def stacks() -> bool:
    """Whether the layer of this PennyLane stacks a tuple of outputs (before 0.46) rather than put them side by side."""
    version = require("pennylane", "circuits").__version__.split(".")
    return (int(version[0]), int(version[1])) < (0, 46)


def _square(words: dict[str, float]) -> dict[str, float]:
    """Return the square of a sum of Pauli words."""
    qml = require("pennylane", "circuits")
    sentence = qml.pauli.PauliSentence(
        {qml.pauli.PauliWord({k: one for k, one in enumerate(word) if one != "I"}): value for word, value in words.items()}
    )
    found: dict[str, float] = {}
    n_qubits = len(next(iter(words), ""))
    for word, value in (sentence @ sentence).items():
        if abs(value) > 1e-15:
            found["".join(word.get(k, "I") for k in range(n_qubits))] = complex(value).real
    return found


def _outcomes(observable: Any, order: Mapping[Any, int]) -> list[dict[str, float]]:
    """Return the projectors on an observable's eigenvectors, in PennyLane's order."""
    qml = require("pennylane", "circuits")
    wires = list(observable.wires)
    if len(wires) > MAX_PROBABILITY_QUBITS // 2:
        raise UnsupportedCircuitError(
            f"qml.probs(op=...) on {len(wires)} wires; allowed are {MAX_PROBABILITY_QUBITS // 2}: rotate the qubits yourself and "
            "use qml.probs(wires=...)"
        )
    try:
        turned = np.eye(2 ** len(wires), dtype=complex)
        for gate in observable.diagonalizing_gates():
            turned = qml.matrix(gate, wire_order=wires) @ turned
    except RuntimeError as error:
        raise weighted_observable() from error
    columns = []
    for row in np.asarray(turned):
        sentence = qml.pauli_decompose(np.outer(row.conj(), row), wire_order=wires, pauli=True)
        columns.append(_letters(sentence, order, observable))
    return columns


def _expectation(observable: Any, order: Mapping[Any, int]) -> dict[str, float]:
    qml = require("pennylane", "circuits")
    sentence = observable.pauli_rep
    if sentence is None:
        if not observable.has_matrix or len(observable.wires) > MAX_PROBABILITY_QUBITS:
            raise UnsupportedCircuitError(
                f"the observable {observable.name} has no form as a sum of Pauli words; measure Pauli words"
            )
        try:
            matrix = np.asarray(qml.matrix(observable))
        except RuntimeError as error:
            raise weighted_observable() from error
        sentence = qml.pauli_decompose(matrix, wire_order=observable.wires, pauli=True)
    return _letters(sentence, order, observable)


def _letters(sentence: Any, order: Mapping[Any, int], observable: Any) -> dict[str, float]:
    """Return a sum of Pauli words, an observable's, as letters, one a qubit."""
    found: dict[str, float] = {}
    for word, coefficient in sentence.items():
        letters = ["I"] * len(order)
        for wire, letter in word.items():
            letters[order[wire]] = letter
        try:
            value = complex(coefficient)
        except (RuntimeError, TypeError) as error:
            raise weighted_observable() from error
        if abs(value.imag) > 1e-12:
            raise UnsupportedCircuitError(f"the observable {observable} is not Hermitian: its coefficients have to be real")
        found["".join(letters)] = found.get("".join(letters), 0.0) + value.real
    return found


def weighted_observable() -> UnsupportedCircuitError:
    return UnsupportedCircuitError(
        "a coefficient of an observable depends on inputs or weights; return the Pauli words and combine them after the layer"
    )


def _diagonal(values: Any, wires: list[int], n_qubits: int) -> dict[str, float]:
    """Return an observable with these eigenvalues, one a basis state of some qubits."""
    found: dict[str, float] = {}
    for value, column in zip(values, _probabilities(wires, n_qubits), strict=True):
        for word, share in column.items():
            found[word] = found.get(word, 0.0) + float(value) * share
    return found


def _probabilities(wires: list[int], n_qubits: int) -> list[dict[str, float]]:
    if len(wires) > MAX_PROBABILITY_QUBITS:
        raise UnsupportedCircuitError(
            f"qml.probs of {len(wires)} qubits are {2 ** len(wires):,} outputs; allowed are {MAX_PROBABILITY_QUBITS} qubits: "
            "measure fewer, or take layer.state(inputs).abs() ** 2"
        )
    columns = []
    for outcome in range(2 ** len(wires)):
        column = {}
        for chosen in range(2 ** len(wires)):
            letters = ["I"] * n_qubits
            sign = 1
            for place, wire in enumerate(wires):
                bit = 1 << (len(wires) - 1 - place)
                if chosen & bit:
                    letters[wire] = "Z"
                    sign = -sign if outcome & bit else sign
            column["".join(letters)] = sign / 2 ** len(wires)
        columns.append(column)
    return columns

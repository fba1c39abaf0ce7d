"""From what a Qiskit circuit measures to probabilities, as SamplerQNN interprets them; from Qiskit's networks to their parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from math import prod
from numbers import Integral
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.circuits.tracing import Observables, UnsupportedCircuitError

#: The most measured bits, and the most numbers in the matrix that makes outputs of Pauli words.
MAX_BITS, MAX_NUMBERS = 16, 2**16


@lru_cache(maxsize=1)
def _both(theirs: type[Exception]) -> type[ValueError]:
    def travel(self: Exception) -> Any:
        return refusal, self.args

    return type("QuantumLayerError", (theirs, ValueError), {"__doc__": theirs.__doc__, "__reduce__": travel})


def refusal(message: str) -> ValueError:
    """Return a ValueError, which is a QiskitMachineLearningError as well where that library is in use."""
    library = sys.modules.get("qiskit_machine_learning")
    return ValueError(message) if library is None else _both(library.QiskitMachineLearningError)(message)


def parts(network: Any) -> dict[str, Any] | None:
    """Return the arguments of `QuantumLayer.from_qiskit` that stand for an EstimatorQNN or a SamplerQNN, None for anything else.

    Raises
    ------
    UnsupportedCircuitError
        If the network computes anything but exact values and their parameter-shift gradients.
    """
    library = sys.modules.get("qiskit_machine_learning.neural_networks")
    if library is None or not isinstance(network, library.NeuralNetwork):
        return None
    kind = type(network)
    if kind not in (library.EstimatorQNN, library.SamplerQNN):
        raise UnsupportedCircuitError(f"the network is a {kind.__name__}; allowed are EstimatorQNN, SamplerQNN and circuits")
    found = {"circuit": network.circuit, "input_params": network.input_params, "weight_params": network.weight_params}
    if kind is library.EstimatorQNN:
        primitive = network.estimator
        found["observables"] = list(network.observables)
        exact = type(primitive).__name__ == "StatevectorEstimator" and not network.default_precision
    else:
        primitive, exact = network.sampler, False
        found |= {"interpret": network.interpret, "output_shape": network.output_shape}
    own = ("QMLEstimator", "QMLSampler")
    if not exact and not (type(primitive).__name__ in own and getattr(primitive, "_exact_mode", False)):
        raise UnsupportedCircuitError(
            f"the network's {type(primitive).__name__} draws at random or runs elsewhere; the layer is exact: give the network "
            "the QMLEstimator() or QMLSampler() of qiskit_machine_learning.primitives, or from_qiskit the network's parts "
            f"({', '.join(found)})"
        )
    if not type(network.gradient).__name__.startswith("ParamShift"):
        raise UnsupportedCircuitError(
            f"the network's gradients are those of {type(network.gradient).__name__}; the layer's are exact: leave gradient= "
            f"out, or give from_qiskit the network's parts ({', '.join(found)})"
        )
    return found


def read_outcomes(circuit: Any, interpret: Callable[[int], Any] | None, output_shape: Any) -> tuple[Any, Observables]:
    """Return a circuit without its final measurements, and its outcomes' probabilities as sums of Pauli words.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
        Without classical bits all qubits are measured. Otherwise the bits of the register ``meas`` are the outcome, or those of
        all registers, the first one's first bit the least significant.
    interpret : callable, optional
        ``interpret(outcome)`` is the place of an outcome, an int or a tuple of int; by default the outcome itself.
    output_shape : int or tuple of int, optional
        2^n_qubits where there is no `interpret`.

    Raises
    ------
    ValueError
        If `interpret` and `output_shape` do not fit each other.
    UnsupportedCircuitError
        If a classical bit is not measured, or the outcomes are too many.
    """
    qubits = getattr(circuit.layout, "_input_qubit_count", circuit.num_qubits)
    shape = _shape(interpret, output_shape, qubits)
    circuit, bits = _measured(circuit, qubits)
    if len(bits) > MAX_BITS:
        raise UnsupportedCircuitError(f"{len(bits)} bits are measured; allowed are {MAX_BITS}: measure fewer qubits")
    if 2 ** len(bits) * prod(shape) > 64 * MAX_NUMBERS:
        raise _too_many(2 ** len(bits), prod(shape))
    table = np.zeros((2 ** len(bits), prod(shape)))
    for outcome in range(len(table)):
        table[outcome, _place(interpret, outcome, shape)] = 1
    for k in range(len(bits)):  # from outcomes to products of Z: the Walsh-Hadamard transform
        pairs = table.reshape(-1, 2, 2**k, table.shape[1])
        table = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1).reshape(table.shape) / 2
    words: dict[str, Any] = {}
    for chosen in np.flatnonzero(table.any(1)).tolist():
        letters = ["I"] * circuit.num_qubits
        for k, qubit in enumerate(bits):
            if chosen >> k & 1:  # a qubit that is measured twice: Z Z = I
                letters[qubit] = "I" if letters[qubit] == "Z" else "Z"
        word = "".join(letters)
        words[word] = words.get(word, 0) + table[chosen]
    if len(words) * prod(shape) > MAX_NUMBERS:
        raise _too_many(len(words), prod(shape))
    matrix = np.array(list(words.values()))
    return circuit, Observables(tuple(words), matrix, probabilities=((0, prod(shape)),), shape=shape if len(shape) > 1 else ())


def _too_many(words: int, outputs: int) -> UnsupportedCircuitError:
    return UnsupportedCircuitError(
        f"{outputs:,} probabilities of up to {words:,} terms; allowed are 2^8 probabilities of 8 bits, or fewer of more bits: "
        "interpret= them as fewer outputs, or take layer.state(inputs).abs() ** 2"
    )


def _shape(interpret: Any, output_shape: Any, qubits: int) -> tuple[int, ...]:
    if output_shape is None:
        raise refusal("interpret= needs output_shape=: the number of outputs, or their shape if interpret gives tuples")
    shape = tuple(output_shape) if isinstance(output_shape, Iterable) else (output_shape,)
    if not shape or not all(isinstance(size, Integral) and int(size) > 0 for size in shape):
        raise refusal(f"output_shape is {output_shape!r}; allowed is a whole number from 1 on, or a tuple of them")
    if interpret is None and shape != (2**qubits,):
        raise refusal(
            f"output_shape is {output_shape!r} without interpret=; the outputs are then the 2^{qubits} probabilities of the "
            f"{qubits} qubits: give output_shape={2**qubits}, or an interpret= from outcomes to places"
        )
    return tuple(int(size) for size in shape)


def _place(interpret: Any, outcome: int, shape: tuple[int, ...]) -> int:
    """Return the place of an outcome in the flat output."""
    found = outcome
    if interpret is not None:
        try:
            found = interpret(outcome)
        except Exception as error:  # the user's own function
            raise refusal(
                f"interpret({outcome}) fails ({error!r}); it has to give a place for each outcome, also for one that never comes"
            ) from error
    place = tuple(found) if isinstance(found, Iterable) else (found,)
    inside = len(place) == len(shape) and all(
        isinstance(k, Integral) and 0 <= int(k) < size for k, size in zip(place, shape, strict=True)
    )
    if not inside:
        raise refusal(f"interpret({outcome}) is {found!r}; the output_shape {shape} allows indices below it, one a dimension")
    return int(np.ravel_multi_index(tuple(int(k) for k in place), shape))


def _measured(circuit: Any, qubits: int) -> tuple[Any, list[int]]:
    """Return a circuit without its final measurements, and the qubit of each bit of an outcome, the least significant first."""
    library = require("qiskit.circuit", "circuits")
    layout = circuit.layout and circuit.layout.final_index_layout(filter_ancillas=True)
    if not circuit.num_clbits:
        return circuit, list(range(circuit.num_qubits)) if layout is None else layout
    if layout is not None and layout != list(range(qubits)):
        raise UnsupportedCircuitError(
            "the circuit was transpiled with its measurements, and SamplerQNN looks for the qubits' places among the classical "
            "bits: transpile it without measurements (circuit.remove_final_measurements()); all qubits are then measured"
        )
    before = circuit.copy_empty_like()
    source: dict[Any, int] = {}
    kept: list[Any] = []
    busy: set[Any] = set()
    for instruction in reversed(circuit.data):
        if isinstance(instruction.operation, library.Measure) and instruction.qubits[0] not in busy:
            source.setdefault(instruction.clbits[0], circuit.find_bit(instruction.qubits[0]).index)
            continue
        if not isinstance(instruction.operation, (library.Barrier, library.Delay)):
            busy.update(instruction.qubits)
        kept.append(instruction)
    for instruction in reversed(kept):
        before._append(instruction)
    named = {register.name: register for register in circuit.cregs}
    registers = [named["meas"]] if "meas" in named else circuit.cregs
    for register in registers:
        if missing := [k for k, bit in enumerate(register) if bit not in source]:
            raise UnsupportedCircuitError(
                f"bit {missing[0]} of the classical register {register.name!r} is not measured at the end of the circuit; give "
                "it a register of measured bits only, or none (all qubits are then measured)"
            )
    bits = [source[bit] for register in registers for bit in register]
    if not bits or len(bits) > qubits:
        raise UnsupportedCircuitError(
            f"the classical registers have {len(bits)} bits for {qubits} qubits; allowed are 1 to {qubits}: measure each qubit "
            "once"
        )
    return before, bits

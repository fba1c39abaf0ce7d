"""How long a training step takes: the same circuit in PennyLane and in Qiskit, side by side. `make bench` runs this.

A step is forward, loss, backward to all weights and one update by Adam, on a batch of 300. Both libraries get the same
circuit with the same weights, and are timed only after their outputs agree. Qiskit's network works through a batch
sample by sample, for seconds; it is timed on 16 and 32 samples, checked to grow in proportion, and scaled to 300. What
counts is the ratio on one machine in one run; the seconds are that machine's.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pennylane as qml
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN

from qhelpers.circuits import angle_ry_rx_circuit, cnot_pairs, z_real_amplitudes_circuit

RESULTS = Path(__file__).parent / "results.md"
BATCH = 300
SAMPLES = (16, 32)
#: How far from proportional the two timings of a scaled row may be. Wide: the machine has other work.
TOLERANCE = 0.35


@dataclass(frozen=True)
class Row:
    """One circuit in both libraries: torch modules of the same function of (inputs, weights)."""

    name: str
    work: str
    n_features: int
    pennylane: torch.nn.Module
    qiskit: torch.nn.Module


def pennylane_layer(circuit: Callable[[Any, Any], Any], n_qubits: int, shape: tuple[int, ...]) -> torch.nn.Module:
    """PennyLane's layer on its fast path: the whole batch in one broadcast, gradients by backpropagation."""
    device = qml.device("default.qubit", wires=n_qubits)
    node = qml.QNode(circuit, device, interface="torch", diff_method="backprop")
    return qml.qnn.TorchLayer(node, {"weights": shape}).double()


def qiskit_layer(circuit: QuantumCircuit, inputs: list[Any], weights: list[Any], observable: str) -> torch.nn.Module:
    """Qiskit's layer as its tutorials build it, with exact expectation values."""
    network = EstimatorQNN(circuit=circuit, input_params=inputs, weight_params=weights, observables=SparsePauliOp(observable))
    return TorchConnector(network)


def qnn_p(n_qubits: int = 4, n_layers: int = 3) -> Row:
    """QNN-P: RY encoding, layers of RY, RX and a chain of CNOTs, Z on the first qubit."""
    shape = (n_layers, n_qubits, 2)
    inputs, weights = ParameterVector("x", n_qubits), ParameterVector("w", int(np.prod(shape)))
    circuit = QuantumCircuit(n_qubits)
    for qubit in range(n_qubits):
        circuit.ry(inputs[qubit], qubit)
    for layer in np.arange(len(weights)).reshape(shape):
        for qubit in range(n_qubits):
            circuit.ry(weights[int(layer[qubit, 0])], qubit)
            circuit.rx(weights[int(layer[qubit, 1])], qubit)
        for pair in cnot_pairs(n_qubits, "chain"):
            circuit.cx(*pair)
    return Row(
        "QNN-P",
        f"{n_qubits} qubits, {n_layers} layers, CNOT chain, ⟨Z₀⟩, {len(weights)} weights",
        n_qubits,
        pennylane_layer(angle_ry_rx_circuit(n_qubits, n_qubits, "chain"), n_qubits, shape),
        # Qubit 0 is the rightmost letter.
        qiskit_layer(circuit, list(inputs), list(weights), "I" * (n_qubits - 1) + "Z"),
    )


def qnn_q(n_qubits: int = 2) -> Row:
    """QNN-Q: Z feature map and RealAmplitudes, one repetition each, Z on every qubit."""
    circuit, inputs, weights = z_real_amplitudes_circuit(n_qubits, n_qubits)

    def same(inputs: Any, weights: Any) -> Any:
        for qubit in range(n_qubits):
            qml.Hadamard(qubit)
            qml.PhaseShift(2 * inputs[..., qubit], qubit)
            qml.RY(weights[qubit], qubit)
        for pair in cnot_pairs(n_qubits, "chain"):
            qml.CNOT(pair)
        for qubit in range(n_qubits):
            qml.RY(weights[n_qubits + qubit], qubit)
        return qml.expval(qml.prod(*(qml.PauliZ(qubit) for qubit in range(n_qubits))))

    return Row(
        "QNN-Q",
        f"{n_qubits} qubits, Z feature map, RealAmplitudes, ⟨Z…Z⟩, {len(weights)} weights",
        n_qubits,
        pennylane_layer(same, n_qubits, (len(weights),)),
        qiskit_layer(circuit, inputs, weights, "Z" * n_qubits),
    )


def disagreement(row: Row, rng: np.random.Generator) -> float:
    """Set both layers to the same weights and return the largest difference of their outputs on ten samples."""
    (ours,), (theirs,) = row.pennylane.parameters(), row.qiskit.parameters()
    with torch.no_grad():
        theirs.copy_(torch.as_tensor(rng.uniform(0, 2 * np.pi, theirs.numel())))
        ours.copy_(theirs.reshape(ours.shape))
        inputs = torch.as_tensor(rng.normal(size=(10, row.n_features)))
        return float((row.pennylane(inputs).reshape(-1) - row.qiskit(inputs).reshape(-1)).abs().max())


def step_seconds(layer: torch.nn.Module, n_samples: int, n_features: int, repeats: int, rng: np.random.Generator) -> float:
    """Return the median time of a training step, the first one (which sets things up) left out."""
    inputs = torch.as_tensor(rng.normal(size=(n_samples, n_features)))
    targets = torch.as_tensor(rng.choice([-1.0, 1.0], n_samples))
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.01)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        optimiser.zero_grad()
        ((layer(inputs).reshape(-1) - targets) ** 2).mean().backward()
        optimiser.step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def measure(row: Row, repeats: int, rng: np.random.Generator) -> dict[str, Any]:
    """Time one row in both libraries; raise RuntimeError where they disagree or the scaling does not hold."""
    difference = disagreement(row, rng)
    if difference > 1e-6:
        raise RuntimeError(f"{row.name}: the two libraries differ by {difference:.1e}; they do not run the same circuit")
    fast = step_seconds(row.pennylane, BATCH, row.n_features, 5 * repeats, rng)
    small, large = (step_seconds(row.qiskit, n, row.n_features, repeats, rng) for n in SAMPLES)
    growth = (large / small) / (SAMPLES[1] / SAMPLES[0])
    if abs(growth - 1) > TOLERANCE:
        raise RuntimeError(
            f"{row.name}: Qiskit took {small:.3f} s for {SAMPLES[0]} samples and {large:.3f} s for {SAMPLES[1]}, not in "
            "proportion; run it again when the machine has less other work, or with more --repeats"
        )
    slow = large / SAMPLES[1] * BATCH
    return {"row": row, "pennylane": fast, "qiskit": slow, "ratio": slow / fast, "difference": difference}


def cpu_model() -> str:
    """Return the processor's name, as the system gives it."""
    file = Path("/proc/cpuinfo")
    match = re.search(r"^model name\s*:\s*(.+)$", file.read_text(), re.MULTILINE) if file.exists() else None
    return match[1] if match else platform.processor() or platform.machine()


def table(found: list[dict[str, Any]], repeats: int) -> str:
    """Return the page of results."""
    names = ("pennylane", "torch", "qiskit", "qiskit-machine-learning")
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    lines = [
        "# Speed",
        "",
        "A training step (forward, loss, backward to all weights, update) on a batch of "
        f"{BATCH}, one thread. Written by `make bench`.",
        "",
        "| circuit | work | PennyLane TorchLayer, default.qubit, backprop | Qiskit EstimatorQNN + TorchConnector "
        "| Qiskit / PennyLane |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one['row'].name} | {one['row'].work} | {1e3 * one['pennylane']:.1f} ms | "
        f"{1e3 * one['qiskit']:,.0f} ms (scaled) | {one['ratio']:,.0f} |"
        for one in found
    ]
    worst = max(one["difference"] for one in found)
    lines += [
        "",
        f"Outputs agree within {worst:.0e}. Qiskit's times are scaled from {SAMPLES[1]} samples to {BATCH}, after {SAMPLES[0]} "
        f"and {SAMPLES[1]} samples were seen to take time in proportion (within {TOLERANCE:.0%}). Medians of {5 * repeats} and "
        f"{repeats} steps. Another run, or other work on the machine, moves a ratio by some tens of percent.",
        "",
        f"{date.today().isoformat()}, {cpu_model()}, Python {platform.python_version()}, {packages}.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Time all rows, print the table and write it; return the exit code."""
    parser = argparse.ArgumentParser(description="Time a training step of the circuits in PennyLane and Qiskit.")
    parser.add_argument(
        "--repeats", type=int, default=5, help="steps of Qiskit to take the median of (PennyLane: five times as many)"
    )
    parser.add_argument("--no-write", action="store_true", help="only print; leave benchmarks/results.md as it is")
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"--repeats is {options.repeats}; at least 1 is needed")
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    try:
        found = [measure(make(), options.repeats, rng) for make in (qnn_p, qnn_q)]
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = table(found, options.repeats)
    print(text)
    if not options.no_write:
        RESULTS.write_text(text, encoding="utf-8")
        print(f"bench: written to {RESULTS.parent.name}/{RESULTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How the cost of each path grows with qubits, batch and layers. `make growth` runs this and writes benchmarks/growth.json.

The circuit is QNN-P's: a sensor a qubit by RY, layers of RY, RX and a chain of CNOTs; measured is Z on every qubit (the
parity, which sees everything) or on the first qubit (which sees one qubit more with each layer). Two more circuits measure Z of
each qubit: re-uploading, where data come late, and StronglyEntanglingLayers, where much happens to each qubit. A step is
forward, loss and backward to all weights. Beside the paths stands one matrix product with as many columns as the sum has live
terms: less than that no exact method can do that reads every term of every sample. Points whose step would take longer than a
limit are left out and say so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pennylane as qml
import torch
from tqdm import tqdm

from qhelpers.circuits import CHANNELS, Ansatz, Encoding, NoiseModel, QuantumLayer, VariationalCircuit
from qhelpers.circuits.noise import with_noise
from qhelpers.runs.execution import cpu_model

RESULTS = Path(__file__).parent / "growth.json"
PATHS = ("terms", "train", "state")
BATCHES = (1, 10, 100, 1_000, 10_000, 100_000)
#: Milliseconds that a step may take by the estimate.
LIMIT = 15_000.0


def points() -> Iterator[dict[str, Any]]:
    """Yield what is measured: a sweep's name, and qubits, batch, layers and observable of each of its points."""
    for observable in ("parity", "first"):
        for n_qubits in range(2, 15):
            yield {"sweep": "qubits", "n_qubits": n_qubits, "batch": 1_000, "n_layers": 3, "observable": observable}
        for batch in BATCHES:
            yield {"sweep": "batch", "n_qubits": 6, "batch": batch, "n_layers": 3, "observable": observable}
        for n_layers in range(1, 9):
            yield {"sweep": "layers", "n_qubits": 6, "batch": 1_000, "n_layers": n_layers, "observable": observable}
    for circuit in ("re-uploading", "strongly entangling"):
        for n_qubits in (2, 4, 6, 8, 10):
            for batch in (1, 30, 300, 3_000):
                yield {"sweep": circuit, "n_qubits": n_qubits, "batch": batch, "n_layers": 3, "observable": "each"}


def other_circuit(sweep: str, n_qubits: int, n_layers: int) -> tuple[Any, tuple[int, ...]]:
    """Return a circuit that is not QNN-P's as a quantum function, and the shape of its weights."""
    shape = (n_layers, n_qubits, 3)

    def circuit(inputs: Any, weights: Any) -> Any:
        if sweep == "strongly entangling":
            qml.AngleEmbedding(inputs, wires=range(n_qubits), rotation="Y")
            qml.StronglyEntanglingLayers(weights, wires=range(n_qubits))
        for layer in weights if sweep == "re-uploading" else ():
            qml.AngleEmbedding(inputs, wires=range(n_qubits), rotation="Y")
            qml.StronglyEntanglingLayers(layer[None], wires=range(n_qubits))
        return [qml.expval(qml.Z(qubit)) for qubit in range(n_qubits)]

    return circuit, shape


def layer_of(point: dict[str, Any], path: str) -> QuantumLayer:
    """Return the circuit of a point on one path."""
    n = point["n_qubits"]
    if point["observable"] == "each":
        function, shape = other_circuit(point["sweep"], n, point["n_layers"])
        return QuantumLayer(function, {"weights": shape}, n_inputs=n, path=path)
    circuit = VariationalCircuit(Encoding("RY", n), Ansatz("RY-RX", n, point["n_layers"]), point["observable"])
    return QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=n, path=path)


def milliseconds(step: Any, budget: float = 0.4) -> float:
    """Return the median CPU time of a step, after one that sets things up."""
    step()
    found: list[float] = []
    while not found or (sum(found) < 1e3 * budget and len(found) < 50):
        start = time.process_time()  # one thread: what others do on the machine does not count
        step()
        found.append(1e3 * (time.process_time() - start))
    return statistics.median(found)


def measure(point: dict[str, Any]) -> dict[str, Any]:
    """Time every path that is possible at a point, and the matrix product."""
    generator = torch.Generator().manual_seed(0)
    batch = point["batch"]
    inputs = torch.randn(batch, point["n_qubits"], generator=generator)
    targets = torch.randn(batch, generator=generator)
    auto = layer_of(point, "auto").plan(batch)
    found: dict[str, Any] = point | {"chosen": auto.path, "estimates": auto.costs, "reasons": auto.reasons, "milliseconds": {}}
    for path in PATHS:
        if path in auto.reasons or auto.costs[path] > LIMIT:
            continue
        layer = layer_of(point, path)

        def step(layer: QuantumLayer = layer) -> None:
            layer.zero_grad()
            ((layer(inputs).reshape(batch, -1) - targets[:, None]) ** 2).mean().backward()

        found["milliseconds"][path] = milliseconds(step)
    found["n_terms"] = auto.n_terms
    if auto.n_terms and batch * auto.n_terms < 3e8:
        columns = torch.randn(batch, auto.n_terms, generator=generator)
        weights = torch.randn(auto.n_terms, 1, generator=generator, requires_grad=True)

        def product() -> None:
            weights.grad = None
            (((columns @ weights)[:, 0] - targets) ** 2).mean().backward()

        found["milliseconds"]["matrix product"] = milliseconds(product)
    return found


def noise_sweep(n_strengths: int = 21, n_samples: int = 300) -> list[dict[str, Any]]:
    """Time a sweep over strengths of a channel after every gate of QNN-P, beside PennyLane's default.mixed, set-up included.

    PennyLane gets the whole batch at once and no gradients; it is timed on one strength in five and scaled.
    """
    circuit = VariationalCircuit(Encoding("RY", 4), Ansatz("RY-RX", 4, 3))
    generator = np.random.default_rng(0)
    weights = generator.uniform(0, 2 * np.pi, circuit.weight_shape)
    inputs = generator.normal(size=(n_samples, 4))
    strengths = np.linspace(0, 1, n_strengths)
    found = []
    sweep_once = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=4)
    sweep_once.with_noise(NoiseModel("bit_flip", 0.1, "gate"))(torch.as_tensor(inputs))  # compiles what is compiled once
    for channel in CHANNELS:
        start = time.perf_counter()
        start_weights = {"weights": torch.as_tensor(weights)}
        exact = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, start_weights, n_inputs=4)
        ours = []
        for strength in strengths:
            layer = exact.with_noise(NoiseModel(channel, float(strength), "gate"))
            with torch.no_grad():
                ours.append(layer(torch.as_tensor(inputs)).numpy())
        middle = time.perf_counter()
        difference = 0.0
        for place in range(0, n_strengths, 5):
            noisy = with_noise(circuit.pennylane(), NoiseModel(channel, float(strengths[place]), "gate"))
            node = qml.QNode(noisy, qml.device("default.mixed", wires=4))
            difference = max(difference, float(np.abs(node(inputs, weights) - ours[place]).max()))
        theirs = (time.perf_counter() - middle) * n_strengths / len(range(0, n_strengths, 5))
        found.append({"channel": channel, "ours": middle - start, "default.mixed": theirs, "difference": difference})
    return found


#: Sizes whose memory is measured (on Linux): qubits, samples, observable, path.
LARGE = (
    (14, 2_000, "parity", "train"),
    (14, 2_000, "parity", "state"),
    (10, 100_000, "parity", "train"),
    (10, 100_000, "parity", "state"),
    (10, 100_000, "first", "terms"),
)


def peak() -> float:
    """Return the largest memory of this process so far in megabytes; not what it was forked from, as getrusage would."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def large_step(n_qubits: int, batch: int, observable: str, path: str) -> None:
    """Make one step and print its seconds and the largest memory of this process, in megabytes, before and after it."""
    layer = layer_of({"n_qubits": n_qubits, "batch": batch, "n_layers": 3, "observable": observable}, path)
    layer(torch.zeros(1, n_qubits)).sum().backward()
    inputs = torch.randn(batch, n_qubits, requires_grad=True)
    before = peak()
    start = time.perf_counter()
    layer(inputs).square().mean().backward()
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, before, peak()]))


def memory() -> list[dict[str, Any]]:
    """Measure the largest steps, each in a process of its own, gradients of inputs included."""
    found = []
    for case in LARGE:
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import growth; growth.large_step(*{case!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds, before, after = json.loads(done.stdout.splitlines()[-1])
        case_names = dict(zip(("n_qubits", "batch", "observable", "path"), case, strict=True))
        found.append(case_names | {"seconds": seconds, "before_mb": before, "peak_mb": after})
    return found


def main(argv: list[str] | None = None) -> int:
    """Measure all points and write them; return the exit code."""
    parser = argparse.ArgumentParser(description="Time each path of the circuit engine against qubits, batch and layers.")
    parser.add_argument("--no-write", action="store_true", help="only measure; leave benchmarks/growth.json as it is")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    found = [measure(point) for point in tqdm(list(points()), unit="point")]
    noise = noise_sweep()
    result = {
        "date": date.today().isoformat(),
        "cpu": cpu_model(),
        "torch": torch.__version__,
        "points": found,
        "noise": noise,
        "memory": memory(),
    }
    if not options.no_write:
        slow = [p["milliseconds"][p["chosen"]] / min(p["milliseconds"].get(path, np.inf) for path in PATHS) for p in found]
        print(f"the chosen path takes up to {max(slow):.2f} times the fastest; above 1.2 at {sum(s > 1.2 for s in slow)} points")
        part = RESULTS.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1), encoding="utf-8")
        part.replace(RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())

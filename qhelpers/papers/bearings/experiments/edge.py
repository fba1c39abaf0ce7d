"""QEML-Net without torch: the same answers in fewer bits, the circuit in C, and what one window costs from samples to class.

What is timed and how, and the formats, are deviations D4.80 to D4.84, written before a score was seen.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhelpers import signals
from qhelpers.circuits import QuantumLayer
from qhelpers.circuits.export_c import CompiledFunction, has_compiler
from qhelpers.datasets import Signals
from qhelpers.models.quantum import circuit_module
from qhelpers.papers.bearings import edge, physics
from qhelpers.papers.bearings.benchmark import channel_of
from qhelpers.papers.bearings.experiments import network
from qhelpers.papers.bearings.model import circuit
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

VARIANTS = ("full", "without circuit")
SIZES, THREADS, BATCH = (32, 64, 224), (1, 2), 16
#: Training windows that static eight bits take their ranges from, and windows a class that timings use.
N_CALIBRATION, N_TIMED = 256, 16


@knows(question=("formats", "speed", "circuit", "chain"))
def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Ask one question.

    Parameters
    ----------
    config : mapping
        ``question``: ``"formats"`` of a trained network (``split``, ``size``, ``epochs``); ``"speed"`` of a ``variant`` at a
        ``size``; ``"circuit"``; ``"chain"`` at a ``size``.
    seed : int
        Of the split and the network; where only time is measured, the number of the repeat.
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where the training keeps its last epoch.

    Returns
    -------
    Outcome
        See `formats`, `speed`, `circuits` and `chain`.
    """
    questions: dict[str, Callable[..., Outcome]] = {
        "formats": formats, "speed": speed, "circuit": circuits, "chain": chain,
    }  # fmt: skip
    return questions[config["question"]](config, seed, dataset, scratch)


def formats(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None) -> Outcome:
    """Train, export, and let every format answer the same test windows.

    ``torch_accuracy``; of each of `edge.FORMATS` ``accuracy``, ``loss`` (what it has less), ``same`` (share of windows with the
    class that torch gives), ``gap`` (largest difference of a logit) and ``megabytes``. Of the circuit: ``terms``, the largest
    ``angle`` of training and test windows, and of its C functions ``gap`` to torch on test windows, ``bytes`` of constants and
    of the object file, ``multiply_adds`` and ``sines``. ``logit_spread``: standard deviation of torch's logits.
    """
    part = network.parts(network.windows(dataset, config["size"]), config["split"], seed)
    kept = None if scratch is None else scratch / "training"
    model = QEMLNetClassifier(epochs=config["epochs"], checkpoint=kept, random_state=seed)
    start = time.perf_counter()
    model.fit(part.train.x, part.train.y, part.validation.x, part.validation.y)
    seconds = time.perf_counter() - start
    output = model.outputs(part.test.x)
    logits, y = output.logits.numpy(), np.searchsorted(model.classes_, part.test.y)
    best = logits.argmax(1)
    metrics = {"torch_accuracy": float((best == y).mean()), "logit_spread": float(logits.std()), "windows_test": float(len(y))}
    rows = np.random.default_rng(seed).permutation(len(part.train))[:N_CALIBRATION]
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _files(model, Path(folder), part.train.x[np.sort(rows)]).items():
            found = edge.OnnxNetwork(path).logits(part.test.x)
            said = found.argmax(1)
            metrics |= {
                f"{name}_accuracy": float((said == y).mean()),
                f"{name}_loss": float((best == y).mean() - (said == y).mean()),
                f"{name}_same": float((said == best).mean()),
                f"{name}_gap": float(np.abs(found - logits).max()),
                f"{name}_megabytes": path.stat().st_size / 1e6,
            }
    layer = model.module_.head.circuit
    trained = model.outputs(part.train.x[np.sort(rows)])
    assert isinstance(layer, QuantumLayer)
    assert output.v is not None
    assert output.q is not None
    assert trained.v is not None
    metrics |= _in_c(layer, output.v.numpy(), output.q.numpy(), float(trained.v.abs().max()))
    return Outcome(metrics, train_seconds=seconds)


def _files(model: QEMLNetClassifier, folder: Path, calibration: NDArray[Any]) -> dict[str, Path]:
    """A file for each format."""
    single = edge.export_onnx(model, folder / "float32.onnx")
    others = edge.FORMATS[1:]
    return {"float32": single} | {name: edge.convert(single, folder / f"{name}.onnx", name, calibration) for name in others}


def _in_c(layer: QuantumLayer, v: NDArray[Any], q: NDArray[Any], largest: float) -> dict[str, float]:
    """Size of the C functions, and how far they are from torch on angles v (n_samples, 4) with ⟨Z⟩ q (n_samples, 4)."""
    metrics = {"terms": float(len(layer.surrogate().factors)), "angle": float(max(largest, np.abs(v).max()))}
    reach = 2 * math.pi * math.ceil(largest / (2 * math.pi))
    for number in ("float32", "int16"):
        function = edge.circuit_in_c(layer, number, reach)
        metrics |= {
            f"c_{number}_bytes": float(function.constant_bytes),
            f"c_{number}_multiply_adds": float(function.multiply_adds),
            f"c_{number}_sines": float(function.n_sines),
        }
        if has_compiler():
            metrics[f"c_{number}_object_bytes"] = float(function.object_size())
            metrics[f"c_{number}_gap"] = float(np.abs(function.compile()(v)[1] - q).max())
    return metrics


def speed(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None) -> Outcome:
    """Time a network from its image on; it has seen one epoch of 32 windows.

    Of torch (one core) and of each format by ONNX Runtime on one and two cores (`_times`); the variant without circuit in single
    precision only. ``parameters`` of the graph, ``frames`` timed.
    """
    images, y = _few(dataset, config["size"])
    model = QEMLNetClassifier(**network.VARIANTS[config["variant"]], epochs=1, random_state=seed).fit(images[::2], y[::2])
    n = 60 if config["size"] > 100 else 200
    deployed = edge.Deployed(model)
    tensor = torch.as_tensor(images)
    with torch.no_grad():
        metrics = _times("torch_t1", partial(_answer, deployed, tensor), len(images), n)
    metrics |= {"parameters": float(sum(one.numel() for one in deployed.parameters())), "frames": float(n)}
    with tempfile.TemporaryDirectory() as folder:
        if config["variant"] == "full":
            files = _files(model, Path(folder), images[::2])
        else:
            files = {"float32": edge.export_onnx(model, Path(folder) / "float32.onnx")}
        for name, path in files.items():
            for threads in THREADS:
                ready = edge.OnnxNetwork(path, threads)
                metrics |= _times(f"{name}_t{threads}", partial(_answer, ready.logits, images), len(images), n)
    return Outcome(metrics)


def _answer(way: Callable[[Any], Any], inputs: Any, rows: list[int]) -> Any:
    return way(inputs[rows])


def _few(dataset: Signals, size: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`N_TIMED` images of the first recording of each class, and the classes."""
    channel, images = dataset.channels.index(channel_of("cwru-drive")), []
    for label in range(4):
        k = int(np.flatnonzero((dataset.y == label) & ((dataset.rate == signals.RATE) | (label == 0)))[0])
        rate = float(dataset.rate[k])
        n = math.ceil((signals.WINDOW + N_TIMED * signals.HOP) * rate / signals.RATE)
        images.append(signals.images(dataset.recordings[k][:n, channel], rate, size)[:N_TIMED])
    return np.concatenate(images), np.repeat(np.arange(4), N_TIMED)


def _times(name: str, call: Callable[[Any], Any], n_inputs: int, n: int) -> dict[str, float]:
    """Time calls for one input and for `BATCH` at once.

    ``p50_ms`` and ``p99_ms`` of one, by the clock; ``cpu_ms`` and ``cpu_ms_16``, what one takes of all cores' time, alone and
    among 16; ``frames_per_second_1`` and ``frames_per_second_16``, by the clock.
    """
    for k in range(10):
        call([k % n_inputs])
    wall, cpu = np.zeros(n), time.process_time()
    for k in range(n):
        start = time.perf_counter()
        call([k % n_inputs])
        wall[k] = time.perf_counter() - start
    cpu = time.process_time() - cpu
    batches = max(3, n // 20)
    rows = list(range(BATCH))
    call(rows)
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(batches):
        call(rows)
    cpu_16 = time.process_time() - cpu_start
    return {
        f"{name}_p50_ms": 1e3 * float(np.quantile(wall, 0.5)),
        f"{name}_p99_ms": 1e3 * float(np.quantile(wall, 0.99)),
        f"{name}_cpu_ms": 1e3 * cpu / n,
        f"{name}_cpu_ms_16": 1e3 * cpu_16 / (batches * BATCH),
        f"{name}_frames_per_second_1": n / float(wall.sum()),
        f"{name}_frames_per_second_16": batches * BATCH / (time.perf_counter() - start),
    }


def circuits(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None) -> Outcome:
    """Time the circuit alone, of one window and of 16: PennyLane's layer, this book's, its sum, and the sum in C (`_times`).

    ``gap``: the largest difference between any two of them.
    """
    torch.manual_seed(seed)
    layer = QuantumLayer.from_circuit(circuit()).float()
    v = 2 * torch.randn(64, 4)
    ways: dict[str, Callable[[Any], Any]] = {
        "pennylane": circuit_module(circuit(), "pennylane", next(layer.parameters()).detach()),
        "layer": layer,
        "sum": layer.surrogate().float(),
    }
    if has_compiler():
        compiled: CompiledFunction = edge.circuit_in_c(layer).compile()
        ways["c"] = lambda rows: torch.as_tensor(compiled(rows.numpy())[1])
    metrics: dict[str, float] = {}
    found = []
    with torch.no_grad():
        for name, way in ways.items():
            metrics |= _times(name, partial(_answer, way, v), len(v), 200)
            found.append(torch.stack([torch.as_tensor(way(v[k : k + 1]))[0] for k in range(8)]).double())
    stacked = torch.stack(found)
    metrics["gap"] = float((stacked.amax(0) - stacked.amin(0)).max())
    return Outcome(metrics)


def chain(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None) -> Outcome:
    """Time what comes before a network, and a plain way that needs none.

    ``image``: one image from the 512 newest samples. ``image_stream_ms``: a window's share of a second's images. ``rule``: three
    lines from a second of samples (D4.4) and logistic regression on their nine heights; ``levels``: RMS and kurtosis of 512
    samples. All as `_times` has them, but without batches.
    """
    pieces = {name: next(physics.pieces(dataset, "cwru-drive", 1.0, (name,))) for name in physics.FAULTS}
    heights = {name: physics.line_heights(piece).reshape(len(piece.x), -1) for name, piece in pieces.items()}
    plain = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    plain.fit(np.concatenate(list(heights.values())), np.repeat(list(heights), [len(one) for one in heights.values()]))
    piece = pieces["inner"]
    second = piece.x[0]
    parts = signals.windows(second)

    def rule(rows: list[int]) -> Any:
        one = physics.Piece(piece.x[:1], piece.rate, piece.speed, piece.fault, piece.bearing, piece.orders)
        return plain.predict(physics.line_heights(one).reshape(1, -1))

    def levels(rows: list[int]) -> Any:
        x = parts[rows[0]]
        rms = np.sqrt((x**2).mean())
        return rms, (x**4).mean() / rms**4

    def image(rows: list[int]) -> Any:
        return signals.images(parts[rows[0]], signals.RATE, config["size"])

    metrics: dict[str, float] = {}
    for name, way in {"image": image, "rule": rule, "levels": levels}.items():
        found = _times(name, way, len(parts), 200)
        metrics |= {key: value for key, value in found.items() if not key.endswith("_16")}
    start = time.perf_counter()
    for _ in range(10):
        n = len(signals.images(second, signals.RATE, config["size"]))
    metrics["image_stream_ms"] = 1e2 * (time.perf_counter() - start) / n
    return Outcome(metrics)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Speed first, twice; then the formats of a trained network on both splits."""
    quick, base = profile == "quick", {"data": "cwru"}
    n_seeds = {"quick": 1, "laptop": 3, "paper": 5}[profile]
    repeats = 1 if quick else 2
    sizes = SIZES[:1] if quick else SIZES
    entries: list[tuple[dict[str, Any], int]] = [(base | {"question": "circuit"}, repeats)]
    entries += [(base | {"question": "chain", "size": size}, repeats) for size in sizes]
    entries += [
        (base | {"question": "speed", "size": size, "variant": name}, repeats)
        for size in sizes
        for name in (VARIANTS[:1] if quick else VARIANTS)
    ]
    splits = network.SPLITS[:1] if quick else network.SPLITS
    told = {"question": "formats", "size": 32, "epochs": network.EPOCHS[profile]}
    return entries + [(base | told | {"split": split}, n_seeds) for split in splits]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if config["question"] == "formats":
        return 35.0 + config["epochs"] * 2500 / 190 + 90
    if config["question"] == "speed":
        return (60.0 + 110 * (config["size"] > 100)) * (1.0 if config["variant"] == "full" else 0.3)
    return 5.0


EXPERIMENT = Experiment(
    name="bearings-edge",
    version="1",
    about="paper 4: QEML-Net as one ONNX graph and in fewer bits, its circuit in C, and what a window costs",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="torch_accuracy",
    times=lambda config: r"metrics\.\w[\w-]*_(p50_ms|p99_ms|cpu_ms(_16)?|stream_ms|frames_per_second_(1|16))",
    told=("data", "question", "split", "variant", "size", "epochs"),
    order="seed",
    needs=lambda config: Needs(memory_gb=4.5 if config.get("size", 0) > 100 else 2.5),
    checkpoints=True,
)

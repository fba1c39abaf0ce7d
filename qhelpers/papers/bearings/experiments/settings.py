"""The settings that the paper prints, and the counts of its Table 2: as what is built has them, and as the sets at hand do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from qhelpers import signals
from qhelpers.datasets import Signals, ims, pronostia
from qhelpers.papers.bearings import baselines, benchmark, costs, model
from qhelpers.papers.bearings.experiments import transfer
from qhelpers.papers.bearings.model import CBAM, QEMLNet
from qhelpers.runs.experiment import of_functions, unseeded

#: Windows, bearings and samples of a made-up set on which shares and folds are counted.
N_WINDOWS, N_BEARINGS, N_SAMPLES = 2000, 10, 4


@functools.cache
def network() -> QEMLNet:
    """The network as it is by default."""
    return QEMLNet()


def _stage(place: int) -> float:
    backbone = network().backbone
    assert backbone is not None
    return float(sorted(map(int, backbone.attention))[place])


def _attention() -> CBAM:
    return next(one for one in network().modules() if isinstance(one, CBAM))


def _reduction() -> float:
    first = next(one for one in _attention().mlp if isinstance(one, nn.Linear))
    return first.in_features / first.out_features


def _depth() -> float:
    """Convolutions of the backbone without shortcuts and attention, and one layer for classes: how a ResNet's are counted."""
    backbone = network().backbone
    assert backbone is not None
    named = [name for name, one in backbone.named_modules() if isinstance(one, nn.Conv2d)]
    return float(1 + sum("downsample" not in name and "attention" not in name for name in named))


def _head(place: int, kind: type[nn.Module], attribute: str) -> float:
    found = [one for one in network().head.classifier if isinstance(one, kind)]
    return float(getattr(found[place], attribute))


@functools.cache
def _sizes() -> dict[str, float]:
    """Parameters after each step of Table 4, as it is built for eight classes."""
    return dict(zip(costs.STEPS, np.cumsum(list(costs.added().values())).tolist(), strict=True))


def _default(function: Callable[..., Any], name: str) -> float:
    """What a function of the chain takes where nothing is said."""
    value = inspect.signature(function).parameters[name].default
    return float("".join(c for c in value if c.isdigit()) if isinstance(value, str) else value)


@functools.cache
def _made_up() -> benchmark.Windows:
    """Windows of two classes with nothing in them, to be split."""
    place = np.arange(N_WINDOWS)
    names = np.array([f"bearing {k % N_BEARINGS}" for k in place])
    return benchmark.Windows(
        np.zeros((N_WINDOWS, N_SAMPLES), "float32"), place % 2, names, names, np.full(N_WINDOWS, np.nan), place // N_BEARINGS
    )


def _share(part: str) -> float:
    split = next(benchmark.splits(_made_up(), "random"))
    return len(getattr(split, part)) / N_WINDOWS


#: Settings that need no data.
ALONE: dict[str, Callable[[], float]] = {
    "depth": _depth,
    "layers": lambda: float(model.circuit().ansatz.reps),
    "qubits": lambda: float(model.circuit().n_qubits),
    "angles": lambda: float(model.circuit().ansatz.n_weights),
    "stage-first": lambda: _stage(0),
    "stage-second": lambda: _stage(1),
    "reduction": _reduction,
    "kernel": lambda: float(_attention().conv.kernel_size[0]),
    "pooled": lambda: float(network().head.projection.in_features),
    "h": lambda: float(network().head.projection.out_features),
    "encoded": lambda: float(network().head.encode.out_features),  # type: ignore[union-attr]
    "q": lambda: float(model.circuit().n_qubits),
    "descriptor": lambda: _head(0, nn.Linear, "in_features"),
    "width-first": lambda: _head(0, nn.Linear, "out_features"),
    "width-second": lambda: _head(1, nn.Linear, "out_features"),
    "logits": lambda: _head(2, nn.Linear, "out_features"),
    "dropout-first": lambda: _head(0, nn.Dropout, "p"),
    "dropout-second": lambda: _head(1, nn.Dropout, "p"),
    "trees": lambda: float(baselines.MODELS["random-forest"].build(0).n_estimators),
    "lstm-layers": lambda: float(baselines.Recurrent().layers.num_layers),
    "convolutions": lambda: float(sum(isinstance(one, nn.Conv1d) for one in baselines.Convolutions())),
    **{f"parameters-{name}": lambda name=name: float(_sizes()[name]) for name in costs.STEPS},  # type: ignore[misc]
    "rate": lambda: signals.RATE / 1000,
    "window": lambda: float(signals.WINDOW),
    "overlap": lambda: 1 - signals.HOP / signals.WINDOW,
    "band-low": lambda: _default(signals.bandpass, "low"),
    "band-high": lambda: _default(signals.bandpass, "high"),
    "order": lambda: _default(signals.bandpass, "order"),
    "low-pass": lambda: _default(signals.envelope, "low_pass"),
    "wavelet": lambda: _default(signals.wavelet_packet, "wavelet"),
    "levels": lambda: _default(signals.wavelet_packet, "level"),
    "folds": lambda: float(sum(1 for _ in benchmark.splits(_made_up(), "folds"))),
    "share-train": lambda: _share("train"),
    "share-validation": lambda: _share("validation"),
    "share-test": lambda: _share("test"),
    "epochs-of-tuning": lambda: float(transfer.TUNING["epochs"]),
}


def _about(data: Signals, column: str) -> np.ndarray:
    assert data.about is not None
    return data.about[column].to_numpy()


def _classes(data: Signals) -> float:
    """Unified classes that the set can have, by labels or by a choice of time."""
    return float(len(benchmark.AVAILABLE[data.name]))


#: Settings of a set, from its recordings, or from what its publisher says of those that are not at hand.
ON_DATA: dict[str, dict[str, Callable[[Signals], float]]] = {
    "cwru": {
        "classes": _classes,
        "slowest": lambda data: float(np.nanmin(_about(data, "speed_nominal")) * 60),
        "fastest": lambda data: float(np.nanmax(_about(data, "speed_nominal")) * 60),
        "slowest-measured": lambda data: float(np.nanmin(_about(data, "speed")) * 60),
        "loads": lambda data: float(len(np.unique(_about(data, "load")))),
        "nearest-count": lambda data: float(
            min((one.count for one in benchmark.choices(data)), key=lambda n: abs(n - benchmark.PRINTED["cwru"]))
        ),
    },
    "mfpt": {
        "classes": _classes,
        "speed": lambda data: float(np.median(_about(data, "speed")) * 60),
        "channels": lambda data: float(len(data.channels)),
        "windows": lambda data: float(
            sum(
                benchmark.n_windows(int(np.ceil(len(one) * signals.RATE / rate)))
                for one, rate in zip(data.recordings, data.rate, strict=True)
            )
        ),
    },
    "ims": {
        "classes": _classes,
        "speed": lambda data: float(np.max(_about(data, "speed")) * 60),
        # Files of all three tests, or of the second; most of them are known by their statistics only.
        "files": lambda data: float(sum(ims.SNAPSHOTS.values())),
        "files-of-the-second": lambda data: float(ims.SNAPSHOTS[2]),
    },
    "pronostia": {
        "classes": _classes,
        "slowest": lambda data: float(np.min(_about(data, "speed")) * 60),
        "snapshots": lambda data: float(sum(pronostia.LIVES.values())),
    },
}


EXPERIMENT = of_functions(
    "bearings-settings",
    "paper 4: the settings that it prints and the counts of its Table 2, as built and as the sets at hand have them",
    "setting",
    unseeded(ALONE),
    {data: unseeded(known) for data, known in ON_DATA.items()},
    seconds=lambda config: 5.0 if "data" in config else 1.0,
)

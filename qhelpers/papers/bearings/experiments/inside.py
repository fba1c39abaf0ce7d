"""Where the network looks: Grad-CAM, pixels and attention, on a bearing's lines or not, and whether it depends on the network.

Written as deviations D4.74 to D4.77 before a map of a genuine recording was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import benchmark, inside
from qhelpers.papers.bearings.experiments import network
from qhelpers.papers.bearings.physics import FAULTS, RIGS
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome

Array = NDArray[np.float64]
ORDERS = RIGS["cwru-drive"].orders
#: Normalised frequencies of section 4.6, by fault in the order of `FAULTS`, and how near counts as there (D4.76).
PRINTED, NEAR = (0.55, 0.42, 0.28), 0.05
#: Windows of each fault that are explained, and combs that are no bearing's.
N_EXPLAINED, N_COMBS = 40, 200
#: Numbers of a window that section 4.6 ranks, as a probe is to find them (D4.77).
PROBED = ("rms", "peak", "kurtosis")


def ranked(x: Array) -> Array:
    """Log RMS, frequency of the highest line in kHz and log kurtosis of windows at 12 kHz, shape (n_windows, 3)."""
    x = x - x.mean(-1, keepdims=True)
    rms = np.sqrt((x**2).mean(-1))
    hz, amplitude = signals.spectrum(x, signals.RATE)
    peak = hz[1:][amplitude[:, 1:].argmax(-1)] / 1000
    return np.stack([np.log(rms), peak, np.log((x**4).mean(-1) / rms**4)], axis=-1)


def near_printed(profile: Array) -> Array:
    """How much of a profile over 0 to 6 kHz lies within `NEAR` of each printed frequency, over its share of the axis.

    Parameters
    ----------
    profile : ndarray of shape (n_samples, n_places)
        Not negative; equal parts of the axis.

    Returns
    -------
    ndarray of shape (n_samples, 3)
        NaN where a profile has no mass.
    """
    places = (np.arange(profile.shape[1]) + 0.5) / profile.shape[1]
    mass = profile.sum(1)
    found = [profile[:, near].sum(1) / near.mean() for near in (np.abs(places - one) <= NEAR for one in PRINTED)]
    return np.stack([np.divide(one, mass, out=np.full(len(mass), np.nan), where=mass > 0) for one in found], axis=1)


def own(values: Array, fault: Array, recording: Any, rng: np.random.Generator) -> dict[str, float]:
    """Mean over windows of the value of each window's own fault, and its 95 % interval by bootstrap over recordings.

    Parameters
    ----------
    values : ndarray of shape (n_windows, 3)
        A column a fault, in the order of `FAULTS`.
    fault : ndarray of int of shape (n_windows,)
        Columns that are the windows' own.
    recording : array of str
    rng : numpy.random.Generator
    """
    found: dict[str, float] = {}
    for k, name in enumerate(FAULTS):
        mine = (fault == k) & np.isfinite(values[:, k])
        if mine.any():
            means = [values[mine & (recording == one), k].mean() for one in np.unique(recording[mine])]
            drawn = rng.choice(means, (1000, len(means))).mean(1)
            low, high = np.quantile(drawn, (0.025, 0.975))
            found |= {name: float(np.mean(means)), f"{name}_low": float(low), f"{name}_high": float(high)}
    return found


def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Train QEML-Net from end to end and explain windows that it was tested on.

    Parameters
    ----------
    config : mapping
        ``split``, ``size`` and ``epochs`` of the training, as in `network.run`.
    seed : int
        Of split, network and which windows are explained.
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where the training keeps its last epoch.

    Returns
    -------
    Outcome
        ``accuracy``. With a fault's name (and ``_low``, ``_high``, see `own`; ``_chance``, the share of combs that are no
        bearing's on which at least as much lies): ``lines_`` (pixels of the spectrum's channel) and ``rhythm_`` (of the
        envelope's), by `inside.on_lines`; ``random_lines_`` and ``random_rhythm_``, of a network that is random as a whole,
        ``excess_lines_`` and ``excess_rhythm_`` what the trained one has more; ``signal_lines_`` and ``signal_rhythm_``, of the
        windows themselves; ``printed_`` (pixels) and ``stage_printed_`` (Grad-CAM), by `near_printed`; ``peak_`` and
        ``stage_peak_``, where their mean over windows is highest, as a share of 6 kHz. ``share_`` and a channel: of the pixels'
        total. ``random_`` and ``stage_random_`` with a part of `inside.CASCADE`: likeness (`inside.alike`) of maps when all from
        the head to it is random; ``other_class`` and ``stage_other_class`` when another fault's logit is asked for; ``image``, of
        pixels to the image. ``gate_places_`` and ``gate_range_`` with a stage: places of CBAM's gate, and the mean difference
        between its largest and its least. ``probe_`` and ``probe_q_`` with one of `PROBED`: R² on tested windows of a ridge
        regression from h, or from q. ``level_pixels``: R² of the log RMS with the mean of a window's z-scored pixels. Arrays with
        a row a fault: ``profile`` and ``stage_profile`` over the frequencies; ``stage_map``, mean of Grad-CAM; ``spread_lines``,
        ``spread_rhythm`` and the like, mean share of each line of the spectrum; ``confusion_`` and what was measured: of windows
        of a fault (rows), what lies on each fault's (columns).
    """
    part = network.parts(network.windows(dataset, config["size"]), config["split"], seed)
    raw = network.parts(network.raw(dataset), config["split"], seed)
    model = QEMLNetClassifier(
        epochs=config["epochs"], checkpoint=None if scratch is None else scratch / "training", random_state=seed
    )
    model.fit(part.train.x, part.train.y)
    rng = np.random.default_rng([seed, 6])
    faulty = np.flatnonzero(part.test.y > 0)
    mine = faulty[_few(part.test.y[faulty], N_EXPLAINED, rng)]
    some, sound = part.test[mine], raw.test[mine]
    images = torch.as_tensor(model.scores_(some.x), dtype=torch.float32)
    labels = torch.as_tensor(np.searchsorted(model.classes_, some.y))
    names = {number: name for name, number in benchmark.UNIFIED.items()}
    fault = np.array([FAULTS.index(names[int(one)]) for one in some.y])
    told = dataset.about
    assert told is not None
    speeds = dict(zip(dataset.labels.tolist(), told["speed"].astype(float), strict=True))
    speed = np.array([speeds[str(one)] for one in some.recording])

    net = model.module_
    stage, pixels = inside.stage_maps(net, images, labels), inside.pixel_maps(net, images, labels)
    metrics: dict[str, float] = {"accuracy": float(np.mean(model.predict(part.test.x) == part.test.y))}
    arrays: dict[str, Any] = {}
    masses = _masses(pixels, sound.x)
    profiles = {"": masses["lines"][0].reshape(len(some), -1, 8).sum(2), "stage_": _rows(stage)}
    for name, profile in profiles.items():
        values = near_printed(profile)
        metrics |= {f"{name}printed_{key}": value for key, value in own(values, fault, some.recording, rng).items()}
        means = _by_fault(profile / np.maximum(profile.sum(1, keepdims=True), np.finfo(float).tiny), fault)
        metrics |= {f"{name}peak_{one}": highest(row) for one, row in zip(FAULTS, means, strict=True)}
        arrays |= {f"{name}profile": means, f"confusion_{name}printed": _by_fault(values, fault)}
    arrays["stage_map"] = _by_fault(stage, fault)
    totals = np.abs(pixels).sum((0, 2, 3))
    metrics |= {
        f"share_{name.replace(' ', '_')}": float(one / totals.sum()) for name, one in zip(signals.CHANNELS, totals, strict=True)
    }

    other = torch.as_tensor(np.searchsorted(model.classes_, some.y % 3 + 1))
    metrics["other_class"] = inside.alike(np.abs(pixels), np.abs(inside.pixel_maps(net, images, other)))
    metrics["stage_other_class"] = inside.alike(stage, inside.stage_maps(net, images, other))
    metrics["image"] = inside.alike(np.abs(pixels), np.abs(images.double().numpy()))
    fresh = model.network(len(model.classes_), part.train.x.shape[1:], seed + 1000)
    settling = torch.as_tensor(model.scores_(part.train.x[rng.choice(len(part.train), min(256, len(part.train)), False)]))
    for where, changed in inside.cascade(net, fresh, settling.float()):
        randomised = inside.pixel_maps(changed, images, labels)
        metrics[f"random_{where}"] = inside.alike(np.abs(pixels), np.abs(randomised))
        metrics[f"stage_random_{where}"] = inside.alike(stage, inside.stage_maps(changed, images, labels))
        if where == inside.CASCADE[-1]:
            masses |= {f"random_{name}": mass for name, mass in _masses(randomised, sound.x).items() if "signal" not in name}
    for name, (mass, band) in masses.items():
        values = np.stack([inside.on_lines(mass, ORDERS[one], speed, band) for one in FAULTS], axis=1)
        metrics |= {f"{name}_{key}": value for key, value in own(values, fault, some.recording, rng).items()}
        even = mass / np.maximum(mass.sum(1, keepdims=True), np.finfo(float).tiny)
        shown = 32 if band == inside.SLOW else inside.N_LINES
        arrays |= {f"confusion_{name}": _by_fault(values, fault), f"spread_{name}": _by_fault(even, fault)[:, :shown]}
        for k, one in enumerate(FAULTS):
            combs = inside.chance(mass[fault == k], speed[fault == k], band, N_COMBS, rng)
            metrics[f"{name}_{one}_chance"] = float(np.mean(combs >= np.nanmean(values[fault == k, k])))
    for name in ("lines", "rhythm"):
        both = {one: (metrics.get(f"{name}_{one}"), metrics.get(f"random_{name}_{one}")) for one in FAULTS}
        metrics |= {f"excess_{name}_{one}": a - b for one, (a, b) in both.items() if a is not None and b is not None}
    for where, gate in inside.gates(net, images).items():
        metrics[f"gate_places_{where}"] = float(gate[0].size)
        metrics[f"gate_range_{where}"] = float(np.ptp(gate, axis=(1, 2)).mean())
    metrics |= _probes(model, part, raw)
    kept = {name: value for name, value in metrics.items() if np.isfinite(value)}
    return Outcome(kept, arrays=arrays)


def highest(profile: Array) -> float:
    """Where a profile of equal parts is highest, as a share of its axis: the middle of the parts that are."""
    return float((np.flatnonzero(profile == profile.max()).mean() + 0.5) / len(profile))


def _few(y: Any, n: int, rng: np.random.Generator) -> Any:
    """Rows of at most n of each class, in their order."""
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == one))[:n] for one in np.unique(y)]))


def _masses(pixels: Array, x: Any) -> dict[str, tuple[Array, tuple[float, float]]]:
    """What is looked for on lines, and in which band: of the maps, and of the windows themselves."""
    _, spectrum, envelope = inside.sources(np.abs(pixels))
    passed = signals.bandpass(x.astype(float), signals.RATE)
    return {
        "lines": (spectrum, inside.PASSED),
        "rhythm": (inside.rhythm(envelope), inside.SLOW),
        "signal_lines": (signals.spectrum(passed, signals.RATE)[1][:, : inside.N_LINES], inside.PASSED),
        "signal_rhythm": (inside.rhythm(signals.envelope(passed, signals.RATE)), inside.SLOW),
    }


def _rows(maps: Array) -> Array:
    """Sum of each row of a map, brought to 32 equal parts of the frequencies."""
    return np.repeat(maps.sum(2), 32 // maps.shape[1], axis=1)


def _by_fault(values: Array, fault: Array) -> Array:
    """Mean over the windows of each fault, a row a fault."""
    return np.stack([np.nanmean(values[fault == k], axis=0) for k in range(len(FAULTS))])


def _probes(model: QEMLNetClassifier, part: network.Parts, raw: network.Parts) -> dict[str, float]:
    learned, tested = model.outputs(part.train.x), model.outputs(part.test.x)
    truths, wanted = ranked(raw.train.x.astype(float)), ranked(raw.test.x.astype(float))
    found: dict[str, float] = {}
    for name, key in (("probe_", "h"), ("probe_q_", "q")):
        X, X_test = (getattr(one, key).double().numpy() for one in (learned, tested))
        guessed = make_pipeline(StandardScaler(), Ridge(1.0)).fit(X, truths).predict(X_test)
        found |= {name + one: float(r2_score(wanted[:, k], guessed[:, k])) for k, one in enumerate(PROBED)}
    level = model.scores_(part.test.x).mean((1, 2, 3))
    return found | {"level_pixels": float(np.corrcoef(level, wanted[:, 0])[0, 1] ** 2)}


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both splits: nine seeds at random, each fault size once."""
    quick = profile == "quick"
    base = {"data": "cwru", "size": 32, "epochs": network.EPOCHS["quick" if quick else "laptop"]}
    seeds = (network.PAIRS, 3)
    return [(base | {"split": split}, 1 if quick else n) for split, n in zip(network.SPLITS, seeds, strict=True)]


EXPERIMENT = Experiment(
    name="bearings-inside",
    version="1",
    about="paper 4: where the network looks, on a bearing's lines or not, and whether that depends on the network; two splits",
    function=run,
    grid=grid,
    estimate=lambda config: 130.0 + config["epochs"] * 2500 / 190,
    told=("data", "split", "size", "epochs"),
    order="seed",
    needs=lambda config: Needs(memory_gb=2.5),
    checkpoints=True,
)

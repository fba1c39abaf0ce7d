"""QEML-Net from end to end on CWRU's drive end, with and without its parts: windows at random, or a fault size never met.

Windows, splits, budget and variants are deviations D4.26 to D4.30, fixed before a score was seen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import physics
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome

SPLITS = ("random-windows", "fault-size-out")
#: Fault sizes at the drive end, in inches, that all kinds of fault were made in.
SIZES = (0.007, 0.014, 0.021)
#: Windows of a class that are trained on, that validate, and that are tested on, at most: 70:15:15 (D4.27).
QUOTA = (700, 150, 150)
#: What differs from the network as printed, by name (D4.29).
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "without circuit": {"branch": "none"},
    "without CBAM": {"cbam": ()},
    "without decoder": {"decoder": False},
    "tanh for circuit": {"branch": "classical"},
    "circuit not trained": {"branch": "frozen"},
    "without CNOTs": {"branch": "separable"},
    "target zero": {"target": "zero"},
    "target noiseless": {"target": "noiseless"},
    "fine stem": {"stem": "fine"},
}
#: Passes over the training windows by profile (D4.28); the paper has 200.
EPOCHS = {"quick": 1, "laptop": 6, "paper": 200}


class Windows(NamedTuple):
    """Windows as images, and what is known of each.

    Attributes
    ----------
    images : ndarray of shape (n_windows, 3, size, size)
    y : ndarray of shape (n_windows,)
        Normal, ball, inner, outer, as the data set numbers them.
    size : ndarray of shape (n_windows,)
        Of the fault, in inches; of the normal bearing 0.
    recording, bearing : ndarray of shape (n_windows,)
        Name of the file; physical bearing.
    """

    images: NDArray[np.float32]
    y: NDArray[np.int64]
    size: NDArray[np.float64]
    recording: NDArray[np.str_]
    bearing: NDArray[np.str_]


class Parts(NamedTuple):
    """Numbers of the windows that are trained on, that validate, and that are tested on."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


_last: list[Any] = []


def windows(data: Signals, size: int) -> Windows:
    """Images of all windows of the drive end's sensor: faults of `SIZES` at 12 kHz, and the normal recordings (D4.26).

    The last one asked for is kept.

    Parameters
    ----------
    data : Signals
        CWRU.
    size : int
        Pixels a side.
    """
    key = (data.fingerprint, size)
    if not _last or _last[0] != key:
        assert data.about is not None
        at_drive, of = data.about["fan_end"].to_numpy() == 0, data.about["fault_size"].to_numpy()
        mine = at_drive & np.where(of == 0, data.rate == 48_000.0, (data.rate == 12_000.0) & np.isin(of, SIZES))
        made, numbers = [], []
        for k in np.flatnonzero(mine):
            x = data.recordings[k][:, data.channels.index("DE")].astype(float)
            made.append(signals.images(x - x.mean(), float(data.rate[k]), size))
            numbers += [k] * len(made[-1])
        at = np.array(numbers)
        bearing = np.array([str(one).split(" @")[0] for one in data.groups])
        _last[:] = [key, Windows(np.concatenate(made), data.y[at], of[at], data.labels[at], bearing[at])]
    found: Windows = _last[1]
    return found


def parts(of: Windows, split: str, seed: int, inner: bool = False) -> Parts:
    """Draw training, validation and test windows, at most `QUOTA` of each class (D4.27).

    Parameters
    ----------
    of : Windows
    split : {"random-windows", "fault-size-out"}
        Windows at random; or all windows of one fault size, that is of other bearings, and one of the normal recordings are
        left for the test. The seed turns through sizes and recordings.
    seed : int
    inner : bool
        Put the test windows of that split aside, and split what is left in the same way once more: for choices (D4.30).

    Raises
    ------
    ValueError
        If the split is unknown, or a part lacks a class.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; allowed are {', '.join(SPLITS)}: pass one of them")
    rng = np.random.default_rng([seed, inner])
    healthy = sorted(set(of.recording[of.size == 0].tolist()))
    out = SIZES[seed % len(SIZES)]
    normal_out = healthy[seed % len(healthy)] if healthy else ""
    left = np.ones(len(of.y), bool)
    if inner:
        if split == "random-windows":
            left[parts(of, split, seed).test] = False
        else:
            left &= (of.size != out) & (of.recording != normal_out)
            out = SIZES[(seed + 1) % len(SIZES)]
            # one normal recording is left, of which the last part is tested
    chosen: tuple[list[Any], ...] = ([], [], [])
    for label in np.unique(of.y):
        pool = np.flatnonzero((of.y == label) & left)
        if split == "fault-size-out":
            held = (of.size[pool] == out) if (of.size[pool] > 0).all() else (of.recording[pool] == normal_out)
            if inner and not held.any():
                held = np.arange(len(pool)) >= 0.7 * len(pool)
            known, test = rng.permutation(pool[~held]), rng.permutation(pool[held])[: QUOTA[2]]
            n = min(len(known), QUOTA[0] + QUOTA[1])
            edge = round(n * QUOTA[0] / (QUOTA[0] + QUOTA[1]))
            drawn = (known[:edge], known[edge:n], test)
        else:
            known = rng.permutation(pool)[: sum(QUOTA)]
            edges = np.rint(np.cumsum(QUOTA[:2]) / sum(QUOTA) * len(known)).astype(int)
            drawn = tuple(np.split(known, edges))  # type: ignore[assignment]
        if not all(map(len, drawn)):
            raise ValueError(
                f"class {label} has {', '.join(str(len(one)) for one in drawn)} windows to train on, validate and test on; allowed is "
                "one or more of each: take more recordings of it, or another split"
            )
        for part, more in zip(chosen, drawn, strict=True):
            part.append(more)
    return Parts(*(np.sort(np.concatenate(part)) for part in chosen))


def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Train one variant and test it.

    Parameters
    ----------
    config : mapping
        ``variant``, a key of `VARIANTS`; ``split``; ``size`` of the image; ``epochs``; ``inner``, whether this is for a choice.
    seed : int
        Of the split, which all variants share, and of the network.
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where the training keeps its last epoch.

    Returns
    -------
    Outcome
        ``accuracy``, ``macro_f1``, ``macro_auc`` of the test windows, ``accuracy_bearings`` (mean over bearings), ``accuracy_`` and
        a class; ``validation_accuracy``, ``train_accuracy``; of the last epoch ``loss``, its parts and ``h_rms``; ``fidelity`` and
        ``q_sd`` (mean standard deviation of the four expectation values) on test windows; numbers of windows. Arrays: curves,
        the confusion matrix, and each tested bearing's share.
    """
    if config["variant"] not in VARIANTS:
        raise ValueError(f"variant {config['variant']!r} is unknown; allowed are {', '.join(VARIANTS)}")
    of = windows(dataset, config["size"])
    part = parts(of, config["split"], seed, bool(config.get("inner")))
    model = QEMLNetClassifier(
        **VARIANTS[config["variant"]],
        epochs=config["epochs"],
        checkpoint=None if scratch is None else scratch / "training",
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(of.images[part.train], of.y[part.train], of.images[part.validation], of.y[part.validation])
    seconds = time.perf_counter() - start
    y = of.y[part.test]
    output = model.outputs(of.images[part.test])
    shares = output.logits.softmax(1).double().numpy()
    guessed = model.classes_[shares.argmax(1)]
    bearings = physics.by_bearing(guessed == y, of.bearing[part.test])
    metrics = {
        "accuracy": float(np.mean(guessed == y)),
        "macro_f1": float(f1_score(y, guessed, average="macro")),
        "macro_auc": float(roc_auc_score(y, shares / shares.sum(1, keepdims=True), multi_class="ovr", average="macro")),
        "accuracy_bearings": float(np.mean(list(bearings.values()))),
        "validation_accuracy": model.history_["val_accuracy"][-1],
        "train_accuracy": model.history_["accuracy"][-1],
        "windows_train": float(len(part.train)),
        "windows_test": float(len(part.test)),
        "parameters": float(sum(one.numel() for one in model.module_.parameters() if one.requires_grad)),
    }
    metrics |= {f"accuracy_{dataset.meaning[int(k)]}": float(np.mean(guessed[y == k] == k)) for k in model.classes_}
    for name in ("loss", "cross_entropy", "reconstruction", "fidelity", "h_rms"):
        if np.isfinite(value := model.history_[name][-1]):
            metrics[f"train_{name}"] = value
    if output.q is not None:
        metrics["q_sd"] = float(output.q.std(0).mean())
    curves = {name: np.array(values) for name, values in model.history_.items() if np.isfinite(values).all()}
    arrays = curves | {
        "confusion": confusion_matrix(y, guessed, labels=model.classes_).astype("int32"),
        "bearing": np.array(list(bearings)),
        "share": np.array(list(bearings.values())),
    }
    return Outcome(metrics, arrays=arrays, train_seconds=seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Four variants on both splits; then other readings on the harder one; before them the image's size, by an inner split."""
    quick = profile == "quick"
    n_seeds = 1 if quick else 3
    base = {"data": "cwru", "size": 32, "epochs": EPOCHS[profile]}
    main = list(VARIANTS)[:4]
    entries = [(base | {"split": split, "variant": name}, n_seeds) for name in main[: 1 if quick else None] for split in SPLITS]
    if quick:
        return entries
    inner = base | {"split": SPLITS[1], "variant": "full", "inner": True}
    entries += [(inner | {"size": size}, n_seeds) for size in (32, 48, 64)] + [(inner | {"variant": "fine stem"}, n_seeds)]
    rest = [name for name in VARIANTS if name not in main and name != "fine stem"]
    entries += [(base | {"split": SPLITS[1], "variant": name}, n_seeds) for name in rest]
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly: 190 windows of 32 pixels a second, and the images of all windows."""
    pixels = (config["size"] / 32) ** 2 * (2 if config["variant"] == "fine stem" else 1)
    return 35.0 + config["epochs"] * 2500 / 190 * pixels


EXPERIMENT = Experiment(
    name="bearings-network",
    version="1",
    about="paper 4: QEML-Net from end to end on CWRU's drive end, with and without its parts, two splits",
    function=run,
    grid=grid,
    estimate=estimate,
    told=("data", "split", "inner", "size", "variant", "epochs"),
    order="seed",
    needs=lambda config: Needs(memory_gb=2.5),
    checkpoints=True,
)

"""QEML-Net from end to end on CWRU's drive end, with and without its parts: windows at random, or a fault size never met.

Windows, splits, budget and variants are deviations D4.26 to D4.30, fixed before a score was seen.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from qhelpers.datasets import Signals
from qhelpers.papers.bearings import benchmark, elsewhere, physics
from qhelpers.papers.bearings.benchmark import Windows
from qhelpers.papers.bearings.costs import n_parameters
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

SPLITS = ("random-windows", "fault-size-out")
#: Faults that all kinds were made in: those of .028 in have no outer race (D4.26).
LARGEST = 0.021
#: Windows of all parts together, at most (D4.27); 15 % of them, 600, are tested.
N_WINDOWS = 4000
#: A loss of cross-entropy alone; fidelity is noted and not trained.
ALONE = (1.0, 0.0, 0.0)
#: What differs from the network as printed, by name (D4.29; the last five D4.50).
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
    "resnet-50": {"cbam": (), "branch": "none", "decoder": False},
    "with-cbam": {"branch": "none", "decoder": False},
    "with-encoding": {"n_layers": 0, "decoder": False, "lambdas": ALONE},
    "with-circuit": {"decoder": False, "lambdas": ALONE},
    "hybrid-qnn": {"cbam": (), "decoder": False, "n_qubits": 2, "lambdas": ALONE},
}
#: Seeds of Table 5's tests, the paper's number; and of what our verdicts compare on windows at random, their fewest (D4.54).
FIVE, PAIRS = 5, 9
#: Steps of Table 4 that are nowhere else; its first is a rival, its last the network in full.
STEPS = ("with-cbam", "with-encoding", "with-circuit")
#: Epochs that stand in for 200 in Figure 2 (D4.51).
LONG = 20
#: Pixels a side that an inner split asked for (D4.30).
CHOSEN = 48
#: Passes over the training windows by profile (D4.28); the paper has 200.
EPOCHS = {"quick": 1, "laptop": 4, "paper": 200}


class Parts(NamedTuple):
    """Windows that are trained on, that validate, and that are tested on; `Windows.x` holds their images."""

    train: Windows
    validation: Windows
    test: Windows


def raw(data: Signals) -> Windows:
    """All windows of the drive end with their samples, in the order of `windows`."""
    cut = benchmark.windows(data, "cwru-drive")
    return cut[cut.size <= LARGEST]


@functools.lru_cache(maxsize=1)
def windows(data: Signals, size: int) -> Windows:
    """All windows of the drive end, normal and faulty, with images in the place of samples (D4.26).

    The last ones asked for are kept.

    Parameters
    ----------
    data : Signals
        CWRU.
    size : int
        Pixels a side.
    """
    return elsewhere.images(data, raw(data), "cwru-drive", size)


def parts(of: Windows, split: str, seed: int, inner: bool = False) -> Parts:
    """Draw `N_WINDOWS`, classes in equal shares as far as there are, and split them 70:15:15 (D4.27).

    Parameters
    ----------
    of : Windows
    split : {"random-windows", "fault-size-out"}
        `benchmark.splits` by its protocol ``"random"``, or ``"size"``: the seed turns through the sizes.
    seed : int
    inner : bool
        Of the second split: put its test windows and all healthy ones aside, and hold another size out of what is left, for
        choices (D4.30).

    Raises
    ------
    ValueError
        If the split is unknown or has no inner one, or a part lacks a class.
    """
    if split not in SPLITS or (inner and split != SPLITS[1]):
        raise ValueError(f"split {split!r}, inner={inner}; allowed are {', '.join(SPLITS)}, the last one with inner=True too")
    if split == SPLITS[0]:
        some = benchmark.balanced(of, min(N_WINDOWS, len(of)), seed)
        drawn = next(benchmark.splits(some, "random", seed))
        return Parts(some[drawn.train], some[drawn.validation], some[drawn.test])
    turns = list(benchmark.splits(of, "size", seed))
    drawn = turns[seed % len(turns)]
    if inner:
        left = of[np.sort(np.concatenate([drawn.train, drawn.validation]))]
        of = left[left.y > 0]
        turns = list(benchmark.splits(of, "size", seed))
        drawn = turns[seed % len(turns)]
    most = (0.7 * N_WINDOWS, 0.15 * N_WINDOWS, 0.15 * N_WINDOWS)
    rows = (drawn.train, drawn.validation, drawn.test)
    return Parts(*(benchmark.balanced(of[one], min(round(n), len(one)), seed) for one, n in zip(rows, most, strict=True)))


@knows(variant=VARIANTS)
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
        ``accuracy``, ``macro_f1``, ``macro_auc`` of the test windows, ``accuracy_bearings`` (mean over bearings), ``accuracy_``
        with a class; ``validation_accuracy``; of the last epoch ``train_accuracy``, ``train_loss``, its parts, ``train_h_rms``;
        ``q_sd``, the mean standard deviation of the four expectation values on test windows; numbers of windows and parameters.
        Arrays: curves, the confusion matrix, and each tested bearing's share.
    """
    part = parts(windows(dataset, config["size"]), config["split"], seed, bool(config.get("inner")))
    model = QEMLNetClassifier(
        **VARIANTS[config["variant"]],
        epochs=config["epochs"],
        checkpoint=None if scratch is None else scratch / "training",
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(part.train.x, part.train.y, part.validation.x, part.validation.y)
    seconds = time.perf_counter() - start
    y = part.test.y
    output = model.outputs(part.test.x)
    shares = output.logits.softmax(1).double().numpy()
    guessed = model.classes_[shares.argmax(1)]
    bearings = physics.by_bearing(guessed == y, part.test.bearing)
    metrics = {
        "accuracy": float(np.mean(guessed == y)),
        "macro_f1": float(f1_score(y, guessed, average="macro")),
        "macro_auc": float(roc_auc_score(y, shares / shares.sum(1, keepdims=True), multi_class="ovr", average="macro")),
        "accuracy_bearings": float(np.mean(list(bearings.values()))),
        "validation_accuracy": model.history_["val_accuracy"][-1],
        "train_accuracy": model.history_["accuracy"][-1],
        "windows_train": float(len(part.train)),
        "windows_test": float(len(part.test)),
        "parameters": float(n_parameters(model.module_)),
    }
    named = {number: name for name, number in benchmark.UNIFIED.items()}
    metrics |= {f"accuracy_{named[int(k)]}": float(np.mean(guessed[y == k] == k)) for k in model.classes_ if (y == k).any()}
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
    """Four variants on both splits; the image's size, by an inner split; on the harder split other readings, and the size that it
    chose; steps of Table 4.

    Where windows are drawn at random, what a sentence is judged by has nine seeds: the network in full, the same without
    circuit or decoder, and the steps.
    """
    quick = profile == "quick"
    n_seeds = {"quick": 1, "laptop": 3, "paper": 5}[profile]
    base = {"data": "cwru", "size": 32, "epochs": EPOCHS[profile]}
    main = list(VARIANTS)[:4]
    compared = ("full", "without circuit", "without decoder", *STEPS)
    seeds = dict.fromkeys(((name, SPLITS[0]) for name in compared), 1 if quick else PAIRS)
    entries = [
        (base | {"split": split, "variant": name}, seeds.get((name, split), n_seeds))
        for name in main[: 1 if quick else None]
        for split in SPLITS
    ]
    if quick:
        return entries
    inner = base | {"split": SPLITS[1], "variant": "full", "inner": True}
    entries += [(inner | {"size": size}, n_seeds) for size in (32, 48, 64)] + [(inner | {"variant": "fine stem"}, n_seeds)]
    rest = [name for name in list(VARIANTS)[:9] if name not in main]
    entries += [(base | {"split": SPLITS[1], "variant": name}, n_seeds) for name in rest]
    entries += [
        (base | {"split": split, "variant": name}, seeds.get((name, split), n_seeds)) for name in STEPS for split in SPLITS
    ]
    entries += [(base | {"split": SPLITS[1], "variant": name, "size": CHOSEN}, n_seeds) for name in main[:2]]
    if profile == "laptop":
        entries.append((base | {"split": SPLITS[0], "variant": "full", "epochs": LONG}, 1))
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

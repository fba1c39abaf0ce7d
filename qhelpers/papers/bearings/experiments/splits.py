"""The same windows of CWRU by five splits, from windows at random to the other end of the machine.

Windows, blocks, loads and models are D4.60 to D4.62, fixed before a score was seen. One bearing out of all rigs is
`bearings-unseen`, other rigs are `bearings-transfer` and `bearings-lines`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import benchmark, elsewhere, physics
from qhelpers.papers.bearings.benchmark import HEALTHY, Windows
from qhelpers.papers.bearings.experiments import lines, network
from qhelpers.papers.bearings.experiments.network import Parts
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome

#: In the order in which less and less of a test window has been met.
SPLITS = ("random-windows", "time-blocks", "load-out", "fault-size-out", "other-end")
#: Those that `bearings-network` does not have.
OWN = ("time-blocks", "load-out", "other-end")
MACHINES = ("cwru-drive", "cwru-fan")
SAMPLES = (signals.WINDOW, 2048, 12_000)
#: Blocks of a recording, and from which distance on two windows (each the next one's half) have a window between them.
N_BLOCKS, APART = 5, 4
#: Load that is left out, in hp, by seed: those that have a healthy recording first.
LOADS = (0, 3, 1, 2)
#: Plain models: what they read, and what they are.
PLAIN = (("spectrum", "forest"), ("spectrum", "logistic"), ("classical", "logistic"), ("lines", "logistic"))
NETWORK = "qeml-net"
#: Of windows known, that validate; and of all windows drawn, by part.
VALIDATION = 0.15
_SHARES = (0.7, 0.15, 0.15)


@functools.lru_cache(maxsize=2)
def windows(data: Signals, machine: str, samples: int) -> Windows:
    """All windows of one end, healthy and faulty, half of each in the next (D4.60). The last ones asked for are kept."""
    cut = benchmark.windows(data, machine, samples, samples // 2)
    return cut[np.flatnonzero(cut.size <= network.LARGEST)]


def parts(data: Signals, split: str, samples: int, seed: int) -> tuple[Parts, tuple[str, str]]:
    """Windows that are trained on, that validate, and that are tested on, and the machines of the first two and of the last.

    Parameters
    ----------
    data : Signals
        CWRU.
    split : str
        One of `SPLITS`. The first and the fourth are `network.parts`. ``"time-blocks"``: of five blocks of each recording the
        seed's one is tested, and windows nearer to it than a window's length are left out; ``"load-out"``: all windows of the
        seed's load are tested; ``"other-end"``: drive end trains, fan end is tested.
    samples : int
        Length of a window at 12 kHz.
    seed : int
        Draws windows and validation part, and turns through blocks, loads and sizes.

    Raises
    ------
    ValueError
        If the split is unknown.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; allowed are {', '.join(SPLITS)}: pass one of them")
    home, away = MACHINES
    of = windows(data, home, samples)
    if split in network.SPLITS:
        return network.parts(of, split, seed), (home, home)
    assert data.about is not None  # CWRU tells the load
    if split == "other-end":
        known, test = of[of.recording != HEALTHY[1]], windows(data, away, samples)
        test = test[test.recording != HEALTHY[0]]
    elif split == "load-out":
        load = dict(zip(np.asarray(data.labels).tolist(), data.about["load"].tolist(), strict=True))
        held = np.array([load[name] for name in of.recording.tolist()]) == LOADS[seed % len(LOADS)]
        known, test = of[~held], of[held]
    else:
        held, near = _block(of, seed % N_BLOCKS)
        known, test = of[~held & ~near], of[held]
    rows = np.arange(len(known))
    train, validation = train_test_split(rows, test_size=VALIDATION, stratify=known.y, random_state=seed)
    some = (known[np.sort(train)], known[np.sort(validation)], test)
    most = [round(share * network.N_WINDOWS) for share in _SHARES]
    drawn = Parts(*(benchmark.balanced(one, min(n, len(one)), seed) for one, n in zip(some, most, strict=True)))
    return drawn, (home, away if split == "other-end" else home)


def _block(of: Windows, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Which windows lie in a block of their recording, and which are nearer to it than a window's length."""
    held, near = np.zeros(len(of), bool), np.zeros(len(of), bool)
    for name in np.unique(of.recording):
        mine = of.recording == name
        place = of.place[mine]
        n = place.max() + 1
        first, last = block * n // N_BLOCKS, (block + 1) * n // N_BLOCKS - 1
        held[mine] = (place >= first) & (place <= last)
        near[mine] = (place > first - APART) & (place < last + APART)
    return held, near & ~held


def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Train one model and test it on what a split holds out.

    Parameters
    ----------
    config : mapping
        ``split``, one of `SPLITS`; ``samples``; ``model``: ``"qeml-net"``, as in `bearings-network` with ``size`` and ``epochs``,
        or a plain model of `lines.MODELS` with ``features``, a key of `elsewhere.FEATURES`.
    seed : int
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where the network's training keeps its last epoch.

    Returns
    -------
    Outcome
        ``accuracy`` by window; ``accuracy_bearings``, mean over bearings; ``accuracy_faults``, mean over faulty bearings, the one
        that can be compared between splits; ``accuracy_`` with a class; numbers of windows. Arrays: the confusion matrix, classes
        normal, ball, inner, outer, and each tested bearing's share.
    """
    part, (home, away) = parts(dataset, config["split"], config["samples"], seed)
    start = time.perf_counter()
    if config["model"] == NETWORK:
        part = Parts(*(
            elsewhere.images(dataset, some, machine, config["size"])
            for some, machine in zip(part, (home, home, away), strict=True)
        ))  # fmt: skip
        model: Any = QEMLNetClassifier(
            epochs=config["epochs"], checkpoint=None if scratch is None else scratch / "training", random_state=seed
        )
        start = time.perf_counter()
        model.fit(part.train.x, part.train.y, part.validation.x, part.validation.y)
    else:
        name = config["features"]
        train, test = (elsewhere.features(dataset, part[k], machine, name) for k, machine in ((0, home), (2, away)))
        part = part._replace(train=replace(part.train, x=train), test=replace(part.test, x=test))
        model = lines.model(config["model"], seed).fit(part.train.x, part.train.y)
    train_seconds = time.perf_counter() - start
    y, guessed = part.test.y, model.predict(part.test.x)
    share = physics.by_bearing(guessed == y, part.test.bearing)
    faulty = set(part.test.bearing[y > 0].tolist())
    metrics = {
        "accuracy": float(np.mean(guessed == y)),
        "accuracy_bearings": float(np.mean(list(share.values()))),
        "accuracy_faults": float(np.mean([value for name, value in share.items() if name in faulty])),
        "windows_train": float(len(part.train)),
        "windows_test": float(len(part.test)),
    }
    metrics |= {
        f"accuracy_{name}": float(np.mean(guessed[y == k] == k)) for name, k in benchmark.UNIFIED.items() if (y == k).any()
    }
    arrays = {
        "confusion": confusion_matrix(y, guessed, labels=list(benchmark.UNIFIED.values())).astype("int32"),
        "bearing": np.array(list(share)),
        "share": np.array(list(share.values())),
    }
    return Outcome(metrics, arrays=arrays, train_seconds=train_seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """The network where it has not been, then plain models on all splits, three lengths of windows, three seeds or each load."""
    quick = profile == "quick"
    n_seeds = {"quick": 1, "laptop": 3, "paper": 5}[profile]
    whole = {"data": "cwru", "samples": signals.WINDOW, "model": NETWORK, "size": 32, "epochs": network.EPOCHS[profile]}
    entries = [] if quick else [(whole | {"split": split}, n_seeds) for split in reversed(OWN)]
    for samples in SAMPLES[:1] if quick else SAMPLES:
        for split in SPLITS:
            drawn = len(LOADS) if split == "load-out" and not quick else n_seeds
            entries += [
                ({"data": "cwru", "split": split, "samples": samples, "features": features, "model": model}, drawn)
                for features, model in (PLAIN[1:2] if quick else PLAIN)
            ]
    return entries


EXPERIMENT = Experiment(
    name="bearings-splits",
    version="1",
    about="paper 4: CWRU's windows by five splits, from windows at random to the other end: network, forest, spectrum, lines",
    function=run,
    grid=grid,
    estimate=lambda config: 110.0 if config["model"] == NETWORK else 12.0,
    headline="accuracy_faults",
    told=("data", "split", "samples", "features", "model"),
    needs=lambda config: Needs(memory_gb=2.5 if config["model"] == NETWORK else 1.5),
    checkpoints=True,
)

"""Trained on CWRU's drive end alone: what is left on other machines, at once and after twenty epochs of fine-tuning there.

Machines, halves, readings and fine-tuning are D4.66 to D4.68, fixed before a score was seen. IMS and PRONOSTIA have no class of a
recording, Paderborn is not at hand.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import confusion_matrix

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import baselines, benchmark, elsewhere, physics
from qhelpers.papers.bearings.baselines import READERS, Taken
from qhelpers.papers.bearings.benchmark import UNIFIED, Windows
from qhelpers.papers.bearings.experiments import lines, network
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

DATA = ("cwru", "mfpt", "hit_sm", "uestc")
HOME = "cwru-drive"
#: Machines that are met later, their sets, and the classes that are asked there.
AWAY: dict[str, tuple[str, tuple[str, ...]]] = {
    "mfpt": ("mfpt", ("inner", "outer")),
    "hit-mfs": ("hit_sm", ("inner", "outer")),
    "hit-own": ("hit_sm", ("inner", "outer")),
    "uestc": ("uestc", ("normal", "ball", "inner", "outer")),
}
#: Networks by their variant of `network.VARIANTS`; beside them the graph network, and a regression on lines.
VARIANTS = {"qeml-net": "full", "without-circuit": "without circuit", "hybrid-qnn": "hybrid-qnn"}
GRAPH, LINES = "gnn", "logistic-lines"
MODELS = (*VARIANTS, GRAPH, LINES)
#: Labelled windows of fine-tuning, and windows that are tested, at most.
N_TUNE, N_TEST = 128, 600
TUNING: dict[str, Any] = {"epochs": 20, "batch_size": 32, "learning_rate": 1e-4}


class Halves(NamedTuple):
    """Windows of a machine's first half in time, for fine-tuning, and of its second, for tests.

    ``unmet``: which tested windows are of bearings that fine-tuning leaves out.
    """

    tune: Windows
    test: Windows
    unmet: np.ndarray


def halves(data: Signals, machine: str, seed: int, samples: int = signals.WINDOW) -> Halves:
    """Draw both (D4.67): no window of the one shares a sample with the other.

    Parameters
    ----------
    data : Signals
        The machine's set.
    machine : str
        A key of `AWAY`.
    seed : int
        Draws windows; where fault sizes are told, which of them fine-tuning leaves out.
    samples : int
        Length of a window at 12 kHz.
    """
    some = benchmark.windows(data, machine, samples, samples // 2)
    some = some[np.flatnonzero(np.isin(some.y, [UNIFIED[one] for one in AWAY[machine][1]]))]
    last = dict(zip(*np.unique(some.recording, return_counts=True), strict=True))
    middle = np.array([last[name] for name in some.recording]) // 2
    sizes = np.unique(some.size[~np.isnan(some.size)])
    unmet = some.size == sizes[seed % len(sizes)] if len(sizes) > 1 else np.zeros(len(some), bool)
    tune, test = np.flatnonzero((some.place < middle - 1) & ~unmet), np.flatnonzero(some.place >= middle)
    tuned = benchmark.balanced(some[tune], min(N_TUNE, len(tune)), seed)
    tested = benchmark.balanced(some[test], min(N_TEST, len(test)), seed)
    left_out = np.isin(tested.size, sizes[seed % len(sizes)]) if len(sizes) > 1 else np.zeros(len(tested), bool)
    return Halves(tuned, tested, left_out)


def seen(model: str, data: Signals, cut: Windows, machine: str, size: int) -> np.ndarray:
    """What a model reads of windows: images, bands of the spectrum, or the lines."""
    if model in VARIANTS:
        return elsewhere.images(data, cut, machine, size).x
    if model == GRAPH:
        samples = cut.x - cut.x.mean(-1, keepdims=True)
        return READERS[baselines.MODELS[GRAPH].reads](Taken(samples, np.empty(0), np.empty(0)))
    return elsewhere.features(data, cut, machine, "lines")


def fine_tuned(model: QEMLNetClassifier, X: np.ndarray, y: np.ndarray, seed: int) -> QEMLNetClassifier:
    """Return a copy of a network that has gone on training on other samples; its z-scores stay those of its first training."""
    found = copy.deepcopy(model).set_params(**TUNING)
    found.module_.float().train()
    inputs, targets = found._inputs(X), found._labels(y)
    optimiser = torch.optim.Adam([one for one in found.module_.parameters() if one.requires_grad], lr=found.learning_rate)
    for epoch in range(found.epochs):
        found._epoch(inputs, targets, np.random.default_rng([seed, epoch]), epoch, optimiser)
    found.module_.eval()
    if getattr(found.module_, "backbone", None) is None:
        found.module_.double()
    return found


def _named(model: Any, X: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
    """Class of each window, of all or of these only."""
    if classes is None:
        found: np.ndarray = model.predict(X)
        return found
    of = np.flatnonzero(np.isin(model.classes_, classes))
    named: np.ndarray = model.classes_[of][model.predict_proba(X)[:, of].argmax(1)]
    return named


@knows(model=MODELS)
def run(config: Mapping[str, Any], seed: int, *datasets: Signals, scratch: Path | None = None) -> Outcome:
    """Train on CWRU's drive end, test on other machines, fine-tune on each and test again.

    Parameters
    ----------
    config : mapping
        ``model``, one of `MODELS`; ``split`` of CWRU's windows, as in `network.parts`; of a network ``epochs``, and ``size`` of
        its images; of lines ``samples`` of a window.
    seed : int
        Of the windows, of the network, and of the size that fine-tuning leaves out.
    *datasets : Signals
        In the order of `DATA`.
    scratch : path, optional
        Where the first training keeps its last epoch.

    Returns
    -------
    Outcome
        ``home``: share of right windows on CWRU's random test part. By machine: ``accuracy_``, named among all classes;
        ``among_``, named among those that are asked there; ``own_``, the same with z-scores of that machine's windows, its
        labels unseen; ``tuned_``, after fine-tuning; of HIT-SM ``met_`` and ``unmet_``, that of bearings that were fine-tuned on
        and that were not; ``chance_``, what one class for all windows would give. ``accuracy`` and ``tuned`` are those of MFPT.
        Arrays: a confusion matrix a machine, rows the true class, before and after fine-tuning.
    """
    name = config["model"]
    of = dict(zip(DATA, datasets, strict=True))
    size, samples = config.get("size", 32), config.get("samples", signals.WINDOW)
    if name == LINES:
        cut = benchmark.windows(of["cwru"], HOME, samples, samples // 2)
        cut = cut[np.flatnonzero(cut.size <= network.LARGEST)]
    else:
        cut = network.raw(of["cwru"])
    part = network.parts(cut, config["split"], seed)
    train, test = (seen(name, of["cwru"], one, HOME, size) for one in (part.train, part.test))
    most = {"epochs": config["epochs"], "random_state": seed} if name != LINES else {}
    if scratch is not None and most:
        most["checkpoint"] = scratch / "training"
    model: Any = lines.model("logistic", seed)
    if name in VARIANTS:
        model = QEMLNetClassifier(**network.VARIANTS[VARIANTS[name]], **most)
    elif name == GRAPH:
        model = baselines.Network(GRAPH, **most)
    start = time.perf_counter()
    model.fit(train, part.train.y)
    seconds = time.perf_counter() - start
    metrics = {"home": float(np.mean(model.predict(test) == part.test.y))}
    arrays: dict[str, np.ndarray] = {}
    for machine, (data, asked) in AWAY.items():
        if name == LINES and machine not in physics.RIGS:
            continue  # no geometry is published
        tune, away, unmet = halves(of[data], machine, seed, samples)
        X, short = seen(name, of[data], away, machine, size), machine.replace("-", "_")
        classes, y = np.array([UNIFIED[one] for one in asked]), away.y
        guessed = _named(model, X)
        metrics[f"accuracy_{short}"] = float(np.mean(guessed == y))
        metrics[f"among_{short}"] = float(np.mean(_named(model, X, classes) == y))
        metrics[f"chance_{short}"] = float(np.unique(y, return_counts=True)[1].max() / len(y))
        arrays[f"zero_{short}"] = confusion_matrix(y, guessed, labels=list(UNIFIED.values())).astype("int32")
        if name == LINES:
            continue
        first = seen(name, of[data], tune, machine, size)
        adapted = copy.copy(model)
        adapted.scores_ = signals.ZScores.of(first)
        metrics[f"own_{short}"] = float(np.mean(_named(adapted, X, classes) == y))
        guessed = fine_tuned(model, first, tune.y, seed).predict(X)
        metrics[f"tuned_{short}"] = float(np.mean(guessed == y))
        if unmet.any():
            metrics[f"met_{short}"] = float(np.mean(guessed[~unmet] == y[~unmet]))
            metrics[f"unmet_{short}"] = float(np.mean(guessed[unmet] == y[unmet]))
        arrays[f"tuned_{short}"] = confusion_matrix(y, guessed, labels=list(UNIFIED.values())).astype("int32")
    metrics["accuracy"] = metrics["accuracy_mfpt"]
    if "tuned_mfpt" in metrics:
        metrics["tuned"] = metrics["tuned_mfpt"]
    return Outcome(metrics, arrays=arrays, train_seconds=seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every model, three seeds; ``data`` names the set whose accuracy is printed."""
    quick = profile == "quick"
    n_seeds = {"quick": 1, "laptop": 3, "paper": 5}[profile]
    entries = []
    for name in (LINES,) if quick else MODELS:
        most = {"size": 32, "epochs": network.EPOCHS[profile]} if name in VARIANTS else {}
        if name == GRAPH:
            most = {"epochs": 30}
        if name == LINES:
            most = {"samples": 2048 if quick else 12_000}
        entries.append(({"data": "mfpt", "split": network.SPLITS[0], "model": name} | most, n_seeds))
    return entries


EXPERIMENT = Experiment(
    name="bearings-transfer",
    version="1",
    about="paper 4: trained on CWRU's drive end, tested on MFPT, HIT-SM and UESTC, at once and after 20 epochs of fine-tuning",
    function=run,
    grid=grid,
    estimate=lambda config: {LINES: 15.0, GRAPH: 80.0}.get(config["model"], 190.0),
    data=lambda config: DATA,
    told=("data", "model"),
    order="seed",
    needs=lambda config: Needs(memory_gb=3.0),
    checkpoints=True,
)

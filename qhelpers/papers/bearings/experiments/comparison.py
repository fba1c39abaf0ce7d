"""QEML-Net beside nine rivals and what the paper lacks, on the same windows: at random, or a fault size never met; and in noise.

What was built is deviations D4.50 and D4.52 to D4.55, fixed before a score was seen.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import baselines, benchmark, physics
from qhelpers.papers.bearings.baselines import READERS, AutoML, Model, Taken
from qhelpers.papers.bearings.benchmark import Windows
from qhelpers.papers.bearings.costs import n_parameters
from qhelpers.papers.bearings.experiments import network
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

#: Networks with a ResNet, by their variant of `network.VARIANTS`.
RESNETS = {"qeml-net": "full", "resnet-50": "resnet-50", "hybrid-qnn": "hybrid-qnn"}
#: Every model, how it reads windows and how it is built.
MODELS: dict[str, Model] = {
    name: Model(
        "image", lambda seed, variant=variant, **most: QEMLNetClassifier(**network.VARIANTS[variant], random_state=seed, **most)
    )
    for name, variant in RESNETS.items()
} | baselines.MODELS
#: Epochs of the smaller networks, and trials of the search (D4.52).
EPOCHS, TRIALS = 20, 30
#: Signal to noise of the windows that are tested once more, in dB; the first three are the range of Table 2.
SNR = (22, 17, 12, 6, 0)
#: Processor seconds of a fit, roughly, where they are many.
SECONDS = dict.fromkeys(RESNETS, 75.0) | {"lstm": 40.0, "1d-cnn": 30.0, "transformer": 60.0, "gnn": 30.0, "automl": 60.0}


def read(data: Signals, of: Windows, size: int, snr: float | None = None, seed: int = 0) -> Taken:
    """Samples and images of windows, with white noise added to their recordings before the chain, or none.

    Parameters
    ----------
    data : Signals
        CWRU.
    of : Windows
        From `network.raw`.
    size : int
        Pixels a side.
    snr : float, optional
        Power of a recording over that of its noise, in dB, both at 12 kHz.
    seed : int
        Of the noise.
    """
    assert data.about is not None
    channel, speeds = data.channels.index(benchmark.channel_of("cwru-drive")), data.about["speed"].to_numpy()
    found = Taken(np.empty((len(of), signals.WINDOW)), np.empty((len(of), 3, size, size), np.float32), np.empty(len(of)))
    for name in dict.fromkeys(of.recording.tolist()):
        k, rows = int(np.flatnonzero(data.labels == name)[0]), np.flatnonzero(of.recording == name)
        x = signals.resample(data.recordings[k][:, channel], float(data.rate[k]))
        if snr is not None:
            rng = np.random.default_rng([seed, int(10 * snr), k])
            x = x + rng.normal(0, x.std() * 10 ** (-snr / 20), len(x))
        samples = signals.windows(x)[of.place[rows]]
        found.samples[rows] = samples - samples.mean(-1, keepdims=True)
        found.images[rows] = signals.images(x, signals.RATE, size)[of.place[rows]]
        found.speed[rows] = speeds[k]
    return found


@functools.lru_cache(maxsize=1)
def taken(
    data: Signals, split: str, seed: int, size: int, noise: tuple[float, ...] = SNR
) -> tuple[network.Parts, list[Taken], list[Taken]]:
    """Parts of a seed, with rows of `network.raw` in the place of samples, what is read of each, and of the test part in noise.

    The last ones asked for are kept.
    """
    of = network.raw(data)
    part = network.parts(replace(of, x=np.arange(len(of))), split, seed)
    whole, ends = read(data, benchmark.together(part), size), np.cumsum([len(one) for one in part])
    places = [slice(end - len(one), end) for one, end in zip(part, ends, strict=True)]
    clean = [Taken(whole.samples[rows], whole.images[rows], whole.speed[rows]) for rows in places]
    return part, clean, [read(data, part.test, size, snr, seed) for snr in noise]


def milliseconds(model: Any, reads: str, test: Taken, n: int = 20) -> float:
    """Median processor time from one window's samples to its class, its image or features included."""
    took, side = [], test.images.shape[-1]
    for row in np.linspace(0, len(test.samples) - 1, n).astype(int):
        start = time.process_time()
        one = Taken(test.samples[[row]], np.empty(0), test.speed[[row]])
        if reads == "image":
            one = replace(one, images=signals.images(one.samples[0], signals.RATE, side))
        model.predict(READERS[reads](one))
        took.append(time.process_time() - start)
    return 1000 * float(np.median(took))


@knows(model=MODELS)
def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Train one model and test it, in silence and in noise.

    Parameters
    ----------
    config : mapping
        ``model``, a key of `MODELS`; ``split``, of `network.SPLITS`; ``size`` of an image; ``epochs`` of a network, ``n_trials``
        of the search.
    seed : int
        Of windows, split and noise, which all models share, and of the model.
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where a network's training keeps its last epoch.

    Returns
    -------
    Outcome
        Of the test windows ``accuracy``, ``precision``, ``recall``, ``f1`` (means over classes), ``auc`` (mean over classes, each
        against the rest), ``accuracy_`` with a class, ``accuracy_bearings`` (mean over bearings); ``accuracy_noise_`` with a
        signal to noise in dB; ``validation_accuracy``; ``parameters`` of a network; ``ms_per_prediction``, see `milliseconds`.
        Arrays: which of all windows are tested; confusion matrix; each tested bearing's share.
    """
    reads, build = MODELS[config["model"]]
    part, clean, noisy = taken(dataset, config["split"], seed, config["size"])
    train, validation, test = (READERS[reads](one) for one in clean)
    most = {name: config[name] for name in ("epochs", "n_trials") if name in config}
    if scratch is not None and "epochs" in most:
        most["checkpoint"] = scratch / "training"
    model = build(seed, **most)
    chosen_by = (validation, part.validation.y) if isinstance(model, (QEMLNetClassifier, AutoML)) else ()
    start = time.perf_counter()
    model.fit(train, part.train.y, *chosen_by)
    seconds = time.perf_counter() - start
    y, found = part.test.y, baselines.scores(model, test)
    guessed = model.classes_[found.argmax(1)]
    precision, recall, f1, _ = precision_recall_fscore_support(y, guessed, average="macro", zero_division=0)
    bearings = physics.by_bearing(guessed == y, part.test.bearing)
    finite = np.where(np.isfinite(found), found, np.finfo(np.float32).min)  # the rule's score of a class that it never names
    metrics = {
        "accuracy": float(np.mean(guessed == y)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "auc": float(np.mean([roc_auc_score(y == label, one) for label, one in zip(model.classes_, finite.T, strict=True)])),
        "accuracy_bearings": float(np.mean(list(bearings.values()))),
        "validation_accuracy": float(np.mean(model.predict(validation) == part.validation.y)),
        "windows_test": float(len(y)),
        "ms_per_prediction": milliseconds(model, reads, clean[2]),
    }
    named = {number: name for name, number in benchmark.UNIFIED.items()}
    metrics |= {f"accuracy_{named[int(k)]}": float(np.mean(guessed[y == k] == k)) for k in model.classes_}
    metrics |= {
        f"accuracy_noise_{snr}": float(np.mean(model.predict(READERS[reads](one)) == y))
        for snr, one in zip(SNR, noisy, strict=True)
    }
    if isinstance(model, QEMLNetClassifier):
        metrics["parameters"] = float(n_parameters(model.module_))
    arrays = {
        "test_rows": part.test.x.astype("int32"),
        "confusion": confusion_matrix(y, guessed, labels=model.classes_).astype("int32"),
        "bearing": np.array(list(bearings)),
        "share": np.array(list(bearings.values())),
    }
    return Outcome(metrics, chosen=getattr(model, "chosen_", {}), arrays=arrays, train_seconds=seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every model on both splits, nine and three seeds; in the quick profile three plain ones on one."""
    if profile == "quick":
        quick = ("svm-rbf", "logistic-classical", "logistic-spectrum")
        return [({"data": "cwru", "split": network.SPLITS[0], "size": 32, "model": name}, 1) for name in quick]
    entries = []
    for split, n_seeds in zip(network.SPLITS, (network.PAIRS, 3), strict=True):
        for name in MODELS:
            most: dict[str, int] = {"n_trials": TRIALS} if name == "automl" else {}
            if name in RESNETS:
                most = {"epochs": network.EPOCHS[profile]}
            elif name in baselines.BODIES:
                most = {"epochs": EPOCHS}
            entries.append(({"data": "cwru", "split": split, "size": 32, "model": name} | most, n_seeds))
    return entries


EXPERIMENT = Experiment(
    name="bearings-comparison",
    version="1",
    about="paper 4: QEML-Net beside nine rivals and the untrained, on CWRU's drive end, two splits, in noise",
    function=run,
    grid=grid,
    estimate=lambda config: 10.0 + SECONDS.get(config["model"], 5.0),
    times=lambda config: r"metrics\.ms_per_prediction",
    told=("data", "split", "model"),
    order="seed",
    needs=lambda config: Needs(memory_gb=2.5),
    checkpoints=True,
)

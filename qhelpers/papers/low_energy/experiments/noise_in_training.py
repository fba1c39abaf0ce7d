"""Noise in training: QNN-P trained under six channels and tested under the same, beside the network trained without (D1.15)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.circuits import CHANNELS, NoiseModel
from qhelpers.datasets import Dataset
from qhelpers.evaluation import confusion_counts
from qhelpers.models.mitigation import decision_accuracy
from qhelpers.papers.low_energy.experiments import tables
from qhelpers.papers.low_energy.experiments.noise_in_testing import LEVELS, MAIN_SHOTS, noisy_outputs, on_networks
from qhelpers.papers.low_energy.models import NoisyQNNPClassifier
from qhelpers.runs.experiment import Outcome

#: Where noise stands in training.
INSERTIONS = ("layer", "end")


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train QNN-P under each channel, insertion and level, with the learning rate, epochs and first weights found without noise.

    Parameters
    ----------
    config : mapping
        Of the network, as `tables` has it.
    seed : int
    dataset : Dataset

    Returns
    -------
    Outcome
        Metrics: ``accuracy`` without noise, ``accuracy.<channel>.<insertion>.<strength>`` trained and tested under that noise.
        Arrays of shape (6, 2, 6), channel, insertion, level: ``accuracy``, ``accuracy_shots`` (decisions from `MAIN_SHOTS`),
        ``train_accuracy``, ``clean`` (the same network tested without noise) and ``before`` (trained without, tested with).
    """
    network = tables.fitted(config, seed, dataset)
    X, labels = network.X[network.test], network.y[network.test]
    X_train, labels_train = network.X[network.train], network.y[network.train]
    shape = len(CHANNELS), len(INSERTIONS), len(LEVELS)
    arrays: dict[str, np.ndarray] = {
        name: np.empty(shape) for name in ("accuracy", "accuracy_shots", "train_accuracy", "clean", "before")
    }
    plain = noisy_outputs(network.model, X, None)
    metrics = {"accuracy": decision_accuracy(plain, labels)}
    start = time.perf_counter()
    for c, i, s in np.ndindex(*shape):
        noise = NoiseModel(CHANNELS[c], LEVELS[s], INSERTIONS[i])
        model = NoisyQNNPClassifier(noise=noise, **network.model.get_params()).fit(X_train, labels_train)
        outputs = noisy_outputs(model, X, noise)
        arrays["accuracy"][c, i, s] = decision_accuracy(outputs, labels)
        arrays["accuracy_shots"][c, i, s] = decision_accuracy(outputs, labels, shots=MAIN_SHOTS)
        arrays["train_accuracy"][c, i, s] = decision_accuracy(noisy_outputs(model, X_train, noise), labels_train)
        arrays["clean"][c, i, s] = decision_accuracy(noisy_outputs(model, X, None), labels)
        arrays["before"][c, i, s] = decision_accuracy(noisy_outputs(network.model, X, noise), labels)
        metrics[f"accuracy.{CHANNELS[c]}.{INSERTIONS[i]}.{LEVELS[s]:.2f}"] = float(arrays["accuracy"][c, i, s])
    seconds = time.perf_counter() - start
    arrays = {name: np.round(values, 6) for name, values in arrays.items()} | {"levels": np.array(LEVELS)}
    rounded = {name: round(float(value), 6) for name, value in metrics.items()}
    return Outcome(rounded, confusion_counts(labels, (plain > 0).astype(int)), network.chosen, seconds, arrays)


EXPERIMENT = on_networks(
    "noise-training",
    "paper 1: QNN-P trained and tested under six channels at six strengths, noise after each layer or before the read-out",
    run,
    n_seeds=10,
    seconds=lambda epochs: 72 * (0.03 + 0.0005 * epochs),  # 72 trainings
)

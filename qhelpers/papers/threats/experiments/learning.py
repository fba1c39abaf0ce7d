"""How many epochs Pure-HQML needs, with its circuit and without, on all of TON_IoT Modbus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Dataset
from qhelpers.papers.threats.controls import control
from qhelpers.papers.threats.experiments.scores import BATCH, parts, table
from qhelpers.runs.experiment import Experiment, Outcome

#: The paper's ten epochs, and ten times as many.
SHORT, LONG = 10, 100
#: Within so much of the last epoch's accuracy an epoch is enough.
NEAR = 0.01


def run(config: Mapping[str, Any], seed: int, dataset: Dataset, *, epochs: int = LONG) -> Outcome:
    """Train for a hundred epochs and test after each; the test rows choose nothing.

    Returns
    -------
    Outcome
        Test accuracy after ten and a hundred epochs, ``accuracy.10`` and ``accuracy.100``; ``epochs_needed``, the first epoch
        from which on none is more than `NEAR` from the last; curves of loss and accuracy of training and test rows.
    """
    draw, weights = np.random.SeedSequence(seed).spawn(2)
    X, y = table(dataset), dataset.y
    part = parts(dataset, config, np.random.default_rng(draw))
    model = control(
        config["model"], n_features=X.shape[1], epochs=epochs, batch_size=BATCH[config["data"]], learning_rate=0.01,
        random_state=int(weights.generate_state(1)[0] // 2),
    )  # fmt: skip
    model.fit(X[part.train], y[part.train], X[part.test], y[part.test])
    accuracy = np.array(model.history_["val_accuracy"])
    far = np.flatnonzero(np.abs(accuracy - accuracy[-1]) > NEAR)
    metrics = {f"accuracy.{n}": float(accuracy[n - 1]) for n in (SHORT, epochs)}
    metrics["epochs_needed"] = float(far[-1] + 2 if len(far) else 1)
    curves = {name: np.array(curve, "float32") for name, curve in model.history_.items()}
    return Outcome(metrics, arrays=curves)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """With and without the circuit, five splits."""
    place = {"data": "ton_iot_modbus", "split": "random", "features": "all"}
    return [(place | {"model": model}, 1 if profile == "quick" else 5) for model in ("pure-hqml", "pure-hqml-without-circuit")]


EXPERIMENT = Experiment(
    name="threats-learning",
    version="1",
    about="paper 2: accuracy after each of a hundred epochs, with and without the circuit",
    function=run,
    grid=grid,
    estimate=lambda config: 60.0,
    headline="accuracy.100",
)

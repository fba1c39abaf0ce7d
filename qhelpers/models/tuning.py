"""Learning rate and number of epochs from an inner split of the training samples; the test samples are never seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import train_test_split


def tune(
    estimator: Any, learning_rates: Sequence[float], X: NDArray[Any], y: NDArray[Any], rng: np.random.Generator
) -> tuple[Any, list[dict[str, float]]]:
    """Choose learning rate and epochs by the loss on a fifth of the training samples.

    Parameters
    ----------
    estimator : estimator
        A network with ``learning_rate``, ``epochs`` (the most that are tried) and a ``history_`` with ``val_loss``.
    learning_rates : sequence of float
        Rates to try, one training each.
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Training samples.
    rng : numpy.random.Generator
        Draws the inner split.

    Returns
    -------
    estimator : estimator
        An unfitted copy with the rate and the number of epochs of the lowest validation loss.
    trials : list of dict
        Per rate: ``learning_rate``, ``epochs``, ``val_loss``, ``val_accuracy`` at the best epoch.
    """
    seed = int(rng.integers(2**31 - 1))
    inner, validation = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=seed)
    trials = []
    for rate in learning_rates:
        candidate = clone(estimator).set_params(learning_rate=rate)
        candidate.fit(X[inner], y[inner], X_val=X[validation], y_val=y[validation])
        best = int(np.argmin(candidate.history_["val_loss"]))
        scores = {key: candidate.history_[key][best] for key in ("val_loss", "val_accuracy")}
        trials.append({"learning_rate": float(rate), "epochs": best + 1, **scores})
    chosen = min(trials, key=lambda trial: trial["val_loss"])
    return clone(estimator).set_params(learning_rate=chosen["learning_rate"], epochs=int(chosen["epochs"])), trials

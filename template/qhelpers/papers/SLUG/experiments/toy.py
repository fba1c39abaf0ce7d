"""Does a qubit find the pressures at which a pump runs well better than two thresholds do? A toy, to be replaced.

It reads no data set: pressures and notes are drawn, so that its numbers are true of this file and of no pump.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhelpers.evaluation import binary_metrics, confusion_counts
from qhelpers.runs.experiment import Experiment, Outcome, knows

MODELS = ("qubit", "two-thresholds")
N_TRAIN, N_TEST = 200, 2000
#: Share of notes that are wrong, and that nobody can foresee.
WRONG = 0.1
#: A model has two numbers; all of these pairs are tried, about a thousand for each model, of shape (n_pairs, 2).
SETTINGS = {
    "qubit": np.array(list(itertools.product(np.linspace(0.5, 3.0, 26), np.linspace(-np.pi, np.pi, 41)))),
    "two-thresholds": np.array(list(itertools.combinations(np.linspace(-2.3, 2.3, 47), 2))),
}


def draw(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Standardised pressures of a pump, and whether it ran well as somebody noted, each of shape (n,)."""
    pressure = rng.normal(size=n)
    well = np.abs(pressure - 0.3) < 1.0
    return pressure, well ^ (rng.random(n) < WRONG)


def score(model: str, setting: ArrayLike, pressure: ArrayLike) -> NDArray[np.float64]:
    r"""How sure a model is that the pump runs well; above 0 it says so.

    The qubit is turned by the pressure, and measured: :math:`\langle Z\rangle = \cos(w x + b)` after
    :math:`R_Y(w x + b)\,|0\rangle`. Two thresholds have the distance to the nearer one, positive between them.

    Parameters
    ----------
    model : {"qubit", "two-thresholds"}
    setting : array-like of shape (..., 2)
        w and b, or the lower and the upper threshold.
    pressure : array-like of shape (n,)

    Returns
    -------
    ndarray of shape (..., n)
    """
    x = np.asarray(pressure, float)
    first, second = np.moveaxis(np.asarray(setting, float)[..., None], -2, 0)
    return np.cos(first * x + second) if model == "qubit" else np.minimum(x - first, second - x)


def fit(model: str, pressure: ArrayLike, well: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Return the setting that is right most often on training samples, the first of those that tie, and how often it is."""
    right = np.mean((score(model, SETTINGS[model], pressure) > 0) == np.asarray(well), axis=1)
    return SETTINGS[model][np.argmax(right)], float(right.max())


@knows(model=MODELS)
def run(config: Mapping[str, Any], seed: int) -> Outcome:
    """Train one model, and test it on samples that it has not seen; both models see the same samples of a seed.

    Parameters
    ----------
    config : mapping
        ``model``, one of `MODELS`.
    seed : int
        From which all samples are drawn.

    Returns
    -------
    Outcome
        Scores on the test samples, ``train_accuracy``, confusion counts, and both numbers of the setting.
    """
    rng = np.random.default_rng(seed)
    train, (pressure, well) = draw(N_TRAIN, rng), draw(N_TEST, rng)
    start = time.perf_counter()
    setting, on_train = fit(config["model"], *train)
    seconds = time.perf_counter() - start
    says_well = score(config["model"], setting, pressure) > 0
    metrics = binary_metrics(well, says_well) | {"train_accuracy": on_train}
    chosen = {"first": float(setting[0]), "second": float(setting[1])}
    return Outcome(metrics, confusion_counts(well, says_well), chosen, seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both models."""
    return [({"model": model}, 3 if profile == "quick" else 20) for model in MODELS]


EXPERIMENT = Experiment(
    name="NAME-toy",
    version="1",
    about="one qubit against two thresholds on drawn samples",
    function=run,
    grid=grid,
    estimate=lambda config: 0.05,
    data=lambda config: (),
    told=("model",),
)

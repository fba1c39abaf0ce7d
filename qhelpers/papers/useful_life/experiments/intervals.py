"""Conformal intervals around the best baselines, and whom they cover: windows, or engines (D3.56)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression

from qhelpers._extras import require
from qhelpers.datasets import Series
from qhelpers.papers.useful_life.baselines import baseline, inner_split
from qhelpers.papers.useful_life.experiments.tables import ENGINES, parts
from qhelpers.papers.useful_life.windows import Array
from qhelpers.runs.experiment import Experiment, Outcome, knows

LEVEL = 0.9


def interval(seen: Array, labels: Array, predicted: Array, highest: float) -> tuple[Array, Array]:
    """Split conformal intervals around predictions, of equal width, that are to cover `LEVEL`, cut at 0 and at the largest label.

    Parameters
    ----------
    seen, labels : ndarray of shape (n_calibration,)
        What the model predicted of units that it did not learn from, and what was true of them.
    predicted : ndarray of shape (n,)
        What it predicts now.
    highest : float
        Largest label.

    Returns
    -------
    low, high : ndarray of shape (n,)
    """
    least = math.floor(1 / (1 - LEVEL)) + 1
    if len(seen) < least:
        raise ValueError(f"{len(seen)} calibration rows were given for {LEVEL:.0%}; allowed are {least} or more.")
    same = LinearRegression(fit_intercept=False).fit([[1.0]], [1.0])  # what it predicts of a prediction is that prediction
    split = require("mapie.regression", "statistics").SplitConformalRegressor(same, confidence_level=LEVEL, prefit=True)
    found = split.conformalize(seen[:, None], labels).predict_interval(predicted[:, None])[1][..., 0]
    low, high = np.clip(found, 0, highest).T
    return low, high


@knows(calibrated_by=("windows", "engines"))
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Calibrate on a fifth of the training engines, and count what the intervals of the held-out ones cover.

    Parameters
    ----------
    config : mapping
        ``data``; ``model``, as `baseline` has it; ``calibrated_by``: ``"windows"``, all of the calibration engines, or
        ``"engines"``, one window each, drawn at random.
    seed : int
        Of the split by the printed protocol, of the model, of what calibrates.

    Returns
    -------
    Outcome
        ``covered``: share of windows; ``width`` in cycles, mean; ``late_covered``, ``late_width``: of windows with a label below
        the cap; ``engines_covered``: share of engines of which the interval holds at least the level of windows;
        ``lowest_engine``: share of windows of the engine that fares worst.
    """
    train, test = parts(dataset, seed, "printed")
    learn, calibration = inner_split(train, seed + 1000)
    model = baseline(config["model"], seed).fit(learn)
    if config["calibrated_by"] == "engines":
        rng = np.random.default_rng([seed, 2])
        calibration = calibration.only([rng.choice(np.flatnonzero(calibration.unit == k)) for k in np.unique(calibration.unit)])
    seen, predicted = model.predict(calibration), model.predict(test)
    low, high = interval(seen, calibration.y, predicted, float(train.y.max()))
    inside, below = (low <= test.y) & (test.y <= high), test.y < train.y.max()
    by_engine = np.array([inside[test.unit == k].mean() for k in np.unique(test.unit)])
    metrics = {
        "covered": inside.mean(),
        "width": (high - low).mean(),
        "late_covered": inside[below].mean(),
        "late_width": (high - low)[below].mean(),
        "engines_covered": (by_engine >= LEVEL).mean(),
        "lowest_engine": by_engine.min(),
    }
    return Outcome({name: float(value) for name, value in metrics.items()})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Ridge, boosting and GRU, calibrated both ways, on four sets."""
    entries = []
    for data in ENGINES[: 1 if profile == "quick" else None]:
        for model in ("ridge", "gradient-boosting", "gru")[: 1 if profile == "quick" else None]:
            n = 1 if profile == "quick" else 10 if data == ENGINES[0] and model != "gru" else 5
            entries += [({"data": data, "model": model, "calibrated_by": how}, n) for how in ("windows", "engines")]
    return entries


EXPERIMENT = Experiment(
    name="useful-life-intervals",
    version="1",
    about="paper 3: conformal intervals around the best baselines, and whom they cover",
    function=run,
    grid=grid,
    estimate=lambda config: 8.0 if config["model"] == "gru" else 1.5,
    headline="covered",
    told=("data", "model", "calibrated_by"),
    order="seed",
)

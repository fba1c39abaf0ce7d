"""Predictions along the lives of held-out units, and the error early and late in them (paper 3, Figures 4 to 6, section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.experiments.tables import ENGINES, FLEET, RULES, SELECTORS, guess, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.papers.useful_life.windows import Array, Windows
from qhelpers.runs.experiment import Experiment, Outcome

#: "the last 30% of each engine or device life" (section 4.4).
LATE = 0.3
#: Held-out units whose predictions are kept, by the split of the first seed only.
N_KEPT = 4
ASKED = ("lowest-of-1000", "one-read", "argmax", "uniform", "mean-of-state")


def late(windows: Windows) -> NDArray[np.bool_]:
    """Which windows end in the last 30 % of a life; none of a unit that was never seen to fail, whose life is not known.

    Parameters
    ----------
    windows : Windows

    Returns
    -------
    ndarray of bool, shape (n_windows,)
    """
    age = windows.last - windows.first + 1
    return windows.remaining <= LATE * (age + windows.remaining)


def by_share(windows: Windows, predicted: Array) -> dict[str, float]:
    """RMSE in the last 30 % of the lives that are known, and before, by the names ``rmse_last_30`` and ``rmse_before``."""
    known = ~np.isnan(windows.remaining)
    parts = {"rmse_last_30": late(windows), "rmse_before": known & ~late(windows)}
    return {name: regression_metrics(windows.y[part], predicted[part])["rmse"] for name, part in parts.items()}


def kept(windows: Windows) -> NDArray[np.int64]:
    """The units that are drawn: of those that failed, some from the shortest life to the longest."""
    units, ends = np.unique(windows.unit[~np.isnan(windows.remaining)], return_counts=True)
    order = units[np.argsort(ends, kind="stable")]
    return np.unique(order[np.linspace(0, len(order) - 1, min(N_KEPT, len(order))).astype(int)])


def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train by the printed protocol as in `tables.run`, and look at the predictions by the share of a life that is over.

    Parameters
    ----------
    config : mapping
        ``data``; ``selector`` of `ASKED`.
    seed : int
        Of the held-out units and of everything that is learned.

    Returns
    -------
    Outcome
        Scores per window; ``rmse_last_30`` and ``rmse_before``. With seed 0 arrays of some units: ``unit``, ``y``, ``predicted``.

    Raises
    ------
    ValueError
        If the selector is none of `ASKED`.
    """
    how = config["selector"]
    if how not in ASKED:
        raise ValueError(f"selector {how!r} is unknown; allowed are {', '.join(ASKED)}. Change the config.")
    train, test, states = prepared(dataset, seed, "printed")
    if how in RULES:
        predicted = guess(how, train, test, states)
    else:
        predicted = QAQL(**SELECTORS[how], random_state=seed).fit(train, states=states).predict(test)
    arrays = {}
    if seed == 0:
        some = np.isin(test.unit, kept(test))
        arrays = {"unit": test.unit[some].astype(np.int16), "y": test.y[some].astype(np.float32)}
        arrays["predicted"] = predicted[some].astype(np.float32)
    return Outcome(regression_metrics(test.y, predicted) | by_share(test, predicted), arrays=arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each rule on engines and the fleet; on the other sets once, for their figure."""
    if profile == "quick":
        return [({"data": ENGINES[0], "selector": how}, 1) for how in ASKED[-2:]]
    entries = [({"data": data, "selector": how}, 30) for data in (ENGINES[0], FLEET) for how in ASKED]
    return entries + [({"data": data, "selector": how}, 1) for data in ENGINES[1:] for how in ASKED]


EXPERIMENT = Experiment(
    name="useful-life-trajectories",
    version="1",
    about="paper 3: predictions along lives of held-out units, and the error in the last 30 % of them",
    function=run,
    grid=grid,
    estimate=lambda config: 0.5,
    headline="rmse_last_30",
    told=("data", "selector"),
    order="seed",
)

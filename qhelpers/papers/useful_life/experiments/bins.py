"""What finer bins bring: QAQL with 4 to 128 actions, the floor that the bins set, and what a table over its states can reach.

Paper 3 calls finer bins "a direct route to lower error" (section 4.10). Deviation D3.68.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.experiments.tables import ENGINES, FLEET, SELECTORS, guess, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.papers.useful_life.windows import Array
from qhelpers.runs.experiment import Experiment, Outcome

BINS = (4, 8, 16, 32, 64, 128)
ASKED = ("lowest-of-1000", "one-read", "argmax", "uniform")
#: A table that was told the reward of every action in every window: its best bin is the one nearest to the state's mean label.
LIMIT = "all-rewards"


def nearest_centre(values: Array, highest: float, n_bins: int) -> Array:
    """Round to the centres of equal bins from 0 to `highest`.

    Parameters
    ----------
    values : ndarray of shape (n,)
        From 0 to `highest`.
    highest : float
    n_bins : int

    Returns
    -------
    ndarray of shape (n,)
    """
    width = highest / n_bins
    return (np.clip(np.floor(values / width), 0, n_bins - 1) + 0.5) * width


def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train and test once by the printed protocol.

    Parameters
    ----------
    config : mapping
        ``data``; ``n_actions``; ``selector`` of `ASKED` or `LIMIT`; ``td``.
    seed : int
        As in `tables.run`, whose splits and states these are.
    dataset : Series

    Returns
    -------
    Outcome
        Scores per window; ``floor_rmse``: of whoever always names the bin nearest to the label; ``state_rmse``: of the mean label
        of the state, which knows no bins.

    Raises
    ------
    ValueError
        If the selector is none of these, or there are fewer than two bins.
    """
    how, n_bins = config["selector"], config["n_actions"]
    if how not in (*ASKED, LIMIT) or n_bins < 2:
        raise ValueError(f"selector={how!r}, {n_bins} bins; allowed are {', '.join((*ASKED, LIMIT))}, and 2 bins or more.")
    train, test, states = prepared(dataset, seed, "printed")
    highest = float(train.y.max())
    means = guess("mean-of-state", train, test, states)
    if how == LIMIT:
        predicted = nearest_centre(means, highest, n_bins)
    else:
        agent = QAQL(**SELECTORS[how], n_actions=n_bins, td=config["td"], random_state=seed).fit(train, states=states)
        predicted = agent.predict(test)
    floor = nearest_centre(test.y, highest, n_bins) - test.y
    metrics = regression_metrics(test.y, predicted)
    metrics["floor_rmse"] = float(np.sqrt(np.mean(floor**2)))
    metrics["state_rmse"] = regression_metrics(test.y, means)["rmse"]
    return Outcome(metrics)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each number of bins under each rule, on FD001 also without temporal difference."""
    n_seeds = 2 if profile == "quick" else 30
    bins = (4, 128) if profile == "quick" else BINS
    entries = [
        {"data": data, "n_actions": n, "selector": how, "td": True}
        for data in (ENGINES[0], FLEET)
        for n in bins
        for how in (*ASKED, LIMIT)
    ]
    entries += [{"data": ENGINES[0], "n_actions": n, "selector": how, "td": False} for n in bins for how in ASKED]
    return [(entry, n_seeds) for entry in entries]


EXPERIMENT = Experiment(
    name="useful-life-bins",
    version="1",
    about="paper 3: QAQL with 4 to 128 bins, beside the floor that they set and the mean of each state",
    function=run,
    grid=grid,
    estimate=lambda config: 0.2 + config["n_actions"] * (0.01 if config["data"] == FLEET else 0.002),
    headline="rmse",
    told=("data", "selector", "n_actions"),
    order="seed",
)

"""Predictions along the lives of a few held-out units, for Figures 4 to 6 of paper 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.baselines import baseline
from qhelpers.papers.useful_life.experiments.tables import ENGINES, FLEET, RULES, SELECTORS, guess, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.papers.useful_life.quantum_baselines import QUANTUM
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: "the last 30% of each engine or device life" (section 4.4).
LATE = 0.3
N_KEPT = 4
#: Rules of QAQL and what stands in for them, on all sets; rivals of Figures 4 and 5 on engines and on the fleet.
ASKED = ("lowest-of-1000", "one-read", "argmax", "uniform", "mean-of-state")
RIVALS = ("random-forest", *QUANTUM)


def drawn(windows: Windows) -> NDArray[np.int64]:
    """Units whose predictions are kept: of those that were seen to fail, from the shortest life to the longest.

    Parameters
    ----------
    windows : Windows

    Returns
    -------
    ndarray of int, shape (n_units,)
    """
    units, lengths = np.unique(windows.unit[~np.isnan(windows.remaining)], return_counts=True)
    order = units[np.argsort(lengths, kind="stable")]
    return np.unique(order[np.linspace(0, len(order) - 1, min(N_KEPT, len(order))).astype(int)])


@knows(model=(*ASKED, *RIVALS))
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train by the printed protocol, as `tables.run` does, and keep what is predicted of some held-out units.

    Parameters
    ----------
    config : mapping
        ``data``; ``model`` of `ASKED` or `RIVALS`.
    seed : int
        Of the held-out units and of everything that is learned.

    Returns
    -------
    Outcome
        Scores per window of all held-out units. Arrays, a window after the other: ``unit``, ``age`` and ``life`` (rows until
        the window's end and until the failure), the label ``y``, ``predicted``.
    """
    how = config["model"]
    train, test, states = prepared(dataset, seed, "printed")
    if how in RULES:
        predicted = guess(how, train, test, states)
    elif how in RIVALS:
        predicted = (QUANTUM[how](seed) if how in QUANTUM else baseline(how, seed)).fit(train).predict(test)
    else:
        predicted = QAQL(**SELECTORS[how], random_state=seed).fit(train, states=states).predict(test)
    some = np.isin(test.unit, drawn(test))
    age = (test.last - test.first + 1)[some]
    arrays = {"unit": test.unit[some].astype(np.int16), "age": age.astype(np.int16)}
    arrays["life"] = (age + test.remaining[some]).astype(np.int16)
    arrays |= {"y": test.y[some].astype(np.float32), "predicted": predicted[some].astype(np.float32)}
    return Outcome(regression_metrics(test.y, predicted), arrays=arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each rule on each set and each rival on two, once."""
    if profile == "quick":
        return [({"data": ENGINES[0], "model": how}, 1) for how in ASKED]
    named = [(data, how) for data in (*ENGINES, FLEET) for how in ASKED]
    named += [(data, how) for data in (ENGINES[0], FLEET) for how in RIVALS]
    return [({"data": data, "model": how}, 1) for data, how in named]


EXPERIMENT = Experiment(
    name="useful-life-trajectories",
    version="2",
    about="paper 3: predictions along the lives of a few held-out units (Figures 4 to 6)",
    function=run,
    grid=grid,
    estimate=lambda config: 20.0 if config["model"] in RIVALS else 1.0,
    headline="rmse",
    told=("data", "model"),
)

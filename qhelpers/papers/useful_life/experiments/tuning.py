"""The trials by which the settings of the baselines were chosen: once, on FD001, on engines of the training part (D3.52)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.baselines import FAMILIES, TRIALS, inner_split
from qhelpers.papers.useful_life.experiments.tables import ENGINES, parts
from qhelpers.runs.experiment import Experiment, Outcome, knows


@knows(model=TRIALS)
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train with one of the settings, and score on a fifth of the training engines; test engines are not touched.

    Parameters
    ----------
    config : mapping
        ``data``; ``model``, a key of `TRIALS`; ``trial``, which of its settings, from 1.
    seed : int
        0: that of the split whose training engines these are.

    Returns
    -------
    Outcome
        ``rmse`` on the inner engines; ``chosen``: the settings.
    """
    given = TRIALS[config["model"]][config["trial"] - 1]
    learn, inner = inner_split(parts(dataset, seed, "printed")[0], seed)
    start = time.perf_counter()
    model = FAMILIES[config["model"]](given, seed).fit(learn)
    seconds = time.perf_counter() - start
    return Outcome(regression_metrics(inner.y, model.predict(inner)), chosen=dict(given), train_seconds=seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each setting of each model, once."""
    names = ("ridge", "gradient-boosting") if profile == "quick" else TRIALS
    return [
        ({"data": ENGINES[0], "model": name, "trial": number + 1}, 1) for name in names for number in range(len(TRIALS[name]))
    ]


EXPERIMENT = Experiment(
    name="useful-life-tuning",
    version="1",
    about="paper 3: settings of the baselines, tried once on inner engines of FD001",
    function=run,
    grid=grid,
    estimate=lambda config: 15.0,
    headline="rmse",
    told=("data", "model", "trial"),
)

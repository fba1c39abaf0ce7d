"""What choosing the epoch on the test set is worth, on the official test engines of FD001 (D3.56)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Series
from qhelpers.papers.useful_life.baselines import NETS, baseline
from qhelpers.papers.useful_life.experiments.tables import ENGINES, parts
from qhelpers.papers.useful_life.windows import official_scores
from qhelpers.runs.experiment import Experiment, Outcome, knows


@knows(model=NETS)
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train a network to the last epoch, and score three epochs of it on the official test engines.

    Parameters
    ----------
    config : mapping
        ``data``; ``model``, a network of `NETS`.
    seed : int
        Of the inner split, of first weights and batches.

    Returns
    -------
    Outcome
        ``rmse_last``, ``rmse_inner`` (lowest error on inner training engines), ``rmse_test`` (lowest on the test engines), all
        against labels without a cap; ``epoch_inner``, ``epoch_test``, from 1. Arrays: ``inner`` and ``test``, an error an epoch.
    """
    train, test = parts(dataset, seed, "official")
    net = baseline(config["model"], seed).set_params(patience=None).fit(train, watch=test)
    errors = np.array([official_scores(test.remaining, one)["rmse"] for one in net.watched_])
    inner, best = int(np.argmin(net.history_)), int(np.argmin(errors))
    metrics = {"rmse_last": float(errors[-1]), "rmse_inner": float(errors[inner]), "rmse_test": float(errors[best])}
    metrics |= {"epoch_inner": inner + 1.0, "epoch_test": best + 1.0}
    return Outcome(metrics, arrays={"inner": np.array(net.history_), "test": errors})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """GRU and CNN, with five seeds."""
    return [({"data": ENGINES[0], "model": name}, 1 if profile == "quick" else 5) for name in ("gru", "cnn")]


EXPERIMENT = Experiment(
    name="useful-life-epochs",
    version="1",
    about="paper 3: what choosing the epoch on the test set is worth",
    function=run,
    grid=grid,
    estimate=lambda config: 15.0,
    headline="rmse_inner",
    told=("data", "model"),
    order="seed",
)

"""Experiment of paper 1: how many test rows do two draws of the learning curves have in common?

The runs of the curves keep no row numbers; the draws follow from data and seed alone, and are counted here. How much a test
corrects for scores of draws that overlap follows from the share, see `qhelpers.evaluation.shared_rows` and deviation D1.21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Dataset
from qhelpers.evaluation import shared_rows
from qhelpers.papers.low_energy.experiments import learning_curves
from qhelpers.papers.low_energy.experiments.tables import of_paper
from qhelpers.runs.experiment import Outcome

#: Seeds of the curves.
SEEDS = range(20)


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Share of its test rows that the draw of a seed has in common with each of the others, a mean.

    Parameters
    ----------
    config : mapping
        ``data``.
    seed : int
        One of `SEEDS`.
    dataset : Dataset

    Returns
    -------
    Outcome
        With the metric ``shared_test_rows``.
    """
    mine = learning_curves.pools(dataset, seed)[0]
    shares = [shared_rows([mine, learning_curves.pools(dataset, other)[0]]) for other in SEEDS if other != seed]
    return Outcome({"shared_test_rows": sum(shares) / len(shares)}, {}, {"n_test": len(mine)}, 0.0, {})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both data sets, all seeds of the curves."""
    return [({"data": data}, 2 if profile == "quick" else len(SEEDS)) for data in learning_curves.SIZES]


EXPERIMENT = of_paper(
    name="draws",
    version="1",
    about="paper 1: how many test rows two draws of the learning curves have in common",
    function=run,
    grid=grid,
    estimate=lambda config: 0.5,
    headline="shared_test_rows",
)

"""Which known smells of intrusion data the two sets have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Dataset
from qhelpers.papers.threats.smells import measure
from qhelpers.runs.experiment import Experiment, Outcome


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Measure every smell of a set.

    Parameters
    ----------
    config : mapping
        ``data`` only.
    seed : int
        Not used: nothing is drawn but one fixed split.
    dataset : Dataset

    Returns
    -------
    Outcome
        A number a smell, by its name.
    """
    return Outcome(measure(dataset))


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """The two sets that are real, once."""
    return [({"data": name}, 1) for name in ("wustl_iiot_999", "ton_iot_modbus")]


EXPERIMENT = Experiment(
    name="threats-smells",
    version="1",
    about="known bad smells of intrusion data, counted in both sets",
    function=run,
    grid=grid,
    estimate=lambda config: 5.0,
    headline="one column decides",
)

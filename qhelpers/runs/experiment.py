"""What an experiment is, and the list of those there are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class RunsFailed(Exception):
    """Runs that ended in an error; those that did not are recorded."""


@dataclass(frozen=True)
class Outcome:
    """What one run measured.

    Attributes
    ----------
    metrics, confusion, chosen
        As in `qhelpers.runs.records.Record`.
    train_seconds : float
        Wall clock of the final training.
    arrays : dict of ndarray
        Curves, test scores, weights; where it is empty, a record is its line alone.
    """

    metrics: dict[str, float]
    confusion: dict[str, int]
    chosen: dict[str, Any] = field(default_factory=dict)
    train_seconds: float = 0.0
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A function of (config, seed) with the grid of configs to run it on.

    Attributes
    ----------
    name, version, about : str
        ``version`` changes whenever the code computes something else.
    function : callable
        ``function(config, seed, dataset) -> Outcome``; it neither prints nor plots.
    grid : callable
        ``grid(profile) -> list of (config, n_seeds)``: what a full run holds, quick to slow.
    estimate : callable
        ``estimate(config) -> float``: processor seconds a run takes, roughly, before any has been measured.
    headline : str
        The metric that is shown while it runs, and in the summary.
    """

    name: str
    version: str
    about: str
    function: Callable[[Mapping[str, Any], int, Any], Outcome]
    grid: Callable[[str], list[tuple[dict[str, Any], int]]]
    estimate: Callable[[Mapping[str, Any]], float]
    headline: str = "accuracy"


_MODULES = {
    "low-energy": "qhelpers.runs.low_energy",
    "protocols": "qhelpers.runs.protocols",
    "splits": "qhelpers.runs.splits",
    "energy": "qhelpers.runs.energy",
    "exploration": "qhelpers.runs.exploration",
    "picking": "qhelpers.runs.picking",
    "frameworks": "qhelpers.runs.frameworks",
    "noise": "qhelpers.runs.noise",
    "noise-training": "qhelpers.runs.noise_training",
    "noise-mitigation": "qhelpers.runs.noise_mitigation",
    "learning-curves": "qhelpers.runs.learning_curves",
    "equations": "qhelpers.runs.equations",
}


def names() -> list[str]:
    """Names of all experiments."""
    return sorted(_MODULES)


def get(name: str) -> Experiment:
    """Experiment of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists all.
    """
    if name not in _MODULES:
        raise ValueError(f"experiment {name!r} is unknown; there are: {', '.join(names())}")
    found: Experiment = importlib.import_module(_MODULES[name]).EXPERIMENT
    return found

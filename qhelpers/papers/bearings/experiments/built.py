"""Dimensions and sizes of the network, read off what is built from the paper's text: no data, nothing trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.papers.bearings.costs import STEPS, built, sizes
from qhelpers.runs.experiment import Experiment, Outcome


def run(config: Mapping[str, Any], seed: int) -> Outcome:
    """Read one off.

    Parameters
    ----------
    config : mapping
        ``setting``: what a claim of `qhelpers.papers.bearings.costs.built` is called, without ``4.`` before it; or ``parameters``
        and a row of Table 4, as ``"parameters with-cbam"``.
    seed : int
        Not used.

    Returns
    -------
    Outcome
        ``value``; of parameters in millions, as printed.

    Raises
    ------
    ValueError
        If the setting is unknown.
    """
    name = config["setting"]
    kind, _, step = name.partition(" ")
    if kind == "parameters" and step in STEPS:
        return Outcome({"value": float(sizes().loc[step, "built"]) / 1e6})
    found = built()
    if f"4.{name}" not in found:
        raise ValueError(
            f"setting {name!r} is unknown; allowed are {', '.join(one[2:] for one in found)}, and parameters with one of "
            f"{', '.join(STEPS)}"
        )
    return Outcome({"value": found[f"4.{name}"]})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each once; nothing is drawn."""
    return [({"setting": name}, 1) for name in (*(one[2:] for one in built()), *(f"parameters {step}" for step in STEPS))]


EXPERIMENT = Experiment(
    name="bearings-built",
    version="1",
    about="paper 4: dimensions and parameters of QEML-Net as it is built from the text",
    function=run,
    grid=grid,
    estimate=lambda config: 1.0,
    headline="value",
    data=lambda config: (),
    told=("setting",),
)

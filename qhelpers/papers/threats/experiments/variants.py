"""Pure-HQML under other readings of what its text leaves open, one changed at a time, on 999 rows of the paper's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Dataset
from qhelpers.papers.threats.experiments import scores
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: What is changed, in words; the arguments; and the deviation that leaves it open.
VARIANTS: dict[str, tuple[dict[str, Any], str]] = {
    "as chosen": ({}, "D2.20"),
    "first qubit measured": ({"observable": "first"}, "D2.22"),
    "first qubit, best features first": ({"observable": "first", "order": "score"}, "D2.20"),
    "last qubit measured": ({"observable": "last"}, "D2.22"),
    "sum of all qubits": ({"observable": "sum"}, "D2.22"),
    "each qubit an output": ({"observable": "each"}, "D2.22"),
    "scaled between 0 and 1": ({"scaling": "minmax"}, "D2.21"),
    "ZZ feature map": ({"feature_map": "ZZ"}, "D2.23"),
    "angles about y": ({"feature_map": "RY"}, "D2.23"),
    "map applied twice": ({"map_reps": 2}, "D2.23"),
    "one repetition": ({"ansatz_reps": 1}, "D2.23"),
    "five repetitions": ({"ansatz_reps": 5}, "D2.23"),
    "circuit fed by the layer": ({"feeds": "layer"}, "D2.24"),
    "factorization machine in front": ({"front": "factorization", "width": 4}, "D2.25"),
    "sigmoid applied twice": ({"loss": "twice"}, "D2.26"),
    "classes weighted alike": ({"class_weight": "balanced"}, "D2.26"),
}


@knows(variant=VARIANTS)
def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train one of `VARIANTS` and test it, as `qhelpers.papers.threats.experiments.scores.run` does; scores only."""
    outcome = scores.run({**config, "arguments": VARIANTS[config["variant"]][0]}, seed, dataset)
    return Outcome(outcome.metrics, outcome.confusion, outcome.chosen, outcome.train_seconds)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every variant, six splits."""
    place = {"data": "wustl_iiot_999", "model": "pure-hqml", "split": "random", "features": 10}
    return [(place | {"variant": name}, 1 if profile == "quick" else 6) for name in VARIANTS]


EXPERIMENT = Experiment(
    name="threats-variants",
    version="1",
    about="paper 2: Pure-HQML with one choice after the other that its text leaves open, on 999 rows",
    function=run,
    grid=grid,
    estimate=lambda config: 8.0,
    told=("data", "variant"),
    times=scores.EXPERIMENT.times,
)

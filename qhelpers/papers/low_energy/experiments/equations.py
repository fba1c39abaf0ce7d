"""Experiment of paper 1: its equations, sentences on them and pseudo-code, as printed beside what they must mean.

Rows, labels and weights are real or random as a network would meet them; what is compared is what a reader would see: an
expectation value, a trace, a gradient, a loss, an accuracy. `ALGEBRA` needs no training; `TRAINED` does. The rules that turn
the metrics into verdicts stand in the ledger's claims.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Dataset
from qhelpers.papers.low_energy.experiments import equations_circuits as c
from qhelpers.papers.low_energy.experiments import equations_noise as n
from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw, of_paper
from qhelpers.runs.experiment import Outcome

#: What needs no training, by the name in a config.
ALGEBRA: dict[str, Callable[[c.Case], c.Metrics]] = {
    **{
        f"eq-{i}": function
        for i, function in enumerate((c.eq_1, c.eq_2, c.eq_3, c.eq_4, c.eq_5, c.eq_6, c.eq_7, c.eq_8, c.eq_9, c.eq_10), 1)
    },
    "eq-11": c.eq_11,
    "eq-12": c.eq_12,
    "eq-13": c.eq_13,
    "eq-14": c.eq_14,
    "eq-17": c.eq_17,
    "eq-20": c.eq_20,
    "su2": c.su2,
    "phase-place": c.phase_place,
    "one-order": c.one_order,
    **{f"eq-{i}": functools.partial(n.maps, number=i) for i in (23, 25, 27, 29, 31, 33)},
    "eq-22": functools.partial(n.operators, "bit_flip"),
    "eq-24": functools.partial(n.operators, "phase_flip"),
    "eq-26": functools.partial(n.operators, "bit_phase_flip"),
    "eq-28": functools.partial(n.operators, "depolarizing"),
    "eq-30": functools.partial(n.operators, "phase_damping"),
    "eq-32": functools.partial(n.operators, "amplitude_damping"),
    "roots": n.roots,
    "stays-phase-damping": functools.partial(n.stays, "phase_damping"),
    "stays-amplitude-damping": functools.partial(n.stays, "amplitude_damping"),
    "named-depolarizing": n.named_depolarizing,
    "damping-is-a-flip": n.damping_is_a_flip,
    "other-name": n.other_name,
    "features": c.features,
    "balance": c.balance,
    "depth-under-noise": c.depth_under_noise,
    "sizes": c.sizes,
    "networks": c.networks,
}
#: Algebra that is different for each data set.
OF_DATA = ("features", "balance", "eq-3")
DATA = ("occupancy", "ton_iot_gps")


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Run one equation as printed and as meant.

    Parameters
    ----------
    config : mapping
        ``equation`` (a key of `ALGEBRA` or `equations_trained.TRAINED`) and ``data``; for training ``epochs``.
    seed : int
        Draws rows, states and weights.
    dataset : Dataset

    Returns
    -------
    Outcome
        ``disagreement`` (mean distance of what is compared), ``as_printed`` and ``meant`` (for one row), ``trace`` and
        ``trace_error`` where a map could lose it; others as the function's docstring says.
    """
    from qhelpers.papers.low_energy.experiments.equations_trained import TRAINED

    name, start = config["equation"], time.perf_counter()
    if name in TRAINED:
        metrics = TRAINED[name](dataset, seed, int(config["epochs"]))
        return Outcome(metrics, {}, train_seconds=time.perf_counter() - start)
    if name not in ALGEBRA:
        raise ValueError(f"equation {name!r} is unknown; allowed are {', '.join([*ALGEBRA, *TRAINED])}")
    subsample, other = np.random.SeedSequence(seed).spawn(2)
    rows, _ = draw(dataset, "300+300", np.random.default_rng(subsample))
    raw = dataset.X[FEATURES[dataset.name]].to_numpy(float)[rows]
    x = ((raw - raw.mean(0)) / raw.std(0))[:, np.arange(c.N_QUBITS) % raw.shape[1]]
    chosen = np.random.default_rng(subsample.spawn(1)[0]).permutation(len(rows))[: c.N_ROWS]
    case = c.Case(x[chosen], dataset.y[rows][chosen], np.random.default_rng(other), dataset, seed)
    metrics = ALGEBRA[name](case)
    readings = [value for metric, value in metrics.items() if metric.startswith("disagreement.")]
    return Outcome(metrics | {"disagreement": metrics.get("disagreement", min(readings, default=0.0))}, {})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Algebra on the room (and the tracker, where it matters) with 3 seeds, training on both with 10."""
    from qhelpers.papers.low_energy.experiments.equations_trained import EPOCHS, TRAINED

    quick = profile == "quick"
    entries: list[tuple[dict[str, Any], int]] = []
    for name in ALGEBRA:
        data = DATA if name in OF_DATA else DATA[:1]
        n_seeds = 1 if quick else 10 if name in ("depth-under-noise", "sizes") else 3
        entries += [({"equation": name, "data": one}, n_seeds) for one in data]
    for name in TRAINED:
        entries += [
            ({"equation": name, "data": one, "epochs": EPOCHS["quick" if quick else "laptop"][name]}, 1 if quick else 10)
            for one in DATA
        ]
    return entries


def _times(config: Mapping[str, Any]) -> str:
    """Seconds; and what the equation on sizes makes of them."""
    return r"metrics\.seconds\..*" + (r"|metrics\.disagreement" if config["equation"] == "sizes" else "")


EXPERIMENT = of_paper(
    name="equations",
    version="2",
    about="paper 1: its equations and pseudo-code as printed, beside what they must mean",
    function=run,
    grid=grid,
    estimate=lambda config: 1.5 if "epochs" in config else 0.1,
    headline="disagreement",
    times=_times,
)

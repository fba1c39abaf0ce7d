"""What an update costs against bins, reads and windows, beside the orders of growth of Table 12 of paper 3 (deviation D3.69)."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from qhelpers.datasets import Series
from qhelpers.papers.useful_life.experiments.tables import SELECTORS, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.qubo import (
    draw_lowest,
    draw_lowest_of_reads,
    draw_softmax,
    get_sampler,
    one_hot_bqm,
    one_hot_models,
    qpu_access_time,
)
from qhelpers.runs.experiment import Experiment, Outcome, knows

BINS = (4, 8, 16, 32, 64, 128)
READS = (1, 10, 100, 1000)
ENGINES = (5, 10, 20, 40, 80)
#: Cost vectors that are drawn from, or built into models, in one call; sweeps a read; reads where bins are varied.
N_VECTORS, N_SWEEPS, N_READS = 2000, 100, 100
TEMPERATURE = 0.35
Curve = dict[int, float]


def quickest(call: Callable[[], Any], repeats: int = 7) -> float:
    """Processor seconds of a call, the shortest of several after one that does not count: other work on a machine only adds."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def growth(sizes: ArrayLike, seconds: ArrayLike) -> float:
    """Order of growth: the slope of a line through the logarithms, by least squares.

    Parameters
    ----------
    sizes, seconds : array-like of shape (n,)
        Above 0, two or more.

    Returns
    -------
    float
        0 for what does not grow, 1 for what is linear, 2 for what grows with the square.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or a number is not above 0.
    """
    x, y = np.asarray(sizes, float), np.asarray(seconds, float)
    if x.shape != y.shape or len(np.unique(x)) < 2 or not (x > 0).all() or not (y > 0).all():
        raise ValueError(
            f"{len(x)} sizes and {len(y)} times, from {min(x, default=0)} and {min(y, default=0)}, were given; allowed are as "
            "many of each, two sizes or more, all above 0. Measure longer where a time is 0."
        )
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def told(curves: Mapping[str, Curve], largest: int = 3) -> dict[str, float]:
    """Metrics of some curves: each time, the orders of growth over all sizes and over the largest few, and the largest order."""
    found = {f"{name}_seconds.{size}": seconds for name, curve in curves.items() for size, seconds in curve.items()}
    for name, curve in curves.items():
        sizes, seconds = list(curve), list(curve.values())
        found[f"{name}_growth"] = growth(sizes, seconds)
        found[f"{name}_growth_of_the_largest"] = growth(sizes[-largest:], seconds[-largest:])
    return found | {"steepest_growth": max(value for name, value in found.items() if "_growth" in name)}


def over_bins(train: Any, states: Any, bins: Sequence[int] = BINS) -> dict[str, float]:
    """Each part of an update against the number of bins; and, worked out by the maker's formula, the time of a call."""
    curves: dict[str, Curve] = {}
    exact: dict[str, float] = {}
    annealer = get_sampler("simulated-annealing", n_sweeps=N_SWEEPS, seed=0)
    for n in bins:
        costs = np.random.default_rng(n).random((N_VECTORS, n))
        bqm = one_hot_bqm(costs[0])
        rng = np.random.default_rng(0)
        each: dict[str, tuple[Callable[[], Any], int]] = {
            "argmax": (functools.partial(draw_lowest, costs), N_VECTORS),
            "one_read": (functools.partial(draw_softmax, costs, TEMPERATURE, rng), N_VECTORS),
            "lowest_of_1000": (functools.partial(draw_lowest_of_reads, costs, TEMPERATURE, 1000, rng), N_VECTORS),
            "arrays": (functools.partial(one_hot_models, costs), N_VECTORS),
            "model": (functools.partial(one_hot_bqm, costs[0]), 1),
            "read": (functools.partial(annealer.sample, bqm, num_reads=N_READS), N_READS),
        }
        for name in ("argmax", "one-read", "lowest-of-1000"):
            agent = QAQL(**SELECTORS[name], n_actions=n, n_episodes=1)
            each[f"update_{name.replace('-', '_')}"] = (functools.partial(agent.fit, train, states=states), len(train))
        for name, (call, times) in each.items():
            curves.setdefault(name, {})[n] = quickest(call) / times
        exact[f"couplings.{n}"] = float(bqm.num_interactions)
        exact[f"modelled_call.{n}"] = qpu_access_time(n)
    for name in ("couplings", "modelled_call"):
        exact[f"{name}_order"] = growth(bins, [exact[f"{name}.{n}"] for n in bins])
    return told(curves) | exact


def over_reads(reads: Sequence[int] = READS) -> dict[str, float]:
    """A choice among sixteen against the number of reads: annealed, and drawn by what stands in for the annealer."""
    costs = np.random.default_rng(0).random((N_VECTORS, 16))
    bqm, rng = one_hot_bqm(costs[0]), np.random.default_rng(0)
    annealer = get_sampler("simulated-annealing", n_sweeps=N_SWEEPS, seed=0)
    curves: dict[str, Curve] = {"annealed": {}, "drawn": {}}
    for n in reads:
        curves["annealed"][n] = quickest(functools.partial(annealer.sample, bqm, num_reads=n))
        curves["drawn"][n] = quickest(functools.partial(draw_lowest_of_reads, costs, TEMPERATURE, n, rng)) / N_VECTORS
    exact = {f"modelled_call.{n}": qpu_access_time(16, num_reads=n) for n in reads}
    return told(curves) | exact | {"modelled_call_order": growth(reads, list(exact.values()))}


def over_windows(train: Any, states: Any, engines: Sequence[int] = ENGINES) -> dict[str, float]:
    """A whole training of eight episodes against the number of windows that it goes along."""
    curves: dict[str, Curve] = {"argmax": {}, "lowest_of_1000": {}}
    units = np.unique(train.unit)
    for n in engines:
        part = train.of(units[:n])
        for name in ("argmax", "lowest-of-1000"):
            agent = QAQL(**SELECTORS[name])
            seconds = quickest(functools.partial(agent.fit, part, states=states))
            curves[name.replace("-", "_")][len(part)] = seconds
    return told(curves)


@knows(over=("bins", "reads", "windows"))
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Time one curve.

    Parameters
    ----------
    config : mapping
        ``over``: ``"bins"``, ``"reads"`` or ``"windows"``.
    seed : int
        Of the split whose windows are learned from.
    dataset : Series
        FD001.

    Returns
    -------
    Outcome
        ``*_seconds.N`` at each size N, ``*_growth`` over all sizes and ``*_growth_of_the_largest`` over the last three; the
        largest of these is ``steepest_growth``. Over bins: of an ``argmax``; of ``one_read`` and ``lowest_of_1000`` as drawn; of
        a model as ``arrays`` of what differs and as Ocean's ``model`` with all pairs; of one ``read`` of simulated annealing; of
        an ``update`` with each rule. Over reads: of a choice. Over windows: of a training. ``couplings`` are counted; the
        ``modelled_call`` of 1,000 reads, one qubit a bin, is worked out.
    """
    if config["over"] == "reads":
        return Outcome(over_reads())
    train, _, states = prepared(dataset, seed, "printed")
    return Outcome(over_bins(train, states) if config["over"] == "bins" else over_windows(train, states))


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each curve once."""
    return [({"data": "cmapss_fd001", "over": over}, 1) for over in ("bins", "reads", "windows")]


EXPERIMENT = Experiment(
    name="useful-life-cost",
    version="1",
    about="paper 3: what an update costs against bins, reads and windows, beside the orders of growth of Table 12",
    function=run,
    grid=grid,
    estimate=lambda config: {"bins": 60.0, "reads": 10.0, "windows": 20.0}[config["over"]],
    headline="steepest_growth",
    times=lambda config: r"metrics\..*_(seconds\.\d+|growth|growth_of_the_largest)",
    told=("data", "over"),
)

"""Assets that share a crew and a budget: annealers against the proven optimum and a greedy rule, in cost and time (D3.74)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import dimod
import numpy as np

from qhelpers._extras import require
from qhelpers.datasets import Series
from qhelpers.papers.useful_life import crew
from qhelpers.papers.useful_life.crew import Crew
from qhelpers.papers.useful_life.experiments.maintenance import ENGINES, forecast
from qhelpers.papers.useful_life.windows import as_printed
from qhelpers.qubo import get_sampler, qpu_access_time
from qhelpers.runs.experiment import Experiment, Outcome

#: Assets and slots; their product is the number of decisions.
SIZES = ((4, 2), (8, 3), (12, 4), (20, 5), (24, 7), (25, 8))
#: Highest forecast at which an asset comes up, in cycles.
SOON = 100
#: A read that saves this much of the optimum counts as a hit.
NEAR = 0.99
#: Sizes for which places on a chip are looked for, beside those of the instances.
CHIP = (100, 150, 180, 200)


def instance(dataset: Series, n_assets: int, n_slots: int, seed: int) -> Crew:
    """Draw an instance: held-out engines at moments at which they are forecast to fail soon."""
    train, test = as_printed(dataset, seed)
    told = forecast("ridge", train, test, seed)
    soon = told <= SOON
    rmse = float(np.sqrt(np.mean((told - test.y)[soon] ** 2)))
    return crew.draw(told[soon], rmse, n_assets, n_slots, np.random.default_rng([seed, n_assets]))


def _annealing(num_reads: int, num_sweeps: int) -> Callable[[dimod.BinaryQuadraticModel, int], dimod.SampleSet]:
    """dwave-samplers' annealing with the temperatures that it chooses itself."""
    sampler = require("dwave.samplers", "annealing").SimulatedAnnealingSampler()
    return lambda bqm, seed: sampler.sample(bqm, num_reads=num_reads, num_sweeps=num_sweeps, seed=seed)


def _tabu(bqm: dimod.BinaryQuadraticModel, seed: int) -> dimod.SampleSet:
    """Ten searches of twenty restarts each; no clock has a say."""
    sampler = require("dwave.samplers", "annealing").TabuSampler()
    return sampler.sample(bqm, num_reads=10, num_restarts=20, timeout=10**7, seed=seed)


def _of_the_house(name: str, num_reads: int) -> Callable[[dimod.BinaryQuadraticModel, int], dimod.SampleSet]:
    """Samplers under the schedule that stands for a machine's."""
    return lambda bqm, seed: get_sampler(name, num_reads=num_reads, seed=seed).sample(bqm)


#: Who samples which model: kind of penalty, share of the weight that keeps the optimum, sampler.
METHODS: dict[str, tuple[Any, float, Callable[[dimod.BinaryQuadraticModel, int], dimod.SampleSet]]] = {
    "annealing": ("slack", 1.0, _annealing(100, 1000)),
    "annealing_slow": ("slack", 1.0, _annealing(10, 10_000)),
    "annealing_light": ("slack", 0.25, _annealing(100, 1000)),
    "annealing_unbalanced": ("unbalanced", 1.0, _annealing(100, 1000)),
    "machine_schedule": ("slack", 1.0, _of_the_house("simulated-annealing", 100)),
    "path_integral": ("slack", 1.0, _of_the_house("path-integral", 20)),
    "tabu": ("slack", 1.0, _tabu),
}


def judged(problem: Crew, reads: np.ndarray, best: float) -> dict[str, float]:
    """What reads are worth: share that keeps the rules, that comes near the optimum, and the best of them."""
    fine = problem.feasible(reads)
    saved = np.where(fine, problem.saved(reads), 0.0)  # to do nothing is always allowed
    near = fine & (saved >= best - (1 - NEAR) * abs(best) - 1e-9)
    return {"feasible": float(fine.mean()), "near": float(near.mean()), "saved": share(float(saved.max()), best)}


def share(saved: float, best: float) -> float:
    """Return a saving as a share of the best one, 1 where nothing can be saved and nothing was."""
    return 1 - (best - max(saved, 0.0)) / max(best, 1e-9)


def plan(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Solve one instance by every method."""
    problem = instance(dataset, config["assets"], config["slots"], seed)
    clock = time.process_time()
    optimal, bound = crew.exact(problem)
    metrics = {"exact_seconds": time.process_time() - clock}
    best = float(problem.saved(optimal))
    metrics |= {"optimum": best, "proven": float(bound <= best * (1 + 1e-6) + 1e-9)}
    clock = time.process_time()
    ruled = crew.greedy(problem)
    metrics |= {"greedy_seconds": time.process_time() - clock, "greedy_saved": share(float(problem.saved(ruled)), best)}
    for name, (how, weight, sample) in METHODS.items():
        clock = time.process_time()
        bqm = crew.to_bqm(problem, how, weight * crew.penalty(problem))
        drawn = sample(bqm, seed + 1)
        reads = crew.plans(problem, drawn)
        seconds = time.process_time() - clock
        clock = time.process_time()
        mended = np.array([crew.greedy(problem, read) for read in reads])
        seconds_mended = seconds + time.process_time() - clock
        found = judged(problem, reads, best) | {"seconds": seconds, "reads": float(len(reads))}
        found |= {f"mended_{key}": value for key, value in judged(problem, mended, best).items() if key != "feasible"}
        metrics |= {f"{name}_{key}": value for key, value in (found | {"mended_seconds": seconds_mended}).items()}
        if how == "slack":
            metrics["variables"] = float(bqm.num_variables)
            metrics["density"] = len(bqm.quadratic) / (bqm.num_variables * (bqm.num_variables - 1) / 2)
    return Outcome(metrics)


def chip(config: Mapping[str, Any], seed: int) -> Outcome:
    """Qubits of a Pegasus P16 chip without faults that so many variables take, all coupled; 0 where they have no place."""
    graph = require("dwave.system", "annealing").qpu_graph("pegasus", [16], None, None)
    chains = require("minorminer.busclique", "annealing").find_clique_embedding(config["variables"], graph, seed=seed)
    lengths = [len(chain) for chain in chains.values()]
    called = qpu_access_time(sum(lengths)) if lengths else 0.0
    found = {"density": 1.0, "qubits": sum(lengths), "longest_chain": max(lengths, default=0), "modelled_call": called}
    return Outcome({name: float(value) for name, value in found.items()})


def run(config: Mapping[str, Any], seed: int, dataset: Series | None = None) -> Outcome:
    """Plan one instance, or find the room that it takes on a chip.

    Parameters
    ----------
    config : mapping
        ``data``, ``assets``, ``slots``; or ``variables``.
    seed : int
        Draws the engines, the instance and the reads.

    Returns
    -------
    Outcome
        ``optimum`` and whether it is ``proven``; of each method what it saves as a share of that, the share of its reads that
        is feasible, that comes within a hundredth of the optimum, and seconds of one core; the same of mended reads.
    """
    return chip(config, seed) if dataset is None else plan(config, seed, dataset)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Six sizes, ten instances each; rooms on a chip."""
    quick = profile == "quick"
    sizes = SIZES[:1] if quick else SIZES
    entries: list[tuple[dict[str, Any], int]] = [
        ({"data": ENGINES, "assets": assets, "slots": slots}, 1 if quick else 10) for assets, slots in sizes
    ]
    return entries + [({"variables": number}, 1) for number in (CHIP[:1] if quick else CHIP)]


EXPERIMENT = Experiment(
    name="useful-life-crew",
    version="1",
    about="paper 3: several assets, one crew, one budget: annealers against the proven optimum and a greedy rule",
    function=run,
    grid=grid,
    estimate=lambda config: 15.0 if "variables" in config else 0.2 * config["assets"] * config["slots"],
    headline="density",
    data=lambda config: () if "variables" in config else (config["data"],),
    times=lambda config: r"metrics\..*_seconds",
    told=("data", "assets", "slots", "variables"),
    order="seed",
)

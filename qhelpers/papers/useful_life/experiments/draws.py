"""What simulated annealers draw from the model of a decision: how near to a softmax, how warm, how often of the lowest cost.

Costs are those of sixteen states of real engines (`state_costs`). All temperatures are in units of the largest absolute cost of
a state, and the penalty follows the same unit: what is measured does not depend on the unit of the reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.datasets import Series
from qhelpers.papers.useful_life.experiments.equations import CAP, CENTRES, GAMMA, N_BINS
from qhelpers.papers.useful_life.windows import as_printed
from qhelpers.qubo import (
    Schedule,
    decode,
    effective_temperature,
    get_sampler,
    matched_temperature,
    noise_floor,
    one_hot_models,
    scaled_penalty,
    softmax,
    total_variation,
)
from qhelpers.runs.experiment import Experiment, Outcome, knows

Floats = NDArray[np.float64]

#: States that engines are sorted into by their age.
N_STATES = 16
#: Reads of a state, and with a temperature that is held.
N_READS, N_HELD = 1000, 4000
#: The temperature that is held, and that of the check by independent draws.
HELD, CHECK = 0.70, 0.35
#: Numbers of reads of which the lowest is taken.
LOWEST_OF = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
#: Above this a temperature is not told from a blind draw; it is given as this.
HOTTEST = 100.0
COSTS = ("reward", "value")


def state_costs(data: Series, seed: int) -> dict[str, Floats]:
    """Costs of the bins in sixteen states, the quantiles of the age of the training engines.

    Parameters
    ----------
    data : Series
        A C-MAPSS set.
    seed : int
        Draws the engines that are held out.

    Returns
    -------
    dict of str to ndarray of shape (16, 16)
        A state a row, in units of the cap squared. ``"reward"``: the mean squared error of each bin, which a Q-table comes to
        without bootstrapping. ``"value"``: what it comes to with it (Eq. 1, γ = .99): the same and γ times the value of the next
        state, solved exactly for windows that follow one another; no action has a part in where they lead.
    """
    train = as_printed(data, seed)[0]
    age = train.last - train.first
    state = np.searchsorted(np.quantile(age, np.arange(1, N_STATES) / N_STATES), age, side="right")
    members = np.eye(N_STATES)[state] / np.bincount(state, minlength=N_STATES)
    reward = members.T @ ((CENTRES - train.y[:, None]) / CAP) ** 2
    follows = np.flatnonzero(train.unit[1:] == train.unit[:-1])
    moves = members[follows].T @ np.eye(N_STATES)[state[follows + 1]]
    to_come = np.linalg.solve(np.eye(N_STATES) - GAMMA * moves, reward.min(axis=1))
    return {"reward": reward, "value": reward + GAMMA * (moves @ to_come)[:, None]}


def lowest_of(actions: NDArray[np.int64], costs: Floats) -> Floats:
    """Share of groups of n reads, for each n of `LOWEST_OF`, in which the lowest one-hot read is of the lowest cost."""
    greedy = actions == costs.argmin()
    whole = [greedy[: len(greedy) // n * n].reshape(-1, n) for n in LOWEST_OF if n <= len(greedy)]
    return np.array([groups.any(axis=1).mean() for groups in whole])


def sampler_of(config: Mapping[str, Any], seed: int) -> Any:
    """The sampler of a config."""
    if config["sampler"] == "boltzmann":
        return get_sampler("boltzmann", temperature=CHECK, seed=seed)
    n_sweeps = config["n_sweeps"]
    schedule = Schedule.held(HELD, n_sweeps) if config["schedule"] == "held" else None
    return get_sampler(config["sampler"], n_sweeps=n_sweeps, schedule=schedule, seed=seed)


@knows(costs=COSTS, schedule=("default", "held"))
def run(config: Mapping[str, Any], seed: int, data: Series) -> Outcome:
    """Draw from the models of sixteen states.

    Parameters
    ----------
    config : mapping
        ``costs``, of `COSTS`; ``sampler``; ``factor``, of the penalty over the largest absolute cost; ``n_sweeps``;
        ``schedule``, ``"default"`` or ``"held"`` (at T = .70).
    seed : int
        Of the engines that the costs are of, and of the draws.
    data : Series
        A C-MAPSS set.

    Returns
    -------
    Outcome
        ``temperature``: of the softmax that fits the draws of all states best; ``temperature_sd``: over states, each by itself;
        ``flip_temperature`` and its spread: by single flips, as dwave.system estimates it; ``variation``, ``noise``: total
        variation of a state's one-hot reads from that softmax, and that of so many draws of it, means over states;
        ``entropy``: of one such draw, in nats; ``greedy``: share of one-hot reads that are of the lowest cost;
        ``lowest_is_greedy``: share of states in which the lowest of 1,000 reads is; ``infeasible``, ``chain_breaks``: shares.
        Arrays: ``counts`` (16, 16), ``costs`` (16, 16), ``temperatures`` (16,), ``lowest`` (10,).
    """
    costs = state_costs(data, seed)[config["costs"]]
    costs = costs / np.abs(costs).max(axis=1, keepdims=True)
    sampler = sampler_of(config, seed)
    models = one_hot_models(costs, scaled_penalty(costs, config["factor"]))
    n_reads = N_HELD if config["schedule"] == "held" else N_READS
    actions, flips, breaks, lowest = [], [], [], []
    for k in range(N_STATES):
        drawn = sampler.sample(models[k], num_reads=n_reads)
        reads = decode(drawn)
        actions.append(reads.actions)
        flips.append(effective_temperature(models[k], drawn))
        breaks.append(drawn.record.chain_break_fraction.mean() if "chain_break_fraction" in drawn.record.dtype.names else 0.0)
        lowest.append(lowest_of(reads.actions, costs[k]))
    shared = min(HOTTEST, matched_temperature(np.repeat(costs, n_reads, axis=0), np.concatenate(actions)))
    each = np.array([min(HOTTEST, matched_temperature(costs[k], actions[k])) for k in range(N_STATES)])
    fitted = softmax(costs, shared)
    counts = np.array([np.bincount(one[one >= 0], minlength=N_BINS) for one in actions])
    metrics = {
        "temperature": shared,
        "temperature_sd": each.std(ddof=1),
        "flip_temperature": np.mean(flips),
        "flip_temperature_sd": np.std(flips, ddof=1),
        "variation": np.mean([total_variation(*pair) for pair in zip(counts, fitted, strict=True)]),
        "noise": np.mean([noise_floor(p, int(n)) for p, n in zip(fitted, counts.sum(axis=1), strict=True)]),
        "entropy": -(fitted * np.log(fitted)).sum(axis=1).mean(),
        "greedy": np.mean(counts[np.arange(N_STATES), costs.argmin(axis=1)] / counts.sum(axis=1)),
        "lowest_is_greedy": np.mean(lowest, axis=0)[LOWEST_OF.index(1000)],
        "infeasible": np.mean(np.concatenate(actions) < 0),
        "chain_breaks": np.mean(breaks),
    }
    arrays = {"counts": counts.astype(np.int16), "costs": costs, "temperatures": each, "lowest": np.mean(lowest, axis=0)}
    return Outcome({name: float(value) for name, value in metrics.items()}, arrays=arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each sampler under each penalty; few and many sweeps; a temperature that is held; independent draws.

    Three seeds; one of the path integral under other penalties than the paper's, for each takes half a minute.
    """
    n_seeds = 1 if profile == "quick" else 3
    sweeps = {"simulated-annealing": (100, 1000), "path-integral": (50,), "mock-qpu": (100, 1000)}
    factors = (2.0, 8.0) if profile == "quick" else (1.05, 2.0, 4.0, 8.0)
    configs = [("reward", "boltzmann", 2.0, 0, "default"), ("reward", "simulated-annealing", 2.0, 100, "held")]
    for sampler, several in sweeps.items():
        for n_sweeps in several[:1] if profile == "quick" else several:
            configs += [("reward", sampler, factor, n_sweeps, "default") for factor in factors]
            configs += [("value", sampler, 2.0, n_sweeps, "default")]
    keys = ("costs", "sampler", "factor", "n_sweeps", "schedule")
    made = [{"data": "cmapss_fd001"} | dict(zip(keys, config, strict=True)) for config in configs]
    return [(one, 1 if one["sampler"] == "path-integral" and one["factor"] != 2.0 else n_seeds) for one in made]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    each = {"boltzmann": 0.0, "simulated-annealing": 0.0055, "path-integral": 0.32, "mock-qpu": 0.014}[config["sampler"]]
    return 2.0 + each * config["n_sweeps"] * (4 if config["schedule"] == "held" else 1)


EXPERIMENT = Experiment(
    name="useful-life-draws",
    version="1",
    about="paper 3: what simulated annealers draw from the models of decisions on real engines, and how warm they are",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="temperature",
    told=("data", "costs", "sampler", "factor", "n_sweeps", "schedule"),
)

"""The annealer's own share: its stand-in beside selectors of equal entropy, blind ones, and learners that need not explore.

Protocol, points and margin are deviations D3.60 to D3.65 and D3.77, fixed before a score was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import entropy

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.experiments.tables import FLEET, prepared
from qhelpers.papers.useful_life.matched import (
    EqualInEachState,
    FullInformation,
    by_unit,
    limits,
    lowest_of_chances,
    matched,
    share,
)
from qhelpers.papers.useful_life.qaql import INITIAL, QAQL, States
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.qubo import AnnealedPolicy, decode, get_sampler, one_hot_models, scaled_penalty
from qhelpers.qubo.draw import TIES
from qhelpers.runs.experiment import Experiment, Outcome, knows
from qhelpers.runs.records import Record

ENGINES = "cmapss_fd001"
#: Points between a blind draw and an argmax: one read at a temperature of the largest cost, the lowest of n at .35.
TEMPERATURES = {ENGINES: (2.4, 0.35, 0.1, 0.02, 0.005, 0.002), FLEET: (0.35, 0.1, 0.005)}
READS = {ENGINES: (3, 10, 25, 1000), FLEET: (3, 10, 1000)}
#: Learning rate at which sixteen updates a step are as many as one blind one at Table 3's.
SLOW = 0.10 / 16
LEARNERS = ("annealer", "softmax", "epsilon-greedy")
#: Updates with samplers that anneal; one in so many is looked at, with so many further reads.
N_UPDATES, EVERY, N_PROBES = 2000, 40, 400
#: Penalty over the largest cost, sweeps, reads of which the lowest is taken.
ANNEALS = ((8.0, 100, 1), (2.0, 100, 1), (1.05, 1000, 1), (2.0, 100, 3), (2.0, 100, 10), (2.0, 100, 100))


class Known(States):
    """States that are looked up once, for many trainings on the same windows."""

    def __init__(self, states: States, *parts: Windows) -> None:
        super().__init__(states.kind, states.n_states, states.random_state)
        self._known = [(part, states.of(part)) for part in parts]

    def of(self, windows: Windows) -> np.ndarray:
        """Return the state of each window of a part."""
        return next(found for part, found in self._known if part is windows)


def points(data: str) -> dict[str, dict[str, Any]]:
    """Arguments of `QAQL` by the name of a point: ``t0.35`` is one read at .35, ``n10`` the lowest of 10."""
    reads = {f"t{one:g}": {"selector": "one-read", "temperature": one} for one in TEMPERATURES[data]}
    return reads | {f"n{one}": {"selector": "lowest-of-reads", "n_reads": one} for one in READS[data]}


def references(train: Windows, test: Windows, states: States, **given: Any) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Predictions of what the shares are set beside (deviation D3.63), by name, and how often bins were tried."""
    found: dict[str, QAQL] = {"uniform": QAQL("uniform", **given), "full": FullInformation("uniform", **given)}
    found["full-slow"] = FullInformation("uniform", learning_rate=SLOW, **given)
    ties: Any
    for ties in TIES:
        for initial in INITIAL:
            found[f"argmax-{ties}-{initial}"] = QAQL("argmax", ties=ties, initial=initial, **given)
    told = {name: agent.fit(train, states=states).predict(test) for name, agent in found.items()}
    seen, metrics = states.of(train), {}
    for name in ("argmax-random-zero", "uniform"):
        agent = found[name]
        metrics[f"{name}.tries"] = float(np.median(agent.chosen_))
        metrics[f"{name}.top"] = float(np.mean(agent.values_.argmax(axis=1)[seen] == agent.n_actions - 1))
    return told | limits(train, test, states), metrics


def pairs(data: str) -> list[str]:
    """Names of the rows of the array ``squared`` that a run matched in each state keeps: of one read nothing is left to match."""
    return [f"n{n_reads}.{learner}" for n_reads in READS[data] for learner in ("annealer", "softmax")]


def learners(data: str) -> list[str]:
    """Names of the rows of the array ``squared`` that a run without a sampler keeps."""
    pairs = [f"{point}.{learner}" for point in points(data) for learner in LEARNERS]
    argmaxes = [f"argmax-{ties}-{initial}" for ties in TIES for initial in INITIAL]
    return [*pairs, "uniform", "full", "full-slow", *argmaxes, "best-bin", "state-mean", "oracle-bin", "nearest-bin"]


def difference(records: Sequence[Record], one: str, other: str) -> tuple[float, float, float, int]:
    """RMSE of a learner less that of another, from records without a sampler of one set: mean, interval by unit, units.

    Parameters
    ----------
    records : sequence of Record
        Of different seeds.
    one, other : str
        Of `learners`, or of `pairs` where entropies are equal in each state.
    """
    config = records[0].config
    rows = [(pairs if "equal" in config else learners)(config["data"]).index(name) for name in (one, other)]
    arrays = [record.arrays() for record in records]
    first, second = ([found["squared"][row].astype(float) for found in arrays] for row in rows)
    return share([found["unit"] for found in arrays], [found["windows"] for found in arrays], first, second)


def ahead(records: Sequence[Record], name: str) -> tuple[float, float, float, int]:
    """RMSE of a learner with temporal difference less that without, as `difference`; records of both, a pair a seed."""
    row = learners(records[0].config["data"]).index(name)
    by = {td: sorted((one for one in records if one.config["td"] is td), key=lambda one: one.seed) for td in (True, False)}
    seeds = {one.seed for one in by[True]} & {one.seed for one in by[False]}
    found = {td: [one.arrays() for one in by[td] if one.seed in seeds] for td in by}
    squared = {td: [one["squared"][row].astype(float) for one in found[td]] for td in by}
    return share([one["unit"] for one in found[True]], [one["windows"] for one in found[True]], squared[True], squared[False])


def trio(annealer: QAQL, target: float, train: Windows, states: States, **given: Any) -> tuple[dict[str, QAQL], dict[str, float]]:
    """An annealer's agent and two of equal entropy, and what they draw with: entropies, temperature, ε."""
    agents = {"annealer": annealer}
    metrics = {"annealer.entropy": target}
    name: Any
    for name in ("softmax", "epsilon-greedy"):
        agent = matched(name, target, train, states, **given)
        agents[name] = agent
        metrics[f"{name}.entropy"] = agent.draw_entropy_
        metrics[f"{name}.knob"] = agent.temperature if name == "softmax" else agent.epsilons[0]
    return agents, metrics


def sweep(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """All points of one set, seed and setting of temporal difference."""
    train, test, found = prepared(dataset, seed, config["protocol"])
    states = Known(found, train, test)
    given = {"td": config["td"], "random_state": seed}
    metrics: dict[str, float] = {}
    told: dict[str, np.ndarray] = {}
    for point, own in points(dataset.name).items():
        annealer = QAQL(**own, **given, tell=True).fit(train, states=states)
        agents, drawn = trio(annealer, annealer.draw_entropy_, train, states, **given)
        metrics |= {f"{point}.{name}": value for name, value in drawn.items()}
        told |= {f"{point}.{name}": agent.predict(test) for name, agent in agents.items()}
    others, tried = references(train, test, states, **given)
    told, metrics = told | others, metrics | tried
    for name, guessed in told.items():
        found = regression_metrics(test.y, guessed)
        metrics |= {f"{name}.rmse": found["rmse"], f"{name}.mbd": found["mbd"]}
    unit, windows, squared = by_unit(test, [told[name] for name in learners(dataset.name)])
    return Outcome(
        {"rmse": metrics["n1000.annealer.rmse"], **metrics},
        arrays={"unit": unit.astype(np.int16), "windows": windows.astype(np.int16), "squared": squared},
    )


def in_each_state(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """The lowest of several reads beside a softmax that has the same entropy at each update (deviation D3.77)."""
    train, test, found = prepared(dataset, seed, config["split"])
    states = Known(found, train, test)
    metrics: dict[str, float] = {}
    told: list[np.ndarray] = []
    for n_reads in READS[dataset.name]:
        for name, kind in (("annealer", QAQL), ("softmax", EqualInEachState)):
            agent = kind("lowest-of-reads", n_reads=n_reads, tell=True, random_state=seed).fit(train, states=states)
            told.append(agent.predict(test))
            metrics[f"n{n_reads}.{name}.rmse"] = regression_metrics(test.y, told[-1])["rmse"]
            metrics[f"n{n_reads}.{name}.entropy"] = agent.draw_entropy_
    unit, windows, squared = by_unit(test, told)
    return Outcome(
        {"rmse": metrics["n1000.annealer.rmse"], **metrics},
        arrays={"unit": unit.astype(np.int16), "windows": windows.astype(np.int16), "squared": squared},
    )


def anneal(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Algorithm 1 with a sampler that anneals, and two selectors of the entropy that it turns out to have."""
    train, test, states = prepared(dataset, seed, "printed")
    factor, n_sweeps, n_reads = config["factor"], config["n_sweeps"], config["n_reads"]
    sampler, other = (get_sampler("simulated-annealing", n_sweeps=n_sweeps, seed=[seed, 10**6 + seed][k]) for k in range(2))
    reading: Any = "first" if n_reads == 1 else "lowest"
    policy = AnnealedPolicy(sampler, reading=reading, num_reads=n_reads, penalty_factor=factor, seed=seed)
    seen: list[float] = []

    def choose(values: np.ndarray) -> int:
        if policy.n_choices % EVERY == 0:
            costs = -values
            model = one_hot_models(costs[None], scaled_penalty(costs[None], factor))[0]
            actions = decode(other.sample(model, num_reads=N_PROBES)).actions
            counts = np.bincount(actions[actions >= 0], minlength=len(costs))
            correction = (np.count_nonzero(counts) - 1) / (2 * counts.sum()) if n_reads == 1 else 0.0
            seen.append(entropy(lowest_of_chances(costs, counts / counts.sum(), n_reads)) + correction)
        return int(policy(values))

    given: dict[str, Any] = {"random_state": seed, "max_updates": N_UPDATES}
    annealer = QAQL(choose, **given).fit(train, states=states)
    target = min(float(np.mean(seen)), float(np.log(annealer.n_actions)))
    agents, metrics = trio(annealer, target, train, states, **given)
    metrics |= {f"{name}.rmse": regression_metrics(test.y, agent.predict(test))["rmse"] for name, agent in agents.items()}
    return Outcome({"rmse": metrics["annealer.rmse"], **metrics, "infeasible": policy.n_infeasible / policy.n_reads})


@knows(sampler=("simulated-annealing",))
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train all learners of a set and a seed, or those of one setting of a sampler.

    Parameters
    ----------
    config : mapping
        ``protocol`` and ``td``; or ``sampler`` ("simulated-annealing"), ``factor`` (penalty over the largest cost),
        ``n_sweeps``, ``n_reads`` (one, or the lowest of so many); or ``equal`` ("in each state") and ``split``, a protocol.
    seed : int
    dataset : Series
        FD001 or the fleet; of samplers FD001.

    Returns
    -------
    Outcome
        Without a sampler, for each point of `points` and each of `LEARNERS`: ``{point}.{learner}.rmse``, ``.mbd`` (prediction
        less label), ``.entropy`` of a draw in nats, ``.knob`` (temperature of reward, or ε). ``{name}.rmse`` and ``.mbd`` of what
        `references` has; of an argmax and of blind choices ``.tries``, the median over states and bins, and ``.top``, the share
        of training windows in whose state the last bin is best. ``rmse``: of the main reading. Arrays: ``unit``, ``windows``
        (n_units,), ``squared`` (n_learners, n_units): summed squared errors, a row for each of `learners`. With a sampler:
        ``{learner}.rmse``, ``.entropy``, ``.knob``, ``infeasible``: share of reads that were not one-hot. Equal in each state:
        ``{point}.{learner}.rmse`` and ``.entropy``, and the arrays, a row for each of `pairs`.
    """
    return (anneal if "sampler" in config else in_each_state if "equal" in config else sweep)(config, seed, dataset)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Engines, the fleet by two protocols, each with temporal difference and without; settings of simulated annealing; and
    engines and fleet with entropies that are equal in each state."""
    quick = profile == "quick"
    places = [(ENGINES, "printed", 30), (FLEET, "fair", 30), (FLEET, "printed", 10)]
    entries: list[tuple[dict[str, Any], int]] = [
        ({"data": data, "protocol": protocol, "td": td}, 1 if quick else n_seeds)
        for data, protocol, n_seeds in (places[:1] if quick else places)
        for td in (True, False)
    ]
    place = {"data": ENGINES, "sampler": "simulated-annealing"}
    settings = [dict(zip(("factor", "n_sweeps", "n_reads"), one, strict=True)) for one in ANNEALS]
    entries += [(place | one, 1 if quick else 3) for one in (settings[1:2] if quick else settings)]
    told = places[:1] if quick else places
    return entries + [({"data": data, "equal": "in each state", "split": at}, 1 if quick else n) for data, at, n in told]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    if "sampler" in config:
        return 8.0 + 1e-6 * N_UPDATES * config["n_reads"] * config["n_sweeps"]
    if "equal" in config:
        return 8.0
    return {(ENGINES, "printed"): 12.0, (FLEET, "fair"): 4.0}.get((config["data"], config["protocol"]), 40.0)


EXPERIMENT = Experiment(
    name="useful-life-entropy",
    version="1",
    about="paper 3: the annealer's stand-in beside softmax and ε-greedy of equal entropy, and learners that need not explore",
    function=run,
    grid=grid,
    estimate=estimate,
    headline="rmse",
    told=("data", "protocol", "td", "sampler"),
    order="seed",
)

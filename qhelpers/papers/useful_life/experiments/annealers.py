"""Algorithm 1 step by step with samplers that really anneal, beside the rules that stand in for them; FD001, 2,000 updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.experiments.tables import SELECTORS, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.qubo import AnnealedPolicy, get_sampler
from qhelpers.runs.experiment import Experiment, Outcome, knows

N_UPDATES, N_SWEEPS = 2000, 100
#: Options of each sampler; reads a choice by each reading.
SAMPLERS: dict[str, dict[str, Any]] = {
    "exact": {},
    "simulated-annealing": {"n_sweeps": N_SWEEPS},
    "path-integral": {"n_sweeps": N_SWEEPS},
    "mock-qpu": {"n_sweeps": N_SWEEPS},
}
READS = {"lowest": 1000, "first": 1}
STAND_INS = ("lowest-of-1000", "one-read", "one-read-warm", "uniform", "argmax-random-ties")


@knows(sampler=SAMPLERS)
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Learn from 2,000 windows and test on the held-out engines.

    Parameters
    ----------
    config : mapping
        ``sampler`` of `SAMPLERS` and ``reading``, or ``selector`` of `STAND_INS`.
    seed : int
    dataset : Series
        FD001.

    Returns
    -------
    Outcome
        Scores per window; ``infeasible``: share of reads that were not one-hot; ``blind``: share of choices with no such read.
    """
    train, test, states = prepared(dataset, seed, "printed")
    given: dict[str, Any] = {"random_state": seed, "max_updates": N_UPDATES}
    metrics: dict[str, float] = {}
    if "selector" in config:
        agent = QAQL(**SELECTORS[config["selector"]] | given).fit(train, states=states)
    else:
        drawn = {} if config["sampler"] == "exact" else {"seed": seed}
        sampler = get_sampler(config["sampler"], **SAMPLERS[config["sampler"]], **drawn)
        policy = AnnealedPolicy(sampler, reading=config["reading"], num_reads=READS[config["reading"]], seed=seed)
        agent = QAQL(policy, **given).fit(train, states=states)
        metrics = {"infeasible": policy.n_infeasible / policy.n_reads, "blind": policy.n_blind / policy.n_choices}
    return Outcome(regression_metrics(test.y, agent.predict(test)) | metrics)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each sampler by each reading of the text, and what stands in for them.

    A thousand reads of the path integral take two seconds, 2,000 times over an hour a run: of it one read is drawn alone.
    """
    place, n_seeds = {"data": "cmapss_fd001"}, 1 if profile == "quick" else 3
    entries = [place | {"selector": name} for name in STAND_INS]
    entries += [place | {"sampler": name, "reading": "first"} for name in SAMPLERS if name != "exact"]
    if profile != "quick":
        entries += [place | {"sampler": name, "reading": "lowest"} for name in SAMPLERS if name != "path-integral"]
    return [(entry, n_seeds) for entry in entries]


EXPERIMENT = Experiment(
    name="useful-life-annealers",
    version="1",
    about="paper 3: Algorithm 1 with samplers that anneal, at each of 2,000 updates on FD001, beside what stands in for them",
    function=run,
    grid=grid,
    estimate=lambda config: {"lowest": 200.0, "first": 12.0}.get(config.get("reading", ""), 1.0),
    headline="rmse",
    told=("data", "sampler", "reading", "selector"),
)

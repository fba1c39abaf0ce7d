"""QAQL with every rule in the annealer's place, on engines and devices (Tables 6, 7, 8 and 10 of paper 3).

Split, states, temperature, and number of runs are deviations D3.40 to D3.46, fixed before a score was seen.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import entropy

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life import fleet, windows
from qhelpers.papers.useful_life.qaql import QAQL, States
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: What stands in the annealer's place; the arguments of `QAQL`.
SELECTORS: dict[str, dict[str, Any]] = {
    "lowest-of-1000": {"selector": "lowest-of-reads"},
    "one-read": {"selector": "one-read"},
    "one-read-warm": {"selector": "one-read", "temperature": 2.4},
    "argmax": {"selector": "argmax", "ties": "first"},
    "argmax-random-ties": {"selector": "argmax", "ties": "random"},
    "epsilon-greedy": {"selector": "epsilon-greedy"},
    "softmax": {"selector": "softmax", "temperature": 0.01},
    "uniform": {"selector": "uniform"},
}
#: Two guesses that learn nothing by trial: the mean training label, and that of the state.
RULES = ("mean", "mean-of-state")
ENGINES = tuple(f"cmapss_fd00{number}" for number in range(1, 5))
FLEET = "device_failure"


@functools.lru_cache(maxsize=2)
def parts(dataset: Series, seed: int, protocol: str) -> tuple[Windows, Windows]:
    """Return training and test windows by the paper's protocol, ``"official"`` (engines), or another reading of the fleet's."""
    by: dict[str, Any] = {
        "printed": fleet.as_printed,
        "fair": fleet.fair,
        "six a stream": functools.partial(fleet.as_printed, streams="each"),
        "longest label": functools.partial(fleet.as_printed, healthy="longest"),
    }
    if dataset.name != FLEET:
        by = {"printed": windows.as_printed, "official": windows.official}
    if protocol not in by:
        raise ValueError(f"protocol {protocol!r} is unknown for {dataset.name}; allowed are {', '.join(by)}")
    train, test = by[protocol](dataset, seed)
    return train, test


@functools.lru_cache(maxsize=12)
def prepared(dataset: Series, seed: int, protocol: str, kind: Any = "means", n_states: int = 100) -> Any:
    """Return training windows, test windows and states, of which the last few are kept: many configs share them."""
    train, test = parts(dataset, seed, protocol)
    return train, test, States(kind, n_states, seed).fit(train)


def guess(name: str, train: Windows, test: Windows, states: States) -> np.ndarray:
    """Predict by one of `RULES`."""
    if name == "mean":
        return np.full(len(test), train.y.mean())
    seen = states.of(train)
    counts = np.bincount(seen, minlength=states.n_states)
    means = np.bincount(seen, train.y, states.n_states) / np.maximum(counts, 1)
    return np.where(counts, means, train.y.mean())[states.of(test)]


@knows(selector=(*SELECTORS, *RULES))
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train and test once.

    Parameters
    ----------
    config : mapping
        ``data``; ``protocol``: ``"printed"`` or, of the fleet, another that `parts` has; ``selector`` of `SELECTORS` or
        `RULES`; ``init``, ``td``, ``episodes`` as `QAQL` has them.
    seed : int
        Draws the held-out units, and everything that is learned.

    Returns
    -------
    Outcome
        Scores per window of the held-out units as `regression_metrics` has them; of engines by the printed protocol also
        ``official_rmse``, ``official_phm08`` with ``capped`` before them: learned from all training engines, one prediction a
        test engine. ``updates``; ``entropy``: of the actions that were tried in a state, in nats, mean over its updates.
    """
    train, test, states = prepared(dataset, seed, config["protocol"])
    metrics: dict[str, float] = {}
    given = {"td": config["td"], "initial": config["init"], "n_episodes": config["episodes"], "random_state": seed}

    def predicted(train: Windows, test: Windows, states: States) -> np.ndarray:
        if config["selector"] in RULES:
            return guess(config["selector"], train, test, states)
        agent = QAQL(**SELECTORS[config["selector"]] | given).fit(train, states=states)
        tried = agent.chosen_.sum(axis=1)
        told = entropy(agent.chosen_[tried > 0], axis=1)
        metrics.setdefault("updates", float(agent.n_updates_))
        metrics.setdefault("entropy", float(np.average(told, weights=tried[tried > 0])))
        return agent.predict(test)

    metrics |= regression_metrics(test.y, predicted(train, test, states))
    if dataset.name != FLEET and config["episodes"] == 8:
        train, test, states = prepared(dataset, seed, "official")
        scores = windows.official_scores(test.remaining, predicted(train, test, states))
        metrics |= {f"official_{name.replace(' ', '_')}": value for name, value in scores.items()}
    return Outcome(metrics)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every selector on five sets; without temporal difference; other first values; fewer episodes; the fair fleet; guesses."""
    n_seeds = 2 if profile == "quick" else 30
    sets = [{"data": name, "protocol": "printed"} for name in (*ENGINES, FLEET)]
    usual = {"init": "zero", "td": True, "episodes": 8}
    fair = {"data": FLEET, "protocol": "fair"}
    entries = [place | usual | {"selector": name} for place in (*sets, fair) for name in (*RULES, *SELECTORS)]
    entries += [place | usual | {"td": False, "selector": name} for place in sets for name in SELECTORS]
    for place in (sets[0], sets[-1]):
        entries += [place | usual | {"init": init, "selector": name} for init in ("random", "pessimistic") for name in SELECTORS]
        some = ("lowest-of-1000", "one-read", "argmax", "argmax-random-ties")
        entries += [place | usual | {"episodes": number, "selector": name} for number in (1, 2) for name in some]
    few = (*RULES, "lowest-of-1000", "one-read", "argmax", "uniform")
    others = ({"data": FLEET, "protocol": name} for name in ("six a stream", "longest label"))
    entries += [place | usual | {"selector": name} for place in others for name in few]
    return [(entry, n_seeds) for entry in (entries[::7] if profile == "quick" else entries)]


EXPERIMENT = Experiment(
    name="useful-life-qaql",
    version="1",
    about="paper 3: QAQL with every rule in the annealer's place, on four sets of engines and on the fleet",
    function=run,
    grid=grid,
    estimate=lambda config: 0.3,
    headline="rmse",
    told=("data", "protocol", "selector"),
    order="seed",
)

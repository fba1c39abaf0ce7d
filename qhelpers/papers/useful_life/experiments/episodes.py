"""How many episodes a learner by trial needs, which paper 3 claims and prints no number of (RQ2, deviation D3.76)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.baselines import baseline
from qhelpers.papers.useful_life.experiments.baselines import READINGS
from qhelpers.papers.useful_life.experiments.tables import ENGINES, SELECTORS, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: Numbers of episodes; each is a training of its own, whose schedules end with it.
EPISODES = (1, 2, 4, 8)
#: An error that is this close to the lowest counts as reached.
NEAR = 0.05
#: Builds a learner of a seed, episodes, and windows an episode.
LEARNERS: dict[str, Callable[[int, int, int], Any]] = {
    **{
        name: lambda seed, episodes, n, rule=rule: QAQL(**SELECTORS[rule], n_episodes=episodes, random_state=seed)  # type: ignore[misc]
        for name, rule in READINGS.items()
    },
    "sarsa": lambda seed, episodes, n: baseline("sarsa", seed).set_params(n_episodes=episodes),
    "dqn": lambda seed, episodes, n: baseline("dqn", seed).set_params(n_steps=episodes * n),
    "ppo": lambda seed, episodes, n: baseline("ppo", seed).set_params(n_steps=episodes * n),
}


def needed(errors: Mapping[int, float]) -> int:
    """Fewest episodes after which the error is within a share of the lowest, `NEAR`.

    Parameters
    ----------
    errors : mapping of int to float
        Error by number of episodes.
    """
    return min(number for number, error in errors.items() if error <= (1 + NEAR) * min(errors.values()))


@knows(model=LEARNERS)
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train a learner four times, each time with twice the episodes; an episode is once along all training windows.

    Parameters
    ----------
    config : mapping
        ``data``; ``model`` of `LEARNERS`.
    seed : int
        Of the held-out engines and of everything that is learned.

    Returns
    -------
    Outcome
        ``rmse_after.N`` per window of the held-out engines; ``episodes_needed`` by `needed`.
    """
    train, test, _ = prepared(dataset, seed, "printed")
    errors = {}
    for number in EPISODES:
        learner = LEARNERS[config["model"]](seed, number, len(train)).fit(train)
        errors[number] = regression_metrics(test.y, learner.predict(test))["rmse"]
    return Outcome(
        {f"rmse_after.{number}": error for number, error in errors.items()} | {"episodes_needed": float(needed(errors))}
    )


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each learner on FD001."""
    if profile == "quick":
        return [({"data": ENGINES[0], "model": name}, 1) for name in READINGS]
    return [({"data": ENGINES[0], "model": name}, 10) for name in LEARNERS]


EXPERIMENT = Experiment(
    name="useful-life-episodes",
    version="1",
    about="paper 3: how many episodes each learner by trial needs",
    function=run,
    grid=grid,
    estimate=lambda config: {"dqn": 240.0, "ppo": 240.0, "sarsa": 15.0}.get(config["model"], 2.0),
    headline="episodes_needed",
    told=("data", "model"),
    order="seed",
)

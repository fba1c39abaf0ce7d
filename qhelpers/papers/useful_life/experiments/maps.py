"""Where QAQL's error goes when its settings move: learning rate, discount, first values, states, bins, temperature; FD001."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.experiments.tables import SELECTORS, guess, prepared
from qhelpers.papers.useful_life.qaql import QAQL
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: Two settings that move together, and where.
MAPS: dict[str, dict[str, tuple[Any, ...]]] = {
    "rates": {"learning_rate": (0.01, 0.03, 0.1, 0.3, 1.0), "discount": (0.0, 0.5, 0.9, 0.99, 0.999)},
    "table": {"n_states": (16, 50, 100, 400, 1000), "n_actions": (8, 16, 32, 64, 128)},
    "exploration": {"temperature": (0.01, 0.035, 0.1, 0.35, 1.0, 2.4, 10.0), "initial": ("zero", "random", "pessimistic")},
}
#: Readings of the text, one switched at a time.
SWITCHES: dict[str, dict[str, Any]] = {
    "as chosen": {},
    "states by their last row": {"state": "last row"},
    "states along one axis": {"state": "index"},
    "a replay buffer, batches of 64": {"replay": 64},
    "one trajectory an episode": {"whole": False},
}
ASKED = ("lowest-of-1000", "one-read")


@knows(switch=SWITCHES)
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train and test once, as `tables.run` does by the printed protocol.

    Parameters
    ----------
    config : mapping
        ``selector`` and further arguments of `QAQL`, under their names, or ``switch``, a key of `SWITCHES`.
    seed : int
    dataset : Series
        FD001.

    Returns
    -------
    Outcome
        Scores per window; ``state_rmse``: of the mean label of each state, which learns nothing by trial.
    """
    given = {name: value for name, value in config.items() if name not in ("data", "map", "selector", "switch")}
    given |= SWITCHES[config.get("switch", "as chosen")]
    kind, n_states = given.get("state", "means"), given.get("n_states", 100)
    train, test, states = prepared(dataset, seed, "printed", kind, n_states)
    agent = QAQL(**SELECTORS[config["selector"]] | given | {"random_state": seed}).fit(train, states=states)
    metrics = regression_metrics(test.y, agent.predict(test))
    metrics["state_rmse"] = regression_metrics(test.y, guess("mean-of-state", train, test, states))["rmse"]
    return Outcome(metrics | {"updates": float(agent.n_updates_)})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each map's pairs, and each switch."""
    place = {"data": "cmapss_fd001"}
    entries = []
    for name, axes in MAPS.items():
        (one, first), (two, second) = axes.items()
        asked = ASKED[1:] if name == "exploration" else ASKED
        entries += [place | {"map": name, "selector": how, one: a, two: b} for how in asked for a in first for b in second]
    entries += [place | {"switch": name, "selector": how} for name in SWITCHES for how in ASKED]
    quick = profile == "quick"
    return [(entry, 1 if quick else 10) for entry in (entries[::10] if quick else entries)]


EXPERIMENT = Experiment(
    name="useful-life-maps",
    version="1",
    about="paper 3: QAQL's error over learning rate, discount, first values, states, bins and temperature, on FD001",
    function=run,
    grid=grid,
    estimate=lambda config: 6.0 if config.get("switch", "").startswith("a replay") else 0.3,
    headline="rmse",
    told=("data", "map", "switch", "selector"),
    order="seed",
)

"""A deep value network with every rule in the annealer's place, beside two that learn without one (sections 4.10 and 5).

Deviations D3.66 and D3.67, fixed before a score was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Series
from qhelpers.evaluation import regression_metrics
from qhelpers.papers.useful_life.experiments.tables import ENGINES, FLEET, SELECTORS, parts
from qhelpers.papers.useful_life.value_network import ValueNetwork
from qhelpers.runs.experiment import Experiment, Outcome, knows

ASKED = ("lowest-of-1000", "one-read", "argmax", "epsilon-greedy", "softmax", "uniform")
#: Networks that learn from the same batches and pick nothing.
CONTROLS: dict[str, dict[str, Any]] = {"all-rewards": {"told": "all rewards"}, "label": {"told": "label"}}


@knows(selector=(*ASKED, *CONTROLS))
def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Train and test once.

    Parameters
    ----------
    config : mapping
        ``data``, ``protocol`` as `tables.parts` has it; ``selector`` of `ASKED` or `CONTROLS`; ``td``.
    seed : int
        Of the held-out units, as in `tables.run`, and of the network.
    dataset : Series

    Returns
    -------
    Outcome
        Scores per window, ``updates``, and ``tried``: the share of the sixteen actions' steps that the most frequent one has.
    """
    how = config["selector"]
    train, test = parts(dataset, seed, config["protocol"])
    given = CONTROLS[how] if how in CONTROLS else SELECTORS[how]
    network = ValueNetwork(**given, td=config["td"], random_state=seed).fit(train)
    metrics = regression_metrics(test.y, network.predict(test)) | {"updates": float(network.n_updates_)}
    if how not in CONTROLS:
        metrics["tried"] = float(network.chosen_.max() / network.chosen_.sum())
    return Outcome(metrics)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Engines, the fleet as printed and fair; each rule with and without temporal difference, and the controls."""
    places: list[dict[str, Any]] = [
        {"data": ENGINES[0], "protocol": "printed"},
        *({"data": FLEET, "protocol": name} for name in ("printed", "fair")),
    ]
    if profile == "quick":
        return [(places[0] | {"selector": how, "td": True}, 1) for how in ("one-read", "label")]
    entries = []
    for place in places:
        entries += [place | {"selector": how, "td": td} for td in (True, False) for how in ASKED]
        entries += [place | {"selector": "all-rewards", "td": True}]
        entries += [place | {"selector": how, "td": False} for how in CONTROLS]
    return [(entry, 10 if entry["td"] and entry["protocol"] == "printed" else 5) for entry in entries]


EXPERIMENT = Experiment(
    name="useful-life-network",
    version="1",
    about="paper 3: a deep value network with every rule in the annealer's place, beside networks told all rewards or the label",
    function=run,
    grid=grid,
    estimate=lambda config: 6.0 if config["td"] else 5.0,
    headline="rmse",
    told=("data", "protocol", "selector"),
    order="seed",
)

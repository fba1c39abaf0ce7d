"""What the paper says of its data: rows, classes and columns, by the published tables and by the rows at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot_twin import fitted
from qhelpers.runs.experiment import Experiment, Outcome

#: Stands for the tables on the whole file that others published; they come with the package.
PUBLISHED = "wustl-published"


def run(config: Mapping[str, Any], seed: int, dataset: Dataset | None = None) -> Outcome:
    """Count.

    Parameters
    ----------
    config : mapping
        ``data``: `PUBLISHED`, or ``wustl_iiot_999``.
    seed : int
        Changes nothing.
    dataset : Dataset, optional
        Unless it is the published tables that are counted.

    Returns
    -------
    Outcome
        ``rows`` and ``attack_share``; of a data set also ``columns_without_target``, which counts the family of the attack
        (Traffic), and ``columns_without_labels``, which does not.
    """
    if dataset is None:
        families = fitted()["families"]
        rows = sum(families.values())
        return Outcome({"rows": float(rows), "attack_share": 1 - families["normal"] / rows})
    columns = dataset.X.shape[1]
    counts = {"columns_without_target": float(columns + (dataset.family is not None)), "columns_without_labels": float(columns)}
    return Outcome({"rows": float(len(dataset)), "attack_share": float((dataset.y == 1).mean())} | counts)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both, as often as the ledger asks of everything."""
    return [({"data": name}, 1 if profile == "quick" else 3) for name in (PUBLISHED, "wustl_iiot_999")]


EXPERIMENT = Experiment(
    name="threats-data",
    version="1",
    about="paper 2: rows, classes and columns of its data",
    function=run,
    grid=grid,
    estimate=lambda config: 0.1,
    headline="rows",
    data=lambda config: () if config["data"] == PUBLISHED else (config["data"],),
)

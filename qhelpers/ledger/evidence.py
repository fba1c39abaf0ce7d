"""Evidence: the records that may move a verdict, found fast by config."""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qhelpers.ledger.predicates import combined

# A verdict needs at least so many seeds; with fewer the claim stays pending.
SMALLEST_N = 3


class Sample(NamedTuple):
    """One measured value a seed, ordered by seed."""

    seeds: tuple[int, ...]
    values: np.ndarray
    ids: tuple[str, ...]


class Evidence:
    """Records on real data in a full profile; twins and quick runs are left out when they are read.

    Parameters
    ----------
    folder : Path, optional
        Records folder; the committed one by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._records: dict[str, list[Any]] = {}
        self._index: dict[str, dict[tuple[str, Any], set[int]]] = {}
        self._samples: dict[tuple[str, frozenset[tuple[str, Any]], str], Sample] = {}
        self._shared: dict[tuple[str, str], float | None] = {}

    def sample(self, experiment: str, config: Mapping[str, Any], metric: str) -> Sample:
        """Measured values of one metric, one a seed.

        Parameters
        ----------
        experiment : str
            Name of the experiment.
        config : mapping
            Entries that a record's config must have; it may have more, but none that is given as None.
        metric : str
            A key of a record's metrics, or several combined as in `qhelpers.ledger.predicates.combined`; ``runtime`` for the
            seconds of training; or ``accuracy.300``, where a record keeps lists by number of training points, for the accuracy
            with 300 of them.

        Returns
        -------
        Sample
            Where a seed was run more than once, the latest run counts. Values that are not finite are left out.
        """
        key = (experiment, frozenset(config.items()), metric)
        if key not in self._samples:
            self._samples[key] = self._find(experiment, config, metric)
        return self._samples[key]

    def records(self, experiment: str) -> list[Any]:
        """All usable records of an experiment."""
        self._load(experiment)
        return self._records[experiment]

    def shared(self, experiment: str, data: str) -> float | None:
        """Share of test rows that two draws of a data set have in common, see `shared_by`; of all draws that kept their rows."""
        key = (experiment, data)
        if key not in self._shared:
            self._load(experiment)
            positions = self._index[experiment].get(("data", data), set())
            self._shared[key] = shared_by(self._records[experiment][position] for position in positions)
        return self._shared[key]

    def _find(self, experiment: str, config: Mapping[str, Any], metric: str) -> Sample:
        self._load(experiment)
        index = self._index[experiment]
        positions = [
            index.get((key, value), set()) if value is not None else self._without(experiment, key)
            for key, value in config.items()
        ]
        chosen = set.intersection(*positions) if positions else set(range(len(self._records[experiment])))
        latest: dict[int, tuple[str, float, str]] = {}
        for position in chosen:
            record = self._records[experiment][position]
            value = record.train_seconds if metric == "runtime" else _value(record, metric)
            if value is None or not math.isfinite(value):
                continue
            if record.seed not in latest or (record.finished, record.id) > (latest[record.seed][0], latest[record.seed][2]):
                latest[record.seed] = (record.finished, float(value), record.id)
        seeds = tuple(sorted(latest))
        return Sample(seeds, np.array([latest[seed][1] for seed in seeds]), tuple(latest[seed][2] for seed in seeds))

    def _without(self, experiment: str, key: str) -> set[int]:
        """Records whose config lacks a key."""
        return {position for position, record in enumerate(self._records[experiment]) if record.config.get(key) is None}

    def _load(self, experiment: str) -> None:
        if experiment in self._records:
            return
        from qhelpers.runs import records

        try:
            folder = self.folder if self.folder is not None else records.root()
        except records.RecordsError as error:
            warnings.warn(f"no records: {error}; all measured claims stay pending", stacklevel=2)
            self._records[experiment], self._index[experiment] = [], {}
            return
        usable = records.measured(experiment, folder=folder)
        index: dict[tuple[str, Any], set[int]] = {}
        for position, record in enumerate(usable):
            for key, value in record.config.items():
                if not isinstance(value, (list, dict)):
                    index.setdefault((key, value), set()).add(position)
        self._records[experiment], self._index[experiment] = usable, index


@functools.cache
def committed() -> Evidence:
    """The committed records, read once."""
    return Evidence()


def shared_by(found: Iterable[Any]) -> float | None:
    """Share of test rows that the draws of some records have in common, by `qhelpers.evaluation.shared_rows`.

    Parameters
    ----------
    found : iterable of Record
        Those that keep an array ``test_rows`` count, one a seed.

    Returns
    -------
    float or None
        None where fewer than two seeds kept their rows.
    """
    from qhelpers.evaluation import shared_rows
    from qhelpers.runs.records import RecordsError

    tests: dict[int, np.ndarray] = {}
    for record in found:
        if record.seed not in tests:
            with contextlib.suppress(RecordsError, KeyError):
                tests[record.seed] = record.arrays()["test_rows"]
    return shared_rows(tests.values()) if len(tests) > 1 else None


def _value(record: Any, metric: str) -> float | None:
    if metric in record.metrics:
        return float(record.metrics[metric])
    if "[" in metric:
        try:
            return float(combined(metric, lambda name: np.asarray(record.metrics[name])))  # type: ignore[arg-type]
        except KeyError:
            return None
    name, _, size = metric.rpartition(".")
    sizes, values = record.chosen.get("n"), record.chosen.get(name)
    if isinstance(sizes, list) and isinstance(values, list) and size in map(str, sizes):
        return float(values[[str(one) for one in sizes].index(size)])
    return None

"""Evidence: the records that may move a verdict, found fast by config."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# A verdict needs at least so many seeds; with fewer the claim stays pending.
SMALLEST_N = 3
PROFILES = ("laptop", "paper")


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

    def sample(self, experiment: str, config: Mapping[str, Any], metric: str) -> Sample:
        """Measured values of one metric, one a seed.

        Parameters
        ----------
        experiment : str
            Name of the experiment.
        config : mapping
            Entries that a record's config must have; it may have more.
        metric : str
            A key of a record's metrics, or ``runtime`` for the seconds of training.

        Returns
        -------
        Sample
            Where a seed was run more than once, the latest run counts. Values that are not finite are left out.
        """
        key = (experiment, frozenset(config.items()), metric)
        if key not in self._samples:
            self._samples[key] = self._find(experiment, config, metric)
        return self._samples[key]

    def _find(self, experiment: str, config: Mapping[str, Any], metric: str) -> Sample:
        self._load(experiment)
        index = self._index[experiment]
        positions = [index.get(item, set()) for item in config.items()]
        chosen = set.intersection(*positions) if positions else set(range(len(self._records[experiment])))
        latest: dict[int, tuple[str, float, str]] = {}
        for position in chosen:
            record = self._records[experiment][position]
            value = record.train_seconds if metric == "runtime" else record.metrics.get(metric)
            if value is None or not math.isfinite(value):
                continue
            if record.seed not in latest or (record.finished, record.id) > (latest[record.seed][0], latest[record.seed][2]):
                latest[record.seed] = (record.finished, float(value), record.id)
        seeds = tuple(sorted(latest))
        return Sample(seeds, np.array([latest[seed][1] for seed in seeds]), tuple(latest[seed][2] for seed in seeds))

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
        usable = [r for r in records.read(experiment, folder) if r.source == "real" and r.profile in PROFILES]
        index: dict[tuple[str, Any], set[int]] = {}
        for position, record in enumerate(usable):
            for key, value in record.config.items():
                if not isinstance(value, (list, dict)):
                    index.setdefault((key, value), set()).add(position)
        self._records[experiment], self._index[experiment] = usable, index

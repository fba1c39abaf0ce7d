"""Make recorded runs again and compare every number with the record: does the code still give what was measured?

On the command line: ``python -m qhelpers.runs again EXPERIMENT|ID ...``. Nothing is recorded.
"""

from __future__ import annotations

import math
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np

from qhelpers.runs import execution, records
from qhelpers.runs.experiment import get
from qhelpers.runs.records import Record, RecordsError

#: Numbers nearer than this are the same but for rounding, which another processor or library may do otherwise.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Comparison:
    """A record beside the same run made again.

    Attributes
    ----------
    record : Record
        As it was measured.
    numbers : int
        How many numbers and words were compared.
    differences : dict of str to float
        Name of each that is another, and by how much; nan where one of the two has no such number.
    """

    record: Record
    numbers: int
    differences: dict[str, float]

    @property
    def same(self) -> bool:
        """Whether nothing differs but by rounding (`ROUNDING`)."""
        return all(gap <= ROUNDING for gap in self.differences.values())

    def __str__(self) -> str:
        run = execution.Job(self.record.experiment, self.record.config, self.record.seed, "", "")
        told = "the same"
        if self.differences:
            told = f"{len(self.differences)} {'rounded otherwise' if self.same else 'DIFFER'}: "
            told += ", ".join(f"{name} by {gap:.3g}" for name, gap in list(self.differences.items())[:5])
        return f"{self.record.experiment} {self.record.id} ({run}): {self.numbers} numbers, {told}"


def find(
    names: Sequence[str], wanted: Mapping[str, Any] | None = None, seeds: int | None = None, folder: Path | None = None
) -> list[Record]:
    """Records that today's code can make again.

    Parameters
    ----------
    names : sequence of str
        Experiments, or ids of records; ``"all"`` for every experiment.
    wanted : mapping, optional
        Entries of the config that must be spelled like this, for instance ``{"model": "lda"}``.
    seeds : int, optional
        Only the seeds 0 to ``seeds - 1``.
    folder : Path, optional
        Records folder; the committed one by default.

    Returns
    -------
    list of Record

    Raises
    ------
    RecordsError
        If a name is neither, an id belongs to an earlier version of the experiment, or nothing fits.
    """
    found: list[Record] = []
    known = records.experiments(folder)
    names = known if "all" in names else names
    every = {record.id: record for name in known if not set(names) <= set(known) for record in records.read(name, folder)}
    for name in names:
        if name in known:
            found += [record for record in records.read(name, folder) if record.version == get(name).version]
        elif name in every:
            found.append(_of_this_version(every[name]))
        else:
            raise RecordsError(
                f"{name!r} is neither the id of a record nor an experiment that has records; there are: {', '.join(known)}"
            )
    fits = {key: records.spell(value) for key, value in (wanted or {}).items()}.items()
    chosen = [
        record
        for record in found
        if (seeds is None or record.seed < seeds)
        and all(key in record.config and records.spell(record.config[key]) == value for key, value in fits)
    ]
    if not chosen:
        raise RecordsError(
            f"no record of {', '.join(names)} has {dict(wanted or {})}{'' if seeds is None else f' and a seed below {seeds}'}; "
            "`python -m qhelpers.runs list` shows the configs there are"
        )
    return chosen


def _of_this_version(record: Record) -> Record:
    version = get(record.experiment).version
    if record.version != version:
        raise RecordsError(
            f"record {record.id} is of version {record.version} of {record.experiment}, whose code is now version {version}; "
            "to make it again, take the code of that time from git"
        )
    return record


def commands(made: Sequence[Record], folder: Path | None = None) -> list[str]:
    """Command lines that make some records again, one an experiment, each in lines of at most 85 characters.

    Parameters
    ----------
    made : sequence of Record
        Records that belong together, those of a printed number for instance.
    folder : Path, optional
        Records folder; the committed one by default.

    Returns
    -------
    list of str
        Each asks for what all of them have in common and no more words than it takes; empty where only an earlier version of the
        code made them.
    """
    lines = []
    for name in dict.fromkeys(record.experiment for record in made):
        version = get(name).version
        own = [_spelled(record) for record in made if record.experiment == name and record.version == version]
        every = [_spelled(record) for record in records.read(name, folder) if record.version == version]
        if not own:
            continue
        asked = dict(sorted(set.intersection(*(set(one.items()) for one in own))))
        fitting = sum(asked.items() <= one.items() for one in every)
        for key in list(asked):
            fewer = {other: value for other, value in asked.items() if other != key}
            if sum(fewer.items() <= one.items() for one in every) == fitting:
                asked = fewer
        words = [".venv/bin/python -m qhelpers.runs", f"again {name}"]
        words += [f"--only {shlex.quote(f'{key}={value}')}" for key, value in asked.items()]
        lines.append(" \\\n  ".join(_filled(words, 80)))
    return lines


_spelled_before: dict[str, dict[str, str]] = {}


def _spelled(record: Record) -> dict[str, str]:
    """A record's config as the command line spells it; its id stands for it."""
    if record.id not in _spelled_before:
        _spelled_before[record.id] = {key: records.spell(value) for key, value in record.config.items()}
    return _spelled_before[record.id]


def _filled(words: Sequence[str], width: int) -> list[str]:
    """Words joined to lines no longer than `width`, where a single word is not."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def run(found: Sequence[Record], workers: int | None = None) -> Iterator[Comparison]:
    """Make the runs of records again, in a folder of their own that is thrown away, and compare.

    Parameters
    ----------
    found : sequence of Record
        From `find`.
    workers : int, optional
        Number of processes; by default one a core.

    Yields
    ------
    Comparison
        In the order in which the runs end.

    Raises
    ------
    RunsFailed
        As `qhelpers.runs.execution.run`.
    RecordsError
        If a run has another id than its record: its data are not those that were recorded.
    """
    by_id = {record.id: record for record in found}
    todo = [execution.Job(r.experiment, r.config, r.seed, r.source, r.profile) for r in by_id.values()]
    with tempfile.TemporaryDirectory(prefix="runs-again-") as folder:
        each = (execution.run(list(some), Path(folder), workers) for _, some in groupby(todo, lambda job: job.experiment))
        for made in chain.from_iterable(each):
            made_again = records.select(records.read(made.experiment, Path(folder)), id=made.id)[0]
            if made.id not in by_id:
                raise RecordsError(
                    f"the data at hand are not those of the records: {made.config['data']!r} has another fingerprint, "
                    f"{made.fingerprint[:12]}; `make data` fetches the official files"
                )
            yield compare(by_id[made.id], made_again)


def compare(record: Record, made: Record) -> Comparison:
    """Compare every number of two records of the same run but those that are times, as their experiment says."""
    before, after = (dict(_numbers(one)) for one in (record, made))
    gaps = {name: _gap(before.get(name), after.get(name)) for name in before.keys() | after.keys()}
    return Comparison(record, len(gaps), {name: gap for name, gap in sorted(gaps.items()) if gap})


def _numbers(record: Record) -> Iterator[tuple[str, Any]]:
    """Names and values of all that a run found out, without times."""
    try:
        arrays: Mapping[str, Any] = record.arrays()
    except RecordsError:
        arrays = {}
    parts = {"metrics": record.metrics, "confusion": record.confusion, "chosen": record.chosen, "arrays": arrays}
    times = get(record.experiment).times(record.config)
    for name, value in _flat("", parts):
        if not re.fullmatch(times, name):
            yield name, value


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), entry)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            yield f"{name}.shape", array.shape
            yield from ((f"{name}.{place}", entry) for place, entry in enumerate(array.ravel().tolist()))
        else:
            for place, entry in enumerate(value):
                yield from _flat(f"{name}.{place}", entry)
    else:
        yield name, value


def _gap(one: Any, two: Any) -> float:
    """Zero where two values are the same to the last bit; nan where they cannot be compared."""
    if one == two and type(one) is type(two):
        return 0.0
    if not all(isinstance(value, int | float) for value in (one, two)):
        return math.nan
    if math.isnan(one) and math.isnan(two):
        return 0.0
    return abs(one - two) or math.nan

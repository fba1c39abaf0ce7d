"""The list of a data set's files: a table beside its loader, read when it is first asked for."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar, overload

_HERE = Path(__file__).parent
_COLUMNS = ["name", "bytes", "sha256", "what", "pooled", "belongs_to"]

T = TypeVar("T")


@dataclass(frozen=True)
class OfficialFile:
    """A file as its publisher gives it out: name, length in bytes and SHA-256 of the unpacked content."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Variant:
    """Another form of an official file that goes around and is recognised, but never taken silently.

    ``name`` is the file it stands for, ``what`` the words for it; ``instead_of_all`` marks a file that pools
    all official ones, ``belongs_to`` names the data set that it is the official file of.
    """

    name: str
    size: int
    sha256: str
    what: str
    instead_of_all: bool = False
    belongs_to: str | None = None


class Later(Sequence[T], Generic[T]):
    """A sequence that is made when somebody first looks into it."""

    def __init__(self, make: Callable[[], tuple[T, ...]]) -> None:
        self._make = make

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        return self._make()[place]

    def __len__(self) -> int:
        return len(self._make())


def listed(name: str) -> tuple[Later[OfficialFile], Later[Variant]]:
    """Official files and known variants of a data set, from ``<name>.files.csv`` in this folder.

    Parameters
    ----------
    name : str
        Of the data set.

    Returns
    -------
    tuple of two sequences
        In the order of the table. A line without words in ``what`` is an official file; one with words is a variant of the
        file it names, ``pooled`` (``yes`` or nothing) says that it stands in for all of them, ``belongs_to`` of which other
        data set it is the official file.
    """
    path = _HERE / f"{name}.files.csv"
    return Later(lambda: _read(path)[0]), Later(lambda: _read(path)[1])


@cache
def _read(path: Path) -> tuple[tuple[OfficialFile, ...], tuple[Variant, ...]]:
    files, variants = [], []
    with path.open(encoding="utf-8", newline="") as stream:
        lines = csv.reader(stream)
        if (header := next(lines)) != _COLUMNS:
            raise ValueError(f"{path}, line 1: the header is {header}; allowed is {_COLUMNS}. Mend the file.")
        for name, size, digest, what, pooled, belongs_to in lines:
            if what:
                variants.append(Variant(name, int(size), digest, what, pooled == "yes", belongs_to or None))
            else:
                files.append(OfficialFile(name, int(size), digest))
    return tuple(files), tuple(variants)

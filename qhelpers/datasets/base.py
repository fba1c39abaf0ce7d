"""What a data set is, and the registry of all sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from qhelpers.datasets.files import Found

#: Ending of a download that is not finished; such a file is never taken for data.
PARTIAL = ".part"


class DatasetError(Exception):
    """A data file is missing, unknown, unreadable, or does not hold what it should."""


@dataclass(frozen=True)
class Dataset:
    """A table of readings with labels, and all that an honest split needs to know about its rows.

    Attributes
    ----------
    name : str
        Registered name, for instance ``"occupancy"``.
    X : pandas.DataFrame
        Features only, ``float64``, shape ``(n_rows, n_features)``, columns named as in the official file.
    y : numpy.ndarray
        Labels 0 and 1, ``int64``, shape ``(n_rows,)``; `meaning` says what they stand for.
    groups : numpy.ndarray
        What must not be split, one string a row (a calendar day; a session of one tracker run).
    time : numpy.ndarray
        ``datetime64[s]``, one a row, in the order of the file; not always ascending.
    source : str
        ``"real"`` or ``"twin"``.
    fingerprint : str
        SHA-256 of the raw bytes (of several files: of their SHA-256 in official order), or of the twin's
        generator version, size and seed.
    licence, citation : str
        As far as known; what has not been checked at the source says so.
    units : dict of str to str
        Unit of each column of `X`.
    meaning : dict of int to str
        What the labels stand for.
    official : numpy.ndarray or None
        Which official file a row belongs to (``"train"``, ``"test1"``, ``"test2"``), where there are several.
    family : numpy.ndarray or None
        Finer label of a row (the type of attack), where there is one.
    """

    name: str
    X: pd.DataFrame = field(repr=False)
    y: np.ndarray = field(repr=False)
    groups: np.ndarray = field(repr=False)
    time: np.ndarray = field(repr=False)
    source: str
    fingerprint: str
    licence: str = field(repr=False)
    citation: str = field(repr=False)
    units: dict[str, str] = field(repr=False)
    meaning: dict[int, str]
    official: np.ndarray | None = field(default=None, repr=False)
    family: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.y)


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


@dataclass(frozen=True)
class Columns:
    """The arrays of a data set before they are put together: what loaders and twins return."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    time: np.ndarray
    official: np.ndarray | None = None
    family: np.ndarray | None = None


@dataclass(frozen=True)
class Entry:
    """A registered data set: where it comes from, its files, its loader and its twin.

    Attributes
    ----------
    name, title : str
        Registered name; what it is in a few words.
    page : str
        The publisher's page.
    url : str or None
        Direct link to the files or an archive of them; None where there is none, then `by_hand` says what to do.
    licence, citation : str
        As printed on pages; `licence` says what has not been checked at the source.
    files : tuple of OfficialFile
        All files that are needed, in official order.
    variants : tuple of Variant
        Known other forms.
    units, meaning : dict
        Passed on to `Dataset`.
    parse : callable
        ``parse(files) -> Columns``, `files` a dict of file name to `Found`, to be read in blocks.
    twin : callable
        ``twin(n, rng) -> Columns``.
    twin_size, twin_minimum, twin_version : int
        Rows of the official set; fewest rows that still show every class; raised whenever the twin's output changes.
    """

    name: str
    title: str
    page: str
    url: str | None
    by_hand: str
    licence: str
    citation: str
    files: tuple[OfficialFile, ...]
    variants: tuple[Variant, ...]
    units: dict[str, str]
    meaning: dict[int, str]
    parse: Callable[[dict[str, Found]], Columns]
    twin: Callable[[int, np.random.Generator], Columns]
    twin_size: int
    twin_minimum: int
    twin_version: int


_REGISTRY: dict[str, Entry] = {}


def register(entry: Entry) -> Entry:
    """Add a data set to the registry; a name can be taken once."""
    if entry.name in _REGISTRY:
        raise ValueError(f"a data set named {entry.name!r} is registered already; choose another name")
    _REGISTRY[entry.name] = entry
    return entry


def names() -> list[str]:
    """Names of all registered data sets, in the order of the book."""
    return list(_REGISTRY)


def entry(name: str) -> Entry:
    """What is registered under a name.

    Raises
    ------
    ValueError
        If there is no such data set; the message lists those there are.
    """
    if name not in _REGISTRY:
        raise ValueError(f"unknown data set {name!r}; there are: {', '.join(names())}. Pass one of these names.")
    return _REGISTRY[name]

"""What a data set is, and the registry of all sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from qhelpers.datasets.manifest import OfficialFile, Variant, listed

#: Ending of a download that is not finished; such a file is never taken for data.
PARTIAL = ".part"


class DatasetError(Exception):
    """A data file is missing, unknown, unreadable, or does not hold what it should."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """What all data sets have in common, whatever their body. One *item* is a row, a unit or a recording: what ``len()`` counts.

    A set equals itself alone, so that what was made of it can be kept (`functools.lru_cache`).

    Attributes
    ----------
    name, title : str
        Registered name, for instance ``"occupancy"``; what it is in a few words.
    source : str
        ``"real"`` or ``"twin"``.
    fingerprint : str
        SHA-256 of the raw bytes (of several files: of their SHA-256 in official order), or of the twin's
        generator version, size and seed.
    licence, citation : str
        As far as known; what has not been checked at the source says so.
    units : dict of str to str
        Unit of each column or channel.
    meaning : dict of int to str
        What the labels stand for; empty where the target is a number, or where there is none.
    groups : numpy.ndarray
        What must not be split, one string an item (a calendar day; a session; an engine; a bearing).
    official : numpy.ndarray or None
        Which official part an item belongs to (``"train"``, ``"test1"``, ``"test2"``), where there are several.
    """

    name: str
    title: str = field(repr=False)
    source: str
    fingerprint: str
    licence: str = field(repr=False)
    citation: str = field(repr=False)
    units: dict[str, str] = field(repr=False)
    meaning: dict[int, str]
    groups: np.ndarray = field(repr=False)
    official: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        raise NotImplementedError

    def __post_init__(self) -> None:
        if self.source not in ("real", "twin"):
            raise self._wrong("source", repr(self.source), "'real' or 'twin'")
        self._array("groups", self.groups, len(self), "U")
        if self.official is not None:
            self._array("official", self.official, len(self), "U")

    def _wrong(self, what: str, given: str, allowed: str) -> ValueError:
        return ValueError(f"{self.name}: {what} is {given}; allowed is {allowed}. Mend what made this {type(self).__name__}.")

    def _array(self, what: str, given: object, length: int, kinds: str) -> None:
        """Raise unless something is an array of one dimension, of this length, and of one of these kinds of dtype."""
        if not isinstance(given, np.ndarray):
            raise self._wrong(what, f"a {type(given).__name__}", "a NumPy array")
        if given.shape != (length,):
            raise self._wrong(what, f"of shape {given.shape}", f"the shape ({length},)")
        if given.dtype.kind not in kinds:
            raise self._wrong(what, f"of dtype {given.dtype}", f"a dtype of kind {' or '.join(kinds)}")

    def _table(self, what: str, given: object, length: int) -> None:
        """Raise unless something is a table of this length, of one floating dtype, whose columns all have a unit."""
        if not isinstance(given, pd.DataFrame):
            raise self._wrong(what, f"a {type(given).__name__}", "a pandas.DataFrame")
        if len(given) != length:
            raise self._wrong(what, f"of {len(given)} rows", f"{length} rows")
        dtypes = set(given.dtypes)
        if len(dtypes) != 1 or dtypes.pop() not in (np.dtype("f8"), np.dtype("f4")):
            raise self._wrong(what, f"of dtypes {sorted(set(map(str, given.dtypes)))}", "float64 or float32 for all columns")
        if not given.columns.is_unique or not set(given.columns) <= set(self.units):
            raise self._wrong(what, f"of columns {list(given.columns)}", f"each once, with a unit, of {list(self.units)}")

    def _target(self, given: object, length: int) -> None:
        """Raise unless a target is classes that `meaning` explains, or numbers and no `meaning`, or None."""
        if given is None:
            return
        self._array("y", given, length, "if")
        assert isinstance(given, np.ndarray)
        if given.dtype.kind == "f" and self.meaning:
            raise self._wrong("y", f"of dtype {given.dtype}, with a meaning", "whole numbers for classes, or an empty meaning")
        if given.dtype.kind == "i" and (strange := set(np.unique(given).tolist()) - set(self.meaning)):
            raise self._wrong("y", f"{min(strange)} somewhere", f"a class with a meaning, of {list(self.meaning)}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset(Head):
    """A table of readings with labels, and all that an honest split needs to know about its rows; ``len()`` is its rows.

    Its other attributes are those of every set (`Head`).

    Attributes
    ----------
    X : pandas.DataFrame
        Features only, ``float64`` (or ``float32``), shape ``(n_rows, n_features)``, columns named as in the official file.
    y : numpy.ndarray or None
        Shape ``(n_rows,)``: classes as whole numbers, explained by `meaning`; or a target as floating numbers; or none.
    time : numpy.ndarray
        ``datetime64`` or numbers, one a row, in the order of the file; not always ascending.
    family : numpy.ndarray or None
        Finer label of a row (the type of attack), where there is one.
    """

    X: pd.DataFrame = field(repr=False)
    y: Any = field(repr=False)  # an array or None; who asks for the labels of a set knows which
    time: np.ndarray = field(repr=False)
    family: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.X)

    def __post_init__(self) -> None:
        self._table("X", self.X, len(self))
        super().__post_init__()
        self._target(self.y, len(self))
        self._array("time", self.time, len(self), "Mif")
        if self.family is not None:
            self._array("family", self.family, len(self), "U")


@dataclass(frozen=True, kw_only=True, eq=False)
class Series(Head):
    """Units followed in time to the end of their life or of their record; ``len()`` is its units.

    The rows of all units stand one below the other: those of unit `k` are ``rows(k)``, in the order of their cycles. Its other
    attributes are those of every set (`Head`).

    Attributes
    ----------
    X : pandas.DataFrame
        Readings, ``float64`` (or ``float32``), shape ``(n_rows, n_features)``.
    cycle : numpy.ndarray
        Age of the unit in each row, whole numbers, ascending within a unit; holes are allowed. Shape ``(n_rows,)``.
    edges : numpy.ndarray
        ``int64``, shape ``(n_units + 1,)``: unit `k` has the rows from ``edges[k]`` to before ``edges[k + 1]``.
    life : numpy.ndarray
        The target, in cycles: at which one a unit failed, whether its record reaches so far, ends before or goes on after;
        where `censored`, the last one that was seen, a lower bound. Whole numbers, shape ``(n_units,)``.
    censored : numpy.ndarray
        Whether a unit's failure is unknown, booleans of shape ``(n_units,)``.
    time : numpy.ndarray or None
        ``datetime64`` of each row, where the calendar is known.
    """

    X: pd.DataFrame = field(repr=False)
    cycle: np.ndarray = field(repr=False)
    edges: np.ndarray = field(repr=False)
    life: np.ndarray = field(repr=False)
    censored: np.ndarray = field(repr=False)
    time: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __post_init__(self) -> None:
        self._array("edges", self.edges, np.size(self.edges), "i")
        if self.edges[:1].tolist() != [0] or (np.diff(self.edges) < 1).any():
            raise self._wrong("edges", str(self.edges), "ascending from 0: each unit has a row")
        n_rows = int(self.edges[-1])
        self._table("X", self.X, n_rows)
        super().__post_init__()
        self._array("cycle", self.cycle, n_rows, "i")
        first = np.zeros(n_rows, bool)
        first[self.edges[:-1]] = True
        if (back := ~first[1:] & (np.diff(self.cycle) < 1)).any():
            raise self._wrong("cycle", f"not ascending in row {int(np.argmax(back)) + 1}", "ascending within a unit")
        self._array("life", self.life, len(self), "i")
        self._array("censored", self.censored, len(self), "b")
        if (self.life != self.cycle[self.edges[1:] - 1])[self.censored].any():
            raise self._wrong("life", "not the last cycle of a censored unit", "the last cycle that was seen of it")
        if self.time is not None:
            self._array("time", self.time, n_rows, "M")

    def rows(self, k: int) -> slice:
        """Rows of unit `k`."""
        return slice(int(self.edges[k]), int(self.edges[k + 1]))

    @property
    def unit(self) -> np.ndarray:
        """Which unit each row belongs to, from 0 on, shape ``(n_rows,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.edges))

    @property
    def remaining(self) -> np.ndarray:
        """Remaining useful life in each row, in cycles, ``float64`` of shape ``(n_rows,)``; NaN in censored units."""
        return np.where(self.censored, np.nan, self.life)[self.unit] - self.cycle


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals(Head):
    """Recordings of vibration that may differ in length and rate; ``len()`` is its recordings.

    Its other attributes are those of every set (`Head`).

    Attributes
    ----------
    recordings : tuple of numpy.ndarray
        Each of shape ``(n_samples, n_channels)``, all ``float64`` or all ``float32``, in the units of its channels. Where one
        lacks a channel, that column is NaN throughout.
    channels : tuple of str
        Names of the channels, each with a unit in `units`.
    rate : numpy.ndarray
        Samples a second, floating numbers above 0, shape ``(n_recordings,)``.
    y : numpy.ndarray or None
        Shape ``(n_recordings,)``: classes as whole numbers, explained by `meaning`; or a target as floating numbers; or none.
    labels : numpy.ndarray
        What the publisher calls each recording (its file), strings of shape ``(n_recordings,)``.
    about : pandas.DataFrame or None
        What else is known of each recording (speed, load, seconds since the start), ``float64``, each column with a unit.
    """

    recordings: tuple[np.ndarray, ...] = field(repr=False)
    channels: tuple[str, ...] = field(repr=False)
    rate: np.ndarray = field(repr=False)
    y: Any = field(repr=False)  # an array or None; who asks for the labels of a set knows which
    labels: np.ndarray = field(repr=False)
    about: pd.DataFrame | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.recordings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.channels) <= set(self.units):
            raise self._wrong("channels", str(self.channels), f"names with a unit, of {list(self.units)}")
        if not self.recordings or (dtype := self.recordings[0].dtype) not in (np.dtype("f8"), np.dtype("f4")):
            raise self._wrong("recordings", "empty or of another dtype", "one recording at least, float64 or float32")
        for number, one in enumerate(self.recordings):
            if one.ndim != 2 or one.shape[1] != len(self.channels) or not len(one) or one.dtype != dtype:
                given = f"of shape {one.shape} and dtype {one.dtype}"
                allowed = f"(a sample or more, {len(self.channels)}) and {dtype}, as of the first one"
                raise self._wrong(f"recording {number}", given, allowed)
        self._array("rate", self.rate, len(self), "f")
        if not (self.rate > 0).all():
            raise self._wrong("rate", str(self.rate.min()), "a number above 0, samples a second")
        self._target(self.y, len(self))
        self._array("labels", self.labels, len(self), "U")
        if self.about is not None:
            self._table("about", self.about, len(self))


#: The arrays of a body by the name of its attribute, as loaders and twins return them; `load` adds the head.
Arrays = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A registered data set: where it comes from, its files, its loader and its twin.

    Attributes
    ----------
    name, title : str
        Registered name; what it is in a few words.
    page : str
        The publisher's page.
    licence, citation : str
        As printed on pages; `licence` says what has not been checked at the source.
    units, meaning : dict
        Passed on to the data set.
    parse : callable
        ``parse(files) -> Arrays``, `files` a dict of file name to `qhelpers.datasets.files.Found`, to be read in blocks.
    twin : callable
        ``twin(n, rng) -> Arrays``.
    twin_size, twin_minimum, twin_version : int
        ``len()`` of the official set; fewest items that still show every class; raised whenever the twin's output changes.
    loader_version : int
        Raised whenever `parse` makes something else of the same files, so that what was kept of them is made anew.
    body : type
        `Dataset`, `Series` or `Signals`: what `parse` and `twin` return the arrays of.
    first_lines : bool
        Whether `parse` can read one file by itself, and the first lines of it: then no file is offered to be accepted that
        cannot be read.
    parts : bool
        Whether each file makes sense by itself, so that some of them may be loaded without the others.
    url : str or None
        Direct link to the files or an archive of them; None where there is none, then `by_hand` says what to do.
    files : sequence of OfficialFile
        All files that are needed, in official order; `register` reads them from the list beside the loader.
    variants : sequence of Variant
        Known other forms, from the same list.
    """

    name: str
    title: str
    page: str
    by_hand: str
    licence: str
    citation: str
    units: dict[str, str]
    meaning: dict[int, str]
    parse: Callable[[dict[str, Any]], Arrays]
    twin: Callable[[int, np.random.Generator], Arrays]
    twin_size: int
    twin_minimum: int
    twin_version: int
    loader_version: int
    body: type[Head] = Dataset
    first_lines: bool = True
    parts: bool = False
    url: str | None = None
    files: Sequence[OfficialFile] = ()
    variants: Sequence[Variant] = ()


_REGISTRY: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    """Add a data set to the registry, with the files that are listed for it; a name can be taken once."""
    if entry.name in _REGISTRY:
        raise ValueError(f"a data set named {entry.name!r} is registered already; choose another name")
    files, variants = listed(entry.name)
    _REGISTRY[entry.name] = replace(entry, files=files, variants=variants)


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


def whose(sha256: str) -> Entry | None:
    """The data set that a file belongs to, as an official one or as a known variant."""
    for item in _REGISTRY.values():
        own = (variant.sha256 for variant in item.variants if not variant.belongs_to)
        if sha256 in (*(file.sha256 for file in item.files), *own):
            return item
    return None

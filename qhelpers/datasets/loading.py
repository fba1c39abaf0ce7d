"""The one way to load a data set: official files or twin, by name."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from qhelpers.datasets.base import Arrays, DatasetError, Entry, Head, entry
from qhelpers.datasets.files import Found, find, forget_all
from qhelpers.datasets.parsed import drop, keep, kept


def load(
    name: str,
    source: str = "real",
    *,
    n: int | None = None,
    seed: int = 0,
    accept: str | Iterable[str] | None = None,
    only: str | Iterable[str] | None = None,
) -> Any:
    """Load a data set: the official files, or their synthetic twin.

    Parameters
    ----------
    name : str
        One of `names`.
    source : {"real", "twin"}
        The official files, looked for in the folders of ``QHELPERS_DATA`` and in the data home; or a synthetic
        imitation that needs no file.
    n : int, optional
        Rows, units or recordings of the twin; by default as many as the official set has. The real data are always whole.
    seed : int
        Seed of the twin.
    accept : str or iterable of str, optional
        SHA-256 of a file that is not the official one and shall be used nevertheless: a known variant, or another
        edition that carries an official file's name. It takes the place of the official file.
    only : str or iterable of str, optional
        Of a set whose files are recordings by themselves: the official names of those to load, or patterns of them such as
        ``"10?.mat"``. Then no other file is needed, and the fingerprint is that of these. `present` lists what is there.

    Returns
    -------
    Dataset, Series or Signals
        Whichever the set is. What official files were parsed to is kept in the data home and mapped into memory when
        they are loaded again (``python -m qhelpers.datasets cache`` shows and clears that); arrays are the caller's own to
        write to either way.

    Raises
    ------
    ValueError
        For an argument that is not allowed.
    DatasetError
        If a file is missing, is another edition than the official one, or breaks its own rules.
    """
    item, mark, found = _identified(name, source, n, seed, accept, only)
    if found is None:
        arrays = item.twin(item.twin_size if n is None else int(n), np.random.default_rng(int(seed)))
        return _put_together(item, source, mark, arrays)
    whole = accept is None and only is None  # what is kept of other choices would pile up
    if whole and (before := kept(item, mark)) is not None:
        try:
            return _put_together(item, source, mark, before)
        except (TypeError, ValueError):  # it was kept, but does not hold what it should
            drop(item, mark)
    try:
        arrays = item.parse(found)
    except DatasetError:
        forget_all(found.values())  # what is remembered of them may be what was wrong
        raise
    data = _put_together(item, source, mark, arrays)
    if whole:
        keep(item, mark, arrays)
    return data


def present(name: str) -> list[str]:
    """Official names of the files of a set that are found in the official form.

    Parameters
    ----------
    name : str
        One of `names`.

    Raises
    ------
    DatasetError
        If none is.
    """
    return list(find(entry(name), some=True))


def fingerprint(
    name: str, source: str = "real", *, n: int | None = None, seed: int = 0, only: str | Iterable[str] | None = None
) -> str:
    """The fingerprint that `load` gives a data set, without loading it: files are found by their hash and not parsed.

    Parameters
    ----------
    name : str
        One of `names`.
    source : {"real", "twin"}
        As for `load`.
    n : int, optional
        Size of the twin.
    seed : int
        Seed of the twin.
    only : str or iterable of str, optional
        As for `load`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    ValueError, DatasetError
        As `load`, but for what only shows when a file is parsed.
    """
    return _identified(name, source, n, seed, None, only)[1]


def _identified(
    name: str,
    source: str,
    n: int | None,
    seed: int,
    accept: str | Iterable[str] | None,
    only: str | Iterable[str] | None,
) -> tuple[Entry, str, dict[str, Found] | None]:
    """Check all arguments; what is registered, the fingerprint, and the files of real data."""
    item = entry(name)
    if source not in ("real", "twin"):
        raise ValueError(f"unknown source {source!r}; allowed are 'real' and 'twin'. Pass one of the two.")
    if source == "twin":
        if accept is not None:
            raise ValueError("accept was given with source='twin'; it names a file, and a twin has none. Leave it out.")
        if only is not None:
            raise ValueError("only was given with source='twin'; it names files, and a twin has none. Leave it out.")
        size = item.twin_size if n is None else _whole(n, "n", item.twin_minimum)
        recipe = f"twin {item.name} version={item.twin_version} n={size} seed={_whole(seed, 'seed', 0)}"
        return item, hashlib.sha256(recipe.encode()).hexdigest(), None
    if n is not None:
        raise ValueError(f"n={n!r} was given with source='real'; real data are always whole. Leave n out.")
    found = find(item if only is None else _part(item, [only] if isinstance(only, str) else list(only)), _digests(accept))
    hashes = [hit.sha256 for hit in found.values()]
    return item, hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest(), found


def _part(item: Entry, only: list[str]) -> Entry:
    """The same set with those of its files only whose official names fit one of some patterns."""
    if not item.parts:
        raise ValueError(f"only={only} was given; {item.name} is a whole that all its files make. Leave it out.")
    fit = {pattern: set(fnmatch.filter((file.name for file in item.files), pattern)) for pattern in only}
    if not only or not all(fit.values()):
        strange = next((pattern for pattern, found in fit.items() if not found), "nothing")
        raise ValueError(
            f"only names {strange!r}, which no file of {item.name} is called; allowed are names and patterns such as "
            f"{item.files[0].name!r} and '*'. Change only."
        )
    chosen = set().union(*fit.values())
    return replace(
        item,
        files=tuple(file for file in item.files if file.name in chosen),
        variants=tuple(variant for variant in item.variants if variant.name in chosen),
    )


def _put_together(item: Entry, source: str, fingerprint: str, arrays: Arrays) -> Head:
    return item.body(
        name=item.name,
        title=item.title,
        source=source,
        fingerprint=fingerprint,
        licence=item.licence,
        citation=item.citation,
        units=dict(item.units),
        meaning=dict(item.meaning),
        **arrays,
    )


def _whole(value: object, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}={value!r} was given; allowed is a whole number of at least {least}. Change {name}.")
    return int(value)


def _digests(accept: str | Iterable[str] | None) -> frozenset[str]:
    given = [] if accept is None else [accept] if isinstance(accept, str) else list(accept)
    for digest in given:
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            raise ValueError(
                f"accept={digest!r} was given; allowed is a whole SHA-256, 64 hexadecimal digits. "
                "Copy it from the message that refused the file."
            )
    return frozenset(digest.lower() for digest in given)

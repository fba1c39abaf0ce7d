"""The one way to load a data set: official files or twin, by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np

from qhelpers.datasets.base import Dataset, entry
from qhelpers.datasets.files import find


def load(
    name: str,
    source: str = "real",
    *,
    n: int | None = None,
    seed: int = 0,
    accept: str | Iterable[str] | None = None,
) -> Dataset:
    """Load a data set: the official files, or their synthetic twin.

    Parameters
    ----------
    name : str
        One of `names`.
    source : {"real", "twin"}
        The official files, looked for in the folders of ``QHELPERS_DATA`` and in the data home; or a synthetic
        imitation that needs no file.
    n : int, optional
        Rows of the twin; by default as many as the official set has. The real data are always whole.
    seed : int
        Seed of the twin.
    accept : str or iterable of str, optional
        SHA-256 of a file that is not the official one and shall be used nevertheless: a known variant, or another
        edition that carries an official file's name. It takes the place of the official file.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        For an argument that is not allowed.
    DatasetError
        If a file is missing, is another edition than the official one, or breaks its own rules.
    """
    item = entry(name)
    if source not in ("real", "twin"):
        raise ValueError(f"unknown source {source!r}; allowed are 'real' and 'twin'. Pass one of the two.")
    if source == "twin":
        if accept is not None:
            raise ValueError("accept was given with source='twin'; it names a file, and a twin has none. Leave it out.")
        size = item.twin_size if n is None else _whole(n, "n", item.twin_minimum)
        number = _whole(seed, "seed", 0)
        columns = item.twin(size, np.random.default_rng(number))
        recipe = f"twin {item.name} version={item.twin_version} n={size} seed={number}"
        fingerprint = hashlib.sha256(recipe.encode()).hexdigest()
    else:
        if n is not None:
            raise ValueError(f"n={n!r} was given with source='real'; real data are always whole. Leave n out.")
        found = find(item, _digests(accept))
        columns = item.parse(found)
        hashes = [hit.sha256 for hit in found.values()]
        fingerprint = hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return Dataset(
        name=item.name,
        X=columns.X,
        y=columns.y,
        groups=columns.groups,
        time=columns.time,
        source=source,
        fingerprint=fingerprint,
        licence=item.licence,
        citation=item.citation,
        units=dict(item.units),
        meaning=dict(item.meaning),
        official=columns.official,
        family=columns.family,
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

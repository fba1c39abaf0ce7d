"""Read recordings from MATLAB files strictly: variables by name, samples that are what a sensor can give."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from qhelpers.datasets.base import DatasetError
from qhelpers.datasets.files import Found

#: Fewest samples of a recording: one window of most papers.
SHORTEST = 512
#: Samples in a row at the highest or lowest value of a recording from which on it is taken for clipped; official files have 4.
CLIPPED = 8
_AGAIN = "Fetch the file again, or take the official one."


def variables(found: Found) -> dict[str, Any]:
    """All variables of a MATLAB 5 file by name.

    Raises
    ------
    DatasetError
        If it cannot be read as one.
    """
    from scipy.io import loadmat

    raw = b"".join(found.blocks())
    try:
        # Not a subclass of ValueError only: a damaged file makes the reader raise nearly anything.
        told = loadmat(io.BytesIO(raw), chars_as_strings=True)
    except Exception as error:
        raise DatasetError(f"{found}: it cannot be read as a MATLAB file ({type(error).__name__}: {error}). {_AGAIN}") from error
    return {name: value for name, value in told.items() if not name.startswith("__")}


def pick(found: Found, told: dict[str, Any], name: str) -> Any:
    """The variable of one name; a `DatasetError` that lists what there is if it is missing."""
    if name not in told:
        there = ", ".join(repr(one) for one in list(told)[:8]) or "none"
        raise DatasetError(
            f"{found}: it has the variables {there}; needed is {name!r}. Is it another file under this name? {_AGAIN}"
        )
    return told[name]


def number(found: Found, name: str, value: Any) -> float:
    """A variable that holds one finite number, or the digits of one."""
    try:
        return float(np.asarray(value).reshape(1)[0])
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{found}: {name} is {_short(value)}; allowed is one number. {_AGAIN}") from error


def same(found: Found, name: str, value: Any, right: float, unit: str) -> float:
    """A number that is known beforehand, or a `DatasetError`."""
    if (given := number(found, name, value)) != right:
        raise DatasetError(f"{found}: {name} is {given:g} {unit}; allowed is {right:g} {unit}. {_AGAIN}")
    return given


def samples(found: Found, name: str, value: Any) -> np.ndarray:
    """The samples of one channel.

    Parameters
    ----------
    found : Found
        The file, for messages.
    name : str
        Of the variable.
    value : array-like
        What it holds: real numbers in one column (or row).

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        ``float32``, which holds each count of a converter of up to 24 bits apart.

    Raises
    ------
    DatasetError
        If it is no such column, shorter than `SHORTEST`, holds a value that is no finite number, is constant, or is clipped:
        `CLIPPED` samples in a row at its highest or lowest value.
    """

    def refuse(given: str, allowed: str) -> DatasetError:
        return DatasetError(f"{found}: {name} is {given}; allowed is {allowed}. {_AGAIN}")

    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.size != max(array.shape, default=0):
        raise refuse(f"of shape {array.shape} and dtype {array.dtype}", "one column of real numbers")
    x = array.ravel()
    if len(x) < SHORTEST:
        raise refuse(f"{len(x):,} samples long", f"{SHORTEST} samples or more, one window")
    with np.errstate(over="ignore", invalid="ignore"):
        x = x.astype("float32")
    if not (finite := np.isfinite(x)).all():
        raise refuse(f"{array.ravel()[np.argmin(finite)]} in sample {np.argmin(finite):,}", "a finite number")
    if (low := x.min()) == (high := x.max()):
        raise refuse(f"constant ({low:g})", "a signal that moves")
    ends = np.flatnonzero(np.diff(np.concatenate([[False], (x == low) | (x == high), [False]])))
    if (longest := int((ends[1::2] - ends[::2]).max())) >= CLIPPED:
        raise refuse(f"clipped: {longest} samples in a row lie at an end of its range", f"fewer than {CLIPPED}")
    return x


def _short(value: Any) -> str:
    return f"of shape {value.shape}" if isinstance(value, np.ndarray) and value.size != 1 else repr(value)[:60]

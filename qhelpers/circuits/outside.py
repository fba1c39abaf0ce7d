"""Numbers outside of a circuit that its Python code reads: where they stand, and what they were when the circuit was read."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

_NUMBERS = (bool, int, float, complex, np.generic)
#: Larger collections are not looked through at every batch.
_MOST = 1_000


@dataclass(frozen=True)
class Outside:
    """A number, an array or a collection of numbers: how to get it, and a copy of what it was."""

    get: Callable[[], Any]
    value: Any

    def changed(self) -> bool:
        """Whether it is another one now, or gone."""
        try:
            now = self.get()
            if isinstance(self.value, np.ndarray) or isinstance(now, np.ndarray):
                return not (type(now) is type(self.value) and np.array_equal(now, self.value))
            return bool(type(now) is not type(self.value) or now != self.value)
        except (KeyError, ValueError):  # a name or a closure's cell without content
            return True


def outside(function: Any) -> list[Outside]:
    """Return the numbers that a quantum function reads from outside.

    They are global names and closures, its own and those of functions that it finds there. What hangs on an object
    (``self.scale``) is not among them.

    Parameters
    ----------
    function : callable
    """
    found: list[Outside] = []
    seen: set[int] = set()
    home = getattr(_plain(function), "__globals__", None)

    def visit(one: Any) -> None:
        one = _plain(one)
        if not isinstance(one, FunctionType) or id(one) in seen or (one.__globals__ is not home and not one.__closure__):
            return
        seen.add(id(one))
        for cell in one.__closure__ or ():
            consider(functools.partial(getattr, cell, "cell_contents"))
        if one.__globals__ is home:
            for name in dict.fromkeys(_names(one.__code__)):
                if name in one.__globals__:
                    consider(functools.partial(one.__globals__.__getitem__, name))

    def consider(get: Callable[[], Any]) -> None:
        try:
            value = get()
        except ValueError:  # a cell that is still empty
            return
        if _is_numeric(value):
            found.append(Outside(get, copy.deepcopy(value)))
        else:
            visit(value)

    visit(function)
    return found


def _plain(function: Any) -> Any:
    """Return the function under QNodes, partial arguments and bound methods."""
    for name in ("func", "__func__"):
        while hasattr(function, name):
            function = getattr(function, name)
    return function


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_numeric(value: Any) -> bool:
    if isinstance(value, _NUMBERS):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufc" and value.size <= _MOST
    if not isinstance(value, (list, tuple, dict)) or not 0 < len(value) <= _MOST:
        return False
    inside = value.values() if isinstance(value, dict) else value
    return all(not isinstance(one, np.ndarray) and _is_numeric(one) for one in inside)

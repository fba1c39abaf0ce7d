"""Optional dependencies: import one, or say which extra brings it."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Parameters
    ----------
    module : str
        Dotted name of the module, for instance ``"pennylane"``.
    extra : str
        Extra of this package that installs it, for instance ``"circuits"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the module is missing; the message names the extra and the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ImportError(missing(module, extra)) from error


def missing(module: str, extra: str) -> str:
    """Return the sentence about a module that is missing."""
    return f"{module} is not installed; it comes with the extra '{extra}'. Install it with: pip install 'qhelpers[{extra}]'"

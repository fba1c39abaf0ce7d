"""What each paper says of itself, found by folder: whoever adds a paper adds a folder and edits no list."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import qhelpers.papers


@dataclass(frozen=True)
class Paper:
    """What a paper's ``paper.py`` says, as its ``PAPER``.

    Attributes
    ----------
    number, title : str
        Part of the book, and what it is called there.
    experiments : mapping of str to str
        Name of each experiment, as in its records, and its module below ``experiments/``.
    labels : mapping of str to str
        What a reader calls models and data sets.
    answer : str
        Module below the paper's folder whose ``sentences()`` says, as HTML, whether the quantum part helps, where, and what to
        use instead; and where it has them whose ``instead()`` says the last in a few words, and ``ingredients()`` sets each
        quantum ingredient beside its controls. Empty where there is none yet.
    live : str
        Module below the paper's folder whose ``front()`` is a trained circuit that a page runs, as HTML; empty for none.
    folder : Path
        Where it stands; filled in when it is found.
    """

    number: str
    title: str
    experiments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    live: str = ""
    folder: Path = field(default=Path(), compare=False)

    def sentences(self) -> tuple[str, ...]:
        """What came of the paper in three sentences, computed from records; empty where it has none yet."""
        return tuple(importlib.import_module(f"{self.package}.{self.answer}").sentences()) if self.answer else ()

    def instead(self) -> str:
        """What to use in the place of its quantum part, in a few words; empty where it says nothing yet."""
        module = importlib.import_module(f"{self.package}.{self.answer}") if self.answer else None
        return str(module.instead()) if module is not None and hasattr(module, "instead") else ""

    def ingredients(self) -> tuple[Any, ...]:
        """Its quantum ingredients beside their controls, see `qhelpers.ledger.ingredients`; empty where it has none yet."""
        module = importlib.import_module(f"{self.package}.{self.answer}") if self.answer else None
        return tuple(module.ingredients()) if module is not None and hasattr(module, "ingredients") else ()

    @property
    def package(self) -> str:
        """Dotted name of its folder."""
        return f"qhelpers.papers.{self.folder.name}"


def folders() -> list[Path]:
    """Folders that hold a ``paper.py``, by name."""
    return sorted(path.parent for root in qhelpers.papers.__path__ for path in Path(root).glob("*/paper.py"))


@functools.cache
def papers() -> tuple[Paper, ...]:
    """All papers, in the order of their numbers.

    Raises
    ------
    ValueError
        If two have the same number, or an experiment's name.
    """
    found = []
    for folder in folders():
        said: Paper = importlib.import_module(f"qhelpers.papers.{folder.name}.paper").PAPER
        found.append(Paper(**{**vars(said), "folder": folder}))
    for what, of_each in (("number", lambda one: [one.number]), ("experiment", lambda one: list(one.experiments))):
        owners: dict[str, Path] = {}
        for one in found:
            for name in of_each(one):
                if name in owners:
                    raise ValueError(
                        f"the {what} {name!r} is taken by {owners[name]} and by {one.folder}; choose another in one of them"
                    )
                owners[name] = one.folder
    return tuple(sorted(found, key=lambda one: (len(one.number), one.number)))  # 2 before 10

"""A training's last finished epoch in a folder, so that the same training goes on from there."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import torch


class Checkpoint:
    """Where a training keeps its last finished epoch.

    Parameters
    ----------
    folder : path-like or None
        None keeps nothing.
    of : str
        What the training is of: arguments and rows, all that must be the same for it to go on.
    """

    def __init__(self, folder: str | Path | None, of: str) -> None:
        self.folder = None if folder is None else Path(folder)
        self.of = hashlib.sha256(of.encode()).hexdigest()

    def load(self, epochs: int, seed: int | None) -> dict[str, Any] | None:
        """Return what was kept, or None where nothing was.

        Parameters
        ----------
        epochs : int
            The most that may have been made.
        seed : int or None
            Which seed it must have; None for any.

        Raises
        ------
        ValueError
            If it is damaged or another training's.
        """
        if self.folder is None or not (path := self.folder / "epoch.pt").exists():
            return None
        try:
            kept: dict[str, Any] = torch.load(path, weights_only=True)
            done = len(kept["history"]["loss"])
        except (RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
            raise self._wrong("a damaged state") from error
        if kept["of"] != self.of:
            raise self._wrong("a training with other rows or arguments")
        if seed is not None and kept["seed"] != seed:
            raise self._wrong("a training with another random_state")
        if done > epochs:
            raise self._wrong(f"a training of {done} epochs, more than {epochs}")
        return kept

    def restore(self, kept: dict[str, Any], module: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Put what `load` returned into a network and its optimizer.

        Raises
        ------
        ValueError
            If its weights have other names or shapes.
        """
        try:
            module.load_state_dict(kept["module"])
            optimiser.load_state_dict(kept["optimiser"])
        except (RuntimeError, ValueError) as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise self._wrong(f"a network of another shape ({first})") from error

    def save(self, module: torch.nn.Module, optimiser: torch.optim.Optimizer, history: dict[str, list[float]], seed: int) -> None:
        """Keep an epoch in place of the one before; a kill leaves the one or the other."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {"module": module.state_dict(), "optimiser": optimiser.state_dict(), "history": history}
        torch.save(state | {"of": self.of, "seed": seed}, self.folder / "unfinished.pt")
        os.replace(self.folder / "unfinished.pt", self.folder / "epoch.pt")

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"{self.folder} holds {what}; remove that folder, or name another as checkpoint")

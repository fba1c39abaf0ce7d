"""How often the untrained rule names the right fault, by rig, by length of the window and by band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qhelpers.datasets import Signals
from qhelpers.papers.bearings import physics
from qhelpers.runs.experiment import Experiment, Outcome
from qhelpers.signals import RATE, WINDOW

#: Lengths of a window in samples at 12 kHz: the paper's, and up to three seconds.
SAMPLES = (WINDOW, 1024, 2048, 4096, 6000, 12_000, 24_000, 36_000)
#: One second.
SECOND = 12_000
#: Bands in Hz: ours, the paper's, each window's most impulsive one; and, as a control, the signal's own spectrum.
BANDS: dict[str, tuple[float, float] | str] = {
    "2000-5500": physics.BAND,
    "500-5000": (500.0, 5000.0),
    "kurtogram": "kurtogram",
    "no envelope": "no envelope",
}
RINGS = ("inner", "outer")


def run(config: Mapping[str, Any], seed: int, dataset: Signals) -> Outcome:
    """Ask the rule of every window of a rig; nothing is trained, and nothing drawn.

    Parameters
    ----------
    config : mapping
        ``rig``, ``samples`` (length of a window at 12 kHz), ``band`` and ``whiten``.
    seed : int
        Not used.
    dataset : Signals

    Returns
    -------
    Outcome
        ``accuracy``: inner against outer, mean over bearings; ``windows`` and ``right``: how many windows there are, and how many
        are right; ``with_balls``, where balls may be named too and ball faults are among the bearings. Arrays: each bearing's
        name, share of right windows (inner against outer; with balls) and median height of its own line.
    """
    cut = list(physics.pieces(dataset, config["rig"], config["samples"] / RATE))
    band, whiten = BANDS[config["band"]], config["whiten"]
    heights = [physics.line_heights(piece, band, whiten=whiten) for piece in cut]
    truth = np.concatenate([[piece.fault] * len(piece.x) for piece in cut])
    bearing = np.concatenate([[piece.bearing] * len(piece.x) for piece in cut])
    told = np.concatenate(heights)
    ring = np.isin(truth, RINGS)
    two = physics.named(told, RINGS) == truth
    three = physics.named(told) == truth
    own = told[np.arange(len(told)), [physics.FAULTS.index(one) for one in truth]].mean(-1)
    of_two, of_three = physics.by_bearing(two[ring], bearing[ring]), physics.by_bearing(three, bearing)
    names = list(of_three)
    return Outcome(
        {
            "accuracy": float(np.mean(list(of_two.values()))),
            "windows": float(ring.sum()),
            "right": float(two[ring].sum()),
            "with_balls": float(np.mean(list(of_three.values()))),
            "bearings": float(len(of_two)),
        },
        arrays={
            "bearing": np.array(names),
            "two": np.array([of_two.get(one, np.nan) for one in names]),
            "three": np.array(list(of_three.values())),
            "height": np.array([np.exp(np.median(own[bearing == one])) for one in names]),
        },
    )


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every length in our band; at one second the other bands, and each band pre-whitened. Nothing is drawn: one run each."""
    entries = []
    for rig, told in physics.RIGS.items():
        place = {"data": told.data, "rig": rig}
        plain = {"band": "2000-5500", "whiten": False}
        entries += [place | plain | {"samples": n} for n in ((WINDOW, 6000) if profile == "quick" else SAMPLES)]
        if profile != "quick":
            entries += [
                place | {"band": band, "whiten": whiten, "samples": SECOND}
                for band in BANDS
                for whiten in (False, True)
                # Whitened, a spectrum has no lines.
                if (band, whiten) not in (("2000-5500", False), ("no envelope", True))
            ]
    return [(entry, 1) for entry in entries]


EXPERIMENT = Experiment(
    name="bearings-rule",
    version="1",
    about="paper 4: which fault's envelope line stands highest, by rig, length of the window and band; nothing is trained",
    function=run,
    grid=grid,
    estimate=lambda config: 10.0,
    told=("data", "rig", "samples", "band", "whiten"),
)

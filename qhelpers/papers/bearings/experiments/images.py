"""What a plain model makes of the images that the network sees: windows at random, or a fault size that it has not met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import physics
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

RIG = "cwru-drive"
#: Which channels are read: all three, or one.
SEEN = {"all": (0, 1, 2)} | {name: (k,) for k, name in enumerate(signals.CHANNELS)}
PROTOCOLS = ("random", "size")
#: Of a recording's windows every fourth: none shares a sample with another.
STEP = 4


def seen(data: Signals) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images of all faults at the drive end, every fourth window.

    Returns
    -------
    images : numpy.ndarray of shape (n_windows, 3, 32, 32)
    fault, bearing : numpy.ndarray of shape (n_windows,)
    """
    told = physics.RIGS[RIG]
    parts, fault, bearing = [], [], []
    for whole in physics.recordings(data, RIG):
        made = signals.images(whole.x[0], whole.rate)[::STEP]
        parts.append(made)
        fault += [whole.fault] * len(made)
        bearing += [whole.bearing] * len(made)
    assert told.rate == signals.RATE
    return np.concatenate(parts), np.array(fault), np.array(bearing)


def _splits(protocol: str, fault: np.ndarray, bearing: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if protocol == "random":
        yield from StratifiedKFold(5, shuffle=True, random_state=seed).split(fault, fault)
    else:
        # A bearing's name ends in its fault's size; of .028 in there is no outer ring.
        yield from LeaveOneGroupOut().split(fault, fault, np.array([one.rpartition(" ")[2] for one in bearing]))


@knows(protocol=PROTOCOLS)
def run(config: Mapping[str, Any], seed: int, dataset: Signals) -> Outcome:
    """Name the fault (inner, outer, ball) of windows that are held out.

    Parameters
    ----------
    config : mapping
        ``protocol``; ``seen``, a key of `SEEN`; ``level``, whether a window keeps its level or has its mean taken off.
    seed : int
        Draws the folds at random.
    dataset : Signals
        CWRU.

    Returns
    -------
    Outcome
        ``accuracy``: share of right windows, mean over bearings. Arrays: each bearing's name and share.
    """
    pixels, fault, bearing = seen(dataset)
    pixels = pixels[:, SEEN[config["seen"]]]
    if not config["level"]:
        pixels = pixels - pixels.mean((1, 2, 3), keepdims=True)
    flat = pixels.reshape(len(pixels), -1)
    right = np.zeros(len(fault), bool)
    for train, test in _splits(config["protocol"], fault, bearing, seed):
        scores = signals.ZScores.of(flat[train])
        # Neighbouring pixels say nearly the same: fifty directions are enough, and soon fitted once scaled alike.
        directions = PCA(50, whiten=True, random_state=seed)
        model = make_pipeline(directions, LogisticRegression(class_weight="balanced", max_iter=2000))
        right[test] = model.fit(scores(flat[train]), fault[train]).predict(scores(flat[test])) == fault[test]
    share = physics.by_bearing(right, bearing)
    return Outcome(
        {"accuracy": float(np.mean(list(share.values()))), "windows": float(len(fault)), "bearings": float(len(share))},
        arrays={"bearing": np.array(list(share)), "share": np.array(list(share.values()))},
    )


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """All channels and each alone, with and without the window's level; five seeds where folds are drawn."""
    quick = profile == "quick"
    return [
        ({"data": "cwru", "protocol": protocol, "seen": name, "level": level}, 5 if protocol == "random" and not quick else 1)
        for protocol in PROTOCOLS
        for name in (["all"] if quick else SEEN)
        for level in ((True,) if quick or name != "all" else (True, False))
    ]


EXPERIMENT = Experiment(
    name="bearings-images",
    version="1",
    about="paper 4: logistic regression on the windows' images, held out at random or by fault size, CWRU's drive end",
    function=run,
    grid=grid,
    estimate=lambda config: 60.0,
    told=("data", "protocol", "seen", "level"),
    needs=lambda config: Needs(memory_gb=2.5),
)

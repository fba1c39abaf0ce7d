"""A few lines of physics, or a whole spectrum: what a plain model makes of each on bearings that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhelpers.datasets import Signals
from qhelpers.papers.bearings import physics
from qhelpers.runs.experiment import Experiment, Outcome, knows
from qhelpers.signals import RATE, WINDOW

#: Where a model that is to work elsewhere learns.
HOME = "cwru-drive"
RINGS = ("inner", "outer")
MODELS = ("logistic", "forest")
#: What is held out: windows at random (five folds); one bearing of all rigs; every rig but the one that it learns on.
PROTOCOLS = ("random", "bearing", "transfer")
#: Data sets that a run reads, each once.
DATA = tuple(dict.fromkeys(rig.data for rig in physics.RIGS.values()))


def model(name: str, seed: int) -> ClassifierMixin:
    """Logistic regression on z-scores, or a forest, both with the weights of the classes balanced and no setting tuned."""
    if name == "forest":
        return RandomForestClassifier(300, class_weight="balanced", random_state=seed)
    if name == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000))
    raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(MODELS)}: pass one of them")


def _splits(
    protocol: str, y: np.ndarray, rig: np.ndarray, bearing: np.ndarray, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if protocol == "random":
        yield from StratifiedKFold(5, shuffle=True, random_state=seed).split(y, y)
    elif protocol == "bearing":
        yield from LeaveOneGroupOut().split(y, y, bearing)
    else:
        yield np.flatnonzero(rig == HOME), np.flatnonzero(rig != HOME)


@knows(protocol=PROTOCOLS)
def run(config: Mapping[str, Any], seed: int, *datasets: Signals) -> Outcome:
    """Name inner or outer on what is held out.

    Parameters
    ----------
    config : mapping
        ``protocol``, ``features`` (a key of `physics.FEATURES`), ``model`` and ``samples`` (length of a window at 12 kHz).
    seed : int
        Draws the folds at random, and the forest.
    *datasets : Signals
        In the order of `DATA`.

    Returns
    -------
    Outcome
        ``accuracy``: share of right windows, mean over the bearings of a class, then over the two classes, then over rigs; by rig
        as ``accuracy_`` and its name, ``bearings`` how many were tested. Arrays: each bearing's name and share.
    """
    of = dict(zip(DATA, datasets, strict=True))
    X, y, rig, bearing = [], [], [], []
    for name, told in physics.RIGS.items():
        for piece in physics.pieces(of[told.data], name, config["samples"] / RATE, RINGS):
            X.append(physics.FEATURES[config["features"]](piece))
            y += [piece.fault] * len(piece.x)
            rig += [name] * len(piece.x)
            bearing += [piece.bearing] * len(piece.x)
    values, truth, rigs, bearings = np.concatenate(X), np.array(y), np.array(rig), np.array(bearing)
    right = np.full(len(truth), np.nan)
    for train, test in _splits(config["protocol"], truth, rigs, bearings, seed):
        right[test] = model(config["model"], seed).fit(values[train], truth[train]).predict(values[test]) == truth[test]
    tested = ~np.isnan(right)
    share = physics.by_bearing(right[tested], bearings[tested])
    fault = {one: truth[bearings == one][0] for one in share}
    metrics = {}
    for name in dict.fromkeys(rigs[tested]):
        classes = [[share[one] for one in share if one.startswith(f"{name} ") and fault[one] == ring] for ring in RINGS]
        metrics[f"accuracy_{name.replace('-', '_')}"] = float(np.mean([np.mean(part) for part in classes if part]))
    return Outcome(
        {"accuracy": float(np.mean(list(metrics.values()))), **metrics, "bearings": float(len(share))},
        arrays={"bearing": np.array(list(share)), "share": np.array(list(share.values()))},
    )


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """All features under all protocols in windows of one second, and the regression alone in windows of 512 samples.

    Five seeds where anything is drawn, three of the forests that leave out each bearing in turn.
    """
    entries = []
    for name in MODELS:
        for protocol in PROTOCOLS:
            drawn = 3 if (name, protocol) == ("forest", "bearing") else 5 if protocol == "random" or name == "forest" else 1
            place = {"protocol": protocol, "model": name}
            entries += [(place | {"features": one, "samples": 12_000}, drawn) for one in physics.FEATURES]
    short = [(config | {"samples": WINDOW}, 1) for config, _ in entries if config["model"] == "logistic"]
    if profile == "quick":
        return [(config | {"samples": 6000}, 1) for config, _ in entries if config["model"] == "logistic"]
    return entries + short


EXPERIMENT = Experiment(
    name="bearings-lines",
    version="1",
    about="paper 4: fault lines, spectra and statistics under a plain model: random windows, a bearing left out, other rigs",
    function=run,
    grid=grid,
    estimate=lambda config: 60.0 if config["model"] == "forest" else 20.0,
    data=lambda config: DATA,
    told=("protocol", "features", "model", "samples"),
)

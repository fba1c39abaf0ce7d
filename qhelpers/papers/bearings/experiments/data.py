"""What is in each set, what the printed count of windows can be, and how well what is no bearing names the class.

Three numbers of a recording say nothing of a bearing: the step of the converter, the mean, and the level. Where one of them names
the class, a network may have learned that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import benchmark
from qhelpers.papers.bearings.benchmark import PRINTED, Windows
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

SETS = ("cwru", "mfpt", "ims", "pronostia", "hit_sm", "uestc")
#: Machines with labels, and the sets they are of.
OF = {"cwru-drive": "cwru", "cwru-fan": "cwru", "mfpt": "mfpt", "hit-mfs": "hit_sm", "hit-own": "hit_sm", "uestc": "uestc"}
FEATURES = ("step", "offset", "level")
#: Windows at random; and, where a class has two bearings and sizes are told, a size held out.
PROTOCOLS = {name: ("folds",) if name in ("mfpt", "uestc") else ("folds", "size") for name in OF}


@knows(what=("counts", "printed", "leak"), feature=FEATURES)
def run(config: Mapping[str, Any], seed: int, dataset: Signals) -> Outcome:
    """Count what a set holds, look for the printed count, or ask one number for the class.

    Parameters
    ----------
    config : mapping
        ``what``: ``"counts"``, ``"printed"`` or ``"leak"``; of a leak ``machine``, ``feature`` and ``protocol``.
    seed : int
        Draws the folds.
    dataset : Signals

    Returns
    -------
    Outcome
        See `counts`, `printed` and `leak`.
    """
    if config["what"] == "counts":
        return Outcome(counts(dataset))
    if config["what"] == "printed":
        return Outcome(printed(dataset))
    return leak(dataset, config["machine"], config["feature"], config["protocol"], seed)


def counts(data: Signals) -> dict[str, float]:
    """Recordings, groups (bearings; of IMS shafts), classes with a label, minutes, rates, windows as recorded and at 12 kHz."""
    labelled = data.y is not None and bool(data.meaning)
    at_12 = [int(np.ceil(len(one) * signals.RATE / rate)) for one, rate in zip(data.recordings, data.rate, strict=True)]
    found = {
        "recordings": len(data),
        "groups": len(set(data.groups.tolist())),
        "classes": len(set(data.y.tolist())) if labelled else 0,
        "minutes": sum(len(one) / rate for one, rate in zip(data.recordings, data.rate, strict=True)) / 60,
        "lowest_rate": data.rate.min(),
        "highest_rate": data.rate.max(),
        "windows": sum(benchmark.n_windows(len(one)) for one in data.recordings),
        "windows_12k": sum(map(benchmark.n_windows, at_12)),
    }
    if labelled:
        found |= {f"recordings_{name}": np.sum(data.y == one) for one, name in data.meaning.items()}
    return {name: float(value) for name, value in found.items()}


def printed(data: Signals) -> dict[str, float]:
    """How many regular choices of CWRU's files there are, how many give the printed count, and the nearest (``windows``)."""
    found = np.array([one.count for one in benchmark.choices(data)])
    off = np.abs(found - PRINTED["cwru"])
    return {
        "choices": float(len(found)),
        "exact": float(np.sum(off == 0)),
        "within_a_hundredth": float(np.sum(off <= PRINTED["cwru"] / 100)),
        "windows": float(found[off.argmin()]),
        "eight_classes": float(len(benchmark.labellings(8))),
    }


def step(x: np.ndarray) -> float:
    """Smallest step between two values of a recording; the largest of them differ by rounding."""
    gaps = np.diff(np.unique(x.astype(float)))
    gaps = gaps[gaps > 1e-6 * np.abs(x).max()]
    return float(np.median(gaps[gaps < 1.5 * gaps.min()]))


def told(some: Windows, data: Signals, machine: str, feature: str) -> np.ndarray:
    """One number a window, shape ``(n_windows, 1)``: of the step that of its recording, of offset and level its own."""
    if feature == "step":
        channel = data.channels.index(benchmark.channel_of(machine))
        of = {
            name: step(data.recordings[k][:, channel])
            for k, name in enumerate(data.labels.tolist())
            if name in set(some.recording)
        }
        return np.array([[of[name]] for name in some.recording.tolist()])
    if feature == "offset":
        return some.x.mean(axis=1, dtype=float, keepdims=True)
    return some.x.std(axis=1, dtype=float, keepdims=True)


def leak(data: Signals, machine: str, feature: str, protocol: str, seed: int) -> Outcome:
    """Name the class by one number, with a tree of at most eight leaves.

    ``accuracy`` is the mean over the tested classes of the share of right windows, all test parts together; ``chance`` what one
    class for all gives; ``neighbours`` the share of test windows with a neighbour in training.
    """
    some = benchmark.windows(data, machine)
    X = told(some, data, machine, feature)
    truth, guess, near = [], [], []
    for part in benchmark.splits(some, protocol, seed):
        known = np.r_[part.train, part.validation]
        tree = DecisionTreeClassifier(max_leaf_nodes=8, class_weight="balanced", random_state=seed).fit(X[known], some.y[known])
        truth.append(some.y[part.test])
        guess.append(tree.predict(X[part.test]))
        near.append(benchmark.neighbours(some, part) * len(part.test))
    y, right = np.concatenate(truth), np.concatenate(truth) == np.concatenate(guess)
    scores = {benchmark.CLASSES[one].split()[0].lower(): float(right[y == one].mean()) for one in np.unique(y)}
    return Outcome(
        {
            "accuracy": float(np.mean(list(scores.values()))),
            "chance": 1 / len(scores),
            "neighbours": float(sum(near) / len(y)),
            "windows": float(len(y)),
            **{f"recall_{name}": value for name, value in scores.items()},
        }
    )


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Counts of every set, the search for 15,520, and each number on each machine; one seed each, for scores hardly move."""
    entries: list[dict[str, Any]] = [{"data": name, "what": "counts"} for name in SETS]
    entries.append({"data": "cwru", "what": "printed"})
    entries += [
        {"data": data, "what": "leak", "machine": machine, "feature": feature, "protocol": protocol}
        for machine, data in OF.items()
        for protocol in PROTOCOLS[machine]
        for feature in FEATURES
        if profile != "quick" or machine == "cwru-drive"
    ]
    return [(entry, 1) for entry in entries]


EXPERIMENT = Experiment(
    name="bearings-data",
    version="1",
    about="paper 4: what is in each set, what the printed counts can be, and how well step, offset and level name the class",
    function=run,
    grid=grid,
    estimate=lambda config: 10.0,
    headline="windows",
    told=("data", "what", "machine", "feature", "protocol"),
    needs=lambda config: Needs(memory_gb=2.0),
)

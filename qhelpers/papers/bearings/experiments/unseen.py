"""One bearing out of all rigs: what names inner or outer on a bearing that nothing was trained on, and does the circuit help.

One protocol, frozen before an outer score was seen (D4.63 to D4.65): 27 bearings of five rigs, windows of a second, each bearing
left out once, and what is chosen is chosen by folds over the other 26.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import benchmark, elsewhere, physics
from qhelpers.papers.bearings.experiments import lines, network
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

DATA = lines.DATA
#: What is chosen among, simplest first: of equal candidates the first is taken.
INPUTS = ("line means", "lines", "statistics", "classical", "spectrum", "order image")
MODELS: tuple[tuple[str, float], ...] = (("logistic", 0.01), ("logistic", 1.0), ("logistic", 100.0), ("forest", 100))
CANDIDATES = tuple((one, *model) for one in INPUTS for model in MODELS)
N_FOLDS = 5
#: Of a head on a few features: 15 epochs of seven updates.
HEAD: dict[str, Any] = {"epochs": 15, "batch_size": 128, "learning_rate": 3e-3}
BRANCHES = ("circuit", "separable", "frozen", "classical", "none")
#: Of the whole network: about 4,000 images pass through it, whichever they are.
NETWORK: dict[str, Any] = {"epochs": 4, "batch_size": 32}
#: Windows of 512 samples that each bearing gives.
N_EACH = 40
METHODS = ("nested", "plain", "head", "network")


class Bearings(NamedTuple):
    """Windows of all bearings: inputs by name, fault and bearing of each."""

    X: dict[str, np.ndarray]
    y: np.ndarray
    bearing: np.ndarray


@functools.lru_cache(maxsize=1)
def windows(datasets: tuple[Signals, ...], inputs: tuple[str, ...], samples: int, pixels: bool) -> Bearings:
    """Windows of all rigs, `short` or of `seconds`; the last ones asked for are kept."""
    of = dict(zip(DATA, datasets, strict=True))
    return short(of) if inputs == ("image",) else seconds(of, inputs, samples, pixels)


def seconds(of: Mapping[str, Signals], inputs: Sequence[str], samples: int = 12_000, pixels: bool = False) -> Bearings:
    """Windows of all rigs, as `bearings-lines` cuts them, with these inputs, or with `elsewhere.order_images` in pixels."""
    made: dict[str, list[np.ndarray]] = {one: [] for one in inputs}
    y: list[str] = []
    bearing: list[str] = []
    for name, told in physics.RIGS.items():
        for piece in physics.pieces(of[told.data], name, samples / signals.RATE, lines.RINGS):
            for one in inputs:
                made[one].append(elsewhere.order_images(piece) if pixels else elsewhere.FEATURES[one](piece))
            y += [piece.fault] * len(piece.x)
            bearing += [piece.bearing] * len(piece.x)
    return Bearings({one: np.concatenate(parts) for one, parts in made.items()}, np.array(y), np.array(bearing))


def short(of: Mapping[str, Signals]) -> Bearings:
    """Images of 512 samples, `N_EACH` of each of the same bearings, spread over its recordings."""
    X, y, bearing = [], [], []
    for name, told in physics.RIGS.items():
        cut = benchmark.windows(of[told.data], name)
        cut = cut[np.flatnonzero(np.isin(cut.y, [benchmark.UNIFIED[ring] for ring in lines.RINGS]))]
        ring = np.char.partition(cut.bearing, " @")[:, 0]
        rows = elsewhere.spread(ring, N_EACH)
        X.append(elsewhere.images(of[told.data], cut[rows], name).x)
        y.append(np.where(cut.y[rows] == benchmark.UNIFIED["inner"], "inner", "outer"))
        bearing.append(ring[rows])
    return Bearings({"image": np.concatenate(X)}, np.concatenate(y), np.concatenate(bearing))


def plain(name: str, setting: float, seed: int) -> ClassifierMixin:
    """Logistic regression on z-scores with its C, or a forest with its number of trees; classes weighted equally."""
    if name == "logistic":
        regression = LogisticRegression(C=setting, class_weight="balanced", max_iter=2000)
        return make_pipeline(StandardScaler(), regression)
    if name == "forest":
        return RandomForestClassifier(int(setting), class_weight="balanced", random_state=seed)
    raise ValueError(f"model {name!r} is unknown; allowed are logistic and forest: pass one of them")


def inner(of: Bearings, rows: np.ndarray, seed: int) -> np.ndarray:
    """Mean over bearings of each candidate's share of right windows, in folds over the bearings of these rows alone."""
    y, bearing = of.y[rows], of.bearing[rows]
    right = np.zeros((len(CANDIDATES), len(rows)), bool)
    folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(y, y, bearing):
        for k, (one, name, setting) in enumerate(CANDIDATES):
            X = of.X[one][rows]
            right[k, test] = plain(name, setting, seed).fit(X[train], y[train]).predict(X[test]) == y[test]
    return np.array([np.mean(list(physics.by_bearing(one, bearing).values())) for one in right])


def _answer(
    config: Mapping[str, Any], seed: int, of: Bearings, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
    """Which test windows one method names rightly after training on the others, and what it chose."""
    method, told = config["method"], {}
    if method == "nested":
        scores = inner(of, train, seed)
        best = int(scores.argmax())  # of equal ones the first
        one, name, setting = CANDIDATES[best]
        model, told = plain(name, setting, seed), {"chosen": best, "inner": float(scores[best])}
    else:
        one = config["input"]
        if method == "plain":
            model = plain(config["model"], 1.0 if config["model"] == "logistic" else 300, seed)
        elif method == "head":
            model = QEMLNetClassifier(branch=config["model"], random_state=seed, **HEAD)
        else:
            model = QEMLNetClassifier(**network.VARIANTS[config["model"]], random_state=seed, **NETWORK)
    guessed = model.fit(of.X[one][train], of.y[train]).predict(of.X[one][test])
    return guessed == of.y[test], told


@knows(method=METHODS)
def run(config: Mapping[str, Any], seed: int, *datasets: Signals, scratch: Path | None = None) -> Outcome:
    """Leave each of the bearings out once.

    Parameters
    ----------
    config : mapping
        ``method``: ``"nested"`` (all chosen by inner folds), ``"plain"``, ``"head"`` (QEML-Net's head alone on a few features)
        or ``"network"`` (all of it, end to end); but for the first ``input``, and ``model``: a plain model's name, the head's
        branch, or a key of `network.VARIANTS`. ``samples``, length of a window at 12 kHz.
    seed : int
        Draws inner folds, forests and first weights.
    *datasets : Signals
        In the order of `DATA`.
    scratch : path, optional
        Where bearings that are done are kept until all are.

    Returns
    -------
    Outcome
        As `elsewhere.tested`; ``accuracy_`` with a rig; of the nested choice ``inner``, the mean score by which it was chosen.
        Arrays: each bearing's name and share; of the nested choice the candidate that was taken for it.
    """
    inputs = INPUTS if config["method"] == "nested" else (config["input"],)
    of = windows(datasets, inputs, config["samples"], config["method"] == "network")
    done: dict[str, Any] = {}
    kept = None if scratch is None else scratch / "bearings.json"
    if kept is not None and kept.exists():
        done = json.loads(kept.read_text())
    names = np.unique(of.bearing).tolist()
    for one in names:
        if one in done:
            continue
        test = np.flatnonzero(of.bearing == one)
        right, told = _answer(config, seed, of, np.flatnonzero(of.bearing != one), test)
        done[one] = {"right": right.tolist(), **told}
        if kept is not None:
            kept.with_suffix(".part").write_text(json.dumps(done))
            kept.with_suffix(".part").replace(kept)
    right = np.concatenate([done[one]["right"] for one in names])
    bearing = np.repeat(names, [len(done[one]["right"]) for one in names])
    metrics, arrays = elsewhere.tested(right, bearing)
    for rig in physics.RIGS:
        mine = np.char.startswith(arrays["bearing"], f"{rig} ")
        metrics[f"accuracy_{rig.replace('-', '_')}"] = float(arrays["share"][mine].mean())
    if config["method"] == "nested":
        metrics["inner"] = float(np.mean([done[one]["inner"] for one in names]))
        arrays["chosen"] = np.array([" ".join(map(str, CANDIDATES[done[one]["chosen"]])) for one in names])
    return Outcome(metrics, arrays=arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Most telling first: the nested choice, the head with and without circuit, the network on physics and on its own images."""
    second = {"samples": 6000 if profile == "quick" else 12_000}
    heads = [
        (second | {"method": "head", "input": one, "model": branch}, 3)
        for one, branches in (("line means", BRANCHES), ("lines", ("circuit", "none")))
        for branch in branches
    ]
    plains = [(second | {"method": "plain", "input": "order image", "model": name}, 1) for name in lines.MODELS]
    if profile == "quick":
        return [(config, 1) for config, _ in (heads[-1], plains[0])]
    whole = [
        ({"method": "network", "input": one, "samples": n, "model": name}, 1)
        for one, n, names in (
            ("order image", 12_000, ("full", "without circuit")),
            ("image", signals.WINDOW, ("full", "without circuit")),
            ("order image", 12_000, ("without CBAM", "without decoder")),
        )
        for name in names
    ]
    return [(second | {"method": "nested"}, 3), *plains, *heads, *whole]


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run."""
    if config["method"] == "network":
        return 27 * 28.0
    if config["method"] == "head":
        return 90.0 if config["model"] in ("circuit", "separable", "frozen") else 30.0
    return 420.0 if config["method"] == "nested" else 40.0


EXPERIMENT = Experiment(
    name="bearings-unseen",
    version="1",
    about="paper 4: inner or outer race, one bearing of all rigs left out: nested choice, the network's head on lines, all of it",
    function=run,
    grid=grid,
    estimate=estimate,
    data=lambda config: DATA,
    told=("method", "input", "model", "samples"),
    needs=lambda config: Needs(memory_gb=2.5 if config["method"] == "network" else 1.5),
    checkpoints=True,
)

"""Which of ten classical numbers of a window say its fault, by SHAP: with its level, and after z-scores a window (D4.78)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from qhelpers import signals
from qhelpers._extras import require
from qhelpers.datasets import Signals
from qhelpers.papers.bearings.experiments import network
from qhelpers.runs.experiment import Experiment, Needs, Outcome, knows

Array = NDArray[np.float64]
MODELS = ("forest", "logistic")
#: Four equal parts of 0 to 6 kHz, by their middle.
BANDS = ("0.75 kHz", "2.25 kHz", "3.75 kHz", "5.25 kHz")
FEATURES = ("rms", "peak", "kurtosis", "crest", "skewness", "centroid", *BANDS)
#: Of a training, and of the windows that are explained.
N_TREES, N_EXPLAINED, N_BACKGROUND = 100, 200, 100


def features(x: Array) -> Array:
    """Ten numbers of each window: those that section 4.6 ranks first, and seven beside them.

    Parameters
    ----------
    x : ndarray of shape (n_windows, 512)
        At 12 kHz.

    Returns
    -------
    ndarray of shape (n_windows, 10)
        In the order of `FEATURES`: log10 of the RMS; frequency of the highest line in Hz; kurtosis; crest factor; skewness; mean
        frequency, weighted by power, in Hz; logarithms of the shares of the power in `BANDS`.
    """
    stats = require("scipy.stats", "experiments")
    centred = x - x.mean(-1, keepdims=True)
    rms = np.sqrt((centred**2).mean(-1))
    hz, amplitude = signals.spectrum(centred, signals.RATE)
    power = amplitude**2
    total = power.sum(-1)
    parts = [part.sum(-1) / total for part in np.array_split(power[:, 1:], len(BANDS), axis=1)]
    found = [
        np.log10(rms),
        hz[1:][amplitude[:, 1:].argmax(-1)],
        stats.kurtosis(centred, axis=-1, fisher=False),
        np.abs(centred).max(-1) / rms,
        stats.skew(centred, axis=-1),
        (power * hz).sum(-1) / total,
        *(np.log10(one + np.finfo(float).tiny) for one in parts),
    ]
    return np.stack(found, axis=-1)


def z_scored(x: Array) -> Array:
    """Each window with mean 0 and standard deviation 1: what keeps its shape and loses its level."""
    centred = x - x.mean(-1, keepdims=True)
    scored: Array = centred / centred.std(-1, keepdims=True)
    return scored


def attributions(name: str, X: Array, y: Any, X_test: Array, seed: int) -> tuple[ClassifierMixin, Array]:
    """Train a model and explain its probabilities (forest) or its logits (logistic regression).

    Parameters
    ----------
    name : {"forest", "logistic"}
    X, y, X_test
        Training windows, and those that are explained.
    seed : int
        Of forest and background.

    Returns
    -------
    model : classifier
    values : ndarray of shape (n_windows, n_features, n_classes)
        SHAP values against a background of `N_BACKGROUND` training windows, features taken as independent (interventional).
    """
    shap = require("shap", "explain")
    background = X[np.random.default_rng(seed).choice(len(X), min(N_BACKGROUND, len(X)), replace=False)]
    if name == "forest":
        forest = RandomForestClassifier(N_TREES, max_depth=8, class_weight="balanced", random_state=seed).fit(X, y)
        explainer = shap.TreeExplainer(forest, background, feature_perturbation="interventional", model_output="probability")
        return forest, np.asarray(explainer.shap_values(X_test, check_additivity=False))
    plain = LogisticRegression(class_weight="balanced", max_iter=5000).fit(X, y)
    return plain, np.asarray(shap.LinearExplainer(plain, background).shap_values(X_test))


@knows(model=MODELS)
def run(config: Mapping[str, Any], seed: int, dataset: Signals) -> Outcome:
    """Train one model on the ten numbers and rank them.

    Parameters
    ----------
    config : mapping
        ``split``, as in `network.parts`; ``model``, one of `MODELS`; ``level``, whether windows keep their level.
    seed : int
        Of the split, the forest and which windows are explained.
    dataset : Signals
        CWRU.

    Returns
    -------
    Outcome
        ``accuracy``; with a name of `FEATURES` ``shap_``, the mean absolute SHAP value over tested windows and classes,
        ``largest_``, that of the class where it is largest, ``summed_``, summed over classes, and ``rank_``, from 1. Array
        ``shap`` (features, classes) of mean absolute values.
    """
    part = network.parts(network.raw(dataset), config["split"], seed)
    made = [(one.x.astype(float) if config["level"] else z_scored(one.x.astype(float))) for one in (part.train, part.test)]
    scaler = StandardScaler().fit(features(made[0]))
    # what is the same in all windows but for rounding is nothing
    scaler.scale_ = np.where(scaler.scale_ < 1e-9, 1.0, scaler.scale_)
    X, X_test = (np.round(scaler.transform(features(one)), 6) for one in made)
    rng = np.random.default_rng([seed, 8])
    some = np.sort(rng.permutation(len(X_test))[:N_EXPLAINED])
    model, values = attributions(config["model"], X, part.train.y, X_test[some], seed)
    sizes = np.abs(values).mean(0)
    order = np.argsort(np.argsort(-sizes.mean(1), kind="stable"))
    metrics = {"accuracy": float(model.score(X_test, part.test.y))}
    for k, name in enumerate(one.replace(" ", "_").replace(".", "_") for one in FEATURES):
        metrics |= {
            f"shap_{name}": float(sizes[k].mean()),
            f"largest_{name}": float(sizes[k].max()),
            f"summed_{name}": float(sizes[k].sum()),
            f"rank_{name}": float(order[k] + 1),
        }
    return Outcome(metrics, arrays={"shap": sizes, "feature": np.array(FEATURES)})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both models on both splits, with the level and without; nine seeds at random, each fault size once."""
    quick = profile == "quick"
    return [
        (
            {"data": "cwru", "split": split, "model": name, "level": level},
            1 if quick else network.PAIRS if split == network.SPLITS[0] else 3,
        )
        for split in network.SPLITS
        for name in (MODELS[:1] if quick else MODELS)
        for level in (True, False)
    ]


EXPERIMENT = Experiment(
    name="bearings-ranking",
    version="1",
    about="paper 4: which of ten classical numbers say the fault, by SHAP, with a window's level and without it; two splits",
    function=run,
    grid=grid,
    estimate=lambda config: 15.0 if config["model"] == "forest" else 5.0,
    told=("data", "split", "model", "level"),
    needs=lambda config: Needs(memory_gb=1.5),
)

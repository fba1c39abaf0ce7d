"""How much gain picking alone makes: the best of k circuits by 60 test points, with signal in the data and without.

The low-energy paper explores embeddings and architectures "until the final ones are selected" and reports the score of the one
that was selected. With 300 points in all, that score is counted on 60.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special, stats

from qhelpers.datasets import Dataset
from qhelpers.evaluation import balanced_subsample
from qhelpers.models.quantum import CircuitClassifier
from qhelpers.papers.low_energy.experiments.exploration import CELLS
from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw, of_paper
from qhelpers.runs.experiment import Outcome, knows

Array = NDArray[np.float64]

N_CIRCUITS = 50
#: Points that nobody trained or picked on: what the score of 60 points stands for.
N_FRESH = 4000
LABELS = ("real", "shuffled")


@knows(labels=LABELS)
def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train circuits of the exploration's grid on one draw of 240 points, score them on its 60 and on thousands of fresh ones.

    Parameters
    ----------
    config : mapping
        ``data``; ``labels``: ``"real"``, or ``"shuffled"`` among the drawn rows, so that nothing can be learned; ``n_circuits``,
        drawn from the grid with weights of their own; ``epochs`` and ``learning_rate``, the same for all.
    seed : int
        Of the draw, the shuffling and the circuits.
    dataset : Dataset

    Returns
    -------
    Outcome
        Arrays over the circuits: ``score60`` and ``fresh`` (accuracy), ``cell`` (index in `exploration.CELLS`), and
        ``predicted60`` of shape (n_circuits, 60). Metrics: ``accuracy``, on fresh points, of the circuit that the 60 points
        pick from all; ``picked.score60``, its score there; ``one.score60`` and ``one.fresh``, the means over all circuits;
        ``correlation`` of two circuits' scores, see `agreement`.
    """
    subsample, _, circuits, shuffling = (np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(4))
    train, test = draw(dataset, "300", subsample)
    drawn = np.concatenate([train, test])
    smaller = min(np.bincount(np.delete(dataset.y, drawn)))
    fresh = balanced_subsample(dataset.y, int(min(N_FRESH, 2 * smaller)), subsample, exclude=drawn)
    X, y = dataset.X[FEATURES[config["data"]]].to_numpy(float), dataset.y.copy()
    if config["labels"] == "shuffled":  # within each part, so that each stays balanced
        for rows in (train, test, fresh):
            y[rows] = shuffling.permutation(y[rows])
    cells = circuits.integers(len(CELLS), size=config["n_circuits"])
    seeds = circuits.integers(2**31 - 1, size=config["n_circuits"])
    budget = {"epochs": config["epochs"], "learning_rate": config["learning_rate"]}
    predicted, right, start = [], [], time.perf_counter()
    for cell, weights in zip(cells, seeds, strict=True):
        model = CircuitClassifier(CELLS[cell].circuit(), random_state=int(weights), **budget).fit(X[train], y[train])
        predicted.append(model.predict(X[test]))
        right.append(float(np.mean(model.predict(X[fresh]) == y[fresh])))
    seconds = time.perf_counter() - start
    score, truth = np.mean(np.array(predicted) == y[test], axis=1), np.array(right)
    curves = best_of(score, truth)
    metrics = {
        "accuracy": float(curves[1][-1]),
        "picked.score60": float(curves[0][-1]),
        "one.score60": float(score.mean()),
        "one.fresh": float(truth.mean()),
        "correlation": agreement(np.array(predicted)),
    }
    arrays = {
        "score60": score,
        "fresh": truth,
        "cell": cells.astype(np.int16),
        "predicted60": np.array(predicted, np.int8),
        "labels60": y[test].astype(np.int8),
    }
    return Outcome(metrics, {}, {"n_fresh": len(fresh)}, seconds, arrays)


def best_of(score: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    """Score of the best of k, and what it is worth, on average over all choices of k among m; for k = 1 to m.

    Parameters
    ----------
    score, truth : array-like of shape (m,)
        What picks (accuracy on few points) and what the picked one is worth (accuracy on many).

    Returns
    -------
    picked, worth : ndarray of shape (m,)
        Means over all subsets of size k, by counting, not by drawing. Of circuits that tie, each is picked as often.
    """
    order = np.argsort(score, kind="stable")
    ranked, value = np.asarray(score, float)[order], np.asarray(truth, float)[order]
    for tie in np.unique(ranked):
        value[ranked == tie] = value[ranked == tie].mean()
    weights = _rank_weights(len(ranked))
    return weights @ ranked, weights @ value


@functools.lru_cache(maxsize=8)
def _rank_weights(m: int) -> Array:
    """How often the model of each rank (columns, worst first) is the best of k = 1 to m (rows), over all subsets of size k."""
    rank, k = np.arange(1, m + 1), np.arange(1, m + 1)[:, None]
    logs = _log_choose(rank - 1, k - 1) - _log_choose(m, k)
    weights: Array = np.exp(np.where(rank >= k, logs, -np.inf))
    return weights


def dealt_anew(predicted: ArrayLike, labels: ArrayLike, rounds: int, rng: np.random.Generator) -> Array:
    """Score of the best of k if the same decisions meet shuffled labels: the maximum of k coins as correlated as the models are.

    Parameters
    ----------
    predicted : array-like of 0 and 1 of shape (m, n_points)
        Decisions of the models, made without these labels.
    labels : array-like of 0 and 1 of shape (n_points,)
    rounds : int
        How often the labels are dealt.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (m,)
        Mean over rounds and over all subsets of size k = 1 to m.
    """
    decisions, dealt = np.asarray(predicted), rng.permuted(np.tile(labels, (rounds, 1)), axis=1)
    scores = np.mean(decisions[None] == dealt[:, None], axis=2)
    mean: Array = _rank_weights(len(decisions)) @ np.sort(scores, axis=1).mean(axis=0)
    return mean


def curves(draws: Sequence[Mapping[str, ArrayLike]]) -> tuple[Array, Array]:
    """`best_of` of the arrays ``score60`` and ``fresh`` of every draw, each of shape (n_draws, n_circuits)."""
    pairs = [best_of(arrays["score60"], arrays["fresh"]) for arrays in draws]
    return np.array([picked for picked, _ in pairs]), np.array([worth for _, worth in pairs])


def _log_choose(n: Any, k: Any) -> Any:
    inside = np.maximum(np.asarray(n) - k, 0)
    return special.gammaln(np.asarray(n) + 1) - special.gammaln(np.asarray(k) + 1) - special.gammaln(inside + 1)


def agreement(predicted: ArrayLike) -> float:
    """Correlation of two circuits' scores if labels were tossed: one less twice the rate at which they disagree.

    Parameters
    ----------
    predicted : array-like of 0 and 1 of shape (n_circuits, n_points)

    Returns
    -------
    float
        Mean over pairs of circuits.
    """
    signs = 2.0 * np.asarray(predicted) - 1
    m, n = signs.shape
    total = (signs.sum(axis=0) ** 2).sum() / n  # of all m² pairs, a circuit with itself included
    return float((total - m) / (m * (m - 1)))


def best_by_luck(k: ArrayLike, n_points: int, accuracy: float = 0.5, correlation: float = 0.0) -> Array:
    r"""Return the mean score of the best of k models that are all equally good.

    .. math:: p + \sqrt{(1 - \rho)\,p(1 - p)/n}\; m_k

    with :math:`m_k` the mean of the largest of k standard normal numbers: the maximum of k binomials, in the normal
    approximation, whose scores on the same points are correlated by :math:`\rho`.

    Parameters
    ----------
    k : array-like of int
        Number of models.
    n_points : int
        Test points.
    accuracy : float
        What each model is worth.
    correlation : float
        Of the scores of two models, 0 to 1.
    """
    largest = np.array([_largest_normal(int(one)) for one in np.atleast_1d(k)])
    return accuracy + math.sqrt((1 - correlation) * accuracy * (1 - accuracy) / n_points) * largest


def _largest_normal(k: int) -> float:
    """Mean of the largest of k standard normal numbers."""
    if k < 1:
        raise ValueError(f"k is {k}; it counts models, from 1")
    mean, _ = integrate.quad(lambda x: x * k * stats.norm.pdf(x) * stats.norm.cdf(x) ** (k - 1), -9, 9)
    return float(mean)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both data sets, with their labels and with shuffled ones."""
    quick = profile == "quick"
    budget = {"n_circuits": 6 if quick else N_CIRCUITS, "epochs": 20 if quick else 60, "learning_rate": 0.1}
    cases = [{"data": data, "labels": labels} for data in ("occupancy", "ton_iot_gps") for labels in LABELS]
    return [(case | budget, 1 if quick else 30) for case in cases]


EXPERIMENT = of_paper(
    name="picking",
    version="1",
    about="the best of k circuits by 60 test points, against what it is worth on thousands",
    function=run,
    grid=grid,
    estimate=lambda config: float(config["n_circuits"]) * (0.01 + 0.001 * config["epochs"]),
    headline="picked.score60",
)

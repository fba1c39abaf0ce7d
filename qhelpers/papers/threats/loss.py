"""Loss against accuracy: what a printed mean cross-entropy can mean beside an accuracy, and how such a loss is mis-applied."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import entropy

from qhelpers import ledger
from qhelpers.datasets.wustl_iiot_twin import fitted
from qhelpers.ledger.intervals import Interval

#: Rows of the whole file by class, as others count and publish them.
COUNTS: dict[str, int] = fitted()["families"]
#: Share of attacks.
BASE_RATE = 1 - COUNTS["normal"] / sum(COUNTS.values())
SPLITS = {"train": "training", "validation": "validation", "test": "test"}
#: Least probability that Keras lets a logarithm see, and most nats that PyTorch charges a row.
KERAS_CLIP, PYTORCH_MOST = 1e-7, 100.0
SMOOTHING = 0.1
BATCH = 32

Array = NDArray[np.float64]


class Printed(NamedTuple):
    """What the paper prints of one split, each as its rounding interval."""

    loss: Interval
    accuracy: Interval


def printed() -> dict[str, Printed]:
    """Loss and accuracy by split, from the ledger."""
    return {
        split: Printed(*(ledger.claim(f"2.text.{split}.{name}").interval() for name in ("loss", "accuracy"))) for split in SPLITS
    }


def wrong_row(of: Printed, right: float = 0.0) -> Interval:
    """Mean cost of a row that is answered wrongly, in nats, where one that is answered rightly costs ``right`` on average.

    The mean loss is L = a·r + (1 − a)·w with accuracy a; r lies between 0 and ln 2, and w is at least ln 2.

    Parameters
    ----------
    of : Printed
    right : float
        Nats.

    Raises
    ------
    ValueError
        If a row that is answered rightly cannot cost that much.
    """
    if not 0 <= right <= math.log(2):
        raise ValueError(f"right is {right}; a row that is answered rightly costs between 0 and ln 2 = {math.log(2):.4f} nats")
    # In each of loss and accuracy the cost only rises or only falls, so that its ends lie in the corners.
    ends = [(loss - a * right) / (1 - a) for loss in (of.loss.lo, of.loss.hi) for a in (of.accuracy.lo, of.accuracy.hi)]
    return Interval(min(ends), max(ends))


def right_row(of: Printed) -> Interval:
    """Most that a row answered rightly can cost on average, in nats: the wrong ones cost ln 2 each, the least they can."""
    ends = [(loss - (1 - a) * math.log(2)) / a for loss in (of.loss.lo, of.loss.hi) for a in (of.accuracy.lo, of.accuracy.hi)]
    return Interval(min(ends), max(ends))


def calibrated(accuracy: Interval) -> Interval:
    """All mean losses of models whose probabilities mean what they say, at any balance of the classes.

    Where such a model is wrong with probability q ≤ 1/2, a row costs H(q) on average, the entropy. H is concave, with H(0) = 0
    and H(1/2) = ln 2, so that with a mean of q of 1 − accuracy the mean cost lies between 2 ln 2 (1 − accuracy) and
    H(1 − accuracy).

    Parameters
    ----------
    accuracy : Interval
        With the threshold at one half; at least one half.
    """
    return Interval(2 * math.log(2) * (1 - accuracy.hi), float(entropy([accuracy.lo, 1 - accuracy.lo])))


def lines(n_points: int = 101) -> pd.DataFrame:
    """All pairs of mean costs that a split's loss and accuracy allow, for a figure.

    Parameters
    ----------
    n_points : int
        Points a split.

    Returns
    -------
    DataFrame
        ``split``; ``right``, nats a row answered rightly; ``truth``, the probability that such rows give to the truth (their
        geometric mean); ``wrong``, nats a row answered wrongly.
    """
    parts = []
    for split, of in printed().items():
        right = np.linspace(0.0, right_row(of).mid, n_points)
        wrong = (of.loss.mid - of.accuracy.mid * right) / (1 - of.accuracy.mid)
        parts.append(pd.DataFrame({"split": SPLITS[split], "right": right, "truth": np.exp(-right), "wrong": wrong}))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Applied:
    """One way in which a binary cross-entropy may have been applied.

    Attributes
    ----------
    name, told : str
        For a table, and how it comes about.
    cost : callable
        ``cost(label, logit)``: what a row is charged; an attack is 1 and is named where the logit is above 0.
    turns : tuple of float
        Logits at which a cost turns; between them, and 0, it only rises or only falls.
    """

    name: str
    told: str
    cost: Callable[[ArrayLike, ArrayLike], Array]
    turns: tuple[float, ...] = ()

    def mean(self, labels: ArrayLike, logits: ArrayLike) -> float:
        """What a training script prints for these rows."""
        return float(self.cost(labels, logits).mean())


def _signed(label: ArrayLike, logit: ArrayLike) -> Array:
    """Logit of the true class."""
    return np.where(np.asarray(label) == 1, 1.0, -1.0) * np.asarray(logit, float)


def _softplus(x: ArrayLike) -> Array:
    return np.logaddexp(0.0, x)


def cross_entropy(label: ArrayLike, logit: ArrayLike) -> Array:
    """Nats a row: minus the logarithm of the probability that the sigmoid gives to the truth."""
    return _softplus(-_signed(label, logit))


def sigmoid_twice(label: ArrayLike, logit: ArrayLike) -> Array:
    """A probability taken for a logit."""
    return cross_entropy(label, expit(logit))


def softmax_twice(label: ArrayLike, logit: ArrayLike) -> Array:
    """Two probabilities taken for two logits; also an expectation value between −1 and 1 taken for one logit."""
    return cross_entropy(label, np.tanh(np.asarray(logit, float) / 2))


def no_sigmoid(label: ArrayLike, logit: ArrayLike) -> Array:
    """An output taken for a probability, clipped as Keras does; it names an attack above one half, which is logit 0 here."""
    return -np.log(np.clip(0.5 + _signed(label, logit), KERAS_CLIP, 1 - KERAS_CLIP))


def smoothed(label: ArrayLike, logit: ArrayLike) -> Array:
    """Labels of 0.95 and 0.05 instead of 1 and 0, for a smoothing of 0.1."""
    own = _signed(label, logit)
    return (1 - SMOOTHING / 2) * _softplus(-own) + SMOOTHING / 2 * _softplus(own)


def weighted(label: ArrayLike, logit: ArrayLike) -> Array:
    """An attack counts as many times as normal rows outnumber attacks, and the sum is divided by the rows."""
    return np.where(np.asarray(label) == 1, (1 - BASE_RATE) / BASE_RATE, 1.0) * cross_entropy(label, logit)


def _hard(most: float) -> Callable[[ArrayLike, ArrayLike], Array]:
    return lambda label, logit: np.where(_signed(label, logit) > 0, 0.0, most)


def _times(factor: float) -> Callable[[ArrayLike, ArrayLike], Array]:
    return lambda label, logit: factor * cross_entropy(label, logit)


_FLAT = math.log((1 - SMOOTHING / 2) / (SMOOTHING / 2))
APPLIED = (
    Applied("as described", "the sigmoid once, a mean over rows, natural logarithm", cross_entropy),
    Applied("sigmoid twice", "BCEWithLogitsLoss behind a sigmoid", sigmoid_twice),
    Applied("softmax twice", "CrossEntropyLoss behind a softmax; or an expectation as the logit", softmax_twice),
    Applied("no sigmoid", "the linear output as a probability, clipped to [0, 1]", no_sigmoid, (-0.5, 0.5)),
    Applied("hard answers (Keras)", "answers 0 and 1 as probabilities, clipped by 1e-7", _hard(-math.log(KERAS_CLIP))),
    Applied("hard answers (PyTorch)", "answers 0 and 1 as probabilities, 100 nats a wrong row", _hard(PYTORCH_MOST)),
    Applied("labels smoothed", f"label smoothing of {SMOOTHING}", smoothed, (-_FLAT, _FLAT)),
    Applied("attacks weighted", "pos_weight, as many times as attacks are rare", weighted),
    Applied("in bits", "logarithm to base 2", _times(1 / math.log(2))),
    Applied("one-hot summed", "both outputs of a one-hot pair added", _times(2.0)),
    Applied("summed over a batch", f"reduction='sum' over {BATCH} rows, then a mean over batches", _times(float(BATCH))),
)


def possible(applied: Applied, accuracy: Interval, base_rate: float = BASE_RATE) -> Interval:
    """All mean losses that some model of an accuracy can show.

    Parameters
    ----------
    applied : Applied
    accuracy : Interval
        With the threshold at one half.
    base_rate : float
        Share of attacks.

    Returns
    -------
    Interval
        Closed; an end may only be approached.
    """
    costs = {(label, right): _range(applied, label, right) for label in (0, 1) for right in (True, False)}
    ends = []
    for wrong in (1 - accuracy.lo, 1 - accuracy.hi):
        # Which class the wrong rows belong to is open; the mean is linear in it.
        for missed in (max(0.0, wrong - (1 - base_rate)), min(wrong, base_rate)):
            shares = {(1, True): base_rate - missed, (1, False): missed}
            shares |= {(0, True): 1 - base_rate - (wrong - missed), (0, False): wrong - missed}
            used = [(share, costs[key]) for key, share in shares.items() if share > 0]
            ends.append((sum(share * one.lo for share, one in used), sum(share * one.hi for share, one in used)))
    return Interval(min(lo for lo, _ in ends), max(hi for _, hi in ends))


def _range(applied: Applied, label: int, right: bool) -> Interval:
    """Least and most that one row is charged."""
    side = 1.0 if (label == 1) == right else -1.0
    just = side * np.nextafter(0.0, 1.0)  # next to the threshold, on this side of it
    logits = [just, side * math.inf, *(turn for turn in applied.turns if turn * side > 0)]
    costs = applied.cost(label, logits)
    return Interval(float(costs.min()), float(costs.max()))


def constant(applied: Applied, base_rate: float = BASE_RATE) -> float:
    """Least mean loss of a model that answers every row alike."""

    def mean(logit: ArrayLike) -> Any:
        return base_rate * applied.cost(1, logit) + (1 - base_rate) * applied.cost(0, logit)

    # Some costs are flat far out, so that a search must begin near its end.
    grid = np.linspace(-30.0, 30.0, 6001)
    near = float(grid[np.argmin(mean(grid))])
    inner = minimize_scalar(mean, bounds=(near - 0.01, near + 0.01), method="bounded", options={"xatol": 1e-9})
    return min(float(inner.fun), float(mean(near)))


def table() -> pd.DataFrame:
    """Each way of applying the loss beside the three printed losses, for a page.

    Returns
    -------
    DataFrame
        A row a way and split: ``low`` and ``high``, between which some model of the printed accuracy lies; ``constant``, the
        loss of one answer for all rows; ``printed``; ``possible``, whether the printed interval meets the others, with attacks
        coded as 1 or as 0; ``above_constant``, whether the printed loss is above that of one answer for all.
    """
    rows = []
    for applied, (split, of) in itertools.product(APPLIED, printed().items()):
        either = [possible(applied, of.accuracy, share) for share in (BASE_RATE, 1 - BASE_RATE)]
        rows.append(
            {
                "applied": applied.name,
                "told": applied.told,
                "split": split,
                "low": min(one.lo for one in either),
                "high": max(one.hi for one in either),
                "constant": constant(applied),
                "printed": of.loss.mid,
                "possible": any(one.meets(of.loss) for one in either),
                "above_constant": of.loss.lo > constant(applied),
            }
        )
    return pd.DataFrame(rows)


def largest_batch(of: Printed) -> int:
    """Most rows over which a loss can have been summed and not averaged, whatever the model."""
    return math.floor(of.loss.hi / ((1 - of.accuracy.hi) * math.log(2)))

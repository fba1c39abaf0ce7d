"""How well a printed row of scores fits what a protocol gives: which of many readings of a paper could have made its table?

A protocol that leaves the draw of its rows to chance predicts a distribution of scores, not a number. Here that distribution is
estimated from the confusion counts of a few draws, and a printed row (precision, recall, F1 and accuracy together, rounded) is
scored under it.

The model. Over draws the four scores are normal with unknown mean and covariance. The mean has a flat prior; the covariance has
an inverse Wishart prior with `PRIOR` + 4 degrees of freedom, whose mean is what a test of that size scatters by counting alone.
The next draw then follows a multivariate t distribution with `PRIOR` + n degrees of freedom. To its scale are added the variance
of rounding, width²/12, and that of a tolerance for what no paper prints (versions, defaults, ties).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

QUANTITIES = ("precision", "recall", "f1", "accuracy")
AVERAGES = ("binary", "macro", "weighted")
#: Standard deviation of what no paper prints, fixed before any row was scored: one unit of the second decimal.
TOLERANCE = 0.01
#: Degrees of freedom that the counting errors are worth beside what the draws themselves scatter.
PRIOR = 3
_RESAMPLES = 400

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """How well a printed row fits a protocol.

    Attributes
    ----------
    log_likelihood : float
        Logarithm of the probability of the printed row, its density times the widths of its rounding intervals.
    p : float
        Probability of a row at least as far from the centre: below 0.05, outside the 95 % prediction region.
    centre : tuple of float
        What the protocol gives on average, in the order of `QUANTITIES`.
    n : int
        Number of draws.
    """

    log_likelihood: float
    p: float
    centre: tuple[float, ...]
    n: int


def scores(counts: ArrayLike, average: str = "binary") -> Array:
    """Precision, recall, F1 and accuracy from confusion counts.

    Parameters
    ----------
    counts : array-like of shape (..., 4)
        True positives, false positives, false negatives, true negatives.
    average : {"binary", "macro", "weighted"}
        Of precision, recall and F1: the positive class, the plain mean over both classes, the mean weighted by their sizes.

    Returns
    -------
    ndarray of shape (..., 4)
        In the order of `QUANTITIES`; precision and F1 are 0 where nothing is predicted, all are nan where nothing was counted.

    Raises
    ------
    ValueError
        If the average is unknown or the last axis does not hold four counts.
    """
    c = np.asarray(counts, dtype=float)
    if average not in AVERAGES or c.shape[-1:] != (4,):
        raise ValueError(f"average {average!r} of counts of shape {c.shape}; allowed are {', '.join(AVERAGES)} of four counts")
    tp, fp, fn, tn = np.moveaxis(c, -1, 0)
    total = tp + fp + fn + tn
    positive, negative = _one_class(tp, fp, fn), _one_class(tn, fn, fp)
    if average == "binary":
        three = positive
    else:
        share = 0.5 if average == "macro" else _ratio(tp + fn, total)
        three = share * positive + (1 - share) * negative
    out = np.stack([*three, _ratio(tp + tn, total)], axis=-1)
    out[total == 0] = np.nan
    return out


def _one_class(hits: Array, false: Array, missed: Array) -> Array:
    return np.stack([_ratio(hits, hits + false), _ratio(hits, hits + missed), _ratio(2 * hits, 2 * hits + false + missed)])


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def counts_by_protocol(found: Iterable[Any], keys: Sequence[str]) -> dict[tuple[str, ...], dict[str, Array]]:
    """Confusion counts of recorded draws by protocol and model.

    Parameters
    ----------
    found : iterable of Record
        With an array ``counts`` of shape (n_features, n_models, n_folds, 4); ``chosen`` names its first two axes as ``features``
        and ``models``.
    keys : sequence of str
        Entries of a record's config that make a protocol, together with the features.

    Returns
    -------
    dict of tuple of str to dict of str to ndarray of shape (n_draws, n_folds, 4)
    """
    parts: dict[tuple[str, ...], dict[str, list[Array]]] = defaultdict(lambda: defaultdict(list))
    for record in found:
        counts = record.arrays()["counts"]
        for i, features in enumerate(record.chosen["features"]):
            protocol = (*(record.config[name] for name in keys), features)
            for j, name in enumerate(record.chosen["models"]):
                parts[protocol][name].append(counts[i, j])
    return {protocol: {name: np.stack(each) for name, each in models.items()} for protocol, models in parts.items()}


def printed_row(texts: Mapping[str, str]) -> tuple[Array, Array]:
    """Values and widths of the rounding intervals of a printed row.

    Parameters
    ----------
    texts : mapping of str to str
        What is printed for each of `QUANTITIES`, to the letter.

    Returns
    -------
    values, widths : ndarray of shape (4,)
        A number with two decimals has the width 0.01.
    """
    missing = [name for name in QUANTITIES if name not in texts]
    if missing:
        raise ValueError(f"the row lacks {', '.join(missing)}; give the printed text of {', '.join(QUANTITIES)}")
    values = [float(texts[name]) for name in QUANTITIES]
    widths = [10.0 ** -len(texts[name].partition(".")[2]) for name in QUANTITIES]
    return np.array(values), np.array(widths)


def row_fit(
    texts: Mapping[str, str], counts: ArrayLike, average: str = "binary", *, tolerance: float = TOLERANCE, prior: float = PRIOR
) -> Fit:
    """Score a printed row under a protocol.

    Parameters
    ----------
    texts : mapping of str to str
        The printed row, see `printed_row`.
    counts : array-like of shape (n_draws, 4) or (n_draws, n_folds, 4)
        Confusion counts of the protocol's draws; scores of folds are averaged, those without counts left out.
    average : {"binary", "macro", "weighted"}
        See `scores`.
    tolerance : float
        Standard deviation of what is not printed.
    prior : float
        Degrees of freedom that the counting errors are worth beside the draws' own scatter; above 1.

    Returns
    -------
    Fit
        With ``log_likelihood = -inf`` and ``p = 0`` if no draw gave counts: the model cannot be fitted under this protocol.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, widths = printed_row(texts)
    c = np.asarray(counts, dtype=float)
    if c.ndim not in (2, 3) or c.shape[-1] != 4:
        raise ValueError(f"counts have shape {c.shape}; allowed are (n_draws, 4) and (n_draws, n_folds, 4)")
    folds = c if c.ndim == 3 else c[:, None]
    folds = folds[(folds.sum(axis=-1) > 0).all(axis=1)]
    n, d = len(folds), len(QUANTITIES)
    if n == 0:
        return Fit(-math.inf, 0.0, (math.nan,) * d, 0)
    draws = scores(folds, average).mean(axis=1)
    centre = draws.mean(axis=0)
    scatter = (draws - centre).T @ (draws - centre)
    degrees = prior + n
    scale = ((prior - 1) * _counting_errors(folds.sum(axis=1).mean(axis=0), average) + scatter) * (1 + 1 / n) / degrees
    scale += np.diag(widths**2 / 12 + tolerance**2)
    distance = float((x - centre) @ np.linalg.solve(scale, x - centre))
    density = (
        special.gammaln((degrees + d) / 2)
        - special.gammaln(degrees / 2)
        - (d * math.log(degrees * math.pi) + np.linalg.slogdet(scale)[1]) / 2
        - (degrees + d) / 2 * math.log1p(distance / degrees)
    )
    p = float(special.fdtrc(d, degrees, distance / d))
    return Fit(float(density + np.log(widths).sum()), p, tuple(centre.tolist()), n)


def _counting_errors(counts: Array, average: str) -> Array:
    """Covariance of the scores on tests of that size whose rows fall into the four cells as on average."""
    drawn = np.random.default_rng(0).multinomial(round(counts.sum()), counts / counts.sum(), _RESAMPLES)
    covariance: Array = np.cov(scores(drawn, average), rowvar=False)
    return covariance


def possible(texts: Mapping[str, str], positives: int, negatives: int, average: str = "binary") -> bool:
    """Whether counts exist on one test set that round to the printed row.

    Parameters
    ----------
    texts : mapping of str to str
        The printed row, see `printed_row`.
    positives, negatives : int
        Rows of each class in the test set.
    average : {"binary", "macro", "weighted"}
        See `scores`.
    """
    x, widths = printed_row(texts)
    tp = np.arange(positives + 1)
    if average == "binary":
        tp = tp[_near(tp / max(positives, 1), x[1], widths[1])]
    hits, false = np.meshgrid(tp, np.arange(negatives + 1), indexing="ij")
    right = _near((hits + negatives - false) / (positives + negatives), x[3], widths[3])
    hits, false = hits[right], false[right]
    found = scores(np.stack([hits, false, positives - hits, negatives - false], axis=-1), average)
    return bool(_near(found, x, widths).all(axis=-1).any())


def fits(texts: Mapping[str, str], n: int) -> bool:
    """Whether counts exist on one test set of `n` rows, of any balance, that round to the printed row (of the positive class).

    Parameters
    ----------
    texts : mapping of str to str
        The printed row, see `printed_row`.
    n : int
        Rows of the test set.
    """
    x, widths = printed_row(texts)
    hits, positives = np.meshgrid(np.arange(n), np.arange(1, n), indexing="ij")
    some = (hits <= positives) & _near(hits / positives, x[1], widths[1])
    right = np.arange(math.floor((x[3] - widths[3]) * n), math.ceil((x[3] + widths[3]) * n) + 1)
    hits, positives, right = np.broadcast_arrays(hits[some][:, None], positives[some][:, None], right)
    rejected = right - hits
    false = n - positives - rejected
    real = (rejected >= 0) & (false >= 0)
    found = scores(np.stack([hits[real], false[real], (positives - hits)[real], rejected[real]], axis=-1))
    return bool(_near(found, x, widths).all(axis=-1).any())


def smallest_fit(texts: Mapping[str, str], largest: int = 600) -> int | None:
    """Size of the smallest test set, of any balance, on which counts exist that round to the printed row; None if there is none.

    Parameters
    ----------
    texts : mapping of str to str
        The printed row, see `printed_row`.
    largest : int
        Where to stop.
    """
    return next((n for n in range(2, largest + 1) if fits(texts, n)), None)


def smallest_test(texts: Mapping[str, str], largest: int = 400) -> int | None:
    """Size of the smallest balanced test set on which counts exist that round to the printed row; None if there is none.

    Parameters
    ----------
    texts : mapping of str to str
        The printed row, see `printed_row`.
    largest : int
        Where to stop.
    """
    return next((n for n in range(2, largest + 1, 2) if possible(texts, n // 2, n // 2)), None)


def _near(values: Array, x: ArrayLike, widths: ArrayLike) -> NDArray[np.bool_]:
    """Whether values lie in rounding intervals, ends included."""
    return np.asarray(np.abs(values - np.asarray(x)) <= np.asarray(widths) / 2 + 1e-12)

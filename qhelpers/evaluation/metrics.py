"""Scores of a binary classifier and of a regression, with the conventions that a printed number leaves open stated once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn import metrics as sk


def confusion_counts(y_true: ArrayLike, y_pred: ArrayLike) -> dict[str, int]:
    """Count true and false positives and negatives.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,)
        Labels 0 and 1; 1 is the positive class (occupied, attack).

    Returns
    -------
    dict
        Keys ``tp``, ``fp``, ``fn``, ``tn``.
    """
    tn, fp, fn, tp = sk.confusion_matrix(y_true, y_pred, labels=[0, 1]).ravel()
    return {"tp": int(tp), "fp": int(fp), "fn": int(fn), "tn": int(tn)}


def binary_metrics(y_true: ArrayLike, y_pred: ArrayLike, scores: ArrayLike | None = None) -> dict[str, float]:
    """Score predictions of a binary classifier.

    Precision, recall and F1 are those of the positive class 1; where nothing is predicted positive, precision and F1 are 0.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,)
        Labels 0 and 1.
    scores : array-like of shape (n_rows,), optional
        Larger means more likely positive; gives the area under the ROC curve.

    Returns
    -------
    dict
        ``accuracy``, ``precision``, ``recall``, ``f1``; where `y_true` holds both classes ``balanced_accuracy``, ``mcc`` and,
        with `scores`, ``auc``.
    """
    values = {
        "accuracy": sk.accuracy_score(y_true, y_pred),
        "precision": sk.precision_score(y_true, y_pred, zero_division=0),
        "recall": sk.recall_score(y_true, y_pred, zero_division=0),
        "f1": sk.f1_score(y_true, y_pred, zero_division=0),
    }
    if len(np.unique(np.asarray(y_true))) == 2:
        values["balanced_accuracy"] = sk.balanced_accuracy_score(y_true, y_pred)
        values["mcc"] = sk.matthews_corrcoef(y_true, y_pred)
        if scores is not None:
            values["auc"] = sk.roc_auc_score(y_true, scores)
    return {name: float(value) for name, value in values.items()}


def ranking_metrics(y_true: ArrayLike, scores: ArrayLike) -> dict[str, float]:
    """Score an order of rows, whatever the threshold.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels 0 and 1, both of them somewhere.
    scores : array-like of shape (n_rows,)
        Larger means more likely positive.

    Returns
    -------
    dict
        ``auc``, the area under the ROC curve (1/2 by chance), and ``average_precision``, that under precision and recall (the
        share of positives by chance).

    Raises
    ------
    ValueError
        If there is one class only.
    """
    if len(found := np.unique(np.asarray(y_true))) != 2:
        raise ValueError(
            f"labels hold the classes {found.tolist()}; a ranking needs rows of 0 and of 1: choose another test part"
        )
    return {
        "auc": float(sk.roc_auc_score(y_true, scores)),
        "average_precision": float(sk.average_precision_score(y_true, scores)),
    }


def calibration_error(y_true: ArrayLike, probabilities: ArrayLike, n_bins: int = 10) -> float:
    """Expected calibration error: how far probabilities are from the shares of positives that follow them.

    Rows are put into bins of equal size by their probability (of equal probabilities all into one); the error is the mean over
    rows of the distance of a bin's mean probability from its share of positives.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels 0 and 1.
    probabilities : array-like of shape (n_rows,)
        Of class 1.
    n_bins : int, default=10
        Those of `sklearn.calibration.calibration_curve` with ``strategy="quantile"``.

    Returns
    -------
    float
        0 (calibrated) to 1.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning. AAAI 2015.
    """
    y, p = np.asarray(y_true, float), np.asarray(probabilities, float)
    edges = np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1])
    # A bin's weight times its distance is the absolute sum of p - y over it, divided by all rows.
    return float(np.abs(np.bincount(np.searchsorted(edges, p), p - y)).sum() / len(y))


def probability_metrics(y_true: ArrayLike, probabilities: ArrayLike) -> dict[str, float]:
    """Score probabilities of class 1, arguments as in `calibration_error`.

    Returns
    -------
    dict
        ``log_loss`` (nats a row; probabilities of 0 and 1 are clipped as scikit-learn does), ``brier`` (mean squared distance
        from the label) and ``calibration_error``.
    """
    return {
        "log_loss": float(sk.log_loss(y_true, probabilities, labels=[0, 1])),
        "brier": float(sk.brier_score_loss(y_true, probabilities)),
        "calibration_error": calibration_error(y_true, probabilities),
    }


def regression_metrics(y_true: ArrayLike, y_pred: ArrayLike) -> dict[str, float]:
    """Score predictions of a number, such as what remains of a life.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,)

    Returns
    -------
    dict
        ``mse``, ``rmse`` and ``mae``, in the unit of the target or its square. ``mape``, in percent, over rows whose target is
        not 0, which have no relative error (scikit-learn divides by a tiny number there); NaN where there are none. ``rse``, in
        percent: squared error relative to that of the mean target, 100 (1 - R²); NaN where the target does not move. ``mbd``:
        mean of prediction less target, above 0 where a failure comes earlier than predicted.

    Raises
    ------
    ValueError
        If the two are not rows of one length, or hold something that is no number.
    """
    y, p = np.asarray(y_true, float), np.asarray(y_pred, float)
    if y.ndim != 1 or y.shape != p.shape or not len(y) or not (np.isfinite(y).all() and np.isfinite(p).all()):
        raise ValueError(f"shapes {y.shape} and {p.shape} were given; allowed are two rows of finite numbers of one length.")
    error, some = p - y, y != 0
    mse, variance = float(np.mean(error**2)), float(y.var())
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "mae": float(np.mean(np.abs(error))),
        "mape": 100 * float(np.mean(np.abs(error[some] / y[some]))) if some.any() else float("nan"),
        "rse": 100 * mse / variance if variance else float("nan"),
        "mbd": float(error.mean()),
    }

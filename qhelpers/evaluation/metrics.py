"""Scores of a binary classifier, with the conventions that a printed number leaves open stated once."""

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

"""The search for confusion matrices: against trying them all with scikit-learn, and against mlscorecheck."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from qhelpers.ledger.checks import matrices, scores
from qhelpers.ledger.intervals import Interval, printed_interval

SMALL = st.tuples(st.integers(1, 12), st.integers(0, 12), st.integers(0, 12), st.integers(1, 12))
ALL = ("precision", "recall", "specificity", "f1", "f_beta", "accuracy", "balanced_accuracy", "mcc")


def values(tp, fp, fn, tn, average, beta=2.0):
    found = matrices.metrics(*(np.array([n]) for n in (tp, fp, fn, tn)), average, beta)
    return {name: float(value[0]) for name, value in found.items()}


def printed(found, digits, names=ALL):
    return {name: f"{found[name]:.{digits}f}" for name in names}


def intervals(row):
    return {name: printed_interval(text) for name, text in row.items()}


@pytest.mark.parametrize("average", matrices.AVERAGES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(SMALL)
def test_metrics_are_scikit_learns(average, matrix):
    tp, fp, fn, tn = matrix
    truth, predicted = np.repeat([1, 0, 1, 0], [tp, fp, fn, tn]), np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])
    found = values(*matrix, average)
    how = {"average": average, "zero_division": 0}
    precision, recall, f1, _ = sk.precision_recall_fscore_support(truth, predicted, **how)
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx((precision, recall, f1))
    assert found["f_beta"] == pytest.approx(sk.fbeta_score(truth, predicted, beta=2, **how))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(truth, predicted))


@pytest.mark.parametrize("average", matrices.AVERAGES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(SMALL, st.sets(st.sampled_from(ALL), min_size=1, max_size=4), st.integers(2, 3))
def test_those_that_are_found_are_those_that_fit(average, matrix, names, digits):
    tp, fp, fn, tn = matrix
    positives, negatives = tp + fn, fp + tn
    row = intervals(printed(values(*matrix, average), digits, sorted(names)))
    found = {(int(a), int(b)) for a, b in zip(*matrices.of_counts(row, positives, negatives, average, 2.0), strict=True)}
    fits = set()
    for a in range(positives + 1):
        for b in range(negatives + 1):
            one = values(a, negatives - b, positives - a, b, average)
            if all(row[name].lo - 1e-9 <= one[name] <= row[name].hi + 1e-9 for name in names):
                fits.add((a, b))
    assert (tp, tn) in found
    assert found == fits


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SMALL, st.sampled_from(ALL), st.integers(-9, 9))
def test_what_mlscorecheck_excludes_is_excluded(matrix, moved, by):
    """The other way round it takes more for possible: a metric that is undefined agrees with any number there."""
    from mlscorecheck.check.binary import check_1_testset_no_kfold

    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)
    tp, fp, fn, tn = matrix
    found = values(*matrix, "binary")
    found[moved] += by / 100
    names = ("precision", "recall", "specificity", "f1", "accuracy", "balanced_accuracy", "mcc")
    theirs = dict(zip(names, ("ppv", "sens", "spec", "f1p", "acc", "bacc", "mcc"), strict=True))
    row = {name: round(found[name], 2) for name in names}
    answer = check_1_testset_no_kfold(
        testset={"p": tp + fn, "n": fp + tn}, scores={theirs[n]: v for n, v in row.items()}, eps=0.005, numerical_tolerance=1e-9
    )
    near = {name: Interval(value - 0.005, value + 0.005) for name, value in row.items()}
    if answer["inconsistency"]:
        assert not len(matrices.of_counts(near, tp + fn, fp + tn)[0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SMALL, st.sets(st.sampled_from(ALL), min_size=2))
def test_no_row_of_a_matrix_is_excluded_without_its_size(matrix, names):
    found = values(*matrix, "binary")
    row = intervals(printed(found, 3, sorted(names)))
    point = found["recall"] * found["specificity"], 1 - (1 - found["recall"]) * (1 - found["specificity"])
    try:
        for extra in ({}, {"auc": Interval(*point[:1] * 2)}, {"auc": Interval(*point[1:] * 2)}):
            assert matrices.of_any_size({**row, **extra}, Interval(1e-4, 1 - 1e-4), 2.0)
    except matrices.Undecided:
        pass
    assert matrices.of_size(row, sum(matrix), 2.0) is not None


@pytest.mark.parametrize(
    "row",
    [
        {"mcc": "0.9", "balanced_accuracy": "0.6"},
        {"mcc": "0.9", "recall": "0.8", "specificity": "0.7"},
        {"recall": "0.80", "specificity": "0.90", "balanced_accuracy": "0.87"},
        {"auc": "0.99", "recall": "0.6", "specificity": "0.6"},
        {"auc": "0.30", "recall": "0.60", "specificity": "0.60"},
        {"f_beta": "0.95", "precision": "0.90", "recall": "0.93"},
        {"mcc": "0.45", "balanced_accuracy": "0.72", "accuracy": "0.91", "f1": "0.60"},
    ],
)
def test_what_no_matrix_gives(row):
    assert not matrices.of_any_size(intervals(row), Interval(1e-4, 1 - 1e-4), 2.0)


def test_the_smallest_test_set_is_the_smallest():
    """44 + 3 of 47 and so on: by trying all matrices of fewer rows."""
    row = intervals({"precision": "0.94", "recall": "0.96", "accuracy": "0.95"})
    found = matrices.smallest(row)
    rows = sum(found.values())
    for n in range(2, rows):
        for positives in range(1, n):
            assert not len(matrices.of_counts(row, positives, n - positives)[0])
    matrix, share = scores.smallest_test_set({"precision": "0.94", "recall": "0.96", "accuracy": "0.95"})
    assert matrix == found and share.lo < (found["tp"] + found["fn"]) / rows < share.hi
    assert scores.smallest_test_set({"precision": "0.93", "recall": "0.94", "f1": "0.95"}) is None


# Of 36 of 40 positives and 10 of 20 negatives, worked out by hand.
OF_BOTH = {
    "binary": {"precision": "0.783", "recall": "0.900", "f1": "0.837", "accuracy": "0.767"},
    "macro": {"precision": "0.748", "recall": "0.700", "f1": "0.713", "accuracy": "0.767"},
    "weighted": {"precision": "0.760", "recall": "0.767", "f1": "0.754", "accuracy": "0.767"},
}


@pytest.mark.parametrize("average", OF_BOTH)
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_a_mean_over_both_classes_is_no_score_of_one(average, name):
    sizes = {"positives": 40, "negatives": 20, "average": average}
    right = scores.confusion_matrix(OF_BOTH[average], **sizes)
    assert right.passed and right.details["matrix"] == {"tp": 36, "fp": 10, "fn": 4, "tn": 10}
    for other in set(OF_BOTH) - {average}:
        assert not scores.confusion_matrix({**OF_BOTH[average], name: OF_BOTH[other][name]}, **sizes).passed
        assert not scores.confusion_matrix(OF_BOTH[other], **sizes).passed


def test_too_many_matrices_are_not_decided_but_said():
    with pytest.raises(matrices.Undecided):
        matrices.of_counts({"mcc": Interval(0.5, 0.51)}, 10_000, 10_000, "macro")
    result = scores.confusion_matrix({"f1": "0.95"}, positives=10_000, negatives=10_000, average="macro")
    assert result.passed and "not decided" in result.sentence

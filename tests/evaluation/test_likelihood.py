"""Scoring printed rows: the true protocol wins, the prediction region covers, impossible rows fit nowhere."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from qhelpers.evaluation.likelihood import (
    AVERAGES,
    QUANTITIES,
    fits,
    possible,
    printed_row,
    row_fit,
    scores,
    smallest_fit,
    smallest_test,
)


def _counts(rng, n, sensitivity, specificity, share, n_test, spread=0.02):
    """Draws of a protocol whose model differs from draw to draw."""
    out = []
    for _ in range(n):
        se, sp = np.clip(rng.normal([sensitivity, specificity], spread), 0.02, 0.98)
        positives = rng.binomial(n_test, share)
        tp, tn = rng.binomial(positives, se), rng.binomial(n_test - positives, sp)
        out.append([tp, n_test - positives - tn, positives - tp, tn])
    return np.array(out)


def _printed(counts, decimals=2):
    return dict(zip(QUANTITIES, (f"{value:.{decimals}f}" for value in scores(counts)), strict=True))


@pytest.mark.parametrize("average", AVERAGES)
def test_scores_are_those_of_scikit_learn(average):
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, predicted = rng.integers(0, 2, (2, 30))
        tn, fp, fn, tp = sk.confusion_matrix(truth, predicted, labels=[0, 1]).ravel()
        expected = [
            *(f(truth, predicted, average=average, zero_division=0) for f in (sk.precision_score, sk.recall_score, sk.f1_score)),
            sk.accuracy_score(truth, predicted),
        ]
        np.testing.assert_allclose(scores([tp, fp, fn, tn], average), expected)


def test_scores_without_counts_are_missing_and_without_positives_zero():
    assert np.isnan(scores([0, 0, 0, 0])).all()
    np.testing.assert_allclose(scores([0, 0, 5, 5]), [0, 0, 0, 0.5])


def test_width_follows_the_decimals():
    values, widths = printed_row({"precision": "0.7646", "recall": "0.63", "f1": "0.69", "accuracy": "0.7"})
    np.testing.assert_allclose(values, [0.7646, 0.63, 0.69, 0.7])
    np.testing.assert_allclose(widths, [1e-4, 0.01, 0.01, 0.1])
    with pytest.raises(ValueError, match="lacks recall"):
        printed_row({"precision": "0.7", "f1": "0.7", "accuracy": "0.7"})


@pytest.mark.parametrize("n_test", [60, 300, 9000])
def test_the_prediction_region_covers_rows_of_the_same_protocol(n_test):
    rng = np.random.default_rng(n_test)
    p = []
    for _ in range(300):
        draws = _counts(rng, 13, 0.85, 0.8, 0.5, n_test)
        p.append(row_fit(_printed(draws[0]), draws[1:], tolerance=0.0).p)
    outside = np.mean(np.array(p) < 0.05)
    assert 0.005 <= outside <= 0.10, f"{outside:.1%} of true rows are outside a 95 % region"
    assert np.mean(np.array(p) < 0.001) <= 0.01


def test_the_true_protocol_wins_over_a_table_of_nine_rows():
    rng = np.random.default_rng(1)
    models = rng.uniform(0.7, 0.95, (9, 2))
    protocols = {  # what is added to sensitivity and specificity, share of positives, test size
        "true": (0.0, 0.5, 1900),
        "other columns": (0.03, 0.5, 1900),
        "another balance": (0.0, 0.4, 1900),
        "few rows": (0.0, 0.5, 60),
    }
    for truth in protocols:
        wins = 0
        for _ in range(10):
            table = dict.fromkeys(protocols, 0.0)
            for model in models:
                shift, share, n_test = protocols[truth]
                row = _printed(_counts(rng, 1, *(model + shift), share, n_test)[0])
                for name, (shift, share, n_test) in protocols.items():
                    table[name] += row_fit(row, _counts(rng, 6, *(model + shift), share, n_test)).log_likelihood
            wins += max(table, key=table.get) == truth
        assert wins >= 8, f"{truth} is found in {wins} of 10 tables"


def test_likelihood_and_p_are_those_of_the_t_distribution():
    """With no tolerance and rounding far below the scatter, p is the share of the t distribution's draws that lie further out."""
    draws = _counts(np.random.default_rng(5), 10, 0.8, 0.8, 0.5, 400, 0.05)
    row = _printed(_counts(np.random.default_rng(6), 1, 0.86, 0.82, 0.5, 400)[0], 6)
    fit = row_fit(row, draws, tolerance=0.02)
    x, widths = printed_row(row)
    centre = scores(draws).mean(axis=0)
    mean_counts = draws.mean(axis=0)
    counting = np.random.default_rng(0).multinomial(400, mean_counts / 400, 400)
    scale = (2 * np.cov(scores(counting), rowvar=False) + 9 * np.cov(scores(draws), rowvar=False)) * 1.1 / 13
    scale += np.diag(widths**2 / 12 + 0.02**2)
    known = stats.multivariate_t(centre, scale, df=13)
    np.testing.assert_allclose(fit.log_likelihood, known.logpdf(x) + np.log(widths).sum(), rtol=1e-6)
    simulated = known.rvs(200_000, random_state=0) - centre
    further = np.einsum("ni,ij,nj->n", simulated, np.linalg.inv(scale), simulated) > (x - centre) @ np.linalg.inv(scale) @ (
        x - centre
    )
    np.testing.assert_allclose(fit.p, further.mean(), atol=0.005)


def test_a_far_row_and_a_row_against_arithmetic_are_excluded():
    draws = _counts(np.random.default_rng(2), 20, 0.98, 0.98, 0.5, 4000)
    assert row_fit({"precision": "0.87", "recall": "0.83", "f1": "0.85", "accuracy": "0.85"}, draws).p < 1e-6
    good = _printed(draws[0])
    assert row_fit(good, draws).p > 0.05
    turned = dict(zip(QUANTITIES, [good[name] for name in ("accuracy", "precision", "recall", "f1")], strict=True))
    assert row_fit(turned, draws).p > 0.05, "all are 0.98: turning cells changes nothing"
    assert row_fit(good | {"f1": "0.80"}, draws).p < 1e-3


def test_folds_are_averaged_and_failed_draws_left_out():
    folds = np.array([[[8, 2, 2, 8], [10, 0, 0, 10]], [[9, 1, 1, 9], [9, 1, 1, 9]], [[0, 0, 0, 0], [9, 1, 1, 9]]])
    fit = row_fit({"precision": "0.90", "recall": "0.90", "f1": "0.90", "accuracy": "0.90"}, folds)
    assert fit.n == 2
    np.testing.assert_allclose(fit.centre, 0.9)
    empty = row_fit({"precision": "0.9", "recall": "0.9", "f1": "0.9", "accuracy": "0.9"}, np.zeros((3, 4)))
    assert empty.n == 0 and empty.p == 0 and empty.log_likelihood == -np.inf


@pytest.mark.parametrize("average", AVERAGES)
def test_rows_of_a_test_set_are_possible_on_it_and_forged_ones_are_not(average):
    rng = np.random.default_rng(4)
    for _ in range(40):
        counts = [rng.integers(15, 28), rng.integers(1, 10)]
        counts = np.array([*counts, 30 - counts[0], 30 - counts[1]])
        row = dict(zip(QUANTITIES, (f"{value:.2f}" for value in scores(counts, average)), strict=True))
        assert possible(row, 30, 30, average)
        assert not possible(row | {"f1": f"{float(row['f1']) + 0.04:.2f}"}, 30, 30, average)
    assert not possible({"precision": "0.96", "recall": "0.96", "f1": "0.96", "accuracy": "0.96"}, 30, 30)


def test_the_smallest_test_set_is_found_by_counting():
    row = {"precision": "0.75", "recall": "0.75", "f1": "0.75", "accuracy": "0.75"}
    assert smallest_test(row) == 8
    assert smallest_test(row | {"f1": "0.70"}, largest=60) is None


def test_fits_looks_at_every_balance():
    """Against trying each balance, on rows of test sets and on forged ones."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        row = _printed(rng.integers(1, 12, 4))
        if rng.random() < 0.5:
            row["recall"] = f"{rng.random():.2f}"
        for n in (9, 17, 30):
            assert fits(row, n) == any(possible(row, k, n - k) for k in range(1, n)), (row, n)
    hybrid = {"precision": "0.812", "recall": "0.844", "f1": "0.827", "accuracy": "0.87"}
    assert smallest_fit(hybrid) == 467
    assert smallest_fit(hybrid, largest=400) is None


def test_bad_arguments_say_what_is_allowed():
    with pytest.raises(ValueError, match="binary, macro, weighted"):
        scores([1, 2, 3, 4], "micro")
    with pytest.raises(ValueError, match="n_folds"):
        row_fit({"precision": "0.9", "recall": "0.9", "f1": "0.9", "accuracy": "0.9"}, [1, 2, 3, 4])

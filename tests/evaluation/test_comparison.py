import numpy as np
import pytest
from scipy import stats

from qhelpers.evaluation import comparison as c

RNG = np.random.default_rng(3)
A = RNG.normal(0.90, 0.02, 20)
B = A - RNG.normal(0.01, 0.01, 20)


def test_prediction_by_hand():
    values = [0.90, 0.92, 0.94]
    # mean 0.92, s 0.02, t(0.975, 2) = 4.302653, sqrt(1 + 1/3) = 1.154701
    one = c.prediction(values)
    assert (one.lo, one.hi, one.method) == (pytest.approx(0.92 - 0.0993655), pytest.approx(0.92 + 0.0993655), "t")


def test_prediction_covers_a_further_run_and_does_not_shrink_to_a_point():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(4000):
        *ours, theirs = rng.normal(0.0, 1.0, 6)
        one = c.prediction(ours)
        covered.append(one.lo <= theirs <= one.hi)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)
    one = c.prediction(rng.normal(0, 1, 5000))
    assert one.hi - one.lo == pytest.approx(2 * 1.96, abs=0.1)


def test_prediction_of_a_mean_of_many_runs_is_narrower():
    one, many = (c.prediction(A, k=k) for k in (1, 30))
    assert many.hi - many.lo < one.hi - one.lo


def test_ranks_need_39_runs_and_are_between_the_ends():
    assert (c.runs_for_ranks(), c.runs_for_ranks(0.9), c.runs_for_ranks(0.5)) == (39, 19, 3)
    values = np.random.default_rng(0).beta(20, 1, 79)
    few, enough, more = (c.prediction(values[:n], bounds=(0, 1)) for n in (38, 39, 79))
    assert (few.method, enough.method) == ("t of arcsine roots", "ranks")
    assert (enough.lo, enough.hi) == (values[:39].min(), values[:39].max())
    assert (more.lo, more.hi) == (np.sort(values)[1], np.sort(values)[-2])
    assert c.prediction(values, k=3, bounds=(0, 1)).method == "t"


@pytest.mark.parametrize("n", [20, 39])
def test_prediction_of_lopsided_scores_covers_on_both_sides(n):
    """Accuracies near one, of 300 test rows: what a t interval misses is all below."""
    rng = np.random.default_rng(2)
    outside = {"t": np.zeros(2), "bounded": np.zeros(2)}
    for _ in range(1500):
        *ours, theirs = rng.binomial(300, rng.beta(30, 1, n + 1)) / 300
        for name, bounds in (("t", None), ("bounded", (0.0, 1.0))):
            one = c.prediction(ours, bounds=bounds)
            assert bounds is None or 0 <= one.lo <= one.hi <= 1
            outside[name] += [theirs < one.lo - 1e-12, theirs > one.hi + 1e-12]
    below, above = outside["bounded"] / 1500
    assert below + above < 0.065 and below < 0.045
    assert outside["t"][1] == 0 and outside["t"][0] / 1500 > 0.045


def test_the_p_value_is_below_5_percent_just_where_the_interval_is_missed():
    values = np.random.default_rng(0).beta(20, 2, 60)
    for ours, bounds in ((values[:20], None), (values[:20], (0.0, 1.0)), (values, (0.0, 1.0))):
        found = c.prediction(ours, bounds=bounds)
        for edge, way in ((found.lo, -1), (found.hi, 1)):
            inside, out = (c.prediction(ours, bounds=bounds, printed=(edge + d,) * 2).p for d in (-way * 1e-6, way * 1e-6))
            assert out < 0.05 < inside or (found.method == "ranks" and out < 0.05 <= inside + 1e-9)
    assert c.prediction(values, printed=(0.0, 1.0)).p == 1.0


def test_held_out_counts_both_sides():
    values = np.array([0.9] * 5 + [0.91] * 5 + [0.5, 1.0])
    assert c.held_out(values)[2] == 12
    assert c.held_out([0.9, 0.91, 0.92, 0.91, 0.9, 0.2]) == (1, 0, 6)
    assert c.held_out([0.1, 0.11, 0.12, 0.11, 0.1, 0.8], bounds=(0, 1)) == (0, 1, 6)


def test_bootstrap_of_the_mean_agrees_with_scipy():
    lo, hi = c.bootstrap(A, n_resamples=4000, random_state=1)
    expected = stats.bootstrap((A,), np.mean, method="percentile", n_resamples=4000, rng=2).confidence_interval
    assert (lo, hi) == pytest.approx((expected.low, expected.high), abs=0.0015)


def test_bootstrap_by_unit_is_wider_where_rows_of_a_unit_agree():
    units = np.repeat(np.arange(8), 50)
    values = np.repeat(np.random.default_rng(0).normal(size=8), 50)
    by_row, by_unit = c.bootstrap(values), c.bootstrap(values, units)
    assert by_unit[1] - by_unit[0] > 4 * (by_row[1] - by_row[0])
    assert c.bootstrap(values, units, random_state=5) == c.bootstrap(values, units, random_state=5)


def test_corrected_t_without_correction_is_the_paired_t_test():
    ours, scipys = c.corrected_t_test(A, B, 0.0), stats.ttest_rel(A, B)
    assert (ours.statistic, ours.p) == pytest.approx((scipys.statistic, scipys.pvalue))
    interval = scipys.confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))


def test_corrected_t_scales_the_variance_as_nadeau_and_bengio():
    """80/20 splits of one set: a fifth of the test rows in common, a quarter as many test as training rows."""
    plain, corrected = c.corrected_t_test(A, B, 0.0), c.corrected_t_test(A, B, 0.2)
    assert corrected.statistic == pytest.approx(plain.statistic * np.sqrt((1 / 20) / (1 / 20 + 0.25)))
    assert corrected.p > plain.p


def test_corrected_t_of_constant_differences():
    assert c.corrected_t_test(A, A, 0.25).p == 1.0
    assert c.corrected_t_test(A + 0.5, A + 0.25, 0.25).p == pytest.approx(0.0, abs=1e-12)


def test_bayesian_comparison_is_baycomps_and_adds_up():
    import baycomp

    for runs in (1, 2, 4):  # of 20, 10 and 5 folds
        ours = c.bayesian_comparison(A, B, 0.01, shared=runs / 20)
        assert sum(ours) == pytest.approx(1.0)
        assert ours == pytest.approx(baycomp.two_on_single(A, B, rope=0.01, runs=runs))
    assert c.bayesian_comparison(A, A, 0.01, shared=0.1) == (0.0, 1.0, 0.0)
    assert c.bayesian_comparison(A + 0.2, A, 0.01, shared=0.0)[0] == pytest.approx(1.0)


def test_bayesian_comparison_names_the_better_one_first():
    assert c.bayesian_comparison(A + 0.2, A + 0.01 * RNG.normal(size=20), 0.01, 0.05)[0] > 0.99
    assert c.bayesian_comparison(A, A + 0.2 + 0.01 * RNG.normal(size=20), 0.01, 0.05)[2] > 0.99


def test_equivalence_is_statsmodels_and_scipys():
    from statsmodels.stats.weightstats import ttost_paired

    ours = c.equivalence(A, B, 0.03, shared=0)
    assert ours.p == pytest.approx(float(ttost_paired(A, B, -0.03, 0.03)[0]))
    lower = stats.ttest_1samp(A - B, -0.03, alternative="greater").pvalue
    upper = stats.ttest_1samp(A - B, 0.03, alternative="less").pvalue
    assert ours.p == pytest.approx(max(lower, upper))
    assert ours.equivalent
    assert c.non_inferiority(A, B, 0.03, shared=0).p == pytest.approx(lower)
    assert not c.equivalence(A, B, 0.005, shared=0).equivalent


def test_equivalence_is_harder_to_show_the_more_rows_draws_share():
    p = [c.equivalence(A, B, 0.03, shared=shared).p for shared in (0.0, 0.02, 0.2, 0.5)]
    assert p == sorted(p) and p[-1] > 2 * p[0]
    n, difference = len(A), A - B
    error = np.sqrt((1 / n + 0.25) * difference.var(ddof=1))
    by_hand = max(stats.t.sf((difference.mean() + 0.03) / error, n - 1), stats.t.cdf((difference.mean() - 0.03) / error, n - 1))
    assert c.equivalence(A, B, 0.03, shared=0.2).p == pytest.approx(by_hand)


def test_what_is_better_is_not_equivalent_but_not_inferior():
    better = B + 0.2 + 0.01 * RNG.normal(size=20)
    assert not c.equivalence(better, B, 0.05, 0).equivalent
    assert c.non_inferiority(better, B, 0.05, 0).equivalent
    assert not c.non_inferiority(B, better, 0.05, 0).equivalent


def test_shared_rows_of_splits_and_of_small_draws_from_a_large_file():
    rng = np.random.default_rng(0)
    splits = [rng.permutation(1000)[:200] for _ in range(60)]
    assert c.shared_rows(splits) == pytest.approx(0.2, abs=0.01)
    small = [rng.choice(10_000, 300, replace=False) for _ in range(60)]
    assert c.shared_rows(small) == pytest.approx(0.03, abs=0.005)
    assert c.shared_rows([[1, 2], [3, 4]]) == 0
    assert c.shared_rows([[1, 2, 3, 4], [4, 5]]) == pytest.approx((1 / 4 + 1 / 2) / 2)


def test_the_corrected_test_keeps_its_level_where_draws_share_rows():
    """Two equal models on draws from one file of 900 rows, of which 300 are tested: a fresh file each time."""
    rng = np.random.default_rng(1)
    wrong = dict.fromkeys((0.0, 1 / 3), 0)
    for _ in range(300):
        file = rng.normal(0, 1, 900)
        rows = [rng.choice(900, 300, replace=False) for _ in range(12)]
        difference = np.array([file[one].mean() for one in rows])
        for shared in wrong:
            wrong[shared] += c.corrected_t_test(difference, np.zeros(12), shared).p < 0.05
    assert wrong[1 / 3] < 30 < 60 < wrong[0.0]


def test_no_difference_found_is_not_yet_equivalence():
    noisy = np.random.default_rng(0).normal(0, 0.2, 12)
    assert stats.ttest_1samp(noisy, 0).pvalue > 0.05
    assert not c.equivalence(noisy, np.zeros(12), 0.05, 0).equivalent


def test_equivalence_without_spread():
    assert c.equivalence(A, A, 0.01, 0.1).equivalent
    assert not c.equivalence(np.ones(10), np.zeros(10), 0.5, 0.1).equivalent


def test_holm_and_benjamini_hochberg_on_known_values():
    p = [0.01, 0.04, 0.03, 0.005]
    assert c.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert c.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert c.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert len(c.holm([])) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: c.prediction([1.0]), "at least 2 finite"),
        (lambda: c.prediction([1.0, np.nan]), "finite"),
        (lambda: c.prediction([1, 2], k=0), "at least 1"),
        (lambda: c.prediction([1, 2], level=95), "between 0 and 1"),
        (lambda: c.prediction([0.5, 2], bounds=(0, 1)), "none can be outside"),
        (lambda: c.bootstrap([1, 2, 3], ["a", "b"]), "one unit for each"),
        (lambda: c.bootstrap([1, 2, 3], ["a"] * 3), "at least two"),
        (lambda: c.corrected_t_test(A[:8], B[:8], 0.25), "estimates and intervals, no test"),
        (lambda: c.corrected_t_test(A, B[:19], 0.25), "same seeds"),
        (lambda: c.corrected_t_test(A, B, 1), "share of test rows"),
        (lambda: c.equivalence(A, B, 0, 0), "positive"),
        (lambda: c.equivalence(A[:8], B[:8], 0.1, 0), "no test"),
        (lambda: c.bayesian_comparison(A, B, 0.01, -0.1), "share of test rows"),
        (lambda: c.shared_rows([[1, 2]]), "at least two draws"),
        (lambda: c.holm([0.5, 1.5]), "between 0 and 1"),
    ],
)
def test_bad_input_says_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_predicted_spread_covers_that_of_further_runs():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        ours, theirs = rng.normal(5, 2, 30), rng.normal(5, 2, 20).std(ddof=1)
        one = c.predicted_spread(ours, 20, printed=(theirs, theirs))
        inside += one.lo <= theirs <= one.hi
        assert (one.p < 0.05) == (not one.lo <= theirs <= one.hi)
    assert 0.92 < inside / 400 < 0.98
    assert c.predicted_spread(np.ones(5), 3).hi == 0
    with pytest.raises(ValueError, match="at least 2 runs"):
        c.predicted_spread(rng.normal(size=5), 1)

"""Each check on true numbers, which must pass, and on forged ones, which must not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhelpers.ledger import Interval, paper, statements
from qhelpers.ledger.checks import (
    check_claims,
    check_row,
    check_tables,
    check_together,
    consistency,
    errors,
    failed_groups,
    inference,
    scores,
)


def failed(results):
    return {group[0].check for group in failed_groups(results)}


# 1 F1


@pytest.mark.parametrize(("p", "r", "f"), [("0.94", "0.96", "0.95"), ("0.81", "0.68", "0.74"), ("0.5", "0.5", "0.5")])
def test_true_f1_passes(p, r, f):
    for average in ("binary", "macro", "mean"):
        assert scores.f1_from_precision_recall(p, r, f, average).passed


def test_f1_above_both_is_impossible_under_every_average():
    for average in ("binary", "macro", "mean"):
        result = scores.f1_from_precision_recall("0.93", "0.94", "0.95", average)
        assert not result.passed
        assert result.kind == "identity"
        assert result.assumptions


def test_f1_below_both_is_possible_only_as_a_mean():
    assert not scores.f1_from_precision_recall("0.70", "0.76", "0.58").passed
    assert scores.f1_from_precision_recall("0.70", "0.76", "0.58", "mean").passed
    assert not scores.f1_from_precision_recall("0.70", "0.76", "0.40", "mean").passed


def test_f1_that_only_truncation_saves_says_so():
    # Harmonic mean of 0.8149 and 0.6849 is 0.7443: cut off it is 0.74, and precision and recall stay 0.81 and 0.68.
    result = scores.f1_from_precision_recall("0.81", "0.68", "0.746")
    assert result.passed
    assert result.rounding == "either"
    assert "cut off" in result.sentence


def test_unknown_average_lists_the_known():
    with pytest.raises(ValueError, match="binary, macro, weighted, mean"):
        scores.f1_from_precision_recall("0.9", "0.9", "0.9", "median")


# 2 confusion matrices


def printed_row(tp, fp, fn, tn, digits):
    row = {
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
        "specificity": tn / (tn + fp),
    }
    return {name: f"{value:.{digits}f}" for name, value in row.items()}


matrices = st.tuples(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60), st.integers(1, 60))


@settings(max_examples=40, deadline=None)
@given(matrices, st.integers(2, 4))
def test_metrics_of_a_true_matrix_are_possible(matrix, digits):
    tp, fp, fn, tn = matrix
    row = printed_row(*matrix, digits)
    assert scores.confusion_matrix(row).passed
    assert scores.confusion_matrix(row, positives=tp + fn, negatives=fp + tn).passed


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 14), st.integers(4, 14), st.integers(70, 99), st.integers(70, 99), st.integers(70, 99))
def test_a_stated_size_is_decided_as_by_trying_all_matrices(positives, negatives, p, r, a):
    row = {"precision": p / 100, "recall": r / 100, "accuracy": a / 100}
    printed = {name: f"{value:.2f}" for name, value in row.items()}
    tp, fp = np.meshgrid(np.arange(positives + 1), np.arange(negatives + 1), indexing="ij")
    with np.errstate(invalid="ignore"):
        values = {
            "precision": tp / (tp + fp),
            "recall": tp / positives,
            "accuracy": (tp + negatives - fp) / (positives + negatives),
        }
    fits = np.logical_and.reduce([np.abs(values[name] - row[name]) <= 0.005 + 1e-9 for name in row])
    assert (
        scores.confusion_matrix(printed, positives=positives, negatives=negatives).details.get("conflict", []) == []
        or not fits.any()
    )
    if fits.any():
        assert scores.confusion_matrix(printed, positives=positives, negatives=negatives).passed


def test_a_found_matrix_rounds_to_the_row():
    result = scores.confusion_matrix({"precision": "0.94", "recall": "0.96", "accuracy": "0.95"}, positives=150, negatives=150)
    m = result.details["matrix"]
    found = printed_row(m["tp"], m["fp"], m["fn"], m["tn"], 2)
    assert (found["precision"], found["recall"], found["accuracy"]) == ("0.94", "0.96", "0.95")


def test_shares_that_the_number_of_positives_cannot_give():
    row = {"precision": "0.7646", "recall": "0.6303", "f1": "0.6910", "accuracy": "0.71"}
    assert scores.confusion_matrix(row).passed
    result = scores.confusion_matrix(row, positives=150, negatives=150)
    assert not result.passed
    # No share of up to 300 rows rounds to 0.7646 either; that mlscorecheck takes it for possible is no precision at all, 0/0.
    assert result.details["conflict"] == [("precision",), ("recall",)]


def test_the_smallest_conflict_leaves_the_rest_alone():
    row = {"precision": "0.93", "recall": "0.94", "f1": "0.95", "accuracy": "0.94"}
    assert scores.confusion_matrix(row).details["conflict"] == [("precision", "recall", "f1")]


def test_rotating_the_cells_makes_a_shifted_row_possible():
    row = {"precision": "0.70", "recall": "0.76", "f1": "0.58", "accuracy": "0.66"}
    found = scores.confusion_matrix(row).details["rearranged"]
    assert {"precision": "0.76", "recall": "0.58", "f1": "0.66", "accuracy": "0.70"} in [one["row"] for one in found]
    assert "rotated to the left by one place" in scores.confusion_matrix(row).sentence


def test_macro_averages_over_a_stated_test_set():
    tp, fn, fp, tn = 30, 10, 5, 15
    precision = (tp / (tp + fp) + tn / (tn + fn)) / 2
    recall = (tp / (tp + fn) + tn / (tn + fp)) / 2
    row = {"precision": f"{precision:.3f}", "recall": f"{recall:.3f}", "accuracy": "0.750"}
    assert scores.confusion_matrix(row, positives=40, negatives=20, average="macro").passed
    assert not scores.confusion_matrix({**row, "accuracy": "0.800"}, positives=40, negatives=20, average="macro").passed


@pytest.mark.parametrize("sizes", [{"positives": 3}, {"positives": 0, "negatives": 4}])
def test_half_a_test_set_is_refused(sizes):
    with pytest.raises(ValueError, match="at least 1"):
        scores.confusion_matrix({"accuracy": "0.9", "recall": "0.9"}, **sizes)


# 3 one test set


def test_rows_of_one_test_set_agree_and_a_foreign_row_is_named():
    rows = {f"m{i}": printed_row(*m, 3) for i, m in enumerate([(90, 12, 10, 88), (70, 30, 30, 70), (95, 2, 5, 98)])}
    assert scores.one_test_set(rows).passed
    rows["foreign"] = printed_row(30, 12, 10, 148, 3)
    result = scores.one_test_set(rows)
    assert not result.passed
    assert result.details["excluded"] == ["foreign"]
    common = result.details["common"]
    kept = [share for name, share in result.details["share"].items() if name != "foreign"]
    assert all(share.lo <= common.lo <= common.hi <= share.hi for share in kept)
    assert result.probability == 0.0
    low, high = result.details["share"]["m0"].lo, result.details["share"]["m0"].hi
    assert low <= 0.5 <= high


# 4 trivial rules


def test_accuracy_against_the_largest_class():
    assert scores.against_trivial_rules("0.79", [79, 21]).passed
    assert scores.against_trivial_rules("0.75", [79, 21]).passed
    result = scores.against_trivial_rules("0.60", [790, 210])
    assert not result.passed
    assert result.probability < 1e-6
    with pytest.raises(ValueError, match="at least two classes"):
        scores.against_trivial_rules("0.6", [10])


# 5 MSE and RMSE


def test_mse_is_rmse_squared():
    assert errors.mse_from_rmse("11.23", "126.1").passed
    assert not errors.mse_from_rmse("11.23", "130.0").passed
    assert errors.mse_from_rmse("11.23", "130.0", mean=True).passed
    assert not errors.mse_from_rmse("11.23", "120.0", mean=True).passed


def test_mean_mse_over_runs():
    rmse = np.array([10.0, 12.0, 14.0, 11.0])
    row = (f"{rmse.mean():.2f}", f"{rmse.std(ddof=1):.2f}", f"{(rmse**2).mean():.1f}")
    assert errors.mean_mse_from_rmse(*row, runs=4).passed
    assert not errors.mean_mse_from_rmse(*row).passed
    assert errors.mean_mse_from_rmse(row[0], f"{rmse.std():.2f}", row[2]).passed
    assert not errors.mean_mse_from_rmse(row[0], row[1], "139.0", runs=4).passed


def test_spread_of_mse():
    rmse = np.random.default_rng(0).normal(12, 0.5, 30)
    values = (f"{rmse.mean():.2f}", f"{rmse.std(ddof=1):.2f}")
    assert errors.mse_spread(*values, f"{(rmse**2).std(ddof=1):.1f}").passed
    result = errors.mse_spread(*values, "0.5")
    assert not result.passed
    assert result.kind == "other"


# 6 errors


def test_mae_and_bias():
    assert errors.mae_at_most_rmse("9.9", "10.0").passed
    assert errors.mae_at_most_rmse("10.04", "10.0").passed
    assert not errors.mae_at_most_rmse("12.49", "11.23").passed
    assert errors.bias_at_most_mae("-3.0", "3.1").passed
    assert not errors.bias_at_most_mae("-3.5", "3.1").passed


def test_ranges():
    assert errors.in_range("accuracy", "100%").passed
    assert not errors.in_range("accuracy", "1.2").passed
    assert errors.in_range("mcc", "-0.4").passed
    assert not errors.in_range("r2", "1.3").passed
    assert not errors.in_range("rmse", "-2.0").passed


def test_one_variance_of_the_targets():
    rows = {"a": {"mse": "100.0", "rse": "0.250"}, "b": {"rmse": "12.00", "r2": "0.640"}}
    assert errors.one_variance(rows).passed
    assert errors.one_variance(rows).details["variance"]["a"].mid == pytest.approx(400, rel=0.01)
    rows["c"] = {"mse": "100.0", "rse": "0.300"}
    assert not errors.one_variance(rows).passed
    with pytest.raises(ValueError, match="no row gives a variance"):
        errors.one_variance({"a": {"mse": "1.0"}})


def test_mape_against_the_targets():
    assert errors.mape_against_data("20%", "10.0", 20, 100).passed
    assert not errors.mape_against_data("5%", "10.0", 20, 100).passed
    assert not errors.mape_against_data("60%", "10.0", 20, 100).passed
    assert errors.mape_against_data("900%", "10.0", 0, 100).passed
    with pytest.raises(ValueError, match="smallest <= largest"):
        errors.mape_against_data("5%", "1.0", 5, 1)


def test_targets_of_zero_may_be_left_out_of_a_relative_error():
    """Nine targets of 100 missed by 5, one of 0 missed by 100: an MAE of 14.5 beside an MAPE of 5 %."""
    assert not errors.mape_against_data("5%", "14.5", 0, 100).passed
    found = errors.mape_against_data("5%", "14.5", 0, 100, left_out=0.1)
    assert found.passed and "10.0% of them are 0" in found.assumptions[1]
    assert not errors.mape_against_data("3%", "14.5", 0, 100, left_out=0.1).passed


# 7 counts


def test_counts_totals_windows_and_dimensions():
    assert consistency.count_of("six", 6, "noise models").passed
    assert not consistency.count_of("six", 5, "noise models").passed
    assert consistency.total_of("1.0", {"a": "0.33", "b": "0.33", "c": "0.33"}).passed
    assert not consistency.total_of("58960", {"normal": "35000", "attack": "23900"}).passed
    assert consistency.count_of("81", consistency.dense_parameters([4, 8, 4, 1]), "parameters").passed
    assert consistency.window_count("9", 100, 20, 10).passed
    assert not consistency.window_count("10", 100, 20, 10).passed
    assert consistency.dimensions_agree(4, 4, "layer 1 to 2").passed
    assert not consistency.dimensions_agree(8, 4, "layer 1 to 2").passed
    with pytest.raises(ValueError, match="at least 1"):
        consistency.window_count("9", 100, 20, 0)


def test_parameters_of_parts():
    assert consistency.attention_parameters(64, 16, 7) == 64 * 4 + 4 * 64 + 2 * 7 * 7
    assert consistency.attention_parameters(64, 16, 7, bias=True) == 64 * 4 + 4 + 4 * 64 + 64 + 2 * 7 * 7 + 1
    parts = [{"dense": [10, 6, 2]}, {"norm": 6}, {"free": 5, "times": 2}, {"dense": [3, 4], "bias": False, "times": 2}]
    assert consistency.parameters_of(parts) == (10 * 6 + 6 + 6 * 2 + 2) + 12 + 10 + 24
    # As published by those who proposed the attention: 25.56 M without it, 28.09 M with it in each block of a 50-layer network.
    blocks = {256: 3, 512: 4, 1024: 6, 2048: 3}
    whole = [{"attention": {"channels": c, "reduction": 16, "kernel": 7, "bias": True}, "times": n} for c, n in blocks.items()]
    assert consistency.rise_of("25.56M", "28.09M", consistency.parameters_of(whole)).passed
    with pytest.raises(ValueError, match="allowed are dense, attention, norm and free"):
        consistency.parameters_of([{"convolution": 3}])


def test_a_rise_of_parameters_is_what_was_added():
    assert consistency.rise_of("25.6M", "26.0M", 400_000).passed
    assert consistency.rise_of("25.6M", "26.0M", 300_000).passed  # 25.649 and 25.951
    assert not consistency.rise_of("25.6M", "26.0M", 655_556).passed
    assert not consistency.rise_of("31.2M", "31.4M", 96).passed
    assert "4.7 to 4.9 million parameters: cannot be the 2,052" in consistency.rise_of("26.0M", "30.8M", 2052).sentence


def test_a_number_that_is_worked_out():
    def product(rounding):
        return Interval(6, 6) * 3 * 4

    assert consistency.worked_out("72", product, "an angle a gate").passed
    found = consistency.worked_out("96", product, "an angle a gate")
    assert (found.passed, found.kind) == (False, "identity")
    assert found.sentence == "96 does not follow from an angle a gate, which gives 72"


def test_a_total_of_which_a_part_is_not_printed():
    parts = {"a": Interval(15520, 15520), "b": Interval(984, 984)}
    assert not consistency.total_of("57,164", parts).passed
    assert consistency.total_of("57,164", parts | {"b": Interval(0.0, np.inf)}, "b is not printed").passed
    assert not consistency.total_of("14,000", parts | {"b": Interval(0.0, np.inf)}).passed


# 8 one number in several places


def test_same_number_in_several_places():
    assert consistency.same_number({"text": "0.816", "table": "0.82"}).passed
    assert consistency.same_number({"text": "0.816", "table": "0.81"}).rounding == "either"
    assert not consistency.same_number({"text": "0.90", "table": "0.95", "abstract": "95%"}).passed


def test_one_number_of_several_results():
    results = {"validation": "0.9993", "test": "0.9977"}
    assert consistency.one_of("99.77%", results).passed
    assert consistency.one_of("99.9%", results).passed
    assert consistency.one_of("0.997", results).rounding == "either"
    forged = consistency.one_of("98.77%", results)
    assert not forged.passed and forged.kind == "identity"
    assert forged.sentence == "98.77% is none of 0.9993 (validation), 0.9977 (test)"


def test_a_loss_is_compared_with_each_class_balance_that_the_text_allows():
    rates = [{"name": "rare", "positives": 7, "negatives": 93}, {"name": "even", "positives": 1, "negatives": 1}]

    def outcomes(loss):
        found = check_row({"cross_entropy": loss}, base_rates=rates)
        return {one.reading: one.passed for one in found if one.check == "cross-entropy-base-rate"}

    assert outcomes("0.25") == {"rare": True, "even": True}
    assert outcomes("0.30") == {"rare": False, "even": True}
    assert outcomes("0.70") == {"rare": False, "even": False}


def test_differences_and_ratios():
    assert consistency.difference_of("4.7%", "94.1%", "89.4%").passed
    assert not consistency.difference_of("5.7%", "94.1%", "89.4%").passed
    assert consistency.ratio_of("1.4", "14.1", "10.0").passed
    assert not consistency.ratio_of("1.6", "14.1", "10.0").passed
    assert consistency.relative_change_of("34%", "6.6", "10.0").passed
    assert not consistency.relative_change_of("44%", "6.6", "10.0").passed


# 9 statistics


def test_paired_t():
    from scipy import stats

    rng = np.random.default_rng(1)
    differences = rng.normal(0.5, 1.0, 12)
    outcome = stats.ttest_1samp(differences, 0)
    mean, sd = differences.mean(), differences.std(ddof=1)
    t, p, d = f"{outcome.statistic:.2f}", f"{outcome.pvalue:.3f}", f"{mean / sd:.3f}"
    interval = outcome.confidence_interval()
    row = {"t": t, "d": d, "n": "12", "p": p, "mean_difference": f"{mean:.3f}", "sd_difference": f"{sd:.3f}"}
    row |= {"ci_low": f"{interval.low:.3f}", "ci_high": f"{interval.high:.3f}"}
    results = inference.all_statistics(row)
    names = {"t-from-effect", "t-from-differences", "t-from-interval", "p-from-t", "interval-from-differences"}
    names |= {"estimate-in-interval"}
    assert {one.check for one in results} == names
    assert failed(one.tie(("x",)) for one in results) == set()
    for name, forged in (("t", "9.00"), ("d", "2.000"), ("p", "0.900"), ("ci_low", "-4.000"), ("mean_difference", "5.000")):
        wrong = [one.tie(("x",)) for one in inference.all_statistics({**row, name: forged})]
        assert failed(wrong), name


def paired(seed, n=5):
    """Accuracies in per cent of two models over as many runs, whose spreads differ; t, d by both meanings, and the interval."""
    from scipy import stats

    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(97, 0.3, n), rng.normal(94, 1.2, n)
    outcome = stats.ttest_rel(ours, theirs)
    d = outcome.statistic / np.sqrt(n)
    pooled = (ours.mean() - theirs.mean()) / np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 2)
    return ours, theirs, outcome, d, pooled


@pytest.mark.parametrize("seed", range(20))
def test_an_honest_paired_test_is_passed_and_a_forged_one_is_not(seed):
    ours, theirs, outcome, d, pooled = paired(seed)
    interval = outcome.confidence_interval()
    row = {"t": f"{outcome.statistic:.2f}", "n": "5", "estimate": f"{(ours - theirs).mean():.2f}", "m": "9"}
    row |= {"ci_low": f"{interval.low:.2f}", "ci_high": f"{interval.high:.2f}", "sd_1": f"{ours.std(ddof=1):.2f}"}
    row |= {"p_adjusted": f"{min(1.0, 9 * outcome.pvalue):.4f}", "p": f"{outcome.pvalue:.5f}"}
    for meant in (d, pooled):
        honest = [one.tie(("x",)) for one in inference.all_statistics(row | {"d": f"{meant:.2f}"})]
        assert failed(honest) == set()
        assert {"t-from-effect", "t-from-interval", "bonferroni-from-t", "estimate-in-interval"} <= {one.check for one in honest}
    half = (interval.high - interval.low) / 10
    middle = (interval.high + interval.low) / 2
    narrow = {"ci_low": f"{middle - half:.2f}", "ci_high": f"{middle + half:.2f}"}
    forged = {"d": f"{d / 3:.2f}", "p_adjusted": f"{outcome.pvalue / 2:.6f}", **narrow}
    wrong = failed(one.tie(("x",)) for one in inference.all_statistics(row | forged))
    assert {"t-from-effect", "t-from-interval", "bonferroni-from-t"} <= wrong


def test_smallest_p_of_few_pairs():
    assert inference.smallest_p("0.0625", "5").passed
    assert not inference.smallest_p("0.01", "5").passed
    assert inference.smallest_p("0.031", "5", sides=1).passed


def test_bonferroni():
    assert inference.bonferroni("0.012", "0.048", 4).passed
    assert inference.bonferroni("0.4", "1.0", 4).passed
    assert not inference.bonferroni("0.012", "0.012", 4).passed


def test_eta_squared_and_f_of_groups():
    from scipy import stats

    rng = np.random.default_rng(2)
    groups = [rng.normal(mean, 1.0, 10) for mean in (0, 0.4, 1.2)]
    f = stats.f_oneway(*groups).statistic
    assert inference.eta_from_f(f"{f * 2 / (f * 2 + 27):.3f}", f"{f:.2f}", 2, 27).passed
    assert not inference.eta_from_f("0.900", f"{f:.2f}", 2, 27).passed
    printed = [(f"{g.mean():.2f}", f"{g.std(ddof=1):.2f}", 10) for g in groups]
    assert inference.f_from_groups(f"{f:.2f}", printed).passed
    assert not inference.f_from_groups(f"{3 * f:.2f}", printed).passed
    with pytest.raises(ValueError, match="two groups"):
        inference.f_from_groups("3.0", printed[:1])


# 10 speed


def test_speed():
    assert consistency.frames_and_latency("126.5", "7.9 ms").passed
    assert not consistency.frames_and_latency("300", "7.9 ms").passed
    assert consistency.runtime_from_calls("1 min", "6000", "0.008 s").passed
    assert not consistency.runtime_from_calls("1 min", "60000", "0.008 s").passed
    assert consistency.training_time("20 s", "1000", "100", "20 µs").passed
    assert not consistency.training_time("1 s", "1000", "1000", "20 µs").passed
    assert consistency.frames_and_latency("300", "7.9 ms").kind == "other"


# 11 information


def test_cross_entropy():
    assert inference.cross_entropy_accuracy("0.20", "0.90").passed
    assert not inference.cross_entropy_accuracy("0.02", "0.90").passed
    assert inference.cross_entropy_base_rate("0.68", "0.5").passed
    assert not inference.cross_entropy_base_rate("0.80", "0.5").passed
    assert not inference.cross_entropy_base_rate("0.60", "0.1").passed
    assert inference.cross_entropy_of_bounded_output("0.40").passed
    assert not inference.cross_entropy_of_bounded_output("0.20").passed
    assert inference.cross_entropy_of_bounded_output("0.20", -5, 5).passed
    with pytest.raises(ValueError, match="low < high"):
        inference.cross_entropy_of_bounded_output("0.4", 1, -1)


# 12 independence


def spread_rows(names, n=10, seed=0):
    rng = np.random.default_rng(seed)
    return {f"m{i}": {name: f"{rng.uniform(0.5, 0.99):.3f}" for name in names} for i in range(n)}


def test_independent_rows_pass_and_a_repeated_one_does_not():
    rows = spread_rows(("accuracy", "rmse", "cross_entropy"))
    assert consistency.repeated_rows(rows).passed
    rows["copy"] = dict(rows["m3"])
    result = consistency.repeated_rows(rows)
    assert not result.passed
    assert result.details["pairs"] == [("m3", "copy")]
    assert 0 < result.probability < 0.01


def test_scores_of_one_matrix_count_once():
    rows = spread_rows(("precision", "recall", "accuracy"))
    rows["copy"] = dict(rows["m3"])
    result = consistency.repeated_rows(rows)
    assert result.passed and result.details["pairs"] == [("m3", "copy")]


def test_coarse_rows_that_coincide_are_no_finding():
    rng = np.random.default_rng(1)
    rows = {f"m{i}": {name: f"{rng.uniform(0.83, 0.86):.2f}" for name in ("precision", "recall", "accuracy")} for i in range(12)}
    rows["twin"] = dict(rows["m0"])
    assert consistency.repeated_rows(rows).passed


def test_a_shifted_copy_is_found():
    rows = spread_rows(("precision", "recall", "accuracy"))
    assert consistency.shifted_rows(rows).passed
    source = list(rows["m2"].values())
    rows["shifted"] = dict(zip(("precision", "recall", "accuracy"), source[1:] + source[:1], strict=True))
    result = consistency.shifted_rows(rows)
    assert not result.passed
    assert set(result.details["pairs"][0]) == {"m2", "shifted"}


def test_a_row_with_equal_cells_is_no_shifted_copy():
    rows = spread_rows(("precision", "recall", "accuracy"))
    rows |= {name: {"precision": "0.912", "recall": "0.912", "accuracy": "0.912"} for name in ("a", "b")}
    assert consistency.shifted_rows(rows).passed


def test_tables_that_copy_each_other():
    names = ("accuracy", "rmse", "cross_entropy")
    first, second = spread_rows(names), spread_rows(names, seed=1)
    assert consistency.copied_cells(first, second, ("Table 1", "Table 2")).passed
    result = consistency.copied_cells(first, {**second, "m3": first["m3"]}, ("Table 1", "Table 2"))
    assert not result.passed and "row m3" in result.sentence
    column = {row: {**cells, "rmse": first[row]["rmse"]} for row, cells in second.items()}
    result = consistency.copied_cells(first, column, ("Table 1", "Table 2"))
    assert not result.passed and "column rmse" in result.sentence
    results = check_tables({"A": first, "B": column})
    assert failed(results) == {"copied-cells"} and "B.m0.rmse" in results[0].claims


def test_multiples_of_a_column():
    rng = np.random.default_rng(0)
    first = {f"m{i}": f"{rng.uniform(1, 20):.2f}" for i in range(8)}
    other = {f"m{i}": f"{rng.uniform(1, 20):.2f}" for i in range(8)}
    doubled = {name: f"{2 * float(value):.2f}" for name, value in first.items()}
    assert consistency.multiples(first, other, ("a", "b")).passed
    assert not consistency.multiples(doubled, first, ("a", "b")).passed
    assert consistency.multiples({"m0": "2.00"}, {"m0": "1.00"}, ("a", "b")).passed


# what applies them


def test_a_row_gets_the_checks_of_its_quantities():
    results = check_row({"rmse": "11.23", "mae": "12.49"})
    assert failed(results) == {"mae-at-most-rmse"}
    assert {one.claims for one in results if one.check == "mae-at-most-rmse"} == {("mae", "rmse")}
    assert failed(check_row({"rmse": "11.23", "mae": "8.49", "mse": "126.1"})) == set()
    assert failed(check_row({"rmse": "11.23", "mse": "99.0"})) == {"mse-from-rmse"}
    assert failed(check_row({"accuracy": "0.90", "cross_entropy": "0.01"})) == {"cross-entropy-accuracy"}
    assert failed(check_row({"fps": "300", "latency": "7.9 ms"})) == {"frames-and-latency"}


def test_a_number_is_impossible_only_under_all_readings():
    row = {"precision": "0.70", "recall": "0.76", "f1": "0.58"}
    assert failed(check_row(row)) == set()
    assert failed(check_row(row, averages=["binary"])) == {"f1-from-precision-recall", "confusion-matrix"}


def test_a_table_is_checked_as_a_whole():
    rows = {"a": {"mse": "100.0", "rse": "0.250"}, "b": {"mse": "100.0", "rse": "0.300"}}
    assert failed(check_together(rows)) == {"one-variance"}


def test_what_the_checks_find_in_paper_1():
    results = check_claims(paper("1"))
    impossible = {(g[0].check, frozenset(g[0].claims)) for g in failed_groups(results) if g[0].kind == "identity"}
    row = frozenset({"1.T2.qnn-p.precision", "1.T2.qnn-p.recall", "1.T2.qnn-p.f1"})
    words = frozenset(name.replace("T2", "text.gps") for name in row)
    accuracy = frozenset(
        f"1.{place}.accuracy"
        for place in ("abstract.occupancy.qnn-p", "text.occupancy.qnn-p", "T1.qnn-p", "conclusion.occupancy.qnn-p")
    )
    assert impossible == {
        ("f1-from-precision-recall", row),
        ("f1-from-precision-recall", words),
        ("confusion-matrix", row),
        ("confusion-matrix", words),
        ("same-number", accuracy),
    }
    implausible = [g[0] for g in failed_groups(results) if g[0].kind == "other"]
    assert [one.check for one in implausible] == ["shifted-rows"]
    assert {name.rsplit(".", 1)[0] for name in implausible[0].claims} == {"1.T2.lda", "1.T2.ridge"}
    # One reading of "outperformed other models" takes all rows of Table I, and the random forest contradicts it.
    sentences = {(one.claims[0], one.reading): one.passed for one in results if one.check == "sentence-follows-from-tables"}
    assert sentences["1.text.order.occupancy.outperformed", "other models are all rows of Table I"] is False
    assert sentences["1.text.order.occupancy.outperformed", "other models are QNN-Q and QNN-H"] is True


def test_test_sets_of_a_stated_size_change_no_verdict_of_a_group():
    whole, without = (failed_groups(check_claims(paper("1"), sized)) for sized in (True, False))
    assert {(g[0].check, g[0].claims) for g in whole} == {(g[0].check, g[0].claims) for g in without}


def test_every_failure_names_claims_reading_and_assumptions():
    for result in check_claims(paper("1"), sized=False):
        assert result.claims
        assert result.reading
        assert result.assumptions
        assert 1 <= result.number <= 12
        assert result.kind == "identity" or result.passed or result.probability is not None


def test_a_p_value_without_a_named_test_is_not_condemned_by_the_rank_test():
    found = [one for one in inference.all_statistics({"p": "0.001", "n": "5"}) if one.check == "smallest-p"]
    assert [one.passed for one in found] == [False, False, True]
    assert len({one.reading for one in found}) == 3
    named = inference.all_statistics({"p": "0.001", "n": "5"}, test="wilcoxon")
    assert len(named) == 4 and not any(one.passed for one in named)
    # Five pairs give 0.0625 at the least, by the normal distribution 0.0431.
    assert any(one.passed for one in inference.all_statistics({"p": "0.05", "n": "5"}, test="wilcoxon"))
    assert not any(
        one.passed for one in inference.all_statistics({"p": "0.03", "n": "5"}, test="sign") if "2-sided" in one.reading
    )


def test_the_spread_of_a_sample_is_not_condemned_where_the_number_of_runs_is_not_printed():
    rmse = np.array([10.0, 12.0, 14.0, 11.0])
    row = (f"{rmse.mean():.4f}", f"{rmse.std(ddof=1):.4f}", f"{(rmse**2).mean():.4f}")
    assert not errors.mean_mse_from_rmse(*row).passed
    assert errors.mean_mse_from_rmse(*row, any_runs=True).passed
    assert not errors.mean_mse_from_rmse(row[0], row[1], "150.0", any_runs=True).passed


# Tables on several data sets, as the rows of one or its columns


RANGES = """
  percent: [mape]
  targets:
    one: {by the text: {smallest: 0, largest: 100}}
    two: {capped: {smallest: 0, largest: 100}, not capped: {smallest: 0, largest: 300}}
"""


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("20.0 | 25.0", "20.0 | 25.0", set()),
        ("20.0 | 15.0", "20.0 | 25.0", {"9.T1.one.a.mae", "9.T1.one.a.mape"}),
        ("20.0 | 25.0", "20.0 | 15.0", set()),  # a longer target explains it
        ("20.0 | 25.0", "20.0 | 6.0", {"9.T1.two.a.mae", "9.T1.two.a.mape"}),
    ],
)
def test_relative_errors_are_held_against_the_targets_that_a_text_tells(one, two, expected):
    book = claims_of((f"a: {one}", f"a: {two}"), columns="mae: MAE, mape: MAPE", protocol=RANGES)
    groups = failed_groups(check_claims(book))
    assert {name for group in groups for name in group[0].claims} == expected
    assert {group[0].check for group in groups} == ({"mape-against-data"} if expected else set())


@pytest.mark.parametrize(
    ("runtime", "failing"), [("70 minutes", []), ("12 minutes", ["each window"]), ("0.01 s", ["each window", "at least"])]
)
def test_a_training_time_is_held_against_the_calls_that_it_makes(runtime, failing):
    """By each reading of how many there are; only all of them condemn it."""
    numbers = {"episodes": ("8", "setting"), "windows": ("17,731", "windows"), "call": ("26 ms", "time_per_call")}
    claims = [{"id": name, "where": "I", "printed": text, "quantity": kind} for name, (text, kind) in numbers.items()]
    calls = {"each window": ["episodes", "windows", "call"], "at least": ["episodes", "call"]}
    claims.append({"id": "time", "where": "I", "printed": runtime, "quantity": "runtime", "of": {"calls": calls}})
    found = check_claims(statements.parse(f"paper: '9'\nclaims: {json.dumps(claims)}"))
    told = {one.reading: one for one in found if one.check == "runtime-from-calls"}
    assert [name for name, one in told.items() if not one.passed] == failing and set(told) == set(calls)
    condemned = {name for group in failed_groups(found) for name in group[0].claims}
    assert condemned == ({"time", *numbers} if len(failing) == 2 else set())


@pytest.mark.parametrize(
    ("effect", "word", "passing"), [(0.474, "large", 2), (0.85, "large", 1), (0.33, "large", 0), (0.33, "medium", 2)]
)
def test_the_word_for_an_effect_and_the_least_that_has_it(effect, word, passing):
    """What is above a threshold has the word too; that the threshold is another is a doubt, no more."""
    said = {"reading": "so", "holds": "significant", "better": "a", "than": ["b"], "metrics": ["rmse"]}
    claim = {"id": "d", "where": "I", "printed": "large effects", "quantity": "performance", "kind": "ordering"}
    claim["predicates"] = [said | {"effect": effect, "magnitude": word}]
    found = [one for one in check_claims(statements.parse(f"paper: '9'\nclaims: [{json.dumps(claim)}]")) if one.number == 9]
    assert sum(one.passed for one in found) == passing and len(found) == 2
    with pytest.raises(ValueError, match="no word for Cliff's δ"):
        inference.cliffs_threshold("0.5", "huge")


def claims_of(rows, table="", runs=30, columns="rmse: RMSE, mse: MSE, rse: RSE", protocol=""):
    """A paper of one table whose rows are grouped by data set, and one whose columns are data sets."""
    return statements.parse(
        f"""
paper: "9"
title: A title
names: {{a: A, b: B, c: C, d: D, e: E, one: One, two: Two, three: Three}}
protocol:
  runs: {runs}
{protocol}
tables:
  Table 1:
    columns: {{{columns}}}
    groups: {{First: one, Second: two}}
    rows: {{First: {{{rows[0]}}}, Second: {{{rows[1]}}}}}
{table}
claims:
  - rows_of: Table 1
{"  - rows_of: Table 2" if table else ""}
"""
    )


TRUE_ROWS = ("a: 2.00 | 4.00 | 40.0, b: 3.00 | 9.00 | 90.0", "a: 2.00 | 4.00 | 20.0, b: 3.00 | 9.00 | 45.0")


def test_rows_on_two_data_sets_need_not_have_one_variance():
    assert failed(check_claims(claims_of(TRUE_ROWS))) == set()
    forged = (TRUE_ROWS[0].replace("90.0", "80.0"), TRUE_ROWS[1])
    (group,) = failed_groups(check_claims(claims_of(forged)))
    assert group[0].check == "one-variance" and all(".one." in name for name in group[0].claims)


def test_spreads_in_cells_of_a_table_tie_mean_errors_over_runs():
    def rows(mse):
        return (f"a: 20.860.30 | {mse}12.40 | 40.02.0", "a: 2.00 | 4.00 | 20.0")

    assert failed(check_claims(claims_of(rows("435.28")))) == set()
    assert failed(check_claims(claims_of(rows("439.28")))) == {"mean-mse-from-rmse"}
    assert failed(check_claims(claims_of(("a: 20.860.30 | 435.2840.10 | 40.02.0", rows("1")[1])))) == {"mse-spread"}


def test_a_column_that_is_a_multiple_of_another_data_sets_is_found():
    first = {"a": 37.44, "b": 34.51, "c": 31.05, "d": 29.90, "e": 28.73}

    def paper_of(others):
        rows = ", ".join(f"{name}: {value:.2f} | |" for name, value in first.items())
        cells = ", ".join(f"{name}: '{value:.2f}'" for name, value in others.items())
        table = f"  Table 2: {{quantity: rmse, columns: {{three: Three}}, rows: {{{cells}}}}}"
        return claims_of((rows, ""), table)

    honest = {name: value * 1.4 * (1 + 0.03 * (-1) ** i) for i, (name, value) in enumerate(first.items())}
    assert failed(check_claims(paper_of(honest))) == set()
    (group,) = failed_groups(check_claims(paper_of({name: value * 1.4 for name, value in first.items()})))
    assert group[0].check == "multiples" and group[0].probability < 1e-6 and len(group[0].claims) == 10


def test_a_relative_error_stands_alone_against_two_that_agree():
    rows = {
        "a": {"mse": "100.0", "rmse": "10.00", "rse": "0.250"},
        "b": {"mse": "100.0", "rmse": "10.00", "rse": "0.300"},
        "c": {"mse": "100.0", "rmse": "12.00", "rse": "0.300"},
    }
    (found,) = [one for one in check_together(rows) if one.check == "one-variance"]
    assert not found.passed and set(found.claims) == {"a.rse", "b.rse", "c.rse", "c.mse", "c.rmse"}


NETWORK = """
paper: "9"
title: A title
names: {plain: Plain, wide: + Layer, other: Other, one: One, two: Two}
protocol: {averages: [macro, mean]}
tables:
  Table 1:
    columns: {data: Where, accuracy: Acc, fps: FPS}
    rows: {plain: "One | 0.90 | 30", wide: "Two | 0.95 | 20", other: "Two | 0.80 | 11"}
  Table 2:
    columns: {accuracy: Acc, fps: FPS, parameters: Params (M), ci: CI (%), t: t}
    units: {parameters: M, ci: "%"}
    none: "—"
    data: one
    with: {n: "[9.n]", estimate: "[9.T2.one.wide.accuracy] - [9.T2.one.{model}.accuracy]"}
    adds: {wide: {one layer: [{dense: [632, 632]}], none: []}}
    rows:
      plain: "0.90 | 30 | 25.6 | [4.0, 6.0] | 13.9"
      wide: "0.95 | 20 | 26.0 | — | —"
      other: "0.80 | 12 | — | [14.0, 16.0] | 41.6"
claims:
  - rows_of: Table 1
  - rows_of: Table 2
  - {id: 9.n, where: Section 1, printed: five, quantity: n}
  - {id: 9.layers, where: Section 1, printed: "6", quantity: setting}
  - {id: 9.gates, where: Section 1, printed: "18", quantity: parameters, of: {works_out: {three a layer: "[9.layers] * 3"}}}
  - id: 9.best
    where: Section 1
    printed: best
    quantity: performance
    kind: ordering
    predicates: [{reading: so, holds: beats, better: wide, than: [plain], metrics: [accuracy], data: [one]}]
"""


def network(*changes):
    """Checks that fail in `NETWORK` with some words changed."""
    text = NETWORK
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return failed_groups(check_claims(statements.parse(text)))


def test_an_honest_network_passes():
    assert network() == []


@pytest.mark.parametrize(
    ("before", "after", "check", "tied"),
    [
        ('wide: "0.95 | 20 | 26.0', 'wide: "0.95 | 20 | 27.0', "parameters-added", {"9.T2.one.plain.parameters"}),
        ("13.9", "2.9", "t-from-interval", {"9.T2.one.plain.t", "9.n", "9.T2.one.plain.ci_low"}),
        ("[4.0, 6.0]", "[7.0, 9.0]", "estimate-in-interval", {"9.T2.one.wide.accuracy", "9.T2.one.plain.ci_high"}),
        ('printed: "18"', 'printed: "24"', "worked-out", {"9.gates", "9.layers"}),
        ('plain: "One | 0.90', 'plain: "One | 0.70', "same-number", {"9.T1.one.plain.accuracy", "9.T2.one.plain.accuracy"}),
        ("better: wide, than: [plain]", "better: plain, than: [wide]", "sentence-follows-from-tables", {"9.best"}),
    ],
)
def test_what_is_forged_in_a_network_is_found(before, after, check, tied):
    found = [group for group in network((before, after)) if group[0].check == check]
    assert found and any(tied <= set(group[0].claims) for group in found)


def test_rows_that_another_table_has_on_other_data_are_found():
    rows = {f"m{i}": (f"0.{71 + i}", f"{20 + 3 * i}") for i in range(8)}
    names = f"names: {{{', '.join(f'{name}: {name.upper()}' for name in rows)}, one: One, two: Two}}"

    def paper_of(second):
        tables = []
        for place, table, on in (("Table 1", rows, "data: one"), ("Table 2", second, "data: two")):
            lines = ", ".join(f"{name}: '{a} | {f}'" for name, (a, f) in table.items())
            tables.append(f"  {place}: {{columns: {{accuracy: Acc, fps: FPS}}, {on}, rows: {{{lines}}}}}")
        places = "claims: [{rows_of: Table 1}, {rows_of: Table 2}]"
        return statements.parse("\n".join(["paper: '9'", "title: A title", names, "tables:", *tables, places]))

    def found(second):
        return {group[0].check for group in failed_groups(check_claims(paper_of(second)))}

    honest = {name: (f"0.{81 - (i * 7) % 13}", f"{50 - (i * 5) % 11}") for i, name in enumerate(rows)}
    assert found(honest) == set()
    assert found(honest | {name: rows[name] for name in ("m1", "m2", "m3", "m4")}) == {"copied-cells"}


def test_where_tables_contradict_each_other_a_sentence_may_mean_either():
    lower = ('plain: "One | 0.90', 'plain: "One | 0.97')
    assert {group[0].check for group in network(lower)} == {"same-number"}
    both = network(lower, ('plain: "0.90 | 30 | 25.6 | [4.0, 6.0] | 13.9"', 'plain: "0.98 | 30 | 25.6 | — | —"'))
    assert "sentence-follows-from-tables" in {group[0].check for group in both}

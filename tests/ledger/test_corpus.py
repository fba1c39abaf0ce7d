"""Rows known to be right, which no check may fail, and impossible ones, of which those that are missed are named."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats
from sklearn import metrics

from qhelpers.ledger import check
from qhelpers.ledger.checks import check_together, failed_groups
from qhelpers.ledger.intervals import printed_interval
from qhelpers.ledger.tables import Stated, Table, typed_row

CORPUS = yaml.safe_load(Path(__file__).with_name("corpus.yaml").read_text(encoding="utf-8"))
RIGHT, IMPOSSIBLE = CORPUS["right"], CORPUS["impossible"]
HEADACHE = [[24.5, 23.5, 26.4, 27.1, 29.9], [28.4, 34.2, 29.5, 32.2, 30.1], [26.1, 28.3, 24.3, 26.2, 27.8]]


def stated(case):
    counts = ({"positives": case["positives"], "negatives": case["negatives"]},) if "positives" in case else ()
    said = case.get("stated", {})
    return Stated(tuple(said.get("averages", ())), counts, said.get("runs"), said.get("folds"), said.get("test"))


def report(case):
    row, _ = typed_row(case["row"])
    return check.check([Table("", {"": row}, stated(case), {})])


def ids(cases):
    return [case["id"] for case in cases]


def test_there_are_enough_and_each_has_a_source():
    assert len(RIGHT) >= 60 and len(IMPOSSIBLE) >= 60
    assert len(set(ids(RIGHT + IMPOSSIBLE))) == len(RIGHT) + len(IMPOSSIBLE)
    assert all(case["source"] for case in RIGHT + IMPOSSIBLE)


def labels(case):
    """Classes and predictions that give the matrix of a case."""
    if "classes" in case:
        cells = [(i, j, n) for i, line in enumerate(case["classes"]) for j, n in enumerate(line)]
    else:
        tp, fp, fn, tn = case["matrix"]
        cells = [(1, 1, tp), (0, 1, fp), (1, 0, fn), (0, 0, tn)]
    truth, predicted, counts = zip(*cells, strict=True)
    return np.repeat(truth, counts), np.repeat(predicted, counts)


def recomputed(case):
    """The numbers of a case, from what stands beside them, by scikit-learn and SciPy."""
    values = {}
    if "matrix" in case or "classes" in case:
        truth, predicted = labels(case)
        average = {"average": case.get("average", "binary"), "zero_division": 0}
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, predicted, **average)
        beta = float(case["row"].get("beta", 1))
        values = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "f_beta": metrics.fbeta_score(truth, predicted, beta=beta, **average),
            "beta": beta,
            "accuracy": metrics.accuracy_score(truth, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
            "mcc": metrics.matthews_corrcoef(truth, predicted),
            "points": len(truth),
        }
        if "matrix" in case:
            values["specificity"] = metrics.recall_score(truth, predicted, pos_label=0)
        if "auc" in case:
            values["auc"] = case["auc"]
    if "interval" in case:
        outcome = stats.binomtest(*case["interval"])
        low, high = outcome.proportion_ci()
        values |= {"estimate": outcome.statistic, "ci_low": low, "ci_high": high}
    if "test" in case:
        t, df = case["test"]
        values |= {"t": t, "df": df, "n": df + 1, "p": 2 * stats.t.sf(abs(t), df)}
    if "groups" in case:
        a, b = case["groups"]
        outcome = stats.ttest_ind(a, b, equal_var="." not in case["row"].get("df", ""))
        spread = np.sqrt((np.var(a, ddof=1) * (len(a) - 1) + np.var(b, ddof=1) * (len(b) - 1)) / (len(a) + len(b) - 2))
        delta = np.sign(np.subtract.outer(a, b)).mean()
        values |= {"t": outcome.statistic, "p": outcome.pvalue, "df": outcome.df, "cliffs_delta": delta}
        values["d"] = abs(np.mean(a) - np.mean(b)) / spread
        for i, group in enumerate((a, b), start=1):
            values |= {f"mean_{i}": np.mean(group), f"sd_{i}": np.std(group, ddof=1), f"n_{i}": len(group)}
    if "pairs" in case:
        difference = np.subtract(*case["pairs"])
        outcome = stats.ttest_1samp(difference, 0)
        values |= {"t": outcome.statistic, "df": outcome.df, "p": outcome.pvalue, "n": len(difference)}
        values |= {"mean_difference": difference.mean(), "sd_difference": difference.std(ddof=1)}
        values |= {"d": difference.mean() / difference.std(ddof=1)}
        values["ci_low"], values["ci_high"] = outcome.confidence_interval()
    if "f" in case:
        f, between, within = case["f"]
        values |= {"f_statistic": f, "df_between": between, "df_within": within, "p": stats.f.sf(f, between, within)}
        values["eta_squared"] = f * between / (f * between + within)
    if "wilcoxon" in case:
        method = "asymptotic" if "normal" in case["id"] else "exact"
        values |= {"n": len(case["wilcoxon"]), "p": stats.wilcoxon(case["wilcoxon"], method=method).pvalue}
    if "whole" in case:
        values |= {"proportion": case["whole"][0] / case["whole"][1], "n": case["whole"][1]}
    if "tukey" in case:
        outcome, pair = stats.tukey_hsd(*HEADACHE), tuple(case["tukey"])
        interval = outcome.confidence_interval()
        values |= {"estimate": outcome.statistic[pair], "ci_low": interval.low[pair], "ci_high": interval.high[pair]}
    if "folds" in case:
        values |= {name: np.mean(scores) for name, scores in case["folds"].items()}
    if "mses" in case:
        values |= {"mse": np.mean(case["mses"]), "rmse": np.mean(np.sqrt(case["mses"]))}
    if "errors" in case:
        values |= case["errors"] | {"rmse": case["errors"]["mse"] ** 0.5}
        if "variance" in values:
            values["r2"] = 1 - values["mse"] / values["variance"]
    return values


@pytest.mark.parametrize("case", RIGHT, ids=ids(RIGHT))
def test_what_is_called_right_is(case):
    values = recomputed(case)
    row, _ = typed_row(case["row"])
    # The docstring of mlscorecheck gives its scores to 0.01, SciPy's tables of spreads to a digit less than we type.
    loose = {"sd_1", "sd_2", "mean_1", "mean_2", "n_1", "n_2", "d", "magnitude"} if "test" in case else {"magnitude"}
    for name, text in row.items():
        if name in loose:
            continue
        interval = printed_interval(text, "either" if "cut" in case else "rounded")
        value = float(values[name])
        assert interval.lo - 1e-9 <= value <= interval.hi + 1e-9, f"{name} is printed {text}, and is {value}"
    if "positives" in case:
        tp, fp, fn, tn = case["matrix"]
        assert (case["positives"], case["negatives"]) == (tp + fn, fp + tn)


@pytest.mark.parametrize("case", RIGHT, ids=ids(RIGHT))
def test_no_false_alarm(case):
    found = report(case)
    assert [one.results[0].sentence for one in found.findings if one.verdict in ("impossible", "implausible")] == []
    assert found.code == check.POSSIBLE, f"nothing was compared: {found.alone}"


@pytest.mark.parametrize("case", IMPOSSIBLE, ids=ids(IMPOSSIBLE))
def test_no_impossible_row_is_missed_that_is_not_named(case):
    assert (report(case).code == check.IMPOSSIBLE) == ("missed" not in case)


def some_matrix_gives(row, positives, negatives):
    """By trying them all with scikit-learn's definitions, for one class and for means over both."""
    tp, tn = np.meshgrid(np.arange(positives + 1), np.arange(negatives + 1), indexing="ij")
    fn, fp = positives - tp, negatives - tn
    beta = float(row.get("beta", 1))

    def share(a, b):
        return np.divide(a, b, out=np.zeros(a.shape), where=b > 0)

    def one_class(tp, fp, fn):
        precision, recall = share(tp, tp + fp), share(tp, tp + fn)
        f = [share((1 + b * b) * precision * recall, b * b * precision + recall) for b in (1, beta)]
        return precision, recall, *f

    both = one_class(tp, fp, fn), one_class(tn, fn, fp)
    whole = {
        "accuracy": (tp + tn) / (positives + negatives),
        "balanced_accuracy": (both[0][1] + both[1][1]) / 2,
        "mcc": share(1.0 * tp * tn - 1.0 * fp * fn, np.sqrt(1.0 * (tp + fp) * positives * negatives * (tn + fn))),
    }
    for weight in (1.0, 0.5, positives / (positives + negatives)):
        means = [weight * a + (1 - weight) * b for a, b in zip(*both, strict=True)]
        values = dict(zip(("precision", "recall", "f1", "f_beta"), means, strict=True)) | whole
        values["specificity"] = weight * both[1][1] + (1 - weight) * both[0][1]
        fits = np.ones(tp.shape, dtype=bool)
        for name in set(values) & set(row):
            interval = printed_interval(row[name], "either")
            fits &= (values[name] >= interval.lo - 1e-9) & (values[name] <= interval.hi + 1e-9)
        if fits.any():
            return True
    return False


SIZED = [case for case in IMPOSSIBLE if "positives" in case and "stated" not in case]


@pytest.mark.parametrize("case", SIZED, ids=ids(SIZED))
def test_what_is_called_impossible_is(case):
    row, _ = typed_row(case["row"])
    assert not some_matrix_gives(row, case["positives"], case["negatives"])


def text_of(value, digits, cut):
    factor = 10.0**digits
    return f"{np.trunc(value * factor) / factor:.{digits}f}" if cut else f"{value:.{digits}f}"


@pytest.mark.parametrize("cut", [False, True], ids=["rounded", "cut off"])
@pytest.mark.parametrize("seed", range(25))
def test_no_false_alarm_on_tests_of_random_data(seed, cut):
    """Two groups of unequal size by Student's and Welch's test, pairs, and an analysis of variance."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, rng.uniform(0.5, 2), rng.integers(3, 30)), rng.normal(0, 1, rng.integers(3, 30))
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2)
    rows = []
    for equal in (True, False):
        outcome = stats.ttest_ind(a, b, equal_var=equal)
        row = {"t": (outcome.statistic, 2), "p": (outcome.pvalue, 3), "d": ((a.mean() - b.mean()) / pooled**0.5, 2)}
        row |= {"df": (outcome.df, 0 if equal else 2), "n_1": (len(a), 0), "n_2": (len(b), 0)}
        groups = {"mean_1": (a.mean(), 2), "sd_1": (a.std(ddof=1), 2), "mean_2": (b.mean(), 2), "sd_2": (b.std(ddof=1), 2)}
        rows += [row, row | groups]
    samples = [rng.normal(rng.normal() / 2, 1, rng.integers(3, 12)) for _ in range(4)]
    outcome, within = stats.f_oneway(*samples), sum(map(len, samples)) - 4
    share = 3 * outcome.statistic / (3 * outcome.statistic + within)
    rows.append({"f_statistic": (outcome.statistic, 2), "df_between": (3, 0), "df_within": (within, 0)})
    rows[-1] |= {"p": (outcome.pvalue, 4), "eta_squared": (share, 3)}
    for row in rows:
        printed = {name: text_of(value, digits, cut) for name, (value, digits) in row.items()}
        assert report({"row": printed}).code == check.POSSIBLE, printed


@pytest.mark.parametrize("average", ["binary", "macro", "weighted"])
def test_honest_tables_are_not_called_implausible(average):
    """Sixty tables of a dozen models on a balanced test set of 200: scores of one matrix go up and down together."""
    from qhelpers.ledger.checks.matrices import metrics as of_matrices

    rng = np.random.default_rng(0)
    doubted = 0
    for _ in range(60):
        skill = rng.uniform(0.75, 0.95, 12)
        tp, tn = rng.binomial(100, skill), rng.binomial(100, skill)
        values = of_matrices(tp, 100 - tn, 100 - tp, tn, average)
        names = ("precision", "recall", "f1", "accuracy")
        rows = {f"m{i}": {name: f"{values[name][i]:.3f}" for name in names} for i in range(12)}
        doubted += bool([group for group in failed_groups(check_together(rows)) if group[0].number == 12])
    assert doubted == 0

"""The three sentences of part 3 follow from the records, whichever way these go and whichever experiments are recorded."""

import dataclasses
import re

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.ledger import counting, shown
from qhelpers.papers.useful_life import answer

CLAIMS = ledger.claims("3")
#: About what was measured, on every set.
USUAL = {
    "lowest-of-1000": 33.0,
    "one-read": 24.2,
    "uniform": 24.0,
    "argmax-random-ties": 33.0,
    "mean-of-state": 22.5,
    "mean": 42.0,
}


@pytest.fixture
def forged(monkeypatch):
    """Records in which rules, baselines and selectors of equal entropy score what a test says."""

    def forge(rivals=None, shares=None, **scores):
        def scattered(name, centre, n=30):
            own = np.random.default_rng([*map(ord, name)])
            return centre + 0.5 * own.standard_normal(n)

        def values(selector, data="cmapss_fd001", metric="rmse", **other):
            return scattered(selector, (USUAL | {k.replace("_", "-"): v for k, v in scores.items()}).get(selector, 28.0))

        def rival(model, data="cmapss_fd001", metric="rmse"):
            return scattered(model, rivals[model]) if rivals else np.empty(0)

        monkeypatch.setattr(answer, "values", values)
        monkeypatch.setattr(answer, "rival", rival)
        monkeypatch.setattr(answer, "of_equal_entropy", lambda: shares or {})
        return [re.sub("<[^>]+>", "", one) for one in answer.sentences()]

    return forge


def test_an_annealer_that_is_worth_nothing(forged):
    helps, where, instead = forged()
    assert "help? No: on engines" in helps and "(one read), and by 2" in helps and "equal entropy" not in helps
    assert "On none of 5 sets is it clearly ahead" in where and "On all of them the mean label" in where
    assert "Group windows that are alike" in instead


def test_an_annealer_that_helps_by_one_reading_or_by_both(forged):
    helps, where, _ = forged(one_read=15.0)
    assert "By one reading (one read)" in helps and "FD001 and FD002" in where and "On none of them the mean label" in where
    assert "help? Yes:" in forged(one_read=15.0, lowest_of_1000=16.0)[0]


def test_an_annealer_that_is_as_good_as_chance_or_worse_than_it(forged):
    assert "Not that we could see" in forged(lowest_of_1000=24.1)[0]
    assert "No, it does harm" in forged(one_read=30.0)[0]


def test_with_selectors_of_equal_entropy_its_own_share_is_told(forged):
    helps = forged(shares={"t0.35": (0.05, -0.1, 0.2), "t0.1": (1.0, 0.5, 1.5), "n1000": (-2.05, -3.0, -1.0)})[0]
    assert "is −0.3 cycles (mean of 3 entropies, clear at 1); printed is 7.1." in helps


def test_with_baselines_the_simplest_that_is_near_the_best_is_named(forged):
    rivals = {"mean": 42.0, "last-cycle": 18.0, "ridge": 16.2, "random-forest": 16.0, "gradient-boosting": 15.9}
    instead = forged(rivals)[2]
    assert "Ridge regression on window statistics (16." in instead and "days on the fleet)" in instead
    assert "A random forest" in forged(rivals | {"random-forest": 12.0, "gradient-boosting": 11.9})[2]
    assert list(answer.bars())[:2] == ["a straight line on the last row", "ridge regression on window statistics"]


def test_shares_at_equal_entropy_are_read_from_the_records(monkeypatch):
    """Two engines, the one held out in each run; the annealer's squared errors are those of the softmax, times nine quarters."""
    from types import SimpleNamespace

    from qhelpers.papers.useful_life.experiments import entropy
    from qhelpers.runs import records

    names = entropy.learners("cmapss_fd001")
    squared = np.full((len(names), 2), 400.0)
    squared[[name.endswith(".annealer") for name in names]] = 900.0
    kept = {"unit": np.array([1, 2]), "windows": np.array([1, 1]), "squared": squared}
    place = {"data": "cmapss_fd001", "protocol": "printed", "td": True}
    runs = [SimpleNamespace(config=place, arrays=lambda: kept) for _ in range(5)]
    monkeypatch.setattr(records, "measured", lambda name: runs)
    answer.of_equal_entropy.cache_clear()
    found = answer.of_equal_entropy()
    assert list(found) == list(entropy.points("cmapss_fd001")) and set(found.values()) == {(-10.0, -10.0, -10.0)}
    answer.of_equal_entropy.cache_clear()
    monkeypatch.setattr(records, "measured", lambda name: runs[:4])
    assert answer.of_equal_entropy() == {}
    answer.of_equal_entropy.cache_clear()


def test_table_11_is_one_factor_times_the_others_and_would_not_be_with_one_cell_changed(monkeypatch):
    factors = {"cmapss_fd002": 1.40, "cmapss_fd003": 1.05, "cmapss_fd004": 1.65}
    for data, (low, high) in answer.scales().items():
        assert low == pytest.approx(factors[data], abs=0.0003) and high == pytest.approx(factors[data], abs=0.0003)
    forged = [dataclasses.replace(one, printed="37.39") if one.id == "3.T11.cmapss_fd002.gru.rmse" else one for one in CLAIMS]
    monkeypatch.setattr(ledger, "claims", lambda number: forged)
    assert answer.scales()["cmapss_fd002"][0] < 1.1


def test_arithmetic_is_told_in_words_and_counts_what_it_ties():
    rows = counting.arithmetic("3", answer.ARITHMETIC)
    assert {one["what"] for one in rows} == set(answer.ARITHMETIC.values())
    assert rows[0]["what"].startswith("mean absolute error above") and rows[0]["claims"] == 2 * rows[0]["times"]


def test_a_table_shows_what_ran_beside_what_is_printed_or_lost():
    rows = {one[""]: one for one in shown.beside("3", {"FD001": "6|7 cmapss_fd001.{}.rmse"})}
    assert len(rows) == 15 and rows["QAQL"]["FD001"] == "20.86"
    assert rows["QAQL"]["FD001, here"].startswith(f"{answer.values('lowest-of-1000').mean():.1f} ± ")
    (fd002,) = shown.beside("3", {"RMSE": "10 {}.qaql.rmse"})[:1]
    assert fd002["RMSE"] == "lost" and fd002["RMSE, here"].startswith(
        f"{answer.values('lowest-of-1000', 'cmapss_fd002').mean():.1f}"
    )
    assert shown.here("3.T3.bins") == ""


def test_the_table_of_all_parts_is_in_percent_of_the_controls_error():
    rows = {(one.what, one.control, one.place): one for one in answer.ingredients()}
    one = rows["annealer, best of 1,000 reads", "any bin", "engines"]
    test = answer.gain("lowest-of-1000", "uniform")
    assert one.effect == pytest.approx(100 * test.difference / answer.values("uniform").mean()) and one.n == test.n
    assert one.low == pytest.approx(100 * test.low / answer.values("uniform").mean()) and "modelled" in one.cost
    matched = rows["annealer, one read, T = 0.35", "a softmax as random", "engines"]
    assert np.sign(matched.effect) == np.sign(answer.of_equal_entropy()["t0.35"][0]) and matched.pairs == "engines"

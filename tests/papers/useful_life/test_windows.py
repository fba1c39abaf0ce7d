"""Windows of engines: how many there are, how they are scaled and labelled, both protocols, and the leak of their overlap."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life.windows import (
    DROPPED,
    FEATURES,
    KEPT,
    Scaler,
    Windows,
    as_printed,
    count_windows,
    cut,
    official,
    official_scores,
    overlap_leak,
    phm08,
    regimes_of,
    units_of,
)


@pytest.fixture(scope="module")
def one_regime():
    return datasets.load("cmapss_fd001", "twin", n=40, seed=1)


@pytest.fixture(scope="module")
def six_regimes():
    return datasets.load("cmapss_fd004", "twin", n=40, seed=1)


def test_features_are_fourteen_sensors_and_three_settings():
    assert len(FEATURES) == 17 and len(KEPT) == 14 and len(DROPPED) == 7 and not set(KEPT) & set(DROPPED)


@pytest.mark.parametrize("window", [1, 2, 5, 30])
def test_windows_are_counted_as_they_are_cut(window):
    lengths = [1, 4, 5, 29, 30, 31, 64, 90]
    by_hand = sum(len(range(length - window + 1)) for length in lengths)
    assert count_windows(lengths, window) == len(cut(np.r_[0, np.cumsum(lengths)], window, short="drop")) == by_hand


def test_the_printed_count_is_all_windows_of_a_hundred_engines():
    """20,631 rows of 100 engines, none shorter than a window: 20,631 - 100 x 29, whatever the single lengths are."""
    lengths = np.full(100, 206)
    lengths[:31] += 1
    assert lengths.sum() == 20_631
    assert count_windows(lengths) == 20_631 - 100 * 29 == 17_731


@pytest.mark.needs_data("cmapss_fd001", "cmapss_fd002", "cmapss_fd003", "cmapss_fd004")
def test_counts_of_the_official_files():
    lengths, short = {}, {}
    for number in range(1, 5):
        data = datasets.load(f"cmapss_fd00{number}")
        lengths[number] = np.diff(data.edges)[data.official == "train"]
        short[number] = int(np.sum(np.diff(data.edges)[data.official == "test"] < 30))
    assert [count_windows(lengths[number]) for number in range(1, 5)] == [17_731, 46_219, 21_820, 54_028]
    assert 8 * count_windows(lengths[1][:80]) == 110_544  # what eight episodes of the first eighty engines select
    assert list(short.values()) == [0, 6, 0, 11]


def test_a_unit_shorter_than_a_window():
    edges = [0, 4, 6, 11]
    with pytest.raises(ValueError, match=r"unit engine 2 has 2 rows \(1 such units\); allowed are 4, those of a window"):
        cut(edges, 4, names=["engine 1", "engine 2", "engine 3"])
    with pytest.raises(ValueError, match="short='skip' was given; allowed are 'error', 'drop' and 'pad'"):
        cut(edges, 4, short="skip")
    assert cut(edges, 4, short="drop").tolist() == [[0, 3], [2, 9], [2, 10]]
    assert cut(edges, 4, short="pad").tolist() == [[0, 3], [1, 5], [2, 9], [2, 10]]


def test_windows_are_cut_when_they_are_asked_for():
    values = np.arange(12.0).reshape(6, 2)
    zero = np.zeros(3)
    told = Windows(
        values=values,
        features=("a", "b"),
        first=np.array([0, 0, 4]),
        last=np.array([2, 3, 5]),
        length=3,
        unit=np.array([0, 0, 1]),
        remaining=zero,
        y=zero,
    )
    assert told.X.shape == (3, 3, 2) and (told.X[1] == values[1:4]).all() and (told.rows == values[[2, 3, 5]]).all()
    assert (told.X[2] == values[[4, 4, 5]]).all()  # two rows of three: the first one is repeated
    assert (told.take([True, False, True]) == told.X[[0, 2]]).all() and len(told.of([1])) == 1 and len(told.only([0, 2])) == 2


def test_as_printed_holds_a_fifth_of_the_engines_out(one_regime):
    train, test = as_printed(one_regime, 3)
    engines = units_of(one_regime, "train")
    parts = set(train.unit), set(test.unit)
    assert not parts[0] & parts[1] and parts[0] | parts[1] == set(engines) and len(parts[1]) == round(0.2 * len(engines))
    assert len(train) + len(test) == count_windows(np.diff(one_regime.edges)[engines])
    assert {*as_printed(one_regime, 3)[1].unit} == parts[1] != {*as_printed(one_regime, 4)[1].unit}
    assert train.X.shape == (len(train), 30, 17) and train.features == FEATURES
    # Labels: what remains after the last row of a window, at most 125; each training engine ends with 0.
    assert (train.y == np.minimum(train.remaining, 125)).all() and train.remaining.min() == 0 and train.y.max() == 125
    k = int(train.unit[0])
    own, rows = train.of([k]), one_regime.rows(k)
    assert len(own) == rows.stop - rows.start - 29 and (np.diff(own.remaining) == -1).all() and own.remaining[-1] == 0


def test_ranges_are_those_of_the_training_engines_alone(one_regime):
    train, test = as_printed(one_regime, 3)
    rows = np.isin(one_regime.unit, train.unit)
    inside, outside = train.values[rows], train.values[~rows]
    moves = np.ptp(inside, axis=0) > 0
    assert inside.min() == 0 and inside.max() == pytest.approx(1) and moves.sum() == 16  # the third setting stands still
    assert outside.min() < 0 and outside.max() > 1  # nothing was learned from them, nothing is cut
    X = one_regime.X[list(FEATURES)].to_numpy()
    expected = (X - X[rows].min(axis=0)) / np.where(moves, np.ptp(X[rows], axis=0), 1)
    np.testing.assert_allclose(train.values, expected, atol=1e-9)
    X = one_regime.X.copy()
    X[~rows] *= 2
    changed = replace(one_regime, X=X)
    assert (as_printed(changed, 3)[0].X == train.X).all() and (as_printed(changed, 3)[1].X != test.X).any()


def test_regimes_are_found_and_scaled_by_themselves(one_regime, six_regimes):
    assert (regimes_of(one_regime), regimes_of(six_regimes)) == (1, 6)
    scaler = Scaler(6).fit(six_regimes.X)
    regime, altitude = scaler.regime(six_regimes.X), six_regimes.X["setting1"].round()
    assert pd.crosstab(regime, altitude).gt(0).to_numpy().sum() == 6
    scaled, remaining = scaler.transform(six_regimes.X)[:, KEPT.index("sensor11")], six_regimes.remaining
    plain = Scaler(1).fit(six_regimes.X).transform(six_regimes.X)[:, KEPT.index("sensor11")]
    correlation = [abs(np.corrcoef(column, remaining)[0, 1]) for column in (plain, scaled)]
    assert correlation[0] < 0.15 and correlation[1] > 0.45
    for one in range(6):
        assert np.ptp(scaled[regime == one]) == pytest.approx(1)
    assert six_regimes.X["setting1"].groupby(regime).mean().is_monotonic_increasing  # numbered by altitude
    with pytest.raises(ValueError, match="n_regimes=6 was given; allowed are no more than the settings that occur"):
        Scaler(6).fit(one_regime.X)


def test_the_regime_is_appended_where_there_are_several(one_regime, six_regimes):
    for windows in (*as_printed(six_regimes, 0), *official(six_regimes)):
        assert windows.features == (*FEATURES, *(f"regime{k}" for k in range(1, 7))) and windows.rows.shape[1] == 23
        said, altitude = windows.rows[:, 17:], six_regimes.X["setting1"].to_numpy()[windows.last]
        assert (said.sum(axis=1) == 1).all() and set(np.unique(said)) == {0, 1}
        assert (np.round(altitude[said[:, 0] == 1]) == 0).all() and (np.round(altitude[said[:, 5] == 1]) == 42).all()
    with_it, without = (as_printed(six_regimes, 0, context=told)[0] for told in (True, False))
    assert without.features == FEATURES and (without.values == with_it.values[:, :17]).all()
    assert official(six_regimes, context=False)[1].features == FEATURES
    assert as_printed(six_regimes, 0, regimes=1)[0].features == as_printed(one_regime, 0)[0].features == FEATURES


def test_the_official_protocol_predicts_once_an_engine(six_regimes):
    train, test = official(six_regimes)
    engines = units_of(six_regimes, "test")
    assert test.unit.tolist() == engines.tolist() and set(train.unit) == set(units_of(six_regimes, "train"))
    assert (test.last == six_regimes.edges[engines + 1] - 1).all()
    left = six_regimes.life[engines] - six_regimes.cycle[test.last]
    assert (test.remaining == left).all() and (test.y == np.minimum(left, 125)).all() and left.max() > 125
    rows = np.diff(six_regimes.edges)[engines]
    k = int(np.argmin(rows))
    window = test.take([k])[0]
    if rows[k] < 30:  # padded in front with the first cycle
        assert (window[: 30 - rows[k]] == window[0]).all()
    assert (window[-1] == test.values[test.last[k]]).all()


def test_a_test_engine_shorter_than_a_window_repeats_its_first_cycle(one_regime):
    _, test = official(one_regime, window=120)
    short = np.flatnonzero(np.diff(one_regime.edges)[test.unit] < 120)
    assert len(short) > 0 and len(test) == len(units_of(one_regime, "test"))
    for k in short:
        rows = one_regime.rows(int(test.unit[k]))
        lacking = 120 - (rows.stop - rows.start)
        window = test.take([k])[0]
        assert (window[: lacking + 1] == test.values[rows.start]).all() and (window[lacking:] == test.values[rows]).all()


def test_a_training_engine_shorter_than_a_window_is_refused(one_regime):
    for protocol in (lambda **told: official(one_regime, **told), lambda **told: as_printed(one_regime, 0, **told)):
        with pytest.raises(ValueError, match=r"unit train \d{4} has \d+ rows .*; allowed are 300, those of a window"):
            protocol(window=300)
    assert len(as_printed(one_regime, 0, window=200, short="drop")[0]) > 0


def test_a_set_without_official_parts_is_refused():
    fleet = datasets.load("device_failure", "twin", n=30)
    with pytest.raises(ValueError, match="device_failure has no official part 'train'; allowed is a C-MAPSS set"):
        as_printed(fleet, 0)


def test_scores_of_the_challenge():
    assert phm08([10, 10, 10], [10, 23, -3]) == pytest.approx(np.exp(1.3) - 1 + np.exp(1) - 1)
    assert phm08([10], [20]) > phm08([20], [10]) > 0  # late is worse than early
    told = official_scores([100, 140], [100, 125])
    assert told["rmse"] == pytest.approx(np.sqrt(15**2 / 2)) and told["capped rmse"] == told["capped phm08"] == 0
    assert told["phm08"] == pytest.approx(np.exp(15 / 13) - 1)
    for bad in ([1.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="allowed are two rows of finite numbers, one an engine each"):
            official_scores([1, 2], bad)


@pytest.mark.needs_data("cmapss_fd001")
def test_the_best_constant_on_the_official_test():
    _, test = official(datasets.load("cmapss_fd001"))
    assert len(test) == 100 and test.remaining.mean() == pytest.approx(75.52)
    assert official_scores(test.remaining, np.full(100, test.remaining.mean()))["rmse"] == pytest.approx(41.56, abs=0.005)
    assert official_scores(test.remaining, np.full(100, test.y.mean()))["capped rmse"] == pytest.approx(40.07, abs=0.005)


def test_the_overlap_of_windows_is_a_leak():
    data = datasets.load("cmapss_fd001", "twin", n=50, seed=2)
    told = overlap_leak(as_printed(data, 0)[0], 0, components=10)
    assert told["random"] < 0.5 * told["by unit"] and told["shared rows"] > 0.9
    means = overlap_leak(as_printed(data, 0)[0], 0, components=None)
    assert means["random"] < 0.2 * means["by unit"] and means["shared rows"] == told["shared rows"]


@pytest.mark.needs_data("cmapss_fd001")
def test_the_overlap_of_official_windows_is_a_leak():
    told = overlap_leak(official(datasets.load("cmapss_fd001"))[0].of(range(50)), 0)
    assert told["random"] < 0.8 * told["by unit"] and 0.94 < told["shared rows"] < 0.98

"""Windows of the fleet: gaps, scales, features and labels as printed; the leaks; the fair version."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.papers.useful_life import fleet
from qhelpers.papers.useful_life.windows import Windows


@pytest.fixture(scope="module")
def twin():
    return datasets.load("device_failure", "twin", n=120, seed=4)


def tiny(cycles, life, censored, readings=None):
    """A fleet by hand: the days of each device, and when it failed."""
    edges = np.r_[0, np.cumsum([len(days) for days in cycles])]
    cycle = np.concatenate(cycles)
    first = np.arange(len(cycle), dtype=float) if readings is None else np.asarray(readings, float)
    columns = {f"attribute{k}": first if k == 1 else first * 0 for k in range(1, 10)}
    made = datasets.load("device_failure", "twin", n=30)
    return replace(
        made,
        X=pd.DataFrame(columns),
        cycle=cycle,
        edges=edges,
        life=np.array(life),
        censored=np.array(censored),
        groups=np.array([f"device {k}" for k in range(len(cycles))]),
        time=np.datetime64("2015-01-01") + (cycle - 1),
    )


def test_short_gaps_are_filled_and_longer_ones_cut():
    data = tiny([[1, 2, 5, 6, 10, 11], [1, 3]], [11, 3], [False, True])
    told = fleet.days(data)
    assert told.day.tolist() == [1, 2, 3, 4, 5, 6, 10, 11, 1, 2, 3]  # two days are filled, three are not
    assert told.values[:, 0].tolist() == [0, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7]
    assert told.edges.tolist() == [0, 6, 8, 11] and told.unit.tolist() == [0] * 8 + [1] * 3
    np.testing.assert_array_equal(told.remaining[[0, 7, 8, 10]], [10, 0, np.nan, np.nan])
    assert (told.date == np.datetime64("2015-01-01") + told.day - 1).all()


def test_rows_behind_the_failure_are_left_out():
    told = fleet.days(tiny([[1, 2, 3, 4, 5], [1, 2]], [3, 2], [False, True]))
    assert told.day.tolist() == [1, 2, 3, 1, 2] and told.remaining[:3].tolist() == [2, 1, 0]


def test_a_set_without_a_calendar_is_refused():
    with pytest.raises(ValueError, match="cmapss_fd001 has no calendar days; allowed is the fleet of devices"):
        fleet.days(datasets.load("cmapss_fd001", "twin", n=10))


def test_both_scales():
    values, unit = np.array([[2.0], [4.0], [3.0], [6.0], [5.0], [5.0]]), np.array([0, 0, 0, 0, 1, 1])
    assert fleet.scaled(values, unit, "life")[:, 0].tolist() == [0, 0.5, 0.25, 1, 0, 0]
    assert fleet.scaled(values, unit, "past")[:, 0].tolist() == [0, 1, 0.5, 1, 0, 0]
    with pytest.raises(ValueError, match="scaling='all' was given; allowed are 'life', as printed, and 'past'"):
        fleet.scaled(values, unit, "all")


def test_the_scale_of_the_past_does_not_know_what_comes(twin):
    told = fleet.days(twin)
    for how, knows in (("life", True), ("past", False)):
        values = fleet.scaled(told.values, told.unit, how)
        six, _ = fleet.engineered(told, values, how)
        device = int(np.argmax(np.bincount(told.unit)))
        rows = np.flatnonzero(told.unit == device)
        changed = told.values.copy()
        changed[rows[len(rows) // 2 :]] *= 3
        again = fleet.scaled(changed, told.unit, how)
        features, _ = fleet.engineered(told, again, how)
        before = rows[: len(rows) // 2]
        assert bool((values[before] != again[before]).any()) == knows
        assert bool((six[before] != features[before]).any()) == knows


def test_the_six_features_by_hand(twin):
    told = fleet.days(twin)
    values = fleet.scaled(told.values, told.unit, "life")
    six, names = fleet.engineered(told, values, "life")
    assert six.shape == (len(values), 5 * 9 + 1) and len(names) == 46 and np.isfinite(six).all()
    start, stop = max(zip(told.edges[:-1], told.edges[1:], strict=True), key=lambda ends: ends[1] - ends[0])
    inside = pd.Series(values[start:stop, 0])
    row = {name: six[start:stop, k] for k, name in enumerate(names)}
    np.testing.assert_allclose(row["mean of 7 days of stream 1"][6:], inside.rolling(7).mean()[6:])
    np.testing.assert_allclose(row["deviation of 7 days of stream 1"][6:], inside.rolling(7).std(ddof=0)[6:], atol=1e-12)
    slope = [np.polyfit(np.arange(14), inside[k - 13 : k + 1], 1)[0] for k in range(13, 25)]
    np.testing.assert_allclose(row["slope of 14 days of stream 1"][13:25], slope, atol=1e-12)
    np.testing.assert_allclose(row["change since the day before of stream 1"][1:], inside.diff()[1:])
    whole = values[told.unit == told.unit[start], 0]
    far = np.abs(whole - whole.mean()) > 3 * whole.std()
    if whole.std() > 0 and len(whole) == stop - start:
        assert row["days out of band of stream 1"].tolist() == np.cumsum(far).tolist()
    weekdays = np.array([day.weekday() for day in told.date.astype(object)])
    assert np.allclose(six[:, -1] * 6, weekdays)


def test_both_readings_of_six_features(twin):
    few, many = (fleet.fleet_windows(twin, streams=streams) for streams in ("in all", "each"))
    assert few.values.shape[1] == len(few.features) == 9 + 6 and many.values.shape[1] == len(many.features) == 9 + 9 * 5 + 1
    assert (few.values[:, :9] == many.values[:, :9]).all() and (few.values[:, -1] == many.values[:, -1]).all()
    np.testing.assert_allclose(few.values[:, 9], many.values[:, 9:18].mean(axis=1))
    np.testing.assert_allclose(few.values[:, 13], many.values[:, 45:54].sum(axis=1))


def test_both_labels_of_a_device_without_a_failure(twin):
    cap, longest, out = (
        fleet.fleet_windows(twin, healthy=one, cap=size) for one, size in (("cap", 90), ("longest", None), ("left out", 90))
    )
    healthy = np.isnan(cap.remaining)
    assert (cap.y[healthy] == 90).all() and (cap.y[~healthy] == np.minimum(cap.remaining[~healthy], 90)).all()
    assert (longest.y[healthy] == fleet.days(twin).day.max()).all()
    assert (longest.y[~healthy] == cap.remaining[~healthy]).all() and cap.remaining[~healthy].max() > 90
    assert len(out) == (~healthy).sum() and not np.isnan(out.remaining).any() and 0 < len(out) < len(cap)
    for told in ({"healthy": "cap", "cap": None}, {"healthy": "never"}):
        with pytest.raises(ValueError, match="a device without a failure has no label of its own"):
            fleet.fleet_windows(twin, **told)
    with pytest.raises(ValueError, match="streams='six' was given; allowed are 'in all' and 'each'"):
        fleet.fleet_windows(twin, streams="six")


def test_no_window_has_a_hole_in_it(twin):
    told, windows = fleet.days(twin), fleet.fleet_windows(twin)
    assert (told.day[windows.last] - told.day[windows.last - 29] == 29).all()
    assert (told.unit[windows.last] == told.unit[windows.last - 29]).all() and (windows.last - windows.first >= 29).all()


def test_devices_are_split_not_windows(twin):
    for make in (fleet.as_printed, fleet.fair):
        train, test = make(twin, 1)
        assert not set(train.unit) & set(test.unit) and isinstance(test, Windows)
        assert set(make(twin, 2)[1].unit) != set(test.unit)
        assert twin.censored[train.unit].any() == (make is fleet.as_printed)


def test_a_fleet_in_which_nothing_fails_is_refused():
    data = tiny([[1, 2, 3], [1, 2]], [3, 2], [True, True])
    with pytest.raises(ValueError, match="0 devices of device_failure failed; allowed are two or more"):
        fleet.fair(data, 0)
    assert len(fleet.fleet_windows(tiny([range(1, 41), range(1, 5)], [40, 4], [True, True]))) == 11


def test_leaks_of_the_twin(twin):
    end, scale = fleet.leak_of_the_end(twin), fleet.leak_of_scaling(twin)
    assert end["recall"] > 0.8 and end["precision"] < 0.12 and end["AUC"] > 0.97
    assert scale["life"] > 0.9 and abs(scale["past"] - 0.5) < 0.15 and abs(scale["raw"] - 0.5) < 0.15
    labels = fleet.leak_of_labels(fleet.fleet_windows(twin))
    assert labels["share healthy"] > 0.8 and labels["RMSE of healthy or not"] < labels["RMSE of the mean"]
    ends = fleet.censoring(twin)
    assert ends["failed"] + ends["seen to the end"] + ends["vanish"] == len(twin)


@pytest.mark.needs_data("device_failure")
def test_leaks_of_the_official_file():
    data = datasets.load("device_failure")
    end, scale = fleet.leak_of_the_end(data), fleet.leak_of_scaling(data)
    assert [round(end[name], 4) for name in ("recall", "precision", "AUC")] == [0.9528, 0.0864, 0.9925]
    assert [round(scale[name], 3) for name in ("raw", "past", "at 1, failure", "at 1, others")] == [0.528, 0.507, 0.915, 0.023]
    assert scale["life"] == pytest.approx(0.948, abs=0.001)
    ends = fleet.censoring(data)
    assert ends == {"failed": 106, "go on": 5, "seen to the end": 31, "vanish": 1032, "on ten days": 688}


@pytest.mark.needs_data("device_failure")
def test_windows_of_the_official_file():
    data = datasets.load("device_failure")
    windows = fleet.fleet_windows(data)
    failed = windows.only(~np.isnan(windows.remaining))
    assert (len(windows), len(np.unique(windows.unit))) == (98_725, 736)
    assert (len(failed), len(np.unique(failed.unit))) == (7820, 78)
    told = fleet.days(data, filled=0)  # without filling: the windows that no hole interrupts
    rows = np.diff(told.edges)[~np.isnan(told.remaining[told.edges[:-1]])]
    assert np.maximum(rows - 29, 0).sum() == 7816
    labels = fleet.leak_of_labels(windows)
    assert labels["RMSE of the mean"] == pytest.approx(12.446, abs=0.001)
    assert labels["RMSE of healthy or not"] == pytest.approx(8.844, abs=0.001)

"""Readings of paper 1's protocol: what is drawn, what models see, and whether a table betrays where it came from."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.svm import SVC

from qhelpers import datasets, figures
from qhelpers.evaluation.likelihood import QUANTITIES, scores
from qhelpers.papers.low_energy.experiments import protocols
from qhelpers.papers.low_energy.experiments.protocols import (
    BALANCES,
    NAMED,
    PROTOCOL,
    Features,
    columns,
    draw,
    feature_sets,
    judged,
    reduce,
)
from qhelpers.papers.low_energy.experiments.tables import CLASSICAL

ROOM = {"data": "occupancy", "file": "union", "rows": "300", "balance": "balanced", "outliers": "kept", "split": "80/20"}


@pytest.fixture(scope="module")
def room():
    return datasets.load("occupancy", source="twin", n=3000, seed=0)


def fold(dataset, seed=0, **changed):
    (only,) = draw(dataset, ROOM | changed, np.random.default_rng(seed))
    return only


@pytest.mark.parametrize(
    ("rows", "balance", "split"), list(itertools.product(("300", "all"), BALANCES, ("80/20", "70/30"))), ids=lambda value: value
)
def test_training_and_test_rows_are_what_the_protocol_says(room, rows, balance, split):
    train, test = fold(room, rows=rows, balance=balance, split=split)
    assert not set(train) & set(test)
    assert len(set(train)) == len(train) and len(set(test)) == len(test)
    share = room.y.mean()
    both = room.y[np.concatenate([train, test])].mean()
    if rows == "300":
        assert len(train) + len(test) == 300 and len(test) in (60, 90)
    if balance in ("balanced", "first of each"):
        assert both == 0.5
    elif balance == "training only":
        assert room.y[train].mean() == 0.5
        assert abs(room.y[test].mean() - share) < 0.15
    else:
        assert abs(both - share) < 0.08


def test_files_folds_and_the_official_split_hold(room):
    inside = {"union": {"test1", "train", "test2"}, "training file": {"train"}, "first test file": {"test1"}}
    for file, parts in inside.items():
        rows = np.concatenate(fold(room, file=file, rows="all", balance="natural"))
        assert set(room.official[rows]) == parts
    folds = draw(room, ROOM | {"split": "10 folds"}, np.random.default_rng(0))
    tested = np.concatenate([test for _, test in folds])
    assert len(folds) == 10 and len(set(tested)) == 300
    assert all(not set(train) & set(test) for train, test in folds)
    train, test = fold(room, file="all", rows="all", split="official", balance="training only")
    assert set(room.official[train]) == {"train"} and set(room.official[test]) == {"test1", "test2"}


def test_as_many_others_are_drawn_like_the_first(room):
    train, test = fold(room, split="as many others")
    assert len(train) == len(test) == 300 and not set(train) & set(test)
    assert room.y[train].mean() == room.y[test].mean() == 0.5


def test_the_first_rows_come_from_the_top_and_the_others_by_chance(room):
    first = np.sort(np.concatenate(fold(room, balance="first of each")))
    expected = np.sort(np.concatenate([np.flatnonzero(room.y == label)[:150] for label in (0, 1)]))
    np.testing.assert_array_equal(first, expected)
    assert set(fold(room, seed=0)[0]) != set(fold(room, seed=1)[0])


@pytest.mark.parametrize("outliers", ["3 sd", "quartiles"])
def test_outliers_are_gone_before_rows_are_drawn(outliers):
    tracker = datasets.load("ton_iot_gps", source="twin", n=2000, seed=0)
    config = ROOM | {"data": "ton_iot_gps", "file": "all", "rows": "all", "balance": "natural"}
    every, usual = (
        np.concatenate(draw(tracker, config | {"outliers": each}, np.random.default_rng(0))[0]) for each in ("kept", outliers)
    )
    X = tracker.X.to_numpy()
    far = np.setdiff1d(every, usual)
    assert 0 < len(far) < 0.2 * len(every)
    distance = np.abs(X - np.median(X, axis=0)) / X.std(axis=0)
    assert distance[far].max(axis=1).min() > np.median(distance[usual].max(axis=1))


def test_unknown_choices_are_named(room):
    with pytest.raises(ValueError, match="first of each"):
        fold(room, balance="even")
    with pytest.raises(ValueError, match="70/30"):
        fold(room, split="half")
    with pytest.raises(ValueError, match="quartiles"):
        fold(room, outliers="gone")


@pytest.mark.parametrize("features", NAMED["occupancy"].values(), ids=NAMED["occupancy"])
def test_reductions_look_at_training_rows_only(room, features):
    table, y = columns(room, features), room.y
    train, test = fold(room)
    first, seen = reduce(features, table[train], y[train], table[test])
    again, _ = reduce(features, table[train], y[train], table[test] * 100 + 7)
    np.testing.assert_array_equal(first, again)
    assert first.shape[1] == seen.shape[1] == (features.n or len(features.columns))


def test_sets_without_light_do_not_hold_it(room):
    dark = [features for name, features in feature_sets("occupancy", "named").items() if "Light" in name or "first" in name]
    assert len(dark) == 5 and not any("Light" in features.columns for features in dark)
    assert len(feature_sets("occupancy", "subsets")) == 31
    assert set(feature_sets("occupancy", "few")) < set(NAMED["occupancy"])


def test_the_time_of_day_is_an_hour():
    tracker = datasets.load("ton_iot_gps", source="twin", n=400, seed=0)
    hour = columns(tracker, Features(("latitude", "time of day")))[:, 1]
    assert (hour >= 0).all() and (hour < 24).all() and np.ptp(hour) > 1


def test_liblinear_is_the_same_machine_as_libsvm():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 2))
    y = (X[:, 0] + 0.7 * rng.normal(size=6000) > 0.3).astype(int)
    fast = protocols.model("svm-linear", len(X), 0).fit(X, y)
    slow = protocols.model("svm-linear", len(X), 0, libsvm=True).fit(X, y)
    assert isinstance(slow[-1], SVC) and not isinstance(fast[-1], SVC)
    assert np.mean(fast.predict(X) == slow.predict(X)) > 0.995


CHEAP = CLASSICAL[:6]
SETS = {name: NAMED["occupancy"][name] for name in ("all five", "PCA 2", "no Light")}


@pytest.fixture(scope="module")
def made(room):
    """Six quick models on three sets of columns, in four draws of two protocols and one more draw of the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(protocols.MODELS, "classical", CHEAP)
        patch.setitem(protocols.NAMED, "occupancy", SETS)
        cases = [("balanced", seed) for seed in (0, 1, 2, 3, 99)] + [("natural", seed) for seed in range(4)]
        config = ROOM | {"rows": "1000", "models": "classical", "features": "named"}
        return {case: protocols.run(config | {"balance": case[0]}, case[1], room) for case in cases}


@pytest.fixture(scope="module")
def outcome(made):
    return made["balanced", 0]


def record(outcome, **config):
    return SimpleNamespace(
        config=ROOM | {"rows": "1000", "models": "classical"} | config, chosen=outcome.chosen, arrays=lambda: outcome.arrays
    )


def test_a_run_counts_every_test_row(outcome):
    counts = outcome.arrays["counts"]
    assert counts.shape == (len(SETS), len(CHEAP), 1, 4)
    assert (counts.sum(axis=-1) == 200).all() and outcome.chosen["refused"] == []
    assert outcome.chosen["n_train"] == 800 and (outcome.arrays["seconds"] > 0).all()


def test_without_the_lamp_linear_models_of_the_room_lose(outcome):
    accuracy = scores(outcome.arrays["counts"])[:, :, 0, 3]
    row = dict(zip(outcome.chosen["features"], accuracy[:, CLASSICAL.index("lda")], strict=True))
    assert row["all five"] > row["no Light"] + 0.03


def test_networks_run_on_the_fast_engine():
    tracker = datasets.load("ton_iot_gps", source="twin", n=1000, seed=0)
    config = ROOM | {"data": "ton_iot_gps", "file": "all", "models": "qnn-p", "features": "few"}
    counts = protocols.run(config, 0, tracker).arrays["counts"]
    assert counts.shape == (2, 2, 1, 4) and (counts.sum(axis=-1) == 60).all()


def test_a_table_betrays_its_protocol(made):
    """Rows printed from one more draw of a protocol fit it, and no other columns or balance fit better."""
    found = [record(outcome, balance=balance) for (balance, seed), outcome in made.items() if seed != 99]
    new = made["balanced", 99]
    truth = new.arrays["counts"][new.chosen["features"].index("no Light"), :, 0]
    printed = {
        name: dict(zip(QUANTITIES, (f"{x:.2f}" for x in row), strict=True))
        for name, row in zip(CHEAP, scores(truth), strict=True)
    }
    table = judged(found, printed)
    assert set(table.groupby(list(PROTOCOL)).size()) == {len(CHEAP)} and set(table["draws"]) == {4}
    binary = table[table["average"] == "binary"].set_index(["balance", "features"])
    assert binary.groupby(level=[0, 1])["log_likelihood"].sum().idxmax() == ("balanced", "no Light")
    assert (binary.loc[("balanced", "no Light"), "p"] > 0.05).sum() >= 5
    assert (binary.loc[[("balanced", "all five"), ("natural", "all five")], "p"] < 0.001).all()


def test_speeds_are_per_model_and_size(outcome):
    table = protocols.speeds([record(outcome)])
    assert set(table["model"]) == set(CHEAP) and (table["n_train"] == 800).all() and (table["seconds"] > 0).all()


def test_the_grid_is_some_hundred_protocols_and_can_be_estimated():
    entries = protocols.grid("laptop")
    sets = {
        (*(config[name] for name in PROTOCOL[:6]), name)
        for config, _ in entries
        for name in feature_sets(config["data"], config["features"])
    }
    assert 200 < len(sets) < 1000
    assert sum(n for _, n in entries) <= 420
    assert all(
        n >= 20
        for config, n in entries
        if config["models"] == "classical"
        and config["rows"] == "300"
        and config["balance"] == "balanced"
        and config["split"] in ("80/20", "as many others")
    )
    assert sum(n * protocols.estimate(config) for config, n in entries) < 40 * 60


def test_the_best_come_first_and_rows_that_cannot_exist_last(made):
    found = [record(outcome, balance=balance) for (balance, seed), outcome in made.items() if seed != 99]
    row = dict(zip(QUANTITIES, ("0.85", "0.85", "0.85", "0.85"), strict=True))
    fits = judged(found, dict.fromkeys(CHEAP, row))
    fits.loc[fits["average"] == "macro", "possible"] = False
    best = protocols.ranked(fits, CHEAP)
    assert best["log_likelihood"].is_monotonic_decreasing
    assert set(best.index.get_level_values("average")[-6:]) == {"macro"}
    assert (best["inside"] == (best[list(CHEAP)] == 3).sum(axis=1)).all()
    assert (best[list(CHEAP)].xs("macro", level="average") == 0).all(axis=None)


def test_what_columns_see():
    assert protocols.sees("occupancy", "PCA 2", "Light") and not protocols.sees("occupancy", "PCA 2 without Light", "Light")
    assert protocols.sees("occupancy", "Light + CO2", "Light")


def test_the_curve_shows_every_row_and_option(made):
    found = [record(outcome, balance=balance) for (balance, seed), outcome in made.items() if seed != 99]
    row = dict(zip(QUANTITIES, ("0.85", "0.85", "0.85", "0.85"), strict=True))
    best = protocols.ranked(judged(found, dict.fromkeys(CHEAP, row)), CHEAP)
    fits = {name: best[name] for name in CHEAP} | {"not run": np.full(len(best), np.nan)}
    figure = figures.specification_curve(fits, {"balance": list(best.index.get_level_values("balance"))})
    top, bottom = figure.axes
    assert [label.get_text() for label in top.get_yticklabels()] == list(fits)
    assert {label.get_text() for label in bottom.get_yticklabels()} == {"balance: balanced", "balance: natural"}
    drawn = bottom.images[0].get_array()[..., 3]
    assert (drawn.sum(axis=0) == 1).all() and drawn.shape == (2, len(best))
    assert (top.images[0].get_array()[-1, :, 3] == 0).all() and (top.images[0].get_array()[:-1, :, 3] > 0).all()

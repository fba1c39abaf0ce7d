"""The experiment on splits takes the rows that it says, scores them all alike, and shows the trap of the twin."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.evaluation import late_split, official_split
from qhelpers.papers.low_energy.experiments import honest_splits
from qhelpers.runs import records

ROOM = datasets.load("occupancy", source="twin", n=2000)
GPS = datasets.load("ton_iot_gps", source="twin", n=3000)


def config(split="random", model="one-threshold", data="occupancy", without=()):
    return {"data": data, "split": split, "model": model, "without": list(without)}


def pairs(dataset, split, seed=0):
    return honest_splits.parts(dataset, split, np.random.default_rng(seed))


def test_parts_are_those_of_the_common_splits():
    ((train, test),) = pairs(ROOM, "random")
    assert len(test) == 600 and sorted([*train, *test]) == list(range(2000))
    for name in ("test1", "test2"):
        ((train, test),) = pairs(ROOM, f"official {name}")
        expected = official_split(ROOM.official, test=name)
        assert set(ROOM.official[test]) == {name} and (train == expected[0]).all()
    ((train, test),) = pairs(GPS, "later part")
    assert (test == late_split(GPS.time, GPS.family, 0.3)[1]).all()
    blocks = pairs(GPS, "time blocks")
    assert len(blocks) == 10 and sorted(np.concatenate([test for _, test in blocks])) == list(range(3000))
    assert all(not set(train) & set(test) for train, test in blocks)


def test_what_does_not_fit_is_a_sentence():
    with pytest.raises(ValueError, match="split 'by moon' is unknown; allowed are random, official test1"):
        pairs(ROOM, "by moon")
    with pytest.raises(ValueError, match="occupancy has no types; choose another split: random, official test1"):
        pairs(ROOM, "later part")
    with pytest.raises(ValueError, match="no official split"):
        pairs(GPS, "official test1")
    with pytest.raises(ValueError, match="occupancy has no column Lamp; it has Temperature"):
        honest_splits.run(config(without=["Lamp"]), 0, ROOM)
    with pytest.raises(ValueError, match="model 'oracle' is unknown"):
        honest_splits.run(config(model="oracle"), 0, ROOM)


def test_parts_are_scored_together():
    outcome = honest_splits.run(config("time blocks", "majority"), 0, GPS)
    assert sum(outcome.confusion.values()) == 3000 and not outcome.arrays
    guesses = np.zeros(3000)
    for train, test in pairs(GPS, "time blocks"):
        guesses[test] = round(GPS.y[train].mean())
    assert outcome.metrics["accuracy"] == np.mean(guesses == GPS.y)
    remembered = honest_splits.run(config(model="nearest-neighbour"), 0, ROOM)
    assert remembered.metrics["train_accuracy"] == 1 > remembered.metrics["accuracy"]


def test_a_column_that_is_left_out_is_not_seen():
    blind = ROOM.X.assign(Light=0.0)
    dark = datasets.Dataset(**{**vars(ROOM), "X": blind})
    one, two = (honest_splits.run(config("official test2", without=["Light"]), 0, data).confusion for data in (ROOM, dark))
    assert one == two != honest_splits.run(config("official test2"), 0, ROOM).confusion


def test_only_a_random_split_hangs_on_the_seed():
    one, two, three = (honest_splits.run(config(model="logistic-regression"), seed, ROOM).confusion for seed in (0, 0, 1))
    assert one == two != three
    late = [honest_splits.run(config("later part", "logistic-regression"), seed, GPS).confusion for seed in (0, 1)]
    assert late[0] == late[1]
    assert {n for entry, n in honest_splits.grid("laptop") if entry["split"] != "random"} == {1}
    assert {n for entry, n in honest_splits.grid("laptop") if entry["split"] == "random"} == {5}


def test_scores_show_the_trap_of_the_twin():
    room = datasets.load("occupancy", source="twin")
    table = honest_splits.scores(room, without=("Light",), n_trees=8)
    assert list(table.columns) == list(honest_splits.MODELS) and list(table.index) == list(honest_splits.OFFICIAL)
    assert table.loc["random", "random forest"] - table.loc["official test2", "random forest"] > 0.3
    assert table.loc["official test2", "majority"] == pytest.approx(1 - room.y[room.official == "test2"].mean())
    assert honest_splits.run(config("official test2"), 0, room).metrics["accuracy"] > 0.95


def test_scores_of_a_set_without_files_or_types():
    mine = datasets.Dataset(**{**vars(GPS), "family": None})
    assert list(honest_splits.scores(mine, n_trees=1).index) == ["random", "time blocks"]
    assert list(honest_splits.scores(GPS, n_trees=1).index) == list(honest_splits.TIMED)


@pytest.mark.parametrize(("name", "ways", "without"), honest_splits.CASES)
def test_records_hold_every_case(name, ways, without):
    found = records.select(records.read("splits"), data=name, without=list(without))
    table = honest_splits.table(records.frame(found))
    assert list(table.index) == list(ways) and list(table.columns) == list(honest_splits.MODELS)
    assert table.to_numpy().min() > 0 and table.to_numpy().max() < 1
    assert {r.seed for r in found if r.config["split"] == "random"} == set(range(5))


@pytest.mark.needs_data("occupancy")
@pytest.mark.parametrize("without", [(), ("Light",)])
def test_records_are_what_the_official_files_give(without):
    room = datasets.load("occupancy")
    for r in records.select(records.read("splits"), data="occupancy", without=list(without), seed=0):
        assert r.fingerprint == room.fingerprint
        if r.config["model"] != "random-forest":
            assert honest_splits.run(r.config, 0, room).metrics["accuracy"] == pytest.approx(r.metrics["accuracy"], abs=1e-3)

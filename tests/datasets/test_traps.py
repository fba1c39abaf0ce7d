"""The split comparison does what it says, and what is recorded is what the official files give."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.datasets import traps

RECORDS = Path(__file__).resolve().parents[2] / "records" / "data"


def test_splits_of_files_and_of_types():
    room = datasets.load("occupancy", source="twin", n=2000)
    ways = dict(traps.splits(room))
    assert list(ways) == ["random", "official test1", "official test2"]
    assert ways["random"].sum() == 600
    assert (ways["official test2"] == (room.official == "test2")).all()
    gps = datasets.load("ton_iot_gps", source="twin", n=3000)
    blocks = [test for name, test in traps.splits(gps) if name == "time blocks"]
    assert len(blocks) == 10 and (np.sum(blocks, axis=0) == 1).all()
    ends = sorted((gps.time[test].min(), gps.time[test].max()) for test in blocks)
    assert all(before[1] <= after[0] for before, after in pairwise(ends))
    later = dict(traps.splits(gps))["later part"]
    for kind in np.unique(gps.family):
        mine = gps.family == kind
        assert gps.time[mine & ~later].max() <= gps.time[mine & later].min()
        assert (mine & later).sum() / mine.sum() == pytest.approx(0.3, abs=0.1)


def test_scores_show_the_trap_of_the_twin():
    room = datasets.load("occupancy", source="twin")
    table = traps.split_scores(room, without=("Light",))
    assert list(table.columns) == ["majority", *traps.MODELS]
    assert table.loc["random", "random forest"] - table.loc["official test2", "random forest"] > 0.3
    assert table.loc["official test2", "majority"] == pytest.approx(1 - room.y[room.official == "test2"].mean())
    assert traps.split_scores(room).loc["official test2", "one threshold"] > 0.95


@pytest.mark.parametrize("name", datasets.names())
def test_records_are_complete(name):
    columns, scores = traps.recorded(RECORDS, name)
    assert list(columns.columns) == list(datasets.summary(datasets.load(name, source="twin", n=200)).columns)
    assert scores.to_numpy().min() > 0 and scores.to_numpy().max() < 1
    assert {"majority", *traps.MODELS} == set(scores.columns)


@pytest.mark.needs_data(*datasets.names())
@pytest.mark.parametrize("name", datasets.names())
def test_records_are_what_the_official_files_give(name, official):
    columns, scores = traps.recorded(RECORDS, name)
    found = datasets.summary(official(name))
    pd.testing.assert_frame_equal(found, columns, check_names=False, rtol=1e-6)
    first = next(traps.splits(official(name)))[1]
    assert first.sum() == int(0.3 * len(official(name)))
    if name == "occupancy":
        for left in ("", "Light"):
            again = traps.split_scores(official(name), without=(left,) if left else ())
            assert np.abs(again - scores.loc[left]).to_numpy().max() < 0.01

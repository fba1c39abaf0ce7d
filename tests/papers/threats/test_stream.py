"""Flows that cannot be judged, columns in another order, streams that stop."""

import itertools
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from qhelpers import datasets
from qhelpers.papers.threats import stream

rng = np.random.default_rng(0)
FLOWS = pd.DataFrame(
    {"SrcPkts": rng.integers(1, 9, 200), "Dport": rng.choice([80, 502], 200), "Proto": rng.choice([6, 17], 200)}
).astype(float)
ATTACK = (FLOWS["SrcPkts"] > 4).to_numpy().astype(int)


@pytest.fixture
def detector():
    return stream.Detector(DecisionTreeClassifier(max_depth=1).fit(FLOWS.to_numpy(), ATTACK), FLOWS)


def flow(**changed):
    return FLOWS.iloc[[0]].assign(SrcPkts=2.0, **changed) if "SrcPkts" not in changed else FLOWS.iloc[[0]].assign(**changed)


@pytest.mark.parametrize(
    ("changed", "alarm"),
    [
        ({}, ""),
        ({"SrcPkts": 8.0}, "attack"),
        ({"Dport": np.nan}, "unreadable"),
        ({"SrcPkts": np.inf}, "unreadable"),
        ({"SrcPkts": -3.0}, "impossible"),
        ({"Dport": 65_536.0}, "impossible"),
        ({"Proto": 41.0}, "unseen"),
        ({"Proto": 41.0, "SrcPkts": 8.0}, "attack"),
        ({"Proto": np.nan, "SrcPkts": -1.0}, "unreadable"),
    ],
    ids=str,
)
def test_each_flow_has_a_verdict_and_is_counted(detector, changed, alarm):
    judged = detector.judge(flow(**changed))
    assert judged.alarms.tolist() == [alarm]
    assert np.isnan(judged.scores[0]) == (alarm == "unreadable")
    assert detector.counts["flows"] == 1 and sum(detector.counts.values()) == 1 + bool(alarm)


def test_one_unreadable_flow_changes_no_other(detector):
    broken = FLOWS.copy()
    broken.iloc[7, 1] = np.nan
    judged, alone = detector.judge(broken), detector.judge(FLOWS)
    others = np.arange(len(FLOWS)) != 7
    assert (judged.alarms[others] == alone.alarms[others]).all() and judged.alarms[7] == "unreadable"


def test_columns_are_taken_by_name(detector):
    expected = detector.judge(FLOWS).scores
    turned = FLOWS[FLOWS.columns[::-1]].assign(other=1.0)
    np.testing.assert_array_equal(detector.judge(turned).scores, expected)
    np.testing.assert_array_equal(detector.judge(FLOWS.to_numpy()).scores, expected)


@pytest.mark.parametrize(
    ("flows", "told"),
    [
        (FLOWS.drop(columns="Dport"), "no column Dport; the model needs SrcPkts, Dport, Proto"),
        (pd.concat([FLOWS, FLOWS["Proto"]], axis=1), "Proto stands there more than once"),
        (FLOWS.to_numpy()[:, :2], r"shape \(200, 2\); allowed is \(n_flows, 3\)"),
        (FLOWS.assign(Proto="tcp"), "a column holds no numbers"),
    ],
)
def test_what_is_no_flow_is_refused(detector, flows, told):
    with pytest.raises(ValueError, match=told):
        detector.judge(flows)


def test_a_model_with_names_and_scores_gets_them_without_a_warning(recwarn):
    model = LogisticRegression().fit(FLOWS, ATTACK)
    judged = stream.Detector(model, FLOWS).judge(FLOWS[FLOWS.columns[::-1]])
    np.testing.assert_allclose(judged.scores, model.decision_function(FLOWS))
    assert not recwarn.list


def test_a_threshold_of_ones_own(detector):
    strict = stream.Detector(detector.model, FLOWS, threshold=1.0)
    assert not (strict.judge(FLOWS).alarms == "attack").any() and (detector.judge(FLOWS).alarms == "attack").any()


# --- streams ---------------------------------------------------------------------------------------------------------


def blocks(n):
    return ((np.arange(20) + 20 * k, FLOWS.iloc[20 * k : 20 * k + 20]) for k in range(n))


def test_a_stream_that_ends_as_it_should(detector):
    found = list(stream.watch(blocks(3), detector, until=59))
    assert [block.time[0] for block in found] == [0, 20, 40] and detector.counts["flows"] == 60


@pytest.mark.parametrize(
    ("n", "until", "told"), [(3, None, "after 60 flows, the last of 59"), (3, 60, "of 59"), (0, 5, "before")]
)
def test_a_stream_that_ends_too_early(detector, n, until, told):
    with pytest.raises(stream.StreamStopped, match=f"the stream ended.*{told}"):
        list(stream.watch(blocks(n), detector, until=until))


def test_a_stream_that_stalls(detector):
    never = threading.Event()
    stalled = itertools.chain(blocks(2), ((never.wait(), None) for _ in range(1)))
    watched = stream.watch(stalled, detector, patience=1.0)
    assert len(next(watched).time) == len(next(watched).time) == 20
    with pytest.raises(stream.StreamStopped, match=r"stopped after 40 flows, the last of 39: nothing came for 1 s"):
        next(watched)
    never.set()


def test_an_error_of_the_source_is_told(detector):
    def broken():
        yield from blocks(1)
        raise OSError("the sensor is gone")

    with pytest.raises(OSError, match="the sensor is gone"):
        list(stream.watch(broken(), detector))


def test_a_set_is_replayed_in_the_order_of_its_times():
    flows = datasets.load("ton_iot_modbus", source="twin", n=500)
    detector = stream.Detector(DecisionTreeClassifier(max_depth=2).fit(flows.X.to_numpy(), flows.y), flows.X)
    rows = np.arange(0, 500, 3)
    found = list(stream.replay(flows, detector, rows, block=50))
    times = np.concatenate([block.time for block in found])
    assert len(times) == len(rows) and (np.diff(times) >= np.timedelta64(0)).all()
    expected = detector.scores(flows.X.to_numpy()[stream.in_time(flows, rows)])
    np.testing.assert_array_equal(np.concatenate([block.judged.scores for block in found]), expected)


def test_drift_is_noticed_where_it_is_and_not_elsewhere():
    pytest.importorskip("river", reason="the extra 'drift' is not installed")
    usual = rng.normal(size=1000)
    assert stream.Drift(usual).update(rng.normal(size=2000)) == []
    moved = np.r_[rng.normal(size=1000), np.nan, 2 + rng.normal(size=500)]
    (first, *_) = stream.Drift(usual).update(moved)
    assert 1000 < first < 1150

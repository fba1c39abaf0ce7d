"""Warnings before failure: what a chart sees, what counts as false, and that a threshold never knows its own bearing."""

from types import SimpleNamespace

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.bearings.experiments import detection
from qhelpers.papers.bearings.experiments.detection import Life, chart, chosen_on_others, warned
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs import experiment

HOUR = 3600.0


def life(value, failed=True):
    return Life("one", np.arange(len(value)) * HOUR, np.asarray(value, float), failed)


def noise(n=100):
    return np.random.default_rng(0).normal(10, 1, n)


def test_a_chart_counts_in_what_is_usual():
    value = noise()
    z = (value - value[:20].mean()) / value[:20].std(ddof=1)
    three = chart(value, 20, "three")
    assert three[50] == pytest.approx(z[48:51].min())
    assert three[1] == -np.inf  # three are needed
    ewma, level = chart(value, 20, "ewma"), 0.0
    for one in z[:31]:
        level += 0.1 * (one - level)
    assert ewma[30] == pytest.approx(level / np.sqrt(0.1 / 1.9))
    with pytest.raises(ValueError, match="allowed are three, ewma"):
        chart(value, 20, "cusum")
    with pytest.raises(ValueError, match="that do not vary"):
        chart(np.ones(30), 20, "three")


@pytest.mark.parametrize("kind", detection.CHARTS)
def test_a_bearing_that_grows_loud_is_warned_of(kind):
    value = noise(101)
    value[80:] += 20
    one = life(value)
    found = warned(one, chart(value, 10, kind), 8)
    assert 18 * HOUR <= found.lead <= 20 * HOUR
    assert (found.false, found.right) == (0, True)
    quiet = warned(one, chart(value, 10, kind), 1e6)
    assert np.isnan(quiet.lead) and not quiet.right
    assert not warned(life(value, failed=False), chart(value, 10, kind), 8).right
    assert warned(life(value, failed=False), chart(value, 10, kind), 1e6).right


@pytest.mark.parametrize(
    ("high", "false", "lead"),
    [
        ([], 0, np.nan),
        ([(5, 8)], 0, np.nan),  # within what is usual
        ([(20, 22), (30, 31)], 2, np.nan),
        ([(8, 14)], 1, np.nan),  # stands when counting begins
        ([(45, 60)], 1, 49),  # stands at half of life: counts from there, and was early
        ([(70, 75), (90, 101)], 0, 30),
        ([(51, 52)], 0, 49),
    ],
)
def test_what_is_false_and_what_is_a_lead(high, false, lead):
    height = np.zeros(101)
    for first, last in high:
        height[first:last] = 5
    found = warned(life(np.zeros(101)), height, 3)
    assert found.false == false
    np.testing.assert_equal(found.lead, lead * HOUR)
    assert found.right == (false == 0 and np.isfinite(lead))


def test_a_threshold_is_chosen_on_the_others():
    right = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0]], bool)
    assert chosen_on_others(right).tolist() == [1, 0, 0]
    for k in range(3):  # its own row has no say
        other = right.copy()
        other[k] = ~other[k]
        assert chosen_on_others(other)[k] == chosen_on_others(right)[k]


def test_all_detectors_on_made_up_runs(monkeypatch):
    data = datasets.load("pronostia", source="twin", n=240)
    for name in ("rms", "kurtosis", "lines"):
        found = detection.run({"data": "pronostia", "detector": name}, 0, data)
        assert found.arrays["bearing"].tolist() == sorted(set(data.groups))
        assert found.arrays["three_leads"].shape == (6, len(detection.LADDER))
        assert 0 <= found.metrics["three_right"] <= found.metrics["three_warned"] <= 1
        assert found.arrays["snapshots"].sum() == len(found.arrays["value"]) == 240
    monkeypatch.setattr(detection, "_trained", lambda *_: (None, 1.0))
    monkeypatch.setattr(detection, "odds", lambda _, data: np.random.default_rng(0).normal(-1, 0.1, len(data)))
    found = detection.run({"data": "pronostia", "detector": "network", "size": 32, "epochs": 1}, 0, data, None)
    assert found.metrics["normal"] == 1 and found.train_seconds == 1
    assert found.arrays["bearing"].tolist() == sorted(set(data.groups))


def test_a_snapshot_is_the_mean_over_its_windows():
    data = datasets.load("pronostia", source="twin", n=24)
    few = SimpleNamespace(recordings=data.recordings[:5], rate=data.rate[:5])
    rng = np.random.default_rng(0)
    model = QEMLNetClassifier(epochs=1, random_state=0).fit(rng.normal(size=(16, 3, 32, 32)), np.arange(16) % 4)
    value = detection.odds(model, few)
    p = model.predict_proba(detection.signals.images(few.recordings[4][:, 0].astype(float), 25_600.0))[:, 0]
    assert value.shape == (5,) and p.shape == (3,)
    assert value[4] == pytest.approx(np.log((1 - p) / p).mean(), abs=1e-4)


def test_snapshots_after_a_shutdown_are_left_out():
    data = datasets.load("ims_statistics", source="twin")
    lives = detection.of_ims(data, "rms")
    assert len(lives) == 12
    assert sum(one.failed for one in lives) == 4
    assert min(one.value.min() for one in lives) > 0.02  # the hum that is left has 0.002
    assert {len(one.value) for one in lives} == {2156, 982, 6323}
    found = detection.run({"data": "ims_statistics", "detector": "rms"}, 0, data)
    assert found.metrics["three_warned"] == 1


def test_what_is_refused_and_what_is_in_the_grid():
    assert experiment.get("bearings-detection") is detection.EXPERIMENT
    with pytest.raises(ValueError, match="ims_statistics: rms, kurtosis"):
        detection.run({"data": "ims_statistics", "detector": "lines"}, 0, None)
    for profile in ("quick", "laptop", "paper"):
        for config, n_seeds in detection.grid(profile):
            assert config["detector"] in detection.DETECTORS[config["data"]]
            assert n_seeds == 1 or config["detector"] == "network"
            assert detection.EXPERIMENT.data(config)[0] == config["data"]

"""The untrained rule, the lines as features, and the experiments on them: on bearings whose fault is known."""

from dataclasses import replace

import numpy as np
import pytest

from qhelpers import datasets, signals
from qhelpers.papers.bearings import physics
from qhelpers.papers.bearings.experiments import images, lines, rule


@pytest.fixture(scope="module")
def cwru():
    return datasets.load("cwru", source="twin", seed=3)


def struck(fault, rate=12_000.0, speed=29.0, seconds=3.0, noise=0.3, slip=0.0):
    """A recording of a 6205 bearing that is struck once an order; `slip`: how much the distances of strikes vary."""
    rng = np.random.default_rng(1)
    orders = physics.RIGS["cwru-drive"].orders
    time = np.arange(int(rate * seconds)) / rate
    strikes = np.cumsum((1 + slip * rng.normal(size=int(seconds * 300))) / (orders[fault] * speed))
    since = time - np.r_[0, strikes][np.searchsorted(strikes, time, side="right")]
    x = (
        np.exp(-900 * since)
        * np.sin(2 * np.pi * 3300 * since)
        * (1 + 0.5 * np.cos(2 * np.pi * speed * time) * (fault == "inner"))
    )
    x += noise * rng.normal(size=len(time))
    return physics.Piece(signals.windows(x, int(rate), int(rate)), rate, speed, fault, f"mine {fault}", orders)


@pytest.mark.parametrize("fault", physics.FAULTS)
@pytest.mark.parametrize("band", [physics.BAND, (500.0, 5000.0), "kurtogram"])
def test_the_rule_names_the_fault_that_is_there(fault, band):
    heights = physics.line_heights(struck(fault), band)
    assert heights.shape == (3, 3, 3)
    assert (physics.named(heights) == fault).all()


def test_whitening_helps_where_a_tone_covers_the_fault():
    time = np.arange(12_000) / 12_000
    tone = 30 * np.sin(2 * np.pi * 3000 * time) * (1 + 0.3 * np.sin(2 * np.pi * 157 * time))
    clear = struck("outer", noise=0.02, slip=0.01)
    covered = replace(clear, x=clear.x + tone)
    assert (physics.named(physics.line_heights(covered, whiten=True)) == "outer").all()
    assert not (physics.named(physics.line_heights(covered)) == "outer").any()


def test_the_rhythm_of_what_rings_is_in_the_envelope_alone():
    piece = struck("outer", noise=0.02)
    ringing = replace(piece, x=signals.bandpass(piece.x, piece.rate, 2000, 5500) + struck("inner", noise=1.0).x * 0.1)
    assert (physics.named(physics.line_heights(ringing)) == "outer").all()
    assert physics.line_heights(ringing, "no envelope")[:, 1].mean() < 0.5 * physics.line_heights(ringing)[:, 1].mean()
    with pytest.raises(ValueError, match="band 'wide' is unknown"):
        physics.line_heights(piece, "wide")


def test_only_those_faults_are_named_that_may_be():
    heights = np.zeros((2, 3, 3))
    heights[:, physics.FAULTS.index("ball")] = 5
    heights[0, physics.FAULTS.index("outer")] = 1
    heights[1, physics.FAULTS.index("inner")] = 1
    assert list(physics.named(heights)) == ["ball", "ball"]
    assert list(physics.named(heights, ("inner", "outer"))) == ["outer", "inner"]


def test_features_know_no_level_but_statistics_do():
    piece = struck("inner")
    louder = replace(piece, x=100 * piece.x)
    for name, of in physics.FEATURES.items():
        assert of(piece).ndim == 2 and len(of(piece)) == 3
        if name == "statistics":
            np.testing.assert_allclose(of(louder) - of(piece), [[np.log(100), 0, 0, 0]] * 3, atol=1e-9)
        else:
            np.testing.assert_allclose(of(louder), of(piece), atol=1e-9)


def test_a_spectrum_has_the_same_bands_at_every_rate():
    low, high = (physics.spectrum_bands(struck("inner", rate, noise=0)) for rate in (12_000.0, 48_000.0))
    assert low.shape == high.shape == (3, physics.N_BANDS)
    assert abs(low.mean(0).argmax() - high.mean(0).argmax()) <= 1
    assert low.mean(0).argmax() == pytest.approx(3300 / 6000 * physics.N_BANDS, abs=4)
    with pytest.raises(ValueError, match="samples a second"):
        physics.spectrum_bands(struck("inner", 8000.0))


def test_pieces_are_a_rigs_own(cwru):
    drive, fan = (list(physics.pieces(cwru, rig, 0.25)) for rig in ("cwru-drive", "cwru-fan"))
    assert {piece.rate for piece in drive + fan} == {12_000.0}
    assert {piece.x.shape for piece in drive + fan} == {(4, 3000)}
    assert (
        len({piece.bearing for piece in drive}) == 11
    )  # four sizes, but no outer ring of the largest; positions are one bearing
    assert len({piece.bearing for piece in fan}) == 9
    assert max(abs(piece.x.mean(-1)).max() for piece in drive) < 1e-12
    assert drive[0].orders["ball"] == pytest.approx(4.7135, rel=1e-3)
    assert fan[0].orders["ball"] == pytest.approx(3.9874, rel=1e-3)


@pytest.mark.parametrize(
    ("rig", "seconds", "faults", "words"),
    [
        ("paderborn", 1.0, physics.FAULTS, "rig 'paderborn' of the data set cwru; allowed are cwru-drive, cwru-fan"),
        ("mfpt", 1.0, physics.FAULTS, "rig 'mfpt' of the data set cwru"),
        ("cwru-fan", 3.0, physics.FAULTS, "the longest such recording of cwru-fan has 1 s"),
        ("cwru-fan", 1.0, ("normal",), "no recording of cwru-fan has a fault of normal"),
    ],
)
def test_what_a_rig_has_not_is_refused(cwru, rig, seconds, faults, words):
    with pytest.raises(ValueError, match=words):
        list(physics.pieces(cwru, rig, seconds, faults))


def test_a_bearing_that_was_recorded_longer_weighs_no_more():
    right = np.array([True] * 90 + [False] * 10 + [False] * 10)
    share = physics.by_bearing(right, np.array(["a"] * 100 + ["b"] * 10))
    assert share == {"a": 0.9, "b": 0.0}


def test_the_rule_is_recorded_by_bearing(cwru):
    found = rule.run({"rig": "cwru-fan", "samples": 6000, "band": "2000-5500", "whiten": False}, 0, cwru)
    assert found.metrics["windows"] == 2 * 33  # two half seconds of each recording of a ring
    assert found.metrics["bearings"] == 6
    assert found.metrics["accuracy"] == pytest.approx(np.nanmean(found.arrays["two"]))
    assert np.isnan(found.arrays["two"]).sum() == 3  # balls
    assert found.metrics["accuracy"] > 0.9  # a twin's faults strike as kinematics says


def test_images_are_of_windows_that_share_no_sample(cwru):
    pixels, fault, _ = images.seen(cwru)
    assert pixels.shape[1:] == (3, 32, 32)
    per_recording = len(range(0, 1 + (12_000 - 512) // 256, images.STEP))
    assert len(pixels) == len(fault) == per_recording * len(list(physics.recordings(cwru, images.RIG)))
    assert set(fault) == set(physics.FAULTS)


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="model 'svm' is unknown; allowed are logistic, forest"):
        lines.model("svm", 0)

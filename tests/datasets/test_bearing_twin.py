"""The bearings of the twins: lines where kinematics puts them, load zones as sidebands, a bearing's own voice."""

from dataclasses import replace

import numpy as np
import pytest

from qhelpers import signals
from qhelpers.datasets.bearing_twin import Told, record

TOLD = Told(bearing="a", rate=12_000.0, speed=29.95, fault="outer", order=3.5848, cage=0.3983, level=0.5, snr=6.0, far=(1.0, 0.5))


def made(*told, seconds=2.0, seed=0):
    return record(told, seconds, 3_300.0, np.random.default_rng(seed))


def heights(told, at, seed=0):
    (x,) = made(told, seed=seed)
    orders, amplitude = signals.envelope_orders(x[:, 0].astype(float), told.rate, told.speed)
    return {name: float(found[0]) for name, found in signals.lines(orders, amplitude, at, harmonics=1).items()}


ORDERS = {"outer": 3.5848, "inner": 5.4152, "ball": 4.7135}


@pytest.mark.parametrize("fault", ["outer", "inner"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_fault_s_own_line_stands_highest(fault, seed):
    found = heights(replace(TOLD, fault=fault, order=ORDERS[fault]), ORDERS, seed)
    assert max(found, key=found.get) == fault and found[fault] > 8


def test_a_healthy_bearing_has_no_line():
    assert max(heights(replace(TOLD, fault="normal", order=None, snr=None), ORDERS).values()) < 8


def test_the_load_zone_makes_sidebands_at_the_turn_of_the_shaft():
    beside = {"below": ORDERS["inner"] - 1, "above": ORDERS["inner"] + 1}
    turned = heights(replace(TOLD, fault="inner", order=ORDERS["inner"]), beside)
    still = heights(replace(TOLD, fault="outer", order=ORDERS["inner"]), beside)
    assert min(turned.values()) > 5 and min(turned.values()) > 1.5 * max(still.values())


def test_slip_makes_a_line_wider_not_another():
    (x,) = made(TOLD, seconds=20.0)
    orders, amplitude = signals.envelope_orders(x[:, 0].astype(float), TOLD.rate, TOLD.speed)
    near = np.abs(orders - TOLD.order) < 0.1
    assert orders[near][amplitude[near].argmax()] == pytest.approx(TOLD.order, rel=0.01)


def loudest(x):
    hz, amplitude = signals.spectrum(x[:, 0].astype(float), 12_000.0)
    return float(np.sum(hz * amplitude**4) / np.sum(amplitude**4))


def test_recordings_of_a_bearing_share_its_resonance_and_others_do_not():
    told = [replace(TOLD, bearing=name, snr=20.0) for name in "abcd" for _ in range(2)]
    place = np.array([loudest(x) for x in made(*told)]).reshape(4, 2)
    assert np.ptp(place, axis=1).max() < 100 < np.ptp(place.mean(axis=1))


def test_level_offset_step_and_channels_are_as_told():
    (x,) = made(replace(TOLD, offset=-0.2, step=1 / 1024))
    assert x.shape == (24_000, 2) and x.dtype == np.float32 and x.flags.c_contiguous
    assert x.std(axis=0) == pytest.approx([0.5, 0.25], rel=1e-2) and x.mean(axis=0) == pytest.approx([-0.2, -0.2], abs=1e-3)
    assert (x * 1024 == np.rint(x * 1024)).all()

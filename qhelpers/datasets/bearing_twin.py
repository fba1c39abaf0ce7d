"""Vibration of bearings that do not exist: what the twins of all bearing sets are made by.

A local fault strikes once each time a rolling element passes it. So a fault is a train of impulses at its order of the shaft's
speed, whose distances slip a little at random. A load zone makes them strong and weak: an inner race's with the turn of the
shaft, a ball's with that of the cage, an outer race's not at all. Each makes a resonance of the machine ring, and noise covers it
(McFadden and Smith, 1984; Randall and Antoni, 2011). Each bearing has its own resonance, damping, slip and severity, so that
whoever leaves a bearing out meets one that sounds otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RING = 0.012  # seconds after which a resonance has long died away


@dataclass(frozen=True)
class Told:
    """What one recording of a twin shall be.

    Attributes
    ----------
    bearing : str
        Recordings of one bearing share its resonance, damping, slip and severity.
    rate, speed : float
        Samples a second; turns of the shaft a second.
    fault : str
        ``"normal"``, ``"ball"``, ``"inner"`` or ``"outer"``: which load zone there is.
    order, cage : float or None, float
        Impulses a turn of the shaft, None where there is no fault; turns of the cage a turn of the shaft.
    level, offset, step : float
        Standard deviation of the first channel, its mean, and the step that all samples are multiples of (0: none).
    snr : float or None
        Power of the ringing over that of all else, in dB; None where there is no fault.
    far : tuple of float
        Share of the first channel's level that arrives in each channel.
    """

    bearing: str
    rate: float
    speed: float
    fault: str
    order: float | None
    cage: float
    level: float
    offset: float = 0.0
    step: float = 0.0
    snr: float | None = None
    far: tuple[float, ...] = (1.0,)


def record(told: Sequence[Told], seconds: float, resonance: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Recordings of bearings that share a machine.

    Parameters
    ----------
    told : sequence of Told
        What each shall be.
    seconds : float
        Length of each.
    resonance : float
        Of the machine, in Hz; each bearing's lies within a fifth of it.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    list of numpy.ndarray of shape (n_samples, n_channels)
        ``float32``.
    """
    own = {
        bearing: (resonance * rng.uniform(0.8, 1.2), rng.uniform(0.03, 0.08), rng.uniform(0.004, 0.012), rng.uniform(-2.0, 2.0))
        for bearing in dict.fromkeys(one.bearing for one in told)
    }
    return [_one(one, round(seconds * one.rate), *own[one.bearing], rng) for one in told]


def _one(
    told: Told, n: int, resonance: float, damping: float, slip: float, severity: float, rng: np.random.Generator
) -> np.ndarray:
    t = np.arange(n) / told.rate
    noise = _coloured(n, len(told.far), resonance, told.rate, rng)
    phase = rng.uniform(0, 2 * np.pi, 3)
    turns = sum(np.sin(2 * np.pi * (k + 1) * told.speed * t + phase[k]) / (k + 1) for k in range(3))
    rest = noise + 0.15 * turns
    rest = (rest - rest.mean(axis=1, keepdims=True)) / rest.std(axis=1, keepdims=True)
    if told.order is not None and told.snr is not None:
        ringing = _ringing(told, n, resonance, damping, slip, rng)
        rest += 10 ** ((told.snr + severity) / 20) * (ringing - ringing.mean()) / ringing.std()
    rest *= told.level * np.array(told.far)[:, None] / rest.std(axis=1, keepdims=True)
    rest += told.offset
    if told.step:
        rest = np.rint(rest / told.step) * told.step
    return np.ascontiguousarray(rest.T, "float32")


def _coloured(n: int, channels: int, resonance: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of several channels, stronger around the resonance, as a machine that hums by itself."""
    spectrum = np.fft.rfft(rng.standard_normal((channels, n)))
    hz = np.fft.rfftfreq(n, 1 / rate)
    return np.fft.irfft(spectrum * (1 + 1.5 * np.exp(-(((hz - resonance) / 600.0) ** 2))), n)


def _ringing(told: Told, n: int, resonance: float, damping: float, slip: float, rng: np.random.Generator) -> np.ndarray:
    """Impulses that slip, are strong in the load zone, and ring."""
    assert told.order is not None
    often = told.order * told.speed
    gaps = (1 + slip * rng.standard_normal(int(n / told.rate * often * 1.2) + 4)) / often
    when = np.cumsum(gaps) - gaps[0] * rng.random()
    turn = {"inner": told.speed, "ball": told.cage * told.speed}.get(told.fault, 0.0)
    height = 1 + 0.8 * np.cos(2 * np.pi * turn * when + rng.uniform(0, 2 * np.pi)) if turn else np.ones(len(when))
    height *= rng.normal(1, 0.1, len(when))
    place = np.rint(when * told.rate).astype(int)
    train = np.zeros(n)
    np.add.at(train, place[place < n], height[place < n])
    s = np.arange(int(_RING * told.rate)) / told.rate
    ring = np.exp(-damping * 2 * np.pi * resonance * s) * np.sin(2 * np.pi * resonance * s)
    size = n + len(ring)
    return np.fft.irfft(np.fft.rfft(train, size) * np.fft.rfft(ring, size), size)[:n]

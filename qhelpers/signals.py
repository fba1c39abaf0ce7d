"""Vibration: filters, envelope, spectra, orders, lines of a bearing's faults, and the window as an image.

Everywhere the last axis is time and what stands before it is a batch. What SciPy and PyWavelets do, they do here; this module
puts their pieces in the order in which a bearing is listened to, and refuses by name what cannot be listened to.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from qhelpers._extras import require

#: Samples a second to which everything is brought, and the window: 512 samples, half of them also in the next.
RATE, WINDOW, HOP = 12_000.0, 512, 256
#: Wavelet and depth of the packet tree: 2**4 bands of 375 Hz each at 12 kHz.
WAVELET, LEVEL = "db8", 4
#: Channels of a window's image, in order.
CHANNELS = ("wavelet packet", "spectrum", "envelope")
#: More samples than this share at one of its extremes, and a signal is flagged as clipped.
CLIPPED = 1e-3


@dataclass(frozen=True)
class Geometry:
    """A rolling bearing, its outer ring at rest.

    Attributes
    ----------
    n_balls : int
        Rolling elements.
    ball, pitch : float
        Diameters of an element and of the circle of their centres, in one unit.
    contact : float
        Contact angle in degrees.
    """

    n_balls: int
    ball: float
    pitch: float
    contact: float = 0.0

    def __post_init__(self) -> None:
        if self.n_balls < 1 or not 0 < self.ball < self.pitch or not 0 <= self.contact < 90:
            raise ValueError(
                f"{self} is no bearing; allowed are one element or more, 0 < ball < pitch and 0 <= contact < 90 degrees: "
                "take them from the maker's sheet"
            )

    def orders(self) -> dict[str, float]:
        """Return how often each fault strikes in a turn of the shaft, if nothing slips (Randall and Antoni 2011, eq. 1-4).

        Returns
        -------
        dict of str to float
            ``bpfo`` (a spot on the outer ring is passed), ``bpfi`` (one on the inner ring), ``bsf`` (an element turns; a spot on
            it strikes twice as often, once each ring), ``ftf`` (the cage turns).
        """
        ratio = self.ball / self.pitch * math.cos(math.radians(self.contact))
        return {
            "bpfo": self.n_balls / 2 * (1 - ratio),
            "bpfi": self.n_balls / 2 * (1 + ratio),
            "bsf": self.pitch / (2 * self.ball) * (1 - ratio**2),
            "ftf": (1 - ratio) / 2,
        }


#: The bearing of each public rig, by type or, where the type is not published, by rig. Inches, but femto's are millimetres.
GEOMETRIES = {
    "6205": Geometry(9, 0.3126, 1.537),
    "6203": Geometry(8, 0.2656, 1.122),
    "nice": Geometry(8, 0.235, 1.245),
    "za-2115": Geometry(16, 0.331, 2.815, contact=15.17),
    "femto": Geometry(13, 3.5, 25.6),
}


def resample(x: ArrayLike, rate: float, to: float = RATE) -> np.ndarray:
    """Bring a signal to fewer samples a second; what is above the new Nyquist frequency is filtered out, not folded down.

    Parameters
    ----------
    x : array_like of shape (..., n_samples)
    rate, to : float
        Samples a second, given and wanted.

    Returns
    -------
    numpy.ndarray of shape (..., ceil(n_samples * to / rate))

    Raises
    ------
    ValueError
        If `to` is above `rate`, or the signal is none (not finite, constant, empty).
    """
    values = _signal(x, rate)
    if not 0 < to <= rate:
        raise ValueError(
            f"{rate:g} samples a second cannot become {to:g}; allowed is a rate above 0 and not above the given one: "
            "what was not sampled cannot be brought back"
        )
    ratio = (Fraction(to) / Fraction(rate)).limit_denominator(100_000)
    if ratio == 1:
        return values
    return _scipy().resample_poly(values, ratio.numerator, ratio.denominator, axis=-1, padtype="line")


def bandpass(x: ArrayLike, rate: float, low: float = 500, high: float = 5000, order: int = 4) -> np.ndarray:
    """Butterworth band-pass, forward and backward, so that nothing is delayed.

    Parameters
    ----------
    x : array_like of shape (..., n_samples)
    rate : float
        Samples a second.
    low, high : float
        Edges in Hz, where 3 dB are lost on each of the two ways.
    order : int
        As SciPy counts it: each edge falls off by ``order`` times 6 dB an octave, on each way.

    Raises
    ------
    ValueError
        If the band does not fit below the Nyquist frequency, or the signal is none or shorter than the filter needs.
    """
    if not 0 < low < high < rate / 2:
        raise ValueError(
            f"a band of {low:g} to {high:g} Hz at {rate:g} samples a second; allowed is 0 < low < high < {rate / 2:g} Hz: "
            "check the sampling rate, or take a narrower band"
        )
    sections = _scipy().butter(order, (low, high), btype="bandpass", fs=rate, output="sos")
    return _both_ways(sections, _signal(x, rate))


def envelope(x: ArrayLike, rate: float, low_pass: float | None = 500) -> np.ndarray:
    """Size of the analytic signal (Hilbert), smoothed by a fourth-order low-pass.

    Parameters
    ----------
    x : array_like of shape (..., n_samples)
        A signal that has passed a band.
    rate : float
        Samples a second.
    low_pass : float or None
        Edge in Hz; ``None`` leaves the envelope as it is.
    """
    values = _signal(x, rate)
    found = np.abs(_scipy().hilbert(values, axis=-1))
    if low_pass is None:
        return found
    if not 0 < low_pass < rate / 2:
        raise ValueError(f"a low-pass at {low_pass:g} Hz; allowed is 0 < low_pass < {rate / 2:g} Hz at this rate, or None")
    return _both_ways(_scipy().butter(4, low_pass, fs=rate, output="sos"), found)


def spectrum(x: ArrayLike, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude spectrum under a Hann window, the mean removed.

    Returns
    -------
    hz : numpy.ndarray of shape (n_samples // 2 + 1,)
    amplitude : numpy.ndarray of shape (..., n_samples // 2 + 1)
        A sine of amplitude 1 whose frequency is one of `hz` stands at 1 there.
    """
    values = _signal(x, rate)
    n = values.shape[-1]
    hann = _scipy().get_window("hann", n)
    weighted = (values - values.mean(-1, keepdims=True)) * hann
    return np.fft.rfftfreq(n, 1 / rate), np.abs(_fft().rfft(weighted, axis=-1)) * (2 / hann.sum())


def wavelet_packet(x: ArrayLike, wavelet: str = WAVELET, level: int = LEVEL) -> np.ndarray:
    """Wavelet-packet coefficients of every band of one level, low frequencies first.

    The same as PyWavelets' ``WaveletPacket(..., mode="periodization").get_level(level, order="freq")``, for a whole batch
    at once. Periodised at its ends, the transform is orthogonal: the bands' energies sum to the signal's.

    Returns
    -------
    numpy.ndarray of shape (..., 2**level, n_samples / 2**level)

    Raises
    ------
    ValueError
        If the samples do not divide into ``2**level`` parts.
    """
    values = _signal(x)
    if level < 1 or values.shape[-1] % 2**level:
        raise ValueError(
            f"{values.shape[-1]} samples at level {level}; allowed is a level from 1 and a multiple of {2 ** max(level, 1)} "
            "samples: cut windows first"
        )
    dwt = require("pywt", "signals").dwt
    bands = [values]
    for _ in range(level):
        # Each halving turns the upper half's frequencies around, so every second pair changes places.
        pairs = [dwt(band, wavelet, mode="periodization", axis=-1) for band in bands]
        bands = [half for number, pair in enumerate(pairs) for half in (pair if number % 2 == 0 else pair[::-1])]
    return np.stack(bands, axis=-2)


def windows(x: ArrayLike, n: int = WINDOW, hop: int = HOP) -> np.ndarray:
    """Cut a recording into windows, each `hop` samples after the one before.

    Returns
    -------
    numpy.ndarray of shape (..., n_windows, n)
        A view of `x`, which cannot be written to. What is left at the end is dropped.

    Raises
    ------
    ValueError
        If the recording is shorter than a window.
    """
    values = np.asarray(x)
    if n < 1 or hop < 1:
        raise ValueError(f"windows of {n} samples every {hop}; allowed are 1 and more of both")
    if not values.ndim or values.shape[-1] < n:
        have = values.shape[-1] if values.ndim else 0
        raise ValueError(f"a recording of {have} samples is shorter than a window of {n}; leave it out, or take shorter windows")
    return np.lib.stride_tricks.sliding_window_view(values, n, axis=-1)[..., ::hop, :]


def images(x: ArrayLike, rate: float, size: int = 32) -> np.ndarray:
    """Return a recording's windows as the images that a network sees: the whole chain, from end to end.

    Resampled to 12 kHz, band-passed, its envelope taken; then cut into windows of 512 samples. Each makes three channels
    (`CHANNELS`) of 16 rows that are stretched to `size`: the 16 bands of the wavelet packet (rows) over its 32 moments
    (columns); the 256 lines of the Hann spectrum, each row those that lie within that row's band; the envelope, each column its
    16 samples of that moment. So a row means one band in the first two channels and a column one moment in the first and third.
    Values are log10 of the size, over a floor of a tenth of the channel's root mean square in its window: twice the signal adds
    0.3 to every pixel and changes nothing else.

    Parameters
    ----------
    x : array_like of shape (n_samples,)
        One channel of one recording.
    rate : float
        Its samples a second, 12,000 or more.
    size : int
        Height and width in pixels, 32 or more, so that nothing is left out.

    Returns
    -------
    numpy.ndarray of shape (n_windows, 3, size, size), float32

    Raises
    ------
    ValueError
        If the recording is none, is too short, or has a window without any vibration.
    """
    values = _signal(x, rate)
    if values.ndim != 1:
        raise ValueError(f"a recording of shape {values.shape}; allowed is (n_samples,): give one channel at a time")
    if size < WINDOW >> LEVEL:
        raise ValueError(
            f"images of {size} pixels; allowed are {WINDOW >> LEVEL} and more, else moments of a window fall between them"
        )
    # Too short or dead is said of the recording as it came: a filter rings on where nothing was.
    length = math.ceil(WINDOW * rate / RATE)
    if (dead := np.flatnonzero(np.ptp(windows(values, length, max(length // 2, 1)), axis=-1) == 0)).size:
        raise ValueError(f"window {dead[0]} of the recording holds no vibration; leave out what was recorded at a standstill")
    passed = bandpass(resample(values, rate), RATE)
    _flag_clipped(values)
    cut, outline = windows(passed), windows(envelope(passed, RATE))
    result = np.empty((len(cut), len(CHANNELS), size, size), np.float32)
    for start in range(0, len(cut), 2048):  # bounds what is held at once
        block = slice(start, start + 2048)
        rows = 2**LEVEL
        lines_of_bands = spectrum(cut[block], RATE)[1][..., :-1].reshape(-1, rows, WINDOW // 2 // rows)
        samples_of_moments = outline[block].reshape(-1, WINDOW >> LEVEL, rows).swapaxes(1, 2)
        for channel, plane in enumerate((wavelet_packet(cut[block]), lines_of_bands, samples_of_moments)):
            height, width = (stretching(n, size) for n in plane.shape[1:])
            result[block, channel] = height @ _decades(plane) @ width.T
    return result


def stretching(n: int, size: int) -> np.ndarray:
    """Matrix of shape (size, n) by which `images` brings n values to so many pixels: linear, the first and the last kept."""
    places = np.linspace(0, n - 1, size)
    return np.stack([np.interp(places, np.arange(n), unit) for unit in np.eye(n)], axis=1)


@dataclass(frozen=True)
class ZScores:
    """Mean and spread of a training part, put on whatever comes later.

    Attributes
    ----------
    mean, spread : numpy.ndarray
        Of each feature or pixel, in the shape of one item.
    """

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, training: np.ndarray) -> ZScores:
        """Measure a training part of shape (n_items, ...); a feature that never changes there is only centred."""
        if not len(training) or not np.isfinite(training).all():
            raise ValueError(
                f"a training part of {len(training)} items, all finite: no; allowed are finite values and one item or more"
            )
        # Sums of 30,000 float32 images are kept in float64.
        mean = training.mean(0, dtype=np.float64)
        spread = training.std(0, dtype=np.float64)
        return cls(mean.astype(training.dtype), np.where(spread > 0, spread, 1).astype(training.dtype))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return `x` of shape (n_items, ...) with the training part's mean taken off, in units of its spread."""
        if x.shape[1:] != self.mean.shape:
            raise ValueError(f"items of shape {x.shape[1:]}; allowed are {self.mean.shape}, those of the training part")
        return (x - self.mean) / self.spread


def envelope_orders(
    x: ArrayLike, rate: float, speed: float, band: tuple[float, float] = (2000, 5500)
) -> tuple[np.ndarray, np.ndarray]:
    """Spectrum of the envelope in a band, over orders (multiples of the shaft's speed).

    Parameters
    ----------
    x : array_like of shape (..., n_samples)
        As recorded.
    rate : float
        Samples a second.
    speed : float
        Turns of the shaft a second.
    band : (float, float)
        Where the bearing rings, in Hz.

    Returns
    -------
    orders : numpy.ndarray of shape (n_samples // 2 + 1,)
    amplitude : numpy.ndarray of shape (..., n_samples // 2 + 1)
        In units of the signal.
    """
    if np.ndim(speed) or not 0 < speed < rate / 2:
        raise ValueError(f"a shaft speed of {speed}; allowed is one number of turns a second, above 0 and below {rate / 2:g}")
    values = _signal(x, rate)
    _flag_clipped(values)
    hz, amplitude = spectrum(envelope(bandpass(values, rate, *band), rate, None), rate)
    return hz / speed, amplitude


def lines(
    orders: np.ndarray, amplitude: np.ndarray, at: Mapping[str, float], harmonics: int = 3, slip: float = 0.02
) -> dict[str, np.ndarray]:
    """Height of each fault's line and its multiples over what surrounds them in an envelope spectrum.

    The height is the largest amplitude within `slip` of where kinematics puts the line, divided by the median amplitude
    within one order to either side (five lines of the spectrum at least).

    Parameters
    ----------
    orders : numpy.ndarray of shape (n,)
        From `envelope_orders`.
    amplitude : numpy.ndarray of shape (..., n)
    at : mapping of str to float
        Order of each line.
    harmonics : int
        How many multiples of it are looked at, itself included.
    slip : float
        Share by which elements slide rather than roll, or a stated speed is off.

    Returns
    -------
    dict of str to numpy.ndarray of shape (..., harmonics)

    Raises
    ------
    ValueError
        If a multiple lies above the spectrum's end.
    """
    step, last = float(orders[1] - orders[0]), float(orders[-1])
    top = max(at.values(), default=0.0) * harmonics
    if not at or min(at.values()) <= 0 or harmonics < 1 or top * (1 + slip) > last:
        raise ValueError(
            f"lines at {dict(at)} with {harmonics} harmonics; allowed are orders above 0 whose multiples lie below {last:g}: "
            "take fewer harmonics, or a signal sampled faster"
        )
    heights: dict[str, np.ndarray] = {}
    for name, order in at.items():
        found = []
        for centre in order * np.arange(1, harmonics + 1):
            # Bins are closed at both ends, so that the line nearest to the centre is always among them.
            reach = max(slip * centre, step / 2)
            near = np.abs(orders - centre) <= reach
            around = (np.abs(orders - centre) <= max(1.0, 5 * step)) & (orders > 0)
            background = np.median(amplitude[..., around], axis=-1)
            found.append(amplitude[..., near].max(-1) / np.maximum(background, np.finfo(float).tiny))
        heights[name] = np.stack(found, axis=-1)
    return heights


def cepstral_prewhitening(x: ArrayLike) -> np.ndarray:
    """Give every frequency the same amplitude and keep its phase: gears and resonances sink, impulses stay.

    Sets the real cepstrum to zero (Borghesani et al. 2013), which is to divide the spectrum by its size.
    """
    values = _signal(x)
    transform = _fft().rfft(values, axis=-1)
    size = np.abs(transform)
    # A frequency that is not there has no phase either.
    white = np.divide(transform, size, out=np.zeros_like(transform), where=size > 1e-12 * size.max(-1, keepdims=True))
    return _fft().irfft(white, n=values.shape[-1], axis=-1)


@dataclass(frozen=True)
class Kurtogram:
    """Where a signal is impulsive, band by band.

    Attributes
    ----------
    n_bands : tuple of int
        Number of equal bands in which each row divides the frequencies from 0 to Nyquist.
    kurtosis : numpy.ndarray of shape (len(n_bands), columns)
        Spectral kurtosis (0 for noise, −1 for a tone), each band as wide as it is in one common grid of columns.
    band : (float, float)
        Edges in Hz of the most impulsive band.
    """

    n_bands: tuple[int, ...]
    kurtosis: np.ndarray
    band: tuple[float, float]


def kurtogram(x: ArrayLike, rate: float, level: int = 5) -> Kurtogram:
    """Spectral kurtosis on the grid of the fast kurtogram: 1, 2, 3, 4, 6, 8, 12, … bands (Antoni 2007).

    Each band's complex envelope is the inverse transform of its part of one FFT, where Antoni's tree filters step by step.

    Parameters
    ----------
    x : array_like of shape (n_samples,)
    rate : float
        Samples a second.
    level : int
        The finest row divides into ``2**level`` bands.
    """
    values = _signal(x, rate)
    if values.ndim != 1 or level < 1 or values.shape[-1] < 32 * 2**level:
        raise ValueError(
            f"a signal of shape {values.shape} at level {level}; allowed are one axis, a level from 1 and 32 samples a band "
            f"({32 * 2 ** max(level, 1)} here): take a longer signal or a lower level"
        )
    # An FFT takes a signal's end for the neighbour of its start: untapered, the jump there is the one impulse of a quiet band.
    taper = _scipy().get_window(("tukey", 0.02), len(values))
    transform = _fft().rfft((values - values.mean()) * taper)[1:]
    n_bands = sorted({2**k for k in range(level + 1)} | {3 * 2**k for k in range(level - 1)})
    columns = 3 * 2**level
    rows, best = [], (-np.inf, 0.0, 0.0)
    for n in n_bands:
        width = len(transform) // n
        power = np.abs(_fft().ifft(transform[: n * width].reshape(n, width), axis=-1)) ** 2
        # A band without anything in it is not impulsive.
        squared = np.maximum(power.mean(-1) ** 2, np.finfo(float).tiny)
        kurtosis = (power**2).mean(-1) / squared - 2
        rows.append(np.repeat(kurtosis, columns // n))
        top = int(kurtosis.argmax())
        best = max(best, (float(kurtosis[top]), top / n, (top + 1) / n))
    return Kurtogram(tuple(n_bands), np.stack(rows), (best[1] * rate / 2, best[2] * rate / 2))


def audible(x: ArrayLike, rate: float, slower: float = 1, to: float = 8000) -> np.ndarray:
    """Make a short sound of a signal: as it was, or slower and as much lower.

    Parameters
    ----------
    x : array_like of shape (n_samples,)
    rate : float
        Samples a second.
    slower : float
        How many times slower it is played.
    to : float
        Samples a second of the sound.

    Returns
    -------
    numpy.ndarray
        16-bit samples, the largest at nine tenths of the range, 20 ms faded in and out, so that its ends do not click.
    """
    values = _signal(x, rate)
    if values.ndim != 1 or not slower > 0 or not to > 0:
        raise ValueError(
            f"a sound of shape {values.shape}, {slower:g} times slower, at {to:g}; allowed are one axis and numbers above 0"
        )
    # A tenth of a sample in a thousand is not heard: 48,828 needs no ratio of its own.
    ratio = (Fraction(to) * Fraction(slower) / Fraction(rate)).limit_denominator(1000)
    played = _scipy().resample_poly(values - values.mean(), ratio.numerator, ratio.denominator)
    fade = np.minimum(1, np.arange(1, len(played) + 1) / (0.02 * to))
    played = played * fade * fade[::-1]
    return np.round(played / np.abs(played).max() * 0.9 * 32767).astype(np.int16)


def clipped(x: ArrayLike) -> float:
    """Return the share of samples, of all windows together, that repeat the largest or the smallest value."""
    values = np.asarray(x, dtype=float)
    ends = ((values == values.min()) | (values == values.max())).sum()
    return max(0.0, (float(ends) - 2) / values.size)


def _signal(x: ArrayLike, rate: float | None = None) -> np.ndarray:
    """Return `x` as floating numbers, or refuse what is no signal."""
    values = np.asarray(x)
    values = values if values.dtype in (np.dtype("f4"), np.dtype("f8")) else values.astype(float)
    if rate is not None and (np.ndim(rate) or not 0 < rate < math.inf):
        raise ValueError(f"a sampling rate of {rate}; allowed is one number of samples a second above 0")
    if not values.ndim or not values.size:
        raise ValueError(f"a signal of shape {values.shape}; allowed is (..., n_samples), one sample at least")
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{count} of {values.size} samples are NaN or infinite; allowed are finite ones: cut the recording around them"
        )
    if (np.ptp(values, axis=-1) == 0).any():
        raise ValueError("a signal that never changes; allowed is one that vibrates: leave out a channel that was not connected")
    return values


def _flag_clipped(values: np.ndarray) -> None:
    if (share := clipped(values)) > CLIPPED:
        warnings.warn(
            f"{share:.1%} of the samples stand at the signal's largest or smallest value: the sensor or its converter was "
            "overdriven, or its steps are as coarse as the signal; lines and kurtosis of it mislead",
            RuntimeWarning,
            stacklevel=3,
        )


def _both_ways(sections: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Filter forward and backward; shorter signals than the filter's run-in are refused in our own words."""
    needed = 3 * (2 * len(sections) + 1)
    if values.shape[-1] <= needed:
        raise ValueError(
            f"a signal of {values.shape[-1]} samples; allowed are more than {needed}, this filter's run-in: take a longer one"
        )
    return _scipy().sosfiltfilt(sections, values, axis=-1)


def _decades(plane: np.ndarray) -> np.ndarray:
    """log10 of the size of each value of shape (n_windows, rows, columns), over a tenth of the plane's root mean square."""
    size = np.abs(plane)
    floor = 0.1 * np.sqrt((size**2).mean((-2, -1), keepdims=True))
    return np.log10(size + floor)


def _scipy() -> ModuleType:
    return require("scipy.signal", "experiments")


def _fft() -> Any:
    return require("scipy.fft", "experiments")

"""The physics first: a rule that is never trained, and the few lines it looks at as features for a plain model.

A spot on a ring is struck each time an element rolls over it, so each fault has a rhythm that follows from the bearing's geometry
and the speed of its shaft alone. Who knows both needs no training part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from qhelpers import signals
from qhelpers.datasets import Signals

#: Faults that have a line, in the order of every array here. Of a healthy bearing there is none to stand out.
FAULTS = ("inner", "outer", "ball")
#: Where bearings ring, in Hz (D4.3), and how many multiples of a line are looked at.
BAND, HARMONICS = (2000.0, 5500.0), 3
#: Features of a spectrum: means over this many equal parts of 0 to 6,000 Hz.
N_BANDS = 128


@dataclass(frozen=True)
class Rig:
    """One machine of a data set, and the bearing whose fault is to be named there.

    Attributes
    ----------
    title : str
    data : str
        Name of the data set.
    bearing : str
        A key of `qhelpers.signals.GEOMETRIES`.
    channel : str
        The sensor beside that bearing.
    where : mapping of str to float
        What the recordings of this rig have in the columns of `Signals.about`.
    rate : float or None
        Only recordings with this many samples a second, where the same bearings were recorded at two rates.
    """

    title: str
    data: str
    bearing: str
    channel: str
    where: Mapping[str, float] = field(default_factory=dict)
    rate: float | None = None

    @property
    def orders(self) -> dict[str, float]:
        """Order of each fault's line. A spot on a ball strikes both rings in a turn of the ball: twice its spin."""
        found = signals.GEOMETRIES[self.bearing].orders()
        return {"inner": found["bpfi"], "outer": found["bpfo"], "ball": 2 * found["bsf"]}


#: Rigs with labelled faults and a stated geometry.
RIGS = {
    "cwru-drive": Rig("CWRU, drive end", "cwru", "6205", "DE", {"fan_end": 0}, 12_000.0),
    "cwru-fan": Rig("CWRU, fan end", "cwru", "6203", "FE", {"fan_end": 1}, 12_000.0),
    "mfpt": Rig("MFPT", "mfpt", "nice", "gs"),
    "hit-mfs": Rig("HIT-SM, fault simulator", "hit_sm", "6205", "vertical", {"self_built": 0}),
    "hit-own": Rig("HIT-SM, self-built", "hit_sm", "6205", "vertical", {"self_built": 1}),
}


@dataclass(frozen=True)
class Piece:
    """One recording, whole or cut.

    Attributes
    ----------
    x : numpy.ndarray of shape (n_windows, n_samples)
        As recorded, the mean taken off.
    rate, speed : float
        Samples, and turns of the shaft, a second.
    fault, bearing : str
        One of `FAULTS`; rig and physical bearing.
    orders : dict of str to float
        Order of each fault's line.
    """

    x: np.ndarray
    rate: float
    speed: float
    fault: str
    bearing: str
    orders: dict[str, float]


def recordings(data: Signals, rig: str, faults: tuple[str, ...] = FAULTS) -> Iterator[Piece]:
    """Yield each recording of a rig that has one of these faults, whole.

    The hours of the clock at which an outer ring was struck are one bearing: the same fault size stands at each, and whether
    another ring was taken is not published.

    Raises
    ------
    ValueError
        If the rig is unknown, or the data set is another one, or none of its recordings has such a fault.
    """
    if rig not in RIGS or RIGS[rig].data != data.name:
        allowed = [name for name, told in RIGS.items() if told.data == data.name] or list(RIGS)
        raise ValueError(f"rig {rig!r} of the data set {data.name}; allowed are {', '.join(allowed)}, each with its own set")
    told, about = RIGS[rig], data.about
    assert about is not None  # every set of vibrations says the speed
    mine = np.isin([data.meaning[int(one)] for one in data.y], faults)
    mine &= told.rate is None or data.rate == told.rate
    for column, value in told.where.items():
        mine &= about[column].to_numpy() == value
    if not mine.any():
        raise ValueError(f"no recording of {rig} has a fault of {', '.join(faults)}; take more of them, or all files of the set")
    for k in np.flatnonzero(mine):
        x = data.recordings[k][:, data.channels.index(told.channel)].astype(float)
        bearing = f"{rig} {str(data.groups[k]).split(' @')[0]}"
        fault = data.meaning[int(data.y[k])]
        yield Piece((x - x.mean())[None], float(data.rate[k]), float(about["speed"].iloc[k]), fault, bearing, told.orders)


def pieces(data: Signals, rig: str, seconds: float = 1.0, faults: tuple[str, ...] = FAULTS) -> Iterator[Piece]:
    """Yield `recordings` cut into windows of so many seconds, without overlap, the mean of each taken off.

    Recordings that are shorter are passed over.

    Raises
    ------
    ValueError
        As of `recordings`, or if none is long enough.
    """
    longest = 0.0
    for whole in recordings(data, rig, faults):
        n = round(seconds * whole.rate)
        longest = max(longest, whole.x.shape[-1] / whole.rate)
        if whole.x.shape[-1] >= n:
            cut = signals.windows(whole.x[0], n, n)
            yield replace(whole, x=cut - cut.mean(-1, keepdims=True))
    if round(longest, 6) < seconds:
        raise ValueError(f"windows of {seconds:g} s; the longest such recording of {rig} has {longest:g} s: take shorter ones")


def line_heights(piece: Piece, band: tuple[float, float] | str = BAND, *, whiten: bool = False) -> np.ndarray:
    """Natural logarithm of the height of each fault's line and its multiples over their background, window by window.

    Parameters
    ----------
    piece : Piece
    band : (float, float) or {"kurtogram", "no envelope"}
        In Hz; each window's most impulsive one, of eight at most; or none: the lines of the signal's own spectrum, as a control.
    whiten : bool
        Whether the cepstrum is pre-whitened first.

    Returns
    -------
    numpy.ndarray of shape (n_windows, 3, 3)
        Faults in the order of `FAULTS`, then multiples.
    """
    x = signals.cepstral_prewhitening(piece.x) if whiten else piece.x
    if isinstance(band, tuple):
        return _heights(*signals.envelope_orders(x, piece.rate, piece.speed, band), piece.orders)
    if band == "kurtogram":
        own = ((one[None], _rings(one, piece.rate)) for one in x)
        parts = [_heights(*signals.envelope_orders(one, piece.rate, piece.speed, rings), piece.orders) for one, rings in own]
        return np.concatenate(parts)
    if band == "no envelope":
        hz, amplitude = signals.spectrum(x, piece.rate)
        return _heights(hz / piece.speed, amplitude, piece.orders)
    raise ValueError(
        f"band {band!r} is unknown; allowed are two frequencies in Hz, 'kurtogram' and 'no envelope': pass one of them"
    )


def _heights(orders: np.ndarray, amplitude: np.ndarray, at: dict[str, float]) -> np.ndarray:
    found = signals.lines(orders, amplitude, at, HARMONICS)
    return np.log(np.stack([found[fault] for fault in FAULTS], axis=1))


def _rings(x: np.ndarray, rate: float) -> tuple[float, float]:
    """Band of the highest kurtosis, kept off the ends of the spectrum, where no filter has room."""
    low, high = signals.kurtogram(x, rate, level=3).band
    return max(low, 0.01 * rate), min(high, 0.49 * rate)


def named(heights: np.ndarray, faults: tuple[str, ...] = FAULTS) -> np.ndarray:
    """Name the fault whose lines stand highest: the untrained rule.

    All multiples count alike, by the mean of their logarithms, so that one of them that is shared with another fault (three
    times BPFO is nearly twice BPFI) does not decide alone.

    Parameters
    ----------
    heights : numpy.ndarray of shape (n_windows, 3, n_multiples)
        From `line_heights`.
    faults : tuple of str
        Those that may be named.
    """
    of = [FAULTS.index(one) for one in faults]
    return np.array(faults)[heights[:, of].mean(-1).argmax(-1)]


def spectrum_bands(piece: Piece) -> np.ndarray:
    """Spectrum of each window in `N_BANDS` equal bands up to 6 kHz: mean log amplitude, the window's own mean taken off.

    Returns
    -------
    numpy.ndarray of shape (n_windows, N_BANDS)
    """
    hz, amplitude = signals.spectrum(piece.x, piece.rate)
    if piece.rate / 2 < signals.RATE / 2:
        raise ValueError(f"{piece.rate:g} samples a second; allowed are {signals.RATE:g} and more: the bands reach to half of it")
    below = (hz > 0) & (hz < signals.RATE / 2)
    parts = np.array_split(np.log(amplitude[:, below] + np.finfo(float).tiny), N_BANDS, axis=-1)
    found = np.stack([part.mean(-1) for part in parts], axis=-1)
    return found - found.mean(-1, keepdims=True)


def statistics(piece: Piece) -> np.ndarray:
    """Logarithms of what §4.6 calls the top three features (RMS, peak frequency, kurtosis) and of the crest factor.

    Returns
    -------
    numpy.ndarray of shape (n_windows, 4)
    """
    rms = np.sqrt((piece.x**2).mean(-1))
    hz, amplitude = signals.spectrum(piece.x, piece.rate)
    peak = hz[1:][amplitude[:, 1:].argmax(-1)]
    kurtosis = (piece.x**4).mean(-1) / rms**4
    return np.log(np.stack([rms, peak, kurtosis, np.abs(piece.x).max(-1) / rms], axis=-1))


#: What a plain model may read of a window.
FEATURES: dict[str, Callable[[Piece], np.ndarray]] = {
    "lines": lambda piece: line_heights(piece).reshape(len(piece.x), -1),
    "line means": lambda piece: line_heights(piece).mean(-1),
    "spectrum": spectrum_bands,
    "statistics": statistics,
}


def by_bearing(right: np.ndarray, bearing: np.ndarray) -> dict[str, float]:
    """Share of windows that are right, bearing by bearing: a bearing that was recorded longer weighs no more."""
    return {str(one): float(right[bearing == one].mean()) for one in np.unique(bearing)}

"""Windows of any rig as images, as recordings with their kinematics, and as one image made of physics.

What the experiments on splits, unseen bearings and other rigs share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import baselines, benchmark, physics
from qhelpers.papers.bearings.benchmark import Windows
from qhelpers.papers.bearings.physics import Piece

#: Multiples of a line that the physics image shows, pixels a side, and how far a row reaches to either side, in orders.
N_MULTIPLES, SIDE, REACH = 8, 32, 1.5
#: Places between two pixels at which the spectrum is read, so that no line falls between.
_FINER = 8


def images(data: Signals, cut: Windows, machine: str, size: int = SIDE) -> Windows:
    """Put each window's image in the place of its samples.

    Parameters
    ----------
    data : Signals
    cut : Windows
        From `benchmark.windows` of that machine with its standard length and hop, or rows of it.
    machine : str
        One of `benchmark.MACHINES`.
    size : int
        Pixels a side.

    Returns
    -------
    Windows
        ``x`` of shape (n_windows, 3, size, size).
    """
    column = data.channels.index(benchmark.channel_of(machine))
    made = np.empty((len(cut), len(signals.CHANNELS), size, size), np.float32)
    for name in dict.fromkeys(cut.recording.tolist()):
        k, mine = _place(data, name), cut.recording == name
        made[mine] = signals.images(data.recordings[k][:, column], float(data.rate[k]), size)[cut.place[mine]]
    return replace(cut, x=made)


def pieces(data: Signals, cut: Windows, machine: str) -> Iterator[tuple[np.ndarray, Piece]]:
    """Yield the windows of each recording with the rows where they stand, as what `physics` makes features of.

    A healthy window gets the lines of its machine's bearing too.

    Parameters
    ----------
    data : Signals
    cut : Windows
        From `benchmark.windows`; ``x`` holds samples at 12 kHz.
    machine : str
        A key of `physics.RIGS`.
    """
    named = {number: name for name, number in benchmark.UNIFIED.items()}
    assert data.about is not None  # every set of vibrations says the speed
    for name in dict.fromkeys(cut.recording.tolist()):
        rows = np.flatnonzero(cut.recording == name)
        x = cut.x[rows].astype(float)
        speed = float(data.about["speed"].iloc[_place(data, name)])
        fault, orders = named[int(cut.y[rows[0]])], physics.RIGS[machine].orders
        yield rows, Piece(x - x.mean(-1, keepdims=True), signals.RATE, speed, fault, str(cut.bearing[rows[0]]), orders)


def order_images(piece: Piece) -> np.ndarray:
    """Physics as an image: where a fault's lines would stand in the envelope's spectrum, a channel a fault (D4.64).

    The channels are the faults of `physics.FAULTS`, each with `N_MULTIPLES` multiples of its line, four rows of pixels a
    multiple; the columns reach `REACH` orders to either side of where kinematics puts it, so that side bands at a turn of the
    shaft are seen. A pixel is the log10 of the largest amplitude in it, over the median of its row. Whatever the bearing and the
    speed, a fault's lines stand in the middle of its own channel.

    Parameters
    ----------
    piece : Piece
        Windows long enough to tell lines apart, a second, say.

    Returns
    -------
    numpy.ndarray of shape (n_windows, 3, 32, 32), float32
    """
    orders, amplitude = signals.envelope_orders(piece.x, piece.rate, piece.speed, physics.BAND)
    rows = SIDE // N_MULTIPLES
    at = np.linspace(-REACH, REACH, SIDE * _FINER)
    made = np.empty((len(amplitude), len(physics.FAULTS), N_MULTIPLES, SIDE))
    for channel, fault in enumerate(physics.FAULTS):
        for k in range(N_MULTIPLES):
            places = (k + 1) * piece.orders[fault] + at
            read = np.stack([np.interp(places, orders, one) for one in amplitude])
            made[:, channel, k] = read.reshape(len(read), SIDE, _FINER).max(-1)
    background = np.median(made, -1, keepdims=True)
    made = np.log10(np.maximum(made, np.finfo(float).tiny) / np.maximum(background, np.finfo(float).tiny))
    return np.repeat(made, rows, axis=2).astype(np.float32)


#: What a plain model may read of a window here.
FEATURES: dict[str, Callable[[Piece], np.ndarray]] = physics.FEATURES | {
    "classical": lambda piece: baselines.classical(piece.x),
    "order image": lambda piece: order_images(piece)[:, :, :: SIDE // N_MULTIPLES].reshape(len(piece.x), -1),
}


def features(data: Signals, cut: Windows, machine: str, name: str) -> np.ndarray:
    """One of `FEATURES` of each window, shape (n_windows, n_features); arguments as of `pieces`."""
    found = [(rows, FEATURES[name](piece)) for rows, piece in pieces(data, cut, machine)]
    values = np.empty((len(cut), found[0][1].shape[1]))
    for rows, one in found:
        values[rows] = one
    return values


def spread(unit: np.ndarray, most: int) -> np.ndarray:
    """Rows of at most so many windows of each unit, evenly spread over it in the order in which they stand.

    Parameters
    ----------
    unit : numpy.ndarray of shape (n_windows,)
        Bearings, say.
    most : int
    """
    kept = []
    for one in np.unique(unit):
        mine = np.flatnonzero(unit == one)
        kept.append(mine if len(mine) <= most else mine[np.linspace(0, len(mine) - 1, most).round().astype(int)])
    return np.sort(np.concatenate(kept))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n bearings.

    The share may be a mean of shares: its variance is then at most that of n yes-or-no answers, and the interval is wide
    enough.
    """
    if n < 1 or not 0 <= share <= 1:
        raise ValueError(f"a share of {share} of {n} bearings; allowed are 0 to 1 and one bearing or more")
    z = 1.959964
    centre, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float((centre - half) / (1 + z**2 / n)), float((centre + half) / (1 + z**2 / n))


def tested(right: np.ndarray, bearing: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """What a record keeps of bearings that a model had not met.

    Parameters
    ----------
    right : numpy.ndarray of bool, shape (n_windows,)
        Whether each window was named rightly.
    bearing : numpy.ndarray of str

    Returns
    -------
    metrics : dict
        ``accuracy``, mean over bearings, ``accuracy_low`` and ``accuracy_high``, its 95 % interval (Wilson, n bearings),
        ``by_window``, ``named``: how many bearings have most of their windows right, and ``bearings``.
    arrays : dict
        Each bearing's name and share.
    """
    share: Mapping[str, float] = physics.by_bearing(right, bearing)
    values = np.array(list(share.values()))
    low, high = wilson(float(values.mean()), len(values))
    metrics = {
        "accuracy": float(values.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
        "by_window": float(right.mean()),
        "named": float((values > 0.5).sum()),
        "bearings": float(len(values)),
    }
    return metrics, {"bearing": np.array(list(share)), "share": values}


def _place(data: Signals, recording: str) -> int:
    return int(np.flatnonzero(np.asarray(data.labels) == recording)[0])

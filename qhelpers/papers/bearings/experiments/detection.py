"""Do they warn in time? Runs to failure of PRONOSTIA and IMS, where nobody has labelled when damage began.

What counts as a warning, the detectors and their thresholds are deviations D4.85 to D4.87, written before a score was seen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from qhelpers import signals
from qhelpers.datasets import Series, Signals
from qhelpers.papers.bearings import physics
from qhelpers.papers.bearings.experiments import network
from qhelpers.papers.bearings.physics import Piece
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome

Array = NDArray[np.float64]

DETECTORS = {"pronostia": ("rms", "kurtosis", "lines", "network"), "ims_statistics": ("rms", "kurtosis")}
CHARTS = ("three", "ewma")
#: Thresholds in standard deviations of what is usual, and the textbook's (D4.86).
LADDER, TEXTBOOK = (3, 4, 6, 8, 12, 16), 3
USUAL, HALF, IN_A_ROW, WEIGHT = 0.1, 0.5, 3, 0.1
#: Snapshots at the end of a test of IMS that are from after its shutdown.
STOPPED = {"test 1": 0, "test 2": 2, "test 3": 1}


@dataclass(frozen=True)
class Life:
    """One bearing from its first snapshot to its last.

    Attributes
    ----------
    name : str
    seconds : ndarray of shape (n_snapshots,)
        Since the first.
    value : ndarray of shape (n_snapshots,)
        What a detector watches.
    failed : bool
        Whether this bearing is the one that failed.
    """

    name: str
    seconds: Array
    value: Array
    failed: bool = True


def chart(value: Array, usual: int, kind: str) -> Array:
    """How far a series stands above what is usual, in standard deviations.

    Parameters
    ----------
    value : ndarray of shape (n_snapshots,)
    usual : int
        Snapshots from the beginning whose mean and standard deviation are usual.
    kind : {"three", "ewma"}
        The least of the last three values, so that three in a row must be high; or an exponentially weighted mean in units of its
        own standard deviation.

    Returns
    -------
    ndarray of shape (n_snapshots,)

    Raises
    ------
    ValueError
        If the kind is unknown, or nothing varies in what is usual.
    """
    if kind not in CHARTS:
        raise ValueError(f"chart {kind!r} is unknown; allowed are {', '.join(CHARTS)}")
    if usual < 2 or not (spread := float(value[:usual].std(ddof=1))) > 0:
        raise ValueError(f"{usual} first values that do not vary say nothing of what is usual; give two or more that do")
    z = (value - value[:usual].mean()) / spread
    if kind == "ewma":
        smooth: Array = lfilter([WEIGHT], [1, WEIGHT - 1], z)
        return smooth / np.sqrt(WEIGHT / (2 - WEIGHT))
    before = np.r_[np.full(IN_A_ROW - 1, -np.inf), z]
    return np.lib.stride_tricks.sliding_window_view(before, IN_A_ROW).min(-1)


@dataclass(frozen=True)
class Warned:
    """What a chart says of a bearing at one threshold.

    Attributes
    ----------
    lead : float
        Seconds from the warning to the last snapshot; NaN without one.
    false : int
        Alarms that begin between a tenth and half of life.
    right : bool
        Warned of without a false alarm; of a bearing that did not fail: no alarm at all.
    """

    lead: float
    false: int
    right: bool


def warned(life: Life, height: Array, k: float) -> Warned:
    """Read a chart (D4.85).

    Parameters
    ----------
    life : Life
    height : ndarray of shape (n_snapshots,)
        From `chart`.
    k : float
    """
    high = height > k
    begins = high & ~np.r_[False, high[:-1]]
    end = float(life.seconds[-1])
    early = (life.seconds > USUAL * end) & (life.seconds <= HALF * end)
    late = life.seconds > HALF * end
    false = int((begins & early).sum()) + int((high & ~begins & early & ~np.r_[False, early[:-1]]).sum())
    # an alarm that stands when the second half begins counts from there
    lead = end - float(life.seconds[late][high[late].argmax()]) if high[late].any() else float("nan")
    return Warned(lead, false, not (high & (early | late)).any() if not life.failed else bool(np.isfinite(lead) and not false))


def run(
    config: Mapping[str, Any], seed: int, dataset: Signals | Series, *others: Signals, scratch: Path | None = None
) -> Outcome:
    """Let one detector watch every bearing of a set.

    Parameters
    ----------
    config : mapping
        ``data``, ``detector`` (`DETECTORS`); for the network ``size`` and ``epochs``.
    seed : int
        Of the network and the windows that it is trained on.
    dataset : Signals or Series
        PRONOSTIA, or IMS's statistics.
    *others : Signals
        CWRU, for the network.
    scratch : path, optional
        Where the training keeps its last epoch.

    Returns
    -------
    Outcome
        For each chart, with the threshold chosen on the other bearings and, after ``textbook_``, with k = 3: ``right``, share of
        bearings; ``warned``, share of those that failed; ``lead_hours`` and ``lead_share`` of life, medians over those warned of;
        ``false_per_day`` in healthy halves. Of the network ``normal``, the share of snapshots of first halves that it calls
        normal. Arrays, bearings in rows: names, hours, and for each chart lead in hours, false alarms and k as chosen, and
        lead and false alarms at every k.

    Raises
    ------
    ValueError
        If the set or the detector is unknown.
    """
    data, detector = config["data"], config["detector"]
    if detector not in DETECTORS.get(data, ()):
        allowed = "; ".join(f"{name}: {', '.join(known)}" for name, known in DETECTORS.items())
        raise ValueError(f"detector {detector!r} on {data!r}; allowed are {allowed}")
    seconds, metrics, arrays = 0.0, {}, {}
    if data == "ims_statistics":
        assert isinstance(dataset, Series)
        found = of_ims(dataset, {"rms": "rms", "kurtosis": "kurt"}[detector])
    else:
        assert isinstance(dataset, Signals)
        if detector == "network":
            model, seconds = _trained(config, seed, others[0], scratch)
            value = odds(model, dataset)
        else:
            value = watched(dataset, detector)
        found = of_pronostia(dataset, value)
        if detector == "network":
            metrics["normal"] = float(np.mean([np.mean(one.value[one.seconds <= HALF * one.seconds[-1]] < 0) for one in found]))
        arrays["value"] = np.concatenate([one.value for one in found]).astype("float32")
        arrays["snapshots"] = np.array([len(one.value) for one in found])
    names = np.array([one.name for one in found])
    hours = np.array([one.seconds[-1] / 3600 for one in found])
    failed = np.array([one.failed for one in found])
    arrays |= {"bearing": names, "hours": hours, "failed": failed.astype("int8")}
    for kind in CHARTS:
        heights = [chart(one.value, int((one.seconds <= USUAL * one.seconds[-1]).sum()), kind) for one in found]
        table = [[warned(one, height, k) for k in LADDER] for one, height in zip(found, heights, strict=True)]
        right = np.array([[one.right for one in row] for row in table])
        lead = np.array([[one.lead for one in row] for row in table]) / 3600
        false = np.array([[one.false for one in row] for row in table])
        chosen = chosen_on_others(right)
        rows = np.arange(len(found))
        for prefix, column in {"": chosen, "textbook_": np.full(len(found), LADDER.index(TEXTBOOK))}.items():
            at, warns = lead[rows, column], np.isfinite(lead[rows, column]) & failed
            metrics |= {
                f"{kind}_{prefix}right": float(right[rows, column].mean()),
                f"{kind}_{prefix}warned": float(warns[failed].mean()),
                f"{kind}_{prefix}false_per_day": float(false[rows, column].sum() / (hours * (HALF - USUAL) / 24).sum()),
            }
            if warns.any():
                metrics[f"{kind}_{prefix}lead_hours"] = float(np.median(at[warns]))
                metrics[f"{kind}_{prefix}lead_share"] = float(np.median((at / hours)[warns]))
        arrays |= {
            f"{kind}_k": np.array(LADDER)[chosen],
            f"{kind}_right": right[rows, chosen].astype("int8"),
            f"{kind}_lead": lead[rows, chosen],
            f"{kind}_false": false[rows, chosen],
            f"{kind}_leads": lead,
            f"{kind}_falses": false,
            f"{kind}_rights": right.astype("int8"),
        }
    return Outcome(metrics, arrays=arrays, train_seconds=seconds)


def chosen_on_others(right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each bearing the step of the ladder at which most *others* are right, the lowest of equals.

    Parameters
    ----------
    right : ndarray of bool of shape (n_bearings, n_steps)
    """
    found: NDArray[np.int64] = (right.sum(0) - right).argmax(1)
    return found


def of_ims(data: Series, column: str) -> list[Life]:
    """The first sensor of each bearing, without the snapshots from after a shutdown."""
    lives: dict[str, Life] = {}
    assert data.time is not None
    for k, name in enumerate(map(str, data.groups)):
        rows = slice(int(data.edges[k]), int(data.edges[k + 1]) - STOPPED[name[:6]])
        seconds = (data.time[rows] - data.time[rows.start]).astype("timedelta64[s]").astype(float)
        lives.setdefault(name, Life(name, seconds, data.X[column].to_numpy()[rows], not bool(data.censored[k])))
    return list(lives.values())


def of_pronostia(data: Signals, value: Array) -> list[Life]:
    """The bearings, each snapshot with what a detector makes of it, shape (n_snapshots,), in the order of the recordings."""
    assert data.about is not None
    seconds, lives = data.about["seconds"].to_numpy(), []
    for name in dict.fromkeys(map(str, data.groups)):
        rows = np.flatnonzero(data.groups == name)
        rows = rows[np.argsort(seconds[rows], kind="stable")]
        lives.append(Life(name, seconds[rows] - seconds[rows[0]], value[rows]))
    return lives


def watched(data: Signals, detector: str) -> Array:
    """RMS in g, kurtosis, or the mean logarithm of the highest fault's lines, of the horizontal sensor; (n_snapshots,)."""
    x = np.stack([one[:, 0] for one in data.recordings]).astype(float)
    x -= x.mean(-1, keepdims=True)
    if detector == "rms":
        return np.sqrt((x**2).mean(-1))
    if detector == "kurtosis":
        return (x**4).mean(-1) / (x**2).mean(-1) ** 2
    assert data.about is not None
    orders = signals.GEOMETRIES["femto"].orders()
    at = {"inner": orders["bpfi"], "outer": orders["bpfo"], "ball": 2 * orders["bsf"]}
    speeds, value = data.about["speed"].to_numpy(), np.empty(len(x))
    for speed in np.unique(speeds):
        mine = speeds == speed
        piece = Piece(x[mine], float(data.rate[0]), float(speed), "", "", at)
        value[mine] = physics.line_heights(piece).mean(-1).max(-1)
    return value


def _trained(config: Mapping[str, Any], seed: int, cwru: Signals, scratch: Path | None) -> tuple[QEMLNetClassifier, float]:
    """QEML-Net as on random windows of CWRU, and seconds of its training."""
    part = network.parts(network.windows(cwru, config["size"]), network.SPLITS[0], seed)
    model = QEMLNetClassifier(
        epochs=config["epochs"], checkpoint=None if scratch is None else scratch / "training", random_state=seed
    )
    start = time.perf_counter()
    model.fit(part.train.x, part.train.y)
    return model, time.perf_counter() - start


def odds(model: QEMLNetClassifier, data: Signals) -> Array:
    """log((1 - p) / p) of normal's share p, the mean over a snapshot's windows; shape (n_snapshots,)."""
    size = model.shape_[-1]
    made = [
        signals.images(one[:, 0].astype(float), float(rate), size) for one, rate in zip(data.recordings, data.rate, strict=True)
    ]
    logits = model.outputs(np.concatenate(made)).logits.double()
    normal = int(np.flatnonzero(model.classes_ == 0)[0])
    others = [k for k in range(logits.shape[1]) if k != normal]
    value = (logits[:, others].logsumexp(1) - logits[:, normal]).numpy()
    ends = np.cumsum([len(one) for one in made])
    return np.array([part.mean() for part in np.split(value, ends[:-1])])


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Every detector once; the network three times."""
    entries: list[tuple[dict[str, Any], int]] = []
    for data, detectors in DETECTORS.items():
        for name in detectors:
            learns = {"size": 32, "epochs": network.EPOCHS[profile]} if name == "network" else {}
            n_seeds = {"quick": 1, "laptop": 3, "paper": 5}[profile] if learns else 1
            if not (learns and profile == "quick"):
                entries.append(({"data": data, "detector": name} | learns, n_seeds))
    return entries


EXPERIMENT = Experiment(
    name="bearings-detection",
    version="1",
    about="paper 4: how long before failure a detector warns on PRONOSTIA and IMS, and how often for nothing",
    function=run,
    grid=grid,
    estimate=lambda config: 130.0 if config["detector"] == "network" else 30.0,
    headline="three_right",
    # the network's second set is read by all of its rivals: records of one experiment and set have one fingerprint
    data=lambda config: (config["data"], "cwru") if config["data"] == "pronostia" else (config["data"],),
    told=("data", "detector", "size", "epochs"),
    needs=lambda config: Needs(memory_gb=2.5),
    checkpoints=True,
)

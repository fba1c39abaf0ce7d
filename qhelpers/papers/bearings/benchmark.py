"""The harmonised benchmark of section 3.2: eight classes, windows at 12 kHz, what the printed counts can mean, and four splits.

Four of the eight classes have labelled recordings in a public set (`AVAILABLE`). Two sets are runs to failure whose labels are
a choice of where "faulty" begins; three classes are in none. So a result on CWRU has four of the unified classes, and if it has
eight they are others (`labellings`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain, combinations, product

import numpy as np
import pandas as pd
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, train_test_split

from qhelpers import signals
from qhelpers.datasets import Signals
from qhelpers.datasets.cwru import RECORDED, Recorded
from qhelpers.papers.bearings.physics import RIGS

#: The unified classes, as printed.
CLASSES = (
    *("Normal", "Ball Fault", "Inner Race", "Outer Race"),
    *("Roller Fault", "Bearing Wear", "Shaft Misalignment", "Lubrication Failure"),
)
#: Which of them the sets' own labels stand for.
UNIFIED = {"normal": 0, "ball": 1, "inner": 2, "outer": 3}

LABELLED = "labelled"
CHOSEN = "a choice of time"  # no recording has a label: an end of a run to failure is called so
PUBLISHED = "published, not at hand"
NONE = "none"
#: How each class is to be had in the sets of Table 2, and in two more; what is not named is in none.
AVAILABLE: dict[str, dict[str, str]] = {
    "cwru": dict.fromkeys(CLASSES[:4], LABELLED),
    "mfpt": {"Normal": PUBLISHED, "Inner Race": LABELLED, "Outer Race": LABELLED},
    "ims": dict.fromkeys(("Normal", "Inner Race", "Outer Race", "Roller Fault"), CHOSEN),
    "paderborn": dict.fromkeys(("Normal", "Inner Race", "Outer Race"), PUBLISHED),
    "pronostia": dict.fromkeys(("Normal", "Bearing Wear"), CHOSEN),
    "hit_sm": dict.fromkeys(("Normal", "Inner Race", "Outer Race"), LABELLED),
    "uestc": dict.fromkeys(CLASSES[:4], LABELLED),
}

#: Counts that Table 2 prints, by set; of IMS they are files.
PRINTED = {"cwru": 15_520, "mfpt": 6_000, "ims": 984, "paderborn": 26_944, "pronostia": 2_156}
TOTAL = 57_164

#: Length of CWRU's normal recordings at 1 to 3 hp, in samples, from the literature: 98 and 99 are not at hand, 100 not whole.
NORMALS = {"98.mat": 483_903, "99.mat": 485_063, "100.mat": 485_643}

#: Machines whose recordings have labels, and what is read of each: set, channel, columns of `Signals.about`, rate.
_MACHINES = {name: (rig.data, rig.channel, rig.where, rig.rate) for name, rig in RIGS.items()}
_MACHINES |= {"uestc": ("uestc", "acceleration", {}, None)}
MACHINES = tuple(_MACHINES)

#: Random windows 70:15:15; five folds of windows; one fault size held out; one bearing held out. Never mixed.
PROTOCOLS = ("random", "folds", "size", "bearing")
#: The paper's five seeds.
SEEDS = tuple(range(5))
#: Where a bearing or a size is held out, the healthy recording that only training sees, and the one that only the test sees.
HEALTHY = ("97.mat", "100.mat")
_VALIDATION = 0.15


def channel_of(machine: str) -> str:
    """The channel that is read of a machine."""
    return _MACHINES[machine][1]


def available() -> pd.DataFrame:
    """`AVAILABLE` as a table: a row a set, a column a class."""
    return pd.DataFrame(
        {name: [told.get(one, NONE) for one in CLASSES] for name, told in AVAILABLE.items()}, index=list(CLASSES)
    ).T


# --- windows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Windows:
    """Windows of recordings, a row each, with all that an honest split needs to know.

    Attributes
    ----------
    x : numpy.ndarray of shape (n_windows, n_samples)
        ``float32`` at 12 kHz, as recorded: mean and level are left.
    y : numpy.ndarray of shape (n_windows,)
        Places in `CLASSES`.
    bearing, recording : numpy.ndarray of str
        The physical bearing, its machine before it; the file.
    size : numpy.ndarray of float
        Of the fault, in the set's unit; 0 of healthy bearings, NaN where none is told.
    place : numpy.ndarray of int
        Number of the window in its recording.
    """

    x: np.ndarray
    y: np.ndarray
    bearing: np.ndarray
    recording: np.ndarray
    size: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: np.ndarray) -> Windows:
        return Windows(*(getattr(self, one.name)[rows] for one in fields(self)))


def windows(data: Signals, machine: str, n: int = signals.WINDOW, hop: int = signals.HOP) -> Windows:
    """Every labelled recording of a machine, resampled to 12 kHz and cut (sections 3.1 and 3.2).

    Of CWRU's drive end these are the recordings at 12 kHz and the normal ones at 48; those at 48 kHz of the same faulty bearings
    are left out.

    Parameters
    ----------
    data : Signals
    machine : str
        One of `MACHINES`.
    n, hop : int
        Samples of a window, and from one to the next.

    Raises
    ------
    ValueError
        If the machine is unknown or of another set, or, by its name, if a recording is shorter than a window, does not
        vibrate, or holds what is no number.
    """
    if machine not in _MACHINES or _MACHINES[machine][0] != data.name:
        allowed = [name for name, told in _MACHINES.items() if told[0] == data.name] or MACHINES
        raise ValueError(
            f"machine {machine!r} of the data set {data.name}; allowed are {', '.join(allowed)}, each with its own set"
        )
    _, channel, where, rate = _MACHINES[machine]
    column = data.channels.index(channel)
    mine = np.ones(len(data), bool) if rate is None else data.rate == rate
    about = data.about if data.about is not None else pd.DataFrame(index=range(len(data)))
    for name, value in where.items():
        mine &= about[name].to_numpy() == value
    if data.name == "cwru":
        mine |= data.y == UNIFIED["normal"]
    parts = []
    for k in np.flatnonzero(mine):
        try:
            cut = signals.windows(signals.resample(data.recordings[k][:, column], float(data.rate[k])), n, hop)
        except ValueError as error:
            raise ValueError(f"{data.name}, {data.labels[k]}: {error}") from error
        size = float(about["fault_size"].iloc[k]) if "fault_size" in about else np.nan
        bearing = f"{machine} {data.groups[k]}"
        rows = len(cut)
        parts.append(
            Windows(
                x=cut.astype("float32"),
                y=np.full(rows, UNIFIED[data.meaning[int(data.y[k])]]),
                bearing=np.full(rows, bearing),
                recording=np.full(rows, str(data.labels[k])),
                size=np.full(rows, size),
                place=np.arange(rows),
            )
        )
    return together(parts)


def together(parts: Sequence[Windows]) -> Windows:
    """Windows of several recordings or machines as one."""
    return Windows(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Windows)))


# --- splits ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Rows of the three parts, and in words what only the test part holds."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    held_out: str


def splits(some: Windows, protocol: str, seed: int = 0) -> Iterator[Split]:
    """Split windows by one of `PROTOCOLS`.

    Parameters
    ----------
    some : Windows
    protocol : str
        ``"random"``: 70:15:15, classes in equal shares (section 3.2); neighbours, which share half their samples, fall on
        both sides. ``"folds"``: five parts, each the test part once, just as blind to neighbours. ``"size"``: each fault size is
        held out, so other bearings are tested than were trained on. ``"bearing"``: each faulty bearing is held out. In the last
        two the healthy class is one bearing, recorded at two loads: `HEALTHY` says which recording is whose; where a machine
        has none of these two recordings, its healthy bearing is held out like the others.
    seed : int
        Draws what is random: the parts, the folds, and the validation part, always windows of the training part's bearings.

    Yields
    ------
    Split

    Raises
    ------
    ValueError
        If the protocol is unknown, or a class of the test part, or of the whole, is missing from what is trained on.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is unknown; allowed are {', '.join(PROTOCOLS)}: pass one of them")
    for rest, test, held_out in _outer(some, protocol, seed):
        share = _VALIDATION if protocol in ("size", "bearing") else _VALIDATION / (1 - len(test) / len(some))
        few = Counter(some.y[rest].tolist())
        if missing := sorted({int(one) for one in some.y[test] if few[int(one)] < 2}):
            names = ", ".join(CLASSES[one] for one in missing)
            raise ValueError(
                f"protocol {protocol!r}, {held_out} held out: {names} is in the test part and has fewer than two windows to "
                "train on; a class needs another bearing, or another size, to be learned from: take another protocol, or leave "
                "it out"
            )
        train, validation = train_test_split(rest, test_size=share, stratify=some.y[rest], random_state=seed)
        yield Split(np.sort(train), np.sort(validation), test, held_out)


def _outer(some: Windows, protocol: str, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """What is left for training and validation, the test part, and what only it holds."""
    rows = np.arange(len(some))
    if protocol in ("random", "folds"):
        if few := [CLASSES[one] for one, count in sorted(Counter(some.y.tolist()).items()) if count < 10]:
            raise ValueError(f"{', '.join(few)}: fewer than ten windows; allowed are ten of each class, so that no part lacks it")
        if protocol == "random":
            rest, test = train_test_split(rows, test_size=_VALIDATION, stratify=some.y, random_state=seed)
            yield rest, np.sort(test), "windows"
        else:
            for k, (rest, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(rows, some.y)):
                yield rest, test, f"fold {k + 1}"
        return
    told = ~np.isnan(some.size)
    if protocol == "size" and not told.all():
        raise ValueError(f"no fault size is told of {some.recording[~told][0]}; protocol 'size' needs it: take 'bearing'")
    shared = np.isin(some.recording, HEALTHY)
    first, second = (some.recording == one for one in HEALTHY)
    if shared.any() and not (first.any() and second.any()):
        raise ValueError(
            f"of the healthy recordings {' and '.join(HEALTHY)} only one is there; both are needed, one to train on and one to "
            "be tested on: load both"
        )
    unit = some.size.round(4).astype(str) if protocol == "size" else some.bearing
    ours = np.flatnonzero(~shared & (some.y > 0) if protocol == "size" else ~shared)
    healthy = np.flatnonzero(~shared & (some.y == 0)) if protocol == "size" else np.empty(0, int)
    if len(set(unit[ours])) < 2:
        raise ValueError(f"protocol {protocol!r}: all windows are of one {protocol}; two are needed to hold one out")
    for rest, test in LeaveOneGroupOut().split(ours, groups=unit[ours]):
        left, held = (np.sort(np.r_[ours[part], np.flatnonzero(also)]) for part, also in ((rest, first), (test, second)))
        yield np.sort(np.r_[left, healthy]), held, str(unit[ours[test[0]]])


def neighbours(some: Windows, split: Split) -> float:
    """Share of test windows of which a window of training that touches or overlaps it is of the same recording."""
    name = np.unique(some.recording, return_inverse=True)[1]
    known = set(zip(name[split.train].tolist(), some.place[split.train].tolist(), strict=True))
    tested = zip(name[split.test].tolist(), some.place[split.test].tolist(), strict=True)
    return float(np.mean([(k, p - 1) in known or (k, p + 1) in known for k, p in tested]))


# --- what the printed counts can mean ----------------------------------------------------------------------------


def n_windows(samples: int, hop: int = signals.HOP) -> int:
    """Whole windows in a recording of so many samples."""
    return max(0, 1 + (samples - signals.WINDOW) // hop)


@dataclass(frozen=True)
class Choice:
    """A regular choice of CWRU's files at the drive end, and how many windows of 512 samples they hold.

    Attributes
    ----------
    sizes, faults, positions, loads : tuple
        Which files with a fault: inches; kinds; hours of the clock of outer rings; hp.
    normals : str
        Which healthy recordings, and how they are read.
    hop : int
        From one window to the next.
    count : int
    """

    sizes: tuple[float, ...]
    faults: tuple[str, ...]
    positions: tuple[int, ...]
    loads: tuple[int, ...]
    normals: str
    hop: int
    count: int


_POSITIONS = ((6,), (3,), (12,), (6, 3), (6, 3, 12))


def choices(data: Signals) -> Iterator[Choice]:
    """Every regular choice of files of CWRU's drive end at 12 kHz, counted; healthy recordings of the chosen loads.

    These are any of the fault sizes, kinds and loads with the outer rings of some hours of the clock; with no healthy recording,
    those as they are in the file (48 kHz), or brought to 12 kHz; windows with half their samples shared, or none.

    Parameters
    ----------
    data : Signals
        CWRU; only the lengths of its recordings are used. Those of `NORMALS` are the literature's.

    Yields
    ------
    Choice
        Each set of files once.
    """
    length = {str(name): len(one) for name, one in zip(data.labels, data.recordings, strict=True)} | NORMALS
    some = {name: told for name, told in RECORDED.items() if told.end == "drive" and told.rate == 12_000 and name in length}
    normal = {0: length.get("97.mat", 0)} | {k + 1: samples for k, samples in enumerate(NORMALS.values())}
    seen = set()
    for sizes, faults, positions, loads in product(
        _subsets((0.007, 0.014, 0.021, 0.028)), _subsets(("inner", "ball", "outer")), _POSITIONS, _subsets((0, 1, 2, 3))
    ):
        files = frozenset(name for name, told in some.items() if _fits(told, sizes, faults, positions, loads))
        if not files or (files, loads) in seen:
            continue
        seen.add((files, loads))
        for hop in (256, 512):
            count = sum(n_windows(length[name], hop=hop) for name in files)
            for words, read in (("none", None), ("as they are", 1), ("brought to 12 kHz", 4)):
                more = 0 if read is None else sum(n_windows(math.ceil(normal[load] / read), hop=hop) for load in loads)
                yield Choice(sizes, faults, positions, loads, words, hop, count + more)


def _fits(told: Recorded, sizes: tuple, faults: tuple, positions: tuple, loads: tuple) -> bool:
    right = told.size in sizes and told.fault in faults and told.load in loads
    return right and (told.fault != "outer" or told.position in positions)


def _subsets(items: Sequence) -> list[tuple]:
    return list(chain.from_iterable(combinations(items, k) for k in range(1, len(items) + 1)))


def labellings(n_classes: int = 8) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What the classes of a CWRU result can be if there are so many, by the attributes of its files.

    Returns
    -------
    list of (tuple of str, tuple of str)
        Which choice of files and attributes that tell classes apart, in words; the classes. Each set of classes once.
    """
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    bearings = {told._replace(load=0, rate=0.0, name="") for told in RECORDED.values() if told.fault != "normal"}
    for by, sizes, faults, positions, ends, normal in product(
        [(), *_subsets(("size", "position", "end"))],
        _subsets((0.007, 0.014, 0.021, 0.028)),
        _subsets(("inner", "ball", "outer")),
        _POSITIONS,
        (("drive",), ("fan",), ("drive", "fan")),
        (True, False),
    ):
        some = [told for told in bearings if told.end in ends and _fits(told, sizes, faults, positions, (0,))]
        classes = {" ".join([told.fault, *(_said(told, one) for one in by)]).strip() for told in some}
        classes |= {"normal"} if normal else set()
        if len(classes) == n_classes:
            words = (f"by {', '.join(('fault', *by))}", f"ends {', '.join(ends)}", f"sizes {', '.join(map(str, sizes))}")
            found.setdefault(tuple(sorted(classes)), words)
    return [(words, classes) for classes, words in found.items()]


def _said(told: Recorded, attribute: str) -> str:
    value = getattr(told, attribute)
    return f"@{value}" if attribute == "position" and value else "" if attribute == "position" else str(value)


def sums() -> dict[str, int]:
    """The printed counts added up: the rows of Table 2, the printed total, what lies between, with IMS's files and without."""
    rows = sum(PRINTED.values())
    return {
        "rows": rows,
        "total": TOTAL,
        "missing": TOTAL - rows,
        "left for IMS": TOTAL - rows + PRINTED["ims"],
        "sets in the table": len(PRINTED),
    }


def balanced(some: Windows, n: int, seed: int) -> Windows:
    """So many windows, the same number of each class as far as there are, drawn at random.

    Raises
    ------
    ValueError
        If there are fewer windows than asked for.
    """
    if not 0 < n <= len(some):
        raise ValueError(f"{n} windows of {len(some)}; allowed are 1 to {len(some)}: ask for fewer")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(some))
    # The first window of each class, then the second of each, and so on: whoever has few is used up first.
    rank = np.empty(len(some), int)
    for one in np.unique(some.y):
        mine = order[some.y[order] == one]
        rank[mine] = np.arange(len(mine))
    return some[np.sort(order[np.argsort(rank[order], kind="stable")][:n])]

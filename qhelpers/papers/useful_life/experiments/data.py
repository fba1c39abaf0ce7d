"""What the paper says of its data, counted; what the plainest rules score on its splits; and what its preparation gives away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from qhelpers.datasets import Series
from qhelpers.datasets.cmapss import SENSORS, SETTINGS
from qhelpers.datasets.device_failure import COPIED
from qhelpers.papers.useful_life import fleet, windows
from qhelpers.papers.useful_life.windows import Array, Windows
from qhelpers.runs.experiment import Experiment, Outcome

ENGINES = tuple(f"cmapss_fd00{number}" for number in range(1, 5))
FLEET = "device_failure"
SETS = (*ENGINES, FLEET)
#: Readings of a column that is constant or nearly so: one or two.
NEARLY = 2
RULES = ("mean", "cycle", "linear")
#: Of the fleet alone: the mean label of devices that fail, and of those that do not, by who knows which is which.
HEALTHY = "healthy"


def _training(data: Series) -> np.ndarray:
    """Which rows are of the training file."""
    return np.isin(data.unit, windows.units_of(data, "train"))


def _regimes(data: Series) -> int:
    """Pairs of altitude and throttle, rounded, that occur: no clustering."""
    return len(data.X[["setting1", "setting3"]].round().drop_duplicates())


def _nearly_constant(data: Series) -> int:
    return int((data.X.loc[_training(data), list(SENSORS)].round(6).nunique() <= NEARLY).sum())


def _rows_of_the_file(data: Series) -> int:
    """With the one row that stands in it twice and is loaded once (D3.7)."""
    copied = (data.groups[data.unit] == COPIED[0]) & (data.time == np.datetime64(COPIED[1]))
    return len(data.X) + int(copied.sum())


def _lengths(data: Series) -> np.ndarray:
    return np.diff(data.edges)[windows.units_of(data, "train")]


def _overlap(data: Series, seed: int) -> dict[str, float]:
    """The nearest window by principal components, and by the means of its sensors."""
    told = windows.official(data)[0]
    means = windows.overlap_leak(told, seed, components=None)
    return windows.overlap_leak(told, seed) | {f"means, {split}": means[split] for split in ("random", "by unit")}


_ENGINES: dict[str, Callable[[Series, int], float]] = {
    "rows": lambda data, seed: _training(data).sum(),
    "units": lambda data, seed: len(windows.units_of(data, "train")),
    "test_units": lambda data, seed: len(windows.units_of(data, "test")),
    "sensors": lambda data, seed: len(set(data.X) & set(SENSORS)),
    "settings": lambda data, seed: len(set(data.X) & set(SETTINGS)),
    "regimes": lambda data, seed: _regimes(data),
    "dropped_constant": lambda data, seed: _nearly_constant(data),
    "features": lambda data, seed: len(windows.as_printed(data, seed)[0].features),
    "windows_all": lambda data, seed: windows.count_windows(_lengths(data)),
    "windows_train": lambda data, seed: len(windows.as_printed(data, seed)[0]),
}
_FLEET: dict[str, Callable[[Series, int], float]] = {
    "rows": lambda data, seed: _rows_of_the_file(data),
    "units": lambda data, seed: len(data),
    "failures": lambda data, seed: (~data.censored).sum(),
    "positive_rate": lambda data, seed: (~data.censored).sum() / _rows_of_the_file(data),
    "sensors": lambda data, seed: data.X.shape[1],
    "windows_all": lambda data, seed: len(fleet.fleet_windows(data)),
}
_LEAKS: dict[str, Callable[[Series, int], Mapping[str, float]]] = {
    "scaling": lambda data, seed: fleet.leak_of_scaling(data),
    "end": lambda data, seed: fleet.leak_of_the_end(data),
    "labels": lambda data, seed: fleet.leak_of_labels(fleet.fleet_windows(data)),
    "censoring": lambda data, seed: fleet.censoring(data),
    "overlap": _overlap,
}


def counts(data: str) -> tuple[str, ...]:
    """What is counted in a set."""
    return tuple(_FLEET if data == FLEET else _ENGINES)


def _inputs(rule: str, data: Series, told: Windows) -> Array:
    """What a rule reads of each window: its last row, its age, or whether the device is one of those that fail."""
    if rule == "cycle":
        age = fleet.days(data).day if data.name == FLEET else data.cycle
        return age[told.last, None].astype(float)
    return np.isnan(told.remaining)[:, None].astype(float) if rule == HEALTHY else told.rows


def scores(rule: str, data: Series, seed: int) -> dict[str, float]:
    """What a rule scores, learned from the training windows of the paper's split.

    Parameters
    ----------
    rule : {"mean", "cycle", "linear", "healthy"}
        The mean label; a straight line over the age; least squares on the last row of a window; or, of the fleet alone, the mean
        label of devices that fail and of those that do not.
    data : Series
    seed : int
        Draws which units are held out.

    Returns
    -------
    dict of str to float
        ``rmse``, ``mae`` and the variance of the labels, ``test_variance``, on the windows of held-out units, in cycles or days;
        of engines also the scores of the official protocol, ``official_rmse``, ``official_phm08`` and ``official_capped_rmse``.

    Raises
    ------
    ValueError
        If there is no such rule, or not for this set.
    """
    allowed = (*RULES, *([HEALTHY] if data.name == FLEET else []))
    if rule not in allowed:
        raise ValueError(f"rule {rule!r} is unknown for {data.name}; allowed are {', '.join(allowed)}. Pass one of them.")
    model = DummyRegressor() if rule == "mean" else LinearRegression()
    train, test = (fleet if data.name == FLEET else windows).as_printed(data, seed)
    predicted = model.fit(_inputs(rule, data, train), train.y).predict(_inputs(rule, data, test))
    found = {
        "rmse": root_mean_squared_error(test.y, predicted),
        "mae": mean_absolute_error(test.y, predicted),
        "test_variance": float(test.y.var()),
    }
    if data.name != FLEET:
        train, test = windows.official(data, seed)
        predicted = model.fit(_inputs(rule, data, train), train.y).predict(_inputs(rule, data, test))
        official = windows.official_scores(test.remaining, predicted)
        found |= {f"official_{name.replace(' ', '_')}": official[name] for name in ("rmse", "phm08", "capped rmse")}
    return found


def run(config: Mapping[str, Any], seed: int, dataset: Series) -> Outcome:
    """Count, score a rule, or ask for a leak: the config has ``data`` and one of ``count``, ``rule`` and ``leak``.

    ``value`` is the count, the rule's RMSE, or the first number that is said of the leak.
    """
    if "count" in config:
        return Outcome({"value": float((_FLEET if dataset.name == FLEET else _ENGINES)[config["count"]](dataset, seed))})
    found = scores(config["rule"], dataset, seed) if "rule" in config else _LEAKS[config["leak"]](dataset, seed)
    return Outcome({"value": float(next(iter(found.values())))} | {name: float(value) for name, value in found.items()})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Counts as often as the ledger asks of everything; what depends on the draw of held-out units 30 times, as in the paper."""
    few, many = (1, 2) if profile == "quick" else (3, 30)
    return [
        *(({"data": name, "count": count}, few) for name in SETS for count in counts(name)),
        *(({"data": name, "rule": rule}, many) for name in SETS for rule in (*RULES, *([HEALTHY] if name == FLEET else []))),
        *(({"data": FLEET, "leak": leak}, few) for leak in ("scaling", "end", "labels", "censoring")),
        ({"data": ENGINES[0], "leak": "overlap"}, many),
    ]


EXPERIMENT = Experiment(
    name="useful-life-data",
    version="1",
    about="paper 3: its data counted, plain rules on its splits, and what leaks",
    function=run,
    grid=grid,
    estimate=lambda config: 5.0 if config.get("leak") == "overlap" else 1.0,
    headline="value",
)

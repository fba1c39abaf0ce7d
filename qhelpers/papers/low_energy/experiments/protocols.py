"""Experiment of paper 1: which data made its tables? The models of the tables under hundreds of readings of its protocol.

The paper leaves open which file, which rows, which columns, which balance and which split stand behind Tables I and II. A run
makes one draw under one of the readings and trains the models of the tables on every set of columns; what it keeps are
confusion counts and seconds. Averages (binary, macro, weighted) follow from the counts, see `qhelpers.evaluation.likelihood`.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from qhelpers.datasets import Dataset
from qhelpers.evaluation import balanced_subsample, confusion_counts, official_split, random_split
from qhelpers.evaluation.likelihood import AVERAGES, QUANTITIES, counts_by_protocol, possible, row_fit
from qhelpers.models import baseline
from qhelpers.papers.low_energy.experiments.tables import CLASSICAL, of_paper
from qhelpers.papers.low_energy.models import QNNHClassifier, QNNPClassifier, QNNQClassifier
from qhelpers.runs.experiment import Outcome
from qhelpers.runs.records import Record

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

#: The three quantum rows; QNN-P with either arrangement of its CNOTs.
NETWORKS = ("qnn-p-chain", "qnn-p-ring", "qnn-q", "qnn-h")
#: Updates or passes and learning rate of each network: fixed beforehand, near what an inner split mostly chooses.
BUDGET = {"qnn-p-chain": (150, 0.1), "qnn-p-ring": (150, 0.1), "qnn-q": (5, 0.03), "qnn-h": (5, 0.03)}
MODELS = {"classical": CLASSICAL, "networks": NETWORKS, "qnn-p": NETWORKS[:2], "libsvm": ("svm-linear",)}
#: Above so many training rows the linear SVM is liblinear's: the same loss, in a fraction of a second instead of minutes.
LARGEST_LIBSVM = 5000
FILES = {"union": ("test1", "train", "test2"), "training file": ("train",), "first test file": ("test1",)}
BALANCES = ("natural", "balanced", "training only", "first of each")
SPLITS = ("80/20", "70/30", "as many others", "10 folds", "official")
#: Rows that are left out before anything is drawn: none, beyond 3 standard deviations, beyond 1.5 quartile distances.
OUTLIERS = ("kept", "3 sd", "quartiles")
COUNTS = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class Features:
    """Columns that models see, and how they are made from the file's.

    Attributes
    ----------
    columns : tuple of str
        Columns of the file; ``"time of day"`` is the hour, computed from the time.
    reduction : str
        ``""``, ``"pca"`` (of standardised columns), ``"pca unscaled"``, ``"best"`` (by the F test).
    n : int
        Number of components or columns that are kept.
    """

    columns: tuple[str, ...]
    reduction: str = ""
    n: int = 0


_FIVE = ("Temperature", "Humidity", "Light", "CO2", "HumidityRatio")
_DARK = ("Temperature", "Humidity", "CO2", "HumidityRatio")
_PLACE = ("latitude", "longitude")
NAMED: dict[str, dict[str, Features]] = {
    "occupancy": {
        "all five": Features(_FIVE),
        "no HumidityRatio": Features(("Temperature", "Humidity", "Light", "CO2")),
        "PCA 4": Features(_FIVE, "pca", 4),
        "PCA 2": Features(_FIVE, "pca", 2),
        "PCA 2 unscaled": Features(_FIVE, "pca unscaled", 2),
        "best 4": Features(_FIVE, "best", 4),
        "best 2": Features(_FIVE, "best", 2),
        "no Light": Features(_DARK),
        "no Light, no HumidityRatio": Features(_DARK[:3]),
        "PCA 2 without Light": Features(_DARK, "pca", 2),
        "best 2 without Light": Features(_DARK, "best", 2),
        "first two columns": Features(_FIVE[:2]),
    },
    "ton_iot_gps": {
        "latitude, longitude": Features(_PLACE),
        "PCA 2": Features(_PLACE, "pca", 2),
        "with time of day": Features((*_PLACE, "time of day")),
    },
}
NAMED["ton_iot_gps_38960"] = NAMED["ton_iot_gps"]
#: Names of those that networks are trained on; the others are near to one of these.
_FEW = ("all five", "no HumidityRatio", "PCA 2", "best 2", "no Light", "latitude, longitude")
#: Every choice of columns of the room, in the order of the file.
_SUBSETS = {" + ".join(chosen): Features(chosen) for n in range(1, 6) for chosen in itertools.combinations(_FIVE, n)}


def draw(dataset: Dataset, config: Mapping[str, Any], rng: np.random.Generator) -> list[tuple[Rows, Rows]]:
    """Rows for training and testing under a reading of the protocol.

    Parameters
    ----------
    dataset : Dataset
    config : mapping
        ``file`` (one of `FILES`; for data sets with one file ``"all"``), ``rows`` (their number as text, or ``"all"``),
        ``balance`` and ``split``. ``"balanced"`` draws equal numbers of both classes and then splits, ``"training only"`` splits
        and then draws equal numbers for training, ``"first of each"`` takes them from the top of the file without drawing.
        ``outliers`` is one of `OUTLIERS`: rows with any column so far out are gone beforehand.
        Random splits are not stratified, folds are; ``"as many others"`` tests on other rows drawn like those for training.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list of (train, test)
        Row numbers: one pair, or one a fold.

    Raises
    ------
    ValueError
        If balance, split or outliers are unknown.
    """
    balance, split, outliers = config["balance"], config["split"], config["outliers"]
    for given, allowed in ((balance, BALANCES), (split, SPLITS), (outliers, OUTLIERS)):
        if given not in allowed:
            raise ValueError(f"{given!r} is unknown; allowed are {', '.join(allowed)}")
    n = 0 if config["rows"] == "all" else int(config["rows"])
    if split == "official":
        train, test = official_split(dataset.official)
        return [(_chosen(dataset.y, train, balance, n, rng), test if balance != "balanced" else _even(dataset.y, test, 0, rng))]
    pool = np.arange(len(dataset.y))
    if config["file"] in FILES:
        pool = np.flatnonzero(np.isin(np.asarray(dataset.official), FILES[config["file"]]))
    pool = pool[_usual(dataset.X.to_numpy(float)[pool], outliers)]
    if balance == "training only":
        share = {"80/20": 0.2, "70/30": 0.3}[split]
        train, test = (pool[part] for part in random_split(len(pool), share, rng))
        if n:
            return [
                (_even(dataset.y, train, round(n * (1 - share) / 2) * 2, rng), rng.choice(test, round(n * share), replace=False))
            ]
        return [(_even(dataset.y, train, 0, rng), test)]
    rows = _chosen(dataset.y, pool, balance, n, rng)
    if split == "as many others":
        return [(rows, _chosen(dataset.y, np.setdiff1d(pool, rows), balance, n, rng))]
    if split == "10 folds":
        folds = StratifiedKFold(10, shuffle=True, random_state=int(rng.integers(2**31 - 1)))
        return [(rows[train], rows[test]) for train, test in folds.split(rows, dataset.y[rows])]
    train, test = random_split(len(rows), {"80/20": 0.2, "70/30": 0.3}[split], rng)
    return [(rows[train], rows[test])]


def _usual(table: Array, outliers: str) -> NDArray[np.bool_]:
    """Rows without an outlier in any column."""
    if outliers == "kept":
        return np.ones(len(table), dtype=bool)
    if outliers == "3 sd":
        low, high = table.mean(axis=0) - 3 * table.std(axis=0), table.mean(axis=0) + 3 * table.std(axis=0)
    else:
        first, third = np.quantile(table, [0.25, 0.75], axis=0)
        low, high = first - 1.5 * (third - first), third + 1.5 * (third - first)
    return np.asarray(((table >= low) & (table <= high)).all(axis=1))


def _chosen(y: NDArray[Any], pool: Rows, balance: str, n: int, rng: np.random.Generator) -> Rows:
    if balance == "natural":
        return rng.permutation(pool)[: n or None]
    if balance == "first of each":
        half = (n or 2 * int(np.bincount(y[pool]).min())) // 2
        return rng.permutation(np.concatenate([pool[y[pool] == label][:half] for label in (0, 1)]))
    return _even(y, pool, n, rng)


def _even(y: NDArray[Any], pool: Rows, n: int, rng: np.random.Generator) -> Rows:
    """`n` rows of a pool, half of each class; as many as there are for ``n = 0``."""
    chosen: Rows = pool[balanced_subsample(y[pool], n or 2 * int(np.bincount(y[pool]).min()), rng)]
    return chosen


def feature_sets(data: str, which: str) -> dict[str, Features]:
    """Sets of features of a data set: ``"named"``, ``"few"`` of those, or ``"subsets"``, every choice of the room's columns."""
    if which == "subsets":
        return _SUBSETS
    return {name: features for name, features in NAMED[data].items() if which == "named" or name in _FEW}


def columns(dataset: Dataset, features: Features) -> Array:
    """Columns of a set of features before any reduction, shape (n_rows, n_columns)."""
    table = dataset.X
    if "time of day" in features.columns:
        time_ = np.asarray(dataset.time).astype("datetime64[s]")
        seconds = (time_ - time_.astype("datetime64[D]")).astype(float)
        table = table.assign(**{"time of day": seconds / 3600})
    chosen: Array = table[list(features.columns)].to_numpy(float)
    return chosen


def reduce(features: Features, train: Array, y: NDArray[Any], test: Array) -> tuple[Array, Array]:
    """Training and test columns after the reduction, which is fitted to the training rows alone."""
    steps: dict[str, list[Any]] = {
        "pca": [StandardScaler(), PCA(features.n, svd_solver="full")],
        "pca unscaled": [PCA(features.n, svd_solver="full")],
        "best": [SelectKBest(k=features.n)],
    }
    if not features.reduction:
        return train, test
    reduction = make_pipeline(*steps[features.reduction]).fit(train, y)
    return reduction.transform(train), reduction.transform(test)


def model(name: str, n_train: int, random_state: int, libsvm: bool = False) -> Any:
    """Unfitted model of a row of the tables; networks on the fast engine with the fixed `BUDGET`."""
    if name in BUDGET:
        epochs, rate = BUDGET[name]
        budget: dict[str, Any] = {"epochs": epochs, "learning_rate": rate, "random_state": random_state}
        if name.startswith("qnn-p"):
            return QNNPClassifier(entangler=name.removeprefix("qnn-p-"), fill="repeat", **budget)
        return {"qnn-q": QNNQClassifier, "qnn-h": QNNHClassifier}[name](**budget)
    if name == "svm-linear" and n_train > LARGEST_LIBSVM and not libsvm:
        return make_pipeline(StandardScaler(), LinearSVC(loss="hinge", max_iter=5000, random_state=random_state))
    return baseline(name, random_state)


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Draw once, train every model on every set of columns.

    Parameters
    ----------
    config : mapping
        ``data``; ``file``, ``rows``, ``balance``, ``outliers``, ``split`` as in `draw`; ``models`` (a key of `MODELS`);
        ``features`` as in `feature_sets`.
    seed : int
        Of the draw and of the models.
    dataset : Dataset

    Returns
    -------
    Outcome
        Arrays ``counts`` of shape (n_features, n_models, n_folds, 4) in the order of `COUNTS`, and processor
        ``seconds`` of training of shape (n_features, n_models), a mean over folds; ``chosen`` names both axes and what could
        not be fitted (counts of 0).
    """
    drawing, first = np.random.SeedSequence(seed).spawn(2)
    folds = draw(dataset, config, np.random.default_rng(drawing))
    random_state = int(first.generate_state(1)[0] // 2)
    sets = feature_sets(config["data"], config["features"])
    names = MODELS[config["models"]]
    counts = np.zeros((len(sets), len(names), len(folds), 4), dtype=np.int32)
    seconds = np.zeros((len(sets), len(names), len(folds)))
    y, refused = dataset.y, []
    for i, features in enumerate(sets.values()):
        table = columns(dataset, features)
        for k, (train, test) in enumerate(folds):
            X_train, X_test = reduce(features, table[train], y[train], table[test])
            for j, name in enumerate(names):
                fitted = model(name, len(train), random_state, config["models"] == "libsvm")
                start = time.process_time()
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ConvergenceWarning)
                        fitted.fit(X_train, y[train])
                except np.linalg.LinAlgError:  # one class has a constant column, which QDA refuses
                    refused.append([list(sets)[i], name, k])
                    continue
                seconds[i, j, k] = time.process_time() - start
                found = confusion_counts(y[test], fitted.predict(X_test))
                counts[i, j, k] = [found[key] for key in COUNTS]
    right = counts[..., [0, 3]].sum() / counts.sum()
    train, test = folds[0]
    chosen = {
        "features": list(sets),
        "models": list(names),
        "n_train": len(train),
        "n_test": sum(len(test) for _, test in folds),
        "refused": refused,
    }
    arrays = {"counts": counts, "seconds": seconds.mean(axis=-1)}
    return Outcome({"accuracy": float(right)}, {}, chosen, float(seconds.sum()), arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Readings of the protocol with their number of draws, quick to slow."""
    if profile == "quick":
        config = {
            "data": "ton_iot_gps",
            "file": "all",
            "rows": "300",
            "balance": "balanced",
            "outliers": "kept",
            "split": "80/20",
        }
        return [(config | {"models": models, "features": "few"}, 1) for models in ("classical", "qnn-p")]
    places = [("occupancy", "union"), ("occupancy", "training file"), ("ton_iot_gps", "all"), ("ton_iot_gps_38960", "all")]
    entries: list[tuple[dict[str, Any], int]] = []

    def add(place: tuple[str, str], rows: str, balance: str, split: str, n: int, models: str = "classical", **more: str) -> None:
        config = {"data": place[0], "file": place[1], "rows": rows, "balance": balance, "outliers": "kept", "split": split}
        config |= {"models": models, "features": "named" if models == "classical" else "few"}
        entries.append((config | more, n))

    for place in places:
        add(place, "300", "balanced", "80/20", 20)
        add(place, "300", "balanced", "as many others", 20)
        add(place, "300", "balanced", "70/30", 8)
        for balance, n in (("natural", 3), ("training only", 3), ("first of each", 2)):
            add(place, "300", balance, "80/20", n)
        add(place, "1000", "balanced", "80/20", 5)
        add(place, "1000", "first of each", "80/20", 2)
    for rows in ("2000", "4000"):
        add(places[0], rows, "balanced", "80/20", 4)
    for place in places:
        add(place, "300", "balanced", "as many others", 6, "networks")
        add(place, "300", "balanced", "80/20", 3, "networks")
        add(place, "300", "first of each", "80/20", 2, "networks")
        add(place, "1000", "balanced", "80/20", 3, "qnn-p")
        add(place, "300", "balanced", "10 folds", 2)
    for balance in ("balanced", "natural"):
        add(("occupancy", "first test file"), "all", balance, "80/20", 4)
    for balance in ("balanced", "natural", "training only"):
        add(("occupancy", "all"), "all", balance, "official", 2)
    for place in places:
        for balance, n in (("balanced", 3), ("natural", 1), ("training only", 1), ("first of each", 2)):
            add(place, "all", balance, "80/20", n)
        for outliers in OUTLIERS[1:]:
            add(place, "1000", "balanced", "80/20", 2, outliers=outliers)
            add(place, "all", "balanced", "80/20", 2, outliers=outliers)
        add(place, "all", "balanced", "80/20", 1, "qnn-p")
    for place in places[1:]:
        add(place, "all", "balanced", "70/30", 2)
    for place in places[:2]:
        add(place, "all", "balanced", "80/20", 1, features="subsets")
    for place in places[2:]:
        add(place, "all", "balanced", "80/20", 1, "libsvm")
    return entries


#: Up to so many test rows it is checked whether any counts give a printed row at all.
SMALL_TEST = 100
#: What makes up a protocol, in the order of the columns of `judged`.
PROTOCOL = ("data", "file", "rows", "balance", "outliers", "split", "features", "average")


def draws(found: Iterable[Record]) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
    """Confusion counts of records by protocol (without its average) and model, see `qhelpers.evaluation.likelihood`.

    Parameters
    ----------
    found : iterable of Record
        Records of this experiment.
    """
    return counts_by_protocol((record for record in found if record.config["models"] != "libsvm"), PROTOCOL[:6])


def judged(found: Iterable[Record], printed: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Fit of every printed row under every protocol that was run.

    Parameters
    ----------
    found : iterable of Record
        Records of this experiment on the data of one table.
    printed : mapping of str to mapping
        Model of each row (a name of `CLASSICAL` or `NETWORKS`) and its printed cells, see `qhelpers.evaluation.printed_row`.

    Returns
    -------
    pandas.DataFrame
        A line a protocol and row: `PROTOCOL`, ``row``, ``draws``, ``log_likelihood``, ``p``, ``possible`` (whether any counts on
        so few test rows round to it; always true for folds and above `SMALL_TEST`) and the mean scores.
    """
    import pandas as pd

    lines = []
    for key, models in draws(found).items():
        for average in AVERAGES:
            for name in printed.keys() & models.keys():
                fit = row_fit(printed[name], models[name], average)
                n_folds, n_test = models[name].shape[1], int(models[name].sum(axis=(1, 2)).max())
                exists = n_folds > 1 or n_test > SMALL_TEST or _exists(tuple(printed[name].items()), n_test, average)
                line = dict(zip(PROTOCOL, (*key, average), strict=True)) | {"row": name, "draws": fit.n}
                line |= {"log_likelihood": fit.log_likelihood, "p": fit.p, "possible": exists}
                lines.append(line | dict(zip(QUANTITIES, fit.centre, strict=True)))
    return pd.DataFrame(lines)


def ranked(fits: pd.DataFrame, rows: Sequence[str] = CLASSICAL) -> pd.DataFrame:
    """Protocols of a table, the best first.

    Parameters
    ----------
    fits : pandas.DataFrame
        From `judged`.
    rows : sequence of str
        Rows by which protocols are sorted; protocols under which one of them was not run are left out.

    Returns
    -------
    pandas.DataFrame
        Indexed by `PROTOCOL`: a column a printed row with the place of its fit (0 no counts on so few test rows give it, 1
        outside the 99.9 % region, 2 outside the 95 % region, 3 inside; nan where it was not run), ``inside``, how many of
        `rows` are inside, and ``log_likelihood``, their sum as if rows were independent. Sorted by the sum, in which a row that
        no counts give has the likelihood 0, then by ``inside``.
    """
    places = np.select([~fits["possible"], fits["p"] < 0.001, fits["p"] < 0.05], [0, 1, 2], 3)
    wide = fits.assign(place=places, log_likelihood=fits["log_likelihood"].where(fits["possible"], -np.inf))
    wide = wide.pivot(index=list(PROTOCOL), columns="row", values=["place", "log_likelihood"])
    wide = wide.dropna(subset=[("place", name) for name in rows])
    order = {
        "log_likelihood": wide["log_likelihood"][list(rows)].sum(axis=1),
        "inside": (wide["place"][list(rows)] == 3).sum(axis=1),
    }
    return wide["place"].assign(**order).sort_values(list(order), ascending=False)


def sees(data: str, features: str, column: str) -> bool:
    """Whether a set of features (a name of `NAMED` or of a choice of columns) is made from a column of the file."""
    return column in (NAMED[data] | _SUBSETS)[features].columns


@cache
def _exists(row: tuple[tuple[str, str], ...], n_test: int, average: str) -> bool:
    """Whether counts on a test set of that size, of any balance, round to a printed row."""
    return any(possible(dict(row), positives, n_test - positives, average) for positives in range(1, n_test))


def speeds(found: Iterable[Record]) -> pd.DataFrame:
    """Processor seconds of training by data, model and number of training rows: medians over draws and sets of columns."""
    import pandas as pd

    lines = []
    for record in found:
        seconds = record.arrays()["seconds"]
        for j, name in enumerate(record.chosen["models"]):
            exact = name != "svm-linear" or record.config["models"] == "libsvm" or record.chosen["n_train"] <= LARGEST_LIBSVM
            if exact:
                place = {"data": record.config["data"], "model": name, "n_train": record.chosen["n_train"]}
                lines += [place | {"seconds": float(value)} for value in seconds[:, j] if value > 0]
    return pd.DataFrame(lines).groupby(["data", "model", "n_train"], as_index=False)["seconds"].median()


#: Processor seconds for all nine classical rows on one set of columns, by number of training rows (a fit to a first look).
_SECONDS = (0.13, 1.3e-4)


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    sizes = {"union": 9500, "training file": 3458, "first test file": 1944, "ton_iot_gps": 47920, "ton_iot_gps_38960": 30000}
    whole = 8143 if config["split"] == "official" else sizes.get(config["file"]) or sizes[config["data"]]
    n_train = 0.8 * (whole if config["rows"] == "all" else int(config["rows"]))
    if config["models"] == "libsvm":
        return 2e-8 * n_train**2
    sets = len(feature_sets(config["data"], config["features"]))
    if config["models"] == "networks":
        return sets * (0.4 + 0.009 * n_train)
    if config["models"] == "qnn-p":
        return sets * (0.4 + 4e-4 * n_train)
    folds = 10 if config["split"] == "10 folds" else 1
    return folds * sets * (_SECONDS[0] + _SECONDS[1] * n_train)


EXPERIMENT = of_paper(
    name="protocols",
    version="1",
    about="paper 1: the models of its tables under hundreds of readings of its protocol (which data made these tables?)",
    function=run,
    grid=grid,
    estimate=estimate,
    times=lambda config: r"arrays\.seconds\..*",
)

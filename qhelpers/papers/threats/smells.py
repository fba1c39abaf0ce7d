"""Known bad smells of intrusion data, each a number that a table of rows gives, and a limit above which it is called a smell.

After R. Flood, G. Engelen, D. Aspinall, L. Desmet (EuroS&P 2024), D. Arp et al. (USENIX Security 2022) and S. Kapoor,
A. Narayanan (Patterns 2023). Their measures need packets, or several recordings; these need neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import precision_recall_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot import CLOCKS, DROPPED
from qhelpers.evaluation import stratified_split


class Smell(NamedTuple):
    """One question to a data set.

    Attributes
    ----------
    name, question : str
        For a page.
    after : str
        What the literature calls it: F for Flood et al., A for Arp et al., K for Kapoor and Narayanan.
    limit : float
        Above it, it is a smell.
    measure : callable
        The number, of a set without its dropped columns; NaN where the file lacks what it takes.
    share : bool
        Whether the number is a share, and not a count.
    """

    name: str
    question: str
    after: str
    limit: float
    measure: Callable[[Dataset], float]
    share: bool = True


def seen(dataset: Dataset) -> pd.DataFrame:
    """Columns that a model may see by the publisher's advice."""
    return dataset.X.drop(columns=[name for name in DROPPED if name in dataset.X])


def plain(dataset: Dataset) -> pd.DataFrame:
    """The same without what tells one flow from the next: its ports, and a clock that was left in."""
    return seen(dataset).drop(columns=[*CLOCKS, "Sport", "Dport"], errors="ignore")


def _varying(X: pd.DataFrame) -> pd.DataFrame:
    return X.loc[:, X.nunique() > 1]


def _repeated(dataset: Dataset) -> float:
    return float(plain(dataset).duplicated(keep=False).mean())


def _kinds(dataset: Dataset) -> NDArray[np.int64]:
    """A number for each different row."""
    X = plain(dataset)
    return np.asarray(X.groupby(list(X), sort=False).ngroup())


def _known(dataset: Dataset) -> float:
    train, test = stratified_split(dataset.y, 0.3, np.random.default_rng(0))
    kinds = _kinds(dataset)
    return float(np.isin(kinds[test], kinds[train]).mean())


def two_digits(values: pd.DataFrame) -> pd.DataFrame:
    """Numbers rounded to two significant digits."""
    size = 10.0 ** (np.floor(np.log10(values.abs().clip(lower=1e-300))) - 1)
    return (values / size).round() * size


def _collapsed(dataset: Dataset) -> float:
    attacks = two_digits(plain(dataset)[dataset.y == 1])
    return float(attacks.duplicated(keep=False).mean())


def best_f1(column: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """F1 of the best threshold on a column, with attacks above it or below."""
    best = 0.0
    for values in (column, -column):
        precision, recall, _ = precision_recall_curve(y, values)
        best = max(best, float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()))
    return best


def _one_column(dataset: Dataset) -> float:
    X = seen(dataset)
    return max(best_f1(X[name].to_numpy(), dataset.y) for name in X)


def _copies(dataset: Dataset) -> float:
    close = np.abs(np.corrcoef(_varying(seen(dataset)).to_numpy(), rowvar=False)) >= 0.999
    return float(np.triu(close, 1).sum())


def _constant(dataset: Dataset) -> float:
    return float((seen(dataset).nunique() == 1).sum())


def _at_random(dataset: Dataset) -> float:
    X = _varying(seen(dataset))
    ends = ((values, values.min(), np.ptp(values)) for values in (X[name].to_numpy() for name in X))
    return float(np.mean([stats.kstest(values, "uniform", (low, width)).statistic < 0.05 for values, low, width in ends]))


def _like_normal(dataset: Dataset) -> float:
    X = _varying(plain(dataset))
    first = ~X.duplicated().to_numpy()
    scaled, y = StandardScaler().fit_transform(X[first]), dataset.y[first]
    near = NearestNeighbors(n_neighbors=4).fit(scaled).kneighbors(scaled[y == 1], return_distance=False)[:, 1:]
    return float((y[near].sum(axis=1) < 2).mean())


def _contradicted(dataset: Dataset) -> float:
    return float((pd.Series(dataset.y).groupby(_kinds(dataset)).transform("nunique") > 1).mean())


def _only_attackers(dataset: Dataset) -> float:
    if "SrcAddr" not in dataset.X:
        return float("nan")
    least = pd.Series(dataset.y).groupby(dataset.X["SrcAddr"].to_numpy()).transform("min")
    return float((least[dataset.y == 1] == 1).mean())


def _unmixed(dataset: Dataset) -> float:
    y = dataset.y[np.argsort(dataset.time, kind="stable")]
    share = y.mean()
    return 1 - float((np.diff(y) != 0).sum() / (2 * share * (1 - share) * len(y)))


def _hidden(dataset: Dataset) -> float:
    X, when = _varying(seen(dataset)), dataset.time.astype("datetime64[s]").astype(float)
    return float(sum(abs(stats.spearmanr(X[name], when).statistic) >= 0.999 for name in X))


def _rare(dataset: Dataset) -> float:
    return float((pd.Series(dataset.family).value_counts() < 10).sum())


DIVERSITY, DEPENDENT, WRONG, SPURIOUS = (
    "poor data diversity",
    "highly dependent features",
    "wrong labels",
    "spurious correlations",
)
SMELLS = (
    Smell("repeated rows", "How many rows are there more than once?", f"F: {DIVERSITY}", 0.1, _repeated),
    Smell("known test rows", "How many rows of a random test part stand in training?", "A: data snooping", 0.05, _known),
    Smell("collapsed attacks", "How many attack rows equal another to two digits?", "F: traffic collapse", 0.5, _collapsed),
    Smell("one column decides", "What F1 has one threshold on one column?", f"F: {DEPENDENT}", 0.9, _one_column),
    Smell("columns twice", "How many pairs of columns have |r| ≥ 0.999?", f"F: {DEPENDENT}", 0, _copies, False),
    Smell("constant columns", "How many columns hold one value?", f"F: {DIVERSITY}", 0, _constant, False),
    Smell("random numbers", "How many columns look drawn evenly at random?", "F: artificial diversity", 0.5, _at_random),
    Smell("attacks like normal", "Of how many attacks are two of three neighbours normal?", f"F: {WRONG}", 0.1, _like_normal),
    Smell("two labels", "How many rows stand under both labels?", f"F: {WRONG}", 0.001, _contradicted),
    Smell("attackers by address", "How many attacks are from a sender of attacks only?", f"A: {SPURIOUS}", 0.5, _only_attackers),
    Smell("one class at a time", "By how much do classes mix less than at random in time?", f"A: {SPURIOUS}", 0.5, _unmixed),
    Smell("hidden clocks", "How many columns left for a model rank as time does?", "K: illegitimate features", 0, _hidden, False),
    Smell("rare classes", "How many families have fewer than ten rows?", "A: sampling bias", 0, _rare, False),
)


def measure(dataset: Dataset) -> dict[str, float]:
    """The number of each smell, by name; those that the file cannot give are left out.

    Parameters
    ----------
    dataset : Dataset
        With two classes, families and times.
    """
    values = {smell.name: smell.measure(dataset) for smell in SMELLS}
    return {name: value for name, value in values.items() if not np.isnan(value)}


def table(measured: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Smells in a row each, data sets in a column each, for a page.

    Parameters
    ----------
    measured : mapping
        What `measure` gave, or a record's metrics, by what the page calls the set.

    Returns
    -------
    DataFrame
        ``smell``, ``question``, ``after``, ``limit``, and for each set its number as text, with ``•`` where it is a smell.
    """
    rows = []
    for smell in SMELLS:
        row = {"smell": smell.name, "question": smell.question, "after": smell.after, "limit": _text(smell, smell.limit)}
        for name, values in measured.items():
            value = values.get(smell.name, float("nan"))
            row[name] = "no such column" if np.isnan(value) else _text(smell, value) + " •" * (value > smell.limit)
        rows.append(row)
    return pd.DataFrame(rows)


def smelling(measured: Mapping[str, float]) -> list[str]:
    """Names of the smells that a set has."""
    return [smell.name for smell in SMELLS if measured.get(smell.name, float("nan")) > smell.limit]


def _text(smell: Smell, value: float) -> str:
    if not smell.share:
        return f"{value:.0f}"
    if "F1" in smell.question:
        return f"{value:.2f}"
    return f"{100 * value:.0f} %" if value >= 0.1 else f"{100 * value:.2g} %"

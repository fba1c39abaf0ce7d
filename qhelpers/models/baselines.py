"""Controls and the classical models of the papers' tables, by name, from scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

_BUILDERS: dict[str, Callable[[int], Any]] = {
    "majority": lambda seed: DummyClassifier(strategy="most_frequent"),
    "one-threshold": lambda seed: DecisionTreeClassifier(max_depth=1, random_state=seed),
    "svm-linear": lambda seed: SVC(kernel="linear", random_state=seed),
    "logistic-regression": lambda seed: LogisticRegression(random_state=seed),
    "lda": lambda seed: LinearDiscriminantAnalysis(),
    "ridge": lambda seed: RidgeClassifier(random_state=seed),
    # 300 points of the tracker lie so nearly on a line that the default tolerance refuses some draws
    "qda": lambda seed: QuadraticDiscriminantAnalysis(tol=1e-8),
    "naive-bayes": lambda seed: GaussianNB(),
    "gradient-boosting": lambda seed: GradientBoostingClassifier(random_state=seed),
    "random-forest": lambda seed: RandomForestClassifier(random_state=seed),
    "decision-tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "nearest-neighbour": lambda seed: KNeighborsClassifier(1),
}
BASELINES = tuple(_BUILDERS)


def baseline(name: str, random_state: int = 0) -> Any:
    """Build a control or classical model, with scikit-learn's defaults behind a StandardScaler.

    Parameters
    ----------
    name : str
        One of `BASELINES`; ``"majority"`` predicts the most frequent class, ``"one-threshold"`` is a tree with one question,
        ``"nearest-neighbour"`` asks one row, and remembers all.
    random_state : int, default=0
        Seed of the models that use one.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Unfitted.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists all.
    """
    if name not in _BUILDERS:
        raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(BASELINES)}")
    return make_pipeline(StandardScaler(), _BUILDERS[name](random_state))

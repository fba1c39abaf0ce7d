"""Plain models and controls by name, from scikit-learn, with its defaults behind a StandardScaler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

Builder = Callable[[int], Any]

#: Classifiers by name, each made of a seed. ``majority`` predicts the most frequent class, ``one-threshold`` is a tree with one
#: question, ``nearest-neighbour`` asks one row and remembers all.
BASELINES: dict[str, Builder] = {
    "majority": lambda seed: DummyClassifier(strategy="most_frequent"),
    "one-threshold": lambda seed: DecisionTreeClassifier(max_depth=1, random_state=seed),
    "three-questions": lambda seed: DecisionTreeClassifier(max_depth=3, random_state=seed),
    "svm-linear": lambda seed: SVC(kernel="linear", random_state=seed),
    "logistic-regression": lambda seed: LogisticRegression(random_state=seed),
    "lda": lambda seed: LinearDiscriminantAnalysis(),
    "ridge": lambda seed: RidgeClassifier(random_state=seed),
    # the default tolerance refuses columns that lie nearly on a line
    "qda": lambda seed: QuadraticDiscriminantAnalysis(tol=1e-8),
    "naive-bayes": lambda seed: GaussianNB(),
    "gradient-boosting": lambda seed: GradientBoostingClassifier(random_state=seed),
    "random-forest": lambda seed: RandomForestClassifier(random_state=seed),
    "decision-tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "nearest-neighbour": lambda seed: KNeighborsClassifier(1),
}


def baseline(name: str, random_state: int = 0, more: Mapping[str, Builder] | None = None) -> Any:
    """Build a model behind a StandardScaler.

    Parameters
    ----------
    name : str
        A key of `BASELINES`, or of `more`.
    random_state : int, default=0
        Seed of the models that use one.
    more : mapping of str to callable, optional
        Further models, ``name: (seed) -> estimator``: the controls of a paper.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Unfitted.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists all.
    """
    builders = BASELINES | dict(more or {})
    if name not in builders:
        raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(builders)}")
    return make_pipeline(StandardScaler(), builders[name](random_state))


def tuned(model: Any, trials: Mapping[str, Sequence[Any]], inner_split: int) -> Any:
    """A model whose parameters are chosen on a fifth of its training samples.

    Parameters
    ----------
    model : estimator
        Unfitted classifier.
    trials : mapping of str to sequence
        Values to try of each parameter.
    inner_split : int
        Seed of the split.

    Returns
    -------
    sklearn.model_selection.GridSearchCV
        Unfitted; trained anew on all samples with the values that win.
    """
    split = StratifiedShuffleSplit(1, test_size=0.2, random_state=inner_split)
    return GridSearchCV(model, dict(trials), cv=split)

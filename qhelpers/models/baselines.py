"""Controls and the classical models of the papers' tables, by name, from scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from qhelpers.models.trigonometric import RandomCircuitFeature, TrigonometricFeatures

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
    "three-questions": lambda seed: DecisionTreeClassifier(max_depth=3, random_state=seed),
    # four inputs, four hidden units, one output: 25 numbers, where QNN-P has 24; as many epochs as that has
    "mlp": lambda seed: MLPClassifier((4,), learning_rate_init=0.03, max_iter=200, n_iter_no_change=200, random_state=seed),
    # as many columns as the ring of QNN-P has terms
    "random-fourier": lambda seed: make_pipeline(RBFSampler(n_components=80, random_state=seed), RidgeClassifier()),
    "trigonometric-chain": lambda seed: _free("chain"),
    "trigonometric-ring": lambda seed: _free("ring"),
    "frozen-chain": lambda seed: _frozen("chain", seed),
    "frozen-ring": lambda seed: _frozen("ring", seed),
}
BASELINES = tuple(_BUILDERS)
#: Models with a parameter that an inner split chooses, out of as many values as the networks have learning rates to try.
TRIALS: dict[str, dict[str, list[Any]]] = {
    "nearest-neighbour": {"kneighborsclassifier__n_neighbors": [1, 5, 15]},
    "mlp": {"mlpclassifier__learning_rate_init": [0.01, 0.03, 0.1]},
    "random-fourier": {"pipeline__rbfsampler__gamma": [0.1, 0.3, 1.0]},
    "trigonometric-chain": {"pipeline__logisticregression__C": [0.1, 1.0, 10.0]},
    "trigonometric-ring": {"pipeline__logisticregression__C": [0.1, 1.0, 10.0]},
}


def _free(entangler: str) -> Any:
    return make_pipeline(TrigonometricFeatures(entangler=entangler, fill="repeat"), LogisticRegression(max_iter=2000))


def _frozen(entangler: str, seed: int) -> Any:
    return make_pipeline(RandomCircuitFeature(entangler=entangler, fill="repeat", random_state=seed), LogisticRegression())


def baseline(name: str, random_state: int = 0) -> Any:
    """Build a control or classical model, with scikit-learn's defaults behind a StandardScaler.

    Parameters
    ----------
    name : str
        One of `BASELINES`; ``"majority"`` predicts the most frequent class, ``"one-threshold"`` is a tree with one question,
        ``"nearest-neighbour"`` asks one row, and remembers all. ``"trigonometric-…"`` fits QNN-P's own terms with free
        coefficients, ``"frozen-…"`` a line to the output of QNN-P with random weights, ``"random-fourier"`` 80 random waves.
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


def tuned_baseline(name: str, random_state: int, inner_split: int) -> Any:
    """Build a model whose parameter is chosen on a fifth of its training samples, out of three values (`TRIALS`).

    Parameters
    ----------
    name : str
        A key of `TRIALS`.
    random_state : int
        Seed of the model.
    inner_split : int
        Seed of the split.

    Returns
    -------
    sklearn.model_selection.GridSearchCV
        Unfitted; trained anew on all samples with the value that wins.
    """
    split = StratifiedShuffleSplit(1, test_size=0.2, random_state=inner_split)
    return GridSearchCV(baseline(name, random_state), TRIALS[name], cv=split)

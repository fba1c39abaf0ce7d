"""Models of the papers and their baselines as scikit-learn estimators."""

from qhelpers.models.baselines import BASELINES, baseline
from qhelpers.models.low_energy import QNNHClassifier, QNNPClassifier, QNNQClassifier
from qhelpers.models.tuning import tune

__all__ = ["BASELINES", "QNNHClassifier", "QNNPClassifier", "QNNQClassifier", "baseline", "tune"]

"""Models of the papers and their baselines as scikit-learn estimators."""

from qhelpers.models.baselines import BASELINES, TRIALS, baseline, tuned_baseline
from qhelpers.models.low_energy import QNNHClassifier, QNNPClassifier, QNNQClassifier
from qhelpers.models.trigonometric import RandomCircuitFeature, TrigonometricFeatures
from qhelpers.models.tuning import tune

__all__ = [
    "BASELINES",
    "TRIALS",
    "QNNHClassifier",
    "QNNPClassifier",
    "QNNQClassifier",
    "RandomCircuitFeature",
    "TrigonometricFeatures",
    "baseline",
    "tune",
    "tuned_baseline",
]

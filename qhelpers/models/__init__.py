"""What several papers share: quantum estimators around any circuit, and plain models as scikit-learn estimators."""

import qhelpers._experiments  # noqa: F401
from qhelpers.models.baselines import BASELINES, baseline, tuned
from qhelpers.models.quantum import CircuitClassifier, QuantumClassifier, circuit_module
from qhelpers.models.trigonometric import RandomCircuitFeature, TrigonometricFeatures
from qhelpers.models.tuning import tune

__all__ = [
    "BASELINES",
    "CircuitClassifier",
    "QuantumClassifier",
    "RandomCircuitFeature",
    "TrigonometricFeatures",
    "baseline",
    "circuit_module",
    "tune",
    "tuned",
]

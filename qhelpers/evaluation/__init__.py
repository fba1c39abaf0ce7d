"""Splits, metrics and paired statistics."""

from qhelpers.evaluation.comparison import (
    Equivalence,
    Test,
    bayesian_comparison,
    benjamini_hochberg,
    bootstrap,
    corrected_t_test,
    equivalence,
    holm,
    non_inferiority,
    prediction_interval,
    shared_rows,
)
from qhelpers.evaluation.likelihood import Fit, possible, row_fit, smallest_test
from qhelpers.evaluation.metrics import binary_metrics, confusion_counts
from qhelpers.evaluation.splits import (
    balanced_subsample,
    group_split,
    late_split,
    official_split,
    random_split,
    stratified_split,
    time_block_split,
)

__all__ = [
    "Equivalence",
    "Fit",
    "Test",
    "balanced_subsample",
    "bayesian_comparison",
    "benjamini_hochberg",
    "binary_metrics",
    "bootstrap",
    "confusion_counts",
    "corrected_t_test",
    "equivalence",
    "group_split",
    "holm",
    "late_split",
    "non_inferiority",
    "official_split",
    "possible",
    "prediction_interval",
    "random_split",
    "row_fit",
    "shared_rows",
    "smallest_test",
    "stratified_split",
    "time_block_split",
]

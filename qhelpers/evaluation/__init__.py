"""Splits, metrics and paired statistics."""

import qhelpers._experiments  # noqa: F401
from qhelpers.evaluation.comparison import (
    Equivalence,
    Prediction,
    Test,
    bayesian_comparison,
    benjamini_hochberg,
    bootstrap,
    corrected_t_test,
    equivalence,
    held_out,
    holm,
    non_inferiority,
    prediction,
    runs_for_ranks,
    shared_rows,
)
from qhelpers.evaluation.likelihood import Fit, fits, possible, row_fit, smallest_fit, smallest_test
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
    "Prediction",
    "Test",
    "balanced_subsample",
    "bayesian_comparison",
    "benjamini_hochberg",
    "binary_metrics",
    "bootstrap",
    "confusion_counts",
    "corrected_t_test",
    "equivalence",
    "fits",
    "group_split",
    "held_out",
    "holm",
    "late_split",
    "non_inferiority",
    "official_split",
    "possible",
    "prediction",
    "random_split",
    "row_fit",
    "runs_for_ranks",
    "shared_rows",
    "smallest_fit",
    "smallest_test",
    "stratified_split",
    "time_block_split",
]

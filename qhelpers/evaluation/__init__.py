"""Splits, metrics and paired statistics."""

from qhelpers.evaluation.metrics import binary_metrics, confusion_counts
from qhelpers.evaluation.splits import (
    balanced_subsample,
    group_split,
    official_split,
    random_split,
    stratified_split,
    time_block_split,
)

__all__ = [
    "balanced_subsample",
    "binary_metrics",
    "confusion_counts",
    "group_split",
    "official_split",
    "random_split",
    "stratified_split",
    "time_block_split",
]

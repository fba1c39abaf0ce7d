"""Experiments, profiles and records. Importing this loads nothing heavy."""

from qhelpers.runs.experiment import PROFILES, SOURCES, Experiment, Outcome, get, names
from qhelpers.runs.records import Record, RecordsError

__all__ = ["PROFILES", "SOURCES", "Experiment", "Outcome", "Record", "RecordsError", "get", "names"]

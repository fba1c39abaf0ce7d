"""Experiments, profiles and records. Importing this loads nothing heavy."""

import qhelpers._experiments  # noqa: F401
from qhelpers.runs.experiment import Experiment, Needs, Outcome, get, names
from qhelpers.runs.records import PROFILES, SOURCES, Record, RecordsError

__all__ = ["PROFILES", "SOURCES", "Experiment", "Needs", "Outcome", "Record", "RecordsError", "get", "names"]

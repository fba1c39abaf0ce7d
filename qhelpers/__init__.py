"""Helpers of the book on quantum machine learning for industrial IoT: data, circuits, models, records, ledger."""

__version__ = "0.1.0"

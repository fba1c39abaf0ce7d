"""Data sets of the book: official files known by their SHA-256, and synthetic twins that need no file."""

import qhelpers._experiments  # noqa: F401
from qhelpers.datasets import occupancy, ton_iot_gps, ton_iot_modbus, wustl_iiot  # noqa: F401  (registers them, in the order of the book)

# isort: split
from qhelpers.datasets import cmapss, device_failure  # noqa: F401

# isort: split
from qhelpers.datasets import cwru, hit_sm, ims, mfpt, pronostia, uestc  # noqa: F401
from qhelpers.datasets.base import Dataset, DatasetError, Head, Series, Signals, entry, names
from qhelpers.datasets.comparison import compare, record_summary, recorded_summary, summary
from qhelpers.datasets.download import fetch, status
from qhelpers.datasets.files import data_home, folders
from qhelpers.datasets.loading import fingerprint, load, present

__all__ = [
    "Dataset",
    "DatasetError",
    "Head",
    "Series",
    "Signals",
    "compare",
    "data_home",
    "entry",
    "fetch",
    "fingerprint",
    "folders",
    "load",
    "names",
    "present",
    "record_summary",
    "recorded_summary",
    "status",
    "summary",
]

"""The papers of the book, a folder each; `qhelpers.runs.papers` finds them by their `paper.py`."""

import os

import qhelpers._experiments  # noqa: F401

# Papers of your own, in folders outside this package (separated as in PATH).
__path__ += [folder for folder in os.environ.get("QHELPERS_MORE_PAPERS", "").split(os.pathsep) if folder]

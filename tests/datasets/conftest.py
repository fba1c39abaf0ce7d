"""Fixtures of the data tests: the official sets (for tests marked `needs_data`), and an empty place to search."""

import functools
from pathlib import Path

import pytest

from qhelpers import datasets
from qhelpers.datasets.files import find


@pytest.fixture(scope="session")
def official():
    """``official(name)``: the real data set, loaded once."""
    return functools.cache(datasets.load)


@pytest.fixture(scope="session")
def official_files():
    """``official_files(name)``: the raw files by name."""
    return functools.cache(lambda name: find(datasets.entry(name)))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that is the only one searched (the data home is empty too)."""
    place = tmp_path / "data"
    place.mkdir()
    monkeypatch.setenv("QHELPERS_DATA", str(place))
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "home"))
    return place

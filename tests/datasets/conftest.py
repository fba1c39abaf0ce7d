"""Fixtures of the data tests: the official sets (for tests marked `needs_data`), and an empty place to search."""

import functools
import os
import sys
from pathlib import Path

import pytest

from qhelpers import datasets
from qhelpers.datasets import loading
from qhelpers.datasets.files import find

pytest.register_assert_rewrite("contract", "faults")
sys.path.insert(0, str(Path(__file__).parent))  # where the tests of each set find `contract`


def _where_data_are(function):
    """Call a function once for each argument, in the surroundings of the session's start, whatever a test has changed."""
    places = {name: os.environ.get(name) for name in ("QHELPERS_DATA", "QHELPERS_HOME")}

    @functools.cache
    def call(name):
        with pytest.MonkeyPatch.context() as patch:
            for key, value in places.items():
                patch.delenv(key, raising=False) if value is None else patch.setenv(key, value)
            # What was kept of the files by an older loader is not what is tested, and nothing is left in the user's folder.
            patch.setattr(loading, "kept", lambda *_: None)
            patch.setattr(loading, "keep", lambda *_: None)
            return function(name)

    return call


@pytest.fixture(scope="session")
def official():
    """``official(name)``: the real data set, loaded once."""
    return _where_data_are(datasets.load)


@pytest.fixture(scope="session")
def official_files():
    """``official_files(name)``: the content of the files by name, unpacked."""
    return _where_data_are(lambda name: {role: b"".join(found.blocks()) for role, found in find(datasets.entry(name)).items()})


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that is the only one searched (the data home is empty too)."""
    place = tmp_path / "data"
    place.mkdir()
    monkeypatch.setenv("QHELPERS_DATA", str(place))
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "home"))
    return place

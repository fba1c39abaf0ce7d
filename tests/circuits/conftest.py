"""What the tests of circuits share."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dense():
    """The oracle, `dense.py` beside this file."""
    spec = importlib.util.spec_from_file_location("dense", Path(__file__).with_name("dense.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

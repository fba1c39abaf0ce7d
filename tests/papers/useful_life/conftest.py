"""What the tests of paper 3 share."""

import pytest

from qhelpers import datasets


@pytest.fixture(scope="session")
def engines():
    """The twin of FD001, as it is by default."""
    return datasets.load("cmapss_fd001", source="twin")

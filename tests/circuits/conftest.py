"""Where the tests of circuits find what they share: `dense`, the oracle, and `random_circuits`."""

import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite("dense", "random_circuits")
sys.path.insert(0, str(Path(__file__).parent))

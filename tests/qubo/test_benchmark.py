"""The benchmark of choices: a time counts only where the draws are right."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

COSTS = np.random.default_rng(1).uniform(-1, 0, 16)


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "annealing.py"
    spec = importlib.util.spec_from_file_location("benchmark_annealing", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_time_counts_only_where_the_draws_are_right(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "SELECTIONS", 5000)
    rows = {row["how"]: row["ms"] for row in benchmark.drawing(COSTS, np.random.default_rng(0), 1)}
    assert len(rows) == 5 and None not in rows.values()
    monkeypatch.setattr(benchmark, "gumbel_max", lambda costs, rng: np.zeros(len(costs), dtype=int))
    rows = {row["how"]: row["ms"] for row in benchmark.drawing(COSTS, np.random.default_rng(0), 1)}
    assert [how for how, ms in rows.items() if ms is None] == ["softmax, NumPy Gumbel-max"]

"""The literal network, in Qiskit's own words, is the network that we train."""

import numpy as np
import pytest
import torch

from qhelpers.datasets import load
from qhelpers.papers.threats.as_printed import LiteralHQML, compare
from qhelpers.papers.threats.experiments.full_scale import scaled_rows

RNG = np.random.default_rng(0)


def flows(n_rows, n_features):
    X = RNG.normal(size=(n_rows, n_features))
    return X, (X[:, 0] + X[:, 1] * X[:, -1] > 0).astype(int)


@pytest.mark.parametrize("observable", ["parity", "first", "last"])
def test_outputs_gradients_and_losses_agree(observable):
    gaps, losses = compare(*flows(24, 3), batch_size=8, observable=observable)
    assert max(value for name, value in gaps.items() if name.endswith("_gap")) < 1e-6
    assert len(losses["literal"]) == 3 and np.ptp(losses["literal"]) > 1e-3


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.parametrize("observable", ["parity", "first"])
def test_they_agree_with_ten_qubits_on_genuine_rows(observable):
    gaps, losses = compare(*scaled_rows(load("wustl_iiot_999"), 320, 10), batch_size=32, observable=observable)
    assert max(value for name, value in gaps.items() if name.endswith("_gap")) < 1e-5
    assert len(losses["literal"]) == 10


def test_a_difference_would_be_seen():
    literal, x = LiteralHQML(3), torch.randn(5, 3)
    before = literal(x)
    with torch.no_grad():
        literal.qnn.weight += 0.01
    assert (literal(x) - before).abs().max() > 1e-5

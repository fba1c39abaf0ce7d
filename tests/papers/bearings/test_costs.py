"""Sizes printed beside built, and circuits of an epoch."""

import pennylane as qml
import pytest
import torch

from qhelpers.papers.bearings.costs import added, n_parameters, shifted_circuits, sizes
from qhelpers.papers.bearings.model import QEMLNet, circuit


def test_sizes_add_up_to_the_network():
    table = sizes()
    net = QEMLNet(8)
    assert table["built"].iloc[-1] == n_parameters(net)
    assert table["built"].iloc[0] == 25_557_032  # as torchvision's documentation says
    assert table.loc["with-circuit", "added"] == 72
    assert table["printed"].tolist() == ["25.6", "26.0", "30.8", "31.2", "31.4"]
    assert table.loc["with-encoding", "printed_added"] == pytest.approx(4.8e6)


def test_attention_counts_two_matrices_and_a_kernel_a_stage():
    assert added()["with-cbam"] == sum(2 * c * c // 16 + 98 for c in (1024, 2048))
    assert added(cbam=(2, 3))["with-cbam"] == sum(2 * c * c // 16 + 98 for c in (512, 1024))


def test_shifted_circuits_are_those_that_pennylane_runs():
    device = qml.device("default.qubit", wires=4)
    node = qml.QNode(circuit().pennylane(), device, interface="torch", diff_method="parameter-shift")
    inputs, weights = torch.randn(4, requires_grad=True), torch.randn(6, 4, 3, requires_grad=True)
    with qml.Tracker(device) as tracker:
        sum(node(inputs, weights)).backward()
    counted = shifted_circuits(1)
    assert tracker.totals["executions"] == counted.per_sample == 153


def test_an_epoch_takes_its_shots():
    found = shifted_circuits(2500, shots=100, seconds_per_shot=1e-3)
    assert found.circuits == 153 * 2500 and found.seconds == pytest.approx(153 * 2500 * 0.1)
    with pytest.raises(ValueError, match="shots is 0; allowed"):
        shifted_circuits(10, shots=0)
    with pytest.raises(ValueError, match="seconds_per_shot is 0"):
        shifted_circuits(10, seconds_per_shot=0)

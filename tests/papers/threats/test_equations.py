"""Experiments on sentences and data of paper 2: what theory says of each, and that something else would be seen."""

import pytest
import torch

from qhelpers import ledger
from qhelpers.datasets import load
from qhelpers.papers.threats.experiments import data, equations, literal

TINY = 1e-6
TWIN = load("wustl_iiot_999", "twin", n=200)


def found(name, seed=0):
    return equations.EXPERIMENT.function({"equation": name}, seed).metrics


def test_a_mixed_difference_is_that_of_a_product():
    x, a, b = torch.randn(3, 5, 2, dtype=torch.float64)
    assert equations.mixed_difference(lambda v: v @ torch.ones(2, dtype=v.dtype) + 3, x, a, b) < TINY
    crossed = a[:, 0] * b[:, 1] + a[:, 1] * b[:, 0]
    assert equations.mixed_difference(lambda v: v[:, 0] * v[:, 1], x, a, b) == pytest.approx(float(crossed.abs().max()))


@pytest.mark.parametrize("seed", range(3))
def test_only_the_true_machine_multiplies_features(seed):
    metrics = found("fm-layer", seed)
    assert metrics["described.mixed_difference"] < TINY < 1e-3 < metrics["machine.mixed_difference"]
    assert metrics == found("fm-layer", seed)
    assert metrics["machine.mixed_difference"] != found("fm-layer", seed + 1)["machine.mixed_difference"]


def test_the_circuit_that_is_named_has_no_input():
    metrics = found("circuit")
    assert (metrics["alone.inputs"], metrics["mapped.inputs"], metrics["alone.input_effect"]) == (0, 10, 0)
    assert metrics["mapped.input_effect"] > 1e-3


def test_the_logit_is_a_sum_and_a_probability_would_not_be(monkeypatch):
    metrics = found("head")
    assert metrics["additivity_error"] < TINY < 1e-3 < min(metrics["classical.spread"], metrics["quantum.spread"])
    logit = equations.Network.forward
    monkeypatch.setattr(equations.Network, "forward", lambda self, x: torch.sigmoid(logit(self, x)))
    assert found("head")["additivity_error"] > 1e-4


def test_the_literal_network_has_a_gradient_in_both_parts_and_another_network_would_be_seen(monkeypatch):
    metrics = literal.run({}, 0, TWIN, 2, 4).metrics
    assert max(value for name, value in metrics.items() if name.endswith("_difference")) < TINY
    assert min(metrics["quantum_gradient"], metrics["classical_gradient"]) > TINY
    right = literal.pair

    def turned(*arguments, **options):
        one, ours = right(*arguments, **options)
        with torch.no_grad():
            next(ours.branch.parameters()).add_(0.1)
        return one, ours

    monkeypatch.setattr(literal, "pair", turned)
    metrics = literal.run({}, 0, TWIN, 2, 4).metrics
    assert min(value for name, value in metrics.items() if name.endswith("_difference")) > 1e-4


def test_half_of_the_literal_rows_are_attacks():
    X, y = literal.rows(TWIN, 0, 4, 10)
    assert X.shape == (10, 4)
    assert y.sum() == 5


def test_counts_of_the_data():
    metrics = data.run({"data": data.PUBLISHED}, 0).metrics
    assert metrics["rows"] == ledger.claim("2.data.rows").interval().mid
    assert metrics["attack_share"] == pytest.approx(87_016 / 1_194_464)
    metrics = data.run({"data": "wustl_iiot_999"}, 0, TWIN).metrics
    assert (metrics["rows"], metrics["columns_without_target"], metrics["columns_without_labels"]) == (200, 48, 47)
    assert metrics["attack_share"] == TWIN.y.mean()
    assert [data.EXPERIMENT.data(config) for config, _ in data.grid("quick")] == [(), ("wustl_iiot_999",)]

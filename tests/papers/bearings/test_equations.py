"""The equations of section 3 hold as run, and what is none of them would be seen."""

import numpy as np
import pytest
import torch

from qhelpers.papers.bearings import model
from qhelpers.papers.bearings.experiments import equations


def found(name, seed=0):
    return equations.EXPERIMENT.function({"equation": name}, seed).metrics


SAME = [name for name in equations.EQUATIONS if name not in ("end-to-end", "envelope", "band", "hann", "losses")]


@pytest.mark.parametrize("name", SAME)
def test_an_equation_holds_as_run(name):
    metrics = found(name)
    assert metrics["value"] == metrics["difference"] < 1e-9


def test_the_loss_is_the_printed_sum_of_printed_terms():
    metrics = found("losses")
    assert max(metrics[name] for name in ("total", "cross_entropy", "reconstruction", "fidelity")) < 1e-12
    assert 0 < metrics["largest_fidelity"] < 1


def test_another_weight_of_the_loss_is_seen(monkeypatch):
    monkeypatch.setattr(equations, "LAMBDAS", (0.55, 0.17, 0.28))
    metrics = found("losses")
    assert metrics["total"] > 1e-3 > metrics["fidelity"]


def test_plain_matrices_notice_another_order_of_gates_and_a_missing_cnot(monkeypatch):
    layer, weights, v = equations._layer(0)
    with torch.no_grad():
        expected = layer(v).numpy()[0]
    right = equations.outputs(equations.simulated(v[0].numpy(), weights.numpy()))
    np.testing.assert_allclose(right, expected, atol=1e-12)
    turned = equations.outputs(equations.simulated(v[0].numpy(), weights.numpy()[..., ::-1]))
    assert np.abs(turned - expected).max() > 0.01
    monkeypatch.setattr(equations, "circuit", lambda: model.circuit(separable=True))
    assert found("layers")["difference"] > 0.01


def test_what_shifted_circuits_cost():
    metrics = found("shift-rule")
    assert (metrics["angles"], metrics["evaluations"]) == (72, 144)


def test_attention_with_another_activation_is_seen(monkeypatch):
    monkeypatch.setattr(equations.torch, "relu", torch.tanh)
    assert found("channel-attention")["difference"] > 1e-3


def test_a_gradient_reaches_every_part():
    assert found("end-to-end")["smallest_gradient"] > 0


def test_an_envelope_keeps_the_modulation_and_not_the_carrier():
    metrics = found("envelope")
    assert metrics["from_modulation"] <= 1 < 1000 < metrics["from_carrier"]


def test_band_pass_and_window_do_what_is_said():
    assert 0 < found("band")["outside"] < 0.01
    assert 0 < found("hann")["leakage"] < 0.01


def test_a_training_part_is_scaled_and_another_keeps_its_level():
    assert found("z-scores")["other"] > 0.1

"""What the claims rest on is run, and the toy is a fair one."""

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.papers.threats.experiments import toy
from qhelpers.papers.threats.paper import PAPER
from qhelpers.runs import experiment


def configs(name):
    return [config for config, _ in experiment.get(name).grid("laptop")]


def test_every_measured_number_names_runs_that_an_experiment_makes():
    measured = [claim for claim in ledger.claims(PAPER.number) if claim.kind == "number" and claim.measured_by]
    assert measured
    for claim in measured:
        name, wanted = claim.measured_by["experiment"], claim.measured_by["config"]
        assert name in PAPER.experiments, claim.id
        assert any(config.items() >= wanted.items() for config in configs(name)), claim.id


def test_every_control_is_run():
    models = {config["model"] for name in PAPER.experiments for config in configs(name)}
    assert {control.control for control in ledger.paper(PAPER.number).controls} <= models


def test_an_output_is_that_of_the_circuit():
    weight, bias, x = 1.6, -0.5, np.linspace(-3, 3, 7)
    half = (weight * x + bias) / 2  # RY(θ)|0⟩ = cos(θ/2)|0⟩ + sin(θ/2)|1⟩
    np.testing.assert_allclose(toy.score("qubit", (weight, bias), x), np.cos(half) ** 2 - np.sin(half) ** 2, atol=1e-12)


@pytest.mark.parametrize("model", toy.MODELS)
def test_a_run_finds_the_band_again_to_the_last_digit(model):
    metrics = toy.run({"model": model}, 3).metrics
    assert metrics == toy.run({"model": model}, 3).metrics
    assert 0.8 < metrics["accuracy"] < 1 - toy.WRONG + 0.03


@pytest.mark.parametrize("model", toy.MODELS)
def test_where_notes_are_tossed_nothing_is_learned(model):
    rng = np.random.default_rng(0)
    (pressure, _), (fresh, _) = toy.draw(toy.N_TRAIN, rng), toy.draw(toy.N_TEST, rng)
    setting, _ = toy.fit(model, pressure, rng.random(toy.N_TRAIN) < 0.5)
    right = (toy.score(model, setting, fresh) > 0) == (rng.random(toy.N_TEST) < 0.5)
    assert abs(right.mean() - 0.5) < 0.05


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="model 'oracle' is unknown; allowed are qubit, two-thresholds"):
        toy.run({"model": "oracle"}, 0)

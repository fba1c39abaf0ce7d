"""The printed settings are found by running them, and another setting would be seen."""

from dataclasses import replace

import numpy as np
import pytest

from qhelpers import ledger
from qhelpers.papers.useful_life import windows
from qhelpers.papers.useful_life.experiments import settings


def found(name, dataset=None):
    return settings.EXPERIMENT.function({"setting": name}, 0, dataset).metrics


@pytest.mark.parametrize("name", ["annealing-time", "prefactor", "variables", "qubits"])
def test_settings_of_the_chip_are_as_printed(name):
    claim = ledger.claim({"qubits": "3.T3.qubits", "variables": "3.T3.variables"}.get(name, f"3.setup.{name}"))
    assert found(name)["value"] == pytest.approx(claim.interval().mid)


@pytest.mark.parametrize(
    "name", ["learning-rate", "discount", "epsilon-first", "epsilon-last", "epsilon-share", "bins", "episodes", "reads", "batch"]
)
def test_settings_of_the_agent_are_as_printed(name):
    assert ledger.claim(f"3.T3.{name}").interval().meets(found(name)["value"])


def test_as_many_runs_are_made_as_the_paper_made():
    assert found("runs")["value"] == ledger.claim("3.abstract.runs").interval().mid


def test_the_library_has_what_is_named():
    metrics = found("solver")
    assert metrics["has_the_parts"] == metrics["embeds"] == 1 and 16 < metrics["value"] < 100


def test_a_thousand_reads_take_longer_than_is_printed():
    metrics = found("access")
    assert metrics["modelled_seconds"] > metrics["modelled_seconds_without_chains"] > 5 * settings.PRINTED_CALL
    assert metrics["anneals"] == pytest.approx(settings.PRINTED_CHIP)
    assert metrics["modelled_seconds_one_read"] < settings.PRINTED_CHIP


def test_calls_are_as_many_as_updates(engines):
    train, _ = windows.as_printed(engines, 0)
    metrics = found("calls", engines)
    assert metrics["value"] == 8 * len(train)
    assert metrics["modelled_seconds"] == pytest.approx(8 * len(train) * 0.026)
    longest = np.bincount(train.unit).max()
    assert metrics["modelled_seconds_one_engine"] == pytest.approx(8 * longest * 0.026)


def test_settings_of_the_preparation_are_as_printed(engines):
    for name, claim in (("features-engines", "3.T3.state-engines"), ("sensors-kept", "3.prep.kept"), ("window", "3.prep.window")):
        assert found(name, engines)["value"] == ledger.claim(claim).interval().mid
    assert found("cap", engines)["value"] == 125
    assert ledger.claim("3.prep.train-share").interval().meets(found("train-share", engines)["value"])


def test_another_scale_would_be_seen(engines):
    train, _ = windows.as_printed(engines, 0)
    assert settings.scaler(engines, train)["difference"] < 1e-9
    assert settings.scaler(engines, replace(train, values=train.values * 1.1))["difference"] > 0.05


def test_the_floor_of_sixteen_bins_is_their_width_over_the_root_of_twelve():
    even = settings.resolution(np.linspace(0, 125, 100_001))
    assert even["floor_rmse"] == pytest.approx(even["value"] / np.sqrt(12), rel=1e-3)
    assert even["rounded"] == ledger.claim("3.threats.resolution").interval().mid

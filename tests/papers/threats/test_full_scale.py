"""The experiment on cost trains on as many rows as it says, never on those that it tests on, and fits what it promises."""

import numpy as np
import pytest

from qhelpers.datasets import load
from qhelpers.papers.threats.experiments import full_scale
from qhelpers.papers.threats.experiments.full_scale import ALL, EXPERIMENT, TEST
from qhelpers.papers.threats.rows import ParquetRows

TWIN = load("wustl_iiot_999", "twin")
SMALL = {"data": "wustl_iiot_999", "observable": "first", "n_qubits": 4, "n_rows": 700, "epochs": 2, "batch": "small"}


def test_a_run_is_scored_on_rows_that_it_never_saw(monkeypatch):
    seen = []
    original = ParquetRows.blocks

    def watched(self, chosen=None, random=None):
        for X, y in original(self, chosen, random):
            if chosen is None:
                seen.append(X)
            yield X, y

    monkeypatch.setattr(ParquetRows, "blocks", watched)
    outcome = full_scale.run(SMALL, 0, TWIN)
    assert sum(len(X) for X in seen) == 700
    assert sum(outcome.confusion.values()) == round(TEST * len(TWIN))
    assert outcome.metrics["accuracy"] > 0.9 and outcome.metrics["train_cpu_seconds"] > 0
    assert len(outcome.arrays["loss"]) == 2 and len(outcome.chosen["features"]) == 4
    again = full_scale.run(SMALL, 0, TWIN)
    assert again.confusion == outcome.confusion and again.metrics["loss"] == outcome.metrics["loss"]


def test_more_rows_than_there_are_is_refused():
    with pytest.raises(ValueError, match="n_rows is 900; allowed are 1 to 849 of 999 rows"):
        full_scale.run(SMALL | {"n_rows": 900}, 0, TWIN)


def test_the_literal_network_is_beside_it():
    metrics = full_scale.run(SMALL | {"compare": "literal", "n_rows": 32, "n_qubits": 3}, 0, TWIN).metrics
    assert max(value for name, value in metrics.items() if name.endswith("_gap")) < 1e-6
    assert metrics["literal_full_cpu_seconds"] == pytest.approx(metrics["literal_cpu_seconds"] / 32 * ALL * 10)
    assert metrics["literal_cpu_seconds"] > 0 and metrics["train_cpu_seconds"] > 0


@pytest.mark.parametrize("profile", ["quick", "laptop"])
def test_every_config_is_one_that_can_be_run(profile):
    for config, _ in EXPERIMENT.grid(profile):
        assert EXPERIMENT.estimate(config) > 0
        most = 1_194_464 if config["data"] == "wustl_iiot" else 999
        assert config["n_rows"] <= most - np.round(TEST * most)
    full = [config for config, _ in EXPERIMENT.grid(profile) if config["n_rows"] == ALL]
    assert {config["observable"] for config in full} == (set() if profile == "quick" else {"first", "parity"})

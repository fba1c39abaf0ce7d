"""Printed settings are found in what is built, counts in the sets, and another network would be seen."""

from functools import partial

import pytest
import torch

from qhelpers import ledger
from qhelpers.datasets import load
from qhelpers.papers.bearings import model
from qhelpers.papers.bearings.experiments import settings
from qhelpers.papers.bearings.model import QEMLNet
from qhelpers.papers.bearings.paper import PAPER

CLAIMS = [
    claim
    for claim in ledger.claims(PAPER.number)
    if (claim.measured_by or {}).get("experiment") == "bearings-settings" and claim.kind == "number"
]
#: Where what is built, or a set, is not as printed.
OTHERWISE = {"4.pqc.depth", "4.pqc.pooled", "4.pqc.parameters", "4.T3.cwru.qeml-net.parameters"}
OTHERWISE |= {f"4.T4.cwru.{step}.parameters" for step in ("with-cbam", "with-encoding", "with-circuit", "with-loss", "qeml-net")}


def found(name, dataset=None):
    return settings.EXPERIMENT.function({"setting": name}, 0, dataset).metrics["value"]


@pytest.mark.parametrize("claim", [one for one in CLAIMS if "data" not in one.measured_by["config"]], ids=lambda one: one.id)
def test_what_is_built_has_the_printed_settings(claim):
    value = found(claim.measured_by["config"]["setting"])
    assert claim.interval().meets(value) is (claim.id not in OTHERWISE)


def test_where_it_is_otherwise():
    assert (found("depth"), found("pooled"), found("angles")) == (50, 2048, 72)


def test_another_network_is_seen(monkeypatch):
    monkeypatch.setattr(settings, "network", lambda: QEMLNet(5, cbam=(2, 4)))
    assert (found("logits"), found("stage-first"), found("stage-second")) == (5, 2, 4)
    monkeypatch.setattr(model, "circuit", partial(model.circuit, n_layers=3))
    assert (found("layers"), found("angles")) == (3, 36)
    monkeypatch.setattr(settings.baselines.Recurrent, "__init__", lambda self: torch.nn.Module.__init__(self))
    monkeypatch.setattr(settings.baselines.Recurrent, "layers", torch.nn.LSTM(2, 2, 5), raising=False)
    assert (found("trees"), found("lstm-layers"), found("convolutions")) == (500, 5, 6)


@pytest.mark.parametrize("name", ["cwru", "mfpt", "ims"])
def test_counts_of_a_set_are_found_on_its_twin(name):
    data = load(name, "twin")
    for setting in settings.ON_DATA[name]:
        assert found(setting, data) > 0, setting
    if name == "cwru":
        assert found("fastest", data) == 1797 and found("loads", data) == 4

"""The printed settings are found by running them, and another setting would be seen; no test but a slow one installs anything."""

import functools
import subprocess
import venv

import numpy as np
import pytest
import torch

from qhelpers import ledger
from qhelpers.datasets import load
from qhelpers.papers.threats.experiments import settings
from qhelpers.runs import records

TINY = 1e-5
TWIN = load("wustl_iiot_999", "twin", n=200)
RUN, CREATE = subprocess.run, venv.create


def found(name):
    return settings.EXPERIMENT.function({"setting": name}, 0, TWIN).metrics


def test_epochs_and_features_are_as_printed():
    assert found("epochs")["value"] == ledger.claim("2.T1.epochs").interval().mid
    assert found("features")["value"] == ledger.claim("2.selection.features").interval().mid


def test_the_loss_is_the_cross_entropy_and_another_would_be_seen(monkeypatch):
    assert found("loss")["difference"] < TINY
    monkeypatch.setattr(settings, "trained", functools.partial(settings.trained, loss="twice"))
    assert found("loss")["difference"] > 0.01


def test_the_optimizer_is_adam_and_another_would_be_seen(monkeypatch):
    metrics = found("optimizer")
    assert metrics["value"] == 10
    assert metrics["difference"] < TINY
    for other in (
        functools.partial(torch.optim.Adam, betas=(0.8, 0.999)),
        functools.partial(torch.optim.AdamW, weight_decay=0.1),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(torch.optim, "Adam", other)
            assert found("optimizer")["difference"] > 10 * TINY


def test_adam_by_hand_on_a_known_case():
    """A constant gradient makes steps of the learning rate, whatever its size."""
    weights = settings.adam(np.full((5, 2), [3.0, -0.2]), np.zeros(2), 0.1)
    assert weights == pytest.approx([-0.5, 0.5], abs=1e-6)


@pytest.fixture
def pip(monkeypatch):
    """An environment without pip, and what pip would answer in it."""

    def answering(code, told=""):
        def run(command, **options):
            return subprocess.CompletedProcess(command, code, "", told) if "pip" in command else RUN(command, **options)

        monkeypatch.setattr(settings.venv, "create", lambda folder, **_: CREATE(folder, symlinks=settings.os.name != "nt"))
        monkeypatch.setattr(settings.subprocess, "run", run)

    return answering


@pytest.mark.parametrize(
    "told", ["ERROR: No such version (from versions: 0.8.1, 0.8.3)", "ERROR: ResolutionImpossible: for help"]
)
def test_a_version_that_there_is_not_is_a_finding(pip, told):
    pip(1, told)
    assert found("framework") == {"value": 0, "installs": 0, "has_the_parts": 0}


@pytest.mark.parametrize("told", ["Failed to connect\nERROR: No such version (from versions: none)", "No space left on device"])
def test_without_a_network_nothing_is_found(pip, told):
    pip(1, told)
    with pytest.raises(RuntimeError, match="whether they can be is not known; pip needs a network"):
        found("framework")


def test_the_network_runs_in_the_environment_that_was_made(pip):
    """Where pip adds nothing, this is our own version of the library, found behind that environment's own packages."""
    pip(0)
    outcome = settings.framework(TWIN, 0, 3)
    assert outcome.metrics["installs"] == outcome.metrics["has_the_parts"] == 1
    assert max(value for name, value in outcome.metrics.items() if name.endswith("_difference")) < TINY
    assert outcome.chosen["versions"][2] == torch.__version__


def test_a_version_that_lacks_a_part_is_a_finding(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "PARTS", (*settings.PARTS, ("qiskit_machine_learning.nothing", "Nothing")))
    settings.inside(str(tmp_path / "step.npz"))
    with np.load(tmp_path / "step.npz") as read:
        assert not read["has"]
        assert "outputs" not in read


def test_what_was_recorded_is_of_the_printed_version():
    made = [record for record in records.measured("threats-settings") if record.config["setting"] == "framework"]
    assert len(made) == 3
    for record in made:
        assert [one.partition("==")[2] for one in settings.PRINTED] == record.chosen["versions"][:2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_printed_version_is_had_and_computes_the_same():
    outcome = settings.framework(TWIN, 0, 4)
    assert [one.partition("==")[2] for one in settings.PRINTED] == outcome.chosen["versions"][:2]
    assert max(value for name, value in outcome.metrics.items() if name.endswith("_difference")) < TINY

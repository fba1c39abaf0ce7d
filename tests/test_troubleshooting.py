"""What the page on troubleshooting quotes is what comes: each message is provoked and compared with the page."""

import re
import socket
from pathlib import Path

import pytest

from qhelpers import _extras, chapter, datasets, ledger
from qhelpers.ledger import shown
from qhelpers.runs import RecordsError, again

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "troubleshooting.md").read_text(encoding="utf-8")
#: Headings with the messages that they quote.
QUOTED = {
    section.partition("\n")[0]: re.findall(r"^```text\n(.*?)\n```", section, re.MULTILINE | re.DOTALL)
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}


@pytest.fixture
def serve(script):
    """The server of the site, `book/serve.py`."""
    return script("serve")


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    """A machine without official data."""
    monkeypatch.setenv("QHELPERS_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path


def told(kind, provoke):
    """The message of an error."""
    with pytest.raises(kind) as refused:
        provoke()
    return str(refused.value)


def refused_circuit():
    qml = pytest.importorskip("pennylane")
    import torch

    from qhelpers.circuits import QuantumLayer
    from qhelpers.circuits.tracing import UnsupportedCircuitError

    @qml.qnode(qml.device("default.mixed", wires=1))
    def circuit(inputs, weights):
        qml.RX(inputs[0] + weights[0], wires=0)
        qml.DepolarizingChannel(0.1, wires=0)
        return qml.expval(qml.Z(0))

    return told(UnsupportedCircuitError, lambda: QuantumLayer(circuit, {"weights": (1,)})(torch.zeros(1, 1)))


@pytest.fixture
def messages(build, bootstrap, serve, no_data, capsys):
    """Each message as it comes, by the heading below which it is quoted."""
    wrong = "2015-01-01,S1F0,0\n"
    (no_data / "device_failure.csv").write_text("date,device,failure\n" + wrong)

    def served(port, site):
        assert serve.main([str(port)], site) == 2
        return capsys.readouterr().err

    def taken():
        (no_data / "index.html").touch()
        with socket.create_server(("127.0.0.1", 0)) as other:
            return served(other.getsockname()[1], no_data)

    return {
        "The wrong Python": lambda: told(bootstrap.SetupError, lambda: bootstrap.check_python((3, 12, 0), "/usr/bin/python3")),
        "A package is missing": lambda: _extras.missing("pennylane", "circuits"),
        "The real data are not here": lambda: told(datasets.DatasetError, lambda: datasets.load("occupancy", source="real")),
        "A file has another content than the official one": lambda: told(
            datasets.DatasetError, lambda: datasets.load("device_failure", source="real")
        ),
        "A data set that there is not": lambda: told(ValueError, lambda: datasets.load("ocupancy")),
        "Fewer rows of real data": lambda: told(ValueError, lambda: datasets.load("occupancy", source="real", n=500)),
        "A notebook's parameter is out of range": lambda: told(
            ValueError, lambda: chapter.start("1.1", profile="quick", source="twin", seed=-1)
        ),
        "No record of what is asked for": lambda: told(RecordsError, lambda: shown.score("low-energy", model="qnn-x")),
        "Runs that are to be made again are not found": lambda: told(
            RecordsError, lambda: again.find(["low-energy"], {"model": "qnn-x"})
        ),
        "No claim of that name": lambda: told(ValueError, lambda: ledger.claim("1.T1.qnnp.f1")),
        "A circuit that the layer does not compute": refused_circuit,
        "One notebook by itself": lambda: told(build.BuildError, lambda: build.discover(ROOT, "zzz")),
        "There is no site to show": lambda: served(8000, no_data),
        "The port is taken": taken,
    }


@pytest.mark.parametrize("heading", [name for name, quoted in QUOTED.items() if quoted])
def test_the_message_comes_as_it_is_quoted(messages, heading):
    message = " ".join(messages[heading]().split())
    for quoted in QUOTED[heading]:
        place = 0
        for piece in filter(None, (" ".join(one.split()) for one in re.split("…", quoted.replace("\n", " … ")))):
            found = message.find(piece.strip(), place)
            assert found >= 0, f"{piece!r} does not come, or not there: {message[place:]}"
            place = found + len(piece.strip())


def test_every_message_that_is_quoted_can_be_provoked(messages):
    assert set(messages) == {name for name, quoted in QUOTED.items() if quoted}
    assert len(messages) > 10

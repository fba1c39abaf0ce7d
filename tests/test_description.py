"""What an index of packages shows of this one: its code runs as it stands, and it comes with the package."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXT = (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_a_first_layer_is_trained_in_ten_lines():
    first, *_ = BLOCKS
    assert len([line for line in first.splitlines() if line.strip()]) <= 10
    code = f"import torch; torch.manual_seed(0)\n{first}print(loss.item())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-3  # a constant has a quarter


def test_the_other_blocks_run_after_it():
    torch = pytest.importorskip("torch")
    qml = pytest.importorskip("pennylane")
    names = {}
    exec("import torch\nfrom qhelpers.circuits import QuantumLayer\n" + BLOCKS[1], names)
    model, x = names["model"], torch.rand(5, 4)
    theirs = qml.qnn.TorchLayer(names["circuit"], {"weights": (3, 2, 3)}, {"weights": names["layer"].weights.detach().clone()})
    torch.testing.assert_close(model(x), model[2](theirs(model[0](x))))


def test_the_block_on_choices_runs():
    names = {}
    exec(BLOCKS[2], names)
    assert names["reads"].n_reads == 1000 and names["reads"].lowest == 1
    assert names["policy"]([0.1, 0.5, 0.9, 0.2]) == 2


def test_every_call_that_it_lists_exists():
    from qhelpers.circuits import NoiseModel, QuantumLayer

    called = set(re.findall(r"layer\.(\w+)\(", TEXT)) | set(re.findall(r"QuantumLayer\.(\w+)\(", TEXT))
    assert {"surrogate", "export_onnx", "from_qiskit", "from_circuit"} <= called
    assert [name for name in called if not hasattr(QuantumLayer, name)] == []
    NoiseModel(*eval(re.search(r"NoiseModel(\(.*?\))", TEXT)[1]))


def test_the_pages_that_it_names_are_the_books():
    pages = [*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*/*.ipynb")]
    titles = {re.search(r"# ([^\n\"\\]+)", path.read_text(encoding="utf-8"))[1] for path in pages}
    named = re.findall(r"\*([^*]+)\*", TEXT.partition("## Read more")[2])
    assert {" ".join(name.split()) for name in named} <= titles

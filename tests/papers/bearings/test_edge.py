"""The network outside torch gives torch's answers, the circuit in C too, and what is timed is told apart from what is not."""

import re

import numpy as np
import pytest
import torch

from qhelpers.circuits import QuantumLayer
from qhelpers.circuits.export_c import has_compiler
from qhelpers.papers.bearings import benchmark, edge
from qhelpers.papers.bearings.experiments import edge as question
from qhelpers.papers.bearings.experiments import network
from qhelpers.papers.bearings.model import circuit
from qhelpers.papers.bearings.training import QEMLNetClassifier


def images(n=32, seed=0):
    """Images of four levels, and the levels."""
    y = np.arange(n) % 4
    return (np.random.default_rng(seed).normal(size=(n, 3, 32, 32)) + y[:, None, None, None]).astype("float32"), y


@pytest.fixture(scope="module")
def fitted():
    return QEMLNetClassifier(epochs=1, random_state=0).fit(*images())


@pytest.fixture(scope="module")
def graph(fitted, tmp_path_factory):
    return edge.export_onnx(fitted, tmp_path_factory.mktemp("edge") / "qeml-net.onnx")


def test_one_graph_holds_the_whole_network(fitted, graph):
    import onnx

    made = onnx.load(graph)
    operators = {node.op_type for node in made.graph.node}
    assert made.opset_import[0].version == edge.OPSET
    assert {"Conv", "Cos", "Sin", "Sigmoid"} <= operators
    assert "BatchNormalization" not in operators  # folded
    assert [one.name for one in made.graph.input] == ["images"]
    n = sum(int(np.prod(one.dims)) for one in made.graph.initializer)
    assert n < sum(one.numel() for one in fitted.module_.parameters())  # no decoder
    assert not graph.with_name(graph.name + ".part").exists()


def test_the_graph_answers_as_torch_does(fitted, graph):
    X, _ = images(70, seed=1)
    logits = fitted.outputs(X).logits.numpy()
    for threads in (1, 2):
        found = edge.OnnxNetwork(graph, threads).logits(X, batch=33)
        np.testing.assert_allclose(found, logits, atol=1e-4 * np.abs(logits).max())
        assert (found.argmax(1) == logits.argmax(1)).all()
    one = edge.OnnxNetwork(graph).logits(X[:1])
    np.testing.assert_allclose(one, logits[:1], atol=1e-4 * np.abs(logits).max())


def test_what_cannot_be_exported_is_a_sentence(graph, tmp_path):
    with pytest.raises(ValueError, match="allowed are float16, int8-dynamic, int8-static"):
        edge.convert(graph, tmp_path / "a.onnx", "int4")
    with pytest.raises(ValueError, match="int8-static needs images"):
        edge.convert(graph, tmp_path / "a.onnx", "int8-static")
    rows = np.random.default_rng(0).normal(size=(20, 8)).astype("float32")
    head = QEMLNetClassifier(epochs=1, random_state=0).fit(rows, np.arange(20) % 2)
    with pytest.raises(ValueError, match="has no backbone"):
        edge.Deployed(head)


@pytest.mark.skipif(not has_compiler(), reason="gcc and binutils are not installed")
@pytest.mark.parametrize(("number", "most"), [("float32", 1e-5), ("int16", 5e-3)])
def test_the_circuit_in_c(number, most):
    torch.manual_seed(0)
    layer = QuantumLayer.from_circuit(circuit()).double()
    function = edge.circuit_in_c(layer, number, reach=4 * np.pi)
    assert "void circuit(const" in function.source
    assert function.n_features == function.n_outputs == 4
    v = np.random.default_rng(0).uniform(-12, 12, (500, 4))
    exact = layer(torch.as_tensor(v)).detach().numpy()
    assert np.abs(function.compile()(v)[1] - exact).max() < most


def test_a_run_compares_formats_on_the_same_windows(monkeypatch):
    kinds = [(label, size) for label in (1, 2, 3) for size in (0.007, 0.014, 0.021)]
    recording = np.repeat([*benchmark.HEALTHY, *(f"{label}-{size}" for label, size in kinds)], 8)
    y = np.repeat([0, 0, *(label for label, _ in kinds)], 8)
    size = np.repeat([0, 0, *(size for _, size in kinds)], 8)
    x = np.random.default_rng(0).normal(size=(len(y), 3, 32, 32)) + y[:, None, None, None]
    of = benchmark.Windows(x.astype("float32"), y, recording, recording, size, np.tile(np.arange(8), 11))
    monkeypatch.setattr(network, "windows", lambda data, size: of)
    config = {"question": "formats", "split": "fault-size-out", "size": 32, "epochs": 1}
    metrics = question.run(config, 0, None).metrics
    assert metrics["float32_loss"] == 0 and metrics["float32_same"] == 1
    for name in edge.FORMATS:
        assert metrics[f"{name}_accuracy"] == pytest.approx(metrics["torch_accuracy"] - metrics[f"{name}_loss"])
        assert 1 - metrics[f"{name}_same"] >= abs(metrics[f"{name}_loss"]) - 1e-12
        assert metrics[f"{name}_gap"] < {"float32": 1e-4, "float16": 0.05}.get(name, 1.0) * metrics["logit_spread"]
        share = metrics[f"{name}_megabytes"] / metrics["float32_megabytes"]
        assert share == pytest.approx({"float32": 1, "float16": 0.5}.get(name, 0.25), abs=0.03)
    assert metrics["terms"] <= 81
    assert not [one for one in metrics if re.fullmatch(question.EXPERIMENT.times(config), f"metrics.{one}")]


def test_times_are_of_what_was_called():
    called = []
    found = question._times("it", called.append, 5, 20)
    assert [len(rows) for rows in called[:30]] == [1] * 30
    assert {len(rows) for rows in called[30:]} == {question.BATCH}
    assert found["it_p50_ms"] <= found["it_p99_ms"]
    assert all(re.fullmatch(question.EXPERIMENT.times({}), f"metrics.{one}") for one in found)

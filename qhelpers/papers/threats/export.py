"""Pure-HQML as an ONNX file: from raw columns to the logit in one graph, exactly, for a runtime that knows no circuit.

With the Z feature map each qubit holds one feature, so that the encoded state is a product: amplitude `s` is the exponential of
2i times the sum of the features whose bit in `s` is 1. The layers of RealAmplitudes are real: a rotation of every qubit is one
matrix on the first half of the qubits and one on the other, a chain of CX is a new order of the amplitudes. Every observable of
the paper is a sign an amplitude. So the circuit is cosines, sines, small matrix products and a weighted sum of squares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from qhelpers._extras import require
from qhelpers.circuits.encodings import entangling_pairs
from qhelpers.papers.threats.model import FactorizationMachine, PureHQMLClassifier, observables

Array = NDArray[np.float64]


class _Graph:
    """Nodes of an ONNX graph, in the order in which they are added."""

    def __init__(self) -> None:
        self._onnx = require("onnx", "circuits")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operation: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add a node whose inputs are names of others' outputs, or constants; return the name of its output."""
        names = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        output = f"n{len(self.nodes)}" if output is None else output
        self.nodes.append(self._onnx.helper.make_node(operation, names, [output], **attributes))
        return output

    def linear(self, x: str, layer: Any) -> str:
        """A linear layer of torch."""
        return self.add("Add", self.add("MatMul", x, _numbers(layer.weight).T), _numbers(layer.bias))

    def save(self, path: Path, n_inputs: int, output: str) -> None:
        """Write input ``flows``, the nodes and one output."""
        helper, double = self._onnx.helper, self._onnx.TensorProto.DOUBLE
        ends = [
            helper.make_tensor_value_info(*end)
            for end in (("flows", double, ["n_flows", n_inputs]), (output, double, ["n_flows"]))
        ]
        graph = helper.make_graph(self.nodes, "Pure-HQML", ends[:1], ends[1:], self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        self._onnx.checker.check_model(made, full_check=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(made.SerializeToString())
        part.replace(path)

    def _constant(self, value: ArrayLike) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _numbers(tensor: Any) -> Array:
    numbers: Array = tensor.detach().double().numpy()
    return numbers


def _rotations(angles: Array) -> Array:
    """RY of each qubit, as one matrix."""
    whole: Array = np.ones((1, 1))
    for cos, sin in zip(np.cos(angles / 2), np.sin(angles / 2), strict=True):
        whole = np.kron(whole, np.array([[cos, -sin], [sin, cos]]))
    return whole


def _circuit(graph: _Graph, x: str, model: PureHQMLClassifier, n_qubits: int) -> str:
    """Expectation values of the circuit, shape (n_flows, n_outputs)."""
    for name, allowed in (("feature_map", "Z"), ("map_reps", 1)):
        if getattr(model, name) != allowed:
            raise ValueError(
                f"{name}={getattr(model, name)!r} cannot be exported; allowed is {name}={allowed!r}, after which the state is a "
                "product: train the model with that, or score with Python"
            )
    weights = _numbers(model.module_.branch.weight).reshape(-1, n_qubits)  # type: ignore[union-attr]
    half = n_qubits // 2
    whole, halves = [2, -1, 2**n_qubits], [2, -1, 2**half, 2 ** (n_qubits - half)]
    # the bit of each qubit in each amplitude; that of the last one changes first
    bit = np.arange(2**n_qubits)[:, None] >> np.arange(n_qubits)[::-1] & 1
    after = bit.copy()
    for control, target in entangling_pairs(n_qubits, model.entanglement):
        after[:, target] ^= after[:, control]
    comes_from = np.argsort(after @ (1 << np.arange(n_qubits)[::-1]))
    angles = graph.add("MatMul", x, 2.0 * bit.T)
    parts = [graph.add("Unsqueeze", graph.add(part, angles), np.array([0])) for part in ("Cos", "Sin")]
    state = graph.add("Concat", *parts, axis=0)  # real and imaginary part
    for layer, one in enumerate(weights):
        if layer:
            state = graph.add("Gather", state, comes_from, axis=2)
        high, low = _rotations(one[:half]), _rotations(one[half:])
        state = graph.add("Reshape", state, np.array(halves))
        state = graph.add("MatMul", graph.add("MatMul", high, state), low.T)
        state = graph.add("Reshape", state, np.array(whole))
    signs = [
        sum((1.0 - 2 * bit[:, [letter == "Z" for letter in word[::-1]]]).prod(1) for word in one.paulis.to_labels())
        for one in observables(model.observable, n_qubits)
    ]
    squares = graph.add("ReduceSum", graph.add("Mul", state, state), np.array([0]), keepdims=0)
    return graph.add("MatMul", squares, np.column_stack(signs) / 2**n_qubits)


def export_onnx(model: PureHQMLClassifier, path: str | Path) -> Path:
    """Write a fitted classifier as an ONNX file in double precision, for a batch of any size.

    Parameters
    ----------
    model : PureHQMLClassifier
        With the Z feature map, applied once; or without a circuit.
    path : path-like
        The file; input ``flows`` of shape (n_flows, n_features), the columns in the order of the training, not selected and
        not scaled; output ``scores`` of shape (n_flows,), the logits of ``model.decision_function``.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the circuit is one that is not exported, by name.
    """
    check_is_fitted(model, "module_")
    network, graph = model.module_, _Graph()
    x = graph.add("Gather", "flows", np.asarray(model.selected_, np.int64), axis=1)
    # a product with a matrix: onnxruntime would fold a division by one number into the next product, in single precision
    x = graph.add("MatMul", graph.add("Sub", x, model.centre_), np.diag(1 / model.scale_))
    parts = []
    if isinstance(network.front, FactorizationMachine):
        factors = _numbers(network.front.factors)
        pairs = graph.add("MatMul", x, factors)
        pairs = graph.add("Mul", pairs, pairs)
        pairs = graph.add("Sub", pairs, graph.add("MatMul", graph.add("Mul", x, x), factors**2))
        pairs = graph.add("Mul", graph.add("ReduceSum", pairs, np.array([1]), keepdims=1), np.array(0.5))
        parts.append(graph.add("Add", graph.linear(x, network.front.linear), pairs))
    elif network.front is not None:
        parts.append(graph.linear(x, network.front))
    read = parts[0] if model.feeds == "layer" else x
    if model.branch == "classical":
        first, _, last = network.branch  # type: ignore[misc]
        parts.append(graph.linear(graph.add("Tanh", graph.linear(read, first)), last))
    elif network.branch is not None:
        parts.append(_circuit(graph, read, model, len(model.selected_)))
    logits = graph.linear(graph.add("Concat", *parts, axis=1), network.output)
    output = graph.add("Squeeze", logits, np.array([1]), output="scores")
    path = Path(path)
    graph.save(path, model.n_features_in_, output)
    return path


class OnnxClassifier:
    """The scores of an ONNX file of `export_onnx`, on one core, as `qhelpers.papers.threats.stream.Detector` asks for them.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: str | Path) -> None:
        runtime = require("onnxruntime", "circuits")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def decision_function(self, X: ArrayLike) -> Array:
        """Logit of each flow, shape (n_flows,)."""
        (scores,) = self._session.run(["scores"], {"flows": np.ascontiguousarray(X, dtype=float)})
        return np.asarray(scores, float)

"""QEML-Net where there is no torch: one ONNX graph with the circuit in it, in fewer bits, and the circuit alone in C.

With its angles encoded by RY each qubit holds one number, so that what the circuit computes is a sum of at most 81 products of
cosines and sines (`qhelpers.circuits.Surrogate`): exact, and plain arithmetic to any runtime. The decoder serves training only
and stays behind (Section 3.5); normalisations are folded into the layers before them.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import tempfile
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from qhelpers._extras import require
from qhelpers.circuits import QuantumLayer
from qhelpers.circuits.encodings import check_choice
from qhelpers.circuits.export_c import CFunction, export_c
from qhelpers.papers.bearings.training import QEMLNetClassifier

#: Edition of ONNX's operators.
OPSET = 18
#: Numbers that a graph computes with (D4.81).
FORMATS = ("float32", "float16", "int8-dynamic", "int8-static")
#: What is brought to eight bits; cosines, sines and attention's sigmoids stay single.
_EIGHT_BITS = ["Conv", "Gemm", "MatMul"]


class Deployed(nn.Module):
    """A trained network from images as they are made to logits: z-scores, backbone, circuit as a sum, head.

    Parameters
    ----------
    model : QEMLNetClassifier
        Fitted on images.

    Raises
    ------
    ValueError
        If it was trained on features and has no backbone.
    """

    mean: Tensor
    gain: Tensor

    def __init__(self, model: QEMLNetClassifier) -> None:
        super().__init__()
        check_is_fitted(model, "module_")
        if model.module_.backbone is None:
            raise ValueError("the network was trained on features and has no backbone; fit it on images")
        network = copy.deepcopy(model.module_).cpu().eval()
        _fold(network)
        self.backbone, self.head = network.backbone, network.head
        self.head.decode = None
        if isinstance(self.head.circuit, QuantumLayer):
            self.head.circuit = self.head.circuit.surrogate().float()
        self.register_buffer("mean", torch.as_tensor(model.scores_.mean))
        self.register_buffer("gain", torch.as_tensor(1 / model.scores_.spread))
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n_samples, n_classes) of images (n_samples, n_channels, side, side)."""
        logits: Tensor = self.head(self.backbone((images - self.mean) * self.gain)).logits  # type: ignore[misc]
        return logits


def _fold(network: nn.Module) -> None:
    """Put each normalisation into the convolution or linear layer that stands before it."""
    for parent in list(network.modules()):
        for (first, layer), (second, norm) in pairwise(list(parent.named_children())):
            if isinstance(norm, nn.BatchNorm2d):
                setattr(parent, first, fuse_conv_bn_eval(layer, norm))  # type: ignore[type-var]
            elif isinstance(norm, nn.BatchNorm1d):
                setattr(parent, first, fuse_linear_bn_eval(layer, norm))  # type: ignore[type-var]
            else:
                continue
            setattr(parent, second, nn.Identity())


def export_onnx(model: QEMLNetClassifier, path: str | Path) -> Path:
    """Write a fitted network as one ONNX graph in single precision, for a batch of any size.

    Parameters
    ----------
    model : QEMLNetClassifier
        Fitted on images.
    path : path-like
        The file; input ``images`` as `qhelpers.signals.images` makes them, output ``logits``, classes in the order of
        ``model.classes_``.
    """
    require("onnx", "circuits")
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with warnings.catch_warnings():  # of the exporter that traces: it takes a tenth of the other's time, for the same graph
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Deployed(model), (torch.zeros(2, *model.shape_),), str(part), dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
        )  # fmt: skip
    part.replace(path)
    return path


def convert(source: str | Path, path: str | Path, to: str, images: ArrayLike | None = None) -> Path:
    """Write a graph of `export_onnx` in fewer bits (D4.81).

    Parameters
    ----------
    source, path : path-like
        The graph in single precision, and the file to write.
    to : {"float16", "int8-dynamic", "int8-static"}
        Input and output stay single.
    images : array-like of shape (n_samples, n_channels, side, side), optional
        Training windows from which ``"int8-static"`` takes the range of every activation.

    Raises
    ------
    ValueError
        If the format is unknown, or ``"int8-static"`` has no images.
    """
    check_choice("to", to, FORMATS[1:])
    if to == "int8-static" and images is None:
        raise ValueError("int8-static needs images: training windows that say how large activations become")
    onnx, quantization = require("onnx", "circuits"), require("onnxruntime.quantization", "circuits")
    path = Path(path)
    with tempfile.TemporaryDirectory() as folder, _silent():
        ready = str(Path(folder) / "ready.onnx")
        # its symbolic inference stumbles over the sum's reshapes; the plain one knows all shapes
        quantization.shape_inference.quant_pre_process(str(source), ready, skip_symbolic_shape=True)
        if to == "int8-dynamic":
            quantization.quantize_dynamic(ready, str(path), op_types_to_quantize=_EIGHT_BITS)
        elif to == "int8-static":
            reader = _reader(np.asarray(images, np.float32))
            quantization.quantize_static(ready, str(path), reader, op_types_to_quantize=_EIGHT_BITS, per_channel=True)
        else:
            half = require("onnxruntime.transformers.float16", "circuits").convert_float_to_float16
            onnx.save(half(onnx.load(ready), keep_io_types=True), str(path))
    return path


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without the converters' remarks on every weight that is rounded and every node that is left."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _reader(images: NDArray[np.float32]) -> Any:
    """Batches of 32 for onnxruntime's calibration."""
    batches = iter(np.array_split(images, max(1, len(images) // 32)))

    class Reader(require("onnxruntime.quantization", "circuits").CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(batches, None)
            return None if batch is None else {"images": batch}

    return Reader()


class OnnxNetwork:
    """A graph of `export_onnx` or `convert`, ready to answer.

    Parameters
    ----------
    path : path-like
    threads : int
        Cores it may use.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        runtime = require("onnxruntime", "circuits")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(self, images: ArrayLike, batch: int = 64) -> NDArray[np.float32]:
        """Logits of images, shape (n_samples, n_classes)."""
        images = np.ascontiguousarray(images, np.float32)
        starts = range(0, len(images), batch)
        found = [self._session.run(["logits"], {"images": images[k : k + batch]})[0] for k in starts]
        return np.concatenate(found)


def circuit_in_c(layer: QuantumLayer, number: str = "float32", reach: float = 2 * math.pi) -> CFunction:
    """The trained circuit as a C function ``void circuit(const float reading[4], float score[4])``.

    Parameters
    ----------
    layer : QuantumLayer
        Four angles in, four ⟨Z⟩ out (Section 3.4).
    number : {"float32", "int16"}
    reach : float
        The largest angle, either sign, that a 16-bit reading has a count for.
    """
    n = layer.surrogate().rates.shape[1]
    names = [f"angle of qubit {k}, rad" for k in range(n)]
    spans = [(-reach, reach)] * n
    return export_c(layer.surrogate(), np.eye(n), np.zeros(n), names=names, number=number, spans=spans, name="circuit")

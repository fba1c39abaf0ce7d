"""The equations and sentences of section 3, run beside what they say: attention, circuit, gradients, loss, envelope, z-scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from qhelpers import signals
from qhelpers._extras import require
from qhelpers.circuits import QuantumLayer
from qhelpers.papers.bearings.model import CBAM, LAMBDAS, N_LAYERS, N_QUBITS, WIDTH, HybridHead, QEMLNet, circuit, loss
from qhelpers.runs.experiment import of_functions

#: Samples that are tried, classes, and channels of the maps that attention is tried on.
N_ROWS, N_CLASSES, N_CHANNELS = 8, 8, 64
#: Of the modulated signal, in Hz: carrier and modulation.
CARRIER, MODULATION = 3000.0, 107.0

Found = dict[str, float]
Complex = NDArray[np.complex128]


def _gap(first: Any, second: Any) -> Found:
    return {"difference": float(np.abs(np.asarray(first) - np.asarray(second)).max())}


def rotation(axis: str, angle: float) -> Complex:
    """Matrix of a rotation about ``"x"``, ``"y"`` or ``"z"``, as textbooks have it."""
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    matrices = {"x": [[c, -1j * s], [-1j * s, c]], "y": [[c, -s], [s, c]], "z": [[c - 1j * s, 0], [0, c + 1j * s]]}
    return np.array(matrices[axis], complex)


def simulated(v: NDArray[Any], weights: NDArray[Any]) -> Complex:
    """State of section 3.4 by plain matrices: R_y of each angle, then layers of R_z, R_y, R_x and a line of CNOTs.

    Parameters
    ----------
    v : ndarray of shape (4,)
    weights : ndarray of shape (n_layers, 4, 3)

    Returns
    -------
    ndarray of shape (16,)
        The first qubit is the first bit.
    """
    psi = np.ones(1, complex)
    for angle in v:
        psi = np.kron(psi, rotation("y", angle)[:, 0])
    for layer in weights:
        whole = np.ones((1, 1), complex)
        for z, y, x in layer:
            whole = np.kron(whole, rotation("x", x) @ rotation("y", y) @ rotation("z", z))
        psi = whole @ psi
        for qubit in range(len(v) - 1):
            bits = psi.reshape((2,) * len(v)).copy()
            turned = np.moveaxis(bits, (qubit, qubit + 1), (0, 1))
            turned[1] = turned[1, ::-1].copy()
            psi = bits.reshape(-1)
    return psi


def outputs(psi: Complex) -> NDArray[np.float64]:
    """⟨Z⟩ of each qubit of a state."""
    shares = np.abs(psi.reshape((2,) * N_QUBITS)) ** 2
    rest = [tuple(other for other in range(N_QUBITS) if other != qubit) for qubit in range(N_QUBITS)]
    return np.array([np.diff(shares.sum(axis=axes)[::-1])[0] for axes in rest])


def _layer(seed: int) -> tuple[QuantumLayer, Tensor, Tensor]:
    """The circuit with random weights, in double precision, those weights, and some angles of shape (n_samples, 4)."""
    generator = torch.Generator().manual_seed(seed)
    layer = QuantumLayer.from_circuit(circuit()).double()
    weights = torch.rand(N_LAYERS, N_QUBITS, 3, generator=generator, dtype=torch.float64) * 2 * np.pi
    with torch.no_grad():
        next(iter(layer.parameters())).copy_(weights)
    return layer, weights, torch.randn(N_ROWS, N_QUBITS, generator=generator, dtype=torch.float64)


def _head(seed: int) -> tuple[HybridHead, Tensor, Tensor]:
    """The head without a backbone, in the mode for predictions, features of shape (n_samples, 512) and classes."""
    torch.manual_seed(seed)
    head = HybridHead(WIDTH, N_CLASSES, "circuit", True, "class").eval().double()
    return head, torch.randn(N_ROWS, WIDTH, dtype=torch.float64), torch.arange(N_ROWS) % N_CLASSES


def channel_attention(seed: int) -> Found:
    """M_c by the printed formula, in functions of its own."""
    torch.manual_seed(seed)
    block, maps = CBAM(N_CHANNELS).double().eval(), torch.randn(N_ROWS, N_CHANNELS, 6, 6, dtype=torch.float64)
    first, last = (one.weight for one in block.mlp if isinstance(one, nn.Linear))
    pooled = (functional.adaptive_avg_pool2d(maps, 1).flatten(1), functional.adaptive_max_pool2d(maps, 1).flatten(1))
    expected = torch.sigmoid(torch.stack([torch.relu(one @ first.T) @ last.T for one in pooled]).sum(0))
    with torch.no_grad():
        nn.init.zeros_(block.conv.weight)  # the other gate is then one half everywhere
        found = block(maps)
    return _gap(found.detach(), (maps * expected[:, :, None, None] / 2).detach())


def spatial_attention(seed: int) -> Found:
    """M_s by the printed formula, of maps that the other gate has halved."""
    torch.manual_seed(seed)
    block, maps = CBAM(N_CHANNELS).double().eval(), torch.randn(N_ROWS, N_CHANNELS, 9, 9, dtype=torch.float64)
    with torch.no_grad():
        for one in block.mlp.parameters():
            nn.init.zeros_(one)
        both = torch.stack([(maps / 2).mean(1), (maps / 2).max(1).values], 1)
        gate = torch.sigmoid(functional.conv2d(functional.pad(both, [3] * 4), block.conv.weight))
        return _gap(block(maps), maps / 2 * gate)


def encoder(seed: int) -> Found:
    """v = W_enc h: no constant beside the product."""
    head, features, _ = _head(seed)
    with torch.no_grad():
        output = head(features)
    assert head.encode is not None
    assert output.v is not None
    return _gap(output.v, output.h @ head.encode.weight.T.detach())


def encoding(seed: int) -> Found:
    """Overlap of the encoded state with the product of (cos v/2, sin v/2), where nothing else turns: R_y and R_x of 0."""
    layer, _, v = _layer(seed)
    with torch.no_grad():
        next(iter(layer.parameters())).zero_()
        states = layer.state(v).numpy()
    overlaps = []
    for row, state in zip(v.numpy(), states, strict=True):
        product = np.ones(1)
        for angle in row:
            product = np.kron(product, [np.cos(angle / 2), np.sin(angle / 2)])
        for _ in range(N_LAYERS):
            for qubit in range(N_QUBITS - 1):
                bits = product.reshape((2,) * N_QUBITS)
                turned = np.moveaxis(bits, (qubit, qubit + 1), (0, 1))
                turned[1] = turned[1, ::-1].copy()
                product = bits.reshape(-1)
        overlaps.append(np.abs(np.vdot(product, state)) ** 2)
    return _gap(overlaps, 1.0)


def layers(seed: int) -> Found:
    """⟨Z⟩ of each qubit, by plain matrices of 16 × 16: what a quantum computer is not needed for."""
    layer, weights, v = _layer(seed)
    with torch.no_grad():
        found = layer(v).numpy()
    expected = np.array([outputs(simulated(row, weights.numpy())) for row in v.numpy()])
    return _gap(found, expected) | {"largest": float(np.abs(found).max()), "amplitudes": float(2**N_QUBITS)}


def in_pennylane(seed: int) -> Found:
    """The same circuit as PennyLane computes it, with its angle embedding."""
    qml = require("pennylane", "circuits")
    layer, weights, v = _layer(seed)
    node = qml.QNode(circuit().pennylane(), qml.device("default.qubit", wires=N_QUBITS))
    with torch.no_grad():
        expected = torch.stack(node(v, weights), -1)
        return _gap(layer(v), expected)


def shift_rule(seed: int) -> Found:
    """Gradients of a sum of outputs in all weights, by parameter shift and by back-propagation; circuits that the former runs."""
    layer, weights, v = _layer(seed)
    parameter = next(iter(layer.parameters()))
    (exact,) = torch.autograd.grad(layer(v[:1]).sum(), parameter)
    flat, shifted = weights.flatten(), []
    with torch.no_grad():
        for k in range(flat.numel()):
            ends = []
            for sign in (1, -1):
                moved = flat.clone()
                moved[k] += sign * np.pi / 2
                parameter.copy_(moved.reshape(parameter.shape))
                ends.append(float(layer(v[:1]).sum()))
            shifted.append((ends[0] - ends[1]) / 2)
    return _gap(exact.flatten(), shifted) | {"evaluations": 2.0 * flat.numel(), "angles": float(flat.numel())}


def end_to_end(seed: int) -> Found:
    """Smallest norm of a gradient among all parameters of the network, after one batch of the compound loss."""
    torch.manual_seed(seed)
    network, images = QEMLNet(N_CLASSES), torch.randn(N_ROWS, 3, 32, 32)
    loss(network.head, network(images), torch.arange(N_ROWS) % N_CLASSES).total.backward()
    norms = [0.0 if one.grad is None else float(one.grad.norm()) for one in network.parameters()]
    return {"smallest_gradient": min(norms), "tensors": float(len(norms))}


def decoder(seed: int) -> Found:
    """What the logits change by when the decoder is another one, and how many parameters it has."""
    head, features, _ = _head(seed)
    assert head.decode is not None
    with torch.no_grad():
        before = head(features).logits
        for one in head.decode.parameters():
            one.normal_()
        found = _gap(head(features).logits, before)
    return found | {"parameters": float(sum(one.numel() for one in head.decode.parameters()))}


def losses(seed: int) -> Found:
    """The compound loss and each of its parts by the printed formulas; differences, ``.total`` of the sum."""
    head, features, y = _head(seed)
    with torch.no_grad():
        output = head(features)
        parts = loss(head, output, y)
        assert output.decoded is not None
        assert output.v is not None
        assert isinstance(head.circuit, QuantumLayer)
        entropy = -torch.log(torch.exp(output.logits) / torch.exp(output.logits).sum(1, keepdim=True))[range(N_ROWS), y]
        rebuilt = ((output.h - output.decoded) ** 2).sum(1) / WIDTH
        target = torch.zeros(N_ROWS, 2**N_QUBITS, dtype=torch.complex128)
        target[range(N_ROWS), y] = 1.0  # the number of the class in binary
        infidelity = 1 - (target.conj() * head.circuit.state(output.v)).sum(1).abs() ** 2
        total = sum(weight * one.mean() for weight, one in zip(LAMBDAS, (entropy, rebuilt, infidelity), strict=True))
    gaps = {"total": parts.total - total, "cross_entropy": parts.cross_entropy - entropy.mean()}
    gaps |= {"reconstruction": parts.reconstruction - rebuilt.mean(), "fidelity": 1 - parts.fidelity - infidelity.mean()}
    largest = float((1 - infidelity).max())
    return {name: abs(float(gap)) for name, gap in gaps.items()} | {"largest_fidelity": largest}


def envelope(seed: int) -> Found:
    """Highest line of the envelope of a modulated carrier, in Hz; carrier and modulation are `CARRIER` and `MODULATION`."""
    n = int(signals.RATE)
    t, phase = np.arange(n) / signals.RATE, np.random.default_rng(seed).uniform(0, 2 * np.pi, 2)
    x = (1 + 0.5 * np.cos(2 * np.pi * MODULATION * t + phase[0])) * np.cos(2 * np.pi * CARRIER * t + phase[1])
    kept = signals.envelope(signals.bandpass(x, signals.RATE), signals.RATE)
    hz, height = signals.spectrum(kept - kept.mean(), signals.RATE)
    peak = float(hz[np.argmax(height)])
    return {"from_modulation": abs(peak - MODULATION), "from_carrier": abs(peak - CARRIER)}


def band(seed: int) -> Found:
    """Share of the power of white noise that the band-pass leaves outside 500 to 5,000 Hz."""
    x = np.random.default_rng(seed).normal(size=20 * int(signals.RATE))
    power = np.abs(np.fft.rfft(signals.bandpass(x, signals.RATE))) ** 2
    hz = np.fft.rfftfreq(len(x), 1 / signals.RATE)
    return {"outside": float(power[(hz < 500) | (hz > 5000)].sum() / power.sum())}


def z_scores(seed: int) -> Found:
    """How far means are from 0 and spreads from 1 after scaling: of the training part, and of another with its own level."""
    rng = np.random.default_rng(seed)
    train, other = rng.normal(3, 2, (200, 16)), rng.normal(5, 4, (200, 16))
    scores = signals.ZScores.of(train)
    known, unknown = scores(train), scores(other)
    gap = max(float(np.abs(known.mean(0)).max()), float(np.abs(known.std(0) - 1).max()))
    return {"difference": gap, "other": float(np.abs(unknown.mean(0)).min())}


def hann(seed: int) -> Found:
    """Leakage of a line between two bins, 20 bins away, with the window of `spectrum` and without any: their ratio."""
    n, phase = signals.WINDOW, np.random.default_rng(seed).uniform(0, 2 * np.pi)
    x = np.cos(2 * np.pi * 60.5 * np.arange(n) / n + phase)
    windowed, bare = signals.spectrum(x, signals.RATE)[1], np.abs(np.fft.rfft(x))
    return {"leakage": float(windowed[80] / windowed[60] / (bare[80] / bare[60]))}


EQUATIONS: dict[str, Callable[[int], Found]] = {
    "channel-attention": channel_attention,
    "spatial-attention": spatial_attention,
    "encoder": encoder,
    "encoding": encoding,
    "layers": layers,
    "pennylane": in_pennylane,
    "shift-rule": shift_rule,
    "end-to-end": end_to_end,
    "decoder": decoder,
    "losses": losses,
    "envelope": envelope,
    "band": band,
    "z-scores": z_scores,
    "hann": hann,
}


EXPERIMENT = of_functions(
    "bearings-equations",
    "paper 4: the equations and sentences of section 3, run as printed",
    "equation",
    EQUATIONS,
    seconds=lambda config: 2.0,
)

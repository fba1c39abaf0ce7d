r"""QEML-Net, the network of the bearing paper (Sections 3.3 to 3.6), in PyTorch.

A window of vibration comes as a small image. ResNet-50 with two attention modules (CBAM) makes 2,048 numbers of it, a
projection 512, :math:`h`. An encoding :math:`v = W_{enc} h` turns four qubits, six layers of rotations and CNOTs follow, and ⟨Z⟩
of each qubit is read, :math:`q`. A head of three layers classifies :math:`[q; h]`, and a decoder tries to make :math:`h` of
:math:`v`:

.. math:: \lambda_1 L_{CE} + \lambda_2 \tfrac{1}{d} \|h - Dec(v)\|^2 + \lambda_3 (1 - |\langle\psi_{target}|\psi\rangle|^2)

What the paper leaves open is an argument, with a numbered deviation (D4.20 to D4.25). How it is trained is in `training.py`, how
its size compares with the printed one in `costs.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from qhelpers.circuits import Ansatz, Encoding, QuantumLayer, VariationalCircuit
from qhelpers.circuits.encodings import check_choice, check_count

#: Section 3.6: what the loss weighs, cross-entropy, reconstruction, infidelity.
LAMBDAS = (0.55, 0.28, 0.17)
#: Sections 3.4 and 3.5: qubits, layers of the circuit, width of h, of the head's layers, and their dropouts.
N_QUBITS, N_LAYERS, WIDTH = 4, 6, 512
HEAD, DROPOUT = (256, 128), (0.4, 0.3)
#: Numbers that ResNet-50 makes of an image.
FEATURES = 2048
#: Kernel and stride of the first convolution by the name of a stem.
STEMS = {"standard": (7, 2), "fine": (3, 2)}
#: What arguments of names may be.
ALLOWED = {
    "stem": tuple(STEMS),
    "branch": ("circuit", "separable", "frozen", "classical", "none"),
    "target": ("class", "zero", "noiseless"),
}


class Bottleneck(nn.Module):
    """A residual block: 1 × 1, 3 × 3 (with the stride) and 1 × 1 convolutions beside a shortcut (He et al. 2016).

    Parameters
    ----------
    n_in, width, stride : int
        Channels that come in, channels within (four times as many go out), and stride.
    """

    def __init__(self, n_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride > 1 or n_in != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of shape (n_samples, 4 width, side / stride, side / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out)) + (x if self.downsample is None else self.downsample(x))
        maps: Tensor = self.relu(out)
        return maps


class CBAM(nn.Module):
    r"""Attention to channels, then to places (Woo et al. 2018; Section 3.3).

    :math:`M_c = \sigma(\mathrm{MLP}(\mathrm{AvgPool}(F)) + \mathrm{MLP}(\mathrm{MaxPool}(F)))`, then
    :math:`M_s = \sigma(f^{7\times7}([\mathrm{AvgPool}(F'); \mathrm{MaxPool}(F')]))`, each multiplied to what it was made of.

    Parameters
    ----------
    n_channels, reduction, kernel : int
        Channels; by how much fewer units the MLP has; side of the convolution.
    """

    def __init__(self, n_channels: int, reduction: int = 16, kernel: int = 7) -> None:
        super().__init__()
        first, last = (nn.Linear(a, b, bias=False) for a, b in ((n_channels, n_channels // reduction),
                                                                (n_channels // reduction, n_channels)))  # fmt: skip
        self.mlp = nn.Sequential(first, nn.ReLU(inplace=True), last)
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the shape of those that come in."""
        channels = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))
        x = x * channels[:, :, None, None]
        maps: Tensor = x * torch.sigmoid(self.conv(torch.stack([x.mean(1), x.amax(1)], 1)))
        return maps


class ResNet50(nn.Module):
    """ResNet-50 up to its pooled 2,048 numbers, with CBAM behind some stages; parameters have torchvision's names.

    Parameters
    ----------
    n_channels : int
        Of the image.
    stem : {"standard", "fine"}
        What stands before the first stage (D4.20): 7 × 7 with stride 2, then max pooling, which leaves a fourth of the side, as
        in every ResNet-50; or 3 × 3 with stride 2 alone, which leaves half.
    cbam : tuple of int
        Stages that attention follows, of 1 to 4 (D4.21).
    """

    def __init__(self, n_channels: int = 3, stem: str = "standard", cbam: tuple[int, ...] = (3, 4)) -> None:
        super().__init__()
        kernel, stride = STEMS[stem]
        self.conv1 = nn.Conv2d(n_channels, 64, kernel, stride, padding=kernel // 2, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if stem == "standard" else nn.Identity()
        n_in = 64
        for stage, (width, n_blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
            first = Bottleneck(n_in, width, 1 if stage == 1 else 2)
            n_in = 4 * width
            self.add_module(f"layer{stage}", nn.Sequential(first, *(Bottleneck(n_in, width) for _ in range(n_blocks - 1))))
        self.attention = nn.ModuleDict({str(stage): CBAM(128 * 2**stage) for stage in cbam})
        for one in self.modules():
            if isinstance(one, nn.Conv2d):
                nn.init.kaiming_normal_(one.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Pooled features, shape (n_samples, 2048), of images of shape (n_samples, n_channels, side, side)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in "1234":
            x = getattr(self, f"layer{stage}")(x)
            if stage in self.attention:
                x = self.attention[stage](x)
        features: Tensor = x.mean((2, 3))
        return features


class Output(NamedTuple):
    """What the head makes of a batch; None where a variant lacks the part.

    Attributes
    ----------
    logits, h : tensor of shape (n_samples, n_classes) and (n_samples, 512)
    v, q : tensor of shape (n_samples, 4) or None
        Angles, and expectation values.
    decoded : tensor of shape (n_samples, 512) or None
    """

    logits: Tensor
    h: Tensor
    v: Tensor | None
    q: Tensor | None
    decoded: Tensor | None


def circuit(separable: bool = False, n_qubits: int = N_QUBITS, n_layers: int = N_LAYERS) -> VariationalCircuit:
    """RY encoding, then six layers of RZ, RY, RX and a line of CNOTs, or none; ⟨Z⟩ of each of four qubits (Section 3.4)."""
    found = VariationalCircuit(Encoding("RY", n_qubits), Ansatz("RZ-RY-RX", n_qubits, n_layers, "linear"), "each")
    return found.separable if separable else found


class EncodingAlone(nn.Module):
    """A circuit without layers: RY turns |0⟩ by an angle, of which ⟨Z⟩ is the cosine."""

    def forward(self, v: Tensor) -> Tensor:
        """⟨Z⟩ of each qubit, in the shape of the angles."""
        return v.cos()


class HybridHead(nn.Module):
    """Projection, encoding, circuit, classifier and decoder (Sections 3.4 to 3.6).

    Parameters
    ----------
    n_features, n_classes : int
        Numbers that come in, and logits that go out.
    branch : {"circuit", "separable", "frozen", "classical", "none"}
        The circuit; without its CNOTs; with its first weights kept; tanh of the four encoded numbers in its place; nothing.
    decoder : bool
    target : {"class", "zero", "noiseless"}
        See `fidelity`.
    n_qubits, n_layers : int
        Of the circuit; without a layer it is the encoding alone, and no state of it is compared with a target.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        branch: str,
        decoder: bool,
        target: str,
        n_qubits: int = N_QUBITS,
        n_layers: int = N_LAYERS,
    ) -> None:
        super().__init__()
        self.target = target
        self.projection = nn.Linear(n_features, WIDTH)
        self.encode = nn.Linear(WIDTH, n_qubits, bias=False) if decoder or branch != "none" else None
        self.circuit: nn.Module | None = nn.Tanh() if branch == "classical" else None
        if branch in ("circuit", "separable", "frozen"):
            quantum = circuit(branch == "separable", n_qubits, n_layers) if n_layers else None
            layer = EncodingAlone() if quantum is None else QuantumLayer.from_circuit(quantum)
            self.circuit = layer.requires_grad_(branch != "frozen")
        n_in = WIDTH + (n_qubits if self.circuit is not None else 0)
        layers: list[nn.Module] = []
        for n_out, p in zip(HEAD, DROPOUT, strict=True):
            layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.GELU(), nn.Dropout(p)]
            n_in = n_out
        self.classifier = nn.Sequential(*layers, nn.Linear(n_in, n_classes))
        self.decode = nn.Sequential(nn.Linear(n_qubits, 256), nn.GELU(), nn.Linear(256, WIDTH)) if decoder else None

    def forward(self, features: Tensor) -> Output:
        """Answer for features of shape (n_samples, n_features)."""
        h = self.projection(features)
        v = None if self.encode is None else self.encode(h)
        q = None if self.circuit is None else self.circuit(v)
        logits = self.classifier(h if q is None else torch.cat([q, h], 1))
        return Output(logits, h, v, q, None if self.decode is None else self.decode(v))

    def fidelity(self, v: Tensor, y: Tensor) -> Tensor:
        r""":math:`|\langle\psi_{target}|\psi\rangle|^2` of each sample, shape (n_samples,), for a head with a circuit (D4.23).

        The target of ``"class"`` is the basis state that spells the number of the sample's class in binary; of ``"zero"`` it is
        :math:`|0000\rangle` for all; of ``"noiseless"`` the state that the circuit has without noise, here its own.
        """
        if self.target == "noiseless":
            return torch.ones_like(v[:, 0])
        assert isinstance(self.circuit, QuantumLayer)
        which = y if self.target == "class" else torch.zeros_like(y)
        overlap: Tensor = self.circuit.state(v).gather(1, which[:, None])[:, 0].abs() ** 2
        return overlap.to(v.dtype)


class QEMLNet(nn.Module):
    """Backbone and head.

    Parameters
    ----------
    n_classes : int
        At most the basis states of the qubits, 16 of four.
    n_channels : int or None
        Channels of the images; None for no backbone, where rows of `n_features` come in its place.
    n_features : int
        Numbers that the head reads; with a backbone 2,048.
    stem, cbam
        As in `ResNet50`.
    branch, decoder, target, n_qubits, n_layers
        As in `HybridHead`.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    def __init__(
        self,
        n_classes: int = 8,
        n_channels: int | None = 3,
        n_features: int = FEATURES,
        *,
        stem: str = "standard",
        cbam: tuple[int, ...] = (3, 4),
        branch: str = "circuit",
        decoder: bool = True,
        target: str = "class",
        n_qubits: int = N_QUBITS,
        n_layers: int = N_LAYERS,
    ) -> None:
        super().__init__()
        for name, given in {"stem": stem, "branch": branch, "target": target}.items():
            check_choice(name, given, ALLOWED[name])
        check_count("n_classes", n_classes)
        check_count("n_qubits", n_qubits)
        if n_layers != 0:  # the encoding alone
            check_count("n_layers", n_layers)
        if n_classes > 2**n_qubits:
            raise ValueError(f"n_classes is {n_classes}; allowed are up to {2**n_qubits}, the basis states of {n_qubits} qubits")
        if not set(cbam) <= {1, 2, 3, 4}:
            raise ValueError(f"cbam is {cbam}; allowed are stages of 1 to 4, such as (3, 4), or () for none")
        self.backbone = None if n_channels is None else ResNet50(n_channels, stem, tuple(cbam))
        self.head = HybridHead(n_features, n_classes, branch, decoder, target, n_qubits, n_layers)

    def forward(self, x: Tensor) -> Output:
        """Answer for images of shape (n_samples, n_channels, side, side), or without a backbone for rows of features."""
        features = x if self.backbone is None else self.backbone(x)
        with torch.autocast(x.device.type, enabled=False):  # mixed precision is for the convolutions
            output: Output = self.head(features.float() if features.dtype == torch.bfloat16 else features)
        return output


class Losses(NamedTuple):
    """The loss and its parts, means over a batch; what a variant lacks is NaN and not in the total."""

    total: Tensor
    cross_entropy: Tensor
    reconstruction: Tensor
    fidelity: Tensor


def loss(head: HybridHead, output: Output, y: Tensor, lambdas: tuple[float, float, float] = LAMBDAS) -> Losses:
    """Compound loss (Section 3.6); without a part its term is left out, and the others keep their weights (D4.24).

    Parameters
    ----------
    head : HybridHead
    output : Output
        What it made of the samples.
    y : int tensor of shape (n_samples,)
        Their classes, from 0.
    lambdas : tuple of three floats
        Weights of cross-entropy, reconstruction and infidelity.
    """
    entropy = cross_entropy(output.logits, y)
    total, decoded, fidelity = lambdas[0] * entropy, torch.full_like(entropy, torch.nan), torch.full_like(entropy, torch.nan)
    if output.decoded is not None:
        decoded = mse_loss(output.decoded, output.h)
        total = total + lambdas[1] * decoded
    if isinstance(head.circuit, QuantumLayer) and output.v is not None:
        fidelity = head.fidelity(output.v, y).mean()
        total = total + lambdas[2] * (1 - fidelity)
    return Losses(total, entropy, decoded, fidelity)

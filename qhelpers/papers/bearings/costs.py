"""Sizes of QEML-Net: what its text prints beside what is built from it, and what its gradients would cost on a quantum chip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from torch import nn

from qhelpers.papers.bearings.model import FEATURES, QEMLNet, ResNet50

#: Rows of Table 4 in their order, and what each adds to the one above.
STEPS = {
    "resnet-50": "ResNet-50, 1,000 classes as published",
    "with-cbam": "CBAM behind stages 3 and 4",
    "with-encoding": "projection, encoding and head, in place of the last layer",
    "with-circuit": "six layers of rotations",
    "with-loss": "decoder",
}
#: Seconds between the starts of two shots that IBM's chips take by default, to let their qubits relax.
SHOT = 250e-6


def n_parameters(module: nn.Module | None) -> int:
    """How many numbers a module trains."""
    return 0 if module is None else sum(one.numel() for one in module.parameters() if one.requires_grad)


def added(n_classes: int = 8, cbam: tuple[int, ...] = (3, 4)) -> dict[str, int]:
    """Parameters that each step of Table 4 adds, of the network as it is built.

    Parameters
    ----------
    n_classes : int
        Of the benchmark; the first row has 1,000, those of ImageNet.
    cbam : tuple of int
        Stages that attention follows.

    Returns
    -------
    dict of str to int
        By the keys of `STEPS`.
    """
    net = QEMLNet(n_classes, cbam=cbam)
    assert net.backbone is not None
    last = nn.Linear(FEATURES, 1000)
    attention = n_parameters(net.backbone.attention)
    weights, decoder = n_parameters(net.head.circuit), n_parameters(net.head.decode)
    return {
        "resnet-50": n_parameters(ResNet50(cbam=())) + n_parameters(last),
        "with-cbam": attention,
        "with-encoding": n_parameters(net.head) - weights - decoder - n_parameters(last),
        "with-circuit": weights,
        "with-loss": decoder,
    }


def sizes() -> pd.DataFrame:
    """Table 4's parameters beside those that are built.

    Returns
    -------
    DataFrame
        By step: ``told``; ``printed``, millions as text; ``printed_added``, what that is more than the row above, in numbers;
        ``added`` and ``built``, as built.
    """
    from qhelpers import ledger

    rows, total, before = [], 0, 0.0
    for step, more in added().items():
        text = ledger.claim(f"4.T4.cwru.{step}.parameters").printed
        total += more
        rows.append(
            {
                "step": step,
                "told": STEPS[step],
                "printed": text,
                "printed_added": (float(text) - before) * 1e6 if text else math.nan,
                "added": more,
                "built": total,
            }
        )
        before = float(text) if text else math.nan
    return pd.DataFrame(rows).set_index("step")


@dataclass(frozen=True)
class ShiftedCircuits:
    """Circuits that an epoch takes on a chip, where gradients come from the parameter-shift rule.

    Attributes
    ----------
    per_sample : int
        One for the outputs, two for each angle.
    circuits : int
        Of all samples.
    seconds : float
        That all shots take, without queues, compilation or transfer.
    """

    per_sample: int
    circuits: int
    seconds: float


def shifted_circuits(n_samples: int, shots: int = 1000, seconds_per_shot: float = SHOT) -> ShiftedCircuits:
    r"""Count the circuits of one epoch (Section 3.4's parameter-shift rule).

    Each angle's derivative takes two circuits, :math:`\tfrac{1}{2}[f(\theta + \pi/2) - f(\theta - \pi/2)]`: those of the weights,
    and those of the encoded inputs, without which nothing before the circuit learns. Four ⟨Z⟩, and the overlap with a basis
    state, are read off the same shots.

    Parameters
    ----------
    n_samples : int
        Training samples.
    shots : int
        Of a circuit.
    seconds_per_shot : float

    Raises
    ------
    ValueError
        If a count is below 1, or the time not above 0.
    """
    for name, value in (("n_samples", n_samples), ("shots", shots)):
        if value < 1:
            raise ValueError(f"{name} is {value}; allowed are whole numbers from 1")
    if not seconds_per_shot > 0:
        raise ValueError(f"seconds_per_shot is {seconds_per_shot}; allowed are numbers above 0")
    per_sample = 1 + 2 * (72 + 4)  # trained angles, and encoded numbers
    circuits = per_sample * n_samples
    return ShiftedCircuits(per_sample, circuits, circuits * shots * seconds_per_shot)

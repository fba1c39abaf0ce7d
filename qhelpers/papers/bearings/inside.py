r"""Looking inside QEML-Net: maps of where it looks, brought back to lines of a spectrum and samples of time; random networks.

A map's place in the image means something only in the units of the image (D4.1): a row is a band of 375 Hz, and in the channel of
the spectrum every pixel of it a line, 23.4 Hz from the next; a column of the other two channels is a moment of 1.3 ms. Whether a
map falls on a bearing's lines is counted as in `on_lines` (D4.75).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qhelpers import signals
from qhelpers._extras import require
from qhelpers.papers.bearings.model import QEMLNet

Array = NDArray[np.float64]
#: Lines of a window's spectrum: Hz from one to the next, and how many the image has.
STEP, N_LINES = signals.RATE / signals.WINDOW, signals.WINDOW // 2
#: Where the band-pass lets lines through, and where the envelope's low-pass does, in Hz.
PASSED, SLOW = (500.0, 5000.0), (2 * STEP, 500.0)
#: Parts of the network, in the order in which they are made random (Adebayo et al. 2018).
CASCADE = ("head", "layer4", "layer3", "layer2", "layer1", "stem")
#: Steps of the integral of `pixel_maps`, and samples that are explained at a time.
N_STEPS, _CHUNK = 16, 256


def stage_maps(network: QEMLNet, images: Tensor, labels: Tensor, stage: int = 1) -> Array:
    """Grad-CAM of one stage by captum: its channels weighted by the mean gradient of the class's logit, negative sums cut off.

    Parameters
    ----------
    network : QEMLNet
        In the mode for predictions.
    images : tensor of shape (n_samples, 3, side, side)
        As the network takes them, z-scores.
    labels : int tensor of shape (n_samples,)
        Places of the classes whose logits are explained.
    stage : int
        1 to 4. At 32 pixels they have 8, 4, 2 and 1 places a side (D4.74).

    Returns
    -------
    ndarray of shape (n_samples, places, places)
    """
    attr = require("captum.attr", "explain")
    assert network.backbone is not None
    explain = attr.LayerGradCam(_logits(network), getattr(network.backbone, f"layer{stage}"))
    parts = [
        explain.attribute(x, target=y, relu_attributions=True).detach()[:, 0]
        for x, y in zip(images.split(_CHUNK), labels.split(_CHUNK), strict=True)
    ]
    found: Array = torch.cat(parts).double().numpy()
    return found


def pixel_maps(network: QEMLNet, images: Tensor, labels: Tensor) -> Array:
    """Integrated gradients by captum, from the mean of the training images (zeros) to the image.

    Returns
    -------
    ndarray of shape (n_samples, 3, side, side)
        What each pixel adds to the logit of the class; they sum to the logit's difference, but for the steps of the integral.
    """
    attr = require("captum.attr", "explain")
    explain = attr.IntegratedGradients(_logits(network))
    found: Array = explain.attribute(images, target=labels, n_steps=N_STEPS, internal_batch_size=_CHUNK).detach().double().numpy()
    return found


def _logits(network: QEMLNet) -> Any:
    return lambda x: network(x).logits


def gates(network: QEMLNet, images: Tensor) -> dict[str, Array]:
    """Gates of CBAM for places, by stage: shape (n_samples, places, places), between 0 and 1."""
    assert network.backbone is not None
    kept: dict[str, Tensor] = {}

    def keep(stage: str) -> Any:
        return lambda module, inputs, output: kept.update({stage: torch.sigmoid(output[:, 0])})

    convolutions = {stage: block.get_submodule("conv") for stage, block in network.backbone.attention.items()}
    hooks = [one.register_forward_hook(keep(stage)) for stage, one in convolutions.items()]
    with torch.no_grad():
        network.backbone(images)
    for hook in hooks:
        hook.remove()
    return {stage: gate.double().numpy() for stage, gate in kept.items()}


def sources(maps: Array) -> tuple[Array, Array, Array]:
    """Bring pixels back to what they were stretched from: each gives its value to the two that it lies between, as near as it is.

    Parameters
    ----------
    maps : ndarray of shape (n_samples, 3, side, side)

    Returns
    -------
    packet : ndarray of shape (n_samples, 16, 32)
        Bands, moments.
    spectrum : ndarray of shape (n_samples, 256)
        Lines, `STEP` apart.
    envelope : ndarray of shape (n_samples, 512)
        Samples. Sums of channels are kept.
    """
    size, rows = maps.shape[-1], 2**signals.LEVEL
    height, bands, moments = (signals.stretching(n, size) for n in (rows, N_LINES // rows, signals.WINDOW >> signals.LEVEL))
    packet = height.T @ maps[:, 0] @ moments
    spectrum = (height.T @ maps[:, 1] @ bands).reshape(len(maps), -1)
    envelope = (height.T @ maps[:, 2] @ moments).swapaxes(1, 2).reshape(len(maps), -1)
    return packet, spectrum, envelope


def rhythm(series: Array) -> Array:
    """Power of each line of a series of 512 samples under a Hann window, its mean taken off: shape (n_samples, 256)."""
    centred = series - series.mean(-1, keepdims=True)
    power: Array = np.abs(np.fft.rfft(centred * np.hanning(series.shape[-1]), axis=-1)) ** 2
    return power[..., :N_LINES]


def on_lines(mass: Array, order: float, speed: Array, band: tuple[float, float]) -> Array:
    """How much of a spectrum lies on the multiples of a frequency, over what would lie there were it spread evenly.

    Parameters
    ----------
    mass : ndarray of shape (n_samples, 256)
        Not negative.
    order : float
        Of the line: times the speed it is its frequency.
    speed : ndarray of shape (n_samples,)
        Turns of the shaft a second.
    band : (float, float)
        In Hz; the lines outside are not looked at.

    Returns
    -------
    ndarray of shape (n_samples,)
        Share of the mass on the lines nearest to multiples, over the share of the lines that these are; NaN without any mass.

    Raises
    ------
    ValueError
        If no multiple lies in the band.
    """
    inside = np.flatnonzero((np.arange(N_LINES) * STEP >= band[0]) & (np.arange(N_LINES) * STEP <= band[1]))
    kept = mass[:, inside]
    found = np.full(len(mass), np.nan)
    for k, (row, turns) in enumerate(zip(kept, speed, strict=True)):
        multiples = order * turns * np.arange(1, int(band[1] / (order * turns)) + 1)
        near = np.isin(inside, np.round(multiples / STEP).astype(int))
        if not near.any():
            raise ValueError(f"no multiple of {order * turns:g} Hz lies between {band[0]:g} and {band[1]:g}; take another band")
        if row.sum() > 0:
            found[k] = row[near].sum() / row.sum() / near.mean()
    return found


def chance(mass: Array, speed: Array, band: tuple[float, float], n: int, rng: np.random.Generator) -> Array:
    """What a map has by chance: mean of `on_lines` over windows for so many orders drawn evenly between 2 and 7.

    The map keeps its smoothness, and the combs are as dense as a bearing's.
    """
    return np.array([np.nanmean(on_lines(mass, order, speed, band)) for order in rng.uniform(2, 7, n)])


def cascade(network: QEMLNet, fresh: QEMLNet, images: Tensor) -> Iterator[tuple[str, QEMLNet]]:
    """Yield the network with one part more made random each time, from the head down to the first convolution.

    Parameters
    ----------
    network, fresh : QEMLNet
        Trained, and with first weights; neither is changed.
    images : tensor
        With which the mean and spread of each normalisation are measured anew, as random weights need others.

    Yields
    ------
    part : str
        Of `CASCADE`, the last one made random.
    network : QEMLNet
        In the mode for predictions; changed when the next is asked for.
    """
    made = copy.deepcopy(network)
    assert made.backbone is not None
    assert fresh.backbone is not None
    for part in CASCADE:
        pairs: list[tuple[nn.Module, nn.Module]] = []
        if part == "head":
            pairs.append((made.head, fresh.head))
        elif part == "stem":
            pairs += [(getattr(made.backbone, name), getattr(fresh.backbone, name)) for name in ("conv1", "bn1")]
        else:
            pairs.append((getattr(made.backbone, part), getattr(fresh.backbone, part)))
            if (stage := part[-1]) in made.backbone.attention:
                pairs.append((made.backbone.attention[stage], fresh.backbone.attention[stage]))
        for mine, theirs in pairs:
            mine.load_state_dict(theirs.state_dict())
        for one in made.modules():
            if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d):
                one.reset_running_stats()
                one.momentum = None  # the mean over what comes
        with torch.no_grad():
            made.train()(images)
        yield part, made.eval()


def alike(first: Array, second: Array) -> float:
    """Rank correlation (Spearman) of two maps, mean over samples; a map without any change has none."""
    rank = require("scipy.stats", "experiments").rankdata
    one, other = (rank(maps.reshape(len(maps), -1), axis=1) for maps in (first, second))
    one, other = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    size = np.sqrt((one**2).sum(1) * (other**2).sum(1))
    found = np.divide((one * other).sum(1), size, out=np.full(len(one), np.nan), where=size > 0)
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")

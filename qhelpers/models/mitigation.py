"""What can be done about noise: another threshold, zero-noise extrapolation; and decisions from shots.

Outputs are expectation values of Z. Those that differ by less than `RESOLUTION` count as equal (telling them apart would take
10^24 shots), and an output that lies on the threshold is tossed: it counts half to either class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhelpers._extras import require
from qhelpers.circuits import NoiseModel, VariationalCircuit

if TYPE_CHECKING:
    from qhelpers.circuits import QuantumLayer

Array = NDArray[np.float64]

#: Outputs closer than this are equal.
RESOLUTION = 1e-12
#: Scale factors of the noise for zero-noise extrapolation; PennyLane's documentation takes the same.
SCALE_FACTORS = (1, 2, 3)
#: PennyLane's extrapolations, by the names of `extrapolate`.
EXTRAPOLATIONS = ("linear", "richardson", "exponential")


class Cut(NamedTuple):
    """A threshold and the side that is positive: an output is positive where ``sign * (output - threshold)`` is above 0."""

    threshold: float = 0.0
    sign: int = 1


#: How the networks decide as trained.
AT_ZERO = Cut()


def chance_positive(outputs: ArrayLike, cut: Cut = AT_ZERO, shots: int | None = None) -> Array:
    r"""Probability that a decision is positive.

    A shot gives +1 with probability :math:`(1 + \langle Z\rangle)/2`, so the number of +1 among n shots is binomial, and the
    decision compares its mean with the threshold.

    Parameters
    ----------
    outputs : array-like
        Exact expectation values of Z, of any shape.
    cut : Cut
        By default positive above 0.
    shots : int, optional
        Number of measurements a decision; None for infinitely many.

    Returns
    -------
    ndarray
        Of the shape of `outputs`; without shots 0, 1/2 (on the threshold) or 1.
    """
    values = np.asarray(outputs, dtype=float)
    if shots is None:
        return (1 + np.sign(_settled(cut.sign * (values - cut.threshold)))) / 2
    from scipy.stats import binom

    at = round(shots * (1 + cut.threshold) / 2, 6)
    chance = np.clip((1 + values) / 2, 0, 1)
    tie = binom.pmf(at, shots, chance) if at == int(at) else 0.0
    above: Array = binom.sf(np.floor(at), shots, chance) + tie / 2
    return above if cut.sign > 0 else 1 - above


def decision_accuracy(outputs: ArrayLike, labels: ArrayLike, cut: Cut = AT_ZERO, shots: int | None = None) -> float:
    """Expected accuracy of decisions; labels are 0 or 1, all else as for `chance_positive`."""
    chance = chance_positive(outputs, cut, shots)
    return float(np.mean(np.where(np.asarray(labels) > 0, chance, 1 - chance)))


def fit_cut(outputs: ArrayLike, labels: ArrayLike) -> Cut:
    """Find the threshold and side with the best accuracy on training samples.

    Candidates are 0, the middles between neighbouring outputs, and the ends; among equals the side that was trained wins, then
    the threshold nearest to 0.

    Parameters
    ----------
    outputs : array-like of shape (n_samples,)
    labels : array-like of int of shape (n_samples,)
        0 or 1.
    """
    values, positive = _settled(np.asarray(outputs, dtype=float)), np.asarray(labels) > 0
    known = np.unique(values)
    candidates = np.concatenate([[0.0], (known[1:] + known[:-1]) / 2, [known[0] - 1, known[-1] + 1]])
    candidates = candidates[np.argsort(np.abs(candidates), kind="stable")]
    side = np.sign(_settled(values[None, :] - candidates[:, None]))
    score = (1 + side * np.where(positive, 1, -1)).mean(1) / 2
    best, worst = int(np.argmax(score)), int(np.argmin(score))
    if 1 - score[worst] > score[best] + RESOLUTION:
        return Cut(float(candidates[worst]), -1)
    return Cut(float(candidates[best]), 1)


def repeated(noise: NoiseModel, times: int) -> NoiseModel:
    r"""Return the channel applied several times in a row, as one channel of the same kind: what stretching the noise does.

    Parameters
    ----------
    noise : NoiseModel
    times : int
        1 or more.
    """
    p = noise.strength
    if noise.channel in ("phase_damping", "amplitude_damping"):
        strength = 1 - (1 - p) ** times
    else:
        mixed = 0.75 if noise.channel == "depolarizing" else 0.5  # strength at which nothing is left
        strength = mixed * (1 - (1 - p / mixed) ** times)
    return NoiseModel(noise.channel, min(max(strength, 0.0), 1.0), noise.insertion)


def without_barriers(circuit: VariationalCircuit) -> Callable[[Any, Any], Any]:
    """Return a circuit as a PennyLane quantum function of gates alone, which is what PennyLane folds."""
    qml = require("pennylane", "circuits")
    build = circuit.pennylane()

    def gates(inputs: Any, weights: Any) -> Any:
        script = qml.tape.make_qscript(build)(inputs, weights)
        for operation in script.operations:
            if not isinstance(operation, qml.Barrier):
                qml.apply(operation)
        return qml.apply(script.measurements[0])

    return gates


def folded_layer(circuit: VariationalCircuit, weights: Any, scale: float) -> QuantumLayer:
    """Return a circuit folded by PennyLane's ``fold_global`` (U, then U†U or a part of it, encoding included) as a layer.

    Parameters
    ----------
    circuit : VariationalCircuit
    weights : tensor of the shape of the circuit's weights
    scale : float
        How many times as many gates.

    Returns
    -------
    QuantumLayer
        Without noise; take its `with_noise` with the insertion ``gate``.
    """
    from qhelpers.circuits import QuantumLayer

    qml = require("pennylane", "circuits")
    folded = qml.noise.fold_global(without_barriers(circuit), scale)
    shapes = {"weights": circuit.weight_shape}
    return QuantumLayer(folded, shapes, {"weights": weights}, n_inputs=circuit.n_features).double()


def extrapolate(method: str, values: Sequence[ArrayLike], scales: Sequence[float] = SCALE_FACTORS) -> Array:
    """Extrapolate outputs to noise 0 by PennyLane's functions.

    Parameters
    ----------
    method : {"linear", "richardson", "exponential"}
        A line, a polynomial through all points, or an exponential that decays to 0.
    values : sequence of array-like
        Outputs under each scale of the noise.
    scales : sequence of float
    """
    noise = require("pennylane", "circuits").noise
    x, y = np.array(scales, dtype=float), [np.asarray(one, dtype=float) for one in values]
    if method not in EXTRAPOLATIONS:
        raise ValueError(f"extrapolation {method!r} is unknown; allowed are {', '.join(EXTRAPOLATIONS)}")
    if method == "linear":
        found: Array = noise.poly_extrapolate(x, y, 1)
    elif method == "richardson":
        found = noise.richardson_extrapolate(x, y)
    else:  # with the asymptote named, the sign comes from a line through the outputs; without, from its slope, which may be 0
        found = noise.exponential_extrapolate(x, y, asymptote=0.0)
    return found


def sampled(outputs: Array, shots: int, rng: np.random.Generator) -> Array:
    """Draw expectation values as a number of shots gives them, of the shape of `outputs`."""
    return 2 * rng.binomial(shots, np.clip((1 + outputs) / 2, 0, 1)) / shots - 1


def _settled(values: Array) -> Array:
    """Outputs with what is below the resolution taken away."""
    return np.round(values / RESOLUTION) * RESOLUTION

"""Zero-noise extrapolation for the trained QNN-P: what it does to the output, to the decision, and at equal shots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qhelpers.circuits import CHANNELS, NoiseModel
from qhelpers.datasets import Dataset
from qhelpers.evaluation import confusion_counts
from qhelpers.models.mitigation import (
    EXTRAPOLATIONS,
    SCALE_FACTORS,
    chance_positive,
    decision_accuracy,
    extrapolate,
    folded_layer,
    repeated,
    sampled,
)
from qhelpers.papers.low_energy.circuits import qnn_p_circuit
from qhelpers.papers.low_energy.experiments import tables
from qhelpers.papers.low_energy.experiments.noise_in_testing import LEVELS, MAIN_SHOTS, noisy_outputs, on_networks
from qhelpers.runs.experiment import Outcome

Array = NDArray[np.float64]

#: Strengths: one that a good device has, and those of the other remedies up to one half.
STRENGTHS = (0.01, *(level for level in LEVELS if level <= 0.5))
#: How the noise is scaled, and where it stands: gates folded by PennyLane, or each channel applied so many times.
CASES = (("folded", "gate"), ("repeated", "gate"), ("repeated", "layer"), ("repeated", "end"))
#: What is done with the outputs.
METHODS = ("none", *EXTRAPOLATIONS)
#: Draws of the shots a sample.
N_DRAWS = 40


def scaled_outputs(model: Any, X: Array) -> Callable[[str, NoiseModel], Array]:
    """Return a function of how noise is scaled and of the noise that gives outputs under each scale, shape (3, n_samples)."""
    circuit = qnn_p_circuit(model.n_inputs_, model.n_qubits, model.n_layers, model.entangler)
    weights = model.module_.weights.detach()
    folded = [folded_layer(circuit, weights, scale) for scale in SCALE_FACTORS]
    inputs = model._tensor(X)

    def outputs(how: str, noise: NoiseModel) -> Array:
        if how == "repeated":
            return np.array([noisy_outputs(model, X, repeated(noise, scale)) for scale in SCALE_FACTORS])
        with torch.no_grad():
            return np.array([layer.with_noise(noise)(inputs).numpy() for layer in folded])

    return outputs


def split_shots(total: int) -> list[int]:
    """Shots a scale factor, as even as they come: 1,000 are 334, 333 and 333."""
    n = len(SCALE_FACTORS)
    return [total // n + (place < total % n) for place in range(n)]


def judge(values: Array, exact: Array, labels: NDArray[Any], rng: np.random.Generator) -> dict[str, Array]:
    """Score every method on outputs under each scale of one noise.

    Parameters
    ----------
    values : ndarray of shape (3, n_samples)
    exact : ndarray of shape (n_samples,)
        Outputs without noise.
    labels : ndarray of int of shape (n_samples,)
    rng : numpy.random.Generator

    Returns
    -------
    dict of ndarray of shape (n_methods,)
        ``error``: mean distance to the outputs without noise, of estimates cut to [-1, 1]; ``accuracy``; and from `MAIN_SHOTS`
        in all, spent on one estimate (``none``) or split over the scales: ``error_shots``, ``accuracy_shots``, and
        ``decision_error``, the share of decisions that differ from the exact ones without noise.
    """
    clean = chance_positive(exact)
    whole = sampled(np.broadcast_to(values[0], (N_DRAWS, len(exact))), MAIN_SHOTS, rng)
    parts = [
        sampled(np.broadcast_to(one, (N_DRAWS, len(exact))), shots, rng)
        for one, shots in zip(values, split_shots(MAIN_SHOTS), strict=True)
    ]
    estimates = {"none": (values[0], whole)}
    estimates |= {m: (extrapolate(m, list(values)), extrapolate(m, parts)) for m in EXTRAPOLATIONS}
    rows = []
    for at_once, drawn in (estimates[method] for method in METHODS):
        rows.append(
            {
                "error": np.abs(np.clip(at_once, -1, 1) - exact).mean(),
                "accuracy": decision_accuracy(at_once, labels),
                "error_shots": np.abs(np.clip(drawn, -1, 1) - exact).mean(),
                "accuracy_shots": decision_accuracy(drawn, np.broadcast_to(labels, drawn.shape)),
                "decision_error": np.abs(chance_positive(drawn) - clean).mean(),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Extrapolate the outputs of the tables' QNN-P to zero noise.

    Parameters
    ----------
    config : mapping
        Of the network, as `tables` has it.
    seed : int
    dataset : Dataset

    Returns
    -------
    Outcome
        Metrics: ``accuracy`` without noise, ``shots.accuracy`` of it from `MAIN_SHOTS`, and ``decision_error.<method>``, the mean
        over the channels with folded gates at strength 0.01. Arrays as in `judge`, of shape (4, 6, 5, 4): `CASES`, channels,
        `STRENGTHS`, `METHODS`.
    """
    network = tables.fitted(config, seed, dataset)
    X, labels = network.X[network.test], network.y[network.test]
    exact = noisy_outputs(network.model, X, None)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 17]))
    scaled = scaled_outputs(network.model, X)
    arrays: dict[str, Array] = {}
    for at in np.ndindex(len(CASES), len(CHANNELS), len(STRENGTHS)):
        how, insertion = CASES[at[0]]
        values = scaled(how, NoiseModel(CHANNELS[at[1]], STRENGTHS[at[2]], insertion))
        for name, row in judge(values, exact, labels, rng).items():
            arrays.setdefault(name, np.empty((len(CASES), len(CHANNELS), len(STRENGTHS), len(METHODS))))[at] = row
    metrics = {
        "accuracy": decision_accuracy(exact, labels),
        "shots.accuracy": decision_accuracy(exact, labels, shots=MAIN_SHOTS),
    }
    metrics |= {
        f"decision_error.{method}": float(arrays["decision_error"][0, :, 0, m].mean()) for m, method in enumerate(METHODS)
    }
    arrays = {name: np.round(values, 3) for name, values in arrays.items()} | {"strengths": np.array(STRENGTHS)}
    counts = confusion_counts(labels, (exact > 0).astype(int))
    metrics = {name: round(value, 6) for name, value in metrics.items()}
    return Outcome(metrics, counts, network.chosen, network.train_seconds, arrays)


EXPERIMENT = on_networks(
    "noise-mitigation",
    "paper 1: zero-noise extrapolation of the trained QNN-P, its outputs and its decisions, and at equal shots",
    run,
    n_seeds=10,
    seconds=lambda epochs: 5.0 + 0.005 * epochs,
)

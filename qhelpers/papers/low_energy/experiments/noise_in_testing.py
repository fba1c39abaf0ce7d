"""Noise in the trained QNN-P of paper 1: accuracy, decisions from shots and a refitted threshold over channel, place, strength.

The network is the one of Tables I and II (`tables.fitted`); noise acts in testing only (deviation D1.15).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qhelpers.circuits import CHANNELS, NoiseModel, analytic_z
from qhelpers.datasets import Dataset
from qhelpers.evaluation import confusion_counts
from qhelpers.models.mitigation import chance_positive, decision_accuracy, fit_cut, sampled
from qhelpers.papers.low_energy.experiments import tables
from qhelpers.papers.low_energy.experiments.tables import of_paper
from qhelpers.runs.experiment import Experiment, Outcome

Array = NDArray[np.float64]

INSERTIONS = ("gate", "layer", "end")
#: The paper's spectrum from 0 to 1.
STRENGTHS = tuple(round(0.05 * step, 2) for step in range(21))
#: Strengths whose accuracies are metrics; noise in training and remedies are measured at the same.
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
#: Shots a decision.
SHOTS = (10, 100, 1_000, 10_000, 100_000)
#: Shots a decision where one number is shown.
MAIN_SHOTS = 1_000
DATA = ("occupancy", "ton_iot_gps")
# What the sentences of Section III-E have to mean, fixed before the sweep was run.
#: "Low noise levels": strengths up to this one.
LOW = 0.1
#: "Significant drop": more accuracy lost than this.
SIGNIFICANT = 0.05
#: "Commendable accuracy" is asked for up to this strength.
HALF = 0.5


def networks(data: str, profile: str) -> list[dict[str, Any]]:
    """Configs of the tables' QNN-P on a data set, chain and ring."""
    return tables.configs(profile, model="qnn-p", data=data, regime="300+300")


def noisy_outputs(model: Any, X: Array, noise: NoiseModel | None) -> Array:
    """Outputs of a trained QNN-P under noise, shape (n_samples,); its weights stay as they are."""
    with torch.no_grad():
        found: Array = model.module_.with_noise(noise)(model._tensor(X)).double().reshape(-1).numpy()
    return found


def sweep(model: Any, X: Array) -> Array:
    """Outputs under every channel, insertion and strength, shape (6, 3, 21, n_samples)."""
    plain = noisy_outputs(model, X, None)
    found = np.empty((len(CHANNELS), len(INSERTIONS), len(STRENGTHS), len(X)))
    for c, channel in enumerate(CHANNELS):
        for i, insertion in enumerate(INSERTIONS):
            for s, strength in enumerate(STRENGTHS):
                noise = NoiseModel(channel, strength, insertion)
                found[c, i, s] = noisy_outputs(model, X, noise) if strength else plain
    return found


def curves(outputs: Array, labels: NDArray[Any], outputs_train: Array, labels_train: NDArray[Any], rng: Any) -> dict[str, Array]:
    """Everything that is drawn against the strength, from outputs of test and training samples.

    Parameters
    ----------
    outputs, outputs_train : ndarray of shape (..., 21, n_samples)
        The first strength is 0.
    labels, labels_train : ndarray of int of shape (n_samples,)
    rng : numpy.random.Generator
        Draws the shots with which the training samples are read before a threshold is fitted to them.

    Returns
    -------
    dict of ndarray
        ``accuracy``: decisions at 0 from exact outputs; ``accuracy_shots``: from `MAIN_SHOTS`. ``changed``: share of decisions
        that noise changes. ``decision_error``, with an axis more for `SHOTS`: share of decisions read from shots that are not the
        exact ones without noise. ``threshold`` and ``threshold_shots``: accuracy with threshold and side fitted to the noisy
        outputs of the training samples, exact or from `MAIN_SHOTS` each.
    """
    shape = outputs.shape[:-1]
    names = ("accuracy", "accuracy_shots", "changed", "threshold", "threshold_shots")
    found = {name: np.empty(shape) for name in names} | {"decision_error": np.empty((len(SHOTS), *shape))}
    for at in np.ndindex(*shape):
        z, z_train = outputs[at], outputs_train[at]
        decided = chance_positive(outputs[(*at[:-1], 0)])
        drawn = sampled(z_train, MAIN_SHOTS, rng)
        found["accuracy"][at] = decision_accuracy(z, labels)
        found["accuracy_shots"][at] = decision_accuracy(z, labels, shots=MAIN_SHOTS)
        found["changed"][at] = np.abs(chance_positive(z) - decided).mean()
        found["threshold"][at] = decision_accuracy(z, labels, fit_cut(z_train, labels_train))
        found["threshold_shots"][at] = decision_accuracy(z, labels, fit_cut(drawn, labels_train), MAIN_SHOTS)
        for n, shots in enumerate(SHOTS):
            found["decision_error"][(n, *at)] = np.abs(chance_positive(z, shots=shots) - decided).mean()
    return found


def analytic_accuracy(outputs: Array, labels: NDArray[Any]) -> Array:
    """Accuracy under noise just before the measurement, from outputs without it by `analytic_z`; shape (6, 21)."""
    return np.array([[decision_accuracy(analytic_z(c, s, outputs), labels) for s in STRENGTHS] for c in CHANNELS])


def shape_of(curve: Array) -> dict[str, float]:
    """Four numbers that say how a curve of accuracy over `STRENGTHS` (21,) runs.

    Returns
    -------
    dict
        ``mean`` over the spectrum; ``low_drop``, lost at strength `LOW`; ``steepest``, the largest fall between neighbouring
        strengths, 0 if it never falls; ``lowest`` of strengths up to `HALF`.
    """
    low, half = STRENGTHS.index(LOW), STRENGTHS.index(HALF)
    return {
        "mean": float(curve.mean()),
        "low_drop": float(curve[0] - curve[low]),
        "steepest": float(max(0.0, -np.diff(curve).min())),
        "lowest": float(curve[: half + 1].min()),
    }


def scalars(accuracy: Array, accuracy_shots: Array) -> dict[str, float]:
    """Metrics of a record from accuracies of shape (6, 3, 21), rounded to 6 decimals.

    ``accuracy`` without noise, ``accuracy.<channel>.<insertion>.<strength>`` at `LEVELS`, ``<name>.<channel>.<insertion>`` for
    the names of `shape_of`, and ``low_accuracy.<insertion>``, the mean over the channels at `LOW`. The same from `MAIN_SHOTS`,
    but for the single levels, stand behind ``shots.``.
    """
    found: dict[str, Any] = {}
    for prefix, values in (("", accuracy), ("shots.", accuracy_shots)):
        found[f"{prefix}accuracy"] = values[0, 0, 0]
        for i, insertion in enumerate(INSERTIONS):
            found[f"{prefix}low_accuracy.{insertion}"] = values[:, i, STRENGTHS.index(LOW)].mean()
            for c, channel in enumerate(CHANNELS):
                place = f"{channel}.{insertion}"
                found |= {f"{prefix}{name}.{place}": value for name, value in shape_of(values[c, i]).items()}
                for level in LEVELS if not prefix else ():
                    found[f"accuracy.{place}.{level:.2f}"] = values[c, i, STRENGTHS.index(level)]
    return {name: round(float(value), 6) for name, value in found.items()}


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train the tables' QNN-P without noise and test it under noise.

    Parameters
    ----------
    config : mapping
        Of the network, as `tables` has it.
    seed : int
    dataset : Dataset

    Returns
    -------
    Outcome
        Metrics as in `scalars`; arrays as in `curves`, ``analytic`` (6, 21) and the axes ``strengths`` and ``shots``.
    """
    network = tables.fitted(config, seed, dataset)
    labels, labels_train = network.y[network.test], network.y[network.train]
    both = sweep(network.model, network.X[np.concatenate([network.test, network.train])])
    outputs, outputs_train = both[..., : len(labels)], both[..., len(labels) :]
    rng = np.random.default_rng(np.random.SeedSequence([seed, 13]))
    found = curves(outputs, labels, outputs_train, labels_train, rng)
    arrays = {name: np.round(values, 6 if name in ("accuracy", "threshold") else 3) for name, values in found.items()}
    arrays["analytic"] = np.round(analytic_accuracy(outputs[0, 0, 0], labels), 6)
    arrays |= {"strengths": np.array(STRENGTHS), "shots": np.array(SHOTS, dtype=np.int32)}
    predicted = (outputs[0, 0, 0] > 0).astype(int)
    chosen = {name: network.chosen[name] for name in ("learning_rate", "epochs")}
    metrics = scalars(found["accuracy"], found["accuracy_shots"])
    return Outcome(metrics, confusion_counts(labels, predicted), chosen, network.train_seconds, arrays)


def on_networks(
    name: str, about: str, function: Callable[..., Outcome], n_seeds: int, seconds: Callable[[int], float]
) -> Experiment:
    """Experiment on the tables' QNN-P: both data sets, chain and ring, with the first seeds of the tables.

    Parameters
    ----------
    name, about : str
    function : callable
        As of an `Experiment`.
    n_seeds : int
    seconds : callable
        Processor seconds of a run, roughly, of the most epochs that are tried.
    """

    def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
        return [(config, 1 if profile == "quick" else n_seeds) for data in DATA for config in networks(data, profile)]

    def estimate(config: Mapping[str, Any]) -> float:
        return seconds(config["max_epochs"])

    return of_paper(name=name, version="1", about=about, function=function, grid=grid, estimate=estimate)


EXPERIMENT = on_networks(
    "noise",
    "paper 1, Figure 5: the trained QNN-P under six channels at 21 strengths in three places, in testing",
    run,
    n_seeds=20,
    seconds=lambda epochs: 3.0 + 0.005 * epochs,
)

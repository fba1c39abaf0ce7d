"""The network in Qiskit's own words with ten qubits: what EstimatorQNN gives, and which gradients TorchConnector passes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.datasets import Dataset
from qhelpers.papers.threats.as_printed import Step, first_step, pair
from qhelpers.papers.threats.experiments.full_scale import scaled_rows
from qhelpers.runs.experiment import Experiment, Outcome

#: Few, for a row takes EstimatorQNN two circuits for each weight.
N_ROWS = 32


def rows(
    dataset: Dataset, seed: int, n_features: int = 10, n_rows: int = N_ROWS
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Some rows as the network reads them, attacks and normal flows alike many, and their labels."""
    X, y = scaled_rows(dataset, len(dataset), n_features)
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.choice(np.flatnonzero(y == label), n_rows // 2, replace=False) for label in (0, 1)])
    return X[chosen], y[chosen]


def differences(one: Step, other: Step) -> dict[str, float]:
    """Largest differences between two networks: in the circuit's output, in the probability and in the gradients."""
    output, probability = np.abs(one[0] - other[0]).max(0).tolist()
    gradient = max(float(np.abs(a - b).max()) for a, b in zip(one[1], other[1], strict=True))
    return {"output_difference": output, "probability_difference": probability, "gradient_difference": gradient}


def run(config: Mapping[str, Any], seed: int, dataset: Dataset, n_features: int = 10, n_rows: int = N_ROWS) -> Outcome:
    """Evaluate the literal network and ours with the same weights on the same rows.

    Parameters
    ----------
    config : mapping
        ``data``.
    seed : int
        Draws rows and weights.
    dataset : Dataset
    n_features, n_rows : int
        Qubits, and rows.

    Returns
    -------
    Outcome
        `differences` to ours, which has neither EstimatorQNN nor TorchConnector; and the largest entry of the literal network's
        gradient to the weights of each part, ``quantum_gradient`` and ``classical_gradient``.
    """
    X, y = rows(dataset, seed, n_features, n_rows)
    literal, ours = (first_step(network, X, y) for network in pair(n_features, seed=seed))
    front, circuit, output = (float(np.abs(one).max()) for one in literal[1])
    gradients = {"quantum_gradient": circuit, "classical_gradient": max(front, output)}
    return Outcome(differences(literal, ours) | gradients)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Three seeds."""
    return [({"data": "wustl_iiot_999"}, 1 if profile == "quick" else 3)]


EXPERIMENT = Experiment(
    name="threats-literal",
    version="1",
    about="paper 2: its network in the libraries that it names, ten qubits, beside ours",
    function=run,
    grid=grid,
    estimate=lambda config: 30.0,
    headline="output_difference",
)

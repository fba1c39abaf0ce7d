"""What the paper left out: Pure-HQML without a part, or with something plain in its place, and what its circuit can see."""

from __future__ import annotations

from typing import Any

import pandas as pd

from qhelpers.circuits import QuantumLayer
from qhelpers.papers.threats.model import OBSERVABLES, PureHQMLClassifier, observables

#: Controls of the network, as arguments in which they differ from it. ``equal weights``: a hidden layer of tanh units in place of
#: the circuit, with about as many weights; ``machine``: a true factorization machine beside the circuit.
CONTROLS: dict[str, dict[str, Any]] = {
    "no circuit": {"branch": "none"},
    "no network": {"front": "none"},
    "frozen": {"branch": "frozen"},
    "separable": {"entanglement": "none"},
    "equal weights": {"branch": "classical"},
    "machine": {"front": "factorization", "width": 4},
    "machine alone": {"front": "factorization", "width": 4, "branch": "none"},
}


def control(name: str, **arguments: Any) -> PureHQMLClassifier:
    """Build a control of `CONTROLS`, all else as in `arguments`.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists all.
    """
    if name not in CONTROLS:
        raise ValueError(f"control {name!r} is unknown; allowed are {', '.join(map(repr, CONTROLS))}")
    return PureHQMLClassifier(**arguments | CONTROLS[name])


def inputs_seen(n_qubits: int = 10, **arguments: Any) -> pd.DataFrame:
    """Which inputs each observable can see, from the circuit's structure (`qhelpers.circuits.QuantumLayer.light_cone`).

    Parameters
    ----------
    n_qubits : int, default=10
    **arguments
        Of `PureHQMLClassifier`: ``feature_map``, ``map_reps``, ``ansatz_reps``, ``entanglement``.

    Returns
    -------
    DataFrame of bool
        A row an observable (``each``: what any of its outputs sees), a column a qubit.
    """
    built, inputs, weights = PureHQMLClassifier(**arguments).circuit(n_qubits).qiskit()
    rows = {}
    for name in OBSERVABLES:
        measured = observables(name, n_qubits)
        layer = QuantumLayer.from_qiskit(built, input_params=inputs, weight_params=weights, observables=measured)
        rows[name] = layer.light_cone().inputs.any(0)
    return pd.DataFrame.from_dict(rows, orient="index")

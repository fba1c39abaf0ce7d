"""What the paper left out: Pure-HQML without a part, or with something plain in its place, and what its circuit can see."""

from __future__ import annotations

from typing import Any

import pandas as pd

from qhelpers.circuits import QuantumLayer
from qhelpers.papers.threats.model import OBSERVABLES, PureHQMLClassifier, observables

#: The network and its controls, as arguments in which they differ from it. ``frozen``: the circuit keeps its first weights;
#: ``separable``: it has no entangling gate; ``equal-weights``: a hidden layer of tanh units in its place, with about as many
#: weights; ``behind-layer``: it reads ten outputs of the layer, and all columns may enter; ``with-machine``: a true factorization
#: machine beside it; ``factorization-machine``: that alone.
NETWORKS: dict[str, dict[str, Any]] = {
    "pure-hqml": {},
    "pure-hqml-without-circuit": {"branch": "none"},
    "pure-hqml-without-network": {"front": "none"},
    "pure-hqml-frozen": {"branch": "frozen"},
    "pure-hqml-separable": {"entanglement": "none"},
    "pure-hqml-equal-weights": {"branch": "classical"},
    "pure-hqml-behind-layer": {"feeds": "layer", "most_qubits": 10},
    "pure-hqml-with-machine": {"front": "factorization", "width": 4},
    "factorization-machine": {"front": "factorization", "width": 4, "branch": "none"},
}


def control(name: str, **arguments: Any) -> PureHQMLClassifier:
    """Build one of `NETWORKS`, all else as in `arguments`.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists all.
    """
    if name not in NETWORKS:
        raise ValueError(f"control {name!r} is unknown; allowed are {', '.join(map(repr, NETWORKS))}")
    return PureHQMLClassifier(**arguments | NETWORKS[name])


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

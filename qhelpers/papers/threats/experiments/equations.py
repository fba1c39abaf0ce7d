"""Sentences of Section II that follow from the form of the network: what interacts, what depends on the input, what is added."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from qhelpers._extras import require
from qhelpers.papers.threats.model import FactorizationMachine, Network, PureHQMLClassifier
from qhelpers.runs.experiment import of_functions

#: Features and qubits, inputs that are tried, and factors of the true machine.
N_QUBITS, N_ROWS, RANK = 10, 8, 4


def mixed_difference(function: Callable[[Tensor], Tensor], x: Tensor, a: Tensor, b: Tensor) -> float:
    """Largest ``f(x + a + b) - f(x + a) - f(x + b) + f(x)``: 0 for every x, a, b only of functions that are linear."""
    with torch.no_grad():
        return float((function(x + a + b) - function(x + a) - function(x + b) + function(x)).abs().max())


def fm_layer(seed: int) -> dict[str, float]:
    """The FM layer as described, fully connected, beside a true factorization machine; no more than two features change."""
    x, a, b = torch.randn(3, N_ROWS, N_QUBITS, dtype=torch.float64)
    changed = torch.stack([torch.randperm(N_QUBITS) for _ in range(N_ROWS)])
    a, b = (torch.zeros_like(x).scatter(1, changed[:, [k]], step) for k, step in enumerate((a, b)))
    described = PureHQMLClassifier().network(N_QUBITS, seed).front
    assert described is not None
    layers = {"described": described, "machine": FactorizationMachine(N_QUBITS, RANK)}
    return {f"{name}.mixed_difference": mixed_difference(layer.double(), x, a, b) for name, layer in layers.items()}


def circuit(seed: int) -> dict[str, float]:
    """RealAmplitudes, the only circuit that the text names, alone and behind a feature map, in EstimatorQNN.

    ``inputs``: how many the circuit has; ``input_effect``: largest less smallest output over inputs, with the same weights.
    """
    library = require("qiskit.circuit.library", "circuits")
    observable = require("qiskit.quantum_info", "circuits").SparsePauliOp("Z" * N_QUBITS)
    networks = require("qiskit_machine_learning.neural_networks", "circuits")
    ansatz = library.real_amplitudes(N_QUBITS, entanglement="linear", reps=3)
    feature_map = library.z_feature_map(N_QUBITS, reps=1)
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=(N_ROWS, N_QUBITS)), rng.uniform(-1, 1, ansatz.num_parameters)
    found: dict[str, float] = {}
    for name, whole in {"alone": ansatz, "mapped": feature_map.compose(ansatz)}.items():
        inputs = [one for one in whole.parameters if one not in ansatz.parameters]
        qnn = networks.EstimatorQNN(
            circuit=whole, observables=observable, input_params=inputs, weight_params=list(ansatz.parameters)
        )
        each = [qnn.forward(row[: qnn.num_inputs], weights).item() for row in x]
        found |= {f"{name}.input_effect": float(np.ptp(each)), f"{name}.inputs": float(qnn.num_inputs)}
    return found


def head(seed: int) -> dict[str, float]:
    """The logit less what each branch gives while the other gives 0, the bias counted once; and the size of each of the two."""
    network = PureHQMLClassifier().network(N_QUBITS, seed).double()
    front, branch, output = network.front, network.branch, network.output
    assert front is not None
    assert branch is not None
    x = torch.randn(N_ROWS, N_QUBITS, dtype=torch.float64)

    class Silent(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(len(x), 1, dtype=x.dtype)

    cases = ((front, branch), (front, Silent()), (Silent(), branch), (Silent(), Silent()))
    with torch.no_grad():
        both, classical, quantum, bias = (Network(one, other, output, "input")(x) for one, other in cases)
        error = (both - (classical + quantum - bias)).abs().max()
    sizes = {f"{name}.spread": float(np.ptp(part.numpy())) for name, part in (("classical", classical), ("quantum", quantum))}
    return {"additivity_error": float(error)} | sizes


EQUATIONS: dict[str, Callable[[int], dict[str, float]]] = {"fm-layer": fm_layer, "circuit": circuit, "head": head}


def _seeded(equation: Callable[[int], dict[str, float]]) -> Callable[[int], dict[str, float]]:
    """The same with torch's draws from the seed."""

    def run(seed: int) -> dict[str, float]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return equation(seed)

    return run


EXPERIMENT = of_functions(
    "threats-equations",
    "paper 2: sentences of its Section II that follow from the form of the network",
    "equation",
    {name: _seeded(one) for name, one in EQUATIONS.items()},
    headline="difference",
)

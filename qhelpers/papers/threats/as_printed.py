"""Section II word by word in the libraries that it names: RealAmplitudes, SparsePauliOp, EstimatorQNN, TorchConnector.

Nothing here is the engine's: circuit and observable are those of Qiskit's library, the network and its training plain PyTorch.
Hundreds of circuits a row make it slow. It also runs in the version that the paper names, 0.8.2, with Qiskit 1.4.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from qhelpers._extras import require
from qhelpers.papers.threats.model import Network, PureHQMLClassifier

#: Outputs and gradients, as `first_step` finds them.
Step = tuple[NDArray[np.float64], list[NDArray[np.float64]]]


class LiteralHQML(nn.Module):
    """The network as the text has it: ``sigmoid(Linear(cat(Linear(x), TorchConnector(EstimatorQNN)(x))))``.

    Parameters
    ----------
    n_features : int, default=10
        Inputs, and qubits.
    observable : str, optional
        Label of a `SparsePauliOp`; by default Z on all qubits, which is EstimatorQNN's own default.
    """

    def __init__(self, n_features: int = 10, observable: str | None = None) -> None:
        super().__init__()
        library = require("qiskit.circuit.library", "circuits")
        operator = require("qiskit.quantum_info", "circuits").SparsePauliOp
        networks = require("qiskit_machine_learning.neural_networks", "circuits")
        connectors = require("qiskit_machine_learning.connectors", "circuits")
        feature_map = library.z_feature_map(n_features, reps=1)
        ansatz = library.real_amplitudes(n_features, entanglement="linear", reps=3)
        qnn = networks.EstimatorQNN(
            circuit=feature_map.compose(ansatz),
            observables=operator("Z" * n_features if observable is None else observable),
            input_params=list(feature_map.parameters),
            weight_params=list(ansatz.parameters),
        )
        self.fm = nn.Linear(n_features, 1)
        self.qnn = connectors.TorchConnector(qnn)
        self.output = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities of shape (n_samples, 1)."""
        output: Tensor = torch.sigmoid(self.output(torch.cat([self.fm(x), self.qnn(x)], 1)))
        return output


def pair(n_features: int, observable: str = "parity", seed: int = 0) -> tuple[LiteralHQML, Network]:
    """The literal network and ours, of so many features, with the same first weights drawn from a seed."""
    n = n_features
    label = {"parity": "Z" * n, "first": "I" * (n - 1) + "Z", "last": "Z" + "I" * (n - 1)}[observable]
    ours = PureHQMLClassifier(n_features=n, observable=observable).network(n, seed)
    literal = LiteralHQML(n, label)
    set_weights(literal, _flat(weights_of(ours)))
    return literal, ours


def first_step(network: LiteralHQML | Network, X: ArrayLike, y: ArrayLike) -> Step:
    """What a first update rests on.

    Parameters
    ----------
    network : LiteralHQML or Network
    X, y
        As for `compare`.

    Returns
    -------
    outputs : ndarray of shape (n_samples, 2)
        Of the circuit, and the probability.
    gradients : list of ndarray
        Of the probabilities' mean cross-entropy, to all weights of the FM layer, of the circuit and of the output.
    """
    inputs, targets = torch.as_tensor(np.asarray(X)).float(), torch.as_tensor(np.asarray(y)).float()[:, None]
    output = network(inputs) if isinstance(network, LiteralHQML) else torch.sigmoid(network(inputs))[:, None]
    network.zero_grad()
    nn.functional.binary_cross_entropy(output, targets).backward()
    gradients = [_flat([one.grad for one in part.parameters()]) for part in _parts(network)]
    with torch.no_grad():
        outputs = torch.cat([_parts(network)[1](inputs).reshape(-1, 1), output], 1)
    return outputs.double().numpy(), gradients


def compare(
    X: ArrayLike, y: ArrayLike, batch_size: int = 32, learning_rate: float = 0.01, observable: str = "parity", seed: int = 0
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Train the literal network and ours from the same first weights on the same batches, one pass.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features as the network reads them, scaled.
    y : array-like of shape (n_samples,)
        0 and 1.
    batch_size, learning_rate
        As for `PureHQMLClassifier`.
    observable : {"parity", "first", "last"}
    seed : int

    Returns
    -------
    gaps : dict of str to float
        Largest differences: ``output_gap`` (probabilities of the first batch), ``gradient_gap`` (of its loss to all weights),
        ``loss_gap`` (over all batches), ``weights_gap`` (at the end); and the processor seconds of the literal network,
        ``literal_cpu_seconds``, and of ours, ``train_cpu_seconds``.
    losses : dict of str to ndarray
        ``literal`` and ``fast``: the loss of each batch before its update.
    """
    inputs, targets = torch.as_tensor(np.asarray(X)).float(), torch.as_tensor(np.asarray(y)).float()[:, None]
    literal, ours = pair(inputs.shape[1], observable, seed)
    found: dict[str, Any] = {}
    for name, network in (("literal", literal), ("fast", lambda x: torch.sigmoid(ours(x))[:, None])):
        parameters = weights_of(literal if name == "literal" else ours)
        optimiser = torch.optim.Adam(parameters, lr=learning_rate)
        losses: list[float] = []
        network(inputs[:1])  # a first call's set-up is not timed
        start = time.process_time()
        for x, target in zip(inputs.split(batch_size), targets.split(batch_size), strict=True):
            optimiser.zero_grad()
            output = network(x)
            loss = nn.functional.binary_cross_entropy(output, target)
            loss.backward()
            if not losses:
                first = output.detach().numpy().copy(), _flat([one.grad for one in parameters])
            optimiser.step()
            losses.append(loss.item())
        found[name] = *first, np.array(losses), _flat(parameters), time.process_time() - start
    gaps = {
        f"{name}_gap": float(np.abs(one - other).max())
        for name, one, other in zip(("output", "gradient", "loss", "weights"), found["literal"], found["fast"], strict=False)
    }
    seconds = {"literal_cpu_seconds": found["literal"][4], "train_cpu_seconds": found["fast"][4]}
    return gaps | seconds, {name: values[2] for name, values in found.items()}


def weights_of(network: Any) -> list[Tensor]:
    """Weights in one order: FM layer, circuit, output."""
    return [weight for part in _parts(network) for weight in part.parameters()]


def set_weights(network: Any, values: NDArray[np.float64]) -> None:
    """Give a network weights, one after the other in the order of `weights_of`."""
    nn.utils.vector_to_parameters(torch.as_tensor(values).float(), weights_of(network))


def _parts(network: Any) -> list[nn.Module]:
    return [network.fm, network.qnn, network.output] if isinstance(network, LiteralHQML) else list(network.children())


def _flat(tensors: list[Any]) -> NDArray[np.float64]:
    return np.concatenate([one.detach().double().numpy().reshape(-1) for one in tensors])

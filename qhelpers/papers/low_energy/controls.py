"""What the paper left out: controls of its networks, and its classical models with the choices that it leaves open."""

from __future__ import annotations

from typing import Any

from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from qhelpers.models import BASELINES, RandomCircuitFeature, TrigonometricFeatures, baseline, tuned
from qhelpers.models.baselines import Builder
from qhelpers.papers.low_energy.circuits import qnn_p_circuit

#: Number of qubits and layers of QNN-P; features are repeated until no qubit is left (D1.2).
_QUBITS, _LAYERS = 4, 3


def _free(entangler: str) -> Any:
    terms = TrigonometricFeatures(qnn_p_circuit(_QUBITS, _QUBITS, _LAYERS, entangler))
    return make_pipeline(terms, LogisticRegression(max_iter=2000))


def _frozen(entangler: str, seed: int) -> Any:
    output = RandomCircuitFeature(qnn_p_circuit(_QUBITS, _QUBITS, _LAYERS, entangler), random_state=seed)
    return make_pipeline(output, LogisticRegression())


#: Controls beside the plain models. ``trigonometric-…`` fits QNN-P's own terms with free coefficients, ``frozen-…`` a line to
#: the output of QNN-P with random weights, ``random-fourier`` 80 random waves.
CONTROLS: dict[str, Builder] = {
    # four inputs, four hidden units, one output: 25 numbers, where QNN-P has 24; as many epochs as that has
    "mlp": lambda seed: MLPClassifier((4,), learning_rate_init=0.03, max_iter=200, n_iter_no_change=200, random_state=seed),
    # as many columns as the ring of QNN-P has terms
    "random-fourier": lambda seed: make_pipeline(RBFSampler(n_components=80, random_state=seed), RidgeClassifier()),
    "trigonometric-chain": lambda seed: _free("chain"),
    "trigonometric-ring": lambda seed: _free("ring"),
    "frozen-chain": lambda seed: _frozen("chain", seed),
    "frozen-ring": lambda seed: _frozen("ring", seed),
}
#: All models of the paper's tables and their controls that are no networks.
MODELS = (*BASELINES, *CONTROLS)
#: Models with a parameter that an inner split chooses, out of as many values as the networks have learning rates to try.
TRIALS: dict[str, dict[str, list[Any]]] = {
    "nearest-neighbour": {"kneighborsclassifier__n_neighbors": [1, 5, 15]},
    "mlp": {"mlpclassifier__learning_rate_init": [0.01, 0.03, 0.1]},
    "random-fourier": {"pipeline__rbfsampler__gamma": [0.1, 0.3, 1.0]},
    "trigonometric-chain": {"pipeline__logisticregression__C": [0.1, 1.0, 10.0]},
    "trigonometric-ring": {"pipeline__logisticregression__C": [0.1, 1.0, 10.0]},
}


def control(name: str, random_state: int = 0) -> Any:
    """Build a model of `MODELS`; see `qhelpers.models.baseline`."""
    return baseline(name, random_state, CONTROLS)


def tuned_control(name: str, random_state: int, inner_split: int) -> Any:
    """Build a model of `TRIALS` whose parameter an inner split chooses; see `qhelpers.models.tuned`."""
    return tuned(control(name, random_state), TRIALS[name], inner_split)

"""What every quantum estimator needs: a circuit as a torch module, the training loop, and a classifier around any circuit."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
from tqdm import tqdm

from qhelpers._extras import require
from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit

Array = NDArray[np.float64]

#: What computes the circuits.
ENGINES = ("fast", "pennylane", "qiskit")


def circuit_module(circuit: VariationalCircuit, engine: str, first: Any) -> Any:
    """Return a circuit as a torch module of inputs (n_samples, n_features).

    Parameters
    ----------
    circuit : VariationalCircuit
    engine : {"fast", "pennylane", "qiskit"}
        The engine of `qhelpers.circuits`; PennyLane's TorchLayer on default.qubit with backpropagation; Qiskit's TorchConnector
        around EstimatorQNN with exact expectation values.
    first : tensor of the shape of the circuit's weights
        The first weights.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r} is unknown; allowed are {', '.join(map(repr, ENGINES))}")
    shapes, start = {"weights": circuit.weight_shape}, {"weights": first}
    if engine == "fast":
        layer = copy.deepcopy(_read_once(circuit, first.dtype))
        layer.load_state_dict(start)
        return layer
    if engine == "pennylane":
        qml = require("pennylane", "circuits")
        device = qml.device("default.qubit", wires=circuit.n_qubits)
        node = qml.QNode(circuit.pennylane(), device, interface="torch", diff_method="backprop")
        return qml.qnn.TorchLayer(node, shapes, init_method=start)
    networks = require("qiskit_machine_learning.neural_networks", "circuits")
    connectors = require("qiskit_machine_learning.connectors", "circuits")
    built, inputs, weights = circuit.qiskit()
    network = networks.EstimatorQNN(
        circuit=built,
        observables=circuit.qiskit_observables(),
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
    )
    return connectors.TorchConnector(network, initial_weights=first.reshape(-1).numpy())


def repeat_columns(features: Array, n_columns: int) -> Array:
    """Features again and again until there are `n_columns` of them, shape (n_samples, n_columns)."""
    return np.take(features, np.arange(n_columns) % features.shape[1], axis=1)


def angle_circuit(n_features: int) -> VariationalCircuit:
    """Circuit for those who name none: a qubit a feature, turned by RY; then three layers of RY, RX and a ring of CNOTs."""
    return VariationalCircuit(Encoding("RY", n_features), Ansatz("RY-RX", max(2, n_features), 3, "ring"))


@functools.lru_cache(maxsize=256)
def _read_once(circuit: VariationalCircuit, dtype: Any) -> Any:
    """Return a circuit in the fast engine, its weights 0; reading it takes as long as hundreds of updates, so it is kept."""
    torch = require("torch", "circuits")
    from qhelpers.circuits.layer import QuantumLayer

    shapes, start = {"weights": circuit.weight_shape}, {"weights": torch.zeros(circuit.weight_shape, dtype=dtype)}
    return QuantumLayer(circuit.pennylane(), shapes, init_method=start, n_inputs=circuit.n_features)


def squared_error(output: Array, signs: Array) -> tuple[float, Array]:
    """Mean squared error against ±1, and its derivative to each output."""
    difference = output - signs
    return float((difference**2).mean()), 2 * difference / difference.size


def cross_entropy(output: Array, signs: Array) -> tuple[float, Array]:
    """Mean binary cross-entropy with outputs as logits of the class +1, and its derivative to each output."""
    return float(np.logaddexp(0, -signs * output).mean()), -signs * expit(-signs * output) / output.size


@dataclass(eq=False, repr=False, kw_only=True)
class QuantumClassifier(ClassifierMixin, BaseEstimator):
    """Base of quantum classifiers of two classes: preparation of the features, the training loop, decisions at output 0.

    A subclass says how a module is made of inputs and a seed (`_module`), and may change the preparation of the features
    (`_preparation`, which asks for ``n_qubits``; `_encode`), the loss (`_loss`), what an output states (`_probability`) and how
    many samples make an update (``_batch``: all, or one). It is a dataclass too: its fields are its parameters.

    Parameters
    ----------
    epochs : int
        Passes over the samples.
    learning_rate : float
        Step of Adam (β₁ = 0.9, β₂ = 0.999).
    engine : {"fast", "pennylane", "qiskit"}, default="fast"
        What computes the circuit, see `circuit_module`.
    random_state : int, RandomState or None
        Draws the first weights.
    progress : bool, default=False
        Show a progress bar.
    """

    _batch: ClassVar[Literal["all", "one"]]

    epochs: int = 100
    learning_rate: float = 0.1
    engine: str = "fast"
    random_state: Any = None
    progress: bool = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "module_" in state:  # circuits hold closures, so the weights travel and the module is built anew
            state = state | {"module_": {name: value.clone() for name, value in self.module_.state_dict().items()}}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "module_" in state:
            self.module_ = self._module(self.n_inputs_, seed=0)
            self.module_.load_state_dict(state["module_"])
            self._decide_in_double()

    def fit(self, X: ArrayLike, y: ArrayLike, X_val: ArrayLike | None = None, y_val: ArrayLike | None = None) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features in any units.
        y : array-like of shape (n_samples,)
            Two classes; the larger label is the positive one.
        X_val, y_val : array-like, optional
            Samples scored after each epoch and never trained on; they add ``val_loss`` and ``val_accuracy`` to `history_`.

        Returns
        -------
        self
            With ``classes_``, ``module_`` (torch module), ``preparation_`` and ``history_`` (lists with one number an epoch:
            ``loss`` and ``accuracy`` of the training samples as seen during the epoch).

        Raises
        ------
        ValueError
            If the features are not finite numbers, there are not two classes, or a parameter is out of range.
        """
        torch = require("torch", "circuits")
        features, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. The labels hold {len(self.classes_)} classes; "
                "train one network a class instead."
            )
        if len(self.classes_) < 2:
            raise ValueError("The labels hold 1 class; a classifier needs samples of 2 classes: draw them from both.")
        if self.epochs < 1 or not self.learning_rate > 0:
            raise ValueError(
                f"epochs={self.epochs}, learning_rate={self.learning_rate}; allowed are at least 1 epoch and a rate above 0"
            )
        random = check_random_state(self.random_state)
        self.preparation_ = self._preparation(features.shape[1])
        inputs = torch.as_tensor(self._encode(self.preparation_.fit_transform(features)), dtype=self._dtype)
        signs = np.where(y == self.classes_[1], 1.0, -1.0)
        seed = int(random.randint(2**31 - 1))
        self.n_inputs_ = inputs.shape[1]
        self.module_ = self._module(self.n_inputs_, seed)
        optimiser = torch.optim.Adam(self.module_.parameters(), lr=self.learning_rate)
        validation = None
        if X_val is not None:
            checked = validate_data(self, X_val, reset=False)
            validation = self._tensor(checked), np.where(np.asarray(y_val) == self.classes_[1], 1.0, -1.0)
        names = ("loss", "accuracy", "val_loss", "val_accuracy") if validation else ("loss", "accuracy")
        self.history_: dict[str, list[float]] = {name: [] for name in names}
        rows = [slice(None)] if self._batch == "all" else [slice(i, i + 1) for i in range(len(inputs))]
        for _ in tqdm(range(self.epochs), desc=type(self).__name__, unit="epoch", disable=not self.progress, leave=False):
            self._epoch(optimiser, inputs, signs, rows)
            if validation:
                self._validate(*validation)
        self._decide_in_double()
        return self

    def _epoch(self, optimiser: Any, inputs: Any, signs: Any, rows: list[slice]) -> None:
        losses, hits = [], 0
        for part in rows:
            loss, output = self._gradients(inputs[part], signs[part])
            optimiser.step()
            losses.append(loss)
            hits += int(((output > 0) == (signs[part] > 0)).sum())
        self.history_["loss"].append(float(np.mean(losses)))
        self.history_["accuracy"].append(hits / len(inputs))

    def _gradients(self, inputs: Any, signs: Array) -> tuple[float, Array]:
        """Put the loss's gradient into the weights; return the loss and the outputs, shape (n_samples,)."""
        torch = require("torch", "circuits")
        if hasattr(self.module_, "value_and_grad"):
            found = self.module_.value_and_grad(inputs, lambda output: self._loss(output, signs.reshape(output.shape)))
            return found.value, found.outputs.reshape(-1)
        self.module_.zero_grad()
        output = self.module_(inputs).reshape(-1)
        loss, slope = self._loss(output.detach().numpy(), signs)
        output.backward(torch.as_tensor(slope).to(output))
        return loss, output.detach().numpy()

    def _validate(self, inputs: Any, signs: Array) -> None:
        torch = require("torch", "circuits")
        with torch.no_grad():
            output = self._output(inputs).numpy()
        self.history_["val_loss"].append(self._loss(output, signs)[0])
        self.history_["val_accuracy"].append(float(((output > 0) == (signs > 0)).mean()))

    def decision_function(self, X: ArrayLike) -> Array:
        """Output of the network, shape (n_samples,): the positive class where it is above 0."""
        check_is_fitted(self, "module_")
        torch = require("torch", "circuits")
        checked = validate_data(self, X, reset=False)
        with torch.no_grad():
            output: Array = self._output(self._tensor(checked)).double().numpy()
        return output

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Class of each sample, shape (n_samples,)."""
        positive = (self.decision_function(X) > 0).astype(int)
        labels: NDArray[Any] = self.classes_[positive]
        return labels

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities that the network states, shape (n_samples, 2), not calibrated."""
        positive = self._probability(self.decision_function(X))
        return np.column_stack([1 - positive, positive])

    def _output(self, inputs: Any) -> Any:
        torch = require("torch", "circuits")
        if self._batch == "all":
            return self.module_(inputs).reshape(-1)
        if self.engine == "fast":  # all at once; in double precision, so that a score does not depend on its neighbours
            trained = all(value.dtype == torch.float64 for value in self.module_.parameters())
            return (self.module_ if trained else copy.deepcopy(self.module_).double())(inputs.double()).reshape(-1)
        return torch.cat([self.module_(one).reshape(-1) for one in inputs.split(1)])

    def _decide_in_double(self) -> None:
        if self._batch == "one" and self.engine == "fast":
            self.module_ = self.module_.double()

    def _tensor(self, X: Array) -> Any:
        torch = require("torch", "circuits")
        return torch.as_tensor(self._encode(self.preparation_.transform(X)), dtype=self._dtype)

    def _preparation(self, n_features: int) -> Any:
        if n_features <= self.n_qubits:
            return make_pipeline(StandardScaler())
        return make_pipeline(StandardScaler(), PCA(self.n_qubits, svd_solver="full"), StandardScaler())

    def _encode(self, features: Array) -> Array:
        return features

    @property
    def _dtype(self) -> Any:
        return require("torch", "circuits").float32

    @staticmethod
    def _loss(output: Array, signs: Array) -> tuple[float, Array]:
        return cross_entropy(output, signs)

    @staticmethod
    def _probability(output: Array) -> Array:
        return 1 / (1 + np.exp(-output))

    def _module(self, n_inputs: int, seed: int) -> Any:
        raise NotImplementedError


#: How a circuit is trained: all samples make an update, or each of them one.
RECIPES = ("all", "sample")


@dataclass(eq=False, repr=False)
class CircuitClassifier(QuantumClassifier):
    r"""Any circuit with one expectation value, trained by either of two recipes.

    Features are standardised. Where the circuit reads fewer, their principal components are standardised again; where it
    reads more, the features are repeated.

    Parameters
    ----------
    circuit : VariationalCircuit, optional
        With one observable (``"first"`` or ``"parity"``); `angle_circuit` of four features by default.
    recipe : {"all", "sample"}, default="all"
        ``all``: squared error against ±1, all samples make one update. ``sample``: the expectation value is the logit of a
        cross-entropy, an update a sample, in the order given.
    start : tuple of float, default=(0, 2π)
        The first weights are drawn uniformly from this interval: by default as PennyLane's TorchLayer does; Qiskit's
        TorchConnector takes (-1, 1).
    epochs, learning_rate, engine, random_state, progress
        As for `QuantumClassifier`; by default 100 epochs at a rate of 0.1.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit
    >>> X, y = make_blobs(60, centers=2, random_state=0)
    >>> circuit = VariationalCircuit(Encoding("RY", 2), Ansatz("RealAmplitudes", 2, 1))
    >>> CircuitClassifier(circuit, epochs=40, random_state=0).fit(X, y).score(X, y) > 0.8
    True
    """

    circuit: VariationalCircuit | None = None
    recipe: str = "all"
    start: tuple[float, float] = (0.0, 2 * np.pi)

    @property
    def _built(self) -> VariationalCircuit:
        circuit = angle_circuit(4) if self.circuit is None else self.circuit
        if circuit.observable == "each":
            raise ValueError("the circuit measures each qubit; a classifier of two classes needs one number: 'first' or 'parity'")
        return circuit

    @property
    def _batch(self) -> Literal["all", "one"]:  # type: ignore[override]
        if self.recipe not in RECIPES:
            raise ValueError(f"recipe={self.recipe!r} is unknown; allowed are {', '.join(map(repr, RECIPES))}")
        return "all" if self.recipe == "all" else "one"

    @property
    def _dtype(self) -> Any:
        return require("torch", "circuits").float64

    def _loss(self, output: Array, signs: Array) -> tuple[float, Array]:  # type: ignore[override]
        return squared_error(output, signs) if self.recipe == "all" else super()._loss(output, signs)

    def _probability(self, output: Array) -> Array:  # type: ignore[override]
        return (1 + output) / 2 if self.recipe == "all" else super()._probability(output)

    def _preparation(self, n_features: int) -> Any:
        wide = n_features > self._built.n_features
        reduced = [PCA(self._built.n_features, svd_solver="full"), StandardScaler()] if wide else []
        return make_pipeline(StandardScaler(), *reduced)

    def _encode(self, features: Array) -> Array:
        return repeat_columns(features, self._built.n_features)

    def _module(self, n_inputs: int, seed: int) -> Any:
        torch = require("torch", "circuits")
        first = torch.as_tensor(np.random.default_rng(seed).uniform(*self.start, self._built.weight_shape))
        return circuit_module(self._built, self.engine, first).double()

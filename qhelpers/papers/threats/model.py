r"""Pure-HQML, the network of the threat-detection paper (Section II, Figure 1), as a scikit-learn classifier.

An ANOVA F-test keeps 10 features. A fully connected layer (the paper's "FM layer") and a circuit of 10 qubits read them side by
side: feature map, RealAmplitudes with linear entanglement, the expectation value of a `SparsePauliOp`. Both outputs are
concatenated; a linear layer and a sigmoid make a probability of them. Binary cross-entropy, Adam, 10 epochs (Table I).

What the paper leaves open is an argument, with a numbered deviation (D2.20 to D2.28). All other parts of the network are linear:
without its circuit it is a logistic regression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from qhelpers._extras import require
from qhelpers.circuits import Ansatz, Encoding, QuantumLayer, VariationalCircuit
from qhelpers.circuits.encodings import check_choice, check_count
from qhelpers.models.checkpoint import Checkpoint
from qhelpers.papers.threats.rows import ArrayRows, Rows, statistics

Array = NDArray[np.float64]

OBSERVABLES = ("first", "last", "each", "sum", "parity")
#: What arguments of names may be.
ALLOWED = {
    "order": ("file", "score"),
    "scaling": ("standard", "minmax", "none"),
    "front": ("dense", "factorization", "none"),
    "observable": OBSERVABLES,
    "feeds": ("input", "layer"),
    "branch": ("circuit", "frozen", "classical", "none"),
    "loss": ("probability", "twice"),
    "engine": ("fast", "qiskit"),
}
#: Rows that are scored at a time.
_CHUNK = 16_384


def observables(name: str, n_qubits: int) -> list[Any]:
    """Qiskit operators of a name in `OBSERVABLES`, one an output (D2.22).

    ``first``: Z on qubit 0; ``last``: on the last one, which a label such as ``"ZIII"`` means in Qiskit; ``each``: on each, an
    output a qubit; ``sum``: their sum, one output; ``parity``: Z on all at once, the default of EstimatorQNN.
    """
    check_choice("observable", name, OBSERVABLES)
    operator = require("qiskit.quantum_info", "circuits").SparsePauliOp
    one = ["I" * (n_qubits - 1 - qubit) + "Z" + "I" * qubit for qubit in range(n_qubits)]
    words: dict[str, list[Any]] = {"first": one[:1], "last": one[-1:], "each": one, "sum": [one], "parity": ["Z" * n_qubits]}
    return [operator(word) for word in words[name]]


class FactorizationMachine(nn.Module):
    r"""What "FM" names (Rendle 2010): :math:`w_0 + \sum_i w_i x_i + \sum_{i<j} \langle v_i, v_j\rangle x_i x_j`.

    Parameters
    ----------
    n_features, rank : int
        Numbers of inputs, and of factors of each.
    """

    def __init__(self, n_features: int, rank: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, 1)
        self.factors = nn.Parameter(0.1 * torch.randn(n_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of shape (n_samples, 1)."""
        pairs = (x @ self.factors) ** 2 - x**2 @ self.factors**2
        out: Tensor = self.linear(x) + pairs.sum(1, keepdim=True) / 2
        return out


class Network(nn.Module):
    """Figure 1: FM layer and quantum network side by side, concatenated, one linear output (a logit).

    Parameters
    ----------
    front : Module or None
        Of (n_samples, n_features).
    branch : Module or None
        The quantum network, or what stands in its place.
    output : Linear
    feeds : {"input", "layer"}
        What the branch reads: the features, or the outputs of `front`.
    """

    def __init__(self, front: nn.Module | None, branch: nn.Module | None, output: nn.Linear, feeds: str) -> None:
        super().__init__()
        self.front, self.branch, self.output, self.feeds = front, branch, output, feeds

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (n_samples,)."""
        parts = [] if self.front is None else [self.front(x)]
        if self.branch is not None:
            parts.append(self.branch(parts[0] if self.feeds == "layer" else x).reshape(len(x), -1))
        logits: Tensor = self.output(torch.cat(parts, 1))[:, 0]
        return logits


@dataclass(eq=False, repr=False)
class PureHQMLClassifier(ClassifierMixin, BaseEstimator):
    r"""Pure-HQML: a linear layer and a circuit side by side, trained together.

    Parameters
    ----------
    n_features : int, default=10
        Features that the F-test keeps, and qubits; all where there are fewer.
    order : {"file", "score"}, default="file"
        Which feature goes to which qubit: as the columns come, or the one of the highest F first (D2.20).
    scaling : {"standard", "minmax", "none"}, default="standard"
        To mean 0 and standard deviation 1, or to [0, 1], over the training rows (D2.21).
    front : {"dense", "factorization", "none"}, default="dense"
        The FM layer: fully connected, or a factorization machine (D2.25); or nothing beside the circuit.
    width : int, default=1
        Outputs of the dense layer, or factors of the machine.
    feature_map : str, default="Z"
        A name of `qhelpers.circuits.Encoding` (D2.23).
    map_reps, ansatz_reps : int, default=1, 3
        Repetitions of feature map and RealAmplitudes (D2.23).
    entanglement : str, default="linear"
        Of RealAmplitudes; ``"none"``, of both parts, is the separable circuit.
    observable : {"first", "last", "each", "sum", "parity"}, default="parity"
        See `observables` (D2.22).
    feeds : {"input", "layer"}, default="input"
        What the circuit reads: the features, or the dense layer's outputs, of which there are then as many as qubits (D2.24).
    most_qubits : int, optional
        So many outputs of the layer at most where it feeds the circuit; by default as many as features.
    branch : {"circuit", "frozen", "classical", "none"}, default="circuit"
        The circuit; with its first weights kept; a hidden layer of tanh units with about as many weights in its place; nothing.
    loss : {"probability", "twice"}, default="probability"
        Cross-entropy of the sigmoid's output; or of a sigmoid of that, as where a loss that takes logits is given probabilities
        (D2.26).
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss (D2.26).
    epochs : int, default=10
        Passes over the rows.
    batch_size, learning_rate : int, float, default=1024, 0.03
        Rows that make an update, and step of Adam, β₁ = 0.9, β₂ = 0.999 (D2.27).
    engine : {"fast", "qiskit"}, default="fast"
        What computes the circuit: `QuantumLayer`, or the paper's TorchConnector around EstimatorQNN.
    checkpoint : path-like, optional
        Folder in which each finished epoch is kept: the same training, begun again, goes on from there and ends with the same
        network. More `epochs` may be asked for; of other rows or arguments it is refused.
    random_state : int, RandomState or None
        Draws first weights and the order of rows.
    progress : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    classes_, f_scores_, selected_ : ndarray
        Labels; F of each feature; places of those that are kept, in the order of the qubits.
    module_ : Network
    history_ : dict of str to list of float
        ``loss`` and ``accuracy`` of the training rows as seen during each epoch, ``val_loss`` and ``val_accuracy`` after it.
    """

    n_features: int = 10
    order: str = "file"
    scaling: str = "standard"
    front: str = "dense"
    width: int = 1
    feature_map: str = "Z"
    map_reps: int = 1
    ansatz_reps: int = 3
    entanglement: str = "linear"
    observable: str = "parity"
    feeds: str = "input"
    most_qubits: int | None = None
    branch: str = "circuit"
    loss: str = "probability"
    class_weight: Any = None
    epochs: int = 10
    batch_size: int = 1024
    learning_rate: float = 0.03
    engine: str = "fast"
    checkpoint: Any = None
    random_state: Any = None
    progress: bool = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, X_val: ArrayLike | None = None, y_val: ArrayLike | None = None) -> Any:
        """Select features and train.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Two classes; the larger label is the positive one, the attack.
        X_val, y_val : array-like, optional
            Rows that are scored after each epoch and never trained on.

        Raises
        ------
        ValueError
            If features are not finite numbers, there are not two classes, an argument is not among those allowed, or the
            checkpoint is another training's.
        """
        features, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        validation = None if X_val is None else ArrayRows(validate_data(self, X_val, reset=False), np.asarray(y_val))
        return self._train(ArrayRows(features, labels), validation)

    def fit_rows(self, rows: Rows, validation: Rows | None = None) -> Any:
        """Do the same with rows that need not be in memory, such as `ParquetRows`: a pass for the F-test, a pass an epoch."""
        if validation is not None and list(validation.columns) != list(rows.columns):
            raise ValueError(
                f"the validation has columns {list(validation.columns)}; allowed are those of the training, in its order"
            )
        self.n_features_in_ = len(rows.columns)
        if not isinstance(rows, ArrayRows):
            self.feature_names_in_ = np.array(rows.columns, object)
        return self._train(rows, validation)

    def decision_function(self, X: ArrayLike) -> Array:
        """Logit of each sample, shape (n_samples,): the positive class where it is above 0."""
        inputs = self.inputs(X)
        with torch.no_grad():
            parts = [self.module_(inputs[start : start + _CHUNK]) for start in range(0, len(inputs), _CHUNK)]
        logits: Array = torch.cat(parts).double().numpy()
        return logits

    def predict_proba(self, X: ArrayLike) -> Array:
        """Output of the sigmoid, shape (n_samples, 2), not calibrated."""
        positive = torch.sigmoid(torch.as_tensor(self.decision_function(X))).numpy()
        return np.column_stack([1 - positive, positive])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Class of each sample, shape (n_samples,)."""
        positive = (self.decision_function(X) > 0).astype(int)
        labels: NDArray[Any] = self.classes_[positive]
        return labels

    def inputs(self, X: ArrayLike) -> Tensor:
        """What the network reads: the selected features, scaled, shape (n_samples, n_qubits)."""
        check_is_fitted(self, "module_")
        return self._scaled(validate_data(self, X, reset=False)[:, self.selected_])

    def network(self, n_inputs: int, seed: int = 0) -> Network:
        """Network of so many features with its first weights, drawn from a seed (D2.28)."""
        self._check()
        if self.feeds == "layer" and self.front != "dense":
            raise ValueError(f"feeds='layer' needs an output a qubit, which front={self.front!r} has not; take feeds='input'")
        if self.front == self.branch == "none":
            raise ValueError("front and branch are both 'none', and nothing is left; give one of them")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            n_qubits = n_inputs if self.feeds == "input" else min(n_inputs, self.most_qubits or n_inputs)
            width = {"none": 0, "factorization": 1, "dense": n_qubits if self.feeds == "layer" else self.width}[self.front]
            front: nn.Module | None = None if self.front == "none" else nn.Linear(n_inputs, width)
            if self.front == "factorization":
                front = FactorizationMachine(n_inputs, self.width)
            branch = None if self.branch == "none" else self._branch(n_qubits)
            n_outputs = 0 if branch is None else n_qubits if self.observable == "each" else 1
            return Network(front, branch, nn.Linear(width + n_outputs, 1), self.feeds)

    def circuit(self, n_qubits: int) -> VariationalCircuit:
        """Feature map and RealAmplitudes; what is measured is said by `observables`."""
        circuit = VariationalCircuit(
            Encoding(self.feature_map, n_qubits, self.map_reps),
            Ansatz("RealAmplitudes", n_qubits, self.ansatz_reps, self.entanglement),
        )
        return circuit.separable if self.entanglement == "none" else circuit

    def _branch(self, n_inputs: int) -> nn.Module:
        measured = observables(self.observable, n_inputs)
        circuit = self.circuit(n_inputs)
        if self.branch == "classical":
            n_out, n_weights = len(measured), circuit.ansatz.n_weights
            hidden = max(1, (n_weights - n_out) // (n_inputs + 1 + n_out))
            return nn.Sequential(nn.Linear(n_inputs, hidden), nn.Tanh(), nn.Linear(hidden, n_out))
        first = torch.empty(circuit.ansatz.n_weights).uniform_(-1, 1)  # as TorchConnector draws them
        built, inputs, weights = circuit.qiskit()
        parts = {"circuit": built, "input_params": inputs, "weight_params": weights, "observables": measured}
        layer: nn.Module
        if self.engine == "fast":
            layer = QuantumLayer.from_qiskit(**parts, initial_weights=first)
        else:
            networks = require("qiskit_machine_learning.neural_networks", "circuits")
            connectors = require("qiskit_machine_learning.connectors", "circuits")
            layer = connectors.TorchConnector(networks.EstimatorQNN(**parts, input_gradients=True), first.numpy())
        return layer.requires_grad_(self.branch != "frozen")

    def _check(self) -> None:
        for name in ("n_features", "width", "epochs", "batch_size"):
            check_count(name, getattr(self, name))
        if self.most_qubits is not None:
            check_count("most_qubits", self.most_qubits)
        for name, allowed in ALLOWED.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown; allowed are {', '.join(map(repr, allowed))}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; allowed are numbers above 0")

    def _train(self, rows: Rows, validation: Rows | None) -> Any:
        self._check()
        found = statistics(rows)
        if len(found.classes) != 2:
            raise ValueError(
                f"Only binary classification is supported. The labels hold {len(found.classes)} class(es), "
                f"{found.classes.tolist()[:5]}; give rows of two: normal traffic and attacks."
            )
        self.classes_, self.f_scores_ = found.classes, found.f_scores
        best = np.argsort(-self.f_scores_, kind="stable")[: self.n_features]
        self.selected_ = best if self.order == "score" else np.sort(best)
        centre = {"standard": found.mean, "minmax": found.low, "none": 0 * found.low}[self.scaling]
        scale = {"standard": found.deviation, "minmax": found.high - found.low, "none": 1 + 0 * found.low}[self.scaling]
        self.centre_, self.scale_ = centre[self.selected_], np.where(scale > 0, scale, 1.0)[self.selected_]
        self._weights = None
        if self.class_weight is not None:
            labels = np.repeat(found.classes, found.counts)
            self._weights = torch.as_tensor(compute_class_weight(self.class_weight, classes=found.classes, y=labels)).float()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        free = ("checkpoint", "epochs", "progress", "random_state")
        same = sorted((name, str(value)) for name, value in self.get_params().items() if name not in free)
        checkpoint = Checkpoint(self.checkpoint, f"{same} {validation is None} {found.fingerprint}")
        if kept := checkpoint.load(self.epochs, None if self.random_state is None else seed):
            seed = kept["seed"]
        self.module_ = self.network(len(self.selected_), seed)
        optimiser = torch.optim.Adam([one for one in self.module_.parameters() if one.requires_grad], lr=self.learning_rate)
        names = ("loss", "accuracy", "val_loss", "val_accuracy") if validation is not None else ("loss", "accuracy")
        self.history_: dict[str, list[float]] = kept["history"] if kept else {name: [] for name in names}
        if kept:
            checkpoint.restore(kept, self.module_, optimiser)
        done = len(self.history_["loss"])
        bar = tqdm(
            range(done, self.epochs), "Pure-HQML", self.epochs, initial=done, unit="epoch", disable=not self.progress, leave=False
        )
        for epoch in bar:
            loss, accuracy, n_rows = self._pass(rows, np.random.default_rng([seed, epoch]), optimiser)
            if n_rows != found.counts.sum():
                raise ValueError(f"the rows stopped after {n_rows} of {found.counts.sum()}; give all of them in every pass")
            scores = {"loss": loss, "accuracy": accuracy}
            if validation is not None:
                scores["val_loss"], scores["val_accuracy"], _ = self._pass(validation)
            for name, value in scores.items():
                self.history_[name].append(value)
            bar.set_postfix(scores)
            checkpoint.save(self.module_, optimiser, self.history_, seed)
        if self.engine == "fast":  # so that a score does not depend on its neighbours
            self.module_.double()
        return self

    def _pass(self, rows: Rows, random: np.random.Generator | None = None, optimiser: Any = None) -> tuple[float, float, int]:
        """Mean loss, accuracy and number of the rows; with an optimiser, each batch makes an update."""
        total, hits, n = 0.0, 0, 0
        with torch.set_grad_enabled(optimiser is not None):
            for inputs, targets in self._batches(rows, random):
                logits = self.module_(inputs)
                loss = self._loss(logits, targets)
                if optimiser is not None:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                total += loss.item() * len(targets)
                hits += int(((logits > 0) == (targets > 0.5)).sum())
                n += len(targets)
        return total / n, hits / n, n

    def _batches(self, rows: Rows, random: np.random.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        for X, y in rows.blocks(self.selected_.tolist(), random):
            if strange := set(np.unique(y).tolist()) - set(self.classes_.tolist()):
                raise ValueError(f"labels {sorted(strange)} stand for nothing; the training has {self.classes_.tolist()}")
            inputs, targets = self._scaled(X), torch.as_tensor(y == self.classes_[1]).float()
            if random is not None:  # one gather a block; batches are then views
                order = torch.as_tensor(random.permutation(len(inputs)))
                inputs, targets = inputs[order], targets[order]
            yield from zip(inputs.split(self.batch_size), targets.split(self.batch_size), strict=True)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        weight = None if self._weights is None else self._weights[targets.long()]
        given = torch.sigmoid(logits) if self.loss == "twice" else logits
        return binary_cross_entropy_with_logits(given, targets, weight)

    def _scaled(self, X: NDArray[Any]) -> Tensor:
        return torch.as_tensor((X - self.centre_) / self.scale_).to(next(self.module_.parameters()).dtype)

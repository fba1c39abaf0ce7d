"""Pseudo-code and sentences of paper 1 that only training can show: run as printed and as meant, on the same rows and weights.

Nothing is tuned: both ways have the same learning rate and number of epochs, stated here before any score was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from qhelpers._extras import require
from qhelpers.datasets import Dataset
from qhelpers.papers.low_energy import as_printed as printed
from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw
from qhelpers.papers.low_energy.models import QNNHClassifier, QNNPClassifier, QNNQClassifier

RATE = 0.1
#: Learning rate of the networks that make an update a sample.
RATE_OF_SAMPLES = 0.03

Real = NDArray[np.float64]
Metrics = dict[str, float]


class Rows:
    """300 balanced rows to train on and 300 others, standardised by the former; labels 0 and 1.

    Parameters
    ----------
    dataset : Dataset
    seed : int
    all_sensors : bool
        With every numeric column of the data set, also those that deviation D1.2 leaves out.
    """

    def __init__(self, dataset: Dataset, seed: int, all_sensors: bool = False) -> None:
        subsample, weights = np.random.SeedSequence(seed).spawn(2)
        names = FEATURES[dataset.name]
        if all_sensors:
            names = [name for name in dataset.X.columns if dataset.X[name].dtype.kind == "f"]
        train, test = draw(dataset, "300+300", np.random.default_rng(subsample))
        table = dataset.X[names].to_numpy(float)
        self.raw, self.raw_test = table[train], table[test]
        self.y, self.y_test = dataset.y[train], dataset.y[test]
        scaler = StandardScaler().fit(self.raw)
        self.x, self.x_test = scaler.transform(self.raw), scaler.transform(self.raw_test)
        self.weights = int(weights.generate_state(1)[0] // 2)


def _on_qubits(x: Real) -> Any:
    """Features on four qubits, repeated where there are fewer (deviation D1.2)."""
    return require("torch", "circuits").as_tensor(x[:, np.arange(4) % x.shape[1]])


def _module(seed: int) -> Any:
    return QNNPClassifier()._module(4, seed)


def _squared(output: Any, target: Any) -> Any:
    return ((output - target) ** 2).mean()


def train(
    module: Any,
    inputs: Any,
    target: Any,
    epochs: int,
    *,
    loss: Callable[[Any, Any], Any] = _squared,
    redraw: np.random.Generator | None = None,
    shift: bool = False,
    betas: tuple[float, float] = (0.9, 0.999),
) -> tuple[float, float]:
    """Algorithm 1, one update of Adam an iteration; first and last loss.

    Parameters
    ----------
    module : torch.nn.Module
        With one tensor of weights; trained in place.
    inputs, target : tensor
    epochs : int
    loss : callable
    redraw : numpy.random.Generator, optional
        Draw the weights anew at the head of each iteration, as line 9 says.
    shift : bool
        Gradient by Eq. 19, from losses, not by backpropagation.
    betas : tuple of float
        Decay rates of Adam.
    """
    torch = require("torch", "circuits")
    optimiser = torch.optim.Adam(module.parameters(), lr=RATE, betas=betas)
    (weights,) = module.parameters()
    losses = []
    for _ in range(epochs):
        if redraw is not None:
            with torch.no_grad():
                weights.copy_(torch.as_tensor(redraw.uniform(0, 2 * np.pi, weights.shape)))
        value = loss(module(inputs).reshape(-1), target)
        losses.append(float(value.detach()))
        if shift:
            weights.grad = torch.as_tensor(_by_eq_19(module, inputs, target))
        else:
            optimiser.zero_grad()
            value.backward()
        optimiser.step()
    return losses[0], losses[-1]


def _by_eq_19(module: Any, inputs: Any, target: Any) -> Real:
    torch = require("torch", "circuits")
    (weights,) = module.parameters()
    at = weights.detach().clone()

    def loss(values: Real) -> float:
        with torch.no_grad():
            weights.copy_(torch.as_tensor(values))
            return float(_squared(module(inputs).reshape(-1), target))

    gradient = printed.shift_rule(loss, at.numpy())
    with torch.no_grad():
        weights.copy_(at)
    return gradient


def _score(module: Any, inputs: Any, y: NDArray[Any], threshold: float = 0.0) -> float:
    torch = require("torch", "circuits")
    with torch.no_grad():
        return float(np.mean((module(inputs).reshape(-1).numpy() > threshold) == (y == 1)))


def _pair(as_printed: float, meant: float) -> Metrics:
    return {"as_printed": as_printed, "meant": meant, "disagreement": abs(as_printed - meant)}


def _signs(rows: Rows) -> Any:
    return require("torch", "circuits").as_tensor(2.0 * rows.y - 1)


def redrawn(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Algorithm 1, line 9: weights drawn anew in each iteration, beside weights drawn once."""
    rows, found = Rows(dataset, seed), []
    for anew in (True, False):
        module = _module(rows.weights)
        train(module, _on_qubits(rows.x), _signs(rows), epochs, redraw=np.random.default_rng(rows.weights) if anew else None)
        found.append(_score(module, _on_qubits(rows.x_test), rows.y_test))
    return _pair(*found)


def labels(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Eq. 18 with labels 0 and 1, decided at 0 and at one half, beside labels of minus and plus one."""
    torch, rows = require("torch", "circuits"), Rows(dataset, seed)
    inputs, test = _on_qubits(rows.x), _on_qubits(rows.x_test)
    plain, signed = _module(rows.weights), _module(rows.weights)
    train(plain, inputs, torch.as_tensor(rows.y.astype(float)), epochs)
    train(signed, inputs, _signs(rows), epochs)
    meant = _score(signed, test, rows.y_test)
    found = _pair(_score(plain, test, rows.y_test, 0.5), meant)
    return found | {"decided_at_zero": _score(plain, test, rows.y_test), "decided_at_half": found["as_printed"]}


def shift_of_loss(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Eq. 19: its error as a share of the gradient, the angle between the two, and what training with it gives."""
    rows = Rows(dataset, seed)
    inputs, signs, test = _on_qubits(rows.x), _signs(rows), _on_qubits(rows.x_test)
    module = _module(rows.weights)
    wrong = _by_eq_19(module, inputs, signs).ravel()
    _squared(module(inputs).reshape(-1), signs).backward()
    right = next(module.parameters()).grad.numpy().ravel()
    size = float(np.linalg.norm(right))
    cosine = float(wrong @ right / (np.linalg.norm(wrong) * size))
    found, lost = [], []
    for shift in (True, False):
        module = _module(rows.weights)
        lost.append(train(module, inputs, signs, epochs, shift=shift)[1])
        found.append(_score(module, test, rows.y_test))
    error = float(np.linalg.norm(wrong - right)) / size
    return _pair(*found) | {
        "gradient_error": error,
        "gradient_error.expectation": _error_of_expectation(_module(rows.weights), inputs),
        "cosine": cosine,
        "loss.printed": lost[0],
        "loss.meant": lost[1],
    }


def _error_of_expectation(module: Any, inputs: Any) -> float:
    """The same rule on the mean expectation value, where it is exact."""
    torch = require("torch", "circuits")
    (weights,) = module.parameters()
    module(inputs).mean().backward()
    right, at = weights.grad.numpy().copy(), weights.detach().clone()

    def mean(values: Real) -> float:
        with torch.no_grad():
            weights.copy_(torch.as_tensor(values))
            return float(module(inputs).mean())

    return float(np.linalg.norm(printed.shift_rule(mean, at.numpy()) - right) / np.linalg.norm(right))


def two_losses(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """QNN-P with the cross-entropy of Section III-C, beside the squared error of Eq. 18 and Algorithm 1."""
    torch, rows = require("torch", "circuits"), Rows(dataset, seed)
    inputs, test = _on_qubits(rows.x), _on_qubits(rows.x_test)
    one, other = _module(rows.weights), _module(rows.weights)
    cross = torch.nn.functional.binary_cross_entropy_with_logits
    floor = float(np.log1p(np.exp(-1.0)))  # the least that a logit of at most one can reach
    _, last = train(one, inputs, torch.as_tensor(rows.y.astype(float)), epochs, loss=cross)
    train(other, inputs, _signs(rows), epochs)
    values = other(inputs).reshape(-1).detach()
    apart = float(abs(cross(values, torch.as_tensor(rows.y.astype(float))) - _squared(values, _signs(rows))))
    return _pair(_score(one, test, rows.y_test), _score(other, test, rows.y_test)) | {
        "loss_apart": apart,
        "floor": floor,
        "last_loss": last,
    }


def decay_rates(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Adam's decay rates: those that ran are the library's own; accuracy with them, and with both farther from one and nearer."""
    torch, rows = require("torch", "circuits"), Rows(dataset, seed)
    module = _module(rows.weights)
    ran = torch.optim.Adam(module.parameters()).defaults["betas"]
    found: Metrics = {"beta1": float(ran[0]), "beta2": float(ran[1])}
    for name, betas in (("printed", (0.9, 0.999)), ("farther", (0.8, 0.99)), ("nearer", (0.95, 0.9999))):
        module = _module(rows.weights)
        train(module, _on_qubits(rows.x), _signs(rows), epochs, betas=betas)
        found[f"accuracy.{name}"] = _score(module, _on_qubits(rows.x_test), rows.y_test)
    best = max(found["accuracy.farther"], found["accuracy.nearer"])
    return found | {"disagreement": abs(found["accuracy.printed"] - best)}


def _update_a_sample(network: type[QNNQClassifier], dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Algorithms 2 and 3: an update a sample, beside one an epoch ("each epoch includes a forward pass ... backward pass")."""
    rows = Rows(dataset, seed)
    found = []
    for batch in ("one", "all"):
        model = network(epochs=epochs, learning_rate=RATE_OF_SAMPLES, random_state=rows.weights)
        setattr(model, "_batch", batch)  # noqa: B010 (a constant of the class, changed for this one)
        model.fit(rows.raw, rows.y)
        found.append(float(model.score(rows.raw_test, rows.y_test)))
    return _pair(*found) | {"updates.printed": float(len(rows.y)), "updates.meant": 1.0}


def algorithm_2(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """`_update_a_sample` of QNN-Q."""
    return _update_a_sample(QNNQClassifier, dataset, seed, epochs)


def algorithm_3(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """`_update_a_sample` of QNN-H, and the parameters of what Algorithm 3 says to put out, "Trained QNN-Q"."""
    rows = Rows(dataset, seed)
    sizes = {}
    for name, network in (("printed", QNNQClassifier), ("meant", QNNHClassifier)):
        model = network(epochs=1, random_state=0).fit(rows.raw[:20:1], np.arange(20) % 2)
        sizes[f"parameters.{name}"] = float(sum(one.numel() for one in model.module_.parameters()))
    return _update_a_sample(QNNHClassifier, dataset, seed, epochs) | sizes


def evaluated(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Section II-E and II-F: QNN-Q and QNN-H by Eqs. 17 and 18 (Z on the first qubit, squared error), beside their own loss."""
    torch, rows = require("torch", "circuits"), Rows(dataset, seed)
    model = QNNHClassifier(epochs=epochs, learning_rate=RATE_OF_SAMPLES, random_state=rows.weights).fit(rows.raw, rows.y)
    inputs = torch.as_tensor(model.preparation_.transform(rows.raw_test), dtype=torch.float32)
    with torch.no_grad():
        angles = model.module_[:3](inputs.double()).numpy()
        weights = next(model.module_[3].parameters()).double().numpy().reshape(2, 2)
        logits = model._output(inputs)
    states = []
    for pair in angles:
        start = printed.z_feature_map(pair, 1, "time")[:, 0]
        turned = printed.real_amplitudes(weights[:1], [(0, 1)], "time") @ start
        states.append(printed.tensor([printed.ry(angle) for angle in weights[1]]) @ turned)
    z0 = printed.z0(np.array(states))
    truth = rows.y_test == 1
    said = float(np.mean((z0 > 0) == truth))
    labels_ = torch.as_tensor(rows.y_test.astype(float))
    own = float(torch.nn.functional.binary_cross_entropy_with_logits(logits.double(), labels_))
    return _pair(said, float(np.mean((logits.numpy() > 0) == truth))) | {
        "loss.printed": float(np.mean((z0 - (2.0 * rows.y_test - 1)) ** 2)),
        "loss.meant": own,
    }


def convolution(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """QNN-H with a convolution over the sensors in front (two neighbours, four channels), beside its dense layers."""
    rows, found = Rows(dataset, seed), []
    for kind in ("convolution", "dense"):
        model = QNNHClassifier(epochs=epochs, learning_rate=RATE_OF_SAMPLES, random_state=rows.weights)
        if kind == "convolution":
            model = _Convolved(**model.get_params())
        model.fit(rows.raw, rows.y)
        found.append(float(model.score(rows.raw_test, rows.y_test)))
    return _pair(*found) | {"positions": float(rows.x.shape[1] - 1)}


class _Convolved(QNNHClassifier):
    """QNN-H whose first layer slides over neighbouring sensors; all behind it is the same."""

    def _module(self, n_inputs: int, seed: int) -> Any:
        torch = require("torch", "circuits")
        dense = super()._module(n_inputs, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            slide = torch.nn.Conv1d(1, 4, 2)
            after = torch.nn.Linear(4 * (n_inputs - 1), self.n_qubits)
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, n_inputs)), slide, torch.nn.ReLU(), torch.nn.Flatten(), after, *list(dense)[3:]
        )


def reduced_first(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Section III-B: principal components of raw sensors and then a scaler on all rows, beside scaled, reduced, scaled."""
    rows = Rows(dataset, seed, all_sensors=True)
    signs = _signs(rows)
    n = min(4, rows.raw.shape[1])
    everything = np.concatenate([rows.raw, rows.raw_test])
    first = PCA(n, svd_solver="full").fit(everything)
    scaler = StandardScaler().fit(first.transform(everything))
    ways = {"printed": tuple(scaler.transform(first.transform(part)) for part in (rows.raw, rows.raw_test))}
    second = PCA(n, svd_solver="full").fit(rows.x)
    again = StandardScaler().fit(second.transform(rows.x))
    ways["meant"] = tuple(again.transform(second.transform(part)) for part in (rows.x, rows.x_test))
    found = []
    for one, other in ways.values():
        module = _module(rows.weights)
        train(module, _on_qubits(one), signs, epochs)
        found.append(_score(module, _on_qubits(other), rows.y_test))
    share = float(np.max(first.components_[0] ** 2))
    return _pair(*found) | {"one_sensor": share, "variance": float(first.explained_variance_ratio_[0])}


def own_scale(dataset: Dataset, seed: int, epochs: int) -> Metrics:
    """Algorithm 1, line 20: the test rows normalised by themselves, beside the scale of the training rows."""
    rows = Rows(dataset, seed)
    module = _module(rows.weights)
    train(module, _on_qubits(rows.x), _signs(rows), epochs)
    alone = StandardScaler().fit_transform(rows.raw_test)
    said, meant = (_score(module, _on_qubits(part), rows.y_test) for part in (alone, rows.x_test))
    skewed = _shares_of_one_class(rows, module)
    return _pair(said, meant) | skewed


def _shares_of_one_class(rows: Rows, module: Any) -> Metrics:
    """The same where the test rows come in batches of one class, as a sensor delivers them."""
    right: dict[str, list[float]] = {"own": [], "trained": []}
    for label in (0, 1):
        part = rows.y_test == label
        own = StandardScaler().fit_transform(rows.raw_test[part])
        for name, inputs in (("own", own), ("trained", rows.x_test[part])):
            right[name].append(_score(module, _on_qubits(inputs), rows.y_test[part]))
    return {f"one_class.{name}": float(np.mean(values)) for name, values in right.items()}


#: What training shows, by the name in a config.
TRAINED: dict[str, Callable[[Dataset, int, int], Metrics]] = {
    "algorithm-1": redrawn,
    "algorithm-2": algorithm_2,
    "algorithm-3": algorithm_3,
    "labels": labels,
    "eq-19": shift_of_loss,
    "two-losses": two_losses,
    "adam": decay_rates,
    "evaluated": evaluated,
    "cnn": convolution,
    "reduced-first": reduced_first,
    "own-scale": own_scale,
}
_SLOW: Sequence[str] = ("algorithm-2", "algorithm-3", "evaluated", "cnn")
#: Iterations of QNN-P, or passes of the networks that make an update a sample.
EPOCHS = {
    "quick": {name: 1 if name in _SLOW else 5 for name in TRAINED},
    "laptop": {name: 5 if name in _SLOW else 60 for name in TRAINED},
}

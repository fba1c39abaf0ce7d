"""Three questions to the quantum layer: what a fixed target leaves it to say, what depth adds, what 4 numbers add to 512.

On features of a backbone that was trained once, as in `weights`; what is trained many times is the head (D4.70 to D4.73).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor

from qhelpers._extras import require
from qhelpers.circuits import NoiseModel, QuantumLayer
from qhelpers.datasets import Signals
from qhelpers.papers.bearings.experiments import network, weights
from qhelpers.papers.bearings.model import LAMBDAS, N_QUBITS, HybridHead, Output, QEMLNet, circuit
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome

Array = NDArray[np.float64]


class FreeFit(QEMLNetClassifier):
    """The head with the circuit's 80 products of sines and cosines in its place, each output with coefficients of its own."""

    def network(self, n_classes: int, shape: tuple[int, ...], seed: int = 0) -> QEMLNet:
        """Network with its first weights: the coefficients are those of an untrained circuit, and free from there."""
        made = super().network(n_classes, shape, seed)
        assert isinstance(made.head.circuit, QuantumLayer)
        made.head.circuit = made.head.circuit.surrogate()
        return made


NO_FIDELITY: dict[str, Any] = {"lambdas": (*LAMBDAS[:2], 0.0)}
#: What stands where the circuit stood, by name (D4.71).
PLACES: dict[str, tuple[type[QEMLNetClassifier], dict[str, Any]]] = {
    "circuit": (QEMLNetClassifier, {}),
    "no_fidelity": (QEMLNetClassifier, NO_FIDELITY),
    "none": (QEMLNetClassifier, {"branch": "none"}),
    "tanh": (QEMLNetClassifier, {"branch": "classical"}),
    "separable": (QEMLNetClassifier, {"branch": "separable"}),
    "frozen": (QEMLNetClassifier, {"branch": "frozen"}),
    "layers_0": (QEMLNetClassifier, {"n_layers": 0}),
    "layers_1": (QEMLNetClassifier, {"n_layers": 1}),
    "layers_2": (QEMLNetClassifier, {"n_layers": 2}),
    "free": (FreeFit, {}),
}
#: Heads that are trained for long, by the target of their fidelity loss (D4.70).
LONG: dict[str, dict[str, Any]] = {
    "class": {},
    "zero": {"target": "zero"},
    "zero_heavy": {"target": "zero", "lambdas": (*LAMBDAS[:2], 10 * LAMBDAS[2])},
    "no_fidelity": NO_FIDELITY,
}
#: The fidelity of section 4.1, at the end and where it is called stable.
PRINTED, STABLE = 0.962, 0.95
#: Depolarising noise after each gate, on each of its qubits; and shots a window.
STRENGTHS, SHOTS = (0.001, 0.003, 0.01, 0.03, 0.1), (100, 1000, 10_000)
#: Epoch of section 4.1 from which the fidelity is called stable.
INFLECTION = 142
#: ⟨Z⟩ of each qubit from the shares of basis states: the first qubit is the first bit.
SIGNS = np.array([[1 - 2 * (state >> (N_QUBITS - 1 - qubit) & 1) for qubit in range(N_QUBITS)] for state in range(2**N_QUBITS)])


def room(fidelity: float, basis: bool = True) -> float:
    r"""How far ⟨Z⟩ of any qubit can be from the target's, for a state of that fidelity with the target: a bound.

    Let the target be a basis state, whose qubit k is always read as :math:`s_k = \pm 1`. The state is read as the target with
    probability F, and then qubit k as :math:`s_k`. So it is read as :math:`s_k` with a probability :math:`P \ge F`, and
    :math:`1 - s_k \langle Z_k \rangle = 2 (1 - P) \le 2 (1 - F)`. For any pure target, a difference of expectation values of an
    observable between -1 and 1 is at most twice the trace distance of the states, which is at most :math:`\sqrt{1 - F}`
    (Fuchs and van de Graaf 1999): :math:`|\Delta \langle Z_k \rangle| \le 2 \sqrt{1 - F}`.

    Parameters
    ----------
    fidelity : float
        Of one window; the first bound also holds for means over windows, since it is linear.
    basis : bool
        Whether the target is a basis state.

    Raises
    ------
    ValueError
        If the fidelity is none.
    """
    if not 0 <= fidelity <= 1:
        raise ValueError(f"a fidelity of {fidelity}; allowed are 0 to 1")
    return 2 * (1 - fidelity) if basis else 2 * math.sqrt(1 - fidelity)


def room_for_spread(fidelity: float) -> float:
    r"""How much ⟨Z⟩ can spread over windows whose mean fidelity with one basis state is given: a bound on its standard deviation.

    Its mean is at least :math:`1 - e` with :math:`e = 2(1 - F)` (see `room`), and no number within [-1, 1] of mean m has a
    variance above :math:`(1 - m)(1 + m)` (Bhatia and Davis 2000): :math:`\sqrt{e (2 - e)}`, as long as :math:`e \le 1`.
    """
    e = min(room(fidelity), 1.0)
    return math.sqrt(e * (2 - e))


def probabilities(head: HybridHead, noise: NoiseModel | None = None) -> QuantumLayer:
    """The circuit of a head, with its weights, as a layer that gives the shares of all 16 outcomes, without noise or with it."""
    qml = require("pennylane", "circuits")
    built = circuit()
    assert isinstance(head.circuit, QuantumLayer)

    def shares(inputs: Tensor, weights: Tensor) -> Any:
        built.encoding.pennylane(inputs)
        built.ansatz.pennylane(weights)
        return qml.probs(wires=range(N_QUBITS))

    kept = {"weights": next(iter(head.circuit.parameters())).detach().clone()}
    return QuantumLayer(shares, {"weights": built.weight_shape}, kept, n_inputs=N_QUBITS, noise=noise)


def decided(model: QEMLNetClassifier, output: Output, q: Any) -> NDArray[np.int64]:
    """Classes that the head names with other numbers in the place of q."""
    like = output.h
    with torch.no_grad():
        logits = model.module_.head.classifier(torch.cat([torch.as_tensor(q).to(like), like], 1))
    named: NDArray[np.int64] = model.classes_[logits.argmax(1).numpy()]
    return named


def said(model: QEMLNetClassifier, train: Output, test: Output, y: Any, truth: Any, rng: np.random.Generator) -> dict[str, float]:
    """What the four numbers say: the head without them, and they without the head.

    Parameters
    ----------
    model : QEMLNetClassifier
    train, test : Output
        What the head makes of the windows it was trained on, and of others.
    y, truth : array of int
        Their classes.
    rng : numpy.random.Generator
        Shuffles.

    Returns
    -------
    dict of str to float
        ``q_sd``, mean standard deviation of the four over windows of the test; accuracies: ``shuffled``, each window with the
        four numbers of another (mean of five shuffles); ``mean``, with their means over training; ``alone``, of a logistic
        regression on the four.
    """
    assert train.q is not None
    assert test.q is not None
    q = test.q.double()
    shuffles = [float(np.mean(decided(model, test, q[rng.permutation(len(q))]) == truth)) for _ in range(5)]
    constant = train.q.double().mean(0).expand(len(q), -1)
    alone = LogisticRegression(max_iter=2000).fit(train.q.double().numpy(), y)
    return {
        "q_sd": float(q.std(0, correction=0).mean()),
        "shuffled": float(np.mean(shuffles)),
        "mean": float(np.mean(decided(model, test, constant) == truth)),
        "alone": float(alone.score(q.numpy(), truth)),
    }


def under_noise(model: QEMLNetClassifier, output: Output, y: Any, rng: np.random.Generator) -> dict[str, Array]:
    """The four numbers and the decisions of a trained head with gate noise, and with finitely many shots and no other noise.

    Returns
    -------
    dict of str to ndarray
        By strength and by number of shots (``gate_`` and ``shot_``): ``q``, mean difference of the four from their exact values;
        ``changed``, share of decisions that are others; ``accuracy``; by strength ``fidelity`` too, with the loss's target.
    """
    head = model.module_.head
    assert output.v is not None
    v = output.v.double()
    exact = decided(model, output, output.q)
    which = np.searchsorted(model.classes_, y) if head.target == "class" else np.zeros(len(y), int)
    with torch.no_grad():
        pure = probabilities(head).double()(v).numpy()
        noisy = {p: probabilities(head, NoiseModel("depolarizing", p)).double()(v).numpy() for p in STRENGTHS}
    drawn = {n: rng.multinomial(n, pure / pure.sum(1, keepdims=True)) / n for n in SHOTS}
    found: dict[str, Array] = {"gate_fidelity": np.array([one[np.arange(len(y)), which].mean() for one in noisy.values()])}
    sweeps: dict[str, list[Array]] = {"gate": list(noisy.values()), "shot": list(drawn.values())}
    for name, sweep in sweeps.items():
        named = [decided(model, output, shares @ SIGNS) for shares in sweep]
        found |= {
            f"{name}_q": np.array([np.abs((shares - pure) @ SIGNS).mean() for shares in sweep]),
            f"{name}_changed": np.array([np.mean(one != exact) for one in named]),
            f"{name}_accuracy": np.array([np.mean(one == y) for one in named]),
        }
    return found


def stays(curve: Any, level: float) -> float:
    """Epoch, from 1, from which a curve never again falls below a level; NaN if it ends below."""
    below = np.flatnonzero(np.asarray(curve) < level)
    last = int(below[-1]) + 1 if len(below) else 0
    return float(last + 1) if last < len(curve) else float("nan")


def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Train a backbone, then heads on its features, and ask them.

    Parameters
    ----------
    config : mapping
        ``split``, ``size`` and ``epochs`` of the backbone's training, as in `network.run`; ``heads``, how many are trained of
        each of `PLACES`; ``long``, epochs of those of `LONG`.
    seed : int
        Of split and backbone; heads have seeds of their own, the same for all places, so that they are pairs.
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where the backbone's training keeps its last epoch.

    Returns
    -------
    Outcome
        Of tested windows, means over heads: ``accuracy_``, ``entropy_`` (cross-entropy, nats), ``shuffled_``, ``mean_``,
        ``alone_``, ``q_sd_`` with a key of `PLACES` (see `said`), and each head's in arrays (places, heads) without it;
        ``gain_``, accuracy with the circuit minus that. With ``long_`` and a key of `LONG` before them the same of long
        trainings, and ``fidelity`` (of tested windows), ``last_fidelity`` and ``inflection_fidelity`` (of the last epoch, and of
        `INFLECTION`), ``stable`` (`stays` above .95), ``settled`` (the same of accuracy on tested windows, one point below its
        end), ``gap`` and ``largest_gap``: of 1 − s ⟨Z⟩ the mean over windows, of the qubit where it is largest, and the largest
        of all; ``noise_`` and what `under_noise` counts, at the middle of `STRENGTHS`. ``bound``, ``bound_general`` and
        ``bound_spread``: `room` and `room_for_spread` at the printed fidelity. Arrays of the long trainings: ``curve_`` of
        fidelity and accuracy, ``q_sds``, and `under_noise`.
    """
    model, some, part = weights.trained(config, seed, dataset, scratch)
    X, y, X_test, truth = model.features(some.x), some.y, model.features(part.test.x), part.test.y
    scores: dict[str, list[list[float]]] = {}
    for kind, options in PLACES.values():
        row: dict[str, list[float]] = {}
        for number in range(config["heads"]):
            head = kind(random_state=1000 * seed + number, **weights.HEAD, **options).fit(X, y)
            told = _scores(head, X, y, X_test, truth, np.random.default_rng([seed, number]))
            for name, value in told.items():
                row.setdefault(name, []).append(value)
        for name in ("accuracy", "entropy", "shuffled", "mean", "alone", "q_sd"):
            scores.setdefault(name, []).append(row.get(name, [np.nan] * config["heads"]))
    arrays: dict[str, Any] = {name: np.array(values) for name, values in scores.items()} | {"place": np.array(list(PLACES))}
    metrics = {
        f"{name}_{place}": float(np.mean(row)) for name, rows in scores.items() for place, row in zip(PLACES, rows, strict=True)
    }
    metrics |= {
        f"gain_{place}": metrics["accuracy_circuit"] - metrics[f"accuracy_{place}"] for place in PLACES if place != "circuit"
    }
    metrics |= {"bound": room(PRINTED), "bound_general": room(PRINTED, basis=False), "bound_spread": room_for_spread(PRINTED)}
    for name, options in LONG.items():
        head = QEMLNetClassifier(random_state=seed, **weights.HEAD | {"epochs": config["long"]}, **options)
        head.fit(X, y, X_test, truth)
        told, curves = _long(head, X, y, X_test, truth, np.random.default_rng([seed, 7]))
        metrics |= {f"long_{name}_{key}": value for key, value in told.items()}
        arrays |= {f"long_{name}_{key}": values for key, values in curves.items()}
    metrics |= {"windows_train": float(len(y)), "windows_test": float(len(truth))}
    return Outcome({name: value for name, value in metrics.items() if np.isfinite(value)}, arrays=arrays)


def _scores(head: QEMLNetClassifier, X: Any, y: Any, X_test: Any, truth: Any, rng: np.random.Generator) -> dict[str, float]:
    output = head.outputs(X_test)
    shares = output.logits.softmax(1).double().numpy()
    found = {
        "accuracy": float(np.mean(head.classes_[shares.argmax(1)] == truth)),
        "entropy": float(log_loss(truth, shares / shares.sum(1, keepdims=True), labels=head.classes_)),
    }
    return found if output.q is None else found | said(head, head.outputs(X), output, y, truth, rng)


def _long(head: QEMLNetClassifier, X: Any, y: Any, X_test: Any, truth: Any, rng: np.random.Generator) -> Any:
    """Numbers and arrays of one long training."""
    found, output = _scores(head, X, y, X_test, truth, rng), head.outputs(X_test)
    assert output.v is not None
    assert output.q is not None
    own, which = head.module_.head, torch.as_tensor(np.searchsorted(head.classes_, truth))
    with torch.no_grad():
        fidelity = own.fidelity(output.v, which).double().numpy()
    history = head.history_
    basis = which.numpy() if own.target == "class" else np.zeros(len(truth), int)
    gaps = 1 - SIGNS[basis] * output.q.double().numpy()
    found |= {
        "fidelity": float(fidelity.mean()),
        "last_fidelity": history["fidelity"][-1],
        "stable": stays(history["fidelity"], STABLE),
        "inflection_fidelity": history["fidelity"][min(INFLECTION, len(history["fidelity"])) - 1],
        "settled": stays(history["val_accuracy"], history["val_accuracy"][-1] - 0.01),
        "gap": float(gaps.mean(0).max()),
        "largest_gap": float(gaps.max()),
    }
    curves = {f"curve_{name}": np.array(history[name]) for name in ("fidelity", "accuracy", "val_accuracy")}
    noise = under_noise(head, output, truth, rng)
    found |= {
        f"noise_{key}": float(noise[f"gate_{key}"][len(STRENGTHS) // 2]) for key in ("fidelity", "q", "changed", "accuracy")
    }
    return found, curves | noise | {"q_sds": output.q.double().std(0, correction=0).numpy()}


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Each fault size held out once; windows at random once."""
    quick = profile == "quick"
    base = {"data": "cwru", "size": 32, "epochs": network.EPOCHS["quick" if quick else "laptop"]}
    base |= {"heads": 2, "long": 4} if quick else {"heads": 20, "long": 200}
    return [(base | {"split": split}, 1 if quick or split == network.SPLITS[0] else 3) for split in network.SPLITS]


EXPERIMENT = Experiment(
    name="bearings-questions",
    version="1",
    about="paper 4: the quantum layer asked three things, heads on features of a trained backbone, two splits",
    function=run,
    grid=grid,
    estimate=lambda config: 110.0 + 15.0 * config["heads"] + 2.0 * config["long"],
    headline="accuracy_circuit",
    order="seed",
    told=("data", "split", "size", "heads", "long"),
    needs=lambda config: Needs(memory_gb=2.5),
    checkpoints=True,
)

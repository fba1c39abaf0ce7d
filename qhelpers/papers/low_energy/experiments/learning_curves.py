"""Experiment of chapter 1.4: QNN-P, convex fits on its own terms, and ordinary models, from 20 to 10,000 training points.

Also what the light cone says, tried out: what changes when inputs and weights that the measurement cannot see are replaced.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from qhelpers._extras import require
from qhelpers.datasets import Dataset
from qhelpers.evaluation import (
    binary_metrics,
    confusion_counts,
    corrected_t_test,
    holm,
    stratified_split,
    time_block_split,
)
from qhelpers.models import TrigonometricFeatures, baseline, tune
from qhelpers.models.quantum import repeat_columns
from qhelpers.papers.low_energy.circuits import qnn_p_circuit
from qhelpers.papers.low_energy.experiments.tables import EPOCHS, FEATURES, LEARNING_RATES, TUNING_ROWS, of_paper
from qhelpers.papers.low_energy.models import QNNPClassifier, fill_qubits
from qhelpers.runs.experiment import Outcome, knows

if TYPE_CHECKING:
    import pandas as pd

    from qhelpers.runs.records import Record

Array = NDArray[np.float64]

#: Training points. The room has too few occupied minutes for the last size of the tracker (deviation D1.19).
SIZES = {
    "occupancy": (20, 50, 100, 300, 1000, 3000, 4800),
    "ton_iot_gps": (20, 50, 100, 300, 1000, 3000, 10000),
}
#: Up to this size twenty seeds, above it ten.
LARGEST_OF_TWENTY = 1000
N_TEST = 3000
#: Tenths of time, of which each seed leaves out one (deviation D1.20).
N_BLOCKS = 10
#: Strengths of the penalty that inner folds choose from: alpha of the squared error, C of the logistic loss.
PENALTIES = (0.1, 1.0, 10.0)
N_FOLDS = 5
N_QUBITS = 4

#: Sensors on the qubits, first to last, where they are not those of `FEATURES`.
ORDERS = {
    "lamp first": ["Light", "Temperature", "Humidity", "CO2"],
    "without CO2": ["Temperature", "Humidity", "Light"],
}
#: What chapters call the models, and their configs.
MODELS: dict[str, dict[str, Any]] = {
    "QNN-P, chain": {"model": "qnn-p", "entangler": "chain"},
    "QNN-P, ring": {"model": "qnn-p", "entangler": "ring"},
    "QNN-P without CNOTs": {"model": "qnn-p", "entangler": "none"},
    "free fit, chain's terms": {"model": "least-squares", "entangler": "chain"},
    "free fit, ring's terms": {"model": "least-squares", "entangler": "ring"},
    "logistic fit, chain's terms": {"model": "logistic", "entangler": "chain"},
    "logistic fit, ring's terms": {"model": "logistic", "entangler": "ring"},
    "logistic regression": {"model": "logistic-regression"},
    "random forest": {"model": "random-forest"},
    "gradient boosting": {"model": "gradient-boosting"},
    "one threshold": {"model": "one-threshold"},
}
#: In the room alone: another sensor on the measured qubit, and a ring that has no CO2 to see.
ROOM_ONLY: dict[str, dict[str, Any]] = {
    "QNN-P, chain, lamp first": {"model": "qnn-p", "entangler": "chain", "order": "lamp first"},
    "QNN-P, ring, no CO₂": {"model": "qnn-p", "entangler": "ring", "order": "without CO2"},
}
#: On one size: of ten trainings from different first weights, each three times as long, the one of the lowest training loss.
TEN_STARTS: dict[str, dict[str, Any]] = {
    "QNN-P, chain, best of ten": {"model": "qnn-p", "entangler": "chain", "starts": 10},
    "QNN-P, ring, best of ten": {"model": "qnn-p", "entangler": "ring", "starts": 10},
}
SIZE_OF_STARTS = 1000
#: Models that explain others, with half the seeds.
EXPLAINING = ("QNN-P without CNOTs", *ROOM_ONLY)
CLASSICAL = ("logistic-regression", "random-forest", "gradient-boosting", "one-threshold")


def pools(dataset: Dataset, seed: int) -> tuple[NDArray[np.int64], list[NDArray[np.int64]], NDArray[np.int64]]:
    """Rows of one seed: a tenth of time that is left out, and from the rest test rows and an order of training rows.

    Parameters
    ----------
    dataset : Dataset
        Where rows are drawn from.
    seed : int
        ``seed mod 10`` names the tenth; the rest is drawn.

    Returns
    -------
    test : ndarray of int of shape (n_test,)
        Balanced rows of the nine tenths, at most `N_TEST`, at most two thirds of the rarer class's.
    training : list of two ndarray of int
        Rows of class 0 and of class 1 that may train, in random order: the first n/2 of each are n training points, so that
        larger sets hold the smaller.
    elsewhere : ndarray of int
        Rows of the tenth.
    """
    rest, elsewhere = time_block_split(dataset.time, N_BLOCKS, seed % N_BLOCKS)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    rows = [rng.permutation(rest[dataset.y[rest] == label]) for label in (0, 1)]
    half = min(N_TEST // 2, 2 * min(map(len, rows)) // 3)
    return np.concatenate([one[:half] for one in rows]), [one[half:] for one in rows], elsewhere


def training_rows(training: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """First `n` balanced rows of `pools`, the classes by turns.

    Raises
    ------
    ValueError
        If a class has fewer than half of them.
    """
    most = 2 * min(map(len, training))
    if n > most or n < 2 or n % 2:
        raise ValueError(f"{n} balanced training points; allowed is an even number up to {most}, twice what the rarer class has")
    return np.stack([one[: n // 2] for one in training], axis=1).reshape(-1)


@functools.lru_cache(maxsize=8)
def _terms(entangler: str) -> TrigonometricFeatures:
    return TrigonometricFeatures(qnn_p_circuit(N_QUBITS, N_QUBITS, 3, entangler)).fit(np.zeros((2, N_QUBITS)))


class _FreeFit:
    """A linear model on the circuit's terms: same angles, same columns, free coefficients, nothing added."""

    def __init__(self, kind: str, entangler: str, seed: int) -> None:
        self.kind, self.entangler, self.seed = kind, entangler, seed

    def columns(self, X: Array) -> Array:
        angles = self.scaler.transform(X)
        return _terms(self.entangler).transform(repeat_columns(angles, N_QUBITS))

    def fit(self, X: Array, y: NDArray[Any]) -> _FreeFit:
        self.scaler = StandardScaler().fit(X)
        folds = list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=self.seed).split(X, y))
        squares = self.kind == "least-squares"
        linear = Ridge(fit_intercept=False) if squares else LogisticRegression(fit_intercept=False, max_iter=2000)
        name, score = ("alpha", "neg_mean_squared_error") if squares else ("C", "neg_log_loss")
        search = GridSearchCV(linear, {name: list(PENALTIES)}, scoring=score, cv=folds)
        search.fit(self.columns(X), np.where(y == 1, 1.0, -1.0) if squares else y)
        self.penalty = float(search.best_params_[name])
        self.linear = search.best_estimator_
        return self

    def decision_function(self, X: Array) -> Array:
        columns = self.columns(X)
        found: Array = self.linear.predict(columns) if self.kind == "least-squares" else self.linear.decision_function(columns)
        return found


def _trained(config: Mapping[str, Any], seed: int, X: Array, y: NDArray[Any]) -> tuple[Any, dict[str, Any], float]:
    """Return the fitted model of a config, what inner splits chose, and the seconds of the final training."""
    inner, weights = np.random.SeedSequence([seed, len(y)]).spawn(2)
    state = int(weights.generate_state(1)[0] // 2)
    chosen: dict[str, Any] = {}
    model: Any
    if config["model"] == "qnn-p":
        fill = "idle" if config.get("order") else "repeat"
        model = QNNPClassifier(
            n_qubits=N_QUBITS, entangler=config["entangler"], fill=fill, epochs=config["max_epochs"], random_state=state
        )
        if config.get("starts"):
            return _best_start(model, config, weights, X, y)
        rng = np.random.default_rng(inner)
        part = slice(None) if len(y) <= TUNING_ROWS else stratified_split(y, TUNING_ROWS, rng)[1]
        model, _ = tune(model, config["learning_rates"], X[part], y[part], rng)
        chosen = {"learning_rate": model.learning_rate, "epochs": model.epochs}
    elif config["model"] in ("least-squares", "logistic"):
        model = _FreeFit(config["model"], config["entangler"], int(inner.generate_state(1)[0] // 2))
    else:
        model = baseline(config["model"], state)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    if isinstance(model, _FreeFit):
        chosen = {"penalty": model.penalty}
    return model, chosen, seconds


def _best_start(
    model: QNNPClassifier, config: Mapping[str, Any], weights: np.random.SeedSequence, X: Array, y: NDArray[Any]
) -> tuple[QNNPClassifier, dict[str, Any], float]:
    """Train from several first weights at the largest rate and keep the lowest training loss: what the circuit can do."""
    rate, signs = max(config["learning_rates"]), np.where(y == 1, 1.0, -1.0)
    found: list[tuple[float, QNNPClassifier]] = []
    start = time.perf_counter()
    for state in weights.generate_state(config["starts"]):
        one = clone(model).set_params(random_state=int(state // 2), learning_rate=rate).fit(X, y)
        found.append((float(np.mean((one.decision_function(X) - signs) ** 2)), one))
    losses = [round(loss, 5) for loss, _ in found]
    best = min(found, key=lambda pair: pair[0])[1]
    return best, {"learning_rate": rate, "epochs": model.epochs, "start_losses": losses}, time.perf_counter() - start


def _decide(model: Any, X: Array) -> Array:
    decide = getattr(model, "decision_function", None)
    scores: Array = decide(X) if decide else model.predict_proba(X)[:, 1] - 0.5
    return scores


def masked(model: QNNPClassifier, X: Array, rng: np.random.Generator) -> dict[str, float]:
    """Largest change of a trained network's outputs when what its light cone leaves out is replaced, and when the rest is.

    The outputs are computed here from PennyLane's matrix of the whole circuit: the engine's short path leaves out by its
    structure what cannot matter, and would prove nothing.

    Parameters
    ----------
    model : QNNPClassifier
        Trained.
    X : ndarray of shape (n_samples, n_features)
        Test points.
    rng : numpy.random.Generator
        Draws the order in which inputs are dealt out anew, and the new weights.

    Returns
    -------
    dict of float
        ``unseen_inputs``, ``unseen_weights``, ``seen_inputs``, ``seen_weights``; and ``engines``, the largest difference between
        the whole circuit and the network's own outputs.
    """
    angles = fill_qubits(model.preparation_.transform(X), model.n_qubits, model.fill)
    weights = model.module_.weights.detach().numpy()
    cone = model.module_.light_cone()
    sees, feels = cone.inputs[0], cone.weights[0].reshape(weights.shape)
    dealt, drawn = angles[rng.permutation(len(angles))], rng.uniform(0, 2 * np.pi, weights.shape)
    before, other = whole_circuit(model, weights), np.where(feels, weights, drawn)
    plain = before(angles)
    changed = {
        "unseen_inputs": before(np.where(sees, angles, dealt)),
        "unseen_weights": whole_circuit(model, other)(angles),
        "seen_inputs": before(np.where(sees, dealt, angles)),
        "seen_weights": whole_circuit(model, np.where(feels, drawn, weights))(angles),
        "engines": model.decision_function(X),
    }
    return {name: float(np.abs(values - plain).max()) for name, values in changed.items()}


def whole_circuit(model: QNNPClassifier, weights: Array) -> Callable[[Array], Array]:
    """QNN-P as a function of angles (n_samples, n_inputs), from state vectors of all qubits and PennyLane's matrix of all gates.

    Parameters
    ----------
    model : QNNPClassifier
        Names the circuit.
    weights : ndarray of shape (n_layers, n_qubits, 2)
    """
    qml = require("pennylane", "circuits")
    n_inputs = model.n_inputs_
    circuit = qnn_p_circuit(n_inputs, model.n_qubits, model.n_layers, model.entangler).pennylane()
    # at inputs 0 the encoding is the identity, and what is left is the matrix of the layers
    layers = qml.matrix(circuit, wire_order=range(model.n_qubits))(np.zeros(n_inputs), weights)

    def outputs(angles: Array) -> Array:
        states = np.ones((len(angles), 1))
        for qubit in range(model.n_qubits):
            half = angles[:, qubit] / 2 if qubit < n_inputs else np.zeros(len(angles))
            one = np.stack([np.cos(half), np.sin(half)], axis=1)
            states = (states[:, :, None] * one[:, None, :]).reshape(len(angles), -1)
        chances = np.abs(states @ layers.T) ** 2
        first, second = np.split(chances, 2, axis=1)  # PennyLane's first wire is the first bit
        found: Array = first.sum(1) - second.sum(1)
        return found

    return outputs


@knows(model=("qnn-p", "least-squares", "logistic", *CLASSICAL))
def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train one model at every size and test it on other rows of the same days, and on the tenth of time that was left out.

    Parameters
    ----------
    config : mapping
        ``data``, ``sizes`` (numbers of training points), ``model`` and, where it has one, ``entangler``, see `MODELS`; QNN-P
        also ``max_epochs``, ``learning_rates`` and, in the room, ``order`` (a key of `ORDERS`), or ``starts``: train from so
        many first weights at the largest rate for all epochs, and keep the lowest training loss.
    seed : int
        Of rows (shared by all models, see `pools`), inner splits and first weights.
    dataset : Dataset
        The data set that ``config["data"]`` names.

    Returns
    -------
    Outcome
        ``chosen`` holds a list with an entry a size for each of: ``n``, ``accuracy``, ``train_accuracy``, ``elsewhere`` (``[tp,
        fp, fn, tn]`` on the tenth), ``loss`` and ``train_loss`` (mean squared error against ±1, where a model's output is fitted
        to that), what inner splits chose, and for QNN-P the results of `masked` and, by sensor, the accuracy when its
        readings are dealt out anew among the test points (``without``). Metrics and confusion are those of the largest size.
    """
    names = ORDERS[config["order"]] if config.get("order") else FEATURES[config["data"]]
    X, y = dataset.X[names].to_numpy(float), dataset.y
    test, training, elsewhere = pools(dataset, seed)
    found: dict[str, list[Any]] = {}
    metrics, confusion, total = {}, {}, 0.0
    for n in config["sizes"]:
        rows = training_rows(training, n)
        model, chosen, seconds = _trained(config, seed, X[rows], y[rows])
        scores, known, far = (_decide(model, X[part]) for part in (test, rows, elsewhere))
        counts = confusion_counts(y[elsewhere], far > 0)
        entry: dict[str, Any] = {
            "n": n,
            "accuracy": _share((scores > 0) == y[test]),
            "train_accuracy": _share((known > 0) == y[rows]),
            "elsewhere": [counts[name] for name in ("tp", "fp", "fn", "tn")],
            **chosen,
        }
        if config["model"] in ("qnn-p", "least-squares"):
            pairs = (("loss", scores, test), ("train_loss", known, rows))
            entry |= {name: round(float(np.mean((output - (2 * y[part] - 1)) ** 2)), 5) for name, output, part in pairs}
        if config["model"] == "qnn-p":
            rng = np.random.default_rng([seed, n])
            entry |= {name: float(f"{value:.3g}") for name, value in masked(model, X[test], rng).items()}
            entry["without"] = [_share((_decide(model, _dealt(X[test], j, rng)) > 0) == y[test]) for j in range(X.shape[1])]
        for name, value in entry.items():
            found.setdefault(name, []).append(value)
        metrics, confusion = binary_metrics(y[test], scores > 0, scores), confusion_counts(y[test], scores > 0)
        total += seconds
    return Outcome(metrics, confusion, found, total)


def _share(right: NDArray[np.bool_]) -> float:
    return round(float(np.mean(right)), 5)


def _dealt(X: Array, column: int, rng: np.random.Generator) -> Array:
    copied = X.copy()
    copied[:, column] = rng.permutation(copied[:, column])
    return copied


def label(config: Mapping[str, Any]) -> str:
    """What chapters call the model of a config."""
    known = MODELS | ROOM_ONLY | TEN_STARTS
    for name, wanted in known.items():
        if all(config.get(key) == wanted.get(key) for key in ("model", "entangler", "order", "starts")):
            return name
    raise ValueError(f"no model of this experiment has the config {dict(config)}; there are: {', '.join(known)}")


def curves(found: Iterable[Record]) -> pd.DataFrame:
    """Records as a table with a row a trained model.

    Parameters
    ----------
    found : iterable of Record
        Of this experiment.

    Returns
    -------
    pandas.DataFrame
        Columns ``data``, ``model`` (a label of `MODELS`), ``seed``, ``n``, the lists of `run`, and ``recall``: on the tenth of
        time that was left out, the share of rows that is right, averaged over the classes that it holds.
    """
    import pandas as pd

    rows = []
    for record in found:
        same = {"data": record.config["data"], "model": label(record.config), "seed": record.seed}
        for place in range(len(record.chosen["n"])):
            rows.append(same | {name: values[place] for name, values in record.chosen.items()})
    table = pd.DataFrame(rows)
    tp, fp, fn, tn = np.array(table["elsewhere"].tolist(), float).T
    with np.errstate(invalid="ignore"):
        table["recall"] = np.nanmean([tp / (tp + fn), tn / (tn + fp)], axis=0)
    return table.sort_values(["data", "model", "n", "seed"], ignore_index=True)


def compare(
    table: pd.DataFrame, pairs: Iterable[tuple[str, str]], score: str = "accuracy", shared: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Test pairs of models at every size and data set that both have, as one family (deviation D1.21).

    Parameters
    ----------
    table : pandas.DataFrame
        From `curves`.
    pairs : iterable of (str, str)
        Labels of the models.
    score : {"accuracy", "recall"}, default="accuracy"
        ``accuracy``: paired by seed. ``recall``: seeds that leave out the same tenth are averaged first, the tenths are paired,
        and the share of common rows is that of ten folds.
    shared : mapping of str to float, optional
        For ``accuracy``: share of test rows that two draws of a data set have in common, as the experiment ``draws`` counts it.

    Returns
    -------
    pandas.DataFrame
        A row a comparison: ``data``, ``n``, ``first``, ``second``, ``pairs``, ``difference`` (first minus second) with its
        95 % interval ``low`` and ``high``, ``p`` and ``holm``, the p-value corrected over all rows.
    """
    import pandas as pd

    if score not in ("accuracy", "recall"):
        raise ValueError(f"score {score!r} is unknown; allowed are accuracy, recall")
    if (score == "accuracy") != (shared is not None):
        raise ValueError("accuracy needs the shares of common rows, recall has its own; give shared with accuracy alone")
    unit = table["seed"] if score == "accuracy" else table["seed"] % N_BLOCKS
    scores = table.assign(unit=unit).pivot_table(index=["data", "n", "unit"], columns="model", values=score)
    rows = []
    for first, second in pairs:
        both = scores[[first, second]].dropna()
        for (data, n), part in both.groupby(level=["data", "n"]):
            common = shared[data] if score == "accuracy" and shared is not None else 1 / N_BLOCKS
            test = corrected_t_test(part[first], part[second], common)
            rows.append({"data": data, "n": n, "first": first, "second": second, "pairs": test.n,
                         "difference": test.difference, "low": test.low, "high": test.high, "p": test.p})  # fmt: skip
    found = pd.DataFrame(rows)
    found["holm"] = holm(found["p"])
    return found


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Configs of a profile with their number of seeds, the quick models first: half as many for what only explains."""
    few = profile == "quick"
    entries = []
    for name, config in (dict(reversed(MODELS.items())) | ROOM_ONLY).items():
        for data, sizes in SIZES.items():
            if name in ROOM_ONLY and data != "occupancy":
                continue
            small, large = ([n for n in sizes if (n <= LARGEST_OF_TWENTY) is low] for low in (True, False))
            budget = {"max_epochs": EPOCHS[profile]["qnn-p"], "learning_rates": list(LEARNING_RATES)}
            whole = {"data": data} | config | (budget if config["model"] == "qnn-p" else {})
            if few:
                entries.append((whole | {"sizes": [20, 100]}, 2))
                continue
            entries.append((whole | {"sizes": small}, 10 if name in EXPLAINING else 20))
            if name not in ROOM_ONLY:
                entries.append((whole | {"sizes": large}, 10))
    for config in TEN_STARTS.values():
        for data in SIZES:
            budget = {"max_epochs": 3 * EPOCHS[profile]["qnn-p"], "learning_rates": list(LEARNING_RATES)}
            size = 100 if few else SIZE_OF_STARTS
            entries.append(({"data": data} | config | budget | {"sizes": [size]}, 1 if few else 10))
    return entries


def estimate(config: Mapping[str, Any]) -> float:
    """Processor seconds of a run, roughly."""
    per_size = {"qnn-p": 0.8, "least-squares": 0.06, "logistic": 0.3, "random-forest": 0.5, "gradient-boosting": 0.4}
    again: int = config.get("starts", 1)
    return again * sum(per_size.get(config["model"], 0.02) * (1 + n / 3000) for n in config["sizes"])


EXPERIMENT = of_paper(
    name="learning-curves",
    version="1",
    about="paper 1: QNN-P, free fits on its terms and ordinary models from 20 to 10,000 training points, and its light cone",
    function=run,
    grid=grid,
    estimate=estimate,
)

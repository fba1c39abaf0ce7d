"""What matters in a circuit: feature map, ansatz, repetitions and entanglement, all combinations trained alike.

Low-energy paper, Sections II-A, III-C and IV: "modifying the feature maps, the depth of the ansatz, and the configuration of
entangling gates", without a table. Here is the full grid, and the analysis of its variance.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhelpers._extras import require
from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit
from qhelpers.datasets import Dataset
from qhelpers.models.quantum import CircuitClassifier
from qhelpers.papers.low_energy.experiments.tables import FEATURES, draw, of_paper
from qhelpers.runs.experiment import Outcome

if TYPE_CHECKING:
    import pandas as pd

N_QUBITS = 4
#: Factors of the grid and their levels, in the order of the axes of every array.
FACTORS: dict[str, tuple[Any, ...]] = {
    "feature_map": ("RY", "Z", "ZZ"),
    "ansatz": ("RealAmplitudes", "EfficientSU2", "RY-RX"),
    "repetitions": (1, 2, 3),
    "entanglement": ("none", "linear", "circular", "full"),
}
SHAPE = tuple(len(levels) for levels in FACTORS.values())
#: What chapters call the levels.
MEANING = {"RY": "angle RY", "Z": "Z map", "ZZ": "ZZ map"}


class Cell(NamedTuple):
    """One combination of levels."""

    feature_map: str
    ansatz: str
    repetitions: int
    entanglement: str

    def circuit(self) -> VariationalCircuit:
        """Return the circuit: four qubits, one repetition of the feature map, Z on the first qubit.

        ``entanglement`` is that of the ansatz; the ZZ map keeps its own pairs, all of them, as Qiskit has it.
        """
        ansatz = Ansatz(self.ansatz, N_QUBITS, self.repetitions, self.entanglement)
        return VariationalCircuit(Encoding(self.feature_map, N_QUBITS), ansatz)


#: All combinations, in the order of a flattened array.
CELLS = tuple(Cell(*levels) for levels in itertools.product(*FACTORS.values()))


def structure(cell: Cell, n_features: int = N_QUBITS, layer: Any = None) -> tuple[tuple[bool, ...], bool]:
    """What no training can change: which features reach the output, and whether a sample and its mirror image look alike.

    Parameters
    ----------
    cell : Cell
    n_features : int
        Number of different features; the qubits read them in turn.
    layer : QuantumLayer, optional
        One of this circuit, if there is one; its weights are overwritten.

    Returns
    -------
    reach : tuple of bool, one a feature
        Read off the circuit (`QuantumLayer.light_cone`).
    mirror : bool
        Whether f(-x) = f(x), up to rounding, at three random weights and twenty random points.
    """
    torch = require("torch", "circuits")
    if layer is None:
        from qhelpers.circuits import QuantumLayer

        circuit = cell.circuit()
        layer = QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, n_inputs=N_QUBITS).double()
    seen = np.asarray(layer.light_cone().inputs)[0]
    reach = tuple(bool(seen[feature::n_features].any()) for feature in range(n_features))
    rng, gap = np.random.default_rng(0), 0.0
    for _ in range(3):
        points = torch.as_tensor(rng.normal(size=(20, n_features))[:, np.arange(N_QUBITS) % n_features])
        with torch.no_grad():
            layer.weights.copy_(torch.as_tensor(rng.uniform(0, 2 * np.pi, layer.weights.shape)))
            gap = max(gap, float((layer(points) - layer(-points)).abs().max()))
    return reach, gap < 1e-9


def run(config: Mapping[str, Any], seed: int, dataset: Dataset) -> Outcome:
    """Train every circuit of the grid on the same 300 samples and test it on the same 300 others.

    Parameters
    ----------
    config : mapping
        ``data``; ``epochs`` and ``learning_rate``, the same for all, nothing is tuned; ``repetitions``: the levels to run (the
        others of the grid are left out, which only the quick profile does).
    seed : int
        Draws the samples, as in `tables`, and each circuit's first weights.
    dataset : Dataset

    Returns
    -------
    Outcome
        Arrays of the shape of the grid: ``accuracy`` (test), ``train_accuracy``, ``loss`` (last epoch); of `structure`
        ``mirror``, and ``reach`` with one more axis, the features. Metrics: the grid's mean ``accuracy``;
        ``accuracy.<factor>.<level>``, the mean of a level; ``share.<term>``, the share of the variance between circuits that a
        factor, two factors together (``a:b``) or the structure explains (``reach``, ``mirror``, ``structure``).
    """
    subsample, weights = np.random.SeedSequence(seed).spawn(3)[::2]
    train, test = draw(dataset, "300+300", np.random.default_rng(subsample))
    X, y = dataset.X[FEATURES[config["data"]]].to_numpy(float), dataset.y
    cells = [cell for cell in CELLS if cell.repetitions in config["repetitions"]]
    seeds = dict(zip(CELLS, weights.generate_state(len(CELLS)) // 2, strict=True))
    rows, kinds, start = [], [], time.perf_counter()
    for cell in cells:
        budget = {"epochs": config["epochs"], "learning_rate": config["learning_rate"]}
        model = CircuitClassifier(cell.circuit(), random_state=int(seeds[cell]), **budget).fit(X[train], y[train])
        rows.append((model.score(X[test], y[test]), model.score(X[train], y[train]), model.history_["loss"][-1]))
        kinds.append(structure(cell, X.shape[1], model.module_))
    seconds = time.perf_counter() - start
    shape = (*SHAPE[:2], len(config["repetitions"]), SHAPE[3])
    arrays = {
        name: np.array(values).reshape(shape)
        for name, values in zip(("accuracy", "train_accuracy", "loss"), zip(*rows, strict=True), strict=True)
    }
    metrics = _metrics(arrays["accuracy"], cells, kinds)
    arrays["reach"] = np.array([kind[0] for kind in kinds], np.int8).reshape(*shape, -1)
    arrays["mirror"] = np.array([kind[1] for kind in kinds], np.int8).reshape(shape)
    return Outcome(metrics, {}, {}, seconds, arrays)


def _metrics(accuracy: NDArray[Any], cells: Sequence[Cell], kinds: Sequence[Any]) -> dict[str, float]:
    flat = accuracy.reshape(-1)
    found = {"accuracy": float(flat.mean())}
    for factor in FACTORS:
        levels = [getattr(cell, factor) for cell in cells]
        for level in dict.fromkeys(levels):
            found[f"accuracy.{factor}.{level}"] = float(flat[[one == level for one in levels]].mean())
    table = anova(accuracy[None])
    found |= {f"share.{term}": float(share) for term, share in table["eta_sq"].items() if term not in ("seed", "rest")}
    groups = {"reach": [kind[0] for kind in kinds], "mirror": [kind[1] for kind in kinds], "structure": kinds}
    return found | {f"share.{name}": between(flat, labels) for name, labels in groups.items()}


def between(values: NDArray[Any], labels: Sequence[Any]) -> float:
    """Share of the variance of values that lies between groups (η² of one factor)."""
    total = float(((values - values.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    numbers = np.unique([repr(label) for label in labels], return_inverse=True)[1]
    means = np.bincount(numbers, values) / np.bincount(numbers)
    return float(((means[numbers] - values.mean()) ** 2).sum() / total)


def anova(accuracy: NDArray[Any]) -> pd.DataFrame:
    """Analysis of variance of a grid: factors, pairs of factors, and seeds as blocks.

    Parameters
    ----------
    accuracy : ndarray of shape (n_seeds, feature maps, ansätze, repetitions, entanglements)

    Returns
    -------
    pandas.DataFrame
        Indexed by term (``a`` or ``a:b``, then ``seed`` and ``rest``: three factors together, and luck), with ``df``,
        ``sum_sq``, ``F``, ``p``, ``eta_sq`` (share of all variance) and ``omega_sq`` (the same less what luck alone would give).
        Every cell has as many runs, so the terms are orthogonal and their order plays no part.
    """
    import pandas as pd

    formula = require("statsmodels.formula.api", "statistics")
    stats = require("statsmodels.stats.anova", "statistics")
    axes = [range(size) for size in accuracy.shape]
    frame = pd.DataFrame(list(itertools.product(*axes)), columns=["seed", *FACTORS])
    frame["accuracy"] = accuracy.reshape(-1)
    blocks = " + C(seed)" if len(accuracy) > 1 else ""
    factors = " + ".join(f"C({name})" for name in FACTORS)
    table = stats.anova_lm(formula.ols(f"accuracy ~ ({factors}) ** 2{blocks}", frame).fit())
    table.index = [name.replace("C(", "").replace(")", "").replace("Residual", "rest") for name in table.index]
    table = table.rename(columns={"PR(>F)": "p"}).drop(columns="mean_sq")
    total, noise = table["sum_sq"].sum(), table.loc["rest", "sum_sq"] / table.loc["rest", "df"]
    table["eta_sq"] = table["sum_sq"] / total
    table["omega_sq"] = (table["sum_sq"] - table["df"] * noise) / (total + noise)
    table.loc["rest", "omega_sq"] = 1 - table["omega_sq"].drop("rest").sum()
    order = [*[name for name in table.index if name not in ("seed", "rest")], *(["seed"] if blocks else []), "rest"]
    return table.loc[order]


def shares(accuracy: NDArray[Any]) -> pd.DataFrame:
    """`anova` with 95 % intervals of ω² over seeds, by leaving out one seed at a time (jackknife).

    Parameters
    ----------
    accuracy : ndarray of shape (n_seeds, ...)
        As for `anova`; at least three seeds.

    Returns
    -------
    pandas.DataFrame
        The table of `anova` with ``low`` and ``high``.
    """
    from scipy import stats

    n = len(accuracy)
    if n < 3:
        raise ValueError(f"{n} seeds given; an interval over seeds needs at least 3")
    table = anova(accuracy)
    without = np.array([anova(np.delete(accuracy, seed, axis=0))["omega_sq"].to_numpy() for seed in range(n)])
    error = np.sqrt((n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    half = stats.t.ppf(0.975, n - 1) * error
    return table.assign(low=table["omega_sq"] - half, high=table["omega_sq"] + half)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Both data sets; 100 updates at a rate of 0.1, which is where the training losses have stopped falling."""
    quick = profile == "quick"
    budget = {"epochs": 15 if quick else 100, "learning_rate": 0.1, "repetitions": [1, 2] if quick else [1, 2, 3]}
    return [({"data": data} | budget, 1 if quick else 10) for data in ("occupancy", "ton_iot_gps")]


EXPERIMENT = of_paper(
    name="exploration",
    version="1",
    about="feature map x ansatz x repetitions x entanglement, all circuits trained alike: what matters",
    function=run,
    grid=grid,
    # a circuit takes 20 ms (its first time 100) and 1 ms an update
    estimate=lambda config: 36 * len(config["repetitions"]) * (0.02 + 0.001 * config["epochs"]),
    headline="accuracy",
)

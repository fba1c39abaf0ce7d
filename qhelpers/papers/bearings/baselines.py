"""What stands beside QEML-Net: the rivals of Table 3 that are no ResNet, and plain models that the paper lacks.

The paper names its rivals by a word and a citation. What was built for each word is deviation D4.52, what was added D4.53.
Nothing was tuned but by the search that is itself a rival. A model reads windows in one of the ways of `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import stats
from scipy.signal import hilbert
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn

from qhelpers import signals
from qhelpers._extras import require
from qhelpers.papers.bearings import benchmark, physics
from qhelpers.papers.bearings.model import Output
from qhelpers.papers.bearings.training import QEMLNetClassifier

#: Bands of a spectrum, and lines of each; steps of a window, and samples of each.
BANDS, LINES, STEPS, SAMPLES = 16, 16, 32, 16
#: Order of the 27 classical features: of the samples, of the envelope, of the spectrum.
FEATURES = (
    *("mean size", "rms", "peak", "peak to peak", "root size", "skewness", "kurtosis", "crest factor", "shape factor"),
    *("impulse factor", "clearance factor", "zero crossings", "mobility", "complexity"),
    *("envelope spread", "envelope skewness", "envelope kurtosis", "envelope crest factor"),
    *("centroid", "spread", "spectral skewness", "spectral kurtosis", "entropy", "flatness", "roll-off", "peak frequency"),
    "peak share",
)


# --- what is read of a window ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """Windows as a model may read them.

    Attributes
    ----------
    samples : numpy.ndarray of shape (n_windows, 512)
        At 12 kHz, each window's mean taken off.
    images : numpy.ndarray of shape (n_windows, 3, side, side)
    speed : numpy.ndarray of shape (n_windows,)
        Turns of the shaft a second.
    """

    samples: np.ndarray
    images: np.ndarray
    speed: np.ndarray


def classical(samples: np.ndarray) -> np.ndarray:
    """27 features of windows (`FEATURES`), sizes as logarithms.

    Parameters
    ----------
    samples : numpy.ndarray of shape (n_windows, n_samples)
        At 12 kHz.

    Returns
    -------
    numpy.ndarray of shape (n_windows, 27)
    """
    x = samples - samples.mean(-1, keepdims=True)
    size, tiny = np.abs(x), np.finfo(float).tiny
    mean, rms, peak, root = size.mean(-1), np.sqrt((x**2).mean(-1)), size.max(-1), np.sqrt(size).mean(-1) ** 2
    sd = [np.diff(x, n, axis=-1).std(-1) + tiny for n in range(3)]  # of the window, its slope, the slope of its slope
    levels = np.log(np.stack([mean, rms, peak, np.ptp(x, axis=-1), root]) + tiny)
    shapes = [peak / rms, rms / mean, peak / mean, peak / root, (np.diff(np.signbit(x), axis=-1)).mean(-1)]
    slopes = [sd[1] / sd[0], sd[2] * sd[0] / sd[1] ** 2]
    outline = np.abs(hilbert(x, axis=-1))
    middle = outline.mean(-1)
    ringing = [outline.std(-1) / middle, stats.skew(outline, -1), stats.kurtosis(outline, -1), outline.max(-1) / middle]
    hz, amplitude = signals.spectrum(x, signals.RATE)
    share = amplitude**2 / (amplitude**2).sum(-1, keepdims=True)
    centre = share @ hz
    off = hz - centre[:, None]
    spread = np.sqrt((share * off**2).sum(-1))
    of_lines = [centre, spread, *((share * off**n).sum(-1) / spread**n for n in (3, 4))]
    of_lines += [stats.entropy(share, axis=-1), np.exp(np.log(share + tiny).mean(-1)) / share.mean(-1)]
    of_lines += [hz[(share.cumsum(-1) >= 0.85).argmax(-1)], hz[share.argmax(-1)], share.max(-1)]
    return np.stack([*levels, stats.skew(x, -1), stats.kurtosis(x, -1), *shapes, *slopes, *ringing, *of_lines], axis=-1)


def bands(taken: Taken) -> np.ndarray:
    """Log amplitude of the 256 lines of the Hann spectrum, band after band, shape (n_windows, 256)."""
    amplitude = signals.spectrum(taken.samples, signals.RATE)[1][:, : BANDS * LINES]
    found: np.ndarray = np.log10(amplitude + np.finfo(np.float32).tiny)
    return found


def _pieces(taken: Taken, read: Callable[[physics.Piece], np.ndarray]) -> np.ndarray:
    """What the physics reads of windows, speed by speed."""
    orders = physics.RIGS["cwru-drive"].orders
    found: dict[int, np.ndarray] = {}
    for speed in np.unique(taken.speed):
        rows = np.flatnonzero(taken.speed == speed)
        made = read(physics.Piece(taken.samples[rows].astype(float), signals.RATE, float(speed), "", "", orders))
        found |= dict(zip(rows.tolist(), made, strict=True))
    return np.stack([found[row] for row in range(len(taken.speed))])


#: Ways to read windows.
READERS: dict[str, Callable[[Taken], np.ndarray]] = {
    "image": lambda taken: taken.images,
    "samples": lambda taken: taken.samples,
    "bands": bands,
    "classical": lambda taken: classical(taken.samples.astype(float)),
    "spectrum": lambda taken: _pieces(taken, physics.spectrum_bands),
    "lines": lambda taken: _pieces(taken, physics.FEATURES["lines"]),
    "both": lambda taken: np.hstack([READERS["classical"](taken), READERS["spectrum"](taken)]),
}


# --- networks --------------------------------------------------------------------------------------------------------


class Recurrent(nn.Module):
    """Three layers of LSTM over 32 steps of 16 samples; the last step's state."""

    width = 128

    def __init__(self, _: Tensor | None = None) -> None:
        super().__init__()
        self.layers = nn.LSTM(SAMPLES, self.width, num_layers=3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """States of shape (n_windows, 128) of samples of shape (n_windows, 512)."""
        states: Tensor = self.layers(x.unflatten(1, (STEPS, SAMPLES)))[0][:, -1]
        return states


class Convolutions(nn.Sequential):
    """Six convolutions over the samples, the first one wide (Zhang et al. 2017, the paper's reference 4); means at the end."""

    width = 64

    def __init__(self, _: Tensor | None = None) -> None:
        channels = (16, 32, 64, 64, 64, self.width)
        layers: list[nn.Module] = [nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 16, 64, stride=8, padding=28)]
        for before, after in pairwise(channels):
            layers += [nn.BatchNorm1d(before), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(before, after, 3, padding=1)]
        super().__init__(*layers, nn.BatchNorm1d(self.width), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())


class Patches(nn.Module):
    """A vision transformer: patches of 8 × 8 pixels, a token for the class, four layers of four heads."""

    width = 64

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.cut = nn.Conv2d(like.shape[0], self.width, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, self.width))
        self.place = nn.Parameter(0.02 * torch.randn(1, (like.shape[1] // 8) ** 2 + 1, self.width))
        layer = nn.TransformerEncoderLayer(self.width, 4, 2 * self.width, 0.1, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, nn.LayerNorm(self.width), enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """Class tokens of shape (n_windows, 64) of images."""
        cut = self.cut(x).flatten(2).swapaxes(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), cut], 1) + self.place
        last: Tensor = self.layers(tokens)[:, 0]
        return last


class GraphAttention(nn.Module):
    r"""One layer of graph attention (Veličković et al. 2018), heads side by side.

    :math:`\alpha_{ij} = \mathrm{softmax}_j\, \mathrm{LeakyReLU}(a \cdot W x_i + b \cdot W x_j)` over what i is linked to.

    Parameters
    ----------
    n_in, n_heads, width : int
        Numbers of a node; heads, and numbers that each makes.
    """

    def __init__(self, n_in: int, n_heads: int, width: int) -> None:
        super().__init__()
        self.values = nn.Linear(n_in, n_heads * width, bias=False)
        self.asks, self.asked = (nn.Parameter(torch.randn(n_heads, width) / width**0.5) for _ in range(2))

    def forward(self, x: Tensor, linked: Tensor) -> Tensor:
        """Nodes of shape (n_windows, n_nodes, n_heads width) of x of shape (n_windows, n_nodes, n_in); linked is boolean."""
        values = self.values(x).unflatten(-1, self.asks.shape)
        score = (values * self.asks).sum(-1)[:, :, None] + (values * self.asked).sum(-1)[:, None]
        score = nn.functional.leaky_relu(score, 0.2).masked_fill(~linked[..., None], -torch.inf)
        nodes: Tensor = torch.einsum("nijh,njhw->nihw", score.softmax(2), values).flatten(2)
        return nodes


class Graph(nn.Module):
    """Two layers of graph attention over the bands of a spectrum, whose lines are a node's numbers; then all nodes in a row."""

    width = 32 * BANDS
    linked: Tensor

    def __init__(self, linked: Tensor) -> None:
        super().__init__()
        self.register_buffer("linked", linked)
        self.first, self.second = GraphAttention(LINES, 4, 32), GraphAttention(128, 4, 8)

    def forward(self, x: Tensor) -> Tensor:
        """Nodes of shape (n_windows, 512) of spectra of shape (n_windows, 256)."""
        nodes = nn.functional.elu(self.first(x.unflatten(1, (BANDS, LINES)), self.linked))
        last: Tensor = nn.functional.elu(self.second(nodes, self.linked)).flatten(1)
        return last


def links(spectra: np.ndarray, n: int = 4) -> np.ndarray:
    """Which bands are linked: each with itself and with the n whose mean log amplitude goes most with its own, either way.

    Parameters
    ----------
    spectra : numpy.ndarray of shape (n_windows, 256)
        Of the training part, as `bands` makes them.

    Returns
    -------
    numpy.ndarray of bool, shape (16, 16)
    """
    alike = np.abs(np.corrcoef(spectra.reshape(len(spectra), BANDS, LINES).mean(-1).T))
    nearest = np.argsort(-alike, axis=1)[:, : n + 1]
    found = np.zeros(alike.shape, bool)
    np.put_along_axis(found, nearest, True, axis=1)
    return found | found.T | np.eye(len(found), dtype=bool)


#: Bodies of the networks by name.
BODIES: dict[str, Callable[[Any], Any]] = {"lstm": Recurrent, "1d-cnn": Convolutions, "transformer": Patches, "gnn": Graph}


class _Last(nn.Linear):
    circuit = None  # which the loss of the whole network looks for


class _Network(nn.Module):
    def __init__(self, body: Any, n_classes: int) -> None:
        super().__init__()
        self.backbone, self.head = body, _Last(body.width, n_classes)

    def forward(self, x: Tensor) -> Output:
        h = self.backbone(x)
        return Output(self.head(h), h, None, None, None)


class Network(QEMLNetClassifier):
    """A rival, trained like QEML-Net (Adam, half a cosine, the same batches), on cross-entropy and in float32.

    Parameters
    ----------
    kind : str
        A key of `BODIES`.
    epochs, batch_size, learning_rate, checkpoint, random_state
        As in `QEMLNetClassifier`.
    """

    lambdas, precision, device, progress = (1.0, 0.0, 0.0), "float32", "cpu", False

    def __init__(
        self,
        kind: str,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        checkpoint: Any = None,
        random_state: Any = None,
    ) -> None:
        self.kind = kind
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.checkpoint = checkpoint
        self.random_state = random_state

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Any:
        """Train, see `QEMLNetClassifier.fit`; the bands of a graph are linked by the training windows."""
        if self.kind not in BODIES:
            raise ValueError(f"kind {self.kind!r} is unknown; allowed are {', '.join(BODIES)}: pass one of them")
        self.links_ = links(X) if self.kind == "gnn" else None
        return super().fit(X, y, X_val, y_val)

    def network(self, n_classes: int, shape: tuple[int, ...], seed: int = 0) -> Any:
        """Network for samples of a shape, with its first weights, drawn from a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            like = torch.empty(shape) if self.links_ is None else torch.as_tensor(self.links_)
            return _Network(BODIES[self.kind](like), n_classes)


# --- plain models ----------------------------------------------------------------------------------------------------


def logistic(C: float = 1.0) -> Any:
    """Logistic regression of z-scores."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))


def support(C: float = 1.0, gamma: float | str = "scale") -> Any:
    """A support vector machine with a Gaussian kernel, of z-scores; what it predicts is the largest of its scores."""
    return make_pipeline(StandardScaler(), SVC(C=C, gamma=gamma, break_ties=True))


class Rule(ClassifierMixin, BaseEstimator):
    """The untrained rule (D4.4) on heights of lines: the fault whose lines stand highest; a healthy bearing is never named."""

    def fit(self, X: Any, y: Any) -> Rule:
        """Note the classes; nothing is learned."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Mean log height of each class's lines, shape (n_windows, n_classes); minus infinity of a class without lines."""
        means = np.asarray(X).reshape(len(X), len(physics.FAULTS), -1).mean(-1)
        found = np.full((len(X), len(self.classes_)), -np.inf)
        for k, fault in enumerate(physics.FAULTS):
            found[:, self.classes_ == benchmark.UNIFIED[fault]] = means[:, [k]]
        return found

    def predict(self, X: Any) -> np.ndarray:
        """Class of each window."""
        named: np.ndarray = self.classes_[self.decision_function(X).argmax(1)]
        return named


@dataclass(eq=False, repr=False)
class AutoML(ClassifierMixin, BaseEstimator):
    """A search over columns, families and settings of scikit-learn by Optuna's TPE, scored on validation windows alone.

    Parameters
    ----------
    n_trials : int
    random_state : int or None

    Attributes
    ----------
    chosen_ : dict
        What the best trial drew.
    best_ : estimator
        Of those settings, fitted to the training windows.
    """

    n_trials: int = 30
    random_state: int | None = None

    def fit(self, X: Any, y: Any, X_val: Any, y_val: Any) -> AutoML:
        """Search; X has the columns of the reader "both"."""
        optuna = require("optuna", "tuning")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.random_state))

        def objective(trial: Any) -> float:
            columns, model = self._drawn(trial)
            return float(model.fit(X[:, columns], y).score(X_val[:, columns], y_val))

        study.optimize(objective, n_trials=self.n_trials)
        self.chosen_, self.classes_ = dict(study.best_params), np.unique(y)
        self.columns_, model = self._drawn(optuna.trial.FixedTrial(study.best_params))
        self.best_ = model.fit(X[:, self.columns_], y)
        return self

    def _drawn(self, trial: Any) -> tuple[slice, Any]:
        n = len(FEATURES)
        columns = {"classical": slice(n), "spectrum": slice(n, None), "both": slice(None)}
        seen = columns[trial.suggest_categorical("columns", list(columns))]
        family = trial.suggest_categorical("family", ["logistic", "support", "neighbours", "forest", "extra trees", "boosting"])
        if family == "logistic":
            return seen, logistic(trial.suggest_float("logistic C", 1e-3, 1e2, log=True))
        if family == "support":
            C = trial.suggest_float("support C", 1e-1, 1e3, log=True)
            return seen, support(C, trial.suggest_float("gamma", 1e-4, 1e-1, log=True))
        if family == "neighbours":
            k = trial.suggest_int("neighbours", 1, 15)
            return seen, make_pipeline(StandardScaler(), KNeighborsClassifier(k, weights="distance"))
        if family == "boosting":
            rate, leaves = trial.suggest_float("rate", 0.05, 0.5, log=True), trial.suggest_int("leaves", 4, 31)
            return seen, HistGradientBoostingClassifier(
                learning_rate=rate, max_leaf_nodes=leaves, max_iter=40, random_state=self.random_state
            )
        kind = RandomForestClassifier if family == "forest" else ExtraTreesClassifier
        least, share = trial.suggest_int("leaf", 1, 10), trial.suggest_float("share", 0.05, 0.5)
        return seen, kind(100, min_samples_leaf=least, max_features=share, random_state=self.random_state)

    def predict(self, X: Any) -> Any:
        """Class of each window."""
        return self.best_.predict(X[:, self.columns_])

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of the best model, shape (n_windows, n_classes)."""
        return scores(self.best_, X[:, self.columns_])


def scores(model: Any, X: Any) -> np.ndarray:
    """What a model makes of each class, shape (n_windows, n_classes): probabilities where it gives them."""
    found: np.ndarray = (model.predict_proba if hasattr(model, "predict_proba") else model.decision_function)(X)
    return found


class Model(NamedTuple):
    """How a model reads windows, and how it is built of a seed and, of networks and the search, epochs or trials."""

    reads: str
    build: Callable[..., Any]


#: Rivals of Table 3, then what the paper lacks.
MODELS: dict[str, Model] = {
    "svm-rbf": Model("classical", lambda seed: support()),
    "random-forest": Model("classical", lambda seed: RandomForestClassifier(500, random_state=seed)),
    "lstm": Model("samples", lambda seed, **most: Network("lstm", random_state=seed, **most)),
    "1d-cnn": Model("samples", lambda seed, **most: Network("1d-cnn", random_state=seed, **most)),
    "automl": Model("both", lambda seed, **most: AutoML(random_state=seed, **most)),
    "transformer": Model("image", lambda seed, **most: Network("transformer", random_state=seed, **most)),
    "gnn": Model("bands", lambda seed, **most: Network("gnn", random_state=seed, **most)),
    "rule": Model("lines", lambda seed: Rule()),
    "logistic-lines": Model("lines", lambda seed: logistic()),
    "logistic-classical": Model("classical", lambda seed: logistic()),
    "logistic-spectrum": Model("spectrum", lambda seed: logistic()),
}

"""QEML-Net as a scikit-learn classifier: Adam, cosine annealing, mixed precision, and a training that goes on after a kill."""

from __future__ import annotations

import contextlib
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
from torch import Tensor
from tqdm import tqdm

from qhelpers import signals
from qhelpers.circuits.encodings import check_choice, check_count
from qhelpers.models.checkpoint import Checkpoint
from qhelpers.papers.bearings.model import LAMBDAS, N_LAYERS, N_QUBITS, Losses, Output, QEMLNet, loss

#: What a training notes of each epoch.
NOTED = ("loss", "cross_entropy", "reconstruction", "fidelity", "accuracy", "h_rms")
PRECISIONS = ("float32", "bfloat16")
#: Least side of an image. With 16 pixels the last stage gets a single place, of which some builds of torch make NaN.
SIDE = 32
#: Samples that are predicted at a time.
_CHUNK = 256


@dataclass(eq=False, repr=False)
class QEMLNetClassifier(ClassifierMixin, BaseEstimator):
    """QEML-Net: images in, classes out; or rows of features, where the backbone is left out.

    Parameters
    ----------
    stem, cbam, branch, decoder, target, n_qubits, n_layers
        The network's, see `qhelpers.papers.bearings.model.QEMLNet`.
    lambdas : tuple of three floats, default=(0.55, 0.28, 0.17)
        Weights of cross-entropy, reconstruction and infidelity (Section 3.6).
    epochs : int, default=4
        Passes over the samples; the paper has 200.
    batch_size, learning_rate : int, float, default=64, 0.001
        Samples of an update at most, and first step of Adam, which falls to 0 along half a cosine (D4.25).
    precision : {"bfloat16", "float32"}, default="bfloat16"
        Of the convolutions in training; all else is float32, and predictions without a backbone float64.
    device : str, default="cpu"
        As torch names it, for instance ``"cuda"``.
    checkpoint : path-like, optional
        Folder in which each finished epoch is kept: the same training, begun again, goes on from there and ends with the same
        network. Of other samples or arguments it is refused.
    random_state : int, RandomState or None
        Draws first weights, the order of samples and dropouts.
    progress : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    classes_ : ndarray
    scores_ : qhelpers.signals.ZScores
        Mean and spread of each pixel (or feature) over the training samples (Section 3.1, D4.2).
    module_ : QEMLNet
        In the mode for predictions.
    history_ : dict of str to list of float
        What an epoch saw: ``loss`` and its parts, ``accuracy``, ``h_rms`` (root mean square of h); with validation samples
        ``val_accuracy`` after it.
    """

    stem: str = "standard"
    cbam: tuple[int, ...] = (3, 4)
    branch: str = "circuit"
    decoder: bool = True
    target: str = "class"
    lambdas: tuple[float, float, float] = LAMBDAS
    epochs: int = 4
    batch_size: int = 64
    learning_rate: float = 1e-3
    precision: str = "bfloat16"
    device: str = "cpu"
    checkpoint: Any = None
    random_state: Any = None
    progress: bool = False
    n_qubits: int = N_QUBITS
    n_layers: int = N_LAYERS

    def fit(self, X: ArrayLike, y: ArrayLike, X_val: ArrayLike | None = None, y_val: ArrayLike | None = None) -> Any:
        """Train.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels, side, side) or (n_samples, n_features)
            Images; or features, which the head reads without a backbone.
        y : array-like of shape (n_samples,)
        X_val, y_val : array-like, optional
            Samples that are scored after each epoch and never trained on.

        Returns
        -------
        QEMLNetClassifier
            Itself.

        Raises
        ------
        ValueError
            If an argument is not allowed, a sample is not finite, there are fewer than two classes or samples, validation holds
            a class that training lacks, or `checkpoint` holds another training.
        """
        self._check()
        checked: tuple[NDArray[np.float32], NDArray[Any]] = validate_data(
            self, X, y, dtype=np.float32, allow_nd=True, ensure_min_samples=2
        )
        X, y = checked
        check_classification_targets(y)
        self._check_shape(X)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"the labels hold one class, {self.classes_[0]!r}; give samples of at least two classes")
        self.scores_ = signals.ZScores.of(X)
        self.shape_ = X.shape[1:]
        validation = None if X_val is None else (self._inputs(X_val), self._labels(y_val))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        free = ("checkpoint", "progress", "random_state", "device")
        same = sorted((name, str(value)) for name, value in self.get_params().items() if name not in free)
        content = hashlib.sha256(X.tobytes() + labels.tobytes()).hexdigest()
        checkpoint = Checkpoint(self.checkpoint, f"{same} {validation is None} {content}")
        if kept := checkpoint.load(self.epochs, None if self.random_state is None else seed):
            seed = kept["seed"]
        self.module_ = self.network(len(self.classes_), X.shape[1:], seed).to(self.device)
        trained = [one for one in self.module_.parameters() if one.requires_grad]
        optimiser = torch.optim.Adam(trained, lr=self.learning_rate, fused=True)
        names = (*NOTED, "val_accuracy") if validation is not None else NOTED
        self.history_: dict[str, list[float]] = kept["history"] if kept else {name: [] for name in names}
        if kept:
            checkpoint.restore(kept, self.module_, optimiser)
        done = len(self.history_["loss"])
        inputs, targets = self._inputs(X), torch.as_tensor(labels)
        epochs = range(done, self.epochs)
        bar = tqdm(epochs, "QEML-Net", self.epochs, initial=done, unit="epoch", disable=not self.progress, leave=False)
        for epoch in bar:
            noted = self._epoch(inputs, targets, np.random.default_rng([seed, epoch]), epoch, optimiser)
            if validation is not None:
                noted["val_accuracy"] = float((self._outputs(validation[0]).logits.argmax(1) == validation[1]).float().mean())
            for name, value in noted.items():
                self.history_[name].append(value)
            bar.set_postfix({"loss": noted["loss"], "accuracy": noted["accuracy"]})
            checkpoint.save(self.module_, optimiser, self.history_, seed)
        self.module_.eval()
        if self.module_.backbone is None:  # so that a score does not depend on its neighbours
            self.module_.double()
        return self

    def network(self, n_classes: int, shape: tuple[int, ...], seed: int = 0) -> QEMLNet:
        """Network for samples of a shape, with its first weights, drawn from a seed."""
        n_channels, n_features = (shape[0], 2048) if len(shape) == 3 else (None, shape[0])
        parts = {"cbam": tuple(self.cbam), "branch": self.branch, "decoder": self.decoder, "target": self.target}
        parts |= {"n_qubits": self.n_qubits, "n_layers": self.n_layers}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return QEMLNet(n_classes, n_channels, n_features, stem=self.stem, **parts)  # type: ignore[arg-type]

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Logits, shape (n_samples, n_classes); of two classes their difference, shape (n_samples,)."""
        logits: NDArray[np.float64] = self.outputs(X).logits.double().numpy()
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Softmax of the logits, shape (n_samples, n_classes), not calibrated."""
        shares: NDArray[np.float64] = torch.softmax(self.outputs(X).logits.double(), 1).numpy()
        return shares

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Class of each sample, shape (n_samples,)."""
        best = self.outputs(X).logits.argmax(1).numpy()
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def outputs(self, X: ArrayLike) -> Output:
        """All that the head makes of samples: logits, h, v, q, what is decoded."""
        check_is_fitted(self, "module_")
        return self._outputs(self._inputs(validate_data(self, X, dtype=np.float32, allow_nd=True, reset=False)))

    def features(self, X: ArrayLike) -> NDArray[np.float32]:
        """What the backbone makes of images, shape (n_samples, 2048): features for a head alone.

        Raises
        ------
        ValueError
            If the network was trained on features and has no backbone.
        """
        check_is_fitted(self, "module_")
        backbone = self.module_.backbone
        if backbone is None:
            raise ValueError("the network was trained on features and has no backbone; fit it on images")
        inputs = self._inputs(validate_data(self, X, dtype=np.float32, allow_nd=True, reset=False))
        with torch.no_grad():
            parts = [backbone(part.to(self.device)).cpu() for part in inputs.split(_CHUNK)]
        found: NDArray[np.float32] = torch.cat(parts).numpy()
        return found

    def _epoch(self, inputs: Tensor, targets: Tensor, rng: Any, epoch: int, optimiser: torch.optim.Optimizer) -> dict[str, float]:
        """Pass over the samples once, an update a batch; return what was seen, means over samples."""
        n_batches = math.ceil(len(inputs) / self.batch_size)
        # parts of nearly equal size: a last batch of one sample has no variance for a normalisation
        parts = np.array_split(rng.permutation(len(inputs)), min(n_batches, len(inputs) // 2))
        noted = dict.fromkeys(NOTED, 0.0)
        device = torch.device(self.device)
        self.module_.train()
        with torch.random.fork_rng([] if device.type == "cpu" else None):
            torch.manual_seed(int(rng.integers(2**63)))  # of dropouts
            for number, part in enumerate(parts):
                rate = 0.5 * (1 + math.cos(math.pi * (epoch + number / len(parts)) / self.epochs))
                optimiser.param_groups[0]["lr"] = self.learning_rate * rate
                x, y = inputs[part].to(device), targets[part].to(device)
                half = self.precision == "bfloat16" and self.module_.backbone is not None
                with torch.autocast(device.type, torch.bfloat16) if half else contextlib.nullcontext():
                    output = self.module_(x)
                losses: Losses = loss(self.module_.head, output, y, self.lambdas)
                optimiser.zero_grad()
                losses.total.backward()
                optimiser.step()
                hits = (output.logits.argmax(1) == y).float().mean()
                seen = torch.stack([*losses, hits, output.h.square().mean().sqrt()]).detach().tolist()
                for name, value in zip(NOTED, seen, strict=True):
                    noted[name] += value * len(part) / len(inputs)
        return noted

    def _outputs(self, inputs: Tensor) -> Output:
        self.module_.eval()
        with torch.no_grad():
            like = next(self.module_.parameters())
            found = [self.module_(part.to(like)) for part in inputs.split(_CHUNK)]
        parts: Any = zip(*found, strict=True)
        return Output(*(None if one[0] is None else torch.cat(one).cpu() for one in parts))  # type: ignore[arg-type]

    def _inputs(self, X: ArrayLike) -> Tensor:
        X = np.asarray(X, np.float32)
        if X.shape[1:] != self.shape_:
            raise ValueError(f"samples have shape {X.shape[1:]}; the training's had {self.shape_}: make them alike")
        return torch.as_tensor(self.scores_(X), dtype=torch.float32)

    def _labels(self, y: ArrayLike | None) -> Tensor:
        if strange := sorted(set(np.unique(np.asarray(y)).tolist()) - set(self.classes_.tolist())):
            raise ValueError(f"validation holds {strange}; the training has {self.classes_.tolist()}: leave the others out")
        return torch.as_tensor(np.searchsorted(self.classes_, np.asarray(y)))

    def _check(self) -> None:
        check_choice("precision", self.precision, PRECISIONS)
        check_count("epochs", self.epochs)
        check_count("batch_size", self.batch_size)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; allowed are numbers above 0")
        if len(self.lambdas) != 3 or not all(one >= 0 for one in self.lambdas) or not self.lambdas[0] > 0:
            raise ValueError(f"lambdas are {self.lambdas}; allowed are three numbers from 0, the first above it")

    def _check_shape(self, X: NDArray[Any]) -> None:
        if X.ndim not in (2, 4) or (X.ndim == 4 and (X.shape[2] != X.shape[3] or X.shape[2] < SIDE)):
            raise ValueError(
                f"samples have shape {X.shape}; allowed are images, (n_samples, n_channels, side, side) with sides of {SIDE} or "
                "more, and features, (n_samples, n_features)"
            )

"""The settings that the paper prints: its library's version, optimizer, loss, epochs and features, each found by running it."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import tempfile
import venv
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import log_loss
from torch.optim.optimizer import register_optimizer_step_pre_hook

import qhelpers
from qhelpers.datasets import Dataset
from qhelpers.datasets.wustl_iiot import FEATURES
from qhelpers.papers.threats.as_printed import LiteralHQML, first_step, pair, set_weights, weights_of
from qhelpers.papers.threats.experiments.literal import differences, rows
from qhelpers.papers.threats.model import PureHQMLClassifier
from qhelpers.runs.experiment import Outcome, of_functions

#: The printed version, and a Qiskit of its time: it asks for 1.0 or later, but cannot be imported with Qiskit 2.
PRINTED = ("qiskit-machine-learning==0.8.2", "qiskit==1.4.2")
#: What Section II names.
PARTS = (
    ("qiskit.circuit.library", "RealAmplitudes"),
    ("qiskit.quantum_info", "SparsePauliOp"),
    ("qiskit_machine_learning.neural_networks", "EstimatorQNN"),
    ("qiskit_machine_learning.connectors", "TorchConnector"),
)
#: What pip says of a version that there is not, or that others forbid; without a network it knows of no version at all.
REFUSED = r"ResolutionImpossible|\(from versions: (?!none)"


def install(folder: Path) -> str | None:
    """Make an environment with the printed version; what it lacks, torch above all, comes from the environment of this process.

    Parameters
    ----------
    folder : Path
        Where to make it.

    Returns
    -------
    str or None
        Path of its Python; None where pip finds no such version, or none that its requirements allow.

    Raises
    ------
    RuntimeError
        If pip ends in another error, as without a network.
    """
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    python = str(min(Path(sysconfig.get_path("scripts", "venv", {"base": str(folder)})).glob("python*")))
    command = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PRINTED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and re.search(REFUSED, done.stderr):
        return None
    if done.returncode:
        raise RuntimeError(
            f"{' and '.join(PRINTED)} could not be installed, and whether they can be is not known; pip needs a network, and "
            f"says: {done.stderr.strip()[-600:]}"
        )
    places = [Path(qhelpers.__file__).parents[1], sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (own / "behind.pth").write_text("\n".join(dict.fromkeys(map(str, places))))  # searched last
    return python


def inside(path: str) -> None:
    """Run by the printed version: read weights and rows from an .npz file, and write there what the literal network finds."""
    found: dict[str, Any] = {"has": all(map(_has, PARTS))}
    if found["has"]:
        with np.load(path) as given:
            X, y, weights = (given[name] for name in ("X", "y", "weights"))
        literal = LiteralHQML(X.shape[1])
        set_weights(literal, weights)
        found["outputs"], (found["front"], found["circuit"], found["last"]) = first_step(literal, X, y)
    found["versions"] = [import_module(name).__version__ for name in ("qiskit_machine_learning", "qiskit", "torch")]
    np.savez(path, **found)


def _has(part: tuple[str, str]) -> bool:
    try:
        return hasattr(import_module(part[0]), part[1])
    except ImportError:
        return False


def framework(dataset: Dataset, seed: int, n_features: int = 10) -> Outcome:
    """Whether the printed version can be had today, has what is named, and computes what our engine does with these weights."""
    X, y = rows(dataset, seed, n_features, n_rows=8)
    _, ours = pair(n_features, seed=seed)
    weights = torch.nn.utils.parameters_to_vector(weights_of(ours)).detach().numpy()
    with tempfile.TemporaryDirectory() as folder:
        python = install(Path(folder) / "printed")
        if python is None:
            return Outcome({"value": 0.0, "installs": 0.0, "has_the_parts": 0.0})
        path = Path(folder) / "step.npz"
        np.savez(path, X=X, y=y, weights=weights)
        call = f"from {inside.__module__} import inside; inside({str(path)!r})"
        done = subprocess.run([python, "-I", "-c", call], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"{' and '.join(PRINTED)} are installed, and the network does not run: {done.stderr.strip()[-600:]}"
            )
        with np.load(path) as read:
            found = dict(read)
    metrics = {"value": 1.0, "installs": 1.0, "has_the_parts": float(found["has"])}
    if found["has"]:
        theirs = found["outputs"], [found[name] for name in ("front", "circuit", "last")]
        metrics |= differences(theirs, first_step(ours, X, y))
    return Outcome(metrics, chosen={"versions": found["versions"].tolist()})


def trained(dataset: Dataset, seed: int, **arguments: Any) -> PureHQMLClassifier:
    """Our network as it is by default; the 999 rows are less than a batch, so that an epoch is an update."""
    model: PureHQMLClassifier = PureHQMLClassifier(random_state=seed, **arguments).fit(dataset.X[list(FEATURES)], dataset.y)
    return model


def adam(gradients: np.ndarray, first: np.ndarray, rate: float) -> np.ndarray:
    """Weights after updates by Algorithm 1 of Kingma and Ba (2015), with its decay rates.

    Parameters
    ----------
    gradients : ndarray of shape (n_updates, n_weights)
    first : ndarray of shape (n_weights,)
        Weights before.
    rate : float
    """
    beta_1, beta_2 = 0.9, 0.999
    weights, mean, square = first.astype(float), np.zeros_like(first, float), np.zeros_like(first, float)
    for t, gradient in enumerate(gradients.astype(float), 1):
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        weights = weights - rate * (mean / (1 - beta_1**t)) / (np.sqrt(square / (1 - beta_2**t)) + 1e-8)
    return weights


def optimizer(dataset: Dataset, seed: int) -> dict[str, float]:
    """Largest difference of a weight between our training, as PyTorch makes it, and Adam's published updates by its gradients."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def note(optimiser: torch.optim.Optimizer, *_: Any) -> None:
        weights = [one for group in optimiser.param_groups for one in group["params"]]
        flat = (torch.cat([one.detach().flatten() for one in part]).numpy() for part in (weights, [w.grad for w in weights]))
        seen.append((next(flat), next(flat)))

    hook = register_optimizer_step_pre_hook(note)
    try:
        model = trained(dataset, seed)
    finally:
        hook.remove()
    last = torch.nn.utils.parameters_to_vector(model.module_.parameters()).detach().numpy()
    by_hand = adam(np.array([gradient for _, gradient in seen]), seen[0][0], model.learning_rate)
    return {"value": float(len(seen)), "difference": float(np.abs(by_hand - last).max())}


def loss(dataset: Dataset, seed: int) -> dict[str, float]:
    """What an epoch minimises, beside scikit-learn's cross-entropy of the network that enters it."""
    before, after = (trained(dataset, seed, epochs=epochs) for epochs in (1, 2))
    minimised = after.history_["loss"][1]
    known = log_loss(dataset.y, before.predict_proba(dataset.X[list(FEATURES)]))
    return {"value": minimised, "difference": abs(minimised - float(known))}


def epochs(dataset: Dataset, seed: int) -> float:
    """How many epochs a training by default has."""
    return float(len(trained(dataset, seed).history_["loss"]))


def features(dataset: Dataset, seed: int) -> float:
    """How many features a training by default selects."""
    return float(len(trained(dataset, seed).selected_))


EXPERIMENT = of_functions(
    "threats-settings",
    "paper 2: the settings that it prints, among them whether its version of the library can be had",
    "setting",
    {},
    {
        "wustl_iiot_999": {
            "features": features,
            "epochs": epochs,
            "loss": loss,
            "optimizer": optimizer,
            "framework": framework,
        }
    },
    seconds=lambda config: 90.0 if config["setting"] == "framework" else 1.0,
)

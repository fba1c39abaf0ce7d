"""The weights of the compound loss, searched as the paper did (TPE, 120 trials, 5 folds): where they land, how flat it is there.

On features of a backbone that was trained once, head and circuit alone (D4.31).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from qhelpers._extras import require
from qhelpers.datasets import Signals
from qhelpers.papers.bearings import benchmark
from qhelpers.papers.bearings.experiments import network
from qhelpers.papers.bearings.model import LAMBDAS
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs.experiment import Experiment, Needs, Outcome

NAMES = ("lambda_1", "lambda_2", "lambda_3")
#: Section 3.6.
N_TRIALS, N_FOLDS = 120, 5
#: Windows of the folds, classes in equal shares as far as there are; none of them trained the backbone.
N_SAMPLES = 1600
#: Trainings with the printed weights, each with folds and first weights of its own: what differs without any reason.
N_REPEATS = 10
#: Of a head.
HEAD: dict[str, Any] = {"epochs": 4, "batch_size": 128, "learning_rate": 3e-3}

Scores = tuple[list[float], list[float]]


def scored(X: NDArray[np.float32], y: NDArray[np.int64], lambdas: tuple[float, float, float], seed: int) -> Scores:
    """Accuracy and cross-entropy (nats) of each fold, of heads trained on the others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    lambdas : tuple of three floats
        Weights of the loss.
    seed : int
        Of folds and heads.
    """
    accuracies, entropies = [], []
    for train, test in StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y):
        head = QEMLNetClassifier(lambdas=lambdas, random_state=seed, **HEAD).fit(X[train], y[train])
        shares = head.predict_proba(X[test])
        accuracies.append(float(np.mean(head.classes_[shares.argmax(1)] == y[test])))
        entropies.append(float(log_loss(y[test], shares, labels=head.classes_)))
    return accuracies, entropies


def trained(
    config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None
) -> tuple[QEMLNetClassifier, benchmark.Windows, network.Parts]:
    """Network, at most `N_SAMPLES` windows that neither trained it nor belong to what its split tests, and the split's parts."""
    of = network.windows(dataset, config["size"])
    part = network.parts(of, config["split"], seed)
    checkpoint = None if scratch is None else scratch / "training"
    model = QEMLNetClassifier(epochs=config["epochs"], checkpoint=checkpoint, random_state=seed)
    model.fit(part.train.x, part.train.y)
    met = {pair for some in (part.train, part.test) for pair in _names(some)}
    held_out = set(part.test.recording) - set(part.train.recording)
    some = of[np.flatnonzero([pair not in met and pair[0] not in held_out for pair in _names(of)])]
    return model, benchmark.balanced(some, min(N_SAMPLES, len(some)), seed), part


def features(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None) -> tuple[Any, Any]:
    """Features of windows that neither trained the backbone nor are its split's test, and their classes."""
    model, some, _ = trained(config, seed, dataset, scratch)
    return model.features(some.x), some.y


def _names(some: benchmark.Windows) -> list[tuple[str, int]]:
    """Which window of which recording."""
    return list(zip(some.recording.tolist(), some.place.tolist(), strict=True))


def search(X: Any, y: Any, n_trials: int, seed: int, folder: Path | None) -> list[tuple[tuple[float, float, float], Scores]]:
    """Weights and scores of each trial, in their order; with a folder the study is kept there, and goes on where it was.

    Three numbers from .01 to 1 are drawn and divided by their sum. Each trial has a sampler of its own seed, so that a study that
    was broken off ends as one that was not.
    """
    optuna = require("optuna", "tuning")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        journal = require("optuna.storages.journal", "tuning")
        storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(folder / "study.log")))
    study = optuna.create_study(direction="maximize", storage=storage, study_name="weights", load_if_exists=True)
    complete = (optuna.trial.TrialState.COMPLETE,)
    for trial in study.get_trials(deepcopy=False):
        if trial.state == optuna.trial.TrialState.RUNNING:  # a kill left it
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def objective(trial: Any) -> float:
        drawn = [trial.suggest_float(name, 0.01, 1.0) for name in NAMES]
        lambdas = tuple(one / sum(drawn) for one in drawn)
        accuracies, entropies = scored(X, y, lambdas, seed)
        for name, value in {"lambdas": list(lambdas), "accuracies": accuracies, "entropies": entropies}.items():
            trial.set_user_attr(name, value)
        return float(np.mean(accuracies))

    while (done := len(study.get_trials(deepcopy=False, states=complete))) < n_trials:
        study.sampler = optuna.samplers.TPESampler(seed=1000 * seed + done)
        study.optimize(objective, n_trials=1)
    kept = [trial.user_attrs for trial in study.get_trials(deepcopy=False, states=complete)]
    return [(tuple(one["lambdas"]), (one["accuracies"], one["entropies"])) for one in kept]


def run(config: Mapping[str, Any], seed: int, dataset: Signals, scratch: Path | None = None) -> Outcome:
    """Search the weights.

    Parameters
    ----------
    config : mapping
        ``split``, ``size`` and ``epochs`` of the backbone's training, as in `network.run`; ``trials``.
    seed : int
    dataset : Signals
        CWRU.
    scratch : path, optional
        Where training and study are kept until they are finished.

    Returns
    -------
    Outcome
        ``lambda_1`` to ``lambda_3``, those of the best trial, ``best`` its accuracy (mean over folds); ``printed``, that of the
        printed weights, and ``printed_sd`` over `N_REPEATS` trainings with them; ``trials_sd`` over all trials; ``as_good``, the
        share of trials within two such ``printed_sd`` of the best; ``trials`` and ``folds``. Arrays: ``lambdas`` (trials, 3),
        ``accuracies`` and ``entropies`` (trials, folds), ``printed_accuracies`` (repeats, folds).
    """
    X, y = features(config, seed, dataset, scratch)
    found = search(X, y, config["trials"], seed, None if scratch is None else scratch / "study")
    lambdas = np.array([one for one, _ in found])
    accuracies, entropies = (np.array([scores[k] for _, scores in found]) for k in (0, 1))
    repeats = np.array([scored(X, y, LAMBDAS, 1000 + 100 * seed + k)[0] for k in range(N_REPEATS)])
    means, spread = accuracies.mean(1), float(repeats.mean(1).std(ddof=1))
    best = int(means.argmax())
    metrics = dict(zip(NAMES, lambdas[best].tolist(), strict=True)) | {
        "best": float(means[best]),
        "printed": float(repeats.mean()),
        "printed_sd": spread,
        "trials_sd": float(means.std(ddof=1)),
        "as_good": float(np.mean(means >= means[best] - 2 * spread)),
        "trials": float(len(found)),
        "folds": float(accuracies.shape[1]),
    }
    arrays = {"lambdas": lambdas, "accuracies": accuracies, "entropies": entropies, "printed_accuracies": repeats}
    return Outcome(metrics, arrays=arrays)


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """The paper's trials, three times: how far the weights that are found agree."""
    quick = profile == "quick"
    place = {"data": "cwru", "split": network.SPLITS[0], "size": 32, "epochs": network.EPOCHS["quick" if quick else "laptop"]}
    return [(place | {"trials": 3 if quick else N_TRIALS}, 1 if quick else 3)]


EXPERIMENT = Experiment(
    name="bearings-lambda",
    version="1",
    about="paper 4: the weights of the compound loss by TPE over five folds, head and circuit on features of a trained backbone",
    function=run,
    grid=grid,
    estimate=lambda config: 110.0 + 2.5 * (config["trials"] + N_REPEATS),
    headline="best",
    told=("data", "split", "size", "trials"),
    needs=lambda config: Needs(memory_gb=2.5),
    checkpoints=True,
)

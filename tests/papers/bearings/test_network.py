"""The network's experiments: which windows are drawn, that nothing of a test is trained on, and a search that goes on."""

import numpy as np
import pytest

from qhelpers import datasets, signals
from qhelpers.papers.bearings import benchmark
from qhelpers.papers.bearings.experiments import network, weights
from qhelpers.papers.bearings.model import LAMBDAS
from qhelpers.papers.bearings.training import QEMLNetClassifier


def made_up(n=120, side=4):
    """Windows of three faults in three sizes, and of both normal recordings; a class is a level, so that it can be learned."""
    rng = np.random.default_rng(0)
    kinds = [(label, size) for label in (1, 2, 3) for size in (0.007, 0.014, 0.021)]
    y = np.repeat([0, 0] + [label for label, _ in kinds], n)
    recording = np.repeat(np.array([*benchmark.HEALTHY, *(f"{label}-{size}" for label, size in kinds)], "U12"), n)
    return benchmark.Windows(
        x=(rng.normal(size=(len(y), 3, side, side)) + y[:, None, None, None]).astype("float32"),
        y=y,
        bearing=np.where(y == 0, "normal", recording),
        recording=recording,
        size=np.repeat([0.0, 0.0] + [size for _, size in kinds], n),
        place=np.tile(np.arange(n), len(kinds) + 2),
    )


def pairs(of):
    return set(zip(of.recording.tolist(), of.place.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_windows_at_random_are_70_15_15_and_have_nothing_in_common(seed):
    part = network.parts(made_up(400), "random-windows", seed)
    train, validation, test = map(pairs, part)
    assert len(train | validation | test) == len(train) + len(validation) + len(test) == network.N_WINDOWS
    assert [len(one) for one in (train, validation, test)] == [2800, 600, 600]
    assert all((np.bincount(one.y, minlength=4) > 80).all() for one in part)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_fault_size_that_is_tested_is_never_met(seed, inner):
    of = made_up(400)
    part = network.parts(of, "fault-size-out", seed, inner)
    assert len(part.train) <= 2800
    assert len(part.test) <= 600
    learned = set(part.train.recording.tolist()) | set(part.validation.recording.tolist())
    assert not learned & set(part.test.recording.tolist())
    assert len(set(part.test.size[part.test.y > 0].tolist())) == 1
    assert set(part.test.y.tolist()) == ({1, 2, 3} if inner else {0, 1, 2, 3})
    outer = network.parts(of, "fault-size-out", seed).test
    if inner:
        assert not (learned | set(part.test.recording.tolist())) & set(outer.recording.tolist())
    else:
        assert network.parts(of, "fault-size-out", seed + 1).test.size.max() != part.test.size.max()


def test_splits_that_are_none_are_refused():
    with pytest.raises(ValueError, match="allowed are random-windows, fault-size-out"):
        network.parts(made_up(20), "random", 0)
    with pytest.raises(ValueError, match="the last one with inner=True"):
        network.parts(made_up(20), "random-windows", 0, inner=True)


def test_images_belong_to_the_windows_of_the_drive_end():
    data = datasets.load("cwru", source="twin")
    of = network.windows(data, 32)
    assert of.x.shape[1:] == (3, 32, 32)
    assert len(of.x) == len(of.y)
    assert set(of.size.tolist()) == {0.0, 0.007, 0.014, 0.021}
    assert set(np.unique(of.y)) == {0, 1, 2, 3}
    assert set(of.recording[of.y == 0].tolist()) == set(benchmark.HEALTHY)
    assert network.windows(data, 32) is of  # kept
    k = int(np.flatnonzero(data.labels == of.recording[-1])[0])
    own = signals.images(data.recordings[k][:, 0], float(data.rate[k]), 32)
    np.testing.assert_array_equal(of.x[of.recording == of.recording[-1]], own)


def test_a_run_trains_tests_and_goes_on(tmp_path, monkeypatch):
    of = made_up(24, side=32)
    monkeypatch.setattr(network, "windows", lambda data, size: of)
    config = {"variant": "full", "split": "fault-size-out", "size": 32, "epochs": 1}
    first = network.run(config, 0, None, scratch=tmp_path)
    metrics = first.metrics
    assert metrics["windows_test"] == first.arrays["confusion"].sum() == 24 * 4
    assert metrics["accuracy"] == pytest.approx(np.trace(first.arrays["confusion"]) / 96)
    assert metrics["accuracy_ball"] == pytest.approx(first.arrays["confusion"][1, 1] / 24)
    assert set(first.arrays["bearing"].tolist()) == {"1-0.007", "2-0.007", "3-0.007", "normal"}
    assert {"train_fidelity", "train_reconstruction", "q_sd", "train_h_rms"} <= metrics.keys()
    monkeypatch.setattr(QEMLNetClassifier, "_epoch", lambda *_: pytest.fail("it was trained already"))
    again = network.run(config, 0, None, scratch=tmp_path)
    assert again.metrics == metrics


@pytest.mark.parametrize("profile", ["quick", "laptop", "paper"])
def test_grids_hold_what_can_be_run(profile):
    for config, _ in network.grid(profile):
        assert config["variant"] in network.VARIANTS and config["split"] in network.SPLITS
        QEMLNetClassifier(**network.VARIANTS[config["variant"]])._check()


# --- the weights of the loss -----------------------------------------------------------------------------------------


def test_a_search_that_was_broken_off_ends_as_one_that_was_not(tmp_path, monkeypatch):
    asked = []

    def scored(X, y, lambdas, seed):
        if len(asked) == 2 and "killed" not in asked:
            asked.append("killed")
            raise KeyboardInterrupt
        asked.append(lambdas)
        return [lambdas[0]] * 5, [lambdas[1]] * 5

    monkeypatch.setattr(weights, "scored", scored)
    whole = weights.search(None, None, 5, 3, None) if not asked.append("killed") else None
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        weights.search(None, None, 5, 3, tmp_path)
    again = weights.search(None, None, 5, 3, tmp_path)
    assert [one for one, _ in again] == [one for one, _ in whole]
    assert len(asked) == 6  # five trials, none of them twice, and the kill
    assert all(sum(one) == pytest.approx(1) and min(one) > 0 for one, _ in again)


def test_scores_are_those_of_five_folds():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    X = (rng.normal(size=(60, 8)) + 3 * np.eye(3, 8)[y]).astype("float32")
    accuracies, entropies = weights.scored(X, y, LAMBDAS, 0)
    assert len(accuracies) == len(entropies) == 5
    assert np.mean(accuracies) > 0.6 and min(entropies) > 0

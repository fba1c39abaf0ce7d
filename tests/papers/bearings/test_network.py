"""The network's experiments: which windows are drawn, that nothing of a test is trained on, and a search that goes on."""

import numpy as np
import pytest

from qhelpers.papers.bearings.experiments import built, network, weights
from qhelpers.papers.bearings.model import LAMBDAS
from qhelpers.papers.bearings.training import QEMLNetClassifier
from qhelpers.runs import experiment


def made_up(n=120, side=16, normals=("100.mat", "97.mat")):
    """Windows of three faults in three sizes, and of two normal recordings; a class is a level, so that it can be learned."""
    rng = np.random.default_rng(0)
    kinds = [(label, size) for label in (1, 2, 3) for size in network.SIZES]
    y = np.repeat([0] * len(normals) + [label for label, _ in kinds], n)
    size = np.repeat([0.0] * len(normals) + [size for _, size in kinds], n)
    names = [*normals, *(f"{label}-{size}" for label, size in kinds)]
    recording = np.repeat(np.array(names, "U12"), n)
    bearing = np.where(size == 0, "normal", recording)
    images = rng.normal(size=(len(y), 3, side, side)) + y[:, None, None, None]
    return network.Windows(images.astype("float32"), y, size, recording, bearing)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("split", network.SPLITS)
@pytest.mark.parametrize("seed", range(4))
def test_parts_have_nothing_in_common(split, seed, inner):
    of = made_up(400)
    part = network.parts(of, split, seed, inner)
    everything = np.concatenate(part)
    assert len(np.unique(everything)) == len(everything)
    for rows, most in zip(part, network.QUOTA, strict=True):
        counts = np.bincount(of.y[rows], minlength=4)
        assert (counts > 0).all() and (counts <= most).all()
    learned = np.concatenate([part.train, part.validation])
    if split == "fault-size-out":
        faulty = of.y[part.test] > 0
        assert set(of.size[part.test][faulty].tolist()) == {network.SIZES[(seed + inner) % 3]}
        assert not set(of.bearing[part.test][faulty].tolist()) & set(of.bearing[learned].tolist())
        if not inner:
            assert not set(of.recording[part.test].tolist()) & set(of.recording[learned].tolist())
    if inner:
        outer = network.parts(of, split, seed).test
        assert not set(outer.tolist()) & set(everything.tolist())
        if split == "fault-size-out":
            assert not set(of.recording[outer].tolist()) & set(of.recording[everything].tolist())


def test_quotas_are_70_15_15_where_there_are_enough():
    part = network.parts(made_up(400), "random-windows", 0)
    assert [len(rows) / 4 for rows in part] == [560, 120, 120] or all(
        abs(len(rows) / len(np.concatenate(part)) - share) < 0.01 for rows, share in zip(part, (0.7, 0.15, 0.15), strict=True)
    )


def test_a_class_without_windows_to_test_is_refused():
    of = made_up(40, normals=("97.mat",))
    with pytest.raises(ValueError, match="class 0 has 0, 0, 40 windows to train on"):
        network.parts(of, "fault-size-out", 0)
    with pytest.raises(ValueError, match="allowed are random-windows, fault-size-out"):
        network.parts(of, "random", 0)


def test_windows_of_the_twin_are_those_of_the_drive_end():
    from qhelpers import datasets

    data = datasets.load("cwru", source="twin")
    of = network.windows(data, 32)
    assert of.images.shape[1:] == (3, 32, 32)
    assert set(of.size.tolist()) == {0.0, *network.SIZES}
    assert set(np.unique(of.y)) == {0, 1, 2, 3}
    assert set(of.recording[of.size == 0].tolist()) == {"97.mat", "100.mat"}
    assert not any(one.startswith("fan") for one in of.bearing)
    assert network.windows(data, 32) is of  # kept


class _Data:
    meaning = {0: "normal", 1: "ball", 2: "inner", 3: "outer"}


def test_a_run_trains_tests_and_goes_on(tmp_path, monkeypatch):
    of = made_up(24)
    monkeypatch.setattr(network, "windows", lambda data, size: of)
    config = {"variant": "full", "split": "fault-size-out", "size": 16, "epochs": 1}
    first = network.run(config, 0, _Data(), scratch=tmp_path)
    metrics = first.metrics
    assert metrics["windows_test"] == first.arrays["confusion"].sum() == 24 * 4
    assert metrics["accuracy"] == pytest.approx(np.trace(first.arrays["confusion"]) / 96)
    assert metrics["accuracy_ball"] == pytest.approx(first.arrays["confusion"][1, 1] / 24)
    assert set(first.arrays["bearing"].tolist()) == {"1-0.007", "2-0.007", "3-0.007", "normal"}
    assert {"train_fidelity", "train_reconstruction", "q_sd", "train_h_rms"} <= metrics.keys()
    monkeypatch.setattr(QEMLNetClassifier, "_epoch", lambda *_: pytest.fail("it was trained already"))
    again = network.run(config, 0, _Data(), scratch=tmp_path)
    assert again.metrics == metrics
    with pytest.raises(ValueError, match="variant 'none' is unknown; allowed are full, without circuit"):
        network.run(config | {"variant": "none"}, 0, _Data())


@pytest.mark.parametrize("profile", ["quick", "laptop", "paper"])
def test_grids_hold_what_can_be_run(profile):
    for module in (network, weights, built):
        entries = [tuple(sorted(config.items())) for config, _ in module.grid(profile)]
        assert len(set(entries)) == len(entries) > 0
        assert all(module.EXPERIMENT.estimate(dict(one)) > 0 for one in entries)
    for config, _ in network.grid(profile):
        assert config["variant"] in network.VARIANTS and config["split"] in network.SPLITS
        QEMLNetClassifier(**network.VARIANTS[config["variant"]])._check()


def test_the_paper_finds_its_experiments():
    assert {experiment.get(name).name for name in ("bearings-network", "bearings-lambda", "bearings-built")} == {
        "bearings-network",
        "bearings-lambda",
        "bearings-built",
    }


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


def test_settings_are_read_off_the_network():
    assert built.run({"setting": "pqc.parameters"}, 0).metrics == {"value": 72.0}
    assert built.run({"setting": "parameters resnet-50"}, 0).metrics["value"] == pytest.approx(25.557032)
    with pytest.raises(ValueError, match="setting 'depth' is unknown; allowed are cbam"):
        built.run({"setting": "depth"}, 0)

"""The main scores of paper 2: splits without common rows, choices that never see the test part, and numbers that come again."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from qhelpers import datasets
from qhelpers.papers.threats.experiments import learning, scores, variants

SMALL = {"data": "wustl_iiot_999", "features": 4}
MODBUS = {"data": "ton_iot_modbus", "features": "all"}


@pytest.fixture(scope="module")
def flows():
    return datasets.load("wustl_iiot_999", source="twin", n=1500, seed=2)


@pytest.fixture(scope="module")
def registers():
    return datasets.load("ton_iot_modbus", source="twin", n=1200, seed=2)


@pytest.mark.parametrize("split", scores.SPLITS)
def test_parts_have_no_row_in_common_and_their_shares(registers, split):
    part = scores.parts(registers, {"split": split, "left_out": "password"}, np.random.default_rng(0))
    rows = np.concatenate(part)
    assert len(np.unique(rows)) == len(rows)
    families = [set(registers.family[one].tolist()) for one in part]
    if split == "family":
        assert families[2] == {"normal", "password"} and "password" not in families[0] | families[1]
    else:
        assert sorted(rows) == list(range(len(registers)))
        np.testing.assert_allclose([len(one) / len(rows) for one in part], [0.7, 0.15, 0.15], atol=0.01)


def test_blocks_are_stretches_of_time(registers):
    part = scores.parts(registers, {"split": "blocks"}, np.random.default_rng(1))
    order = np.argsort(registers.time, kind="stable")
    tested = np.isin(order, part.test)
    assert np.abs(np.diff(tested.astype(int))).sum() <= 2 * scores.N_BLOCKS * scores.N_HELD_OUT / scores.N_FOLDS


def test_unknown_splits_and_models_are_refused(registers):
    with pytest.raises(ValueError, match="split 'later' is unknown; allowed are random, blocks, family"):
        scores.parts(registers, {"split": "later"}, np.random.default_rng(0))
    with pytest.raises(ValueError, match="model 'svm' is unknown; allowed are pure-hqml"):
        scores.run(MODBUS | {"split": "random", "model": "svm"}, 0, registers)


def test_no_clock_and_no_address_is_read(flows, registers):
    assert scores.table(flows).shape == (1500, 40) and scores.table(registers).shape == (1200, 4)


@pytest.mark.parametrize(
    "model", ["pure-hqml", "pure-hqml-behind-layer", "logistic-regression", "random-forest", "one-threshold"]
)
def test_a_run_gives_its_numbers_again_whatever_the_test_labels(flows, model):
    """What is learned and chosen does not depend on the labels of the test part."""
    config = SMALL | {"split": "random", "model": model}
    one, same = (scores.run(config, 3, flows) for _ in range(2))
    numbers = [name for name in one.metrics if "seconds" not in name]
    assert [one.metrics[name] for name in numbers] == [same.metrics[name] for name in numbers]
    test = scores.parts(flows, config, np.random.default_rng(np.random.SeedSequence(3).spawn(2)[0])).test
    forged = flows.y.copy()
    forged[test[:-1]] = 1 - forged[test[:-1]]
    other = scores.Trained
    X = scores.table(flows)
    part = scores.Parts(*scores.parts(flows, config, np.random.default_rng(np.random.SeedSequence(3).spawn(2)[0])))
    first, second = (scores.trained(config, X, labels, part, 7) for labels in (flows.y, forged))
    assert isinstance(first, other) and first.setting == second.setting and first.columns.tolist() == second.columns.tolist()
    np.testing.assert_array_equal(first.positive(X[test]), second.positive(X[test]))


def test_numbers_are_those_of_the_libraries(flows):
    config = SMALL | {"split": "random", "model": "logistic-regression"}
    found = scores.run(config, 0, flows)
    draw, _ = np.random.SeedSequence(0).spawn(2)
    part = scores.parts(flows, config, np.random.default_rng(draw))
    X = scores.table(flows)[:, found.chosen["columns"]]
    centre, scale = X[part.train].mean(0), X[part.train].std(0)
    X = (X - centre) / np.where(scale > 0, scale, 1)
    plain = LogisticRegression(C=found.chosen["setting"]).fit(X[part.train], flows.y[part.train])
    assert found.metrics["accuracy"] == pytest.approx(plain.score(X[part.test], flows.y[part.test]))
    assert found.metrics["parameters"] == 5
    p = plain.predict_proba(X[part.test])[np.arange(len(part.test)), flows.y[part.test]]
    assert found.metrics["cross_entropy"] == pytest.approx(-np.log(p).mean())
    dos = flows.family[part.test] == "DoS"
    assert found.metrics["recall_DoS"] == pytest.approx(plain.predict(X[part.test][dos]).mean())


def test_trained_numbers_are_counted(flows):
    """Figure 1 with 4 qubits: a layer of 5, a circuit of 16, an output of 3; behind a layer of 4 outputs, 20 + 16 + 6."""
    sizes = {
        name: scores.run(SMALL | {"split": "random", "model": name}, 0, flows).metrics["parameters"]
        for name in ("pure-hqml", "pure-hqml-behind-layer", "pure-hqml-without-circuit", "pure-hqml-without-network")
    }
    assert list(sizes.values()) == [24, 42, 7, 18]


def test_a_linear_network_is_linear(flows):
    found = scores.run(SMALL | {"split": "random", "model": "pure-hqml-without-circuit"}, 0, flows)
    assert found.metrics["logit_linear_r2"] == pytest.approx(1)


def test_a_family_that_was_never_met(registers):
    config = MODBUS | {"split": "family", "left_out": "xss", "model": "logistic-regression"}
    found = scores.run(config, 0, replace(registers))
    assert found.metrics["recall_xss"] == found.metrics["recall"]


@pytest.mark.parametrize("name", ["sigmoid applied twice", "circuit fed by the layer"])
def test_a_variant_is_trained(flows, name):
    found = variants.run(SMALL | {"split": "random", "model": "pure-hqml", "variant": name}, 0, flows)
    plain = scores.run(SMALL | {"split": "random", "model": "pure-hqml"}, 0, flows)
    assert found.metrics["cross_entropy"] != plain.metrics["cross_entropy"] and not found.arrays


def test_every_variant_names_a_deviation_and_changes_an_argument():
    from qhelpers.papers.threats.model import PureHQMLClassifier

    for name, (arguments, deviation) in variants.VARIANTS.items():
        assert deviation.startswith("D2.2") and (arguments or name == "as chosen")
        PureHQMLClassifier(**arguments)._check()


def test_epochs_that_are_needed(registers):
    found = learning.run(MODBUS | {"split": "random", "model": "pure-hqml"}, 0, registers, epochs=12)
    accuracy = found.arrays["val_accuracy"]
    n = int(found.metrics["epochs_needed"])
    assert found.metrics["accuracy.12"] == pytest.approx(accuracy[-1])
    assert (np.abs(accuracy[n - 1 :] - accuracy[-1]) <= 0.01 + 1e-6).all() and len(accuracy) == 12
    assert n == 1 or abs(accuracy[n - 2] - accuracy[-1]) > 0.01 - 1e-6

"""The three sentences of part 2 follow from the records, whichever way these go."""

import re

import numpy as np
import pytest

from qhelpers.papers.threats import answer


@pytest.fixture
def forged(monkeypatch):
    """Records in which each model scores what a test says, with the same scatter over splits for all."""

    def forge(**scores):
        def values(config, metric="mcc", **place):
            centre = scores.get(config["model"].replace("-", "_"), 0.9)
            n = 20 if {**answer.FLOWS, **config, **place}["split"] == "random" else 10
            own = sum(map(ord, config["model"]))
            return centre + 0.01 * np.random.default_rng(own).standard_normal(n)

        monkeypatch.setattr(answer, "values", values)
        answer.compared.cache_clear()
        return [re.sub("<[^>]+>", "", one) for one in answer.sentences()]

    yield forge
    answer.compared.cache_clear()


def test_a_circuit_that_is_worth_nothing(forged):
    helps, where, instead = forged(random_forest=0.99)
    assert "Not that we could see" in helps and re.search(r"0\.(89|90)", helps)
    assert "Nowhere clearly" in where
    assert "A random forest on all columns" in instead and re.search(r"0\.(98|99)", instead)


def test_a_circuit_that_is_worth_something(forged):
    helps, where, instead = forged(pure_hqml=0.99)
    assert "A little" in helps and "Ahead of both controls" in where
    assert "One threshold on all columns" in instead


def test_what_to_use_follows_the_splits_by_time(monkeypatch):
    """A model that leads on random rows alone is not the one to use, and a set that nobody learns from is named."""

    def values(config, metric="mcc", **place):
        whole = {**answer.FLOWS, **config, **place}
        if whole["data"] == "ton_iot_modbus":
            return np.full(10, registers.get(whole["model"], 0.7))
        late = whole["split"] == "blocks"
        return np.full(10, {"random-forest": 0.8 if late else 0.99, "logistic-regression": 0.95}.get(whole["model"], 0.5))

    monkeypatch.setattr(answer, "values", values)
    registers = {}
    assert answer.instead() == "logistic regression (network flows; nothing for Modbus readings)"
    assert "not seen, where a random forest has" in answer._instead()
    registers = {"random-forest": 0.9}
    assert answer.instead() == "logistic regression (network flows)" and "no plain model" not in answer._instead()


def test_a_circuit_that_another_layer_replaces(forged):
    _, where, _ = forged(pure_hqml=0.99, pure_hqml_equal_weights=0.99)
    assert "Clearly ahead of no entangling gate alone" in where
    assert "it does harm" in forged(pure_hqml=0.8)[0]


def test_rows_of_the_picture_and_sentences_on_the_print():
    assert list(answer.bars())[-1] == "Pure-HQML" and set(answer.QUANTUM) <= set(answer.bars())
    assert "98.43%" in answer.beside_print() and "0.3202" in answer.beside_print()


def test_the_table_of_all_parts_has_the_same_difference():
    rows = {(one.control, one.place): one for one in answer.ingredients()}
    one, test = rows["no circuit", "flows"], answer.compared("no circuit")
    assert (one.effect, one.low, one.high, one.n) == (100 * test.difference, 100 * test.low, 100 * test.high, test.n)
    assert one.classical and not rows["never trained", "flows"].classical and "+41 weights" in one.cost

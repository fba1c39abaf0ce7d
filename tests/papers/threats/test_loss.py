"""Each way of applying a loss is that of the library it names, and what is called possible is found, and nothing else."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhelpers.ledger.intervals import Interval
from qhelpers.papers.threats import loss

BY_NAME = {one.name: one for one in loss.APPLIED}
RNG = np.random.default_rng(0)
LABELS, LOGITS = RNG.integers(0, 2, 64), RNG.normal(size=64) * 3
Y, Z = torch.tensor(LABELS, dtype=torch.float64), torch.tensor(LOGITS)
BCE = torch.nn.functional.binary_cross_entropy
WITH_LOGITS = torch.nn.functional.binary_cross_entropy_with_logits
P = torch.sigmoid(Z)
TWO = torch.stack([1 - P, P], dim=1)
ONE_HOT = torch.stack([1 - Y, Y], dim=1)
BY_TORCH = {
    "as described": lambda: BCE(P, Y),
    "sigmoid twice": lambda: WITH_LOGITS(P, Y),
    "softmax twice": lambda: torch.nn.functional.cross_entropy(TWO, Y.long()),
    "no sigmoid": lambda: BCE((Z + 0.5).clamp(loss.KERAS_CLIP, 1 - loss.KERAS_CLIP), Y),
    "hard answers (PyTorch)": lambda: BCE((Z > 0).double(), Y),
    "labels smoothed": lambda: WITH_LOGITS(Z, Y * (1 - loss.SMOOTHING) + loss.SMOOTHING / 2),
    "attacks weighted": lambda: WITH_LOGITS(Z, Y, pos_weight=torch.tensor((1 - loss.BASE_RATE) / loss.BASE_RATE)),
    "in bits": lambda: BCE(P, Y) / math.log(2),
    "one-hot summed": lambda: BCE(TWO, ONE_HOT, reduction="sum") / len(Y),
    "summed over a batch": lambda: torch.stack(
        [WITH_LOGITS(z, y, reduction="sum") for z, y in zip(Z.split(loss.BATCH), Y.split(loss.BATCH), strict=True)]
    ).mean(),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_loss_is_what_pytorch_computes_when_it_is_applied_so(name):
    if name == "hard answers (Keras)":  # PyTorch's own guard is another; Keras clips both ends
        hard = np.clip(LOGITS > 0, loss.KERAS_CLIP, 1 - loss.KERAS_CLIP)
        expected = -np.mean(np.where(LABELS == 1, np.log(hard), np.log(1 - hard)))
        assert BY_NAME[name].mean(LABELS, LOGITS) == pytest.approx(expected, abs=1e-6)
    else:
        assert BY_NAME[name].mean(LABELS, LOGITS) == pytest.approx(float(BY_TORCH[name]()), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("name", BY_NAME)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rate=st.integers(1, 39), missed=st.integers(0, 10), false=st.integers(0, 10), seed=st.integers(0, 99), scale=st.floats(0.1, 9)
)
def test_no_model_leaves_what_is_called_possible(name, rate, missed, false, seed, scale):
    rows, applied = 40, BY_NAME[name]
    labels = (np.arange(rows) < rate).astype(int)
    missed, false = min(missed, rate), min(false, rows - rate)
    right = np.ones(rows, dtype=bool)
    right[:missed] = False
    right[rows - false :] = False
    size = scale * np.random.default_rng(seed).random(rows) + 1e-9
    logits = np.where((labels == 1) == right, size, -size)
    accuracy, share = float(right.mean()), rate / rows
    bounds = loss.possible(applied, Interval(accuracy, accuracy), share)
    mean = applied.mean(labels, logits)
    assert bounds.lo - 1e-9 <= mean <= bounds.hi + 1e-9
    always = loss.constant(applied, share)
    for constant in (-2.0, 0.3):
        assert applied.mean(labels, np.full(rows, constant)) >= always - 1e-9


@pytest.mark.parametrize("name", BY_NAME)
def test_the_ends_of_what_is_possible_are_approached(name):
    applied, rows, rate, wrong = BY_NAME[name], 1000, 73, 16
    labels = (np.arange(rows) < rate).astype(int)
    bounds = loss.possible(applied, Interval(1 - wrong / rows, 1 - wrong / rows), rate / rows)
    grid = np.concatenate([np.linspace(1e-9, 40, 2001), applied.turns])
    grid = grid[grid > 0]
    found = []
    for missed in (0, wrong):
        right = np.ones(rows, dtype=bool)
        right[:missed] = False
        right[rows - (wrong - missed) :] = False
        side = np.where((labels == 1) == right, 1.0, -1.0)
        costs = np.array([applied.cost(labels, side * one) for one in grid])
        found += [costs.min(axis=0).mean(), costs.max(axis=0).mean()]
    assert min(found) == pytest.approx(bounds.lo, abs=1e-6)
    if np.isfinite(bounds.hi):
        assert max(found) == pytest.approx(bounds.hi, abs=1e-6)
    else:
        assert max(found) > 1


@pytest.mark.parametrize("share", [0.07, 0.5, 0.9])
def test_the_constant_of_a_plain_loss_is_the_entropy(share):
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert loss.constant(BY_NAME["as described"], share) == pytest.approx(entropy, abs=1e-9)
    assert loss.constant(BY_NAME["no sigmoid"], share) == pytest.approx(entropy, abs=1e-6)
    assert loss.constant(BY_NAME["in bits"], share) == pytest.approx(entropy / math.log(2), abs=1e-9)


def test_attacks_weighted_by_rarity_are_as_if_classes_were_balanced():
    rare = loss.BASE_RATE
    assert loss.constant(BY_NAME["attacks weighted"]) == pytest.approx(2 * (1 - rare) * math.log(2), abs=1e-9)


def test_costs_of_right_and_wrong_rows_make_up_the_printed_loss():
    for of in loss.printed().values():
        for right in (0.0, 0.1, loss.right_row(of).mid):
            mean = of.accuracy.mid * right + (1 - of.accuracy.mid) * loss.wrong_row(of, right).mid
            assert mean == pytest.approx(of.loss.mid, abs=5e-5)
        assert loss.wrong_row(of, loss.right_row(of).mid).mid == pytest.approx(math.log(2), abs=0.02)
    every = loss.lines(5)
    assert len(every) == 15 and set(every["split"]) == set(loss.SPLITS.values())
    assert (every["wrong"] >= math.log(2) - 1e-9).all() and every["truth"].between(0.5, 1).all()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=6))
def test_a_calibrated_model_stays_within_its_bounds(groups):
    """Groups of rows, of which a share is attacks and gets this share as its probability."""
    share, weight = np.array(groups).T
    weight = weight / weight.sum()
    accuracy = float(weight @ np.maximum(share, 1 - share))
    mean = float(weight @ [one[one > 0] @ -np.log(one[one > 0]) for one in np.stack([share, 1 - share], axis=1)])
    bounds = loss.calibrated(Interval(accuracy, accuracy))
    assert bounds.lo - 1e-9 <= mean <= bounds.hi + 1e-9
    for ends, expected in (([accuracy], bounds.hi), ([1.0, 0.5], bounds.lo)):  # all rows alike; sure, or a coin
        q = np.array([1 - one for one in ends])
        shares = np.array([1.0]) if len(ends) == 1 else np.array([2 * accuracy - 1, 2 - 2 * accuracy])
        assert shares @ np.array([loss.entropy([one, 1 - one]) for one in q]) == pytest.approx(expected, abs=1e-9)


def test_a_right_row_cannot_cost_more_than_a_coin():
    with pytest.raises(ValueError, match="between 0 and ln 2"):
        loss.wrong_row(loss.printed()["test"], 0.7)


def test_the_table_says_which_mistakes_the_paper_cannot_have_made():
    table = loss.table()
    assert len(table) == 3 * len(loss.APPLIED)
    serves = table.groupby("applied")["possible"].all()
    assert not serves[
        ["sigmoid twice", "softmax twice", "hard answers (Keras)", "hard answers (PyTorch)", "summed over a batch"]
    ].any()
    assert serves[["as described", "labels smoothed", "attacks weighted", "no sigmoid", "in bits", "one-hot summed"]].all()
    plain = table[table["applied"] == "as described"]
    assert plain["above_constant"].all()


def test_the_largest_batch_is_the_last_that_fits():
    of = loss.printed()["test"]
    size = loss.largest_batch(of)
    least = (1 - of.accuracy.hi) * math.log(2)
    assert size * least <= of.loss.hi < (size + 1) * least

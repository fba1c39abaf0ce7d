"""Best-of-k curves are what drawing gives, luck follows its theory, and shuffled labels teach nothing."""

import itertools

import numpy as np
import pytest
from scipy import stats

from qhelpers import datasets
from qhelpers.papers.low_energy.experiments import picking
from qhelpers.papers.low_energy.experiments.picking import agreement, best_by_luck, best_of, dealt_anew

ROOM = datasets.load("occupancy", source="twin", n=3000)
QUICK = {"data": "occupancy", "n_circuits": 4, "epochs": 10, "learning_rate": 0.1}


def test_best_of_k_by_counting_is_best_of_k_by_hand():
    score, truth = [0.6, 0.5, 0.9, 0.6], [0.1, 0.2, 0.3, 0.5]
    picked, worth = best_of(score, truth)
    for k in range(1, 5):
        tops, values = [], []
        for chosen in itertools.combinations(range(4), k):
            best = max(score[i] for i in chosen)
            tops.append(best)
            values.append(np.mean([truth[i] for i in chosen if score[i] == best]))
        assert picked[k - 1] == pytest.approx(np.mean(tops))
        assert worth[k - 1] == pytest.approx(np.mean(values))


def test_best_of_fifty_is_stable():
    rng = np.random.default_rng(0)
    picked, worth = best_of(rng.random(50), np.full(50, 0.7))
    assert (np.diff(picked) > 0).all() and np.isfinite(picked).all()
    np.testing.assert_allclose(worth, 0.7)


def test_luck_follows_the_maximum_of_binomials():
    """The normal approximation against the exact mean of the largest of k independent binomials."""
    for k in (1, 2, 10, 50):
        hits = np.arange(61)
        cumulative = stats.binom.cdf(hits, 60, 0.5) ** k
        exact = float(np.sum(hits * np.diff(cumulative, prepend=0))) / 60
        assert best_by_luck(k, 60)[0] == pytest.approx(exact, abs=0.004)
    assert best_by_luck([1, 9], 60, correlation=1.0) == pytest.approx(0.5)
    assert best_by_luck(1, 60, 0.8)[0] == pytest.approx(0.8, abs=1e-6)
    with pytest.raises(ValueError, match="k is 0"):
        best_by_luck(0, 60)


def test_agreement_is_the_correlation_of_scores_on_tossed_labels():
    rng = np.random.default_rng(1)
    common = rng.integers(0, 2, 200)
    predicted = np.array([np.where(rng.random(200) < 0.4, rng.integers(0, 2, 200), common) for _ in range(6)])
    tossed = rng.integers(0, 2, (4000, 1, 200))
    scores = (predicted == tossed).mean(axis=2)
    measured = np.corrcoef(scores.T)[np.triu_indices(6, 1)].mean()
    assert agreement(predicted) == pytest.approx(measured, abs=0.02)
    assert agreement([[0, 1], [0, 1]]) == 1 and agreement([[0, 1], [1, 0]]) == -1


def test_labels_dealt_anew_give_the_maximum_of_coins_as_correlated_as_the_models():
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 30)
    alone = rng.integers(0, 2, (20, 60))
    np.testing.assert_allclose(dealt_anew(alone, labels, 3000, rng), best_by_luck(range(1, 21), 60), atol=0.012)
    np.testing.assert_allclose(dealt_anew(np.repeat(alone[:1], 20, axis=0), labels, 3000, rng), 0.5, atol=0.01)
    common = np.where(rng.random((20, 60)) < 0.5, alone, alone[0])
    expected = best_by_luck(20, 60, correlation=agreement(common))[0]
    assert dealt_anew(common, labels, 3000, rng)[-1] == pytest.approx(expected, abs=0.012)


def test_shuffled_labels_teach_nothing_and_picking_still_shows_a_gain():
    outcomes = [picking.run(QUICK | {"labels": "shuffled", "n_circuits": 6}, seed, ROOM) for seed in range(6)]
    assert np.mean([o.metrics["one.fresh"] for o in outcomes]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([o.metrics["accuracy"] for o in outcomes]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([o.metrics["picked.score60"] - o.metrics["accuracy"] for o in outcomes]) > 0.02
    learned = picking.run(QUICK | {"labels": "real", "n_circuits": 6, "epochs": 40}, 0, ROOM)
    assert learned.metrics["accuracy"] > 0.7


def test_a_run_scores_what_it_says():
    one, two = (picking.run(QUICK | {"labels": "real"}, 3, ROOM) for _ in range(2))
    for name in ("score60", "fresh", "cell"):
        np.testing.assert_array_equal(one.arrays[name], two.arrays[name])
    right = (one.arrays["predicted60"] == one.arrays["labels60"]).mean(axis=1)
    np.testing.assert_allclose(one.arrays["score60"], right)
    assert one.arrays["labels60"].sum() == 30 and one.arrays["predicted60"].shape == (4, 60)
    assert 0 < one.chosen["n_fresh"] <= picking.N_FRESH


def test_the_grid_has_both_labels():
    assert {config["labels"] for config, _ in picking.grid("laptop")} == set(picking.LABELS)
    assert min(n for _, n in picking.grid("laptop")) >= 20

"""A quantum part beside its control: signs, pairs, intervals and costs are what they say, whichever way the scores go."""

from dataclasses import replace

import numpy as np
import pytest

from qhelpers.evaluation import corrected_t_test
from qhelpers.ledger import ingredients as room
from qhelpers.ledger.evidence import Evidence
from qhelpers.runs import records

TOLD = {"what": "a circuit", "control": "none", "place": "a task", "score": "accuracy"}
RNG = np.random.default_rng(0)


def compared(gain, n=12, **more):
    one = 0.8 + 0.01 * RNG.standard_normal(n)
    return room.of_pairs((one, one - gain + 0.004 * RNG.standard_normal(n)), 0.0, **TOLD | more)


def test_above_zero_the_quantum_part_is_better_of_scores_and_of_errors():
    assert compared(0.05).says == "ahead" and compared(-0.05).says == "behind" and compared(0.0).says == "open"
    errors = (np.full(10, 20.0) + np.arange(10), np.full(10, 25.0) + np.arange(10))
    found = room.of_pairs(errors, 0.2, error=True, **TOLD)
    assert found.effect == pytest.approx(100 * 5 / 29.5) and found.says == "ahead"


def test_the_numbers_are_those_of_the_test_in_points():
    one, other = RNG.random(15), RNG.random(15)
    found, test = room.of_pairs((one, other), 0.3, **TOLD), corrected_t_test(one, other, 0.3)
    assert (found.effect, found.low, found.high) == pytest.approx((100 * test.difference, 100 * test.low, 100 * test.high))
    assert (found.p, found.n) == (test.p, 15)


def test_few_pairs_have_an_interval_and_no_say():
    found = room.of_pairs(([0.9, 0.9, 0.91], [0.1, 0.1, 0.11]), 0.0, **TOLD)
    assert found.says == "few" and np.isnan(found.p) and found.low > 70
    with pytest.raises(ValueError, match="at least 2 finite numbers"):
        room.of_pairs(([0.9], [0.1]), 0.0, **TOLD)


def test_an_interval_from_units_keeps_its_ends():
    found = room.of_interval((2.0, 1.0, 3.0), 100, **TOLD)
    assert (found.effect, found.low, found.high, found.says) == (2.0, 1.0, 3.0, "ahead") and found.p < 0.001
    assert room.of_interval((1.0, 0.0, 2.0), 100, **TOLD).p == pytest.approx(0.05, abs=1e-3)


def test_many_comparisons_are_read_together():
    some = [replace(compared(0.0), low=0.01, high=1.0, p=0.04) for _ in range(20)]
    sure = replace(some[0], p=1e-6)
    few = replace(some[0], n=3, p=float("nan"))
    weaker = replace(sure, classical=False)
    assert all(one.says == "ahead" for one in some)
    assert room.after_holm([*some, sure, few, weaker]) == ["open"] * 20 + ["ahead", "few", "ahead"]
    assert room.replaced([*some, sure, few, weaker]) == {"open": 20, "ahead": 1, "few": 1}


def test_runs_are_paired_by_seed_and_their_cost_is_measured(tmp_path, one_record):
    for seed in range(11):
        for model, score, seconds in (("a", 0.9, 6.0), ("b", 0.8, 2.0)):
            if (model, seed) != ("b", 4):
                own = {"config": {"model": model}, "seed": seed, "id": f"{model}{seed}", "cpu_seconds": seconds}
                metrics = {"accuracy": score + 0.001 * seed, "parameters": 12.0 if model == "a" else 20.0}
                records.append(replace(one_record, **own, metrics=metrics), {}, tmp_path)
    both = ({"model": "a"}, {"model": "b"})
    found = room.of_records("trial", both, 0.0, evidence=Evidence(tmp_path), **TOLD)
    assert (found.n, found.effect) == (10, pytest.approx(10.0))
    assert found.cost == "3.0 × the time, −8 weights"
    assert room.of_records("trial", both, 0.0, evidence=Evidence(tmp_path), cost="nothing", **TOLD).cost == "nothing"
    assert room.of_records("trial", ({"model": "a"}, {"model": "c"}), 0.0, evidence=Evidence(tmp_path), **TOLD) is None


def test_every_paper_sets_its_quantum_part_beside_something_classical():
    found = room.ingredients()
    for number in "1234":
        own = [one for one in found if one.paper == number]
        assert any(one.classical for one in own) and 1 <= sum(one.main for one in own) <= 4
        assert len({(one.what, one.control, one.place) for one in own}) == len(own)
    assert all(one.low <= one.effect <= one.high and one.n >= 2 for one in found)

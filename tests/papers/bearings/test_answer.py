"""The three sentences of part 4 follow from the records, whichever way these go."""

import numpy as np
import pytest

from qhelpers.papers.bearings import answer


@pytest.fixture
def forged(monkeypatch):
    """Records in which the network's variants have these scores where a fault size is held out."""

    def forge(full, without):
        def network(variant, split, metric="accuracy", size=32):
            return np.array(full if variant == "full" else without) if split == answer.SIZE_OUT else np.array([0.98, 0.99])

        monkeypatch.setattr(answer, "network", network)

    return forge


@pytest.mark.parametrize(
    ("full", "without", "said"),
    [
        ([0.5, 0.5, 0.6], [0.6, 0.5, 0.6], "No gain was seen:"),
        ([0.7, 0.5, 0.6], [0.6, 0.51, 0.59], "Not that we could see:"),
        ([0.7, 0.6, 0.7], [0.6, 0.5, 0.6], "Perhaps:"),
    ],
)
def test_a_circuit_helps_only_where_it_does_for_each_size(forged, full, without, said):
    forged(full, without)
    first = answer.sentences()[0]
    assert (
        said in first and f"{np.mean(full):.3f}" in first and f"{np.mean(without):.3f}" in first and "3 sizes: too few" in first
    )


def test_a_gain_on_the_same_features_is_told_with_its_sign(forged, monkeypatch):
    forged([0.5, 0.5], [0.6, 0.6])
    told = {"fault-size-out 0": (-0.25, 0.1), "fault-size-out 1": (0.75, 0.2), "random-windows 0": (9.0, 0.1)}
    monkeypatch.setattr(answer, "pairs", lambda: told)
    assert "add +0.2 points to a head" in answer.sentences()[0]


def test_the_rule_and_the_lines_are_of_the_same_bearings():
    rule, lines = (answer.shares(label) for label in ("rule, not trained", "logistic, nine lines"))
    assert rule.keys() == lines.keys() and len(rule) == 27
    assert f"{100 * np.mean(list(rule.values())):.0f} %" in answer.sentences()[2]


def test_what_the_circuit_changes_is_paired_by_bearing(monkeypatch):
    one, two = {"a": 0.9, "b": 0.5, "c": 0.7, "left": 0.0}, {"a": 0.8, "b": 0.5, "c": 0.8}
    monkeypatch.setattr(answer, "shares", lambda label: one if label == "with" else two)
    mean, half, same = answer.paired("with", "without")
    assert (round(mean, 6), same) == (0.0, 1)
    assert half == pytest.approx(4.302653 * 10 / 3**0.5)  # t of two degrees of freedom, a spread of 10 points


def test_rows_of_the_picture_are_shares_and_checks_are_told_in_words():
    bars = answer.bars()
    assert list(bars) == [label for label in answer.ROWS if label in bars] and set(answer.QUANTUM) <= set(answer.ROWS)
    assert all(((values >= 0) & (values <= 1)).all() for values in bars.values())
    from qhelpers.ledger.counting import arithmetic

    assert {one["what"] for one in arithmetic("4", answer.ARITHMETIC)} <= set(answer.ARITHMETIC.values())


def test_the_table_of_all_parts_shows_heads_on_the_same_features_when_they_are_recorded(monkeypatch):
    asked = {"circuit": [0.5, 0.6, 0.7], "none": [0.5, 0.5, 0.5], "free": [0.6, 0.7, 0.8]}
    monkeypatch.setattr(answer, "_asked", lambda place: np.array(asked.get(place, [])))
    same = {one.control: one for one in answer.ingredients() if "same features" in one.place}
    assert {name: round(one.effect, 6) for name, one in same.items()} == {"no circuit": 10.0, "its own terms, free": -10.0}
    assert all(one.says == "few" and one.pairs == "sizes" for one in same.values())


def test_a_new_bearing_is_a_pair():
    rows = {one.control: one for one in answer.ingredients() if one.place == "a new bearing"}
    shares = [answer.shares(f"head, three lines, {name}") for name in ("circuit", "no circuit")]
    gain = 100 * np.mean([shares[0][one] - shares[1][one] for one in shares[0]])
    assert rows["no circuit"].effect == pytest.approx(gain) and rows["no circuit"].n == len(shares[0]) == 27

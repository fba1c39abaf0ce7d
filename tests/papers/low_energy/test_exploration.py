"""The grid holds every combination, its analysis of variance finds what was put in, structure is what circuits do."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.low_energy.experiments import exploration
from qhelpers.papers.low_energy.experiments.exploration import CELLS, FACTORS, SHAPE, Cell, anova, between, shares, structure
from qhelpers.runs import experiment

ROOM = datasets.load("occupancy", source="twin", n=2000)
QUICK = exploration.grid("quick")[0][0]


def test_the_grid_holds_every_combination_once():
    assert len(set(CELLS)) == len(CELLS) == np.prod(SHAPE) == 108
    assert CELLS[np.ravel_multi_index((1, 2, 0, 3), SHAPE)] == Cell("Z", "RY-RX", 1, "full")
    circuits = {cell.circuit() for cell in CELLS}
    assert len(circuits) == 108 and {(one.n_qubits, one.n_features, one.observable) for one in circuits} == {(4, 4, "first")}
    entry, n = exploration.grid("laptop")[0]
    assert entry["repetitions"] == list(FACTORS["repetitions"]) and n >= 5


def put_in(seed=0, noise=0.0):
    """Eight seeds of a grid whose variance is known: feature map, one pair of factors, seeds, noise."""
    rng = np.random.default_rng(seed)
    grid = np.zeros((8, *SHAPE))
    grid += np.array([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1, 1)  # variance 2/3
    grid += np.einsum("a,e->ae", [1.0, 0.0, -1.0], [1.0, -1.0, 1.0, -1.0]).reshape(1, 1, 3, 1, 4)  # 2/3, no main effects
    grid += np.tile([1.0, -1.0], 4).reshape(8, 1, 1, 1, 1)  # 1
    return grid + noise * rng.normal(size=grid.shape)


def test_anova_finds_what_was_put_in():
    table = anova(put_in(noise=1e-6))
    expected = {"feature_map": 2 / 7, "ansatz:entanglement": 2 / 7, "seed": 3 / 7}
    for term, row in table.iterrows():
        assert row["eta_sq"] == pytest.approx(expected.get(term, 0), abs=1e-4), term
    assert table["df"].sum() == 8 * 108 - 1 and table.loc["ansatz:entanglement", "df"] == 6
    assert table["eta_sq"].sum() == pytest.approx(1) == table["omega_sq"].sum()


def test_luck_alone_explains_nothing():
    noise = np.random.default_rng(3).normal(size=(6, *SHAPE))
    table = shares(noise)
    assert table.loc["rest", "omega_sq"] > 0.95 and table["omega_sq"].drop("rest").abs().max() < 0.03
    assert table["eta_sq"].drop("rest").sum() > table["omega_sq"].drop("rest").sum(), "η² takes luck for effect"


def test_intervals_over_seeds_hold_the_truth():
    table = shares(put_in(noise=1.0))
    for term, truth in {"feature_map": 2 / 10, "ansatz:entanglement": 2 / 10, "repetitions": 0}.items():  # of 2/3 + 2/3 + 1 + 1
        low, high = table.loc[term, ["low", "high"]]
        assert low - 0.01 < truth < high + 0.01 and high - low < 0.2
    with pytest.raises(ValueError, match="2 seeds given; an interval over seeds needs at least 3"):
        shares(put_in()[:2])


def test_share_between_groups():
    assert between(np.array([1.0, 1, 3, 3]), [True, True, False, False]) == pytest.approx(1)
    assert between(np.array([1.0, 3, 1, 3]), [(True,), (True,), (False,), (False,)]) == 0
    assert between(np.ones(4), list("aabb")) == 0


@pytest.mark.parametrize(
    ("cell", "n_features", "reach", "mirror"),
    [
        (Cell("RY", "RY-RX", 3, "linear"), 4, (True, True, True, False), False),  # QNN-P as a chain
        (Cell("RY", "RY-RX", 3, "none"), 4, (True, False, False, False), False),
        (Cell("RY", "RY-RX", 1, "full"), 4, (True, False, False, False), False),  # qubit 0 is only ever a control
        (Cell("Z", "RealAmplitudes", 2, "full"), 4, (True, True, True, True), True),  # QNN-Q's blind spot
        (Cell("Z", "EfficientSU2", 1, "none"), 4, (True, False, False, False), False),  # its RZ sees the sign
        (Cell("ZZ", "RealAmplitudes", 1, "none"), 4, (True, True, True, True), False),
        (Cell("RY", "RY-RX", 3, "none"), 2, (True, False), False),
        (Cell("RY", "RY-RX", 2, "linear"), 2, (True, True), False),
    ],
)
def test_structure(cell, n_features, reach, mirror):
    assert structure(cell, n_features) == (reach, mirror)


def test_a_run_trains_the_grid_and_is_the_same_twice():
    config = QUICK | {"epochs": 2, "repetitions": [1]}
    one, two, other = (exploration.run(config, seed, ROOM) for seed in (0, 0, 1))
    assert one.arrays["accuracy"].shape == (3, 3, 1, 4)
    np.testing.assert_array_equal(one.arrays["loss"], two.arrays["loss"])
    assert (one.arrays["loss"] != other.arrays["loss"]).any()
    assert one.arrays["reach"].shape == (3, 3, 1, 4, 4) and one.arrays["reach"][0, :, 0, 0].tolist() == [[1, 0, 0, 0]] * 3
    assert one.arrays["mirror"].sum(axis=(1, 2, 3)).tolist() == [0, 4, 0], "the Z map with real rotations, and nothing else"
    assert one.metrics["accuracy"] == pytest.approx(one.arrays["accuracy"].mean())
    assert one.metrics["accuracy.feature_map.Z"] == pytest.approx(one.arrays["accuracy"][1].mean())
    assert one.metrics["accuracy.entanglement.full"] == pytest.approx(one.arrays["accuracy"][..., 3].mean())
    assert max(one.metrics["share.reach"], one.metrics["share.mirror"]) <= one.metrics["share.structure"] <= 1
    alike = one.arrays["loss"][0, 2, 0]  # one repetition of RY-RX: CNOTs whose control is qubit 0 change nothing
    assert alike.shape == (4,)


def test_it_is_registered():
    assert experiment.get("exploration") is exploration.EXPERIMENT
    assert exploration.EXPERIMENT.estimate(QUICK) < 10

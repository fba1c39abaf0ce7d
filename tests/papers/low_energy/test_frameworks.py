"""One thing is changed at a time, the parts add up, and libraries compute the same circuit alike."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.papers.low_energy.experiments import frameworks, tables
from qhelpers.papers.low_energy.experiments.frameworks import CIRCUITS, RECIPES, parts
from qhelpers.runs import experiment

ROOM = datasets.load("occupancy", source="twin", n=2000)


def config(name="qnn-p, chain", recipe="P", **more):
    return {"data": "occupancy", "circuit": name, "recipe": recipe, "max_epochs": 3, "learning_rates": [0.03, 0.1]} | more


def test_every_circuit_meets_every_recipe():
    found = {(c["data"], c["circuit"], c["recipe"]) for c, _ in frameworks.grid("laptop") if "compare" not in c}
    assert len(found) == 2 * len(CIRCUITS) * len(RECIPES)
    assert all(n == 20 for c, n in frameworks.grid("laptop") if "compare" not in c)
    assert {len(c["learning_rates"]) for c, _ in frameworks.grid("laptop") if "compare" not in c} == {3}, "tuned equally"
    with pytest.raises(ValueError, match="circuit 'qnn-x' is unknown; allowed are 'qnn-p, chain'"):
        frameworks.circuit("qnn-x")


def test_circuits_and_recipes_are_those_of_the_paper():
    chain, ring, other = (frameworks.circuit(name) for name in CIRCUITS)
    assert (chain.ansatz.entanglement, ring.ansatz.entanglement, other.ansatz.name) == ("linear", "ring", "RealAmplitudes")
    assert (chain.n_qubits, chain.observable, other.n_qubits, other.observable) == (4, "first", 2, "parity")
    by_sample = frameworks.run(config("qnn-q", "Q", max_epochs=1, learning_rates=[0.1]), 0, ROOM)
    assert sum(by_sample.confusion.values()) == 300
    assert by_sample.metrics["accuracy"] == pytest.approx((by_sample.confusion["tp"] + by_sample.confusion["tn"]) / 300)


def test_runs_are_paired_with_the_networks_of_the_table(monkeypatch):
    """The same seed draws the same rows as in low-energy."""
    drawn = []
    monkeypatch.setattr(frameworks, "draw", lambda *given: (drawn.append(tables.draw(*given)), drawn[-1])[1])
    for name, recipe in (("qnn-p, chain", "P"), ("qnn-q", "P")):
        frameworks.run(config(name, recipe), 5, ROOM)
    rows = tables.draw(ROOM, "300+300", np.random.default_rng(np.random.SeedSequence(5).spawn(3)[0]))
    for pair in drawn:
        for one, expected in zip(pair, rows, strict=True):
            np.testing.assert_array_equal(one, expected)


def test_libraries_compute_the_same_thing():
    small = {"compare": "libraries", "n_samples": 4, "max_epochs": 2}
    for name, recipe in (("qnn-q", "Q"), ("qnn-q", "P")):
        metrics = frameworks.run(config(name, recipe, **small), 0, ROOM).metrics
        assert metrics["output_gap.pennylane"] < 1e-12 and metrics["loss_gap.pennylane"] < 1e-12
        assert 0 < metrics["output_gap.qiskit"] < 1e-5, "Qiskit's connector works in single precision"
        assert metrics["decisions.qiskit"] == metrics["decisions.pennylane"] == 0


def test_parts_add_up_and_find_what_was_put_in():
    rng = np.random.default_rng(0)
    noise = {key: 0.01 * rng.normal(size=20) for key in [(c, r) for c in CIRCUITS for r in RECIPES]}
    put_in = {(c, r): 0.6 + 0.2 * (c != "qnn-q") + 0.05 * (r == "P") + noise[c, r] for c, r in noise}
    found = parts(put_in, shared=0.02)
    assert found.circuit.difference + found.recipe.difference == pytest.approx(found.total.difference)
    assert found.circuit.difference == pytest.approx(0.2, abs=0.01) and found.recipe.difference == pytest.approx(0.05, abs=0.01)
    assert found.circuit.low < 0.2 < found.circuit.high
    assert parts(put_in, "ring", shared=0.02).total.difference != found.total.difference


def test_it_is_registered():
    assert experiment.get("frameworks") is frameworks.EXPERIMENT

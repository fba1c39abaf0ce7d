"""The experiment on energy measures what it names, scales it rightly, and counts what a quantum computer would run."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers import energy as constants
from qhelpers.circuits.export_c import has_compiler
from qhelpers.papers.low_energy.circuits import qnn_p_circuit, qnn_q_circuit
from qhelpers.papers.low_energy.experiments import costs, tables

ROOM = datasets.load("occupancy", source="twin", n=2500)
GPS = datasets.load("ton_iot_gps", source="twin", n=3000)
TWINS = {"occupancy": ROOM, "ton_iot_gps": GPS}


def config(model, engine="fast", data="occupancy", **wanted):
    (found,) = [
        entry
        for entry, _ in costs.grid("quick")
        if (entry["model"], entry["data"], entry.get("engine", "fast")) == (model, data, engine)
        and all(entry.get(key) == value for key, value in wanted.items())
    ]
    return found


def small(model, engine="fast", data="occupancy", epochs=2, **wanted):
    return config(model, engine, data, **wanted) | {"max_epochs": epochs, "learning_rates": [0.1]}


@pytest.fixture
def work(monkeypatch, calls):
    """Measure work by calls of functions, 10 µs each, for the seconds of a processor differ from machine to machine."""
    with calls() as counted:
        monkeypatch.setattr(costs, "time", SimpleNamespace(process_time=lambda: counted() * 1e-5))
        yield


def test_processor_seconds_are_the_mean_of_enough_calls(monkeypatch):
    clock, made = [5.0], []
    monkeypatch.setattr(costs, "time", SimpleNamespace(process_time=lambda: clock[0]))

    def busy(seconds):
        made.append(seconds)
        clock[0] += seconds

    assert costs.cpu_seconds(lambda: busy(0.03)) == pytest.approx(0.03)
    assert len(made) == 4
    assert costs.cpu_seconds(lambda: busy(0.01), at_least=0.0) == pytest.approx(0.01)
    assert len(made) == 5


def test_waiting_is_not_computing():
    assert costs.cpu_seconds(lambda: time.sleep(1), at_least=0.0) < 0.9


@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_decision_error_is_that_of_drawn_shots(threshold):
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 400)
    drawn = 2 * rng.binomial(21, (1 + z) / 2, (4000, 400)) / 21 - 1
    seen = ((drawn > threshold) != (z > threshold)).mean()
    assert costs.decision_error(z, 21, threshold) == pytest.approx(seen, abs=0.002)


def test_shots_are_the_fewest_that_do():
    for z in ([0.1] * 5, [0.5, -0.7], np.linspace(-1, 1, 200)):
        shots = int(costs.shots_for(z))
        assert costs.decision_error(z, shots) < 0.01 <= costs.decision_error(z, shots - 2)
    assert costs.shots_for([0.999, -0.999]) == 1
    assert np.isnan(costs.shots_for([1e-9]))  # a coin needs more than a million


def test_gates_in_the_machines_own_set():
    chip, trap = constants.MACHINES
    for circuit, n_pairs in (
        (qnn_p_circuit(4, 4, 3, "chain"), 9),
        (qnn_p_circuit(4, 4, 3, "ring"), 12),
        (qnn_q_circuit(2, 2), 1),
    ):
        ions = costs.compiled(circuit, trap)
        assert sum(len(qubits) == 2 for _, qubits in ions) == n_pairs
        line = costs.compiled(circuit, chip)
        assert all(abs(qubits[0] - qubits[1]) == 1 for _, qubits in line if len(qubits) == 2)
        assert {name for name, _ in line} <= set(chip.gates)
    ring, chain = (costs.compiled(qnn_p_circuit(4, 4, 3, kind), chip) for kind in ("ring", "chain"))
    assert chip.shot_seconds(ring) > chip.shot_seconds(chain)  # the last CNOT of a ring has to travel along the line


def test_executions_follow_the_parameter_shift():
    wanted = small("qnn-p", entangler="chain")
    found = tables.fitted(wanted, 0, ROOM)
    counts = costs.quantum_counts(wanted, found)
    epochs = found.chosen["epochs"]
    assert counts["executions_train"] == 2 * 24 * 300 * epochs
    assert counts["executions_train_forward"] == 300 * epochs
    assert counts["executions_train_tuned"] == 49 * 300 * epochs + 2 * (49 * 240 + 60)
    shot = counts["superconducting_shot_seconds"]
    assert counts["superconducting_predict_seconds_per_1000"] == pytest.approx(1000 * counts["shots"] * shot)
    assert counts["trapped_ion_predict_wh_per_1000"] == pytest.approx(
        counts["trapped_ion_predict_seconds_per_1000"] * constants.TRAPPED_ION.watts / 3600
    )


def test_the_hybrid_decides_where_its_last_layer_says():
    found = tables.fitted(small("qnn-h"), 0, ROOM)
    z, threshold = costs.expectations(found)
    logits = tables.scores(found, found.test)
    last = found.model.module_[-1]
    assert np.abs(z).max() <= 1 + 1e-6
    positive = z > threshold if float(last.weight.detach()) > 0 else z < threshold
    assert (positive == (logits > 0)).all()
    counts = costs.quantum_counts(small("qnn-h"), found)
    assert counts["executions_train"] == 2 * (4 + 2) * 300 * found.chosen["epochs"]  # four weights, two inputs


@pytest.mark.parametrize("model", ["qnn-p", "qnn-h"])
def test_the_literal_network_is_the_fast_one_and_more_work(model, work):
    wanted = {"entangler": "ring"} if model == "qnn-p" else {}
    engine = costs.LITERAL[model]
    fast, literal = (costs.run(small(model, one, **wanted), 0, ROOM) for one in ("fast", engine))
    assert literal.metrics["difference_from_fast"] < (1e-12 if model == "qnn-p" else 1e-4)  # single precision
    for key in ("predict_cpu_seconds_per_1000", "train_cpu_seconds"):
        assert literal.metrics[key] > 1.5 * fast.metrics[key]
    assert literal.metrics["accuracy"] == fast.metrics["accuracy"]
    assert literal.chosen["measured_epochs"] == 3 * costs.LITERAL_SHARE[engine][1]


def test_a_few_epochs_tell_what_many_cost(work):
    wanted = small("qnn-p", "pennylane", epochs=60, entangler="chain")
    found = tables.fitted(wanted | {"engine": "fast"}, 0, ROOM)
    scaled, _ = costs._literal(wanted, 0, found)
    whole = costs.cpu_seconds(lambda: costs.literal_twin(found, "pennylane", 300, found.chosen["epochs"]), at_least=0.0)
    assert scaled["train_cpu_seconds"] == pytest.approx(whole, rel=0.02)


def test_energy_is_seconds_times_the_stated_power():
    outcome = costs.run(config("one-threshold"), 0, ROOM)
    metrics = outcome.metrics
    for kind in ("train", "train_tuned"):
        assert metrics[f"{kind}_wh"] == pytest.approx(metrics[f"{kind}_cpu_seconds"] * 4 / 3600)
    assert metrics["predict_gco2_per_1000"] == pytest.approx(metrics["predict_wh_per_1000"] * 0.475)
    assert metrics["train_tuned_cpu_seconds"] == metrics["train_cpu_seconds"]  # nothing is tuned
    assert outcome.chosen["constants"]["power of a busy core"][:2] == [4.0, "W"]
    assert "shots" not in metrics and metrics["accuracy"] > 0.8


def test_tuning_is_counted(work):
    for wanted in (small("qnn-p", entangler="chain", epochs=10), config("trigonometric-chain")):
        metrics = costs.run(wanted, 0, ROOM).metrics
        assert metrics["train_tuned_cpu_seconds"] > 1.5 * metrics["train_cpu_seconds"]


@pytest.mark.skipif(not has_compiler(), reason="gcc and binutils are not installed")
@pytest.mark.parametrize("data", costs.DATA)
def test_firmware_is_the_trained_circuit_and_less_work(data, work):
    fast = costs.run(small("qnn-p", data=data, entangler="ring", epochs=30), 0, TWINS[data]).metrics
    for engine, near in (("c-float32", 1e-5), ("c-int16", 2e-3)):
        metrics = costs.run(small("qnn-p", engine, data, entangler="ring", epochs=30), 0, TWINS[data]).metrics
        assert metrics["max_difference"] < near and metrics["agreement"] >= 0.999
        assert metrics["accuracy"] == pytest.approx(fast["accuracy"], abs=0.004)
        assert metrics["predict_cpu_seconds_per_1000"] < fast["predict_cpu_seconds_per_1000"]
        assert metrics["rows"] == len(TWINS[data]) and 0 < metrics["object_bytes_host"] < 4096
        assert "train_cpu_seconds" not in metrics


def test_repeats_become_a_median_and_quartiles():
    class Record:
        def __init__(self, value, **config):
            self.metrics, self.config = {"seconds": value}, config

    runs = [Record(value, model="one-threshold") for value in (1.0, 2.0, 3.0, 4.0, 100.0)]
    runs += [Record(7.0, model="qnn-p", entangler="ring", engine=engine) for engine in ("fast", "pennylane", "c-int16")]
    table = costs.quartiles(runs, "seconds").set_index(["family", "label"])
    assert table.loc["scikit-learn", "one threshold"].tolist() == [5, 2.0, 3.0, 4.0]
    assert set(table.index[1:]) == {
        ("this book's engine", "QNN-P, ring"),
        ("paper's software", "QNN-P, ring"),
        ("C function", "QNN-P, ring (int16)"),
    }
    assert costs.quartiles(runs, "no such metric").empty


def test_the_grid_holds_every_model_on_both_data_sets():
    entries = [entry for entry, repeats in costs.grid("laptop") if repeats == 5]
    for data in costs.DATA:
        models = {entry["model"] for entry in entries if entry["data"] == data}
        assert {"one-threshold", "trigonometric-chain", *tables.CLASSICAL, "qnn-p", "qnn-q", "qnn-h"} <= models
        engines = {entry["engine"] for entry in entries if entry["data"] == data and "engine" in entry}
        assert engines == {"fast", "pennylane", "qiskit", *costs.FIRMWARE}
    assert sum(costs.estimate(entry) * 5 for entry in entries) < 15 * 60

"""Equations as printed and as meant: each finding is known from theory, so that a test fails if the science is wrong."""

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.ledger import claims
from qhelpers.papers.low_energy import as_printed as printed
from qhelpers.papers.low_energy.experiments import equations
from qhelpers.papers.low_energy.experiments.equations_trained import EPOCHS, TRAINED, Rows

TINY = 1e-6


@pytest.fixture(scope="module")
def twins():
    return {name: datasets.load(name, source="twin", n=4000) for name in equations.DATA}


@pytest.fixture(scope="module")
def found(twins):
    """Metrics of all algebra on the twin of the room."""
    return {
        name: equations.run({"equation": name, "data": "occupancy"}, 0, twins["occupancy"]).metrics for name in equations.ALGEBRA
    }


RIGHT = ("eq-6", "eq-7", "eq-12", "eq-14", "eq-17", "eq-20", "eq-22", "eq-23", "eq-24", "eq-25", "eq-26", "eq-28", "eq-29")


@pytest.mark.parametrize("name", [*RIGHT, "eq-30", "eq-31"])
def test_what_is_right_as_printed(found, name):
    assert found[name]["disagreement"] < TINY
    assert found[name].get("trace_error", 0.0) < TINY


def test_the_order_of_a_product_matters_and_no_one_order_serves(found):
    for name in ("eq-2", "eq-5", "eq-10"):
        assert found[name]["disagreement.time"] < TINY < 0.01 < found[name]["disagreement.matrices"]
    assert found["eq-13"]["disagreement.matrices"] < TINY < 0.01 < found["eq-13"]["disagreement.time"]
    assert found["one-order"]["disagreement"] > 0.01
    assert found["eq-2"]["renamed"] < TINY
    assert found["eq-10"]["spread.matrices"] < TINY


def test_a_sum_of_gates_is_no_gate(found):
    assert found["eq-4"]["trace_error"] > 0.5
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=4)
        whole = printed.sum_of_feature_maps(x)
        assert not np.allclose(whole.conj().T @ whole, np.eye(16))


def test_the_ansatz_lacks_its_last_rotations(found):
    assert min(found["eq-8"]["disagreement.matrices"], found["eq-8"]["disagreement.time"]) > 0.01
    assert found["eq-8"]["without_last"] < TINY
    assert (found["eq-8"]["parameters.printed"], found["eq-8"]["parameters.library"]) == (12, 16)
    assert (found["eq-9"]["parameters.printed"], found["eq-9"]["parameters.library"]) == (24, 32)
    assert found["eq-9"]["undetermined"] > 0.01


def test_two_angles_do_not_cover_three_dimensions(found):
    assert found["su2"]["as_printed"] == 2
    assert (found["su2"]["of_states.matrices"], found["su2"]["of_states.time"]) == (1, 2)


def test_the_zz_map_is_another_than_the_librarys(found):
    assert found["eq-11"]["disagreement.time"] > 0.01
    assert found["eq-11"]["disagreement.own_map"] < TINY
    assert found["phase-place"]["disagreement"] > 0.01
    assert found["eq-10"]["entangled"] < TINY


def test_maps_that_lose_trace_show_it(found):
    assert found["eq-32"]["trace_error"] == pytest.approx(1)
    assert found["eq-32"]["ground_state_left"] == 0
    assert found["eq-33"]["trace_error.completed"] < TINY < found["eq-33"]["trace_error.printed"]
    assert found["eq-27"]["trace.no_state"] == pytest.approx(1.1)
    assert found["eq-27"]["disagreement.one_strength"] < TINY < found["eq-27"]["disagreement.phase_gate"]


def test_probabilities_in_the_sentences(found):
    assert found["roots"]["as_printed"] == pytest.approx(np.sqrt(0.1))
    assert found["roots"]["meant"] == pytest.approx(0.1)
    assert found["roots"]["total"] > 1
    assert found["stays-phase-damping"]["meant"] == pytest.approx(0.95)
    assert found["named-depolarizing"]["disagreement"] > 0.01
    assert found["damping-is-a-flip"]["disagreement"] < TINY
    assert found["other-name"]["disagreement.beta"] < TINY < found["other-name"]["disagreement.free"]


def test_each_row_with_weights_of_its_own_learns_nothing(found):
    assert found["eq-1"]["as_printed"] < TINY < 0.1 < found["eq-1"]["meant"]
    assert found["eq-1"]["disagreement.components"] < 1e-4


def test_features_and_qubits(found, twins):
    assert (found["features"]["misfit.four"], found["features"]["misfit_reduced.four"]) == (1, 0)
    gps = equations.run({"equation": "features", "data": "ton_iot_gps"}, 0, twins["ton_iot_gps"]).metrics
    assert (gps["misfit.four"], gps["misfit_reduced.four"], gps["misfit.two"]) == (2, 2, 0)


def test_noise_after_each_gate_grows_with_the_depth(found):
    kept = [found["depth-under-noise"][f"kept.{n}"] for n in (1, 3, 6)]
    assert 1 > kept[0] > kept[1] > kept[2] > 0


def test_what_ran_is_what_is_stated(found):
    stated = ("layers.qnn-p", "qubits.qnn-p", "qubits.qnn-q", "qubits.qnn-h", "strength.first", "strength.last", "points")
    assert [found["networks"][name] for name in stated] == [3, 4, 2, 2, 0, 1, 300]
    assert found["sizes"]["gates.layers.3"] == 4 + 3 * (4 * 2 + 3)


# trained


def trained(twins, name, data="occupancy", epochs=None):
    config = {"equation": name, "data": data, "epochs": epochs or EPOCHS["laptop"][name]}
    return equations.run(config, 0, twins[data]).metrics


def test_weights_that_are_drawn_anew_forget(twins):
    found = trained(twins, "algorithm-1", epochs=30)
    assert found["meant"] > found["as_printed"] + 0.05


def test_labels_of_0_and_1_need_another_threshold(twins):
    found = trained(twins, "labels")
    assert found["decided_at_half"] > found["decided_at_zero"]
    assert found["meant"] > 0.7


def test_the_shift_rule_is_exact_for_an_expectation_value_and_not_for_a_squared_error(twins):
    found = trained(twins, "eq-19", epochs=2)
    assert found["gradient_error.expectation"] < TINY
    assert found["gradient_error"] > 0.01


def test_the_shift_rule_on_a_known_loss():
    """Of cos² the shifted difference vanishes; its derivative does not."""
    weights = np.array([0.3])
    assert printed.shift_rule(lambda w: float(np.cos(w[0])), weights) == pytest.approx(-np.sin(0.3))
    assert printed.shift_rule(lambda w: float(np.cos(w[0]) ** 2), weights) == pytest.approx(0)


def test_the_printed_circuit_of_an_evaluation_is_that_of_the_network(twins):
    """Z on both qubits of the circuit as printed is what the module puts out: only observable and loss differ."""
    import torch

    from qhelpers.papers.low_energy.models import QNNHClassifier

    rows = Rows(twins["occupancy"], 0)
    model = QNNHClassifier(epochs=1, random_state=0).fit(rows.raw[:60], rows.y[:60])
    angles = torch.as_tensor([[0.3, -1.2], [2.0, 0.7]], dtype=torch.float32)
    weights = next(model.module_[3].parameters()).detach().double().numpy().reshape(2, 2)
    with torch.no_grad():
        ours = model.module_[3](angles).double().numpy().ravel()
    parity = []
    for pair in angles.double().numpy():
        turned = printed.real_amplitudes(weights[:1], [(0, 1)], "time") @ printed.z_feature_map(pair, 1, "time")[:, 0]
        state = printed.tensor([printed.ry(angle) for angle in weights[1]]) @ turned
        parity.append(float((np.abs(state) ** 2) @ np.array([1, -1, -1, 1])))
    assert parity == pytest.approx(ours.tolist(), abs=1e-5)


@pytest.mark.parametrize("name", sorted(TRAINED))
@pytest.mark.parametrize("data", equations.DATA)
def test_everything_runs_in_the_quick_profile(twins, name, data):
    found = trained(twins, name, data, EPOCHS["quick"][name])
    assert np.isfinite(list(found.values())).all()
    assert "disagreement" in found
    if name == "algorithm-3":
        assert found["parameters.printed"] < found["parameters.meant"]
    if name == "adam":
        assert (found["beta1"], found["beta2"]) == (0.9, 0.999)


def test_claims_ask_only_for_what_is_measured(found, twins):
    """Every predicate over this experiment names an equation and metrics that its records have."""
    from qhelpers.ledger.predicates import terms

    asked, known = 0, {(name, "occupancy"): metrics for name, metrics in found.items()}
    for claim in claims("1"):
        for predicate in claim.predicates:
            experiment = predicate.get("experiment", (claim.measured_by or {}).get("experiment"))
            if experiment != "equations":
                continue
            for term in terms(predicate):
                config = dict(term.config)
                place = (config["equation"], config["data"])
                if place not in known:
                    known[place] = equations.run(config | {"epochs": 1}, 0, twins[config["data"]]).metrics
                assert term.metric in known[place], (claim.id, term)
                asked += 1
    assert asked > 100


def test_unknown_equations_are_named(twins):
    with pytest.raises(ValueError, match="eq-1, eq-2"):
        equations.run({"equation": "eq-99", "data": "occupancy"}, 0, twins["occupancy"])
    with pytest.raises(ValueError, match="matrices, time"):
        printed.product([printed.X], "backwards")

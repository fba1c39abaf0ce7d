"""Learning curves: draws that nest and do not overlap, free fits that can do what the circuit can, masks that could fail."""

import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.evaluation import corrected_t_test, holm, shared_rows
from qhelpers.papers.low_energy.experiments import draws
from qhelpers.papers.low_energy.experiments import learning_curves as curves
from qhelpers.papers.low_energy.models import QNNPClassifier
from qhelpers.runs import records
from qhelpers.runs.experiment import Experiment, get

ROOM = datasets.load("occupancy", source="twin", n=4000)
GPS = datasets.load("ton_iot_gps", source="twin", n=6000)
BUDGET = {"max_epochs": 30, "learning_rates": [0.1]}


def config(name, data="occupancy", sizes=(20, 100)):
    entry = (curves.MODELS | curves.ROOM_ONLY | curves.TEN_STARTS)[name]
    return {"data": data, "sizes": list(sizes)} | entry | (BUDGET if entry["model"] == "qnn-p" else {})


def trained(entangler="chain", n=120, order=None, **given):
    names = curves.ORDERS[order] if order else curves.FEATURES["occupancy"]
    X, y = ROOM.X[names].to_numpy(float), ROOM.y
    rows = curves.training_rows(curves.pools(ROOM, 0)[1], n)
    given = {"entangler": entangler, "fill": "repeat", "epochs": 40, "random_state": 0} | given
    return QNNPClassifier(**given).fit(X[rows], y[rows]), X[:500], y[:500]


@pytest.mark.parametrize("dataset", [ROOM, GPS], ids=["room", "tracker"])
@pytest.mark.parametrize("seed", [0, 3])
def test_rows_nest_and_do_not_overlap(dataset, seed):
    test, training, elsewhere = curves.pools(dataset, seed)
    parts = [test, *training, elsewhere]
    assert sum(map(len, parts)) == len(np.unique(np.concatenate(parts))) <= len(dataset)
    assert dataset.y[test].mean() == 0.5
    small, large = (curves.training_rows(training, n) for n in (20, 100))
    assert list(large[:20]) == list(small)
    assert dataset.y[small].mean() == dataset.y[large].mean() == 0.5
    times = dataset.time[elsewhere]
    others = dataset.time[np.concatenate(parts[:-1])]
    assert not ((others > times.min()) & (others < times.max())).any()
    assert not set(curves.pools(dataset, seed + 1)[2]) & set(elsewhere)


def test_too_many_rows_are_refused():
    training = curves.pools(ROOM, 0)[1]
    with pytest.raises(ValueError, match="allowed is an even number up to"):
        curves.training_rows(training, 10_000)
    with pytest.raises(ValueError, match="no model of this experiment"):
        curves.label({"model": "oracle"})


@pytest.mark.parametrize("entangler", ["chain", "ring", "none"])
def test_the_whole_circuit_is_the_network(entangler):
    model, X, _ = trained(entangler)
    found = curves.masked(model, X, np.random.default_rng(0))
    assert found["engines"] < 1e-12
    assert found["unseen_inputs"] < 1e-12 > found["unseen_weights"]
    assert found["seen_inputs"] > 0.1 < found["seen_weights"]


def test_a_mask_that_hides_what_matters_is_found_out(monkeypatch):
    model, X, _ = trained("ring")  # sees all four sensors
    cone = model.module_.light_cone()
    narrow = type(cone)(cone.inputs & [[True, True, True, False]], cone.weights, cone.names, True)
    monkeypatch.setattr(model.module_, "light_cone", lambda: narrow)
    assert curves.masked(model, X, np.random.default_rng(0))["unseen_inputs"] > 1e-3


def test_a_shorter_circuit_is_computed_too():
    model, X, _ = trained("ring", order="without CO2", fill="idle")
    assert curves.masked(model, X, np.random.default_rng(0))["engines"] < 1e-12


@pytest.mark.parametrize("entangler", ["chain", "ring"])
def test_free_coefficients_can_be_the_circuits(entangler):
    """The circuit's own coefficients are one choice of the free ones, so that the free fit's loss is never above its."""
    model, X, y = trained(entangler)
    free = curves._FreeFit("least-squares", entangler, 0)
    rows = curves.training_rows(curves.pools(ROOM, 0)[1], 120)
    X, y = ROOM.X[curves.FEATURES["occupancy"]].to_numpy(float)[rows], ROOM.y[rows]
    free.fit(X, y)
    own = model.module_.surrogate().coefficients.detach().numpy().ravel()
    assert np.abs(free.columns(X) @ own - model.decision_function(X)).max() < 1e-12
    signs = 2 * y - 1
    best = np.linalg.lstsq(free.columns(X), signs, rcond=None)[0]
    losses = [np.mean((free.columns(X) @ c - signs) ** 2) for c in (best, free.linear.coef_, own)]
    assert losses[0] <= losses[1] < losses[2]


@pytest.mark.parametrize("name", [*curves.MODELS, *curves.ROOM_ONLY, *curves.TEN_STARTS])
def test_every_model_runs_and_is_named(name):
    outcome = curves.run(config(name), 1, ROOM)
    assert outcome.chosen["n"] == [20, 100]
    assert {len(values) for values in outcome.chosen.values()} == {2}
    assert outcome.metrics["accuracy"] == pytest.approx(outcome.chosen["accuracy"][-1], abs=1e-5)
    assert sum(outcome.confusion.values()) == len(curves.pools(ROOM, 1)[0])
    assert sum(outcome.chosen["elsewhere"][0]) == len(curves.pools(ROOM, 1)[2])
    assert curves.label(config(name)) == name


def test_the_best_start_is_the_one_of_the_lowest_training_loss():
    chosen = curves.run(config("QNN-P, ring, best of ten", sizes=(100,)), 0, ROOM).chosen
    (losses,) = chosen["start_losses"]
    assert len(set(losses)) == 10
    assert chosen["train_loss"] == [min(losses)]


def test_a_size_does_not_depend_on_its_company():
    alone, together = (curves.run(config("QNN-P, chain", sizes=sizes), 2, ROOM).chosen for sizes in ((100,), (20, 100)))
    assert {name: values[0] for name, values in alone.items()} == {name: values[1] for name, values in together.items()}


def test_sensors_outside_the_cone_cost_nothing_and_the_lamp_does():
    chosen = curves.run(config("QNN-P, chain"), 0, ROOM).chosen
    for accuracy, without in zip(chosen["accuracy"], chosen["without"], strict=True):
        assert without[curves.FEATURES["occupancy"].index("CO2")] == accuracy
    first = curves.run(config("QNN-P, chain, lamp first"), 0, ROOM).chosen
    assert min(first["without"][1]) == first["without"][1][0] < first["accuracy"][1] - 0.1


def test_curves_are_a_row_a_trained_model(one_record):
    outcome = curves.run(config("one threshold"), 0, ROOM)
    record = records.Record(**{**vars(one_record), "config": config("one threshold"), "chosen": outcome.chosen})
    table = curves.curves([record])
    assert list(table["n"]) == [20, 100]
    assert set(table["model"]) == {"one threshold"}
    tp, fp, fn, tn = outcome.chosen["elsewhere"][0]
    assert table["recall"][0] == pytest.approx((tp / (tp + fn) + tn / (tn + fp)) / 2)
    record.chosen["elsewhere"] = [[0, 3, 0, 7], [5, 0, 5, 0]]
    assert list(curves.curves([record])["recall"]) == [0.7, 0.5]


def made_up(gap, sizes=(20, 300), seeds=20, noise=0.01):
    """A table in which the first model is ahead by `gap` at every size."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(seeds):
        for n in sizes:
            draw = rng.normal(0.8, 0.05)  # shared by both: hard and easy draws
            for model, ahead in (("a", gap), ("b", 0.0)):
                value = draw + ahead + rng.normal(0, noise)
                rows.append({"data": "occupancy", "n": n, "seed": seed, "model": model, "accuracy": value, "recall": value})
    return pd.DataFrame(rows)


def test_comparisons_are_paired_corrected_and_one_family():
    found = curves.compare(made_up(0.03), [("a", "b")], shared={"occupancy": 0.2})
    assert list(found["n"]) == [20, 300] and set(found["pairs"]) == {20}
    assert found["difference"].to_numpy() == pytest.approx([0.03, 0.03], abs=0.01)
    assert (found["low"] < 0.03).all() and (found["high"] > 0.03).all()
    assert list(found["holm"]) == list(holm(found["p"]))
    table = made_up(0.03)
    one, two = (table.query("n == 20 and model == @m").sort_values("seed")["accuracy"].to_numpy() for m in "ab")
    assert found["p"][0] == pytest.approx(corrected_t_test(one, two, shared=0.2).p)
    assert curves.compare(made_up(0.0), [("a", "b")], shared={"occupancy": 0.2})["holm"].min() > 0.05
    tenths = curves.compare(made_up(0.03), [("a", "b")], score="recall")
    assert set(tenths["pairs"]) == {10}
    with pytest.raises(ValueError, match="shares of common rows"):
        curves.compare(made_up(0.0), [("a", "b")])
    with pytest.raises(ValueError, match="allowed are accuracy, recall"):
        curves.compare(made_up(0.0), [("a", "b")], score="f1")


def test_draws_are_counted_as_they_were_made():
    twin = datasets.load("occupancy", source="twin", n=3000, seed=0)
    tests = [curves.pools(twin, seed)[0] for seed in draws.SEEDS]
    each = [draws.run({"data": "occupancy"}, seed, twin).metrics["shared_test_rows"] for seed in draws.SEEDS]
    assert np.mean(each) == pytest.approx(shared_rows(tests))
    assert {entry["data"] for entry, _ in draws.grid("laptop")} == set(curves.SIZES)


def test_the_grid_holds_what_the_chapter_reads():
    assert isinstance(get("learning-curves"), Experiment)
    for profile in ("quick", "laptop"):
        grid = curves.grid(profile)
        names = {curves.label(entry) for entry, _ in grid}
        assert names == set(curves.MODELS | curves.ROOM_ONLY | curves.TEN_STARTS)
        assert all(curves.estimate(entry) > 0 for entry, _ in grid)
    seeds = {(curves.label(e), e["data"], n): k for e, k in curves.grid("laptop") for n in e["sizes"]}
    for data, sizes in curves.SIZES.items():
        for n in sizes:
            assert seeds["QNN-P, ring", data, n] == (20 if n <= 1000 else 10)
    assert not [key for key in seeds if key[0] in curves.ROOM_ONLY and key[1] != "occupancy"]


@pytest.mark.needs_data("occupancy", "ton_iot_gps")
@pytest.mark.parametrize("name", curves.SIZES)
def test_the_real_data_have_enough_rows(name):
    data = datasets.load(name)
    for seed in range(curves.N_BLOCKS):
        test, training, _ = curves.pools(data, seed)
        assert len(test) == curves.N_TEST
        assert len(curves.training_rows(training, max(curves.SIZES[name]))) == max(curves.SIZES[name])

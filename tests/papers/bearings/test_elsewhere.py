"""Windows of any rig, physics as an image, and the experiments on what a model has not met: what is held out is never learned."""

from types import SimpleNamespace

import numpy as np
import pytest

from qhelpers import datasets, signals
from qhelpers.papers.bearings import benchmark, elsewhere, physics
from qhelpers.papers.bearings.experiments import lines, network, splits, transfer, unseen
from qhelpers.runs import experiment


@pytest.fixture(scope="module")
def twins():
    return {name: datasets.load(name, source="twin") for name in transfer.DATA}


def pairs(of):
    return set(zip(of.recording.tolist(), of.place.tolist(), strict=True))


# --- shared pieces -------------------------------------------------------------------------------------------------------


def struck(order, speed=29.5, n=12_000):
    """A second of ringing at 3,500 Hz that is struck so many times a turn, in a little noise."""
    t = np.arange(n) / signals.RATE
    since = np.mod(t, 1 / (order * speed))
    return np.exp(-since * 900) * np.sin(2 * np.pi * 3500 * since) + 0.02 * np.random.default_rng(0).normal(size=n)


@pytest.mark.parametrize(("rig", "speed"), [("cwru-drive", 29.5), ("cwru-fan", 28.0), ("mfpt", 25.0), ("hit-mfs", 15.0)])
@pytest.mark.parametrize("fault", ["inner", "outer"])
def test_a_fault_stands_in_the_middle_of_its_own_channel_on_every_bearing_and_at_every_speed(rig, speed, fault):
    orders = physics.RIGS[rig].orders
    x = struck(orders[fault], speed)[None]
    (image,) = elsewhere.order_images(physics.Piece(x, signals.RATE, speed, fault, "b", orders))
    assert image.shape == (3, 32, 32)
    assert image.dtype == np.float32
    middle = image[:, :, 15:17].max(-1)
    k = physics.FAULTS.index(fault)
    assert middle[k].argmax() < 8  # one of its first two multiples
    assert middle[k].mean() > 1.0  # tenfold over the row's median
    assert all(middle[k].mean() > 2 * middle[other].mean() for other in range(3) if other != k)
    np.testing.assert_array_equal(image[:, ::4], image[:, 3::4])  # four rows of pixels a multiple


def test_the_order_image_does_not_know_the_level():
    orders = physics.RIGS["cwru-drive"].orders
    made = [
        elsewhere.order_images(physics.Piece(c * struck(orders["inner"])[None], signals.RATE, 29.5, "inner", "b", orders))
        for c in (1.0, 1e-3)
    ]
    np.testing.assert_allclose(*made, atol=1e-4)


def test_images_of_a_part_are_those_of_the_whole_recording(twins):
    data = twins["mfpt"]
    cut = benchmark.windows(data, "mfpt")
    rows = np.random.default_rng(0).permutation(len(cut))[:20]
    some = elsewhere.images(data, cut[rows], "mfpt")
    for row, image in zip(rows, some.x, strict=True):
        k = int(np.flatnonzero(data.labels == cut.recording[row])[0])
        own = signals.images(data.recordings[k][:, 0], float(data.rate[k]))
        np.testing.assert_array_equal(image, own[cut.place[row]])


def test_features_stand_in_the_rows_of_their_windows(twins):
    data = twins["cwru"]
    cut = benchmark.windows(data, "cwru-drive", 2048, 1024)
    rows = np.random.default_rng(0).permutation(len(cut))[:30]
    found = elsewhere.features(data, cut[rows], "cwru-drive", "lines")
    alone = np.concatenate([elsewhere.features(data, cut[[row]], "cwru-drive", "lines") for row in rows[:5]])
    assert found.shape == (30, 9)
    np.testing.assert_allclose(found[:5], alone)


def test_speed_and_lines_are_those_of_the_recording(twins):
    data = twins["cwru"]
    cut = benchmark.windows(data, "cwru-fan", 2048, 2048)
    for rows, piece in elsewhere.pieces(data, cut, "cwru-fan"):
        (name,) = set(cut.recording[rows])
        assert piece.speed == data.about["speed"][int(np.flatnonzero(data.labels == name)[0])]
        assert piece.orders == physics.RIGS["cwru-fan"].orders
        np.testing.assert_allclose(piece.x.mean(-1), 0, atol=1e-9)


def test_every_reading_of_a_window_is_finite(twins):
    data = twins["cwru"]
    cut = benchmark.windows(data, "cwru-drive", 2048, 2048)
    piece = next(piece for _, piece in elsewhere.pieces(data, cut, "cwru-drive"))
    widths = {name: read(piece).shape for name, read in elsewhere.FEATURES.items()}
    assert all(np.isfinite(read(piece)).all() for read in elsewhere.FEATURES.values())
    assert {name: shape[1] for name, shape in widths.items()} == {
        "lines": 9,
        "line means": 3,
        "spectrum": physics.N_BANDS,
        "statistics": 4,
        "classical": 27,
        "order image": 3 * 8 * 32,
    }


def test_rows_are_spread_over_each_bearing():
    unit = np.repeat(["a", "b", "c"], [100, 5, 7])
    rows = elsewhere.spread(unit, 7)
    assert [int((unit[rows] == one).sum()) for one in "abc"] == [7, 5, 7]
    assert rows[[0, 6]].tolist() == [0, 99]
    assert len(set(np.diff(rows[:7]))) <= 2


def test_wilson_agrees_with_the_book_and_with_statsmodels_formula():
    low, high = elsewhere.wilson(0.5, 10)
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # Brown, Cai and DasGupta 2001
    assert elsewhere.wilson(1.0, 27)[1] == pytest.approx(1.0)
    assert elsewhere.wilson(1.0, 27)[0] == pytest.approx(27 / (27 + 1.959964**2))
    with pytest.raises(ValueError, match="allowed are 0 to 1"):
        elsewhere.wilson(1.2, 27)


def test_a_bearing_that_was_recorded_longer_weighs_no_more():
    right = np.array([True] * 90 + [False] * 10)
    metrics, arrays = elsewhere.tested(right, np.repeat(["long", "short"], [90, 10]))
    assert metrics["accuracy"] == 0.5
    assert metrics["by_window"] == 0.9
    assert (metrics["named"], metrics["bearings"]) == (1, 2)
    assert metrics["accuracy_low"] < 0.5 < metrics["accuracy_high"]
    assert dict(zip(arrays["bearing"].tolist(), arrays["share"].tolist(), strict=True)) == {"long": 1.0, "short": 0.0}


# --- splits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [512, 2048])
@pytest.mark.parametrize("seed", [0, 3])
def test_no_split_trains_on_what_it_tests(twins, samples, seed):
    data = twins["cwru"]
    load = dict(zip(data.labels.tolist(), data.about["load"].tolist(), strict=True))
    for split in splits.SPLITS:
        part, machines = splits.parts(data, split, samples, seed)
        known = pairs(part.train) | pairs(part.validation)
        if split == "other-end":  # the healthy recordings have both ends' sensors
            assert machines == ("cwru-drive", "cwru-fan")
            assert not set(part.train.bearing) & set(part.test.bearing)
            assert not {one for one, _ in known} & set(part.test.recording)
            continue
        assert machines == ("cwru-drive", "cwru-drive")
        assert not known & pairs(part.test)
        if split == "load-out":
            loads = {load[name] for name in part.test.recording}
            assert loads == {splits.LOADS[seed]}
            assert not loads & {load[name] for name, _ in known}
        if split == "fault-size-out":
            assert not {one for one, _ in known} & set(part.test.recording)
        if split == "time-blocks":
            for name in set(part.test.recording):
                of = part.test.place[part.test.recording == name]
                others = np.array([place for one, place in known if one == name])
                # a window between them: it starts two hops after the nearer one ends, four after that one starts
                assert not others.size or np.abs(others[:, None] - of).min() >= splits.APART


def test_each_block_of_time_is_tested_once():
    of = SimpleNamespace(recording=np.repeat(["a", "b"], [23, 50]), place=np.r_[np.arange(23), np.arange(50)])
    of = benchmark.Windows(np.zeros((73, 4)), np.zeros(73), of.recording, of.recording, np.zeros(73), of.place)
    held = np.stack([splits._block(of, block)[0] for block in range(splits.N_BLOCKS)])
    assert (held.sum(0) == 1).all()
    assert not any((one & near).any() for one, near in (splits._block(of, block) for block in range(splits.N_BLOCKS)))


def test_random_windows_are_those_of_the_network(twins):
    data = twins["cwru"]
    for split in network.SPLITS:
        mine, _ = splits.parts(data, split, signals.WINDOW, 1)
        theirs = network.parts(network.raw(data), split, 1)
        assert [pairs(one) for one in mine] == [pairs(one) for one in theirs]


def test_splits_name_what_is_allowed(twins):
    with pytest.raises(ValueError, match="allowed are random-windows"):
        splits.parts(twins["cwru"], "bearing", 512, 0)


def test_a_plain_model_on_a_split_is_scored_by_bearing(twins):
    config = {"split": "time-blocks", "samples": 512, "features": "classical", "model": "logistic"}
    found = splits.run(config, 0, twins["cwru"])
    share = dict(zip(found.arrays["bearing"].tolist(), found.arrays["share"].tolist(), strict=True))
    faulty = [value for name, value in share.items() if "normal" not in name]
    assert found.metrics["accuracy_faults"] == pytest.approx(np.mean(faulty))
    assert found.arrays["confusion"].sum() == found.metrics["windows_test"]
    assert found.metrics["accuracy"] > 0.9  # the twin's bearings are told at sight
    assert splits.run(config, 0, twins["cwru"]).metrics == found.metrics


# --- one bearing out -----------------------------------------------------------------------------------------------------


def of_two_worlds(n_bearings=12, each=6):
    """Bearings whose lines tell the fault and whose other features tell the bearing alone."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.where(np.arange(n_bearings) % 2, "inner", "outer"), each)
    bearing = np.repeat([f"cwru-drive {k:02}" for k in range(n_bearings)], each)
    sign = np.where(y == "inner", 1.0, -1.0)[:, None]
    own = np.repeat(rng.normal(size=(n_bearings, 4)), each, axis=0)
    X = {name: own + 0.01 * rng.normal(size=own.shape) for name in unseen.INPUTS}
    X["lines"] = sign + 0.1 * rng.normal(size=(len(y), 9))
    return unseen.Bearings(X, y, bearing)


@pytest.fixture
def few_candidates(monkeypatch):
    """The regressions alone: forests take their time."""
    monkeypatch.setattr(unseen, "CANDIDATES", tuple(one for one in unseen.CANDIDATES if one[1] == "logistic"))


@pytest.mark.usefixtures("few_candidates")
def test_the_nested_choice_takes_what_works_on_other_bearings():
    of = of_two_worlds()
    test = np.flatnonzero(of.bearing == of.bearing[0])
    right, told = unseen._answer({"method": "nested"}, 0, of, np.flatnonzero(of.bearing != of.bearing[0]), test)
    assert right.all()
    assert unseen.CANDIDATES[told["chosen"]] == ("lines", "logistic", 0.01)  # of equal ones the first
    assert told["inner"] == 1.0


@pytest.mark.usefixtures("few_candidates")
def test_the_choice_never_sees_the_bearing_that_is_left_out():
    of = of_two_worlds()
    train = np.flatnonzero(of.bearing != of.bearing[0])
    before = unseen.inner(of, train, 0)
    spoilt = {name: np.where((of.bearing == of.bearing[0])[:, None], 1e6, x) for name, x in of.X.items()}
    np.testing.assert_array_equal(before, unseen.inner(of._replace(X=spoilt), train, 0))


@pytest.mark.usefixtures("few_candidates")
def test_inner_folds_keep_bearings_together():
    of = of_two_worlds()
    every = unseen.inner(of, np.arange(len(of.y)), 0)
    by_input = {name: max(every[k] for k, one in enumerate(unseen.CANDIDATES) if one[0] == name) for name in unseen.INPUTS}
    assert by_input["lines"] == 1.0
    assert by_input["spectrum"] < 0.9  # each bearing can be learned by heart, which names no other


def test_all_27_bearings_are_left_out_and_a_broken_run_goes_on(twins, tmp_path):
    sets = [twins[name] for name in unseen.DATA]
    config = {"method": "plain", "input": "line means", "model": "logistic", "samples": 6000}
    whole = unseen.run(config, 0, *sets)
    assert whole.metrics["bearings"] == 27
    assert whole.metrics["accuracy"] > 0.9
    assert unseen.run(config, 0, *sets, scratch=tmp_path).metrics == whole.metrics
    kept = tmp_path / "bearings.json"
    text = kept.read_text()
    kept.write_text(text.replace("true", "false"))  # what is kept is taken, not made again
    assert unseen.run(config, 0, *sets, scratch=tmp_path).metrics["accuracy"] == 0


def test_short_windows_are_of_the_same_bearings(twins):
    of = {name: twins[name] for name in unseen.DATA}
    short, long = unseen.short(of), unseen.seconds(of, ("line means",), 6000)
    assert set(short.bearing) == set(long.bearing)
    assert {(a, b) for a, b in zip(short.bearing, short.y, strict=True)} == {
        (a, b) for a, b in zip(long.bearing, long.y, strict=True)
    }
    assert np.unique(short.bearing, return_counts=True)[1].max() <= unseen.N_EACH


def test_plain_models_name_what_is_allowed():
    with pytest.raises(ValueError, match="allowed are logistic and forest"):
        unseen.plain("tree", 1.0, 0)


# --- transfer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", list(transfer.AWAY))
@pytest.mark.parametrize("seed", [0, 1])
def test_halves_share_no_sample_and_a_left_out_bearing_is_not_tuned_on(twins, machine, seed):
    data = twins[transfer.AWAY[machine][0]]
    tune, test, unmet = transfer.halves(data, machine, seed)
    assert len(tune) <= transfer.N_TUNE
    assert len(test) <= transfer.N_TEST
    assert set(tune.y) == set(test.y) == {benchmark.UNIFIED[one] for one in transfer.AWAY[machine][1]}
    for name in set(tune.recording):
        first, second = tune.place[tune.recording == name], test.place[test.recording == name]
        assert not second.size or first.max() + 2 <= second.min()  # half a window a place
    assert unmet.any() == machine.startswith("hit")
    assert not set(tune.bearing) & set(test.bearing[unmet])
    assert np.unique(test.y, return_counts=True)[1].max() <= 1 + len(test) / len(transfer.AWAY[machine][1])


def test_fine_tuning_goes_on_from_what_was_learned_and_leaves_it_as_it_was(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 9)).astype("float32")
    y = (X[:, 0] > 0).astype(int)
    model = unseen.QEMLNetClassifier(branch="none", epochs=20, learning_rate=3e-3, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    monkeypatch.setitem(transfer.TUNING, "learning_rate", 3e-3)
    tuned = transfer.fine_tuned(model, X[:, ::-1].copy(), y, 0)  # the same fault, another column
    np.testing.assert_array_equal(before, model.predict_proba(X))
    assert tuned.score(X[:, ::-1].copy(), y) > 0.9 > model.score(X[:, ::-1].copy(), y)
    monkeypatch.setitem(transfer.TUNING, "learning_rate", 1e-9)
    np.testing.assert_allclose(transfer.fine_tuned(model, X, y, 0).module_.head.projection.weight.detach(),
                               model.module_.head.projection.weight.detach(), atol=1e-5)  # fmt: skip


def test_a_machine_may_be_asked_for_its_own_classes_alone():
    class Fixed:
        classes_ = np.array([0, 1, 2, 3])

        def predict(self, X):
            return X.argmax(1)

        def predict_proba(self, X):
            return X

    X = np.array([[0.4, 0.1, 0.3, 0.2], [0.1, 0.6, 0.1, 0.2]])
    assert transfer._named(Fixed(), X).tolist() == [0, 1]
    assert transfer._named(Fixed(), X, np.array([2, 3])).tolist() == [2, 3]


def test_lines_transfer_on_the_twin_and_a_small_network_is_measured_in_every_reading(twins, monkeypatch):
    sets = [twins[name] for name in transfer.DATA]
    found = transfer.run({"split": "random-windows", "model": "logistic-lines", "samples": 2048}, 0, *sets)
    assert found.metrics["accuracy"] == found.metrics["accuracy_mfpt"] > 0.9
    assert found.metrics["chance_mfpt"] == 0.5
    assert "tuned" not in found.metrics  # nothing is fine-tuned
    assert not any("uestc" in name for name in found.metrics)  # whose geometry is not published
    for name, n in {"N_TUNE": 32, "N_TEST": 60}.items():
        monkeypatch.setattr(transfer, name, n)
    monkeypatch.setattr(network, "N_WINDOWS", 200)
    found = transfer.run({"split": "random-windows", "model": "gnn", "epochs": 1}, 0, *sets)
    for reading in ("accuracy", "among", "own", "tuned", "chance"):
        assert all(0 <= found.metrics[f"{reading}_{one.replace('-', '_')}"] <= 1 for one in transfer.AWAY)
    assert found.metrics["tuned"] == found.metrics["tuned_mfpt"]
    assert found.arrays["zero_uestc"].sum() == found.arrays["tuned_uestc"].sum() == 60


@pytest.mark.parametrize("name", ["bearings-splits", "bearings-unseen", "bearings-transfer"])
def test_grids_hold_what_the_chapter_shows(name):
    found = experiment.get(name)
    full, quick = found.grid("laptop"), found.grid("quick")
    assert len(quick) < len(full)
    seconds = sum(n * found.estimate(config) for config, n in full)
    assert seconds < 9000
    assert set(found.data(full[0][0])) <= set(transfer.DATA)
    assert lines.DATA == unseen.DATA

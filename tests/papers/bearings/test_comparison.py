"""The comparison: rivals compute what they say, all see the same windows and the same noise, and tests are those of the field."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from qhelpers import datasets, signals
from qhelpers.papers.bearings import baselines, benchmark
from qhelpers.papers.bearings.baselines import FEATURES, READERS, AutoML, GraphAttention, Network, Rule, Taken
from qhelpers.papers.bearings.experiments import comparison, network, statistics
from qhelpers.papers.bearings.model import HybridHead, QEMLNet, loss
from qhelpers.papers.bearings.training import QEMLNetClassifier

SECONDS = np.arange(signals.WINDOW) / signals.RATE
#: Sums of four tensors of the network with seed 7, before qubits and layers were arguments.
DRAWN = (-43.44786553589127, 208.15429058484733, -5.717358818976123, -3.1048232167959213)


def tones(n, frequencies, seed=0):
    """Windows of a tone in noise, a class a frequency, and their classes as benchmark numbers."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % len(frequencies)
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    x = np.sin(2 * np.pi * np.array(frequencies)[y, None] * SECONDS + phase) + 0.1 * rng.normal(size=(n, signals.WINDOW))
    return x, y


def taken(x, imaged=True):
    made = np.concatenate([signals.images(one, signals.RATE) for one in x]) if imaged else np.zeros((len(x), 3, 32, 32))
    return Taken(x - x.mean(-1, keepdims=True), made, np.full(len(x), 29.95))


# --- qubits and layers as arguments ------------------------------------------------------------------------------------


def test_without_layers_four_numbers_are_cosines_and_nothing_is_compared_with_a_target():
    torch.manual_seed(0)
    head = HybridHead(8, 4, "circuit", False, "class", n_layers=0).eval()
    output = head(torch.randn(5, 8))
    torch.testing.assert_close(output.q, torch.cos(output.v))
    found = loss(head, output, torch.tensor([0, 1, 2, 3, 0]), network.ALONE)
    assert math.isnan(found.fidelity) and found.total == found.cross_entropy


def test_two_qubits_are_a_circuit_of_two():
    head = QEMLNet(4, None, 8, n_qubits=2).head
    assert head.circuit.weights.shape == (6, 2, 3)
    assert head.classifier[0].in_features == 514 and head.decode[0].in_features == 2
    with pytest.raises(ValueError, match="n_classes is 8; allowed are up to 4, the basis states of 2 qubits"):
        QEMLNet(8, None, 8, n_qubits=2)
    with pytest.raises(ValueError, match="n_layers is -1"):
        QEMLNet(4, None, 8, n_layers=-1)
    with pytest.raises(ValueError, match="n_qubits is 0"):
        QEMLNet(1, None, 8, n_qubits=0)


def test_the_network_as_printed_is_drawn_as_before():
    head = QEMLNetClassifier().network(4, (3, 32, 32), 7).head
    drawn = (head.projection.weight, head.circuit.weights, head.classifier[0].weight, head.decode[2].weight)
    assert [float(one.detach().double().sum()) for one in drawn] == pytest.approx(DRAWN, abs=1e-4)


def test_each_step_of_table_4_adds_one_part():
    steps = ("resnet-50", *network.STEPS, "full")
    told = [{key: value for key, value in network.VARIANTS[name].items() if key != "lambdas"} for name in steps]
    assert [bool(one.get("cbam", (3, 4))) for one in told] == [False, True, True, True, True]
    heads = [QEMLNet(4, None, 8, **one).head for one in told]
    assert [one.circuit is not None for one in heads] == [False, False, True, True, True]
    trained = [0 if one.circuit is None else sum(p.numel() for p in one.circuit.parameters()) for one in heads]
    assert trained == [0, 0, 0, 72, 72]
    assert [one.decode is not None for one in heads] == [False] * 4 + [True]
    for name in ("with-encoding", "with-circuit", "hybrid-qnn"):
        assert QEMLNetClassifier(**network.VARIANTS[name]).lambdas == (1, 0, 0)


# --- what is read of a window ------------------------------------------------------------------------------------------


def test_features_of_a_tone_are_those_that_follow_from_its_formula():
    line, height = signals.RATE / signals.WINDOW, 3.0
    frequency = 10 * line
    found = dict(zip(FEATURES, baselines.classical(height * np.sin(2 * np.pi * frequency * SECONDS)[None])[0], strict=True))
    expected = {"rms": math.log(height / math.sqrt(2)), "peak": math.log(height), "peak to peak": math.log(2 * height)}
    expected |= {"mean size": math.log(2 * height / math.pi), "skewness": 0, "kurtosis": -1.5, "crest factor": math.sqrt(2)}
    expected |= {"shape factor": math.pi / 2 / math.sqrt(2), "zero crossings": 2 * frequency / signals.RATE}
    expected |= {"centroid": frequency, "peak frequency": frequency, "roll-off": frequency + line, "complexity": 1}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=0.02 * max(1, abs(value))), name


def test_a_louder_window_changes_sizes_alone():
    x = np.random.default_rng(0).standard_t(4, (6, signals.WINDOW))
    one, two = baselines.classical(x), baselines.classical(2 * x)
    assert one.shape == (6, len(FEATURES)) == (6, 27)
    np.testing.assert_allclose(two[:, :5] - one[:, :5], math.log(2), rtol=1e-9)
    np.testing.assert_allclose(two[:, 5:], one[:, 5:], rtol=1e-9)


def test_every_reader_gives_a_row_a_window_in_their_order():
    x, _ = tones(6, (700, 2900))
    seen = taken(x)
    seen = Taken(seen.samples, seen.images, np.array([30, 29, 30, 29, 28, 30.0]))
    back = Taken(seen.samples[::-1], seen.images[::-1], seen.speed[::-1])
    for name, read in READERS.items():
        assert len(read(seen)) == 6
        np.testing.assert_allclose(read(seen)[::-1], read(back), rtol=1e-6, atol=1e-6, err_msg=name)


# --- rivals ------------------------------------------------------------------------------------------------------------


def test_graph_attention_is_a_weighted_mean_over_linked_nodes():
    torch.manual_seed(0)
    layer, x = GraphAttention(3, 2, 4), torch.randn(1, 5, 3)
    linked = torch.eye(5, dtype=bool)
    linked[0, 3] = True
    values = (x[0] @ layer.values.weight.T).reshape(5, 2, 4)
    expected = values.clone()
    for head in range(2):
        asks, asked = layer.asks[head], layer.asked[head]
        scores = torch.stack([values[0, head] @ asks + values[j, head] @ asked for j in (0, 3)])
        shares = torch.softmax(torch.nn.functional.leaky_relu(scores, 0.2), 0)
        expected[0, head] = shares[0] * values[0, head] + shares[1] * values[3, head]
    torch.testing.assert_close(layer(x, linked)[0], expected.flatten(1))


def test_bands_that_go_together_are_linked():
    rng = np.random.default_rng(0)
    levels = rng.normal(size=(300, 16))
    levels[:, 9] = levels[:, 2] + 0.01 * rng.normal(size=300)
    found = baselines.links(np.repeat(levels, 16, axis=1), n=1)
    assert found[2, 9] and found[9, 2] and found.diagonal().all()
    assert (found == found.T).all() and found[2].sum() < 8


@pytest.mark.parametrize("name", list(baselines.BODIES))
def test_a_network_learns_tones_and_is_the_same_again(name):
    # The graph's 256 lines ask for more windows than the others need, and are soon read.
    n, epochs, rate = (300, 10, 1e-2) if name == "gnn" else (96, 4, 3e-3)
    x, y = tones(n, (700, 2900))
    seen, k = READERS[baselines.MODELS[name].reads](taken(x, imaged=name == "transformer")), 2 * n // 3
    model = Network(name, epochs, batch_size=16, learning_rate=rate, random_state=0)
    model.fit(seen[:k], y[:k], seen[k : k + 16], y[k : k + 16])
    assert model.score(seen[k + 16 :], y[k + 16 :]) > 0.8
    assert len(model.history_["val_accuracy"]) == epochs
    again = Network(name, epochs=1, random_state=1).fit(seen[:16], y[:16])
    other = Network(name, epochs=1, random_state=1).fit(seen[:16], y[:16])
    np.testing.assert_array_equal(again.predict_proba(seen), other.predict_proba(seen))


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="kind 'rnn' is unknown; allowed are lstm, 1d-cnn, transformer, gnn"):
        Network("rnn").fit(np.zeros((4, 512)), [0, 1, 0, 1])


def test_the_rule_names_the_highest_line_and_never_a_healthy_bearing():
    heights = np.zeros((3, 9))
    heights[0, :3], heights[1, 3:6], heights[2, 6:] = 1, 1, 1  # inner, outer, ball
    model = Rule().fit(heights, [0, 1, 2, 3])
    assert model.predict(heights).tolist() == [benchmark.UNIFIED[one] for one in ("inner", "outer", "ball")]
    assert np.isneginf(model.decision_function(heights)[:, 0]).all()


def test_the_search_is_scored_on_validation_windows_alone():
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = rng.normal(size=(80, len(FEATURES) + 8))
    X[:, 30] += 4 * y  # a column of the spectrum tells the classes apart
    wrong = 1 - y[60:]
    right = AutoML(6, 0).fit(X[:60], y[:60], X[60:], y[60:])
    fooled = AutoML(6, 0).fit(X[:60], y[:60], X[60:], wrong)
    assert right.score(X[60:], y[60:]) > 0.9
    assert fooled.chosen_ != right.chosen_  # what validation says is all that the search knows
    np.testing.assert_array_equal(right.predict(X), AutoML(6, 0).fit(X[:60], y[:60], X[60:], y[60:]).predict(X))


# --- the same windows, the same noise ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bearings():
    return datasets.load("cwru", source="twin")


def test_windows_and_images_are_those_of_the_network(bearings):
    raw = network.raw(bearings)
    rows = np.flatnonzero(np.isin(raw.recording, [benchmark.HEALTHY[0], raw.recording[-1]]))[5::7]
    found = comparison.read(bearings, raw[rows], 32)
    np.testing.assert_array_equal(found.images, network.windows(bearings, 32).x[rows])
    own = raw.x[rows] - raw.x[rows].mean(-1, keepdims=True)
    np.testing.assert_allclose(found.samples, own, atol=1e-5)
    for name in np.unique(raw.recording[rows]):
        speed = bearings.about["speed"].to_numpy()[bearings.labels == name]
        assert (found.speed[raw.recording[rows] == name] == speed).all()


@pytest.mark.parametrize("snr", comparison.SNR)
def test_noise_has_the_power_that_is_said_and_is_the_same_for_all(bearings, snr):
    raw = network.raw(bearings)
    some = raw[np.flatnonzero(raw.recording == raw.recording[-1])]
    clean, noisy, again, other = (
        comparison.read(bearings, some, 32, level, seed) for level, seed in ((None, 0), (snr, 0), (snr, 0), (snr, 1))
    )
    ratio = 10 * np.log10(clean.samples.var() / (noisy.samples - clean.samples).var())
    assert ratio == pytest.approx(snr, abs=0.5)
    np.testing.assert_array_equal(noisy.images, again.images)
    assert not np.allclose(noisy.samples, other.samples)


# --- a run -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """Four tones for four classes in the place of a draw; in the noisy test part they are turned into one another."""
    x, y = tones(160, (300, 1500, 3000, 5000))
    rows = np.split(np.arange(160), [96, 128])
    parts = [
        benchmark.Windows(one, y[one], np.array([f"b{k}" for k in y[one]]), y[one].astype(str), np.zeros(len(one)), one)
        for one in rows
    ]
    clean = [taken(x[one], imaged=False) for one in rows]
    noisy = [taken(np.roll(x[rows[2]], 1, axis=0), imaged=False)] * len(comparison.SNR)
    monkeypatch.setattr(comparison, "taken", lambda *_: (network.Parts(*parts), clean, noisy))
    return SimpleNamespace(fingerprint="", name="cwru")


@pytest.mark.parametrize("name", ["svm-rbf", "logistic-spectrum", "rule", "gnn"])
def test_a_run_measures_what_it_says(small, name):
    most = {"epochs": 2} if name == "gnn" else {}
    found = comparison.run({"model": name, "split": network.SPLITS[0], "size": 32} | most, 0, small)
    metrics, confusion = found.metrics, found.arrays["confusion"]
    assert metrics["accuracy"] == pytest.approx(np.trace(confusion) / 32) == pytest.approx(found.arrays["share"].mean())
    assert metrics["recall"] == pytest.approx(np.mean(confusion.diagonal() / confusion.sum(1)))
    assert set(found.arrays["bearing"].tolist()) == {"b0", "b1", "b2", "b3"}
    assert {f"accuracy_noise_{snr}" for snr in comparison.SNR} | {"auc", "f1", "ms_per_prediction"} <= metrics.keys()
    if name in ("svm-rbf", "logistic-spectrum"):
        assert metrics["accuracy"] == metrics["auc"] == 1.0 and metrics["accuracy_noise_0"] == 0.0
    assert metrics["accuracy_normal"] == 0.0 or name != "rule"
    assert ("parameters" in metrics) is (name == "gnn")


def test_the_grid_holds_all_models():
    asked = comparison.grid("laptop")
    assert {n for config, n in asked if config["split"] == network.SPLITS[0]} == {network.PAIRS}
    assert {config["model"] for config, _ in asked} == set(comparison.MODELS) >= {statistics.OURS, *statistics.RIVALS}


# --- Table 5 -----------------------------------------------------------------------------------------------------------


def test_the_paired_test_is_scipys_and_the_corrected_one_is_wider():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.9, 0.01, 5), rng.normal(0.88, 0.01, 5)
    found, theirs = statistics.paired(x, y), stats.ttest_rel(x, y)
    assert (found["t"], found["p"]) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found["p_adjusted"] == pytest.approx(min(1, 9 * theirs.pvalue))
    interval = theirs.confidence_interval()
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((interval.low, interval.high))
    assert found["d"] == pytest.approx(found["t"] / math.sqrt(5))
    corrected = statistics.paired(x, y, overlap=statistics.OVERLAP)
    assert corrected["t"] == pytest.approx(found["t"] / math.sqrt(1 + 5 * 600 / 2800))
    same = statistics.paired([1, 1, 1], [1, 1, 1])
    assert (same["t"], same["d"], same["p"]) == (0, 0, 1)
    assert math.isnan(statistics.paired([1, 1, 1], [0.5, 0.5, 0.5])["t"])
    with pytest.raises(ValueError, match="pairs, two or more"):
        statistics.paired([1], [1])


def test_the_analysis_of_variance_shares_out_all_of_it():
    groups = np.random.default_rng(0).normal(size=(10, 5)) + np.arange(10)[:, None]
    found = statistics.variance(groups)
    assert (found["df_between"], found["df_within"]) == (9, 40)
    f = found["f_statistic"]
    assert found["eta_squared"] == pytest.approx(9 * f / (9 * f + 40))


def test_statistics_are_of_the_recorded_comparison(monkeypatch):
    def record(name, split, seed, accuracy, shares):
        arrays = {"bearing": np.array(list(shares)), "share": np.array(list(shares.values()))}
        return SimpleNamespace(
            config={"model": name, "split": split}, seed=seed, metrics={"accuracy": accuracy}, arrays=lambda: arrays
        )

    ran = []
    for k, name in enumerate((statistics.OURS, *statistics.RIVALS)):
        ran += [record(name, network.SPLITS[0], s, 0.9 + 0.001 * s - 0.01 * k + 0.0003 * k * s, {}) for s in range(5)]
        for s in range(3):
            shares = {f"{kind} {s}": 0.9 - 0.05 * k - 0.01 * s * k for kind in ("inner", "outer", "ball")} | {"normal": 0.5}
            ran.append(record(name, network.SPLITS[1], s, 0.5, shares))
    monkeypatch.setattr(statistics.records, "measured", lambda name: ran if name == "bearings-comparison" else [])
    seeds = statistics.run({"split": network.SPLITS[0], "model": "svm-rbf"}, 0).metrics
    assert seeds["difference"] == pytest.approx(0.01 - 0.0006) and seeds["n"] == 5
    units = statistics.run({"split": network.SPLITS[1], "model": "svm-rbf"}, 0).metrics
    assert units["n"] == 10
    assert units["difference"] == pytest.approx((3 * (0.05 + 0.06 + 0.07) + 0) / 10)
    assert units["p_holm"] >= units["p_ranks"] > 0
    every = statistics.run({"split": network.SPLITS[0], "model": statistics.ALL}, 0).metrics
    assert every["d_largest"] >= every["d_smallest"] and every["df_within"] == 40
    ran.pop(0)
    ran[:] = [one for one in ran if one.config["model"] != "gnn"]
    with pytest.raises(ValueError, match="no recorded run of gnn on random-windows; record bearings-comparison first"):
        statistics.run({"split": network.SPLITS[0], "model": "svm-rbf"}, 0)

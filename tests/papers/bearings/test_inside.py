"""Looking inside: maps are what their names say, fall on lines where lines are, and change with the network."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import relu

from qhelpers import datasets, signals
from qhelpers.papers.bearings import inside
from qhelpers.papers.bearings.experiments import inside as maps
from qhelpers.papers.bearings.experiments import network, ranking
from qhelpers.papers.bearings.model import Output, QEMLNet


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return QEMLNet(4).eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


# --- maps ------------------------------------------------------------------------------------------------------------


def test_grad_cam_is_the_weighted_sum_of_a_stage(net, images):
    labels, kept = torch.tensor([0, 2, 3]), {}
    hook = net.backbone.layer1.register_forward_hook(lambda module, inputs, output: kept.update(maps=output))
    logits = net(images).logits
    hook.remove()
    (slope,) = torch.autograd.grad(logits[range(3), labels].sum(), kept["maps"])
    expected = relu((slope.mean((2, 3), keepdim=True) * kept["maps"]).sum(1)).detach()
    found = inside.stage_maps(net, images, labels)
    assert found.shape == (3, 8, 8)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert inside.stage_maps(net, images, labels, stage=3).shape == (3, 2, 2)


def test_pixels_of_a_linear_network_are_its_weights_times_the_image(images):
    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.all = nn.Linear(3 * 32 * 32, 4)

        def forward(self, x):
            return Output(self.all(x.flatten(1)), None, None, None, None)

    linear, labels = Linear(), torch.tensor([1, 0, 3])
    expected = (linear.all.weight[labels] * images.flatten(1)).reshape(images.shape).detach()
    np.testing.assert_allclose(inside.pixel_maps(linear, images, labels), expected, atol=1e-5)


def test_gates_are_those_that_attention_multiplies_with(net, images):
    found = inside.gates(net, images)
    assert {stage: gate.shape for stage, gate in found.items()} == {"3": (3, 2, 2), "4": (3, 1, 1)}
    backbone, block = net.backbone, net.backbone.attention["3"]
    with torch.no_grad():
        x = backbone.maxpool(backbone.relu(backbone.bn1(backbone.conv1(images))))
        x = backbone.layer3(backbone.layer2(backbone.layer1(x)))
        once = x * torch.sigmoid(block.mlp(x.mean((2, 3))) + block.mlp(x.amax((2, 3))))[:, :, None, None]
        np.testing.assert_allclose(block(x), once * torch.as_tensor(found["3"], dtype=torch.float32)[:, None], rtol=1e-4)


# --- from pixels to lines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 48])
def test_pixels_go_back_to_what_they_were_stretched_from(size):
    rng = np.random.default_rng(0)
    pixels, lines, samples, packet = (rng.normal(size=s) for s in ((2, 3, size, size), (2, 256), (2, 512), (2, 16, 32)))
    height, bands, moments = (signals.stretching(n, size) for n in (16, 16, 32))
    planes = (packet, lines.reshape(2, 16, 16), samples.reshape(2, 32, 16).swapaxes(1, 2))  # as `signals.images` has them
    found = inside.sources(pixels)
    for channel, (plane, width) in enumerate(zip(planes, (moments, bands, moments), strict=True)):
        expected = (pixels[:, channel] * (height @ plane @ width.T)).sum((1, 2))
        origin = (packet, lines, samples)[channel]
        np.testing.assert_allclose((found[channel] * origin).reshape(2, -1).sum(1), expected)
        np.testing.assert_allclose(found[channel].reshape(2, -1).sum(1), pixels[:, channel].sum((1, 2)))


def test_a_tone_and_a_knock_are_where_they_were_made():
    t = np.arange(4096) / signals.RATE
    tone = signals.images(np.sin(2 * np.pi * 100.02 * inside.STEP * t), signals.RATE)[4]
    knock = np.zeros(4096)
    knock[1024 + 300] = 1.0  # the fifth window begins at 1,024
    struck = signals.images(knock + 1e-9 * np.random.default_rng(0).normal(size=4096), signals.RATE)[4]
    brightest = [(one == one.max((1, 2), keepdims=True)).astype(float)[None] for one in (tone, struck)]
    assert abs(int(inside.sources(brightest[0])[1][0].argmax()) - 100) <= 1
    assert abs(int(inside.sources(brightest[1])[2][0].argmax()) - 300) <= 8


def test_what_lies_on_a_comb_is_counted_against_its_share():
    speed = np.array([30.0, 29.0])
    even = np.ones((2, inside.N_LINES))
    assert inside.on_lines(even, 5.4, speed, inside.PASSED) == pytest.approx([1, 1])
    assert inside.chance(even, speed, inside.PASSED, 5, np.random.default_rng(0)) == pytest.approx(np.ones(5))
    comb = np.zeros((2, inside.N_LINES))
    for row, turns in enumerate(speed):
        multiples = np.arange(1, 40) * 3.6 * turns
        comb[row, np.round(multiples[multiples < 5990] / inside.STEP).astype(int)] = 1
    assert (inside.on_lines(comb, 3.6, speed, inside.PASSED) > 4).all()
    assert (inside.on_lines(comb, 5.4, speed, inside.PASSED) < 2.5).all()
    assert np.isnan(inside.on_lines(0 * comb, 3.6, speed, inside.PASSED)).all()
    with pytest.raises(ValueError, match="no multiple of 120 Hz lies between 121 and 200"):
        inside.on_lines(even, 4.0, speed, (121.0, 200.0))


def test_knocks_in_the_rhythm_of_a_fault_are_found_in_a_map_over_time():
    at = np.arange(0, signals.WINDOW / signals.RATE, 1 / (3.6 * 30))
    series = np.zeros((1, signals.WINDOW))
    series[0, (at * signals.RATE).astype(int)] = 1.0
    power, speed = inside.rhythm(series), np.array([30.0])
    assert inside.on_lines(power, 3.6, speed, inside.SLOW) > 2 > inside.on_lines(power, 5.4, speed, inside.SLOW)
    assert inside.rhythm(series + 7.0) == pytest.approx(power)


# --- random networks -------------------------------------------------------------------------------------------------


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_parts_are_made_random_from_the_head_down(net, images):
    torch.manual_seed(5)
    fresh, before = QEMLNet(4), [one.clone() for one in net.state_dict().values()]
    seen = []
    for part, made in inside.cascade(net, fresh, images):
        seen.append(part)
        left = set(inside.CASCADE) - {*seen, "head", "stem"}
        assert same(made.head, fresh.head)
        assert all(same(getattr(made.backbone, name), getattr(net.backbone, name)) for name in left)
        assert all(same(getattr(made.backbone, name), getattr(fresh.backbone, name)) for name in seen if name.startswith("layer"))
        assert not made.training
        assert torch.isfinite(made(images).logits).all()
    assert tuple(seen) == inside.CASCADE
    assert same(made, fresh)
    assert all(torch.equal(a, b) for a, b in zip(before, net.state_dict().values(), strict=True))


def test_likeness_is_of_ranks():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(3, 8, 8))
    assert inside.alike(first, np.exp(first)) == pytest.approx(1)
    assert inside.alike(first, -first) == pytest.approx(-1)
    assert abs(inside.alike(rng.normal(size=(200, 8, 8)), rng.normal(size=(200, 8, 8)))) < 0.05
    assert np.isnan(inside.alike(first, np.ones_like(first)))


# --- the experiments -------------------------------------------------------------------------------------------------


def test_mass_at_a_printed_frequency_is_counted_against_its_share():
    profile = np.zeros((2, 32))
    profile[0], profile[1, 17] = 1.0, 2.0  # the 18th of 32 parts is .547
    found = maps.near_printed(profile)
    assert found[0] == pytest.approx([1, 1, 1])
    assert found[1].tolist() == [pytest.approx(32 / 3), 0, 0]  # three parts lie within .05


def test_a_row_of_a_coarse_map_is_highest_in_its_middle():
    assert maps.highest(np.repeat([0.0, 1, 3, 2], 8)) == 0.625
    assert maps.highest(np.arange(32.0)) == pytest.approx(31.5 / 32)


def test_a_fault_is_a_mean_over_its_recordings():
    values = np.array([[1.0, 9, 9], [3, 9, 9], [5, 9, 9], [9, 2, 9], [9, np.nan, 9], [9, 9, 7]])
    fault, recording = np.array([0, 0, 0, 1, 1, 2]), np.array(list("aabcde"))
    found = maps.own(values, fault, recording, np.random.default_rng(0))
    assert (found["inner"], found["outer"], found["ball"]) == (3.5, 2, 7)
    assert (found["inner_low"], found["inner_high"]) == (2, 5)


def test_ten_numbers_of_a_sine_are_known():
    x = 3 * np.sin(2 * np.pi * 64 * np.arange(512) / 512)[None]
    found = dict(zip(ranking.FEATURES, ranking.features(x)[0], strict=True))
    assert found["rms"] == pytest.approx(np.log10(3 / np.sqrt(2)))
    assert found["peak"] == pytest.approx(1500)
    assert (found["kurtosis"], found["crest"], found["skewness"]) == pytest.approx((1.5, np.sqrt(2), 0), abs=1e-9)
    assert found["centroid"] == pytest.approx(1500, rel=1e-3)
    assert max(found, key=lambda name: found[name] if name in ranking.BANDS else -np.inf) == "0.75 kHz"
    probed = maps.ranked(x)[0]
    assert probed == pytest.approx([np.log(3 / np.sqrt(2)), 1.5, np.log(1.5)])
    other = ranking.features(ranking.z_scored(5 * x + 2))[0]
    assert other[0] == pytest.approx(0, abs=1e-12)
    assert other[1:6] == pytest.approx(ranking.features(x)[0][1:6])


@pytest.mark.parametrize("name", ranking.MODELS)
def test_attributions_go_to_the_feature_that_is_read_and_add_up(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (X[:, 1] > 0).astype(int) + (X[:, 1] > 1)
    model, values = ranking.attributions(name, X, y, X[:50], 0)
    assert values.shape == (50, 3, 3)
    sizes = np.abs(values).mean((0, 2))
    assert sizes[1] > 5 * max(sizes[0], sizes[2])
    background = X[np.random.default_rng(0).choice(400, ranking.N_BACKGROUND, replace=False)]
    said = model.predict_proba if name == "forest" else model.decision_function
    np.testing.assert_allclose(values.sum(1), said(X[:50]) - said(background).mean(0), atol=1e-6)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(network, "N_WINDOWS", 80)
    for name, value in {"N_EXPLAINED": 2, "N_COMBS": 3}.items():
        monkeypatch.setattr(maps, name, value)
    monkeypatch.setattr(inside, "N_STEPS", 2)
    return datasets.load("cwru", source="twin")


def test_a_run_looks_inside(small):
    found = maps.run({"split": "random-windows", "size": 32, "epochs": 1}, 0, small)
    for name in ("lines", "rhythm", "random_lines", "signal_lines", "signal_rhythm", "printed", "stage_printed"):
        for row, fault in enumerate(("inner", "outer", "ball")):
            if name == "stage_printed" and not found.arrays["stage_map"][row].any():
                assert f"{name}_{fault}" not in found.metrics, "a map of zeros has no share"
            else:
                assert found.metrics[f"{name}_{fault}"] >= 0
        assert found.arrays[f"confusion_{name}"].shape == (3, 3)
    excess = found.metrics["lines_inner"] - found.metrics["random_lines_inner"]
    assert found.metrics["excess_lines_inner"] == pytest.approx(excess)
    assert {f"random_{part}" for part in inside.CASCADE} <= found.metrics.keys()
    assert sum(found.metrics[f"share_{one.replace(' ', '_')}"] for one in signals.CHANNELS) == pytest.approx(1)
    assert found.arrays["spread_lines"].sum(1) == pytest.approx(np.ones(3))
    # the twin knocks in the rhythm of its faults: the measure finds it in the windows themselves
    assert min(found.metrics[f"signal_rhythm_{fault}"] for fault in ("inner", "outer")) > 1.3
    assert found.metrics["level_pixels"] > 0.8


@pytest.mark.parametrize("level", [True, False])
def test_a_run_ranks_ten_numbers(small, level):
    found = ranking.run({"split": "random-windows", "model": "forest", "level": level}, 0, small)
    ranks = sorted(value for name, value in found.metrics.items() if name.startswith("rank_"))
    assert ranks == list(range(1, 11))
    assert (found.metrics["shap_rms"] > 0) == level
    assert found.metrics["summed_rms"] == pytest.approx(4 * found.metrics["shap_rms"])

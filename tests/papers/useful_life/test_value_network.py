"""The deep value network: its steps are torch's, it draws one action a step by the rule, learns an easy series, and repeats."""

from __future__ import annotations

import numpy as np
import pytest

from qhelpers.papers.useful_life.qaql import trajectories
from qhelpers.papers.useful_life.value_network import ValueNetwork, _step, _values, walks
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.qubo import softmax

SHORT = {"n_steps": 4000, "n_hidden": 16, "pool": 1}


@pytest.fixture(scope="module")
def easy():
    """Four units whose reading says what is left, 40 rows each, windows of two rows."""
    left = np.tile(np.arange(39, -1, -1.0), 4)
    unit = np.repeat(np.arange(4), 40)
    rows = np.arange(160)
    return Windows(
        values=np.c_[left / 40, np.ones(160)],
        features=("wear", "constant"),
        first=unit * 40,
        last=rows,
        length=2,
        unit=unit,
        remaining=left,
        y=left,
    )


def rmse(network, windows):
    return float(np.sqrt(np.mean((network.predict(windows) - windows.y) ** 2)))


def test_a_step_is_that_of_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    n_in, h, n_out = 5, 7, 3
    w = rng.normal(size=n_in * h + h + h * h + h + h * n_out + n_out).astype(np.float32)
    x, y = rng.normal(size=(9, n_in)).astype(np.float32), rng.normal(size=(9, n_out)).astype(np.float32)
    taken = rng.integers(n_out, size=9)
    for told in (taken, np.empty(0, np.int64)):
        ours, moments = w.copy(), np.zeros((2, len(w)), np.float32)
        sizes = [(n_in, h), (h,), (h, h), (h,), (h, n_out), (n_out,)]
        cuts = np.cumsum([int(np.prod(size)) for size in sizes])[:-1]
        tensors = [torch.tensor(p.reshape(s), requires_grad=True) for p, s in zip(np.split(w.copy(), cuts), sizes, strict=True)]
        adam = torch.optim.Adam(tensors, lr=0.01)
        for n in range(4):
            first, a, second, b, third, c = tensors
            out = torch.relu(torch.relu(torch.tensor(x) @ first + a) @ second + b) @ third + c
            if n == 0:
                assert np.allclose(_values(ours, h, x), out.detach(), atol=1e-5)
            aim = torch.tensor(y)
            if len(told):
                column = torch.tensor(told)[:, None]
                out, aim = out.gather(1, column), aim.gather(1, column)
            adam.zero_grad()
            torch.nn.functional.mse_loss(out, aim).backward()
            adam.step()
            _step(ours, moments, h, x, y, told, 0.01, n)
        assert np.allclose(ours, np.concatenate([t.detach().ravel() for t in tensors]), atol=1e-4)
        assert not np.allclose(ours, w, atol=1e-3)


def test_walks_go_along_whole_records_and_share_them():
    edges = np.array([0, 5, 9, 20])
    at = walks(edges, 2, 2 * 300, np.random.default_rng(0))
    assert at.shape == (300, 2)
    for column in at.T:
        jumps = np.flatnonzero(np.diff(column) != 1)
        assert np.isin(column[jumps] + 1, edges[1:]).all() and np.isin(column[jumps + 1], edges[:-1]).all()
    assert np.bincount(at.ravel(), minlength=20).min() > 20  # of 30 each, were all records done
    assert (
        walks(edges, 1, 20, np.random.default_rng(1)).ravel().tolist() != walks(edges, 1, 20, np.random.default_rng(2)).tolist()
    )


@pytest.mark.parametrize("selector", ["one-read", "softmax", "lowest-of-reads", "argmax", "epsilon-greedy", "uniform"])
def test_one_draw_a_step_has_the_distribution_of_the_rule(selector):
    values = np.array([-0.2, -0.5, -0.1, -0.4])
    network = ValueNetwork(selector, temperature=0.3, n_reads=3, n_actions=4)
    n = 20_000
    picked = network.choose(np.tile(values, (n, 1)), 0.4, np.random.default_rng(0))
    assert picked.shape == (n,)
    best = np.eye(4)[2]
    read = softmax(-values / 0.5, 0.3)
    order = np.argsort(-values)  # the lowest of three reads: none below a cost, less none at or below it
    tail = np.cumsum(read[order][::-1])[::-1]
    lowest = np.empty(4)
    lowest[order] = tail**3 - np.append(tail[1:], 0) ** 3
    epsilon = 1 + (0.05 - 1) * 0.4 / 0.8
    expected = {
        "one-read": read,
        "softmax": softmax(-values, 0.3),
        "lowest-of-reads": lowest,
        "argmax": best,
        "epsilon-greedy": epsilon / 4 + (1 - epsilon) * best,
        "uniform": np.full(4, 0.25),
    }[selector]
    assert np.bincount(picked, minlength=4) / n == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({"selector": "uniform", "td": False}, 3.5),
        ({"selector": "one-read"}, 6.0),
        ({"told": "all rewards", "td": False}, 2.0),
        ({"told": "label"}, 1.5),
    ],
)
def test_an_easy_series_is_learned(easy, given, bound):
    network = ValueNetwork(**SHORT, **given, n_actions=8, every=4, random_state=0).fit(easy)
    assert network.n_updates_ == 1000
    assert rmse(network, easy) < bound < np.std(easy.y) / 1.9
    assert network.chosen_.sum() == (0 if "told" in given else 4000)
    assert network.outputs(easy).shape == (160, 1 if given.get("told") == "label" else 8)


def test_a_seed_repeats_and_rules_share_walks_and_first_weights(easy):
    one, again, other = (ValueNetwork("one-read", **SHORT, random_state=seed).fit(easy).weights_ for seed in (3, 3, 4))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    network = ValueNetwork("uniform", **SHORT)
    assert np.array_equal(network._first_weights(4, 16), ValueNetwork("argmax", **SHORT)._first_weights(4, 16))


def test_what_follows_a_last_window_counts_for_nothing(easy):
    """With rewards that are all known and none to come, the last windows' values are their rewards."""
    network = ValueNetwork(told="all rewards", n_steps=32_000, n_hidden=32, pool=1, every=4, n_actions=4, discount=0.9)
    network.fit(easy)
    last = easy.only(trajectories(easy)[1:] - 1)
    rewards = -(((network.centres_ - last.y[:, None]) / network.highest_) ** 2)
    assert np.abs(network.outputs(last) - rewards).max() < 0.08
    ahead = network.outputs(easy.only([0])).max()
    assert ahead < -0.02  # nine windows' errors of a bin that is ten wide lie ahead


def test_torch_is_given_the_network(easy):
    torch = pytest.importorskip("torch")
    network = ValueNetwork("uniform", **SHORT).fit(easy)
    read = torch.tensor(network._inputs(easy))
    assert np.allclose(network.as_torch()(read).detach(), network.outputs(easy), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("selector", "annealer"),
        ("ties", "none"),
        ("told", "nothing"),
        ("temperature", 0.0),
        ("n_reads", 0),
        ("discount", 1.0),
        ("n_actions", 1),
        ("n_hidden", 0),
        ("n_actors", 0),
        ("n_steps", 3),
        ("every", 3),
        ("batch_size", 0),
        ("follow", 0),
        ("learning_rate", 0.0),
        ("pool", 3),
    ],
)
def test_bad_arguments_are_named(easy, name, value):
    with pytest.raises(ValueError, match=f"{name}=.*allowed is"):
        ValueNetwork(**{name: value}).fit(easy)

"""Samplers: dimod's own tests, explicit schedules, chips and their chains, and a token that is never seen."""

import itertools
import logging
import unittest

import dimod
import dimod.testing
import dwave.system
import numpy as np
import pytest

from qhelpers.qubo import (
    EmbeddingError,
    Schedule,
    SolverUnavailableError,
    clique_embedding,
    decode,
    default_schedule,
    get_sampler,
    one_hot_bqm,
    qpu_access_time,
    sampler_names,
    samplers,
    softmax,
    total_variation,
)

OFFLINE = {
    "exact": {},
    "boltzmann": {"temperature": 0.5, "num_reads": 20},
    "simulated-annealing": {"n_sweeps": 50, "num_reads": 20},
    "path-integral": {"n_sweeps": 20, "num_reads": 20},
    "mock-qpu": {"n_sweeps": 20, "num_reads": 20, "shape": (4,)},
}
COSTS = np.random.default_rng(1).uniform(-1, 0, 16)


@pytest.fixture(scope="module")
def offline():
    """One sampler of each name that needs no account."""
    return {name: get_sampler(name, **options) for name, options in OFFLINE.items()}


@pytest.mark.parametrize("name", OFFLINE)
def test_dimod_accepts_it(offline, name):
    sampler = offline[name]
    dimod.testing.assert_sampler_api(sampler)

    @dimod.testing.load_sampler_bqm_tests(sampler)
    class Loaded(unittest.TestCase):
        pass

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Loaded).run(result)
    assert result.testsRun > 20
    assert not result.errors + result.failures, (result.errors + result.failures)[0][1]


@pytest.mark.parametrize("name", OFFLINE)
def test_each_signs_what_it_gives(offline, name):
    drawn = offline[name].sample(one_hot_bqm(COSTS))
    assert drawn.info["sampler"] == name and drawn.info["simulation"] is (name != "exact")
    assert drawn.info["statement"]
    assert ("simulat" in drawn.info["statement"]) is (name not in ("exact", "boltzmann"))
    if name != "exact":
        assert drawn.record.num_occurrences.sum() == 20
    dimod.testing.assert_sampleset_energies(drawn, one_hot_bqm(COSTS))


@pytest.mark.parametrize("name", [name for name in OFFLINE if name != "exact"])
def test_a_seed_says_what_is_drawn(name):
    bqm = one_hot_bqm(COSTS)

    def drawn(sampler, **given):
        return sampler.sample(bqm, num_reads=5, **given).record.sample.tolist()

    one, again = (get_sampler(name, **OFFLINE[name], seed=3) for _ in range(2))
    first, second = drawn(one), drawn(one)
    assert first != second
    assert [drawn(again), drawn(again)] == [first, second]
    for seed in (8, 0):
        assert drawn(one, seed=seed) == drawn(again, seed=seed) == drawn(one, seed=seed)


def test_the_exact_one_finds_all_of_lowest_energy():
    reads = decode(get_sampler("exact").sample(one_hot_bqm([0.5, -1.0, 0.2, -1.0])))
    assert sorted(reads.actions.tolist()) == [1, 3]
    with pytest.raises(ValueError, match="21 variables have too many states"):
        get_sampler("exact").sample(one_hot_bqm(np.zeros(21)))


def test_the_lowest_of_many_reads_is_the_best_bin():
    for name in ("simulated-annealing", "path-integral"):
        reads = decode(get_sampler(name, num_reads=150, n_sweeps=30, seed=0).sample(one_hot_bqm(COSTS)))
        assert reads.lowest == COSTS.argmin()


def test_boltzmann_draws_a_softmax_of_one_hot_states():
    reads = decode(get_sampler("boltzmann", temperature=0.3, num_reads=20_000, seed=0).sample(one_hot_bqm(COSTS)))
    assert reads.n_infeasible == 0
    assert total_variation(reads.counts, softmax(COSTS, 0.3)) < 0.02
    free = get_sampler("boltzmann", temperature=0.3, one_hot=False, num_reads=2000, seed=0).sample(one_hot_bqm(COSTS[:6], 1.1))
    assert decode(free).n_infeasible > 0


def test_a_schedule_is_explicit_and_recorded():
    bqm = one_hot_bqm(COSTS)
    for name, driven in (("simulated-annealing", False), ("path-integral", True)):
        schedule = get_sampler(name, n_sweeps=30, num_reads=2).sample(bqm).info["schedule"]
        assert len(schedule["problem"]) == 30 and len(schedule["driver"]) == (30 if driven else 0)
        assert Schedule(**schedule) == default_schedule(bqm, 30, driven)
    held = Schedule.held(0.7, 40)
    assert get_sampler("simulated-annealing", schedule=held, num_reads=2).sample(bqm).info["schedule"] == {
        "problem": (1 / 0.7,), "driver": (), "sweeps_per_step": 40
    }  # fmt: skip
    with pytest.raises(ValueError, match="takes a schedule with a driver"):
        get_sampler("path-integral", schedule=held)


def test_the_default_schedule_follows_the_biases():
    cold = default_schedule(one_hot_bqm(COSTS), 50)
    other = default_schedule(one_hot_bqm(1000 * COSTS), 50)
    np.testing.assert_allclose(cold.problem, 1000 * np.array(other.problem))
    assert cold.problem[-1] > 20 * cold.problem[0]
    assert default_schedule(dimod.BinaryQuadraticModel({0: 0.0}, {}, "SPIN"), 2).problem == (20.0, 20.0)


def test_a_schedule_that_is_none_is_refused():
    for made, said in (
        (lambda: Schedule(()), "at least one step"),
        (lambda: Schedule((np.nan,)), "finite"),
        (lambda: Schedule((1.0,), (1.0, 2.0)), "driver has 2 steps"),
        (lambda: Schedule((1.0,), sweeps_per_step=0), "at least 1"),
        (lambda: Schedule.held(0.0), "above 0"),
        (lambda: Schedule.cooled(1.0, 2.0), "not below the second"),
    ):
        with pytest.raises(ValueError, match=said):
            made()


def test_what_is_asked_wrongly_is_refused():
    bqm = one_hot_bqm(COSTS)
    sampler = get_sampler("boltzmann", temperature=1.0)
    for asked, said in (
        (lambda: get_sampler("annealer"), "no sampler 'annealer'; there are: exact, boltzmann"),
        (lambda: get_sampler("exact", sweeps=3), "exact has no option sweeps"),
        (lambda: get_sampler("boltzmann"), "boltzmann needs temperature"),
        (lambda: get_sampler("boltzmann", temperature=0.0), "above 0"),
        (lambda: get_sampler("simulated-annealing", num_reads=0), "num_reads is 0; it is a whole number of at least 1"),
        (lambda: get_sampler("simulated-annealing", n_sweeps=0), "n_sweeps is 0"),
        (lambda: sampler.sample(bqm, num_reads=0), "num_reads is 0"),
        (lambda: sampler.sample(bqm, num_reads=1.5), "num_reads is 1.5"),
        (lambda: sampler.sample(bqm, beta_range=(1, 2)), "does not know beta_range"),
        (lambda: get_sampler("mock-qpu", prefactor=0.0), "prefactor is 0"),
        (lambda: get_sampler("mock-qpu", annealing_time=-1.0), "annealing_time is -1"),
    ):
        with pytest.raises(ValueError, match=said):
            asked()
    assert set(OFFLINE) | {"qpu"} == set(sampler_names())


# --- a chip that is simulated ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_pegasus():
    """A sample set of the simulated chip, of the size that is sold."""
    return get_sampler("mock-qpu", num_reads=50, n_sweeps=30, seed=0).sample(one_hot_bqm(COSTS))


def test_the_chip_is_a_pegasus_p16_of_which_each_bin_has_a_chain(on_pegasus):
    chains = clique_embedding()
    assert sorted(chains) == list(range(16))
    qubits = [qubit for chain in chains.values() for qubit in chain]
    assert len(set(qubits)) == len(qubits) == on_pegasus.info["n_qubits"]
    edges = {frozenset(edge) for edge in samplers._chip_edges("pegasus", (16,))}
    assert len({qubit for edge in edges for qubit in edge}) == 5640
    for u, v in itertools.combinations(range(16), 2):
        assert any(frozenset((a, b)) in edges for a in chains[u] for b in chains[v])


def test_the_simulated_call_says_how_its_chains_held_and_what_it_would_take(on_pegasus):
    info = on_pegasus.info
    assert 0 <= info["chain_break_fraction"] <= 1
    assert info["chain_break_fraction"] == pytest.approx(on_pegasus.record.chain_break_fraction.mean())
    quadratic = 2 * np.abs(COSTS).max()  # J of the spins is half the penalty
    assert info["chain_strength"] == pytest.approx(1.4 * quadratic / 2 * np.sqrt(15))
    assert info["estimated_access_time"] == qpu_access_time(info["n_qubits"], 50, 20.0)
    assert "timing" not in info and "no quantum device" in info["statement"]


def test_weak_chains_break():
    def broken(prefactor):
        sampler = get_sampler("mock-qpu", num_reads=100, n_sweeps=30, shape=(4,), prefactor=prefactor, seed=0)
        return sampler.sample(one_hot_bqm(COSTS)).info["chain_break_fraction"]

    assert broken(0.05) > 0.05 > broken(2.0)


def test_an_embedding_is_looked_for_once(monkeypatch):
    import minorminer

    asked = []
    found = minorminer.find_embedding
    monkeypatch.setattr(minorminer, "find_embedding", lambda *a, **k: asked.append(1) or found(*a, **k))
    for n in (3, 16, 5):
        get_sampler("mock-qpu", num_reads=1, n_sweeps=1, shape=(4,), embedding_seed=7).sample(one_hot_bqm(np.zeros(n)))
    assert len(asked) == 1


def test_a_model_that_does_not_fit_is_refused():
    with pytest.raises(EmbeddingError, match=r"no place was found for 16 variables .* on a chimera chip of shape \(1,\)"):
        get_sampler("mock-qpu", topology="chimera", shape=(1,), num_reads=1).sample(one_hot_bqm(np.zeros(9)))


def test_the_time_of_a_call_is_the_published_models():
    programming = 14072.88 + 1000.0
    one, thousand = qpu_access_time(40, 1), qpu_access_time(40, 1000)
    each = (thousand - one) / 999 * 1e6
    assert one * 1e6 == pytest.approx(programming + each)
    assert 20 + 20.54 < each < 20 + 20.54 + 10**2.1256  # the readout of 40 qubits is below that of 53
    assert (qpu_access_time(40, 1000, 120.0) - thousand) * 1e6 == pytest.approx(1000 * 100)
    with pytest.raises(ValueError, match="num_reads is 0"):
        qpu_access_time(40, 0)


# --- Leap --------------------------------------------------------------------------------------------------------------

TOKEN = "FAKE-0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def no_configuration(monkeypatch, tmp_path):
    """No dwave configuration at all."""
    import os

    for name in [name for name in os.environ if name.startswith("DWAVE_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_without_a_token_one_sentence_says_how_to_get_one(no_configuration):
    with pytest.raises(SolverUnavailableError) as caught:
        get_sampler("qpu")
    assert str(caught.value) == (
        "qpu: no token for Leap is configured; sign up at https://cloud.dwavesys.com/leap and run `dwave setup --auth` "
        "(or set DWAVE_API_TOKEN)"
    )


def everything(error):
    """All that can be seen of an exception: its text, and the locals of the frames it came through but the test's own."""
    seen = [str(error), repr(error), repr(vars(error))]
    frame = error.__traceback__.tb_next
    while frame is not None:
        seen.append(repr(frame.tb_frame.f_locals))
        frame = frame.tb_next
    assert len(seen) > 4
    return "".join(seen)


def test_a_token_is_never_seen(no_configuration, monkeypatch, caplog, capsys):
    from dwave.cloud.exceptions import SolverAuthenticationError

    monkeypatch.setenv("DWAVE_API_TOKEN", TOKEN)
    caplog.set_level(logging.DEBUG)
    kinds = (
        (SolverAuthenticationError(f"refused {TOKEN}"), "did not accept the token"),
        (ConnectionError(f"https://x/?token={TOKEN}"), "cannot be reached"),
        (RuntimeError(TOKEN), "refused or failed"),
    )
    for error, said in kinds:

        def failing(error=error, **config):
            raise error

        monkeypatch.setattr(dwave.system, "DWaveSampler", failing)
        with pytest.raises(SolverUnavailableError, match=said) as caught:
            get_sampler("qpu")
        assert TOKEN not in everything(caught.value)
        assert caught.value.__context__ is None and caught.value.__cause__ is None
    with pytest.raises(ValueError, match="a token belongs in the dwave configuration") as refused:
        get_sampler("qpu", token=TOKEN)
    assert TOKEN not in str(refused.value)
    out = capsys.readouterr()
    assert TOKEN not in caplog.text + out.out + out.err


class Device(dimod.Sampler, dimod.Structured):
    """A chip behind a network that may drop."""

    def __init__(self, error=None, **config):
        from dwave.system.testing import MockDWaveSampler

        self.error, self.config, self.asked = error, config, {}
        self._chip = MockDWaveSampler(topology_type="pegasus", topology_shape=[4], parameter_warnings=False)
        self.nodelist, self.edgelist = self._chip.nodelist, self._chip.edgelist

    parameters = properties = {}
    nodelist = edgelist = None

    def sample(self, bqm, **given):
        if self.error:
            raise self.error
        self.asked = given
        return self._chip.sample(bqm, **given)


def test_a_chip_is_asked_as_configured(no_configuration, monkeypatch):
    monkeypatch.setenv("DWAVE_API_TOKEN", TOKEN)
    monkeypatch.setattr(dwave.system, "DWaveSampler", Device)
    sampler = get_sampler("qpu", solver="Advantage_system6.4", num_reads=30)
    drawn = sampler.sample(one_hot_bqm(COSTS))
    assert sampler._device.config == {"solver": "Advantage_system6.4"}
    assert sampler._device.asked == {"num_reads": 30, "annealing_time": 20.0, "answer_mode": "raw"}
    assert drawn.info["simulation"] is False and "chain_break_fraction" in drawn.info
    assert TOKEN not in repr(sampler) + repr(vars(sampler)) + repr(drawn)
    sampler._device.error = OSError(f"reset while sending {TOKEN}")
    with pytest.raises(SolverUnavailableError, match="cannot be reached") as caught:
        sampler.sample(one_hot_bqm(COSTS))
    assert TOKEN not in str(caught.value) and caught.value.__context__ is None

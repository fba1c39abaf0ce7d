"""Samplers by name, each as dimod has them: exact, simulated annealers, a stand-in for a chip, and the annealers behind Leap.

Every sample set says in its ``info`` which sampler it is from, whether that is a simulation, and under which schedule it was
drawn. A schedule is always explicit: where none is given, `default_schedule` computes one from the biases, since the ranges
that samplers guess have been wrong for models such as these.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

import dimod
import numpy as np

#: Variables up to which all states are looked at.
EXACT_LIMIT = 20

_T = TypeVar("_T")


class EmbeddingError(ValueError):
    """A model that has no place on a chip."""


class SolverUnavailableError(RuntimeError):
    """A solver behind Leap that cannot be used now. The message never holds the text of the library's own error."""


# --- schedules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Schedule:
    """What a simulated annealer does, step by step.

    Attributes
    ----------
    problem : tuple of float
        Factor of the model's energy: the inverse temperature.
    driver : tuple of float
        Transverse field over temperature, for the path integral; as long as `problem`, or empty.
    sweeps_per_step : int
    """

    problem: tuple[float, ...]
    driver: tuple[float, ...] = ()
    sweeps_per_step: int = 1

    def __post_init__(self) -> None:
        numbers = np.array([*self.problem, *self.driver], dtype=float)
        if not self.problem or not (np.isfinite(numbers) & (numbers >= 0)).all():
            raise ValueError("a schedule has at least one step, and factors that are finite and not below 0")
        if self.driver and len(self.driver) != len(self.problem):
            raise ValueError(f"the driver has {len(self.driver)} steps, the problem {len(self.problem)}; they go together")
        if self.sweeps_per_step < 1:
            raise ValueError(f"sweeps_per_step is {self.sweeps_per_step}; it is at least 1")

    @classmethod
    def held(cls, temperature: float, n_sweeps: int = 1000) -> Schedule:
        """Stay at one temperature: given time enough, reads are Boltzmann's at that temperature.

        Far below the penalty of a one-hot model that time can be out of reach: to change its bin, a read has to break the rule.
        """
        if not temperature > 0:
            raise ValueError(f"the temperature is {temperature}; it is above 0")
        return cls((1.0 / temperature,), sweeps_per_step=n_sweeps)

    @classmethod
    def cooled(cls, hot: float, cold: float, n_sweeps: int = 1000) -> Schedule:
        """Go from a hot to a cold temperature, by the same factor at each sweep."""
        if not hot >= cold > 0:
            raise ValueError(f"from {hot} to {cold}: temperatures are above 0, the first one not below the second")
        return cls(tuple(np.geomspace(1.0 / hot, 1.0 / cold, n_sweeps).tolist()))


def default_schedule(bqm: dimod.BinaryQuadraticModel, n_sweeps: int = 1000, driver: bool = False) -> Schedule:
    """Return the schedule that is taken where none is given, computed from the biases of the model as spins.

    Its unit is the largest of the fields over 4 and the couplings: on an annealer of D-Wave's a field may be four times a
    coupling, and a model is scaled until one of them is at its limit. The last temperature is a twentieth of the unit. Without
    a driver the first one is that at which the costliest flip of one spin is accepted half the time; with one, the problem
    grows from nothing while a transverse field of four times the temperature goes to nothing, both evenly. These are choices of
    ours, not a machine's.
    """
    spins = bqm.spin
    fields = {v: abs(bias) for v, bias in spins.linear.items()}
    largest_h = max(fields.values(), default=0.0)
    largest_j = max((abs(bias) for bias in spins.quadratic.values()), default=0.0)
    unit = max(largest_h / 4, largest_j) or 1.0
    cold = unit / 20
    if driver:
        way = np.linspace(0.0, 1.0, n_sweeps)
        return Schedule(tuple((way / cold).tolist()), tuple((4 * (1 - way)).tolist()))
    for (u, v), bias in spins.quadratic.items():
        fields[u] += abs(bias)
        fields[v] += abs(bias)
    costliest = 2 * max(fields.values(), default=0.0)
    return Schedule.cooled(max(costliest / np.log(2), cold), cold, n_sweeps)


# --- what all samplers share -------------------------------------------------------------------------------------------


def _positive(name: str, number: Any) -> int:
    """Return a whole number of at least 1."""
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
        raise ValueError(f"{name} is {number!r}; it is a whole number of at least 1")
    return int(number)


class NamedSampler(dimod.Sampler):
    """A sampler of this module: checks what it is asked, and signs what it gives."""

    name: ClassVar[str]
    #: What stands in the ``info`` of each sample set.
    statement: ClassVar[str]
    simulation: ClassVar[bool] = True
    #: Parameters of `sample`.
    takes: ClassVar[tuple[str, ...]] = ("num_reads", "seed")
    parameters: Any = None
    properties: Any = None

    def __init__(self, *, num_reads: int = 1000, seed: int | None = None) -> None:
        self.parameters = {name: [] for name in self.takes}
        self.properties = {"name": self.name, "simulation": self.simulation, "statement": self.statement}
        self.num_reads = _positive("num_reads", num_reads)
        self._rng = np.random.default_rng(seed)

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        """Sample a model.

        Parameters
        ----------
        bqm : dimod.BinaryQuadraticModel
        num_reads, seed : int, optional
            Where ``parameters`` has them. Without a seed, each call goes on with the sampler's own.

        Returns
        -------
        dimod.SampleSet
            In the order of the reads.
        """
        if unknown := set(parameters) - set(self.takes):
            raise ValueError(
                f"{self.name} does not know {', '.join(sorted(unknown))}; it knows: {', '.join(self.takes) or 'none'}"
            )
        if "num_reads" in self.takes:
            asked = parameters.pop("num_reads", None)
            parameters["num_reads"] = self.num_reads if asked is None else _positive("num_reads", asked)
        if "seed" in self.takes and parameters.get("seed") is None:
            parameters["seed"] = int(self._rng.integers(2**31))
        drawn = self._draw(bqm, **parameters) if bqm.num_variables else dimod.ExactSolver().sample(bqm)
        drawn.info.update(sampler=self.name, simulation=self.simulation, statement=self.statement)
        return drawn

    def _draw(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 0, seed: int = 0) -> dimod.SampleSet:
        """Sample a model of at least one variable, all parameters known."""
        raise NotImplementedError


def _all_states(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
    """Return every state of a small model."""
    if bqm.num_variables > EXACT_LIMIT:
        raise ValueError(f"{bqm.num_variables} variables have too many states to look at each; up to {EXACT_LIMIT} are taken")
    return dimod.ExactSolver().sample(bqm)


# --- exact, and exactly Boltzmann --------------------------------------------------------------------------------------


class Exact(NamedSampler):
    """All states of lowest energy, each once, found by looking at every state."""

    name = "exact"
    statement = "every state was looked at"
    simulation = False
    takes = ()

    def __init__(self) -> None:
        super().__init__()

    def _draw(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 0, seed: int = 0) -> dimod.SampleSet:
        return _all_states(bqm).lowest(rtol=1e-12, atol=1e-12)


class Boltzmann(NamedSampler):
    """Independent draws with probability ∝ exp(-energy / temperature), from the one-hot states or from all."""

    name = "boltzmann"
    statement = "independent draws from the exact distribution, by an ordinary computer"

    def __init__(self, *, temperature: float, one_hot: bool = True, num_reads: int = 1000, seed: int | None = None) -> None:
        super().__init__(num_reads=num_reads, seed=seed)
        if not temperature > 0:
            raise ValueError(f"the temperature is {temperature}; it is above 0 (the exact sampler is the limit)")
        self.temperature = temperature
        self.one_hot = one_hot

    def _draw(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 0, seed: int = 0) -> dimod.SampleSet:
        labels = list(bqm.variables)
        if self.one_hot:
            off = 0 if bqm.vartype is dimod.BINARY else -1
            states = np.where(np.eye(len(labels), dtype=bool), 1, off).astype(np.int8)
        else:
            found = _all_states(bqm)
            states, labels = found.record.sample, list(found.variables)
        energies = bqm.energies((states, labels))
        weights = np.exp(-(energies - energies.min()) / self.temperature)
        chosen = np.random.default_rng(seed).choice(len(states), num_reads, p=weights / weights.sum())
        info = {"temperature": self.temperature, "one_hot": self.one_hot}
        return dimod.SampleSet.from_samples((states[chosen], labels), bqm.vartype, energies[chosen], info=info)


# --- simulated annealers -----------------------------------------------------------------------------------------------


class SimulatedAnnealing(NamedSampler):
    """Metropolis annealing of dwave-samplers, always under an explicit schedule."""

    name = "simulated-annealing"
    statement = "a simulation: Metropolis sweeps on an ordinary computer"
    _driven: ClassVar[bool] = False

    def __init__(
        self,
        *,
        schedule: Schedule | None = None,
        n_sweeps: int = 1000,
        num_reads: int = 1000,
        seed: int | None = None,
    ) -> None:
        super().__init__(num_reads=num_reads, seed=seed)
        self.n_sweeps = _positive("n_sweeps", n_sweeps)
        if schedule is not None and bool(schedule.driver) != self._driven:
            raise ValueError(f"{self.name} takes a schedule {'with' if self._driven else 'without'} a driver")
        self.schedule = schedule

    def _draw(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 0, seed: int = 0) -> dimod.SampleSet:
        schedule = self.schedule or default_schedule(bqm, self.n_sweeps, self._driven)
        drawn = self._anneal(
            bqm,
            schedule,
            num_reads=num_reads,
            seed=seed,
            num_sweeps_per_beta=schedule.sweeps_per_step,
            beta_schedule_type="custom",
        )
        drawn.info["schedule"] = asdict(schedule)
        return drawn

    def _anneal(self, bqm: dimod.BinaryQuadraticModel, schedule: Schedule, **given: Any) -> dimod.SampleSet:
        from dwave.samplers import SimulatedAnnealingSampler

        return SimulatedAnnealingSampler().sample(bqm, beta_schedule=np.array(schedule.problem), **given)


class PathIntegral(SimulatedAnnealing):
    """Path-integral annealing of dwave-samplers: worldlines of spins in a transverse field that goes to nothing."""

    name = "path-integral"
    statement = "a simulation: path-integral Monte Carlo on an ordinary computer"
    _driven = True

    def __init__(
        self,
        *,
        schedule: Schedule | None = None,
        n_sweeps: int = 50,
        num_reads: int = 1000,
        seed: int | None = None,
    ) -> None:
        super().__init__(schedule=schedule, n_sweeps=n_sweeps, num_reads=num_reads, seed=seed)

    def _anneal(self, bqm: dimod.BinaryQuadraticModel, schedule: Schedule, **given: Any) -> dimod.SampleSet:
        from dwave.samplers import PathIntegralAnnealingSampler

        problem, driver = np.array(schedule.problem), np.array(schedule.driver)
        given["seed"] = given["seed"] or 2**31 - 1  # 0 means none to it
        return PathIntegralAnnealingSampler().sample(bqm, Hp_field=problem, Hd_field=driver, **given)


# --- chips, and what stands in for one ---------------------------------------------------------------------------------


@functools.cache
def _chip_edges(topology: str, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the couplers of a chip without faults."""
    from dwave.system import qpu_graph

    return tuple(qpu_graph(topology, list(shape), None, None).edges)


def _embedded(n_variables: int, edges: Any, chip: str, seed: int) -> dict[int, tuple[int, ...]]:
    """Find chains for a complete graph on a chip's graph."""
    import minorminer

    complete = [(u, v) for u in range(n_variables) for v in range(u, n_variables)]
    found: dict[int, Any] = minorminer.find_embedding(complete, edges, random_seed=seed, timeout=60)
    if len(found) < n_variables:
        raise EmbeddingError(
            f"no place was found for {n_variables} variables that are all coupled on {chip}; take fewer bins or a larger chip, "
            "or try another embedding_seed"
        )
    return {variable: tuple(chain) for variable, chain in found.items()}


@functools.cache
def _cached_embedding(n_variables: int, topology: str, shape: tuple[int, ...], seed: int) -> Mapping[int, tuple[int, ...]]:
    chip = f"a {topology} chip of shape {shape}"
    return _embedded(n_variables, _chip_edges(topology, shape), chip, seed)


def clique_embedding(
    n_variables: int = 16, topology: str = "pegasus", shape: tuple[int, ...] = (16,), seed: int = 0
) -> dict[int, tuple[int, ...]]:
    """Return which qubits stand for each of n variables that are all coupled, on a chip without faults (minorminer).

    Computed once a process for each set of arguments.

    Parameters
    ----------
    n_variables : int
    topology : {"pegasus", "zephyr", "chimera"}
    shape : tuple of int
        As `dwave.graphs` has it; Pegasus P16, of 5,640 qubits, is (16,).
    seed : int
        The search is a heuristic one.

    Returns
    -------
    dict of int to tuple of int

    Raises
    ------
    EmbeddingError
        If none is found.
    """
    return dict(_cached_embedding(_positive("n_variables", n_variables), topology, tuple(shape), seed))


def qpu_access_time(n_qubits: int, num_reads: int = 1000, annealing_time: float = 20.0) -> float:
    """Return the seconds of a chip that a call takes, by D-Wave's published timing model; waiting and network come on top.

    The constants are those that Advantage_system4.1 reported in August 2022, as dwave-cloud-client keeps them; the formula is
    that of `dwave.cloud.solver.StructuredSolver.estimate_qpu_access_time`.

    Parameters
    ----------
    n_qubits : int
        Qubits in use, chains included.
    num_reads : int
    annealing_time : float
        In microseconds. The thermalisations are the system's: 1,000 and 0.
    """
    from dwave.cloud.solver import StructuredSolver
    from dwave.cloud.testing.mocks import qpu_problem_timing_data

    system: Any = SimpleNamespace(properties={"problem_timing_data": qpu_problem_timing_data("advantage")})
    microseconds = StructuredSolver.estimate_qpu_access_time(
        system,
        _positive("n_qubits", n_qubits),
        num_reads=_positive("num_reads", num_reads),
        annealing_time=annealing_time,
        programming_thermalization=None,
        readout_thermalization=None,
    )
    return float(microseconds) / 1e6


class _Embedding(NamedSampler):
    """A model of any graph on a chip: chains from one embedding of a complete graph, used again for each model."""

    #: Embeddings are made for at least this many variables; smaller models take a part.
    SMALLEST: ClassVar[int] = 16

    def __init__(self, *, num_reads: int, annealing_time: float, prefactor: float, seed: int | None) -> None:
        super().__init__(num_reads=num_reads, seed=seed)
        for what, number in (("annealing_time", annealing_time), ("prefactor", prefactor)):
            if not 0 < number < np.inf:
                raise ValueError(f"{what} is {number}; it is above 0")
        self.annealing_time = annealing_time
        self.prefactor = prefactor
        self._composites: dict[int, Any] = {}

    def _chip(self) -> Any:
        """Return the structured sampler."""
        raise NotImplementedError

    def embedding(self, n_variables: int) -> dict[int, tuple[int, ...]]:
        """Return which qubits stand for each of n variables that are all coupled."""
        raise NotImplementedError

    def _on_chip(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        """Embed, sample, and take the majority of each chain; info gains chain strength, breaks and the time it costs."""
        from dwave.embedding.chain_strength import uniform_torque_compensation
        from dwave.system import FixedEmbeddingComposite

        labels = list(bqm.variables)
        size = max(self.SMALLEST, len(labels))
        if size not in self._composites:
            self._composites[size] = FixedEmbeddingComposite(self._chip(), self.embedding(size))
        strength = functools.partial(uniform_torque_compensation, prefactor=self.prefactor)
        drawn = self._composites[size].sample(
            bqm.relabel_variables(dict(zip(labels, range(len(labels)), strict=True)), inplace=False),
            chain_strength=strength,
            return_embedding=True,
            answer_mode="raw",
            **parameters,
        )
        drawn = drawn.relabel_variables(dict(enumerate(labels)), inplace=False)
        context = drawn.info["embedding_context"]
        used = {v: tuple(chain) for v, chain in context["embedding"].items() if v in range(len(labels))}
        record = drawn.record
        drawn.info.update(
            annealing_time=self.annealing_time,
            prefactor=self.prefactor,
            chain_strength=context["chain_strength"],
            chain_break_fraction=float(np.average(record.chain_break_fraction, weights=record.num_occurrences)),
            n_qubits=sum(map(len, used.values())),
        )
        return drawn


class MockQPU(_Embedding):
    """A simulation of a call to an annealer: simulated annealing on the graph of a chip, chains and their breaks included.

    It knows nothing of a quantum device's noise or dynamics. ``info["estimated_access_time"]`` is what such a call would take
    of a chip, in seconds (`qpu_access_time`).

    Parameters
    ----------
    num_reads, annealing_time, prefactor : int, float, float
        Settings of the call: 1,000 reads, 20 µs, chains by `uniform_torque_compensation` with 1.4. The annealing time counts in
        the estimated time only; `schedule` and `n_sweeps` are what is simulated.
    schedule, n_sweeps : Schedule, int
        On the model as it lies on the chip; see `default_schedule`.
    topology, shape, embedding_seed : str, tuple of int, int
        As in `clique_embedding`.
    """

    name = "mock-qpu"
    statement = "a simulation: simulated annealing on the graph of a chip; no quantum device was used"

    def __init__(
        self,
        *,
        num_reads: int = 1000,
        annealing_time: float = 20.0,
        prefactor: float = 1.4,
        schedule: Schedule | None = None,
        n_sweeps: int = 1000,
        topology: str = "pegasus",
        shape: tuple[int, ...] = (16,),
        embedding_seed: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(num_reads=num_reads, annealing_time=annealing_time, prefactor=prefactor, seed=seed)
        self._inner = SimulatedAnnealing(schedule=schedule, n_sweeps=n_sweeps)
        self._graph = (topology, tuple(shape), embedding_seed)

    def embedding(self, n_variables: int) -> dict[int, tuple[int, ...]]:
        """Return which qubits stand for each of n variables that are all coupled."""
        return clique_embedding(n_variables, *self._graph)

    @functools.cached_property
    def _mock(self) -> Any:
        from dwave.system.testing import MockDWaveSampler

        topology, shape, _ = self._graph
        return MockDWaveSampler(
            topology_type=topology, topology_shape=list(shape), substitute_sampler=_Substitute(self._inner), substitute_kwargs={}
        )

    def _chip(self) -> Any:
        return self._mock

    def _draw(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 0, seed: int = 0) -> dimod.SampleSet:
        self._inner._rng = np.random.default_rng(seed)
        drawn = self._on_chip(bqm, num_reads=num_reads)
        drawn.info.pop("timing", None)  # invented numbers of the mock
        drawn.info.pop("problem_id", None)
        drawn.info["estimated_access_time"] = qpu_access_time(drawn.info["n_qubits"], num_reads, self.annealing_time)
        return drawn


class _Substitute:
    """What the mock asks for samples; it hands on parameters of a chip that mean nothing here."""

    def __init__(self, sampler: NamedSampler) -> None:
        self._sampler = sampler

    def sample(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int, **_: Any) -> dimod.SampleSet:
        return self._sampler.sample(bqm, num_reads=num_reads)


# --- annealers behind Leap ---------------------------------------------------------------------------------------------

#: What happened, by a name in the lineage of the library's error.
_REASONS = {
    "SolverAuthenticationError": "Leap did not accept the token; run `dwave setup --auth` to get a new one",
    "SolverNotFoundError": "Leap has no such solver now; `dwave solvers --list` lists those there are",
    "SolverOfflineError": "the solver is offline; take another one or try again later",
    "ConfigFileError": "the dwave configuration cannot be read; `dwave config inspect` shows what is in it",
    "Timeout": "the solver did not answer in time; look at the network and try again",
    "RequestTimeout": "the solver did not answer in time; look at the network and try again",
    "OSError": "the solver cannot be reached; look at the network and try again",
    "RequestException": "the solver cannot be reached; look at the network and try again",
}


def _leap(name: str, call: Callable[[], _T]) -> _T:
    """Call what talks to Leap; of its errors only the kind is passed on, since their text may hold what was sent."""
    try:
        return call()
    except EmbeddingError:
        raise
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
    reason = next((_REASONS[kind] for kind in kinds if kind in _REASONS), "the solver refused or failed; see `dwave ping`")
    raise SolverUnavailableError(f"{name}: {reason} ({kinds[0]})")  # outside the handler: the error is not kept as its context


def _has_token(profile: str | None) -> bool:
    from dwave.cloud.config import load_config

    return bool(os.environ.get("DWAVE_API_TOKEN") or load_config(profile=profile).get("token"))


def _connected(name: str, profile: str | None, solver: Any) -> Any:
    """Return D-Wave's own sampler, once it has found its solver."""
    import dwave.system

    if not _leap(name, lambda: _has_token(profile)):
        raise SolverUnavailableError(
            f"{name}: no token for Leap is configured; sign up at https://cloud.dwavesys.com/leap and run `dwave setup --auth` "
            "(or set DWAVE_API_TOKEN)"
        )
    given = {key: value for key, value in (("profile", profile), ("solver", solver)) if value is not None}
    return _leap(name, lambda: dwave.system.DWaveSampler(**given))


class QPU(_Embedding):
    """An annealer of D-Wave's through Leap, by the standard ``dwave`` configuration, which holds the token.

    Parameters
    ----------
    num_reads, annealing_time, prefactor
        As for the simulation.
    solver : str or dict, optional
        Name or features; by default what the configuration says.
    profile : str, optional
        Of the configuration.
    embedding_seed : int
    """

    name = "qpu"
    statement = "a quantum annealer, through Leap"
    simulation = False
    takes = ("num_reads",)

    def __init__(
        self,
        *,
        num_reads: int = 1000,
        annealing_time: float = 20.0,
        prefactor: float = 1.4,
        solver: str | dict[str, Any] | None = None,
        profile: str | None = None,
        embedding_seed: int = 0,
    ) -> None:
        super().__init__(num_reads=num_reads, annealing_time=annealing_time, prefactor=prefactor, seed=None)
        self._embedding_seed = embedding_seed
        self._device = _connected(self.name, profile, solver)

    def embedding(self, n_variables: int) -> dict[int, tuple[int, ...]]:
        """Return which qubits stand for each of n variables that are all coupled."""
        return _embedded(n_variables, self._device.edgelist, "this solver", self._embedding_seed)

    def _chip(self) -> Any:
        return self._device

    def _draw(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 0, seed: int = 0) -> dimod.SampleSet:
        return _leap(self.name, lambda: self._on_chip(bqm, num_reads=num_reads, annealing_time=self.annealing_time))


_SAMPLERS: dict[str, type[NamedSampler]] = {
    kind.name: kind for kind in (Exact, Boltzmann, SimulatedAnnealing, PathIntegral, MockQPU, QPU)
}


def sampler_names() -> list[str]:
    """Return the names that `get_sampler` knows."""
    return list(_SAMPLERS)


def get_sampler(name: str, **options: Any) -> NamedSampler:
    """Return a sampler by name.

    Parameters
    ----------
    name : {"exact", "boltzmann", "simulated-annealing", "path-integral", "mock-qpu", "qpu"}
        ``mock-qpu`` is a simulation of ``qpu``, which needs an account with Leap.
    **options
        ``boltzmann``: temperature (needed), one_hot. Annealers: schedule, n_sweeps. Chips: annealing_time, prefactor,
        embedding_seed; the simulated one topology and shape, the real one solver and profile. Those that draw: num_reads,
        1,000 by default, and, where they run here, seed.

    Returns
    -------
    dimod.Sampler

    Raises
    ------
    ValueError
        If the name or an option is unknown.
    SolverUnavailableError
        If there is no token for Leap or the solver cannot be reached.
    """
    if name not in _SAMPLERS:
        raise ValueError(f"no sampler {name!r}; there are: {', '.join(_SAMPLERS)}")
    known = inspect.signature(_SAMPLERS[name]).parameters
    if unknown := set(options) - set(known):
        hint = "; a token belongs in the dwave configuration (`dwave setup --auth`)" if "token" in unknown else ""
        raise ValueError(f"{name} has no option {', '.join(sorted(unknown))}; it has: {', '.join(known) or 'none'}{hint}")
    if missing := [key for key, one in known.items() if one.default is one.empty and key not in options]:
        raise ValueError(f"{name} needs {', '.join(missing)}")
    return _SAMPLERS[name](**options)

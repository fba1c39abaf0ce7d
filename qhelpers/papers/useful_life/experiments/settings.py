"""The settings that the paper prints: those that ran here, and those that arithmetic or a maker's constants decide."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.preprocessing import MinMaxScaler

from qhelpers.datasets import Series
from qhelpers.evaluation import group_split
from qhelpers.papers.useful_life import fleet, windows
from qhelpers.papers.useful_life.experiments import trajectories
from qhelpers.papers.useful_life.windows import Windows
from qhelpers.qubo import clique_embedding, get_sampler, one_hot_bqm, qpu_access_time
from qhelpers.runs.experiment import of_functions, unseeded

#: Table 3 and section 4.2: bins and episodes; seconds of a call, and of these the chip's.
N_BINS, N_EPISODES = 16, 8
PRINTED_CALL, PRINTED_CHIP = 0.026, 0.020
ENGINES, FLEET = "cmapss_fd001", "device_failure"

Found = Mapping[str, float]


def _agent(name: str) -> Callable[[], float]:
    """What `QAQL` has by default; of ``epsilons`` the three one by one."""

    def found() -> float:
        from qhelpers.papers.useful_life.qaql import QAQL

        what, _, which = name.partition(".")
        value = QAQL().get_params()[what]
        return float(value[int(which)] if which else value)

    return found


def _runs() -> float:
    """Seeds of the main table."""
    from qhelpers.papers.useful_life.experiments import tables

    main = {"data": ENGINES, "selector": "lowest-of-1000", "init": "zero", "td": True, "episodes": N_EPISODES}
    return float(next(seeds for config, seeds in tables.grid("laptop") if main.items() <= config.items()))


def _batch() -> float:
    """Transitions of the switch that has a replay buffer; Algorithm 1 has none, and by default none is used."""
    from qhelpers.papers.useful_life.experiments import maps

    return float(max(given.get("replay", 0) for given in maps.SWITCHES.values()))


def _mock(name: str) -> float:
    return float(getattr(get_sampler("mock-qpu"), name))


def _qubits() -> float:
    """Qubits of a Pegasus graph P16 without faults."""
    from dwave.system import qpu_graph

    return float(qpu_graph("pegasus", [16], None, None).number_of_nodes())


def solver() -> Found:
    """Whether the library has what Table 3 names, and how many qubits sixteen connected variables take on a Pegasus graph."""
    import dwave.system
    import minorminer

    has = all(hasattr(dwave.system, name) for name in ("DWaveSampler", "EmbeddingComposite"))
    chains = clique_embedding(N_BINS)
    return {
        "value": float(sum(map(len, chains.values()))),
        "has_the_parts": float(has and hasattr(minorminer, "find_embedding")),
        "embeds": float(len(chains) == N_BINS),
        "longest_chain": float(max(map(len, chains.values()))),
    }


def access() -> Found:
    """Seconds of a call by the maker's model of an Advantage, 1,000 reads of 20 µs, beside what is printed and an argmax here.

    The shortest call that the paper's words allow has one qubit a variable; ``anneals`` is what the reads alone take.
    """
    n_qubits = int(solver()["value"])
    values = np.random.default_rng(0).random(N_BINS)
    return {
        "value": float(n_qubits),
        "modelled_seconds": qpu_access_time(n_qubits),
        "modelled_seconds_without_chains": qpu_access_time(N_BINS),
        "modelled_seconds_one_read": qpu_access_time(n_qubits, num_reads=1),
        "anneals": 1000 * 20e-6,
        "printed_network_share": 1 - PRINTED_CHIP / PRINTED_CALL,
        "argmax_seconds": min(timeit.repeat(lambda: values.argmax(), number=1000, repeat=3)) / 1000,
    }


def calls(train: Windows) -> Found:
    """Seconds of the calls of a training at the printed time of each: along all training engines, and along one an episode."""
    engines = np.unique(train.unit, return_counts=True)[1]
    updates = float(N_EPISODES * len(train))
    return {
        "value": updates,
        "modelled_seconds": updates * PRINTED_CALL,
        "modelled_seconds_one_engine": N_EPISODES * float(engines.max()) * PRINTED_CALL,
    }


def resolution(y: np.ndarray) -> Found:
    """Width of a bin of labels from 0 to the cap, and the RMSE of whoever always names the nearest centre."""
    width = windows.CAP / N_BINS
    centres = (np.arange(N_BINS) + 0.5) * width
    nearest = centres[np.abs(y[:, None] - centres).argmin(axis=1)]
    floor = float(np.sqrt(np.mean((y - nearest) ** 2)))
    return {"value": width, "rounded": float(round(width)), "floor_rmse": floor}


def scaler(data: Series, train: Windows) -> Found:
    """Largest difference between our scaled training rows and those of scikit-learn, fitted to the same engines."""
    rows = np.isin(data.unit, np.unique(train.unit))
    known = MinMaxScaler().fit_transform(data.X.loc[rows, list(train.features)])
    difference = float(np.abs(train.values[rows] - known).max())
    return {"value": difference, "difference": difference}


def _share(n_units: int, seed: int, part: int) -> float:
    """Share of units in a part of the split, 0 the training part."""
    return len(group_split(np.arange(n_units), windows.TEST_SHARE, np.random.default_rng(seed))[part]) / n_units


#: Settings that need no data.
ALONE: dict[str, Callable[[], float | Found]] = {
    "learning-rate": _agent("learning_rate"),
    "discount": _agent("discount"),
    "epsilon-first": _agent("epsilons.0"),
    "epsilon-last": _agent("epsilons.1"),
    "epsilon-share": _agent("epsilons.2"),
    "bins": _agent("n_actions"),
    "episodes": _agent("n_episodes"),
    "batch": _batch,
    "reads": _agent("n_reads"),
    "runs": _runs,
    "annealing-time": lambda: _mock("annealing_time"),
    "prefactor": lambda: _mock("prefactor"),
    "variables": lambda: float(one_hot_bqm(np.arange(N_BINS) / N_BINS).num_variables),
    "qubits": _qubits,
    "late-share": lambda: trajectories.LATE,
    "solver": solver,
    "access": access,
}
#: Settings of the engines and of the fleet, from the set, its training and test windows, and the seed.
ON_DATA: dict[str, dict[str, Callable[[Series, Windows, Windows, int], float | Found]]] = {
    ENGINES: {
        "features-engines": lambda data, train, test, seed: float(train.values.shape[1]),
        "sensors-kept": lambda data, train, test, seed: float(sum(name.startswith("sensor") for name in train.features)),
        "window": lambda data, train, test, seed: float(train.length),
        "cap": lambda data, train, test, seed: float(max(train.y.max(), test.y.max())),
        "train-share": lambda data, train, test, seed: _share(len(windows.units_of(data, "train")), seed, 0),
        "test-share": lambda data, train, test, seed: _share(len(windows.units_of(data, "train")), seed, 1),
        "scaler": lambda data, train, test, seed: scaler(data, train),
        "calls": lambda data, train, test, seed: calls(train),
        "resolution": lambda data, train, test, seed: resolution(test.y),
    },
    FLEET: {
        "streams": lambda data, train, test, seed: float(data.X.shape[1]),
        "engineered": lambda data, train, test, seed: float(train.values.shape[1] - data.X.shape[1]),
        "window-fleet": lambda data, train, test, seed: float(train.length),
        "cap-fleet": lambda data, train, test, seed: float(max(train.y.max(), test.y.max())),
        "train-share-fleet": lambda data, train, test, seed: _share(len(data), seed, 0),
        "test-share-fleet": lambda data, train, test, seed: _share(len(data), seed, 1),
    },
}


def _of_windows(function: Callable[[Series, Windows, Windows, int], float | Found]) -> Callable[[Series, int], float | Found]:
    """The same of a set and a seed, which draws the held-out units."""

    def found(data: Series, seed: int) -> float | Found:
        train, test = (fleet if data.name == FLEET else windows).as_printed(data, seed)
        return function(data, train, test, seed)

    return found


EXPERIMENT = of_functions(
    "useful-life-settings",
    "paper 3: the settings that it prints, and what arithmetic says of its times",
    "setting",
    unseeded(ALONE),
    {data: {name: _of_windows(one) for name, one in known.items()} for data, known in ON_DATA.items()},
    seconds=lambda config: 2.0 if config.get("data") == FLEET else 1.0,
    times=lambda config: r"metrics\.argmax_seconds",
)

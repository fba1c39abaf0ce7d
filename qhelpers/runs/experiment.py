"""What an experiment is, and where it is found."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from qhelpers.runs.papers import papers

Config = Mapping[str, Any]


class RunsFailed(Exception):
    """Runs that ended in an error; those that did not are recorded."""


@dataclass(frozen=True)
class Outcome:
    """What one run measured.

    Attributes
    ----------
    metrics, confusion, chosen
        As in `qhelpers.runs.records.Record`; only classifiers have a confusion.
    train_seconds : float
        Wall clock of the final training.
    arrays : dict of ndarray
        Curves, test scores, small weights, kept beside the record; where it is empty, a record is its line alone.
    weights : dict of ndarray
        Large weights: kept in the data home, not beside the record, and known by their hash.
    """

    metrics: dict[str, float]
    confusion: dict[str, int] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    train_seconds: float = 0.0
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)


#: What a small function finds: a number, numbers by name, or all that a run may measure.
Found = float | Mapping[str, float] | Outcome


@dataclass(frozen=True)
class Needs:
    """What a run needs of a machine.

    Attributes
    ----------
    memory_gb : float
        With torch and PennyLane about 1; fewer runs at a time where there is less.
    device : {"cpu", "cuda"}
        Runs on ``"cuda"`` come one at a time, and are refused where there is none.
    """

    memory_gb: float = 1.0
    device: Literal["cpu", "cuda"] = "cpu"


@dataclass(frozen=True)
class Experiment:
    """A function of (config, seed) with the grid of configs to run it on.

    Attributes
    ----------
    name, version, about : str
        ``version`` changes whenever the code computes something else.
    function : callable
        ``function(config, seed, *datasets) -> Outcome``; it neither prints nor plots. With `checkpoints` it also takes
        ``scratch``, a folder that outlives a kill.
    grid : callable
        ``grid(profile) -> list of (config, n_seeds)``: what a full run holds, quick to slow.
    estimate : callable
        ``estimate(config) -> float``: processor seconds a run takes, roughly, before any has been measured.
    headline : str
        The metric that is shown while it runs, and in the summary.
    data : callable
        ``data(config) -> names`` of the data sets that a run reads, in the order in which `function` takes them; by default
        the one that ``config["data"]`` names.
    times : callable
        ``times(config) -> str``: pattern of the numbers that are times or nothing but a time and a constant, whole names such
        as ``"metrics.train_cpu_seconds"``; another run has others.
    told, told_last : tuple of str
        Entries of a config that are printed first and last; the others stand between them by name.
    order : {"config", "seed"}
        Whether all seeds of a config come before the next config, or one seed of every config before the next seed.
    needs : callable
        ``needs(config) -> Needs``.
    checkpoints : bool
        Whether `function` takes ``scratch``.
    keeps : tuple of str
        Sources whose full runs are committed. What costs time and memory may be measured on a twin, and is then kept too; no
        verdict and no score ever comes of it.
    """

    name: str
    version: str
    about: str
    function: Callable[..., Outcome]
    grid: Callable[[str], list[tuple[dict[str, Any], int]]]
    estimate: Callable[[Config], float]
    headline: str = "accuracy"
    data: Callable[[Config], tuple[str, ...]] = lambda config: (config["data"],)
    times: Callable[[Config], str] = lambda config: ""
    told: tuple[str, ...] = ("data",)
    told_last: tuple[str, ...] = ()
    order: Literal["config", "seed"] = "config"
    needs: Callable[[Config], Needs] = lambda config: Needs()
    checkpoints: bool = False
    keeps: tuple[str, ...] = ("real",)

    def keys(self, configs: Iterable[Config]) -> list[str]:
        """Keys of configs that tell runs apart, those that any of them fills, in the order in which they are printed."""
        configs = list(configs)
        others = sorted({key for config in configs for key in config} - {*self.told, *self.told_last})
        return [key for key in (*self.told, *others, *self.told_last) if any(config.get(key) for config in configs)]


def knows(**allowed: Iterable[Any]) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Decorate the function of an experiment: an entry that holds something unknown is a ValueError that lists what is known.

    Parameters
    ----------
    **allowed
        What an entry may hold, by its name; a config may lack the entry.
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        @functools.wraps(function)
        def checked(config: Config, *given: Any, **options: Any) -> Outcome:
            for entry, values in allowed.items():
                if entry in config and config[entry] not in values:
                    told = ", ".join(map(str, values))
                    raise ValueError(f"{entry} {config[entry]!r} is unknown; allowed are {told}: pass one of them")
            return function(config, *given, **options)

        checked.known = allowed  # type: ignore[attr-defined]
        return checked

    return decorate


def of_functions(
    name: str,
    about: str,
    entry: str,
    alone: Mapping[str, Callable[[int], Found]],
    on_data: Mapping[str, Mapping[str, Callable[[Any, int], Found]]] = MappingProxyType({}),
    *,
    headline: str = "value",
    seconds: Callable[[Config], float] = lambda config: 1.0,
    times: Callable[[Config], str] = lambda config: "",
) -> Experiment:
    """Experiment that runs one small function a config: the equations of a paper, or the settings that it prints.

    Parameters
    ----------
    name, about : str
        As of an `Experiment`.
    entry : str
        Under which a config names its function, for instance ``"equation"``.
    alone : mapping of str to callable
        Functions of a seed that need no data.
    on_data : mapping of str to mapping of str to callable
        By data set, functions of it and a seed.
    headline : str
        What a function's number is called; of several numbers by name it stands for the first, beside its own name.
    seconds, times : callable
        As ``estimate`` and ``times`` of an `Experiment`.

    Returns
    -------
    Experiment
        Three seeds of each function. An unknown one is a ValueError.
    """

    def run(config: Config, seed: int, dataset: Any = None) -> Outcome:
        allowed: Mapping[str, Callable[..., Found]] = alone if dataset is None else on_data.get(dataset.name, {})
        if config[entry] not in allowed:
            place = "" if not on_data else " without data" if dataset is None else f" of {dataset.name}"
            told = ", ".join(allowed)
            raise ValueError(f"{entry} {config[entry]!r} is unknown{place}; allowed are {told}: pass one of them")
        found = allowed[config[entry]](*(() if dataset is None else (dataset,)), seed)
        if isinstance(found, Outcome):
            return found
        return Outcome({headline: next(iter(found.values()))} | dict(found) if isinstance(found, Mapping) else {headline: found})

    places = [{entry: one} for one in alone] + [{entry: one, "data": data} for data, known in on_data.items() for one in known]
    return Experiment(
        name=name,
        version="1",
        about=about,
        function=run,
        grid=lambda profile: [(dict(place), 1 if profile == "quick" else 3) for place in places],
        estimate=seconds,
        headline=headline,
        data=lambda config: (config["data"],) if "data" in config else (),
        times=times,
        told=(entry,),
    )


def unseeded(functions: Mapping[str, Callable[..., Found]]) -> dict[str, Callable[..., Found]]:
    """Return functions that take a seed after their other arguments, of functions that need none."""
    return {name: lambda *given, function=function: function(*given[:-1]) for name, function in functions.items()}


def names() -> list[str]:
    """Names of all experiments of all papers."""
    return sorted(name for paper in papers() for name in paper.experiments)


def get(name: str) -> Experiment:
    """Experiment of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists all.
    """
    for paper in papers():
        if name in paper.experiments:
            found: Experiment = importlib.import_module(f"{paper.package}.experiments.{paper.experiments[name]}").EXPERIMENT
            return found
    raise ValueError(f"experiment {name!r} is unknown; there are: {', '.join(names())}")

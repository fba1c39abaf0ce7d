"""Run what is not recorded yet, in parallel processes, and record each run as it ends."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from qhelpers import datasets
from qhelpers.runs import records
from qhelpers.runs.experiment import Experiment, RunsFailed, get
from qhelpers.runs.records import PROFILES, SOURCES, Record, check_choice

PACKAGES = ("qhelpers", "numpy", "scikit-learn", "torch", "pennylane", "qiskit", "qiskit-machine-learning")


@dataclass(frozen=True)
class Job:
    """One run that could be made: a config with a seed."""

    experiment: str
    config: dict[str, Any]
    seed: int
    source: str
    profile: str

    def __str__(self) -> str:
        return f"{' '.join(f'{key} {records.spell(self.config[key])}' for key in told([self.config]))}, seed {self.seed}"


def jobs(experiment: Experiment, profile: str, source: str, seeds: int | None = None, **wanted: Any) -> list[Job]:
    """All runs of an experiment, seed by seed within each config, quick configs first.

    Parameters
    ----------
    experiment : Experiment
        Which.
    profile, source : str
        See `PROFILES` and `SOURCES`.
    seeds : int, optional
        Number of seeds for every config; by default what the experiment's grid says.
    **wanted
        Config entries that must be equal, or be spelled like it, for instance ``model="qnn-p"`` or ``without="Light"``.

    Returns
    -------
    list of Job
        Empty if nothing fits `wanted`.

    Raises
    ------
    ValueError
        If profile or source are unknown, or the number of seeds is not positive.
    """
    check_choice("profile", profile, PROFILES)
    check_choice("source", source, SOURCES)
    if seeds is not None and seeds < 1:
        raise ValueError(f"{seeds} seeds; allowed is 1 or more")

    def fits(config: dict[str, Any]) -> bool:
        return all(key in config and records.spell(config[key]) == records.spell(wish) for key, wish in wanted.items())

    grid = [(config, n) for config, n in experiment.grid(profile) if fits(config)]
    return [Job(experiment.name, c, s, source, profile) for c, n in grid for s in range(seeds if seeds is not None else n)]


def pending(all_jobs: list[Job], folder: Path) -> list[Job]:
    """Those jobs that have no record in `folder` yet."""
    if not all_jobs:
        return []
    experiment = get(all_jobs[0].experiment)
    done = {record.id for record in records.read(experiment.name, folder)}
    prints = {data: _dataset(data, all_jobs[0].source).fingerprint for data in {job.config["data"] for job in all_jobs}}
    return [
        job
        for job in all_jobs
        if records.identify(experiment.name, experiment.version, job.config, job.seed, prints[job.config["data"]]) not in done
    ]


def cost(all_jobs: Iterable[Job], folder: Path) -> float:
    """Processor seconds that jobs will take: the mean of recorded runs of the same config, else the experiment's estimate."""
    measured: dict[str, list[float]] = defaultdict(list)
    total, known = 0.0, set()
    for job in all_jobs:
        if job.experiment not in known:
            known.add(job.experiment)
            for record in records.read(job.experiment, folder):
                measured[_key(record.config)].append(record.cpu_seconds)
        times = measured.get(_key(job.config))
        total += sum(times) / len(times) if times else get(job.experiment).estimate(job.config)
    return total


def _key(config: dict[str, Any]) -> str:
    return records.identify("", "", config, 0, "")


def execute(job: Job) -> tuple[Record, dict[str, Any]]:
    """Make one run in this process, on one thread.

    Returns
    -------
    record : Record
    arrays : dict of ndarray
    """
    experiment = get(job.experiment)
    dataset = _dataset(job.config["data"], job.source)
    _forget_peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = experiment.function(job.config, job.seed, dataset)
    record = Record(
        id=records.identify(job.experiment, experiment.version, job.config, job.seed, dataset.fingerprint),
        experiment=job.experiment,
        version=experiment.version,
        config=job.config,
        seed=job.seed,
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        profile=job.profile,
        metrics=outcome.metrics,
        confusion=outcome.confusion,
        chosen=outcome.chosen,
        seconds=round(time.perf_counter() - wall, 4),
        cpu_seconds=round(time.process_time() - cpu, 4),
        train_seconds=round(outcome.train_seconds, 5),
        peak_memory_mb=round(_peak_memory() / 2**20, 1),
        cpu=_cpu_model(),
        versions=_versions(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return record, outcome.arrays


def run(todo: list[Job], folder: Path, workers: int | None = None) -> Iterator[Record]:
    """Run jobs in processes of one thread each and yield each record once it is on disk.

    Parameters
    ----------
    todo : list of Job
        Usually from `pending`.
    folder : Path
        Where to record.
    workers : int, optional
        Number of processes; by default one a core.

    Yields
    ------
    Record
        In the order in which the runs end.

    Raises
    ------
    RunsFailed
        When all else is done, if runs ended in an error; it names each with its error.
    """
    if not todo:
        return
    n_workers = min(workers or len(os.sched_getaffinity(0)), len(todo))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # inherited by the workers, before they import anything
    pool = ProcessPoolExecutor(n_workers, mp_context=get_context("spawn"), initializer=_start_worker)
    waiting: dict[Future[Any], Job] = {}
    failures: list[str] = []
    try:
        for job in todo:
            waiting[pool.submit(execute, job)] = job
            if len(waiting) >= 2 * n_workers:
                yield from _collect(waiting, folder, failures)
        while waiting:
            yield from _collect(waiting, folder, failures)
    finally:
        for process in list((pool._processes or {}).values()):
            if waiting:
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
    if failures:
        raise RunsFailed(f"{len(failures)} of {len(todo)} runs failed, the others are recorded:\n  " + "\n  ".join(failures))


def _collect(waiting: dict[Future[Any], Job], folder: Path, failures: list[str]) -> Iterator[Record]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    died = None
    for future in done:
        job = waiting.pop(future)
        if error := future.exception():
            if isinstance(error, BrokenProcessPool):
                died = job
                continue
            failures.append(f"{job}: {type(error).__name__}: {error}")
            continue
        record, arrays = future.result()
        records.append(record, arrays, folder)
        yield record
    if died:
        raise RunsFailed(f"a process died at {died} (killed, or out of memory); run again with fewer --workers")


def progress(todo: list[Job], folder: Path, workers: int | None = None) -> Iterator[Record]:
    """`run` with a progress bar and a line a result on standard error."""
    with tqdm(total=len(todo), unit="run", file=sys.stderr) as bar:
        for record in run(todo, folder, workers):
            job = Job(record.experiment, record.config, record.seed, record.source, record.profile)
            headline = get(record.experiment).headline
            bar.write(f"{job}: {headline} {record.metrics[headline]:.3f} in {record.seconds:.1f} s", file=sys.stderr)
            bar.update()
            yield record


def told(configs: Iterable[dict[str, Any]]) -> list[str]:
    """Keys of configs that tell runs apart, those that any of them fills, in the order in which they are printed."""
    configs = list(configs)
    first = ["data", "regime", "split", "without", "model", "entangler"]
    last = ["max_epochs", "learning_rates"]  # the budget, the same for all of a kind
    others = sorted({key for config in configs for key in config} - {*first, *last})
    return [key for key in first + others if any(config.get(key) for config in configs)]


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@lru_cache(maxsize=8)
def _dataset(name: str, source: str) -> datasets.Dataset:
    return datasets.load(name, source=source)


def _forget_peak_memory() -> None:
    """Let the system's note of this process's largest size begin anew, where it can be told to (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory() -> int:
    """Bytes: the largest resident size since `_forget_peak_memory`; elsewhere the present one.

    Not getrusage, whose peak a process inherits from the one that started it.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    return int(psutil.Process().memory_info().rss)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found

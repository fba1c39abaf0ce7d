"""Run what is not recorded yet, in processes here or on a cluster, and record each run as it ends."""

from __future__ import annotations

import heapq
import os
import platform
import shutil
import signal
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from importlib import metadata
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import psutil
from joblib import cpu_count
from tqdm import tqdm

from qhelpers import datasets
from qhelpers._extras import require
from qhelpers.runs import records
from qhelpers.runs.cluster import Place, connected
from qhelpers.runs.experiment import Experiment, Needs, RunsFailed, get
from qhelpers.runs.locks import Locks
from qhelpers.runs.records import PROFILES, SOURCES, Record, check_choice

#: Between two looks at what other processes are at, when nothing else is left.
PAUSE_SECONDS = 1.0
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
        keys = get(self.experiment).keys([self.config])
        return f"{' '.join(f'{key} {records.spell(self.config[key])}' for key in keys)}{', ' * bool(keys)}seed {self.seed}"


def jobs(experiment: Experiment, profile: str, source: str, seeds: int | None = None, **wanted: Any) -> list[Job]:
    """All runs of an experiment, in its order.

    Parameters
    ----------
    experiment : Experiment
        Which.
    profile, source : str
        See `PROFILES` and `SOURCES`.
    seeds : int, optional
        Number of seeds for every config; by default what the experiment's grid says.
    **wanted
        Config entries that must be equal, or be spelled like it, for instance ``model="lda"`` or ``without="Light"``.

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
    each = [(config, seed) for config, n in grid for seed in range(seeds if seeds is not None else n)]
    if experiment.order == "seed":
        each.sort(key=lambda one: one[1])
    return [Job(experiment.name, config, seed, source, profile) for config, seed in each]


def pending(all_jobs: list[Job], folder: Path) -> list[Job]:
    """Those jobs that have no record in `folder` yet."""
    if not all_jobs:
        return []
    done = {record.id for record in records.read(all_jobs[0].experiment, folder)}
    return [job for job in all_jobs if run_id(job) not in done]


def run_id(job: Job) -> str:
    """Id that the job's record has or will have."""
    return records.identify(job.experiment, get(job.experiment).version, job.config, job.seed, fingerprint(job))


def fingerprint(job: Job) -> str:
    """Of all data that a run reads: of one set its own, of several one of theirs, of none nothing. No data are loaded for it."""
    prints = [_fingerprint(name, job.source) for name in get(job.experiment).data(job.config)]
    return prints[0] if len(prints) == 1 else sha256("\n".join(prints).encode()).hexdigest() if prints else ""


def scratch(run: str) -> Path:
    """Folder that a run may keep its checkpoints in: on this machine, outlives a kill, removed once the run is recorded."""
    return datasets.data_home() / "scratch" / run


def cost(all_jobs: Iterable[Job], folder: Path) -> list[float]:
    """Processor seconds of each job: the mean of recorded runs of the same config and code, else the experiment's estimate."""
    measured: dict[str, list[float]] = defaultdict(list)
    seconds, known = [], set()
    for job in all_jobs:
        if job.experiment not in known:
            known.add(job.experiment)
            for record in records.read(job.experiment, folder):
                measured[records.identify(job.experiment, record.version, record.config, 0, "")].append(record.cpu_seconds)
        times = measured.get(records.identify(job.experiment, get(job.experiment).version, job.config, 0, ""))
        seconds.append(sum(times) / len(times) if times else get(job.experiment).estimate(job.config))
    return seconds


def makespan(seconds: Iterable[float], workers: int, overhead: float = 0.0) -> float:
    """Wall clock of runs that are given, in this order, each to the worker that is free first.

    Parameters
    ----------
    seconds : iterable of float
        What each run takes.
    workers : int
        How many run at a time.
    overhead : float
        Seconds that a worker spends on a run beside its work.
    """
    ends = [0.0] * workers
    for one in seconds:
        heapq.heapreplace(ends, ends[0] + one + overhead)
    return max(ends)


def execute(job: Job) -> tuple[Record, dict[str, Any]]:
    """Make one run in this process, on one thread.

    Returns
    -------
    record : Record
    arrays : dict of ndarray
    """
    experiment = get(job.experiment)
    run, options = run_id(job), {}
    if experiment.checkpoints:
        scratch(run).mkdir(parents=True, exist_ok=True)
        options["scratch"] = scratch(run)
    read = [_load(name, job.source) for name in experiment.data(job.config)]
    _forget_peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = experiment.function(job.config, job.seed, *read, **options)
    record = Record(
        id=run,
        experiment=job.experiment,
        version=experiment.version,
        config=job.config,
        seed=job.seed,
        source=job.source,
        fingerprint=fingerprint(job),
        profile=job.profile,
        metrics=outcome.metrics,
        confusion=outcome.confusion,
        chosen=outcome.chosen,
        seconds=round(time.perf_counter() - wall, 4),
        cpu_seconds=round(time.process_time() - cpu, 4),
        train_seconds=round(outcome.train_seconds, 5),
        peak_memory_mb=round(_peak_memory() / 2**20, 1),
        cpu=cpu_model(),
        versions=_versions(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        weights=records.keep_weights(outcome.weights),
    )
    return record, outcome.arrays


def run(
    todo: list[Job],
    folder: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    elsewhere: Callable[[Job, bool], None] = lambda job, recorded: None,
) -> Iterator[Record]:
    """Run jobs in processes of one thread each, here or on a cluster, and yield each record once it is on disk.

    Several processes may run the same jobs: each makes those that no other is at, and ends when all are recorded. What another
    process was at when it died is made here.

    Parameters
    ----------
    todo : list of Job
        Of one experiment, usually from `pending`.
    folder : Path
        Where to record.
    workers : int, optional
        Number of processes here; by default as many as this machine has room for (`processes`).
    scheduler : str, optional
        Address of a Dask scheduler; its workers make the runs instead (`qhelpers.runs.cluster`).
    elsewhere : callable, optional
        ``elsewhere(job, True)`` is called when another process has recorded a job, ``elsewhere(job, False)`` when nothing is
        left but what others are at.

    Yields
    ------
    Record
        Of each run made by this call, in the order in which they end.

    Raises
    ------
    ValueError
        If the number of processes is not positive, or is given for a cluster, or the address is none.
    RunsFailed
        When all else is done, if runs ended in an error; it names each with its error.
    NotRecorded
        If the folder cannot be written.
    ClusterError
        If the cluster cannot be used, or is lost.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"{workers} workers; allowed is 1 or more, or nothing for as many as fit this machine")
    if workers is not None and scheduler is not None:
        raise ValueError(f"{workers} workers were given with a scheduler; a cluster has its own. Leave one of the two out")
    if not todo:
        return
    name = todo[0].experiment
    records.mend(name, folder)
    locks = Locks(folder / name)
    locks.mend()
    queue, waiting = deque(todo), dict[Future[Any], Job]()
    failures: list[str] = []
    try:
        with _here(workers, todo) if scheduler is None else _cluster(scheduler, todo) as (submit, size):
            while queue or waiting:
                room, unseen = 2 * size() - len(waiting), len(queue)
                while room > 0 and unseen > 0:
                    job, unseen = queue.popleft(), unseen - 1
                    if not locks.take(run_id(job)):
                        queue.append(job)
                    elif run_id(job) in records.recorded(name, folder):
                        locks.drop(run_id(job))
                        elsewhere(job, True)
                    else:
                        waiting[submit(execute, job)] = job
                        room -= 1
                if waiting:
                    yield from _collect(waiting, folder, locks, failures)
                elif queue:
                    elsewhere(queue[0], False)
                    time.sleep(PAUSE_SECONDS)
    finally:
        locks.drop_all()
    if failures:
        raise RunsFailed(f"{len(failures)} of {len(todo)} runs failed, the others are recorded:\n  " + "\n  ".join(failures))


def _collect(waiting: dict[Future[Any], Job], folder: Path, locks: Locks, failures: list[str]) -> Iterator[Record]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        job = waiting.pop(future)
        try:
            record, arrays = future.result()
        except (BrokenProcessPool, CancelledError):
            raise  # not this run's fault: the place is lost, which says so itself
        except Exception as error:
            failures.append(f"{job}: {type(error).__name__}: {error}")
            locks.drop(run_id(job))
            continue
        if record.id == run_id(job):
            records.append(record, arrays, folder)
            shutil.rmtree(scratch(record.id), ignore_errors=True)
            locks.drop(record.id)
            yield record
        else:
            failures.append(f"{job}: it was made with other code or data than are here; make them the same on all workers")
            locks.drop(run_id(job))


def _here(workers: int | None, todo: list[Job]) -> AbstractContextManager[Place]:
    room = processes(todo)  # asked in any case: it refuses what this machine cannot do
    return _pool(min(workers or room, len(todo)))


@contextmanager
def _pool(n: int) -> Iterator[Place]:
    """Processes on this machine: how to give them work, and how many they are."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # inherited by the workers, before they import anything
    pool = ProcessPoolExecutor(n, mp_context=get_context("spawn"), initializer=_start_worker)

    def submit(*call: Any) -> Future[Any]:
        with _uninterrupted():
            return pool.submit(*call)

    try:
        yield submit, lambda: n
    except BrokenProcessPool:
        raise RunsFailed(
            "a process died (killed, or out of memory); what had ended is recorded. Run again, with fewer --workers if memory "
            "was short"
        ) from None
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back, also from processes that are started meanwhile: they ignore it once they run (`_start_worker`)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cluster(address: str, todo: list[Job]) -> AbstractContextManager[Place]:
    needed = {(name, job.source) for job in todo for name in get(job.experiment).data(job.config)}
    return connected(address, {(name, source): _fingerprint(name, source) for name, source in needed})


def processes(todo: Iterable[Job] = ()) -> int:
    """How many runs this machine has room for at a time: one a core that we may use, as far as memory goes.

    Parameters
    ----------
    todo : iterable of Job
        The runs; those on a graphics card come one at a time.

    Raises
    ------
    ValueError
        If a run needs a graphics card and there is none.
    """
    needs = {get(job.experiment).needs(job.config) for job in todo} or {Needs()}
    if any(one.device == "cuda" for one in needs):
        if not require("torch", "circuits").cuda.is_available():
            raise ValueError(
                "these runs need a graphics card (CUDA), and torch finds none; choose another profile, or a machine that has one"
            )
        return 1
    return max(1, min(cpu_count(), int(psutil.virtual_memory().available / 2**30 / max(one.memory_gb for one in needs))))


def progress(todo: list[Job], folder: Path, workers: int | None = None, scheduler: str | None = None) -> Iterator[Record]:
    """`run` with a progress bar and a line a result on standard error."""
    with tqdm(total=len(todo), unit="run", file=sys.stderr) as bar:

        def elsewhere(job: Job, recorded: bool) -> None:
            if recorded:
                bar.update()
            else:
                bar.set_postfix_str(f"waiting for another process, at {job}")

        for record in run(todo, folder, workers, scheduler, elsewhere):
            job = Job(record.experiment, record.config, record.seed, record.source, record.profile)
            headline = get(record.experiment).headline
            if headline not in record.metrics:  # an experiment may ask questions that have other answers
                headline = next(iter(record.metrics))
            bar.write(f"{job}: {headline} {record.metrics[headline]:.3f} in {record.seconds:.1f} s", file=sys.stderr)
            bar.update()
            yield record


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


@lru_cache(maxsize=8)
def _load(name: str, source: str) -> Any:
    return datasets.load(name, source=source)


@lru_cache(maxsize=64)
def _fingerprint(name: str, source: str) -> str:
    return datasets.fingerprint(name, source)


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


def cpu_model() -> str:
    """Model of the processor, as the system calls it."""
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

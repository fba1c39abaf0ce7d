"""What it costs to spread a sweep: the same runs in one process, in processes here, and on a Dask cluster of this machine.

`make spreading` runs this and writes benchmarks/spreading.json. Two sweeps on the rooms' twin: linear discriminant analysis, of
which a run takes hundredths of a second, so that the spreading shows, and the paper's QNN-P. For each place stand the seconds
until the first run is recorded (processes start and import, data are read) and, of the second half of the runs, the seconds a
run, beside what the runs themselves say to have taken. The cluster is a scheduler and workers of one thread, each a process of
its own. One process records for all workers: what it spends on a run is measured by itself, and bounds them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from qhelpers.runs import execution, experiment, records
from qhelpers.runs.locks import Locks

RESULTS = Path(__file__).parent / "spreading.json"
#: Model and number of seeds.
SWEEPS = {"lda": 400, "qnn-p": 120}


def sweep(model: str, seeds: int) -> list[execution.Job]:
    """Runs of one model on the rooms' twin."""
    found = execution.jobs(experiment.get("low-energy"), "quick", "twin", seeds, model=model, data="occupancy", regime="300+300")
    return [job for job in found if job.config.get("entangler", "chain") in ("chain", "")]


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """A scheduler and workers as processes of their own; gives the scheduler's address."""
    file = folder / "scheduler.json"
    common = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]

    def start(what: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{what}", *common, *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    started = [start("dask_scheduler", "--port", "0")]
    try:
        while not file.exists():
            time.sleep(0.05)
        started += [start("dask_worker", "--nthreads", "1", "--no-nanny") for _ in range(workers)]
        address = json.loads(file.read_text())["address"]
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers)
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()


def serial(jobs: list[execution.Job], folder: Path) -> Iterator[records.Record]:
    """Make runs one after the other in this process."""
    for job in jobs:
        record, arrays = execution.execute(job)
        records.append(record, arrays, folder)
        yield record


def measure(runs: Iterator[records.Record]) -> dict[str, float]:
    """Seconds until the first record; of the second half, seconds a record, and what the runs say to have taken."""
    start = time.perf_counter()
    made = [(next(runs), time.perf_counter())]
    made += [(record, time.perf_counter()) for record in runs]
    half = len(made) // 2  # by then every process has its imports behind it
    later = made[half:]
    return {
        "first": round(made[0][1] - start, 3),
        "each": round((later[-1][1] - made[half - 1][1]) / len(later), 5),
        "work": round(sum(record.seconds for record, _ in later) / len(later), 5),
    }


def recording(record: records.Record, n: int = 2000) -> float:
    """Seconds that the process which records spends on a run: claim it, look for its record, write it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        claims = Locks(folder / record.experiment)
        start = time.perf_counter()
        for number in range(n):
            one = replace(record, id=f"{number:016x}", folder=None)
            claims.take(one.id)
            records.recorded(one.experiment, folder)
            records.append(one, {}, folder)
            claims.drop(one.id)
        return round((time.perf_counter() - start) / n, 5)


def main() -> int:
    """Measure all places and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of processes (default: 1 2)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def row(model: str, place: str, workers: int, runs: Iterator[records.Record]) -> None:
        rows.append({"model": model, "place": place, "workers": workers, **measure(runs)})
        print(rows[-1], flush=True)

    for model, seeds in SWEEPS.items():
        jobs = sweep(model, seeds)
        with tempfile.TemporaryDirectory() as folder:
            row(model, "one process", 1, serial(jobs, Path(folder)))
        for workers in given.workers:
            with tempfile.TemporaryDirectory() as folder:
                row(model, "processes here", workers, execution.run(jobs, Path(folder), workers))
            with tempfile.TemporaryDirectory() as folder, cluster(workers, Path(folder)) as address:
                row(model, "Dask", workers, execution.run(jobs, Path(folder), scheduler=address))
    one, _ = execution.execute(sweep("lda", 1)[0])
    found = {"date": date.today().isoformat(), "cpu": execution.cpu_model(), "recording": recording(one), "rows": rows}
    part = given.out.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part.replace(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

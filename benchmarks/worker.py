"""One peer on one row, in a process of its own: `run.py` starts it, asks for rounds and closes it.

    python benchmarks/worker.py ROW PEER

Each line of standard input is a request (JSON), each line of standard output its answer: first, unasked, that the library is
imported; to "begin" what the set-up took and what the checked samples give; then rounds. One thread, one core.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before NumPy, torch or JAX is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402
from peers import PEERS, Peer, Step  # noqa: E402
from rows import CHECKED, ROWS, Row, data  # noqa: E402

#: Batches that take turns, so that nothing computed from one can be kept for the next step.
BATCHES = 3
MOST_STEPS = 400
#: Seconds up to which a step is repeated.
SHORT = 1.5


def pin(number: int) -> None:
    """Put every thread of this process on one core, where the system can: that number, counted round."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(pin.__dict__.setdefault("cores", os.sched_getaffinity(0)))
    tasks = Path("/proc/self/task")
    for task in [int(path.name) for path in tasks.iterdir()] if tasks.exists() else [0]:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(task, {cores[number % len(cores)]})


def plain(value: Any) -> Any:
    """Return tensors, arrays and lists of them as nested lists of floats."""
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return np.asarray(value).astype(float).tolist()


def answers(row: Row, found: dict[str, Any]) -> dict[str, Any]:
    """Return what a step computed as lists; the gradient of weights that stand one by one becomes one list."""
    found = {name: plain(value) for name, value in found.items()}
    if not row.seeds and not row.inference:
        found["weight_gradient"] = np.concatenate([np.ravel(one) for one in found["weight_gradient"]]).tolist()
    return found


def imports(peer: Peer) -> dict[str, Any]:
    """Import what the peer needs, before any clock starts, and return its versions."""
    for module in peer.modules:
        importlib.import_module(module)
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)
    return {"versions": peer.versions()}


def first(row: Row, peer: Peer) -> tuple[Step, dict[str, Any]]:
    """Build the step, do it once on a batch as large as will be timed, and return what it computes on the checked samples."""
    n_samples = peer.samples[0] if peer.scaled(row) else row.batch
    start = time.perf_counter()
    step = peer.build(row)
    # A stack that takes seconds has nothing to compile for a batch's size.
    if not peer.scaled(row):
        step(*step.arrays(*data(row, n_samples)))
    set_up = time.perf_counter() - start
    found = answers(row, step(*step.arrays(*data(row, CHECKED))))
    return step, {
        "set_up": set_up,
        "note": step.note,
        "n_terms": getattr(step, "n_terms", None),
        "found": found,
    }


def clock(step: Step, batches: list[tuple[Any, Any]], seconds: float) -> dict[str, Any]:
    """Do steps for about so many seconds; return the quartiles of their times.

    Of short steps the first is left out and there are at least three; a long one stands for itself.
    """

    def timed(number: int) -> float:
        step.nudge(1e-3 if number % 2 else -1e-3)
        start = time.perf_counter()
        step(*batches[number % len(batches)])
        return time.perf_counter() - start

    taken = [timed(0)]
    if taken[0] < SHORT:
        end, taken = time.perf_counter() + seconds, []
        while len(taken) < 3 or (time.perf_counter() < end and len(taken) < MOST_STEPS):
            taken.append(timed(1 + len(taken)))
    low, median, high = (float(value) for value in np.percentile(taken, [25, 50, 75]))
    return {"median": median, "quartiles": [low, high], "steps": len(taken)}


def timed_round(row: Row, peer: Peer, step: Step, seconds: float, shrink: int) -> dict[str, Any]:
    """Time one round: the row's batch, or the two sizes (divided by `shrink`) from which it is scaled."""
    if not peer.scaled(row):
        batches = [step.arrays(*data(row, row.batch, 1 + number)) for number in range(BATCHES)]
        return clock(step, batches, seconds)
    samples = [size // shrink for size in peer.samples]
    sizes = [clock(step, [step.arrays(*data(row, size, 1))], seconds) for size in samples]
    small, large = (one["median"] for one in sizes)
    factor = row.batch / samples[1]
    return {
        "median": large * factor,
        "quartiles": [value * factor for value in sizes[1]["quartiles"]],
        "steps": sizes[1]["steps"],
        "scaled_from": samples,
        "growth": (large / small) / (samples[1] / samples[0]),
    }


def product(row: Row, n_terms: int, seconds: float) -> dict[str, Any]:
    """Time the least that any surrogate must do: a product of (batch × terms) by (terms × outputs), and its gradients."""
    import torch

    terms = torch.randn(row.batch, n_terms, requires_grad=row.input_gradients)
    coefficients = torch.randn(n_terms, row.n_outputs, requires_grad=True)
    gradient = torch.randn(row.batch, row.n_outputs)

    class Product:
        note = ""

        def nudge(self, size: float) -> None:
            terms.grad = coefficients.grad = None

        def __call__(self, *nothing: Any) -> None:
            torch.mm(terms, coefficients).backward(gradient)

    return clock(Product(), [(None, None)], seconds) | {"n_terms": n_terms}


def main(argv: list[str]) -> int:
    """Serve one cell until standard input ends; return the exit code."""
    row, peer = ROWS[argv[0]], PEERS[argv[1]]
    # Libraries print as they please; answers have a channel of their own.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(make: Callable[[], dict[str, Any]]) -> bool:
        """Send what `make` returns, or why it could not; return whether it could."""
        try:
            sent = make()
        except Exception as error:
            sent = {"reason": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        print(json.dumps(sent), file=channel, flush=True)
        return "reason" not in sent

    step: Step | None = None

    def begin() -> dict[str, Any]:
        nonlocal step
        step, sent = first(row, peer)
        return sent

    if not answer(lambda: imports(peer)):
        return 1
    for line in sys.stdin:
        request = json.loads(line)
        pin(request.get("core", 0))
        if request["do"] == "begin":
            answer(begin)
        elif request["do"] == "product":
            answer(lambda request=request: product(row, request["n_terms"], request["seconds"]))
        else:
            answer(lambda request=request: timed_round(row, peer, step, request["seconds"], request["shrink"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

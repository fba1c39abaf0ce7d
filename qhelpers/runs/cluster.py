"""Runs on a Dask cluster that is there already: `connected` gives what `qhelpers.runs.execution.run` hands its runs to."""

from __future__ import annotations

import hashlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qhelpers.papers
from qhelpers import datasets
from qhelpers._extras import require

CONNECT_SECONDS = 20
#: How to hand over a call, and how many can be at work at a time.
Place = tuple[Callable[..., Future[Any]], Callable[[], int]]


class ClusterError(Exception):
    """A Dask cluster that cannot be reached, or whose workers cannot make these runs."""


@contextmanager
def connected(
    address: str, prints: Mapping[tuple[str, str], str]
) -> Iterator[tuple[Callable[..., Future[Any]], Callable[[], int]]]:
    """A scheduler's workers, once each is found to have this package's code and the same data.

    Parameters
    ----------
    address : str
        Of the scheduler, as ``dask scheduler`` prints it: ``tcp://host:8786``.
    prints : mapping of (str, str) to str
        Fingerprints of the data that will be needed, by name and source.

    Yields
    ------
    submit : callable
        ``submit(function, *arguments) -> Future``; what a worker was at when it died is given to another one.
    size : callable
        Number of workers at the moment.

    Raises
    ------
    ImportError
        If distributed is not installed.
    ValueError
        If the address is none.
    ClusterError
        If nobody answers there, there is no worker, or a worker differs from this process.
    """
    distributed = require("distributed", "cluster")
    for name in [name for name in logging.root.manager.loggerDict if name.startswith(("distributed", "tornado"))]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they would say of a lost connection is said by us, once
    if not _is_address(address):
        raise ValueError(
            f"--scheduler {address!r} is no address; allowed is what `dask scheduler` prints, for instance tcp://127.0.0.1:8786"
        )
    try:
        parts = urlsplit(address)  # distributed would try again for as long as it has, even where nobody listens
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), CONNECT_SECONDS).close()
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({why}); start one with `dask scheduler`, or leave --scheduler out "
            "to run on this machine"
        ) from None
    try:
        _check(client, address, prints)
        executor = client.get_executor(pure=False)
        try:
            yield executor.submit, lambda: len(client.nthreads())
        except (CancelledError, OSError) as error:
            raise ClusterError(
                f"the Dask scheduler at {address} was lost ({type(error).__name__}); what had ended is recorded. Start it again, "
                "then run again"
            ) from None
        finally:
            executor.shutdown(wait=False)  # cancels what has not ended
    finally:
        client.close(timeout=5)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("tcp", "tls", "ws", "wss") and bool(parts.hostname and parts.port)
    except ValueError:  # a port that is no number
        return False


def _check(client: Any, address: str, prints: Mapping[tuple[str, str], str]) -> None:
    """Raise unless there is a worker, and each has one thread, this code and these data."""
    threads: dict[str, int] = client.nthreads()
    if not threads:
        raise ClusterError(f"the scheduler at {address} has no workers; start some with: dask worker {address} --nthreads 1")
    for worker, n in threads.items():
        if n != 1:
            raise ClusterError(
                f"worker {worker} has {n} threads; allowed is one, since a run measures its process. Start it with: "
                f"dask worker {address} --nthreads 1 --nworkers {n}"
            )
    here = _state(dict(prints))
    try:
        states = client.run(_state, dict(prints), on_error="return")
    except OSError as error:
        raise ClusterError(f"the workers of {address} do not answer ({error}); look at their output") from None
    for worker, state in states.items():
        if isinstance(state, BaseException):
            raise ClusterError(
                f"worker {worker} cannot make these runs ({type(state).__name__}: {state}); install qhelpers there"
            )
        for what, own in here.items():
            if state[what] != own:
                raise ClusterError(f"worker {worker} differs in {what}: {state[what]} there, {own} here; make them the same")


def _state(prints: dict[tuple[str, str], str]) -> dict[str, str]:
    """What must be the same on every machine for a run to give the same numbers."""
    found = {"Python": ".".join(map(str, sys.version_info[:2])), "code": code_digest()}
    for name, source in prints:
        try:
            found[f"data set {name}"] = datasets.fingerprint(name, source)
        except datasets.DatasetError as error:
            found[f"data set {name}"] = f"missing ({str(error).splitlines()[0]})"
    return found


def code_digest() -> str:
    """Short hash of the source of this package and of added papers: tells an older copy from a newer one of the same version."""
    digest = hashlib.sha256()
    for root in (Path(qhelpers.__file__).parent, *map(Path, qhelpers.papers.__path__[1:])):
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{qhelpers.__version__} ({digest.hexdigest()[:12]})"

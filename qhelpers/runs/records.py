"""Records: one JSON object a line for each trained model; its arrays, if there are any, in an ``.npz`` beside it.

Lines fill ``runs.jsonl``, and when that is large ``runs-2.jsonl`` and so on; a full file is compressed. A record is appended
under a lock and flushed to disk before the next run counts as done. A torn last line, left by a killed process, is reported
and set aside; a foreign line anywhere else is an error that names it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import lzma
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
from filelock import FileLock, Timeout

from qhelpers.datasets import data_home

FILE = "runs.jsonl"
#: A file of lines that has grown beyond this many bytes is full; the next line begins another.
SHARD_BYTES = 900_000
#: How long a process waits for another one's write; more means that the other one is stuck.
LOCK_SECONDS = 60
PROFILES = ("quick", "laptop", "paper")
#: Profiles whose runs on real data are committed and may be cited.
FULL_PROFILES = ("laptop", "paper")
SOURCES = ("twin", "real")


class RecordsError(Exception):
    """A records folder or file that cannot be read or written as it is."""


class NotRecorded(RecordsError):
    """A run that could not be recorded: the disk is full, or the folder cannot be written."""


@dataclass(frozen=True)
class Record:
    """One trained model.

    Attributes
    ----------
    id : str
        Hash of experiment, version, config, seed and fingerprint of the data (`identify`).
    experiment, version : str
        What was run, and which edition of its code.
    config : dict
        Everything that was chosen: model, data, regime, budget.
    seed : int
        From which subsample, split, initialisation and order are drawn.
    source : {"real", "twin"}
        Measured data or synthetic twin.
    fingerprint : str
        Of the data, see `qhelpers.datasets.Dataset`.
    profile : {"quick", "laptop", "paper"}
        Budget.
    metrics : dict of float
        Quantities of the ledger's glossary on the test samples, and what else the experiment says of a run.
    confusion : dict of int
        Of a classifier of two classes ``tp``, ``fp``, ``fn``, ``tn`` on the test samples; else empty.
    chosen : dict
        What an inner split chose (learning rate, epochs), with all trials.
    seconds, cpu_seconds : float
        Wall clock and processor time of the whole run, tuning included.
    train_seconds : float
        Wall clock of the final training alone.
    peak_memory_mb : float
        Largest resident size of the process during the run, where the system tells (Linux); else that at its end.
    cpu : str
        Model of the processor.
    versions : dict of str
        Python and the packages that decide the numbers.
    finished : str
        UTC time, ISO 8601.
    weights : str
        SHA-256 of large weights, which are in the data home and not in git (`large_weights`); empty where there are none.
    """

    id: str
    experiment: str
    version: str
    config: dict[str, Any]
    seed: int
    source: str
    fingerprint: str
    profile: str
    metrics: dict[str, float]
    confusion: dict[str, int]
    chosen: dict[str, Any]
    seconds: float
    cpu_seconds: float
    train_seconds: float
    peak_memory_mb: float
    cpu: str
    versions: dict[str, str]
    finished: str
    weights: str = ""
    folder: Path | None = field(default=None, compare=False)

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays stored beside the record: curves, test scores and labels, weights."""
        if self.folder is None or not (self.folder / f"{self.id}.npz").exists():
            raise RecordsError(
                f"record {self.id} of {self.experiment} has no arrays beside it: its experiment keeps none, or the file is gone; "
                "in that case take the line out of its runs.jsonl and run the experiment again"
            )
        with np.load(self.folder / f"{self.id}.npz", allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def large_weights(self) -> dict[str, np.ndarray]:
        """Large weights of the run, from the data home.

        Raises
        ------
        RecordsError
            If the run has none, or they are not on this machine; the message says how to make them again.
        """
        if not self.weights:
            raise RecordsError(f"record {self.id} of {self.experiment} has no large weights; `arrays` holds what it has")
        path = _weights_file(self.weights)
        if not path.exists():
            raise RecordsError(
                f"the weights {self.weights[:12]} of record {self.id} are not in {path.parent} and never in git; make them again "
                f"with: python -m qhelpers.runs again {self.id}"
            )
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}


#: What a line may lack: keys that came later.
_OPTIONAL = frozenset({"weights"})
_KEYS = frozenset(f.name for f in fields(Record)) - {"folder"}


def _weights_file(digest: str) -> Path:
    return data_home() / "weights" / f"{digest}.npz"


def keep_weights(weights: Mapping[str, np.ndarray]) -> str:
    """Store large weights in the data home, under the SHA-256 of names, shapes and numbers; returns it, empty for none.

    Raises
    ------
    NotRecorded
        If the data home cannot be written.
    """
    if not weights:
        return ""
    digest = sha256()
    for name, values in sorted(weights.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode() + np.ascontiguousarray(values).tobytes())
    path = _weights_file(digest.hexdigest())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_whole(path, lambda stream: np.savez(stream, **cast(Any, dict(weights))))
    except OSError as error:
        raise refused(path.parent, error) from error
    return digest.hexdigest()


def check_choice(what: str, given: str, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError that lists what is allowed, if `given` is not."""
    if given not in allowed:
        raise ValueError(f"{what} {given!r} is unknown; allowed are: {', '.join(allowed)}")


def identify(experiment: str, version: str, config: Mapping[str, Any], seed: int, fingerprint: str) -> str:
    """Hash of what decides a run's result, 16 hexadecimal digits."""
    text = json.dumps([experiment, version, dict(config), seed, fingerprint], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def spell(value: Any) -> str:
    """A config's entry as a command line takes and prints it: lists joined by commas."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def root() -> Path:
    """Folder of the committed records: ``QHELPERS_RECORDS``, else ``records/`` of the checkout.

    Raises
    ------
    RecordsError
        If there is neither.
    """
    if named := os.environ.get("QHELPERS_RECORDS"):
        return Path(named)
    package = Path(__file__).resolve().parents[2]
    for folder in (package, Path.cwd(), *Path.cwd().parents):
        if (folder / "records").is_dir() and (folder / "notebooks").is_dir():
            return folder / "records"
    raise RecordsError(
        "no records/ folder in the checkout or above this folder; work in a clone of the book or name one in QHELPERS_RECORDS"
    )


def folder_for(source: str, profile: str, keeps: tuple[str, ...] = ("real",)) -> Path:
    """Where a run is recorded: ``records/`` for sources that are kept in the laptop or paper profile, else ``build/records/``."""
    committed = root()
    return committed if source in keeps and profile in FULL_PROFILES else committed.parent / "build" / "records"


def experiments(folder: Path | None = None) -> list[str]:
    """Names of the experiments that have records."""
    folder = folder or root()
    return sorted({path.parent.name for path in folder.glob(f"*/{FILE}*")}) if folder.is_dir() else []


def read(experiment: str, folder: Path | None = None) -> list[Record]:
    """All records of an experiment, in the order they were made.

    Parameters
    ----------
    experiment : str
        Its name.
    folder : Path, optional
        Records folder; the committed one by default.

    Returns
    -------
    list of Record
        Empty if there are none.

    Raises
    ------
    RecordsError
        If a line before the last is no record; file and line are named.

    Warns
    -----
    UserWarning
        If the last line is torn; it is passed over.
    """
    target = (folder or root()) / experiment
    while True:
        try:
            return [record for path in _shards(target) for record in _read_shard(path)]
        except FileNotFoundError:  # a writer has compressed a full file meanwhile
            continue


def _shards(target: Path) -> list[Path]:
    """Files of lines in the order in which they were filled; where one is there plain and compressed, the compressed one."""
    found: list[Path] = []
    while path := next((one for one in (_packed(_shard(target, len(found))), _shard(target, len(found))) if one.exists()), None):
        found.append(path)
    return found


def _shard(target: Path, place: int) -> Path:
    """File of lines by its place in the order, from 0."""
    first = target / FILE
    return first.with_stem(f"{first.stem}-{place + 1}") if place else first


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.xz")


def _pack(path: Path) -> None:
    """Compress a file of lines; a kill leaves it plain, or plain beside compressed, which `mend` clears away."""
    _write_whole(_packed(path), lambda stream: stream.write(lzma.compress(path.read_bytes())))
    path.unlink()


def pack(experiment: str, folder: Path) -> None:
    """Compress all files of lines of an experiment; what is recorded later begins a new one.

    Raises
    ------
    NotRecorded
        If the folder cannot be written.
    """
    mend(experiment, folder)
    with _alone(folder / experiment):
        for path in _shards(folder / experiment):
            if path.suffix != ".xz":
                _pack(path)


@dataclass(frozen=True)
class _Shard:
    """A file of lines as it was read: its size and time, its whole lines, their records, and the bytes of a torn last line."""

    state: tuple[int, int]
    whole: bytes
    found: tuple[Record, ...]
    torn: int


_shards_read: dict[Path, _Shard] = {}


def _read_shard(path: Path) -> tuple[Record, ...]:
    stat = path.stat()
    shard = _shards_read.get(path)
    if shard is None or shard.state != (stat.st_size, stat.st_mtime_ns):
        shard = _shards_read[path] = _parse_shard(path, (stat.st_size, stat.st_mtime_ns), shard)
    if shard.torn:
        warnings.warn(
            f"{path}: the last line is torn ({shard.torn} bytes without a line end) and was passed over; "
            "the next run sets it aside in a file of its own",
            stacklevel=3,
        )
    return shard.found


def _parse_shard(path: Path, state: tuple[int, int], before: _Shard | None) -> _Shard:
    """Read a file of lines; where it has only grown since `before`, only its new lines are parsed."""
    raw = path.read_bytes()
    if path.suffix == ".xz":
        try:
            raw = lzma.decompress(raw)
        except lzma.LZMAError as error:
            raise RecordsError(f"{path} is damaged ({error}); take it from git again: git checkout {path.name}") from None
    end = raw.rfind(b"\n") + 1  # what follows the last line end is torn
    known = before if before and raw.startswith(before.whole) else _Shard(state, b"", (), 0)
    lines = raw[len(known.whole) : end].split(b"\n")[:-1]
    new = tuple(_parse(path, number, line) for number, line in enumerate(lines, len(known.found) + 1))
    return _Shard(state, raw[:end], known.found + new, len(raw) - end)


def measured(experiment: str, version: str | None = None, folder: Path | None = None, source: str = "real") -> list[Record]:
    """Records that may be cited: one source, a full profile, one version of the experiment and of the data.

    Parameters
    ----------
    experiment : str
        Its name.
    version : str, optional
        Version of the experiment's code; by default the newest that has such records.
    folder : Path, optional
        Records folder; the committed one by default.
    source : str, default="real"
        What ran on a twin may be cited for its time and memory alone.

    Returns
    -------
    list of Record
        In the order they were made. Where a data set was recorded with several fingerprints, those of the latest one.

    Raises
    ------
    RecordsError
        As `read`.
    """
    found = [r for r in read(experiment, folder) if r.source == source and r.profile in FULL_PROFILES]
    if version is None:
        version = max((r.version for r in found), key=lambda text: [int(part) for part in text.split(".")], default="")
    found = [r for r in found if r.version == version]
    latest = {spell(r.config.get("data")): r.fingerprint for r in sorted(found, key=lambda r: r.finished)}
    return [r for r in found if r.fingerprint == latest[spell(r.config.get("data"))]]


def _parse(path: Path, number: int, line: bytes) -> Record:
    try:
        entry = json.loads(line)
        missing = _KEYS - _OPTIONAL - set(entry)
    except (ValueError, TypeError):
        entry, missing = {}, _KEYS
    if missing:
        raise RecordsError(
            f"{path}, line {number} is no record ({line[:60].decode(errors='replace')!r}); "
            f"a record is a JSON object with the keys "
            f"{', '.join(sorted(_KEYS))}. Move that line out of the file; nothing else was changed"
        )
    return Record(**{key: entry[key] for key in _KEYS & set(entry)}, folder=path.parent)


def append(record: Record, arrays: Mapping[str, np.ndarray], folder: Path) -> None:
    """Store a record and its arrays; both are on disk when this returns.

    Parameters
    ----------
    record : Record
        What was measured. A record whose id is there already is not stored again.
    arrays : mapping of str to ndarray
        Stored in ``<id>.npz``, floating-point numbers in single precision; no file if there are none.
    folder : Path
        Records folder.

    Raises
    ------
    NotRecorded
        If the folder cannot be written; what was there before is kept as it was.
    """
    target = folder / record.experiment
    with _alone(target):
        shards = _shards(target)
        path = shards[-1] if shards and shards[-1].suffix != ".xz" else _shard(target, len(shards))
        _set_torn_line_aside(path)
        if any(known.id == record.id for known in read(record.experiment, folder)):
            return
        if arrays:
            _write_arrays(target / f"{record.id}.npz", arrays)
        entry = {key: value for key, value in asdict(record).items() if key != "folder" and (value or key not in _OPTIONAL)}
        if path.exists() and path.stat().st_size > SHARD_BYTES:
            _pack(path)
            path = _shard(target, len(shards))
        _write_line(path, json.dumps(entry, sort_keys=True).encode() + b"\n")


def recorded(experiment: str, folder: Path) -> frozenset[str]:
    """Ids of an experiment's records, read while nobody writes.

    Raises
    ------
    NotRecorded
        If the folder cannot be written, and so no run could be recorded either.
    RecordsError
        As `read`.
    """
    with _alone(folder / experiment):
        return frozenset(record.id for record in read(experiment, folder))


def mend(experiment: str, folder: Path) -> None:
    """Clear away what a killed process left half-written: set a torn last line aside, remove unfinished arrays.

    Raises
    ------
    NotRecorded
        If the folder cannot be written.
    """
    target = folder / experiment
    with _alone(target):
        for path in _shards(target):
            if path.suffix == ".xz":
                path.with_suffix("").unlink(missing_ok=True)
            else:
                _set_torn_line_aside(path)
        for path in target.glob("*.part"):
            path.unlink()


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold an experiment's folder; what the system refuses there becomes a sentence."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / ".lock", timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise NotRecorded(
            f"another process has held {target}/.lock for {LOCK_SECONDS} s; a write takes well under a second. Is it stopped? "
            "End it, then run again: what was recorded before is kept"
        ) from None
    except OSError as error:
        raise refused(target, error) from error


def refused(target: Path, error: OSError) -> NotRecorded:
    """What to say where the system refuses to write in an experiment's folder."""
    return NotRecorded(
        f"cannot write records to {target} ({error.strerror}); make room or the folder writable, then run again: "
        "what was recorded before is kept"
    )


def _write_line(path: Path, line: bytes) -> None:
    """Append a line, whole or not at all, and see it on disk."""
    with open(path, "ab", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        try:
            if stream.write(line) != len(line):  # as much as found room
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(stream.fileno())
        except BaseException:
            stream.truncate(size)
            raise


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    small: dict[str, Any] = {
        name: np.float32(a) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for name, a in arrays.items()
    }
    _write_whole(path, lambda stream: np.savez_compressed(stream, **small))


def _write_whole(path: Path, write: Callable[[Any], object]) -> None:
    """Write a file, and give it its name once it is whole and on disk."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with open(part, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _set_torn_line_aside(path: Path) -> None:
    if not path.exists():
        return
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole == len(raw):
        return
    with open(path.with_suffix(".torn"), "ab") as aside:
        aside.write(raw[whole:] + b"\n")
    with open(path, "r+b") as stream:
        stream.truncate(whole)


def select(found: Iterable[Record], **wanted: Any) -> list[Record]:
    """Records whose attributes (``source``, ``profile``, ``seed``, ...) or config entries equal `wanted`."""

    def value(record: Record, key: str) -> Any:
        return getattr(record, key) if key in _KEYS else record.config.get(key)

    return [record for record in found if all(value(record, key) == wish for key, wish in wanted.items())]


def frame(found: Iterable[Record]) -> Any:
    """Records as a pandas DataFrame: a row a record, with config entries, metrics, seed, source and times as columns."""
    import pandas as pd

    plain = (
        "id",
        "experiment",
        "seed",
        "source",
        "profile",
        "seconds",
        "cpu_seconds",
        "train_seconds",
        "peak_memory_mb",
    )
    rows = [{key: getattr(r, key) for key in plain} | r.config | r.metrics | r.confusion for r in found]
    return pd.DataFrame(rows)

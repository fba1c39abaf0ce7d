"""What is remembered of files that were read before, so that a large one is not read again only to know what it is.

An entry holds for a file of the same path, length, times of change (mtime and ctime) and inode. Such times come in ticks: a
file that changes twice in one tick looks the same after both. So nothing is remembered of a file that had changed less
than two seconds before it was read. Whatever cannot be read or written here is left: the file is then read once more.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SETTLED = 2_000_000_000  # ns
_FORMAT = 1


def state(path: Path) -> list[int]:
    """What changes whenever a file does: length, mtime and ctime in ns, inode."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


class Memory:
    """What is remembered in one file; `new` entries are written by `save`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = _read(path)
        self._new: dict[str, list[int | str]] = {}

    def recall(self, path: Path, member: str | None) -> tuple[str, int, int] | None:
        """SHA-256, length and line ends of what is in a file (unpacked), if that is remembered of the file as it is now."""
        match self._files.get(_key(path, member)):
            case [*stamp, str(digest), int(size), int(lines)] if re.fullmatch("[0-9a-f]{64}", digest):
                with suppress(OSError):
                    return (digest, size, lines) if stamp == state(path) else None
        return None

    def note(self, path: Path, member: str | None, before: list[int], begun: int, content: tuple[str, int, int]) -> None:
        """Remember what was in a file whose `state` was `before` when its reading had `begun` (ns)."""
        if begun - max(before[1:3]) >= _SETTLED:
            self._new[_key(path, member)] = [*before, *content]

    def save(self) -> None:
        """Add what is new to what stands in the file by now, and drop what is gone from the disk."""
        if self._new:
            _write(self.path, {key: entry for key, entry in {**_read(self.path), **self._new}.items() if _there(key)})
            self._new = {}


def forget(path: Path, gone: Iterable[tuple[Path, str | None]]) -> None:
    """Drop what is remembered in `path` of some files, each with its member."""
    files, keys = _read(path), {_key(*one) for one in gone}
    if keys & files.keys():
        _write(path, {key: entry for key, entry in files.items() if key not in keys})


def now() -> int:
    """The clock that times of change are set by, in ns."""
    return time.time_ns()


def _key(path: Path, member: str | None) -> str:
    return os.path.abspath(path) if member is None else f"{os.path.abspath(path)}\0{member}"


def _there(key: str) -> bool:
    return os.path.lexists(key.partition("\0")[0])


def _read(path: Path) -> dict[str, object]:
    with suppress(OSError, ValueError, RecursionError):
        match json.loads(path.read_bytes()):
            case {"format": 1, "files": dict(files)}:
                return files
    return {}


def _write(path: Path, files: dict[str, object]) -> None:
    """Put a whole file in the place of the old one: of two who write at once, one wins, and what the other knew is lost."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}")
        try:
            with new.open("x", encoding="ascii") as stream:
                json.dump({"format": _FORMAT, "files": files}, stream, separators=(",", ":"))
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)

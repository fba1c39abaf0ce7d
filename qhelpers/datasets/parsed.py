"""What official files were parsed to, kept in the data home and mapped into memory, so that a second load parses nothing.

A folder of its own for each data set, fingerprint and version of the loader holds one ``.npy`` file an array, and a manifest
that is written last: form, length and time of change of each. It is made under another name, brought to the disk and only then
renamed, so that a kill or a second writer leaves a whole folder or none. One that is not what its manifest says is made anew;
where there is no room, or nothing can be written, nothing is kept. Arrays are mapped copy-on-write: what is written into them
never comes to the file.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import secrets
import shutil
import time
from contextlib import suppress
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qhelpers.datasets.base import Arrays, Entry
from qhelpers.datasets.files import PARSED, data_home

_FORMAT = 1
_MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished-"
_OLD = 3600.0  # seconds after which nobody still writes to an unfinished folder


def kept(item: Entry, fingerprint: str) -> Arrays | None:
    """What was kept of these files by this version of the loader, or None; what is damaged is removed."""
    folder = _folder(item, fingerprint)
    try:
        return _read(folder)
    except FileNotFoundError:
        if folder.is_dir():
            drop(item, fingerprint)
    except Exception:  # a damaged manifest can hold anything
        drop(item, fingerprint)
    return None


def keep(item: Entry, fingerprint: str, arrays: Arrays) -> None:
    """Keep what these files were parsed to, if that can be done."""
    folder = _folder(item, fingerprint)
    unfinished = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f"{_UNFINISHED}*"):
            if time.time() - left.stat().st_mtime > _OLD:
                shutil.rmtree(left, ignore_errors=True)
        if shutil.disk_usage(folder.parent).free < 2 * sum(map(_bytes, arrays.values())):
            return
        unfinished = _new(folder.parent)
        _write(unfinished, arrays)
        os.rename(unfinished, folder)  # fails where another one was first
        _settle(folder.parent)
        for old in folder.parent.glob(f"{folder.name.partition('.')[0]}.*"):
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
    except OSError:
        pass
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def drop(item: Entry, fingerprint: str) -> None:
    """Remove what was kept of these files; who has it mapped keeps it."""
    folder = _folder(item, fingerprint)
    with suppress(OSError):
        away = _new(folder.parent)
        with suppress(OSError):
            os.rename(folder, away / "damaged")  # in one step: nobody reads what is half removed
        shutil.rmtree(away, ignore_errors=True)


def inventory() -> list[tuple[Path, int]]:
    """Folders that are kept, and the bytes in each."""
    found = sorted((data_home() / PARSED).glob("*/*"))
    return [(folder, sum(path.stat().st_size for path in folder.glob("*"))) for folder in found]


def clear() -> None:
    """Remove everything that is kept."""
    shutil.rmtree(data_home() / PARSED, ignore_errors=True)


def _folder(item: Entry, fingerprint: str) -> Path:
    return data_home() / PARSED / item.name / f"{fingerprint[:32]}.{item.loader_version}.{_FORMAT}"


def _new(parent: Path) -> Path:
    """A folder of our own that readers do not look at; not by `tempfile`, whose folders nobody else may read."""
    path = parent / f"{_UNFINISHED}{os.getpid()}-{secrets.token_hex(8)}"
    path.mkdir()
    return path


def _bytes(value: Any) -> int:
    if isinstance(value, pd.DataFrame):
        return int(value.memory_usage(index=False).sum())
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


def _write(folder: Path, arrays: Arrays) -> None:
    files: dict[str, list[Any]] = {}

    def save(name: str, *parts: np.ndarray) -> str:
        """One array made of parts that are put one behind the other, without a copy of the whole."""
        path = folder / f"{name}.npy"
        form, dtype = [sum(map(len, parts)), *parts[0].shape[1:]], parts[0].dtype
        with path.open("wb") as stream:
            header = {"shape": tuple(form), "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
            np.lib.format.write_array_header_2_0(stream, header)
            for part in parts:
                np.ascontiguousarray(part).tofile(stream)
            stream.flush()
            os.fsync(stream.fileno())
        found = path.stat()
        files[path.name] = [found.st_size, found.st_mtime_ns, form, dtype.str]
        return path.name

    layout: dict[str, Any] = {}
    for name, value in arrays.items():
        if isinstance(value, np.ndarray):
            layout[name] = {"array": save(name, value)}
        elif isinstance(value, pd.DataFrame):
            # Columns one after another, as loaders fill them and pandas holds them.
            layout[name] = {"table": save(name, value.to_numpy().T), "columns": list(value.columns)}
        elif isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
            layout[name] = {"arrays": save(name, *value), "edges": [0, *accumulate(map(len, value))]}
        else:
            layout[name] = {"plain": value}
    with (folder / _MANIFEST).open("w", encoding="utf-8") as stream:
        json.dump({"files": files, "layout": layout}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    _settle(folder)


def _read(folder: Path) -> Arrays:
    told = json.loads((folder / _MANIFEST).read_bytes())
    arrays: Arrays = {}
    for name, how in told["layout"].items():
        match how:
            case {"array": file}:
                arrays[name] = _mapped(folder, file, told["files"])
            case {"table": file, "columns": columns}:
                arrays[name] = pd.DataFrame(_mapped(folder, file, told["files"]).T, columns=columns, copy=False)
            case {"arrays": file, "edges": edges}:
                whole = _mapped(folder, file, told["files"])
                arrays[name] = tuple(whole[start:stop] for start, stop in pairwise(edges))
            case {"plain": value}:
                arrays[name] = tuple(value) if isinstance(value, list) else value
            case _:
                raise ValueError(f"{folder}: {name} is kept in no known way")
    return arrays


def _mapped(folder: Path, file: str, told: dict[str, list[Any]]) -> np.ndarray:
    with (folder / file).open("rb") as stream:
        np.lib.format.read_magic(stream)
        form, _, dtype = np.lib.format.read_array_header_2_0(stream)
        found = os.fstat(stream.fileno())
        if [found.st_size, found.st_mtime_ns, list(form), dtype.str] != told[file]:
            raise ValueError(f"{folder / file} is not what was written")
        # Not numpy.memmap: joblib hands that on by the file's name, without what was written into the array meanwhile.
        whole = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY))
        return np.frombuffer(whole, dtype, math.prod(form), stream.tell()).reshape(form)


def _settle(folder: Path) -> None:
    """Bring a folder's own entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

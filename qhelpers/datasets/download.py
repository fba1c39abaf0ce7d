"""Bring the official files into the data home: download where there is a link, say what to do where there is none."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import os
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from qhelpers.datasets.base import DatasetError, Entry, entry, names
from qhelpers.datasets.comparison import record_summary
from qhelpers.datasets.files import data_home, find, folders
from qhelpers.datasets.loading import load

_SECONDS = 60.0  # without an answer
_LARGEST = 1 << 30  # bytes of a download


def status(name: str) -> str | None:
    """Where the official files of a data set lie, or None if not all of them are found.

    Parameters
    ----------
    name : str
        One of `qhelpers.datasets.names`.
    """
    try:
        found = find(entry(name))
    except DatasetError:
        return None
    return ", ".join(str(hit) for hit in found.values())


def fetch(name: str, *, home: Path | None = None, url: str | None = None) -> Path:
    """Download the official files of a data set into the data home.

    The download goes to a temporary file, is checked against the known SHA-256 of every file in it, and only then
    takes its name: a broken or strange download leaves nothing behind.

    Parameters
    ----------
    name : str
        One of `qhelpers.datasets.names`.
    home : Path, optional
        Where to put it, by default the data home.
    url : str, optional
        Another address of the same archive or file, for instance a mirror.

    Returns
    -------
    Path
        The downloaded archive or file; it stays packed, the loaders read it as it is.

    Raises
    ------
    ValueError
        If the name is unknown or the address is not one of HTTP or HTTPS.
    DatasetError
        If there is no direct link, the download fails, or it does not hold the official files.
    """
    item = entry(name)
    address = url or item.url
    if address is None:
        raise DatasetError(f"{name}: there is no direct link to the official file. By hand: {item.by_hand} ({data_home()}).")
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise ValueError(f"url={address!r} was given; allowed are addresses that start with http:// or https://.")
    folder = (home or data_home()) / name
    target = folder / (urllib.parse.unquote(Path(urllib.parse.urlsplit(address).path).name).replace("/", "_") or f"{name}.bin")
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".download-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            _download(name, address, stream)
        _check(item, Path(temporary), address)
        Path(temporary).chmod(0o644)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return target


def _download(name: str, address: str, stream: BinaryIO) -> None:
    """Copy what the address holds into an open file, complete or with an error."""
    request = urllib.request.Request(address, headers={"User-Agent": "qhelpers"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            promised = answer.headers.get("Content-Length")
            received = 0
            while chunk := answer.read(1 << 20):
                received += len(chunk)
                if received > _LARGEST:
                    raise DatasetError(f"{name}: {address} is larger than {_LARGEST:,} bytes, which no official file is.")
                stream.write(chunk)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DatasetError(
            f"{name}: the download from {address} failed ({error}). Try again later, or by hand: {entry(name).by_hand} "
            f"({data_home()})."
        ) from error
    if promised is not None and received != int(promised):
        raise DatasetError(f"{name}: {address} broke off after {received:,} of {int(promised):,} bytes. Try again.")


def _check(item: Entry, path: Path, address: str) -> None:
    """Raise unless every official file is in the download, by its SHA-256."""
    got: dict[str, str] = {}
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if info.file_size in {file.size for file in item.files}:
                        got[hashlib.sha256(archive.read(info)).hexdigest()] = info.filename
        except (OSError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
            raise DatasetError(f"{item.name}: the archive from {address} cannot be read ({error}). Try again.") from error
    else:
        got[hashlib.sha256(path.read_bytes()).hexdigest()] = "the file itself"
    for file in item.files:
        if file.sha256 not in got:
            there = "; ".join(f"{name} with {digest}" for digest, name in got.items()) or "no file of a fitting length"
            raise DatasetError(
                f"{item.name}: the download from {address} does not hold the official {file.name} (SHA-256 {file.sha256}), "
                f"but {there}. Nothing was kept. Did the publisher change the file? Then compare it at {item.page}."
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of ``python -m qhelpers.datasets``: what there is, what is present, the download, the summary.

    Returns
    -------
    int
        0; 1 if a download or a summary failed; 2 if an argument is not allowed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m qhelpers.datasets",
        description="The official data files: where they come from, whether they are here, their download and summary.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("download", "list", "summary"),
        default="download",
        help="download what is missing (default), only list, or record statistics of each column",
    )
    parser.add_argument("name", nargs="*", help=f"data sets, by default all: {', '.join(names())}")
    parser.add_argument("--folder", type=Path, default=Path("records/data-summary"), help="of `summary` (default: %(default)s)")
    given = parser.parse_args(arguments)
    try:
        items = [entry(name) for name in given.name or names()]
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.action == "summary":
        return _summaries(items, given.folder)
    print(f"Data home: {data_home()}\nSearched: {', '.join(map(str, folders()))}")
    failed = 0
    for item in items:
        print(f"\n{item.name}: {item.title}\n  page     {item.page}\n  licence  {item.licence}\n  cite     {item.citation}")
        for file in item.files:
            print(f"  file     {file.name}, {file.size:,} bytes, SHA-256 {file.sha256}")
        failed += _bring(item, download=given.action == "download")
    return 1 if failed else 0


def _summaries(items: Sequence[Entry], folder: Path) -> int:
    """Record the summary of each set's official files; returns the exit code."""
    try:
        for item in items:
            print(record_summary(folder, load(item.name)))
    except (DatasetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _bring(item: Entry, *, download: bool) -> bool:
    """Print whether the files of a set are here, download them if asked, and tell whether that failed."""
    if where := status(item.name):
        print(f"  present  {where}")
        return False
    print(f"  MISSING  {'from ' + item.url if item.url else 'by hand: ' + item.by_hand}")
    if not download or item.url is None:
        return False
    try:
        print(f"  fetched  {fetch(item.name)}", flush=True)
    except (DatasetError, OSError) as error:
        print(f"  FAILED   {error}", file=sys.stderr)
        return True
    return False

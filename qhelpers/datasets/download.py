"""Bring the official files into the data home: download where there is a link, say what to do where there is none."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from qhelpers.datasets.base import PARTIAL, DatasetError, Entry, entry, names
from qhelpers.datasets.comparison import record_summary
from qhelpers.datasets.files import data_home, find, folders
from qhelpers.datasets.loading import load
from qhelpers.datasets.parsed import clear as clear_all
from qhelpers.datasets.parsed import inventory
from qhelpers.datasets.transfer import Partial, TransferError, no_room, receive

SECONDS = 60.0  # that a server may be silent
_LEFT = re.compile(rf".+\.[0-9a-f]{{16}}{re.escape(PARTIAL)}(\.json)?")  # names of partial files and their notes
_LISTED = 20  # files of a set that are printed
_ROOM = 8 << 20  # bytes that a download may have beyond twice the official files' length


def status(name: str) -> str | None:
    """Where the official files of a data set lie, or None if not all of them are found.

    Of many files, the first and how many more there are.

    Parameters
    ----------
    name : str
        One of `qhelpers.datasets.names`.
    """
    try:
        found = find(entry(name))
    except DatasetError:
        return None
    shown = [str(hit) for hit in found.values()]
    return ", ".join(shown[:_LISTED]) + (f" and {len(shown) - _LISTED:,} more" if len(shown) > _LISTED else "")


def fetch(name: str, *, home: Path | None = None, url: str | None = None, seconds: float = SECONDS) -> Path:
    """Download the official files of a data set into the data home.

    What comes goes into a partial file, whose name ends in ``.part`` and holds a hash of the address. It is never
    taken for data. Only when every official file in it has its known SHA-256 does it take its name; an archive
    stays packed, nothing is ever unpacked to the disk.

    The partial file stays where the connection broke, the server was silent or in trouble, or the user or the system
    ended the process: the same call then goes on from there. It is removed where going on makes no sense: wrong
    content, a refusal (such as 404), a full disk. A download that was put together from several answers and has the
    wrong content is fetched once more as a whole, before it is refused. Several processes wait for each other, and
    those that waited find the file there.

    Parameters
    ----------
    name : str
        One of `qhelpers.datasets.names`.
    home : Path, optional
        Where to put it, by default the data home.
    url : str, optional
        Another address of the same archive or file, for instance a mirror.
    seconds : float
        How long the server may be silent.

    Returns
    -------
    Path
        The archive or file, downloaded now or before; the loaders read it as it is.

    Raises
    ------
    ValueError
        If the name is unknown or the address is not one of HTTP or HTTPS.
    DatasetError
        If there is no direct link, the download fails, it does not hold the official files, its name is taken by
        something else, or the folder cannot be written to.
    """
    item = entry(name)
    address = url or item.url
    folder = (home or data_home()) / name
    if address is None:
        raise DatasetError(f"{name}: there is no direct link to the official file. By hand: {item.by_hand} ({folder.parent}).")
    archive, single = _names(item, address)
    partial = Partial(folder / f"{name}.{hashlib.sha256(address.encode()).hexdigest()[:16]}{PARTIAL}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, name):
            for target in (folder / each for each in (archive, single) if each):
                if os.path.lexists(target):
                    _keep(item, target)
                    break
            else:
                _bring_whole(item, address, partial, seconds)
                target = folder / (archive if single is None or zipfile.is_zipfile(partial.path) else single)
                partial.settle(target)
            for left in folder.iterdir():  # of other addresses, or of a process killed at the last moment
                if _LEFT.fullmatch(left.name):
                    left.unlink(missing_ok=True)
    except OSError as error:
        raise DatasetError(
            f"{name}: cannot write to {folder} ({error.strerror or error}). Needed is a folder that can be written to, with room "
            f"for the download. Mend that, or name another data home in QHELPERS_HOME, and try again."
        ) from error
    return target


def _names(item: Entry, address: str) -> tuple[str, str | None]:
    """Names for what is at an address, by which `find` sees what it is: of an archive, and of the official file itself.

    An archive keeps its own name where that is a plain one; several official files can only be in an archive.
    """
    try:
        parts = urlsplit(address)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        fit = False
    if not fit:
        raise ValueError(
            f"url={address!r} was given; allowed are addresses that start with http:// or https:// and name a host, but no user. "
            "Change url."
        )
    own = unquote(parts.path.rpartition("/")[2])
    plain = re.fullmatch(r"[A-Za-z0-9][\w.+() -]{0,99}\.zip", own, re.ASCII)
    return own if plain else f"{item.name}.zip", item.files[0].name if len(item.files) == 1 else None


@contextlib.contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Wait until no other process downloads into the folder; the system frees the lock of one that was killed."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{name}: another process is downloading into {folder}; waiting for it (Ctrl-C ends this)", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _keep(item: Entry, target: Path) -> None:
    """Raise unless what has the download's name already is the download."""
    try:
        if target.is_file():
            return _check(item, target, str(target))
        what = "is not a file"
    except DatasetError:
        what = "does not hold the official files"
    raise DatasetError(
        f"{item.name}: {target} is there already, but {what}. It was left as it is and nothing was downloaded; move it away, "
        "or name another data home in QHELPERS_HOME, and try again."
    )


def _bring_whole(item: Entry, address: str, partial: Partial, seconds: float) -> None:
    """Download and check; once more from the start if several answers did not make one right file."""
    by_hand = f"by hand: {item.by_hand} ({partial.path.parents[1]})."
    for last in (False, True):
        try:
            resumed = receive(address, partial, largest=_largest(item), seconds=seconds)
        except TransferError as error:
            came = 0 if error.lasting else partial.size()
            if not came:
                partial.drop()
            kept = f"{came:,} bytes are kept in {partial.path}; the next try goes on from there." if came else "Nothing was kept."
            raise DatasetError(
                f"{item.name}: the download from {address} failed: {error}. {kept} Try again later, or {by_hand}"
            ) from error
        except OSError as error:
            if no_room(error):
                partial.drop()
            raise
        try:
            return _check(item, partial.path, f"the download from {address}")
        except DatasetError as error:
            partial.drop()
            if last or not resumed:
                raise DatasetError(
                    f"{error} Nothing was kept. Did the publisher change the file? Then compare it at {item.page}; or bring the "
                    f"official one {by_hand}"
                ) from error
    return None


def _largest(item: Entry) -> int:
    """Bytes that a download may have, and that are read out of an archive to check it."""
    return 2 * sum(file.size for file in item.files) + _ROOM


def _check(item: Entry, path: Path, what: str) -> None:
    """Raise a `DatasetError` unless every official file is in the download, by its SHA-256."""
    missing = {file.sha256: file.name for file in item.files}
    got: dict[str, str] = {}
    try:
        for name, digest in _digests(path, {file.size for file in item.files}, _largest(item)):
            got[digest] = name
            missing.pop(digest, None)
            if not missing:
                return
    except Exception as error:  # whatever a broken archive makes zipfile raise
        raise DatasetError(f"{item.name}: {what} is an archive that cannot be read ({_plain(error)}).") from error
    digest, name = next(iter(missing.items()))
    there = "; ".join(f"{name} with {digest}" for digest, name in list(got.items())[:5]) or "no file of a fitting length"
    raise DatasetError(f"{item.name}: {what} does not hold the official {name} (SHA-256 {digest}), but {there}.")


def _digests(path: Path, sizes: set[int], largest: int) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of each member of an archive whose length fits, or of a file that is no archive.

    Members are read as a stream and only to their promised length, which is an official one, so that an archive
    bomb takes neither memory nor disk; together they may have `largest` bytes, so that it takes no time either.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as stream:
            yield "the file itself", _sha256(stream)
        return
    with zipfile.ZipFile(path) as archive:
        read = 0
        for info in archive.infolist():
            if info.file_size not in sizes or info.is_dir():
                continue
            # What other methods unpack from a few bytes has no bound.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"member {info.filename!r} is packed by method {info.compress_type}; allowed are 0 and 8")
            if (read := read + info.file_size) > largest:
                raise ValueError(f"more than {largest:,} bytes in members of a fitting length")
            with archive.open(info) as member:
                yield f"{info.filename!r}"[:200], _sha256(member)


def _sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 16):
        digest.update(chunk)
    return digest.hexdigest()


def _plain(error: Exception) -> str:
    """An error's words without control characters, which an archive can bring along."""
    return "".join(c if c.isprintable() else "?" for c in str(error) or type(error).__name__)[:300]


def _patience(text: str) -> float:
    """A number of seconds from the command line."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} was given; allowed are numbers above 0, up to 86400")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of ``python -m qhelpers.datasets``: what there is, what is present, the download, the summary.

    Everything about a set, its licence among it, is printed before its server is asked for anything.

    Returns
    -------
    int
        0; 1 if a download or a summary failed; 2 if an argument is not allowed; 130 if interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m qhelpers.datasets",
        description="The official data files: where they come from, whether they are here, their download and summary.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("download", "list", "summary", "cache"),
        default="download",
        help="download what is missing (default), only list, record statistics of each column, or show what is kept of files "
        "that were parsed, so that they load faster",
    )
    parser.add_argument("name", nargs="*", help=f"data sets, by default all: {', '.join(names())}")
    parser.add_argument("--folder", type=Path, default=Path("records/data-summary"), help="of `summary` (default: %(default)s)")
    parser.add_argument("--clear", action="store_true", help="of `cache`: remove it; the next load of each set makes it anew")
    parser.add_argument(
        "--timeout",
        type=_patience,
        default=SECONDS,
        metavar="SECONDS",
        help="of `download`: how long a server may be silent (default: %(default)g)",
    )
    given = parser.parse_args(arguments)
    try:
        items = [entry(name) for name in given.name or names()]
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        if given.action == "cache":
            return _cache(clear=given.clear)
        if given.action == "summary":
            return _summaries(items, given.folder)
        return _go_through(items, given.timeout if given.action == "download" else None)
    except KeyboardInterrupt:
        print("\ninterrupted; what has come is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def _cache(*, clear: bool) -> int:
    """Print what is kept of parsed files, or remove it; returns the exit code."""
    for folder, size in inventory():
        print(f"{size / 1e6:10.1f} MB  {folder}")
    if clear:
        clear_all()
    print("all of it removed" if clear else "--clear removes it; official files are never touched")
    return 0


def _summaries(items: Sequence[Entry], folder: Path) -> int:
    """Record the summary of each set's official files; returns the exit code."""
    failed = False
    for item in items:
        try:
            print(record_summary(folder, load(item.name)))
        except (DatasetError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def _go_through(items: Sequence[Entry], seconds: float | None) -> int:
    """Print all that is known of each set, and download it unless `seconds` is None; returns the exit code."""
    print(f"Data home: {data_home()}\nSearched: {', '.join(map(str, folders()))}")
    print("Licences stand here as far as they are known; the publisher's page has the last word. Read it before you download.")
    failed = False
    for item in items:
        print(f"\n{item.name}: {item.title}\n  page     {item.page}\n  licence  {item.licence}\n  cite     {item.citation}")
        for file in item.files[:_LISTED]:
            print(f"  file     {file.name}, {file.size:,} bytes, SHA-256 {file.sha256}")
        if (more := len(item.files) - _LISTED) > 0:
            print(f"  file     and {more:,} more")
        failed |= _bring(item, seconds)
    return 1 if failed else 0


def _present(item: Entry) -> int:
    """How many of the official files of a set are found."""
    try:
        return len(find(item, some=True))
    except DatasetError:
        return 0


def _bring(item: Entry, seconds: float | None) -> bool:
    """Print whether the files of a set are here, download them if asked, and tell whether that failed."""
    if where := status(item.name):
        print(f"  present  {where}")
        return False
    if item.parts and (there := _present(item)):
        print(f"  in part  {there:,} of {len(item.files):,} files; load({item.name!r}, only=present({item.name!r})) takes these")
    # Flushed, so that the licence is read before the first byte is asked for, wherever the output goes.
    print(f"  MISSING  {'from ' + item.url if item.url else 'by hand: ' + item.by_hand}", flush=True)
    if seconds is None or item.url is None:
        return False
    try:
        print(f"  fetched  {fetch(item.name, seconds=seconds)}", flush=True)
    except DatasetError as error:
        print(f"  FAILED   {error}", file=sys.stderr)
        return True
    return False

"""Find data files by what is in them: folders, packed files, SHA-256. Files are read in blocks, never whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from qhelpers.datasets.base import PARTIAL, DatasetError, Entry, Variant, whose
from qhelpers.datasets.known import Memory, forget, now, state

#: Bytes read at a time; also the longest line that a table may have.
BLOCK = 1 << 18
#: An edition has at most this many times the length of the longest known form. What unpacks to more is not read on.
_EDITION = 8

#: In the data home: what is kept of parsed files, and what is remembered of files that were read.
PARSED = "parsed"
_KNOWN = "known-files.json"

_SPREADSHEET = 1 << 20  # lines
_NAMED = 5  # files of a kind that one message names
_INDEX = 1 << 20  # bytes; the index of an xz file is a few bytes for every block of megabytes
_PACKED = (".xz", ".gz")
# What Python's readers raise for torn, hostile or vanished files, as found by flipping bits (the last four: zipfile).
_BROKEN = (
    OSError,
    EOFError,
    MemoryError,
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
    RuntimeError,
    ValueError,
    LookupError,
    struct.error,
)


def data_home() -> Path:
    """Folder that `make data` writes to: ``QHELPERS_HOME``, else ``qhelpers/data`` in the user's data folder (XDG)."""
    if home := os.environ.get("QHELPERS_HOME"):
        return _expanded(home)
    return _expanded(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "qhelpers" / "data"


def folders() -> list[Path]:
    """Folders that are searched, in order: those of ``QHELPERS_DATA`` (a list as in ``PATH``), then the data home."""
    listed = [_expanded(part) for part in os.environ.get("QHELPERS_DATA", "").split(os.pathsep) if part]
    return [*listed, data_home()]


def _expanded(name: str) -> Path:
    return Path(os.path.expanduser(name))  # unlike Path.expanduser, no error for a user who does not exist


def _stem(path: Path, member: str | None, depth: int = 1) -> str:
    """Name without the ending of the packer, in lower case, with as many folders before it as `depth` leaves room for."""
    whole = path.as_posix() if member is None else f"{path.as_posix()}/{member}"
    return "/".join(whole.rsplit("/", depth)[-depth:]).lower().removesuffix(".xz").removesuffix(".gz")


def _depth(item: Entry) -> int:
    """Parts that the longest official name has: some publishers tell files apart by their folders only."""
    return 1 + max(file.name.count("/") for file in item.files)


def _shown(path: Path, member: str | None = None) -> str:
    """A path for messages; odd names (line ends, bytes that are no UTF-8) are written with escapes."""
    text = str(path) if member is None else f"{path}!{member}"
    return text if text.isprintable() else repr(text)


@dataclass(frozen=True)
class Found:
    """A file that was found: where it lies (`member` inside a zip archive), and what is in it, unpacked.

    Attributes
    ----------
    path, member : Path, str or None
        Where.
    sha256 : str
        Of the unpacked content.
    size, lines : int
        Unpacked: bytes, and line ends.
    """

    path: Path
    member: str | None
    sha256: str
    size: int
    lines: int

    def stem(self, depth: int = 1) -> str:
        return _stem(self.path, self.member, depth)

    @property
    def rows(self) -> int:
        """Lines below the first one."""
        return max(self.lines - 1, 0)

    def __str__(self) -> str:
        return _shown(self.path, self.member)

    def blocks(self) -> Iterator[bytes]:
        """Read the unpacked content once more, in blocks.

        Raises
        ------
        DatasetError
            If the file is gone or cannot be read any more, or, at its end, if its content has changed.
        """
        digest, size = hashlib.sha256(), 0
        reading = _blocks(self.path, self.member)
        while True:
            try:
                block = next(reading, b"")
            except _BROKEN as error:
                raise self._gone(error) from error
            digest.update(block)
            size += len(block)
            if size > self.size or (not block and digest.hexdigest() != self.sha256):
                raise self.changed()
            if not block:
                return
            yield block

    def beginning(self) -> Beginning:
        """The first whole lines of the content, at most a block of them."""
        try:
            block = next(_blocks(self.path, self.member), b"")
        except _BROKEN as error:
            raise self._gone(error) from error
        text = block if len(block) == self.size else block[: block.rfind(b"\n") + 1] or block
        return Beginning(self.path, self.member, self.sha256, len(text), text.count(b"\n"), text)

    def _gone(self, error: BaseException) -> DatasetError:
        return DatasetError(f"{self} cannot be read any more ({error}). Load it again when it lies still.")

    def changed(self) -> DatasetError:
        """The error that says that the file is not what it was when it was found."""
        return DatasetError(f"{self} changed while it was read. Load it again when nothing writes to it any more.")


@dataclass(frozen=True)
class Beginning(Found):
    """The first lines of a file as if they were all of it, but with its SHA-256."""

    text: bytes = b""

    def beginning(self) -> Beginning:
        return self

    def blocks(self) -> Iterator[bytes]:
        yield self.text


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file; anything else (a pipe, a device) is refused without waiting for it."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("it is no regular file")
        yield stream


def _blocks(path: Path, member: str | None) -> Iterator[bytes]:
    """The unpacked content of a file, or of a member of a zip archive, in blocks."""
    with _opened(path) as raw:
        if member is not None:
            with zipfile.ZipFile(raw) as archive:
                info = archive.getinfo(member)
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    # For other methods zipfile unpacks as much as there is at once, however little was asked for.
                    raise NotImplementedError("packed by another method than deflate")
                with archive.open(info) as stream:
                    yield from _pieces(stream.read)
        elif path.suffix.lower() == ".xz":
            with lzma.open(raw) as stream:
                yield from _pieces(stream.read)
        elif path.suffix.lower() == ".gz":
            with gzip.open(raw) as stream:
                yield from _pieces(stream.read)
        else:
            yield from _pieces(raw.read)


def _pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(BLOCK):
        yield block


@dataclass(frozen=True)
class _Candidate:
    path: Path
    member: str | None
    size: int | None  # of a member, unpacked

    def stem(self, depth: int) -> str:
        return _stem(self.path, self.member, depth)

    def length(self) -> int | None:
        """Bytes of the unpacked content, as far as that is known without unpacking."""
        if self.member is not None:
            return self.size
        ending = self.path.suffix.lower()
        if ending not in _PACKED:
            return self.path.stat().st_size
        with _opened(self.path) as raw:
            return _xz_size(raw) if ending == ".xz" else _gzip_size(raw)

    def found(self, limit: int, memory: Memory) -> Found:
        """As `read`, but what is remembered of a file is not read again."""
        if content := memory.recall(self.path, self.member):
            if content[1] > limit:
                raise ValueError(_too_long(limit))
            return Found(self.path, self.member, *content)
        before, begun = state(self.path), now()
        found = self.read(limit)
        memory.note(self.path, self.member, before, begun, (found.sha256, found.size, found.lines))
        return found

    def read(self, limit: int) -> Found:
        """Read the content once, for its SHA-256; a ValueError if it is longer than `limit` bytes."""
        digest, size, lines = hashlib.sha256(), 0, 0
        if (self.length() or 0) > limit:
            raise ValueError(_too_long(limit))
        for block in _blocks(self.path, self.member):
            digest.update(block)
            size += len(block)
            lines += block.count(b"\n")
            if size > limit:
                raise ValueError(_too_long(limit))
        return Found(self.path, self.member, digest.hexdigest(), size, lines)


def _too_long(limit: int) -> str:
    return f"it holds more than {limit:,} bytes, which no edition does"


def find(item: Entry, accept: frozenset[str] = frozenset(), *, some: bool = False) -> dict[str, Found]:
    """Find the files of a data set, whatever they are called and however they are packed.

    Files with an expected name are hashed first. Only if these are not enough, files with other names are hashed
    too, and of them only those whose unpacked length fits, which is read without unpacking. What was hashed before and
    has not changed since is not hashed again.

    Parameters
    ----------
    item : Entry
        The data set.
    accept : frozenset of str
        SHA-256 of variants or other editions that may stand in for official files.
    some : bool
        Whether some of the files will do: those that are there.

    Returns
    -------
    dict of str to Found
        By official name, in official order; one entry only if an accepted variant pools all files.

    Raises
    ------
    DatasetError
        If a file is missing (all of them, where `some` will do), or only forms were found that are not the official one and
        were not accepted.
    """
    official = {file.sha256: file.name for file in item.files}
    variants = {variant.sha256: variant for variant in item.variants}
    own = official.keys() | {digest for digest, variant in variants.items() if not variant.belongs_to}
    for digest in sorted(accept - own):
        if other := whose(digest):
            raise DatasetError(
                f"{item.name}: accept names a form of another data set: {other.title}. {_elsewhere(other, digest)}"
            )
    depth = _depth(item)
    named = {file.name.lower(): file.name for file in item.files}
    sizes = {file.size for file in item.files} | {variant.size for variant in item.variants}
    limit = _EDITION * max(sizes)
    names = {*named, *(variant.name.lower() for variant in item.variants)}
    wanted = official.keys() | accept

    hits: dict[str, Found] = {}
    strange: dict[str, Found] = {}  # expected name, of an official file or a variant, and unknown content
    broken: list[str] = []
    others: list[_Candidate] = []

    def likely() -> Iterator[tuple[_Candidate, str]]:
        for candidate in chain.from_iterable(_candidates(folder, depth, names, broken) for folder in folders()):
            if (stem := candidate.stem(depth)) in names:
                yield candidate, stem
            else:
                others.append(candidate)
        yield from ((candidate, "") for candidate in others if _fits(candidate, sizes, broken))

    memory = Memory(data_home() / _KNOWN)
    for candidate, stem in likely():
        try:
            found = candidate.found(limit, memory)
        except _BROKEN as error:
            if stem:
                broken.append(_unreadable(candidate.path, error, candidate.member))
            continue
        if found.sha256 in official or found.sha256 in variants or (found.sha256 in accept and stem in named):
            hits.setdefault(found.sha256, found)
            wanted.discard(found.sha256)
        elif stem:
            strange.setdefault(found.sha256, found)
        if not wanted:
            break
    memory.save()

    unused = sorted(accept - hits.keys())
    if unused:
        said = (
            f"{item.name}: accept names the SHA-256 {unused[0]}, but no file with this content was found. "
            f"Allowed are known variants, and files called {_list(file.name for file in item.files)}. Looked in {_where()}."
        )
        raise DatasetError("\n".join([said, *_some(broken)]))
    for digest in accept & variants.keys():
        if variants[digest].instead_of_all:
            return {variants[digest].name: hits[digest]}
    chosen = _choose(item, hits, accept, variants, named)
    missing = [file.name for file in item.files if file.name not in chosen]
    if some and chosen:
        return {file.name: chosen[file.name] for file in item.files if file.name in chosen}
    if missing:
        raise DatasetError(_complaint(item, missing, hits, strange, broken))
    return {file.name: chosen[file.name] for file in item.files}


def _choose(
    item: Entry,
    hits: dict[str, Found],
    accept: frozenset[str],
    variants: dict[str, Variant],
    named: dict[str, str],
) -> dict[str, Found]:
    """Put every hit in the place of an official file: accepted ones first, then the official ones."""
    official = {file.sha256: file.name for file in item.files}
    chosen: dict[str, Found] = {}
    for digest in sorted(accept & hits.keys()):
        hit = hits[digest]
        if digest in official:
            role = official[digest]
        elif digest in variants:
            role = variants[digest].name
        else:
            role = named[hit.stem(_depth(item))]
        if role in chosen:
            raise DatasetError(f"{item.name}: accept names two files for {role}: {chosen[role]} and {hit}. Accept one of them.")
        chosen[role] = hit
    for file in item.files:
        if file.sha256 in hits:
            chosen.setdefault(file.name, hits[file.sha256])
    return chosen


def _complaint(item: Entry, missing: Sequence[str], hits: dict[str, Found], strange: dict[str, Found], broken: list[str]) -> str:
    """One message for all that is missing: what was found instead, what is official, what to do."""
    digests = {file.name: file.sha256 for file in item.files}
    lines = [f"{item.name}: {_list(missing)} not found in the official form. Looked in {_where()}."]
    for name in missing[:_NAMED]:
        lines.append(f"The official {name} has the SHA-256 {digests[name]}.")
    known = {variant.sha256: variant for variant in item.variants}
    for digest, hit in hits.items():
        if digest in known and (known[digest].name in missing or known[digest].instead_of_all):
            home = known[digest].belongs_to
            use = f"load it with load({home!r})" if home else f"pass accept='{digest}' to load({item.name!r})"
            lines.append(f"{hit} is a known variant: {known[digest].what}. To use it knowingly, {use}.")
    names, depth = {name.lower(): name for name in missing}, _depth(item)
    official = {file.name.lower() for file in item.files}
    lines += [
        f"{hit} has the name of a known variant, but not its content; it cannot stand in for official files."
        for hit in strange.values()
        if hit.stem(depth) not in official
    ]
    unknown = [hit for hit in strange.values() if hit.stem(depth) in names]
    lines += [_unknown(item, names[hit.stem(depth)], hit) for hit in unknown[:_NAMED]]
    lines += [f"{len(unknown) - _NAMED:,} more unknown editions."] if len(unknown) > _NAMED else []
    lines += _some(broken)
    if item.parts and (there := len(digests) - len(missing)):
        lines.append(
            f"The other {there:,} of its {len(digests):,} files are there: load({item.name!r}, only=present({item.name!r})) "
            "takes just these."
        )
    way = "run `make data`" if item.url else f"{item.by_hand} ({data_home()})"
    lines.append(
        f"To get the official files: {way}; or name a folder that holds them in QHELPERS_DATA. Without, use source='twin'."
    )
    return "\n".join(lines)


def _unknown(item: Entry, name: str, hit: Found) -> str:
    """What to say of an unknown file that has the name of an official one: accepting it is offered where it can be read."""
    if other := whose(hit.sha256):
        return f"{hit} has that name, but is a form of another data set: {other.title}. {_elsewhere(other, hit.sha256)}"
    said = f"{hit} has that name, but is an unknown edition with the SHA-256 {hit.sha256} ({hit.size:,} bytes)"
    if item.first_lines and (fault := cut(hit.lines)):
        return f"{said}, and it cannot be read in the place of the official one: line {hit.lines}: {fault}"
    try:
        if item.first_lines:
            item.parse({name: hit.beginning()})
    except (*_BROKEN, DatasetError) as error:
        why = str(error).removeprefix(f"{hit}, ")
        return f"{said}, and it cannot be read in the place of the official one: {why}"
    return f"{said}. To use it knowingly, pass accept='{hit.sha256}' to load({item.name!r})."


def cut(lines: int) -> str | None:
    """What is wrong with a table of just as many lines as a spreadsheet holds, with its header or without."""
    if lines - _SPREADSHEET not in (0, 1):
        return None
    return (
        f"it is the last one, and {_SPREADSHEET:,} is the most that a spreadsheet holds; allowed are all rows. "
        "The file was cut when it was saved: take the official one."
    )


def _elsewhere(other: Entry, sha256: str) -> str:
    official = sha256 in (file.sha256 for file in other.files)
    return f"Load it with load({other.name!r})." if official else f"Load it with load({other.name!r}, accept='{sha256}')."


def _some(broken: Sequence[str]) -> list[str]:
    more = [f"{len(broken) - _NAMED:,} more files or folders there cannot be read."] if len(broken) > _NAMED else []
    return [*broken[:_NAMED], *more]


def _list(names: Iterable[str]) -> str:
    given = list(names)
    return ", ".join(given[:_NAMED]) + (f" and {len(given) - _NAMED:,} more" if len(given) > _NAMED else "")


def _where() -> str:
    def said(folder: Path) -> str:
        if os.path.isdir(folder):
            return _shown(folder)
        return f"{_shown(folder)} ({'is no folder' if os.path.lexists(folder) else 'does not exist'})"

    return ", ".join(map(said, folders()))


def _unreadable(path: Path, error: BaseException, member: str | None = None) -> str:
    why = error.strerror if isinstance(error, OSError) and error.strerror else error  # an OSError's own text repeats the path
    return f"{_shown(path, member)} cannot be read ({why}); unpack it by hand, or fetch it again."


def _candidates(folder: Path, depth: int, names: Container[str], broken: list[str]) -> Iterator[_Candidate]:
    """All regular files under a folder and all members of its zip archives, but for what is kept of parsed files.

    What cannot be listed, and what has one of the expected `names` but is no file, is said in `broken`.
    """

    def unlisted(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):  # `_where` says that
            broken.append(f"{_shown(Path(error.filename))} cannot be listed ({error.strerror}); may you read this folder?")

    home = str(data_home())
    for root, children, leaves in os.walk(folder, onerror=unlisted):
        if root == home and PARSED in children:
            children.remove(PARSED)
        children.sort()
        for name in sorted([*leaves, *children]):
            path = Path(root, name)
            if not os.path.isfile(path):
                if _stem(path, None, depth) in names:
                    kind = (
                        "a folder" if os.path.isdir(path) else "a pipe or a device" if os.path.exists(path) else "a broken link"
                    )
                    broken.append(f"{_shown(path)} is {kind}; a file is needed.")
            elif path.suffix.lower() == ".zip":
                try:
                    with _opened(path) as raw, zipfile.ZipFile(raw) as archive:
                        inside = [info for info in archive.infolist() if not info.filename.endswith("/")]
                except _BROKEN as error:
                    broken.append(_unreadable(path, error))
                else:
                    yield from (_Candidate(path, info.filename, info.file_size) for info in inside)
            elif path.suffix.lower() != PARTIAL:
                yield _Candidate(path, None, None)


def _fits(candidate: _Candidate, sizes: Container[int], broken: list[str]) -> bool:
    """Whether a file has one of these lengths, unpacked; what cannot be looked into is said in `broken`."""
    try:
        return candidate.length() in sizes
    except _BROKEN as error:
        broken.append(_unreadable(candidate.path, error))
        return False


def _gzip_size(stream: BinaryIO) -> int | None:
    """Unpacked length from the last four bytes of a gzip file (RFC 1952: ISIZE)."""
    if stream.seek(0, io.SEEK_END) < 18:
        return None
    stream.seek(-4, io.SEEK_END)
    return int.from_bytes(stream.read(4), "little")


def _xz_size(stream: BinaryIO) -> int | None:
    """Unpacked length from the indices of an xz file (the .xz file format, sections 2.1 and 4), read from its end."""
    end, total = stream.seek(0, io.SEEK_END), 0
    try:
        while end > 0:
            stream.seek(end - 12)
            footer = stream.read(12)
            if footer[-2:] != b"YZ":
                return None
            index_size = 4 * (int.from_bytes(footer[4:8], "little") + 1)
            if index_size > _INDEX:
                return None
            stream.seek(end - 12 - index_size)
            numbers = _xz_numbers(stream.read(index_size)[1:-4])
            blocks = 0
            for _ in range(next(numbers)):
                blocks += -(-next(numbers) // 4) * 4
                total += next(numbers)
            end -= 24 + index_size + blocks
    except (OSError, ValueError, StopIteration):  # torn: places that are not there, numbers that end too early
        return None
    return total


def _xz_numbers(index: bytes) -> Iterator[int]:
    """Whole numbers of seven bits a byte, lowest first, as an xz index holds them."""
    value = shift = 0
    for byte in index:
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:  # longest number of the format: a hostile one could be of megabytes
            return
        if byte < 0x80:
            yield value
            value = shift = 0


def forget_all(files: Iterable[Found]) -> None:
    """Drop what is remembered of files that turned out to be something else."""
    forget(data_home() / _KNOWN, [(found.path, found.member) for found in files])

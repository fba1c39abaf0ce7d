"""Find data files by what is in them: folders, packed files, SHA-256, and tables with line numbers in their errors."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from qhelpers.datasets.base import DatasetError, Entry, Variant

_PACKED = (".xz", ".gz")
_BROKEN = (OSError, EOFError, RuntimeError, NotImplementedError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)


def data_home() -> Path:
    """Folder that `make data` writes to: ``QHELPERS_HOME``, else ``qhelpers/data`` in the user's data folder (XDG)."""
    if home := os.environ.get("QHELPERS_HOME"):
        return Path(home).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "qhelpers" / "data"


def folders() -> list[Path]:
    """Folders that are searched, in order: those of ``QHELPERS_DATA`` (a list as in ``PATH``), then the data home."""
    listed = [Path(part).expanduser() for part in os.environ.get("QHELPERS_DATA", "").split(os.pathsep) if part]
    return [*listed, data_home()]


def _stem(path: Path, member: str | None) -> str:
    """Name without folders and without the ending of the packer, in lower case."""
    name = Path(member or path.name).name.lower()
    return name.removesuffix(".xz").removesuffix(".gz")


@dataclass(frozen=True)
class Found:
    """A file that was found, unpacked: its content, its SHA-256, and where it lies (`member` inside a zip archive)."""

    path: Path
    member: str | None
    sha256: str
    content: bytes = field(repr=False)

    @property
    def stem(self) -> str:
        return _stem(self.path, self.member)

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"


@dataclass(frozen=True)
class _Candidate:
    path: Path
    member: str | None
    size: int | None  # unpacked, known without unpacking

    @property
    def stem(self) -> str:
        return _stem(self.path, self.member)

    def read(self) -> Found:
        if self.member is not None:
            with zipfile.ZipFile(self.path) as archive:
                content = archive.read(self.member)
        elif self.path.suffix.lower() == ".xz":
            content = lzma.decompress(self.path.read_bytes())
        elif self.path.suffix.lower() == ".gz":
            content = gzip.decompress(self.path.read_bytes())
        else:
            content = self.path.read_bytes()
        return Found(self.path, self.member, hashlib.sha256(content).hexdigest(), content)


def find(item: Entry, accept: frozenset[str] = frozenset()) -> dict[str, Found]:
    """Find the files of a data set, whatever they are called and however they are packed.

    Files with an expected name are hashed first. Only if these are not enough, files with other names are hashed
    too, and of them only those whose unpacked length fits, which is read without unpacking.

    Parameters
    ----------
    item : Entry
        The data set.
    accept : frozenset of str
        SHA-256 of variants or other editions that may stand in for official files.

    Returns
    -------
    dict of str to Found
        By official name, in official order; one entry only if an accepted variant pools all files.

    Raises
    ------
    DatasetError
        If a file is missing, or only forms were found that are not the official one and were not accepted.
    """
    official = {file.sha256: file.name for file in item.files}
    variants = {variant.sha256: variant for variant in item.variants}
    named = {file.name.lower(): file.name for file in item.files}
    sizes = {file.size for file in item.files} | {variant.size for variant in item.variants}
    names = {*named, *(variant.name.lower() for variant in item.variants)}
    wanted = set(official) | accept

    hits: dict[str, Found] = {}
    strange: dict[str, Found] = {}  # expected name, unknown content
    broken: list[str] = []
    candidates = [candidate for folder in folders() for candidate in _candidates(folder)]
    first = [candidate for candidate in candidates if candidate.stem in names]
    others = [candidate for candidate in candidates if candidate.stem not in names and candidate.size in sizes]
    for candidate in (*first, *others):
        if wanted <= hits.keys():
            break
        try:
            found = candidate.read()
        except _BROKEN as error:
            if candidate.stem in names:
                broken.append(f"{candidate.path} cannot be read ({error}); unpack it by hand, or fetch it again.")
            continue
        if found.sha256 in official or found.sha256 in variants:
            hits.setdefault(found.sha256, found)
        elif candidate.stem in named:
            hits.setdefault(found.sha256, found) if found.sha256 in accept else strange.setdefault(found.sha256, found)

    unused = sorted(accept - hits.keys())
    if unused:
        raise DatasetError(
            f"{item.name}: accept names the SHA-256 {unused[0]}, but no file with this content was found. "
            f"Allowed are known variants, and files called {', '.join(named.values())}. Looked in {_where()}."
        )
    for digest in accept & variants.keys():
        if variants[digest].instead_of_all:
            return {variants[digest].name: hits[digest]}
    chosen = _choose(item, hits, accept, variants, named)
    missing = [file.name for file in item.files if file.name not in chosen]
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
            role = named[hit.stem]
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
    lines = [f"{item.name}: {', '.join(missing)} not found in the official form. Looked in {_where()}."]
    for name in missing:
        lines.append(f"The official {name} has the SHA-256 {digests[name]}.")
    known = {variant.sha256: variant for variant in item.variants}
    for digest, hit in hits.items():
        if digest in known and (known[digest].name in missing or known[digest].instead_of_all):
            home = known[digest].belongs_to
            use = f"load it with load({home!r})" if home else f"pass accept='{digest}' to load({item.name!r})"
            lines.append(f"{hit} is a known variant: {known[digest].what}. To use it knowingly, {use}.")
    for digest, hit in strange.items():
        if any(hit.stem == name.lower() for name in missing):
            lines.append(
                f"{hit} has that name, but is an unknown edition with the SHA-256 {digest} "
                f"({len(hit.content):,} bytes). To use it knowingly, pass accept='{digest}' to load({item.name!r})."
            )
    lines += broken
    way = "run `make data`" if item.url else f"{item.by_hand} ({data_home()})"
    lines.append(
        f"To get the official files: {way}; or name a folder that holds them in QHELPERS_DATA. Without, use source='twin'."
    )
    return "\n".join(lines)


def _where() -> str:
    return ", ".join(str(folder) + ("" if folder.is_dir() else " (does not exist)") for folder in folders())


def _candidates(folder: Path) -> Iterator[_Candidate]:
    """All regular files under a folder and all members of its zip archives, with their unpacked length."""
    for root, children, names in os.walk(folder):
        children.sort()
        for name in sorted(names):
            path = Path(root, name)
            if not path.is_file():
                continue
            ending = path.suffix.lower()
            try:
                if ending == ".zip":
                    with zipfile.ZipFile(path) as archive:
                        inside = [info for info in archive.infolist() if not info.is_dir()]
                    yield from (_Candidate(path, info.filename, info.file_size) for info in inside)
                elif ending in _PACKED:
                    with path.open("rb") as stream:
                        yield _Candidate(path, None, _xz_size(stream) if ending == ".xz" else _gzip_size(stream))
                else:
                    yield _Candidate(path, None, path.stat().st_size)
            except _BROKEN:
                yield _Candidate(path, None, None)


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
        if byte < 0x80:
            yield value
            value = shift = 0


def read_table(label: str, content: bytes, header: Sequence[str], n_fields: int, *, bom: bool) -> pd.DataFrame:
    """Split a comma-separated file into text fields, strictly: line k of the file is row k - 2.

    Parameters
    ----------
    label : str
        Name of the file for messages.
    content : bytes
        The unpacked file.
    header : sequence of str
        Names that the first line must hold, in this order (quotes around a name are allowed).
    n_fields : int
        Fields that every other line must hold. Where it is one more than the header's names, the first field
        has no name and the column is called ``row``.
    bom : bool
        Whether the first line may start with a byte order mark.

    Returns
    -------
    pandas.DataFrame
        Text as it stands, without quotes.

    Raises
    ------
    DatasetError
        With file and line of the first fault.
    """
    try:
        text = content.decode("utf-8-sig" if bom else "utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{label}, line {line}: byte {content[error.start]:#04x} is not UTF-8; fetch the file again."
        ) from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[-1] == "":
        lines.pop()
    names = [name.strip('"') for name in lines[0].split(",")] if lines else []
    if names != list(header):
        raise DatasetError(
            f"{label}, line 1: the header is {','.join(names)!r}; allowed is {','.join(header)!r}. "
            "Is it another data set, or was the file saved by a spreadsheet? Fetch it again."
        )
    rows = [line.split(",") for line in lines[1:]]
    for number, fields in enumerate(rows, start=2):
        if len(fields) != n_fields:
            raise DatasetError(
                f"{label}, line {number}: {len(fields)} fields; allowed are {n_fields}. Was the file cut or edited? "
                "Fetch it again."
            )
    if not rows:
        raise DatasetError(f"{label}: no rows below the header; at least one is needed. Fetch the file again.")
    columns = ["row", *header] if n_fields == len(header) + 1 else list(header)
    return pd.DataFrame(
        {name: [field.strip('"') for field in column] for name, column in zip(columns, zip(*rows, strict=True), strict=True)}
    )


def numbers(label: str, table: pd.DataFrame, column: str) -> np.ndarray:
    """A text column as finite ``float64``; the message of a `DatasetError` names file, line and value."""
    values = np.empty(len(table))
    for row, text in enumerate(table[column]):
        try:
            values[row] = float(text) if "_" not in text else np.nan
        except ValueError:
            values[row] = np.nan
    refuse(label, table, column, ~np.isfinite(values), "a finite number")
    return values


def times(label: str, table: pd.DataFrame, column: str, pattern: str, example: str) -> np.ndarray:
    """A text column as ``datetime64[s]``, read with one pattern only; errors name file, line and value."""
    parsed = pd.to_datetime(table[column], format=pattern, errors="coerce")
    refuse(label, table, column, parsed.isna().to_numpy(), f"a time such as {example}")
    return parsed.to_numpy().astype("datetime64[s]")


def refuse(label: str, table: pd.DataFrame, column: str, bad: np.ndarray, allowed: str) -> None:
    """Raise a `DatasetError` for the first row that is marked bad, naming file, line, column and value."""
    if bad.any():
        row = int(np.argmax(bad))
        raise DatasetError(
            f"{label}, line {row + 2}: {column} is {table[column].iloc[row]!r}; allowed is {allowed} "
            f"({int(bad.sum()):,} such line{'s' if bad.sum() > 1 else ''}). Fetch the file again, or mend it by hand."
        )

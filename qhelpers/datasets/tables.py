"""Read tables of text strictly and block by block; every error names file and line.

Each column states in one regular expression what a field of it may look like. A block of lines that follows these
expressions from end to end holds nothing that a reader could repair silently, and only then NumPy's reader turns it
into numbers. So memory never holds more than one block beside the arrays that the loader fills.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

import numpy as np

from qhelpers.datasets.base import DatasetError
from qhelpers.datasets.files import BLOCK, Found, cut

_NUMBER = r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"
_BOM = b"\xef\xbb\xbf"
_ROWS = 1 << 14  # at a time, where words are written out
_AGAIN = "Fetch the file again, or mend it by hand."


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        Name in the header.
    form : str
        Regular expression that a whole field must match, quotes not included; it matches no comma and no line end.
    dtype : str
        What NumPy makes of the field: ``"f8"``, ``"i8"``, or bytes wide enough for every match, such as ``"S19"``.
    allowed : str
        The form in words, for messages.
    quoted : bool
        Whether a field may stand in double quotes.
    unnamed : bool
        Whether the header leaves this column out, as some programs do with row numbers.
    """

    name: str
    form: str
    dtype: str
    allowed: str
    quoted: bool = False
    unnamed: bool = False


def decimal(name: str) -> Column:
    """A column of finite decimal numbers, read exactly: digits, a point, an exponent; no blanks, no other marks."""
    return Column(name, _NUMBER, "f8", "a finite number")


def whole(name: str, *, quoted: bool = False, unnamed: bool = False) -> Column:
    """A column of whole numbers from 0 on."""
    return Column(name, "[0-9]{1,18}", "i8", "a whole number", quoted, unnamed)


def one_of(name: str, words: Sequence[str]) -> Column:
    """A column that holds one of a few words."""
    form = "|".join(re.escape(word) for word in words)
    said = f"{', '.join(words[:-1])} or {words[-1]}"
    return Column(name, f"(?:{form})", f"S{max(map(len, words))}", said)


@dataclass(frozen=True)
class Layout:
    """How a table is written: what stands between two fields, and whether its first line is a header.

    Where the separator is a blank, more of them may end a line, as some programs leave them.
    """

    separator: str = ","
    header: bool = True

    @property
    def first(self) -> int:
        """Number of the line that holds row 0."""
        return 2 if self.header else 1

    def fields(self, line: bytes) -> list[bytes]:
        """The fields of a line whose end was taken off."""
        return (line.rstrip(b" ") if self.separator == " " else line).split(self.separator.encode())

    def form(self, fields: Sequence[str], ending: str) -> str:
        """Regular expression of a whole line."""
        return self.separator.join(fields) + (" *" if self.separator == " " else "") + re.escape(ending)


#: Fields between commas below a header; fields between single blanks without one.
COMMAS, BLANKS = Layout(), Layout(" ", header=False)


@dataclass(frozen=True)
class Block:
    """Rows that follow one another: ``block[name]`` holds their values in a column, `rows` says which rows they are."""

    label: str
    columns: Sequence[Column]
    rows: slice
    values: np.ndarray = field(repr=False)
    text: bytes = field(repr=False)
    layout: Layout = COMMAS

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    def refuse(self, *rules: tuple[str, np.ndarray, str]) -> None:
        """Raise a `DatasetError` for the first row that breaks one of some rules, naming file, line, column and value.

        Parameters
        ----------
        *rules : tuple of str, numpy.ndarray, str
            A column, which rows break its rule (booleans), and what is allowed instead, in words.
        """
        broken = [(int(np.argmax(bad)), name, allowed) for name, bad, allowed in rules if bad.any()]
        if broken:
            row, name, allowed = min(broken, key=itemgetter(0))
            place = next(k for k, column in enumerate(self.columns) if column.name == name)
            where = f"{self.label}, line {self.rows.start + row + self.layout.first}"
            raise _wrong(where, name, _field(self.text, row, place, self.layout), allowed)


def read_table(found: Found, columns: Sequence[Column], *, bom: bool = False, layout: Layout = COMMAS) -> Iterator[Block]:
    """Read a file strictly: line k of the file is row k - 2, or k - 1 where there is no header.

    All lines end as the first one does, with LF or CRLF, the last one too; each holds exactly one field a column.

    Parameters
    ----------
    found : Found
        The file. It is checked against its SHA-256 once more while it is read.
    columns : sequence of Column
        All columns, in the order of the file.
    bom : bool
        Whether the first line may start with a byte order mark.
    layout : Layout
        `COMMAS` or `BLANKS`.

    Yields
    ------
    Block
        All rows of the file, in order, at most as many as `found` has lines, less the header.

    Raises
    ------
    DatasetError
        With file and line of the first fault, or if the file is not the one that was found.
    """
    label = str(found)
    if why := cut(found.lines):
        raise DatasetError(f"{label}, line {found.lines}: {why}")
    pieces = _whole_lines(label, found.blocks())
    first = next(pieces, b"")
    end = first.find(b"\n") + 1
    if layout.header:
        ending = _header(label, first[:end], columns, bom=bom)
    else:
        ending, end = "\r\n" if first[:end].endswith(b"\r\n") else "\n", 0
    fields = [f'(?:"{column.form}"|{column.form})' if column.quoted else column.form for column in columns]
    lines = re.compile(f"(?:{layout.form(fields, ending)})*+".encode())
    delimiter = None if layout.separator == " " else layout.separator
    dtype = np.dtype([(column.name, column.dtype) for column in columns])
    quotechar = '"' if any(column.quoted for column in columns) else None
    row = 0
    for text in chain(filter(None, [first[end:]]), pieces):
        fault = None
        if not lines.fullmatch(text):
            text, fault = _good_lines(label, text, row + layout.first, columns, ending, layout)
        values = np.empty(0, dtype)
        if text:
            values = np.loadtxt(
                io.BytesIO(text), dtype, delimiter=delimiter, comments=None, quotechar=quotechar, ndmin=1, encoding="latin1"
            )
        for place, column in enumerate(columns):
            if column.dtype == "f8" and len(values) and not (finite := np.isfinite(values[column.name])).all():
                values = values[: np.argmin(finite)]
                value = _field(text, len(values), place, layout)
                fault = _wrong(f"{label}, line {row + len(values) + layout.first}", column.name, value, column.allowed)
        if row + len(values) > found.lines - layout.header:
            raise found.changed()
        if len(values):
            yield Block(label, columns, slice(row, row + len(values)), values, text, layout)
            row += len(values)
        if fault:  # only now: the loader may find fault with a line before
            raise fault
    if not row:
        where = "below the header" if layout.header else "in it"
        raise DatasetError(f"{label}, line {layout.first}: no rows {where}; at least one is needed. Fetch the file again.")


def fields_below(found: Found) -> int:
    """How many fields the first line below the header has."""
    lines = found.beginning().text.split(b"\n", 2)
    return lines[1].count(b",") + 1 if len(lines) > 1 else 0


def _whole_lines(label: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut blocks anew, behind line ends; what is behind the last line end is a fault, and so is a line without end."""
    rest, line = b"", 1
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            text = rest + block[:cut]
            line += text.count(b"\n")
            yield text
            rest = block[cut:]
        else:
            rest += block
        if len(rest) > BLOCK:
            raise DatasetError(
                f"{label}, line {line}: {BLOCK:,} bytes without a line end; no table has such lines. Is it another kind of "
                "file? Fetch it again."
            )
    if rest:
        raise DatasetError(
            f"{label}, line {line}: the line starts with {_shown(rest)} and has no line end; every line needs one. Was the "
            "file cut? Fetch it again."
        )


def _header(label: str, line: bytes, columns: Sequence[Column], *, bom: bool) -> str:
    """Check the first line; returns the line end."""
    ending = "\r\n" if line.endswith(b"\r\n") else "\n"
    text = line.removesuffix(ending.encode())
    names = [column.name for column in columns if not column.unnamed]
    given = [_unquoted(name) for name in (text.removeprefix(_BOM) if bom else text).split(b",")]
    if given != [name.encode() for name in names]:
        why = _header_fault(text, given, columns)
        allowed = ",".join(names)
        allowed = allowed if len(allowed) <= 400 else f"{allowed[:300]}..."
        raise DatasetError(f"{label}, line 1: the header is {_shown(text)}; allowed is {allowed!r}. {why}")
    return ending


def _header_fault(text: bytes, given: Sequence[bytes], columns: Sequence[Column]) -> str:
    """What is wrong with a header, as far as it tells, and what to do."""
    names = [column.name.encode() for column in columns if not column.unnamed]
    if text.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in text:
        return "It is no text of one byte a letter (UTF-16?); save it as UTF-8, or take the official file."
    if text.startswith(_BOM) and [_unquoted(name) for name in text.removeprefix(_BOM).split(b",")] == names:
        return "It starts with a byte order mark; save it without, or take the official file."
    if given[1:] == names and given[0] in (b"", b"Unnamed: 0"):
        return (
            f"Its first line has {len(given)} columns, the first unnamed: an index was saved with it; save it without, "
            "or take the official file."
        )
    if (other := re.sub(rb"[;\t|]", b",", text)) != text and [_unquoted(name) for name in other.split(b",")] == names:
        return "Its columns are not separated by commas; save it with commas, or take the official file."
    for form in (columns, [column for column in columns if not column.unnamed]):
        if len(form) == len(given) and all(re.fullmatch(c.form.encode(), g) for c, g in zip(form, given, strict=True)):
            return "It has no header: its first line holds values already. Put the header before it, or take the official file."
    if [name.strip().lower() for name in given] == [name.lower() for name in names]:
        strange = next(name for name, right in zip(given, names, strict=True) if name != right)
        return f"Its {_shown(strange)} is written in another way; write every name as it is there, or take the official file."
    if sorted(given) == sorted(names):
        return "Its columns stand in another order; put them into the official one, or take the official file."
    missing = [_shown(name) for name in names if name not in given]
    lacks = f"It lacks {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}. " if missing else ""
    return f"{lacks}Is it another data set, or was the file saved by a spreadsheet? Take the official file."


def _unquoted(name: bytes) -> bytes:
    return name[1:-1] if re.fullmatch(rb'"[^"]*"', name) else name


def _good_lines(
    label: str, text: bytes, first: int, columns: Sequence[Column], ending: str, layout: Layout
) -> tuple[bytes, DatasetError]:
    """The lines before the first one that does not follow the columns' forms, and what is wrong with that one.

    `first` is the number of the first line of `text`.
    """
    good = 0
    for number, line in enumerate(io.BytesIO(text), start=first):
        if fault := _fault(f"{label}, line {number}", line, columns, ending, layout):
            return text[:good], fault
        good += len(line)
    raise AssertionError("every line follows the columns' forms, but the block of them does not")


def _fault(where: str, line: bytes, columns: Sequence[Column], ending: str, layout: Layout) -> DatasetError | None:
    if line.endswith(b"\r\n") != (ending == "\r\n"):
        other = "LF" if ending == "\r\n" else "CRLF"
        return DatasetError(
            f"{where}: it ends with {other}, unlike line 1; allowed is one kind of line end in a file. "
            "Were two files joined, or was it edited? Fetch it again."
        )
    fields = layout.fields(line.removesuffix(ending.encode()))
    if len(fields) != len(columns):
        return DatasetError(
            f"{where}: {len(fields)} fields; allowed are {len(columns)}. Was the file cut or edited? Fetch it again."
        )
    for value, column in zip(fields, columns, strict=True):
        inside = value[1:-1] if column.quoted and re.fullmatch(rb'"[^"]*"', value) else value
        if not re.fullmatch(column.form.encode(), inside):
            return _wrong(where, column.name, value, column.allowed)
    return None


def _field(text: bytes, row: int, place: int, layout: Layout) -> bytes:
    return layout.fields(text.split(b"\n")[row].removesuffix(b"\r"))[place]


def _wrong(where: str, name: str, value: bytes, allowed: str) -> DatasetError:
    return DatasetError(f"{where}: {name} is {_shown(value)}; allowed is {allowed}. {_AGAIN}")


def _shown(value: bytes) -> str:
    """Some bytes of a file in a message: readable whatever they are, and short."""
    text = value[:60].decode("utf-8", "backslashreplace")
    return repr(text if len(value) <= 60 else f"{text}...")


def times(texts: np.ndarray) -> np.ndarray:
    """Times such as ``2015-02-04 17:51:00`` as ``datetime64[s]``; what is no day of the calendar becomes NaT."""
    try:
        return texts.astype("U").astype("datetime64[s]")
    except ValueError:
        return each(texts, lambda text: np.datetime64(text.decode(), "s"), np.datetime64("NaT", "s"))


def each(texts: np.ndarray, convert: Callable[[bytes], object], otherwise: np.generic) -> np.ndarray:
    """Convert every distinct text once; one that `convert` refuses with a ValueError becomes `otherwise`."""

    def one(text: bytes) -> object:
        try:
            return convert(text)
        except ValueError:
            return otherwise

    distinct, where = np.unique(texts, return_inverse=True)
    return np.array([one(text) for text in distinct], otherwise.dtype)[where]


def spelled(codes: np.ndarray, words: np.ndarray) -> np.ndarray:
    """``words[codes]``, without the wide index of all rows that NumPy would make on the way."""
    result = np.empty(len(codes), words.dtype)
    for start in range(0, len(codes), _ROWS):
        result[start : start + _ROWS] = words[codes[start : start + _ROWS]]
    return result

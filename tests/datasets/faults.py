"""Faults that are put into good files, at random, and files of another kind; `contract` tries them on each data set."""

import io
import lzma
import zipfile

import numpy as np
import pandas as pd
from hypothesis import strategies as st

# Each takes a file, a place in it (0 to 1), bytes and a number; the file with one fault comes back.
ODD = [
    b"",
    b" ",
    b"nan",
    b"inf",
    b"1e400",
    b"-1",
    b"1_0",
    b"1,5",
    b"1 000",
    b"0x1F",
    b'"1"',
    b"'1'",
    b"1.0",
    b"2",
    b"attack",
    b"TRUE",
]
ODD += [
    b"2015-02-30 00:00:00",
    b"31-Jun-19",
    b"25-APR-19",
    b"24:00:00",
    b"\0",
    b"\xff",
    b"\xd9\xa1",
    b"\xef\xbc\x91",
    b"?",
    b"1\r2",
]


def _at(raw, place):
    return min(int(place * len(raw)), len(raw) - 1)


def _lines(change):
    def fault(raw, place, some, number):
        lines = raw.splitlines(keepends=True)
        return b"".join(change(lines, min(int(place * len(lines)), len(lines) - 1), some, number))

    return fault


def _fields(change):
    def one_line(lines, at, some, number):
        fields = lines[at].rstrip(b"\r\n").split(b",")
        end = lines[at][len(lines[at].rstrip(b"\r\n")) :]
        return [*lines[:at], b",".join(change(fields, number % len(fields), some, number)) + end, *lines[at + 1 :]]

    return _lines(one_line)


FAULTS = {
    "flip": lambda raw, place, some, _: raw[: _at(raw, place)] + some[:1] + raw[_at(raw, place) + 1 :],
    "insert": lambda raw, place, some, _: raw[: _at(raw, place)] + some + raw[_at(raw, place) :],
    "delete": lambda raw, place, _, number: raw[: _at(raw, place)] + raw[_at(raw, place) + number :],
    "cut": lambda raw, place, _, __: raw[: _at(raw, place)],
    "cut off the head": lambda raw, place, _, __: raw[_at(raw, place) :],
    "no last line end": lambda raw, *_: raw.rstrip(b"\r\n"),
    "blank line": _lines(lambda lines, at, _, __: [*lines[:at], b"\n", *lines[at:]]),
    "blank lines at the end": lambda raw, *_: raw + b"\n\n",
    "double a line": _lines(lambda lines, at, _, __: [*lines[:at], lines[at], *lines[at:]]),
    "drop a line": _lines(lambda lines, at, _, __: [*lines[:at], *lines[at + 1 :]]),
    "swap lines": _lines(lambda lines, at, _, __: [*lines[:at], *lines[at : at + 2][::-1], *lines[at + 2 :]]),
    "move a line": _lines(
        lambda lines, at, _, number: [*lines[:at], *lines[at + 1 :][:number], lines[at], *lines[at + 1 :][number:]]
    ),
    "header again": _lines(lambda lines, at, _, __: [*lines[:at], lines[0], *lines[at:]]),
    "twice": lambda raw, *_: raw + raw,
    "twice, no header": _lines(lambda lines, *_: lines + lines[1:]),
    "line end": _lines(
        lambda lines, at, some, _: [
            *lines[:at],
            lines[at].rstrip(b"\r\n") + (b"\r\n", b"\n", b"\r")[some[0] % 3],
            *lines[at + 1 :],
        ]
    ),
    "line ends": lambda raw, _, some, __: b"".join(line + (b"\r\n", b"\n", b"\r")[some[0] % 3] for line in raw.splitlines()),
    "swap fields": _fields(lambda fields, k, _, __: [*fields[:k], *fields[k : k + 2][::-1], *fields[k + 2 :]]),
    "swap columns": lambda raw, place, some, number: b"".join(
        FAULTS["swap fields"](line, 0, some, number) for line in raw.splitlines(keepends=True)
    ),
    "odd field": _fields(lambda fields, k, some, _: [*fields[:k], ODD[some[0] % len(ODD)], *fields[k + 1 :]]),
    "odd ending": _fields(lambda fields, k, some, _: [*fields[:k], fields[k] + ODD[some[0] % len(ODD)], *fields[k + 1 :]]),
    "quoted field": _fields(lambda fields, k, *_: [*fields[:k], b'"' + fields[k] + b'"', *fields[k + 1 :]]),
    "padded field": _fields(lambda fields, k, *_: [*fields[:k], b" " + fields[k], *fields[k + 1 :]]),
    "drop a field": _fields(lambda fields, k, *_: [*fields[:k], *fields[k + 1 :]]),
    "comma at the end": lambda raw, *_: raw.replace(b"\n", b",\n").replace(b"\r,", b",\r"),
    "delimiter": lambda raw, _, some, __: raw.replace(b",", (b";", b"\t", b"|", b" ")[some[0] % 4]),
    "decimal comma": lambda raw, *_: raw.replace(b".", b","),
    "mark": lambda raw, *_: b"\xef\xbb\xbf" + raw,
    "UTF-16": lambda raw, *_: raw.decode("utf-8-sig", "replace").encode("utf-16"),
    "UTF-16 without mark": lambda raw, *_: raw.decode("utf-8-sig", "replace").encode("utf-16-le"),
    "Latin-1": lambda raw, place, *_: (raw[: _at(raw, place)] + b"\xe9\xb0" + raw[_at(raw, place) :]).removeprefix(
        b"\xef\xbb\xbf"
    ),
}

SOME = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\0", b" ", b"_", b".", b"-", b"e", b"E", b"+", b";", b"0", b"9", b"\xff", b"\xc3\xa9"]
)
#: What is drawn: kind, place, bytes, a number, which file.
FAULT = st.tuples(
    st.sampled_from(sorted(FAULTS)),
    st.floats(0, 1),
    SOME | st.binary(min_size=1, max_size=3),
    st.integers(1, 12),
    st.integers(0, 2),
)


def _xlsx():
    stream = io.BytesIO()
    pd.DataFrame({"date": [1.5]}).to_csv(stream)  # what is inside does not matter: an .xlsx is a zip archive
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", stream.getvalue() * 50)
    return packed.getvalue()


#: Files of another kind.
OTHERS = {
    "empty": b"",
    "one line end": b"\n",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40,
    "xlsx": _xlsx(),
    "xz": lzma.compress(b"a,b\n1,2\n"),
    "HTML": b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n",
    "NUL": bytes(100_000),
    "random": np.random.default_rng(0).bytes(300_000),
    "one long line": b"1," * 500_000,
    "ten thousand columns": b",".join(b"%d" % k for k in range(10_000)) + b"\n",
    "a pointer of git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
}

"""Tables are read strictly: one form a column, every line like the first one, every error with file and line."""

import dataclasses
import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhelpers import datasets
from qhelpers.datasets import files, tables
from qhelpers.datasets.tables import Column, decimal, one_of, read_table, times, whole

AB = (decimal("a"), decimal("b"))


def read(tmp_path, content, columns=AB, *, bom=False):
    """All values of a file by column."""
    path = tmp_path / "some.csv"
    path.write_bytes(content)
    found = files._Candidate(path, None, None).read(1 << 40)
    blocks = list(read_table(found, columns, bom=bom))
    assert [block.rows.stop for block in blocks[:-1]] == [block.rows.start for block in blocks[1:]]
    return {column.name: np.concatenate([block[column.name] for block in blocks]).tolist() for column in columns}


def fault(tmp_path, content, columns=AB, **options):
    with pytest.raises(datasets.DatasetError) as caught:
        read(tmp_path, content, columns, **options)
    assert str(caught.value).startswith(f"{tmp_path}/some.csv, line ")
    return str(caught.value).removeprefix(f"{tmp_path}/some.csv, ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the header is ''; allowed is 'a,b'"),
        (b"\n", "line 1: the header is ''; allowed is 'a,b'"),
        (b"a,b", "line 1: the line starts with 'a,b' and has no line end"),
        (b"a,c\n1,2\n", "line 1: the header is 'a,c'"),
        (b"b,a\n1,2\n", "line 1: the header is 'b,a'"),
        (b"A,b\n1,2\n", "line 1: the header is 'A,b'"),
        (b"a,b,\n1,2\n", "line 1: the header is 'a,b,'"),
        (b" a,b\n1,2\n", "line 1: the header is ' a,b'"),
        (b'a,"b\n1,2\n', "line 1: the header is 'a,\"b'"),
        (b'a,""b""\n1,2\n', 'line 1: the header is \'a,""b""\''),
        (b"a;b\n1;2\n", "line 1: the header is 'a;b'"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "line 1: the header is '\\ufeffa,b'"),
        (b"\xff\xfea\0,\0b\0\n\0", "line 1: the header is '\\\\xff\\\\xfea\\x00"),
        (b"a,b\n", "line 2: no rows below the header"),
        (b"a,b\n1,2\n3\n", "line 3: 1 fields; allowed are 2"),
        (b"a,b\n1,2\n\n3,4\n", "line 3: 1 fields"),
        (b"a,b\n1,2\n\n", "line 3: 1 fields"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields"),
        (b"a,b\n1,2\n1,2,\n", "line 3: 3 fields"),
        (b"a,b\n1,2\n3,4", "line 3: the line starts with '3,4' and has no line end"),
        (b"a,b\n1,2\n3,4\r\n", "line 3: it ends with CRLF, unlike line 1"),
        (b"a,b\r\n1,2\r\n3,4\n", "line 3: it ends with LF, unlike line 1"),
        (b"a,b\r1,2\r3,4\r", "line 1: the line starts with 'a,b\\r1"),
        (b"a,b\n1,2\r3,4\n", "line 2: 3 fields"),
        (b"a,b\n1,2\n1,\xff\n", "line 3: b is '\\\\xff'; allowed is a finite number"),
        (b"a,b\n1,2\na,b\n1,2\n", "line 3: a is 'a'"),
        (b'a,b\n1,"2"\n', "line 2: b is '\"2\"'"),
    ],
)
@pytest.mark.parametrize("size", [2, 7, files.BLOCK])
def test_faults_name_file_and_line(tmp_path, monkeypatch, content, message, size):
    monkeypatch.setattr(files, "BLOCK", size)  # lines are cut at borders of blocks in every way
    assert fault(tmp_path, content).startswith(message)


# Python, NumPy, pandas or a spreadsheet would take each of these for a number, or for "missing".
NO_NUMBERS = ["", " ", "x", "nan", "NaN", "NA", "inf", "-Infinity", "1e400", "-1e999", "1_0", "1 2", " 1", "1 ", "\t1", "1\0"]
NO_NUMBERS += ["0x10", "1.2.3", "1e", "1e5e5", "--1", "+-1", ".", "+", "e5", "1.5e+-3", "1d5", "1j", "True", "'1'", "1%", "$1"]
NO_NUMBERS += ["\u0661", "\uff11", "\u22121", "1\u00a0000", "1.000.000", "1'000", "\u00bd", "1;5", "#N/A", "#REF!", "=1+1"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_named_with_its_line(tmp_path, text):
    message = fault(tmp_path, f"a,b\n1,2\n1,{text}\n5,6\n".encode())
    assert message.startswith("line 3: b is ") and "allowed is a finite number" in message


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["r", ".17g", ".3f", "E"]), st.sampled_from("+-"))
@settings(deadline=None)
def test_numbers_are_exact(tmp_path_factory, value, form, sign):
    text = repr(value) if form == "r" else format(value, form)
    text = sign + text.lstrip("-")
    assert read(tmp_path_factory.getbasetemp(), f"a,b\n{text},.5\n7.,{text}\n".encode()) == {
        "a": [float(text), 7.0],
        "b": [0.5, float(text)],
    }


def test_quotes_and_an_unnamed_column_where_they_are_allowed(tmp_path):
    columns = (
        whole("row", quoted=True, unnamed=True),
        Column("day", "[a-z]{3}", "S3", "a day", quoted=True),
        one_of("on", ("0", "1")),
    )
    assert read(tmp_path, b'"day",on\n"1","mon",0\n2,tue,1\n', columns) == {
        "row": [1, 2],
        "day": [b"mon", b"tue"],
        "on": [b"0", b"1"],
    }
    for line, message in [
        (b'"1,"mon",0', "row is '\"1'; allowed is a whole number"),
        (b'1",mon,0', "row is '1\"'"),
        (b'""1"",mon,0', 'row is \'""1""\''),
        (b'1,"mo""n",0', 'day is \'"mo""n"\'; allowed is a day'),
        (b"1,'mon',0", "day is \"'mon'\""),
        (b'1,"mon,tue",0', "4 fields"),
        (b'1,mon,"0"', "on is '\"0\"'; allowed is 0 or 1"),
        (b"1.0,mon,0", "row is '1.0'"),
        (b"-1,mon,0", "row is '-1'"),
        (b"1,mon,00", "on is '00'"),
    ]:
        assert fault(tmp_path, b'"day",on\n1,mon,0\n' + line + b"\n", columns).startswith(f"line 3: {message}")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [40, 1000, 4096])
def test_lines_are_counted_across_blocks(tmp_path, monkeypatch, ending, size):
    monkeypatch.setattr(files, "BLOCK", size)
    lines = ["a,b", *(f"{k},{k * k}" for k in range(2, 702))]
    whole_file = read(tmp_path, "".join(line + ending for line in lines).encode())
    assert whole_file == {"a": list(range(2, 702)), "b": [k * k for k in range(2, 702)]}
    for number in [2, 3, 50, 333, 334, 335, 700, 701]:
        for bad, said in [("x,1", "a is 'x'"), ("1", "1 fields"), ("1e999,1", "a is '1e999'")]:
            changed = [*lines[: number - 1], bad, *lines[number:]]
            assert fault(tmp_path, "".join(line + ending for line in changed).encode()).startswith(f"line {number}: {said}")


def test_what_a_loader_refuses_comes_before_a_later_fault(tmp_path):
    """Rows before a line of a bad form reach the loader first, so that the first bad line is the one that is named."""
    for bad in (b"x,1", b"1", b"1e999,1"):
        path = tmp_path / "some.csv"
        path.write_bytes(b"a,b\n1,2\n-3,4\n5,6\n" + bad + b"\n")
        blocks = read_table(files._Candidate(path, None, None).read(1 << 40), AB)
        block = next(blocks)
        assert block["a"].tolist() == [1, -3, 5]
        with pytest.raises(datasets.DatasetError, match="line 3: a is '-3'; allowed is more"):
            block.refuse(("b", block["b"] > 5, "less"), ("a", block["a"] < 0, "more"))
        with pytest.raises(datasets.DatasetError, match="line 5: "):
            next(blocks)


def test_more_rows_than_were_counted_are_not_taken(tmp_path):
    path = tmp_path / "some.csv"
    path.write_bytes(b"a,b\n1,2\n3,4\n")
    found = files._Candidate(path, None, None).read(1 << 40)
    with pytest.raises(datasets.DatasetError, match="changed while it was read"):
        list(read_table(dataclasses.replace(found, lines=2), AB))


def test_a_line_without_end_is_not_read_on(tmp_path):
    message = fault(tmp_path, b"a,b\n1,2\n" + b"1" * (3 * files.BLOCK))
    assert message.startswith("line 3: 262,144 bytes without a line end")
    assert fault(tmp_path, b"x" * (3 * files.BLOCK)).startswith("line 1: 262,144 bytes without a line end")


def test_messages_stay_short(tmp_path):
    assert len(fault(tmp_path, b"a,b\n" + b"x" * 100_000 + b",2\n")) < 500
    assert len(fault(tmp_path, b",".join(b"%d" % k for k in range(10_000)) + b"\n1,2\n")) < 500


def test_a_byte_order_mark_only_where_it_is_allowed(tmp_path):
    for content in (b"\xef\xbb\xbfa,b\n1,2\n", b"a,b\n1,2\n"):
        assert read(tmp_path, content, bom=True) == {"a": [1], "b": [2]}
    assert fault(tmp_path, b"\xef\xbb\xbf\xef\xbb\xbfa,b\n1,2\n", bom=True).startswith("line 1: the header is")
    assert fault(tmp_path, b"a,b\n\xef\xbb\xbf1,2\n", bom=True).startswith("line 2: a is ")


@given(st.datetimes(min_value=datetime.datetime(1, 1, 1)) | st.text("0123456789", min_size=14, max_size=14))
@settings(deadline=None)
def test_times_are_those_of_the_calendar(moment):
    """Days such as 30 February are no times; Python's own reader says which are."""
    if isinstance(moment, str):
        text = f"{moment[:4]}-{moment[4:6]}-{moment[6:8]} {moment[8:10]}:{moment[10:12]}:{moment[12:]}"
    else:
        text = f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0")
    try:
        expected = np.datetime64(datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S"), "s")
    except ValueError:
        expected = np.datetime64("NaT", "s")
    good = b"2015-02-04 17:51:00"
    got = times(np.array([good, text.encode()], "S19"))
    assert got.dtype == np.dtype("datetime64[s]") and got[0] == np.datetime64("2015-02-04T17:51:00")
    assert got[1] == expected or (np.isnat(expected) and np.isnat(got[1])) or text.startswith("0000")


def test_spelled_is_a_lookup(monkeypatch):
    monkeypatch.setattr(tables, "_ROWS", 3)
    codes, words = np.array([0, 2, 1, 1, 0, 2, 2], "int8"), np.array(["x", "yy", "zzz"])
    for length in (0, 1, 3, 4, 6, 7):
        assert tables.spelled(codes[:length], words).tolist() == words[codes[:length]].tolist()

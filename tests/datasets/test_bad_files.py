"""Bad files: one fault put into a good file, at random; then odd things in its place. An error names file and line.

There is no third outcome: a file is refused by file and line, or its arrays are what a plain reader (`plain`) finds in it.
"""

import csv
import hashlib
import io
import lzma
import re
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhelpers import datasets

FULL, SMALL = "ton_iot_gps", "ton_iot_gps_38960"
SETS = {
    "occupancy": ("datatest.txt", "datatraining.txt", "datatest2.txt"),
    FULL: ("Train_Test_IoT_GPS_Tracker.csv",),
    SMALL: ("Train_Test_IoT_GPS_Tracker_38960.csv",),
}
POOLED = "7f84fc99a679e9562ed1d5945ac9f6864cf54b6334a09e220b8fac8e7c743e4c"


def small(name):
    """Small good files in the official forms, by name."""
    if name != "occupancy":
        rows = [
            "1556242299,25-Apr-19, 18:31:39 ,116.5217044,132.1625042,1,ddos",
            "1554061012, 31-Mar-19,12:36:52,0,10,0,normal",
            "1554141600,1-Apr-19,11:00:00,1.5,1.125E-05,0,normal",
            "1556433000,27-Apr-19,23:30:00,33.25,47.5,1,backdoor",
        ]
        lines = ["ts,date,time,latitude,longitude,label,type", *rows]
        lines = lines if name == FULL else [line.split(",", 1)[1] for line in lines]
        return {SETS[name][0]: ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()}
    header = '"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"'
    files = {}
    for file, start, first in zip(
        SETS[name], ("2015-02-02 23:57", "2015-02-04 17:51", "2015-02-11 14:48"), (98, 1, 1), strict=True
    ):
        quote = "" if file == "datatest2.txt" else '"'
        lines = [
            f'"{first + k}",{quote}{time}{quote},23.1{k},27.2,{400.5 * (k % 2)},{700 + k}.25,0.00479298817650{k},{k % 2}'
            for k, time in enumerate(pd.date_range(start, periods=5, freq="60s"))
        ]
        files[file] = ("\n".join([header, *lines]) + "\n").encode()
    return files


def write(folder, content):
    """Write files by name; returns the SHA-256 of each."""
    for name, raw in content.items():
        (folder / name).write_bytes(raw)
    return [hashlib.sha256(raw).hexdigest() for raw in content.values()]


def plain(content):
    """What files hold, read as simply as can be: rows of (time, label, family, numbers)."""
    rows = []
    for name, raw in content.items():
        reader = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
        header = next(reader)
        for fields in reader:
            if "GPS" in name:
                fields = dict(zip(header, fields, strict=True))
                when = datetime.strptime(f"{fields['date'].strip()} {fields['time'].strip()}", "%d-%b-%y %H:%M:%S")
                numbers = [float(fields["latitude"]), float(fields["longitude"])]
                rows.append((when, int(fields["label"]), fields["type"], numbers))
            else:
                date, *numbers, label = fields[-7:]
                rows.append((datetime.strptime(date, "%Y-%m-%d %H:%M:%S"), int(label), None, [float(x) for x in numbers]))
    return rows


def assert_holds(data, content):
    rows = plain(content)
    assert data.time.tolist() == [row[0] for row in rows]
    assert data.y.tolist() == [row[1] for row in rows]
    assert (data.family is None) == (rows[0][2] is None)
    assert data.family is None or data.family.tolist() == [row[2] for row in rows]
    np.testing.assert_array_equal(data.X.to_numpy(), np.array([row[3] for row in rows]))


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
    "UTF-16": lambda raw, *_: raw.decode("utf-8-sig").encode("utf-16"),
    "UTF-16 without mark": lambda raw, *_: raw.decode("utf-8-sig").encode("utf-16-le"),
    "Latin-1": lambda raw, place, *_: (raw[: _at(raw, place)] + b"\xe9\xb0" + raw[_at(raw, place) :]).removeprefix(
        b"\xef\xbb\xbf"
    ),
}


def refused(name, files):
    """Load files in the folder that is searched; the error that refuses them, or else the data."""
    folder = next(iter(datasets.folders()))
    hashes = write(folder, files)
    try:
        return None, datasets.load(name, accept=hashes)
    except datasets.DatasetError as error:
        said = re.match(rf"{re.escape(str(folder))}/(\S+), line (\d+): ", str(error))
        if not said:
            pytest.fail(f"no file and line in: {error}")
        return (said[1], int(said[2]), str(error)), None


def outcome(name, content, changed, fault):
    """Load files of which one is changed; how it ended: "same", "refused" or "loaded".

    All that stands before the line that an error names must be good: it loads if it is all there is.
    """
    raw = content[changed]
    if fault == raw:
        return "same"
    if fault in content.values():
        return "twin"  # two files of one content cannot be told apart
    error, data = refused(name, content | {changed: fault})
    if error is None:
        assert_holds(data, content | {changed: fault})
        return "loaded"
    file, line, text = error
    lines = fault.split(b"\n")
    if "overlap in time" in text:  # the first time of a file is not after the last one of the file before
        assert line == 2 and file in (changed, *SETS[name][SETS[name].index(changed) + 1 :][:1])
    else:
        assert file == changed
        same = next((k for k, (a, b) in enumerate(zip(raw, fault, strict=False)) if a != b), min(len(raw), len(fault)))
        assert raw[:same].count(b"\n") <= line <= len(lines), text
        before = b"\n".join(lines[: line - 1]) + b"\n"
        if line > 2 and before not in content.values():
            earlier, _ = refused(name, content | {changed: before})
            assert earlier is None or "overlap in time" in earlier[2], f"{text}\nbut before it: {earlier}"
    return "refused"


SOME = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\0", b" ", b"_", b".", b"-", b"e", b"E", b"+", b";", b"0", b"9", b"\xff", b"\xc3\xa9"]
)
FAULT = st.tuples(
    st.sampled_from(sorted(FAULTS)),
    st.floats(0, 1),
    SOME | st.binary(min_size=1, max_size=3),
    st.integers(1, 12),
    st.integers(0, 2),
)


@pytest.mark.parametrize("name", SETS)
def test_small_files_are_good(folder, name):
    content = small(name)
    assert_holds(datasets.load(name, accept=write(folder, content)), content)


@pytest.mark.parametrize("kind", sorted(FAULTS))
@pytest.mark.parametrize("name", SETS)
def test_every_kind_of_fault(folder, name, kind):
    rng = np.random.default_rng(len(kind))
    for _ in range(6):
        content = small(name)
        changed = SETS[name][rng.integers(len(SETS[name]))]
        outcome(name, content, changed, FAULTS[kind](content[changed], rng.random(), rng.bytes(2), int(rng.integers(1, 12))))


def try_one(name, drawn):
    kind, place, some, number, which = drawn
    content = small(name)
    changed = SETS[name][which % len(SETS[name])]
    return outcome(name, content, changed, FAULTS[kind](content[changed], place, some, number))


QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=150, **QUIET)
@given(drawn=FAULT)
def test_one_fault_is_refused_or_harmless(folder, name, drawn):
    try_one(name, drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
@settings(max_examples=4000, **QUIET)
@given(drawn=FAULT)
def test_thousands_of_faults_are_refused_or_harmless(folder, name, drawn):
    try_one(name, drawn)


def test_both_outcomes_occur(folder):
    """A changed digit cannot be noticed in an accepted file; a changed form is."""
    for name, (old, new) in {"occupancy": (b"27.2", b"27.3"), FULL: (b"116.5", b"116.6"), SMALL: (b"116.5", b"116.6")}.items():
        content = small(name)
        changed = SETS[name][-1]
        assert outcome(name, content, changed, content[changed].replace(old, new, 1)) == "loaded"
        assert outcome(name, content, changed, content[changed].replace(old, new + b"_0", 1)) == "refused"


# --- the official files with faults put in -----------------------------------------------------------------------


def official_faults(name, contents, folder, seed, rounds):
    """Put faults into official files: the official load refuses each by its hash, the accepted one as small files."""
    rng = np.random.default_rng(seed)
    kinds = sorted(FAULTS)
    ended = []
    for _ in range(rounds):
        changed = list(contents)[rng.integers(len(contents))]
        kind, some = kinds[rng.integers(len(kinds))], rng.bytes(int(rng.integers(1, 4)))
        raw = contents[changed]
        fault = FAULTS[kind](raw, rng.random(), some, int(rng.integers(1, 12)))
        if fault == raw:
            ended.append("same")
            continue
        broken = contents | {changed: fault}
        write(folder, broken)
        known = {variant.sha256 for variant in datasets.entry(name).variants}
        with pytest.raises(datasets.DatasetError) as caught:
            datasets.load(name)
        digest = hashlib.sha256(fault).hexdigest()
        assert f"{folder}/{changed}" in str(caught.value) and digest in str(caught.value)
        assert digest in known or "unknown edition" in str(caught.value)
        error, data = refused(name, broken)
        ended.append("loaded" if error is None else "refused")
        if error is None:
            assert_holds(data, broken)
    return ended


@pytest.mark.needs_data
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("rounds", [6, pytest.param(250, marks=pytest.mark.slow)])
def test_official_files_with_one_fault(official_files, folder, name, rounds):
    ended = official_faults(name, official_files(name), folder, seed=rounds, rounds=rounds)
    print(name, {kind: ended.count(kind) for kind in ("refused", "loaded", "same")})
    assert ended.count("refused") >= rounds / 3


@pytest.mark.needs_data("occupancy")
@pytest.mark.parametrize("rounds", [4, pytest.param(250, marks=pytest.mark.slow)])
def test_the_pooled_file_with_one_fault(official_files, folder, rounds):
    """The pooled file has no name of an official one: changed, it is not even to be accepted."""
    parts = official_files("occupancy")
    lines = [raw.decode().splitlines()[1:] for raw in parts.values()]
    rng = np.random.default_rng(rounds)
    raw = ("a,b\n" + "\n".join(",".join(line.split(",")[1:]) for part in lines for line in part) + "\n").encode()
    assert hashlib.sha256(raw).hexdigest() != POOLED
    for _ in range(rounds):
        kind = sorted(FAULTS)[rng.integers(len(FAULTS))]
        fault = FAULTS[kind](raw, rng.random(), rng.bytes(2), int(rng.integers(1, 12)))
        (folder / "Occupancy.csv").write_bytes(fault)
        for accept in (None, POOLED, hashlib.sha256(fault).hexdigest()):
            with pytest.raises(datasets.DatasetError, match=r"not found|no file with this content"):
                datasets.load("occupancy", accept=accept)


@pytest.mark.needs_data("occupancy", FULL, SMALL)
def test_official_files_under_each_others_names(official, official_files, folder):
    """Content decides: swapped names load as before, and the smaller GPS edition is not taken for the larger one."""
    raw = official_files("occupancy")
    write(folder, dict(zip(raw, [*list(raw.values())[1:], next(iter(raw.values()))], strict=True)))
    data = datasets.load("occupancy")
    assert data.X.equals(official("occupancy").X) and (data.official == official("occupancy").official).all()
    (full,), (less,) = official_files(FULL).values(), official_files(SMALL).values()
    write(folder, {SETS[FULL][0]: less})
    with pytest.raises(datasets.DatasetError, match="the edition of 38,960 rows"):
        datasets.load(FULL)
    write(folder, {SETS[SMALL][0]: full})
    assert datasets.load(FULL).X.equals(official(FULL).X) and datasets.load(SMALL).X.equals(official(SMALL).X)


# --- files of another kind ---------------------------------------------------------------------------------------


def _xlsx():
    stream = io.BytesIO()
    pd.DataFrame({"date": [1.5]}).to_csv(stream)  # what is inside does not matter: an .xlsx is a zip archive
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", stream.getvalue() * 50)
    return packed.getvalue()


OTHERS = {
    "empty": b"",
    "one line end": b"\n",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40,
    "xlsx": _xlsx(),
    "xz": lzma.compress(small(FULL)[SETS[FULL][0]]),
    "HTML": b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n",
    "NUL": bytes(100_000),
    "random": np.random.default_rng(0).bytes(300_000),
    "one long line": b"1," * 500_000,
    "ten thousand columns": b",".join(b"%d" % k for k in range(10_000)) + b"\n",
    "a pointer of git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", SETS)
def test_a_file_of_another_kind(folder, name, kind):
    content = small(name)
    changed = SETS[name][-1]
    hashes = write(folder, content | {changed: OTHERS[kind]})
    with pytest.raises(datasets.DatasetError) as caught:
        datasets.load(name, accept=hashes)
    assert str(caught.value).startswith(f"{folder}/{changed}, line 1: ")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "occupancy",
            b"2015-02-11 14:50:00",
            b"2015-02-30 14:50:00",
            "line 4: date is '2015-02-30 14:50:00'; allowed is a time such as",
        ),
        ("occupancy", b",702.25,", b",1e400,", "line 4: CO2 is '1e400'; allowed is a finite number"),
        ("occupancy", b",702.25,", b",-702.25,", "line 4: CO2 is '-702.25'; allowed is a number of at least 0"),
        ("occupancy", b",702.25,", b",702,25,", "line 4: 9 fields; allowed are 8"),
        ("occupancy", b'"3",', b'"3.0",', "line 4: row is '\"3.0\"'; allowed is a whole number"),
        (FULL, b"1554141600", b"1554141600.7", "line 4: ts is '1554141600.7'; allowed is a whole number"),
        (FULL, b"1-Apr-19", b"31-Apr-19", "line 4: date is '31-Apr-19'; allowed is a day such as 25-Apr-19"),
        (FULL, b"1-Apr-19", b"1-apr-19", "line 4: date is '1-apr-19'; allowed is a day"),
        (FULL, b"11:00:00", b"11:60:00", "line 4: time is '11:60:00'; allowed is a time"),
        (SMALL, b",0,normal\r\n27", b",attack,normal\r\n27", "line 4: label is 'attack'; allowed is 0 or 1"),
        (SMALL, b"1.5,", b"1.5\0,", "line 4: latitude is '1.5\\x00'"),
    ],
)
def test_what_was_let_through_or_named_no_line(folder, name, old, new, message):
    content = small(name)
    changed = SETS[name][-1]
    assert content[changed].count(old) == 1
    with pytest.raises(datasets.DatasetError, match=re.escape(f"/{changed}, {message}")):
        datasets.load(name, accept=write(folder, content | {changed: content[changed].replace(old, new)}))


def test_a_hundred_sessions_of_a_kind_keep_their_names(folder):
    """ "ransomware 100" is longer than the official names of sessions, and is not cut to "ransomware 10"."""
    start = datetime(2019, 4, 1)
    times = [start + k * pd.Timedelta("2h") for k in range(101)]
    lines = [f"{t:%d-%b-%y},{t:%H:%M:%S},1,2,1,ransomware" for t in times]
    raw = ("\r\n".join(["date,time,latitude,longitude,label,type", *lines]) + "\r\n").encode()
    groups = datasets.load(SMALL, accept=write(folder, {SETS[SMALL][0]: raw})).groups
    assert groups[-1] == "ransomware 101" and len(set(groups)) == 101

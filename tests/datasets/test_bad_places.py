"""Odd things in the place of files: pipes, devices, links, folders, bombs, torn archives, files that change or vanish.

Everything here is real (a FIFO, a sparse file of a terabyte, rights taken away); an alarm ends a test that would hang.
"""

import gzip
import hashlib
import io
import lzma
import os
import random
import signal
import struct
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from qhelpers import datasets
from qhelpers.datasets import files, loading
from qhelpers.datasets.base import OfficialFile
from qhelpers.datasets.files import find

GOOD = b"".join(b"%d,a line of text\n" % number for number in range(300))
ITEM = replace(
    datasets.entry("occupancy"),
    files=(OfficialFile("one.txt", len(GOOD), hashlib.sha256(GOOD).hexdigest()),),
    variants=(),
)
HEADER = b'"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"\n'
SMALL = {
    name: HEADER + f'"1","{time}",23,27,0,700,0.004,0\n'.encode()
    for name, time in [
        ("datatest.txt", "2015-02-02 14:19:00"),
        ("datatraining.txt", "2015-02-04 17:51:00"),
        ("datatest2.txt", "2015-02-11 14:48:00"),
    ]
}
HASHES = [hashlib.sha256(raw).hexdigest() for raw in SMALL.values()]


@pytest.fixture(autouse=True)
def no_hanging():
    """End a test that waits for a pipe or reads without end."""

    def stop(*_):
        raise RuntimeError("the test hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextmanager
def somebody():
    """Without root's right to read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder(folder, tmp_path_factory):
    """The searched folder, in reach of a user without rights; what tests took away is given back."""
    top = folder.parent
    while top != Path("/tmp") and top.parent != top:
        mode = top.stat().st_mode
        if top.stat().st_uid == os.geteuid() and not mode & 0o001:
            top.chmod(mode | 0o055)
        top = top.parent
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755)


def refusal(item=ITEM, accept=()):
    with pytest.raises(datasets.DatasetError) as caught:
        find(item, frozenset(accept))
    text = str(caught.value)
    text.encode()  # can be printed whatever a file is called
    return text


def place_pipe(path):
    os.mkfifo(path)


def place_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.mkdir, "is a folder"),
        (place_pipe, "is a pipe or a device"),
        (place_loop, "is a broken link"),
        (lambda path: path.symlink_to(path.parent / "nowhere"), "is a broken link"),
        (lambda path: path.symlink_to("/dev/zero"), "is a pipe or a device"),
        (lambda path: path.symlink_to(path.parent), "is a folder"),
    ],
    ids=["folder", "pipe", "loop", "dangling", "endless device", "link to its folder"],
)
@pytest.mark.parametrize("name", ["one.txt", "one.txt.xz", "other.bin", "other.zip"])
def test_what_is_no_file_is_named_and_never_waited_for(folder, make, said, name):
    make(folder / name)
    text = refusal()
    assert "one.txt not found in the official form" in text
    assert (f"{folder / name} {said}; a file is needed." in text) == name.startswith("one.txt")
    (folder / "good").mkdir()
    (folder / "good" / "one.txt").write_bytes(GOOD)
    assert find(ITEM)["one.txt"].size == len(GOOD)


def test_a_file_without_the_right_to_read_it(open_folder):
    for name in ("one.txt", "one.txt.gz"):
        (open_folder / name).write_bytes(GOOD)
        (open_folder / name).chmod(0)
    with somebody():
        text = refusal()
        assert f"{open_folder}/one.txt cannot be read (Permission denied)" in text
        assert f"{open_folder}/one.txt.gz cannot be read (Permission denied)" in text
        assert "Permission denied" in refusal(accept=["0" * 64])


@pytest.mark.parametrize("mode", [0o000, 0o311, 0o444])
def test_a_folder_without_the_right_to_read_it(open_folder, mode):
    closed = open_folder / "closed"
    closed.mkdir()
    (closed / "one.txt").write_bytes(GOOD)
    closed.chmod(mode)
    with somebody():
        text = refusal()
    assert f"{closed} cannot be listed (Permission denied)" in text or f"{closed}/one.txt" in text


def test_entries_of_the_search_path_that_are_no_folders(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(GOOD)
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(
        "QHELPERS_DATA", f"{tmp_path / 'file'}::{tmp_path / 'none'}:~no-such-user/data:{tmp_path}/bad\nname:{tmp_path / 'real'}"
    )
    (tmp_path / "real").mkdir()
    text = refusal()
    assert f"{tmp_path}/file (is no folder), {tmp_path}/none (does not exist), ~no-such-user/data (does not exist)" in text
    assert "bad\\nname' (does not exist)" in text
    assert f"{tmp_path}/real" in text and f"{tmp_path}/real (" not in text


@pytest.mark.parametrize("raw", [b"\xff\xfe.csv", b"two\nlines.csv", b"caf\xe9/one.txt", b"\x1b[31m.csv", b" "])
def test_names_of_any_bytes(folder, raw):
    path = os.fsencode(folder) + b"/" + raw
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(GOOD)
    found = find(ITEM)["one.txt"]
    assert b"".join(found.blocks()) == GOOD
    assert str(found).isprintable()
    str(found).encode()
    with open(path, "wb") as stream:
        stream.write(b"x" * len(GOOD))
    assert "not found" in refusal()


# --- bombs -------------------------------------------------------------------------------------------------------


@contextmanager
def little_memory(limit=16e6):
    """The peak of this process grows by less than `limit` bytes (a fixed cost, whatever the file)."""

    def kilobytes(key):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key))

    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("needs /proc/self/clear_refs (Linux)")
    Path("/proc/self/clear_refs").write_text("5")
    before = kilobytes("VmHWM")
    yield
    assert (kilobytes("VmHWM") - before) * 1024 < limit


def bomb(path, size):
    """`size` zero bytes, packed as the name says."""
    if path.suffix == ".xz":
        with lzma.open(path, "wb", preset=0) as stream:
            stream.writelines(bytes(1 << 20) for _ in range(size >> 20))
    elif path.suffix == ".gz":
        with gzip.open(path, "wb") as stream:
            stream.writelines(bytes(1 << 20) for _ in range(size >> 20))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("one.txt", "w") as stream:
            stream.writelines(bytes(1 << 20) for _ in range(size >> 20))
    else:
        with path.open("wb") as stream:
            stream.truncate(size)


@pytest.mark.parametrize("name", ["one.txt.xz", "one.txt.gz", "one.zip", "one.txt"])
@pytest.mark.parametrize("lie", [False, True])
def test_bombs_are_not_unpacked(folder, monkeypatch, name, lie):
    bomb(folder / name, 64 << 20)
    if lie:  # as if the length told in the file fitted
        monkeypatch.setattr(files, "_xz_size", lambda _: len(GOOD))
        raw = (folder / name).read_bytes()
        if name.endswith(".gz"):
            (folder / name).write_bytes(raw[:-4] + len(GOOD).to_bytes(4, "little"))
        if name.endswith(".zip"):
            (folder / name).write_bytes(raw.replace(struct.pack("<L", 64 << 20), struct.pack("<L", len(GOOD))))
    with little_memory():
        text = refusal()
    said = "Bad CRC-32" if lie and name.endswith(".zip") else f"more than {8 * len(GOOD):,} bytes, which no edition does"
    assert said in text or (lie and name == "one.zip" and "cannot be read" in text)


def test_a_file_of_a_terabyte_is_not_read(folder):
    bomb(folder / "one.txt", 1 << 40)
    bomb(folder / "another.csv", 1 << 40)
    with little_memory():
        assert "no edition does" in refusal()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_methods_that_unpack_without_measure_are_refused(folder, method):
    """Python's zipfile unpacks these whole, 256 KB of bzip2 to gigabytes, however few bytes are asked for."""
    with zipfile.ZipFile(folder / "one.zip", "w", method) as archive, archive.open("one.txt", "w") as stream:
        stream.writelines(bytes(1 << 20) for _ in range(64))
    raw = (folder / "one.zip").read_bytes()
    (folder / "one.zip").write_bytes(raw.replace(struct.pack("<L", 64 << 20), struct.pack("<L", len(GOOD))))
    with little_memory():
        assert "packed by another method than deflate" in refusal()


def test_a_hostile_xz_index_takes_neither_time_nor_memory():
    for index in (b"\xff" * 1_000_000, b"\0" + b"\xff" * 900_000):
        footer = bytes(4) + (len(index) // 4 - 1).to_bytes(4, "little") + b"\0\4YZ"
        assert files._xz_size(io.BytesIO(bytes(2_000_000) + index + footer)) is None
    huge = bytes(4) + b"\xff\xff\xff\x3f" + b"\0\4YZ"
    assert files._xz_size(io.BytesIO(bytes(1_000_000) + huge)) is None


def test_a_long_file_without_a_line_end_takes_little_memory(folder):
    bomb(folder / "long.csv", 100 << 20)
    with little_memory():
        found = files._Candidate(folder / "long.csv", None, None).read(1 << 30)
        with pytest.raises(datasets.DatasetError, match="line 1: 262,144 bytes without a line end"):
            list(loading.entry("occupancy").parse({"datatest.txt": found}))


# --- torn and flipped archives -----------------------------------------------------------------------------------


def packed(ending):
    if ending == ".xz":
        return lzma.compress(GOOD)
    if ending == ".gz":
        return gzip.compress(GOOD)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/one.txt", GOOD)
        archive.writestr("readmé.txt", b"hello")
    return stream.getvalue()


@pytest.mark.parametrize("ending", [".xz", ".gz", ".zip"])
@pytest.mark.parametrize("rounds", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_archives_with_a_fault_give_the_file_or_an_error(folder, ending, rounds):
    rng, whole, good = random.Random(rounds), packed(ending), 0
    for round_ in range(rounds):
        raw = bytearray(whole)
        kind = rng.randrange(4)
        if round_ == 0:
            pass  # one without a fault: else all could be refused
        elif kind == 0:
            del raw[rng.randrange(len(raw)) :]
        elif kind == 1:
            place = rng.randrange(len(raw))
            raw[place:place] = rng.randbytes(rng.randrange(1, 9))
        else:
            for _ in range(rng.choice([1, 1, 1, 2, 5])):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
        (folder / f"one.txt{ending}").write_bytes(raw)
        try:
            found = find(ITEM)["one.txt"]
        except datasets.DatasetError as error:
            assert "one.txt not found" in str(error)  # noqa: PT017 (most raise, some do not)
        else:
            assert b"".join(found.blocks()) == GOOD
            good += 1
    assert 0 < good < rounds / 2


def test_a_member_whose_name_was_lost_hides_no_other(folder):
    raw = packed(".zip")
    assert raw.count("readmé.txt".encode()) == 2
    (folder / "one.zip").write_bytes(raw.replace("readmé.txt".encode(), b"\0eadm\xc3\xa9.txt"))  # a name ends at a zero byte
    assert find(ITEM)["one.txt"].member == "a/one.txt"


def test_an_archive_in_a_crowd_of_broken_ones(folder):
    for number in range(20):
        (folder / f"{number}.zip").write_bytes(b"PK\3\4 torn")
    text = refusal()
    assert text.count("cannot be read (File is not a zip file)") == 5 and "15 more files or folders there cannot be read" in text
    (folder / "z.zip").write_bytes(packed(".zip"))
    assert find(ITEM)["one.txt"].member == "a/one.txt"


def test_what_a_download_left_unfinished_is_no_data(folder):
    (folder / "one.txt.part").write_bytes(GOOD)
    assert "not found" in refusal()


# --- files that change under our hands ---------------------------------------------------------------------------


def rewrite(raw):
    return lambda path: path.write_bytes(raw)


def to_pipe(path):
    path.unlink()
    os.mkfifo(path)


CHANGED = SMALL["datatest2.txt"].replace(b"700", b"701")
EVENTS = {
    "gone": (Path.unlink, "cannot be read any more"),
    "a pipe": (to_pipe, "cannot be read any more"),
    "emptied": (rewrite(b""), "changed while it was read"),
    "cut": (rewrite(SMALL["datatest2.txt"][:-5]), "changed while it was read"),
    "another value": (rewrite(CHANGED), "changed while it was read"),
    "longer": (rewrite(SMALL["datatest2.txt"] + b'"2","2015-02-11 14:49:00",23,27,0,700,0.004,0\n'), "changed while it was read"),
    "another header": (rewrite(CHANGED.replace(b"CO2", b"CO3")), "line 1: the header|changed"),
}


@pytest.mark.parametrize("event", EVENTS)
def test_a_file_that_changes_between_finding_and_reading(folder, monkeypatch, event):
    for name, raw in SMALL.items():
        (folder / name).write_bytes(raw)
    happen, said = EVENTS[event]

    def find_then(*arguments):
        found = find(*arguments)
        happen(folder / "datatest2.txt")
        return found

    assert len(datasets.load("occupancy", accept=HASHES)) == 3
    monkeypatch.setattr(loading, "find", find_then)
    with pytest.raises(datasets.DatasetError, match=rf"datatest2\.txt.* ({said})|datatest2\.txt, ({said})"):
        datasets.load("occupancy", accept=HASHES)


@pytest.mark.parametrize("happen", [Path.unlink, to_pipe], ids=["gone", "a pipe"])
@pytest.mark.parametrize("name", ["one.txt", "one.txt.gz"])
def test_a_file_that_changes_between_listing_and_finding(folder, monkeypatch, happen, name):
    (folder / name).write_bytes(GOOD if name == "one.txt" else gzip.compress(GOOD))
    genuine = files._Candidate.read

    def read_late(candidate, limit):
        happen(candidate.path)
        return genuine(candidate, limit)

    monkeypatch.setattr(files._Candidate, "read", read_late)
    assert f"{folder / name} cannot be read (" in refusal()


def test_a_member_that_goes_between_listing_and_finding(folder, monkeypatch):
    path = folder / "one.zip"
    path.write_bytes(packed(".zip"))
    genuine = files._Candidate.read

    def read_late(candidate, limit):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("another.txt", GOOD)
        return genuine(candidate, limit)

    monkeypatch.setattr(files._Candidate, "read", read_late)
    assert f"{path}!a/one.txt cannot be read (" in refusal()

"""Archives made to harm: nothing is ever written but the archive itself, and memory and time stay bounded."""

import bz2
import hashlib
import io
import random
import struct
import threading
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from qhelpers import datasets
from qhelpers.datasets import base, download
from qhelpers.datasets.base import OfficialFile

ONE, TWO = (random.Random(seed).randbytes(size) for seed, size in ((1, 90_000), (2, 60_000)))


def archive(*members, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in members or (("one.txt", ONE), ("two.txt", TWO)):
            packed.writestr(name, content)
    return stream.getvalue()


BODY = archive()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def published(tmp_path):
    """The file that is given out, and found by `item`."""
    (tmp_path / "site").mkdir()
    return tmp_path / "site" / "set.zip"


@pytest.fixture
def item(published, monkeypatch, folder):
    """The occupancy set with two small files, in an archive behind a server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=published.parent))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/{published.name}"
    files = [OfficialFile(f"{n}.txt", len(c), hashlib.sha256(c).hexdigest()) for n, c in (("one", ONE), ("two", TWO))]
    entry = replace(datasets.entry("occupancy"), url=url, files=tuple(files), variants=())
    monkeypatch.setitem(base._REGISTRY, "occupancy", entry)
    monkeypatch.setenv("no_proxy", "*")
    yield entry
    server.shutdown()
    server.server_close()
    thread.join()


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def lying(content, size, method):
    """An archive whose member one.txt claims `size` bytes, and unpacks to `content`."""
    packed = bytearray(archive(("one.txt", content), method=method))
    for sign, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = packed.index(sign) + place
        packed[start : start + 4] = struct.pack("<I", size)
    return bytes(packed)


def encrypted():
    packed = bytearray(BODY)
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = packed.index(sign) + place
        packed[start] |= 1
    return bytes(packed)


def overlapping(copies):
    """A directory that names one member many times."""
    packed = archive(("one.txt", bytes(len(ONE))))
    start, end = packed.index(b"PK\x01\x02"), packed.index(b"PK\x05\x06")
    record, tail = packed[start:end], bytearray(packed[end:])
    tail[8:16] = struct.pack("<HHI", copies, copies, copies * len(record))
    return packed[:start] + copies * record + bytes(tail)


BOMB = 100_000_000
EVIL = [  # made when they are needed: a bomb takes seconds
    (
        "two.txt and links",
        lambda: archive(("../../evil", b"x"), ("/tmp/evil", b"x"), (link("evil"), b"/etc/passwd")),
        "no file of a fitting",
    ),
    (
        "evil names, right length",
        lambda: archive(("../../evil\x1b[31m", ONE[::-1]), ("/evil", TWO[::-1])),
        r"'\.\./\.\./evil.x1b",
    ),
    (
        "a deflated bomb that lies",
        lambda: lying(bytes(BOMB), len(ONE), zipfile.ZIP_DEFLATED),
        "cannot be read .*CRC|does not hold",
    ),
    (
        "a bzip2 bomb that lies",
        lambda: lying(bytes(BOMB), len(ONE), zipfile.ZIP_BZIP2),
        "packed by method 12; allowed are 0 and 8",
    ),
    (
        "an lzma bomb that lies",
        lambda: lying(bytes(BOMB // 10), len(ONE), zipfile.ZIP_LZMA),
        "packed by method 14; allowed are 0 and 8",
    ),
    ("an honest bomb", lambda: archive(("bomb", bytes(BOMB)), method=zipfile.ZIP_DEFLATED), "no file of a fitting length"),
    ("claims 4 GB", lambda: lying(ONE, 0xFFFFFFF0, zipfile.ZIP_STORED), "no file of a fitting length"),
    ("claims more than it holds", lambda: lying(ONE[:10], len(ONE), zipfile.ZIP_STORED), "cannot be read|does not hold"),
    ("encrypted", encrypted, "cannot be read .*encrypted"),
    ("a nested archive", lambda: archive(("inner.zip", BODY)), "no file of a fitting length"),
    (
        "overlapping members",
        lambda: overlapping(3_000),
        r"more than 8,688,608 bytes in members of a fitting length|cannot be read",
    ),
    ("cut off", lambda: BODY[:-30], "does not hold the official one.txt"),
    (
        "an unknown method",
        lambda: archive().replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63\x00"),
        "method 99",
    ),
    ("a version of the future", lambda: BODY.replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xff"), "cannot be read"),
    ("one file edited", lambda: archive(("one.txt", ONE), ("two.txt", TWO[::-1])), hashlib.sha256(TWO[::-1]).hexdigest()),
    ("one file missing", lambda: archive(("one.txt", ONE)), r"does not hold the official two\.txt"),
    ("a wrong checksum", lambda: BODY.replace(struct.pack("<I", zlib.crc32(TWO)), b"\0\0\0\0"), "cannot be read .*CRC"),
    ("a bzip2 file", lambda: bz2.compress(ONE), "does not hold the official one.txt"),
]


@pytest.mark.parametrize(("body", "message"), [pytest.param(*rest, id=name) for name, *rest in EVIL])
def test_evil_archives(item, published, tmp_path, body, message):
    published.write_bytes(body())
    before = {path for path in Path("/tmp").iterdir() if "evil" in path.name}
    tracemalloc.start()
    try:
        with pytest.raises(datasets.DatasetError, match=message) as caught:
            datasets.fetch("occupancy")
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    assert {path for path in Path("/tmp").iterdir() if "evil" in path.name} == before
    text = str(caught.value)
    assert text.isprintable() and "Nothing was kept" in text and item.by_hand in text
    inside = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if not path.is_dir()}
    assert inside == {"site/set.zip", "home/occupancy/.lock"}


def test_evil_members_beside_the_official_files_stay_packed(item, published, tmp_path):
    members = (("../../evil", b"x"), ("/evil", b"x"), (link("evil"), b"/etc"), ("../one.txt", ONE), ("/x/two.txt", TWO))
    published.write_bytes(archive(*members))
    path = datasets.fetch("occupancy")
    assert path.read_bytes() == archive(*members) and datasets.status("occupancy")
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name or path.suffix == ".txt"]


def test_any_byte_changed_is_refused_or_harmless(item, tmp_path):
    """Archives with random faults, as if fetched: each is refused in words, or holds both official files nevertheless."""
    rng, path = random.Random(0), tmp_path / "archive"
    structure = [place for place in range(len(BODY)) if place < 60 or 90_000 < place < 90_100 or place > len(BODY) - 240]
    held, words = 0, []
    for _ in range(250):
        content = bytearray(BODY)
        for _ in range(rng.choice((1, 1, 2, 5))):
            content[rng.choice(structure) if rng.random() < 0.8 else rng.randrange(len(BODY))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(BODY), len(BODY), rng.randrange(len(BODY))))])
        try:
            download._check(item, path, "it")
        except datasets.DatasetError as error:
            words.append(str(error))
        else:
            held += 1
            with zipfile.ZipFile(path) as packed:
                inside = {hashlib.sha256(packed.read(info)).hexdigest() for info in packed.infolist()[:2]}
            assert inside == {file.sha256 for file in item.files}
    assert 0 < held < 125
    assert all(text.startswith("occupancy: it ") and text.isprintable() for text in words)

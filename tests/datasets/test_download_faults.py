"""The download against faults of the wire, the server and the disk: every one real, none a mock."""

import hashlib
import io
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
import zipfile
from dataclasses import replace

import pytest

from qhelpers import datasets
from qhelpers.datasets import base, transfer
from qhelpers.datasets.base import OfficialFile
from qhelpers.datasets.transfer import Partial

ONE, TWO = (random.Random(seed).randbytes(size) for seed, size in ((1, 90_000), (2, 60_000)))
REST = object()


def archive(*members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members or (("one.txt", ONE), ("two.txt", TWO)):
            packed.writestr(name, content)
    return stream.getvalue()


BODY = archive()
OTHER = archive(("two.txt", TWO), ("one.txt", ONE))  # another version of it, as right and as long
assert len(OTHER) == len(BODY) and OTHER != BODY


class Wire:
    """A server that says, byte by byte, what it is told: one of `answers` for each connection, the last one from then on."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/set.zip"
        self.answers, self.asked, self.sent, self.ended, self.context = [], [], 0, threading.Event(), None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            try:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (chunk := connection.recv(10_000)):
                        return
                    request += chunk
                first, *lines = request.decode().split("\r\n")
                asked = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
                self.asked.append({"path": first.split()[1], **asked})
                (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(self, connection, asked)
            except OSError:  # the client is gone
                pass

    def send(self, connection, content):
        connection.sendall(content)
        self.sent += len(content)

    def close(self):
        self.ended.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()  # before the next server gets the socket's number
        self.socket.close()


def reply(status="200 OK", headers=(), body=b"", *, length=REST, end="close"):
    """An answer; afterwards the connection is closed, reset, or stays silent."""

    def answer(wire, connection, _):
        lines = [f"HTTP/1.1 {status}", *headers]
        if length is not None:
            lines.append(f"Content-Length: {len(body) if length is REST else length}")
        wire.send(connection, "\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        finish(wire, connection, end)

    return answer


def finish(wire, connection, end):
    if end == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif end == "silent":
        wire.ended.wait(20)


def ranged(body=BODY, *, version='ETag: "1"', stop=None, end="close", told=None, obeys=True):
    """A server that knows Range and If-Range; it stops before byte `stop`, and may tell a false Content-Range."""

    def answer(wire, connection, asked):
        start = 0
        if "range" in asked and (not obeys or asked.get("if-range", "") in (version.partition(": ")[2], "")):
            start = int(asked["range"].removeprefix("bytes=").removesuffix("-"))
        if start > len(body) or (start == len(body) and start):
            return reply("416 Range Not Satisfiable", [f"Content-Range: bytes */{len(body)}"])(wire, connection, asked)
        lines = [
            f"HTTP/1.1 {206 if start else 200} Fine",
            f"Content-Length: {len(body) - start}",
            *([version] if version else []),
        ]
        if start:
            lines.append(
                f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}" if told is None else told.format(start=start)
            )
        wire.send(connection, "\r\n".join([*lines, "", ""]).encode() + body[start:stop])
        return finish(wire, connection, end)

    return answer


def chunked(body=BODY, *, end=b"0\r\n\r\n", headers=()):
    def answer(wire, connection, _):
        lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""]
        pieces = [body[place : place + 5_000] for place in range(0, len(body), 5_000)]
        content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        wire.send(connection, "\r\n".join(lines).encode() + content + end)

    return answer


def endless(wire, connection, _):
    wire.send(connection, b"HTTP/1.1 200 OK\r\n\r\n")
    while not wire.ended.is_set():
        wire.send(connection, bytes(1 << 16))


def raw(content):
    return lambda wire, connection, _: wire.send(connection, content)


@pytest.fixture
def wire(monkeypatch):
    wire = Wire()
    monkeypatch.setattr(transfer, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "*")
    yield wire
    wire.close()


@pytest.fixture
def item(wire, monkeypatch, folder):
    """The occupancy set with two small files, behind the wire."""
    files = [OfficialFile(f"{n}.txt", len(c), hashlib.sha256(c).hexdigest()) for n, c in (("one", ONE), ("two", TWO))]
    entry = replace(datasets.entry("occupancy"), url=wire.url, files=tuple(files), variants=())
    monkeypatch.setitem(base._REGISTRY, "occupancy", entry)
    return entry


def there():
    """What lies in the set's folder, but for the lock."""
    home = datasets.data_home() / "occupancy"
    return sorted(path.name for path in home.iterdir() if path.name != ".lock") if home.is_dir() else []


def fails(message, *, kept=None, seconds=30, **arguments):
    """The download fails with these words, says what to do, and keeps nothing or a number of bytes."""
    with pytest.raises(datasets.DatasetError, match=message) as caught:
        datasets.fetch("occupancy", seconds=seconds, **arguments)
    text = str(caught.value)
    assert text.startswith("occupancy: ") and "\n" not in text and "\x1b" not in text
    if kept is None:
        assert there() == [], text
    else:
        (partial,) = (datasets.data_home() / "occupancy").glob("*.part")
        assert partial.read_bytes() == BODY[:kept] and f"{kept:,} bytes are kept in {partial}; the next try goes on" in text
    return text


def succeeds(body=BODY, seconds=30, **arguments):
    path = datasets.fetch("occupancy", seconds=seconds, **arguments)
    assert path.read_bytes() == body and there() == [path.name]


# --- the wire: cut, and taken up again ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ['ETag: "1"', "Last-Modified: Sat, 07 Feb 2015 10:00:00 GMT", ""])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_cut_is_taken_up_again(item, wire, end, version):
    wire.answers = [ranged(stop=50_000, end=end, version=version), ranged(version=version)]
    succeeds()
    assert "range" not in wire.asked[0] and len(wire.asked) == 2
    start = int(wire.asked[1]["range"].removeprefix("bytes=").removesuffix("-"))
    assert start == 50_000 if end != "reset" else start <= 50_000  # a reset may lose what is on its way
    if start:
        assert wire.asked[1].get("if-range", "") == version.partition(": ")[2]


def test_a_silence_is_ended_and_the_file_taken_up_again(item, wire):
    wire.answers = [ranged(stop=50_000, end="silent"), ranged()]
    succeeds(seconds=2)
    assert wire.asked[1]["range"] == "bytes=50000-"


def test_a_silence_from_the_start(item, wire):
    wire.answers = [lambda wire, connection, _: finish(wire, connection, "silent")]
    fails(r"127.0.0.1:\d+ was silent for 0.3 s", seconds=0.3)
    assert len(wire.asked) <= 1


@pytest.mark.parametrize("place", [0, 1, 2, 100, len(BODY) // 2, len(BODY) - 2, len(BODY) - 1])
def test_a_cut_anywhere(item, wire, place):
    wire.answers = [ranged(stop=place), ranged()]
    succeeds()


UNFIT = [
    reply(headers=['ETag: "1"'], body=BODY),  # knows no Range
    ranged(version='ETag: "2"'),  # has changed, and says so: 200
    ranged(OTHER, version='ETag: "2"', obeys=False),  # has changed, but sends 206
    reply("206 Partial Content", [f"Content-Range: bytes 0-{len(BODY) - 1}/{len(BODY)}"], BODY),
    ranged(told="Content-Range: bytes 0-149999/150218"),
    ranged(told="Content-Range: bytes 60000-70000/150218"),
    ranged(told=f"Content-Range: bytes {{start}}-{len(BODY) - 1}/{len(BODY) + 1}"),
    ranged(told="Content-Range: bytes {start}-3/*"),
    ranged(told="Content-Range: lines 1-2/3"),
    ranged(told="Content-Range: bytes */150218"),
    ranged(told="Content-Type: multipart/byteranges; boundary=x"),
    reply("416 Range Not Satisfiable"),
    reply("416 Range Not Satisfiable", ["Content-Range: bytes */7"]),
]


@pytest.mark.parametrize("second", UNFIT)
def test_what_does_not_continue_is_seen_at_once(wire, tmp_path, second):
    """Not only by its SHA-256 afterwards."""
    wire.answers = [ranged(stop=50_000), second, ranged()]
    partial = Partial(tmp_path / "x.part")
    transfer.receive(wire.url, partial, largest=10**6, seconds=30)
    assert partial.path.read_bytes() == BODY
    assert len(wire.asked) == 2 or (len(wire.asked) == 3 and "range" not in wire.asked[2])


def test_another_length_is_another_version(wire, tmp_path):
    longer = OTHER + b"more"
    wire.answers = [ranged(version="", stop=50_000), ranged(longer, version="")]
    partial = Partial(tmp_path / "x.part")
    transfer.receive(wire.url, partial, largest=10**6, seconds=30)
    assert partial.path.read_bytes() == longer


@pytest.mark.parametrize("second", [*UNFIT, ranged(OTHER, obeys=False)])  # the last says that it has not changed
def test_what_does_not_continue_is_fetched_anew(item, wire, second):
    wire.answers = [ranged(stop=50_000), second, ranged()]
    succeeds()
    assert wire.asked[1]["range"] == "bytes=50000-"
    assert len(wire.asked) == 2 or "range" not in wire.asked[2]


def test_wrong_content_in_several_answers_is_fetched_anew_only_once(item, wire):
    wrong = BODY[:40_000] + bytes(9) + BODY[40_009:]
    wire.answers = [ranged(wrong, stop=50_000), ranged(wrong)] * 9
    fails("cannot be read .*CRC")
    assert len(wire.asked) == 4


def test_another_version_is_as_good_if_its_files_are_the_official_ones(item, wire):
    wire.answers = [ranged(stop=50_000), ranged(OTHER, version='ETag: "2"')]
    succeeds(OTHER)


def test_a_weak_version_is_not_asked_for(item, wire):
    wire.answers = [ranged(version='ETag: W/"1"', stop=50_000), ranged(version='ETag: W/"1"')]
    succeeds()
    assert wire.asked[1]["range"] == "bytes=50000-" and "if-range" not in wire.asked[1]


def test_a_chunked_body_that_breaks_off(item, wire):
    wire.answers = [chunked(BODY[:50_000], end=b"", headers=['ETag: "1"']), ranged()]
    succeeds()
    assert wire.asked[1]["range"] == "bytes=50000-"


def test_a_chunked_body_in_one_go(item, wire):
    wire.answers = [chunked(headers=["Content-Length: 7"])]  # which chunks make void
    succeeds()


def test_a_promise_that_is_too_long_ends_with_the_file(item, wire):
    wire.answers = [reply(headers=['ETag: "1"'], body=BODY, length=len(BODY) + 9), ranged()]  # then 416, bytes */length
    succeeds()
    assert wire.asked[1]["range"] == f"bytes={len(BODY)}-" and len(wire.asked) == 2


def test_always_cut_is_kept_for_the_next_call(item, wire):
    wire.answers = [ranged(stop=stop) for stop in (10_000, 20_000, 30_000, 40_000, 50_000)]
    fails("broke off 5 times, the last time because 50,000 of 150,.* bytes had come", kept=50_000)
    assert len(wire.asked) == transfer.TRIES and datasets.status("occupancy") is None
    wire.answers = [reply("503 Service Unavailable")]
    fails("HTTP 503", kept=50_000)
    assert wire.asked[-1]["range"] == "bytes=50000-" and wire.asked[-1]["if-range"] == '"1"'
    wire.answers = [ranged()]
    succeeds()
    assert wire.asked[-1]["range"] == "bytes=50000-"
    assert len(wire.asked) == transfer.TRIES + 2


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone", "400 Bad Request", "501 Not Implemented"])
def test_a_refusal_ends_it(item, wire, status):
    wire.answers = [ranged(stop=10_000), reply("503 Service Unavailable")]
    fails("503", kept=10_000)
    wire.answers = [reply(status)]
    fails(f"HTTP {status.split()[0]}")


def test_a_mirror_has_its_own_partial_file(item, wire):
    wire.answers = [ranged(stop=10_000), reply("503 Service Unavailable")]
    fails("503", kept=10_000)
    wire.answers = [ranged()]
    succeeds(url=wire.url.replace("set.zip", "mirror/set.zip"))
    assert "range" not in wire.asked[-1]  # and the other partial file is gone


@pytest.mark.parametrize("note", [None, "", "{", "[]", "null", '{"version": 1}', '{"bytes": 3}', "\x00"])
def test_a_partial_file_without_its_note_counts_as_nothing(item, wire, note):
    wire.answers = [ranged(stop=10_000), reply("503 Service Unavailable")]
    fails("503", kept=10_000)
    (path,) = (datasets.data_home() / "occupancy").glob("*.json")
    path.unlink() if note is None else path.write_text(note)
    wire.answers = [ranged()]
    succeeds()
    assert "range" not in wire.asked[-1]


@pytest.mark.parametrize(("content", "requests"), [(BODY, 0), (bytes(len(BODY)), 1), (BODY + b"more", 2), (bytes(50_000), 2)])
def test_a_partial_file_that_was_whole_or_spoiled(item, wire, content, requests):
    wire.answers = [ranged(stop=10_000), reply("503 Service Unavailable")]
    fails("503", kept=10_000)
    (path,) = (datasets.data_home() / "occupancy").glob("*.part")
    path.write_bytes(content)  # killed before its name was given; zeros after a power cut
    before, wire.answers = len(wire.asked), [ranged()]
    succeeds()
    assert len(wire.asked) - before == requests


# --- the server: refusals, and answers that are none --------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (reply("404 Not Found"), r"there is no such file on the server \(HTTP 404, Not Found\); the publisher may have moved it"),
        (reply("410 Gone"), "there is no such file .*410"),
        (reply("403 Forbidden"), "does not give it out .*403"),
        (reply("401 Unauthorized"), "does not give it out .*401"),
        (reply("407 Proxy Authentication Required"), "does not give it out .*407"),
        (reply("429 Too Many Requests", ["Retry-After: 3600"]), "asked too often .*429.*; wait 3,600 s"),
        (reply("429 Too Many Requests", ["Retry-After: \x1b[31m"]), "asked too often .*429.*; wait a while"),
        (reply("503 Service Unavailable", ["Retry-After: 5"]), "asked too often .*503.*; wait 5 s"),
        (reply("500 Internal Server Error"), "in trouble .*500"),
        (reply("502 \x1b[31mBad"), r"in trouble \(HTTP 502, Bad Gateway\)"),
        (reply("599 Own"), r"in trouble \(HTTP 599\)"),
        (reply("416 Range Not Satisfiable"), "the server refuses .*416"),
        (reply("204 No Content", length=None), "answers with HTTP 204 where 200 is right"),
        (reply("206 Partial Content", ["Content-Range: bytes 0-9/10"], b"0123456789"), "answers with HTTP 206"),
        (reply("300 Multiple Choices"), "the server refuses .*300"),
        (reply("302 Found"), "the server refuses .*302"),  # to nowhere
        (reply("302 Found", ["Location: file:///etc/passwd"]), "redirects from http to 'file:///etc/passwd'; allowed are https"),
        (reply("302 Found", ["Location: ftp://127.0.0.1/x"]), "redirects from http to 'ftp:"),
        (reply("301 Moved", ["Location: data:,hello"]), "redirects from http to 'data:"),
        (reply("307 Temporary", ["Location: //[::1"]), "no address that can be asked for"),
        (reply("302 Found", ["Location: /set.zip"]), "redirects more than 10 times"),
        (reply(headers=["Content-Encoding: gzip"], body=b"\x1f\x8b"), r"packed by the way \(Content-Encoding\)"),
        (reply(headers=["Content-Encoding: br"], body=BODY), "packed by the way"),
        (reply(length=10**15), r"it has 1,000,000,000,000,000 bytes; at most 8,688,608 are expected"),
        (reply(length=9 * 10**6, body=bytes(100)), r"it has 9,000,000 bytes; at most"),
        (endless, "does not end after 8,688,608 bytes"),
        (chunked(bytes(9 * 10**6), end=b""), "does not end after 8,688,608 bytes"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), r"no proper HTTP \(BadStatusLine\)"),
        (raw(b"HTTP/1.1 two hundred\r\n\r\n"), "no proper HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"), "no proper HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000), "no proper HTTP"),
        (raw(b""), "closed the connection"),
        (lambda wire, connection, _: finish(wire, connection, "reset"), "closed the connection"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "broke off 5 times.*stopped in its middle"),
        (reply(body=BODY, length=len(BODY) - 1), "does not hold|cannot be read"),  # a promise that is too short
        (reply(body=BODY, length="-5"), None),  # promises that are none count as not given
        (reply(body=BODY, length="12, 13"), None),
        (reply(body=BODY, length="0x10"), None),
        (reply(body=b""), "does not hold the official one.txt"),
        (reply(body=BODY[:70_000], length=None), "does not hold the official one.txt"),  # cut, and no length was promised
        (reply(body=b"<html>moved</html>"), "does not hold the official one.txt .*Did the publisher change the file"),
    ],
)
def test_strange_answers(item, wire, answer, message):
    wire.answers = [answer]
    if message is None:
        succeeds()
        return
    text = fails(message)
    assert wire.url in text and "Nothing was kept" in text and item.by_hand in text and str(datasets.data_home()) in text
    assert wire.sent < 30e6


def test_an_endless_redirect_is_not_read(item, wire):
    def answer(wire, connection, _):
        wire.send(connection, b"HTTP/1.1 302 Found\r\nLocation: /other.zip\r\n\r\n")
        while not wire.ended.is_set():
            wire.send(connection, bytes(1 << 16))

    wire.answers = [answer, reply(body=BODY)]
    succeeds()
    assert [asked["path"] for asked in wire.asked] == ["/set.zip", "/other.zip"] and wire.sent < 10e6


def test_a_redirect_is_followed_with_its_range(item, wire):
    there = reply("302 Found", [f"Location: {wire.url.replace('set', 'moved')}"])
    wire.answers = [there, ranged(stop=50_000), there, ranged()]
    succeeds()
    assert [asked.get("range") for asked in wire.asked] == [None, None, "bytes=50000-", "bytes=50000-"]


def test_nobody_listens(item):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fails(rf"127.0.0.1:{port} refuses connections", url=f"http://127.0.0.1:{port}/x.zip")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b.invalid", "x" * 80 + ".invalid"])
def test_a_name_that_nobody_knows(item, host):
    fails("cannot be resolved .*check the network|no address that can be asked for", url=f"http://{host}/x.zip")


@pytest.mark.parametrize("end", ["/a b.zip", "/\xe4.zip", "/a\x7fb.zip"])
def test_addresses_that_are_none(item, wire, end):
    fails("no address that can be asked for", url=f"http://127.0.0.1{end}")


def test_a_proxy_that_refuses(item, wire, monkeypatch):
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("https_proxy", wire.url)
    wire.answers = [raw(b"HTTP/1.1 403 Not \x1b[31mhere\r\n\r\n")]
    fails(r"official.invalid cannot be reached \(Tunnel connection failed: 403", url="https://official.invalid/x.zip")


# --- the certificate ----------------------------------------------------------------------------------------------


@pytest.fixture
def certified(wire, tmp_path):
    """The wire, encrypted with a certificate that nobody has signed; returns the certificate's file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make a certificate")
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    wire.context = context
    wire.url = wire.url.replace("http:", "https:")
    return certificate


def test_a_certificate_that_nobody_signed(item, wire, certified):
    text = fails("certificate of 127.0.0.1:.* is not trusted .*self.signed.*clock", url=wire.url)
    assert wire.asked == [] and "Try again later, or by hand" in text


def test_a_certificate_that_is_trusted(item, wire, certified, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    wire.answers = [ranged(stop=50_000), ranged()]
    succeeds(url=wire.url)
    plain = wire.url.replace("https:", "http:").replace("set.zip", "x.zip")
    wire.answers = [reply("302 Found", [f"Location: {plain}"])]
    with pytest.raises(datasets.DatasetError, match="redirects from https to 'http:"):
        datasets.fetch("occupancy", url=wire.url.replace("set.zip", "y.zip"), seconds=30)


def test_tls_asked_of_a_server_without(item, wire):
    wire.answers = [reply(body=BODY)]
    fails("cannot be reached|closed the connection|was silent", url=wire.url.replace("http:", "https:"), seconds=1)


# --- the disk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(small_disk, monkeypatch):
    """``disk(options)`` makes a small file system the data home."""

    def mount(options):
        found = small_disk(options)
        monkeypatch.setenv("QHELPERS_HOME", str(found.path))
        return found

    return mount


def refused(message):
    with pytest.raises(datasets.DatasetError, match=message) as caught:
        datasets.fetch("occupancy", seconds=30)
    text = str(caught.value)
    assert "try again" in text and "QHELPERS_HOME" in text and str(datasets.data_home()) in text and "\n" not in text
    return text


def test_a_full_disk_is_seen_beforehand(item, wire, disk):
    disk("size=100k")
    wire.answers = [reply(body=BODY)]
    refused(r"cannot write to .*150,\d+ bytes are to come, .* are free\)")
    assert there() == []


@pytest.mark.parametrize("options", ["size=100k", "size=8k"])
def test_a_disk_that_fills_up(item, wire, disk, options):
    place = disk(options)
    wire.answers = [chunked()]  # no length is promised
    refused(r"cannot write to .*No space left on device")
    assert there() == [] and shutil.disk_usage(place.path).free >= int(options[5:-1]) * 1024 - 4096  # room again
    place.remount("size=1m")
    wire.answers = [reply(body=BODY)]
    succeeds()


def test_a_disk_that_fills_up_on_the_way(item, wire, disk):
    place = disk("size=400k")
    wire.answers = [ranged(stop=50_000), reply("503 Service Unavailable")]
    fails("503", kept=50_000)
    (place.path / "somebody else's").write_bytes(bytes(300_000))
    wire.answers = [ranged()]
    refused("cannot write to")
    assert there() == []


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_a_disk_without_a_free_name(item, wire, disk, n):
    disk(f"size=1m,nr_inodes={n}")
    wire.answers = [reply(body=BODY)]
    if n == 5:  # root, folder, lock, file, note
        succeeds()
    else:
        refused("cannot write to .*No space left on device")
        assert there() == []


def test_a_read_only_disk(item, wire, disk):
    place = disk("size=1m")
    place.remount("ro")
    refused("cannot write to .*Read-only file system")
    assert wire.asked == []
    place.remount("rw")
    wire.answers = [ranged(stop=50_000), reply("503 Service Unavailable")]
    fails("503", kept=50_000)
    place.remount("ro")
    refused("cannot write to .*Read-only file system")


def test_a_folder_of_somebody_else(item, wire, tmp_path, monkeypatch):
    if os.geteuid():
        pytest.skip("needs root, to become somebody else")
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    for parent in home.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        refused("cannot write to .*Permission denied")
    finally:
        os.seteuid(0)
    assert wire.asked == []


@pytest.mark.parametrize(
    "fault", ["home is a file", "folder is a file", "lock is a folder", "partial is a folder", "note is a folder"]
)
def test_something_in_the_way(item, wire, fault):
    home = datasets.data_home()
    folder = home / "occupancy"
    wire.answers = [reply(body=BODY)]
    if fault == "home is a file":
        home.write_text("mine")
    elif fault == "folder is a file":
        home.mkdir()
        folder.write_text("mine")
    else:
        name = f"occupancy.{hashlib.sha256(wire.url.encode()).hexdigest()[:16]}.part"
        (folder / {"lock": ".lock", "partial": name, "note": f"{name}.json"}[fault.split()[0]] / "mine").mkdir(parents=True)
    refused(r"cannot write to .*(File exists|Not a directory|Is a directory)")


@pytest.mark.parametrize("fault", ["a folder", "another file", "an edited archive", "a link to nowhere"])
def test_the_name_is_taken(item, wire, fault):
    target = datasets.data_home() / "occupancy" / "set.zip"
    target.parent.mkdir(parents=True)
    if fault == "a folder":
        target.mkdir()
    elif fault == "a link to nowhere":
        target.symlink_to("nowhere")
    else:
        target.write_bytes(b"mine" if fault == "another file" else archive(("one.txt", ONE)))
    text = refused("set.zip is there already, but")
    assert "left as it is" in text and wire.asked == [] and there() == ["set.zip"]
    assert target.is_dir() or target.is_symlink() or target.read_bytes() in (b"mine", archive(("one.txt", ONE)))


@pytest.mark.parametrize(
    ("end", "name"),
    [
        ("", "occupancy.zip"),
        ("a/%2e%2e", "occupancy.zip"),
        ("..%2f..%2fevil.zip", "occupancy.zip"),
        ("%2fetc%2fevil", "occupancy.zip"),
        (".hidden.zip", "occupancy.zip"),
        (".lock", "occupancy.zip"),
        ("set.php?id=357", "occupancy.zip"),
        ("x.part", "occupancy.zip"),
        ("a%00b.zip", "occupancy.zip"),
        ("a%0ab%1b%5b31m.zip", "occupancy.zip"),
        ("a%5cb.zip", "occupancy.zip"),
        ("%c3%a4.zip", "occupancy.zip"),
        ("x" * 300 + ".zip", "occupancy.zip"),
        ("plain%20name+(1).zip?query=/evil#part", "plain name+(1).zip"),
    ],
)
def test_names_from_the_address(item, wire, tmp_path, end, name):
    wire.answers = [reply(body=BODY)]
    path = datasets.fetch("occupancy", url=wire.url.replace("set.zip", end), seconds=30)
    assert path == datasets.data_home() / "occupancy" / name and there() == [name]
    assert datasets.status("occupancy")


def test_other_files_in_the_folder_stay(item, wire):
    folder = datasets.data_home() / "occupancy"
    folder.mkdir(parents=True)
    mine = ["notes.txt", "film.part", "film.part1.rar", "x.part.json", "abc.0123456789abcdef.part.zip"]
    for name in mine:
        (folder / name).write_text("mine")
    wire.answers = [reply(body=BODY)]
    datasets.fetch("occupancy")
    assert there() == sorted([*mine, "set.zip"])


# --- not taken for data -------------------------------------------------------------------------------------------


def test_a_partial_file_is_never_taken_for_data(item, wire, monkeypatch):
    monkeypatch.setitem(base._REGISTRY, "occupancy", replace(item, files=item.files[:1]))
    partial = Partial(datasets.data_home() / "occupancy" / "one.txt.0123456789abcdef.part")
    partial.path.parent.mkdir(parents=True)
    partial.begin("http://x/one.txt", None, len(ONE))
    partial.path.write_bytes(ONE[:-1])
    assert datasets.status("occupancy") is None
    partial.path.write_bytes(ONE)  # whole, but not checked, and about to be renamed
    assert datasets.status("occupancy") is None

"""The download: checked before it takes its name, nothing left behind when it fails, plain words on the command line."""

import hashlib
import io
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qhelpers import datasets
from qhelpers.datasets import base, download
from qhelpers.datasets.base import OfficialFile

ONE, TWO = b"one," * 500, b"two," * 700


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.txt", content)
    return stream.getvalue()


@pytest.fixture
def server():
    """A server on this machine: ``server.answers[path] = (status, promised length or None, content)``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, length, content = server.answers.get(self.path, (404, 0, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = {"/sets/one+two.zip": (200, None, archive(one=ONE, two=TWO, readme=b"hello"))}
    server.url = f"http://127.0.0.1:{server.server_port}/sets/one+two.zip"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def item(server, monkeypatch, folder):
    """The occupancy set with two small files, behind the server."""
    files = [OfficialFile(f"{n}.txt", len(c), hashlib.sha256(c).hexdigest()) for n, c in (("one", ONE), ("two", TWO))]
    entry = replace(datasets.entry("occupancy"), url=server.url, files=tuple(files), variants=())
    monkeypatch.setitem(base._REGISTRY, "occupancy", entry)
    return entry


def test_a_download_is_found_afterwards(item):
    assert datasets.status("occupancy") is None
    path = datasets.fetch("occupancy")
    assert path == datasets.data_home() / "occupancy" / "one+two.zip"
    assert [p.name for p in path.parent.iterdir()] == ["one+two.zip"]
    assert f"{path}!one.txt" in datasets.status("occupancy")


def test_a_single_file_needs_no_archive(item, server, monkeypatch, tmp_path):
    monkeypatch.setitem(base._REGISTRY, "occupancy", replace(item, files=item.files[:1]))
    server.answers["/one.txt"] = (200, None, ONE)
    path = datasets.fetch("occupancy", url=server.url.replace("sets/one+two.zip", "one.txt"), home=tmp_path / "here")
    assert path == tmp_path / "here" / "occupancy" / "one.txt" and path.read_bytes() == ONE


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, None, archive(one=ONE, two=b"edited")), r"does not hold the official two\.txt"),
        ((200, None, archive(one=ONE, two=TWO[::-1])), hashlib.sha256(TWO[::-1]).hexdigest()),
        ((200, None, b"<html>moved</html>"), r"does not hold the official one\.txt"),
        ((200, 10**6, archive(one=ONE)), "broke off after .* of 1,000,000 bytes"),
        ((500, None, b""), "500"),
        ((404, None, b""), "404"),
    ],
)
def test_a_wrong_download_leaves_nothing_behind(item, server, answer, message):
    server.answers["/sets/one+two.zip"] = answer
    with pytest.raises(datasets.DatasetError, match=message) as caught:
        datasets.fetch("occupancy")
    assert server.url in str(caught.value)
    assert list((datasets.data_home() / "occupancy").iterdir()) == []


def test_a_good_file_survives_a_failed_download(item, server):
    path = datasets.fetch("occupancy")
    server.answers["/sets/one+two.zip"] = (200, None, b"something else")
    with pytest.raises(datasets.DatasetError):
        datasets.fetch("occupancy")
    assert [p.name for p in path.parent.iterdir()] == ["one+two.zip"]
    assert datasets.status("occupancy") is not None


def test_no_server_at_all(item, server):
    with pytest.raises(datasets.DatasetError, match="failed"):
        datasets.fetch("occupancy", url="http://127.0.0.1:9/nothing.zip")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/x", "one+two.zip"])
def test_only_http(item, url):
    with pytest.raises(ValueError, match="http:// or https://"):
        datasets.fetch("occupancy", url=url)


def test_without_a_link_it_says_what_to_do(folder):
    with pytest.raises(datasets.DatasetError, match="no direct link") as caught:
        datasets.fetch("ton_iot_gps")
    assert str(datasets.data_home()) in str(caught.value)
    with pytest.raises(ValueError, match="unknown data set"):
        datasets.fetch("gps")


def test_command_line_lists_and_downloads(item, capsys):
    assert download.main(["list"]) == 0
    text = capsys.readouterr().out
    for name in datasets.names():
        one = datasets.entry(name)
        assert one.page in text and one.licence in text and all(file.sha256 in text for file in one.files)
    assert text.count("MISSING") == 3 and text.count("by hand") == 2 and "fetched" not in text
    assert download.main([]) == 0
    assert "fetched" in capsys.readouterr().out
    assert download.main(["list", "occupancy"]) == 0
    text = capsys.readouterr().out
    assert "present" in text and "MISSING" not in text and "ton_iot" not in text


def test_command_line_fails_with_words(item, server, capsys):
    server.answers.clear()
    assert download.main(["download", "occupancy"]) == 1
    assert "FAILED" in capsys.readouterr().err
    assert download.main(["list", "nothing"]) == 2
    assert "unknown data set 'nothing'; there are: occupancy" in capsys.readouterr().err

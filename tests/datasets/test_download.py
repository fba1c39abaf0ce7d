"""The download as its user sees it: found afterwards, licence first, resumed, many processes at once, plain words.

The server is a real one on this machine, the processes are real ones; faults of the wire, the disk and the archives are in
`test_download_faults.py`.
"""

import hashlib
import io
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import threading
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import tqdm

from qhelpers import cli, datasets
from qhelpers.datasets import base, download
from qhelpers.datasets.base import OfficialFile

ONE, TWO = (random.Random(seed).randbytes(size) for seed, size in ((1, 120_000), (2, 180_000)))
PIECE = 10_000


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.txt", content)
    return stream.getvalue()


ARCHIVE = archive(one=ONE, two=TWO, readme=b"hello")


class Handler(BaseHTTPRequestHandler):
    """Sends a file, or its end from where Range says; in pieces with pauses, and no further than the server is told."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        server.seen.append(server.look())
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if (part := self.headers.get("Range")) and self.headers.get("If-Range") == '"1"':
            start = int(part.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", '"1"')
        self.end_headers()
        with suppress(OSError):  # the client is gone
            for place in range(start, len(content), PIECE):
                while place >= server.hold_at and not server.paused.wait(0.002):
                    pass
                self.wfile.write(content[place : place + PIECE])
                if server.pace:
                    server.paused.wait(server.pace)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """``files[path]`` is what it has, ``asked`` the Range of each request, ``seen`` what ``look()`` gave at that moment.

    It waits ``pace`` seconds after each piece, and at byte ``hold_at`` until that is moved: who is to be killed while it
    downloads cannot have ended before.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.files = {"/sets/one+two.zip": ARCHIVE}
    server.asked, server.seen, server.look = [], [], lambda: None
    server.pace, server.hold_at, server.paused = 0.0, float("inf"), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/sets/one+two.zip"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.paused.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def item(server, monkeypatch, folder):
    """The occupancy set with two small files, behind the server."""
    files = [OfficialFile(f"{n}.txt", len(c), hashlib.sha256(c).hexdigest()) for n, c in (("one", ONE), ("two", TWO))]
    entry = replace(datasets.entry("occupancy"), url=server.url, files=tuple(files), variants=())
    monkeypatch.setitem(base._REGISTRY, "occupancy", entry)
    monkeypatch.setenv("no_proxy", "*")
    return entry


class Command:
    """The command line in a process of its own, its outputs in files (or the error output at a terminal)."""

    def __init__(self, tmp_path, *arguments, home=None, terminal=None, go=None):
        self.out, self.err = (tmp_path / f"{random.random()}.{end}" for end in ("out", "err"))
        self.code = None
        sys.stdout.flush()
        self.pid = os.fork()  # importing everything anew would take seconds each time
        if self.pid:
            return
        code = 99
        try:
            os.dup2(os.open(self.out, os.O_WRONLY | os.O_CREAT), 1)
            os.dup2(terminal or os.open(self.err, os.O_WRONLY | os.O_CREAT), 2)
            os.closerange(3, 1024)  # the server's sockets among them
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            signal.signal(signal.SIGINT, signal.default_int_handler)
            tqdm.tqdm.set_lock(threading.RLock())  # tqdm's own is shared with this process, which a killed child would lock out
            if home:
                os.environ["QHELPERS_HOME"] = str(home)
            while go and not go.exists():
                time.sleep(0.0005)
            code = download.main(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def wait(self):
        """Exit code; minus the signal's number if one ended it."""
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def send(self, number):
        os.kill(self.pid, number)
        return self.wait()


def until(condition, seconds=240):
    """Wait for something that must come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def came(home):
    """Bytes in the partial file."""
    return max((path.stat().st_size for path in (home / "occupancy").glob("*.part")), default=0)


def there(home):
    """What lies in the set's folder, but for the lock."""
    return sorted(path.name for path in (home / "occupancy").iterdir() if path.name != ".lock")


def whole(home):
    return there(home) == ["one+two.zip"] and (home / "occupancy" / "one+two.zip").read_bytes() == ARCHIVE


def test_a_download_is_found_afterwards(item, server):
    assert datasets.status("occupancy") is None
    path = datasets.fetch("occupancy")
    assert path == datasets.data_home() / "occupancy" / "one+two.zip"
    assert whole(datasets.data_home())
    assert f"{path}!one.txt" in datasets.status("occupancy")
    assert datasets.fetch("occupancy") == path and server.asked == [None]  # not asked for again


def test_a_single_file_needs_no_archive(item, server, monkeypatch, tmp_path):
    monkeypatch.setitem(base._REGISTRY, "occupancy", replace(item, files=item.files[:1]))
    server.files["/one.txt"] = ONE
    path = datasets.fetch("occupancy", url=server.url.replace("sets/one+two.zip", "one.txt"), home=tmp_path / "here")
    assert path == tmp_path / "here" / "occupancy" / "one.txt" and path.read_bytes() == ONE


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/hostname",
            "ftp://host/x",
            "one+two.zip",
            "",
            "http://",
            "https:///x.zip",
            "http://[::1/x",
            "javascript:1",
        ),
        *("http://host:0/x", "http://host:99999/x", "http://host:none/x", "https://me:secret@host/x.zip"),
    ],
)
def test_only_http(item, monkeypatch, url):
    monkeypatch.setitem(base._REGISTRY, "occupancy", replace(item, url=url))
    with pytest.raises(ValueError, match="http:// or https://"):
        datasets.fetch("occupancy")
    assert not datasets.data_home().exists()


def test_without_a_link_it_says_what_to_do(folder):
    with pytest.raises(datasets.DatasetError, match="no direct link") as caught:
        datasets.fetch("ton_iot_gps")
    assert str(datasets.data_home()) in str(caught.value)
    with pytest.raises(ValueError, match="unknown data set"):
        datasets.fetch("gps")


# --- the command line --------------------------------------------------------------------------------------------


def test_command_line_lists_and_downloads(item, server, capsys):
    assert download.main(["list"]) == 0
    text = capsys.readouterr().out
    for name in datasets.names():
        one = datasets.entry(name)
        assert one.page in text and one.licence in text and all(file.sha256 in text for file in one.files[: download._LISTED])
    assert (
        text.count("MISSING") == len(datasets.names())
        and text.count("by hand") == len(datasets.names()) - 1
        and "fetched" not in text
    )
    assert server.asked == []
    assert download.main([]) == 0
    assert "fetched" in capsys.readouterr().out
    assert download.main(["list", "occupancy"]) == 0
    text = capsys.readouterr().out
    assert "present" in text and "MISSING" not in text and "ton_iot" not in text


def test_command_line_fails_with_words(item, server, capsys):
    server.files.clear()
    assert download.main(["download", "occupancy"]) == 1
    text = capsys.readouterr()
    assert "FAILED" in text.err and "404" in text.err and item.by_hand in text.err and "fetched" not in text.out
    assert download.main(["list", "nothing"]) == 2
    assert "unknown data set 'nothing'; there are: occupancy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch"], "invalid choice: 'fetch'"),
        (["occupancy"], "invalid choice: 'occupancy'"),
        (["download", "--timeout", "0"], "'0' was given; allowed are numbers above 0"),
        (["download", "--timeout", "nan"], "'nan' was given"),
        (["download", "--timeout", "soon"], "'soon' was given"),
        (["download", "--force"], "unrecognized arguments: --force"),
    ],
)
@pytest.mark.parametrize("command", [download.main, lambda arguments: cli.main(["data", *arguments])])
def test_arguments_that_are_not_allowed(item, server, capsys, command, arguments, message):
    with pytest.raises(SystemExit) as caught:
        command(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err and server.asked == []


def test_the_real_command(tmp_path):
    surroundings = {"PATH": os.environ["PATH"], "QHELPERS_HOME": str(tmp_path / "home"), "https_proxy": "http://127.0.0.1:9"}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", *arguments], env=surroundings, capture_output=True, text=True, timeout=100, check=False
        )

    done = run("qhelpers.datasets", "download", "nothing")
    assert (done.returncode, done.stdout) == (2, "") and "unknown data set 'nothing'" in done.stderr
    done = run("qhelpers.datasets", "download")  # to the official addresses, by a proxy that is not there
    assert done.returncode == 1
    assert done.stdout.count("licence  ") == done.stdout.count("MISSING") == len(datasets.names())
    assert done.stderr.count("\n") == 1 and "refuses connections. Nothing was kept. Try again later, or by hand" in done.stderr


def test_the_licence_is_out_before_the_first_byte_is_asked_for(item, server, tmp_path):
    server.look = lambda: "".join(path.read_text() for path in tmp_path.glob("*.out"))  # a file: only what was flushed is in it
    command = Command(tmp_path, "download", "occupancy")
    assert command.wait() == 0
    assert len(server.seen) == 1
    assert f"licence  {item.licence}" in server.seen[0] and item.page in server.seen[0] and "fetched" not in server.seen[0]
    assert "to be checked at the source" in item.licence  # until somebody has
    assert "fetched" in command.out.read_text() and command.err.read_text() == ""  # no bar: no terminal


def test_a_bar_for_a_terminal_only(item, server, tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    server.pace = 0.02
    command = Command(tmp_path, "download", "occupancy", terminal=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the terminal's other end is closed
        while chunk := os.read(ours, 10_000):
            shown += chunk
    os.close(ours)
    assert command.wait() == 0
    assert b"%|" in shown and b"B/s" in shown and "%|" not in command.out.read_text()


# --- processes ---------------------------------------------------------------------------------------------------


def test_interrupted_and_taken_up_again(item, server, tmp_path):
    home, server.pace, server.hold_at = datasets.data_home(), 0.01, 10 * PIECE
    command = Command(tmp_path, "download", "occupancy")
    until(lambda: came(home) > 5 * PIECE)
    assert command.send(signal.SIGINT) == 130
    text = command.err.read_text()
    assert "interrupted; what has come is kept" in text and "Traceback" not in text
    kept = came(home)
    assert len(ARCHIVE) > kept > 5 * PIECE and datasets.status("occupancy") is None
    server.hold_at = kept + 10 * PIECE
    command = Command(tmp_path, "download", "occupancy")
    until(lambda: came(home) > kept + PIECE)
    assert command.send(signal.SIGTERM) == -signal.SIGTERM
    more = came(home)
    server.pace, server.hold_at = 0, float("inf")
    assert Command(tmp_path, "download", "occupancy").wait() == 0
    assert whole(home) and server.asked == [None, f"bytes={kept}-", f"bytes={more}-"]


def test_two_at_once_download_once(item, server, tmp_path):
    server.pace = 0.002
    for number in range(10):
        home, go = tmp_path / f"home{number}", tmp_path / f"go{number}"
        both = [Command(tmp_path, "download", "occupancy", home=home, go=go) for _ in range(2)]
        go.touch()
        assert [command.wait() for command in both] == [0, 0]
        assert whole(home) and all("fetched" in command.out.read_text() for command in both)
        assert len(server.asked) == number + 1


def _one_killed_while_the_other_waits(server, tmp_path, number):
    home = tmp_path / f"home{number}"
    del server.asked[:]
    server.pace, server.hold_at = 0.02, len(ARCHIVE) - PIECE
    first = Command(tmp_path, "download", "occupancy", home=home)
    until(lambda: came(home) > PIECE)
    second = Command(tmp_path, "download", "occupancy", home=home)
    until(lambda: second.err.exists() and "waiting for it" in second.err.read_text())
    time.sleep(random.uniform(0, 0.1))
    assert first.send(signal.SIGKILL) == -signal.SIGKILL
    server.pace, server.hold_at = 0, float("inf")
    assert second.wait() == 0 and whole(home)
    assert server.asked[0] is None and len(server.asked) == 2
    assert int(server.asked[1].removeprefix("bytes=").removesuffix("-")) > PIECE  # it went on


def test_one_killed_the_other_goes_on(item, server, tmp_path):
    for number in range(5):
        _one_killed_while_the_other_waits(server, tmp_path, number)


def _killed_anywhere(server, tmp_path, number, longest):
    home = tmp_path / f"home{number}"
    for _ in range(3):
        command = Command(tmp_path, "download", "occupancy", home=home)
        time.sleep(random.uniform(0, longest))
        command.send(signal.SIGKILL)
        target = home / "occupancy" / "one+two.zip"
        assert not target.exists() or target.read_bytes() == ARCHIVE
    assert Command(tmp_path, "download", "occupancy", home=home).wait() == 0
    assert whole(home)


def test_killed_at_any_moment(item, server, tmp_path):
    start = time.monotonic()
    assert Command(tmp_path, "download", "occupancy", home=tmp_path / "measured").wait() == 0
    for number in range(10):
        _killed_anywhere(server, tmp_path, number, 1.2 * (time.monotonic() - start) if number == 0 else 0.1)


@pytest.mark.slow
def test_killed_at_any_moment_and_while_another_waits_often(item, server, tmp_path):
    for number in range(100):
        _killed_anywhere(server, tmp_path, number, 0.1)
    for number in range(100, 120):
        _one_killed_while_the_other_waits(server, tmp_path, number)

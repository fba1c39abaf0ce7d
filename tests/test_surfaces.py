"""What the project shows to others: its ports, and what of a machine or a person stands in what it writes or publishes."""

import ast
import contextlib
import functools
import http.client
import importlib.metadata
import io
import json
import lzma
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from qhelpers.runs import experiment, records

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = {"127.0.0.1", "::1"}


@functools.cache
def tracked():
    """The files that git holds, or would hold at the next commit."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode().split("\0")
    if listed == [""]:
        pytest.skip("not a checkout")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


# --- ports -----------------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(pid):
    """(address, port) of everything that a process and what it started wait for."""
    found = set()
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            for one in process.net_connections("inet"):
                if one.status == psutil.CONN_LISTEN or one.type == socket.SOCK_DGRAM:
                    found.add((one.laddr.ip, one.laddr.port))
        except psutil.Error:  # ended meanwhile
            continue
    return found


def ask(port, path, host="", method="GET", **headers):
    """Status, headers and body of an answer from 127.0.0.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"name": "python3"}) if method == "POST" else None
    connection.request(method, path, body, {"Host": host or f"127.0.0.1:{port}", **headers})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def wait_for(what, process, seconds=120):
    """Wait until something is there; fail if the process ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        assert process.poll() is None, "ended: " + process.stdout.read().decode()
        time.sleep(0.2)
    pytest.fail(f"nothing after {seconds} s")


def other_address_answers(port):
    """Whether a port answers on an address that is not 127.0.0.1, though of this machine."""
    with socket.socket() as caller:
        caller.settimeout(5)
        return caller.connect_ex(("127.0.0.2", port)) == 0


def end(process):
    """End a process and all that it started, by their ids."""
    for one in (*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)):
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGTERM)
    process.wait(120)


def test_a_port_that_is_open_to_others_is_seen():
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        assert ("0.0.0.0", server.getsockname()[1]) in listening(os.getpid())
        if sys.platform == "linux":
            assert other_address_answers(server.getsockname()[1])


#: A user's own settings, of old and of new names, that would open the server and its kernels to everybody.
HOSTILE = """
c = get_config()
for section in (c.LabApp, c.NotebookApp, c.ServerApp):
    section.ip = "0.0.0.0"
    section.allow_remote_access = True
    section.allow_origin = "*"
c.KernelManager.ip = c.AsyncIOLoopKernelManager.ip = "0.0.0.0"
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab as `make lab` starts it, in the home of somebody whose settings open it, with a kernel: process, port, token."""
    home = tmp_path_factory.mktemp("home")
    for folder in (home / ".jupyter", home / ".config" / "jupyter"):
        folder.mkdir(parents=True)
        (folder / "jupyter_server_config.py").write_text(HOSTILE)
    runtime = home / "runtime"
    env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    env |= {"HOME": str(home), "JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_PORT": str(free_port()), "BROWSER": "true"}
    env |= {"JUPYTER_IP": "0.0.0.0", "IPYTHONDIR": str(home / "ipython")}
    command = ["make", "--no-print-directory", "lab"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        (told,) = wait_for(lambda: list(runtime.glob("jpserver-*.json")), process)
        wait_for(lambda: told.read_text().endswith("}"), process)
        server = json.loads(told.read_text())
        wait_for(lambda: listening(process.pid), process)
        status, _, _ = ask(server["port"], "/api/kernels", method="POST", Authorization=f"token {server['token']}")
        assert status == 201
        wait_for(lambda: len(listening(process.pid)) >= 6, process)
        yield process, server["port"], server["token"], home
    finally:
        if process.poll() is None:
            end(process)


def test_lab_and_its_kernels_listen_on_this_machine_only(lab):
    process, port, _, _ = lab
    found = listening(process.pid)
    assert ("127.0.0.1", port) in found
    assert {address for address, _ in found} <= LOOPBACK
    if sys.platform == "linux":
        assert not any(other_address_answers(number) for _, number in found)


def test_lab_wants_its_token_and_answers_to_its_own_name_only(lab):
    _, port, token, _ = lab
    assert len(token) >= 32
    known = {"Authorization": f"token {token}"}
    assert ask(port, "/api/contents", **known)[0] == 200
    assert ask(port, "/api/contents")[0] == 403
    assert ask(port, "/api/contents", Authorization="token 1234")[0] == 403
    assert ask(port, "/api/kernels", method="POST")[0] == 403
    assert ask(port, "/api/contents", host="evil.example", **known)[0] == 403
    # To a page of another site the server says "you may read this" only where that page knows the token.
    for given, wanted in (({}, None), (known, "http://evil.example")):
        _, headers, _ = ask(port, "/api/contents", Origin="http://evil.example", **given)
        assert headers.get("Access-Control-Allow-Origin") == wanted


def others_can_read(path, above):
    """Whether neither a file nor a folder between it and `above` is closed to others."""
    return all(one.stat().st_mode & 0o007 for one in (path, *path.parents) if one.is_relative_to(above) and one != above)


def test_labs_token_stays_in_files_of_the_user_alone(lab):
    process, _, token, home = lab
    holding = [path for path in home.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert holding
    assert not [path for path in holding if others_can_read(path, home)]
    end(process)
    assert not [path for path in home.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]


def serve(*variables):
    """`make serve` with these variables, as a process."""
    return subprocess.Popen(
        ["make", "--no-print-directory", "serve", *variables],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture(scope="module")
def served():
    """The port of a running `make serve`."""
    if not (ROOT / "build" / "site" / "index.html").exists():
        pytest.skip("no site in build/site; run: make book")
    port = free_port()
    process = serve(f"PORT={port}")
    wait_for(lambda: ("127.0.0.1", port) in listening(process.pid), process)
    yield process, port
    end(process)


def test_serve_listens_on_this_machine_only(served):
    process, port = served
    assert listening(process.pid) == {("127.0.0.1", port)}
    if sys.platform == "linux":
        assert not other_address_answers(port)


def test_serve_gives_the_site_and_nothing_else(served):
    _, port = served
    status, headers, body = ask(port, "/")
    assert status == 200
    assert b"<html" in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    for path in (
        "/_static/",
        "/_modules/qhelpers/",
        "/../../Makefile",
        "/%2e%2e/%2e%2e/Makefile",
        "/..%2f..%2fMakefile",
        "//etc/passwd",
    ):
        assert ask(port, path)[0] == 404, path


def test_a_busy_port_is_one_sentence(served):
    _, port = served
    second = serve(f"PORT={port}")
    said, _ = second.communicate(timeout=120)
    lines = said.decode().splitlines()
    assert lines[0] == f"serve: port {port} cannot be had (address already in use); take another: make serve PORT={port + 1}"
    assert "Error 2" in lines[-1]
    assert len(lines) == 2


@pytest.fixture
def page_server():
    """`book/serve.py` as a module."""
    sys.path.insert(0, str(ROOT / "book"))
    try:
        yield importlib.import_module("serve")
    finally:
        sys.path.remove(str(ROOT / "book"))


@pytest.mark.parametrize("port", ["abc", "0", "-1", "65536", "80.5", "", "８０００", "8000; true"])
def test_a_wrong_port_is_one_sentence(page_server, capsys, tmp_path, port):
    assert page_server.main([port], tmp_path) == 2
    assert capsys.readouterr().err == (f"serve: PORT is {port!r}; allowed is a number from 1 to 65535: make serve PORT=8000\n")


def test_a_missing_site_is_one_sentence(page_server, capsys, tmp_path):
    assert page_server.main(["8000"], tmp_path) == 2
    assert capsys.readouterr().err == "serve: no site in build/site yet; run: make book\n"


def test_a_link_out_of_the_site_leads_nowhere(page_server, tmp_path):
    import threading

    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<html>")
    (site / "within.html").symlink_to(site / "index.html")
    (tmp_path / "private.html").write_text("private")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "private.html").write_text("private")
    (site / "link.html").symlink_to(tmp_path / "private.html")
    (site / "folder").symlink_to(tmp_path / "folder")
    server = page_server.Server(("127.0.0.1", 0), functools.partial(page_server.Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        got = {
            path: ask(server.server_port, path)[0]
            for path in ("/", "/within.html", "/link.html", "/folder/private.html", "/folder/")
        }
    finally:
        server.shutdown()
        server.server_close()
    assert got == {"/": 200, "/within.html": 200, "/link.html": 404, "/folder/private.html": 404, "/folder/": 404}


# --- what is written -------------------------------------------------------------------------------------------------

#: Each value begins with this, so that one search finds any of them.
CANARY = "zq7canary"


@pytest.fixture
def private(tmp_path):
    """The environment and home of somebody with secrets, and a folder named by them; all of it bears the canary."""
    home = tmp_path / f"{CANARY}-home"
    for name, text in {
        ".config/dwave/dwave.conf": f"[defaults]\ntoken = {CANARY}-file\n",
        ".netrc": f"machine pypi.org login {CANARY} password {CANARY}-netrc\n",
        ".pypirc": f"[pypi]\nusername = {CANARY}\npassword = {CANARY}-pypirc\n",
        ".gitconfig": f"[user]\nname = {CANARY}\nemail = {CANARY}@example.org\n",
        ".ipython/profile_default/startup/first.py": f"print('{CANARY}-startup')\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    named = (
        "USER",
        "LOGNAME",
        "HOSTNAME",
        "EMAIL",
        "DWAVE_API_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "QISKIT_IBM_TOKEN",
    )
    env = os.environ | {name: f"{CANARY}-{name}" for name in (*named, f"{CANARY}_NAME")}
    env |= {"HOME": str(home), "PIP_INDEX_URL": f"https://{CANARY}:{CANARY}-password@index.example/simple"}
    env |= {"HTTPS_PROXY": f"http://{CANARY}:{CANARY}-password@127.0.0.1:9", "QHELPERS_DATA": str(tmp_path / f"{CANARY}-data")}
    env["QHELPERS_RECORDS"] = str(tmp_path / f"{CANARY}-records" / "records")
    return env


def private_words():
    """What names this machine or person and is no common word: home, folders, addresses, a host name with a digit or hyphen."""
    words = {str(Path.home()), str(ROOT), str(Path.cwd()), sys.prefix, CANARY}
    words |= {socket.gethostname()} if re.search(r"[\d-]", socket.gethostname()) else set()
    for addresses in psutil.net_if_addrs().values():
        words |= {one.address.partition("%")[0] for one in addresses if one.address not in ("127.0.0.1", "00:00:00:00:00:00")}
    return {word.lower().encode() for word in words - {"/root"} if len(word) > 4}


def unpacked(path):
    """What a file holds, an archive's parts included."""
    data = path.read_bytes()
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data += b"".join(archive.read(name) for name in archive.namelist())
    return data + lzma.decompress(data) if path.suffix == ".xz" else data


def leaks(paths, words=None):
    """(file, word) wherever a file, or its name below the project, holds one of the words."""
    words = private_words() if words is None else words
    return [(path, word) for path in paths for text in [unpacked(path).lower()] for word in words if word in text]


def test_a_leak_is_found(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", words=np.array([f"in {CANARY}"]))
    (tmp_path / "b.txt").write_text(f"at {Path.home()}/x")
    (tmp_path / "c.txt").write_text("nothing")
    found = leaks([tmp_path / "b.txt", tmp_path / "c.txt"], {b"\0never", str(Path.home()).lower().encode()})
    assert found == [(tmp_path / "b.txt", str(Path.home()).lower().encode())]
    with np.load(tmp_path / "a.npz") as stored:
        assert stored["words"].dtype.kind == "U"
    text = f"in {CANARY}".encode("utf-32-le")
    assert leaks([tmp_path / "a.npz"], {text}) == [(tmp_path / "a.npz", text)]


@pytest.mark.timeout(900)
def test_a_run_records_nothing_of_its_surroundings(private, tmp_path):
    command = [sys.executable, "-m", "qhelpers.runs", "run", "low-energy", "--profile", "quick", "--source", "twin"]
    for entry in ("model=qnn-p", "entangler=chain", "data=occupancy", "regime=300+300"):
        command += ["--only", entry]
    command += ["--seeds", "1", "--workers", "1"]
    done = subprocess.run(command, cwd=ROOT, env=private, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = [path for path in Path(private["QHELPERS_RECORDS"]).parent.rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.suffix for path in made} == {".jsonl", ".npz"}, done.stdout
    assert not leaks(made)
    for path in made:
        if path.suffix == ".jsonl":
            assert not foreign_entries(path)
    assert f"{CANARY}-password" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_page_shows_nothing_of_its_surroundings(build, private, tmp_path, monkeypatch):
    """One executed notebook, its cost, and the words of its failure where its data are missing."""
    for name, value in private.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("QHELPERS_RECORDS")
    (notebook,) = [path for path in build.discover(ROOT) if path.name.startswith("0.2")]
    (tmp_path / "build").mkdir()
    for source in ("twin", "real"):
        target = tmp_path / f"{source}.ipynb"
        job = build.Job(ROOT, notebook, {"profile": "quick", "source": source, "seed": 0}, f"surfaces-{source}")
        outcome = build.execute_one(job, build.Processes())
        try:
            if source == "real":  # no data there: the page fails, and its words go to the terminal alone
                assert outcome.failure
                assert not job.cached.exists()
                assert f"{CANARY}-password" not in outcome.failure
                continue
            assert not outcome.failure
            target.write_bytes(job.cached.read_bytes())
            target.with_suffix(".json").write_bytes(job.cached.with_suffix(".json").read_bytes())
        finally:
            job.cached.unlink(missing_ok=True)
            job.cached.with_suffix(".json").unlink(missing_ok=True)
        assert not leaks([target, target.with_suffix(".json")])


# --- what is committed -----------------------------------------------------------------------------------------------


def test_the_site_says_nothing_of_where_it_was_made(request):
    site = Path(os.environ.get("QHELPERS_SITE", ROOT / "build" / "site"))
    if not (site / "index.html").exists():
        (pytest.fail if request.config.getoption("--require-site") else pytest.skip)(f"no site in {site}; run: make book")
    assert not leaks([path for path in site.rglob("*") if path.is_file()], {*private_words(), b"/root/", b"/home/"})


#: Forms of keys that services give out, and of what should never stand in a file: host names and folders of people's machines.
SECRETS = re.compile(
    rb"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20}|\bpypi-AgE[\w-]{50,}|\bxox[abprs]-[\w-]{10,}"
    rb"|\bsk-[A-Za-z0-9_-]{32,}|\bhf_[A-Za-z0-9]{30,}|\bDEV-[0-9a-f]{40}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\bnpm_[A-Za-z0-9]{36}\b"
    rb"|\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.|https?://[^\s/:@'\"{}<>]+:[^\s/:@'\"{}<>]+@"
)
MACHINES = re.compile(
    rb"/home/(?!you\b|x\b)[a-z]\w+/|/Users/[A-Za-z]\w+/|[A-Z]:\\Users\\|/root/|\b[\w-]+\.(?:internal|local|lan|corp)\b(?!\()"
)
#: Files in which such forms stand on purpose: tests of this search, and of addresses that are refused.
ON_PURPOSE = {"tests/test_surfaces.py", "tests/datasets/test_download.py"}

WORD = r"[\w .,:;+=()%'²-]{1,80}"
#: What each entry of a record may look like. Fractions ("70/30", "g/kWh") may have one stroke, paths cannot.
PATTERNS = {
    "id": r"[0-9a-f]{16}",
    "experiment": r"[a-z-]+",
    "version": r"[\d.]+",
    "source": r"real|twin",
    "fingerprint": r"[0-9a-f]{64}",
    "profile": r"quick|laptop|paper",
    "cpu": r"[\w ().@-]{3,80}",
    "finished": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00",
}
STRUCTURES = {"config", "metrics", "confusion", "chosen"}
NUMBERS = {"seed", "seconds", "cpu_seconds", "train_seconds", "peak_memory_mb"}


def values(entry):
    """Every key and value within a structure."""
    if isinstance(entry, dict):
        for key, value in entry.items():
            yield key
            yield from values(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from values(value)
    else:
        yield entry


def plain(value):
    """Whether a value is a number, or a few words that are no path, address or key."""
    if not isinstance(value, str):
        return value is None or isinstance(value, int | float)
    if value and not re.fullmatch(rf"{WORD}(/{WORD})?", value):
        return False
    drive_or_host = r"^\w:|\b[a-z][\w-]+\.(?:com|org|net|example|internal|local|lan)\b"
    key = r"(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{24,}"
    return not re.search(rf"{drive_or_host}|{key}", value) and not SECRETS.search(value.encode())


def lines_of(path):
    """Lines of a records file, compressed or not."""
    raw = path.read_bytes()
    return (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode().splitlines()


def reads_nothing(record):
    """Whether the run that made a record reads no data set, so that there is no fingerprint of one."""
    with contextlib.suppress(KeyError):
        return experiment.get(record["experiment"]).data(record["config"]) == ()
    return False


def foreign_entries(path):
    """What the lines of a records file hold beyond the entries of a record, each of its form."""
    allowed = {
        re.sub(r"[-_.]+", "-", line.split("==")[0].lower()) for line in (ROOT / "requirements.lock").open() if "==" in line
    }
    wrong = []
    for number, line in enumerate(lines_of(path), 1):
        record = json.loads(line)
        if set(record) != {*PATTERNS, *STRUCTURES, *NUMBERS, "versions"}:
            wrong.append((number, sorted(set(record) ^ {*PATTERNS, *STRUCTURES, *NUMBERS, "versions"})))
            continue
        forms = PATTERNS | ({"fingerprint": ""} if reads_nothing(record) else {})
        wrong += [(number, key, record[key]) for key, form in forms.items() if not re.fullmatch(form, record[key])]
        wrong += [(number, key, record[key]) for key in NUMBERS if type(record[key]) not in (int, float)]
        wrong += [(number, key, value) for key in STRUCTURES for value in values(record[key]) if not plain(value)]
        for name, version in record["versions"].items():
            if name not in {"python", "qhelpers", *allowed} or not re.fullmatch(r"\d[\w.]*(\+cpu)?", version):
                wrong.append((number, name, version))
    return wrong


RECORD_FILES = sorted(path for path in (ROOT / "records").rglob("*.jsonl*"))


@pytest.mark.parametrize("path", RECORD_FILES, ids=[path.relative_to(ROOT / "records").as_posix() for path in RECORD_FILES])
def test_committed_records_hold_the_entries_of_a_record_and_nothing_else(path):
    assert not foreign_entries(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"hostname": "x"},
        {"cpu": "/home/x"},
        {"cpu": "a@b.example:8786"},
        {"config": {"model": "lr", "path": "/home/x/data"}},
        {"config": {"model": "data/of/x"}},
        {"config": {"https://x.example": 1}},
        {"chosen": {"trials": [{"a": "C:\\x"}]}},
        {"chosen": {"key": "ghp_0123456789abcdefghijklmnopqrstuvwxyz"}},
        {"metrics": {"accuracy": "me@example.org"}},
        {"versions": {"python": "3.11.7 (/usr/bin)"}},
        {"versions": {"USER": "1"}},
        {"finished": "2026-11-21T03:52:28+01:00"},
        {"fingerprint": "real:/data"},
        {"seed": "0"},
    ],
)
def test_a_foreign_entry_is_found(tmp_path, changes):
    record = json.loads(lines_of(RECORD_FILES[0])[0])
    file = tmp_path / "runs.jsonl"
    file.write_text(json.dumps(record))
    assert not foreign_entries(file)
    file.write_text(json.dumps(record | changes))
    assert foreign_entries(file)


def test_committed_arrays_are_numbers_or_names():
    for path in tracked():
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                assert not archive.comment
                for name in archive.namelist():
                    with archive.open(name) as part:
                        version = np.lib.format.read_magic(part)
                        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                        assert reader(part)[2].kind in "fiubU", f"{path}: {name}"


def test_no_file_holds_a_key_or_the_name_of_a_machine():
    found = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in (".npz", ".png") or name in ON_PURPOSE:
            continue
        text = path.read_bytes()
        found += [(name, match[0]) for form in (SECRETS, MACHINES) for match in form.finditer(text)]
        found += [(name, word) for word in private_words() if word in text.lower()]
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        b"AKIAIOSFODNN7EXAMPLE",
        b"ghp_" + b"a1" * 18,
        b"token = DEV-" + b"0f" * 20,
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"https://me:secret@index.example/simple",
        b"hf_" + b"aB3" * 11,
        b"eyJ" + b"a" * 30 + b".eyJ" + b"b" * 30 + b".c",
    ],
)
def test_a_key_is_found(text):
    assert SECRETS.search(b"x = '" + text + b"'")


@pytest.mark.parametrize("text", [b"/home/anna/book", b"/Users/anna/book", b"C:\\Users\\anna", b"/root/book", b"node7.internal"])
def test_the_name_of_a_machine_is_found(text):
    assert MACHINES.search(b"at " + text + b" ")


KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


def test_notebooks_say_nothing_of_who_ran_them():
    for path in NOTEBOOKS:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}, path
        assert notebook["metadata"]["kernelspec"] == KERNEL, path
        for cell in notebook["cells"]:
            assert set(cell["metadata"]) <= {"tags", "mystnb", "jupyter"}, path
            assert set(cell["metadata"].get("jupyter", {})) <= {"source_hidden", "outputs_hidden"}, path
            assert not cell.get("attachments"), path


def test_notebooks_run_no_shell_and_set_no_environment():
    wrong = []
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                wrong += [(path.name, line) for line in "".join(cell["source"]).splitlines() if re.match(r"\s*(!|%|\?)", line)]
    assert not wrong


# --- what runs or trusts what it is given ----------------------------------------------------------------------------

#: Functions that run a text, or a shell, or build objects from a file as it says.
UNSAFE = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "tempfile.mktemp",
    "pickle.load",
    "pickle.loads",
    "marshal.loads",
    "shelve.open",
}
UNSAFE |= {"joblib.load", "torch.load", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "ssl._create_unverified_context"}
OURS = [*sorted((ROOT / "qhelpers").rglob("*.py")), *sorted((ROOT / "book").rglob("*.py")), *sorted((ROOT / ".ci").glob("*.py"))]
OURS += sorted((ROOT / "benchmarks").rglob("*.py"))


def unsafe_calls(text):
    """Calls in a source that run or trust what they are given."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name, given = ast.unparse(node.func), {one.arg: ast.unparse(one.value) for one in node.keywords}
        safe_loader = "Safe" in given.get("Loader", "") or "BaseLoader" in given.get("Loader", "")
        if (
            (name in UNSAFE and (name, given.get("weights_only")) != ("torch.load", "True"))
            or given.get("shell") == "True"
            or given.get("verify") == "False"
            or given.get("allow_pickle", "False") != "False"
            or (name == "yaml.load" and not safe_loader)
        ):
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"


def test_our_code_runs_and_trusts_nothing_that_it_is_given():
    found = {path.relative_to(ROOT).as_posix(): list(unsafe_calls(path.read_text(encoding="utf-8"))) for path in OURS}
    assert not {name: calls for name, calls in found.items() if calls}


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "pickle.loads(x)",
        "np.load(x, allow_pickle=True)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "yaml.load(x)",
        "yaml.load(x, Loader=yaml.Loader)",
        "subprocess.run(x, shell=True)",
        "requests.get(x, verify=False)",
        "tempfile.mktemp()",
    ],
)
def test_an_unsafe_call_is_found(text):
    assert list(unsafe_calls(text))


def test_files_are_written_for_others_to_read_and_for_none_to_change(tmp_path, one_record):
    before = os.umask(0o022)
    try:
        records.append(one_record, {"loss": np.ones(2)}, tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "trial").iterdir() if path.name != ".lock"}
    assert set(modes.values()) == {0o644}

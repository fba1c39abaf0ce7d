"""The release check, against services that really answer, or really do not."""

import http.server
import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCK = "attrs==26.1.0\nfilelock==3.20.0\n"
#: An advisory as the services publish it (the shape is that of GHSA-w853-jp5j-5j7f), for the lock above.
ADVISORY = {
    "schema_version": "1.7.3",
    "id": "GHSA-w853-jp5j-5j7f",
    "aliases": ["CVE-2025-68146"],
    "summary": "filelock has a TOCTOU race condition which allows symlink attacks during lock file creation",
    "published": "2025-12-16T00:00:00Z",
    "affected": [
        {
            "package": {"name": "filelock", "ecosystem": "PyPI", "purl": "pkg:pypi/filelock"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.20.1"}]}],
        }
    ],
}
CONTROL = ADVISORY | {
    "id": "PYSEC-2014-8",
    "aliases": ["CVE-2014-1402"],
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.7.2"}]}],
        }
    ],
}


@pytest.fixture(scope="module")
def release():
    """The release check, `.ci/release.py`."""
    spec = importlib.util.spec_from_file_location("ci_release", ROOT / ".ci" / "release.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path):
    """A project with a lock of two packages."""
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers what a test has put into `answer(handler)`: a status and a body."""

    protocol_version = "HTTP/1.1"
    answer = None

    def do_GET(self):
        self.reply(*self.answer())

    def do_POST(self):
        self.question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(*self.answer())

    def do_CONNECT(self):
        """Be the host that was asked for, behind TLS: what a proxy that opens connections does."""
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inner = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile, self.connection = inner.makefile("rb"), inner.makefile("wb", 0), inner
        self.close_connection = False

    def reply(self, status, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if data[:1] == b"<" else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def serve():
    """Start a server on loopback that answers with a function of the request; returns its address."""
    servers = []

    def start(answer, tls=None):
        handler = type("Answering", (Handler,), {"answer": answer})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.tls = tls
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def osv(*advisories, control=True):
    """What OSV answers where it knows these advisories; it names those of the version that is asked for."""

    def answer(handler):
        name = handler.question["package"]["name"]
        known = [one for one in (*advisories, *([CONTROL] if control else [])) if one["affected"][0]["package"]["name"] == name]
        return 200, {"vulns": known} if known else {}

    return answer


def run(release, root, capsys, *arguments):
    """The check's exit code and what it printed."""
    code = release.main(list(arguments), root)
    return code, capsys.readouterr().out


# --- advisories ------------------------------------------------------------------------------------------------------


def test_a_published_advisory_is_named_with_its_way_out(release, root, serve, capsys):
    code, said = run(release, root, capsys, "--only", "advisories", "--osv-url", serve(osv(ADVISORY)))
    assert code == 1
    assert "filelock 3.20.0: CVE-2025-68146, GHSA-w853-jp5j-5j7f; fixed in 3.20.1" in said
    assert "attrs" not in said


def test_no_advisory_is_good(release, root, serve, capsys):
    withdrawn = ADVISORY | {"withdrawn": "2026-01-01T00:00:00Z"}
    code, said = run(release, root, capsys, "--only", "advisories", "--osv-url", serve(osv(withdrawn)))
    assert (code, said.split()[1]) == (0, "good")


def cut(handler):
    """Promise more than is sent, then hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"vulns": [')
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
    return 200, b""


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda _: (500, {"message": "broken"}), id="error-500"),
        pytest.param(lambda _: (200, b"<html>Please log in</html>"), id="a-login-page"),
        pytest.param(osv(ADVISORY, control=False), id="does-not-know-the-control"),
        pytest.param(cut, id="cut"),
    ],
)
def test_a_service_that_does_not_answer_is_no_pass(release, root, serve, capsys, answer):
    code, said = run(release, root, capsys, "--only", "advisories", "--osv-url", serve(answer))
    assert code == 3
    assert "NOT CHECKED" in said
    assert "no service of advisories answered" in said


def test_a_service_that_is_not_there_is_no_pass(release, root, capsys):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, said = run(release, root, capsys, "--only", "advisories", "--osv-url", address)
    assert code == 3
    assert "Connection refused" in said


FOUND = [
    {"name": "attrs", "version": "26.1.0", "vulns": []},
    {
        "name": "filelock",
        "version": "3.20.0",
        "vulns": [{"id": "GHSA-w853-jp5j-5j7f", "fix_versions": ["3.20.1"], "aliases": ["CVE-2025-68146"], "description": "d"}],
    },
]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, ""),
        ({"id": "CVE-2025-68146"}, ""),
        ({"package": "FileLock"}, ""),
        ({"until": date.today() - timedelta(days=1)}, "filelock 3.20.0"),
        ({"reason": " "}, "filelock 3.20.0"),
        ({"package": "attrs"}, "which no longer applies"),
        ({"id": "CVE-2000-1"}, "which no longer applies"),
    ],
)
def test_an_accepted_advisory_needs_a_reason_a_date_and_a_cause(release, changes, wrong):
    entry = {
        "id": "GHSA-w853-jp5j-5j7f",
        "package": "filelock",
        "reason": "locks lie in folders of one user",
        "until": date.today(),
    }
    assert wrong in "\n".join(release.judge(FOUND, [entry | changes]))
    assert bool(wrong) == bool(release.judge(FOUND, [entry | changes]))


def test_the_accepted_list_is_read_and_may_be_missing(release, root):
    assert release.accepted(root) == []
    (root / ".ci").mkdir()
    (root / ".ci" / "advisories.toml").write_text('[[accepted]]\nid = "A"\npackage = "b"\nreason = "c"\nuntil = 2026-12-01\n')
    assert release.accepted(root) == [{"id": "A", "package": "b", "reason": "c", "until": date(2026, 12, 1)}]
    for entry in release.accepted(ROOT):
        assert set(entry) == {"id", "package", "reason", "until"}


@pytest.fixture
def authority(tmp_path):
    """A certificate for the two services: the server's side of TLS, and the file by which a client trusts it."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    hosts = x509.SubjectAlternativeName([x509.DNSName("pypi.org"), x509.DNSName("api.osv.dev")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    certificate = builder.add_extension(hosts, False).sign(key, hashes.SHA256())
    file = tmp_path / "certificate.pem"
    private = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, private)
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + secret)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    return tls, file


def pypi(handler, unknown=()):
    """What PyPI's JSON API answers, OSV being away; packages in `unknown` are not found."""
    host = handler.headers["Host"]
    if not host.startswith("pypi.org"):
        return 503, {}
    _, _, name, version, _ = handler.path.split("/")
    if name in unknown or unknown == "all":
        return 404, {"message": "Not Found"}
    known = {"jinja2": CONTROL, "filelock": ADVISORY}.get(name)
    fixed = known["affected"][0]["ranges"][0]["events"][1]["fixed"] if known else ""
    found = {**known, "fixed_in": [fixed], "link": "", "withdrawn": None} if known else None
    return 200, {"info": {"name": name, "version": version}, "vulnerabilities": [found] if found else []}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unknown", "code", "words"),
    [
        ((), 1, "filelock 3.20.0: CVE-2025-68146, GHSA-w853-jp5j-5j7f; fixed in 3.20.1"),
        ("all", 3, "PyPI: it knows nothing of 1 of 1 packages (jinja2)"),
        (("attrs",), 3, "PyPI: it knows nothing of 1 of 2 packages (attrs)"),
    ],
)
def test_pypi_is_asked_first_and_what_it_does_not_know_is_no_pass(
    release, root, serve, capsys, monkeypatch, authority, unknown, code, words
):
    tls, file = authority
    monkeypatch.setenv("HTTPS_PROXY", serve(lambda handler: pypi(handler, unknown), tls))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    monkeypatch.delenv("NO_PROXY", raising=False)
    found, said = run(release, root, capsys, "--only", "advisories")
    assert words in said
    assert found == code


# --- the index -------------------------------------------------------------------------------------------------------


@pytest.fixture
def index(serve, tmp_path, monkeypatch):
    """A package index that has one file, withdrawn where `yanked` says why."""

    def start(yanked=""):
        wheel = tmp_path / "qh_trial-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("qh_trial-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: qh-trial\nVersion: 1.0\n")
            archive.writestr("qh_trial-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr("qh_trial-1.0.dist-info/RECORD", "")
        mark = f' data-yanked="{yanked}"' if yanked else ""

        def answer(handler):
            if handler.path.endswith(".whl"):
                return 200, wheel.read_bytes()
            if handler.path == "/simple/qh-trial/":
                return 200, f'<html><body><a href="/{wheel.name}"{mark}>{wheel.name}</a></body></html>'.encode()
            return 404, b""

        monkeypatch.setenv("UV_DEFAULT_INDEX", serve(answer) + "/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))

    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return start


def test_a_withdrawn_version_is_named(release, root, index, capsys):
    (root / "requirements.lock").write_text("qh-trial==1.0\n")
    index()
    assert run(release, root, capsys, "--only", "index")[0] == 0
    index(yanked="breaks files")
    code, said = run(release, root, capsys, "--only", "index")
    assert code == 1
    assert '`qh-trial==1.0` is yanked (reason: "breaks files")' in said


def test_a_version_that_the_index_lacks_is_named(release, root, index, capsys):
    (root / "requirements.lock").write_text("qh-trial==2.0\n")
    index()
    code, said = run(release, root, capsys, "--only", "index")
    assert code == 1
    assert "qh-trial==2.0" in said


def test_an_index_that_is_not_there_is_no_pass(release, root, index, monkeypatch, capsys):
    index()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # the port "discard", which nobody serves
    (root / "requirements.lock").write_text("qh-trial==1.0\n")
    code, said = run(release, root, capsys, "--only", "index")
    assert code == 3
    assert "the package index did not answer" in said


# --- the rest --------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(root):
    """A project that can be released."""
    (root / "qhelpers").mkdir()
    (root / "qhelpers" / "__init__.py").write_text('__version__ = "1.2.0"\n')
    (root / "CITATION.cff").write_text("version: 1.2.0\n")
    (root / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0 (2026-12-01)\n\n- x\n\n## 1.1.0 (unreleased)\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(root)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    return root


def test_a_project_that_can_be_released(release, project):
    assert release.tree(project) == []
    assert release.version(project) == []


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("CITATION.cff", "version: 1.1.0\n", "CITATION.cff says 1.1.0, the package 1.2.0"),
        ("CHANGELOG.md", "## 1.1.0 (2026-12-01)\n", "the newest entry of CHANGELOG.md is 1.1.0; the package is 1.2.0"),
        ("CHANGELOG.md", "## 1.2.0 (unreleased)\n", "calls 1.2.0 (unreleased); give it the release's date"),
        ("CHANGELOG.md", "## 1.2.0\n", "give it the release's date"),
        ("CHANGELOG.md", "", "the newest entry of CHANGELOG.md is missing"),
    ],
)
def test_what_the_project_says_of_its_version_agrees(release, project, capsys, file, text, words):
    (project / file).write_text(text)
    assert words in "\n".join(release.version(project))
    assert release.tree(project) == [f"1 files differ from the commit: {file}"]
    assert run(release, project, capsys, "--only", "version")[0] == 1


def test_a_folder_without_git_cannot_be_checked(release, root, monkeypatch, capsys):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    code, said = run(release, root, capsys, "--only", "tree")
    assert (code, "not a git repository" in said) == (3, True)


def test_an_environment_that_differs_from_the_lock_is_told(release, root):
    installed = (ROOT / "requirements.lock").read_text()
    name, version = next(line for line in installed.splitlines() if line.startswith("filelock==")).split("==")
    (root / "requirements.lock").write_text(installed.replace(f"{name}=={version}", f"{name}==0.1") + "qh-trial==1.0\n")
    wrong = release.environment(root)
    assert f"filelock 0.1 is in the lock, {version} is installed" in wrong
    assert "qh-trial 1.0 is in the lock, nothing is installed" in wrong
    (root / "requirements.lock").write_text(installed.replace(f"{name}=={version}\n", ""))
    assert any("installed, but not in the lock:" in line and "filelock" in line for line in release.environment(root))


def test_the_licences_of_the_lock_are_known_and_allowed(release):
    assert release.licences(ROOT) == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("License-Expression: MIT AND GPL-3.0-only", "qh-trial: MIT, GPL-3.0-only"),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", "Affero"),
        ("License: Proprietary", "qh-trial: Proprietary"),
        ("Summary: none", "qh-trial: no licence named"),
        ("License-Expression: MIT AND (Apache-2.0 OR BSD-3-Clause)", ""),
        ("License: MPL-2.0 AND MIT", ""),
    ],
)
def test_a_licence_that_is_not_known_is_told(release, root, monkeypatch, metadata, words):
    folder = root / "site" / "qh_trial-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: qh-trial\nVersion: 1.0\n{metadata}\n")
    (root / "requirements.lock").write_text("qh-trial==1.0\n")
    monkeypatch.syspath_prepend(str(root / "site"))
    found = "\n".join(release.licences(root))
    assert words in found
    assert bool(found) == bool(words)


def test_a_failing_test_is_named(release, root, monkeypatch):
    (root / "test_it.py").write_text("def test_a():\n    assert False\n")
    (root / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--require-site', action='store_true')\n"
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
    monkeypatch.setattr(release, "TESTS", ["test_it.py"])
    assert release.tests(root) == ["FAILED test_it.py::test_a - assert False"]
    monkeypatch.setattr(release, "TESTS", ["gone.py"])
    assert release.tests(root)


def test_the_tests_that_a_release_needs_exist(release):
    for name in release.TESTS:
        path, _, function = name.partition("::")
        assert f"def {function}" in (ROOT / path).read_text(encoding="utf-8")


def test_wrong_outranks_unchecked_and_both_are_told(release, root, monkeypatch, capsys):
    def unchecked(root):
        """Cannot be made."""
        raise release.UncheckedError("no network")

    def wrong(root):
        """Is wrong."""
        return ["this"]

    def good(root):
        """Is good."""
        return []

    for checks, code, words in (
        ((good,), 0, "release: yes"),
        ((good, unchecked), 3, "release: not yet; 1 of the checks could not be made here"),
        ((unchecked, wrong), 1, "release: no; 1 checks found something wrong, 1 could not be made"),
    ):
        monkeypatch.setattr(release, "CHECKS", {check.__name__: check for check in checks})
        assert release.main([], root) == code
        assert words in capsys.readouterr().out


def test_pip_and_uv_of_the_environment_are_used(release):
    assert Path(sys.executable).with_name("uv").exists()
    assert os.access(Path(sys.executable).with_name("uv"), os.X_OK)

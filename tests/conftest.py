"""What all tests share: one thread a process, the markers' conditions, the build under test."""

import functools
import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

# Before anything imports NumPy or torch. Threads of several processes on the same cores slow each other down.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

ROOT = Path(__file__).resolve().parents[1]

#: Names under which a system may have the browser.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


#: Files that take a minute or more: they begin first, so that no process is left alone with one at the end.
LONG = (
    "site/test_pages_on_a_desk.py",
    "site/test_pages_on_a_phone.py",
    "test_reruns.py",
    "runs/test_cluster.py",
    "runs/test_kills.py",
    "circuits/test_engine.py",
    "circuits/test_read_qiskit.py",
    "test_notebooks.py",
    "papers/low_energy/test_costs.py",
    "test_build.py",
    "papers/test_new.py",
    "site/test_lab.py",
    "site/test_live_circuit.py",
    "runs/test_execution.py",
    "circuits/test_surrogate.py",
    "test_compare.py",
)


def pytest_collection_modifyitems(items):
    """Long files first, all else as it was."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


def pytest_addoption(parser):
    parser.addoption(
        "--require-site",
        action="store_true",
        default=bool(os.environ.get("QHELPERS_REQUIRE_SITE")),
        help="a missing site or browser fails the tests that need it, rather than skipping them (QHELPERS_REQUIRE_SITE=1)",
    )
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow: minutes to an hour in all")


def load_script(name):
    """Import a script of `book/`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"book_{name}", ROOT / "book" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def script():
    """Import a script of `book/`: ``script("pdf")``."""
    return load_script


@pytest.fixture(scope="session")
def build():
    """The build pipeline, `book/build.py`."""
    return load_script("build")


@pytest.fixture(scope="session")
def chapters():
    """What the site knows of chapters, `book/_ext/qhbook/chapters.py`."""
    return load_script("_ext/qhbook/chapters")


@pytest.fixture(scope="session")
def book_extension():
    """Import a module of the book's Sphinx extension, `book/_ext/qhbook/`."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    yield lambda name: importlib.import_module(f"qhbook.{name}")
    sys.path.remove(str(ROOT / "book" / "_ext"))


@pytest.fixture(scope="session")
def board(book_extension):
    """How claims are shown, `book/_ext/qhbook/board.py`."""
    return book_extension("board")


@pytest.fixture(scope="session")
def front(book_extension):
    """The front page, `book/_ext/qhbook/front.py`."""
    return book_extension("front")


@pytest.fixture(scope="session")
def bootstrap():
    """The set-up, `book/bootstrap.py`."""
    return load_script("bootstrap")


@pytest.fixture(autouse=True)
def signals_are_left_as_they_were():
    """What a test does with signals ends with it: processes that later tests fork would have it from this one."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {one: signal.getsignal(one) for one in before} == before


def missing(config, reason):
    """Skip, or fail where the site is required."""
    if config.getoption("--require-site"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@functools.cache
def real_data_problem(name):
    """Say why a data set's official files cannot be had, or nothing."""
    from qhelpers import datasets

    try:
        datasets.fingerprint(name, source="real")
    except datasets.DatasetError as error:
        return str(error)
    return None


#: Sets whose files were not to be had: what needs all sets does without them, and their own tests are skipped even where the
#: others are required.
NOT_AT_HAND = ("wustl_iiot",)


def pytest_runtest_setup(item):
    """Skip what lacks its data or browser, saying what is missing. The marker may name data sets; else all are needed."""
    if item.get_closest_marker("slow") is not None and not item.config.getoption("--slow"):
        pytest.skip("slow; run it with: make test ARGS=--slow")
    marker = item.get_closest_marker("needs_data")
    if marker is not None:
        from qhelpers import datasets

        for name in marker.args or [name for name in datasets.names() if name not in NOT_AT_HAND]:
            problem = real_data_problem(name)
            if (
                problem
                and name not in NOT_AT_HAND
                and item.config.getoption("--require-site")
                and os.environ.get("QHELPERS_DATA")
            ):
                pytest.fail(f"QHELPERS_DATA is set, but {name} cannot be read: {problem}", pytrace=False)
            if problem:
                pytest.skip(f"needs the official data set {name!r} (QHELPERS_DATA, or make data): {problem}")
    if item.get_closest_marker("needs_browser") is not None and not any(map(shutil.which, CHROMIUM)):
        missing(item.config, "needs Chromium (Debian: apt-get install chromium)")


@pytest.fixture(autouse=True)
def no_deprecated_pennylane():
    """Make PennyLane's deprecation warnings errors (they are no DeprecationWarning), where it is in use."""
    pennylane = sys.modules.get("pennylane")
    with warnings.catch_warnings():
        if pennylane is not None:
            warnings.simplefilter("error", pennylane.exceptions.PennyLaneDeprecationWarning)
        yield


class Calls:
    """Functions of Python that this thread has called: work that can be compared, on a machine that is never alone."""

    def __init__(self):
        self.n = 0

    def __enter__(self):
        sys.setprofile(self._seen)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _seen(self, _, event, __):
        self.n += event == "call"

    def __call__(self):
        return self.n


@pytest.fixture
def calls():
    """Count calls: ``with calls() as counted: ...; counted()``."""
    return Calls


class Disk:
    """A small file system."""

    def __init__(self, path):
        self.path = path

    def remount(self, options):
        """Change its options, for instance ``ro`` or ``size=2m``."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system in memory: ``small_disk("size=128k")``; skips where that is not allowed."""
    mounted = []

    def make(options):
        path = tmp_path / f"disk-{len(mounted)}"
        path.mkdir()
        try:
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"needs a file system of its own, but cannot run mount: {error}")
        if done.returncode:
            pytest.skip(f"needs a file system of its own, but may not mount one: {done.stderr.strip()}")
        mounted.append(path)
        return Disk(path)

    yield make
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def one_record():
    """A record of an experiment called trial, as if measured on real data."""
    from qhelpers.runs.records import Record

    return Record(
        id="0" * 16,
        experiment="trial",
        version="1",
        config={"model": "a", "data": "occupancy"},
        seed=0,
        source="real",
        fingerprint="f",
        profile="laptop",
        metrics={"accuracy": 0.5},
        confusion={"tp": 1, "fp": 1, "fn": 0, "tn": 0},
        chosen={},
        seconds=1.0,
        cpu_seconds=1.0,
        train_seconds=0.5,
        peak_memory_mb=10.0,
        cpu="c",
        versions={"python": "3"},
        finished="2026-01-01T00:00:00+00:00",
    )

"""The built site, served on this machine only, and a browser that looks at it."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: Chromium that talks to nobody but the pages it is shown.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(request: pytest.FixtureRequest, reason: str) -> None:
    """Skip with the reason, or fail where the site is required (``--require-site``)."""
    if request.config.getoption("--require-site"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def site_folder() -> Path:
    """Folder of the site under test."""
    return Path(os.environ.get("QHELPERS_SITE", REPOSITORY / "build" / "site"))


def page_names() -> list[str]:
    """Pages of the site, source listings apart; one name that stands for all where there is no site."""
    folder = site_folder()
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return [name for name in names if not name.startswith(("_static/", "_modules/"))] or ["index.html"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``page_name`` once a page."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", page_names())


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Path:
    """Folder of the built site."""
    folder = site_folder()
    if not (folder / "index.html").exists():
        missing(request, f"no site in {folder}; build it with: make book, or name one in QHELPERS_SITE")
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write to the terminal."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Address of the site on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A headless Chromium of the system."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing(request, "no Chromium on this machine; install the package chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install 'qhelpers[test]'")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


class Watch:
    """What a page asked for, what failed, and what it complained about."""

    def __init__(self, page: Any, address: str) -> None:
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.errors: list[str] = []
        self.weight = 0
        self.address = address
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.failures.append(f"{request.url}: {request.failure}"))
        page.on("response", self.take)
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def take(self, response: Any) -> None:
        """Count what came, and note what did not."""
        if response.status >= 400:
            self.failures.append(f"{response.url}: {response.status}")
        else:
            self.weight += len(response.body())

    @property
    def elsewhere(self) -> list[str]:
        """Requests to anything but the site itself."""
        return [url for url in self.requests if not url.startswith((self.address, "data:", "blob:"))]


@pytest.fixture
def look(chromium: Any, address: str) -> Iterator[Any]:
    """Open a page in a fresh browser: ``look("index.html", width=390, dark=True)`` gives (page, watch)."""
    contexts = []

    def open_page(name: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> tuple[Any, Watch]:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        watch = Watch(page, address)
        page.goto(address + name, wait_until="networkidle")
        return page, watch

    yield open_page
    for context in contexts:
        context.close()

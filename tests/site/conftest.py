"""The built site, served on this machine only, and a browser that looks at it and can reach nothing else."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: Chromium that talks to nobody but the pages it is shown, and that no name leads to another machine.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-component-extensions-with-background-pages",
    "--disable-features=AimEnabled,AutofillServerCommunication,DialMediaRouteProvider,MediaRouter,NetworkTimeServiceQuerying,"
    "OptimizationHints,PreconnectToSearch",
    "--gaia-url=http://127.0.0.1:9/",
    "--component-updater=url-source=http://127.0.0.1:9/",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

#: Way out of what the browser asks for itself, its maker's news among it: none. Pages have the server's.
NOWHERE = {"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}


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
    """Run a test that asks for ``page_name`` once a page, all tests of a page one after the other."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", page_names(), scope="module")


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Path:
    """Folder of the built site."""
    folder = site_folder()
    if not (folder / "index.html").exists():
        missing(request, f"no site in {folder}; build it with: make book, or name one in QHELPERS_SITE")
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site, and is the browser's only way out: what is asked of another host is noted and refused."""

    server: Server

    def parse_request(self) -> bool:
        """Take the address of the site off; refuse any other."""
        if not super().parse_request():
            return False
        if self.path.startswith(self.server.address):
            self.path = self.path.removeprefix(self.server.address.rstrip("/"))
        elif not self.path.startswith("/"):
            if (asked := f"{self.command} {self.path}") not in self.server.own:
                self.server.elsewhere.append(asked)
            self.send_error(403)
            return False
        return True

    def end_headers(self) -> None:
        """Let a browser that has seen a page ask whether it is still the same: a fault may have been put in."""
        if self.path.partition("?")[0].endswith(".html"):
            self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def do_GET(self) -> None:
        """Send a page with a fault in it, where a test has put one in; else the file."""
        text = self.server.faults.get(self.path.partition("?")[0].lstrip("/"))
        if text is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(self.path.partition("?")[0]))
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Do not write to the terminal."""


class Server(http.server.ThreadingHTTPServer):
    """The site on loopback."""

    daemon_threads = True

    def __init__(self, site: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(site)))
        self.site = site
        self.address = f"http://127.0.0.1:{self.server_port}/"
        #: What a page, or the browser on its behalf, asked of another host.
        self.elsewhere: list[str] = []
        #: What it asks in any case, whatever page it shows.
        self.own: frozenset[str] = frozenset()
        #: Pages that are sent in the place of those of the site.
        self.faults: dict[str, str] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that is left while it loads breaks off its requests."""


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[Server]:
    """The running server of the site."""
    with Server(site) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="session")
def address(server: Server) -> str:
    """Address of the site on loopback."""
    return server.address


@pytest.fixture(scope="session")
def findings() -> Any:
    """What may be wrong with a page, `findings.py` beside this file."""
    spec = importlib.util.spec_from_file_location("findings", Path(__file__).with_name("findings.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> str:
    """Chromium of the system."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing(request, "no Chromium on this machine; install the package chromium")
    return str(found)


@pytest.fixture(scope="session")
def quiet() -> dict[str, Any]:
    """How Chromium is started so that what it asks for itself (which changes with every version of it) reaches nobody."""
    return {"args": CHROMIUM_ARGS, "proxy": NOWHERE}


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """The driver of the browser."""
    package = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install 'qhelpers[test]'")
    with package.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Any, program: str, server: Server, quiet: dict[str, Any]) -> Iterator[Any]:
    """A headless Chromium in which every request of a page, of whatever kind, goes through the server."""
    browser = playwright.chromium.launch(executable_path=program, **quiet)
    fresh, way = browser.new_context, {"server": server.address, "bypass": "<-loopback>"}
    browser.new_context = lambda **how: fresh(**{"proxy": way, **how})
    blank = browser.new_context().new_page()
    blank.wait_for_timeout(2000)
    blank.context.close()
    server.own = frozenset(server.elsewhere)  # asked with no page in sight: the browser's, if its next version asks more
    server.elsewhere.clear()
    yield browser
    browser.close()
    assert server.elsewhere == [], "the browser asked other hosts, after the page that a test looked at was left"


class Watch:
    """What a page asked for, what failed, and what it complained about."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.server = server
        self.forget()
        page.context.on("request", lambda request: self.requests.append(request.url))  # service workers' too
        page.on("requestfailed", lambda request: self.failures.append(f"{request.url}: {request.failure}"))
        page.on("response", lambda one: one.status >= 400 and self.failures.append(f"{one.url}: {one.status}"))
        page.on("console", lambda one: one.type in ("error", "warning") and self.complaints.append(f"{one.type}: {one.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def forget(self) -> None:
        """Begin anew, before another page is opened."""
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.complaints: list[str] = []
        self.before = len(self.server.elsewhere)

    @property
    def elsewhere(self) -> list[str]:
        """Requests to anything but the site itself: those the page tells of, and what else of its reader reached the server."""
        where = "file:" if self.page.url.startswith("file:") else self.server.address
        own = (where, "data:", "blob:")
        return [url for url in self.requests if not url.startswith(own)] + self.server.elsewhere[self.before :]

    @property
    def weight(self) -> int:
        """Bytes that the page is made of, whether its browser had some already (the page's own account stops with its clock)."""
        own = {url.partition("?")[0] for url in self.requests if url.startswith(self.server.address)}
        files = [self.server.site / unquote(url.removeprefix(self.server.address)) for url in own]
        return sum(file.stat().st_size for file in files if file.is_file())


@pytest.fixture(scope="session")
def opening(chromium: Any, server: Server, findings: Any) -> Callable[..., tuple[Any, Watch]]:
    """Open a page in a fresh browser and wait until it is settled; the caller closes its context."""

    def open_page(name: str, *, width: int = 1280, height: int = 900, dark: bool = False, **context: Any) -> tuple[Any, Watch]:
        view = {"viewport": {"width": width, "height": height}, "color_scheme": "dark" if dark else "light"}
        page = chromium.new_context(**view, **context).new_page()
        watch = Watch(page, server)
        if context.get("java_script_enabled", True):
            page.clock.install()  # so that a test can let an hour pass
        page.goto(server.address + name, wait_until="load")
        if context.get("java_script_enabled", True):
            findings.settle(page)
        return page, watch

    return open_page


#: How every page is visited, once each. The phone's reader has the site as files.
MODES: dict[str, dict[str, Any]] = {
    "wide, light": {"width": 1280, "height": 900},
    "phone, dark": {"width": 390, "height": 844, "dark": True, "files": True},
    "without scripts": {"width": 1280, "height": 900, "java_script_enabled": False},
}


@pytest.fixture(scope="session")
def visit(chromium: Any, server: Server, site: Path, findings: Any) -> Iterator[Callable[..., tuple[Any, Watch]]]:
    """Open a page as in one of `MODES`: ``visit("index.html", "wide, light")`` gives (page, watch).

    One reader a mode goes from page to page, in a browser that has the scripts and fonts already: a fresh one for each page costs
    three times as much. What a page stores is cleared before the next, its window and theme are as at the beginning.
    """
    readers: dict[str, tuple[Any, Watch]] = {}

    def open_page(name: str, mode: str = "wide, light", **changed: Any) -> tuple[Any, Watch]:
        how = {**MODES[mode], **changed}
        view, theme = {"width": how["width"], "height": how["height"]}, "dark" if how.get("dark") else "light"
        scripts = how.get("java_script_enabled", True)
        if mode not in readers:
            page = chromium.new_context(viewport=view, color_scheme=theme, java_script_enabled=scripts).new_page()
            if scripts:
                page.clock.install()  # so that a test can let an hour pass
            readers[mode] = page, Watch(page, server)
        page, watch = readers[mode]
        if page.url != "about:blank":
            page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
            page.goto("about:blank")  # what a page asks for when it is left is not asked by the next
        page.set_viewport_size(view)
        page.emulate_media(media="screen", color_scheme=theme)
        watch.forget()
        page.goto((site.as_uri() + "/" if how.get("files") else server.address) + name, wait_until="load")
        if scripts:
            findings.settle(page)
        return page, watch

    yield open_page
    for page, _ in readers.values():
        page.context.close()


@pytest.fixture
def look(opening: Any) -> Iterator[Any]:
    """Open a page in a fresh browser: ``look("index.html", width=390, dark=True)`` gives (page, watch)."""
    pages = []

    def open_page(name: str, **how: Any) -> tuple[Any, Watch]:
        page, watch = opening(name, **how)
        pages.append(page)
        return page, watch

    yield open_page
    for page in pages:
        page.context.close()

"""What the site runs: the theme's scripts, Sphinx's, MathJax and ours, unchanged and from where they say; nothing else."""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import hashlib
import importlib.metadata
import importlib.util
import re
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: Packages whose scripts the site may hold, each byte by byte as installed, but for MathJax's fonts, which are written into it.
ORIGINS = (
    *("sphinx", "pydata-sphinx-theme", "sphinx-book-theme", "sphinx-copybutton", "sphinx-togglebutton", "sphinx-design"),
    *("sphinx-thebe", "sphinx-mathjax-offline"),
)
#: Scripts that Sphinx and sphinx-copybutton fill in while the site is built, and how each begins.
FILLED_IN = {
    "_static/documentation_options.js": "const DOCUMENTATION_OPTIONS = {",
    "_static/language_data.js": "/*\n * language_data.js",
    "_static/copybutton.js": "// Localization support",
    "searchindex.js": "Search.setIndex({",
}
#: Ours.
OWN = {"_static/qh.js", "_static/circuit-live.js", "_static/check.js"}
#: What a script within a page may be, whole: settings as data, the theme's buttons and its choice of light or dark.
WITHIN = [
    r"DOCUMENTATION_OPTIONS\.pagename = '[\w./-]+';",
    r"(?:let|var) (?:toggleHintShow|toggleHintHide|toggleOpenOnPrint|togglebuttonSelector) = '[\w ,.]+';",
    r"window\.MathJax = \{.*\}",
    r"document\.documentElement\.dataset\.mode = localStorage\.getItem\(\"mode\"\) \|\| \"auto\";\s*"
    r"document\.documentElement\.dataset\.theme = localStorage\.getItem\(\"theme\"\) \|\| \"(?:light|auto)\";",
    r"document\.write\(`\s*<(?:button|img)\b[^`$]*`\);",
    r"// Activate the search field on page load\s+let searchInput = [^=]*?"
    r"searchInput\.focus\(\);\s+searchInput\.select\(\);[^{}]*\}",
]


class Scripts(HTMLParser):
    """Scripts of a page: those that it names, those within it, and code in attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.named: list[str] = []
        self.within: list[str] = []
        self.attributes: list[str] = []
        self._kind: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note scripts, handlers, and addresses that are code."""
        given = dict(attrs)
        for name, value in given.items():
            if name.startswith("on") or re.match(r"\s*(javascript|vbscript|data:text/html)", value or "", re.IGNORECASE):
                self.attributes.append(f"{tag} {name}={value}")
        if tag in ("object", "embed", "applet", "base") or (tag == "iframe") or (tag == "meta" and "refresh" in str(attrs)):
            self.attributes.append(self.get_starttag_text() or tag)
        if tag == "script":
            self._kind = given.get("type") or "script"
            if given.get("src"):
                self.named.append((given["src"] or "").partition("?")[0])

    def handle_data(self, data: str) -> None:
        """Keep a script's text, data blocks apart."""
        if self._kind not in (None, "application/json") and data.strip():
            self.within.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        """Leave the script."""
        self._kind = None


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Scripts]:
    """Every page, source listings included; the theme's templates, which are no pages, left out."""
    return {
        path.relative_to(site).as_posix(): Scripts(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if not path.relative_to(site).as_posix().startswith("_static/")
    }


def carried() -> dict[str, set[str]]:
    """Hash of every script that the allowed packages carry, with the packages."""
    found = defaultdict(set)
    for package in ORIGINS:
        for file in importlib.metadata.files(package) or ():
            if file.suffix == ".js":
                found[hashlib.sha256(Path(str(file.locate())).read_bytes()).hexdigest()].add(package)
    return found


def as_installed(script: bytes) -> bytes:
    """MathJax's fonts as it names them, where the site has written them into its script."""
    for file in importlib.metadata.files("sphinx-mathjax-offline") or ():
        if file.suffix == ".woff" and "chtml" in file.parts:
            written = b"data:font/woff;base64," + base64.b64encode(Path(str(file.locate())).read_bytes())
            script = script.replace(written, f"%%URL%%/{file.name}".encode())
    return script


def foreign_scripts(site: Path) -> list[str]:
    """Scripts of the site that are neither an allowed package's, nor Sphinx's own data, nor ours as in `book/_static`."""
    known, wrong = carried(), []
    for path in site.rglob("*"):
        if path.suffix not in (".js", ".mjs", ".wasm"):
            continue
        name, content = path.relative_to(site).as_posix(), path.read_bytes()
        if name in OWN:
            good = content == (REPOSITORY / "book" / name).read_bytes()
        elif name in FILLED_IN:
            good = content.decode().lstrip().startswith(FILLED_IN[name])
        else:
            good = hashlib.sha256(as_installed(content) if "/mathjax/" in name else content).hexdigest() in known
        if not good:
            wrong.append(name)
    return sorted(wrong)


def test_every_script_comes_from_where_it_may(site: Path) -> None:
    assert foreign_scripts(site) == []


def test_a_foreign_or_changed_script_is_found(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    own = (REPOSITORY / "book" / "_static" / "qh.js").read_bytes()
    (tmp_path / "_static" / "qh.js").write_bytes(own)
    assert foreign_scripts(tmp_path) == []
    (tmp_path / "_static" / "qh.js").write_bytes(own + b"\n")
    (tmp_path / "_static" / "tracker.js").write_text("fetch('https://x.example')")
    (tmp_path / "_static" / "doctools.js").write_text("changed")
    (tmp_path / "searchindex.js").write_text("alert(1)")
    assert foreign_scripts(tmp_path) == ["_static/doctools.js", "_static/qh.js", "_static/tracker.js", "searchindex.js"]


def test_pages_name_only_scripts_of_the_site(pages: dict[str, Scripts], site: Path) -> None:
    wrong = [
        (name, source)
        for name, page in pages.items()
        for source in page.named
        if not ((site / name).parent / source).resolve().is_relative_to(site.resolve())
        or not ((site / name).parent / source).exists()
    ]
    assert not wrong


def foreign_within(pages: dict[str, Scripts]) -> list[tuple[str, str]]:
    """Scripts within pages that are none of those allowed."""
    form = re.compile("|".join(f"(?:{one})" for one in WITHIN), re.DOTALL)
    return [(name, text[:200]) for name, page in pages.items() for text in page.within if not form.fullmatch(text)]


def test_scripts_within_pages_are_the_themes(pages: dict[str, Scripts]) -> None:
    assert not foreign_within(pages)


def test_pages_hold_no_code_in_attributes_and_embed_nothing(pages: dict[str, Scripts]) -> None:
    assert not {name: page.attributes for name, page in pages.items() if page.attributes}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<script>DOCUMENTATION_OPTIONS.pagename = 'a'; alert(1)</script>",
        "<script>document.write(`<img src=${x}>`);</script>",
        "<script>document.write(`<script src='https://x.example'>`);</script>",
        '<p onclick="alert(1)">',
        '<a href=" JavaScript:alert(1)">',
        '<svg><a xlink:href="javascript:alert(1)">',
        '<iframe src="https://x.example"></iframe>',
        '<base href="https://x.example">',
        '<meta http-equiv="refresh" content="0; url=https://x.example">',
    ],
)
def test_code_of_others_in_a_page_is_found(text: str) -> None:
    page = Scripts(text)
    assert foreign_within({"a": page}) or page.attributes


@pytest.mark.parametrize("name", sorted(OWN))
def test_our_scripts_run_no_text_and_ask_nobody(name: str) -> None:
    text = (REPOSITORY / "book" / name).read_text(encoding="utf-8")
    runs = r"\beval\s*\(|\bnew\s+Function|setTimeout\(\s*['\"`]|document\.write|\bimport\s*\("
    writes = r"\.innerHTML(?! = `[^`$]*`;)|\.outerHTML|insertAdjacentHTML"  # a text without anything filled in is ours
    asks = r"\bfetch\s*\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|https?://(?!www\.w3\.org/)"
    assert not re.search(f"{runs}|{writes}|{asks}", text)


def words(text: str) -> str:
    """A licence's words, however they are set."""
    return re.sub(r"\W+", " ", text).strip().lower()


def test_the_site_carries_the_licences_of_what_it_is_made_with(site: Path) -> None:
    given = words((site / "_static" / "licences.txt").read_text(encoding="utf-8"))
    missing = []
    for package in (*ORIGINS, "pygments", "myst-nb", "snowballstemmer"):
        files = [one for one in importlib.metadata.files(package) or () if re.match(r"(LICEN[CS]E|COPYING)", one.name)]
        texts = [Path(str(one.locate())).read_text(encoding="utf-8") for one in files if ".dist-info" in str(one)]
        if package == "sphinx-mathjax-offline":  # carries no licence; MathJax's own is Apache-2.0
            texts = ["Apache License Version 2.0, January 2004", "MathJax 3.2.2"]
        assert texts, package
        missing += [package for text in texts if words(text) not in given]
    assert not missing, "book/_static/licences.txt lacks the licence as installed"
    for name in ("Bootstrap 5.3.3", "Font Awesome Free 6.5.2", "CC BY 4.0", "clipboard.js 2.0.8"):
        assert words(name) in given
    startup = (site / "_static" / "mathjax" / "core.js").read_text(encoding="utf-8")
    assert "3.2.2" in startup
    assert "Bootstrap v5.3.3" in (site / "_static" / "scripts" / "bootstrap.js.LICENSE.txt").read_text(encoding="utf-8")
    assert "clipboard.js v2.0.8" in (site / "_static" / "clipboard.min.js").read_text(encoding="utf-8")


@contextlib.contextmanager
def as_served(folder: Path) -> Iterator[str]:
    """Address of a folder as `book/serve.py` serves it."""
    spec = importlib.util.spec_from_file_location("book_serve", REPOSITORY / "book" / "serve.py")
    serve = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(serve)
    with serve.Server(("127.0.0.1", 0), functools.partial(serve.Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:  # a server whose socket is closed before it has stopped spins for ever
            server.shutdown()


@pytest.fixture(scope="module")
def own_address(site: Path) -> Iterator[str]:
    """Address of the site."""
    with as_served(site) as address:
        yield address


@pytest.mark.parametrize("name", ["", "index.html", "a.css", "mark.png"])
def test_text_is_sent_compressed_to_who_takes_it(tmp_path: Path, name: str) -> None:
    for file in ("index.html", "a.css", "mark.png"):
        (tmp_path / file).write_bytes(f"{file}, once more. ".encode() * 100)
    content = (tmp_path / (name or "index.html")).read_bytes()
    with as_served(tmp_path) as address:
        asked = urllib.request.Request(address + name, headers={"Accept-Encoding": "gzip, br"})
        with urllib.request.urlopen(asked, timeout=60) as packed, urllib.request.urlopen(address + name, timeout=60) as plain:
            got = packed.read()
            assert plain.read() == content and plain.headers["Content-Encoding"] is None
        if name.endswith(".png"):
            assert got == content and packed.headers["Content-Encoding"] is None
        else:
            assert gzip.decompress(got) == content and int(packed.headers["Content-Length"]) == len(got) < len(content)
            assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
        assert "default-src 'none'" in packed.headers["Content-Security-Policy"]


@pytest.fixture(scope="module")
def cut_off(chromium: Any) -> Iterator[Any]:
    """A page that reaches nothing but loopback and notes what its Content-Security-Policy keeps out."""
    page = chromium.new_context(proxy={"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}).new_page()
    page.add_init_script(
        "window.violations = [];"
        "addEventListener('securitypolicyviolation', e => violations.push(`${e.effectiveDirective} ${e.blockedURI}`))"
    )
    yield page
    page.context.close()


def violations(page: Any, address: str) -> list[str]:
    """What the policy kept out of a page until it asked for nothing more."""
    page.goto(address, wait_until="networkidle")
    return list(page.evaluate("violations"))


#: A page of each kind: plain, with mathematics, with a circuit that runs in the page, with a filtered table, with search results.
KINDS = ["index.html", "1-low-energy/1.1-three-quantum-networks.html", "1-low-energy/1.4-what-the-circuit-computes.html"]
KINDS += ["check-a-paper.html", "scoreboard.html", "search.html?q=occupancy"]


@pytest.mark.needs_browser
@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_page_works_under_the_policy_that_make_serve_sends(cut_off: Any, own_address: str, name: str) -> None:
    assert violations(cut_off, own_address + name) == []
    assert cut_off.locator("button.theme-switch-button").count() > 0, "the theme's scripts did not run"


@pytest.mark.slow
@pytest.mark.needs_browser
def test_every_page_works_under_the_policy_that_make_serve_sends(cut_off: Any, own_address: str, page_name: str) -> None:
    assert violations(cut_off, own_address + page_name) == []
    assert cut_off.locator("button.theme-switch-button").count() > 0, "the theme's scripts did not run"


@pytest.mark.needs_browser
def test_the_policy_of_make_serve_keeps_others_out(cut_off: Any, tmp_path: Path) -> None:
    other = "https://x.example/a"
    (tmp_path / "index.html").write_text(
        f'<script src="{other}.js"></script><link rel="stylesheet" href="{other}.css">'
        f'<img src="{other}.png"><iframe src="{other}"></iframe>'
        f"<script>fetch('{other}').catch(() => 0); try {{ eval('1') }} catch {{}}</script>"
    )
    with as_served(tmp_path) as address:
        directives = {one.split()[0] for one in violations(cut_off, address)}
    assert directives == {"script-src-elem", "style-src-elem", "img-src", "frame-src", "connect-src", "script-src"}


@pytest.mark.needs_browser
def test_what_is_said_to_be_wider_scrolls(chromium: Any, tmp_path: Path) -> None:
    """A note above what is cut off and scrolls; none above what fits, nor above what sticks out and cannot scroll."""
    boxes = {"cut": "width: 200px; overflow-x: auto", "fits": "width: 400px; overflow-x: auto", "sticks": "width: 200px"}
    shown = [f'<div class="qh-table" id="{name}" style="{look}"><p style="width: 300px">' for name, look in boxes.items()]
    # the sheet makes tables scroll and figures stick out
    shown[-1] = shown[-1].replace("qh-table", "qh-figure")
    static = REPOSITORY / "book" / "_static"
    for name in ("qh.css", "qh.js"):
        (tmp_path / name).write_bytes((static / name).read_bytes())
    head = '<!doctype html><link rel="stylesheet" href="qh.css"><script src="qh.js"></script>'
    (tmp_path / "index.html").write_text(head + "</div>".join(shown))
    with (
        as_served(tmp_path) as address,
        contextlib.closing(chromium.new_context(proxy={"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"})) as reader,
    ):
        page = reader.new_page()
        page.goto(address)
        page.evaluate("() => new Promise(seen => requestAnimationFrame(() => requestAnimationFrame(seen)))")
        note = "name => getComputedStyle(document.getElementById(name), '::before').content"
        assert [name for name in boxes if "wider than the column" in page.evaluate(note, name)] == ["cut"]

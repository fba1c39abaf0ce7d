"""The site as files: links, texts for pictures, weight, nothing of other hosts. No browser needed."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest

#: Attributes by which a page makes a browser fetch something (a link that a reader may follow is not one).
FETCHING = {
    *((element, "src") for element in ("script", "img", "iframe", "source", "embed", "audio", "video", "track", "input")),
    *(
        ("link", "href"),
        ("object", "data"),
        ("video", "poster"),
        ("use", "xlink:href"),
        ("use", "href"),
        ("image", "xlink:href"),
        ("image", "href"),
    ),
    *(("img", "srcset"), ("source", "srcset"), ("form", "action"), ("base", "href"), ("a", "ping"), ("body", "background")),
}


class Outline(HTMLParser):
    """Ids, links, fetched addresses and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.nameless: list[str] = []
        self.onward: dict[str, list[str]] = {"left-prev": [], "right-next": []}
        self.titles = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element brings."""
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(given["id"] or "")
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
            for way in self.onward:
                if way in (given.get("class") or "").split():
                    self.onward[way].append(given["href"] or "")
        for element, attribute in FETCHING:
            if tag == element and given.get(attribute) and given.get("rel") not in ("next", "prev", "canonical"):
                self.fetched.append(given[attribute] or "")
        picture = tag == "img" or (tag == "svg" and given.get("aria-hidden") != "true")
        if picture and not (given.get("alt") or given.get("aria-label") or given.get("aria-labelledby")):
            self.nameless.append(self.get_starttag_text() or tag)
        self.titles += tag == "h1"


@pytest.fixture(scope="module")
def outlines(site: Path) -> dict[str, Outline]:
    """Every page of the site, source listings included."""
    return {
        path.relative_to(site).as_posix(): Outline(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if not path.relative_to(site).as_posix().startswith("_static/")
    }


#: What the scoreboard's filter reads from the address; which values there are is asked in a browser.
FILTER = re.compile(r"(?:(?:paper|kind|verdict|check|words|sort)=[\w, %-]+&?)+")


def broken(name: str, outline: Outline, outlines: dict[str, Outline], site: Path) -> list[str]:
    """Internal links of a page that lead nowhere."""
    wrong = []
    for link in outline.links:
        if urlparse(link).scheme or link.startswith("//"):
            continue
        target, fragment = urldefrag(urljoin(name, link))
        target, fragment = unquote(target), unquote(fragment)
        if target == "scoreboard.html" and FILTER.fullmatch(fragment):
            fragment = ""
        if not (site / target).exists() or (fragment and target in outlines and fragment not in outlines[target].ids):
            wrong.append(link)
    return wrong


def test_internal_links_lead_somewhere(outlines: dict[str, Outline], site: Path) -> None:
    wrong = {name: broken(name, outline, outlines, site) for name, outline in outlines.items()}
    assert not {name: links for name, links in wrong.items() if links}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = Outline(
        '<h1 id="top">x</h1><a href="#top">a</a><a href="#gone">b</a><a href="gone.html">c</a><a href="https://x.org">d</a>'
        '<a href="scoreboard.html#verdict=holds">e</a><a href="scoreboard.html#nonsense=1">f</a>'
    )
    for name in ("index.html", "scoreboard.html"):
        (tmp_path / name).touch()
    outlines = {"index.html": page, "scoreboard.html": Outline("")}
    assert broken("index.html", page, outlines, tmp_path) == ["#gone", "gone.html", "scoreboard.html#nonsense=1"]


def test_every_picture_has_a_text(outlines: dict[str, Outline]) -> None:
    assert not {name: outline.nameless for name, outline in outlines.items() if outline.nameless}


def test_a_picture_without_text_is_found() -> None:
    page = Outline(
        '<img src="a.png"><img src="b.png" alt="b"><svg></svg><svg aria-label="c"></svg><svg aria-hidden="true"></svg>'
    )
    assert len(page.nameless) == 2


def test_no_page_names_another_host_for_what_it_loads(outlines: dict[str, Outline], site: Path) -> None:
    wrong = {name: foreign(outline) for name, outline in outlines.items()}
    assert not {name: addresses for name, addresses in wrong.items() if addresses}
    assert "unpkg.com" not in "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))


def foreign(outline: Outline) -> list[str]:
    """Addresses that a page would fetch from another host, or that a page opened as a file could not find."""
    return [one for one in outline.fetched if (urlparse(one).netloc or one.startswith("/")) and not one.startswith("data:")]


def test_another_host_is_found() -> None:
    page = Outline(
        '<link rel="icon" href="https://a.org/i.svg"><link rel="preconnect" href="//b.org"><img src="https://c.org/x" alt="">'
        '<img srcset="https://d.org/x 2x" alt=""><script src="/e.js"></script><base href="https://f.org/">'
        '<svg aria-hidden="true"><image href="https://g.org/x"/></svg>'
        '<a href="https://fine.org" ping="https://h.org">x</a><img src="data:," alt="">'
        '<link rel="canonical" href="https://fine.org"><a href="https://fine.org">y</a><img src="_static/x.png" alt="">'
    )
    assert len(foreign(page)) == 8
    assert not [one for one in foreign(page) if "fine" in one]


#: What a style sheet, or a style within a page, fetches from another host.
STYLED = re.compile(r"(url\(|@import)\s*['\"]?(https?:)?//")


def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    for path in [*site.rglob("*.css"), *site.rglob("*.html")]:
        assert not STYLED.search(path.read_text(encoding="utf-8")), path


def test_no_script_of_ours_asks_or_stays(site: Path) -> None:
    for path in site.glob("_static/*.js"):
        assert not re.search(
            r"serviceWorker|sendBeacon|XMLHttpRequest|new WebSocket|EventSource", path.read_text(encoding="utf-8")
        ), path


def unlisted(index: str, names: list[str]) -> list[str]:
    """Pages that the search cannot find."""
    known = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))["docnames"]
    return [name for name in names if name.removesuffix(".html") not in known]


def test_every_page_can_be_searched(outlines: dict[str, Outline], site: Path) -> None:
    made = ("404.html", "genindex.html", "search.html", "py-modindex.html")
    names = [name for name in outlines if name not in made and not name.startswith("_modules/")]
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert len(names) > 15
    assert unlisted(index, names) == []
    assert unlisted(index.replace('"glossary"', '"glossarx"'), names) == ["glossary.html"]


def test_one_title_a_page(outlines: dict[str, Outline], page_name: str) -> None:
    if page_name in ("genindex.html", "search.html", "py-modindex.html"):
        pytest.skip("a page of the theme's own")
    printed = 1  # the theme repeats the title in a block that only print shows
    assert outlines[page_name].titles - printed == 1


def test_every_page_leads_on(outlines: dict[str, Outline]) -> None:
    visited = ["index.html"]
    while onward := outlines[visited[-1]].onward["right-next"]:
        assert len(onward) == 1, visited[-1]
        visited.append(urldefrag(urljoin(visited[-1], onward[0])).url)
        assert len(outlines[visited[-1]].onward["left-prev"]) == 1, visited[-1]
        assert len(visited) < 70
    ends = [name.rsplit("/", 1)[-1] for name in visited]
    assert {"how-to-read.html", "0.2-the-data.html", "1.1-three-quantum-networks.html", "scoreboard.html"} <= set(ends)
    assert ends[-1] == "execution.html"


def test_site_is_light(site: Path) -> None:
    weights = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    heaviest = sorted(weights, key=weights.__getitem__)[-3:]
    assert sum(weights.values()) < 60e6, [f"{path.name}: {weights[path] / 1e6:.1f} MB" for path in heaviest]


def test_font_awesome_is_replaced_by_the_outlines_in_use(site: Path) -> None:
    icons = (site / "_static" / "qh-icons.css").read_text(encoding="utf-8")
    for name in ("magnifying-glass", "bars", "circle-half-stroke", "download", "angle-right"):
        assert f".fa-{name}{{" in icons, name
    assert len(icons) < 40_000
    assert not (site / "_static" / "vendor" / "fontawesome").exists()


def test_clean_notebooks_lie_ready_for_download(outlines: dict[str, Outline], site: Path) -> None:
    chapters = [name for name in outlines if re.match(r"\d-[^/]+/", name)]
    assert chapters, "the site has no chapter"
    for name in chapters:
        links = [link for link in outlines[name].links if link.endswith(".ipynb")]
        assert len(links) == 1, name
        notebook = json.loads((site / urljoin(name, links[0])).read_text(encoding="utf-8"))
        assert not [cell for cell in notebook["cells"] if cell.get("outputs")], name

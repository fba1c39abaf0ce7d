"""On every chapter's page each word of the glossary is linked where it is used first."""

from __future__ import annotations

import importlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: Elements whose words are no prose, or too narrow for a link.
NO_PROSE = {"code", "pre", "script", "style", "svg", "math", "summary", "button", "th", "label", "figcaption"}
NO_PROSE |= {f"h{level}" for level in range(1, 7)}
VOID = {"br", "img", "input", "hr", "wbr", "col", "link", "meta", "source", "area", "base", "embed", "track"}


@pytest.fixture(scope="module")
def terms() -> Any:
    """How the book links words."""
    sys.path.insert(0, str(REPOSITORY / "book" / "_ext"))
    try:
        return importlib.import_module("qhbook.terms")
    finally:
        sys.path.pop(0)


class Words(HTMLParser):
    """The prose of a page's article, piece by piece, with the entry of the glossary that it is linked to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, bool, str]] = []
        self.pieces: list[tuple[str, str]] = []
        self.feed(page.partition("<article")[2].partition("</article>")[0].partition(">")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        given = {name: value or "" for name, value in attrs}
        entry = given.get("href", "").partition("glossary.html#")[2] if tag == "a" else ""
        other = tag == "a" and not entry
        closed = tag in NO_PROSE or other or "math" in given.get("class", "").split()
        if tag not in VOID:
            self.open.append((tag, closed, entry))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, and what was left open in it."""
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep prose."""
        entry = next((entry for _, _, entry in self.open if entry), "")
        if entry or not any(closed for _, closed, _ in self.open):
            self.pieces.append((data, entry))


def first_uses(page: str, words: list[Any]) -> dict[str, str]:
    """What each entry of the glossary that a page uses is linked to at its first use; nothing where it is not."""
    anchors: dict[str, set[str]] = {}
    for word in words:
        anchors.setdefault(word.meaning, set()).add(word.anchor)
    found: dict[str, str] = {}
    for text, entry in Words(page).pieces:
        for word in words:
            # "entropy" within a link to "cross-entropy" is a part of that word
            if word.meaning in found or (entry and entry not in anchors[word.meaning]):
                continue
            if entry or re.search(word.pattern, text):
                found[word.meaning] = entry
    return found


def test_the_first_use_of_every_word_is_linked(site: Path, terms: Any) -> None:
    known = terms.read((REPOSITORY / "book" / "glossary.md").read_text(encoding="utf-8"))
    words = [word for word in known if word.name not in terms.EVERYDAY]
    chapters = [path for path in sorted(site.rglob("*.html")) if re.match(r"\d-", path.relative_to(site).as_posix())]
    assert chapters, "the site has no chapter"
    glossary = set(re.findall(r'id="(term-[^"]+)"', (site / "glossary.html").read_text(encoding="utf-8")))
    assert {word.anchor for word in known} <= glossary
    linked = 0
    for path in chapters:
        found = first_uses(path.read_text(encoding="utf-8"), words)
        assert [meaning for meaning, entry in found.items() if not entry] == [], path.name
        linked += len(found)
    assert linked > 5 * len(chapters), "hardly any word is linked"


def test_a_first_use_that_is_not_linked_is_found(terms: Any) -> None:
    words = [word for word in terms.read("```{glossary}\nQubit\n  Two states.\n```\n") if word.name]
    page = '<article><h1>Qubit</h1><p>a qubit</p><a href="glossary.html#term-Qubit">qubit</a></article>'
    assert first_uses(page, words) == {"Two states.": ""}
    assert first_uses(page.replace("<p>a qubit</p>", "<code>qubit</code>"), words) == {"Two states.": "term-Qubit"}


@pytest.mark.needs_browser
def test_a_word_shows_its_meaning_and_leads_to_it(visit: Any) -> None:
    page, watch = visit("0-start/0.1-circuits-in-an-afternoon.html")
    word = page.locator("a.qh-term").first
    assert len(word.get_attribute("title")) > 15
    word.click()
    page.wait_for_url("**/glossary.html#term-*")
    assert page.locator("dt:target").is_visible()
    assert watch.elsewhere == []

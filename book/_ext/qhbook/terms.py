"""Every word of the glossary is linked where a chapter uses it first, and shows its meaning to a resting pointer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx

#: Page that explains the words.
GLOSSARY = "glossary"

#: Words of the glossary that mean something else in everyday language, or elsewhere in the book: linked only where a text says so
#: itself, with the role ``term``.
EVERYDAY = frozenset(
    {
        *("Annealing", "Calibration", "Capacity", "Chain", "Control", "Deviation", "Discount", "Episode", "Gate", "Order"),
        *("Parity", "Penalty", "Precision", "Read", "Regime", "Replay", "Slip"),
    }
)

#: Parts of a page in which no word is linked: what is a link already, no prose, or too narrow for one.
_CLOSED = re.compile(r"(?:a|code|pre|h[1-6]|script|style|svg|math|summary|button|th|label|select|textarea|figcaption)$")
_MATHEMATICS = re.compile(r'class="[^"]*\bmath\b')
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_TAG = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>", re.DOTALL)
_LINKED = re.compile(rf'href="[^"]*{GLOSSARY}\.html#(term-[^"]+)"')


class Word(NamedTuple):
    """A word of the glossary: as it stands there, where its entry is, what it means, and how a text may write it.

    Words of one entry, such as a name and its abbreviation, mean the same.
    """

    name: str
    anchor: str
    meaning: str
    pattern: str


def anchor(name: str) -> str:
    """Return what Sphinx calls the entry of a word."""
    return "term-" + re.sub(r"[^\w.-]+", "-", name).strip("-")


def read(text: str) -> list[Word]:
    """Return the words of a glossary, as its page is written: names, one a line, and below them, indented, what they mean."""
    from qhelpers.ledger.shown import plain

    words = []
    for block in re.findall(r"^```\{glossary\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for names, meaning in re.findall(r"((?:^\S[^\n]*\n)+)((?:^ [^\n]*\n?)+)", block, re.MULTILINE):
            bare = re.sub(r"\s*\{cite\}`[^`]*`", "", re.sub(r"\{term\}`([^`<]*?)\s*(?:<[^`]*)?`", r"\1", meaning))
            said = " ".join(plain(" ".join(bare.split())).replace("`", "").split())
            words += [Word(name, anchor(name), said, pattern(name)) for name in names.split("\n") if name]
    return words


def pattern(name: str) -> str:
    """Return how a text may write a word: in the plural too, at the head of a sentence or not; an abbreviation as it stands."""
    written = re.escape(name).replace(r"\ ", r"\s+")
    if re.match(r"[A-Z][a-z]", name) and not re.search(r"[A-Z]", name[1:].replace("-", "")):
        written = f"[{name[0]}{name[0].lower()}]" + written[1:]
    return rf"(?<![\w-]){written}(?:s|es)?(?![\w-])"


def link(body: str, words: list[Word], address: str) -> str:
    """Return a page in which each word is linked where it is used first.

    Parameters
    ----------
    body : str
        HTML of the page.
    words : list of Word
        Those to link.
    address : str
        Of the glossary, from the page.
    """
    waiting = [word for word in words if word.name not in EVERYDAY]
    meanings = {word.anchor: word.meaning for word in words}
    any_word = re.compile("|".join(word.pattern for word in waiting) or r"(?!)")
    parts: list[str] = []
    closed: list[str] = []
    for text, tag in _pieces(body):
        parts.append(_linked(text, waiting, address) if not closed and any_word.search(text) else text)
        if tag is None:
            continue
        parts.append(tag[0])
        if told := _LINKED.search(tag[0]):
            waiting[:] = [word for word in waiting if word.meaning != meanings.get(told[1])]
        name = (tag[2] or "").lower()
        if not name or name in _VOID or tag[4]:
            continue
        if tag[1]:
            if closed and closed[-1] == name:
                closed.pop()
        elif closed[-1] == name if closed else _CLOSED.match(name) or _MATHEMATICS.search(tag[3]):
            closed.append(name)  # within what is closed, elements of the same name alone are counted
    return "".join(parts)


def _pieces(body: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Yield the text before each tag, with the tag."""
    end = 0
    for tag in _TAG.finditer(body):
        yield body[end : tag.start()], tag
        end = tag.end()
    yield body[end:], None


def _linked(text: str, waiting: list[Word], address: str) -> str:
    """Return a piece of text with the waiting words linked, of two that overlap the longer one; their entries wait no more."""
    found = []
    for word in waiting:
        if (first := re.search(word.pattern, text)) is not None:
            found.append((first.start(), -len(first[0]), first.end(), word))
    parts: list[str] = []
    end = 0
    told: set[str] = set()
    for start, _, stop, word in sorted(found, key=lambda one: one[:2]):
        if start < end or word.meaning in told:
            continue
        opening = f'<a class="qh-term" href="{address}#{word.anchor}" title="{escape(word.meaning)}">'
        parts += [text[end:start], opening, text[start:stop], "</a>"]
        end = stop
        told.add(word.meaning)
    waiting[:] = [word for word in waiting if word.meaning not in told]
    return "".join([*parts, text[end:]])


@cache
def words(file: Path) -> list[Word]:
    """Return the words of the book's glossary."""
    return read(file.read_text(encoding="utf-8")) if file.exists() else []


def link_words(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Link the words of the glossary in a chapter, and on the front page."""
    if doctree is None or not (pagename == "index" or app.env.doc2path(pagename).endswith(".ipynb")):
        return
    known = words(Path(app.srcdir) / f"{GLOSSARY}.md")
    context["body"] = link(context["body"], known, context["pathto"](GLOSSARY))


def setup(app: Sphinx) -> None:
    """Connect the step, after the head of the chapter is put in."""
    app.connect("html-page-context", link_words, priority=850)

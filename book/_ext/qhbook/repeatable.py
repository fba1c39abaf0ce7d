"""Two builds of the same book give the same files: what a run cost stays out of the search, and so does the machine."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

#: An element that says what a run cost, with its text; the only text by which two builds differ (`book/compare.py`).
COST = re.compile(r'<(\w+)(?: [^<>]*)? class="(?:[^"<>]* )?qh-cost(?: [^"<>]*)?"[^<>]*>[^<]*</\1>')


#: What stands in full elsewhere: the search finds it there.
UNSEARCHED = re.compile(r'<div class="qh-unsearched">.*', re.DOTALL)


class searchable(nodes.raw):
    """HTML whose text, as the search reads it, has no cost in it and keeps the words of neighbouring cells apart."""

    def astext(self) -> str:
        """Return the words, not the markup."""
        text = re.sub(r"<(style|script)\b.*?</\1>", " ", COST.sub(" ", UNSEARCHED.sub(" ", super().astext())), flags=re.DOTALL)
        return re.sub(r"<[^<]+?>", " ", text)


def make_searchable(app: Sphinx, doctree: nodes.document) -> None:
    """Put `searchable` in the place of every piece of HTML."""
    for node in list(doctree.findall(nodes.raw)):
        if "html" in node.get("format", "").split():
            node.replace_self(searchable(node.rawsource, nodes.raw.astext(node), **node.attributes))


def write_whole(translator: nodes.NodeVisitor, node: searchable) -> None:
    """Write the HTML with all its markup."""
    whole = nodes.raw(node.rawsource, nodes.raw.astext(node), **node.attributes)
    whole.parent = node.parent
    translator.visit_raw(whole)  # type: ignore[attr-defined]


def drop_build_info(app: Sphinx, exception: Exception | None) -> None:
    """Remove the hash of the configuration, which may differ between machines; it serves partial builds, and we make none."""
    if exception is None and app.builder.format == "html":
        (Path(app.outdir) / ".buildinfo").unlink(missing_ok=True)


def setup(app: Sphinx) -> None:
    """Connect the steps."""
    app.add_node(searchable, html=(write_whole, None))
    app.connect("doctree-read", make_searchable, priority=900)
    app.connect("build-finished", drop_build_info)

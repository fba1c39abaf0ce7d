"""How to cite the book and the papers that it judges; and the page for what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from . import linked

#: Shown for an address that leads nowhere, by `make serve` and by most hosts of static sites.
NOT_FOUND = "404"


def bibtex(citation: Mapping[str, Any], year: str) -> str:
    """Return the book as a BibTeX entry.

    Parameters
    ----------
    citation : mapping
        Content of ``CITATION.cff``.
    year : str
        As on the title page.
    """
    authors = " and ".join(f"{{{author['name']}}}" for author in citation["authors"])
    fields = {"author": authors, "title": f"{{{citation['title']}}}", "year": year, "version": citation["version"]}
    lines = "".join(f"  {name:7} = {{{value}}},\n" for name, value in fields.items())
    return f"@software{{qhelpers,\n{lines}}}"


def sentence(citation: Mapping[str, Any], year: str) -> str:
    """Return the book as one would name it in a text."""
    authors = ", ".join(author["name"] for author in citation["authors"])
    return f"{authors}: {citation['title']}. Version {citation['version']}, {year}."


def paper_items(papers: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield each judged paper in a sentence, HTML, with the year that is known of it."""
    for number, paper in sorted(papers.items()):
        authors = "; ".join(paper["author"].split(" and ")) if "author" in paper else "no author is named"
        said = f"{authors} ({paper.get('year', 'no date')}). {paper['title']}."
        links = {"doi": "https://doi.org/", "arxiv": "https://arxiv.org/abs/"}
        more = [
            f'<a class="reference external" href="{start}{escape(paper[name])}">{name}:{escape(paper[name])}</a>'
            for name, start in links.items()
            if name in paper
        ]
        yield f"Part {number}: {escape(said)} {' '.join(more)}"


class CitationDirective(SphinxDirective):
    """The book as a sentence and as BibTeX."""

    def run(self) -> list[nodes.Node]:
        """Return both; where `CITATION.cff` was not copied beside the pages there is nothing to cite."""
        file = Path(self.env.srcdir) / "CITATION.cff"
        if not file.exists():
            raise self.error(f"{file} is missing; book/build.py copies it there")
        citation = yaml.safe_load(file.read_text(encoding="utf-8"))
        year = "".join(re.findall(r"\d{4}", str(self.config.copyright))[-1:])
        entry = nodes.literal_block("", bibtex(citation, year), language="bibtex")
        return [nodes.paragraph("", sentence(citation, year)), entry]


class PapersDirective(SphinxDirective):
    """The judged papers."""

    def run(self) -> list[nodes.Node]:
        """Return them as a list."""
        items = "".join(f"<li>{one}</li>" for one in paper_items(linked.papers(Path(self.env.srcdir) / "references.bib")))
        return [nodes.raw("", f"<ul>{items}</ul>", format="html")]


def not_found(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the page for an address that leads nowhere."""
    body = (
        "<h1>There is no such page</h1>"
        "<p>Pages of this book have been renamed and moved. What you look for is probably one click away:</p><ul>"
        '<li><a href="index.html">the front page</a>, with the path through all chapters</li>'
        '<li><a href="search.html">the search</a></li>'
        '<li><a href="scoreboard.html">every claim and its verdict</a></li>'
        '<li><a href="genindex.html">the index of names</a></li></ul>'
    )
    yield NOT_FOUND, {"title": "There is no such page", "body": body}, "page.html"


def setup(app: Sphinx) -> None:
    """Register the directives and the page."""
    app.add_directive("qh-citation", CitationDirective)
    app.add_directive("qh-papers", PapersDirective)
    app.connect("html-collect-pages", not_found)

"""The book's own Sphinx extension: a site that asks no other host for anything, pages that fill themselves from code.

``offline``   what makes the site self-contained, light and accessible
``chapters``  the head of a chapter page and the page on how the book was run
``differences``  what differs from other layers, from the tests that show it
``board``     the claims of the papers: figure, table, links
``front``     the front page: the answer over all papers, a trained circuit that runs, what holds
``search``    which words of a reader lead to which page
``claims``    a page of all claims of a paper, and the claims as files
``citing``    how to cite, and the page for what is not there
``linked``    claims and data sets as JSON-LD (RO-Crate, Croissant)
``terms``     the words of the glossary, linked where a chapter uses them first
``takes``     what the commands of a chapter take, in a line under them
``uses``      what a chapter takes from the package, linked under it; the papers' modules in the API
``repeatable``  what makes two builds of the book the same
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from . import board, chapters, citing, claims, differences, front, offline, repeatable, search, takes, terms, uses


def add_assets(app: Sphinx, config: Config) -> None:
    """Load our style sheet and script; Jupyter Book names what it finds in ``_static``, plain Sphinx does not."""
    for name, listed in (("qh.css", config.html_css_files), ("qh.js", config.html_js_files)):
        if not any(name == (one if isinstance(one, str) else one[0]) for one in listed):
            listed.append(name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything; called by Sphinx."""
    for part in (offline, chapters, board, front, claims, citing, differences, search, repeatable, terms, takes, uses):
        part.setup(app)
    app.connect("config-inited", add_assets, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

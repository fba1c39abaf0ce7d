"""The book's own Sphinx extension: a site that asks no other host for anything, pages that fill themselves from code.

``offline``   what makes the site self-contained, light and accessible
``chapters``  the head of a chapter page and the page on how the book was run
``board``     the claims of the papers: figure, table, links
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from . import board, chapters, offline


def add_assets(app: Sphinx) -> None:
    """Add our style sheet and script, unless Jupyter Book has found them by itself."""
    if not any(name.endswith("qh.css") for name, _ in app.registry.css_files):
        app.add_css_file("qh.css", priority=900)
    if not any(name and name.endswith("qh.js") for name, _ in app.registry.js_files):
        app.add_js_file("qh.js")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything; called by Sphinx."""
    for part in (offline, chapters, board):
        part.setup(app)
    app.connect("builder-inited", add_assets, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""What the commands of a chapter take, in a line under them."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from .chapters import duration

MADE_AGAIN = ".venv/bin/python -m qhelpers.runs again "


@cache
def timed(source: str) -> dict[str, float]:
    """Return the seconds of the papermill lines, as `book/reruns.py` has measured them."""
    file = Path(source) / "reruns.json"
    noted = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {command: entry["seconds"] for command, entry in noted.items()}


@cache
def recorded(command: str) -> float:
    """Return the seconds that the runs of a ``runs again`` line took when they were recorded."""
    from qhelpers.runs import again
    from qhelpers.runs.__main__ import parser, wanted

    asked = parser().parse_args(["again", *shlex.split(command.removeprefix(MADE_AGAIN))])
    return sum(record.cpu_seconds for record in again.find(asked.names, wanted(asked.only), asked.seeds))


def told(block: str, source: str) -> str:
    """Return in words what the commands of a block take; nothing where none of them is known."""
    lines = [" ".join(line.split()) for line in block.replace("\\\n", " ").splitlines()]
    chapter = sum(timed(source).get(line, 0) for line in lines)
    runs = sum(recorded(line) for line in lines if line.startswith(MADE_AGAIN))
    said = [f"With these parameters the notebook takes {duration(chapter)} of one core."] if chapter else []
    said += [f"Its runs took {duration(runs)} of one core when they were recorded."] if runs else []
    return " ".join(said)


def add_times(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the line under every block of commands."""
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") == "bash" and re.search(r"papermill |runs again", block.astext()):
            words = told(block.astext(), str(app.srcdir))
            if words:
                block.parent.insert(block.parent.index(block) + 1, nodes.paragraph("", words, classes=["qh-takes"]))


def setup(app: Sphinx) -> None:
    """Register the line."""
    app.connect("doctree-resolved", add_times)

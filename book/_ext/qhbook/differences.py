"""What differs from the layers that ours replaces: tables made of the marks of the tests that show it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: The tests, beside the pages that are rendered.
TESTS = "_tests/test_differences.py"


class Difference(NamedTuple):
    """One mark: beside which layer, what kind, what differs, and why."""

    peer: str
    kind: str
    what: str
    why: str


def differences(file: Path) -> list[Difference]:
    """Return the marks ``@differs(peer, kind, what, why)`` of a file of tests in their order, without running it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        Difference(*map(ast.literal_eval, mark.args))
        for test in tree.body
        if isinstance(test, ast.FunctionDef)
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "differs"
    ]


class DifferencesDirective(SphinxDirective):
    """The differences from one layer of one kind, each with its reason."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the table, whose cells are written as the pages are."""
        file = Path(self.env.srcdir) / TESTS
        self.env.note_dependency(str(file))
        peer, kind = self.arguments
        found = [one for one in differences(file) if (one.peer, one.kind) == (peer, kind)]
        if not found:
            raise self.error(f"no test is marked {peer!r}, {kind!r}")
        lines = ["| what | why, and what to do |", "| --- | --- |", *(f"| {one.what} | {one.why} |" for one in found)]
        holder = nodes.container()
        self.state.nested_parse(StringList(lines, str(file)), 0, holder)
        return holder.children


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("qh-differences", DifferencesDirective)

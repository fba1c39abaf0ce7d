"""What a chapter uses of the package: linked at its end, and the papers' own modules as far as chapters import from them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

PAPERS = "qhelpers.papers"
#: What every chapter calls, to begin and to draw.
PLUMBING = ("qhelpers.chapter", "qhelpers.figures", "qhelpers.page")


def code(notebook: Path) -> Iterator[ast.Module]:
    """Yield the cells of a notebook that are Python, and the Python in its text (solutions of exercises), parsed."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts = [text] if cell["cell_type"] == "code" else [part.partition("```")[0] for part in text.split("```python\n")[1:]]
        for part in parts:
            lines = [line for line in part.splitlines() if not line.lstrip().startswith(("%", "!"))]
            try:
                yield ast.parse("\n".join(lines))
            except SyntaxError:  # a sketch that leaves something to the reader
                continue


@cache
def used(notebook: Path) -> tuple[str, ...]:
    """Return the full names of what a notebook takes from the package, in the order in which they are met."""
    modules: dict[str, str] = {}
    found: dict[str, None] = {}
    for tree in code(notebook):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "qhelpers":
                for name in node.names:
                    modules[name.asname or name.name] = f"{node.module}.{name.name}"
                    found[f"{node.module}.{name.name}"] = None
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                found[f"{modules[node.value.id]}.{node.attr}"] = None
    return tuple(found)


def notebooks(env: BuildEnvironment) -> list[Path]:
    """Return the chapters of the book."""
    return [Path(env.doc2path(name)) for name in sorted(env.found_docs) if env.doc2path(name).endswith(".ipynb")]


class PaperModules(SphinxDirective):
    """The modules of a paper's folder, each with what chapters import from it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return what autodoc says of them."""
        self.env.note_reread()
        start = f"{PAPERS}.{self.arguments[0]}."
        members: dict[str, set[str]] = {}
        for name in sorted({name for notebook in notebooks(self.env) for name in used(notebook) if name.startswith(start)}):
            module, _, member = name.rpartition(".")
            while not _is_module(module):
                module, _, member = module.rpartition(".")
            if not _is_module(name) and not member.startswith("_"):
                members.setdefault(module, set()).add(member)
        lines = [
            line
            for module, names in sorted(members.items())
            for line in (f".. automodule:: {module}", f"   :members: {', '.join(sorted(names))}", "")
        ]
        place = nodes.section()
        place.document = self.state.document
        self.state.nested_parse(StringList(lines, source=self.env.docname), 0, place)
        return place.children


@cache
def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def add_uses(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put links to all that a chapter uses under it."""
    if not app.env.doc2path(page).endswith(".ipynb"):
        return
    known: Any = app.env.get_domain("py")
    links: list[nodes.Node] = []
    for name in used(Path(app.env.doc2path(page))):
        entry = known.objects.get(name)
        if entry is None or name.startswith(PLUMBING) or name.rpartition(".")[2].isupper():
            continue
        address = f"{app.builder.get_relative_uri(page, entry.docname)}#{entry.node_id}"
        label = name.removeprefix(f"{PAPERS}.").removeprefix("qhelpers.")
        link = nodes.reference("", "", nodes.literal("", label.rpartition(".")[2] if "." in label else label), refuri=address)
        link["internal"], link["reftitle"] = True, name
        links += [nodes.Text(", ")] * bool(links) + [link]
    if links:
        last = list(doctree.findall(nodes.section))[-1]
        last += nodes.paragraph("", "", nodes.Text("In the API: "), *links, nodes.Text("."), classes=["qh-uses"])


def setup(app: Sphinx) -> None:
    """Register the directive and the links."""
    app.add_directive("qh-paper-modules", PaperModules)
    app.connect("doctree-resolved", add_uses)

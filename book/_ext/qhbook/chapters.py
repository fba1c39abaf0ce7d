"""The head of a chapter page, the path through the chapters, and the page on how the book was run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

#: Words a minute of a careful reader; seconds for a figure, and for a line of visible code, of its output, or of a table.
READING_SPEED = 200
SECONDS_A_FIGURE = 20
SECONDS_A_LINE = 2
#: Tags of cells whose code is folded or left out, and whose output is.
NO_INPUT = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
NO_OUTPUT = {"hide-output", "remove-output", "hide-cell", "remove-cell"}
CLASS = ' class="num"'
#: What a run cost. The elements of this class are all that differs between two builds of the same book.
COST = "qh-cost"


@dataclass(frozen=True)
class Chapter:
    """What the book knows of a notebook: its name without ending, title, question, minutes to read, and who says so."""

    name: str
    title: str
    question: str
    minutes: int
    stated: bool = False


def reading_minutes(cells: Iterable[dict[str, Any]]) -> float:
    """Return the minutes that a notebook takes to read: what a page shows, without what is folded.

    Of an executed notebook the outputs count too: words, figures, and rows of tables. The live circuit counts as a figure.
    """
    words = figures = lines = 0
    for cell in cells:
        text = "".join(cell["source"])
        tags = set(cell.get("metadata", {}).get("tags", []))
        if cell["cell_type"] == "markdown":
            text = re.sub(r"^(:{3,})\{dropdown\}.*?^\1[ \t]*$", "", text, flags=re.MULTILINE | re.DOTALL)
            code = re.findall(r"^```[^{\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
            lines += sum(map(_lines, code))
            words += _words(re.sub(r"^```.*?^```|^:{3,}.*?$|\]\([^)]*\)|<d\d[^>]*>", " ", text, flags=re.MULTILINE | re.DOTALL))
        elif cell["cell_type"] == "code":
            lines += 0 if tags & NO_INPUT else _lines(text)
            for output in [] if tags & NO_OUTPUT else cell.get("outputs", []):
                data = {kind: "".join(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")}
                shown = re.sub(r"<details\b.*?</details>", "", data.get("text/html", ""), flags=re.DOTALL)
                shown = re.sub(r'<div class="qh-live">.*', "<figure>", shown, flags=re.DOTALL)
                figures += shown.count("<figure") + any(kind.startswith("image/") for kind in output.get("data", {}))
                lines += len(re.findall(r"<tr\b", shown.partition("<tbody")[2]))
                shown = re.sub(r"<(style|script|svg|thead|tbody)\b.*?</\1>", "", shown, flags=re.DOTALL)
                words += _words(re.sub(r"<[^>]+>", " ", shown))
                if "text/html" not in data:
                    words += _words(data.get("text/markdown", ""))
                    lines += 0 if "text/markdown" in data else _lines(data.get("text/plain", ""))
                lines += _lines("".join(output["text"])) if output.get("name") == "stdout" else 0
    return words / READING_SPEED + (figures * SECONDS_A_FIGURE + lines * SECONDS_A_LINE) / 60


def _words(text: str) -> int:
    return sum(any(character.isalnum() for character in word) for word in text.split())


def _lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def read_chapter(file: Path, name: str) -> Chapter:
    """Read title, question (the line in italics under the title) and length from a notebook.

    The minutes are those that the first cell states ("**Reading time** 20 minutes"), else what `reading_minutes` counts.
    """
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    first = next(("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"), "")
    title = re.search(r"^#\s+(.+)$", first, re.MULTILINE)
    question = re.search(r"^[*_]([^*_].*?)[*_]\s*$", first, re.MULTILINE | re.DOTALL)
    stated = re.search(r"\*\*Reading time\*\*\s+(\d+)\s+minutes", first)
    return Chapter(
        name,
        title[1].strip() if title else name,
        " ".join(question[1].split()) if question else "",
        int(stated[1]) if stated else math.ceil(reading_minutes(cells)),
        stated is not None,
    )


def chapters(env: BuildEnvironment) -> list[Chapter]:
    """Return the book's notebooks in reading order: that of the table of contents, else of their names."""
    places = {name: place for place, name in enumerate(getattr(env.config, "external_site_map", ()))}
    names = [name for name in env.found_docs if env.doc2path(name).endswith(".ipynb")]
    names.sort(key=lambda name: (places.get(name, len(places)), name))
    return [read_chapter(Path(env.doc2path(name)), name) for name in names]


def execution(app: Sphinx) -> dict[str, Any]:
    """Return what the build noted when it executed the notebooks (``execution.json`` beside the pages), or nothing."""
    file = Path(app.srcdir).parent / "execution.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def duration(seconds: float) -> str:
    """Return seconds as a reader would say them."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def runs(app: Sphinx) -> dict[str, dict[str, Any]]:
    """Return what the build noted of each executed notebook, by the name of its page."""
    return {entry["page"]: entry for entry in execution(app).get("notebooks", [])}


def cost(run: dict[str, Any]) -> str:
    """Return time, memory, profile and data of a run in words, as HTML."""
    data = "synthetic twin" if run["parameters"]["source"] == "twin" else "real data"
    memory = run["peak_memory_mb"] / 1024
    spent = f'<span class="{COST}">{duration(run["seconds"])} with {memory:.1f} GB</span>'
    return f"ran in {spent} ({escape(run['parameters']['profile'])} profile, {data})"


def part(env: BuildEnvironment, page: str) -> str:
    """Return the caption, in the table of contents, of the part that a page is in; nothing where there are no parts."""
    site = getattr(env, "external_site_map", None)
    trees = site.root.subtrees if site is not None else ()
    return next((tree.caption for tree in trees if tree.caption and page in map(str, tree.items)), "")


def add_head(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Put part, reading time and the notebook's download under the title of a chapter, and its cost with what to know first."""
    if doctree is None or not app.env.doc2path(pagename).endswith(".ipynb"):
        return
    chapter = read_chapter(Path(app.env.doc2path(pagename)), pagename)
    run, before = runs(app).get(pagename), "Before you start</p>"
    facts = [escape(f"Part {caption}" if caption[0].isdigit() else caption)] if (caption := part(app.env, pagename)) else []
    facts += [] if chapter.stated else [f"{chapter.minutes} minutes to read"]
    if run and before in context["body"]:
        told = f'{before}\n<p class="qh-chapter-cost">This page {cost(run)}.</p>'
        context["body"] = context["body"].replace(before, told, 1)
    elif run:
        facts.append(cost(run))
    address = context["pathto"](f"_static/notebooks/{pagename}.ipynb", 1)
    head = (
        '<div class="qh-chapter-head">'
        + "".join(f"<span>{fact}</span>" for fact in facts)
        + f'<a class="qh-download" href="{escape(address)}" download><i class="fa-solid fa-download" aria-hidden="true"></i>'
        "Notebook</a></div>"
    )
    context["body"] = context["body"].replace("</h1>", "</h1>\n" + head, 1)


def page_table(names: tuple[str, ...], rows: list[str], caption: str) -> str:
    """Return a table of rows that are HTML already; columns whose cells are numbers are aligned by their class."""
    numbers = {"seed", "time", "processor", "memory"}
    head = "".join(f'<th scope="col"{CLASS if name in numbers else ""}>{name}</th>' for name in names)
    return (
        f'<div class="qh-table" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


class PathDirective(SphinxDirective):
    """The chapters in reading order, or those that are named, each with the minutes it takes and, unless short, its question."""

    option_spec: ClassVar = {"only": str.split, "short": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the list; the page is read again at every build."""
        self.env.note_reread()
        rows = []
        known = {Path(chapter.name).name.partition("-")[0]: chapter for chapter in chapters(self.env)}
        wanted = self.options.get("only", list(known))
        if missing := [number for number in wanted if number not in known]:
            raise self.error(f"no chapter {', '.join(missing)}; there are {', '.join(known)}")
        chosen = [known[number] for number in wanted]
        whole = "short" not in self.options
        for caption, some in groupby(chosen, lambda chapter: part(self.env, chapter.name) if whole else ""):
            rows.append(f'<p class="qh-path-part">{escape(caption)}</p>' if whole else "")
            rows.append('<ul class="qh-path">' + "".join(map(self.entry, some)) + "</ul>")
        total = f"<p>Together {sum(chapter.minutes for chapter in chosen)} minutes.</p>"
        return [nodes.raw("", "".join(rows) + total, format="html")]

    def entry(self, chapter: Chapter) -> str:
        """Return a chapter's number, where it has one, its title, minutes and question."""
        address = self.env.app.builder.get_relative_uri(self.env.docname, chapter.name)
        number = re.match(r"\d[\d.]*(?=-)", Path(chapter.name).name)
        title = f"{number[0]} {chapter.title}" if number else chapter.title
        question = "" if "short" in self.options else f"<br>{escape(chapter.question)}"
        return f'<li><a href="{escape(address)}">{escape(title)}</a> ({chapter.minutes} minutes){question}</li>'


class ExecutionDirective(SphinxDirective):
    """Time, memory and parameters of every executed notebook, and the versions it ran with."""

    def run(self) -> list[nodes.Node]:
        """Return table and lists; the page is read again at every build."""
        self.env.note_reread()
        noted = runs(self.env.app)
        if not noted:
            text = "These pages were built without executing notebooks; nothing was noted."
            return [nodes.paragraph("", text)]
        rows = []
        for name, run in sorted(noted.items()):
            address = self.env.app.builder.get_relative_uri(self.env.docname, name)
            rows.append(
                f'<tr><td><a href="{escape(address)}">{escape(name)}</a></td><td>{escape(run["parameters"]["profile"])}</td>'
                f'<td>{escape(run["parameters"]["source"])}</td><td class="num">{run["parameters"]["seed"]}</td>'
                f'<td class="num {COST}">{run["seconds"]:.1f} s</td><td class="num {COST}">{run["cpu_seconds"]:.1f} s</td>'
                f'<td class="num {COST}">{run["peak_memory_mb"]:.0f} MB</td>'
                f'<td class="day {COST}">{escape(run["finished"][:10])}</td></tr>'
            )
        total = sum(run["seconds"] for run in noted.values())
        html = page_table(
            ("notebook", "profile", "data", "seed", "time", "processor", "memory", "on"),
            rows,
            "One row a notebook, as it was executed for this site. Memory is the largest resident size of its process.",
        )
        html += f'<p>One after another, they take <span class="{COST}">{total:.0f} s</span>.</p>'
        seen: dict[str, set[str]] = {}
        for run in noted.values():
            machine = {"processor": run["cpu"], "cores": str(run["cores"])}
            for key, value in {**machine, **run["versions"]}.items():
                seen.setdefault(key, set()).add(value)
        facts = [f"<tr><td>{escape(key)}</td><td>{escape(', '.join(sorted(values)))}</td></tr>" for key, values in seen.items()]
        html += page_table(("what", "which"), facts, "The machine, and the versions that the notebooks ran with.")
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> None:
    """Register directives and the head of chapters."""
    app.add_directive("qh-path", PathDirective)
    app.add_directive("qh-execution", ExecutionDirective)
    app.connect("html-page-context", add_head, priority=800)

"""A page of all claims of a paper, an entry a claim, and all claims as files to download and cite."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from qhelpers.verdicts import VERDICTS

from . import board, linked

#: Folder of the site that holds the files.
FOLDER = "claims"
#: What is read from here on is not searched: the scoreboard names every claim already, and finds it.
UNSEARCHED = '<div class="qh-unsearched">'
#: What a verdict means where the formula was rebuilt.
REBUILT_MEANS = "what is judged is the formula as we rebuilt it from the words around it"
#: Columns of the table, in their order; a claim of `claims.json` has these and more.
COLUMNS = (
    *("id", "paper", "where", "kind", "quantity", "unit", "printed", "reconstructed", "verdict"),
    *("measured", "sd", "n", "interval_low", "interval_high", "reading", "failed_checks", "records", "again", "page"),
)


def page_of(row: Any) -> str:
    """Return the address of a claim on the page of its paper, from the site's own folder."""
    return f"claims-{row.paper}.html#{row.id}"


@cache
def records() -> dict[str, Any]:
    """Return every record that the repository holds, by id."""
    from qhelpers.runs import records

    return {record.id: record for name in records.experiments() for record in records.read(name)}


@cache
def again(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command lines that make these records again."""
    from qhelpers.runs.again import commands

    return tuple(commands([records()[one] for one in ids]))


@cache
def checks(number: str) -> dict[str, list[Any]]:
    """Return what was checked of a paper's claims by arithmetic alone, by claim."""
    from qhelpers.ledger.judgement import checks_of

    found: dict[str, list[Any]] = {}
    for result in checks_of(number, sized=False):
        for name in result.claims:
            found.setdefault(name, []).append(result)
    return found


def checked(row: Any) -> list[tuple[str, str, str]]:
    """Return the checks that a claim took part in: name, what came of it, and one sentence that says why."""
    told = []
    for name, group in groupby(sorted(checks(row.paper).get(row.id, []), key=lambda one: one.check), key=lambda one: one.check):
        results = list(group)
        failed = [one for one in results if not one.passed]
        if name in row.failed_checks:
            outcome = "fails under every reading"
        else:
            outcome = "fails under some readings" if failed else "passed"
        told.append((name.replace("-", " "), outcome, (failed or results)[0].sentence))
    return sorted(told, key=lambda one: one[1] == "passed")


def entry(row: Any) -> str:
    """Return all about one claim, in HTML."""
    from qhelpers.ledger.shown import named

    claim = board.claims()[row.id]
    badge = f'<span class="qh-verdict {board.style(row.verdict)}">{escape(row.verdict)}</span>'
    where = f'<span class="qh-where">{escape(board.place(row))}</span>'
    meaning = REBUILT_MEANS if row.reconstructed else VERDICTS[row.verdict].meaning
    facts = {
        "Printed": board.printed(row) + where + source(row),
        "What it is": escape(f"{board.SORT_NAMES_ONE[row.sort]}: {named(row.quantity)}, {claim.meaning.meaning}"),
        "Measured": f"{board.marked(row)}{interval(row)}" if row.measured is not None else "not measured",
        "Verdict": f"<p>{escape(meaning.capitalize())}.</p>{board.reason(row)}",
        "Checks": listed(f"{name}: {outcome}. {sentence}" for name, outcome, sentence in checked(row)),
        "Readings": readings(row),
        "Records": named_records(row),
        "Again": "".join(f'<code class="qh-command">{escape(line)}</code>' for line in again(row.record_ids)),
        "Note": escape(board.plain(claim.note)) if claim.note else "",
        "Needs": escape(claim.needs) if claim.needs else "",
    }
    shown = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items() if text)
    name = escape(row.id)
    return f'<section class="qh-claim" id="{name}"><h3><a href="#{name}">{name}</a> {badge}</h3><dl>{shown}</dl></section>'


def source(row: Any) -> str:
    """Return a formula's own TeX, which the plain letters above it may have lost."""
    return f"<code>{escape(row.printed)}</code>" if row.printed and "\\" in row.printed else ""


def interval(row: Any) -> str:
    """Return where one more run should fall."""
    if row.interval is None:
        return ""
    from qhelpers.ledger.shown import rounded

    low, high = (rounded(end) for end in row.interval)
    return f"; one more run should fall in [{low}, {high}] (95 %)"


def listed(sentences: Iterator[str]) -> str:
    """Return sentences as a list, without TeX."""
    items = "".join(f"<li>{escape(board.plain(one))}</li>" for one in sentences)
    return f"<ul>{items}</ul>" if items else ""


def readings(row: Any) -> str:
    """Return what came out under each reading of what the text leaves open; nothing where there is one."""
    if len(row.readings) < 2:
        return ""
    from qhelpers.ledger.shown import rounded

    items = []
    for one in row.readings:
        number = one.measured is not None and board.claims()[row.id].kind == "number"
        value = f", {rounded(one.measured)}" if number else ""
        spread = f" ± {rounded(one.sd)}" if number and one.sd is not None else ""
        items.append(f"<li>{escape(one.reading)}: {escape(one.verdict)}{value}{spread} (n = {one.n})</li>")
    return f"<details><summary>{len(items)} readings</summary><ul>{''.join(items)}</ul></details>"


def named_records(row: Any) -> str:
    """Return which records a claim rests on."""
    if not row.record_ids:
        return ""
    names = dict.fromkeys(records()[one].experiment for one in row.record_ids)
    ids = " ".join(row.record_ids)
    said = f"{len(row.record_ids)} of {', '.join(names)}"
    return f"<details><summary>{escape(said)}</summary><code>{escape(ids)}</code></details>"


def page(number: str, rows: Sequence[Any]) -> str:
    """Return all claims of one paper, a block a table or section of it, in the order of the ledger."""
    own = [row for row in rows if row.paper == number]
    places: dict[str, list[Any]] = {}
    for row in own:
        places.setdefault(board.claims()[row.id].place, []).append(row)
    blocks = "".join(f"<h2>{escape(place)}</h2>" + "".join(map(entry, inside)) for place, inside in places.items())
    return f"{UNSEARCHED}{blocks}</div>"


def plain(row: Any) -> dict[str, Any]:
    """Return a claim as plain values: what `COLUMNS` names, and what no table can hold."""
    claim = board.claims()[row.id]
    low, high = row.interval or (None, None)
    return {
        "id": row.id,
        "paper": row.paper,
        "where": row.where,
        "kind": row.sort,
        "quantity": row.quantity,
        "unit": claim.unit,
        "printed": row.printed,
        "reconstructed": row.reconstructed,
        "verdict": row.verdict,
        "measured": row.measured,
        "sd": row.sd,
        "n": row.n_seeds,
        "interval_low": low,
        "interval_high": high,
        "reading": row.reading,
        "failed_checks": list(row.failed_checks),
        "records": list(row.record_ids),
        "again": [line.replace(" \\\n ", "") for line in again(row.record_ids)],
        "page": page_of(row),
        "sentence": row.sentence,
        "assumptions": list(row.assumptions),
        "checks": [{"check": name, "outcome": outcome, "sentence": why} for name, outcome, why in checked(row)],
        "readings": [
            {"reading": one.reading, "verdict": one.verdict, "measured": one.measured, "sd": one.sd, "n": one.n}
            for one in row.readings
        ],
    }


def as_csv(rows: Sequence[Any]) -> str:
    """Return all claims as a table: a list is joined by semicolons, records are counted."""
    stream = io.StringIO()
    table = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for row in rows:
        one = plain(row)
        joined = {name: "; ".join(one[name]) for name in ("failed_checks", "again")}
        table.writerow({**one, **joined, "records": len(one["records"])})
    return stream.getvalue()


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """Write the claims as CSV, JSON and RO-Crate, and every data set as Croissant, into the site."""
    if exception is not None or app.builder.format != "html" or not uses(app):
        return
    rows = board.verdicts()
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(exist_ok=True)
    papers = linked.papers(Path(app.srcdir) / "references.bib")
    files = {
        "claims.csv": as_csv(rows),
        "claims.json": linked.dumped({"columns": linked.COLUMNS_EXPLAINED, "claims": [plain(row) for row in rows]}),
        "ro-crate-metadata.json": linked.dumped(linked.crate([plain(row) for row in rows], papers, linked.newest(records()))),
    }
    for name, description in linked.data_sets().items():
        files[f"data/{name}.json"] = linked.dumped(description)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def uses(app: Sphinx) -> bool:
    """Whether a page of the book is written from the claims; a small book of a test may have none."""
    return any(name.startswith("claims-") for name in app.env.found_docs)


class ClaimsDirective(SphinxDirective):
    """All claims of one paper: the directive's argument is its number."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the entries as HTML; the page is read again at every build."""
        self.env.note_reread()
        number = self.arguments[0]
        if number not in board.papers():
            raise self.error(f"there is no paper {number}; there are {', '.join(sorted(board.papers()))}")
        return [nodes.raw("", page(number, board.verdicts()), format="html")]


#: What there is to download, and what each is.
FILES = {
    "claims.csv": "the table above, with intervals and commands",
    "claims.json": "the same with every reading, check and record, and what the columns mean",
    "ro-crate-metadata.json": "claims, papers and verdicts as an RO-Crate, for programs that gather what was found elsewhere",
}


class FilesDirective(SphinxDirective):
    """Links to the files: the claims, or with the argument ``data`` the descriptions of the data sets."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the links as HTML."""
        if self.arguments == ["data"]:
            links = ", ".join(f'<a href="{FOLDER}/data/{name}.json">{escape(name)}</a>' for name in linked.data_sets())
            return [nodes.raw("", f"<p>{links}</p>", format="html")]
        items = "".join(f'<li><a href="{FOLDER}/{name}">{name}</a>: {escape(what)}</li>' for name, what in FILES.items())
        return [nodes.raw("", f"<ul>{items}</ul>", format="html")]


def setup(app: Sphinx) -> None:
    """Register the directives and the files."""
    app.add_directive("qh-claims", ClaimsDirective)
    app.add_directive("qh-claim-files", FilesDirective)
    app.connect("build-finished", write_files)

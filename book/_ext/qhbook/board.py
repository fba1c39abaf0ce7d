"""The claims of the papers as figure, table and links; every number comes from the ledger when the book is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from qhelpers.verdicts import REBUILT, VERBS, VERDICTS, slug, style_sheet

logger = logging.getLogger(__name__)

#: Page that holds the table; a claim's id is the anchor of its row.
SCOREBOARD = "scoreboard"

#: What the sorts of claims are called in the figure.
SORT_NAMES = {
    "results": "Measured values",
    "sentences": "Sentences that compare",
    "equations": "Equations, pseudo-code",
    "counts and settings": "Counts and settings",
}

#: And one of them by itself.
SORT_NAMES_ONE = {
    "results": "Measured value",
    "sentences": "Sentence that compares",
    "equations": "Equation or pseudo-code",
    "counts and settings": "Count or setting",
}

LINE = ' class="qh-line"'
WHY = ' data-name="failed checks:"'


def style(verdict: str) -> str:
    """Return a verdict as the name of a style class."""
    return f"qh-v-{slug(verdict)}"


@cache
def papers() -> dict[str, Any]:
    """Return what each paper says of itself, by number."""
    from qhelpers.runs import papers as found

    return {paper.number: paper for paper in found.papers()}


@cache
def verdicts() -> tuple[Any, ...]:
    """Return the ledger's verdicts, one a claim; computed once a build."""
    from qhelpers import ledger

    return tuple(ledger.verdicts())


@cache
def claims() -> dict[str, Any]:
    """Return the claims as the papers print them, by id."""
    from qhelpers import ledger

    return {claim.id: claim for paper in ledger.papers() for claim in ledger.claims(paper)}


def figure(rows: Sequence[Any]) -> str:
    """Return the claims by verdict, one stacked bar a sort of claim of each paper, with a legend that holds the counts."""
    from qhelpers.ledger import counting

    bars = []
    for paper in sorted({row.paper for row in rows}):
        title = f"Part {escape(paper)}, {escape(papers()[paper].title)}"
        bars.append(f'<div class="qh-strip-group">{title}</div>')
        own = [row for row in rows if row.paper == paper]
        for sort, counts in counting.tally(own).items():
            named = [(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]]
            if not named:
                continue
            name = f"{SORT_NAMES[sort]}: {counts.total()}"
            said = "; ".join(filter(None, (counted(named), counting.rebuilt(row for row in own if row.sort == sort))))
            bars.append(bar(f"{filtered(name, paper=paper, kind=sort)} ({escape(said)})", f"{title}, {name}", named))
    total = Counter(row.verdict for row in rows)
    legend = "".join(
        f'<li><span class="qh-verdict {style(verdict)}">{filtered(escape(verdict), verdict=verdict)}</span></li>'
        for verdict in VERDICTS
        if total[verdict]
    )
    caption = (
        "Every claim of the papers treated so far, by verdict: what they measured, what they say in words, their equations, and "
        "their counts and settings, each by itself; the counts come from the ledger at the time this page was built."
    )
    return (
        f'<figure class="qh-figure qh-board">{"".join(bars)}<ul class="qh-legend">{legend}</ul>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def counted(named: Sequence[tuple[str, int]]) -> str:
    """Return verdicts with their counts in words."""
    from qhelpers.ledger.counting import numbered

    return ", ".join(numbered(count, *VERBS[verdict]) for verdict, count in named)


def bar(name: str, label: str, named: Sequence[tuple[str, int]]) -> str:
    """Return a stacked bar of verdicts: its name as HTML, and what its text alternative begins with."""
    parts = "".join(
        f'<span class="{style(verdict)}" style="--qh-share:{count}" title="{escape(verdict)}: {count}"></span>'
        for verdict, count in named
    )
    return (
        f'<div class="qh-bar-row"><div class="qh-bar-name">{name}</div>'
        f'<div class="qh-bar" role="img" aria-label="{label}: {escape(counted(named))}">{parts}</div></div>'
    )


def filtered(text: str, **wanted: str) -> str:
    """Return a link to the scoreboard that shows only the claims that are wanted: by paper, kind or verdict."""
    return f'<a href="{SCOREBOARD}.html#{urlencode(wanted, quote_via=quote)}">{text}</a>'


def results(rows: Sequence[Any]) -> str:
    """Return in sentences what became of the values that the papers measured: first, and by themselves."""
    from qhelpers.ledger import counting

    return f"<p>{counting.measured_values(rows)}</p>"


def whole_tables(rows: Sequence[Any]) -> str:
    """Return in sentences how much of each table one single protocol explains, with the table of all rows."""
    from qhelpers import ledger
    from qhelpers.ledger.evidence import Evidence
    from qhelpers.ledger.specifications import Specifications

    said, body = [], []
    for number in sorted({row.paper for row in rows}):
        book = ledger.paper(number)
        for one in Specifications(book, Evidence()).explained():
            if one.rows not in book.names.values():
                said.append(
                    f"{escape(one.place)}, {escape(one.rows)}: one protocol explains <strong>{one.explained}</strong> of "
                    f"{one.cells} scores, the most favourable one for each cell {one.cell_by_cell}"
                )
            cells = (one.rows, f"{one.explained} of {one.cells}", f"{one.cell_by_cell} of {one.cells}", one.protocol)
            names = ("rows", "one protocol", "best a cell", "that protocol")
            told = "".join(f'<td data-name="{name}">{escape(text)}</td>' for name, text in zip(names, cells, strict=True))
            body.append(f"<tr><td>{escape(one.place)}</td>{told}</tr>")
    if not body:
        return ""
    heads = ("table", "rows", "explained by one single protocol", "by the most favourable one a cell", "that single protocol")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f"<p>{'; '.join(said)}.</p>"
        '<details class="qh-folded"><summary>How many cells does one single protocol explain?</summary>'
        '<div class="qh-table" tabindex="0" role="region" aria-label="Cells that one protocol explains">'
        '<table class="qh-stacked">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></details>"
    )


def coverage(rows: Sequence[Any]) -> str:
    """Return in a sentence how the intervals do on our own runs."""
    from qhelpers import ledger
    from qhelpers.evaluation import runs_for_ranks
    from qhelpers.ledger.counting import numbered
    from qhelpers.ledger.evidence import Evidence
    from qhelpers.ledger.judgement import coverage as covered

    said = []
    for number in sorted({row.paper for row in rows}):
        one = covered(ledger.paper(number), Evidence())
        if one.runs:
            inside = 1 - (one.below + one.above) / one.runs
            said.append(
                "<p>A score is bounded and lopsided near its end, so the interval is one of arcsine roots; one between ranks, "
                f"which assumes nothing, needs {runs_for_ranks()} runs for 95 %. Tried on our own runs of paper {number}, each "
                f"held out from the others ({one.runs:,} runs of {one.samples} models, tasks, readings and scores): "
                f"{inside:.1%} lie inside, {one.below / one.runs:.1%} below and {one.above / one.runs:.1%} above. "
                f"{numbered(one.collapsed, 'training of a network', 'trainings of networks')} failed altogether and "
                f"{'is' if one.collapsed == 1 else 'are'} not in these intervals.</p>"
            )
    return "".join(said)


def measured(row: Any) -> str:
    """Return what was measured for a claim: mean, spread and runs; for what is no number how often it holds."""
    from qhelpers.ledger.shown import decimals, exact, told

    if row.measured is None:
        return "–"
    kind, quantity = claims()[row.id].kind, claims()[row.id].meaning.name
    if kind == "number":
        bare = row.sd is None or exact(row.sd, quantity) or quantity.endswith("_sd")  # a spread has none of its own here
        spread = "" if bare else f" ± {row.sd:.{decimals(row.measured)}f}"
        return f"{told(row.measured, row.sd, quantity)}{spread} (n = {row.n_seeds})"
    run = [one for one in row.readings if one.verdict != "pending"]
    if len(run) > 1:
        return f"holds under {sum(one.verdict == 'holds' for one in run)} of {len(run)} readings (n = {row.n_seeds})"
    if kind == "procedure" and run and run[0].shown:
        parts = [f"{name.split(' of ')[0].replace('_', ' ')} {value:.3g}" for name, value in run[0].shown[:2]]
        return f"{', '.join(parts)} (n = {row.n_seeds})"
    tries = "single runs" if claims()[row.id].single else "bootstraps"
    return f"holds in {row.measured:.0%} of {tries} (n = {row.n_seeds})"


def marked(row: Any) -> str:
    """Return what was measured, escaped, with a number marked by what it is of."""
    from qhelpers.ledger.shown import mark, told

    text = measured(row)
    value = "" if row.measured is None else told(row.measured, row.sd, claims()[row.id].meaning.name)
    of = row.readings[0].of if row.readings else ""
    return mark(value, of) + escape(text.removeprefix(value)) if of and text.startswith(value) else escape(text)


def printed(row: Any) -> str:
    """Return what is printed, escaped, a formula in plain letters, and whether it was rebuilt: no page of claims typesets."""
    note = f'<span class="qh-where">{REBUILT}</span>' if row.reconstructed else ""
    return escape(plain(row.printed or "lost")) + note


def plain(text: str) -> str:
    """Return a paper's words without TeX and without the space that TeX leaves around what it typesets."""
    from qhelpers.ledger.shown import plain

    return " ".join(plain(text.replace("% ", "") if "\\" in text else text).split())


def place(row: Any) -> str:
    """Return where a claim stands; the number takes its place in the words quoted around it."""
    return plain(row.where.replace("{}", row.printed or "…"))


def reason(row: Any) -> str:
    """Return a verdict's sentence and what was assumed; nothing where no run is recorded yet."""
    if row.verdict == "pending" or not row.sentence:
        return ""
    notes = [row.sentence]
    if not row.failed_checks:
        notes += [f"A check that fails under some readings of the text: {doubt}" for doubt in row.doubts]
    if row.assumptions:
        notes.append("Assumed: " + "; ".join(row.assumptions) + ".")
    return "".join(f"<p>{escape(plain(note))}</p>" for note in notes)


def table(rows: Sequence[Any]) -> str:
    """Return all claims as a table, one row a claim, each with an anchor; the rest is on the page of its paper's claims."""
    from qhelpers.ledger.shown import named

    body = []
    for row in rows:
        failed = ", ".join(check.replace("-", " ") for check in row.failed_checks)
        badge = f'<span class="qh-verdict {style(row.verdict)}">{escape(row.verdict)}</span>'
        name = escape(row.id)
        shown = row.id.replace(".", ".<wbr>")
        body.append(
            f'<tr id="{name}" data-paper="{row.paper}" data-kind="{row.sort}" data-verdict="{escape(row.verdict)}" '
            f'data-failed="{escape(failed)}">'
            f'<td>{escape(named(row.quantity))}<span class="qh-where">{escape(place(row))}</span></td>'
            f'<td data-name="printed">{printed(row)}</td>'
            f'<td data-name="measured"{"" if "holds" in measured(row) else LINE}>{marked(row)}</td>'
            f"<td>{badge}</td>"
            f'<td class="qh-why"{WHY if failed else ""}>{escape(failed)}</td>'
            f'<td class="qh-id"><a href="claims-{row.paper}.html#{name}">{shown}</a></td></tr>'
        )
    names = ("quantity, and where", "printed", "measured: mean ± sd", "verdict", "failed checks", "claim")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    titles = "|".join(f"Part {number}, {paper.title}" for number, paper in sorted(papers().items()))
    kinds = "|".join(SORT_NAMES.values())
    return (
        '<div class="qh-table" role="region" aria-label="All claims">'
        f'<table class="qh-claims" data-verdicts="{escape("|".join(VERDICTS))}" data-papers="{escape(titles)}" '
        f'data-kinds="{escape(kinds)}" data-kind-values="{"|".join(SORT_NAMES)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def chance(rows: Sequence[Any]) -> str:
    """Return in a sentence how many verdicts chance alone would make."""
    from qhelpers.ledger.counting import chance as by_chance
    from qhelpers.ledger.counting import numbered

    counts = by_chance(rows)
    if not counts["tested"]:
        return "<p>No number has been set beside enough runs yet to say how many verdicts fall by chance.</p>"
    return (
        f"<p>With many verdicts, some fall by chance. <strong>{counts['tested']}</strong> results and sentences were set "
        "beside at least three runs, one that is printed in several places once; if all of them were true, at most about "
        f"{counts['expected_by_chance']:.1f} would still be refuted. Refuted under every reading that was run, those searched "
        f"afterwards among them, {'is' if counts['refuted'] == 1 else 'are'} <strong>{counts['refuted']}</strong>, and "
        f"{numbered(counts['refuted_fdr'], 'of these remains', 'of these remain')} when the rate of false discoveries is held at "
        "5 %.</p>"
    )


def write_style(app: Sphinx, exception: Exception | None) -> None:
    """Write the colours of the verdicts as a style sheet of the site."""
    if exception is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / "qh-verdicts.css").write_text(style_sheet(), encoding="utf-8")


#: What writes a part of a page, by the name of its directive.
PARTS: dict[str, Callable[[Sequence[Any]], str]] = {
    "qh-scoreboard": table,
    "qh-figure": figure,
    "qh-chance": chance,
    "qh-results": results,
    "qh-protocols": whole_tables,
    "qh-coverage": coverage,
}


class LedgerDirective(SphinxDirective):
    """A part of a page that is written from the ledger, as `PARTS` says."""

    def run(self) -> list[nodes.Node]:
        """Return the part as HTML; the page is read again at every build."""
        self.env.note_reread()
        return [nodes.raw("", PARTS[self.name](verdicts()), format="html")]


def preview(name: str) -> str:
    """Return in a line what a resting pointer shows of a claim: what is printed and where, what was measured, and the verdict."""
    row = next(one for one in verdicts() if one.id == name)
    said = plain(row.printed or "lost from the text")
    return f"{place(row)}: printed {said}; measured {measured(row)}; {row.verdict}{f'; {REBUILT}' if row.reconstructed else ''}"


class ClaimRole(SphinxRole):
    """A link to a claim's row on the scoreboard: ``{claim}`1.T1.qnn-p.f1```."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; an unknown claim is a warning, which fails the build."""
        known = claims()
        if self.text not in known:
            logger.warning(
                "unknown claim %r; known are the %d ids that `python -m qhelpers.ledger --json` lists",
                self.text,
                len(known),
                location=self.get_location(),
            )
        address = self.env.app.builder.get_relative_uri(self.env.docname, SCOREBOARD)
        told = preview(self.text) if self.text in known else ""
        return [nodes.reference("", self.text, internal=True, refuri=f"{address}#{self.text}", reftitle=told)], []


def setup(app: Sphinx) -> None:
    """Register directives and role."""
    for name in PARTS:
        app.add_directive(name, LedgerDirective)
    app.add_role("claim", ClaimRole())
    app.add_css_file("qh-verdicts.css", priority=898)
    app.connect("build-finished", write_style)

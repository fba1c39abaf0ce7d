"""The claims of the papers as figure, table and links; every number comes from the ledger when the book is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

logger = logging.getLogger(__name__)

#: Page that holds the table; a claim's id is the anchor of its row.
SCOREBOARD = "scoreboard"

#: Order of the verdicts in figures, and what each means in a few words.
VERDICTS = {
    "holds": "what was printed is what the method gives",
    "exceeded": "the method gives more than was printed",
    "holds, for another reason": "holds, but so does a control without the quantum part",
    "holds under some readings": "the text can be read in several ways, and it holds under some of them only",
    "inconclusive": "the spread is too wide to have refuted it",
    "falls short": "the method gives less than was printed",
    "implausible": "improbable if the printed numbers were honest measurements",
    "cannot hold": "arithmetic forbids it, whatever was measured",
    "not measurable": "needs what is not at hand",
    "lost": "the number is missing in the text",
    "pending": "not yet run",
}
PAPERS = {"1": "Low-energy IoT", "2": "Threat detection", "3": "Remaining useful life", "4": "Bearing faults"}
NETWORKS = {"qnn-p": "QNN-P (PennyLane)", "qnn-q": "QNN-Q (Qiskit)", "qnn-h": "QNN-H (hybrid)"}
LINE = ' class="qh-line"'
WHY = ' data-name="failed checks:"'
DATA = {"occupancy": "Is the room occupied?", "ton_iot_gps": "Is the GPS tracker under attack?"}


def slug(verdict: str) -> str:
    """Return a verdict as the name of a style class."""
    return "qh-v-" + verdict.replace(",", "").replace(" ", "-")


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
    """Return the claims by verdict, one stacked bar a paper, with a legend that holds the counts."""
    bars = []
    for paper in sorted({row.paper for row in rows}):
        counts = Counter(row.verdict for row in rows if row.paper == paper)
        named = [(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]]
        alt = ", ".join(f"{count} {verdict}" for verdict, count in named)
        parts = "".join(
            f'<span class="{slug(verdict)}" style="--qh-share:{count}" title="{escape(verdict)}: {count}"></span>'
            for verdict, count in named
        )
        name = f"Part {escape(paper)}, {escape(PAPERS.get(paper, 'another paper'))}: {sum(counts.values())} claims"
        bars.append(
            f'<div class="qh-bar-row"><div class="qh-bar-name">{name}</div>'
            f'<div class="qh-bar" role="img" aria-label="{name}: {escape(alt)}">{parts}</div></div>'
        )
    total = Counter(row.verdict for row in rows)
    legend = "".join(
        f'<li><span class="qh-verdict {slug(verdict)}"><strong>{total[verdict]}</strong> {escape(verdict)}</span></li>'
        for verdict in VERDICTS
        if total[verdict]
    )
    caption = (
        "Every claim of the papers treated so far, by verdict. The length of a colour is the number of claims; "
        "the counts come from the ledger at the time this page was built."
    )
    return (
        f'<figure class="qh-figure qh-board">{"".join(bars)}<ul class="qh-legend">{legend}</ul>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def measured(row: Any) -> str:
    """Return what was measured for a claim: mean, spread and runs; for what is no number how often it holds."""
    if row.measured is None:
        return "–"
    kind = claims()[row.id].kind
    if kind == "number":
        spread = "" if row.sd is None else f" ± {row.sd:.3f}"
        return f"{row.measured:.3f}{spread} (n = {row.n_seeds})"
    run = [one for one in row.readings if one.verdict != "pending"]
    if len(run) > 1:
        return f"holds under {sum(one.verdict == 'holds' for one in run)} of {len(run)} readings (n = {row.n_seeds})"
    if kind == "procedure" and run and run[0].shown:
        parts = [f"{name.split(' of ')[0].replace('_', ' ')} {value:.3g}" for name, value in run[0].shown[:2]]
        return f"{', '.join(parts)} (n = {row.n_seeds})"
    return f"holds in {row.measured:.0%} of bootstraps (n = {row.n_seeds})"


def printed(row: Any) -> str:
    """Return what is printed, escaped: the letters, or a formula."""
    text = row.printed or "lost"
    if ", Eq. " not in row.where:
        return escape(text)
    formula = text.replace("% ", "").rstrip(",.")
    return f'<span class="math notranslate nohighlight">\\({escape(formula)}\\)</span>'


def place(row: Any) -> str:
    """Return where a claim stands; the number takes its place in the words quoted around it."""
    return row.where.replace("{}", row.printed or "…")


def reason(row: Any) -> str:
    """Return a verdict's sentence and what was assumed, to be unfolded; nothing where no run is recorded yet."""
    if row.verdict == "pending" or not row.sentence:
        return ""
    notes = [row.sentence]
    if not row.failed_checks:
        notes += [f"A check that fails under some readings of the text: {doubt}" for doubt in row.doubts]
    if len(row.readings) > 1:
        notes.append("By reading: " + "; ".join(f"{one.reading}: {one.verdict}" for one in row.readings) + ".")
    if row.assumptions:
        notes.append("Assumed: " + "; ".join(row.assumptions) + ".")
    return "".join(f"<p>{escape(note)}</p>" for note in notes)


def table(rows: Sequence[Any]) -> str:
    """Return all claims as a table, one row a claim, each with an anchor."""
    body = []
    for row in rows:
        failed = ", ".join(check.replace("-", " ") for check in row.failed_checks)
        badge = f'<span class="qh-verdict {slug(row.verdict)}">{escape(row.verdict)}</span>'
        why = reason(row)
        verdict = f"<details><summary>{badge}</summary>{why}</details>" if why else badge
        name = escape(row.id)
        body.append(
            f'<tr id="{name}" data-verdict="{escape(row.verdict)}" data-failed="{escape(failed)}">'
            f'<td><a href="#{name}">{name.replace(".", ".<wbr>")}</a><span class="qh-where">{escape(place(row))}</span></td>'
            f'<td data-name="printed">{printed(row)}</td>'
            f'<td data-name="measured"{"" if "holds" in measured(row) else LINE}>{escape(measured(row))}</td>'
            f"<td>{verdict}</td>"
            f'<td class="qh-why"{WHY if failed else ""}>{escape(failed)}</td></tr>'
        )
    names = ("claim, and where it stands", "printed", "measured: mean ± sd", "verdict", "failed checks")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        '<div class="qh-table" role="region" aria-label="All claims"><table class="qh-claims">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def chance(rows: Sequence[Any]) -> str:
    """Return in a sentence how many verdicts chance alone would make."""
    from qhelpers.ledger import judgement

    counts = judgement.chance(rows)
    if not counts["tested"]:
        return "<p>No number has been set beside enough runs yet to say how many verdicts fall by chance.</p>"
    return (
        f"<p>With many verdicts, some fall by chance. <strong>{counts['tested']}</strong> results were set beside at least "
        "three runs, one that is printed in several places once; if all of them were true, at most about "
        f"{counts['expected_by_chance']:.1f} would still fall outside "
        f"their interval. Outside under every reading that was run are <strong>{counts['refuted']}</strong>, and "
        f"{counts['refuted_fdr']} of these remain when the rate of false discoveries is held at 5 %.</p>"
    )


def recorded(**config: Any) -> list[float]:
    """Return the test accuracies of the recorded runs with this configuration, real data only."""
    from qhelpers.runs import records

    runs = records.select(records.read("low-energy"), source="real", **config)
    return [run.metrics["accuracy"] for run in runs if run.profile in ("laptop", "paper")]


def strip(rows: Sequence[Any]) -> str:
    """Return printed beside measured accuracy of the three networks, with the control of one threshold.

    Each position is also in the text alternative of its row. Empty where nothing is recorded yet.
    """
    low, high = 0.5, 1.0

    def at(value: float) -> str:
        return f"{100 * (min(max(value, low), high) - low) / (high - low):.2f}%"

    parts, any_measured = [], False
    for data, question in DATA.items():
        one = recorded(model="one-threshold", data=data, regime="300+300")
        lines = []
        for model, name in NETWORKS.items():
            row = next((row for row in rows if is_accuracy(row, model, data)), None)
            if row is None or row.printed is None:
                continue
            printed = float(row.printed)
            marks, words = [], [f"{name}: printed {row.printed}"]
            ours = main_reading(row)
            if ours.measured is not None:
                any_measured = True
                if ours.interval is not None:
                    start, stop = ours.interval
                    marks.append(f'<i class="qh-range" style="--qh-from:{at(start)};--qh-to:{at(stop)}"></i>')
                marks.append(f'<i class="qh-measured" style="--qh-at:{at(ours.measured)}"></i>')
                words.append(f"measured {ours.measured:.3f}")
            if one:
                mean = sum(one) / len(one)
                marks.append(f'<i class="qh-control" style="--qh-at:{at(mean)}"></i>')
                words.append(f"one threshold on one sensor {mean:.3f}")
            marks.append(f'<i class="qh-printed" style="--qh-at:{at(printed)}"></i>')
            lines.append(
                f'<div class="qh-strip-row"><span>{escape(name)}</span>'
                f'<div class="qh-strip-axis" role="img" aria-label="{escape(", ".join(words))}">{"".join(marks)}</div></div>'
            )
        if lines:
            parts.append(f'<div class="qh-strip-group">{escape(question)}</div>{"".join(lines)}')
    if not any_measured:
        return ""
    reading = next((main_reading(row).reading for row in rows if is_accuracy(row, "qnn-p", "occupancy")), "")
    reading = f" Drawn is our main reading of what the paper leaves open ({escape(reading)})." if reading else ""
    ticks = "".join(f'<span style="--qh-at:{at(tick / 10)}">{tick / 10:.1f}</span>' for tick in range(5, 11))
    return (
        f'<figure class="qh-figure qh-strip">{"".join(parts)}'
        f'<div class="qh-strip-row" aria-hidden="true"><span>test accuracy</span><div class="qh-strip-scale">{ticks}</div></div>'
        '<ul class="qh-strip-key"><li><i class="qh-printed"></i>printed in the paper</li>'
        '<li><i class="qh-measured"></i>measured on the real data, mean over seeds</li>'
        '<li><i class="qh-range"></i>where one more run should fall (95 %)</li>'
        '<li><i class="qh-control"></i>one threshold on one sensor, no quantum part</li></ul>'
        "<figcaption>Test accuracy of the three quantum networks: what the paper prints, and what its recipe gave when we "
        f"repeated it. Scores are on balanced test sets, where guessing gives 0.5.{reading}</figcaption></figure>"
    )


def main_reading(row: Any) -> Any:
    """Return the first reading of a claim, fixed before anything was measured; the verdict itself where there is one reading."""
    return row.readings[0] if row.readings else row


def is_accuracy(row: Any, model: str, data: str) -> bool:
    """Tell whether a claim is the test accuracy that a table prints for a network on a data set."""
    of = claims()[row.id].of
    return row.quantity == "accuracy" and row.where.startswith("Table") and (of.get("model"), of.get("data")) == (model, data)


def findings(rows: Sequence[Any]) -> str:
    """Return the picture of printed beside measured, and in sentences what it says and how the claims stand."""
    said = []
    for data, question in DATA.items():
        means = {
            name: main_reading(row).measured
            for model, name in NETWORKS.items()
            for row in rows
            if is_accuracy(row, model, data) and main_reading(row).measured is not None
        }
        one = recorded(model="one-threshold", data=data, regime="300+300")
        if means and one:
            best = max(means, key=means.__getitem__)
            said.append(
                f"<strong>{question}</strong> The best network so far, {escape(best)}, is right in {means[best]:.1%} of the "
                f"cases; one threshold on one sensor in {sum(one) / len(one):.1%}."
            )
    failed = sum(bool(row.failed_checks) for row in rows)
    pending = sum(row.verdict == "pending" for row in rows)
    said.append(f"The ledger holds <strong>{len(rows)}</strong> claims of the paper treated so far.")
    if failed:
        said.append(f"<strong>{failed}</strong> of them are tied to others by a check that needs no data, and that fails.")
    if pending:
        said.append(f"{pending} wait for runs that are not recorded yet.")
    return strip(rows) + f"<p>{' '.join(said)}</p>"


class LedgerDirective(SphinxDirective):
    """A part of a page that is written from the ledger."""

    write = staticmethod(table)

    def run(self) -> list[nodes.Node]:
        """Return the part as HTML; the page is read again at every build."""
        self.env.note_reread()
        return [nodes.raw("", type(self).write(verdicts()), format="html")]


class FigureDirective(LedgerDirective):
    """All claims by verdict."""

    write = staticmethod(figure)


class ChanceDirective(LedgerDirective):
    """How many verdicts chance alone would make."""

    write = staticmethod(chance)


class FindingsDirective(LedgerDirective):
    """What has been found so far."""

    write = staticmethod(findings)


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
        return [nodes.reference("", self.text, internal=True, refuri=f"{address}#{self.text}")], []


def setup(app: Sphinx) -> None:
    """Register directives and role."""
    app.add_directive("qh-scoreboard", LedgerDirective)
    app.add_directive("qh-figure", FigureDirective)
    app.add_directive("qh-chance", ChanceDirective)
    app.add_directive("qh-findings", FindingsDirective)
    app.add_role("claim", ClaimRole())

"""The front page: the answer over all papers in three sentences, a trained circuit that runs, and what holds; all computed."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: What is no measured result: it says what was set, not what came of it.
SET = ("counts and settings", "equations")
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def told(number: int) -> str:
    """Return a number in words, up to ten."""
    return WORDS[number] if number < len(WORDS) else f"{number:,}"


def papers() -> tuple[Any, ...]:
    """Return what each paper says of itself, in order."""
    from qhelpers.runs import papers as found

    return found.papers()


def helps(found: Sequence[Any]) -> str:
    """Return the first sentence: how often a quantum part is clearly ahead of something classical in its place."""
    from qhelpers.ledger.ingredients import replaced

    counts = replaced(found)
    n = sum(counts.values()) - counts["few"]
    many = counts["ahead"] > counts["behind"] and 2 * counts["ahead"] > n
    first = "Often" if many else "Seldom" if counts["ahead"] else "Not that we could see"
    return (
        f"<strong>Does it help?</strong> {first}: {n} times we put something classical in the place of a quantum part. The "
        f"quantum part is clearly better in {told(counts['ahead'])}, clearly worse in {told(counts['behind'])}; in the other "
        f"{told(counts['open'])} no difference can be told."
    )


def where(found: Sequence[Any]) -> str:
    """Return the second sentence: in which parts it is clearly ahead, and whether anywhere of all that was put in its place."""
    from qhelpers.ledger.ingredients import after_holm

    classical = [(one, says) for one, says in zip(found, after_holm(found), strict=True) if one.classical]
    ahead = Counter(one.paper for one, says in classical if says == "ahead")
    rivals: dict[tuple[str, str, str], list[str]] = {}
    for one, says in classical:
        rivals.setdefault((one.paper, one.what, one.place), []).append(says)
    whole = [key for key, all_of in rivals.items() if set(all_of) == {"ahead"}]
    if not ahead:
        return "<strong>Where?</strong> Nowhere that we found."
    titles = {paper.number: f"Part {paper.number} ({paper.title.lower()})" for paper in papers()}
    named = " and ".join(titles[number] for number in sorted(ahead))
    beside = sorted({one.control for one, says in classical if says == "ahead"})
    text = f"<strong>Where?</strong> In {named} alone, beside {' or '.join(escape(name) for name in beside)}"
    if whole:
        what = ", ".join(escape(name) for _, name, _ in whole)
        return f"{text}; ahead of all that was put in its place: {what}."
    return f"{text}. Ahead of everything that was put in its place: nowhere."


def instead() -> str:
    """Return the third sentence: what each paper's answer says to use."""
    said = [text for paper in papers() if (text := paper.instead())]
    return f"<strong>What instead?</strong> The simplest thing that fits the task: {', '.join(said[:-1])}, and {said[-1]}."


def answer() -> str:
    """Return the three sentences over all papers, and each paper's own folded below them."""
    from qhelpers.ledger.ingredients import ingredients

    found = ingredients()
    three = "".join(f"<p>{one}</p>" for one in (helps(found), where(found), instead()))
    return f'<div class="qh-front-answer">{three}</div>'


def live() -> str:
    """Return the trained circuits that papers let a page run."""
    modules = [importlib.import_module(f"{paper.package}.{paper.live}") for paper in papers() if paper.live]
    return "".join(module.front() for module in modules)


def bars(rows: Sequence[Any]) -> str:
    """Return the measured values by verdict, one bar a paper; what could not be judged stands in words."""
    from qhelpers.ledger import counting
    from qhelpers.verdicts import VERDICTS, slug

    lines, used = [], []
    for paper in papers():
        counts = counting.tally([row for row in rows if row.paper == paper.number])["results"]
        n, name = counting.judged(counts), f"Part {paper.number}, {escape(paper.title)}"
        shown = [(one, counts[one]) for one in VERDICTS if counts[one] and one not in ("lost", "pending", "not measurable")]
        if not n:
            lines.append(f'<div class="qh-bar-row"><div class="qh-bar-name">{name}: its file was not to be had</div></div>')
            continue
        used += [one for one, _ in shown]
        alt = ", ".join(f"{count} {one}" for one, count in shown)
        spans = "".join(
            f'<span class="qh-v-{slug(one)}" style="--qh-share:{count}" title="{escape(one)}: {count}"></span>'
            for one, count in shown
        )
        lines.append(
            f'<div class="qh-bar-row"><div class="qh-bar-name">{name}: '
            f"{counts['holds'] + counts['holds, for another reason']} of {n} hold</div>"
            f'<div class="qh-bar" role="img" aria-label="{name}: {escape(alt)}">{spans}</div></div>'
        )
    legend = "".join(
        f'<li><span class="qh-verdict qh-v-{slug(one)}">{escape(one)}</span></li>' for one in VERDICTS if one in used
    )
    return (
        f'<figure class="qh-figure qh-board qh-front-bars">{"".join(lines)}<ul class="qh-legend">{legend}</ul>'
        "<figcaption>Values that the papers measured and print, by what became of them.</figcaption></figure>"
    )


def holding(rows: Sequence[Any]) -> str:
    """Return plainly what it is that holds: of all claims most that do were set or derived, and not measured."""
    from qhelpers import ledger
    from qhelpers.ledger import counting

    tallied = counting.tally(rows)
    results, good = tallied["results"], ("holds", "holds, for another reason")
    hold = {sort: sum(counts[one] for one in good) for sort, counts in tallied.items()}
    of_set = sum(hold[sort] for sort in SET)
    own = {paper.number: set(paper.labels) for paper in papers()}
    claims = {claim.id: claim for number in ledger.papers() for claim in ledger.claims(number)}
    low = [claims[row.id] for row in rows if row.sort == "results" and row.verdict == "exceeded"]
    rivals = sum(claim.of.get("model", "") not in own[claim.paper] | {""} for claim in low)
    return (
        f"<p>Of <strong>{counting.judged(results)} measured values {hold['results']} hold</strong>. Among all claims "
        f"{sum(hold.values())} do, but {of_set} of these are settings, counts and equations: they say what was set, not what "
        f"came of it. {len(low)} values came out better than printed, {rivals} of them of models that the papers compare theirs "
        "with; a rival that was printed too low is no success.</p>"
    )


def measured(rows: Sequence[Any] = ()) -> str:
    """Return what became of the measured values, and what it is that holds; of the verdicts of this build by default."""
    if not rows:
        from .board import verdicts

        rows = verdicts()
    return bars(rows) + holding(rows)


class FrontDirective(SphinxDirective):
    """A part of the front page."""

    write = staticmethod(answer)

    def run(self) -> list[nodes.Node]:
        """Return the part as HTML; the page is read again at every build."""
        self.env.note_reread()
        return [nodes.raw("", type(self).write(), format="html")]


class LiveDirective(FrontDirective):
    """Trained circuits under sliders."""

    write = staticmethod(live)


class MeasuredDirective(FrontDirective):
    """Measured values by verdict."""

    write = staticmethod(measured)


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("qh-front", FrontDirective)
    app.add_directive("qh-live", LiveDirective)
    app.add_directive("qh-measured", MeasuredDirective)

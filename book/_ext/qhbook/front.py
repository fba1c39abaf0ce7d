"""The front page: the answer over all papers in three sentences, a trained circuit that runs, and what holds; all computed."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from qhelpers.verdicts import VERBS, VERDICTS

from . import board, linked
from .citing import paper_items

#: What is no measured result: it says what was set, not what came of it.
SET = ("counts and settings", "equations")
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def told(number: int) -> str:
    """Return a number in words, up to ten."""
    return WORDS[number] if number < len(WORDS) else f"{number:,}"


#: What holds only where the text is read in one of several ways.
SOME = "holds under some readings"


def papers() -> tuple[Any, ...]:
    """Return what each paper says of itself, in order."""
    from qhelpers.runs import papers as found

    return found.papers()


def ahead_of_all(found: Sequence[Any]) -> list[str]:
    """Return the quantum parts that are clearly ahead of everything classical that was put in their place, on some task."""
    from qhelpers.ledger.ingredients import after_holm

    rivals: dict[tuple[str, str, str], set[str]] = {}
    for one, says in zip(found, after_holm(found), strict=True):
        if one.classical:
            rivals.setdefault((one.paper, one.what, one.place), set()).add(says)
    return [what for (_, what, _), says in rivals.items() if says == {"ahead"}]


def helps(found: Sequence[Any]) -> str:
    """Return the first sentence: how often a quantum part is clearly ahead of something classical in its place."""
    from qhelpers.ledger.ingredients import replaced

    counts = replaced(found)
    n = sum(counts.values()) - counts["few"]
    times = "Once" if n == 1 else f"{n} times"
    rest = f"; in the other {told(counts['open'])} we could not tell" if counts["open"] else ""
    first = "Here and there" if ahead_of_all(found) else "Not that we could see"
    return (
        f"<strong>Does it help?</strong> {first}. {times} we put something classical in the place of a quantum part. The "
        f"quantum part was clearly better in {told(counts['ahead'])}, clearly worse in {told(counts['behind'])}{rest}."
    )


def where(found: Sequence[Any]) -> str:
    """Return the second sentence: in which parts it is clearly ahead, and whether anywhere of all that was put in its place."""
    from qhelpers.ledger.ingredients import after_holm

    ahead = {one.paper for one, says in zip(found, after_holm(found), strict=True) if one.classical and says == "ahead"}
    if not ahead:
        return "<strong>Where was it better?</strong> Nowhere that we found."
    titles = {paper.number: f"Part {paper.number} ({paper.title.lower()})" for paper in papers()}
    named = " and ".join(titles[number] for number in sorted(ahead))
    whole = ahead_of_all(found)
    if whole:
        best = ", ".join(map(escape, whole))
        return f"<strong>Where was it better?</strong> In {named}: ahead of all that we put in its place is {best}."
    return (
        f"<strong>Where was it better?</strong> Only in {named}, and there another classical choice does as well. Nowhere did it "
        "beat everything."
    )


def instead() -> str:
    """Return the third sentence: what each paper's answer says to use."""
    said = [text for paper in papers() if (text := paper.instead())]
    return f"<strong>What instead?</strong> Something plainer: {', '.join(said)}."


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

    lines, used = [], []
    for paper in papers():
        counts = counting.tally([row for row in rows if row.paper == paper.number])["results"]
        n, name = counting.judged(counts), f"Part {paper.number}, {escape(paper.title)}"
        shown = [(one, counts[one]) for one in VERDICTS if counts[one] and one not in ("lost", "pending", "not measurable")]
        if not n:
            lines.append(f'<div class="qh-bar-row"><div class="qh-bar-name">{name}: none could be judged</div></div>')
            continue
        used += [one for one, _ in shown]
        hold = counting.numbered(counts["holds"] + counts["holds, for another reason"], f"of {n} holds", f"of {n} hold")
        some = f", {counts[SOME]} under some readings" if counts[SOME] else ""
        lines.append(board.bar(f"{name}: {hold}{some}", name, shown))
    legend = "".join(
        f'<li><span class="qh-verdict {board.style(one)}">{escape(one)}</span></li>' for one in VERDICTS if one in used
    )
    meanings = "".join(f"<dt>{escape(one)}</dt><dd>{escape(VERDICTS[one].meaning)}</dd>" for one in VERDICTS if one in used)
    return (
        f'<figure class="qh-figure qh-board qh-front-bars">{"".join(lines)}<ul class="qh-legend">{legend}</ul></figure>'
        f'<details class="qh-folded"><summary>What these words mean</summary><dl class="qh-meanings">{meanings}</dl></details>'
    )


def holding(rows: Sequence[Any]) -> str:
    """Return plainly what it is that holds: of all claims most that do were set or derived, and not measured."""
    from qhelpers.ledger import counting

    tallied = counting.tally(rows)
    results, good = tallied["results"], ("holds", "holds, for another reason")
    hold = {sort: sum(counts[one] for one in good) for sort, counts in tallied.items()}
    of_set = sum(hold[sort] for sort in SET)
    own = {paper.number: set(paper.labels) for paper in papers()}
    low = [board.claims()[row.id] for row in rows if row.sort == "results" and row.verdict == "exceeded"]
    rivals = sum(claim.of.get("model", "") not in own[claim.paper] | {""} for claim in low)
    kinds = counting.numbered(of_set, "is a setting, a count or an equation", "are settings, counts and equations")
    n = counting.n_rebuilt(rows)
    apart = counting.numbered(n, "is a formula that we rebuilt", "are formulas that we rebuilt") if n else ""
    return (
        f'<p class="qh-front-holds">{counting.judged(results)} of the {results.total()} measured values that the papers print '
        f"could be checked: <strong>{counting.numbered(hold['results'], *VERBS['holds'])}</strong>, {results[SOME]} more under "
        f"some readings of the text. {len(low)} came out better than printed; "
        f"{counting.numbered(rivals, 'of these is', 'of these are')} of rivals that the papers compare theirs with. Of all "
        f"{counting.numbered(sum(hold.values()), 'claim that holds', 'claims that hold')}, {kinds}: what was set, not what came "
        f"of it.{f' {apart}.' if apart else ''}</p>"
    )


def measured(rows: Sequence[Any] = ()) -> str:
    """Return what became of the measured values, and what it is that holds; of the verdicts of this build by default."""
    rows = rows or board.verdicts()
    return bars(rows) + holding(rows)


#: What writes a part of the front page, by the name of its directive.
PARTS = {"qh-front": answer, "qh-live": live, "qh-measured": measured}


class FrontDirective(SphinxDirective):
    """A part of the front page, as `PARTS` says."""

    def run(self) -> list[nodes.Node]:
        """Return the part as HTML; the page is read again at every build."""
        self.env.note_reread()
        return [nodes.raw("", PARTS[self.name](), format="html")]


def of_paper(paper: Any) -> str:
    """Return what came of a paper in three sentences, a paragraph each."""
    return "".join(f"<p>{one}</p>" for one in paper.sentences())


class AnswersDirective(SphinxDirective):
    """Each paper: who wrote it, what came of it in three sentences, and where that is argued."""

    def run(self) -> list[nodes.Node]:
        """Return a block a paper; the page is read again at every build."""
        self.env.note_reread()
        judged = linked.papers(Path(self.env.srcdir) / "references.bib")
        cited = dict(zip(sorted(judged), paper_items(judged), strict=True))
        parts = []
        for paper in papers():
            if not (said := of_paper(paper)):
                continue
            verdict = next(one for one in self.env.found_docs if re.search(rf"/{paper.number}\.\d+-verdict$", one))
            address = self.env.app.builder.get_relative_uri(self.env.docname, verdict)
            parts.append(
                f'<p class="qh-answer-part">Part {paper.number}, {escape(paper.title)}</p>'
                f'<p class="qh-cited">{cited[paper.number]}</p>' + said + f'<p><a href="{escape(address)}">Claim by claim</a></p>'
            )
        return [nodes.raw("", "".join(parts), format="html")]


def setup(app: Sphinx) -> None:
    """Register the directives."""
    for name in PARTS:
        app.add_directive(name, FrontDirective)
    app.add_directive("qh-answer", AnswersDirective)

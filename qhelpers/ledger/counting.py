"""Verdicts counted, and what chance alone would do among so many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qhelpers.ledger.judgement import LEVEL, MEASURED, Verdict, verdicts
from qhelpers.ledger.statements import SORTS, papers
from qhelpers.verdicts import VERBS, VERDICTS

if TYPE_CHECKING:
    import pandas as pd


def scoreboard(folder: Path | None = None) -> pd.DataFrame:
    """Verdicts counted by paper and by what is claimed.

    Parameters
    ----------
    folder : Path, optional
        Records folder.

    Returns
    -------
    DataFrame
        A row a paper and sort (`qhelpers.ledger.statements.SORTS`): ``claims``, ``measured`` (what runs or arithmetic could
        judge), one column a verdict.
    """
    import pandas as pd

    rows = {}
    for number in papers():
        for sort, counts in tally(verdicts(number, folder)).items():
            measured = {"claims": counts.total(), "measured": judged(counts)}
            rows[number, sort] = measured | {name: counts[name] for name in VERDICTS}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["paper", "sort"])


def tally(found: Sequence[Verdict]) -> dict[str, Counter[str]]:
    """Verdicts counted apart for results, sentences, equations, and counts with settings."""
    return {sort: Counter(one.verdict for one in found if one.sort == sort) for sort in SORTS}


def judged(counts: Counter[str]) -> int:
    """How many of some counted claims runs or arithmetic could judge: all but what is lost, pending or not measurable."""
    return counts.total() - sum(counts[name] for name in ("lost", "pending", "not measurable"))


def numbered(count: int, one: str, several: str) -> str:
    """A count with what agrees with it: of one, or of none and several."""
    return f"{count} {one if count == 1 else several}"


def n_rebuilt(found: Iterable[Verdict]) -> int:
    """How many of those that hold are formulas that were rebuilt."""
    return sum(one.reconstructed and one.verdict in ("holds", "holds, for another reason") for one in found)


def rebuilt(found: Iterable[Verdict]) -> str:
    """`n_rebuilt` as a clause; empty if there is none."""
    n = n_rebuilt(found)
    of = numbered(n, "of those that hold is a rebuilt formula", "of those that hold are rebuilt formulas")
    return f"{of}, since the printed {'one' if n == 1 else 'ones'} could not be read" if n else ""


def told(found: Iterable[Verdict]) -> str:
    """Verdicts counted in words, the most frequent first: "3 hold, 1 falls short", and how many are of rebuilt formulas."""
    found = list(found)
    counts = Counter(one.verdict for one in found)
    apart = rebuilt(found)
    return ", ".join(numbered(n, *VERBS[name]) for name, n in counts.most_common()) + (f" ({apart})" if apart else "")


def measured_values(found: Sequence[Verdict]) -> str:
    """What became of the values that a paper measured, in sentences (HTML): first, and by themselves.

    Parameters
    ----------
    found : sequence of Verdict
        Of one paper, or of all.
    """
    own = [one for one in found if one.sort == "results"]
    counts = tally(own)["results"]
    n, other, some = judged(counts), counts["holds, for another reason"], counts["holds under some readings"]
    if not n:
        return "No measured value has been set beside runs yet."
    readings = [one for one in own if one.verdict == "holds under some readings"]
    searched = sum(not any(reading.verdict.startswith("holds") for reading in one.readings) for one in readings)
    hold = numbered(counts["holds"] + other, *VERBS["holds"])
    said = f"Of <strong>{numbered(n, 'measured value', 'measured values')} {hold}</strong> as the paper describes the experiment"
    said += f", {other} of them also for a model without the quantum part. " if other else ". "
    if some:
        said += f"{numbered(some, 'more holds', 'more hold')} under another reading of the text"
        said += f", {searched} of those only under a protocol that was searched for afterwards. " if searched else ". "
    parts = [numbered(counts[name], *VERBS[name]) for name in ("falls short", "exceeded")]
    parts += [f"{counts['cannot hold']} cannot hold together", numbered(counts["implausible"], *VERBS["implausible"])]
    if counts["inconclusive"]:
        parts.append(f"{counts['inconclusive']} our runs could not have refuted")
    return f"{said}{', '.join(parts[:-1])}, and {parts[-1]}."


def sentences_judged(found: Iterable[Verdict], needs: str) -> str:
    """Those of some verdicts that are on sentences and could be judged, counted, in a sentence.

    Parameters
    ----------
    found : iterable of Verdict
    needs : str
        What those that are not measurable need, after a number and "need".
    """
    own = [one for one in found if one.sort == "sentences"]
    verbs = {"not measurable": (f"needs {needs}", f"need {needs}"), "pending": VERBS["pending"]}
    counts = Counter(one.verdict for one in own)
    apart = " and ".join(numbered(counts[name], *verbs[name]) for name in verbs if counts[name])
    kept = [one for one in own if one.verdict not in verbs]
    of = f"Of {numbered(len(own), 'sentence', 'sentences')}"
    if not apart:
        return f"{of} all could be judged: {told(kept)}." if own else "No sentence compares."
    return f"{of} {apart}. Of the other {len(kept)}, {told(kept)}." if kept else f"{of} {apart}."


def arithmetic(number: str, told: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the printed numbers of a paper say of each other: the checks that fail under every reading, by kind, with one of each.

    Parameters
    ----------
    number : str
        The paper's.
    told : mapping of str to str
        What a check that fails says, in a few words, by its name.

    Returns
    -------
    list of dict
        ``what``, ``times``, ``claims`` (how many numbers are tied), ``one of them``; most claims first.
    """
    from qhelpers.ledger.checks import failed_groups
    from qhelpers.ledger.judgement import checks_of

    groups = failed_groups(checks_of(number, sized=False))
    rows = []
    for name in dict.fromkeys(group[0].check for group in groups):
        some = [group for group in groups if group[0].check == name]
        tied = {claim for group in some for claim in group[0].claims}
        rows.append({"what": told.get(name, name), "times": len(some), "claims": len(tied), "one of them": some[0][0].sentence})
    return sorted(rows, key=lambda one: -int(one["claims"]))


def chance(found: Sequence[Verdict]) -> dict[str, float]:
    """How many refutations chance alone would make, and how many are left when that is controlled.

    Parameters
    ----------
    found : sequence of Verdict
        The verdicts that are counted together.

    Returns
    -------
    dict
        ``tested`` (results and sentences set beside at least three seeds; a result that is printed in several places counts
        once), ``refuted`` (under every reading that was run, those searched afterwards among them), ``refuted_fdr`` (those that
        Benjamini and Hochberg leave at 5 %), ``expected_by_chance`` (how many would be refuted if all were true, at most).

    Notes
    -----
    A claim is true if it is under one of its readings, and so refuted only if it is under all of them: its p-value is the
    largest of theirs. The headline's alone would not do, since a true claim may fall short under a reading that was not meant.
    A result that is printed in several places is one test, and refuted only if each of its prints is. The p-value of a sentence
    is the share of bootstraps, or of single runs with the paper's own, in which it holds.
    """
    from qhelpers.evaluation.comparison import benjamini_hochberg

    tested: dict[str, list[Verdict]] = {}
    for one in found:
        if one.p is not None and one.verdict in MEASURED:
            tested.setdefault(f"{one.paper}: {one.result or one.id}", []).append(one)
    corrected = benjamini_hochberg([max(_p(one) for one in prints) for prints in tested.values()])
    refuted = [all(one.verdict in ("falls short", "exceeded") for one in prints) for prints in tested.values()]
    kept = sum(bad and p < 1 - LEVEL for bad, p in zip(refuted, corrected, strict=True))
    return {
        "tested": len(tested),
        "refuted": sum(refuted),
        "refuted_fdr": int(kept),
        "expected_by_chance": round((1 - LEVEL) * len(tested), 2),
    }


def _p(one: Verdict) -> float:
    """The largest p-value of all readings, with those that were searched afterwards."""
    known = [reading.p for reading in one.readings if reading.p is not None]
    return max([*known, one.searched.p if one.searched is not None else 0.0])

"""Verdicts counted, and what chance alone would do among so many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qhelpers.ledger.judgement import LEVEL, MEASURED, Verdict, verdicts
from qhelpers.ledger.statements import papers
from qhelpers.verdicts import VERDICTS

if TYPE_CHECKING:
    import pandas as pd


def scoreboard(folder: Path | None = None) -> pd.DataFrame:
    """Verdicts counted by paper, with what chance alone would do.

    Parameters
    ----------
    folder : Path, optional
        Records folder.

    Returns
    -------
    DataFrame
        A row a paper: claims, one column a verdict, and ``tested`` (results set beside at least three seeds; one that is
        printed in several places counts once), ``refuted`` (outside the interval under every reading that was run),
        ``refuted_fdr`` (those that Benjamini and Hochberg leave at 5 %), ``expected_by_chance`` (how many of the tested would
        be refuted if all were true, at most).
    """
    import pandas as pd

    found = verdicts(folder=folder)
    rows = []
    for number in papers():
        own = [one for one in found if one.paper == number]
        counts = {name: sum(one.verdict == name for one in own) for name in VERDICTS}
        rows.append({"paper": number, "claims": len(own), **counts, **chance(own)})
    return pd.DataFrame(rows).set_index("paper")


def chance(found: Sequence[Verdict]) -> dict[str, float]:
    """How many refutations chance alone would make, and how many are left when that is controlled.

    Parameters
    ----------
    found : sequence of Verdict
        The verdicts that are counted together.

    Returns
    -------
    dict
        ``tested``, ``refuted``, ``refuted_fdr``, ``expected_by_chance``, as in `scoreboard`.

    Notes
    -----
    A claim is true if it is under one of its readings, and so refuted only if it is under all of them: its p-value is the
    largest of theirs. The headline's alone would not do, since a true claim may fall short under a reading that was not meant.
    A result that is printed in several places is one test, and refuted only if each of its prints is.
    """
    from qhelpers.evaluation.comparison import benjamini_hochberg

    tested: dict[str, list[Verdict]] = {}
    for one in found:
        if one.p is not None and one.verdict in MEASURED:
            tested.setdefault(f"{one.paper}: {one.result or one.id}", []).append(one)
    run = [[reading for one in prints for reading in one.readings if reading.p is not None] for prints in tested.values()]
    corrected = benjamini_hochberg([max(float(reading.p or 0.0) for reading in readings) for readings in run])
    refuted = [all(reading.verdict in ("falls short", "exceeded") for reading in readings) for readings in run]
    kept = sum(bad and p < 1 - LEVEL for bad, p in zip(refuted, corrected, strict=True))
    return {
        "tested": len(tested),
        "refuted": sum(refuted),
        "refuted_fdr": int(kept),
        "expected_by_chance": round((1 - LEVEL) * len(tested), 2),
    }

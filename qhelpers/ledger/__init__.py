"""The ledger: every number that the papers print, whether it can be true, and what became of it."""

import qhelpers._experiments  # noqa: F401
from qhelpers.ledger.counting import scoreboard
from qhelpers.ledger.intervals import Interval, printed_interval
from qhelpers.ledger.judgement import ReadingVerdict, Verdict, holds_in, verdict, verdicts
from qhelpers.ledger.statements import Claim, Paper, answer, claim, claims, paper, papers
from qhelpers.verdicts import VERDICTS

__all__ = [
    "VERDICTS",
    "Claim",
    "Interval",
    "Paper",
    "ReadingVerdict",
    "Verdict",
    "answer",
    "claim",
    "claims",
    "holds_in",
    "paper",
    "papers",
    "printed_interval",
    "scoreboard",
    "verdict",
    "verdicts",
]

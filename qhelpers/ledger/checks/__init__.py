"""Twelve kinds of check that need no data: functions on printed numbers, and what applies them to claims.

1 F1 from precision and recall · 2 a confusion matrix exists · 3 one test set · 4 trivial rules · 5 MSE and RMSE · 6 errors and
their ranges · 7 sums and counts · 8 one number in several places · 9 statistics · 10 speed · 11 information · 12 independence.
1, 2, 5, 6, 7 and the exact parts of 8, 9 and 11 are identities: failing them is impossible under the named assumptions.
"""

from qhelpers.ledger.checks.apply import check_claims, check_row, check_tables, check_together, failed_groups
from qhelpers.ledger.checks.consistency import one_of
from qhelpers.ledger.checks.inference import CLIFF
from qhelpers.ledger.checks.result import CheckResult

__all__ = [
    "CLIFF",
    "CheckResult",
    "check_claims",
    "check_row",
    "check_tables",
    "check_together",
    "failed_groups",
    "one_of",
]

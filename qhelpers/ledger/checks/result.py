"""What a check returns, and how one is tried under the roundings that authors use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qhelpers.ledger.intervals import Interval, as_interval
from qhelpers.ledger.quantities import GLOSSARY

Printed = str | float | Interval
Test = Callable[[str], tuple[bool, str]]

# A finding of the kind that has a probability counts as a failure below this level.
LEVEL = 0.01


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check under one reading.

    Parameters
    ----------
    number : int
        1 to 12, as the twelve kinds are numbered in :mod:`qhelpers.ledger.checks`.
    check : str
        Name of the check.
    kind : {"identity", "other"}
        Failing an identity is impossible under the assumptions; failing another is implausible.
    passed : bool
        Whether the numbers agree.
    sentence : str
        What was found, for a reader.
    reading : str
        The reading of the text under which it was run.
    assumptions : tuple of str
        Everything that was assumed.
    rounding : str
        ``"rounded"``, or ``"either"`` where only truncation saves the numbers; where the check fails, it does under both.
    probability : float or None
        For the kind ``other``: how probable it is to see this if the numbers were honest.
    claims : tuple of str
        Ids, or names of printed numbers, that the check ties together. None of them alone is called wrong.
    details : mapping
        Numbers for a table or a figure.
    """

    number: int
    check: str
    kind: str
    passed: bool
    sentence: str
    reading: str = "as printed"
    assumptions: tuple[str, ...] = ()
    rounding: str = "rounded"
    probability: float | None = None
    claims: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def tie(self, claims: tuple[str, ...]) -> CheckResult:
        """The same result, tied to claims."""
        return replace(self, claims=claims)


def under_roundings(test: Test) -> tuple[bool, str, str]:
    """Run a test on rounded numbers, and where it fails also on truncated ones.

    Parameters
    ----------
    test : callable
        Takes the rounding, returns whether the numbers agree and a sentence.

    Returns
    -------
    passed : bool
    sentence : str
        Says so where only truncation saves the numbers.
    rounding : str
        ``"rounded"`` or ``"either"``.
    """
    passed, sentence = test("rounded")
    if passed:
        return True, sentence, "rounded"
    saved, saved_sentence = test("either")
    if saved:
        return True, f"{saved_sentence}; possible only if a number was cut off instead of rounded", "either"
    return False, sentence, "either"


def judged(
    number: int,
    check: str,
    kind: str,
    test: Test,
    reading: str,
    assumptions: tuple[str, ...],
    details: Mapping[str, Any] | None = None,
) -> CheckResult:
    """What a test finds under the roundings that authors use; `details` may be filled by the test."""
    passed, sentence, rounding = under_roundings(test)
    return CheckResult(number, check, kind, passed, sentence, reading, assumptions, rounding, details=details or {})


def certain(result: CheckResult) -> CheckResult:
    """The same result of the kind ``other``, where honest numbers pass always and others never."""
    return replace(result, probability=1.0 if result.passed else 0.0)


def read(value: Printed, rounding: str, quantity: str | None = None) -> Interval:
    """Interval of a printed number under a rounding, cut to the range of its quantity."""
    interval = as_interval(value, rounding)
    if quantity is None:
        return interval
    if isinstance(value, str):
        return GLOSSARY[quantity].interval(value, rounding)
    return interval.common(Interval(GLOSSARY[quantity].lo, GLOSSARY[quantity].hi)) or interval


def show(value: Printed) -> str:
    """A printed number as it stands, anything else shortened."""
    if isinstance(value, Interval) and value.width == 0:
        return f"{value.lo:,.0f}" if value.lo.is_integer() and abs(value.lo) > 9999 else f"{value.lo:.6g}"
    return value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, (int, float)) else str(value)

"""Printed numbers as intervals: what a number on paper says about the number behind it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

ROUNDINGS = ("rounded", "truncated", "either")

_WORDS = {
    word: number
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
# Seconds in one unit; a longer name is tried before a shorter one.
_SECONDS = {
    "hours": Decimal(3600),
    "hour": Decimal(3600),
    "minutes": Decimal(60),
    "min": Decimal(60),
    "ms": Decimal("0.001"),
    "µs": Decimal("0.000001"),
    "us": Decimal("0.000001"),
    "ns": Decimal("0.000000001"),
    "h": Decimal(3600),
    "s": Decimal(1),
}
_NUMBER = r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(rf"^(?P<sign>[<≤>≥]\s*)?(?P<number>{_NUMBER})\s*(?P<scale>[%M])?$")
_SCALES = {"%": Decimal("0.01"), "M": Decimal(1_000_000)}
_DURATION = re.compile(rf"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>{'|'.join(_SECONDS)})(?![a-z])")
_RANGE = re.compile(r"(?P<first>[\d.,]*\d)(?: to |[–-])(?P<last>[\d.,]*\d)(?P<unit>\D*)")
# Two floating-point results that differ by less than this share of their size are the same number.
_SLACK = 1e-9


@dataclass(frozen=True)
class Interval:
    """A closed interval of real numbers with the arithmetic that the checks need.

    Parameters
    ----------
    lo, hi : float
        Bounds, both belonging to the interval; may be infinite.

    Raises
    ------
    ValueError
        If ``lo`` is above ``hi`` or one of them is not a number.
    """

    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= self.hi:
            raise ValueError(f"an interval needs lo <= hi, given [{self.lo}, {self.hi}]; swap the bounds")

    @property
    def mid(self) -> float:
        """Centre of the interval."""
        return (self.lo + self.hi) / 2

    @property
    def middle(self) -> Interval:
        """The interval that holds the centre alone."""
        return Interval(self.mid, self.mid)

    @property
    def width(self) -> float:
        """Length of the interval."""
        return self.hi - self.lo

    def __add__(self, other: Interval | float) -> Interval:
        other = as_interval(other)
        return Interval(self.lo + other.lo, self.hi + other.hi)

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __sub__(self, other: Interval | float) -> Interval:
        return self + -as_interval(other)

    def __rsub__(self, other: Interval | float) -> Interval:
        return as_interval(other) + -self

    def __mul__(self, other: Interval | float) -> Interval:
        other = as_interval(other)
        products = [0.0 if 0 in (a, b) else a * b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        return Interval(min(products), max(products))

    __rmul__ = __mul__

    def __truediv__(self, other: Interval | float) -> Interval:
        other = as_interval(other)
        if other.lo < 0 < other.hi or other.lo == other.hi == 0:
            return Interval(-math.inf, math.inf)
        # Where the divisor ends at zero, that zero is approached from inside the interval.
        side = -1.0 if other.hi == 0 else 1.0
        quotients = [_divide(a, b, side) for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        return Interval(min(quotients), max(quotients))

    def __rtruediv__(self, other: Interval | float) -> Interval:
        return as_interval(other) / self

    def __abs__(self) -> Interval:
        if self.lo <= 0 <= self.hi:
            return Interval(0.0, max(-self.lo, self.hi))
        return self if self.lo > 0 else -self

    def squared(self) -> Interval:
        """Squares of the numbers in the interval."""
        magnitude = abs(self)
        return Interval(magnitude.lo**2, magnitude.hi**2)

    def sqrt(self) -> Interval:
        """Square roots of the non-negative part.

        Raises
        ------
        ValueError
            If the interval lies below zero.
        """
        if self.hi < 0:
            raise ValueError(f"no square root of {self}: it lies below zero; check the sign of what is printed")
        return Interval(math.sqrt(max(self.lo, 0.0)), math.sqrt(self.hi))

    def meets(self, other: Interval | float) -> bool:
        """Whether the two closed intervals have a number in common (up to floating-point noise)."""
        other = as_interval(other)
        return _at_most(self.lo, other.hi) and _at_most(other.lo, self.hi)

    def at_most(self, other: Interval | float) -> bool:
        """Whether some number of this interval can be at most some number of the other."""
        return _at_most(self.lo, as_interval(other).hi)

    def common(self, other: Interval) -> Interval | None:
        """Intersection with another interval, or None."""
        lo, hi = max(self.lo, other.lo), min(self.hi, other.hi)
        if lo <= hi:
            return Interval(lo, hi)
        return Interval(hi, hi) if self.meets(other) else None

    def __str__(self) -> str:
        low = "(−∞" if self.lo == -math.inf else f"[{self.lo:.6g}"
        return f"{low}, ∞)" if self.hi == math.inf else f"{low}, {self.hi:.6g}]"


def _at_most(a: float, b: float) -> bool:
    return a <= b or math.isclose(a, b, rel_tol=_SLACK, abs_tol=1e-12)


def _divide(a: float, b: float, side: float) -> float:
    if b == 0:
        return math.copysign(math.inf, a * side) if a else 0.0
    return 0.0 if math.isinf(b) else a / b


def as_interval(value: Interval | float | str, rounding: str = "rounded") -> Interval:
    """Interval of a value: itself, an exact number, or a printed one.

    Parameters
    ----------
    value : Interval, float or str
        A ``str`` is taken to the letter (``"0.90"`` is finer than ``"0.9"``); a number is exact.
    rounding : {"rounded", "truncated", "either"}
        How a printed number came about; see :func:`printed_interval`.
    """
    if isinstance(value, Interval):
        return value
    if isinstance(value, str):
        return printed_interval(value, rounding)
    return Interval(float(value), float(value))


def printed_interval(text: str, rounding: str = "rounded", *, exact: bool = False) -> Interval:
    """All numbers that could have been printed as a given text.

    Parameters
    ----------
    text : str
        To the letter: ``"0.95"``, ``"94%"`` (a share), ``"7 min 40s"`` (seconds), ``"1,194,464"``, ``"6e-8"``, ``"< 0.05"``,
        ``"25.6M"`` (millions), a range (``"11 to 13 minutes"``, ``"78–85%"``), or a number word up to twelve.
    rounding : {"rounded", "truncated", "either"}
        ``rounded``: half a unit of the last printed digit to both sides, closed; ``truncated``: up to one unit further from
        zero; ``either``: both.
    exact : bool
        The text is a count and stands for itself alone, unless it counts in millions.

    Returns
    -------
    Interval
        In the unit of the text; per cent as a share of one, durations in seconds.

    Raises
    ------
    ValueError
        If the text is no number or the rounding is unknown.
    """
    if rounding not in ROUNDINGS:
        raise ValueError(f"unknown rounding {rounding!r}; choose one of {', '.join(ROUNDINGS)}")
    between = _RANGE.fullmatch(text.strip())
    if between:
        ends = [printed_interval(between[end] + between["unit"], rounding, exact=exact) for end in ("first", "last")]
        return Interval(ends[0].lo, ends[1].hi)
    value, unit, bound = _parse(text)
    if bound == "below":
        return Interval(0.0 if value >= 0 else -math.inf, float(value))
    if bound == "above":
        return Interval(float(value), math.inf)
    if unit == 0 or (exact and unit <= 1):
        return Interval(float(value), float(value))
    half = unit / 2
    rounded = (value - half, value + half)
    truncated = (value, value + unit) if value >= 0 else (value - unit, value)
    lo, hi = {
        "rounded": rounded,
        "truncated": truncated,
        "either": (min(rounded[0], truncated[0]), max(rounded[1], truncated[1])),
    }[rounding]
    return Interval(float(lo), float(hi))


def printed_value(text: str) -> float:
    """The number that a text prints, per cent as a share and durations in seconds.

    Raises
    ------
    ValueError
        If the text is no number.
    """
    return float(_parse(text)[0])


def _parse(text: str) -> tuple[Decimal, Decimal, str | None]:
    """Value, unit of the last printed digit, and ``"below"``/``"above"`` for one-sided prints."""
    stripped = text.strip()
    if stripped.lower() in _WORDS:
        return Decimal(_WORDS[stripped.lower()]), Decimal(0), None
    plain = _PLAIN.match(stripped)
    if plain and any(char.isdigit() for char in plain["number"]):
        number = Decimal(plain["number"].replace(",", "").replace("−", "-"))
        exponent = number.as_tuple().exponent
        unit = Decimal(1).scaleb(exponent) if isinstance(exponent, int) else Decimal(0)
        scale = _SCALES.get(plain["scale"], Decimal(1))
        sign = (plain["sign"] or "").strip()
        bound = {"<": "below", "≤": "below", ">": "above", "≥": "above"}.get(sign)
        return number * scale, unit * scale, bound
    parts = list(_DURATION.finditer(stripped))
    if parts and not _DURATION.sub("", stripped).strip(" ,"):
        total = sum((Decimal(part["number"]) * _SECONDS[part["unit"]] for part in parts), Decimal(0))
        last = parts[-1]
        exponent = Decimal(last["number"]).as_tuple().exponent
        unit = Decimal(1).scaleb(exponent) if isinstance(exponent, int) else Decimal(1)
        return total, unit * _SECONDS[last["unit"]], None
    raise ValueError(
        f"{text!r} is not a printed number; allowed are forms like 0.95, 94%, 7 min 40s, 1,200, 6e-8, < 0.05 "
        "or a word up to twelve; give the number as it stands on paper"
    )

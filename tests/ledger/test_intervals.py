import math

import pytest

from qhelpers.ledger.intervals import Interval, as_interval, printed_interval, printed_value
from qhelpers.ledger.quantities import GLOSSARY, quantity


@pytest.mark.parametrize(
    ("text", "value", "lo", "hi"),
    [
        ("0.95", 0.95, 0.945, 0.955),
        ("0.90", 0.90, 0.895, 0.905),
        ("0.9", 0.9, 0.85, 0.95),
        ("94%", 0.94, 0.935, 0.945),
        ("1 min", 60, 30, 90),
        ("7 min 40s", 460, 459.5, 460.5),
        ("0.0084s", 0.0084, 0.00835, 0.00845),
        ("11.53s", 11.53, 11.525, 11.535),
        ("20 µs", 20e-6, 19.5e-6, 20.5e-6),
        ("1,194,464", 1194464, 1194463.5, 1194464.5),
        ("-0.3", -0.3, -0.35, -0.25),
        ("6e-8", 6e-8, 5.5e-8, 6.5e-8),
        ("six", 6, 6, 6),
        ("< 0.05", 0.05, 0, 0.05),
    ],
)
def test_printed_numbers_to_the_letter(text, value, lo, hi):
    assert printed_value(text) == pytest.approx(value)
    interval = printed_interval(text)
    assert (interval.lo, interval.hi) == pytest.approx((lo, hi))


def test_truncation_reaches_one_unit_further_from_zero():
    assert printed_interval("0.95", "truncated") == Interval(0.95, 0.96)
    assert printed_interval("-0.95", "truncated") == Interval(-0.96, -0.95)
    assert printed_interval("0.95", "either") == Interval(0.945, 0.96)


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [("25.6M", 25.55e6, 25.65e6), ("2M", 1.5e6, 2.5e6), ("78-85%", 0.775, 0.855), ("12–22", 11.5, 22.5)],
)
def test_millions_and_ranges_with_a_dash(text, lo, hi):
    assert printed_interval(text).lo == pytest.approx(lo) and printed_interval(text).hi == pytest.approx(hi)


def test_a_count_in_millions_is_rounded_and_another_is_not():
    assert quantity("parameters").interval("25.6M").width == pytest.approx(1e5)
    assert quantity("parameters").interval("96") == Interval(96.0, 96.0)


@pytest.mark.parametrize("text", ["", "many", "0.9.5", "1 fortnight", "0,9"])
def test_what_is_no_number_is_refused_with_what_is_allowed(text):
    with pytest.raises(ValueError, match="allowed are forms like"):
        printed_interval(text)


def test_unknown_rounding_lists_the_known():
    with pytest.raises(ValueError, match="rounded, truncated, either"):
        printed_interval("1", "up")


def test_arithmetic_encloses_all_results():
    a, b = Interval(-1, 2), Interval(3, 4)
    assert a + b == Interval(2, 6)
    assert a - b == Interval(-5, -1)
    assert 1 - b == Interval(-3, -2)
    assert a * b == Interval(-4, 8)
    assert b / Interval(1, 2) == Interval(1.5, 4)
    assert b / a == Interval(-math.inf, math.inf)
    assert abs(a) == Interval(0, 2)
    assert abs(Interval(-3, -1)) == Interval(1, 3)
    assert a.squared() == Interval(0, 4)
    assert Interval(4, 9).sqrt() == Interval(2, 3)
    with pytest.raises(ValueError, match="square root"):
        Interval(-2, -1).sqrt()


@pytest.mark.parametrize(
    ("dividend", "divisor", "quotient"),
    [
        ((3, 4), (0, 1), (3, math.inf)),
        ((3, 4), (-1, 0), (-math.inf, -3)),
        ((-3, -2), (-1, 0), (2, math.inf)),
        ((-3, -2), (0, 1), (-math.inf, -2)),
        ((0, 2), (-1, 0), (-math.inf, 0)),
        ((-1, 2), (0, 1), (-math.inf, math.inf)),
        ((3, 4), (0, 0), (-math.inf, math.inf)),
        ((1, math.inf), (1, math.inf), (0, math.inf)),
        ((1, 2), (-math.inf, -1), (-2, 0)),
    ],
)
def test_a_divisor_that_touches_zero_or_has_no_end_encloses_all_quotients(dividend, divisor, quotient):
    assert Interval(*dividend) / Interval(*divisor) == Interval(*quotient)


def test_closed_ends_meet_in_spite_of_floating_point():
    assert Interval(0.1 + 0.2, 1).meets(0.3)
    assert not Interval(0.31, 1).meets(0.3)
    assert Interval(0.1 + 0.2, 1).at_most(0.3)
    assert Interval(0, 1).common(Interval(2, 3)) is None
    assert as_interval(3) == Interval(3, 3)


def test_interval_needs_ordered_bounds():
    with pytest.raises(ValueError, match="swap the bounds"):
        Interval(2, 1)


def test_a_score_is_cut_to_its_range_and_a_count_is_exact():
    assert quantity("accuracy").interval("1.0") == Interval(0.95, 1.0)
    assert quantity("points").interval("300") == Interval(300, 300)
    assert quantity("accuracy").margin(0.9) == 0.05
    assert quantity("rmse").margin(10.0) == 2.0
    with pytest.raises(ValueError, match="the glossary has accuracy"):
        quantity("goodness")
    assert all(entry.name == name and entry.lo <= entry.hi for name, entry in GLOSSARY.items())


def test_a_range_reaches_from_its_first_number_to_its_last():
    assert printed_interval("11 to 13 minutes") == Interval(630.0, 810.0)
    assert printed_interval("11 to 13") == Interval(10.5, 13.5)
    assert printed_interval("0.5 s to 2 s".replace(" s to", " to")) == Interval(0.45, 2.5)
    with pytest.raises(ValueError, match="allowed are forms like"):
        printed_interval("some to 13 minutes")


def test_an_end_that_does_not_exist_is_no_number():
    assert str(Interval(0.5, 2)) == "[0.5, 2]" and str(Interval(0.363354, math.inf)) == "[0.363354, ∞)"
    assert str(Interval(-math.inf, 1)) == "(−∞, 1]" and "inf" not in str(Interval(-math.inf, math.inf))

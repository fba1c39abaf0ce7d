"""`Dataset`, `Series` and `Signals` refuse what does not agree, in words; what is derived is right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qhelpers.datasets import Dataset, Series, Signals

HEAD = {
    "name": "trial",
    "title": "A trial",
    "source": "twin",
    "fingerprint": "0" * 64,
    "licence": "none",
    "citation": "nobody",
    "units": {"a": "m", "b": "s"},
}
AB = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [5.0, 6.0, 7.0]})
WORDS = np.array(["x", "x", "y"])
TABLE = Dataset(
    **HEAD, meaning={3: "low", 7: "high", 9: "never"}, groups=WORDS, X=AB, y=np.array([7, 3, 3]), time=np.array([3, 1, 2])
)
UNITS = Series(
    **HEAD,
    meaning={},
    groups=np.array(["p", "q"]),
    X=AB,
    cycle=np.array([1, 4, 1]),
    edges=np.array([0, 2, 3]),
    life=np.array([6, 1]),
    censored=np.array([False, True]),
)
RECORDINGS = Signals(
    **HEAD,
    meaning={0: "good", 1: "bad"},
    groups=np.array(["p", "q"]),
    recordings=(np.zeros((4, 2)), np.ones((7, 2))),
    channels=("a", "b"),
    rate=np.array([100.0, 20.0]),
    y=np.array([0, 1]),
    labels=np.array(["one.csv", "two.csv"]),
)


def test_length_is_rows_units_or_recordings():
    assert (len(TABLE), len(UNITS), len(RECORDINGS)) == (3, 2, 2)


def test_a_table_may_have_classes_numbers_or_no_target():
    assert TABLE.y.tolist() == [7, 3, 3]
    assert replace(TABLE, y=np.array([0.5, np.nan, 2.0]), meaning={}).y[0] == 0.5
    assert replace(TABLE, y=None, meaning={}).y is None
    assert replace(RECORDINGS, y=np.array([1.5, 2.5]), meaning={}).y[1] == 2.5


def test_units_know_their_rows_and_what_remains_of_their_life():
    assert [UNITS.rows(k) for k in range(2)] == [slice(0, 2), slice(2, 3)]
    assert UNITS.unit.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(UNITS.remaining, [5.0, 2.0, np.nan])


@pytest.mark.parametrize(
    ("data", "changed", "message"),
    [
        (TABLE, {"source": "fake"}, "source is 'fake'; allowed is 'real' or 'twin'"),
        (TABLE, {"groups": WORDS[:2]}, r"groups is of shape \(2,\); allowed is the shape \(3,\)"),
        (TABLE, {"groups": np.arange(3)}, "groups is of dtype int64"),
        (TABLE, {"groups": ["x", "x", "y"]}, "groups is a list; allowed is a NumPy array"),
        (TABLE, {"official": WORDS[:1]}, r"official is of shape \(1,\)"),
        (TABLE, {"family": WORDS[:1]}, r"family is of shape \(1,\)"),
        (TABLE, {"time": np.arange(4)}, r"time is of shape \(4,\)"),
        (TABLE, {"time": WORDS}, "time is of dtype <U1"),
        (TABLE, {"y": np.array([7, 3, 4])}, r"y is 4 somewhere; allowed is a class with a meaning, of \[3, 7, 9\]"),
        (TABLE, {"y": np.array([7, 3])}, r"y is of shape \(2,\)"),
        (TABLE, {"y": np.array([7.0, 3.0, 3.0])}, "y is of dtype float64, with a meaning; allowed is whole numbers for classes"),
        (TABLE, {"y": np.array([True, False, True])}, "y is of dtype bool"),
        (TABLE, {"X": AB.to_numpy()}, "X is a ndarray; allowed is a pandas.DataFrame"),
        (TABLE, {"X": AB.astype({"a": int})}, "X is of dtypes .*; allowed is float64 or float32 for all columns"),
        (TABLE, {"X": AB.astype({"a": "float32"})}, "X is of dtypes"),
        (TABLE, {"X": AB.rename(columns={"a": "c"})}, r"X is of columns \['c', 'b'\]; allowed is each once, with a unit"),
        (TABLE, {"X": AB[["a", "a"]]}, r"X is of columns \['a', 'a'\]; allowed is each once"),
        (UNITS, {"X": AB[:2]}, "X is of 2 rows; allowed is 3 rows"),
        (UNITS, {"edges": np.array([1, 2, 3])}, "edges is .*; allowed is ascending from 0"),
        (UNITS, {"edges": np.array([0, 0, 3])}, "edges is .*; allowed is ascending from 0"),
        (UNITS, {"edges": np.array([0.0, 2.0, 3.0])}, "edges is of dtype float64"),
        (UNITS, {"cycle": np.array([2, 2, 1])}, "cycle is not ascending in row 1"),
        (UNITS, {"cycle": np.array([1.0, 4.0, 1.0])}, "cycle is of dtype float64"),
        (UNITS, {"life": np.array([6, 1, 1])}, r"life is of shape \(3,\); allowed is the shape \(2,\)"),
        (UNITS, {"life": np.array([6, 2])}, "life is not the last cycle of a censored unit"),
        (UNITS, {"censored": np.array([0, 1])}, "censored is of dtype int64"),
        (UNITS, {"groups": WORDS}, r"groups is of shape \(3,\); allowed is the shape \(2,\)"),
        (UNITS, {"time": np.arange(3)}, "time is of dtype int64"),
        (RECORDINGS, {"recordings": ()}, "groups is of shape"),
        (RECORDINGS, {"recordings": (np.zeros((4, 2)), np.ones((7, 3)))}, r"recording 1 is of shape \(7, 3\) and dtype float64"),
        (RECORDINGS, {"recordings": (np.zeros((4, 2)), np.ones(7))}, "recording 1 is of shape"),
        (RECORDINGS, {"recordings": (np.zeros((4, 2)), np.ones((0, 2)))}, "recording 1 is of shape"),
        (RECORDINGS, {"recordings": (np.zeros((4, 2)), np.ones((7, 2), "f4"))}, r"recording 1 .* and float64, as of the first"),
        (RECORDINGS, {"recordings": (np.zeros((4, 2), int), np.ones((7, 2), int))}, "recordings is empty or of another dtype"),
        (RECORDINGS, {"channels": ("a", "c")}, "channels is .*; allowed is names with a unit"),
        (RECORDINGS, {"rate": np.array([100.0, 0.0])}, "rate is 0.0; allowed is a number above 0"),
        (RECORDINGS, {"rate": np.array([100, 20])}, "rate is of dtype int64"),
        (RECORDINGS, {"labels": WORDS}, r"labels is of shape \(3,\)"),
        (RECORDINGS, {"y": np.array([0, 2])}, "y is 2 somewhere"),
        (RECORDINGS, {"about": AB}, "about is of 3 rows; allowed is 2 rows"),
    ],
)
def test_what_does_not_agree_is_refused(data, changed, message):
    with pytest.raises(ValueError, match=rf"^trial: {message}.* Mend what made this {type(data).__name__}\."):
        replace(data, **changed)

"""`load`: arguments, sources, fingerprints, and the shape of every set."""

import subprocess
import sys

import numpy as np
import pytest

from qhelpers import datasets

ALL = ["occupancy", "ton_iot_gps", "ton_iot_gps_38960"]


def test_names_are_those_of_the_book():
    assert datasets.names() == ALL


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ValueError, match="unknown data set 'ocupancy'; there are: occupancy, ton_iot_gps, ton_iot_gps_38960"):
        datasets.load("ocupancy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "fake"}, "unknown source 'fake'; allowed are 'real' and 'twin'"),
        ({"source": "real", "n": 100}, "real data are always whole"),
        ({"source": "twin", "n": 10}, "n=10 was given; allowed is a whole number of at least 100"),
        ({"source": "twin", "n": 100.0}, "n=100.0 was given"),
        ({"source": "twin", "n": True}, "n=True was given"),
        ({"source": "twin", "seed": -1}, "seed=-1 was given; allowed is a whole number of at least 0"),
        ({"source": "twin", "seed": None}, "seed=None was given"),
        ({"source": "twin", "accept": "0" * 64}, "a twin has none"),
        ({"source": "real", "accept": "abc"}, "allowed is a whole SHA-256"),
    ],
)
def test_arguments_that_are_not_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load("occupancy", **arguments)


def test_missing_files_say_so(folder):
    for name in ALL:
        with pytest.raises(datasets.DatasetError, match="not found in the official form"):
            datasets.load(name)
        assert datasets.status(name) is None


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [None, 200, 1001, 30_000, 70_000])
def test_every_twin_has_the_shape_of_a_data_set(name, n):
    data = datasets.load(name, source="twin", n=n, seed=3)
    rows = datasets.entry(name).twin_size if n is None else n
    assert len(data) == len(data.X) == len(data.y) == len(data.groups) == len(data.time) == rows
    assert (data.X.dtypes == "float64").all() and np.isfinite(data.X.to_numpy()).all()
    assert data.X.index.tolist() == list(range(rows))
    assert set(data.y) == {0, 1} == set(data.meaning)
    assert data.y.dtype == np.int64 and data.time.dtype == np.dtype("datetime64[s]")
    assert data.source == "twin" and set(data.units) == set(data.X.columns)


@pytest.mark.parametrize("name", ALL)
def test_a_twin_is_its_seed(name):
    one, same, other = (datasets.load(name, source="twin", n=2000, seed=seed) for seed in (5, 5, 6))
    assert one.X.equals(same.X) and (one.y == same.y).all() and one.fingerprint == same.fingerprint
    assert not one.X.equals(other.X)
    prints = {one.fingerprint, other.fingerprint, datasets.load(name, source="twin", n=2001, seed=5).fingerprint}
    assert len(prints) == 3 and all(len(one) == 64 for one in prints)


@pytest.mark.parametrize("name", ALL)
def test_ten_times_the_rows_of_a_twin_are_no_more_calls(name, calls):
    """Columns are drawn as arrays: no row is made by itself."""
    datasets.load(name, source="twin", n=200)  # imports
    work = []
    for n in (5_000, 50_000):
        with calls() as counted:
            datasets.load(name, source="twin", n=n)
        work.append(counted())
    assert work[1] < 1.5 * work[0]


def test_what_is_not_checked_at_the_source_says_so():
    for name in ALL:
        assert "to be checked at the source" in datasets.load(name, source="twin", n=200).licence


@pytest.mark.needs_data(*ALL)
@pytest.mark.parametrize("name", ALL)
def test_twin_and_real_have_one_schema(name, official):
    real, twin = official(name), datasets.load(name, source="twin")
    assert len(real) == len(twin)
    assert real.X.dtypes.equals(twin.X.dtypes)
    for part in ("y", "groups", "time", "official", "family"):
        a, b = getattr(real, part), getattr(twin, part)
        assert (a is None) == (b is None)
        assert a is None or a.dtype == b.dtype, part
    assert real.units == twin.units and real.meaning == twin.meaning and real.citation == twin.citation
    assert set(real.groups) == set(twin.groups)


def test_importing_loads_nothing_heavy():
    heavy = {"torch", "pennylane", "qiskit", "sklearn", "scipy", "requests", "matplotlib"}
    code = f"import sys, qhelpers.datasets; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

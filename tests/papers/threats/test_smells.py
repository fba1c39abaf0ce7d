"""Each smell on a small table that has it, beside one that has none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from qhelpers import datasets
from qhelpers.papers.threats import smells
from qhelpers.papers.threats.experiments import smell_check

N = 300
FLOWS = datasets.load("wustl_iiot_999", source="twin", n=N, seed=0)


def clean():
    """Half attacks, in turn with normal rows; three columns that tell the classes apart together, none alone."""
    rng, y = np.random.default_rng(0), np.arange(N) % 2
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=["SrcPkts", "Dur", "Rate"])
    X["SrcPkts"] += np.sign(X["SrcPkts"])
    X["Dur"] = np.where(y == 1, X["SrcPkts"], -X["SrcPkts"]) + 0.1 * X["Dur"]
    X["SrcAddr"] = rng.integers(3, size=N).astype(float)
    time = np.datetime64("2019-08-19T00:00:00") + np.arange(N).astype("timedelta64[s]")
    family = np.where(y == 1, "DoS", "normal")
    return replace(FLOWS, X=X, y=y, time=time, family=family)


def spoiled(name):
    data = clean()
    X, y, family = data.X.copy(), data.y.copy(), data.family.copy()
    rng, order = np.random.default_rng(1), np.arange(N)
    if name in ("repeated rows", "known test rows"):
        X.iloc[N // 2 :] = X.iloc[: N // 2].to_numpy()
    elif name == "collapsed attacks":
        X.loc[y == 1] = 123.4 + 0.001 * rng.random((N // 2, 4))
    elif name == "one column decides":
        X["Rate"] = -X["Rate"].abs() * (2 * y - 1)
    elif name == "columns twice":
        X["Load"] = 8 * X["Rate"]
    elif name == "constant columns":
        X["Load"] = 3.0
    elif name == "random numbers":
        X[["SrcPkts", "Dur", "Rate"]] = rng.permuted(np.tile(np.linspace(0, 1, N), (3, 1)), axis=1).T
    elif name == "attacks like normal":
        X["Dur"] = rng.normal(size=N)
    elif name == "two labels":
        X.iloc[1] = X.iloc[0].to_numpy()
    elif name == "attackers by address":
        X.loc[y == 1, "SrcAddr"] += 3
    elif name == "one class at a time":
        order = np.argsort(y, kind="stable")
    elif name == "hidden clocks":
        X["IdleTime"] = np.arange(N) ** 2.0
    elif name == "rare classes":
        family[1:11:2] = "Reconn"
    return replace(data, X=X.iloc[order].reset_index(drop=True), y=y[order], family=family[order])


@pytest.mark.parametrize("name", [smell.name for smell in smells.SMELLS])
def test_a_smell_is_found_where_it_is_and_not_elsewhere(name):
    found = smells.smelling(smells.measure(spoiled(name)))
    assert name in found
    alone = {"columns twice", "constant columns", "two labels", "attackers by address", "one class at a time", "rare classes"}
    assert name not in alone or found == [name]


def test_a_table_without_any():
    assert smells.smelling(smells.measure(clean())) == []


def test_the_best_threshold_is_the_best():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=20), rng.integers(2, size=20)
    every = [f1_score(y, side * x >= side * cut) for cut in x for side in (1, -1)]
    assert smells.best_f1(x, y) == pytest.approx(max(every))
    rounded = smells.two_digits(pd.DataFrame({"a": [0.0, 1234.0, -0.0567]}))["a"]
    assert rounded.tolist() == pytest.approx([0, 1200, -0.057])


def test_a_set_without_senders_says_so():
    data = clean()
    bare = smell_check.run({}, 0, replace(data, X=data.X.drop(columns="SrcAddr"))).metrics
    assert "attackers by address" not in bare
    page = smells.table({"clean": bare, "spoiled": smells.measure(spoiled("constant columns"))}).set_index("smell")
    assert page.loc["attackers by address", "clean"] == "no such column"
    assert (page.loc["constant columns", "clean"], page.loc["constant columns", "spoiled"]) == ("0", "1 •")

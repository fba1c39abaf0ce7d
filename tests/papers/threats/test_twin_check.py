"""The test of the twin: what it is fitted to, and that a test row is never among it."""

from dataclasses import replace

import numpy as np
import pytest

from qhelpers import datasets
from qhelpers.datasets import wustl_iiot_twin
from qhelpers.papers.threats.experiments import twin_check


@pytest.fixture(scope="module")
def flows():
    """A twin in the place of the genuine rows, with the same families."""
    made = datasets.load("wustl_iiot_999", source="twin", n=2100, seed=3)
    rows = np.flatnonzero(~np.isin(made.family, wustl_iiot_twin.INVENTED))[:2000]
    own = {name: getattr(made, name)[rows] for name in ("y", "groups", "time", "family")}
    return replace(made, X=made.X.iloc[rows].reset_index(drop=True), **own)


@pytest.mark.parametrize("source", twin_check.SOURCES)
def test_a_run_gives_its_numbers_again(flows, source):
    config = {"trained_on": source, "model": "logistic-regression"}
    one, same = (twin_check.run(config, 4, flows, n_twin=1500).metrics for _ in range(2))
    assert one == same
    if source == "half":
        assert one != twin_check.run(config, 5, flows).metrics
    assert one["accuracy"] < 0.65 if source == "told apart" else one["accuracy"] > 0.97


def test_all_sources_and_models_of_a_seed_are_tested_on_the_same_rows(flows):
    counts = [
        twin_check.run({"trained_on": source, "model": model}, 1, flows, n_twin=1000).confusion
        for source, model in (("half", "majority"), ("half", "one-threshold"), ("twin", "one-threshold"))
    ]
    assert len({count["tp"] + count["fn"] for count in counts}) == 1 and {sum(count.values()) for count in counts} == {1000}


def test_a_twin_of_some_rows_knows_no_others(flows):
    """A mark on every other row shows in a twin fitted to them, and in none fitted to the others."""
    X = flows.X.copy()
    long = np.arange(len(X)) % 2 == 0
    X.loc[long, "sTtl"] = 77.0
    changed = replace(flows, X=X)
    rng = np.random.default_rng(0)
    seen = twin_check.drawn(changed, np.flatnonzero(long), 500, rng).X["sTtl"]
    unseen = twin_check.drawn(changed, np.flatnonzero(~long), 500, rng).X["sTtl"]
    assert (seen == 77).mean() > 0.99 and not (unseen == 77).any()


def test_what_is_published_stays_as_it_is(flows):
    made = twin_check.drawn(flows, np.arange(1000), 50_000, np.random.default_rng(0))
    known = wustl_iiot_twin.fitted()["families"]
    for name, count in known.items():
        assert abs((made.family == name).sum() - count * 50_000 / 1_194_464) < 1

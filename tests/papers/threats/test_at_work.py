"""How far an attack must move: forms that can be, a search that finds what there is; and runs that say the same again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.datasets import wustl_iiot_twin
from qhelpers.datasets.wustl_iiot import FEATURES
from qhelpers.papers.threats import evasion
from qhelpers.papers.threats.experiments import at_work
from qhelpers.papers.threats.model import PureHQMLClassifier


@pytest.fixture(scope="module")
def flows():
    """A twin in the place of the genuine rows, with the same families."""
    made = datasets.load("wustl_iiot_999", source="twin", n=700, seed=3)
    rows = np.flatnonzero(~np.isin(made.family, wustl_iiot_twin.INVENTED))
    own = {name: getattr(made, name)[rows] for name in ("y", "groups", "time", "family")}
    return replace(made, X=made.X.iloc[rows].reset_index(drop=True), **own)


@pytest.fixture(autouse=True)
def short_search(monkeypatch):
    for name, n in (("ROUNDS", 3), ("A_ROUND", 20)):
        monkeypatch.setattr(evasion, name, n)


@pytest.mark.needs_data
def test_what_follows_from_a_senders_numbers_is_what_was_recorded():
    real = datasets.load("wustl_iiot_999", source="real")
    attacks = real.X[real.y == 1][list(FEATURES)]
    made = evasion.resent(attacks, attacks[list(evasion.CHOSEN)])
    np.testing.assert_allclose(made, attacks, rtol=3e-4, atol=1e-5)


def test_other_numbers_give_another_flow_that_can_be(flows):
    attack = flows.X[flows.y == 1][list(FEATURES)].iloc[[0] * 5].reset_index(drop=True)
    chosen = pd.DataFrame({"SrcPkts": [0, 3.4, 1e9, 5, 2], "SrcBytes": [0, 1e9, 0, 400, 200], "Dur": [9, 0, 1, 0.5, 1.0]})
    made = evasion.resent(attack, chosen)
    assert made["SrcPkts"].tolist() == [1, 3, evasion.MOST, 5, 2] and made["Dur"].max() == evasion.LONGEST
    assert (made["SrcBytes"] / made["SrcPkts"]).between(*evasion.PACKET).all()
    assert made["SrcLoad"].max() < 1.05 * evasion.LINE
    assert made["SrcRate"][3] == 8 and made["SrcLoad"][3] == 8 * 400 * 4 / 5 / 0.5
    for name in ("DstPkts", "dTtl", "DstLoss", "Sport"):
        assert (made[name] == attack[name]).all(), "what the sender does not choose stays"
    assert (made["TotPkts"] == made["SrcPkts"] + made["DstPkts"]).all()


@pytest.mark.parametrize(("limit", "passes"), [(0.3, True), (-1.0, False)])
def test_the_search_finds_a_way_where_there_is_one(flows, limit, passes):
    """Who asks for the duration alone is passed by a longer one, no further than that; who always raises an alarm by none."""
    X = flows.X[list(FEATURES)]
    brief = X[(flows.y == 1) & (X["Dur"] < 0.1)].iloc[:3]
    deviation = X[["Dur", "SrcRate"]].std()
    far = evasion.nearest_passes(
        brief, X[flows.y == 0], lambda made: (made["Dur"] < limit).to_numpy() | (limit < 0), deviation, np.random.default_rng(0)
    )
    assert np.isfinite(far).all() == passes
    if passes:
        least = (limit - brief["Dur"]) / deviation["Dur"]
        assert (far > least - 1e-6).all()


def test_headers_are_changed_only_where_they_may_be(flows):
    X = flows.X[list(FEATURES)].assign(sTtl=flows.X["sTtl"].where(flows.y == 0, 250.0))
    attack, deviation = X[flows.y == 1].iloc[:2], X[["sTtl"]].std()
    found = {
        reach: evasion.nearest_passes(
            attack, X[flows.y == 0], lambda made: (made["sTtl"] > 200).to_numpy(), deviation, np.random.default_rng(0), reach
        )
        for reach in evasion.REACHES
    }
    own, headers = found.values()
    assert np.isinf(own).all() and np.isfinite(headers).all()


def test_evasion_says_the_same_again(flows, monkeypatch):
    monkeypatch.setattr(at_work, "MODELS", ("logistic-regression", "one-threshold"))
    config = {"data": "wustl_iiot_999", "question": "evasion"}
    one, same = (at_work.run(config, 1, flows) for _ in range(2))
    assert one.metrics == same.metrics and one.metrics["n_attacks"] > 5
    assert one.arrays["one-threshold.sizes and timing"].shape == one.arrays["attacks"].shape
    assert one.chosen["one-threshold"] in one.chosen["features"]


def test_software_computes_the_same_network(flows):
    X, y = flows.X[list(FEATURES)[:3]].to_numpy(), flows.y
    model = PureHQMLClassifier(n_features=2, epochs=1, batch_size=256, random_state=0).fit(X, y)
    for other, close in ((at_work.in_onnx(model), 1e-12), (at_work.literally(model), 1e-5)):
        np.testing.assert_allclose(other.decision_function(X[:8]), model.decision_function(X[:8]), rtol=0, atol=close)


def test_a_stream_is_counted_as_it_was_judged(flows):
    pytest.importorskip("river", reason="the extra 'drift' is not installed")
    config = {"data": "wustl_iiot_999", "question": "stream", "model": "one-threshold"}
    found = at_work.run(config, 0, flows)
    counts = found.confusion
    assert counts["fp"] == found.metrics["false_alarms"] and counts["fn"] == found.metrics["missed"]
    assert counts["tp"] + counts["fn"] == found.metrics["attacks"] and counts["fp"] + counts["tn"] == found.metrics["normal"]

"""What the claims rest on is run, and what the arithmetic says of them."""

import dataclasses

from qhelpers import ledger
from qhelpers.ledger.checks import check_claims, failed_groups
from qhelpers.papers.useful_life.paper import PAPER

BOOK = ledger.paper(PAPER.number)
#: Sweeps that are recorded layer by layer: a claim on them may wait for its runs.
SWEEPS = {"useful-life-qaql", "useful-life-baselines", "useful-life-bins", "useful-life-cost", "useful-life-network"}


def test_what_the_arithmetic_finds_and_what_it_would_not_find():
    failed = failed_groups(check_claims(BOOK, sized=False))
    names = {group[0].check for group in failed}
    assert names == {
        "mae-at-most-rmse",
        "mape-against-data",
        "mse-from-rmse",
        "one-variance",
        "multiples",
        "sentence-follows-from-tables",
    }
    tied = {claim for group in failed for claim in group[0].claims}
    assert "3.T6.device_failure.qaql.mae" in tied and "3.T6.cmapss_fd001.qaql.mae" not in tied
    assert {"3.T8.cmapss_fd001.without-annealing.mape", "3.T7.cmapss_fd001.quantum-aoa.mape"} <= tied
    assert not {"3.T8.cmapss_fd001.qaql.mape", "3.T7.cmapss_fd001.quantum-vql.mape"} & tied  # nearly, and not
    assert {"3.T11.cmapss_fd004.quantum-vql.rmse", "3.T8.device_failure.episodes-2.mse"} <= tied
    assert {group[0].claims for group in failed if group[0].check == "sentence-follows-from-tables"} == {
        ("3.ablation.order.dominates",)
    }
    # With one number changed, the sentence of the ablation agrees with its table.
    honest = {"3.T8.cmapss_fd001.episodes-2.mape": "12.92"}
    claims = tuple(dataclasses.replace(one, printed=honest.get(one.id, one.printed)) for one in BOOK.claims)
    again = failed_groups(check_claims(dataclasses.replace(BOOK, claims=claims), sized=False))
    assert "sentence-follows-from-tables" not in {group[0].check for group in again}


def test_nothing_waits_but_for_records():
    found = {one.id: one for one in ledger.verdicts(PAPER.number)}
    assert not [claim.id for claim in BOOK.claims if claim.awaits]
    assert {one.verdict for one in found.values() if one.printed is None} == {"lost"}
    pending = [claim for claim in BOOK.claims if found[claim.id].verdict == "pending"]
    lacking = {BOOK.experiment({"model": one.of.get("model")}, "") for one in pending if one.quantity in ("mse", "mape", "bias")}
    assert lacking <= SWEEPS

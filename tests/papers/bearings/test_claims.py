"""What the claims rest on is run or waits, and what the arithmetic says of them and would not say of honest ones."""

import dataclasses
import re

import pytest

from qhelpers import ledger
from qhelpers.ledger import proof
from qhelpers.ledger.checks import check_claims, failed_groups
from qhelpers.papers.bearings.paper import PAPER

BOOK = ledger.paper(PAPER.number)
CLAIMS = {claim.id: claim for claim in BOOK.claims}


def groups(**honest):
    """Checks that fail under every reading, with some prints changed: (name, ids that are tied)."""
    changed = {name: dataclasses.replace(CLAIMS[name], printed=printed) for name, printed in honest.items()}
    claims = tuple(changed.get(one.id, one) for one in BOOK.claims)
    found = failed_groups(check_claims(dataclasses.replace(BOOK, claims=claims), sized=False))
    return [(group[0].check, set(group[0].claims)) for group in found]


FAILED = groups()


def tied(check, found=FAILED):
    return [ids for name, ids in found if name == check]


def test_what_waits_says_for_what_and_the_rest_does_not_wait():
    found = {one.id: one.verdict for one in ledger.verdicts(PAPER.number)}
    for claim in BOOK.claims:
        assert not (claim.awaits and claim.needs), claim.id
        if found[claim.id] == "pending" and not claim.measured_by:
            assert claim.awaits, claim.id
    assert len({claim.awaits for claim in BOOK.claims if claim.awaits}) <= 12


def test_what_is_on_paderborn_is_not_measurable():
    on = [claim for claim in BOOK.claims if claim.of.get("data") == "paderborn" and "works_out" not in claim.of]
    assert len(on) == 13 and {bool(claim.needs) for claim in on} == {True}
    found = {one.id: one for one in ledger.verdicts(PAPER.number)}
    for claim in on:
        # What Table 3 prints again is judged by that first.
        assert found[claim.id].verdict in ("not measurable", "implausible"), claim.id


def test_years_of_the_list_of_references_are_those_of_the_text():
    text = proof.find_text(BOOK)
    if text is None:
        pytest.skip("the text of the paper is not at hand; name its folder in QHELPERS_PAPERS")
    listed = dict(re.findall(r"^- \[(\d+)\] (.*)$", proof.sections(text)["References"], re.MULTILINE))
    assert len(listed) == 25
    known = [claim for claim in BOOK.claims if claim.quantity == "year" and claim.place == "Table 1"]
    asked = 0
    for claim in known:
        ((reading, year),) = claim.of["works_out"].items()
        number = re.fullmatch(r"reference (\d+) of the list", reading)
        if number:
            cited = CLAIMS[claim.id.replace(".year", ".citation")].printed
            # A year behind a comma or a dot; arXiv numbers, pages and volumes are none.
            years = re.findall(r"(?:19|20)\d\d(?=[.,]? ?(?:,|\.|doi|pp))", listed[number[1]])
            assert cited == number[1] and str(year) in years, claim.id
            asked += 1
        else:
            assert f"Received: 26 December {year}" in text
    assert asked == 9


def test_what_the_arithmetic_finds():
    assert {name for name, _ in FAILED} == {
        "bonferroni-from-t",
        "confusion-matrix",
        "copied-cells",
        "count",
        "difference",
        "f1-from-precision-recall",
        "p-from-t",
        "parameters-added",
        "same-number",
        "sentence-follows-from-tables",
        "t-from-effect",
        "t-from-interval",
        "worked-out",
    }
    rows = {claim.of["model"] for claim in BOOK.claims if claim.place == "Table 5"}
    assert len(rows) == 8 and "automl" not in rows
    for check in ("t-from-effect", "t-from-interval"):
        assert {f"4.T5.cwru.{model}.t" for model in rows} <= set().union(*tied(check))
    assert tied("p-from-t") == [{"4.T5.cwru.hybrid-qnn.p", "4.T5.cwru.hybrid-qnn.t", "4.stats.caption.n"}]
    assert tied("f1-from-precision-recall") == [{f"4.T3.cwru.1d-cnn.{name}" for name in ("precision", "recall", "f1")}]
    assert len(tied("count")) == 6  # six data sets, of which Table 2 has five
    assert {"4.pqc.parameters", "4.pqc.layers", "4.pqc.wires"} <= set().union(*tied("worked-out"))
    assert len([ids for ids in tied("worked-out") if any(one.endswith(".year") for one in ids)]) == 7
    assert {frozenset(one.split(".")[-2] for one in ids) for ids in tied("parameters-added")} == {
        frozenset({"with-cbam", "with-encoding"}),
        frozenset({"with-encoding", "with-circuit"}),
    }
    (copied,) = tied("copied-cells")
    assert {one.split(".")[3] for one in copied} == {"random-forest", "lstm", "automl", "transformer"}
    assert tied("sentence-follows-from-tables") == [{"4.compared.order.fastest"}]
    assert {"4.T3.cwru.resnet-50.accuracy", "4.T4.cwru.resnet-50.accuracy"} <= set().union(*tied("same-number"))


@pytest.mark.parametrize(
    ("check", "honest"),
    [
        ("f1-from-precision-recall", {"4.T3.cwru.1d-cnn.f1": "86.2"}),
        ("difference", {"4.transfer.ims.ahead": "4.2"}),
        ("sentence-follows-from-tables", {f"4.T3.cwru.{model}.fps": "40" for model in ("svm-rbf", "random-forest", "1d-cnn")}),
        ("p-from-t", {"4.T5.cwru.hybrid-qnn.t": "9.87"}),
    ],
)
def test_one_honest_print_mends_what_it_breaks(check, honest):
    tables = {f"4.T1.cwru.{name.split('.')[3]}.fps": text for name, text in honest.items() if name.endswith(".fps")}
    latency = {name.replace(".fps", ".latency"): "25" for name in honest if name.endswith(".fps")}
    both = honest | {name: text for name, text in tables.items() if name in CLAIMS} | latency
    assert tied(check) and not tied(check, groups(**both))


def test_a_row_of_table_5_that_fits_together_is_passed():
    """A mean difference of 3.2 points over five pairs with t 29.6: what the interval says, and the effect that goes with it."""
    honest = {"t": "29.60", "d": "13.24", "p": "<0.001", "p_adjusted": "<0.0083"}
    found = groups(**{f"4.T5.cwru.hybrid-qnn.{name}": text for name, text in honest.items()})
    assert not [ids for name, ids in found if "4.T5.cwru.hybrid-qnn.t" in ids]


def test_parameters_that_the_text_describes_are_passed():
    honest = {"with-encoding": "26.0", "with-circuit": "26.0", "with-loss": "26.3", "qeml-net": "26.3"}
    found = groups(**{f"4.T4.cwru.{model}.parameters": text for model, text in honest.items()})
    assert tied("parameters-added", found) == []
    assert not tied("worked-out", groups(**{"4.pqc.parameters": "72"}))[7:]


def test_contradicting_prints_are_measured_and_none_is_called_wrong():
    found = {one.id: one for one in ledger.verdicts(PAPER.number)}
    for name in ("4.ablation.resnet.accuracy", "4.conclusion.zero-shot.lowest", "4.pqc.depth"):
        assert found[name].verdict != "cannot hold" and "contradicts itself" in found[name].sentence, name
    assert (found["4.abstract.depth"].verdict, found["4.pqc.depth"].verdict) == ("holds", "falls short")
    assert found["4.signal.milliseconds"].verdict == "holds"
    assert found["4.stats.alpha"].verdict == "holds"


def test_a_table_says_what_measures_it_and_which_numbers_nothing_can():
    svm, size, forest = (
        CLAIMS[f"4.{name}"] for name in ("T5.cwru.svm-rbf.t", "T3.cwru.resnet-50.parameters", "T1.mfpt.random-forest.f1")
    )
    assert svm.measured_by == {"experiment": "bearings-statistics", "config": {"model": "svm-rbf", "data": "cwru"}, "metric": "t"}
    assert size.measured_by["experiment"] == "bearings-settings" and not size.needs
    assert forest.needs and not forest.measured_by
    for name in ("lstm.parameters", "svm-rbf.latency", "qeml-net.fps"):
        claim = CLAIMS[f"4.T3.cwru.{name}"]
        assert claim.needs and claim.measured_by["experiment"] == "bearings-comparison", name
    assert CLAIMS["4.T4.cwru.with-cbam.accuracy"].measured_by["experiment"] == "bearings-network"
    assert not [claim.id for claim in BOOK.claims if claim.place in ("Table 1", "Table 3", "Table 4", "Table 5") and claim.awaits]

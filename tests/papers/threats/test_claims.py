"""What the claims rest on is run, and what the arithmetic says of them."""

import dataclasses

from qhelpers import ledger
from qhelpers.ledger.predicates import terms
from qhelpers.papers.threats import findings, loss
from qhelpers.papers.threats.paper import PAPER
from tests.papers.test_claims import wanted

#: Models and controls of `threats-scores`.
MODELS = {
    "pure-hqml",
    "pure-hqml-behind-layer",
    "pure-hqml-without-circuit",
    "pure-hqml-without-network",
    "pure-hqml-separable",
    "factorization-machine",
    "logistic-regression",
    "random-forest",
    "gradient-boosting",
    "majority",
    "one-threshold",
}


def test_scores_are_of_known_models_and_data():
    for name, config, _, claim, _ in wanted(PAPER.number):
        if name == "threats-scores":
            assert config["model"] in MODELS, claim
            assert config["data"] in ("wustl_iiot_999", "ton_iot_modbus") and config["split"] in ("random", "blocks"), claim
            assert config["features"] in ((5, 10, "all") if config["data"] == "wustl_iiot_999" else ("all",)), claim
    assert {one.control for one in ledger.paper(PAPER.number).controls} <= MODELS


def test_scores_of_this_paper_are_never_judged_by_a_part_of_its_file():
    """999 rows stand beside them, and decide only what does not depend on the rows: how much is trained, and in what time."""
    for claim in ledger.claims(PAPER.number):
        if claim.sort == "results":
            assert claim.needs, claim.id
        if claim.sort == "sentences" and not claim.needs:
            on = {(term.metric, dict(term.config)["data"]) for one in claim.predicates for term in terms(one)}
            assert {metric for metric, data in on if data == "wustl_iiot_999"} <= {"parameters", "train_cpu_seconds"}, claim.id


def test_the_class_counts_are_those_of_the_file_that_the_paper_names():
    rows = sum(loss.COUNTS.values())
    assert ledger.claim("2.data.rows").interval().mid == rows
    whole, even = ledger.paper(PAPER.number).protocol["base_rates"]
    assert (whole["negatives"], whole["positives"]) == (loss.COUNTS["normal"], rows - loss.COUNTS["normal"])
    assert even["positives"] == even["negatives"]


def test_verdicts_without_a_run():
    """Arithmetic alone: what is counted in the text holds, scores await the file, and one area contradicts both others."""
    found = {one.id: one for one in ledger.verdicts(PAPER.number)}
    areas = ("2.conclusion.auc", "2.text.validation.auc", "2.text.test.auc")
    assert {name for name, one in found.items() if one.failed_checks} == set(areas)
    assert {name for name, one in found.items() if one.doubts} - set(areas) == {
        *(f"2.text.{split}.loss" for split in loss.SPLITS),
        "2.conclusion.loss",
    }
    assert found["2.conclusion.count.parts"].verdict == "holds"
    assert {one.verdict for one in found.values() if one.sort == "results"} == {"not measurable"}


def test_findings_follow_from_the_prints_and_not_from_what_is_typed(monkeypatch):
    found = {one.name: one for one in findings.findings()}
    assert len(found) == 10
    known = {claim.id for claim in ledger.claims(PAPER.number)}
    for one in found.values():
        assert set(one.claims) <= known and one.sentence.endswith("."), one.name
    assert found["one area, three numbers"].numbers["agrees"] == 0
    assert found["splits that differ too much"].numbers["p"] < 1e-5
    assert found["nothing to compare with"].numbers["others"] == 0
    assert min(found["no calibrated model"].numbers.values()) > 3

    book = ledger.paper(PAPER.number)
    forged = {"2.conclusion.auc": "99.77%", "2.text.validation.accuracy": "98.45%", "2.text.train.loss": "0.0520"}
    changed = {claim.id: dataclasses.replace(claim, printed=forged.get(claim.id, claim.printed)) for claim in book.claims}
    monkeypatch.setattr(ledger, "claim", changed.__getitem__)
    honest = {one.name: one for one in findings.findings()}
    assert honest["one area, three numbers"].numbers["agrees"] == 1
    assert honest["splits that differ too much"].numbers["p"] > 0.5
    assert "2 of 3 are above" in honest["a loss above that of a constant"].sentence
    assert "2 of 3 printed losses are outside" in honest["no calibrated model"].sentence
    assert "Validation and test agree" in honest["splits that differ too much"].sentence

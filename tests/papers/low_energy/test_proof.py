"""The paper's text against its claims: equations, numbers and words of number are complete, and each names what it is about."""

import dataclasses
import re
from collections import Counter

import pytest

from qhelpers.ledger import paper, proof


@pytest.fixture(scope="module")
def book_and_text():
    book = paper("1")
    text = proof.find_text(book)
    if text is None:
        pytest.skip("the text of paper 1 is not at hand; name its folder in QHELPERS_PAPERS")
    return book, text


def test_changing_what_a_number_is_about_is_noticed(book_and_text):
    book, text = book_and_text
    unnoticed = []
    for claim in book.claims:
        if claim.kind != "number" or "model" not in claim.of:
            continue
        changes = [
            {"of": {**claim.of, "model": "qda" if claim.of["model"] != "qda" else "lda"}},
            {"of": {**claim.of, "data": "occupancy" if claim.of["data"] != "occupancy" else "ton_iot_gps"}},
            {"measured_by": {"experiment": "low-energy", "config": {"model": "majority", "data": claim.of["data"]}}},
            {"quantity": "recall" if claim.quantity != "recall" else "mcc"},
            {"where": claim.where.replace(claim.place, "Section II-A", 1)},
        ]
        if claim.place in book.tables:
            other = next(label for label in book.names.values() if label not in claim.where)
            changes.append({"where": f"{claim.place}, row {other}"})
            changes.append({"of": {**claim.of, "split": "train"}})
        for change in changes:
            if not proof.errors(dataclasses.replace(claim, **change), book, text):
                unnoticed.append((claim.id, change))
    assert unnoticed == []


def test_every_numbered_equation_is_claimed_once(book_and_text):
    book, text = book_and_text
    counted = proof.equations(book, text)
    assert {number: times for number, times in counted.items() if times != 1} == {}
    assert len(counted) == 33
    one = next(claim for claim in book.claims if ", Eq. " in claim.where)
    moved = dataclasses.replace(one, where=one.where.rpartition(" ")[0] + " 99")
    assert proof.errors(moved, book, text) != []


def test_numbers_of_the_text_are_complete(book_and_text):
    """Decimal numbers, percentages and words of number are claimed as often as they are printed, not only once."""
    book, text = book_and_text
    parts = proof.sections(text)
    for place in ("Abstract", "Section I", "Section III-C", "Section III-D", "Section III-E", "Section IV"):
        running = "\n".join(line for line in parts[place].splitlines() if len(line) > 200)
        # Formulas repeat their numbers in the markup behind them; only what stands before it counts.
        running = re.sub(r"(\d\.\d+)subscript[^)]*?end_POSTSUBSCRIPT = [\d.]+", r"\1", running)
        found = Counter(re.findall(r"(?<![\d.\[])\d+\.\d+(?![\d.])|\d+(?=% accuracy| and \d+% accuracy)", running))
        # "β1=0.9" and the like are matched once a symbol; "(both 0.94)" is printed once and stands for two results.
        claimed = Counter(c.printed.rstrip("%") for c in book.claims if c.place == place and c.kind == "number" and c.printed)
        assert not found - claimed, (place, found - claimed)


def test_a_number_that_is_printed_twice_needs_two_claims(book_and_text):
    """The completeness above would pass with sets; here one of two claims on the same print is taken away."""
    book, text = book_and_text
    part = "\n".join(line for line in proof.sections(text)["Section III-D"].splitlines() if len(line) > 200)
    found = Counter(re.findall(r"(?<![\d.\[])\d+\.\d+(?![\d.])", part))
    here = [c.printed for c in book.claims if c.place == "Section III-D" and c.kind == "number"]
    twice = next(number for number, times in found.items() if times > 1 and here.count(number) == times)
    here.remove(twice)
    assert found - Counter(here) == Counter({twice: 1})


def test_words_of_number_are_claimed(book_and_text):
    """Two data sets, six noise models, four qubits: wherever such words stand, a claim of that section says so."""
    book, text = book_and_text
    things = "datasets|noise models|algorithms|qubit|sequential|Pauli"
    words = rf"\b([Tt]wo|[Tt]hree|[Ff]our|[Ss]ix)\b(?!-qubit \(|-qubit gates)(?=[^.]{{0,40}}?(?:{things}))"
    for place, part in proof.sections(text).items():
        if place in ("References", "Index Terms:"):
            continue
        found = [word.lower() for word in re.findall(words, part)]
        claimed = [str(claim.printed).lower() for claim in book.claims if claim.place == place and claim.kind == "number"]
        assert [word for word in set(found) if found.count(word) > claimed.count(word)] == [], place

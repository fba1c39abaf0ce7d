"""Every claim is compared with the text of its paper, and every change of one must be noticed."""

import dataclasses
import re

import pytest

from qhelpers.ledger import Interval, claims, paper, papers, proof, statements


@pytest.fixture(scope="module", params=papers())
def book_and_text(request):
    book = paper(request.param)
    text = proof.find_text(book)
    if text is None:
        pytest.skip(f"the text of paper {request.param} is not at hand; name its folder in QHELPERS_PAPERS")
    return book, text


def test_every_claim_is_typed_as_printed(book_and_text):
    book, text = book_and_text
    wrong = {claim.id: found for claim in book.claims if (found := proof.errors(claim, book, text))}
    assert wrong == {}


def test_every_cell_of_the_tables_is_claimed_once(book_and_text):
    book, text = book_and_text
    assert proof.missing(book, text) == []


def test_a_missing_and_a_repeated_cell_are_noticed(book_and_text):
    book, text = book_and_text
    if not book.tables:
        pytest.skip(f"paper {book.number} has no table of scores")
    cell = next(claim for claim in book.claims if claim.place in book.tables)
    without = dataclasses.replace(book, claims=tuple(claim for claim in book.claims if claim is not cell))
    assert proof.missing(without, text) != []
    twice = dataclasses.replace(book, claims=(*book.claims, dataclasses.replace(cell, id=cell.id + "x")))
    assert proof.missing(twice, text) != []


def _misprinted(claim):
    """A neighbouring number, or the words with one letter changed."""
    for i, char in enumerate(claim.printed):
        if char.isdigit():
            yield claim.printed[:i] + str((int(char) + 1) % 10) + claim.printed[i + 1 :]
    yield "x" + claim.printed[1:]
    yield claim.printed + ("0" if claim.kind == "number" else " never")


def test_changing_any_one_printed_number_or_sentence_is_noticed(book_and_text):
    book, text = book_and_text
    unnoticed = [
        (claim.id, printed)
        for claim in book.claims
        if claim.printed is not None
        for printed in _misprinted(claim)
        if not proof.errors(dataclasses.replace(claim, printed=printed), book, text)
    ]
    assert unnoticed == []


def test_changing_what_a_number_is_about_is_noticed(book_and_text):
    """Another model, data set, quantity or place, as far as the paper has several."""
    book, text = book_and_text
    about = {key: sorted({str(claim.of[key]) for claim in book.claims if key in claim.of}) for key in ("model", "data")}
    places = sorted({claim.place for claim in book.claims if claim.place not in book.tables})
    unnoticed, tried = [], 0
    for claim in book.claims:
        if claim.kind != "number" or "model" not in claim.of or claim.printed is None:
            continue
        changes = [
            {"of": {**claim.of, key: other}}
            for key, known in about.items()
            for other in [one for one in known if key in claim.of and one != claim.of[key]][:1]
        ]
        changes.append({"quantity": "recall" if claim.quantity != "recall" else "mcc"})
        changes += [{"where": claim.where.replace(claim.place, place, 1)} for place in places if place != claim.place][:1]
        if claim.place in book.tables:
            others = [label for label in book.names.values() if label not in claim.where]
            changes += [{"where": f"{claim.place}, row {other}"} for other in others[:1]]
        for change in changes:
            tried += 1
            if not proof.errors(dataclasses.replace(claim, **change), book, text):
                unnoticed.append((claim.id, change))
    assert unnoticed == []
    assert tried


def _torn(quote):
    """Whether a quote ends inside of what it says: on a sign or a word that leads on, with a bracket or a formula open."""
    leads_on = re.search(r"[,(\[–—→:;]$|\b(?:and|or|of|at|the|an|with|which|while|vs|as|by|to|over|under)$", quote.strip())
    open_ = any(quote.count(one) != quote.count(other) for one, other in ("()", "[]", "{}"))
    runs_on = re.search(r"[\d)%}]\. [A-Z]\w*$", quote)
    return bool(leads_on or open_ or runs_on or quote.count("$") % 2 or quote.count(r"\left") != quote.count(r"\right"))


def test_no_quote_is_torn():
    words = {claim.id: re.search(r'"(.+)"', claim.where)[1] if '"' in claim.where else claim.printed or "" for claim in claims()}
    assert [name for name, quote in words.items() if _torn(quote)] == []
    torn = ("a loss of {}, and", "recall ({} vs", "at {}. Similarly", "the spatial map $M_s", "QNN-H—", r"\left(x", "rate (")
    assert all(_torn(one) for one in torn)


def test_words_may_leave_out_a_part_of_their_line():
    book = statements.parse(BARRED_CLAIMS)
    quote = dataclasses.replace(book.claims[-1], kind="setting", where="Section 2.1", printed="The number … has layers")
    assert proof.errors(quote, book, BARRED) == []
    for printed in ("The number … has no layers", "has layers … The number", "Part of a part … has layers"):
        assert proof.errors(dataclasses.replace(quote, printed=printed), book, BARRED) != []


def test_without_a_folder_there_is_no_text(monkeypatch, tmp_path):
    monkeypatch.delenv("QHELPERS_PAPERS", raising=False)
    assert proof.find_text(paper("1")) is None
    assert proof.find_text(paper("1"), tmp_path) is None


def test_ids_name_their_paper_and_are_unique():
    ids = [claim.id for claim in claims()]
    assert len(ids) == len(set(ids))
    assert all(claim.id.startswith(f"{claim.paper}.") for claim in claims())


def test_a_text_that_is_marked_up_is_read_by_its_headings():
    text = (
        "# A title\n**Abstract**—We do.\n**Index Terms**—Words.\n## I. FIRST PART\nOne\ttwo.\n### II-A. MORE\n## THANKS\nYou.\n"
    )
    assert proof.sections(text) == {
        "Abstract": "We do.",
        "Index Terms:": "Words.",
        "Section I": "One two.",
        "Section II-A": "",
        "Thanks": "You.",
    }


def test_a_number_of_the_validation_part_must_say_so():
    book = statements.parse(
        """
paper: "9"
title: A title
names: {net: net}
claims:
  - {id: 9.a, where: 'Abstract, "the net has a validation loss of {},"', printed: "0.3", quantity: cross_entropy,
     of: {model: net, split: validation}}
  - {id: 9.b, where: 'Abstract, "the net has … a loss of {}."', printed: "0.4", quantity: cross_entropy,
     of: {model: net, split: validation}}
"""
    )
    text = "A title\nAbstract\nHere the net has a validation loss of 0.3, and in the end a loss of 0.4.\n"
    first, second = (proof.errors(claim, book, text) for claim in book.claims)
    assert first == []
    assert second == ["where does not say that it is about the validation part"]


def test_a_paper_of_made_up_text_is_read_and_its_faults_named():
    book = statements.parse(
        """
paper: "9"
title: A title
names: {net: Net, rooms: Rooms}
tables: {Table I: {row: model, columns: {accuracy: Acc., runtime: Time}, data: rooms}}
claims:
  - {id: 9.T1.net.accuracy, where: "Table I, row Net", printed: "0.91", quantity: accuracy,
     of: {model: net, data: rooms, split: test}}
  - {id: 9.T1.net.runtime, where: "Table I, row Net", printed: "1 min 2s", quantity: runtime,
     of: {model: net, data: rooms, split: test}}
"""
    )
    text = "A title\nAbstract\nThe Rooms.\nTABLE I: Rooms.\nModel Acc. Time\nNet 0.91 1 min 2s\nThe end.\n"
    assert proof.table(book, text, "Table I") == {("Net", "accuracy"): "0.91", ("Net", "runtime"): "1 min 2s"}
    assert proof.missing(book, text) == []
    assert [proof.errors(claim, book, text) for claim in book.claims] == [[], []]
    assert proof.errors(book.claims[0], book, text.replace("0.91", "0.92")) != []
    assert proof.missing(book, text.replace("TABLE I: Rooms", "TABLE I: Trackers")) != []
    elsewhere = dataclasses.replace(book.claims[0], where="Section XII")
    assert proof.errors(elsewhere, book, text) == ["there is no Section XII"]


BARRED = """A title
1 Introduction
The Net takes 11 to 13 minutes for a run, at 26 ms a call.
| Model | MSE | RMSE |
|---|---|---|
| Rooms (old) | ||
| Net (Someone et al., 2023) | 4.410.20 | 2.100.05 |
| Other net | 5.00 | |
| Halls | ||
| Net (Proposed) | 9.00 | 3.00 |
| Model | Rooms | Halls |
|---|---|---|
| Net | 2.10 |
2.1 Part of a part
The number is lost: it has layers.
"""
BARRED_CLAIMS = """
paper: "9"
title: A title
names: {net: Net, other: Other-net, rooms: Rooms, halls: Halls}
models: {net: {layers: 2}}
tables:
  Table 1:
    columns: {mse: MSE, rmse: RMSE}
    groups: {Rooms (old): rooms, Halls: halls}
    metrics: {mse: squared}
    experiment: made-up
    awaits: a chapter
    rows: {Rooms (old): {net: 4.410.20 | 2.100.05, other: 5.00 |}, Halls: {net: 9.00 | 3.00}}
  Table 2: {quantity: rmse, columns: {rooms: Rooms, halls: Halls}, rows: {net: 2.10 |}}
claims:
  - rows_of: Table 1
  - rows_of: Table 2
  - {id: 9.time, where: 'Section 1, "The Net takes {} for a run"', printed: "11 to 13 minutes", quantity: setting}
  - {id: 9.call, where: 'Section 1, "at {} a call"', printed: "26 ms", quantity: time_per_call}
  - {id: 9.lost, where: 'Section 2.1, "it has {}layers"', printed: ~, quantity: setting}
"""


def test_a_text_with_barred_tables_and_arabic_sections_is_read():
    book = statements.parse(BARRED_CLAIMS)
    assert list(proof.sections(BARRED)) == ["Section 1", "Section 2.1"]
    assert {claim.id: proof.errors(claim, book, BARRED) for claim in book.claims if proof.errors(claim, book, BARRED)} == {}
    assert proof.missing(book, BARRED) == []
    found = {claim.id: claim for claim in book.claims}
    assert found["9.T1.rooms.net.mse_sd"].printed == "0.20" and found["9.T1.rooms.net.rmse"].printed == "2.10"
    assert found["9.T1.rooms.net.mse"].measured_by["metric"] == "squared"
    assert found["9.T1.rooms.other.rmse"].printed is None and found["9.T1.rooms.other.mse"].awaits == "a chapter"
    assert found["9.T2.halls.net.rmse"].printed is None
    assert found["9.time"].interval() == Interval(630.0, 810.0)


@pytest.mark.parametrize(
    ("before", "after", "claim"),
    [
        ("4.410.20", "4.410.30", "9.T1.rooms.net.mse_sd"),
        ("| Other net | 5.00 | |", "| Other net | 5.00 | 2.24 |", "9.T1.rooms.other.rmse"),
        ("Halls | ||", "Yards | ||", "9.T1.halls.net.mse"),
        ("| Net | 2.10 |", "| Net | 2.20 |", "9.T2.rooms.net.rmse"),
        ("11 to 13", "11 to 14", "9.time"),
        ("26 ms", "26 s", "9.call"),
        ("it has layers", "it has two layers", "9.lost"),
    ],
)
def test_a_change_of_a_barred_text_is_noticed(before, after, claim):
    book = statements.parse(BARRED_CLAIMS)
    assert BARRED.count(before) == 1
    one = next(one for one in book.claims if one.id == claim)
    assert proof.errors(one, book, BARRED.replace(before, after)) != []


def test_a_line_of_a_table_is_kept_to_the_letter():
    with pytest.raises(ValueError, match=r"row 'net': its line is 2\.1; quote it"):
        statements.parse(BARRED_CLAIMS.replace("rows: {net: 2.10 |}", "rows: {net: 2.10}"))


def test_lists_are_no_sections_where_no_introduction_has_a_number():
    assert proof.sections("Abstract\n2 Take the second.\n") == {"Abstract": "2 Take the second."}


TABBED = """Research Paper

A title
ABSTRACT

The Net is right in 97.3% of cases, others in 78–85%, with accuracy 91.4-94.6%.

Corresponding Author:
Somebody, 4.0.

1. INTRODUCTION

1. A list that is no section, since its words are not in capitals.
Sampling ends; (3)

2.1 A Part
Table 1. What Others Did
Ref.\tYear\tMethod\tWhere\tAcc (%)\tCI (%)\tSize (M)
[5]\t2021\tNet-1\tRooms\t78.4\t[77.9, 78.9]\t—

Proposed\t2025\tNet (Ours)\tHalls\t97.3\t[97.0, 97.6]\t31.4
The end.
REFERENCES
[5] Someone, 2017.
"""
TABBED_CLAIMS = """
paper: "9"
title: A title
names: {net: Net, first: Net-1, rooms: Rooms, halls: Halls}
tables:
  Table 1:
    label: Method
    columns: {citation: Ref., year: Year, data: Where, accuracy: Acc (%), ci: CI (%), parameters: Size (M)}
    units: {accuracy: "%", ci: "%", parameters: M}
    none: "—"
    awaits: a chapter
    lacking: {rooms: the rooms, year: a list}
    works_out: {year: {first: {the list: 2017}}}
    rows: {first: "[5] | 2021 | Rooms | 78.4 | [77.9, 78.9] | —", net: "Proposed | 2025 | Halls | 97.3 | [97.0, 97.6] | 31.4"}
claims:
  - rows_of: Table 1
  - {id: 9.net, where: 'Abstract, "The Net is right in {} of"', printed: "97.3%", quantity: setting}
  - {id: 9.others, where: 'Abstract, "others in {}, with"', printed: "78–85%", quantity: setting}
  - {id: 9.low, where: 'Abstract, "with accuracy {}-94.6%"', printed: "91.4", unit: "%", quantity: accuracy}
"""


def tabbed():
    return statements.parse(TABBED_CLAIMS)


def test_a_text_with_tables_set_with_tabs_is_read():
    book = tabbed()
    assert list(proof.sections(TABBED)) == ["Abstract", "Corresponding Author:", "Section 1", "Section 2.1", "References"]
    assert {claim.id: found for claim in book.claims if (found := proof.errors(claim, book, TABBED))} == {}
    assert proof.missing(book, TABBED) == []
    found = {claim.id: claim for claim in book.claims}
    assert found["9.T1.rooms.first.ci_low"].told == "77.9%" and found["9.T1.halls.net.parameters"].interval().hi == 31.45e6
    assert "9.T1.rooms.first.parameters" not in found and "9.T1.halls.net.citation" not in found
    assert found["9.T1.rooms.first.accuracy"].needs == "the rooms" and found["9.T1.halls.net.accuracy"].awaits == "a chapter"
    assert found["9.T1.rooms.first.year"].of["works_out"] == {"the list": 2017}
    assert found["9.low"].interval().mid == pytest.approx(0.914) and found["9.others"].interval().lo == pytest.approx(0.775)
    assert proof.equations(book, TABBED) == {}


@pytest.mark.parametrize(
    ("before", "after", "claim"),
    [
        ("2021\tNet-1", "2022\tNet-1", "9.T1.rooms.first.year"),
        ("[5]\t2021", "[6]\t2021", "9.T1.rooms.first.citation"),
        ("77.9, 78.9", "77.9, 79.9", "9.T1.rooms.first.ci_high"),
        ("Net (Ours)\tHalls", "Net (Ours)\tRooms", "9.T1.halls.net.accuracy"),
        ("Acc (%)", "Acc", "9.T1.halls.net.accuracy"),
        ("others in 78–85%", "others in 78–86%", "9.others"),
        ("91.4-94.6%", "91.5-94.6%", "9.low"),
    ],
)
def test_a_change_of_a_tabbed_text_is_noticed(before, after, claim):
    book = tabbed()
    assert TABBED.count(before) == 1
    one = next(one for one in book.claims if one.id == claim)
    assert proof.errors(one, book, TABBED.replace(before, after)) != []


def test_a_number_behind_a_dash_is_a_cell_without_a_claim():
    book = tabbed()
    assert proof.missing(book, TABBED.replace("78.9]\t—", "78.9]\t2.8")) == ["Table 1, row net 1, parameters: claimed 0 times"]

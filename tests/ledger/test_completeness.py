"""The list of what could be a claim, held to the paper's text; what the list would miss if it were made less carefully."""

import pytest
import yaml

from qhelpers.ledger import claims, completeness, paper, proof
from qhelpers.runs.papers import papers

LISTS = {one.number: completeness.listed(one.folder) for one in papers() if completeness.listed(one.folder)}
#: Table rows, captions and equations of each paper.
KINDS = {"1": (24, 7, 33), "2": (0, 4, 0), "3": (108, 0, 22), "4": (40, 8, 0)}


def text_of(number):
    found = proof.find_text(paper(number))
    if found is None:
        pytest.skip(f"the text of paper {number} is not at hand; name its folder by QHELPERS_PAPERS")
    return found


def test_the_lists_are_found():
    assert set(LISTS) == set(KINDS)


@pytest.mark.parametrize("number", LISTS)
def test_each_passage_names_claims_or_says_why_there_is_none(number):
    entries, known = LISTS[number], {claim.id for claim in claims(number)}
    assert len({entry["mark"] for entry in entries}) == len(entries)
    for entry in entries:
        assert ("claims" in entry) != ("none" in entry), entry
        assert set(entry.get("claims", [])) <= known, entry
        assert len(entry.get("none", "long enough")) > 8 and len(entry["words"].split()) <= 5, entry
    assert {name for entry in entries for name in entry.get("claims", [])} == known


@pytest.mark.parametrize("number", LISTS)
def test_the_list_is_that_of_the_text(number):
    assert completeness.errors(paper(number), text_of(number), LISTS[number]) == []


@pytest.mark.parametrize("number", LISTS)
def test_all_kinds_of_places_are_there(number):
    kinds = [entry["kind"] for entry in LISTS[number]]
    assert tuple(kinds.count(kind) for kind in ("table row", "caption", "equation")) == KINDS[number]


@pytest.mark.parametrize("number", LISTS)
def test_a_draft_keeps_the_reasons_and_is_the_list(number):
    book, text, entries = paper(number), text_of(number), LISTS[number]
    drafted = yaml.safe_load(completeness.draft(book, text, entries))["passages"]
    assert drafted == entries
    bare = yaml.safe_load(completeness.draft(book, text))["passages"]
    assert sum(entry.get("none") == "" for entry in bare) == sum("none" in entry for entry in entries)
    assert any("neither" in one for one in completeness.errors(book, text, bare))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text, entries: (text, entries[1:]), "not listed"),
        (lambda text, entries: (text, [*entries, {"mark": "0" * 10, "none": "a reason"}]), "not in the text"),
        (lambda text, entries: (text.replace("precision of 0.94", "precision of 0.95"), entries), "not in the text"),
        (lambda text, entries: (text.replace("QNN-P 0.93 0.94", "QNN-P 0.92 0.94"), entries), "0.92 is not claimed"),
        (lambda text, entries: (text.replace("II-B Ansatz", "II-B Ansatz\nIt is the best of all.", 1), entries), "not listed"),
        (lambda text, entries: (text, [e | {"claims": e["claims"][1:]} if "claims" in e else e for e in entries]), "claims are"),
    ],
)
def test_what_is_missing_or_changed_is_found(change, said):
    wrong = completeness.errors(paper("1"), *change(text_of("1"), LISTS["1"]))
    assert wrong and any(said in one for one in wrong), wrong[:3]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: text.replace("| PPO (Walia and Kumar, 2026) | 819.29", "| PPO (Walia and Kumar, 2026) | 819.92"),
            "819.92 is not",
        ),
        (lambda text: text.replace("435.2812.40", "435.2813.40", 1), "13.40 is not claimed"),
        (lambda text: text.replace("| (22) |", "| (23) |"), "3.eq.22: stands in no passage"),
    ],
)
def test_what_is_changed_in_a_table_with_bars_is_found(change, said):
    wrong = completeness.errors(paper("3"), change(text_of("3")), LISTS["3"])
    assert any(said in one for one in wrong), wrong[:3]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The accuracy is 0.95.", True),
        ("We use four qubits.", True),
        ("It is the best of all.", True),
        ("QNN-P outperforms the others.", True),
        ("Noise is shown in Fig. 5 and Table II.", False),
        ("It was introduced in [12, 13].", False),
        ("It was introduced elsewhere (Someone et al., 2023; Another, 2024a).", False),
        ("Each qubit is initialized.", False),
        ("The state is \\ket{0} here.", False),
        ("17 Plot the curves", False),
    ],
)
def test_a_sentence_states_a_number_a_comparison_or_a_superlative(sentence, expected):
    assert completeness.states(sentence) is expected

"""The list of what could be a claim, held to the paper's text; what the list would miss if it were made less carefully."""

import pytest
import yaml

from qhelpers.ledger import claims, completeness, paper, proof
from qhelpers.papers import low_energy

FOLDER = completeness.Path(low_energy.__file__).parent
ENTRIES = completeness.listed(FOLDER)


@pytest.fixture(scope="module")
def text():
    found = proof.find_text(paper("1"))
    if found is None:
        pytest.skip("the text of paper 1 is not at hand; name its folder by QHELPERS_PAPERS")
    return found


def test_each_passage_names_claims_or_says_why_there_is_none():
    known = {claim.id for claim in claims("1")}
    assert len({entry["mark"] for entry in ENTRIES}) == len(ENTRIES) > 200
    for entry in ENTRIES:
        assert ("claims" in entry) != ("none" in entry), entry
        assert set(entry.get("claims", [])) <= known, entry
        assert len(entry.get("none", "long enough")) > 8 and len(entry["words"].split()) <= 5, entry
    assert {name for entry in ENTRIES for name in entry.get("claims", [])} == known


def test_the_list_is_that_of_the_text(text):
    assert completeness.errors(paper("1"), text, ENTRIES) == []


def test_all_kinds_of_places_are_there():
    kinds = [entry["kind"] for entry in ENTRIES]
    assert (kinds.count("table row"), kinds.count("caption"), kinds.count("equation")) == (24, 7, 33)


def test_a_draft_keeps_the_reasons_and_is_the_list(text):
    drafted = yaml.safe_load(completeness.draft(paper("1"), text, ENTRIES))["passages"]
    assert drafted == ENTRIES
    bare = yaml.safe_load(completeness.draft(paper("1"), text))["passages"]
    assert sum(entry.get("none") == "" for entry in bare) == sum("none" in entry for entry in ENTRIES)
    assert any("neither" in one for one in completeness.errors(paper("1"), text, bare))


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
def test_what_is_missing_or_changed_is_found(text, change, said):
    wrong = completeness.errors(paper("1"), *change(text, ENTRIES))
    assert wrong and any(said in one for one in wrong), wrong[:3]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The accuracy is 0.95.", True),
        ("We use four qubits.", True),
        ("It is the best of all.", True),
        ("QNN-P outperforms the others.", True),
        ("Noise is shown in Fig. 5 and Table II.", False),
        ("It was introduced in [12, 13].", False),
        ("Each qubit is initialized.", False),
        ("The state is \\ket{0} here.", False),
        ("17 Plot the curves", False),
    ],
)
def test_a_sentence_states_a_number_a_comparison_or_a_superlative(sentence, expected):
    assert completeness.states(sentence) is expected

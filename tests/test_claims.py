"""The pages of claims, and the claims and data sets as files: every claim is there, every command finds its records."""

import csv
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from qhelpers import datasets, ledger
from qhelpers.runs import __main__ as command
from qhelpers.runs import again
from qhelpers.verdicts import REBUILT

ROOT = Path(__file__).resolve().parents[1]

#: The paper with the fewest claims: all kinds of them, in seconds.
PAPER = "2"


@pytest.fixture(scope="module")
def claims(book_extension):
    return book_extension("claims")


@pytest.fixture(scope="module")
def linked(book_extension):
    return book_extension("linked")


@pytest.fixture(scope="module")
def rows():
    return ledger.verdicts(PAPER)


@pytest.fixture(scope="module")
def objects(claims, rows):
    return [claims.plain(row) for row in rows]


def entries(page):
    """Entries of a page, by claim."""
    return {one[1]: one[0] for one in re.finditer(r'<section class="qh-claim" id="([^"]+)">.*?</section>', page, re.DOTALL)}


def test_every_claim_has_its_entry_and_its_row_leads_there(claims, board, rows):
    found = entries(claims.page(PAPER, rows))
    assert list(found) and set(found) == {claim.id for claim in ledger.claims(PAPER)}
    led = re.findall(r'<td class="qh-id"><a href="claims-(\d)\.html#([^"]+)">', board.table(rows))
    assert {name for _, name in led} == set(found) and {number for number, _ in led} == {PAPER}


def test_every_paper_has_its_page():
    contents = (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
    for number in ledger.papers():
        page = (ROOT / "book" / f"claims-{number}.md").read_text(encoding="utf-8")
        assert f"{{qh-claims}} {number}" in page and f"- file: claims-{number}\n" in contents


def test_an_entry_says_all_that_is_known(claims, board, rows):
    found = entries(claims.page(PAPER, rows))
    measured = [row for row in rows if row.sd is not None and row.interval and board.claims()[row.id].kind == "number"]
    assert len(measured) >= 5
    for row in measured:
        text = re.sub(r"<[^>]+>", " ", found[row.id])
        assert board.printed(row) in found[row.id] and board.marked(row) in found[row.id]
        assert f"(n = {row.n_seeds})" in text and "(95 %)" in text
        assert all(one in text for one in row.record_ids)
        assert ".venv/bin/python -m qhelpers.runs again" in text
        assert all(check.replace("-", " ") + ": fails under every reading" in text for check in row.failed_checks)
        assert text.count("passed") + text.count("fails under") >= 1, f"{row.id}: no check is told"


def test_a_rebuilt_formula_is_never_shown_as_a_printed_one(claims, board, linked, rows):
    holds = next(row for row in rows if row.verdict == "holds" and row.sort == "equations")
    built = replace(holds, reconstructed=True)
    for markup in (claims.entry, lambda row: board.table([row])):
        assert REBUILT in markup(built) and REBUILT not in markup(holds)
    assert "What was printed is what the method gives" in claims.entry(holds)
    assert "What was printed is what the method gives" not in claims.entry(built)
    name = "1 of those that hold is a rebuilt formula, since the printed one could not be read"
    assert f"(1 holds; {name})" in board.figure([built]) and name not in board.figure([holds])
    table = csv.DictReader(io.StringIO(claims.as_csv([built, holds])))
    assert [one["reconstructed"] for one in table] == ["True", "False"]
    graph = linked.crate([claims.plain(built)], linked.papers(ROOT / "book" / "references.bib"), "2026-01-01")["@graph"]
    assert REBUILT in next(one["reviewBody"] for one in graph if one["@type"] == "ClaimReview")


def test_a_claim_without_runs_says_so_and_offers_no_command(claims, rows):
    found = entries(claims.page(PAPER, rows))
    bare = [row for row in rows if not row.record_ids]
    assert bare
    for row in bare:
        assert "not measured" in found[row.id] and "qhelpers.runs again" not in found[row.id]


def test_the_command_of_a_claim_finds_its_records_and_asks_for_no_more_than_it_must(claims, rows):
    tried = 0
    for ids in {row.record_ids for row in rows if row.record_ids}:
        for line in claims.again(ids):
            assert all(len(part) <= 85 for part in line.splitlines())
            words = shlex.split(line.replace("\\\n", ""))
            assert words[:3] == [".venv/bin/python", "-m", "qhelpers.runs"]
            asked = command.parser().parse_args(words[3:])
            wanted = command.wanted(asked.only)
            found = {record.id for record in again.find(asked.names, wanted)}
            own = {one for one in ids if claims.records()[one].experiment == asked.names[0]}
            assert own and own <= found
            for key in wanted:
                fewer = {other: value for other, value in wanted.items() if other != key}
                assert {record.id for record in again.find(asked.names, fewer)} > found, f"{line} asks for {key} in vain"
            tried += 1
    assert tried > 10


def test_records_of_an_earlier_version_have_no_command(claims, rows, monkeypatch):
    ids = next(row.record_ids for row in rows if row.record_ids)
    made = [claims.records()[one] for one in ids]
    monkeypatch.setattr(again, "get", lambda name: type("Later", (), {"version": "later"}))
    assert again.commands(made) == []


def test_the_table_to_download_is_read_back(claims, rows):
    told = list(csv.DictReader(io.StringIO(claims.as_csv(rows))))
    assert [one["id"] for one in told] == [row.id for row in rows]
    assert tuple(told[0]) == claims.COLUMNS
    for one, row in zip(told, rows, strict=True):
        assert one["printed"] == (row.printed or "") and one["verdict"] == row.verdict
        assert (float(one["measured"]) if one["measured"] else None) == row.measured
        assert int(one["records"]) == len(row.record_ids)


def test_the_columns_are_explained(claims, linked):
    explained = {name for names in linked.COLUMNS_EXPLAINED for name in names.split(", ")}
    assert explained == set(claims.COLUMNS)


def test_the_crate_names_every_claim_once_and_points_to_nothing_that_is_not_there(objects, linked):
    graph = linked.crate(objects, linked.papers(ROOT / "book" / "references.bib"), "2026-01-01")["@graph"]
    names = [one["@id"] for one in graph]
    assert len(names) == len(set(names))
    text = json.dumps(graph)
    pointed = set(re.findall(r'\{"@id": "([^"]+)"\}', text)) - {"https://w3id.org/ro/crate/1.1"}
    assert pointed <= set(names), pointed - set(names)
    assert sum(one["@type"] == "Claim" for one in graph) == len(objects) > 40
    assert {one["datePublished"] for one in graph if one["@type"] == "ScholarlyArticle" and "datePublished" in one} >= {"2025"}


def test_the_crate_is_one_by_its_own_library(objects, linked, tmp_path):
    library = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed; pip install rocrate")
    crate = linked.crate(objects, linked.papers(ROOT / "book" / "references.bib"), "2026-01-01")
    (tmp_path / "ro-crate-metadata.json").write_text(linked.dumped(crate))
    for name in ("claims.csv", "claims.json"):
        (tmp_path / name).touch()
    read = library.ROCrate(tmp_path)
    assert len(read.get_by_type("Claim")) == len(objects)
    review = read.get(f"#review-{objects[0]['id']}")
    assert review["itemReviewed"]["text"] == (objects[0]["printed"] or "lost from the text")
    assert review["reviewRating"]["alternateName"] == objects[0]["verdict"]


def test_every_data_set_is_described_with_its_files(linked):
    described = linked.data_sets()
    assert list(described) == datasets.names()
    for name, one in described.items():
        entry = datasets.entry(name)
        assert {file["sha256"] for file in one["distribution"]} == {file.sha256 for file in entry.files}
        assert one["url"].startswith("https://") and one["license"] and one["citeAs"]
        ids = [file["@id"] for file in one["distribution"]]
        assert len(ids) == len(set(ids)) and not any(" " in one for one in ids)


def test_every_data_set_is_croissant_by_its_own_library(linked, tmp_path):
    library = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed; pip install mlcroissant")
    for name, one in linked.data_sets().items():
        file = tmp_path / f"{name}.json"
        file.write_text(linked.dumped(one))
        assert len(library.Dataset(jsonld=str(file)).metadata.distribution) == len(one["distribution"])


def test_the_papers_are_named_with_their_years(linked):
    papers = linked.papers(ROOT / "book" / "references.bib")
    assert set(papers) == set(ledger.papers())
    assert {number: one.get("year") for number, one in papers.items()} == {"1": "2025", "2": None, "3": "2026", "4": "2026"}
    assert all("title" in one and "author" in one for one in papers.values())

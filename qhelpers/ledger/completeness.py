"""What of a paper could be a claim: its tables, figures, equations, steps of algorithms, and sentences that state something.

The list is made from the text by `passages` and finished by hand: in ``passages.yaml`` beside the claims each passage names the
claims that stand in it, or says why there is none. It holds no text of the paper but a few words to find a place by.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from qhelpers.ledger import proof
from qhelpers.ledger.statements import Claim, Paper, split_cell

#: Sections that describe neither work nor results: keywords, addresses, thanks, and the works of others.
_OUTSIDE = ("Index Terms:", "Corresponding Author:", "Acknowledgment", "Declarations", "References")
_MATH = re.compile(
    r"\S*(?:subscript|superscript|italic_|start_|end_|caligraphic_|roman_|over\^|ket|bra\d|bold_|delimited-|formulae-|∏|∑|⟩|⟨|⨂|†)\S*"
    r"|\S*[\\{}|^_]\S*"
)
_REFERENCE = re.compile(
    r"\([^()]*\b(?:19|20)\d\d[a-z]?\)|\[\d[\d, –-]*\]|\b(?:Figs?|Eqs?|Tables?|Section|Algorithms?|TABLE|Figure)\.?\s*"
    r"(?:\(?[\dIVX]+(?:-[A-Z]\d*)?\)?(?:\([a-f]\))?(?:\s*(?:and|to|-|–)\s*|\s*)?)+"
)
_NUMBER = re.compile(
    r"(?<![A-Za-z])\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|first|second|single|several|multiple|various|equal(?:ly)?)\b",
    re.I,
)
_COMPARES = re.compile(
    r"\b(?:than|compared|comparison|comparative(?:ly)?|more|less|fewer|most|least|best|worst|better|worse|higher|highest|lower|lowest|"
    r"larger|largest|smaller|smallest|faster|fastest|slower|shorter|superior(?:ity)?|outperform\w*|exceed\w*|enhanc\w*|improv\w*|"
    r"reduc\w*|minim\w*|maxim\w*|optim\w*|increas\w*|decreas\w*|declin\w*|drops?|robust\w*|resilien\w*|sensitiv\w*|significant\w*|"
    r"consisten\w*|efficien\w*|effective\w*|strong\w*|powerful|high-performing|advantag\w*|suited|suitable|exact|moderate|gradual|sharp|"
    r"similar\w*|balanced|essential|crucial|critical|necessary|generaliz\w*|fine-tuned|scal\w*)\b",
    re.I,
)
_ABBREVIATED = re.compile(r"\b(?:Fig|Figs|Eq|Eqs|Ref|i\.e|e\.g|etc|vs|al|Acc)\.$|^\d+\.$")
_DECIMAL = re.compile(r"(?<![\d.])\d*\.\d+|\d+(?:\.\d+)?%|(?<![\w-])\d{3,}\b")
#: Numbers of a list or of an algorithm's lines that stand alone.
_MARKER = re.compile(r"[•\s]*\d*[.)]?\s*\d*[.)]?\s*")
_STEP = re.compile(r"^\d*\s*(?=[A-Za-z])")
#: Letters of a passage's fingerprint.
_LETTERS = 10


class Passage(NamedTuple):
    """A place of a paper that could hold a claim.

    Attributes
    ----------
    section : str
        As in a claim's ``where``.
    kind : {"table row", "caption", "equation", "sentence"}
    mark : str
        Fingerprint of its letters.
    words : str
        Its first few words, to find it by.
    text : str
        The passage itself; never written down.
    """

    section: str
    kind: str
    mark: str
    words: str
    text: str


def passages(book: Paper, text: str) -> list[Passage]:
    """Everything in a text that could be a claim, in order; a sentence that states nothing counts where a claim stands in it.

    Parameters
    ----------
    book : Paper
        Names the tables, and has the claims.
    text : str
        Text of the paper.
    """
    found: list[Passage] = []
    tables = 0
    for section, part in proof.sections(text).items():
        if section in _OUTSIDE:
            continue
        own = [claim for claim in book.claims if claim.place == section]
        table, group, barred = "", "", False
        head: list[str] = []
        for line, after in itertools.pairwise([*part.splitlines(), ""]):
            if proof.RULE.fullmatch(after):
                tables, group, barred = tables + 1, "", True
                table, head = f"Table {tables}", proof.row_cells(line)
                continue
            if barred and not line.startswith("|"):
                table, barred = "", False
            if barred and not proof.RULE.fullmatch(line):
                described = book.tables.get(table, {})
                cells = proof.row_cells(line)
                place = proof.label_place(described, head)
                if cells[0] in described.get("groups", {}):
                    group = f"{cells[0]}, "
                elif described:
                    if place:
                        line = " | ".join([cells[place], *cells[:place], *cells[place + 1 :]]) + " |"
                    found.append(_passage(section, "table row", f"{table}, row {group}{line.removeprefix('|').strip()}"))
                else:
                    row = _passage(section, "table row", line)
                    found += [row] if states(line) or any(_stands(book, claim, row) for claim in own) else []
            if barred:
                continue
            caption = re.match(r"(TABLE|Table|Fig(?:ure|\.)) [IVX\d]+(?=:|\. [A-Z])", line)
            if caption:
                named = caption[0].title().replace("Ii", "II")
                table = named if named in book.tables else ""
                found.append(_passage(section, "caption", line))
            elif table and len(re.findall(r" \d", line)) >= 3:
                found.append(_passage(section, "table row", f"{table} {line}"))
            elif proof.EQUATION.search(line):
                table = ""
                found.append(_passage(section, "equation", line))
            elif not _MARKER.fullmatch(line):
                made = [_passage(section, "sentence", one) for one in _sentences(line)]
                found += [one for one in made if states(one.text) or any(_stands(book, claim, one) for claim in own)]
    return found


def states(sentence: str) -> bool:
    """Whether a sentence holds a number, a comparison or a superlative: symbols, citations and references are none."""
    plain = _REFERENCE.sub(" ", _MATH.sub(" ", sentence))
    return bool(_NUMBER.search(_STEP.sub("", plain)) or _COMPARES.search(plain))


def _sentences(line: str) -> list[str]:
    made: list[str] = []
    for part in re.split(r"(?<=[.!?])\s+(?=[A-Z“(‘])", _STEP.sub("", line.strip())):
        if made and _ABBREVIATED.search(made[-1]):
            made[-1] += f" {part}"
        elif part:
            made.append(part)
    return made


def _passage(section: str, kind: str, text: str) -> Passage:
    letters = re.sub(r"\s+", " ", text).strip()
    mark = hashlib.sha256(f"{section} {letters}".encode()).hexdigest()[:_LETTERS]
    words = " ".join(_MATH.sub(" ", letters).split()[:5])
    return Passage(section, kind, mark, words, letters)


def _apart(passage: Passage) -> str:
    """The text of a passage; in a row that is set with bars, mean and spread of a cell stand apart."""
    if passage.kind != "table row" or "|" not in passage.text:
        return passage.text
    parts = (part for cell in proof.row_cells(passage.text) for part in split_cell(cell))
    return " ".join(part for part in parts if part)


def claimed(book: Paper, found: list[Passage]) -> dict[str, list[str]]:
    """Claims that stand in each passage, by its mark."""
    at: dict[str, list[Claim]] = {}
    for claim in book.claims:
        at.setdefault(claim.place, []).append(claim)
    inside: dict[str, list[str]] = {}
    for one in found:
        table = re.match(r"Table [IVX\d]+", one.text) if one.kind == "table row" else None
        near = at.get(one.section, []) + (at.get(table[0], []) if table else [])
        inside[one.mark] = [claim.id for claim in near if _stands(book, claim, one)]
    return inside


def _stands(book: Paper, claim: Claim, passage: Passage) -> bool:
    if claim.place in book.tables and book.tables[claim.place].get("rows"):  # set with bars
        row = re.fullmatch(r"(Table \d+, row .*?) \|.*", passage.text)
        return row is not None and proof.plain(row[1]) in {
            proof.plain(claim.where.removesuffix(book.names[name]) + other)
            for name in (str(claim.of.get("model")), str(claim.of.get("data")))
            for other in book.called(name)
            if claim.where.endswith(book.names[name])
        }
    if claim.place in book.tables:
        return passage.kind == "table row" and passage.text.upper().startswith(
            f"{claim.place} {book.names.get(str(claim.of.get('model')), '')} ".upper()
        )
    if claim.place != passage.section:
        return False
    numbered = re.search(r", Eq\. (\d+)$", claim.where)
    if numbered:
        number = proof.EQUATION.search(passage.text)
        return passage.kind == "equation" and number is not None and number[1] == numbered[1]
    if claim.kind != "number":
        return re.search(proof.quoted(claim.printed or ""), passage.text) is not None
    words = re.search(r'"(?P<words>.+)"', claim.where)
    parts = (words["words"] if words else "").split("…")
    before, _, after = next((part for part in parts if "{}" in part), "").partition("{}")
    if claim.printed is None:
        return f"{before}{after}".strip() in passage.text
    # Words after the number may belong to the next sentence; they are needed where none stand before it.
    told = f"{before}{claim.printed}" if before.strip() else f"{claim.printed}{after}"
    return told.strip() in passage.text


def listed(folder: Path) -> list[dict[str, Any]]:
    """Entries of a paper's ``passages.yaml``; empty where it has none."""
    path = folder / "passages.yaml"
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["passages"]) if path.exists() else []


def draft(book: Paper, text: str, entries: Sequence[Mapping[str, Any]] = ()) -> str:
    """The list of a text as YAML, to be finished by hand: where no claim stands, ``none`` is empty and wants a reason.

    Parameters
    ----------
    book : Paper
    text : str
    entries : sequence of mapping
        An earlier list, whose reasons are kept.
    """
    found = passages(book, text)
    inside, reasons = claimed(book, found), {entry["mark"]: entry.get("none", "") for entry in entries}
    lines = ["passages:"]
    for one in found:
        words = f"words: {json.dumps(one.words, ensure_ascii=False)}"
        said = f"none: {json.dumps(reasons.get(one.mark, ''), ensure_ascii=False)}"
        ends = f"claims: [{', '.join(inside[one.mark])}]" if inside[one.mark] else said
        lines.append(f'  - {{mark: "{one.mark}", where: {one.section}, kind: {one.kind}, {words}, {ends}}}')
    return "\n".join(lines) + "\n"


def errors(book: Paper, text: str, entries: list[Mapping[str, Any]]) -> list[str]:
    """What a list lacks or has too much of, compared with the text.

    Parameters
    ----------
    book : Paper
    text : str
    entries : list of mapping
        From `listed`.
    """
    found = passages(book, text)
    inside = claimed(book, found)
    known = {str(entry["mark"]): entry for entry in entries}
    wrong = [
        f"{mark}: says neither claims nor why there are none"
        for mark, e in known.items()
        if not (e.get("claims") or e.get("none"))
    ]
    wrong += [f"{one.section}, “{one.words} …” ({one.mark}): not listed" for one in found if one.mark not in known]
    wrong += [f"{mark}: listed, and not in the text" for mark in known.keys() - inside.keys()]
    for mark in inside.keys() & known.keys():
        if sorted(inside[mark]) != sorted(known[mark].get("claims", [])):
            wrong.append(f"{mark}: claims are {inside[mark]}, listed are {known[mark].get('claims', [])}")
    printed = {claim.id: claim.printed or "" for claim in book.claims}
    for one in found:
        told = " ".join(printed[claim] for claim in inside[one.mark])
        if one.kind in ("sentence", "table row"):
            numbers = _DECIMAL.findall(_STEP.sub("", _REFERENCE.sub(" ", _MATH.sub(" ", _apart(one)))))
            lacking = [number for number in numbers if number.removesuffix("%") not in told]
            wrong += [f"{one.section}, “{one.words} …”: {number} is not claimed" for number in lacking]
    placed = {claim for names in inside.values() for claim in names}
    wrong += [f"{claim.id}: stands in no passage" for claim in book.claims if claim.id not in placed]
    return wrong

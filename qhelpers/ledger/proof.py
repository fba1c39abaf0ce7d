"""Proof-reading: each claim against the text of its paper, by the row, column or sentence that it names."""

from __future__ import annotations

import functools
import itertools
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qhelpers.ledger.quantities import GLOSSARY
from qhelpers.ledger.statements import Claim, Paper, parts_of

# A number in running text; {} in `where` stands for it. Words count too, so that "six noise models" can be read.
_TOKEN = r"(\d+(?:[.,]\d+)*(?:[–-]\d+(?:[.,]\d+)*)?%?|[A-Za-z]+)"
_CELL = re.compile(r"\d+(?:\.\d+)?")
_HEADING = re.compile(
    r"^(Abstract|ABSTRACT|Corresponding Author:|Highlights|Index Terms:|Declarations|References|REFERENCES|"
    r"[IVX]+(?:-[A-Z]\d*)? [A-Z].*|[IVX]+-[A-Z]\d+)$"
)
#: A heading of a text that is marked up, "## I. INTRODUCTION", or one that runs into its paragraph, "**Abstract**—…".
_MARKED = re.compile(r"#{2,} (?P<heading>\S.*)|\*\*(?P<run_in>Abstract|Index Terms)\*\*\W*(?P<rest>.*)")
#: A heading with Arabic numbers; read as one only where the text has a section "1 Introduction", since lists begin like that.
_ARABIC = re.compile(r"^\d+(?:\.\d+)* [A-Z].*$")
#: The same where the text has "1. INTRODUCTION": those with a dot behind their number are in capitals.
_DOTTED = re.compile(r"^(?:\d+\. [A-Z ]+|\d+(?:\.\d+)+ [A-Z].*)$")
_FIRST = re.compile(r"^1(\.?) Introduction\s*$", re.MULTILINE | re.IGNORECASE)
#: The number of a displayed equation, at the end of its last line; behind a semicolon it counts the items of a sentence.
EQUATION = re.compile(r"(?<!; )\((\d+)\)(?: \|)?$", re.MULTILINE)
#: The line under the head of a table that is set with bars.
RULE = re.compile(r"\|(?:-+\|)+")
#: What stands behind a name in a table and is no part of it: a citation, or that it is proposed.
_BEHIND = re.compile(r"\s*(?:\((?:[^()]*\d{4}[a-z]?|proposed|ours)\)|\[\d+\])$", re.IGNORECASE)
#: The first lines of a text, one of which is its title.
_FRONT = 40
# A list of affiliations and the like can begin with such letters; sections of a paper come in order and are short.
_LONGEST_HEADING = 80


def find_text(book: Paper, folder: Path | None = None) -> str | None:
    """Text of a paper, found by its title.

    Parameters
    ----------
    book : Paper
        With its title.
    folder : Path, optional
        Where the texts are; by default the folder named by ``QHELPERS_PAPERS``.

    Returns
    -------
    str or None
        None where no folder is named or no ``.txt`` file in it begins with the title, or has it among its first lines.
    """
    named = folder or (Path(os.environ["QHELPERS_PAPERS"]) if os.environ.get("QHELPERS_PAPERS") else None)
    if named is None or not named.is_dir():
        return None
    for path in sorted(named.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        front = [line.strip() for line in text.splitlines()[:_FRONT]]
        if text.lstrip("# \n").startswith(book.title) or book.title in front:
            return text
    return None


@functools.lru_cache(maxsize=8)
def with_bars(text: str) -> str:
    """A text whose tables are set with tabs, three columns or more, with bars in their place; others as they are."""
    lines: list[str] = []
    width = 0
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) > 2:
            lines.append(f"| {' | '.join(cells)} |")
            if len(cells) != width:
                lines.append(f"|{'---|' * len(cells)}")
            width = len(cells)
        elif line.strip() or not width:  # a table may go on behind an empty line, on the next page
            width = 0
            lines.append(line)
    return "\n".join(lines)


@functools.lru_cache(maxsize=8)
def sections(text: str) -> dict[str, str]:
    """Text by section: ``Abstract``, ``Section I``, ``Section III-D`` and so on."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    first_section = _FIRST.search(text)
    numbered = (_DOTTED if first_section[1] else _ARABIC) if first_section else None
    for line in with_bars(text).splitlines():
        stripped = " ".join(line.split())
        marked = _MARKED.fullmatch(stripped)
        if marked and marked["run_in"]:
            current = found.setdefault(marked["run_in"].replace("Terms", "Terms:"), [])
            current.append(marked["rest"])
        elif marked:
            number = re.match(r"([IVX]+(?:-[A-Z]\d*)?)\.? ", marked["heading"])
            current = found.setdefault(f"Section {number[1]}" if number else marked["heading"].capitalize(), [])
        elif len(stripped) <= _LONGEST_HEADING and (_HEADING.match(stripped) or (numbered and numbered.match(stripped))):
            first = stripped.split(" ", 1)[0].removesuffix(".")
            named = ("Abstract", "Corresponding", "Highlights", "Index", "Declarations", "References")
            name = (
                f"Section {first}" if first.capitalize() not in named else stripped.capitalize() if first.isupper() else stripped
            )
            current = found.setdefault(name, [])
        else:
            current.append(stripped)
    return {name: "\n".join(lines) for name, lines in found.items()}


@functools.lru_cache(maxsize=8)
def barred(text: str) -> dict[str, list[list[str]]]:
    """Tables that a text sets with bars, as rows of cells with the head first; they have no captions and count as they come."""
    lines = [line.strip() for line in with_bars(text).splitlines()]
    found: dict[str, list[list[str]]] = {}
    current: list[list[str]] | None = None
    for line, after in itertools.pairwise([*lines, ""]):
        if not line.startswith("|"):
            current = None
        elif RULE.fullmatch(after):
            current = found.setdefault(f"Table {len(found) + 1}", [row_cells(line)])
        elif current is not None and not RULE.fullmatch(line):
            current.append(row_cells(line))
    return found


def row_cells(line: str) -> list[str]:
    """Cells of a row that is set with bars."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


@functools.lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A name without what may differ from place to place: capitals, hyphens, a citation behind it."""
    return " ".join(_BEHIND.sub("", name.strip()).casefold().replace("-", " ").split())


def table(book: Paper, text: str, name: str) -> dict[tuple[str, str], str]:
    """Cells of a table as printed, by row label and quantity.

    Parameters
    ----------
    book : Paper
        Names the columns of its tables.
    text : str
        Text of the paper.
    name : str
        Such as ``"Table I"``.

    Returns
    -------
    dict
        Empty where the table or its head is not found as described. Of a table with bars the labels are `plain`, with the
        group before them, and the second key is what ``columns`` says; spreads have ``_sd`` behind it, and a lost cell is "".
    """
    described = book.tables.get(name, {})
    with_bars = barred(text).get(name)
    if with_bars:
        return _barred_table(book, described, with_bars)
    columns: dict[str, str] = described.get("columns", {})
    lines = [line.strip() for line in text.splitlines()]
    captions = [i for i, line in enumerate(lines) if line.upper().startswith(f"{name.upper()}:")]
    if len(captions) != 1 or not columns:
        return {}
    caption, head = lines[captions[0]], lines[captions[0] + 1]
    if book.names.get(described.get("data", ""), "") not in caption or not head.endswith(" ".join(columns.values())):
        return {}
    cells: dict[tuple[str, str], str] = {}
    for line in lines[captions[0] + 2 :]:
        numbers = [match for match in _CELL.finditer(line) if line[: match.start()].endswith(" ")]
        if len(numbers) < len(columns) or line.upper().startswith("TABLE"):
            break
        label = line[: numbers[0].start()].strip()
        # All columns but the last hold one number; the last takes the rest ("7 min 40s").
        printed = [match.group() for match in numbers[: len(columns) - 1]] + [line[numbers[len(columns) - 1].start() :]]
        cells |= {(label, quantity): value for quantity, value in zip(columns, printed, strict=True)}
    return cells


def _barred_table(book: Paper, described: Mapping[str, Any], rows: list[list[str]]) -> dict[tuple[str, str], str]:
    columns: dict[str, str] = described.get("columns", {})
    groups = described.get("groups", {})
    known = {plain(other): plain(book.names[key]) for key, others in book.also.items() for other in others}
    head = rows[0]
    if not set(columns.values()) <= set(head):
        return {}
    places = {column: head.index(name) for column, name in columns.items()}
    found: dict[tuple[str, str], str] = {}
    group = ""
    for cells in rows[1:]:
        cells = cells + [""] * (len(head) - len(cells))
        if cells[0] in groups:
            group = f"{cells[0]}, "
            continue
        label = cells[label_place(described, head)]
        row = plain(group) + " " * bool(group) + known.get(plain(label), plain(label))
        for column, place in places.items():
            cell = cells[place] if described.get("none") else cells[place].strip("—")
            parts = parts_of(column, cell, described.get("none", ""))
            found |= {(row, quantity): printed or "" for quantity, printed in parts.items()}
    return found


def label_place(described: Mapping[str, Any], head: Sequence[str]) -> int:
    """Which cell of a row names it: the first, or the one under ``label``."""
    return list(head).index(described["label"]) if described.get("label") in head else 0


def errors(claim: Claim, book: Paper, text: str) -> list[str]:
    """What is wrong with a claim, compared with the text.

    Parameters
    ----------
    claim : Claim
        To be proof-read.
    book : Paper
        Its paper.
    text : str
        Text of the paper.

    Returns
    -------
    list of str
        Empty for a claim that is typed as printed.
    """
    if claim.place in book.tables:
        return _table_errors(claim, book, text)
    part = sections(text).get(claim.place)
    if part is None:
        return [f"there is no {claim.place}"]
    if claim.kind != "number":
        places = [match.start() for match in re.finditer(quoted(claim.printed or ""), part)]
        if len(places) != 1:
            return [f"{claim.printed!r} stands {len(places)} times in {claim.place}, not once"]
        return _equation_errors(claim, part, places[0])
    return _sentence_errors(claim, book, part)


def quoted(words: str, token: str = "") -> str:
    """Pattern of words as a claim quotes them: ``…`` leaves out a part of a line, ``{}`` is the number, by its own pattern."""
    return r"[^\n]*?".join(re.escape(part.strip()).replace(re.escape("{}"), token) for part in words.split("…"))


def _equation_errors(claim: Claim, part: str, place: int) -> list[str]:
    """Whether an equation has the number that ``where`` gives it."""
    named = re.search(r", Eq\. (\d+)$", claim.where)
    if named is None:
        return []
    found = EQUATION.search(part, place)
    number = found[1] if found else "none"
    return [] if number == named[1] else [f"{claim.where}: the number behind these letters is {number}"]


def equations(book: Paper, text: str) -> dict[str, int]:
    """How often each numbered equation of the text is claimed, by number."""
    printed = [number for part in sections(text).values() for number in EQUATION.findall(part)]
    claimed = Counter(match[1] for claim in book.claims if (match := re.search(r", Eq\. (\d+)$", claim.where)))
    return {number: claimed[number] for number in printed}


def missing(book: Paper, text: str) -> list[str]:
    """Cells of the tables that are not claimed, or claimed more than once."""
    claimed = Counter(
        (claim.place, plain(claim.where.partition(", row ")[2]), _column(claim, book))
        for claim in book.claims
        if claim.place in book.tables
    )
    wrong = []
    for name in book.tables:
        found = table(book, text, name)
        if not found:
            wrong.append(f"{name} is not found in the text as described")
        for label, column in found:
            if column == "data" and "quantity" not in book.tables[name]:
                continue
            times = claimed.pop((name, plain(label), column), 0)
            if times != 1:
                wrong.append(f"{name}, row {label}, {column}: claimed {times} times")
    wrong += [f"{place}, {row}, {column}: claimed, but no cell" for place, row, column in claimed]
    return wrong


def _column(claim: Claim, book: Paper) -> str:
    """Column of a table that a claim stands in: its quantity, or its data set where all columns have one quantity."""
    return str(claim.of.get("data")) if "quantity" in book.tables[claim.place] else claim.quantity


def _table_errors(claim: Claim, book: Paper, text: str) -> list[str]:
    match = re.fullmatch(r"(?P<place>[^,]+), row (?P<label>.+)", claim.where)
    if not match:
        return [f"where is {claim.where!r}; a cell is named as 'Table I, row LABEL'"]
    described = book.tables[claim.place]
    found = {(plain(label), column): cell for (label, column), cell in table(book, text, claim.place).items()}
    label, column = match["label"], _column(claim, book)
    wrong = []
    if (plain(label), column) not in found:
        wrong.append(f"{claim.place} has no {column} in a row {label!r}")
    elif found[plain(label), column] != (claim.printed or ""):
        wrong.append(f"{claim.where}, {column}: printed is {found[plain(label), column]!r}, typed {claim.printed!r}")
    about = described.get("row", "model")
    groups = described.get("groups", {})
    group = next((f"{printed}, " for printed, data in groups.items() if data == claim.of.get("data")), "")
    if label != group + book.names.get(str(claim.of.get(about)), ""):
        wrong.append(f"{about} {claim.of.get(about)!r} is not what the paper calls {label!r}")
    on = found.get((plain(label), "data"))
    if on is not None and "quantity" not in described and on not in book.called(str(claim.of.get("data"))):
        wrong.append(f"{claim.where} is on {on}, not on {claim.of.get('data')!r}")
    for key in ("model", "data", "quantity"):
        own = claim.quantity if key == "quantity" else claim.of.get(key)
        if key in described and described[key] != own:
            wrong.append(f"{claim.place} is not about {own!r}")
    if claim.of.get("split") != "test":
        wrong.append(f"{claim.place} prints test scores, not {claim.of.get('split')!r}")
    if claim.id.split(".")[-2:] != [str(claim.of.get("model")), claim.quantity]:
        wrong.append("the id does not end in model and quantity")
    return wrong + _config_errors(claim)


def _sentence_errors(claim: Claim, book: Paper, part: str) -> list[str]:
    match = re.fullmatch(r'[^,]+, "(?P<words>.+)"', claim.where)
    if not match or match["words"].count("{}") != 1:
        return [f'where is {claim.where!r}; a number in the text is named as: Section I, "words {{}} words"']
    words = match["words"]
    if claim.printed is None:  # nothing stands where the number was
        token = ""
    else:  # a number with its unit, or a range, has as many words as typed
        more = len(claim.printed.split()) - 1
        token = rf"(\S+(?: \S+){{{more}}})" if more else _TOKEN
    found = re.findall(quoted(words, token), part)
    wrong = []
    if len(found) != 1:
        wrong.append(f"the words of where stand {len(found)} times in {claim.place}, not once")
    elif claim.printed is not None and found[0] != claim.printed:
        wrong.append(f"{claim.where}: printed is {found[0]!r}, typed {claim.printed!r}")
    for key in ("model", "data"):
        several = len({str(one.of[key]) for one in book.claims if key in one.of}) > 1
        names = book.called(str(claim.of[key])) if several and key in claim.of else ("",)
        if not any(name in words for name in names):
            wrong.append(f"where does not name the {key}, {names[0]}")
    if claim.meaning.words and not _names_quantity(words, claim.quantity):
        wrong.append(f"where does not name the quantity, {claim.quantity}, nearest to the number")
    split = claim.of.get("split")
    if split in ("train", "validation") and split not in words:
        wrong.append(f"where does not say that it is about the {split} part")
    return wrong + _config_errors(claim)


def _names_quantity(words: str, name: str) -> bool:
    """Whether a quantity is named; where several scores are, it must be the last one before the number."""
    before = words.split("{}")[0]
    last = {
        score: max(before.rfind(word) for word in meaning.words)
        for score, meaning in GLOSSARY.items()
        if meaning.score and meaning.words
    }
    nearest = max(last, key=lambda score: last[score])
    if GLOSSARY[name].score and last[nearest] >= 0:
        return nearest == name
    return any(word in words for word in GLOSSARY[name].words)


def _config_errors(claim: Claim) -> list[str]:
    """Whether what measures a number is what the number is about."""
    config = (claim.measured_by or {}).get("config", {})
    if "setting" in config:  # it is counted in what is built, and needs no run of a model on data
        return []
    return [
        f"measured_by names the {key} {config.get(key)!r}, the claim is about {claim.of.get(key)!r}"
        for key in ("model", "data")
        if claim.measured_by and key in claim.of and config.get(key) != claim.of[key]
    ]

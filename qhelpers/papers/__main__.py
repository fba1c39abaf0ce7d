"""Begin a paper: ``python -m qhelpers.papers new SLUG``."""

from __future__ import annotations

import argparse
import json
import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from qhelpers import _pipes
from qhelpers.runs.papers import papers

ROOT = Path(__file__).resolve().parents[2]
#: What the template's files and names say in place of a paper's own words.
WORDS = ("SLUG", "NAME", "TITLE", "NUMBER")
LAST_NUMBER = 99
#: So that a command with a chapter's path fits a line of the page.
LONGEST_SLUG = 30


class NotBegun(Exception):
    """A paper that cannot be begun; nothing was written."""


def new(slug: str, number: int | None = None, root: Path = ROOT) -> list[Path]:
    """Lay the folders of a paper from `template/`, and add it to the table of contents and the page on deviations.

    Parameters
    ----------
    slug : str
        Name of its folder, for instance ``"pump_station"``.
    number : int, optional
        Of its part of the book; by default the lowest that is free.
    root : Path
        The checkout.

    Returns
    -------
    list of Path
        What was made or changed: folders, and files of `book/`.

    Raises
    ------
    NotBegun
        If the slug or the number cannot be had, or something cannot be written. All stays as it was.
    """
    if not (root / "template").is_dir() or not (root / "book" / "_toc.yml").is_file():
        raise NotBegun(f"{root} is no checkout of the book (template/, book/_toc.yml); clone the book, and run this in the clone")
    number = _number(number, root)
    name = slug.replace("_", "-")
    words = dict(zip(WORDS, (slug, name, slug.replace("_", " ").capitalize(), str(number)), strict=True))
    files = {_filled(path.relative_to(root / "template").as_posix(), words): path for path in _below(root / "template")}
    folders = [Path("qhelpers/papers") / slug, Path("notebooks") / f"{number}-{name}", Path("tests/papers") / slug]
    _check(slug, folders, root)
    content = {place: _filled(path.read_text(encoding="utf-8"), words) for place, path in files.items()}
    for place in [place for place in content if place.startswith("book/")]:
        content[place] = (root / place).read_text(encoding="utf-8") + content[place]
    chapters = sorted(place for place in content if place.endswith(".ipynb"))
    toc = (root / "book" / "_toc.yml").read_text(encoding="utf-8")
    content["book/_toc.yml"] = _with_part(toc, number, words["TITLE"], {place: content[place] for place in chapters})
    changed = [Path(place) for place in sorted(content) if place.startswith("book/")]
    _put(content, [*folders, *changed], root)
    return [*folders, *changed]


def _number(wanted: int | None, root: Path) -> int:
    """Check a number, or find one: no other paper has it, and no folder of notebooks."""
    taken = {paper.number: f"paper {paper.title!r}" for paper in papers()}
    taken |= {path.name.partition("-")[0]: f"notebooks/{path.name}" for path in sorted((root / "notebooks").glob("[0-9]*-*"))}
    free = [number for number in range(1, LAST_NUMBER + 1) if str(number) not in taken]
    if wanted is None:
        return free[0]
    if wanted not in free:
        why = taken.get(str(wanted), f"not between 1 and {LAST_NUMBER}")
        raise NotBegun(f"the number {wanted} cannot be had: {why}; leave --number out for {free[0]}, or choose another")
    return wanted


def _check(slug: str, folders: Sequence[Path], root: Path) -> None:
    named = re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slug) and not keyword.iskeyword(slug)
    if not named or len(slug) > LONGEST_SLUG:
        raise NotBegun(
            f"{slug!r} cannot name a paper's package; allowed are lower-case words of letters and digits, joined by _, at most "
            f"{LONGEST_SLUG} characters and no word of Python's: choose one like pump_station"
        )
    there = [folder for folder in folders if (root / folder).exists()]
    there += [paper.folder for paper in papers() if paper.folder.name == slug and root / folders[0] != paper.folder]
    if there:
        raise NotBegun(f"{slug!r} is there already: {', '.join(map(str, there))}; choose another name, or go on there")
    word = re.compile(rf"\b({slug}|{slug.replace('_', '-')})\b")
    for path in _below(root / "qhelpers"):
        place = path.relative_to(root / "qhelpers")
        shared = path.suffix == ".py" and place.parts[0] not in ("papers", "datasets")
        if shared and word.search(path.read_text(encoding="utf-8")):
            raise NotBegun(
                f"{slug!r} is a word of qhelpers/{place.as_posix()}, and what papers share may name none of them (a test); "
                "choose a name of more words"
            )


def _below(folder: Path) -> list[Path]:
    """Files below a folder, without what Python and Jupyter leave there."""
    left = {"__pycache__", ".ipynb_checkpoints"}
    return sorted(path for path in folder.rglob("*") if path.is_file() and not left & {*path.parts})


def _filled(text: str, words: dict[str, str]) -> str:
    for word, own in words.items():
        text = text.replace(word, own)
    return text


def _with_part(toc: str, number: int, title: str, chapters: dict[str, str]) -> str:
    """Table of contents with a part for some notebooks, before the first part of a higher number and before the back."""
    lines = [f"  - caption: {number} {title}", "    chapters:"]
    for place, notebook in chapters.items():
        page = place.removeprefix("notebooks/").removesuffix(".ipynb")
        heading = json.loads(notebook)["cells"][0]["source"][0].removeprefix("# ").strip()
        lines += [f"      - file: {page}", f"        title: {Path(page).name.partition('-')[0]} {heading}"]
    for found in re.finditer(r"^  - caption: (?:(\d+) .*|Appendix)$", toc, re.MULTILINE):
        if found[1] is None or int(found[1]) > number:
            return toc[: found.start()] + "\n".join(lines) + "\n" + toc[found.start() :]
    raise NotBegun("book/_toc.yml has no part '  - caption: Appendix', before which a paper comes; mend it")


def _put(content: dict[str, str], places: Sequence[Path], root: Path) -> None:
    """Write all files aside and move them to their places: all of them, or none."""
    former = {place: (root / place).read_bytes() for place in places if (root / place).is_file()}
    done: list[Path] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".new-paper-", dir=root) as aside:
            for name, text in content.items():
                (Path(aside) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(aside) / name).write_text(text, encoding="utf-8")
            for place in places:
                (root / place).parent.mkdir(parents=True, exist_ok=True)
                done.append(place)
                os.replace(Path(aside) / place, root / place)
    except BaseException as error:
        for place in done:
            if place not in former:
                shutil.rmtree(root / place, ignore_errors=True)
            elif (root / place).read_bytes() != former[place]:
                (root / place).write_bytes(former[place])
        if isinstance(error, OSError):
            raise NotBegun(f"{error.filename}: {error.strerror}; nothing was changed. Make it writable, or make room") from error
        raise


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line.

    Returns
    -------
    int
        0 done; 2 the paper cannot be begun.
    """
    parser = argparse.ArgumentParser(prog="python -m qhelpers.papers", description="Papers of the book.")
    command = parser.add_subparsers(dest="command", required=True).add_parser("new", help="begin a paper, as a toy that works")
    command.add_argument("slug", help="name of its folder, for instance pump_station")
    command.add_argument("--number", type=int, help="of its part of the book (default: the lowest that is free)")
    arguments = parser.parse_args(argv)
    try:
        made = new(arguments.slug, arguments.number, root)
    except NotBegun as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    part, name = made[1].name, arguments.slug.replace("_", "-")
    number = part.partition("-")[0]
    print(f"Part {number} begins as a toy that works:")
    for place in made:
        print(f"  {place}")
    print("Make its records, judge its one claim, build its chapter:")
    print(f"  .venv/bin/python -m qhelpers.runs run {name}-toy --profile laptop --source real")
    print(f"  .venv/bin/python -m qhelpers.ledger show {number}.T1.qubit.accuracy")
    print(f"  make book ONLY={part}")
    print("What comes then is on the page 'Add a paper', book/add-a-paper.md.")
    return 0


if __name__ == "__main__":
    sys.exit(_pipes.run(main))

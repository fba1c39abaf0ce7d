"""Command line of the ledger: scoreboard, single claims, JSON, and the checks for anyone's own numbers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from qhelpers import _pipes
from qhelpers.ledger import check, counting
from qhelpers.ledger.judgement import Verdict, verdict, verdicts
from qhelpers.ledger.statements import claims, paper, papers
from qhelpers.verdicts import REBUILT, VERDICTS

BAD_USAGE = 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors raise instead of leaving the program, so that `main` returns a code."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}\n{self.format_usage().rstrip()}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        0, 1 for records or a library that cannot be read, 2 for bad usage; for ``check`` as `qhelpers.ledger.check.main`.
    """
    from qhelpers.runs.records import RecordsError

    try:
        arguments = _parser().parse_args(check.negative_numbers(sys.argv[1:] if argv is None else argv))
        return int(arguments.run(arguments))
    except ValueError as error:
        print(f"ledger: {error}", file=sys.stderr)
        return BAD_USAGE
    except (RecordsError, ImportError) as error:
        print(f"ledger: {error}", file=sys.stderr)
        return 1
    except SystemExit as stop:  # --help
        return int(stop.code or 0)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m qhelpers.ledger", description="Every printed number, and what became of it.")
    parser.add_argument("--json", action="store_true", help="one JSON array, an object a claim")
    parser.add_argument("--paper", help=f"only this paper ({', '.join(papers())})")
    parser.set_defaults(run=_scoreboard)
    commands = parser.add_subparsers(title="commands", metavar="", parser_class=_Parser)
    # The same option after a command; without it there, what stood before the command stays.
    also = _Parser(add_help=False)
    also.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    show = commands.add_parser("show", parents=[also], help="all about one claim")
    show.add_argument("id")
    show.set_defaults(run=_show)
    listing = commands.add_parser("list", help="ids of all claims with their verdicts")
    listing.set_defaults(run=_list)
    checking = commands.add_parser("check", parents=[also], help="check numbers of your own paper", allow_abbrev=False)
    check.add_arguments(checking)
    checking.set_defaults(run=check.run)
    return parser


def _scoreboard(arguments: argparse.Namespace) -> int:
    if arguments.paper is not None:
        paper(arguments.paper)
    found = verdicts(arguments.paper)
    if arguments.json:
        print(json.dumps([to_json(one) for one in found], ensure_ascii=False, indent=1))
        return 0
    for number in papers() if arguments.paper is None else [arguments.paper]:
        own = [one for one in found if one.paper == number]
        print(f"Paper {number}: {paper(number).title}")
        print(f"{len(own)} claims")
        for sort, counts in counting.tally(own).items():
            print(f"{sort}: {counts.total()}, of which {counting.judged(counts)} could be judged")
            for name in VERDICTS:
                if counts[name]:
                    print(f"  {counts[name]:4}  {name}")
            if apart := counting.rebuilt(one for one in own if one.sort == sort):
                print(f"  {apart}")
        tally = counting.chance(own)
        refuted = counting.numbered(int(tally["refuted"]), "of them is", "of them are")
        print(
            f"{tally['tested']} results and sentences stand beside records; {refuted} refuted under every "
            f"reading that was run, {tally['refuted_fdr']} with false discoveries held at 5 %. If all were true, at most "
            f"{tally['expected_by_chance']:g} would fall by chance."
        )
        impossible = [one for one in own if one.verdict == "cannot hold"]
        if impossible:
            print("Cannot hold: " + ", ".join(one.id for one in impossible))
        print()
    print("More: python -m qhelpers.ledger show ID, or list, or --json, or check --help")
    return 0


def to_json(one: Verdict) -> dict[str, Any]:
    """A verdict as a plain object; ``id``, ``paper``, ``where``, ``quantity``, ``printed``, ``measured``, ``n_seeds``,
    ``verdict`` and ``failed_checks`` come first."""
    plain = one.to_dict()
    first = ("id", "paper", "where", "quantity", "printed", "measured", "sd", "n_seeds", "verdict", "failed_checks")
    return {name: plain[name] for name in first} | plain


def _list(arguments: argparse.Namespace) -> int:
    found = verdicts(arguments.paper)
    width = max(len(one.id) for one in found)
    for one in found:
        print(f"{one.id:{width}}  {one.printed or 'lost'!s:>16.40}  {one.verdict}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    one = verdict(arguments.id)
    if arguments.json:
        print(json.dumps(to_json(one), ensure_ascii=False, indent=1))
        return 0
    print(f"{one.id}: {one.verdict}")
    print(f"  printed   {one.printed if one.printed is not None else 'lost'} ({one.quantity.replace('_', ' ')}; {one.where})")
    if one.measured is not None:
        spread = f" ± {one.sd:.4f}" if one.sd is not None else ""
        print(f"  measured  {one.measured:.4f}{spread}, n = {one.n_seeds} seeds, k = {one.k}")
    else:
        print(f"  measured  nothing yet, n = {one.n_seeds} seeds")
    print(f"  {one.sentence}")
    _lines("under each reading", [f"{r.reading}: {r.verdict} (n = {r.n}). {r.sentence}" for r in one.readings])
    _lines("checks that fail under every reading", one.failed_checks)
    _lines("what fails under one reading at least", one.doubts)
    _lines("assumed", one.assumptions)
    if one.record_ids:
        print(f"  records: {', '.join(one.record_ids)}")
    notes = [claim.note for claim in claims(one.paper) if claim.id == one.id and claim.note]
    _lines("note", notes + [REBUILT] * one.reconstructed)
    return 0


def _lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"  {title}:")
        for line in lines:
            print(f"    - {line}")


if __name__ == "__main__":
    sys.exit(_pipes.run(main))

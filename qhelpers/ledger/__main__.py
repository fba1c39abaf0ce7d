"""Command line of the ledger: scoreboard, single claims, JSON, and the checks for anyone's own numbers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from qhelpers import _pipes
from qhelpers.ledger import counting
from qhelpers.ledger.checks import CheckResult, check_row, check_rows, failed_groups
from qhelpers.ledger.judgement import Verdict, verdict, verdicts
from qhelpers.ledger.quantities import GLOSSARY
from qhelpers.ledger.statements import claims, near_ids, paper, papers
from qhelpers.verdicts import VERDICTS

POSSIBLE, IMPOSSIBLE, BAD_USAGE = 0, 1, 2
_AVERAGES = ("binary", "macro", "mean")
_FILE_KEYS = ("row", "rows", "averages", "test_sets")


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
        0 (for ``check``: all possible), 1 (``check``: impossible; else records or a library that cannot be read), 2 for
        bad usage.
    """
    from qhelpers.runs.records import RecordsError

    try:
        arguments = _parser().parse_args(argv)
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
    check = commands.add_parser(
        "check",
        parents=[also],
        help="check numbers of your own paper",
        description="Give numbers as they are printed, to the letter. Exit code 0: all possible; 1: impossible; 2: bad usage.",
    )
    check.add_argument("file", nargs="?", type=Path, help="YAML with 'rows: {name: {precision: 0.93, ...}}'")
    check.add_argument("--positives", type=int, help="positive rows of the test set")
    check.add_argument("--negatives", type=int, help="negative rows of the test set")
    check.add_argument(
        "--average", choices=_AVERAGES, action="append", help="what precision, recall and F1 are (default: binary or mean)"
    )
    numbers = check.add_argument_group("printed numbers")
    for name, meaning in GLOSSARY.items():
        if name not in ("performance", "procedure", "setting"):
            option = f"--{name.replace('_', '-')}"
            numbers.add_argument(option, dest=f"number_{name}", metavar="X", help=meaning.meaning.replace("%", "%%"))
    check.set_defaults(run=_check)
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
        tally = counting.chance(own)
        print(
            f"{tally['tested']} results and sentences stand beside records; {tally['refuted']} of them are refuted under every "
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
    _lines("note", notes)
    return 0


def _lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"  {title}:")
        for line in lines:
            print(f"    - {line}")


def _check(arguments: argparse.Namespace) -> int:
    row = {
        name.removeprefix("number_"): value
        for name, value in vars(arguments).items()
        if name.startswith("number_") and value is not None
    }
    averages: Sequence[str] = arguments.average or ("binary", "mean")
    test_sets: list[Mapping[str, Any]] = []
    if arguments.positives is not None or arguments.negatives is not None:
        if arguments.positives is None or arguments.negatives is None:
            raise ValueError("give both --positives and --negatives, the rows of the test set, or none of them")
        test_sets = [{"positives": arguments.positives, "negatives": arguments.negatives}]
    if arguments.file is not None:
        if row:
            raise ValueError("give numbers or a file, not both")
        results = _check_file(arguments.file, arguments.average, test_sets)
    elif len(row) < 2:
        raise ValueError("a check needs at least two numbers, such as --precision 0.93 --recall 0.94 --f1 0.95, or a file")
    else:
        for name, value in row.items():
            GLOSSARY[name].interval(value)
        results = _stated(check_row(row, averages=averages, test_sets=test_sets), test_sets)
    return _report(results, arguments.json)


def _stated(results: list[CheckResult], test_sets: Sequence[Mapping[str, Any]]) -> list[CheckResult]:
    """Where the reader states the test set, "any size and balance" is no reading any more."""
    if not test_sets:
        return results
    return [one for one in results if not (one.check == "confusion-matrix" and one.reading.endswith("any size and balance"))]


def _check_file(path: Path, averages: Sequence[str] | None, test_sets: Sequence[Mapping[str, Any]]) -> list[CheckResult]:
    import yaml

    try:
        # Every scalar stays a string, so that 0.90 is not read as 0.9.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise ValueError(f"cannot read {path} ({error.strerror}); give a YAML file with 'rows'") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML ({str(error).splitlines()[0]}); see 'check --help'") from error
    if not isinstance(content, dict) or not ({"row", "rows"} & set(content)) or set(content) - set(_FILE_KEYS):
        raise ValueError(f"{path} needs 'rows' (or 'row') and may have 'averages' and 'test_sets'; see 'check --help'")
    rows = content.get("rows") or {"row": content["row"]}
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise ValueError(f"{path}: rows must map a name to numbers by quantity, as in rows: {{mine: {{precision: 0.93}}}}")
    for name, row in rows.items():
        for quantity, value in row.items():
            if quantity not in GLOSSARY:
                near = near_ids(quantity, GLOSSARY)
                hint = f"near are {', '.join(near)}" if near else f"there are {', '.join(GLOSSARY)}"
                raise ValueError(f"{path}, row {name}: unknown quantity {quantity!r}; {hint}")
            GLOSSARY[quantity].interval(value)
    chosen = averages or content.get("averages") or ("binary", "mean")
    if isinstance(chosen, str) or not set(chosen) <= set(_AVERAGES):
        raise ValueError(f"{path}: averages must be a list of {', '.join(_AVERAGES)}")
    sets = list(test_sets) or content.get("test_sets") or []
    try:
        sized = [{"positives": int(one["positives"]), "negatives": int(one["negatives"])} for one in sets]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: each of test_sets needs positives and negatives as whole numbers") from error
    return _stated(check_rows(rows, averages=chosen, test_sets=sized), sized)


def _report(results: Sequence[CheckResult], as_json: bool) -> int:
    failed = failed_groups(results)
    impossible = [group for group in failed if group[0].kind == "identity"]
    if as_json:
        plain = [
            {
                "check": one.check,
                "kind": one.kind,
                "passed": one.passed,
                "reading": one.reading,
                "assumptions": one.assumptions,
                "sentence": one.sentence,
                "probability": one.probability,
                "numbers": one.claims,
            }
            for one in results
        ]
        print(json.dumps({"possible": not impossible, "checks": plain}, ensure_ascii=False, indent=1))
        return IMPOSSIBLE if impossible else POSSIBLE
    for one in results:
        if one.check != "in-range" or not one.passed:
            print(f"{'agrees' if one.passed else 'FAILS '}  {one.check} ({one.reading}): {one.sentence}")
            if not one.passed:
                print(f"        assumed: {'; '.join(one.assumptions)}")
    if impossible:
        print("Impossible: these fail under every reading: " + ", ".join(sorted({group[0].check for group in impossible})) + ".")
    elif failed:
        print("Implausible, though possible: " + ", ".join(sorted({group[0].check for group in failed})) + ".")
    elif all(one.passed for one in results):
        print("All possible.")
    else:
        print("All possible, but not under every reading; what fails above tells which.")
    return IMPOSSIBLE if impossible else POSSIBLE


if __name__ == "__main__":
    sys.exit(_pipes.run(main))

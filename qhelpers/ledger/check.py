"""The command ``qhelpers check``: numbers of anyone's own paper, against each other."""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from qhelpers import _pipes
from qhelpers.ledger.checks import CLIFF, CheckResult, check_row, check_tables, check_together
from qhelpers.ledger.checks.scores import AVERAGES, MATRIX_METRICS, smallest_test_set, tied
from qhelpers.ledger.quantities import GLOSSARY
from qhelpers.ledger.tables import ALIASES, QUANTITIES, TESTS, Stated, Table, read_csv, read_yaml, typed_row

POSSIBLE, IMPOSSIBLE, BAD_USAGE, NOTHING_COMPARED = 0, 1, 2, 3
#: What a number could be compared with: the fewest others that a check ties it to.
PARTNERS: dict[str, tuple[str, ...]] = {
    "accuracy": ("points",),
    "balanced_accuracy": ("recall", "specificity"),
    "precision": ("recall", "f1"),
    "recall": ("precision", "f1"),
    "specificity": ("recall", "balanced_accuracy"),
    "f1": ("precision", "recall"),
    "f_beta": ("beta", "precision", "recall"),
    "beta": ("f_beta", "precision", "recall"),
    "proportion": ("points",),
    "points": ("accuracy",),
    "auc": ("recall", "specificity"),
    "mcc": ("recall", "specificity"),
    "r2": ("mse", "variance"),
    "rmse": ("mse",),
    "mse": ("rmse",),
    "mae": ("rmse",),
    "bias": ("mae",),
    "variance": ("mse", "r2"),
    "rmse_sd": ("rmse", "mse"),
    "mse_sd": ("rmse", "rmse_sd"),
    "cross_entropy": ("accuracy",),
    "base_rate": ("cross_entropy",),
    "t": ("p", "df"),
    "n": ("t", "p"),
    "df": ("t", "p"),
    "d": ("t", "n"),
    "p": ("t", "df"),
    "n_1": ("n_2", "t", "p"),
    "n_2": ("n_1", "t", "p"),
    "mean_1": ("sd_1", "n_1", "mean_2", "sd_2", "n_2", "t"),
    "sd_1": ("mean_1", "n_1", "mean_2", "sd_2", "n_2", "t"),
    "mean_2": ("sd_2", "n_2", "mean_1", "sd_1", "n_1", "t"),
    "sd_2": ("mean_2", "n_2", "mean_1", "sd_1", "n_1", "t"),
    "cliffs_delta": ("n_1", "n_2"),
    "m": ("p", "p_adjusted"),
    "p_adjusted": ("p", "m"),
    "mean_difference": ("sd_difference", "n", "t"),
    "sd_difference": ("mean_difference", "n", "t"),
    "estimate": ("ci_low", "ci_high"),
    "ci_low": ("ci_high", "estimate"),
    "ci_high": ("ci_low", "estimate"),
    "f_statistic": ("df_between", "df_within", "p"),
    "eta_squared": ("f_statistic", "df_between", "df_within"),
    "df_between": ("f_statistic", "df_within", "p"),
    "df_within": ("f_statistic", "df_between", "p"),
    "fps": ("latency",),
    "latency": ("fps",),
    "runtime": ("calls", "time_per_call"),
    "calls": ("runtime", "time_per_call"),
    "time_per_call": ("runtime", "calls"),
    "reads": ("runtime", "updates", "time_per_read"),
    "updates": ("runtime", "reads", "time_per_read"),
    "time_per_read": ("runtime", "reads", "updates"),
}
_EPILOG = """\
examples:
  qhelpers check --accuracy 94.1 --precision 93 --recall 94 --f1 95
  qhelpers check --accuracy 0.519 --points 28
  qhelpers check --t -2.2 --df 14 --p .045
  qhelpers check table.csv --positives 120 --negatives 80
  qhelpers check paper.yaml --junit report.xml

A CSV has a header and one row a model; columns are recognised by their names. A YAML has 'rows: {mine: {precision: 0.93, ...}}'
or 'tables: {Table 1: {rows: ...}}', and may say test_sets, averages, runs, folds and test.

Exit code 0: all possible; 1: impossible; 2: bad usage; 3: nothing was compared, because no check ties these numbers.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors raise instead of leaving the program, so that `main` returns a code."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}\nsee: {self.prog} --help")


@dataclass(frozen=True)
class Finding:
    """One check of some numbers, under all its readings.

    Parameters
    ----------
    results : tuple of CheckResult
        A reading each.
    """

    results: tuple[CheckResult, ...]

    @property
    def verdict(self) -> str:
        """``agrees``, ``depends`` on the reading, ``impossible`` or ``implausible``."""
        failing = [one for one in self.results if not one.passed]
        if not failing:
            return "agrees"
        if len(failing) < len(self.results):
            return "depends"
        return "impossible" if any(one.kind == "identity" for one in failing) else "implausible"


@dataclass(frozen=True)
class Report:
    """What the checks found.

    Parameters
    ----------
    findings : tuple of Finding
        Ranges that hold are not among them.
    alone : mapping of str to tuple of str
        Numbers that nothing was compared with, and what would tie each.
    answers : tuple of str
        What rows say of the test set that they do not name.
    remarks : tuple of str
        How numbers were read.
    compared : int
        How many numbers were compared.
    """

    findings: tuple[Finding, ...]
    alone: Mapping[str, tuple[str, ...]]
    answers: tuple[str, ...]
    remarks: tuple[str, ...]
    compared: int

    @property
    def code(self) -> int:
        """Exit code."""
        if any(one.verdict == "impossible" for one in self.findings):
            return IMPOSSIBLE
        return POSSIBLE if self.compared else NOTHING_COMPARED


def check(tables: Sequence[Table]) -> Report:
    """All checks of tables of printed numbers.

    Parameters
    ----------
    tables : sequence of Table
        Read by :mod:`qhelpers.ledger.tables`.

    Returns
    -------
    Report
    """
    results: list[CheckResult] = []
    compared: set[str] = set()
    cells: dict[str, tuple[Table, str, str]] = {}
    answers = []
    for table in tables:
        place = f"{table.name}." if table.name else ""
        for name, row in table.rows.items():
            stated = table.of_rows.get(name, table.stated)
            prefix = f"{place}{name}." if name else place
            found = check_row(row, **stated.checked(row))
            results += [one.tie(tuple(f"{prefix}{quantity}" for quantity in one.claims)) for one in found]
            cells |= {f"{prefix}{quantity}": (table, name, quantity) for quantity in row}
            compared |= {f"{prefix}{quantity}" for quantity in _compared(found, row)}
            answers += _answers(prefix.rstrip("."), row, stated, found)
        if len(table.rows) > 1:
            together = [one.tie(tuple(f"{place}{cell}" for cell in one.claims)) for one in check_together(table.rows)]
            results += together
            # That rows are not copies of each other says nothing of a number.
            compared |= {cell for one in together if one.number != 12 for cell in one.claims}
    if len(tables) > 1:
        results += check_tables({table.name or "rows": table.rows for table in tables})
    kept = [one for one in results if one.check != "in-range" or not one.passed]
    groups: dict[tuple[str, tuple[str, ...]], list[CheckResult]] = {}
    for one in kept:
        groups.setdefault((one.check, one.claims), []).append(one)
    alone = {
        cell: tuple(name for name in PARTNERS.get(quantity, ()) if name not in table.rows[name_of_row])
        for cell, (table, name_of_row, quantity) in cells.items()
        if cell not in compared
    }
    remarks = tuple(itertools.chain.from_iterable(table.remarks for table in tables))
    return Report(tuple(Finding(tuple(group)) for group in groups.values()), alone, tuple(answers), remarks, len(compared))


def _compared(found: Sequence[CheckResult], row: Mapping[str, str]) -> set[str]:
    """The quantities of a row that some check could have found impossible, or implausible."""
    compared: set[str] = set()
    for one in found:
        if one.check == "in-range":
            compared |= set() if one.passed else set(one.claims)
        elif one.check in ("confusion-matrix", "auc-and-operating-point") and (
            "any size" in one.reading or one.reading == "mean"
        ):
            continue
        else:
            compared |= set(one.claims) | set(one.details.get("compared", ()))
            compared |= {"points"} & set(row) if one.check == "confusion-matrix" else set()
    if any(one.check in ("confusion-matrix", "auc-and-operating-point") for one in found):
        compared |= tied(row) | ({"beta"} & set(row) if "f_beta" in compared else set())
    return compared


def _answers(name: str, row: Mapping[str, str], stated: Stated, found: Sequence[CheckResult]) -> list[str]:
    """The smallest test set that gives a row, and the shares of positives, where none is stated."""
    metrics = [metric for metric in MATRIX_METRICS if metric in row]
    scores = dict(row) if metrics else {"accuracy": row["proportion"]} if "proportion" in row else {}
    sized = stated.test_sets or "points" in row or ("proportion" in row and "n" in row)
    if not scores or sized or "binary" not in (stated.averages or ("binary",)):
        return []
    if any(one.check == "in-range" and not one.passed for one in found):
        return []
    answer = smallest_test_set(scores)
    if answer is None:
        return []
    matrix, share = answer
    place = f"{name}: " if name else ""
    one_class = "as numbers of one class they need" if len(metrics) > 1 else "it needs"
    if matrix is None:
        told = f"{place}{one_class} more than 400 test rows"
    else:
        cells = ", ".join(f"{key.upper()} {count}" for key, count in matrix.items())
        told = f"{place}{one_class} at least {sum(matrix.values())} test rows ({cells} would do)"
    if share.width < 0.99:
        told += f", of which {share.lo:.1%} to {share.hi:.1%} are positive"
    return [told]


def text(report: Report) -> str:
    """A report in words: a line a check, what was assumed, what would decide, what was not compared."""
    lines = [f"read      {remark}" for remark in report.remarks]
    for one in report.findings:
        lines += _lines(one)
    lines += [f"says      {answer}" for answer in report.answers]
    lines += [f"alone     {told}" for told in _alone(report)]
    failed = {verdict: sorted({one.results[0].check for one in report.findings if one.verdict == verdict}) for verdict in _WORDS}
    if failed["impossible"]:
        lines.append(f"Impossible: these fail under every reading: {', '.join(failed['impossible'])}.")
    elif failed["implausible"]:
        lines.append(f"Implausible, though possible: {', '.join(failed['implausible'])}.")
    elif not report.compared:
        lines.append("Nothing was compared: no check ties these numbers to each other.")
    elif failed["depends"]:
        lines.append("All possible, but not under every reading; what fails above tells which.")
    else:
        lines.append("All possible." if not report.alone else "All that was compared is possible.")
    return "\n".join(lines)


_WORDS = {"agrees": "agrees", "depends": "depends", "impossible": "FAILS", "implausible": "doubtful"}


def _lines(finding: Finding) -> list[str]:
    """One check in words."""
    results, verdict = finding.results, finding.verdict
    first = next((one for one in results if one.passed), results[0])
    where = sorted({cell.rpartition(".")[0] for cell in first.claims})
    place = f"{' and '.join(where)}: " if where != [""] and len(where) < 3 else ""
    lines = [f"{_WORDS[verdict]:9} {first.check} ({first.reading}): {place}{first.sentence}"]
    indent = " " * 10
    others = [one for one in results if one is not first]
    if verdict == "depends":
        lines += [f"{indent}fails ({one.reading}): {one.sentence}" for one in others if not one.passed]
        passing = "; ".join(one.reading for one in results if one.passed)
        failing = "; ".join(one.reading for one in results if not one.passed)
        lines.append(f"{indent}would decide: whether the text means {passing}, or {failing}{_option(first)}")
    elif verdict in ("impossible", "implausible"):
        lines.append(f"{indent}assumed: {'; '.join(first.assumptions)}")
        lines += [f"{indent}nor ({one.reading}): {one.sentence}" for one in others]
    elif "any size" in first.reading:
        lines.append(f"{indent}would decide: the rows of both classes (--positives, --negatives), or of the test set (--points)")
    else:
        lines.append(f"{indent}assumed: {'; '.join(first.assumptions)}")
    return lines


def _option(result: CheckResult) -> str:
    """How the command is told which reading is meant."""
    if result.check in (
        "confusion-matrix",
        "f1-from-precision-recall",
        "f-beta-from-precision-recall",
        "auc-and-operating-point",
    ):
        return " (--average; --runs or --folds; --positives and --negatives)"
    return {"mse-from-rmse": " (--runs or --folds)", "smallest-p": " (--test)"}.get(result.check, "")


def _alone(report: Report) -> list[str]:
    """Numbers that were not compared, each with what would tie it."""
    told = []
    for cell, partners in report.alone.items():
        row, _, quantity = cell.rpartition(".")
        name = f"{row} {quantity}".strip()
        needs = f"; would be with {', '.join(partners)}" if partners else ""
        told.append(f"{name} was not compared with anything{needs}")
    return told


def to_json(report: Report) -> dict[str, Any]:
    """A report as a plain object; ``possible`` is null where nothing was compared."""
    return {
        "possible": {POSSIBLE: True, IMPOSSIBLE: False}.get(report.code),
        "read": list(report.remarks),
        "not_compared": {cell: list(partners) for cell, partners in report.alone.items()},
        "says": list(report.answers),
        "checks": [
            {
                "check": one.check,
                "kind": one.kind,
                "verdict": finding.verdict,
                "passed": one.passed,
                "reading": one.reading,
                "assumptions": one.assumptions,
                "sentence": one.sentence,
                "probability": one.probability,
                "numbers": one.claims,
            }
            for finding in report.findings
            for one in finding.results
        ],
    }


def to_junit(report: Report) -> str:
    """A report as JUnit XML: a test case a check, failed if the numbers are impossible or implausible; alone is skipped."""
    from xml.etree import ElementTree

    failures = sum(one.verdict in ("impossible", "implausible") for one in report.findings)
    count = len(report.findings) + len(report.alone)
    suite = ElementTree.Element(
        "testsuite", name="qhelpers check", tests=str(count), failures=str(failures), errors="0", skipped=str(len(report.alone))
    )
    for one in report.findings:
        first = one.results[0]
        case = ElementTree.SubElement(suite, "testcase", classname=", ".join(first.claims), name=first.check)
        told = "\n".join(_lines(one))
        if one.verdict in ("impossible", "implausible"):
            ElementTree.SubElement(case, "failure", type=one.verdict, message=first.sentence).text = told
        else:
            ElementTree.SubElement(case, "system-out").text = told
    for cell, told in zip(report.alone, _alone(report), strict=True):
        case = ElementTree.SubElement(suite, "testcase", classname=cell, name="not-compared")
        ElementTree.SubElement(case, "skipped", message=told)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command, for ``qhelpers check`` and ``qhelpers ledger check`` alike."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Checks printed numbers against each other. Give them as they are printed, to the letter."
    parser.epilog = _EPILOG
    parser.add_argument("file", nargs="?", type=Path, help="a table as CSV, or the YAML of a paper")
    stated = parser.add_argument_group("what the text says of them")
    stated.add_argument("--positives", type=int, metavar="N", help="positive rows of the test set")
    stated.add_argument("--negatives", type=int, metavar="N", help="negative rows of the test set")
    stated.add_argument("--runs", type=int, metavar="N", help="the scores are means over so many runs")
    stated.add_argument("--folds", type=int, metavar="N", help="the scores are means over so many folds")
    stated.add_argument(
        "--average", choices=AVERAGES, action="append", help="what precision, recall and F1 are (default: each that is possible)"
    )
    stated.add_argument("--test", choices=TESTS, help="the test that p comes from")
    stated.add_argument("--magnitude", choices=CLIFF, help="the word for Cliff's δ")
    output = parser.add_argument_group("output")
    output.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")
    numbers = parser.add_argument_group("printed numbers")
    others: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        if name in QUANTITIES and len(alias) > 2 and alias != name:
            others.setdefault(name, []).append(f"--{alias}")
    for name in QUANTITIES:
        options = [f"--{name.replace('_', '-')}", *others.get(name, ())]
        numbers.add_argument(*options, dest=f"number_{name}", metavar="X", help=GLOSSARY[name].meaning.replace("%", "%%"))


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns its exit code.

    Raises
    ------
    ValueError
        For numbers or files that cannot be read.
    """
    given = {
        name.removeprefix("number_"): value
        for name, value in vars(arguments).items()
        if name.startswith("number_") and value is not None
    }
    sets: list[Mapping[str, int]] = []
    if arguments.positives is not None or arguments.negatives is not None:
        if arguments.positives is None or arguments.negatives is None:
            raise ValueError("give both --positives and --negatives, the rows of the test set, or none of them")
        sets = [{"positives": arguments.positives, "negatives": arguments.negatives}]
    for name in ("positives", "negatives", "runs", "folds"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            raise ValueError(f"--{name} is {getattr(arguments, name)}; it must be at least 1")
    stated = Stated(tuple(arguments.average or ()), tuple(sets), arguments.runs, arguments.folds, arguments.test)
    if arguments.magnitude is not None:
        given["magnitude"] = arguments.magnitude
    if arguments.file is not None:
        if given:
            raise ValueError("give numbers or a file, not both")
        as_table = arguments.file.suffix.lower() in (".csv", ".tsv", ".txt")
        tables = [read_csv(arguments.file, stated)] if as_table else read_yaml(arguments.file, stated)
    elif not given:
        raise ValueError("give numbers, such as --precision 0.93 --recall 0.94 --f1 0.95, or a file; see check --help")
    else:
        row, remarks = typed_row(given)
        tables = [Table("", {"": row}, stated, {}, tuple(remarks))]
    report = check(tables)
    if arguments.junit is not None:
        arguments.junit.write_text(to_junit(report), encoding="utf-8")
    print(json.dumps(to_json(report), ensure_ascii=False, indent=1) if arguments.json else text(report))
    return report.code


def negative_numbers(argv: Sequence[str]) -> list[str]:
    """Arguments in which a number that begins with a minus is not taken for an option."""
    return [f"−{one[1:]}" if re.match(r"-[\d.]", one) else one for one in argv]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``qhelpers check``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the command; those of the process by default.

    Returns
    -------
    int
        0 all possible, 1 impossible, 2 bad usage or a library that is not there, 3 nothing was compared.
    """
    parser = _Parser(prog="qhelpers check", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_arguments(parser)
    try:
        return run(parser.parse_args(negative_numbers(sys.argv[1:] if argv is None else argv)))
    except (ValueError, OSError, ImportError) as error:
        print(f"check: {error}", file=sys.stderr)
        return BAD_USAGE
    except SystemExit as stop:  # --help
        return int(stop.code or 0)


if __name__ == "__main__":
    sys.exit(_pipes.run(main))

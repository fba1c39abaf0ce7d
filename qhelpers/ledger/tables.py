"""Numbers, rows and tables as people type them: on a command line, as CSV, or as the YAML of a paper."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qhelpers.ledger.checks.scores import AVERAGES
from qhelpers.ledger.intervals import printed_value
from qhelpers.ledger.quantities import GLOSSARY
from qhelpers.ledger.statements import near_ids

TESTS = ("t", "wilcoxon", "sign", "permutation")
#: What stands beside the numbers of a row: whole numbers on how they came about.
SETTINGS = ("positives", "negatives", "runs", "folds")
_NO_QUANTITY = ("performance", "procedure", "setting", "citation", "year")
QUANTITIES = tuple(name for name in GLOSSARY if name not in _NO_QUANTITY)

# Other names, without spaces and signs.
ALIASES = {
    "acc": "accuracy",
    "testacc": "accuracy",
    "bacc": "balanced_accuracy",
    "bac": "balanced_accuracy",
    "balancedacc": "balanced_accuracy",
    "prec": "precision",
    "pr": "precision",
    "ppv": "precision",
    "rec": "recall",
    "re": "recall",
    "sens": "recall",
    "sensitivity": "recall",
    "tpr": "recall",
    "spec": "specificity",
    "tnr": "specificity",
    "f1": "f1",
    "f": "f1",
    "f1score": "f1",
    "fscore": "f1",
    "fmeasure": "f1",
    "auroc": "auc",
    "rocauc": "auc",
    "aucroc": "auc",
    "roc": "auc",
    "matthews": "mcc",
    "rsquared": "r2",
    "pvalue": "p",
    "pval": "p",
    "tstatistic": "t",
    "tvalue": "t",
    "cohensd": "d",
    "cohend": "d",
    "fstatistic": "f_statistic",
    "fvalue": "f_statistic",
    "df1": "df_between",
    "df2": "df_within",
    "n1": "n_1",
    "n2": "n_2",
    "mean1": "mean_1",
    "mean2": "mean_2",
    "sd1": "sd_1",
    "sd2": "sd_2",
    "lower": "ci_low",
    "upper": "ci_high",
    "etasquared": "eta_squared",
    "eta2": "eta_squared",
    "cliff": "cliffs_delta",
    "delta": "cliffs_delta",
    "rows": "points",
    "samples": "points",
    "testsize": "points",
    "support": "points",
    "pos": "positives",
    "neg": "negatives",
}
_F_BETA = re.compile(r"f(2|0\.5|05|½)(?:score|measure)?$")
_MINUS = str.maketrans("−–‒﹣－", "-----")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_POWER = re.compile(r"\s*[×x·*⋅]\s*10\s*(?:\^|\*\*)?\s*\{?\s*([-+]?\d+)\s*\}?", re.IGNORECASE)
_NAMES = ("", "model", "models", "method", "methods", "name", "algorithm", "classifier", "approach", "network", "system")
_EMPTY = ("", "-", "—", "–", "n/a", "na", "nan", "none", "?")


@dataclass(frozen=True)
class Stated:
    """What a text says of how its numbers came about.

    Parameters
    ----------
    averages : tuple of str
        What precision, recall and F1 are; empty where nothing is said.
    test_sets : tuple of mapping
        Test sets that it allows, each ``positives`` and ``negatives``, or ``points``.
    runs, folds : int, optional
        Of which scores are means.
    test : str, optional
        The test that p-values come from.
    """

    averages: tuple[str, ...] = ()
    test_sets: tuple[Mapping[str, int], ...] = ()
    runs: int | None = None
    folds: int | None = None
    test: str | None = None

    def checked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of :func:`qhelpers.ledger.checks.check_row` for a row.

        A stated test set leaves no room for means over folds or runs unless those are stated too; means over its two classes
        are tried.
        """
        sets = self.test_sets or ((({"points": round(printed_value(row["points"]))},)) if "points" in row else ())
        means = (self.runs or 1) > 1 or (self.folds or 1) > 1
        averages: tuple[str, ...] = ("binary", "mean")
        if any("positives" in one for one in sets):
            averages = (*AVERAGES[:3], *(("mean",) if means else ()))
        return {
            "averages": self.averages or averages,
            "test_sets": sets,
            "stated": bool(sets),
            "means": means,
            "runs": self.runs if not self.folds else None,
            "test": self.test,
        }


@dataclass(frozen=True)
class Table:
    """Rows of numbers, what is said of them, and how they were read.

    Parameters
    ----------
    name : str
        Of the table; empty for numbers of the command line.
    rows : mapping of str to row
        Canonical text by quantity, by name of the row.
    stated : Stated
        Of the whole table.
    of_rows : mapping of str to Stated
        Of a row, where it differs.
    remarks : tuple of str
        What was read otherwise than it stands there, or not at all.
    """

    name: str
    rows: Mapping[str, Mapping[str, str]]
    stated: Stated
    of_rows: Mapping[str, Stated]
    remarks: tuple[str, ...] = ()


def typed(text: str, quantity: str) -> tuple[str, str | None]:
    """A number as people type it, in the form in which it is a printed number.

    Parameters
    ----------
    text : str
        Such as ``"94.1"`` for a score, ``"1,000"``, ``"1.6×10^-6"``, ``"<.001"``, ``"−2.5"`` with a Unicode minus, ``"0,95"``.
    quantity : str
        From the glossary.

    Returns
    -------
    text : str
        For :func:`qhelpers.ledger.intervals.printed_interval`.
    remark : str or None
        What was decided, where it could have been meant otherwise.

    Raises
    ------
    ValueError
        If it is no number.
    """
    meaning = GLOSSARY[quantity]
    plain = str(text).strip().strip("*_$†‡ ").translate(_MINUS).replace("\u00a0", " ").replace("\u202f", "").replace("\\%", "%")
    plain = re.sub(r"^(?:p|t|n|d|f|df)?\s*(=|≈|~|(?=[<>≤≥]))\s*", "", plain, flags=re.IGNORECASE)
    plain = plain.replace("<=", "≤").replace(">=", "≥")
    plain = _POWER.sub(r"e\1", plain.translate(_RAISED) if "10" in plain else plain)
    plain = re.sub(r"\s*(?:per ?cent|pct\.?)$", "%", plain, flags=re.IGNORECASE)
    remark = None
    share = meaning.score or meaning.unit == "share"
    comma = re.fullmatch(r"([<≤>≥]?\s*-?)(\d*),(\d+)(\s*%?)", plain)
    if comma and (len(comma[3]) != 3 or comma[2] in ("", "0") or (share and not comma[4])):
        plain = f"{comma[1]}{comma[2] or '0'}.{comma[3]}{comma[4]}"
        remark = f"{quantity} {text.strip()} is read with a decimal comma"
    value = printed_value(plain)
    if share and "%" not in plain and 1 < abs(value) <= 100:
        plain, remark = f"{plain}%", f"{quantity} {text.strip()} is read as {plain} %"
    return plain, remark


def typed_row(given: Mapping[str, str], where: str = "") -> tuple[dict[str, str], list[str]]:
    """A row of numbers as typed, by quantity or another name of it; and what was decided in reading it.

    Raises
    ------
    ValueError
        If a name is no quantity, or a text no number.
    """
    row, remarks = {}, []
    for name, text in given.items():
        if name == "magnitude":
            row[name] = str(text).strip().lower()
            continue
        found = recognised(name)
        if found is None or found[0] not in QUANTITIES:
            near = near_ids(name, GLOSSARY)
            hint = f"near are {', '.join(near)}" if near else f"there are {', '.join(QUANTITIES)}"
            raise ValueError(f"{where}unknown quantity {name!r}; {hint}")
        try:
            row[found[0]], remark = typed(text, found[0])
        except ValueError as error:
            raise ValueError(f"{where}{name}: {error}") from error
        row |= found[1]
        remarks += [where + remark] if remark else []
    return row, remarks


def recognised(header: str) -> tuple[str, dict[str, str]] | None:
    """The quantity or setting that a header names, and what it says beside (the β of "F2"); None for any other."""
    name = re.sub(r"\(.*?\)|\[.*?\]", "", header).strip().lower().replace("²", "2").replace("^", "").replace("'", "")
    if name.replace(" ", "_").replace("-", "_") in (*QUANTITIES, *SETTINGS):
        return name.replace(" ", "_").replace("-", "_"), {}
    bare = re.sub(r"[\s_\-.%↑↓*$\\{}:,]", "", name)
    beta = _F_BETA.fullmatch(bare) or _F_BETA.fullmatch(re.sub(r"\s", "", name))
    if beta:
        return "f_beta", {"beta": "2" if beta[1] == "2" else "0.5"}
    for one in (bare, bare.removeprefix("test"), bare.removesuffix("score")):
        if one in ALIASES:
            return ALIASES[one], {}
        for known in (*QUANTITIES, *SETTINGS):
            if one == known.replace("_", ""):
                return known, {}
    return None


def read_csv(path: Path, stated: Stated) -> Table:
    """A table as CSV: a header, then one row a model.

    Columns are recognised by their names; the first one that is not a number names the rows. A per cent sign or a unit of time
    in brackets holds for the column, and a cell with ± is a mean over runs.

    Parameters
    ----------
    path : Path
        Separated by commas, semicolons or tabs.
    stated : Stated
        What is known beside; columns ``positives``, ``negatives``, ``points``, ``runs`` and ``folds`` say it for a row.

    Raises
    ------
    ValueError
        If the file cannot be read, no column is recognised, or a cell is no number.
    """
    lines = [line for line in _text(path).splitlines() if line.strip()]
    if len(lines) < 2:
        raise ValueError(f"{path} needs a header and at least one row")
    separator = max("\t;,", key=lines[0].count)
    header, *body = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    columns = {i: found for i, name in enumerate(header) if (found := recognised(name)) is not None}
    if not columns:
        raise ValueError(f"{path}: none of the columns {', '.join(header)} is recognised; there are {', '.join(QUANTITIES)}")
    labels = [i for i, name in enumerate(header) if i not in columns]
    named = next((i for i in labels if header[i].strip().lower() in _NAMES), labels[0] if labels else None)
    remarks = [f"column {header[i]!r} is not recognised and was left out" for i in labels if i != named]
    rows: dict[str, dict[str, str]] = {}
    of_rows: dict[str, Stated] = {}
    for number, cells in enumerate(body, start=1):
        name = cells[named].strip() if named is not None and named < len(cells) else f"row {number}"
        name = name if name and name not in rows else f"{name or 'row'} {number}".strip()
        given: dict[str, str] = {}
        settings: dict[str, int] = {}
        for i, (quantity, beside) in columns.items():
            text = cells[i].strip() if i < len(cells) else ""
            if text.lower() in _EMPTY:
                continue
            if quantity in SETTINGS:
                settings[quantity] = _whole(text, f"{path}, row {name}: {quantity}")
                continue
            value, _, spread = text.partition("±")
            unit = _unit(header[i], value)
            given |= {quantity: f"{value.strip()}{unit}"} | beside
            if spread:
                settings.setdefault("runs", 2)
                remarks.append(f"{name}: {quantity} {text} is read as a mean over runs")
                if f"{quantity}_sd" in GLOSSARY:
                    given[f"{quantity}_sd"] = f"{spread.strip()}{unit}"
        rows[name], told = typed_row(given, f"{name}: ")
        remarks += told
        if settings:
            of_rows[name] = _with(stated, settings)
    return Table("", rows, stated, of_rows, tuple(remarks))


def read_yaml(path: Path, stated: Stated) -> list[Table]:
    """The YAML of a paper: ``row``, ``rows`` or ``tables``, and what is said of them.

    Parameters
    ----------
    path : Path
        A mapping with one of ``row`` (numbers by quantity), ``rows`` (such rows by name) and ``tables`` (by name, each with
        ``rows`` and what differs for it), and any of ``averages``, ``test_sets``, ``test_set``, ``runs``, ``folds``, ``test``.
    stated : Stated
        What the command line says; it goes before the file.

    Raises
    ------
    ValueError
        If the file cannot be read or is not like that.
    """
    import yaml

    try:
        # Every scalar stays a string, so that 0.90 is not read as 0.9.
        content = yaml.load(_text(path), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML ({str(error).splitlines()[0]}); see 'check --help'") from error
    places = {"row", "rows", "tables"}
    said = {"averages", "test_sets", "test_set", "runs", "folds", "test"}
    if not isinstance(content, dict) or not places & set(content) or set(content) - places - said - {"paper", "title"}:
        raise ValueError(
            f"{path} needs 'rows', 'row' or 'tables' and may have {', '.join(sorted(said))}, paper and title; see 'check --help'"
        )
    whole = _said(content, stated, path)
    tables = []
    if "row" in content or "rows" in content:
        tables.append(_table("", content, whole, path))
    for name, table in (content.get("tables") or {}).items():
        if not isinstance(table, dict) or "rows" not in table or set(table) - said - {"rows"}:
            raise ValueError(f"{path}, table {name}: needs 'rows' and may have {', '.join(sorted(said))}")
        tables.append(_table(str(name), table, _said(table, whole, path, stated), path))
    return tables


def _table(name: str, content: Mapping[str, Any], stated: Stated, path: Path) -> Table:
    rows = content.get("rows") or {"row": content.get("row")}
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise ValueError(f"{path}: rows must map a name to numbers by quantity, as in rows: {{mine: {{precision: 0.93}}}}")
    read: dict[str, dict[str, str]] = {}
    of_rows: dict[str, Stated] = {}
    remarks: list[str] = []
    for label, row in rows.items():
        settings = {key: _whole(row[key], f"{path}, row {label}: {key}") for key in SETTINGS if key in row}
        numbers = {key: value for key, value in row.items() if key not in SETTINGS}
        read[str(label)], found = typed_row(numbers, f"row {label}, ")
        remarks += found
        if settings:
            of_rows[str(label)] = _with(stated, settings)
    return Table(name, read, stated, of_rows, tuple(remarks))


def _said(content: Mapping[str, Any], stated: Stated, path: Path, first: Stated | None = None) -> Stated:
    """What a file says, where the command line (``first``) does not say it."""
    first = stated if first is None else first
    averages = content.get("averages") or ()
    if isinstance(averages, str) or not set(averages) <= set(AVERAGES):
        raise ValueError(f"{path}: averages must be a list of {', '.join(AVERAGES)}")
    test = content.get("test")
    if test is not None and test not in TESTS:
        raise ValueError(f"{path}: test is {test!r}; choose one of {', '.join(TESTS)}")
    sets: Sequence[Any] = content.get("test_sets") or ([content["test_set"]] if content.get("test_set") else [])
    sized = []
    for one in sets:
        given = {key: one[key] for key in ("positives", "negatives", "points") if isinstance(one, dict) and key in one}
        if set(given) not in ({"positives", "negatives"}, {"points"}):
            raise ValueError(f"{path}: each of test_sets needs positives and negatives as whole numbers, or points")
        sized.append({key: _whole(value, f"{path}: {key}") for key, value in given.items()})
    counts = {key: _whole(content[key], f"{path}: {key}") for key in ("runs", "folds") if key in content}
    return Stated(
        first.averages or tuple(averages) or stated.averages,
        first.test_sets or tuple(sized) or stated.test_sets,
        first.runs or counts.get("runs") or stated.runs,
        first.folds or counts.get("folds") or stated.folds,
        first.test or test or stated.test,
    )


def _with(stated: Stated, settings: Mapping[str, int]) -> Stated:
    """What is said of a table, and of one row beside."""
    counts = {key: settings[key] for key in ("positives", "negatives") if key in settings}
    if len(counts) == 1:
        raise ValueError("give both positives and negatives, the rows of the test set, or none of them")
    return replace(
        stated,
        test_sets=(counts,) if counts else stated.test_sets,
        runs=settings.get("runs", stated.runs),
        folds=settings.get("folds", stated.folds),
    )


def _whole(text: str, where: str) -> int:
    try:
        value = printed_value(str(text).strip())
    except ValueError as error:
        raise ValueError(f"{where} is {text!r}; give whole numbers") from error
    if value != int(value) or value < 1:
        raise ValueError(f"{where} is {text!r}; give whole numbers of at least 1")
    return int(value)


def _unit(header: str, text: str) -> str:
    """The unit that a header gives a cell which has none."""
    if "%" in header and "%" not in text:
        return "%"
    unit = re.search(r"[(\[]\s*(ms|µs|us|ns|s|min|h)\s*[)\]]", header)
    return f" {unit[1]}" if unit and not re.search(r"[a-z]", text) else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise ValueError(f"cannot read {path} ({reason}); give a YAML file with 'rows', or a table as CSV") from error

"""Which checks apply to which numbers: decided by the quantities that stand together, never by a list of claims."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qhelpers.ledger.checks import consistency, errors, inference, scores
from qhelpers.ledger.checks.result import CheckResult, Printed, read
from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.predicates import Term, evaluate, terms
from qhelpers.ledger.quantities import GLOSSARY
from qhelpers.ledger.statements import Claim, Paper

Row = Mapping[str, Printed]
DEFAULT_AVERAGES = ("binary", "mean")

# Names that stand together → the check that ties them.
_PAIRS: list[tuple[tuple[str, ...], Callable[..., CheckResult]]] = [
    (("mae", "rmse"), errors.mae_at_most_rmse),
    (("bias", "mae"), errors.bias_at_most_mae),
    (("rmse", "rmse_sd", "mse_sd"), errors.mse_spread),
    (("fps", "latency"), consistency.frames_and_latency),
    (("runtime", "calls", "time_per_call"), consistency.runtime_from_calls),
    (("runtime", "reads", "updates", "time_per_read"), consistency.training_time),
    (("cross_entropy", "accuracy"), inference.cross_entropy_accuracy),
    (("cross_entropy", "base_rate"), inference.cross_entropy_base_rate),
]


def check_row(
    row: Row, *, averages: Sequence[str] = DEFAULT_AVERAGES, test_sets: Sequence[Mapping[str, Any]] = ()
) -> list[CheckResult]:
    """All checks of one row of printed numbers.

    Parameters
    ----------
    row : mapping of str to printed number
        By quantity of the glossary.
    averages : sequence of {"binary", "macro", "mean"}
        What precision, recall and F1 may be; a number is impossible only if it is under all of them.
    test_sets : sequence of mapping
        Test sets that the text allows: ``positives`` and ``negatives``. The reading "any size and balance" is always tried
        beside them.

    Returns
    -------
    list of CheckResult
        ``claims`` of each names the quantities that it ties.
    """
    results = [errors.in_range(name, value).tie((name,)) for name, value in row.items() if name in GLOSSARY]
    has = row.keys()
    if {"precision", "recall", "f1"} <= has:
        for average in averages:
            one = scores.f1_from_precision_recall(row["precision"], row["recall"], row["f1"], average)
            results.append(one.tie(("precision", "recall", "f1")))
    results += _matrices(row, averages, test_sets)
    if "accuracy" in has:
        for test_set in test_sets:
            counts = (int(test_set["positives"]), int(test_set["negatives"]))
            results.append(scores.against_trivial_rules(row["accuracy"], counts).tie(("accuracy",)))
    if {"rmse", "rmse_sd", "mse"} <= has:
        runs = round(read(row["n"], "rounded").mid) if "n" in has else None
        one = errors.mean_mse_from_rmse(row["rmse"], row["rmse_sd"], row["mse"], runs, any_runs=runs is None)
        results.append(one.tie(("rmse", "rmse_sd", "mse")))
    elif {"rmse", "mse"} <= has:
        results += [errors.mse_from_rmse(row["rmse"], row["mse"], mean).tie(("rmse", "mse")) for mean in (False, True)]
    for names, check in _PAIRS:
        if set(names) <= has:
            results.append(check(*(row[name] for name in names)).tie(names))
    results += [one.tie(tuple(name for name in row if name in _STATISTICS)) for one in inference.all_statistics(row)]
    return results


_STATISTICS = (
    *("t", "d", "n", "p", "m", "p_adjusted", "mean_difference", "sd_difference", "ci_low", "ci_high"),
    *("f_statistic", "eta_squared", "df_between", "df_within"),
)


def check_rows(
    rows: Mapping[str, Row], *, averages: Sequence[str] = DEFAULT_AVERAGES, test_sets: Sequence[Mapping[str, Any]] = ()
) -> list[CheckResult]:
    """All checks of a table: of each row, and of the rows together.

    Parameters
    ----------
    rows : mapping of str to row
        By name of the row.
    averages, test_sets
        As in :func:`check_row`.

    Returns
    -------
    list of CheckResult
        ``claims`` of each names cells as ``row.quantity``.
    """
    results = []
    for name, row in rows.items():
        for result in check_row(row, averages=averages, test_sets=test_sets):
            results.append(result.tie(tuple(f"{name}.{quantity}" for quantity in result.claims)))
    if len(rows) > 1:
        results += _table(rows)
    return results


def check_claims(paper: Paper, sized: bool = True) -> list[CheckResult]:
    """All checks of one paper's claims.

    Parameters
    ----------
    paper : Paper
        With its tables and protocol.
    sized : bool
        Also look for confusion matrices of the test sets that the text allows. They are readings beside "any size and
        balance", which fails only where all of them fail: without them no verdict changes, and the library that looks for
        them need not be loaded.

    Returns
    -------
    list of CheckResult
        ``claims`` of each holds ids.
    """
    averages = tuple(paper.protocol.get("averages", DEFAULT_AVERAGES))
    test_sets = list(paper.protocol.get("test_sets", [])) if sized else []
    numbers = [claim for claim in paper.claims if claim.kind == "number" and claim.printed is not None]
    results: list[CheckResult] = []
    tables: dict[str, dict[str, dict[str, Claim]]] = {}
    for (place, _), group in _grouped(numbers, lambda claim: (claim.place, _subject(claim))).items():
        row: dict[str, Claim] = {}
        for claim in group:
            row.setdefault(claim.quantity, claim)
        if place in paper.tables:
            label = str(group[0].of.get(paper.tables[place].get("row", "model"), group[0].where))
            tables.setdefault(place, {})[label] = row
        printed = {name: _printed(claim) for name, claim in row.items()}
        for result in check_row(printed, averages=averages, test_sets=test_sets):
            results.append(result.tie(tuple(row[name].id for name in result.claims)))
        for claim in group:
            if row[claim.quantity] is not claim:
                results.append(errors.in_range(claim.quantity, _printed(claim)).tie((claim.id,)))
    for place, rows in tables.items():
        columns = tuple(paper.tables[place].get("columns", ()))
        if len(rows) > 1:
            cells = {label: {name: _printed(row[name]) for name in columns if name in row} for label, row in rows.items()}
            ids = {f"{label}.{name}": claim.id for label, row in rows.items() for name, claim in row.items()}
            for result in _table(cells):
                results.append(
                    replace(result.tie(tuple(ids[cell] for cell in result.claims)), sentence=f"{place}: {result.sentence}")
                )
    results += _same_numbers(numbers)
    results += _counts_and_derived(numbers)
    results += _sentences(paper, numbers)
    return results


def failed_groups(results: Iterable[CheckResult]) -> list[tuple[CheckResult, ...]]:
    """Checks that fail under every reading, each as the tuple of its results.

    Parameters
    ----------
    results : iterable of CheckResult
        Results of one check over the same claims are its readings.

    Returns
    -------
    list of tuple of CheckResult
        Empty if all numbers are possible under some reading.
    """
    groups = _grouped(results, lambda result: (result.check, result.claims))
    return [tuple(group) for group in groups.values() if not any(result.passed for result in group)]


def _matrices(row: Row, averages: Sequence[str], test_sets: Sequence[Mapping[str, Any]]) -> list[CheckResult]:
    metrics = [name for name in scores.MATRIX_METRICS if name in row]
    if len(metrics) < 2:
        return []
    ties = tuple(metrics)
    results = []
    if "binary" in averages:
        whole = scores.confusion_matrix(row)
        if not whole.passed:
            ties = tuple(name for name in metrics if any(name in conflict for conflict in whole.details["conflict"]))
        results.append(whole)
    if "mean" in averages:
        results.append(scores.confusion_matrix(row, average="mean"))
    for test_set in test_sets:
        sizes = {"positives": int(test_set["positives"]), "negatives": int(test_set["negatives"])}
        results += [scores.confusion_matrix(row, average=a, **sizes) for a in averages if a != "mean"]
    return [result.tie(ties) for result in results]


def _table(rows: Mapping[str, Row]) -> list[CheckResult]:
    results: list[CheckResult] = []

    def cells(names: Iterable[str], quantities: Iterable[str] | None = None) -> tuple[str, ...]:
        chosen = None if quantities is None else set(quantities)
        return tuple(f"{name}.{quantity}" for name in names for quantity in rows[name] if chosen is None or quantity in chosen)

    matrix = {name: row for name, row in rows.items() if len(set(row) & set(scores.MATRIX_METRICS)) > 1}
    if len(matrix) > 1:
        together = scores.one_test_set(matrix)
        ties = cells(together.details["excluded"] or matrix, scores.MATRIX_METRICS)
        results += [together.tie(ties), scores.own_test_sets(together).tie(ties)]
    regression = {
        name: row
        for name, row in rows.items()
        if "variance" in row or (({"mse", "rmse"} & set(row)) and ({"rse", "r2"} & set(row)))
    }
    if len(regression) > 1:
        results.append(errors.one_variance(regression).tie(cells(regression, ("mse", "rmse", "rse", "r2", "variance"))))
    alike = {name: {k: v for k, v in row.items() if GLOSSARY[k].better != "neither"} for name, row in rows.items()}
    # Times differ by chance in many ways, and in their unit from everything that they could be shifted into.
    timeless = {name: {k: v for k, v in row.items() if GLOSSARY[k].unit != "s"} for name, row in alike.items()}
    for check in (consistency.repeated_rows, consistency.shifted_rows):
        result = check(timeless)
        involved = list(dict.fromkeys(name for pair in result.details["pairs"] for name in pair)) or list(rows)
        results.append(result.tie(cells(involved, set().union(*timeless.values()))))
    columns = [name for name in next(iter(alike.values())) if all(name in row for row in alike.values())]
    for first, second in itertools.combinations(columns, 2):
        pair = ({name: row[first] for name, row in alike.items()}, {name: row[second] for name, row in alike.items()})
        results.append(consistency.multiples(*pair, (first, second)).tie(cells(rows, (first, second))))
    return results


def _same_numbers(numbers: Sequence[Claim]) -> list[CheckResult]:
    results = []
    for (subject, _), group in _grouped(numbers, lambda claim: (_subject(claim), claim.quantity)).items():
        if subject and len(group) > 1:
            # A word and a figure for one count compare by their values, so the interval of the quantity is what is passed on.
            prints = {claim.id: _printed(claim) for claim in group}
            results.append(consistency.same_number(prints).tie(tuple(prints)))
    return results


def _counts_and_derived(numbers: Sequence[Claim]) -> list[CheckResult]:
    known = {claim.id: claim for claim in numbers}
    results = []
    for claim in numbers:
        if claim.quantity == "count" and "members" in claim.of:
            found = consistency.count_of(_printed(claim), len(claim.of["members"]), str(claim.of.get("things", "things")))
            results.append(found.tie((claim.id,)))
        elif claim.quantity == "total" and "parts" in claim.of:
            parts = {part: _printed(known[part]) for part in claim.of["parts"]}
            results.append(consistency.total_of(_printed(claim), parts).tie((claim.id, *parts)))
        elif claim.quantity in ("difference", "ratio") and {"first", "second"} <= set(claim.of):
            pair = (claim.of["first"], claim.of["second"])
            derive = consistency.difference_of if claim.quantity == "difference" else consistency.ratio_of
            result = derive(_printed(claim), *(_printed(known[one]) for one in pair))
            results.append(result.tie((claim.id, *pair)))
    return results


def _sentences(paper: Paper, numbers: Sequence[Claim]) -> list[CheckResult]:
    """Check 8 for sentences: each predicate against the numbers of the tables, else of the text."""
    in_tables = sorted(numbers, key=lambda claim: claim.place not in paper.tables)
    printed: dict[Term, Claim] = {}
    for claim in in_tables:
        if {"model", "data"} <= set(claim.of):
            printed.setdefault(Term.at({key: claim.of[key] for key in ("model", "data")}, claim.metric), claim)
    results = []
    for claim in paper.claims:
        if claim.kind != "ordering":
            continue
        for predicate in claim.predicates:
            needed = terms(predicate)
            missing = [term for term in needed if term not in printed]
            if missing:  # a reading under which nothing printed contradicts the sentence
                sentence = f"“{claim.printed}” speaks of {len(needed)} scores, of which {len(missing)} are not printed"
                reading = str(predicate["reading"])
                assumed = (f"the sentence means: {reading}",)
                open_one = CheckResult(8, "sentence-follows-from-tables", "identity", True, sentence, reading, assumed)
                results.append(open_one.tie((claim.id,)))
                continue
            held, rounding = False, "rounded"
            for rounding in ("rounded", "either"):

                def ask(term: Term, how: str = rounding) -> Interval:
                    return printed[term].interval(how)

                held = bool(evaluate(predicate, ask))
                if held:
                    break
            reading = str(predicate["reading"])
            what = f"{len(needed)} printed numbers" if needed else "no printed number"
            sentence = f"“{claim.printed}” {'does not contradict' if held else 'contradicts'} {what}"
            numbers_used = tuple(printed[term].id for term in needed)
            results.append(
                CheckResult(
                    8,
                    "sentence-follows-from-tables",
                    "identity",
                    held,
                    sentence,
                    reading,
                    (f"the sentence means: {reading}",),
                    rounding,
                    claims=(claim.id,),
                    details={"numbers": numbers_used},
                )
            )
    return results


def _subject(claim: Claim) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, str(value)) for key, value in claim.of.items()))


def _printed(claim: Claim) -> Printed:
    """The letters, where rounding matters; the exact number of a count."""
    return claim.interval() if claim.meaning.exact else str(claim.printed)


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups

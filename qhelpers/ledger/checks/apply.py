"""Which checks apply to which numbers: decided by the quantities that stand together, never by a list of claims."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qhelpers.ledger.checks import consistency, errors, inference, scores
from qhelpers.ledger.checks.result import CheckResult, Printed, read
from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.predicates import Term, combined, evaluate, terms
from qhelpers.ledger.quantities import GLOSSARY
from qhelpers.ledger.statements import Claim, Paper

Row = Mapping[str, Printed]
DEFAULT_AVERAGES = ("binary", "mean")
_ERRORS = ("rmse", "mse", "mae", "mape", "rse", "bias", "cross_entropy")

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
#: What of a claim's ``of`` says how it follows from others, not what it is about.
_HOW = ("works_out", "parts", "calls")
#: What is worked out from two printed numbers, ``first`` and ``second`` of a claim.
_DERIVED: dict[str, Callable[..., CheckResult]] = {
    "difference": consistency.difference_of,
    "ratio": consistency.ratio_of,
    "relative_change": consistency.relative_change_of,
    "relative_reduction": consistency.relative_change_of,
}


def check_row(
    row: Row,
    *,
    averages: Sequence[str] = DEFAULT_AVERAGES,
    test_sets: Sequence[Mapping[str, Any]] = (),
    stated: bool = False,
    means: bool = True,
    runs: int | None = None,
    test: str | None = None,
    base_rates: Sequence[Mapping[str, Any]] = (),
) -> list[CheckResult]:
    """All checks of one row of printed numbers.

    Parameters
    ----------
    row : mapping of str to printed number
        By quantity of the glossary.
    averages : sequence of {"binary", "macro", "weighted", "mean"}
        What precision, recall and F1 may be; a number is impossible only if it is under all of them.
    test_sets : sequence of mapping
        Test sets that the text allows: ``positives`` and ``negatives``, or ``points``.
    stated : bool
        One of the test sets is the paper's. Else "any size and balance" is a reading beside them.
    means : bool
        The scores may be means over runs or folds.
    runs : int, optional
        Runs on the one test set of which the scores are means.
    test : {"t", "wilcoxon", "sign", "permutation"}, optional
        The test that p comes from.
    base_rates : sequence of mapping
        Class balances that the text allows, each with its ``name``, ``positives`` and ``negatives``, for a cross-entropy.

    Returns
    -------
    list of CheckResult
        ``claims`` of each names the quantities that it ties.
    """
    results = [errors.in_range(name, value).tie((name,)) for name, value in row.items() if name in GLOSSARY]
    has = row.keys()
    for name, beta in (("f1", 1.0), ("f_beta", read(row["beta"], "rounded").mid if "beta" in has else None)):
        if {"precision", "recall", name} <= has and beta is not None:
            ties = ("precision", "recall", name) + (("beta",) if name == "f_beta" else ())
            for average in averages:
                one = scores.f1_from_precision_recall(row["precision"], row["recall"], row[name], average, beta)
                results.append(one.tie(ties))
    results += _matrices(row, averages, test_sets, stated, means)
    results += _shares(row, test_sets, runs)
    if {"rmse", "rmse_sd", "mse"} <= has:
        count = round(read(row["n"], "rounded").mid) if "n" in has else runs
        one = errors.mean_mse_from_rmse(row["rmse"], row["rmse_sd"], row["mse"], count, any_runs=count is None)
        results.append(one.tie(("rmse", "rmse_sd", "mse")))
    elif {"rmse", "mse"} <= has:
        both = (False, True) if means else (False,)
        results += [errors.mse_from_rmse(row["rmse"], row["mse"], mean).tie(("rmse", "mse")) for mean in both]
    if {"r2", "variance"} <= has and {"mse", "rmse"} & has:
        ties = ("r2", "variance", "mse" if "mse" in has else "rmse")
        for meaning in ("share of variance", "squared correlation"):
            for mean in (False, True) if means else (False,):
                results.append(errors.r2_from_errors(row, meaning, mean).tie(ties))
    for names, check in _PAIRS:
        if set(names) <= has:
            results.append(check(*(row[name] for name in names)).tie(names))
    if "cross_entropy" in has:
        for rate in base_rates:
            share = int(rate["positives"]) / (int(rate["positives"]) + int(rate["negatives"]))
            found = inference.cross_entropy_base_rate(row["cross_entropy"], share)
            results.append(replace(found, reading=str(rate["name"])).tie(("cross_entropy",)))
    return results + inference.all_statistics(row, test)


def check_tables(tables: Mapping[str, Mapping[str, Row]]) -> list[CheckResult]:
    """Whether one table repeats another: all pairs of them, over the rows and columns that both have.

    Parameters
    ----------
    tables : mapping of str to mapping of str to row
        By name of the table.

    Returns
    -------
    list of CheckResult
        ``claims`` of each names cells as ``table.row.quantity``.
    """
    results = []
    for first, second in itertools.combinations(tables, 2):
        one = consistency.copied_cells(tables[first], tables[second], (first, second))
        cells = one.details["cells"] or [
            (row, name)
            for row in tables[first]
            if row in tables[second]
            for name in tables[first][row]
            if name in tables[second][row]
        ]
        if cells:
            results.append(one.tie(tuple(f"{table}.{row}.{name}" for table in (first, second) for row, name in cells)))
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
    base_rates = list(paper.protocol.get("base_rates", []))
    numbers = [claim for claim in paper.claims if claim.kind == "number" and claim.printed is not None]
    results: list[CheckResult] = []
    known = {claim.id: claim for claim in numbers}
    tables: dict[str, dict[str, dict[str, Claim]]] = {}
    about: dict[str, dict[str, str]] = {}
    runs = paper.runs if paper.runs > 1 else None
    for (place, _), group in _grouped(numbers, lambda claim: (claim.place, _subject(claim))).items():
        row: dict[str, Claim] = {}
        for claim in group:
            row.setdefault(claim.quantity, claim)
        if place in paper.tables:
            label = str(group[0].of.get(paper.tables[place].get("row", "model"), group[0].where))
            # Rows on several data sets, or columns of several, are a table for each.
            data = str(group[0].of.get("data", "")) if {"groups", "quantity"} & set(paper.tables[place]) else ""
            tables.setdefault(f"{place} ({data})" if data else place, {})[label] = row
            about.setdefault(f"{place} ({data})" if data else place, {})[label] = str(group[0].of.get("data", ""))
        printed = {name: _printed(claim) for name, claim in row.items()}
        ids: dict[str, tuple[str, ...]] = {name: (claim.id,) for name, claim in row.items()}
        for name, expression in paper.tables.get(place, {}).get("with", {}).items():
            expression = expression.replace("{model}", str(group[0].of.get("model")))
            if name not in row and set(_named(expression)) <= known.keys():
                printed[name], ids[name] = _worked(expression, known), _named(expression)
        for result in check_row(printed, averages=averages, test_sets=test_sets, base_rates=base_rates, runs=runs):
            results.append(result.tie(tuple(dict.fromkeys(one for name in result.claims for one in ids[name]))))
        results += _against_targets(paper, row)
        for claim in group:
            if row[claim.quantity] is not claim:
                results.append(errors.in_range(claim.quantity, _printed(claim)).tie((claim.id,)))
    printed_tables: dict[str, dict[str, Row]] = {}
    for place, rows in tables.items():
        described = paper.tables[place.partition(" (")[0]]
        columns = (described["quantity"],) if "quantity" in described else tuple(described.get("columns", ()))
        if len(rows) > 1:
            cells: dict[str, Row] = {
                label: {name: _printed(row[name]) for name in columns if name in row} for label, row in rows.items()
            }
            printed_tables[place] = cells
            own = {f"{label}.{name}": claim.id for label, row in rows.items() for name, claim in row.items()}
            for result in check_together(cells, averages):
                results.append(
                    replace(result.tie(tuple(own[cell] for cell in result.claims)), sentence=f"{place}: {result.sentence}")
                )
    results += _rises(paper, tables)
    cell_ids = {
        f"{place}.{label}.{name}": claim.id
        for place in tables
        for label, row in tables[place].items()
        for name, claim in row.items()
    }
    for first, second in itertools.combinations(printed_tables, 2):
        # Rows on the same data are the same rows again.
        apart = {
            place: {
                label: row for label, row in printed_tables[place].items() if about[first].get(label) != about[second].get(label)
            }
            for place in (first, second)
        }
        if all(apart.values()):
            found = [*check_tables(apart), *_multiples_between(apart)]
            results += [one.tie(tuple(cell_ids[cell] for cell in one.claims)) for one in found]
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


def _matrices(
    row: Row, averages: Sequence[str], test_sets: Sequence[Mapping[str, Any]], stated: bool, means: bool
) -> list[CheckResult]:
    """Checks 2 of the metrics of one matrix, under each average and test set; `CheckResult.claims` are those in conflict."""
    metrics = [name for name in scores.MATRIX_METRICS if name in row and (name != "f_beta" or "beta" in row)]
    if not metrics or (len(metrics) < 2 and not test_sets and "auc" not in row):
        return []
    if not set(metrics) & scores.AVERAGED:  # nothing in the row is an average over classes
        averages = [average for average in averages if average in ("binary", "mean")]
    sets: list[dict[str, int]] = [] if stated else [{}]
    sets += [{key: int(one[key]) for key in ("positives", "negatives", "points") if key in one} for one in test_sets]
    tried = [
        (average, sizes)
        for sizes in sets
        for average in averages
        if ("positives" in sizes or average in ("binary", "mean"))
        and (average != "mean" or sizes == sets[0] or "points" in sizes)
    ]
    results, curves = [], []
    for average, sizes in tried:
        if average == "mean" and ("positives" in sizes or means):
            sizes = {}
        results.append(scores.confusion_matrix(row, average=average, **sizes))
        if "auc" in row and "points" not in sizes:
            curves.append(scores.auc_and_operating_point(row, average=average, **sizes))
    ties = tuple(metrics)
    if results and not results[0].passed and results[0].details.get("conflict"):
        ties = tuple(name for name in metrics if any(name in conflict for conflict in results[0].details["conflict"]))
    together = {"compared": tuple(metrics) + (("beta",) if "f_beta" in metrics else ())}
    alone = [] if len(metrics) < 2 and not test_sets else results
    found = [replace(one, details={**one.details, **together}).tie(ties) for one in alone]
    return found + [one.tie(("auc", *metrics)) for one in curves]


def _shares(row: Row, test_sets: Sequence[Mapping[str, Any]], runs: int | None) -> list[CheckResult]:
    """Single shares of a known number of rows, and an accuracy against trivial rules."""
    results = []
    for name in ("points", "n"):
        if "proportion" in row and name in row:
            rows = round(read(row[name], "rounded").mid)
            results.append(inference.proportion_of(row["proportion"], rows).tie(("proportion", name)))
            break
    if "accuracy" not in row:
        return results
    for one in test_sets:
        size = int(one["points"]) if "points" in one else int(one["positives"]) + int(one["negatives"])
        if runs:
            results.append(inference.proportion_of(row["accuracy"], size, "accuracy", runs).tie(("accuracy",)))
        # A model that gives up accuracy for recall shows it in its other metrics.
        if "positives" in one and not set(scores.MATRIX_METRICS) & set(row) - {"accuracy"}:
            counts = (int(one["positives"]), int(one["negatives"]))
            results.append(scores.against_trivial_rules(row["accuracy"], counts).tie(("accuracy",)))
    return results


def _agree(row: Row) -> bool:
    return any(errors.mse_from_rmse(row["rmse"], row["mse"], mean).passed for mean in (False, True))


def check_together(rows: Mapping[str, Row], averages: Sequence[str] = DEFAULT_AVERAGES) -> list[CheckResult]:
    """All checks of the rows of one table against each other; ``claims`` of each names cells as ``row.quantity``.

    One share of positives is asked of them only where scores may be those of one class against another.
    """
    results: list[CheckResult] = []

    def cells(names: Iterable[str], quantities: Iterable[str] | None = None) -> tuple[str, ...]:
        chosen = None if quantities is None else set(quantities)
        return tuple(f"{name}.{quantity}" for name in names for quantity in rows[name] if chosen is None or quantity in chosen)

    matrix = {name: row for name, row in rows.items() if len(set(row) & set(scores.MATRIX_METRICS)) > 1}
    if len(matrix) > 1 and "binary" in averages:
        together = scores.one_test_set(matrix)
        ties = cells(together.details["excluded"] or matrix, scores.MATRIX_METRICS)
        results += [together.tie(ties), scores.own_test_sets(together).tie(ties)]
    regression = {
        name: row
        for name, row in rows.items()
        if "variance" in row or (({"mse", "rmse"} & set(row)) and ({"rse", "r2"} & set(row)))
    }
    if len(regression) > 1:
        # Where MSE and RMSE are printed beside each other and agree, the relative error alone stands against two.
        backed = {name for name, row in regression.items() if {"mse", "rmse"} <= set(row) and _agree(row)}
        relative = cells(regression, ("rse", "r2", "variance"))
        absolute = cells([name for name in regression if name not in backed], ("mse", "rmse"))
        results.append(errors.one_variance(regression).tie((*absolute, *relative)))
    alike = {
        name: {k: v for k, v in row.items() if k in GLOSSARY and GLOSSARY[k].better != "neither"} for name, row in rows.items()
    }
    # Times differ by chance in many ways, and in their unit from everything that they could be shifted into.
    timeless = {name: {k: v for k, v in row.items() if GLOSSARY[k].unit != "s"} for name, row in alike.items()}
    for check in (consistency.repeated_rows, consistency.shifted_rows):
        result = check(timeless)
        involved = list(dict.fromkeys(name for pair in result.details["pairs"] for name in pair)) or list(rows)
        results.append(result.tie(cells(involved, set().union(*timeless.values()))))
    columns = [name for name in next(iter(alike.values())) if all(name in row for row in alike.values())]
    for first, second in itertools.combinations(columns, 2):
        if _family(first) == _family(second):
            continue
        pair = ({name: row[first] for name, row in alike.items()}, {name: row[second] for name, row in alike.items()})
        results.append(consistency.multiples(*pair, (first, second)).tie(cells(rows, (first, second))))
    return results


def _multiples_between(tables: Mapping[str, Mapping[str, Row]]) -> list[CheckResult]:
    """Check 12 for two tables on different data: whether a column of one is a multiple of the same column of the other."""
    (first, rows), (second, others) = tables.items()
    found = []
    for name in next(iter(rows.values())):
        columns = [{label: row[name] for label, row in one.items() if name in row} for one in (rows, others)]
        both = [label for label in columns[0] if label in columns[1]]
        copied = all(columns[0][label] == columns[1][label] for label in both)  # as check_tables says
        if len(both) >= 4 and not copied and GLOSSARY[name].unit != "s":
            one = consistency.multiples(columns[0], columns[1], (f"{name} in {first}", f"{name} in {second}"))
            found.append(one.tie(tuple(f"{table}.{label}.{name}" for table in tables for label in both)))
    return found


def _same_numbers(numbers: Sequence[Claim]) -> list[CheckResult]:
    """Check 8 for numbers; where one leaves open which of several results it is (a list in ``of``), it must be one of them."""
    results = []
    for claim in numbers:
        open_ = [key for key, value in claim.of.items() if isinstance(value, list)] if claim.quantity != "count" else []
        prints = {
            other.id: _printed(other)
            for other in numbers
            if open_ and other.quantity == claim.quantity and other is not claim and _is_one_of(other, claim, open_)
        }
        if prints:
            results.append(consistency.one_of(_printed(claim), prints).tie((claim.id, *prints)))
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
            # By each reading of what is counted; a part without a claim is a number that is not printed.
            readings = claim.of["parts"] if isinstance(claim.of["parts"], Mapping) else {"as listed": claim.of["parts"]}
            named = tuple(dict.fromkeys(part for parts in readings.values() for part in parts if part in known))
            for reading, parts in readings.items():
                values = {part: _printed(known[part]) if part in known else Interval(0.0, math.inf) for part in parts}
                results.append(consistency.total_of(_printed(claim), values, reading).tie((claim.id, *named)))
        elif claim.quantity in _DERIVED and {"first", "second"} <= set(claim.of):
            pair = (claim.of["first"], claim.of["second"])
            result = _DERIVED[claim.quantity](_printed(claim), *(_printed(known[one]) for one in pair))
            results.append(result.tie((claim.id, *pair)))
        elif claim.quantity == "runtime" and "calls" in claim.of:
            # By each reading of which calls a run makes: the claims whose product they are, then the one with the time of each.
            named = tuple(dict.fromkeys(one for names in claim.of["calls"].values() for one in names))
            for reading, (*counts, each) in claim.of["calls"].items():
                calls = math.prod((known[one].interval() for one in counts), start=Interval(1.0, 1.0))
                found = consistency.runtime_from_calls(_printed(claim), calls, _printed(known[each]))
                results.append(replace(found, reading=reading).tie((claim.id, *named)))
        if "works_out" in claim.of:
            named = tuple(dict.fromkeys(one for work in claim.of["works_out"].values() for one in _named(str(work))))
            for reading, work in claim.of["works_out"].items():

                def value(rounding: str, work: str = str(work)) -> Interval:
                    return _worked(work, known, rounding)

                results.append(consistency.worked_out(_printed(claim), value, reading).tie((claim.id, *named)))
    return results


def _named(expression: str) -> tuple[str, ...]:
    """Claims that an expression works with, as in `combined`."""
    return tuple(dict.fromkeys(re.findall(r"\[([^\]]+)\]", expression)))


def _worked(expression: str, known: Mapping[str, Claim], rounding: str = "rounded") -> Interval:
    """What an expression over claims gives, from their printed numbers; a setting was chosen, and stands for itself."""

    def value(name: str) -> Interval:
        printed = known[name].interval(rounding)
        return known[name].interval().middle if known[name].quantity == "setting" else printed

    if not _named(expression):
        return Interval(float(expression), float(expression))
    found = combined(expression, value)
    return found if isinstance(found, Interval) else Interval(float(found), float(found))


def _rises(paper: Paper, tables: Mapping[str, Mapping[str, Mapping[str, Claim]]]) -> list[CheckResult]:
    """Check 7 where a table says what each row adds to the one before it (``adds``), by each reading of that."""
    results = []
    for place, rows in tables.items():
        for before, after in itertools.pairwise(rows):
            first, second = (rows[label].get("parameters") for label in (before, after))
            if first is None or second is None:
                continue
            for reading, parts in paper.tables[place].get("adds", {}).get(after, {}).items():
                added = consistency.parameters_of(parts)
                found = consistency.rise_of(first.told, second.told, added, str(reading))
                results.append(found.tie((first.id, second.id)))
    return results


def _against_targets(paper: Paper, row: Mapping[str, Claim]) -> list[CheckResult]:
    """Check 6 of a relative beside an absolute error, where a text tells the range of its targets; under each reading of that."""
    if not {"mae", "mape"} <= row.keys():
        return []
    data = str(row["mae"].of.get("data"))
    mape = row["mape"].told
    if "mape" in paper.protocol.get("percent", ()) and "%" not in mape:
        mape += "%"
    return [
        errors.mape_against_data(
            mape, _printed(row["mae"]), known["smallest"], known["largest"], known.get("zero", 0.0), name
        ).tie((row["mae"].id, row["mape"].id))
        for name, known in paper.protocol.get("targets", {}).get(data, {}).items()
    ]


def _sentences(paper: Paper, numbers: Sequence[Claim]) -> list[CheckResult]:
    """Check 8 for sentences: each predicate against the numbers of the tables, else of the text.

    Where a table contradicts the one before it on a number, a sentence may mean either.
    """
    in_tables = sorted(numbers, key=lambda claim: claim.place not in paper.tables)
    printed: dict[Term, Claim] = {}
    either: dict[Term, list[Claim]] = {}
    for claim in in_tables:
        if {"model", "data"} <= set(claim.of):
            # A metric that is made of others, or the value of a setting, has no name that a sentence could mean.
            metric = claim.quantity if claim.metric == "value" or "[" in claim.metric else claim.metric
            term = Term.at({key: claim.of[key] for key in ("model", "data")}, metric)
            first = printed.setdefault(term, claim)
            if claim.place in paper.tables and not claim.interval().meets(first.interval()):
                either.setdefault(term, [first]).append(claim)
    results = []
    for claim in paper.claims:
        if claim.kind != "ordering":
            continue
        for predicate in claim.predicates:
            if "magnitude" in predicate:
                for check in (inference.cliffs_word, inference.cliffs_threshold):
                    results.append(check(str(predicate["effect"]), predicate["magnitude"]).tie((claim.id,)))
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
                    meant = [one.interval(how) for one in either.get(term, [printed[term]])]
                    return Interval(min(one.lo for one in meant), max(one.hi for one in meant))

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


def _family(name: str) -> str:
    """What is measured together: scores of one set of predictions, errors of one set of residuals, times of one run."""
    meaning = GLOSSARY[name]
    if meaning.score or name in _ERRORS:
        return "predictions"
    return "time" if meaning.unit in ("s", "1/s") else name


def _is_one_of(claim: Claim, other: Claim, open_: Sequence[str]) -> bool:
    """Whether a claim is about one of the results that another leaves open."""
    return claim.of.keys() == other.of.keys() and all(
        value in other.of[key] if key in open_ else value == other.of[key] for key, value in claim.of.items()
    )


def _subject(claim: Claim) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, str(value)) for key, value in claim.of.items() if key not in _HOW))


def _printed(claim: Claim) -> Printed:
    """The letters, where rounding matters; the exact number of a count."""
    return claim.interval() if claim.meaning.exact else claim.told


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups

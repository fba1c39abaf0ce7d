"""Verdicts: what became of each claim, computed from claims, checks and records and never written by hand."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qhelpers.ledger.checks import CheckResult, check_claims, failed_groups
from qhelpers.ledger.evidence import SMALLEST_N, Evidence, Sample
from qhelpers.ledger.predicates import SIGNIFICANT, Term, contrasts, evaluate, terms, without
from qhelpers.ledger.shown import key
from qhelpers.ledger.specifications import Searched, Specifications
from qhelpers.ledger.statements import Claim, Paper, Reading, paper, papers

#: Below this many pairs there are estimates and intervals, no test.
FEWEST_PAIRS = 9

#: Verdicts of what was set beside runs.
MEASURED = (
    "holds",
    "holds, for another reason",
    "holds under some readings",
    "inconclusive",
    "exceeded",
    "falls short",
    "pending",
)
_HOLDS = MEASURED[:2]
LEVEL = 0.95
#: Share of test rows taken as common to two draws where none kept its rows: as if each split one and the same set in halves.
HALVES = 0.5
N_BOOTSTRAPS = 2000
#: What is worked out from two numbers, each a claim of its own.
_DERIVED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "difference": lambda first, second: first - second,
    "ratio": lambda first, second: first / second,
    "relative_change": lambda first, second: first / second - 1,
    "relative_reduction": lambda first, second: 1 - first / second,
}


@dataclass(frozen=True)
class ReadingVerdict:
    """What became of a claim under one reading of what the text leaves open.

    Attributes
    ----------
    reading : str
        Names of the options, joined.
    verdict : str
        One of `qhelpers.verdicts.VERDICTS`.
    n : int
        Seeds.
    measured, sd : float or None
        Mean and spread over seeds; for an ordering the share of bootstraps in which it holds, and None.
    interval : tuple of float or None
        Prediction interval.
    p : float or None
        Of a number, two-sided, the printed interval against the prediction; of a comparison, that it should be true.
    record_ids : tuple of str
        What it rests on.
    sentence : str
        For a reader.
    assumptions : tuple of str
        What the reading fixes.
    shown : tuple of (str, float)
        For an ordering or a procedure: the means of what is compared, by name.
    in_runs : float or None
        For an ordering: share of the single runs in which it holds.
    collapsed : int
        Runs, of the seeds, that failed to train and stand apart from the interval.
    of : str
        Of a number, what was measured, as in `qhelpers.ledger.shown.key`.
    """

    reading: str
    verdict: str
    n: int
    measured: float | None = None
    sd: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    record_ids: tuple[str, ...] = ()
    sentence: str = ""
    assumptions: tuple[str, ...] = ()
    shown: tuple[tuple[str, float], ...] = ()
    in_runs: float | None = None
    collapsed: int = 0
    of: str = ""


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes
    ----------
    id, paper, where, quantity, printed
        As in the claim.
    verdict : str
        One of `qhelpers.verdicts.VERDICTS`. A number holds under the main reading, or under some other, those searched
        afterwards among them; it is refuted only under all. A comparison or a procedure holds only if it holds under each.
    sort : str
        What it is counted among, one of `qhelpers.ledger.statements.SORTS`.
    reading : str
        The main reading of what the text leaves open, the first that was run; empty where nothing was measured.
    measured, sd, n_seeds, k, interval, p
        Of that reading: mean, spread, our seeds, the paper's runs, prediction interval, p-value.
    record_ids : tuple of str
        Records that the main reading rests on.
    assumptions : tuple of str
        Everything that was assumed.
    sentence : str
        One sentence for a reader.
    readings : tuple of ReadingVerdict
        The verdict under each reading.
    searched : Searched or None
        For a score of a table: what the protocols say that were searched afterwards.
    failed_checks : tuple of str
        Checks that fail under every reading and tie this claim to others.
    doubts : tuple of str
        Checks that fail under some readings only, with what they found.
    probability : float or None
        Of what is seen, where a check that is no identity fails.
    nearest : mapping or None
        For what cannot be measured here: the nearest thing that was, set apart.
    result : str
        What the number is about; claims with the same one print the same result in several places.
    reconstructed : bool
        As in the claim: what was judged is a formula that was rebuilt.
    """

    id: str
    paper: str
    where: str
    quantity: str
    printed: str | None
    verdict: str
    sort: str = ""
    reading: str = ""
    measured: float | None = None
    sd: float | None = None
    n_seeds: int = 0
    k: int = 1
    interval: tuple[float, float] | None = None
    p: float | None = None
    record_ids: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    sentence: str = ""
    readings: tuple[ReadingVerdict, ...] = field(default=(), repr=False)
    searched: Searched | None = field(default=None, repr=False)
    failed_checks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = field(default=(), repr=False)
    probability: float | None = None
    nearest: Mapping[str, Any] | None = None
    result: str = ""
    reconstructed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)


@functools.cache
def checks_of(number: str, sized: bool = True) -> tuple[CheckResult, ...]:
    """All checks of one paper's claims; they need no records and are run once.

    Parameters
    ----------
    number : str
        Paper.
    sized : bool
        As in :func:`qhelpers.ledger.checks.check_claims`; takes some seconds more.
    """
    return tuple(check_claims(paper(number), sized))


def verdicts(paper_number: str | None = None, folder: Path | None = None) -> list[Verdict]:
    """Verdicts of one paper's claims, or of all.

    Parameters
    ----------
    paper_number : str, optional
        ``"1"`` and so on; all papers where it is left out.
    folder : Path, optional
        Records folder; the committed one by default. Only records on real data in the laptop or paper profile count.

    Returns
    -------
    list of Verdict
        In the order of the claims.

    Raises
    ------
    ValueError
        If there is no such paper.
    """
    numbers = papers() if paper_number is None else [str(paper_number)]
    evidence = Evidence(folder)
    return [one for number in numbers for one in judge(paper(number), checks_of(number, sized=False), evidence)]


def verdict(claim_id: str, folder: Path | None = None) -> Verdict:
    """The verdict of one claim, its doubts including test sets of a stated size.

    Parameters
    ----------
    claim_id : str
        Id of the claim.
    folder : Path, optional
        Records folder; the committed one by default.

    Raises
    ------
    ValueError
        If there is no such claim; near ones are named.
    """
    from qhelpers.ledger.statements import claim

    book = paper(claim(claim_id).paper)
    return next(one for one in judge(book, checks_of(book.number), Evidence(folder)) if one.id == claim_id)


def holds_in(claim_id: str, runs: Sequence[Any], prefix: str = "") -> dict[str, np.ndarray]:
    """In which single runs a comparing sentence holds: by each reading of it, without the tests that a verdict needs.

    Parameters
    ----------
    claim_id : str
        Id of a claim whose predicates compare metrics of one run.
    runs : sequence of Record
        Whatever their config.
    prefix : str
        Put before the name of each metric, for a second way in which the experiment measured the same.

    Returns
    -------
    dict of str to ndarray of bool of shape (n_runs,)

    Raises
    ------
    ValueError
        If there is no such claim, or it compares runs of several models or data sets with each other.
    """
    from qhelpers.ledger.statements import claim

    found = {}
    for predicate in claim(claim_id).predicates:
        asked: dict[str, set[Any]] = {}
        for term in terms(predicate):
            asked.setdefault(term.metric, set()).add(tuple(pair for pair in term.config if pair[0] != "data"))
        if len(set.union(set(), *asked.values())) > 1:
            raise ValueError(f"{claim_id} compares runs with each other ({predicate['reading']}); ask for its verdict instead")
        values = {metric: np.array([run.metrics[prefix + metric] for run in runs]) for metric in asked}

        def ask(term: Term, known: dict[str, np.ndarray] = values) -> np.ndarray:
            return known[term.metric]

        found[str(predicate["reading"])] = np.asarray(evaluate(predicate, ask))
    return found


class Coverage(NamedTuple):
    """How the intervals do on our own runs, each held out from the others.

    Attributes
    ----------
    samples : int
        Models, data sets, readings and scores.
    runs : int
        Runs that were held out.
    below, above : int
        Those that lay outside, by side.
    collapsed : int
        Runs that failed to train and stand apart.
    """

    samples: int
    runs: int
    below: int
    above: int
    collapsed: int


def coverage(book: Paper, evidence: Evidence) -> Coverage:
    """Coverage of the prediction intervals behind a paper's scores, on the runs that they were made of."""
    from qhelpers.evaluation.comparison import held_out

    seen: dict[tuple[Any, ...], np.ndarray] = {}
    collapsed: set[str] = set()
    for claim in book.claims:
        experiment, config = _source(claim)
        if claim.kind != "number" or not claim.meaning.score or not math.isfinite(claim.meaning.lo) or not experiment:
            continue
        for options in book.readings([config], experiment):
            whole = _overlay(book, config, options, experiment)
            sample = evidence.sample(experiment, whole, claim.metric)
            if len(sample.seeds) > SMALLEST_N:
                trained = _trained(book, claim, options, sample, evidence)
                collapsed |= {name for name, one in zip(sample.ids, trained, strict=True) if not one}
                seen[experiment, frozenset(whole.items()), claim.metric] = sample.values[trained]
    counts = [held_out(values, LEVEL, (0.0, 1.0)) for values in seen.values() if np.ptp(values) > 0]
    below, above, runs = (sum(one[i] for one in counts) for i in range(3))
    return Coverage(len(counts), runs, below, above, len(collapsed))


def judge(book: Paper, results: Sequence[CheckResult], evidence: Evidence) -> list[Verdict]:
    """Verdicts of a paper's claims from its checks and records.

    Parameters
    ----------
    book : Paper
        With its claims.
    results : sequence of CheckResult
        Outcome of all checks.
    evidence : Evidence
        Records.

    Returns
    -------
    list of Verdict
    """
    failed: dict[str, list[tuple[CheckResult, ...]]] = {}
    for group in failed_groups(results):
        for name in group[0].claims:
            failed.setdefault(name, []).append(group)
    doubted: dict[str, list[CheckResult]] = {}
    for result in results:
        if not result.passed:
            for name in result.claims:
                doubted.setdefault(name, []).append(result)
    protocols = Specifications(book, evidence)
    return [
        _verdict(book, claim, failed.get(claim.id, []), doubted.get(claim.id, []), evidence, protocols) for claim in book.claims
    ]


def _verdict(
    book: Paper,
    claim: Claim,
    failed: Sequence[tuple[CheckResult, ...]],
    doubts: Sequence[CheckResult],
    evidence: Evidence,
    protocols: Specifications,
) -> Verdict:
    # Prints of one result that contradict each other are not all true, and none is called wrong by that: each is measured.
    contradicting = [group for group in failed if group[0].check == "same-number"]
    identities = [group for group in failed if group[0].kind == "identity" and group not in contradicting]
    others = [group for group in failed if group[0].kind != "identity"]
    readings = _points(book, claim) if claim.quantity == "points" else _readings(book, claim, evidence)
    begun = [one for one in readings if one.n > 0]
    measured = [one for one in begun if one.verdict != "pending"] or begun
    searched = None
    main = next(iter(measured or readings), None) if claim.kind != "number" or not claim.needs else None
    nearest = None
    probability = None
    assumptions: tuple[str, ...] = ()
    if claim.printed is None:
        name, sentence = "lost", "The number is not in the text; that is no fault of the paper."
    elif identities:
        name = "cannot hold"
        found = "; ".join(dict.fromkeys(group[0].sentence for group in identities))
        sentence = f"These numbers cannot all be true, and none of them alone is called wrong: {found}."
        assumptions = tuple(dict.fromkeys(a for group in identities for one in group for a in one.assumptions))
    elif others:
        name = "implausible"
        known = [one.probability for group in others for one in group if one.probability is not None]
        probability = min(known, default=None)
        sentence = "; ".join(dict.fromkeys(group[0].sentence for group in others))
        sentence = sentence[:1].upper() + sentence[1:] + "."
        assumptions = tuple(dict.fromkeys(a for group in others for one in group for a in one.assumptions))
    elif claim.needs:
        name, sentence = "not measurable", f"It needs {claim.needs}."
        nearest = _nearest(claim, readings)
        if nearest:
            sentence += f" Nearest, and no substitute: {nearest['sentence']}."
    elif claim.quantity == "count" and "members" in claim.of:
        name, sentence = "holds", f"Counted in the text: {len(claim.of['members'])} {claim.of.get('things', 'things')}."
    elif "works_out" in claim.of and not claim.measured_by and not claim.awaits:
        name, sentence = "holds", f"It follows from what is printed beside it: {next(iter(claim.of['works_out']))}."
    elif claim.awaits:
        name, sentence = "pending", f"In scope and not yet run; it awaits {claim.awaits}."
    elif main is None:
        name, sentence = "pending", "In scope and not yet run."
    elif claim.kind != "number" or claim.quantity == "points":
        name, sentence = _together(claim, readings)
    else:
        searched = protocols.of(claim) if measured else None
        name, sentence = _over_readings(measured or readings, searched)
    if contradicting and not identities:
        said = "; ".join(dict.fromkeys(group[0].sentence for group in contradicting))
        sentence += f" The paper contradicts itself on this result, and neither print is called wrong by that: {said}."
    if main is None:
        main = ReadingVerdict("", "pending", 0)
    return Verdict(
        id=claim.id,
        paper=claim.paper,
        where=claim.where,
        quantity=claim.quantity,
        printed=claim.printed,
        verdict=name,
        sort=claim.sort,
        reading=main.reading,
        measured=main.measured,
        sd=main.sd,
        n_seeds=main.n,
        k=book.runs,
        interval=main.interval,
        p=main.p,
        record_ids=main.record_ids,
        assumptions=assumptions + main.assumptions,
        sentence=sentence,
        readings=tuple(readings),
        searched=searched,
        failed_checks=tuple(dict.fromkeys(group[0].check for group in failed)),
        doubts=tuple(dict.fromkeys(f"{one.check} ({one.reading}): {one.sentence}" for one in doubts)),
        probability=probability,
        nearest=nearest,
        result=_result(claim),
        reconstructed=claim.reconstructed,
    )


def _over_readings(measured: Sequence[ReadingVerdict], searched: Searched | None) -> tuple[str, str]:
    """Verdict and sentence on a number: by the main reading, then by others fixed beforehand, then by those searched."""
    main = measured[0]
    tally = ", ".join(f"{one.reading}: {one.verdict}" for one in measured)
    others = f" Readings differ ({tally})." if len({one.verdict for one in measured}) > 1 else ""
    if main.verdict in (*_HOLDS, "pending"):
        return main.verdict, main.sentence + others
    holding = [one for one in measured if one.verdict in _HOLDS]
    if holding:
        return "holds under some readings", f"{main.sentence} It holds under {holding[0].reading}.{others}"
    if searched is not None and searched.holding and searched.interval is not None:
        lo, hi = searched.interval
        return "holds under some readings", (
            f"{main.sentence} It holds under {searched.holding} of {searched.tried} protocols that were searched afterwards; "
            f"nearest is {searched.best}: {searched.measured:.3f} ± {searched.sd:.3f} over {searched.n} draws, one run in "
            f"[{lo:.3f}, {hi:.3f}].{others}"
        )
    open_ = [one for one in measured if one.verdict == "inconclusive"]
    if searched is not None:
        others += f" Nor does it meet the interval of any of the {searched.tried} protocols searched afterwards."
    return ("inconclusive" if open_ else main.verdict), main.sentence + others


def _points(book: Paper, claim: Claim) -> list[ReadingVerdict]:
    """A stated number of points as the size of a test set: do counts on so many rows give the printed rows, at any balance?

    What we ran with says nothing on it. A mean over several test sets is a reading that no arithmetic on one can contradict.
    """
    from qhelpers.evaluation.likelihood import QUANTITIES, fits

    n = int(claim.interval().mid)
    rows = {
        f"{book.names.get(model)} in {place}": row
        for place in claim.of.get("tables", ())
        for model, row in book.finest(place, QUANTITIES).items()
    }
    found = []
    for name, size in ((f"{n} test points", n), (f"a fifth of {n}", n // 5)):
        outside = [label for label, row in rows.items() if len(row) == len(QUANTITIES) and not fits(row, size)]
        assumption = f"each row is one test set of {size} rows, scores are of the positive class"
        sentence = f"One test set of {size} rows, of any balance, gives {len(rows) - len(outside)} of {len(rows)} rows ({name})"
        sentence += f"; none gives {', '.join(outside)}." if outside else "."
        found.append(ReadingVerdict(name, "cannot hold" if outside else "holds", 0, sentence=sentence, assumptions=(assumption,)))
    several = "means over several test sets, of which the paper says nothing: no arithmetic on one of them contradicts that"
    return [*found, ReadingVerdict("means over several test sets", "inconclusive", 0, sentence=f"Or {several}.")]


def _result(claim: Claim) -> str:
    """What a number is about; the same for all places that print the same result."""
    if claim.kind != "number" or not claim.of:
        return ""
    about = {key: " or ".join(map(str, value)) if isinstance(value, list) else value for key, value in claim.of.items()}
    return ", ".join([claim.quantity, *(f"{key} {value}" for key, value in sorted(about.items()))])


def _together(claim: Claim, readings: Sequence[ReadingVerdict]) -> tuple[str, str]:
    """Verdict and sentence on a comparison or a procedure: it holds only if it does under each reading that was run."""
    run = [one for one in readings if one.verdict != "pending"]
    waiting = (
        {p["reading"] for p in claim.predicates} - {one.reading.split("; ")[0] for one in run} if claim.predicates else set()
    )
    waiting -= {p["reading"] for p in claim.predicates if not terms(p)}
    holding = [one for one in run if one.verdict == "holds"]
    if not run or (waiting and len(holding) == len(run)):
        return "pending", next((one.sentence for one in readings if one.verdict == "pending"), "In scope and not yet run.")
    sentence = run[0].sentence
    if len(run) > 1:
        sentence = f"It holds under {len(holding)} of {len(run)} readings. The first of them: {run[0].sentence}"
    if len(holding) == len(run):
        return "holds", sentence
    if holding:
        named = "; ".join(f"({one.reading})" for one in holding)
        return "holds under some readings", f"{sentence} It holds under: {named}."
    kinds = {one.verdict for one in run}
    if claim.quantity == "points":
        sentence = " ".join(one.sentence for one in run)
    if kinds == {"cannot hold"}:
        return "cannot hold", sentence
    return ("falls short" if kinds <= {"falls short", "cannot hold"} else "inconclusive"), sentence


def _readings(book: Paper, claim: Claim, evidence: Evidence) -> list[ReadingVerdict]:
    measured_by = claim.measured_by
    if claim.printed is not None and (parts := _parts(book, claim)):
        if any(one.measured_by is None for one in parts):
            return []
        configs = [_source(one)[1] for one in parts]
        return [_number(book, claim, options, evidence) for options in book.readings(configs, _source(parts[0])[0])]
    if measured_by is None or claim.printed is None:
        return []
    experiment = str(measured_by["experiment"])
    if claim.kind != "number":
        compared = [
            _compared(book, predicate, options, str(predicate.get("experiment", experiment)), evidence, claim)
            for predicate in claim.predicates
            if terms(predicate)
            for options in book.readings(
                [dict(term.config) for term in terms(predicate)], str(predicate.get("experiment", experiment))
            )
        ]
        # Of a procedure, what can be said in words alone is a reading too: a referee may grant it, and no run contradicts it.
        worded = [one for one in claim.predicates if claim.kind == "procedure" and not terms(one)]
        return compared + [
            ReadingVerdict(str(one["reading"]), "holds", 0, sentence=f"By what the words mean: {one['reading']}.")
            for one in worded
        ]
    return [_number(book, claim, options, evidence) for options in book.readings([measured_by["config"]], experiment)]


def _parts(book: Paper, claim: Claim) -> list[Claim]:
    """The two claims that a number is worked out from; none where it stands for itself."""
    if claim.quantity not in _DERIVED or not {"first", "second"} <= claim.of.keys():
        return []
    known = {one.id: one for one in book.claims}
    return [known[claim.of["first"]], known[claim.of["second"]]]


def _sample(book: Paper, claim: Claim, options: Sequence[Reading], evidence: Evidence) -> Sample:
    """Recorded values of a number, one a seed; what is worked out from two numbers is so for each seed."""
    experiment, config = _source(claim)
    parts = _parts(book, claim)
    if not parts:
        metric = claim.metric.removesuffix("_sd") if claim.quantity.endswith("_sd") else claim.metric
        return evidence.sample(experiment, _overlay(book, config, options, experiment), metric)
    first, second = (_sample(book, part, options, evidence) for part in parts)
    common = sorted(set(first.seeds) & set(second.seeds))
    a, b = (np.array([one.values[one.seeds.index(seed)] for seed in common]) for one in (first, second))
    ids = tuple(one.ids[one.seeds.index(seed)] for seed in common for one in (first, second))
    return Sample(tuple(common), _DERIVED[claim.quantity](a, b), ids)


def _source(claim: Claim) -> tuple[str, Mapping[str, Any]]:
    """Experiment and config that measure a number."""
    measured_by = claim.measured_by or {}
    return str(measured_by.get("experiment", "")), measured_by.get("config", {})


def _overlay(book: Paper, config: Mapping[str, Any], options: Sequence[Reading], experiment: str) -> dict[str, Any]:
    """A config with what the readings fix; whom a reading concerns is asked of the config before any of them."""
    fixed = dict(config)
    if fixed.get("model") in book.models:
        fixed |= book.models[fixed.pop("model")]
    for option in options:
        if option.concerns(config, book.experiment(config, experiment)):
            fixed |= option.config
    return fixed


def _named(options: Sequence[Reading]) -> tuple[str, tuple[str, ...]]:
    return ", ".join(option.name for option in options) or "as printed", tuple(f"{o.why}: {o.name}" for o in options)


def _number(book: Paper, claim: Claim, options: Sequence[Reading], evidence: Evidence) -> ReadingVerdict:
    from qhelpers.evaluation.comparison import predicted_spread, prediction

    experiment, config = _source(claim)
    whole = _overlay(book, config, options, experiment)
    of_runs = claim.quantity.endswith("_sd")
    sample = _sample(book, claim, options, evidence)
    name, assumptions = _named(options)
    n = len(sample.seeds)
    mean = float(sample.values.mean()) if n else None
    sd = float(sample.values.std(ddof=1)) if n > 1 else None
    if n < SMALLEST_N or mean is None or sd is None:
        sentence = f"Only {n} of at least {SMALLEST_N} seeds are recorded." if n else "No record yet."
        return ReadingVerdict(name, "pending", n, mean, sd, record_ids=sample.ids, sentence=sentence, assumptions=assumptions)
    if claim.needs:
        sentence = f"{mean:.3g} ± {sd:.3g} {claim.meaning.unit} here over {n} seeds ({name}); not comparable."
        return ReadingVerdict(name, "not measurable", n, mean, sd, None, None, sample.ids, sentence, assumptions)
    k = book.runs
    printed, meaning = claim.interval(), claim.meaning
    trained = _trained(book, claim, options, sample, evidence)
    collapsed = n - int(trained.sum())
    bounds = (meaning.lo, meaning.hi) if meaning.score and math.isfinite(meaning.lo) else None
    if of_runs:
        ahead = predicted_spread(sample.values[trained], max(k, 2), LEVEL, (printed.lo, printed.hi))
        mean = sd
    else:
        ahead = prediction(sample.values[trained], k, LEVEL, bounds, (printed.lo, printed.hi))
    lo, hi = max(ahead.lo, meaning.lo), min(ahead.hi, meaning.hi)
    met = printed.lo <= hi + 1e-12 and lo <= printed.hi + 1e-12
    margin = meaning.margin(mean)
    control = ""
    if not met:
        short = printed.lo > hi if meaning.better != "lower" else printed.hi < lo
        verdict_ = "falls short" if short else "exceeded"
        says = f"the printed {claim.printed} lies outside"
    elif (hi - lo) / 2 > margin:
        verdict_, says = (
            "inconclusive",
            f"wider than ± {margin:.3g}, so that the printed {claim.printed} could not have been refuted",
        )
    else:
        control = "" if of_runs else _control(book, claim, options, sample, evidence)
        verdict_ = "holds, for another reason" if control else "holds"
        says = f"the printed {claim.printed} lies within"
    if sd < 1e-12 and meaning.name in ("setting", "count", "time_per_call"):
        agrees = "as printed" if met else f"not the printed {claim.printed}"
        sentence = f"What ran here has {mean:g}, {agrees} ({n} runs)."
        return ReadingVerdict(name, verdict_, n, mean, sd, (mean, mean), None, sample.ids, sentence, assumptions)
    alike = not (of_runs or meaning.score) and sd < 1e-12 and hi - lo < 1e-12  # nothing that it depends on is drawn
    runs = "one run" if k == 1 else f"the {'spread' if of_runs else 'mean'} of {k} runs"
    measured_ = f"{mean:.3f} as spread" if of_runs else f"{mean:.3f} ± {sd:.3f}"
    failed = f" that trained ({collapsed} of {n} trainings failed)" if collapsed else ""
    sentence = (
        f"Measured {measured_} over {n} seeds ({name}); {runs}{failed} would lie in [{lo:.3f}, {hi:.3f}] "
        f"in {LEVEL:.0%} of cases: {says}.{control}"
    )
    if alike:
        agrees = "as printed" if met else f"not the printed {claim.printed}"
        under = f" ({name})" if options else ""
        sentence = f"Measured {mean:.3g} in each of {n} runs{under}, {agrees}: there is nothing in it that a seed could change."
    return ReadingVerdict(
        name,
        verdict_,
        n,
        mean,
        sd,
        (lo, hi),
        ahead.p,
        sample.ids,
        sentence,
        assumptions,
        collapsed=collapsed,
        of=key(experiment, whole, claim.metric) if experiment and not of_runs else "",
    )


def _trained(book: Paper, claim: Claim, options: Sequence[Reading], sample: Sample, evidence: Evidence) -> np.ndarray:
    """Which runs trained at all, by the rule for collapses; all where there is none, or so many fail that it is no exception."""
    from qhelpers.evaluation.comparison import prediction

    rule = book.protocol.get("collapse")
    experiment, config = _source(claim)
    everything = np.ones(len(sample.seeds), dtype=bool)
    if not rule or config.get("model") not in rule["models"]:
        return everything
    judged = evidence.sample(experiment, _overlay(book, config, options, experiment), str(rule["metric"]))
    if judged.seeds != sample.seeds:
        return everything
    above = np.asarray(judged.values >= rule["below"])
    if (~above).mean() > rule["at_most"] or above.sum() < SMALLEST_N:
        return everything
    # A low tail is no collapse: it must lie outside of what the other runs give.
    ahead = prediction(judged.values[above], 1, LEVEL, (0.0, 1.0))
    return np.asarray(above | (judged.values >= ahead.lo))


def _control(book: Paper, claim: Claim, options: Sequence[Reading], sample: Sample, evidence: Evidence) -> str:
    """Sentence on the first control without the claimed ingredient that is as good within the margin, or better; else empty."""
    from qhelpers.evaluation.comparison import SMALLEST_TEST, non_inferiority

    experiment, config = _source(claim)
    if claim.of.get("split") == "train":
        return ""
    shared = None
    for control in book.controls:
        if control.model != config.get("model"):
            continue
        changed = _overlay(book, {**config, "model": control.control}, options, experiment)
        other = evidence.sample(book.experiment({"model": control.control}, experiment), changed, claim.metric)
        common = sorted(set(sample.seeds) & set(other.seeds))
        if len(common) < SMALLEST_TEST:
            continue
        if shared is None:
            shared = evidence.shared(experiment, str(_overlay(book, config, options, experiment).get("data")))
            shared = HALVES if shared is None else shared
        ours = np.array([sample.values[sample.seeds.index(seed)] for seed in common])
        theirs = np.array([other.values[other.seeds.index(seed)] for seed in common])
        margin = claim.meaning.margin(float(np.mean(ours)))
        sign = -1.0 if claim.meaning.better == "lower" else 1.0
        if non_inferiority(sign * theirs, sign * ours, margin, shared).equivalent:
            better = sign * (theirs.mean() - ours.mean()) > margin
            said = "better" if better else f"as good within ± {margin:.3g}"
            return (
                f" So does {control.control}, which is without {control.without}: {np.mean(theirs):.3f}, {said} over "
                f"{len(common)} paired seeds (draws have {shared:.1%} of their test rows in common)."
            )
    return ""


def _compared(
    book: Paper, predicate: Mapping[str, Any], options: Sequence[Reading], experiment: str, evidence: Evidence, claim: Claim
) -> ReadingVerdict:
    """One reading of a comparison, by bootstraps over seeds, or by single runs if it reports one; an ``exact`` one holds in each.

    Of a procedure that is an identity, which no run may break; of a comparison, a difference too large to need a test.
    """
    reading = str(predicate["reading"])
    name, assumptions = _named(options)
    name = f"{reading}; {name}" if options else reading
    assumptions = (f"the sentence means: {reading}", *assumptions)
    samples = {
        term: evidence.sample(
            book.experiment(dict(term.config), experiment),
            _overlay(book, dict(term.config), options, experiment),
            term.metric.removesuffix("_sd"),
        )
        for term in terms(predicate)
    }
    lacking = list(dict.fromkeys(str(term) for term, one in samples.items() if len(one.seeds) < SMALLEST_N))
    common = sorted(set.intersection(*(set(sample.seeds) for sample in samples.values())))
    n = len(common)
    ids = tuple(dict.fromkeys(s.ids[s.seeds.index(seed)] for s in samples.values() for seed in common))
    few = {str(dict(term.config).get("model")) for term, one in samples.items() if len(one.seeds) < FEWEST_PAIRS}
    if n < FEWEST_PAIRS and few and not predicate.get("exact"):
        # What is said of many is refuted by those that have enough runs, whatever the others do.
        weaker = without(predicate, few)
        if weaker is not None and len(terms(weaker)) < len(samples):
            found = _compared(book, weaker, options, experiment, evidence, claim)
            if found.verdict == "falls short":
                others = f"{found.sentence} That decides; too few runs for a test have {', '.join(sorted(few))}."
                return replace(found, sentence=others)
    if lacking:
        sentence = (
            f"No verdict before {', '.join(lacking[:3])} {'and more ' * (len(lacking) > 3)}has {SMALLEST_N} seeds ({name})."
        )
        return ReadingVerdict(name, "pending", 0, sentence=sentence, assumptions=assumptions)
    if n < SMALLEST_N:
        sentence = f"Only {n} seeds are common to all that is compared; at least {SMALLEST_N} are needed ({name})."
        return ReadingVerdict(name, "pending", n, record_ids=ids, sentence=sentence, assumptions=assumptions)
    values = {term: np.array([s.values[s.seeds.index(seed)] for seed in common]) for term, s in samples.items()}
    shown = tuple((str(term), float(_statistic(term, one))) for term, one in values.items())
    if predicate.get("exact"):
        share = float(np.mean(evaluate(predicate, lambda term: values[term])))
        identity = claim.kind == "procedure"
        fails = "cannot hold" if identity else "falls short" if share == 0 else "inconclusive"
        verdict_ = "holds" if share == 1 else fails
        sentence = f"It holds in {share:.0%} of {n} runs ({name}).{_means(shown)}"
        return ReadingVerdict(name, verdict_, n, share, None, None, None, ids, sentence, assumptions, shown)
    if predicate["holds"] == "significant":
        return _tested(predicate, values, ReadingVerdict(name, "", n, None, None, None, None, ids, "", assumptions, shown))
    spreads = any(term.metric.endswith("_sd") for term in values)
    draws = np.random.default_rng(0).integers(0, n, (N_BOOTSTRAPS, n))
    means = {term: _statistic(term, one[draws]) for term, one in values.items()}
    share = float(np.mean(evaluate(predicate, lambda term: means[term])))
    decides, p = share, (share * N_BOOTSTRAPS + 1) / (N_BOOTSTRAPS + 1)
    in_runs = None
    sentence = f"It holds in {share:.1%} of {N_BOOTSTRAPS} bootstraps over {n} paired seeds"
    if not spreads:  # a single run has no spread
        held = np.broadcast_to(evaluate(predicate, lambda term: values[term]), n)
        in_runs = float(held.mean())
        sentence += f", and in {in_runs:.0%} of single runs"
        if claim.single:
            # The paper's own run is one more of these: that it holds there and in h of our n has at most this probability.
            decides, p = in_runs, (int(held.sum()) + 1) / (n + 1)
            sentence = (
                f"It holds in {in_runs:.0%} of {n} single runs, as it reports one, and in {share:.1%} of bootstraps of their mean"
            )
    verdict_ = "holds" if decides >= LEVEL else "falls short" if decides <= 1 - LEVEL else "inconclusive"
    sentence += f" ({name}).{_means(shown)}"
    if n < FEWEST_PAIRS:
        verdict_ = "inconclusive"
        sentence += f" Below {FEWEST_PAIRS} pairs this is an estimate, no test."
    return ReadingVerdict(name, verdict_, n, decides, None, None, p, ids, sentence, assumptions, shown, in_runs)


def _statistic(term: Term, values: np.ndarray) -> np.ndarray:
    """The mean over runs, the last axis, or the spread where that is asked for."""
    return np.asarray(values.std(axis=-1, ddof=1) if term.metric.endswith("_sd") else values.mean(axis=-1))


def _tested(predicate: Mapping[str, Any], values: Mapping[Term, np.ndarray], begun: ReadingVerdict) -> ReadingVerdict:
    """A reading that speaks of significance: the tests over all paired runs, instead of bootstraps of a mean."""
    held = bool(evaluate(predicate, lambda term: values[term]))
    found = contrasts(predicate, lambda term: values[term])
    told = "; ".join(f"{one.of} p = {one.p:.2g}, δ = {one.delta:+.2f}" for one in found)
    sentence = f"Signed-rank tests over {begun.n} paired seeds ({begun.reading}): {told}.".replace("-", "−")
    verdict_ = "holds" if held else "falls short"
    if begun.n < FEWEST_PAIRS:
        verdict_, sentence = "inconclusive", f"{sentence} Below {FEWEST_PAIRS} pairs this is an estimate, no test."
    share = sum(one.p < SIGNIFICANT and one.delta > 0 for one in found) / len(found)
    return replace(begun, verdict=verdict_, measured=share, sentence=sentence)


def _means(shown: Sequence[tuple[str, float]]) -> str:
    """Sentence on the means of what is compared, where they are few."""
    if len(shown) > 8:
        return ""
    return " Means: " + ", ".join(f"{name} {value:.3g}" for name, value in shown) + "."


def _nearest(claim: Claim, readings: Sequence[ReadingVerdict]) -> dict[str, Any] | None:
    """Our own measurement of what cannot be compared, under the first reading that has records."""
    for one in readings:
        if one.n and one.measured is not None:
            if claim.kind != "number":
                return {"measured": one.measured, "n_seeds": one.n, "reading": one.reading, "sentence": one.sentence.rstrip(".")}
            unit = claim.meaning.unit
            spread = f" ± {one.sd:.3g}" if one.sd is not None else ""
            place = "our hardware" if unit == "s" else str(_source(claim)[1].get("data", "our hardware"))
            sentence = f"{one.measured:.3g}{spread} {unit} on {place} over {one.n} seeds ({one.reading})"
            return {
                "measured": one.measured,
                "sd": one.sd,
                "n_seeds": one.n,
                "reading": one.reading,
                "record_ids": one.record_ids,
                "sentence": sentence,
            }
    return None

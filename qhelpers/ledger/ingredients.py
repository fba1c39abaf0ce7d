"""What a paper calls quantum, beside the control that shows what it is worth: difference, interval, pairs and cost."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from qhelpers.evaluation import SMALLEST_TEST, corrected_t_test, holm, paired_interval
from qhelpers.ledger.evidence import Evidence, committed
from qhelpers.runs.papers import papers

#: Level of the intervals and of the tests.
LEVEL = 0.95
#: Points to a unit of a score between 0 and 1.
POINTS = 100.0


@dataclass(frozen=True)
class Ingredient:
    """A quantum part of a model less what stands in its place, all else equal.

    Attributes
    ----------
    what, control, place, score : str
        For a reader: the quantum part, what it is set beside, the task, and of what the difference is.
    effect, low, high : float
        Mean difference and its 95 % interval, in points: hundredths of a score, or percent of the control's error. Above 0 the
        quantum part is better.
    n : int
        Pairs.
    pairs : str
        What a pair is, in the plural: ``"seeds"``, ``"machines"``.
    p : float
        Two-sided; NaN where there are fewer pairs than a test needs.
    cost : str
        What the quantum part costs beside its control; empty where nothing was measured.
    classical : bool
        Whether the control has no quantum part; else it is the same circuit with less in it.
    main : bool
        Whether a picture shows it that has room for few.
    paper : str
        Number of its paper; filled in by `ingredients`.
    """

    what: str
    control: str
    place: str
    score: str
    effect: float
    low: float
    high: float
    n: int
    pairs: str = "seeds"
    p: float = float("nan")
    cost: str = ""
    classical: bool = True
    main: bool = False
    paper: str = ""

    @property
    def says(self) -> str:
        """``"ahead"`` or ``"behind"`` where the interval leaves zero out, else ``"open"``; ``"few"`` where no test is made."""
        if self.n < SMALLEST_TEST:
            return "few"
        return "ahead" if self.low > 0 else "behind" if self.high < 0 else "open"


def of_pairs(
    both: tuple[ArrayLike, ArrayLike], shared: float, *, scale: float = POINTS, error: bool = False, **told: Any
) -> Ingredient:
    """Compare scores of the quantum part and of its control on the same draws.

    Parameters
    ----------
    both : (array-like, array-like), each of shape (n_pairs,)
        The quantum part's and the control's, at least two pairs.
    shared : float
        Share of test rows that two draws have in common, as in `qhelpers.evaluation.corrected_t_test`.
    scale : float
        Points to a unit of the score.
    error : bool
        Whether low scores are good: the difference is then in percent of the control's mean.
    **told
        ``what``, ``control``, ``place`` and the like, see `Ingredient`.
    """
    one, other = (np.asarray(values, dtype=float) for values in both)
    if error:
        one, other, scale = -one, -other, 100.0 / float(other.mean())
    n = len(one)
    p = corrected_t_test(one, other, shared, LEVEL).p if n >= SMALLEST_TEST else float("nan")
    effect, low, high = (scale * value for value in paired_interval(one, other, shared, LEVEL))
    return Ingredient(effect=effect, low=low, high=high, n=n, p=p, **told)


def of_records(
    experiment: str,
    both: tuple[Mapping[str, Any], Mapping[str, Any]],
    shared: float,
    *,
    metric: str = "accuracy",
    evidence: Evidence | None = None,
    **told: Any,
) -> Ingredient | None:
    """Compare two kinds of recorded runs, paired by seed.

    Parameters
    ----------
    experiment : str
    both : (mapping, mapping)
        Entries of the records' config, of the quantum part and of its control.
    shared : float
        As in `of_pairs`.
    metric : str
    evidence : Evidence, optional
        The committed records by default.
    **told
        As in `of_pairs`; without a ``cost``, that is what the runs took, see `cost`.

    Returns
    -------
    Ingredient or None
        None where fewer than two pairs are recorded.
    """
    of = evidence or committed()
    one, other = (of.sample(experiment, config, metric) for config in both)
    seeds = sorted({*one.seeds} & {*other.seeds})
    if len(seeds) < 2:
        return None
    rows = [[each.seeds.index(seed) for seed in seeds] for each in (one, other)]
    if "cost" not in told:
        by_id = {run.id: run for run in of.records(experiment)}
        told["cost"] = cost(*([by_id[each.ids[k]] for k in taken] for each, taken in zip((one, other), rows, strict=True)))
    return of_pairs((one.values[rows[0]], other.values[rows[1]]), shared, **told)


def of_interval(interval: tuple[float, float, float], n: int, **told: Any) -> Ingredient:
    """Take an effect with an interval that was made by drawing units anew; p as if it were normal."""
    effect, low, high = interval
    width = (high - low) / (2 * float(stats.norm.ppf((1 + LEVEL) / 2)))
    p = float(2 * stats.norm.sf(abs(effect) / width)) if width > 0 else float(effect == 0)
    return Ingredient(effect=effect, low=low, high=high, n=n, p=p if n >= SMALLEST_TEST else float("nan"), **told)


def cost(quantum: Sequence[Any], control: Sequence[Any]) -> str:
    """What the runs of a model cost beside those of its control: processor time, tuning included, and weights where counted."""
    seconds = [float(np.median([run.cpu_seconds for run in runs])) for runs in (quantum, control)]
    ratio = seconds[0] / seconds[1] if seconds[1] > 0 else float("inf")
    said = f"{ratio:.0f} × the time" if ratio >= 10 else f"{ratio:.1f} × the time"
    weights = [runs[0].metrics.get("parameters") for runs in (quantum, control)]
    if None not in weights:
        said += f", {weights[0] - weights[1]:+,.0f} weights".replace("-", "−")
    return said


def after_holm(found: Sequence[Ingredient]) -> list[str]:
    """What each of some comparisons says when all that are tested are read together: `Ingredient.says` by Holm's correction."""
    tested = [one for one in found if one.says != "few"]
    kept = {id(one): p < 1 - LEVEL for one, p in zip(tested, holm([one.p for one in tested]), strict=True)}
    return [one.says if one.says == "few" or kept[id(one)] else "open" for one in found]


def replaced(found: Sequence[Ingredient]) -> Counter[str]:
    """How often a quantum part is ahead of, behind or not to be told from something classical in its place, by `after_holm`.

    Parameters
    ----------
    found : sequence of Ingredient
        All that are read together, those with a weaker circuit for a control too: these are corrected for and not counted.
    """
    return Counter(says for one, says in zip(found, after_holm(found), strict=True) if one.classical)


@functools.cache
def ingredients() -> tuple[Ingredient, ...]:
    """Every quantum ingredient of every paper beside its controls, paper by paper."""
    return tuple(dataclasses.replace(one, paper=paper.number) for paper in papers() for one in paper.ingredients())

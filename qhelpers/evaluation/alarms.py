"""A detector judged as those who run a plant judge it: by false alarms an hour, by what is missed, and by how late it is.

An alarm is a row whose score is *above* a threshold. Thresholds come from validation rows and are used on others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOUR = 3600.0


def _seconds(time: ArrayLike) -> NDArray[np.float64]:
    """Times as seconds, from some moment on."""
    given = np.asarray(time)
    return (given - given[:1]) / np.timedelta64(1, "s") if given.dtype.kind == "M" else given.astype(float)


def _finite(scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores, float)
    if not len(values) or not np.isfinite(values).all():
        bad = len(values) - int(np.isfinite(values).sum())
        raise ValueError(
            f"{bad} of {len(values)} scores are not finite; allowed are finite scores of at least one row: mend them"
        )
    return values


def observed_hours(time: ArrayLike, usual: ArrayLike, gap: float = 60.0) -> float:
    """Hours of usual traffic that rows show; usual rows divided by it are rows an hour.

    From first to last usual row there may be days in which nothing was recorded: some recordings are bursts of minutes on a few
    days. So only time between two usual rows that follow one another within `gap` counts.

    Parameters
    ----------
    time : array-like of shape (n_rows,)
        ``datetime64``, or seconds; in any order. All rows of a recording, before it is split: a part of them has longer gaps.
    usual : array-like of bool, shape (n_rows,)
        Which rows are no attack.
    gap : float, default=60
        Longest pause within a burst, seconds.

    Returns
    -------
    float
        Hours.

    Raises
    ------
    ValueError
        If no two usual rows are within `gap`, or all have the same time.
    """
    gaps = np.diff(np.sort(_seconds(time)[np.asarray(usual, bool)]))
    if not (hours := float(gaps[gaps <= gap].sum()) / HOUR):
        raise ValueError(f"no time passes between usual rows within {gap:g} s; choose a longer gap, or give more usual rows")
    return hours


def lowest_rate(n_usual: int, rows_per_hour: float) -> float:
    """Least false alarms an hour that `n_usual` validation rows can set: one alarm in the hours that they stand for."""
    return rows_per_hour / n_usual


def alarm_threshold(usual_scores: ArrayLike, per_hour: float, rows_per_hour: float) -> float:
    """Threshold that lets at most so many alarms an hour through, counted on usual validation rows.

    Parameters
    ----------
    usual_scores : array-like of shape (n_usual,)
        Scores of usual rows that no training has seen; larger means more likely an attack.
    per_hour : float
        False alarms an hour that are allowed.
    rows_per_hour : float
        Usual rows in an hour of traffic: usual rows divided by `observed_hours`.

    Returns
    -------
    float
        A score, or ``-inf`` where every row may be an alarm. Where rows share it, the alarms are fewer than allowed.

    Raises
    ------
    ValueError
        If a score is not finite, or the rate is below `lowest_rate`: so few rows cannot tell it from none.
    """
    scores = np.sort(_finite(usual_scores))[::-1]
    if per_hour < (lowest := lowest_rate(len(scores), rows_per_hour)):
        raise ValueError(
            f"{per_hour:g} false alarms an hour; allowed are {lowest:.4g} or more, for {len(scores)} usual rows at "
            f"{rows_per_hour:,.0f} an hour hold no smaller rate: allow more alarms, or set the threshold on more usual rows"
        )
    # 1e-9: a rate that is just the lowest must not lose its one alarm to rounding.
    allowed = int(per_hour * len(scores) / rows_per_hour + 1e-9)
    return float(scores[allowed]) if allowed < len(scores) else -np.inf


def cost_threshold(scores: ArrayLike, y: ArrayLike, cost_missed: float, cost_false: float) -> float:
    """Threshold at which validation rows cost least; of several, the highest.

    Parameters
    ----------
    scores : array-like of shape (n_rows,)
        Scores or probabilities of validation rows.
    y : array-like of shape (n_rows,)
        1 for an attack, 0 for a usual row.
    cost_missed, cost_false : float
        Of an attack without alarm, and of an alarm without attack.

    Returns
    -------
    float
        Half way between two scores; ``-inf`` if it is cheapest to call all rows attacks, ``inf`` if none.

    Raises
    ------
    ValueError
        If a score is not finite.
    """
    values, attacks = _finite(scores), np.asarray(y) == 1
    levels = np.unique(values)
    cuts = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    missed = np.searchsorted(np.sort(values[attacks]), cuts, side="right")
    false = (~attacks).sum() - np.searchsorted(np.sort(values[~attacks]), cuts, side="right")
    cost = cost_missed * missed + cost_false * false
    return float(cuts[len(cuts) - 1 - np.argmin(cost[::-1])])


def episodes(time: ArrayLike, family: ArrayLike, gap: float = 60.0, usual: str = "normal") -> list[NDArray[np.int64]]:
    """Row numbers of each episode, in time order: rows of one family of attacks that follow one another within `gap` seconds."""
    seconds, kinds = _seconds(time), np.asarray(family)
    found = []
    for kind in sorted(set(kinds.tolist()) - {usual}):
        rows = np.flatnonzero(kinds == kind)
        rows = rows[np.argsort(seconds[rows], kind="stable")]
        found += np.split(rows, np.flatnonzero(np.diff(seconds[rows]) > gap) + 1)
    return found


def at_alarm_budget(
    scores: ArrayLike,
    family: ArrayLike,
    time: ArrayLike,
    threshold: float,
    rows_per_hour: float,
    *,
    gap: float = 60.0,
    usual: str = "normal",
) -> dict[str, float]:
    """What a detector with this threshold does on test rows.

    Parameters
    ----------
    scores : array-like of shape (n_rows,)
        Of test rows; larger means more likely an attack.
    family : array-like of str, shape (n_rows,)
        `usual`, or the family of an attack.
    time : array-like of shape (n_rows,)
        ``datetime64``, or seconds. Delays mean something where the test rows are whole stretches of time, and nothing where they
        were drawn at random from them.
    threshold : float
        From `alarm_threshold` or `cost_threshold`, on validation rows.
    rows_per_hour : float
        Usual rows in an hour of traffic.
    gap : float, default=60
        Longest pause within an episode (`episodes`), seconds.
    usual : str, default="normal"
        The family that is no attack.

    Returns
    -------
    dict
        ``false_alarms_per_hour`` (where there are usual rows), ``recall`` of all attack rows, ``episodes`` and
        ``episodes_missed`` (no row of theirs an alarm), and each of the three for every family, as ``recall_xss``; of the found
        episodes, from the first row to the first alarm, ``delay_seconds_median``, ``delay_seconds_worst``, ``delay_rows_median``
        and ``delay_rows_worst``: 0 where the first row is an alarm, absent where none is found.

    Raises
    ------
    ValueError
        If the arrays differ in length, or hold no attack.
    """
    alarm, kinds, seconds = np.asarray(scores, float) > threshold, np.asarray(family), _seconds(time)
    if not len(alarm) == len(kinds) == len(seconds) or (kinds == usual).all():
        raise ValueError(
            f"{len(alarm)} scores, {len(kinds)} families, {len(seconds)} times, {(kinds != usual).sum()} attacks; allowed are as "
            "many of each, with one attack at least: choose a test part that holds one"
        )
    values = {"recall": float(alarm[kinds != usual].mean())}
    if (kinds == usual).any():
        values["false_alarms_per_hour"] = float(alarm[kinds == usual].mean()) * rows_per_hour
    found = episodes(seconds, kinds, gap, usual)
    late = [(rows, rows[alarm[rows]][0], int(np.argmax(alarm[rows]))) for rows in found if alarm[rows].any()]
    values |= {"episodes": len(found), "episodes_missed": len(found) - len(late)}
    for kind in sorted(set(kinds.tolist()) - {usual}):
        own = [rows for rows in found if kinds[rows[0]] == kind]
        missed = sum(not alarm[rows].any() for rows in own)
        values |= {f"recall_{kind}": float(alarm[kinds == kind].mean()), f"episodes_{kind}": len(own)}
        values[f"episodes_missed_{kind}"] = missed
    if late:
        delays: dict[str, list[float]] = {
            "seconds": [float(seconds[hit] - seconds[rows[0]]) for rows, hit, _ in late],
            "rows": [n for *_, n in late],
        }
        for unit, delay in delays.items():
            values |= {f"delay_{unit}_median": float(np.median(delay)), f"delay_{unit}_worst": float(max(delay))}
    return {name: float(value) for name, value in values.items()}

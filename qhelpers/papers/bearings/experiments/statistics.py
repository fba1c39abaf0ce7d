"""Table 5 made again from the recorded comparison: paired t tests over seeds as printed, and what the data allow (D4.56)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from qhelpers.evaluation import holm
from qhelpers.papers.bearings.experiments import comparison, network
from qhelpers.runs import records
from qhelpers.runs.experiment import Experiment, Outcome, knows

#: The nine of Table 3, and the network that they are compared with.
RIVALS = ("svm-rbf", "random-forest", "lstm", "1d-cnn", "resnet-50", "automl", "transformer", "gnn", "hybrid-qnn")
OURS = "qeml-net"
#: Test over training windows of a draw: what Nadeau and Bengio's variance adds to 1/n.
OVERLAP = 600 / 2800
#: Level of the family (section 4.4).
LEVEL = 0.05
#: What an analysis of variance over all ten is called in the place of a model.
ALL = "all ten"


def paired(first: Sequence[float], second: Sequence[float], m: int = len(RIVALS), overlap: float = 0.0) -> dict[str, float]:
    """Paired t test of the first being another than the second, at any number of pairs.

    Parameters
    ----------
    first, second : sequence of float
        Scores of the same seeds, or the same bearings.
    m : int
        Comparisons in the family, for Bonferroni.
    overlap : float
        Test over training rows of a draw, where all draws come from one set (Nadeau and Bengio 2003); 0 is the plain test.

    Returns
    -------
    dict of str to float
        ``difference``; ``t``, ``p``, ``p_adjusted``; ``d`` by the spread of differences, ``d_groups`` by that of both groups;
        ``ci_low`` and ``ci_high``, 95 %. What has no spread has no t and no d; where there is no difference either, they are 0.

    Raises
    ------
    ValueError
        If there are fewer than two pairs.
    """
    x, y = np.asarray(first, float), np.asarray(second, float)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 2:
        raise ValueError(f"scores of shapes {x.shape} and {y.shape}; allowed are pairs, two or more: take the same seeds of both")
    difference, n = x - y, len(x)
    mean, spread = float(difference.mean()), float(difference.std(ddof=1)) if np.ptp(difference) > 1e-12 else 0.0
    groups = float(np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2))
    error = spread * np.sqrt(1 / n + overlap)
    none = 0.0 if abs(mean) < 1e-12 else np.nan
    t = mean / error if error else none
    p = float(2 * stats.t.sf(abs(t), n - 1))
    half = float(stats.t.ppf(0.975, n - 1) * error)
    return {
        "difference": mean,
        "t": float(t),
        "p": p,
        "p_adjusted": min(1.0, m * p),
        "d": float(mean / spread if spread else none),
        "d_groups": float(mean / groups if groups else none),
        "ci_low": mean - half,
        "ci_high": mean + half,
    }


def variance(groups: Iterable[Sequence[float]]) -> dict[str, float]:
    """One-way analysis of variance: ``f_statistic``, ``df_between``, ``df_within``, ``p``, ``eta_squared``."""
    scores = [np.asarray(one, float) for one in groups]
    together = np.concatenate(scores)
    between, within = len(scores) - 1, len(together) - len(scores)
    f, p = stats.f_oneway(*scores)
    rest = sum(float(((one - one.mean()) ** 2).sum()) for one in scores)
    whole = float(((together - together.mean()) ** 2).sum())
    found = {"f_statistic": float(f), "p": float(p), "eta_squared": 1 - rest / whole}
    return found | {"df_between": float(between), "df_within": float(within)}


def shares(runs: Iterable[Any], array: str = "share") -> dict[str, float]:
    """Share of right windows of each bearing, the mean over the runs that tested it; `array` is what they call it."""
    found: dict[str, list[float]] = {}
    for run in runs:
        arrays = run.arrays()
        for name, share in zip(arrays["bearing"].tolist(), arrays[array].tolist(), strict=True):
            if not np.isnan(share):
                found.setdefault(name, []).append(share)
    return {name: float(np.mean(values)) for name, values in sorted(found.items())}


def by_bearing(runs: Sequence[Any], other: str) -> dict[str, float]:
    """Compare `OURS` with another model, a bearing a pair: `paired`, and ``p_ranks`` by signed ranks."""
    ours, theirs = (shares(run for run in runs if run.config["model"] == name) for name in (OURS, other))
    first, second = list(ours.values()), [theirs[name] for name in ours]
    found = paired(first, second)
    same = np.allclose(first, second)
    return found | {"p_ranks": 1.0 if same else float(stats.wilcoxon(first, second).pvalue), "n": float(len(first))}


@knows(split=network.SPLITS, model=(*RIVALS, ALL))
def run(config: Mapping[str, Any], seed: int) -> Outcome:
    """Compare the network with one rival, or all ten by an analysis of variance, from the records of `bearings-comparison`.

    Parameters
    ----------
    config : mapping
        ``split``, of `network.SPLITS`; ``model``, one of `RIVALS` or `ALL`.
    seed : int
        Not used: nothing is drawn.

    Returns
    -------
    Outcome
        On windows at random, with the first five seeds for pairs: what `paired` has, the same with ``_corrected`` behind it for
        Nadeau and Bengio's variance, and ``n``; for all ten `variance`, and ``p_largest``, ``d_smallest``, ``d_largest`` of
        Table 5's rows, and the family: ``m`` comparisons at a ``level``.
        Where a fault size is held out, with bearings for pairs: `by_bearing`, and ``p_holm`` of its ranks over all nine.

    Raises
    ------
    ValueError
        If the comparison is not recorded.
    """
    split, name = config["split"], config["model"]
    ran = [one for one in records.measured(comparison.EXPERIMENT.name) if one.config["split"] == split]
    scores: dict[str, dict[int, float]] = {}
    for one in ran:
        scores.setdefault(one.config["model"], {})[one.seed] = one.metrics["accuracy"]
    if missing := {OURS, *RIVALS} - scores.keys():
        raise ValueError(f"no recorded run of {', '.join(sorted(missing))} on {split}; record {comparison.EXPERIMENT.name} first")
    both = {key: [found[k] for k in sorted(found)[: network.FIVE]] for key, found in scores.items()}
    if name == ALL:
        metrics = variance(both[key] for key in (OURS, *RIVALS))
        if split == network.SPLITS[0]:
            tests = [paired(both[OURS], both[key]) for key in RIVALS if key != "automl"]
            effects = [one["d"] for one in tests if np.isfinite(one["d"])]
            metrics |= {"p_largest": max(one["p"] for one in tests if np.isfinite(one["p"]))}
            metrics |= {"d_smallest": min(effects), "d_largest": max(effects), "m": float(len(RIVALS)), "level": LEVEL}
    elif split == network.SPLITS[0]:
        corrected = {f"{key}_corrected": value for key, value in paired(both[OURS], both[name], overlap=OVERLAP).items()}
        metrics = paired(both[OURS], both[name]) | corrected | {"n": float(len(both[name]))}
    else:
        ranks = [by_bearing(ran, other)["p_ranks"] for other in RIVALS]
        metrics = by_bearing(ran, name) | {"p_holm": float(holm(ranks)[RIVALS.index(name)])}
    return Outcome({key: value for key, value in metrics.items() if np.isfinite(value)})


def grid(profile: str) -> list[tuple[dict[str, Any], int]]:
    """Nine comparisons and the analysis of variance on each split; three times, as nothing is drawn."""
    n_seeds = 1 if profile == "quick" else 3
    splits = network.SPLITS[:1] if profile == "quick" else network.SPLITS
    return [({"data": "cwru", "split": split, "model": name}, n_seeds) for split in splits for name in (*RIVALS, ALL)]


EXPERIMENT = Experiment(
    name="bearings-statistics",
    version="1",
    about="paper 4: Table 5's tests from the recorded comparison, over seeds as printed, and by bearing",
    function=run,
    grid=grid,
    estimate=lambda config: 1.0,
    headline="p",
    data=lambda config: (),
    told=("data", "split", "model"),
)

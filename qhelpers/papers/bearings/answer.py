"""The answer of part 4 in three sentences: does the quantum part help, where, and what to use instead; all computed."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.evaluation import paired_interval
from qhelpers.ledger.shown import key, mark, rounded, sample
from qhelpers.papers.bearings.experiments import statistics
from qhelpers.papers.bearings.experiments.network import CHOSEN, SPLITS
from qhelpers.runs import records
from qhelpers.signals import WINDOW

if TYPE_CHECKING:
    from qhelpers.ledger.ingredients import Ingredient

AT_RANDOM, SIZE_OUT = SPLITS
#: Where the network is trained, with which budget, and not for a choice.
MAIN: dict[str, Any] = {"data": "cwru", "size": 32, "epochs": 4, "inner": None}
#: What is left out, or put in the circuit's place, as `bearings-network` calls it.
WITHOUT = "without circuit"
#: Samples of a second, and of the paper's window.
SECOND = 12_000
#: Of the share that is named right: within so much the simpler of two is the one to use.
NEAR = 0.02
#: What stands in the circuit's place, as a table calls it: as `bearings-network`, `bearings-unseen` and `bearings-questions` do.
IN_ITS_PLACE = {
    "no circuit": (WITHOUT, "none", "none"),
    "tanh": ("tanh for circuit", "classical", "tanh"),
    "never trained": ("circuit not trained", "frozen", "frozen"),
    "no CNOTs": ("without CNOTs", "separable", "separable"),
    "its own terms, free": ("", "", "free"),
}
#: Of these the circuit is still there.
WEAKENED = ("never trained", "no CNOTs")
#: Rows of the picture, simplest first: one of 27 bearings left out, inner ring or outer; the experiment and config of each.
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "rule, not trained": ("bearings-rule", {"band": "2000-5500", "whiten": False, "samples": SECOND}),
    "logistic, nine lines": (
        "bearings-lines",
        {"protocol": "bearing", "features": "lines", "model": "logistic", "samples": SECOND},
    ),
    "logistic, spectrum": (
        "bearings-lines",
        {"protocol": "bearing", "features": "spectrum", "model": "logistic", "samples": SECOND},
    ),
    "head, three lines, no circuit": ("bearings-unseen", {"method": "head", "input": "line means", "model": "none"}),
    "head, three lines, circuit": ("bearings-unseen", {"method": "head", "input": "line means", "model": "circuit"}),
    "rule, 43 ms": ("bearings-rule", {"band": "2000-5500", "whiten": False, "samples": WINDOW}),
    "logistic, nine lines, 43 ms": (
        "bearings-lines",
        {"protocol": "bearing", "features": "lines", "model": "logistic", "samples": WINDOW},
    ),
    "network, no circuit, 43 ms": ("bearings-unseen", {"method": "network", "input": "image", "model": WITHOUT}),
    "QEML-Net, 43 ms": ("bearings-unseen", {"method": "network", "input": "image", "model": "full"}),
}
QUANTUM = ("head, three lines, circuit", "QEML-Net, 43 ms")
BARS_ALT = (
    "Share of windows named right on bearings that were left out: a rule that is not trained and a regression on lines stand "
    "near the top, in 43 ms a little lower, QEML-Net about guessing, and the circuit adds nothing to three lines."
)


def _by_bearing(experiment: str, config: Mapping[str, Any]) -> dict[str, float]:
    """Share of right windows of each bearing left out, mean over the runs of a config; empty where none is recorded."""
    try:
        runs = [run for run in records.measured(experiment) if config.items() <= run.config.items()]
    except records.RecordsError:
        return {}
    return statistics.shares(runs, "two" if experiment == "bearings-rule" else "share")


@functools.cache
def shares(label: str) -> dict[str, float]:
    """Share of right windows of each bearing left out, for a row of `ROWS`; empty where none is recorded."""
    return _by_bearing(*ROWS[label])


def bars() -> dict[str, NDArray[np.float64]]:
    """Shares of the bearings, by row of the picture, as far as they are recorded."""
    rows = {label: np.array(list(shares(label).values())) for label in ROWS}
    return {label: values for label, values in rows.items() if len(values)}


def network(variant: str, split: str, metric: str = "accuracy", size: int = MAIN["size"]) -> NDArray[np.float64]:
    """Recorded scores of a variant of the network, one a seed."""
    found: NDArray[np.float64] = sample("bearings-network", metric, **{**MAIN, "size": size}, variant=variant, split=split).values
    return found


def shown(variant: str, split: str, size: int = MAIN["size"]) -> str:
    """Mean of them, marked with what it is of."""
    config = {**MAIN, "size": size, "variant": variant, "split": split}
    return mark(rounded(network(variant, split, size=size).mean()), key("bearings-network", config, "accuracy"))


def _unseen(label: str) -> str:
    values = np.array(list(shares(label).values()))
    return f"{100 * values.mean():.0f} %"


def _runs(label: str) -> str:
    """How many runs stand behind a row of `ROWS`."""
    experiment, config = ROWS[label]
    n = sum(config.items() <= run.config.items() for run in records.measured(experiment))
    return "one run" if n == 1 else f"{n} runs"


def pairs() -> Mapping[str, tuple[float, float]]:
    """What the four quantum numbers add, in points, to a head on features of one backbone: mean and standard error over its pairs
    of trainings, by split and fault size held out (`bearings-questions`); empty where nothing is recorded."""
    try:
        runs = records.measured("bearings-questions")
    except records.RecordsError:
        return {}
    found = {}
    for run in runs:
        kept = run.arrays()
        at = {name: kept["accuracy"][k] for k, name in enumerate(kept["place"].tolist())}
        gain = 100 * (at["circuit"] - at["none"])
        found[f"{run.config['split']} {run.seed}"] = (float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain))))
    return found


def _asked(place: str) -> NDArray[np.float64]:
    """Accuracy of heads on features of one backbone, mean over them, by fault size held out (`bearings-questions`)."""
    runs = sorted(
        (run for run in records.measured("bearings-questions") if run.config["split"] == SIZE_OUT), key=lambda r: r.seed
    )
    return np.array([run.metrics[f"accuracy_{place}"] for run in runs if f"accuracy_{place}" in run.metrics])


def ingredients() -> Iterator[Ingredient]:
    """The circuit of QEML-Net less what stands in its place, in points of accuracy, as far as it is recorded.

    The whole network where a fault size is held out and on windows at random; a head on features of one backbone, by size; a
    head on three lines, one of all bearings left out.
    """
    from qhelpers.ledger.ingredients import of_pairs, of_records

    def told(name: str, place: str, pairs: str) -> dict[str, Any]:
        main = name == "no circuit" and place in ("a new fault size", "a new bearing")
        common = {"what": "QEML-Net's circuit", "control": name, "place": place, "score": "accuracy", "pairs": pairs}
        return common | {"classical": name not in WEAKENED, "main": main}

    places = ((SIZE_OUT, "a new fault size", "sizes", 0.0), (AT_RANDOM, "windows at random", "seeds", 0.15))
    for split, place, pairs, shared in places:
        for name, (variant, _, _) in IN_ITS_PLACE.items():
            both = ({**MAIN, "variant": "full", "split": split}, {**MAIN, "variant": variant, "split": split})
            found = of_records("bearings-network", both, shared, **told(name, place, pairs)) if variant else None
            if found:
                yield found
    circuit = _asked("circuit")
    for name, (_, _, place) in IN_ITS_PLACE.items():
        if len(circuit) > 1 and len(without := _asked(place)) == len(circuit):
            yield of_pairs((circuit, without), 0.0, **told(name, "a new fault size, same features", "sizes"))
    head = {"method": "head", "input": "line means", "samples": SECOND}
    circuits = _by_bearing("bearings-unseen", head | {"model": "circuit"})
    for name, (_, model, _) in IN_ITS_PLACE.items():
        other = _by_bearing("bearings-unseen", head | {"model": model}) if model else {}
        if other and other.keys() == circuits.keys():
            shares = ([by[bearing] for bearing in sorted(circuits)] for by in (circuits, other))
            yield of_pairs((next(shares), next(shares)), 0.0, **told(name, "a new bearing", "bearings"))
    for name, images, samples in (("its own images", "image", WINDOW), ("images of orders", "order image", SECOND)):
        whole = {"method": "network", "input": images, "samples": samples}
        full, bare = (_by_bearing("bearings-unseen", whole | {"model": model}) for model in ("full", WITHOUT))
        if full and full.keys() == bare.keys():
            shares = ([by[bearing] for bearing in sorted(full)] for by in (full, bare))
            yield of_pairs((next(shares), next(shares)), 0.0, **told("no circuit", f"a new bearing, {name}", "bearings"))


def sentences() -> tuple[str, str, str]:
    """Does the quantum part help, where, and what to use instead; HTML, every number from the records."""
    return _help(), _where(), _instead()


def paired(label: str, other: str) -> tuple[float, float, int]:
    """How far one row of `ROWS` is above another on the same bearings, in points: mean, half its 95 % interval by Student's t
    over bearings, and on how many bearings both are the same."""
    one, two = shares(label), shares(other)
    both = [(100 * one[name], 100 * two[name]) for name in one.keys() & two.keys()]
    mean, _, high = paired_interval([a for a, _ in both], [b for _, b in both], 0.0)
    return mean, high - mean, sum(a == b for a, b in both)


def _points(*values: float) -> str:
    return " to ".join(f"{value:+.1f}" for value in values).replace("-", "−")


def gain(size: int) -> NDArray[np.float64]:
    """What the circuit adds where a fault size is held out, in points by fault size, with images of so many pixels a side."""
    both = (network(variant, SIZE_OUT, size=size) for variant in ("full", WITHOUT))
    return np.array([100 * (one - other) for one, other in zip(*both, strict=False)])


def _help() -> str:
    small, chosen = gain(MAIN["size"]), gain(CHOSEN)
    both = np.concatenate([small, chosen])
    first = "No gain was seen" if both.max() <= 0 else "Not that we could see" if both.min() <= 0 else "Perhaps"
    said = (
        f"<strong>Does the quantum part help?</strong> {first}: on a fault size never met QEML-Net has an accuracy of "
        f"{shown('full', SIZE_OUT)} with its circuit and {shown(WITHOUT, SIZE_OUT)} without"
    )
    if len(chosen):
        said += f", with larger images {shown('full', SIZE_OUT, CHOSEN)} and {shown(WITHOUT, SIZE_OUT, CHOSEN)}"
    said += f" ({len(small)} sizes: too few to exclude a small gain)."
    told = [mean for name, (mean, _) in pairs().items() if name.startswith(SIZE_OUT)]
    if told:
        said += f" Its four numbers add {_points(float(np.mean(told)))} points to a head on the same features."
    return said


def _where() -> str:
    heads = ("a head on three line heights", "head, three lines, circuit", "head, three lines, no circuit")
    whole = ("the whole network", "QEML-Net, 43 ms", "network, no circuit, 43 ms")
    told = [(name, paired(a, b), _runs(a)) for name, a, b in (heads, whole) if shares(a) and shares(b)]
    ahead = any(mean > half for _, (mean, half, _), _ in told)
    said = (
        f"<strong>Where?</strong> {'Perhaps on a bearing never met' if ahead else 'Nowhere that we found'}: random windows are "
        f"all but solved ({shown('full', AT_RANDOM)} and {shown(WITHOUT, AT_RANDOM)})"
    )
    if told:
        gains = (f"{name} {_points(mean)} ± {half:.1f} points ({runs})" for name, (mean, half, _), runs in told)
        said += f"; where one of {len(shares(heads[1]))} bearings is left out, the circuit gives {', '.join(gains)}"
    return said + "."


def instead() -> str:
    """What to use instead, in a few words."""
    means = {label: float(np.mean(list(shares(label).values()))) for label in list(ROWS)[:3]}
    names = ("a rule from geometry and speed", "logistic regression on line heights", "logistic regression on a spectrum")
    best = next(name for name, mean in zip(names, means.values(), strict=True) if mean >= max(means.values()) - NEAR)
    return f"{best} (which ring is struck)"


def _instead() -> str:
    said = (
        "<strong>What to use instead?</strong> To say which ring of a damaged bearing is struck, geometry and the speed of the "
        f"shaft: in the paper’s own 43 ms a rule that is never trained is right in {_unseen('rule, 43 ms')} of windows of a "
        f"bearing left out, a regression on line heights in {_unseen('logistic, nine lines, 43 ms')}"
    )
    if shares("QEML-Net, 43 ms"):
        said += f", QEML-Net in {_unseen('QEML-Net, 43 ms')} ({_runs('QEML-Net, 43 ms')}), guessing in 50 %"
    return f"{said}; with a second of signal the rule has {_unseen('rule, not trained')}."


#: What a check that fails says, in a few words.
ARITHMETIC = {
    "t-from-interval": "t that its own confidence interval contradicts",
    "copied-cells": "cells that stand for other data in another table, to the last digit",
    "t-from-effect": "t that its own effect size contradicts",
    "same-number": "one quantity, printed as two",
    "worked-out": "number that does not follow from what it is said to follow from",
    "count": "things counted, and printed as another number",
    "bonferroni-from-t": "corrected p that its own t contradicts",
    "f1-from-precision-recall": "F1 above what precision and recall allow",
    "confusion-matrix": "row that no confusion matrix gives",
    "p-from-t": "p that its own t contradicts",
    "parameters-added": "parameters that what was added does not have",
    "difference": "difference of two printed numbers that is another",
    "sentence-follows-from-tables": "sentence that its own table contradicts",
}

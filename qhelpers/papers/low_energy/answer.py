"""The answer of part 1 in three sentences: does the quantum part help, where, and what to use instead; all computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qhelpers.evaluation import corrected_t_test, holm
from qhelpers.ledger.shown import sample, score

if TYPE_CHECKING:
    from qhelpers.ledger.ingredients import Ingredient

#: Tasks, and what a sentence calls them.
TASKS = {"occupancy": "in the room", "ton_iot_gps": "on the tracker"}
NETWORKS: dict[str, dict[str, Any]] = {
    "QNN-P as a chain": {"model": "qnn-p", "entangler": "chain"},
    "QNN-P as a ring": {"model": "qnn-p", "entangler": "ring"},
    "QNN-Q": {"model": "qnn-q"},
    "QNN-H": {"model": "qnn-h"},
}
CLASSICAL: dict[str, dict[str, Any]] = {
    "a linear SVM": {"model": "svm-linear"},
    "logistic regression": {"model": "logistic-regression"},
    "LDA": {"model": "lda"},
    "a ridge classifier": {"model": "ridge"},
    "QDA": {"model": "qda"},
    "naive Bayes": {"model": "naive-bayes"},
    "gradient boosting": {"model": "gradient-boosting"},
    "a random forest": {"model": "random-forest"},
    "one tree": {"model": "decision-tree"},
}
#: What stands in the place of each circuit, with as many numbers, and what a table calls it.
IN_ITS_PLACE: dict[str, dict[str, dict[str, Any]]] = {
    f"QNN-P as a {wiring}": {
        "a network of equal size": {"model": "mlp"},
        "its own terms, free": {"model": f"trigonometric-{wiring}"},
        "never trained": {"model": f"frozen-{wiring}"},
        "no CNOTs": {"model": "qnn-p-separable"},
    }
    for wiring in ("chain", "ring")
} | {
    "QNN-Q": {"a network of equal size": {"model": "mlp"}},
    "QNN-H": {"no circuit": {"model": "qnn-h-classical"}},
}
#: Of these the circuit is still there.
WEAKENED = ("never trained", "no CNOTs")
#: What one would try first, the simplest first.
SIMPLE: dict[str, dict[str, Any]] = {
    "one threshold on one sensor": {"model": "one-threshold"},
    "a tree of three questions": {"model": "three-questions"},
}
#: Points of accuracy within which the simpler of two models is the one to use.
NEAR = 0.01


def _place(config: Mapping[str, Any], data: str) -> dict[str, Any]:
    return {**config, "data": data, "regime": "300+300"}


def mean(config: Mapping[str, Any], data: str) -> float:
    """Mean accuracy of a model on a task under the main reading."""
    return float(sample("low-energy", **_place(config, data)).values.mean())


def shown(config: Mapping[str, Any], data: str) -> str:
    """The same as a page shows it."""
    return score("low-energy", **_place(config, data))


def best(models: Mapping[str, Mapping[str, Any]], data: str) -> str:
    """Name of the best of some models on a task."""
    return max(models, key=lambda name: mean(models[name], data))


def clear(shared: Mapping[str, float]) -> dict[tuple[str, str, str], list[str]]:
    """Which of the nine classical models each network is clearly ahead of, and which are clearly ahead of it.

    Parameters
    ----------
    shared : mapping of str to float
        Share of test rows that two draws have in common, by task.

    Returns
    -------
    dict of (str, str, str) to list of str
        By task, network, and ``"ahead"`` or ``"behind"``: names of classical models, by the corrected resampled t test with
        Holm's correction over all pairs.
    """
    pairs = [(data, network, rival) for data in TASKS for network in NETWORKS for rival in CLASSICAL]
    tests = []
    for data, network, rival in pairs:
        one = sample("low-energy", **_place(NETWORKS[network], data))
        other = sample("low-energy", **_place(CLASSICAL[rival], data))
        seeds = [seed for seed in one.seeds if seed in other.seeds]
        ours, theirs = ([each.values[each.seeds.index(seed)] for seed in seeds] for each in (one, other))
        tests.append(corrected_t_test(ours, theirs, shared[data]))
    found: dict[tuple[str, str, str], list[str]] = {
        (data, network, side): [] for data in TASKS for network in NETWORKS for side in ("ahead", "behind")
    }
    for (data, network, rival), test, p in zip(pairs, tests, holm([test.p for test in tests]), strict=True):
        if p < 0.05:
            found[data, network, "ahead" if test.difference > 0 else "behind"].append(rival)
    return found


def ingredients() -> Iterator[Ingredient]:
    """Each circuit less what stands in its place, on both tasks: points of accuracy under the main reading."""
    from qhelpers.ledger.evidence import Evidence
    from qhelpers.ledger.ingredients import of_records

    evidence = Evidence()
    for data, place in TASKS.items():
        shared = evidence.shared("low-energy", data) or 0.5
        for network, controls in IN_ITS_PLACE.items():
            for name, config in controls.items():
                told: dict[str, Any] = {"what": network, "control": name, "place": place.split()[-1], "score": "accuracy"}
                told["classical"] = name not in WEAKENED
                told["main"] = network == "QNN-H" or (network == "QNN-P as a ring" and name == "its own terms, free")
                both = (_place(NETWORKS[network], data), _place(config, data))
                if found := of_records("low-energy", both, shared, evidence=evidence, **told):
                    yield found


_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "all")


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sentences() -> tuple[str, str, str]:
    """Does the quantum part help, where, and what to use instead; HTML, every number from the records."""
    from qhelpers.ledger.evidence import Evidence

    evidence = Evidence()
    found = clear({data: evidence.shared("low-energy", data) or 0.5 for data in TASKS})
    wins = [
        f"{network} {place}"
        for data, place in TASKS.items()
        for network in NETWORKS
        if best(CLASSICAL, data) in found[data, network, "ahead"]
    ]
    both = [shown(one, data) for data in TASKS for one in (NETWORKS["QNN-H"], {"model": "qnn-h-classical"})]
    no = "No: no network is clearly ahead of the best classical model on either task"
    first = f"{listed(wins)} is clearly ahead of the best classical model" if wins else no
    return (
        f"<strong>Does the quantum part help?</strong> {first}. The hybrid scores {both[0]} with its circuit and {both[1]} "
        f"without in the room, {both[2]} and {both[3]} on the tracker.",
        f"<strong>Where?</strong> {' '.join(_where(data, found) for data in TASKS)}",
        f"<strong>What to use instead?</strong> {_upper(', '.join(_instead(data) for data in TASKS))}.",
    )


def _where(data: str, found: Mapping[tuple[str, str, str], Sequence[str]]) -> str:
    network = best(NETWORKS, data)
    named = f"its best network, {network} ({shown(NETWORKS[network], data)})"
    beaten, lost = (found[data, network, side] for side in ("ahead", "behind"))
    if len(lost) > 1:
        behind = f"{_NUMBERS[len(lost)]} of the nine classical models are clearly above"
    else:
        behind = f"{lost[0]} is clearly above" if lost else "no classical model is clearly above"
    if not beaten:
        return f"Not {TASKS[data]}: {behind} {named}."
    return f"{_upper(TASKS[data])} {named}, is clearly above {_NUMBERS[len(beaten)]} of the nine; {behind} it."


def _simplest(data: str) -> str:
    every = SIMPLE | CLASSICAL
    top = max(mean(config, data) for config in every.values())
    return next(name for name, config in every.items() if mean(config, data) >= top - NEAR)


def _instead(data: str) -> str:
    name = _simplest(data)
    return f"{TASKS[data]} {name} ({shown((SIMPLE | CLASSICAL)[name], data)})"


def instead() -> str:
    """What to use instead, in a few words."""
    return f"{_simplest('occupancy')} (a room)"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]

"""The answer of part 3 in three sentences: does the quantum part help, where, and what to use instead; all computed.

The main table is always there. What is recorded beside it, selectors of equal entropy and baselines, sharpens the sentences.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qhelpers import ledger
from qhelpers.evaluation import Test, corrected_t_test
from qhelpers.ledger.shown import key, mark, rounded, sample
from qhelpers.papers.useful_life.windows import TEST_SHARE
from qhelpers.runs import records
from qhelpers.runs.records import Record, RecordsError

if TYPE_CHECKING:
    from qhelpers.ledger.ingredients import Ingredient

ENGINES, FLEET = "cmapss_fd001", "device_failure"
SETS = {f"cmapss_fd00{number}": f"FD00{number}" for number in range(1, 5)} | {FLEET: "the fleet"}
USUAL = {"protocol": "printed", "init": "zero", "td": True, "episodes": 8}
#: QAQL by both readings of its text, and what stands in the annealer's place or needs none.
READINGS = {"lowest-of-1000": "of 1,000 reads the lowest", "one-read": "one read"}
IN_ITS_PLACE = {
    "argmax": "argmax, first of equals",
    "argmax-random-ties": "argmax, any of equals",
    "softmax": "softmax",
    "epsilon-greedy": "ε-greedy",
    "uniform": "any bin",
}
GUESSES = {"mean-of-state": "mean label of the state", "mean": "mean label of all"}
#: Rivals of the paper that have a circuit, and what they are without, as `useful-life-baselines` and as a table call them.
WITH_CIRCUIT = {
    "quantum-dqn": ("DQN's network as a circuit", "dqn", "DQN"),
    "quantum-lstm": ("LSTM's gates as circuits", "bi-lstm", "Bi-LSTM"),
    "quantum-sgd": ("a circuit trained by SGD", "sgd", "a line trained by SGD"),
}
#: What one would try first, the simplest first: as named in `useful-life-baselines`, and in a sentence.
PLAIN = {
    "mean": "the mean label",
    "last-cycle": "a straight line on the last row",
    "ridge": "ridge regression on window statistics",
    "random-forest": "a random forest on window statistics",
    "gradient-boosting": "gradient boosting on window statistics",
}
#: Cycles or days of RMSE within which the simpler of two models is the one to use.
NEAR = 0.5


def values(selector: str, data: str = ENGINES, metric: str = "rmse", **other: Any) -> NDArray[np.float64]:
    """Recorded scores of a rule, one a run, by seed."""
    found: NDArray[np.float64] = sample("useful-life-qaql", metric, **USUAL, selector=selector, data=data, **other).values
    return found


def rival(model: str, data: str = ENGINES, metric: str = "rmse") -> NDArray[np.float64]:
    """Recorded scores of a baseline, one a run; empty where there are none yet."""
    try:
        found: NDArray[np.float64] = sample("useful-life-baselines", metric, protocol="printed", model=model, data=data).values
    except RecordsError:
        return np.empty(0)
    return found


def _matched() -> list[Record]:
    """Runs of selectors of equal entropy on engines."""
    runs = records.measured("useful-life-entropy")
    return [one for one in runs if {"data": ENGINES, "protocol": "printed", "td": True}.items() <= one.config.items()]


def of_any_bin(point: str) -> tuple[float, float, float]:
    """By how much the annealer's stand-in errs less than any bin at random, in the same runs: as `of_equal_entropy`."""
    from qhelpers.papers.useful_life.experiments import entropy

    return entropy.difference(_matched(), "uniform", f"{point}.annealer")[:3]


@functools.cache
def of_equal_entropy() -> dict[str, tuple[float, float, float]]:
    """By how much the annealer's stand-in errs less than a softmax of equal entropy, by point: cycles and their 95 % interval, by
    engines and runs (deviation D3.65); empty if fewer than five runs are recorded."""
    from qhelpers.papers.useful_life.experiments import entropy

    runs = _matched()
    if len(runs) < 5:
        return {}
    return {one: entropy.difference(runs, f"{one}.softmax", f"{one}.annealer")[:3] for one in entropy.points(ENGINES)}


def shown(selector: str, data: str = ENGINES) -> str:
    """Mean RMSE of a rule, marked with what it is of."""
    config = {**USUAL, "selector": selector, "data": data}
    return mark(rounded(values(selector, data).mean()), key("useful-life-qaql", config, "rmse"))


def _rival(model: str, data: str) -> str:
    config = {"protocol": "printed", "model": model, "data": data}
    return mark(rounded(rival(model, data).mean()), key("useful-life-baselines", config, "rmse"))


def gain(reading: str, other: str, data: str = ENGINES) -> Test:
    """RMSE of what stands in the annealer's place less that of QAQL, over the same splits: above 0 where the annealer helps."""
    return corrected_t_test(values(other, data), values(reading, data), TEST_SHARE)


def ingredients() -> Iterator[Ingredient]:
    """The annealer's draws less other ways to choose, and circuits less networks: percent of the control's RMSE.

    On engines also beside a softmax of equal entropy (deviation D3.65), and of equal entropy in each state (D3.77), by
    `useful-life-entropy`.
    """
    from qhelpers.ledger.ingredients import of_interval, of_records
    from qhelpers.papers.useful_life.experiments import entropy

    error: dict[str, Any] = {"score": "error", "place": "engines"}
    annealer = {"lowest-of-1000": ("annealer, best of 1,000 reads", 1000), "one-read": ("annealer, one read", 1)}
    for data, place in ((ENGINES, "engines"), (FLEET, "fleet")):
        for reading, (what, n_reads) in annealer.items():
            for other in ("argmax", "uniform"):
                told = error | {"what": what, "control": IN_ITS_PLACE[other], "place": place, "cost": _reads(n_reads)}
                told["main"] = other == "uniform" and data == ENGINES
                both = ({**USUAL, "selector": reading, "data": data}, {**USUAL, "selector": other, "data": data})
                if found := of_records("useful-life-qaql", both, TEST_SHARE, metric="rmse", error=True, **told):
                    yield found
    runs = _matched()
    n_engines = len(np.unique(np.concatenate([run.arrays()["unit"] for run in runs]))) if runs else 0
    for point, (gained, low, high) in of_equal_entropy().items():
        read, number = point[0] == "t", point[1:]
        base = float(np.mean([run.metrics[f"{point}.softmax.rmse"] for run in runs])) / 100
        told = error | {"control": "a softmax as random", "pairs": "engines", "cost": _reads(1 if read else int(number))}
        told["what"] = f"annealer, one read, T = {number}" if read else f"annealer, best of {int(number):,} reads"
        yield of_interval((gained / base, low / base, high / base), n_engines, main=point in ("t0.35", "n10"), **told)
        base = float(np.mean([run.metrics["uniform.rmse"] for run in runs])) / 100
        gained, low, high = of_any_bin(point)
        told["control"] = "any bin, same runs"
        yield of_interval((gained / base, low / base, high / base), n_engines, **told)
    wanted = {"data": ENGINES, "equal": "in each state"}.items()
    alike = [run for run in records.measured("useful-life-entropy") if wanted <= run.config.items()]
    for n_reads in entropy.READS[ENGINES] if len(alike) > 4 else ():
        base = float(np.mean([run.metrics[f"n{n_reads}.softmax.rmse"] for run in alike])) / 100
        gained, low, high = entropy.difference(alike, f"n{n_reads}.softmax", f"n{n_reads}.annealer")[:3]
        told = error | {"control": "a softmax as random in each state", "pairs": "engines", "cost": _reads(n_reads)}
        told["what"] = f"annealer, best of {n_reads:,} reads"
        yield of_interval((gained / base, low / base, high / base), n_engines, **told)
    for model, (what, rival_of, control) in WITH_CIRCUIT.items():
        pair = ({"protocol": "printed", "model": one, "data": ENGINES} for one in (model, rival_of))
        told = error | {"what": what, "control": control}
        if found := of_records("useful-life-baselines", (next(pair), next(pair)), TEST_SHARE, metric="rmse", error=True, **told):
            yield found


def _reads(n: int) -> str:
    """What a decision of so many reads would take on an annealer, by the maker's formula; empty where that is not recorded."""
    runs = [run for run in records.measured("useful-life-cost") if f"modelled_call.{n}" in run.metrics]
    reads = [run.metrics[f"modelled_call.{n}"] for run in runs if run.config["over"] == "reads"]
    return f"{1000 * reads[0]:.0f} ms a decision on an annealer (modelled)" if reads else ""


def sentences() -> tuple[str, str, str]:
    """Does the quantum part help, where, and what to use instead; HTML, every number from the records."""
    return _help(), _where(), _instead()


def _help() -> str:
    tests = {one: gain(one, "uniform") for one in READINGS}
    better = [one for one, test in tests.items() if test.low > 0]
    worse = [one for one, test in tests.items() if test.high < 0]
    if better:
        first = "Yes" if len(better) == len(tests) else f"By one reading ({READINGS[better[0]]})"
    else:
        first = "No, it does harm" if len(worse) == len(tests) else "No" if worse else "Not that we could see"
    said = (
        f"<strong>Does the quantum part help?</strong> {first}: on engines held out QAQL errs by {shown('lowest-of-1000')} "
        f"cycles (RMSE; the lowest of 1,000 reads) or {shown('one-read')} (one read), and by {shown('uniform')} "
        "with any bin at random."
    )
    matched = of_equal_entropy()
    if matched:
        gained = float(np.mean([one for one, *_ in matched.values()]))
        clear = sum(low > 0 for _, low, _ in matched.values())
        argmax, qaql = (float(ledger.claim(f"3.ablation.{one}.fd001.rmse").printed or "nan") for one in ("argmax", "qaql"))
        said += (
            f" Its gain on a softmax that is as random is {gained:.1f} cycles (mean of {len(matched)} entropies, clear at "
            f"{clear}); printed is {argmax - qaql:.1f}."
        ).replace("-", "−")
    return said


def _where() -> str:
    controls = ("uniform", "argmax-random-ties")
    ahead = [
        text for data, text in SETS.items() if any(all(gain(one, other, data).low > 0 for other in controls) for one in READINGS)
    ]
    beaten = [
        text
        for data, text in SETS.items()
        if all(values("mean-of-state", data).mean() < values(one, data).mean() for one in READINGS)
    ]
    first = f"On {' and '.join(ahead)} by one reading it is" if ahead else f"On none of {len(SETS)} sets is it"
    on = {len(SETS): "all", 0: "none"}.get(len(beaten), str(len(beaten)))
    return (
        f"<strong>Where?</strong> {first} clearly ahead of both an argmax and any bin. On {on} of them the mean label of each "
        f"state, which tries nothing, does better: {shown('mean-of-state')} cycles on FD001, {shown('mean-of-state', FLEET)} "
        "days on the fleet."
    )


def simplest(data: str) -> str:
    """The simplest of `PLAIN` within `NEAR` of the best of them; empty while one of them has fewer than ten recorded runs."""
    if min(len(rival(name, data)) for name in PLAIN) < 10:
        return ""
    means = {name: float(rival(name, data).mean()) for name in PLAIN}
    return next((name for name, one in means.items() if one <= min(means.values()) + NEAR), "")


def instead() -> str:
    """What to use instead, in a few words."""
    name = simplest(ENGINES)
    return f"{PLAIN[name] if name else GUESSES['mean-of-state']} (engines)"


def _instead() -> str:
    start = "<strong>What to use instead?</strong> "
    chosen = {data: simplest(data) for data in (ENGINES, FLEET)}
    if not all(chosen.values()):
        return (
            f"{start}Group windows that are alike and take the mean label of each group: {shown('mean-of-state')} cycles on "
            f"FD001. On the fleet begin with the mean of all labels, {shown('mean', FLEET)} days; as printed QAQL errs there by "
            f"{shown('lowest-of-1000', FLEET)}."
        )
    if len(set(chosen.values())) == 1:
        name, (engines, fleet) = chosen[ENGINES], (_rival(chosen[data], data) for data in chosen)
        return f"{start}{PLAIN[name][0].upper()}{PLAIN[name][1:]} ({engines} cycles on FD001, {fleet} days on the fleet)."
    engines, fleet = (f"{PLAIN[name]} ({_rival(name, data)}" for data, name in chosen.items())
    return f"{start}{engines[0].upper()}{engines[1:]} cycles on FD001); on the fleet {fleet} days)."


def bars() -> Mapping[str, NDArray[np.float64]]:
    """RMSE on FD001 of each row of the picture, one a run: plain models as far as they are recorded, then the table's rules."""
    plain = {text: rival(name) for name, text in PLAIN.items() if name != "mean" and len(rival(name))}
    rows = GUESSES | {name: text for name, text in IN_ITS_PLACE.items() if name != "argmax"}
    return plain | {text: values(name) for name, text in rows.items()} | {f"QAQL, {t}": values(n) for n, t in READINGS.items()}


#: What a check that fails says, in a few words.
ARITHMETIC = {
    "mae-at-most-rmse": "mean absolute error above the root mean squared one",
    "one-variance": "MSE over RSE, the variance of the labels, differs from row to row of one table",
    "mape-against-data": "relative error too small for its absolute one and labels of at most 125",
    "multiples": "column that is a multiple of another data set's",
    "mse-from-rmse": "MSE that is not the square of its RMSE",
    "sentence-follows-from-tables": "sentence that its own table contradicts",
}


def scales() -> dict[str, tuple[float, float]]:
    """Table 11 over Tables 6 and 7: by set the smallest and largest ratio of a rival's printed RMSE to that on FD001."""
    printed = {
        one.id: float(one.printed) for one in ledger.claims("3") if one.quantity == "rmse" and one.printed and ".T" in one.id
    }
    found = {}
    for data in list(SETS)[1:4]:
        ratios = []
        for name, value in printed.items():
            if name.startswith(f"3.T11.{data}."):
                model = name.split(".")[3]
                (there,) = {printed[one] for one in (f"3.T{k}.{ENGINES}.{model}.rmse" for k in (6, 7)) if one in printed}
                ratios.append(value / there)
        found[data] = (min(ratios), max(ratios))
    return found

"""Equations of Section 3: the model that is sent to the annealer, its lowest state, and what is learned from a reward.

Where the text lost a formula, what is run is what the sentences around it say. `difference` is 0 where such a sentence holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from qhelpers.qubo import decode, get_sampler, one_hot_bqm, one_hot_models, penalty_bound, scaled_penalty
from qhelpers.runs.experiment import of_functions

Floats = NDArray[np.float64]

#: Bins and the largest label (Table 3, section 4.1), learning rate and discount (Table 3), cost vectors that are tried.
N_BINS, CAP, ALPHA, GAMMA, N_ROWS = 16, 125.0, 0.10, 0.99, 40
CENTRES = (np.arange(N_BINS) + 0.5) * CAP / N_BINS
#: States of the chain on which values are learned, and updates.
N_CHAIN, N_UPDATES = 12, 2000
#: Annealing times, in units of h-bar over the largest coefficient of the problem.
TIMES = (0.1, 1.0, 10.0, 100.0, 1000.0)
#: What the longest time has to reach: the theorem speaks of a limit, and no time is infinite.
NEAR_ONE = 0.99


@cache
def strings(n_bits: int) -> NDArray[np.int8]:
    """All strings of n bits, shape ``(2**n, n)``."""
    return ((np.arange(2**n_bits)[:, None] >> np.arange(n_bits)) & 1).astype(np.int8)


def table_costs(rng: np.random.Generator, n_rows: int = N_ROWS) -> Floats:
    """Costs as a Q-table has them that learned nothing but rewards: mean squared errors of each bin, labels being spread.

    Returns
    -------
    ndarray of shape (n_rows, 16)
        In units of the cap squared; none is below 0.
    """
    mean, sd = rng.uniform(0, CAP, n_rows), rng.uniform(2, 40, n_rows)
    return np.asarray(((CENTRES - mean[:, None]) ** 2 + sd[:, None] ** 2) / CAP**2)


def energies(costs: Floats, penalties: Floats) -> Floats:
    """Equation 17 for all strings and all rows of costs, shape ``(2**n_bins, n_rows)``."""
    x = strings(costs.shape[1])
    off = (x.sum(axis=1) - 1.0) ** 2
    return np.asarray(x @ costs.T + off[:, None] * penalties)


def not_greedy(costs: Floats, penalties: Floats) -> float:
    """Share of rows whose lowest string is another than the one bit of the lowest cost."""
    lowest = energies(costs, penalties).argmin(axis=0)
    return float(np.mean(lowest != 2 ** costs.argmin(axis=1)))


def one_hot_energy(rng: np.random.Generator) -> dict[str, float]:
    """Eqs. 16 to 19: without the constant, the energy of bin k is its cost less A. Relative to A."""
    costs = table_costs(rng)
    found = []
    for row, penalty in zip(costs, scaled_penalty(costs), strict=True):
        bqm = one_hot_bqm(row, penalty)
        bqm.offset = 0.0
        found.append(np.abs(bqm.energies(np.eye(N_BINS, dtype=np.int8)) - (row - penalty)).max() / penalty)
    pairs = list(bqm.quadratic.values())
    shape = {"variables": bqm.num_variables, "couplings": len(pairs), "coupling_spread": np.ptp(pairs)}
    return {"energy_error": float(max(found))} | {name: float(value) for name, value in shape.items()}


def expansion(rng: np.random.Generator) -> dict[str, float]:
    """Eq. 18: the model of linear and quadratic coefficients is the penalty that was multiplied out, for each string."""
    costs = table_costs(rng, 3)
    models = one_hot_models(costs)
    found = np.array([models[i].energies(strings(N_BINS)) for i in range(len(costs))]).T
    return {"energy_error": float((np.abs(found - energies(costs, models.penalties)) / models.penalties).max())}


def ground_state(rng: np.random.Generator) -> dict[str, float]:
    """Eqs. 8 and 13, A = 2 max|c|: share of rows whose lowest of all 2^16 strings is no greedy action; and a table of zeros."""
    costs = table_costs(rng)
    zero = energies(np.zeros((1, N_BINS)), np.asarray(scaled_penalty(np.zeros((1, N_BINS)))))
    return {"not_greedy": not_greedy(costs, scaled_penalty(costs)), "zero_table_states": float((zero == zero.min()).sum())}


def bound(rng: np.random.Generator) -> dict[str, float]:
    """Eq. 20, whose formula is lost: share of rows that fail above the largest |c|, above their spread, about the least A."""
    signed = rng.normal(size=(N_ROWS, N_BINS)) + rng.normal(scale=3, size=(N_ROWS, 1))
    table = table_costs(rng)
    largest = np.abs(signed).max(axis=1)
    least = np.asarray(penalty_bound(signed))
    needed = least > 0
    return {
        "largest.not_greedy": not_greedy(signed, 1.001 * largest),
        "spread.not_greedy": not_greedy(signed, 1.001 * np.ptp(signed, axis=1)),
        "above_least.not_greedy": not_greedy(signed[needed], 1.001 * least[needed]),
        "below_least.not_greedy": not_greedy(signed[needed], 0.999 * least[needed]),
        "least_of_table": float((penalty_bound(table) / table.max(axis=1)).mean()),
    }


def ising(rng: np.random.Generator) -> dict[str, float]:
    """Eq. 21: x = (1 + s)/2 turns the model into fields and couplings of the same energy, for each string. Relative to A."""
    costs = table_costs(rng, 3)
    models = one_hot_models(costs)
    fields, coupling, constant = models.ising()
    spins = 2.0 * strings(N_BINS) - 1
    pairs = (spins.sum(axis=1) ** 2 - N_BINS) / 2
    found = spins @ fields.T + pairs[:, None] * coupling + constant
    spin = models[0].spin
    own = max(abs(spin.linear[k] - fields[0, k]) for k in range(N_BINS)) + abs(spin.quadratic[0, 1] - coupling[0])
    error = (np.abs(found - energies(costs, models.penalties)) / models.penalties).max()
    return {"energy_error": float(error), "dimod_error": float(own / models.penalties[0])}


def decoded(rng: np.random.Generator) -> dict[str, float]:
    """Eq. 22: the answer, decoded, is the centre of the bin of the largest value. In cycles."""
    rows = table_costs(rng, 5)
    sampler = get_sampler("exact")
    said = np.array([CENTRES[decode(sampler.sample(one_hot_bqm(row))).lowest] for row in rows])
    labels = rng.uniform(0, CAP, 100_000)
    nearest = CENTRES[np.abs(labels[:, None] - CENTRES).argmin(axis=1)]
    floor = float(np.sqrt(np.mean((nearest - labels) ** 2)))
    error = float(np.abs(said - CENTRES[(-rows).argmax(axis=1)]).max())
    return {"centre_error": error, "bin_width": CAP / N_BINS, "floor_rmse": floor}


def value_factorises(rng: np.random.Generator) -> dict[str, float]:
    """Eq. 2, transitions of their own: the spread over actions of Q - r once Q is solved, and while it is learned at α = .10."""
    rewards = -table_costs(rng, N_CHAIN)
    moves = rng.dirichlet(np.ones(N_CHAIN + 1), N_CHAIN)  # the last column ends the episode
    q, learned = np.zeros_like(rewards), np.zeros_like(rewards)
    for _ in range(5000):
        q = rewards + GAMMA * (moves[:, :-1] @ q.max(axis=1))[:, None]
    for _ in range(N_UPDATES):
        state, action = rng.integers(N_CHAIN), rng.integers(N_BINS)
        after = rng.choice(N_CHAIN + 1, p=moves[state])
        value = learned[after].max() if after < N_CHAIN else 0.0
        learned[state, action] += ALPHA * (rewards[state, action] + GAMMA * value - learned[state, action])

    def spread(values: Floats) -> float:
        return float(np.ptp(values - rewards, axis=1).max())

    def greedy(values: Floats) -> float:
        return float(np.mean(values.argmax(axis=1) != rewards.argmax(axis=1)))

    return {
        "solved.spread": spread(q),
        "solved.not_greedy": greedy(q),
        "learned.spread": spread(learned),
        "learned.not_greedy": greedy(learned),
    }


def td_update(rng: np.random.Generator) -> dict[str, float]:
    """Eqs. 1, 11 and 12: the error times α, added, is the mean of old value and target that is written in one line."""
    old, reward, after = rng.normal(size=1000), -rng.random(1000), rng.normal(size=(1000, N_BINS))
    delta = reward + GAMMA * after.max(axis=1) - old
    at_once = (1 - ALPHA) * old + ALPHA * (reward + GAMMA * after.max(axis=1))
    return {"update_error": float(np.abs(old + ALPHA * delta - at_once).max())}


def anneal(costs: Floats, times: tuple[float, ...]) -> tuple[float, dict[str, float]]:
    """The least gap on the way from -Σ σx to a one-hot model, and how likely each annealing time ends in its lowest state."""
    n, spin = len(costs), one_hot_bqm(costs).spin
    problem = energies(costs[None], np.array([scaled_penalty(costs)]))[:, 0]
    problem = (problem - problem.mean()) / max(map(abs, [*spin.linear.values(), *spin.quadratic.values()]))
    flip, unit = np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(2)
    mixing = -sum(reduce(np.kron, [flip if k == i else unit for k in range(n)]) for i in range(n))
    levels = [np.linalg.eigvalsh((1 - s) * mixing + s * np.diag(problem))[:2] for s in np.linspace(0, 1, 201)]
    start = np.full(2**n, 2 ** (-n / 2), dtype=complex)
    found = {}
    for time in times:

        def rate(t: float, psi: NDArray[np.complex128], time: float = time) -> NDArray[np.complex128]:
            return np.asarray(-1j * ((1 - t / time) * (mixing @ psi) + t / time * problem * psi))

        end = solve_ivp(rate, (0, time), start, method="DOP853", rtol=1e-8, atol=1e-10, t_eval=[time]).y[:, -1]
        found[f"probability.{time:g}"] = float(abs(end[problem.argmin()]) ** 2)
    return float(np.diff(levels, axis=1).min()), found


def adiabatic(rng: np.random.Generator) -> dict[str, float]:
    """Eqs. 5 to 7 on four bins, by the Schrödinger equation, in times from fast to slow; costs far apart, and a table's.

    ``difference`` is what the longest time lacks of 99 %: at a fixed time the theorem promises nothing.
    """
    gap, found = anneal(rng.permutation(4) / 3 + rng.uniform(0, 0.05, 4), TIMES)
    narrow, table = anneal(table_costs(rng, 1)[0, 1::4], TIMES[-1:])
    lacking = max(0.0, NEAR_ONE - found[f"probability.{TIMES[-1]:g}"])
    return {"lacking": lacking, "gap": gap, "table.gap": narrow} | found | {f"table.{name}": p for name, p in table.items()}


def reward(rng: np.random.Generator) -> dict[str, float]:
    """Eqs. 9 and 10: share of states whose bin of largest expected reward is another than that nearest to the mean label."""
    labels = np.clip(rng.uniform(0, CAP, (N_ROWS, 1)) + rng.normal(0, 25, (N_ROWS, 200)), 0, CAP)
    expected = -((labels[:, :, None] - CENTRES) ** 2).mean(axis=1)
    nearest = np.abs(labels.mean(axis=1)[:, None] - CENTRES).argmin(axis=1)
    to_median = np.abs(np.median(labels, axis=1)[:, None] - CENTRES).argmin(axis=1)
    best = expected.argmax(axis=1)
    return {"not_nearest": float(np.mean(best != nearest)), "not_nearest_to_median": float(np.mean(best != to_median))}


EQUATIONS: dict[str, Callable[[np.random.Generator], dict[str, float]]] = {
    "one-hot-energy": one_hot_energy,
    "expansion": expansion,
    "ground-state": ground_state,
    "bound": bound,
    "ising": ising,
    "decoded": decoded,
    "value-factorises": value_factorises,
    "td-update": td_update,
    "adiabatic": adiabatic,
    "reward": reward,
}


def _drawn(equation: Callable[[np.random.Generator], dict[str, float]]) -> Callable[[int], dict[str, float]]:
    """The same by a seed."""
    return lambda seed: equation(np.random.default_rng(seed))


EXPERIMENT = of_functions(
    "useful-life-equations",
    "paper 3: the equations of its Section 3, run as what the sentences around them say",
    "equation",
    {name: _drawn(one) for name, one in EQUATIONS.items()},
    headline="difference",
)

"""Selectors of equal entropy, a learner that need not explore, and what a table can do at all (paper 3, section 4.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit

from qhelpers.papers.useful_life.qaql import QAQL, RULES, Integers, States, _chances
from qhelpers.papers.useful_life.windows import Array, Windows
from qhelpers.qubo.build import checked_costs
from qhelpers.qubo.draw import softmax_one

# mypy: allow-untyped-defs, allow-untyped-calls

#: Entropies are equal where they differ by no more than this, in nats (deviation D3.62).
TOLERANCE = 0.02
#: Bins of the remaining life (Table 3), and draws of an interval.
N_ACTIONS, N_RESAMPLES = 16, 2000
#: Logarithm of a temperature, or log odds of ε, between which equal entropy is looked for.
ENDS = (-16.0, 8.0)


def matched(
    selector: Literal["softmax", "epsilon-greedy"],
    target: float,
    windows: Windows,
    states: States,
    *,
    tolerance: float = TOLERANCE,
    **given: Any,
) -> QAQL:
    """Train with a softmax or an ε-greedy whose draws have a wanted mean entropy.

    The temperature or ε is solved for by bracketing; each try is a training. No test window is seen.

    Parameters
    ----------
    selector : {"softmax", "epsilon-greedy"}
    target : float
        Wanted `QAQL.draw_entropy_`, in nats.
    windows : Windows
        Training windows.
    states : States
    tolerance : float
        The search ends where the entropy is as near as this.
    **given
        Other arguments of `QAQL`.

    Returns
    -------
    QAQL
        Of all that were tried, the one of nearest entropy.

    Raises
    ------
    ValueError
        If no selector of this kind can have the entropy, or it is another kind.
    """
    most = float(np.log(given.get("n_actions", 16)))
    if selector not in ("softmax", "epsilon-greedy") or not 0 <= target <= most + 1e-9:
        raise ValueError(
            f"selector={selector!r}, target={target:.3f} nats; allowed are 'softmax' and 'epsilon-greedy', from 0 to {most:.3f}"
        )
    tried: list[QAQL] = []

    def odds(share: float) -> float:
        """Log odds: of an entropy it is nearly a straight line in the logarithm of a temperature, and in the log odds of ε."""
        return float(logit(np.clip(share, 1e-4, 1 - 1e-4)))

    def gap(knob: float) -> float:
        if knob in ENDS:  # nearly an argmax, and a blind choice: beyond the odds of any target
            return float(np.copysign(12.0, knob)) - odds(target / most)
        epsilon = float(expit(knob))
        own: dict[str, Any] = {"epsilons": (epsilon, epsilon, 0.8)}
        if selector == "softmax":
            own = {"temperature": float(np.exp(knob))}
        tried.append(QAQL(selector, tell=True, **own, **given).fit(windows, states=states))
        missing = tried[-1].draw_entropy_ - target
        return 0.0 if abs(missing) <= tolerance else odds(tried[-1].draw_entropy_ / most) - odds(target / most)

    brentq(gap, *ENDS, xtol=1e-3, maxiter=20, disp=False)
    return min(tried, key=lambda one: abs(one.draw_entropy_ - target))


@njit(cache=True, nogil=True, error_model="numpy")
def _entropy(chances):
    """Entropy in nats."""
    found = 0.0
    for one in chances:
        found -= one * np.log(one) if one > 0.0 else 0.0
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _equal_softmax(costs, wanted, chances):
    """Inverse temperature of the softmax of an entropy, by halving; `chances` (n_actions,) is left as that softmax."""
    span = costs.max() - costs.min()
    low, high, beta = -12.0, 30.0, 0.0  # logarithms, in units of the span of the costs
    chances[:] = 1.0 / len(costs)
    for _ in range(60 if span > 0.0 else 0):
        middle = (low + high) / 2
        beta = np.exp(middle) / span
        _chances(costs, 2, 0, 0.0, beta, 1.0, chances)
        missing = _entropy(chances) - wanted
        if abs(missing) < 1e-9:
            break
        low, high = (middle, high) if missing > 0.0 else (low, middle)
    return beta


@njit(cache=True, nogil=True, error_model="numpy")
def _learn_equal(q, chosen, states, rewards, edges, order, limit, alpha, gamma, rule, temperature, n_reads, rng, told):
    """Algorithm 1 with a softmax that has, in each state anew, the entropy of another rule there; `q`, `chosen` are changed."""
    costs, weights, done = np.empty(q.shape[1]), np.empty(q.shape[1]), 0
    for j in order:
        for t in range(edges[j], edges[j + 1]):
            if done == limit:
                return
            s = states[t]
            costs[:] = -q[s]
            largest = np.abs(costs).max()
            _chances(costs, rule, 2, 0.0, 1.0 / (temperature * largest) if largest > 0.0 else 1.0, n_reads, weights)
            beta = _equal_softmax(costs, _entropy(weights), weights)
            if len(told):
                told[0] += _entropy(weights)
            a = softmax_one(costs, beta, rng.random(), weights)
            chosen[s, a] += 1
            done += 1
            best = 0.0 if t + 1 == edges[j + 1] else q[states[t + 1]].max()
            q[s, a] += alpha * (rewards[t, a] + gamma * best - q[s, a])


class EqualInEachState(QAQL):
    """`QAQL` whose action is drawn from a softmax that has, at each update, the entropy of its selector's draw.

    The selector itself, ``"one-read"`` or ``"lowest-of-reads"``, only says how much chance there is (deviation D3.77). Equal
    entropy of one read is one read itself.
    """

    def _compiled(self, seen, rewards, edges, order, limit, gamma, episode, past, rng) -> None:
        rule = (RULES[str(self.selector)], self.temperature, float(self.n_reads))
        learning = (self.learning_rate, gamma)
        _learn_equal(self.values_, self.chosen_, seen, rewards, edges, order, limit, *learning, *rule, rng, self._told)


@njit(cache=True, nogil=True, error_model="numpy")
def _learn_all(q, chosen, states, rewards, edges, order, limit, alpha, gamma):
    """Algorithm 1 with an update of every action at each step, at most `limit` updates; `q` and `chosen` are changed."""
    done = 0
    for j in order:
        for t in range(edges[j], edges[j + 1]):
            if done >= limit:
                return
            s = states[t]
            best = 0.0 if t + 1 == edges[j + 1] else q[states[t + 1]].max()
            for a in range(q.shape[1]):
                q[s, a] += alpha * (rewards[t, a] + gamma * best - q[s, a])
                chosen[s, a] += 1
            done += q.shape[1]


class FullInformation(QAQL):
    """`QAQL` that updates all actions of a state at each step: their rewards are known once the label is, so none is drawn.

    The value of the next state is added to all of them alike. From equal first values temporal difference then changes no
    difference between two actions, and so no prediction.
    """

    def _compiled(self, seen, rewards, edges, order, limit, gamma, episode, past, rng) -> None:
        _learn_all(self.values_, self.chosen_, seen, rewards, edges, order, limit, self.learning_rate, gamma)


def _mean_labels(windows: Windows, states: States) -> Array:
    """Mean label of each state; NaN where it has no window."""
    seen = states.of(windows)
    counts = np.bincount(seen, minlength=states.n_states)
    sums = np.bincount(seen, windows.y, states.n_states)
    return np.divide(sums, counts, out=np.full(states.n_states, np.nan), where=counts > 0)


def nearest(values: Any, centres: Any) -> Array:
    """Return the centre that is nearest to each value; of all centres it has the least squared error around a mean."""
    found: Array = centres[np.abs(np.asarray(values)[:, None] - centres).argmin(axis=1)]
    return found


def limits(train: Windows, test: Windows, states: States) -> dict[str, Array]:
    """What a table over these states can do, without learning by trial (deviation D3.63).

    Parameters
    ----------
    train, test : Windows
    states : States
        Fitted to the training windows.

    Returns
    -------
    dict of str to ndarray of shape (n_test,)
        Predictions for the test windows. ``"best-bin"``: the bin of each state that is best on training windows;
        ``"state-mean"``: their mean label. ``"oracle-bin"``: the bin of each state that is best on the test windows;
        ``"nearest-bin"``: the bin of each test label. The last two have seen what they predict and are floors, not methods.
    """
    centres = (np.arange(N_ACTIONS) + 0.5) * float(train.y.max()) / N_ACTIONS
    where = states.of(test)
    learned = _mean_labels(train, states)
    learned = np.where(np.isnan(learned), train.y.mean(), learned)[where]
    return {
        "best-bin": nearest(learned, centres),
        "state-mean": learned,
        "oracle-bin": nearest(_mean_labels(test, states)[where], centres),
        "nearest-bin": nearest(test.y, centres),
    }


def floors(y: ArrayLike) -> dict[str, float]:
    """Root mean squared error that bins leave to whoever knows every label, by arithmetic and counted.

    Parameters
    ----------
    y : array-like of shape (n_windows,)
        Labels from 0 to a cap, which is the largest of them; the bins are equal and reach as far.

    Returns
    -------
    dict
        ``"width"`` of a bin; ``"even"``: width/√12, for labels that lie anywhere in a bin; ``"at the cap"``: half a width, by
        which a label at the cap is missed; ``"share"`` of labels there; ``"mixed"``: the root of both squares by that share;
        ``"counted"``: each label against the nearest centre.
    """
    labels = np.asarray(y, float)
    cap = float(labels.max())
    width, share = cap / N_ACTIONS, float(np.mean(labels == cap))
    error = nearest(labels, (np.arange(N_ACTIONS) + 0.5) * width) - labels
    mixed = np.sqrt((1 - share) * width**2 / 12 + share * width**2 / 4)
    told = {"width": width, "even": width / 12**0.5, "at the cap": width / 2, "share": share}
    return told | {"mixed": float(mixed), "counted": float(np.sqrt(np.mean(error**2)))}


def lowest_of_chances(costs: ArrayLike, chances: ArrayLike, n_reads: int) -> Array:
    """Return how the lowest of `n_reads` independent reads is distributed, one row of costs or many; equals share.

    Parameters
    ----------
    costs, chances : array_like of shape (n_bins,) or (n, n_bins)
        Cost of each bin, and the probability that one read is of it.
    n_reads : int

    Returns
    -------
    ndarray of the shape of `costs`
    """
    rows, p = checked_costs(costs), np.asarray(chances, float)
    if rows.shape != p.shape or n_reads < 1:
        raise ValueError(f"costs {rows.shape}, chances {p.shape}, {n_reads} reads; allowed are two of one shape, at least 1 read")
    other, own = rows[..., None, :], rows[..., :, None]
    at_least = np.minimum((p[..., None, :] * (other >= own)).sum(axis=-1), 1.0)
    above = (p[..., None, :] * (other > own)).sum(axis=-1)
    level: Array = (at_least**n_reads - above**n_reads) / (other == own).sum(axis=-1)
    return level


def by_unit(test: Windows, predictions: Sequence[Array]) -> tuple[Integers, Integers, Array]:
    """Sum squared errors by unit.

    Returns
    -------
    unit : ndarray of int, shape (n_units,)
    windows : ndarray of int, shape (n_units,)
        How many a unit has.
    squared : ndarray of shape (n_predictions, n_units)
    """
    unit, number = np.unique(test.unit, return_inverse=True)
    squared = np.array([np.bincount(number, (one - test.y) ** 2) for one in predictions])
    return unit, np.bincount(number), squared


def share(
    units: Sequence[Integers], windows: Sequence[Integers], one: Sequence[Array], other: Sequence[Array]
) -> tuple[float, float, float, int]:
    """Mean over runs of a difference of two RMSE, with an interval from drawing units and runs anew (deviation D3.65).

    A unit is drawn with all its windows in all runs in which it was held out; runs are drawn too, for a training has its own
    chance.

    Parameters
    ----------
    units, windows : sequence of ndarray
        Of each run: the units that were held out, and how many windows each has.
    one, other : sequence of ndarray
        Of each run: summed squared errors of each unit.

    Returns
    -------
    mean, lo, hi : float
        `one` less `other`, and its 95 % interval.
    n_units : int
    """
    names = np.unique(np.concatenate(units))
    sums = np.zeros((3, len(units), len(names)))
    for run, found in enumerate(units):
        sums[:, run, np.searchsorted(names, found)] = windows[run], one[run], other[run]
    rng, n_runs, n_units = np.random.default_rng(0), len(units), len(names)
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), N_RESAMPLES)
    runs = np.vstack([np.ones(n_runs), rng.multinomial(n_runs, np.full(n_runs, 1 / n_runs), N_RESAMPLES)])
    count, first, second = (np.vstack([np.ones(n_units), drawn]) @ table.T for table in sums)
    runs *= count > 0  # a run none of whose units was drawn has no error
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.where(count > 0, np.sqrt(first / count) - np.sqrt(second / count), 0.0)
        found = (runs * gaps).sum(axis=1) / runs.sum(axis=1)
    lo, hi = np.nanquantile(found[1:], [0.025, 0.975])
    return float(found[0]), float(lo), float(hi), len(names)

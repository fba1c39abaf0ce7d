"""QAQL: Q-learning of what remains of a life, with an annealer that picks the action (paper 3, section 3, Algorithm 1, Table 3).

A state is a window of sensor readings, of which a table can hold only finitely many: `States` groups them, which the paper leaves
open. An action is one of sixteen bins of the remaining life; the reward is minus the squared error of its centre. What is done
next changes nothing of what the engine shows next, so the agent only ever learns to guess. `QAQL` is Algorithm 1 with a switch
for each thing that the text leaves open or says twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from tqdm.auto import tqdm

from qhelpers.papers.useful_life.windows import Array, Windows
from qhelpers.qubo.draw import TIES, epsilon_one, lowest_of_reads_one, lowest_one, softmax_one

# mypy: allow-untyped-defs, allow-untyped-calls

#: How an action is chosen from the costs -Q of a state, as the compiled loop knows it.
RULES = {"argmax": 0, "epsilon-greedy": 1, "softmax": 2, "one-read": 3, "lowest-of-reads": 4, "uniform": 5}
INITIAL = ("zero", "random", "pessimistic")
Integers = NDArray[np.int64]


def window_means(windows: Windows) -> Array:
    """Return the mean of each feature over each window, shape (n_windows, n_features)."""
    begin = np.maximum(windows.last - windows.length + 1, windows.first)
    sums = np.vstack([np.zeros(windows.values.shape[1]), np.cumsum(windows.values, axis=0)])
    missing = (windows.length - (windows.last - begin + 1))[:, None]  # rows for which the first one is repeated
    return (sums[windows.last + 1] - sums[begin] + missing * windows.values[begin]) / windows.length


class States:
    """A number for each window, so that a table can have a row for it (deviation D3.40).

    Parameters
    ----------
    kind : {"means", "last row", "index"}
        What is grouped: the mean of each feature over the window, by k-means; its last row, by k-means; or how far it is along
        the first principal component of the means, in intervals that hold equally many training windows.
    n_states : int
    random_state : int
        Of k-means.
    """

    def __init__(self, kind: Literal["means", "last row", "index"] = "means", n_states: int = 100, random_state: int = 0) -> None:
        if kind not in ("means", "last row", "index") or n_states < 1:
            raise ValueError(
                f"kind={kind!r}, n_states={n_states}; allowed are 'means', 'last row', 'index', and at least 1 state"
            )
        self.kind = kind
        self.n_states = n_states
        self.random_state = random_state

    def _features(self, windows: Windows) -> Array:
        if self.kind == "last row":
            return windows.rows
        return window_means(windows)

    def fit(self, windows: Windows) -> States:
        """Learn the groups from training windows."""
        features = self._features(windows)
        if len(features) < self.n_states:
            raise ValueError(f"{len(features)} windows for {self.n_states} states; allowed are as many windows or more")
        if self.kind == "index":
            self.axis_ = PCA(1, svd_solver="full").fit(features)
            inner = np.linspace(0, 1, self.n_states + 1)[1:-1]
            self.edges_ = np.quantile(self.axis_.transform(features)[:, 0], inner)
        else:
            self.groups_ = KMeans(self.n_states, n_init=1, random_state=self.random_state).fit(features)
        return self

    def of(self, windows: Windows) -> Integers:
        """Return the state of each window, shape (n_windows,), from 0."""
        features = self._features(windows)
        if self.kind == "index":
            return np.searchsorted(self.edges_, self.axis_.transform(features)[:, 0]).astype(np.int64)
        return self.groups_.predict(features).astype(np.int64)


def trajectories(windows: Windows) -> Integers:
    """Return where each unbroken record begins among the windows, and at the end their number."""
    new = (np.diff(windows.unit) != 0) | (np.diff(windows.last) != 1)
    return np.r_[0, np.flatnonzero(new) + 1, len(windows)].astype(np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def _chances(costs, rule, ties, epsilon, beta, n_reads, chances):
    """Write into `chances` with what probability a rule takes each action."""
    n_actions, lowest = len(costs), costs.min()
    if rule == 0 or rule == 1:
        chances[:] = epsilon / n_actions if rule == 1 else 0.0
        left = 1.0 - epsilon if rule == 1 else 1.0
        n_equal = (costs == lowest).sum()
        for k in range(n_actions):
            if costs[k] == lowest and ties == 2:
                chances[k] += left / n_equal
            elif costs[k] == lowest:
                first = (costs[:k] == lowest).sum() == 0
                last = (costs[k + 1 :] == lowest).sum() == 0
                chances[k] += left if (first if ties == 0 else last) else 0.0
        return
    if rule == 5:
        chances[:] = 1.0 / n_actions
        return
    weights = np.exp(-beta * (costs - lowest))
    weights /= weights.sum()
    chances[:] = weights
    if rule == 4:
        for k in range(n_actions):  # no read is below it, and not all are above it; equals share
            at_least, above, n_equal = 0.0, 0.0, 0
            for j in range(n_actions):
                at_least += weights[j] if costs[j] >= costs[k] else 0.0
                above += weights[j] if costs[j] > costs[k] else 0.0
                n_equal += costs[j] == costs[k]
            if n_reads * (1.0 - at_least) > 40.0:  # so improbable that its power need not be taken
                chances[k] = 0.0
            else:
                chances[k] = (min(at_least, 1.0) ** n_reads - above**n_reads) / n_equal


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(
    q,
    chosen,
    states,
    rewards,
    edges,
    order,
    limit,
    alpha,
    gamma,
    rule,
    ties,
    epsilons,
    temperature,
    n_reads,
    taken,
    past,
    rng,
    told,
):
    """Steps 2 to 5 of Algorithm 1 along some records, at most `limit` steps; `q` and `chosen` are changed.

    `rewards` has a row a window and a column an action; `past` is where transitions are kept, (window, action, last), and a
    batch of as many as its last row says is learned from at each step; no row: each step is learned from as it comes. With
    `taken` a step is learned from once the next action is known, whose value stands where the best one does elsewhere. To `told`,
    where it has a place, the entropy of each draw is added.
    """
    n_actions, before, did = q.shape[1], 0, 0
    costs, weights = np.empty(n_actions), np.empty(n_actions)
    epsilon = 0.0
    n_updates, done = 0, 0
    for j in order:
        n_updates += edges[j + 1] - edges[j]
    for j in order:
        for t in range(edges[j], edges[j + 1]):
            if done == limit:
                return
            s, last = states[t], t + 1 == edges[j + 1]
            largest = 0.0
            for k in range(n_actions):  # Eq. 16: the cost of a bin is minus its value
                costs[k] = -q[s, k]
                largest = max(largest, abs(costs[k]))
            # an annealer's temperature is one of the couplings, which are set by the penalty, 2 max|c|: so in units of max|c|
            beta = 1.0 / (temperature * largest) if rule in (3, 4) and largest > 0.0 else 1.0 / temperature
            if rule == 1:
                epsilon = epsilons[0] + (epsilons[1] - epsilons[0]) * done / n_updates
            if len(told):
                _chances(costs, rule, ties, epsilon, beta, n_reads, weights)
                for k in range(n_actions):
                    told[0] -= weights[k] * np.log(weights[k]) if weights[k] > 0.0 else 0.0
            if rule == 0:
                a = lowest_one(costs, ties, rng.random())
            elif rule == 1:
                a = epsilon_one(costs, epsilon, ties, rng.random(), rng.random())
            elif rule == 4:
                a = lowest_of_reads_one(costs, beta, n_reads, rng.random(), rng.random(), weights)
            elif rule == 5:
                a = int(rng.random() * n_actions)
            else:
                a = softmax_one(costs, beta, rng.random(), weights)
            chosen[s, a] += 1
            done += 1
            if taken:
                if t > edges[j]:
                    q[before, did] += alpha * (rewards[t - 1, did] + gamma * q[s, a] - q[before, did])
                if last:
                    q[s, a] += alpha * (rewards[t, a] - q[s, a])
                before, did = s, a
                continue
            if len(past) == 0:
                best = 0.0 if last else q[states[t + 1]].max()
                q[s, a] += alpha * (rewards[t, a] + gamma * best - q[s, a])  # Eqs. 11 and 12
                continue
            n_kept, batch = past[-1, 0], past[-1, 1]
            past[n_kept, 0], past[n_kept, 1], past[n_kept, 2] = t, a, last
            past[-1, 0] += 1
            for _ in range(batch):
                i = int(rng.random() * past[-1, 0])
                u, b = past[i, 0], past[i, 1]
                best = 0.0 if past[i, 2] else q[states[u + 1]].max()
                q[states[u], b] += alpha * (rewards[u, b] + gamma * best - q[states[u], b])


@dataclass(eq=False, repr=False)
class QAQL(RegressorMixin, BaseEstimator):
    """Quantum-annealing-enhanced Q-learning (Algorithm 1), with any rule in the annealer's place.

    Parameters
    ----------
    selector : str or callable
        A rule of `RULES`, run compiled: ``"argmax"``; ``"epsilon-greedy"``; ``"softmax"`` at a `temperature` of reward;
        ``"one-read"`` and ``"lowest-of-reads"``, which stand in for an annealer at a `temperature` in units of the largest
        absolute cost; ``"uniform"``. Or a function from the values of a state, shape (n_actions,), to an action, such as
        `qhelpers.qubo.AnnealedPolicy` around any sampler.
    ties : {"first", "last", "random"}
        Which of equally good actions an argmax takes.
    temperature : float
        That of one read of a simulated annealer by default (deviation D3.41).
    n_reads : int
        Of ``"lowest-of-reads"``; Table 3 has 1,000.
    epsilons : (float, float, float)
        First and last ε, and over which share of the updates it falls; those of Table 3.
    learning_rate, discount : float
        α and γ of Table 3.
    target : {"best", "taken"}
        Which action's value in the next state is added: that of the best (Eq. 12), or of the one that is taken there, which makes
        it SARSA, a baseline of Table 6.
    td : bool
        Whether the best value of the next state is added to the reward; False is the ablation "without temporal difference".
    initial : {"zero", "random", "pessimistic"}
        First values, which Algorithm 1 sets arbitrarily: 0, which is more than any reward; uniform between the worst reward and
        0; or the worst reward (with `td` of a whole discounted life).
    n_episodes : int
    whole : bool
        Whether an episode goes along all training records, in an order drawn anew, or along one of them (section 3).
    replay : int
        Past transitions that are learned from at each step, drawn from all so far; 0 learns from each as it comes. Table 3 names
        a buffer and batches of 64, Algorithm 1 neither.
    tolerance : float
        Learning ends after an episode that changed no value by more than this (Algorithm 1, step 6); 0 never ends it.
    n_actions : int
    state : {"means", "last row", "index"}
    n_states : int
        As in `States`.
    max_updates : int, optional
        Records are gone along only up to so many updates in all: samplers take long.
    tell : bool
        Whether the entropy of each draw is computed, for a rule of the table; no draw is changed by it.
    random_state : int
        Of states, order, and draws.

    Attributes
    ----------
    values_ : ndarray of shape (n_states, n_actions)
        Q.
    chosen_ : ndarray of int, shape (n_states, n_actions)
        How often each action was tried.
    centres_ : ndarray of shape (n_actions,)
        Remaining life that an action stands for (Eq. 22): centres of equal bins from 0 to the largest training label.
    states_ : States
    n_updates_, n_episodes_ : int
    draw_entropy_ : float
        With `tell`: of the distribution that an action is drawn from, in nats, the mean over all updates (deviation D3.60).
    """

    selector: str | Callable[[Array], int] = "lowest-of-reads"
    _: KW_ONLY
    ties: Literal["first", "last", "random"] = "random"
    temperature: float = 0.35
    n_reads: int = 1000
    epsilons: tuple[float, float, float] = (1.0, 0.05, 0.8)
    learning_rate: float = 0.10
    discount: float = 0.99
    target: Literal["best", "taken"] = "best"
    td: bool = True
    initial: str = "zero"
    n_episodes: int = 8
    whole: bool = True
    replay: int = 0
    tolerance: float = 0.0
    n_actions: int = 16
    state: Literal["means", "last row", "index"] = "means"
    n_states: int = 100
    max_updates: int | None = None
    tell: bool = False
    random_state: int = 0

    def _check(self) -> None:
        allowed = [
            ("selector", callable(self.selector) or self.selector in RULES, f"a callable or one of {', '.join(RULES)}"),
            ("ties", self.ties in TIES, ", ".join(TIES)),
            (
                "target",
                self.target == "best" or (self.target == "taken" and not callable(self.selector) and not self.replay),
                "'best'; or 'taken' with a rule of the table and without replay",
            ),
            ("initial", self.initial in INITIAL, ", ".join(INITIAL)),
            ("temperature", self.temperature > 0, "above 0"),
            ("learning_rate", 0 < self.learning_rate <= 1, "above 0, at most 1"),
            ("discount", 0 <= self.discount < 1, "from 0 to below 1"),
            ("n_reads", self.n_reads >= 1, "at least 1"),
            ("n_episodes", self.n_episodes >= 1, "at least 1"),
            ("n_actions", self.n_actions >= 2, "at least 2"),
            (
                "replay",
                self.replay == 0 or (self.replay > 0 and not callable(self.selector)),
                "0, or the size of a batch for a rule of the table",
            ),
            ("tell", not (self.tell and callable(self.selector)), "False where a function chooses, whose chances nobody knows"),
        ]
        for name, fine, what in allowed:
            if not fine:
                raise ValueError(f"{name}={getattr(self, name)!r} was given; allowed is {what}. Change it.")

    def fit(self, X: Windows, y: None = None, *, states: States | None = None) -> QAQL:
        """Learn from training windows, in the order in which they were seen.

        Parameters
        ----------
        X : Windows
            Of whole records; their labels are in them.
        y
            Not used.
        states : States, optional
            Already fitted to these windows; saves grouping them again.
        """
        self._check()
        way, rng = (np.random.default_rng([self.random_state, k]) for k in range(2))  # all selectors go the same way
        self.states_ = states or States(self.state, self.n_states, self.random_state).fit(X)
        highest = float(X.y.max())
        self.centres_ = (np.arange(self.n_actions) + 0.5) * highest / self.n_actions
        gamma = self.discount if self.td else 0.0
        worst = -1.0 / (1.0 - gamma)  # every error as large as the range, for ever
        shape = (self.states_.n_states, self.n_actions)
        start: dict[str, Callable[[tuple[int, int]], Array]] = {
            "zero": np.zeros,
            "pessimistic": lambda size: np.full(size, worst),
            "random": lambda size: way.uniform(worst, 0, size),
        }
        self.values_: Array = start[self.initial](shape)
        self.chosen_ = np.zeros(shape, np.int64)
        learn: Any = self._with_policy if callable(self.selector) else self._compiled
        edges, seen = trajectories(X), self.states_.of(X)
        rewards = -(((self.centres_ - X.y[:, None]) / highest) ** 2)  # Eqs. 9 and 10, for each action that could be taken
        past = np.zeros((self.n_episodes * len(X) + 1 if self.replay else 0, 3), np.int64)
        past[-1:, 1] = self.replay
        self._told = np.zeros(1 if self.tell else 0)
        left = np.iinfo(np.int64).max if self.max_updates is None else self.max_updates
        for episode in range(self.n_episodes):
            order = way.permutation(len(edges) - 1)[: None if self.whole else 1]
            before, n_before = self.values_.copy(), self.chosen_.sum()
            learn(seen, rewards, edges, order, left, gamma, episode, past, rng)
            self.n_episodes_ = episode + 1
            left -= int(self.chosen_.sum() - n_before)
            if left <= 0 or np.abs(self.values_ - before).max() < self.tolerance:  # step 6
                break
        self.n_updates_ = int(self.chosen_.sum())
        if self.tell:
            self.draw_entropy_ = float(self._told[0]) / self.n_updates_
        return self

    def _compiled(self, seen, rewards, edges, order, limit, gamma, episode, past, rng) -> None:
        first, last, share = self.epsilons
        at = [max(last, first + (last - first) * k / (share * self.n_episodes)) for k in (episode, episode + 1)]
        rule = (RULES[str(self.selector)], TIES[self.ties], np.array(at), self.temperature, float(self.n_reads))
        taken = self.target == "taken"
        rates = (self.learning_rate, gamma)
        _learn(self.values_, self.chosen_, seen, rewards, edges, order, limit, *rates, *rule, taken, past, rng, self._told)

    def _with_policy(self, seen, rewards, edges, order, limit, gamma, episode, past, rng) -> None:
        """The same, a step at a time, with a function that chooses: Algorithm 1 as it is printed."""
        choose: Any = self.selector
        steps = [(t, t + 1 == edges[j + 1]) for j in order for t in range(edges[j], edges[j + 1])][:limit]
        for t, last in tqdm(steps, desc=f"episode {episode + 1} of {self.n_episodes}", leave=False):
            q = self.values_[seen[t]]
            a = int(choose(q))  # step 3: build the QUBO of -Q, anneal, decode
            best = 0.0 if last else self.values_[seen[t + 1]].max()  # step 4
            q[a] += self.learning_rate * (rewards[t, a] + gamma * best - q[a])  # step 5
            self.chosen_[seen[t], a] += 1

    def predict(self, X: Windows) -> Array:
        """Return the remaining life of each window: the centre of the best action of its state, without an annealer."""
        best: Array = self.centres_[self.values_.argmax(axis=1)]
        return best[self.states_.of(X)]

"""An annealer in the place of the argmax of an agent that has a value for each action."""

from __future__ import annotations

from typing import Any, Literal

import dimod
import numpy as np

from qhelpers.qubo.build import Reads, checked_costs, decode, one_hot_models, scaled_penalty


class AnnealedPolicy:
    """Choose actions by sampling a one-hot model whose cost of an action is minus its value.

    It takes the place of ``argmax`` in an agent that learns action values (DQN and its kin): call it with the values.

    Parameters
    ----------
    sampler : dimod.Sampler
        Any; `get_sampler` has some.
    reading : {"lowest", "first"}
        Take the read of lowest energy, or one draw: the first read. In both, reads that are not one-hot are passed over. Where
        no read is one-hot, an action is drawn blindly; `n_blind` counts how often.
    num_reads : int, optional
        Reads a choice; by default the sampler's own number.
    penalty_factor : float
        The penalty is this many times the largest absolute value, anew at each choice (`scaled_penalty`).
    seed : int, optional
        For the blind draws; the sampler has a seed of its own.

    Attributes
    ----------
    n_choices, n_reads, n_infeasible, n_blind : int
        What has been counted since the policy was made.

    Examples
    --------
    In a loop of Gymnasium's form, ``reset() -> (observation, info)`` and ``step(action) -> (observation, reward, terminated,
    truncated, info)``, here with a corridor of five places that ends on the right:

    >>> import numpy as np
    >>> from qhelpers.qubo import AnnealedPolicy, get_sampler
    >>> class Corridor:
    ...     def reset(self, seed=None):
    ...         self.place = 0
    ...         return self.place, {}
    ...     def step(self, action):
    ...         self.place = max(0, self.place + (1 if action == 1 else -1))
    ...         return self.place, -1.0, self.place == 4, False, {}
    >>> env, q = Corridor(), np.zeros((5, 2))
    >>> policy = AnnealedPolicy(get_sampler("boltzmann", temperature=0.3, seed=0), reading="first", num_reads=1)
    >>> for episode in range(60):
    ...     state, _ = env.reset()
    ...     done = False
    ...     while not done:
    ...         action = policy(q[state])
    ...         after, reward, done, _, _ = env.step(action)
    ...         target = reward + (0.0 if done else q[after].max())
    ...         q[state, action] += 0.5 * (target - q[state, action])
    ...         state = after
    >>> q[:4].argmax(axis=1).tolist()
    [1, 1, 1, 1]
    """

    def __init__(
        self,
        sampler: dimod.Sampler,
        *,
        reading: Literal["lowest", "first"] = "lowest",
        num_reads: int | None = None,
        penalty_factor: float = 2.0,
        seed: int | None = None,
    ) -> None:
        if reading not in ("lowest", "first"):
            raise ValueError(f"no reading {reading!r}; there are: lowest, first")
        if num_reads is not None and num_reads < 1:
            raise ValueError(f"num_reads is {num_reads}; a choice takes at least one read")
        scaled_penalty([0.0, 1.0], penalty_factor)
        self.sampler = sampler
        self.reading = reading
        self.penalty_factor = penalty_factor
        self._asked = {} if num_reads is None or "num_reads" not in (sampler.parameters or {}) else {"num_reads": num_reads}
        self._rng = np.random.default_rng(seed)
        self.n_choices = self.n_reads = self.n_infeasible = self.n_blind = 0

    def __call__(self, q_values: Any) -> Any:
        """Return an action for each row of values.

        Parameters
        ----------
        q_values : array_like or torch.Tensor of shape (n_actions,) or (n, n_actions)

        Returns
        -------
        int or ndarray of int of shape (n,)
            For a tensor what ``q_values.argmax(dim=-1)`` gives: a tensor of integers on the same device.

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        tensor = q_values.detach() if hasattr(q_values, "detach") else None
        costs = -checked_costs(q_values if tensor is None else tensor.cpu().numpy())
        rows = np.atleast_2d(costs)
        models = one_hot_models(rows, scaled_penalty(rows, self.penalty_factor))
        actions = np.array(
            [self._chosen(decode(self.sampler.sample(models[i], **self._asked))) for i in range(len(models))], dtype=np.int64
        )
        if tensor is not None:
            like = tensor.argmax(dim=-1)
            return like.new_tensor(actions).reshape(like.shape)
        return int(actions[0]) if costs.ndim == 1 else actions

    def _chosen(self, reads: Reads) -> int:
        """Return the action that these reads stand for, and count."""
        self.n_choices += 1
        self.n_reads += reads.n_reads
        self.n_infeasible += reads.n_infeasible
        action = reads.lowest if self.reading == "lowest" else reads.first
        if action < 0:
            self.n_blind += 1
            action = int(self._rng.integers(reads.n_bins))
        return action

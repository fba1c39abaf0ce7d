"""Ways to split rows into training and test: random, stratified, by time, by group, official files.

Every function returns two integer arrays, the row numbers of the training and of the test part. Which of them is honest depends
on the data: rows a second apart, or from the same device, are not independent (see chapter 0.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupShuffleSplit, train_test_split

Indices = NDArray[np.int64]


def random_split(n_rows: int, test_size: float | int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Split rows at random.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    test_size : float or int
        Share (0 to 1) or number of test rows.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.
    """
    train, test = train_test_split(np.arange(n_rows), test_size=test_size, random_state=_seed(rng))
    return train, test


def stratified_split(y: ArrayLike, test_size: float | int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Split rows at random with the class shares of `y`, shape (n_rows,), in both parts; arguments as in `random_split`."""
    y = np.asarray(y)
    train, test = train_test_split(np.arange(len(y)), test_size=test_size, stratify=y, random_state=_seed(rng))
    return train, test


def time_block_split(time: ArrayLike, n_blocks: int, held_out: int) -> tuple[Indices, Indices]:
    """Hold out one of `n_blocks` contiguous blocks of time.

    Parameters
    ----------
    time : array-like of shape (n_rows,)
        Anything that sorts.
    n_blocks : int
        Number of blocks with equal numbers of rows, at least 2.
    held_out : int
        Which block is the test part, 0 to ``n_blocks - 1``.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, each in time order.

    Raises
    ------
    ValueError
        If the block numbers do not fit.
    """
    order = np.argsort(np.asarray(time), kind="stable")
    if not 2 <= n_blocks <= len(order) or not 0 <= held_out < n_blocks:
        raise ValueError(
            f"block {held_out} of {n_blocks} for {len(order)} rows; allowed are 2 to {len(order)} blocks, "
            "numbered from 0: choose a smaller n_blocks or held_out"
        )
    blocks = np.array_split(order, n_blocks)
    return np.concatenate([block for i, block in enumerate(blocks) if i != held_out]), blocks[held_out]


def interleaved_split(time: ArrayLike, n_blocks: int, n_folds: int, held_out: int) -> tuple[Indices, Indices]:
    """Hold out every `n_folds`-th of `n_blocks` contiguous blocks of time, where one cut leaves a part without some class.

    Parameters
    ----------
    time : array-like of shape (n_rows,)
        Anything that sorts.
    n_blocks : int
        Number of blocks with equal numbers of rows, at least `n_folds`.
    n_folds : int
        How many folds there are, at least 2.
    held_out : int
        Which fold is the test part: the blocks `held_out`, ``held_out + n_folds``, and so on.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, each in time order.

    Raises
    ------
    ValueError
        If the numbers do not fit.
    """
    order = np.argsort(np.asarray(time), kind="stable")
    if not 2 <= n_folds <= n_blocks <= len(order) or not 0 <= held_out < n_folds:
        raise ValueError(
            f"fold {held_out} of {n_folds} in {n_blocks} blocks for {len(order)} rows; allowed are 2 or more folds, numbered "
            "from 0, no more than blocks, and no more blocks than rows: choose other numbers"
        )
    fold = np.repeat(np.arange(n_blocks) % n_folds, [len(block) for block in np.array_split(order, n_blocks)])
    return order[fold != held_out], order[fold == held_out]


def family_split(
    family: ArrayLike, held_out: str, test_size: float, rng: np.random.Generator, usual: str = "normal"
) -> tuple[Indices, Indices]:
    """Hold out one family of attacks, and with it a share of the usual rows: does a model find what it has never met?

    Parameters
    ----------
    family : array-like of shape (n_rows,)
        Type of each row (`Dataset.family`).
    held_out : str
        The family that only the test part holds; the other attacks are all in training.
    test_size : float
        Share of the usual rows in the test part, between 0 and 1.
    rng : numpy.random.Generator
        Source of randomness.
    usual : str, default="normal"
        The family that is no attack.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.

    Raises
    ------
    ValueError
        If there are no rows of the family, no other attacks to learn from, or no usual rows.
    """
    kinds = np.asarray(family)
    attacks = sorted(set(kinds.tolist()) - {usual})
    if held_out not in attacks or len(attacks) < 2 or usual not in kinds:
        raise ValueError(
            f"family {held_out!r} of the attacks {', '.join(attacks) or 'none'}, usual rows {usual!r}; allowed is one of two or "
            "more families of attacks, and usual rows: choose another family or more rows"
        )
    train, test = random_split(int((kinds == usual).sum()), test_size, rng)
    rows = np.flatnonzero(kinds == usual)
    other = np.flatnonzero((kinds != usual) & (kinds != held_out))
    return np.concatenate([rows[train], other]), np.concatenate([rows[test], np.flatnonzero(kinds == held_out)])


def refuse_empty(y: ArrayLike, train: Indices, test: Indices) -> None:
    """Raise unless a split has test rows, and each class of `y` in training.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    train, test : ndarray of int
        Row numbers, from any of these functions.

    Raises
    ------
    ValueError
        Saying which class is missing.
    """
    y = np.asarray(y)
    if not len(test):
        raise ValueError("the test part has no rows; allowed is one at least: choose another fold, or fewer")
    if missing := sorted(set(np.unique(y).tolist()) - set(np.unique(y[train]).tolist())):
        raise ValueError(
            f"training has no row of class {', '.join(map(str, missing))}; a model needs rows of each: "
            "choose a split that keeps all classes in training, or more rows"
        )


def late_split(time: ArrayLike, family: ArrayLike, test_size: float) -> tuple[Indices, Indices]:
    """Hold out the last part of each type, so that a model meets every type before it is asked about it.

    Parameters
    ----------
    time : array-like of shape (n_rows,)
        Anything that sorts.
    family : array-like of shape (n_rows,)
        Type of each row (`Dataset.family`).
    test_size : float
        Share of each type's rows in the test part, between 0 and 1.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, type after type, each in time order.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1.
    """
    if not 0 < test_size < 1:
        raise ValueError(f"test_size {test_size}; allowed is a share between 0 and 1, for instance 0.3")
    order = np.argsort(np.asarray(time), kind="stable")
    kinds = np.asarray(family)[order]
    train, test = [], []
    for kind in np.unique(kinds):
        rows = order[kinds == kind]
        first = len(rows) - round(test_size * len(rows))
        train.append(rows[:first])
        test.append(rows[first:])
    return np.concatenate(train), np.concatenate(test)


def group_split(groups: ArrayLike, test_size: float, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Hold out whole groups, so that none has rows in both parts.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Device, engine, bearing, day: what must not be split.
    test_size : float
        Share of the groups in the test part.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.
    """
    groups = np.asarray(groups)
    splitter = GroupShuffleSplit(n_splits=1, test_size=test_size, random_state=_seed(rng))
    train, test = next(splitter.split(groups, groups=groups))
    return train, test


def official_split(official: ArrayLike | None, train: str = "train", test: str = "test") -> tuple[Indices, Indices]:
    """Split as the publisher's files do.

    Parameters
    ----------
    official : array-like of shape (n_rows,) or None
        Name of the official part of each row (`Dataset.official`).
    train, test : str
        Prefixes of the parts: ``test="test"`` takes ``test1`` and ``test2`` together.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.

    Raises
    ------
    ValueError
        If the data set has no official split, or no part of that name.
    """
    if official is None:
        raise ValueError("this data set has no official split; use a random, time-block or group split")
    names = np.asarray(official).astype(str)
    parts = []
    for prefix in (train, test):
        rows = np.flatnonzero(np.char.startswith(names, prefix))
        if not len(rows):
            raise ValueError(f"no rows in an official part '{prefix}'; there are: {', '.join(sorted(set(names)))}")
        parts.append(rows)
    return parts[0], parts[1]


def balanced_subsample(y: ArrayLike, n: int, rng: np.random.Generator, exclude: ArrayLike = ()) -> Indices:
    """Draw `n` rows without replacement, half of each class, in random order.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Two classes.
    n : int
        Number of rows, even.
    rng : numpy.random.Generator
        Source of randomness.
    exclude : array-like of int, optional
        Row numbers that may not be drawn, for instance those already used for training.

    Returns
    -------
    ndarray of int, shape (n,)
        Row numbers.

    Raises
    ------
    ValueError
        If there are not two classes, `n` is odd, or a class has too few rows.
    """
    y = np.asarray(y)
    classes = np.unique(y)
    if len(classes) != 2 or n < 2 or n % 2:
        raise ValueError(f"{n} rows of {len(classes)} classes; allowed is an even number of rows of two classes")
    free = np.ones(len(y), dtype=bool)
    free[np.asarray(exclude, dtype=int)] = False
    rows = []
    for label in classes:
        candidates = np.flatnonzero((y == label) & free)
        if len(candidates) < n // 2:
            raise ValueError(f"class {label} has {len(candidates)} rows left, {n // 2} are wanted; choose a smaller n")
        rows.append(rng.choice(candidates, n // 2, replace=False))
    return rng.permutation(np.concatenate(rows))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))

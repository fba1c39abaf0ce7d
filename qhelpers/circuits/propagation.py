"""Observables propagated backwards through a circuit (Heisenberg picture), word by word, as a list of instructions.

A rotation by an angle about G leaves a word P that commutes with G and mixes the others in pairs: P → cos P + sin · iGP.
Which words pair with which does not depend on the angles, so it is worked out once; a step of training only runs the
instructions. Words that cannot reach an expectation value other than zero are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.circuits.frame import Event, Frame, Ints, Noise, Turn, bits

#: The most words that a program may hold: above, other paths are cheaper.
MAX_WORDS = 150_000
TURN, DAMP, LOWER = 0, 1, 2


class TooManyWordsError(Exception):
    """The observable spreads over more words than `MAX_WORDS`."""


@dataclass
class Program:
    """Instructions on a list of coefficients, one a Pauli word ("slot").

    Attributes
    ----------
    kind : array of shape (n_instructions,)
        TURN, DAMP or LOWER.
    angle : array of shape (n_instructions,)
        Place of the angle (TURN), or -1.
    sign : array of shape (n_instructions,)
        Sign of the angle.
    start : array of shape (n_instructions + 1,)
        Where an instruction's entries begin in `first`, `second` and `factor`.
    first, second : array of shape (n_entries,)
        Slots: the pair of a TURN (P and iGP), source and target of a LOWER; a DAMP's slot and its letter (1, 2, 3 for X, Y, Z).
    factor : array of shape (n_entries,)
        Sign of iGP (TURN) or of the target word (LOWER).
    initial : array of shape (n_slots, n_outputs)
        The observables.
    slots : array of shape (n_terms,)
        Slots whose words can have an expectation value at the end.
    x, z : array of shape (n_terms,)
        Bit masks of those words.
    reach : array of bool of shape (n_terms, n_outputs)
        Which outputs a term can belong to.
    active : dict of int to array of bool of shape (n_outputs,)
        Place of an angle → outputs that depend on it.
    """

    kind: Ints
    angle: Ints
    sign: NDArray[np.float64]
    start: Ints
    first: Ints
    second: Ints
    factor: NDArray[np.float64]
    initial: NDArray[np.float64]
    slots: Ints
    x: Ints
    z: Ints
    reach: NDArray[np.bool_]
    active: dict[int, NDArray[np.bool_]]

    @property
    def n_terms(self) -> int:
        """Number of live terms."""
        return len(self.slots)

    @property
    def n_slots(self) -> int:
        """Number of words that occur."""
        return len(self.initial)


def prefix_letters(prefix: list[Event], unital: bool) -> set[str]:
    """Return the Pauli letters with an expectation value other than zero after a qubit's prefix, from |0⟩, without I."""
    found = {"Z"}
    for event in prefix:
        if isinstance(event, Turn):
            axis = "IXZY"[(event.word.x > 0) + 2 * (event.word.z > 0)]
            if found - {axis}:
                found = (found & {axis}) | ({"X", "Y", "Z"} - {axis})
        elif not unital:
            found.add("IXZY"[(event.z.x > 0) + 2 * (event.z.z > 0)])
    return found


def _products(x1: Any, z1: Any, x2: Any, z2: Any) -> tuple[Any, Any, Any]:
    """Return (power of i, x, z) of products of words, elementwise."""
    x, z = x1 ^ x2, z1 ^ z2
    power = bits(x1 & z1).astype(np.int64) + bits(x2 & z2) + 2 * bits(z1 & x2).astype(np.int64) - bits(x & z)
    return power % 4, x, z


class _Words:
    """Slots of words, found by their masks."""

    def __init__(self, n_qubits: int) -> None:
        self.n = n_qubits
        self.x = np.zeros(0, np.int64)
        self.z = np.zeros(0, np.int64)
        self._keys = np.zeros(0, np.int64)
        self._slots = np.zeros(0, np.int64)

    def find(self, x: Any, z: Any) -> Ints:
        """Return the slots of words, -1 where they are not there."""
        keys = x << self.n | z
        if not len(self._keys):
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, self._slots[places], -1)

    def add(self, x: Any, z: Any) -> Ints:
        """Add words that are not there yet (all different) and return their slots."""
        slots = np.arange(len(self.x), len(self.x) + len(x))
        if len(self.x) + len(x) > MAX_WORDS:
            raise TooManyWordsError
        self.x, self.z = np.concatenate([self.x, x]), np.concatenate([self.z, z])
        keys = self.x << self.n | self.z
        self._slots = np.argsort(keys, kind="stable")
        self._keys = keys[self._slots]
        return slots


def propagate(frame: Frame, matrix: NDArray[np.float64], product: bool, lowers: bool = False, unital: bool = True) -> Program:
    """Work out the instructions that take the observables to the start of the circuit (or to the end of its prefix).

    Parameters
    ----------
    frame : Frame
    matrix : array of shape (n_words, n_outputs)
        Coefficients of `frame.words` in the outputs.
    product : bool
        Stop at the prefix and take as terms all words with an expectation value in the product state; else go on through the
        prefix, data and all, to |0…0⟩.
    lowers : bool
        The channel turns Z into Z and the identity (amplitude damping).
    unital : bool
        False where the channel takes |0⟩⟨0| + |1⟩⟨1| to something else, so that it makes Z of nothing.

    Raises
    ------
    TooManyWordsError
        If there are more words than `MAX_WORDS`.
    """
    words = _Words(frame.n_qubits)
    n_outputs = matrix.shape[1]
    rows: dict[tuple[int, int], NDArray[np.float64]] = {}
    for word, row in zip(frame.words, matrix, strict=True):
        key = (word.x, word.z)
        rows[key] = rows.get(key, np.zeros(n_outputs)) + word.sign * row
    words.add(np.array([x for x, _ in rows], np.int64), np.array([z for _, z in rows], np.int64))
    first_rows = np.array(list(rows.values())).reshape(len(rows), n_outputs)

    events = frame.events if product else frame.everything
    listed: list[tuple[int, int, float, Ints, Ints, NDArray[np.float64]]] = []
    for event in reversed(events):
        listed += _turn(event, words) if isinstance(event, Turn) else _noise(event, words, lowers)

    live = _live_at_start(frame, words, product, unital)
    keep: list[Any] = []
    for kind, angle, sign, a, b, factor in reversed(listed):  # backwards: what can still reach a live term
        if kind == TURN:
            useful = live[a] | live[b]
            live[a[useful]] = live[b[useful]] = True
        elif kind == LOWER:
            useful = live[b]
            live[a[useful]] = True
        else:
            useful = live[a]
        if useful.any():
            keep.append((kind, angle, sign, a[useful], b[useful], factor[useful]))
    keep.reverse()
    ending = _live_at_start(frame, words, product, unital)

    reach = np.zeros((len(words.x), n_outputs), bool)
    reach[: len(first_rows)] = first_rows != 0
    active: dict[int, NDArray[np.bool_]] = {}
    for kind, angle, _, a, b, _ in keep:
        if kind == TURN:
            both = reach[a] | reach[b]
            active[angle] = active.get(angle, np.zeros(n_outputs, bool)) | both.any(axis=0)
            reach[a] = reach[b] = both
        elif kind == LOWER:
            np.logical_or.at(reach, b, reach[a])
    ending &= reach.any(axis=1)
    return _pack(words, keep, first_rows, live | ending, ending, reach, active)


def _turn(event: Turn, words: _Words) -> list[Any]:
    x, z = np.int64(event.word.x), np.int64(event.word.z)
    anti = (bits(words.x & z) + bits(words.z & x)) & 1 == 1
    slots = np.flatnonzero(anti)
    if not len(slots):
        return []
    power, px, pz = _products(x, z, words.x[slots], words.z[slots])
    sign = np.where((power + 1) % 4 == 0, 1.0, -1.0)
    partner = words.find(px, pz)
    fresh = partner < 0
    if fresh.any():
        partner[fresh] = words.add(px[fresh], pz[fresh])
    once = fresh | (slots < partner)
    return [(TURN, event.angle, float(event.sign), slots[once], partner[once], sign[once])]


def _noise(event: Noise, words: _Words, lowers: bool) -> list[Any]:
    has_z = (bits(words.x & event.x.z) + bits(words.z & event.x.x)) & 1 == 1
    has_x = (bits(words.x & event.z.z) + bits(words.z & event.z.x)) & 1 == 1
    letter = np.where(has_x & has_z, 2, np.where(has_x, 1, np.where(has_z, 3, 0)))
    found: list[Any] = []
    if lowers:
        slots = np.flatnonzero(letter == 3)
        if len(slots):
            power, x, z = _products(np.int64(event.z.x), np.int64(event.z.z), words.x[slots], words.z[slots])
            sign = event.z.sign * np.where(power == 0, 1.0, -1.0)
            target = words.find(x, z)
            fresh = target < 0
            if fresh.any():
                target[fresh] = words.add(x[fresh], z[fresh])
            found.append((LOWER, -1, 1.0, slots, target, sign))
    slots = np.flatnonzero(letter > 0)
    if len(slots):
        found.append((DAMP, -1, 1.0, slots, letter[slots], np.ones(len(slots))))
    return found


def _live_at_start(frame: Frame, words: _Words, product: bool, unital: bool) -> NDArray[np.bool_]:
    if not product:
        return words.x == 0
    live = np.ones(len(words.x), bool)
    for q, prefix in enumerate(frame.prefix):
        allowed = np.array([letter in prefix_letters(prefix, unital) | {"I"} for letter in "IXZY"])
        live &= allowed[(words.x >> q & 1) + 2 * (words.z >> q & 1)]
    return live


def _pack(words: _Words, keep: list[Any], first_rows: Any, live: Any, ending: Any, reach: Any, active: Any) -> Program:
    used = live.copy()
    new = np.cumsum(used) - 1
    initial = np.zeros((int(used.sum()), first_rows.shape[1]))
    rows = np.flatnonzero(used[: len(first_rows)])
    initial[new[rows]] = first_rows[rows]
    slots = np.flatnonzero(ending)
    sizes = [len(entry[3]) for entry in keep]
    empty = np.zeros(0)

    def joined(column: int, kind: Any) -> Any:
        return np.concatenate([entry[column] for entry in keep] or [empty]).astype(kind)

    first, second = joined(3, np.int64), joined(4, np.int64)
    kinds = np.array([entry[0] for entry in keep], np.int64)
    is_slot = np.repeat(kinds != DAMP, sizes)
    return Program(
        kinds,
        np.array([entry[1] for entry in keep], np.int64),
        np.array([entry[2] for entry in keep], np.float64),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        new[first].astype(np.int64),
        np.where(is_slot, new[np.where(is_slot, second, 0)], second).astype(np.int64),
        joined(5, np.float64),
        initial,
        new[slots].astype(np.int64),
        words.x[slots],
        words.z[slots],
        reach[slots],
        active,
    )

"""Clifford gates taken out: what is left of a circuit is a list of Pauli rotations between |0…0⟩ and turned observables.

A circuit of Pauli rotations, some of them by quarter turns, is U = C · R_m … R_1: all quarter turns gathered in one Clifford
C at the end, every other rotation about a Pauli word that the quarter turns before it have turned. C only relabels the
observables. Pauli words are pairs of bit masks (x, z), bit q for qubit q, standing for the Hermitian i^{|x∧z|} X^x Z^z.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers.circuits.tracing import Circuit, Mark, Rotation

Ints = NDArray[np.int64]


def bits(values: Any) -> Any:
    """Return the number of set bits of each integer."""
    return np.bitwise_count(np.asarray(values))


@dataclass(frozen=True)
class Word:
    """A Pauli word with a sign: bit masks x and z."""

    x: int
    z: int
    sign: int = 1

    @property
    def support(self) -> int:
        """Bit mask of the qubits on which the word is not the identity."""
        return self.x | self.z

    def anticommutes(self, other: Word) -> bool:
        """Whether the two words anticommute."""
        return bool(((self.x & other.z).bit_count() + (self.z & other.x).bit_count()) & 1)

    def times(self, other: Word) -> tuple[int, Word]:
        """Return (k, word) with self · other = i^k word; the word has sign 1 and the signs are in k."""
        x, z = self.x ^ other.x, self.z ^ other.z
        power = (self.x & self.z).bit_count() + (other.x & other.z).bit_count() + 2 * (self.z & other.x).bit_count()
        power += (self.sign < 0) * 2 + (other.sign < 0) * 2 - (x & z).bit_count()
        return power % 4, Word(x, z)

    def turned(self, axis: Word, quarters: int) -> Word:
        """Return R† P R for R = exp(-i angle/2 axis), angle = quarters · π/2."""
        quarters %= 4
        if quarters == 0 or not self.anticommutes(axis):
            return self
        if quarters == 2:
            return Word(self.x, self.z, -self.sign)
        power, word = axis.times(self)  # i · axis · P
        sign = 1 if (power + 1) % 4 == 0 else -1
        return Word(word.x, word.z, sign if quarters == 1 else -sign)


def word_of(letters: str, wires: Any = None) -> Word:
    """Return the word with these letters on these wires (by default 0, 1, ...)."""
    x = z = 0
    for letter, wire in zip(letters, range(len(letters)) if wires is None else wires, strict=True):
        x |= (letter in "XY") << wire
        z |= (letter in "YZ") << wire
    return Word(x, z)


@dataclass(frozen=True)
class Turn:
    """A rotation that is not by a fixed quarter turn: its word (sign 1), the place of its angle, the sign of the angle."""

    word: Word
    angle: int
    sign: int
    data: bool


@dataclass(frozen=True)
class Noise:
    """A one-qubit channel: what Pauli X and Z of its qubit are in the frame."""

    x: Word
    z: Word

    @property
    def support(self) -> int:
        """Bit mask of the qubits that it touches in the frame."""
        return self.x.support | self.z.support


Event = Turn | Noise


@dataclass
class Frame:
    """A circuit without its Clifford gates.

    Attributes
    ----------
    prefix : list of list of Turn or Noise
        One list a qubit: what acts on that qubit alone, up to the last rotation by data, before anything else touches it.
    events : list of Turn or Noise
        All the rest, in order of application.
    words : list of Word
        The observables' words, turned.
    product : bool
        All rotations by data are in `prefix`: the data make a product state.
    clifford : list of (Word, int)
        The quarter turns in the order of application, as axis and number, not turned; for the state itself.
    qubits : list of int
        The circuit's qubits that are left, in the order of the frame's.
    """

    n_qubits: int
    prefix: list[list[Event]]
    events: list[Event]
    words: list[Word]
    product: bool
    clifford: list[tuple[Word, int]] = field(default_factory=list)
    qubits: list[int] = field(default_factory=list)

    @property
    def everything(self) -> list[Event]:
        """The prefixes, qubit by qubit, and then the rest."""
        return [*(event for prefix in self.prefix for event in prefix), *self.events]


def frame(circuit: Circuit, insertion: str | None = None, diagonal: bool = False) -> Frame:
    """Take the Clifford gates out of a circuit.

    Parameters
    ----------
    circuit : Circuit
    insertion : {None, "gate", "layer", "end"}
        Where a one-qubit channel stands: nowhere, on each wire of every gate, on every qubit after a layer, or at the end.
    diagonal : bool, default=False
        Take out only what leaves every qubit's Z diagonal (CNOT, CZ, S, ..., but no Hadamard gate), so that the rotations of a
        qubit between two of them stay two-by-two matrices on pairs of amplitudes.
    """
    n = circuit.n_qubits
    rows = [(word_of("X", [q]), word_of("Z", [q])) for q in range(n)]
    constant, is_constant, is_data = circuit.angles.constant, circuit.angles.is_constant, circuit.angles.is_data
    listed: list[Event] = []
    clifford: list[tuple[Word, int]] = []
    waiting: list[tuple[Rotation, int]] = []

    def turned(rows: list[tuple[Word, Word]], turns: list[tuple[Rotation, int]]) -> list[tuple[Word, Word]]:
        for event, quarters in turns:
            axis = _image(event, rows)
            rows = [(x.turned(axis, quarters), z.turned(axis, quarters)) for x, z in rows]
        return rows

    def keep(event: Rotation) -> None:
        axis = _image(event, rows)
        listed.append(Turn(Word(axis.x, axis.z), event.angle, axis.sign, bool(is_data[event.angle])))

    def take_out(turns: list[tuple[Rotation, int]]) -> None:
        nonlocal rows
        rows = turned(rows, turns)
        clifford.extend((word_of(event.letters, event.wires), quarters) for event, quarters in turns)

    for event in circuit.events:
        if isinstance(event, Mark):
            wires = range(n) if event.kind == "layer" else event.wires
            listed += [Noise(*rows[q]) for q in wires] if event.kind == insertion else []
            continue
        quarters = float(constant[event.angle]) / (pi / 2)
        if not is_constant[event.angle] or abs(quarters - round(quarters)) >= 1e-13:
            for other, _ in waiting:
                keep(other)
            waiting = []
            keep(event)
        elif not diagonal:
            take_out([(event, round(quarters))])
        else:
            waiting.append((event, round(quarters)))
            for size in (1, 2, 3):  # a CNOT is three
                last = waiting[-size:]
                if len(last) == size and all(z.x == 0 for _, z in turned(rows, last)):
                    for other, _ in waiting[:-size]:
                        keep(other)
                    take_out(last)
                    waiting = []
                    break
    take_out(waiting)
    listed += [Noise(*rows[q]) for q in range(n)] if insertion == "end" else []
    words = [_image(Rotation(word.replace("I", ""), _places(word), 0), rows) for word in circuit.observables.words]
    found = _split(n, listed, words, clifford)
    found.qubits = list(range(n))
    return found


def _places(letters: str) -> tuple[int, ...]:
    return tuple(q for q, letter in enumerate(letters) if letter != "I")


def _image(rotation: Rotation, rows: list[tuple[Word, Word]]) -> Word:
    """Return the turned word of a rotation's axis."""
    power, found = 0, Word(0, 0)
    for letter, wire in zip(rotation.letters, rotation.wires, strict=True):
        x, z = rows[wire]
        if letter == "Y":  # Y = i X Z
            more, single = x.times(z)
            power += more + 1
        else:
            single = x if letter == "X" else z
        more, found = found.times(single)
        power += more
    return Word(found.x, found.z, 1 if power % 4 == 0 else -1)


def _split(n_qubits: int, listed: list[Event], words: list[Word], clifford: list[tuple[Word, int]]) -> Frame:
    """Divide events into what makes a product state before anything else, and the rest."""
    blocked = 0
    early: list[list[int]] = [[] for _ in range(n_qubits)]
    product = True
    for place, event in enumerate(listed):
        support = event.word.support if isinstance(event, Turn) else event.support
        if support.bit_count() <= 1 and not support & blocked:
            if support:
                early[support.bit_length() - 1].append(place)
            continue
        blocked |= support
        product = product and not (isinstance(event, Turn) and event.data)
    taken: set[int] = set()
    prefix: list[list[Event]] = []
    for places in early:
        last = max((k for k, place in enumerate(places) if _is_data(listed[place])), default=-1)
        prefix.append([listed[place] for place in places[: last + 1]])
        taken.update(places[: last + 1])
    rest = [event for place, event in enumerate(listed) if place not in taken]
    return Frame(n_qubits, prefix, rest, words, product, clifford)


def _is_data(event: Event) -> bool:
    return isinstance(event, Turn) and event.data


def cone(frame: Frame, active: set[int] | None = None, entangled: int = 0) -> Frame:
    """Return the frame with only those rotations and qubits that can reach a measured word.

    Parameters
    ----------
    frame : Frame
    active : set of int, optional
        Places of the angles that outputs depend on, where they are known, and of constants; else rotations are left out by the
        qubits that they share with what comes after them.
    entangled : int, default=0
        Bit mask of qubits that are kept in any case.

    Returns
    -------
    Frame
        Its qubits are numbered anew in their order.
    """
    seen = entangled
    for word in frame.words:
        seen |= word.support
    kept: list[Event] = []
    for event in reversed(frame.events):
        support = event.word.support if isinstance(event, Turn) else event.support
        known = active is None or not isinstance(event, Turn) or event.angle in active
        if known and support & seen:
            seen |= support
            kept.append(event)
    kept.reverse()
    qubits = [q for q in range(frame.n_qubits) if seen >> q & 1]
    if len(qubits) == frame.n_qubits:
        return Frame(frame.n_qubits, frame.prefix, kept, frame.words, frame.product, qubits=qubits)

    def moved(word: Word) -> Word:
        x = sum((word.x >> q & 1) << place for place, q in enumerate(qubits))
        return Word(x, sum((word.z >> q & 1) << place for place, q in enumerate(qubits)), word.sign)

    def renumbered(one: Event) -> Event:
        return replace(one, word=moved(one.word)) if isinstance(one, Turn) else Noise(moved(one.x), moved(one.z))

    prefix = [[renumbered(one) for one in frame.prefix[q]] for q in qubits]
    words = [moved(word) for word in frame.words]
    return Frame(len(qubits), prefix, [renumbered(one) for one in kept], words, frame.product, qubits=qubits)

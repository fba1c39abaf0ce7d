"""The observable of a circuit as an exact tensor train: its ranks grow with entangling layers, not with qubits.

In the Heisenberg picture an observable is a tensor with one index (I, X, Y, Z) a qubit. A rotation of one qubit, or a
channel, acts on that qubit's tensor; a rotation of two qubits multiplies the rank of every bond between them by four. Nothing
is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhelpers.circuits.tracing import Circuit, Mark, Rotation

Floats = NDArray[np.float64]

_LETTERS = "IXYZ"


def _split(letter: str) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the parts of superoperators that a Pauli letter A makes, as matrices m[i, j] on P_i → P_j.

    Words that commute with A, those that do not, P → iAP on the latter, P → AP on the former.
    """
    commuting, anti, turned, kept = (np.zeros((4, 4)) for _ in range(4))
    a = _LETTERS.index(letter)
    for i in range(4):
        if i in (0, a):
            commuting[i, i] = 1
            kept[i, a if i == 0 else 0] = 1
        else:
            anti[i, i] = 1
            k = 6 - a - i  # the third letter
            turned[i, k] = -1 if (a, i) in ((1, 2), (2, 3), (3, 1)) else 1  # iXY = i·iZ = -Z
    return commuting, anti, turned, kept


def rotation_parts(letter: str) -> tuple[Floats, Floats, Floats]:
    """Return E, C, S with E + cos C + sin S the transfer P_i → P_j of U† P U, U = exp(-i angle/2 A)."""
    commuting, anti, turned, _ = _split(letter)
    return commuting, anti, turned


def ranks(circuit: Circuit) -> list[int] | None:
    """Return the ranks of the bonds, one fewer than there are qubits, or None where a gate turns more than two qubits."""
    found = [1] * (circuit.n_qubits - 1)
    for event in circuit.events:
        if isinstance(event, Rotation) and len(event.wires) > 1:
            if len(event.wires) > 2:
                return None
            for bond in range(min(event.wires), max(event.wires)):
                found[bond] = min(found[bond] * 4, 1 << 20)
    return found


def _turned(parts: Any, cos: Any, sin: Any) -> list[Any]:
    """Return the matrices that stand beside those parts of the other letter, in a rotation about both by an angle."""
    commuting, anti, turned, kept = parts
    return [commuting + cos * anti, anti + cos * commuting, sin * kept, sin * turned]


@dataclass
class _Step:
    """One thing to do on the way back: a matrix on a qubit, or a two-qubit rotation."""

    wires: tuple[int, ...]
    slot: int = -1  # a one-qubit rotation by an angle: its place in the batch of matrices
    matrix: Any = None  # a fixed matrix
    first: Any = None  # two qubits: parts of the lower one's superoperator, shape (4, 4, 4)
    second: Any = None  # and of the other's, as `_split` has them; turned already where the angle is a constant
    angle: int = -1  # two qubits: place of the angle, or -1 for a constant


@dataclass
class Prefix:
    """What acts on a qubit before anything else touches it, up to its last rotation by data."""

    steps: list[tuple[str, int]] = field(default_factory=list)  # (letter, place of the angle), or ("noise", -1)


def prefixes(circuit: Circuit, insertion: str | None) -> tuple[list[Prefix], set[int]] | None:
    """Divide the events of a circuit; None where the data do not make a product state.

    Returns
    -------
    prefixes : list of Prefix
    taken : set of int
        Places in the list of `expand`.
    """
    blocked: set[int] = set()
    places: list[list[tuple[int, tuple[str, int], bool]]] = [[] for _ in range(circuit.n_qubits)]
    is_data = circuit.angles.is_data
    for place, (kind, wires, angle) in enumerate(expand(circuit, insertion)):
        data = angle >= 0 and bool(is_data[angle])
        if len(wires) > 1 or wires[0] in blocked:
            blocked.update(wires)
            if data:
                return None
            continue
        places[wires[0]].append((place, (kind, angle), data))
    found: list[Prefix] = []
    taken: set[int] = set()
    for listed in places:
        last = max((k for k, (_, _, data) in enumerate(listed) if data), default=-1)
        found.append(Prefix([step for _, step, _ in listed[: last + 1]]))
        taken.update(place for place, _, _ in listed[: last + 1])
    return found, taken


def expand(circuit: Circuit, insertion: str | None) -> list[tuple[str, tuple[int, ...], int]]:
    """Return events with channels put in: (letters or "noise", wires, place of the angle or -1)."""
    found: list[tuple[str, tuple[int, ...], int]] = []
    for event in circuit.events:
        if isinstance(event, Rotation):
            found.append((event.letters, event.wires, event.angle))
        elif isinstance(event, Mark) and event.kind == insertion:
            wires = range(circuit.n_qubits) if event.kind == "layer" else event.wires
            found += [("noise", (q,), -1) for q in wires]
    if insertion == "end":
        found += [("noise", (q,), -1) for q in range(circuit.n_qubits)]
    return found


class Train:
    """The observables of a circuit as tensor trains, from angles.

    Parameters
    ----------
    circuit : Circuit
    insertion : str or None
        Where the channel stands.
    transfer : array of shape (4, 4) or None
        The channel, acting on (1, X, Y, Z) of a state.
    """

    def __init__(self, circuit: Circuit, insertion: str | None, transfer: Floats | None) -> None:
        divided = prefixes(circuit, insertion)
        assert divided is not None
        self.n_qubits, self.circuit, self.transfer = circuit.n_qubits, circuit, transfer
        self.prefixes, taken = divided
        constant, is_constant = circuit.angles.constant, circuit.angles.is_constant
        self.parts: list[tuple[Floats, Floats, Floats]] = []
        self.turns: list[int] = []
        self.steps: list[_Step] = []
        waiting = [np.eye(4) for _ in range(self.n_qubits)]  # fixed matrices not yet applied
        events = [event for place, event in enumerate(expand(circuit, insertion)) if place not in taken]
        for letters, wires, angle in reversed(events):
            if letters == "noise":
                assert transfer is not None
                waiting[wires[0]] = waiting[wires[0]] @ transfer
            elif len(wires) == 1:
                e, c, s = rotation_parts(letters)
                if is_constant[angle]:
                    value = constant[angle]
                    waiting[wires[0]] = waiting[wires[0]] @ (e + np.cos(value) * c + np.sin(value) * s)
                else:
                    before = waiting[wires[0]]
                    self.steps.append(_Step(wires, slot=len(self.parts)))
                    self.parts.append((before @ e, before @ c, before @ s))
                    self.turns.append(angle)
                    waiting[wires[0]] = np.eye(4)
            else:
                for q in wires:
                    self._flush(waiting, q)
                first, second = (np.array(_split(letter)) for letter in (letters if wires[0] < wires[1] else letters[::-1]))
                if is_constant[angle]:
                    second = np.array(_turned(second, np.cos(constant[angle]), np.sin(constant[angle])))
                self.steps.append(_Step(wires, first=first, second=second, angle=-1 if is_constant[angle] else angle))
        for q in range(self.n_qubits):
            self._flush(waiting, q)
        stacked = np.array(self.parts).reshape(-1, 3, 4, 4)
        self.e, self.c, self.s = stacked[:, 0], stacked[:, 1], stacked[:, 2]
        self._held: dict[tuple[Any, ...], Tensor] = {}  # what no angle changes, by dtype and device

    def _flush(self, waiting: list[Floats], q: int) -> None:
        if not np.array_equal(waiting[q], np.eye(4)):
            self.steps.append(_Step((q,), matrix=waiting[q]))
            waiting[q] = np.eye(4)

    def sites(self, word: str, angles: Tensor) -> list[Tensor]:
        """Return the tensors (left rank, 4, right rank) of one word.

        Parameters
        ----------
        word : str
            Letters, qubit 0 first.
        angles : tensor of shape (n_angles,)
            All angles of the circuit by place (those of data are not read).
        """
        turning = angles[self.turns] if self.turns else angles.new_zeros(0)
        cos, sin = torch.cos(turning)[:, None, None], torch.sin(turning)[:, None, None]
        e, c, s = self._hold("parts", angles, np.array([self.e, self.c, self.s]))
        matrices = (e + cos * c + sin * s).unbind(0)
        eye = torch.eye(4, dtype=angles.dtype, device=angles.device)
        found = [eye[_LETTERS.index(letter)].reshape(1, 4, 1) for letter in word]
        for number, step in enumerate(self.steps):
            if len(step.wires) == 1:
                q = step.wires[0]
                if word[q] == "I" and found[q].shape[0] == 1 == found[q].shape[2] and self.transfer is None:
                    continue  # still the identity: nothing turns it
                if step.matrix is None:
                    matrix = matrices[step.slot]
                else:
                    matrix = self._hold(number, angles, step.matrix)
                found[q] = torch.einsum("lir,ij->ljr", found[q], matrix)
            else:
                self._join(found, step, number, angles, word)
        return found

    def _hold(self, what: Any, like: Tensor, values: Any) -> Tensor:
        """Return numbers that no angle changes as a tensor, made once for each type of number and device."""
        key = (what, like.dtype, like.device)
        if key in self._held:
            return self._held[key]
        made = torch.as_tensor(values, dtype=like.dtype, device=like.device)
        passing = made.is_inference() or type(made) is not Tensor or torch._C._are_functorch_transforms_active()
        if not passing:  # what is made inside of inference, a trace or a transform is of no use outside
            self._held[key] = made
        return made

    def _join(self, found: list[Tensor], step: _Step, number: int, angles: Tensor, word: str) -> None:
        low, high = min(step.wires), max(step.wires)
        flat = all(word[q] == "I" and found[q].shape[0] == 1 == found[q].shape[2] for q in step.wires)
        if flat and self.transfer is None:
            return
        first, second = self._hold((number, 0), angles, step.first), self._hold((number, 1), angles, step.second)
        if step.angle >= 0:
            second = torch.stack(_turned(second, torch.cos(angles[step.angle]), torch.sin(angles[step.angle])))
        left, right = found[low], found[high]
        found[low] = torch.einsum("lir,bij->ljrb", left, first).flatten(2)
        found[high] = torch.einsum("lir,bij->lbjr", right, second).flatten(0, 1)
        bond = torch.eye(4, dtype=angles.dtype, device=angles.device)
        for q in range(low + 1, high):
            wide = torch.einsum("lir,bc->lbirc", found[q], bond)
            found[q] = wide.flatten(3).flatten(0, 1)

    def features(self, angle: Any, like: Tensor) -> tuple[list[list[Tensor]], list[list[int]]]:
        """Return the components of each qubit's Bloch vector that are not 0, and their letters (1, 2, 3 for X, Y, Z).

        Parameters
        ----------
        angle : callable
            Places of the angles of one step of several qubits → their cos and sin: tensors of shape (n_samples, n_qubits of the
            group), or two numbers where the angle is a constant.
        like : tensor of shape (n_samples, ...)
        """
        columns: list[list[Tensor]] = [[] for _ in range(self.n_qubits)]
        letters: list[list[int]] = [[] for _ in range(self.n_qubits)]
        groups: dict[tuple[str, ...], list[int]] = {}
        for q, prefix in enumerate(self.prefixes):
            constant = [
                f"{letter}{self.circuit.angles.constant[place]!r}"
                if place >= 0 and self.circuit.angles.is_constant[place]
                else letter
                for letter, place in prefix.steps
            ]
            groups.setdefault(tuple(constant), []).append(q)
        for qubits in groups.values():
            bloch: list[Any] = [0.0, 0.0, 1.0]
            for step, (letter, _) in enumerate(self.prefixes[qubits[0]].steps):
                places = [self.prefixes[q].steps[step][1] for q in qubits]
                if letter == "noise":
                    assert self.transfer is not None
                    bloch = [self.transfer[k, k] * part for k, part in zip((1, 2, 3), bloch, strict=True)]
                    bloch[2] = bloch[2] + self.transfer[3, 0]
                    continue
                axis = "XYZ".index(letter)
                a, b = (axis + 1) % 3, (axis + 2) % 3
                cos, sin = angle(places)
                bloch[a], bloch[b] = (
                    _sum(_times(cos, bloch[a]), _times(-sin, bloch[b])),
                    _sum(_times(cos, bloch[b]), _times(sin, bloch[a])),
                )
            for k, part in enumerate(bloch):
                if isinstance(part, float) and part == 0:
                    continue
                full = part if isinstance(part, Tensor) else like.new_full((like.shape[0], len(qubits)), float(part))
                for column, q in enumerate(qubits):
                    columns[q].append(full[:, column])
                    letters[q].append(k + 1)
        return columns, letters


def _times(a: Any, b: Any) -> Any:
    """Return a · b, as the number 0 where one of them is."""
    if any(isinstance(one, float) and abs(one) < 1e-15 for one in (a, b)):
        return 0.0
    return a * b


def _sum(a: Any, b: Any) -> Any:
    return b if isinstance(a, float) and a == 0 else a if isinstance(b, float) and b == 0 else a + b

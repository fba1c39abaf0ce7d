"""Gates as products of Pauli rotations: the one primitive of the engine.

Every gate here is, up to a global phase, a product of rotations exp(-i angle/2 P) with P a word of Paulis on a few wires. A
rotation by a quarter turn is a Clifford gate, so that one primitive serves for all of them: CNOT is Z(π/2) on the control, X(π/2)
on the target and ZX(-π/2) on both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import pi
from typing import Any

#: A rotation: the Pauli letters, the wires that they act on, the angle in radians (a number or a tensor without dimensions).
Turn = tuple[str, tuple[int, ...], Any]


def phase(letters: str, wires: Sequence[int], angle: Any) -> list[Turn]:
    """Return exp(i angle Π (1 - P_k)/2) as rotations: a phase where every P_k is -1. Z is a phase gate, ZX a controlled NOT.

    Parameters
    ----------
    letters : str
        One of X, Y, Z a wire.
    wires : sequence of int
        The wires.
    angle : float or tensor
        The phase in radians.
    """
    found: list[Turn] = []
    for size in range(1, len(wires) + 1):
        share = (1 if size % 2 else -1) / 2 ** (len(wires) - 1)
        for chosen in combinations(range(len(wires)), size):
            found.append(("".join(letters[k] for k in chosen), tuple(wires[k] for k in chosen), angle * share))
    return found


def _fixed(*turns: tuple[str, tuple[int, ...], float]) -> Callable[..., list[Turn]]:
    def build(wires: Sequence[int]) -> list[Turn]:
        return [(letters, tuple(wires[k] for k in places), angle) for letters, places, angle in turns]

    return build


def _phase(letters: str, angle: float = pi) -> Callable[..., list[Turn]]:
    return lambda wires: phase(letters, wires, angle)


def _rotation(letters: str) -> Callable[..., list[Turn]]:
    return lambda wires, angle: [(letters, tuple(wires), angle)]


def _controlled_rotation(letter: str) -> Callable[..., list[Turn]]:
    return lambda wires, angle: [(letter, (wires[1],), angle / 2), ("Z" + letter, tuple(wires), -angle / 2)]


def _euler(letters: str) -> Callable[..., list[Turn]]:
    """Rotations of one wire, one after the other, with the angles in the order given."""
    return lambda wires, *angles: [(letter, (wires[0],), angle) for letter, angle in zip(letters, angles, strict=True)]


def _u3(wires: Sequence[int], theta: Any, phi: Any, lam: Any) -> list[Turn]:
    wire = (wires[0],)
    return [("Z", wire, lam), ("Y", wire, theta), ("Z", wire, phi)]


def _r(wires: Sequence[int], theta: Any, phi: Any) -> list[Turn]:
    wire = (wires[0],)
    return [("Z", wire, -phi), ("X", wire, theta), ("Z", wire, phi)]


def _cswap(wires: Sequence[int]) -> list[Turn]:
    control, first, second = wires
    swap = phase("ZX", (second, first), pi)
    return [*swap, *phase("ZZX", (control, first, second), pi), *swap]


def _exchange(angle: Any, wires: Sequence[int], *letters: str) -> list[Turn]:
    return [(pair, tuple(wires), angle) for pair in letters]


#: Gate → (number of wires, number of angles, builder(wires, *angles) of its rotations in the order of application).
GATES: dict[str, tuple[int, int, Callable[..., list[Turn]]]] = {
    "id": (1, 0, _fixed()),
    "x": (1, 0, _phase("X")),
    "y": (1, 0, _phase("Y")),
    "z": (1, 0, _phase("Z")),
    "h": (1, 0, _fixed(("Z", (0,), pi), ("Y", (0,), pi / 2))),
    "s": (1, 0, _phase("Z", pi / 2)),
    "sdg": (1, 0, _phase("Z", -pi / 2)),
    "t": (1, 0, _phase("Z", pi / 4)),
    "tdg": (1, 0, _phase("Z", -pi / 4)),
    "sx": (1, 0, _phase("X", pi / 2)),
    "sxdg": (1, 0, _phase("X", -pi / 2)),
    "rx": (1, 1, _rotation("X")),
    "ry": (1, 1, _rotation("Y")),
    "rz": (1, 1, _rotation("Z")),
    "p": (1, 1, _rotation("Z")),
    "u2": (1, 2, lambda wires, phi, lam: _u3(wires, pi / 2, phi, lam)),
    "u3": (1, 3, _u3),
    "rot": (1, 3, _euler("ZYZ")),
    "r": (1, 2, _r),
    "cx": (2, 0, _phase("ZX")),
    "cy": (2, 0, _phase("ZY")),
    "cz": (2, 0, _phase("ZZ")),
    "cs": (2, 0, _phase("ZZ", pi / 2)),
    "csdg": (2, 0, _phase("ZZ", -pi / 2)),
    "csx": (2, 0, _phase("ZX", pi / 2)),
    "cp": (2, 1, lambda wires, angle: phase("ZZ", wires, angle)),
    "crx": (2, 1, _controlled_rotation("X")),
    "cry": (2, 1, _controlled_rotation("Y")),
    "crz": (2, 1, _controlled_rotation("Z")),
    "swap": (2, 0, lambda wires: _exchange(-pi / 2, wires, "XX", "YY", "ZZ")),
    "iswap": (2, 0, lambda wires: _exchange(-pi / 2, wires, "XX", "YY")),
    "siswap": (2, 0, lambda wires: _exchange(-pi / 4, wires, "XX", "YY")),
    "rxx": (2, 1, _rotation("XX")),
    "ryy": (2, 1, _rotation("YY")),
    "rzz": (2, 1, _rotation("ZZ")),
    "rzx": (2, 1, _rotation("ZX")),
    "rxy": (2, 1, lambda wires, angle: _exchange(-angle / 2, wires, "XX", "YY")),
    "ccx": (3, 0, _phase("ZZX")),
    "ccz": (3, 0, _phase("ZZZ")),
    "cswap": (3, 0, _cswap),
}


def inverse(turns: Sequence[Turn]) -> list[Turn]:
    """Return the rotations that undo `turns`: the same ones backwards, by the opposite angles."""
    return [(letters, wires, -angle) for letters, wires, angle in reversed(turns)]

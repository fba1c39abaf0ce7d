r"""The equations of the low-energy IoT paper run to the letter, for what they say and not for what they must mean.

Dense matrices in NumPy, qubit 0 leftmost in every Kronecker product. A printed product of gates can be read in two ways
(``order``): as ``"matrices"``, where the last factor acts first, or in order of ``"time"``, where the first one does; the paper
does not say which, and needs now the one (Eq. 13) and now the other (Eq. 10). What is no circuit or no channel runs all the
same: a sum of gates as a plain matrix, a map that loses trace as a plain map.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qhelpers.circuits import kraus

Matrix = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]

ORDERS = ("matrices", "time")

IDENTITY: Matrix = np.eye(2, dtype=complex)
X: Matrix = np.array([[0, 1], [1, 0]], dtype=complex)
Y: Matrix = np.array([[0, -1j], [1j, 0]], dtype=complex)
Z: Matrix = np.diag([1, -1]).astype(complex)
#: The Hadamard gate of Section II-C1.
HADAMARD: Matrix = np.array([[1, 1], [1, -1]], dtype=complex) / np.sqrt(2)


def phase(angle: float) -> Matrix:
    """Phase gate P of Section II-C1."""
    return np.array([[1, 0], [0, np.exp(1j * angle)]])


def ry(angle: float) -> Matrix:
    """Rotation about Y, Eq. 6."""
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([[c, -s], [s, c]], dtype=complex)


def rx(angle: float) -> Matrix:
    """Rotation about X, which Eqs. 13 and 16 use and do not print."""
    return np.cos(angle / 2) * IDENTITY - 1j * np.sin(angle / 2) * X


def rz(angle: float) -> Matrix:
    """Rotation about Z, which Section II-B2 uses and does not print."""
    return np.cos(angle / 2) * IDENTITY - 1j * np.sin(angle / 2) * Z


def tensor(factors: Sequence[Matrix]) -> Matrix:
    """Kronecker product, qubit 0 first."""
    whole: Matrix = np.eye(1, dtype=complex)
    for factor in factors:
        whole = np.kron(whole, factor).astype(complex)
    return whole


def on(gate: Matrix, qubit: int, n_qubits: int) -> Matrix:
    """A gate on one qubit of several."""
    return tensor([gate if one == qubit else IDENTITY for one in range(n_qubits)])


def cnot(control: int, target: int, n_qubits: int) -> Matrix:
    """Eq. 7, ``|0><0| (x) I + |1><1| (x) X``, for two qubits of several."""
    idle, flip = np.diag([1, 0]).astype(complex), np.diag([0, 1]).astype(complex)
    return on(idle, control, n_qubits) + on(flip, control, n_qubits) @ on(X, target, n_qubits)


def product(factors: Sequence[Matrix], order: str) -> Matrix:
    """A printed product of gates as one matrix.

    Parameters
    ----------
    factors : sequence of ndarray
        From left to right as printed.
    order : {"matrices", "time"}
        Whether the rightmost or the leftmost factor acts first.

    Raises
    ------
    ValueError
        If the order is unknown.
    """
    if order not in ORDERS:
        raise ValueError(f"order {order!r} is unknown; allowed are {', '.join(ORDERS)}")
    return functools.reduce(np.matmul, factors if order == "matrices" else list(factors)[::-1])


def sum_of_feature_maps(x: Sequence[float]) -> Matrix:
    """Eq. 4: the feature maps of single features added, here RY(x_i) on qubit i; no unitary matrix.

    Parameters
    ----------
    x : sequence of float
        One number a qubit, radians.
    """
    n = len(x)
    return np.sum([on(ry(angle), i, n) for i, angle in enumerate(x)], axis=0)


def real_amplitudes(weights: Real, pairs: Sequence[tuple[int, int]], order: str) -> Matrix:
    """Eq. 8: for each repetition rotations and then CNOTs, in print; no rotation stands after the last repetition.

    Parameters
    ----------
    weights : ndarray of shape (n_repetitions, n_qubits)
    pairs : sequence of (int, int)
        The set E; its order is that of the printed product.
    order : {"matrices", "time"}
    """
    n = weights.shape[1]
    factors = []
    for angles in weights:
        factors += [tensor([ry(angle) for angle in angles]), *(cnot(i, j, n) for i, j in pairs)]
    return product(factors, order)


def efficient_su2(
    weights: Real, pairs: Sequence[tuple[int, int]], order: str, operation: Callable[[int, int, int], Matrix] | None
) -> Matrix:
    r"""Eq. 9, with "some operation" given, and :math:`R_y(\theta, \phi)` read as ``R_y(theta) R_z(phi)`` (Section II-B2).

    Parameters
    ----------
    weights : ndarray of shape (n_repetitions, n_qubits, 2)
    pairs : sequence of (int, int)
    order : {"matrices", "time"}
        Of the factors, also of ``R_y(theta) R_z(phi)``.
    operation : callable or None
        ``operation(i, j, n_qubits)``; None for none.
    """
    n = weights.shape[1]
    factors = []
    for angles in weights:
        factors.append(tensor([product([ry(theta), rz(phi)], order) for theta, phi in angles]))
        if operation is not None:
            factors += [operation(i, j, n) for i, j in pairs]
    return product(factors, order)


def z_feature_map(x: Sequence[float], repetitions: int, order: str) -> Matrix:
    """Eq. 10: Hadamard gates and then phases of 2x, in print."""
    n = len(x)
    one = [tensor([HADAMARD] * n), tensor([phase(2 * value) for value in x])]
    return product(one * repetitions, order)


def zz_feature_map(x: Sequence[float], pairs: Sequence[tuple[int, int]], repetitions: int, order: str) -> Matrix:
    """Eq. 11: the same with a phase of 2 x_i x_j between two CNOTs, on the target qubit as in the library.

    The library's own phase is 2 (pi - x_i)(pi - x_j).
    """
    n = len(x)
    factors = [tensor([HADAMARD] * n), tensor([phase(2 * value) for value in x])]
    for i, j in pairs:
        factors += [cnot(i, j, n), on(phase(2 * x[i] * x[j]), j, n), cnot(i, j, n)]
    return product(factors * repetitions, order)


def phase_before_each_cnot(x: Sequence[float], i: int, j: int) -> Matrix:
    """What the sentence below Eq. 11 says of its last factor: a phase of 2 x_i x_j before the first and the second CNOT."""
    n = len(x)
    turn, flip = on(phase(2 * x[i] * x[j]), j, n), cnot(i, j, n)
    return product([turn, flip, turn, flip], "time")


def embedded(x: Sequence[float]) -> Matrix:
    """Eqs. 12 and 15: RY(x_i) on the ground state of qubit i, on the state of Eq. 14; shape (2 ** n,)."""
    state: Matrix = tensor([ry(value) for value in x])[:, 0]
    return state


def rotation(theta: float, phi: float, order: str) -> Matrix:
    """Eqs. 13 and 16: R_X(phi) R_Y(theta) of one qubit."""
    return product([rx(phi), ry(theta)], order)


def layer(angles: Real, pairs: Sequence[tuple[int, int]], order: str) -> Matrix:
    """One layer of QNN-P: the rotations of Eq. 16 on each qubit, "following the rotations" the CNOTs.

    Parameters
    ----------
    angles : ndarray of shape (n_qubits, 2)
        Theta and phi.
    pairs : sequence of (int, int)
        In order of time.
    order : {"matrices", "time"}
        Of the two rotations.
    """
    n = len(angles)
    rotations = tensor([rotation(theta, phi, order) for theta, phi in angles])
    return product([rotations, *(cnot(i, j, n) for i, j in pairs)], "time")


def z0(states: Matrix) -> Real:
    """Eq. 17: the expectation value of Z on the first qubit, for states of shape (..., 2 ** n)."""
    half = states.shape[-1] // 2
    weight = np.abs(states) ** 2
    value: Real = weight[..., :half].sum(-1) - weight[..., half:].sum(-1)
    return value


def shift_rule(loss: Callable[[Real], float], weights: Real) -> Real:
    """Eq. 19: half the difference of the loss at each weight shifted by plus and minus pi/2.

    Exact for an expectation value of a rotation's angle; the squared error of Eq. 18 is none.

    Parameters
    ----------
    loss : callable
        Of weights of the shape of `weights`.
    weights : ndarray
    """
    gradient: Real = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        shift = np.zeros(weights.shape)
        shift[place] = np.pi / 2
        gradient[place] = (loss(weights + shift) - loss(weights - shift)) / 2
    return gradient


def adam(gradients: Sequence[Real], start: Real, rate: float) -> Real:
    """Eqs. 20 and 21 for a sequence of gradients: the weights after the last update."""
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    weights, m, v = np.array(start, dtype=float), np.zeros_like(start), np.zeros_like(start)
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        weights = weights - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return weights


def flip_map(state: Matrix, strength: float, pauli: Matrix) -> Matrix:
    """Eqs. 23 (X) and 25 (Z): a Pauli error with a probability."""
    return (1 - strength) * state + strength * pauli @ state @ pauli


def bit_phase_flip_map(state: Matrix, eta_b: float, p: Any, index_is_state: bool) -> Matrix:
    r"""Eq. 27, ``(1 - eta_B P) rho + eta_B P Y_rho Y``, to the letter.

    Parameters
    ----------
    state : ndarray of shape (2, 2)
        The density matrix rho.
    eta_b : float
    p : float or ndarray of shape (2, 2)
        The P that is defined nowhere: a number, or the phase gate of Section II-C1.
    index_is_state : bool
        Whether the index of the first Y is the state that stands between the two Y elsewhere; else no state is there.
    """
    middle = Y @ state @ Y if index_is_state else Y @ Y
    if np.ndim(p) == 0:
        return (1 - eta_b * p) * state + eta_b * p * middle
    return (IDENTITY - eta_b * p) @ state + eta_b * p @ middle


def depolarizing_map(state: Matrix, strength: float) -> Matrix:
    """Eq. 29."""
    return (1 - strength) * state + strength / 3 * sum(pauli @ state @ pauli for pauli in (X, Y, Z))


def kraus_map(state: Matrix, operators: Sequence[Matrix]) -> Matrix:
    """Eqs. 31 and 33: the sum of E rho E^dagger."""
    return np.sum([one @ state @ one.conj().T for one in operators], axis=0)


def kraus_operators(channel: str, strength: float) -> list[Matrix]:
    r"""Eqs. 22, 24, 26, 28 and 30, which are right, and Eq. 32, amplitude damping, which is no channel (deviation D1.11).

    Eq. 32 prints :math:`E_0 = \sqrt{1-\beta_A}\,|1\rangle\langle 1|` without the :math:`|0\rangle\langle 0|` that keeps
    the ground state, so that the trace is lost.

    Parameters
    ----------
    channel, strength
        As for `qhelpers.circuits.kraus`.
    """
    operators = kraus(channel, strength)
    if channel != "amplitude_damping":
        return operators
    return [np.diag([0, np.sqrt(1 - strength)]).astype(complex), *operators[1:]]

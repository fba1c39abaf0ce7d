"""Expectation values by state vectors as differentiable torch functions: compiled where numba is there, else plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from qhelpers.circuits.angles import CompiledAngles
from qhelpers.circuits.frame import Frame, Ints, Turn, Word, bits
from qhelpers.circuits.functions import COMPILED, KINDS, Back, again, call, call_back, differentiable_once, mapped, plainly

if COMPILED:
    from qhelpers.circuits import kernels

Floats = NDArray[np.float64]

#: Amplitudes that are kept for the way back; beyond that the circuit runs twice.
KEPT = 4_000_000


@dataclass
class Gate:
    """Rotations one after the other about words of one group: anticommuting ones, at least one of them diagonal.

    Attributes
    ----------
    words : list of Word
        Those that occur, all different.
    turns : list of int
        Places of the rotations in their list.
    """

    words: list[Word]
    turns: list[int]

    def takes(self, word: Word) -> bool:
        """Whether a rotation about the word fits in."""
        if any((word.x, word.z) == (own.x, own.z) for own in self.words):
            return True
        if len(self.words) == 1:
            other = self.words[0]
            return word.anticommutes(other) and (word.x == 0 or other.x == 0 or word.x == other.x)
        third = self.words[0].times(self.words[1])[1]
        return (word.x, word.z) == (third.x, third.z)

    def axes(self) -> tuple[Word, Word]:
        """Return X̄, whose phases are real (of x mask 0 where nothing but Z̄ occurs), and Z̄."""
        words = list(self.words)
        if len(words) == 1 and words[0].x:
            words.append(Word(0, words[0].x & -words[0].x))
        if len(words) > 1:
            words.append(words[0].times(words[1])[1])
        z = next(word for word in words if word.x == 0)
        return next((word for word in words if word.x and bits(word.x & word.z) % 2 == 0), Word(0, 0)), z


def fused(words: list[Word]) -> list[Gate]:
    """Gather rotations into gates; one moves back past those that it commutes with."""
    gates: list[Gate] = []
    for turn, word in enumerate(words):
        for gate in reversed(gates):
            if gate.takes(word):
                gate.turns.append(turn)
                if all((word.x, word.z) != (own.x, own.z) for own in gate.words):
                    gate.words.append(word)
                break
            if any(word.anticommutes(own) for own in gate.words):
                gates.append(Gate([word], [turn]))
                break
        else:
            gates.append(Gate([word], [turn]))
    return gates


class States:
    """Expectation values by state vectors: (shared angles, angles of each sample) → outputs.

    Parameters
    ----------
    frame : Frame
        Its rotations run in order, prefix first; made with ``diagonal``.
    matrix : array of shape (n_words, n_outputs)
    data : dict of int to int
        Place of an angle → column among the angles of each sample; all others are shared.
    shared : dict of int to int
        Place of an angle → place among the shared angles.
    compiled : bool
    given : bool
        The circuit begins in states that are given, not in |0…0⟩.
    """

    def __init__(
        self, frame: Frame, matrix: Floats, data: dict[int, int], shared: dict[int, int], compiled: bool, given: bool = False
    ) -> None:
        self.turns = [event for event in frame.everything if isinstance(event, Turn)]
        self.n_qubits, self.compiled, self.given = frame.n_qubits, compiled, given
        self.source = np.array([-1 - data[t.angle] if t.angle in data else shared[t.angle] for t in self.turns], np.int64)
        self.sign = np.array([t.sign for t in self.turns], np.int64)
        self.x, self.z = (np.array([getattr(t.word, mask) for t in self.turns], np.int64) for mask in "xz")
        self.ox, self.oz = (np.array([getattr(word, mask) for word in frame.words], np.int64) for mask in "xz")
        self.power, self.opower = (bits(x & z).astype(np.int64) % 4 for x, z in ((self.x, self.z), (self.ox, self.oz)))
        self.matrix = np.ascontiguousarray(matrix * np.array([word.sign for word in frame.words], float)[:, None])
        self.tables: dict[Any, tuple[Any, ...]] = {}

    @cached_property
    def gates(self) -> tuple[Ints, Ints, Ints]:
        """The tables of gates, of where their turns begin, and of turns, for `kernels.run_states`."""
        kinds: dict[tuple[int, ...], int] = {(1,): kernels.REAL, (2,): kernels.DIAGONAL}
        gates: list[tuple[int, ...]] = []
        first, turns = [0], []
        filled = 0 if self.given else 1  # beyond it amplitudes are 0
        for gate in fused([turn.word for turn in self.turns]):
            x, z = gate.axes()
            axes = []
            for turn in gate.turns:
                word, sign = self.turns[turn].word, int(self.sign[turn])
                if (word.x, word.z) == (z.x, z.z):
                    axes.append(2)
                elif (word.x, word.z) == (x.x, x.z):
                    axes.append(0)
                else:  # Ȳ = i X̄ Z̄
                    axes.append(1)
                    sign *= 1 if (x.times(z)[0] + 1) % 4 == 0 else -1
                turns.append((axes[-1], self.source[turn], sign))
            grows = 0 < filled <= x.x == z.z and x.x.bit_count() == 1
            filled = 2 * x.x if grows else 0
            real = 1 if bits(x.x & x.z) % 4 == 0 else -1
            kind, data = kinds.get(tuple(set(axes)), kernels.WHOLE), int((self.source[gate.turns] < 0).any())
            gates.append((kind, x.x, x.z, real, z.z, filled or 2**self.n_qubits, data))
            first.append(len(turns))
        return np.array(gates, np.int64).reshape(-1, 7), np.array(first, np.int64), np.array(turns, np.int64).reshape(-1, 3)

    @cached_property
    def diagonal(self) -> tuple[Ints, Ints, Floats, Ints, Floats]:
        """What each basis state gives to each output (compressed rows), then the words that are not diagonal."""
        found = np.zeros((2**self.n_qubits, self.matrix.shape[1]))
        rest = self.ox != 0
        np.add.at(found, self.oz[~rest], self.matrix[~rest])
        for q in range(self.n_qubits):  # Walsh and Hadamard's transform
            halves = found.reshape(-1, 2, 2**q, found.shape[1])
            found = np.stack([halves[:, 0] + halves[:, 1], halves[:, 0] - halves[:, 1]], 1).reshape(found.shape)
        found[np.abs(found) < 1e-15 * np.abs(found).max(initial=1e-300)] = 0
        row, column = np.nonzero(found)
        begin = np.searchsorted(row, np.arange(len(found) + 1)).astype(np.int64)
        words = np.stack([self.ox[rest], self.oz[rest], self.opower[rest]], 1)
        return begin, column.astype(np.int64), found[row, column], words, self.matrix[rest]

    def __call__(self, shared: Tensor, data: Tensor, dtype: torch.dtype, initial: Tensor | None = None) -> Tensor:
        """Return the outputs.

        Parameters
        ----------
        shared : tensor of shape (n_shared,)
        data : tensor of shape (n_samples, n_data)
            Both in double precision: an angle of many turns would lose its last digits in single.
        dtype : torch.dtype
            Type of the amplitudes and of the outputs.
        initial : complex tensor of shape (n_samples, 2^n_qubits), optional
            The states to begin in, by default |0…0⟩.

        Returns
        -------
        tensor of shape (n_samples, n_outputs)
        """
        if not self.compiled or data.device.type != "cpu":
            return self.differentiable(shared, data, initial, dtype)
        keep = torch.is_grad_enabled() and not torch._C._are_functorch_transforms_active()
        result: Tensor = call(_RunState, shared, data, initial, self, dtype, keep)[0]
        return result

    def differentiable(self, shared: Tensor, data: Tensor, initial: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Return the outputs, computed in plain torch."""
        psi = self.plain(shared, data, dtype, initial)
        words = []
        for x, z, power in zip(self.ox, self.oz, self.opower, strict=True):
            words.append((psi.conj() * self._apply(psi, int(x), int(z), int(power))).real.sum(-1))
        return torch.stack(words, -1) @ torch.as_tensor(self.matrix).to(psi.device, dtype)

    def _apply(self, psi: Tensor, x: int, z: int, power: int) -> Tensor:
        """Return P|psi⟩ for states (..., 2^n), bit q of the index for qubit q."""
        index = np.arange(2**self.n_qubits)
        phase = (1j**power) * (1 - 2 * (bits(z & (index ^ x)).astype(np.int64) & 1))
        moved = psi[..., torch.as_tensor(index ^ x, device=psi.device)] if x else psi
        return moved * torch.as_tensor(phase, device=psi.device).to(psi.dtype)

    def plain(self, shared: Tensor, data: Tensor, dtype: torch.dtype, initial: Tensor | None = None) -> Tensor:
        """Return the turned states in plain torch, shape (n_samples, 2^n), before the Clifford gates."""
        kind = torch.complex128 if dtype == torch.float64 else torch.complex64
        if initial is None:
            psi = torch.zeros(2**self.n_qubits, dtype=kind, device=data.device)
            psi[0] = 1
            psi = psi.expand(data.shape[0], -1)
        else:
            psi = initial.to(kind)
        for x, z, power, source, sign in zip(self.x, self.z, self.power, self.source, self.sign, strict=True):
            angle = data[:, -1 - int(source)] if source < 0 else shared[int(source)].to(data.dtype).expand(data.shape[0])
            half = (angle * float(sign) / 2)[:, None]
            psi = torch.cos(half).to(dtype) * psi - 1j * torch.sin(half).to(dtype) * self._apply(psi, int(x), int(z), int(power))
        return psi

    def finish(self, psi: Tensor, clifford: list[tuple[Word, int]]) -> Tensor:
        """Apply the Clifford gates, given as quarter turns about words, to states (n_samples, 2^n)."""
        for word, quarters in clifford:
            half = quarters * np.pi / 4
            power = (word.x & word.z).bit_count() % 4
            psi = float(np.cos(half)) * psi - 1j * float(np.sin(half)) * self._apply(psi, word.x, word.z, power)
        return psi

    def _tables(self, dtype: Any) -> tuple[Any, ...]:
        if dtype not in self.tables:
            begin, column, value, words, matrix = self.diagonal
            self.tables[dtype] = self.gates, (begin, column, value.astype(dtype), words, matrix.astype(dtype))
        return self.tables[dtype]

    def lanes(self, n_samples: int) -> int:
        """Samples a block: whole vectors of the processor, as many as the caches hold; the very few by themselves."""
        if n_samples < 4:
            return max(1, n_samples)
        return max(16, min(64, -(-n_samples // 16) * 16, 2**20 >> self.n_qubits))

    def cost(self, n_samples: int) -> float:
        """Estimate the milliseconds of a compiled step, forward and backward, see `Engine.costs`."""
        gates, lanes = self.gates[0], self.lanes(n_samples)
        pairs = np.bincount(gates[:, kernels.KIND], gates[:, kernels.SIZE] / 2, 3)  # DIAGONAL, REAL, WHOLE
        given = 2**self.n_qubits * min(self.matrix.shape[1], len(self.ox))
        a_block = 4e-5 * (pairs @ (0.7, 0.6, 1.0)) + 3e-6 * given
        a_sample = 2e-6 * (pairs @ (0.5, 0.45, 1.0)) + 0.7e-6 * given + 12e-6 * gates[:, kernels.DATA].sum() + 50e-6
        return float(0.24 + -(-n_samples // lanes) * a_block + n_samples * a_sample)

    def run(
        self, shared: Floats, data: NDArray[Any], dtype: Any, keep: bool, start: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Compiled: outputs (n_samples, n_outputs), and the states at the end (none if they were too many to keep)."""
        gates, observed = self._tables(dtype)
        lanes = self.lanes(len(data))
        n_blocks = -(-len(data) // lanes)
        keep = keep and (n_blocks == 1 or n_blocks * lanes << self.n_qubits <= KEPT)
        start = np.empty((0, 2**self.n_qubits, 2), dtype) if start is None else start
        kept = np.empty((n_blocks if keep else 0, 2**self.n_qubits, 2, lanes), dtype)
        out = np.empty((len(data), self.matrix.shape[1]), dtype)
        kernels.run_states(lanes, *gates, shared, data, *observed, start, kept, out)
        return out, kept

    def run_back(
        self, shared: Floats, data: NDArray[Any], kept: NDArray[Any], grad: NDArray[Any], with_data: bool,
        start: NDArray[Any] | None = None,
    ) -> tuple[Floats, NDArray[Any], NDArray[Any]]:  # fmt: skip
        """Compiled: derivatives to shared angles, to those of each sample and to the states to begin in."""
        gates, observed = self._tables(grad.dtype.type)
        turns = gates[2]
        wanted = [with_data or start is not None or bool((turns[a:b, 1] >= 0).any()) for a, b in pairwise(gates[1])]
        stop = wanted.index(True) if True in wanted else len(wanted)
        grad_w, grad_d = np.zeros(len(shared)), np.zeros(data.shape, grad.dtype)
        grad_s = np.empty((0 if start is None else len(data), 2**self.n_qubits, 2), grad.dtype)
        lanes = self.lanes(len(data))
        whole = len(kept) > 0 or not len(data)
        size = max(1, len(data)) if whole else max(1, (KEPT >> self.n_qubits) // lanes) * lanes
        for begin in range(0, len(data), size):
            part = slice(begin, begin + size)
            begin_in = None if start is None else start[part]
            states = kept if whole else self.run(shared, data[part], grad.dtype.type, True, begin_in)[1]
            kernels.run_states_back(
                states.shape[-1],
                *gates,
                shared,
                data[part],
                *observed,
                states,
                grad[part],
                stop,
                grad_w,
                grad_d[part],
                grad_s[part],
            )
        return grad_w, grad_d, grad_s


class StateNetwork:
    """Everything from inputs and weights to outputs by state vectors, see `functions.Direct`.

    Parameters
    ----------
    states : States
    data, shared : CompiledAngles
        Angles of each sample, and those that are the same for all.
    scalar : bool
        Leave the last dimension of the outputs out.
    """

    def __init__(self, states: States, data: CompiledAngles, shared: CompiledAngles, scalar: bool) -> None:
        self.states, self.data, self.shared, self.scalar = states, data, shared, scalar
        self._no_inputs = np.zeros((1, data.n_inputs))

    def run(self, inputs: NDArray[Any], weights: Floats, keep: bool) -> tuple[NDArray[Any], Any]:
        """Return outputs (n_samples, n_outputs) and what the way back needs."""
        theta, common = self.data.run(inputs, weights), self.shared.run(self._no_inputs, weights)[0]
        out, kept = self.states.run(common, theta, inputs.dtype.type, keep)
        return out, (common, theta, kept)

    def back(
        self, inputs: NDArray[Any], weights: Floats, kept: Any, grad: NDArray[Any], with_inputs: bool
    ) -> tuple[NDArray[Any], Floats]:
        """Return derivatives to inputs and weights."""
        with_data = with_inputs or self.data.reads_weights
        common, theta, states = kept
        back_w, back_d, _ = self.states.run_back(common, theta, states, grad, with_data)
        grad_w = np.zeros(len(weights))
        self.shared.back(self._no_inputs, weights, back_w[None], False, grad_w)
        if not with_data:
            return np.empty((0, inputs.shape[1]), inputs.dtype), grad_w
        return self.data.back(inputs, weights, back_d, with_inputs, grad_w), grad_w

    def differentiable(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Compute the same in plain torch."""
        vector = weights.reshape(-1).double()
        data = self.data.map.batch(inputs.double(), vector)
        found = self.states.differentiable(self.shared.map.shared(vector), data, None, inputs.dtype)
        return found[:, 0] if self.scalar else found


def _arrays(shared: Tensor, data: Tensor) -> tuple[Floats, NDArray[Any]]:
    return shared.detach().numpy(), data.detach().contiguous().numpy()


def _start(initial: Tensor | None, dtype: Any) -> NDArray[Any] | None:
    """Return states as real and imaginary parts, shape (n_samples, 2^n_qubits, 2)."""
    if initial is None:
        return None
    found: NDArray[Any] = torch.view_as_real(initial.detach().resolve_conj()).contiguous().numpy().astype(dtype, copy=False)
    return found


def _complex(start: NDArray[Any], like: Tensor) -> Tensor:
    if not len(start):
        return torch.zeros_like(like)
    return torch.view_as_complex(torch.from_numpy(start)).to(like.dtype)


class _RunState(Function):
    """Outputs, and the states at the end where they are kept for the way back."""

    jvp = staticmethod(differentiable_once)

    @staticmethod
    def forward(
        shared: Tensor, data: Tensor, initial: Tensor | None, owner: States, dtype: torch.dtype, keep: bool
    ) -> tuple[Tensor, Tensor]:
        kind = KINDS[dtype]
        out, kept = owner.run(*_arrays(shared, data), kind, keep, _start(initial, kind))
        return torch.from_numpy(out), torch.from_numpy(kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[:3], output[1])
        ctx.owner, ctx.dtype = inputs[3], inputs[4]

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any) -> Any:
        shared, data, initial, kept = ctx.saved_tensors
        if again(grad):
            tensors = (shared, data) if initial is None else (shared, data, initial)
            found = plainly(lambda w, d, i=None: ctx.owner.differentiable(w, d, i, ctx.dtype), tensors, grad)
            return *found, *(None,) * (6 - len(found))
        back = call_back(_RunStateBack, shared, data, initial, kept, grad, ctx.owner, ctx.needs_input_grad[1])
        return *back[:2], None if initial is None else back[2], None, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, shared: Tensor, data: Tensor, initial: Tensor | None, owner: States, dtype: Any, keep: bool
    ) -> Any:
        data = mapped(data, in_dims[1], info.batch_size)
        initial = None if initial is None else mapped(initial, in_dims[2], info.batch_size)
        if in_dims[0] is None:
            begin = None if initial is None else initial.flatten(0, 1)
            out, kept = _RunState.apply(shared, data.flatten(0, 1), begin, owner, dtype, False)
            return (out.reshape(*data.shape[:2], -1), kept), (0, None)
        begins = [None] * info.batch_size if initial is None else initial
        listed = zip(shared.movedim(in_dims[0], 0), data, begins, strict=True)
        parts = [_RunState.apply(*one, owner, dtype, False) for one in listed]
        return (torch.stack([out for out, _ in parts]), parts[0][1]), (0, None)


class _RunStateBack(Back):
    @staticmethod
    def forward(
        shared: Tensor, data: Tensor, initial: Tensor | None, kept: Tensor, grad: Tensor, owner: States, with_data: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        g = grad.detach().contiguous().numpy()
        back = owner.run_back(*_arrays(shared, data), kept.detach().numpy(), g, with_data, _start(initial, g.dtype))
        begin = torch.from_numpy(back[2]) if initial is None else _complex(back[2], initial)
        return torch.from_numpy(back[0]).to(shared.dtype), torch.from_numpy(back[1]).to(data.dtype), begin

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, shared: Tensor, data: Tensor, initial: Tensor | None, kept: Tensor, grad: Tensor,
        owner: States, with_data: bool,
    ) -> Any:  # fmt: skip
        size = info.batch_size
        given = zip((shared, data, initial, kept, grad), in_dims, strict=False)
        listed = zip(*([None] * size if one is None else mapped(one, dim, size) for one, dim in given), strict=True)
        parts = [_RunStateBack.apply(*one, owner, with_data) for one in listed]
        return tuple(torch.stack(part) for part in zip(*parts, strict=True)), (0, 0, 0)

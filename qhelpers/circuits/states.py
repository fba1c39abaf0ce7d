"""Expectation values by state vectors as differentiable torch functions: compiled where numba is there, else plain torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from qhelpers.circuits.frame import Frame, Turn, Word, bits
from qhelpers.circuits.functions import COMPILED, Back, again, call, call_back, differentiable_once, mapped, plainly

if COMPILED:
    from qhelpers.circuits import kernels

Floats = NDArray[np.float64]


class States:
    """Expectation values by state vectors: (shared angles, angles of each sample, initial states) → outputs.

    Parameters
    ----------
    frame : Frame
        Its rotations run in order, prefix first.
    matrix : array of shape (n_words, n_outputs)
    data : dict of int to int
        Place of an angle → column among the angles of each sample; all others are shared.
    shared : dict of int to int
        Place of an angle → place among the shared angles.
    compiled : bool
    """

    def __init__(self, frame: Frame, matrix: Floats, data: dict[int, int], shared: dict[int, int], compiled: bool) -> None:
        turns = [event for prefix in frame.prefix for event in prefix] + list(frame.events)
        self.turns = [event for event in turns if isinstance(event, Turn)]
        self.n_qubits, self.compiled = frame.n_qubits, compiled
        self.source = np.array([-1 - data[t.angle] if t.angle in data else shared[t.angle] for t in self.turns], np.int64)
        self.sign = np.array([t.sign for t in self.turns], np.float64)
        self.x, self.z = (np.array([getattr(t.word, mask) for t in self.turns], np.int64) for mask in "xz")
        self.ox, self.oz = (np.array([getattr(word, mask) for word in frame.words], np.int64) for mask in "xz")
        self.power, self.opower = (bits(x & z).astype(np.int64) % 4 for x, z in ((self.x, self.z), (self.ox, self.oz)))
        self.matrix = np.ascontiguousarray(matrix * np.array([word.sign for word in frame.words], float)[:, None])
        # One angle a rotation, signed, so that a shared weight that turns twice is two columns of the compiled loop.
        self.columns_d = np.array([-1 - s for s in self.source if s < 0], np.int64)
        self.columns_w = np.array([s for s in self.source if s >= 0], np.int64)
        self.sign_d, self.sign_w = self.sign[self.source < 0], self.sign[self.source >= 0]
        counts = np.cumsum(self.source < 0) - 1, np.cumsum(self.source >= 0) - 1
        self.places = np.where(self.source < 0, -1 - counts[0], counts[1]).astype(np.int64)

    def __call__(self, shared: Tensor, data: Tensor, dtype: torch.dtype, initial: Tensor | None = None) -> Tensor:
        """Return the outputs.

        Parameters
        ----------
        shared : tensor of shape (n_shared,)
        data : tensor of shape (n_samples, n_data)
            Both in double precision: an angle of many turns would lose its last digits in single.
        dtype : torch.dtype
            Type of the amplitudes and of the outputs.
        initial : complex tensor of shape (n_samples, 2^n), optional
            The states to begin with, bit q of the index for qubit q; by default |0…0⟩.

        Returns
        -------
        tensor of shape (n_samples, n_outputs)
        """
        if self.compiled and data.device.type == "cpu":
            result: Tensor = call(_RunState, shared, data, initial, self, dtype)
            return result
        return self.differentiable(shared, data, initial, dtype)

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
            initial = torch.zeros(2**self.n_qubits, dtype=kind, device=data.device)
            initial[0] = 1
        psi = initial.to(kind).expand(data.shape[0], -1)
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

    def halves(self, shared: Floats, data: Floats, dtype: Any) -> tuple[Any, ...]:
        """Return cos and sin of half the signed angles, one a rotation."""
        w = shared[self.columns_w] * (self.sign_w / 2)
        d = data[:, self.columns_d] * (self.sign_d / 2)
        return tuple(np.ascontiguousarray(turned(half), dtype) for half in (w, d) for turned in (np.cos, np.sin))

    def run(self, shared: Floats, data: Floats, initial: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Compiled: outputs (n_samples, n_outputs)."""
        out = np.empty((len(data), self.matrix.shape[1]), dtype)
        axes = self.n_qubits, self.x, self.z, self.power, self.places
        observed = self.ox, self.oz, self.opower, self.matrix.astype(dtype)
        kernels.run_state(*axes, initial, *self.halves(shared, data, dtype), *observed, out)
        return out

    def run_back(
        self, shared: Floats, data: Floats, initial: NDArray[Any], grad: NDArray[Any]
    ) -> tuple[Floats, Floats, NDArray[Any]]:
        """Compiled: derivatives to shared angles, to those of each sample and to the initial states."""
        grad_w, grad_d = np.zeros(len(self.columns_w)), np.zeros((len(data), len(self.columns_d)), grad.dtype)
        axes = self.n_qubits, self.x, self.z, self.power, self.places
        observed = self.ox, self.oz, self.opower, self.matrix.astype(grad.dtype)
        back_i = np.empty_like(initial)
        kernels.run_state_back(*axes, initial, *self.halves(shared, data, grad.dtype), *observed, grad, grad_w, grad_d, back_i)
        back_w, back_d = np.zeros(len(shared)), np.zeros(data.shape)
        np.add.at(back_w, self.columns_w, grad_w * self.sign_w)
        for place, column in enumerate(self.columns_d):
            back_d[:, column] += grad_d[:, place] * self.sign_d[place]
        return back_w, back_d, back_i


def _begin(initial: Tensor | None, dtype: torch.dtype) -> NDArray[Any]:
    """Return initial states as the compiled loops take them: none of them for |0…0⟩."""
    kind = np.complex128 if dtype == torch.float64 else np.complex64
    return np.empty((0, 0), kind) if initial is None else np.ascontiguousarray(initial.detach().resolve_conj().numpy(), kind)


class _RunState(Function):
    jvp = staticmethod(differentiable_once)

    @staticmethod
    def forward(shared: Tensor, data: Tensor, initial: Tensor | None, owner: States, dtype: torch.dtype) -> Tensor:
        kind = np.float64 if dtype == torch.float64 else np.float32
        begin = _begin(initial, dtype)
        return torch.from_numpy(owner.run(shared.detach().numpy(), data.detach().contiguous().numpy(), begin, kind))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])
        ctx.owner, ctx.dtype = inputs[3], inputs[4]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        shared, data, initial = ctx.saved_tensors
        if again(grad):
            tensors = (shared, data) if initial is None else (shared, data, initial)
            back = plainly(lambda w, d, i=None: ctx.owner.differentiable(w, d, i, ctx.dtype), tensors, grad)
            return *back, *(None,) * (5 - len(back))
        back = call_back(_RunStateBack, shared, data, initial, grad, ctx.owner)
        return *back[:2], None if initial is None else back[2], None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, shared: Tensor, data: Tensor, initial: Tensor | None, owner: States, dtype: torch.dtype
    ) -> Any:
        data = mapped(data, in_dims[1], info.batch_size)
        initial = None if initial is None else mapped(initial, in_dims[2], info.batch_size)
        if in_dims[0] is None:
            begin = None if initial is None else initial.flatten(0, 1)
            return _RunState.apply(shared, data.flatten(0, 1), begin, owner, dtype).reshape(*data.shape[:2], -1), 0
        begins = [None] * info.batch_size if initial is None else initial
        listed = zip(shared.movedim(in_dims[0], 0), data, begins, strict=True)
        return torch.stack([_RunState.apply(*one, owner, dtype) for one in listed]), 0


class _RunStateBack(Back):
    @staticmethod
    def forward(
        shared: Tensor, data: Tensor, initial: Tensor | None, grad: Tensor, owner: States
    ) -> tuple[Tensor, Tensor, Tensor]:
        begin = _begin(initial, grad.dtype)
        arrays = shared.detach().numpy(), data.detach().contiguous().numpy(), begin, grad.detach().contiguous().numpy()
        back_w, back_d, back_i = (torch.from_numpy(one) for one in owner.run_back(*arrays))
        return back_w.to(shared.dtype), back_d, back_i if initial is None else back_i.to(initial.dtype)

    @staticmethod
    def vmap(info: Any, in_dims: Any, shared: Tensor, data: Tensor, initial: Tensor | None, grad: Tensor, owner: States) -> Any:
        size = info.batch_size
        given = zip((shared, data, initial, grad), in_dims, strict=False)
        listed = zip(*([None] * size if one is None else mapped(one, dim, size) for one, dim in given), strict=True)
        parts = [_RunStateBack.apply(*one, owner) for one in listed]
        return tuple(torch.stack(part) for part in zip(*parts, strict=True)), (0, 0, 0)

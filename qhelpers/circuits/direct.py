"""A step from inputs and weights to outputs by compiled loops alone: what a small step costs is mostly calls, not numbers."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from qhelpers.circuits.functions import (
    COMPILED,
    KINDS,
    Back,
    Coefficients,
    Floats,
    Terms,
    again,
    call,
    check_finite,
    differentiable_once,
    indices,
    mapped,
    plainly,
    sum_products,
)

if COMPILED:
    from qhelpers.circuits import kernels


class Direct(Protocol):
    """A way from inputs and weights to outputs by compiled loops alone, without torch."""

    #: Leave the last dimension of the outputs out.
    scalar: bool

    def run(self, inputs: NDArray[Any], weights: Floats, keep: bool) -> tuple[NDArray[Any], Any]:
        """Return outputs (n_samples, n_outputs), and if asked what the way back needs."""

    def back(
        self, inputs: NDArray[Any], weights: Floats, kept: Any, grad: NDArray[Any], with_inputs: bool
    ) -> tuple[NDArray[Any], Floats]:
        """Return derivatives to inputs (no rows if not asked for) and weights."""

    def differentiable(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Compute the outputs in plain torch."""


class Threads:
    """A `Direct` way whose samples are divided among threads.

    Parameters
    ----------
    owner : Direct
    n_threads : int
    """

    def __init__(self, owner: Direct, n_threads: int) -> None:
        self.owner, self.n_threads, self.scalar = owner, n_threads, owner.scalar
        self.differentiable = owner.differentiable

    def _parts(self, n_samples: int) -> list[slice]:
        size = -(-n_samples // (64 * self.n_threads)) * 64  # whole blocks
        return [slice(begin, begin + size) for begin in range(0, n_samples, size)]

    def run(self, inputs: NDArray[Any], weights: Floats, keep: bool) -> tuple[NDArray[Any], Any]:
        """Return outputs and what the way back needs, of each part."""
        parts = self._parts(len(inputs))
        with ThreadPoolExecutor(self.n_threads) as pool:  # made anew: threads do not outlive a fork
            found = list(pool.map(lambda part: self.owner.run(inputs[part], weights, keep), parts))
        return np.concatenate([out for out, _ in found]), [kept for _, kept in found]

    def back(
        self, inputs: NDArray[Any], weights: Floats, kept: Any, grad: NDArray[Any], with_inputs: bool
    ) -> tuple[NDArray[Any], Floats]:
        """Return derivatives to inputs and weights."""

        def one(part: slice, kept: Any) -> tuple[NDArray[Any], Floats]:
            return self.owner.back(inputs[part], weights, kept, grad[part], with_inputs)

        with ThreadPoolExecutor(self.n_threads) as pool:
            found = list(pool.map(one, self._parts(len(inputs)), kept))
        return np.concatenate([x for x, _ in found]), np.sum([w for _, w in found], axis=0)


def run_direct(inputs: Tensor, weights: Tensor, owner: Direct) -> Tensor:
    """Return the outputs, shape (n_samples, n_outputs) or (n_samples,); weights in any shape."""
    if torch.is_grad_enabled():
        result: Tensor = call(_RunDirect, inputs, weights, owner)
        return result
    out = owner.run(inputs.detach().numpy(), as_doubles(weights), False)[0]
    return torch.from_numpy(out.reshape(-1) if owner.scalar else out)


def as_doubles(weights: Tensor) -> Floats:
    """Return weights of any shape as one vector of doubles."""
    found: Floats = weights.detach().numpy().reshape(-1).astype(np.float64)
    return found


def like(values: Floats, weights: Tensor) -> NDArray[Any]:
    """Return derivatives in the shape and type of weights."""
    found: NDArray[Any] = values.reshape(weights.shape).astype(KINDS[weights.dtype], copy=False)
    return found


class _RunDirect(Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weights: Tensor, owner: Direct) -> Tensor:
        x, w = inputs.detach().numpy(), as_doubles(weights)
        out, kept = owner.run(x, w, True)
        ctx.save_for_backward(inputs, weights)
        ctx.owner, ctx.kept = owner, (x, w, kept)
        return torch.from_numpy(out.reshape(-1) if owner.scalar else out)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if again(grad) or torch._C._are_functorch_transforms_active():
            return *plainly(ctx.owner.differentiable, ctx.saved_tensors, grad), None
        _, weights = ctx.saved_tensors  # raises where one was changed in place since
        g = grad.detach().contiguous().numpy()
        back_x, back_w = ctx.owner.back(*ctx.kept, g[:, None] if g.ndim == 1 else g, ctx.needs_input_grad[0])
        found_x = torch.from_numpy(back_x) if ctx.needs_input_grad[0] else None
        found_w = torch.from_numpy(like(back_w, weights)) if ctx.needs_input_grad[1] else None
        return found_x, found_w, None


def _is_mapped_or_differentiated(tensor: Tensor) -> bool:
    """Whether a transform of torch.func, or somebody outside, maps over a tensor or asks for derivatives to it."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):  # grad wraps everything that it is given
        if tensor.requires_grad or functorch.is_batchedtensor(tensor):
            return True
        tensor = functorch.get_unwrapped(tensor)
    return tensor.requires_grad


class Network:
    """Coefficients, features and the sum of terms in one function.

    Parameters
    ----------
    run : Coefficients
    terms : Terms
    angles : CompiledAngles
        Of the encoded qubits.
    features : Features
        The same in torch: sines, with the signs in `sign`, and cosines of the angles.
    scalar : bool
        Leave the last dimension of the outputs out.
    """

    def __init__(self, run: Coefficients, terms: Terms, angles: Any, features: Any, scalar: bool) -> None:
        self.coefficients, self.terms, self.angles, self.features, self.scalar = run, terms, angles, features, scalar
        program, self.sign = run.program, features.sign
        self._program = (*run.arrays, run.damp, program.initial, program.slots)
        self._terms = indices(terms)
        n = len(self.sign)
        self._as_they_are = np.arange(n + 1), np.arange(n), np.ones(n), np.zeros(n)

    def run(self, inputs: NDArray[Any], weights: Floats, keep: bool) -> tuple[NDArray[Any], Any]:
        """Return outputs (n_samples, n_outputs) and what the way back needs."""
        program, run = self.coefficients.program, self.coefficients
        n_samples, n_outputs, dtype = len(inputs), program.initial.shape[1], inputs.dtype
        features = np.empty((n_samples, 2 * len(self.sign)), dtype)
        cos, sin = np.empty((2, 1, len(program.kind)))
        tape = np.empty((int(keep), 2 * len(program.first), n_outputs))
        coefficients = np.empty((n_outputs, program.n_terms), dtype)
        out = np.empty((n_samples, n_outputs), dtype)
        angles, x = self.angles.affine, inputs
        if angles is None:
            angles, x = self._as_they_are, self.angles.run(inputs, weights)
        total = kernels.run_network(
            *angles, x, self.sign, weights, run.rates, run.offset, *self._program, *self._terms, features, cos,
            sin, tape, coefficients, out,
        )  # fmt: skip
        if not math.isfinite(total):
            check_finite(torch.from_numpy(inputs))
        return out, (features, cos, sin, tape, coefficients)

    def back(
        self, inputs: NDArray[Any], weights: Floats, kept: Any, grad: NDArray[Any], with_inputs: bool
    ) -> tuple[NDArray[Any], Floats]:
        """Return derivatives to inputs and weights."""
        with_theta = with_inputs or self.angles.reads_weights
        theta = np.empty((len(inputs) if with_theta else 0, len(self.sign)), grad.dtype)
        grad_w = np.zeros(len(weights))
        kernels.run_network_back(
            self.sign, self.coefficients.rates, *self._program, *self._terms, *kept, grad, with_theta, theta, grad_w
        )
        if not with_theta:
            return theta, grad_w
        return self.angles.back(inputs, weights, theta, with_inputs, grad_w), grad_w

    def differentiable(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Compute the same in plain torch."""
        vector = weights.reshape(-1)
        found = sum_products(self.features(inputs, vector), self.coefficients._plain(vector.double()), self.terms)
        return found[:, 0] if self.scalar else found

    def mapped(self, inputs: Tensor, weights: Tensor) -> Tensor | None:
        """Compute the same under vmap and grad, or return None where more than the weights is mapped or differentiated."""
        if self.angles.reads_weights or _is_mapped_or_differentiated(inputs):
            return None
        found: Tensor = _MapNetwork.apply(weights, inputs, self, 0)
        return found

    def many(self, weights: Tensor, inputs: Tensor, n_maps: int, keep: bool) -> tuple[Any, ...]:
        """Return weights of several seeds as rows, features, coefficients (n_seeds n_outputs, n_terms), and the tape.

        Parameters
        ----------
        weights : tensor
            The first `n_maps` dimensions are seeds.
        inputs : tensor of shape (n_samples, n_inputs)
        n_maps : int
        keep : bool
            Whether the tape is asked for.
        """
        rows = weights.detach().double().reshape(int(np.prod(weights.shape[:n_maps])), -1).numpy()
        coefficients, tape = self.coefficients.run(rows, keep)
        features = self.features(inputs.detach(), inputs.new_zeros(0)).numpy()
        return rows, features, coefficients.reshape(-1, coefficients.shape[-1]).astype(features.dtype), tape


class _MapNetwork(Function):
    """`Network` under vmap and grad: seeds are further outputs of one sum of terms."""

    jvp = staticmethod(differentiable_once)

    @staticmethod
    def forward(weights: Tensor, inputs: Tensor, owner: Network, n_maps: int) -> Tensor:
        _, features, coefficients, _ = owner.many(weights, inputs, n_maps, keep=False)
        out = np.empty((len(features), len(coefficients)), features.dtype)
        kernels.sum_terms(features, coefficients, *indices(owner.terms), out)
        found = torch.from_numpy(out).T.reshape(*weights.shape[:n_maps], -1, len(features)).transpose(-1, -2)
        return found[..., 0] if owner.scalar else found

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])
        ctx.owner, ctx.n_maps = inputs[2], inputs[3]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return _MapNetworkBack.apply(grad, *ctx.saved_tensors, ctx.owner, ctx.n_maps), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, weights: Tensor, inputs: Tensor, owner: Network, n_maps: int) -> Any:
        return _MapNetwork.apply(weights.movedim(in_dims[0], 0), inputs, owner, n_maps + 1), 0


class _MapNetworkBack(Back):
    @staticmethod
    def forward(grad: Tensor, weights: Tensor, inputs: Tensor, owner: Network, n_maps: int) -> Tensor:
        rows, features, coefficients, tape = owner.many(weights, inputs, n_maps, keep=True)
        n_outputs = len(coefficients) // len(rows)
        columns = grad.detach().numpy().reshape(len(rows), len(features), n_outputs)
        g = np.ascontiguousarray(np.moveaxis(columns, 0, 1)).reshape(len(features), len(coefficients))
        grad_c, nothing = np.empty(coefficients.shape), np.empty((0, features.shape[1]), features.dtype)
        kernels.sum_terms_back(features, coefficients, *indices(owner.terms), g, False, grad_c, nothing)
        back = owner.coefficients.run_back(grad_c.reshape(len(rows), n_outputs, -1), rows, tape)
        return torch.from_numpy(back.reshape(weights.shape)).to(weights.dtype)

    @staticmethod
    def vmap(info: Any, in_dims: Any, grad: Tensor, weights: Tensor, inputs: Tensor, owner: Network, n_maps: int) -> Any:
        g, w = (mapped(value, dim, info.batch_size) for value, dim in ((grad, in_dims[0]), (weights, in_dims[1])))
        return _MapNetworkBack.apply(g.contiguous(), w.contiguous(), inputs, owner, n_maps + 1), 0

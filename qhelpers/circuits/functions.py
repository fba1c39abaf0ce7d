"""The engine's computations as differentiable torch functions: compiled where numba is there, plain torch everywhere.

Coefficients of terms from weights (a `Program` run), and the sum of terms over samples; state vectors are in states.py, whole
steps without torch in direct.py. Each
has a compiled form behind `torch.autograd.Function` (CPU; first derivatives, also under torch.func.vmap and torch.func.grad) and
a form in plain torch (any device, differentiable as often as wished), which takes over where further derivatives are asked for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from qhelpers.circuits.frame import Ints
from qhelpers.circuits.propagation import DAMP, LOWER, TURN, Program

#: Whether the compiled kernels can be used.
COMPILED = importlib.util.find_spec("numba") is not None
if COMPILED:
    from qhelpers.circuits import kernels

Floats = NDArray[np.float64]
#: NumPy's types of torch's.
KINDS: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64, torch.float16: np.float16}
#: Tensors of several gradients at once carry it (``is_grads_batched``).
_BATCHED: Any = torch._C._parse_dispatch_key("Batched")


def differentiable_once(ctx: Any, *grad: Any) -> Any:
    raise RuntimeError(
        "the compiled path has first derivatives in reverse mode only; for this derivative build the layer with compiled=False "
        "(plain torch)"
    )


def plainly(compute: Callable[..., Tensor], tensors: tuple[Tensor, ...], grad: Tensor) -> tuple[Tensor | None, ...]:
    """Return derivatives that can be differentiated again, by computing in plain torch what was computed by compiled loops."""
    with torch.enable_grad():
        apart = [one.view_as(one) for one in tensors]  # one may be made of another, which is not asked for here
        found = compute(*apart)
        wanted = [one for one in apart if one.requires_grad]
        rates = iter(torch.autograd.grad(found, wanted, grad.to(found), create_graph=torch.is_grad_enabled(), allow_unused=True))
    return tuple(next(rates) if one.requires_grad else None for one in tensors)


def again(grad: Tensor) -> bool:
    """Whether on the way back somebody differentiates once more, or maps over the gradients in the old way."""
    if torch.is_grad_enabled() and not torch._C._are_functorch_transforms_active():
        return True
    return bool(torch._C._dispatch_keys(grad).has(_BATCHED))


def needs_plain() -> bool:
    """Whether derivatives are asked for that compiled loops have not: forward mode, nested transforms."""
    if torch.autograd.forward_ad._current_level >= 0:
        return True
    if not torch._C._are_functorch_transforms_active():
        return False
    kinds = [one.key() for one in torch._C._functorch.get_interpreter_stack()]
    transform = torch._C._functorch.TransformType
    return transform.Jvp in kinds or kinds.count(transform.Grad) > 1


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Leave every mode of torch: inference, no gradients, lower precision, another device."""
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
        torch.device("cpu"),
    ):
        yield


def outside_transforms(build: Callable[[], Any]) -> Any:
    """Build something that is kept, of plain tensors, whatever mode or transform of torch the first call comes in."""
    if not torch._C._are_functorch_transforms_active():
        with _apart():
            return build()

    def elsewhere() -> Any:  # transforms are a thread's own
        with _apart():
            return build()

    with ThreadPoolExecutor(1) as other:
        return other.submit(elsewhere).result()


def call(function: type[Function], *arguments: Any) -> Any:
    """Apply a function without torch's inspection of its signature at every call, which would take half of a step."""
    if torch._C._are_functorch_transforms_active():
        return function.apply(*arguments)
    return super(Function, function).apply(*arguments)  # type: ignore[misc]


def call_back(function: Any, *arguments: Any) -> Any:
    """Compute on the way back: at once, or as a function of its own where somebody differentiates or maps over it."""
    if torch.is_grad_enabled() or torch._C._are_functorch_transforms_active():
        return function.apply(*arguments)
    return function.forward(*arguments)


def mapped(value: Tensor, dim: int | None, size: int) -> Tensor:
    """Return a tensor with the mapped dimension first, made where it is not mapped."""
    return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)


class Back(Function):
    """The way back of a compiled function: computed under vmap and grad, not differentiated once more."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    backward = staticmethod(differentiable_once)


@dataclass
class Affine:
    """Angles as an affine function of a vector: ``offset + vector @ rates.T``; shapes (n_angles,) and (n_angles, n)."""

    rates: Floats
    offset: Floats


class Coefficients:
    """Coefficients of a program's terms as a function of a vector (weights, or angles): (..., n) → (..., n_outputs, n_terms).

    Always in double precision: it is small, and its errors would be seen in every sample.

    Parameters
    ----------
    program : Program
    affine : Affine
        Angles by place (as in `Program.angle`) from the vector.
    damp : array of shape (5,)
        Factors of I, X, Y, Z under the channel and what Z gives to the identity.
    compiled : bool
    """

    def __init__(self, program: Program, affine: Affine, damp: Floats, compiled: bool) -> None:
        turns = np.maximum(program.angle, 0)
        self.program, self.damp, self.compiled = program, np.ascontiguousarray(damp, np.float64), compiled
        scale = np.where(program.kind == TURN, program.sign, 0.0)
        self.rates = np.ascontiguousarray(affine.rates[turns] * scale[:, None])
        self.offset = np.ascontiguousarray(affine.offset[turns] * scale)
        self.arrays = (program.kind, program.start, program.first, program.second, program.factor)

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the coefficients, double precision, shape (..., n_outputs, n_terms)."""
        if self.compiled and vector.device.type == "cpu":
            coefficients: Tensor = call(_RunProgram, vector.double(), self, torch.is_grad_enabled())[0]
            return coefficients
        return self._plain(vector.double())

    def run(self, vector: Floats, keep: bool) -> tuple[Floats, Floats]:
        """Run the compiled program on rows of vectors (n_rows, n); return coefficients and the tape."""
        angles = vector @ self.rates.T + self.offset
        program = self.program
        n_slots, n_outputs = program.initial.shape
        out = np.empty((len(vector), n_outputs, program.n_terms))
        tape = np.empty((len(vector) if keep else 0, 2 * len(program.first), n_outputs))
        work = np.empty((n_slots, n_outputs))
        kernels.run_program(
            *self.arrays, np.cos(angles), np.sin(angles), self.damp, program.initial, program.slots, work, tape, out
        )
        return out, tape

    def run_back(self, grad: Floats, vector: Floats, tape: Floats) -> Floats:
        """Return the derivatives to rows of vectors."""
        angles = vector @ self.rates.T + self.offset
        program = self.program
        found = np.zeros((len(vector), len(program.kind)))
        work = np.empty(program.initial.shape)
        cos, sin = np.cos(angles), np.sin(angles)
        kernels.run_program_back(*self.arrays, cos, sin, self.damp, program.slots, grad, tape, work, found)
        result: Floats = found @ self.rates
        return result

    def _plain(self, vector: Tensor) -> Tensor:
        program = self.program
        angles = vector @ torch.as_tensor(self.rates).to(vector).T + torch.as_tensor(self.offset).to(vector)
        c = torch.as_tensor(program.initial).to(vector).expand(*vector.shape[:-1], *program.initial.shape)
        for i, kind in enumerate(program.kind):
            part = slice(program.start[i], program.start[i + 1])
            a = torch.as_tensor(program.first[part], device=vector.device)
            if kind == DAMP:
                factor = torch.as_tensor(self.damp[program.second[part]]).to(vector)[:, None]
                c = c.index_copy(-2, a, c.index_select(-2, a) * factor)
                continue
            b = torch.as_tensor(program.second[part], device=vector.device)
            sign = torch.as_tensor(program.factor[part]).to(vector)[:, None]
            p, q = c.index_select(-2, a), c.index_select(-2, b)
            if kind == LOWER:
                c = c.index_add(-2, b, self.damp[4] * sign * p)
            else:
                cos, sin = torch.cos(angles[..., i])[..., None, None], torch.sin(angles[..., i])[..., None, None]
                c = c.index_copy(-2, torch.cat([a, b]), torch.cat([cos * p - sign * sin * q, cos * q + sign * sin * p], -2))
        return c.index_select(-2, torch.as_tensor(program.slots, device=vector.device)).transpose(-1, -2)


def _rows(vector: Tensor) -> NDArray[Any]:
    """Return a tensor (..., n) as rows, also where n is 0."""
    rows: NDArray[Any] = vector.detach().reshape(int(np.prod(vector.shape[:-1])), vector.shape[-1]).numpy()
    return rows


class _RunProgram(Function):
    @staticmethod
    def forward(vector: Tensor, owner: Coefficients, keep: bool) -> tuple[Tensor, Tensor]:
        rows = _rows(vector)
        out, tape = owner.run(rows, keep)
        return (
            torch.from_numpy(out.reshape(*vector.shape[:-1], *out.shape[1:])),
            torch.from_numpy(tape.reshape(*(vector.shape[:-1] if keep else (0,)), *tape.shape[1:])),
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.owner = inputs[1]
        ctx.keep = inputs[2]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], output[1])

    jvp = staticmethod(differentiable_once)

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any) -> Any:
        vector, tape = ctx.saved_tensors
        if again(grad):
            return *plainly(ctx.owner._plain, (vector,), grad), None, None
        return call_back(_RunProgramBack, grad, vector, tape, ctx.owner, ctx.keep), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, vector: Tensor, owner: Coefficients, keep: bool) -> Any:
        moved = vector.movedim(in_dims[0], 0)
        out, tape = _RunProgram.apply(moved, owner, keep)
        return (out, tape), (0, 0 if keep else None)


class _RunProgramBack(Back):
    @staticmethod
    def forward(grad: Tensor, vector: Tensor, tape: Tensor, owner: Coefficients, keep: bool) -> Tensor:
        rows = _rows(vector)
        kept = tape.detach().numpy().reshape(len(rows), *tape.shape[-2:]) if keep else owner.run(rows, True)[1]
        flat = np.ascontiguousarray(grad.detach().numpy().reshape(len(rows), *grad.shape[-2:]), np.float64)
        return torch.from_numpy(owner.run_back(flat, rows, kept).reshape(vector.shape))

    @staticmethod
    def vmap(info: Any, in_dims: Any, grad: Tensor, vector: Tensor, tape: Tensor, owner: Coefficients, keep: bool) -> Any:
        grad, vector = (mapped(value, dim, info.batch_size) for value, dim in ((grad, in_dims[0]), (vector, in_dims[1])))
        tape = mapped(tape, in_dims[2], info.batch_size) if keep else tape
        return _RunProgramBack.apply(grad.contiguous(), vector.contiguous(), tape.contiguous(), owner, keep), 0


@dataclass
class Terms:
    """Which products of features the terms are: a left product times a right product, each a tree of single factors.

    Attributes
    ----------
    left, right : (parents, columns)
        Each product is its parent times a feature's column; product 0 is 1.
    group : array of shape (n_left + 1,)
        Where the terms of a left product begin; terms are sorted by left product.
    place : array of shape (n_terms,)
        The right product of each term.
    order : array of shape (n_terms,)
        The program's term that stands at each place.
    columns : (list, list)
        For each qubit of the left and of the right half: the columns of the features that are its factors.
    """

    left: tuple[Ints, Ints]
    right: tuple[Ints, Ints]
    group: Ints
    place: Ints
    order: Ints
    columns: tuple[list[list[int]], list[list[int]]]


def terms_of(letters: NDArray[np.int64], column: Callable[[int, int], int]) -> Terms:
    """Arrange terms.

    Parameters
    ----------
    letters : array of shape (n_terms, n_qubits)
        0 for no factor, or 1, 2, 3 for the component (X, Z, Y) of a qubit's Bloch vector; all rows different.
    column : callable
        (qubit, letter) → column of the features.
    """
    parts = [(q, sorted(set(letters[:, q].tolist()) - {0})) for q in range(letters.shape[1])]
    parts = [(q, found) for q, found in parts if found]
    sizes = np.cumsum([np.log(1 + len(found)) for _, found in parts])
    half = int(np.searchsorted(sizes, sizes[-1] / 2 - 1e-9) + 1) if len(parts) > 1 else len(parts)
    halves = parts[:half], parts[half:]
    codes, trees = [], []
    for side in halves:
        parents, cols, size = [0], [0], 1
        code = np.zeros(len(letters), np.int64)
        for q, found in side:
            code += np.searchsorted([0, *found], letters[:, q]) * size
            for letter in found:
                parents += range(size)
                cols += [column(q, letter)] * size
            size *= 1 + len(found)
        codes.append(code)
        trees.append((np.array(parents, np.int64), np.array(cols, np.int64)))
    order = np.lexsort((codes[1], codes[0]))
    group = np.searchsorted(codes[0][order], np.arange(len(trees[0][0]) + 1)).astype(np.int64)
    listed = [[[column(q, letter) for letter in found] for q, found in side] for side in halves]
    return Terms(trees[0], trees[1], group, codes[1][order].astype(np.int64), order.astype(np.int64), (listed[0], listed[1]))


def sum_terms(features: Tensor, coefficients: Tensor, terms: Terms) -> Tensor:
    """Return the sum of terms for each sample, by compiled loops on the CPU.

    Parameters
    ----------
    features : tensor of shape (n_samples, n_features)
    coefficients : tensor of shape (n_outputs, n_terms)
        In the order of `terms`.
    terms : Terms

    Returns
    -------
    tensor of shape (n_samples, n_outputs)
    """
    if features.device.type == "cpu":
        result: Tensor = call(_SumTerms, features, coefficients.to(features.dtype), terms)
        return result
    return sum_products(features, coefficients, terms)


def sum_products(features: Tensor, coefficients: Tensor, terms: Terms) -> Tensor:
    """Compute `sum_terms` in plain torch, as a product of matrices: the better way for many terms."""
    left, right = (_kron(features, half) for half in terms.columns)
    n_left, n_right = left.shape[1], right.shape[1]
    rows = np.repeat(np.arange(n_left), np.diff(terms.group)) * n_right + terms.place
    where = torch.as_tensor(rows, device=features.device)
    dense = features.new_zeros(coefficients.shape[0], n_left * n_right).index_copy(1, where, coefficients.to(features.dtype))
    middle = left @ dense.reshape(-1, n_left, n_right)  # (n_outputs, n_samples, n_right)
    return (middle * right).sum(-1).T


def _kron(features: Tensor, half: list[list[int]]) -> Tensor:
    """Return all products of one factor a qubit, shape (n_samples, product of 1 + columns)."""
    found = features.new_ones(features.shape[0], 1)
    for part in half:
        columns = features[:, part]
        found = torch.cat([found, (columns[:, :, None] * found[:, None, :]).flatten(1)], 1)
    return found


def indices(terms: Terms) -> tuple[Any, ...]:
    """Return the tables of terms as `kernels.sum_terms` takes them."""
    return (*terms.left, *terms.right, terms.group, terms.place)


class _SumTerms(Function):
    jvp = staticmethod(differentiable_once)

    @staticmethod
    def forward(features: Tensor, coefficients: Tensor, terms: Terms) -> Tensor:
        x, c = features.detach().contiguous().numpy(), coefficients.detach().contiguous().numpy()
        out = np.empty((x.shape[0], c.shape[0]), x.dtype)
        kernels.sum_terms(x, c, *indices(terms), out)
        return torch.from_numpy(out)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])
        ctx.terms = inputs[2]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        features, coefficients = ctx.saved_tensors
        if again(grad):
            return *plainly(lambda f, c: sum_products(f, c, ctx.terms), (features, coefficients), grad), None
        found, back = call_back(_SumTermsBack, features, coefficients, grad, ctx.terms, ctx.needs_input_grad[0])
        return (back if ctx.needs_input_grad[0] else None), found, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, features: Tensor, coefficients: Tensor, terms: Terms) -> Any:
        size = info.batch_size
        if in_dims[0] is None:
            moved = coefficients.movedim(in_dims[1], 0)
            out = _SumTerms.apply(features, moved.reshape(-1, moved.shape[-1]), terms)
            return out.reshape(len(features), size, -1), 1
        moved_x = features.movedim(in_dims[0], 0)
        if in_dims[1] is None:
            out = _SumTerms.apply(moved_x.reshape(-1, moved_x.shape[-1]), coefficients, terms)
            return out.reshape(size, -1, coefficients.shape[0]), 0
        moved = coefficients.movedim(in_dims[1], 0)
        return torch.stack([_SumTerms.apply(x, c, terms) for x, c in zip(moved_x, moved, strict=True)]), 0


class _SumTermsBack(Back):
    @staticmethod
    def forward(features: Tensor, coefficients: Tensor, grad: Tensor, terms: Terms, with_features: bool) -> tuple[Tensor, Tensor]:
        x, c = features.detach().contiguous().numpy(), coefficients.detach().contiguous().numpy()
        g = grad.detach().contiguous().numpy()
        grad_c = np.empty(c.shape, np.float64)
        grad_f = np.empty(x.shape if with_features else (0, x.shape[1]), x.dtype)
        kernels.sum_terms_back(x, c, *indices(terms), g, with_features, grad_c, grad_f)
        return torch.from_numpy(grad_c).to(coefficients.dtype), torch.from_numpy(grad_f)

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, features: Tensor, coefficients: Tensor, grad: Tensor, terms: Terms, with_features: bool
    ) -> Any:
        c, g = (mapped(value, dim, info.batch_size) for value, dim in ((coefficients, in_dims[1]), (grad, in_dims[2])))
        if in_dims[0] is None and not with_features:
            joined = g.permute(1, 0, 2).reshape(g.shape[1], -1)
            found, back = _SumTermsBack.apply(features, c.reshape(-1, c.shape[-1]), joined, terms, False)
            return (found.reshape(c.shape), back), (0, None)
        parts = [
            _SumTermsBack.apply(x, c, g, terms, with_features)
            for x, c, g in zip(mapped(features, in_dims[0], info.batch_size), c, g, strict=True)
        ]
        return (torch.stack([part[0] for part in parts]), torch.stack([part[1] for part in parts])), (0, 0)


def check_finite(inputs: Tensor, what: str = "are not finite") -> None:
    """Raise an error that counts the samples (n_samples, n) that are not finite."""
    if torch._C._functorch.is_functorch_wrapped_tensor(inputs):  # values cannot be looked at inside vmap and grad
        return
    if inputs.device.type == "cpu" and not torch._C._are_functorch_transforms_active():
        total = float(inputs.detach().numpy().sum())  # fewer calls than torch's own
    else:
        total = float(inputs.detach().sum())
    if not math.isfinite(total) and not bool(torch.isfinite(inputs).all()):
        rows = (~torch.isfinite(inputs)).reshape(len(inputs), -1).any(1).nonzero().flatten()
        raise ValueError(
            f"{len(rows)} of {len(inputs)} samples {what} (the first is number {int(rows[0])}); remove them or fill the gaps"
        )

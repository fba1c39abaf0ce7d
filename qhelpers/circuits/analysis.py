"""What a circuit can see and learn: its light cone and its capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qhelpers.circuits.engine import Engine
from qhelpers.circuits.propagation import Program

#: Below this share of the largest singular value, a direction counts as none.
_RANK = 1e-9


@dataclass(frozen=True)
class LightCone:
    """Which inputs and weights each output depends on.

    Attributes
    ----------
    inputs : array of bool of shape (n_outputs, n_inputs)
    weights : array of bool of shape (n_outputs, n_weights)
        Weights flat, tensor after tensor.
    names : tuple of str
        Name of each weight, such as ``weights[0, 3, 1]``.
    exact : bool
        From the circuit's structure; False where it spreads over too many Pauli words and gradients at random points were taken.
    """

    inputs: NDArray[np.bool_]
    weights: NDArray[np.bool_]
    names: tuple[str, ...]
    exact: bool

    def __str__(self) -> str:
        lines = []
        for k, (inputs, weights) in enumerate(zip(self.inputs, self.weights, strict=True)):
            seen = ", ".join(map(str, np.flatnonzero(inputs))) or "none"
            lines.append(f"output {k}: inputs {seen} (of {inputs.size}), {weights.sum()} of {weights.size} weights")
        return "\n".join(lines)


@dataclass(frozen=True)
class Capacity:
    """How much of a circuit's weights can be felt in its outputs.

    Attributes
    ----------
    n_weights : int
    rank : int
        Rank of the Jacobian at random weights: of the coefficients of the trigonometric sum where the data make a product state,
        else of the outputs at random inputs.
    idle : tuple of str
        Weights that no output depends on.
    n_terms : int or None
        Terms of the trigonometric sum that can differ from zero, where known.
    """

    n_weights: int
    rank: int
    idle: tuple[str, ...]
    n_terms: int | None


def light_cone(engine: Engine, names: tuple[str, ...]) -> LightCone:
    """Work out the light cone of each output, see `LightCone`."""
    n_outputs = engine.matrix.shape[1]
    inputs = np.zeros((n_outputs, engine.circuit.n_inputs), bool)
    weights = np.zeros((n_outputs, engine.circuit.n_weights), bool)
    program = engine.full_program
    if isinstance(program, Program):
        for place, outputs in program.active.items():
            seen_inputs, seen_weights = engine.circuit.angles.reads[place]
            inputs[np.ix_(np.flatnonzero(outputs), np.array(sorted(seen_inputs), int))] = True
            weights[np.ix_(np.flatnonzero(outputs), np.array(sorted(seen_weights), int))] = True
        return LightCone(inputs, weights, names, True)
    generator = torch.Generator().manual_seed(7)
    for _ in range(3):
        slopes = gradients(engine, generator)
        inputs |= slopes[0]
        weights |= slopes[1]
    return LightCone(inputs, weights, names, False)


def gradients(engine: Engine, generator: Any, threshold: float = 1e-12) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which derivatives of outputs to inputs and to weights are not 0 at a random point, in double precision."""
    x = (torch.rand(1, engine.circuit.n_inputs, generator=generator, dtype=torch.float64) * 3 + 0.1).requires_grad_()
    w = (torch.rand(engine.circuit.n_weights, generator=generator, dtype=torch.float64) * 6).requires_grad_()
    outputs = engine(x, w)[0]
    found_x = np.zeros((len(outputs), x.shape[1]), bool)
    found_w = np.zeros((len(outputs), w.shape[0]), bool)
    for k, value in enumerate(outputs):
        if not value.requires_grad:
            continue
        slope_x, slope_w = torch.autograd.grad(value, (x, w), retain_graph=True, allow_unused=True)
        if slope_x is not None:
            found_x[k] = (slope_x[0].abs() > threshold).numpy()
        if slope_w is not None:
            found_w[k] = (slope_w.abs() > threshold).numpy()
    return found_x, found_w


def capacity(engine: Engine, names: tuple[str, ...]) -> Capacity:
    """Work out the capacity, see `Capacity`."""
    n_weights = engine.circuit.n_weights
    seen: NDArray[np.bool_] = np.asarray(light_cone(engine, names).weights.any(0))
    generator = torch.Generator().manual_seed(11)
    terms = engine._terms if isinstance(engine.product_program, Program) else None
    rank = 0
    for _ in range(2 if n_weights else 0):
        w = torch.rand(n_weights, generator=generator, dtype=torch.float64) * 6
        if terms is not None and terms.features.free_of_weights:
            rows = _jacobian(terms.coefficients, w)
        else:
            x = torch.rand(2 * n_weights + 8, engine.circuit.n_inputs, generator=generator, dtype=torch.float64) * 6
            rows = _jacobian(lambda weights, x=x: engine(x, weights), w)
        values = np.linalg.svd(rows, compute_uv=False)
        rank = max(rank, int((values > _RANK * max(values.max(initial=0), 1e-300)).sum()) if values.max(initial=0) > 1e-12 else 0)
    idle = tuple(name for name, one in zip(names, seen.tolist(), strict=True) if not one)
    return Capacity(n_weights, rank, idle, None if terms is None else terms.n_terms)


def _jacobian(function: Any, weights: torch.Tensor) -> NDArray[np.float64]:
    """Return derivatives of all outputs to the weights, shape (n_values, n_weights), one backward pass a value."""
    w = weights.clone().requires_grad_()
    values = function(w).reshape(-1)
    rows = [torch.autograd.grad(value, w, retain_graph=True)[0] for value in values]
    return torch.stack(rows).numpy() if rows else np.zeros((0, len(weights)))

"""Angles of a circuit as one compiled list of steps: what a circuit does with its inputs and weights before they turn a gate."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qhelpers.circuits.functions import COMPILED, check_finite
from qhelpers.circuits.prepared import AngleMap
from qhelpers.circuits.tracing import Circuit

if COMPILED:
    from qhelpers.circuits import kernels

Floats = NDArray[np.float64]

_BINARY = {"+": "ADD", "*": "MULTIPLY", "/": "DIVIDE", "**": "POWER"}
_UNARY = {"sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "atan", "asin", "acos", "abs"}


class CompiledAngles:
    """Some of a circuit's angles: inputs (n_samples, n_inputs) and weights (n_weights,) → (n_samples, n_angles), by `make`."""

    def __init__(self, steps: list[tuple[str, Any, Any]], places: list[int], circuit: Circuit, of: list[int]) -> None:
        self.n_inputs = circuit.n_inputs
        #: The same in torch.
        self.map = AngleMap(circuit, of)
        code, row, variable, rate, constant = [], [0], [], [], []
        for name, a, b in steps:
            affine = name == "AFFINE"
            code.append((getattr(kernels, name), 0, 0) if affine else (getattr(kernels, name), a, b))
            constant.append(a if affine else 0.0)
            variable += list(b) if affine else []
            rate += list(b.values()) if affine else []
            row.append(len(variable))
        self.tables = (
            np.array(code, np.int64).reshape(-1, 3),
            np.array(row, np.int64),
            np.array(variable, np.int64),
            np.array(rate, np.float64),
            np.array(constant, np.float64),
            np.array(places, np.int64),
        )
        self.reads_weights = any(k >= self.n_inputs for k in variable)
        self.affine: tuple[Any, ...] | None = None
        if all(name == "AFFINE" for name, _, _ in steps):
            each = [dict(steps[place][2]) for place in places]
            self.affine = (
                np.cumsum([0, *map(len, each)]),
                np.array([k for one in each for k in one], np.int64),
                np.array([rate for one in each for rate in one.values()], np.float64),
                np.array([steps[place][1] for place in places], np.float64),
            )

    @classmethod
    def make(cls, circuit: Circuit, places: list[int]) -> CompiledAngles | None:
        """Return the angles at these places, or None where one is made by an operation that is not compiled."""
        angles, n_inputs = circuit.angles, circuit.n_inputs
        steps: list[tuple[str, Any, Any]] = []
        known: dict[Any, int] = {}

        def step(name: str, a: Any = 0, b: Any = 0) -> int:
            key = (name, a, tuple(sorted(b.items())) if isinstance(b, dict) else b)
            if key not in known:
                known[key] = len(steps)
                steps.append((name, a, b))
            return known[key]

        formulas = angles.general
        made: dict[int, int] = {}
        if set(places) & set(angles.general_places):
            if not hasattr(formulas, "steps"):
                return None

            def argument(one: Any) -> int | None:
                if isinstance(one, int):
                    return made.get(one)
                return None if isinstance(one, complex) else step("AFFINE", float(one), {})

            for place, affine in formulas.affine.items():  # type: ignore[union-attr]
                if not any(isinstance(one, complex) for one in (affine[0], *affine[1].values())):
                    made[place] = step("AFFINE", float(affine[0]), dict(affine[1]))
            for place, name, arguments in formulas.steps:  # type: ignore[union-attr]
                given = [argument(one) for one in arguments]
                if None in given:
                    continue
                if name in _BINARY:
                    made[place] = step(_BINARY[name], *given)
                elif name in _UNARY:
                    made[place] = step(name.upper(), *given)
        listed = []
        for place in places:
            if place in angles.general_places:
                found = made.get(formulas.places[angles.general_places.index(place)])  # type: ignore[union-attr]
                if found is None:
                    return None
                listed.append(found)
                continue
            rates = {int(k): float(angles.by_input[place, k]) for k in np.flatnonzero(angles.by_input[place])}
            rates |= {n_inputs + int(k): float(angles.by_weight[place, k]) for k in np.flatnonzero(angles.by_weight[place])}
            listed.append(step("AFFINE", float(angles.constant[place]), rates))
        return cls(steps, listed, circuit, places)

    def run(self, inputs: NDArray[Any], weights: Floats) -> Floats:
        """Return the angles in double precision.

        Raises
        ------
        ValueError
            If an input is not finite.
        """
        out = np.empty((len(inputs), len(self.tables[-1])))
        if self.affine is None:
            total = kernels.run_angles(*self.tables, inputs, weights, out)
        else:
            total = kernels.run_affine(*self.affine, inputs, weights, out)
        if not isfinite(total):
            check_finite(torch.from_numpy(inputs))
        return out

    def back(self, inputs: NDArray[Any], weights: Floats, grad: NDArray[Any], with_inputs: bool, grad_w: Floats) -> NDArray[Any]:
        """Return derivatives to the inputs (no rows if not asked for), and add those to the weights to `grad_w`."""
        grad_x = np.zeros(inputs.shape if with_inputs else (0, self.n_inputs), inputs.dtype)
        if self.affine is None:
            kernels.run_angles_back(*self.tables, inputs, weights, grad, with_inputs, grad_x, grad_w)
        else:
            kernels.run_affine_back(*self.affine[:3], self.n_inputs, grad, with_inputs, grad_x, grad_w)
        return grad_x

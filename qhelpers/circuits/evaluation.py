"""Formulas that were read off a circuit (`symbols`), computed in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qhelpers.circuits.symbols import Formulas, Slot, tensors_in


class Evaluator:
    """Some formulas as a function of the variables, in torch: differentiable as often as wished, on any device.

    Parameters
    ----------
    formulas : Formulas
    places : sequence of int
        Which ones; real numbers.
    n_inputs : int
        So many of the variables are inputs, the others weights.
    """

    def __init__(self, formulas: Formulas, places: Sequence[int], n_inputs: int) -> None:
        self.places, self.n_inputs = list(places), n_inputs
        needed: set[int] = set()
        waiting = list(places)
        calls: set[int] = set()
        while waiting:
            place = waiting.pop()
            if place in needed:
                continue
            needed.add(place)
            name, arguments = formulas.operations[place] or ("", ())
            if name == "element" and arguments[0] not in calls:
                calls.add(arguments[0])
                waiting += [one for _, part in formulas.calls[arguments[0]][3] for one in part]
            elif name not in ("", "element"):
                waiting += [one for one in arguments if isinstance(one, int)]
        self.affine = {place: formulas.affine[place] for place in sorted(needed) if formulas.affine[place] is not None}
        listed = sorted(place for place in needed if formulas.operations[place] is not None)
        self.steps = [(place, *formulas.operations[place]) for place in listed]  # type: ignore[misc]
        self.calls = {number: formulas.calls[number] for number in calls}
        self.calls |= {int(a[0]): formulas.calls[int(a[0])] for _, name, a in self.steps if name == "function"}

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the values.

        Parameters
        ----------
        inputs : tensor of shape (n_inputs,) or (n_samples, n_inputs)
        weights : tensor of shape (n_weights,)

        Returns
        -------
        tensor of shape (n_formulas,) or (n_samples, n_formulas)
        """
        values: dict[int, Any] = {}
        for place, affine in self.affine.items():
            assert affine is not None
            value, started = affine[0], affine[0] != 0
            for variable, rate in affine[1].items():
                one = inputs[..., variable] if variable < self.n_inputs else weights[variable - self.n_inputs]
                one = one if rate == 1 else one * rate
                value, started = (one + value if started else one), True
            values[place] = value
        made: dict[int, list[Tensor]] = {}
        batch = inputs.shape[:-1]
        for place, name, arguments in self.steps:
            if name == "element":
                number, k = arguments
                if number not in made:
                    made[number] = self._call(number, values, batch, inputs)
                values[place] = made[number][k]
                continue
            if name == "function":
                function, args, kwargs, _ = self.calls[int(arguments[0])]
                given = [_tensor(values[one], inputs) for one in arguments[1:]]
                args, kwargs = _filled((args, kwargs), given)
                values[place] = function(*args, **kwargs)
                continue
            given = [values[one] if isinstance(one, int) else one for one in arguments]
            values[place] = _operate(name, given, inputs)
        columns = [_tensor(values[place], inputs) for place in self.places]
        columns = [(one.real if one.is_complex() else one).to(inputs.dtype).expand(batch) for one in columns]
        return torch.stack(columns, -1) if columns else inputs.new_zeros(*batch, 0)

    def _call(self, number: int, values: dict[int, Any], batch: Any, inputs: Tensor) -> list[Tensor]:
        function, args, kwargs, parts = self.calls[number]
        stacked = [
            torch.stack([_tensor(values[one], inputs).expand(batch) for one in places], -1).reshape((*batch, *shape))
            for shape, places in parts
        ]

        def run(*tensors: Tensor) -> list[Tensor]:
            given, options = _filled((args, kwargs), tensors, inputs)
            found = [one.reshape(-1) for one in tensors_in(function(*given, **options))]
            return [torch.cat([one.to(torch.promote_types(one.dtype, inputs.dtype)) for one in found])]

        flat = (torch.func.vmap(run)(*stacked) if batch else run(*stacked))[0]
        return list(flat.unbind(-1))


def _filled(template: Any, tensors: Sequence[Tensor], like: Tensor | None = None) -> Any:
    """Return a call's arguments with tensors in their slots."""

    def fill(value: Any) -> Any:
        if isinstance(value, Slot):
            return tensors[value.number]
        if isinstance(value, (list, tuple)):
            listed = [fill(one) for one in value]
            return listed if isinstance(value, list) else tuple(listed)
        if isinstance(value, dict):
            return {key: fill(one) for key, one in value.items()}
        if like is not None and isinstance(value, Tensor):
            return value.to(like.device, like.dtype if value.is_floating_point() else value.dtype)
        return value

    return fill(template)


def _tensor(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value
    kind = like.dtype if not isinstance(value, complex) else torch.promote_types(like.dtype, torch.complex64)
    return torch.as_tensor(value, dtype=kind, device=like.device)


def _operate(name: str, given: list[Any], like: Tensor) -> Any:
    if name == "+":
        return given[0] + given[1]
    if name == "*":
        return given[0] * given[1]
    if name == "/":
        return given[0] / given[1]
    if name == "**":
        if not any(isinstance(one, Tensor) for one in given):
            given = [_tensor(given[0], like), given[1]]
        return torch.pow(*given)
    tensor = _tensor(given[0], like)
    if name == "real":
        return tensor.real if tensor.is_complex() else tensor
    if name == "imag":
        return tensor.imag if tensor.is_complex() else torch.zeros_like(tensor)
    return getattr(torch, name)(tensor)

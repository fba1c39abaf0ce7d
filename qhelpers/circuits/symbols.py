"""Angles as formulas: what a circuit does to its inputs and weights before they turn a gate, read off torch while it computes.

A circuit runs once on real numbers under `Reader`, which sees every call of torch and keeps, beside each tensor, the formula of
each of its elements. Affine formulas are kept as numbers, all others as a list of operations; evaluation.py computes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from threading import local
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: An affine formula: its value where all variables are 0, and the rate of each variable that it reads.
Affine = tuple[Any, dict[int, Any]]

_NARROW = (torch.float32, torch.float16, torch.bfloat16)

#: Functions of torch that only move the elements of a tensor, by name.
_MOVES = {
    "T", "__getitem__", "__iter__", "__pos__", "atleast_1d", "atleast_2d", "broadcast_tensors", "broadcast_to", "cat",
    "chunk", "clone", "column_stack", "concat", "concatenate", "contiguous", "diagonal", "dstack", "expand", "expand_as",
    "flatten", "flip", "fliplr", "flipud", "hsplit", "hstack", "index_select", "mT", "meshgrid", "moveaxis", "movedim",
    "narrow", "permute", "positive", "ravel", "repeat", "repeat_interleave", "reshape", "reshape_as", "roll", "rot90",
    "select", "split", "split_with_sizes", "squeeze", "stack", "swapaxes", "swapdims", "t", "take", "tensor_split", "tile",
    "transpose", "unbind", "unflatten", "unsqueeze", "view", "view_as", "vsplit", "vstack",
}  # fmt: skip
#: ... that change their type,
_CASTS = {
    "as_tensor", "asarray", "bfloat16", "cpu", "double", "float", "half", "to", "type", "type_as",
}  # fmt: skip
#: ... that compute with two of them (r: the other way round),
_BINARY = {
    "add": "+", "__add__": "+", "__radd__": "+", "__iadd__": "+", "sub": "-", "subtract": "-", "__sub__": "-", "__isub__":
    "-", "rsub": "r-", "__rsub__": "r-", "mul": "*", "multiply": "*", "__mul__": "*", "__rmul__": "*", "__imul__": "*",
    "div": "/", "divide": "/", "true_divide": "/", "__truediv__": "/", "__itruediv__": "/", "__rtruediv__": "r/", "pow":
    "**", "__pow__": "**", "__rpow__": "r**", "float_power": "**",
}  # fmt: skip
#: ... with one, as torch's function of that name,
_UNARY = {
    "abs", "acos", "acosh", "angle", "asin", "asinh", "atan", "atanh", "cos", "cosh", "detach", "erf", "exp", "exp2",
    "expm1", "log", "log10", "log1p", "log2", "relu", "rsqrt", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt",
    "tan", "tanh",
}  # fmt: skip
#: ... and what they are called elsewhere.
_ALIASES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "absolute": "abs", "__abs__": "abs", "negative": "neg", "__neg__": "neg", "data": "detach", "matmul": "__matmul__",
    "mm": "__matmul__", "mv": "__matmul__", "bmm": "__matmul__", "dot": "__matmul__", "inner": "inner",
}  # fmt: skip
#: Functions of numbers, element by element, that take further arguments.
_ELEMENTWISE = {
    "__and__", "__eq__", "__floordiv__", "__ge__", "__gt__", "__invert__", "__le__", "__lt__", "__mod__", "__ne__",
    "__or__", "arctan2", "atan2", "bool", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "deg2rad", "elu", "eq",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "ge", "gelu", "gt", "hardsigmoid", "hardtanh", "heaviside",
    "hypot", "int", "isclose", "isfinite", "isnan", "le", "leaky_relu", "lerp", "logical_and", "logical_not", "logical_or",
    "logit", "long", "lt", "maximum", "minimum", "nan_to_num", "ne", "rad2deg", "relu6", "remainder", "round", "selu",
    "silu", "softplus", "softsign", "tanhshrink", "threshold", "trunc", "where", "xlogy",
}  # fmt: skip
#: What says something of a tensor that holds whatever its values are.
_FACTS = {
    "__format__", "__hash__", "__len__", "__repr__", "__str__", "_is_view", "broadcast_shapes", "can_cast", "data_ptr",
    "dense_dim", "dim", "element_size", "get_default_dtype", "get_device", "has_names", "is_complex", "is_conj",
    "is_contiguous", "is_floating_point", "is_grad_enabled", "is_inference", "is_neg", "is_same_size", "is_tensor",
    "ndimension", "nelement", "numel", "register_hook", "requires_grad_", "result_type", "retain_grad", "retains_grad",
    "size", "storage_offset", "stride", "untyped_storage",
}  # fmt: skip
#: What is another one in each call.
_RANDOM = {
    "alpha_dropout", "bernoulli", "bernoulli_", "dropout", "exponential_", "feature_dropout", "multinomial", "normal",
    "normal_", "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random_", "randperm",
    "uniform_",
}  # fmt: skip
#: What asks for values.
_VALUES = {
    "__bool__": "an `if`, `while`, `and` or `or`", "is_nonzero": "an `if`", "allclose": "a comparison", "equal": "a comparison",
    "__contains__": "an `in`", "__float__": "float()", "__complex__": "complex()", "__int__": "int()", "item": ".item()",
    "__index__": "a place in a list or a length", "tolist": ".tolist()", "numpy": "a detour through NumPy",
    "__array__": "a function of NumPy (np.arctan, ...)", "__array_wrap__": "a function of NumPy (np.arctan, ...)",
}  # fmt: skip


class CannotReadError(RuntimeError):
    """A formula cannot be read; the message goes on after "the circuit"."""


class _Thread(local):
    trusting = False


_THREAD = _Thread()


@contextlib.contextmanager
def trusting() -> Iterator[None]:
    """Let a framework look at values where it takes its own gates apart: what it finds is confirmed at other values."""
    before, _THREAD.trusting = _THREAD.trusting, True
    try:
        yield
    finally:
        _THREAD.trusting = before


class Widened(TorchFunctionMode):
    """Computes with numbers of single precision from outside as if they were of double."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = _name(function)
        if name in _FACTS or name.startswith("__get"):
            return function(*args, **kwargs)
        tensors = tensors_in((args, kwargs))
        if name in _CASTS and tensors and tensors[0].dtype == torch.float64:
            found = function(*args, **kwargs)
            return tensors[0] if isinstance(found, Tensor) and found.dtype in _NARROW else found
        if any(one.dtype == torch.float64 for one in tensors) and any(one.dtype in _NARROW for one in tensors):
            args, kwargs = _mapped((args, kwargs), lambda one: one.double() if one.dtype in _NARROW else one)
        return function(*args, **kwargs)


class Formulas:
    """A list of scalar formulas of variables: inputs first, then weights, then what else is trained.

    Attributes
    ----------
    operations : list of (str, tuple)
        How each formula that is not affine comes about, from places of others in the list.
    affine : list of (number, dict) or None
    reads : list of frozenset of int
        Variables that each depends on.
    loose : list of bool
        Whether it may depend on fewer: it comes out of a call of which nothing is known.
    """

    def __init__(self) -> None:
        self.operations: list[tuple[str, tuple[Any, ...]] | None] = []
        self.affine: list[Affine | None] = []
        self.reads: list[frozenset[int]] = []
        self.loose: list[bool] = []
        self.calls: list[tuple[Any, Any, dict[str, Any], list[tuple[Any, ...]]]] = []
        self._known: dict[Any, int] = {}
        self.n_variables = 0

    def variables(self, n: int) -> NDArray[np.int64]:
        """Return the places of n new variables."""
        first, self.n_variables = self.n_variables, self.n_variables + n
        return np.array([self.keep(0.0, {k: 1.0}) for k in range(first, first + n)], np.int64)

    def keep(self, constant: Any, rates: dict[int, Any]) -> int:
        """Return the place of an affine formula."""
        key = (constant, tuple(rates.items()) if len(rates) < 2 else tuple(sorted(rates.items())))
        if key not in self._known:
            self._known[key] = self._new(None, (constant, rates), frozenset(rates), False)
        return self._known[key]

    def operate(self, name: str, *arguments: Any) -> int:
        """Return the place of an operation on formulas (int) and numbers (float, complex)."""
        key = (name, arguments, tuple(type(one) for one in arguments))
        if key not in self._known:
            reads = frozenset().union(*(self.reads[one] for one in arguments if isinstance(one, int)))
            loose = any(self.loose[one] for one in arguments if isinstance(one, int))
            self._known[key] = self._new((name, arguments), None, reads, loose)
        return self._known[key]

    def _new(self, operation: Any, affine: Affine | None, reads: frozenset[int], loose: bool) -> int:
        self.loose.append(loose)
        self.operations.append(operation)
        self.affine.append(affine)
        self.reads.append(reads)
        return len(self.reads) - 1

    def call(self, function: Any, arguments: Any, options: dict[str, Any], places: list[NDArray[np.int64]], n: int) -> list[int]:
        """Return the places of all elements of what a function makes of tensors that stand in `arguments` as `Slot`."""
        reads = frozenset().union(*(self.reads[one] for part in places for one in part.reshape(-1).tolist()))
        number = len(self.calls)
        self.calls.append((function, arguments, options, [(part.shape, part.reshape(-1).tolist()) for part in places]))
        return [self._new(("element", (number, k)), None, reads, True) for k in range(n)]

    def plus(self, a: Any, b: Any) -> Any:
        """Return a + b, of formulas (int places) or numbers."""
        one, other = self._affine_of(a), self._affine_of(b)
        if one is None or other is None:
            return self.operate("+", a, b)
        rates = dict(one[1])
        for variable, rate in other[1].items():
            rates[variable] = rates.get(variable, 0.0) + rate
        return self.keep(one[0] + other[0], {variable: rate for variable, rate in rates.items() if rate != 0})

    def times(self, a: Any, b: Any) -> Any:
        """Return a b."""
        one, other = self._affine_of(a), self._affine_of(b)
        if one is not None and other is not None:
            if not other[1]:
                one, other = other, one
            if not one[1]:
                factor, (constant, rates) = one[0], other
                return self.keep(constant * factor, {k: rate * factor for k, rate in rates.items()} if factor != 0 else {})
        return self.operate("*", a, b)

    def over(self, a: Any, b: Any) -> Any:
        """Return a / b."""
        other = self._affine_of(b)
        if other is not None and not other[1] and self._affine_of(a) is not None and other[0] != 0:
            one = self._affine_of(a)
            assert one is not None
            return self.keep(one[0] / other[0], {k: rate / other[0] for k, rate in one[1].items()})
        return self.operate("/", a, b)

    def part(self, name: str, a: int) -> int:
        """Return the real or the imaginary part, or the conjugate."""
        affine = self.affine[a]
        if affine is None:
            return self.operate(name, a)
        of: Any = {"real": np.real, "imag": np.imag, "conj": np.conj}[name]
        plain = complex if name == "conj" else float
        return self.keep(plain(of(affine[0])), {k: plain(of(rate)) for k, rate in affine[1].items() if of(rate) != 0})

    def _affine_of(self, a: Any) -> Affine | None:
        return self.affine[a] if isinstance(a, int) else (a, {})


class Element:
    """One formula among others, so that NumPy's arrays of objects can compute with it."""

    __slots__ = ("formulas", "place")

    def __init__(self, formulas: Formulas, place: int) -> None:
        self.formulas, self.place = formulas, place

    def __add__(self, other: Any) -> Element:
        return Element(self.formulas, self.formulas.plus(self.place, _plain(other)))

    def __mul__(self, other: Any) -> Element:
        return Element(self.formulas, self.formulas.times(self.place, _plain(other)))

    def __sub__(self, other: Any) -> Element:
        return self + (other * -1.0)

    def __rsub__(self, other: Any) -> Element:
        return self * -1.0 + other

    def __truediv__(self, other: Any) -> Element:
        return Element(self.formulas, self.formulas.over(self.place, _plain(other)))

    def __rtruediv__(self, other: Any) -> Element:
        return Element(self.formulas, self.formulas.over(_plain(other), self.place))

    def __pow__(self, other: Any) -> Element:
        power = _plain(other)
        if not isinstance(power, int) and power in (1, 2):
            return self if power == 1 else self * self
        return Element(self.formulas, self.formulas.operate("**", self.place, power))

    def __rpow__(self, other: Any) -> Element:
        return Element(self.formulas, self.formulas.operate("**", _plain(other), self.place))

    __radd__, __rmul__ = __add__, __mul__


def _plain(value: Any) -> Any:
    """Return a formula's place (int), or a number (float or complex)."""
    if isinstance(value, Element):
        return value.place
    return complex(value) if isinstance(value, (complex, np.complexfloating)) else float(value)


class Slot:
    """The place of a tensor among the arguments of a call."""

    def __init__(self, number: int) -> None:
        self.number = number


class Reader(TorchFunctionMode):
    """Keeps the formulas of all tensors that depend on given ones while a circuit runs.

    Parameters
    ----------
    formulas : Formulas
    n_inputs : int
        So many of its variables are inputs.
    """

    def __init__(self, formulas: Formulas, n_inputs: int) -> None:
        super().__init__()
        self.formulas, self.n_inputs = formulas, n_inputs
        self._places: dict[int, Tensor] = {}
        self._kept: list[Any] = []
        self._made: set[int] = set()
        #: Trained tensors from outside that the circuit reads, in the order of their variables.
        self.captured: list[Tensor] = []
        #: Other tensors from outside, with their versions: if one is changed the circuit has to be read anew.
        self.watched: list[tuple[Tensor, int]] = []
        self._written: set[int] = set()

    def know(self, tensor: Tensor, places: Any) -> Tensor:
        """Let a tensor be the formulas at these places."""
        if not isinstance(places, Tensor):
            places = torch.as_tensor(np.asarray(places, np.int64)).reshape(tensor.shape)
        self._places[id(tensor)] = places
        self._kept.append(tensor)
        return tensor

    def places(self, tensor: Tensor) -> Tensor | None:
        """Return the places of a tensor's formulas, shaped as it is, or None for numbers."""
        found = self._places.get(id(tensor))
        if found is None and tensor.requires_grad and id(tensor) not in self._made:
            if not tensor.is_leaf:
                raise CannotReadError(
                    "uses a tensor that is computed outside of it from trained ones; give it to the circuit as an argument, or "
                    "compute it inside"
                )
            self.captured.append(tensor)
            self.know(tensor, self.formulas.variables(tensor.numel()))
            found = self._places[id(tensor)]
        if found is None and self._written and tensor.untyped_storage().data_ptr() in self._written:
            raise CannotReadError("writes to a tensor and reads it through another view; write the tensor as an expression")
        return found

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = _name(function)
        if name in _FACTS or name == "__get__" or name == "__set__":
            return function(*args, **kwargs)
        if name in _RANDOM and name != "dropout":
            raise CannotReadError(f"draws at random (torch.{name}), so that it is another one in each call")
        tensors = tensors_in((args, kwargs))
        known = [self.places(one) is not None for one in tensors]
        if not any(known):
            return self._plain_call(function, name, tensors, args, kwargs)
        if name in _VALUES:
            read = self._read(tensors)
            if read and not (_THREAD.trusting and name in ("numpy", "__array__", "tolist")):
                raise CannotReadError(f"depends on the values of its {self._shown(read)}, by {_VALUES[name]}")
            return function(*args, **kwargs)
        if "out" in kwargs:
            raise CannotReadError(f"gives torch.{name} a place to write to (out=); use what it returns")
        for one, is_known in zip(tensors, known, strict=True):
            if not is_known:
                self.meet(one)
        args, kwargs = _mapped((args, kwargs), self._widened)
        found = self._understood(function, name, args, kwargs)
        if not torch.is_grad_enabled():
            self._detached(found)
        return found

    def _plain_call(self, function: Any, name: str, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        for one in tensors:
            self.meet(one)
        found = function(*args, **kwargs)
        for one in tensors_in(found):
            self._made.add(id(one))
            self._kept.append(one)
        return found

    def meet(self, tensor: Tensor) -> None:
        """Remember a tensor of numbers that was not made here, to see whether it changes."""
        if id(tensor) not in self._made:
            self._made.add(id(tensor))
            self._kept.append(tensor)
            if not tensor.is_inference():  # which has no versions
                self.watched.append((tensor, tensor._version))

    def _widened(self, tensor: Tensor) -> Tensor:
        """Return a tensor of numbers in double precision, as everything is read."""
        if id(tensor) in self._places or tensor.dtype not in _NARROW:
            return tensor
        wide = tensor.double()
        self._made.add(id(wide))
        self._kept.append(wide)
        return wide

    def _read(self, tensors: list[Tensor]) -> frozenset[int]:
        parts = [self._places[id(one)].reshape(-1).tolist() for one in tensors if id(one) in self._places]
        return frozenset().union(*(self.formulas.reads[place] for part in parts for place in part))

    def _shown(self, read: frozenset[int]) -> str:
        kinds = {"inputs": any(k < self.n_inputs for k in read), "weights": any(k >= self.n_inputs for k in read)}
        return " and ".join(kind for kind, some in kinds.items() if some)

    def _understood(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        name = _ALIASES.get(name, name)
        if name == "__setitem__":
            return self._written_to(function, args)
        if name.endswith("_") and not name.endswith("__"):
            return self._in_place(name[:-1], args, kwargs)
        if name in _CASTS and isinstance(args[0], Tensor):
            return self._cast(function, args, kwargs)
        if name in ("tensor", "as_tensor", "asarray"):
            raise CannotReadError(
                f"makes a new tensor of inputs or weights (torch.{name}), which cuts gradients; use torch.stack"
            )
        if name.endswith("_like") or name.startswith("new_"):
            return self._plain_call(function, name, [], args, kwargs)
        if name in _MOVES:
            return self._moved(function, name, args, kwargs)
        if name in _BINARY:
            return self._binary(_BINARY[name], name, args, kwargs, function)
        if name == "neg":
            return self._computed(function, args, kwargs, lambda a: a * -1.0)
        if name == "square":
            return self._computed(function, args, kwargs, lambda a: a * a)
        if name == "reciprocal":
            return self._computed(function, args, kwargs, lambda a: 1.0 / a)
        if name in ("real", "imag", "conj", "resolve_conj", "conj_physical"):
            part = "conj" if "conj" in name else name
            each = np.frompyfunc(lambda one: Element(self.formulas, self.formulas.part(part, one.place)), 1, 1)
            return self._computed(function, args, kwargs, each)
        if name in _UNARY and len(args) == 1 and not kwargs:
            each = np.frompyfunc(lambda one: Element(self.formulas, self.formulas.operate(name, one.place)), 1, 1)
            return self._computed(function, args, kwargs, each)
        if name in ("sum", "mean", "cumsum") and "dtype" not in kwargs:
            return self._reduced(function, name, args, kwargs)
        if name in ("__matmul__", "__rmatmul__", "linear", "outer", "inner", "tensordot"):
            return self._multiplied(function, name, args, kwargs)
        if name in _ELEMENTWISE:
            return self._elementwise(function, args, kwargs)
        return self._called(function, name, args, kwargs)

    def _array(self, value: Any) -> Any:
        """Return a tensor as NumPy's array of formulas and numbers."""
        if not isinstance(value, Tensor):
            return value
        places = self.places(value)
        if places is None:
            return value.detach().numpy()
        listed = np.empty(places.numel(), object)
        listed[:] = [Element(self.formulas, place) for place in places.reshape(-1).tolist()]
        return listed.reshape(tuple(places.shape))

    def _learn(self, tensor: Tensor, array: Any) -> Tensor:
        """Let a tensor be what an array of formulas and numbers says."""
        flat = np.asarray(array, object).reshape(-1)
        if len(flat) != tensor.numel():
            raise CannotReadError("holds an operation of torch that cannot be followed")
        places = [one.place if isinstance(one, Element) else self.formulas.keep(_plain(one), {}) for one in flat]
        return self.know(tensor, torch.as_tensor(np.array(places, np.int64)).reshape(tensor.shape))

    def _constant(self, tensor: Tensor) -> Tensor:
        """Return places for a tensor of numbers."""
        places = [self.formulas.keep(_plain(one), {}) for one in tensor.detach().reshape(-1).tolist()]
        return torch.as_tensor(np.array(places, np.int64)).reshape(tensor.shape)

    def _computed(self, function: Any, args: Any, kwargs: Any, compute: Callable[..., Any]) -> Any:
        return self._learn(function(*args, **kwargs), compute(*(self._array(one) for one in args)))

    def _binary(self, sign: str, name: str, args: Any, kwargs: Any, function: Any) -> Any:
        alpha = kwargs.get("alpha", 1)
        if set(kwargs) - {"alpha", "other", "exponent", "input"} or kwargs.get("rounding_mode"):
            return self._elementwise(function, args, kwargs)
        both = list(args) + [kwargs[key] for key in ("input", "other", "exponent") if key in kwargs]
        first, second = both
        a, b = self._array(first), self._array(second)
        if alpha != 1:
            b = b * alpha
        if sign[0] == "r":
            a, b, sign = b, a, sign[1:]
        found = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "**": lambda: a**b}[sign]()
        return self._learn(function(*args, **kwargs), found)

    def _reduced(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        array = self._array(args[0])
        dims = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
        if len(args) > 2 or array.size == 0 or set(kwargs) - {"dim", "axis", "keepdim"}:
            return self._called(function, name, args, kwargs)
        axis: Any = tuple(dims) if isinstance(dims, (list, tuple)) else dims
        if name == "cumsum":
            found = np.cumsum(array, axis=axis)
        else:
            found = np.sum(array, axis=axis if axis != () else None)
        result = function(*args, **kwargs)
        if name == "mean":
            found = found * (1.0 / (array.size / max(1, result.numel())))
        return self._learn(result, found)

    def _multiplied(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        arrays = [self._array(one) for one in args]
        if name == "tensordot" or (kwargs and name != "linear") or len(args) < 2:
            return self._called(function, name, args, kwargs)
        if name == "linear":
            bias = self._array(kwargs["bias"] if "bias" in kwargs else (args[2] if len(args) > 2 else None))
            found = np.matmul(np.asarray(arrays[0], object), np.asarray(arrays[1], object).T)
            found = found if bias is None else found + bias
        elif name == "outer":
            found = np.multiply.outer(*arrays)
        elif name == "inner":
            found = np.inner(*(np.asarray(one, object) for one in arrays))
        else:
            a, b = (np.asarray(one, object) for one in (arrays[::-1] if name == "__rmatmul__" else arrays))
            found = np.matmul(a, b)
        return self._learn(function(*args, **kwargs), found)

    def _moved(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        only_first = name in ("__getitem__", "index_select", "take")
        if only_first:
            if any(self.places(one) is not None for one in tensors_in((args[1:], kwargs))):
                raise CannotReadError("depends on the values of its inputs or weights, by an index made of them")
            moved = (self._of(args[0]), *args[1:]), kwargs
        else:
            moved = _mapped((args, kwargs), self._of)
        found, places = function(*args, **kwargs), function(*moved[0], **moved[1])
        if name == "__iter__":
            found, places = list(found), list(places)
        for one, other in zip(tensors_in(found), tensors_in(places), strict=True):
            self.know(one, other)
        return iter(found) if name == "__iter__" else found

    def _of(self, tensor: Tensor) -> Tensor:
        places = self.places(tensor)
        return self._constant(tensor) if places is None else places

    def _cast(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Leave numbers as wide as they are; make others of them as told."""
        wanted = function(*args, **kwargs)
        tensor = args[0]
        if not isinstance(wanted, Tensor):  # the name of its type
            return wanted
        if self.places(tensor) is None:  # made as wide as another one
            return wanted
        if wanted.dtype == tensor.dtype:
            return self.know(wanted, self.places(tensor))
        if wanted.is_complex() or tensor.is_complex():
            return self.know(tensor.to(torch.complex128) if wanted.is_complex() else wanted, self.places(tensor))
        if wanted.is_floating_point():
            return self.know(tensor.to(torch.float64) if tensor.is_floating_point() else tensor.double(), self.places(tensor))
        return self._elementwise(_to, (tensor, wanted.dtype), {})

    def _elementwise(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Keep a function of each element and, where they are tensors, of those of the other arguments."""
        found = function(*args, **kwargs)
        if not isinstance(found, Tensor):
            return self._called(function, _name(function), args, kwargs)
        parts: list[NDArray[np.int64]] = []

        def slot(tensor: Tensor) -> Slot:
            parts.append(np.broadcast_to(self._of(tensor).numpy(), tuple(found.shape)).reshape(-1))
            return Slot(len(parts) - 1)

        template = _mapped((args, kwargs), slot)
        number = len(self.formulas.calls)
        self.formulas.calls.append((function, *template, []))
        rows = np.stack(parts, 1).tolist()
        return self.know(found, [self.formulas.operate("function", float(number), *row) for row in rows])

    def _called(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Keep a call of whatever else torch can do: all it makes depends on all that it is given."""
        found = function(*args, **kwargs)
        made = tensors_in(found)
        if not made or not isinstance(found, (Tensor, tuple, list)):
            read = self._shown(self._read(tensors_in((args, kwargs))))
            raise CannotReadError(f"depends on the values of its {read}, by {_VALUES.get(name, f'torch.{name}')}")
        parts: list[NDArray[np.int64]] = []

        def slot(tensor: Tensor) -> Any:
            if self.places(tensor) is None:
                return tensor
            parts.append(self._of(tensor).numpy())
            return Slot(len(parts) - 1)

        template = _mapped((args, kwargs), slot)
        places = self.formulas.call(function, template[0], template[1], parts, sum(one.numel() for one in made))
        for one in made:
            self.know(one, places[: one.numel()])
            places = places[one.numel() :]
        return found

    def _detached(self, found: Any) -> None:
        for one in tensors_in(found):
            places = self._places[id(one)]
            listed = [self.formulas.operate("detach", k) if self.formulas.reads[k] else k for k in places.reshape(-1).tolist()]
            self.know(one, listed)

    def _written_to(self, function: Any, args: Any) -> None:
        target, index, value = args
        if any(self.places(one) is not None for one in tensors_in(index)):
            raise CannotReadError("depends on the values of its inputs or weights, by an index made of them")
        if self.places(target) is None:
            self.know(target, self._constant(target))
            self._written.add(target.untyped_storage().data_ptr())
        if target.requires_grad and target.is_leaf:
            raise CannotReadError("writes to a weight in place; write an expression instead")
        with torch.no_grad():
            function(target, index, value.detach().to(target.dtype) if isinstance(value, Tensor) else value)
        places = self._places[id(target)]
        places[index] = self._of(value) if isinstance(value, Tensor) else self.formulas.keep(_plain(value), {})

    def _in_place(self, name: str, args: Any, kwargs: Any) -> Any:
        if name in ("requires_grad", "retain_grad"):
            return args[0]
        plain = getattr(torch.Tensor, name, None)
        target = args[0]
        if plain is None or not isinstance(target, Tensor) or (target.requires_grad and target.is_leaf):
            raise CannotReadError(f"changes a tensor in place ({name}_); write an expression instead")
        with self:
            found = plain(*args, **kwargs)
        self._written_to(torch.Tensor.__setitem__, (target, ..., found))
        return target


def _to(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype)


def _name(function: Any) -> str:
    """Return what a function of torch is called; of a property's getter, the property."""
    name = getattr(function, "__name__", str(function))
    if name == "__get__":
        owner = getattr(getattr(function, "__self__", None), "__name__", "")
        return owner if owner in ("T", "mT", "H", "mH", "real", "imag", "data") else "__get__"
    return str(name)


def tensors_in(value: Any) -> list[Tensor]:
    """Return all tensors in lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for one in value for tensor in tensors_in(one)]
    if isinstance(value, dict):
        return [tensor for one in value.values() for tensor in tensors_in(one)]
    return []


def _mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return lists, tuples and dictionaries with each tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        listed = [_mapped(one, change) for one in value]
        return listed if isinstance(value, list) else tuple(listed)
    if isinstance(value, dict):
        return {key: _mapped(one, change) for key, one in value.items()}
    return value

"""A circuit as data: Pauli rotations, their angles as functions of inputs and weights, and what is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhelpers._extras import require
from qhelpers.circuits.gates import Turn

Floats = NDArray[np.float64]

#: How often one real number may differ from another and still be the same angle: a few units in the last place of a double.
_SAME = 1e-9


class UnsupportedCircuitError(ValueError):
    """A circuit holds something that the engine does not compute; the message names it and says what to do."""


@dataclass(frozen=True)
class Rotation:
    """exp(-i angle/2 P): Pauli letters on wires; the angle by its place in `Angles`."""

    letters: str
    wires: tuple[int, ...]
    angle: int


@dataclass(frozen=True)
class Mark:
    """The end of a gate (its wires) or of a layer (all wires): where noise may be put in."""

    kind: str  # "gate" or "layer"
    wires: tuple[int, ...]


@dataclass(frozen=True)
class Observables:
    """Outputs as sums of Pauli words.

    Attributes
    ----------
    words : tuple of str
        One letter of I, X, Y, Z a qubit, qubit 0 first.
    matrix : array of shape (n_words, n_outputs)
        Real coefficients.
    scalar : bool
        The circuit returns one expectation value, not a list: the output has no last dimension.
    probabilities : tuple of (int, int)
        Ranges of outputs that are the probabilities of one measurement.
    """

    words: tuple[str, ...]
    matrix: Floats
    scalar: bool = False
    probabilities: tuple[tuple[int, int], ...] = ()


@dataclass
class Angles:
    """All angles of a circuit as functions of inputs x (n_inputs) and weights w (n_weights, all tensors one after the other).

    An angle is a constant, or affine in x and w, or whatever `general` computes.

    Attributes
    ----------
    constant : array of shape (n_angles,)
        The angle at x = 0, w = 0 of affine angles; the value of constants.
    by_input : array of shape (n_angles, n_inputs)
    by_weight : array of shape (n_angles, n_weights)
        Rates of change of affine angles, 0 elsewhere.
    general : callable or None
        (x, w) → the angles in `general_places`, shape (len(general_places),), in torch.
    general_places : list of int
    reads : list of (frozenset of int, frozenset of int)
        Inputs and weights that each angle depends on.
    """

    constant: Floats
    by_input: Floats
    by_weight: Floats
    general: Callable[..., Any] | None
    general_places: list[int]
    reads: list[tuple[frozenset[int], frozenset[int]]] = field(default_factory=list)

    @property
    def is_data(self) -> NDArray[np.bool_]:
        """Which angles depend on inputs, shape (n_angles,)."""
        return np.array([bool(inputs) for inputs, _ in self.reads], dtype=bool)

    @property
    def is_constant(self) -> NDArray[np.bool_]:
        """Which angles depend on nothing, shape (n_angles,)."""
        return np.array([not inputs and not weights for inputs, weights in self.reads], dtype=bool)


@dataclass
class Circuit:
    """What a front end reads: events in order of application, their angles, what is measured.

    Attributes
    ----------
    n_qubits, n_inputs, n_weights : int
    events : list of Rotation and Mark
    angles : Angles
    observables : Observables
    little_endian : bool
        Qiskit's order of basis states (qubit 0 is the last bit), else PennyLane's (wire 0 is the first).
    """

    n_qubits: int
    n_inputs: int
    n_weights: int
    events: list[Rotation | Mark]
    angles: Angles
    observables: Observables
    little_endian: bool = False


class Recorder:
    """Takes gates from a front end in order; angles may be numbers or tensors without dimensions."""

    def __init__(self) -> None:
        self.events: list[Rotation | Mark] = []
        self.values: list[Any] = []

    def add(self, turns: Sequence[Turn], wires: Sequence[int]) -> None:
        """Add a gate given as rotations; `wires` are the gate's own."""
        for letters, places, angle in turns:
            self.events.append(Rotation(letters, tuple(places), len(self.values)))
            self.values.append(angle)
        self.events.append(Mark("gate", tuple(wires)))

    def end_layer(self, wires: Sequence[int]) -> None:
        """Mark the end of a layer."""
        self.events.append(Mark("layer", tuple(wires)))


def read_angles(
    run: Callable[[Any, list[Any]], Recorder], n_inputs: int, shapes: Sequence[tuple[int, ...]]
) -> tuple[Recorder, Angles]:
    """Run a circuit once on symbols and return its gates and its angles as functions of inputs and weights.

    Parameters
    ----------
    run : callable
        ``run(inputs, weights)`` with inputs of shape (n_inputs,) and a list of weight tensors fills and returns a `Recorder`.
    n_inputs : int
    shapes : sequence of tuple
        Shapes of the weight tensors.

    Raises
    ------
    UnsupportedCircuitError
        If the gates or their number depend on the values of inputs or weights, or an angle is not a single real number.
    """
    torch = require("torch", "circuits")
    proxies = require("torch.fx.experimental.proxy_tensor", "circuits")
    held: dict[str, Recorder] = {}
    generator = torch.Generator().manual_seed(20)

    def draw() -> tuple[Any, Any]:
        sizes = int(sum(np.prod(shape) for shape in shapes))
        return (
            torch.rand(n_inputs, generator=generator, dtype=torch.float64) + 0.1,
            torch.rand(sizes, generator=generator, dtype=torch.float64) + 0.1,
        )

    def unpack(flat: Any) -> list[Any]:
        weights, start = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            weights.append(flat[start : start + size].reshape(shape))
            start += size
        return weights

    def values(inputs: Any, flat: Any) -> list[Any]:
        held["recorder"] = recorder = run(inputs, unpack(flat))
        found = []
        for value in recorder.values:
            if not isinstance(value, torch.Tensor):
                value = torch.as_tensor(np.asarray(value, dtype=np.float64))
            if value.numel() != 1:
                raise UnsupportedCircuitError(
                    f"an angle has shape {tuple(value.shape)} for one sample; a gate takes one number: index the inputs by "
                    "inputs[..., i], and weights by all their dimensions"
                )
            found.append(value.reshape(()).to(torch.float64))
        return found

    first, second = draw(), draw()
    try:
        traced = proxies.make_fx(values)(*first)
    except UnsupportedCircuitError:
        raise
    except RuntimeError as error:
        if "data-dependent" in str(error) or "tracing tensor" in str(error):
            raise _depends_on_values() from error
        raise
    recorder = held["recorder"]
    expected = values(*second)
    again = held["recorder"]
    found = traced(*second)
    same = len(expected) == len(found) and again.events == recorder.events
    if not same or any(abs(float(a) - float(b)) > _SAME for a, b in zip(expected, found, strict=True)):
        raise _depends_on_values()
    return recorder, _analyse(traced, n_inputs, first[1].numel(), len(found))


def _depends_on_values() -> UnsupportedCircuitError:
    return UnsupportedCircuitError(
        "the circuit depends on the values of its inputs or weights (an `if`, a loop's length, float() or .item() on them, or a "
        "detour through NumPy); the engine reads a circuit once for all values: keep angles as torch expressions of inputs and "
        "weights, and choose gates by plain Python numbers"
    )


#: Operations of torch's core that are linear in their only tensor argument.
_LINEAR = {
    "select", "slice", "view", "_unsafe_view", "reshape", "unbind", "squeeze", "unsqueeze", "expand", "permute", "transpose", "t",
    "alias", "clone", "_to_copy", "neg", "sum", "mean", "cat", "stack", "split", "split_with_sizes", "lift_fresh",
    "lift_fresh_copy", "flip", "roll", "diagonal", "as_strided", "getitem", "index_select",
}  # fmt: skip
_AFFINE = {"add", "sub", "rsub"}
_PRODUCT = {"mul", "mm", "mv", "dot", "matmul", "bmm"}


def _name(node: Any) -> str:
    target = node.target
    packet = getattr(target, "overloadpacket", None)
    return str(getattr(packet, "__name__", None) or getattr(target, "__name__", str(target))).split(".")[-1]


def _analyse(traced: Any, n_inputs: int, n_weights: int, n_angles: int) -> Angles:
    """Split the traced angles into constants, affine ones and the rest."""
    torch = require("torch", "circuits")
    depends: dict[Any, bool] = {}
    affine: dict[Any, bool] = {}
    outputs: Sequence[Any] = ()
    for node in traced.graph.nodes:
        sources = [other for other in node.all_input_nodes if depends[other]]
        depends[node] = node.op == "placeholder" or bool(sources)
        if node.op == "output":
            outputs = node.args[0]
        elif node.op == "placeholder" or not sources:
            affine[node] = True
        else:
            affine[node] = _is_linear(node, depends) and all(affine[other] for other in sources)
    is_affine = np.array([affine[node] for node in outputs], dtype=bool)
    zeros = torch.zeros(n_inputs, dtype=torch.float64), torch.zeros(n_weights, dtype=torch.float64)
    point = tuple(torch.rand(len(part), dtype=torch.float64, generator=torch.Generator().manual_seed(3)) + 0.1 for part in zeros)
    places = [k for k in range(n_angles) if not is_affine[k]]

    def stacked(keep: list[int]) -> Callable[[Any, Any], Any]:
        graph = torch.fx.Graph()
        copied: dict[Any, Any] = {}
        for node in traced.graph.nodes:
            if node.op == "output":
                graph.output([copied[outputs[k]] for k in keep])
            else:
                copied[node] = graph.node_copy(node, lambda other: copied[other])
        graph.eliminate_dead_code()
        module = torch.fx.GraphModule(traced, graph)
        return lambda inputs, weights: torch.stack(module(inputs, weights)) if keep else inputs.new_zeros(0)

    straight = stacked([k for k in range(n_angles) if is_affine[k]])
    constant, by_input, by_weight = np.zeros(n_angles), np.zeros((n_angles, n_inputs)), np.zeros((n_angles, n_weights))
    if is_affine.any():
        constant[is_affine] = straight(*zeros).detach().numpy()
        rates = torch.autograd.functional.jacobian(straight, zeros)
        by_input[is_affine], by_weight[is_affine] = rates[0].numpy(), rates[1].numpy()
    general = stacked(places) if places else None
    reads = [
        (frozenset(np.flatnonzero(by_input[k]).tolist()), frozenset(np.flatnonzero(by_weight[k]).tolist()))
        for k in range(n_angles)
    ]
    if general is not None:
        for k, row in zip(places, _reads(traced, outputs, affine, depends, places, point), strict=True):
            seen = np.flatnonzero(row)
            reads[k] = frozenset(seen[seen < n_inputs].tolist()), frozenset((seen[seen >= n_inputs] - n_inputs).tolist())
    return Angles(constant, by_input, by_weight, general, places, reads)


def _reads(traced: Any, outputs: Sequence[Any], affine: Any, depends: Any, places: list[int], point: Any) -> NDArray[np.bool_]:
    """Return which inputs and weights angles read, from the traced graph, shape (len(places), n_inputs + n_weights).

    Slopes at a point would not do (a clamped input has none). Every operation that is not linear is replaced by a sum of what it
    reads, with random weights, element by element where it works so; the Jacobian of what is left has a number other than 0
    exactly where something is read.
    """
    torch = require("torch", "circuits")
    generator = torch.Generator().manual_seed(5)

    interpreter: Any = torch.fx.Interpreter
    values: dict[Any, Any] = {}

    class Values(interpreter):
        def run_node(self, node: Any) -> Any:
            values[node] = super().run_node(node)
            return values[node]

    class Structure(interpreter):
        def run_node(self, node: Any) -> Any:
            if node.op != "call_function" or not depends[node] or _is_linear(node, depends):
                return super().run_node(node)
            sources = [self.env[other] for other in node.all_input_nodes if depends[other]]
            sources = [one.real + one.imag if one.is_complex() else one for one in sources]
            weights = torch.rand(len(sources), generator=generator, dtype=torch.float64) + 0.5
            found = values[node]
            if isinstance(found, torch.Tensor) and found.shape == torch.broadcast_shapes(*(one.shape for one in sources)):
                mixed = sum(weight * one for weight, one in zip(weights, sources, strict=True))
                return mixed.to(found.dtype) if found.is_complex() else mixed
            total = sum(weight * one.sum() for weight, one in zip(weights, sources, strict=True))
            if isinstance(found, torch.Tensor):
                return total * torch.ones(found.shape, dtype=found.dtype if found.is_complex() else torch.float64)
            return type(found)(total * torch.ones(one.shape, dtype=torch.float64) for one in found)

    Values(traced).run(*point)

    def structure(inputs: Any, weights: Any) -> Any:
        found = Structure(traced).run(inputs, weights)
        return torch.stack([found[k] for k in places])

    rates = torch.autograd.functional.jacobian(structure, point)
    found: NDArray[np.bool_] = (torch.cat([rate.reshape(len(places), -1) for rate in rates], 1) != 0).numpy()
    return found


def _is_linear(node: Any, depends: Any) -> bool:
    """Whether a node of the graph is an affine function of those of its arguments that depend on inputs or weights."""
    name = _name(node)
    sources = [other for other in node.all_input_nodes if depends[other]]
    if name in _LINEAR or name in _AFFINE:
        return True
    if name in _PRODUCT:
        return len(sources) == 1 and list(node.args).count(sources[0]) == 1
    if name == "div":
        return len(sources) == 1 and sources[0] is node.args[0] and sources[0] is not node.args[1]
    return name == "index" and sources == [node.args[0]]

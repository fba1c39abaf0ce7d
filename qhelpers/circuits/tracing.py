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


class LengthError(ValueError):
    """A state is given by too many or too few numbers."""


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
class Amplitudes:
    """A state of some qubits that the circuit begins in, by amplitudes that are functions of inputs and weights.

    Attributes
    ----------
    name : str
        What the user wrote.
    wires : tuple of int
        The first is the first bit of an amplitude's number.
    real, imag : tuple of int
        Places in `Angles` of the real and imaginary parts; no imaginary parts where all are 0.
    normalize : bool
        A batch that is not normalised is divided by its norms.
    validate : bool
        Amplitudes are to have norm 1.
    by_gates : bool
        PennyLane prepares the state by gates, which know amplitudes up to their norm only: so do the derivatives.
    """

    name: str
    wires: tuple[int, ...]
    real: tuple[int, ...]
    imag: tuple[int, ...]
    normalize: bool
    validate: bool
    by_gates: bool


@dataclass(frozen=True)
class Bits:
    """Numbers in `Angles` that are to be 0 or 1, and what they are given to."""

    name: str
    places: tuple[int, ...]


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
    variances : tuple of (int, int)
        Outputs that hold the expectation of a square, and the further columns with the expectation that is squared and taken off.
    stacked : bool
        The measurements stand one behind the other in the first dimension, as PennyLane's layer returns a tuple.
    shape : tuple of int
        Dimensions that the outputs of a sample are put into; () for one.
    """

    words: tuple[str, ...]
    matrix: Floats
    scalar: bool = False
    probabilities: tuple[tuple[int, int], ...] = ()
    variances: tuple[tuple[int, int], ...] = ()
    stacked: bool = False
    shape: tuple[int, ...] = ()

    @property
    def n_outputs(self) -> int:
        """Outputs of the circuit; further columns hold what variances are made of."""
        return self.matrix.shape[1] - len(self.variances)


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
        (x, w) → the angles in `general_places`, shape (..., len(general_places)), in torch; x of shape (..., n_inputs).
    general_places : list of int
    reads : list of (frozenset of int, frozenset of int)
        Inputs and weights that each angle depends on.
    captured : list of tensors
        What is trained besides the weights: tensors from outside that the circuit reads. Their elements are the last weights.
    watched : list of (tensor, version)
        Other tensors from outside; once one is changed the angles are no longer true.
    batch_problem : str
        Why the circuit is not the same for each sample of a batch, if it is not.
    """

    constant: Floats
    by_input: Floats
    by_weight: Floats
    general: Callable[..., Any] | None
    general_places: list[int]
    reads: list[tuple[frozenset[int], frozenset[int]]] = field(default_factory=list)
    captured: list[Any] = field(default_factory=list)
    watched: list[Any] = field(default_factory=list)
    batch_problem: str = ""

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"watched": []}  # elsewhere they are other tensors

    def outdated(self) -> bool:
        """Whether a tensor from outside has changed since the angles were read."""
        return any(one._version != version for one, version in self.watched)

    def at(self, inputs: Any, weights: Any) -> Any:
        """Return all angles, shape (..., n_angles), for inputs (..., n_inputs) and weights (n_weights,), tensors of doubles."""
        torch = require("torch", "engine")
        found = torch.as_tensor(self.constant) + inputs @ torch.as_tensor(self.by_input).T
        found = found + weights @ torch.as_tensor(self.by_weight).T
        if self.general is not None:
            found[..., self.general_places] = self.general(inputs, weights)
        return found

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
    deferred : bool
        Measurements inside the circuit were put off to its end, on qubits of their own.
    amplitudes : list of Amplitudes
        States of qubits in place of |0⟩, before all events.
    bits : list of Bits
        Of which basis states are made, by rotations among the events.
    """

    n_qubits: int
    n_inputs: int
    n_weights: int
    events: list[Rotation | Mark]
    angles: Angles
    observables: Observables
    little_endian: bool = False
    deferred: bool = False
    amplitudes: list[Amplitudes] = field(default_factory=list)
    bits: list[Bits] = field(default_factory=list)


class Recorder:
    """Takes gates from a front end in order; angles may be numbers or tensors without dimensions."""

    def __init__(self) -> None:
        self.events: list[Rotation | Mark] = []
        self.values: list[Any] = []
        self.amplitudes: list[Amplitudes] = []
        self.bits: list[Bits] = []

    @property
    def structure(self) -> tuple[Any, ...]:
        """What has to be the same whatever the values are."""
        return self.events, self.amplitudes, self.bits

    @property
    def touched(self) -> set[int]:
        """Wires that are no longer in |0⟩ for sure."""
        turned = {wire for event in self.events if isinstance(event, Rotation) for wire in event.wires}
        return turned | {wire for one in self.amplitudes for wire in one.wires}

    def keep(self, values: Sequence[Any]) -> tuple[int, ...]:
        """Keep numbers that turn nothing among the angles; return their places."""
        self.values += values
        return tuple(range(len(self.values) - len(values), len(self.values)))

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
    run: Callable[[Any, list[Any]], Recorder], n_inputs: int, shapes: Sequence[tuple[int, ...]], batches: bool = False
) -> tuple[Recorder, Angles]:
    """Run a circuit and return its gates and its angles as functions of inputs and weights.

    Parameters
    ----------
    run : callable
        ``run(inputs, weights)`` with inputs of shape (n_inputs,) and a list of weight tensors fills and returns a `Recorder`.
    n_inputs : int
    shapes : sequence of tuple
        Shapes of the weight tensors.
    batches : bool, default=False
        The framework runs the circuit on inputs of shape (n_samples, n_inputs) as well, and it is to be held that it then does
        with each sample what it does with one.

    Raises
    ------
    UnsupportedCircuitError
        If the gates or their number depend on the values of inputs or weights, or an angle is not a single real number.
    """
    torch = require("torch", "engine")
    from qhelpers.circuits import symbols

    sizes = [int(np.prod(shape)) for shape in shapes]
    generator = torch.Generator().manual_seed(20)

    def draw(*size: int, scale: float = 1.0) -> Any:
        return (torch.rand(size, generator=generator, dtype=torch.float64) + 0.1) * scale

    def unpack(flat: Any) -> list[Any]:
        return [part.reshape(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)] if sizes else []

    formulas = symbols.Formulas()
    reader = symbols.Reader(formulas, n_inputs)
    places = formulas.variables(n_inputs), formulas.variables(sum(sizes))
    inputs, flat = draw(n_inputs), draw(sum(sizes))
    weights = [part.clone().requires_grad_() for part in unpack(flat)]
    reader.know(inputs, places[0])
    for tensor, part in zip(weights, unpack(torch.as_tensor(places[1])), strict=True):
        reader.know(tensor, part)
    try:
        with reader:
            recorder = run(inputs, weights)
    except symbols.CannotReadError as error:
        raise UnsupportedCircuitError(f"the circuit {error}; {_ONCE}") from error
    listed = [_place(value, formulas, reader, torch) for value in recorder.values]
    table = _table(formulas, listed, n_inputs)
    table.captured, table.watched = reader.captured, reader.watched
    _confirm(run, table, recorder, draw, unpack, sum(sizes), n_inputs, batches)
    return recorder, table


#: Why not all that PennyLane runs can be read.
_ONCE = (
    "the engine reads a circuit once for all values: keep angles as torch expressions of inputs and weights, and choose gates by "
    "plain Python numbers"
)


def _place(value: Any, formulas: Any, reader: Any, torch: Any) -> int:
    """Return the place of an angle's formula."""
    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(np.asarray(value, dtype=np.float64))
    if value.numel() != 1:
        raise UnsupportedCircuitError(
            f"an angle has shape {tuple(value.shape)} for one sample; a gate takes one number: index the inputs by "
            "inputs[..., i], and weights by all their dimensions"
        )
    places = reader.places(value)
    if places is None:
        reader.meet(value)
        return int(formulas.keep(float(value), {}))
    return int(places.reshape(()))


def _table(formulas: Any, listed: list[int], n_inputs: int) -> Angles:
    """Split angles into affine ones and the rest."""
    from qhelpers.circuits.evaluation import Evaluator

    n, n_weights = len(listed), formulas.n_variables - n_inputs
    constant, rates = np.zeros(n), np.zeros((n, formulas.n_variables))
    general: list[int] = []
    for k, place in enumerate(listed):
        affine = formulas.affine[place]
        if affine is None:
            general.append(k)
            continue
        values = [affine[0], *affine[1].values()]
        if any(abs(complex(value).imag) > 1e-12 for value in values):
            raise UnsupportedCircuitError("an angle is a complex number; gates turn by real ones")
        constant[k] = complex(affine[0]).real
        for variable, rate in affine[1].items():
            rates[k, variable] = complex(rate).real
    compute = Evaluator(formulas, [listed[k] for k in general], n_inputs) if general else None
    reads = [
        (
            frozenset(one for one in formulas.reads[place] if one < n_inputs),
            frozenset(one - n_inputs for one in formulas.reads[place] if one >= n_inputs),
        )
        for place in listed
    ]
    return Angles(constant, rates[:, :n_inputs], rates[:, n_inputs : n_inputs + n_weights], compute, general, reads)


def _confirm(
    run: Any, table: Angles, recorder: Recorder, draw: Any, unpack: Any, n_weights: int, n_inputs: int, batches: bool
) -> None:
    """Run the circuit at other values, on one sample and on several, and compare with what was read."""
    torch = require("torch", "engine")
    from qhelpers.circuits import symbols

    def compare(inputs: Any, flat: Any) -> tuple[bool, Recorder]:
        with symbols.Widened():
            again = run(inputs, unpack(flat))
        if again.structure != recorder.structure:
            return False, again
        wanted = table.at(inputs, torch.cat([flat, *(one.detach().reshape(-1).double() for one in table.captured)]))
        for k, value in enumerate(again.values):
            value = torch.as_tensor(value, dtype=torch.float64).detach().reshape(-1)
            if value.numel() not in (1, inputs.shape[0] if inputs.ndim > 1 else 1):
                return False, again
            if bool(((value - wanted[..., k]).abs() > _SAME * (1 + value.abs())).any()):
                return False, again
        return True, again

    inputs, flat = draw(n_inputs), draw(n_weights, scale=3.0)
    same, again = compare(inputs, flat)
    if not same:
        with symbols.Widened():
            once_more = run(inputs, unpack(flat))
        numbers = [
            [float(torch.as_tensor(value, dtype=torch.float64).sum()) for value in one.values] for one in (again, once_more)
        ]
        if once_more.structure != again.structure or numbers[0] != numbers[1]:
            raise UnsupportedCircuitError(
                f"the circuit is another one in each call (an angle or a gate is drawn at random inside); {_ONCE}; draw before "
                "the layer, and pass what was drawn as inputs"
            )
        raise UnsupportedCircuitError(
            f"the circuit depends on the values of its inputs or weights, by a choice or a detour through NumPy; {_ONCE}"
        )
    if batches and n_inputs:
        try:
            mixed = _mixes(run, unpack, draw(3, n_inputs), flat) or not compare(draw(3, n_inputs, scale=-7.0), flat)[0]
        except LengthError:  # samples stand where features are to stand
            mixed = True
        except Exception:  # each framework fails in its own way on what works for one sample only
            return
        if mixed:
            table.batch_problem = (
                "the circuit mixes the samples of a batch (a mean or a maximum over all inputs, or inputs[i] where "
                "inputs[..., i] is the i-th feature), so that its result for one sample depends on the others; compute such "
                "things before the layer, and index inputs by inputs[..., i]"
            )


def _mixes(run: Any, unpack: Any, rows: Any, flat: Any) -> bool:
    """Whether an angle of one sample is made of the inputs of another."""
    torch = require("torch", "engine")
    from qhelpers.circuits import symbols

    formulas = symbols.Formulas()
    reader = symbols.Reader(formulas, rows.numel())
    reader.know(rows, formulas.variables(rows.numel()).reshape(rows.shape))
    with reader:
        values = run(rows, unpack(flat)).values
    own = [set(range(k * rows.shape[1], (k + 1) * rows.shape[1])) for k in range(len(rows))]
    for value in values:
        places = reader.places(value) if isinstance(value, torch.Tensor) else None
        for k, place in enumerate([] if places is None else places.reshape(-1).tolist()):
            read = {one for one in formulas.reads[place] if one < rows.numel()}
            if not formulas.loose[place] and not read <= own[k % len(rows)]:
                return True
    return False

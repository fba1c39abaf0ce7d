"""One circuit, several ways to compute it: the paths of the engine and the choice between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhelpers.circuits.frame import Frame, Noise, Turn, cone, frame
from qhelpers.circuits.functions import (
    COMPILED,
    Affine,
    Coefficients,
    Network,
    States,
    Terms,
    outside_transforms,
    sum_products,
    sum_terms,
    terms_of,
)
from qhelpers.circuits.noise import NoiseModel, pauli_transfer
from qhelpers.circuits.propagation import Program, TooManyWordsError, prefix_letters, propagate
from qhelpers.circuits.tracing import Circuit, Rotation
from qhelpers.circuits.train import Train, prefixes, ranks

Floats = NDArray[np.float64]

#: The ways to compute a circuit, see `Plan`.
PATHS = ("terms", "train", "state", "density")
#: From this many terms on, a sum of terms is computed as a product of matrices.
_MANY_TERMS = 2_000
#: The most samples that plain torch computes at once, by the size of what it holds for a sample (in numbers).
_CHUNK_NUMBERS = 4_000_000
#: (has x, has z) → component of the Bloch vector.
_AXES = {(1, 0): 0, (1, 1): 1, (0, 1): 2}


@dataclass(frozen=True)
class Plan:
    """How a layer computes its circuit for a batch.

    Attributes
    ----------
    path : {"terms", "train", "state", "density"}
        ``terms``: the data make a product state; what follows is one observable for the whole batch, as coefficients of a
        trigonometric sum (Pauli propagation), and the sum runs over the samples. ``train``: the same with the observable as an
        exact tensor train. ``state``: a state vector a sample. ``density``: the Pauli coefficients a sample, for noise where
        the data do not make a product state.
    compiled : bool
        Compiled loops (numba) or plain torch.
    n_qubits : int
        Width of the circuit.
    n_terms : int or None
        Terms of the trigonometric sum that can differ from zero, where known.
    n_words : int or None
        Pauli words that occur on the way, where known.
    costs : dict of str to float
        Estimated milliseconds of a step (forward and backward) of each path that is possible.
    memory : int
        Estimated bytes of a step.
    reasons : dict of str to str
        Why a path is not possible.
    """

    path: str
    compiled: bool
    n_qubits: int
    n_terms: int | None
    n_words: int | None
    costs: dict[str, float]
    memory: int
    reasons: dict[str, str]

    def __str__(self) -> str:
        costs = ", ".join(f"{name} {cost:.2g} ms" for name, cost in sorted(self.costs.items(), key=lambda item: item[1]))
        terms = "" if self.n_terms is None else f", {self.n_terms:,} live terms"
        kind = "compiled" if self.compiled else "torch"
        lines = [f"{self.path} ({kind}): {self.n_qubits} qubits{terms}; estimated: {costs}; {self.memory / 1e6:,.1f} MB"]
        lines += [f"not {name}: {reason}" for name, reason in self.reasons.items()]
        return "\n".join(lines)


class AngleMap:
    """Some of a circuit's angles as a function of inputs (n_samples, n_inputs) and weights (n_weights,)."""

    def __init__(self, circuit: Circuit, places: list[int]) -> None:
        angles = circuit.angles
        self.general = angles.general if set(places) & set(angles.general_places) else None
        self.rows = [angles.general_places.index(place) for place in places if place in angles.general_places]
        self.targets = [k for k, place in enumerate(places) if place in angles.general_places]
        self.n = len(places)
        self.by_input, self.by_weight = angles.by_input[places], angles.by_weight[places]
        self.constant = angles.constant[places]
        single = (self.by_input != 0).sum(1) == 1 if self.n else np.zeros(0, bool)
        self.single = self.general is None and not self.by_weight.any() and bool(single.all()) and self.n > 0
        if self.single:
            index = (self.by_input != 0).argmax(1)
            self.index: list[int] = index.tolist()
            self.scale = self.by_input[np.arange(self.n), index]
            self.same = bool(np.array_equal(index, np.arange(self.by_input.shape[1])))
            self.scaled, self.shifted = bool((self.scale != 1).any()), bool(self.constant.any())

    def shared(self, weights: Tensor) -> Tensor:
        """Return angles that do not depend on inputs, shape (n_angles,)."""
        found = weights @ torch.as_tensor(self.by_weight).to(weights).T + torch.as_tensor(self.constant).to(weights)
        if self.general is not None:
            inputs = weights.new_zeros(self.by_input.shape[1])
            values = self.general(inputs, weights).to(weights)[self.rows]
            found = found.index_copy(0, torch.as_tensor(self.targets, dtype=torch.long, device=weights.device), values)
        return found

    def batch(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return angles of each sample, shape (n_samples, n_angles)."""
        if self.single:
            found = inputs if self.same else inputs[:, self.index]
            if self.scaled:
                found = found * torch.as_tensor(self.scale).to(inputs)
            return found if not self.shifted else found + torch.as_tensor(self.constant).to(inputs)
        found = inputs @ torch.as_tensor(self.by_input).to(inputs).T + torch.as_tensor(self.constant).to(inputs)
        if self.by_weight.any():
            found = found + weights.to(inputs) @ torch.as_tensor(self.by_weight).to(inputs).T
        if self.general is not None:
            values = torch.func.vmap(self.general, in_dims=(0, None))(inputs, weights.to(inputs)).to(inputs)[:, self.rows]
            found = found.index_copy(1, torch.as_tensor(self.targets, dtype=torch.long, device=inputs.device), values)
        return found


class Features:
    """Features of samples: components of each qubit's Bloch vector after the prefix.

    Parameters
    ----------
    circuit, frame : Circuit, Frame
    transfer : array of shape (4, 4) or None
        The channel in the prefix, acting on (1, X, Y, Z).
    qubits : list of int
        The qubits whose components are wanted.
    """

    def __init__(self, circuit: Circuit, frame: Frame, transfer: Floats | None, qubits: list[int]) -> None:
        self.frame, self.transfer, self.qubits = frame, transfer, qubits
        prefixes = [frame.prefix[q] for q in qubits]
        self.simple = all(len(prefix) == 1 and isinstance(prefix[0], Turn) and prefix[0].word.x > 0 for prefix in prefixes)
        turns = [event for prefix in prefixes for event in prefix if isinstance(event, Turn)]
        self.angles_places = [turn.angle for turn in turns]
        self.angles = AngleMap(circuit, self.angles_places)
        self.free_of_weights = all(not circuit.angles.reads[place][1] for place in self.angles_places)
        # X(angle) makes Y of -sin, Y(angle) makes X of +sin.
        self.sign = np.array([t.sign * (-1 if self.simple and t.word.z == 0 else 1) for t in turns], float)
        self.flips = bool((self.sign != 1).any())

    def column(self, q: int, letter: int) -> int:
        """Return the column of a qubit's component (1, 2, 3 for X, Z, Y)."""
        place, n = self.qubits.index(q), len(self.qubits)
        if self.simple:
            return place + (n if letter == 2 else 0)
        return place + n * (letter - 1)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return features, shape (n_samples, n_columns)."""
        if not self.qubits:
            return inputs.new_zeros(inputs.shape[0], 1)
        theta = self.angles.batch(inputs, weights)
        if self.flips:
            theta = theta * torch.as_tensor(self.sign).to(theta)
        if self.simple:
            return torch.cat([torch.sin(theta), torch.cos(theta)], 1)
        return self._general(theta)

    def _general(self, theta: Tensor) -> Tensor:
        one, none = theta.new_ones(theta.shape[0]), theta.new_zeros(theta.shape[0])
        found: list[list[Tensor]] = [[], [], []]
        place = 0
        for q in self.qubits:
            bloch = [none, none, one]
            for event in self.frame.prefix[q]:
                if isinstance(event, Noise):
                    bloch = self._channel(event, bloch)
                    continue
                cos, sin = torch.cos(theta[:, place]), torch.sin(theta[:, place])
                axis = _AXES[int(event.word.x > 0), int(event.word.z > 0)]
                a, b = (axis + 1) % 3, (axis + 2) % 3
                bloch[a], bloch[b] = cos * bloch[a] - sin * bloch[b], cos * bloch[b] + sin * bloch[a]
                place += 1
            for row, component in enumerate((0, 2, 1)):  # columns are sorted by letter: X, Z, Y
                found[row].append(bloch[component])
        return torch.stack([column for part in found for column in part], 1)

    def _channel(self, event: Noise, bloch: list[Tensor]) -> list[Tensor]:
        """Apply the channel, given in the qubit's own axes, to a Bloch vector in the frame's axes."""
        transfer = self.transfer
        assert transfer is not None
        ax, az = (_AXES[int(word.x > 0), int(word.z > 0)] for word in (event.x, event.z))
        ay = 3 - ax - az
        moved = list(bloch)
        moved[ax] = bloch[ax] * float(transfer[1, 1])
        moved[ay] = bloch[ay] * float(transfer[2, 2])
        moved[az] = bloch[az] * float(transfer[3, 3]) + event.z.sign * float(transfer[3, 0])
        return moved


class Engine:
    """A circuit ready to be computed: (inputs (n_samples, n_inputs), weights (n_weights,)) → (n_samples, n_outputs).

    Parameters
    ----------
    circuit : Circuit
    noise : NoiseModel or None
    path : {"auto", "terms", "train", "state", "density"}
    compiled : bool or None
        None takes the compiled loops where numba is there.
    max_memory : float
        Bytes.
    """

    def __init__(
        self, circuit: Circuit, noise: NoiseModel | None = None, path: str = "auto", compiled: bool | None = None,
        max_memory: float = 2e9,
    ) -> None:  # fmt: skip
        self.circuit, self.noise, self.path, self.max_memory = circuit, noise, path, max_memory
        if path not in ("auto", *PATHS):
            raise ValueError(f"path={path!r} is unknown; allowed are 'auto', {', '.join(map(repr, PATHS))}")
        if compiled and not COMPILED:
            raise ValueError("compiled=True needs numba, which is not installed; pip install numba, or leave compiled out")
        self.compiled = COMPILED if compiled is None else compiled
        self.frame = frame(circuit, None if noise is None else noise.insertion)
        self.transfer = None if noise is None else pauli_transfer(noise.channel, noise.strength)
        if noise is not None and noise.insertion == "layer" and not any(
            getattr(event, "kind", None) == "layer" for event in circuit.events
        ):  # fmt: skip
            raise ValueError(
                "noise after each layer needs layers: the circuit has no barrier; put qml.Barrier() (Qiskit: circuit.barrier()) "
                "after each layer, or choose insertion='gate' or 'end'"
            )
        self._chosen: dict[tuple[int, bool], str] = {}

    @property
    def matrix(self) -> Floats:
        """Coefficients of words in outputs."""
        return self.circuit.observables.matrix

    @property
    def damp(self) -> Floats:
        """Factors of I, X, Y, Z in the Heisenberg picture and what Z gives to the identity."""
        if self.transfer is None:
            return np.array([1.0, 1.0, 1.0, 1.0, 0.0])
        return np.array([1.0, *np.diag(self.transfer)[1:], self.transfer[3, 0]])

    def _propagate(self, product: bool) -> Program | str:
        lowers = self.noise is not None and self.noise.channel == "amplitude_damping"
        try:
            return propagate(self.frame, self.matrix, product, lowers, not lowers)
        except TooManyWordsError:
            return "the observable spreads over too many Pauli words"

    @cached_property
    def product_program(self) -> Program | str:
        """Instructions for terms, or why there are none."""
        if not self.frame.product:
            return "the data do not make a product state (inputs come after entangling gates, or through them)"
        return self._propagate(product=True)

    @cached_property
    def full_program(self) -> Program | str:
        """Instructions for everything, data rotations included, or why there are none."""
        return self._propagate(product=False)

    @cached_property
    def cone(self) -> Frame:
        """The frame without what cannot reach a measured word."""
        program = self.full_program
        return cone(self.frame, set(program.active) if isinstance(program, Program) else None)

    def _vector(self, weights: Tensor, shared: AngleMap | None) -> Tensor:
        return weights if shared is None else torch.cat([weights, shared.shared(weights)])

    def _affine(self) -> tuple[Affine, AngleMap | None]:
        """Angles from weights; where some are not affine, from weights and those angles."""
        angles = self.circuit.angles
        odd = [place for place in angles.general_places if not angles.reads[place][0]]
        if not odd:
            return Affine(angles.by_weight, angles.constant), None
        rates = np.concatenate([angles.by_weight, np.zeros((len(angles.constant), len(odd)))], 1)
        for column, place in enumerate(odd):
            rates[place, angles.by_weight.shape[1] + column] = 1
        return Affine(rates, angles.constant), AngleMap(self.circuit, odd)

    @cached_property
    def _terms(self) -> TermsPath:
        """The path `terms`."""
        program = self.product_program
        assert isinstance(program, Program)
        return TermsPath(self, program)

    @cached_property
    def _state(self) -> Callable[[Tensor, Tensor], Tensor]:
        return StatePath(self)

    @cached_property
    def _whole_state(self) -> StatePath:
        return StatePath(self, whole=True)

    @cached_property
    def _train(self) -> Callable[[Tensor, Tensor], Tensor]:
        return TrainPath(self)

    @cached_property
    def _density(self) -> Callable[[Tensor, Tensor], Tensor]:
        return DensityPath(self)

    def reasons(self) -> dict[str, str]:
        """Return why paths are not possible."""
        found = {}
        if isinstance(self.product_program, str):
            found["terms"] = self.product_program
        if prefixes(self.circuit, None if self.noise is None else self.noise.insertion) is None:
            found["train"] = "inputs come after gates of two qubits, or through them"
        elif ranks(self.circuit) is None:
            found["train"] = "a gate turns more than two qubits"
        elif max(ranks(self.circuit) or [1]) > 256:
            found["train"] = "the ranks would pass 256"
        if self.noise is not None:
            found["state"] = "noise makes mixed states"
        if self.noise is None:
            found["density"] = "there is no noise"
        elif isinstance(self.full_program, str):
            found["density"] = self.full_program
        elif self.circuit.n_qubits > 6:
            found["density"] = f"density matrices go up to 6 qubits, not {self.circuit.n_qubits}"
        return found

    def costs(self, n_samples: int, reasons: dict[str, str]) -> dict[str, float]:
        """Estimate the milliseconds of a step of each possible path.

        The constants were measured on one core (benchmarks/growth.py draws them against measurement); only their ratios matter.
        """
        n_outputs = self.matrix.shape[1]
        found = {}
        if "terms" not in reasons:
            program = self.product_program
            assert isinstance(program, Program)
            terms = self._terms.terms
            products = len(terms.left[0]) * len(terms.right[0])
            a_term = 0.27e-6 if program.n_terms < _MANY_TERMS else 0.12e-6 * products / max(1, program.n_terms)
            found["terms"] = 0.18 + len(program.first) * n_outputs * 6e-6
            found["terms"] += n_samples * (n_outputs * program.n_terms * a_term + self.circuit.n_inputs * 6e-6)
        if "train" not in reasons:
            half, inner = TrainPath.size(self)
            steps = sum(
                isinstance(event, Rotation) and not self.circuit.angles.is_constant[event.angle] for event in self.circuit.events
            )
            steps += sum(isinstance(event, Rotation) and len(event.wires) > 1 for event in self.circuit.events)
            n_words = len(self.circuit.observables.words)
            found["train"] = 0.5 + n_words * (0.08 * steps + inner * 0.4e-6 + n_samples * half * 0.12e-6)
            found["train"] += n_samples * self.circuit.n_qubits * 40e-6
        if "state" not in reasons:
            bare = self.cone
            turns = sum(isinstance(event, Turn) for event in bare.events) + sum(map(len, bare.prefix))
            passes = turns * 4 + len(bare.words) * 1.5
            found["state"] = 0.25 + max(16, n_samples) * 2**bare.n_qubits * passes * 1.0e-6
        if "density" not in reasons:
            program = self.full_program
            assert isinstance(program, Program)
            found["density"] = 0.1 + n_samples * len(program.first) * n_outputs * 6e-6
        return found

    def choose(self, n_samples: int) -> str:
        """Return the path for a batch."""
        key = (int(np.log2(max(1, n_samples))), self.noise is None)
        if key not in self._chosen:
            self._chosen[key] = self.plan(n_samples).path
        return self._chosen[key]

    def plan(self, n_samples: int) -> Plan:
        """Return the path for a batch, with the estimates behind the choice."""
        reasons = self.reasons()
        costs = self.costs(n_samples, reasons)
        if self.path != "auto":
            if self.path in reasons:
                raise ValueError(f"path={self.path!r} is not possible here: {reasons[self.path]}; take path='auto'")
            path = self.path
        elif not costs:
            raise ValueError(
                f"{self.circuit.n_qubits} qubits with noise where the data do not make a product state: "
                f"{reasons['density']}; use fewer qubits, or encode all data before the first entangling gate"
            )
        else:
            path = min(costs, key=lambda name: costs[name])
        program = self.product_program if self.frame.product else None
        known = program if isinstance(program, Program) else None
        memory = self.memory(path, n_samples)
        return Plan(
            path, self.compiled, self.circuit.n_qubits, self._terms.n_terms if known else None,
            known.n_slots if known else None, costs, memory, reasons,
        )  # fmt: skip

    def memory(self, path: str, n_samples: int) -> int:
        """Estimate the bytes of a step, inputs and outputs aside."""
        n_outputs = self.matrix.shape[1]
        if path == "state":
            n = self.cone.n_qubits
            return 16 * 4 * 2**n * 8 if self.compiled else min(n_samples, self.chunk(path)) * 2**n * 16 * 4
        if path == "density":
            program = self.full_program
            assert isinstance(program, Program)
            return min(n_samples, self.chunk(path)) * 2 * len(program.first) * n_outputs * 8
        if path == "train":
            return min(n_samples, self.chunk(path)) * TrainPath.width(self) * 4 * 8
        program = self.product_program
        assert isinstance(program, Program)
        return 8 * (2 * len(program.first) * n_outputs + n_samples * 3 * self.circuit.n_qubits)

    def chunk(self, path: str) -> int:
        """Return how many samples are computed at once."""
        if path == "state":
            each = 2**self.cone.n_qubits
        elif path == "train":
            each = TrainPath.width(self)
        elif path == "density":
            program = self.full_program
            each = 2 * len(program.first) * self.matrix.shape[1] if isinstance(program, Program) else 1
        else:
            each = len(self._terms.terms.left[0]) + len(self._terms.terms.right[0])
        return max(1, _CHUNK_NUMBERS // max(1, each))

    @cached_property
    def _network(self) -> Network | None:
        return self._terms.network if self.path in ("auto", "terms") and "terms" not in self.reasons() and self._cheap else None

    @cached_property
    def _cheap(self) -> bool:
        """Whether the sum of terms is the path for every batch."""
        return all(self.choose(n_samples) == "terms" for n_samples in (1, 300, 100_000))

    def state(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the states before the measurement, shape (n_samples, 2^n_qubits), up to a global phase."""
        path = self._whole_state
        weights = weights.double()
        psi = path.states.plain(path.shared.shared(weights).to(inputs.dtype), path.data.batch(inputs, weights))
        psi = path.states.finish(psi, frame(self.circuit).clifford)
        if self.circuit.little_endian:
            return psi
        n = self.circuit.n_qubits
        order = np.zeros(2**n, np.int64)
        for q in range(n):
            order |= (np.arange(2**n) >> q & 1) << (n - 1 - q)
        return psi[:, torch.as_tensor(order, device=psi.device)]

    def step(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs by the fewest calls: (n_samples, n_outputs), (n_samples,) for one number; weights in any shape."""
        active = torch._C._are_functorch_transforms_active()
        if not active and self._network is not None and inputs.device.type == "cpu":
            return self._network(inputs, weights)
        return self(inputs, weights.reshape(-1))

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        path = outside_transforms(lambda: self.choose(inputs.shape[0]))
        needed = self.memory(path, inputs.shape[0])
        if needed > self.max_memory:
            raise ValueError(
                f"{self.circuit.n_qubits} qubits need {needed / 1e9:.1f} GB on the path {path!r}, more than max_memory="
                f"{self.max_memory / 1e9:.1f} GB; use fewer qubits, or raise max_memory"
            )
        with (
            torch._C._DisableFuncTorch()
        ):  # a path that is built at the first call, inside vmap or grad, is built of plain tensors
            run: Callable[[Tensor, Tensor], Tensor] = getattr(self, f"_{path}")
        return run(inputs, weights.double())  # there are few weights, and their errors would be seen in every sample


def _chunked(run: Callable[[Tensor], Tensor], inputs: Tensor, size: int) -> Tensor:
    """Run a computation on parts of the samples; on the way back each part is computed anew, so that memory holds one part."""
    if inputs.shape[0] <= size:
        return run(inputs)
    checkpoint = torch.utils.checkpoint.checkpoint
    parts = [checkpoint(run, part, use_reentrant=False) for part in inputs.split(size)]
    return torch.cat(parts)


class TermsPath:
    """Coefficients from weights, features from inputs, the sum of terms."""

    def __init__(self, engine: Engine, program: Program) -> None:
        self.engine = engine
        n, unital = engine.circuit.n_qubits, engine.damp[4] == 0
        letters = np.stack([(program.x >> q & 1) + 2 * (program.z >> q & 1) for q in range(n)], 1)
        for q in range(n):
            if not engine.frame.prefix[q] or (engine.noise is None and prefix_letters(engine.frame.prefix[q], unital) == {"Z"}):
                letters[:, q] = 0  # the component is 1 whatever the data
        qubits = [q for q in range(n) if letters[:, q].any()]
        self.features = Features(engine.circuit, engine.frame, engine.transfer, qubits)
        rows, inverse = np.unique(letters, axis=0, return_inverse=True) if len(letters) else (letters, np.zeros(0, int))
        self.terms: Terms = terms_of(rows, self.features.column)
        self.letters = rows[self.terms.order]
        self.n_terms = len(rows)
        self.reach = np.zeros((len(rows), program.reach.shape[1]), bool)
        place = np.empty(len(rows), np.int64)
        place[self.terms.order] = np.arange(len(rows))
        self.merge = None
        if len(rows) == len(letters):
            order = np.argsort(place[inverse.reshape(-1)])
            program.slots, program.x, program.z = program.slots[order], program.x[order], program.z[order]
            program.reach = program.reach[order]
            self.reach = program.reach
        else:
            self.merge = place[inverse.reshape(-1)]
            np.logical_or.at(self.reach, self.merge, program.reach)
        affine, self.shared = engine._affine()
        self.run = Coefficients(program, affine, engine.damp, engine.compiled)

    @cached_property
    def network(self) -> Network | None:
        """Everything in one function, where angles are inputs times numbers and weights enter as they are."""
        angles = self.features.angles
        if not (self.engine.compiled and self.features.simple and angles.single and self.merge is None and self.shared is None):
            return None
        if self.n_terms >= _MANY_TERMS or not self.features.qubits:
            return None
        sign = self.features.sign
        index = None if angles.same else angles.index
        scalar = self.engine.circuit.observables.scalar
        return Network(self.run, self.terms, index, angles.scale * sign, angles.constant * sign, scalar)

    def coefficients(self, weights: Tensor) -> Tensor:
        """Return the coefficients in double precision, shape (n_outputs, n_terms)."""
        found = self.run(self.engine._vector(weights, self.shared))
        if self.merge is not None:
            where = torch.as_tensor(self.merge, device=found.device)
            found = found.new_zeros(found.shape[0], self.n_terms).index_add(1, where, found)
        return found

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        coefficients = self.coefficients(weights)
        if self.n_terms < _MANY_TERMS and self.engine.compiled:
            return sum_terms(self.features(inputs, weights), coefficients, self.terms, compiled=True)
        return _chunked(
            lambda part: sum_products(self.features(part, weights), coefficients, self.terms), inputs, self.engine.chunk("terms")
        )


class StatePath:
    """A state vector a sample."""

    def __init__(self, engine: Engine, whole: bool = False) -> None:
        self.engine = engine
        bare = frame(engine.circuit) if whole else engine.cone
        turns = [event for prefix in bare.prefix for event in prefix] + list(bare.events)
        places = list(dict.fromkeys(turn.angle for turn in turns if isinstance(turn, Turn)))
        is_data = engine.circuit.angles.is_data
        data, shared = [p for p in places if is_data[p]], [p for p in places if not is_data[p]]
        self.data, self.shared = AngleMap(engine.circuit, data), AngleMap(engine.circuit, shared)
        places_d, places_w = ({place: k for k, place in enumerate(part)} for part in (data, shared))
        self.states = States(bare, engine.matrix, places_d, places_w, engine.compiled)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        shared = self.shared.shared(weights)

        def run(part: Tensor) -> Tensor:
            return self.states(shared, self.data.batch(part, weights))

        if self.engine.compiled and inputs.device.type == "cpu":
            return run(inputs)
        return _chunked(run, inputs, self.engine.chunk("state"))


class DensityPath:
    """The Pauli coefficients of each sample's observable: all rotations and channels, data included."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        program = engine.full_program
        assert isinstance(program, Program)
        n_angles = len(engine.circuit.angles.constant)
        places = sorted({int(angle) for angle in program.angle if angle >= 0})
        is_data = engine.circuit.angles.is_data
        self.data = AngleMap(engine.circuit, [p for p in places if is_data[p]])
        self.shared = AngleMap(engine.circuit, [p for p in places if not is_data[p]])
        rates = np.zeros((n_angles, len(places)))
        for column, place in enumerate([p for p in places if is_data[p]] + [p for p in places if not is_data[p]]):
            rates[place, column] = 1
        self.run = Coefficients(program, Affine(rates, np.zeros(n_angles)), engine.damp, engine.compiled)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        shared = self.shared.shared(weights)

        def run(part: Tensor) -> Tensor:
            data = self.data.batch(part, weights)
            vector = torch.cat([data, shared.to(data).expand(len(data), -1)], 1)
            return self.run(vector).sum(-1).to(part.dtype)

        return _chunked(run, inputs, self.engine.chunk("density"))


class TrainPath:
    """The observable as an exact tensor train, both halves multiplied with the samples' features."""

    def __init__(self, engine: Engine) -> None:
        self.engine, circuit = engine, engine.circuit
        self.train = Train(circuit, None if engine.noise is None else engine.noise.insertion, engine.transfer)
        everything = range(len(circuit.angles.constant))
        is_data = circuit.angles.is_data
        self.shared_places = [place for place in everything if not is_data[place]]
        self.shared = AngleMap(circuit, self.shared_places)
        data = list(dict.fromkeys(place for prefix in self.train.prefixes for _, place in prefix.steps if place >= 0))
        self.column = {place: k for k, place in enumerate(data)}
        self.data = AngleMap(circuit, data)

    @staticmethod
    def width(engine: Engine) -> int:
        """Numbers that a sample needs at once."""
        return 2 * 3 ** ((engine.circuit.n_qubits + 1) // 2) + 2 * max(ranks(engine.circuit) or [1])

    @staticmethod
    def size(engine: Engine) -> tuple[int, int]:
        """Multiplications a sample, and once for all samples, of one word."""
        n, sizes = engine.circuit.n_qubits, ranks(engine.circuit) or [1]
        middle = sizes[(n + 1) // 2 - 1] if n > 1 else 1
        half = 3 ** ((n + 1) // 2)
        inner = sum(a * b * 4 for a, b in zip([1, *sizes], [*sizes, 1], strict=True)) + 3 * half * middle * middle
        return 2 * half * middle, inner

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        n = self.engine.circuit.n_qubits
        angles = weights.new_zeros(len(self.engine.circuit.angles.constant)).index_copy(
            0, torch.as_tensor(self.shared_places, dtype=torch.long, device=weights.device), self.shared.shared(weights)
        )
        trains = [self.train.sites(word, angles) for word in self.engine.circuit.observables.words]
        middle = (n + 1) // 2

        def run(part: Tensor) -> Tensor:
            columns, letters = self._features(part, weights)
            left, right = _products(columns[:middle], part), _products(columns[middle:], part)
            outputs = []
            for sites in trains:
                a = _contract(sites[:middle], letters[:middle]).to(part.dtype)
                b = _contract([site.permute(2, 1, 0) for site in sites[: middle - 1 : -1]], letters[: middle - 1 : -1]).to(
                    part.dtype
                )
                b = _reversed(b, [1 + len(one) for one in letters[: middle - 1 : -1]])
                outputs.append(((left @ a) * (right @ b)).sum(1))
            return torch.stack(outputs, 1) @ torch.as_tensor(self.engine.matrix).to(part)

        return _chunked(run, inputs, self.engine.chunk("train"))

    def _features(self, inputs: Tensor, weights: Tensor) -> tuple[list[list[Tensor]], list[list[int]]]:
        theta = self.data.batch(inputs, weights)
        constant, is_constant = self.engine.circuit.angles.constant, self.engine.circuit.angles.is_constant

        def angle(places: list[int]) -> tuple[Any, Any]:
            if is_constant[places[0]]:
                return float(np.cos(constant[places[0]])), float(np.sin(constant[places[0]]))
            chosen = theta[:, [self.column[place] for place in places]]
            return torch.cos(chosen), torch.sin(chosen)

        return self.train.features(angle, inputs)


def _products(columns: list[list[Tensor]], like: Tensor) -> Tensor:
    """Return products of one factor a qubit (1 or a component), the first qubit's index running fastest."""
    found = like.new_ones(like.shape[0], 1)
    for part in columns:
        if part:
            found = torch.cat([found, *(column[:, None] * found for column in part)], 1)
    return found


def _contract(sites: list[Tensor], letters: list[list[int]]) -> Tensor:
    """Return the product of a train's sites, shape (choices of letters, rank), the first site's choice running fastest."""
    found = sites[0].new_ones(1, 1) if sites else torch.ones(1, 1, dtype=torch.float64)
    for site, chosen in zip(sites, letters, strict=True):
        part = site[:, [0, *chosen], :]
        found = torch.einsum("cl,lir->icr", found, part).flatten(0, 1)
    return found


def _reversed(matrix: Tensor, sizes: list[int]) -> Tensor:
    """Turn the order of the choices round: the last site's choice runs fastest no more."""
    if len(sizes) < 2:
        return matrix
    shaped = matrix.reshape(*sizes[::-1], matrix.shape[-1])
    return shaped.permute(*range(len(sizes) - 1, -1, -1), len(sizes)).reshape(matrix.shape)

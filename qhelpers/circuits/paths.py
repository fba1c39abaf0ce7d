"""The ways to compute a circuit: a sum of terms, a tensor train, state vectors, Pauli coefficients of each sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhelpers.circuits.angles import CompiledAngles
from qhelpers.circuits.direct import Network
from qhelpers.circuits.frame import Frame, Noise, Turn, frame
from qhelpers.circuits.functions import Affine, Coefficients, Terms, sum_products, sum_terms, terms_of
from qhelpers.circuits.initial import Initial
from qhelpers.circuits.prepared import AngleMap, Prepared
from qhelpers.circuits.propagation import Program, prefix_letters
from qhelpers.circuits.states import StateNetwork, States
from qhelpers.circuits.tracing import Circuit
from qhelpers.circuits.train import Train, ranks

Floats = NDArray[np.float64]

#: From this many terms on, a sum of terms is computed as a product of matrices.
MANY_TERMS = 2_000
#: (has x, has z) → component of the Bloch vector.
_AXES = {(1, 0): 0, (1, 1): 1, (0, 1): 2}


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


def _chunked(run: Callable[..., Tensor], inputs: Tensor, size: int, *beside: Tensor) -> Tensor:
    """Run a computation on parts of the samples; on the way back each part is computed anew, so that memory holds one part."""
    if inputs.shape[0] <= size:
        return run(inputs, *beside)
    parts = zip(*(one.split(size) for one in (inputs, *beside)), strict=True)
    if torch._C._are_functorch_transforms_active():  # which cannot compute anew on the way back
        return torch.cat([run(*part) for part in parts])
    checkpoint = torch.utils.checkpoint.checkpoint
    return torch.cat([checkpoint(run, *part, use_reentrant=False) for part in parts])


class TermsPath:
    """Coefficients from weights, features from inputs, the sum of terms."""

    def __init__(self, prepared: Prepared, program: Program) -> None:
        self.prepared = prepared
        n, unital = prepared.circuit.n_qubits, prepared.damp[4] == 0
        letters = np.stack([(program.x >> q & 1) + 2 * (program.z >> q & 1) for q in range(n)], 1)
        for q in range(n):
            if not prepared.frame.prefix[q] or (
                prepared.noise is None and prefix_letters(prepared.frame.prefix[q], unital) == {"Z"}
            ):
                letters[:, q] = 0  # the component is 1 whatever the data
        qubits = [q for q in range(n) if letters[:, q].any()]
        self.features = Features(prepared.circuit, prepared.frame, prepared.transfer, qubits)
        rows, inverse = np.unique(letters, axis=0, return_inverse=True) if len(letters) else (letters, np.zeros(0, int))
        self.terms: Terms = terms_of(rows, self.features.column)
        self.letters = rows[self.terms.order]
        self.n_terms = len(rows)
        place = np.empty(len(rows), np.int64)
        place[self.terms.order] = np.arange(len(rows))
        self.merge = None
        if len(rows) == len(letters):
            order = np.argsort(place[inverse.reshape(-1)])
            program.slots, program.x, program.z = program.slots[order], program.x[order], program.z[order]
            program.reach = program.reach[order]
        else:
            self.merge = place[inverse.reshape(-1)]
        affine, self.shared = prepared.affine()
        self.run = Coefficients(program, affine, prepared.damp, prepared.compiled)

    @cached_property
    def network(self) -> Network | None:
        """Everything in one function, where angles can be compiled and weights enter as they are."""
        features = self.features
        if not (self.prepared.compiled and features.simple and self.merge is None and self.shared is None):
            return None
        if self.n_terms >= MANY_TERMS or not features.qubits:
            return None
        compiled = CompiledAngles.make(self.prepared.circuit, features.angles_places)
        if compiled is None:
            return None
        scalar = self.prepared.circuit.observables.scalar and self.prepared.matrix.shape[1] == 1
        return Network(self.run, self.terms, compiled, features, scalar)

    def coefficients(self, weights: Tensor) -> Tensor:
        """Return the coefficients in double precision, shape (n_outputs, n_terms)."""
        found = self.run(self.prepared.vector(weights, self.shared))
        if self.merge is not None:
            where = torch.as_tensor(self.merge, device=found.device)
            found = found.new_zeros(found.shape[0], self.n_terms).index_add(1, where, found)
        return found

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        coefficients = self.coefficients(weights)
        if self.n_terms < MANY_TERMS and self.prepared.compiled:
            return sum_terms(self.features(inputs, weights), coefficients, self.terms)
        return _chunked(
            lambda part: sum_products(self.features(part, weights), coefficients, self.terms),
            inputs,
            self.prepared.chunk(len(self.terms.left[0]) + len(self.terms.right[0])),
        )


class StatePath:
    """A state vector a sample."""

    def __init__(self, prepared: Prepared, whole: bool = False) -> None:
        self.prepared, circuit = prepared, prepared.circuit
        bare = frame(circuit, diagonal=True) if whole else prepared.cone
        self.clifford = bare.clifford
        places = [turn.angle for turn in bare.everything if isinstance(turn, Turn)]
        is_data = circuit.angles.is_data
        data, shared = ([p for p in places if is_data[p] == kind] for kind in (True, False))
        columns, data = _distinct(circuit, data)
        self.data, self.shared = AngleMap(circuit, data), AngleMap(circuit, shared)
        self.states = States(
            bare, prepared.matrix, columns, {p: k for k, p in enumerate(shared)}, prepared.compiled, bool(circuit.amplitudes)
        )
        self.places = data, shared
        self.initial = Initial(circuit, bare.qubits) if circuit.amplitudes else None

    @cached_property
    def network(self) -> StateNetwork | None:
        """Everything in compiled loops, where angles can be compiled."""
        if not self.prepared.compiled:
            return None
        data, shared = (CompiledAngles.make(self.prepared.circuit, places) for places in self.places)
        if data is None or shared is None:
            return None
        observables = self.prepared.circuit.observables
        return StateNetwork(self.states, data, shared, observables.scalar and self.prepared.matrix.shape[1] == 1)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        shared = self.shared.shared(weights)

        def run(part: Tensor, begin: Tensor | None = None) -> Tensor:
            return self.states(shared, self.data.batch(part.double(), weights), part.dtype, begin)

        begin = () if self.initial is None else (self.initial(inputs, weights),)  # whether it is normalised is asked of a batch
        if self.prepared.compiled and inputs.device.type == "cpu":
            return run(inputs, *begin)
        return _chunked(run, inputs, self.prepared.chunk(2**self.prepared.cone.n_qubits), *begin)


def _distinct(circuit: Circuit, places: list[int]) -> tuple[dict[int, int], list[int]]:
    """Return the column of each place's angle among those that differ, and the places of these."""
    angles, seen, found = circuit.angles, dict[Any, int](), list[int]()
    columns = {}
    for place in places:
        key: Any = place
        if place not in angles.general_places:
            key = (angles.by_input[place].tobytes(), angles.by_weight[place].tobytes(), angles.constant[place])
        if key not in seen:
            seen[key] = len(found)
            found.append(place)
        columns[place] = seen[key]
    return columns, found


class DensityPath:
    """The Pauli coefficients of each sample's observable: all rotations and channels, data included."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        program = prepared.full_program
        assert isinstance(program, Program)
        n_angles = len(prepared.circuit.angles.constant)
        places = sorted({int(angle) for angle in program.angle if angle >= 0})
        is_data = prepared.circuit.angles.is_data
        self.data = AngleMap(prepared.circuit, [p for p in places if is_data[p]])
        self.shared = AngleMap(prepared.circuit, [p for p in places if not is_data[p]])
        rates = np.zeros((n_angles, len(places)))
        for column, place in enumerate([p for p in places if is_data[p]] + [p for p in places if not is_data[p]]):
            rates[place, column] = 1
        self.run = Coefficients(program, Affine(rates, np.zeros(n_angles)), prepared.damp, prepared.compiled)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        shared = self.shared.shared(weights)

        def run(part: Tensor) -> Tensor:
            data = self.data.batch(part, weights)
            vector = torch.cat([data, shared.to(data).expand(len(data), -1)], 1)
            return self.run(vector).sum(-1).to(part.dtype)

        return _chunked(run, inputs, self.prepared.chunk(self.width(self.prepared)))

    @staticmethod
    def width(prepared: Prepared) -> int:
        """Numbers that a sample needs at once."""
        program = prepared.full_program
        assert isinstance(program, Program)
        return 2 * len(program.first) * prepared.matrix.shape[1]


class TrainPath:
    """The observable as an exact tensor train, both halves multiplied with the samples' features."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, circuit = prepared, prepared.circuit
        self.train = Train(circuit, None if prepared.noise is None else prepared.noise.insertion, prepared.transfer)
        everything = range(len(circuit.angles.constant))
        is_data = circuit.angles.is_data
        self.shared_places = [place for place in everything if not is_data[place]]
        self.shared = AngleMap(circuit, self.shared_places)
        data = list(dict.fromkeys(place for prefix in self.train.prefixes for _, place in prefix.steps if place >= 0))
        self.column = {place: k for k, place in enumerate(data)}
        self.data = AngleMap(circuit, data)

    @staticmethod
    def width(prepared: Prepared) -> int:
        """Numbers that a sample needs at once."""
        return 2 * 3 ** ((prepared.circuit.n_qubits + 1) // 2) + 2 * max(ranks(prepared.circuit) or [1])

    @staticmethod
    def size(prepared: Prepared) -> tuple[int, int]:
        """Multiplications a sample, and once for all samples, of one word."""
        n, sizes = prepared.circuit.n_qubits, ranks(prepared.circuit) or [1]
        middle = sizes[(n + 1) // 2 - 1] if n > 1 else 1
        half = 3 ** ((n + 1) // 2)
        inner = sum(a * b * 4 for a, b in zip([1, *sizes], [*sizes, 1], strict=True)) + 3 * half * middle * middle
        return 2 * half * middle, inner

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        n = self.prepared.circuit.n_qubits
        angles = weights.new_zeros(len(self.prepared.circuit.angles.constant)).index_copy(
            0, torch.as_tensor(self.shared_places, dtype=torch.long, device=weights.device), self.shared.shared(weights)
        )
        trains = [self.train.sites(word, angles) for word in self.prepared.circuit.observables.words]
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
            return torch.stack(outputs, 1) @ torch.as_tensor(self.prepared.matrix).to(part)

        return _chunked(run, inputs, self.prepared.chunk(self.width(self.prepared)))

    def _features(self, inputs: Tensor, weights: Tensor) -> tuple[list[list[Tensor]], list[list[int]]]:
        theta = self.data.batch(inputs, weights)
        constant, is_constant = self.prepared.circuit.angles.constant, self.prepared.circuit.angles.is_constant

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

"""A circuit made ready for computing: its frame, its channel, the programs of its observables, its angles."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhelpers.circuits.frame import Frame, cone, frame
from qhelpers.circuits.functions import COMPILED, Affine
from qhelpers.circuits.noise import NoiseModel, pauli_transfer
from qhelpers.circuits.propagation import Program, TooManyWordsError, propagate
from qhelpers.circuits.tracing import Circuit, UnsupportedCircuitError

Floats = NDArray[np.float64]

#: The most numbers that plain torch holds at once, whatever a sample needs.
_CHUNK_NUMBERS = 4_000_000


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
            values = self.general(inputs, weights.to(inputs))[:, self.rows]
            found = found.index_copy(1, torch.as_tensor(self.targets, dtype=torch.long, device=inputs.device), values)
        return found


class Prepared:
    """What every way to compute a circuit needs.

    Parameters
    ----------
    circuit : Circuit
    noise : NoiseModel or None
    compiled : bool or None
        None takes the compiled loops where numba is there.
    """

    def __init__(self, circuit: Circuit, noise: NoiseModel | None = None, compiled: bool | None = None) -> None:
        self.circuit, self.noise = circuit, noise
        if compiled and not COMPILED:
            raise ValueError("compiled=True needs numba, which is not installed; pip install numba, or leave compiled out")
        self.compiled = COMPILED if compiled is None else compiled
        if noise is not None and circuit.amplitudes:
            raise UnsupportedCircuitError(
                f"noise beside a state given by its amplitudes ({circuit.amplitudes[0].name}): the engine computes such a "
                "circuit by state vectors, and noise makes mixed states; leave one of the two out, or encode inputs by angles"
            )
        self.frame = frame(circuit, None if noise is None else noise.insertion)
        self.transfer = None if noise is None else pauli_transfer(noise.channel, noise.strength)
        if noise is not None and circuit.deferred:
            raise UnsupportedCircuitError(
                "noise beside measurements inside the circuit: deferred to the end they have other gates for noise to strike; "
                "leave one of the two out"
            )
        if noise is not None and noise.insertion == "layer" and not any(
            getattr(event, "kind", None) == "layer" for event in circuit.events
        ):  # fmt: skip
            raise ValueError(
                "noise after each layer needs layers: the circuit has no barrier; put qml.Barrier() (Qiskit: circuit.barrier()) "
                "after each layer, or choose insertion='gate' or 'end'"
            )

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

    @property
    def begins(self) -> str:
        """Why the circuit does not begin in |0…0⟩, which Pauli propagation and tensor trains take for granted."""
        listed = ", ".join(dict.fromkeys(one.name for one in self.circuit.amplitudes))
        return listed and f"the circuit begins in a state given by its amplitudes ({listed})"

    def _propagate(self, product: bool) -> Program | str:
        if self.begins:
            return self.begins
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
        """The circuit for state vectors (`frame` with ``diagonal``), without what cannot reach a measured word."""
        program, whole = self.full_program, frame(self.circuit, diagonal=True)
        entangled = sum(1 << wire for one in self.circuit.amplitudes for wire in one.wires)
        if not isinstance(program, Program):
            return cone(whole, entangled=entangled)
        return cone(whole, set(program.active) | set(np.flatnonzero(self.circuit.angles.is_constant).tolist()), entangled)

    def vector(self, weights: Tensor, shared: AngleMap | None) -> Tensor:
        """Return what `affine` takes: the weights, and behind them those angles that are no affine function of them."""
        return weights if shared is None else torch.cat([weights, shared.shared(weights)])

    def affine(self) -> tuple[Affine, AngleMap | None]:
        """Angles from weights; where some are not affine, from weights and those angles."""
        angles = self.circuit.angles
        odd = [place for place in angles.general_places if not angles.reads[place][0]]
        if not odd:
            return Affine(angles.by_weight, angles.constant), None
        rates = np.concatenate([angles.by_weight, np.zeros((len(angles.constant), len(odd)))], 1)
        for column, place in enumerate(odd):
            rates[place, angles.by_weight.shape[1] + column] = 1
        return Affine(rates, angles.constant), AngleMap(self.circuit, odd)

    @staticmethod
    def chunk(width: int) -> int:
        """Return how many samples of so many numbers each are computed at once."""
        return max(1, _CHUNK_NUMBERS // max(1, width))

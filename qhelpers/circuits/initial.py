"""States that a circuit begins in where inputs or weights give them: amplitudes, and the bits of basis states."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from qhelpers.circuits.prepared import AngleMap
from qhelpers.circuits.tracing import Amplitudes, Circuit

#: How far a norm may be from 1: as PennyLane has it where amplitudes are taken as they are, and where gates prepare them.
_CLOSE, _CLOSE_BY_GATES = 1e-5, 1e-3


class _Values:
    """Real numbers among a circuit's angles, some of them constant."""

    def __init__(self, circuit: Circuit, places: tuple[int, ...]) -> None:
        fixed = circuit.angles.is_constant[list(places)]
        self.constant = np.where(fixed, circuit.angles.constant[list(places)], 0.0)
        self.free = np.flatnonzero(~fixed)
        self.map = AngleMap(circuit, [places[k] for k in self.free])

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return them for each sample, shape (n_samples, n_values)."""
        if not len(self.free):
            return torch.as_tensor(self.constant).to(inputs).expand(inputs.shape[0], -1)
        found = self.map.batch(inputs, weights)
        if len(self.free) == len(self.constant):
            return found
        whole = torch.as_tensor(self.constant).to(inputs).expand(inputs.shape[0], -1)
        return whole.index_copy(1, torch.as_tensor(self.free, device=inputs.device), found)


class Initial:
    """The states that a circuit begins in: (inputs, weights) → complex tensor of shape (n_samples, 2^n_qubits).

    Parameters
    ----------
    circuit : Circuit
    qubits : list of int
        The circuit's qubits that are left, all of `Circuit.amplitudes` among them; bit k of the states' index is for number k.
    """

    def __init__(self, circuit: Circuit, qubits: list[int]) -> None:
        self.n_qubits = len(qubits)
        self.parts = [
            (one, _Values(circuit, one.real), _Values(circuit, one.imag) if one.imag else None) for one in circuit.amplitudes
        ]
        self.index = np.zeros(1, np.int64)
        for one in circuit.amplitudes:
            own = np.zeros(1, np.int64)
            for wire in one.wires:
                own = (own[:, None] + np.array([0, 1 << qubits.index(wire)])).reshape(-1)
            self.index = (self.index[:, None] + own).reshape(-1)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the states.

        Raises
        ------
        ValueError
            If amplitudes do not have norm 1 and are neither to be normalised nor taken as they are, or cannot be normalised.
        """
        wide, found = inputs.double(), None
        for one, real, imag in self.parts:
            values = real(wide, weights)
            if imag is not None:
                values = torch.complex(values, imag(wide, weights))
            values = _normed(one, values)
            found = values if found is None else (found[:, :, None] * values[:, None, :]).flatten(1)
        assert found is not None
        found = found.to(torch.complex128 if inputs.dtype == torch.float64 else torch.complex64)
        index = torch.as_tensor(self.index, device=found.device)
        return found.new_zeros(found.shape[0], 2**self.n_qubits).index_copy(1, index, found)


def _normed(one: Amplitudes, values: Tensor) -> Tensor:
    """Do with amplitudes what PennyLane does: its question is whether the whole batch is normalised, and then it leaves it."""
    if not (one.normalize or one.validate or one.by_gates):
        return values
    norms = torch.linalg.vector_norm(values, dim=1)
    close = (norms - 1).abs() <= (_CLOSE if one.validate or not one.by_gates else _CLOSE_BY_GATES)
    good = (norms > 0) & torch.isfinite(norms) if one.normalize else close
    if torch._C._are_functorch_transforms_active():  # values cannot be looked at
        values = torch.where(good[:, None], values, torch.nan)
    elif not bool(good.all()):
        k = int((~good).nonzero()[0])
        what = "which cannot be normalised" if one.normalize else "and a state has norm 1: divide by it, or take normalize=True"
        raise ValueError(f"{one.name}: the amplitudes of sample {k} have norm {float(norms[k].detach()):.6g}, {what}")
    if not one.by_gates:
        if not one.normalize:
            return values
        norms = torch.where(close.all(), torch.ones_like(norms), norms)
    return values / norms[:, None]


class CheckBits:
    """Raises a ValueError where what a basis state is made of is neither 0 nor 1."""

    def __init__(self, circuit: Circuit) -> None:
        self.parts = [(one.name, _Values(circuit, one.places)) for one in circuit.bits]

    def __call__(self, inputs: Tensor, weights: Tensor) -> None:
        """Check each sample; inside a transform, where values cannot be looked at, a wrong one comes out as not a number."""
        if torch._C._are_functorch_transforms_active():
            return
        for name, bits in self.parts:
            values = bits(inputs.detach().double(), weights.detach().double())
            wrong = (values != 0) & (values != 1)
            if bool(wrong.any()):
                k, place = (int(one) for one in wrong.nonzero()[0])
                value = float(values[k, place])
                raise ValueError(
                    f"{name}: sample {k} gives {value:.6g} for wire number {place}; a basis state is made of 0 and 1"
                )

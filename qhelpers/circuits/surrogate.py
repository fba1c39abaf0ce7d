"""A circuit's outputs as a sum of products of sines and cosines: a plain torch module, a table, an ONNX file."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhelpers._extras import require
from qhelpers.circuits.engine import Engine
from qhelpers.circuits.frame import Turn
from qhelpers.circuits.noise import pauli_transfer
from qhelpers.circuits.propagation import TURN, Program
from qhelpers.circuits.tracing import UnsupportedCircuitError

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

#: The most terms of a surrogate.
MAX_TERMS = 3**8
#: The most numbers held while the terms of a circuit that encodes a feature more than once are worked out.
_MAX_NUMBERS = 40_000_000


class Surrogate(torch.nn.Module):
    """The trigonometric sum that a circuit computes with its present weights, exactly and without quantum code.

    output_k = Σ_t coefficients[t, k] Π_d f(angle_d), f one of 1, cos, sin; angles = inputs · rates.T + offset.

    Attributes
    ----------
    coefficients : torch.nn.Parameter of shape (n_terms, n_outputs)
        Free to be fitted anew.
    factors : tensor of int of shape (n_terms, n_angles)
        0 for 1, 1 for cos, 2 for sin.
    rates : tensor of shape (n_angles, n_inputs)
    offset : tensor of shape (n_angles,)
    words : tuple of tuple of str
        The Pauli words of each output.
    """

    factors: Tensor
    rates: Tensor
    offset: Tensor

    def __init__(
        self,
        coefficients: Floats,
        factors: NDArray[np.int64],
        rates: Floats,
        offset: Floats,
        scalar: bool,
        words: tuple[tuple[str, ...], ...],
    ) -> None:
        super().__init__()
        self.coefficients = torch.nn.Parameter(torch.as_tensor(coefficients, dtype=torch.float64))
        self.register_buffer("factors", torch.as_tensor(factors))
        self.register_buffer("rates", torch.as_tensor(rates, dtype=torch.float64))
        self.register_buffer("offset", torch.as_tensor(offset, dtype=torch.float64))
        self.scalar, self.words = scalar, words

    def terms(self, inputs: Tensor) -> Tensor:
        """Return the value of each term's product, shape (n_samples, n_terms): the columns of a linear model."""
        angles = inputs @ self.rates.to(inputs.dtype).T + self.offset.to(inputs.dtype)
        choices = torch.stack([torch.ones_like(angles), torch.cos(angles), torch.sin(angles)], -1)
        found = inputs.new_ones(1, 1)
        for d in range(self.factors.shape[1]):
            found = found * choices[:, d, :].index_select(1, self.factors[:, d])
        return found.expand(inputs.shape[0], self.factors.shape[0])

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        inputs : tensor of shape (..., n_inputs)

        Returns
        -------
        tensor of shape (..., n_outputs), or (...) for a circuit that returns one expectation value
        """
        batch = inputs.reshape(-1, inputs.shape[-1])
        outputs = self.terms(batch) @ self.coefficients.to(inputs.dtype)
        return outputs.reshape(inputs.shape[:-1] if self.scalar else (*inputs.shape[:-1], outputs.shape[1]))

    def table(self, names: Sequence[str] | None = None, form: str = "products") -> pandas.DataFrame:
        """Return the terms as a table, largest first.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the inputs; x0, x1, ... by default.
        form : {"products", "frequencies"}, default="products"
            Products of sines and cosines as they come; or one row a frequency vector k with the coefficients of cos(k·x) and
            sin(k·x), where equal frequencies are added up.

        Returns
        -------
        pandas.DataFrame
            ``products``: columns term and coefficient (one an output). ``frequencies``: a column an input, then cos and sin.
        """
        pd = require("pandas", "experiments")  # a third of a second, which who only computes does not pay

        names = [f"x{i}" for i in range(self.rates.shape[1])] if names is None else list(names)
        if len(names) != self.rates.shape[1]:
            raise ValueError(f"{len(names)} names for {self.rates.shape[1]} inputs; give one name an input")
        values = self.coefficients.detach().numpy()
        labels = [""] if values.shape[1] == 1 else [f" {k}" for k in range(values.shape[1])]
        if form == "products":
            shown = [_argument(rate, offset, names) for rate, offset in zip(self.rates.numpy(), self.offset.numpy(), strict=True)]
            terms = [
                " ".join(f"{('', 'cos', 'sin')[f]}({shown[d]})" for d, f in enumerate(row) if f) or "1"
                for row in self.factors.numpy()
            ]
            frame = pd.DataFrame({"term": terms} | {f"coefficient{one}": values[:, k] for k, one in enumerate(labels)})
            order = np.argsort(-np.abs(values).max(1), kind="stable")
            return frame.iloc[order].reset_index(drop=True)
        if form != "frequencies":
            raise ValueError(f"form={form!r} is unknown; allowed are 'products' and 'frequencies'")
        found = self._frequencies()
        rows = []
        for key, value in sorted(found.items(), key=lambda item: -np.abs(item[1]).max()):
            row: dict[str, float] = dict(zip(names, key, strict=True))
            for k, one in enumerate(labels):
                row |= {f"cos{one}": float(value[k].real), f"sin{one}": float(-value[k].imag)}
            rows.append(row)
        return pd.DataFrame(rows)

    def _frequencies(self) -> dict[tuple[float, ...], NDArray[np.complex128]]:
        """Return frequency vector → complex amplitude a of Re(a e^{ik·x}), for each output."""
        rates, offset = self.rates.numpy(), self.offset.numpy()
        found: dict[tuple[float, ...], Any] = {}
        for row, value in zip(self.factors.numpy(), self.coefficients.detach().numpy(), strict=True):
            active = np.flatnonzero(row)
            for signs in product((1, -1), repeat=max(0, len(active) - 1)):
                amplitude = value.astype(complex)
                if len(active):
                    signs = (1, *signs)
                    # cos = Re e^{iθ}, sin = Re(-i e^{iθ}); products by 2 Re a Re b = Re(ab) + Re(a conj b)
                    vector, phase = np.zeros(rates.shape[1]), 1 / 2 ** (len(active) - 1) + 0j
                    for d, sign in zip(active, signs, strict=True):
                        one = (1 if row[d] == 1 else -1j) * np.exp(1j * offset[d])
                        phase *= one if sign > 0 else np.conj(one)
                        vector = vector + sign * rates[d]
                    amplitude = amplitude * phase
                else:
                    vector = np.zeros(rates.shape[1])
                nonzero = np.flatnonzero(np.abs(vector) > 1e-9)
                if len(nonzero) and vector[nonzero[0]] < 0:
                    vector, amplitude = -vector, np.conj(amplitude)
                key = tuple(float(one) + 0.0 for one in np.round(vector, 9))
                found[key] = found.get(key, 0) + amplitude
        return {key: value for key, value in found.items() if np.abs(value).max() > 1e-12}

    def under(self, channel: str, strength: float) -> Surrogate:
        """Return the surrogate with noise on every qubit just before the measurement, where that is one factor an output.

        Parameters
        ----------
        channel : str
            One of `CHANNELS`, but for amplitude damping, which adds terms.
        strength : float
            In [0, 1].

        Raises
        ------
        ValueError
            Where noise is no such factor; the message says why.
        """
        transfer = pauli_transfer(channel, strength)
        if np.abs(transfer - np.diag(np.diag(transfer))).max() > 1e-12:
            raise ValueError(f"{channel} adds terms, it does not only shrink them; use QuantumLayer(..., noise=NoiseModel(...))")
        damp = dict(zip("IXYZ", np.diag(transfer), strict=True))
        factors = [{round(float(np.prod([damp[letter] for letter in word])), 15) for word in words} for words in self.words]
        if any(len(one) > 1 for one in factors):
            raise ValueError(
                "an output sums words that the noise shrinks by different factors, so that its terms have no factor of their "
                "own; measure the words one by one"
            )
        scale = np.array([next(iter(one), 1.0) for one in factors])
        values = self.coefficients.detach().numpy() * scale
        return Surrogate(values, self.factors.numpy(), self.rates.numpy(), self.offset.numpy(), self.scalar, self.words)

    def export_onnx(self, path: str | Path) -> Path:
        """Write the module as an ONNX file in float32 with a batch of any size.

        Parameters
        ----------
        path : path-like
            The file; input "inputs" of shape (batch, n_inputs), output "outputs".
        """
        require("onnxscript", "circuits")
        path = Path(path)
        single = copy.deepcopy(self).float()
        for parameter in single.parameters():
            parameter.requires_grad_(False)
        example = torch.zeros(2, self.rates.shape[1])
        program = torch.onnx.export(
            single.eval(), (example,), dynamo=True, input_names=["inputs"], output_names=["outputs"],
            dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False,
        )  # fmt: skip
        assert program is not None
        part = path.with_name(path.name + ".part")
        program.save(str(part))
        part.replace(path)
        return path


def _argument(rate: Floats, offset: float, names: Sequence[str]) -> str:
    """Return an angle as text."""
    parts = [
        (f"{value:g} " if value not in (1, -1) else "-" if value < 0 else "") + name
        for value, name in zip(rate, names, strict=True)
        if value
    ]
    parts += [f"{offset:.4g}"] if abs(offset) > 1e-12 else []
    return " + ".join(parts).replace("+ -", "- ") or "0"


def surrogate_of(engine: Engine, weights: Tensor) -> Surrogate:
    """Work out the surrogate of a circuit at these weights (n_weights,)."""
    if engine.noise is not None:
        raise ValueError("the layer has noise; take the surrogate of the layer without it, and .under(channel, strength)")
    angles, observables = engine.circuit.angles, engine.circuit.observables
    words = tuple(
        tuple(word for word, value in zip(observables.words, column, strict=True) if value) for column in observables.matrix.T
    )
    program = engine.product_program
    if isinstance(program, Program) and engine._terms.features.simple:
        path = engine._terms
        if path.n_terms > MAX_TERMS:
            raise _too_many(path.n_terms)
        features = path.features
        places = features.angles_places
        letters = path.letters
        factors = np.zeros((path.n_terms, len(features.qubits)), np.int64)
        sign = np.ones(path.n_terms)
        for d, q in enumerate(features.qubits):
            factors[:, d] = np.where(letters[:, q] == 2, 1, np.where(letters[:, q] > 0, 2, 0))
            sign *= np.where((letters[:, q] > 0) & (letters[:, q] != 2), features.sign[d], 1.0)
        with torch.no_grad():
            values = path.coefficients(weights.double()).numpy().T * sign[:, None]
    else:
        values, factors, places = _monomials(engine, weights)
    odd = [place for place in places if place in angles.general_places]
    if odd:
        raise UnsupportedCircuitError(
            "an angle is not a linear function of the inputs (a product of inputs, for instance), so that the output is no sum "
            "over fixed frequencies; a surrogate needs angles a·x + b"
        )
    offset = angles.constant[places] + angles.by_weight[places] @ weights.detach().double().numpy()
    live = np.abs(values).max(1) > 0 if len(values) else np.zeros(0, bool)
    return Surrogate(values[live], factors[live], angles.by_input[places], offset, observables.scalar, words)


def _too_many(n_terms: int) -> UnsupportedCircuitError:
    return UnsupportedCircuitError(
        f"the trigonometric sum has {n_terms:,} terms; a surrogate is made up to {MAX_TERMS:,} (3^8): use the layer itself, or a "
        "circuit with fewer rotations by data"
    )


def _monomials(engine: Engine, weights: Tensor) -> tuple[Floats, NDArray[np.int64], list[int]]:
    """Run the program with the rotations by data left open: each of them makes three of every coefficient."""
    program = engine.full_program
    is_data = engine.circuit.angles.is_data
    places = sorted({event.angle for event in engine.frame.everything if isinstance(event, Turn) and is_data[event.angle]})
    if isinstance(program, Program):
        places = sorted({int(angle) for angle in program.angle if angle >= 0 and is_data[angle]})
    if 3 ** len(places) > MAX_TERMS:
        raise _too_many(3 ** len(places))
    if isinstance(program, str):
        raise UnsupportedCircuitError(f"a surrogate is not possible: {program}")
    n_slots, n_outputs = program.initial.shape
    if n_slots * n_outputs * 3 ** len(places) > _MAX_NUMBERS:
        raise UnsupportedCircuitError(
            f"{n_slots:,} Pauli words times {3 ** len(places):,} products are too many to work out; use the layer itself"
        )
    angles = engine.circuit.angles
    vector = weights.detach().double().numpy()
    theta = angles.constant + angles.by_weight @ vector
    odd = [place for place in angles.general_places if not is_data[place]]
    if odd:
        assert angles.general is not None
        values = (
            angles.general(torch.zeros(engine.circuit.n_inputs, dtype=torch.float64), torch.as_tensor(vector)).detach().numpy()
        )
        for place in odd:
            theta[place] = values[angles.general_places.index(place)]
    c = program.initial[:, :, None].copy()
    order: list[int] = []
    for i, kind in enumerate(program.kind):
        assert kind == TURN
        part = slice(program.start[i], program.start[i + 1])
        a, b, f = program.first[part], program.second[part], program.factor[part][:, None, None]
        place = int(program.angle[i])
        p, q = c[a], c[b]
        if is_data[place]:
            order.append(place)
            grown = np.zeros((*c.shape, 3))
            grown[..., 0] = c
            grown[a, :, :, 0] = grown[b, :, :, 0] = 0
            grown[a, :, :, 1], grown[b, :, :, 1] = p, q
            grown[a, :, :, 2], grown[b, :, :, 2] = -f * q * program.sign[i], f * p * program.sign[i]
            c = grown.reshape(*c.shape[:2], -1)
        else:
            cos, sin = np.cos(theta[place]), np.sin(theta[place]) * program.sign[i]
            c[a], c[b] = cos * p - f * sin * q, cos * q + f * sin * p
    values = c[program.slots].sum(0).T  # (3^D, n_outputs), the last rotation met runs fastest
    codes = np.arange(len(values))
    factors = (
        np.stack([codes // 3 ** (len(order) - 1 - d) % 3 for d in range(len(order))], 1) if order else np.zeros((1, 0), np.int64)
    )
    live = np.abs(values).max(1) > 1e-15
    return values[live], factors[live].astype(np.int64), order

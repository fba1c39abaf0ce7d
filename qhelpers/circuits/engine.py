"""The choice between the ways to compute a circuit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from qhelpers.circuits.direct import Direct, Network, Threads, run_direct
from qhelpers.circuits.frame import Turn
from qhelpers.circuits.functions import check_finite, outside_transforms
from qhelpers.circuits.initial import CheckBits
from qhelpers.circuits.noise import NoiseModel
from qhelpers.circuits.paths import MANY_TERMS, DensityPath, StatePath, TermsPath, TrainPath
from qhelpers.circuits.prepared import Prepared
from qhelpers.circuits.propagation import Program
from qhelpers.circuits.states import KEPT, StateNetwork
from qhelpers.circuits.tracing import Circuit, Rotation
from qhelpers.circuits.train import prefixes, ranks

#: The ways to compute a circuit, see `Plan`.
PATHS = ("terms", "train", "state", "density")
#: Estimated milliseconds of a step from which samples are divided among threads.
LONG = 2.0


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
        costs = ", ".join(f"{name} {cost:,.2f} ms" for name, cost in sorted(self.costs.items(), key=lambda item: item[1]))
        terms = "" if self.n_terms is None else f", {self.n_terms:,} live terms"
        kind = "compiled" if self.compiled else "torch"
        lines = [f"{self.path} ({kind}): {self.n_qubits} qubits{terms}; estimated: {costs}; {self.memory / 1e6:,.1f} MB"]
        lines += [f"not {name}: {reason}" for name, reason in self.reasons.items()]
        return "\n".join(lines)


class Engine(Prepared):
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
        if path not in ("auto", *PATHS):
            raise ValueError(f"path={path!r} is unknown; allowed are 'auto', {', '.join(map(repr, PATHS))}")
        super().__init__(circuit, noise, compiled)
        self.path, self.max_memory = path, max_memory
        self._chosen: dict[int, tuple[str, bool]] = {}
        self._direct: dict[str, Network | StateNetwork | None] = {}
        self._durations: dict[int, float] = {}

    @cached_property
    def _check(self) -> CheckBits:
        return CheckBits(self.circuit)

    @cached_property
    def _terms(self) -> TermsPath:
        """The path `terms`."""
        program = self.product_program
        assert isinstance(program, Program)
        return TermsPath(self, program)

    @cached_property
    def _state(self) -> StatePath:
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
        if self.begins:
            found["train"] = self.begins
        elif prefixes(self.circuit, None if self.noise is None else self.noise.insertion) is None:
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
            a_term = 0.2e-6 if program.n_terms < MANY_TERMS else 0.12e-6 * products / max(1, program.n_terms)
            entries = len(program.first) * n_outputs
            found["terms"] = (
                (0.18 if self._terms.network else 0.35)
                + len(program.first) * 10e-6
                + entries * (4e-6 if entries < 500_000 else 12e-6)
            )
            found["terms"] += n_samples * (n_outputs * program.n_terms * a_term + self.circuit.n_inputs * 6e-6)
        if "train" not in reasons:
            half, inner = TrainPath.size(self)
            steps = sum(
                isinstance(event, Rotation) and not self.circuit.angles.is_constant[event.angle] for event in self.circuit.events
            )
            steps += sum(isinstance(event, Rotation) and len(event.wires) > 1 for event in self.circuit.events)
            n_words = len(self.circuit.observables.words)
            found["train"] = 0.5 + n_words * (0.15 * steps + inner * 0.1e-6 + n_samples * half * 0.12e-6)
            found["train"] += n_samples * self.circuit.n_qubits * 40e-6
        if "state" not in reasons:
            found["state"] = self._state.states.cost(n_samples) if self.compiled else self._cost_in_torch(n_samples)
        if "density" not in reasons:
            program = self.full_program
            assert isinstance(program, Program)
            found["density"] = 0.1 + n_samples * len(program.first) * n_outputs * 6e-6
        return found

    def _cost_in_torch(self, n_samples: int) -> float:
        bare = self.cone
        turns = sum(isinstance(event, Turn) for event in bare.events) + sum(map(len, bare.prefix))
        return 0.25 + n_samples * 2**bare.n_qubits * (turns * 4 + len(bare.words) * 1.5) * 1e-6

    def choose(self, n_samples: int) -> str:
        """Return the path for a batch."""
        size = n_samples.bit_length()
        if size not in self._chosen:
            path = outside_transforms(lambda: self.plan(n_samples).path)
            self._chosen[size] = path, self.memory(path, 2**size) > self.max_memory
        path, large = self._chosen[size]
        if large and (needed := self.memory(path, n_samples)) > self.max_memory:
            raise ValueError(
                f"{self.circuit.n_qubits} qubits need {needed / 1e9:.1f} GB on the path {path!r}, more than max_memory="
                f"{self.max_memory / 1e9:.1f} GB; use fewer qubits, or raise max_memory"
            )
        return path

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
            given = 2 * 16 * n_samples * 2**n if self.begins else 0
            if not self.compiled:
                return given + min(n_samples, self.chunk(2**n)) * 2**n * 16 * 4
            return given + 16 * (3 * self._state.states.lanes(n_samples) * 2**n + min(n_samples * 2**n, KEPT))
        if path == "density":
            width = DensityPath.width(self)
            return min(n_samples, self.chunk(width)) * width * 8
        if path == "train":
            width = TrainPath.width(self)
            return min(n_samples, self.chunk(width)) * width * 4 * 8
        program = self.product_program
        assert isinstance(program, Program)
        return 8 * (2 * len(program.first) * n_outputs + n_samples * 3 * self.circuit.n_qubits)

    def state(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the states before the measurement, shape (n_samples, 2^n_qubits), up to a global phase."""
        path = self._whole_state
        weights = weights.double()
        self._check(inputs, weights)
        begin = None if path.initial is None else path.initial(inputs, weights)
        psi = path.states.plain(path.shared.shared(weights), path.data.batch(inputs.double(), weights), inputs.dtype, begin)
        psi = path.states.finish(psi, path.clifford)
        if self.circuit.little_endian:
            return psi
        n = self.circuit.n_qubits
        order = np.zeros(2**n, np.int64)
        for q in range(n):
            order |= (np.arange(2**n) >> q & 1) << (n - 1 - q)
        return psi[:, torch.as_tensor(order, device=psi.device)]

    def direct(self, n_samples: int) -> Direct | None:
        """Return the way to compute a batch by compiled loops alone, or None."""
        if self.circuit.amplitudes or self.circuit.bits:  # which are to be checked
            return None
        path = self.choose(n_samples)
        if path not in self._direct:
            build = {"terms": lambda: self._terms.network, "state": lambda: self._state.network}.get(path, lambda: None)
            self._direct[path] = outside_transforms(build)
        network = self._direct[path]
        if network is not None and n_samples >= 128 and torch.get_num_threads() > 1 and self._long(n_samples):
            return Threads(network, torch.get_num_threads())
        return network

    def _long(self, n_samples: int) -> bool:
        """Whether a step takes so long that threads are worth their start."""
        size = n_samples.bit_length()
        if size not in self._durations:
            reasons = self.reasons()
            self._durations[size] = outside_transforms(lambda: self.costs(n_samples, reasons)[self.choose(n_samples)])
        return self._durations[size] > LONG

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs, shape (n_samples, n_outputs)."""
        found = self.step(inputs, weights)
        return found if found.ndim == 2 else found[:, None]

    def step(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs by the fewest calls: (n_samples, n_outputs), (n_samples,) for one number; weights in any shape."""
        n_samples = int(inputs.shape[0])  # a tensor in a trace
        path = self.choose(n_samples)
        if inputs.device.type == "cpu" and (network := self.direct(n_samples)) is not None:
            if not torch._C._are_functorch_transforms_active():
                return run_direct(inputs, weights, network)
            network = self._direct[path]
            if isinstance(network, Network) and (mapped := network.mapped(inputs, weights)) is not None:
                return mapped
        check_finite(inputs)
        weights = weights.reshape(-1).double()  # there are few, and their errors would be seen in every sample
        self._check(inputs, weights)
        run = self.__dict__.get(f"_{path}")
        if run is None:  # built at the first call
            run = outside_transforms(lambda: getattr(self, f"_{path}"))
        found: Tensor = run(inputs, weights)
        return found

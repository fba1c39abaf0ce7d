"""`QuantumLayer`: a circuit as a torch module, a drop-in for PennyLane's TorchLayer and Qiskit's TorchConnector."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import math
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhelpers._extras import require
from qhelpers.circuits.analysis import Capacity, LightCone, capacity, light_cone
from qhelpers.circuits.ansatz import VariationalCircuit
from qhelpers.circuits.direct import as_doubles
from qhelpers.circuits.engine import Engine, Plan
from qhelpers.circuits.functions import check_finite, needs_plain, outside_transforms
from qhelpers.circuits.noise import NoiseModel
from qhelpers.circuits.observables import stacks
from qhelpers.circuits.outside import Outside, outside
from qhelpers.circuits.read_pennylane import check_node, read_pennylane
from qhelpers.circuits.read_sampler import parts, refusal
from qhelpers.circuits.surrogate import Surrogate, surrogate_of
from qhelpers.circuits.tracing import Circuit, Observables, UnsupportedCircuitError

#: How layers compute in a process that uses torch.compile, which is to leave them as they are.
_UNCOMPILED: list[Any] = []


class _Weights(MutableMapping[str, Tensor]):
    """The weight tensors of a layer by name."""

    def __init__(self, layer: QuantumLayer) -> None:
        self._layer = layer

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._layer.weight_shapes:
            raise KeyError(name)
        tensor: Tensor = getattr(self._layer, name)
        return tensor

    def __setitem__(self, name: str, value: Tensor) -> None:
        self[name]  # only those that the circuit has
        self._layer._parameters.pop(name, None)
        setattr(self._layer, name, value)

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the circuit has the weight {name!r}; it cannot be taken away")

    def __iter__(self) -> Iterator[str]:
        return iter(self._layer.weight_shapes)

    def __len__(self) -> int:
        return len(self._layer.weight_shapes)


@dataclass(frozen=True)
class Evaluation:
    """What `QuantumLayer.value_and_grad` computes.

    Attributes
    ----------
    value : float
        The loss.
    outputs : ndarray
        As `QuantumLayer.forward` gives them.
    inputs_grad : ndarray or None
        Derivatives of the loss to the inputs, in their shape.
    """

    value: float
    outputs: NDArray[Any]
    inputs_grad: NDArray[Any] | None = None


class QuantumLayer(torch.nn.Module):
    """A circuit as a torch module, exact and fast on a CPU.

    The contract is that of ``pennylane.qnn.TorchLayer``: change one for the other in one line. What is accepted gives its values,
    shapes and gradients, everything else is refused by name. The circuit is read once, with the QNode's transforms and with its
    mid-circuit measurements deferred, and then computed by the cheapest path (see `plan`), without its framework; a QNode with
    shots is run by PennyLane itself. Tensors that are trained outside (an ``nn.Linear`` inside the circuit) get their gradients.

    Parameters
    ----------
    qnode : pennylane.QNode or callable
        A quantum function ``circuit(inputs, ...)`` with an argument a weight tensor, that returns an expectation value
        (``qml.expval`` of Pauli words or their sums), probabilities (``qml.probs``), or a list of them; or a QNode of one, on a
        device that computes it exactly.
    weight_shapes : dict of str to tuple of int
        Shape of each weight tensor.
    init_method : callable or dict of str to (callable or tensor), optional
        As in TorchLayer: a function of ``torch.nn.init`` for all weights, or one (or a tensor) for each. By default weights are
        drawn uniformly from [0, 2π).
    n_inputs : int, optional
        Width of the inputs; by default that of the first batch. Methods that describe the circuit need it.
    noise : NoiseModel, optional
        A channel and where it stands in the circuit.
    shots : int, optional
        Draw the outputs from the distribution of this many shots, each Pauli word measured by itself (probabilities by one
        multinomial draw); gradients are those of the exact values.
    path : {"auto", "terms", "train", "state", "density"}, default="auto"
        How to compute, see `Plan`.
    compiled : bool, optional
        Compiled loops (numba) or plain torch; by default the former where it is there and the tensors are on the CPU.
    max_memory : float, default=2e9
        Bytes that a step may take.

    Raises
    ------
    TypeError, ValueError
        If the circuit's arguments do not fit `weight_shapes`.
    UnsupportedCircuitError
        At the first batch (or at once with `n_inputs`), if the circuit holds something that the engine does not compute.
    """

    def __init__(
        self,
        qnode: Any,
        weight_shapes: Mapping[str, Any],
        init_method: Callable[..., Any] | Mapping[str, Any] | None = None,
        *,
        n_inputs: int | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        path: str = "auto",
        compiled: bool | None = None,
        max_memory: float = 2e9,
    ) -> None:
        super().__init__()
        require("pennylane", "circuits")
        self.weight_shapes = {name: _shape(size) for name, size in weight_shapes.items()}
        function = qnode
        if hasattr(qnode, "func") and hasattr(qnode, "device"):  # a QNode
            function = qnode.func
            if qnode.interface not in ("auto", "torch"):
                raise ValueError(f"Invalid interface {qnode.interface!r}; allowed are 'auto' and 'torch'")
            check_node(qnode)
        _check_signature(function, self.weight_shapes, self._input_arg)
        for name, size in self.weight_shapes.items():
            self.register_parameter(name, torch.nn.Parameter(_initial(name, size, init_method)))
        self.qnode = qnode
        name = getattr(function, "__name__", type(function).__name__)
        self._set_up(name, n_inputs, noise, shots, path, compiled, max_memory)

    @classmethod
    def from_qiskit(
        cls,
        circuit: Any,
        initial_weights: Any = None,
        sparse: bool | None = None,
        *,
        input_params: Any = None,
        weight_params: Any = None,
        observables: Any = None,
        interpret: Callable[[int], Any] | None = None,
        output_shape: int | tuple[int, ...] | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        path: str = "auto",
        compiled: bool | None = None,
        max_memory: float = 2e9,
    ) -> QuantumLayer:
        """Make a layer of a Qiskit circuit, with the contract of ``TorchConnector(EstimatorQNN(...))``.

        With `output_shape` the contract is that of ``TorchConnector(SamplerQNN(...))``: exact probabilities of what the circuit
        measures at its end, of all qubits if it has no classical bits.

        Parameters
        ----------
        circuit : qiskit.QuantumCircuit, or EstimatorQNN or SamplerQNN
            A network stands for its circuit, parameters, observables or interpretation.
        initial_weights : array-like of shape (n_weights,), optional
            By default drawn uniformly from [-1, 1].
        sparse : bool, optional
            As in TorchConnector; True is refused.
        input_params, weight_params : sequence of Parameter, optional
            Parameters that are data and weights, in the order of the columns of the inputs and of the flat weight.
        observables : SparsePauliOp or list of them, optional
            By default Z on every qubit. Qiskit's order: qubit 0 is the rightmost letter.
        interpret : callable, optional
            ``interpret(outcome)`` is where an outcome's probability is added up: an int, or a tuple of int for a tuple
            `output_shape`. By default the outcome itself, qubit 0 (or the first classical bit) the least significant bit.
        output_shape : int or tuple of int, optional
            Shape of the probabilities, 2^n_qubits without `interpret`. By default there are expectation values.
        noise, shots, path, compiled, max_memory
            As in the constructor.

        Returns
        -------
        QuantumLayer
            With one parameter ``weight`` of shape (n_weights,), and outputs of shape (..., n_observables) or of `output_shape`.

        Raises
        ------
        TypeError, ValueError
            If the arguments do not fit the circuit. With qiskit-machine-learning in use also a QiskitMachineLearningError where
            TorchConnector raises one, as for inputs of the wrong width.
        UnsupportedCircuitError
            If the circuit or network holds something that the engine does not compute.
        """
        from qhelpers.circuits.read_qiskit import read_qiskit

        network = parts(circuit)
        given = {
            "input_params": input_params, "weight_params": weight_params, "observables": observables, "interpret": interpret,
            "output_shape": output_shape,
        }  # fmt: skip
        if network is not None and any(one is not None for one in given.values()):
            raise ValueError(f"a {type(circuit).__name__} has its own parameters and outputs; leave {', '.join(given)} out")
        if sparse or (sparse is None and network is not None and circuit.sparse):
            raise refusal("sparse outputs are not supported: give sparse=False, for dense ones")
        read = read_qiskit(**(given | {"circuit": circuit} if network is None else network))
        if not read.n_qubits:
            raise ValueError("the circuit has no qubits; allowed are 1 and more")
        layer = cls.__new__(cls)
        torch.nn.Module.__init__(layer)
        layer.weight_shapes = {"weight": (read.n_weights,)}
        if initial_weights is None:
            weights = torch.empty(read.n_weights).uniform_(-1, 1)
        else:
            weights = torch.as_tensor(np.asarray(initial_weights), dtype=torch.float32).clone()
            if weights.shape != (read.n_weights,):
                raise ValueError(f"initial_weights have shape {tuple(weights.shape)}; the circuit has {read.n_weights} weights")
        parameter = torch.nn.Parameter(weights)
        for name in ("weight", "_weights"):  # TorchConnector has two names for one tensor: so states travel both ways
            layer.register_parameter(name, parameter)
        layer.qnode = None
        if network is not None:
            layer.__dict__.update(neural_network=circuit, sparse=False)  # as TorchConnector has them
            circuit = circuit.circuit
        layer._set_up(circuit.name, read.n_inputs, noise, shots, path, compiled, max_memory, read)
        return layer

    @classmethod
    def from_circuit(
        cls,
        circuit: VariationalCircuit,
        *,
        init_method: Callable[..., Any] | Mapping[str, Any] | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        path: str = "auto",
        compiled: bool | None = None,
        max_memory: float = 2e9,
    ) -> QuantumLayer:
        """Make a layer of an encoding and an ansatz; neither PennyLane nor Qiskit is needed.

        Parameters
        ----------
        circuit : VariationalCircuit
        init_method, noise, shots, path, compiled, max_memory
            As in the constructor.

        Returns
        -------
        QuantumLayer
            That of ``circuit.pennylane()``: one parameter ``weights`` of shape ``circuit.weight_shape``.
        """
        from qhelpers.circuits.read_variational import read_variational

        layer = cls.__new__(cls)
        torch.nn.Module.__init__(layer)
        layer.weight_shapes = {"weights": circuit.weight_shape}
        layer.weights = torch.nn.Parameter(_initial("weights", circuit.weight_shape, init_method))
        layer.qnode = None
        read = outside_transforms(functools.partial(read_variational, circuit))
        layer._set_up("circuit", circuit.n_features, noise, shots, path, compiled, max_memory, read)
        return layer

    def _set_up(
        self, name: str, n_inputs: int | None, noise: Any, shots: int | None, path: str, compiled: bool | None,
        max_memory: float, circuit: Circuit | None = None,
    ) -> None:  # fmt: skip
        if noise is not None and not isinstance(noise, NoiseModel):
            raise ValueError(f"noise is {noise!r}; allowed is a NoiseModel(channel, strength, insertion), or None")
        if shots is not None and (not isinstance(shots, (int, np.integer)) or shots < 1):
            raise ValueError(f"shots={shots!r}; allowed are whole numbers from 1 on, or None for exact values")
        self._name, self.n_inputs, self.noise, self.shots = name, n_inputs, noise, shots
        self._path, self._compiled, self._max_memory = path, compiled, max_memory
        self._circuits: dict[int, Circuit] = {} if circuit is None else {circuit.n_inputs: circuit}
        self._engines: dict[Any, Engine] = {}
        self._outside: list[Outside] = []
        if n_inputs is not None:
            self.engine()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["_engines"], state["_outside"] = {}, []
        state.pop("neural_network", None)  # what was read of it travels
        function = getattr(self.qnode, "func", self.qnode)
        try:
            if _named(function) is self.qnode:  # a decorated function: its name stands for the QNode
                state["qnode"] = _Named(function.__module__, function.__qualname__)
            else:
                pickle.dumps(self.qnode)
        except (pickle.PicklingError, AttributeError, TypeError) as error:  # a closure cannot travel; what was read of it can
            if not self._circuits:
                raise pickle.PicklingError(
                    f"{self._name} is defined inside a function and cannot travel before it was read; give the layer n_inputs=, "
                    "run a batch first, or define the circuit at the top of a module"
                ) from error
            state["qnode"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["qnode"], _Named):
            state = state | {"qnode": state["qnode"].find()}
        super().__setstate__(state)

    def __deepcopy__(self, memo: dict[int, Any]) -> QuantumLayer:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        network = vars(self).get("neural_network")
        shared = {"_engines": {}, "qnode": self.qnode, "_circuits": dict(self._circuits), "neural_network": network}
        shared["_outside"] = self._outside
        copied.__dict__.update(
            {key: shared[key] if key in shared else copy.deepcopy(value, memo) for key, value in vars(self).items()}
        )
        return copied

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        for name, other in (("weight", "_weights"), ("_weights", "weight")):  # one of Qiskit's two names is enough
            if name in self._parameters and prefix + other in state_dict:
                state_dict.setdefault(prefix + name, state_dict[prefix + other])
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def extra_repr(self) -> str:
        """Return what `print` shows."""
        return f"{self._name}, " + ", ".join(f"{name}={size}" for name, size in self.weight_shapes.items())

    _input_arg = "inputs"

    @property
    def input_arg(self) -> str:
        """Name of the circuit's argument that takes the data."""
        return self._input_arg

    @staticmethod
    def set_input_argument(input_name: str = "inputs") -> None:
        """Let another argument of the circuit take the data, in all layers.

        Parameters
        ----------
        input_name : str, default="inputs"
        """
        QuantumLayer._input_arg = input_name

    @property
    def qnode_weights(self) -> MutableMapping[str, Tensor]:
        """The weight tensors by name, as TorchLayer has them; one that is put in takes the place of the parameter."""
        return _Weights(self)

    @property
    def func(self) -> Callable[[Tensor], Any]:
        """The quantum function with the present weights, so that PennyLane draws the layer and counts its gates."""
        function = getattr(self.qnode, "func", self.qnode)
        return lambda inputs: function(**self._arguments(inputs))

    def _arguments(self, inputs: Tensor) -> dict[str, Tensor]:
        return {self._input_arg: inputs} | {name: weight.to(inputs) for name, weight in self.qnode_weights.items()}

    def construct(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Construct the QNode's tape for inputs, as TorchLayer does.

        Parameters
        ----------
        args : tuple of one tensor
        kwargs : dict
            Not used.
        """
        return self.qnode.construct((), self._arguments(args[0]))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            qnode = self.__dict__.get("qnode")
            if hasattr(qnode, "compile_pipeline") and hasattr(qnode, name):
                return getattr(qnode, name)
            raise

    def _draws(self) -> bool:
        """Whether the QNode has shots, which PennyLane itself draws."""
        shots = getattr(self.qnode, "shots", None)
        return shots is not None and bool(shots.total_shots) and self.shots is None

    def _by_pennylane(self, inputs: Tensor) -> Any:
        """Return the outputs for (n_inputs,) or (n_samples, n_inputs) as the QNode itself computes them."""
        found = self.qnode(**self._arguments(inputs))

        def side_by_side(parts: Any) -> Tensor:
            parts = [parts] if isinstance(parts, Tensor) else list(parts)
            return torch.hstack([one.reshape(inputs.shape[0], -1) if inputs.ndim > 1 else one for one in parts]).to(inputs.dtype)

        if isinstance(found, Tensor):
            return found.to(inputs.dtype)
        if isinstance(found, tuple) and len(found) > 1:
            if not all(isinstance(one, Tensor) for one in found):  # a vector of shots
                return tuple(side_by_side(one) for one in found)
            if stacks():
                return torch.stack([side_by_side(one) for one in found])
        return side_by_side(found)

    def circuit(self, n_inputs: int | None = None) -> Circuit:
        """Return the circuit as it was read: rotations, angles, observables."""
        n_inputs = self.n_inputs if n_inputs is None else n_inputs
        if n_inputs is None:
            raise ValueError("the width of the inputs is not known yet; give the layer n_inputs=, or run a batch first")
        if n_inputs not in self._circuits:
            if self.n_inputs is not None and (n_inputs != self.n_inputs or self.qnode is None):
                kind = refusal if self.qnode is None else ValueError  # Qiskit's connector has an error of its own
                raise kind(f"inputs have {n_inputs} columns; this layer's circuit takes {self.n_inputs}")
            read = functools.partial(read_pennylane, self.qnode, n_inputs, self.weight_shapes, self._input_arg)
            watched = outside(self.qnode)
            self._circuits[n_inputs] = outside_transforms(read)
            self._outside = [one for one in watched if not one.changed()]  # a counter is the circuit's own doing
        return self._circuits[n_inputs]

    def engine(self, n_inputs: int | None = None, plain: bool = False) -> Engine:
        """Return what computes the circuit for inputs of this width; in plain torch if told so."""
        n_inputs = self.n_inputs if n_inputs is None else n_inputs
        key = (n_inputs, self.noise, plain)
        if key not in self._engines:
            circuit = self.circuit(n_inputs)
            options = self.noise, self._path, False if plain else self._compiled, self._max_memory
            self._engines[key] = outside_transforms(functools.partial(Engine, circuit, *options))
            if self.n_inputs is None:
                self.n_inputs = circuit.n_inputs
        return self._engines[key]

    def plan(self, n_samples: int = 300) -> Plan:
        """Return how a batch of this size is computed, and why.

        Parameters
        ----------
        n_samples : int, default=300
            Size of the batch.
        """
        return self.engine().plan(n_samples)

    def light_cone(self) -> LightCone:
        """Return which inputs and weights each output can see, exactly, from the circuit's structure.

        A weight that is seen can still have no effect at special values of the others; one that is not seen never has any.
        """
        return light_cone(self._linear(), self.weight_names())

    def capacity(self) -> Capacity:
        """Return the rank of the Jacobian, the weights that do nothing and the number of live terms."""
        return capacity(self._linear(), self.weight_names())

    def _linear(self) -> Engine:
        """Return the engine of a circuit whose outputs are expectation values."""
        engine = self.engine()
        if engine.circuit.observables.variances:
            raise UnsupportedCircuitError("a variance (qml.var) is no sum of expectation values; return qml.expval")
        begun = [one.name for one in engine.circuit.amplitudes] + [one.name for one in engine.circuit.bits]
        if begun:
            raise UnsupportedCircuitError(
                f"the circuit begins in a state made of a tensor ({begun[0]}), so that its outputs are no trigonometric sum of "
                "its inputs; encode inputs by angles (qml.AngleEmbedding), give constants as NumPy arrays, or ask layer(inputs)"
            )
        if engine.circuit.angles.captured:
            raise UnsupportedCircuitError("the circuit trains tensors besides its weights; give them to it as arguments")
        return engine

    def weight_names(self) -> tuple[str, ...]:
        """Return a name for each number in the weights, such as ``weights[0, 3, 1]``."""
        return tuple(
            name + (f"[{', '.join(map(str, index))}]" if size else "")
            for name, size in self.weight_shapes.items()
            for index in np.ndindex(*size)
        )

    def surrogate(self) -> Surrogate:
        """Return the trigonometric sum that the circuit computes with its present weights, as a module without quantum code.

        Raises
        ------
        UnsupportedCircuitError
            If the sum has more than 3^8 terms, an angle is not linear in the inputs, or `output_shape` is a tuple.
        """
        engine = self._linear()
        if shape := engine.circuit.observables.shape:
            raise UnsupportedCircuitError(
                f"the outputs have shape {shape}; a surrogate's have one dimension: interpret to an int"
            )
        return surrogate_of(engine, self.flat_weights().detach())

    def export_onnx(self, path: str | Path) -> Path:
        """Write `surrogate` as an ONNX file in float32, for a batch of any size; return its path."""
        return self.surrogate().export_onnx(path)

    def state(self, inputs: Tensor | None = None) -> Tensor:
        """Return the state vectors before the measurement, up to a global phase.

        Parameters
        ----------
        inputs : tensor of shape (..., n_inputs)

        Returns
        -------
        complex tensor of shape (..., 2^n_qubits)
            In the framework's order of basis states: PennyLane's first wire is the first bit, Qiskit's qubit 0 the last.
        """
        if self.noise is not None:
            raise ValueError("with noise there is no state vector; take a layer without noise")
        inputs = self.flat_weights().new_zeros(0) if inputs is None else inputs
        engine = self.engine(inputs.shape[-1])
        psi = engine.state(inputs.reshape(math.prod(inputs.shape[:-1]), inputs.shape[-1]), self.flat_weights())
        return psi.reshape(*inputs.shape[:-1], psi.shape[-1])

    def fidelity(self, target: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return the squared overlap of each sample's state with a target, shape (...), differentiable.

        Parameters
        ----------
        target : complex tensor of shape (2^n_qubits,) or (..., 2^n_qubits)
            Normalised, in the order of `state`.
        inputs : tensor of shape (..., n_inputs)
        """
        psi = self.state(inputs)
        target = torch.as_tensor(target).to(psi)
        if target.shape[-1] != psi.shape[-1]:
            raise ValueError(f"the target has {target.shape[-1]} amplitudes; the circuit's states have {psi.shape[-1]}")
        norm = target.abs().pow(2).sum(-1)
        if ((norm - 1).abs() > 1e-4).any():
            raise ValueError(f"the target's norm is {norm.sqrt().max():.4g}; a state has norm 1: divide by it")
        return (target.conj() * psi).sum(-1).abs() ** 2

    def flat_weights(self) -> Tensor:
        """Return all weights one after the other, shape (n_weights,)."""
        parts = [getattr(self, name).reshape(-1) for name in self.weight_shapes]
        if len(parts) == 1:
            flat: Tensor = parts[0]
            return flat
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def _own_weights(self) -> Tensor:
        """Return the one weight tensor as it is, or all of them flat."""
        if len(self.weight_shapes) == 1:
            only: Tensor = getattr(self, next(iter(self.weight_shapes)))
            return only
        return self.flat_weights()

    def with_noise(self, noise: NoiseModel | None) -> QuantumLayer:
        """Return a layer of the same circuit and the very same weights under other noise; for sweeps, since nothing is read anew.

        Parameters
        ----------
        noise : NoiseModel or None
        """
        if noise is not None and not isinstance(noise, NoiseModel):
            raise ValueError(f"noise is {noise!r}; allowed is a NoiseModel(channel, strength, insertion), or None")
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__ | {"noise": noise, "_engines": {}})
        return other

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        inputs : tensor of shape (..., n_inputs)
            Floating point; float16 and bfloat16 are computed in float32. Leave it out for a circuit without inputs.

        Returns
        -------
        tensor of shape (..., n_outputs)
            In the type of the inputs; without the last dimension where the circuit returns one expectation value (not a list).

        Raises
        ------
        TypeError, ValueError
            If the inputs are not real floating point numbers, not finite, or not of the right width.
        """
        if self._draws() and isinstance(inputs, Tensor):
            outputs = self._by_pennylane(inputs.reshape(-1, inputs.shape[-1]) if inputs.ndim > 2 else inputs)
            if isinstance(outputs, tuple):
                outputs = torch.stack(outputs)
            if inputs.ndim < 3:
                return outputs
            rows = max(0, outputs.ndim - 2)  # before it, what a tuple stacks
            return outputs.reshape(*outputs.shape[:rows], *inputs.shape[:-1], *outputs.shape[rows + 1 :])
        if "torch._dynamo" not in sys.modules:
            return self._forward(inputs)
        if not _UNCOMPILED:
            _UNCOMPILED.append(torch.compiler.disable(QuantumLayer._forward))
        found: Tensor = _UNCOMPILED[0](self, inputs)
        return found

    def _forward(self, inputs: Tensor | None) -> Tensor:
        if inputs is None:
            inputs = self.flat_weights().new_zeros(0)
        if isinstance(inputs, Tensor) and inputs.dtype in (torch.float16, torch.bfloat16):
            return self._undisturbed(inputs.float()).to(inputs.dtype)  # as TorchLayer returns
        if isinstance(inputs, Tensor) and torch.is_autocast_enabled(inputs.device.type):
            return self._undisturbed(inputs)
        if torch._C._len_torch_function_stack() and torch.get_default_device().type != "cpu":
            with torch.device("cpu"):  # where tables are, whatever the default for new tensors is
                return self._forward(inputs)
        engine, batch = self._ready(inputs)
        outputs = engine.step(batch, self._all_weights(engine)) if self.shots is None else self._sample(batch, engine)
        measured = engine.circuit.observables
        if engine.circuit.little_endian and engine.circuit.angles.general is not None:
            check_finite(outputs, "leave the range of a function in the circuit's angles; Qiskit binds real numbers only")
        if measured.variances:
            outputs = _variances(outputs, measured)
        if measured.scalar:
            return outputs if outputs.shape == inputs.shape[:-1] else outputs.reshape(inputs.shape[:-1])
        outputs = outputs if inputs.ndim == 2 else outputs.reshape(*inputs.shape[:-1], outputs.shape[-1])
        if measured.stacked:
            width = measured.probabilities[0][1] if measured.probabilities else 1
            outputs = torch.stack(outputs.split(width, -1))
        return outputs.reshape(*inputs.shape[:-1], *measured.shape) if measured.shape else outputs

    def _ready(self, inputs: Tensor) -> tuple[Engine, Tensor]:
        """Check inputs; return what computes them, and them as (n_samples, n_inputs)."""
        if not isinstance(inputs, Tensor) or inputs.dtype not in (torch.float32, torch.float64):
            kind = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
            raise TypeError(f"inputs are {kind}; allowed are tensors of floating point: torch.as_tensor(inputs, dtype=...)")
        if inputs.ndim == 0:
            raise ValueError(
                "inputs have no dimension; allowed is (..., n_inputs): a vector for one sample, a matrix for a batch"
            )
        if torch._C._get_tracing_state() is not None or type(inputs).__name__ == "FakeTensor":
            raise RuntimeError(
                "torch's exports (jit.trace, export, onnx.export) cannot follow the compiled loops of a layer; use "
                "layer.export_onnx(path), or export layer.surrogate(), which is plain torch"
            )
        engine = self._engines.get((inputs.shape[-1], self.noise, needs_plain()))
        if engine is None or engine.circuit.angles.outdated() or any(one.changed() for one in self._outside):
            engine = self._renewed(inputs.shape[-1])
        if inputs.ndim > 1 and engine.circuit.angles.batch_problem:
            raise UnsupportedCircuitError(engine.circuit.angles.batch_problem)
        return engine, inputs if inputs.ndim == 2 else inputs.reshape(math.prod(inputs.shape[:-1]), inputs.shape[-1])

    def value_and_grad(
        self, inputs: Tensor, loss: Callable[[NDArray[Any]], tuple[float, NDArray[Any]]], with_inputs: bool = False
    ) -> Evaluation:
        """Compute outputs, a loss of them and its gradient in one call, without autograd, where small circuits spend their time.

        Afterwards each weight's ``grad`` holds the gradient of this batch: what was in it is overwritten, not added to, so that
        ``optimiser.step()`` can follow at once.

        Parameters
        ----------
        inputs : tensor of shape (..., n_inputs)
        loss : callable
            Outputs (ndarray, shaped as `forward` gives them) → the loss and its derivative to each output (same shape).
        with_inputs : bool, default=False
            Compute the gradient to the inputs too.

        Returns
        -------
        Evaluation

        Raises
        ------
        TypeError, ValueError
            As in `forward`, or if the derivative has another shape than the outputs.
        """
        engine, batch = self._ready(inputs)
        measured = engine.circuit.observables
        network = None
        special = measured.variances or measured.stacked or measured.shape or engine.circuit.angles.captured
        if not (special or self._draws() or self.shots is not None) and inputs.device.type == "cpu":
            network = engine.direct(len(batch))
        if network is None or torch._C._are_functorch_transforms_active():
            return self._by_autograd(inputs, loss, with_inputs)
        x, w = batch.detach().numpy(), as_doubles(self._own_weights())
        found, kept = network.run(x, w, True)
        outputs = found.reshape(*inputs.shape[:-1], *(() if measured.scalar else found.shape[1:]))
        value, slope = loss(outputs)
        slope = _checked_slope(slope, outputs)
        back_x, back_w = network.back(x, w, kept, slope.reshape(found.shape), with_inputs)
        start = 0
        for name in self.weight_shapes:
            weight = getattr(self, name)
            if weight.requires_grad:
                if weight.grad is None:
                    weight.grad = torch.empty_like(weight, memory_format=torch.contiguous_format)
                grad = weight.grad.numpy()
                grad[...] = back_w[start : start + weight.numel()].reshape(weight.shape)
            start += weight.numel()
        return Evaluation(float(value), outputs, back_x.reshape(inputs.shape) if with_inputs else None)

    def _by_autograd(self, inputs: Tensor, loss: Any, with_inputs: bool) -> Evaluation:
        """Do the same through torch, where compiled loops alone do not reach."""
        x = inputs.detach().requires_grad_(with_inputs)
        with torch.enable_grad():
            outputs = self(x)
        value, slope = loss(outputs.detach().cpu().numpy())
        slope = _checked_slope(slope, outputs.detach().cpu().numpy())
        for name in self.weight_shapes:
            getattr(self, name).grad = None
        outputs.backward(torch.as_tensor(slope).to(outputs))
        back_x = x.grad.cpu().numpy() if with_inputs and x.grad is not None else None
        return Evaluation(float(value), outputs.detach().cpu().numpy(), back_x)

    def _undisturbed(self, inputs: Tensor) -> Tensor:
        """Compute outside of autocast, which would lower the precision of single steps."""
        with torch.autocast(inputs.device.type, enabled=False):
            return self._forward(inputs)

    def _renewed(self, n_inputs: int) -> Engine:
        """Return the engine for a first batch, or for one after a tensor that the circuit uses was changed."""
        known = self._circuits.get(n_inputs)
        if known is not None and (known.angles.outdated() or any(one.changed() for one in self._outside)):
            if self.qnode is None:
                raise RuntimeError(
                    "a number or a tensor that the circuit uses was changed, and the circuit cannot be read anew here"
                )
            self._circuits, self._engines = {}, {}
        return self.engine(n_inputs, needs_plain())

    def _all_weights(self, engine: Engine) -> Tensor:
        """Return the weights, and behind them what else the circuit trains."""
        captured = engine.circuit.angles.captured
        if not captured:
            return self._own_weights()
        own = self.flat_weights()
        return torch.cat([own, *(one.reshape(-1).to(own) for one in captured)])

    def _sample(self, batch: Tensor, engine: Engine) -> Tensor:
        """Draw outputs as `shots` measurements give them; the gradient is that of the exact outputs."""
        observables = engine.circuit.observables
        if observables.variances:
            raise UnsupportedCircuitError("a variance (qml.var) of a number of shots is not drawn; return qml.expval")
        key = ("words", batch.shape[1], self.noise, needs_plain())
        if key not in self._engines:
            each = replace(observables, matrix=np.eye(len(observables.words)), scalar=False, probabilities=())
            normed = [replace(one, validate=True) for one in engine.circuit.amplitudes]
            circuit = replace(engine.circuit, observables=each, amplitudes=normed)
            options = self.noise, self._path, False if needs_plain() else self._compiled, self._max_memory
            self._engines[key] = outside_transforms(functools.partial(Engine, circuit, *options))
        weights, shots = self._all_weights(engine).reshape(-1), float(self.shots or 1)
        words = self._engines[key](batch, weights)
        matrix = torch.as_tensor(observables.matrix).to(words)
        with torch.no_grad():
            chance = ((1 + words) / 2).clamp(0, 1)
            drawn = 2 * torch.binomial(torch.full_like(chance, shots), chance) / shots - 1
            difference = (drawn - words) @ matrix
            exact = words @ matrix
            for first, last in observables.probabilities:
                chances = exact[:, first:last].clamp(min=0).double()
                counts = torch.distributions.Multinomial(int(shots), probs=chances).sample()
                difference[:, first:last] = (counts / shots).to(words) - exact[:, first:last]
        return words @ matrix + difference


QuantumLayer.forward._torchdynamo_disable = True  # type: ignore[attr-defined]


def _shape(size: Any) -> tuple[int, ...]:
    if isinstance(size, Iterable):
        return tuple(int(one) for one in size)
    return () if size == 1 else (int(size),)


def _check_signature(circuit: Any, shapes: Mapping[str, Any], inputs: str) -> None:
    """Raise what TorchLayer raises of a circuit whose arguments do not fit."""
    names = inspect.signature(circuit).parameters
    kinds = [parameter.kind for parameter in names.values()]
    if inputs not in names:
        raise TypeError(
            f"QNode must include an argument with name {inputs} for inputting data; it has {', '.join(names) or 'none'}"
        )
    if inputs in shapes:
        raise ValueError(f"{inputs} argument should not have its dimension specified in weight_shapes: it is data, not a weight")
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        raise TypeError(
            "Cannot have a variable number of positional arguments (*args); give every weight tensor an argument of its own name"
        )
    expected = set(names) - {inputs}
    if inspect.Parameter.VAR_KEYWORD not in kinds and expected != set(shapes):
        raise ValueError(
            "Must specify a shape for every non-input parameter in the QNode: the circuit's weights are "
            f"{', '.join(sorted(expected)) or 'none'}, weight_shapes has {', '.join(sorted(shapes)) or 'none'}"
        )


def _initial(name: str, size: tuple[int, ...], method: Any) -> Tensor:
    init = functools.partial(torch.nn.init.uniform_, b=2 * math.pi) if method is None else method
    if isinstance(method, Mapping):
        if name not in method:
            raise KeyError(f"init_method has {', '.join(method)}; it needs an entry for each weight, and {name!r} is missing")
        init = method[name]
    if isinstance(init, Tensor):
        if tuple(init.shape) != size:
            raise ValueError(f"init_method's tensor for {name!r} has shape {tuple(init.shape)}; weight_shapes says {size}")
        return init
    drawn: Tensor = init(torch.empty(size)) if size else init(torch.empty(1))[0]
    return drawn


@dataclass(frozen=True)
class _Named:
    """What stands under a name in a module."""

    module: str
    name: str

    def find(self) -> Any:
        """Return it."""
        return functools.reduce(getattr, self.name.split("."), importlib.import_module(self.module))


def _named(function: Any) -> Any:
    """Return what stands under a function's name, or None."""
    try:
        return _Named(function.__module__, function.__qualname__).find()
    except (AttributeError, ImportError):
        return None


def _checked_slope(slope: Any, outputs: NDArray[Any]) -> NDArray[Any]:
    slope = np.ascontiguousarray(slope, outputs.dtype)
    if slope.shape != outputs.shape:
        raise ValueError(f"the loss's derivative has shape {slope.shape}; the outputs have {outputs.shape}")
    return slope


def _variances(outputs: Tensor, measured: Observables) -> Tensor:
    """Take the squares of expectations off those of squares."""
    columns = list(outputs.unbind(-1))
    for column, mean in measured.variances:
        columns[column] = columns[column] - columns[mean] ** 2
    return torch.stack(columns[: measured.n_outputs], -1)

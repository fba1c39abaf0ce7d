"""The libraries that are timed: each builds a row's circuit the way its own documentation does.

An adapter takes a row and returns a `Step`. All do the same work: forward, mean squared error to fixed targets, backward to
all weights and, where the row says so, to the inputs; single precision wherever the library offers it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from rows import Row, weights


class Step(Protocol):
    """One training step of one library on one row."""

    #: Said beside the row's times: precision, path taken.
    note: str

    def arrays(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """Return the data as the library's own arrays; this is not timed."""

    def __call__(self, inputs: Any, targets: Any) -> dict[str, Any]:
        """Do one step, to the end; return outputs, weight_gradient and, if the row asks, input_gradient."""

    def nudge(self, size: float) -> None:
        """Change the weights a little, as training would, so that nothing computed from them can be kept."""


class TorchStep:
    """A step of anything that is a function of (inputs) with parameters, in torch."""

    def __init__(self, row: Row, layer: Callable[[Any], Any], parameters: list[Any], note: str = ""):
        self.row, self.layer, self.parameters, self.note = row, layer, parameters, note
        #: Terms of the sum that the row's outputs are, where the library counts them.
        self.n_terms: int | None = None

    def arrays(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        import torch

        return torch.from_numpy(inputs).requires_grad_(self.row.input_gradients), torch.from_numpy(targets)

    def __call__(self, inputs: Any, targets: Any) -> dict[str, Any]:
        import torch

        for one in (*self.parameters, inputs):
            one.grad = None
        if self.row.inference:
            with torch.no_grad():
                return {"outputs": self.layer(inputs).reshape(targets.shape)}
        outputs = self.layer(inputs).reshape(targets.shape)
        ((outputs - targets) ** 2).mean().backward()
        found = {"outputs": outputs.detach(), "weight_gradient": [one.grad for one in self.parameters]}
        return found | {"input_gradient": inputs.grad} if self.row.input_gradients else found

    def nudge(self, size: float) -> None:
        import torch

        with torch.no_grad():
            for one in self.parameters:
                one.add_(size)


def set_weights(row: Row, parameters: list[Any]) -> None:
    """Write the row's weights into parameters that hold them in order, in one tensor or one by one."""
    import torch

    with torch.no_grad():
        flat, start = torch.from_numpy(weights(row)), 0
        for one in parameters:
            one.copy_(flat[start : start + one.numel()].reshape(one.shape))
            start += one.numel()
    if start != row.n_weights:
        raise ValueError(f"the layer has {start} weights; the row has {row.n_weights}")


def pennylane_function(row: Row) -> Callable[[Any, Any], Any]:
    """Return the row's circuit as a PennyLane quantum function of (inputs, weights)."""
    import pennylane as qml

    operations = {"ry": qml.RY, "rx": qml.RX, "rz": qml.RZ, "p": qml.PhaseShift, "h": qml.Hadamard, "cx": qml.CNOT}

    def circuit(inputs: Any, weights: Any) -> Any:
        for gate in row.gates():
            if gate.source is None:
                operations[gate.name](wires=gate.qubits)
            else:
                operations[gate.name](weights[gate.index] if gate.source == "weight" else gate.of(inputs), wires=gate.qubits)
        if not row.observables:
            return qml.probs(wires=range(row.n_qubits))
        return [qml.expval(qml.prod(*(qml.PauliZ(qubit) for qubit in qubits))) for qubits in row.observables]

    return circuit


def pennylane(row: Row) -> Step:
    """PennyLane's TorchLayer on its fast path: the whole batch in one broadcast, gradients by backpropagation."""
    import pennylane as qml

    device = qml.device("default.qubit", wires=row.n_qubits)
    node = qml.QNode(pennylane_function(row), device, interface="torch", diff_method="backprop")
    layer = qml.qnn.TorchLayer(node, {"weights": (row.n_weights,)})
    set_weights(row, [layer.weights])
    return TorchStep(row, layer, [layer.weights], "default.qubit works in complex128 whatever the inputs are")


def lightning(row: Row) -> Step:
    """PennyLane's TorchLayer on its C++ simulator with adjoint gradients."""
    import pennylane as qml

    device = qml.device("lightning.qubit", wires=row.n_qubits, c_dtype=np.complex64)
    node = qml.QNode(pennylane_function(row), device, interface="torch", diff_method="adjoint")
    layer = qml.qnn.TorchLayer(node, {"weights": (row.n_weights,)})
    set_weights(row, [layer.weights])
    return TorchStep(row, layer, [layer.weights])


def deepquantum(row: Row) -> Step:
    """DeepQuantum's QubitCircuit; it maps over the batch by torch.func.vmap."""
    import deepquantum as dq
    import torch

    circuit, scales = dq.QubitCircuit(row.n_qubits), []
    for gate in row.gates():
        add = getattr(circuit, gate.name)
        if gate.source == "input":
            add(*gate.qubits, encode=True)
            scales.append(gate.scale)
        else:
            add(*gate.qubits)
    for qubits in row.observables:
        circuit.observable(list(qubits))
    parameters, scale = list(circuit.parameters()), torch.tensor(scales)
    set_weights(row, parameters)

    def layer(inputs: Any) -> Any:
        circuit(data=inputs * scale)
        return circuit.expectation()

    return TorchStep(row, layer, parameters)


def torq(row: Row) -> Step:
    """TorQ's building blocks, as its own layers use them: a product state, then one full matrix a block."""
    import torch
    from torq import Controls, Measure, Ops, Rotations, Templates

    rotations = {"rx": Rotations.get_rx, "ry": Rotations.get_ry, "rz": Rotations.get_rz}
    chain = Ops.multi_dim_matmul_reversed(*(Controls.get_cnot_ops(row.n_qubits, *pair) for pair in row.chain()))
    identity = torch.eye(2**row.n_qubits, dtype=chain.dtype)
    plus = torch.full((2, 1), 0.5**0.5, dtype=chain.dtype)
    # Their names for products of Z: a word slides over the qubits, so only Z on each qubit or on all is one call.
    word = "Z" * len(row.observables[0])
    parameters = [torch.nn.Parameter(torch.from_numpy(weights(row)))]

    def one_qubit(names: tuple[str, ...]) -> Callable[[Any], Any]:
        return lambda angles: Ops.multi_dim_matmul_reversed(*(rotations[name](angles[:, i]) for i, name in enumerate(names)))

    def layer(inputs: Any) -> Any:
        if row.encoding == (("ry", 1.0),):
            state = Templates.angle_embedding(inputs, basis="Y").squeeze(-1)
        else:  # H, then P up to a phase
            gates = Templates.data_reuploading_gates(row.encoding[1][1] * inputs, basis="Z")
            state = Ops.multi_dim_tensor_product(*(gates @ plus).transpose(0, 1).unbind(0)).squeeze(-1)
        start = 0
        for names, entangled in row.blocks:
            stop = start + row.n_qubits * len(names)
            angles = parameters[0][start:stop].reshape(row.n_qubits, len(names))
            cnots = chain if entangled else identity
            block = Templates.basic_or_strongly_single_layer(row.n_qubits, angles, cnots, sigma_single_rot=one_qubit(names))
            state, start = Ops.apply_matrix(state, block), stop
        return Measure.measure(state, word)[:, : len(row.observables)]

    return TorchStep(row, layer, parameters, "its layers have no open chain of CNOTs: built from its functions")


def qiskit(row: Row) -> Step:
    """Qiskit's EstimatorQNN behind its TorchConnector, as its tutorials build it, with exact expectation values."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_machine_learning.connectors import TorchConnector
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    inputs, angles = ParameterVector("x", row.n_qubits), ParameterVector("w", row.n_weights)
    circuit = QuantumCircuit(row.n_qubits)
    for gate in row.gates():
        add = getattr(circuit, gate.name)
        if gate.source is None:
            add(*gate.qubits)
        else:
            add(gate.scale * inputs[gate.index] if gate.source == "input" else angles[gate.index], *gate.qubits)
    network = EstimatorQNN(
        circuit=circuit,
        observables=[SparsePauliOp.from_sparse_list([("Z" * len(q), list(q), 1)], row.n_qubits) for q in row.observables],
        input_params=list(inputs),
        weight_params=list(angles),
        input_gradients=row.input_gradients,
    )
    layer = TorchConnector(network)
    set_weights(row, [layer.weight])
    return TorchStep(row, layer, [layer.weight], "in double precision, the only one it has")


class JaxStep:
    """A step of a loss that JAX has compiled together with its gradients."""

    note = ""

    def __init__(self, row: Row, compiled: Callable[..., Any], start: np.ndarray):
        import jax

        self.row, self.compiled, self.jax, self.weights = row, compiled, jax, jax.numpy.asarray(start)

    def arrays(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        return self.jax.numpy.asarray(inputs), self.jax.numpy.asarray(targets)

    def __call__(self, inputs: Any, targets: Any) -> dict[str, Any]:
        if self.row.inference:
            return {"outputs": self.jax.block_until_ready(self.compiled(self.weights, inputs))}
        (_, outputs), gradients = self.jax.block_until_ready(self.compiled(self.weights, inputs, targets))
        return dict(zip(("weight_gradient", "input_gradient"), gradients, strict=False)) | {"outputs": outputs}

    def nudge(self, size: float) -> None:
        self.weights = self.jax.block_until_ready(self.weights + size)


def jax_step(row: Row, outputs: Callable[[Any, Any], Any]) -> JaxStep:
    """Compile a step of a function (weights, inputs) → outputs."""
    import jax

    def loss(weights: Any, inputs: Any, targets: Any) -> tuple[Any, Any]:
        found = outputs(weights, inputs)
        return ((found - targets) ** 2).mean(), found

    if row.inference:
        return JaxStep(row, jax.jit(outputs), weights(row))
    step = jax.value_and_grad(loss, argnums=(0, 1) if row.input_gradients else (0,), has_aux=True)
    if row.seeds:
        step = jax.vmap(step, in_axes=(0, None, None))
    return JaxStep(row, jax.jit(step), weights(row))


def tensorcircuit(row: Row) -> Step:
    """TensorCircuit-NG on JAX: one sample's circuit, mapped over the batch (and over seeds), compiled with its gradients."""
    import jax
    import tensorcircuit as tc

    tc.set_backend("jax")
    tc.set_dtype("complex64")
    names = {"p": "phase"}

    def one_sample(weights: Any, inputs: Any) -> Any:
        circuit = tc.Circuit(row.n_qubits)
        for gate in row.gates():
            add = getattr(circuit, names.get(gate.name, gate.name))
            if gate.source is None:
                add(*gate.qubits)
            else:
                add(*gate.qubits, theta=weights[gate.index] if gate.source == "weight" else gate.of(inputs))
        if not row.observables:
            return circuit.probability()
        return jax.numpy.stack([circuit.expectation_ps(z=list(qubits)).real for qubits in row.observables])

    return jax_step(row, lambda weights, inputs: jax.vmap(one_sample, in_axes=(None, 0))(weights, inputs))


def pennylane_jax(row: Row) -> Step:
    """PennyLane with JAX instead of torch: the same quantum function on the same device, compiled with its gradients."""
    import jax
    import pennylane as qml

    device = qml.device("default.qubit", wires=row.n_qubits)
    node = qml.QNode(pennylane_function(row), device, interface="jax", diff_method="backprop")

    def outputs(weights: Any, inputs: Any) -> Any:
        found = node(inputs, weights)
        return jax.numpy.stack(found, axis=1) if row.observables else found

    return jax_step(row, outputs)


def jax_turn(name: str, angle: Any) -> Any:
    """Return the matrix of a gate of one qubit, shape angle.shape + (2, 2), in JAX."""
    import jax.numpy as jnp

    c, s = jnp.cos(angle / 2).astype(jnp.complex64), jnp.sin(angle / 2).astype(jnp.complex64)
    one = jnp.ones_like(c)
    rows = {
        "h": ((one, one), (one, -one)),
        "p": ((one, 0 * one), (0 * one, c**2 - s**2 + 2j * c * s)),
        "rx": ((c, -1j * s), (-1j * s, c)),
        "ry": ((c, -s), (s, c)),
        "rz": ((c - 1j * s, 0 * one), (0 * one, c + 1j * s)),
    }[name]
    found = jnp.stack([jnp.stack(line, -1) for line in rows], -2)
    return found * 0.5**0.5 if name == "h" else found


def jax_by_hand(row: Row) -> Step:
    """What an engineer with a free afternoon writes in JAX: fused gates of a qubit, CNOTs as one permutation, probabilities.

    What comes before the first CNOT makes a product state. Where no input follows and there are at most eight qubits, the rest
    becomes one matrix that every sample's state is multiplied with. A phase between two equal CNOTs is a diagonal.
    """
    import jax.numpy as jnp

    n = row.n_qubits
    index = np.arange(2**n)
    bit = {qubit: index >> (n - 1 - qubit) & 1 for qubit in range(n)}
    gates = list(row.gates())
    signs = np.eye(2**n, dtype=np.float32)
    if row.observables:
        signs = np.stack([np.prod([1 - 2 * bit[q] for q in qubits], 0) for qubits in row.observables], 1).astype(np.float32)

    def swapped(pair: tuple[int, ...]) -> Any:
        return index ^ (bit[pair[0]] << (n - 1 - pair[1]))

    def parts(start: list[Any]) -> list[tuple[str, Any]]:
        """Gather gates: ("one", (qubit, gates)), ("cx", permutation), ("phase", (gate, pair))."""
        listed: list[tuple[str, Any]] = []
        waiting: dict[int, list[Any]] = {qubit: [] for qubit in range(n)}

        def flush(qubits: Any) -> None:
            for qubit in qubits:
                if waiting[qubit]:
                    listed.append(("one", (qubit, waiting[qubit])))
                    waiting[qubit] = []

        k = 0
        while k < len(start):
            gate = start[k]
            if gate.name != "cx":
                waiting[gate.qubits[0]].append(gate)
            else:
                flush(gate.qubits)
                after = start[k + 1 : k + 3]
                if len(after) == 2 and after[1] == gate and after[0].name == "p" and after[0].qubits == gate.qubits[1:]:
                    listed.append(("phase", (after[0], gate.qubits)))
                    k += 2
                elif listed and listed[-1][0] == "cx":
                    listed[-1] = ("cx", listed[-1][1][swapped(gate.qubits)])
                else:
                    listed.append(("cx", swapped(gate.qubits)))
            k += 1
        flush(range(n))
        return listed

    first = next((k for k, gate in enumerate(gates) if gate.name == "cx"), len(gates))
    encoded, rest = gates[:first], gates[first:]
    last = max((k for k, gate in enumerate(encoded) if gate.source == "input"), default=-1)
    encoded, rest = encoded[: last + 1], encoded[last + 1 :] + rest
    plan, unitary = parts(rest), n <= 8 and not any(gate.source in ("input", "pair") for gate in rest)

    def angle(gate: Any, weights: Any, inputs: Any) -> Any:
        if gate.source is None:
            return jnp.zeros(())
        return weights[gate.index] if gate.source == "weight" else gate.of(inputs)

    def fused(qubits_gates: list[Any], weights: Any, inputs: Any) -> Any:
        found = jnp.eye(2, dtype=jnp.complex64)
        for gate in qubits_gates:
            found = jax_turn(gate.name, angle(gate, weights, inputs)) @ found
        return found

    def evolve(states: Any, weights: Any, inputs: Any) -> Any:
        for kind, what in plan:
            if kind == "cx":
                states = states[:, what]
            elif kind == "phase":
                gate, (a, b) = what
                odd = (bit[a] ^ bit[b]).astype(np.float32)
                states = states * jnp.exp(1j * jnp.asarray(angle(gate, weights, inputs)).reshape(-1, 1) * odd)
            else:
                qubit, listed = what
                matrix = fused(listed, weights, inputs)
                shaped = states.reshape(len(states), 2**qubit, 2, -1)
                zero, one = shaped[:, :, 0], shaped[:, :, 1]
                entry = [[matrix[..., i, j].reshape(-1, 1, 1) for j in (0, 1)] for i in (0, 1)]
                turned = [row[0] * zero + row[1] * one for row in entry]  # XLA makes one loop of it; einsum is slower
                states = jnp.stack(turned, 2).reshape(len(states), -1)
        return states

    def outputs(weights: Any, inputs: Any) -> Any:
        states = jnp.ones((len(inputs), 1), jnp.complex64)
        for qubit in range(n):
            own = [gate for gate in encoded if gate.qubits == (qubit,)]
            column = jnp.broadcast_to(fused(own, weights, inputs)[..., 0], (len(inputs), 2))
            states = (states[:, :, None] * column[:, None, :]).reshape(len(inputs), -1)
        if unitary:
            states = states @ evolve(jnp.eye(2**n, dtype=jnp.complex64), weights, inputs)
        else:
            states = evolve(states, weights, inputs)
        return (states.real**2 + states.imag**2) @ signs

    return jax_step(row, outputs)


def our_layer(row: Row) -> Any:
    """Return qhelpers' QuantumLayer on the same quantum function as PennyLane's."""
    from qhelpers.circuits import QuantumLayer

    return QuantumLayer(pennylane_function(row), {"weights": (row.n_weights,)}, n_inputs=row.n_qubits)


def ours(row: Row) -> Step:
    """qhelpers' QuantumLayer; with seeds, all of them in one model by torch.func.vmap."""
    layer = our_layer(row)
    if row.seeds:
        return SeedsStep(row, layer)
    set_weights(row, [layer.weights])
    plan = layer.plan()
    step = TorchStep(row, layer, [layer.weights], str(plan).splitlines()[0])
    step.n_terms = plan.n_terms
    return step


class OneCall:
    """A step by `QuantumLayer.value_and_grad`, without autograd."""

    note = ""

    def __init__(self, row: Row, layer: Any):
        self.row, self.layer = row, layer

    def arrays(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        import torch

        return torch.from_numpy(inputs), targets

    def __call__(self, inputs: Any, targets: Any) -> dict[str, Any]:
        def loss(outputs: np.ndarray) -> tuple[float, np.ndarray]:
            difference = outputs.reshape(targets.shape) - targets
            return float((difference * difference).mean()), (difference * (2 / difference.size)).reshape(outputs.shape)

        found = self.layer.value_and_grad(inputs, loss, self.row.input_gradients)
        gradients = {"outputs": found.outputs.reshape(targets.shape), "weight_gradient": [self.layer.weights.grad]}
        return gradients | ({"input_gradient": found.inputs_grad} if self.row.input_gradients else {})

    def nudge(self, size: float) -> None:
        import torch

        with torch.no_grad():
            self.layer.weights.add_(size)


def one_call(row: Row) -> Step:
    """qhelpers' QuantumLayer, loss and gradient in one call."""
    layer = our_layer(row)
    set_weights(row, [layer.weights])
    return OneCall(row, layer)


def ours_in_turn(row: Row) -> Step:
    """qhelpers' QuantumLayer once a seed, one step after the other: what `ours` is compared with."""
    layers = [our_layer(row) for _ in range(row.seeds)]
    return TurnsStep(row, layers)


class SeedsStep:
    """Value and gradients of all seeds at once: torch.func.vmap over stacked weights."""

    def __init__(self, row: Row, layer: Any):
        import torch
        from torch.func import functional_call, grad_and_value, vmap

        def loss(weights: Any, inputs: Any, targets: Any) -> tuple[Any, Any]:
            outputs = functional_call(layer, {"weights": weights}, (inputs,)).reshape(targets.shape)
            return ((outputs - targets) ** 2).mean(), outputs

        self.weights, self.note = torch.from_numpy(weights(row)), ""
        self.step = vmap(grad_and_value(loss, has_aux=True), in_dims=(0, None, None))

    def arrays(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        import torch

        return torch.from_numpy(inputs), torch.from_numpy(targets)

    def __call__(self, inputs: Any, targets: Any) -> dict[str, Any]:
        gradient, (_, outputs) = self.step(self.weights, inputs, targets)
        return {"outputs": outputs, "weight_gradient": gradient}

    def nudge(self, size: float) -> None:
        self.weights = self.weights + size


class TurnsStep:
    """A step of each seed's own layer, in turn."""

    def __init__(self, row: Row, layers: list[Any]):
        import torch

        self.note = ""
        for layer, start in zip(layers, weights(row), strict=True):
            with torch.no_grad():
                layer.weights.copy_(torch.from_numpy(start))
        self.steps = [TorchStep(row, layer, [layer.weights]) for layer in layers]
        self.arrays = self.steps[0].arrays

    def __call__(self, inputs: Any, targets: Any) -> dict[str, Any]:
        found = [step(inputs, targets) for step in self.steps]
        gradients = [one["weight_gradient"][0] for one in found]
        return {"outputs": [one["outputs"] for one in found], "weight_gradient": gradients}

    def nudge(self, size: float) -> None:
        for step in self.steps:
            step.nudge(size)


@dataclass(frozen=True)
class Peer:
    """A library as the table names it.

    ``samples``: where a batch above ``scaled_above`` would take too long, two batch sizes to scale from.
    """

    title: str
    build: Callable[[Row], Step]
    packages: tuple[str, ...]
    #: What it needs imported, before any clock starts.
    modules: tuple[str, ...]
    ours: bool = False
    samples: tuple[int, int] = (0, 0)
    scaled_above: float = np.inf
    #: What it takes part in: rows with one set of weights, rows with many.
    single: bool = True
    many: bool = False
    #: Whether it is among the fast ones, which the further rows are timed in too.
    fast: bool = False

    def runs(self, row: Row) -> bool:
        """Whether the row has a cell for this peer."""
        if row.inference and self.title == ONE_CALL:
            return False
        return self.many if row.seeds else self.single and (self.fast or not row.further)

    def scaled(self, row: Row) -> bool:
        """Whether the row's batch is too long to be timed whole."""
        return row.batch > self.scaled_above

    def versions(self) -> dict[str, str]:
        """Return the installed version of each of its packages."""
        return {name: importlib.metadata.version(name) for name in self.packages}


ONE_CALL = "qhelpers, value_and_grad"
PEERS = {
    "ours": Peer(
        "qhelpers QuantumLayer", ours, ("torch", "pennylane"), ("qhelpers.circuits", "pennylane"), ours=True, many=True, fast=True
    ),
    "ours-one-call": Peer(ONE_CALL, one_call, ("torch", "pennylane"), ("qhelpers.circuits", "pennylane"), ours=True, fast=True),
    "ours-in-turn": Peer(
        "qhelpers, one after the other",
        ours_in_turn,
        ("torch",),
        ("qhelpers.circuits", "pennylane"),
        ours=True,
        single=False,
        many=True,
    ),
    "pennylane": Peer(
        "PennyLane TorchLayer, default.qubit, backprop", pennylane, ("pennylane", "torch"), ("pennylane",), fast=True
    ),
    "lightning": Peer(
        "PennyLane TorchLayer, lightning adjoint",
        lightning,
        ("pennylane-lightning", "pennylane"),
        ("pennylane", "pennylane_lightning"),
        samples=(64, 128),
        scaled_above=2000,
    ),
    "deepquantum": Peer("deepquantum", deepquantum, ("deepquantum", "torch"), ("deepquantum",)),
    "tensorcircuit": Peer(
        "tensorcircuit-ng on JAX", tensorcircuit, ("tensorcircuit-ng", "jax", "jaxlib"), ("tensorcircuit", "jax"), many=True
    ),
    "pennylane-jax": Peer(
        "PennyLane on JAX, jit", pennylane_jax, ("pennylane", "jax", "jaxlib"), ("pennylane", "jax"), fast=True
    ),
    "jax": Peer("JAX by hand", jax_by_hand, ("jax", "jaxlib"), ("jax",), fast=True),
    "torq": Peer("torq-quantum", torq, ("torq-quantum", "torch"), ("torq",)),
    "qiskit": Peer(
        "Qiskit EstimatorQNN + TorchConnector",
        qiskit,
        ("qiskit", "qiskit-machine-learning"),
        ("qiskit_machine_learning.neural_networks", "qiskit_machine_learning.connectors"),
        samples=(16, 32),
        scaled_above=32,
    ),
}

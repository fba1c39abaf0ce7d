"""The noise channels are the paper's, PennyLane's and Aer's; they strike where a model says, in both frameworks alike."""

import subprocess
import sys
from functools import partial

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import UnitaryGate, XGate, real_amplitudes, z_feature_map
from qiskit.quantum_info import PTM, DensityMatrix, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer import noise as aer

from qhelpers.circuits.noise import (
    CHANNELS,
    INSERTIONS,
    NoiseModel,
    analytic_z,
    kraus,
    noisy_qiskit,
    pauli_transfer,
    with_noise,
)

close = partial(np.testing.assert_allclose, rtol=0)  # every tolerance below is absolute
STRENGTHS = (0.0, 0.13, 0.5, 0.75, 0.9)
PAULIS = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
IN_PENNYLANE = {
    "bit_flip": lambda p: qml.BitFlip(p, 0),
    "phase_flip": lambda p: qml.PhaseFlip(p, 0),
    "bit_phase_flip": lambda p: qml.PauliError("Y", p, 0),
    "depolarizing": lambda p: qml.DepolarizingChannel(p, 0),
    "phase_damping": lambda p: qml.PhaseDamping(p, 0),
    "amplitude_damping": lambda p: qml.AmplitudeDamping(p, 0),
}
IN_AER = {
    "bit_flip": lambda p: aer.pauli_error([("X", p), ("I", 1 - p)]),
    "phase_flip": lambda p: aer.pauli_error([("Z", p), ("I", 1 - p)]),
    "bit_phase_flip": lambda p: aer.pauli_error([("Y", p), ("I", 1 - p)]),
    "depolarizing": lambda p: aer.depolarizing_error(4 * p / 3, 1),
    "phase_damping": aer.phase_damping_error,
    "amplitude_damping": aer.amplitude_damping_error,
}


def transfer(operators):
    def image(pauli):
        return sum(np.asarray(k) @ pauli @ np.asarray(k).conj().T for k in operators)

    return np.array([[np.trace(row @ image(column)).real / 2 for column in PAULIS] for row in PAULIS])


# --- channels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_channel_is_that_of_pennylane_and_of_aer(channel):
    for strength in STRENGTHS:
        ours = pauli_transfer(channel, strength)
        assert ours.shape == (4, 4) and ours.dtype == np.float64
        close(ours, transfer(kraus(channel, strength)), atol=1e-15)
        close(ours, transfer(IN_PENNYLANE[channel](strength).kraus_matrices()), atol=1e-12)
        close(ours, PTM(IN_AER[channel](strength)).data.real, atol=1e-12)
    close(pauli_transfer(channel, 1.0), PTM(IN_AER[channel](1.0)).data.real, atol=1e-12)
    # PennyLane adds 1e-14 under each root, which is 1e-7 where nothing should be left.
    close(pauli_transfer(channel, 1), transfer(IN_PENNYLANE[channel](1.0).kraus_matrices()), atol=2e-7)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_keeps_the_trace_and_no_noise_is_none(channel):
    for strength in (*STRENGTHS, 1, np.float32(0.3), np.array(0.2)):
        assert np.abs(sum(one.conj().T @ one for one in kraus(channel, strength)) - np.eye(2)).max() < 1e-15
    np.testing.assert_array_equal(pauli_transfer(channel, 0), np.eye(4))


def test_phase_damping_is_a_phase_flip():
    for strength in (*STRENGTHS, 1.0):
        flip = (1 - np.sqrt(1 - strength)) / 2
        close(pauli_transfer("phase_damping", strength), pauli_transfer("phase_flip", flip), atol=1e-15)


@pytest.mark.parametrize("channel", CHANNELS)
def test_analytic_z(channel):
    angles = np.array([0.0, 0.4, 1.3, 2.9])

    @qml.qnode(qml.device("default.mixed", wires=1))
    def after(angle, strength):
        qml.RY(angle, 0)
        qml.QubitChannel(kraus(channel, strength), 0)
        return qml.expval(qml.Z(0))

    for strength in (0.0, 0.3, 0.75, 1.0):
        ours = analytic_z(channel, strength, np.cos(angles))
        close(ours, [after(angle, strength) for angle in angles], atol=1e-12)
        matrix = pauli_transfer(channel, strength)
        close(ours, matrix[3, 3] * np.cos(angles) + matrix[3, 0], atol=1e-15)
    assert analytic_z(channel, 0.2, torch.tensor([0.5])).shape == (1,)


# --- circuits --------------------------------------------------------------------------------------------------------

X_IN = np.array([0.7, -1.1, 0.4])
WEIGHTS = np.random.default_rng(7).uniform(0, 2 * np.pi, 12)
WORDS = ("IIZ", "ZII", "XYZ", "IYI", "ZZX")  # first letter: first qubit


def in_pennylane():
    def circuit(x, w):
        qml.AngleEmbedding(x, wires=range(3), rotation="Y")
        qml.Barrier()
        qml.Rot(w[0], w[1], w[2], wires=0)
        qml.U3(w[3], w[4], w[5], wires=1)
        qml.Hadamard(2)
        qml.CNOT([0, 1])
        qml.Identity(1)
        qml.GlobalPhase(0.3)
        qml.Barrier(wires=[0])
        qml.CRX(w[6], [2, 0])
        qml.adjoint(qml.SX(1))
        qml.BasicEntanglerLayers(w[None, 7:10], wires=range(3), rotation=qml.RX)
        qml.Barrier(wires=range(3))
        qml.IsingZZ(w[10], [0, 2])
        qml.Toffoli([0, 1, 2])
        return [qml.expval(qml.pauli.string_to_pauli_word(word)) for word in WORDS]

    return circuit


def in_qiskit(x, w):
    circuit = QuantumCircuit(QuantumRegister(3))
    for qubit in range(3):
        circuit.ry(x[qubit], qubit)
    circuit.barrier()
    circuit.u(w[1], w[2], w[0], 0)
    circuit.u(w[3], w[4], w[5], 1)
    circuit.h(2)
    circuit.cx(0, 1)
    circuit.id(1)
    circuit.barrier(0)
    circuit.crx(w[6], 2, 0)
    circuit.sxdg(1)
    block = QuantumCircuit(3, name="entangler")
    for qubit in range(3):
        block.rx(w[7 + qubit], qubit)
    for qubit in range(3):
        block.cx(qubit, (qubit + 1) % 3)
    circuit.append(block.to_instruction(), [0, 1, 2])
    circuit.barrier()
    circuit.rzz(w[10], 0, 2)
    circuit.ccx(0, 1, 2)
    return circuit


def density(circuit):
    simulated = circuit.copy()
    simulated.save_density_matrix()
    simulator = AerSimulator(method="density_matrix")
    return simulator.run(transpile(simulated, simulator, optimization_level=0)).result().data(0)["density_matrix"]


def expectations(state, words=WORDS):
    return [state.expectation_value(SparsePauliOp(word[::-1])).real for word in words]


@pytest.mark.parametrize("insertion", INSERTIONS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_pennylane_and_qiskit_agree(channel, insertion):
    for strength in (0.0, 0.17, 1.0):
        model = NoiseModel(channel, strength, insertion)
        node = qml.QNode(with_noise(in_pennylane(), model), qml.device("default.mixed", wires=3))
        ours = node(X_IN, WEIGHTS)
        close(ours, expectations(density(noisy_qiskit(in_qiskit(X_IN, WEIGHTS), model))), atol=1e-10)
        if strength == 0:
            clean = qml.QNode(in_pennylane(), qml.device("default.qubit", wires=3))(X_IN, WEIGHTS)
            close(ours, clean, atol=1e-12)


def strikes(circuit, model, *args):
    """Names and wires of the operations of a circuit with noise; channels are called '*'."""
    tape = qml.tape.make_qscript(with_noise(circuit, model))(*args)
    return [("*" if op.name == "QubitChannel" else op.name, *op.wires) for op in tape.operations]


def test_where_noise_strikes_in_pennylane():
    def circuit(x):
        qml.AngleEmbedding(x, wires=range(2), rotation="X")
        qml.Barrier()
        qml.CNOT([1, 0])
        qml.Barrier(wires=[0])
        qml.T(1)
        return qml.expval(qml.Z(0)), qml.probs(wires=[2])

    x = [0.1, 0.2]
    embedding = [("RX", 0), ("RX", 1)]
    everywhere = [("*", 0), ("*", 1), ("*", 2)]
    assert strikes(circuit, NoiseModel("bit_flip", 0.1), x) == [
        *[("RX", 0), ("*", 0), ("RX", 1), ("*", 1)],
        *[("CNOT", 1, 0), ("*", 1), ("*", 0)],
        *[("T", 1), ("*", 1)],
    ]
    assert strikes(circuit, NoiseModel("bit_flip", 0.1, "layer"), x) == [
        *embedding,
        *everywhere,
        ("CNOT", 1, 0),
        *everywhere,
        ("T", 1),
    ]
    assert strikes(circuit, NoiseModel("bit_flip", 0.1, "end"), x) == [*embedding, ("CNOT", 1, 0), ("T", 1), *everywhere]


def test_what_counts_as_a_gate_in_pennylane():
    class Bell(qml.operation.Operation):  # a template of a reader's own: no matrix, only a decomposition
        num_wires = 2

        @staticmethod
        def compute_decomposition(wires):
            return [qml.Hadamard(wires[0]), qml.CNOT(wires)]

    def circuit():
        qml.StatePrep(np.array([0.6, 0.8]), wires=0)
        qml.adjoint(qml.AngleEmbedding)([0.1, 0.2], wires=range(2), rotation="Z")
        qml.ctrl(qml.AngleEmbedding, 2)([0.3], wires=[0])
        qml.prod(qml.H(0), qml.X(1))
        qml.adjoint(qml.Barrier, lazy=True)(wires=[0])
        qml.adjoint(qml.SX(0))
        qml.pow(qml.RX(0.2, 1), 2, lazy=True)
        qml.evolve(qml.X(0) @ qml.Y(1), 0.3)
        Bell(wires=[0, 1])
        qml.Identity(0)
        qml.GlobalPhase(0.1)
        qml.Snapshot()
        qml.BitFlip(0.1, 0)
        return qml.expval(qml.Z(0))

    found = strikes(circuit, NoiseModel("phase_flip", 0.2))
    struck = [found[i] for i in range(len(found) - 1) if found[i][0] != "*" and found[i + 1][0] == "*"]
    assert [name for name, *_ in struck] == [
        *["Adjoint(RZ)", "Adjoint(RZ)", "CRX", "PauliX", "Hadamard"],
        *["Adjoint(SX)", "RX**2", "Evolution", "Hadamard", "CNOT"],
    ]
    assert sum(name == "*" for name, *_ in found) == 10 + 3  # three of the ten have two wires
    node = qml.QNode(with_noise(circuit, NoiseModel("phase_flip", 0.0)), qml.device("default.mixed", wires=3))
    clean = qml.QNode(circuit, qml.device("default.mixed", wires=3))
    assert float(node()) == pytest.approx(float(clean()), abs=1e-12)


def test_a_qnode_stays_a_qnode_with_batches_and_gradients():
    @qml.qnode(qml.device("default.mixed", wires=2))
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(2), rotation="Y")
        qml.RX(weights[0], 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    noisy = with_noise(circuit, NoiseModel("bit_flip", 0.25, "end"))
    assert isinstance(noisy, qml.QNode)
    inputs = torch.tensor([[0.3, 0.8], [1.0, -0.4]], dtype=torch.float64)
    weights = torch.tensor([0.6], dtype=torch.float64, requires_grad=True)
    values, clean = noisy(inputs, weights), circuit(inputs, weights)
    torch.testing.assert_close(values, 0.5 * clean, atol=1e-12, rtol=0)
    torch.testing.assert_close(
        torch.autograd.grad(values.sum(), weights)[0],
        0.5 * torch.autograd.grad(clean.sum(), weights)[0],
        atol=1e-12,
        rtol=0,
    )


def test_gate_noise_composes_by_the_rule_of_one_qubit():
    def circuit(x):
        for angle in x:
            qml.RX(angle, 0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(with_noise(circuit, NoiseModel("depolarizing", 0.12)), qml.device("default.mixed", wires=1))
    assert float(node([0.3, 0.4, 0.5])) == pytest.approx((1 - 0.16) ** 3 * np.cos(1.2), abs=1e-12)


def test_where_noise_strikes_in_qiskit():
    circuit = QuantumCircuit(2, 1)
    circuit.global_phase = 0.4
    circuit.h(0)
    circuit.barrier(0)
    circuit.cx(1, 0)
    circuit.delay(10, 1)
    circuit.measure(0, 0)

    def strikes(insertion):
        noisy = noisy_qiskit(circuit, NoiseModel("bit_flip", 0.1, insertion))
        assert noisy.qregs == circuit.qregs and noisy.cregs == circuit.cregs and noisy.global_phase == circuit.global_phase
        return [
            ("*" if item.operation.name == "quantum_channel" else item.operation.name, *map(noisy.qubits.index, item.qubits))
            for item in noisy.data
        ]

    rest = [("delay", 1), ("measure", 0)]
    assert strikes("gate") == [("h", 0), ("*", 0), ("cx", 1, 0), ("*", 1), ("*", 0), *rest]
    assert strikes("layer") == [("h", 0), ("*", 0), ("*", 1), ("cx", 1, 0), *rest]
    assert strikes("end") == [("h", 0), ("cx", 1, 0), ("delay", 1), ("*", 0), ("*", 1), ("measure", 0)]
    assert circuit.count_ops()["barrier"] == 1  # the given circuit is left as it was


def test_what_counts_as_a_gate_in_qiskit():
    inner = QuantumCircuit(2)
    inner.compose(z_feature_map(2, reps=1).assign_parameters([0.3, 0.4]), inplace=True)
    nested = QuantumCircuit(2)
    nested.append(inner.to_gate(), [1, 0])
    circuit = QuantumCircuit(3)
    circuit.prepare_state([0.6, 0.8], 0)
    circuit.append(nested.to_gate(), [0, 2])  # H and P on each qubit
    circuit.append(UnitaryGate(np.eye(4)), [0, 1])
    circuit.append(UnitaryGate(np.diag([1, 1j])).control(1), [0, 1])
    circuit.append(XGate().power(0.5), [1])
    circuit.append(aer.pauli_error([("X", 0.1), ("I", 0.9)]), [0])
    circuit.mcx([0, 1], 2)
    noisy = noisy_qiskit(circuit, NoiseModel("phase_flip", 0.2))
    assert noisy.count_ops()["quantum_channel"] == 4 + 2 + 2 + 1 + 3 + 1
    model = NoiseModel("phase_flip", 0.0)
    close(DensityMatrix(noisy_qiskit(circuit, model)).data, DensityMatrix(circuit).data, atol=1e-12)


def test_parameters_stay_free_in_qiskit():
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    noisy = noisy_qiskit(circuit, NoiseModel("depolarizing", 0.3))
    assert list(noisy.parameters) == [theta]
    (value,) = expectations(density(noisy.assign_parameters([0.7])), ["Z"])
    assert value == pytest.approx(0.6 * np.cos(0.7), abs=1e-12)
    library = real_amplitudes(3, reps=2, insert_barriers=True)
    assert noisy_qiskit(library, NoiseModel("bit_flip", 0.1, "layer")).num_parameters == library.num_parameters


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [-0.01, 1.01, np.nan, np.inf, "much", None, [0.1, 0.2]])
def test_a_strength_outside_its_range(strength):
    for call in (
        lambda: NoiseModel("bit_flip", strength),
        lambda: kraus("bit_flip", strength),
        lambda: pauli_transfer("bit_flip", strength),
        lambda: analytic_z("bit_flip", strength, 0.5),
    ):
        with pytest.raises(ValueError, match=r"strength .* of bit_flip; allowed is one number from 0 \(no noise\) to 1"):
            call()


def test_unknown_names():
    for call in (lambda: NoiseModel("bitflip", 0.1), lambda: kraus("bitflip", 0.1), lambda: analytic_z("bitflip", 0.1, 0.0)):
        with pytest.raises(ValueError, match="channel 'bitflip' is unknown; allowed are bit_flip, phase_flip"):
            call()
    with pytest.raises(ValueError, match="insertion 'start' is unknown; allowed are gate, layer, end"):
        NoiseModel("bit_flip", 0.1, "start")


def test_a_model_is_frozen_and_comparable():
    model = NoiseModel("bit_flip", 1)
    assert model == NoiseModel("bit_flip", 1.0, "gate") and isinstance(model.strength, float)
    assert len({model, NoiseModel("bit_flip", 1.0)}) == 1
    with pytest.raises(AttributeError):
        model.strength = 2


def test_wrong_circuits():
    model = NoiseModel("bit_flip", 0.1)
    with pytest.raises(ValueError, match=r"circuit is QuantumCircuit; .*there is noisy_qiskit"):
        with_noise(QuantumCircuit(1), model)
    with pytest.raises(ValueError, match=r"circuit is function; .*there is with_noise"):
        noisy_qiskit(in_pennylane(), model)
    for call in (lambda: with_noise(in_pennylane(), "bit_flip"), lambda: noisy_qiskit(QuantumCircuit(1), "bit_flip")):
        with pytest.raises(ValueError, match="model is 'bit_flip'; allowed is a NoiseModel"):
            call()


def test_layers_need_barriers():
    layered = NoiseModel("bit_flip", 0.1, "layer")

    def flat():
        qml.X(0)
        return qml.expval(qml.Z(0))

    with pytest.raises(ValueError, match="'layer' in a circuit without a barrier; end each layer with a barrier"):
        qml.tape.make_qscript(with_noise(flat, layered))()
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all(add_bits=True)  # its barrier stands before the measurement and ends the only layer
    assert noisy_qiskit(circuit, layered).count_ops()["quantum_channel"] == 1
    circuit.remove_final_measurements()
    with pytest.raises(ValueError, match="'layer' in a circuit without a barrier"):
        noisy_qiskit(circuit, layered)


def test_measuring_before_the_end_is_refused():
    def measured():
        qml.measure(0)
        return qml.expval(qml.Z(0))

    def conditional():
        qml.cond(qml.measure(0), qml.X)(1)
        return qml.expval(qml.Z(1))

    for circuit in (measured, conditional):
        with pytest.raises(ValueError, match=r"measures before its end; .*drop qml\.measure"):
            qml.tape.make_qscript(with_noise(circuit, NoiseModel("bit_flip", 0.1)))()
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    with pytest.raises(ValueError, match="x after a measurement; measure and save at the end"):
        noisy_qiskit(circuit, NoiseModel("bit_flip", 0.1))


def test_what_is_no_gate_in_qiskit_is_refused_by_name():
    reset = QuantumCircuit(1)
    reset.reset(0)
    branching = QuantumCircuit(1, 1)
    with branching.if_test((branching.clbits[0], 1)):
        branching.x(0)
    for circuit, name in ((reset, "reset"), (branching, "if_else")):
        with pytest.raises(ValueError, match=f"instruction '{name}' cannot be reduced to gates"):
            noisy_qiskit(circuit, NoiseModel("bit_flip", 0.1))


def test_importing_it_is_light():
    code = "import sys, qhelpers.circuits.noise; print({'torch', 'pennylane', 'qiskit'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"

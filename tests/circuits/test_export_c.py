"""The C function of a trained circuit decides as the circuit does, on every row of both data sets, and is what it says it is."""

import re
import subprocess

import numpy as np
import pytest
import torch

from qhelpers import datasets
from qhelpers.circuits import QuantumLayer
from qhelpers.circuits.export_c import TARGETS, export_c, has_compiler
from qhelpers.circuits.surrogate import Surrogate
from qhelpers.papers.low_energy.circuits import qnn_p_circuit, qnn_q_circuit
from qhelpers.papers.low_energy.experiments import tables
from qhelpers.papers.low_energy.experiments.costs import c_function

pytestmark = pytest.mark.skipif(not has_compiler(), reason="gcc and binutils are not installed")
needs_arm = pytest.mark.skipif(not has_compiler("cortex-m4"), reason="gcc-arm-none-eabi is not installed")
NUMBERS = ("float32", "int16")


def layer(circuit, seed=0):
    drawn = np.random.default_rng(seed).uniform(0, 2 * np.pi, circuit.weight_shape)
    start = {"weights": torch.as_tensor(drawn)}
    return QuantumLayer(circuit.pennylane(), {"weights": circuit.weight_shape}, start, n_inputs=circuit.n_features).double()


def plain(surrogate, number, n=None, span=(-10.0, 10.0), **options):
    """C function whose readings are the circuit's inputs."""
    n = surrogate.rates.shape[1] if n is None else n
    names = [f"x{k}" for k in range(n)]
    return export_c(surrogate, np.eye(n), np.zeros(n), names=names, number=number, spans=[span] * n, **options)


def one_wave(kind, value=1.0, rate=1.0, offset=0.0):
    return Surrogate(np.array([[value]]), np.array([[kind]]), np.array([[rate]]), np.array([offset]), True, (("Z",),))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "circuit",
    [qnn_p_circuit(4, 4, 3, "chain"), qnn_p_circuit(4, 4, 3, "ring"), qnn_p_circuit(2, 3, 2, "none"), qnn_q_circuit(2, 2, 2, 1)],
    ids=["chain", "ring", "none", "z-map-twice"],
)
def test_it_computes_the_circuit(circuit, seed, number):
    quantum = layer(circuit, seed)
    X = np.random.default_rng(seed).uniform(-9.9, 9.9, (500, circuit.n_features))
    exact = quantum(torch.as_tensor(X)).detach().numpy().reshape(-1)
    labels, outputs = plain(quantum.surrogate(), number).compile()(X)
    assert np.abs(outputs - exact).max() < (1e-5 if number == "float32" else 2e-3)  # steps of 20/65536 rad
    assert set(labels) == {0, 1}
    assert (labels == (outputs > 0)).all()


@pytest.mark.parametrize("kind", [1, 2])
def test_the_fixed_sine_over_every_count(kind):
    wave = {1: np.cos, 2: np.sin}[kind]
    function = plain(one_wave(kind, rate=3.0, offset=0.7), "int16", span=(-5.0, 5.0))
    counts = np.arange(-32768, 32768).astype(np.int16)[:, None]
    readings = function.low + (counts + 32768.0) / 65535 * (function.high - function.low)
    assert (function.counts(readings) == counts).all()
    _, scores = function.compile().raw(counts)
    assert np.abs(scores / function.one - wave(3 * readings[:, 0] + 0.7)).max() < 2 * np.pi / 65536 + 2 / 32768


@pytest.mark.parametrize("kind", [1, 2])
def test_the_float_sine_over_many_turns(kind):
    wave = {1: np.cos, 2: np.sin}[kind]
    X = np.linspace(-40, 40, 100_001).astype(np.float32)[:, None]
    _, outputs = plain(one_wave(kind), "float32").compile()(X)
    assert np.abs(outputs - wave(X[:, 0].astype(float))).max() < 4e-6


def test_a_reading_beyond_its_span_stops_at_the_end():
    function = plain(one_wave(2), "int16", span=(-1.0, 1.0))
    assert function.counts([[-7.0], [7.0]]).ravel().tolist() == [-32768, 32767]
    _, outputs = function.compile()([[-7.0], [7.0]])
    assert outputs == pytest.approx([-np.sin(1), np.sin(1)], abs=1e-3)


def test_sums_that_leave_sixteen_bits_are_scaled():
    function = plain(one_wave(1, value=11.0), "int16", span=(-2.0, 2.0))
    assert function.one == 4096  # 11 · 2^12 is below 2^16, 11 · 2^13 is not
    X = np.linspace(-2, 2, 50)[:, None]
    labels, outputs = function.compile()(X)
    most = 32767 / 4096  # the score has 16 bits and stops at their end, on the right side
    assert np.abs(outputs - np.clip(11 * np.cos(X[:, 0]), -most, most)).max() < 2e-3
    assert (labels == (np.cos(X[:, 0]) > 0)).all()


def test_the_chain_never_reads_its_fourth_sensor():
    chain, ring = (layer(qnn_p_circuit(4, 4, 3, kind)).surrogate() for kind in ("chain", "ring"))
    X = np.random.default_rng(0).uniform(-3, 3, (50, 4))
    moved = X + np.eye(4)[3]
    assert "reading[3]: x3, not used" in plain(chain, "float32").source
    assert (plain(chain, "float32").compile()(X)[1] == plain(chain, "float32").compile()(moved)[1]).all()
    assert "not used" not in plain(ring, "float32").source
    assert np.abs(plain(ring, "float32").compile()(X)[1] - plain(ring, "float32").compile()(moved)[1]).max() > 0.01


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", ["chain", "ring"])
def test_multiplications_are_those_in_the_source(kind, number):
    function = plain(layer(qnn_p_circuit(4, 4, 3, kind)).surrogate(), number)
    code = re.sub(r"/\*.*?\*/", "", function.source, flags=re.S)
    sine, body = code.split(f"int {function.name}(")
    times = r" \* |MUL\(" if number == "float32" else r"u \* |MUL\("
    inside = len(re.findall(r" \* ", sine.split("sine(")[1]))
    assert len(re.findall(r"= sine\(", body)) == function.n_sines
    assert len(re.findall(times, body)) + function.n_sines * inside == function.multiply_adds
    assert function.n_terms == {"chain": 20, "ring": 80}[kind]


def test_a_reading_that_turns_two_qubits_is_read_once():
    surrogate = layer(qnn_p_circuit(4, 4, 3, "chain")).surrogate()
    gain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    function = export_c(surrogate, gain, [0.0, 0.0], names=["a", "b"])
    assert function.n_sines == 4
    X = np.random.default_rng(1).uniform(-3, 3, (50, 2))
    exact = surrogate(torch.as_tensor(X @ gain.T)).detach().numpy()
    assert np.abs(function.compile()(X)[1] - exact).max() < 1e-5


def test_small_terms_are_left_out_within_the_bound():
    surrogate = layer(qnn_p_circuit(4, 4, 3, "ring")).surrogate()
    whole, short = plain(surrogate, "float32"), plain(surrogate, "float32", drop=0.05)
    assert short.n_terms < whole.n_terms and short.multiply_adds < whole.multiply_adds
    assert 0 < short.dropped < 0.05
    X = np.random.default_rng(0).uniform(-3, 3, (300, 4))
    assert np.abs(short.compile()(X)[1] - whole.compile()(X)[1]).max() < short.dropped + 1e-5


@pytest.mark.parametrize("number", NUMBERS)
def test_the_object_file_needs_no_library(number, tmp_path):
    function = plain(layer(qnn_p_circuit(4, 4, 3, "chain")).surrogate(), number)
    built, _ = function._object(tmp_path, "host")
    assert subprocess.run(["nm", "-u", str(built)], capture_output=True, text=True, check=True).stdout.strip() == ""
    listed = subprocess.run(["size", str(built)], capture_output=True, text=True, check=True).stdout.splitlines()
    text, data, bss = map(int, listed[1].split()[:3])
    assert function.object_size() == text and data == bss == 0
    assert ("float" in function.source) == (number == "float32")


@needs_arm
@pytest.mark.parametrize("number", NUMBERS)
def test_it_compiles_for_a_microcontroller(number):
    chain, ring = (plain(layer(qnn_p_circuit(4, 4, 3, kind)).surrogate(), number) for kind in ("chain", "ring"))
    for target in TARGETS:
        assert 200 < chain.object_size(target) < ring.object_size(target) < 4096
    assert chain.multiply_adds < chain.instructions() < ring.instructions() < 2000


def test_what_does_not_fit_is_a_sentence():
    surrogate = layer(qnn_p_circuit(4, 4, 3, "chain")).surrogate()
    eye, zero, names = np.eye(4), np.zeros(4), list("abcd")
    with pytest.raises(ValueError, match="number='int8' is unknown; allowed are 'float32', 'int16'"):
        export_c(surrogate, eye, zero, names=names, number="int8")
    with pytest.raises(ValueError, match="int16 needs spans"):
        export_c(surrogate, eye, zero, names=names, number="int16")
    with pytest.raises(ValueError, match=r"with 4 inputs of the circuit and 3 names they are \(4, 3\)"):
        export_c(surrogate, eye, zero, names=names[:3])
    with pytest.raises(ValueError, match="allowed is float32 of shape"):
        plain(surrogate, "float32").compile().raw(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="target 'z80' is unknown"):
        plain(surrogate, "float32").object_size("z80")


def everywhere(data, source, kind, seed, **options):
    """Both C functions of the trained QNN-P against the circuit, on all rows of a data set."""
    dataset = datasets.load(data, source=source)
    (config,) = tables.configs(model="qnn-p", entangler=kind, data=data, regime="300+300", **options)
    found = tables.fitted(config, seed, dataset)
    exact = found.model.decision_function(found.X)
    names = tables.FEATURES[data]
    _, outputs = c_function(found.model, names, "float32").compile()(found.X)
    assert np.abs(outputs - exact).max() < 1e-5
    labels, outputs = c_function(found.model, names, "int16").compile()(found.X)
    assert np.mean(labels == (exact > 0)) >= 0.999
    assert np.abs(outputs - exact).max() < 2e-3
    agreed = labels[found.test] == (exact[found.test] > 0)
    assert agreed.mean() >= 0.996  # one test row of 300 may fall on the other side
    return dataset, labels == (exact > 0)


@pytest.mark.parametrize("data", ["occupancy", "ton_iot_gps"])
@pytest.mark.parametrize("kind", ["chain", "ring"])
def test_it_decides_as_the_trained_circuit_on_all_rows_of_the_twin(data, kind):
    everywhere(data, "twin", kind, 0)


@pytest.mark.needs_data("occupancy", "ton_iot_gps")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("data", ["occupancy", "ton_iot_gps"])
@pytest.mark.parametrize("kind", ["chain", "ring"])
def test_it_decides_as_the_trained_circuit_on_all_real_rows(data, kind, seed):
    dataset, agreed = everywhere(data, "real", kind, seed)
    if dataset.official is not None:
        for name in ("test1", "test2"):
            assert agreed[dataset.official == name].mean() >= 0.999


@pytest.mark.parametrize("number", NUMBERS)
def test_several_outputs_are_written_to_an_array(number):
    from qhelpers.circuits import Ansatz, Encoding, VariationalCircuit

    circuit = VariationalCircuit(Encoding("RY", 4), Ansatz("RZ-RY-RX", 4, 6, "linear"), "each")
    torch.manual_seed(3)
    quantum = QuantumLayer.from_circuit(circuit).double()
    X = np.random.default_rng(0).uniform(-9.9, 9.9, (300, 4))
    function = plain(quantum.surrogate(), number, name="circuit")
    assert re.search(r"void circuit\(const \w+ reading\[4\], \w+ score\[4\]\)", function.source)
    labels, outputs = function.compile()(X)
    assert outputs.shape == labels.shape == (300, 4)
    exact = quantum(torch.as_tensor(X)).detach().numpy()
    assert np.abs(outputs - exact).max() < (1e-5 if number == "float32" else 3e-3)
    assert (labels == (outputs > 0)).all()
    assert function.n_sines == 8 and function.instructions("host") > 100

"""QEML-Net computes what its parts say: torchvision's backbone, CBAM's equations, the circuit as PennyLane has it, the loss."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import nn

from qhelpers.papers.bearings.model import CBAM, LAMBDAS, Bottleneck, HybridHead, QEMLNet, ResNet50, circuit, loss

#: Operators that torchvision's build for another torch lacks here; none of them is in a ResNet.
MISSING = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
BACKWARD = tuple(f"_{name}_backward" for name in MISSING[2:])


@pytest.fixture(scope="module")
def torchvision_resnet():
    """Torchvision's ResNet-50, whose import asks for its compiled operators: declared here where they are not loaded."""
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in (*MISSING, *BACKWARD):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    torch.manual_seed(0)
    return models.resnet50(weights=None).eval()


def head(branch="circuit", *, decoder=True, target="class", n_features=12, n_classes=5):
    torch.manual_seed(1)
    return HybridHead(n_features, n_classes, branch, decoder, target)


# --- the backbone ----------------------------------------------------------------------------------------------------


def test_the_backbone_is_torchvisions_layer_by_layer(torchvision_resnet):
    theirs, ours = torchvision_resnet, ResNet50(cbam=()).eval()
    # batches were seen, so that means and variances of the normalisations are not 0 and 1
    theirs.train()
    with torch.no_grad():
        theirs(torch.randn(4, 3, 32, 32))
    theirs.eval()
    state = {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    assert ours.load_state_dict(state).missing_keys == []
    seen = ({}, {})
    for notes, net in zip(seen, (theirs, ours), strict=True):
        for name, part in net.named_modules():
            if isinstance(part, (nn.Conv2d, nn.BatchNorm2d)) or type(part).__name__ == "Bottleneck":
                part.register_forward_hook(lambda _, __, out, notes=notes, name=name: notes.update({name: out.clone()}))
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        last, features = theirs(x), ours(x)
    assert list(seen[0]) == list(seen[1]) and len(seen[0]) == 53 + 53 + 16
    for name, value in seen[0].items():
        torch.testing.assert_close(seen[1][name], value, msg=name)
    torch.testing.assert_close(theirs.fc(features), last)


def test_each_stage_halves_the_side_and_the_fine_stem_leaves_twice_as_much():
    sides = {}
    for stem in ("standard", "fine"):
        net, seen = ResNet50(stem=stem, cbam=()), []
        for stage in "1234":
            getattr(net, f"layer{stage}").register_forward_hook(lambda _, __, out, seen=seen: seen.append(tuple(out.shape[1:])))
        assert net.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 2048)
        sides[stem] = seen
    assert sides["standard"] == [(256, 8, 8), (512, 4, 4), (1024, 2, 2), (2048, 1, 1)]
    assert [shape[1] for shape in sides["fine"]] == [16, 8, 4, 2]


def test_a_block_without_a_change_of_shape_has_a_plain_shortcut():
    block = Bottleneck(256, 64).eval()
    nn.init.zeros_(block.bn3.weight)
    x = torch.randn(2, 256, 4, 4)
    assert block.downsample is None
    torch.testing.assert_close(block(x), x.relu())
    assert Bottleneck(256, 128, 2)(x).shape == (2, 512, 2, 2)


def test_cbam_is_the_papers_two_equations():
    torch.manual_seed(2)
    cbam, x = CBAM(32), torch.randn(3, 32, 6, 6)
    first, last = cbam.mlp[0].weight, cbam.mlp[2].weight
    assert first.shape == (2, 32) and cbam.conv.weight.shape == (1, 2, 7, 7)

    def mlp(pooled):
        return (pooled @ first.T).clamp(min=0) @ last.T

    gate = torch.sigmoid(
        mlp(nn.functional.adaptive_avg_pool2d(x, 1)[..., 0, 0]) + mlp(nn.functional.adaptive_max_pool2d(x, 1)[..., 0, 0])
    )
    gated = x * gate[:, :, None, None]
    both = torch.cat([gated.mean(1, keepdim=True), gated.max(1, keepdim=True).values], 1)
    places = torch.sigmoid(nn.functional.conv2d(both, cbam.conv.weight, padding=3))
    torch.testing.assert_close(cbam(x), gated * places)


def test_attention_follows_the_stages_that_are_named():
    images = torch.randn(2, 3, 32, 32)
    full = QEMLNet(4).eval()
    assert list(full.backbone.attention) == ["3", "4"]
    called = []
    for name, part in full.backbone.attention.items():
        part.register_forward_hook(lambda _, __, out, name=name: called.append((name, out.shape[1])))
    full(images)
    assert called == [("3", 1024), ("4", 2048)]
    without = QEMLNet(4, cbam=()).eval()
    without.load_state_dict({k: v for k, v in full.state_dict().items() if "attention" not in k})
    assert not torch.allclose(full(images).logits, without(images).logits)


# --- the circuit -----------------------------------------------------------------------------------------------------


def pennylane_node(diff_method):
    @qml.qnode(qml.device("default.qubit", wires=4), interface="torch", diff_method=diff_method)
    def node(inputs, weights):
        qml.AngleEmbedding(inputs, range(4), rotation="Y")
        for layer in range(6):
            for wire in range(4):
                qml.RZ(weights[layer, wire, 0], wire)
                qml.RY(weights[layer, wire, 1], wire)
                qml.RX(weights[layer, wire, 2], wire)
            for wire in range(3):
                qml.CNOT([wire, wire + 1])
        return [qml.expval(qml.Z(wire)) for wire in range(4)]

    return node


def test_the_circuit_has_six_layers_of_three_rotations_and_a_line_of_cnots():
    assert circuit().weight_shape == (6, 4, 3)
    gates = list(circuit().ansatz.gates(range(72)))
    assert [name for name, *_ in gates[:3]] == ["RZ", "RY", "RX"]
    assert [pair for name, pair, _ in gates if name == "CX"] == [(0, 1), (1, 2), (2, 3)] * 6
    assert not [name for name, *_ in circuit(separable=True).ansatz.gates(range(72)) if name == "CX"]


def test_updates_are_those_of_pennylane_with_parameter_shift_step_for_step():
    """Head and circuit on cached features: one by our engine, one with each derivative from two shifted circuits."""
    torch.manual_seed(3)
    ours = HybridHead(6, 3, "circuit", decoder=True, target="noiseless").double()
    theirs = HybridHead(6, 3, "circuit", decoder=True, target="noiseless").double()
    theirs.load_state_dict(ours.state_dict())
    node = pennylane_node("parameter-shift")
    theirs.circuit.forward = lambda v: torch.stack([torch.stack(node(row, theirs.circuit.weights)) for row in v])
    features, y = torch.randn(3, 6, dtype=torch.double), torch.tensor([0, 1, 2])
    optimisers = [torch.optim.Adam(net.parameters(), lr=0.05) for net in (ours, theirs)]
    for step in range(2):
        for net, optimiser in zip((ours, theirs), optimisers, strict=True):
            torch.manual_seed(step)  # the same dropouts
            optimiser.zero_grad()
            output = net(features)
            loss(net, output, y).total.backward()
            optimiser.step()
        for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, atol=1e-9, rtol=1e-6, msg=name)
            if name in ("classifier.0.bias", "classifier.4.bias"):
                # A normalisation takes it off again: its gradient is rounding, which Adam makes a full step of.
                assert one.grad.abs().max() < 1e-9
                with torch.no_grad():
                    other.copy_(one)
            torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-5, msg=name)
    assert ours.circuit.weights.grad.abs().max() > 1e-4


def test_what_comes_out_of_the_circuit_is_what_pennylane_gives():
    net = head().double()
    with torch.no_grad():
        output = net.eval()(torch.randn(5, 12, dtype=torch.double))
        expected = torch.stack(pennylane_node("best")(output.v, net.circuit.weights), 1)
    torch.testing.assert_close(output.q, expected)
    assert (output.q.abs() <= 1).all()


# --- head, decoder and loss ------------------------------------------------------------------------------------------


def test_the_head_reads_the_four_numbers_beside_h():
    net = head().eval()
    output = net(torch.randn(7, 12))
    torch.testing.assert_close(output.logits, net.classifier(torch.cat([output.q, output.h], 1)))
    torch.testing.assert_close(output.v, output.h @ net.encode.weight.T)
    kinds = [type(one).__name__ for one in net.classifier]
    assert kinds == ["Linear", "BatchNorm1d", "GELU", "Dropout"] * 2 + ["Linear"]


@pytest.mark.parametrize("branch", ["circuit", "separable", "frozen", "classical", "none"])
@pytest.mark.parametrize("decoder", [True, False])
def test_variants_lack_what_their_names_say(branch, decoder):
    net = head(branch, decoder=decoder)
    output = net(torch.randn(4, 12))
    losses = loss(net, output, torch.arange(4))
    losses.total.backward()
    assert (output.q is None) == (branch == "none") and (output.decoded is None) == (not decoder)
    assert losses.fidelity.isnan() == (branch in ("classical", "none")) and losses.reconstruction.isnan() == (not decoder)
    assert not losses.total.isnan()
    trained = sum(one.numel() for one in net.circuit.parameters() if one.requires_grad) if net.circuit else 0
    assert trained == (72 if branch in ("circuit", "separable") else 0)
    assert net.classifier[0].in_features == 512 + 4 * (branch != "none")
    # whatever is trained is reached by the loss; without a circuit and a decoder nothing encodes
    assert all(one.grad is not None for one in net.parameters() if one.requires_grad)


def test_without_cnots_each_output_sees_its_own_input_alone():
    for branch, own in (("separable", True), ("circuit", False)):
        net = head(branch).double()
        v = torch.randn(1, 4, dtype=torch.double)
        seen = torch.autograd.functional.jacobian(net.circuit, v)[0, :, 0].abs() > 1e-9
        assert torch.equal(seen, torch.eye(4, dtype=torch.bool)) == own


@pytest.mark.parametrize("target", ["class", "zero"])
def test_the_fidelity_is_the_overlap_with_the_state_that_is_named(target):
    net, y = head(target=target).double(), torch.tensor([0, 3, 4])
    v = torch.randn(3, 4, dtype=torch.double)

    @qml.qnode(qml.device("default.qubit", wires=4))
    def state(inputs):
        circuit().encoding.pennylane(inputs)
        circuit().ansatz.pennylane(net.circuit.weights.detach().numpy())
        return qml.state()

    spelled = y if target == "class" else torch.zeros(3, dtype=int)  # PennyLane's first wire is the first bit
    expected = [abs(state(row.numpy())[k]) ** 2 for row, k in zip(v, spelled.tolist(), strict=True)]
    np.testing.assert_allclose(net.fidelity(v, y).detach(), expected, atol=1e-10)


def test_the_loss_is_the_weighted_sum():
    net, y = head().eval(), torch.tensor([0, 1, 2, 4])
    output = net(torch.randn(4, 12))
    found = loss(net, output, y)
    entropy = -torch.log_softmax(output.logits, 1)[range(4), y].mean()
    decoded = ((output.h - output.decoded) ** 2).sum(1).mean() / 512
    infidelity = 1 - net.fidelity(output.v, y).mean()
    torch.testing.assert_close(found.total, 0.55 * entropy + 0.28 * decoded + 0.17 * infidelity)
    assert math.isclose(sum(LAMBDAS), 1)
    other = loss(net, output, y, (1.0, 0.0, 0.0))
    torch.testing.assert_close(other.total, entropy)


def test_a_fixed_target_that_is_reached_leaves_the_outputs_no_room():
    """With |0…0⟩ for all, a fidelity F means ⟨Z⟩ ≥ 2F − 1 on every qubit."""
    net = head(target="zero")
    v = torch.randn(500, 4)
    fidelity = net.fidelity(v, torch.zeros(500, dtype=int))
    assert (net.circuit(v) >= 2 * fidelity[:, None] - 1 - 1e-5).all()


def test_the_noiseless_target_asks_for_nothing():
    net = head(target="noiseless")
    output, y = net(torch.randn(4, 12)), torch.arange(4)
    found = loss(net, output, y)
    torch.testing.assert_close(found.total, 0.55 * found.cross_entropy + 0.28 * found.reconstruction)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"stem": "large"}, "allowed are standard, fine"),
        ({"branch": "quantum"}, "allowed are circuit, separable, frozen, classical, none"),
        ({"target": "one"}, "allowed are class, zero, noiseless"),
        ({"cbam": (4, 5)}, "allowed are stages of 1 to 4"),
        ({"n_classes": 17}, "up to 16"),
        ({"n_classes": 0}, "whole numbers from 1"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        QEMLNet(**arguments)


def test_the_head_stays_in_full_precision():
    net = QEMLNet(4).eval()
    with torch.autocast("cpu", torch.bfloat16):
        output = net(torch.randn(2, 3, 32, 32))
    assert output.logits.dtype == output.q.dtype == torch.float32

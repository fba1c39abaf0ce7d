"""The ONNX file of the network: the scores of Python, for every part that is exported; and what is refused."""

import numpy as np
import pytest

from qhelpers.papers.threats.export import OnnxClassifier, export_onnx
from qhelpers.papers.threats.model import PureHQMLClassifier

rng = np.random.default_rng(0)
X = 3 * rng.normal(size=(120, 6)) + 5
y = (X[:, 0] + X[:, 3] * X[:, 5] > 30).astype(int)


def fitted(**arguments):
    return PureHQMLClassifier(**{"n_features": 4} | arguments, epochs=1, batch_size=64, random_state=0).fit(X, y)


@pytest.mark.parametrize(
    "arguments",
    [
        *({"observable": name} for name in ("first", "last", "each", "sum", "parity")),
        {"entanglement": "none"},
        {"entanglement": "circular", "ansatz_reps": 2},
        {"feeds": "layer"},
        {"branch": "classical"},
        {"branch": "none"},
        {"n_features": 1},
        {"branch": "frozen", "front": "none"},
        {"front": "factorization", "width": 3, "scaling": "minmax"},
    ],
    ids=str,
)
def test_the_file_gives_the_scores_of_python(arguments, tmp_path):
    model = fitted(**arguments)
    path = export_onnx(model, tmp_path / "model.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    other = OnnxClassifier(path)
    np.testing.assert_allclose(other.decision_function(X), model.decision_function(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.decision_function(X[:1]), model.decision_function(X[:1]), rtol=0, atol=1e-12)
    assert np.ptp(other.decision_function(X)) > 0.01


@pytest.mark.parametrize(("name", "value"), [("feature_map", "ZZ"), ("feature_map", "RY"), ("map_reps", 2)])
def test_what_is_not_exported_is_refused_by_name(name, value, tmp_path):
    with pytest.raises(ValueError, match=f"{name}={value!r} cannot be exported; allowed is {name}="):
        export_onnx(fitted(**{name: value}), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())

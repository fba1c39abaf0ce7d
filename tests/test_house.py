"""What holds the house together: one set of packages, rooms that import one way, commands that are listed."""

import ast
import functools
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import qhelpers

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qhelpers"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
SOURCES = sorted(PACKAGE.rglob("*.py"))


def lock():
    """The lock as a dict of canonical name to Requirement."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(set(names)) == len(names), "a package stands in the lock twice"
    return dict(zip(names, pins, strict=True))


def version(pin):
    (specifier,) = pin.specifier
    return Version(specifier.version)


# --- one set of packages ---------------------------------------------------------------------------------------------


def test_the_lock_holds_exact_public_versions():
    for pin in lock().values():
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert version(pin).local is None, f"{pin}: a local label is found on one index only"
        assert not (pin.extras or pin.url)


@pytest.mark.parametrize("group", ["dependencies", *EXTRAS])
def test_the_lock_satisfies_the_package(group):
    pins = lock()
    for line in PROJECT["dependencies"] if group == "dependencies" else EXTRAS[group]:
        wanted = Requirement(line)
        pin = pins.get(canonicalize_name(wanted.name))
        assert pin is not None, f"{wanted} is not in the lock; run: make lock"
        assert version(pin) in wanted.specifier, f"{wanted}, but the lock has {pin}; run: make lock"


def brought(*extras):
    """Names of all packages that the package with these extras brings, as they are installed here."""
    pins = lock()
    todo = [Requirement(line) for group in (PROJECT["dependencies"], *map(EXTRAS.get, extras)) for line in group]
    needed = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in needed or name not in pins:
            continue
        needed.add((name, frozenset(wanted.extras)))
        for line in importlib.metadata.requires(name) or []:
            further = Requirement(line)
            marker = further.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                todo.append(further)
    return {name for name, _ in needed}


def test_the_lock_holds_nothing_that_nobody_needs():
    assert set(lock()) - brought(*EXTRAS) == set()


def test_these_tests_run_on_the_lock():
    differing = {}
    for name, pin in lock().items():
        installed = Version(importlib.metadata.version(name))
        if installed.public != version(pin).public:
            differing[name] = f"{installed} installed, {version(pin)} in the lock"
    assert not differing


def test_conda_users_get_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    assert set(conda) == {"python=3.11", "pip"}
    assert Version("3.11") in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_one_python_everywhere(bootstrap):
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert bootstrap.WANTED == (3, 11)
    assert tools["mypy"]["python_version"] == "3.11"
    assert tools["ruff"]["target-version"] == "py311"
    assert sys.version_info[:2] == bootstrap.WANTED


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == qhelpers.__version__
    assert importlib.metadata.version("qhelpers") == qhelpers.__version__
    assert f"## {qhelpers.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_package_brings_its_claims_its_types_and_its_description(tmp_path):
    copy = tmp_path / "project"
    description = ROOT / PROJECT["readme"]
    data = [*PACKAGE.rglob("*.yaml"), *PACKAGE.rglob("*.files.csv"), PACKAGE / "py.typed", description]
    for path in [*SOURCES, *data, ROOT / "pyproject.toml", ROOT / "LICENSE"]:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    code = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel)
    wanted = {path.relative_to(ROOT).as_posix() for path in [*SOURCES, *data]}
    assert {name for name in files.namelist() if name.startswith("qhelpers/")} == wanted
    (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
    assert files.read(metadata).decode().endswith("\n\n" + description.read_text(encoding="utf-8"))


# --- rooms that import one way ---------------------------------------------------------------------------------------

#: Room to what it may import of ours. `cli` and `chapter` stand above all; nothing imports them. A paper may import every
#: shared room but these two, and no other paper.
ROOMS = {
    "datasets": set(),
    "signals": set(),
    "circuits": set(),
    "qubo": set(),
    "evaluation": set(),
    "figures": set(),
    "energy": set(),
    "models": {"circuits", "qubo", "signals"},
    "runs": {"datasets", "evaluation"},
    "ledger": {"runs.records", "runs.papers", "evaluation"},
    "chapter": {"datasets", "runs.records", "ledger", "figures"},
    "cli": {"datasets", "runs", "ledger"},
}
#: What every room may use: the version, the messages about a missing extra, a pipe that is closed, the words for verdicts.
COMMON = {"", "_experiments", "_extras", "_pipes", "verdicts"}
PAPERS = sorted(path.parent.name for path in PACKAGE.glob("papers/*/paper.py"))


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, text=None):
    """List of `imported`, which for a file as it stands is made once."""
    return imports_of_file(path) if text is None else list(imported(path, text))


@functools.cache
def imports_of_file(path):
    """`imported` of a file as it stands."""
    return list(imported(path, path.read_text(encoding="utf-8")))


def imported(path, text):
    """Yield (imported dotted name, whether only when a function is called) of a source file, relative ones resolved."""
    tree = ast.parse(text)
    inside = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)}
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for node in ast.walk(block)
    }
    parts = ["qhelpers", *path.relative_to(PACKAGE).with_suffix("").parts][:-1]
    for node in ast.walk(tree):
        late = id(node) in inside or id(node) in typing_only
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, late
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                # `from qhelpers.runs import records` imports a module, `from qhelpers import __version__` a name.
                below = ROOT / (module + "." + alias.name).replace(".", "/")
                is_module = below.is_dir() or below.with_suffix(".py").exists()
                yield f"{module}.{alias.name}" if is_module else module, late


def ours(path, text=None):
    """Yield the names below `qhelpers` that a source file imports."""
    for name, _ in imports(path, text):
        if name == "qhelpers" or name.startswith("qhelpers."):
            yield name.removeprefix("qhelpers").lstrip(".")


def allowed(importer, imported):
    room = importer.split(".")[0]
    if imported in COMMON:
        return True
    if room == "papers":
        own = ".".join(importer.split(".")[:2])
        return f"{imported}.".startswith(f"{own}.") or imported.split(".")[0] in set(ROOMS) - {"chapter", "cli"}
    if imported.split(".")[0] == room or (
        importer in ("runs.papers", "runs.cluster") and imported == "papers"
    ):  # where they lie, and no more
        return True
    return any(imported == name or imported.startswith(f"{name}.") for name in ROOMS[room])


@pytest.mark.parametrize("path", SOURCES, ids=[module_name(path) or "qhelpers" for path in SOURCES])
def test_rooms_import_one_way(path):
    importer = module_name(path)
    if importer in COMMON:
        assert not set(ours(path)) - COMMON
        return
    assert importer.split(".")[0] in {*ROOMS, "papers"}, "a new room: say in ROOMS what it may import"
    assert [name for name in ours(path) if not allowed(importer, name)] == []


def test_the_layering_test_can_fail():
    assert not allowed("ledger.verdicts", "runs.experiment")
    assert not allowed("datasets.base", "evaluation")
    assert not allowed("models.quantum", "runs")
    assert not allowed("runs.execution", "papers.low_energy.models")
    assert not allowed("runs.execution", "papers")
    assert not allowed("papers.threats.models", "papers.low_energy.models")
    assert not allowed("papers.threats.models", "chapter")
    assert allowed("papers.threats.experiments.tables", "papers.threats.models")
    assert allowed("papers.threats.experiments.tables", "runs.experiment")
    assert allowed("ledger.verdicts", "runs.records")
    file = PACKAGE / "ledger" / "written_for_this_test.py"
    for text in (
        "from qhelpers.runs import records",
        "from ..runs import records",
        "import qhelpers.runs.records",
        "def late():\n    from qhelpers.runs import records",
    ):
        assert list(ours(file, text)) == ["runs.records"]


def test_no_two_files_import_each_other():
    reached = {module_name(path): set(ours(path)) for path in SOURCES}
    inside = {one: {other for other in found if other in reached} for one, found in reached.items()}
    both = {
        tuple(sorted((one, other))) for one, found in inside.items() for other in found if one != other and one in inside[other]
    }
    assert both == set()


# --- shared rooms that know no paper ---------------------------------------------------------------------------------


@functools.cache
def words_of_papers():
    """What a shared file may not say: names of papers, their models, data sets, experiments and claims, deviations."""
    words = {r"\bD\d\.\d+\b", r"\bEqs?\. ?\d"}
    for name in PAPERS:
        folder = PACKAGE / "papers" / name
        claims = yaml.load((folder / "claims.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
        words |= {rf"\b{re.escape(name)}\b", rf"\b{re.escape(name.replace('_', '-'))}\b", re.escape(claims["title"][:40])}
        words |= {rf"\b{re.escape(claims['paper'])}\.(T\d|text|abstract|proc|alg)\b"}
        named = {model: printed for model, printed in claims["names"].items() if "-" in model or "_" in model}
        plain = {"svm-linear", "logistic-regression", "naive-bayes", "gradient-boosting", "random-forest", "decision-tree"}
        words |= {
            rf"\b{re.escape(word)}\b" for model, printed in named.items() if model not in plain for word in (model, printed)
        }
    from qhelpers import datasets

    return re.compile("|".join(sorted(words | {rf"\b{re.escape(name)}\b" for name in datasets.names()})))


SHARED = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] not in ("papers", "datasets")]


@pytest.mark.parametrize("path", SHARED, ids=[module_name(path) or "qhelpers" for path in SHARED])
def test_a_shared_file_knows_no_paper(path):
    text = path.read_text(encoding="utf-8")
    assert [match[0] for match in words_of_papers().finditer(text)] == []


def test_a_shared_file_that_knew_one_would_be_found():
    for text in (
        "see D1.3",
        "QNN-P's circuit",
        "model='qnn-p'",
        "low-energy",
        "low_energy",
        "occupancy",
        "1.T1.qnn-p.f1",
        "Eq. 12",
    ):
        assert words_of_papers().search(text), text


def test_the_command_line_imports_when_called():
    assert [
        name
        for name, late in imports(PACKAGE / "cli.py")
        if name.startswith("qhelpers.") and not late and name.removeprefix("qhelpers.") not in COMMON
    ] == []


# --- light by itself, and clear about what is missing ----------------------------------------------------------------

DISTRIBUTIONS = importlib.metadata.packages_distributions()
CORE = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
BY_EXTRA = {name: {canonicalize_name(Requirement(line).name) for line in lines} for name, lines in EXTRAS.items()}
#: Ocean is one declared package of many parts.
PARTS = {"dimod", "dwave-samplers", "dwave-system", "dwave-graphs", "dwave-optimization", "dwave-preprocessing", "minorminer"}
BY_EXTRA["annealing"] |= PARTS
#: Rooms that the extra `experiments` gives.
LIGHT = [
    "qhelpers",
    "qhelpers.cli",
    "qhelpers.datasets",
    "qhelpers.evaluation",
    "qhelpers.runs",
    "qhelpers.runs.records",
    "qhelpers.ledger",
]

BLOCK = """
import sys
class Finder:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in {modules!r} else self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Finder, sys.meta_path)
"""


def run_with(extras, code):
    """Run code where only what these extras bring can be imported."""
    kept = brought(*extras) | {"qhelpers"}
    blocked = {module for module, owners in DISTRIBUTIONS.items() if not {canonicalize_name(name) for name in owners} & kept}
    script = BLOCK.format(modules=blocked) + code
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", LIGHT)
def test_light_rooms_need_one_extra(name):
    done = run_with(["experiments"], f"import {name}")
    assert done.returncode == 0, done.stderr


def test_a_missing_package_names_its_extra():
    done = run_with([], 'from qhelpers._extras import require; require("pennylane", "circuits")')
    assert done.stderr.splitlines()[-1] == (
        "ImportError: pennylane is not installed; it comes with the extra 'circuits'. Install it with: "
        "pip install 'qhelpers[circuits]'"
    )


def test_the_extra_for_experiments_is_looked_for_whole():
    tree = ast.parse((PACKAGE / "_experiments.py").read_text(encoding="utf-8"))
    (loop,) = (node for node in ast.walk(tree) if isinstance(node, ast.For))
    owners = {canonicalize_name(owner) for name in ast.literal_eval(loop.iter) for owner in DISTRIBUTIONS[name]}
    assert owners == BY_EXTRA["experiments"]


EVERY_MODULE = """
import importlib, pkgutil, qhelpers
for found in pkgutil.walk_packages(qhelpers.__path__, "qhelpers.", onerror=lambda name: None):
    if not found.name.endswith("__main__"):
        try:
            importlib.import_module(found.name)
            print(found.name)
        except ImportError as error:
            assert "pip install 'qhelpers[" in str(error), (found.name, error)
"""


def test_every_module_imports_or_names_what_it_needs():
    done = run_with(["engine"], EVERY_MODULE)
    assert done.returncode == 0, done.stderr
    assert {f"qhelpers.{module_name(path)}" for path in PACKAGE.glob("circuits/*.py")} <= set(done.stdout.split())


ENGINE_ALONE = """
import io, pickle, torch
from qhelpers.circuits import Ansatz, Encoding, NoiseModel, QuantumLayer, VariationalCircuit
from qhelpers.circuits.export_c import export_c
from qhelpers.circuits.formula import formula_of

torch.manual_seed(0)
circuit = VariationalCircuit(Encoding("RY", 2), Ansatz("RealAmplitudes", 2, 1), "each")
layer = QuantumLayer.from_circuit(circuit)
model = torch.nn.Sequential(torch.nn.Linear(3, 2), layer, torch.nn.Linear(2, 1))
x = torch.rand(50, 3)
y = x.prod(1, keepdim=True)
optimizer = torch.optim.Adam(model.parameters(), 0.05)
losses = []
for _ in range(30):
    optimizer.zero_grad()
    losses.append(torch.nn.functional.mse_loss(model(x), y))
    losses[-1].backward()
    optimizer.step()
assert losses[-1] < losses[0] / 2
kept = io.BytesIO()
torch.save(model.state_dict(), kept)
kept.seek(0)
again = torch.nn.Sequential(torch.nn.Linear(3, 2), QuantumLayer.from_circuit(circuit), torch.nn.Linear(2, 1))
again.load_state_dict(torch.load(kept))
torch.testing.assert_close(again(x), model(x))
features = x[:, :2]
torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(features), layer(features))
torch.testing.assert_close(layer.surrogate()(features), layer(features))
assert (layer.with_noise(NoiseModel("bit_flip", 0.1))(features).abs() < 1).all()
assert QuantumLayer.from_circuit(circuit, path="state", compiled=False, shots=10)(features).shape == (50, 2)
one = QuantumLayer.from_circuit(VariationalCircuit(circuit.encoding, circuit.ansatz), compiled=False)
assert "int classify" in export_c(one.surrogate(), torch.eye(2).numpy(), [0.0, 0.0], names=["a", "b"]).source
formula_of(one, ["a", "b"], [0.0, 0.0], [1.0, 1.0])
layer.plan(), layer.light_cone(), layer.capacity(), layer.fidelity(layer.state(features), features)


def tried(call):
    try:
        call()
    except ImportError as error:
        print(error)


tried(lambda: QuantumLayer(lambda inputs, w: None, {"w": 2}))
tried(lambda: QuantumLayer.from_qiskit(None))
tried(lambda: layer.surrogate().table())
tried(lambda: layer.export_onnx("x.onnx"))
tried(circuit.pennylane)
tried(circuit.qiskit)
"""


def test_the_engine_needs_torch_and_numba_alone():
    assert {"numpy"} == CORE and BY_EXTRA["engine"] == {"numba", "torch"} <= BY_EXTRA["circuits"]
    done = run_with(["engine"], ENGINE_ALONE)
    assert done.returncode == 0, done.stderr
    said = [line.split(" is not installed; it comes with the extra ") for line in done.stdout.splitlines()[-6:]]
    assert [module for module, _ in said] == ["pennylane", "qiskit", "pandas", "onnxscript", "pennylane", "qiskit.circuit"]


def test_without_torch_a_layer_names_the_engine():
    done = run_with([], "import qhelpers.circuits; print(qhelpers.circuits.Encoding('RX', 2)); qhelpers.circuits.QuantumLayer")
    assert done.stdout and "torch is not installed; it comes with the extra 'engine'" in done.stderr


def required():
    """Yield (file, module, extra) of every `require(module, extra)` in the package."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "require" and len(node.args) == 2:
                module, extra = (ast.literal_eval(argument) for argument in node.args)
                yield path.relative_to(ROOT).as_posix(), module, extra


def test_messages_about_extras_are_true():
    found = list(required())
    assert found
    for where, module, extra in found:
        assert extra in EXTRAS, f"{where}: there is no extra {extra!r}"
        owners = {canonicalize_name(name) for name in DISTRIBUTIONS[module.split(".")[0]]}
        assert owners & BY_EXTRA[extra], f"{where}: the extra {extra!r} does not bring {module}"


def test_every_import_is_declared():
    declared = CORE.union(*BY_EXTRA.values())
    missing = set()
    for path in SOURCES:
        for name, _ in imports(path):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in ("qhelpers", "__future__"):
                continue
            if not {canonicalize_name(owner) for owner in DISTRIBUTIONS.get(top, [])} & declared:
                missing.add(f"{path.relative_to(ROOT)} imports {top}")
    assert not missing


# --- commands --------------------------------------------------------------------------------------------------------


def targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)[1].split())


def test_make_alone_lists_every_command_with_a_line():
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert set(listed) == targets()
    assert {"book", "test", "lab", "serve", "data", "records", "bench", "clean"} <= set(listed)


def test_the_readme_names_only_commands_that_exist():
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= targets()
    assert {"book", "test"} <= named


@pytest.mark.parametrize("command", ["data", "runs", "ledger"])
def test_each_sub_command_explains_itself(command):
    done = run_command(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_an_unknown_sub_command_lists_what_there_is():
    done = run_command("audits")
    assert done.returncode == 2
    assert "no command 'audits'; there are: data, runs, check, ledger" in done.stderr


def run_command(*arguments):
    (target,) = [value for name, value in PROJECT["scripts"].items() if name == "qhelpers"]
    module, function = target.split(":")
    code = f"import sys; from {module} import {function}; sys.exit({function}())"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


# --- warnings --------------------------------------------------------------------------------------------------------


def test_a_deprecation_warning_of_ours_is_an_error():
    warning = "import warnings; warnings.warn('old', DeprecationWarning, stacklevel=1)"
    with pytest.raises(DeprecationWarning, match="old"):
        exec(compile(warning, "x.py", "exec"), {"__name__": "qhelpers.papers.low_energy.models"})

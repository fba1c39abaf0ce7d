"""The set-up: what it takes from pip's configuration, and when an environment counts as ready."""

import ast
import importlib.util
import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

CONFIG = """
global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'
global.find-links='/wheels /more'
global.index-url='https://files.example/simple'
global.timeout='60'
install.find-links='/for-install'
download.find-links='/not-for-install'
:env:.default-timeout='180'
:env:.disable-pip-version-check='1'
this line is no setting
"""


def test_pips_configuration_is_read_in_pips_order(bootstrap):
    config = bootstrap.parse_pip_config(CONFIG)
    assert config["index-url"] == "https://files.example/simple"
    assert config["find-links"] == "/for-install"
    assert config["timeout"] == "180"
    assert config["extra-index-url"].split() == ["https://a.example/simple", "https://b.example/simple"]


def test_uv_is_told_what_pip_is_told(bootstrap):
    env = bootstrap.uv_environment(bootstrap.parse_pip_config(CONFIG), {"PATH": "/bin", "VIRTUAL_ENV": "/other"})
    assert env == {
        "PATH": "/bin",
        "UV_DEFAULT_INDEX": "https://files.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": "/for-install",
        "UV_HTTP_TIMEOUT": "180",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_several_folders_of_wheels_are_separated_as_uv_wants_them(bootstrap):
    env = bootstrap.uv_environment({"find-links": "/wheels /more"}, {})
    assert env["UV_FIND_LINKS"] == "/wheels,/more"


def test_what_the_user_tells_uv_stays(bootstrap):
    env = bootstrap.uv_environment({"index-url": "https://files.example/simple"}, {"UV_DEFAULT_INDEX": "https://mine.example"})
    assert env["UV_DEFAULT_INDEX"] == "https://mine.example"


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 12, 0), (2, 7, 18), (4, 11, 0)])
def test_another_python_is_refused_with_a_way_out(bootstrap, version):
    with pytest.raises(bootstrap.SetupError) as refused:
        bootstrap.check_python(version, "/usr/bin/python")
    message = str(refused.value)
    assert "this is Python {}.{} (/usr/bin/python)".format(*version) in message
    assert "pinned for Python 3.11" in message
    assert "make PYTHON=" in message


def test_an_older_python_can_read_the_refusal(bootstrap):
    ast.parse(Path(bootstrap.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.fixture
def root(bootstrap, tmp_path, monkeypatch):
    """A project with an environment that is ready."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    for name in ("requirements.lock", "pyproject.toml", "book/bootstrap.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("uv==0.1\nnumpy==2.0\n")
    python = bootstrap.python_of(tmp_path / ".venv")
    python.parent.mkdir(parents=True)
    python.symlink_to(os.path.realpath("/bin/true"))  # any program that exits with 0
    stamp = {"inputs": bootstrap.inputs_key(tmp_path), "place": bootstrap.place(tmp_path)}
    (tmp_path / ".venv" / ".ready").write_text(json.dumps(stamp))
    assert bootstrap.is_ready(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "book/bootstrap.py"])
def test_a_changed_input_is_installed_into_the_same_environment(bootstrap, root, name):
    (root / name).write_text("numpy==2.1\n")
    assert not bootstrap.is_ready(root)
    assert bootstrap.usable(root)


def test_a_torn_stamp_does_not_count(bootstrap, root):
    stamp = root / ".venv" / ".ready"
    stamp.write_text(stamp.read_text()[:20])
    assert not bootstrap.is_ready(root)


def test_an_environment_of_another_place_is_built_anew(bootstrap, root):
    moved = root.parent / "moved"
    root.rename(moved)
    assert not bootstrap.is_ready(moved)
    assert not bootstrap.usable(moved)


def test_an_environment_without_python_is_built_anew(bootstrap, root):
    bootstrap.python_of(root / ".venv").unlink()
    assert not bootstrap.is_ready(root)
    assert not bootstrap.usable(root)


@pytest.mark.parametrize("step", range(4))
def test_an_interrupted_set_up_never_counts(bootstrap, root, monkeypatch, capsys, step):
    (root / "requirements.lock").write_text("numpy==2.1\n")
    steps = []

    def run(command, env, what):
        steps.append(what)
        if len(steps) == step + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "run", run)
    assert bootstrap.main([]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not bootstrap.is_ready(root)
    assert not bootstrap.usable(root)


def test_a_failed_step_is_told_and_never_counts(bootstrap, root, monkeypatch, capsys):
    (root / "requirements.lock").write_text("numpy==2.1\n")

    def run(command, env, what):
        if what == "installing requirements.lock":
            raise bootstrap.SetupError(f"{what} failed (exit code 1).")

    monkeypatch.setattr(bootstrap, "run", run)
    assert bootstrap.main([]) == 2
    assert "installing requirements.lock failed" in capsys.readouterr().err
    assert not bootstrap.is_ready(root)
    assert not bootstrap.usable(root)


def test_packages_are_compiled_whatever_the_environment_says(bootstrap, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    python = bootstrap.python_of(tmp_path / "venv")
    said = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    package = Path(said.strip()) / "trial"
    for name in ("a.py", "tests/b.py", "torn.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("def torn(" if name == "torn.py" else "x = 1")
    bootstrap.run([python, "-c", bootstrap.COMPILE], os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, "compiling")
    assert [Path(importlib.util.source_from_cache(made)).name for made in package.rglob("*.pyc")] == ["a.py"]


@pytest.mark.parametrize("name", ["torch", "pennylane", "qiskit", "sklearn", "pandas", "matplotlib"])
def test_this_environment_is_compiled(name):
    folder = Path(importlib.util.find_spec(name).origin).parent
    sources = [path for path in folder.rglob("*.py") if not {"test", "tests"} & set(path.parts)]
    lacking = [path for path in sources if not Path(importlib.util.cache_from_source(path)).exists()]
    assert len(sources) > 100
    # A few are written for a Python that this one is not.
    assert len(lacking) < 5, "make set-up has not compiled them"


@pytest.fixture
def without_uv(bootstrap, root, monkeypatch):
    """A set-up that must install and finds no uv for the machine; the commands it runs."""
    (root / "pyproject.toml").write_text("changed")
    commands = []

    def run(command, env, what):
        commands.append([str(part) for part in command])
        if "uv" in what:
            raise bootstrap.SetupError("no uv for this machine")

    monkeypatch.setattr(bootstrap, "run", run)
    return commands


def test_without_uv_pip_installs_the_rest(bootstrap, root, monkeypatch, without_uv):
    monkeypatch.setattr(bootstrap, "has_pip", lambda: True)
    assert bootstrap.main([]) == 0
    assert without_uv[1][1:3] == ["-m", "pip"]
    installed = Path(without_uv[1][without_uv[1].index("-r") + 1]).read_text().split()
    assert installed == ["numpy==2.0"]
    assert bootstrap.is_ready(root)


def test_without_pip_the_way_out_is_told(bootstrap, root, monkeypatch, capsys, without_uv):
    monkeypatch.setattr(bootstrap, "has_pip", lambda: False)
    assert bootstrap.main([]) == 2
    assert "has no pip. Install it" in capsys.readouterr().err
    assert not bootstrap.is_ready(root)


def test_an_unknown_argument_is_refused(bootstrap, root, capsys):
    assert bootstrap.main(["unlock"]) == 2
    assert "allowed: nothing, or 'lock'" in capsys.readouterr().err

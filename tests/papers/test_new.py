"""A paper that is begun works at once: its records, its verdict, its chapter, and the rules of the house."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from qhelpers.papers.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("qhelpers", "notebooks", "book", "template", "tests", "pyproject.toml", "README.md")
PAGE = (ROOT / "book" / "add-a-paper.md").read_text(encoding="utf-8")
#: Of the tests that `make test` runs those that a new paper could turn red, and that take no minutes.
CONCERNED = "pump_station or pump-station or " + " or ".join(
    ("knows_no_paper", "import_each_other", "table_of_contents", "no_outputs", "brought_to_the_shape", "of_a_kind", "some_page")
)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """What a paper needs of the repository, without records, in an environment of its own that has the packages of this one."""
    for name in PARTS:
        take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        take(ROOT / name, tmp_path / name)
    (tmp_path / "records").mkdir()
    venv.create(tmp_path / ".venv", symlinks=True)
    (site,) = (tmp_path / ".venv").glob("lib/python*/site-packages")
    # Not the other's .pth files, which would lead to the package there.
    (site / "copy.pth").write_text(f"{tmp_path}\n{sysconfig.get_path('purelib')}\n")
    for name in ("QHELPERS_RECORDS", "QHELPERS_MORE_PAPERS", "QHELPERS_PAPERS", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def said(copy, command):
    """Output of a command line in the copy, which must succeed."""
    done = subprocess.run(shlex.split(command), cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.timeout(600)
def test_a_new_paper_is_run_judged_and_built(copy):
    (begin,) = re.findall(r"^(\.venv/bin/python -m qhelpers\.papers new pump_station)$", PAGE, re.MULTILINE)
    told = said(copy, begin)
    number = re.search(r"^Part (\d+) begins", told, re.MULTILINE)[1]
    run, show, build = re.findall(r"^  (\.venv\S* -m .*|make .*)$", told, re.MULTILINE)
    assert "40 runs recorded" in said(copy, f"{run} --workers 1")
    assert (copy / "records" / "pump-station-toy" / "runs.jsonl").read_bytes().count(b"\n") == 40
    assert said(copy, show).startswith(f"{number}.T1.qubit.accuracy: holds, for another reason")
    # The chapter is executed by the tests of notebooks, with all that they ask of it, as `make book ONLY=...` would.
    assert build == f"make book ONLY={number}-pump-station"
    files = "tests/papers/pump_station tests/test_house.py tests/test_notebooks.py tests/test_reruns.py"
    chosen = f"-m 'not needs_data and not slow' -k '{CONCERNED}'"
    tests = said(copy, f".venv/bin/python -m pytest -q -rA -p no:cacheprovider {files} {chosen}")
    for name in (
        "a_page_shows_no_nonsense",
        "it_runs_on_its_twin",
        "a_chapter_is_read_in_twenty_minutes",
        "a_chapter_opens_with_what_it_found",
    ):
        assert f"test_{name}[{number}-pump-station/{number}.1-one-qubit]" in tests, tests
    for name in ("rooms_import_one_way[papers.pump_station.experiments.toy]", "no_two_files_import_each_other"):
        assert f"test_{name}" in tests
    ruff = f"{sys.executable} -m ruff"
    said(copy, f"{ruff} check --no-cache qhelpers tests/papers notebooks/{number}-pump-station")
    said(copy, f"{ruff} format --no-cache --check qhelpers/papers tests/papers/pump_station")


@pytest.fixture
def small(tmp_path):
    """A checkout that holds little else than the template."""
    shutil.copytree(ROOT / "template", tmp_path / "template")
    for name in ("book/_toc.yml", "book/deviations.md", "qhelpers/energy.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    for name in ("notebooks/0-start", "notebooks/3-fans", "notebooks/9-back", "qhelpers/papers/gears"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def contents(folder):
    """Every file below a folder with its bytes, and every empty folder."""
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["2x"], "'2x' cannot name a paper's package; allowed are lower-case words"),
        (["a" + 15 * "_b"], "at most 30 characters"),
        (["class"], "'class' cannot name a paper's package"),
        (["../away"], "'../away' cannot name a paper's package"),
        (["gears"], f"'gears' is there already: {Path('qhelpers/papers/gears')}; choose another name"),
        (["low_energy"], "'low_energy' is there already: "),
        (["energy"], "'energy' is a word of qhelpers/energy.py"),
        (["pump", "--number", "1"], "the number 1 cannot be had: paper 'Low-energy IoT'; leave --number out for"),
        (["pump", "--number", "3"], "the number 3 cannot be had: notebooks/3-fans"),
        (["pump", "--number", "-4"], "the number -4 cannot be had: not between 1 and 99"),
    ],
)
def test_what_cannot_be_begun_is_said_and_leaves_nothing(small, capsys, arguments, reason):
    before = contents(small)
    assert main(["new", *arguments], small) == 2
    assert reason in capsys.readouterr().err
    assert contents(small) == before


def test_outside_of_a_checkout_is_said(tmp_path, capsys):
    assert main(["new", "pump"], tmp_path) == 2
    assert f"{tmp_path} is no checkout of the book" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", range(5))
def test_a_full_disk_at_any_step_leaves_nothing(small, capsys, monkeypatch, failing):
    before, calls, replace = contents(small), iter(range(5)), os.replace

    def full(source, target):
        if next(calls) == failing:
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert main(["new", "pump"], small) == 2
    assert "No space left on device; nothing was changed" in capsys.readouterr().err
    assert {place: held for place, held in contents(small).items() if held is not False} == {
        place: held for place, held in before.items() if held is not False
    }


def test_parts_stand_in_the_order_of_their_numbers(small, capsys):
    toc = small / "book" / "_toc.yml"
    before = ("Start here", "1 First", "50 Far", "Appendix")
    toc.write_text("".join(f"  - caption: {name}\n    chapters: []\n" for name in before))
    for arguments in (["new", "last_pump", "--number", "60"], ["new", "late_pump", "--number", "40"], ["new", "early_pump"]):
        assert main(arguments, small) == 0
    free = re.findall(r"^Part (\d+) begins", capsys.readouterr().out, re.MULTILINE)[-1]
    parts = re.findall(r"^  - caption: (.*)$", toc.read_text(encoding="utf-8"), re.MULTILINE)
    assert parts == ["Start here", "1 First", f"{free} Early pump", "40 Late pump", "50 Far", "60 Last pump", "Appendix"]
    left = [path for path in small.rglob("*") if "template" not in path.parts and re.search("SLUG|NAME|NUMBER", path.name)]
    assert left == [] and not list(small.glob(".new-paper-*"))


def test_a_table_of_contents_without_a_back_is_refused(small, capsys):
    (small / "book" / "_toc.yml").write_text("parts: []\n")
    before = contents(small)
    assert main(["new", "pump"], small) == 2
    assert "book/_toc.yml has no part '  - caption: Appendix'" in capsys.readouterr().err
    assert contents(small) == before

"""The build pipeline, on small books of its own."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "book" / "build.py"
PARAMETERS = {"profile": "quick", "source": "twin", "seed": 0}
HEAD = 'profile = "quick"  # or laptop, paper\nsource = "twin"\nseed = 0'


def notebook(*sources, parameters=HEAD):
    """A notebook of a title, a parameters cell and these code cells."""

    def cell(number, kind, text, **more):
        return {"id": f"c{number}", "cell_type": kind, "metadata": {}, "source": text, **more}

    empty = {"outputs": [], "execution_count": None}
    made = [cell(0, "markdown", "# Title\n\n*Why?*"), cell(1, "code", parameters, **empty)]
    made[1]["metadata"]["tags"] = ["parameters"]
    made += [cell(number, "code", text, **empty) for number, text in enumerate(sources, 2)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def small_book(folder):
    """Write a book of one chapter, without site configuration of its own."""
    files = {
        "notebooks/0-start/0.1-one.ipynb": notebook("print('seed is', seed, 'on', source)"),
        "qhelpers/__init__.py": "",
        "records/low-energy/runs.jsonl": "{}\n",
        "requirements.lock": "numpy==1\n",
        "book/_config.yml": 'title: Small\nonly_build_toc_files: true\nexecute: {execute_notebooks: "off"}\n',
        "book/_toc.yml": "format: jb-book\nroot: index\nchapters:\n- file: 0-start/0.1-one\n",
        "book/index.md": "# Small\n\nSee {doc}`0-start/0.1-one`.\n",
        "book/build.py": "raise SystemExit('no page')\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(autouse=True)
def own_records(monkeypatch):
    """The records are those of the small book."""
    monkeypatch.delenv("QHELPERS_RECORDS", raising=False)


@pytest.fixture
def book(tmp_path):
    """A book that is still to be built."""
    return small_book(tmp_path)


@pytest.fixture(scope="module")
def built(build, tmp_path_factory):
    """A book that is built, not to be changed; and whether that went well, and what was said."""
    folder = small_book(tmp_path_factory.mktemp("built"))
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as told:
        patch.delenv("QHELPERS_RECORDS", raising=False)
        code = build.main([], folder)
    return folder, code, told.getvalue()


def only_key(build, root, **changed):
    (job,) = build.jobs(root, PARAMETERS | changed)
    return job.key


def test_a_book_is_built_and_what_is_unchanged_is_not_built_again(build, built, capsys):
    book, code, told = built
    assert code == 0
    assert "1 to execute, 0 unchanged" in told
    assert "1/1  0-start/0.1-one" in told
    page = (book / "build/site/0-start/0.1-one.html").read_text()
    assert "seed is 0 on twin" in page
    assert "Parameters" not in page, "papermill's own cell is left out"
    assert not (book / "build/book/build.py").exists()

    (entry,) = json.loads((book / "build/execution.json").read_text())["notebooks"]
    assert entry["page"] == "0-start/0.1-one"
    assert entry["parameters"] == PARAMETERS
    assert entry["seconds"] > 0
    assert entry["peak_memory_mb"] > 20

    before = (book / "build/site/index.html").stat().st_mtime_ns
    assert build.main([], book) == 0
    told = capsys.readouterr().out
    assert "0 to execute, 1 unchanged" in told
    assert "site: unchanged" in told
    assert (book / "build/site/index.html").stat().st_mtime_ns == before


def test_a_warning_fails_the_build_each_time_and_leaves_the_former_site(build, built, tmp_path, capsys):
    book = shutil.copytree(built[0], tmp_path / "book")
    site = book / "build/site/index.html"
    site.write_text("the former site")
    (book / "book/index.md").write_text("# Small\n\nSee {doc}`nowhere`.\n")
    for _ in range(2):
        assert build.main([], book) == 1
        assert "nowhere" in capsys.readouterr().err
    assert site.read_text() == "the former site"


def test_a_failing_cell_is_shown_with_the_line_to_run_it_again(build, book, capsys):
    (book / "notebooks/0-start/0.2-two.ipynb").write_text(notebook("total = seed + 1\ntotal / 0"))
    assert build.main(["--seed", "3"], book) == 1
    told = capsys.readouterr()
    assert "----> 2 total / 0" in told.out
    assert "ZeroDivisionError: division by zero" in told.out
    assert "notebook:  notebooks/0-start/0.2-two.ipynb" in told.out
    line = "book/build.py --profile quick --source twin --seed 3 --only 0-start/0.2-two"
    assert line in told.out
    assert "1 of 2 notebooks failed: 0-start/0.2-two.ipynb" in told.err
    assert not (book / "build/site").exists()
    # The other one is kept, and the line says the truth.
    assert len(list((book / "build/cache").glob("*.ipynb"))) == 1
    assert build.main(line.split()[1:], book) == 1
    assert "1 to execute" in capsys.readouterr().out


def test_a_parameter_that_the_notebook_does_not_take_is_an_error(build, book, capsys):
    path = book / "notebooks/0-start/0.1-one.ipynb"
    path.write_text(notebook("print(profile, source)", parameters='profile = "quick"\nsource = "twin"'))
    assert build.main([], book) == 1
    assert "the notebook does not take seed: its cell tagged 'parameters' sets profile, source." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notebooks/0-start/0.1-one.ipynb", notebook("print(seed)")),
        ("qhelpers/__init__.py", "x = 1\n"),
        ("qhelpers/ledger/claims/1.yaml", "claims: []\n"),
        ("records/low-energy/runs.jsonl", "{}\n{}\n"),
        ("records/other/a.npz", "array"),
        ("benchmarks/results.json", "{}"),
        ("requirements.lock", "numpy==2\n"),
    ],
)
def test_the_key_follows_what_may_change_the_page(build, book, name, text):
    before = only_key(build, book)
    assert only_key(build, book) == before
    (book / name).parent.mkdir(parents=True, exist_ok=True)
    (book / name).write_text(text)
    assert only_key(build, book) != before


@pytest.mark.parametrize("changed", [{"profile": "laptop"}, {"source": "real"}, {"seed": 1}])
def test_the_key_follows_the_parameters(build, book, changed):
    assert only_key(build, book) != only_key(build, book, **changed)


def test_outputs_left_by_a_reader_change_neither_key_nor_download(build, book):
    path = book / "notebooks/0-start/0.1-one.ipynb"
    before, download = only_key(build, book), build.clean(path)
    dirty = json.loads(path.read_text())
    dirty["cells"][2] |= {"execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]}
    dirty["metadata"]["papermill"] = {"input_path": "x"}
    dirty["metadata"]["language_info"] = {"name": "python", "version": "3.11.7"}  # JupyterLab writes it
    path.write_text(json.dumps(dirty))
    assert only_key(build, book) == before
    assert build.clean(path) == download


def test_the_records_are_those_that_the_pages_read(build, book, monkeypatch):
    before = only_key(build, book)
    other = book / "elsewhere"
    other.mkdir()
    monkeypatch.setenv("QHELPERS_RECORDS", str(other))
    changed = only_key(build, book)
    (other / "runs.jsonl").write_text("{}")
    assert len({before, changed, only_key(build, book)}) == 3


def test_a_reader_sees_the_parameters_that_were_used(build):
    import nbformat

    executed = nbformat.reads(notebook("print(seed)"), as_version=4)
    injected = nbformat.v4.new_code_cell("# Parameters\nseed = 5", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(2, injected)
    shown = build.presentable(executed, {"profile": "laptop", "source": "real", "seed": 5})
    assert shown.cells[1].source == 'profile = "laptop"  # or laptop, paper\nsource = "real"\nseed = 5'
    assert "remove-cell" in shown.cells[2].metadata.tags


def test_pages_that_are_gone_leave_the_site(build, tmp_path):
    build.mirror({"a.md": b"a", "b/c.md": b"c"}, tmp_path / "made")
    before = (tmp_path / "made/a.md").stat().st_mtime_ns
    build.mirror({"a.md": b"a"}, tmp_path / "made")
    assert [path.name for path in build.files_below(tmp_path / "made")] == ["a.md"]
    assert (tmp_path / "made/a.md").stat().st_mtime_ns == before


def test_a_result_that_another_build_took_away_is_said(build, book):
    job = build.jobs(book, {"profile": "quick", "source": "twin", "seed": 0})[0]
    with pytest.raises(build.BuildError, match="executed by another build in between; run make book again"):
        build.assemble(book, [build.Outcome(job)])


def test_older_results_of_a_notebook_are_forgotten(build, book):
    wanted = build.jobs(book, PARAMETERS), build.jobs(book, PARAMETERS | {"seed": 1})
    (book / "qhelpers/__init__.py").write_text("x = 1\n")
    (job,) = build.jobs(book, PARAMETERS)
    for made in (wanted[0][0], wanted[1][0], job):
        made.cached.parent.mkdir(parents=True, exist_ok=True)
        made.cached.write_text("{}")
        build.write_json(made.cached.with_suffix(".json"), {"notebook": made.notebook.as_posix(), "parameters": made.parameters})
    build.forget_older(book, [job])
    kept = {(cost["parameters"]["seed"], path.stem == job.key) for path, cost in build.costs(book)}
    assert kept == {(0, True), (1, False)}
    assert len(list((book / "build/cache").glob("*.ipynb"))) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "fast"], "choose from 'quick', 'laptop', 'paper'"),
        (["--source", "made-up"], "choose from 'twin', 'real'"),
        (["--source", ""], "choose from 'twin', 'real'"),
        (["--jobs", "0"], "'0' is not a number of notebooks; allowed is a whole number from 1 to"),
        (["--seed", "-1"], "'-1' is not a seed; allowed is a whole number from 0 to 4294967295"),
        (["--seed", "x"], "'x' is not a seed; allowed is a whole number from 0"),
        (["--seed", "1.5"], "'1.5' is not a seed; allowed is a whole number from 0"),
        (["--seed", ""], "'' is not a seed; allowed is a whole number from 0"),
        (["--seed", "4294967296"], "'4294967296' is not a seed"),
    ],
)
def test_a_wrong_argument_lists_what_there_is(build, book, capsys, arguments, told):
    with pytest.raises(SystemExit) as stopped:
        build.main(arguments, book)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_an_unknown_notebook_lists_what_there_is(build, book, capsys):
    assert build.main(["--only", "9.9"], book) == 1
    assert "no notebook's path contains '9.9'; there are: 0-start/0.1-one" in capsys.readouterr().err


def test_a_book_without_notebooks_is_an_error(build, book, capsys):
    (book / "notebooks/0-start/0.1-one.ipynb").unlink()
    assert build.main([], book) == 1
    assert "there is no notebook below" in capsys.readouterr().err


def test_what_is_wrong_is_found_in_the_output(build):
    raised = "Exception occurred:\n  File records.py, line 1\nRecordsError: none\nThe full traceback has been saved\nmore"
    assert build.trouble(f"reading\n{raised}") == ["Exception occurred:", "  File records.py, line 1", "RecordsError: none"]
    assert build.trouble("reading\na.md:3: WARNING: no such label\ndone") == ["a.md:3: WARNING: no such label"]
    assert build.trouble("\n".join(map(str, range(40))))[0] == "10"


def test_a_file_that_is_no_notebook_is_named(build, book, capsys):
    (book / "notebooks/0-start/0.3-torn.ipynb").write_text('{"cells": [')
    assert build.main([], book) == 1
    assert "0.3-torn.ipynb is not a notebook" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_everything_and_leaves_nothing_half_written(book, how):
    path = book / "notebooks/0-start/0.1-one.ipynb"
    path.write_text(notebook("import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(300)"))
    code = (
        "import importlib.util, pathlib, sys\n"
        f"spec = importlib.util.spec_from_file_location('book_build', {str(SCRIPT)!r})\n"
        "build = importlib.util.module_from_spec(spec); sys.modules['book_build'] = build; spec.loader.exec_module(build)\n"
        f"sys.exit(build.main([], pathlib.Path({str(book)!r})))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    written = path.parent / "pid"
    limit = time.monotonic() + 120
    while not (written.exists() and written.read_text()):
        assert time.monotonic() < limit, "the notebook did not start"
        assert child.poll() is None, child.communicate()
        time.sleep(0.1)
    os.kill(child.pid, how)
    _, told = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "interrupted" in told
    kernel = int(written.read_text())
    limit = time.monotonic() + 60
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(kernel).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < limit, "the notebook's kernel goes on"
            time.sleep(0.1)
    left = [path.relative_to(book / "build") for path in (book / "build").rglob("*") if path.is_file()]
    assert left == []


def test_the_board_shows_only_verdicts_that_some_claim_has_and_a_dash_for_what_was_not_measured(board):
    drawn = board.figure([SimpleNamespace(paper="1", verdict="holds", sort="results", reconstructed=False)])
    drawn = re.sub(r"<[^>]+>", "", drawn.replace("<figcaption>", "|"))
    assert "Measured values: 1 (1 holds)" in drawn and "0 " not in drawn.split("|")[0] and "falls short" not in drawn
    assert board.measured(SimpleNamespace(id="none", measured=None)) == "–"

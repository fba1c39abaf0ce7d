"""Every notebook keeps the promises that a reader relies on, and runs."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "notebooks"
NOTEBOOKS = sorted(path for path in BASE.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
NAMES = [path.relative_to(BASE).with_suffix("").as_posix() for path in NOTEBOOKS]
PARAMETERS = {"profile": "quick", "source": "twin", "seed": 0}
#: Chapters that are not yet brought to the shape of the others: a question answered in the first screen, at most
#: `MOST_MINUTES` to read. They still say their reading time themselves.
NOT_YET: set[str] = set()
MOST_MINUTES = 20
#: "About 12": what fits on a phone's screen without scrolling.
LONGEST_CELL = 14
#: Characters that the column shows, and paper.
COLUMN = 85
#: Tags with which the site folds or leaves out a cell's code, and its outputs.
CODE_FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
OUTPUTS_FOLDED = {"hide-output", "hide-cell", "remove-output", "remove-cell"}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
every_brought = pytest.mark.parametrize(
    "path", [pytest.param(path, id=name) for path, name in zip(NOTEBOOKS, NAMES, strict=True) if name not in NOT_YET]
)


def cells(path, kind):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def code_tree(cell):
    """Parse a code cell, its magics and shell lines left out."""
    return ast.parse("\n".join(line for line in source(cell).splitlines() if not line.lstrip().startswith(("%", "!"))))


def tagged(path):
    return [cell for cell in cells(path, "code") if "parameters" in cell["metadata"].get("tags", [])]


def test_there_are_notebooks():
    assert NOTEBOOKS, "notebooks/ holds no notebook"


@every_notebook
def test_a_chapter_lets_the_reader_move_what_is_run(path):
    assert re.search(r"\bpage\.(control|slide|ask)\(", "\n".join(map(source, cells(path, "code")))), "no menu, no slider"


@every_notebook
def test_what_is_tried_on_the_readers_own_data_runs_as_it_stands(path):
    for cell in cells(path, "markdown"):
        for exercise in re.split(r"\n(?=\d\. \*\*)", source(cell)):
            assert "```python" not in exercise or not re.match(r"\d\. \*\*Your own", exercise), "a snippet; make it a cell"


def test_the_table_of_contents_names_every_notebook():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    pages = {chapter["file"] for part in toc.get("parts", [toc]) for chapter in part.get("chapters", [])}
    chapters = {page for page in pages if not any((ROOT / "book" / f"{page}{end}").exists() for end in (".md", ".rst"))}
    assert chapters == set(NAMES)


@every_notebook
def test_one_cell_sets_the_three_parameters(path):
    (cell,) = tagged(path)
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in code_tree(cell).body}
    assert values == PARAMETERS


@every_notebook
def test_every_parameter_is_used(path):
    (cell,) = tagged(path)
    others = [other for other in cells(path, "code") if other != cell]
    read = {
        node.id
        for other in others
        for node in ast.walk(code_tree(other))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(PARAMETERS) <= read


def test_git_holds_no_outputs():
    for path in NOTEBOOKS:
        for cell in cells(path, "code"):
            assert not cell["outputs"], path
            assert cell["execution_count"] is None, path
    command = [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *map(str, NOTEBOOKS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "clean them with: nbstripout --keep-id\n" + done.stdout


def folded_elsewhere(cell):
    """What of a code cell is folded on the site, but not in JupyterLab, or the other way round."""
    tags, folded = set(cell["metadata"].get("tags", [])), cell["metadata"].get("jupyter", {})
    kinds = {"source_hidden": CODE_FOLDED, "outputs_hidden": OUTPUTS_FOLDED}
    return [kind for kind, names in kinds.items() if folded.get(kind, False) is not bool(tags & names)]


@every_notebook
def test_what_the_site_folds_is_folded_in_jupyterlab(path):
    wrong = {source(cell)[:40]: kinds for cell in cells(path, "code") if (kinds := folded_elsewhere(cell))}
    assert not wrong, 'give a cell the tag "hide-input" and {"jupyter": {"source_hidden": true}}, or neither'


@pytest.mark.parametrize(
    ("tags", "folded", "wrong"),
    [
        (["hide-input"], {}, ["source_hidden"]),
        ([], {"source_hidden": True}, ["source_hidden"]),
        (["hide-cell"], {"source_hidden": True}, ["outputs_hidden"]),
        (["remove-cell"], {"source_hidden": True, "outputs_hidden": True}, []),
        (["parameters"], {"source_hidden": False}, []),
    ],
)
def test_a_cell_that_is_folded_in_one_place_only_is_found(tags, folded, wrong):
    assert folded_elsewhere({"metadata": {"tags": tags, "jupyter": folded}}) == wrong


def cut_lines(cell):
    """Lines of code that go beyond the column: of code that is seen, and of what a text shows between fences."""
    if cell["cell_type"] == "code":
        shown = [] if CODE_FOLDED & set(cell["metadata"].get("tags", [])) else [source(cell)]
    else:
        shown = [block[1] for block in re.findall(r"^ *(`{3,}|~{3,}).*\n([\s\S]*?)^ *\1", source(cell), re.MULTILINE)]
    return [line for block in shown for line in block.splitlines() if len(line) > COLUMN]


@every_notebook
def test_code_fits_the_column(path):
    assert [line for kind in ("code", "markdown") for cell in cells(path, kind) for line in cut_lines(cell)] == []


def test_a_line_that_is_cut_is_found():
    line, metadata = "x = 1  # " + "y" * COLUMN, {"tags": ["hide-input"]}
    assert cut_lines({"cell_type": "code", "metadata": {}, "source": ["x = 0\n", line]}) == [line]
    assert not cut_lines({"cell_type": "code", "metadata": metadata, "source": [line]})
    text = f":::{{dropdown}} Solution\n```python\nx = 0\n{line}\n```\n:::\n{line}\n"
    assert cut_lines({"cell_type": "markdown", "metadata": {}, "source": [text]}) == [line]


@every_notebook
def test_code_cells_are_short(path):
    long = {}
    for number, cell in enumerate(cells(path, "code"), 1):
        lines = [line for line in source(cell).splitlines() if line.strip()]
        if len(lines) > LONGEST_CELL:
            long[f"code cell {number}, {lines[0]!r}"] = len(lines)
    assert not long, f"more than {LONGEST_CELL} lines"


@every_notebook
def test_a_chapter_defines_no_classes(path):
    for cell in cells(path, "code"):
        assert not [node.name for node in ast.walk(code_tree(cell)) if isinstance(node, ast.ClassDef)]


@every_notebook
def test_the_subtitle_is_a_question(path):
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    assert first["cell_type"] == "markdown"
    title, _, rest = source(first).partition("\n")
    assert re.match(r"# \S", title)
    paragraph = re.split(r"\n\s*\n", rest.strip())[0].strip()
    assert re.fullmatch(r"([*_])[^*_].*\?\1", paragraph, re.DOTALL), "under the title stands the chapter's question, in italics"


# ---- shape and length ----


def test_the_list_of_chapters_not_yet_brought_to_the_shape_is_true():
    stated = {
        name for path, name in zip(NOTEBOOKS, NAMES, strict=True) if "**Reading time**" in source(cells(path, "markdown")[0])
    }
    assert stated == NOT_YET, "a chapter of the shape states no reading time (the site counts it) and stands not in NOT_YET"


@every_brought
@pytest.mark.timeout(900)
def test_a_chapter_is_read_in_twenty_minutes(build, chapters, path):
    minutes = chapters.reading_minutes(run(build, path, PARAMETERS)["cells"])
    assert 3 < minutes <= MOST_MINUTES, "fold what can wait, or make two chapters of it"


@every_brought
def test_a_chapter_opens_with_what_it_found(path):
    hidden = {"remove-input", "remove-cell"}
    shown = json.loads(path.read_text(encoding="utf-8"))["cells"][1:]
    place = [number for number, cell in enumerate(shown) if re.search(r"^page\.finding\(", source(cell), re.MULTILINE)]
    assert len(place) == 1, "one call of page.finding"
    for cell in shown[: place[0] + 1]:
        assert cell["cell_type"] == "code", "before the finding stands the question alone"
        assert hidden & set(cell["metadata"]["tags"]), "a bar of code stands before the finding"
        assert cell["metadata"]["jupyter"]["source_hidden"]


def shown(html="", **more):
    return {"output_type": "display_data", "data": {"text/html": html, "text/plain": "x"} | more}


def test_reading_time_counts_what_is_shown(chapters):
    words = {
        "cell_type": "markdown",
        "source": ["one two\n", "\n", ":::{dropdown} Solution\n", "much " * 900, "\n:::\n", "three"],
    }
    code = {"cell_type": "code", "source": "a = 1\n\nb = 2", "metadata": {}, "outputs": []}
    folded = code | {"metadata": {"tags": ["hide-input"]}}
    table = "<table><caption>four</caption><thead><tr><th>x</th></tr></thead><tbody><tr><td>1</td></tr><tr></tr></tbody></table>"
    figure = "<figure><svg><text>no word</text></svg><figcaption>five six</figcaption></figure>"
    printed = {"output_type": "stream", "name": "stdout", "text": ["7\n", "8\n"]}
    warned = {"output_type": "stream", "name": "stderr", "text": "step 1\nstep 2"}
    said = {"output_type": "display_data", "data": {"text/markdown": "seven eight", "text/plain": "x"}}

    def seconds(*found, cell=folded):
        return round(60 * chapters.reading_minutes([cell | {"outputs": list(found)} if found else cell]), 6)

    a_word = 60 / 200
    assert seconds(cell=words) == round(3 * a_word, 6)
    assert (seconds(cell=code), seconds()) == (4, 0)
    assert seconds(shown(table)) == round(2 * 2 + a_word, 6)
    assert seconds(shown(figure)) == round(20 + 2 * a_word, 6)
    assert seconds(shown(f"<details><summary>t</summary>{table}{figure}</details>")) == 0
    assert seconds(shown(f'<div class="qh-live"><script>{{}}</script>{table}</div>')) == 20
    assert (seconds(printed), seconds(warned), seconds(said)) == (4, 0, round(2 * a_word, 6))
    hidden = code | {"metadata": {"tags": ["remove-cell"]}}
    assert seconds(shown(figure), cell=hidden) == 0


def run(build, path, parameters):
    """Execute a notebook as the book does; a result that `make book` has left is taken."""
    wanted = [job for job in build.jobs(ROOT, parameters) if job.source == path]
    (outcome,) = build.execute(wanted, n_jobs=1)
    assert not outcome.failure, build.describe(outcome)
    return json.loads(outcome.job.cached.read_text(encoding="utf-8"))


@every_notebook
@pytest.mark.timeout(900)
def test_it_runs_on_its_twin(build, path):
    executed = run(build, path, PARAMETERS)
    assert any(cell.get("outputs") for cell in executed["cells"])
    assert not any(output["output_type"] == "error" for cell in executed["cells"] for output in cell.get("outputs", []))


def with_data():
    """The shortest notebook of each part that reads data (a part may read none); the others with --slow."""
    parts = {}
    for path in NOTEBOOKS:
        code = [source(cell) for cell in cells(path, "code")]
        if any("page.dataset(" in text for text in code):
            parts.setdefault(path.parent, []).append((len(code), path))
    listed = [(path, path == min(found)[1]) for found in parts.values() for _, path in found]
    return [pytest.param(path, id=path.stem, marks=() if first else pytest.mark.slow) for path, first in listed]


@pytest.mark.needs_data
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", with_data())
def test_it_runs_on_real_data(build, path):
    run(build, path, PARAMETERS | {"source": "real"})

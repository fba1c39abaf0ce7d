"""Two builds give the same site byte by byte, but for what the runs cost; the comparison overlooks nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = '<p class="qh-cost">3 s</p><table class="qh-costs"><td class="num qh-cost">2 s</td><td>5</td></table>'
#: A chapter of all that pages show: text, a figure, a table, a set, a time; and of what a user's settings would change.
CELLS = (
    'profile = "quick"\nsource = "twin"\nseed = 0',
    'from qhelpers import chapter, figures\npage = chapter.start("0.1", profile=profile, source=source, seed=seed)',
    "import matplotlib.pyplot as plt, pandas as pd\nfig, ax = plt.subplots()\nax.plot([1, seed], label=source)\nax.legend();",
    'figures.show(fig, alt="A line.", caption="A line.")',
    'figures.table(pd.DataFrame({"a": [1.0]}), caption="A table.")',
    'page.say(" ".join({"one", "two", "three", "four", "five"}))',
    "import locale, matplotlib, os, sys, time\nlocale.setlocale(locale.LC_ALL, '')\n(time.tzname, locale.getlocale())",
    "('mpl-data' in matplotlib.matplotlib_fname(), matplotlib.get_backend(), get_ipython().ast_node_interactivity)",
    "pd.DataFrame({'a': [1 / 3]})",
    "(sys.flags, sys.warnoptions, {'sitecustomize', 'usercustomize'} & set(sys.modules))",
    "sorted(name for name in os.environ if name.startswith(('MPL', 'MATPLOTLIB', 'PYTHON', 'QISKIT', 'LANG', 'LC_', 'JUPYTER')))",
    "import time\npage.took(f'{time.time_ns()} ns')\npage.finish()",
)


@pytest.fixture(scope="module")
def compare(script):
    """The script, which is no package."""
    return script("compare")


@pytest.fixture
def sites(tmp_path):
    """Two sites that are the same."""
    for name in ("one", "two"):
        for file in ("index.html", "a/page.html", "searchindex.js"):
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(PAGE)
    return tmp_path / "one", tmp_path / "two"


def test_what_a_run_cost_may_differ(compare, sites):
    assert not compare.differences(*sites)
    (sites[1] / "a/page.html").write_text(PAGE.replace("3 s", "4 s").replace("2 s", "1 min"))
    assert not compare.differences(*sites)
    assert compare.main(list(map(str, sites))) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<td>5<", "<td>6<"),
        ('class="num qh-cost"', 'class="day qh-cost"'),
        ("</table>", "</table> "),
        (">3 s<", "><b>3 s</b><"),
        ('<p class="qh-cost">3 s</p>', ""),
        ("<p ", "<div ")
    ],
)  # fmt: skip
def test_all_else_may_not(compare, sites, old, new, capsys):
    (sites[1] / "a/page.html").write_text(PAGE.replace(old, new, 1))
    (line,) = compare.differences(*sites)
    assert line.startswith("a/page.html: line 1, byte ")
    assert compare.main(list(map(str, sites))) == 1
    assert line in capsys.readouterr().out


@pytest.mark.parametrize("other", ["qh-costs", "my-qh-cost", "cost"])
def test_only_that_class_marks_a_cost(compare, sites, other):
    for site, number in zip(sites, (1, 2), strict=True):
        (site / "index.html").write_text(f'<p class="{other}">{number}</p>')
    assert len(compare.differences(*sites)) == 1
    for site, number in zip(sites, (1, 2), strict=True):
        (site / "index.html").write_text(f'<p id="qh-cost" data-class="qh-cost" title="class=qh-cost">{number}</p>')
    assert len(compare.differences(*sites)) == 1


def test_files_that_are_no_pages_are_compared_whole_and_none_may_be_missing(compare, sites):
    (sites[0] / "searchindex.js").write_text(PAGE.replace("3 s", "4 s"))
    (sites[0] / "more.png").touch()
    (sites[1] / "other.png").touch()
    (sites[1] / "a/page.html").unlink()
    found = compare.differences(*sites)
    assert sorted(line.partition(":")[0] for line in found) == ["a/page.html", "more.png", "other.png", "searchindex.js"]


def test_what_is_no_site_is_refused(compare, sites, tmp_path, capsys):
    assert compare.main([str(sites[0])]) == 2
    assert compare.main([str(sites[0]), str(tmp_path)]) == 2
    assert "two folders of built sites are needed" in capsys.readouterr().err


def small_book(folder):
    """A book of one chapter with this book's own extension, style and settings."""
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{"id": "c", "cell_type": "markdown", "metadata": {}, "source": "# One\n\n*Why?*\n\n```bash\nmake book\n```"}]
    cells += [empty | {"id": f"c{number}", "source": text} for number, text in enumerate(CELLS)]
    cells[1]["metadata"] = {"tags": ["parameters"]}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    files = {
        "notebooks/0-start/0.1-one.ipynb": json.dumps(notebook),
        "book/_toc.yml": "format: jb-book\nroot: index\nchapters:\n- file: 0-start/0.1-one\n- file: execution\n",
        "book/index.md": "# Small\n\n```{qh-path}\n```\n\n{doc}`execution`, $x^2$, {cite}`a97`\n\n```{bibliography}\n```\n",
        "book/references.bib": "@misc{a97, title={Multitask learning}, author={Caruana, R}, year=1997}\n",
    }
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    shutil.copy(ROOT / "book" / "execution.md", folder / "book")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def paths_told(site, *folders):
    """Files of a site that name a folder of the machine."""
    told = [str(folder).encode() for folder in (*folders, ROOT, Path.home(), sys.prefix) if len(str(folder)) > 1]
    return [
        path.relative_to(site).as_posix()
        for path in site.rglob("*")
        if path.is_file() and any(t in path.read_bytes() for t in told)
    ]


#: Settings of a user's own that would change or break a page, by file below the home folder.
SETTINGS = {
    "matplotlib/matplotlibrc": "text.usetex: True\nfont.family: A font that is not here\nsavefig.dpi: 300\naxes.grid.axis: x\n",
    "ipython/profile_default/startup/first.py": "import pandas\npandas.options.display.precision = 2\nprint('hello')\n",
    "ipython/profile_default/ipython_config.py": "c.InteractiveShell.ast_node_interactivity = 'all'\n",
    "jupyter/jupyter_config.py": "c.ExecutePreprocessor.allow_errors = c.NotebookClient.allow_errors = True\n",
    "share/kernels/python3/kernel.json": json.dumps({"argv": ["false"], "display_name": "Broken", "language": "python"}),
    "python/sitecustomize.py": "import builtins\nbuiltins.print = lambda *_: None\n",
    "python/startup.py": "print('hello')\n",
}


def somebody(home, monkeypatch):
    """Be somebody with settings of their own, named by variables and lying where programs look for them unasked."""
    named = {"MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter", "JUPYTER_DATA_DIR": "share"}
    named |= {"JUPYTER_PATH": "share", "PYTHONPATH": "python", "PYTHONSTARTUP": "python/startup.py", "HOME": ""}
    unasked = {"matplotlib": ".config/matplotlib", "ipython": ".ipython", "jupyter": ".jupyter", "share": ".local/share/jupyter"}
    for name, text in SETTINGS.items():
        folder, _, file = name.partition("/")
        for place in (folder, unasked.get(folder, folder)):
            (home / place / file).parent.mkdir(parents=True, exist_ok=True)
            (home / place / file).write_text(text)
    for name, folder in named.items():
        monkeypatch.setenv(name, str(home / folder))
    for name, value in {"TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "C", "MPLBACKEND": "svg", "PYTHONWARNINGS": "error"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.timeout(600)
def test_a_small_book_is_the_same_in_another_folder_at_another_time_for_somebody_else(build, compare, tmp_path, monkeypatch):
    monkeypatch.delenv("QHELPERS_RECORDS", raising=False)
    sites = []
    for name, number in (("one", "1"), ("a/longer/name", "2")):
        monkeypatch.setenv("PYTHONHASHSEED", number)
        book = small_book(tmp_path / name)
        assert build.main([], book) == 0
        sites.append(book / "build" / "site")
        assert not paths_told(sites[-1], book)
        somebody(tmp_path / "home", monkeypatch)
    assert b" ns</p>" in (sites[0] / "0-start/0.1-one.html").read_bytes(), "the time is on the page"
    assert compare.differences(*sites) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_make_book_twice_gives_the_same_site(compare, tmp_path):
    """Set up, executed and rendered twice, one after the other: other folder, order, hashes and time zone."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = [name for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0") if (ROOT / name).is_file()]
    sites = []
    for folder, jobs, zone in ((tmp_path / "one", 1, "UTC"), (tmp_path / "a/longer/name", 2, "Asia/Tokyo")):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        env = os.environ | {"PYTHONHASHSEED": str(jobs), "TZ": zone}
        env.pop("QHELPERS_RECORDS", None)
        done = subprocess.run(["make", "book", f"JOBS={jobs}"], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        sites.append(folder / "build" / "site")
        assert not paths_told(sites[-1], folder)
    assert compare.differences(*sites) == []
    # Rendered once more in the same folder, from the same notebooks.
    kept = sites[0].rename(tmp_path / "kept")
    subprocess.run(["make", "book"], cwd=tmp_path / "one", check=True)
    assert compare.differences(kept, sites[0]) == []

"""What the commands of a chapter take stands under them, from what was measured."""

import json

import pytest

from qhelpers.runs import again


@pytest.fixture
def takes(book_extension):
    return book_extension("takes")


@pytest.fixture
def source(tmp_path):
    """Pages whose one line of papermill took a minute and a half."""
    line = ".venv/bin/papermill notebooks/a.ipynb out.ipynb -p seed 1"
    (tmp_path / "reruns.json").write_text(json.dumps({line: {"seconds": 95.4, "code": ""}}))
    return str(tmp_path)


def test_a_line_over_two_rows_is_known(takes, source):
    block = ".venv/bin/papermill notebooks/a.ipynb \\\n    out.ipynb -p seed 1"
    assert takes.told(block, source) == "With these parameters the notebook takes 95 s of one core."


def test_runs_take_what_their_records_say(takes, source):
    found = again.find(["threats-scale"], {"compare": "literal"}, 1)
    seconds = sum(record.cpu_seconds for record in found)
    block = ".venv/bin/python -m qhelpers.runs again threats-scale --seeds 1 \\\n    --only compare=literal"
    assert takes.told(block, source) == f"Its runs took {takes.duration(seconds)} of one core when they were recorded."
    twice = takes.told(f"{block}\n{block}", source)
    assert takes.duration(2 * seconds) in twice


def test_of_what_nobody_timed_nothing_is_said(takes, source):
    assert takes.told("make book", source) == ""
    assert takes.told(".venv/bin/papermill notebooks/b.ipynb out.ipynb", source) == ""

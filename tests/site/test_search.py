"""What a reader asks the search with leads to the page that answers, not to a function of that name."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What is asked, and the page that is named first.
ASKED = {
    "quantum advantage": "9-back/worth-trying",
    "does it help": "9-back/worth-trying",
    "accuracy": "1-low-energy/1.2-against-nine-classical-models",
    "energy": "1-low-energy/1.5-energy",
    "noise": "1-low-energy/1.3-noise",
    "annealer": "3-useful-life/3.3-what-an-annealer-draws",
    "bearing": "4-bearings/4.1-what-a-bearing-says",
}
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["qhbook.search"]
html_theme = "basic"
html_show_search_summary = False
"""


@pytest.fixture
def answers(book_extension: Any) -> dict[str, tuple[str, ...]]:
    """The words of each page, as `book/_ext/qhbook/search.py` has them."""
    found: dict[str, tuple[str, ...]] = book_extension("search").ANSWERS
    return found


def test_words_belong_to_one_page_that_is_in_the_book(answers: dict[str, tuple[str, ...]]) -> None:
    toc = (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
    words = [word for own in answers.values() for word in own]
    assert len(words) == len(set(words)) and all(re.search(rf"^ +- file: {page}$", toc, re.MULTILINE) for page in answers)
    for asked, page in ASKED.items():
        assert any(word.startswith(asked) for word in answers[page])


def build(folder: Path, pages: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Make a book whose pages all speak of everything, one of them an API with functions of the names that are asked for."""
    (folder / "conf.py").write_text(CONF)
    everything = " ".join(ASKED)
    for page in pages:
        (folder / page).parent.mkdir(exist_ok=True)
        (folder / f"{page}.rst").write_text(f"{Path(page).name}\n{'=' * 40}\n\n{everything}\n")
    functions = "".join(f".. py:function:: {word.split()[-1]}()\n\n   {everything}\n\n" for word in ASKED)
    (folder / "api.rst").write_text(f"Noise, energy, accuracy, bearing, annealer\n{'=' * 50}\n\n{functions}")
    (folder / "index.rst").write_text(f"Book\n====\n\n{everything}\n\n.. toctree::\n   :glob:\n\n   */*\n   api\n")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(folder), str(folder / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def first(page: Any, query: str) -> list[str]:
    """Addresses that the search page lists, best first."""
    page.wait_for_function("document.querySelector('.search-summary')?.textContent.length > 0")
    found: list[str] = page.evaluate("[...document.querySelectorAll('ul.search > li > a')].map(one => one.getAttribute('href'))")
    assert found, query
    return found


@pytest.mark.needs_browser
def test_the_page_that_answers_comes_before_functions_and_texts(
    chromium: Any, answers: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    done = build(tmp_path, answers)
    assert done.returncode == 0, done.stderr
    context = chromium.new_context()
    page = context.new_page()
    for query, answer in ASKED.items():
        page.goto(f"file://{tmp_path}/out/search.html?q={query.replace(' ', '+')}")
        found = first(page, query)
        assert found[0].startswith(f"{answer}.html"), (query, found)
        if " " not in query:  # a function is found by one word of its name
            assert found[-1] == f"api.html#{query}", "the functions are still found, and come last"
    context.close()


@pytest.mark.needs_browser
@pytest.mark.parametrize("query", ASKED)
def test_the_site_answers(look: Any, site: Path, query: str) -> None:
    if not (site / f"{ASKED[query]}.html").exists():
        pytest.skip(f"the site has no page {ASKED[query]}; build it with: make book")
    page, _ = look(f"search.html?q={query.replace(' ', '+')}")
    assert first(page, query)[0].startswith(f"{ASKED[query]}.html")

"""The book on paper: which pages are printed, in what order, and what is said where it cannot be done."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pdf(script):
    """The script, `book/pdf.py`."""
    return script("pdf")


@pytest.fixture
def site(tmp_path):
    """A site of three pages, one of which no other leads to."""
    (tmp_path / "part").mkdir()
    onward = '<a class="right-next"\n       href="{}" title="next page">next</a>'
    (tmp_path / "index.html").write_text("<h1>Front</h1>" + onward.format("part/one.html"))
    (tmp_path / "part" / "one.html").write_text("<h1>One</h1>" + onward.format("../last.html#top"))
    (tmp_path / "last.html").write_text("<h1>Last</h1>")
    (tmp_path / "404.html").write_text("<h1>Nothing</h1>")
    return tmp_path


def test_pages_are_printed_in_reading_order(pdf, site):
    page = (site / "part" / "one.html").read_text()
    assert pdf.order(site) == ["index.html", "part/one.html"], "an address with a place in it is no page that follows"
    (site / "part" / "one.html").write_text(page.replace("#top", ""))
    assert pdf.order(site) == ["index.html", "part/one.html", "last.html"]
    (site / "last.html").write_text(page.replace("../last.html#top", "index.html"))
    assert pdf.order(site) == ["index.html", "part/one.html", "last.html"], "a ring comes to an end"


def test_without_a_site_or_a_browser_the_way_out_is_told(pdf, site, tmp_path, monkeypatch, capsys):
    assert pdf.main([], tmp_path / "none") == 2
    assert "run: make book" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pdf.main([str(tmp_path / "out")], site) == 2
    assert "install one" in capsys.readouterr().err


@pytest.mark.needs_browser
def test_every_page_becomes_a_pdf(pdf, site, tmp_path, capsys):
    if not any(map(shutil.which, pdf.PROGRAMS)):
        pytest.skip("no Chromium on this machine; install the package chromium")
    assert pdf.main([str(tmp_path / "out")], site) == 0
    made = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in made] == ["00-index.pdf", "01-one.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF-") and path.stat().st_size > 2000 for path in made)

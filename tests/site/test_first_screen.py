"""A chapter says what it found in the first screen, on a desk and on a phone, before any code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser

SCREENS = {"desk": (1280, 800), "phone": (390, 844)}


def with_finding(site: Path) -> list[str]:
    """Pages that open with a finding."""
    pages = sorted(page for page in site.rglob("*.html") if '<section class="qh-finding"' in page.read_text(encoding="utf-8"))
    return [page.relative_to(site).as_posix() for page in pages]


@pytest.mark.parametrize("screen", SCREENS)
def test_question_finding_and_picture_are_seen_at_once(look: Any, site: Path, screen: str) -> None:
    width, height = SCREENS[screen]
    names = with_finding(site)
    assert names, "no page opens with a finding; build the site with: make book"
    for name in names:
        page, _ = look(name, width=width, height=height)
        ends = page.evaluate(
            """() => ['article h1', '.qh-chapter-head', 'article h1 ~ p', '.qh-finding-box', '.qh-finding figcaption'].map(
                 (name) => document.querySelector(name).getBoundingClientRect().bottom)"""
        )
        assert ends == sorted(ends), f"{name}: title, head, question, finding and picture stand below each other"
        assert ends[-1] <= height, f"{name}: {ends}"
        first = page.evaluate("document.querySelector('.cell_input, details.hide').getBoundingClientRect().top")
        assert first > ends[-1], f"{name}: code before the picture"
        letters = page.evaluate(
            """() => { const svg = document.querySelector('.qh-finding figure svg');
                       return svg.getBoundingClientRect().width / svg.viewBox.baseVal.width * 10.5; }"""
        )
        assert letters >= 9, f"{name}: the picture's letters are {letters:.1f} pixels high; draw it narrower"

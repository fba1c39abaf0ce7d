"""Every page on a desk, light, and without scripts: each is visited once a mode, and asked all questions."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser


#: Bytes of a page, of which MathJax is 1.2 million.
MOST_BYTES = 3e6


@pytest.fixture(scope="module")
def wide(visit: Any, page_name: str) -> Any:
    """A page and what it asked for; all its tests share it."""
    return visit(page_name, "wide, light")


def test_page_opens_alone_and_light(wide: Any, findings: Any, page_name: str) -> None:
    page, watch = wide
    assert findings.linked(page) == []
    assert watch.weight < MOST_BYTES, f"{watch.weight / 1e6:.2f} MB"
    page.clock.fast_forward(3_600_000)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert watch.elsewhere == []
    assert watch.failures == []
    assert watch.complaints == []
    assert page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 0


def test_mathematics_is_typeset(wide: Any, findings: Any) -> None:
    assert findings.mathematics(wide[0]) == []


def test_links_within_the_page_lead_somewhere(wide: Any, findings: Any) -> None:
    assert findings.anchors(wide[0]) == []


def test_no_accessibility_finding(wide: Any, findings: Any, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed; pip install 'qhelpers[test]'")
    every_word = request.config.getoption("--slow")
    assert findings.accessibility(wide[0], every_word=every_word) == []


@pytest.mark.slow
def test_no_accessibility_finding_in_dark(wide: Any, findings: Any) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed; pip install 'qhelpers[test]'")
    findings.theme(wide[0], "dark")
    assert findings.accessibility(wide[0], every_word=True) == []
    findings.theme(wide[0], "light")


def test_words_in_figures_can_be_read(wide: Any, findings: Any) -> None:
    assert findings.faint(wide[0]) == []


def test_page_leads_on(wide: Any) -> None:
    page, _ = wide
    for onward in page.locator("a.right-next, a.left-prev").all():
        onward.click(trial=True)


def test_page_reads_without_scripts(visit: Any, page_name: str) -> None:
    page, watch = visit(page_name, "without scripts")
    assert len(page.locator("main").inner_text()) > 50
    assert page.locator("nav.bd-links a").count() > 10
    inks = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('main')).color]"
    )
    assert inks[0] != inks[1]
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert watch.elsewhere == watch.complaints == []

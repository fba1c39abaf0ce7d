"""Every page on a phone, dark, opened as a file: each is visited once, and asked all questions."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser


@pytest.fixture(scope="module")
def phone(visit: Any, page_name: str) -> Any:
    """A page and what it asked for; all its tests share it."""
    return visit(page_name, "phone, dark")


def test_page_opens_as_a_file(phone: Any, findings: Any) -> None:
    page, watch = phone
    assert page.url.startswith("file:")
    assert watch.complaints + watch.failures + watch.elsewhere + findings.mathematics(page) == []


def test_no_accessibility_finding(phone: Any, findings: Any, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed; pip install 'qhelpers[test]'")
    every_word = request.config.getoption("--slow")
    assert findings.accessibility(phone[0], every_word=every_word) == []


@pytest.mark.slow
def test_no_accessibility_finding_in_light(phone: Any, findings: Any) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed; pip install 'qhelpers[test]'")
    findings.theme(phone[0], "light")
    assert findings.accessibility(phone[0], every_word=True) == []
    findings.theme(phone[0], "dark")


def test_words_in_figures_can_be_read(phone: Any, findings: Any) -> None:
    assert findings.faint(phone[0]) == []


def test_page_fits_phones_and_twice_the_size(phone: Any, findings: Any) -> None:
    # 640: a window of 1280 at 200 %
    assert [one for width in (390, 320, 640) for one in findings.narrow(phone[0], width)] == []


def test_page_can_be_printed_from_dark(phone: Any, findings: Any) -> None:
    assert findings.printed(phone[0]) == []
    assert phone[0].evaluate("document.documentElement.dataset.theme") == "dark"

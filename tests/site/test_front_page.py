"""The front page answers within two screens, on a desk and on a phone, and its circuit can be moved there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser

SCREENS = {"desk": (1280, 800), "phone": (390, 844)}
#: The question, the answer, the circuit, what became of measured values, the path: in this order.
PIECES = ["article h1 ~ p", ".qh-front-answer", ".qh-live-app", ".qh-front-bars", ".qh-front-holds", ".qh-path"]


@pytest.fixture
def front_page(look: Any, site: Path) -> Any:
    """Open the front page: ``front_page("phone")``."""
    if "qh-front-answer" not in (site / "index.html").read_text(encoding="utf-8"):
        pytest.skip("the site was built before its front page answered; build it with: make book")

    def opened(screen: str) -> Any:
        width, height = SCREENS[screen]
        page, _ = look("index.html", width=width, height=height)
        return page

    return opened


@pytest.mark.parametrize("screen", SCREENS)
def test_the_answer_and_the_way_on_are_within_two_screens(front_page: Any, screen: str) -> None:
    ends = front_page(screen).evaluate(
        "names => names.map(name => document.querySelector(name).getBoundingClientRect().bottom + scrollY)", PIECES
    )
    assert ends == sorted(ends) and ends[-1] <= 2 * SCREENS[screen][1], dict(zip(PIECES, ends, strict=True))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_answer_is_on_the_first_screen(front_page: Any, screen: str) -> None:
    page = front_page(screen)
    assert page.locator(".qh-front-answer").evaluate("one => one.getBoundingClientRect().bottom") <= SCREENS[screen][1]
    asked = page.locator(".qh-front-answer strong").all_text_contents()
    assert asked == ["Does it help?", "Where was it better?", "What instead?"]


@pytest.mark.parametrize("screen", SCREENS)
def test_sensors_move_the_answer_except_the_one_out_of_reach(front_page: Any, screen: str) -> None:
    page = front_page(screen)
    outputs = page.evaluate(
        """() => [...document.querySelectorAll('.qh-live[data-brief] input[type=range]')].map(slider => {
             const before = slider.value, output = () => Number(document.querySelector('.qh-live-result').dataset.output);
             const moved = () => slider.dispatchEvent(new Event('input', {bubbles: true}));
             const pull = to => { slider.value = to; moved(); return output(); };
             const found = [pull(slider.min), pull(slider.max), slider.closest('.qh-live-unseen') !== null,
                            slider.getBoundingClientRect().width];
             pull(before);
             return found; })"""
    )
    assert len(outputs) == 4 and [unseen for *_, unseen, _ in outputs].count(True) == 1
    for low, high, unseen, width in outputs:
        assert (low == high) is unseen and width > 120
    assert page.locator(".qh-live-fit, .qh-live-terms").count() == 0


def test_the_path_begins_at_the_first_chapter_and_takes_about_thirty_minutes(front_page: Any) -> None:
    page = front_page("desk")
    path = page.locator(".qh-path").first
    assert path.locator("a").first.get_attribute("href") == "0-start/0.1-circuits-in-an-afternoon.html"
    told = path.evaluate("one => one.nextElementSibling.textContent")
    assert 20 <= int(told.split()[1]) <= 35, told

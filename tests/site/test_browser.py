"""The site in a browser: what a reader sees, with and without a mouse, light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser

NETWORKS = "1-low-energy/1.1-three-quantum-networks.html"
BOARD = "scoreboard.html"


def test_page_opens_alone_and_light(look: Any, page_name: str) -> None:
    _, watch = look(page_name)
    assert watch.elsewhere == []
    assert watch.failures == []
    assert watch.errors == []
    assert watch.weight < 3e6, f"{watch.weight / 1e6:.2f} MB"


def test_phone_scrolls_only_down(look: Any, page_name: str) -> None:
    page, _ = look(page_name, width=390, height=844)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('article p') ?? document.body).fontSize)")
    assert size >= 14


def test_no_serious_accessibility_finding(look: Any, page_name: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed; pip install 'qhelpers[test]'"
    )
    page, _ = look(page_name)
    page.evaluate("document.fonts.ready.then(() => new Promise(done => setTimeout(done, 200)))")  # what is wide by then is known
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    page.add_style_tag(content="* { transition: none !important }")  # else a colour may be caught on its way
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    found += axe.Axe().run(page, options={"runOnly": ["color-contrast"], "resultTypes": ["violations"]}).response["violations"]
    told = [
        f"{one['id']} ({one['impact']}): " + "; ".join(f"{node['target']} {node['html'][:120]}" for node in one["nodes"][:3])
        for one in found
        if one["impact"] in ("serious", "critical") or one["id"] in ("region", "empty-table-header")
    ]
    assert told == []


def test_search_finds_occupancy(look: Any) -> None:
    page, watch = look("search.html?q=occupancy")
    page.wait_for_selector("ul.search li a")
    found = page.eval_on_selector_all("ul.search li a", "links => links.map(link => link.getAttribute('href'))")
    assert any("deviations.html" in link for link in found)
    assert any("1.1-three-quantum-networks" in link for link in found)
    assert watch.errors == []
    page, _ = look("search.html?q=zyzzyvaesque")
    page.wait_for_function("document.querySelector('#search-results')?.textContent.includes('did not match')")


def test_search_box_opens_from_the_keyboard(look: Any) -> None:
    page, _ = look("index.html")
    page.keyboard.press("Control+k")
    box = page.locator(".search-button__search-container input[type=search]")
    box.wait_for(state="visible")
    box.fill("occupancy")
    box.press("Enter")
    page.wait_for_selector("ul.search li a")


def test_dark_mode_toggles_and_stays(look: Any) -> None:
    page, _ = look("index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(3):  # the switch goes round: as the system, light, dark
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        page.locator(".article-header-buttons .theme-switch-button").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(ground) != light
    page.reload(wait_until="networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_dark_follows_the_system(look: Any) -> None:
    page, _ = look("index.html", dark=True)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_drawings_take_the_colour_of_the_text(look: Any, dark: bool) -> None:
    page, _ = look(NETWORKS, dark=dark)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{'dark' if dark else 'light'}'")
    page.wait_for_load_state("networkidle")  # style sheets in place, else the text is still the browser's own black
    text = page.evaluate("getComputedStyle(document.querySelector('article p')).color")
    inks = page.evaluate(
        """[...document.querySelectorAll('figure.qh-figure svg')].map(svg => {
             const drawn = [...svg.querySelectorAll('path')].find(path => path.getAttribute('style')?.includes('currentColor'));
             return drawn ? getComputedStyle(drawn).color : null; })"""
    )
    assert [ink for ink in inks if ink is not None], "the chapter shows no figure"
    assert {ink for ink in inks if ink is not None} == {text}


def test_mathematics_is_typeset(look: Any) -> None:
    page, watch = look("glossary.html")
    page.wait_for_selector("mjx-container svg")
    formulas = page.locator("span.math, div.math").count()
    assert formulas > 5
    assert page.locator("mjx-container svg").count() == formulas
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert not [url for url in watch.requests if "mathjax" in url and "/_static/" not in url]


def test_bra_ket_has_both_bars(look: Any) -> None:
    page, _ = look("glossary.html")
    page.wait_for_selector("mjx-container svg")
    # \braket{\psi|Z|\psi} in the definition of an expectation value: angle, psi, bar, Z, bar, psi, angle
    read = page.evaluate(
        """[...document.querySelectorAll('mjx-container')].map(
             one => one.querySelector('mjx-assistive-mml')?.textContent.replace(/\\s/g, ''))"""
    )
    assert any(text in ("⟨ψ|Z|ψ⟩", "⟨𝜓|Z|𝜓⟩") for text in read), read


def test_notebook_can_be_downloaded(look: Any, tmp_path: Path) -> None:
    page, _ = look(NETWORKS)
    with page.expect_download() as waiting:
        page.locator("a.qh-download").click()
    download = waiting.value
    assert download.suggested_filename == "1.1-three-quantum-networks.ipynb"
    download.save_as(tmp_path / "one.ipynb")
    assert '"parameters"' in (tmp_path / "one.ipynb").read_text(encoding="utf-8")


def test_every_page_leads_on(look: Any) -> None:
    page, _ = look("index.html")
    visited = ["index.html"]
    while (onward := page.locator("a.right-next")).count():
        onward.click()
        page.wait_for_load_state("networkidle")
        visited.append(page.url)
        assert page.locator("a.left-prev").count() == 1, page.url
        assert len(visited) < 50
    ends = [url.rsplit("/", 1)[-1] for url in visited]
    assert {"how-to-read.html", "0.2-the-data.html", "1.1-three-quantum-networks.html", BOARD} <= set(ends)
    assert ends[-1] == "execution.html"


def test_claims_can_be_filtered(look: Any) -> None:
    page, _ = look(BOARD)
    rows = page.locator("table.qh-claims tbody tr")
    total = rows.count()
    shown = page.locator("table.qh-claims tbody tr:visible")
    assert total == shown.count() > 100
    assert page.locator("form.qh-filter").count() == 1
    page.locator(".qh-filter input[name=words]").fill("qnn-p accuracy")
    assert 0 < shown.count() < total
    assert all("qnn-p" in text.lower() for text in shown.all_inner_texts())
    page.locator(".qh-filter input[name=words]").fill("")
    verdict = rows.first.get_attribute("data-verdict")
    page.locator(".qh-filter select[name=verdict]").select_option(verdict)
    assert shown.count() == page.locator(f'table.qh-claims tr[data-verdict="{verdict}"]').count()


def test_claims_are_all_there_without_scripts(chromium: Any, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + BOARD)
    assert page.locator("table.qh-claims tbody tr:visible").count() > 100
    context.close()


def test_a_link_to_a_claim_marks_its_row(look: Any) -> None:
    page, _ = look(BOARD + "#1.T1.qnn-p.accuracy")
    row = page.locator("tr:target")
    assert row.count() == 1
    assert row.is_visible()
    assert row.bounding_box()["y"] < 900


def test_front_page_counts_are_the_ledgers(look: Any) -> None:
    ledger = pytest.importorskip("qhelpers.ledger", reason="the package is not installed here")
    verdicts = list(ledger.verdicts())
    page, _ = look("index.html")
    counted = {}
    for line in page.locator(".qh-legend li").all_inner_texts():
        count, name = line.strip().split(" ", 1)
        counted[name] = int(count)
    assert counted == {name: sum(one.verdict == name for one in verdicts) for name in {one.verdict for one in verdicts}}


def test_works_opened_as_a_file(chromium: Any, site: Path) -> None:
    context = chromium.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / NETWORKS).as_uri(), wait_until="networkidle")
    page.wait_for_selector("mjx-container svg")
    page.goto((site / "search.html").as_uri() + "?q=occupancy")
    page.wait_for_selector("ul.search li a")
    assert errors == []
    context.close()

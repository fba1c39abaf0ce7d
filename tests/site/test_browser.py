"""The site in a browser: what a reader sees, with and without a mouse, light and dark, wide and narrow, and on paper."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser

NETWORKS = "1-low-energy/1.1-three-quantum-networks.html"
BOARD = "scoreboard.html"
GROUND = "getComputedStyle(document.body).backgroundColor"
THEME = "document.documentElement.dataset.theme"


# ---- search ----


def test_search_finds_occupancy(look: Any) -> None:
    page, watch = look("search.html?q=occupancy")
    page.wait_for_selector("ul.search li a")
    page.wait_for_function("document.querySelector('#search-results p')?.textContent.includes('found')")
    found = page.eval_on_selector_all("ul.search li a", "links => links.map(link => link.getAttribute('href'))")
    for wanted in ("deviations.html", "1.1-three-quantum-networks", "0.2-the-data", "glossary.html"):
        assert any(wanted in link for link in found), wanted
    assert watch.complaints == watch.elsewhere == []
    page, _ = look("search.html?q=zyzzyvaesque")
    page.wait_for_function("document.querySelector('#search-results')?.textContent.includes('did not match')")


def test_search_by_the_keyboard_alone(look: Any) -> None:
    page, _ = look("index.html")
    page.keyboard.press("Control+k")
    page.wait_for_function("document.activeElement.matches('.search-button__search-container input[type=search]')")
    page.keyboard.type("occupancy")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=occupancy*")
    page.wait_for_function("document.querySelector('#search-results p')?.textContent.includes('found')")
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('ul.search li a')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "search.html" not in url)
    assert "occupancy" in page.locator("main").inner_text().lower()


def test_search_works_from_files(chromium: Any, site: Path) -> None:
    page = chromium.new_context().new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / "search.html").as_uri() + "?q=occupancy")
    page.wait_for_selector("ul.search li a")
    assert errors == []
    page.context.close()


# ---- light and dark ----


def test_dark_mode_toggles_and_stays(look: Any) -> None:
    page, _ = look("index.html")
    light = page.evaluate(GROUND)
    for _ in range(3):  # the switch goes round: as the system, light, dark
        if page.evaluate(THEME) == "dark":
            break
        page.locator(".article-header-buttons .theme-switch-button").click()
    assert page.evaluate(THEME) == "dark"
    page.wait_for_function(f"ground => {GROUND} !== ground", arg=light)
    page.reload(wait_until="load")
    assert page.evaluate(THEME) == "dark"
    page.locator("a.right-next").click()
    page.wait_for_url("**/how-to-read.html")
    assert page.evaluate(THEME) == "dark"


def test_dark_follows_the_system(look: Any, findings: Any) -> None:
    page, _ = look("index.html", dark=True)
    assert page.evaluate(THEME) == "dark"
    findings.theme(page, "light")
    findings.theme(page, "dark")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_drawings_take_the_colour_of_the_text(visit: Any, dark: bool) -> None:
    page, _ = visit(NETWORKS, dark=dark)
    assert page.evaluate(THEME) == ("dark" if dark else "light")
    text = page.evaluate("getComputedStyle(document.querySelector('article p')).color")
    inks = page.evaluate(
        """[...document.querySelectorAll('figure.qh-figure svg')].map(svg => {
             const drawn = [...svg.querySelectorAll('path')].find(path => path.getAttribute('style')?.includes('currentColor'));
             return drawn ? getComputedStyle(drawn).color : null; })"""
    )
    assert [ink for ink in inks if ink is not None], "the chapter shows no figure"
    assert {ink for ink in inks if ink is not None} == {text}


# ---- the way through the book ----


def test_bra_ket_has_both_bars(visit: Any) -> None:
    page, _ = visit("glossary.html")
    # \braket{\psi|Z|\psi} in the definition of an expectation value: angle, psi, bar, Z, bar, psi, angle
    formulas = page.locator("mjx-container")
    read = formulas.evaluate_all("all => all.map(one => one.querySelector('mjx-assistive-mml').textContent.replace(/\\s/g, ''))")
    place = next((i for i, text in enumerate(read) if text in ("⟨ψ|Z|ψ⟩", "⟨𝜓|Z|𝜓⟩")), None)
    assert place is not None, read
    drawn = formulas.nth(place).evaluate("one => [...one.querySelectorAll('mjx-c')].map(c => c.classList[0].slice(5))")
    assert drawn == ["27E8", "1D713", "7C", "1D44D", "7C", "1D713", "27E9"]


def test_notebook_can_be_downloaded(visit: Any, tmp_path: Path) -> None:
    page, _ = visit(NETWORKS)
    with page.expect_download() as waiting:
        page.locator("a.qh-download").click()
    download = waiting.value
    assert download.suggested_filename == "1.1-three-quantum-networks.ipynb"
    download.save_as(tmp_path / "one.ipynb")
    assert '"parameters"' in (tmp_path / "one.ipynb").read_text(encoding="utf-8")


FOCUS = """() => {
  const one = document.activeElement;
  if (one === document.body) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const mark = style.outlineStyle !== 'none' || style.boxShadow !== 'none' || one.type === 'search';
  return {name: (one.ariaLabel || one.title || one.textContent || one.name || one.tagName).trim().slice(0, 40),
          tag: one.tagName, mark, seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight}; }"""


@pytest.mark.parametrize("name", ["index.html", "how-to-read.html", "9-back/circuits.html"])
def test_the_keyboard_reaches_everything_and_is_seen(visit: Any, name: str) -> None:
    page, _ = visit(name)
    page.keyboard.press("Tab")
    first = page.evaluate(FOCUS)
    assert "skip" in first["name"].lower() and first["seen"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page, _ = visit(name)
    visited = []
    page.keyboard.press("Tab")
    while (focus := page.evaluate(FOCUS)) is not None and len(visited) < 250:
        visited.append(focus)
        page.keyboard.press("Tab")
    assert focus is None, f"the keyboard does not come to an end: {visited[-5:]}"
    assert [one for one in visited if not (one["mark"] and one["seen"])] == []
    last = page.evaluate(
        "[...document.querySelectorAll('main a[href]')].filter(a => a.checkVisibility()).at(-1).textContent.trim()"
    )
    assert last[:20] in " ".join(one["name"] for one in visited)


# ---- tables ----


ROWS = "table.qh-claims tbody tr"


def chosen(page: Any) -> dict[str, str]:
    """What the fields of the filter say."""
    return dict(page.locator(".qh-filter :is(select, input)").evaluate_all("all => all.map(one => [one.name, one.value])"))


def counted(page: Any, what: str) -> Counter[str]:
    """The rows that are shown, by what they carry."""
    return Counter(page.locator(f"{ROWS}:visible").evaluate_all(f"rows => rows.map(row => row.dataset.{what})"))


@pytest.mark.parametrize("mode", ["wide, light", "phone, dark"])
def test_claims_can_be_filtered(visit: Any, mode: str) -> None:
    page, _ = visit(BOARD, mode)
    total = page.locator(ROWS).count()
    assert total == page.locator(f"{ROWS}:visible").count() > 100
    everything = {what: counted(page, what) for what in ("paper", "kind", "verdict")}
    assert all(len(values) > 3 for values in everything.values())
    for what, values in everything.items():
        offered = page.locator(f".qh-filter select[name={what}] option").evaluate_all("all => all.map(one => one.value)")
        assert set(offered) == {"", *values}
        for value in list(values)[:2]:
            page.locator(f".qh-filter select[name={what}]").select_option(value)
            assert counted(page, what) == {value: values[value]}
            assert page.locator(".qh-filter output").inner_text() == f"{values[value]} of {total} claims"
        page.locator(f".qh-filter select[name={what}]").select_option("")
    page.locator(".qh-filter input[name=words]").fill("qnn-p accuracy")
    shown = page.locator(f"{ROWS}:visible").all_inner_texts()
    assert 0 < len(shown) < total
    assert all("qnn-p" in text.lower() for text in shown)
    page.locator(".qh-filter button").click()
    page.wait_for_function(f"document.querySelectorAll('{ROWS}[hidden]').length === 0")
    assert not any(chosen(page).values())


def test_claims_can_be_sorted_and_the_order_of_the_papers_comes_back(visit: Any) -> None:
    page, _ = visit(BOARD)
    ids = f"[...document.querySelectorAll('{ROWS}')].map(row => row.id)"
    printed = page.evaluate(ids)
    for what in ("verdict", "kind"):
        page.locator(".qh-filter select[name=sort]").select_option(what)
        values = page.locator(ROWS).evaluate_all(f"rows => rows.map(row => row.dataset.{what})")
        blocks = [value for place, value in enumerate(values) if place == 0 or values[place - 1] != value]
        assert len(blocks) == len(set(blocks)) > 3, f"the rows of a {what} do not stand together"
        inside = [one for one, value in zip(page.evaluate(ids), values, strict=True) if value == blocks[0]]
        assert inside == sorted(inside, key=printed.index), "what is alike has lost its order"
    page.locator(".qh-filter select[name=sort]").select_option("")
    assert page.evaluate(ids) == printed


@pytest.mark.parametrize("files", [False, True], ids=["served", "as a file"])
def test_what_is_filtered_stands_in_the_address(visit: Any, files: bool) -> None:
    page, watch = visit(BOARD + "#paper=3&verdict=falls%20short&sort=kind&words=rmse&nonsense=1", files=files)
    assert chosen(page) == {"paper": "3", "kind": "", "verdict": "falls short", "check": "", "words": "rmse", "sort": "kind"}
    assert set(counted(page, "paper")) == {"3"} and set(counted(page, "verdict")) == {"falls short"}
    page.locator(".qh-filter select[name=paper]").select_option("1")
    page.locator(".qh-filter input[name=words]").fill("")
    assert page.evaluate("location.hash") == "#paper=1&verdict=falls%20short&sort=kind"
    first = page.locator(f"{ROWS}:visible").all_inner_texts()
    page.reload(wait_until="load")
    page.wait_for_selector(".qh-filter")
    assert page.locator(f"{ROWS}:visible").all_inner_texts() == first != []
    page.evaluate("location.hash = '#verdict=holds'")
    page.wait_for_function("document.querySelector('.qh-filter [name=verdict]').value === 'holds'")
    assert chosen(page)["paper"] == ""
    page.evaluate("location.hash = '#verdict=no+such'")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}[hidden]').length === 0")
    page.locator(".qh-filter button").click()
    page.wait_for_function("location.hash === ''")
    assert watch.complaints == []


def test_the_filter_works_by_the_keyboard(visit: Any) -> None:
    page, _ = visit(BOARD)
    page.locator(".qh-filter select[name=paper]").focus()
    names = []
    for _ in range(7):
        names.append(page.evaluate("document.activeElement.name || document.activeElement.type"))
        page.keyboard.press("Tab")
    assert names == ["paper", "kind", "verdict", "check", "words", "sort", "reset"]
    page.locator(".qh-filter select[name=verdict]").focus()
    page.keyboard.press("ArrowDown")
    assert len(counted(page, "verdict")) == 1


def test_the_board_leads_to_filtered_views_and_to_each_claim(visit: Any) -> None:
    page, _ = visit("scoreboard.html")
    page.locator(".qh-board .qh-legend a").first.click()
    page.wait_for_url("**/scoreboard.html#verdict=*")
    page.wait_for_selector(".qh-filter")
    assert set(counted(page, "verdict")) == {chosen(page)["verdict"]} != {""}
    page.locator(f"{ROWS}:visible td a").first.click()
    page.wait_for_url("**/claims-*.html#*")
    entry = page.locator(".qh-claim:target")
    page.wait_for_function(
        "(([top]) => top >= 0 && top < innerHeight / 2)([document.querySelector('.qh-claim:target').getBoundingClientRect().top])"
    )
    words = entry.locator("dt").all_inner_texts()
    assert words[:4] == ["Printed", "What it is", "Measured", "Verdict"]


def test_claims_are_all_there_without_scripts(visit: Any) -> None:
    page, _ = visit(BOARD, "without scripts")
    assert page.locator("table.qh-claims tbody tr:visible").count() > 100


def test_a_link_to_a_claim_marks_its_row(visit: Any) -> None:
    page, _ = visit(BOARD + "#1.T1.qnn-p.accuracy")
    row = page.locator("tr:target")
    assert row.count() == 1
    assert row.is_visible()
    assert row.bounding_box()["y"] < 900


@pytest.mark.parametrize(("name", "table"), [(BOARD, "table.qh-claims"), (NETWORKS, ".cell_output .qh-table.qh-fits table")])
def test_the_head_of_a_table_stays_in_sight(visit: Any, name: str, table: str) -> None:
    page, _ = visit(name)
    tops = page.locator(table).first.evaluate(
        """table => { table.tBodies[0].rows[table.tBodies[0].rows.length - 2].scrollIntoView({block: 'end'});
             const rows = table.tBodies[0].rows, last = rows[rows.length - 2].getBoundingClientRect();
             scrollBy(0, last.top - 150);
             return [table.tHead.rows[0].cells[0].getBoundingClientRect().top, table.getBoundingClientRect().top,
                     document.querySelector('.bd-header-article').getBoundingClientRect().bottom]; }"""
    )
    assert tops[1] < tops[2] - 50, "the table's beginning is still in sight"
    assert tops[2] - 2 <= tops[0] < 150


def test_counts_of_the_board_are_the_ledgers(visit: Any) -> None:
    ledger = pytest.importorskip("qhelpers.ledger", reason="the package is not installed here")
    from qhelpers.verdicts import VERBS

    verdicts = list(ledger.verdicts())
    page, _ = visit("scoreboard.html")
    verdict_of = {verb: verdict for verdict, verbs in VERBS.items() for verb in verbs}
    rebuilt = []
    counted: Counter[tuple[str, str]] = Counter()
    shown = page.locator(".qh-board .qh-bar-name").all_inner_texts()
    for line in shown:
        sort, total, parts = re.fullmatch(r"(.+): (\d+) \((.+)\)", " ".join(line.split())).groups()
        parts, _, apart = parts.partition("; ")
        rebuilt += [int(count) for count in re.findall(r"^(\d+) of those that hold", apart)]
        named = {verdict_of[name]: int(count) for count, name in re.findall(r"(\d+) ([^\d]+?)(?:, (?=\d)|$)", parts)}
        assert sum(named.values()) == int(total)
        counted.update({(sort, name): count for name, count in named.items()})
    wanted = Counter((one.sort, one.verdict) for one in verdicts)
    assert sorted(counted.values()) == sorted(wanted.values())
    assert {name for _, name in counted} == {name for _, name in wanted}
    good = {"holds", "holds, for another reason"}
    assert sum(rebuilt) == sum(one.reconstructed and one.verdict in good for one in verdicts) > 0
    legend = {line.strip() for line in page.locator(".qh-board .qh-legend li").all_inner_texts()}
    assert legend == {name for _, name in wanted}


# ---- the browser itself ----


def spoken_to(log: Path) -> set[str]:
    """Every address that Chromium connected or sent to or looked for, in its log of its own network stack."""
    text = json.loads(log.read_text(encoding="utf-8"))
    names = {number: name for name, number in text["constants"]["logEventTypes"].items()}
    keys = {"TCP_CONNECT_ATTEMPT": "address", "UDP_BYTES_SENT": "address", "HOST_RESOLVER_DNS_TASK": "host"}
    given = [(keys.get(names[event["type"]], ""), event.get("params") or {}) for event in text["events"]]
    return {str(params[key]) for key, params in given if key in params}


def test_nothing_goes_past_the_server(playwright: Any, program: str, quiet: dict[str, Any], server: Any, tmp_path: Path) -> None:
    """What the tests read off the server is all there is: no name looked for, nothing sent, on any other way."""
    log, before = tmp_path / "net.json", len(server.elsewhere)
    arguments = [*quiet["args"], f"--log-net-log={log}"]
    browser = playwright.chromium.launch(executable_path=program, args=arguments, proxy=quiet["proxy"])
    page = browser.new_context(proxy={"server": server.address, "bypass": "<-loopback>"}).new_page()
    for name in ("index.html", NETWORKS, "search.html?q=occupancy"):
        page.goto(server.address + name, wait_until="networkidle")
    page.evaluate("fetch('https://example.org/').catch(() => {})")
    page.wait_for_timeout(200)
    browser.close()
    assert server.elsewhere[before:] == ["CONNECT example.org:443"]
    del server.elsewhere[before:]
    spoken = spoken_to(log)
    assert server.address.removeprefix("http://").rstrip("/") in spoken
    assert {one for one in spoken if not one.startswith("127.0.0.1:")} == set()

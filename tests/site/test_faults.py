"""The tests of the site can fail: pages with faults put in, sent by the same server to the same browser, are found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_browser

#: A short page with mathematics, and one with figures.
PAGE, DRAWN = "glossary.html", "0-start/0.2-the-data.html"


@pytest.fixture
def spoilt(look: Any, visit: Any, server: Any, site: Path) -> Iterator[Callable[..., Any]]:
    """Open a page of the site with something put into its article, or with some of its text replaced.

    In a mode as the pages of the site are visited, or without one in a fresh browser.
    """

    def open_page(
        put_in: str = "", *, replace: tuple[str, str] = ("", ""), name: str = PAGE, mode: str | None = "wide, light"
    ) -> Any:
        text = (site / name).read_text(encoding="utf-8")
        assert replace[0] in text, replace[0]
        server.faults[name] = text.replace("</article>", put_in + "</article>", 1).replace(*replace, 1)
        return look(name) if mode is None else visit(name, mode, files=False)

    yield open_page
    server.faults.clear()
    server.elsewhere.clear()


def test_what_is_asked_of_other_hosts_is_found(spoilt: Any, server: Any, findings: Any) -> None:
    server.faults["worker.js"] = "self.addEventListener('install', () => fetch('http://worker.example/'));"
    page, watch = spoilt(
        """<img src="http://image.example/a.png" alt="x"><iframe src="http://frame.example/" title="x"></iframe>
           <link rel="preconnect" href="https://warmed.example/"><link rel="icon" href="https://icon.example/i.svg"><script src="https://script.example/a.js"></script>
           <style>@font-face {font-family: odd; src: url(http://font.example/a.woff2)} h1 {font-family: odd}
                  h2 {background: url(http://style.example/a.png)}</style>
           <script>setTimeout(() => fetch('http://late.example/'), 2000);
                   setTimeout(() => fetch('http://hourly.example/'), 3000000);
                   new WebSocket('ws://socket.example/');
                   addEventListener('pagehide', () => navigator.sendBeacon('http://beacon.example/'));
                   navigator.serviceWorker.register('worker.js');</script>""",
        mode=None,
    )
    assert findings.linked(page) == ["preconnect: https://warmed.example/", "icon: https://icon.example/i.svg"]
    page.clock.fast_forward(3_600_000)
    page.evaluate("async () => { await navigator.serviceWorker.ready }")
    assert page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 1
    hosts = ["image", "frame", "script", "font", "style", "late", "hourly", "socket", "worker"]

    def unseen() -> list[str]:
        through = " ".join(server.elsewhere)  # what really left the browser, its worker included
        told = [" ".join(watch.elsewhere), through]
        return [host for host in hosts if not all(f"{host}.example" in text for text in told)]

    for _ in range(1000):  # some ask in their own time; a page's own requests are there at once
        if not unseen():
            break
        page.wait_for_timeout(50)
    assert unseen() == []
    assert "beacon" not in " ".join(server.elsewhere)
    page.goto("about:blank")
    for _ in range(1000):
        if "beacon.example" in " ".join(server.elsewhere):
            break
        page.wait_for_timeout(50)
    assert "beacon.example" in " ".join(server.elsewhere)


def test_complaints_and_failures_are_found(spoilt: Any) -> None:
    _, watch = spoilt(
        """<script>console.error('one'); console.warn('two'); setTimeout(() => { throw new Error('three') });</script>
           <script src="gone.js"></script><script>Promise.reject(new Error('four'));</script>"""
    )
    told = " ".join(watch.complaints)
    assert [word for word in ("one", "two", "three", "four") if word not in told] == []
    assert "gone.js: 404" in " ".join(watch.failures)


def formula(text: str) -> str:
    """A formula as Sphinx writes it."""
    return f'<p><span class="math notranslate nohighlight">\\({text}\\)</span></p>'


def test_broken_mathematics_is_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(
        formula(r"\frc{1}{2}")
        + formula(r"\left( x")
        + formula(r"\phantom{}")
        + formula(r"\ket{x}")
        + r"<p>a price of $x^2$ here</p><p>and \alpha there</p><p>and \(y\ too</p>"
    )
    page.evaluate("document.querySelectorAll('mjx-c.mjx-c7C').forEach(bar => bar.remove())")
    told = "\n".join(findings.mathematics(page))
    for wanted in (
        "unknown command: \\frc",
        "an error: ",
        "draws nothing",
        "raw TeX: a price",
        "raw TeX: and \\alpha",
        "raw TeX: and \\(y",
        "angles and bars 0,0,1 instead of 0,1,1: \\ket{x}",
        "instead of 1,2,1: \\braket",
    ):
        assert wanted in told, (wanted, told)


def test_a_redefined_bra_ket_is_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(replace=('"packages": {', '"macros": {"braket": "#1", "ket": ["#1", 1]}, "packages": {'))
    assert "angles and bars" in " ".join(findings.mathematics(page))


def test_mathematics_without_its_script_is_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(replace=("mathjax/startup.js", "mathjax/gone.js"))
    assert any(one.startswith("not typeset") for one in findings.mathematics(page))


def test_dead_anchors_are_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(
        """<a href="#gone">a</a><a href="#unseen">b</a><p id="unseen" style="display: none">c</p><i id="double"></i>
           <i id="double"></i><a href="#away">d</a><p id="away" style="position: absolute; top: -900px">e</p>"""
    )
    told = findings.anchors(page)
    assert [one for one in told if not one.startswith("leads out of sight")] == [
        "twice: #double", "leads nowhere: #gone", "leads to what is hidden: #unseen"]  # fmt: skip
    assert sum(one.endswith("#away") for one in told) == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_is_not_accessible_is_found_whatever_its_impact(spoilt: Any, findings: Any, dark: bool) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed; pip install 'qhelpers[test]'")
    page, _ = spoilt(
        """<style>html[data-theme="dark"] dd { color: #333 } html[data-theme="light"] dt { color: #ddd }</style>
           <img src="_static/logo.svg"><h6>x</h6><button></button><div style="overflow: auto; height: 2em">x<br>x<br>x<br>x</div>
           <p tabindex="3">x</p><table><tr><th></th><td>1</td></tr></table>""",
        mode="phone, dark" if dark else "wide, light",
    )
    found = {one.split(":")[0]: one for one in findings.accessibility(page)}
    for wanted in ("image-alt (critical)", "button-name (critical)", "heading-order (moderate)", "tabindex (serious)",
                   "empty-table-header (minor)", "scrollable-region-focusable (serious)"):  # fmt: skip
        assert wanted in found
    assert ("dd" if dark else "dt") in found["color-contrast (serious)"]


#: One pale word among hundreds alike; words alike of which one stands on a dark ground that only its place puts beneath it.
WORDS = "<p>" + "word <b>bold</b> " * 100
PALE = {
    "one of many": WORDS + '<b style="color: #ccc">pale</b>' + WORDS,
    "in a pale place": WORDS + '<span style="opacity: 0.3">word <b>pale</b></span>' + WORDS,
    "on a dark ground": WORDS + '<span style="background: #222">word <b>pale</b></span>' + WORDS,
    "over what is moved there": WORDS + '<div style="position: relative; height: 3em"><i style="position: absolute; inset: 0; '
    'background: #222"></i><b style="position: absolute; left: 0; top: 0; z-index: 1">pale</b></div>' + WORDS,
    "over what a margin pulls there": WORDS + '<div style="height: 3em; background: #222"></div>'
    '<p style="margin-top: -2.5em"><b>pale</b></p>' + WORDS,
}


@pytest.mark.parametrize("what", PALE)
def test_one_pale_word_among_many_is_found(spoilt: Any, findings: Any, what: str) -> None:
    page, _ = spoilt(PALE[what])
    assert "color-contrast (serious)" in " ".join(findings.accessibility(page))


def test_what_does_not_fit_is_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(
        '<p style="width: 500px">wide</p><p style="overflow: hidden; white-space: nowrap">' + "cut " * 99 + "</p>",
        mode="phone, dark",
    )
    told = " ".join(findings.narrow(page, 390))
    assert "px too wide" in told
    assert "cut off:  cut" in told
    page.add_style_tag(content="article p { font-size: 12px }")
    assert "small letters: 12px" in " ".join(findings.narrow(page, 390))


def test_faint_words_in_figures_are_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(name=DRAWN, mode="phone, dark")
    assert findings.faint(page) == []
    page.add_style_tag(content='html[data-theme="dark"] figure svg g.words * { fill: #444 }')
    assert len(findings.faint(page)) > 10
    findings.theme(page, "light")
    assert findings.faint(page) == []


def test_what_paper_does_not_need_is_found(spoilt: Any, findings: Any) -> None:
    page, _ = spoilt(
        """<style>@media print { .bd-sidebar-primary { display: block !important } body { background: #222 !important }
           article p { color: #ddd !important } article h2 { min-width: 60rem }
           article details:not(#none):not([open]) { display: block !important }</style>
           <details><summary>Show the code</summary>x</details>"""
    )
    told = " ".join(findings.printed(page))
    for wanted in ("px too wide", "dark paper", "pale ink", "of no use on paper: .bd-sidebar-primary", "cannot be pressed"):
        assert wanted in told

"""JupyterLab as `make lab` opens it, in a browser: what a reader sees of the chapters, and what is left of their own settings."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.relative_to(REPOSITORY / "notebooks").as_posix() for path in (REPOSITORY / "notebooks").glob("*/*.ipynb"))
#: The chapter of few imports, with a figure and a table.
CHEAP = "9-back/many-machines.ipynb"

pytestmark = [pytest.mark.needs_browser, pytest.mark.timeout(600)]

#: What somebody has set for JupyterLab and matplotlib on their own; the last two let a test open notebooks, and see them whole.
SETTINGS = {
    ".config/matplotlib/matplotlibrc": "text.usetex: True\nfont.family: A font that is not here\n",
    ".config/jupyter/jupyter_lab_config.py": "c.LabApp.expose_app_in_browser = True\n",
    ".config/jupyter/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
}

#: Open a notebook, its kernel left alone, and say what is seen of it once all of its text is set.
LOOK = """
async path => {
  const open = {path, factory: "Notebook", kernelPreference: {shouldStart: false, canStart: false, autoStartDefault: false}};
  const {context, content} = await jupyterapp.commands.execute("docmanager:open", open);
  await context.ready;
  const markdown = content.widgets.filter(one => one.model.type === "markdown");
  const text = one => one.node.querySelector(".jp-InputArea > .myst, .jp-InputArea > .jp-RenderedMarkdown");
  const set = one => text(one)?.textContent.trim();
  for (let tries = 0; !markdown.every(set) && tries < 200; tries++) await new Promise(go => setTimeout(go, 100));
  const found = {unset: markdown.filter(one => !set(one)).length, raw: [], shown: []};
  const count = selector => markdown.flatMap(one => [...text(one)?.querySelectorAll(selector) ?? []]);
  found.admonitions = count("aside, details").length;
  found.unfolded = count("details[open]").length;
  found.solutions = count("details").length;
  found.formulas = count(".katex").length;
  for (const one of markdown.filter(set).map(one => text(one).cloneNode(true))) {
    for (const code of one.querySelectorAll("pre, code, .katex")) code.remove();
    found.raw.push(...one.textContent.match(/:::+|\\{[a-z:-]+\\}|\\$\\$?|\\\\[a-z]+|\\[[^\\]]*\\]\\([^)]*\\)/g) ?? []);
  }
  for (const one of content.widgets.filter(one => one.model.type === "code"))
    found.shown.push(one.node.querySelector(".jp-InputArea-editor")?.checkVisibility() ?? false);
  return found;
}
"""

#: What came of a notebook that was run.
OUTPUTS = """
() => {
  const cells = jupyterapp.shell.currentWidget.content.widgets.filter(one => one.model.type === "code");
  const outputs = cells.flatMap(one => one.model.outputs.toJSON());
  const large = one => one.getBoundingClientRect().width > 200 && one.getBoundingClientRect().height > 100;
  return {
    waiting: cells.filter(one => one.model.executionCount === null).length,
    errors: outputs.filter(one => one.output_type === "error").map(one => `${one.ename}: ${one.evalue}`),
    figures: [...document.querySelectorAll(".jp-OutputArea figure svg")].filter(large).length,
  };
}
"""


def wait_for(what: Any, process: subprocess.Popen[bytes], seconds: float = 240) -> Any:
    """Wait until something is there; fail if the process ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        assert process.poll() is None, f"ended with {process.returncode}"
        time.sleep(0.1)
    pytest.fail(f"nothing after {seconds} s")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of JupyterLab as `make lab` starts it, on a copy of the notebooks, for somebody with settings of their own."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(REPOSITORY / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(REPOSITORY / "book" / "lab", folder / "book" / "lab")
    home = folder / "home"
    for name, text in SETTINGS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG", "MPL"))}
    env |= {"HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTER_PORT": str(port), "BROWSER": "true"}
    command = ["make", "--no-print-directory", "-f", str(REPOSITORY / "Makefile"), "-o", "set-up"]
    command += ["lab", f"BIN={Path(sys.executable).parent}"]
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        (told,) = wait_for(lambda: list((home / "runtime").glob("jpserver-*.json")), process)
        wait_for(lambda: told.read_text().endswith("}"), process)
        server = json.loads(told.read_text())
        yield f"{server['url']}?token={server['token']}"
    finally:
        started = [*psutil.Process(process.pid).children(recursive=True), process] if process.poll() is None else []
        for one in started:
            one.send_signal(signal.SIGTERM)
        process.wait(120)


@pytest.fixture(scope="module")
def seen(lab: str, playwright: Any, program: str, quiet: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What one visit shows: the first page, every notebook, and one notebook after *Run all*."""
    browser = playwright.chromium.launch(executable_path=program, **quiet)
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(120_000)
    try:
        page.goto(lab)
        page.locator(".jp-MarkdownViewer h1").wait_for()
        page.wait_for_function("() => document.querySelector('.jp-MarkdownViewer table')")
        found: dict[str, Any] = {"start": page.locator(".jp-MarkdownViewer").inner_text()}
        found["chapters"] = {name: page.evaluate(LOOK, name) for name in NOTEBOOKS}
        page.evaluate("() => jupyterapp.commands.execute('application:close-all')")
        # As a reader does: the link of the first page leads to a notebook, the menu runs it.
        page.evaluate("path => jupyterapp.commands.execute('docmanager:open', {path})", CHEAP)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(f"() => {{ const one = ({OUTPUTS})(); return one.errors.length || !one.waiting; }}")
        page.wait_for_timeout(1000)  # the last figure is drawn after its cell has its number
        found["ran"] = page.evaluate(OUTPUTS)
        found["notices"] = page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts()
        found["elsewhere"] = [url for url in asked if not url.startswith((lab.partition("?")[0], "data:", "blob:"))]
        for name in ("news", "update"):
            found[name] = page.evaluate(f"async () => (await fetch('/lab/api/{name}')).json()")
        yield found
    finally:
        browser.close()


def test_the_first_page_says_where_to_begin(seen: dict[str, Any]) -> None:
    assert seen["start"].startswith("Start here")
    assert "Circuits in an afternoon" in seen["start"]
    assert not re.search(r":::|\]\(|\*\*", seen["start"])


def test_nobody_is_asked_for_news(seen: dict[str, Any]) -> None:
    assert seen["notices"] == []
    assert seen["elsewhere"] == []
    assert (seen["news"], seen["update"]) == ({"news": []}, {"notification": None})


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_reads_as_on_the_site(seen: dict[str, Any], name: str) -> None:
    found = seen["chapters"][name]
    cells = json.loads((REPOSITORY / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert found["unset"] == 0
    assert found["raw"] == []
    assert found["solutions"] == len(re.findall(r"^:::+\{dropdown\}", text, re.MULTILINE))
    assert found["unfolded"] == 0
    assert found["admonitions"] == len(re.findall(r"^:::+\{(?:admonition|dropdown|note|tip|warning)\}", text, re.MULTILINE))
    assert bool(found["formulas"]) == ("$" in re.sub(r"```[\s\S]*?```|`[^`]*`", "", text))
    code = [cell["metadata"] for cell in cells if cell["cell_type"] == "code"]
    assert found["shown"] == [not one.get("jupyter", {}).get("source_hidden", False) for one in code]


def test_after_run_all_figures_are_there_whatever_the_readers_settings(seen: dict[str, Any]) -> None:
    assert seen["ran"]["errors"] == []
    assert seen["ran"]["figures"] > 0

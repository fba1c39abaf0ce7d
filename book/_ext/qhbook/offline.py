"""Make the site self-contained: no address of another host, only what a page uses, clean landmarks, a quiet API."""

from __future__ import annotations

import base64
import re
import shutil
from html import escape
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

#: Package that carries MathJax 3.2.2, and the files of it that the configured loader asks for.
MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_FILES = (
    "startup.js",
    "core.js",
    "input/tex.js",
    "input/tex/extensions/braket.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
#: Where that package keeps the fonts, and how MathJax's script names one of them.
MATHJAX_FONTS = "output/chtml/fonts/woff-v2"
MATHJAX_FONT = re.compile(r"%%URL%%/([\w-]+\.woff)")
#: Listeners of sphinx_thebe that write the address of a script on another host into every page.
THEBE_LISTENERS = {"init_thebe_core", "update_thebe_context"}
#: Icons that the theme's scripts and style sheets may show, besides those found in the pages.
THEME_ICONS = {"bell", "circle-exclamation", "triangle-exclamation", "circle-xmark", "lightbulb", "circle-info", "share"}
#: Parts of the theme's page that stand outside any landmark, and what each becomes.
LANDMARKS = {
    '<div id="pst-skip-link"': 'role="navigation" aria-label="Skip"',
    '<div class="search-button__search-container"': 'role="search"',
    '<div class="bd-sidebar-primary bd-sidebar"': 'role="complementary" aria-label="Book"',
}
FONT_AWESOME = "vendor/fontawesome"


def drop_thebe(app: Sphinx) -> None:
    """Disconnect the two listeners of sphinx_thebe that name another host."""
    for listeners in app.events.listeners.values():
        listeners[:] = [
            listener
            for listener in listeners
            if not (listener.handler.__module__.startswith("sphinx_thebe") and listener.handler.__name__ in THEBE_LISTENERS)
        ]


def copy_mathjax(app: Sphinx) -> None:
    """Copy the few files of MathJax that the pages load from the installed package into the site, the fonts within them.

    Fonts drawn by the browser weigh a third of the same glyphs as outlines; written into the script they also show in
    browsers that refuse fonts to pages opened as files.
    """
    if app.builder.format != "html":
        return
    carried = {
        str(file).partition("/mathjax/")[2]: Path(str(file.locate())) for file in distribution(MATHJAX_PACKAGE).files or ()
    }

    def taken(name: str) -> bytes:
        if name not in carried:
            raise ExtensionError(
                f"{MATHJAX_PACKAGE} does not carry {name}; allowed is version 0.0.2, which does: "
                "install the versions in requirements.lock"
            )
        return carried[name].read_bytes()

    def font(found: re.Match[str]) -> str:
        return "data:font/woff;base64," + base64.b64encode(taken(f"{MATHJAX_FONTS}/{found[1]}")).decode()

    for name in MATHJAX_FILES:
        target = Path(app.outdir) / "_static" / "mathjax" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(MATHJAX_FONT.sub(font, taken(name).decode()), encoding="utf-8")


def icon_style(script: str, style: str, names: set[str]) -> str:
    """Return style rules that draw Font Awesome's solid icons from their outlines.

    The theme loads 1.9 MB of script and fonts a page to show about a dozen icons; their outlines weigh a few kB, and
    show in browsers that refuse fonts to pages opened as files.

    Parameters
    ----------
    script, style : str
        Font Awesome's ``all.min.js`` (outlines) and ``all.min.css`` (code point of each name and alias).
    names : set of str
        Icons in use, without the prefix ``fa-``; names that are no icons (``lg``, ``solid``) are passed over.
    """
    rules = []
    for name in sorted(names):
        code = re.search(rf"\.fa-{re.escape(name)}:before[^{{]*{{content:\"\\([0-9a-f]+)\"", style)
        if code is None:
            continue
        outlines = re.findall(rf'\[(\d+),(\d+),\[[^\]]*\],"{code[1]}","([^"]+)"\]', script)
        if not outlines:
            continue
        width, height, path = outlines[-1]  # brands, regular, solid: the last is the solid one
        picture = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'><path d='{path}'/></svg>"
        outline = f'url("data:image/svg+xml,{quote(picture, safe=" /=:")}")'
        rules.append(f".fa-{name}{{--qh-icon:{outline}}}")
        if name in THEME_ICONS:
            rules.append(f":root{{--qh-icon-{name}:{outline}}}")
    return "\n".join(rules) + "\n"


def number_cell(cell: re.Match[str]) -> str:
    """Mark a table's cell that begins with a number; spread and interval (``0.93 ± 0.02``, ``[1, 2]``) break over no line."""
    text = re.sub(r" ± |(?<=,) (?=[^\[]*\])", lambda gap: gap[0].replace(" ", "\N{NO-BREAK SPACE}"), cell[1])
    return f'<td class="qh-value">{text}</td>'


def mend_page(page: str) -> str:
    """Return a page without Font Awesome's files and with what helps assistive programs.

    Every part stands in a landmark, an empty table header is a plain cell, what unfolds is named by what is written on
    it, and the list of references is not announced as a list whose entries are none. Cells that begin with a number are
    marked for the style sheet, and a number keeps its spread on the same line.
    """
    page = re.sub(r"\s*<(?:link|script)[^>]*vendor/fontawesome[^>]*>(?:</script>)?", "", page)
    page = re.sub(r"<th[^>]*>\s*</th>", "<td></td>", page)
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    page = re.sub(r"<td>(?=[-+−]?\d)([^<]{1,40})</td>", number_cell, page)
    page = re.sub(r"(?<=<code>)([\w.-]+)(?=</code></a></td>)", lambda name: name[1].replace(".", ".<wbr>"), page)
    if "bd-toc-nav" not in page.partition("</head>")[2].replace('data-bs-target=".bd-toc-nav"', ""):
        page = page.replace('data-bs-spy="scroll" ', "")  # else it follows every link of the page instead
    page = page.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    page = page.replace(' role="doc-biblioentry"', "")  # allowed within such a list only, and deprecated
    if page.count('id="search-input"') > 1:  # the search page has the box twice
        page = page.replace('id="search-input"', "", 1)
    for opening, landmark in LANDMARKS.items():
        page = page.replace(opening, f"{opening} {landmark}")
    return page


def mend_site(app: Sphinx, exception: Exception | None) -> None:
    """Mend every page once all are written; replace Font Awesome by the icons in use."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    used = set(THEME_ICONS)
    for file in site.rglob("*.html"):
        page = file.read_text(encoding="utf-8")
        used.update(re.findall(r"\bfa-([a-z0-9-]+)", page))
        file.write_text(mend_page(page), encoding="utf-8")
    carrier = next((site / "_static" / FONT_AWESOME).glob("*/js/all.min.js"), None)
    if carrier is not None:
        styles = carrier.parents[1] / "css" / "all.min.css"
        rules = icon_style(carrier.read_text(encoding="utf-8"), styles.read_text(encoding="utf-8"), used)
        (site / "_static" / "qh-icons.css").write_text(rules, encoding="utf-8")
        shutil.rmtree(site / "_static" / FONT_AWESOME)
    for leftover in site.glob("_static/**/*.map"):
        leftover.unlink()


def plain_types(app: Sphinx, env: Any, node: nodes.Element, child: nodes.Element) -> nodes.Node | None:
    """Show the words of a docstring's type field as text where they name no class of ours.

    "array of shape (n,)" is no broken reference; a role written in a text (``{func}`name```) still is when it
    leads nowhere, and fails the build.
    """
    if node.get("refdomain") == "py" and node.get("refspecific") and not node.get("refexplicit"):
        return child
    return None


def skip_routing(app: Sphinx, kind: str, name: str, member: object, skip: bool, options: object) -> bool | None:
    """Leave out the methods that scikit-learn adds to every estimator for the routing of metadata."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def join_names(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Keep attributes that share a description together: Sphinx reads ``a, b`` as a type and a name."""
    for number, line in enumerate(lines):
        if shared := re.match(r":(?:ivar|vartype) \w+(?:, \w+)+:", line):
            lines[number] = shared[0].replace(", ", ",") + line[shared.end() :]


def defer(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Let a page be drawn before its scripts run; only the options that a script within the page fills in come first."""
    for script in context["script_files"]:  # the same objects on all pages
        name = str(getattr(script, "filename", None) or "")
        if name and not any(early in name for early in ("documentation_options", "doctools", "sphinx_highlight")):
            script.attributes.setdefault("defer", "defer")


def widen(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Mark a page without a list of its sections where it begins, so that nothing moves when its end is read."""
    if "html_theme.sidebar_secondary.remove" in (context.get("meta") or {}):
        context["body"] = f'<div class="qh-wide"></div>{context["body"]}'


def describe(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Tell searchers what a page is about: its first sentence, which in a chapter is its question."""
    first = next(doctree.findall(nodes.paragraph), None) if doctree is not None else None
    if first is not None:
        said = " ".join(first.astext().split())[:160]
        context["metatags"] = f'{context.get("metatags", "")}\n<meta name="description" content="{escape(said)}">'


def setup(app: Sphinx) -> None:
    """Connect the steps."""
    app.connect("builder-inited", drop_thebe)
    app.connect("builder-inited", copy_mathjax)
    app.connect("html-page-context", defer, priority=900)
    app.connect("html-page-context", widen)
    app.connect("html-page-context", describe)
    app.connect("build-finished", mend_site, priority=900)
    app.connect("missing-reference", plain_types, priority=900)
    app.connect("autodoc-skip-member", skip_routing)
    app.connect("autodoc-process-docstring", join_names, priority=900)
    app.add_css_file("qh-icons.css", priority=899)

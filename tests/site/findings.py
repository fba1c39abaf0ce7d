"""What may be wrong with a page: each function looks at one promise and returns what it found, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Resolves when a page is what its reader sees: loaded, fonts and mathematics in place, observers run. Never a fixed time.
SETTLED = """async () => {
  if (document.readyState !== 'complete') await new Promise(done => addEventListener('load', done, {once: true}));
  await document.fonts.ready;
  await window.MathJax?.startup?.promise;
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""
#: Nothing is caught on its way from one colour or place to another.
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; scroll-behavior: auto !important }"

MATHEMATICS = r"""() => {
  const told = [];
  const short = text => text.trim().replace(/\s+/g, ' ').slice(0, 80);
  for (const place of document.querySelectorAll('span.math, div.math'))
    if (!place.querySelector('mjx-container mjx-math')) told.push('not typeset: ' + short(place.textContent));
  for (const wrong of document.querySelectorAll('mjx-container :is(merror, mjx-merror, [data-mjx-error])'))
    told.push('an error: ' + short(wrong.getAttribute('data-mjx-error') ?? wrong.textContent));
  for (const one of document.querySelectorAll('mjx-container')) {
    const read = one.querySelector('mjx-assistive-mml')?.textContent ?? '';
    if (!read.trim()) told.push('says nothing: ' + short(one.parentElement.textContent));
    if (read.includes('\\')) told.push('an unknown command: ' + short(read));
    const size = one.querySelector('mjx-math')?.getBoundingClientRect();
    if (one.checkVisibility() && !(size?.width > 2 && size.height > 2)) told.push('draws nothing: ' + short(read));
  }
  const text = document.createTreeWalker(document.querySelector('article') ?? document.body, NodeFilter.SHOW_TEXT);
  const raw = /\\[a-zA-Z]{2,}|\\[([]|\$\$|\$[^$\s][^$]*\$/;
  while (text.nextNode()) {
    const node = text.currentNode;
    if (raw.test(node.data) && !node.parentElement.closest('pre, code, script, style, mjx-container, .math'))
      told.push('raw TeX: ' + short(node.data));
  }
  // what was drawn for bras and kets, glyph by glyph: every angle and every bar of the source, and none besides
  const count = (text, what) => text.match(what)?.length ?? 0;
  for (const {math, typesetRoot} of window.MathJax?.startup?.document?.math ?? []) {
    if (!/\\(bra|ket|Bra|Ket)/.test(math)) continue;
    const both = count(math, /\\[bB]raket\b/g), bra = count(math, /\\[bB]ra\b/g), ket = count(math, /\\[kK]et\b/g);
    const wanted = [both + bra + count(math, /\\langle/g), bra + ket + count(math, /\|/g), both + ket + count(math, /\\rangle/g)];
    const glyphs = [...typesetRoot.querySelectorAll('mjx-c')].filter(glyph => {
      const box = glyph.getBoundingClientRect();
      return !typesetRoot.checkVisibility() || (box.width > 0 && box.height > 0); });
    const drawn = [['mjx-c27E8'], ['mjx-c7C', 'mjx-c2223'], ['mjx-c27E9']].map(
      codes => glyphs.filter(glyph => codes.some(code => glyph.classList.contains(code))).length);
    if (String(drawn) !== String(wanted)) told.push(`angles and bars ${drawn} instead of ${wanted}: ${short(math)}`);
  }
  return told;
}"""

LINKED = """() => [...document.querySelectorAll('link[href]')]
  .filter(link => new URL(link.href).host !== location.host && !['canonical', 'license'].includes(link.rel))
  .map(link => `${link.rel}: ${link.href}`)"""

ANCHORS = """() => {
  const told = [], seen = new Set();
  for (const {id} of document.querySelectorAll('[id]:not(svg image)')) {  // two equal pictures in a drawing share theirs
    if (seen.has(id)) told.push('twice: #' + id);
    seen.add(id);
  }
  const bar = document.querySelector('.bd-header-article')?.getBoundingClientRect().height ?? 0;
  const own = location.href.split('#')[0], visited = new Set();
  for (const {href} of document.querySelectorAll('a[href*="#"]')) {
    const [page, hash] = href.split('#');
    if (page !== own || !hash || visited.has(hash)) continue;
    if (hash.includes('=') && document.querySelector('.qh-filter')) continue;  // asks for a view, leads to no place
    visited.add(hash);
    const target = document.getElementById(decodeURIComponent(hash));
    if (!target) { told.push('leads nowhere: #' + hash); continue; }
    const folded = target.closest('details:not([open])');
    if (folded) continue;  // a browser unfolds it on the way
    target.scrollIntoView();
    const {top, bottom} = target.getBoundingClientRect();
    if (!target.checkVisibility()) told.push('leads to what is hidden: #' + hash);
    else if (bottom < bar || top > innerHeight) told.push(`leads out of sight (${Math.round(top)}): #` + hash);
  }
  scrollTo(0, 0);
  return told;
}"""

NARROW = """() => {
  const told = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) told.push(`the page is ${root.scrollWidth - root.clientWidth} px too wide`);
  const text = document.querySelector('article p') ?? document.body;
  if (parseFloat(getComputedStyle(text).fontSize) < 14) told.push('small letters: ' + getComputedStyle(text).fontSize);
  for (const box of document.querySelectorAll('article :is(p, li, td, th, dt, dd, figcaption, caption, h1, h2, h3, div)')) {
    const {overflowX} = getComputedStyle(box);
    if ((overflowX === 'hidden' || overflowX === 'clip') && box.clientWidth > 1 && box.scrollWidth > box.clientWidth + 1)
      told.push(`cut off: ${box.className} ${box.textContent.trim().slice(0, 60)}`);
  }
  return told;
}"""

FAINT = """() => {
  const parse = colour => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = ([r, g, b, a], ground) => [r, g, b].map((value, i) => a * value + (1 - a) * ground[i]);
  const light = colour => colour.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const painted = (shape, ground) => {
    const {fill, fillOpacity, opacity} = getComputedStyle(shape);
    if (!fill.startsWith('rgb')) return ground;
    const colour = parse(fill);
    return over([...colour.slice(0, 3), colour[3] * fillOpacity * opacity], ground);
  };
  const told = [], page = parse(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  for (const figure of document.querySelectorAll('article figure svg[role=img]'))
    for (const words of figure.querySelectorAll('g.words')) {
      const glyph = words.querySelector('use, path:not(defs path)');
      if (!glyph || !words.checkVisibility()) continue;
      words.scrollIntoView({block: 'center', inline: 'center'});
      const box = words.getBoundingClientRect();
      const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)
        .filter(one => figure.contains(one) && one !== figure && !one.closest('g.words'));
      if (stack.some(one => one.tagName === 'image')) continue;
      const ground = stack.reverse().reduce((colour, shape) => painted(shape, colour), page);
      const ink = painted(glyph, ground), name = figure.ariaLabel.slice(0, 40);
      const [dark, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
      const contrast = (bright + 0.05) / (dark + 0.05);
      if (contrast < 4.5)
        told.push(`${name} ${contrast.toFixed(1)}: rgb(${ink.map(Math.round)}) on rgb(${ground.map(Math.round)})`);
    }
  scrollTo(0, 0);
  return told;
}"""

PRINTED = """() => {
  const told = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) told.push(`${root.scrollWidth - root.clientWidth} px too wide`);
  const level = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, v) => sum + Number(v) / 3, 0);
  const ground = getComputedStyle(document.body).backgroundColor;
  if (!/, 0\\)$/.test(ground) && level(ground) < 240) told.push('dark paper: ' + ground);
  for (const words of document.querySelectorAll('article :is(h1, h2, p, td, figcaption)'))
    if (level(getComputedStyle(words).color) > 130) { told.push('pale ink: ' + words.textContent.trim().slice(0, 40)); break; }
  for (const part of ['.bd-sidebar-primary', '.bd-sidebar-secondary', '.bd-header-article', '.prev-next-footer', '.qh-filter'])
    if (document.querySelector(part)?.checkVisibility()) told.push('of no use on paper: ' + part);
  for (const bar of document.querySelectorAll('article details:not([open]) > summary'))
    if (bar.getClientRects().length) { told.push('a bar that cannot be pressed: ' + bar.textContent.trim().slice(0, 40)); break; }
  if (![...document.querySelectorAll('h1')].some(one => one.checkVisibility())) told.push('no title');
  return told;
}"""

#: Marks the words at which axe judges contrast. Words are of one kind when they, and all that is painted beneath them by the
#: elements they stand in, have the same colours, opacity and letters; the first, the middle and the last of a kind are judged,
#: and all that something else may be painted over or under: what is positioned, or pulled there by a margin.
KINDS_OF_WORDS = r"""() => {
  const kinds = new Map(), beneath = new Map([[null, '']]), loose = [], judged = [];
  const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ELEMENT,
    one => one.matches('svg, script, style') ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  for (let one = walk.currentNode; one; one = walk.nextNode()) {
    const style = getComputedStyle(one), {backgroundColor, backgroundImage, opacity, filter, mixBlendMode, textShadow} = style;
    const paint = [backgroundColor, backgroundImage, opacity, filter, mixBlendMode, textShadow].join();
    const plain = paint === 'rgba(0, 0, 0, 0),none,1,none,normal,none';
    beneath.set(one, beneath.get(one.parentElement) + (plain ? '' : '/' + paint));
    if (!one.checkVisibility()) continue;
    const box = one.getBoundingClientRect();
    const pulled = [style.marginTop, style.marginRight, style.marginBottom, style.marginLeft].some(m => m.startsWith('-'));
    const moved = style.position !== 'static' || style.transform !== 'none' || style.float !== 'none';
    if ((moved || pulled) && box.width > 1 && box.height > 1) loose.push([one, box, pulled]);
    const words = [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (one.matches('input, select, textarea, button')) judged.push(one);
    if (!words) continue;
    const {color, fontSize, fontWeight} = style;
    const kind = [color, fontSize, fontWeight, beneath.get(one)].join();
    if (!kinds.has(kind)) kinds.set(kind, []);
    kinds.get(kind).push([one, box]);
  }
  for (const alike of kinds.values()) {
    for (const place of [0, alike.length >> 1, alike.length - 1]) judged.push(alike[place][0]);
    for (const [one, box] of alike)
      if (loose.some(([other, its, pulled]) => its.left < box.right && box.left < its.right && its.top < box.bottom
          && box.top < its.bottom && (pulled || !other.contains(one)) && !one.contains(other))) judged.push(one);
  }
  for (const one of judged) one.setAttribute('data-judged', '');
  axe.configure({rules: [{id: 'color-contrast', selector: '[data-judged]'}]});
}"""
#: What a figure with a text alternative and a formula with its assistive copy are drawn with is nobody's to read: excluded, and
#: taken out while axe is at work, for it measures even what is excluded.
VIOLATIONS = """async () => {
  const drawn = [...document.querySelectorAll('svg[role=img], mjx-container > mjx-math')].map(svg => [svg, [...svg.childNodes]]);
  for (const [svg] of drawn) svg.replaceChildren();
  const context = {exclude: [['svg[role=img] > *'], ['mjx-container > mjx-math']]};
  try {
    const preload = location.protocol !== 'file:';  // its styles and sounds, which axe asks for once more
    return (await axe.run(context, {resultTypes: ['violations'], preload})).violations;
  } finally {
    for (const [svg, parts] of drawn) svg.replaceChildren(...parts);
  }
}"""


def settle(page: Any) -> None:
    """Wait until a page is what its reader sees, and hold it still."""
    page.add_style_tag(content=STILL)
    page.evaluate(SETTLED)


def mathematics(page: Any) -> list[str]:
    """Formulas that are not typeset, in error, empty, or left as TeX; bras and kets without their bars."""
    return list(page.evaluate(MATHEMATICS))


def linked(page: Any) -> list[str]:
    """Other hosts that a page asks its browser to prepare for (a preconnection is no request), or take an icon from."""
    return list(page.evaluate(LINKED))


def anchors(page: Any) -> list[str]:
    """Ids given twice; links within the page that lead nowhere, to what is hidden, or out of sight."""
    return list(page.evaluate(ANCHORS))


def narrow(page: Any, width: int) -> list[str]:
    """What does not fit a window of this width: a page that scrolls sideways, small letters, text cut off."""
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate(SETTLED)
    return [f"{width} px: {one}" for one in page.evaluate(NARROW)]


def theme(page: Any, name: str) -> None:
    """Show a page as on a system that is dark or light."""
    page.emulate_media(color_scheme=name)
    page.wait_for_function("name => document.documentElement.dataset.theme === name", arg=name)
    page.evaluate(SETTLED)


def faint(page: Any) -> list[str]:
    """Words in figures whose contrast with what is painted beneath them is below 4.5."""
    return list(page.evaluate(FAINT))


def printed(page: Any) -> list[str]:
    """What is wrong on paper: dark ground, pale ink, too wide, parts of no use."""
    page.set_viewport_size({"width": 720, "height": 1000})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    told = list(page.evaluate(PRINTED))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    return told


def accessibility(page: Any, *, every_word: bool = False) -> list[str]:
    """Every violation that axe finds with all its rules, of any impact.

    Contrast, nine tenths of the work, is judged at words of every kind (`KINDS_OF_WORDS`), or at every word.
    """
    import axe_playwright_python

    page.evaluate(next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8"))
    if not every_word:
        page.evaluate(KINDS_OF_WORDS)
    return [
        f"{one['id']} ({one['impact']}): " + "; ".join(f"{node['target']} {node['html'][:120]}" for node in one["nodes"][:3])
        for one in page.evaluate(VIOLATIONS)
    ]

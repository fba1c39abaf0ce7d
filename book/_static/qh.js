/* Small and optional: every page reads without it. */
"use strict";

// A page opened as a file cannot fetch others: the search lists its results without extracts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

document.addEventListener("DOMContentLoaded", () => {
  columns();
  const table = document.querySelector("table.qh-claims");
  if (table) addFilter(table);
});

const FRAMES = ".output.text_html, .qh-table, .qh-figure, .highlight pre, .bd-article table, mjx-container";

/** Let the keyboard reach what is wider than its frame and scrolls in it: tables, code, figures. All is measured, then all changed. */
function reach() {
  const boxes = [...document.querySelectorAll(FRAMES)];
  const isWide = (box) => box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible";
  for (const box of boxes) box.classList.remove("qh-fits", "qh-tight");  // or what fitted a wider window would never scroll in a narrow one
  for (const table of boxes.filter((box) => box.matches(".qh-table") && isWide(box))) table.classList.add("qh-tight");
  const wide = boxes.map(isWide);
  boxes.forEach((box, place) => {
    if (wide[place] && box.tabIndex < 0) box.tabIndex = 0;  // the theme's -1 is of a time when it fitted
    box.classList.toggle("qh-cut", wide[place]);
    if (box.matches(".qh-table")) box.classList.toggle("qh-fits", !wide[place]);
  });
}

/** Printed columns keep their lines and scroll; printed sentences are wrapped. */
function columns() {
  for (const box of document.querySelectorAll(".output.stream pre")) {
    const lines = box.textContent.split("\n");
    box.classList.toggle("qh-columns", lines.filter((line) => /\S {2,}\S|[│┌└├┤]/.test(line)).length > 1 && lines.every((line) => line.length <= 120));
  }
}

let asked = 0;
/** Ask for `reach` once before the next picture, however often something changes until then. */
function reachSoon() {
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(reach);
}

/** Bring an entry into sight: those above it are laid out on the way, and move it. */
function aim(entry, tries = 5) {
  if (!entry) return;
  entry.scrollIntoView({ block: "start", behavior: "instant" });
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const { top } = entry.getBoundingClientRect();
    if (tries && (top < 0 || top > innerHeight / 2)) aim(entry, tries - 1);
  }));
}

window.addEventListener("load", () => {
  reachSoon();
  // fonts, mathematics and a turned phone change what fits
  document.fonts.ready.then(reachSoon);
  new ResizeObserver(reachSoon).observe(document.body);
  // what stands above a claim may have changed its height since the page was first laid out
  document.querySelector("tr:target")?.scrollIntoView({ block: "center", behavior: "instant" });
  aim(document.querySelector(".qh-claim:target"));
});

// paper is white: a page that is read in the dark is printed light
let shown = "";
addEventListener("beforeprint", () => {
  shown = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => { document.documentElement.dataset.theme = shown; });

addEventListener("hashchange", () => aim(document.querySelector(".qh-claim:target")));

/** Put a filter and an order by paper, kind and verdict above the table of claims; what is chosen stands in the address. */
function addFilter(table) {
  const body = table.tBodies[0], rows = [...body.rows];
  const named = (list) => table.dataset[list].split("|");
  // value and label of each choice, in the order in which they sort
  const choices = {
    paper: named("papers").map((title) => [/\d+/.exec(title)[0], title]),
    kind: named("kindValues").map((value, place) => [value, named("kinds")[place]]),
    verdict: named("verdicts").map((verdict) => [verdict, verdict]),
  };
  for (const [name, all] of Object.entries(choices)) {
    choices[name] = all.filter(([value]) => rows.some((row) => row.dataset[name] === value));
  }
  const form = document.createElement("form");
  form.className = "qh-filter";
  form.setAttribute("aria-label", "Filter and sort the claims");
  form.innerHTML = `
    <label>Paper <select name="paper"><option value="">all</option></select></label>
    <label>Kind <select name="kind"><option value="">all</option></select></label>
    <label>Verdict <select name="verdict"><option value="">all</option></select></label>
    <label>Check <select name="check"><option value="">all</option><option value="failed">a check failed</option></select></label>
    <label>Words <input name="words" type="search" placeholder="qnn-p f1"></label>
    <label>Sort by <select name="sort"><option value="">paper and place</option><option value="kind">kind</option>
      <option value="verdict">verdict</option></select></label>
    <button type="reset">Show all</button>
    <output aria-live="polite"></output>`;
  for (const [name, all] of Object.entries(choices)) {
    for (const [value, label] of all) form.elements[name].add(new Option(label, value));
  }
  const names = ["paper", "kind", "verdict", "check", "words", "sort"];
  const fields = names.map((name) => form.elements[name]);

  const apply = () => {
    const wanted = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
    const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden =
        ["paper", "kind", "verdict"].some((name) => wanted[name] && row.dataset[name] !== wanted[name]) ||
        (wanted.check && !row.dataset.failed) ||
        !words.every((word) => `${row.id} ${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase().includes(word));
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length} claims`;
  };
  const order = () => {
    const by = form.elements.sort.value;
    const place = by ? new Map(choices[by].map(([value], rank) => [value, rank])) : null;
    // a stable sort: what is alike stays in the order of the papers
    body.append(...(by ? rows.toSorted((one, other) => place.get(one.dataset[by]) - place.get(other.dataset[by])) : rows));
  };
  const note = () => {
    const told = new URLSearchParams(fields.filter((one) => one.value).map((one) => [one.name, one.value])).toString();
    history.replaceState(null, "", told ? `#${told.replaceAll("+", "%20")}` : location.pathname + location.search);
  };
  /** Take what the address says; what it does not name, or names as no field does, is not filtered by. */
  const read = () => {
    const hash = location.hash.slice(1);
    if (hash.includes("=")) {
      const asked = new URLSearchParams(hash);
      for (const one of fields) {
        const value = asked.get(one.name) ?? "";
        one.value = value;
        if (one.value !== value) one.value = "";  // a choice that there is not leaves a list empty
      }
      order();
    }
    apply();
    if (hash.includes("=")) form.scrollIntoView({ block: "center", behavior: "instant" });
    // a link to one claim shows it whatever the filter says
    const target = hash && document.getElementById(decodeURIComponent(hash));
    if (target) { target.hidden = false; target.scrollIntoView({ behavior: "instant" }); }
  };
  form.addEventListener("input", (event) => { if (event.target.name === "sort") order(); apply(); note(); });
  form.addEventListener("reset", () => setTimeout(() => { order(); apply(); note(); }));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", read);
  (table.closest(".qh-table") ?? table).before(form);
  read();
}

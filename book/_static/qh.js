/* Small and optional: every page reads without it. */
"use strict";

// A page opened as a file cannot fetch others: the search lists its results without extracts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.qh-claims");
  if (table) addFilter(table);
});

/** Let the keyboard reach what is wider than its frame and scrolls in it: tables, code, figures. */
function reach() {
  for (const box of document.querySelectorAll(".output.text_html, .qh-table, .qh-figure, .highlight pre, .bd-article table, .qh-claims .math, mjx-container")) {
    box.classList.remove("qh-fits");  // or what fitted a wider window would never scroll in a narrow one
    const wide = box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible";
    if (wide && !box.hasAttribute("tabindex")) box.tabIndex = 0;
    box.classList.toggle("qh-cut", wide);
    if (box.matches(".qh-table")) box.classList.toggle("qh-fits", !wide);
  }
}

window.addEventListener("load", () => {
  reach();
  // fonts, mathematics and a turned phone change what fits
  document.fonts.ready.then(reach);
  new ResizeObserver(reach).observe(document.body);
  // what stands above a claim may have changed its height since the page was first laid out
  document.querySelector("tr:target")?.scrollIntoView({ block: "center", behavior: "instant" });
});

// paper is white: a page that is read in the dark is printed light
let shown = "";
addEventListener("beforeprint", () => {
  shown = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => { document.documentElement.dataset.theme = shown; });

/** Put a filter by verdict, check and words above the table of claims. */
function addFilter(table) {
  const rows = [...table.tBodies[0].rows];
  const verdicts = [...new Set(rows.map((row) => row.dataset.verdict))];
  const form = document.createElement("form");
  form.className = "qh-filter";
  form.setAttribute("aria-label", "Filter the claims");
  form.innerHTML = `
    <label>Verdict <select name="verdict"><option value="">all</option></select></label>
    <label>Check <select name="check"><option value="">all</option><option value="failed">a check failed</option></select></label>
    <label>Words <input name="words" type="search" placeholder="qnn-p f1"></label>
    <output aria-live="polite"></output>`;
  for (const verdict of verdicts) form.elements.verdict.add(new Option(verdict, verdict));
  const asked = new URLSearchParams(location.search);
  for (const name of ["verdict", "check", "words"]) if (asked.has(name)) form.elements[name].value = asked.get(name);

  const apply = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
      row.hidden =
        (form.elements.verdict.value && row.dataset.verdict !== form.elements.verdict.value) ||
        (form.elements.check.value && !row.dataset.failed) ||
        !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length} claims`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  (table.closest(".qh-table") ?? table).before(form);
  apply();
  // a link to one claim shows it whatever the filter says
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) { target.hidden = false; target.scrollIntoView({ behavior: "instant" }); }
}

"""The form on *Check a paper* gives, for the rows of the corpus, the answers that `qhelpers check` gives."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from qhelpers.ledger import check
from qhelpers.ledger.tables import Stated, Table, typed_row

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"
PAGE = "check-a-paper.html"
ROW = ("accuracy", "precision", "recall", "f1", "specificity", "points", "rmse", "mse", "mae", "t", "df", "n", "p", "d")
CODES = {"possible": 0, "depends": 0, "impossible": 1, "nothing": 3}

pytestmark = pytest.mark.needs_browser


@functools.cache
def corpus() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "tests" / "ledger" / "corpus.yaml").read_text(encoding="utf-8"))


def fields(case: dict[str, Any]) -> tuple[dict[str, str], bool] | None:
    """What of a case goes into the form: texts by field, and whether they are means; None for what it does not ask."""
    row, said = case["row"], case.get("stated", {})
    given = {name: row[name] for name in ROW if name in row}
    if "proportion" in row:
        given = {"proportion": row["proportion"], "whole": row.get("n") or row["points"]}
    if {"n_1", "f_statistic", "cliffs_delta", "p_adjusted"} & set(row) or {"averages", "test"} & set(said) or len(given) < 2:
        return None
    given |= {name: str(case[name]) for name in ("positives", "negatives") if name in case}
    return given, bool({"runs", "folds"} & set(said))


def answer(case: dict[str, Any], given: dict[str, str]) -> int:
    """The exit code of the command for what the form was given."""
    numbers = {name: given[name] for name in (*ROW, "proportion") if name in given}
    if "whole" in given:
        numbers["n"] = given["whole"]
    row, _ = typed_row(numbers)
    counts = ({"positives": case["positives"], "negatives": case["negatives"]},) if "positives" in case else ()
    said = case.get("stated", {})
    stated = Stated((), counts, said.get("runs"), said.get("folds"))
    return check.check([Table("", {"": row}, stated, {})]).code


@pytest.fixture(scope="module")
def bare(chromium: Any) -> Iterator[Any]:
    """The form in an empty page with our script and style, nothing else: neither the package nor a server behind it."""
    context = chromium.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content('<!doctype html><title>x</title><body><div class="qh-check">no script</div></body>')
    page.on("request", lambda request: asked.append(request.url))
    page.add_style_tag(content=(STATIC / "check.css").read_text(encoding="utf-8"))
    page.add_script_tag(content=(STATIC / "check.js").read_text(encoding="utf-8"))
    yield page
    assert errors == asked == []
    context.close()


def typed_in(page: Any, given: dict[str, str], means: bool = False) -> tuple[str, str]:
    """Fill the form as a reader would; the verdict and all that it says."""
    return tuple(
        page.evaluate(
            """([given, means]) => {
                 const form = document.querySelector('.qh-check-form');
                 for (const input of form.querySelectorAll('input[type=text]')) input.value = given[input.name] ?? '';
                 form.querySelector('[name=means]').checked = means;
                 form.dispatchEvent(new Event('input', {bubbles: true}));
                 const verdict = document.querySelector('.qh-check-verdict').dataset.code;
                 return [verdict, document.querySelector('.qh-check').innerText]; }""",
            [given, means],
        )
    )


def test_the_corpus_gets_the_answers_of_the_command(bare: Any) -> None:
    asked = {"right": 0, "impossible": 0}
    wrong = []
    for kind in asked:
        for case in corpus()[kind]:
            what = fields(case)
            if what is None:
                continue
            asked[kind] += 1
            verdict, said = typed_in(bare, *what)
            if CODES.get(verdict) != answer(case, what[0]):
                wrong.append((case["id"], verdict, said))
            if kind == "right" and verdict == "impossible":
                wrong.append((case["id"], "false alarm", said))
    assert wrong == []
    assert asked["right"] >= 45 and asked["impossible"] >= 60, asked


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        ({}, "empty", "as they are printed"),
        ({"accuracy": "94.1"}, "nothing", "94.1 is read as 94.1 %"),
        ({"accuracy": "0,95", "f1": "many"}, "error", "“many” is no number"),
        ({"recall": "0.9", "precision": "0.9", "positives": "10"}, "error", "both classes"),
        ({"accuracy": "0.9", "points": "0"}, "error", "at least 1"),
        ({"rmse": "11.23", "mae": "12.49"}, "impossible", "MAE 12.49 is above RMSE 11.23"),
        ({"rmse": "1,000.0", "mse": "1.0×10^6"}, "possible", "agrees"),
        ({"t": "−2.20", "df": "14", "p": "<.001"}, "impossible", "p <.001 cannot be"),
        ({"t": "2.20", "df": "14", "p": ".045", "mae": "3"}, "depends", "Not compared with anything: mae"),
        ({"p": "0.01", "n": "5"}, "depends", "a test that assumes a distribution"),
        ({"proportion": "0.519", "whole": "28"}, "impossible", "0.5357"),
        ({"precision": "0.9", "recall": "0.8"}, "nothing", "Nothing was compared"),
    ],
)
def test_what_the_form_says(bare: Any, given: dict[str, str], verdict: str, says: str) -> None:
    found, said = typed_in(bare, given)
    assert found == verdict
    assert says in said


@pytest.mark.parametrize(("t", "df"), [(0.3, 1), (2.2, 14), (2.456308468440, 49), (7.433605518875, 49), (1.96, 1e6), (40.0, 3)])
def test_the_t_distribution_is_scipys(bare: Any, t: float, df: float) -> None:
    from scipy import stats

    p = 2 * stats.t.sf(t, df)
    for factor, verdict in ((1.0, "depends"), (0.999, "impossible")):  # one-sided it is another each time
        given = {"t": f"{t:.14e}", "df": f"{df:.12f}", "p": f"{factor * p:.9e}"}
        assert typed_in(bare, given)[0] == verdict


@pytest.mark.parametrize(
    ("label", "verdict"),
    [("F1 above", "impossible"), ("A share", "impossible"), ("A p-value", "impossible"), ("Numbers that agree", "possible")],
)
def test_examples_and_clear(bare: Any, label: str, verdict: str) -> None:
    bare.get_by_role("button", name=label).click()
    assert bare.locator(".qh-check-verdict").get_attribute("data-code") == verdict
    bare.get_by_role("button", name="Clear").click()
    bare.wait_for_selector('.qh-check-verdict[data-code="empty"]')
    assert bare.get_by_label("accuracy", exact=True).input_value() == ""


# ---- on the site ----


@pytest.fixture
def there(site: Path) -> str:
    if not (site / PAGE).exists():
        pytest.skip(f"the site in {site} has no {PAGE}; build it with: make book")
    return PAGE


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone(visit: Any, there: str, dark: bool) -> None:
    page, watch = visit(there, "phone, dark", dark=dark)
    page.get_by_label("precision", exact=True).fill("0.93")
    page.get_by_label("recall", exact=True).fill("0.94")
    page.get_by_label("F1", exact=True).fill("0.95")
    verdict = page.locator(".qh-check-verdict")
    assert verdict.get_attribute("data-code") == "impossible"
    box = verdict.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844, "the answer is in sight while numbers are typed"
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.locator(".qh-check-form input[type=text]").first.bounding_box()["width"] >= 100
    assert watch.complaints == watch.failures == watch.elsewhere == []


def test_without_scripts_the_command_is_named(chromium: Any, address: str, there: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + there)
    assert "needs JavaScript" in page.locator(".qh-check").inner_text()
    context.close()

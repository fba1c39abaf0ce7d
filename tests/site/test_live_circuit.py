"""The formulas that a page runs are the trained circuits: at hundreds of settings of the sliders, against PennyLane."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qhelpers.circuits.formula import Formula, formula_of
from qhelpers.papers.low_energy.circuits import qnn_p_circuit
from qhelpers.papers.low_energy.live import Sensor, Task, live_markup, qnn_p_formula, qnn_p_layer

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"
CHAPTER = "1-low-energy/1.4-what-the-circuit-computes.html"
RNG = np.random.default_rng(5)
SENSORS = {
    "room": [
        Sensor("Temperature", "T", "°C", 19.0, 24.0, 0.01),
        Sensor("Humidity", "H", "%", 18.0, 39.0, 0.05),
        Sensor("Light", "L", "lx", 0.0, 600.0, 1.0),
        Sensor("CO₂", "C", "ppm", 420.0, 1800.0, 2.0),
    ],
    "tracker": [Sensor("latitude", "lat", "°", 0.0, 525.0, 1.0), Sensor("longitude", "lon", "°", 10.0, 540.0, 1.0)],
}


def arrays(n_sensors: int, seed: int = 0) -> dict[str, Any]:
    """What a record of QNN-P holds, with weights at random."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 2 * np.pi, (3, 4, 2))
    mean, scale = ([21.0, 27.0, 200.0, 750.0], [1.1, 4.7, 240.0, 340.0]) if n_sensors == 4 else ([52.0, 62.0], [74.0, 75.0])
    return {"weights.weights": weights, "scaler_mean": np.array(mean), "scaler_scale": np.array(scale)}


def pennylane(entangler: str, given: dict[str, Any], X: Any) -> Any:
    """Outputs of QNN-P from PennyLane's own simulator at readings of the sensors."""
    qml = pytest.importorskip("pennylane", reason="pennylane is not installed; pip install 'qhelpers[circuits]'")
    node = qml.QNode(qnn_p_circuit(4, 4, 3, entangler).pennylane(), qml.device("default.qubit", wires=4))
    angles = (np.asarray(X, float) - given["scaler_mean"]) / given["scaler_scale"]
    return node(np.take(angles, np.arange(4) % angles.shape[1], axis=1), np.asarray(given["weights.weights"], float))


@functools.cache
def task(name: str, seed: int = 0) -> Task:
    """A data set of the page with random circuits and 40 points to fit."""
    sensors = SENSORS[name]
    names = [sensor.name for sensor in sensors]
    formulas = {kind: qnn_p_formula(names, kind, arrays(len(names), seed)) for kind in ("chain", "ring")}
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.uniform(sensor.low, sensor.high, 80) for sensor in sensors])
    y = (X[:, -2] > np.median(X[:, -2])).astype(int)
    told = {kind: f"A {kind} at random." for kind in formulas}
    return Task(f"the {name}", ("empty", "occupied"), sensors, formulas, told, told, (X[:40], y[:40]), (X[40:], y[40:]))


@pytest.mark.parametrize("kind", ["chain", "ring", "none"])
@pytest.mark.parametrize("n_sensors", [4, 2])
def test_a_formula_is_its_circuit(kind: str, n_sensors: int) -> None:
    given = arrays(n_sensors)
    formula = qnn_p_formula(["a", "b", "c", "d"][:n_sensors], kind, given)
    X = given["scaler_mean"] + given["scaler_scale"] * RNG.normal(0, 3, (200, n_sensors))
    assert np.abs(formula(X) - pennylane(kind, given, X)).max() < 1e-12
    assert len({powers.tobytes() for powers in formula.powers}) == len(formula.powers)
    assert (np.diff(np.abs(formula.coefficients)) <= 0).all()


def test_a_formula_knows_what_the_circuit_cannot_see() -> None:
    chain, ring = (qnn_p_formula("THLC", kind, arrays(4)) for kind in ("chain", "ring"))
    assert chain.seen.tolist() == [True, True, True, False]
    assert ring.seen.all()
    assert (chain.n_live, ring.n_live, ring.n_weights) == (10, 22, 24)
    assert not chain.powers[:, 3].any()
    place = [chain.text(t) for t in range(20)].index("cos T · sin L")
    assert chain.powers[place].tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]
    twice = qnn_p_formula(["lat", "lon"], "chain", arrays(2))
    assert any("cos² lat" in twice.text(t) for t in range(len(twice.powers)))


def test_what_is_no_such_formula_is_refused() -> None:
    import pennylane as qml

    from qhelpers.circuits.layer import QuantumLayer

    def half(inputs: Any, w: Any) -> Any:
        qml.RY(0.5 * inputs[..., 0], wires=0)
        qml.RX(w[0], wires=0)
        return qml.expval(qml.PauliZ(0))

    def two(inputs: Any, w: Any) -> Any:
        qml.RY(inputs[..., 0], wires=0)
        qml.RX(w[0], wires=0)
        return [qml.expval(qml.PauliZ(0)), qml.expval(qml.PauliX(0))]

    for circuit, told in ((half, "an angle of the layer is not one input as it is"), (two, "the layer has 2 outputs")):
        with pytest.raises(ValueError, match=told):
            formula_of(QuantumLayer(circuit, {"w": (1,)}, n_inputs=1), ["a"], [0.0], [1.0])


def test_sliders_are_round_and_reach_the_readings() -> None:
    readings = RNG.normal(20.0, 1.0, 5000)
    sensor = Sensor.of("Temperature", "T", "°C", readings)
    assert sensor.low <= np.quantile(readings, 0.005) < np.quantile(readings, 0.995) <= sensor.high
    assert sensor.step == 0.01
    assert round(sensor.low / sensor.step, 6).is_integer()


def test_the_markup_cannot_be_left_by_a_name() -> None:
    one = task("room")
    odd = Task(**{**vars(one), "classes": ("</script><b>", "occupied")})
    markup = live_markup([odd], "points")
    assert markup.count("</script>") == 1
    text = re.search(r'<script type="application/json">(.*?)</script>', markup, re.DOTALL)
    assert text is not None
    assert json.loads(text[1])["tasks"][0]["classes"][0] == "</script><b>"
    assert "<b>" not in markup.replace(text[0], "")


def test_the_scripts_ask_nobody_and_evaluate_nothing() -> None:
    script = (STATIC / "circuit-live.js").read_text(encoding="utf-8")
    assert not re.search(r"\beval\b|new Function|innerHTML|fetch\(|XMLHttpRequest|import\s*\(|https?://(?!www\.w3\.org)", script)
    assert "url(" not in (STATIC / "circuit-live.css").read_text(encoding="utf-8")


# ---- in a browser ----


@pytest.fixture
def bare(chromium: Any) -> Iterator[Any]:
    """The two random data sets in an empty page with our script and style, nothing else."""
    context = chromium.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(
        f"<!doctype html><title>x</title><body>{live_markup([task('room'), task('tracker')], 'random points')}</body>"
    )
    page.add_style_tag(path=str(STATIC / "circuit-live.css"))
    page.add_script_tag(path=str(STATIC / "circuit-live.js"))
    yield page
    assert errors == []
    context.close()


def move(page: Any, X: Any) -> tuple[Any, Any]:
    """Move the sliders to each row of readings as a reader would; what they then show, and the outputs."""
    found = page.evaluate(
        """rows => rows.map(row => {
             const sliders = [...document.querySelectorAll('.qh-live input[type=range]')];
             sliders.forEach((slider, i) => {
               slider.value = row[i]; slider.dispatchEvent(new Event('input', {bubbles: true})); });
             const result = document.querySelector('.qh-live-result');
             return [sliders.map(slider => Number(slider.value)), Number(result.dataset.output), result.dataset.readings,
                     result.textContent]; })""",
        np.asarray(X).tolist(),
    )
    shown = np.array([row[0] for row in found])
    assert [[float(x) for x in row[2].split()] for row in found] == shown.tolist()
    for row in found:
        assert ("occupied" if row[1] > 0 else "empty") in row[3].split("output")[0] or "attack" in row[3] or "normal" in row[3]
    return shown, np.array([row[1] for row in found])


def settings(sensors: list[dict[str, Any]], n: int = 200) -> Any:
    """Random readings within the sliders' reach."""
    return np.column_stack([RNG.uniform(one["low"], one["high"], n) for one in sensors])


def embedded(page: Any) -> Any:
    """What the page gave its script."""
    return json.loads(page.locator('.qh-live script[type="application/json"]').text_content())


def choose(page: Any, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).check()


@pytest.mark.needs_browser
@pytest.mark.parametrize("kind", ["chain", "ring"])
@pytest.mark.parametrize("name", ["room", "tracker"])
def test_sliders_show_what_the_circuit_gives(bare: Any, name: str, kind: str) -> None:
    choose(bare, f"the {name}")
    choose(bare, kind)
    shown, outputs = move(bare, settings([vars(sensor) for sensor in SENSORS[name]]))
    expected = pennylane(kind, arrays(len(SENSORS[name])), shown)
    assert len(np.unique(shown, axis=0)) == 200
    assert np.abs(outputs - expected).max() < 1e-6
    assert np.ptp(expected) > 0.5  # else any constant would pass


@pytest.mark.needs_browser
def test_a_sensor_out_of_reach_is_marked_and_moves_nothing(bare: Any) -> None:
    marked = bare.locator(".qh-live-unseen")
    assert marked.count() == 1
    assert "Out of reach" in marked.inner_text()
    slider = marked.locator("input")
    told = bare.locator(f"#{slider.get_attribute('aria-describedby')}")
    assert "cannot see it" in told.inner_text()
    result = bare.locator(".qh-live-result")
    before = result.get_attribute("data-output")
    for key in ("ArrowRight", "PageUp", "Home", "End"):
        slider.press(key)
    assert result.get_attribute("data-output") == before
    choose(bare, "ring")
    assert bare.locator(".qh-live-unseen").count() == 0
    bare.get_by_label("C CO₂").press("Home")
    assert result.get_attribute("data-output") != before


@pytest.mark.needs_browser
def test_the_terms_add_up(bare: Any) -> None:
    bare.get_by_role("button", name="Show all 20 terms").click()
    parts = bare.locator(".qh-live-adds").all_inner_texts()
    assert len(parts) == 20
    total = sum(float(part.replace("−", "-")) for part in parts)
    assert total == pytest.approx(float(bare.locator(".qh-live-result").get_attribute("data-output")), abs=0.011)
    first = bare.locator(".qh-live-term").first.inner_text()
    formula: Formula = task("room").formulas["chain"]
    assert first == f"{formula.coefficients[0]:+.3f} × {formula.text(0, 'THLC')}".replace("-", "−")


@pytest.mark.needs_browser
@pytest.mark.parametrize(("name", "kind"), [("room", "chain"), ("room", "ring"), ("tracker", "ring")])
def test_the_fit_is_least_squares(bare: Any, name: str, kind: str) -> None:
    choose(bare, f"the {name}")
    choose(bare, kind)
    bare.locator(".qh-live-go").click()
    bare.wait_for_selector(".qh-live-fit table")
    one = task(name)
    formula = one.formulas[kind]
    signs = 2 * np.asarray(one.train[1]) - 1
    Phi = formula.terms(np.round(np.asarray(one.train[0]), 10))
    best = np.linalg.lstsq(Phi, signs, rcond=None)[0]
    told = bare.locator(".qh-live-told").inner_text()
    reached, exact = (float(number) for number in re.findall(r"\d\.\d{4}", told))
    assert exact == pytest.approx(np.mean((Phi @ best - signs) ** 2), abs=2e-3)
    assert exact - 1e-4 <= reached < exact + 0.05
    assert reached < np.mean((formula(one.train[0]) - signs) ** 2) - 0.1
    cells = bare.locator(".qh-live-fit tbody tr").first.locator("td").all_inner_texts()
    own = formula(one.test[0])
    assert float(cells[2]) == pytest.approx(np.mean((own - (2 * np.asarray(one.test[1]) - 1)) ** 2), abs=1e-3)
    assert cells[3] == f"{100 * np.mean((own > 0) == one.test[1]):.1f} %"
    assert "not be a circuit" in bare.locator(".qh-live-about").first.inner_text()
    bare.get_by_role("button", name="Back to the trained circuit").click()
    shown, outputs = move(bare, settings([vars(sensor) for sensor in SENSORS[name]], 20))
    assert np.abs(outputs - formula(shown)).max() < 1e-9


@pytest.mark.needs_browser
def test_a_fit_can_be_stopped_and_left(bare: Any) -> None:
    bare.clock.install(time="2026-01-01T00:00:00")
    bare.clock.pause_at("2026-01-01T01:00:00")  # the fit rests between two of its steps until the test lets time pass
    go = bare.locator(".qh-live-go")
    go.click()
    assert bare.locator("progress").is_visible()
    go.click()
    bare.clock.run_for(100)
    assert bare.locator(".qh-live-told").inner_text().startswith("Stopped")
    go.click()
    bare.clock.run_for(100)
    assert bare.locator("progress").is_visible()
    choose(bare, "ring")
    bare.clock.run_for(10_000)
    assert not bare.locator("progress").is_visible()
    assert go.inner_text() == "Fit the 80 coefficients anew"
    choose(bare, "chain")
    assert bare.locator(".qh-live-fit table").count() == 0


@pytest.mark.needs_browser
def test_everything_is_within_reach_of_the_keyboard_and_has_a_name(bare: Any) -> None:
    bare.locator("body").press("Tab")
    visited = []
    for _ in range(40):
        focus = bare.evaluate(
            "(e => e === document.body ? null : e.type + ' ' + (e.labels?.[0] ?? e).textContent.trim())(document.activeElement)"
        )
        if focus is None or (visited and focus == visited[0]):
            break
        visited.append(focus)
        bare.keyboard.press("Tab")
    text = "\n".join(visited)
    for wanted in (
        "radio the room",
        "radio chain",
        "button occupied",
        "range T Temperature",
        "range C CO₂",
        "button Show all",
        "button Fit",
    ):
        assert wanted in text, visited
    slider = bare.get_by_label("T Temperature")
    before = float(slider.input_value())
    slider.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(before + 0.01)
    assert slider.get_attribute("aria-valuetext") == f"{before + 0.01:.2f} °C"
    bare.wait_for_function("document.querySelector('.qh-live-spoken').textContent.includes('output')")


# ---- on the site ----


@pytest.fixture
def chapter(site: Path, request: pytest.FixtureRequest) -> str:
    """Name of the chapter's page."""
    if not (site / CHAPTER).exists():
        pytest.skip(f"the site in {site} has no {CHAPTER}; build it with: make book")
    return CHAPTER


@pytest.mark.needs_browser
def test_the_page_runs_the_recorded_circuits(visit: Any, chapter: str) -> None:
    from qhelpers.runs import records

    page, watch = visit(chapter)
    known = {record.id: record for record in records.read("low-energy")}
    for one in embedded(page)["tasks"]:
        choose(page, one["name"])
        for kind, formula in one["formulas"].items():
            choose(page, kind)
            record = known[formula["record"]]
            assert record.source == "real"
            assert record.config["entangler"] == kind
            shown, outputs = move(page, settings(one["sensors"]))
            assert np.abs(outputs - pennylane(kind, record.arrays(), shown)).max() < 1e-6
            assert f"{record.metrics['accuracy']:.3f}" in page.locator(".qh-live-about").first.inner_text()
            layer = qnn_p_layer(kind, record.arrays()["weights.weights"])
            assert page.locator(".qh-live-unseen").count() == int((~np.array(formula["seen"])).sum())
            assert formula["weights"] == [int(layer.light_cone().weights.sum()), 24]
    assert watch.complaints == watch.failures == watch.elsewhere == []


@pytest.mark.needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone_and_stays_in_sight(visit: Any, chapter: str, dark: bool) -> None:
    page, _ = visit(chapter, "phone, dark", files=False, dark=dark)
    page.get_by_role("radio", name="ring", exact=True).check()
    page.get_by_role("button", name="Show all 80 terms").click()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.evaluate("document.querySelectorAll('.qh-live-sensor')[3].scrollIntoView({block: 'start', behavior: 'instant'})")
    box, bar = page.locator(".qh-live-result").bounding_box(), page.locator(".bd-header-article").bounding_box()
    assert bar["y"] + bar["height"] - 1 <= box["y"] < 200
    page.locator(".qh-live-go").click()
    page.wait_for_selector(".qh-live-fit table")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


@pytest.mark.needs_browser
def test_without_scripts_there_is_a_sentence_and_a_table(chromium: Any, address: str, chapter: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + chapter)
    assert page.locator(".qh-live-static p").is_visible()
    assert page.locator(".qh-live-static table:visible").count() == 4
    assert "sin" in page.locator(".qh-live-static table").first.inner_text()
    context.close()


class Scripts(HTMLParser):
    """Scripts and handlers that a page holds in itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note handlers written into elements."""
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_the_markup_holds_no_script_of_its_own() -> None:
    markup = live_markup([task("room")], "random points")
    assert Scripts(markup).handlers == []
    assert re.findall(r"<script[^>]*>", markup) == ['<script type="application/json">']

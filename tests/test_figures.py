"""Figures and tables work on light and dark pages and for those who cannot see them."""

import colorsys
import itertools
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qhelpers import figures
from qhelpers.verdicts import VERDICTS


def drawn():
    figures.style()
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], label="a line")
    ax.plot([0, 1], [1, 0], color="black")
    ax.set(xlabel="x", ylabel="y")
    ax.legend()
    return fig


def test_the_look_is_the_same_whatever_the_users_own():
    figures.style()
    wanted = dict(plt.rcParams)
    try:
        plt.rcParams.update({"text.usetex": True, "font.family": "No such font", "axes.grid.axis": "x", "lines.linestyle": ":"})
        plt.rcParams.update({"timezone": "Asia/Tokyo", "axes.formatter.use_locale": True, "image.cmap": "jet", "savefig.dpi": 30})
        figures.style()
        assert dict(plt.rcParams) == wanted
    finally:
        plt.rcParams.update(wanted)


def test_svg_is_well_formed_labelled_and_fits_its_column():
    text = figures.svg(drawn(), alt='A line that rises, "steeply"')
    root = ET.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == 'A line that rises, "steeply"'
    assert root.get("width") is None and root.get("height") is None and root.get("viewBox")
    assert "width:100%" in root.get("style")


def test_black_takes_the_colour_of_the_page():
    text = figures.svg(drawn(), alt="a")
    assert not re.search(r"#000000|#000\b|\bblack\b", text)
    assert text.count("currentColor") > 4
    assert "#0072b2" in text.lower(), "other colours stay"


def test_words_of_a_figure_are_marked_so_that_their_contrast_can_be_judged():
    fig, ax = plt.subplots()
    ax.set(xlabel="Rows", title="A cross")
    ax.set_xticks([0, 1], ["no", "yes"])
    ax.set_yticks([])
    assert figures.svg(fig, alt="a").count('<g class="words"') == 4


def hue(color):
    return colorsys.rgb_to_hls(*(int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)))[0]


@pytest.mark.parametrize("name", [name for name in VERDICTS if name not in ("inconclusive", "not measurable", "lost", "pending")])
def test_a_verdict_has_one_colour_on_light_pages_on_dark_ones_and_in_figures(name):
    word = VERDICTS[name]
    for one, other in itertools.combinations((word.light, word.dark, word.both), 2):
        apart = abs(hue(one) - hue(other))
        assert min(apart, 1 - apart) < 0.05


def test_panels_are_told_apart_and_may_shrink():
    markup = figures.figure_html([drawn(), drawn()], "A cross.", "c")
    assert re.findall(r'aria-label="([^"]+)"', markup) == ["A cross. Panel 1 of 2.", "A cross. Panel 2 of 2."]
    assert markup.count("min-width: 0") == 2 and markup.count("<figcaption>c</figcaption>") == 1
    assert 'aria-label="A cross."' in figures.figure_html([drawn()], "A cross.", "c")
    assert "qh-panels" not in figures.figure_html(drawn(), "A cross.", "c")


def test_two_figures_on_a_page_share_no_identifier():
    first, second = (set(re.findall(r'\bid="([^"]+)"', figures.svg(drawn(), alt="a"))) for _ in range(2))
    assert first and second and not first & second


def test_references_inside_a_figure_resolve():
    text = figures.svg(drawn(), alt="a")
    known = set(re.findall(r'\bid="([^"]+)"', text))
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    assert used and used <= known


def test_pictures_within_a_figure_and_lines_stay_what_they_are():
    fig, ax = plt.subplots()
    ax.imshow(np.arange(9.0).reshape(3, 3))
    ax.plot([0, 1, 2, 1], [0, 2, 1, 1.5])
    text = figures.svg(fig, alt="a")
    assert not re.search(r'base64,[^"]*\s', text) and "base64," in text
    drawn = [re.findall(r"-?[\d.]+", line) for line in re.findall(r'd="(M [-\d. ]+L [-\d. ]+)"', text)]
    assert max(map(len, drawn)) == 8, "four points, one letter for three lines"


def test_alt_text_is_required_and_figures_are_closed():
    with pytest.raises(ValueError, match="no alt text"):
        figures.svg(drawn(), alt=" ")
    plt.close("all")
    figures.svg(drawn(), alt="a")
    assert plt.get_fignums() == []


def test_table_escapes_aligns_and_leaves_missing_cells_empty():
    data = pd.DataFrame({"name": ["a<b", None], "score": [0.12345, np.nan]})
    text = figures.table_html(data, caption="What <em>came</em> out", formats={"score": "{:.2f}"})
    root = ET.fromstring(text)
    assert "a&lt;b" in text and root.get("aria-label") == "What came out"
    assert [cell.text for cell in root.iter("td")] == ["a<b", "0.12", None, None]
    assert [cell.get("scope") for cell in root.iter("th")] == ["col", "col"]


def cells(**columns):
    """Cells and heads of a table of one row a value: their text, and whether they stand at the right."""
    root = ET.fromstring(figures.table_html(pd.DataFrame(columns), caption="c", formats={"typed": "{:+.2f}"}))
    return {name: [(cell.text, cell.get("class") == "num") for cell in root.iter(name)] for name in ("th", "td")}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("-0.5", "−0.5"),
        ("12.5%", "12.5%"),
        ("1,200", "1,200"),
        ("-1e-05", "−1e−05"),
        ("0.93 ± 0.02 (n = 20)", "0.93\xa0±\xa00.02 (n\xa0=\xa020)"),
        ("-0.1 [-0.2, +0.1]", "−0.1 [−0.2,\xa0+0.1]"),
        ("-3.5% to 2.0%", "−3.5%\xa0to\xa02.0%"),
        ("3 of 8", "3\xa0of\xa08"),
        ("0.4 s", "0.4\xa0s"),
    ],
)
def test_a_number_in_a_table_stands_at_the_right_with_the_sign_for_minus_typed_or_written(written, read):
    found = cells(typed=[-0.5], written=[written])
    assert found == {"th": [("typed", True), ("written", True)], "td": [("−0.50", True), (read, True)]}


@pytest.mark.parametrize("word", ["QNN-P", "1-qubit", "2015-02-04", "5-fold", "1.2.3", "3 qubits, -2", "a -1"])
def test_words_with_hyphens_stay_as_they_are(word):
    assert cells(words=[word, "-1"])["td"] == [(word, False), ("−1", False)]


def test_a_missing_number_leaves_its_column_at_the_right():
    assert cells(share=["-1%", "", "–"])["td"] == [("−1%", True), (None, True), ("–", True)]


def test_band_keeps_the_last_value_of_a_short_curve():
    _, ax = plt.subplots()
    figures.band(ax, [[1.0, 3.0], [1.0, 3.0, 5.0]], label="a", color="C0")
    assert list(ax.lines[0].get_ydata()) == [1, 3, 4]


def test_against_print_draws_each_value_and_the_printed_one():
    _, ax = plt.subplots()
    figures.against_print(
        ax, [{"label": "a", "values": [0.5, 0.7], "printed": "0.9"}, {"label": "b", "values": [0.1], "printed": None}]
    )
    points = [collection.get_offsets() for collection in ax.collections]
    assert [len(p) for p in points] == [2, 1, 1] and points[1][0][0] == 0.9
    assert ax.lines[0].get_xdata()[0] == pytest.approx(0.6)


def test_costs_puts_the_dearest_on_top_and_keeps_a_familys_colour():
    table = pd.DataFrame(
        {
            "label": ["a", "b", "c"],
            "family": ["new", "old", "new"],
            "low": [1, 9, 90],
            "median": [2, 10, 100],
            "high": [3, 20, 200],
        }
    )
    _, ax = plt.subplots()
    figures.costs(ax, table, ["absent", "old", "new"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c", "b", "a"] and ax.get_xscale() == "log"
    drawn = {bars.get_label(): bars.lines[0] for bars in ax.containers}
    assert drawn["new"].get_color() == figures.PALETTE[2] and drawn["new"].get_xdata().tolist() == [100, 2]
    assert drawn["old"].get_ydata().tolist() == [1]


def test_outputs_puts_every_sample_in_a_bar():
    _, ax = plt.subplots()
    figures.outputs(ax, [-1, -0.5, 0.5, 1], [0, 0, 1, 1], {0: "no", 1: "yes"})
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert {text.get_text() for text in ax.legend().get_texts()} == {"no", "yes"}


def test_bloch_points_its_arrows_where_the_state_is():
    _, ax = plt.subplots()
    figures.bloch(ax, {"north": (0, 0, 1), "right": (1, 0, 0)}, elevation=0.0)
    tips = [text.xy for text in ax.texts if hasattr(text, "xy")]
    assert tips == [pytest.approx((0, 1)), pytest.approx((1, 0))]
    assert {"north", "right"} < {text.get_text() for text in ax.texts}


def test_light_cone_fills_what_is_seen():
    _, ax = plt.subplots()
    figures.light_cone(ax, [True, False], [[[True, False], [False, False]]], ["a", "b"], pairs=[(0, 1)])
    squares = ax.collections[:6]  # two qubits with an input and two rotations each
    assert [len(square.get_facecolor()) for square in squares] == [1, 1, 0, 0, 0, 0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["input", "layer 1"]


def test_training_curves_are_not_cut_off():
    """A loss may start above two; what is drawn is inside the axes, in every row."""
    run = {"loss": [2.6, 1.0, 0.4], "accuracy": [0.4, 0.6, 0.9]}
    low_run = {"loss": [0.7, 0.6], "accuracy": [0.4, 0.5]}
    fig = figures.training_curves({"a": [low_run, low_run], "b": [run]}, {"a": [run], "b": [low_run]}, names=["one", "two"])
    assert len(fig.axes) == 4 and [ax.get_ylabel() for ax in fig.axes] == ["one", "", "two", ""]
    for ax in fig.axes:
        low, high = ax.get_ylim()
        assert low == 0 and high >= 2.6
    assert fig.axes[0].get_title() == "a (n = 2)" and fig.axes[1].get_title() == "b"
    plt.close(fig)


def test_intervals_stand_where_they_are():
    fig, ax = plt.subplots()
    figures.intervals(ax, [{"label": "a", "value": 0.1, "low": -0.1, "high": 0.3}], margin=0.05)
    lines = [tuple(line.get_xdata()) for line in ax.lines]
    assert (-0.1, 0.3) in lines and (0.1,) in lines
    assert ax.patches and [label.get_text() for label in ax.get_yticklabels()] == ["a"]
    plt.close(fig)


def test_a_column_of_what_this_run_took_is_marked():
    data = pd.DataFrame({"model": ["a"], "time (ms)": [3.25], "accuracy": [0.5]})
    text = figures.table_html(data, caption="c", formats={"time (ms)": "{:.1f}"}, took="time (ms)")
    assert '<td class="num qh-cost">3.2</td><td class="num">0.5</td>' in text and text.count("qh-cost") == 1

"""One look for every figure and table of the book, readable on light and dark pages.

A figure is shown as inline SVG whose black is the text colour of the page, with a caption and a text for those who cannot see it.
"""

from __future__ import annotations

import html
import io
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from qhelpers._extras import require
from qhelpers.verdicts import VERDICTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of Okabe and Ito, which colour-blind readers can tell apart, in the order in which figures use them.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")

_count = itertools.count(1)

_END = ' class="num"'

#: JupyterLab sets all cells of a table at the right, words too.
LEFT = ' style="text-align:left"'

_ONE = r"[-+−]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?\s?(?:%|×|s|ms|µs|min|h|J|mJ|Wh|kB|MB|Hz|kHz)?"

#: A number as text: alone or with its unit, its spread, the other end of a range, an interval, or a count in brackets.
_WRITTEN = re.compile(rf"{_ONE}(?:\s?(?:±|/|–|to|of)\s?{_ONE})?(?:\s[\[(](?:n\s?=\s?)?{_ONE}(?:(?:,| to)\s{_ONE})?[\])])?")


def style() -> None:
    """Set matplotlib to the look of the book, whatever the user's own settings: open axes, quiet grid, transparent ground."""
    matplotlib = require("matplotlib", "figures")
    require("matplotlib.style", "figures")
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "timezone": "UTC",  # not reset with the others
            "figure.figsize": (7.2, 3.4),
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
            "axes.titlesize": "medium",
            "axes.grid": True,
            "grid.color": "#808080",
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "font.size": 10.5,
            "lines.linewidth": 1.8,
            "svg.fonttype": "path",
        }
    )


#: Where matplotlib writes a millionth of a point; a hundredth cannot be seen, and a curve weighs half.
_PLACES = re.compile(r' (?:d|x|y)="[^"]*"|translate\([^)]*\)')
_LONG = re.compile(r"-?\d+\.\d{3,}")
#: Straight lines one after the other: after the first, the letter may be left out.
_LINES = re.compile(r"(L [-\d. ]+)((?:L [-\d. ]+)+)")


def _short(number: re.Match[str]) -> str:
    """Return a number to a hundredth, without noughts at its end."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def svg(fig: Figure, alt: str) -> str:
    """Render a matplotlib figure as an SVG element without size, in the page's text colour where it is black.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        It is closed afterwards.
    alt : str
        What the figure shows, for those who cannot see it.

    Returns
    -------
    str
        ``<svg role="img" aria-label=...>...</svg>``; its width follows the page, up to its own size.

    Raises
    ------
    ValueError
        If `alt` is empty.
    """
    if not alt.strip():
        raise ValueError("the figure has no alt text; say in a sentence what it shows")
    pyplot = require("matplotlib.pyplot", "figures")
    buffer = io.StringIO()
    mark = f"qf{next(_count)}"
    with require("matplotlib", "figures").rc_context({"svg.hashsalt": mark, "svg.fonttype": "path"}):
        fig.savefig(buffer, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None, "Creator": None})
    pyplot.close(fig)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    text = _PLACES.sub(lambda found: _LONG.sub(_short, found[0]), text)
    # what nothing reads: indentation, fonts in names of glyphs, a name space that browsers need no more, repeated commands
    text = re.sub(r"(?<=base64,)[^\"]+", lambda found: "".join(found[0].split()), text)
    text = re.sub(r"\s+", " ", text).replace("> <", "><").replace("DejaVuSans-", "").replace("xlink:href", "href")
    text = _LINES.sub(lambda found: found[1] + found[2].replace("L ", ""), text)
    text = re.sub(r'( d="[^"]*?) "', r'\1"', text)
    text = re.sub(r'\bid="', f'id="{mark}-', text)
    text = re.sub(r'( href="|url\()#', rf"\1#{mark}-", text)
    text = re.sub(r"(fill|stroke): ?(#000000|#000|black)\b", r"\1: currentColor", text)
    text = re.sub(r'(fill|stroke)="(#000000|#000|black)"', r'\1="currentColor"', text)
    width = re.search(r'width="([\d.]+)pt"', text)
    size = f"{float(width[1]) * 4 / 3:.0f}px" if width else "100%"
    look = f"width:100%;max-width:{size};--qh-width:{size};height:auto"
    opening = f'<svg role="img" aria-label="{html.escape(alt, quote=True)}" style="{look}" '
    text = re.sub(r"<svg ", opening, text, count=1)
    text = re.sub(r'(<svg [^>]*?) height="[\d.]+pt"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?) width="[\d.]+pt"', r"\1", text, count=1)
    # glyphs are drawn with the default fill (black); inherit the text colour instead
    text = text.replace("<g ", '<g fill="currentColor" ', 1)
    # of the groups' names only one is read: which of them are words, whose contrast is judged
    text = re.sub(r'<g id="[^"]*-text_\d+"', '<g class="words"', text)
    return re.sub(r'<g id="[^"]*"', "<g", text)


def show(fig: Figure | Sequence[Figure], *, alt: str, caption: str) -> None:
    """Display a figure with its caption in a notebook.

    Parameters
    ----------
    fig : matplotlib.figure.Figure or sequence of them
        Panels: side by side where there is room for them, below each other and never wider than the page on a phone. A
        panel of at most 5.5 inches can be read there.
    alt : str
        What the figure shows, in a sentence.
    caption : str
        What to see in it; plain text or inline HTML.
    """
    _display(figure_html(fig, alt, caption), alt)


def figure_html(fig: Figure | Sequence[Figure], alt: str, caption: str) -> str:
    """`show` as HTML."""
    if isinstance(fig, Sequence):
        told = [alt] if len(fig) == 1 else [f"{alt} Panel {n} of {len(fig)}." for n in range(1, len(fig) + 1)]
        place = 'style="flex: 1 1 18rem; min-width: 0; '
        panels = [svg(one, text).replace('style="', place, 1) for one, text in zip(fig, told, strict=True)]
        drawn = f'<div class="qh-panels" style="display: flex; flex-wrap: wrap; gap: 0.5rem">{"".join(panels)}</div>'
    else:
        drawn = svg(fig, alt)
    return f'<figure class="qh-figure">{drawn}<figcaption>{caption}</figcaption></figure>'


def table(
    data: pd.DataFrame, *, caption: str, formats: Mapping[str, str] | None = None, index: bool = False, took: str | None = None
) -> None:
    """Display a table with its caption in a notebook.

    Parameters
    ----------
    data : pandas.DataFrame
        A row a line. Cells of HTML are escaped.
    caption : str
        What to see in it.
    formats : mapping of str to str, optional
        Format of a column's numbers, for instance ``{"accuracy": "{:.3f}"}``; missing values are shown as an empty cell.
    index : bool, default=False
        Show the index as the first column; it needs a name.
    took : str, optional
        Column of what something took in this run; marked, as in `qhelpers.chapter.Page.took`.
    """
    _display(table_html(data, caption=caption, formats=formats, index=index, took=took), data.to_string(index=index))


def table_html(
    data: pd.DataFrame, *, caption: str, formats: Mapping[str, str] | None = None, index: bool = False, took: str | None = None
) -> str:
    """`table` as HTML: header cells with scope, numbers aligned right, wide tables scroll inside their frame."""
    data = data.reset_index() if index else data
    formats = formats or {}

    def told(column: str, value: Any) -> str:
        missing = value is None or (isinstance(value, float) and np.isnan(value))
        return "" if missing else formats.get(column, "{}").format(value)

    names = [str(column) for column in data.columns]
    rows = [[(told(name, value), value) for name, value in zip(names, row, strict=True)] for row in data.itertuples(False, None)]
    right = [_numbers([row[place] for row in rows]) for place in range(len(names))]

    def cell(place: int, text: str, value: Any) -> str:
        if right[place] or _is_number(value) or names[place] == took:
            cost = " qh-cost" if names[place] == took else ""
            return f'<td class="num{cost}">{html.escape(_typeset(text))}</td>'
        begins = re.match(r"-\.?\d\S*", text)  # a number with words behind it
        return f"<td{LEFT}>{html.escape(_typeset(begins[0]) + text[begins.end() :] if begins else text)}</td>"

    heads = (f'<th scope="col"{_END if end else LEFT}>{html.escape(name)}</th>' for name, end in zip(names, right, strict=True))
    head = "".join(heads)
    body = "".join("<tr>" + "".join(cell(place, *one) for place, one in enumerate(row)) + "</tr>" for row in rows)
    label = html.escape(re.sub("<[^>]+>", "", caption), quote=True)
    return (
        f'<div class="qh-table" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _typeset(number: str) -> str:
    """Return a number as it is printed: with the sign for minus, and in one piece up to what stands in brackets."""
    number = re.sub(r"(?<![\w.)\]])-(?=\.?\d)|(?<=\de)-(?=\d)", "\N{MINUS SIGN}", number)
    return re.sub(r"\s(?![\[(])", "\N{NO-BREAK SPACE}", number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _numbers(cells: Sequence[tuple[str, Any]]) -> bool:
    """Whether a column holds nothing but numbers, be they typed or written; what is missing may be empty or a dash."""
    found = [_is_number(value) or bool(_WRITTEN.fullmatch(text)) for text, value in cells if text.strip(" –-")]
    return bool(found) and all(found)


def band(ax: Axes, curves: Sequence[ArrayLike], *, label: str, color: str) -> None:
    """Draw the mean of curves over 1, 2, ... and a band that holds the middle 80 % of them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    curves : sequence of array-like of shape (n_points,)
        A curve that is shorter than the others keeps its last value.
    label, color : str
    """
    longest = max(len(np.atleast_1d(curve)) for curve in curves)
    values = np.array([np.pad(np.asarray(c, dtype=float), (0, longest - len(np.atleast_1d(c))), mode="edge") for c in curves])
    positions = np.arange(1, longest + 1)
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    ax.fill_between(positions, low, high, color=color, alpha=0.2, linewidth=0)
    ax.plot(positions, values.mean(axis=0), color=color, label=label)


def outputs(ax: Axes, scores: ArrayLike, labels: ArrayLike, meaning: Mapping[int, str], *, threshold: float = 0.0) -> None:
    """Draw histograms of a network's outputs, one a class, with the threshold between them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    scores : array-like of shape (n_samples,)
    labels : array-like of shape (n_samples,)
        0 or 1.
    meaning : mapping of int to str
        What the labels mean.
    threshold : float, default=0
        Where decisions are made.
    """
    values, classes = np.asarray(scores, dtype=float), np.asarray(labels)
    edges = np.linspace(values.min(), values.max(), 41).tolist()
    for label, color in ((0, PALETTE[0]), (1, PALETTE[1])):
        ax.hist(values[classes == label], bins=edges, color=color, alpha=0.65, label=meaning[label])
    ax.axvline(threshold, color="black", linewidth=1, linestyle="--")
    ax.set(xlabel="output of the network", ylabel="test samples")


def training_curves(*rows: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str] = ()) -> Figure:
    """Draw loss and training accuracy against the epoch, a panel a model, with the band over its runs.

    Parameters
    ----------
    *rows : mapping of str to sequence of mapping
        A row of panels each: name of each model and the arrays of its runs, with ``loss`` and ``accuracy`` of shape (n_epochs,).
    names : sequence of str, optional
        What to write beside each row.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, grid = _panels(len(rows[0]), len(rows), sharey=True)
    for axes, runs, beside in zip(grid, rows, names or [""] * len(rows), strict=True):
        for ax, (name, arrays) in zip(axes, runs.items(), strict=True):
            for curve, color in zip(("loss", "accuracy"), PALETTE, strict=False):
                band(ax, [run[curve] for run in arrays], label=curve, color=color)
            ax.set_title(name + (f" (n = {len(arrays)})" if len(arrays) > 1 else ""))
            ax.xaxis.get_major_locator().set_params(integer=True)
        axes[0].set(ylabel=beside, ylim=(0, 1.03 * max(ax.dataLim.y1 for ax in axes)))
    for ax in grid[-1]:
        ax.set_xlabel("epoch")
    grid[0][0].legend()
    return fig


def predictions(*rows: Mapping[str, Mapping[str, Any]], meanings: Sequence[Mapping[int, str]]) -> Figure:
    """Draw `outputs` of one run a model, a panel each.

    Parameters
    ----------
    *rows : mapping of str to mapping
        A row of panels each: a title and the run's arrays ``test_scores`` and ``test_labels``.
    meanings : sequence of mapping of int to str
        What the labels of each row mean.
    """
    fig, grid = _panels(len(rows[0]), len(rows))
    for axes, runs, meaning in zip(grid, rows, meanings, strict=True):
        for ax, (name, arrays) in zip(axes, runs.items(), strict=True):
            outputs(ax, arrays["test_scores"], arrays["test_labels"], meaning)
            ax.set(title=name, ylabel="test samples" if ax is axes[0] else "", xlabel="output" if axes is grid[-1] else "")
        axes[0].legend(fontsize="small")
    return fig


def _panels(columns: int, rows: int = 1, sharey: bool = False) -> tuple[Figure, Any]:
    pyplot = require("matplotlib.pyplot", "figures")
    size = (2.45 * columns, 0.3 + 2.4 * rows)
    shared = "row" if sharey else False
    fig, axes = pyplot.subplots(rows, columns, figsize=size, sharey=shared, squeeze=False, layout="constrained")
    return fig, axes


def intervals(ax: Axes, rows: Sequence[Mapping[str, Any]], margin: float | None = None) -> None:
    """Draw estimates with their intervals, and the margin within which a difference counts as none.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    rows : sequence of mapping
        ``label`` (str), ``value``, ``low``, ``high``; optionally ``color``; top to bottom.
    margin : float, optional
        Differences within ± margin are shaded.
    """
    if margin is not None:
        ax.axvspan(-margin, margin, color=PALETTE[6], alpha=0.18, linewidth=0)
        ax.axvline(0, color="black", linewidth=1, linestyle="--")
    for place, row in enumerate(rows):
        color = row.get("color", PALETTE[0])
        ax.plot([row["low"], row["high"]], [place] * 2, color=color, linewidth=2.4, solid_capstyle="butt")
        ax.plot([row["value"]], [place], "o", color=color, markersize=6)
    ax.set_yticks(range(len(rows)), [row["label"] for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)


def against_print(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw measured scores beside the printed number of each row.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    rows : sequence of mapping
        ``label`` (str), ``values`` (measured scores, a number a seed), ``printed`` (number or its text),
        ``control`` (bool); top to bottom.
    """
    for place, row in enumerate(rows):
        values = np.asarray(row["values"], dtype=float)
        color = PALETTE[6] if row.get("control") else PALETTE[0]
        spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(1)
        ax.scatter(values, place + spread, s=9, color=color, alpha=0.55, linewidths=0, zorder=3)
        ax.plot([values.mean()] * 2, [place - 0.33, place + 0.33], color=color, linewidth=2.6, zorder=4)
        if row.get("printed") is not None:
            ax.scatter(
                [float(row["printed"])],
                [place],
                marker="D",
                s=42,
                facecolor="none",
                edgecolor=PALETTE[4],
                linewidths=1.8,
                zorder=5,
            )
    ax.set_yticks(range(len(rows)), [row["label"] for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


def costs(ax: Axes, table: pd.DataFrame, families: Sequence[str]) -> None:
    """Draw medians with their quartiles on a logarithmic axis, a line a model, a colour a family; largest on top.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    table : pandas.DataFrame
        Columns ``label``, ``family``, ``low``, ``median``, ``high``.
    families : sequence of str
        Their names, in the order of the colours.
    """
    rows = table.sort_values("median", ascending=False, kind="stable").reset_index(drop=True)
    for name, color in zip(families, PALETTE, strict=False):
        part = rows[rows["family"] == name]
        spread = [part["median"] - part["low"], part["high"] - part["median"]]
        ax.errorbar(part["median"], part.index, xerr=spread, fmt="o", markersize=5, linewidth=1.6, color=color, label=name)
    ax.set_yticks(range(len(rows)), list(rows["label"]))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xscale("log")


def heat(ax: Axes, table: pd.DataFrame, *, low: float, high: float, form: str = "{:.2f}", marks: ArrayLike | None = None) -> None:
    """Draw a table of numbers as coloured cells with the numbers in them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    table : pandas.DataFrame
        Numbers; index and columns name rows and columns; an empty cell where a number is missing.
    low, high : float
        Numbers with no and with full colour. With ``low < 0`` negative numbers have a colour of their own, and 0 has none.
    form : str
        Format of the numbers.
    marks : array-like of str of the table's shape, optional
        What to write after each number.
    """
    values = table.to_numpy(dtype=float)
    suffix = np.full(values.shape, "") if marks is None else np.asarray(marks, dtype=str)
    start = max(low, 0.0)
    depth = np.clip((np.abs(values) - start) / (high - start), 0, 1)
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        color = PALETTE[4] if value < 0 else PALETTE[0]
        ax.add_patch(_rectangle(column, row, color, 0.06 + 0.5 * float(depth[row, column])))
        ax.text(column, row, form.format(value) + str(suffix[row, column]), ha="center", va="center", fontsize="small")
    ax.set_xticks(range(table.shape[1]), [str(name) for name in table.columns])
    ax.set_yticks(range(table.shape[0]), [str(name) for name in table.index])
    ax.set(xlim=(-0.5, table.shape[1] - 0.5), ylim=(table.shape[0] - 0.5, -0.5))
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _rectangle(column: float, row: float, color: str, alpha: float) -> Any:
    patches = require("matplotlib.patches", "figures")
    return patches.Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=color, alpha=alpha, linewidth=0)


#: How a printed row fits a protocol, worst first, as `specification_curve` colours it.
FITS = ("impossible on so few test rows", "outside 99.9 %", "between 95 and 99.9 %", "inside 95 %")


def specification_curve(fits: Mapping[str, ArrayLike], choices: Mapping[str, Sequence[str]]) -> Figure:
    """Draw how each printed row fits each of many protocols, and below it what each protocol chooses.

    Parameters
    ----------
    fits : mapping of str to array-like of shape (n_protocols,)
        Name of each row and a number for each protocol, in the order in which they are drawn: a place in `FITS`, nan where
        the row was not run.
    choices : mapping of str to sequence of str
        Name of each choice and what each protocol chooses, in the same order.

    Returns
    -------
    matplotlib.figure.Figure
    """
    pyplot, colors = require("matplotlib.pyplot", "figures"), require("matplotlib.colors", "figures")
    values_of = {name: dict.fromkeys(each) for name, each in choices.items()}
    lines = [(f"{name}: {v}", np.array([v == one for one in choices[name]])) for name, each in values_of.items() for v in each]
    size = (9.6, 1.0 + 0.24 * (len(fits) + len(lines)))
    share = {"height_ratios": [len(fits), len(lines)]}
    fig, (top, bottom) = pyplot.subplots(2, 1, figsize=size, sharex=True, layout="constrained", gridspec_kw=share)
    shades = [colors.to_rgba(PALETTE[3], 0.75), colors.to_rgba(PALETTE[6], 0.28), PALETTE[1], PALETTE[2]]
    values = np.array([np.asarray(each, dtype=float) for each in fits.values()])
    picture = np.zeros((*values.shape, 4))
    for place, shade in enumerate(shades):
        picture[values == place] = colors.to_rgba(shade)
    top.imshow(picture, aspect="auto", interpolation="nearest")
    chosen = np.zeros((len(lines), values.shape[1], 4))
    for row, (_, here) in enumerate(lines):
        chosen[row, here] = colors.to_rgba(PALETTE[0])
    bottom.imshow(chosen, aspect="auto", interpolation="nearest")
    top.set_yticks(range(len(fits)), list(fits))
    bottom.set_yticks(range(len(lines)), [name for name, _ in lines], fontsize="small")
    bottom.set_xlabel("protocols, from best to worst")
    handles = [require("matplotlib.patches", "figures").Patch(color=s, label=t) for s, t in zip(shades, FITS, strict=True)]
    fig.legend(handles=handles[::-1], loc="outside upper center", ncols=4, fontsize="small")
    for ax in (top, bottom):
        ax.grid(visible=False)
    return fig


def verdict_bars(ax: Axes, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Draw claims by verdict, one stacked bar a group, from the top, with the numbers in the parts that have room for them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    counts : mapping of str to mapping of str to int
        For each group the number of claims by verdict, as in `qhelpers.verdicts`.
    """
    groups = list(counts)
    starts, longest = np.zeros(len(groups)), max((sum(one.values()) for one in counts.values()), default=0)
    for verdict, word in VERDICTS.items():
        widths = np.array([counts[group].get(verdict, 0) for group in groups], dtype=float)
        if not widths.any():
            continue
        ax.barh(groups, widths, left=starts, height=0.7, color=word.both, label=verdict)
        for row, (start, width) in enumerate(zip(starts, widths, strict=True)):
            if width >= 0.02 * longest and width:
                # not black, which would turn light on a dark page; the bars keep their colours
                ax.text(start + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=9, color="#101010")
        starts += widths
    ax.invert_yaxis()
    ax.set_axisbelow(True)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("claims")
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.4, -0.2), fontsize=9)


def bloch(ax: Axes, vectors: Mapping[str, ArrayLike], *, elevation: float = 0.25) -> None:
    """Draw states of one qubit as arrows in the Bloch sphere, seen from the front and a little from above.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its frame and ticks are taken away.
    vectors : mapping of str to array-like of shape (3,)
        Label of each state and its expectation values of X (to the right), Y (into the page) and Z (up).
    elevation : float, default=0.25
        Angle of the view above the equator, in radians.
    """
    up, tilt = np.cos(elevation), np.sin(elevation)
    turn = np.linspace(0, 2 * np.pi, 121)
    ax.plot(np.cos(turn), np.sin(turn), color=PALETTE[6], linewidth=1)
    for part, dashes in ((turn <= np.pi, ":"), (turn >= np.pi, "-")):  # behind, in front
        ax.plot(np.cos(turn[part]), tilt * np.sin(turn[part]), dashes, color=PALETTE[6], linewidth=1)
    ax.plot([0, 0], [-up, up], color=PALETTE[6], linewidth=1)
    for pole, name in ((1.16, r"$|0\rangle$"), (-1.16, r"$|1\rangle$")):
        ax.text(0, pole, name, ha="center", va="center")
    for (label, vector), color in zip(vectors.items(), itertools.cycle(PALETTE[:6])):
        x, y, z = np.asarray(vector, dtype=float).tolist()
        right, top = x, z * up + y * tilt
        ax.annotate(
            "", (right, top), (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        )
        side = "left" if right > -0.05 else "right"
        ax.text(right + (0.06 if side == "left" else -0.06), top, label, ha=side, va="bottom" if top > 0 else "top")
    ax.set(xlim=(-1.55, 1.55), ylim=(-1.3, 1.3), aspect="equal")
    ax.set_axis_off()


def light_cone(
    ax: Axes,
    inputs: ArrayLike,
    weights: ArrayLike,
    names: Sequence[str],
    pairs: Sequence[tuple[int, int]] = (),
    colors: Sequence[str] = (PALETTE[1], PALETTE[0]),
) -> None:
    """Draw a layered circuit whose inputs and weights are filled where the measurement of qubit 0 can see them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    inputs : array-like of bool of shape (n_qubits,)
        Whether each qubit's input is seen.
    weights : array-like of bool of shape (n_layers, n_qubits, n_rotations)
        Whether each weight is seen.
    names : sequence of str
        Names of the inputs.
    pairs : sequence of (int, int)
        Control and target of each layer's CNOTs.
    colors : (str, str)
        Of inputs and of weights, for a page on which the usual ones mean something else.
    """
    shown, seen = np.asarray(inputs, dtype=bool), np.asarray(weights, dtype=bool)
    n_layers, n_qubits, n_rotations = seen.shape
    width = n_rotations + 0.5 * len(pairs) + 0.6
    end = 1.4 + n_layers * width
    mark: dict[str, Any] = {"s": 150, "linewidths": 1.2, "zorder": 3, "marker": "s"}
    for qubit in range(n_qubits):
        ax.plot([-0.6, end], [qubit] * 2, color=PALETTE[6], linewidth=1, zorder=1)
        cells = [(0.0, shown[qubit], colors[0])]
        cells += [
            (1.4 + layer * width + k, seen[layer, qubit, k], colors[1]) for layer in range(n_layers) for k in range(n_rotations)
        ]
        for x, filled, color in cells:
            ax.scatter([x], [qubit], facecolor=color if filled else "none", edgecolor=color if filled else PALETTE[6], **mark)
            if not filled:
                ax.plot([x - 0.22, x + 0.22], [qubit - 0.1, qubit + 0.1], color=PALETTE[6], linewidth=1, zorder=4)
    for layer in range(n_layers):
        for k, (control, target) in enumerate(pairs):
            x = 1.4 + layer * width + n_rotations - 0.2 + 0.5 * k
            ax.plot([x, x], [control, target], color=PALETTE[6], linewidth=1, zorder=1)
            ax.scatter([x], [control], s=18, color=PALETTE[6], zorder=2)
            ax.scatter([x], [target], s=70, facecolor="none", edgecolor=PALETTE[6], linewidths=1.2, zorder=2)
    ax.text(end + 0.1, 0, r"$\langle Z_0\rangle$", va="center")
    ax.set(yticks=range(n_qubits), yticklabels=names, ylim=(n_qubits - 0.4, -0.7), xlim=(-0.7, end + 0.9), xticks=[0])
    ax.set_xticks([0, *(1.4 + layer * width + (n_rotations - 1) / 2 for layer in range(n_layers))])
    ax.set_xticklabels(["input", *(f"layer {layer + 1}" for layer in range(n_layers))])
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _display(markup: str, plain: str) -> None:
    display = require("IPython.display", "book")
    display.display({"text/html": markup, "text/plain": plain}, raw=True)

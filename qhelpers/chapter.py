"""What every chapter's first and last cells need: parameters checked, data of the chosen source, records, claims, a footer."""

from __future__ import annotations

import contextlib
import html
import inspect
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from qhelpers import datasets, figures
from qhelpers._extras import require
from qhelpers.runs import records
from qhelpers.runs.records import PROFILES, SOURCES, check_choice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SHOWN = ("qhelpers", "numpy", "scikit-learn", "torch", "pennylane", "qiskit", "qiskit-machine-learning", "matplotlib")

#: What scikit-learn and NumPy's older generators take.
LARGEST_SEED = 2**32 - 1


@dataclass
class Page:
    """A running chapter.

    Attributes
    ----------
    chapter, profile, source : str
    seed : int
    """

    chapter: str
    profile: str
    source: str
    seed: int
    _started: float = field(default_factory=time.perf_counter, repr=False)
    _verdicts: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def quick(self) -> bool:
        """Whether the live cells should take seconds."""
        return self.profile == "quick"

    def dataset(self, name: str, n: int | None = None) -> datasets.Dataset:
        """Data set of the page's source; `n` sets the size of a twin and is ignored for real data."""
        if self.source == "real":
            return datasets.load(name, source="real")
        return datasets.load(name, source="twin", n=n, seed=self.seed)

    def recorded(self, experiment: str, version: str | None = None, **wanted: Any) -> list[records.Record]:
        """Records on real data that fit, see `qhelpers.runs.records.select`.

        Parameters
        ----------
        experiment : str
        version : str, optional
            Of the experiment's code; by default the newest, see `qhelpers.runs.records.measured`.
        **wanted
            Attributes or config entries of the records.

        Raises
        ------
        RecordsError
            If there are none: a page does not go on without the records that it names.
        """
        found = records.select(records.measured(experiment, version), **wanted)
        if not found:
            raise records.RecordsError(
                f"chapter {self.chapter} names records of {experiment} with {wanted}, and there are none in {records.root()}; "
                f"make them with: python -m qhelpers.runs run {experiment} --profile laptop --source real"
            )
        return found

    def frame(self, experiment: str, **wanted: Any) -> pd.DataFrame:
        """`recorded` as a table: a row a trained model."""
        table: pd.DataFrame = records.frame(self.recorded(experiment, **wanted))
        return table

    def costs(self, experiment: str, **wanted: Any) -> pd.DataFrame:
        """What ran on a twin, as a table: for times and memory, never for a score.

        Raises
        ------
        RecordsError
            As `recorded`.
        """
        found = records.select(records.measured(experiment, source="twin"), **wanted)
        if not found:
            raise records.RecordsError(
                f"chapter {self.chapter} names what {experiment} cost with {wanted}, and there is nothing in {records.root()}; "
                f"make it with: python -m qhelpers.runs run {experiment} --profile laptop --source twin"
            )
        table: pd.DataFrame = records.frame(found)
        return table

    def shared_rows(self, experiment: str, **wanted: Any) -> float:
        """Share of test rows that two recorded draws have in common, see `qhelpers.evaluation.shared_rows`.

        Raises
        ------
        RecordsError
            If fewer than two of the draws kept their rows.
        """
        from qhelpers.ledger.evidence import shared_by

        shared = shared_by(self.recorded(experiment, **wanted))
        if shared is None:
            raise records.RecordsError(
                f"no two records of {experiment} with {wanted} kept their test rows; name a model that does"
            )
        return shared

    def printed(self, claim: str, missing_ok: bool = False) -> str | None:
        """What the paper prints for a claim, to the letter; None if it was lost or, with `missing_ok`, never claimed."""
        from qhelpers import ledger

        try:
            return ledger.claim(claim).printed
        except (KeyError, ValueError):
            if missing_ok:
                return None
            raise

    def _judged(self, claim: str) -> Any:
        """Verdict on a claim; of the claims, those of its paper alone are judged."""
        from qhelpers import ledger

        paper = ledger.claim(claim).paper
        if paper not in self._verdicts:
            self._verdicts[paper] = {one.id: one for one in ledger.verdicts(paper)}
        return self._verdicts[paper][claim]

    def verdict(self, claim: str) -> str:
        """Verdict on a claim, the same on every page: over all readings of what the paper leaves open."""
        verdict: str = self._judged(claim).verdict
        return verdict

    def counted(self, *ids: str) -> str:
        """Verdicts on claims, counted in words: "3 hold, 1 falls short"."""
        from qhelpers.ledger.counting import told

        return told(self._judged(one) for one in ids)

    def score(self, experiment: str, metric: str = "accuracy", **config: Any) -> str:
        """Mean of a recorded score, as every page shows it; see `qhelpers.ledger.shown.score`."""
        from qhelpers.ledger import shown

        return shown.score(experiment, metric, **config)

    def against_print(
        self, experiment: str, models: Mapping[str, Mapping[str, Any]], claim: str, *, control: bool = False, **wanted: Any
    ) -> list[dict[str, Any]]:
        """Recorded scores of models beside what the paper prints, for `qhelpers.figures.against_print`.

        Parameters
        ----------
        experiment : str
        models : mapping of str to mapping
            Label of each model and the config entries that select its records; one of them is ``model``.
        claim : str
            Claim of a model's score with ``{model}`` in it; its last part names the metric.
        control : bool
            Whether these are controls.
        **wanted
            Further config entries.

        Returns
        -------
        list of dict
            ``label``, ``n`` (number of runs), ``values`` (a score a run), ``printed`` (text or None), ``control``.
        """
        rows = []
        for label, config in models.items():
            runs = self.recorded(experiment, **config, **wanted)
            values = [run.metrics[claim.rpartition(".")[2]] for run in runs]
            printed = self.printed(claim.format(model=config["model"]), missing_ok=True)
            rows.append({"label": label, "n": len(runs), "values": values, "printed": printed, "control": control})
        return rows

    def claims(self, *ids: str, caption: str) -> None:
        """Show claims as the paper prints them: quantity, place, printed value, and a link to what became of each."""
        from qhelpers import ledger
        from qhelpers.ledger.shown import named

        rows = [ledger.claim(one) for one in ids]
        _claim_table([(c.id, _where(c), named(c.quantity), _printed(c), None) for c in rows], caption)

    def verdicts(self, *ids: str, caption: str) -> None:
        """Show what became of claims: what was measured under the main reading, and the verdict over all readings."""
        from qhelpers import ledger
        from qhelpers.ledger.shown import decimals, exact, named, told

        rows = []
        for one in ids:
            claim, verdict = ledger.claim(one), self._judged(one)
            quantity = claim.meaning.name
            value, rest = "" if verdict.measured is None else told(verdict.measured, verdict.sd, quantity), ""
            run = [reading for reading in verdict.readings if reading.verdict != "pending"]
            if claim.kind in ("ordering", "procedure") and value:
                tries = "runs" if claim.single or verdict.readings[0].in_runs is None else "resamplings"
                value, rest = "", f"it holds in {verdict.measured:.0%} of {tries} (n\u00a0=\u00a0{verdict.n_seeds})"
                if len(run) > 1:
                    rest = f"it holds under {sum(reading.verdict == 'holds' for reading in run)} of {len(run)} readings"
            elif verdict.sd is not None and not exact(verdict.sd, quantity):
                spread = f"{verdict.sd:.{decimals(verdict.measured)}f}"
                rest = f"\u00a0±\u00a0{spread} (n\u00a0=\u00a0{verdict.n_seeds}; {verdict.reading})"
            of = verdict.readings[0].of if verdict.readings else ""
            said = (value, rest, f"{verdict.verdict}{'; rebuilt' if verdict.reconstructed else ''}", of)
            rows.append((one, _where(claim), named(claim.quantity), _printed(claim), said))
        _claim_table(rows, caption)

    def ask(self, first: str) -> None:
        """Show what became of a claim; in JupyterLab, with a menu that asks for any other of its paper."""
        from qhelpers import ledger

        others = [claim.id for claim in ledger.claims(ledger.claim(first).paper) if claim.id != first]
        caption = "One claim and what became of it; in JupyterLab a menu asks for any other."
        self.control(lambda claim: self.verdicts(claim, caption=caption), claim=[first, *others])

    def finding(self, text: str, picture: Figure, *, alt: str, caption: str) -> None:
        """Show what the chapter found, in the box that opens every chapter, and one picture of it.

        Parameters
        ----------
        text : str
            One to three plain sentences whose numbers were put in by code; inline HTML.
        picture : matplotlib.figure.Figure
            Understood in ten seconds; at most 5.5 inches wide, so that its words can be read on a phone.
        alt, caption : str
            As for `qhelpers.figures.show`.
        """
        # the frame is written into the element: JupyterLab has none of the site's style
        frame = "border: 2px solid #009e73; border-radius: 0.4rem; padding: 0.7rem 1rem"
        name = '<p class="qh-finding-name"><strong>What we found</strong></p>'
        box = f'<div class="qh-finding-box" style="{frame}">{name}<p>{text}</p></div>'
        shown = box + figures.figure_html(picture, alt, caption)
        plain = html.unescape(re.sub("<[^>]+>", "", text))
        _show(f'<section class="qh-finding" aria-label="What we found">{shown}</section>', f"What we found: {plain}\n{alt}")

    def banner(self, *, reads: bool = True) -> None:
        """Say on which data the live cells run: where they begin, if `start` was told to leave it out.

        Parameters
        ----------
        reads : bool
            Whether the page reads any.
        """
        data = (
            "<strong>synthetic twins</strong> (they ship as code and imitate the real files; none of their numbers is a "
            "measurement)"
            if self.source == "twin"
            else "the <strong>real data</strong>"
        )
        text = (
            f"What runs live on this page uses {data}, profile <code>{self.profile}</code>, seed {self.seed}. "
            "What is called <strong>recorded</strong> was measured on the real data."
        )
        if not reads:
            text = (
                f"What runs live on this page reads no data, profile <code>{self.profile}</code>, seed {self.seed}. "
                "What is called <strong>recorded</strong> was measured before."
            )
        plain = f"live: {self.source if reads else 'no data'}, {self.profile}, seed {self.seed}"
        _show(f'<div class="qh-banner qh-{self.source}" role="note">{text}</div>', plain)

    @contextlib.contextmanager
    def folded(self, title: str) -> Iterator[None]:
        """Put the figures, tables and HTML that are shown within under a line that unfolds them.

        Raises
        ------
        ValueError
            If something else is shown: what is no HTML cannot be folded.
        """
        with require("IPython.utils.capture", "book").capture_output() as caught:
            yield
        told = [output.data for output in caught.outputs]
        if not told or caught.stdout.strip() or not all("text/html" in data for data in told):
            raise ValueError(f"under {title!r} something else is shown than figures and tables; show it outside")
        inner = "".join(data["text/html"] for data in told)
        plain = "\n".join([title, *(data.get("text/plain", "") for data in told)])
        summary = f'<summary style="display: list-item; list-style: revert; cursor: pointer">{html.escape(title)}</summary>'
        _show(f'<details class="qh-folded">{summary}{inner}</details>', plain)

    def control(self, run: Callable[..., None], **choices: Sequence[Any]) -> None:
        """Run something for the first value of each choice; in JupyterLab, with a menu for each that runs it again.

        Where nobody is there to choose, what it shows stands alone: a page of the site holds no widget.

        Parameters
        ----------
        run : callable
            Takes the choices by name and shows what comes of them.
        **choices
            What can be chosen, the first value first.
        """
        if _someone_runs_this():
            widgets = require("ipywidgets", "book")
            look = {"description_width": "initial"}
            menus = {
                name: widgets.Dropdown(options=list(values), description=name.replace("_", " "), style=look)
                for name, values in choices.items()
            }
            widgets.interact(run, **menus)
        else:
            run(**{name: values[0] for name, values in choices.items()})

    def slide(self, run: Callable[[Any], None], values: Sequence[float], *, start: float, label: str) -> None:
        """Run something for one number; in JupyterLab, with a slider over numbers that runs it again.

        Where nobody is there to slide, what it shows for `start` stands alone, as in `control`.

        Parameters
        ----------
        run : callable
            Takes the number and shows what comes of it.
        values : sequence of float
            The slider's stops, in their order.
        start : float
            One of them.
        label : str
            What stands beside the slider.

        Raises
        ------
        ValueError
            If `start` is none of the values.
        """
        if start not in values:
            raise ValueError(f"the slider starts at {start}; it has {', '.join(map(str, values))}")
        if _someone_runs_this():
            widgets = require("ipywidgets", "book")
            look = {"description_width": "initial"}
            slider = widgets.SelectionSlider(
                options=list(values), value=start, description=label, style=look, continuous_update=False
            )
            widgets.interact(run, **{next(iter(inspect.signature(run).parameters)): slider})
        else:
            run(start)

    def say(self, text: str) -> None:
        """Show a sentence in Markdown whose numbers were put in by code."""
        require("IPython.display", "book").display_markdown(text, raw=True)

    def took(self, text: str) -> None:
        """Show a sentence about how long something took in this run; the one kind of output that another run changes.

        It is marked as such, and is no Markdown: two builds of the book are compared without it.
        """
        _show(f'<p class="qh-cost">{html.escape(text)}</p>', text)

    def measured(self, name: str) -> dict[str, Any]:
        """Return what a benchmark measured: ``"results"`` (`make bench`), ``"growth"`` or ``"spreading"`` (`make` and its name).

        Raises
        ------
        RecordsError
            If the file is not there: a page does not go on without the measurements that it names.
        """
        path = records.root().parent / "benchmarks" / f"{name}.json"
        if not path.exists():
            target = "bench" if name == "results" else name
            raise records.RecordsError(f"{path.name} is not in benchmarks/; measure it: make {target}")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def finish(self) -> None:
        """Show the versions and the seconds of this run."""
        versions = [f"Python {platform.python_version()}"]
        for package in _SHOWN:
            try:
                versions.append(f"{package} {metadata.version(package)}")
            except metadata.PackageNotFoundError:
                continue
        seconds = time.perf_counter() - self._started
        spent = f"{seconds:.0f} s"
        text = f" after the imports, profile {self.profile}, source {self.source}, seed {self.seed}. " + " · ".join(versions)
        markup = f'This run: <span class="qh-cost">{spent}</span>{html.escape(text)}'
        _show(f'<p class="qh-footer">{markup}</p>', f"This run: {spent}{text}")


def start(chapter: str, *, profile: str, source: str, seed: int, banner: bool = True) -> Page:
    """Check a notebook's parameters, set the look of its figures and say what runs live and what was recorded.

    Parameters
    ----------
    chapter : str
        Number, for instance ``"1.1"``.
    profile : {"quick", "laptop", "paper"}
        Budget of the live cells.
    source : {"twin", "real"}
        Synthetic twin, which ships as code, or the official files.
    seed : int
        From which everything random in the notebook follows, 0 to `LARGEST_SEED`.
    banner : bool, default=True
        Say at once which data run live; without, `Page.banner` does so where live cells begin.

    Returns
    -------
    Page

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    """
    check_choice("profile", profile, PROFILES)
    check_choice("source", source, SOURCES)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed {seed!r}; allowed is a whole number from 0 to {LARGEST_SEED}: give one with -p seed 0")
    figures.style()
    page = Page(chapter, profile, source, seed)
    if banner:
        page.banner()
    return page


def _someone_runs_this() -> bool:
    """Whether somebody runs the cells: a user interface names the cell that it sends, a program that executes them does not."""
    kernel = getattr(require("IPython", "book").get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent("shell").get("metadata", {})


def _where(claim: Any) -> str:
    """Place of a claim, with the printed number in the words that surround it."""
    from qhelpers.ledger.shown import plain

    return plain(str(claim.where).replace("{}", "lost" if claim.printed is None else str(claim.printed)))


def _printed(claim: Any) -> str:
    from qhelpers.ledger.shown import plain

    return "lost" if claim.printed is None else plain(str(claim.printed))


def _claim_table(rows: Sequence[tuple[str, str, str, str, tuple[str, str, str, str] | None]], caption: str) -> None:
    """Claims as printed; with what was measured (the value, what else is said, of what it is) and the verdict; ids last."""
    from qhelpers.figures import LEFT
    from qhelpers.ledger.shown import mark
    from qhelpers.verdicts import slug

    judged = bool(rows) and rows[0][4] is not None
    heads = ["quantity, and where", "printed", *(["measured", "verdict"] if judged else []), "claim"]
    body, lines = "", []
    for identifier, where, quantity, printed, found in rows:
        told = [f'{html.escape(quantity)}<span class="qh-where">, {html.escape(where)}</span>', html.escape(printed)]
        plain = [quantity, where, printed]
        if found is not None:
            value, rest, verdict, of = found
            badge = f'<span class="qh-verdict qh-v-{slug(verdict.partition(";")[0])}">{html.escape(verdict)}</span>'
            told += [mark(value, of) + html.escape(rest), badge]
            plain += [value + rest, verdict]
        lines.append(" | ".join([*plain, identifier]))
        first, *others = told
        cells = "".join(f'<td data-name="{name}"{LEFT}>{text}</td>' for name, text in zip(heads[1:-1], others, strict=True))
        link = f'<a href="../scoreboard.html#{html.escape(identifier)}"><code>{html.escape(identifier)}</code></a>'
        body += f'<tr><td{LEFT}>{first}</td>{cells}<td class="qh-id"{LEFT}>{link}</td></tr>'
    head = "".join(f'<th scope="col"{LEFT}>{one}</th>' for one in heads)
    label = html.escape(caption, quote=True)
    _show(
        f'<div class="qh-table" tabindex="0" role="region" aria-label="{label}"><table class="qh-stacked">'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>",
        "\n".join(lines),
    )


def _show(markup: str, plain: str) -> None:
    require("IPython.display", "book").display({"text/html": markup, "text/plain": plain}, raw=True)

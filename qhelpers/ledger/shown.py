"""A mean score as every page shows it: read from the same records, rounded in the same way, and marked with what it is."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from qhelpers._extras import require
from qhelpers.ledger.evidence import Sample, committed

_SHORT = {"rmse", "mse", "mae", "mape", "rse", "auc", "fps", "f1", "ci"}

_MARKED = re.compile(r'<span class="qh-value" data-of="([^"]+)">([^<]+)</span>')


def sample(experiment: str, metric: str = "accuracy", **config: Any) -> Sample:
    """Recorded values of a metric, one a seed, by the rules of the ledger.

    Parameters
    ----------
    experiment : str
    metric : str
    **config
        Entries of the records' config.

    Raises
    ------
    RecordsError
        If nothing is recorded: a page does not go on without the records that it names.
    """
    from qhelpers.runs.records import RecordsError

    found = committed().sample(experiment, config, metric)
    if not found.seeds:
        raise RecordsError(f"there are no records of {experiment} with {config} and {metric}; see: python -m qhelpers.runs list")
    return found


def key(experiment: str, config: Mapping[str, Any], metric: str) -> str:
    """What a value is of: experiment, config and metric in one line; the same on every page."""
    return "; ".join([experiment, *(f"{name}={value}" for name, value in sorted(config.items())), metric])


def mark(text: str, of: str) -> str:
    """A shown number as HTML that says what it is of, a `key`; the text itself, escaped, where that is empty."""
    return f'<span class="qh-value" data-of="{html.escape(of)}">{html.escape(text)}</span>' if of else html.escape(text)


def plain(text: str) -> str:
    """A paper's words without TeX: ``$\\lambda_1 = 0.55$`` as λ_1 = 0.55; words without a dollar or a backslash as they are.

    Quotes may cut a formula, so that dollars need not pair.
    """
    if "$" not in text and "\\" not in text:
        return text
    latex = require("pylatexenc.latex2text", "circuits")
    bare = re.sub(r"(?<!\\)%", r"\\%", text.replace("$", ""))
    return str(latex.LatexNodes2Text().latex_to_text(bare))


def named(quantity: str) -> str:
    """Return a quantity of the ledger as a reader calls it: ``"rmse_sd"`` is RMSE sd, and the performance of a sentence what it
    compares.
    """
    if quantity == "performance":
        return "comparison"
    return " ".join(word.upper() if word in _SHORT else word for word in re.split("[_-]", quantity))


def decimals(value: float) -> int:
    """Decimals that every page shows of a mean and of its spread: three, and one of what is 10 or more."""
    return 1 if abs(value) >= 10 else 3


def rounded(value: float) -> str:
    """A mean as every page shows it, by `decimals`."""
    return f"{value:.{decimals(value)}f}"


def told(value: float, sd: float | None, quantity: str) -> str:
    """What was measured as every page shows it: what is counted or set, and is the same in each run, in all its digits.

    Parameters
    ----------
    value : float
        Mean over runs.
    sd : float or None
        Their standard deviation.
    quantity : str
        Name of what was measured, as in `qhelpers.ledger.quantities`.
    """
    return f"{value:.10g}" if exact(sd, quantity) else rounded(value)


def exact(sd: float | None, quantity: str) -> bool:
    """Whether a quantity is counted or set and no run gave another."""
    return quantity in ("setting", "count", "parameters") and not (sd or 0) > 1e-12


def score(experiment: str, metric: str = "accuracy", **config: Any) -> str:
    """Mean of a recorded score by `decimals`, as HTML that says what it is.

    Parameters
    ----------
    experiment, metric, **config
        As in `sample`.
    """
    return mark(rounded(sample(experiment, metric, **config).values.mean()), key(experiment, config, metric))


def here(of: str, usual: int = 30) -> str:
    """What the main reading gives in place of a cell of a table, printed or lost: mean ± spread.

    Parameters
    ----------
    of : str
        Id of the claim.
    usual : int
        Number of runs that is not mentioned.

    Returns
    -------
    str
        Empty where the claim is not measured by a model's runs, and "not run" where these are missing.
    """
    from qhelpers.ledger.statements import claim, paper
    from qhelpers.runs.records import RecordsError

    one = claim(of)
    config = dict((one.measured_by or {"config": {}})["config"])
    model = paper(of.partition(".")[0]).models.get(config.pop("model", ""))
    if one.measured_by is None or model is None:
        return ""
    try:
        found = sample(one.measured_by["experiment"], one.metric, **{**model, **config}).values
    except RecordsError:
        return "not run"
    digits = 0 if found.mean() >= 100 else 1 if found.mean() >= 1 else 3
    spread = f" ± {found.std(ddof=1):.{digits}f}" if len(found) > 1 else ""
    return f"{found.mean():.{digits}f}{spread}{f' (n = {len(found)})' if len(found) != usual else ''}"


def beside(number: str, places: Mapping[str, str], usual: int = 30) -> list[dict[str, str]]:
    """A table as printed beside the same as measured, a row a model or a data set.

    Parameters
    ----------
    number : str
        The paper's.
    places : mapping of str to str
        What a pair of columns is called, and its claims: the numbers of the tables between bars, and ``{}`` for the row, as in
        ``"6|7 made-up-data.{}.rmse"``.
    usual : int
        Number of runs that is not mentioned.
    """
    from qhelpers.ledger.statements import paper

    book = paper(number)
    printed = {one.id: one.printed or "lost" for one in book.claims}
    rows: dict[str, dict[str, str]] = {}
    for label, pattern in places.items():
        tables, _, rest = pattern.partition(" ")
        for name, called in book.names.items():
            claims = [f"{number}.T{table}.{rest.format(name)}" for table in tables.split("|")]
            for one in [one for one in claims if one in printed][:1]:
                rows.setdefault(called, {"": called}).update({label: printed[one], f"{label}, here": here(one, usual)})
    return list(rows.values())


def marked(markup: str) -> list[tuple[str, str]]:
    """What `mark` has marked in a page: of what, and the number."""
    return [(html.unescape(of), html.unescape(text)) for of, text in _MARKED.findall(markup)]

"""Claims: every number and comparing sentence of a paper, as typed once into its YAML file."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.quantities import Quantity, quantity
from qhelpers.runs.papers import papers as found_papers

KINDS = ("number", "ordering", "procedure", "setting")
#: What claims are counted by, apart from each other.
SORTS = ("results", "sentences", "equations", "counts and settings")
_SORTS = {"ordering": "sentences", "procedure": "equations", "setting": "counts and settings"}
_SETTINGS = ("count", "setting", "points", "citation", "year", "total")
_LIMITS = ("at_least", "at_most", "more_than", "within", "by")
_CLAIM_KEYS = {
    "id",
    "where",
    "printed",
    "unit",
    "quantity",
    "of",
    "kind",
    "measured_by",
    "predicates",
    "single",
    "awaits",
    "needs",
    "note",
    "reconstructed",
}


@dataclass(frozen=True)
class Reading:
    """One way to understand what a text leaves open.

    Parameters
    ----------
    name : str
        Short name, such as ``"chain"``.
    why : str
        What the text leaves open.
    when : mapping
        Model or data that it concerns: ``{"model": [...]}``; empty for all.
    config : mapping
        Keys of a record's config that it fixes.
    experiments : tuple of str
        Those whose configs have such keys; empty for all.
    """

    name: str
    why: str
    when: Mapping[str, tuple[str, ...]]
    config: Mapping[str, Any]
    experiments: tuple[str, ...] = ()

    def concerns(self, config: Mapping[str, Any], experiment: str = "") -> bool:
        """Whether a config (of an experiment) is touched by this reading."""
        if experiment and self.experiments and experiment not in self.experiments:
            return False
        if any(key in config for key in self.config if key not in self.when):  # the claim says so itself
            return False
        return all(config.get(key) in allowed for key, allowed in self.when.items())


@dataclass(frozen=True)
class Control:
    """A model without an ingredient of another, for the verdict ``holds, for another reason``."""

    model: str
    control: str
    without: str


@dataclass(frozen=True)
class Paper:
    """What all claims of one paper share: names, tables, protocol and open readings.

    ``names`` has one name for each model and data set, ``also`` further ones that the paper uses. ``models`` says what a model
    is in the config of a record, where records do not name it, and ``experiments`` in which experiment it is, where that is not
    the one of the claim: a table may have rows of several.
    """

    number: str
    title: str
    names: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]]
    protocol: Mapping[str, Any]
    axes: tuple[tuple[Reading, ...], ...]
    controls: tuple[Control, ...]
    protocols: Mapping[str, Any]
    claims: tuple[Claim, ...] = field(repr=False)
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    experiments: Mapping[str, str] = field(default_factory=dict)

    def experiment(self, config: Mapping[str, Any], otherwise: str) -> str:
        """The experiment that measures a config: the one of its model, or that of the claim."""
        return self.experiments.get(str(config.get("model")), otherwise)

    def called(self, name: str) -> tuple[str, ...]:
        """All names that the paper has for a model or a data set."""
        return (self.names.get(name, name), *self.also.get(name, ()))

    @property
    def runs(self) -> int:
        """Number of runs behind a printed number; 1 where the paper says nothing."""
        return int(self.protocol.get("runs", 1))

    def finest(self, place: str, quantities: Iterable[str]) -> dict[str, dict[str, str]]:
        """Rows of a table by model, each number as the paper prints it most finely anywhere, where that agrees with the table.

        Parameters
        ----------
        place : str
            A table.
        quantities : iterable of str
            Those of a row that are wanted.
        """
        wanted = set(quantities)
        prints = [one for one in self.claims if one.kind == "number" and one.quantity in wanted and one.printed is not None]
        rows: dict[str, dict[str, str]] = {}
        for cell in (one for one in prints if one.place == place):
            same = [one for one in prints if (one.quantity, one.of) == (cell.quantity, cell.of)]
            agree = [one for one in same if one.interval().meets(cell.interval())]
            finest = min(agree, key=lambda one: one.interval().width)
            rows.setdefault(str(cell.of.get("model")), {})[cell.quantity] = finest.told
        return rows

    def readings(self, configs: Iterable[Mapping[str, Any]], experiment: str = "") -> list[tuple[Reading, ...]]:
        """All combinations of the open readings that concern at least one of some configs of an experiment, or of their own."""
        asked = [(config, self.experiment(config, experiment)) for config in configs]
        axes = [axis for axis in self.axes if any(one.concerns(*each) for one in axis for each in asked)]
        return list(product(*axes))


@dataclass(frozen=True)
class Claim:
    """One printed number or comparing sentence.

    Parameters
    ----------
    id : str
        ``part.place.row.quantity``: stable, used in chapters, records and URLs.
    paper : str
        Number of the paper, equal to the part of the book.
    where : str
        Table and row, or section and the words around the number, with ``{}`` in its place.
    printed : str or None
        To the letter; None where the number is lost from the text. For an ordering, the words that compare.
    quantity : str
        A name from the glossary.
    unit : str
        What the head of a column or the words behind a number say of it: ``"%"``, ``"M"``, ``"ms"``.
    of : mapping
        Model, data and split that the number describes, or what a check needs to know.
    kind : {"number", "ordering", "procedure", "setting"}
        What sort of claim it is; a ``setting`` is one in words, such as the name of an optimiser or a version.
    measured_by : mapping or None
        Experiment and config whose records measure it, and ``metric`` where it is not named as the quantity.
    predicates : tuple of mapping
        For all but a number: one predicate over records for each reading of the sentence or of the symbols.
    single : bool
        The sentence reports one experiment, and is judged by single runs; else it speaks of what the method does on average.
    awaits : str or None
        In scope and not yet run: what will run it.
    needs : str or None
        Not at hand: what it would take to measure it.
    note : str or None
        A remark that a reader should see.
    reconstructed : bool
        Its formula, or a sign of it, cannot be read in the text; what is judged was rebuilt from the words around it.
    """

    id: str
    paper: str
    where: str
    printed: str | None
    quantity: str
    unit: str = ""
    of: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "number"
    measured_by: Mapping[str, Any] | None = None
    predicates: tuple[Mapping[str, Any], ...] = ()
    single: bool = False
    awaits: str | None = None
    needs: str | None = None
    note: str | None = None
    reconstructed: bool = False

    @property
    def place(self) -> str:
        """Table or section, without row and words."""
        return self.where.split(",", 1)[0].strip()

    @property
    def sort(self) -> str:
        """What the claim is counted among, one of `SORTS`."""
        if self.kind in _SORTS:
            return _SORTS[self.kind]
        return "counts and settings" if self.quantity in _SETTINGS else "results"

    @property
    def metric(self) -> str:
        """Name of the measured value in a record: ``train_accuracy`` for the accuracy of the training part, and so on."""
        named = (self.measured_by or {}).get("metric")
        if named is not None:
            return str(named)
        split = self.of.get("split")
        return f"{split}_{self.quantity}" if split in ("train", "validation") else self.quantity

    @property
    def meaning(self) -> Quantity:
        """Entry of the glossary."""
        return quantity(self.quantity)

    @property
    def told(self) -> str:
        """The printed number with its unit."""
        return f"{self.printed}{self.unit}"

    def interval(self, rounding: str = "rounded") -> Interval:
        """Interval of the printed number.

        Raises
        ------
        ValueError
            If the number is lost or the claim is a sentence.
        """
        if self.printed is None or self.kind != "number":
            raise ValueError(f"claim {self.id} prints no number; only claims of kind 'number' that are not lost have an interval")
        return self.meaning.interval(self.told, rounding)


@functools.cache
def _files() -> dict[str, Path]:
    return {one.number: one.folder / "claims.yaml" for one in found_papers() if (one.folder / "claims.yaml").exists()}


def papers() -> list[str]:
    """Numbers of the papers whose claims are typed."""
    return list(_files())


def answer(number: str) -> tuple[str, ...]:
    """What came of a paper in three sentences, as HTML; empty where it has none yet."""
    return next((one.sentences() for one in found_papers() if one.number == number), ())


@functools.cache
def paper(number: str) -> Paper:
    """One paper with all its claims.

    Parameters
    ----------
    number : str
        ``"1"`` and so on.

    Raises
    ------
    ValueError
        If there is no such paper.
    """
    if number not in _files():
        raise ValueError(f"unknown paper {number!r}; there are claims of paper {', '.join(papers())}; choose one of them")
    path = _files()[number]
    return parse(path.read_text(encoding="utf-8"), source=f"{path.parent.name}/{path.name}")


def parse(text: str, source: str = "claims") -> Paper:
    """Read a claims file.

    Parameters
    ----------
    text : str
        YAML as in a paper's ``claims.yaml``.
    source : str
        Named in error messages.

    Raises
    ------
    ValueError
        If a claim has an unknown key, kind or quantity, a number that is none, or an id that is used twice.
    """
    content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(content, dict) or not {"paper", "claims"} <= set(content):
        raise ValueError(
            f"{source} is no claims file; it needs at least the keys 'paper' and 'claims'; see the page 'Add a paper'"
        )
    number = str(content["paper"])
    models: dict[str, dict[str, Any]] = content.get("models", {})
    claims_: list[Claim] = []
    seen: set[str] = set()
    entries = [
        one for entry in content["claims"] for one in (_rows(content, entry["rows_of"]) if "rows_of" in entry else [entry])
    ]
    for entry in entries:
        made = _claim(entry, number, source, content.get("groups", {}))
        if made.id in seen:
            raise ValueError(f"{source} has the claim {made.id!r} twice; ids are unique; rename one")
        seen.add(made.id)
        claims_.append(made)
    return Paper(
        number=number,
        title=str(content.get("title", "")),
        names=dict(content.get("names", {})),
        tables=dict(content.get("tables", {})),
        protocol=dict(_expand(content.get("protocol", {}), content.get("groups", {}))),
        axes=tuple(_axis(axis) for axis in content.get("readings", [])),
        controls=tuple(Control(**control) for control in content.get("controls", [])),
        protocols=dict(_expand(content.get("protocols", {}), content.get("groups", {}))),
        claims=tuple(claims_),
        also={name: tuple(others) for name, others in content.get("also", {}).items()},
        models={name: {key: one[key] for key in one if key != "experiment"} for name, one in models.items()},
        experiments={name: one["experiment"] for name, one in models.items() if "experiment" in one},
    )


def split_cell(cell: str) -> tuple[str | None, str | None]:
    """Mean and spread of a cell whose sign between the two is lost (``"435.2812.40"``); None where there is none.

    Both have equally many decimals, as in every table of which this is known.
    """
    two = re.fullmatch(r"\d+\.(\d+)\.(\d+)", cell)
    if two is None:
        return cell or None, None
    decimals = len(two[2])
    return cell[: cell.index(".") + 1 + decimals], cell[cell.index(".") + 1 + decimals :]


def parts_of(column: str, cell: str, none: str = "") -> dict[str, str | None]:
    """Numbers of a cell by quantity: of a mean its spread beside it, of an interval (``ci``) both ends.

    A table may have a sign for a cell that holds no number (``none``); where it has not, such a number is lost.
    """
    cell = cell.strip()
    if none and cell == none:
        return {}
    ends = re.fullmatch(r"\[(.+), (.+)\]", cell) if column == "ci" else None
    if ends:
        return {"ci_low": ends[1], "ci_high": ends[2]}
    if column == "citation":
        cited = re.fullmatch(r"\[(\d+)\]", cell)
        return {column: cited[1]} if cited else {}
    mean, spread = split_cell(cell)
    return {column: mean} | ({f"{column}_sd": spread} if spread else {})


def _rows(content: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """Claims of a table whose ``rows`` are typed as lines, a cell for each column; an empty cell is a lost number.

    A row is named by its model, under the group (a data set) that it stands in; with ``row: data`` by its data set, all of one
    ``model``. Columns are quantities, or data sets where the table has one ``quantity``; a column ``data`` says what a row is
    on, ``units`` what the heads say of their numbers, and ``none`` what stands where there is no number. ``lacking`` says what it
    would take to measure a quantity, what is on some data, or one number (``model.quantity``), and ``works_out`` of which others
    a number follows, by model. ``instead`` says what measures one number, and ``statistics`` which experiment the whole table,
    whatever its models' is.
    """
    table, names, models = content["tables"][place], content["names"], content.get("models", {})
    grouped = table["rows"] if "groups" in table else {"": table["rows"]}
    made = []
    for group, lines in grouped.items():
        for name, line in lines.items():
            if not isinstance(line, str):
                raise ValueError(f"{place}, row {name!r}: its line is {line!r}; quote it, so that it is kept to the letter")
            about = {"split": "test"}
            about |= {"model": table["model"], "data": name} if table.get("row") == "data" else {"model": name}
            about |= {"data": table["groups"][group]} if group else {"data": table["data"]} if "data" in table else {}
            cells = dict(zip(table["columns"], [one.strip() for one in line.split("|")], strict=True))
            if "data" in cells and "quantity" not in table:
                also = content.get("also", {})
                about["data"] = next(key for key in names if cells["data"] in (names[key], *also.get(key, ())))
                del cells["data"]
            for column, cell in cells.items():
                of = about | ({"data": column} if "quantity" in table else {})
                quantity_ = table.get("quantity", column)
                for which, printed in parts_of(quantity_, cell, table.get("none", "")).items():
                    entry = {
                        "id": f"{content['paper']}.T{place.split()[-1]}.{of['data']}.{of['model']}.{which}",
                        "where": f"{place}, row {group}{', ' if group else ''}{names[name]}",
                        "printed": printed,
                        "unit": table.get("units", {}).get(quantity_, ""),
                        "quantity": which,
                        "of": of,
                    }
                    if how := table.get("works_out", {}).get(which, {}).get(of["model"]):
                        entry["of"] = of | {"works_out": how}
                    metric = which.replace(quantity_, table.get("metrics", {}).get(quantity_, quantity_), 1)
                    config = {key: of[key] for key in ("model", "data")}
                    worked_out = "works_out" in entry["of"]
                    own = table.get("statistics")  # what compares models is measured by an experiment of its own
                    if of["model"] in models and (own or "experiment" in table) and not worked_out:
                        experiment = own or models[of["model"]].get("experiment", table["experiment"])
                        entry["measured_by"] = {"experiment": experiment, "config": config, "metric": metric}
                    elif not worked_out:
                        entry |= {key: table[key] for key in ("awaits", "needs") if key in table}
                    if instead := table.get("instead", {}).get(f"{of['model']}.{which}"):
                        entry["measured_by"] = instead
                    keys = (which, of.get("data"), f"{of['model']}.{which}")
                    lacking = [one for key in keys if (one := table.get("lacking", {}).get(key))]
                    if lacking:
                        entry.pop("awaits", None)
                        entry["needs"] = lacking[0]
                        if of.get("data") in table["lacking"]:  # nothing was run on it
                            entry.pop("measured_by", None)
                    made.append(entry)
    return made


def _axis(axis: Mapping[str, Any]) -> tuple[Reading, ...]:
    when = {key: tuple(allowed) for key, allowed in axis.get("when", {}).items()}
    experiments = tuple(axis.get("experiments", ()))
    return tuple(
        Reading(str(option["name"]), str(axis["why"]), when, dict(option["config"]), experiments) for option in axis["options"]
    )


def _expand(value: Any, groups: Mapping[str, list[str]]) -> Any:
    """Replace the names of groups inside lists by their members, in mappings inside them too."""
    if isinstance(value, dict):
        return {key: _expand(one, groups) for key, one in value.items()}
    if not isinstance(value, list):
        return value
    return tuple(
        member for one in value for member in (groups.get(one, [one]) if isinstance(one, str) else [_expand(one, groups)])
    )


def _predicates(given: Mapping[str, Any], groups: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """A predicate with its groups expanded; with ``each: {name: values}`` one for every combination, ``{name}`` filled in."""
    each = given.get("each", {})
    made = []
    for values in product(*each.values()):
        chosen = dict(zip(each, values, strict=True))
        filled = {key: _expand(_fill(value, chosen), groups) for key, value in given.items() if key != "each"}
        for key in _LIMITS:
            if isinstance(filled.get(key, 0), str):  # YAML takes 1e-6 for a word
                raise ValueError(f"{key} of {given.get('reading')!r} is no number: {filled[key]!r}; write it like 0.000001")
        made.append(filled)
    return made


def _fill(value: Any, chosen: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        for name, part in chosen.items():
            value = value.replace(f"{{{name}}}", str(part))
        return value
    if isinstance(value, list):
        return [_fill(one, chosen) for one in value]
    if isinstance(value, dict):
        return {key: _fill(one, chosen) for key, one in value.items()}
    return value


def _claim(entry: Mapping[str, Any], number: str, source: str, groups: Mapping[str, list[str]]) -> Claim:
    name = entry.get("id", "without id")
    unknown = set(entry) - _CLAIM_KEYS
    missing = {"id", "where", "printed", "quantity"} - set(entry)
    if unknown or missing:
        raise ValueError(
            f"{source}, claim {name!r}: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}; "
            f"allowed are {', '.join(sorted(_CLAIM_KEYS))}; mend the entry"
        )
    kind = entry.get("kind", "number")
    if kind not in KINDS:
        raise ValueError(f"{source}, claim {name!r}: unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
    printed = entry["printed"]
    if printed is not None and not isinstance(printed, str):
        raise ValueError(f"{source}, claim {name!r}: printed is {printed!r}; quote it, so that it is kept to the letter")
    made = Claim(
        id=entry["id"],
        paper=number,
        where=entry["where"],
        printed=printed,
        quantity=entry["quantity"],
        unit=entry.get("unit", ""),
        of=entry.get("of", {}),
        kind=kind,
        measured_by=entry.get("measured_by"),
        predicates=tuple(one for predicate in entry.get("predicates", ()) for one in _predicates(predicate, groups)),
        single=bool(entry.get("single", False)),
        awaits=entry.get("awaits"),
        needs=entry.get("needs"),
        note=entry.get("note"),
        reconstructed=bool(entry.get("reconstructed", False)),
    )
    quantity(made.quantity)
    if kind == "number" and printed is not None:
        made.interval()
    return made


def claims(paper_number: str | None = None) -> list[Claim]:
    """Claims of one paper, or of all.

    Parameters
    ----------
    paper_number : str, optional
        ``"1"`` and so on; all papers where it is left out.

    Returns
    -------
    list of Claim
        In the order of the files.
    """
    numbers = papers() if paper_number is None else [str(paper_number)]
    return [one for number in numbers for one in paper(number).claims]


def claim(claim_id: str) -> Claim:
    """The claim with an id.

    Raises
    ------
    ValueError
        If there is none; the message names near ones and what there is.
    """
    known = {one.id: one for one in claims()}
    if claim_id in known:
        return known[claim_id]
    near = near_ids(claim_id, known)
    counts = ", ".join(f"{len(paper(number).claims)} of paper {number}" for number in papers())
    raise ValueError(
        f"unknown claim {claim_id!r}; {'near are ' + ', '.join(near) if near else 'none is near'}; there are {counts}; "
        "list them with: python -m qhelpers.ledger list"
    )


def near_ids(claim_id: str, known: Iterable[str]) -> list[str]:
    """Known ids that look like a given one or contain it."""
    known = list(known)
    close = difflib.get_close_matches(claim_id, known, n=5, cutoff=0.6)
    inside = [one for one in known if claim_id and claim_id in one]
    return list(dict.fromkeys(close + inside))[:6]

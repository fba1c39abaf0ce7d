"""Protocols that were searched afterwards: what each gives in every cell of a table, and how much a single one explains.

A paper that leaves open which rows, columns, balance and split stand behind a table can be read in many ways. Those that were
fixed before any score was seen are the readings of its claims file; those that were enumerated later are here. A number that
meets its interval under one of them is not refuted. With hundreds to choose from that is easily done, so that one protocol for a
whole row and for a whole table says more than the most favourable one a cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qhelpers.ledger.evidence import SMALLEST_N, Evidence
from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.statements import Claim, Paper

LEVEL = 0.95


class Searched(NamedTuple):
    """What the protocols that were searched say of one printed number.

    Attributes
    ----------
    tried : int
        Protocols whose interval is narrow enough to have refuted it.
    holding : int
        Those of them whose interval it meets.
    best : str
        The one of these whose mean is nearest to it.
    measured, sd : float or None
        Of that protocol.
    interval : tuple of float or None
        Of that protocol.
    n : int
        Its draws.
    p : float
        The largest p-value over all that were tried.
    """

    tried: int
    holding: int
    best: str = ""
    measured: float | None = None
    sd: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0
    p: float = 0.0


class Explained(NamedTuple):
    """How many cells of a row or a table one single protocol explains.

    Attributes
    ----------
    place, rows : str
        Table, and the row, or which rows.
    cells : int
        Cells of that kind.
    explained : int
        Those that the protocol explains which explains most.
    cell_by_cell : int
        Those that some protocol explains, another one for each.
    protocol : str
        That protocol.
    """

    place: str
    rows: str
    cells: int
    explained: int
    cell_by_cell: int
    protocol: str


@dataclass(frozen=True)
class _Scores:
    """Scores of one model under every protocol: mean and spread of arcsine roots, shape (n_protocols, 4)."""

    names: list[tuple[str, ...]]
    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    raw_mean: np.ndarray
    raw_sd: np.ndarray

    def intervals(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Prediction intervals for one further draw, as `qhelpers.evaluation.prediction` gives them for a score."""
        from scipy import stats

        from qhelpers.evaluation.comparison import from_roots

        half = stats.t.ppf((1 + LEVEL) / 2, self.n - 1) * self.sd[:, column] * np.sqrt(1 + 1 / self.n)
        return (
            from_roots(self.mean[:, column] - half, (0.0, 1.0)),
            from_roots(self.mean[:, column] + half, (0.0, 1.0)),
        )

    def p(self, column: int, printed: Interval) -> np.ndarray:
        """Two-sided p-values of a rounding interval."""
        from scipy import stats

        from qhelpers.evaluation.comparison import roots

        lo, hi = roots([printed.lo, printed.hi], (0.0, 1.0))
        distance = np.maximum(0.0, np.maximum(lo - self.mean[:, column], self.mean[:, column] - hi))
        error = self.sd[:, column] * np.sqrt(1 + 1 / self.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(error > 0, distance / error, np.where(distance > 1e-12, math.inf, 0.0))
        return np.asarray(2 * stats.t.sf(statistic, self.n - 1))


class Specifications:
    """The searched protocols of a paper; empty where its claims file names none or nothing is recorded.

    Parameters
    ----------
    book : Paper
    evidence : Evidence
    """

    def __init__(self, book: Paper, evidence: Evidence) -> None:
        self.book, self.about = book, book.protocols
        self._scores: dict[tuple[str, str], _Scores] = {}
        if self.about:
            self._read(evidence)

    def _read(self, evidence: Evidence) -> None:
        from qhelpers.evaluation.comparison import roots
        from qhelpers.evaluation.likelihood import AVERAGES, counts_by_protocol, scores

        keys, without = tuple(self.about["keys"]), dict(self.about.get("without", {}))
        usable = [
            record
            for record in evidence.records(str(self.about["experiment"]))
            if all(record.config.get(key) != value for key, value in without.items())
        ]
        data = {alias: name for name, aliases in self.about["data"].items() for alias in aliases}
        parts: dict[tuple[str, str], list[tuple[tuple[str, ...], np.ndarray]]] = {}
        for protocol, models in counts_by_protocol(usable, keys).items():
            for model, counts in models.items():
                if protocol[0] not in data or len(counts) < SMALLEST_N:
                    continue
                for average in AVERAGES:
                    drawn = scores(counts, average).mean(axis=1)
                    drawn = drawn[np.isfinite(drawn).all(axis=1)]
                    if len(drawn) >= SMALLEST_N:
                        parts.setdefault((data[protocol[0]], model), []).append(((*protocol, average), drawn))
        for key, found in parts.items():
            rooted = [roots(drawn, (0.0, 1.0)) for _, drawn in found]
            self._scores[key] = _Scores(
                [name for name, _ in found],
                np.array([len(drawn) for _, drawn in found]),
                np.array([one.mean(axis=0) for one in rooted]),
                np.array([one.std(axis=0, ddof=1) for one in rooted]),
                np.array([drawn.mean(axis=0) for _, drawn in found]),
                np.array([drawn.std(axis=0, ddof=1) for _, drawn in found]),
            )

    def of(self, claim: Claim) -> Searched | None:
        """What the searched protocols say of a claim; None where they say nothing."""
        found = list(self._asked(claim))
        if not found:
            return None
        printed, (best, distance) = claim.interval(), (None, math.inf)
        tried = holding = 0
        largest = 0.0
        for model, scores, narrow, meets, lo, hi, column in found:
            tried, holding = tried + int(narrow.sum()), holding + int(meets.sum())
            if narrow.any():
                largest = max(largest, float(scores.p(column, printed)[narrow].max()))
            gaps = np.where(meets, np.abs(scores.raw_mean[:, column] - printed.mid), math.inf)
            if meets.any() and gaps.min() < distance:
                place = int(gaps.argmin())
                distance = float(gaps[place])
                best = Searched(
                    0,
                    0,
                    self.told(scores.names[place], model),
                    float(scores.raw_mean[place, column]),
                    float(scores.raw_sd[place, column]),
                    (float(lo[place]), float(hi[place])),
                    int(scores.n[place]),
                )
        return (best or Searched(0, 0))._replace(tried=tried, holding=holding, p=largest) if tried else None

    def _asked(self, claim: Claim) -> Any:
        """Scores of each name that a claim's model has in the records, with who is narrow, who explains the number, and ends."""
        from qhelpers.evaluation.likelihood import QUANTITIES

        if claim.kind != "number" or claim.printed is None or claim.quantity not in QUANTITIES or claim.of.get("split") != "test":
            return
        column, printed = QUANTITIES.index(claim.quantity), claim.interval()
        for model in self.names(str(claim.of.get("model"))):
            scores = self._scores.get((str(claim.of.get("data")), model))
            if scores is not None:
                lo, hi = scores.intervals(column)
                narrow = (hi - lo) / 2 <= claim.meaning.margin(0.0)
                meets = narrow & (lo <= printed.hi + 1e-12) & (hi >= printed.lo - 1e-12)
                yield model, scores, narrow, meets, lo, hi, column

    def names(self, model: str) -> Sequence[str]:
        """What a model of the claims is called in the records."""
        named: Sequence[str] = self.about.get("models", {}).get(model, [model])
        return named

    def told(self, protocol: Sequence[str], model: str = "") -> str:
        """A protocol in words, with a model that has several names."""
        keys = (*self.about["keys"], "features", "average")
        parts = [f"{key}: {value}" for key, value in zip(keys, protocol, strict=True)]
        return ", ".join([*parts, model] if any(model in names for names in self.about.get("models", {}).values()) else parts)

    def explained(self) -> list[Explained]:
        """For each row of each table, for its classical rows and for all: how many cells one single protocol explains."""
        lines = []
        for place in self.book.tables:
            cells = [claim for claim in self.book.claims if claim.place == place]
            rows: dict[str, list[Claim]] = {}
            for claim in cells:
                rows.setdefault(str(claim.of.get("model")), []).append(claim)
            counted = {model: self._counted(mine) for model, mine in rows.items()}
            lines += [self._most(place, self.book.names.get(model, model), [model], counted) for model in rows]
            groups = {name: [one for one in members if one in rows] for name, members in self.about.get("rows", {}).items()}
            groups["all rows"] = list(rows)
            lines += [self._most(place, name, members, counted) for name, members in groups.items()]
        return [line for line in lines if line is not None]

    def _counted(self, cells: Sequence[Claim]) -> tuple[int, int, Mapping[tuple[str, ...], int]]:
        """Cells of a row that can be asked, those that some protocol explains, and how many each protocol explains."""
        per_model: dict[str, dict[tuple[str, ...], int]] = {}
        asked = some = 0
        for claim in cells:
            found = list(self._asked(claim))
            asked += bool(found)
            some += any(meets.any() for _, _, _, meets, *_ in found)
            for model, scores, _, meets, *_ in found:
                counts = per_model.setdefault(model, {})
                for name, one in zip(scores.names, meets, strict=True):
                    counts[name] = counts.get(name, 0) + int(one)
        best: dict[tuple[str, ...], int] = {}
        for counts in per_model.values():  # a protocol leaves open what a model's several names differ in
            for name, count in counts.items():
                best[name] = max(best.get(name, 0), count)
        return asked, some, best

    def _most(
        self,
        place: str,
        called: str,
        models: Sequence[str],
        counted: Mapping[str, tuple[int, int, Mapping[tuple[str, ...], int]]],
    ) -> Explained | None:
        sums: dict[tuple[str, ...], int] = {}
        for model in models:
            for name, count in counted[model][2].items():
                sums[name] = sums.get(name, 0) + count
        if not sums:
            return None
        best = max(sums, key=sums.__getitem__)
        cells, some = sum(counted[model][0] for model in models), sum(counted[model][1] for model in models)
        return Explained(place, called, cells, sums[best], some, self.told(best))

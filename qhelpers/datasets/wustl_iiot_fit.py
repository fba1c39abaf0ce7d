"""Fit the twin of WUSTL-IIoT-2021: kinds of flow to genuine rows, shares, tails and order to published tables of all rows.

``python -m qhelpers.datasets.wustl_iiot_fit FOLDER`` writes what `qhelpers.datasets.wustl_iiot_twin` draws from; the folder holds
the published tables, and the first 999 rows are found as any data set is.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from qhelpers.datasets.base import Dataset
from qhelpers.datasets.loading import load
from qhelpers.datasets.wustl_iiot import COLUMNS, FAMILIES, address_number
from qhelpers.datasets.wustl_iiot_twin import INVENTED, LEVELS, OWN, PATH, Fitted, twin

_FEWEST = 5  # genuine flows that are a kind of their own
_STEPS = 4  # values that are kept with their shares; more become quantiles
#: Columns whose few large values are drawn from a tail of their own.
_TAILS = ("SrcPkts", "DstPkts", "SrcLoss", "DstLoss", "SrcJitter", "DstJitter", "SynAck", "sDSb", "sTos")
#: Columns that broken rows spoil, as far as published moments tell.
_SPOILT = ("Dur", "Loss", "TotBytes", "TotAppByte")
#: Senders of DoS whom nobody else shares; the rest of it came from the attacker's own machine.
_FLOOD = ("209.240.235.92", "20.1.249.77", "49.48.134.64")
_ATTACKER, _SERVER = address_number(b"192.168.0.10"), address_number(b"192.168.0.2")


def fit(X: pd.DataFrame, family: np.ndarray, known: Mapping[str, Any]) -> Fitted:
    """Fit kinds of flow to some rows, and their shares, tails and broken rows to what is known of all.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_rows, 47)
        Genuine rows.
    family : ndarray of shape (n_rows,)
        Their families.
    known : mapping
        What `fitted` holds of the whole file: ``columns``, ``rows``, ``families``, ``runs``, ``clock``, ``senders``,
        ``n_broken``, ``published``.

    Returns
    -------
    dict
        As from `fitted`.

    Raises
    ------
    ValueError
        If a family that is not invented has no row.
    """
    if missing := [name for name in known["families"] if name not in (*INVENTED, *np.unique(family))]:
        raise ValueError(f"no rows of {', '.join(missing)}; each family but {' and '.join(INVENTED)} needs one, for fitting")
    made: Fitted = dict(known) | {"kinds": _kinds(X, family, known["senders"]) + _invented(), "tails": {}, "broken": {}}
    rng = np.random.default_rng(0)
    published = known["published"]
    plain = _moments(twin(200_000, rng, made), made)
    for name in _TAILS:
        mean, sd, *_, most = published[name]
        first, second = plain[name]
        least = max(2 * first, 1e-3 if name == "SynAck" else 1.0)
        if tail := _tail(mean - first, mean**2 + sd**2 - second, most, least):
            made["tails"][name] = tail
    plain = _moments(twin(200_000, rng, made), made)
    for name in _SPOILT:
        mean, *_, most = published[name]
        one = (mean - plain[name][0]) * known["rows"] / known["n_broken"]
        if 0 < one < most:
            made["broken"][name] = [float(most), round(most / one - 1, 3)]
    return made


def _kinds(X: pd.DataFrame, family: np.ndarray, senders: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Kinds of flow: what occurs `_FEWEST` times with the same packets and bytes; the rest by protocol; the rest of a family.

    So no kind is a genuine flow under another name: columns of those that are pooled are drawn one by one.
    """
    rows = _parts(X).assign(family=family)[~np.isin(family, INVENTED)]
    columns = rows.columns.drop("family")
    # How many flows a sender has in the whole file is published; within its flows the sample's shares hold.
    sampled = rows.groupby(["family", "SrcAddr"])["Dur"].transform("size")
    known = [senders[name].get(str(int(sender)), 0) for name, sender in zip(rows["family"], rows["SrcAddr"], strict=True)]
    rows["weight"] = known / sampled / rows.groupby("family")["Dur"].transform("size")
    groups, left = [], rows
    for keys in (["family", "Proto", "SrcAddr", "SrcPkts", "DstPkts", "SrcSize", "DstSize"], ["family", "Proto"]):
        often = left.groupby(keys)["Dur"].transform("size") >= _FEWEST
        groups += [group for _, group in left[often].groupby(keys)]
        left = left[~often]
    groups += [group for _, group in left.groupby("family")]
    total = rows.groupby("family")["weight"].sum()
    kinds = []
    for group in groups:
        name, weight = group["family"].iloc[0], group["weight"].sum()
        kind: dict[str, Any] = {"family": name, "share": round(weight / total[name], 6)}
        kind |= {"constant": {}, "steps": {}, "quantiles": {}}
        for column in columns:
            shares = (group.groupby(column)["weight"].sum() / weight).round(4)
            if len(shares) == 1:
                kind["constant"][column] = _short(shares.index[0])
            elif len(shares) <= _STEPS and column != "Dur":
                kind["steps"][column] = [list(map(_short, shares.index)), shares.tolist()]
            else:
                rank = group[[column, "Dur"]].rank().corr().fillna(0).iloc[0, 1]
                kind["quantiles"][column] = [round(float(rank), 3), *map(_short, np.quantile(group[column], LEVELS))]
        kinds.append(kind)
    return sorted(kinds, key=lambda kind: (kind["family"], -kind["share"]))


def _parts(X: pd.DataFrame) -> pd.DataFrame:
    """What a flow is drawn from, from what is recorded of it; `_flows` is the way back."""

    def ratio(a: Any, b: Any) -> np.ndarray:
        return np.divide(a, b, out=np.zeros(len(X)), where=np.asarray(b) > 0)

    parts = X[list(OWN)].copy()
    parts["AckDat"] = (X["TcpRtt"] - X["SynAck"]).clip(lower=0)
    for side, app in (("Src", "SAppBytes"), ("Dst", "DAppBytes")):
        packets, initial = X[f"{side}Pkts"], side[0]
        parts[f"{side}Size"] = ratio(X[f"{side}Bytes"], packets)
        parts[f"{side}App"] = ratio(X[app], packets)
        parts[f"{side}Lost"] = ratio(X[f"{side}Loss"], packets)
        parts[f"{side}Active"] = ratio(X[f"{side}JitAct"], X[f"{side}Jitter"])
        steps = (packets - 1).clip(lower=0)
        parts[f"{side}Fill"] = ratio(X[f"{side}Load"] * X["Dur"], 8 * X[f"{side}Bytes"] * ratio(steps, packets))
        parts[f"{side}Gap"] = ratio(X[f"{initial}IntPkt"] * steps, 1000 * X["Dur"])
    return parts


def _invented() -> list[dict[str, Any]]:
    """CommInj after the one published flow (two short packets each way, 12 µs), Backdoor after nothing: a short TCP exchange."""
    shared = dict.fromkeys(("sDSb", "sTos", "SrcActive", "DstActive"), 0.0) | {"SrcAddr": _ATTACKER, "DstAddr": _SERVER}
    ratios = dict.fromkeys(("SrcFill", "DstFill", "SrcGap", "DstGap"), 1.0)
    port = [0.0, *np.linspace(49_152, 65_535, 11).tolist()]
    number = [0.0, *np.linspace(0, 65_535, 11).tolist()]
    idle = ("Sport", "Dport", "sTtl", "dTtl", "sIpId", "dIpId", "SrcJitter", "DstJitter", "SynAck", "AckDat")
    none = dict.fromkeys((*idle, "SrcLost", "DstLost"), 0.0)
    injection = none | {"Proto": 2054.0, "SrcPkts": 2.0, "DstPkts": 2.0, "SrcSize": 62.0, "DstSize": 62.0, "SrcApp": 34.0}
    backdoor = {"Proto": 6.0, "Dport": 4444.0, "sTtl": 64.0, "dTtl": 64.0, "SrcSize": 70.0, "DstSize": 64.0, "SrcApp": 4.0}
    backdoor |= {"DstApp": 4.0, "SrcLost": 0.0, "DstLost": 0.0}
    return [
        {
            "family": "CommInj",
            "share": 1.0,
            "constant": shared | ratios | injection | {"DstApp": 34.0},
            "steps": {},
            "quantiles": {"Dur": [1.0, *(np.arange(7, 18) * 1e-6).round(6).tolist()]},
        },
        {
            "family": "Backdoor",
            "share": 1.0,
            "constant": shared | ratios | backdoor,
            "steps": {"SrcPkts": [[6.0, 8.0, 10.0], [0.4, 0.3, 0.3]], "DstPkts": [[6.0, 8.0], [0.5, 0.5]]},
            "quantiles": {"Sport": port, "sIpId": number, "dIpId": number}
            | {name: [0.3, *np.linspace(*ends, 11).round(6).tolist()] for name, ends in _BACKDOOR.items()},
        },
    ]


_BACKDOOR = {"SrcJitter": (5, 500), "DstJitter": (5, 30), "SynAck": (5e-4, 2e-3), "AckDat": (0, 1e-4), "Dur": (0.03, 0.3)}


def _moments(drawn: tuple[np.ndarray, np.ndarray], made: Fitted) -> dict[str, tuple[float, float]]:
    """Mean and mean square of each column."""
    return {name: (float(row.mean()), float((row**2).mean())) for name, row in zip(made["columns"], drawn[0], strict=True)}


def _tail(first: float, second: float, most: float, least: float) -> list[float] | None:
    """Share, exponent, least and largest value of a truncated Pareto law with what is missing in mean and mean square."""
    if first <= 0 or second <= 0 or most <= least:
        return None
    first, second = first / most, second / most**2

    def means(a: float) -> tuple[float, float]:
        norm, one, two = (_power(least, most, k - a - 1) for k in range(3))
        return one / norm, two / norm

    def apart(a: float) -> float:
        one, two = means(a)
        return two / one - second / first

    low, high = -20.0, 20.0
    exponent = float(brentq(apart, low, high)) if apart(low) * apart(high) < 0 else (low if apart(low) < 0 else high)
    share = first / means(exponent)[0]
    return [float(f"{share:.4g}"), round(exponent, 4), _short(least), float(most)] if share < 0.2 else None


def _power(least: float, most: float, k: float) -> float:
    """Integral of x to the k from `least` to `most`, in units of `most`."""
    low = least / most
    return -np.log(low) if abs(k + 1) < 1e-9 else (1 - low ** (k + 1)) / (k + 1)


def _short(value: float) -> float:
    return float(f"{value:.7g}") if value != int(value) else float(value)


def known_of_all(folder: Path, sample: np.ndarray) -> Fitted:
    """What is known of the whole file, from the published tables in a folder.

    Parameters
    ----------
    folder : Path
        With ``full_counts.json``, ``full_describe.csv``, ``full_srcaddr_counts.csv``, ``full_window_type_runs_T10.csv`` and
        ``full_chronological_partitions.csv``.
    sample : ndarray of shape (n_rows,)
        Times of genuine rows, drawn at random, for the clock.

    Returns
    -------
    dict
        See `fit`.
    """
    counts = json.loads((folder / "full_counts.json").read_text())
    runs: dict[str, list[int]] = {name: [] for name in FAMILIES[1:]}
    at = dict.fromkeys(runs, 0)
    for row in _table(folder, "full_window_type_runs_T10.csv"):
        if (name := row["type"]) != "Normal":
            first, last = int(row["first_attack_row"]), int(row["last_attack_row"])
            runs[name] += [first - at[name], last - first]
            at[name] = last
    published = {}
    for row in _table(folder, "full_describe.csv"):
        if row["column"] in COLUMNS:
            published[row["column"]] = [float(row[key]) for key in ("mean", "std", "min", "25%", "50%", "75%", "max")]
    sent = {_key(row["SrcAddr"]): int(row["rows"]) for row in _table(folder, "full_srcaddr_counts.csv")}
    flood = {_key(sender): sent[_key(sender)] for sender in _FLOOD}
    flood[str(int(_ATTACKER))] = counts["Traffic"]["DoS"] - sum(flood.values())
    edge = [list(map(int, row["StartTime_from"].split(":"))) for row in _table(folder, "full_chronological_partitions.csv")]
    sizes = [int(row["rows"]) for row in _table(folder, "full_chronological_partitions.csv")]
    day = np.sort(sample.astype("datetime64[s]").astype("int64") % 86_400)
    fixed = [(place, 3600 * h + 60 * m + s) for place, (h, m, s) in zip(np.cumsum([0, *sizes[:-1]]), edge, strict=True)]
    middle = [(round(k / 40 * counts["rows"]), int(np.quantile(day, k / 40))) for k in range(1, 40)]
    end = np.datetime64(counts["StartTime_max"], "s").astype("int64") % 86_400
    clock = [*fixed, (counts["rows"] - 1, int(end))]
    clock += [one for one in middle if all((one[0] - place) * (one[1] - second) > 0 for place, second in clock)]
    return {
        "columns": list(COLUMNS),
        "rows": counts["rows"],
        "families": {name: counts["Traffic"][name] for name in FAMILIES},
        "n_broken": sent["0"],
        "senders": {"normal": sent, "DoS": flood, "Reconn": {str(int(_ATTACKER)): counts["Traffic"]["Reconn"]}},
        "runs": runs,
        "clock": [list(map(int, axis)) for axis in zip(*sorted(clock), strict=True)],
        "published": published,
    }


def _table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _key(address: str) -> str:
    return str(int(address_number(address.encode())))


def main(folder: Path, path: Path = PATH) -> None:
    """Fit the twin anew and write what it is drawn from."""
    data: Dataset = load("wustl_iiot_999")
    assert data.family is not None
    made = fit(data.X, data.family, known_of_all(folder, data.time))
    path.write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A twin of WUSTL-IIoT-2021 at any size: what was fitted to published tables and genuine rows, and how flows are drawn from it.

It carries cost, memory and scale, and no verdict on detection: flows of a kind are drawn independently, few kinds of normal
flow are known, and two of four families of attack, `INVENTED`, had no genuine row to be fitted to.
`qhelpers.datasets.wustl_iiot_fit` fits it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Fitted = dict[str, Any]

#: Families of attack that are made up here: of one a single published flow, of the other nothing but its number is known.
INVENTED = ("CommInj", "Backdoor")

PATH = Path(__file__).with_name("wustl_iiot.twin.json")
LEVELS = np.linspace(0, 1, 11)
_DAY = 1_566_172_800  # 2019-08-19, which all flows are stamped with
#: The two days of the capture, seconds since 1970 of their midnight in Missouri, and the second of the day that parts them.
_DAYS, _TURN = (1_548_741_600, 1_548_828_000), 48_240
#: What the draw is made of: official columns, and ratios that hold whatever the length of a flow.
OWN = (
    *("SrcAddr", "DstAddr", "Proto", "Sport", "Dport", "SrcPkts", "DstPkts", "sTtl", "dTtl", "sDSb", "sTos", "sIpId", "dIpId"),
    *("Dur", "SrcJitter", "DstJitter", "SynAck"),
)
_WHOLE = {*OWN[:13]}


@cache
def fitted() -> Fitted:
    """Everything that the twin is drawn from, as fitted to the published tables and the first 999 rows.

    Returns
    -------
    dict
        ``columns``; ``rows`` of the official file, and of each of its ``families``; ``runs``: of each family of attack, in time
        order, normal flows before a run of it and flows to its end, alternating; ``clock``: places in time order and seconds of
        the day; ``kinds`` of flow, each with its family, share, constants, values with shares, and quantiles with their
        correlation with the duration; ``tails`` and ``broken``: what a few rows add; ``published``: marginals of the file.
    """
    return json.loads(PATH.read_text(encoding="utf-8"))


# --- how flows are drawn -----------------------------------------------------------------------------------------


def twin(n: int, rng: np.random.Generator, made: Fitted | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Draw flows, in random order as in the official file.

    Parameters
    ----------
    n : int
        How many; families keep their shares, rounded.
    rng : numpy.random.Generator
        Source of randomness.
    made : dict, optional
        From `fit`; by default `fitted`.

    Returns
    -------
    values : ndarray of shape (47, n)
        Columns in official order.
    family : ndarray of int8, shape (n,)
        Places in ``made["families"]``.
    """
    made = fitted() if made is None else made
    where, family = _places(n, rng, made)
    values = np.zeros((len(made["columns"]), n))
    flows = dict(zip(made["columns"], values, strict=True))
    seconds = np.interp(where, *made["clock"]) + rng.random(n) * 0.99
    flows["StartTime"][:] = np.floor(seconds) + _DAY
    stamp = np.floor(seconds) + np.where(seconds < _TURN, _DAYS[0], _DAYS[1])
    flows["IdleTime"][:] = stamp.astype(np.float32)
    del where, stamp
    for number, name in enumerate(made["families"]):
        mine = np.flatnonzero(family == number)
        kinds = [kind for kind in made["kinds"] if kind["family"] == name]
        share = np.array([kind["share"] for kind in kinds])
        which = rng.choice(len(kinds), len(mine), p=share / share.sum()).astype("int8")
        for place, kind in enumerate(kinds):
            rows = mine[which == place]
            _flows(_drawn(kind, len(rows), rng, made["tails"] if number == 0 else {}), flows, rows)
    _break(flows, np.flatnonzero(family == 0), n, rng, made)
    for name in made["published"].keys() - {"IdleTime"}:  # whose seven published digits are coarser than its steps
        most = made["published"][name][-1]
        np.minimum(flows[name], most, out=flows[name])
    flows["LastTime"][:] = np.floor(seconds + flows["RunTime"]) + _DAY
    return values, family


def _places(n: int, rng: np.random.Generator, made: Fitted) -> tuple[np.ndarray, np.ndarray]:
    """Places in time order and families of `n` flows, shuffled."""
    label = np.zeros(made["rows"], "int8")
    for number, (name, count) in enumerate(made["families"].items()):
        if number == 0:
            continue
        steps = np.cumsum(made["runs"][name])
        first, last = steps[::2], steps[1::2]
        label[first] = label[last] = number  # a run begins and ends with an attack
        inside = np.concatenate([np.arange(a + 1, b) for a, b in zip(first, last, strict=True)])
        label[rng.choice(inside, count - int((label == number).sum()), replace=False)] = number
    edges = np.round(np.array([0, *accumulate(made["families"].values())]) * (n / made["rows"])).astype(int)
    places = []
    for number, count in enumerate(np.diff(edges)):
        there = np.flatnonzero(label == number)
        whole, rest = divmod(int(count), len(there))
        places.append(np.concatenate([np.tile(there, whole), rng.choice(there, rest, replace=False)]))
    order = rng.permutation(n)
    return np.concatenate(places)[order], np.repeat(np.arange(len(places), dtype="int8"), np.diff(edges))[order]


def _drawn(kind: Mapping[str, Any], n: int, rng: np.random.Generator, tails: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of `n` flows of one kind: those that vary follow the duration as closely as in genuine flows (a Gaussian copula)."""
    from scipy.special import ndtr

    parts: dict[str, Any] = dict(kind["constant"])
    along = rng.standard_normal(n)
    for name, (values, shares) in kind["steps"].items():
        parts[name] = np.array(values)[rng.choice(len(values), n, p=np.array(shares) / sum(shares))]
    for name, (rank, *knots) in kind["quantiles"].items():
        normal = along
        if name != "Dur":
            follows = 2 * np.sin(np.pi / 6 * rank)  # Pearson's from Spearman's
            normal = follows * along + np.sqrt(1 - follows**2) * rng.standard_normal(n)
        drawn = np.interp(ndtr(normal), LEVELS, knots)
        parts[name] = np.round(drawn) if name in _WHOLE else drawn
    empty = np.equal(parts["SrcPkts"], 0) & np.equal(parts["DstPkts"], 0)
    parts["SrcPkts"] = np.where(empty, 1.0, parts["SrcPkts"])
    for name, (share, exponent, least, most) in tails.items():
        rows = rng.integers(n, size=rng.binomial(n, share)) if n else np.empty(0, int)
        low = (least / most) ** -exponent
        large = most * (low + (1 - low) * rng.random(len(rows))) ** (-1 / exponent)
        place = {"Pkts": f"{name[:3]}More", "Loss": f"{name[:3]}More lost"}.get(name[3:], name)
        parts[place] = np.array(np.broadcast_to(parts.get(place, 0.0), n), float)
        parts[place][rows] = np.round(large) if name in _WHOLE else large
    return parts


def _flows(parts: Mapping[str, Any], flows: Mapping[str, np.ndarray], rows: np.ndarray) -> None:
    """Fill the official columns of some rows: what a flow's record says follows from its parts."""
    for name in OWN:
        flows[name][rows] = np.round(parts[name], 6)
    duration = np.round(parts["Dur"] + np.zeros(len(rows)), 6)
    per = np.divide(1, duration, out=np.zeros(len(rows)), where=duration > 0)
    for name in ("Dur", "Sum", "Min", "Max", "RunTime"):
        flows[name][rows] = duration
    flows["Mean"][rows] = np.floor(duration)
    flows["TcpRtt"][rows] = np.round(parts["SynAck"] + parts["AckDat"], 6)
    total = dict.fromkeys(("Pkts", "Bytes", "Loss", "Load", "App"), 0.0)
    for side, app in (("Src", "SAppBytes"), ("Dst", "DAppBytes")):
        packets, initial = parts[f"{side}Pkts"], side[0]
        steps = np.maximum(packets - 1, 0)
        size = np.round(packets * parts[f"{side}Size"])
        # Millions of packets in a flow of a tenth of a second: rates and loads of such rows do not follow their counts.
        counted = packets + parts.get(f"{side}More", 0.0)
        own = {
            "Pkts": counted,
            "Bytes": np.round(counted * parts[f"{side}Size"]),
            "Loss": np.round(packets * parts[f"{side}Lost"] + parts.get(f"{side}More lost", 0.0)),
            "Load": np.round(8 * size * (1 - 1 / np.maximum(packets, 1)) * parts[f"{side}Fill"] * per, 6),
            "App": np.round(counted * parts[f"{side}App"]),
        }
        total = {name: value + own[name] for name, value in total.items()}
        for name in ("Pkts", "Bytes", "Loss", "Load"):
            flows[side + name][rows] = own[name]
        flows[app][rows] = own["App"]
        flows[f"{side}Rate"][rows] = np.round(steps * per, 6)
        flows[f"{initial}IntPkt"][rows] = np.round(1000 * duration * parts[f"{side}Gap"] / np.maximum(steps, 1), 6)
        flows[f"{side}JitAct"][rows] = np.round(parts[f"{side}Jitter"] * parts[f"{side}Active"], 6)
    flows["TotPkts"][rows], flows["TotBytes"][rows], flows["Loss"][rows] = total["Pkts"], total["Bytes"], total["Loss"]
    flows["Load"][rows], flows["TotAppByte"][rows] = total["Load"], total["App"]
    flows["Rate"][rows] = np.round(np.maximum(parts["SrcPkts"] + parts["DstPkts"] - 1, 0) * per, 6)
    flows["pLoss"][rows] = np.round(100 * total["Loss"] / np.maximum(total["Pkts"] + total["Loss"], 1), 6)


def _break(flows: Mapping[str, np.ndarray], normal: np.ndarray, n: int, rng: np.random.Generator, made: Fitted) -> None:
    """Spoil as many rows as in the official file, which is not known to hold attacks among them: no sender, no clock."""
    rows = rng.choice(normal, round(n * made["n_broken"] / made["rows"]), replace=False)
    flows["SrcAddr"][rows] = flows["IdleTime"][rows] = 0
    for name, (most, exponent) in made["broken"].items():
        drawn = most * rng.random(len(rows)) ** exponent
        flows[name][rows] = np.round(drawn, 6 if name == "Dur" else 0)


# --- how near it is ----------------------------------------------------------------------------------------------

_STATISTICS = ("mean", "sd", "min", "25 %", "50 %", "75 %", "max")


def published() -> pd.DataFrame:
    """Marginals of the official file as others published them, seven digits.

    Returns
    -------
    pandas.DataFrame of shape (43, 7)
        A row a numeric column; mean, standard deviation, minimum, quartiles, maximum.
    """
    return pd.DataFrame.from_dict(fitted()["published"], orient="index", columns=list(_STATISTICS))


def beside_published(X: pd.DataFrame) -> pd.DataFrame:
    """Marginals of some rows, genuine or of a twin, beside the published ones of the whole file.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_rows, 47)
        For instance ``datasets.load("wustl_iiot", source="twin").X``.

    Returns
    -------
    pandas.DataFrame of shape (43, 16)
        ``published`` and ``here`` with mean, standard deviation, minimum, quartiles and maximum each, and under ``difference``
        ``mean``, in published standard deviations, and ``sd``, as a ratio.
    """
    known = published()
    table = X[list(known.index)]
    quantiles = table.quantile([0, 0.25, 0.5, 0.75, 1]).T
    here = pd.concat([table.mean(), table.std(), quantiles], axis=1, keys=None)
    here.columns = pd.Index(_STATISTICS)
    apart = pd.DataFrame({"mean": (here["mean"] - known["mean"]) / known["sd"], "sd": here["sd"] / known["sd"]})
    return pd.concat({"published": known, "here": here, "difference": apart}, axis=1)

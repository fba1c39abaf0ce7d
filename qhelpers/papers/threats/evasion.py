"""How far an attacker must move what it controls, the sizes and the timing of its own packets, until an attack passes (D2.73).

Every candidate is a flow that could be on the wire: the attacker chooses number, bytes, spacing and jitter of its packets, and
totals, rates, loads and the share of lost packets follow, as the recorder computes them. What the victim answers stays as it was.
All models are asked in the same way, by their verdicts alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: What the attacker chooses: packets, bytes (with headers), seconds from the first packet to the last, jitter in ms.
CHOSEN = ("SrcPkts", "SrcBytes", "Dur", "SrcJitter")
#: What it may write into its packets' headers besides.
HEADERS = ("Sport", "sTtl")
#: What an attacker may change: the first is the main reading.
REACHES: dict[str, tuple[str, ...]] = {"sizes and timing": (), "and its own headers": HEADERS}
#: The recorder cuts a flow after so many seconds.
LONGEST = 5.0
#: Bytes of the smallest and the largest packet on the wire; the most packets, which a line of `LINE` bit/s just carries.
PACKET, MOST, LINE = (60.0, 1514.0), 400_000, 1e9
_DURATIONS = ("Dur", "Sum", "Min", "Max", "RunTime")


def resent(flows: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Flows as they would be recorded if their sender chose other numbers.

    Parameters
    ----------
    flows : DataFrame of shape (n_flows, n_features)
        With the columns of WUSTL-IIoT-2021; those that are not there are not needed.
    chosen : DataFrame of shape (n_flows, n_chosen)
        Some of `CHOSEN` and `HEADERS`. What cannot be is brought to what can: whole packets, 1 to `MOST`, whole bytes, `PACKET`
        bytes a packet, microseconds up to `LONGEST` and no fewer than the line needs, as much jitter at most.

    Returns
    -------
    DataFrame
        All that follows from the sender's numbers, and the victim's as they were, recomputed.
    """
    made = flows.copy()
    for name in chosen:
        made[name] = chosen[name].to_numpy()
    packets = made["SrcPkts"] = np.clip(np.round(made["SrcPkts"]), 1, MOST)
    made["SrcBytes"] = np.round(np.clip(made["SrcBytes"], packets * PACKET[0], packets * PACKET[1]))
    bits = 8 * made["SrcBytes"] * (1 - 1 / packets)  # after the first packet
    duration = np.round(np.clip(made["Dur"], bits / LINE, LONGEST), 6)
    per = np.divide(1, duration, out=np.zeros(len(made)), where=(duration > 0).to_numpy())
    for name in _DURATIONS:
        made[name] = duration
    made["Mean"] = np.floor(duration)
    made["SrcJitter"] = np.clip(made["SrcJitter"], 0, 1000 * LONGEST)
    made["SrcJitAct"] = made["SrcJitter"]
    same = (packets == flows["SrcPkts"]) & (duration == flows["Dur"])
    made["SIntPkt"] = np.where(same, flows["SIntPkt"], 1000 * duration / np.maximum(packets - 1, 1))
    for side in ("Src", "Dst"):
        n = made[f"{side}Pkts"]
        made[f"{side}Rate"] = np.maximum(n - 1, 0) * per
        made[f"{side}Load"] = 8 * made[f"{side}Bytes"] * (1 - 1 / np.maximum(n, 1)) * per
    made["TotPkts"] = packets + made["DstPkts"]
    made["TotBytes"] = made["SrcBytes"] + made["DstBytes"]
    made["Rate"] = np.maximum(made["TotPkts"] - 1, 0) * per
    made["Load"] = made["SrcLoad"] + made["DstLoad"]
    made["pLoss"] = 100 * made["Loss"] / np.maximum(made["TotPkts"] + made["Loss"], 1)
    more = made["SrcBytes"] - flows["SrcBytes"] - 62.0 * (packets - flows["SrcPkts"])  # a packet more is 62 bytes of headers
    made["SAppBytes"] = np.maximum(flows["SAppBytes"] + more, 0)
    made["TotAppByte"] = made["SAppBytes"] + flows["DAppBytes"]
    return made[list(flows)]


#: Forms that all models are asked about, and rounds and forms a round that then close in on the attack, for each model.
N_FORMS, ROUNDS, A_ROUND = 500, 10, 50


def form(attack: pd.DataFrame, logs: Array, headers: pd.DataFrame | None = None) -> pd.DataFrame:
    """Forms of one attack.

    Parameters
    ----------
    attack : DataFrame of shape (1, n_features)
    logs : array of shape (n, n_chosen)
        Logarithms of what the sender chooses, `CHOSEN`.
    headers : DataFrame of shape (n, n_headers), optional

    Returns
    -------
    DataFrame of shape (n, n_features)
    """
    chosen = pd.DataFrame(np.exp(logs), columns=list(CHOSEN))
    if headers is not None:
        chosen[list(headers)] = headers.to_numpy()
    return resent(attack.iloc[np.zeros(len(logs), int)].reset_index(drop=True), chosen)


def forms(attack: Array, normal: Array, n: int, rng: np.random.Generator) -> Array:
    """Other numbers for one attack: half on the way to a normal flow, half anywhere near and far.

    Parameters
    ----------
    attack : array of shape (n_chosen,)
    normal : array of shape (n_normal, n_chosen)
        Of normal flows of the training, which an attacker who listens has seen; all are logarithms.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n, n_chosen)
        Those on the way are a random share of it; the others add normal numbers with a spread between 0.05 and 8. One half of
        all leave each number as it was with a chance of one half.
    """
    half = n // 2
    moved = np.tile(attack, (n, 1))
    moved[:half] += rng.random((half, 1)) * (normal[rng.integers(len(normal), size=half)] - attack)
    moved[half:] += np.exp(rng.uniform(np.log(0.05), np.log(8.0), (n - half, 1))) * rng.normal(size=(n - half, len(attack)))
    kept = (rng.random(moved.shape) < 0.5) & (rng.random((n, 1)) < 0.5)
    return np.where(kept, attack, moved)


def nearest_pass(
    attack: pd.DataFrame,
    normal: pd.DataFrame,
    raises_alarm: Callable[[pd.DataFrame], NDArray[np.bool_]],
    deviation: pd.Series,
    rng: np.random.Generator,
    reach: str = "sizes and timing",
) -> float:
    """How far the nearest form of an attack is that raises no alarm, of those that a search by verdicts alone finds.

    Parameters
    ----------
    attack : DataFrame of shape (1, n_features)
    normal : DataFrame of shape (n_normal, n_features)
        Normal flows of the training.
    raises_alarm : callable
        ``raises_alarm(flows)``, a verdict a flow; it is asked `N_FORMS` and then `ROUNDS` times `A_ROUND` times.
    deviation : Series of shape (n_columns,)
        Standard deviations of the training, of the columns over which a distance is taken.
    rng : numpy.random.Generator
        In the same state for every model, so that the first `N_FORMS` are the same.
    reach : str
        Of `REACHES`.

    Returns
    -------
    float
        Euclidean, in standard deviations; infinite where none of the first forms passes.
    """
    names, columns = list(REACHES[reach]), list(deviation.index)
    scale = np.where(deviation > 0, deviation, 1.0)
    own, usual = (np.log(np.maximum(one[list(CHOSEN)].to_numpy(float), 1e-7)) for one in (attack, normal))
    best: Any = (np.inf, None, None)
    for k in range(ROUNDS + 1):
        n = A_ROUND if k else N_FORMS
        headers = attack[names].iloc[np.zeros(n, int)].reset_index(drop=True)
        if not k:
            logs = forms(own[0], usual, n, rng)
            for name in names:
                values = normal[name].to_numpy()[rng.integers(len(normal), size=n)]
                headers[name] = headers[name].where(rng.random(n) < 0.5, values)
        else:
            back = rng.random((n, 1)) * (rng.random((n, len(CHOSEN))) < 0.5)
            logs = best[1] + back * (own[0] - best[1]) + rng.normal(size=back.shape) * 0.5**k
            for place, name in enumerate(names):
                headers[name] = headers[name].where(rng.random(n) < 0.2, best[2][place])
        made = form(attack, logs, headers)
        far = np.sqrt((((made[columns].to_numpy() - attack[columns].to_numpy()) / scale) ** 2).sum(1))
        far[raises_alarm(made)] = np.inf
        place = int(far.argmin())
        if far[place] < best[0]:
            best = (float(far[place]), logs[place], headers.iloc[place].to_list())
        if not np.isfinite(best[0]):
            break
    return float(best[0])

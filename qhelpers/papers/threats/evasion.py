"""How far an attacker must move what it controls, the sizes and the timing of its own packets, until an attack passes (D2.73).

Every candidate is a flow that could be on the wire: the attacker chooses number, bytes, spacing and jitter of its packets, and
totals, rates, loads and the share of lost packets follow, as the recorder computes them. What the victim answers stays as it was.
All models are asked about the same candidates, by their verdicts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

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


def candidates(
    attack: pd.DataFrame, normal: pd.DataFrame, rng: np.random.Generator, reach: str = "sizes and timing", n: int = 1000
) -> pd.DataFrame:
    """Other forms of one attack: half of them on the way to a normal flow, half anywhere near and far.

    Parameters
    ----------
    attack : DataFrame of shape (1, n_features)
    normal : DataFrame of shape (n_normal, n_features)
        Normal flows of the training, which an attacker who listens has seen.
    rng : numpy.random.Generator
    reach : str
        Of `REACHES`.
    n : int, default=1000
        How many; an even number.

    Returns
    -------
    DataFrame of shape (n, n_features)
        Those on the way are a random share of it (on a logarithmic scale) towards a random normal flow; the others multiply each
        chosen number by a factor whose logarithm is normal, of a spread between 0.05 and 8. Half of all leave each number as it
        was with a chance of one half.
    """
    own = np.log(np.maximum(np.tile(attack[list(CHOSEN)].to_numpy(float), (n, 1)), 1e-7))
    aim = np.log(np.maximum(normal[list(CHOSEN)].to_numpy(float)[rng.integers(len(normal), size=n // 2)], 1e-7))
    moved = own.copy()
    moved[: n // 2] += rng.random((n // 2, 1)) * (aim - own[: n // 2])
    spread = np.exp(rng.uniform(np.log(0.05), np.log(8.0), (n - n // 2, 1)))
    moved[n // 2 :] += spread * rng.normal(size=(n - n // 2, len(CHOSEN)))
    kept = (rng.random(moved.shape) < 0.5) & (rng.random((n, 1)) < 0.5)
    chosen = pd.DataFrame(np.exp(np.where(kept, own, moved)), columns=list(CHOSEN))
    for name in REACHES[reach]:
        values = normal[name].to_numpy(float)[rng.integers(len(normal), size=n)]
        chosen[name] = np.where(rng.random(n) < 0.5, values, attack[name].to_numpy(float))
    return resent(attack.iloc[np.zeros(n, int)].reset_index(drop=True), chosen)


def distances(forms: ArrayLike, attack: ArrayLike, deviation: ArrayLike) -> Array:
    """How far forms are from their attack, in standard deviations of the training (Euclidean), shape (n_forms,)."""
    moved = (np.asarray(forms, float) - np.asarray(attack, float)) / np.asarray(deviation, float)
    found: Array = np.sqrt((moved**2).sum(1))
    return found


def nearest(alarms: Sequence[Any] | NDArray[np.bool_], far: ArrayLike) -> float:
    """Distance of the nearest form that raises no alarm; infinite where each raises one."""
    passed = np.asarray(far, float)[~np.asarray(alarms, bool)]
    return float(passed.min()) if len(passed) else np.inf

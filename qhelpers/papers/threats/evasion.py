"""How far an attacker must move what it controls, the sizes and the timing of its own packets, until an attack passes (D2.73).

Every candidate is a flow that could be on the wire: the attacker chooses number, bytes, spacing and jitter of its packets, and
totals, rates, loads and the share of lost packets follow, as the recorder computes them. What the victim answers stays as it was.
All models are asked in the same way, by their verdicts alone.
"""

from __future__ import annotations

from collections.abc import Callable

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


def forms(attacks: Array, normal: Array, n: int, rng: np.random.Generator) -> Array:
    """Other numbers for attacks: half on the way to a normal flow, half anywhere near and far.

    Parameters
    ----------
    attacks : array of shape (n_attacks, n_chosen)
    normal : array of shape (n_normal, n_chosen)
        Of normal flows of the training, which an attacker who listens has seen; all are logarithms.
    n : int
        For each attack.
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n_attacks, n, n_chosen)
        Those on the way are a random share of it; the others add normal numbers with a spread between 0.05 and 8. One half of
        all leave each number as it was with a chance of one half.
    """
    half, (n_attacks, n_chosen) = n // 2, attacks.shape
    own = attacks[:, None, :]
    way = rng.random((n_attacks, half, 1)) * (normal[rng.integers(len(normal), size=(n_attacks, half))] - own)
    spread = np.exp(rng.uniform(np.log(0.05), np.log(8.0), (n_attacks, n - half, 1)))
    moved = own + np.concatenate([way, spread * rng.normal(size=(n_attacks, n - half, n_chosen))], 1)
    kept = (rng.random(moved.shape) < 0.5) & (rng.random((n_attacks, n, 1)) < 0.5)
    return np.where(kept, own, moved)


def nearest_passes(
    attacks: pd.DataFrame,
    normal: pd.DataFrame,
    raises_alarm: Callable[[pd.DataFrame], NDArray[np.bool_]],
    deviation: pd.Series,
    rng: np.random.Generator,
    reach: str = "sizes and timing",
) -> Array:
    """How far the nearest form of each attack is that raises no alarm, of those that a search by verdicts alone finds.

    Parameters
    ----------
    attacks : DataFrame of shape (n_attacks, n_features)
    normal : DataFrame of shape (n_normal, n_features)
        Normal flows of the training.
    raises_alarm : callable
        ``raises_alarm(flows)``, a verdict a flow; for each attack it is asked about `N_FORMS` and then `ROUNDS` times `A_ROUND`.
    deviation : Series of shape (n_columns,)
        Standard deviations of the training, of the columns over which a distance is taken.
    rng : numpy.random.Generator
        In the same state for every model, so that the first `N_FORMS` are the same.
    reach : str
        Of `REACHES`.

    Returns
    -------
    array of shape (n_attacks,)
        Euclidean, in standard deviations; infinite where no form passes.
    """
    names, columns, every = [*CHOSEN, *REACHES[reach]], list(deviation.index), np.arange(len(attacks))
    scale, n_chosen = np.where(deviation > 0, deviation, 1.0), len(CHOSEN)
    own, usual = (_logs(one[names].to_numpy(float), n_chosen) for one in (attacks, normal))
    start = attacks[columns].to_numpy(float)[:, None, :]
    best, far_best = own.copy(), np.full(len(attacks), np.inf)
    for k in range(ROUNDS + 1):
        n = A_ROUND if k else N_FORMS
        tried = np.repeat(best[:, None, :], n, 1)
        if k:
            back = rng.random((*tried.shape[:2], 1)) * (rng.random((*tried.shape[:2], n_chosen)) < 0.5)
            tried[..., :n_chosen] += back * (own - best)[:, None, :n_chosen] + rng.normal(size=back.shape) * 0.5**k
            headers, chance = own[:, None, n_chosen:], 0.2  # some go back to the attack's own
        else:
            tried[..., :n_chosen] = forms(own[:, :n_chosen], usual[:, :n_chosen], n, rng)
            headers, chance = usual[rng.integers(len(usual), size=(len(attacks), n)), n_chosen:], 0.5
        tried[..., n_chosen:] = np.where(rng.random((*tried.shape[:2], 1)) < chance, headers, tried[..., n_chosen:])
        flat = tried.reshape(-1, len(names))
        chosen = pd.DataFrame(np.hstack([np.exp(flat[:, :n_chosen]), flat[:, n_chosen:]]), columns=names)
        made = resent(attacks.iloc[np.repeat(every, n)].reset_index(drop=True), chosen)
        moved = (made[columns].to_numpy(float).reshape(len(attacks), n, -1) - start) / scale
        far = np.where(raises_alarm(made).reshape(len(attacks), n), np.inf, np.sqrt((moved**2).sum(2)))
        place = far.argmin(1)
        nearer = far[every, place] < far_best
        best[nearer], far_best[nearer] = tried[every, place][nearer], far[every, place][nearer]
    return far_best


def _logs(values: Array, n: int) -> Array:
    """The first columns as logarithms, the others as they are."""
    return np.hstack([np.log(np.maximum(values[:, :n], 1e-7)), values[:, n:]])

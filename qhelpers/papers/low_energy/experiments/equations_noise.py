"""Equations 22 to 33 of paper 1, and the sentences on them, as printed beside what they must mean: maps of one qubit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qhelpers._extras import require
from qhelpers.circuits import kraus
from qhelpers.papers.low_energy import as_printed as printed
from qhelpers.papers.low_energy.experiments.equations_circuits import Case, Metrics, gap

STRENGTH = 0.1
SHARES = tuple(np.round(np.arange(0.1, 1.0, 0.1), 1))


def _channels(case: Case, maps: Mapping[str, Callable[[Any], Any]], meant: Callable[[Any], Any]) -> Metrics:
    """Maps of one qubit as printed beside the meant one: largest distance and trace, over many states."""
    states = case.states()
    found: Metrics = {}
    for name, one in maps.items():
        ending = f".{name}" if name else ""
        images = [one(state) for state in states]
        traces = [float(np.trace(image).real) for image in images]
        distances = [float(np.abs(image - meant(state)).max()) for image, state in zip(images, states, strict=True)]
        found |= {
            f"trace{ending}": float(np.mean(traces)),
            f"trace_error{ending}": float(np.max(np.abs(np.array(traces) - 1))),
            f"disagreement{ending}": max(distances),
        }
    return found


def _by_kraus(channel: str, strength: float = STRENGTH, as_printed: bool = False) -> Callable[[Any], Any]:
    operators = printed.kraus_operators if as_printed else kraus
    return lambda state: printed.kraus_map(state, operators(channel, strength))


def operators(channel: str, case: Case) -> Metrics:
    """Eqs. 22, 24, 26, 28, 30 and 32: what the printed Kraus operators do beside PennyLane's channel, and to the trace."""
    qml = require("pennylane", "circuits")
    library = {
        "bit_flip": qml.BitFlip,
        "phase_flip": qml.PhaseFlip,
        "depolarizing": qml.DepolarizingChannel,
        "phase_damping": qml.PhaseDamping,
        "amplitude_damping": qml.AmplitudeDamping,
    }
    if channel == "bit_phase_flip":  # not in the library: Y with a probability
        keep, strike = np.sqrt(1 - STRENGTH) * printed.IDENTITY, np.sqrt(STRENGTH) * printed.Y
        known = [keep, strike]
    else:
        known = [np.asarray(one) for one in library[channel](STRENGTH, wires=0).kraus_matrices()]
    found = _channels(case, {"": _by_kraus(channel, as_printed=True)}, lambda state: printed.kraus_map(state, known))
    ground = _by_kraus(channel, as_printed=True)(case.states()[0])
    return found | {"ground_state_left": float(np.trace(ground).real)}


def maps(case: Case, number: int) -> Metrics:
    """Eqs. 23, 25, 27, 29, 31 and 33 beside the maps of their Kraus operators."""
    if number == 27:
        readings: dict[str, Callable[[Any], Any]] = {
            "one_strength": lambda state: printed.bit_phase_flip_map(state, STRENGTH, 1.0, True),
            "no_state": lambda state: printed.bit_phase_flip_map(state, STRENGTH, 1.0, False),
            "phase_gate": lambda state: printed.bit_phase_flip_map(state, STRENGTH, printed.phase(np.pi / 2), True),
        }
        return _channels(case, readings, _by_kraus("bit_phase_flip"))
    if number == 33:
        both = {"completed": _by_kraus("amplitude_damping"), "printed": _by_kraus("amplitude_damping", as_printed=True)}
        return _channels(case, both, _by_kraus("amplitude_damping"))
    one: dict[int, tuple[Callable[[Any], Any], str]] = {
        23: (lambda state: printed.flip_map(state, STRENGTH, printed.X), "bit_flip"),
        25: (lambda state: printed.flip_map(state, STRENGTH, printed.Z), "phase_flip"),
        29: (lambda state: printed.depolarizing_map(state, STRENGTH), "depolarizing"),
        31: (_by_kraus("phase_damping"), "phase_damping"),
    }
    run, channel = one[number]
    return _channels(case, {"": run}, _by_kraus(channel))


def roots(case: Case) -> Metrics:
    """Probabilities of a bit flip as the sentence has them, the roots, beside what Eq. 23 does to the ground state."""
    kept, flips = np.sqrt(1 - STRENGTH), np.sqrt(STRENGTH)
    image = printed.flip_map(case.states()[0], STRENGTH, printed.X)
    return {
        "as_printed": float(flips),
        "meant": float(image[1, 1].real),
        "total": float(kept + flips),
        "disagreement": abs(float(flips - image[1, 1].real)),
    }


def stays(channel: str, case: Case) -> Metrics:
    """Probability of the first Kraus operator beside 1 less the strength, and whether it leaves the state as it was."""
    first = printed.kraus_operators(channel, STRENGTH)[0]
    chances, left = [], []
    for state in case.states():
        image = first @ state @ first.conj().T
        chance = float(np.trace(image).real)
        chances.append(chance)
        if chance > 1e-12:
            left.append(float(np.abs(image / chance - state).max()))
    return {
        "as_printed": 1 - STRENGTH,
        "meant": chances[2],  # on the equator
        "disagreement": gap(chances, 1 - STRENGTH),
        "moved": max(left),
    }


def named_depolarizing(case: Case) -> Metrics:
    """Phase damping beside a depolarizing error of the same probability."""
    return _channels(case, {"": _by_kraus("phase_damping", as_printed=True)}, _by_kraus("depolarizing"))


def damping_is_a_flip(case: Case) -> Metrics:
    """Phase damping beside the phase flip of probability (1 - sqrt(1 - lambda)) / 2, at nine strengths."""
    worst = 0.0
    for strength in SHARES:
        flip = _by_kraus("phase_flip", (1 - np.sqrt(1 - strength)) / 2)
        damped = _by_kraus("phase_damping", float(strength))
        worst = max(worst, *(float(np.abs(damped(state) - flip(state)).max()) for state in case.states()))
    return {"disagreement": worst}


def other_name(case: Case) -> Metrics:
    """Probability that an excited qubit decays under Eq. 32, beside a lambda that is its beta and beside another one."""
    excited = case.states()[1]
    decays = float(_by_kraus("amplitude_damping", as_printed=True)(excited)[0, 0].real)
    other = float(case.rng.uniform(0.2, 0.9))
    return {"meant": decays, "disagreement.beta": abs(decays - STRENGTH), "disagreement.free": abs(decays - other)}

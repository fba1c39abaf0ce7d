"""What a choice among sixteen bins costs. `make annealing` runs this and writes benchmarks/annealing.json.

Three tables. Models: a thousand cost vectors as models in one call, and one by one. Reads: 1,000 reads of one model by each
sampler that needs no account (the chip is a simulation), with the temperature of the softmax that fits its draws best, their
total variation from it, and the noise that so many draws of the softmax itself would have. Draws: as many selections as eight
episodes over 80 engines take (110,544) by the compiled stand-in, in each of its rules, and by NumPy with the Gumbel-max trick,
the fair peer of a softmax. A time of draws counts only where their distribution is within three times the noise. Times are of
the processor, in milliseconds, the median of several; the first call, which compiles or embeds, stands apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from qhelpers import qubo

RESULTS = Path(__file__).parent / "annealing.json"
N_BINS = 16
SELECTIONS = 110_544
TEMPERATURE = 0.7


def timed(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Milliseconds of the first call, and the median of the others."""
    taken = []
    for _ in range(repeats + 1):
        start = time.process_time()
        call()
        taken.append(1000 * (time.process_time() - start))
    return {"first_ms": round(taken[0], 3), "ms": round(statistics.median(taken[1:]), 3)}


def building(rng: np.random.Generator, repeats: int) -> list[dict[str, Any]]:
    """Time a thousand models."""
    costs = rng.normal(size=(1000, N_BINS))
    return [
        {"how": "one call", **timed(lambda: qubo.one_hot_models(costs), repeats)},
        {"how": "one by one", **timed(lambda: [qubo.one_hot_bqm(row) for row in costs], repeats)},
    ]


def reading(costs: np.ndarray, repeats: int, n_reads: int = 1000) -> list[dict[str, Any]]:
    """Time each sampler, and set what it draws beside a softmax."""
    rows = []
    bqm = qubo.one_hot_bqm(costs)
    for name in qubo.sampler_names():
        if name == "qpu":
            continue
        sampler = qubo.get_sampler(name, **({"temperature": TEMPERATURE} if name == "boltzmann" else {}))
        row: dict[str, Any] = {"sampler": name, **timed(lambda sampler=sampler: sampler.sample(bqm), repeats)}
        if name != "exact":
            reads = qubo.decode(sampler.sample(bqm, num_reads=n_reads, seed=0))
            temperature = qubo.matched_temperature(costs, reads.actions)
            expected = qubo.softmax(costs, temperature)
            row |= {
                "infeasible": reads.n_infeasible / n_reads,
                "temperature": temperature,
                "variation": qubo.total_variation(reads.counts, expected),
                "noise": qubo.noise_floor(expected, n_reads - reads.n_infeasible),
            }
        rows.append(row)
    return rows


def gumbel_max(costs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw from a softmax as NumPy does it fastest."""
    return (rng.gumbel(size=costs.shape) - costs / TEMPERATURE).argmax(axis=1)


def drawing(costs: np.ndarray, rng: np.random.Generator, repeats: int) -> list[dict[str, Any]]:
    """Time draws, and look whether they are drawn from what they should be."""
    many = np.tile(costs, (SELECTIONS, 1))
    greedy = np.eye(N_BINS)[costs.argmin()]
    warm = qubo.softmax(costs, TEMPERATURE)
    ways: list[tuple[str, Callable[[], Any], np.ndarray]] = [
        ("softmax, compiled", lambda: qubo.draw_softmax(many, TEMPERATURE, rng), warm),
        ("softmax, NumPy Gumbel-max", lambda: gumbel_max(many, rng), warm),
        ("lowest cost, compiled", lambda: qubo.draw_lowest(many, "random", rng), greedy),
        ("lowest cost, NumPy argmin", lambda: many.argmin(axis=1), greedy),
        ("ε-greedy of 0.05, compiled", lambda: qubo.draw_epsilon_greedy(many, 0.05, rng=rng), 0.95 * greedy + 0.05 / N_BINS),
    ]
    rows = []
    for how, call, expected in ways:
        variation = qubo.total_variation(np.bincount(call(), minlength=N_BINS), expected)
        noise = qubo.noise_floor(expected, SELECTIONS)
        right = variation <= 3 * noise + 1e-12
        rows.append({"how": how, "variation": variation, "noise": noise, **(timed(call, repeats) if right else {"ms": None})})
    return rows


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="calls of which the median is taken (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    costs = rng.uniform(-1, 0, N_BINS)
    found = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "selections": SELECTIONS,
        "models": building(rng, given.repeats),
        "reads": reading(costs, given.repeats),
        "draws": drawing(costs, rng, given.repeats),
    }
    part = given.out.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part.replace(given.out)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How often points of a square fall into the circle: runs of a hundredth of a second that read nothing but a seed."""

import time

import numpy as np

from qhelpers.runs.experiment import Experiment, Outcome


def run(config, seed):
    """Share of right guesses; a config with ``model: fails`` raises."""
    if config["model"] not in ("circle", "square"):
        raise ValueError(f"model {config['model']!r} is unknown; allowed are circle, square")
    time.sleep(0.01)
    points = np.random.default_rng([seed, config["n"]]).uniform(-1, 1, (config["n"], 2))
    inside = (points**2).sum(1) < 1
    guess = np.ones(len(points), bool) if config["model"] == "square" else inside
    counts = {"tp": int((inside & guess).sum()), "fp": int((~inside & guess).sum()), "fn": 0, "tn": int((~inside & ~guess).sum())}
    return Outcome(
        {"accuracy": float((inside == guess).mean())}, counts, arrays={"points": points[:9]} if config["n"] == 10 else {}
    )


def grid(profile):
    """Sixteen configs."""
    return [({"model": model, "n": n}, 2) for model in ("circle", "square") for n in (10, 20, 30, 40, 50, 60, 70, 80)]


EXPERIMENT = Experiment(
    name="counting",
    version="1",
    about="points in a circle",
    function=run,
    grid=grid,
    estimate=lambda config: 0.02,
    data=lambda config: (),
    told=("model",),
)

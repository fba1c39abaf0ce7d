"""A training in steps that leaves a checkpoint behind each, and large weights."""

import time

import numpy as np

from qhelpers.runs.experiment import Experiment, Outcome


def run(config, seed, *, scratch):
    """Count to ``steps``, from where the last one was killed; what was counted anew is told."""
    file = scratch / "count.npy"
    begun = int(np.load(file)) if file.exists() else 0
    for step in range(begun, config["steps"]):
        time.sleep(config["pause"])
        with open(scratch / "count.part", "wb") as stream:
            np.save(stream, step + 1)
        (scratch / "count.part").replace(file)
    return Outcome({"counted": float(config["steps"])}, chosen={"begun": begun}, weights={"w": np.arange(seed + 1.0)})


EXPERIMENT = Experiment(
    name="long-count",
    version="1",
    about="counting with checkpoints",
    function=run,
    grid=lambda profile: [({"steps": 20, "pause": 0.1}, 1)],
    estimate=lambda config: 2.0,
    headline="counted",
    data=lambda config: (),
    told=("steps",),
    checkpoints=True,
)

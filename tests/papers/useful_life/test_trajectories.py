"""What is kept of lives for Figures 4 to 6: of held-out units that failed, with the predictions that the scores are of."""

import numpy as np
import pytest

from qhelpers.papers.useful_life.experiments import trajectories
from qhelpers.papers.useful_life.windows import as_printed


def test_lives_are_of_held_out_engines_from_short_to_long(engines):
    _, test = as_printed(engines, 0)
    found = trajectories.run({"data": "cmapss_fd001", "model": "mean-of-state"}, 0, engines)
    kept = found.arrays
    units = trajectories.drawn(test)
    assert len(units) == trajectories.N_KEPT and set(np.unique(kept["unit"])) == set(units) <= set(test.unit)
    lengths = np.unique(test.unit, return_counts=True)[1]
    own = [np.count_nonzero(kept["unit"] == unit) for unit in units]
    assert (min(own), max(own)) == (lengths.min(), lengths.max())
    for unit in units:
        mine = kept["unit"] == unit
        assert len(set(kept["life"][mine])) == 1 and np.array_equal(np.diff(kept["age"][mine]), np.ones(mine.sum() - 1))
        np.testing.assert_array_equal(kept["y"][mine], np.minimum(kept["life"][mine] - kept["age"][mine], 125))
    assert found.metrics["rmse"] > np.sqrt(np.mean((kept["predicted"] - kept["y"]) ** 2)) / 3


def test_units_that_were_not_seen_to_fail_are_left_out(engines):
    from dataclasses import replace

    _, test = as_printed(engines, 0)
    lost = np.unique(test.unit)[0]
    some = replace(test, remaining=np.where(test.unit == lost, np.nan, test.remaining))
    assert lost not in trajectories.drawn(some)
    alone = trajectories.drawn(test.of([lost]))
    assert list(alone) == [lost]


def test_a_rival_is_scored_as_among_the_baselines(engines):
    from qhelpers.papers.useful_life.experiments import baselines

    config = {"data": "cmapss_fd001", "model": "quantum-decision-tree"}
    alone = baselines.run(config | {"protocol": "printed"}, 0, engines)
    assert trajectories.run(config, 0, engines).metrics["rmse"] == pytest.approx(alone.metrics["rmse"])

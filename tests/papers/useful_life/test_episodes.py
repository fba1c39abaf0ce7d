"""Episodes that a learner by trial needs: each number of them is a training of its own."""

import pytest

from qhelpers.papers.useful_life.experiments import episodes, tables


@pytest.mark.parametrize(
    ("errors", "number"),
    [({1: 20, 2: 10, 4: 10.4, 8: 10.6}, 2), ({1: 10.5, 2: 10, 4: 12, 8: 11}, 1), ({1: 40, 2: 30, 4: 20, 8: 10}, 8)],
)
def test_needed_are_the_fewest_that_come_near_the_lowest(errors, number):
    assert episodes.needed(errors) == number


def test_eight_episodes_of_qaql_are_those_of_the_tables(engines):
    found = episodes.run({"data": "cmapss_fd001", "model": "qaql"}, 0, engines).metrics
    config = {"data": "cmapss_fd001", "protocol": "printed", "selector": "lowest-of-1000", "init": "zero", "td": True}
    for number in (1, 8):
        usual = tables.run(config | {"episodes": number}, 0, engines).metrics["rmse"]
        assert found[f"rmse_after.{number}"] == pytest.approx(usual)
    assert found["episodes_needed"] in episodes.EPISODES


def test_a_network_goes_along_as_many_windows():
    built = {name: build(3, 4, 1000) for name, build in episodes.LEARNERS.items()}
    assert built["dqn"].n_steps == built["ppo"].n_steps == 4000
    assert {one.n_episodes for name, one in built.items() if name not in ("dqn", "ppo")} == {4}
    assert {one.random_state for one in built.values()} == {3}

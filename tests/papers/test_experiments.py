"""What holds of every experiment: it is found by its name, its grids can be run, and what a config may not hold is named."""

import json
from types import SimpleNamespace

import pytest

from qhelpers.runs import experiment
from qhelpers.runs.records import PROFILES

EVERY = {name: experiment.get(name) for name in experiment.names()}
#: Those whose function says what its config may hold, and those that are a function a config.
CHECKED = {name: one.function.known for name, one in EVERY.items() if hasattr(one.function, "known")}
OF_FUNCTIONS = [name for name in EVERY if name.endswith(("-settings", "-equations"))]


@pytest.mark.parametrize("name", EVERY)
def test_each_profile_has_runs_and_each_config_once(name):
    found = EVERY[name]
    assert found.name == name
    runs = {profile: found.grid(profile) for profile in PROFILES}
    for entries in runs.values():
        keys = {json.dumps(config, sort_keys=True) for config, _ in entries}
        assert len(keys) == len(entries) > 0
        assert all(n >= 1 and found.estimate(config) > 0 for config, n in entries)
    assert sum(n for _, n in runs["quick"]) <= sum(n for _, n in runs["laptop"])


@pytest.mark.parametrize(("name", "entry"), [(name, entry) for name, known in CHECKED.items() for entry in known])
def test_an_unknown_entry_is_named_with_what_is_known(name, entry):
    config = next(config for config, _ in EVERY[name].grid("laptop") if entry in config)
    with pytest.raises(ValueError, match=f"^{entry} 'nothing' is unknown; allowed are ") as told:
        EVERY[name].function(config | {entry: "nothing"}, 0)
    assert all(str(one) in str(told.value) for one in CHECKED[name][entry])
    assert {given[entry] for given, _ in EVERY[name].grid("laptop") if entry in given} <= set(CHECKED[name][entry])


@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_an_unknown_function_is_named_with_what_is_known_there(name):
    (entry,), grid = EVERY[name].told, EVERY[name].grid("laptop")
    for data in {config.get("data") for config, _ in grid}:
        known = ", ".join(config[entry] for config, _ in grid if config.get("data") == data)
        with pytest.raises(ValueError, match=rf"^{entry} 'nothing' is unknown.*; allowed are {known}: pass one of them"):
            EVERY[name].function({entry: "nothing"}, 0, *([SimpleNamespace(name=data)] if data else []))

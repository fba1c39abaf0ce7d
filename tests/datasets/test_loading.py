"""`load` and `fingerprint`: arguments and sources; what holds for every set is in `contract`."""

import subprocess
import sys

import pytest

from qhelpers import datasets

ALL = ["occupancy", "ton_iot_gps", "ton_iot_gps_38960", "ton_iot_modbus", "wustl_iiot", "wustl_iiot_999"]
ALL += ["cmapss_fd001", "cmapss_fd002", "cmapss_fd003", "cmapss_fd004", "device_failure"]
ALL += ["cwru", "hit_sm", "ims", "ims_statistics", "mfpt", "pronostia", "uestc"]


def test_names_are_those_of_the_book():
    assert datasets.names() == ALL


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ValueError, match="unknown data set 'ocupancy'; there are: occupancy, ton_iot_gps, ton_iot_gps_38960"):
        datasets.load("ocupancy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "fake"}, "unknown source 'fake'; allowed are 'real' and 'twin'"),
        ({"source": "real", "n": 100}, "real data are always whole"),
        ({"source": "twin", "n": 10}, "n=10 was given; allowed is a whole number of at least 100"),
        ({"source": "twin", "n": 100.0}, "n=100.0 was given"),
        ({"source": "twin", "n": True}, "n=True was given"),
        ({"source": "twin", "seed": -1}, "seed=-1 was given; allowed is a whole number of at least 0"),
        ({"source": "twin", "seed": None}, "seed=None was given"),
        ({"source": "twin", "accept": "0" * 64}, "a twin has none"),
        ({"source": "real", "accept": "abc"}, "allowed is a whole SHA-256"),
    ],
)
def test_arguments_that_are_not_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load("occupancy", **arguments)
    if "accept" not in arguments:
        with pytest.raises(ValueError, match=message):
            datasets.fingerprint("occupancy", **arguments)


def test_missing_files_say_so(folder):
    for name in ALL:
        with pytest.raises(datasets.DatasetError, match="not found in the official form"):
            datasets.load(name)
        with pytest.raises(datasets.DatasetError, match="not found in the official form"):
            datasets.fingerprint(name)
        assert datasets.status(name) is None


def test_importing_loads_nothing_heavy():
    heavy = {"torch", "pennylane", "qiskit", "sklearn", "scipy", "requests", "matplotlib"}
    code = f"import sys, qhelpers.datasets; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

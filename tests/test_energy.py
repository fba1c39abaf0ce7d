"""Joules, grams and rates: plain arithmetic on constants that have a source, with no look at any other host."""

import socket

import pytest

from qhelpers import energy


@pytest.fixture
def offline(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a look at the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("offline")
def test_constants_are_the_librarys_and_come_without_network_or_noise(capfd):
    constants = [
        energy.watts_per_core(),
        energy.thermal_design_power("AMD EPYC 7763"),
        energy.carbon_intensity(),
        *(energy.carbon_intensity(country) for country in energy.COUNTRIES),
    ]
    assert [one.value for one in constants[:3]] == [4.0, 280.0, 475.0]
    france, germany, india = (one.value for one in constants[3:])
    assert france < 100 < germany < 500 < india
    assert all(one.unit and one.source.startswith("codecarbon") for one in constants)
    assert capfd.readouterr() == ("", "")


def test_an_hour_of_a_core():
    assert energy.watt_hours(3600) == energy.watts_per_core().value
    assert energy.watt_hours(7200, watts=10) == 20
    assert energy.grams(1000) == energy.carbon_intensity().value
    assert energy.grams(1000, "DEU") == energy.carbon_intensity("DEU").value


def test_what_is_unknown_is_a_sentence():
    with pytest.raises(ValueError, match="country 'Atlantis' is unknown; allowed are ISO codes"):
        energy.carbon_intensity("Atlantis")
    with pytest.raises(ValueError, match="processor 'Abacus' is not in codecarbon's table"):
        energy.thermal_design_power("Abacus")


def test_a_shot_is_the_longest_path_where_gates_run_side_by_side_and_their_sum_where_not():
    chip, trap = energy.MACHINES
    side_by_side = [("sx", (0,)), ("sx", (1,)), ("rz", (0,)), ("ecr", (0, 1)), ("x", (2,))]
    assert chip.shot_seconds(side_by_side) == pytest.approx(57e-9 + 533e-9 + chip.readout + chip.reset)
    assert trap.shot_seconds([("r", (0,)), ("r", (1,)), ("rxx", (0, 1))]) == pytest.approx(2 * 10e-6 + 210e-6 + 125e-6)
    assert chip.shot_seconds([]) == chip.readout + chip.reset
    with pytest.raises(ValueError, match="gate 'rxx' is not in the set of superconducting: rz, sx, x, ecr"):
        chip.shot_seconds([("rxx", (0, 1))])


def test_each_machine_says_where_its_rates_come_from():
    for machine in energy.MACHINES:
        assert machine.source and machine.power_source and machine.watts > 0


def test_a_message_costs_what_its_parts_say():
    symbol = 2**7 / 125e3  # seconds; a preamble of 12.25 symbols, then 28 for 12 bytes with header and checksum
    assert energy.JOULES_PER_MESSAGE.value == pytest.approx(0.029 * 3.3 * 40.25 * symbol, rel=2e-3)


def test_a_microcontroller_pays_by_instruction():
    assert energy.microcontroller_watt_hours(3600) == pytest.approx(2 * 0.3e-9)

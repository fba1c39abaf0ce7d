"""What seconds cost: joules and grams of CO2 of processor time, and stated rates of machines that are not at hand.

Nothing here measures. Processor seconds are measured elsewhere; what is made of them is an **estimate** with the constants below,
each with its source. Power of a core and carbon of a kilowatt-hour are those of codecarbon's tables; its trackers, which sample
the whole machine every few seconds, see nothing of a training that takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qhelpers._extras import require

JOULES_PER_WATT_HOUR = 3600.0
#: Countries whose mix is shown beside the world's mean, by ISO code: little, middling and much coal.
COUNTRIES = ("FRA", "DEU", "IND")


@dataclass(frozen=True)
class Constant:
    """A number that is stated, not measured.

    Attributes
    ----------
    name, unit, source : str
    value : float
    """

    name: str
    value: float
    unit: str
    source: str


def watts_per_core() -> Constant:
    """Power that codecarbon puts down for one busy thread of a processor that it does not know."""
    cpu = require("codecarbon.core.cpu", "energy")
    return Constant(
        "power of a busy core", float(cpu.DEFAULT_POWER_PER_CORE), "W", f"codecarbon {_version()}, DEFAULT_POWER_PER_CORE"
    )


def thermal_design_power(processor: str) -> Constant:
    """Thermal design power of a processor in codecarbon's table, for comparison.

    Parameters
    ----------
    processor : str
        Name as in the table, such as ``"AMD EPYC 7763"``.
    """
    table = _source().get_cpu_power_data()
    found = table.loc[table["Name"] == processor, "TDP"]
    if found.empty:
        raise ValueError(f"processor {processor!r} is not in codecarbon's table; allowed are its names, such as 'AMD EPYC 7763'")
    return Constant(f"{processor}, thermal design power", float(found.iloc[0]), "W", f"codecarbon {_version()}, cpu_power.csv")


def carbon_intensity(country: str | None = None) -> Constant:
    """Grams of CO2-equivalent of a kilowatt-hour.

    Parameters
    ----------
    country : str, optional
        ISO code of three letters; by default the world's mean.
    """
    if country is None:
        value = _source().get_carbon_intensity_per_source_data()["world_average"]
        return Constant("world's mean electricity", float(value), "g/kWh", f"codecarbon {_version()}: IEA 2019")
    mixes = _source().get_global_energy_mix_data()
    if country not in mixes:
        raise ValueError(f"country {country!r} is unknown; allowed are ISO codes of three letters such as 'DEU'")
    mix = mixes[country]
    source = f"codecarbon {_version()}: Our World in Data, {mix['year']}"
    return Constant(f"electricity of {mix['country_name']}", float(mix["carbon_intensity"]), "g/kWh", source)


def watt_hours(cpu_seconds: float, watts: float | None = None) -> float:
    """Estimate of the energy of processor time: seconds times the power of a core, no memory, no idle machine, no cooling."""
    return cpu_seconds * (watts_per_core().value if watts is None else watts) / JOULES_PER_WATT_HOUR


def grams(energy: float, country: str | None = None) -> float:
    """Estimate of the CO2-equivalent (g) of an energy in Wh, see `carbon_intensity`."""
    return energy * carbon_intensity(country).value / 1000


@dataclass(frozen=True)
class QuantumMachine:
    """Rates of a kind of quantum computer, as their makers state them; nobody here has run anything on one.

    Attributes
    ----------
    name : str
    gates : mapping of str to float
        Seconds of each gate of its set; ``rz`` is free, a change of frame in the control electronics.
    readout, reset : float
        Seconds of the measurement, and between it and the next shot.
    watts : float
        Power of the whole installation while it runs.
    linear : bool
        Whether a gate reaches only neighbours on a line, and all qubits turn at the same time; otherwise every pair is reached,
        and the gates come one after another.
    source, power_source : str
    """

    name: str
    gates: Mapping[str, float]
    readout: float
    reset: float
    watts: float
    linear: bool
    source: str
    power_source: str

    def shot_seconds(self, operations: Sequence[tuple[str, Sequence[int]]]) -> float:
        """Seconds from the start of one shot to the start of the next.

        Parameters
        ----------
        operations : sequence of (str, sequence of int)
            Gates of the compiled circuit with their qubits, in order.
        """
        ready: dict[int, float] = {}
        for name, qubits in operations:
            if name not in self.gates:
                raise ValueError(f"gate {name!r} is not in the set of {self.name}: {', '.join(self.gates)}; compile for it first")
            touched = qubits if self.linear else [0]
            end = max((ready.get(qubit, 0.0) for qubit in touched), default=0.0) + self.gates[name]
            ready |= dict.fromkeys(touched, end)
        return max(ready.values(), default=0.0) + self.readout + self.reset


SUPERCONDUCTING = QuantumMachine(
    name="superconducting",
    gates={"rz": 0.0, "sx": 57e-9, "x": 57e-9, "ecr": 533e-9},
    readout=1.24e-6,
    reset=250e-6,
    watts=25_000.0,
    linear=True,
    source="ibm_sherbrooke, calibration of 2024-04-16 in qiskit-ibm-runtime, and the default_rep_delay of IBM's backends",
    power_source="a dilution refrigerator with its compressor and electronics, as D-Wave states it (IEEE Spectrum, 2015)",
)
TRAPPED_ION = QuantumMachine(
    name="trapped ion",
    gates={"rz": 0.0, "r": 10e-6, "rxx": 210e-6},
    readout=100e-6,
    reset=25e-6,
    watts=2_000.0,
    linear=False,
    source="IonQ's first cloud system, 11 qubits, as its page at Azure Quantum stated it (2021)",
    power_source="two 19-inch racks, less than 2 kW, as AQT states it for PINE",
)
MACHINES = (SUPERCONDUCTING, TRAPPED_ION)

#: A microcontroller with a floating-point unit, run mode: 100 µA/MHz (data sheet of STM32L476) at 3 V.
JOULES_PER_CYCLE = Constant("microcontroller, energy of a cycle", 0.3e-9, "J", "data sheet of STM32L476: 100 µA/MHz, at 3 V")
#: Loads and branches take two or three cycles, arithmetic mostly one.
CYCLES_PER_INSTRUCTION = Constant("microcontroller, cycles of an instruction", 2.0, "", "stated, on the cautious side")

#: 29 mA (data sheet of SX1276, +13 dBm) at 3.3 V, for the 41.2 ms that 12 bytes are on the air at spreading factor 7 and 125 kHz.
JOULES_PER_MESSAGE = Constant("a radio message of 12 bytes", 29e-3 * 3.3 * 41.2e-3, "J", "data sheet of SX1276, LoRa at SF7")


def microcontroller_watt_hours(instructions: float) -> float:
    """Estimate of the energy of so many machine instructions on a microcontroller."""
    return instructions * CYCLES_PER_INSTRUCTION.value * JOULES_PER_CYCLE.value / JOULES_PER_WATT_HOUR


def _source() -> Any:
    return require("codecarbon.input", "energy").DataSource()


def _version() -> str:
    version: str = require("codecarbon", "energy").__version__
    return version

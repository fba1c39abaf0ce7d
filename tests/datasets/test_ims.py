"""IMS's shafts: snapshots at their true rate, files from after the shutdown, and the statistics of all."""

import csv
import io

import contract
import numpy as np
import pytest
from matfiles import Large, SameTwin

from qhelpers.datasets import ims
from qhelpers.datasets.ims import CHANNELS, RATE, SNAPSHOTS, STATISTICS, STOPPED, statistics

SOME = ["2003.10.22.12.06.24", "2004.02.12.10.32.39"]


def small():
    rng = np.random.default_rng(3)
    return {
        name: "".join("\t".join(f"{v:.3f}" for v in row) + "\n" for row in rng.normal(0, 0.1, (9, columns))).encode()
        for name, columns in zip(SOME, (8, 4), strict=True)
    }


def holds(data, content):
    for k, (name, raw) in enumerate(content.items()):
        rows = np.array([line.split("\t") for line in raw.decode().splitlines()], float).astype("f4")
        values = data.recordings[k]
        there = values if name == SOME[0] else values[:, ::2]
        assert np.array_equal(there, rows) and data.labels[k] == name
        assert name == SOME[0] or np.isnan(values[:, 1::2]).all()


def the_last_files_are_from_after_the_shutdown(data):
    level = np.array([np.nanstd(one) for one in data.recordings])
    stopped = data.about["stopped"] == 1
    return level[stopped].max() < 0.005 < 0.04 < level[~stopped].min() and (data.about["speed"][stopped] == 0).all()


def the_hum_of_the_mains_tells_the_rate(data):
    """Mains of 60 Hz; what is told, 20 kHz, would put it at 58.6."""
    hum = [one[:, 0] for one, stopped in zip(data.recordings, data.about["stopped"], strict=True) if stopped]
    found = [np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)), 16 * len(x))) for x in hum]
    peaks = [np.fft.rfftfreq(16 * len(x), 1 / RATE)[one.argmax()] for x, one in zip(hum, found, strict=True)]
    return max(abs(peak - 60) for peak in peaks) < 0.2


def channels_differ_by_test(data):
    missing = [np.isnan(one).all(axis=0).sum() for one in data.recordings]
    return set(missing) == {0, 4} and all(
        (lost == 0) == (group == "test 1") for lost, group in zip(missing, data.groups, strict=True)
    )


FACTS = contract.Facts(
    name="ims",
    small=small,
    holds=holds,
    traps=(the_last_files_are_from_after_the_shutdown, the_hum_of_the_mains_tells_the_rate, channels_differ_by_test),
    parsed="1:cf64e88d60fc95cc29a765778a01a067a5b51685c3d1e12cf67dfc3525e71d19",
    header=False,
    some=True,
)


class TestTwin(SameTwin, contract.Twin):
    facts = FACTS


class TestFiles(contract.Files):
    facts = FACTS
    test_saved_again_by_pandas = None  # its tables have headers and commas


@pytest.mark.needs_data("ims")
class TestOfficial(Large, contract.Official):
    facts = FACTS


# --- statistics --------------------------------------------------------------------------------------------------


def header(test):
    return ["file_index", "timestamp", "filename", *(f"{one}_{kind}" for one in ims._channels(test) for kind in STATISTICS)]


def small_tables():
    content = {}
    for test in SNAPSHOTS:
        lines = [",".join(header(test))]
        for k in range(4):
            stamp = f"2004-01-0{test} 10:{k}0:00"
            values = [f"{0.01 * (k + 1) + 0.001 * place:.6g}" for place in range(6 * len(ims._channels(test)))]
            lines.append(",".join([str(k), stamp, stamp.replace("-", ".").replace(":", ".").replace(" ", "."), *values]))
        content[f"test{test}_raw.csv"] = ("\n".join(lines) + "\n").encode()
    return content


def holds_tables(data, content):
    unit = 0
    for name, raw in content.items():
        rows = list(csv.DictReader(io.StringIO(raw.decode())))
        for channel in ims._channels(int(name[4])):
            some = data.rows(unit)
            for kind in STATISTICS:
                assert data.X[kind][some].tolist() == [float(row[f"{channel}_{kind}"]) for row in rows]
            assert data.cycle[some].tolist() == list(range(1, len(rows) + 1))
            assert data.time[some].astype(str).tolist() == [row["timestamp"].replace(" ", "T") for row in rows]
            unit += 1
    assert unit == len(data) == 16


def bearings_that_fail_grow_louder_at_the_end(data):
    grown = []
    for k in np.flatnonzero(~data.censored):
        rms = data.X["rms"].to_numpy()[data.rows(k)]
        grown.append(rms[-230:-3].max() / np.median(rms[:200]))
    return max(grown) > 3 and min(grown) > 1.05


def records_end_after_the_shutdown(data):
    last = [data.X["rms"].to_numpy()[data.rows(k)] for k in range(len(data)) if data.groups[k][5] in "23"]
    return max(one[-1] for one in last) < 0.01 and all(np.median(one) > 0.04 for one in last)


def most_bearings_never_fail(data):
    return 4 <= data.censored.sum() <= 12 and len(set(data.groups)) == 12


TABLES = contract.Facts(
    name="ims_statistics",
    small=small_tables,
    holds=holds_tables,
    traps=(bearings_that_fail_grow_louder_at_the_end, records_end_after_the_shutdown, most_bearings_never_fail),
    parsed="1:579a51635453ad55480190183b5844aa6eef7725de35285f9b555d7452e3b05f",
)


class TestTwinOfStatistics(SameTwin, contract.Twin):
    facts = TABLES


class TestFilesOfStatistics(contract.Files):
    facts = TABLES


@pytest.mark.needs_data("ims_statistics")
class TestOfficialStatistics(Large, contract.Official):
    facts = TABLES


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"\n1,", b"\n2,", "line 3: file_index is '2'; allowed is the number of the line, from 0 on"),
        (
            b"2004-01-02 10:20:00",
            b"2004-01-02 10:05:00",
            "line 4: timestamp is '2004-01-02 10:05:00'; allowed is a time after that",
        ),
        (b"2004-01-02 10:20:00", b"2004-02-30 10:20:00", "line 4: timestamp is '2004-02-30 10:20:00'; allowed is a time such as"),
        (
            b"2004.01.02.10.20.00",
            b"2004.01.02.10.25.00",
            "line 4: filename is '2004.01.02.10.25.00'; allowed is the time in another",
        ),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(folder, old, new, message):
    content = small_tables()
    raw = content["test2_raw.csv"]
    assert raw.count(old) == 1
    error, _ = contract.refused(TABLES, folder, content | {"test2_raw.csv": raw.replace(old, new)})
    assert error[0] == "test2_raw.csv" and message in error[2]


# --- facts of the official files ---------------------------------------------------------------------------------


@pytest.mark.needs_data("ims", "ims_statistics")
def test_the_statistics_are_those_of_the_snapshots(official):
    """Of all five that are there, to rounding."""
    data, snapshots = official("ims_statistics"), official("ims")
    for name, values in zip(snapshots.labels, snapshots.recordings, strict=True):
        test = ims._test(str(name))
        units = np.flatnonzero([group.startswith(f"test {test} ") for group in data.groups])
        there = [x for x in values.T if not np.isnan(x).any()]
        (row,) = np.flatnonzero(data.time[data.rows(units[0])] == ims._time(str(name)))
        for k, x in zip(units, there, strict=True):
            # The recordings are of single precision, three decimals of the file.
            told = data.X.to_numpy()[data.rows(k)][row]
            assert statistics(x.astype("f8").round(3)) == pytest.approx(told, rel=1e-9, abs=1e-11)


@pytest.mark.needs_data("ims_statistics")
def test_counts_and_dates(official):
    data = official("ims_statistics")
    assert [len(set(data.time[data.rows(k)].tolist())) for k in (0, 8, 12)] == list(SNAPSHOTS.values())
    ends = [tuple(data.time[data.rows(k)][[0, -1]].astype(str)) for k in (0, 8, 12)]
    assert ends == [
        ("2003-10-22T12:06:24", "2003-11-25T23:39:56"),
        ("2004-02-12T10:32:39", "2004-02-19T06:22:39"),
        ("2004-03-04T09:27:46", "2004-04-18T02:42:55"),
    ]
    first = data.X["rms"].to_numpy()[data.rows(8)]
    assert first[:100].mean() == pytest.approx(0.078, abs=5e-4) and first.max() == pytest.approx(0.725, abs=5e-4)
    assert str(data.time[data.rows(8)][first.argmax()]) == "2004-02-19T05:42:39"
    when = [ims._time(name) for name in STOPPED]
    stopped = np.isin(data.time, when) & np.isin(data.unit, range(8, 16))
    assert data.X["rms"][stopped].max() < 0.005 and data.X["rms"][np.isin(data.unit, range(8, 16)) & ~stopped].min() > 0.03


@pytest.mark.needs_data("ims_statistics")
def test_stopping_where_the_readme_does_misses_the_fault(official):
    data = official("ims_statistics")
    rms = data.X["rms"].to_numpy()[data.rows(14)]
    assert rms[:4448].max() < 2 * np.median(rms) < rms[-230:-1].max()


def test_channels_are_two_a_bearing():
    assert len(CHANNELS) == 8 and CHANNELS[1] == "bearing1 y"

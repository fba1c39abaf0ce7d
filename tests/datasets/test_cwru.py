"""CWRU's bearings: names of variables, rates, speeds, and what tells the class though no bearing does."""

from dataclasses import replace

import contract
import numpy as np
import pytest
from matfiles import NOISE, Large, NoTables, SameTwin, mat, read

from qhelpers import datasets
from qhelpers.datasets import base, download
from qhelpers.datasets.cwru import CHANNELS, MEANING, NOMINAL, RECORDED, WRONG_SPEED

SOME = ["97.mat", "118.mat", "3001.mat", "278.mat"]


def small():
    content = {}
    for name in SOME:
        own = RECORDED[name]
        told = {f"{own.name}_{channel}_time": NOISE[k] for k, channel in enumerate(own.channels)}
        told |= {} if own.size == 0.028 else {f"{own.name}RPM": [[NOMINAL[own.load] - 1]]}
        content[name] = mat(**({"i": np.arange(10.0)} if name == "278.mat" else {}), **told)
    return content


def holds(data, content):
    for k, (name, raw) in enumerate(content.items()):
        own, told = RECORDED[name], read(raw)
        for channel, values in zip(CHANNELS, data.recordings[k].T, strict=True):
            there = told.get(f"{own.name}_{channel}_time")
            assert np.isnan(values).all() if there is None else np.array_equal(values, there.ravel().astype("f4"))
        rpm = told.get(f"{own.name}RPM")
        assert np.isnan(data.about["speed_in_file"][k]) if rpm is None else data.about["speed_in_file"][k] == rpm[0, 0] / 60
        assert data.labels[k] == name and data.rate[k] == own.rate and data.meaning[data.y[k]] == own.fault


def step(x):
    """The step of the converter: the smallest distance of two different values."""
    values = np.unique(x.astype("f8"))
    gaps = np.diff(values)
    return float(np.median(gaps[gaps < 1.5 * gaps[gaps > 1e-7].min()]))


def drive(data):
    """Recordings at the drive end that are no copies at a higher rate."""
    return [k for k in range(len(data)) if data.about["fan_end"][k] == 0 and (data.rate[k] == 12_000 or data.y[k] == 0)]


def the_rate_tells_normal_from_faulty(data):
    some = drive(data)
    return set(data.rate[some][data.y[some] == 0]) == {48_000.0} and set(data.rate[some][data.y[some] > 0]) == {12_000.0}


def the_step_of_the_converter_names_normal(data):
    steps = np.array([step(data.recordings[k][:, 0]) for k in drive(data)])
    normal = data.y[drive(data)] == 0
    return np.allclose(steps[normal], 2.0862e-4, rtol=1e-3) and not np.isclose(steps[~normal], 2.0862e-4, rtol=1e-2).any()


def the_level_tells_large_faults(data):
    level = np.array([one[:, 0].std() for one in data.recordings])
    large = (data.about["fault_size"] == 0.028) & (data.y == 1)
    return level[large].min() > 1.8 and level[data.y == 0].max() < 0.09


def the_offset_tells_the_load(data):
    some = [k for k in drive(data) if data.rate[k] == 12_000 and data.about["fault_size"][k] < 0.02]
    offset, idle = np.abs([data.recordings[k][:, 0].mean() for k in some]), data.about["load"].to_numpy()[some] == 0
    return np.median(offset[idle]) > 2 * np.median(offset[~idle])


def four_recordings_are_one_bearing(data):
    return sum(np.sum(data.groups == one) >= 4 for one in set(data.groups)) >= 18


def one_speed_is_wrong(data):
    (k,) = np.flatnonzero(data.labels == "279.mat")
    about = data.about.iloc[k]
    return about["speed_in_file"] < 29.0 and about["speed"] == about["speed_nominal"] == NOMINAL[1] / 60


FACTS = contract.Facts(
    name="cwru",
    small=small,
    holds=holds,
    traps=(
        the_rate_tells_normal_from_faulty,
        the_step_of_the_converter_names_normal,
        the_level_tells_large_faults,
        the_offset_tells_the_load,
        four_recordings_are_one_bearing,
        one_speed_is_wrong,
    ),
    parsed="2:f7ccc7b63b73555b7de0d1eba813dff85ba8512f5ec662787e5cf8c952aed11a",
    lines=False,
    some=True,
)


class TestTwin(SameTwin, contract.Twin):
    facts = FACTS


class TestFiles(NoTables, contract.Files):
    facts = FACTS


@pytest.mark.needs_data("cwru")
class TestOfficial(Large, contract.Official):
    facts = FACTS
    test_a_second_load_parses_nothing_and_gives_the_same = None  # 200 MB; it is tried on the others


# --- bad input ---------------------------------------------------------------------------------------------------

X118 = {f"X118_{channel}_time": NOISE[k] for k, channel in enumerate(CHANNELS)} | {"X118RPM": [[1796]]}
CUT = np.clip(NOISE[0], -0.02, 0.02)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"X119_DE_time": X118["X118_DE_time"]}, "it has the variables 'X119_DE_time'; needed is 'X118_DE_time'"),
        ({k: v for k, v in X118.items() if k != "X118_FE_time"}, ".*needed is 'X118_FE_time'"),
        ({k: v for k, v in X118.items() if k != "X118RPM"}, ".*needed is 'X118RPM'"),
        (X118 | {"X118RPM": [[1500]]}, "X118RPM is 1500; allowed at 0 hp is 1797, 3% more or less"),
        (X118 | {"X118RPM": [[np.nan]]}, "X118RPM is nan; allowed at 0 hp is 1797"),
        (X118 | {"X118RPM": "fast"}, "X118RPM is .*; allowed is one number"),
        (X118 | {"X118_DE_time": np.full(600, 0.25)}, r"X118_DE_time is constant \(0.25\); allowed is a signal that moves"),
        (X118 | {"X118_DE_time": CUT}, r"X118_DE_time is clipped: \d+ samples in a row lie at an end of its range"),
        (X118 | {"X118_DE_time": np.r_[NOISE[0, :-1], np.nan]}, "X118_DE_time is nan in sample 599; allowed is a finite number"),
        (X118 | {"X118_DE_time": np.r_[1e300, NOISE[0, 1:]]}, r"X118_DE_time is 1e\+300 in sample 0; allowed is a finite number"),
        (X118 | {"X118_DE_time": NOISE[0, :511]}, "X118_DE_time is 511 samples long; allowed is 512 samples or more, one window"),
        (X118 | {"X118_DE_time": NOISE}, r"X118_DE_time is of shape \(3, 600\) and dtype float64; allowed is one column"),
        (X118 | {"X118_DE_time": NOISE[0] + 1j}, ".* dtype complex128; allowed is one column of real numbers"),
        (X118 | {"X118_FE_time": NOISE[0, :550]}, r"its channels are of unequal length \(DE 600, FE 550, BA 600 samples\)"),
    ],
)
def test_what_a_file_may_not_hold(folder, told, message):
    hashes = contract.write(folder, {"118.mat": mat(**told)})
    with pytest.raises(datasets.DatasetError, match=r"118\.mat: " + message):
        datasets.load("cwru", accept=hashes, only="118.mat")


def test_what_is_no_matlab_file(folder):
    hashes = contract.write(folder, {"118.mat": b"DE_time\n0.1\n0.2\n"})
    with pytest.raises(datasets.DatasetError, match=r"118\.mat: it cannot be read as a MATLAB file"):
        datasets.load("cwru", accept=hashes, only="118.mat")


def test_other_variables_do_not_matter(folder):
    """99.mat holds X098's recording too: the name decides, not the place."""
    hashes = contract.write(folder, {"118.mat": mat(X117_DE_time=NOISE[2], ans=[[1.0]], **X118)})
    data = datasets.load("cwru", accept=hashes, only="118.mat")
    assert np.array_equal(data.recordings[0][:, 0], NOISE[0].astype("f4"))


# --- some of the files -------------------------------------------------------------------------------------------


def test_some_files_load_by_selection_and_the_message_says_how(folder, monkeypatch, capsys):
    content = small()
    hashes = contract.write(folder, content)
    official = contract.as_official(datasets.entry("cwru"), content).files
    rest = tuple(file for file in datasets.entry("cwru").files if file.name not in content)
    monkeypatch.setitem(base._REGISTRY, "cwru", replace(datasets.entry("cwru"), files=(*official, *rest)))
    with pytest.raises(datasets.DatasetError, match=r"and 111 more not found in the official form") as caught:
        datasets.load("cwru")
    assert "The other 4 of its 120 files are there: load('cwru', only=present('cwru')) takes just these" in str(caught.value)
    assert datasets.present("cwru") == SOME
    assert download.main(["list", "cwru"]) == 0
    assert "in part  4 of 120 files; load('cwru', only=present('cwru')) takes these" in capsys.readouterr().out
    data = datasets.load("cwru", only=datasets.present("cwru"))
    assert not (datasets.data_home() / "parsed").exists()  # choices would pile up
    assert data.labels.tolist() == SOME and data.fingerprint == datasets.fingerprint("cwru", only=SOME)
    one = datasets.load("cwru", only="11?.mat".replace("?", "8"))
    assert one.fingerprint == hashes[1] != data.fingerprint and len(one) == 1
    with pytest.raises(datasets.DatasetError, match=r"105\.mat, 106\.mat, 107\.mat, 108\.mat not found"):
        datasets.load("cwru", only=["10[5-8].mat", "118.mat"])
    (folder / "118.mat").unlink()
    (folder / "97.mat").unlink()
    assert datasets.present("cwru") == SOME[2:]


def test_nothing_at_all_is_present(folder):
    with pytest.raises(datasets.DatasetError, match="not found in the official form"):
        datasets.present("cwru")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("cwru", {"only": "98.mat"}, r"only names '98\.mat', which no file of cwru is called"),
        ("cwru", {"only": ["97.mat", "x*"]}, r"only names 'x\*'"),
        ("cwru", {"only": []}, "only names 'nothing'"),
        ("cwru", {"only": "97.mat", "source": "twin"}, "a twin has none"),
        ("occupancy", {"only": "datatest.txt"}, "is a whole that all its files make"),
    ],
)
def test_selections_that_are_not_allowed(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(name, **arguments)


# --- facts of the official files ---------------------------------------------------------------------------------


def test_the_table_of_recordings():
    assert len(RECORDED) == 120 and [file.name for file in datasets.entry("cwru").files] == list(RECORDED)
    faults = [(one.fault, one.rate, one.end) for one in RECORDED.values() if one.size not in (0.0, 0.028)]
    assert [faults.count((kind, 12_000.0, "drive")) for kind in ("inner", "ball", "outer")] == [12, 12, 28]
    assert faults.count(("outer", 48_000.0, "drive")) == 7 and sum(end == "fan" for *_, end in faults) == 45
    assert RECORDED["310.mat"].load == 0 and RECORDED["309.mat"].load == 1
    assert RECORDED["174.mat"].name == "X173" and RECORDED["3001.mat"].name == "X056" and RECORDED["3008.mat"].name == "X051"
    assert list(MEANING.values()) == ["normal", "ball", "inner", "outer"]


def comb(x, rate, hz):
    """How high the first lines of the shaft stand over what lies between them."""
    x = x.astype("f8") - x.mean()
    amplitude = np.abs(np.fft.rfft(x * np.hanning(len(x))))
    on = [amplitude[round(k * hz / rate * len(x)) + np.arange(-2, 3)].max() for k in range(1, 7)]
    off = [amplitude[round((k + 0.5) * hz / rate * len(x)) + np.arange(-2, 3)].max() for k in range(1, 7)]
    return float(np.median(np.log10(np.array(on) / off)))


@pytest.mark.needs_data("cwru")
@pytest.mark.parametrize("name", ["97.mat", "100.mat"])
def test_the_normal_recordings_are_sampled_at_48_khz(official, name):
    """Read at 48 kHz their shaft's lines are where the speed says. A file of 12 kHz has no line at a quarter of its shaft's."""
    data = official("cwru")
    (k,) = np.flatnonzero(data.labels == name)
    hz = data.about["speed_in_file"][k]
    for channel in (0, 1):
        assert comb(data.recordings[k][:, channel], 48_000.0, hz) > 0.6
    faulty = np.flatnonzero(data.labels == "105.mat")[0]
    assert comb(data.recordings[faulty][:, 0], 12_000.0, data.about["speed_in_file"][faulty]) > comb(
        data.recordings[faulty][:, 0], 48_000.0, data.about["speed_in_file"][faulty]
    )
    assert len(data.recordings[k]) / data.rate[k] == pytest.approx({"97.mat": 5.082, "100.mat": 7.588}[name], abs=0.001)


@pytest.mark.needs_data("cwru")
def test_lengths_and_speeds(official):
    data = official("cwru")
    length = np.array([len(one) for one in data.recordings])
    of = dict(zip(data.labels.tolist(), length.tolist(), strict=True))
    assert of["97.mat"] == of["109.mat"] == of["226.mat"] == 243_938 and of["100.mat"] == 364_232 and of["174.mat"] == 63_788
    large = data.about["fault_size"] == 0.028
    assert length[large].min() == 120_801 and length[large].max() == 121_535
    at_12 = (data.rate == 12_000) & ~large & (data.about["fan_end"] == 0)
    assert length[at_12].min() == 121_265 and length[at_12].max() == 122_917
    assert data.about["speed_in_file"].isna().sum() == 8
    off = (data.about["speed_in_file"] / data.about["speed_nominal"] - 1).abs()
    assert off.max() == off[data.labels == "279.mat"].item() == pytest.approx(0.0226, abs=1e-4)


@pytest.mark.needs_data("cwru")
def test_the_shaft_of_279_turns_faster_than_its_field_says(official):
    data = official("cwru")
    (k,) = np.flatnonzero(data.labels == "279.mat")
    x, rate = data.recordings[k][:, 1].astype("f8"), data.rate[k]
    hz = np.fft.rfftfreq(8 * len(x), 1 / rate)
    near = (hz > 27) & (hz < 32)
    amplitude = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)), 8 * len(x)))
    assert hz[near][amplitude[near].argmax()] * 60 == pytest.approx(WRONG_SPEED["279.mat"], abs=3)


@pytest.mark.needs_data("cwru")
def test_the_step_of_the_converter_names_some_classes(official):
    data = official("cwru")
    of = {name: step(data.recordings[k][:, 0]) for k, name in enumerate(data.labels.tolist())}
    for name, told in {
        "97": 2.0862e-4,
        "100": 2.0862e-4,
        "197": 4.06e-5,
        "105": 1.624e-4,
        "209": 4.061e-4,
        "3001": 4.069e-4,
    }.items():
        assert of[f"{name}.mat"] == pytest.approx(told, rel=2e-3), name
    assert of["3005.mat"] == pytest.approx(8.138e-4, rel=2e-3)
    fan = {
        name: step(data.recordings[np.flatnonzero(data.labels == f"{name}.mat")[0]][:, 1]) for name in (270, 274, 283, 286, 298)
    }
    assert len({round(value * 1e7) for value in fan.values()}) == 5


@pytest.mark.needs_data("cwru")
def test_offsets_and_saturation(official):
    data = official("cwru")
    ends = dict(zip(data.labels.tolist(), data.about["at_the_ends"].astype(int).tolist(), strict=True))
    assert {name for name, count in ends.items() if count > 2} >= {"200.mat", "236.mat", "237.mat"} and ends["200.mat"] == 8
    at_12 = [k for k in drive(data) if data.rate[k] == 12_000 and data.about["fault_size"][k] < 0.028]
    offset, idle = np.abs([data.recordings[k][:, 0].mean() for k in at_12]), data.about["load"].to_numpy()[at_12] == 0
    assert np.median(offset[idle]) == pytest.approx(0.0126, abs=1e-3) and np.median(offset[~idle]) == pytest.approx(
        0.004, abs=1e-3
    )
    assert data.labels[at_12[int(offset.argmax())]] == "258.mat"


def _longest_repeat(x):
    """Most samples in a row that equal the one before the last: a signal that sticks at two values in turn."""
    ends = np.flatnonzero(np.diff(np.r_[0, (x[2:] == x[:-2]).astype(int), 0]))
    return int((ends[1::2] - ends[::2]).max(initial=0))


@pytest.mark.needs_data("cwru")
def test_283_sticks_at_two_values_in_turn_and_no_other_recording_does(official):
    data = official("cwru")
    repeats = {}
    for name, channels in zip(data.labels.tolist(), data.recordings, strict=True):
        repeats[name] = [_longest_repeat(x) for x in channels.T if np.isfinite(x).all()]
    assert min(repeats.pop("283.mat")) > 700
    assert max(map(max, repeats.values())) <= 3

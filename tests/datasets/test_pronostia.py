"""PRONOSTIA's bearings: files as numbers of a run, odd spellings, and stops at 20 g that are none."""

import contract
import numpy as np
import pytest
from matfiles import Large, SameTwin

from qhelpers import datasets
from qhelpers.datasets import pronostia
from qhelpers.datasets.pronostia import LIVES, snapshot

SOME = ["Bearing1_1/acc_00001.csv", "Bearing1_1/acc_00005.csv", "Bearing3_2/acc_01637.csv"]
ROWS = ["9,39,39,65664,0.552,-0.146", "9,39,39,1.9691e+05,-0.05,.25", "9,39,40,1.95e+005,2,-1e-3"]


def small():
    return {name: ("\n".join(ROWS[k % 3 :] + ROWS[: k % 3]) + "\n").encode() for k, name in enumerate(SOME)}


def holds(data, content):
    for k, (name, raw) in enumerate(content.items()):
        rows = np.array([line.split(",") for line in raw.decode().splitlines()], float)
        assert np.array_equal(data.recordings[k], rows[:, 4:].astype("f4")) and data.labels[k] == name


def y_counts_down_within_a_run(data):
    return all(
        (np.diff(data.y[data.groups == one]) < 0).all() and data.y[data.groups == one][-1] == 0
        for one in set(data.groups.tolist())
    )


def levels_at_failure_differ(data):
    last = [data.recordings[k][:, 0].std() for k in np.flatnonzero(data.y == 0)]
    return len(last) == 6 and max(last) / min(last) > 3.5


def a_stop_at_20_g_is_no_rule(data):
    over = {one: data.about["peak"][data.groups == one].max() > 20 for one in set(data.groups)}
    return len(set(over.values())) == 2


FACTS = contract.Facts(
    name="pronostia",
    small=small,
    holds=holds,
    traps=(y_counts_down_within_a_run, levels_at_failure_differ, a_stop_at_20_g_is_no_rule),
    parsed="1:52c5418ee0c3e85fba3976ef41b8da9c2310c8e20f3751cbdf07aefab3ec74ff",
    header=False,
    some=True,
)


class TestTwin(SameTwin, contract.Twin):
    facts = FACTS

    @pytest.mark.parametrize("seed", [0])
    def test_its_traps_are_there(self, seed):
        super().test_its_traps_are_there(seed)


class TestFiles(contract.Files):
    facts = FACTS
    test_saved_again_by_pandas = None  # it takes the first line for a header


@pytest.mark.needs_data("pronostia")
class TestOfficial(Large, contract.Official):
    facts = FACTS
    test_a_second_load_parses_nothing_and_gives_the_same = None  # a quarter of a minute; it is tried on the others


# --- odd spellings -----------------------------------------------------------------------------------------------


def test_semicolons_are_read_where_they_are_known(tmp_path):
    """Test bearing 1_4 of the archive is written so; in any other folder it is another kind of file."""
    (tmp_path / "Bearing1_4").mkdir()
    (tmp_path / "Bearing1_5").mkdir()
    text = "\n".join(ROWS) + "\n"
    for folder in ("Bearing1_4", "Bearing1_5"):
        (tmp_path / folder / "acc_00001.csv").write_text(text.replace(",", ";"))
        (tmp_path / folder / "acc_00002.csv").write_text(text)
    values = snapshot(tmp_path / "Bearing1_4" / "acc_00001.csv")
    assert np.array_equal(values, snapshot(tmp_path / "Bearing1_4" / "acc_00002.csv"))
    assert values.tolist() == np.array([[0.552, -0.146], [-0.05, 0.25], [2, -0.001]], "f4").tolist()
    with pytest.raises(datasets.DatasetError, match=r"Bearing1_5/acc_00001\.csv, line 1: 1 fields; allowed are 6"):
        snapshot(tmp_path / "Bearing1_5" / "acc_00001.csv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("9,39,40", "24,39,40", "line 3: hour is '24'; allowed is an hour of the day"),
        ("0.552", "nan", "line 1: horizontal is 'nan'; allowed is a finite number"),
        ("0.552", "1e39", "line 1: horizontal is '1e39'; allowed is a finite number"),
        ("-0.146", "-0.146,1", "line 1: 7 fields; allowed are 6"),
        ("0.552,", "0,552,", "line 1: 7 fields; allowed are 6"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(tmp_path, old, new, message):
    path = tmp_path / "acc_00001.csv"
    path.write_text(("\n".join(ROWS) + "\n").replace(old, new))
    with pytest.raises(datasets.DatasetError, match=rf"acc_00001\.csv, {message}"):
        snapshot(path)


# --- facts of the official files ---------------------------------------------------------------------------------


def test_the_list_of_files_is_the_rule_that_the_twin_knows():
    assert [file.name for file in datasets.entry("pronostia").files] == pronostia._official()
    assert sum(LIVES.values()) == 7534


@pytest.mark.needs_data("pronostia")
def test_snapshots_over_20_g(official):
    data = official("pronostia")
    assert {one.shape for one in data.recordings} == {(2560, 2)}
    peak = data.about["peak"].to_numpy()
    over = {one: int(np.sum(peak[data.groups == one] > 20)) for one in LIVES}
    assert list(over.values()) == [11, 63, 2, 2, 1, 0]
    numbers = (data.about["seconds"] / 10 + 1).to_numpy()
    assert numbers[(data.groups == "Bearing1_2") & (peak > 20)].min() == 128 < 0.15 * LIVES["Bearing1_2"]
    assert numbers[(data.groups == "Bearing3_1") & (peak > 20)].tolist() == [494]
    level = [np.sqrt((data.recordings[k][:, 0].astype("f8") ** 2).mean()) for k in np.flatnonzero(data.y == 0)]
    assert level[0] == pytest.approx(5.61, abs=0.01) and level[4] == pytest.approx(0.86, abs=0.01)


@pytest.mark.needs_data("pronostia")
def test_saturation_of_1_1(official):
    data = official("pronostia")
    assert max(data.about["peak"][data.groups == "Bearing1_1"]) == pytest.approx(47.849, abs=1e-3)

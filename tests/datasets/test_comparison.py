"""The comparison of twin and real computes what it says; what holds for every set is in `contract`."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from qhelpers import datasets
from qhelpers.datasets import download
from qhelpers.datasets.comparison import STATISTICS, auc


def test_auc_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    score = np.round(rng.normal(y, 1), 1)
    assert auc(score, y) == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert np.isnan(auc(score, np.zeros(500, int)))


def test_summary_by_hand():
    data = datasets.load("occupancy", source="twin", n=400)
    table = datasets.summary(data)
    light = data.X["Light"]
    assert list(table.columns) == list(STATISTICS)
    assert list(table.index) == [*data.X.columns, "label"]
    assert table.loc["Light", "mean"] == pytest.approx(light.mean())
    assert table.loc["Light", "sd"] == pytest.approx(light.std())
    assert table.loc["Light", "95 %"] == pytest.approx(light.quantile(0.95))
    assert table.loc["Light", "share of zeros"] == (light == 0).mean()
    assert table.loc["Light", "AUC alone"] == pytest.approx(roc_auc_score(data.y, light))
    assert table.loc["label", "mean"] == data.y.mean()


def test_compare_puts_two_sets_side_by_side():
    a, b = (datasets.load("ton_iot_gps", source="twin", n=2000, seed=seed) for seed in (0, 1))
    table = datasets.compare(a, b)
    assert list(table.columns) == ["twin a", "twin b", "difference"]
    row = table.loc[("latitude", "mean")]
    sd = table.loc[("latitude", "sd"), "twin a"]
    assert row["difference"] == pytest.approx((row["twin b"] - row["twin a"]) / sd)
    zeros = table.loc[("latitude", "share of zeros")]
    assert zeros["difference"] == pytest.approx(zeros["twin b"] - zeros["twin a"])
    assert (datasets.compare(a, a)["difference"].dropna() == 0).all()


def test_summary_of_recordings_by_hand():
    """A recording that lacks a channel counts for what it has; labels are classes above 0 against 0."""
    both, one = np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 5.0]]), np.array([[4.0, np.nan], [9.0, np.nan]])
    data = datasets.Signals(
        name="trial",
        title="",
        source="twin",
        fingerprint="",
        licence="",
        citation="",
        units={"x": "g", "y": "g"},
        meaning={0: "good", 2: "bad"},
        groups=np.array(["a", "b", "b"]),
        recordings=(both, one, both + 1),
        channels=("x", "y"),
        rate=np.array([2.0, 1.0, 1.0]),
        y=np.array([0, 2, 2]),
        labels=np.array(["1", "2", "3"]),
    )
    table = datasets.summary(data)
    assert table.index.tolist() == ["seconds", "rate", *(f"{c} {s}" for c in "xy" for s in ("mean", "sd", "kurtosis")), "label"]
    assert table.loc["seconds", "mean"] == pytest.approx((1.5 + 2 + 3) / 3)
    assert table.loc["x mean", "mean"] == pytest.approx((5 / 3 + 6.5 + 8 / 3) / 3)
    assert table.loc["y mean", "mean"] == pytest.approx(3.5) and table.loc["y sd", "sd"] == pytest.approx(0)
    assert table.loc["x kurtosis", "5 %"] == pytest.approx(1.05)  # two values: 1; a third apart from two: 1.5
    assert table.loc["x mean", "AUC alone"] == 1.0 and table.loc["rate", "AUC alone"] == 0.0
    assert table.loc["y mean", "AUC alone"] == 1.0


def test_sets_with_other_columns_are_refused():
    with pytest.raises(ValueError, match="two sets with the same columns"):
        datasets.compare(datasets.load("occupancy", source="twin", n=200), datasets.load("ton_iot_gps", source="twin", n=200))


def test_a_summary_is_read_as_it_was_recorded(tmp_path):
    data = datasets.load("occupancy", source="twin", n=400)
    assert datasets.record_summary(tmp_path / "new", data) == tmp_path / "new" / "occupancy.csv"
    found = datasets.recorded_summary(tmp_path / "new", "occupancy")
    pd.testing.assert_frame_equal(found, datasets.summary(data), rtol=1e-6)
    with pytest.raises(datasets.DatasetError, match=r"make it with: python -m qhelpers\.datasets summary --folder"):
        datasets.recorded_summary(tmp_path / "new", "ton_iot_gps")


def test_summary_on_the_command_line_without_files_is_a_sentence(folder, tmp_path, capsys):
    assert download.main(["summary", "occupancy", "--folder", str(tmp_path / "new")]) == 1
    assert "error: occupancy: datatest.txt" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()

"""A training on a Parquet file is the training on the table in it; what is no such file is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.feature_selection import f_classif

from qhelpers.datasets import DatasetError
from qhelpers.papers.threats import rows
from qhelpers.papers.threats.model import PureHQMLClassifier
from qhelpers.papers.threats.rows import ArrayRows, ParquetRows, statistics, write_rows

RNG = np.random.default_rng(4)
X = pd.DataFrame(RNG.normal(size=(500, 6)) * [1, 1, 1, 1e3, 1, 1] + [0, 0, 0, 1.5e9, 0, 0], columns=list("abcdef"))
Y = (X["a"] + 0.3 * X["c"] > 0.8).astype(int).to_numpy()
SMALL = {"n_features": 3, "observable": "first", "batch_size": 50, "epochs": 2, "random_state": 0}


@pytest.fixture
def path(tmp_path):
    write_rows(tmp_path / "rows.parquet", X, Y)
    return tmp_path / "rows.parquet"


def test_it_is_the_training_on_the_table(path):
    ours, plain = PureHQMLClassifier(**SMALL).fit_rows(ParquetRows(path)), PureHQMLClassifier(**SMALL).fit(X, Y)
    assert ours.history_ == plain.history_
    np.testing.assert_array_equal(ours.decision_function(X), plain.decision_function(X))
    assert list(ours.feature_names_in_) == list(X.columns)


@pytest.mark.parametrize("block", [64, 500, 1000])
def test_blocks_hold_every_row_once_in_an_order_of_their_own(path, monkeypatch, block):
    monkeypatch.setattr(rows, "BLOCK", block)
    source = ParquetRows(path)
    for random in (None, np.random.default_rng(1)):
        found = list(source.blocks([2, 0], random))
        assert max(len(y) for _, y in found) <= block
        features, labels = np.concatenate([x for x, _ in found]), np.concatenate([y for _, y in found])
        order = np.argsort(features[:, 0])
        np.testing.assert_array_equal(features[order], X[["c", "a"]].to_numpy()[np.argsort(X["c"])])
        np.testing.assert_array_equal(labels[order], Y[np.argsort(X["c"])])
        assert (len(found) == 1 or random is None) or not np.array_equal(features, X[["c", "a"]])


def test_the_f_test_does_not_depend_on_blocks(path, monkeypatch):
    """A column such as a clock has a mean a million times its deviation."""
    monkeypatch.setattr(rows, "BLOCK", 37)
    found = statistics(ParquetRows(path))
    np.testing.assert_allclose(found.f_scores, f_classif(X - X.mean(), Y)[0], rtol=1e-6)  # not centred, it loses more digits
    np.testing.assert_allclose(found.mean, X.mean(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.deviation, X.std(ddof=0), rtol=1e-9)
    whole = statistics(ArrayRows(X.to_numpy(), Y))
    np.testing.assert_allclose(found.f_scores, whole.f_scores, rtol=1e-6)
    assert (found.low == X.min()).all() and (found.high == X.max()).all()


def test_rows_can_be_brought_into_random_order(tmp_path):
    write_rows(tmp_path / "a", X, Y, order=np.random.default_rng(3))
    written = pl.read_parquet(tmp_path / "a")
    expected = np.random.default_rng(3).permutation(len(X))
    np.testing.assert_array_equal(written["a"].to_numpy(), X["a"].to_numpy()[expected])
    np.testing.assert_array_equal(written["Target"].to_numpy(), Y[expected])


def test_a_killed_streamed_training_goes_on(path, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "BLOCK", 100)
    whole = PureHQMLClassifier(**SMALL).fit_rows(ParquetRows(path), ParquetRows(path))
    PureHQMLClassifier(**SMALL | {"epochs": 1, "checkpoint": tmp_path / "c"}).fit_rows(ParquetRows(path), ParquetRows(path))
    resumed = PureHQMLClassifier(**SMALL | {"checkpoint": tmp_path / "c"}).fit_rows(ParquetRows(path), ParquetRows(path))
    assert resumed.history_ == whole.history_


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_file_that_is_none_or_is_cut_is_refused(path, tmp_path):
    with pytest.raises(DatasetError, match=r"none\.parquet cannot be read as Parquet"):
        ParquetRows(tmp_path / "none.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"cannot be read as Parquet .* write it again with write_rows"):
        ParquetRows(path)


def test_a_file_that_changes_under_a_training_is_refused(path, monkeypatch):
    monkeypatch.setattr(rows, "BLOCK", 64)
    source = ParquetRows(path)
    blocks = source.blocks()
    next(blocks)
    write_rows(path, X[:100], Y[:100])
    with pytest.raises(DatasetError, match="was changed or removed during the training"):
        list(blocks)


def test_a_file_of_another_version_is_refused(path):
    pl.read_parquet(path).write_parquet(path, metadata={"qhelpers-rows": "0"})
    with pytest.raises(DatasetError, match="was written in version 0 of the rows; allowed is 1"):
        ParquetRows(path)
    pl.read_parquet(path).write_parquet(path)  # anybody's Parquet file
    assert ParquetRows(path).n_rows == len(X)


def test_columns_that_are_not_there_or_hold_no_numbers_are_refused(tmp_path):
    write_rows(tmp_path / "a", X.assign(Proto="tcp"), Y)
    with pytest.raises(DatasetError, match="has no column Sport, attack; it has a, b"):
        ParquetRows(tmp_path / "a", "attack", ["a", "Sport"])
    with pytest.raises(DatasetError, match="'Target' is the label; leave it out of columns"):
        ParquetRows(tmp_path / "a", columns=["a", "Target"])
    with pytest.raises(DatasetError, match="Proto hold no numbers"):
        ParquetRows(tmp_path / "a")
    assert ParquetRows(tmp_path / "a", columns=["b", "a"]).columns == ["b", "a"]
    with pytest.raises(ValueError, match="a feature is called 'Target', as the labels are"):
        write_rows(tmp_path / "b", X.assign(Target=1), Y)


def test_a_validation_with_columns_in_another_order_is_refused(path):
    with pytest.raises(ValueError, match=r"the validation has columns .*; allowed are those of the training, in its order"):
        PureHQMLClassifier(**SMALL).fit_rows(ParquetRows(path), ParquetRows(path, columns=list("fedcba")))


def test_a_mapped_table_is_trained_on_as_it_is(tmp_path):
    np.save(tmp_path / "X.npy", X.to_numpy())
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    ours, plain = PureHQMLClassifier(**SMALL).fit_rows(ArrayRows(mapped, Y)), PureHQMLClassifier(**SMALL).fit(X, Y)
    assert ours.history_ == plain.history_ and ours.predict(X.to_numpy()).tolist() == plain.predict(X).tolist()


def test_no_rows_no_attack_and_no_finite_value_are_refused(tmp_path):
    write_rows(tmp_path / "a", X[:0], Y[:0])
    with pytest.raises(DatasetError, match="holds no rows"):
        ParquetRows(tmp_path / "a")
    write_rows(tmp_path / "b", X, 0 * Y)
    with pytest.raises(ValueError, match="The labels hold 1 class"):
        PureHQMLClassifier(**SMALL).fit_rows(ParquetRows(tmp_path / "b"))
    write_rows(tmp_path / "c", X.assign(d=np.where(X["a"] > 2, np.inf, X["d"])), Y)
    with pytest.raises(ValueError, match=r"^d: missing or infinite values; drop those rows, or fill them first"):
        PureHQMLClassifier(**SMALL).fit_rows(ParquetRows(tmp_path / "c"))

"""Records survive what happens to files."""

import json
import lzma
import os
from dataclasses import replace

import numpy as np
import pytest

from qhelpers.runs import experiment, records
from qhelpers.runs.records import RecordsError


@pytest.fixture
def record(one_record):
    """Make records that differ by number."""
    return lambda number, **changes: replace(one_record, id=f"{number:016x}", seed=number, **changes)


def test_round_trip_with_arrays(tmp_path, record):
    curve = np.linspace(0, 1, 7)
    records.append(record(1), {"loss": curve, "labels": np.array([0, 1], dtype=np.int8)}, tmp_path)
    (found,) = records.read("trial", tmp_path)
    assert found == record(1)
    np.testing.assert_allclose(found.arrays()["loss"], curve, atol=1e-7)
    assert found.arrays()["labels"].dtype == np.int8
    assert records.experiments(tmp_path) == ["trial"]
    assert records.read("other", tmp_path) == []


def test_a_record_without_large_weights_says_so(record):
    with pytest.raises(RecordsError, match="has no large weights"):
        record(1).large_weights()


def test_same_id_is_stored_once(tmp_path, record):
    records.append(record(1), {}, tmp_path)
    records.append(record(1, seconds=9.0), {}, tmp_path)
    assert [r.seconds for r in records.read("trial", tmp_path)] == [1.0]


def test_torn_last_line_is_passed_over_then_set_aside(tmp_path, record):
    records.append(record(1), {}, tmp_path)
    path = tmp_path / "trial" / "runs.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    with pytest.warns(UserWarning, match="last line is torn"):
        assert len(records.read("trial", tmp_path)) == 1
    records.append(record(2), {}, tmp_path)
    assert [r.seed for r in records.read("trial", tmp_path)] == [1, 2]
    assert (tmp_path / "trial" / "runs.torn").read_bytes() == whole[:40] + b"\n"


@pytest.mark.parametrize("line", [b"not json", b"[1, 2]", b'{"id": "1"}', b"3", b"\xff\xfe", b""])
def test_foreign_line_is_named_and_nothing_is_touched(tmp_path, line, record):
    records.append(record(1), {}, tmp_path)
    path = tmp_path / "trial" / "runs.jsonl"
    path.write_bytes(line + b"\n" + path.read_bytes())
    before = path.read_bytes()
    with pytest.raises(RecordsError, match=r"runs\.jsonl, line 1 is no record"):
        records.read("trial", tmp_path)
    with pytest.raises(RecordsError, match="line 1 is no record"):
        records.append(record(2), {}, tmp_path)
    assert path.read_bytes() == before


def test_a_record_without_arrays_is_its_line_alone(tmp_path, record):
    records.append(record(1), {}, tmp_path)
    assert records.read("trial", tmp_path) == [record(1)]
    assert not list(tmp_path.rglob("*.npz"))
    with pytest.raises(RecordsError, match="its experiment keeps none"):
        records.read("trial", tmp_path)[0].arrays()


def test_arrays_that_are_gone_are_named(tmp_path, record):
    records.append(record(1), {"loss": np.ones(2)}, tmp_path)
    (tmp_path / "trial" / f"{record(1).id}.npz").unlink()
    with pytest.raises(RecordsError, match="has no arrays beside it"):
        records.read("trial", tmp_path)[0].arrays()


def test_folder_that_is_a_file_is_one_sentence(tmp_path, record):
    (tmp_path / "trial").write_text("in the way")
    with pytest.raises(RecordsError, match="cannot write records"):
        records.append(record(1), {}, tmp_path)


def test_identify_depends_on_each_part():
    base = ("e", "1", {"a": 1, "b": [1, 2]}, 0, "f")
    others = [("x", *base[1:]), ("e", "2", *base[2:]), ("e", "1", {"a": 1}, 0, "f"), (*base[:3], 1, "f"), (*base[:4], "g")]
    assert len({records.identify(*base), *(records.identify(*one) for one in others)}) == 6
    assert records.identify(*base) == records.identify("e", "1", {"b": [1, 2], "a": 1}, 0, "f")


def test_select_and_frame(record):
    found = [record(1), record(2, source="twin"), record(3, config={"model": "b", "data": "occupancy"})]
    assert [r.seed for r in records.select(found, model="a", source="real")] == [1]
    table = records.frame(found)
    assert list(table["model"]) == ["a", "a", "b"] and list(table["accuracy"]) == [0.5] * 3 and list(table["tp"]) == [1] * 3


def test_only_real_data_in_a_measuring_profile_goes_to_the_committed_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("QHELPERS_RECORDS", str(tmp_path / "records"))
    assert records.folder_for("real", "laptop") == tmp_path / "records"
    for source, profile in (("twin", "laptop"), ("twin", "paper"), ("real", "quick")):
        assert records.folder_for(source, profile) == tmp_path / "build" / "records"
    both = ("real", "twin")
    assert records.folder_for("twin", "laptop", both) == tmp_path / "records"
    assert records.folder_for("twin", "quick", both) == tmp_path / "build" / "records"


def test_committed_records_are_whole_and_measured_on_what_their_experiment_keeps():
    for name in records.experiments():
        found = records.read(name)
        assert len({r.id for r in found}) == len(found)
        for r in found:
            assert r.source in experiment.get(name).keeps and r.profile in ("laptop", "paper")
            assert r.id == records.identify(r.experiment, r.version, r.config, r.seed, r.fingerprint)
            counts = r.confusion
            if counts:  # what is told beside them follows from them
                right = {
                    "accuracy": (counts["tp"] + counts["tn"], sum(counts.values())),
                    "false_alarm_rate": (counts["fp"], counts["fp"] + counts["tn"]),
                    "alarm_rate_in_attacks": (counts["tp"], counts["tp"] + counts["fn"]),
                }
                told = [key for key in right if key in r.metrics]
                assert told, (name, r.id)
                for key in told:
                    assert r.metrics[key] == pytest.approx(right[key][0] / right[key][1], abs=1e-6), (name, r.id, key)
            assert os.path.expanduser("~") not in json.dumps([r.config, r.chosen, r.versions, r.cpu])
            arrays = r.arrays() if (records.root() / name / f"{r.id}.npz").exists() else {}
            if "test_scores" in arrays:
                assert len(arrays["test_scores"]) == len(arrays["test_labels"]) == sum(counts.values())


def test_lines_go_on_in_another_file_and_a_full_one_is_compressed(tmp_path, record, monkeypatch):
    monkeypatch.setattr(records, "SHARD_BYTES", 800)
    for number in range(1, 8):
        records.append(record(number), {}, tmp_path)
    *full, last = records._shards(tmp_path / "trial")
    assert [path.name for path in full] == ["runs.jsonl.xz", *(f"runs-{n}.jsonl.xz" for n in range(2, len(full) + 1))]
    assert last.name == f"runs-{len(full) + 1}.jsonl" and len(full) >= 2
    assert [r.seed for r in records.read("trial", tmp_path)] == list(range(1, 8))
    assert records.experiments(tmp_path) == ["trial"]
    records.append(record(2, seconds=9.0), {}, tmp_path)  # known, in a file that is full
    assert len(records.read("trial", tmp_path)) == 7
    last.write_bytes(last.read_bytes() + b"torn")
    with pytest.warns(UserWarning, match="last line is torn"):
        records.read("trial", tmp_path)
    records.append(record(8), {}, tmp_path)
    assert [r.seed for r in records.read("trial", tmp_path)] == list(range(1, 9))


def test_packing_changes_no_record_and_what_comes_later_begins_a_new_file(tmp_path, record):
    for number in (1, 2):
        records.append(record(number), {}, tmp_path)
    before = records.read("trial", tmp_path)
    text = (tmp_path / "trial" / "runs.jsonl").read_bytes()
    records.pack("trial", tmp_path)
    records.pack("trial", tmp_path)
    packed = tmp_path / "trial" / "runs.jsonl.xz"
    assert [path.name for path in records._shards(tmp_path / "trial")] == [packed.name]
    assert lzma.decompress(packed.read_bytes()) == text and records.read("trial", tmp_path) == before
    packed.with_suffix("").write_bytes(text)  # as a kill leaves it, between compressing and removing
    assert records.read("trial", tmp_path) == before
    records.mend("trial", tmp_path)
    assert not packed.with_suffix("").exists()
    records.append(record(3), {}, tmp_path)
    assert [r.seed for r in records.read("trial", tmp_path)] == [1, 2, 3]
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(RecordsError, match=r"runs\.jsonl\.xz is damaged"):
        records.read("trial", tmp_path)


def test_a_file_that_is_compressed_while_it_is_read_is_found_again(tmp_path, record, monkeypatch):
    records.append(record(1), {}, tmp_path)
    found = records._shards(tmp_path / "trial")
    records.pack("trial", tmp_path)
    answers = iter([found])
    now = records._shards
    monkeypatch.setattr(records, "_shards", lambda target: next(answers, None) or now(target))
    assert [r.seed for r in records.read("trial", tmp_path)] == [1]


def test_only_one_version_of_code_and_data_is_cited(tmp_path, record):
    real = {"source": "real", "profile": "laptop"}
    for number, changes in enumerate(
        [
            {"version": "9"},
            {"version": "10", "fingerprint": "old", "finished": "2026-01-01T00:00:00+00:00"},
            {"version": "10", "fingerprint": "new", "finished": "2026-01-02T00:00:00+00:00"},
            {"version": "10", "source": "twin"},
            {"version": "10", "profile": "quick"},
        ]
    ):
        records.append(record(number, **(real | changes)), {}, tmp_path)
    assert [r.seed for r in records.measured("trial", folder=tmp_path)] == [2]
    assert [r.seed for r in records.measured("trial", version="9", folder=tmp_path)] == [0]
    assert records.measured("trial", version="8", folder=tmp_path) == []
    assert records.measured("other", folder=tmp_path) == []

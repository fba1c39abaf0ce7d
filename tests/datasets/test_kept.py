"""What is kept in the data home: parsed files and known hashes. Never wrong, whatever happens to it; never an error."""

import hashlib
import json
import os
import pickle
import signal
import sys
import threading
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import contract
import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.datasets import base, download, files, known, parsed
from qhelpers.datasets.base import Arrays
from qhelpers.datasets.files import PARSED, find

RAW = {"one.txt": b"first\n" * 50, "two.txt": b"second\n" * 70}
PARTS = tuple(np.arange(2.0 * n).reshape(n, 2) for n in (3, 1, 40))


def parse(files):
    """A table of every kind of array that a loader may return."""
    text = b"".join(block for found in files.values() for block in found.blocks())
    n = len(text) // 8
    numbers = np.frombuffer(text[: 8 * n], "<i8") % 1000
    return Arrays(
        X=pd.DataFrame(np.stack([numbers / 7, -numbers]).astype("f8").T, columns=["a", "b"], copy=False),
        y=numbers % 2,
        groups=numbers.astype("U5"),
        time=numbers.astype("datetime64[s]"),
        official=None,
    )


@pytest.fixture
def item(folder, monkeypatch):
    """A set of two small files, which lie in the folder."""
    made = replace(datasets.entry("occupancy"), parse=parse, units={"a": "m", "b": "s"}, twin=None, first_lines=False)
    made = contract.as_official(made, RAW)
    monkeypatch.setitem(base._REGISTRY, "occupancy", made)
    contract.write(folder, RAW)
    return made


@pytest.fixture
def parses(item, monkeypatch):
    """How often files were parsed."""
    seen = []
    monkeypatch.setitem(base._REGISTRY, "occupancy", replace(item, parse=lambda files: seen.append(1) or parse(files)))
    return seen


def load():
    return contract.digest(datasets.load("occupancy"))


def cached():
    """The one folder of parsed files that is kept."""
    (folder,) = (datasets.data_home() / PARSED / "occupancy").iterdir()
    return folder


# --- parsed files ------------------------------------------------------------------------------------------------


def test_a_second_load_parses_nothing(parses):
    assert load() == load() == load()
    assert len(parses) == 1
    assert sorted(path.name for path in cached().iterdir()) == ["X.npy", "groups.npy", "manifest.json", "time.npy", "y.npy"]


def test_what_is_written_into_the_arrays_stays_there(parses):
    load()
    before = load()
    data = datasets.load("occupancy")
    data.y[:] = 1
    data.groups[:] = "x"
    data.X.iloc[:, 0] = -1.0
    assert (data.y == 1).all() and (data.X["a"] == -1.0).all()
    assert contract.digest(pickle.loads(pickle.dumps(data))) == contract.digest(data) != before
    assert load() == before and len(parses) == 1


def test_another_loader_version_and_other_files_are_parsed_anew(parses, item, folder, monkeypatch):
    load()
    first = cached()
    newer = replace(base._REGISTRY["occupancy"], loader_version=2)
    monkeypatch.setitem(base._REGISTRY, "occupancy", newer)
    load()
    assert len(parses) == 2 and cached() != first  # and the old one is gone
    changed = {"one.txt": b"other\n" * 50, "two.txt": RAW["two.txt"]}
    contract.write(folder, changed)
    monkeypatch.setitem(base._REGISTRY, "occupancy", contract.as_official(newer, changed))
    load()
    assert len(parses) == 3 and len(list(first.parent.iterdir())) == 2


def test_accepted_files_are_neither_kept_nor_taken_from_there(parses, folder):
    sha = contract.write(folder, {"two.txt": RAW["two.txt"], "one.txt": b"edited\n" * 9})[1]
    for _ in range(2):
        datasets.load("occupancy", accept=sha)
    assert len(parses) == 2 and not (datasets.data_home() / PARSED).exists()
    contract.write(folder, RAW)
    load()
    datasets.load("occupancy", accept=hashlib.sha256(RAW["one.txt"]).hexdigest())
    assert len(parses) == 4


def damage_manifest(folder, text):
    (folder / "manifest.json").write_text(text)


def change_manifest(folder, change):
    told = json.loads((folder / "manifest.json").read_text())
    change(told)
    damage_manifest(folder, json.dumps(told))


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)


DAMAGE = {
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "an empty manifest": lambda folder: damage_manifest(folder, ""),
    "a torn manifest": lambda folder: damage_manifest(folder, (folder / "manifest.json").read_text()[:40]),
    "no object": lambda folder: damage_manifest(folder, "[1]"),
    "deep nesting": lambda folder: damage_manifest(folder, "[" * 100_000),
    "another kind": lambda folder: change_manifest(folder, lambda told: told["layout"].update(y={"pickle": "y.npy"})),
    "a file elsewhere": lambda folder: change_manifest(folder, lambda told: told["layout"].update(y={"array": "../y.npy"})),
    "an array less": lambda folder: change_manifest(folder, lambda told: told["layout"].pop("y")),
    "an array more": lambda folder: change_manifest(folder, lambda told: told["layout"].update(z={"plain": 1})),
    "arrays swapped": lambda folder: change_manifest(folder, lambda told: told["layout"].update(y={"array": "groups.npy"})),
    "a file gone": lambda folder: (folder / "y.npy").unlink(),
    "a file cut": lambda folder: os.truncate(folder / "y.npy", 200),
    "a file emptied": lambda folder: os.truncate(folder / "y.npy", 0),
    "a byte changed": lambda folder: flip(folder / "X.npy"),
    "another array": lambda folder: np.save(folder / "y.npy", np.zeros(3)),
    "a folder": lambda folder: ((folder / "y.npy").unlink(), (folder / "y.npy").mkdir()),
    "no array": lambda folder: (folder / "y.npy").write_bytes(bytes((folder / "y.npy").stat().st_size)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_is_seen_and_made_anew(parses, kind):
    right = load()
    DAMAGE[kind](cached())
    assert load() == right and len(parses) == 2
    assert load() == right and len(parses) == 2


def test_a_home_that_cannot_be_written_to_is_no_error(parses, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "file"))
    assert load() == load() and len(parses) == 2


@pytest.mark.parametrize("options", ["size=4k", "size=16k", "nr_inodes=4", "ro"])
def test_a_disk_without_room_is_no_error(parses, monkeypatch, small_disk, options):
    disk = small_disk("size=64k" if options == "ro" else options)
    if options == "ro":
        disk.remount("ro")
    monkeypatch.setenv("QHELPERS_HOME", str(disk.path))
    monkeypatch.setattr(parsed, "_bytes", lambda _: 0)  # as if there had seemed to be room
    big = datasets.entry("occupancy")
    wide = replace(big, parse=lambda files: {name: _long(value) for name, value in big.parse(files).items()})
    monkeypatch.setitem(base._REGISTRY, "occupancy", wide)
    assert load() == load() and len(parses) == 2
    assert list(disk.path.rglob("*.npy")) == []


def _long(value):
    if isinstance(value, pd.DataFrame):
        return pd.concat([value] * 50, ignore_index=True)
    return np.tile(value, 50) if isinstance(value, np.ndarray) else value


def test_without_room_for_twice_as_much_nothing_is_begun(parses, monkeypatch):
    monkeypatch.setattr(parsed.shutil, "disk_usage", lambda _: SimpleNamespace(free=5000))
    assert load() == load() and len(parses) == 2
    monkeypatch.setattr(parsed.shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000))
    assert load() == load() and len(parses) == 3


def test_of_two_writers_one_wins(parses, monkeypatch):
    """Both write whole folders of their own; who comes second finds the name taken, and takes its own away."""
    both, genuine, found = threading.Barrier(2, timeout=60), os.rename, []

    def rename(old, new):
        both.wait()
        genuine(old, new)

    monkeypatch.setattr(parsed.os, "rename", rename)
    threads = [threading.Thread(target=lambda: found.append(load())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parses) == 2 and cached().name.endswith(".1.1")
    assert [load()] * 2 == found and len(parses) == 2


def test_a_kill_at_any_moment_leaves_a_whole_folder_or_none(item, monkeypatch):
    right = load()
    data = datasets.load("occupancy")
    parsed.clear()
    steps = 0
    for stop in range(1, 400, 3):
        pid = os.fork()
        if not pid:
            _killed_at(stop, item, data.fingerprint)
        status = os.waitpid(pid, 0)[1]
        arrays = parsed.kept(item, data.fingerprint)
        assert arrays is None or contract.digest(datasets.load("occupancy")) == right
        parsed.drop(item, data.fingerprint)
        if not os.WIFSIGNALED(status):
            break
        steps += 1
    assert os.WEXITSTATUS(status) == 0 and steps > 15
    for left in (datasets.data_home() / PARSED / "occupancy").iterdir():
        os.utime(left, (0, 0))
    load()
    assert cached().name.startswith(data.fingerprint[:32])  # what the killed ones left is gone


def test_what_is_kept_is_on_the_disk_before_it_has_its_name(item, monkeypatch):
    flushed, genuine = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.add(os.fstat(handle).st_ino) or genuine(handle))
    rename, loose = os.rename, []

    def renamed(source, target):
        loose.extend(path.name for path in [source, *source.iterdir()] if path.stat().st_ino not in flushed)
        rename(source, target)

    monkeypatch.setattr(os, "rename", renamed)
    parsed.keep(item, "f" * 64, parse(find(item)))
    assert parsed.kept(item, "f" * 64) is not None and loose == []


#: Functions of the system by which a folder is made.
STEPS = {"mkdir", "open", "write", "tofile", "flush", "fsync", "__exit__", "rename", "unlink", "rmdir", "scandir"}


def _killed_at(stop, item, fingerprint):
    """Keep what is parsed, and be killed before the `stop`-th call of a function of the system."""
    try:
        found, count = find(item), 0
        arrays = parse(found)

        def step(frame, event, argument):
            nonlocal count
            if event == "c_call" and argument.__name__ in STEPS:
                count += 1
                if count >= stop:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(step)
        parsed.keep(item, fingerprint, arrays)
        sys.setprofile(None)
        os._exit(0)
    finally:
        os._exit(1)


def test_recordings_are_kept_without_a_copy_of_all(item):
    arrays = Arrays(recordings=PARTS, channels=("x", "y"), about=None)
    parsed.keep(item, "f" * 64, arrays)
    found = parsed.kept(item, "f" * 64)
    assert found["channels"] == ("x", "y") and found["about"] is None
    assert [one.tolist() for one in found["recordings"]] == [one.tolist() for one in PARTS]


def test_what_is_kept_is_shown_and_removed_on_the_command_line(parses, capsys):
    load()
    assert download.main(["cache"]) == 0
    assert str(cached()) in capsys.readouterr().out
    assert download.main(["cache", "--clear"]) == 0
    assert not (datasets.data_home() / PARSED).exists() and (next(iter(datasets.folders())) / "one.txt").exists()
    load()
    assert len(parses) == 2


def test_what_is_kept_is_not_searched_for_data(item, folder, monkeypatch):
    monkeypatch.setenv("QHELPERS_DATA", "")
    home = datasets.data_home()
    (home / "below").mkdir(parents=True)
    contract.write(home / "below", RAW)
    load()
    for name, raw in RAW.items():
        (cached() / name).write_bytes(raw)
        (home / "below" / name).unlink()
    with pytest.raises(datasets.DatasetError, match="not found"):
        datasets.load("occupancy")


# --- known hashes ------------------------------------------------------------------------------------------------


@pytest.fixture
def reads(item, monkeypatch):
    """Names of files that were read for their hash; all that lies there counts as settled."""
    seen, genuine = [], files._Candidate.read
    monkeypatch.setattr(files._Candidate, "read", lambda self, limit: seen.append(self.path.name) or genuine(self, limit))
    monkeypatch.setattr(known, "_SETTLED", 0)
    return seen


def test_a_file_is_hashed_once(reads):
    one = datasets.fingerprint("occupancy")
    assert sorted(reads) == ["one.txt", "two.txt"]
    assert datasets.fingerprint("occupancy") == one == datasets.load("occupancy").fingerprint
    assert len(reads) == 2


def test_members_of_an_archive_are_remembered_one_by_one(reads, folder):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for name, raw in RAW.items():
            (folder / name).unlink()
            archive.writestr(f"inside/{name}", raw)
    one = datasets.fingerprint("occupancy")
    assert datasets.fingerprint("occupancy") == one and reads == ["all.zip", "all.zip"]


CHANGES = {
    "another length": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "the same length": lambda path: path.write_bytes(path.read_bytes().replace(b"first", b"last!")),
    "another file": lambda path: (path.rename(path.with_name("old.txt")), path.write_bytes(b"last!\n" * 50)),
    "as old as before": lambda path: change_keeping_its_time(path),
}


def change_keeping_its_time(path):
    found = path.stat()
    path.write_bytes(b"last!\n" * 50)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_file_is_hashed_again(reads, folder, kind):
    datasets.fingerprint("occupancy")
    time.sleep(0.02)  # longer than a tick of the file system's clock
    CHANGES[kind](folder / "one.txt")
    (folder / "old.txt").unlink(missing_ok=True)
    with pytest.raises(datasets.DatasetError, match=r"one\.txt not found in the official form"):
        datasets.fingerprint("occupancy")


def test_a_file_that_has_only_just_changed_is_not_remembered(reads, monkeypatch):
    """Within a tick of the clock a file could change once more and look the same."""
    monkeypatch.setattr(known, "_SETTLED", 2_000_000_000)
    for _ in range(2):
        datasets.fingerprint("occupancy")
    assert len(reads) == 4
    monkeypatch.setattr(files, "now", lambda: time.time_ns() + 2_100_000_000)
    for _ in range(2):
        datasets.fingerprint("occupancy")
    assert len(reads) == 6


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(reads, folder, monkeypatch):
    counted = files._Candidate.read

    def read_and_touch(self, limit):
        found = counted(self, limit)
        os.utime(self.path, (1, 1))
        os.utime(self.path)
        return found

    monkeypatch.setattr(files._Candidate, "read", read_and_touch)
    for _ in range(2):
        datasets.fingerprint("occupancy")
    assert len(reads) == 4


WRONG = {
    "empty": b"",
    "torn": b'{"format": 1, "files": {"',
    "a list": b"[]",
    "another format": b'{"format": 2, "files": {}}',
    "no table": b'{"format": 1, "files": []}',
    "bytes": bytes(range(256)),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_memory_that_is_no_memory_is_ignored_and_made_anew(reads, kind):
    right = datasets.fingerprint("occupancy")
    (datasets.data_home() / "known-files.json").write_bytes(WRONG[kind])
    assert datasets.fingerprint("occupancy") == right and len(reads) == 4
    assert datasets.fingerprint("occupancy") == right and len(reads) == 4


@pytest.mark.parametrize("entry", [None, 1, "x", [], [1, 2, 3], {"a": 1}, ["x"] * 7])
def test_an_entry_that_is_none_is_ignored(reads, entry):
    right = datasets.fingerprint("occupancy")
    path = datasets.data_home() / "known-files.json"
    told = json.loads(path.read_text())
    kept = next(iter(told["files"].values()))
    for wrong in (entry, [*kept[:4], "g" * 64, *kept[5:]], [*kept[:5], "1", 2]):
        path.write_text(json.dumps({"format": 1, "files": dict.fromkeys(told["files"], wrong)}))
        assert datasets.fingerprint("occupancy") == right
    assert len(reads) == 8


def test_a_false_memory_is_forgotten_when_the_file_is_parsed(reads, parses, folder):
    """As after a fault of the disk: nothing tells that the file has changed, until it is read."""
    datasets.fingerprint("occupancy")
    path = datasets.data_home() / "known-files.json"
    told = json.loads(path.read_text())
    (folder / "one.txt").write_bytes(b"last!\n" * 50)
    told["files"][str(folder / "one.txt")][:4] = known.state(folder / "one.txt")
    path.write_text(json.dumps(told))
    with pytest.raises(datasets.DatasetError, match="changed while it was read"):
        datasets.load("occupancy")
    with pytest.raises(datasets.DatasetError, match=r"one\.txt not found in the official form"):
        datasets.load("occupancy")


def test_what_others_wrote_meanwhile_stays_and_what_is_gone_goes(reads, folder, tmp_path):
    (tmp_path / "other").write_bytes(b"x")
    path = datasets.data_home() / "known-files.json"
    mine = known.Memory(path)
    other = known.Memory(path)
    for memory, name in ((mine, folder / "one.txt"), (other, tmp_path / "other"), (other, tmp_path / "gone")):
        state = known.state(name) if name.exists() else [0, 0, 0, 0]
        memory._new[str(name)] = [*state, "0" * 64, 1, 1]
    other.save()
    mine.save()
    assert set(json.loads(path.read_text())["files"]) == {str(folder / "one.txt"), str(tmp_path / "other")}
    assert [left.name for left in path.parent.iterdir()] == [path.name]


def test_a_memory_that_cannot_be_written_is_no_error(reads, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "file"))
    assert datasets.fingerprint("occupancy") == datasets.fingerprint("occupancy") and len(reads) == 4


def test_a_remembered_file_may_be_too_long_too(reads, item, folder, monkeypatch):
    datasets.fingerprint("occupancy")
    monkeypatch.setattr(files, "_EDITION", 0.5)
    with pytest.raises(datasets.DatasetError, match="which no edition does"):
        datasets.fingerprint("occupancy")

"""What every data set owes, as tests that its own module inherits. A new set brings `Facts` and three classes:

    class TestTwin(contract.Twin): facts = FACTS
    class TestFiles(contract.Files): facts = FACTS

    @pytest.mark.needs_data("its name")
    class TestOfficial(contract.Official): facts = FACTS

`test_every_set_has_its_contract` holds that none is forgotten.
"""

import hashlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from faults import FAULT, FAULTS, OTHERS
from hypothesis import HealthCheck, given, settings

from qhelpers import datasets
from qhelpers.datasets import base, files
from qhelpers.datasets.base import DatasetError, OfficialFile

RECORDS = Path(__file__).resolve().parents[2] / "records" / "data-summary"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a set's own module knows of it.

    Attributes
    ----------
    name : str
        Registered name.
    small : callable
        Small good files in the official forms, by official name.
    holds : callable
        ``holds(data, files)`` asserts that data are what is in files, read as simply as can be.
    traps : tuple of callable
        How the set fools whoever is careless: each takes the data, real or twin, and tells whether this trap is in them.
    parsed : str
        `digest` of what the official files are parsed to, begun with the loader's version.
    near : callable or None
        ``near(table, real)`` asserts what `compare` may show between the real data and a twin.
    unfit : str
        Words of the error that refuses files which are good by themselves, but do not go together.
    lines : bool
        Whether the files are tables of lines, so that errors name one.
    header : bool
        Whether the first of these lines is a header.
    named : bool
        Whether the twin's groups have the names of the real ones.
    some : bool
        Whether `small` makes some of the set's many files; the set is tried as if it had these only.
    """

    name: str
    small: Callable[[], dict[str, bytes]]
    holds: Callable[[Any, dict[str, bytes]], None]
    traps: tuple[Callable[[Any], bool], ...]
    parsed: str
    near: Callable[[pd.DataFrame, Any], None] | None = None
    unfit: str = "do not go together"
    lines: bool = True
    header: bool = True
    named: bool = True
    some: bool = False


def arrays(data):
    """All arrays of a data set, by name."""
    for name, value in vars(data).items():
        if isinstance(value, pd.DataFrame):
            assert value.index.tolist() == list(range(len(value)))
            yield name, value.to_numpy()
            yield f"{name} columns", np.array(list(value.columns))
        elif isinstance(value, tuple):
            yield from ((f"{name} {number}", np.asarray(one)) for number, one in enumerate(value))
        elif isinstance(value, np.ndarray):
            yield name, value


def digest(data):
    """One hash for all arrays of a data set: values, shapes, dtypes."""
    found = hashlib.sha256()
    for name, value in sorted(arrays(data), key=itemgetter(0)):
        found.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    return f"{datasets.entry(data.name).loader_version}:{found.hexdigest()}"


def well_formed(data, n):
    """What the body itself does not check when it is made, because it takes a look at every value."""
    item = datasets.entry(data.name)
    assert type(data) is item.body and len(data) == n
    assert data.groups.shape == (n,) and (data.groups != "").all()
    assert (data.units, data.meaning, data.title, data.citation) == (item.units, item.meaning, item.title, item.citation)
    assert re.fullmatch("[0-9a-f]{64}", data.fingerprint)
    if isinstance(data, datasets.Signals):
        for one in data.recordings:
            missing = np.isnan(one)
            assert (missing.all(axis=0) == missing.any(axis=0)).all() and np.isfinite(one[~missing]).all()
    else:
        assert np.isfinite(data.X.to_numpy()).all() and (data.X.dtypes == "float64").all()
    if isinstance(data, datasets.Series):
        assert (data.life > 0).all() and len(set(data.groups)) > 1
        return
    if data.y is not None and data.meaning:
        assert data.y.dtype == np.int64 and set(data.y) == set(data.meaning)
    if isinstance(data, datasets.Dataset):
        assert not np.isnat(data.time).any() and data.time.dtype == np.dtype("datetime64[s]")


class Twin:
    """A synthetic twin: well-formed at any size, cheap, its seed's alone, with the traps of the real data."""

    facts: Facts

    @pytest.fixture
    def item(self):
        return datasets.entry(self.facts.name)

    @pytest.fixture
    def records(self):
        """Where the summary of the official files is recorded."""
        return RECORDS

    def load(self, **arguments):
        return datasets.load(self.facts.name, source="twin", **arguments)

    @pytest.mark.parametrize("size", ["official", "smallest", "odd", "larger"])
    def test_every_size_is_well_formed(self, item, size):
        n = {"official": None, "smallest": item.twin_minimum, "odd": item.twin_minimum + 1, "larger": item.twin_size + 13}[size]
        well_formed(self.load(n=n, seed=3), n or item.twin_size)

    def test_it_is_its_seed(self, item):
        n = min(item.twin_size, item.twin_minimum + 1000)
        one, same, other = (self.load(n=n, seed=seed) for seed in (5, 5, 6))
        assert digest(one) == digest(same) != digest(other)
        prints = {one.fingerprint, same.fingerprint, other.fingerprint, self.load(n=n - 1, seed=5).fingerprint}
        assert len(prints) == 3

    def test_ten_times_the_size_is_no_more_work(self, item, calls):
        """Columns are drawn as arrays, no row is made by itself; units and recordings may be made one by one."""
        self.load(n=item.twin_minimum)  # imports
        work, least = [], max(item.twin_minimum, 5000 if item.body is datasets.Dataset else 20)
        for n in (least, 10 * least):
            with calls() as counted:
                self.load(n=n)
            work.append(counted())
        assert work[1] < (1.5 if item.body is datasets.Dataset else 11) * work[0]

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_its_traps_are_there(self, seed):
        data = self.load(seed=seed)
        assert [trap.__name__ for trap in self.facts.traps if not trap(data)] == []

    def test_its_fingerprint_is_known_without_making_it(self, item, monkeypatch):
        made = self.load(n=item.twin_minimum, seed=4).fingerprint
        monkeypatch.setitem(base._REGISTRY, item.name, replace(item, twin=None))
        assert datasets.fingerprint(item.name, "twin", n=item.twin_minimum, seed=4) == made
        assert datasets.fingerprint(item.name, "twin") != made

    def test_it_can_be_compared(self, item, records):
        one, other = (self.load(n=item.twin_minimum, seed=seed) for seed in (0, 1))
        assert (datasets.compare(one, one)["difference"].dropna() == 0).all()
        assert np.isfinite(datasets.compare(one, other)["difference"].unstack("statistic")["mean"]).all()
        recorded, twin = datasets.recorded_summary(records, item.name), datasets.summary(one)
        assert list(recorded.columns) == list(twin.columns) and list(recorded.index) == list(twin.index)

    def test_what_is_not_checked_at_the_source_says_so(self, item):
        assert "to be checked at the source" in self.load(n=item.twin_minimum).licence


class Official:
    """The official files: the schema of the twin, the same traps, what is recorded of them, what is kept of them."""

    facts: Facts

    @pytest.fixture
    def real(self, official):
        return official(self.facts.name)

    @pytest.fixture
    def contents(self, official_files):
        """The official files by name, unpacked."""
        return official_files(self.facts.name)

    @pytest.fixture
    def records(self):
        return RECORDS

    @pytest.fixture
    def empty_home(self, tmp_path, monkeypatch):
        """The official files are found where they lie, and nothing is kept of them yet; ends in the data home."""
        monkeypatch.setenv("QHELPERS_DATA", os.pathsep.join(map(str, datasets.folders())))
        monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "home"))
        return tmp_path / "home"

    def test_they_are_parsed_to_what_they_were(self, real):
        """Whoever changes what a loader makes of a file raises its `loader_version`, or else what was kept is out of date."""
        assert digest(real) == self.facts.parsed

    def test_twin_and_real_have_one_schema(self, real):
        well_formed(real, datasets.entry(self.facts.name).twin_size)
        twin = datasets.load(self.facts.name, source="twin")
        assert {k for k, v in vars(real).items() if v is None} == {k for k, v in vars(twin).items() if v is None}
        one, other = dict(arrays(real)), dict(arrays(twin))
        assert {name: value.dtype for name, value in one.items()} == {name: value.dtype for name, value in other.items()}
        assert set(real.groups) == set(twin.groups) or not self.facts.named
        assert len(set(real.groups)) == len(set(twin.groups))

    def test_the_traps_are_there(self, real):
        assert [trap.__name__ for trap in self.facts.traps if not trap(real)] == []

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_the_twin_is_near(self, real, seed):
        table = datasets.compare(real, datasets.load(self.facts.name, source="twin", seed=seed))
        assert list(table.columns) == ["real", "twin", "difference"]
        if self.facts.near is not None:
            self.facts.near(table["difference"].unstack("statistic"), real)

    def test_the_recorded_summary_is_what_they_give(self, real, records, tmp_path):
        datasets.record_summary(tmp_path, real)
        found, again = (datasets.recorded_summary(folder, self.facts.name) for folder in (records, tmp_path))
        pd.testing.assert_frame_equal(found, again, rtol=1e-6)

    def test_a_second_load_parses_nothing_and_gives_the_same(self, real, empty_home, monkeypatch):
        name, item = self.facts.name, datasets.entry(self.facts.name)
        first = datasets.load(name)
        monkeypatch.setitem(base._REGISTRY, name, replace(item, parse=None))
        for _ in range(2):
            second = datasets.load(name)
            assert digest(second) == digest(first) == digest(real) and second.fingerprint == real.fingerprint
            for _, value in arrays(second):  # written into, and not found there by the next load
                if value.flags.writeable and value.dtype.kind in "fib":
                    value[:] = 0

    def test_their_fingerprint_is_known_without_parsing(self, real, empty_home, monkeypatch):
        name = self.facts.name
        monkeypatch.setitem(base._REGISTRY, name, replace(datasets.entry(name), parse=None))
        assert datasets.fingerprint(name) == real.fingerprint
        assert not (empty_home / files.PARSED).exists()

    def test_they_are_known_under_any_name(self, real, contents, folder):
        for number, raw in enumerate(contents.values()):
            (folder / f"{number}.other").write_bytes(raw)
        assert datasets.fingerprint(self.facts.name) == real.fingerprint
        assert digest(datasets.load(self.facts.name)) == digest(real)

    @pytest.mark.parametrize("rounds", [3, pytest.param(250, marks=pytest.mark.slow)])
    def test_with_one_fault_they_are_refused_or_it_is_harmless(self, contents, folder, rounds):
        """The official load refuses each by its hash, the accepted one as it does small files."""
        rng, kinds, ended = np.random.default_rng(rounds), sorted(FAULTS), []
        known = {variant.sha256 for variant in datasets.entry(self.facts.name).variants}
        for _ in range(rounds):
            changed = list(contents)[rng.integers(len(contents))]
            kind, some = kinds[rng.integers(len(kinds))], rng.bytes(int(rng.integers(1, 4)))
            fault = FAULTS[kind](contents[changed], rng.random(), some, int(rng.integers(1, 12)))
            if fault == contents[changed]:
                ended.append("same")
                continue
            broken = contents | {changed: fault}
            write(folder, broken)
            with pytest.raises(DatasetError) as caught:
                datasets.load(self.facts.name)
            sha = hashlib.sha256(fault).hexdigest()
            assert f"{folder}/{changed}" in str(caught.value) and sha in str(caught.value)
            assert sha in known or "unknown edition" in str(caught.value)
            error, data = refused(self.facts, folder, broken)
            ended.append("loaded" if error is None else "refused")
            if error is None:
                self.facts.holds(data, broken)
        assert ended.count("refused") >= rounds / 3


def write(folder, content):
    """Write files by name; returns the SHA-256 of each."""
    for name, raw in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(raw)
    return [hashlib.sha256(raw).hexdigest() for raw in content.values()]


def refused(facts, folder, content):
    """Accept files: what refuses them as (file, line, message), or else the data."""
    hashes = write(folder, content)
    try:
        return None, datasets.load(facts.name, accept=hashes)
    except DatasetError as error:
        line = r", line (\d+): " if facts.lines else "()[ ,:]"
        said = re.match(rf"{re.escape(str(folder))}/(\S+?){line}", str(error))
        if not said:
            pytest.fail(f"no file and line in: {error}")
        return (said[1], int(said[2] or 0), str(error)), None


def offered(facts, sha):
    """Whether the message that refuses a file offers to accept it."""
    with pytest.raises(DatasetError) as caught:
        datasets.load(facts.name)
    assert "not found in the official form" in str(caught.value)
    return f"accept='{sha}'" in str(caught.value)


def outcome(facts, folder, content, changed, fault):
    """Load files of which one is changed; how it ended: "same", "refused" or "loaded".

    There is no third outcome: a file is refused by file and line, or its arrays are what a plain reader finds in it. It is
    offered to be accepted if and only if it then loads. All that stands before the line that an error names must be good:
    it loads if it is all there is.
    """
    raw = content[changed]
    if fault == raw:
        return "same"
    if fault in content.values():
        return "twin"  # two files of one content cannot be told apart
    error, data = refused(facts, folder, content | {changed: fault})
    fits = error is None or facts.unfit in error[2]
    if datasets.entry(facts.name).first_lines:
        assert offered(facts, hashlib.sha256(fault).hexdigest()) == fits
    if error is None:
        facts.holds(data, content | {changed: fault})
        return "loaded"
    file, line, text = error
    if not fits:
        assert file == changed
    if not facts.lines:
        return "refused"
    lines = fault.split(b"\n")
    if fits:  # the first line of a file does not go with the last one of the file before
        order = list(content)
        assert line == 1 + facts.header and file in (changed, *order[order.index(changed) + 1 :][:1])
        return "refused"
    same = next((k for k, (a, b) in enumerate(zip(raw, fault, strict=False)) if a != b), min(len(raw), len(fault)))
    assert raw[:same].count(b"\n") <= line <= len(lines), text
    before = b"\n".join(lines[: line - 1]) + b"\n"
    if line > 1 + facts.header and before not in content.values():
        earlier, _ = refused(facts, folder, content | {changed: before})
        assert earlier is None or facts.unfit in earlier[2], f"{text}\nbut before it: {earlier}"
    return "refused"


QUIET = {
    "deadline": None,
    "suppress_health_check": [
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.differing_executors,  # one test of several classes
    ],
}


class Files:
    """Bad files: one fault put into a good small file, files of another kind, files saved again by other programs."""

    facts: Facts

    @pytest.fixture(autouse=True)
    def _some(self, monkeypatch):
        if self.facts.some:
            item = datasets.entry(self.facts.name)
            by_name = {file.name: file for file in item.files}
            monkeypatch.setitem(base._REGISTRY, item.name, replace(item, files=tuple(map(by_name.get, self.facts.small()))))

    def test_small_files_are_good(self, folder):
        content = self.facts.small()
        hashes = write(folder, content)
        assert all(offered(self.facts, sha) for sha in hashes)
        self.facts.holds(datasets.load(self.facts.name, accept=hashes), content)

    @pytest.mark.parametrize("kind", sorted(FAULTS))
    def test_every_kind_of_fault(self, folder, kind):
        rng, content = np.random.default_rng(len(kind)), self.facts.small()
        for _ in range(6):
            changed = list(content)[rng.integers(len(content))]
            fault = FAULTS[kind](content[changed], rng.random(), rng.bytes(2), int(rng.integers(1, 12)))
            outcome(self.facts, folder, content, changed, fault)

    def _try_one(self, folder, drawn):
        kind, place, some, number, which = drawn
        content = self.facts.small()
        changed = list(content)[which % len(content)]
        return outcome(self.facts, folder, content, changed, FAULTS[kind](content[changed], place, some, number))

    @settings(max_examples=100, **QUIET)
    @given(drawn=FAULT)
    def test_one_fault_is_refused_or_harmless(self, folder, drawn):
        self._try_one(folder, drawn)

    @pytest.mark.slow
    @settings(max_examples=2000, **QUIET)
    @given(drawn=FAULT)
    def test_thousands_of_faults_are_refused_or_harmless(self, folder, drawn):
        self._try_one(folder, drawn)

    @pytest.mark.parametrize("kind", OTHERS)
    def test_a_file_of_another_kind(self, folder, kind):
        content = self.facts.small()
        changed = list(content)[-1]
        hashes = write(folder, content | {changed: OTHERS[kind]})
        if datasets.entry(self.facts.name).first_lines:
            assert not offered(self.facts, hashes[-1])
        with pytest.raises(DatasetError) as caught:
            datasets.load(self.facts.name, accept=hashes)
        if "which no edition does" in str(caught.value):
            assert f"{folder}/{changed} cannot be read (it holds more than" in str(caught.value)
            return
        assert str(caught.value).startswith(f"{folder}/{changed}" + (", line 1: " if self.facts.lines else ""))
        assert len(str(caught.value)) < 800

    @pytest.mark.parametrize(
        "how", ["as it was", "with its index", "capital names", "no header", "semicolons", "without a column"]
    )
    def test_saved_again_by_pandas(self, folder, how):
        """Accepting is offered where it then works; else the first line tells what is missing."""
        content, again = self.facts.small(), {}
        for name, raw in content.items():
            table = pd.read_csv(io.BytesIO(raw), dtype=str, encoding="utf-8-sig", skipinitialspace=False)
            table = table.rename(columns=str.title) if how == "capital names" else table
            table = table.drop(columns=table.columns[-1]) if how == "without a column" else table
            text = table.to_csv(index=how == "with its index", header=how != "no header", sep=";" if how == "semicolons" else ",")
            again[name] = text.encode()
        hashes = write(folder, again)
        # Without commas and a header, a line is one field to such a program, and the first line goes.
        if how == "as it was" or (not self.facts.header and how in ("capital names", "semicolons")):
            assert all(offered(self.facts, sha) for sha in hashes)
            self.facts.holds(datasets.load(self.facts.name, accept=hashes), again)
            return
        if not self.facts.header:
            with pytest.raises(DatasetError, match=r", line 1: "):
                datasets.load(self.facts.name, accept=hashes)
            return
        said = {
            "with its index": "columns, the first unnamed: an index was saved with it; save it without",
            "capital names": "is written in another way; write every name as it is there",
            "no header": "It has no header: its first line holds values already",
            "semicolons": "Its columns are not separated by commas",
            "without a column": "It lacks '",
        }[how]
        assert not any(offered(self.facts, sha) for sha in hashes)
        with pytest.raises(DatasetError, match=r"it cannot be read in the place of the official one: line 1: .*" + said):
            datasets.load(self.facts.name)
        with pytest.raises(DatasetError, match=r", line 1: .*" + said):
            datasets.load(self.facts.name, accept=hashes)


def as_official(item, content):
    """A data set whose official files are these."""
    official = tuple(OfficialFile(name, len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in content.items())
    return replace(item, files=official, variants=())

"""The contract fits sets of every body: two toy sets, of units followed in time and of recordings, keep it like the real ones."""

import csv
import importlib.util
import io
from pathlib import Path

import contract
import numpy as np
import pandas as pd
import pytest

from qhelpers import datasets
from qhelpers.datasets import base
from qhelpers.datasets.base import Arrays, DatasetError, Entry, Series, Signals
from qhelpers.datasets.tables import decimal, one_of, read_table, whole


def test_every_set_has_its_contract():
    kept = {template: set() for template in (contract.Twin, contract.Files, contract.Official)}
    for path in Path(__file__).parent.glob("test_*.py"):
        if "import contract" not in path.read_text(encoding="utf-8") or path == Path(__file__):
            continue
        spec = importlib.util.spec_from_file_location(f"contract_of_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for one in (one for one in vars(module).values() if isinstance(one, type)):
            for template in kept.keys() & set(one.__mro__[1:]):
                kept[template].add(one.facts.name)
    assert all(found == set(datasets.names()) for found in kept.values()), kept


# --- engines that run until they fail, or until nobody looks any more --------------------------------------------

COLUMNS = (whole("engine"), whole("cycle"), decimal("heat"), decimal("noise"), one_of("failed", ("0", "1")))


def parse_engines(files):
    (found,) = files.values()
    X, cycle, engine, failed = np.empty((2, found.rows)), *(np.empty(found.rows, "int64") for _ in range(3))
    last = (0, 0, 0)
    for block in read_table(found, COLUMNS):
        now = np.stack([block["engine"], block["cycle"], block["failed"] == b"1"])
        before = np.concatenate([np.transpose([last]), now[:, :-1]], axis=1)
        new = now[0] != before[0]
        block.refuse(
            ("engine", new & (now[0] != before[0] + 1), "the engine of the line before, or the next one"),
            ("cycle", np.where(new, now[1] != 1, now[1] <= before[1]), "1 in an engine's first line, then more than before"),
            ("engine", ~new & (before[2] == 1), "another engine after a failure"),
        )
        X[:, block.rows] = block["heat"], block["noise"]
        engine[block.rows], cycle[block.rows], failed[block.rows] = now
        last = tuple(now[:, -1])
    edges = np.r_[0, np.flatnonzero(np.diff(engine)) + 1, len(engine)]
    return engines(X, cycle, edges, failed[edges[1:] - 1] == 0)


def engines(X, cycle, edges, censored):
    names = np.array([f"engine {k + 1}" for k in range(len(edges) - 1)], "U12")
    table = pd.DataFrame(X.T, columns=["heat", "noise"], copy=False)
    return Arrays(X=table, cycle=cycle, edges=edges, life=cycle[edges[1:] - 1], censored=censored, groups=names)


def twin_engines(n, rng):
    lives = rng.integers(20, 40, n)
    edges = np.r_[0, np.cumsum(lives)]
    cycle = np.arange(edges[-1]) - np.repeat(edges[:-1], lives) + 1
    wear = cycle / np.repeat(lives, lives)
    censored = np.arange(n) % 3 == 2
    return engines(np.stack([wear + rng.normal(0, 0.05, len(wear)), rng.normal(size=len(wear))]), cycle, edges, censored)


def small_engines():
    rows = ["1,1,0.5,3,0", "1,2,0.75,-1e-3,0", "1,4,1.5,2,1", "2,1,.25,7,0", "2,2,.5,6.5,0"]
    return {"engines.csv": ("\n".join(["engine,cycle,heat,noise,failed", *rows]) + "\n").encode()}


def holds_engines(data, content):
    (raw,) = content.values()
    rows = list(csv.reader(io.StringIO(raw.decode())))[1:]
    assert data.cycle.tolist() == [int(row[1]) for row in rows]
    assert data.X.to_numpy().tolist() == [[float(row[2]), float(row[3])] for row in rows]
    assert (data.unit + 1).tolist() == [int(row[0]) for row in rows]
    last = {row[0]: row for row in rows}.values()
    assert [(life, 1 - gone) for life, gone in zip(data.life, data.censored, strict=True)] == [
        (int(r[1]), int(r[4])) for r in last
    ]


def one_of_three_never_failed(data):
    return 0.2 < data.censored.mean() < 0.4


def heat_tells_the_age(data):
    known = ~np.isnan(data.remaining)
    return np.corrcoef(data.X["heat"][known], data.remaining[known])[0, 1] < -0.8


ENGINES = contract.Facts(
    name="toy_engines",
    small=small_engines,
    holds=holds_engines,
    traps=(one_of_three_never_failed, heat_tells_the_age),
    parsed="",
)


def many_engines():
    """An official file: the twin of a seed, written out."""
    made = Series(**HEAD, units={"heat": "K", "noise": "V"}, meaning={}, **twin_engines(30, np.random.default_rng(77)))
    lines = ["engine,cycle,heat,noise,failed"]
    for k in range(len(made)):
        last = made.life[k] if not made.censored[k] else -1
        for cycle, row in zip(made.cycle[made.rows(k)], made.X.to_numpy()[made.rows(k)].tolist(), strict=True):
            lines.append(f"{k + 1},{cycle},{row[0]!r},{row[1]!r},{int(cycle == last)}")
    return {"engines.csv": ("\n".join(lines) + "\n").encode()}


# --- recordings, a file each, with the rate in the first eight bytes ---------------------------------------------


def parse_recordings(files):
    recordings, rates = [], []
    for found in files.values():
        raw = b"".join(found.blocks())
        numbers = np.frombuffer(raw[: len(raw) // 8 * 8], "<f8")
        if len(raw) % 16 != 8 or len(numbers) < 3 or not np.isfinite(numbers).all() or not 1 <= numbers[0] <= 1e6:
            raise DatasetError(f"{found}: it holds no rate of 1 to 1,000,000 Hz and pairs of finite numbers. Fetch it again.")
        rates.append(numbers[0])
        recordings.append(numbers[1:].reshape(-1, 2).copy())
    return recorded(recordings, rates, list(files))


def recorded(recordings, rates, names):
    y = np.array(["outer" in name for name in names], "int64")
    bearing = np.array([name.partition("-")[0] for name in names], "U10")
    return Arrays(
        recordings=tuple(recordings),
        channels=("x", "y"),
        rate=np.array(rates),
        y=y,
        labels=np.array(names, "U12"),
        groups=bearing,
    )


def twin_recordings(n, rng):
    parts, names = [], [f"{k}-{('outer', 'normal')[k % 2]}" for k in range(n)]
    for k in range(n):
        parts.append(rng.normal(0, 1 + 3 * ("outer" in names[k]), (200 + 10 * (k % 5), 2)))
    return recorded(parts, [12_000.0 if k % 2 else 48_000.0 for k in range(n)], names)


def written(arrays):
    """Files of recordings, by name."""
    pairs = zip(arrays["labels"].tolist(), arrays["rate"], arrays["recordings"], strict=True)
    return {name: np.r_[rate, values.ravel()].astype("<f8").tobytes() for name, rate, values in pairs}


def holds_recordings(data, content):
    for raw, rate, values in zip(content.values(), data.rate, data.recordings, strict=True):
        assert np.frombuffer(raw, "<f8").tolist() == [rate, *values.ravel().tolist()]


def the_rate_tells_the_class(data):
    return len(set(zip(data.rate, data.y, strict=True))) == 2


RECORDINGS = contract.Facts(
    name="toy_recordings",
    small=lambda: written(twin_recordings(4, np.random.default_rng(1))),
    holds=holds_recordings,
    traps=(the_rate_tells_the_class,),
    parsed="",
    lines=False,
)


# --- both keep the contract --------------------------------------------------------------------------------------

HEAD = {"name": "toy", "title": "A toy", "source": "twin", "fingerprint": "0" * 64, "licence": "none", "citation": "nobody"}


def entry(facts, body, **own):
    shared = {"title": "A toy", "page": "https://example.org", "url": None, "by_hand": "make it", "citation": "nobody"}
    sizes = {"twin_minimum": 3, "twin_version": 1, "loader_version": 1, "body": body}
    licence = "to be checked at the source"
    return Entry(name=facts.name, licence=licence, files=(), variants=(), **shared, **sizes, **own)


ENTRIES = {
    "toy_engines": entry(
        ENGINES, Series, twin_size=30, units={"heat": "K", "noise": "V"}, meaning={}, parse=parse_engines, twin=twin_engines
    ),
    "toy_recordings": entry(
        RECORDINGS,
        Signals,
        twin_size=4,
        units={"x": "g", "y": "g"},
        meaning={0: "normal", 1: "outer race"},
        parse=parse_recordings,
        twin=twin_recordings,
        first_lines=False,
    ),
}
CONTENTS = {"toy_engines": many_engines, "toy_recordings": lambda: written(twin_recordings(4, np.random.default_rng(9)))}


class Toy:
    """Registered while a test runs; its official files lie in a folder of their own."""

    @pytest.fixture(autouse=True)
    def contents(self, tmp_path, monkeypatch):
        content = CONTENTS[self.facts.name]()
        monkeypatch.setitem(base._REGISTRY, self.facts.name, contract.as_official(ENTRIES[self.facts.name], content))
        (tmp_path / "official").mkdir()
        contract.write(tmp_path / "official", content)
        monkeypatch.setenv("QHELPERS_DATA", str(tmp_path / "official"))
        monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "elsewhere"))
        return content

    @pytest.fixture
    def real(self, contents):
        return datasets.load(self.facts.name)

    @pytest.fixture
    def records(self, tmp_path, contents):
        datasets.record_summary(tmp_path / "records", datasets.load(self.facts.name))
        return tmp_path / "records"


class ToyOfficial(Toy, contract.Official):
    def test_they_are_parsed_to_what_they_were(self, real, contents):
        self.facts.holds(real, contents)  # made anew each time: there is no digest to hold


class TestTwinOfEngines(Toy, contract.Twin):
    facts = ENGINES


class TestFilesOfEngines(Toy, contract.Files):
    facts = ENGINES


class TestOfficialEngines(ToyOfficial):
    facts = ENGINES


class TestTwinOfRecordings(Toy, contract.Twin):
    facts = RECORDINGS


class TestFilesOfRecordings(Toy, contract.Files):
    facts = RECORDINGS
    test_saved_again_by_pandas = None  # these are no tables


class TestOfficialRecordings(ToyOfficial):
    facts = RECORDINGS

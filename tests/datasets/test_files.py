"""Files are known by what is in them: name, place and packing do not matter, and nothing unknown slips in."""

import gzip
import hashlib
import io
import lzma
import re
import shutil
import zipfile
from dataclasses import replace

import contract
import pytest

from qhelpers import datasets
from qhelpers.datasets import files, manifest
from qhelpers.datasets.base import OfficialFile, Variant
from qhelpers.datasets.files import find

ONE, TWO = b"one," * 500, b"two," * 700


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content(found) -> bytes:
    return b"".join(found.blocks())


ITEM = replace(
    datasets.entry("occupancy"),
    files=(OfficialFile("one.txt", len(ONE), sha(ONE)), OfficialFile("two.txt", len(TWO), sha(TWO))),
    variants=(
        Variant("one.txt", len(ONE) + 1, sha(ONE + b"\n"), "one.txt with a line more"),
        Variant("both.csv", len(ONE + TWO), sha(ONE + TWO), "both in one", instead_of_all=True),
    ),
    first_lines=False,
)


def put(path, content):
    """Write a file packed as its name says; a zip archive holds it below a folder, beside something else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside/readme.md", "hello")
            archive.writestr(f"inside/{path.stem}", content)
    elif path.suffix == ".xz":
        path.write_bytes(lzma.compress(content))
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("packed", ["", ".xz", ".gz", ".zip"])
@pytest.mark.parametrize("name", ["one.txt", "ONE.TXT", "deep/er/something-else"])
def test_found_under_any_name_and_packing(folder, packed, name):
    put(folder / f"{name}{packed}", ONE)
    put(folder / "two.txt", TWO)
    found = find(ITEM)
    assert list(found) == ["one.txt", "two.txt"]
    assert content(found["one.txt"]) == ONE
    assert found["one.txt"].sha256 == sha(ONE)
    assert str(found["one.txt"]).startswith(str(folder / f"{name}{packed}"))


def test_data_home_and_several_folders_are_searched(tmp_path, monkeypatch):
    monkeypatch.setenv("QHELPERS_DATA", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    monkeypatch.setenv("QHELPERS_HOME", str(tmp_path / "home"))
    put(tmp_path / "b" / "one.txt", ONE)
    put(tmp_path / "home" / "two.txt.xz", TWO)
    assert set(find(ITEM)) == {"one.txt", "two.txt"}
    assert datasets.folders() == [tmp_path / "a", tmp_path / "b", tmp_path / "home"]


def test_data_home_follows_the_desktop_standard(monkeypatch, tmp_path):
    monkeypatch.delenv("QHELPERS_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert datasets.data_home() == tmp_path / "qhelpers" / "data"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert datasets.data_home() == tmp_path / "me" / ".local" / "share" / "qhelpers" / "data"


def test_missing_files_are_named_with_the_folders(folder):
    put(folder / "one.txt", ONE)
    with pytest.raises(datasets.DatasetError) as caught:
        find(ITEM)
    text = str(caught.value)
    assert "two.txt not found" in text and sha(TWO) in text
    assert str(folder) in text and "home (does not exist)" in text
    assert "make data" in text and "source='twin'" in text
    assert sha(ONE) not in text


def test_unknown_edition_names_both_hashes_and_is_used_only_when_accepted(folder):
    put(folder / "one.txt", ONE)
    put(folder / "two.txt.gz", b"edited")
    with pytest.raises(datasets.DatasetError) as caught:
        find(ITEM)
    assert sha(TWO) in str(caught.value)
    assert f"accept='{sha(b'edited')}'" in str(caught.value)
    assert content(find(ITEM, frozenset({sha(b"edited")}))["two.txt"]) == b"edited"


def test_an_accepted_file_goes_before_the_official_one(folder):
    put(folder / "one.txt", ONE)
    put(folder / "two.txt", TWO)
    put(folder / "other" / "two.txt", b"edited")
    assert content(find(ITEM)["two.txt"]) == TWO
    assert content(find(ITEM, frozenset({sha(b"edited")}))["two.txt"]) == b"edited"


def test_known_variant_is_named_and_not_taken_silently(folder):
    put(folder / "whatever.csv", ONE + b"\n")
    put(folder / "two.txt", TWO)
    with pytest.raises(datasets.DatasetError, match=r"known variant: one\.txt with a line more") as caught:
        find(ITEM)
    variant = sha(ONE + b"\n")
    assert f"accept='{variant}'" in str(caught.value)
    found = find(ITEM, frozenset({variant}))
    assert list(found) == ["one.txt", "two.txt"]
    assert content(found["one.txt"]) == ONE + b"\n" and content(found["two.txt"]) == TWO


def test_of_the_same_file_in_many_folders_the_first_by_name_is_taken(folder):
    for name in (f"{number * 7 % 20:02}" for number in range(1, 21)):
        put(folder / name / "one.txt", ONE)
        put(folder / name / "two.txt", TWO)
    assert {found.path.parent.name for found in find(ITEM).values()} == {"00"}


def test_variant_that_pools_all_files(folder):
    put(folder / "pool.csv.xz", ONE + TWO)
    with pytest.raises(datasets.DatasetError, match="both in one"):
        find(ITEM)
    assert list(find(ITEM, frozenset({sha(ONE + TWO)}))) == ["both.csv"]


def test_a_file_with_the_name_of_a_variant_and_another_content_is_named(folder):
    put(folder / "both.csv", ONE + TWO + b"edited")
    with pytest.raises(datasets.DatasetError, match=r"both\.csv has the name of a known variant, but not its content") as caught:
        find(ITEM)
    assert "accept=" not in str(caught.value)


def test_accepting_what_is_not_there(folder):
    put(folder / "one.txt", ONE)
    put(folder / "two.txt", TWO)
    with pytest.raises(datasets.DatasetError, match="no file with this content") as caught:
        find(ITEM, frozenset({"0" * 64}))
    assert "one.txt, two.txt" in str(caught.value)


def test_two_accepted_files_for_one_place(folder):
    put(folder / "a" / "one.txt", b"a")
    put(folder / "b" / "one.txt", b"b")
    put(folder / "two.txt", TWO)
    with pytest.raises(datasets.DatasetError, match=r"two files for one\.txt"):
        find(ITEM, frozenset({sha(b"a"), sha(b"b")}))


@pytest.mark.parametrize("ending", [".xz", ".gz", ".zip"])
def test_broken_archives_are_named_where_their_name_is_expected_and_skipped_elsewhere(folder, ending):
    put(folder / f"one.txt{ending}", ONE)
    put(folder / "two.txt", TWO)
    whole = (folder / f"one.txt{ending}").read_bytes()
    for name in (f"one.txt{ending}", f"unrelated{ending}"):
        (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(datasets.DatasetError, match=rf"one\.txt{ending} cannot be read"):
        find(ITEM)
    put(folder / "good" / "one.txt", ONE)
    assert content(find(ITEM)["one.txt"]) == ONE


def test_only_files_of_fitting_length_are_unpacked(folder, monkeypatch):
    put(folder / "z" / "x1.xz", ONE)  # after all others
    put(folder / "z" / "x2.gz", TWO)
    for number in range(50):
        for ending in ("", ".xz", ".gz", ".zip"):
            put(folder / f"{number % 7}" / f"noise{number}{ending}", bytes(3000 + number))
    read = []
    genuine = files._Candidate.read
    monkeypatch.setattr(files._Candidate, "read", lambda self, limit: read.append(self.path.name) or genuine(self, limit))
    find(ITEM)
    assert sorted(read) == ["x1.xz", "x2.gz"]


def test_expected_names_come_first(folder, monkeypatch):
    put(folder / "a-copy.txt", ONE)
    put(folder / "one.txt", ONE)
    put(folder / "two.txt", TWO)
    read = []
    genuine = files._Candidate.read
    monkeypatch.setattr(files._Candidate, "read", lambda self, limit: read.append(self.path.name) or genuine(self, limit))
    find(ITEM)
    assert read == ["one.txt", "two.txt"]


def test_of_hundreds_of_files_only_the_two_are_unpacked(folder, monkeypatch, calls):
    packed, opened, genuine = lzma.compress(bytes(len(ONE) + 2)), [], lzma.open  # a length that no file has
    monkeypatch.setattr(files.lzma, "open", lambda raw: opened.append(raw) or genuine(raw))
    put(folder / "p.xz", ONE)  # after all others
    put(folder / "q.xz", TWO)
    work = []
    for number in range(800):
        (folder / f"{number}.xz").write_bytes(packed)
        if number in (399, 799):
            with calls() as counted:
                assert len(find(ITEM)) == 2
            work.append(counted())
    assert len(opened) == 2 * 2
    assert work[1] < 2.2 * work[0]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 5000, 300_000])
@pytest.mark.parametrize("check", [lzma.CHECK_CRC32, lzma.CHECK_SHA256])
def test_unpacked_length_of_xz_without_unpacking(length, check):
    content = bytes(length)
    assert files._xz_size(io.BytesIO(lzma.compress(content, check=check))) == length
    both = lzma.compress(content) + lzma.compress(b"more", check=check)
    assert files._xz_size(io.BytesIO(both)) == length + 4 == len(lzma.decompress(both))


def test_what_is_no_xz_or_gzip_has_no_known_length():
    assert files._xz_size(io.BytesIO(b"not an xz file at all")) is None
    assert files._xz_size(io.BytesIO(b"xz")) is None
    footer_only = lzma.compress(bytes(1000))[-14:]
    assert files._xz_size(io.BytesIO(footer_only)) is None
    assert files._xz_size(io.BytesIO(bytes(300) + footer_only)) is None
    assert files._gzip_size(io.BytesIO(b"short")) is None


# --- sets of thousands of files ----------------------------------------------------------------------------------


def many(count):
    """A set whose publisher tells files apart by their folders: the same name in each."""
    contents = {f"bearing{number}/acc_{k}.csv": b"%d;%d" % (number, k) for number in range(2) for k in range(count // 2)}
    return replace(contract.as_official(ITEM, contents), first_lines=False), contents


def test_files_of_one_name_are_told_apart_by_their_folder(folder):
    item, contents = many(4)
    changed = contents | {"bearing1/acc_0.csv": b"edited"}
    for name, raw in changed.items():
        put(folder / "set" / f"{name}.gz", raw)
    with pytest.raises(datasets.DatasetError, match=r"bearing1/acc_0\.csv not found") as caught:
        find(item)
    assert str(caught.value).count("unknown edition") == 1
    found = find(item, frozenset({sha(b"edited")}))
    assert {name: content(one) for name, one in found.items()} == changed
    (folder / "set" / "bearing1" / "acc_0.csv.gz").rename(folder / "acc_0.csv.gz")
    with pytest.raises(datasets.DatasetError, match="no file with this content"):
        find(item, frozenset({sha(b"edited")}))


def test_messages_about_thousands_of_files_stay_short(folder):
    item, contents = many(3000)
    with pytest.raises(datasets.DatasetError) as caught:
        find(item)
    assert "acc_4.csv and 2,995 more not found" in str(caught.value) and len(str(caught.value)) < 1500
    for name in list(contents)[:40]:
        put(folder / name, b"x" + name.encode())
    with pytest.raises(datasets.DatasetError) as caught:
        find(item)
    assert str(caught.value).count("unknown edition") == 6 and "35 more unknown editions" in str(caught.value)


def test_twice_as_many_files_are_twice_the_work(folder, calls):
    work = []
    for count in (300, 600):
        item, contents = many(count)
        for name, raw in contents.items():
            put(folder / str(count) / name, raw)
        with calls() as counted:
            assert len(find(item)) == count
        work.append(counted())
        shutil.rmtree(folder / str(count))
    assert work[1] < 2.2 * work[0]


# --- the list of files beside a loader ---------------------------------------------------------------------------

LINES = [
    "name,bytes,sha256,what,pooled,belongs_to",
    f"a/1.csv,7,{'0' * 64},,,",
    f'a/1.csv,8,{"1" * 64},"with, a comma",yes,other',
]


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "_HERE", tmp_path)
    return lambda lines: (tmp_path / "trial.files.csv").write_text("\n".join(lines) + "\n")


def test_a_list_of_files_is_read_when_it_is_looked_into(table):
    official, variants = manifest.listed("trial")
    table(LINES)
    assert list(official) == [OfficialFile("a/1.csv", 7, "0" * 64)] and official[0].size == 7 and len(official) == 1
    assert list(variants) == [Variant("a/1.csv", 8, "1" * 64, "with, a comma", instead_of_all=True, belongs_to="other")]
    table(["name,size,sha256"])
    with pytest.raises(ValueError, match=r"trial\.files\.csv, line 1: the header is"):
        manifest._read.__wrapped__(manifest._HERE / "trial.files.csv")


def test_a_long_list_is_read_once_and_a_few_calls_a_line(table, calls):
    table([LINES[0], *(f"b/acc_{k}.csv,{k},{k:064x},,," for k in range(7534))])
    official, _ = manifest.listed("trial")
    with calls() as counted:
        assert len(official) == 7534
    assert counted() < 3 * 7534
    with calls() as again:
        assert official[7533].name == "b/acc_7533.csv"
    assert again() < 10


@pytest.mark.parametrize("name", datasets.names())
def test_lists_of_files_are_sound(name):
    item = datasets.entry(name)
    hashes = [one.sha256 for one in (*item.files, *item.variants)]
    assert len(item.files) > 0 and len(set(hashes)) == len(hashes)
    for one in (*item.files, *item.variants):
        assert re.fullmatch("[0-9a-f]{64}", one.sha256) and one.size > 0
    for variant in item.variants:
        assert variant.instead_of_all or variant.name in {file.name for file in item.files}
        assert variant.belongs_to is None or variant.sha256 in {file.sha256 for file in datasets.entry(variant.belongs_to).files}

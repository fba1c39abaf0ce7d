"""A load holds never more than twice the unpacked file, its result included, and 16 MB whatever the file's size.

Measured in a process of its own: the highest resident size (VmHWM) during the load above that after the imports.
"""

import gzip
import hashlib
import json
import lzma
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from qhelpers import datasets

FIXED = 16e6

# Registers the files in the searched folder as the official ones, and loads them.
CODE = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np, pandas as pd
from qhelpers import datasets
from qhelpers.datasets import base
from qhelpers.datasets.base import Arrays, OfficialFile
from qhelpers.datasets.tables import decimal, one_of, read_table

def many_columns(files):
    "A loader such as other sets will have: 44 numbers, an address, a word."
    (found,) = files.values()
    values = np.empty((44, found.rows)); y = np.empty(found.rows, "int64")
    columns = (*(decimal(f"c{k}") for k in range(44)), one_of("class", ("normal", "DoS")))
    for block in read_table(found, columns):
        values[:, block.rows] = [block[f"c{k}"] for k in range(44)]
        y[block.rows] = block["class"] != b"normal"
    X = pd.DataFrame(values.T, columns=[f"c{k}" for k in range(44)], copy=False)
    return Arrays(X=X, y=y, groups=y.astype("U1"), time=y.astype("datetime64[s]"))

name, meta = sys.argv[1], json.loads(sys.argv[2])
item = base.entry("occupancy" if name == "wide" else name)
if name == "wide":
    item = replace(item, parse=many_columns, units={f"c{k}": "" for k in range(44)})
base._REGISTRY[item.name] = replace(item, files=tuple(OfficialFile(*file) for file in meta), variants=())
kilobytes = lambda key: next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))
Path("/proc/self/clear_refs").write_text("5")
before, start = kilobytes("VmHWM"), time.process_time()
data = datasets.load(item.name)
print(json.dumps([len(data), (kilobytes("VmHWM") - before) * 1024, time.process_time() - start]))
"""

PACKERS = {
    "": lambda path, raw: path.write_bytes(raw),
    ".xz": lambda path, raw: path.with_name(f"{path.name}.xz").write_bytes(lzma.compress(raw, preset=9 if len(raw) < 1e8 else 1)),
    ".gz": lambda path, raw: path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(raw, 1)),
}


def zipped(path, raw):
    with zipfile.ZipFile(path.with_name("all.zip"), "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(path.name, raw)


PACKERS[".zip"] = zipped


def gps(megabytes, name):
    """Rows of the twin in the official form, again and again (the label is the time, which may repeat)."""
    data = datasets.load(name, source="twin", n=20_000)
    stamps = data.time.astype("int64") + 7 * 3600
    clock = np.char.replace(data.time.astype("U19"), "T", " ")
    rows = []
    for k, (when, (latitude, longitude)) in enumerate(zip(clock, data.X.to_numpy().round(7), strict=True)):
        month = "Mar" if when[5:7] == "03" else "Apr"
        stamp = f"{stamps[k]}," if name == "ton_iot_gps" else ""
        time = f" {when[11:]} " if k % 2 else when[11:].removeprefix("0")
        rows.append(f"{stamp}{int(when[8:10])}-{month}-19,{time},{latitude},{longitude},{data.y[k]},{data.family[k]}\r\n")
    header = ("ts," if name == "ton_iot_gps" else "") + "date,time,latitude,longitude,label,type\r\n"
    body = "".join(rows).encode()
    return {datasets.entry(name).files[0].name: b"\xef\xbb\xbf" + header.encode() + body * round(megabytes * 1e6 / len(body))}


def occupancy(megabytes, _):
    rows = round(megabytes * 1e6 / 78 / 3)
    values = datasets.load("occupancy", source="twin").X.to_numpy().tolist()
    parts = {}
    for year, file in zip((1970, 1990, 2010), datasets.entry("occupancy").files, strict=True):
        clock = np.datetime64(f"{year}-02-02T14:19:00") + np.arange(rows) * np.timedelta64(1, "m")
        lines = ['"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"\n']
        for k, when in enumerate(np.char.replace(clock.astype("datetime64[s]").astype("U19"), "T", " ")):
            a, b, c, d, e = values[k % len(values)]
            lines.append(f'"{k + 1}","{when}",{a:.6g},{b:.15g},{c:.6g},{d:.6g},{e:.15g},{k % 2}\n')
        parts[file.name] = "".join(lines).encode()
    return parts


def wide(megabytes, _):
    rng = np.random.default_rng(0)
    lines = [
        ",".join(f"{x:.7g}" for x in row) + f",{'DoS' if row[0] > 100 else 'normal'}\n" for row in rng.gamma(1, 100, (2000, 44))
    ]
    body = "".join(lines).encode()
    header = ",".join([*(f"c{k}" for k in range(44)), "class"]) + "\n"
    return {"wide.csv": header.encode() + body * round(megabytes * 1e6 / len(body))}


MAKERS = {"occupancy": occupancy, "ton_iot_gps": gps, "ton_iot_gps_38960": gps, "wide": wide}
slow = pytest.mark.slow


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs /proc/self/clear_refs (Linux)")
@pytest.mark.parametrize(
    ("name", "megabytes", "ending"),
    [
        ("ton_iot_gps", 24, ""),
        *(pytest.param("ton_iot_gps", 40, ending, marks=slow) for ending in PACKERS),
        *(pytest.param("occupancy", size, ending, marks=slow) for size in (4, 40, 120) for ending in PACKERS),
        *(pytest.param("wide", size, ending, marks=slow) for size in (40, 120) for ending in ("", ".zip")),
        pytest.param("ton_iot_gps", 4, "", marks=slow),
        pytest.param("ton_iot_gps", 120, "", marks=slow),
        # Its rows are so short (54 bytes) that the result alone, with its words for each row, is 2.3 times the file: the
        # 16 MB carry that up to 8 times the largest known edition, and what is longer is not read at all.
        pytest.param("ton_iot_gps_38960", 2, "", marks=slow),
        pytest.param("ton_iot_gps_38960", 17, "", marks=slow),
    ],
)
def test_peak_memory(folder, name, megabytes, ending):
    meta, size, lines = [], 0, 0
    for file, raw in MAKERS[name](megabytes, name).items():
        PACKERS[ending](folder / file, raw)
        meta.append([file, len(raw), hashlib.sha256(raw).hexdigest()])
        size += len(raw)
        lines += raw.count(b"\n") - 1
        del raw
    done = subprocess.run([sys.executable, "-c", CODE, name, json.dumps(meta)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, peak, seconds = json.loads(done.stdout)
    print(f"{name}{ending}: {size / 1e6:.1f} MB, {rows:,} rows: {peak / 1e6:.1f} MB, {peak / size:.2f} x; {seconds:.2f} s of CPU")
    assert rows == lines
    assert peak < 2 * size + FIXED
    assert size < FIXED or peak > size / 2  # the measurement sees the result at least

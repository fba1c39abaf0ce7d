"""Time the papermill lines of the chapters, as they stand there, into ``book/reruns.json``, which the pages show.

A line that is there already is not timed again, unless its chapter's code or its own words have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMES = ROOT / "book" / "reruns.json"


def commands(notebook: Path) -> Iterator[str]:
    """Yield the papermill lines of a notebook, each joined to one line."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"]).replace("\\\n", " ")
            yield from (" ".join(line.split()) for line in re.findall(r"^\.venv/bin/papermill .*$", text, re.MULTILINE))


def digest(notebook: Path) -> str:
    """Return what a notebook's code is known by."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def seconds(command: str) -> float:
    """Run a line in the repository, its notebook thrown away; return the processor's seconds, which a busy machine has too."""
    with tempfile.TemporaryDirectory(prefix="reruns-") as folder:
        words = shlex.split(command)
        words[0], words[2] = str(ROOT / words[0]), str(Path(folder) / "out.ipynb")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*words, "--no-progress-bar"], cwd=ROOT, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"reruns: {command}\nends with exit status {done.returncode}:\n{done.stderr[-2000:]}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Time what is not yet timed; what is timed is written at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", default="", help="notebooks whose path contains this")
    only = parser.parse_args().only
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.exists() else {}
    known = {command: path for path in sorted((ROOT / "notebooks").rglob("[!.]*.ipynb")) for command in commands(path)}
    times = {command: entry for command, entry in times.items() if command in known}
    for place, (command, path) in enumerate(known.items(), 1):
        code = digest(path)
        if only in str(path) and times.get(command, {}).get("code") != code:
            times[command] = {"seconds": round(seconds(command), 1), "code": code}
            part = TIMES.with_suffix(".part")
            part.write_text(json.dumps(dict(sorted(times.items())), indent=1) + "\n", encoding="utf-8")
            os.replace(part, TIMES)
            print(f"{place:3}/{len(known)}  {times[command]['seconds']:6.1f} s  {command}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

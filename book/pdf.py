"""Print the built site, a PDF a page, in reading order: `make pdf` runs this. Chromium prints as a reader would.

    python book/pdf.py [FOLDER]

The pages of `build/site` become `build/pdf/00-index.pdf` and so on. Only the standard library is needed, and Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Chromium that prints and talks to nobody; formulas are typeset within the time that it is told has passed.
ARGUMENTS = ("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--virtual-time-budget=30000")
ALONE = ("--disable-background-networking", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND")
SECONDS_A_PAGE = 180


def order(site: Path) -> list[str]:
    """Return the pages in reading order: from the front page, each leads to the next."""
    found = ["index.html"]
    while True:
        text = (site / found[-1]).read_text(encoding="utf-8")
        onward = re.search(r'<a class="right-next"\s+href="([^"#]+)"', text)
        if onward is None:
            return found
        name = os.path.normpath(os.path.join(os.path.dirname(found[-1]), unquote(onward[1])))
        if name in found or not (site / name).is_file():
            return found
        found.append(name)


def print_page(program: str, page: Path, target: Path) -> None:
    """Print one page; raise RuntimeError with what Chromium said where no PDF came of it."""
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *ARGUMENTS, *ALONE, f"--user-data-dir={profile}", f"--print-to-pdf={target}"]
        command += ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
        done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=SECONDS_A_PAGE, check=False)
    if not target.exists():
        raise RuntimeError(f"{page.name} was not printed: {done.stderr.strip()[-500:] or f'exit code {done.returncode}'}")


def main(argv: list[str], site: Path = ROOT / "build" / "site") -> int:
    """Print all pages; return the exit code."""
    folder = Path(argv[0]) if argv else ROOT / "build" / "pdf"
    if not (site / "index.html").exists():
        print("pdf: no site in build/site yet; run: make book", file=sys.stderr)
        return 2
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        print(f"pdf: none of {', '.join(PROGRAMS)} is installed; install one, or print from your browser", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    names = order(site)
    started = time.monotonic()
    for number, name in enumerate(names):
        target = folder / f"{number:02}-{Path(name).stem}.pdf"
        target.unlink(missing_ok=True)
        try:
            print_page(program, site / name, target)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"pdf: {error}", file=sys.stderr)
            return 1
        print(f"  {number + 1}/{len(names)}  {target.name}  {target.stat().st_size / 1e6:.1f} MB", flush=True)
    print(f"pdf: {folder} after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The peers' own environment: `build/peers/.venv`, from `benchmarks/peers.lock`. `make bench` runs this first.

    python3.11 benchmarks/environment.py          build it, or do nothing where it stands
    python3.11 benchmarks/environment.py lock     resolve benchmarks/peers.in anew into benchmarks/peers.lock

Apart from `.venv`, so that what a peer asks for never decides what the book is built with. If the whole set cannot be
installed, each peer is tried alone; what then fails is written to `build/peers/refused.json` and said in the table.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book"))

import bootstrap  # noqa: E402

PEERS = Path(__file__).with_name("peers.in")
LOCK = Path(__file__).with_name("peers.lock")
HOME = ROOT / "build" / "peers"
VENV = HOME / ".venv"
REFUSED = HOME / "refused.json"
LOCK_HEADER = "# The peers of the speed benchmark, on Python 3.11. Made from peers.in by benchmarks/environment.py lock.\n"


def installer() -> list[str | Path]:
    """Return the command that installs into the peers' environment: uv from `.venv`, else this Python's pip."""
    uv = bootstrap.python_of(ROOT / ".venv").with_name("uv.exe" if os.name == "nt" else "uv")
    if uv.exists():
        return [uv, "pip", "install", "--python", bootstrap.python_of(VENV)]
    return [sys.executable, "-m", "pip", "--python", bootstrap.python_of(VENV), "install", "--disable-pip-version-check"]


def wanted() -> list[str]:
    """Return the packages that peers.in names."""
    return [line for line in PEERS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def stamp() -> str:
    """Return what the environment is made of and where: a change means a new one."""
    return f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()} {bootstrap.place(VENV)}"


def set_up() -> None:
    """Build the environment unless it stands; raise `bootstrap.SetupError` where nothing can be installed at all."""
    ready = VENV / ".ready"
    if ready.exists() and ready.read_text() == stamp():
        return
    bootstrap.check_python()
    print("bench: building the peers' environment in build/peers (about 2 GB on disk)", flush=True)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    bootstrap.run([sys.executable, "-m", "venv", "--without-pip", VENV], dict(os.environ), "creating build/peers/.venv")
    config = bootstrap.pip_config()
    env = bootstrap.uv_environment(config, os.environ)
    offline = ["--no-index"] if config.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
    install = [*installer(), *offline]
    refused = {}
    try:
        bootstrap.run([*install, "-r", LOCK], env, "installing benchmarks/peers.lock")
    except bootstrap.SetupError as error:
        print(f"bench: {error}\nbench: trying the peers one by one", flush=True)
        for name in wanted():
            try:
                bootstrap.run([*install, "-c", LOCK, name], env, f"installing {name}")
            except bootstrap.SetupError as one:
                refused[name] = str(one)
        if len(refused) == len(wanted()):
            raise
    REFUSED.write_text(json.dumps(refused, indent=1), encoding="utf-8")
    # A peer that was refused is tried again by the next run.
    if not refused:
        ready.write_text(stamp())


def lock() -> None:
    """Resolve peers.in, with the book's own versions of what both use, into peers.lock."""
    made = ROOT / "build" / "peers.lock"
    made.parent.mkdir(exist_ok=True)
    uv = bootstrap.python_of(ROOT / ".venv").with_name("uv")
    command = [uv, "pip", "compile", PEERS, "-c", ROOT / "requirements.lock", "--python-version", "3.11"]
    command += ["--no-header", "--no-annotate", "--quiet", "-o", made]
    bootstrap.run(command, bootstrap.uv_environment(bootstrap.pip_config(), os.environ), "resolving benchmarks/peers.in")
    # Without local labels (torch's +cpu), so that the lock holds on every index.
    text = re.sub(r"\+[\w.]+$", "", made.read_text(), flags=re.MULTILINE)
    if "nvidia-" in text:
        raise bootstrap.SetupError("this would lock torch's CUDA build; set PIP_EXTRA_INDEX_URL as README.md says")
    LOCK.write_text(LOCK_HEADER + text, encoding="utf-8")
    made.unlink()


def main(argv: list[str]) -> int:
    """Build the environment or make the lock; return the exit code."""
    try:
        if argv not in ([], ["lock"]):
            raise bootstrap.SetupError(f"unknown argument {' '.join(argv)}; allowed: nothing, or 'lock'")
        with bootstrap.alone(ROOT):
            lock() if argv else set_up()
    except (bootstrap.SetupError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbench: interrupted; the next run builds the peers' environment anew", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Set-up: build `.venv` from `requirements.lock`. Runs on any Python with pip, needs nothing else.

    python3.11 book/bootstrap.py          set up, or do nothing where it is done
    python3.11 book/bootstrap.py lock     resolve pyproject.toml anew into requirements.lock

The environment counts as ready only when `.venv/.ready` says so; that file is written last. A set-up that was
interrupted leaves `.venv/.unfinished`, and the next one starts from nothing. uv does the installing (seconds instead of
minutes); pip brings it, and does the work itself where there is no uv for the machine.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED = (3, 11)

LOCK_HEADER = (
    "# The exact set of packages that the book is built and tested with, on Python 3.11. "
    "Made by `make lock` from pyproject.toml.\n"
)

# What pip's configuration calls a thing -> the variable in which uv looks for it, and what separates several values.
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", None),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "constraint": ("UV_CONSTRAINT", " "),
    "timeout": ("UV_HTTP_TIMEOUT", None),
    "cert": ("SSL_CERT_FILE", None),
    "client-cert": ("SSL_CLIENT_CERT", None),
    "proxy": ("ALL_PROXY", None),
}

#: Compiles what is installed, the packages' own tests apart. uv does so only for what it installs this very moment, and then
#: for every file. Each process would else compile torch and PennyLane anew where PYTHONDONTWRITEBYTECODE is set.
COMPILE = """
import compileall, re, sysconfig
for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
    compileall.compile_dir(folder, quiet=2, workers=0, rx=re.compile(r"[/\\\\]tests?[/\\\\]"))
"""


class SetupError(Exception):
    """The environment cannot be built; the message says why and what to do."""


def parse_pip_config(text):
    """Read the output of `pip config list` into a dict of option to value.

    Environment variables outrank the section of a command, which outranks `global`: pip's own order.
    """
    found = {}
    for line in text.splitlines():
        match = re.match(r"(:env:|[\w-]+)\.([\w-]+)=(.*)$", line.strip())
        if not match or match.group(1) not in ("global", "install", ":env:"):
            continue
        section, option, value = match.groups()
        # A value that is not quoted stands for itself.
        with contextlib.suppress(ValueError, SyntaxError):
            value = str(ast.literal_eval(value))
        rank = ("global", "install", ":env:").index(section)
        option = {"default-timeout": "timeout"}.get(option, option)
        if option not in found or rank >= found[option][0]:
            found[option] = (rank, value.strip())
    return {option: value for option, (_, value) in found.items()}


def uv_environment(config, environ):
    """Say to uv what pip is told by its configuration; what the user tells uv directly stays."""
    env = dict(environ)
    for option, (variable, separator) in PIP_TO_UV.items():
        value = config.get(option)
        if value and variable not in env:
            env[variable] = separator.join(value.split()) if separator else value
    # A pin may be found on any of the indexes, as with pip.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    # This environment, not one that happens to be active.
    env.pop("VIRTUAL_ENV", None)
    return env


def inputs_key(root):
    """Hash of what decides the packages: the lock, the package's metadata and this file."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml", "book/bootstrap.py"):
        digest.update(name.encode() + b"\0" + (root / name).read_bytes() + b"\0")
    return digest.hexdigest()


def place(root):
    """Where the environment stands and on which Python: its scripts hold both, so a change means a new one."""
    return "{} on Python {}.{}".format(root, *WANTED)


def python_of(venv):
    """Path of an environment's interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_ready(root):
    """Whether `.venv` holds what the lock says."""
    venv = root / ".venv"
    try:
        stamp = json.loads((venv / ".ready").read_text())
    except (OSError, ValueError):
        return False
    wanted = {"inputs": inputs_key(root), "place": place(root)}
    return stamp == wanted and python_of(venv).exists() and not (venv / ".unfinished").exists()


def usable(root):
    """Whether an existing `.venv` can be brought up to date, rather than built anew."""
    venv = root / ".venv"
    if (venv / ".unfinished").exists() or not python_of(venv).exists():
        return False
    with contextlib.suppress(OSError, ValueError):
        if json.loads((venv / ".ready").read_text()).get("place") != place(root):
            return False
    code = "import sys; sys.exit(sys.version_info[:2] != {!r})".format(WANTED)
    return subprocess.run([str(python_of(venv)), "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def check_python(version=sys.version_info, executable=sys.executable):
    """Raise SetupError unless this is the Python that the lock is made for."""
    if tuple(version[:2]) != WANTED:
        raise SetupError(
            "this is Python {}.{} ({}); the book's packages are pinned for Python {}.{}.\n"
            "Install Python {}.{}; where make does not find it by itself: make PYTHON=/path/to/python{}.{} book".format(
                version[0], version[1], executable, *(WANTED * 3)
            )
        )


def run(command, env, what):
    """Run one step; raise SetupError with its output where it fails."""
    loud = sys.stderr.isatty()
    done = subprocess.run(
        [str(part) for part in command],
        env=env,
        cwd=str(ROOT),
        stdin=subprocess.DEVNULL,
        stdout=None if loud else subprocess.PIPE,
        stderr=None if loud else subprocess.STDOUT,
        universal_newlines=True,
    )
    if done.returncode:
        # The end of the output says why; pip lists every version there ever was in one line.
        output = "" if loud else "".join("\n  " + line[:300] for line in (done.stdout or "").splitlines()[-15:])
        raise SetupError("{} failed (exit code {}).{}".format(what, done.returncode, output))


def pinned(name, lock):
    """The line `name==version` of a lock file's text, or the bare name where the lock has none."""
    match = re.search(r"^{}==\S+".format(re.escape(name)), lock, re.MULTILINE)
    return match.group(0) if match else name


def has_pip():
    """Whether this Python has pip."""
    return subprocess.run([sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL).returncode == 0


def bring_uv(root, env):
    """Install uv into `.venv` with pip; return the command that installs and what it must do without.

    Where there is no uv for the machine, the command is pip's own, and the lock's line for uv is left out.
    """
    python = python_of(root / ".venv")
    uv = python.parent / ("uv.exe" if os.name == "nt" else "uv")
    want = pinned("uv", (root / "requirements.lock").read_text())
    pip = [sys.executable, "-m", "pip", "--python", python]
    try:
        run(
            [*pip, "install", "--quiet", "--disable-pip-version-check", want],
            env,
            "installing {} with pip".format(want),
        )
        return [uv, "pip", "install", "--python", python], None
    except SetupError as error:
        if not has_pip():
            raise SetupError(
                "{0} has no pip. Install it (Debian: python3-pip; elsewhere: {0} -m ensurepip); run make again.".format(
                    sys.executable
                )
            ) from error
        print("set-up: {}\nset-up: going on with pip, which takes some minutes".format(error), flush=True)
        return [*pip, "install", "--disable-pip-version-check"], "uv"


def pip_config():
    """What pip's configuration says on this machine, from files and environment."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    return parse_pip_config(done.stdout)


def set_up(root):
    """Build or update `.venv`. Does nothing where it is ready."""
    venv = root / ".venv"
    check_python()
    started = time.monotonic()
    if usable(root):
        print("set-up: bringing .venv up to date with requirements.lock", flush=True)
        (venv / ".unfinished").touch()
    else:
        print("set-up: building .venv from requirements.lock (about 3 GB on disk)", flush=True)
        # Renamed first, so that whatever interrupts the removal leaves no half environment in its place.
        if venv.exists():
            old = root / "build" / "venv-old"
            shutil.rmtree(str(old), ignore_errors=True)
            venv.rename(old)
            shutil.rmtree(str(old), ignore_errors=True)
        venv.mkdir()
        (venv / ".unfinished").touch()
        run([sys.executable, "-m", "venv", "--without-pip", venv], dict(os.environ), "creating .venv")
    config = pip_config()
    env = uv_environment(config, os.environ)
    install, missing = bring_uv(root, env)
    packages = root / "requirements.lock"
    if missing:
        packages = venv / "requirements.lock"
        lines = (root / "requirements.lock").read_text().splitlines()
        packages.write_text("\n".join(line for line in lines if not line.startswith(missing + "==")))
    offline = ["--no-index"] if config.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
    run([*install, *offline, "-r", packages], env, "installing requirements.lock")
    run([python_of(venv), "-c", COMPILE], env, "compiling the packages")
    # The build tool is in the lock, so nothing is fetched for the package itself.
    run([*install, *offline, "--no-deps", "--no-build-isolation", "-e", root], env, "installing qhelpers")
    stamp = venv / ".ready.new"
    stamp.write_text(json.dumps({"inputs": inputs_key(root), "place": place(root)}))
    stamp.replace(venv / ".ready")
    (venv / ".unfinished").unlink()
    print("set-up: ready after {:.0f} s".format(time.monotonic() - started), flush=True)


def lock(root):
    """Resolve pyproject.toml with all extras into requirements.lock, keeping the installed versions that still fit."""
    uv = python_of(root / ".venv").parent / "uv"
    made = root / "build" / "requirements.lock"
    made.parent.mkdir(exist_ok=True)
    freeze = [str(uv), "pip", "freeze", "--exclude-editable", "--python", str(python_of(root / ".venv"))]
    made.write_text(subprocess.run(freeze, stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout)
    command = [uv, "pip", "compile", root / "pyproject.toml", "--all-extras", "--python-version", "3.11"]
    command += ["--no-header", "--no-annotate", "--quiet", "-o", made]
    run(command, uv_environment(pip_config(), os.environ), "resolving pyproject.toml")
    text = made.read_text()
    if re.search(r"^nvidia-(?!ml-py)", text, re.MULTILINE):  # that one asks a card for its power, and is codecarbon's
        raise SetupError(
            "this would lock torch's CUDA build and its drivers for everybody. Set PIP_EXTRA_INDEX_URL to PyTorch's "
            "own CPU index (see README.md), remove .venv, and run make lock again."
        )
    # Without local labels (torch's +cpu), so that the lock holds on every index.
    text = LOCK_HEADER + re.sub(r"\+[\w.]+$", "", text, flags=re.MULTILINE)
    made.write_text(text)
    made.replace(root / "requirements.lock")
    print("lock: {} packages; the next make installs what changed".format(text.count("==")))


@contextlib.contextmanager
def alone(root):
    """Hold the set-up for oneself: two makes at once build one environment, one after the other."""
    try:
        import fcntl
    except ImportError:  # no such lock on this system
        yield
        return
    (root / "build").mkdir(exist_ok=True)
    with open(str(root / "build" / ".set-up.lock"), "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("set-up: waiting for another set-up of this folder to end", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(argv):
    """Run the set-up or the lock; return the exit code."""
    try:
        if argv not in ([], ["lock"]):
            raise SetupError("unknown argument {}; allowed: nothing, or 'lock'".format(" ".join(argv)))
        if not is_ready(ROOT):
            with alone(ROOT):
                if not is_ready(ROOT):
                    set_up(ROOT)
        if argv == ["lock"]:
            lock(ROOT)
    except SetupError as error:
        print("set-up: {}".format(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nset-up: interrupted; the next run starts it anew", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

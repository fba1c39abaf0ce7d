"""Build the book: execute the notebooks, gather the pages, render the site. `make book` runs this.

    python book/build.py --profile quick --source twin --seed 0

Every notebook is executed by papermill in a process of its own, as many at a time as there are cores. What came of it
is kept in `build/cache` under a key made of everything that may change it: notebook, package, records, parameters,
lock, Python and this file; a notebook whose key is known is not executed again. `build/book` then holds the pages of
`book/`, the executed notebooks and clean copies for download; Jupyter Book renders it with warnings as errors, and
only a site without any replaces `build/site`. `build/execution.json` says what each notebook cost.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ("quick", "laptop", "paper")
SOURCES = ("twin", "real")
#: As `qhelpers.chapter` takes it; the package may not import here.
LARGEST_SEED = 2**32 - 1

#: A cell of a quick page that takes longer hangs; the other profiles may take their time.
CELL_SECONDS = {"quick": 600}

#: Memory that a notebook with torch and PennyLane needs, in GB; fewer run at a time where there is less.
NOTEBOOK_GB = 1.5

#: Files of `book/` that build it, or set up JupyterLab, and are no pages.
NOT_PAGES = {"build.py", "bootstrap.py", "compare.py", "pdf.py", "serve.py", "overrides.json", "page_config.json"}

#: One thread a process: threads of several processes on the same cores slow each other down many times over.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

#: What of the user's environment reaches a build: where programs and libraries are, where temporary files go, and our own.
KEPT = re.compile(r"PATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|TMPDIR|QHELPERS_\w+")

#: `python -m` does not start Jupyter Book, and its script may be missing from PATH.
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class BuildError(Exception):
    """The book cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Job:
    """One notebook with the parameters to execute it with, and the key of the result."""

    root: Path
    notebook: Path  # below notebooks/
    parameters: dict[str, Any]
    key: str

    @property
    def source(self) -> Path:
        """The notebook as it is in git."""
        return self.root / "notebooks" / self.notebook

    @property
    def cached(self) -> Path:
        """Where the executed copy is kept; what it cost stands beside it as JSON."""
        return self.root / "build" / "cache" / f"{self.key}.ipynb"

    @property
    def rerun(self) -> str:
        """The line that executes this notebook again, as now."""
        executable = Path(sys.executable)
        python = executable.relative_to(self.root) if executable.is_relative_to(self.root) else executable
        flags = " ".join(f"--{name} {value}" for name, value in self.parameters.items())
        return f"{python} book/build.py {flags} --only {self.notebook.with_suffix('')}"


@dataclass
class Outcome:
    """What came of a job: its cost where it ran, the traceback where it failed."""

    job: Job
    cost: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


# --- what there is ---------------------------------------------------------------------------------------------------


def discover(root: Path, only: str = "") -> list[Path]:
    """Return the notebooks below `notebooks/` in reading order; `only` keeps those whose path contains it."""
    base = root / "notebooks"
    found = sorted(
        path.relative_to(base)
        for path in base.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(base).parts)
    )
    chosen = [path for path in found if only in path.as_posix()]
    if not found:
        raise BuildError(f"there is no notebook below {base}; a book needs one at least")
    if not chosen:
        names = ", ".join(path.with_suffix("").as_posix() for path in found)
        raise BuildError(f"no notebook's path contains {only!r}; there are: {names}")
    return chosen


def clean(path: Path) -> dict[str, Any]:
    """Return a notebook without outputs, counts and traces of an execution: what git holds and readers download."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path} is not a notebook ({error}); mend it or remove it") from error
    for cell in cells:
        cell.get("metadata", {}).pop("papermill", None)
        cell.get("metadata", {}).pop("execution", None)
        if cell.get("cell_type") == "code":
            cell["outputs"], cell["execution_count"] = [], None
    metadata = notebook.get("metadata", {})
    metadata.pop("papermill", None)
    if "language_info" in metadata:  # JupyterLab adds the version of Python to a notebook that is only opened
        metadata["language_info"] = {"name": "python"}
    return notebook


def files_below(folder: Path, patterns: Iterable[str] = ("*",)) -> list[Path]:
    """Return the files below a folder that match one of the patterns, without byte code and hidden files, sorted."""
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    return sorted(path for path in found if "__pycache__" not in path.parts and not path.name.startswith("."))


def fold(paths: Iterable[Path], root: Path) -> str:
    """Hash names and contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        name = path.relative_to(root) if path.is_relative_to(root) else path
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def records_root(root: Path) -> Path:
    """Return the folder that the pages read records from."""
    return Path(os.environ.get("QHELPERS_RECORDS") or root / "records").resolve()


def common_key(root: Path) -> str:
    """Hash everything that may change any page: package, records, measured speed, lock, Python and this file."""
    files = files_below(root / "qhelpers", ("*.py", "*.yaml", "*.yml", "*.json"))
    files += files_below(root / "benchmarks", ("*.json",))
    files += files_below(records_root(root))
    files += [path for path in (root / "requirements.lock", Path(__file__)) if path.exists()]
    return hashlib.sha256(f"{platform.python_version()} {fold(files, root)}".encode()).hexdigest()


def jobs(root: Path, parameters: dict[str, Any], only: str = "") -> list[Job]:
    """Return the notebooks as jobs, each with its key."""
    common = common_key(root)
    found = []
    for notebook in discover(root, only):
        text = json.dumps([common, notebook.as_posix(), clean(root / "notebooks" / notebook), parameters])
        found.append(Job(root, notebook, parameters, hashlib.sha256(text.encode()).hexdigest()))
    return found


def direct_dependencies(root: Path) -> list[str]:
    """Return the packages that pyproject.toml names for use, those for tests apart."""
    file = root / "pyproject.toml"
    if not file.exists():
        return []
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    groups = {name: group for name, group in project.get("optional-dependencies", {}).items() if name != "test"}
    lines = [*project.get("dependencies", []), *(line for group in groups.values() for line in group)]
    return sorted({re.split(r"[\s<>=!~\[;]", line)[0] for line in lines}, key=str.lower)


def versions(root: Path) -> dict[str, str]:
    """Return the versions in use of Python and of every package that the project names."""
    found = {"python": platform.python_version()}
    for name in direct_dependencies(root):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def cpu_model() -> str:
    """Return the processor's name, as the system gives it."""
    with contextlib.suppress(OSError):
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if match:
            return match[1]
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def at_a_time() -> int:
    """Return how many notebooks to execute at a time: one a core, as far as memory goes."""
    import psutil

    return max(1, min(cores(), int(psutil.virtual_memory().available / 2**30 / NOTEBOOK_GB)))


# --- executing -------------------------------------------------------------------------------------------------------


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new{os.getpid()}")
    new.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def environment(root: Path, scratch: Path) -> dict[str, str]:
    """Return the variables for a process of the build, which reads no configuration of the user's.

    Parameters
    ----------
    root : Path
        Of the project. The home folder of all its builds is below, so that matplotlib lists the fonts only once.
    scratch : Path
        Folder of this process alone.
    """
    # "~" is the user's home, which the process does not see.
    env = {
        name: os.pathsep.join(map(os.path.expanduser, value.split(os.pathsep)))
        for name, value in os.environ.items()
        if KEPT.fullmatch(name)
    }
    home = root / "build" / "home"
    home.mkdir(parents=True, exist_ok=True)
    folders = {"IPYTHONDIR": "ipython", **{f"JUPYTER_{name}_DIR": name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}}
    return {
        **env,
        **ONE_THREAD,
        **{name: str(scratch / folder) for name, folder in folders.items()},
        "HOME": str(home),
        # The data home stays where it is, see `qhelpers.datasets`.
        "XDG_DATA_HOME": os.path.expanduser(os.environ.get("XDG_DATA_HOME") or "~/.local/share"),
        # The project's own kernel and packages.
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTHONNOUSERSITE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # What else would make another page of the same notebook.
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def papermill_one(source: str, target: str, parameters: dict[str, Any]) -> int:
    """Execute one notebook in this process; return the exit code. The parent runs this through `--worker`."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    known = papermill.inspect_notebook(source)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        print(
            f"the notebook does not take {', '.join(unknown)}: its cell tagged 'parameters' sets "
            f"{', '.join(known) or 'nothing, or there is none'}. Set each of {', '.join(parameters)} there."
        )
        return 1
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters,
            kernel_name="python3",
            cwd=str(Path(source).parent),
            progress_bar=False,
            log_output=False,
            start_timeout=120,
            execution_timeout=CELL_SECONDS.get(parameters.get("profile", "")),
        )
    except papermill.exceptions.PapermillExecutionError as error:
        print(f"cell In [{error.exec_count}] raised {error.ename}: {ANSI.sub('', str(error.evalue))}\n")
        print(ANSI.sub("", "\n".join(error.traceback)))
        return 1
    except (CellTimeoutError, DeadKernelError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    nbformat.write(presentable(nbformat.read(target, as_version=4), parameters), target)
    return 0


def presentable(notebook: Any, parameters: dict[str, Any]) -> Any:
    """Make an executed notebook fit to be read.

    papermill adds a cell of its own with the parameters. A reader of the page would see the defaults first and their
    replacement after; so the page shows the values used in the notebook's own cell, and papermill's cell is left out.
    """
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata.tags = [*tags, "remove-cell"]
        elif "parameters" in tags:
            for name, value in parameters.items():
                used = rf"\g<1>{json.dumps(value)}\g<2>"
                cell.source = re.sub(rf"^({name}\s*=\s*)[^#\n]*?(\s*#.*)?$", used, cell.source, flags=re.MULTILINE)
        cell.metadata.pop("papermill", None)
    notebook.metadata.pop("papermill", None)
    return notebook


class Processes:
    """The child processes at work, so that all of them can be ended at once."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def run(self, command: list[str], env: dict[str, str], cwd: Path, log: Path, answer: Path | None = None) -> tuple[int, Any]:
        """Run a command, its output in a log (its standard output in `answer`); return exit code and resource usage."""
        with open(log, "wb") as messages, open(answer, "wb") if answer else contextlib.nullcontext(messages) as output:
            with self._lock:
                if self.stopped:
                    return 1, None
                child = subprocess.Popen(
                    command,
                    env=env,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=messages,
                    start_new_session=True,
                )
                self._running.add(child)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            with self._lock:
                self._running.discard(child)
        return child.returncode, usage

    def stop(self) -> None:
        """End every child with all that it started (a kernel has a session of its own)."""
        import psutil

        with self._lock:
            self.stopped = True
            for child in self._running:
                with contextlib.suppress(psutil.Error):
                    tree = psutil.Process(child.pid)
                    for process in [*tree.children(recursive=True), tree]:
                        with contextlib.suppress(psutil.Error):
                            process.kill()


def execute_one(job: Job, processes: Processes) -> Outcome:
    """Execute a notebook and put the result into the cache."""
    job.cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="notebook-", dir=job.root / "build") as scratch:
        target, log, answer = (Path(scratch) / name for name in ("executed.ipynb", "log.txt", "answer.txt"))
        command = [sys.executable, str(Path(__file__).resolve()), "--worker"]
        command += [str(job.source), str(target), json.dumps(job.parameters)]
        started = time.monotonic()
        code, usage = processes.run(command, environment(job.root, Path(scratch)), job.root, log, answer)
        seconds = time.monotonic() - started
        if code:
            # The worker's own words; where it had none left, what it and the kernel printed.
            told = [path.read_text(encoding="utf-8", errors="replace").strip() for path in (answer, log) if path.exists()]
            return Outcome(job, {"seconds": seconds}, next(filter(None, told), f"ended with exit code {code}"))
        # Linux counts in kB, macOS in bytes; the larger of the notebook's own process and the kernel's.
        unit = 2**20 if sys.platform == "darwin" else 2**10
        cost = {
            "notebook": job.notebook.as_posix(),
            "parameters": job.parameters,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_memory_mb": round(usage.ru_maxrss / unit, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpu": cpu_model(),
            "cores": cores(),
            "versions": versions(job.root),
        }
        # The notebook first: a cost without a notebook would count as a result.
        target.replace(job.cached)
        write_json(job.cached.with_suffix(".json"), cost)
    return Outcome(job, cost)


def is_cached(job: Job) -> bool:
    """Whether the result of a job is at hand, whole."""
    return job.cached.exists() and job.cached.with_suffix(".json").exists()


def cost_of(job: Job) -> dict[str, Any]:
    """Return what a job cost when it was executed."""
    return json.loads(job.cached.with_suffix(".json").read_text(encoding="utf-8"))


def costs(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every cost in the cache with its file."""
    for path in sorted((root / "build" / "cache").glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            yield path, json.loads(path.read_text(encoding="utf-8"))


def forget_older(root: Path, wanted: list[Job]) -> None:
    """Remove results of the same notebooks and parameters under other keys."""
    keys = {job.key for job in wanted}
    names = {(job.notebook.as_posix(), json.dumps(job.parameters)) for job in wanted}
    for path, cost in costs(root):
        if path.stem not in keys and (cost.get("notebook"), json.dumps(cost.get("parameters"))) in names:
            path.unlink(missing_ok=True)
            path.with_suffix(".ipynb").unlink(missing_ok=True)


def execute(wanted: list[Job], n_jobs: int | None = None, force: bool = False) -> list[Outcome]:
    """Execute the notebooks whose result is not at hand, in parallel, with a line each.

    Parameters
    ----------
    wanted : list of Job
        All of one root.
    n_jobs : int, optional
        How many at a time; by default one a core, as far as memory goes.
    force : bool
        Execute all of them.

    Returns
    -------
    list of Outcome
        In the order of `wanted`; those that failed say so in `failure`.
    """
    if not wanted:
        return []
    root = wanted[0].root
    (root / "build").mkdir(exist_ok=True)
    todo = [job for job in wanted if force or not is_cached(job)]
    outcomes = {job.key: Outcome(job, cost_of(job)) for job in wanted if job not in todo}
    n_jobs = n_jobs or at_a_time()
    settings = ", ".join(f"{name} {value}" for name, value in wanted[0].parameters.items())
    say(f"notebooks: {len(todo)} to execute, {len(outcomes)} unchanged ({settings}; up to {n_jobs} at a time)")
    # The longest of the last time first, so that none is left alone at the end; new ones before all.
    last = {cost["notebook"]: cost["seconds"] for _, cost in costs(root)}
    todo.sort(key=lambda job: -last.get(job.notebook.as_posix(), float("inf")))
    width = max(len(job.notebook.with_suffix("").as_posix()) for job in wanted)
    processes = Processes()
    with ThreadPoolExecutor(n_jobs) as pool:
        try:
            futures = [pool.submit(execute_one, job, processes) for job in todo]
            for number, future in enumerate(as_completed(futures), 1):
                outcome = future.result()
                outcomes[outcome.job.key] = outcome
                name = outcome.job.notebook.with_suffix("").as_posix()
                line = f"  {number}/{len(todo)}  {name:{width}}  {outcome.cost['seconds']:6.1f} s"
                if outcome.failure:
                    say(f"{line}  FAILED\n\n{describe(outcome)}\n")
                else:
                    say(f"{line}  {outcome.cost['peak_memory_mb']:6.0f} MB")
        except BaseException:
            processes.stop()
            raise
    forget_older(root, [outcome.job for outcome in outcomes.values() if not outcome.failure])
    return [outcomes[job.key] for job in wanted]


def describe(outcome: Outcome) -> str:
    """Say what failed, where, and how to run it again."""
    indented = "\n".join(f"    {line}".rstrip() for line in outcome.failure.splitlines())
    return f"{indented}\n\n  notebook:  notebooks/{outcome.job.notebook}\n  run again: {outcome.job.rerun}"


# --- the site --------------------------------------------------------------------------------------------------------


def mirror(files: dict[str, Path | bytes], target: Path) -> None:
    """Make a folder hold exactly these files (relative name to path or content); what is the same is not touched."""
    target.mkdir(parents=True, exist_ok=True)
    for path in files_below(target):
        if path.relative_to(target).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        path = target / name
        data = content if isinstance(content, bytes) else content.read_bytes()
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def assemble(root: Path, outcomes: list[Outcome]) -> None:
    """Gather the pages: `book/`, the executed notebooks, and clean copies of them for download."""
    book = root / "book"
    pages: dict[str, Path | bytes] = {
        path.relative_to(book).as_posix(): path for path in files_below(book) if path.name not in NOT_PAGES
    }
    # A page is made of what these tests are marked with.
    pages |= {f"_tests/{path.name}": path for path in (root / "tests" / "circuits").glob("test_differences.py")}
    pages |= {path.name: path for path in root.glob("CITATION.cff")}
    for outcome in outcomes:
        job = outcome.job
        if not job.cached.exists():
            raise BuildError(f"notebooks/{job.notebook} was executed by another build in between; run make book again")
        pages[job.notebook.as_posix()] = job.cached
        text = json.dumps(clean(job.source), indent=1, ensure_ascii=False) + "\n"
        pages[f"_static/notebooks/{job.notebook.as_posix()}"] = text.encode()
    mirror(pages, root / "build" / "book")
    notebooks = [{"page": outcome.job.notebook.with_suffix("").as_posix(), **outcome.cost} for outcome in outcomes]
    write_json(root / "build" / "execution.json", {"notebooks": notebooks})


def trouble(text: str) -> list[str]:
    """Return the lines of Sphinx's output that say what is wrong: warnings, errors, and where an exception came from."""
    lines = [line for line in text.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL)\b", line)]
    raised = re.search(r"^Exception occurred:\n(.*?)^The full traceback", text, re.MULTILINE | re.DOTALL)
    if raised:
        lines += raised[0].splitlines()[:-1]
    return lines or text.splitlines()[-30:]


def render(root: Path, force: bool = False) -> None:
    """Render `build/book` into `build/site` with warnings as errors; skipped where nothing has changed.

    Always from nothing: an incremental run reports a warning only once, so the second run of a broken book would pass.

    Raises
    ------
    BuildError
        With the warnings, where there are any. The former site stays as it was.
    """
    build = root / "build"
    site, stamp = build / "site", build / "site.key"
    key = fold([*files_below(build / "book"), build / "execution.json"], root) + common_key(root)
    if not force and (site / "index.html").exists() and stamp.exists() and stamp.read_text() == key:
        say("site: unchanged")
        return
    say("site: rendering")
    started = time.monotonic()
    made, log = build / "_build", build / "site.log"
    shutil.rmtree(made, ignore_errors=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(build / "book"), "--path-output", str(build)]
    command += ["-W", "-n", "--keep-going"]
    processes = Processes()
    env = environment(root, build / "scratch") | {"PYTHONWARNINGS": "ignore"}
    try:
        code, _ = processes.run(command, env, root, log)
    except BaseException:
        processes.stop()
        raise
    text = ANSI.sub("", log.read_text(encoding="utf-8", errors="replace"))
    if code or not (made / "html" / "index.html").exists():
        raise BuildError(
            f"Jupyter Book found something wrong (its whole output is in {log.relative_to(root)}):\n  "
            + "\n  ".join(trouble(text))
        )
    stamp.unlink(missing_ok=True)
    old = build / "site.old"
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    (made / "html").rename(site)
    stamp.write_text(key)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(made, ignore_errors=True)
    size = sum(path.stat().st_size for path in files_below(site)) / 1e6
    say(f"site: build/site/index.html after {time.monotonic() - started:.0f} s ({size:.0f} MB); see it with: make serve")


# --- the command -----------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def whole_number(what: str, least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers for argparse, whose error says which are allowed."""

    def read(text: str) -> int:
        with contextlib.suppress(ValueError):
            if least <= int(text) <= most:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}; allowed is a whole number from {least} to {most}")

    return read


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line; an unknown value lists what there is."""
    parser = argparse.ArgumentParser(description="Execute the notebooks and render the book.")
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--source", choices=SOURCES, default="twin")
    parser.add_argument("--seed", type=whole_number("a seed", 0, LARGEST_SEED), default=0)
    parser.add_argument("--only", default="", help="only notebooks whose path contains this; the site is not rendered")
    jobs_help = "notebooks at a time (default: one a core, as far as memory goes)"
    parser.add_argument("--jobs", type=whole_number("a number of notebooks", 1, 1000), help=jobs_help)
    parser.add_argument("--force", action="store_true", help="execute and render even what is unchanged")
    return parser.parse_args(argv)


def interrupt(*_: Any) -> None:
    """Treat a polite request to end (SIGTERM) like Ctrl-C."""
    raise KeyboardInterrupt


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Build the book; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--worker"]:
        source, target, parameters = argv[1:]
        return papermill_one(source, target, json.loads(parameters))
    options = parse(argv)
    before = signal.signal(signal.SIGTERM, interrupt)
    started = time.monotonic()
    try:
        parameters = {"profile": options.profile, "source": options.source, "seed": options.seed}
        outcomes = execute(jobs(root, parameters, options.only), options.jobs, options.force or bool(options.only))
        failed = [outcome for outcome in outcomes if outcome.failure]
        if failed:
            names = ", ".join(str(outcome.job.notebook) for outcome in failed)
            raise BuildError(f"{len(failed)} of {len(outcomes)} notebooks failed: {names}; see above")
        if not options.only:
            assemble(root, outcomes)
            render(root, options.force)
    except BuildError as error:
        print(f"book: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbook: interrupted; what was finished is kept, the next run goes on from there", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    say(f"book: done after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

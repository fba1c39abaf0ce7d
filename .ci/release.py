"""The release check: what must hold before a version is published. `make release` runs this on a built book.

    .venv/bin/python .ci/release.py                        everything
    .venv/bin/python .ci/release.py --only advisories      one check
    .venv/bin/python .ci/release.py --osv-url URL          ask for advisories there, in the form of api.osv.dev/v1/query

Each check says "good", "WRONG" with what is wrong, or "NOT CHECKED" with why. The exit code is 0 if all is good, 1 if anything is
wrong, and 3 if nothing is known to be wrong but something could not be checked (say, no service of advisories can be reached):
never a silent pass. An advisory that is known and does not matter here may stand in `.ci/advisories.toml`, each as a
table `[[accepted]]` with `id`, `package`, `reason` and `until` (a date, after which it counts again).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book"))
import bootstrap  # noqa: E402

#: A release with published advisories: a service that does not name them answers without knowing.
CONTROL = ("jinja2", "2.4.1")
#: What a whole audit may take, in seconds.
AUDIT_SECONDS = 900

#: Licences under which a package may be part of the environment, as SPDX or as a classifier or field names them. All allow what
#: this book does: to name a package as a dependency. None is shipped with it.
LICENCES = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "LGPL-2.1-only", "LLVM-exception"),
    *("MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib"),
    *("3-Clause BSD License", "Apache 2.0", "Apache License, Version 2.0", "Apache Software License", "BSD", "BSD License"),
    *("ISC License (ISCL)", "MIT License", "Mozilla Public License 2.0 (MPL 2.0)", "Python Software Foundation License"),
}
#: Packages whose metadata names no licence, or one that does not cover what is installed: what their files say.
READ_BY_HAND = {
    "axe-playwright-python": "MIT, its LICENSE; the axe-core within is MPL-2.0",
    "docutils": "public domain, BSD and PSF; the GPL covers an Emacs file that is not installed (its COPYING)",
    "minorminer": "Apache-2.0, its LICENSE",
}

#: Tests of what is published: lock, versions, notebooks, records, surfaces, site.
TESTS = [
    "tests/test_house.py",
    "tests/test_surfaces.py",
    "tests/test_notebooks.py::test_git_holds_no_outputs",
    "tests/runs/test_records.py",
    "tests/site/test_files.py",
    "tests/site/test_scripts.py",
]


class UncheckedError(Exception):
    """A check could not be made; the message says why."""


def output(command: list[str], root: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return its exit code and what it printed."""
    try:
        return subprocess.run(
            command,
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=AUDIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UncheckedError(f"{Path(command[0]).name} could not be run to its end ({error})") from error


def last_words(text: str) -> str:
    """Return the last line that says something; of a long one, both ends."""
    line = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
    return line if len(line) <= 200 else f"{line[:80]} ... {line[-115:]}"


def pins(root: Path) -> dict[str, str]:
    """Return the lock as a dict of canonical name to version."""
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    named = (line.split("==") for line in lines if line.strip() and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in named}


# --- the checks: each returns what is wrong ---------------------------------------------------------------------------


def tree(root: Path) -> list[str]:
    """Everything that is here is committed."""
    done = output(["git", "status", "--porcelain"], root)
    if done.returncode:
        raise UncheckedError(f"git: {last_words(done.stderr)}")
    changed = done.stdout.splitlines()
    return [f"{len(changed)} files differ from the commit: {', '.join(line[3:] for line in changed[:5])}"] if changed else []


def version(root: Path) -> list[str]:
    """One version everywhere, and the change log dates it."""
    code = (root / "qhelpers" / "__init__.py").read_text(encoding="utf-8")
    wanted = re.search(r'^__version__ = "(.+)"', code, re.MULTILINE)[1]
    citation = str(yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))["version"])
    wrong = [] if citation == wanted else [f"CITATION.cff says {citation}, the package {wanted}"]
    newest = re.search(r"^## (\S+)(?: \((.*)\))?", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    if newest is None or newest[1] != wanted:
        wrong.append(f"the newest entry of CHANGELOG.md is {newest[1] if newest else 'missing'}; the package is {wanted}")
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", newest[2] or ""):
        wrong.append(f"CHANGELOG.md calls {wanted} ({newest[2]}); give it the release's date: ## {wanted} ({date.today()})")
    return wrong


def environment(root: Path) -> list[str]:
    """What is installed is the lock, no more and no less, and fits together."""
    found = {canonicalize_name(one.metadata["Name"]): one.version.split("+")[0] for one in importlib.metadata.distributions()}
    found.pop("qhelpers", None)
    locked = pins(root)
    wrong = [f"{name} {number} is in the lock, {found.get(name, 'nothing')} is installed"
             for name, number in locked.items() if found.get(name) != number]  # fmt: skip
    if more := sorted(set(found) - set(locked)):
        wrong.append(f"installed, but not in the lock: {', '.join(more)}; remove .venv and run: make release")
    uv = Path(sys.executable).with_name("uv")
    done = output([str(uv), "pip", "check", "--python", sys.executable], root)
    return wrong + (done.stderr.splitlines() if done.returncode else [])


def index(root: Path) -> list[str]:
    """The index has every pin of the lock, and none has been withdrawn (yanked)."""
    env = bootstrap.uv_environment(bootstrap.pip_config(), dict(os.environ))
    uv = Path(sys.executable).with_name("uv")
    command = [
        str(uv),
        "pip",
        "compile",
        "requirements.lock",
        "--no-deps",
        "--no-header",
        "--no-annotate",
        "--refresh",
        "--output-file",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        done = output([*command, str(Path(scratch) / "resolved.txt")], root, env)
    said = " ".join(done.stderr.split())
    if done.returncode and "No solution found" in said:
        return [said[-300:]]
    if done.returncode:
        raise UncheckedError(f"the package index did not answer: {last_words(done.stderr)}")
    return re.findall(r"warning: (\S+ is yanked.*?)(?= warning:|$)", said)


def licences(root: Path) -> list[str]:
    """Every package in the lock has a licence that is known and allowed."""
    wrong = []
    for name in pins(root):
        given = importlib.metadata.metadata(name)
        classifiers = [line.split(" :: ")[-1] for line in given.get_all("Classifier") or [] if line.startswith("License ::")]
        expression = given.get("License-Expression") or ""
        text = (given.get("License") or "").strip().splitlines()[:1]
        expression = expression or (text[0] if text and re.fullmatch(r"[\w.-]+ (AND|OR) [\w.-]+", text[0]) else "")
        named = [part.strip() for part in re.split(r"\b(?:AND|OR|WITH)\b|[()]", expression) if part.strip()]
        named = named or [one for one in classifiers if one != "DFSG approved"] or text
        if name not in READ_BY_HAND and (not named or not set(named) <= LICENCES):
            wrong.append(f"{name}: {', '.join(named) or 'no licence named'}; read its licence, then see .ci/release.py")
    return wrong


def accepted(root: Path) -> list[dict[str, Any]]:
    """Return the advisories that are known and do not matter here."""
    file = root / ".ci" / "advisories.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")).get("accepted", []) if file.exists() else []


def audit(requirements: Path, service: list[str], scratch: Path) -> list[dict[str, Any]]:
    """Ask a service for the advisories of pinned requirements; return pip-audit's answer, an entry a package.

    Raises
    ------
    UncheckedError
        If it gave none, or passed a package over: pip-audit itself calls that "no known vulnerabilities".
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--cache-dir", str(scratch / "cache"), *service]
    done = output(command, scratch)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        raise UncheckedError(last_words(done.stderr)) from error
    if skipped := [one["name"] for one in found if "skip_reason" in one]:
        raise UncheckedError(f"it knows nothing of {len(skipped)} of {len(found)} packages ({', '.join(skipped[:3])})")
    return found


def advisories(root: Path, osv_url: str = "") -> list[str]:
    """No pinned version has a published advisory, but those that `.ci/advisories.toml` accepts."""
    services = {"OSV": ["-s", "osv", "--osv-url", osv_url]} if osv_url else {"PyPI": ["-s", "pypi"], "OSV": ["-s", "osv"]}
    unanswered = []
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder) / "control.txt"
        control.write_text("{}=={}\n".format(*CONTROL), encoding="utf-8")
        for name, service in services.items():
            try:
                if not any(one["vulns"] for one in audit(control, service, Path(folder))):
                    raise UncheckedError("it knows no advisory of {} {}, which has several".format(*CONTROL))
                return judge(audit(root / "requirements.lock", service, Path(folder)), accepted(root))
            except UncheckedError as error:
                unanswered.append(f"{name}: {error}")
    raise UncheckedError("no service of advisories answered. " + "; ".join(unanswered))


def judge(found: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[str]:
    """Return the advisories that count, and the entries of the accepted list that do not hold."""
    wrong, used = [], []
    for one in found:
        for advisory in one["vulns"]:
            ids = {advisory["id"], *advisory["aliases"]}
            matching = [entry for entry in known if entry["id"] in ids and canonicalize_name(entry["package"]) == one["name"]]
            used += matching
            if any(entry["reason"].strip() and entry["until"] >= date.today() for entry in matching):
                continue
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            wrong.append(f"{one['name']} {one['version']}: {', '.join(sorted(ids))}; fixed in {fixed}")
    wrong += [f"advisories.toml accepts {entry['id']} of {entry['package']}, which no longer applies; take it out"
              for entry in known if entry not in used]  # fmt: skip
    return wrong


def tests(root: Path) -> list[str]:
    """Lock, notebooks, records and the built site keep what the tests promise of them."""
    done = output([sys.executable, "-m", "pytest", "-q", "--require-site", "-p", "no:cacheprovider", *TESTS], root)
    return [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))] or (
        [last_words(done.stdout + done.stderr)] if done.returncode else []
    )


CHECKS: dict[str, Callable[[Path], list[str]]] = {
    check.__name__: check for check in (tree, version, environment, index, licences, advisories, tests)
}


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the checks; return the exit code."""
    parser = argparse.ArgumentParser(description="Check what must hold before a version is published.")
    parser.add_argument("--only", choices=CHECKS, help="this check alone")
    parser.add_argument("--osv-url", default="", help="where to ask for advisories, in OSV's form (default: PyPI, then OSV)")
    options = parser.parse_args(argv)
    wrong = unchecked = 0
    for name, check in CHECKS.items():
        if options.only not in (None, name):
            continue
        try:
            problems = check(root, options.osv_url) if check is advisories else check(root)
            state = "WRONG" if problems else "good"
        except UncheckedError as error:
            problems, state = [str(error)], "NOT CHECKED"
        wrong, unchecked = wrong + (state == "WRONG"), unchecked + (state == "NOT CHECKED")
        print(f"{name:12} {state:12} {check.__doc__.splitlines()[0]}", flush=True)
        for problem in problems:
            print(f"             - {problem}", flush=True)
    if wrong:
        print(f"release: no; {wrong} checks found something wrong" + (f", {unchecked} could not be made" if unchecked else ""))
        return 1
    if unchecked:
        print(
            f"release: not yet; {unchecked} of the checks could not be made here: make them where they can be, and then release"
        )
        return 3
    print("release: yes" if options.only is None else f"release: {options.only} is good; the other checks were not asked for")
    return 0


if __name__ == "__main__":
    sys.exit(main())

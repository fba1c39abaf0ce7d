"""How long a training step takes, in the libraries that a user could pick: side by side, in one run. `make bench` runs this.

A step is forward, mean squared error, backward to all weights (and to the inputs where the row says so), with exact expectation
values. The rows are in rows.py, the libraries in peers.py. Each library works in a process of its own, on one thread and one
core; a time counts only if outputs and gradients agree with an independent computation. All libraries of a row take turns,
round by round, and the best round's median is reported: what counts is the ratio on one machine in one run.

An interrupted run goes on where it was. A cell of the table has a number or the reason why there is none.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import queue
import shutil
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

from peers import PEERS
from rows import CHECKED, ROWS, TOLERANCE, Row, disagreement

from qhelpers.runs.execution import cpu_model

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results.md"
CELLS = ROOT / "build" / "bench"
PEERS_HOME = ROOT / "build" / "peers"
ROUNDS = 3
#: Seconds of a library's round.
ROUND = 0.8
#: A library whose round took longer than this, in seconds, is not asked for another.
LONG = 6.0
#: Seconds until a silent library is given up.
PATIENCE = 240.0
#: How far from proportional the two timings of a scaled cell may be. Wide: the machine has other work.
GROWTH = 0.35
#: Results of one cell: what worker.py sent first, `difference`, `rounds`; or a `reason`.
Cell = dict[str, Any]


class Worker:
    """The process of one library on one row."""

    def __init__(self, row: Row, peer: str, python: Path):
        CELLS.mkdir(parents=True, exist_ok=True)
        self.log = CELLS / f"{row.name}.{peer}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [python, HERE / "worker.py", row.name, peer],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            self.answers.put(line)
        self.answers.put("")

    def answer(self) -> dict[str, Any]:
        """Wait for the next answer; a silent or dead process answers with a reason."""
        try:
            line = self.answers.get(timeout=PATIENCE)
        except queue.Empty:
            self.close()
            return {"reason": f"no answer within {PATIENCE:.0f} s"}
        if line:
            return json.loads(line)
        code, last = self.process.wait(), self.log.read_text(errors="replace").strip().splitlines()[-1:]
        return {"reason": f"ended with exit code {code}: {''.join(last)[:200]}"}

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(request), file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def path_of(row: Row, peer: str) -> Path:
    """Return where a cell is kept until the table is written."""
    return CELLS / f"{row.name}.{peer}.json"


def load(row: Row, peer: str) -> Cell:
    """Return what is known of a cell; what had failed is tried again."""
    try:
        cell = json.loads(path_of(row, peer).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {} if "reason" in cell else cell


def save(row: Row, peer: str, cell: Cell) -> None:
    """Keep a cell, whole or not at all."""
    part = path_of(row, peer).with_suffix(".part")
    part.write_text(json.dumps(cell, indent=1), encoding="utf-8")
    part.replace(path_of(row, peer))


def finished(cell: Cell, rounds: int) -> bool:
    """Whether a cell needs no further round."""
    done = cell.get("rounds", [])
    return len(done) >= rounds or any(one["seconds"] > LONG and in_proportion(one) for one in done)


def in_proportion(one: dict[str, Any]) -> bool:
    """Whether a round may be used: it timed the whole batch, or what it timed grew with the batch."""
    return abs(one.get("growth", 1) - 1) <= GROWTH


def best(cell: Cell) -> dict[str, Any] | None:
    """Return the round with the smallest median, or None where there is none to use."""
    return min(filter(in_proportion, cell.get("rounds", [])), key=lambda one: one["median"], default=None)


def reason(cell: Cell) -> str | None:
    """Return why a cell has no number; None where it has one, or where nobody knows."""
    if "reason" in cell:
        return str(cell["reason"])
    if cell.get("rounds") and best(cell) is None:
        growths = ", ".join(f"{one['growth']:.2f}" for one in cell["rounds"])
        return f"its time does not grow in proportion to the batch (by {growths} of that), so it cannot be scaled"
    return None


def in_words(seconds: float) -> str:
    """Return a time in milliseconds with three digits."""
    milliseconds = 1e3 * seconds
    digits = 3 if milliseconds < 1 else 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{milliseconds:,.{digits}f} ms"


def begin(row: Row, worker: Worker, cell: Cell) -> bool:
    """Let a library build its layer, and check what it computes; where that fails, the reason stands in the cell."""
    sent = worker.ask({"do": "begin"})
    cell |= sent
    if "reason" not in sent:
        cell["difference"] = disagreement(row, cell.pop("found"))
        if not cell["difference"] <= TOLERANCE:
            cell["reason"] = f"computes something else: differs by {cell['difference']:.1e} from the row's circuit"
            cell["wrong"] = True
    return "reason" not in cell


def measure(row: Row, names: list[str], options: argparse.Namespace) -> dict[str, Cell]:
    """Return the cells of a row: set up each library that has rounds to do, then let them take turns."""
    cells = {name: load(row, name) for name in names}
    workers: dict[str, Worker] = {}
    try:
        for name, cell in cells.items():
            counted = not cell.get("n_terms") or "product" in cell
            if not (finished(cell, options.rounds) and counted) and not borrow(row, name, cell):
                workers[name] = Worker(row, name, Path(sys.executable) if PEERS[name].ours else options.python)
        # Imports overlap; nothing is timed before the last is done.
        imported = {name: worker.answer() for name, worker in workers.items()}
        for name, worker in workers.items():
            cell = cells[name]
            cell |= imported[name]
            if "reason" in cell or not begin(row, worker, cell):
                worker.close()
            said = cell.get("reason") or f"set up in {cell['set_up']:.1f} s"
            print(f"bench: row {row.name}, {name}: {said}", flush=True)
            save(row, name, cell)
        for number in range(options.rounds):
            for name, worker in workers.items():
                cell = cells[name]
                if "reason" in cell or finished(cell, number + 1):
                    continue
                start = time.perf_counter()
                sent = worker.ask({"do": "round", "core": number, "seconds": options.seconds, "shrink": options.shrink})
                if "reason" in sent:
                    cell |= sent
                else:
                    cell["rounds"] = [*cell.get("rounds", []), sent | {"seconds": time.perf_counter() - start}]
                save(row, name, cell)
            done = {name: cell["rounds"][-1]["median"] for name, cell in cells.items() if cell.get("rounds")}
            times = ", ".join(f"{name} {in_words(seconds)}" for name, seconds in done.items())
            print(f"bench: row {row.name}, round {number + 1}: {times}", flush=True)
        if "ours" in workers and best(cells["ours"]) and cells["ours"]["n_terms"]:
            request = {"do": "product", "core": 0, "seconds": options.seconds, "n_terms": cells["ours"]["n_terms"]}
            cells["ours"]["product"] = workers["ours"].ask(request)
            save(row, "ours", cells["ours"])
    finally:
        for worker in workers.values():
            worker.close()
    return cells


def borrow(row: Row, name: str, cell: Cell) -> bool:
    """Fill a cell from the same circuit's smaller row where both are scaled from the same samples; return whether it is."""
    peer, base = PEERS[name], ROWS.get(row.circuit_of or "")
    if base is None or not (peer.scaled(row) and peer.scaled(base)):
        return False
    known = load(base, name)
    if not known.get("rounds"):
        return False
    factor = row.batch / base.batch
    cell |= known | {
        "rounds": [
            one | {"median": one["median"] * factor, "quartiles": [value * factor for value in one["quartiles"]]}
            for one in known["rounds"]
        ]
    }
    save(row, name, cell)
    return True


def failures(table: dict[str, dict[str, Cell]]) -> list[str]:
    """Return what makes the run worthless: a cell with neither number nor reason, ours without one, a wrong result."""
    found = []
    for row, cells in table.items():
        for name, cell in cells.items():
            why = reason(cell)
            if best(cell) is None and (why is None or PEERS[name].ours or cell.get("wrong")):
                found.append(f"row {row}, {name}: {why or 'neither a number nor a reason'}")
    return found


def entry(cell: Cell, letters: dict[str, str]) -> str:
    """Return a cell of the table: a time, or the letter of the reason below it."""
    one = best(cell)
    if one is None:
        return f"({letters.setdefault(reason(cell) or '', chr(ord('a') + len(letters)))})"
    return ("≈ " if "scaled_from" in one else "") + in_words(one["median"])


def ratio(one: Cell, to: Cell) -> float | None:
    """Return how many times as long the first takes as the second."""
    slow, fast = best(one), best(to)
    return slow["median"] / fast["median"] if slow and fast else None


def number(value: float | None) -> str:
    """Return a ratio in two digits or none."""
    return "" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def grid(header: list[str], lines: list[list[str]], left: int) -> list[str]:
    """Return a Markdown table whose first `left` columns are text."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return ["| " + " | ".join(line) + " |" for line in (header, rule, *lines)]


def page(table: dict[str, dict[str, Cell]], options: argparse.Namespace) -> str:
    """Return the page of results."""
    letters: dict[str, str] = {}
    single = {row: cells for row, cells in table.items() if not ROWS[row].seeds}
    lines: dict[bool, list[list[str]]] = {False: [], True: []}
    used = {
        kind: [name for name in PEERS if any(name in c for r, c in single.items() if ROWS[r].further == kind)] for kind in lines
    }
    names = [name for name in PEERS if any(name in cells for cells in single.values())]
    set_ups, products = [], []
    for row, cells in single.items():
        ours = cells.get("ours", {})
        others = {name: cell for name, cell in cells.items() if not PEERS[name].ours}
        fastest = [
            min((value for cell in others.values() if (value := ratio(cell, cells.get(own, {}))) is not None), default=None)
            for own in ("ours", "ours-one-call")
        ]
        kind = ROWS[row].further
        lines[kind].append(
            [
                *(row, ROWS[row].work),
                *(entry(cells[name], letters) if name in cells else "" for name in used[kind]),
                *(*map(number, fastest), number(ratio(cells.get("pennylane", {}), ours))),
            ]
        )
        set_ups.append([row, *(f"{cells[name]['set_up']:.2f} s" if best(cells.get(name, {})) else "" for name in names)])
        if took := best(ours):
            line = [row, "", "", in_words(took["median"]), "", ours.get("note", "")]
            if "median" in (least := ours.get("product", {})):
                line[1:3] = f"{least['n_terms']:,}", in_words(least["median"])
                line[4] = number(took["median"] / least["median"])
            products.append(line)
    seeds = [
        [ROWS[row].work, PEERS[name].title, entry(cell, letters), number(ratio(cell, cells.get("ours", {})))]
        for row, cells in table.items()
        if ROWS[row].seeds
        for name, cell in cells.items()
    ]
    titles = [PEERS[name].title for name in names]
    text = ["# Speed", "", "Written by `make bench`. A training step: " + STEP]
    ratios = ["fastest peer / ours", "fastest peer / value_and_grad", "PennyLane / ours"]
    for kind, heading in ((False, []), (True, ["## Further circuits", "", FURTHER, ""])):
        if lines[kind]:
            header = ["row", "work", *(PEERS[name].title for name in used[kind]), *ratios]
            text += ["", *heading, *grid(header, lines[kind], 2)]
    for why, letter in letters.items():
        text += ["", f"({letter}) {why}"]
    text += ["", "## Set-up", "", SET_UP, "", *grid(["row", *titles], set_ups, 1)]
    if seeds:
        header = ["work", "", "a step of all seeds", "/ ours"]
        text += ["", "## Twenty seeds at once", "", "Value and gradients of all.", "", *grid(header, seeds, 2)]
    if products:
        header = ["row", "live terms", "the product", "ours", "ours / product", "path"]
        text += ["", "## Distance from one matrix product", "", PRODUCT, "", *grid(header, products, 1)]
    return "\n".join([*text, "", "## How", "", *notes(table, options)]) + "\n"


STEP = (
    "forward, mean squared error, backward to all weights (and to the inputs where the row says so), exact expectation values, "
    "no update. ≈: scaled, see below."
)
FURTHER = "Circuits beside those of the papers, in the libraries that came near on those."
SET_UP = (
    "Building the layer and its first step, with what is compiled then; without imports, and not in the times above. Of what is "
    "scaled (≈), the layer alone."
)
PRODUCT = (
    "The least that a sum of terms costs: one product of (batch × live terms) by (live terms × outputs), and its gradients, in "
    "the same run."
)


def notes(table: dict[str, dict[str, Cell]], options: argparse.Namespace) -> list[str]:
    """Return the paragraphs under the tables."""
    cells = [cell for row in table.values() for cell in row.values() if best(cell)]
    worst = max((cell["difference"] for cell in cells), default=0.0)
    versions = {name: version for cell in cells for name, version in cell["versions"].items()}
    said: dict[str, None] = {}
    for row in table.values():
        for name, cell in row.items():
            if not PEERS[name].ours and cell.get("note"):
                said[f"{PEERS[name].title}: {cell['note']}."] = None
    scaled = {name: PEERS[name] for row in table.values() for name, cell in row.items() if "scaled_from" in (best(cell) or {})}
    sizes = "; ".join(f"{peer.title} from {peer.samples[1] // options.shrink} samples" for peer in scaled.values())
    text = [
        "Each library in a process of its own, one thread, pinned to one core, the same for all in a round. Float32 unless said "
        f"below. Libraries take turns in {options.rounds} rounds of about {options.seconds} s (one round where it takes longer "
        f"than {LONG:.0f} s); the best round's median counts. Weights change from step to step, and batches take turns.",
        "",
        f"Before any time counts, outputs and gradients on {CHECKED} samples are compared with a state vector and parameter "
        f"shifts in NumPy, in double precision: they agree within {worst:.0e}.",
    ]
    if scaled:
        text += [
            "",
            f"≈: scaled in proportion, after half as many samples took half as long (within {GROWTH:.0%}): {sizes}. "
            "A row and its larger batch share that timing.",
        ]
    text += ["", " ".join(said)] if said else []
    packages = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return [*text, "", f"{date.today().isoformat()}, {cpu_model()}, Python {platform.python_version()}, {packages}."]


def key(options: argparse.Namespace) -> str:
    """Return what cells of one run share: the code, the packages, the processor and the options."""
    digest = hashlib.sha256(f"{cpu_model()} {options.rows} {options.peers} {options.quick} {options.rounds}".encode())
    sources = [
        *(HERE / f"{name}.py" for name in ("rows", "peers", "worker", "run")),
        *(ROOT / "qhelpers" / "circuits").rglob("*.py"),
    ]
    for path in sorted([*sources, HERE / "peers.lock", ROOT / "requirements.lock"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare(options: argparse.Namespace) -> None:
    """Keep the cells of an interrupted run of the same kind; forget any others."""
    file, now = CELLS / "run.key", key(options)
    if options.fresh or not file.exists() or file.read_text() != now:
        shutil.rmtree(CELLS, ignore_errors=True)
        CELLS.mkdir(parents=True)
        file.write_text(now)
    elif any(CELLS.glob("*.json")):
        print("bench: going on with the interrupted run (--fresh starts anew)")


def refused() -> dict[str, str]:
    """Return the packages that could not be installed, with the reason."""
    file = PEERS_HOME / "refused.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def selection(text: str | None, known: dict[str, Any], what: str) -> list[str]:
    """Return the names of a comma-separated option, or all."""
    names = text.split(",") if text else list(known)
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"bench: no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Time a training step in the libraries that a user could pick.")
    parser.add_argument("--rows", help=f"some of {','.join(ROWS)}; only printed")
    parser.add_argument("--peers", help=f"some of {','.join(PEERS)}; only printed")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything runs; only printed")
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run's cells")
    parser.add_argument("--python", type=Path, help="the peers' interpreter (default: build/peers/.venv)")
    options = parser.parse_args(argv)
    options.write = not (options.rows or options.peers or options.quick)
    options.rows, options.peers = selection(options.rows, ROWS, "row"), selection(options.peers, PEERS, "peer")
    options.rounds, options.seconds, options.shrink = (1, 0.1, 4) if options.quick else (ROUNDS, ROUND, 1)
    scripts = PEERS_HOME / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options.python = options.python or scripts
    return options


def main(argv: list[str] | None = None) -> int:
    """Time the rows, print the page and write it; return the exit code."""
    options = arguments(argv)
    if not options.python.exists():
        print(f"bench: no interpreter for the peers at {options.python}; run: make bench", file=sys.stderr)
        return 2
    prepare(options)
    missing = refused()
    table: dict[str, dict[str, Cell]] = {}
    try:
        for name in options.rows:
            row = ROWS[name]
            here = [peer for peer in options.peers if PEERS[peer].runs(row)]
            if here:
                table[name] = measure(row, here, options)
                for peer, cell in table[name].items():
                    gone = [missing[package] for package in PEERS[peer].packages if package in missing]
                    if "reason" in cell and gone and not PEERS[peer].ours:
                        cell["reason"] = " ".join(gone[0].split())
    except KeyboardInterrupt:
        print("\nbench: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    text = page(table, options)
    print(f"\n{text}")
    if found := failures(table):
        print("bench: not written, because of\n  " + "\n  ".join(found), file=sys.stderr)
        return 1
    if options.write:
        about = {"date": date.today().isoformat(), "cpu": cpu_model(), "python": platform.python_version()}
        RESULTS.write_text(text, encoding="utf-8")
        RESULTS.with_suffix(".json").write_text(json.dumps(about | {"rows": table}, indent=1) + "\n", encoding="utf-8")
        print("bench: written to benchmarks/results.md and benchmarks/results.json")
    shutil.rmtree(CELLS, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

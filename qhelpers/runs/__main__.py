"""Command line of the experiments: ``python -m qhelpers.runs list | run EXPERIMENT | status``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from qhelpers.datasets import DatasetError
from qhelpers.runs import experiment as experiments
from qhelpers.runs.records import PROFILES, RecordsError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m qhelpers.runs", description="Run experiments and record what they measure.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="experiments, their configs and numbers of seeds")
    for name, text in (("run", "make the runs that are not recorded yet"), ("status", "how much is recorded")):
        command = commands.add_parser(name, help=text)
        command.add_argument("experiment", nargs=None if name == "run" else "?", help="name from `list`")
        command.add_argument("--profile", default="laptop", help="quick, laptop (default) or paper")
        command.add_argument("--source", default="real", help="real (default) or twin")
        command.add_argument("--seeds", type=int, help="seeds for every config (default: as the experiment says)")
        command.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="configs with this entry, e.g. model=qnn-p; repeatable",
        )
        if name == "run":
            command.add_argument("--workers", type=int, help="processes (default: one a core)")
            command.add_argument("--dry-run", action="store_true", help="say what it would cost and stop")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code: 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "list":
            return _list()
        return _run(arguments) if arguments.command == "run" else _status(arguments)
    except KeyboardInterrupt:
        print("\nInterrupted. Every run that ended is recorded; the same command goes on from there.", file=sys.stderr)
        return 130
    except (ValueError, RecordsError, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _list() -> int:
    for name in experiments.names():
        found = experiments.get(name)
        print(f"{name} (version {found.version}): {found.about}")
        for profile in PROFILES:
            grid = found.grid(profile)
            hours = sum(found.estimate(config) * n for config, n in grid) / 3600
            print(f"  {profile}: {len(grid)} configs, {sum(n for _, n in grid)} runs, about {hours:.1f} core-hours")
        for key in sorted({key for config, _ in found.grid("laptop") for key in config}):
            values = sorted({str(config[key]) for config, _ in found.grid("laptop") if key in config})
            print(f"    {key}: {', '.join(values)}")
    return 0


def _wanted(pairs: Sequence[str]) -> dict[str, str]:
    wanted = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(f"--only {pair!r} is not KEY=VALUE; allowed is for instance --only model=qnn-p")
        wanted[key] = value
    return wanted


def _jobs(arguments: argparse.Namespace, name: str) -> tuple[Any, Any]:
    from qhelpers.runs import execution, records

    jobs = execution.jobs(experiments.get(name), arguments.profile, arguments.source, arguments.seeds, **_wanted(arguments.only))
    return jobs, records.folder_for(arguments.source, arguments.profile)


def _run(arguments: argparse.Namespace) -> int:
    from qhelpers.runs import execution

    jobs, folder = _jobs(arguments, arguments.experiment)
    todo = execution.pending(jobs, folder)
    seconds = execution.cost(todo, folder)
    print(f"{arguments.experiment}: {len(jobs) - len(todo)} of {len(jobs)} runs recorded in {folder}")
    print(f"{len(todo)} to make, about {seconds / 60:.0f} minutes of one core", flush=True)
    if arguments.dry_run or not todo:
        return 0
    made = list(execution.progress(todo, folder, arguments.workers))
    _summary(jobs, folder)
    print(f"{len(made)} runs recorded")
    return 0


def _summary(jobs: Any, folder: Any) -> None:
    from qhelpers.runs import records

    configs = [job.config for job in jobs]
    found = [record for record in records.read(jobs[0].experiment, folder) if record.config in configs]
    table = records.frame(found)
    keys = [key for key in ("data", "regime", "model", "entangler") if key in table]
    print(table.fillna("").groupby(keys)["accuracy"].agg(["mean", "std", "count"]).round(3).to_string())


def _status(arguments: argparse.Namespace) -> int:
    from qhelpers.runs import execution

    for name in [arguments.experiment] if arguments.experiment else experiments.names():
        jobs, folder = _jobs(arguments, name)
        todo = execution.pending(jobs, folder)
        minutes = execution.cost(todo, folder) / 60
        print(f"{name}: {len(jobs) - len(todo)} of {len(jobs)} runs recorded in {folder}; about {minutes:.0f} core-minutes left")
    return 0


if __name__ == "__main__":
    sys.exit(main())

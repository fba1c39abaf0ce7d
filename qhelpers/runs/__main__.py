"""Command line of the experiments: ``python -m qhelpers.runs list | run EXPERIMENT ... | status | again ... | pack``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qhelpers import _pipes
from qhelpers.datasets import DatasetError
from qhelpers.runs import experiment as experiments
from qhelpers.runs.cluster import ClusterError
from qhelpers.runs.records import PROFILES, NotRecorded, RecordsError, folder_for, spell

if TYPE_CHECKING:
    from qhelpers.runs.execution import Job


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    read = argparse.ArgumentParser(prog="python -m qhelpers.runs", description="Run experiments and record what they measure.")
    commands = read.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="experiments, their configs and numbers of seeds")
    for name, text in (("run", "make the runs that are not recorded yet"), ("status", "how much is recorded")):
        command = commands.add_parser(name, help=text)
        command.add_argument("experiment", nargs="+" if name == "run" else "*", help="names from `list`, or `all`")
        command.add_argument("--profile", default="laptop", help="quick, laptop (default) or paper")
        command.add_argument("--source", default="real", help="real (default) or twin")
        command.add_argument("--seeds", type=int, help="seeds for every config (default: as the experiment says)")
        command.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="configs with this entry as `list` shows it, e.g. model=lda; repeatable",
        )
        if name == "run":
            command.add_argument("--workers", type=int, help="processes here (default: one a core, as far as memory goes)")
            command.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster instead, e.g. tcp://127.0.0.1:8786")
            command.add_argument("--dry-run", action="store_true", help="say what it would cost and stop")
    command = commands.add_parser("again", help="make recorded runs again and compare every number; nothing is recorded")
    command.add_argument("names", nargs="+", metavar="EXPERIMENT|ID", help="names from `list`, `all`, or ids of records")
    command.add_argument("--seeds", type=int, help="only the first so many seeds (default: all that are recorded)")
    command.add_argument("--only", action="append", default=[], metavar="KEY=VALUE", help="configs with this entry; repeatable")
    command.add_argument("--workers", type=int, help="processes (default: one a core, as far as memory goes)")
    command = commands.add_parser("pack", help="compress the committed records; none is changed")
    command.add_argument("experiment", nargs="*", help="names of experiments that have records (default: all)")
    return read


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0 done; 1 runs failed, differ from their records, could not be recorded, or lost their cluster; 2 bad input;
        130 interrupted.
    """
    arguments = parser().parse_args(argv)
    try:
        if arguments.command == "list":
            return _list()
        if arguments.command == "again":
            return _again(arguments)
        if arguments.command == "pack":
            return _pack(arguments.experiment)
        return _run(arguments) if arguments.command == "run" else _status(arguments)
    except KeyboardInterrupt:
        print("\nInterrupted. Every run that ended is recorded; the same command goes on from there.", file=sys.stderr)
        return 130
    except (experiments.RunsFailed, NotRecorded, ClusterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
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
            values = sorted({spell(config[key]) for config, _ in found.grid("laptop") if key in config})
            print(f"    {key}: {' | '.join(value or '(empty)' for value in values)}")
    return 0


def wanted(pairs: Sequence[str]) -> dict[str, str]:
    """Return entries of a config from words like ``model=lda``."""
    asked = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(f"--only {pair!r} is not KEY=VALUE; allowed is for instance --only model=lda")
        asked[key] = value
    return asked


@dataclass(frozen=True)
class _Plan:
    """An experiment's runs that were asked for, those still to make, and what these cost in processor seconds."""

    name: str
    jobs: list[Job]
    todo: list[Job]
    seconds: float
    folder: Path


def _plans(arguments: argparse.Namespace) -> list[_Plan]:
    """A plan for each experiment that was named (or all) and has configs with the wanted entries."""
    from qhelpers.runs import execution

    named = arguments.experiment
    names = experiments.names() if not named or "all" in named else named
    asked = wanted(arguments.only)
    plans = []
    for found in [experiments.get(name) for name in names]:
        if jobs := execution.jobs(found, arguments.profile, arguments.source, arguments.seeds, **asked):
            folder = folder_for(arguments.source, arguments.profile, found.keeps)
            todo = execution.pending(jobs, folder)
            plans.append(_Plan(found.name, jobs, todo, sum(execution.cost(todo, folder)), folder))
    if not plans:
        raise ValueError(f"no config of {', '.join(names)} has {asked}; `python -m qhelpers.runs list` shows what there is")
    return plans


def _run(arguments: argparse.Namespace) -> int:
    from qhelpers.runs import execution

    plans = _plans(arguments)
    for plan in plans:
        print(f"{plan.name}: {len(plan.jobs) - len(plan.todo)} of {len(plan.jobs)} runs recorded in {plan.folder}")
        print(f"{len(plan.todo)} to make, about {plan.seconds / 60:.0f} minutes of one core", flush=True)
    if arguments.dry_run:
        return 0
    code = 0
    for plan in plans:
        if not plan.todo:
            continue
        made = 0
        try:
            for _ in execution.progress(plan.todo, plan.folder, arguments.workers, arguments.scheduler):
                made += 1
        except experiments.RunsFailed as error:
            print(f"error: {error}", file=sys.stderr)
            code = 1
        _summary(plan)
        print(f"{made} runs recorded", flush=True)
    return code


def _again(arguments: argparse.Namespace) -> int:
    from qhelpers.runs import again

    found = again.find(arguments.names, wanted(arguments.only), arguments.seeds)
    print(f"{len(found)} runs to make again, about {sum(r.cpu_seconds for r in found) / 60:.0f} minutes of one core", flush=True)
    made = []
    for comparison in again.run(found, arguments.workers):
        made.append(comparison)
        print(comparison, flush=True)
    different = sum(not one.same for one in made)
    rounded = sum(one.same and bool(one.differences) for one in made)
    numbers = sum(one.numbers for one in made)
    print(f"{len(made)} made again, {numbers} numbers compared; {different} runs differ, {rounded} are rounded otherwise")
    return 1 if different else 0


def _pack(named: Sequence[str]) -> int:
    from qhelpers.runs import records

    known = records.experiments()
    if strange := set(named) - set(known):
        raise ValueError(f"no records of {', '.join(sorted(strange))}; there are: {', '.join(known)}")
    for name in named or known:
        records.pack(name, records.root())
    return 0


def _summary(plan: _Plan) -> None:
    from qhelpers.runs import records

    configs = [job.config for job in plan.jobs]
    version = experiments.get(plan.name).version
    found = [r for r in records.read(plan.name, plan.folder) if r.config in configs and r.version == version]
    if not found:
        return
    keys = experiments.get(plan.name).keys(configs)
    table = records.frame(found).assign(**{key: [records.spell(r.config.get(key, "")) for r in found] for key in keys})
    headline = experiments.get(plan.name).headline
    if headline not in table:
        return
    print(table.groupby(keys)[headline].agg(["mean", "std", "count"]).round(3).to_string())


def _status(arguments: argparse.Namespace) -> int:
    for plan in _plans(arguments):
        made = len(plan.jobs) - len(plan.todo)
        minutes = plan.seconds / 60
        print(f"{plan.name}: {made} of {len(plan.jobs)} runs recorded in {plan.folder}; about {minutes:.0f} core-minutes left")
    return 0


if __name__ == "__main__":
    sys.exit(_pipes.run(main))

"""The command ``qhelpers``: arguments and help; each sub-command imports what it needs when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from qhelpers import __version__, _pipes

#: Module whose ``main`` each command is, and what it does.
COMMANDS = {
    "data": ("qhelpers.datasets.__main__", "find, check and download the data sets"),
    "runs": ("qhelpers.runs.__main__", "run experiments, resume them, see how far they are"),
    "check": ("qhelpers.ledger.check", "check printed numbers of any paper against each other"),
    "ledger": ("qhelpers.ledger.__main__", "what the papers print, checked and judged"),
}


def usage() -> str:
    """Return the help text: every command with a line."""
    lines = [f"  {name:8}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: qhelpers COMMAND [ARGUMENTS]",
            "",
            "commands:",
            *lines,
            "",
            "options: --help, --version; 'qhelpers COMMAND --help' says more of a command",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: the command's own, 1 where an optional dependency is missing, 2 for an unknown command.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    if argv[0] == "--version":
        print(f"qhelpers {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        print(f"qhelpers: no command {argv[0]!r}; there are: {', '.join(COMMANDS)}. See: qhelpers --help", file=sys.stderr)
        return 2
    try:
        return _pipes.run(lambda: importlib.import_module(COMMANDS[argv[0]][0]).main(argv[1:]))
    except ImportError as error:
        print(f"qhelpers {argv[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nqhelpers {argv[0]}: interrupted", file=sys.stderr)
        return 130

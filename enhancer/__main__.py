"""The command line: `python -m enhancer COMMAND`; `--help` says which there are."""

import argparse
import logging
import sys
from collections.abc import Sequence

import enhancer
from enhancer.commands import bench, convert, degrade, export, render, restore
from enhancer.commands.pictures import BAD_INPUT, INTERRUPTED, Load
from enhancer.errors import EnhancerError
from enhancer.runtime.allocator import keep_freed_memory
from enhancer.runtime.command_line import ArgumentParser, file_errors, print_every_name, say_error
from enhancer.runtime.processes import leave

_SIGNED = ("--input_range", "--up", "--front")  # their values may begin with a minus


def main(argv: Sequence[str] | None = None, *, load: Load | None = None) -> int:
    """Run one command and return the exit code: 0 all fine, 2 bad input (the rest is still done), 130 interrupted."""
    keep_freed_memory()
    print_every_name()
    args = _arguments().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    # what a user should know is in the notes
    logging.getLogger("enhancer").addHandler(logging.NullHandler())
    try:
        with file_errors():
            return args.command(args, load)
    except EnhancerError as error:
        say_error(error, before="")
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What was finished is kept.\n")
        return INTERRUPTED


def _arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    about = "Restore faces rendered from Gaussian splats in one step, or degrade clean ones region by region."
    parser = ArgumentParser(prog="python -m enhancer", description=about)
    parser.add_argument("--version", action="version", version=enhancer.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (restore, degrade, render, convert, export, bench):
        command.declare(commands)
    return parser


def _joined(argv: Sequence[str]) -> list[str]:
    """Write `--input_range -1,1` and `--up -y` as one word: argparse takes a lone -1,1 for a flag."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] in _SIGNED and word.startswith("-") and not word.startswith("--"):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


if __name__ == "__main__":
    leave(main())

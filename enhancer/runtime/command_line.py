"""What every command line does at its outermost: its flags, what it says of a mistake, and any file name it prints."""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from enhancer.errors import FileError

BAD_INPUT = 2  # exit code, argparse's too


class ArgumentParser(argparse.ArgumentParser):
    """argparse's own, but that its help keeps line breaks, and that a mistake is answered in one line.

    Flags are written out: an abbreviation that is one flag's today may be another's tomorrow.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take argparse's options."""
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **{"allow_abbrev": False} | options)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]  argparse has overloads of it
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Parse, but name a flag that does not exist before anything else: what it was to be may be what is missing."""
        words = list(sys.argv[1:] if args is None else args)
        for word in self._own(words):
            name = word.partition("=")[0]
            if name not in self._option_string_actions:
                self.error(self._no_such(name))
        return super().parse_known_args(words, namespace)

    def _own(self, words: Sequence[str]) -> Iterator[str]:
        """Yield the long flags among the words that are for this parser rather than for a command's."""
        for word in words:
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                return
            if word.startswith("--") and " " not in word:  # with a space argparse takes it for a value
                yield word

    def _no_such(self, flag: str) -> str:
        near = get_close_matches(flag, self._option_string_actions, 1)
        return f"there is no flag {flag}. " + (f"Did you mean {near[0]}?" if near else "--help lists those there are.")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, in one line, and end with exit code 2."""
        ending = "" if message.endswith((".", "?")) else ". --help lists the flags."
        say_error(f"{message}{ending}")
        self.exit(BAD_INPUT)


def say_error(error: object, before: str = "error: ") -> None:
    """Say on standard error why a program ends.

    Of several processes one speaks. A launcher that sees a process fail adds a page of its own, with a traceback: torchrun
    is told the reason, so that the page ends with it, and of accelerate's it is said how to do without.
    """
    _tell_launcher(f"{before}{error}")
    if os.environ.get("RANK", "0") != "0":
        return
    sys.stderr.write(f"{before}{error}\n")
    if "ACCELERATE_MIXED_PRECISION" in os.environ and "TORCHELASTIC_ERROR_FILE" not in os.environ:
        sys.stderr.write(
            "Should a traceback follow, it is accelerate's own: accelerate launch --quiet leaves it out.\n"
        )
    sys.stderr.flush()


def _tell_launcher(reason: str) -> None:
    """Write the reason where torchrun looks for it: https://docs.pytorch.org/docs/stable/elastic/errors.html."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path:
        told = {"message": reason, "extraInfo": {"timestamp": str(int(time.time()))}}
        with suppress(OSError):  # it is said on standard error all the same
            Path(path).write_text(json.dumps({"message": told}), encoding="utf-8")


def print_every_name() -> None:
    """Have standard output write what its encoding lacks as an escape, as standard error does.

    A console may know 256 characters only (cp1252), and a file name need not be UTF-8: neither is a reason to stop.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def file_errors() -> Iterator[None]:
    """Raise what the system says of a file or folder as an error of ours.

    Raises:
        FileError: It may not be read or written, is not there, or is of another kind; the message names it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:  # of a connection or a process, not of a file
            raise
        raise FileError(
            f"{error.filename} cannot be used: {error.strerror or error}. Check the path, and who may read and write there."
        ) from error

"""What every command line does at its outermost: print any file name, and say in a sentence what the system says of a file."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from enhancer.errors import FileError


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

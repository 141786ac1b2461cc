"""What a terminal can show."""

import sys
from io import TextIOWrapper


def write_any_name() -> None:
    """Let standard output and error take any text: a file name that their encoding lacks is written with backslashes.

    Names of files may be no UTF-8 at all, and a terminal may be cp1252; neither is a reason to stop.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

"""Text files that are whole or not there: written beside their place and renamed into it."""

import secrets
from pathlib import Path

from enhancer.errors import SettingsError


def write_text(path: Path, text: str) -> None:
    """Write a file, its folders made as needed; at no moment does `path` hold half of it.

    Raises:
        SettingsError: It cannot be written; whatever `path` held before is still there.
    """
    unfinished = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        remove(unfinished)


def append_line(path: Path, line: str) -> None:
    """Put one line at the end of a file.

    Raises:
        SettingsError: It cannot be written; half a line may be left at the end.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror or error}. What was done before is kept; "
            "once that is mended, the same command goes on from there."
        ) from error


def remove(path: Path) -> None:
    """Delete a file, if it is there and can be deleted."""
    try:
        path.unlink(missing_ok=True)
    except OSError:  # a folder that cannot be written to: whoever writes there says so
        return

"""Files and folders that are whole or not there: written under a temporary name beside their place, then renamed into it."""

import contextlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from enhancer.errors import SettingsError

TEMPORARY = ".*.unfinished"  # pattern of temporary names
STALE = 3600  # seconds after which a temporary file is nobody's any more


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; after the block it is `path`, which at no moment holds half a file.

    If the block fails or is interrupted, the temporary file is removed and `path` is what it was. A pipe, a device, or
    what standard output or error goes to, is not replaced: the bytes are written into it once they are complete.

    Args:
        path: The file; its folder exists.

    Raises:
        OSError: It cannot be written.
    """
    if _is_stream(path):
        with TemporaryDirectory() as scratch:
            temporary = Path(scratch) / "complete"
            yield temporary
            with temporary.open("rb") as complete, _opened_stream(path) as stream:
                shutil.copyfileobj(complete, stream)
        return
    temporary = _temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        remove(temporary)


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder of the same name to fill; after the block it is `folder`, in place of one that was there.

    If the block fails or is interrupted, what was filled is removed and `folder` is what it was.

    Args:
        folder: The folder; those above it are made as needed.

    Raises:
        OSError: It cannot be written.
    """
    folder = folder.absolute()
    temporary = _temporary_beside(folder)
    fresh, old = temporary / "new" / folder.name, temporary / "old"
    try:
        fresh.mkdir(parents=True)
        yield fresh
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        finally:
            if old.exists() and not folder.exists():
                old.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically, its folders made as needed.

    Raises:
        SettingsError: It cannot be written; whatever `path` held before is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error


def append_line(path: Path, line: str) -> None:
    """Put one line at the end of a file; what a kill or a full disk cut off before stays a line of its own.

    Raises:
        SettingsError: It cannot be written; half a line may be left at the end.
    """
    try:
        with path.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")
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


def sweep(folder: Path, *, below: bool = False) -> None:
    """Delete what killed runs left half-written in a folder; what is younger than `STALE` another run may be writing.

    Args:
        folder: The folder.
        below: Also in the folders below it.
    """
    for path in list((folder.rglob if below else folder.glob)(TEMPORARY)):
        try:
            if time.time() - path.stat().st_mtime > STALE:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:  # another process was faster, or it is not ours to remove
            continue


def _temporary_beside(path: Path) -> Path:
    """Return a name in the same folder that nothing has: random and short, whatever `path` is called."""
    return path.with_name(f".{secrets.token_hex(8)}.unfinished")


def _is_stream(path: Path) -> bool:
    """Say whether a path is something to write into and not a file to replace."""
    return path.exists() and not path.is_dir() and (not path.is_file() or _standard_stream(path) is not None)


def _standard_stream(path: Path) -> int | None:
    """Return the descriptor, 1 or 2, of standard output or error if it goes to `path`."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # it is closed
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
    return None


def _opened_stream(path: Path) -> BinaryIO:
    """Open a stream to write bytes to. Standard output is written on with: opened anew it would begin at its start."""
    descriptor = _standard_stream(path)
    if descriptor is None:
        return path.open("wb")
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return os.fdopen(os.dup(descriptor), "wb")

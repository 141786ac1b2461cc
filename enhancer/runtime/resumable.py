"""Work in a folder that can be stopped at any moment and gone on with: settings that must match, and what is done already."""

import json
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from enhancer.errors import SettingsError
from enhancer.runtime.files import TEMPORARY, append_line, sweep, write_text

Row = dict[str, Any]


def claim(
    folder: Path,
    name: str,
    settings: Mapping[str, Any],
    *,
    holds: str,
    free: Collection[str] = (),
    otherwise: str = "repeat its own settings to go on with it",
) -> None:
    """Take a folder for work with these settings, or go on with work of the same settings in it.

    Args:
        folder: One that holds such work, is empty, or does not exist yet.
        name: Of the settings file in it, JSON. It is what tells that the folder holds such work.
        settings: What is written there.
        holds: What such work is called in messages, such as "evaluation".
        free: Settings that may differ from those found there.
        otherwise: What the user can do about other settings than choose another folder.

    Raises:
        SettingsError: The folder holds work with other settings, which are named, or something else, or cannot be
            read or written.
    """
    path, text = folder / name, json.dumps(settings, indent=2) + "\n"
    try:
        old = dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
        if folder.exists() and not folder.is_dir():
            raise SettingsError(f"{folder} is a file. Name a folder.")
        if old is None and folder.exists() and any(not each.match(TEMPORARY) for each in folder.iterdir()):
            raise SettingsError(
                f"{folder} holds something else, no {holds}. Choose a folder that is empty or does not exist."
            )
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Choose another folder.") from error
    if old is not None:
        new = json.loads(text)
        changes = ", ".join(
            f"{key} was {old.get(key)!r} and is now {new[key]!r}"
            for key in new
            if key not in free and old.get(key) != new[key]
        )
        if changes:
            raise SettingsError(f"{folder} holds another {holds}: {changes}. Choose another folder, or {otherwise}.")
    write_text(path, text)
    sweep(folder, below=True)


class Journal:
    """What is done in a folder: a JSON line for each item, on disk as soon as it is done. Threads may append at once.

    Each process appends to a file of its own, because on a network drive two cannot append to one; all are read. A line
    that a kill or a full disk cut off counts for nothing: its item is done again.
    """

    def __init__(self, folder: Path, own: str, every: str, key: str) -> None:
        """Name the files; the first line makes one.

        Args:
            folder: Where they lie.
            own: Name of this process's file.
            every: Pattern of the names of all processes' files.
            key: The entry that names an item; a line without it is not ours.
        """
        self.folder, self.path = folder, folder / own
        self._every, self._key = every, key
        self._lock = threading.Lock()

    def paths(self) -> list[Path]:
        """Return the files of all processes, by their number."""
        return sorted(self.folder.glob(self._every), key=lambda path: (len(path.name), path.name))

    def rows(self) -> list[Row]:
        """Return the lines of all processes; those of one process are in the order in which they were appended.

        Raises:
            SettingsError: A file cannot be read.
        """
        found = []
        for path in self.paths():
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError as error:
                raise SettingsError(f"{path} cannot be read: {error.strerror or error}.") from error
            found += [row for row in map(parsed, lines) if row is not None and self._key in row]
        return found

    def append(self, row: Row) -> None:
        """Note that an item is done.

        Raises:
            SettingsError: The file cannot be written.
        """
        line = json.dumps(row, allow_nan=False)
        with self._lock:
            append_line(self.path, line)


def parsed(line: str) -> Row | None:
    """Return a line of JSON, None for one that is cut off or no object."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None

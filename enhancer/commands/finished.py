"""The pictures of a folder that are restored already, so that a stopped run can go on.

A picture's line in the journal says what it was made from, with which settings, and which files came of it, by size and
time. It is written before these files get their names, and believed only of the very files it speaks of: whenever a run
is killed, a picture that is there and has its line is finished, and any other is made again. So the folder has no
settings file to match: with other settings its pictures are made anew.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from enhancer.errors import ImageError
from enhancer.runtime.files import atomic_write
from enhancer.runtime.resumable import Journal, Row

NAME = ".splat-enhancer-{}.jsonl"  # with the number of the process
KEYS = {"from", "outputs", "row"}  # of a line


def stamp(path: Path) -> list[Any]:
    """Return what tells a file from another version of it: name, bytes, and when it was written."""
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]


class FinishedPictures:
    """The finished pictures of a folder of results. Threads may finish some at once."""

    def __init__(self, folder: Path, process: int = 0) -> None:
        """Read what all processes have finished; what is added is by `process`."""
        self._folder = folder
        self._journal = Journal(folder, NAME.format(process), NAME.format("*"), key="from")
        self._lines: defaultdict[str, list[Row]] = defaultdict(list)
        for line in self._journal.rows():
            if line.keys() == KEYS:
                self._lines[line["from"]].append(line)

    def find(self, made_from: Mapping[str, Any]) -> Row | None:
        """Return the report's row of a picture that is finished, None for any other."""
        for line in reversed(self._lines.get(_key(made_from), [])):
            try:
                if all(stamp(self._folder / output[0])[1:] == output[1:] for output in line["outputs"]):
                    return line["row"]
            except OSError:
                continue
        return None

    def any(self) -> bool:
        """Say whether there may be one."""
        return bool(self._lines)

    def add(self, made_from: Mapping[str, Any], files: Mapping[Path, bytes], row: Row) -> None:
        """Write the files that belong together, in or below the folder, and their line; the last one appears last.

        Raises:
            ImageError: A file cannot be written.
            SettingsError: The line cannot be written.
        """
        try:
            with ExitStack() as stack:
                # what is entered first appears last
                temporary = {path: stack.enter_context(atomic_write(path)) for path in reversed([*files])}
                for path, content in files.items():
                    temporary[path].write_bytes(content)
                outputs = [[path.relative_to(self._folder).as_posix(), *stamp(temporary[path])[1:]] for path in files]
                self._journal.append({"from": _key(made_from), "outputs": outputs, "row": row})
        except OSError as error:
            names = " and ".join(map(str, files))
            raise ImageError(f"{names} cannot be written: {error.strerror or error}.") from error


def _key(made_from: Mapping[str, Any]) -> str:
    return json.dumps(made_from, sort_keys=True)

"""What a folder of results already holds: a line for each finished picture, so that a stopped run can go on.

A line says what a picture was made from, with which settings, and which files came of it, by size and time. It is
written before these files get their names, and believed only of the very files it speaks of: whenever a run is
killed, a picture that is there and has its line is finished, and any other is made again.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import ImageError
from enhancer.imaging.provenance import Record, write_recorded

NAME = ".splat-enhancer-{}.jsonl"  # one for each process: on a network drive two cannot append to one file
STALE = 3600  # seconds after which a half-written file is nobody's any more

Row = dict[str, Any]
Picture = tuple[np.ndarray, Record | None]  # an `image`, and how it was made


def stamp(path: Path) -> list[Any]:
    """Return what tells a file from another version of it: name, bytes, and when it was written."""
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]


class Journal:
    """The lines of a folder of results; safe to use from several threads."""

    def __init__(self, folder: Path, place: int = 0) -> None:
        """Read the lines of all processes; new ones will be those of process `place`."""
        self._folder, self._path = folder, folder / NAME.format(place)
        self._lines: defaultdict[str, list[Row]] = defaultdict(list)
        self._lock = threading.Lock()
        for path in sorted(folder.glob(NAME.format("*"))):
            for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
                line = _parsed(text)
                if line is not None:
                    self._lines[line["from"]].append(line)

    def find(self, made_from: Mapping[str, Any]) -> Row | None:
        """Return the report's row of a picture that is finished, None for any other."""
        for line in reversed(self._lines.get(_key(made_from), [])):
            try:
                if all(stamp(self._folder / output[0]) == output for output in line["outputs"]):
                    return line["row"]
            except OSError:
                continue
        return None

    def knows(self) -> bool:
        """Say whether there is any line."""
        return bool(self._lines)

    def finish(self, made_from: Mapping[str, Any], pictures: Mapping[Path, Picture], row: Row) -> None:
        """Write the pictures that belong together, their records inside, and their line; the last one appears last.

        Raises:
            ImageError: A file cannot be written.
        """
        hidden = {path: path.with_name(f".{path.name}.unfinished") for path in pictures}
        try:
            for path, (image, record) in pictures.items():
                write_recorded(image, hidden[path], record)
            outputs = [[path.name, *stamp(hidden[path])[1:]] for path in pictures]
            line = json.dumps({"from": _key(made_from), "outputs": outputs, "row": row}, allow_nan=False)
            with self._lock, self._path.open("ab") as file:
                file.write(f"\n{line}".encode())  # newline first: what was cut off stays a line of its own
            for path in pictures:
                hidden[path].replace(path)
        except OSError as error:
            names = " and ".join(map(str, pictures))
            raise ImageError(f"{names} cannot be written: {error.strerror or error}.") from error
        finally:
            for path in pictures:
                hidden[path].unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed runs left half-written."""
    for path in folder.glob(".*.unfinished"):
        try:
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()
        except OSError:  # another process was faster, or it is not ours to remove
            continue


def _key(made_from: Mapping[str, Any]) -> str:
    return json.dumps(made_from, sort_keys=True)


def _parsed(text: str) -> Row | None:
    """Return a line, None for one that was cut off or is not ours."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and line.keys() == {"from", "outputs", "row"} else None

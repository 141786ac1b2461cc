"""An evaluation's folder: its settings, its rows as they come, and the pictures its sheets show.

settings.json          what makes two evaluations differ; a run with others is refused
rows.jsonl             a line a picture, on disk as soon as it is judged (rows-1.jsonl, ... of further processes)
pictures/              what the sheets, the report and a comparison show
metrics.json, images.csv, table.md, report.html, sheet_*.png   the results
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.imaging.io import read_image, split_alpha, write_png
from enhancer.imaging.names import LONGEST, fitting
from enhancer.runtime.files import atomic_write, remove, write_text
from enhancer.runtime.resumable import Journal, Row, claim

SETTINGS, ROWS, METRICS, TABLE, MARKDOWN = (
    "settings.json",
    "rows.jsonl",
    "metrics.json",
    "images.csv",
    "table.md",
)
SHOWN = ("degraded", "restored", "clean")  # kept for the sheets


def fingerprint_of_files(paths: Iterable[Path], *, contents: bool) -> str:
    """Return a short hash of files' names with their contents, or only their sizes."""
    digest = blake2b(digest_size=8)
    for path in sorted(paths):
        what = path.read_bytes() if contents else str(path.stat().st_size).encode()
        digest.update(os.fsencode(path.name) + b"\0" + what + b"\0")
    return digest.hexdigest()


def fingerprint_of_names(names: Iterable[str]) -> str:
    """Return a short hash of names, whatever their order."""
    return blake2b("\0".join(sorted(names)).encode(), digest_size=8).hexdigest()


class ResultsFolder:
    """The folder of one evaluation, as one of its processes sees it."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], process: int = 0) -> None:
        """Name the folder; `open` makes it."""
        self.folder, self.settings = folder, dict(settings)
        self.pictures = folder / "pictures"
        self._journal = Journal(folder, f"rows-{process}.jsonl" if process else ROWS, "rows*.jsonl", key="file")

    def open(self, *, overwrite: bool = False) -> dict[str, Row]:
        """Open or make the folder; returns the rows of earlier runs by picture. For the main process.

        Raises:
            SettingsError: The folder holds another evaluation (the message names what differs), or something else.
        """
        try:
            if overwrite and (self.folder / SETTINGS).is_file():  # else it is not ours
                made = [self.folder / name for name in (METRICS, TABLE, MARKDOWN, "report.html")]
                pictures = [*self.pictures.glob("*.*"), *self.folder.glob("sheet_*.png")]
                for old in (*self._journal.paths(), *pictures, *made):
                    old.unlink(missing_ok=True)
            claim(
                self.folder,
                SETTINGS,
                self.settings,
                holds="evaluation",
                free=self.settings if overwrite else (),
                otherwise="throw the old one away with --overwrite",
            )
            self.pictures.mkdir(exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{self.folder} cannot be written: {error.strerror or error}.") from error
        return {row["file"]: row for row in self._journal.rows()}

    def unite(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put the rows of all processes into one file, in their order. For the main process."""
        write_text(self.folder / ROWS, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
        for path in self._journal.paths():
            if path.name != ROWS:
                remove(path)

    def append(self, row: Row) -> None:
        """Put one row on disk."""
        self._journal.append(row)

    def _path(self, name: str, kind: str) -> Path:
        ending = f"-{blake2b(name.encode(), digest_size=4).hexdigest()}.{kind}.png"
        return self.pictures / f"{fitting(Path(name).stem, LONGEST - len(ending))}{ending}"

    def keep(self, name: str, pictures: Mapping[str, np.ndarray]) -> None:
        """Keep what a sheet would show of a picture.

        Raises:
            SettingsError: It cannot be written. Not an `ImageError`: no other picture could be either.
        """
        for kind in SHOWN:
            try:
                write_png(pictures[kind], self._path(name, kind))
            except ImageError as error:
                raise SettingsError(
                    f"{error} What was done before is kept; once that is mended, the same command goes on from there."
                ) from error

    def prune(self, names: Iterable[str], wanted: Iterable[str]) -> None:
        """Delete the kept pictures of those of `names` that are not `wanted`."""
        for name in {*names} - {*wanted}:
            for kind in SHOWN:
                remove(self._path(name, kind))

    def kept(self, name: str) -> dict[str, np.ndarray] | None:
        """Return what was kept of a picture: kind -> (H, W, 3); None if it was not, or not whole."""
        paths = {kind: self._path(name, kind) for kind in SHOWN}
        try:
            return {kind: split_alpha(read_image(path))[0] for kind, path in paths.items()}
        except EnhancerError:
            return None

    def has(self, name: str) -> bool:
        """Say whether a picture was kept."""
        return all(self._path(name, kind).is_file() for kind in SHOWN)

    def keep_features(self, name: str, features: Mapping[str, np.ndarray]) -> None:
        """Keep one picture's Inception features, a vector a version."""
        path = self._path(name, "features").with_suffix(".npz")
        try:
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **features)
        except OSError as error:
            raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error

    def features(self, names: Iterable[str]) -> dict[str, np.ndarray] | None:
        """Return version -> (pictures, features) of what was kept; None if a picture lacks them."""
        paths = [self._path(name, "features").with_suffix(".npz") for name in names]
        if not all(path.exists() for path in paths):
            return None
        each = [np.load(path) for path in paths]
        return {kind: np.stack([one[kind] for one in each]) for kind in SHOWN}

    def write_results(self, metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], table: str) -> None:
        """Write `metrics.json`, `table.md` and `images.csv`, one line a picture, without columns that nothing has."""
        write_text(self.folder / METRICS, json.dumps(metrics, indent=2, allow_nan=False) + "\n")
        write_text(self.folder / MARKDOWN, table)
        columns = [key for key in rows[0] if any(row.get(key) is not None for row in rows)]
        lines = io.StringIO()
        writer = csv.DictWriter(lines, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.folder / TABLE, lines.getvalue())

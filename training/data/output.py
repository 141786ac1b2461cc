"""The folder a data set is prepared into: its settings, what is done already, and the `metadata.jsonl` of each split."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import EnhancerError, ImageError
from enhancer.imaging.io import write_png
from enhancer.runtime.files import write_text
from enhancer.runtime.resumable import Journal, Row, claim
from training.data.folders import METADATA, SPLITS, Sample

SETTINGS, JOURNAL = "prepare.json", "done.jsonl"
# `file_name` leads: `datasets` (5.2) gives it to the first picture column of a row, whichever that is.
# The Hub takes at most this many files in a folder; of a larger data set a picture lies in one of so many subfolders.
LARGEST_FOLDER, SUBFOLDERS = 10_000, 100
FILE_COLUMNS = {"file_name": "images", "degraded_file_name": "degraded", "mask_file_name": "masks"}


class Output:
    """An output folder. A picture counts as done once its files are there whole and its row is in the journal.

    A row is what `metadata.jsonl` says of a picture; file names in it are relative to its split's folder.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], pictures: int = 0) -> None:
        """Open or create the folder.

        Args:
            folder: Where it is.
            settings: What its pictures are prepared with.
            pictures: How many there will be.

        Raises:
            SettingsError: It holds pictures prepared with other settings, which are named, or is not ours at all.
        """
        self.folder, self._is_large = folder, pictures > LARGEST_FOLDER
        claim(folder, SETTINGS, settings, holds="prepared data set")
        self._journal = Journal(folder, JOURNAL, JOURNAL, key="name")
        self.done = {row["name"]: row for row in self._journal.rows() if self._is_whole(row)}

    def write_pictures(self, split: str, name: str, pictures: Mapping[str, np.ndarray]) -> Row:
        """Write pictures, by the column of `metadata.jsonl` they go under, and return those columns."""
        # by its name: a picture keeps its place when others are added
        subfolder = f"{zlib.crc32(name.encode()) % SUBFOLDERS:03d}/" if self._is_large else ""
        columns: Row = {}
        for column, picture in pictures.items():
            columns[column] = f"{FILE_COLUMNS[column]}/{subfolder}{name}.png"
            self.write_picture(self.folder / split / columns[column], picture)
        return columns

    def record(self, row: Row) -> None:
        """Note that a picture is done. Threads may call at once.

        Raises:
            SettingsError: The journal cannot be written.
        """
        self._journal.append(row)
        self.done[row["name"]] = row

    def finish(self) -> dict[str, int]:
        """Write the `metadata.jsonl` of each split, and return how many pictures each has."""
        counts = {}
        for split in SPLITS:
            rows = sorted((row for row in self.done.values() if row["split"] == split), key=lambda row: row["name"])
            if rows or split != "validation":
                counts[split] = len(rows)
            if rows:
                text = "".join(json.dumps(row) + "\n" for row in rows)
                write_text(self.folder / split / METADATA, text)
        return counts

    def samples(self) -> list[Sample]:
        """Return what is done as an evaluation takes it, in the order of its names."""
        rows = sorted(self.done.values(), key=lambda row: row["name"])
        image, degraded, labels = FILE_COLUMNS
        found = []
        for row in rows:
            inside = self.folder / row["split"]
            partner, known = (inside / row[key] if key in row else None for key in (degraded, labels))
            found.append(Sample(row["name"], inside / row[image], partner, known))
        return found

    def write_picture(self, path: Path, picture: np.ndarray) -> None:
        """Write a PNG atomically.

        Raises:
            EnhancerError: It cannot be written. Not an `ImageError`: no other picture could be either.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(picture, path)
        except (OSError, ImageError) as error:
            raise EnhancerError(f"{error} What is done is kept: the same command goes on from there.") from error

    def _is_whole(self, row: Row) -> bool:
        """Say whether a row's pictures are all there."""
        columns = [row[column] for column in FILE_COLUMNS if column in row]
        return all((self.folder / row["split"] / column).is_file() for column in columns)

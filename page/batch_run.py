"""What restoring several pictures has done so far, and the ZIP of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enhancer.imaging.provenance import Record
from enhancer.results import Result
from page.archive import scores_csv, settings_json, zipped
from page.outputs import Pair, saved
from page.thumbnails import thumbnail

SIDE = 96  # of a thumbnail, pixels


@dataclass(frozen=True)
class Files:
    """The files of a picture that was restored.

    Attributes:
        pair: Input and restored.
        stem: What the restored one is called in the ZIP, without suffix.
        record: How it was made.
        thumbnails: Input and restored, WebP.
    """

    pair: Pair
    stem: str
    record: Record
    thumbnails: tuple[bytes, bytes]

    @classmethod
    def of(cls, result: Result, stem: str) -> "Files":
        """Write them."""
        before = saved(result.degraded, f"{stem}_before", result.record.of_degraded)
        flat = result.comparison.flat
        small = thumbnail(flat.before, SIDE), thumbnail(flat.after, SIDE)
        return cls(Pair(before, saved(result.restored, stem, result.record)), stem, result.record, small)


@dataclass(frozen=True)
class Done:
    """What became of a picture.

    Attributes:
        row: As of `enhancer.results.result_row` or `failed_row`, with its "name" and that of its "reference", if it has one.
        files: None where it could not be restored.
    """

    row: Mapping[str, Any]
    files: Files | None


class Run:
    """A run over several pictures; they lie on the disk."""

    def __init__(self, unmatched: Sequence[str] = ()) -> None:
        """Nothing is done yet.

        Args:
            unmatched: Names of clean pictures that go with none of those to restore.
        """
        self.unmatched = tuple(unmatched)
        self.done: list[Done] = []
        self.is_stopped = False

    def pair(self, row: object) -> tuple[str, Pair] | None:
        """Return name and pictures of a row of the table; None where it has none."""
        if not isinstance(row, int) or not 0 <= row < len(self.done):
            return None
        done = self.done[row]
        return (done.row["name"], done.files.pair) if done.files else None

    def packed(self) -> bytes:
        """Return a ZIP of it: pictures, scores and settings."""
        made = [done.files for done in self.done if done.files]
        pictures = {f"{files.stem}.png": Path(files.pair.after).read_bytes() for files in made}
        tables = {"scores.csv": scores_csv([done.row for done in self.done])}
        tables["settings.json"] = settings_json({f"{files.stem}.png": files.record for files in made})
        return zipped(pictures | {name: text.encode() for name, text in tables.items()})


class Latest:
    """A visitor's latest run. It lies in a `gr.State`, one for each visitor."""

    def __init__(self) -> None:
        """None was begun."""
        self.run: Run | None = None

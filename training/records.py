"""An evaluation's folder: its settings, its rows as they come, and the pictures its sheets show."""

import csv
import io
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import SettingsError
from enhancer.images import read_image, split_alpha, write_png
from training.data import Face

SETTINGS, ROWS, METRICS, TABLE = "settings.json", "rows.jsonl", "metrics.json", "images.csv"
SHOWN = ("degraded", "restored", "clean")  # kept for the sheets


def fingerprint_of_files(paths: Iterable[Path], *, contents: bool) -> str:
    """Return a short hash of files' names with their contents, or only their sizes."""
    digest = blake2b(digest_size=8)
    for path in sorted(paths):
        what = path.read_bytes() if contents else str(path.stat().st_size).encode()
        digest.update(path.name.encode() + b"\0" + what + b"\0")
    return digest.hexdigest()


def names_of(faces: Sequence[Face]) -> list[str]:
    """Return what to call each picture: its file name, or its path where two share a name."""
    names = [face.image.name for face in faces]
    return names if len(set(names)) == len(names) else [face.image.as_posix() for face in faces]


def write_text(path: Path, text: str) -> None:
    """Write a file; at no moment does `path` hold half of it.

    Raises:
        SettingsError: It cannot be written.
    """
    unfinished = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


class Records:
    """The folder of one evaluation."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Open or make the folder; rows of other settings in it are refused.

        Raises:
            SettingsError: The folder holds another evaluation; the message names what differs.
        """
        self.folder, self.settings = folder, dict(settings)
        self.pictures = folder / "pictures"
        if folder.exists() and not folder.is_dir():
            raise SettingsError(f"--output_dir {folder} is a file. Name a folder.")
        try:
            self.pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{folder} cannot be made: {error.strerror or error}.") from error
        path = folder / SETTINGS
        if overwrite:
            for old in (path, folder / ROWS, folder / METRICS, *self.pictures.glob("*.*")):
                old.unlink(missing_ok=True)
        if path.exists():
            old = json.loads(path.read_text(encoding="utf-8"))
            changed = [key for key in sorted({*old, *settings}) if old.get(key) != settings.get(key)]
            if changed:
                differences = ", ".join(
                    f"{k} was {old.get(k)!r} and is now {settings.get(k)!r}" for k in changed
                )
                raise SettingsError(
                    f"{folder} holds another evaluation: {differences}. "
                    "Choose another --output_dir, or throw the old one away with --overwrite."
                )
        else:
            write_text(path, json.dumps(self.settings, indent=2) + "\n")

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the rows made so far by picture; a line that a kill cut short is dropped."""
        path = self.folder / ROWS
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole, _, cut = text.rpartition("\n")
        if cut:
            write_text(path, whole + "\n" if whole else "")
        try:
            return {row["file"]: row for row in map(json.loads, whole.splitlines())}
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path} is damaged ({error}). Start over with --overwrite.") from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Put one row on disk."""
        path = self.folder / ROWS
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be written: {error.strerror or error}. The rows before this one are kept."
            ) from error

    def _path(self, name: str, kind: str) -> Path:
        return (
            self.pictures
            / f"{Path(name).stem}-{blake2b(name.encode(), digest_size=4).hexdigest()}.{kind}.png"
        )

    def keep(self, name: str, pictures: Mapping[str, np.ndarray]) -> None:
        """Keep what a sheet would show of a picture."""
        for kind in SHOWN:
            write_png(pictures[kind], self._path(name, kind))

    def prune(self, wanted: Iterable[str]) -> None:
        """Delete the kept pictures of all others."""
        keep = {self._path(name, kind) for name in wanted for kind in SHOWN}
        for path in self.pictures.glob("*.png"):
            if path not in keep:
                path.unlink(missing_ok=True)

    def kept(self, name: str) -> dict[str, np.ndarray] | None:
        """Return what was kept of a picture: kind -> (H, W, 3); None if it was not."""
        paths = {kind: self._path(name, kind) for kind in SHOWN}
        if not all(path.exists() for path in paths.values()):
            return None
        return {kind: split_alpha(read_image(path))[0] for kind, path in paths.items()}

    def keep_features(self, name: str, features: Mapping[str, np.ndarray]) -> None:
        """Keep one picture's Inception features, a vector a version."""
        path = self._path(name, "features").with_suffix(".npz")
        try:
            np.savez(path, allow_pickle=False, **features)
        except OSError as error:
            raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error

    def features(self, names: Iterable[str]) -> dict[str, np.ndarray] | None:
        """Return version -> (pictures, features) of what was kept; None if a picture lacks them."""
        paths = [self._path(name, "features").with_suffix(".npz") for name in names]
        if not all(path.exists() for path in paths):
            return None
        each = [np.load(path) for path in paths]
        return {kind: np.stack([one[kind] for one in each]) for kind in SHOWN}

    def write_results(self, metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `metrics.json`, and `images.csv` with one line a picture; columns that nothing has are left out."""
        write_text(self.folder / METRICS, json.dumps(metrics, indent=2, allow_nan=False) + "\n")
        columns = [key for key in rows[0] if any(row.get(key) is not None for row in rows)]
        lines = io.StringIO()
        writer = csv.DictWriter(lines, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.folder / TABLE, lines.getvalue())

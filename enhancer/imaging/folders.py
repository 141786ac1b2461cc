"""Pictures in folders: which files are pictures, how they are matched by name, and what was left out. No torch."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from enhancer.imaging.io import IMAGE_SUFFIXES

LONGEST_NAME = 255  # bytes of a file name, on every common file system


def is_picture(path: Path) -> bool:
    """Say whether a path is a file that may be a picture, by its suffix; hidden files are not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def composed(name: str) -> str:
    """Return a name as it is compared: some systems store ``ü`` as one character, others as two (NFC and NFD)."""
    return unicodedata.normalize("NFC", name)


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the pictures in a folder by their composed stems; of two with one stem, the first by name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if is_picture(path):
            found.setdefault(composed(path.stem), path)
    return found


def same_name(path: Path) -> Path:
    """Return the file of this name, however its characters are stored; the path itself where there is none."""
    if path.is_file() or not path.parent.is_dir():
        return path
    alike = (each for each in path.parent.iterdir() if composed(each.name) == composed(path.name))
    return next(alike, path)


def left_out(paths: Iterable[Path]) -> str:
    """Count files by suffix, as "3 left out: 2 .heic, 1 .exr"; an empty text for none."""
    counts = Counter(path.suffix.lower() or "without a suffix" for path in paths)
    listed = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())
    return f"{counts.total()} left out: {listed}" if counts else ""

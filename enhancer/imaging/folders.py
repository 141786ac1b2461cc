"""Which files of a folder are pictures, what else lies there, and which file goes by a name."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from enhancer.imaging.io import IMAGE_SUFFIXES
from enhancer.imaging.names import normalised

LABELS_SUFFIX = "_labels"  # of a label map that lies beside its picture, as in examples/heads


def is_picture(path: Path) -> bool:
    """Say whether a file is a picture by its suffix."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def pictures_in(folder: Path) -> tuple[list[Path], Counter[str]]:
    """Return the pictures of a folder, not of its subfolders, sorted; and how many other files it has, by suffix.

    Hidden files do not count.

    Raises:
        OSError: It is no folder, or cannot be read.
    """
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(".") and file.is_file())
    others = Counter(file.suffix.lower() for file in files if not is_picture(file))
    return [file for file in files if is_picture(file)], others


def left_out(others: Mapping[str, int]) -> str:
    """Return how many files are not worked on, such as "3 left out: 2 .heic, 1 .exr."; nothing if there are none."""
    if not others:
        return ""
    counts = sorted(others.items(), key=lambda item: (-item[1], not item[0], item[0]))
    said = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in counts)
    return f"{sum(others.values())} left out: {said}."


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by their normalised names without suffix; of two with one name, the first.

    Raises:
        OSError: It is no folder, or cannot be read.
    """
    return those_by_stem(pictures_in(folder)[0])


def those_by_stem(pictures: Iterable[Path]) -> dict[str, Path]:
    """Return pictures by their normalised names without suffix; of two with one name, the first."""
    found: dict[str, Path] = {}
    for picture in pictures:
        found.setdefault(normalised(picture.stem), picture)
    return found


def partner_of(stem: str, pictures: Mapping[str, Path], what: str) -> Path | None:
    """Return the picture that goes with another one, None where there is none.

    It is called NAME_what.*, or else NAME.*, where NAME is the other's name, in either Unicode form; case counts.

    Args:
        stem: The other's name without suffix.
        pictures: As of `by_stem`.
        what: Such as ``"reference"`` or ``"labels"``.
    """
    name = normalised(stem)
    return pictures.get(f"{name}_{what}") or pictures.get(name)


def finder(folder: Path) -> Callable[[str], Path]:
    """Return what finds a file in and below a folder by its relative path, in whichever Unicode form that is on the disk.

    A path that is not there comes back as it was written.
    """

    @cache
    def names(inside: Path) -> dict[str, Path]:
        return {normalised(path.name): path for path in inside.iterdir()} if inside.is_dir() else {}

    def find(relative: str) -> Path:
        if (folder / relative).exists():
            return folder / relative
        found = folder
        for part in Path(relative).parts:
            found = names(found).get(normalised(part), found / part)
        return found

    return find

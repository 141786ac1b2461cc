"""What training and evaluation are given: folders of ready pairs, or of photographs with label maps. No torch.

`training.prepare` writes both kinds. A folder of ready pairs is a Hugging Face imagefolder: its `metadata.jsonl` names a
degraded picture, and perhaps a label map, for each clean one; in others' folders the columns may have other names. Photographs lie
in `images/`, their label maps in `masks/`, both perhaps in subfolders.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from enhancer.errors import ImageError
from enhancer.imaging.folders import finder, left_out, pictures_in
from enhancer.imaging.names import encodable
from training.columns import NO_COLUMN, OURS, Columns

METADATA = "metadata.jsonl"
SPLITS = ("train", "validation", "test")
DEGRADED, DEGRADED_KEY = "degraded", "degraded_file_name"  # as `training.prepare` writes it
FILE_NAME = "file_name"  # what `datasets` wants columns of files to end in; by itself it is the column "image"
NAMED = 5  # missing files that a message names

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """Where the files of a picture are."""

    name: str  # its file name, or its path where two samples share that
    image: Path
    degraded: Path | None = None  # None: it is degraded when it is used
    labels: Path | None = None  # every sample that is to be degraded has a label map
    view: str = ""  # of a rendered pair: "test", "val", "train", "unknown", whether its splats were fitted to it

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file it is made of."""
        return tuple(path for path in (self.image, self.degraded, self.labels) if path is not None)


def find_samples(folders: str, columns: Columns = OURS, *, needed: bool = True) -> list[Sample]:
    """Return what comma-separated folders hold, in order.

    Args:
        folders: Their names.
        columns: What pictures are called in each `metadata.jsonl`.
        needed: A column of degraded pictures that is asked for has to be in one of the folders.

    Raises:
        ImageError: A folder holds no pictures, a line of `metadata.jsonl` cannot be read, a column that was asked for is in no
            folder, or a file is missing; the message names it.
    """
    samples: list[Sample] = []
    for name in folders.split(","):
        if name.strip():
            folder = Path(name.strip())
            samples += find_pairs_of(folder, columns) or _photographs(folder)
    asked = needed and columns.conditioning not in ("", NO_COLUMN)
    if asked and all(sample.degraded is None for sample in samples):
        raise ImageError(
            f"{folders} has no {METADATA} with a column of pictures {columns.conditioning!r}. Check --conditioning_image_column."
        )
    names = [sample.name for sample in samples]
    if len(set(names)) < len(names):
        return [replace(sample, name=encodable(sample.image.as_posix())) for sample in samples]
    return samples


def find_pairs_of(folder: Path, columns: Columns = OURS) -> list[Sample]:
    """Return the ready pairs of one folder, in the order of its `metadata.jsonl`; none if that names none.

    Raises:
        ImageError: As of `find_samples`.
    """
    path = folder / METADATA
    if not path.is_file() or columns.conditioning == NO_COLUMN:
        return []
    rows = [_row(path, *each) for each in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)]
    keys = dict.fromkeys(key for row in rows for key in row)
    image, degraded = _key(keys, columns.image), _key(keys, columns.conditioning or DEGRADED)
    if DEGRADED_KEY in keys and degraded is None:
        image, degraded = FILE_NAME, DEGRADED_KEY  # a folder of ours beside one of theirs
    _require_columns(path, keys, columns, image, degraded)
    if degraded is None:
        return []
    find, pairs = finder(folder), []
    for number, row in enumerate(rows, start=1):
        if row.get(degraded) is None:
            _log.warning("%s, line %d, has no %s: it is left out.", path, number, degraded)
            continue
        if row.get(image or FILE_NAME) is None:
            raise ImageError(f"{path}, line {number}, is no row with a {image or FILE_NAME}. Write the file again.")
        name, partner, named = row[image or FILE_NAME], row[degraded], row.get("mask_file_name")
        beside = find(f"masks/{Path(name).stem}.png")
        labels = find(named) if named else beside if beside.is_file() else None
        pairs.append(Sample(encodable(Path(name).name), find(name), find(partner), labels, str(row.get("view") or "")))
    _require([file for pair in pairs for file in pair.files], f"{path} names files that do not exist")
    _tell_of_unnamed(path, pairs)
    return pairs


def _tell_of_unnamed(path: Path, pairs: Sequence[Sample]) -> None:
    """Count and name the pictures that lie beside those of pairs and belong to none."""
    named = {file for pair in pairs for file in pair.files}
    folders = dict.fromkeys(file.parent for pair in pairs for file in pair.files if file != pair.labels)
    others = [picture for folder in folders for picture in pictures_in(folder)[0] if picture not in named]
    if others:
        shown = ", ".join(encodable(str(each.relative_to(path.parent))) for each in others[:NAMED])
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        _log.warning("%s names no row for %d pictures, which are left out: %s%s.", path, len(others), shown, more)


def _row(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ImageError(f"{path}, line {number}, is no row with a {FILE_NAME}. Write the file again.")
    return row


def _key(keys: Collection[str], column: str) -> str | None:
    """Return the key of a column in rows; None if it is not there."""
    known = [f"{column}_{FILE_NAME}", column, *([FILE_NAME] if column == Columns.image else [])]
    return next((key for key in known if key in keys), None)


def _require_columns(
    path: Path, keys: Collection[str], columns: Columns, image: str | None, degraded: str | None
) -> None:
    """Refuse columns that are not there, and ones of which nobody said what they are.

    Raises:
        ImageError: There are some.
    """
    there = [key.removesuffix(f"_{FILE_NAME}") for key in keys if key.endswith(f"_{FILE_NAME}")]
    others = [name for name in there if name not in (DEGRADED, "mask", columns.image)]
    shown = ", ".join([*(["image"] if FILE_NAME in keys else []), *there]) or "none"
    missing = [
        asked
        for asked, found, needed in (
            (columns.image, image, degraded is not None or columns.image != Columns.image),
            (columns.conditioning, degraded, bool(others)),
        )
        if asked and found is None and needed
    ]
    if missing:
        raise ImageError(
            f"{path} has no column of pictures {missing[0]!r}; it has {shown}. Check --image_column and "
            "--conditioning_image_column."
        )
    if degraded is None and others:
        raise ImageError(
            f"{path} has several columns of pictures: {shown}. Name the clean ones by --image_column and the degraded ones by "
            f"--conditioning_image_column, or give --conditioning_image_column {NO_COLUMN} to degrade afresh."
        )


def _photographs(folder: Path) -> list[Sample]:
    images, mask = folder / "images", finder(folder / "masks")
    subfolders = (path for path in images.glob("[!.]*") if path.is_dir())
    pictures: list[Path] = []
    others: Counter[str] = Counter()
    for inside in (images, *subfolders) if images.is_dir() else ():
        found, besides = pictures_in(inside)
        pictures += found
        others += besides
    if others:
        _log.warning("%s: %s", images, left_out(others))
    if not pictures:
        advice = "Put photographs there and label maps in masks/."
        if (folder / "train").is_dir():
            advice = f"Give one of its splits, such as {folder / 'train'}."
        raise ImageError(f"No pictures in {images}. {advice}")
    samples = [
        Sample(encodable(p.name), p, labels=mask(str(p.relative_to(images).with_suffix(".png"))))
        for p in sorted(pictures)
    ]
    _require([s.labels for s in samples if s.labels], f"Pictures in {images} have no label map")
    return samples


def _require(files: Sequence[Path], problem: str) -> None:
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise ImageError(f"{problem}: {', '.join(missing[:NAMED])}{more}.")

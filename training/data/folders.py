"""What training and evaluation are given: folders of ready pairs, or of photographs with label maps. No torch.

`training.prepare` writes both kinds. A folder of ready pairs is a Hugging Face imagefolder: its `metadata.jsonl` names a
degraded picture, and perhaps a label map, for each clean one. Photographs lie in `images/`, their label maps in `masks/`, both
perhaps in subfolders.
"""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enhancer.errors import ImageError
from enhancer.imaging.folders import finder, left_out, pictures_in
from enhancer.imaging.names import encodable

METADATA = "metadata.jsonl"
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


def find_samples(folders: str) -> list[Sample]:
    """Return what comma-separated folders hold, in order.

    Raises:
        ImageError: A folder holds no pictures, a line of `metadata.jsonl` cannot be read, or a file is missing; the message
            names it.
    """
    samples: list[Sample] = []
    for name in folders.split(","):
        if name.strip():
            folder = Path(name.strip())
            samples += _pairs(folder) or _photographs(folder)
    names = [sample.name for sample in samples]
    if len(set(names)) < len(names):
        return [replace(sample, name=encodable(sample.image.as_posix())) for sample in samples]
    return samples


def _pairs(folder: Path) -> list[Sample]:
    """Return the ready pairs, in the order of `metadata.jsonl`; none if it names none."""
    path = folder / METADATA
    if not path.is_file():
        return []
    find, pairs = finder(folder), []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            image, degraded, named, view = (
                row["file_name"],
                row.get("degraded_file_name"),
                row.get("mask_file_name"),
                row.get("view"),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImageError(f"{path}, line {number}, is no row with a file_name. Write the file again.") from error
        if degraded is not None:
            beside = find(f"masks/{Path(image).stem}.png")
            labels = find(named) if named else beside if beside.is_file() else None
            pairs.append(Sample(encodable(Path(image).name), find(image), find(degraded), labels, str(view or "")))
    _require([file for pair in pairs for file in pair.files], f"{path} names files that do not exist")
    return pairs


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

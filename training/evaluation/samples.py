"""The pictures an evaluation is about: photographs to degrade, or ready pairs; label maps where there are any."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer.errors import ImageError, LabelError
from enhancer.imaging.io import WHITE, composite, read_image, read_labels, split_alpha
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from training.data.backgrounds import Colour, cut_out
from training.data.dataset import METADATA, Face, list_samples
from training.evaluation.metrics import FOREGROUND


@dataclass(frozen=True)
class Sample:
    """Where a picture's files are."""

    name: str  # its file name, or its path where two share a name
    image: Path
    degraded: Path | None  # None: it is degraded when it is judged
    labels: Path | None  # None: without scores by region

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file it is made of."""
        return tuple(path for path in (self.image, self.degraded, self.labels) if path is not None)


@dataclass(frozen=True)
class LoadedSample:
    """A picture as it is judged."""

    image: np.ndarray  # the clean picture that is degraded, perhaps with alpha
    clean: np.ndarray  # the same over white
    labels: np.ndarray | None
    masks: Mapping[str, np.ndarray]  # the regions, and FOREGROUND where there is alpha
    degraded: np.ndarray | None = None  # the one that was given, over white; None: degrade it


def find_samples(folders: str) -> list[Sample]:
    """Return what comma-separated folders hold, in order: ready pairs, photographs with label maps, or both.

    Raises:
        ImageError: A folder holds nothing to judge by, or something in it is missing; the message names it.
    """
    parts = [name.strip() for name in folders.split(",") if name.strip()]
    found = [(Path(part), sample) for part in parts for sample in list_samples(part)]
    maps = {path: _named_maps(path) for path in {folder for folder, _ in found}}
    names = [sample.image.name for _, sample in found]
    if len(set(names)) < len(names):
        names = [sample.image.as_posix() for _, sample in found]
    out = []
    for name, (folder, sample) in zip(names, found, strict=True):
        if isinstance(sample, Face):
            out.append(Sample(name, sample.image, None, sample.labels))
        else:
            beside = folder / "masks" / f"{sample.image.stem}.png"
            labels = maps[folder].get(sample.image) or (beside if beside.is_file() else None)
            out.append(Sample(name, sample.image, sample.degraded, labels))
    return out


def _named_maps(folder: Path) -> dict[Path, Path]:
    """Return picture -> label map, as a folder's `metadata.jsonl` has it."""
    path = folder / METADATA
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines]
    maps = {
        folder / row["file_name"]: folder / row["mask_file_name"] for row in rows if row.get("mask_file_name")
    }
    missing = [str(labels) for labels in maps.values() if not labels.is_file()]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ImageError(f"{path} names label maps that do not exist: {', '.join(missing[:5])}{more}.")
    return maps


def load_sample(sample: Sample, background: Colour | None = None) -> LoadedSample:
    """Read a picture, its label map and its degraded version, as far as they exist.

    Args:
        sample: Where they are.
        background: Cut the person out and put this colour behind, before anything is degraded. None: the picture as it
            is.

    Raises:
        EnhancerError: One of them cannot be read, they are not of one size, or the person of a ready pair cannot be
            cut out for want of alpha; the message names the file.
    """
    image = read_image(sample.image)
    size = f"{image.shape[1]}x{image.shape[0]}"
    labels, masks, degraded = None, {}, None
    if sample.labels is not None:
        labels = read_labels(sample.labels)
        if image.shape[:2] != labels.shape:
            raise LabelError(
                f"{sample.labels} is {labels.shape[1]}x{labels.shape[0]} pixels, its picture {sample.image.name} "
                f"{size}. Make the label map anew at the picture's size."
            )
        masks = dict(soft_masks(region_map(labels)))
        if background is not None and sample.degraded is None:
            image = cut_out(image, labels)
    if sample.degraded is not None:
        degraded = read_image(sample.degraded)
        if degraded.shape[:2] != image.shape[:2]:
            raise ImageError(
                f"{sample.degraded} is {degraded.shape[1]}x{degraded.shape[0]} pixels, its clean picture "
                f"{sample.image.name} {size}. Give both at one size."
            )
        if background is not None and not image.shape[-1] == degraded.shape[-1] == 4:
            raise ImageError(
                f"{sample.image} and {sample.degraded} do not both have alpha: their background cannot be changed. "
                "Leave --background out, or give RGBA pairs."
            )
        degraded = composite(degraded, background or WHITE)
    _, alpha = split_alpha(image)
    if alpha is not None:
        masks[FOREGROUND] = alpha
    if background is not None:
        image = composite(image, background)
    return LoadedSample(image, composite(image, WHITE), labels, masks, degraded)

"""Photographs or ready pairs -> (clean, degraded) crops, drawn fresh for every epoch, the same after a resume."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from enhancer.degrade import degrade, face_render
from enhancer.errors import EnhancerError, ImageError
from enhancer.images import IMAGE_SUFFIXES, WHITE, composite, read_image, read_labels
from enhancer.masks import soft_masks
from enhancer.regions import region_map
from enhancer.seeding import rng_for
from enhancer.tensors import to_model_range
from training.augment import augment
from training.backgrounds import Colour, cut_out, draw_colour
from training.config import TrainConfig

METADATA = "metadata.jsonl"
PLAIN = {"white": 0.6, "colour": 0.4}  # colours of plain backgrounds
SPARES = 10  # pictures tried in place of one that cannot be used

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Face:
    """A photograph and its label map."""

    image: Path
    labels: Path


@dataclass(frozen=True)
class ReadyPair:
    """A clean picture and the degraded one somebody made of it."""

    image: Path
    degraded: Path


def list_samples(folders: str) -> list[Face | ReadyPair]:
    """Return what comma-separated folders hold to train on.

    A folder whose `metadata.jsonl` names degraded pictures holds ready pairs; any other, photographs with label maps.

    Raises:
        ImageError: A folder holds nothing to train on, or something in it is missing.
    """
    samples: list[Face | ReadyPair] = []
    for name in folders.split(","):
        pairs = list_pairs(Path(name.strip()))
        samples += pairs or list_faces(name)
    return samples


def list_pairs(folder: Path) -> list[ReadyPair]:
    """Return the ready pairs of a Hugging Face imagefolder, in the order of its `metadata.jsonl`; none if it has none.

    Raises:
        ImageError: A line cannot be read, or pictures it names do not exist.
    """
    path = folder / METADATA
    if not path.is_file():
        return []
    pairs, missing = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            names = row["file_name"], row.get("degraded_file_name")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImageError(
                f"{path}, line {number}, is no row with a file_name. Write the file again."
            ) from error
        if names[1] is None:
            continue
        pair = ReadyPair(folder / names[0], folder / names[1])
        missing += [str(file) for file in (pair.image, pair.degraded) if not file.is_file()]
        pairs.append(pair)
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ImageError(f"{path} names pictures that do not exist: {', '.join(missing[:5])}{more}.")
    return pairs


def list_faces(folders: str) -> list[Face]:
    """Return the pictures under `images/` of each comma-separated folder, with their label map under `masks/`.

    Raises:
        ImageError: A folder holds no pictures, or a picture has no label map.
    """
    faces = []
    for folder in (Path(name.strip()) for name in folders.split(",")):
        pictures = sorted(p for p in (folder / "images").glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if not pictures:
            advice = "Put photographs there and label maps in masks/."
            if (folder / "train").is_dir():
                advice = f"Give one of its splits, such as {folder / 'train'}."
            raise ImageError(f"No pictures in {folder / 'images'}. {advice}")
        for picture in pictures:
            labels = folder / "masks" / f"{picture.stem}.png"
            if not labels.is_file():
                raise ImageError(f"{picture} has no label map: {labels} does not exist.")
            faces.append(Face(picture, labels))
    return faces


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Batches addressed by number: batch `k` is the same whenever it is asked for."""

    def __init__(self, faces: Sequence[Face | ReadyPair], config: TrainConfig) -> None:
        """Remember where the pictures are; they are read when asked for."""
        self.faces, self.config = faces[: config.max_train_samples or None], config
        self.unusable: set[int] = set()  # pictures that were named already

    def pair(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return picture `index` as (clean, degraded), (H, W, 3) float32 in [0, 1], as drawn for `epoch`."""
        sample, address = self.faces[index], (self.config.seed, "pair", epoch, index)
        if isinstance(sample, ReadyPair):
            clean, degraded, background = self._ready(sample, address)
        else:
            clean, degraded, background = self._degraded_now(sample, address)
        if self.config.augment:
            degraded = augment(degraded, (self.config.seed, "augment", epoch, index))
        return composite(clean, background), composite(degraded, background)

    def _degraded_now(
        self, face: Face, address: tuple[int | str, ...]
    ) -> tuple[np.ndarray, np.ndarray, Colour]:
        """Return a photograph, clean and freshly degraded, with alpha where it has some, and what to put behind it."""
        config, rng = self.config, rng_for(*address)
        image, labels = read_image(face.image), read_labels(face.labels)
        background = WHITE
        if rng.random() < config.plain_background_share:
            image, background = cut_out(image, labels), draw_colour(PLAIN, rng)
        severity = 1.0 if rng.random() < config.full_severity_share else float(rng.uniform(0, 1.2))
        recipe = face_render(config.preset, severity=severity)
        masks = soft_masks(region_map(labels))
        return image, degrade(image, masks, recipe, seed=address), background

    def _ready(
        self, pair: ReadyPair, address: tuple[int | str, ...]
    ) -> tuple[np.ndarray, np.ndarray, Colour]:
        """Return a ready pair as it is; where it has alpha, a share stands on a plain colour other than white."""
        clean, degraded = read_image(pair.image), read_image(pair.degraded)
        if clean.shape[:2] != degraded.shape[:2]:
            sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (clean, degraded))
            raise ImageError(f"{pair.image} and {pair.degraded} are {sizes} pixels. Give both at one size.")
        rng = rng_for(*address)
        plain = rng.random() < self.config.plain_background_share
        return clean, degraded, draw_colour(PLAIN, rng) if plain else WHITE

    def crops(self, epoch: int, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return random crops of picture `index`, or of the next one where that one cannot be used.

        Raises:
            EnhancerError: Nor can any of the next ones; the message names the first.
        """
        first = None
        for spare in range(min(SPARES, len(self.faces))):
            place = (index + spare) % len(self.faces)
            try:
                return self._crops(epoch, place)
            except EnhancerError as error:
                first = first or error
                if place not in self.unusable:
                    self.unusable.add(place)
                    _log.warning("%s Another picture takes its place.", error)
        assert first is not None
        raise first

    def _crops(self, epoch: int, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return random crops of a pair, mirrored half of the time."""
        clean, degraded = self.pair(epoch, index)
        rng = rng_for(self.config.seed, "crop", epoch, index)
        side = self.config.resolution
        if min(clean.shape[:2]) < side:
            size = f"{clean.shape[1]}x{clean.shape[0]}"
            raise ImageError(f"{self.faces[index].image} is {size} pixels, smaller than --resolution {side}.")
        out = []
        for _ in range(self.config.crops_per_image):
            y, x = (int(rng.integers(0, length - side + 1)) for length in clean.shape[:2])
            step = 1 if rng.random() < 0.5 else -1
            out.append(tuple(a[y : y + side, x : x + side][:, ::step] for a in (clean, degraded)))
        return out

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return batch `number` as (clean, degraded), each (B, 3, side, side) in [-1, 1]."""
        images = self.config.train_batch_size // self.config.crops_per_image
        crops = []
        for position in range(number * images, (number + 1) * images):
            epoch, place = divmod(position, len(self.faces))
            order = rng_for(self.config.seed, "order", epoch).permutation(len(self.faces))
            crops += self.crops(epoch, int(order[place]))
        clean, degraded = zip(*crops, strict=True)
        return to_model_range(np.stack(clean)), to_model_range(np.stack(degraded))

    def fingerprint(self) -> str:
        """Return a short hash of which pictures there are, so that a resume on other data is noticed."""
        return hashlib.sha256("\n".join(str(face.image.name) for face in self.faces).encode()).hexdigest()[
            :16
        ]

    def batches(
        self, first_step: int, *, process: int = 0, processes: int = 1
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one process's batches from an optimizer step on, `gradient_accumulation_steps` for each step.

        Neighbouring batches go to neighbouring processes: N processes see in a step what one process with N times the
        batch size sees.
        """
        stride = self.config.gradient_accumulation_steps * processes
        numbers = range(first_step * stride + process, self.config.max_train_steps * stride, processes)
        workers = self.config.dataloader_num_workers
        yield from DataLoader(
            self, batch_size=None, sampler=numbers, num_workers=workers, worker_init_fn=_one_thread
        )


def _one_thread(_worker: int) -> None:
    """Leave the other cores to the other workers, and to the model."""
    cv2.setNumThreads(1)

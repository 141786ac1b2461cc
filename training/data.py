"""Photographs with label maps -> (clean, degraded) crops, drawn fresh for every epoch, the same after a resume."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from enhancer.degrade import degrade, face_render
from enhancer.errors import ImageError
from enhancer.images import IMAGE_SUFFIXES, WHITE, composite, read_image, read_labels, split_alpha
from enhancer.masks import soft_masks
from enhancer.regions import region_map
from enhancer.seeding import rng_for
from enhancer.tensors import to_model_range
from training.config import TrainConfig

BACKGROUND = 0  # CelebAMask-HQ's id of what is not the person


@dataclass(frozen=True)
class Face:
    """A photograph and its label map."""

    image: Path
    labels: Path


def list_faces(folders: str) -> list[Face]:
    """Return the pictures under `images/` of each comma-separated folder, with their label map under `masks/`.

    Raises:
        ImageError: A folder holds no pictures, or a picture has no label map.
    """
    faces = []
    for folder in (Path(name.strip()) for name in folders.split(",")):
        pictures = sorted(p for p in (folder / "images").glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if not pictures:
            raise ImageError(
                f"No pictures in {folder / 'images'}. Put photographs there and label maps in masks/."
            )
        for picture in pictures:
            labels = folder / "masks" / f"{picture.stem}.png"
            if not labels.is_file():
                raise ImageError(f"{picture} has no label map: {labels} does not exist.")
            faces.append(Face(picture, labels))
    return faces


def on_plain_background(
    rgb: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, tuple]:
    """Cut the person out by the label map: an RGBA picture, and the plain colour to put behind it, most often white."""
    alpha = cv2.GaussianBlur((labels != BACKGROUND).astype(np.float32), (5, 5), 0)
    colour = WHITE if rng.random() < 0.6 else tuple(rng.uniform(0, 1, 3).tolist())
    return np.concatenate([rgb, alpha[..., None]], axis=-1), colour


class Pairs:
    """Batches addressed by step: batch `k` is the same whenever it is asked for."""

    def __init__(self, faces: list[Face], config: TrainConfig) -> None:
        """Remember where the pictures are; they are read when asked for."""
        self.faces, self.config = faces, config

    def pair(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return picture `index` as (clean, degraded), (H, W, 3) float32 in [0, 1], as drawn for `epoch`."""
        config, face = self.config, self.faces[index]
        address = (config.seed, "pair", epoch, index)
        rng = rng_for(*address)
        image, labels = read_image(face.image), read_labels(face.labels)
        rgb, _ = split_alpha(image)
        background = WHITE
        if rng.random() < config.plain_background_share:
            image, background = on_plain_background(rgb, labels, rng)
        severity = 1.0 if rng.random() < config.full_severity_share else float(rng.uniform(0, 1.2))
        recipe = face_render(config.preset, severity=severity)
        masks = soft_masks(region_map(labels))
        degraded = degrade(image, masks, recipe, seed=address, background=background)
        return composite(image, background), degraded

    def crops(self, epoch: int, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return random crops of a pair, mirrored half of the time."""
        clean, degraded = self.pair(epoch, index)
        rng = rng_for(self.config.seed, "crop", epoch, index)
        side = self.config.resolution
        out = []
        for _ in range(self.config.crops_per_image):
            y, x = (int(rng.integers(0, length - side + 1)) for length in clean.shape[:2])
            step = 1 if rng.random() < 0.5 else -1
            out.append(tuple(a[y : y + side, x : x + side][:, ::step] for a in (clean, degraded)))
        return out

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return batch `step` as (clean, degraded), each (B, 3, side, side) in [-1, 1]."""
        images = self.config.train_batch_size // self.config.crops_per_image
        crops = []
        for position in range(step * images, (step + 1) * images):
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

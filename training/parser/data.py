"""Faces with label maps for the parser: read once into memory, then warped, recoloured and degraded afresh each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from enhancer.errors import LabelError
from enhancer.imaging.io import read_image, read_labels, split_alpha, to_bytes
from enhancer.imaging.regions import CELEBAMASK_LABELS
from enhancer.seeding import rng_for
from training.data.folders import find_samples

MEAN = (0.485, 0.456, 0.406)  # ImageNet's, as Segformer's published processors use
STD = (0.229, 0.224, 0.225)
IGNORE = 255  # label of pixels outside the photograph: no loss there
KEPT_SIDE = 384  # px; pictures wait in memory at this side, a little above the largest network input
BACKGROUND = CELEBAMASK_LABELS.index("background")


def _mirrored(names: Sequence[str]) -> np.ndarray:
    """Return the label each label becomes in a mirrored picture: left and right change names."""
    other = {"l_": "r_", "r_": "l_"}
    partner = [other.get(name[:2], name[:2]) + name[2:] for name in names]
    return np.array([names.index(p) if p in names else k for k, p in enumerate(partner)] + [0] * (256 - len(names)))


MIRRORED = _mirrored(CELEBAMASK_LABELS).astype(np.uint8)


@dataclass(frozen=True)
class Faces:
    """Pictures and label maps held in memory."""

    pictures: np.ndarray  # (N, S, S, 3) uint8 sRGB
    labels: np.ndarray  # (N, S, S) uint8 ids in CelebAMask-HQ's order

    def __len__(self) -> int:
        return len(self.pictures)


def read_faces(folder: Path, side: int = KEPT_SIDE) -> Faces:
    """Read a folder of photographs with label maps into memory.

    Raises:
        ImageError: It holds none, one has no label map, or one cannot be read.
        LabelError: A label map cannot be read, or does not have its picture's size.
    """
    samples = find_samples(str(folder))
    paths = [(sample.image, sample.labels) for sample in samples if sample.labels is not None]
    pictures = np.empty((len(paths), side, side, 3), np.uint8)
    labels = np.empty((len(paths), side, side), np.uint8)
    for k, (path, map_path) in enumerate(tqdm(paths, desc=f"read {folder.name}", unit="face", leave=False)):
        picture, label = to_bytes(split_alpha(read_image(path))[0]), read_labels(map_path)
        if picture.shape[:2] != label.shape:
            raise LabelError(f"{map_path} and its picture {path} differ in size. Make the label map anew.")
        pictures[k] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        # NEAREST_EXACT: plain NEAREST samples pixel corners and shifts the map by a fraction of a pixel
        labels[k] = cv2.resize(label, (side, side), interpolation=cv2.INTER_NEAREST_EXACT)
    return Faces(pictures, labels)


def joined(*sets: Faces) -> Faces:
    """Return all sets as one."""
    return Faces(np.concatenate([s.pictures for s in sets]), np.concatenate([s.labels for s in sets]))


def normalised(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1] -> (3, H, W) float32 as the network takes it."""
    return ((picture - np.array(MEAN, np.float32)) / np.array(STD, np.float32)).transpose(2, 0, 1)


def batch(
    faces: Faces, order: np.ndarray, *, seed: int, step: int, size: int, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training batch of one step; the same arguments give the same bytes.

    Args:
        faces: Pictures and label maps.
        order: Indices into `faces` of one epoch; an index may come twice. Shuffled afresh each epoch.
        seed: Seed of all draws.
        step: Number of the step, from 0.
        size: Pictures in the batch.
        side: Network input, px, a multiple of 4.

    Returns:
        (size, 3, side, side) float32 normalised pictures; (size, side / 2, side / 2) uint8 label ids, 255 to ignore.
    """
    pairs = []
    for position in range(step * size, (step + 1) * size):
        epoch, within = divmod(position, len(order))
        index = rng_for(seed, "parser order", epoch).permutation(order)[within]
        rng = rng_for(seed, "parser sample", position)
        pairs.append(varied(faces.pictures[index], faces.labels[index], side, rng))
    return np.stack([normalised(p) for p, _ in pairs]), np.stack([label for _, label in pairs])


def varied(
    picture: np.ndarray, label: np.ndarray, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return one fresh variant: (side, side, 3) float32 in [0, 1] and its (side / 2, side / 2) label map."""
    if rng.random() < 0.06:
        return degraded(_nothing(side, rng), rng), np.full((side // 2, side // 2), BACKGROUND, np.uint8)
    if rng.random() < 0.5:
        picture, label = picture[:, ::-1], MIRRORED[label[:, ::-1]]
    matrix = _placement(label, side, rng)
    plain = _plain_colour(rng) if rng.random() < 0.3 else None
    # Half size: the network's own output has a quarter of the side, so nothing is gained by more.
    half = cv2.warpAffine(
        label,
        matrix @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]),  # pixel centres of the half-size grid
        (side // 2, side // 2),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderValue=IGNORE if plain is None else BACKGROUND,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(picture, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    out = _relit(out.astype(np.float32) / 255, rng)
    if plain is not None:  # avatars come cut out, on one colour
        alpha = cv2.warpAffine((label != BACKGROUND).astype(np.float32), matrix, (side, side), flags=flags)
        out = plain + alpha[..., None] * (out - plain)
    if rng.random() < 0.5:
        out = degraded(out, rng)
    return np.clip(out, 0, 1), half


def _placement(label: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return the 2x3 matrix from a px of the (side, side) output to a px of the source: scale, turn and shift."""
    source = len(label)
    zoom, middle, shift = np.exp(rng.uniform(-0.4, 0.3)), (source - 1) / 2, 0.09 * source
    centre = middle + rng.uniform(-shift, shift, 2)
    behind = np.argwhere(label[::8, ::8] == BACKGROUND)
    if rng.random() < 0.05 and len(behind):  # a close look at something that is no face
        zoom, centre = rng.uniform(2, 4), 8.0 * rng.permutation(behind)[0][::-1]
    stretch, angle = np.exp(rng.uniform(-0.09, 0.09)), np.deg2rad(np.clip(rng.normal(0, 11), -35, 35))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([stretch, 1 / stretch]) * source / side / zoom
    return np.column_stack([turn, centre - turn @ np.full(2, (side - 1) / 2)])


def _plain_colour(rng: np.random.Generator) -> np.ndarray:
    """Return a background colour: mostly white, else a grey, else anything."""
    kind = rng.random()
    colour = np.ones(3) if kind < 0.5 else np.full(3, rng.random()) if kind < 0.8 else rng.random(3)
    return colour.astype(np.float32)


def _relit(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change exposure, white balance, saturation, contrast and gamma."""
    gain = np.exp(rng.uniform(-0.3, 0.25)) * np.exp(rng.normal(0, 0.06, 3))
    out = np.clip(picture * gain.astype(np.float32), 1e-4, 1) ** np.float32(np.exp(rng.uniform(-0.3, 0.3)))
    grey = out.mean(axis=2, keepdims=True)
    out = grey + np.float32(rng.uniform(0.0 if rng.random() < 0.1 else 0.55, 1.35)) * (out - grey)
    return np.float32(0.5) + np.float32(rng.uniform(0.7, 1.2)) * (out - np.float32(0.5))


def degraded(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make it a bad picture, as splat renders are: out of focus, blocky, noisy, flat; each by chance.

    Cheaper and rougher than ``enhancer.degrade`` on purpose: the parser must see through more than that recipe.
    """
    side = len(picture)
    if rng.random() < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), side / 320 * rng.uniform(0.3, 3.5))
    if rng.random() < 0.3:
        small = round(side / rng.uniform(1.3, 3))
        picture = cv2.resize(cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), (side, side))
    if rng.random() < 0.4:
        picture = np.float32(rng.uniform(0.05, 0.25)) + np.float32(rng.uniform(0.5, 0.9)) * picture
    if rng.random() < 0.6:
        noise = rng.standard_normal(picture.shape, np.float32)
        picture = picture + np.float32(rng.uniform(1, 12) / 255) * noise
    return np.clip(picture, 0, 1)


def _nothing(side: int, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of nothing: clouds of colour, coarse to as fine as noise, and shapes, some as pale as skin."""
    out = np.tile(rng.random(3).astype(np.float32), (side, side, 1))
    for cells in rng.permutation([2, 5, 12, 40, side // 2, side])[: rng.integers(0, 5)]:
        cloud = rng.random((cells, cells, 3)).astype(np.float32) - np.float32(0.5)
        cloud = cv2.resize(cloud, (side, side), interpolation=cv2.INTER_CUBIC)
        out += np.float32(rng.uniform(0.1, 1)) * cloud
    for _ in range(rng.integers(0, 12)):
        skin = np.array([0.85, 0.62, 0.5]) * rng.uniform(0.4, 1.15)
        colour = (skin if rng.random() < 0.4 else rng.random(3)).tolist()
        centre, axes = rng.integers(0, side, 2).tolist(), rng.integers(2, side // 3, 2).tolist()
        if rng.random() < 0.5:
            cv2.ellipse(out, centre, axes, rng.uniform(0, 180), 0, 360, colour, cv2.FILLED, cv2.LINE_AA)
        else:
            corners = np.array(centre) + rng.integers(-side // 3, side // 3, (rng.integers(3, 7), 2))
            cv2.fillPoly(out, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    return np.clip(out, 0, 1)

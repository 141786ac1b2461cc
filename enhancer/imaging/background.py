"""Flat backgrounds, found by their border, and pictures of one view laid over the same background. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from enhancer.imaging.io import Colour, composite, split_alpha, to_bytes, with_alpha

SHARE = 0.25  # of the border that a flat background must fill
TOLERANCE = 2  # levels that it may stray, as JPEG lets it
# An area that no such square fits into is noise around a colour, and is to be restored.
SOLID = np.ones((5, 5), np.uint8)
FADE = 4  # pixels over which a restoration sets in beside it: one that began at once would show as a seam


@dataclass(frozen=True)
class FlatBackground:
    """The one colour behind a face.

    Attributes:
        colour: (3,) float32 in [0, 1].
        mask: (H, W) uint8, 1 for background: also between strands of hair, which the border cannot be reached from.
    """

    colour: np.ndarray
    mask: np.ndarray


def flat_background(rgb: np.ndarray) -> FlatBackground | None:
    """Find the flat background of a picture, by its border; None where there is none.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].
    """
    levels = to_bytes(rgb)
    colours, counts = np.unique(_border(levels), axis=0, return_counts=True)
    colour = colours[counts.argmax()].astype(np.float32)
    if counts.max() < SHARE * counts.sum():
        return None
    mask = cv2.inRange(levels, np.maximum(colour - TOLERANCE, 0), np.minimum(colour + TOLERANCE, 255)) // 255
    solid = cv2.morphologyEx(mask, cv2.MORPH_OPEN, SOLID)
    return None if _border(solid).mean() < SHARE else FlatBackground(colour / 255, mask)


def _border(picture: np.ndarray) -> np.ndarray:
    return np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])


def beside_flat(rgb: np.ndarray) -> np.ndarray | None:
    """Return how much of a restoration to take: 0 on a flat background, rising to 1 beside it.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].

    Returns:
        (H, W) float32 in [0, 1]; None where there is no flat background.
    """
    background = flat_background(rgb)
    if background is None:
        return None
    distance = cv2.distanceTransform(1 - background.mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.minimum(distance / FADE, 1.0).astype(np.float32)


def over_one_background(pictures: Sequence[np.ndarray], background: Colour) -> list[np.ndarray]:
    """Lay pictures of the same view over one background, so that they may be compared.

    Where some have alpha and some do not, alpha belongs to all of them: an opaque one has its flat background exchanged,
    or, where it has none, is cut out by the alpha of the first that has.

    Args:
        pictures: (H, W, 3) or (H, W, 4) float32 in [0, 1] each, of one size.
        background: Colour in [0, 1].

    Returns:
        (H, W, 3) float32 in [0, 1] each.
    """
    alphas = [alpha for _, alpha in map(split_alpha, pictures) if alpha is not None]
    return [
        composite(picture, background)
        if picture.shape[-1] == 4 or not alphas
        else _moved(picture, alphas[0], background)
        for picture in pictures
    ]


def _moved(rgb: np.ndarray, alpha: np.ndarray, background: Colour) -> np.ndarray:
    """Lay an opaque picture over another background, by the alpha of another picture of the same view."""
    own = flat_background(rgb)
    if own is None:
        return composite(with_alpha(rgb, alpha), background)
    # C = a F + (1 - a) B over another B, without asking for F: that would divide by a, which may be nearly 0
    behind = np.asarray(background, np.float32) - own.colour
    return np.clip(rgb + (1 - alpha[..., None]) * behind, 0, 1).astype(np.float32)

"""Which part of a picture is background: flat along its border, or told by the alpha of another picture. No torch."""

from collections.abc import Sequence

import cv2
import numpy as np

from enhancer.imaging.io import Colour, composite, split_alpha, to_bytes, with_alpha

SHARE = 0.25  # of the border that one colour must fill to be a flat background's; a photograph's blown-out sky may too
TOLERANCE = 2  # levels that a flat background may stray, as JPEG lets it
SOLID = np.ones((5, 5), np.uint8)  # what fits no such square is noise, or a gap between strands
FADE = (
    4  # pixels over which a restoration sets in beside a flat background: one that began at once would show as a seam
)


def flat_colour(rgb: np.ndarray) -> np.ndarray | None:
    """Return the colour of a flat background, (3,) float32 in [0, 1]; None for a picture whose border has no such colour.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].
    """
    edges = (rgb[0], rgb[-1], rgb[1:-1, 0], rgb[1:-1, -1])
    border = np.concatenate([to_bytes(edge) for edge in edges])
    colours, counts = np.unique(border, axis=0, return_counts=True)
    if counts.max() < SHARE * len(border):
        return None
    return colours[counts.argmax()].astype(np.float32) / 255


def flat_background(rgb: np.ndarray) -> np.ndarray | None:
    """Find the solid areas of the border's colour that touch the border.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].

    Returns:
        (H, W) uint8, 1 for background; None where there is no flat one.
    """
    colour = flat_colour(rgb)
    if colour is None:
        return None
    level = np.rint(255 * colour)
    near = cv2.inRange(to_bytes(rgb), np.maximum(level - TOLERANCE, 0), np.minimum(level + TOLERANCE, 255)) // 255
    solid = cv2.morphologyEx(near, cv2.MORPH_OPEN, SOLID)
    _, parts = cv2.connectedComponents(solid)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    found = np.isin(parts, outer[outer > 0]).astype(np.uint8)
    return (near & cv2.dilate(found, SOLID)) if found.any() else None


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
    distance = cv2.distanceTransform(1 - background, cv2.DIST_L2, cv2.DIST_MASK_5)
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
    colour = flat_colour(rgb)
    if colour is None:
        return composite(with_alpha(rgb, alpha), background)
    # C = a F + (1 - a) B over another B, without asking for F: that would divide by a, which may be nearly 0
    behind = np.asarray(background, np.float32) - colour
    return np.clip(rgb + (1 - alpha[..., None]) * behind, 0, 1).astype(np.float32)

"""Region map -> five soft masks, one per region."""

from collections.abc import Mapping

import cv2
import numpy as np

from enhancer.imaging.regions import REGIONS

Masks = Mapping[str, np.ndarray]  # region name -> (H, W) float32 in [0, 1]

REFERENCE_SIDE = 512  # every length in this project is given in pixels at this short side
FEATHER = 21  # Gaussian kernel, px at 512


def length_scale(shape: tuple[int, ...]) -> float:
    """Return how many pixels one pixel at 512 is, for an image of `shape` (H, W, ...)."""
    return min(shape[:2]) / REFERENCE_SIDE


def odd(length: float) -> int:
    """Return the odd kernel size nearest to `length` pixels, at least 1."""
    return 2 * round((length - 1) / 2) + 1 if length > 1 else 1


def soft_masks(regions: np.ndarray) -> dict[str, np.ndarray]:
    """Feather each region of a region map.

    Args:
        regions: (H, W) uint8, 0 for outside, k for ``REGIONS[k - 1]``.

    Returns:
        Region name -> (H, W) float32 in [0, 1]; where regions meet, masks overlap by the feather.
    """
    kernel = odd(FEATHER * length_scale(regions.shape))
    return {
        region.name: np.minimum(cv2.GaussianBlur((regions == k).astype(np.float32), (kernel, kernel), 0), 1)
        for k, region in enumerate(REGIONS, start=1)
    }


def overlay(rgb: np.ndarray, masks: Masks, opacity: float = 0.55) -> np.ndarray:
    """Tint each region of an (H, W, 3) float32 picture in [0, 1] with its colour, to show what the parser saw."""
    out = rgb
    for region in REGIONS:
        weight = (opacity * masks[region.name])[..., None]
        out = out + weight * (np.array(region.colour, np.float32) / 255 - out)
    return out.astype(np.float32)

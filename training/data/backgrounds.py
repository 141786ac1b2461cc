"""Plain backgrounds: a person cut out by alpha or label map, and the colour that is put behind. No torch."""

from collections.abc import Mapping

import cv2
import numpy as np

from enhancer.imaging.colour import colour_of
from enhancer.imaging.io import split_alpha, with_alpha

Colour = tuple[float, float, float]  # in [0, 1]
BACKGROUND = 0  # the id of what is not the person, in CelebAMask-HQ's order and in that of our heads
EDGE = 5  # px, width of the soft edge of a person cut out by label map


def cut_out(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the person alone, (H, W, 4): by the picture's own alpha, or else by the label map with a soft edge.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1].
        labels: (H, W) label ids, 0 for what is not the person.
    """
    rgb, alpha = split_alpha(image)
    if alpha is None:
        alpha = cv2.GaussianBlur((labels != BACKGROUND).astype(np.float32), (EDGE, EDGE), 0)
    return with_alpha(rgb, alpha)


def draw_colour(shares: Mapping[str, float], rng: np.random.Generator) -> Colour:
    """Draw the colour of a plain background.

    Args:
        shares: Kind of `training.config.PLAIN_COLOURS` -> its share; they add up to 1.
        rng: Where chance comes from.
    """
    kind = rng.choice(list(shares), p=list(shares.values()))
    if kind in ("white", "black"):
        return colour_of(kind)
    red, green, blue = [rng.uniform()] * 3 if kind == "grey" else rng.uniform(size=3).tolist()
    return red, green, blue
